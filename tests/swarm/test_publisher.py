"""The Publisher: one call for one grant, and a look at the platform before anything is done twice (PUB-2)."""

from dataclasses import dataclass
from uuid import UUID

import pytest
from pydantic import JsonValue
from tests.swarm.fakes import FakeEffects, FakeTools, make_effect, make_lease, soon

from chimera.contracts.claims import Effect
from chimera.contracts.errors import Invalid, NotFound, ToolFailed
from chimera.contracts.ids import new_id
from chimera.contracts.values import EffectStatus, Stage
from chimera.domain.retry import MAX_TRIES
from chimera.swarm.publisher import Publisher

RECEIPT: dict[str, JsonValue] = {
    "found": True,
    "kind": "tweet",
    "ids": ["7"],
    "url": "social://local/nora/7",
    "created_at": "2026-11-22T10:00:00Z",
    "content_hash": "0" * 64,
}
UNKNOWN = EffectStatus.UNKNOWN


async def test_an_approved_piece_is_one_call_with_the_servers_key_and_its_receipt_is_kept() -> None:
    effects, tools = FakeEffects(), FakeTools(RECEIPT)
    follow_up = await Publisher(effects, tools).handle(make_effect())
    ((server, tool, arguments),) = tools.calls
    assert (server, tool) == ("twitter-mcp", "post_tweet")
    assert arguments["idempotency_key"] == "chm-1"
    assert effects.happened == [("finish", "social://local/nora/7")]
    assert effects.receipts[0].ids == ["7"]
    assert list(follow_up) == [Stage.WORK]


@pytest.mark.parametrize(("label", "said"), [(True, "platform label"), (None, "in the profile")])
async def test_the_receipt_says_how_the_ai_was_disclosed(label: bool | None, said: str) -> None:
    effects = FakeEffects()
    arguments: dict[str, JsonValue] = {"account": "nora", "text": "x"} | ({"ai_label": label} if label else {})
    await Publisher(effects, FakeTools(RECEIPT)).handle(make_effect(arguments=arguments))
    assert effects.receipts[0].disclosure == said


async def test_a_doubtful_effect_is_read_back_and_never_called_again() -> None:
    effects, tools = FakeEffects(), FakeTools(RECEIPT)
    await Publisher(effects, tools).handle(make_effect(status=UNKNOWN))
    assert [tool for _, tool, _ in tools.calls] == ["find_by_idempotency_key"]
    assert effects.happened == [("finish", "social://local/nora/7")]


async def test_a_doubtful_effect_that_the_platform_does_not_have_may_be_tried_again() -> None:
    effects, tools = FakeEffects(), FakeTools({"found": False, "idempotency_key": "chm-1"})
    assert await Publisher(effects, tools).handle(make_effect(status=UNKNOWN)) == {}
    assert [what for what, _ in effects.happened] == ["retry"]


async def test_an_answer_that_is_no_receipt_is_doubt_and_not_failure() -> None:
    with pytest.raises(ToolFailed, match="something else than a receipt") as caught:
        await Publisher(FakeEffects(), FakeTools({"ids": "seven"})).handle(make_effect())
    assert caught.value.uncertain


async def test_a_platform_that_cannot_be_read_back_leaves_the_doubt_to_a_human() -> None:
    effects = FakeEffects()
    publisher = Publisher(effects, FakeTools(RECEIPT))
    effect = make_effect(status=UNKNOWN, server="other-mcp")
    with pytest.raises(ToolFailed, match="a human has to look") as caught:
        await publisher.handle(effect)
    await publisher.give_up(effect, caught.value, soon())
    assert [what for what, _ in effects.happened] == ["doubt"]


