"""The board in a real browser: it moves by itself, works by keyboard and without JavaScript, and breaks no rule."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect
from stamina import instrumentation
from tests.browser.stage import NASTY, furnish, hold
from tests.fixtures import NewDatabase
from tests.journeys.fleet import EXAMPLES, Fleet, open_fleet, until

from chimera.api.auth import COOKIE
from chimera.settings import Settings
from chimera.values import KeyRole, Role
from chimera.wiring import System
from chimera.wiring.api import create_app

pytestmark = pytest.mark.asyncio(loop_scope="module")

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Each test has words of its own: the Judge turns away what has been said before.
PIECES = iter(
    [
        "AI is reshaping the future of quiet standards",
        "Old libraries taught AI how to shelve a thought",
        "Somewhere between two memos AI learned patience",
        "AI comes from people who labelled pictures by hand",
        "A summer workshop gave AI its name and little else",
        "Translators met AI early and kept their dictionaries",
        "Chess made AI famous while spelling made it useful",
        "Weather maps were AI before anybody said so aloud",
        "Every AI begins with somebody tidying a table",
        "Cooks and gardeners describe AI better than posters",
    ]
)


async def held_piece(fleet: Fleet) -> tuple[str, dict[str, Any]]:
    words = next(PIECES)
    return words, await hold(fleet, f"piece-{uuid4()}", words)


Open = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield launched
        await launched.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(
    new_database: NewDatabase, redis: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Fleet]:
    """A furnished fleet, its Judge at work."""
    instrumentation.set_on_retry_hooks([])
    with new_database() as url:
        state = tmp_path_factory.mktemp("browser")
        feeds = EXAMPLES / "feeds" / "feeds.yaml"
        system = System(
            Settings(state=state, database_url=url, redis_url=redis, feeds=feeds, undo_seconds=0, cool_down_seconds=0)
        )
        raw = await asyncpg.connect(url)
        await system.open()
        try:
            made = await open_fleet(system, raw, "acme", f"acme_{uuid4().hex[:12]}")
            await furnish(made)
            async with made.working(Role.JUDGE):
                yield made
            await made.client.aclose()
        finally:
            await system.close()
            await raw.close()


@asynccontextmanager
async def serving(fleet: Fleet) -> AsyncIterator[tuple[str, asyncio.Task[None], uvicorn.Server]]:
    config = uvicorn.Config(
        create_app(fleet.system), port=0, lifespan="off", log_level="error", timeout_graceful_shutdown=10
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())

    async def started() -> bool:
        return server.started

    await until(started, bool)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", task, server
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, 15)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address(fleet: Fleet) -> AsyncIterator[str]:
    async with serving(fleet) as (url, _, _):
        yield url


@pytest_asyncio.fixture(loop_scope="module")
async def visit(browser: Browser, fleet: Fleet, address: str) -> AsyncIterator[Open]:
    """Opens rooms in tabs of their own; whatever the browser complains about fails the test."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    async def visit(path: str, role: KeyRole = KeyRole.OPERATOR, url: str = address, **how: Any) -> Page:
        context = await browser.new_context(**how)
        contexts.append(context)
        cookie = {"name": COOKIE, "value": fleet.keys[role], "url": url, "httpOnly": True, "sameSite": "Strict"}
        await context.add_cookies([cookie])  # type: ignore[list-item]
        page = await context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"{url}{path}")
        if how.get("java_script_enabled", True):
            await expect(page.locator("html")).to_have_attribute("data-live", "on")
        return page

    yield visit
    for context in contexts:
        await context.close()
    assert complaints == []


async def test_the_fleet_moves_without_a_reload(visit: Open, fleet: Fleet) -> None:
    page = await visit("/")
    await page.evaluate("window.untouched = true")
    before = int(await page.locator(".depth b").inner_text())
    await held_piece(fleet)
    await expect(page.locator(".depth b")).to_have_text(str(before + 1))
    await expect(page.locator(".figures")).to_contain_text(f"{before + 1} to approve")
    assert await page.evaluate("window.untouched") is True


async def test_a_halt_in_one_tab_is_seen_in_another(visit: Open, fleet: Fleet) -> None:
    page, other = await visit("/"), await visit("/ledger", KeyRole.AUDITOR)
    await page.locator(".top .halt summary").click()
    await page.get_by_label("Reason").fill("Let us think")
    await page.get_by_role("button", name="Halt everything").click()
    await expect(other.locator(".banner")).to_contain_text("Let us think")
    await expect(other.get_by_role("button", name="Resume")).to_have_count(0)
    await page.get_by_role("button", name="Resume").click()
    await expect(other.locator(".banner")).to_have_count(0)


async def test_a_piece_is_approved_by_keyboard(visit: Open, fleet: Fleet) -> None:
    _, held = await held_piece(fleet)
    page = await visit("/approvals", KeyRole.REVIEWER)
    case = page.locator(f"#a-{held['approval_id']}")
    await page.keyboard.press("a")
    await expect(page.locator(".case").first).to_be_focused()
    while not await case.evaluate("here => here === document.activeElement"):
        await page.keyboard.press("j")
    await page.keyboard.press("a")
    await expect(case).to_have_count(0)
    await expect(page.locator("#notice")).to_contain_text("Approved")
    await expect(page.locator(".case:focus")).to_have_count(1)
    await until(lambda: fleet.get(f"/v1/tasks/{held['task_id']}"), lambda task: task["status"] == "completed")


