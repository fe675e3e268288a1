"""A fleet to make journeys with: one tenant, its keys, the API over ASGI, roles that start and stop."""

import asyncio
import json
import re
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import asyncpg
import httpx2
import stamina
import yaml

from chimera.errors import ToolFailed
from chimera.gateways.mcp.host import ToolHost
from chimera.settings import Settings
from chimera.values import KeyRole, Role
from chimera.wiring import System, tool_servers
from chimera.wiring.api import create_app
from chimera.wiring.roles import serve

T = TypeVar("T")
Json = Any

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SEED_FILE = ROOT / "tests" / "tasks" / "seed.json"
SEED: Json = json.loads(SEED_FILE.read_bytes())["orchestration_protocol"]["contracts"]
WALLET = SEED["financial_authorization"]["transaction_request"]["destination_wallet"]
POLICY: Json = yaml.safe_load((EXAMPLES / "fleet.yaml").read_text("utf-8"))
LIMITLESS: Json = {
    **POLICY,
    "sensitive_topics": {},
    "near_duplicate": 1.0,
    "limits": [{"span": "day", "amount": "200 USDC"}],
}
PATIENCE = 20.0
"""Seconds after which a journey has failed."""


class Wired(System):
    """A system whose MCP host is shared between journeys, so that the servers start once."""

    shared: ToolHost | None = None

    @property
    def host(self) -> ToolHost:  # type: ignore[override]
        return self.shared if self.shared is not None else super().host


def soul(account: str, name: str = "TechInfluencer", *, sources: bool = True) -> str:
    """The example persona under an account of the journey's own; without sources it has no facts to tell."""
    text = (EXAMPLES / "personas" / "tech-influencer" / "SOUL.md").read_text("utf-8")
    text = re.sub(r"^account: .*$", f"account: {account}", text, flags=re.MULTILINE)
    text = re.sub(r"^(id|name): .*$", rf"\1: {name}", text, flags=re.MULTILINE)
    return text if sources else re.sub(r"^sources:\n(  - .*\n)+", "", text, flags=re.MULTILINE)


def brief(**changes: Any) -> dict[str, Any]:
    """A campaign of two posts whose facts are in the feed."""
    return {
        "persona": "TechInfluencer",
        "name": "Quiet technology",
        "goal": "Show where open standards, web certificates, databases and AI come from, with dates.",
        "strategy": ["One idea to a post: open standards, web certificates, databases, AI history."],
        "constraints": {"max_word_count": 280, "prohibited_keywords": ["violence"]},
        "deliverables": [{"count": 2, "topics": ["AI history", "a database with long plans"]}],
        "sources": [{"server": "news-mcp", "feed": "tech-notes"}],
        "budget": [{"span": "total", "amount": "300 USDC"}, {"span": "day", "amount": "200 USDC"}],
        **changes,
    }


def dispatch(execution_id: str, action: str = "post_tweet", **changes: Any) -> dict[str, Any]:
    """A task as a caller sends it."""
    parameters = changes.pop("parameters", {"topic": "AI history"})
    context = {"persona": "TechInfluencer", "goal": "Tell where AI comes from", **changes.pop("context", {})}
    call = {"target_mcp": "twitter-mcp", "action": action, "parameters": parameters}
    return {"execution_id": execution_id, "context": context, "tool_call": call, **changes}


def result(execution_id: str, content: str | list[str] = "AI is reshaping the future", **changes: Any) -> Json:
    """A result as an outside agent sends it: the seed's, without the Judge's part."""
    given = {name: value for name, value in SEED["execution_result"].items() if name != "judge_evaluation"}
    kind = "thread" if isinstance(content, list) else "text"
    return {**given, "execution_id": execution_id, "artifact": {"type": kind, "content": content}, **changes}


async def until(ask: Callable[[], Awaitable[T]], holds: Callable[[T], object], patience: float = PATIENCE) -> T:
    """Ask until the answer is the wanted one; the last answer is in the failure."""
    async for attempt in stamina.retry_context(
        on=AssertionError, attempts=None, timeout=patience, wait_initial=0.02, wait_max=0.1, wait_jitter=0
    ):
        with attempt:
            found = await ask()
            assert holds(found), f"after {patience:g} s: {str(found)[:3_000]}"
    return found


