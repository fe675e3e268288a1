"""A campaign from its goal to posts that are really out there, signed, logged and paid for (ORC-9, PRV-3)."""

from pathlib import Path
from typing import Any

import pytest
from tests.journeys.fleet import WALLET, Fleet, brief, dispatch, promotions, soul, until

from chimera.gateways.mcp.host import ToolHost
from chimera.provenance.rules.hashes import content_hash
from chimera.values import Role
from chimera_protocol.statements import signed_bytes, verify

pytestmark = pytest.mark.asyncio(loop_scope="session")

PROMOTIONS = [
    {"token_amount": "50 USDC", "purpose": "Campaign ad spend", "wallet": WALLET},
    {"token_amount": "500 USDC", "purpose": "Front-page takeover", "wallet": WALLET},
]
SWARM_WITHOUT_JUDGE = (Role.PLANNER, Role.WORKER)
SWARM_WITHOUT_PUBLISHER = (Role.PLANNER, Role.WORKER, Role.JUDGE)


async def test_a_campaign_is_planned_shown_edited_and_run_as_edited(fleet: Fleet) -> None:
    async with fleet.working(Role.PLANNER):
        campaign_id = (await fleet.post("/v1/campaigns", brief(), 201))["campaign_id"]
        await fleet.post(f"/v1/campaigns/{campaign_id}/plan")
        await fleet.campaign(campaign_id, "planned")
    shown = await fleet.get(f"/v1/campaigns/{campaign_id}/plan")
    assert [line.split(":")[0] for line in shown["tree"]] == ["post-1", "post-2"]
    assert (shown["status"], shown["author"]) == ("draft", "composer")

    draft = shown["draft"]
    draft["nodes"] = [{**draft["nodes"][0], "key": "only", "goal": "Tell where AI history began"}]
    await fleet.put(f"/v1/campaigns/{campaign_id}/plan", draft, 204)
    again = await fleet.get(f"/v1/campaigns/{campaign_id}/plan")
    assert (again["draft"], again["author"]) == (draft, "operator:operator")
    assert await fleet.tasks_of(campaign_id) != []
    assert [task["kind"] for task in await fleet.tasks_of(campaign_id)] == ["plan"]

    await fleet.post(f"/v1/campaigns/{campaign_id}/start", status=204)
    async with fleet.working():
        await fleet.campaign(campaign_id, "finished")
    (task,) = [task for task in await fleet.tasks_of(campaign_id) if task["kind"] == "create"]
    assert (task["node_key"], task["goal"]) == ("only", "Tell where AI history began")
    assert len(await fleet.published_once()) == 1


async def test_what_is_published_is_on_the_network_with_asset_log_ledger_and_signature(fleet: Fleet) -> None:
    async with fleet.working():
        campaign_id = await fleet.start(brief(autostart=True))
        await fleet.campaign(campaign_id, "finished")
    posts = await fleet.published_once()
    assets = await fleet.items("/v1/assets")
    assert len(posts) == len(assets) == 2
    for asset in assets:
        whole = await fleet.get(f"/v1/assets/{asset['asset_id']}")
        envelope = await fleet.get(f"/v1/tasks/{asset['task_id']}")
        receipt = await fleet.read_back(envelope["delivery"]["idempotency_key"])
        assert receipt["found"]
        assert asset["content_hash"] == content_hash(asset["parts"])
        assert receipt["url"] == asset["url"] == envelope["delivery"]["url"]
        assert asset["published_at"] is not None
        assert asset["on_chain_verification"] is False
        statement = signed_bytes(asset["statement"])
        public_key = fleet.system.signer.public_key
        assert verify(asset["cryptographic_signature"], statement, public_key)
        assert asset["statement"]["soul_hash"] == asset["soul_hash"] == fleet.soul_hash
        assert (asset["model_version"], len(asset["seed_values"])) == ("composer", 1)
        (log,) = whole["log"]
        assert log["planner_intent"] == envelope["task_dispatch"]["context"]["goal"]
        assert log["worker_output_prompt"] == envelope["execution_result"]["metadata"]["prompt"]["text"]
        assert log["judge_validation_score"] == envelope["verdicts"][-1]["score"] >= 0.9
        assert {cost["entry"] for cost in whole["costs"]} == {"attributed"}
        assert sum(cost["compute_tokens_used"] for cost in whole["costs"]) > 0
        assert [step["kind"] for step in whole["ancestors"]] == ["create", "plan"]
    await fleet.books_balance()


