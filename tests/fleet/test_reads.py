"""The read side: whole lists page by page, whole traces, and nothing of another tenant (ORC-3, PRV-3, UI-1)."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from chimera.errors import Unavailable
from chimera.ids import new_id
from chimera.money.types.views import Payer
from chimera.provenance.rules.hashes import content_hash
from chimera.tasks.types.work import TaskDispatch
from chimera.values import Decision, HaltScope, Role, Stage, TaskStatus
from chimera.wiring.reads import ReadService
from chimera_protocol.errors import NotFound

ME = "operator:me"


async def published(house: Any, task_id: UUID, name: str = "1") -> None:
    """The task's tweet is out, at an address of its own."""
    effect = await house.begin(await house.approved(task_id, f"Look up, {name}."))
    receipt = house.receipt(name).model_copy(update={"url": f"social://local/nora/{name}"})
    await house.system.effects.finish(effect, receipt)


async def promoted(house: Any, task_id: UUID, name: str = "1") -> None:
    """The task's promotion is out; the platform answers with the address of the promoted post."""
    effect = await house.begin(await house.approve(await house.spend_piece(task_id)))
    changes = {"kind": "promotion", "url": f"social://local/nora/{name}"}
    await house.system.effects.finish(effect, house.receipt(name).model_copy(update=changes))


async def pages(read: Callable[..., Awaitable[Any]], tenant_id: UUID, limit: int, **narrow: Any) -> list[list[Any]]:
    """All pages of a list, until there is no next one."""
    found, before = [], None
    while True:
        page = await read(tenant_id, limit, before, **narrow)
        found.append(page.items)
        if page.next is None:
            return found
        before = page.next


async def test_tasks_are_paged_newest_first_to_the_end(house: Any) -> None:
    made = await house.running(*(house.node(f"n{number}") for number in range(4)))
    found = await pages(house.system.reads.tasks, house.tenant_id, 2)
    assert [len(page) for page in found] == [2, 2, 1]
    ids = [task.task_id for page in found for task in page]
    assert ids == sorted(ids, reverse=True)
    plan_id = await house.value("SELECT task_id FROM task WHERE kind = 'plan'")
    assert set(ids) == {plan_id, *made.tasks.values()}


async def test_publications_are_paged_newest_first_to_the_end(house: Any) -> None:
    made = await house.running(*(house.node(f"n{number}") for number in range(3)))
    for number in range(3):
        await published(house, made[f"n{number}"], str(number))
    found = await pages(house.system.reads.publications, house.tenant_id, 2)
    assert [[row.external_ids for row in page] for page in found] == [[["2"], ["1"]], [["0"]]]
    newest = found[0][0]
    assert (newest.url, newest.parts, newest.persona) == ("social://local/nora/2", ["Look up, 2."], "Nora")


