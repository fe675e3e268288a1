"""Two tenants in one house: neither can read, touch or guess what is the other's (DAT-4)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from tests.journeys.fleet import LIMITLESS, SEED, Fleet, Json, brief, dispatch, open_fleet, result, soul

from chimera.wiring import System

pytestmark = pytest.mark.asyncio(loop_scope="session")

REQUEST = SEED["financial_authorization"]["transaction_request"]
BODIES: dict[str, Json] = {
    "/v1/tasks/{name}/lease": {"attempt": 1},
    "/v1/tasks/{name}/result": result("held", "AI is reshaping the future"),
    "/v1/approvals/{approval_id}/approve": {},
    "/v1/approvals/{approval_id}/reject": {},
    "/v1/approvals/{approval_id}/edit": {"content": "mine now"},
    "/v1/approvals/{approval_id}/claim": {},
    "/v1/approvals/{approval_id}/release": {},
    "/v1/approvals/{approval_id}/snooze": {"until": (datetime.now(UTC) + timedelta(days=1)).isoformat()},
    "/v1/approvals/{approval_id}/undo": {},
    "/v1/authorizations/{hash}/settle": {},
    "/v1/questions/{effect_id}/answer": {"answer": "look_again"},
    "/v1/judge/audits/{audit_id}/agree": {},
    "/v1/judge/audits/{audit_id}/disagree": {},
    "/v1/spends/{reservation_id}/settle": {},
}
COMMON = {"/v1/tools", "/v1/credentials/root", "/healthz", "/readyz", "/health", "/metrics"}
ASKED = {"/v1/verify", "/v1/log/inclusion", "/v1/log/consistency"}
"""No lists: what they answer depends on what is asked for."""


@pytest_asyncio.fixture(loop_scope="session")
async def rival(wired: System, raw: Any) -> AsyncIterator[Fleet]:
    """A second tenant, with a persona of the same name."""
    made = await open_fleet(wired, raw, "rival", f"rival_{uuid4().hex[:12]}")
    yield made
    await made.client.aclose()


async def furnished(fleet: Fleet) -> dict[str, str]:
    """One of everything that has an id, by the name of its path parameter."""
    assert fleet.raw is not None
    await fleet.put("/v1/policy", {**LIMITLESS, "audit_percent": 100})
    async with fleet.working():
        await fleet.post("/v1/tasks", dispatch("held", worker="external"))
        await fleet.post("/v1/tasks/claim", {}, 200)
        await fleet.post("/v1/tasks/held/result", result("held"))
        approval = await fleet.approval()
        await fleet.post("/v1/tasks", dispatch("posted"))
        await fleet.delivered("posted")
        await fleet.post("/v1/tasks", dispatch("posted-too"))
        await fleet.delivered("posted-too")
        campaign_id = (await fleet.post("/v1/campaigns", brief(), 201))["campaign_id"]
        await fleet.post(f"/v1/campaigns/{campaign_id}/plan")
        await fleet.campaign(campaign_id, "planned")
    await fleet.system.quality.draw()
    await fleet.system.transparency.seal(fleet.system.log_key)
    audited, audit = [row["audit_id"] for row in await fleet.items("/v1/judge/audits")]
    await fleet.post(f"/v1/judge/audits/{audited}/agree", {}, 204)
    await fleet.post("/v1/tasks", dispatch("given-up"))
    bury = (
        "UPDATE task SET status = 'dead_letter', buried_at = now() WHERE execution_id = 'given-up' AND tenant_id = $1"
    )
    await fleet.raw.execute(bury, fleet.tenant_id)
    doubt = "UPDATE effect SET status = 'unknown', question = 'Out?', asked_at = now() WHERE tenant_id = $1"
    await fleet.raw.execute(doubt, fleet.tenant_id)
    asked = await fleet.post("/v1/transactions/authorize", REQUEST, 200, headers={"Idempotency-Key": "1"})
    reservation_id = (await fleet.items("/v1/spends"))[0]["reservation_id"]
    looser = {**LIMITLESS, "limits": [{"span": "day", "amount": "900 USDC"}]}
    change_id = (await fleet.put("/v1/policy", looser))["limits_waiting"][0]
    flag = "INSERT INTO spend_flag (flag_id, tenant_id, reservation_id, reasons) VALUES ($1, $2, $3, '{odd}')"
    flag_id = uuid4()
    await fleet.raw.execute(flag, flag_id, fleet.tenant_id, UUID(reservation_id))
    source = soul(f"only_{uuid4().hex[:12]}").replace("id: TechInfluencer", "id: Recluse")
    await fleet.post("/v1/personas", {"source": source}, 201)
    halt = {"scope": "influencer", "target": fleet.agent_id, "reason": "a private matter"}
    await fleet.post("/v1/halt", halt, 204)
    return {
        "name": "held",
        "campaign_id": campaign_id,
        "approval_id": approval["approval_id"],
        "asset_id": (await fleet.items("/v1/assets"))[0]["asset_id"],
        "soul_hash": fleet.soul_hash,
        "key_id": (await fleet.get("/v1/keys"))[0]["key_id"],
        "hash": asked["budget_verification_hash"],
        "reservation_id": reservation_id,
        "change_id": change_id,
        "flag_id": str(flag_id),
        "effect_id": (await fleet.get("/v1/questions"))[0]["effect_id"],
        "audit_id": audit,
        "persona": "Recluse",
    }


async def paths(fleet: Fleet) -> list[tuple[str, str]]:
    """Every operation of the API itself."""
    found = (await fleet.get("/openapi.json"))["paths"]
    return [(method.upper(), path) for path, methods in found.items() for method in methods if path.startswith("/v1")]


async def test_every_path_with_an_id_of_the_other_tenant_is_a_404(fleet: Fleet, rival: Fleet) -> None:
    ids = await furnished(fleet)
    plan = (await fleet.get(f"/v1/campaigns/{ids['campaign_id']}/plan"))["draft"]
    bodies = {**BODIES, "/v1/campaigns/{campaign_id}/plan": plan}
    wrong = []
    tried = 0
    for method, path in await paths(fleet):
        if "{" not in path or path.startswith("/v1/wallets/"):  # these need a chain: tests/journeys/test_wallets.py
            continue
        for name in (ids["name"], (await fleet.get(f"/v1/tasks/{ids['name']}"))["task_id"]):
            url = path.format(**{**ids, "name": f"{'0' * 64}.png" if path.startswith("/v1/files/") else name})
            body = bodies.get(path) if method in ("POST", "PUT") else None
            headers = {"Authorization": f"Bearer {next(iter(rival.keys.values()))}"}
            answer = await rival.client.request(method, url, json=body, headers=headers)
            tried += 1
            if answer.status_code != 404:
                wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
    assert wrong == []
    assert tried >= 30


async def test_no_list_shows_anything_of_the_other_tenant(fleet: Fleet, rival: Fleet) -> None:
    ids = await furnished(fleet)
    secrets = [*ids.values(), fleet.account, str(fleet.tenant_id), fleet.agent_id, "a private matter"]
    secrets = [secret for secret in secrets if secret != "held"]
    for method, path in await paths(fleet):
        if method != "GET" or "{" in path or path in COMMON | ASKED:
            continue
        url = f"{path}?by=campaign" if path.endswith("/apart") else path
        own, theirs = (await fleet.call("GET", url)).text, (await rival.call("GET", url)).text
        assert [secret for secret in secrets if secret in theirs] == [], path
        if path not in ("/v1/policy", "/v1/keys", "/v1/campaigns"):
            assert own != theirs, f"{path} shows nothing that could have been hidden"


async def test_a_piece_of_the_other_tenant_cannot_be_verified_by_its_id_or_address(fleet: Fleet, rival: Fleet) -> None:
    ids = await furnished(fleet)
    asset = (await fleet.items("/v1/assets"))[0]
    for piece in (ids["asset_id"], asset["url"]):
        assert (await fleet.client.get("/v1/verify", params={"piece": piece})).status_code == 401
        await fleet.call("GET", "/v1/verify", 200, params={"piece": piece})
        await rival.call("GET", "/v1/verify", 404, params={"piece": piece})


async def test_one_execution_id_is_two_tasks_for_two_tenants(fleet: Fleet, rival: Fleet) -> None:
    first = await fleet.post("/v1/tasks", dispatch("same"))
    second = await rival.post("/v1/tasks", dispatch("same", context={"goal": "Something else"}))
    assert first["task_id"] != second["task_id"]
    assert (await rival.get("/v1/tasks/same"))["task_id"] == second["task_id"]


async def test_a_claim_never_hands_out_work_of_the_other_tenant(fleet: Fleet, rival: Fleet) -> None:
    await fleet.post("/v1/tasks", dispatch("mine", worker="external"))
    assert await rival.post("/v1/tasks/claim", {}, 204) is None
    assert (await fleet.post("/v1/tasks/claim", {}, 200))["execution_id"] == "mine"


async def test_one_idempotency_key_is_two_spends_for_two_tenants(fleet: Fleet, rival: Fleet) -> None:
    headers = {"Idempotency-Key": "1"}
    await fleet.post("/v1/transactions/authorize", REQUEST, 200, headers=headers)
    await rival.post("/v1/transactions/authorize", {**REQUEST, "token_amount": "199 USDC"}, 200, headers=headers)
    for tenant, reserved in ((fleet, "50"), (rival, "199")):
        (limit,) = await tenant.tenant_limits()
        assert limit["reserved"] == reserved


async def test_a_campaign_of_the_other_tenant_cannot_be_charged_or_worked_for(fleet: Fleet, rival: Fleet) -> None:
    campaign_id = (await fleet.post("/v1/campaigns", brief(), 201))["campaign_id"]
    await rival.post(
        "/v1/transactions/authorize",
        {**REQUEST, "campaign_id": campaign_id},
        404,
        headers={"Idempotency-Key": "x"},
    )
    await rival.post("/v1/tasks", dispatch("sly", context={"campaign_id": campaign_id}), 404)


async def test_a_halt_and_a_policy_stay_with_their_tenant(fleet: Fleet, rival: Fleet) -> None:
    await fleet.post("/v1/halt", {"scope": "tenant", "reason": "holiday"}, 204)
    await fleet.put("/v1/policy", {"forbidden_keywords": ["AI"]})
    assert await rival.get("/v1/halts") == []
    async with rival.working():
        await rival.post("/v1/tasks", dispatch("goes-on"))
        await rival.delivered("goes-on")


async def test_a_revoked_key_of_one_tenant_opens_nothing_while_the_others_go_on(fleet: Fleet, rival: Fleet) -> None:
    key = (await fleet.post("/v1/keys", {"name": "guest", "role": "auditor"}, 201))["key"]
    (view,) = [row for row in await fleet.get("/v1/keys") if row["name"] == "guest"]
    headers = {"Authorization": f"Bearer {key}"}
    assert (await fleet.client.get("/v1/tasks", headers=headers)).status_code == 200
    await rival.call("DELETE", f"/v1/keys/{view['key_id']}", 404)
    await fleet.call("DELETE", f"/v1/keys/{view['key_id']}", 204)
    assert (await fleet.client.get("/v1/tasks", headers=headers)).status_code == 401
    await rival.get("/v1/tasks")