async def test_a_promotion_is_paid_once_and_settled_and_a_refused_one_shows_the_403(
    fleet: Fleet, network: tuple[ToolHost, Path]
) -> None:
    async with fleet.working():
        campaign_id = await fleet.start(brief(promotions=PROMOTIONS, autostart=True))
        await fleet.campaign(campaign_id, "finished")
    spends = {
        task["goal"].split(" with ")[1][:3]: task
        for task in await fleet.tasks_of(campaign_id)
        if task["kind"] == "spend"
    }
    paid = await fleet.get(f"/v1/tasks/{spends['50 ']['task_id']}")
    refused = await fleet.get(f"/v1/tasks/{spends['500']['task_id']}")
    assert paid["financial_authorization"]["status"] == "authorized"
    assert paid["delivery"]["status"] == "done"
    assert refused["status"] == "rejected"
    answer = refused["financial_authorization"]
    assert (answer["status"], answer["error"]) == (403, "Daily spend limit exceeded")
    assert answer["details"] == "Requested 500 USDC, limit is 200 USDC"
    assert refused["delivery"] is None
    assert refused["children"] == []
    assert promotions(network[1], fleet.account) == ["50 USDC"]
    (limit,) = await fleet.tenant_limits()
    assert (limit["reserved"], limit["spent"]) == ("0", "50")
    entries = [row["entry"] for row in await fleet.items("/v1/transactions") if row["currency"] == "USDC"]
    assert entries == ["posted", "pending"]
    await fleet.books_balance()


async def test_a_promotion_waits_for_the_post_it_boosts(fleet: Fleet) -> None:
    async with fleet.working(*SWARM_WITHOUT_PUBLISHER):
        campaign_id = await fleet.start(brief(promotions=PROMOTIONS[:1], autostart=True))
        await until(
            lambda: fleet.tasks_of(campaign_id),
            lambda tasks: sum(task["effect"] == "authorised" for task in tasks) == 2,
        )
    (spend,) = [task for task in await fleet.tasks_of(campaign_id) if task["kind"] == "spend"]
    assert spend["status"] == "pending"
    async with fleet.working():
        await fleet.campaign(campaign_id, "finished")
    assert (await fleet.get(f"/v1/tasks/{spend['task_id']}"))["delivery"]["status"] == "done"


async def test_a_result_made_before_a_pause_goes_stale_and_is_made_anew_after_it(fleet: Fleet) -> None:
    async with fleet.working(*SWARM_WITHOUT_JUDGE):
        campaign_id = await fleet.start(brief(autostart=True))
        await until(
            lambda: fleet.tasks_of(campaign_id),
            lambda tasks: sum(task["status"] == "in_review" for task in tasks) == 2,
        )
    await fleet.post(f"/v1/campaigns/{campaign_id}/pause", status=204)
    async with fleet.working():
        tasks = await until(
            lambda: fleet.tasks_of(campaign_id),
            lambda tasks: sum(task["status"] == "stale" for task in tasks) == 2,
        )
        assert {task["cause"] for task in tasks if task["status"] == "stale"} == {
            "the campaign moved on while this was made"
        }
        assert await fleet.posts() == []
        await fleet.post(f"/v1/campaigns/{campaign_id}/start", status=204)
        await fleet.campaign(campaign_id, "finished")
    tasks = await fleet.tasks_of(campaign_id)
    stale = {task["task_id"] for task in tasks if task["status"] == "stale"}
    anew = [task for task in tasks if task["kind"] == "create" and task["parent_id"] in stale]
    assert sorted(task["revision"] for task in anew) == [1, 1]
    assert len(await fleet.published_once()) == 2


async def test_an_approved_effect_is_not_published_after_a_pause(fleet: Fleet) -> None:
    async with fleet.working(*SWARM_WITHOUT_PUBLISHER):
        campaign_id = await fleet.start(brief(autostart=True))
        await until(
            lambda: fleet.tasks_of(campaign_id),
            lambda tasks: sum(task["effect"] == "authorised" for task in tasks) == 2,
        )
    await fleet.post(f"/v1/campaigns/{campaign_id}/pause", status=204)
    async with fleet.working(Role.PUBLISHER):
        tasks = await until(
            lambda: fleet.tasks_of(campaign_id),
            lambda tasks: sum(task["effect"] == "failed" for task in tasks) == 2,
        )
    failed = next(task for task in tasks if task["effect"] == "failed")
    envelope = await fleet.get(f"/v1/tasks/{failed['task_id']}")
    assert envelope["delivery"]["cause"] == "the campaign has moved on since the approval"
    assert await fleet.posts() == []


