"""Tasks over HTTP: what is taken on, what is refused and why, and the lease of outside agents (ORC-4, ORC-13)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from tests.journeys.fleet import SEED, Fleet, Json, dispatch, open_fleet, result

from chimera.settings import Settings
from chimera.values import KeyRole
from chimera.wiring import System

AGENT = KeyRole.AGENT


@pytest.fixture
async def fleet(system: System) -> AsyncIterator[Fleet]:
    made = await open_fleet(system, None)
    yield made
    await made.client.aclose()


async def external(fleet: Fleet, name: str = "outside", role: KeyRole = AGENT) -> Json:
    """A task in an outside agent's hands."""
    await fleet.post("/v1/tasks", dispatch(name, worker="external"))
    return await fleet.post("/v1/tasks/claim", {}, 200, role)


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"context": {"persona": "Nobody"}}, 404, "no influencer has the persona 'Nobody'"),
        ({"context": {"soul_hash": "0" * 64}}, 409, "another version"),
        ({"context": {"campaign_id": "01a20383-7cf8-7128-991e-d3198938d4c8"}}, 404, "and the campaign"),
        ({"context": {"soul_hash": "short"}}, 422, "soul_hash"),
        ({"context": {"goal": ""}}, 422, "goal"),
        ({"context": {"goal": "x" * 20_001}}, 422, "goal"),
        ({"context": {"persona": "a\nb"}}, 422, "persona"),
        ({"execution_id": "no spaces"}, 422, "execution_id"),
        ({"execution_id": "x" * 129}, 422, "execution_id"),
        ({"execution_id": ""}, 422, "execution_id"),
        ({"constraints": {"max_word_count": 0}}, 422, "max_word_count"),
        ({"constraints": {"prohibited_keywords": [""]}}, 422, "prohibited_keywords"),
        ({"priority": "yesterday"}, 422, "priority"),
        ({"worker": "me"}, 422, "worker"),
        ({"surprise": 1}, 422, "surprise"),
    ],
)
async def test_a_task_that_cannot_be_is_refused_with_the_reason(
    fleet: Fleet, change: dict[str, Any], status: int, said: str
) -> None:
    problem = await fleet.post("/v1/tasks", dispatch(**{"execution_id": "odd", **change}), status)
    assert said in problem["detail"]
    assert problem["remedy"]
    assert await fleet.items("/v1/tasks") == []


@pytest.mark.parametrize(("server", "tool"), [("nowhere-mcp", "post_tweet"), ("twitter-mcp", "fly"), ("", "x")])
async def test_an_unknown_server_or_tool_is_refused(fleet: Fleet, server: str, tool: str) -> None:
    given = {**dispatch("odd"), "tool_call": {"target_mcp": server, "action": tool}}
    problem = await fleet.post("/v1/tasks", given, 404 if server else 422)
    if server:
        assert (problem["detail"], problem["remedy"]) == (
            f"the tool {server}/{tool} is not configured",
            "GET /v1/tools lists what is.",
        )


async def test_a_wrong_soul_hash_is_answered_with_the_right_one(fleet: Fleet) -> None:
    problem = await fleet.post("/v1/tasks", dispatch("odd", context={"soul_hash": "0" * 64}), 409)
    assert problem["soul_hash"] == fleet.soul_hash
    await fleet.post("/v1/tasks", dispatch("even", context={"soul_hash": problem["soul_hash"]}))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_numbers_that_no_json_has_are_refused(fleet: Fleet, value: str) -> None:
    body = '{"execution_id": "odd", "context": {"persona": "TechInfluencer", "goal": "g"}, "tool_call": '
    body += '{"target_mcp": "twitter-mcp", "action": "post_tweet", "parameters": {"x": ' + value + "}}}"
    response = await fleet.client.post("/v1/tasks", content=body.encode(), headers=headers(fleet))
    assert response.status_code in (400, 422), response.text


@pytest.mark.parametrize("depth", [100, 300, 900, 3_000])
async def test_parameters_that_are_nested_too_deep_are_refused_and_others_come_back_whole(
    fleet: Fleet, depth: int
) -> None:
    nested = '{"a":' * depth + "1" + "}" * depth
    body = '{"execution_id": "deep", "context": {"persona": "TechInfluencer", "goal": "g"}, "tool_call": '
    body += '{"target_mcp": "twitter-mcp", "action": "post_tweet", "parameters": ' + nested + "}}"
    response = await fleet.client.post("/v1/tasks", content=body.encode(), headers=headers(fleet))
    if response.status_code == 202:
        shown = await fleet.client.get("/v1/tasks/deep", headers=headers(fleet))
        assert nested in shown.text.replace(" ", "")
    else:
        assert response.status_code in (400, 422), response.text[:300]


def headers(fleet: Fleet, role: KeyRole = KeyRole.OPERATOR) -> dict[str, str]:
    return {"Authorization": f"Bearer {fleet.keys[role]}", "content-type": "application/json"}


