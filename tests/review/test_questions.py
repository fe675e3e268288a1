"""What only a human can find out is asked once, answered once, and its answer has all its consequences (PUB-2)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from chimera.errors import Conflict, Superseded
from chimera.ids import new_id
from chimera.publishing.types import Effect
from chimera.review.types.questions import Answered
from chimera.values import EffectStatus, Stage
from chimera_protocol.errors import Invalid, NotFound

ME = "reviewer:me"
URL = "https://social.example/nora/77"
QUESTION = "Is it out? twitter-mcp cannot be read back."


async def asked(house: Any, effect_id: UUID, due_at: datetime | None = None) -> Effect:
    """An effect whose call had no answer, and which is put to a human."""
    effect: Effect = await house.begin(effect_id)
    await house.system.effects.ask(effect, QUESTION, due_at)
    return effect


async def asked_piece(house: Any, text: str = "Look up tonight.") -> tuple[Any, Effect]:
    made = await house.running()
    return made, await asked(house, await house.approved(made["a"], text))


async def asked_spend(house: Any) -> tuple[Any, Effect]:
    made = await house.running(house.node("pay", spend="50 USDC"))
    return made, await asked(house, await house.approve(await house.spend_piece(made["pay"])))


async def answer(house: Any, effect: Effect, said: Answered, **given: Any) -> Any:
    tenant_id = given.pop("tenant_id", house.tenant_id)
    url = given.pop("url", URL if said is Answered.IT_HAPPENED else None)
    actor, note = given.pop("actor", ME), given.pop("note", None)
    return await house.system.questions.answer(tenant_id, effect.effect_id, said, url, note, actor)


async def audited(house: Any) -> list[str]:
    """What the trail says of effects, in its order."""
    query = "SELECT action FROM audit_event WHERE action LIKE 'effect.%' ORDER BY event_id"
    return [row["action"] for row in await house.raw.fetch(query)]


async def test_a_question_shows_all_that_a_human_needs_to_find_out(house: Any) -> None:
    made, effect = await asked_piece(house)
    (view,) = await house.system.questions.open(house.tenant_id)
    assert (view.effect_id, view.task_id, view.agent_id) == (effect.effect_id, made["a"], house.nora.agent_id)
    assert (view.persona, view.campaign) == ("Nora", "Look up")
    assert (view.server, view.tool, view.account) == ("twitter-mcp", "post_tweet", "nora")
    assert (view.parts, view.idempotency_key) == (["Look up tonight."], effect.idempotency_key)
    assert view.question == QUESTION
    assert timedelta(0) <= datetime.now(UTC) - view.asked_at < timedelta(minutes=1)


async def test_questions_are_listed_the_oldest_first_and_no_more_than_wanted(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b"))
    first, second = [await asked(house, await house.approved(made[key], f"Piece {key}")) for key in "ab"]
    open_ = house.system.questions.open
    assert [view.effect_id for view in await open_(house.tenant_id)] == [first.effect_id, second.effect_id]
    assert [view.effect_id for view in await open_(house.tenant_id, 1)] == [first.effect_id]


async def test_it_happened_publishes_it_where_the_human_has_seen_it(house: Any) -> None:
    made, effect = await asked_piece(house)
    house.take_queued()
    await answer(house, effect, Answered.IT_HAPPENED, url=f"{URL}/")
    assert house.queued == {}
    assert await house.effect_status(effect.effect_id) == "reconciled"
    row = await house.raw.fetchrow("SELECT external_ids, url, disclosure, effect_id FROM publication")
    assert tuple(row) == (["77"], f"{URL}/", "platform label", effect.effect_id)
    assert await house.value("SELECT published_at IS NOT NULL FROM provenance")
    assert await house.value("SELECT text FROM memory WHERE source LIKE 'asset:%'") == "I published: Look up tonight."
    assert await house.value("SELECT answered_by FROM effect") == ME
    assert await house.system.questions.open(house.tenant_id) == []
    assert await house.value("SELECT status FROM campaign WHERE campaign_id = $1", made.campaign_id) == "finished"
    assert await house.status(made["a"]) == "completed"


async def test_what_waited_for_a_piece_that_is_out_after_all_starts(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b", "a"))
    effect = await asked(house, await house.approved(made["a"]))
    assert await house.status(made["b"]) == "pending"
    house.take_queued()
    await answer(house, effect, Answered.IT_HAPPENED)
    assert house.queued == {Stage.WORK: [made["b"]]}
    (upstream,) = (await house.claim(made["b"])).upstream
    assert (upstream.external_ids, upstream.url) == (["77"], URL)
    assert await house.value("SELECT status FROM campaign WHERE campaign_id = $1", made.campaign_id) == "running"


async def test_a_promotion_that_happened_spends_its_money(house: Any) -> None:
    _, effect = await asked_spend(house)
    assert await house.value("SELECT status FROM reservation") == "pending"
    await answer(house, effect, Answered.IT_HAPPENED)
    assert await house.value("SELECT status FROM reservation") == "posted"
    rows = await house.raw.fetch("SELECT reserved, spent FROM budget_counter")
    assert {(int(row["reserved"]), int(row["spent"])) for row in rows} == {(0, 50)}
    entry = await house.raw.fetchrow("SELECT asset_id, amount FROM transaction_ledger WHERE entry = 'posted'")
    assert (entry["asset_id"], entry["amount"]) == (effect.asset_id, 50)
    assert await house.value("SELECT coalesce(sum(amount), 0) FROM ledger_posting") == 0


async def test_try_again_begins_anew_with_the_same_key_and_all_its_tries(house: Any) -> None:
    _, effect = await asked_piece(house)
    await house.raw.execute("UPDATE effect SET tries = 4")
    house.take_queued()
    await answer(house, effect, Answered.TRY_AGAIN)
    assert house.queued == {Stage.PUBLISH: [effect.effect_id]}
    again = await house.begin(effect.effect_id)
    assert (again.status, again.tries, again.attempt) == (EffectStatus.EXECUTING, 1, effect.attempt + 1)
    assert again.idempotency_key == effect.idempotency_key
    assert await house.system.questions.open(house.tenant_id) == []
    await house.system.effects.finish(again, house.receipt("8"))
    assert await house.effect_status(effect.effect_id) == "done"


async def test_try_again_keeps_its_money_reserved(house: Any) -> None:
    _, effect = await asked_spend(house)
    await answer(house, effect, Answered.TRY_AGAIN)
    assert await house.value("SELECT status FROM reservation") == "pending"
    assert await house.value("SELECT max(reserved) FROM budget_counter") == 50


async def test_give_up_frees_the_money_and_tells_the_planner_why(house: Any) -> None:
    made, effect = await asked_spend(house)
    house.take_queued()
    await answer(house, effect, Answered.GIVE_UP)
    assert house.queued == {}
    assert await house.effect_status(effect.effect_id) == "failed"
    assert await house.value("SELECT status FROM reservation") == "voided"
    assert await house.value("SELECT max(reserved + spent) FROM budget_counter") == 0
    revision = await house.raw.fetchrow("SELECT kind, status FROM task WHERE parent_id = $1", made["pay"])
    assert tuple(revision) == ("revise", "queued")
    assert await house.value("SELECT cause FROM effect") == f"{ME} has looked: it is not there, and is not wanted"
    assert await house.value("SELECT count(*) FROM publication") == 0


async def test_look_again_reads_it_back_once_more_with_the_tries_it_had(house: Any) -> None:
    _, effect = await asked_piece(house)
    assert await house.begins(effect.effect_id) == [], "it waits for a human, not for the clock"
    house.take_queued()
    await answer(house, effect, Answered.LOOK_AGAIN)
    assert house.queued == {Stage.PUBLISH: [effect.effect_id]}
    assert await house.system.questions.open(house.tenant_id) == []
    again = await house.begin(effect.effect_id)
    assert (again.status, again.tries) == (EffectStatus.UNKNOWN, effect.tries)
    await house.system.effects.ask(again, "Still nobody tells.", None)
    assert [view.question for view in await house.system.questions.open(house.tenant_id)] == ["Still nobody tells."]


@pytest.mark.parametrize(
    ("said", "trail"),
    [
        (Answered.IT_HAPPENED, ["effect.reconciled", "effect.answered"]),
        (Answered.TRY_AGAIN, ["effect.answered"]),
        (Answered.GIVE_UP, ["effect.failed", "effect.answered"]),
        (Answered.LOOK_AGAIN, ["effect.answered"]),
    ],
)
async def test_every_answer_is_in_the_trail_with_its_note(house: Any, said: Answered, trail: list[str]) -> None:
    made, effect = await asked_piece(house)
    await answer(house, effect, said, note="seen with my own eyes")
    assert await audited(house) == ["effect.asked", *trail]
    row = await house.raw.fetchrow(
        "SELECT actor, subject, body::text AS body FROM audit_event WHERE action = 'effect.answered'"
    )
    assert (row["actor"], row["subject"]) == (ME, str(made["a"]))
    assert "seen with my own eyes" in row["body"]
    assert said.value in row["body"]


@pytest.mark.parametrize("one", [*Answered])
@pytest.mark.parametrize("other", [Answered.IT_HAPPENED, Answered.TRY_AGAIN])
async def test_of_two_humans_who_answer_at_once_one_is_told_that_it_is_settled(
    house: Any, one: Answered, other: Answered
) -> None:
    _, effect = await asked_piece(house)
    found = await asyncio.gather(
        answer(house, effect, one, actor="reviewer:ann"),
        answer(house, effect, other, actor="reviewer:bob"),
        return_exceptions=True,
    )
    assert [type(each) for each in found].count(Conflict) == 1
    assert (await audited(house)).count("effect.answered") == 1
    assert await house.value("SELECT count(*) FROM publication") <= 1


async def test_a_question_that_is_settled_is_settled(house: Any) -> None:
    _, effect = await asked_piece(house)
    await answer(house, effect, Answered.IT_HAPPENED)
    for said in Answered:
        with pytest.raises(Conflict, match="no open question about it: it is reconciled"):
            await answer(house, effect, said)
    assert await house.value("SELECT count(*) FROM publication") == 1


async def test_an_effect_that_nobody_asked_about_has_no_answer(house: Any) -> None:
    made = await house.running()
    effect = await house.begin(await house.approved(made["a"]))
    for change in ("executing", "unknown"):
        await house.raw.execute("UPDATE effect SET status = $1", change)
        with pytest.raises(Conflict, match=f"no open question about it: it is {change}"):
            await answer(house, effect, Answered.GIVE_UP)


@pytest.mark.parametrize("url", [None, ""])
async def test_what_is_said_to_be_out_needs_its_address(house: Any, url: str | None) -> None:
    _, effect = await asked_piece(house)
    with pytest.raises(Invalid, match="where is it"):
        await answer(house, effect, Answered.IT_HAPPENED, url=url)
    assert len(await house.system.questions.open(house.tenant_id)) == 1


@pytest.mark.parametrize("said", [*Answered])
async def test_an_unknown_effect_and_another_tenants_are_not_found(
    house: Any, other_tenant: Any, said: Answered
) -> None:
    _, effect = await asked_piece(house)
    rival, _ = other_tenant
    with pytest.raises(NotFound):
        await house.system.questions.answer(house.tenant_id, new_id(), said, URL, None, ME)
    with pytest.raises(NotFound):
        await answer(house, effect, said, tenant_id=rival)
    assert await house.system.questions.open(rival) == []
    assert len(await house.system.questions.open(house.tenant_id)) == 1


async def test_what_is_being_read_back_this_moment_is_not_answered(house: Any) -> None:
    _, effect = await asked_piece(house)
    await house.raw.execute("UPDATE effect SET due_at = now()")
    again = await house.begin(effect.effect_id)
    with pytest.raises(Conflict, match="being read back this moment"):
        await answer(house, effect, Answered.TRY_AGAIN)
    await house.system.effects.finish(again, house.receipt("9"))
    assert await house.system.questions.open(house.tenant_id) == [], "the platform has told after all"
    with pytest.raises(Conflict, match="it is reconciled"):
        await answer(house, effect, Answered.TRY_AGAIN)


async def test_a_publisher_that_comes_late_cannot_undo_an_answer(house: Any) -> None:
    _, effect = await asked_piece(house)
    await house.raw.execute("UPDATE effect SET due_at = now()")
    late = await house.begin(effect.effect_id)
    await house.lose_process()
    await house.swept()
    await answer(house, effect, Answered.GIVE_UP)
    with pytest.raises(Superseded):
        await house.system.effects.finish(late, house.receipt("9"))
    assert await house.effect_status(effect.effect_id) == "failed"


async def test_a_question_that_the_platform_has_answered_meanwhile_does_not_come_back(house: Any) -> None:
    """It was read back all the same, was not there, and is tried anew: a later doubt is another question."""
    made = await house.running()
    effect = await asked(house, await house.approved(made["a"]), due_at=datetime.now(UTC))
    again = await house.begin(effect.effect_id)
    await house.system.effects.retry(again, "the platform does not have it", datetime.now(UTC))
    once_more = await house.begin(effect.effect_id)
    await house.system.effects.mark_unknown(once_more, "no answer", datetime.now(UTC))
    assert await house.system.questions.open(house.tenant_id) == []
    with pytest.raises(Conflict, match="no open question"):
        await answer(house, effect, Answered.GIVE_UP)
