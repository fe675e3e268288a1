"""The Publisher: one call for one grant, and a look at the platform before anything is done twice (PUB-2)."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from pydantic import JsonValue
from tests.roles.fakes import FakeEffects, FakeTools, make_effect, make_lease, soon

from chimera.errors import Halted, Superseded, ToolFailed
from chimera.gateways.mcp.types import Platform, ReadBack
from chimera.ids import new_id
from chimera.media.types import Altered
from chimera.publishing.types import Effect
from chimera.retry import MAX_TRIES
from chimera.roles.publisher import Publisher
from chimera.values import EffectStatus
from chimera_protocol.errors import ChimeraError, Invalid, NotFound

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
    await Publisher(effects, tools).handle(make_effect())
    ((server, tool, arguments),) = tools.calls
    assert (server, tool) == ("twitter-mcp", "post_tweet")
    assert arguments["idempotency_key"] == "chm-1"
    assert effects.happened == [("finish", "social://local/nora/7")]
    assert effects.receipts[0].ids == ["7"]


async def test_a_doubtful_effect_is_read_back_and_never_called_again() -> None:
    effects, tools = FakeEffects(), FakeTools(RECEIPT)
    await Publisher(effects, tools).handle(make_effect(status=UNKNOWN))
    assert [tool for _, tool, _ in tools.calls] == ["find_by_idempotency_key"]
    assert effects.happened == [("finish", "social://local/nora/7")]


async def test_a_doubtful_effect_that_the_platform_does_not_have_may_be_tried_again() -> None:
    effects, tools = FakeEffects(), FakeTools({"found": False, "idempotency_key": "chm-1"})
    await Publisher(effects, tools).handle(make_effect(status=UNKNOWN))
    assert [what for what, _ in effects.happened] == ["retry"]


async def failed(publisher: Publisher, effect: Effect) -> ToolFailed:
    """Handle an effect that fails, and give it up as the bench does."""
    with pytest.raises(ToolFailed) as caught:
        await publisher.handle(effect)
    await publisher.on_failure(effect, caught.value, soon())
    return caught.value


async def test_a_platform_that_cannot_be_read_back_leaves_the_doubt_to_a_human() -> None:
    effects, tools = FakeEffects(), FakeTools(RECEIPT)
    await failed(Publisher(effects, tools), make_effect(status=UNKNOWN, server="other-mcp"))
    ((what, question),) = effects.happened
    assert (what, effects.asked_until) == ("ask", [None])
    assert question.startswith("Is it out? other-mcp cannot be read back")
    assert tools.calls == []


@pytest.mark.parametrize(
    "arguments",
    [{"account": "nora", "post_id": "5", "token_amount": "50 USDC"}, {"account": "nora", "text": "https://a.b"}],
)
async def test_what_says_nothing_is_not_looked_for_by_its_text_and_never_done_twice(
    arguments: dict[str, JsonValue],
) -> None:
    effects, tools = FakeEffects(), FakeTools(shown("Something else."), other=OTHER)
    silent = make_effect(status=UNKNOWN, server="other-mcp", tool="promote_tweet", arguments=arguments)
    await failed(Publisher(effects, tools), silent)
    assert [what for what, _ in effects.happened] == ["ask"]
    assert tools.calls == []


async def test_a_platform_that_never_tells_is_asked_on_and_a_human_too() -> None:
    effects = FakeEffects()
    publisher = Publisher(effects, FakeTools(error=ToolFailed("rubbish", uncertain=False)))
    await failed(publisher, make_effect(status=UNKNOWN, attempt=10))
    ((what, question),) = effects.happened
    assert what == "ask"
    assert "does not tell: rubbish" in question
    assert effects.asked_until[0] is not None


@pytest.mark.parametrize(
    ("error", "became"), [(Halted("an operator has stopped it"), "retry"), (Superseded("in other hands"), None)]
)
async def test_the_last_look_is_before_the_platform_is_asked(error: ChimeraError, became: str | None) -> None:
    effects, tools = FakeEffects(objection=error), FakeTools(RECEIPT)
    publisher, effect = Publisher(effects, tools), make_effect()
    with pytest.raises(type(error)):
        await publisher.handle(effect)
    assert tools.calls == []
    if became is not None:
        await publisher.on_failure(effect, error, soon())
        assert [what for what, _ in effects.happened] == [became]


POSTS: list[JsonValue] = ["one", "two", "three", "four"]


def thread(status: EffectStatus = EffectStatus.EXECUTING, server: str = "twitter-mcp") -> Effect:
    arguments: dict[str, JsonValue] = {"account": "nora", "posts": POSTS, "ai_label": True}
    return make_effect(tool="create_thread", status=status, arguments=arguments, server=server)


def out(*ids: str) -> dict[str, JsonValue]:
    return {**RECEIPT, "kind": "thread", "ids": list(ids), "url": f"social://local/nora/{ids[0]}"}


async def test_a_thread_that_stopped_half_way_is_continued_at_the_missing_part() -> None:
    effects, tools = FakeEffects(), FakeTools(answers=[out("7", "8"), out("9"), out("10")])
    await Publisher(effects, tools).handle(thread())
    assert [tool for _, tool, _ in tools.calls] == ["create_thread", "reply_tweet", "reply_tweet"]
    said = [
        (arguments["text"], arguments["in_reply_to"], arguments["idempotency_key"])
        for _, _, arguments in tools.calls[1:]
    ]
    assert said == [("three", "8", "chm-1.2"), ("four", "9", "chm-1.3")]
    assert effects.receipts[0].ids == ["7", "8", "9", "10"]
    assert effects.receipts[0].url == "social://local/nora/7"
    assert effects.looked == 3


async def test_a_half_thread_that_is_found_again_is_continued_too() -> None:
    effects = FakeEffects()
    tools = FakeTools(answers=[out("7", "8"), out("9"), {"found": False}, out("10")])
    await Publisher(effects, tools).handle(thread(UNKNOWN))
    found = "find_by_idempotency_key"
    assert [tool for _, tool, _ in tools.calls] == [found, found, found, "reply_tweet"]
    assert tools.calls[-1][2]["text"] == "four"
    assert effects.receipts[0].ids == ["7", "8", "9", "10"]


@pytest.mark.parametrize(
    ("error", "became", "told"),
    [
        (ToolFailed("error_500", uncertain=False), "doubt", "2 of 4 posts of the thread are out: error_500"),
        (ToolFailed("timed out", uncertain=True), "doubt", "2 of 4 posts"),
        (ToolFailed("invalid: no", uncertain=False, permanent=True), "ask", "the rest is refused: invalid: no"),
    ],
)
async def test_half_a_thread_is_never_begun_anew(error: ToolFailed, became: str, told: str) -> None:
    effects = FakeEffects()
    await failed(Publisher(effects, FakeTools(answers=[out("7", "8"), error])), thread())
    ((what, cause),) = effects.happened
    assert what == became
    assert told in cause


def shown(*texts: str, at: str = "2026-11-22T10:00:01Z") -> dict[str, JsonValue]:
    """An account's posts as a platform lists them: newest first."""
    posts: list[JsonValue] = [
        {"id": str(number), "text": text, "url": f"https://other/{number}", "created_at": at, "likes": 3}
        for number, text in enumerate(texts, 1)
    ]
    return {"posts": posts[::-1]}


