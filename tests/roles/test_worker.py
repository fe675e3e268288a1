"""The Worker: pieces that rest on facts, spends that ask first, and never a deed on the outside."""

from typing import Any

import pytest
from pydantic import JsonValue
from tests.roles.fakes import (
    WALLET,
    FakeMemory,
    FakeModel,
    FakePulse,
    FakeTools,
    FakeWork,
    make_task,
    soon,
    told,
)
from tests.roles.treasuries import GRANTED, REFUSED, FakeTreasury

from chimera.errors import ModelFailed, Superseded, ToolFailed
from chimera.gateways.mcp.types import Platform
from chimera.money.types.authorization import CfoAnswer
from chimera.retry import MAX_TRIES
from chimera.roles.worker import Worker
from chimera.tasks.rules import weighted_length
from chimera.tasks.types.messages import Task
from chimera.tasks.types.work import Draft
from chimera.values import Role, TaskStatus
from chimera_protocol.errors import Invalid, NotFound

ITEMS: dict[str, JsonValue] = {
    "items": [{"id": "f1", "title": "Old light", "summary": "Light takes its time.", "extra": {"x": 1}}]
}
SPEND: dict[str, Any] = {"token_amount": "50 USDC", "wallet": WALLET, "purpose": "reach"}


def worker(work: FakeWork, model: FakeModel, tools: FakeTools, answer: CfoAnswer = GRANTED) -> Worker:
    return Worker(work, work, work, model, tools, FakeMemory(), FakeTreasury(answer), FakePulse())


def drafted(*posts: str) -> FakeModel:
    return FakeModel(Draft(posts=list(posts or ["Light takes its time."]), sources=["f1"], confidence=80))


async def test_a_piece_is_written_from_the_facts_of_the_sources() -> None:
    work, model, tools = FakeWork(), drafted(), FakeTools(ITEMS)
    await worker(work, model, tools).handle(make_task(constraints={"max_word_count": 50}))
    ((role, prompt, seed),) = model.prompts
    given = told(model)
    assert role is Role.WORKER
    assert [fact["id"] for fact in given["facts"]] == ["f1"]
    assert given["memories"] == ["I once wrote about old light."]
    assert given["earlier"] == ["An earlier piece."]
    assert (given["character_limit"], given["constraints"]["max_word_count"]) == (280, 50)
    (result,) = work.submitted
    assert result.artifact is not None
    assert result.artifact.parts == ["Light takes its time."]
    assert result.metadata.seeds == [str(seed)]
    assert result.metadata.prompt == prompt
    assert result.self_assessment_score == 0.8
    assert result.judge_evaluation is None


async def test_every_tool_call_is_logged_by_the_hash_of_its_arguments() -> None:
    work, tools = FakeWork(), FakeTools(ITEMS)
    await worker(work, drafted(), tools).handle(make_task())
    (record,) = work.submitted[0].metadata.tool_log
    assert (record.server, record.tool, record.outcome) == ("news-mcp", "list_items", "ok")
    assert tools.calls == [("news-mcp", "list_items", {"feed": "night-sky", "limit": 20})]


@pytest.mark.parametrize(
    ("action", "posts", "kind", "parts"),
    [
        ("post_tweet", ["a"], "text", ["a"]),
        ("reply_tweet", ["a"], "reply", ["a"]),
        ("create_thread", ["1/2 a", "2/2 b"], "thread", ["1/2 a", "2/2 b"]),
        ("post_tweet", ["a", "b"], "text", ["a\n\nb"]),
    ],
)
async def test_the_artifact_has_the_shape_that_the_tool_takes(
    action: str, posts: list[str], kind: str, parts: list[str]
) -> None:
    work = FakeWork()
    await worker(work, drafted(*posts), FakeTools(ITEMS)).handle(make_task(action))
    artifact = work.submitted[0].artifact
    assert artifact is not None
    assert (artifact.type, artifact.parts) == (kind, parts)


