"""What a platform answers is read with care: a receipt, a post that is found again, or an honest doubt (PUB-2)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import JsonValue
from tests.roles.fakes import FakeTools, make_effect

from chimera.errors import ToolFailed
from chimera.gateways.mcp.types import Platform, ReadBack
from chimera.publishing.types import Effect, Receipt
from chimera.roles.receipts import ReceiptReader, parts_of, receipt_of, texts_of

AT = datetime(2026, 11, 22, 10, 0, 1, tzinfo=UTC)
RECEIPT: dict[str, JsonValue] = {
    "found": True,
    "kind": "tweet",
    "ids": ["7"],
    "url": "social://local/nora/7",
    "created_at": "2026-11-22T10:00:01Z",
    "content_hash": "0" * 64,
    "likes": 3,
}
NOT_THERE: dict[str, JsonValue] = {"found": False}
BY_KEY = ReadBack(tool="find_by_idempotency_key")
BY_CONTENT = ReadBack(tool="list_mine", by="content")


def thread(*posts: JsonValue) -> Effect:
    said: list[JsonValue] = list(posts or ("one", "two", "three"))
    return make_effect(tool="create_thread", arguments={"account": "nora", "posts": said})


def listed(*texts: str, at: str | None = "2026-11-22T10:00:01Z") -> dict[str, JsonValue]:
    """An account's posts as a platform lists them: newest first."""
    shown: list[JsonValue] = [
        {"id": str(number), "text": text, "url": f"https://other/{number}", "created_at": at, "likes": 3}
        for number, text in enumerate(texts, 1)
    ]
    return {"posts": shown[::-1]}


async def found(effect: Effect, way: ReadBack, *answers: dict[str, JsonValue]) -> tuple[Receipt | None, FakeTools]:
    tools = FakeTools(answers=list(answers), other=Platform(read_back=way))
    return await ReceiptReader(tools).find(effect, way), tools


def test_a_receipt_is_what_the_platform_says_and_what_it_says_besides_is_left() -> None:
    receipt = receipt_of(RECEIPT, make_effect())
    assert (receipt.kind, receipt.ids, receipt.url, receipt.created_at) == ("tweet", ["7"], RECEIPT["url"], AT)
    assert not receipt.replayed


def test_a_platform_that_says_little_leaves_gaps_that_are_filled_with_what_is_known() -> None:
    receipt = receipt_of({}, make_effect())
    assert (receipt.kind, receipt.ids, receipt.url, receipt.content_hash) == ("post_tweet", [], "", "")
    assert abs(datetime.now(UTC) - receipt.created_at) < timedelta(minutes=1)


@pytest.mark.parametrize("data", [{"ids": "seven"}, {"created_at": "soon"}, {"url": 7}, {"ids": [None]}])
def test_an_answer_that_is_no_receipt_is_doubt_and_not_failure(data: dict[str, Any]) -> None:
    with pytest.raises(ToolFailed, match="something else than a receipt") as caught:
        receipt_of(data, make_effect())
    assert (caught.value.uncertain, caught.value.permanent) == (True, False)


def test_a_thread_of_which_nobody_says_what_is_out_is_in_doubt() -> None:
    with pytest.raises(ToolFailed, match="does not say which posts are out") as caught:
        receipt_of({**RECEIPT, "ids": []}, thread())
    assert caught.value.uncertain


def test_the_parts_are_those_of_a_thread_and_none_of_anything_else() -> None:
    assert parts_of(thread("one", "two")) == ["one", "two"]
    assert parts_of(thread("one", 2)) == ["one"]
    assert parts_of(make_effect()) == parts_of(make_effect(arguments={"posts": "one"})) == []


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        ({"text": "one"}, ["one"]),
        ({"posts": ["one", "two"]}, ["one", "two"]),
        ({"content": ["one"]}, ["one"]),
        ({"post_id": "5", "token_amount": "50 USDC"}, []),
        ({"text": "https://only.a.link/x"}, []),
        ({"posts": ["one", "https://only.a.link/x"]}, ["one", "https://only.a.link/x"]),
    ],
)
def test_what_an_effect_says_is_known_whatever_its_tool_calls_it(arguments: dict[str, Any], texts: list[str]) -> None:
    assert texts_of(make_effect(arguments={"account": "nora", **arguments})) == texts