async def test_a_halted_influencer_publishes_nothing_until_it_is_resumed(fleet: Fleet) -> None:
    other = await fleet.post("/v1/personas", {"source": soul(fleet.account, "Second")}, 201)
    async with fleet.working(*SWARM_WITHOUT_PUBLISHER):
        campaign_id = await fleet.start(brief(autostart=True))
        await until(lambda: fleet.tasks_of(campaign_id), lambda tasks: any(task["effect"] for task in tasks))
    halt = {"scope": "influencer", "target": fleet.agent_id, "reason": "a test"}
    await fleet.post("/v1/halt", halt, 204)
    await fleet.post("/v1/tasks", dispatch("halted", parameters={"topic": "certificates"}))
    await fleet.post("/v1/tasks", dispatch("running", context={"persona": "Second"}, parameters={"topic": "standards"}))
    async with fleet.working():
        await fleet.delivered("running")
        publications = await fleet.items("/v1/publications")
        assert {row["agent_id"] for row in publications} == {other["agent_id"]}
        assert (await fleet.get("/v1/tasks/halted"))["status"] == "queued"
        states = {row["agent_id"]: row["state"] for row in await fleet.items("/v1/influencers")}
        assert states[fleet.agent_id] == "halted"
        await fleet.post("/v1/resume", {"scope": "influencer", "target": fleet.agent_id}, 204)
        await fleet.campaign(campaign_id, "finished")
        await fleet.delivered("halted")
    assert len(await fleet.published_once()) == 4


async def test_a_cancelled_campaign_starts_and_publishes_nothing_more(fleet: Fleet) -> None:
    async with fleet.working(*SWARM_WITHOUT_PUBLISHER):
        campaign_id = await fleet.start(brief(promotions=PROMOTIONS[:1], autostart=True))
        await until(
            lambda: fleet.tasks_of(campaign_id),
            lambda tasks: sum(task["effect"] == "authorised" for task in tasks) == 2,
        )
    await fleet.post(f"/v1/campaigns/{campaign_id}/cancel", status=204)
    await fleet.post("/v1/tasks", dispatch("later"))
    async with fleet.working():
        await fleet.delivered("later")
    tasks = await fleet.tasks_of(campaign_id)
    assert {task["effect"] for task in tasks if task["kind"] == "create"} == {"failed"}
    assert [task["status"] for task in tasks if task["kind"] == "spend"] == ["cancelled"]
    assert len(await fleet.published_once()) == 1
    await fleet.post(f"/v1/campaigns/{campaign_id}/start", status=409)


async def test_a_campaign_paused_before_its_plan_was_made_can_go_on(fleet: Fleet) -> None:
    campaign_id = (await fleet.post("/v1/campaigns", brief(), 201))["campaign_id"]
    await fleet.post(f"/v1/campaigns/{campaign_id}/plan")
    await fleet.post(f"/v1/campaigns/{campaign_id}/pause", status=204)
    await fleet.post(f"/v1/campaigns/{campaign_id}/start", status=204)

    async def planned() -> Any:
        return await fleet.get(f"/v1/campaigns/{campaign_id}"), await fleet.tasks_of(campaign_id)

    async with fleet.working():
        await until(
            planned,
            lambda found: (
                found[0]["status"] in ("planned", "finished")
                and [task["status"] for task in found[1] if task["kind"] == "plan"] == ["completed"]
            ),
        )


async def test_a_campaign_whose_plan_failed_can_be_planned_again(fleet: Fleet) -> None:
    unknown = brief(deliverables=[{"server": "nowhere-mcp", "topics": ["AI"]}])
    async with fleet.working():
        campaign_id = (await fleet.post("/v1/campaigns", unknown, 201))["campaign_id"]
        await fleet.post(f"/v1/campaigns/{campaign_id}/plan")
        (task,) = await until(
            lambda: fleet.tasks_of(campaign_id), lambda tasks: [task["status"] for task in tasks] == ["failed"]
        )
    assert "unknown tool nowhere-mcp/post_tweet" in task["cause"]
    await fleet.post(f"/v1/campaigns/{campaign_id}/plan")


async def test_a_rejected_piece_becomes_a_better_task_that_honours_the_judges_notes(fleet: Fleet) -> None:
    topic = {"topic": "how open standards get agreed"}
    constraints = {"max_word_count": 280, "prohibited_keywords": ["politics", "violence"]}
    goal = {"goal": "Show how open standards get agreed"}
    await fleet.post("/v1/tasks", dispatch("first", parameters=topic, constraints=constraints, context=goal))
    async with fleet.working():
        first = await fleet.task("first", "rejected")
        tasks = await until(lambda: fleet.items("/v1/tasks"), lambda rows: any(row["effect"] == "done" for row in rows))
    assert first["verdicts"][0]["reasons"] == ["prohibited keyword: politics"]
    better = next(row for row in tasks if row["effect"] == "done")
    assert better["parent_id"] == first["task_id"]
    whole = await fleet.get(f"/v1/tasks/{better['task_id']}")
    assert whole["task_dispatch"]["tool_call"]["parameters"]["avoid"] == ["politics"]
    assert "leave out the word “politics”" in better["goal"]
    (post,) = await fleet.published_once()
    assert "politics" not in post["text"].lower()
    revise = next(row for row in tasks if row["kind"] == "revise")
    first = await fleet.get("/v1/tasks/first")
    assert sorted(first["children"]) == sorted([revise["task_id"], better["task_id"]])
