"""From an approved piece to its one call, and every reason why the call may not be made (PUB-1)."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import JsonValue

from chimera.gateways.mcp.types import Disclosure, Platform
from chimera.ids import new_id
from chimera.provenance.rules.hashes import FORMULA, content_hash
from chimera.publishing.rules import calls as publishing
from chimera.publishing.types import Grant
from chimera.tasks import rules
from chimera.tasks.types.messages import Upstream
from chimera.tasks.types.work import Artifact, DispatchContext, TaskDispatch, ToolCall
from chimera_protocol.errors import Invalid

NOW = datetime(2026, 2, 5, 14, 5, tzinfo=UTC)
TENANT = new_id()
GRANT = Grant(
    tenant_id=TENANT,
    content_hash=content_hash(["one", "two"]),
    content_formula=FORMULA,
    soul_hash="1" * 64,
    state_version=3,
    limit=None,
    expires_at=NOW + timedelta(hours=1),
)


def objection(**changes: Any) -> str | None:
    facts: dict[str, Any] = {
        "tenant_id": TENANT,
        "parts": ["one", "two"],
        "files": [],
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
        ({"files": ["7" * 64]}, "not the one that was approved"),
        ({"soul_hash": "2" * 64}, "persona has changed"),
        ({"state_version": 4}, "campaign has moved on"),
        ({"state_version": 2}, "campaign has moved on"),
        ({"now": GRANT.expires_at}, "has expired"),
        ({"now": GRANT.expires_at + timedelta(days=1)}, "has expired"),
    ],
)
def test_a_grant_for_something_else_is_refused_with_the_reason(changes: dict[str, Any], said: str) -> None:
    assert said in (objection(**changes) or "")


def test_a_grant_from_before_the_formula_had_a_name_still_holds() -> None:
    old = {"content_hash": hashlib.sha256(b"one").hexdigest(), "content_formula": None}
    grant = GRANT.model_copy(update=old)
    known = {"tenant_id": TENANT, "soul_hash": "1" * 64, "state_version": 3, "now": NOW}
    assert publishing.objection(grant, parts=["one"], files=[], **known) is None
    assert publishing.objection(grant, parts=["two"], files=[], **known) is not None


def test_a_grant_holds_to_its_last_moment() -> None:
    assert objection(now=GRANT.expires_at - timedelta(microseconds=1)) is None


LABELLED = Platform(ai_label="ai_label")


def arguments(
    action: str, parameters: dict[str, JsonValue], upstream: list[Upstream] | None = None, platform: Platform = LABELLED
) -> dict[str, Any]:
    dispatch = TaskDispatch(
        execution_id="e",
        context=DispatchContext(persona="Nora", goal="g"),
        tool_call=ToolCall(target_mcp="twitter-mcp", action=action, parameters=parameters),
    )
    thread = Artifact(type="thread", content=["one", "two"])
    return publishing.arguments(dispatch, thread, "Nora", upstream or [], platform)


def published(*ids: str) -> Upstream:
    return Upstream(task_id=new_id(), external_ids=list(ids), url="")


def test_a_thread_is_posted_whole_and_labelled() -> None:
    assert arguments("create_thread", {}) == {"account": "Nora", "posts": ["one", "two"], "ai_label": True}


def test_a_post_is_labelled() -> None:
    assert arguments("post_tweet", {}) == {"account": "Nora", "text": "one", "ai_label": True}


def test_a_label_is_set_only_where_the_platform_has_one() -> None:
    assert arguments("post_tweet", {}, platform=Platform()) == {"account": "Nora", "text": "one"}
    assert arguments("post_tweet", {}, platform=Platform(ai_label="made_by_ai"))["made_by_ai"] is True


@pytest.mark.parametrize(
    ("tool", "platform", "how"),
    [
        ("post_tweet", LABELLED, Disclosure.LABEL),
        ("create_thread", Platform(), Disclosure.TEXT),
        ("promote_tweet", Platform(), Disclosure.NONE),
    ],
)
def test_every_piece_says_by_one_means_that_an_ai_made_it(tool: str, platform: Platform, how: Disclosure) -> None:
    assert publishing.disclosure(tool, platform) is how


def test_the_disclosure_stands_in_the_first_text_and_only_once() -> None:
    once = publishing.disclosed(["one", "two"], "AI-made")
    assert once == ["one\n\nAI-made", "two"]
    assert publishing.disclosed(once, "AI-made") == once
    assert rules.weighted_length(once[0]) == rules.weighted_length("one") + publishing.room_for("AI-made")


@pytest.mark.parametrize("given", ["Old  light\nis OLD https://t.co/x", "old light is old", " Old light is old."[:-1]])
def test_a_text_is_known_again_however_the_platform_spaces_and_links_it(given: str) -> None:
    assert publishing.fingerprint(given) == publishing.fingerprint("Old light is old https://example.org/a")


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
    made = arguments("make_card", {"colour": "red", "account": "Eve", "content": ["forged"]}, platform=Platform())
    assert made == {"colour": "red", "account": "Nora", "content": ["one", "two"]}