async def test_a_page_that_is_not_full_is_the_last(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b"))
    await published(house, made["a"])
    await house.commit(await house.piece(made["b"]), Decision.ESCALATE)
    reads = house.system.reads
    for read in (reads.influencers, reads.campaigns, reads.approvals, reads.assets, reads.publications):
        whole = await read(house.tenant_id, 50)
        assert whole.items and whole.next is None
        first = await read(house.tenant_id, 1)
        assert first.items == whole.items[:1]
        assert (await read(house.tenant_id, 50, first.next)).items == whole.items[1:]


async def test_tasks_are_narrowed_to_a_state_a_campaign_and_an_influencer(house: Any) -> None:
    first = await house.running(house.node("a"), house.node("b", "a"))
    second = await house.running(name="Other")

    async def keys(**narrow: Any) -> set[str | None]:
        return {task.node_key for task in (await house.system.reads.tasks(house.tenant_id, 50, **narrow)).items}

    assert await keys(campaign_id=first.campaign_id) == {None, "a", "b"}
    assert await keys(campaign_id=first.campaign_id, status=TaskStatus.PENDING) == {"b"}
    assert await keys(campaign_id=second.campaign_id, status=TaskStatus.QUEUED) == {"a"}
    assert await keys(agent_id=house.nora.agent_id, status=TaskStatus.PENDING) == {"b"}
    assert await keys(agent_id=new_id()) == set()


async def test_a_task_in_a_list_shows_its_verdict_and_its_address(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b"))
    await published(house, made["a"])
    await house.commit(await house.piece(made["b"]), Decision.REJECT)
    views = {view.node_key: view for view in (await house.system.reads.tasks(house.tenant_id, 50)).items}
    a, b = views["a"], views["b"]
    assert (a.score, a.decision, a.effect, a.url) == (0.95, "approve", "done", "social://local/nora/1")
    assert (b.score, b.decision, b.reasons, b.effect, b.url) == (0.5, "reject", ["r"], None, None)


async def test_a_trace_has_every_step_in_order_with_its_score(house: Any) -> None:
    made = await house.running()
    await house.commit(await house.piece(made["a"]), Decision.ESCALATE)
    approval_id = await house.value("SELECT approval_id FROM approval")
    await house.system.review.decide(house.tenant_id, approval_id, Decision.APPROVE, ME, None)
    (piece,) = await house.pieces(made["a"])
    await house.system.effects.finish(await house.begin(await house.approve(piece)), house.receipt())
    trace = await house.system.reads.task(house.tenant_id, str(made["a"]))
    assert [(step.role, step.confidence) for step in trace.steps] == [
        (Role.PLANNER, None),
        (Role.WORKER, 0.8),
        (Role.JUDGE, 0.5),
        (Role.JUDGE, 0.95),
    ]
    assert [step.at for step in trace.steps] == sorted(step.at for step in trace.steps)
    assert trace.steps[1].model_used == "composer"
    assert [step.summary for step in trace.steps[2:]] == ["escalate\nr", "approve\nr"]
    assert trace.execution_result.judge_evaluation.score == 0.95
    assert (trace.status, trace.delivery.status, trace.delivery.url) == ("completed", "done", house.receipt().url)


async def test_a_trace_is_found_by_its_execution_id_too(house: Any) -> None:
    context, call = {"persona": "Nora", "goal": "greet"}, {"target_mcp": "twitter-mcp", "action": "post_tweet"}
    wanted = TaskDispatch.model_validate({"execution_id": "job-1", "context": context, "tool_call": call})
    task_id, _ = await house.system.desk.dispatch(house.tenant_id, wanted, ME)
    trace = await house.system.reads.task(house.tenant_id, "job-1")
    assert trace == await house.system.reads.task(house.tenant_id, str(task_id))
    assert (trace.task_id, trace.execution_result, trace.verdicts, trace.delivery) == (task_id, None, [], None)


async def test_a_trace_shows_the_cfos_answer_and_the_revision(house: Any) -> None:
    made = await house.running(house.node("pay", spend="50 USDC"))
    await house.commit(await house.spend_piece(made["pay"]), Decision.REJECT)
    trace = await house.system.reads.task(house.tenant_id, str(made["pay"]))
    assert trace.children == [house.queued[Stage.PLAN][0]]
    (spend,) = (await house.system.reads.spends(house.tenant_id, 50)).items
    assert trace.financial_authorization.model_dump(mode="json") == spend.answer
    assert (spend.task_id, spend.status, spend.request["token_amount"]) == (made["pay"], "voided", "50 USDC")


async def test_an_approval_shows_what_was_made_and_why_it_waits(house: Any) -> None:
    piece = await house.piece((await house.running())["a"])
    await house.commit(piece, Decision.ESCALATE)
    (view,) = (await house.system.reads.approvals(house.tenant_id, 50)).items
    assert (view.persona, view.campaign, view.goal, view.status) == ("Nora", "Look up", "do a", "waiting")
    assert (view.content, view.content_hash) == (["Look up tonight."], piece.content_hash)
    assert (view.verdict.score, view.verdict.reasons, view.self_assessment) == (0.5, ["r"], 0.8)
    assert await house.system.reads.counts(house.tenant_id) == (1, 0)
    assert await house.system.reads.approval(house.tenant_id, view.approval_id) == view


async def test_a_decided_approval_leaves_the_list_and_keeps_the_piece_it_was_about(house: Any) -> None:
    await house.commit(await house.piece((await house.running())["a"]), Decision.ESCALATE)
    (view,) = (await house.system.reads.approvals(house.tenant_id, 50)).items
    await house.system.review.edit(house.tenant_id, view.approval_id, "Better.", ME, "tone")
    assert (await house.system.reads.approvals(house.tenant_id, 50)).items == []
    (decided,) = (await house.system.reads.approvals(house.tenant_id, 50, status="edited")).items
    assert (decided.decided_by, decided.note, decided.content) == (ME, "tone", ["Look up tonight."])
    assert await house.system.reads.counts(house.tenant_id) == (0, 0)


async def test_a_piece_is_traced_back_to_its_goal_by_its_id_and_by_its_address(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b"))
    await published(house, made["a"])
    await published(house, made["b"], "2")
    asset_id = await house.system.reads.asset_of(house.tenant_id, made["a"])
    line = await house.system.reads.lineage(house.tenant_id, asset_id)
    assert line == await house.system.reads.lineage(house.tenant_id, url="social://local/nora/1")
    assert (line.asset.asset_id, line.asset.task_id) == (asset_id, made["a"])
    assert line.asset.content_hash == content_hash(["Look up, 1."])
    assert [task.goal for task in line.ancestors] == ["do a", "Get people to look up"]
    assert [log.judge_validation_score for log in line.log] == [0.95]
    assert [(cost.entry, cost.compute_tokens_used) for cost in line.costs] == [("attributed", 120)]


async def test_the_address_of_a_promoted_post_still_leads_to_the_post(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("pay", spend="50 USDC"))
    await published(house, made["a"])
    await promoted(house, made["pay"])
    line = await house.system.reads.lineage(house.tenant_id, url="social://local/nora/1")
    assert line.asset.task_id == made["a"]


async def used(house: Any, span: str) -> tuple[int, int, int]:
    """Limit, reserved and spent of the one limit over this span of the tenant, or of the campaign if total."""
    scope = "campaign" if span == "total" else "tenant"
    limits = await house.system.reads.limits(house.tenant_id)
    (found,) = [each for each in limits if (each.scope, each.span, each.currency) == (scope, span, "USDC")]
    return int(found.limit_amount), int(found.reserved), int(found.spent)


async def test_limits_show_what_is_reserved_and_spent_of_them(house: Any) -> None:
    made = await house.running(house.node("pay", spend="50 USDC"), house.node("later", spend="50 USDC"))
    assert (await used(house, "day"), await used(house, "total")) == ((200, 0, 0), (300, 0, 0))
    await promoted(house, made["pay"])
    await house.spend_piece(made["later"])
    assert (await used(house, "day"), await used(house, "total")) == ((200, 50, 50), (300, 50, 50))


async def test_a_new_day_has_a_fresh_limit_and_a_total_has_not(house: Any) -> None:
    made = await house.running(house.node("pay", spend="50 USDC"))
    await house.spend_piece(made["pay"])
    yesterday = "UPDATE budget_counter SET span_start = span_start - 1 WHERE span_start > DATE '1970-01-01'"
    await house.raw.execute(yesterday)
    assert (await used(house, "day"), await used(house, "total")) == ((200, 0, 0), (300, 50, 0))


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
async def test_today_is_the_tenants_day(house: Any, zone: str) -> None:
    await house.raw.execute("UPDATE tenant SET time_zone = $1", zone)
    await house.authorise("50 USDC")
    assert await used(house, "day") == (200, 50, 0)


async def test_every_version_of_a_persona_stays_readable(house: Any) -> None:
    new = await house.system.accounts.import_persona(house.tenant_id, house.soul + "New.", ME)
    versions = await house.system.reads.personas(house.tenant_id, 50, house.nora.agent_id)
    expected = [(new.soul_hash, True), (house.nora.soul_hash, False)]
    assert [(version.soul_hash, version.current) for version in versions] == expected
    assert (await house.system.reads.persona(house.tenant_id, house.nora.soul_hash)).source == house.soul
    with pytest.raises(NotFound):
        await house.system.reads.persona(house.tenant_id, "0" * 64)


async def test_an_influencer_shows_what_it_is_doing(house: Any) -> None:
    async def state(reads: ReadService = house.system.reads) -> tuple[str, str | None]:
        (view,) = (await reads.influencers(house.tenant_id, 50)).items
        return view.state, view.doing

    task = await house.claim((await house.running())["a"])
    assert await state() == ("sleeping", None)
    await house.system.pulse.thinking(task, Role.WORKER)
    assert await state() == ("working", "do a")
    assert await state(ReadService(house.system.tenants, NoPulse())) == ("sleeping", None)  # type: ignore[arg-type]
    await house.system.fleet.halt(house.tenant_id, HaltScope.INFLUENCER, str(house.nora.agent_id), "storm", ME)
    assert (await state())[0] == "halted"
    assert [halt.reason for halt in await house.system.reads.halts(house.tenant_id)] == ["storm"]


class NoPulse:
    """A Redis that is away."""

    async def busy(self, agents: Any) -> Any:
        raise Unavailable("Redis is away")


async def test_a_campaign_shows_its_tasks_by_state_and_its_plan_as_a_tree(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b", "a"), house.node("c"))
    view = await house.system.reads.campaign(house.tenant_id, made.campaign_id)
    assert view.tasks == {TaskStatus.COMPLETED: 1, TaskStatus.QUEUED: 2, TaskStatus.PENDING: 1}
    plan = await house.system.reads.plan(house.tenant_id, made.campaign_id)
    assert (plan.status, sorted(plan.tree)) == ("running", ["  b: do b", "a: do a", "c: do c"])
    assert plan.tree.index("  b: do b") == plan.tree.index("a: do a") + 1
    with pytest.raises(NotFound, match="no plan"):
        await house.system.reads.plan(house.tenant_id, house.nora.campaign_id)


async def test_a_spend_is_charged_to_whoever_is_named(house: Any) -> None:
    payer, nora = house.system.reads.payer, house.nora
    mira = house.soul.replace("Nora", "Mira").replace("account: nora", "account: mira")
    other = await house.system.accounts.import_persona(house.tenant_id, mira, ME)
    assert await payer(house.tenant_id, None, None) == Payer()
    assert await payer(house.tenant_id, "Mira", None) == Payer(agent_id=other.agent_id)
    both = Payer(agent_id=nora.agent_id, campaign_id=nora.campaign_id)
    assert await payer(house.tenant_id, "Nora", nora.campaign_id) == both
    assert await payer(house.tenant_id, None, nora.campaign_id) == both
    for persona, campaign_id in (("Nobody", None), (None, new_id()), ("Mira", nora.campaign_id)):
        with pytest.raises(NotFound):
            await payer(house.tenant_id, persona, campaign_id)


async def test_the_ledger_balances_and_a_lone_posting_would_be_seen(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("pay", spend="50 USDC"))
    await published(house, made["a"])
    await promoted(house, made["pay"])
    entries = [row.entry for row in (await house.system.reads.transactions(house.tenant_id, 50)).items]
    assert sorted(entries) == ["attributed", "attributed", "pending", "posted"]
    assert await house.system.reads.unbalanced(house.tenant_id) == 0
    forged = "INSERT INTO ledger_posting (transaction_id, account, amount, tenant_id) SELECT transaction_id, 'x', 1, $1"
    await house.raw.execute("SET session_replication_role = replica")  # past the trigger that would refuse it
    await house.raw.execute(f"{forged} FROM transaction_ledger LIMIT 1", house.tenant_id)
    assert await house.system.reads.unbalanced(house.tenant_id) == 1


async def test_the_audit_trail_is_read_whole_and_for_one_subject(house: Any) -> None:
    made = await house.running()
    await house.system.desk.cancel(house.tenant_id, made["a"], ME)
    whole = [event for page in await pages(house.system.reads.audit, house.tenant_id, 2) for event in page]
    assert len(whole) == await house.value("SELECT count(*) FROM audit_event WHERE tenant_id = $1", house.tenant_id)
    (event,) = (await house.system.reads.audit(house.tenant_id, 50, subject=str(made["a"]))).items
    assert (event.action, event.actor) == ("task.cancelled", ME)


async def test_another_tenant_sees_nothing_and_finds_nothing(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b"), house.node("pay", spend="50 USDC"))
    await published(house, made["a"])
    await promoted(house, made["pay"], "9")
    await house.commit(await house.piece(made["b"]), Decision.ESCALATE)
    approval_id = await house.value("SELECT approval_id FROM approval")
    reads, rival = house.system.reads, await house.system.accounts.open_tenant("rival")
    names = ("influencers", "campaigns", "tasks", "approvals", "transactions", "spends", "assets", "publications")
    for name in names:
        assert (await getattr(reads, name)(house.tenant_id, 50)).items, name
        assert (await getattr(reads, name)(rival, 50)).items == [], name
    assert (await reads.personas(rival, 50), await reads.counts(rival)) == ([], (0, 0))
    assert [(limit.scope_key, limit.currency) for limit in await reads.limits(rival)] == [(str(rival), "COMPUTE")]
    assert (await reads.audit(rival, 50, subject=str(made["b"]))).items == []
    assert await reads.asset_of(rival, made["a"]) is None
    for call in (
        reads.persona(rival, house.nora.soul_hash),
        reads.campaign(rival, made.campaign_id),
        reads.plan(rival, made.campaign_id),
        reads.task(rival, str(made["a"])),
        reads.approval(rival, approval_id),
        reads.lineage(rival, await reads.asset_of(house.tenant_id, made["a"])),
        reads.lineage(rival, url="social://local/nora/1"),
        reads.payer(rival, "Nora", None),
    ):
        with pytest.raises(NotFound):
            await call