async def test_one_task_sent_five_times_at_once_is_taken_on_once_and_every_sender_is_told_so(fleet: Fleet) -> None:
    async def send() -> tuple[int, str]:
        answer = await fleet.client.post("/v1/tasks", json=dispatch("same"), headers=headers(fleet))
        return answer.status_code, answer.json().get("task_id", answer.text)

    answers = await asyncio.gather(*(send() for _ in range(5)))
    assert sorted(status for status, _ in answers) == [200, 200, 200, 200, 202]
    assert len({task_id for _, task_id in answers}) == 1


async def test_a_full_queue_is_a_429_that_says_when_to_come_back(settings: Settings) -> None:
    system = System(settings.model_copy(update={"queue_bound": 2}))
    await system.open()
    fleet = await open_fleet(system, None)
    try:
        for number in range(2):
            await fleet.post("/v1/tasks", dispatch(f"task-{number}"))
        response = await fleet.call("POST", "/v1/tasks", 429, json=dispatch("one-too-many"))
        assert int(response.headers["retry-after"]) > 0
        assert response.json()["detail"] == "2 tasks are waiting, the bound is 2"
        await fleet.get("/v1/tasks/one-too-many", 404)
    finally:
        await fleet.client.aclose()
        await system.close()


async def test_a_task_is_found_by_either_of_its_ids_and_by_no_other(fleet: Fleet) -> None:
    accepted = await fleet.post("/v1/tasks", dispatch("mine"))
    assert await fleet.get("/v1/tasks/mine") == await fleet.get(f"/v1/tasks/{accepted['task_id']}")
    await fleet.get("/v1/tasks/other", 404)
    await fleet.get("/v1/tasks/a%20b", 422)
    await fleet.get("/v1/tasks/%00", 422)


async def test_tasks_are_listed_newest_first_page_by_page_and_by_state(fleet: Fleet) -> None:
    for number in range(5):
        await fleet.post("/v1/tasks", dispatch(f"t{number}"))
    first = await fleet.get("/v1/tasks?limit=2")
    assert [row["execution_id"] for row in first["items"]] == ["t4", "t3"]
    second = await fleet.get(f"/v1/tasks?limit=2&before={first['next']}")
    assert [row["execution_id"] for row in second["items"]] == ["t2", "t1"]
    last = await fleet.get(f"/v1/tasks?limit=2&before={second['next']}")
    assert ([row["execution_id"] for row in last["items"]], last["next"]) == (["t0"], None)
    await fleet.post("/v1/tasks/t3/cancel", status=204)
    assert [row["execution_id"] for row in await fleet.items("/v1/tasks?status=cancelled")] == ["t3"]
    for query in ("limit=0", "limit=501", "before=x", "status=lost"):
        await fleet.get(f"/v1/tasks?{query}", 422)


async def test_a_claim_hands_out_only_what_is_meant_for_outside_agents(fleet: Fleet) -> None:
    await fleet.post("/v1/tasks", dispatch("inside"))
    response = await fleet.call("POST", "/v1/tasks/claim", 204, AGENT, json={})
    assert response.content == b""
    assert (await external(fleet))["execution_id"] == "outside"
    assert await fleet.post("/v1/tasks/claim", {}, 204, AGENT) is None


async def test_two_agents_that_claim_at_once_get_two_tasks(fleet: Fleet) -> None:
    for number in range(2):
        await fleet.post("/v1/tasks", dispatch(f"t{number}", worker="external"))
    claims = await asyncio.gather(*(fleet.post("/v1/tasks/claim", {}, 200, AGENT) for _ in range(2)))
    assert {claim["execution_id"] for claim in claims} == {"t0", "t1"}


async def test_urgent_tasks_are_claimed_first_and_others_by_their_persona(fleet: Fleet) -> None:
    await fleet.post("/v1/tasks", dispatch("slow", worker="external", priority="low"))
    await fleet.post("/v1/tasks", dispatch("fast", worker="external", priority="high"))
    assert await fleet.post("/v1/tasks/claim", {"persona": "Nobody"}, 204, AGENT) is None
    assert (await fleet.post("/v1/tasks/claim", {}, 200, AGENT))["execution_id"] == "fast"


