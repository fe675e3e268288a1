"""Money leaves only under a reservation, and every reservation ends (FIN-1..3)."""

import asyncio
from pathlib import Path

import pytest
from tests.journeys.fleet import SEED, WALLET, Fleet, Json, brief, dispatch, promotions, result, until

from chimera import retry
from chimera.gateways.mcp.host import ToolHost

pytestmark = pytest.mark.asyncio(loop_scope="session")

OFFER = {"token_amount": "50 USDC", "purpose": "Campaign ad spend", "wallet": WALLET}
SPEND = {"token_amount": "50 USDC", "wallet": WALLET, "purpose": "reach"}
REQUEST = SEED["financial_authorization"]["transaction_request"]
Network = tuple[ToolHost, Path]


async def running_campaign(fleet: Fleet, **changes: object) -> tuple[str, str]:
    """A campaign that offers one promotion and has not ended, and the id of a post of its influencer."""
    await fleet.post("/v1/tasks", dispatch("a-post"))
    await fleet.delivered("a-post")
    given = brief(promotions=[OFFER], sources=[], deliverables=[{"topics": ["AI history"]}], **changes)
    campaign_id = await fleet.start({**given, "autostart": True})
    await fleet.approval()  # its piece rests on nothing, so the campaign waits for a human
    return campaign_id, (await fleet.posts())[0]["id"]


def spend(campaign_id: str, post_id: str, **changes: object) -> Json:
    context = {"goal": "Boost the post", "campaign_id": campaign_id}
    return dispatch("spend", "promote_tweet", context=context, parameters={**SPEND, "post_id": post_id}, **changes)


async def tenant_limit(fleet: Fleet) -> tuple[str, str]:
    (limit,) = await fleet.tenant_limits()
    return limit["reserved"], limit["spent"]


async def test_a_spend_task_is_reserved_paid_and_settled(fleet: Fleet, network: Network) -> None:
    async with fleet.working():
        campaign_id, post_id = await running_campaign(fleet)
        await fleet.post("/v1/tasks", spend(campaign_id, post_id))
        envelope = await fleet.delivered("spend")
    assert envelope["financial_authorization"]["status"] == "authorized"
    assert promotions(network[1], fleet.account) == ["50 USDC"]
    assert await tenant_limit(fleet) == ("0", "50")
    await fleet.books_balance()


async def test_an_outside_agent_cannot_spend_past_the_cfo(fleet: Fleet, network: Network) -> None:
    async with fleet.working():
        campaign_id, post_id = await running_campaign(fleet)
        given = spend(campaign_id, post_id, worker="external")
        headers = {"Authorization": f"Bearer {next(iter(fleet.keys.values()))}"}
        answer = await fleet.client.post("/v1/tasks", json=given, headers=headers)
        if answer.status_code == 202:
            await fleet.post("/v1/tasks/claim", {}, 200)
            await fleet.post("/v1/tasks/spend/result", result("spend", "paid"))
            await until(
                lambda: fleet.get("/v1/tasks/spend"),
                lambda found: (
                    found["status"] not in ("in_progress", "in_review", "queued")
                    and (found["delivery"] is None or found["delivery"]["status"] in ("done", "failed"))
                ),
            )
        else:
            assert answer.status_code in (403, 422)
    paid = len(promotions(network[1], fleet.account))
    settled = [row for row in await fleet.items("/v1/spends") if row["status"] == "posted"]
    assert paid == len(settled)
    await fleet.books_balance()


async def test_an_edited_plan_cannot_spend_past_the_cfo(fleet: Fleet, network: Network) -> None:
    """A promotion that the plan calls a piece of writing is a spend all the same."""
    async with fleet.working():
        await fleet.post("/v1/tasks", dispatch("a-post"))
        await fleet.delivered("a-post")
        post_id = (await fleet.posts())[0]["id"]
        campaign_id = (await fleet.post("/v1/campaigns", brief(promotions=[OFFER]), 201))["campaign_id"]
        await fleet.post(f"/v1/campaigns/{campaign_id}/plan")
        await fleet.campaign(campaign_id, "planned")
        draft = (await fleet.get(f"/v1/campaigns/{campaign_id}/plan"))["draft"]
        call = {"target_mcp": "twitter-mcp", "action": "promote_tweet", "parameters": {**SPEND, "post_id": post_id}}
        call["parameters"] = {**SPEND, "post_id": post_id, "topic": "AI history"}
        draft["nodes"] = [{"key": "sly", "kind": "create", "goal": draft["nodes"][0]["goal"], "tool_call": call}]
        headers = {"Authorization": f"Bearer {next(iter(fleet.keys.values()))}"}
        answer = await fleet.client.put(f"/v1/campaigns/{campaign_id}/plan", json=draft, headers=headers)
        if answer.status_code == 204:
            await fleet.post(f"/v1/campaigns/{campaign_id}/start", status=204)
            await fleet.campaign(campaign_id, "finished")
        else:
            assert answer.status_code == 422
    settled = [row for row in await fleet.items("/v1/spends") if row["status"] == "posted"]
    assert len(promotions(network[1], fleet.account)) == len(settled)


