"""The seed's three JSON examples, sent as they stand, get the seed's answers (ORC-4, ORC-6, FIN-1)."""

from datetime import datetime

import pytest
from tests.journeys.fleet import SEED, SEED_FILE, WALLET, Fleet, result

from chimera.provenance.rules.hashes import content_hash

pytestmark = pytest.mark.asyncio(loop_scope="session")

TASK = SEED["task_dispatch"]
REQUEST = SEED["financial_authorization"]["transaction_request"]
PATH = "/v1/transactions/authorize"


async def test_the_seeds_task_is_accepted_done_and_its_json_comes_back_with_the_soul_hash_filled(
    fleet: Fleet,
) -> None:
    accepted = await fleet.post("/v1/tasks", TASK)
    assert accepted["execution_id"] == "uuid-12345"
    async with fleet.working():
        envelope = await fleet.delivered("uuid-12345")
    assert envelope["task_id"] == accepted["task_id"]
    assert envelope["status"] == "completed"
    context = {**TASK["context"], "soul_hash": fleet.soul_hash}
    assert envelope["task_dispatch"] == {**TASK, "context": context}
    posts = await fleet.published_once()
    assert [post["text"] for post in posts] == envelope["execution_result"]["artifact"]["content"]
    assert len(posts) == 3


async def test_the_seeds_task_sent_twice_is_taken_on_once(fleet: Fleet) -> None:
    first = await fleet.post("/v1/tasks", TASK, 202)
    assert await fleet.post("/v1/tasks", TASK, 200) == first
    assert len(await fleet.items("/v1/tasks")) == 1


async def test_another_body_under_the_seeds_execution_id_is_a_conflict(fleet: Fleet) -> None:
    await fleet.post("/v1/tasks", TASK)
    problem = await fleet.post("/v1/tasks", {**TASK, "priority": "high"}, 409)
    assert "another body" in problem["detail"]


async def test_the_seeds_result_is_refused_because_it_carries_a_judge_evaluation(fleet: Fleet) -> None:
    await fleet.post("/v1/tasks", {**TASK, "worker": "external"})
    await fleet.post("/v1/tasks/claim", {}, 200)
    problem = await fleet.post("/v1/tasks/uuid-12345/result", SEED["execution_result"], 422)
    assert "the Judge alone evaluates" in problem["detail"]
    assert (await fleet.get("/v1/tasks/uuid-12345"))["status"] == "in_progress"


async def test_the_seeds_result_of_an_outside_agent_is_judged_and_kept_to_the_byte(fleet: Fleet) -> None:
    await fleet.post("/v1/tasks", {**TASK, "worker": "external"})
    claimed = await fleet.post("/v1/tasks/claim", {"persona": "TechInfluencer"}, 200)
    assert claimed["task_dispatch"]["context"]["soul_hash"] == fleet.soul_hash
    given = {name: value for name, value in SEED["execution_result"].items() if name != "judge_evaluation"}
    await fleet.post(f"/v1/tasks/uuid-12345/result?attempt={claimed['attempt']}", given)
    async with fleet.working():
        envelope = await fleet.task("uuid-12345", "awaiting_approval")
    judged = envelope["execution_result"].pop("judge_evaluation")
    assert envelope["execution_result"] == given
    assert judged == {"score": envelope["verdicts"][-1]["score"], "decision": "escalate"}
    assert 0.70 <= judged["score"] < 0.90
    approval = await fleet.approval()
    text = approval["content"][0]
    assert text.encode() in SEED_FILE.read_bytes()
    assert approval["content_hash"] == content_hash([text])
    assert approval["self_assessment"] == 0.92