@dataclass
class Fleet:
    """One tenant and its way into the API. Every call fails on another status than the expected one."""

    system: System
    client: httpx2.AsyncClient
    tenant_id: UUID
    account: str
    keys: dict[KeyRole, str]
    raw: "asyncpg.Connection[asyncpg.Record] | None"
    soul_hash: str = ""
    agent_id: str = ""
    roles: list[asyncio.Task[None]] = field(default_factory=list)

    async def call(
        self, method: str, path: str, status: int = 200, role: KeyRole = KeyRole.OPERATOR, **given: Any
    ) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.keys[role]}", **given.pop("headers", {})}
        response = await self.client.request(method, path, headers=headers, **given)
        assert response.status_code == status, f"{method} {path}: {response.status_code} {response.text[:2_000]}"
        return response

    async def get(self, path: str, status: int = 200, role: KeyRole = KeyRole.OPERATOR) -> Json:
        return (await self.call("GET", path, status, role)).json()

    async def post(
        self, path: str, body: Json = None, status: int = 202, role: KeyRole = KeyRole.OPERATOR, **given: Any
    ) -> Json:
        response = await self.call("POST", path, status, role, json=body, **given)
        return response.json() if response.content else None

    async def put(self, path: str, body: Json, status: int = 200) -> Json:
        response = await self.call("PUT", path, status, json=body)
        return response.json() if response.content else None

    async def items(self, path: str) -> list[Json]:
        found: list[Json] = (await self.get(path))["items"]
        return found

    @asynccontextmanager
    async def working(self, *roles: Role) -> AsyncIterator[None]:
        """Roles at work inside the block; afterwards they stop in good order."""
        stopping = asyncio.Event()
        serving = asyncio.create_task(serve(self.system, list(roles or Role), stopping))
        try:
            yield
        finally:
            stopping.set()
            await asyncio.wait_for(serving, 15)

    async def task(self, name: str, status: str, patience: float = PATIENCE) -> Json:
        """The task's envelope once it is in this state."""
        return await until(lambda: self.get(f"/v1/tasks/{name}"), lambda found: found["status"] == status, patience)

    async def delivered(self, name: str, status: str = "done", patience: float = PATIENCE) -> Json:
        """The task's envelope once its effect is in this state."""
        return await until(
            lambda: self.get(f"/v1/tasks/{name}"),
            lambda found: found["delivery"] and found["delivery"]["status"] == status,
            patience,
        )

    async def campaign(self, campaign_id: str, status: str, patience: float = PATIENCE) -> Json:
        return await until(
            lambda: self.get(f"/v1/campaigns/{campaign_id}"),
            lambda found: found["status"] == status,
            patience,
        )

    async def start(self, given: Json, plan: Callable[[Json], Json] | None = None) -> str:
        """A campaign, planned and started, its plan edited in between where wanted; needs a Planner at work."""
        campaign_id: str = (await self.post("/v1/campaigns", given, 201))["campaign_id"]
        if not given.get("autostart"):
            await self.post(f"/v1/campaigns/{campaign_id}/plan")
            await self.campaign(campaign_id, "planned")
            if plan is not None:
                shown = await self.get(f"/v1/campaigns/{campaign_id}/plan")
                await self.put(f"/v1/campaigns/{campaign_id}/plan", plan(shown["draft"]), 204)
            await self.post(f"/v1/campaigns/{campaign_id}/start", status=204)
        return campaign_id

    async def approval(self, **wanted: str) -> Json:
        """The approval that waits, once there is one with these values."""
        found = await until(
            lambda: self.items("/v1/approvals"),
            lambda rows: [row for row in rows if wanted.items() <= row.items()],
        )
        return next(row for row in found if wanted.items() <= row.items())

    async def tasks_of(self, campaign_id: str) -> list[Json]:
        return await self.items(f"/v1/tasks?campaign_id={campaign_id}&limit=500")

    async def posts(self) -> list[Json]:
        """What the local network shows of the account, oldest first."""
        wanted: Json = {"account": self.account, "limit": 100}
        try:
            answer = await self.system.host.call("twitter-mcp", "read_timeline", wanted)
        except ToolFailed as error:
            assert "unknown_account" in error.detail  # an account is opened by its first post
            return []
        posts = answer.data["posts"]
        assert isinstance(posts, list)
        return list(reversed(posts))

    async def read_back(self, idempotency_key: str) -> Json:
        """The network's own receipt for a key."""
        wanted: Json = {"account": self.account, "idempotency_key": idempotency_key}
        return (await self.system.host.call("twitter-mcp", "find_by_idempotency_key", wanted)).data

    async def published_once(self) -> list[Json]:
        """All posts of the account, each of them there once and known as a publication."""
        posts = await self.posts()
        texts = Counter(post["text"] for post in posts)
        assert [text for text, times in texts.items() if times > 1] == []
        known = {number for row in await self.items("/v1/publications?limit=500") for number in row["external_ids"]}
        assert {post["id"] for post in posts} <= known
        return posts

    async def no_second_way(self) -> None:
        """What has had its tries is a dead letter at once, not planned anew."""
        await self.put("/v1/policy", {**LIMITLESS, "max_revisions": 0})

    async def loosen(self, policy: Json) -> None:
        """Put a policy in force with all the limits in it: a second operator confirms what it loosens."""
        for change_id in (await self.put("/v1/policy", policy))["limits_waiting"]:
            await self.system.limits.confirm(self.tenant_id, UUID(change_id), "operator:second")

    async def tenant_limits(self) -> list[Json]:
        """The limits of the tenant in USDC."""
        limits = await self.get("/v1/limits")
        return [row for row in limits if (row["scope"], row["currency"]) == ("tenant", "USDC")]

    async def books_balance(self) -> None:
        """Every transaction sums to zero, and what is reserved and spent is what reservations say."""
        assert self.raw is not None
        assert await self.system.reads.unbalanced(self.tenant_id) == 0
        assert (await self.raw.fetchval("SELECT sum(amount) FROM ledger_posting")) in (0, None)
        held = (
            "SELECT coalesce(sum(coalesce(paid, amount)), 0) FROM reservation"
            " WHERE tenant_id = $1 AND status = $2 AND currency = 'USDC'"
        )
        reserved = await self.raw.fetchval(held, self.tenant_id, "pending")
        spent = await self.raw.fetchval(held, self.tenant_id, "posted")
        (limit,) = await self.tenant_limits()
        assert (limit["reserved"], limit["spent"]) == (f"{reserved.normalize():f}", f"{spent.normalize():f}")


