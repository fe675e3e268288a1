"""From an approved piece to its one call, and every reason why the call may not be made (PUB-1)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import JsonValue

from chimera.contracts.claims import Grant, Upstream
from chimera.contracts.errors import Invalid
from chimera.contracts.ids import new_id
from chimera.contracts.work import Artifact, DispatchContext, TaskDispatch, ToolCall
from chimera.domain import publishing
from chimera.domain.provenance import content_hash

NOW = datetime(2026, 2, 5, 14, 5, tzinfo=UTC)
TENANT = new_id()
GRANT = Grant(
    tenant_id=TENANT,
    content_hash=content_hash(["one", "two"]),
    soul_hash="1" * 64,
    state_version=3,
    limit=None,
    expires_at=NOW + timedelta(hours=1),
)


def objection(**changes: Any) -> str | None:
    facts: dict[str, Any] = {
        "tenant_id": TENANT,
        "parts": ["one", "two"],
        "soul_hash": "1" * 64,
        "state_version": 3,
        "now": NOW,
    }
    return publishing.objection(GRANT, **{**facts, **changes})


def test_a_grant_that_fits_holds() -> None:
    assert objection() is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tenant_id": new_id()}, "another tenant"),
        ({"parts": ["one two"]}, "not the one that was approved"),
        ({"parts": ["two", "one"]}, "not the one that was approved"),
        ({"soul_hash": "2" * 64}, "persona has changed"),
        ({"state_version": 4}, "campaign has moved on"),
        ({"state_version": 2}, "campaign has moved on"),
        ({"now": GRANT.expires_at}, "has expired"),
        ({"now": GRANT.expires_at + timedelta(days=1)}, "has expired"),
    ],
)
def test_a_grant_for_something_else_is_refused_with_the_reason(changes: dict[str, Any], said: str) -> None:
    assert said in (objection(**changes) or "")


def test_a_grant_holds_to_its_last_moment() -> None:
    assert objection(now=GRANT.expires_at - timedelta(microseconds=1)) is None


def arguments(action: str, parameters: dict[str, JsonValue], upstream: list[Upstream] | None = None) -> dict[str, Any]:
    dispatch = TaskDispatch(
        execution_id="e",
        context=DispatchContext(persona="Nora", goal="g"),
        tool_call=ToolCall(target_mcp="twitter-mcp", action=action, parameters=parameters),
    )
    thread = Artifact(type="thread", content=["one", "two"])
    return publishing.arguments(dispatch, thread, "Nora", upstream or [])


def published(*ids: str) -> Upstream:
    return Upstream(task_id=new_id(), external_ids=list(ids), url="")


def test_a_thread_is_posted_whole_and_labelled() -> None:
    assert arguments("create_thread", {}) == {"account": "Nora", "posts": ["one", "two"], "ai_label": True}


def test_a_post_is_labelled() -> None:
    assert arguments("post_tweet", {}) == {"account": "Nora", "text": "one", "ai_label": True}


def test_a_reply_goes_to_the_post_it_answers() -> None:
    assert arguments("reply_tweet", {"in_reply_to": "7"})["in_reply_to"] == "7"
    with pytest.raises(Invalid, match="in_reply_to"):
        arguments("reply_tweet", {})


def test_a_promotion_is_for_the_named_post_or_the_one_that_came_before() -> None:
    money: dict[str, JsonValue] = {"token_amount": "50 USDC"}
    assert arguments("promote_tweet", {**money, "post_id": "9"}, [published("8")])["post_id"] == "9"
    assert arguments("promote_tweet", money, [published("8", "7")]) == {
        "account": "Nora",
        "post_id": "8",
        "token_amount": "50 USDC",
    }
    for upstream in ([], [published()]):
        with pytest.raises(Invalid, match="nothing to promote"):
            arguments("promote_tweet", money, upstream)


def test_a_promotion_without_an_amount_is_refused() -> None:
    with pytest.raises(Invalid, match="token_amount"):
        arguments("promote_tweet", {"post_id": "9"})


def test_an_unknown_tool_gets_what_was_asked_and_cannot_pose_as_another_account() -> None:
    made = arguments("make_card", {"colour": "red", "account": "Eve", "content": ["forged"]})
    assert made == {"colour": "red", "account": "Nora", "content": ["one", "two"]}
