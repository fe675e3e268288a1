"""Audits of what the Judge approved alone, and what humans said of its scores, on a real PostgreSQL (JDG-7)."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from tests.journeys.judged import Judged

from chimera.errors import Conflict
from chimera.ids import new_id
from chimera.money.types.limits import Limit
from chimera.personas.types.policy import Policy
from chimera.review.service.quality import BATCH
from chimera.review.types.quality import AuditStatus
from chimera.tasks.types.work import Verdict
from chimera.values import Decision
from chimera_protocol.errors import NotFound

ANN, BOB = "reviewer:ann", "reviewer:bob"
MANY = 2_000


async def policy(house: Any, percent: int) -> None:
    wanted = Policy(audit_percent=percent, limits=[Limit(span="day", amount="200 USDC")])
    await house.system.accounts.set_policy(house.tenant_id, wanted, "operator:me")


async def approved(house: Any, count: int, judged_by: str = "judge:test", score: float = 0.95) -> list[UUID]:
    """So many pieces that the Judge has approved; their tasks."""
    return await Judged(house.raw, house.tenant_id, house.nora.agent_id).approved(count, judged_by, score)


async def drawn(house: Any) -> set[UUID]:
    return {row["audit_id"] for row in await house.raw.fetch("SELECT audit_id FROM sample_audit")}


async def exhaust(house: Any) -> int:
    """Draw until nobody waits to be looked at; how many were drawn."""
    found = 0
    while await house.value("SELECT count(*) FROM audit_candidate"):
        found += await house.system.quality.draw()
    return found


async def audits(house: Any, status: AuditStatus = "waiting", **more: Any) -> Any:
    return await house.system.quality.audits(house.tenant_id, more.pop("limit", 100), status=status, **more)


async def test_of_two_thousand_pieces_a_twentieth_is_drawn_and_a_second_draw_changes_nothing(house: Any) -> None:
    await approved(house, MANY)
    told = await exhaust(house)
    found = await drawn(house)
    # Binomial(2000, 0.05): mean 100, deviation 9.7; 4.5 deviations are missed once in 150,000 runs.
    assert len(found) == told
    assert 56 <= told <= 144
    assert await house.system.quality.draw() == 0
    # What decides is the verdict's id alone: asked again about the same pieces, it says the same.
    await house.raw.execute("INSERT INTO audit_candidate SELECT verdict_id FROM verdict")
    assert await exhaust(house) == 0
    assert await drawn(house) == found
    assert await house.value("SELECT count(*) FROM audit_event WHERE action = 'audit.drawn'") == told


@pytest.mark.parametrize(("percent", "least", "most"), [(0, 0, 0), (100, 300, 300), (50, 110, 190)])
async def test_the_policy_says_how_many(house: Any, percent: int, least: int, most: int) -> None:
    await policy(house, percent)
    await approved(house, 300)
    assert least <= await exhaust(house) <= most


async def test_a_draw_is_bounded_and_the_rest_waits_for_the_next(house: Any) -> None:
    await policy(house, 100)
    await approved(house, 5)
    assert [await house.system.quality.draw(batch=2) for _ in range(4)] == [2, 2, 1, 0]
    assert BATCH <= MANY


async def test_sweepers_that_draw_at_once_draw_each_piece_once(house: Any) -> None:
    await policy(house, 100)
    await approved(house, 200)
    told = await asyncio.gather(*(house.system.quality.draw(batch=40) for _ in range(8)))
    assert sum(told) == 200
    assert len(await drawn(house)) == 200


async def test_only_what_the_judge_approved_by_itself_is_drawn(house: Any) -> None:
    await policy(house, 100)
    (alone,) = await approved(house, 1)
    await approved(house, 1, judged_by=ANN)
    made = await house.running()
    held = await house.piece(made["a"])
    await house.commit(held, Decision.ESCALATE)
    assert await house.value("SELECT array_agg(verdict_id) FROM audit_candidate") == [alone]
    assert await exhaust(house) == 1
    assert await drawn(house) == {alone}


async def test_what_a_human_reworded_is_not_the_judges_alone(house: Any) -> None:
    await policy(house, 100)
    made = await house.running()
    await house.commit(await house.piece(made["a"]), Decision.ESCALATE)
    approval_id = await house.value("SELECT approval_id FROM approval")
    await house.system.review.edit(house.tenant_id, approval_id, "Better words.", ANN, None)
    (again,) = await house.pieces(made["a"])
    await house.commit(again)
    assert await house.status(made["a"]) == "completed"
    assert await exhaust(house) == 0


async def test_an_approval_that_went_stale_is_passed_over(house: Any) -> None:
    await policy(house, 100)
    made = await house.running()
    piece = await house.piece(made["a"])
    await house.system.accounts.import_persona(house.tenant_id, house.soul + "New.", ANN)
    await house.commit(piece)
    assert await house.status(made["a"]) == "stale"
    assert await exhaust(house) == 0


async def test_a_piece_that_went_all_the_way_is_shown_with_its_words_and_place(house: Any) -> None:
    await policy(house, 100)
    made = await house.running()
    effect = await house.begin(await house.approved(made["a"], "Look up at nine."))
    await house.system.effects.finish(effect, house.receipt())
    assert await house.system.quality.draw() == 1
    (one,) = (await audits(house)).items
    assert (one.task_id, one.parts, one.url) == (made["a"], ["Look up at nine."], "https://social.example/1")
    assert (one.persona, one.campaign, one.goal, one.score) == ("Nora", "Look up", "do a", 0.95)
    assert (one.judged_by, one.reasons, one.status) == ("judge:test", ["r"], "waiting")


@pytest.mark.parametrize("verdict", ["agreed", "disagreed"])
async def test_an_audit_is_decided_once_and_the_trail_has_it(house: Any, verdict: AuditStatus) -> None:
    await policy(house, 100)
    (task_id,) = await approved(house, 1)
    await house.system.quality.draw()
    quality = house.system.quality
    told = await asyncio.gather(
        *(quality.decide(house.tenant_id, task_id, verdict, who, "because") for who in (ANN, BOB)),
        return_exceptions=True,
    )
    (refused,) = [each for each in told if each is not None]
    assert isinstance(refused, Conflict)
    (one,) = (await audits(house, verdict)).items
    assert (one.status, one.note) == (verdict, "because")
    assert refused.fields == {"decided_by": one.decided_by}
    assert (await audits(house)).items == []
    assert await quality.tally(house.tenant_id) == {verdict: 1}
    trail = "SELECT body ->> 'note' FROM audit_event WHERE action = $1 AND subject = $2"
    assert await house.value(trail, f"audit.{verdict}", str(task_id)) == "because"
    assert await house.status(task_id) == "completed", "nothing is undone by it"


async def test_an_audit_that_is_none_is_not_found(house: Any) -> None:
    with pytest.raises(NotFound):
        await house.system.quality.decide(house.tenant_id, new_id(), "agreed", ANN, None)


async def test_audits_are_read_page_by_page_newest_first(house: Any) -> None:
    await policy(house, 100)
    made = await approved(house, 5)
    await exhaust(house)
    first = await audits(house, limit=3)
    rest = await audits(house, limit=3, before=first.next)
    assert [one.audit_id for one in (*first.items, *rest.items)] == sorted(made, reverse=True)
    assert rest.next is None


async def test_another_tenant_sees_none_of_it_and_decides_none_of_it(house: Any, other_tenant: Any) -> None:
    await policy(house, 100)
    (task_id,) = await approved(house, 1)
    await house.system.quality.draw()
    rival, quality = other_tenant[0], house.system.quality
    assert (await quality.audits(rival, 100)).items == []
    assert await quality.tally(rival) == {}
    with pytest.raises(NotFound):
        await quality.decide(rival, task_id, "disagreed", BOB, None)
    await quality.decide(house.tenant_id, task_id, "agreed", ANN, None)
    assert (await quality.calibration(rival)).good.whole == 0
    assert (await quality.calibration(house.tenant_id)).good.whole == 1


@pytest.mark.parametrize(
    "change", ["UPDATE sample_audit SET status = 'agreed', note = 'x'", "UPDATE sample_audit SET score = 0.1",
               "DELETE FROM sample_audit", "TRUNCATE sample_audit"]
)  # fmt: skip
async def test_what_a_human_said_is_not_rewritten(house: Any, change: str) -> None:
    await policy(house, 100)
    (task_id,) = await approved(house, 1)
    await house.system.quality.draw()
    await house.system.quality.decide(house.tenant_id, task_id, "disagreed", ANN, None)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
        await house.raw.execute(change)


async def test_the_next_draw_is_noted_by_the_database_and_no_tenant_reaches_it(house: Any) -> None:
    await approved(house, 1)
    async with house.system.tenants.transaction(house.tenant_id) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("SELECT * FROM audit_candidate")


# -- calibration


async def reviewed(house: Any, key: str, score: float, said: str) -> None:
    """A piece with this score that a reviewer has decided about."""
    made = await house.running(name=key)
    piece = await house.piece(made["a"])
    held = Verdict(decision=Decision.ESCALATE, score=score, judged_by="judge:test", reasons=["r"])
    judged = house.judgement(piece, Decision.ESCALATE).model_copy(update={"verdict": held})
    await house.system.judging.commit(judged)
    approval = await house.value("SELECT approval_id FROM approval WHERE task_id = $1", made["a"])
    if said == "edited":
        await house.system.review.edit(house.tenant_id, approval, "Other words.", ANN, None)
    else:
        decision = Decision.APPROVE if said == "approved" else Decision.REJECT
        await house.system.review.decide(house.tenant_id, approval, decision, ANN, None)


async def test_approvals_and_audits_are_what_the_scores_are_held_against(house: Any) -> None:
    await policy(house, 100)
    quality = house.system.quality
    for key, score, said in (("a", 0.75, "approved"), ("b", 0.92, "rejected"), ("c", 0.72, "edited")):
        await reviewed(house, key, score, said)
    right, wrong, _ = await approved(house, 3)
    (rule,) = await approved(house, 1, judged_by="judge:rules", score=1.0)
    await exhaust(house)
    for task_id, verdict in ((right, "agreed"), (wrong, "disagreed"), (rule, "agreed")):
        await quality.decide(house.tenant_id, task_id, verdict, ANN, None)

    found = await quality.calibration(house.tenant_id)

    assert (found.good.part, found.good.whole) == (2, 5), "approved and agreed of five; what waits and rules are out"
    assert found.mean_score == pytest.approx((0.75 + 0.92 + 0.72 + 0.95 + 0.95) / 5)
    assert (found.false_approvals.part, found.false_approvals.whole) == (2, 3)
    assert (found.audits.part, found.audits.whole) == (1, 2)
    bins = {round(each.low, 2): (each.good.part, each.good.whole) for each in found.bins if each.good.whole}
    assert bins == {0.75: (1, 1), 0.9: (0, 1), 0.7: (0, 1), 0.95: (1, 2)}
    assert found.bounds.approve == 0.9


async def test_calibration_is_narrowed_to_an_influencer_and_to_days(house: Any) -> None:
    await reviewed(house, "a", 0.75, "approved")
    quality = house.system.quality
    assert (await quality.calibration(house.tenant_id, house.nora.agent_id, 7, 10)).good.whole == 1
    assert len((await quality.calibration(house.tenant_id, bins=10)).bins) == 10
    assert (await quality.calibration(house.tenant_id, new_id())).good.whole == 0
    await house.raw.execute("UPDATE approval SET decided_at = now() - interval '8 days'")
    assert (await quality.calibration(house.tenant_id, days=7)).good.whole == 0
    assert (await quality.calibration(house.tenant_id, days=9)).good.whole == 1


async def test_a_verdict_that_can_still_be_taken_back_is_none_yet(house: Any) -> None:
    await reviewed(house, "a", 0.75, "approved")
    await house.raw.execute("UPDATE approval SET effective_at = now() + interval '1 minute'")
    assert (await house.system.quality.calibration(house.tenant_id)).good.whole == 0