async def test_50_usdc_are_authorised_and_reserved(fleet: Fleet) -> None:
    answer = await fleet.post(PATH, REQUEST, 200, headers={"Idempotency-Key": "1"})
    assert set(answer) == set(SEED["financial_authorization"]["cfo_judge_response"])
    assert answer["status"] == "authorized"
    assert len(answer["budget_verification_hash"]) == 64
    assert datetime.fromisoformat(answer["timestamp"]).tzinfo is not None
    assert await fleet.post(PATH, REQUEST, 200, headers={"Idempotency-Key": "1"}) == answer
    (limit,) = await fleet.tenant_limits()
    assert (limit["reserved"], limit["limit_amount"]) == ("50", "200")
    await fleet.books_balance()


async def test_500_usdc_are_refused_with_the_seeds_403_and_the_figures_besides(fleet: Fleet) -> None:
    answer = await fleet.post(PATH, {**REQUEST, "token_amount": "500 USDC"}, 403, headers={"Idempotency-Key": "2"})
    wanted = SEED["financial_authorization"]["policy_violation"]
    assert {name: answer.pop(name) for name in wanted} == wanted
    window, anomalies = answer.pop("window"), answer.pop("anomalies")
    assert answer == {"requested": "500 USDC", "limit": "200 USDC", "spent": "0 USDC", "reserved": "0 USDC"}
    assert window.startswith("tenant:day:")
    assert anomalies is None
    await fleet.books_balance()


async def test_the_same_key_with_another_amount_is_a_conflict_and_reserves_nothing_more(fleet: Fleet) -> None:
    headers = {"Idempotency-Key": "1"}
    await fleet.post(PATH, REQUEST, 200, headers=headers)
    await fleet.post(PATH, {**REQUEST, "token_amount": "51 USDC"}, 409, headers=headers)
    assert [row["status"] for row in await fleet.items("/v1/spends")] == ["pending"]


async def test_a_spend_in_a_currency_without_a_budget_is_refused(fleet: Fleet) -> None:
    request = {"destination_wallet": WALLET, "token_amount": "0.1 ETH", "purpose": "gas"}
    answer = await fleet.post(PATH, request, 403, headers={"Idempotency-Key": "eth"})
    assert answer["error"] == "No budget in this currency"


async def test_a_spend_of_a_campaign_counts_against_campaign_and_tenant(fleet: Fleet) -> None:
    created = await fleet.post("/v1/campaigns", CAMPAIGN, 201)
    request = {**REQUEST, "persona": "TechInfluencer", "campaign_id": created["campaign_id"]}
    await fleet.post(PATH, request, 200, headers={"Idempotency-Key": "c"})
    limits = [row for row in await fleet.get("/v1/limits") if row["currency"] == "USDC"]
    used = {row["scope"]: row["reserved"] for row in limits if row["scope_key"] != fleet.agent_id}
    campaign = [row for row in limits if row["scope_key"] == created["campaign_id"]]
    assert used["tenant"] == "50"
    assert {row["span"]: row["reserved"] for row in campaign} == {"total": "50"}


CAMPAIGN = {
    "persona": "TechInfluencer",
    "name": "Ads",
    "goal": "Be seen",
    "strategy": ["quietly"],
    "budget": [{"span": "total", "amount": "60 USDC"}],
}


async def test_the_seeds_flow_is_an_envelope_with_scores_and_reasons_of_every_step(fleet: Fleet) -> None:
    await fleet.post("/v1/tasks", {**TASK, "worker": "external"})
    await fleet.post("/v1/tasks/claim", {}, 200)
    await fleet.post("/v1/tasks/uuid-12345/result", result("uuid-12345"))
    async with fleet.working():
        envelope = await fleet.task("uuid-12345", "awaiting_approval")
    roles = [step["role"] for step in envelope["steps"]]
    assert roles == ["planner", "worker", "judge"]
    worker, judge = envelope["steps"][1:]
    assert worker["confidence"] == 0.92
    assert worker["summary"] == "\n".join(SEED["execution_result"]["reasoning_trace"])
    assert worker["model_used"] == "gpt-vision-v2"
    assert judge["confidence"] == envelope["verdicts"][0]["score"]
