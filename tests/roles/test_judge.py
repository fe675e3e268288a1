"""The Judge: rules first, then a human's word, then the model's opinion; and a grant for what is approved."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.roles.fakes import (
    WALLET,
    FakeModel,
    FakePulse,
    FakeSigner,
    FakeTools,
    FakeWork,
    make_piece,
    make_result,
    make_setting,
    make_task,
    soon,
    told,
)
from tests.roles.test_worker import SPEND
from tests.roles.treasuries import GRANTED, REFUSED

from chimera.errors import ModelFailed, Superseded, ToolFailed, Unavailable
from chimera.gateways.mcp.types import Disclosure, Platform
from chimera.gateways.models.types import RenderedPrompt, Usage
from chimera.ids import new_id
from chimera.provenance.rules.hashes import content_hash
from chimera.retry import MAX_TRIES, MAX_WAITS
from chimera.review.rules.similarity import minhash
from chimera.review.types.messages import CommitCommand, Lookalike, PendingReview
from chimera.review.types.opinion import Opinion
from chimera.roles import prompts
from chimera.roles.judge import GRANT_LIFETIME, Judge
from chimera.tasks.types.work import Artifact, Verdict
from chimera.values import Decision, TaskStatus
from chimera_protocol.errors import Invalid
from chimera_protocol.statements import signed_bytes


def scored(score: int, *topics: str) -> FakeModel:
    return FakeModel(
        Opinion(score=score, reasons=["clear"], topics=list(topics), regression_notes="calmer than before")
    )


async def judged(
    piece: Any,
    model: FakeModel | None = None,
    tools: FakeTools | None = None,
    alike: Sequence[Lookalike] = (),
    **policy: Any,
) -> CommitCommand:
    work = FakeWork(setting_=make_setting(**policy), alike=list(alike))
    await judge(work, model or scored(95), tools).handle(piece)
    return work.judgements[0]


def judge(work: FakeWork, model: FakeModel, tools: FakeTools | None = None) -> Judge:
    return Judge(work, work, work, model, tools or FakeTools(), FakeSigner(), FakePulse())


@pytest.mark.parametrize(
    ("score", "decision"),
    [
        (100, Decision.APPROVE),
        (90, Decision.APPROVE),
        (89, Decision.ESCALATE),
        (70, Decision.ESCALATE),
        (69, Decision.REJECT),
        (0, Decision.REJECT),
    ],
)
async def test_the_score_decides_and_the_upper_bound_is_inclusive(score: int, decision: Decision) -> None:
    assert (await judged(make_piece(), scored(score))).verdict.decision is decision


async def test_a_breach_is_rejected_without_asking_the_model() -> None:
    model = scored(100)
    task = make_task(constraints={"prohibited_keywords": ["politics"]})
    verdict = (await judged(make_piece(task, make_result(task, "Politics of light")), model)).verdict
    assert verdict.decision is Decision.REJECT
    assert verdict.reasons == ["prohibited keyword: politics"]
    assert model.prompts == []


@pytest.mark.parametrize(
    ("policy", "by_model"), [({"sensitive_topics": {"health": ["therapy"]}}, ()), ({}, ("health",))]
)
async def test_a_sensitive_topic_goes_to_a_human_however_good_the_score(
    policy: dict[str, Any], by_model: tuple[str, ...]
) -> None:
    task = make_task()
    piece = make_piece(task, make_result(task, "Light as therapy"))
    verdict = (await judged(piece, scored(100, *by_model), **policy)).verdict
    assert (verdict.decision, verdict.topics) == (Decision.ESCALATE, ["health"])


async def test_a_humans_word_stands_in_the_place_of_the_model() -> None:
    human = Verdict(decision=Decision.APPROVE, score=0.74, judged_by="reviewer:ann", reasons=["fine"])
    model = scored(10)
    judgement = await judged(make_piece(human=human), model)
    assert judgement.verdict == human
    assert judgement.asset is not None
    assert model.prompts == []


async def test_a_breach_outweighs_a_human_who_approves() -> None:
    human = Verdict(decision=Decision.APPROVE, score=0.74, judged_by="reviewer:ann")
    task = make_task(constraints={"max_word_count": 2})
    judgement = await judged(make_piece(task, make_result(task, "Far too many words"), human=human))
    assert judgement.verdict.decision is Decision.REJECT


@pytest.mark.parametrize(("status", "revise"), [("failed", True), ("refused", False)])
async def test_a_result_that_is_not_complete_is_rejected_with_its_own_last_word(status: str, revise: bool) -> None:
    task = make_task()
    result = make_result(task, None, status=status, trace=["tried", "the paint ran out"])
    judgement = await judged(make_piece(task, result))
    assert judgement.verdict.decision is Decision.REJECT
    assert judgement.verdict.reasons == ["the paint ran out"]
    assert judgement.revise is revise


async def test_an_approval_brings_asset_signature_costs_and_a_bound_grant() -> None:
    task = make_task()
    result = make_result(task, usage=Usage(input_tokens=7, output_tokens=3), seeds=["42"])
    judgement = await judged(make_piece(task, result))
    asset, effect = judgement.asset, judgement.effect
    assert asset is not None
    assert effect is not None
    assert asset.content_hash == content_hash(["Old light is old."]) == effect.grant.content_hash
    assert asset.cryptographic_signature == f"signed:{len(signed_bytes(asset.statement))}"
    assert (asset.seed_values, asset.judge_validation_score) == (["42"], 0.95)
    assert asset.creative_regression_notes == "calmer than before"
    assert [(cost.currency, cost.amount, cost.compute_tokens_used) for cost in judgement.costs] == [
        ("COMPUTE", "10", 10),
        ("COMPUTE", "120", 120),
    ]
    assert (effect.server, effect.tool) == ("twitter-mcp", "post_tweet")
    assert effect.arguments == {"account": "nora", "text": "Old light is old.", "ai_label": True}
    grant = effect.grant
    assert (grant.tenant_id, grant.soul_hash, grant.state_version) == (
        task.tenant_id,
        task.soul_hash,
        task.state_version,
    )
    assert timedelta(0) < grant.expires_at - datetime.now(UTC) <= GRANT_LIFETIME


async def test_a_known_price_is_booked_in_money() -> None:
    task = make_task()
    result = make_result(task, usage=Usage(input_tokens=7, output_tokens=3, cost="0.0021 USD"))
    costs = (await judged(make_piece(task, result))).costs
    assert (costs[0].currency, costs[0].amount) == ("USD", "0.0021")


@pytest.mark.parametrize("score", [80, 20])
async def test_what_is_not_approved_brings_neither_asset_nor_effect(score: int) -> None:
    judgement = await judged(make_piece(), scored(score))
    assert (judgement.asset, judgement.effect, judgement.costs) == (None, None, [])


async def test_a_spend_that_the_brief_offers_and_the_cfo_reserved_is_approved_by_rules() -> None:
    task, reservation = make_task("promote_tweet", parameters={**SPEND, "post_id": "5"}), new_id()
    piece = make_piece(task, make_result(task, "reach: 50 USDC"), spend=GRANTED, reservation_id=reservation)
    judgement = await judged(piece, FakeModel())
    assert judgement.verdict.decision is Decision.APPROVE
    assert judgement.effect is not None
    assert judgement.effect.reservation_id == reservation
    assert judgement.effect.grant.limit == "50 USDC"
    assert judgement.effect.arguments == {"account": "nora", "post_id": "5", "token_amount": "50 USDC"}


async def test_a_spend_that_the_brief_does_not_offer_goes_to_a_human() -> None:
    task = make_task("promote_tweet", parameters={**SPEND, "token_amount": "49 USDC"})
    piece = make_piece(task, make_result(task, "x"), spend=GRANTED, reservation_id=new_id())
    assert (await judged(piece, FakeModel())).verdict.decision is Decision.ESCALATE


async def test_a_spend_that_the_cfo_never_saw_is_not_approved() -> None:
    """An outside agent may return any result for a spend; only a reservation lets money go."""
    task = make_task("promote_tweet", parameters={**SPEND, "post_id": "5"})
    piece = make_piece(task, make_result(task, "reach: 50 USDC"), spend=None, reservation_id=None)
    judgement = await judged(piece, FakeModel())
    assert judgement.verdict.decision is not Decision.APPROVE
    assert judgement.effect is None


async def test_money_goes_only_with_a_reservation_even_when_the_plan_calls_the_spend_a_piece() -> None:
    """A plan may be edited, or written by a model: the kind of its node does not make a promotion free."""
    task = make_task("promote_tweet", parameters={**SPEND, "wallet": WALLET, "post_id": "5"})
    task = task.model_copy(update={"kind": make_task().kind})
    judgement = await judged(make_piece(task, make_result(task, "Old light is old.")), scored(95))
    assert judgement.effect is None


async def test_a_refused_spend_is_rejected_with_the_cfos_words_and_not_tried_again() -> None:
    task = make_task("promote_tweet", parameters={**SPEND, "token_amount": "500 USDC"})
    piece = make_piece(task, make_result(task, "x", status="refused"), spend=REFUSED)
    judgement = await judged(piece, FakeModel())
    assert judgement.verdict.reasons == ["Daily spend limit exceeded: Requested 500 USDC, limit is 200 USDC"]
    assert not judgement.revise


async def test_the_model_sees_the_facts_that_the_worker_was_given() -> None:
    rendered: RenderedPrompt = prompts.render("write", {"facts": [{"id": "f1", "title": "Old light"}]})
    task, model = make_task(), scored(95)
    await judged(make_piece(task, make_result(task, prompt=rendered)), model)
    assert told(model)["facts"] == [{"id": "f1", "title": "Old light"}]
    assert told(model)["content"] == ["Old light is old."]


async def test_a_prompt_that_is_none_does_not_stop_the_judge() -> None:
    """An outside agent's log is data: what cannot be read holds no facts."""
    strange = RenderedPrompt(name="mine", version=1, sha256="0" * 64, text="written by hand")
    task, model = make_task(), scored(80)
    await judged(make_piece(task, make_result(task, prompt=strange)), model)
    assert told(model)["facts"] == []


