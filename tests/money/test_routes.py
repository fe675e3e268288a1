"""Money over HTTP: requests that are none, and answers that stay the same (FIN-1)."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from tests.journeys.fleet import LIMITLESS, SEED, Fleet, Json, open_fleet

from chimera.values import KeyRole
from chimera.wiring import System

REQUEST = SEED["financial_authorization"]["transaction_request"]
PATH = "/v1/transactions/authorize"


@pytest.fixture
async def fleet(system: System) -> AsyncIterator[Fleet]:
    made = await open_fleet(system, None)
    yield made
    await made.client.aclose()


async def authorise(fleet: Fleet, status: int, key: str = "k", **change: Json) -> Json:
    return await fleet.post(PATH, {**REQUEST, **change}, status, headers={"Idempotency-Key": key})


@pytest.mark.parametrize(
    "change",
    [
        {"token_amount": "50"},
        {"token_amount": "USDC 50"},
        {"token_amount": "-50 USDC"},
        {"token_amount": "0 USDC"},
        {"token_amount": "5e1 USDC"},
        {"token_amount": "50 usdc"},
        {"token_amount": "50  USDC"},
        {"token_amount": "50 USDC "},
        {"token_amount": "50 USDC\n"},
        {"token_amount": "٥٠ USDC"},
        {"token_amount": "0.0000001 USDC"},
        {"token_amount": "50 DOGE"},
        {"token_amount": "1" * 21 + " USDC"},
        {"token_amount": 50},
        {"token_amount": None},
        {"destination_wallet": ""},
        {"destination_wallet": "with space"},
        {"destination_wallet": "0x\u0000"},
        {"purpose": ""},
        {"campaign_id": "not-an-id"},
        {"unknown": 1},
    ],
    ids=str,
)
async def test_a_request_that_is_none_is_refused_and_reserves_nothing(fleet: Fleet, change: Json) -> None:
    await authorise(fleet, 422, **change)
    assert await fleet.items("/v1/spends") == []


@pytest.mark.parametrize("key", ["", "with space", "x" * 201])
async def test_a_key_that_is_none_is_refused(fleet: Fleet, key: str) -> None:
    await authorise(fleet, 422, key)


async def test_a_request_without_a_key_is_refused_and_the_header_is_named(fleet: Fleet) -> None:
    problem = await fleet.post(PATH, REQUEST, 422)
    assert "header.Idempotency-Key" in problem["detail"]


async def test_a_refusal_stays_a_refusal_under_its_key(fleet: Fleet) -> None:
    first = await authorise(fleet, 403, token_amount="500 USDC")
    await fleet.loosen({**LIMITLESS, "limits": [{"span": "day", "amount": "900 USDC"}]})
    assert await authorise(fleet, 403, token_amount="500 USDC") == first
    await authorise(fleet, 200, "fresh", token_amount="500 USDC")


async def test_the_wrong_role_is_a_403_problem_and_no_policy_violation(fleet: Fleet) -> None:
    answer = await fleet.post(PATH, REQUEST, 403, KeyRole.REVIEWER, headers={"Idempotency-Key": "k"})
    assert answer["title"] == "Forbidden"
    assert "limit" not in answer


@pytest.mark.parametrize("change", [{"persona": "Nobody"}, {"campaign_id": "01a20383-7cf8-7128-991e-d3198938d4c8"}])
async def test_nobody_to_charge_is_a_404(fleet: Fleet, change: Json) -> None:
    await authorise(fleet, 404, **change)


async def test_the_strictest_limit_wins_and_is_named(fleet: Fleet) -> None:
    limits = [{"span": "transaction", "amount": "60 USDC"}, {"span": "day", "amount": "100 USDC"}]
    await fleet.put("/v1/policy", {**LIMITLESS, "limits": limits})
    answer = await authorise(fleet, 403, "a", token_amount="61 USDC")
    assert (answer["error"], answer["limit"]) == ("Transaction spend limit exceeded", "60 USDC")
    await authorise(fleet, 200, "b", token_amount="60 USDC")
    answer = await authorise(fleet, 403, "c", token_amount="41 USDC")
    assert (answer["error"], answer["limit"], answer["reserved"]) == (
        "Daily spend limit exceeded",
        "100 USDC",
        "60 USDC",
    )
    await authorise(fleet, 200, "d", token_amount="40 USDC")


async def test_tenths_add_up_exactly(fleet: Fleet) -> None:
    limits = [{"span": "day", "amount": "0.3 USDC"}]
    await fleet.put("/v1/policy", {**LIMITLESS, "limits": limits})
    for key in ("a", "b", "c"):
        await authorise(fleet, 200, key, token_amount="0.1 USDC")
    answer = await authorise(fleet, 403, "d", token_amount="0.000001 USDC")
    assert answer["reserved"] == "0.3 USDC"
    amounts = [Decimal(row["amount"]) for row in await fleet.items("/v1/transactions")]
    assert sum(amounts) == Decimal("0.3")


async def test_the_largest_amount_is_an_answer_and_not_an_error(fleet: Fleet) -> None:
    answer = await authorise(fleet, 403, token_amount="9" * 20 + ".999999 USDC")
    assert answer["requested"] == "9" * 20 + ".999999 USDC"


async def test_every_answer_is_in_the_audit_trail(fleet: Fleet) -> None:
    await authorise(fleet, 200)
    await authorise(fleet, 403, "big", token_amount="500 USDC")
    actions = [row["action"] for row in await fleet.items("/v1/audit") if row["actor"] == "cfo"]
    assert actions == ["spend.refused", "spend.authorised"]
