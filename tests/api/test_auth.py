"""Who may do what: every operation behind its gate, for every role, and nothing without a key (OPS-5)."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from tests.journeys.fleet import Fleet, open_fleet

from chimera.api.auth import COOKIE
from chimera.values import KeyRole
from chimera.wiring import System

OPERATOR, REVIEWER, DEVELOPER = KeyRole.OPERATOR, KeyRole.REVIEWER, KeyRole.DEVELOPER
AGENT = KeyRole.AGENT
DISPATCHERS = {OPERATOR, DEVELOPER, AGENT}
AUTHORS = {OPERATOR, DEVELOPER}
REVIEWERS = {OPERATOR, REVIEWER}
EVERYONE = set(KeyRole)

GATES: dict[str, set[KeyRole]] = {
    "POST /v1/tasks": DISPATCHERS,
    "POST /v1/tasks/claim": DISPATCHERS,
    "POST /v1/tasks/{name}/lease": DISPATCHERS,
    "POST /v1/tasks/{name}/result": DISPATCHERS,
    "POST /v1/tasks/{name}/cancel": AUTHORS,
    "POST /v1/tasks/{name}/replay": {OPERATOR},
    "POST /v1/personas": AUTHORS,
    "PUT /v1/policy": {OPERATOR},
    "POST /v1/campaigns": AUTHORS,
    "POST /v1/campaigns/{campaign_id}/plan": AUTHORS,
    "PUT /v1/campaigns/{campaign_id}/plan": AUTHORS,
    "POST /v1/campaigns/{campaign_id}/start": AUTHORS,
    "POST /v1/campaigns/{campaign_id}/pause": AUTHORS,
    "POST /v1/campaigns/{campaign_id}/cancel": AUTHORS,
    "POST /v1/approvals/{approval_id}/approve": REVIEWERS,
    "POST /v1/approvals/{approval_id}/reject": REVIEWERS,
    "POST /v1/approvals/{approval_id}/edit": REVIEWERS,
    "POST /v1/approvals/{approval_id}/claim": REVIEWERS,
    "POST /v1/approvals/{approval_id}/release": REVIEWERS,
    "POST /v1/approvals/{approval_id}/snooze": REVIEWERS,
    "POST /v1/approvals/{approval_id}/undo": REVIEWERS,
    "POST /v1/questions/{effect_id}/answer": REVIEWERS,
    "POST /v1/judge/audits/{audit_id}/agree": REVIEWERS,
    "POST /v1/judge/audits/{audit_id}/disagree": REVIEWERS,
    "POST /v1/transactions/authorize": {OPERATOR, AGENT},
    "POST /v1/authorizations/{hash}/settle": {OPERATOR, AGENT},
    "POST /v1/authorizations/{hash}/void": {OPERATOR, AGENT},
    "POST /v1/spends/{reservation_id}/settle": {OPERATOR},
    "POST /v1/spends/{reservation_id}/void": {OPERATOR},
    "POST /v1/limit-changes/{change_id}/confirm": {OPERATOR},
    "POST /v1/limit-changes/{change_id}/withdraw": {OPERATOR},
    "POST /v1/flags/{flag_id}/accept": {OPERATOR},
    "POST /v1/flags/{flag_id}/dismiss": {OPERATOR},
    "POST /v1/wallets/{persona}/fund": {OPERATOR},
    "POST /v1/wallets/{persona}/sync": {OPERATOR},
    "POST /v1/wallets/{persona}/tokens": {OPERATOR},
    "POST /v1/wallets/{persona}/resources": {OPERATOR},
    "POST /v1/halt": REVIEWERS,
    "POST /v1/resume": {OPERATOR},
    "GET /v1/keys": {OPERATOR},
    "POST /v1/keys": {OPERATOR},
    "DELETE /v1/keys/{key_id}": {OPERATOR},
}
"""Everything that is not for everyone."""


@pytest.fixture
async def fleet(system: System) -> AsyncIterator[Fleet]:
    made = await open_fleet(system, None)
    yield made
    await made.client.aclose()


async def operations(fleet: Fleet) -> list[str]:
    paths = (await fleet.client.get("/openapi.json")).json()["paths"]
    found = [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]
    return [operation for operation in found if " /v1/" in operation]


async def status(fleet: Fleet, operation: str, **headers: str) -> int:
    method, path = operation.split(" ")
    for name in ("soul_hash", "hash"):
        path = path.replace(f"{{{name}}}", "0" * 64)
    url = re.sub(r"\{\w+\}", lambda _: str(uuid4()), path)
    return (await fleet.client.request(method, url, headers=headers)).status_code


async def test_every_role_passes_the_gates_that_are_meant_for_it_and_no_other(fleet: Fleet) -> None:
    known = await operations(fleet)
    assert set(GATES) <= set(known)
    wrong = []
    for operation in known:
        for role in KeyRole:
            answer = await status(fleet, operation, Authorization=f"Bearer {fleet.keys[role]}")
            may = role in GATES.get(operation, EVERYONE)
            if (answer == 403) is may or answer == 401:
                wrong.append(f"{operation} as {role.value}: {answer}")
    assert wrong == []


async def test_whatever_is_not_for_everyone_only_reads(fleet: Fleet) -> None:
    free = set(await operations(fleet)) - set(GATES)
    assert {operation.split(" ")[0] for operation in free} == {"GET"}


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"Authorization": "Bearer chm_unknown"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic bWU6bWU="},
        {"Authorization": "chm_x"},
        {"Cookie": f"{COOKIE}=chm_unknown", "Origin": "http://chimera.test"},
    ],
)
async def test_no_operation_answers_without_a_good_key(fleet: Fleet, header: dict[str, str]) -> None:
    for operation in await operations(fleet):
        assert await status(fleet, operation, **header) == 401, operation
    answer = await fleet.client.get("/v1/tasks", headers=header)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["title"] == "Unauthenticated"


async def test_a_revoked_or_expired_key_opens_nothing(fleet: Fleet) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    expired = await fleet.system.accounts.add_key(fleet.tenant_id, "old", OPERATOR, expires_at=past)
    assert await status(fleet, "GET /v1/tasks", Authorization=f"Bearer {expired}") == 401
    made = (await fleet.post("/v1/keys", {"name": "guest", "role": "reviewer"}, 201))["key"]
    assert await status(fleet, "GET /v1/tasks", Authorization=f"Bearer {made}") == 200
    (view,) = [row for row in await fleet.get("/v1/keys") if row["name"] == "guest"]
    await fleet.call("DELETE", f"/v1/keys/{view['key_id']}", 204)
    assert await status(fleet, "GET /v1/tasks", Authorization=f"Bearer {made}") == 401
    await fleet.call("DELETE", f"/v1/keys/{view['key_id']}", 404)


async def test_the_boards_cookie_is_worth_as_much_as_its_key(fleet: Fleet) -> None:
    cookie = {"Cookie": f"{COOKIE}={fleet.keys[REVIEWER]}", "Origin": "http://chimera.test"}
    assert await status(fleet, "GET /v1/tasks", **cookie) == 200
    assert await status(fleet, "POST /v1/resume", **cookie) == 403
    assert await status(fleet, "POST /v1/approvals/{approval_id}/approve", **cookie) == 422


async def test_a_cookie_that_another_site_sends_along_opens_nothing_that_changes(fleet: Fleet) -> None:
    cookie = {"Cookie": f"{COOKIE}={fleet.keys[OPERATOR]}"}
    for origin in ({"Origin": "http://chimera.test:81"}, {"Origin": "https://evil.test"}, {"Origin": "null"}, {}):
        for operation in await operations(fleet):
            if not operation.startswith("GET"):
                assert await status(fleet, operation, **cookie, **origin) == 403, operation


async def test_a_key_is_shown_once_and_kept_as_a_hash(fleet: Fleet) -> None:
    key = (await fleet.post("/v1/keys", {"name": "guest", "role": "auditor"}, 201))["key"]
    assert key not in (await fleet.call("GET", "/v1/keys")).text
    assert key not in (await fleet.call("GET", "/v1/audit")).text


async def test_the_whole_fleet_is_halted_by_a_platform_key_alone(fleet: Fleet) -> None:
    order = {"scope": "fleet", "reason": "x"}
    await fleet.post("/v1/halt", order, 403, role=REVIEWER)
    await fleet.post("/v1/halt", order, 204, role=OPERATOR)
    plain = (await fleet.post("/v1/keys", {"name": "ops", "role": "operator"}, 201))["key"]
    headers = {"Authorization": f"Bearer {plain}"}
    answer = await fleet.client.post("/v1/resume", json={"scope": "fleet"}, headers=headers)
    assert answer.status_code == 403
    await fleet.post("/v1/resume", {"scope": "fleet"}, 204)


async def test_health_and_metrics_need_no_key(fleet: Fleet) -> None:
    assert (await fleet.client.get("/health")).status_code == 503  # no role is at work here
    assert (await fleet.client.get("/metrics")).status_code == 200