async def test_a_lease_is_renewed_by_its_holder_alone(fleet: Fleet) -> None:
    claimed = await external(fleet)
    wish = {"attempt": claimed["attempt"], "lease_seconds": 600}
    renewed = await fleet.post("/v1/tasks/outside/lease", wish, 200, AGENT)
    assert renewed["lease_until"] > claimed["lease_until"]
    await fleet.post("/v1/tasks/outside/lease", wish, 409, KeyRole.DEVELOPER)
    await fleet.post("/v1/tasks/outside/lease", {**wish, "attempt": 7}, 409, AGENT)


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        ({"execution_id": "another"}, 422, "names execution another"),
        ({"judge_evaluation": {"score": 1, "decision": "approve"}}, 422, "the Judge alone"),
        ({"self_assessment_score": 1.1}, 422, "self_assessment_score"),
        ({"self_assessment_score": -0.1}, 422, "self_assessment_score"),
        ({"artifact": None}, 422, "needs an artifact"),
        ({"artifact": {"type": "text", "content": ""}}, 422, "content"),
        ({"artifact": {"type": "text", "content": []}}, 422, "content"),
        ({"artifact": {"type": "thread", "content": ["x"] * 26}}, 422, "content"),
        ({"artifact": {"type": "video", "content": "x"}}, 422, "type"),
        ({"status": "in_progress"}, 422, "status"),
        ({"metadata": {"model_used": "x"}}, 422, "compute_duration_ms"),
        ({"metadata": {"compute_duration_ms": -1, "model_used": "x"}}, 422, "compute_duration_ms"),
        ({"reasoning_trace": ["x"] * 201}, 422, "reasoning_trace"),
    ],
)
async def test_a_result_that_cannot_be_is_refused_and_the_task_stays_in_hand(
    fleet: Fleet, given: Json, status: int, said: str
) -> None:
    await external(fleet)
    problem = await fleet.post("/v1/tasks/outside/result", {**result("outside"), **given}, status, AGENT)
    assert said in problem["detail"]
    assert (await fleet.get("/v1/tasks/outside"))["status"] == "in_progress"
    await fleet.post("/v1/tasks/outside/result", result("outside"), 202, AGENT)


async def test_a_result_for_a_task_in_somebody_elses_hands_is_a_conflict(fleet: Fleet) -> None:
    await external(fleet)
    problem = await fleet.post("/v1/tasks/outside/result", result("outside"), 409, KeyRole.DEVELOPER)
    assert "not running in your hands" in problem["detail"]


async def test_a_result_for_a_task_that_nobody_has_claimed_is_a_conflict(fleet: Fleet) -> None:
    await fleet.post("/v1/tasks", dispatch("outside", worker="external"))
    await fleet.post("/v1/tasks/outside/result", result("outside"), 409, AGENT)


async def test_a_result_for_a_task_of_the_swarm_is_a_conflict(fleet: Fleet) -> None:
    await fleet.post("/v1/tasks", dispatch("inside"))
    await fleet.post("/v1/tasks/inside/result", result("inside"), 409, AGENT)


async def test_a_second_result_is_a_conflict(fleet: Fleet) -> None:
    await external(fleet)
    await fleet.post("/v1/tasks/outside/result", result("outside"), 202, AGENT)
    await fleet.post("/v1/tasks/outside/result", result("outside"), 409, AGENT)


async def test_a_result_of_a_stale_attempt_is_a_conflict(fleet: Fleet, settings: Settings) -> None:
    claimed = await external(fleet)
    connection = await asyncpg.connect(settings.database_url)
    try:
        await connection.execute("UPDATE task SET attempt = attempt + 1 WHERE execution_id = 'outside'")
    finally:
        await connection.close()
    path = f"/v1/tasks/outside/result?attempt={claimed['attempt']}"
    problem = await fleet.post(path, result("outside"), 409, AGENT)
    assert problem["detail"] == "the task is at attempt 2 by now"
    for wrong in ("-1", "x", str(2**31)):
        await fleet.post(f"/v1/tasks/outside/result?attempt={wrong}", result("outside"), 422, AGENT)


async def test_a_result_for_an_unknown_task_is_a_404(fleet: Fleet) -> None:
    await fleet.post("/v1/tasks/nothing/result", result("nothing"), 404, AGENT)


async def test_a_cancelled_task_is_over(fleet: Fleet) -> None:
    await external(fleet)
    await fleet.post("/v1/tasks/outside/cancel", status=204)
    envelope = await fleet.get("/v1/tasks/outside")
    assert (envelope["status"], envelope["cause"]) == ("cancelled", "cancelled by operator:operator")
    await fleet.post("/v1/tasks/outside/cancel", status=409)
    await fleet.post("/v1/tasks/outside/replay", status=409)
    await fleet.post("/v1/tasks/outside/result", result("outside"), 409, AGENT)


async def test_the_seeds_task_in_another_languages_escapes_is_the_same_task(fleet: Fleet) -> None:
    """JSON may spell any character as an escape; what was meant counts, not the bytes."""
    first = await fleet.post("/v1/tasks", SEED["task_dispatch"])
    escaped = b'{"execution_id":"uuid-12345","context":{"persona":"\\u0054echInfluencer","directives_source":"SOUL.md",'
    escaped += b'"goal":"Generate trending content"},"tool_call":{"target_mcp":"twitter-mcp","action":"create_thread",'
    escaped += b'"parameters":{"length":"3 tweets","topic":"#AI"}},"constraints":{"max_word_count":280,'
    escaped += b'"prohibited_keywords":["politics","violence"]}}'
    response = await fleet.client.post("/v1/tasks", content=escaped, headers=headers(fleet))
    assert (response.status_code, response.json()) == (200, first)
