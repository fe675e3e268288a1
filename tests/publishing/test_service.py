"""The life of effects: at most once, never forgotten, and money that follows them (PUB-1, PUB-2)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chimera.errors import Halted, Superseded
from chimera.gateways.mcp.types import Disclosure
from chimera.ids import new_id
from chimera.values import EffectStatus, HaltScope, Stage

SOON = timedelta(minutes=1)


async def test_an_effect_is_marked_before_the_call_and_published_after_it(house: Any) -> None:
    made = await house.running()
    effect_id = await house.approved(made["a"])
    effect = await house.begin(effect_id)
    assert (effect.status, effect.attempt, effect.tool) == (EffectStatus.EXECUTING, 1, "post_tweet")
    assert await house.effect_status(effect_id) == "executing"
    receipt = house.receipt("77")
    await house.system.effects.finish(effect, receipt)
    assert await house.effect_status(effect_id) == "done"
    published = await house.raw.fetchrow("SELECT * FROM publication")
    assert (published["external_ids"], published["url"]) == (["77"], receipt.url)
    assert await house.value("SELECT published_at FROM provenance") == receipt.created_at
    assert await house.value("SELECT text FROM memory") == "I published: Look up tonight."
    assert await house.value("SELECT status FROM campaign WHERE NOT standing") == "finished"
    assert await house.value("SELECT count(*) FROM audit_event WHERE action = 'effect.done'") == 1


async def test_an_effect_is_begun_once(house: Any) -> None:
    made = await house.running()
    effect_id = await house.approved(made["a"])
    found = await asyncio.gather(*(house.begins(effect_id) for _ in range(8)))
    assert sum(len(effects) for effects in found) == 1
    assert await house.begins(effect_id) == []


async def test_finishing_twice_publishes_once(house: Any) -> None:
    made = await house.running()
    effect = await house.begin(await house.approved(made["a"]))
    await house.system.effects.finish(effect, house.receipt())
    for again in (house.system.effects.finish(effect, house.receipt()), house.system.effects.fail(effect, "late")):
        with pytest.raises(Superseded):
            await again
    assert await house.value("SELECT count(*) FROM publication") == 1
    assert await house.effect_status(effect.effect_id) == "done"


async def test_a_promotion_that_went_out_spends_its_money(house: Any) -> None:
    made = await house.running(house.node("pay", spend="50 USDC"))
    effect = await house.begin(await house.approve(await house.spend_piece(made["pay"])))
    await house.system.effects.finish(effect, house.receipt())
    assert await house.value("SELECT status FROM reservation") == "posted"
    rows = await house.raw.fetch("SELECT reserved, spent FROM budget_counter")
    assert {(int(row["reserved"]), int(row["spent"])) for row in rows} == {(0, 50)}
    entry = await house.raw.fetchrow("SELECT asset_id, amount FROM transaction_ledger WHERE entry = 'posted'")
    assert (entry["asset_id"], entry["amount"]) == (await house.value("SELECT asset_id FROM asset"), 50)


async def test_a_promotion_that_failed_gives_its_money_back_and_is_planned_anew(house: Any) -> None:
    made = await house.running(house.node("pay", spend="50 USDC"))
    effect = await house.begin(await house.approve(await house.spend_piece(made["pay"])))
    await house.system.effects.fail(effect, "the platform says no")
    assert await house.value("SELECT status FROM reservation") == "voided"
    assert await house.value("SELECT max(reserved + spent) FROM budget_counter") == 0
    assert await house.value("SELECT kind FROM task WHERE parent_id = $1", made["pay"]) == "revise"
    row = await house.raw.fetchrow("SELECT status, cause FROM effect")
    assert tuple(row) == ("failed", "the platform says no")


async def test_money_of_an_effect_in_doubt_stays_reserved(house: Any) -> None:
    made = await house.running(house.node("pay", spend="50 USDC"))
    effect = await house.begin(await house.approve(await house.spend_piece(made["pay"])))
    await house.system.effects.mark_unknown(effect, "no answer", datetime.now(UTC))
    assert await house.value("SELECT status FROM reservation") == "pending"


async def test_an_effect_in_doubt_is_read_back_and_then_reconciled(house: Any) -> None:
    made = await house.running()
    effect = await house.begin(await house.approved(made["a"]))
    await house.system.effects.mark_unknown(effect, "no answer", datetime.now(UTC))
    again = await house.begin(effect.effect_id)
    assert (again.status, again.attempt, again.idempotency_key) == (EffectStatus.UNKNOWN, 2, effect.idempotency_key)
    with pytest.raises(Superseded):
        await house.system.effects.finish(effect, house.receipt())
    await house.system.effects.finish(again, house.receipt())
    assert await house.effect_status(effect.effect_id) == "reconciled"
    assert await house.value("SELECT count(*) FROM publication") == 1


async def test_an_effect_that_certainly_did_not_happen_may_be_tried_again_when_it_is_due(house: Any) -> None:
    made = await house.running()
    effect = await house.begin(await house.approved(made["a"]))
    await house.system.effects.retry(effect, "not there", datetime.now(UTC) + SOON)
    assert await house.effect_status(effect.effect_id) == "authorised"
    assert await house.begins(effect.effect_id) == []
    await house.raw.execute("UPDATE effect SET due_at = now()")
    again = await house.begin(effect.effect_id)
    assert (again.status, again.tries) == (EffectStatus.EXECUTING, 2)


async def test_reading_back_uses_up_no_tries(house: Any) -> None:
    made = await house.running()
    effect = await house.begin(await house.approved(made["a"]))
    assert (effect.attempt, effect.tries) == (1, 1)
    for attempt in (2, 3, 4):
        await house.system.effects.mark_unknown(effect, "no answer", datetime.now(UTC))
        effect = await house.begin(effect.effect_id)
        assert (effect.status, effect.attempt, effect.tries) == (EffectStatus.UNKNOWN, attempt, 1)
    await house.system.effects.retry(effect, "it is not there", datetime.now(UTC))
    effect = await house.begin(effect.effect_id)
    assert (effect.status, effect.attempt, effect.tries) == (EffectStatus.EXECUTING, 5, 2)


async def test_an_effect_found_executing_after_a_crash_is_unknown(house: Any) -> None:
    made = await house.running()
    effect = await house.begin(await house.approved(made["a"]))
    again = await house.begin(effect.effect_id, redelivered=True)
    assert (again.status, again.attempt) == (EffectStatus.UNKNOWN, 2)
    with pytest.raises(Superseded):
        await house.system.effects.finish(effect, house.receipt())


async def test_the_sweep_takes_an_effect_back_from_a_lost_process_as_unknown(house: Any) -> None:
    made = await house.running()
    effect = await house.begin(await house.approved(made["a"]))
    assert (await house.swept())[Stage.PUBLISH] == set()
    await house.lose_process()
    assert (await house.swept())[Stage.PUBLISH] == {effect.effect_id}
    assert await house.effect_status(effect.effect_id) == "unknown"


async def test_an_effect_that_a_living_process_has_lost_track_of_is_unknown(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b"))
    lost, held = [await house.begin(await house.approved(made[key])) for key in "ab"]
    await house.system.effects.release_lost_claims(house.process_id, [], 5)
    await house.system.effects.release_lost_claims(new_id(), [], 0)
    assert [await house.effect_status(each.effect_id) for each in (lost, held)] == ["executing", "executing"]
    await house.system.effects.release_lost_claims(house.process_id, [held.effect_id], 0)
    assert [await house.effect_status(each.effect_id) for each in (lost, held)] == ["unknown", "executing"]
    with pytest.raises(Superseded):
        await house.system.effects.finish(await house.begin(lost.effect_id) and lost, house.receipt())


async def test_the_sweep_finds_an_effect_that_redis_has_lost(house: Any) -> None:
    made = await house.running()
    effect_id = await house.approved(made["a"])
    assert (await house.swept())[Stage.PUBLISH] == {effect_id}


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"tenant_id": new_id()}, "another tenant"),
        ({"content_hash": "0" * 64}, "not the one that was approved"),
        ({"soul_hash": "0" * 64}, "persona has changed"),
        ({"state_version": 9}, "campaign has moved on"),
        ({"expires_at": datetime(2026, 1, 1, tzinfo=UTC)}, "has expired"),
    ],
)
async def test_a_grant_that_does_not_hold_lets_nothing_out(house: Any, changes: dict[str, Any], cause: str) -> None:
    made = await house.running()
    effect_id = await house.approve(await house.piece(made["a"]), **changes)
    assert await house.begins(effect_id) == []
    row = await house.raw.fetchrow("SELECT status, cause FROM effect")
    assert row["status"] == "failed" and cause in row["cause"]
    revision = await house.raw.fetchrow("SELECT kind, status FROM task WHERE parent_id = $1", made["a"])
    assert tuple(revision) == ("revise", "queued")


async def test_a_new_persona_and_a_pause_stop_what_is_approved_but_not_yet_out(house: Any) -> None:
    made = await house.running(house.node("a"))
    first = await house.approved(made["a"])
    other = await house.running(name="Other")
    second = await house.approved(other["a"])
    await house.system.campaigns.pause(house.tenant_id, made.campaign_id, "operator:me")
    assert await house.begins(first) == []
    assert await house.effect_status(first) == "failed"
    await house.system.accounts.import_persona(house.tenant_id, house.soul + "New.", "operator:me")
    assert await house.begins(second) == []
    assert await house.effect_status(second) == "failed"


async def test_a_grant_that_has_lapsed_does_not_stop_the_reading_back(house: Any) -> None:
    made = await house.running()
    effect = await house.begin(await house.approved(made["a"]))
    await house.system.campaigns.pause(house.tenant_id, made.campaign_id, "operator:me")
    again = await house.begin(effect.effect_id, redelivered=True)
    assert again.status is EffectStatus.UNKNOWN
    await house.system.effects.finish(again, house.receipt())
    assert await house.effect_status(effect.effect_id) == "reconciled"


@pytest.mark.parametrize("target", ["twitter-mcp", "twitter-mcp/post_tweet"])
async def test_a_halted_tool_is_not_called_and_its_effects_wait(house: Any, target: str) -> None:
    made = await house.running()
    effect_id = await house.approved(made["a"])
    await house.system.fleet.halt(house.tenant_id, HaltScope.TOOL, target, "storm", "operator:me")
    assert await house.begins(effect_id) == []
    assert await house.effect_status(effect_id) == "authorised"
    await house.system.fleet.resume(house.tenant_id, HaltScope.TOOL, target, "operator:me")
    assert len(await house.begins(effect_id)) == 1


async def test_a_halted_influencer_publishes_nothing(house: Any) -> None:
    made = await house.running()
    effect_id = await house.approved(made["a"])
    target = str(house.nora.agent_id)
    await house.system.fleet.halt(house.tenant_id, HaltScope.INFLUENCER, target, "storm", "operator:me")
    assert await house.begins(effect_id) == []
    assert (await house.swept())[Stage.PUBLISH] == set()
    assert await house.effect_status(effect_id) == "authorised"


async def test_what_waited_for_a_publication_starts_with_its_receipt(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b", "a"))
    effect = await house.begin(await house.approved(made["a"]))
    assert await house.status(made["b"]) == "pending"
    house.take_queued()
    await house.system.effects.finish(effect, house.receipt("77"))
    assert (house.queued, await house.status(made["b"])) == ({Stage.WORK: [made["b"]]}, "queued")
    (upstream,) = (await house.claim(made["b"])).upstream
    assert (upstream.task_id, upstream.external_ids) == (made["a"], ["77"])


async def test_what_waits_for_an_effect_in_doubt_goes_on_waiting(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b", "a"))
    effect = await house.begin(await house.approved(made["a"]))
    await house.system.effects.mark_unknown(effect, "no answer", datetime.now(UTC))
    await house.swept()
    assert await house.status(made["b"]) == "pending"


async def test_one_bad_grant_does_not_keep_its_neighbours_in(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b"))
    bad = await house.approve(await house.piece(made["a"]), state_version=9)
    good = await house.approved(made["b"])
    assert [effect.effect_id for effect in await house.begins(bad, good)] == [good]


async def test_an_effect_that_fails_after_its_campaign_was_cancelled_is_not_planned_anew(house: Any) -> None:
    made = await house.running()
    effect = await house.begin(await house.approved(made["a"]))
    await house.system.campaigns.cancel(house.tenant_id, made.campaign_id, "operator:me")
    assert await house.effect_status(effect.effect_id) == "executing"
    await house.system.effects.fail(effect, "the platform says no")
    assert await house.value("SELECT count(*) FROM task WHERE status = 'queued'") == 0


async def test_the_last_look_lets_an_effect_in_hand_through(house: Any) -> None:
    made = await house.running()
    effect = await house.begin(await house.approved(made["a"]))
    await house.system.effects.clear(effect)
    await house.system.effects.mark_unknown(effect, "no answer", datetime.now(UTC))
    await house.system.effects.clear(await house.begin(effect.effect_id))


@pytest.mark.parametrize("scope", [*HaltScope])
async def test_the_last_look_sees_a_halt_of_every_scope(house: Any, scope: HaltScope) -> None:
    """Pulled after the effect was begun and before its platform is asked."""
    made = await house.running()
    effect = await house.begin(await house.approved(made["a"]))
    target = {
        HaltScope.INFLUENCER: str(house.nora.agent_id),
        HaltScope.CAMPAIGN: str(made.campaign_id),
        HaltScope.TOOL: "twitter-mcp/post_tweet",
    }.get(scope, "*")
    await house.system.fleet.halt(house.tenant_id, scope, target, "storm", "operator:me")
    with pytest.raises(Halted, match="an operator has stopped it"):
        await house.system.effects.clear(effect)
    await house.system.fleet.resume(house.tenant_id, scope, target, "operator:me")
    await house.system.effects.clear(effect)


async def test_a_halt_of_something_else_stops_no_effect(house: Any, other_tenant: Any) -> None:
    made = await house.running()
    effect = await house.begin(await house.approved(made["a"]))
    halt = house.system.fleet.halt
    await halt(house.tenant_id, HaltScope.TOOL, "twitter-mcp/promote_tweet", "storm", "operator:me")
    await halt(house.tenant_id, HaltScope.CAMPAIGN, str(house.nora.campaign_id), "storm", "operator:me")
    await halt(other_tenant[0], HaltScope.TENANT, "*", "storm", "operator:you")
    await house.system.effects.clear(effect)


async def test_the_last_look_of_whoever_has_lost_the_effect_says_so(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b"), house.node("c"))
    taken, given_back, over = [await house.begin(await house.approved(made[key], f"Piece {key}")) for key in "abc"]
    await house.begin(taken.effect_id, redelivered=True)
    await house.system.effects.mark_unknown(given_back, "no answer", datetime.now(UTC))
    await house.system.effects.finish(over, house.receipt())
    for effect in (taken, given_back, over):
        with pytest.raises(Superseded, match="in other hands"):
            await house.system.effects.clear(effect)


async def test_many_last_looks_at_once_have_an_answer_each(house: Any) -> None:
    keys = [f"n{number}" for number in range(12)]
    made = await house.running(*(house.node(key) for key in keys))
    begun = [await house.begin(await house.approved(made[key], f"Piece {key}")) for key in keys]
    for effect in begun[:4]:
        await house.begin(effect.effect_id, redelivered=True)
    stopped = [effect.effect_id for effect in begun[4:8]]
    await house.raw.execute("UPDATE effect SET tool = 'create_thread' WHERE effect_id = ANY($1)", stopped)
    await house.system.fleet.halt(house.tenant_id, HaltScope.TOOL, "twitter-mcp/create_thread", "x", "operator:me")
    answers = await asyncio.gather(*(house.system.effects.clear(each) for each in begun), return_exceptions=True)
    assert [type(each) for each in answers] == [Superseded] * 4 + [Halted] * 4 + [type(None)] * 4


async def test_a_question_without_a_time_waits_for_a_human_and_one_with_a_time_is_read_back_too(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b"))
    first, second = [await house.begin(await house.approved(made[key], f"Piece {key}")) for key in "ab"]
    await house.system.effects.ask(first, "Is it out?", None)
    await house.system.effects.ask(second, "Is it out?", datetime.now(UTC))
    assert (await house.swept())[Stage.PUBLISH] == {second.effect_id}
    assert [each.effect_id for each in await house.begins(first.effect_id, second.effect_id)] == [second.effect_id]
    assert await house.effect_status(first.effect_id) == "unknown"
    assert await house.value("SELECT cause FROM effect WHERE effect_id = $1", first.effect_id) == "Is it out?"
    with pytest.raises(Superseded):
        await house.system.effects.ask(first.model_copy(update={"attempt": 9}), "And now?", None)


async def test_a_question_that_is_put_again_is_in_the_trail_once_and_keeps_its_age(house: Any) -> None:
    made = await house.running()
    effect = await house.begin(await house.approved(made["a"]))
    await house.system.effects.ask(effect, "Is it out?", datetime.now(UTC))
    asked_at = await house.value("SELECT asked_at FROM effect")
    again = await house.begin(effect.effect_id)
    await house.system.effects.ask(again, "Is it out by now?", None)
    row = await house.raw.fetchrow("SELECT asked_at, question FROM effect")
    assert tuple(row) == (asked_at, "Is it out by now?")
    assert await house.value("SELECT count(*) FROM audit_event WHERE action = 'effect.asked'") == 1


@pytest.mark.parametrize("disclosure", [*Disclosure])
async def test_a_publication_says_how_it_was_disclosed(house: Any, disclosure: Disclosure) -> None:
    made = await house.running()
    piece = await house.piece(made["a"])
    order = house.effect(piece).model_copy(update={"disclosure": disclosure})
    await house.commit(piece, effect=order)
    effect = await house.begin(house.queued[Stage.PUBLISH][0])
    assert effect.disclosure is disclosure
    await house.system.effects.finish(effect, house.receipt())
    assert await house.value("SELECT disclosure FROM publication") == disclosure.value
