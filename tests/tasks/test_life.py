"""The life of tasks: each step is taken once, by whoever holds the newest attempt (ORC-8, ORC-12)."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from chimera.campaigns.types.messages import NewPlan
from chimera.errors import Superseded
from chimera.ids import new_id
from chimera.personas.types.policy import Policy
from chimera.review.rules.similarity import minhash, similarity
from chimera.tasks.types.messages import NewTask
from chimera.values import Decision, HaltScope, Stage, TaskKind, TaskStatus
from chimera_protocol.errors import NotFound


async def test_a_plan_starts_what_depends_on_nothing(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b", "a"), house.node("c", "a", "b"))
    assert [await house.status(made[key]) for key in "abc"] == ["queued", "pending", "pending"]
    waits_for = await house.value("SELECT depends_on FROM task WHERE task_id = $1", made["c"])
    assert waits_for == [made["a"], made["b"]]


async def test_a_task_goes_from_the_queue_through_work_and_review_to_its_end(house: Any) -> None:
    made = await house.running()
    task = await house.claim(made["a"])
    assert (task.attempt, task.tries, task.kind, await house.status(made["a"])) == (
        1,
        1,
        TaskKind.CREATE,
        "in_progress",
    )
    submitted = await house.submit(task)
    assert (submitted.status, list(house.queued)) == (TaskStatus.IN_REVIEW, [Stage.JUDGE])
    (piece,) = await house.pieces(made["a"])
    assert (piece.result, piece.task.attempt) == (house.result(task), 2)
    done = await house.commit(piece)
    assert (done.status, list(house.queued)) == (TaskStatus.COMPLETED, [Stage.PUBLISH])
    assert await house.status(made["a"]) == "completed"


async def test_a_task_is_claimed_once(house: Any) -> None:
    made = await house.running()
    found = await asyncio.gather(*(house.claims(made["a"]) for _ in range(8)))
    assert sum(len(tasks) for tasks in found) == 1
    assert await house.claims(made["a"]) == []


async def test_a_redelivered_ticket_takes_over_from_its_last_holder(house: Any) -> None:
    made = await house.running()
    first = await house.claim(made["a"])
    second = await house.claim(made["a"], redelivered=True)
    assert (first.attempt, second.attempt) == (1, 2)


async def test_a_planner_cannot_claim_a_workers_task(house: Any) -> None:
    made = await house.running()
    assert await house.claims(made["a"], stage=Stage.PLAN) == []


async def test_a_task_that_is_not_due_yet_is_not_claimed(house: Any) -> None:
    made = await house.running()
    task = await house.claim(made["a"])
    await house.system.work.postpone(task, "model is away", datetime.now(UTC) + timedelta(minutes=1))
    assert await house.status(made["a"]) == "queued"
    assert await house.claims(made["a"]) == []
    await house.raw.execute("UPDATE task SET due_at = now()")
    assert (await house.claim(made["a"])).tries == 2


async def test_tries_start_afresh_once_a_step_is_done(house: Any) -> None:
    made = await house.running()
    await house.claim(made["a"])
    await house.submit(await house.claim(made["a"], redelivered=True))
    (piece,) = await house.pieces(made["a"])
    assert (piece.task.attempt, piece.task.tries) == (3, 1)


async def test_a_zombie_finds_nothing_to_do(house: Any) -> None:
    made = await house.running()
    zombie = await house.claim(made["a"])
    live = await house.claim(made["a"], redelivered=True)
    assert (await house.submit(zombie, "old")).status is None
    with pytest.raises(Superseded):
        await house.system.work.postpone(zombie, "late", datetime.now(UTC))
    with pytest.raises(Superseded):
        await house.system.work.dead_letter(zombie, TaskStatus.FAILED, "late")
    assert (await house.submit(live, "new")).status is TaskStatus.IN_REVIEW
    stored = await house.value("SELECT result FROM execution WHERE task_id = $1", made["a"])
    assert json.loads(stored)["artifact"]["content"] == "new"


async def test_a_judge_that_comes_back_late_commits_nothing(house: Any) -> None:
    made = await house.running()
    late = await house.piece(made["a"])
    (live,) = await house.pieces(made["a"], redelivered=True)
    assert (await house.commit(late)).status is None
    assert await house.value("SELECT count(*) FROM asset") == 0
    assert (await house.commit(live)).status is TaskStatus.COMPLETED


async def test_a_zombies_result_is_fenced_within_one_group(house: Any) -> None:
    made = await house.running()
    zombie = await house.claim(made["a"])
    live = await house.claim(made["a"], redelivered=True)
    old, new = await asyncio.gather(house.submit(zombie, "old"), house.submit(live, "new"))
    assert (old.status, new.status) == (None, TaskStatus.IN_REVIEW)
    assert await house.value("SELECT count(*) FROM execution WHERE task_id = $1", made["a"]) == 1


async def test_a_zombies_verdict_is_fenced_within_one_group(house: Any) -> None:
    made = await house.running()
    zombie = await house.piece(made["a"])
    (live,) = await house.pieces(made["a"], redelivered=True)
    old, new = await asyncio.gather(house.commit(zombie, Decision.REJECT), house.commit(live, Decision.REJECT))
    assert (old.status, new.status) == (None, TaskStatus.REJECTED)
    assert await house.value("SELECT count(*) FROM verdict WHERE task_id = $1", made["a"]) == 1
    assert await house.value("SELECT count(*) FROM task WHERE parent_id = $1", made["a"]) == 1


async def test_a_result_that_the_database_refuses_does_not_take_its_neighbours_down(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b"), house.node("c"))
    tasks = [await house.claim(made[key]) for key in "abc"]
    bad = house.result(tasks[1]).model_copy(update={"reasoning_trace": ["a\x00b"]})
    answers = await asyncio.gather(
        house.submit(tasks[0]),
        house.system.work.submit(tasks[1], bad, "worker"),
        house.submit(tasks[2]),
        return_exceptions=True,
    )
    assert [isinstance(answer, Exception) for answer in answers] == [False, True, False]
    assert [await house.status(made[key]) for key in "abc"] == ["in_review", "in_progress", "in_review"]


async def test_a_crowd_of_results_is_written_in_few_transactions(house: Any) -> None:
    keys = [f"n{number}" for number in range(60)]
    made = await house.running(*(house.node(key) for key in keys))
    tasks = await house.claims(*made.tasks.values())
    before = await house.value("SELECT pg_current_xact_id()::text::bigint")
    answers = await asyncio.gather(*(house.submit(task) for task in tasks))
    after = await house.value("SELECT pg_current_xact_id()::text::bigint")
    assert {answer.status for answer in answers} == {TaskStatus.IN_REVIEW}
    assert after - before <= 10


async def test_a_buried_task_ends_with_its_cause_and_gives_its_money_back(house: Any) -> None:
    made = await house.running(house.node("pay", spend="50 USDC"))
    piece = await house.spend_piece(made["pay"])
    await house.system.work.dead_letter(piece.task, TaskStatus.DEAD_LETTER, "the judge cannot read it")
    row = await house.raw.fetchrow("SELECT status, cause, claimed_by FROM task WHERE task_id = $1", made["pay"])
    assert tuple(row) == ("dead_letter", "the judge cannot read it", None)
    assert await house.value("SELECT status FROM reservation") == "voided"
    assert await house.value("SELECT max(reserved) FROM budget_counter") == 0
    assert await house.value("SELECT count(*) FROM audit_event WHERE action = 'task.dead_letter'") == 1


async def test_a_campaign_is_finished_with_its_last_task(house: Any) -> None:
    made = await house.running()
    await house.system.work.dead_letter(await house.claim(made["a"]), TaskStatus.FAILED, "no")
    query = "SELECT status FROM campaign WHERE campaign_id = $1"
    assert await house.value(query, made.campaign_id) == "finished"
    assert await house.value(query, house.nora.campaign_id) == "running"


@pytest.mark.parametrize("scope", ["influencer", "campaign", "tenant", "fleet"])
async def test_halted_work_is_neither_claimed_nor_judged_nor_swept(house: Any, scope: str) -> None:
    made = await house.running(house.node("a"), house.node("b"))
    await house.submit(await house.claim(made["b"]))
    targets = {"influencer": house.nora.agent_id, "campaign": made.campaign_id, "tenant": house.tenant_id}
    halt = (house.tenant_id, HaltScope(scope), str(targets.get(scope, "fleet")))
    await house.system.fleet.halt(*halt, "storm", "operator:me")
    assert await house.claims(made["a"]) == []
    assert await house.pieces(made["b"]) == []
    assert not any((await house.swept()).values())
    await house.system.fleet.resume(*halt, "operator:me")
    assert len(await house.claims(made["a"])) == len(await house.pieces(made["b"])) == 1


async def test_a_halt_of_another_influencer_changes_nothing(house: Any) -> None:
    made = await house.running()
    source = "---\nid: Ada\nname: Ada\naccount: ada\nvoice_traits: [plain]\ndirectives: [Count.]\n---\nAda counts."
    other = await house.system.accounts.import_persona(house.tenant_id, source, "operator:me")
    await house.system.fleet.halt(house.tenant_id, HaltScope.INFLUENCER, str(other.agent_id), "storm", "operator:me")
    assert len(await house.claims(made["a"])) == 1


async def test_tasks_of_a_paused_campaign_are_not_claimed_until_it_goes_on(house: Any) -> None:
    made = await house.running()
    await house.system.campaigns.pause(house.tenant_id, made.campaign_id, "operator:me")
    assert await house.claims(made["a"]) == []
    assert not any((await house.swept()).values())
    await house.system.campaigns.start(house.tenant_id, made.campaign_id, "operator:me")
    assert made["a"] in (await house.swept())[Stage.WORK]
    assert (await house.claim(made["a"])).state_version == 3


async def test_a_task_sees_the_persona_policy_and_brief_that_it_names(house: Any) -> None:
    made = await house.running()
    task = await house.claim(made["a"])
    setting = await house.system.plans.context(task)
    assert (setting.persona.soul_hash, setting.brief.name) == (task.soul_hash, "Look up")
    await house.system.accounts.set_policy(house.tenant_id, Policy(max_revisions=7), "operator:me")
    assert await house.system.plans.context(task) == setting
    later = await house.claim(made["a"], redelivered=True)
    assert (await house.system.plans.context(later)).policy.max_revisions == 7
    with pytest.raises(NotFound):
        await house.system.plans.context(task.model_copy(update={"soul_hash": "0" * 64}))


async def test_earlier_texts_are_the_influencers_own_and_newest_first(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b"), house.node("c"))
    await house.approved(made["a"], "first")
    await house.approved(made["b"], "second")
    task = await house.claim(made["c"])
    assert await house.system.judging.earlier(task, 5) == ["second", "first"]
    assert await house.system.judging.earlier(task, 1) == ["second"]


async def test_a_revision_takes_the_place_of_what_was_rejected(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b", "a"))
    await house.commit(await house.piece(made["a"]), Decision.REJECT)
    revising = await house.claim(house.queued[Stage.PLAN][0], stage=Stage.PLAN)
    about = await house.system.plans.revision_request(revising)
    assert (about.task.task_id, about.node_key, about.verdict.reasons) == (made["a"], "a", ["r"])
    assert about.result.artifact.parts == ["Look up tonight."]
    new = NewTask(
        task_id=new_id(),
        parent_id=revising.task_id,
        node_key="a",
        kind=TaskKind.CREATE,
        dispatch=about.task.dispatch.model_copy(update={"execution_id": "again"}),
        depends_on=[],
        revision=1,
    )
    house.take_queued()
    await house.system.plans.replace_task(revising, about.task, new)
    assert house.queued == {Stage.WORK: [new.task_id]}
    assert await house.value("SELECT depends_on FROM task WHERE task_id = $1", made["b"]) == [new.task_id]
    assert await house.status(revising.task_id) == "completed"
    with pytest.raises(Superseded):
        await house.system.plans.replace_task(revising, about.task, new)


async def test_a_plan_is_laid_out_once(house: Any) -> None:
    _, plan_id = await house.planning()
    first = await house.claim(plan_id, stage=Stage.PLAN)
    second = await house.claim(plan_id, stage=Stage.PLAN, redelivered=True)
    planned = [NewPlan(plan_id=new_id(), draft=house.draft(), author="planner") for _ in range(2)]
    house.take_queued()
    with pytest.raises(Superseded):
        await house.system.plans.store_plan(first, planned[0])
    assert house.queued == {}
    await house.system.plans.store_plan(second, planned[1])
    assert len(house.take_queued()[Stage.WORK]) == 1
    assert await house.value("SELECT count(*) FROM plan") == 1


async def made_anew(house: Any, revising_id: UUID, key: str = "a") -> UUID:
    """The Planner's answer to a revision: the task that takes the old one's place."""
    revising = await house.claim(revising_id, stage=Stage.PLAN)
    about = await house.system.plans.revision_request(revising)
    task_id = new_id()
    new = NewTask(
        task_id=task_id,
        parent_id=revising.task_id,
        node_key=key,
        kind=TaskKind.CREATE,
        dispatch=about.task.dispatch.model_copy(update={"execution_id": str(task_id)}),
        depends_on=[],
        revision=about.task.revision + 1,
    )
    await house.system.plans.replace_task(revising, about.task, new)
    return task_id


async def test_what_cannot_be_made_so_goes_back_to_the_planner_until_it_is_a_dead_letter(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b", "a"))
    task_id = made["a"]
    for revision in range(Policy().max_revisions):
        await house.system.work.replan(await house.claim(task_id), f"no model, time {revision}")
        assert await house.status(task_id) == "failed"
        child = await house.raw.fetchrow(
            "SELECT task_id, kind, status, revision FROM task WHERE parent_id = $1", task_id
        )
        assert tuple(child)[1:] == ("revise", "queued", revision)
        task = await house.claim(child["task_id"], stage=Stage.PLAN)
        about = await house.system.plans.revision_request(task)
        assert (about.task.task_id, about.cause, about.node_key) == (task_id, f"no model, time {revision}", "a")
        await house.system.work.postpone(task, "not yet", datetime.now(UTC))
        assert await house.status(made["b"]) == "pending", "what waits for it goes on waiting"
        task_id = await made_anew(house, task.task_id)
    await house.system.work.replan(await house.claim(task_id), "no model at all")
    row = await house.raw.fetchrow("SELECT status, cause, buried_at FROM task WHERE task_id = $1", task_id)
    assert tuple(row)[:2] == ("dead_letter", "no model at all")
    assert row["buried_at"] is not None
    assert await house.value("SELECT count(*) FROM task WHERE parent_id = $1", task_id) == 0
    assert await house.status(made["b"]) == "cancelled"
    assert await house.value("SELECT count(*) FROM audit_event WHERE action = 'task.failed'") == Policy().max_revisions
    assert await house.value("SELECT count(*) FROM audit_event WHERE action = 'task.dead_letter'") == 1


async def test_a_task_of_a_campaign_that_is_over_is_not_planned_anew(house: Any) -> None:
    made = await house.running()
    task = await house.claim(made["a"])
    await house.raw.execute("UPDATE campaign SET status = 'cancelled' WHERE NOT standing")
    await house.system.work.replan(task, "no model")
    assert await house.status(made["a"]) == "dead_letter"
    assert await house.value("SELECT count(*) FROM task WHERE kind = 'revise'") == 0


async def test_who_has_lost_a_task_does_not_have_it_planned_anew(house: Any) -> None:
    made = await house.running()
    late = await house.claim(made["a"])
    await house.claim(made["a"], redelivered=True)
    with pytest.raises(Superseded):
        await house.system.work.replan(late, "late")
    assert await house.status(made["a"]) == "in_progress"
    assert await house.value("SELECT count(*) FROM task WHERE kind = 'revise'") == 0


LONG = "The light that reaches us tonight left its star before anybody had thought of a clock or a calendar"
NEARLY = f"{LONG.replace('tonight', 'this evening')} #stars"
OTHER = "Bread rises because something small and patient has been at work in it since the early morning"


async def alike(house: Any, task: Any, *parts: str) -> list[Any]:
    found: list[Any] = await house.system.judging.lookalikes(task, minhash(list(parts)))
    return found


async def test_pieces_that_say_nearly_the_same_are_found_with_whose_they_are(house: Any) -> None:
    milo = await house.system.accounts.import_persona(house.tenant_id, house.soul.replace("Nora", "Milo"), "me")
    made = await house.running(house.node("a"), house.node("b"), house.node("c"))
    effect = await house.begin(await house.approved(made["a"], LONG))
    await house.approved(made["b"], OTHER)
    task = await house.claim(made["c"])
    (found,) = await alike(house, task, NEARLY)
    assert (found.persona, found.own, found.parts, found.url) == ("Nora", True, [LONG], None)
    assert similarity(found.parts, [NEARLY]) > 0.6
    await house.system.effects.finish(effect, house.receipt())
    (found,) = await alike(house, task, NEARLY)
    assert found.url == "https://social.example/1"
    stranger = task.model_copy(update={"agent_id": milo.agent_id})
    assert [(each.persona, each.own) for each in await alike(house, stranger, NEARLY)] == [("Nora", False)]
    assert await alike(house, task, "Something that nobody has ever said in words like these") == []
    assert await alike(house, task, "") == []


async def test_a_piece_is_not_like_itself(house: Any) -> None:
    made = await house.running()
    piece = await house.piece(made["a"], LONG)
    await house.approve(piece)
    assert await alike(house, piece.task, LONG) == []


async def test_neither_another_tenants_pieces_nor_failed_ones_are_found(house: Any, other_tenant: Any) -> None:
    made = await house.running(house.node("a"), house.node("b"))
    effect = await house.begin(await house.approved(made["a"], LONG))
    task = await house.claim(made["b"])
    rival = task.model_copy(update={"tenant_id": other_tenant[0], "agent_id": other_tenant[1].agent_id})
    assert len(await alike(house, task, LONG)) == 1
    assert await alike(house, rival, LONG) == []
    await house.system.effects.fail(effect, "the platform says no")
    assert await alike(house, task, LONG) == []


async def test_many_who_ask_at_once_are_each_told_of_their_own(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b"), house.node("c"))
    await house.approved(made["a"], LONG)
    await house.approved(made["b"], OTHER)
    task = await house.claim(made["c"])
    found = await asyncio.gather(*(alike(house, task, text) for text in (LONG, "", OTHER, "Nothing like it at all")))
    assert [[each.parts for each in one] for one in found] == [[[LONG]], [], [[OTHER]], []]
