"""What the board is tried on: a fleet with something in every room, and browsers of each role."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from typing import Any

import httpx2
from stamina import instrumentation
from tests.journeys.fleet import POLICY, WALLET, Fleet, brief, dispatch, result, until

from chimera.api.auth import COOKIE
from chimera.values import KeyRole, Role
from chimera.wiring.api import create_app

HOST = "http://chimera.test"
NASTY = "AI is reshaping the future <script>alert('x')</script> & <img src=x onerror=alert()>"


@asynccontextmanager
async def browsing(fleet: Fleet, role: KeyRole | None = KeyRole.OPERATOR) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser without JavaScript: it sends the cookie, and says where its forms come from."""
    cookies = {COOKIE: fleet.keys[role]} if role else {}
    transport = httpx2.ASGITransport(create_app(fleet.system))
    async with httpx2.AsyncClient(
        transport=transport, base_url=HOST, cookies=cookies, headers={"Origin": HOST}, timeout=60
    ) as client:
        yield client


async def hold(fleet: Fleet, execution_id: str, content: str | list[str], **changes: Any) -> dict[str, Any]:
    """A piece by an outside agent that the Judge gives to a human; it needs a Judge at work."""
    action = "create_thread" if isinstance(content, list) else "post_tweet"
    await fleet.post("/v1/tasks", dispatch(execution_id, action, worker="external", **changes))
    await fleet.post("/v1/tasks/claim", {}, 200)
    await fleet.post(f"/v1/tasks/{execution_id}/result", result(execution_id, content))
    task_id = (await fleet.task(execution_id, "awaiting_approval"))["task_id"]
    found: dict[str, Any] = await fleet.approval(task_id=task_id)
    return found


async def furnish(fleet: Fleet) -> None:
    """Something in every room: posts that are out, money granted and refused, a nasty piece that waits."""
    instrumentation.set_on_retry_hooks([])  # looking again is no event worth a line in the log
    await fleet.put("/v1/policy", {**POLICY, "sensitive_topics": {}})
    promotions = [
        {"token_amount": "50 USDC", "purpose": "Campaign ad spend", "wallet": WALLET},
        {"token_amount": "500 USDC", "purpose": "Front-page takeover", "wallet": WALLET},
    ]
    async with fleet.working(*Role):
        campaign_id = await fleet.start({**brief(promotions=promotions), "autostart": True})
        await hold(fleet, "nasty-1", NASTY, context={"goal": f"Say {NASTY}"})
        await hold(fleet, "nasty-2", [NASTY, "AI is reshaping the past, too."])
        await until(
            lambda: fleet.items("/v1/spends"),
            lambda rows: {row["status"] for row in rows} >= {"posted", "refused"},
            60,
        )
        await fleet.campaign(campaign_id, "finished", 60)


class Page(HTMLParser):
    """A page taken apart: its tags with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self._texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._texts).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def forms(self) -> set[str]:
        """Where its forms are sent that change something."""
        return {form.get("action") or "" for form in self.all("form") if form.get("method") == "post"}