def promotions(database: Path, account: str) -> list[str]:
    """What the local network was paid for an account: the amount of each promotion."""
    query = "SELECT amount || ' ' || currency FROM promotion WHERE account = ? ORDER BY id"
    with sqlite3.connect(database) as connection:
        return [row[0] for row in connection.execute(query, (account,))]


async def open_fleet(
    system: System, raw: "asyncpg.Connection[asyncpg.Record] | None", tenant: str = "acme", account: str = "acme"
) -> Fleet:
    """A tenant with the example policy and persona, and a key for each role."""
    tenant_id = await system.accounts.open_tenant(tenant)
    add = system.accounts.add_key
    keys = {role: await add(tenant_id, role.value, role, platform=role is KeyRole.OPERATOR) for role in KeyRole}
    app = create_app(system)
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://chimera.test", timeout=60)
    fleet = Fleet(system, client, tenant_id, account, keys, raw)
    await fleet.put("/v1/policy", LIMITLESS)
    imported = await fleet.post("/v1/personas", {"source": soul(account)}, 201)
    fleet.soul_hash, fleet.agent_id = imported["soul_hash"], imported["agent_id"]
    return fleet


@asynccontextmanager
async def fleet_on(
    settings: Settings, raw: "asyncpg.Connection[asyncpg.Record]", shared: ToolHost | None = None, **parts: object
) -> AsyncIterator[Fleet]:
    """A fleet on settings of a journey's own; `parts` replace parts of the system, such as its model."""
    system = wire(settings, shared)
    vars(system).update(parts)
    await system.open()
    account = f"own_{uuid4().hex[:12]}"
    fleet = await open_fleet(system, raw, "own", account)
    try:
        yield fleet
    finally:
        await fleet.client.aclose()
        await system.close()


def faulty(settings: Settings, fault: str, timeout_seconds: float = 20.0) -> Settings:
    """Settings whose local network goes wrong in a way that `servers/social/faults.py` knows."""
    bundled = tool_servers(settings)["twitter-mcp"]
    args = [*bundled.args, "--fault", fault]
    server = bundled.model_copy(update={"args": args, "timeout_seconds": timeout_seconds})
    config = settings.state / "servers.yaml"
    config.write_text(yaml.safe_dump({"mcpServers": {"twitter-mcp": server.model_dump(mode="json")}}), "utf-8")
    return settings.model_copy(update={"mcp_config": config})


def wire(settings: Settings, shared: ToolHost | None) -> System:
    """A system on these settings; with its own MCP servers when none are shared."""
    system = Wired(settings)
    system.shared = shared
    return system