async def test_a_post_by_a_tool_of_another_kind_is_found_by_its_text() -> None:
    """A tool that we know nothing of gets its texts as `content`."""
    effect = make_effect(tool="post_status", arguments={"account": "nora", "content": ["Old light is old."]})
    receipt, _ = await found(effect, BY_CONTENT, listed("Hello.", "Old light is old."))
    assert receipt is not None
    assert receipt.ids == ["2"]
    assert (await found(effect, BY_CONTENT, listed("Hello.")))[0] is None


async def test_by_its_key_a_post_is_found_with_one_question() -> None:
    receipt, tools = await found(make_effect(), BY_KEY, RECEIPT)
    assert receipt == receipt_of(RECEIPT, make_effect())
    assert tools.calls == [("twitter-mcp", "find_by_idempotency_key", {"account": "nora", "idempotency_key": "chm-1"})]
    assert (await found(make_effect(), BY_KEY, NOT_THERE))[0] is None


async def test_a_thread_is_found_as_far_as_it_is_out() -> None:
    receipt, tools = await found(thread(), BY_KEY, RECEIPT, {**RECEIPT, "ids": ["8"]}, NOT_THERE)
    assert receipt is not None
    assert receipt.ids == ["7", "8"]
    assert [given["idempotency_key"] for _, _, given in tools.calls] == ["chm-1", "chm-1.1", "chm-1.2"]
    whole, tools = await found(thread(), BY_KEY, {**RECEIPT, "ids": ["7", "8", "9"]})
    assert whole is not None
    assert (whole.ids, len(tools.calls)) == (["7", "8", "9"], 1)


async def test_by_its_text_a_post_is_found_whatever_the_platform_has_made_of_it() -> None:
    receipt, tools = await found(make_effect(), BY_CONTENT, listed("Hello.", "old LIGHT is  old. https://t.example/x"))
    assert receipt is not None
    assert (receipt.ids, receipt.url, receipt.created_at) == (["2"], "https://other/2", AT)
    assert tools.calls == [("twitter-mcp", "list_mine", {"account": "nora"})]


@pytest.mark.parametrize(
    "posts",
    [
        listed("Something else."),
        listed("Old light is old. Or is it?"),
        listed("Old light is old.", at="2026-11-21T10:00:00Z"),
        listed(),
    ],
)
async def test_neither_another_text_nor_an_older_one_is_taken_for_it(posts: dict[str, JsonValue]) -> None:
    assert (await found(make_effect(), BY_CONTENT, posts))[0] is None


@pytest.mark.parametrize("at", ["2026-11-22T09:56:00Z", None])
async def test_a_clock_that_is_a_little_behind_and_one_that_is_missing_do_not_hide_a_post(at: str | None) -> None:
    assert (await found(make_effect(), BY_CONTENT, listed("Old light is old.", at=at)))[0] is not None


async def test_of_a_thread_the_posts_from_the_first_on_are_found_by_their_texts() -> None:
    for texts, ids in (
        (("one", "two", "three"), ["1", "2", "3"]),
        (("one", "hello", "two"), ["1", "3"]),
        (("one", "three"), ["1"]),
    ):
        receipt, _ = await found(thread(), BY_CONTENT, listed(*texts))
        assert receipt is not None
        assert receipt.ids == ids
    assert (await found(thread(), BY_CONTENT, listed("two", "three")))[0] is None


async def test_a_post_of_a_thread_that_is_but_a_link_counts_as_one() -> None:
    said = ("one", "https://a.example/1", "three")
    receipt, _ = await found(thread(*said), BY_CONTENT, listed("one", "https://short.example/9", "three"))
    assert receipt is not None
    assert receipt.ids == ["1", "2", "3"]


async def test_a_thread_that_says_one_thing_twice_is_not_complete_when_it_is_out_once() -> None:
    receipt, _ = await found(thread("look", "up", "look"), BY_CONTENT, listed("look", "up"))
    assert receipt is not None
    assert receipt.ids == ["1", "2"]
    whole, _ = await found(thread("look", "up", "look"), BY_CONTENT, listed("look", "up", "look"))
    assert whole is not None
    assert whole.ids == ["1", "2", "3"]


@pytest.mark.parametrize("data", [{}, {"posts": "none"}, {"posts": [{"text": "x"}]}, {"posts": ["x"]}])
async def test_a_list_that_is_none_says_nothing_about_what_is_out(data: dict[str, JsonValue]) -> None:
    with pytest.raises(ToolFailed, match="something else than posts"):
        await found(make_effect(), BY_CONTENT, data)
