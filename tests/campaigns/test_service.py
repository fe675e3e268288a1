"""Campaigns: from a brief to a plan that runs, pauses and ends, and only in that order (ORC-9, UI-2)."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from chimera.campaigns.types.messages import NewPlan
from chimera.errors import Conflict, Superseded
from chimera.ids import new_id
from chimera.values import Stage
from chimera_protocol.errors import Invalid, NotFound

ME = "operator:me"


async def planned(house: Any, *nodes: Any, name: str = "Look up") -> Any:
    """A campaign whose plan waits for the operator."""
    campaign_id, plan_id = await house.planning(name, autostart=False)
    task = await house.claim(plan_id, stage=Stage.PLAN)
    plan = NewPlan(plan_id=new_id(), draft=house.draft(*nodes), author="planner")
    house.take_queued()
    await house.system.plans.store_plan(task, plan)
    assert house.queued == {}
    return campaign_id


async def state(house: Any, campaign_id: Any) -> tuple[str, int]:
    query = "SELECT status, state_version FROM campaign WHERE campaign_id = $1"
    return tuple(await house.raw.fetchrow(query, campaign_id))


async def test_a_campaign_starts_as_a_draft_with_its_budget(house: Any) -> None:
    campaign_id = await house.system.campaigns.create(house.tenant_id, house.brief(), ME)
    assert await state(house, campaign_id) == ("draft", 1)
    limit = await house.raw.fetchrow("SELECT span, limit_amount FROM budget WHERE scope_key = $1", str(campaign_id))
    assert tuple(limit) == ("total", 300)


async def test_a_name_is_taken_once(house: Any) -> None:
    create = house.system.campaigns.create
    answers = await asyncio.gather(
        *(create(house.tenant_id, house.brief(), ME) for _ in range(4)), return_exceptions=True
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict"] * 3 + ["UUID"]


async def test_a_campaign_for_an_unknown_persona_is_not_found(house: Any) -> None:
    with pytest.raises(NotFound, match="Nobody"):
        await house.system.campaigns.create(house.tenant_id, house.brief(persona="Nobody"), ME)


async def test_a_plan_waits_for_the_operator_unless_the_campaign_starts_by_itself(house: Any) -> None:
    campaign_id = await planned(house, house.node("a"), house.node("b", "a"))
    assert await state(house, campaign_id) == ("planned", 1)
    house.take_queued()
    await house.system.campaigns.start(house.tenant_id, campaign_id, ME)
    (task_id,) = house.take_queued()[Stage.WORK]
    assert (await state(house, campaign_id))[0] == "running"
    assert await house.value("SELECT node_key FROM task WHERE task_id = $1", task_id) == "a"
    assert await house.value("SELECT status FROM plan") == "running"


async def test_an_edited_plan_runs_in_the_place_of_the_first(house: Any) -> None:
    campaign_id = await planned(house, house.node("a"))
    edited = house.draft(house.node("x"), house.node("y", "x"))
    await house.system.campaigns.edit_plan(house.tenant_id, campaign_id, edited, ME)
    await house.system.campaigns.start(house.tenant_id, campaign_id, ME)
    keys = await house.raw.fetch("SELECT node_key FROM task WHERE node_key IS NOT NULL ORDER BY 1")
    assert [row["node_key"] for row in keys] == ["x", "y"]
    plans = await house.raw.fetch("SELECT status, author FROM plan ORDER BY plan_id")
    assert [tuple(row) for row in plans] == [("superseded", "planner"), ("running", ME)]


async def test_an_edited_plan_may_not_spend_more_than_the_brief_offers(house: Any) -> None:
    campaign_id = await planned(house)
    with pytest.raises(Invalid, match="does not offer"):
        edited = house.draft(house.node("pay", spend="51 USDC"))
        await house.system.campaigns.edit_plan(house.tenant_id, campaign_id, edited, ME)


async def test_an_edited_plan_that_goes_in_a_circle_is_refused_and_the_first_one_stays(house: Any) -> None:
    campaign_id = await planned(house)
    edited = house.draft(house.node("a", "b"), house.node("b", "a"))
    with pytest.raises(Invalid, match="circle"):
        await house.system.campaigns.edit_plan(house.tenant_id, campaign_id, edited, ME)
    house.take_queued()
    await house.system.campaigns.start(house.tenant_id, campaign_id, ME)
    assert [len(ids) for ids in house.queued.values()] == [1]


async def test_a_plan_can_be_asked_for_again_before_the_start(house: Any) -> None:
    campaign_id = await planned(house)
    plan_id = await house.system.campaigns.plan(house.tenant_id, campaign_id, ME)
    task = await house.claim(plan_id, stage=Stage.PLAN)
    draft = house.draft(house.node("better"))
    await house.system.plans.store_plan(task, NewPlan(plan_id=new_id(), draft=draft, author="planner"))
    await house.system.campaigns.start(house.tenant_id, campaign_id, ME)
    assert await house.value("SELECT count(*) FROM plan WHERE status = 'superseded'") == 1
    assert await house.value("SELECT node_key FROM task WHERE kind = 'create'") == "better"


@pytest.mark.parametrize(
    ("reached", "refused"),
    [
        ("draft", ["start", "pause", "edit_plan"]),
        ("planned", ["pause"]),
        ("running", ["plan", "start", "edit_plan"]),
        ("paused", ["plan", "pause", "edit_plan"]),
        ("cancelled", ["plan", "start", "pause", "cancel", "edit_plan"]),
    ],
)
async def test_what_does_not_fit_the_state_is_a_conflict(house: Any, reached: str, refused: list[str]) -> None:
    campaigns = house.system.campaigns
    campaign_id = await (planned(house) if reached == "planned" else _reach(house, reached))
    before = await house.value("SELECT count(*) FROM audit_event")
    for name in refused:
        edit = [house.draft()] if name == "edit_plan" else []
        with pytest.raises(Conflict):
            await getattr(campaigns, name)(house.tenant_id, campaign_id, *edit, ME)
    assert (await state(house, campaign_id))[0] == reached
    assert await house.value("SELECT count(*) FROM audit_event") == before


async def _reach(house: Any, status: str) -> Any:
    if status == "draft":
        return await house.system.campaigns.create(house.tenant_id, house.brief(), ME)
    made = await house.running()
    if status != "running":
        await getattr(house.system.campaigns, {"paused": "pause", "cancelled": "cancel"}[status])(
            house.tenant_id, made.campaign_id, ME
        )
    return made.campaign_id


async def test_a_pause_and_its_end_are_new_states(house: Any) -> None:
    made = await house.running()
    await house.system.campaigns.pause(house.tenant_id, made.campaign_id, ME)
    assert await state(house, made.campaign_id) == ("paused", 2)
    await house.system.campaigns.start(house.tenant_id, made.campaign_id, ME)
    assert await state(house, made.campaign_id) == ("running", 3)


async def test_a_campaign_that_was_paused_while_it_was_planned_can_still_be_planned(house: Any) -> None:
    campaign_id, plan_id = await house.planning()
    await house.system.campaigns.pause(house.tenant_id, campaign_id, ME)
    await house.system.campaigns.start(house.tenant_id, campaign_id, ME)
    task = await house.claim(plan_id, stage=Stage.PLAN)
    plan = NewPlan(plan_id=new_id(), draft=house.draft(), author="planner")
    house.take_queued()
    await house.system.plans.store_plan(task, plan)
    assert [(stage, len(ids)) for stage, ids in house.queued.items()] == [(Stage.WORK, 1)]


async def test_the_standing_campaign_is_neither_planned_nor_ended(house: Any) -> None:
    for name in ("plan", "pause", "cancel"):
        with pytest.raises(Conflict, match="standing campaign"):
            await getattr(house.system.campaigns, name)(house.tenant_id, house.nora.campaign_id, ME)


async def test_a_cancelled_campaign_ends_its_open_tasks_and_withdraws_what_is_not_out(house: Any) -> None:
    made = await house.running(
        house.node("open"), house.node("held"), house.node("approved"), house.node("out"), house.node("wait", "open")
    )
    await house.claim(made["held"])
    withdrawn = await house.approved(made["approved"])
    out = await house.begin(await house.approved(made["out"]))
    await house.system.campaigns.cancel(house.tenant_id, made.campaign_id, ME)
    states = [await house.status(made[key]) for key in ("open", "held", "wait", "approved")]
    assert states == ["cancelled", "cancelled", "cancelled", "completed"]
    assert await house.effect_status(withdrawn) == "failed"
    assert await house.begins(withdrawn) == []
    await house.system.effects.finish(out, house.receipt())
    assert await house.effect_status(out.effect_id) == "done"


async def test_a_cancelled_campaign_gives_the_money_of_withdrawn_effects_back(house: Any) -> None:
    made = await house.running(house.node("pay", spend="50 USDC"))
    await house.approve(await house.spend_piece(made["pay"]))
    await house.system.campaigns.cancel(house.tenant_id, made.campaign_id, ME)
    assert await house.value("SELECT status FROM reservation") == "voided"
    assert await house.value("SELECT max(reserved) FROM budget_counter") == 0


async def test_a_cancelled_campaign_gives_the_money_of_unfinished_spends_back(house: Any) -> None:
    made = await house.running(house.node("pay", spend="50 USDC"))
    piece = await house.spend_piece(made["pay"])
    await house.system.campaigns.cancel(house.tenant_id, made.campaign_id, ME)
    assert (await house.commit(piece)).status is None
    assert await house.value("SELECT status FROM reservation") == "voided"
    assert await house.value("SELECT max(reserved) FROM budget_counter") == 0


async def test_another_tenants_campaign_is_not_found(house: Any, other_tenant: Any) -> None:
    made = await house.running()
    for name in ("plan", "start", "pause", "cancel"):
        with pytest.raises(NotFound):
            await getattr(house.system.campaigns, name)(other_tenant[0], made.campaign_id, "operator:you")


async def test_a_plan_that_comes_after_the_cancellation_is_dropped(house: Any) -> None:
    campaign_id, plan_id = await house.planning()
    task = await house.claim(plan_id, stage=Stage.PLAN)
    await house.system.campaigns.cancel(house.tenant_id, campaign_id, ME)
    with pytest.raises(Superseded):
        await house.system.plans.store_plan(task, NewPlan(plan_id=new_id(), draft=house.draft(), author="planner"))
    assert await house.value("SELECT count(*) FROM plan") == 0


async def test_cancelling_while_a_plan_is_laid_out_never_ends_in_a_deadlock(house: Any) -> None:
    errors: list[object] = []
    for number in range(12):
        campaign_id, plan_id = await house.planning(f"campaign {number}")
        task = await house.claim(plan_id, stage=Stage.PLAN)
        plan = NewPlan(plan_id=new_id(), draft=house.draft(), author="planner")
        store = house.system.plans.store_plan(task, plan)
        cancel = house.system.campaigns.cancel(house.tenant_id, campaign_id, ME)
        errors += await asyncio.gather(store, cancel, return_exceptions=True)
    lost = [error for error in errors if isinstance(error, Exception) and not isinstance(error, (Superseded, Conflict))]
    assert lost == []


async def test_every_step_is_in_the_trail_with_its_actor(house: Any) -> None:
    campaign_id = await planned(house)
    await house.system.campaigns.start(house.tenant_id, campaign_id, ME)
    await house.system.campaigns.cancel(house.tenant_id, campaign_id, ME)
    rows = await house.raw.fetch(
        "SELECT action, actor, body FROM audit_event WHERE subject = $1 ORDER BY event_id", str(campaign_id)
    )
    steps = ["campaign.created", "campaign.planning", "campaign.started", "campaign.cancelled"]
    assert [(row["action"], row["actor"]) for row in rows] == [(step, ME) for step in steps]
    assert json.loads(rows[0]["body"]) == {"name": "Look up"}


async def test_a_campaign_that_starts_by_itself_is_stored_with_its_planning_task_or_not_at_all(house: Any) -> None:
    campaign_id = await house.system.campaigns.launch(house.tenant_id, house.brief(), "operator:me")
    (plan_id,) = house.take_queued()[Stage.PLAN]
    assert await house.value("SELECT status FROM campaign WHERE campaign_id = $1", campaign_id) == "planning"
    assert await house.status(plan_id) == "queued"
    await house.raw.execute("ALTER TABLE task ADD CONSTRAINT full_up CHECK (kind <> 'plan') NOT VALID")
    with pytest.raises(asyncpg.CheckViolationError):
        await house.system.campaigns.launch(house.tenant_id, house.brief("Another"), "operator:me")
    assert await house.value("SELECT count(*) FROM campaign WHERE name = 'Another'") == 0