@pytest.mark.parametrize(("length", "wanted"), [("3 tweets", 3), (2, 2), ("many", 1), ("999", 25), (None, 1)])
async def test_the_length_of_a_thread_is_read_as_people_write_it(length: JsonValue, wanted: int) -> None:
    model = drafted()
    task = make_task("create_thread", parameters={"topic": "light", "length": length})
    await worker(FakeWork(), model, FakeTools(ITEMS)).handle(task)
    assert told(model)["length"] == wanted


async def test_a_source_that_answers_nonsense_is_a_failed_tool() -> None:
    with pytest.raises(ToolFailed, match="something else than items"):
        await worker(FakeWork(), drafted(), FakeTools({"items": "soup"})).handle(make_task())


async def test_money_is_asked_for_once_per_task_and_its_result_says_so() -> None:
    work, task, treasury = FakeWork(), make_task("promote_tweet", parameters=SPEND), FakeTreasury(GRANTED)
    role = Worker(work, work, work, FakeModel(), FakeTools(), FakeMemory(), treasury, FakePulse())
    await role.handle(task)
    (order,) = treasury.orders
    assert order.idempotency_key == f"task-{task.task_id}"
    assert (order.tenant_id, order.campaign_id) == (task.tenant_id, task.campaign_id)
    assert str(order.request.money) == "50 USDC"
    assert (work.submitted[0].status, work.submitted[0].metadata.model_used) == ("completed", "rules")


async def test_refused_money_is_a_refused_result_with_the_figures_in_its_trace() -> None:
    work = FakeWork()
    task = make_task("promote_tweet", parameters={**SPEND, "token_amount": "500 USDC"})
    await worker(work, FakeModel(), FakeTools(), REFUSED).handle(task)
    (result,) = work.submitted
    assert result.status == "refused"
    assert "limit is 200 USDC" in result.reasoning_trace[-1]
    assert result.self_assessment_score == 0


@pytest.mark.parametrize("bad", [{"token_amount": "lots"}, {"wallet": ""}, {"token_amount": "0 USDC"}])
async def test_a_spend_that_is_none_never_reaches_the_cfo(bad: dict[str, Any]) -> None:
    treasury = FakeTreasury(GRANTED)
    role = Worker(work := FakeWork(), work, work, FakeModel(), FakeTools(), FakeMemory(), treasury, FakePulse())
    with pytest.raises(Invalid, match="not a transaction request"):
        await role.handle(make_task("promote_tweet", parameters={**SPEND, **bad}))
    assert treasury.orders == []


async def test_a_task_that_was_taken_over_is_left_to_its_new_holder() -> None:
    with pytest.raises(Superseded):
        await worker(FakeWork(taken_over=True), drafted(), FakeTools(ITEMS)).handle(make_task())


async def test_a_worker_only_ever_reads() -> None:
    tools = FakeTools(ITEMS)
    for action in ("post_tweet", "create_thread", "reply_tweet"):
        await worker(FakeWork(), drafted(), tools).handle(make_task(action))
    assert {tool for _, tool, _ in tools.calls} == {"list_items"}


@pytest.mark.parametrize(
    ("error", "tries", "buried", "postponed"),
    [
        (Invalid("no"), 1, TaskStatus.FAILED, 0),
        (NotFound("gone"), 1, TaskStatus.FAILED, 0),
        (ModelFailed("rubbish"), 1, None, 1),
        (TimeoutError(), MAX_TRIES - 1, None, 1),
    ],
)
async def test_failures_are_retried_within_bounds_and_lasting_ones_end(
    error: Exception, tries: int, buried: TaskStatus | None, postponed: int
) -> None:
    work = FakeWork()
    await worker(work, FakeModel(), FakeTools()).on_failure(make_task(tries=tries), error, soon())
    assert [status for status, _ in work.buried] == ([buried] if buried else [])
    assert len(work.postponed) == postponed


def reply(server: str = "twitter-mcp") -> Task:
    task = make_task("reply_tweet", parameters={"topic": "old light", "in_reply_to": "5"})
    call = task.dispatch.tool_call.model_copy(update={"target_mcp": server})
    return task.model_copy(update={"dispatch": task.dispatch.model_copy(update={"tool_call": call})})


