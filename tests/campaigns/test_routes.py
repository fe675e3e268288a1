"""Personas, the fleet policy, campaigns and plans over HTTP: what is taken, what is refused and why."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.journeys.fleet import LIMITLESS, SEED, WALLET, Fleet, Json, brief, open_fleet, soul

from chimera.campaigns.types.brief import Brief
from chimera.values import Stage
from chimera.wiring import System
from chimera.wiring.roles import serve

FRONT = "id: X\nname: X\naccount: x\nvoice_traits: [calm]\ndirectives: [Be kind.]"
REQUEST = SEED["financial_authorization"]["transaction_request"]


@pytest.fixture
async def fleet(system: System) -> AsyncIterator[Fleet]:
    made = await open_fleet(system, None)
    yield made
    await made.client.aclose()


def file(front: str, body: str = "# X") -> str:
    return f"---\n{front}\n---\n{body}\n"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("# Only a body", "no front matter"),
        ("---\nid: X\n", "never closed"),
        (file("id: [unclosed"), "not YAML"),
        (file("- a\n- list"), "not a mapping"),
        (file("id: X"), "voice_traits"),
        (file(FRONT.replace("account: x", "account: has space")), "account"),
        (file(FRONT.replace("[calm]", "[]")), "voice_traits"),
        (file(FRONT + "\nborn: 2020-13-45"), ""),
        (file(FRONT + "\nborn: 2020-01-02"), ""),
        (file(FRONT + "\nlucky: 9007199254740993"), ""),
        (file(FRONT + "\nlucky: .nan"), ""),
        (file(FRONT + "\nlucky: .inf"), ""),
        (file(FRONT + "\nlucky: " + "9" * 5_000), ""),
        (file(FRONT + "\ndeep: " + "[" * 5_000 + "]" * 5_000), ""),
        (file(FRONT + "\nself: &a [*a]"), ""),
        (file(FRONT + "\n? [a, b]\n: c"), ""),
        (file(FRONT + "\n1: one"), ""),
        (file(FRONT + "\nraw: !!binary aGVsbG8="), ""),
        (file(FRONT + "\nrun: !!python/object/apply:os.getcwd []"), "not YAML"),
    ],
    ids=lambda value: str(value)[-40:].replace("\n", " "),
)
async def test_a_soul_that_cannot_be_is_refused_with_the_reason_and_the_way_out(
    fleet: Fleet, source: str, said: str
) -> None:
    problem = await fleet.post("/v1/personas", {"source": source}, 422)
    assert said in problem["detail"]
    assert problem["remedy"]
    assert len(await fleet.get("/v1/personas")) == 1


async def test_a_yaml_bomb_is_refused_before_it_goes_off(fleet: Fleet) -> None:
    """Each line doubles the one before it nine times over: a kilobyte that would fill a terabyte."""
    bomb = "\n".join(f"b{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 9)}]" for n in range(1, 6))
    source = file(f"{FRONT}\nb0: &b0 [x, x, x, x, x, x, x, x, x]\n{bomb}")
    problem = await asyncio.wait_for(fleet.post("/v1/personas", {"source": source}, 422), 5)
    assert problem["detail"]


async def test_a_new_version_of_a_persona_leaves_the_old_one_readable(fleet: Fleet) -> None:
    new = await fleet.post("/v1/personas", {"source": soul("acme") + "\nOlder now.\n"}, 201)
    assert new["changed"]
    assert new["agent_id"] == fleet.agent_id
    versions = await fleet.get("/v1/personas")
    assert {row["soul_hash"]: row["current"] for row in versions} == {new["soul_hash"]: True, fleet.soul_hash: False}
    old = await fleet.get(f"/v1/personas/{fleet.soul_hash}")
    assert "Older now" not in old["source"]
    assert not (await fleet.post("/v1/personas", {"source": new_lines(soul("acme") + "\nOlder now.\n")}, 201))[
        "changed"
    ]


def new_lines(source: str) -> str:
    return source.replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"budget": []}, 422),
        ({"budget": None}, 422),
        ({"persona": "Nobody"}, 404),
        ({"strategy": []}, 422),
        ({"goal": ""}, 422),
        ({"budget": [{"span": "day", "amount": "lots"}]}, 422),
        ({"budget": [{"span": "week", "amount": "5 USDC"}]}, 422),
        ({"budget": [{"span": "day", "amount": "0 USDC"}]}, 422),
        ({"budget": [{"span": "day", "amount": "0.0000001 USDC"}]}, 422),
        ({"budget": [{"span": "day", "amount": "5 DOGE"}]}, 422),
        ({"budget": [{"span": "day", "amount": 5}]}, 422),
        ({"deliverables": [{"topics": []}]}, 422),
        ({"deliverables": [{"topics": ["x"], "count": 51}]}, 422),
        ({"promotions": [{"token_amount": "x", "purpose": "p", "wallet": "w"}]}, 422),
        ({"surprise": True}, 422),
    ],
)
async def test_a_campaign_that_cannot_be_is_refused(fleet: Fleet, change: Json, status: int) -> None:
    given = {name: value for name, value in brief(**change).items() if value is not None}
    await fleet.post("/v1/campaigns", given, status)
    assert [row["name"] for row in await fleet.items("/v1/campaigns")] == ["Direct tasks"]


async def test_a_name_is_taken_once(fleet: Fleet) -> None:
    await fleet.post("/v1/campaigns", brief(), 201)
    await fleet.post("/v1/campaigns", brief(goal="Another"), 409)


async def test_a_draft_can_neither_be_started_nor_paused_nor_edited(fleet: Fleet) -> None:
    campaign_id = (await fleet.post("/v1/campaigns", brief(), 201))["campaign_id"]
    await fleet.post(f"/v1/campaigns/{campaign_id}/start", status=409)
    await fleet.post(f"/v1/campaigns/{campaign_id}/pause", status=409)
    await fleet.put(f"/v1/campaigns/{campaign_id}/plan", plan(node("a")), 409)
    await fleet.get(f"/v1/campaigns/{campaign_id}/plan", 404)


async def test_the_standing_campaign_is_neither_planned_nor_ended(fleet: Fleet) -> None:
    (standing,) = await fleet.items("/v1/campaigns")
    for verb in ("plan", "pause", "cancel"):
        await fleet.post(f"/v1/campaigns/{standing['campaign_id']}/{verb}", status=409)


def node(key: str, *depends_on: str, **changes: Any) -> Json:
    call = {"target_mcp": "twitter-mcp", "action": "post_tweet", "parameters": {"topic": "AI"}}
    return {"key": key, "goal": f"do {key}", "tool_call": call, "depends_on": list(depends_on), **changes}


def plan(*nodes: Json) -> Json:
    return {"rationale": "because", "nodes": list(nodes)}


async def planned(fleet: Fleet, **changes: Any) -> str:
    """A campaign whose plan waits for its start, made without a Planner at work."""
    campaign_id: str = (await fleet.post("/v1/campaigns", brief(**changes), 201))["campaign_id"]
    await fleet.post(f"/v1/campaigns/{campaign_id}/plan")
    stopping = asyncio.Event()
    serving = asyncio.create_task(serve(fleet.system, ["planner"], stopping))  # type: ignore[list-item]
    async with asyncio.timeout(15):
        while (await fleet.get(f"/v1/campaigns/{campaign_id}"))["status"] != "planned":
            assert not serving.done(), await serving
    stopping.set()
    await serving
    return campaign_id


def spend(**parameters: Any) -> Json:
    given = {"token_amount": "50 USDC", "wallet": WALLET, "purpose": "p", **parameters}
    return {"target_mcp": "twitter-mcp", "action": "promote_tweet", "parameters": given}


WRONG_PLANS: list[tuple[Json, str]] = [
    (plan(node("a", "b"), node("b", "a")), "circle"),
    (plan(node("a", "a")), "circle"),
    (plan(node("a"), node("a")), "twice"),
    (plan(node("a", "z")), "do not exist"),
    (plan(node("a", tool_call={"target_mcp": "nowhere-mcp", "action": "x"})), "unknown tool nowhere-mcp/x"),
    (plan(node("a", kind="spend", tool_call=spend(token_amount="51 USDC"))), "does not offer"),
    (plan(node("a", kind="spend", tool_call=spend(wallet="0xEVIL"))), ""),
    (plan(node("a", kind="spend", tool_call=spend(token_amount=50))), ""),
    (plan(node("a", kind="create", tool_call=spend())), ""),
    (plan(), "nodes"),
    (plan(*(node(f"n{number}") for number in range(101))), "nodes"),
    (plan(node("Not A Key")), "key"),
]


async def test_an_edited_plan_must_hang_together_and_ask_for_known_tools_and_offered_money(fleet: Fleet) -> None:
    offer = {"token_amount": "50 USDC", "purpose": "p", "wallet": WALLET}
    campaign_id = await planned(fleet, promotions=[offer])
    path = f"/v1/campaigns/{campaign_id}/plan"
    headers = {"Authorization": f"Bearer {next(iter(fleet.keys.values()))}"}
    passed = []
    for wrong, said in WRONG_PLANS:
        answer = await fleet.client.put(path, json=wrong, headers=headers)
        if answer.status_code != 422 or said not in answer.json()["detail"]:
            passed.append(f"{answer.status_code} {answer.text[:100]} for {wrong['nodes'][0]}")
    assert passed == []


async def test_a_plan_is_asked_for_again_and_the_new_one_takes_its_place(fleet: Fleet) -> None:
    campaign_id = await planned(fleet)
    await fleet.post(f"/v1/campaigns/{campaign_id}/plan")
    assert (await fleet.get(f"/v1/campaigns/{campaign_id}"))["status"] == "planning"


async def test_a_policy_below_what_is_used_already_is_refused_and_the_old_one_stays(fleet: Fleet) -> None:
    await fleet.post("/v1/transactions/authorize", REQUEST, 200, headers={"Idempotency-Key": "1"})
    lower = {**LIMITLESS, "limits": [{"span": "day", "amount": "20 USDC"}]}
    headers = {"Authorization": f"Bearer {next(iter(fleet.keys.values()))}"}
    answer = await fleet.client.put("/v1/policy", json=lower, headers=headers)
    assert answer.status_code in (409, 422), answer.text
    assert await fleet.get("/v1/policy") == {**await fleet.get("/v1/policy"), "limits": LIMITLESS["limits"]}


async def test_a_limit_that_a_new_policy_leaves_out_is_no_longer_in_force(fleet: Fleet) -> None:
    await fleet.loosen({**LIMITLESS, "limits": [{"span": "month", "amount": "900 USDC"}]})
    assert [(row["span"], row["limit_amount"]) for row in await fleet.tenant_limits()] == [("month", "900")]


async def test_a_limit_that_a_new_policy_leaves_out_binds_until_a_second_operator_agrees(fleet: Fleet) -> None:
    answer = await fleet.put("/v1/policy", {**LIMITLESS, "limits": [{"span": "month", "amount": "900 USDC"}]})
    assert len(answer["limits_waiting"]) == 1
    found = {row["span"]: row["limit_amount"] for row in await fleet.tenant_limits()}
    assert found == {"day": "200", "month": "900"}


@pytest.mark.parametrize(
    "policy",
    [
        {"bounds": {"approve": 0.5, "review": 0.9}},
        {"bounds": {"approve": 1.5}},
        {"max_revisions": 11},
        {"limits": [{"span": "day", "amount": "x"}]},
        {"forbidden_keywords": [""]},
        {"unknown": 1},
    ],
)
async def test_a_policy_that_cannot_be_is_refused_and_the_old_one_stays(fleet: Fleet, policy: Json) -> None:
    before = await fleet.get("/v1/policy")
    await fleet.put("/v1/policy", policy, 422)
    assert await fleet.get("/v1/policy") == before


async def test_the_same_policy_again_changes_no_campaigns_state(fleet: Fleet) -> None:
    (before,) = await fleet.items("/v1/campaigns")
    first = await fleet.put("/v1/policy", LIMITLESS)
    (after,) = await fleet.items("/v1/campaigns")
    assert before["state_version"] == after["state_version"]
    second = await fleet.put("/v1/policy", {**LIMITLESS, "boundaries": ["Be kind."]})
    assert first != second
    assert (await fleet.items("/v1/campaigns"))[0]["state_version"] == before["state_version"] + 1


async def test_autostart_plans_at_once(fleet: Fleet) -> None:
    campaign_id = (await fleet.post("/v1/campaigns", brief(autostart=True), 201))["campaign_id"]
    assert (await fleet.get(f"/v1/campaigns/{campaign_id}"))["status"] == "planning"
    assert await fleet.system.queue.depth(Stage.PLAN) == 1
    assert Brief.model_validate(brief(autostart=True)).autostart
