"""What happens on a platform happens once and whole: threads cut in half, platforms that do not tell, platforms that
ask for patience (PUB-1, PUB-2)."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import yaml
from tests.journeys.fleet import Fleet, Json, brief, dispatch, faulty, fleet_on, result, until

from chimera.gateways.mcp.types import Platform
from chimera.settings import Settings
from chimera.values import KeyRole, Role
from chimera.wiring import tool_servers
from chimera_devnet.social.faults import Fault, Mode
from chimera_devnet.social.network import Network
from chimera_devnet.social.server import build_server

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG = 45.0
THREAD = [
    "AI comes from people who asked where thinking comes from.",
    "Tell where AI comes from, and somebody will listen.",
    "AI comes to whoever can tell a question from an answer.",
    "Where AI comes from is an old story, and few people tell it.",
    "Tell it, and AI comes a little closer to people.",
]
FORUM = "forum-mcp"


def quick(settings: Settings) -> Settings:
    """Leases so short that what is lost is found again soon."""
    return settings.model_copy(update={"lease_seconds": 1.0})


async def approved(fleet: Fleet, content: str | list[str], **order: Any) -> Json:
    """A piece of an outside agent's, approved by a human; needs a Judge at work."""
    action = "create_thread" if isinstance(content, list) else "post_tweet"
    await fleet.post("/v1/tasks", dispatch("piece", action, worker="external", **order))
    await fleet.post("/v1/tasks/claim", {}, 200)
    await fleet.post("/v1/tasks/piece/result", result("piece", content))
    await fleet.task("piece", "awaiting_approval", LONG)
    approval = await fleet.approval()
    await fleet.post(f"/v1/approvals/{approval['approval_id']}/approve", {})
    return approval


@pytest.mark.parametrize(
    ("fault", "status"), [("partial_thread:1", "done"), ("partial_die:1", "reconciled")], ids=["taken", "died"]
)
async def test_a_thread_that_the_platform_cuts_in_half_is_whole_in_the_end(
    settings: Settings, raw: Any, fault: str, status: str
) -> None:
    async with fleet_on(faulty(quick(settings), fault), raw) as fleet, fleet.working():
        await approved(fleet, THREAD)
        envelope = await fleet.delivered("piece", status, LONG)
        posts = await fleet.published_once()
        receipt = await fleet.read_back(envelope["delivery"]["idempotency_key"])
    assert [post["text"] for post in posts] == THREAD
    assert [post["in_reply_to"] for post in posts] == [None, *(post["id"] for post in posts[:-1])]
    assert receipt["ids"] == [post["id"] for post in posts[:2]], "the platform took the first half at once"


def beside(settings: Settings, fault: str) -> Settings:
    """Settings with a second social network, of which nobody can ask what is on it."""
    bundled = tool_servers(settings)["twitter-mcp"]
    args = ["-m", "chimera_devnet.social", "--db", str(settings.state / "forum.db"), "--fault", fault]
    mute = bundled.model_copy(
        update={
            "args": args,
            "platform": Platform(max_length=280, ai_label="ai_label"),
        }
    )
    config = settings.state / "forum.yaml"
    config.write_text(yaml.safe_dump({"mcpServers": {FORUM: mute.model_dump(mode="json")}}), "utf-8")
    return settings.model_copy(update={"mcp_config": config})


async def on_the_forum(fleet: Fleet) -> list[Json]:
    """Every post of the account on the second network."""
    answer = await fleet.system.host.call(FORUM, "list_posts", {"limit": 500})
    posts = answer.data["posts"]
    assert isinstance(posts, list)
    return [post for post in posts if isinstance(post, dict) and post["author"] == fleet.account]


@pytest.mark.parametrize(
    ("fault", "answer", "status"),
    [("die_after_accept:1", "it_happened", "reconciled"), ("die_before_accept:1", "try_again", "done")],
)
async def test_a_platform_that_does_not_tell_leaves_a_question_whose_answer_ends_the_campaign(
    settings: Settings, raw: Any, fault: str, answer: str, status: str
) -> None:
    async with fleet_on(beside(quick(settings), fault), raw) as fleet, fleet.working():
        deliverables = [{"server": FORUM, "topics": ["AI history"]}]
        campaign_id = await fleet.start(brief(deliverables=deliverables, autostart=True))
        (asked,) = await until(lambda: fleet.get("/v1/questions"), len, LONG)
        assert (asked["server"], asked["account"], asked["campaign"]) == (FORUM, fleet.account, "Quiet technology")
        assert "cannot be read back" in asked["question"]
        assert (await fleet.get(f"/v1/campaigns/{campaign_id}"))["status"] == "running"
        seen = await on_the_forum(fleet)
        assert [post["text"] for post in seen] == (asked["parts"] if answer == "it_happened" else [])

        said = {"answer": answer, "url": seen[0]["url"] if seen else None, "note": "I looked."}
        path = f"/v1/questions/{asked['effect_id']}/answer"
        await fleet.post(path, said, 403, role=KeyRole.DEVELOPER)
        await fleet.post(path, said, 204, role=KeyRole.REVIEWER)

        await fleet.campaign(campaign_id, "finished", LONG)
        await fleet.post(path, said, 409)
        assert await fleet.get("/v1/questions") == []
        envelope = await fleet.get(f"/v1/tasks/{asked['task_id']}")
        assert envelope["delivery"]["status"] == status
        (post,) = await on_the_forum(fleet)
        assert [post["text"]] == asked["parts"]
        (known,) = await fleet.items("/v1/publications")
        assert known["external_ids"] == [post["id"]]


@dataclass(frozen=True)
class Watched(Fault):
    """A fault that keeps of each writing call whether the moment had come that the refusal before it had named."""

    patience: float = 0.0
    calls: list[bool] = field(default_factory=list)
    named: list[float] = field(default_factory=list)

    def before_accept(self, network: Network) -> None:
        self.calls.append(all(time.monotonic() >= moment for moment in self.named))
        self.named.append(time.monotonic() + self.patience)
        super().before_accept(network)


@asynccontextmanager
async def serving(database: Path, fault: Fault) -> AsyncIterator[str]:
    """The social network, over HTTP and in this process; its address."""
    network = Network(database, seed=1)
    app = build_server(network, fault).streamable_http_app(stateless_http=True, json_response=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        finally:
            server.should_exit = True
            await running
            network.close()


async def test_a_platform_that_asks_for_patience_is_left_alone_for_that_long(settings: Settings, raw: Any) -> None:
    """Measured on the platform's side, and counted from each refusal."""
    patience = 1.5
    watched = Watched(Mode.ERROR_429, 2, f"{patience}", patience=patience)
    bundled = tool_servers(settings)["twitter-mcp"]
    async with serving(settings.state / "watched.db", watched) as url:
        server = bundled.model_copy(update={"command": None, "args": [], "url": url})
        config = settings.state / "watched.yaml"
        config.write_text(yaml.safe_dump({"mcpServers": {"twitter-mcp": server.model_dump(mode="json")}}), "utf-8")
        own = quick(settings).model_copy(update={"mcp_config": config})
        async with fleet_on(own, raw) as fleet:
            async with fleet.working(Role.JUDGE, Role.PUBLISHER):
                await approved(fleet, "AI comes from people who asked where thinking comes from.")
                await fleet.delivered("piece", "done", LONG)
            assert len(await fleet.published_once()) == 1
    assert watched.calls == [True, True, True], "a call came before the moment that a refusal had named"
