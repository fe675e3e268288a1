"""The Judge's commit: everything a verdict brings about, or nothing of it (ORC-8, JDG-2)."""

import asyncio
import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from chimera.values import Decision, Stage, TaskStatus


async def counters(house: Any) -> set[tuple[int, int]]:
    """What is reserved and spent, over all budgets that were touched."""
    return {(int(row["reserved"]), int(row["spent"])) for row in await house.raw.fetch("SELECT * FROM budget_counter")}


async def revisions(house: Any, parent: UUID) -> list[str]:
    rows = await house.raw.fetch("SELECT status FROM task WHERE parent_id = $1 AND kind = 'revise'", parent)
    return [row["status"] for row in rows]


async def test_an_approval_writes_the_seeds_four_tables_the_effect_and_the_trail(house: Any) -> None:
    made = await house.running()
    piece = await house.piece(made["a"])
    judgement = house.judgement(piece)
    await house.system.judging.commit(judgement)
    asset = await house.raw.fetchrow("SELECT * FROM asset")
    assert (asset["asset_id"], asset["parts"]) == (judgement.asset.asset_id, ["Look up tonight."])
    assert (asset["seed_values"], asset["soul_hash"]) == (["7"], piece.task.soul_hash)
    assert await house.value("SELECT judge_validation_score FROM generation_log") == 0.95
    proof = await house.raw.fetchrow("SELECT * FROM provenance")
    assert (proof["content_hash"], proof["published_at"]) == (piece.content_hash, None)
    assert json.loads(proof["statement"])["content_hash"] == piece.content_hash
    entry = await house.raw.fetchrow("SELECT * FROM transaction_ledger")
    assert (entry["asset_id"], entry["amount"], entry["entry"]) == (asset["asset_id"], 120, "attributed")
    effect = await house.raw.fetchrow("SELECT * FROM effect")
    assert (effect["status"], effect["idempotency_key"]) == ("authorised", f"chm-{effect['effect_id']}")
    assert await house.value("SELECT decision FROM verdict") == "approve"
    assert await house.value("SELECT count(*) FROM audit_event WHERE action = 'task.completed'") == 1


@pytest.mark.parametrize("decision", list(Decision))
async def test_what_was_made_before_the_campaign_moved_on_goes_stale_and_is_planned_anew(
    house: Any, decision: Decision
) -> None:
    made = await house.running()
    piece = await house.piece(made["a"])
    await house.raw.execute("UPDATE campaign SET state_version = state_version + 1")
    done = await house.commit(piece, decision)
    assert (done.status, list(house.queued)) == (TaskStatus.STALE, [Stage.PLAN])
    assert await revisions(house, made["a"]) == ["queued"]
    assert await house.value("SELECT cause FROM task WHERE task_id = $1", made["a"]) == (
        "the campaign moved on while this was made"
    )
    assert await house.value("SELECT count(*) FROM asset") == 0
    assert await house.value("SELECT count(*) FROM effect") == 0
    assert await house.value("SELECT count(*) FROM approval") == 0


async def test_what_was_made_under_an_old_persona_goes_stale(house: Any) -> None:
    made = await house.running()
    piece = await house.piece(made["a"])
    await house.system.accounts.import_persona(house.tenant_id, house.soul + "New.", "operator:me")
    done = await house.commit(piece)
    assert (done.status, list(house.queued)) == (TaskStatus.STALE, [Stage.PLAN])
    assert await house.value("SELECT count(*) FROM asset") == 0


async def test_what_was_claimed_before_a_pause_goes_stale(house: Any) -> None:
    made = await house.running()
    task = await house.claim(made["a"])
    await house.system.campaigns.pause(house.tenant_id, made.campaign_id, "operator:me")
    await house.system.campaigns.start(house.tenant_id, made.campaign_id, "operator:me")
    await house.submit(task)
    (piece,) = await house.pieces(made["a"])
    assert (await house.commit(piece)).status is TaskStatus.STALE