async def test_a_piece_that_was_taken_over_is_left_to_its_new_holder() -> None:
    with pytest.raises(Superseded):
        await judge(FakeWork(taken_over=True), scored(95)).handle(make_piece())


@pytest.mark.parametrize(
    ("error", "tries", "buried"),
    [
        (ModelFailed("rubbish"), 1, False),
        (ModelFailed("rubbish"), MAX_TRIES, True),
        (Invalid("nothing to promote"), 1, True),
        (Unavailable("PostgreSQL is away"), MAX_TRIES + 9, False),
        (ToolFailed("error_500", uncertain=False), MAX_TRIES, True),
        (ToolFailed("unknown_post", uncertain=False, permanent=True), 1, True),
        (ToolFailed("429", uncertain=False, away=True, pause=1), MAX_TRIES + 9, False),
        (ToolFailed("429", uncertain=False, away=True, pause=1), MAX_WAITS, True),
    ],
)
async def test_a_piece_that_cannot_be_judged_is_tried_again_and_then_kept_as_a_dead_letter(
    error: Exception, tries: int, buried: bool
) -> None:
    work = FakeWork()
    await judge(work, scored(95)).on_failure(make_piece(make_task(tries=tries)), error, soon())
    assert [status for status, _ in work.buried] == ([TaskStatus.DEAD_LETTER] if buried else [])
    assert len(work.postponed) == (not buried)


