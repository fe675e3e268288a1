"""The published JSON Schemas are those of the code, and the seed's examples are valid under them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.journeys.fleet import EXAMPLES, ROOT, SEED, brief

TOOL = ROOT / "tools" / "export_contracts.py"
FOLDER = ROOT / "docs" / "contracts"
FINANCE = SEED["financial_authorization"]
NAMES = [
    "task_dispatch",
    "execution_result",
    "transaction_request",
    "cfo_judge_response",
    "policy_violation",
    "settlement",
    "closed_spend",
    "books",
    "burn_down",
    "envelope",
    "verdict",
    "plan",
    "brief",
    "soul",
    "policy",
    "problem",
]


def exported(folder: Path, seed: str) -> dict[str, str]:
    """The files as a process of its own writes them, under a hash seed of its own."""
    command = [sys.executable, str(TOOL), str(folder)]
    subprocess.run(command, check=True, env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT / "src")}, timeout=60)
    return {path.name: path.read_text("utf-8") for path in folder.iterdir()}


def test_the_published_schemas_are_current_and_written_alike_by_every_process(tmp_path: Path) -> None:
    fresh = exported(tmp_path / "one", "1")
    assert fresh == exported(tmp_path / "two", "2")
    published = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.json")}
    assert published == fresh, "run: python tools/export_contracts.py"
    assert sorted(fresh) == sorted(f"{name}.json" for name in NAMES)


def test_a_file_of_a_contract_that_is_gone_is_removed(tmp_path: Path) -> None:
    (tmp_path / "gone.json").write_text("{}", "utf-8")
    assert "gone.json" not in exported(tmp_path, "0")


@pytest.mark.parametrize("name", NAMES)
def test_a_published_schema_is_a_schema_with_a_name_of_its_own(name: str) -> None:
    schema = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:chimera:contract:{name}"
    assert schema["description"]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("task_dispatch", SEED["task_dispatch"]),
        ("execution_result", SEED["execution_result"]),
        ("transaction_request", FINANCE["transaction_request"]),
        ("cfo_judge_response", FINANCE["cfo_judge_response"]),
        ("policy_violation", FINANCE["policy_violation"]),
        ("brief", brief()),
    ],
)
def test_the_seeds_examples_are_valid_under_the_published_schemas(name: str, given: Any) -> None:
    schema = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    found = [error.message for error in Draft202012Validator(schema).iter_errors(given)]
    assert found == []


def test_an_example_with_an_unknown_field_is_not_valid() -> None:
    schema = json.loads((FOLDER / "task_dispatch.json").read_text("utf-8"))
    assert not Draft202012Validator(schema).is_valid({**SEED["task_dispatch"], "surprise": 1})
    assert (EXAMPLES / "fleet.yaml").exists()