@pytest.mark.parametrize(
    ("error", "tries", "status", "became"),
    [
        (ToolFailed("timed out", uncertain=True), 1, EffectStatus.EXECUTING, "doubt"),
        (ToolFailed("timed out", uncertain=True), MAX_TRIES, EffectStatus.EXECUTING, "doubt"),
        (TimeoutError(), 1, EffectStatus.EXECUTING, "doubt"),
        (ValueError("what"), 1, EffectStatus.EXECUTING, "doubt"),
        (ToolFailed("error_500", uncertain=False), 1, EffectStatus.EXECUTING, "retry"),
        (ToolFailed("error_500", uncertain=False), MAX_TRIES, EffectStatus.EXECUTING, "fail"),
        (ToolFailed("cannot be reached", uncertain=False, away=True), MAX_TRIES + 9, EffectStatus.EXECUTING, "retry"),
        (ToolFailed("too_long", uncertain=False, permanent=True), 1, EffectStatus.EXECUTING, "fail"),
        (NotFound("no such tool"), 1, EffectStatus.EXECUTING, "fail"),
        (Invalid("no"), 1, EffectStatus.EXECUTING, "fail"),
        (ToolFailed("the server is down", uncertain=False, permanent=True), 9, UNKNOWN, "doubt"),
        (NotFound("no such tool"), 1, UNKNOWN, "doubt"),
    ],
)
async def test_what_may_have_happened_is_never_called_failed(
    error: Exception, tries: int, status: EffectStatus, became: str
) -> None:
    effects = FakeEffects()
    await Publisher(effects, FakeTools()).give_up(make_effect(tries=tries, status=status), error, soon())
    assert [what for what, _ in effects.happened] == [became]


async def test_it_claims_effects_and_names_them_by_their_task() -> None:
    publisher, lease = Publisher(FakeEffects(), FakeTools()), make_lease()
    (effect,) = await publisher.claim([lease], new_id())
    assert publisher.label(effect) == (lease.id, str(effect.task_id))


@dataclass
class FakePayer:
    """`ports.Payer`: has paid, or says why not."""

    paid: str | None = None
    error: ToolFailed | None = None

    async def pay(self, reservation_id: UUID, asset_id: UUID) -> str | None:
        if self.error is not None:
            raise self.error
        return self.paid


def promotion(status: EffectStatus = EffectStatus.EXECUTING) -> Effect:
    return make_effect(tool="promote_tweet", reservation_id=new_id(), status=status)


@pytest.mark.parametrize(("paid", "said"), [("0xabc", "0xabc"), (None, None)], ids=["by wallet", "on the bill"])
async def test_what_is_paid_for_comes_with_the_payments_reference(paid: str | None, said: str | None) -> None:
    tools = FakeTools(RECEIPT)
    await Publisher(FakeEffects(), tools, FakePayer(paid)).handle(promotion())
    assert tools.calls[0][2].get("payment_reference") == said


async def test_what_cannot_be_paid_for_is_not_asked_for() -> None:
    tools = FakeTools(RECEIPT)
    with pytest.raises(ToolFailed, match="insufficient_funds"):
        refusal = ToolFailed("insufficient_funds", uncertain=False, permanent=True)
        await Publisher(FakeEffects(), tools, FakePayer(error=refusal)).handle(promotion())
    assert tools.calls == []


@pytest.mark.parametrize(
    ("answer", "happened"),
    [({"found": False}, ("fail", "insufficient_funds")), (RECEIPT, ("finish", "social://local/nora/7"))],
    ids=["the platform does not have it", "the platform has it"],
)
async def test_a_doubtful_effect_that_can_never_be_paid_ends_by_what_the_platform_says(
    answer: dict[str, JsonValue], happened: tuple[str, str]
) -> None:
    effects, tools = FakeEffects(), FakeTools(answer)
    refusal = ToolFailed("insufficient_funds", uncertain=False, permanent=True)
    await Publisher(effects, tools, FakePayer(error=refusal)).handle(promotion(UNKNOWN))
    assert effects.happened == [happened]
    assert [tool for _, tool, _ in tools.calls] == ["find_by_idempotency_key"]


@pytest.mark.parametrize(
    "error", [ToolFailed("no word", uncertain=True), ToolFailed("the signer is away", uncertain=False)], ids=str
)
async def test_a_doubtful_effect_whose_payment_is_open_stays_in_doubt(error: ToolFailed) -> None:
    effects, tools, effect = FakeEffects(), FakeTools(RECEIPT), promotion(UNKNOWN)
    publisher = Publisher(effects, tools, FakePayer(error=error))
    with pytest.raises(ToolFailed) as caught:
        await publisher.handle(effect)
    await publisher.give_up(effect, caught.value, soon())
    assert ([what for what, _ in effects.happened], tools.calls) == (["doubt"], [])


def test_reading_back_is_no_try_but_makes_the_pauses_longer() -> None:
    publisher = Publisher(FakeEffects(), FakeTools())
    assert publisher.tries(make_effect(tries=2, attempt=7)) == 2
    assert publisher.tries(make_effect(tries=2, attempt=7, status=UNKNOWN)) == 7
