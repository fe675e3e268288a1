"""The seed's three JSON examples are accepted and produced as they stand (ORC-4, FIN-1)."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from chimera.money.types.authorization import Authorization, CfoAnswer, PolicyViolation, TransactionRequest
from chimera.tasks.types.work import ExecutionResult, TaskDispatch
from chimera_protocol.wire import Wire

SEED = Path(__file__).with_name("seed.json")


@pytest.fixture
def contracts() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SEED.read_bytes())["orchestration_protocol"]["contracts"]
    return found


def dumped(value: Wire) -> Any:
    return json.loads(value.model_dump_json(exclude_unset=True))


def test_fixture_keeps_the_bytes_of_the_mis_decoded_emoji() -> None:
    assert b"future \xc3\xb0\xc5\xb8\xc5\xa1\xe2\x82\xac #AI" in SEED.read_bytes()


def test_task_dispatch_comes_out_as_it_went_in(contracts: dict[str, Any]) -> None:
    given = contracts["task_dispatch"]
    assert dumped(TaskDispatch.model_validate_json(json.dumps(given))) == given


def test_execution_result_comes_out_as_it_went_in(contracts: dict[str, Any]) -> None:
    given = contracts["execution_result"]
    result = ExecutionResult.model_validate_json(json.dumps(given))
    assert dumped(result) == given
    assert result.artifact is not None
    assert result.artifact.parts == [given["artifact"]["content"]]


def test_transaction_request_comes_out_as_it_went_in(contracts: dict[str, Any]) -> None:
    given = contracts["financial_authorization"]["transaction_request"]
    request = TransactionRequest.model_validate_json(json.dumps(given))
    assert dumped(request) == given
    assert str(request.money) == "50 USDC"


def test_authorization_comes_out_as_it_went_in(contracts: dict[str, Any]) -> None:
    given = contracts["financial_authorization"]["cfo_judge_response"]
    assert dumped(Authorization.model_validate_json(json.dumps(given))) == given


def test_policy_violation_comes_out_as_it_went_in(contracts: dict[str, Any]) -> None:
    given = contracts["financial_authorization"]["policy_violation"]
    assert dumped(PolicyViolation.model_validate_json(json.dumps(given))) == given


def test_figures_of_a_policy_violation_come_as_fields_besides() -> None:
    figures = {"requested": "500 USDC", "limit": "200 USDC", "spent": "0 USDC", "reserved": "0 USDC"}
    body = {"status": 403, "error": "Daily spend limit exceeded", "details": "…", "window": "day", **figures}
    assert dumped(PolicyViolation.model_validate(body)) == body


def test_an_answer_of_the_cfo_is_told_apart_by_its_status() -> None:
    answers: TypeAdapter[CfoAnswer] = TypeAdapter(CfoAnswer)
    body = {"budget_verification_hash": "0" * 64, "timestamp": "2026-02-05T14:05:00Z"}
    granted = Authorization.model_validate(body)
    assert answers.validate_json(granted.model_dump_json()) == granted
    assert granted.status == "authorized"
