"""A human's word: bound to exactly what was seen, and the piece published as approved or made anew (JDG-4)."""

import pytest
from tests.journeys.fleet import LIMITLESS, Fleet, Json, brief, dispatch, result, soul, until

from chimera.provenance.rules.hashes import content_hash
from chimera.values import KeyRole

pytestmark = pytest.mark.asyncio(loop_scope="session")

THREAD = [
    "AI comes from people who asked where thinking comes from.",
    "Tell where AI comes from, and somebody will listen.",
]
WORDS = "AI is reshaping the future ðŸš€ #AI #InfluencerTech"


async def held(fleet: Fleet, content: str | list[str] = WORDS, action: str = "post_tweet") -> Json:
    """A piece of an outside agent that rests on no fact, and so waits for a human; needs a Judge at work."""
    await fleet.post("/v1/tasks", dispatch("piece", action, worker="external"))
    await fleet.post("/v1/tasks/claim", {}, 200)
    await fleet.post("/v1/tasks/piece/result", result("piece", content))
    await fleet.task("piece", "awaiting_approval")
    return await fleet.approval()


async def test_an_approved_piece_is_published_exactly_as_it_was_approved(fleet: Fleet) -> None:
    async with fleet.working():
        approval = await held(fleet)
        path = f"/v1/approvals/{approval['approval_id']}/approve"
        await fleet.post(path, {"note": "Lovely."}, role=KeyRole.REVIEWER)
        envelope = await fleet.delivered("piece")
    (post,) = await fleet.published_once()
    assert [post["text"]] == approval["content"] == [WORDS]
    receipt = await fleet.read_back(envelope["delivery"]["idempotency_key"])
    assert receipt["found"]
    assert approval["content_hash"] == content_hash([WORDS])
    human = envelope["verdicts"][-1]
    assert (human["judged_by"], human["decision"], human["reasons"]) == (
        "reviewer:reviewer",
        "approve",
        ["Lovely."],
    )
    decided = await fleet.get(f"/v1/approvals/{approval['approval_id']}")
    assert (decided["status"], decided["decided_by"]) == ("approved", "reviewer:reviewer")


async def test_a_thread_is_published_whole_and_in_order_as_it_was_approved(fleet: Fleet) -> None:
    async with fleet.working():
        approval = await held(fleet, THREAD, "create_thread")
        await fleet.post(f"/v1/approvals/{approval['approval_id']}/approve", {})
        await fleet.delivered("piece")
    assert [post["text"] for post in await fleet.published_once()] == THREAD


async def test_every_part_of_what_was_approved_is_published_or_none_of_it(fleet: Fleet) -> None:
    """An outside agent may answer a single post with two: what a human approved is both of them."""
    await fleet.post("/v1/tasks", dispatch("piece", worker="external"))
    await fleet.post("/v1/tasks/claim", {}, 200)
    given = result("piece", THREAD)
    answer = await fleet.client.post(
        "/v1/tasks/piece/result", json=given, headers={"Authorization": f"Bearer {fleet.keys[KeyRole.OPERATOR]}"}
    )
    if answer.status_code == 202:
        async with fleet.working():
            envelope = await until(
                lambda: fleet.get("/v1/tasks/piece"),
                lambda found: found["status"] in ("awaiting_approval", "rejected", "failed", "dead_letter"),
            )
            if envelope["status"] == "awaiting_approval":
                await fleet.post(f"/v1/approvals/{(await fleet.approval())['approval_id']}/approve", {})
                await fleet.delivered("piece")
                assert [post["text"] for post in await fleet.posts()] == THREAD
    else:
        assert answer.status_code == 422


async def test_a_rejected_piece_is_made_anew_with_the_reviewers_note(fleet: Fleet) -> None:
    await fleet.post("/v1/personas", {"source": soul(fleet.account, sources=False)}, 201)
    async with fleet.working():
        campaign_id = await fleet.start(brief(sources=[], deliverables=[{"topics": ["AI history"]}], autostart=True))
        approval = await fleet.approval()
        path = f"/v1/approvals/{approval['approval_id']}/reject"
        await fleet.post(path, {"note": "Name the year, please."}, role=KeyRole.REVIEWER)
        tasks = await until(
            lambda: fleet.tasks_of(campaign_id),
            lambda rows: any(row["parent_id"] == approval["task_id"] and row["kind"] == "create" for row in rows),
        )
    anew = next(row for row in tasks if row["parent_id"] == approval["task_id"] and row["kind"] == "create")
    assert "Name the year, please" in anew["goal"]
    assert anew["revision"] == 1
    old = await fleet.get(f"/v1/tasks/{approval['task_id']}")
    assert (old["status"], old["verdicts"][-1]["judged_by"]) == ("rejected", "reviewer:reviewer")
    assert await fleet.posts() == []


async def test_rejections_end_when_the_bound_of_revisions_is_reached(fleet: Fleet) -> None:
    await fleet.put("/v1/policy", {**LIMITLESS, "max_revisions": 1})
    async with fleet.working():
        await fleet.post("/v1/tasks", dispatch("never", constraints={"max_word_count": 1}))
        tasks = await until(
            lambda: fleet.items("/v1/tasks"),
            lambda rows: [row["status"] for row in rows if row["kind"] == "create"] == ["rejected", "rejected"],
        )
    assert [row["revision"] for row in tasks if row["kind"] == "create"] == [1, 0]


