"""The fleet over HTTP: health that is honest, halts that hold, keys, tools and the audit trail (OPS-3)."""

from collections.abc import AsyncIterator

import pytest
from tests.journeys.fleet import Fleet, Json, dispatch, open_fleet

from chimera.contracts.values import KeyRole
from chimera.wiring import System


@pytest.fixture
async def fleet(system: System) -> AsyncIterator[Fleet]:
    made = await open_fleet(system, None)
    yield made
    await made.client.aclose()


async def test_health_is_red_without_roles_and_names_each_of_them(fleet: Fleet) -> None:
    health = await fleet.get("/healthz", 503)
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