async def test_an_escalation_waits_for_a_human_bound_to_what_was_seen(house: Any) -> None:
    made = await house.running()
    piece = await house.piece(made["a"])
    done = await house.commit(piece, Decision.ESCALATE)
    assert (done.status, house.queued) == (TaskStatus.AWAITING_APPROVAL, {})
    approval = await house.raw.fetchrow("SELECT * FROM approval")
    assert (approval["status"], approval["content_hash"]) == ("waiting", piece.content_hash)
    assert (approval["soul_hash"], approval["state_version"]) == (
        piece.task.soul_hash,
        piece.task.state_version,
    )
    assert await house.pieces(made["a"]) == []


async def test_a_humans_word_comes_with_the_piece_it_is_about(house: Any) -> None:
    made = await house.running()
    await house.commit(await house.piece(made["a"]), Decision.ESCALATE)
    decided = "UPDATE approval SET status = 'approved', decided_by = 'reviewer:me', note = 'fine'"
    await house.raw.execute(decided)
    await house.raw.execute("UPDATE task SET status = 'in_review' WHERE task_id = $1", made["a"])
    (piece,) = await house.pieces(made["a"])
    assert (piece.human.decision, piece.human.judged_by) == (Decision.APPROVE, "reviewer:me")
    assert piece.human.reasons == ["fine"]


@pytest.mark.parametrize(
    ("column", "value"), [("content_hash", "0" * 64), ("soul_hash", "0" * 64), ("state_version", 9)]
)
async def test_a_humans_word_about_something_else_does_not_count(house: Any, column: str, value: object) -> None:
    made = await house.running()
    await house.commit(await house.piece(made["a"]), Decision.ESCALATE)
    changed = json.dumps({column: value, "status": "approved", "decided_by": "reviewer:me"})
    await house.raw.execute(
        "UPDATE approval a SET (content_hash, soul_hash, state_version, status, decided_by) = (SELECT r.content_hash,"
        " r.soul_hash, r.state_version, r.status, r.decided_by FROM jsonb_populate_record(a, $1) r)",
        changed,
    )
    await house.raw.execute("UPDATE task SET status = 'in_review' WHERE task_id = $1", made["a"])
    (piece,) = await house.pieces(made["a"])
    assert piece.human is None


async def test_a_rejection_is_revised_until_the_bound_and_then_no_more(house: Any) -> None:
    made = await house.running()
    piece = await house.piece(made["a"])
    for revision, expected in ((0, ["queued"]), (1, ["queued"]), (2, [])):
        await house.raw.execute("DELETE FROM task WHERE parent_id = $1", made["a"])
        reset = "UPDATE task SET status = 'in_review', revision = $2 WHERE task_id = $1"
        await house.raw.execute(reset, made["a"], revision)
        done = await house.commit(piece, Decision.REJECT)
        assert done.status is TaskStatus.REJECTED
        assert await revisions(house, made["a"]) == expected
        assert list(house.queued) == [Stage.PLAN] * len(expected)


async def test_a_rejection_that_cannot_be_mended_is_not_revised(house: Any) -> None:
    made = await house.running()
    done = await house.commit(await house.piece(made["a"]), Decision.REJECT, revise=False)
    assert (done.status, house.queued) == (TaskStatus.REJECTED, {})


@pytest.mark.parametrize(
    ("decision", "status", "used"),
    [
        (Decision.REJECT, "voided", (0, 0)),
        (Decision.ESCALATE, "pending", (50, 0)),
        (Decision.APPROVE, "pending", (50, 0)),
    ],
)
async def test_a_spend_keeps_its_money_unless_it_is_rejected(
    house: Any, decision: Decision, status: str, used: tuple[int, int]
) -> None:
    made = await house.running(house.node("pay", spend="50 USDC"))
    piece = await house.spend_piece(made["pay"])
    assert piece.spend.status == "authorized"
    await house.commit(piece, decision)
    assert await house.value("SELECT status FROM reservation") == status
    assert await counters(house) == {used}