OTHER = Platform(ai_label="ai", read_back=ReadBack(tool="list_mine", by="content"), thread_part="append")


async def test_a_platform_without_keys_is_searched_for_the_text() -> None:
    effects, tools = FakeEffects(), FakeTools(shown("Hello.", "old LIGHT is  old."), other=OTHER)
    await Publisher(effects, tools).handle(make_effect(status=UNKNOWN, server="other-mcp"))
    assert effects.happened == [("finish", "https://other/2")]
    assert [tool for _, tool, _ in tools.calls] == ["list_mine"]


async def test_half_a_thread_is_found_by_its_texts_and_continued() -> None:
    effects, tools = FakeEffects(), FakeTools(answers=[shown("one", "two"), out("9"), out("10")], other=OTHER)
    await Publisher(effects, tools).handle(thread(UNKNOWN, "other-mcp"))
    assert [(tool, given.get("text")) for _, tool, given in tools.calls[1:]] == [
        ("append", "three"),
        ("append", "four"),
    ]
    assert effects.receipts[0].ids == ["1", "2", "9", "10"]


async def test_a_pause_that_the_platform_asks_for_is_kept() -> None:
    effects, begun = FakeEffects(), soon()
    busy = ToolFailed("429", uncertain=False, away=True, pause=900)
    await Publisher(effects, FakeTools()).on_failure(make_effect(), busy, begun)
    assert effects.due[0] > begun + timedelta(minutes=10)


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
        (Altered("the file is not what was approved"), 1, EffectStatus.EXECUTING, "fail"),
        (ToolFailed("the server is down", uncertain=False, permanent=True), 9, UNKNOWN, "doubt"),
        (NotFound("no such tool"), 1, UNKNOWN, "doubt"),
    ],
)
async def test_what_may_have_happened_is_never_called_failed(
    error: Exception, tries: int, status: EffectStatus, became: str
) -> None:
    effects = FakeEffects()
    await Publisher(effects, FakeTools()).on_failure(make_effect(tries=tries, status=status), error, soon())
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
    await publisher.on_failure(effect, caught.value, soon())
    assert ([what for what, _ in effects.happened], tools.calls) == (["doubt"], [])


def test_reading_back_is_no_try_but_makes_the_pauses_longer() -> None:
    publisher = Publisher(FakeEffects(), FakeTools())
    assert publisher.tries(make_effect(tries=2, attempt=7)) == 2
    assert publisher.tries(make_effect(tries=2, attempt=7, status=UNKNOWN)) == 7