async def test_a_piece_is_edited_and_another_rejected_by_keyboard(visit: Open, fleet: Fleet) -> None:
    (words, first), (_, second) = await held_piece(fleet), await held_piece(fleet)
    page = await visit("/approvals", KeyRole.REVIEWER)
    await page.locator(f"#a-{first['approval_id']}").focus()
    await page.keyboard.press("e")
    await page.keyboard.press("Control+A")
    await page.keyboard.type(f"{words}, edited: a, e, r, j and k are letters here")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(f"#a-{first['approval_id']}")).to_have_count(0)
    await page.locator(f"#a-{second['approval_id']}").focus()
    await page.keyboard.press("r")
    await page.keyboard.press("Escape")
    await expect(page.locator(f"#a-{second['approval_id']}")).to_be_focused()
    await page.keyboard.press("r")
    await page.keyboard.type("say more")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(f"#a-{second['approval_id']}")).to_have_count(0)
    task = await fleet.get(f"/v1/tasks/{first['task_id']}")
    assert task["execution_result"]["artifact"]["content"].endswith("a, e, r, j and k are letters here")


async def test_what_is_open_and_half_written_survives_the_news(visit: Open, fleet: Fleet) -> None:
    words, held = await held_piece(fleet)
    page = await visit("/approvals")
    case = page.locator(f"#a-{held['approval_id']}")
    await case.locator("summary", has_text="How it was made").click()
    await case.focus()
    await page.keyboard.press("e")
    await page.keyboard.type("half a")
    count = await page.locator(".case").count()
    await held_piece(fleet)
    await expect(page.locator(".case")).to_have_count(count + 1)
    await page.keyboard.type(" thought")
    await expect(case.locator("textarea").first).to_have_value(f"half a thought{words}")
    await expect(case.locator("details[open]")).to_have_count(2)


async def test_without_javascript_the_forms_do_the_same(visit: Open, fleet: Fleet) -> None:
    _, held = await held_piece(fleet)
    page = await visit("/approvals", KeyRole.REVIEWER, java_script_enabled=False)
    await expect(page.locator("#live")).to_be_hidden()
    await page.locator(f"#a-{held['approval_id']}").get_by_role("button", name="Approve").click()
    await expect(page).to_have_url(f"{page.url.split('/approvals')[0]}/approvals")
    await expect(page.locator(f"#a-{held['approval_id']}")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
async def test_every_room_fits_in_both_schemes_without_a_complaint(
    visit: Open, fleet: Fleet, address: str, scheme: str, width: int
) -> None:
    page = await visit("/", color_scheme=scheme, viewport={"width": width, "height": 900})
    task = (await fleet.items("/v1/tasks"))[-1]
    piece = (await fleet.items("/v1/assets"))[0]
    rooms = ["/", "/approvals", "/judge", "/tasks", "/campaigns", "/publications", "/ledger", "/audit"]
    for path in [
        *rooms,
        f"/tasks/{task['task_id']}",
        f"/campaigns/{task['campaign_id']}",
        f"/assets/{piece['asset_id']}",
    ]:
        await page.goto(f"{address}{path}")
        await expect(page.locator("html")).to_have_attribute("data-live", "on")
        assert await page.evaluate("document.documentElement.scrollWidth") == width, path
        ground, ink = await page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        )
        assert (_light(ground) > _light(ink)) is (scheme == "light")


def _light(colour: str) -> int:
    return sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))


async def test_what_an_agent_wrote_does_not_run(visit: Open, fleet: Fleet) -> None:
    page = await visit("/approvals")
    await expect(page.locator(".post", has_text=NASTY[:20]).first).to_contain_text(NASTY)
    assert await page.locator("main script, main img").count() == 0


async def test_a_page_without_news_says_since_when(visit: Open, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    page = await visit("/")
    with monkeypatch.context() as broken:
        broken.setattr("chimera.board.live.LiveUpdates._look", _blind)
        await expect(page.locator("html")).to_have_attribute("data-live", "stale", timeout=15_000)
        await expect(page.locator("#live")).to_contain_text("Not live since")
    await expect(page.locator("html")).to_have_attribute("data-live", "on", timeout=15_000)


async def _blind(*_: object) -> None:
    return None


async def test_the_server_leaves_at_once_while_tabs_are_open(browser: Browser, fleet: Fleet) -> None:
    async with serving(fleet) as (url, task, server):
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(f"{url}/enter?key={fleet.keys[KeyRole.AUDITOR]}")
        await expect(page).to_have_url(f"{url}/")
        await expect(page.locator("html")).to_have_attribute("data-live", "on")
        server.should_exit = True
        await asyncio.wait_for(asyncio.shield(task), 5)
        await context.close()
