"""Ending what was authorised over HTTP, and what only operators decide: doubts, looser limits, flags (FIN-5)."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from tests.journeys.fleet import LIMITLESS, SEED, Fleet, Json, open_fleet

from chimera.values import KeyRole
from chimera.wiring import System

REQUEST = SEED["financial_authorization"]["transaction_request"]
OTHERS = [role for role in KeyRole if role is not KeyRole.OPERATOR]


@pytest.fixture
async def fleet(system: System) -> AsyncIterator[Fleet]:
    made = await open_fleet(system, None)
    yield made
    await made.client.aclose()


async def granted(fleet: Fleet, key: str = "k", **change: Json) -> str:
    headers = {"Idempotency-Key": key}
    body = {**REQUEST, **change}
    answer = await fleet.post("/v1/transactions/authorize", body, 200, KeyRole.AGENT, headers=headers)
    return str(answer["budget_verification_hash"])


async def second_operator(fleet: Fleet) -> None:
    """From here on the operator of these tests is another one than who has proposed so far."""
    made = await fleet.post("/v1/keys", {"name": "second", "role": "operator"}, 201)
    fleet.keys[KeyRole.OPERATOR] = made["key"]


async def test_an_agent_settles_what_it_was_granted_and_the_same_again_is_the_same(fleet: Fleet) -> None:
    path = f"/v1/authorizations/{await granted(fleet)}/settle"
    body = {"amount": "12.5 USDC", "reference": "invoice 7"}
    first = await fleet.post(path, body, 200, KeyRole.AGENT)
    assert (first["status"], first["authorized"], first["paid"]) == ("posted", "50 USDC", "12.5 USDC")
    assert await fleet.post(path, body, 200) == first
    problem = await fleet.post(path, {}, 409)
    assert "settled with 12.5 USDC" in problem["detail"]
    assert problem["remedy"]


async def test_an_agent_voids_what_it_does_not_need(fleet: Fleet) -> None:
    mark = await granted(fleet)
    answer = await fleet.post(f"/v1/authorizations/{mark}/void", None, 200, KeyRole.AGENT)
    assert (answer["status"], answer["paid"]) == ("voided", "0 USDC")
    problem = await fleet.post(f"/v1/authorizations/{mark}/settle", {}, 409)
    assert "voided" in problem["detail"]
    assert "fresh" in problem["remedy"]


@pytest.mark.parametrize("amount", ["50.1 USDC", "0 USDC", "1 EUR", "-1 USDC", "1", 1])
async def test_an_amount_that_cannot_be_is_refused_and_nothing_is_settled(fleet: Fleet, amount: Json) -> None:
    mark = await granted(fleet)
    await fleet.post(f"/v1/authorizations/{mark}/settle", {"amount": amount}, 422)
    assert [row["status"] for row in await fleet.items("/v1/spends")] == ["pending"]


async def test_an_authorisation_that_is_none_is_a_404_and_no_hash_a_422(fleet: Fleet) -> None:
    await fleet.post(f"/v1/authorizations/{'0' * 64}/void", None, 404)
    await fleet.post("/v1/authorizations/xyz/void", None, 422)


@pytest.mark.parametrize("role", [KeyRole.REVIEWER, KeyRole.DEVELOPER, KeyRole.AUDITOR])
async def test_who_may_not_spend_may_not_settle(fleet: Fleet, role: KeyRole) -> None:
    mark = await granted(fleet)
    await fleet.post(f"/v1/authorizations/{mark}/settle", {}, 403, role)
    await fleet.post(f"/v1/authorizations/{mark}/void", None, 403, role)


async def test_an_operator_closes_a_doubt_by_hand(fleet: Fleet) -> None:
    await granted(fleet)
    id = (await fleet.items("/v1/spends"))[0]["reservation_id"]
    await fleet.post(f"/v1/spends/{id}/void", None, 409)
    await fleet.system.treasury.mark_unknown(UUID(id), "nobody answered")
    assert [row["doubt"] for row in await fleet.items("/v1/spends?doubt=true")] == ["nobody answered"]
    for role in OTHERS:
        await fleet.post(f"/v1/spends/{id}/settle", {}, 403, role)
        await fleet.post(f"/v1/spends/{id}/void", None, 403, role)
    closed = await fleet.post(f"/v1/spends/{id}/settle", {"amount": "3 USDC", "reference": "bill"}, 200)
    assert closed["paid"] == "3 USDC"
    assert await fleet.items("/v1/spends?doubt=true") == []
    events = [row for row in await fleet.items("/v1/audit") if row["action"] == "spend.posted"]
    assert [row["actor"].startswith("operator:") for row in events] == [True]


async def test_a_looser_limit_takes_two_operators(fleet: Fleet) -> None:
    looser = {**LIMITLESS, "limits": [{"span": "day", "amount": "900 USDC"}]}
    change_id = (await fleet.put("/v1/policy", looser))["limits_waiting"][0]
    (change,) = await fleet.items("/v1/limit-changes")
    assert (change["change_id"], change["status"]) == (change_id, "waiting")
    path = f"/v1/limit-changes/{change_id}"
    await fleet.post(f"{path}/confirm", None, 403)
    for role in OTHERS:
        await fleet.post(f"{path}/confirm", None, 403, role)
        await fleet.post(f"{path}/withdraw", None, 403, role)
    await second_operator(fleet)
    await fleet.post(f"{path}/confirm", None, 204)
    await fleet.post(f"{path}/withdraw", None, 409)
    assert "900" in {row["limit_amount"] for row in await fleet.get("/v1/limits")}
    await fleet.post(f"/v1/limit-changes/{uuid4()}/confirm", None, 404)


async def test_a_change_is_withdrawn_by_whoever_proposed_it(fleet: Fleet) -> None:
    looser = {**LIMITLESS, "limits": [{"span": "day", "amount": "900 USDC"}]}
    change_id = (await fleet.put("/v1/policy", looser))["limits_waiting"][0]
    await fleet.post(f"/v1/limit-changes/{change_id}/withdraw", None, 204)
    assert [row["status"] for row in await fleet.items("/v1/limit-changes")] == ["withdrawn"]


async def test_a_suspicious_spend_passes_once_an_operator_says_so(fleet: Fleet) -> None:
    for number in range(8):
        await granted(fleet, f"small {number}".replace(" ", "-"), token_amount="1 USDC")
    big = {**REQUEST, "token_amount": "60 USDC"}
    refusal = await fleet.post("/v1/transactions/authorize", big, 403, headers={"Idempotency-Key": "big"})
    assert refusal["anomalies"]
    (flag,) = await fleet.items("/v1/flags")
    assert (flag["amount"], flag["status"], flag["reasons"]) == ("60", "open", refusal["anomalies"])
    path = f"/v1/flags/{flag['flag_id']}"
    for role in OTHERS:
        await fleet.post(f"{path}/accept", None, 403, role)
        await fleet.post(f"{path}/dismiss", None, 403, role)
    await fleet.post(f"{path}/accept", None, 204)
    await fleet.post(f"{path}/dismiss", None, 404)
    await granted(fleet, "again", token_amount="60 USDC")
    assert [row["status"] for row in await fleet.items("/v1/flags")] == ["used"]