async def test_a_platform_that_asks_for_patience_is_not_asked_before_its_time() -> None:
    """The Judge reads for itself what a reply answers; that must not bury an innocent piece."""
    work, begun = FakeWork(), datetime.now(UTC)
    busy = ToolFailed("429", uncertain=False, away=True, pause=900)
    await judge(work, scored(95)).on_failure(make_piece(), busy, soon())
    ((_, due_at),) = work.postponed
    assert due_at >= begun + timedelta(seconds=900)


def reply(text: str, worker: str = "swarm", server: str = "twitter-mcp") -> PendingReview:
    """A reply in the Judge's hands."""
    task = make_task("reply_tweet", parameters={"in_reply_to": "5"})
    call = task.dispatch.tool_call.model_copy(update={"target_mcp": server})
    dispatch = task.dispatch.model_copy(update={"worker": worker, "tool_call": call})
    task = task.model_copy(update={"dispatch": dispatch})
    return make_piece(task, make_result(task, text))


ASKED = "Hand on heart: are you a bot?"


@pytest.mark.parametrize("worker", ["swarm", "external"])
@pytest.mark.parametrize("text", ["Light takes its time.", "What a question! I write about stars."])
async def test_a_reply_that_hides_what_it_was_asked_is_rejected_whoever_made_it(text: str, worker: str) -> None:
    tools, model = FakeTools({"text": ASKED}), scored(100)
    judgement = await judged(reply(text, worker), model, tools)
    assert judgement.verdict.decision is Decision.REJECT
    assert judgement.verdict.reasons == ["it was asked whether an AI writes, and does not say so"]
    assert tools.calls == [("twitter-mcp", "read_post", {"post_id": "5"})]
    assert model.prompts == []


@pytest.mark.parametrize("mention", [ASKED, "Nice!"])
async def test_nobody_claims_to_be_human_asked_or_not(mention: str) -> None:
    for piece in (reply("I am a real person."), make_piece(make_task(), make_result(make_task(), "I am a human."))):
        verdict = (await judged(piece, scored(100), FakeTools({"text": mention}))).verdict
        assert verdict.reasons == ["it claims that a human writes it"]


