"""Wallets over HTTP: who may do what, what is no request, and what is said without a chain (FIN-6)."""

from collections.abc import AsyncIterator

import pytest
from tests.journeys.fleet import Fleet, Json, open_fleet

from chimera.values import KeyRole
from chimera.wiring import System

PATH = "/v1/wallets/TechInfluencer"
TOKEN = {"name": "Quiet Coin", "symbol": "QUIET", "supply": "1000", "decimals": 6}
RESOURCE = {"url": "https://api.example.com/report", "at_most": "0.05 USDC"}
CALLS = {"fund": {"amounts": ["5 USDC"]}, "sync": None, "tokens": TOKEN, "resources": RESOURCE}
KEY = {"Idempotency-Key": "k"}


@pytest.fixture
async def fleet(system: System) -> AsyncIterator[Fleet]:
    made = await open_fleet(system, None)
    yield made
    await made.client.aclose()


async def test_without_a_chain_everybody_is_told_how_to_get_one(fleet: Fleet) -> None:
    problems = [await fleet.get(PATH, 422)]
    problems += [await fleet.post(f"{PATH}/{call}", body, 422, headers=KEY) for call, body in CALLS.items()]
    assert {problem["detail"] for problem in problems} == {"no chain is configured"}
    assert {problem["remedy"] for problem in problems} == {"Leave CHIMERA_WALLETS on, or set CHIMERA_CHAIN_URL."}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("role", [role for role in KeyRole if role is not KeyRole.OPERATOR])
async def test_only_operators_move_anything(fleet: Fleet, call: str, role: KeyRole) -> None:
    await fleet.post(f"{PATH}/{call}", CALLS[call], 403, role, headers=KEY)


@pytest.mark.parametrize(
    ("call", "change"),
    [
        ("fund", {"amounts": []}),
        ("fund", {"amounts": ["5"]}),
        ("fund", {"amounts": ["-5 USDC"]}),
        ("fund", {"amounts": ["0 USDC"]}),
        ("fund", {"amounts": ["1 USDC"] * 6}),
        ("tokens", {"name": ""}),
        ("tokens", {"name": "x" * 65}),
        ("tokens", {"symbol": "quiet"}),
        ("tokens", {"symbol": "Q" * 17}),
        ("tokens", {"symbol": "QUIET\n"}),
        ("tokens", {"supply": "-1"}),
        ("tokens", {"supply": "1e9"}),
        ("tokens", {"supply": "٥"}),
        ("tokens", {"supply": 1000}),
        ("tokens", {"decimals": 19}),
        ("tokens", {"decimals": -1}),
        ("tokens", {"owner": "me"}),
        ("resources", {"url": "http://"}),
        ("resources", {"url": "https://" + "x" * 2_048}),
        ("resources", {"at_most": "5"}),
        ("resources", {"at_most": "0.0000001 USDC"}),
        ("resources", {"at_most": "1" * 65 + " USDC"}),
        ("resources", {"method": "POST"}),
    ],
    ids=str,
)
async def test_a_wish_that_is_none_is_refused_and_its_field_is_named(fleet: Fleet, call: str, change: Json) -> None:
    given = CALLS[call]
    assert given is not None
    problem = await fleet.post(f"{PATH}/{call}", {**given, **change}, 422, headers=KEY)
    assert next(iter(change)) in problem["detail"]


@pytest.mark.parametrize("call", ["tokens", "resources"])
async def test_what_costs_money_needs_a_key(fleet: Fleet, call: str) -> None:
    for headers in ({}, {"Idempotency-Key": "x" * 201}, {"Idempotency-Key": "with space"}):
        problem = await fleet.post(f"{PATH}/{call}", CALLS[call], 422, headers=headers)
        assert "Idempotency-Key" in problem["detail"]