async def test_a_dead_lettered_spend_that_is_replayed_is_counted(
    fleet: Fleet, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first reservation was released with the dead letter: the second life needs one of its own."""
    monkeypatch.setattr(retry, "MAX_TRIES", 2)

    class Broken:
        def sign(self, payload: bytes) -> str:
            raise ValueError("the key is locked away")

    good = fleet.system.signer
    async with fleet.working():
        campaign_id, post_id = await running_campaign(fleet)
    fleet.system.__dict__["signer"] = Broken()
    async with fleet.working():
        await fleet.post("/v1/tasks", spend(campaign_id, post_id))
        await fleet.task("spend", "dead_letter", patience=40)
    assert await tenant_limit(fleet) == ("0", "0")
    fleet.system.__dict__["signer"] = good
    async with fleet.working():
        await fleet.post("/v1/tasks/spend/replay")
        await until(
            lambda: fleet.get("/v1/tasks/spend"),
            lambda found: (
                found["status"] in ("dead_letter", "failed", "rejected")
                or (found["delivery"] and found["delivery"]["status"] in ("done", "failed"))
            ),
        )
    paid = len(promotions(network[1], fleet.account))
    assert await tenant_limit(fleet) == ("0", str(50 * paid))
    await fleet.books_balance()


async def test_a_cancelled_campaign_gives_back_what_it_has_reserved(fleet: Fleet) -> None:
    async with fleet.working():
        campaign_id, post_id = await running_campaign(fleet)
        other = {**spend(campaign_id, post_id), "execution_id": "spend"}
        other["tool_call"]["parameters"]["token_amount"] = "49 USDC"
        await fleet.post("/v1/tasks", other)
        await fleet.task("spend", "awaiting_approval")
        assert await tenant_limit(fleet) == ("49", "0")
    await fleet.post(f"/v1/campaigns/{campaign_id}/cancel", status=204)
    assert await tenant_limit(fleet) == ("0", "0")
    await fleet.books_balance()


async def test_a_cancelled_spend_gives_back_what_it_has_reserved(fleet: Fleet) -> None:
    async with fleet.working():
        campaign_id, post_id = await running_campaign(fleet)
        other = spend(campaign_id, post_id)
        other["tool_call"]["parameters"]["token_amount"] = "49 USDC"
        await fleet.post("/v1/tasks", other)
        await fleet.task("spend", "awaiting_approval")
    await fleet.post("/v1/tasks/spend/cancel", status=204)
    assert await tenant_limit(fleet) == ("0", "0")
    assert [row["status"] for row in await fleet.items("/v1/spends")] == ["voided"]
    await fleet.books_balance()


async def test_a_spend_that_the_platform_refuses_for_good_gives_its_money_back(fleet: Fleet) -> None:
    async with fleet.working():
        campaign_id, _ = await running_campaign(fleet)
        await fleet.post("/v1/tasks", spend(campaign_id, "999999999"))
        envelope = await fleet.delivered("spend", "failed")
    assert "unknown_post" in envelope["delivery"]["cause"]
    assert (await fleet.items("/v1/spends"))[-1]["status"] == "voided"


async def test_fifty_wishes_at_once_cannot_overspend(fleet: Fleet) -> None:
    async def ask(number: int) -> int:
        headers = {"Idempotency-Key": f"k{number}", "Authorization": f"Bearer {next(iter(fleet.keys.values()))}"}
        body = {**REQUEST, "token_amount": "7 USDC"}
        answer = await fleet.client.post("/v1/transactions/authorize", json=body, headers=headers)
        return answer.status_code

    answers = await asyncio.gather(*(ask(number) for number in range(50)))
    assert (answers.count(200), answers.count(403)) == (28, 22)
    assert await tenant_limit(fleet) == ("196", "0")
    await fleet.books_balance()


async def test_one_key_sent_ten_times_at_once_reserves_once(fleet: Fleet) -> None:
    async def ask() -> str:
        answer = await fleet.post("/v1/transactions/authorize", REQUEST, 200, headers={"Idempotency-Key": "one"})
        return str(answer["budget_verification_hash"])

    assert len(set(await asyncio.gather(*(ask() for _ in range(10))))) == 1
    assert await tenant_limit(fleet) == ("50", "0")
