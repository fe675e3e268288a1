"""The fleet over HTTP: health that is honest, halts that hold, keys, tools and the audit trail (OPS-3)."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from tests.journeys.fleet import Fleet, Json, dispatch, open_fleet

from chimera.errors import ToolFailed
from chimera.fleet.types.processes import ProcessHeartbeat
from chimera.ids import new_id
from chimera.redis.connection import connect
from chimera.redis.throttle import OPENS_AFTER
from chimera.values import KeyRole, Role
from chimera.wiring import System


@pytest.fixture
async def fleet(system: System) -> AsyncIterator[Fleet]:
    made = await open_fleet(system, None)
    yield made
    await made.client.aclose()


async def test_health_is_red_without_roles_and_names_each_of_them(fleet: Fleet) -> None:
    health = await fleet.get("/health", 503)
    assert health["healthy"] is False
    assert health["problems"] == [f"no living {name}" for name in ("planner", "worker", "judge", "publisher")]


async def test_metrics_are_prometheus_text(fleet: Fleet) -> None:
    response = await fleet.client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    assert "chimera_handled_total" in response.text


async def test_tools_are_listed_by_what_they_do(fleet: Fleet) -> None:
    listed = {row["server"]: row for row in await fleet.get("/v1/tools")}
    assert "post_tweet" in listed["twitter-mcp"]["acts"]
    assert "read_post" in listed["twitter-mcp"]["reads"]
    assert listed["news-mcp"]["acts"] == []


@pytest.mark.parametrize(
    ("order", "status"),
    [
        ({"scope": "influencer", "target": "TechInfluencer", "reason": "by name"}, 404),
        ({"scope": "influencer", "target": "01a20383-7cf8-7128-991e-d3198938d4c8", "reason": "unknown"}, 404),
        ({"scope": "campaign", "target": "01a20383-7cf8-7128-991e-d3198938d4c8", "reason": "unknown"}, 404),
        ({"scope": "tool", "target": "nowhere-mcp", "reason": "unknown"}, 404),
        ({"scope": "influencer", "reason": "no target"}, 404),
        ({"scope": "galaxy", "reason": "x"}, 422),
        ({"scope": "tenant", "reason": ""}, 422),
        ({"scope": "tenant"}, 422),
    ],
)
async def test_a_halt_of_something_that_is_not_there_is_refused(fleet: Fleet, order: Json, status: int) -> None:
    """Whoever pulls the emergency brake must not believe that it holds when it does not."""
    headers = {"Authorization": f"Bearer {fleet.keys[KeyRole.OPERATOR]}"}
    answer = await fleet.client.post("/v1/halt", json=order, headers=headers)
    assert answer.status_code in (status, 422), f"{answer.status_code} {answer.text}"
    assert await fleet.get("/v1/halts") == []


async def test_a_halt_is_in_force_once_and_until_it_is_lifted(fleet: Fleet) -> None:
    order = {"scope": "influencer", "target": fleet.agent_id, "reason": "a test"}
    await fleet.post("/v1/halt", order, 204, KeyRole.REVIEWER)
    await fleet.post("/v1/halt", order, 409)
    (halt,) = await fleet.get("/v1/halts")
    assert (halt["reason"], halt["actor"]) == ("a test", "reviewer:reviewer")
    (influencer,) = await fleet.items("/v1/influencers")
    assert influencer["state"] == "halted"
    await fleet.post("/v1/resume", {"scope": "influencer", "target": fleet.agent_id}, 204)
    assert await fleet.get("/v1/halts") == []
    await fleet.post("/v1/resume", {"scope": "influencer", "target": fleet.agent_id}, 404)
    actions = [row["action"] for row in await fleet.items("/v1/audit")]
    assert actions[:2] == ["fleet.resumed", "fleet.halted"]


async def test_an_outside_agent_gets_no_work_of_a_halted_influencer(fleet: Fleet) -> None:
    await fleet.post("/v1/tasks", dispatch("outside", worker="external"))
    await fleet.post("/v1/halt", {"scope": "tenant", "reason": "x"}, 204)
    assert await fleet.post("/v1/tasks/claim", {}, 204) is None
    await fleet.post("/v1/resume", {"scope": "tenant"}, 204)
    assert (await fleet.post("/v1/tasks/claim", {}, 200))["execution_id"] == "outside"


async def test_the_audit_trail_is_read_whole_or_of_one_subject(fleet: Fleet) -> None:
    accepted = await fleet.post("/v1/tasks", dispatch("mine"))
    await fleet.post("/v1/tasks/mine/cancel", status=204)
    events = await fleet.items(f"/v1/audit?subject={accepted['task_id']}")
    assert [row["action"] for row in events] == ["task.cancelled", "task.dispatched"]
    assert len(await fleet.items("/v1/audit")) > 2
    await fleet.get("/v1/audit?subject=%00", 422)


@pytest.mark.parametrize("wish", [{"name": "x", "role": "king"}, {"name": "", "role": "agent"}, {"role": "agent"}])
async def test_a_key_that_cannot_be_is_refused(fleet: Fleet, wish: Json) -> None:
    await fleet.post("/v1/keys", wish, 422)


async def test_a_key_made_over_http_is_never_a_platform_key(fleet: Fleet) -> None:
    await fleet.post("/v1/keys", {"name": "sly", "role": "operator", "platform": True}, 422)
    await fleet.post("/v1/keys", {"name": "plain", "role": "operator"}, 201)
    (view,) = [row for row in await fleet.get("/v1/keys") if row["name"] == "plain"]
    assert view["platform"] is False


async def test_the_fleet_at_a_glance_has_everything_on_one_page(fleet: Fleet) -> None:
    view = await fleet.get("/v1/fleet")
    assert [row["persona"] for row in view["influencers"]] == ["TechInfluencer"]
    assert [row["name"] for row in view["campaigns"]] == ["Direct tasks"]
    assert (view["approvals_waiting"], view["published"]) == (0, 0)
    assert view["health"]["healthy"] is False


async def test_a_living_process_says_so_without_a_key_whatever_its_fleet_does(fleet: Fleet) -> None:
    answer = await fleet.client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"alive": True})
    await fleet.system.swarm.close()
    assert (await fleet.client.get("/healthz")).status_code == 200


async def test_a_process_is_ready_while_it_reaches_postgresql_and_redis(fleet: Fleet) -> None:
    answer = await fleet.client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "missing": []})
    redis, fleet.system.redis = fleet.system.redis, connect("redis://127.0.0.1:1")
    told = await fleet.get("/readyz", 503)
    assert (told["ready"], len(told["missing"])) == (False, 1)
    assert "Redis cannot be reached" in told["missing"][0]
    await fleet.system.redis.aclose()
    fleet.system.redis = redis
    await fleet.system.swarm.close()
    (missing,) = (await fleet.get("/readyz", 503))["missing"]
    assert "PostgreSQL" in missing


@pytest.fixture
async def staffed(fleet: Fleet) -> Fleet:
    """A fleet in which somebody lives in every role, and has swept."""
    process = ProcessHeartbeat(process_id=new_id(), role=",".join(Role), host="here", pid=1)
    await fleet.system.fleet.mark(process)
    await fleet.system.fleet.swept(process.process_id)
    return fleet


async def test_health_is_green_without_a_key_when_all_is_well(staffed: Fleet) -> None:
    answer = await staffed.client.get("/health")
    assert (answer.status_code, answer.json()["healthy"], answer.json()["problems"]) == (200, True, [])
    assert answer.json()["roles"] == {role.value: 1 for role in Role}


async def test_health_goes_red_when_nobody_sweeps(staffed: Fleet, database_url: str) -> None:
    raw = await asyncpg.connect(database_url)
    await raw.execute("UPDATE process SET swept_at = now() - interval '16 seconds'")
    health = await staffed.get("/health", 503)
    assert len(health["problems"]) == 1
    assert health["problems"][0].startswith("nobody has swept for 16 s")
    await raw.execute("UPDATE process SET swept_at = now()")
    await staffed.get("/health")
    await raw.close()


async def test_health_goes_red_with_an_open_breaker_and_green_when_it_closes(staffed: Fleet) -> None:
    throttle = staffed.system.throttle
    for _ in range(OPENS_AFTER - 1):
        await throttle.report("twitter-mcp", "", ToolFailed("error_500", uncertain=False))
    await staffed.get("/health")
    await throttle.report("twitter-mcp", "", ToolFailed("error_500", uncertain=False))
    health = await staffed.get("/health", 503)
    assert health["problems"] == ["twitter-mcp has failed 5 times in a row"]
    assert health["breakers"] == [{"server": "twitter-mcp", "failures": 5}]
    await throttle.report("twitter-mcp", "", None)
    assert (await staffed.get("/health"))["breakers"] == []


@pytest.mark.parametrize("role", [*Role])
async def test_health_goes_red_when_one_role_has_nobody(staffed: Fleet, database_url: str, role: Role) -> None:
    raw = await asyncpg.connect(database_url)
    await raw.execute("UPDATE process SET role = $1", ",".join(other for other in Role if other is not role))
    assert (await staffed.get("/health", 503))["problems"] == [f"no living {role.value}"]
    await raw.execute("UPDATE process SET last_seen = now() - interval '1 hour'")
    assert len((await staffed.get("/health", 503))["problems"]) == len(Role)
    await raw.close()


async def test_health_goes_red_when_a_queue_does_not_drain(staffed: Fleet, database_url: str) -> None:
    await staffed.post("/v1/tasks", dispatch("old"))
    assert (await staffed.get("/health"))["backlog"][0]["waiting"] == 1
    raw = await asyncpg.connect(database_url)
    await raw.execute(
        "UPDATE task SET due_at = now() - interval '61 seconds', updated_at = now() - interval '61 seconds'"
    )
    (problem,) = (await staffed.get("/health", 503))["problems"]
    assert problem.startswith("the work queue does not drain: its oldest item is 61 s old")
    await raw.close()