async def test_a_stale_spend_gives_its_money_back(house: Any) -> None:
    made = await house.running(house.node("pay", spend="50 USDC"))
    piece = await house.spend_piece(made["pay"])
    await house.raw.execute("UPDATE campaign SET state_version = state_version + 1")
    assert (await house.commit(piece)).status is TaskStatus.STALE
    assert await house.value("SELECT status FROM reservation") == "voided"
    assert await counters(house) == {(0, 0)}


async def test_a_refused_spend_stays_refused_and_reserves_nothing(house: Any) -> None:
    made = await house.running(house.node("pay", spend="500 USDC"))
    piece = await house.spend_piece(made["pay"], "500 USDC")
    assert (piece.spend.status, piece.spend.error) == (403, "Daily spend limit exceeded")
    done = await house.commit(piece, Decision.REJECT, revise=False)
    assert (done.status, house.queued) == (TaskStatus.REJECTED, {})
    assert await house.value("SELECT status FROM reservation") == "refused"
    assert await counters(house) == {(0, 0)}


async def test_a_late_judge_does_not_give_back_the_money_of_a_spend_that_goes_on(house: Any) -> None:
    made = await house.running(house.node("pay", spend="50 USDC"))
    zombie = await house.spend_piece(made["pay"])
    (live,) = await house.pieces(made["pay"], redelivered=True)
    await asyncio.gather(house.commit(zombie, Decision.REJECT), house.commit(live, Decision.ESCALATE))
    assert await house.value("SELECT status FROM reservation") == "pending"


async def test_dependents_of_what_is_rejected_for_good_are_cancelled(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b", "a"), house.node("c", "b"), house.node("d"))
    await house.commit(await house.piece(made["a"]), Decision.REJECT, revise=False)
    await house.swept()
    assert [await house.status(made[key]) for key in "abcd"] == [
        "rejected",
        "cancelled",
        "cancelled",
        "queued",
    ]


async def test_dependents_of_what_is_revised_go_on_waiting(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b", "a"))
    await house.commit(await house.piece(made["a"]), Decision.REJECT)
    await house.swept()
    assert await house.status(made["b"]) == "pending"


async def test_one_bad_verdict_does_not_take_its_neighbours_down(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b"))
    good, bad = await house.piece(made["a"]), await house.piece(made["b"])
    judged = house.judgement(bad)
    asset = judged.asset.model_copy(update={"content_hash": "not a hash"})
    broken = judged.model_copy(update={"asset": asset})
    writes = (house.commit(good), house.system.judging.commit(broken))
    answers = await asyncio.gather(*writes, return_exceptions=True)
    assert answers[0].status is TaskStatus.COMPLETED
    assert isinstance(answers[1], Exception)
    assert await house.status(made["b"]) == "in_review"


async def test_a_pause_waits_for_a_commit_or_the_commit_goes_stale(house: Any) -> None:
    made = await house.running(*(house.node(f"n{number}") for number in range(10)))
    pieces = [await house.piece(task_id) for task_id in made.tasks.values()]
    pause = house.system.campaigns.pause(house.tenant_id, made.campaign_id, "operator:me")
    *commits, _ = await asyncio.gather(*(house.commit(piece) for piece in pieces), pause)
    assert {done.status for done in commits} <= {TaskStatus.COMPLETED, TaskStatus.STALE}
    granted = "SELECT count(*) FROM effect WHERE (effect_grant ->> 'state_version')::int <> 1"
    assert await house.value(granted) == 0


async def test_costs_of_money_beside_tokens_are_booked_exactly(house: Any) -> None:
    made = await house.running()
    piece = await house.piece(made["a"])
    cost = house.cost(piece).model_copy(update={"currency": "ETH", "amount": "0.000000000000000021"})
    await house.commit(piece, costs=[cost])
    assert await house.value("SELECT amount FROM transaction_ledger") == Decimal("0.000000000000000021")
    assert await house.value("SELECT sum(amount) FROM ledger_posting") == 0
