"""The wallet commands against the real API, where no chain is configured, and what they send where one is."""

import asyncio
import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from chimera.cli import rooms
from chimera.cli.main import app
from chimera.wiring import System


async def chimera(*words: str) -> Result:
    """One command, in a thread, as the server runs in this loop."""
    return await asyncio.to_thread(CliRunner().invoke, app(), ["wallet", *words], env={"COLUMNS": "200"})


@pytest.mark.parametrize(
    "words",
    [
        ("show", "Nora"),
        ("sync", "Nora"),
        ("fund", "Nora", "5 USDC"),
        ("token", "Nora", "Nora's Stars", "STAR", "1000"),
        ("buy", "Nora", "https://example.com/data", "0.10 USDC"),
    ],
)
async def test_without_a_chain_it_says_what_to_do(served: System, words: tuple[str, ...]) -> None:
    answer = await chimera(*words)

    assert answer.exit_code == 1
    assert "no chain is configured" in answer.output
    assert "CHIMERA_WALLETS" in answer.output


async def test_an_amount_that_is_none_is_refused_before_anything_happens(served: System) -> None:
    answer = await chimera("fund", "Nora", "plenty")

    assert answer.exit_code == 1
    assert "is not an amount" in answer.output


def test_a_purchase_names_its_key_and_what_it_may_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[Any, ...]] = []

    def noted(*given: Any) -> dict[str, str]:
        sent.append(given)
        return {"outcome": "delivered"}

    monkeypatch.setattr(rooms, "call", noted)
    words = ["wallet", "buy", "Nora/2", "https://example.com/data", "0.10 USDC", "--key", "once", "--json"]
    answer = CliRunner().invoke(app(), words)
    CliRunner().invoke(app(), words[:-3])
    CliRunner().invoke(app(), words[:-3])

    assert json.loads(answer.output) == {"outcome": "delivered"}
    method, path, body, headers = sent[0]
    assert (method, path) == ("POST", "/v1/wallets/Nora%2F2/resources")
    assert body == {"url": "https://example.com/data", "at_most": "0.10 USDC"}
    assert headers == {"Idempotency-Key": "once"}
    assert sent[1][3] != sent[2][3], "two purchases without a key are two purchases"