async def said_to(mention: str, *posts: str, tools: FakeTools | None = None, server: str = "twitter-mcp") -> str:
    """What the Worker hands in as its answer to a post."""
    work, tools = FakeWork(), tools or FakeTools()
    tools.answers = [ITEMS, {"text": mention}]
    await worker(work, drafted(*posts), tools).handle(reply(server))
    artifact = work.submitted[0].artifact
    assert artifact is not None
    return artifact.parts[0]


@pytest.mark.parametrize(
    ("wrote", "said"),
    [
        ("Light takes its time.", "I am an AI. Light takes its time."),
        ("Yes, I am an AI, and light takes its time.", "Yes, I am an AI, and light takes its time."),
        ("I am a human, of course.", "I am an AI."),
        ("I'm not a bot. Light takes its time.", "I am an AI."),
        ("x" * 275, "I am an AI."),
    ],
)
async def test_whoever_asks_whether_an_ai_writes_is_told_first_whatever_the_model_wrote(wrote: str, said: str) -> None:
    assert await said_to("Wait, are you a bot?", wrote) == said


async def test_whoever_asks_something_else_gets_the_answer_as_it_is() -> None:
    assert await said_to("How old is that light?", "Light takes its time.") == "Light takes its time."


async def test_the_post_that_is_answered_is_read_and_put_before_the_model_as_data() -> None:
    work, model, tools = FakeWork(), drafted(), FakeTools(answers=[ITEMS, {"text": "Are you real?" + "!" * 9_000}])
    await worker(work, model, tools).handle(reply())
    assert tools.calls[1] == ("twitter-mcp", "read_post", {"post_id": "5"})
    assert told(model)["mention"] == "Are you real?" + "!" * 1_987
    assert [record.tool for record in work.submitted[0].metadata.tool_log] == ["list_items", "read_post"]


async def test_on_a_platform_that_shows_no_posts_the_answer_is_written_without_the_question() -> None:
    tools = FakeTools(ITEMS, other=Platform(ai_label="ai"))
    model = drafted()
    await worker(FakeWork(), model, tools).handle(reply("other-mcp"))
    assert "mention" not in told(model)
    assert [tool for _, tool, _ in tools.calls] == ["list_items"]


BARE = Platform(max_length=100, read_post="read_post")


async def test_a_platform_without_a_label_gets_the_disclosure_in_the_text_and_room_for_it() -> None:
    work, model, tools = FakeWork(), drafted("x" * 89), FakeTools(ITEMS, other=BARE)
    task = reply("other-mcp")
    plain = task.dispatch.tool_call.model_copy(update={"action": "post_tweet", "parameters": {}})
    task = task.model_copy(update={"dispatch": task.dispatch.model_copy(update={"tool_call": plain})})
    await worker(work, model, tools).handle(task)
    assert told(model)["character_limit"] == 100 - len("AI-made") - 2
    artifact = work.submitted[0].artifact
    assert artifact is not None
    assert artifact.parts == [f"{'x' * 89}\n\nAI-made"]
    assert weighted_length(artifact.parts[0]) <= 100


async def test_a_thread_is_disclosed_in_its_first_post_and_once() -> None:
    work, tools = FakeWork(), FakeTools(ITEMS, other=BARE)
    task = make_task("create_thread")
    call = task.dispatch.tool_call.model_copy(update={"target_mcp": "other-mcp"})
    task = task.model_copy(update={"dispatch": task.dispatch.model_copy(update={"tool_call": call})})
    await worker(work, drafted("one", "two"), tools).handle(task)
    await worker(work, drafted("one, AI-made", "two"), tools).handle(task)
    assert [made.artifact.parts for made in work.submitted if made.artifact] == [
        ["one\n\nAI-made", "two"],
        ["one, AI-made", "two"],
    ]


@pytest.mark.parametrize("length", range(70, 100, 3))
async def test_the_admission_and_the_disclosure_together_stay_within_the_limit(length: int) -> None:
    said = await said_to("Are you a bot?", "x" * length, tools=FakeTools(other=BARE), server="other-mcp")
    assert said.startswith("I am an AI.")
    assert said.endswith("AI-made")
    assert weighted_length(said) <= 100