async def test_an_edit_is_judged_again_and_published_in_its_new_words(fleet: Fleet) -> None:
    edited = "Where AI comes from is a question for patient readers."
    async with fleet.working():
        first = await held(fleet)
        path = f"/v1/approvals/{first['approval_id']}/edit"
        await fleet.post(path, {"content": edited, "note": "shorter"}, role=KeyRole.REVIEWER)
        second = await fleet.approval(content_hash=content_hash([edited]))
        assert second["content"] == [edited]
        assert second["reasoning"][-1] == "Edited by reviewer:reviewer"
        await fleet.post(f"/v1/approvals/{second['approval_id']}/approve", {}, role=KeyRole.REVIEWER)
        envelope = await fleet.delivered("piece")
    assert [post["text"] for post in await fleet.published_once()] == [edited]
    assert len(envelope["verdicts"]) == 3
    assert (await fleet.get(f"/v1/approvals/{first['approval_id']}"))["status"] == "edited"


async def test_an_edit_that_breaks_a_rule_is_rejected_though_a_human_wrote_it(fleet: Fleet) -> None:
    async with fleet.working():
        approval = await held(fleet)
        await fleet.post(f"/v1/approvals/{approval['approval_id']}/edit", {"content": "guaranteed returns"})
        envelope = await fleet.task("piece", "rejected")
    assert envelope["verdicts"][-1]["reasons"] == ["prohibited keyword: guaranteed returns"]


async def test_an_edit_has_the_shape_of_the_original(fleet: Fleet) -> None:
    async with fleet.working():
        approval = await held(fleet)
    problem = await fleet.post(f"/v1/approvals/{approval['approval_id']}/edit", {"content": ["a", "b"]}, 422)
    assert "shape" in problem["detail"]


async def test_an_approval_given_after_a_policy_change_is_a_conflict_and_a_rejection_still_works(
    fleet: Fleet,
) -> None:
    async with fleet.working():
        approval = await held(fleet)
        path = f"/v1/approvals/{approval['approval_id']}"
        await fleet.put("/v1/policy", {**LIMITLESS, "boundaries": ["Be kinder."]})
        problem = await fleet.post(f"{path}/approve", {}, 409)
        assert "has changed since this was judged" in problem["detail"]
        await fleet.post(f"{path}/edit", {"content": "new words"}, 409)
        await fleet.post(f"{path}/reject", {"note": "too late"})
        await until(
            lambda: fleet.items("/v1/tasks"),
            lambda rows: any(row["parent_id"] == approval["task_id"] and row["kind"] == "create" for row in rows),
        )
    assert await fleet.posts() == []


async def test_an_approval_given_after_a_pause_is_a_conflict(fleet: Fleet) -> None:
    async with fleet.working():
        campaign_id = await fleet.start(brief(sources=[], deliverables=[{"topics": ["AI history"]}], autostart=True))
        approval = await fleet.approval()
        await fleet.post(f"/v1/campaigns/{campaign_id}/pause", status=204)
        await fleet.post(f"/v1/approvals/{approval['approval_id']}/approve", {}, 409)
        await fleet.post(f"/v1/campaigns/{campaign_id}/start", status=204)
        await fleet.post(f"/v1/approvals/{approval['approval_id']}/approve", {}, 409)
    assert await fleet.posts() == []


async def test_an_approval_given_after_a_new_version_of_the_persona_is_a_conflict(fleet: Fleet) -> None:
    async with fleet.working():
        approval = await held(fleet)
    await fleet.post("/v1/personas", {"source": soul(fleet.account) + "\nI have grown older.\n"}, 201)
    problem = await fleet.post(f"/v1/approvals/{approval['approval_id']}/approve", {}, 409)
    assert problem["detail"].startswith("the persona has changed")


async def test_a_decision_is_made_once(fleet: Fleet) -> None:
    async with fleet.working():
        approval = await held(fleet)
        path = f"/v1/approvals/{approval['approval_id']}"
        await fleet.post(f"{path}/approve", {})
        for verb, body in (("approve", {}), ("reject", {}), ("edit", {"content": "x"})):
            problem = await fleet.post(f"{path}/{verb}", body, 409)
            assert "decided already" in problem["detail"]
        await fleet.delivered("piece")
    assert len(await fleet.published_once()) == 1


async def test_a_cancelled_task_leaves_no_approval_waiting(fleet: Fleet) -> None:
    async with fleet.working():
        await held(fleet)
    await fleet.post("/v1/tasks/piece/cancel", status=204)
    assert await fleet.items("/v1/approvals") == []
    assert [row["status"] for row in await fleet.items("/v1/approvals?status=stale")] == ["stale"]


async def test_a_cancelled_campaign_leaves_no_approval_waiting(fleet: Fleet) -> None:
    async with fleet.working():
        campaign_id = await fleet.start(brief(sources=[], deliverables=[{"topics": ["AI history"]}], autostart=True))
        await fleet.approval()
    await fleet.post(f"/v1/campaigns/{campaign_id}/cancel", status=204)
    assert await fleet.items("/v1/approvals") == []


async def test_a_sensitive_topic_waits_for_a_human_however_good_the_piece(fleet: Fleet) -> None:
    await fleet.put("/v1/policy", {**LIMITLESS, "sensitive_topics": {"science": ["the", "a", "of"]}})
    async with fleet.working():
        await fleet.post("/v1/tasks", dispatch("grounded"))
        envelope = await fleet.task("grounded", "awaiting_approval")
    verdict = envelope["verdicts"][-1]
    assert verdict["score"] >= 0.9
    assert verdict["topics"] == ["science"]