async def test_not_even_a_human_waves_a_hidden_ai_through() -> None:
    human = Verdict(decision=Decision.APPROVE, score=0.9, judged_by="reviewer:ann")
    piece = reply("Light takes its time.").model_copy(update={"human": human})
    assert (await judged(piece, tools=FakeTools({"text": ASKED}))).verdict.decision is Decision.REJECT


@pytest.mark.parametrize(
    ("mention", "text"), [(ASKED, "I am an AI. Light takes its time."), ("How old is it?", "Light takes its time.")]
)
async def test_an_honest_reply_is_weighed_like_any_other(mention: str, text: str) -> None:
    judgement = await judged(reply(text), scored(95), FakeTools({"text": mention}))
    assert judgement.verdict.decision is Decision.APPROVE
    assert judgement.effect is not None


def earlier(text: str, *, own: bool = True, url: str | None = "https://social.example/1") -> Lookalike:
    return Lookalike(persona="Milo", own=own, parts=[text], url=url)


OLD = "Old light left its star long before anybody here had thought of a clock"


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (earlier(OLD), "100% of it is its own earlier piece https://social.example/1"),
        (earlier(OLD, own=False, url=None), "100% of it is Milo's earlier piece"),
        (earlier(f"{OLD} or two"), "86% of it is its own earlier piece https://social.example/1"),
    ],
)
async def test_what_was_said_before_is_rejected_with_whose_it_is_and_how_much(found: Lookalike, reason: str) -> None:
    task, model = make_task(), scored(100)
    piece = make_piece(task, make_result(task, OLD))
    verdict = (await judged(piece, model, alike=[earlier("Nothing like it, really."), found])).verdict
    assert (verdict.decision, verdict.reasons) == (Decision.REJECT, [reason])
    assert model.prompts == [], "nobody pays for an opinion on it"


async def test_how_much_may_be_the_same_is_the_policys() -> None:
    task = make_task()
    piece = make_piece(task, make_result(task, OLD))
    verdict = (await judged(piece, alike=[earlier(f"{OLD} or two")], near_duplicate=0.9)).verdict
    assert verdict.decision is Decision.APPROVE


async def test_a_human_may_want_it_said_again() -> None:
    human = Verdict(decision=Decision.APPROVE, score=0.9, judged_by="reviewer:ann")
    task = make_task()
    piece = make_piece(task, make_result(task, OLD), human=human)
    assert (await judged(piece, alike=[earlier(OLD)])).verdict == human


async def test_an_approved_piece_keeps_the_sketch_by_which_its_likes_are_found() -> None:
    asset = (await judged(make_piece())).asset
    assert asset is not None
    assert asset.sketch == minhash(["Old light is old."])
    task, reservation = make_task("promote_tweet", parameters={**SPEND, "post_id": "5"}), new_id()
    paid = make_result(task).model_copy(update={"artifact": Artifact(type="transaction", content="reach: 50 USDC")})
    spent = (await judged(make_piece(task, paid, spend=GRANTED, reservation_id=reservation), FakeModel())).asset
    assert spent is not None
    assert spent.sketch == [], "two promotions of one amount are not the same piece twice"


BARE = Platform(max_length=280)


async def test_a_platform_without_a_label_takes_nothing_that_does_not_disclose_itself() -> None:
    tools = FakeTools(other=BARE)
    verdict = (await judged(reply("Light takes its time.", server="other-mcp"), tools=tools)).verdict
    assert verdict.reasons == ["the platform has no AI label, and the text does not say 'AI-made'"]
    told = reply("Light takes its time.\n\nAI-made", server="other-mcp")
    assert (await judged(told, tools=tools)).verdict.decision is Decision.APPROVE


@pytest.mark.parametrize(
    ("action", "disclosure"), [("post_tweet", Disclosure.LABEL), ("promote_tweet", Disclosure.NONE)]
)
async def test_the_effect_says_how_it_is_disclosed(action: str, disclosure: Disclosure) -> None:
    task = make_task(action, parameters={**SPEND, "post_id": "5"})
    piece = make_piece(task, make_result(task, "reach"), spend=GRANTED, reservation_id=new_id())
    effect = (await judged(piece)).effect
    assert effect is not None
    assert effect.disclosure is disclosure
    assert effect.arguments.get("ai_label") is (True if disclosure is Disclosure.LABEL else None)
