"""The door: keys become cookies, strangers' forms are refused, and files may be kept for ever."""

import gzip
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from importlib import resources
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest
from tests.browser.stage import HOST, browsing
from tests.journeys.fleet import Fleet, open_fleet

from chimera.api.auth import COOKIE
from chimera.board.auth import HEADERS
from chimera.board.static import ASSETS, URLS
from chimera.values import KeyRole
from chimera.wiring import System
from chimera.wiring.api import create_app


@pytest.fixture
async def fleet(system: System, database_url: str) -> AsyncIterator[Fleet]:
    raw = await asyncpg.connect(database_url)
    made = await open_fleet(system, raw, "acme", f"acme_{uuid4().hex[:12]}")
    yield made
    await made.client.aclose()
    await raw.close()


def cookie(answer: httpx2.Response) -> dict[str, str]:
    morsel = SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]
    return {name: str(value) for name, value in morsel.items() if value} | {"value": morsel.value}


@pytest.mark.parametrize("by_form", [False, True])
async def test_a_good_key_becomes_a_cookie_that_scripts_and_other_sites_do_not_get(fleet: Fleet, by_form: bool) -> None:
    key = fleet.keys[KeyRole.AUDITOR]
    async with browsing(fleet, None) as browser:
        answer = await (browser.post("/enter", data={"key": key}) if by_form else browser.get(f"/enter?key={key}"))
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")
        given = cookie(answer)
        assert given == {
            "value": key,
            "httponly": "True",
            "samesite": "strict",
            "path": "/",
            "max-age": str(12 * 3_600),
        }
        assert (await browser.get("/")).status_code == 200


async def test_over_https_the_cookie_stays_there(fleet: Fleet) -> None:
    async with browsing(fleet, None) as browser:
        answer = await browser.get(f"https://chimera.test/enter?key={fleet.keys[KeyRole.AUDITOR]}")
    assert cookie(answer)["secure"]


@pytest.mark.parametrize("key", ["chm_wrong", " ", "<script>"])
async def test_a_bad_key_opens_nothing(fleet: Fleet, key: str) -> None:
    async with browsing(fleet, None) as browser:
        for answer in (
            await browser.get("/enter", params={"key": key}),
            await browser.post("/enter", data={"key": key}),
        ):
            assert answer.status_code in (200, 401)
            assert "Set-Cookie" not in answer.headers
            assert 'name="key"' in answer.text
            assert "<script>" not in answer.text


async def test_leaving_takes_the_cookie_away(fleet: Fleet) -> None:
    async with browsing(fleet, None) as browser:
        await browser.get(f"/enter?key={fleet.keys[KeyRole.AUDITOR]}")
        assert (await browser.get("/")).status_code == 200
        answer = await browser.get("/leave")
        assert answer.headers["Location"] == "/enter"
        assert cookie(answer)["max-age"] == "0"
        assert (await browser.get("/")).status_code == 303


@pytest.mark.parametrize("path", ["/", "/approvals", "/tasks/x", f"/campaigns/{UUID(int=7)}", "/ledger", "/audit"])
async def test_whoever_is_not_known_is_shown_to_the_door(fleet: Fleet, path: str) -> None:
    async with browsing(fleet, None) as browser:
        answer = await browser.get(path)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/enter")
        part = await browser.get(path, headers={"HX-Request": "true"})
        assert (part.status_code, part.headers["HX-Redirect"]) == (401, "/enter")
        assert (await browser.get("/live")).status_code == 401


async def test_a_revoked_key_is_shown_to_the_door(fleet: Fleet) -> None:
    key = next(row for row in await fleet.get("/v1/keys") if row["role"] == "auditor")
    async with browsing(fleet, KeyRole.AUDITOR) as browser:
        assert (await browser.get("/")).status_code == 200
        await fleet.call("DELETE", f"/v1/keys/{key['key_id']}", 204)
        assert (await browser.get("/")).status_code == 303


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ({"Origin": HOST}, True),
        ({"Origin": "", "Referer": f"{HOST}/approvals"}, True),
        ({"Origin": ""}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "https://evil.test"}, False),
        ({"Origin": f"{HOST}:8421"}, False),
        ({"Origin": f"{HOST}.evil.test"}, False),
        ({"Origin": "", "Referer": "https://evil.test/chimera.test"}, False),
        ({"Origin": "https://evil.test", "Referer": f"{HOST}/"}, False),
    ],
)
@pytest.mark.parametrize("path", ["/halt", "/v1/halt", "/enter"])
async def test_a_form_from_elsewhere_is_refused(fleet: Fleet, path: str, said: dict[str, str], taken: bool) -> None:
    order = {"scope": "tenant", "reason": "x"}
    body = {"json": order} if path.startswith("/v1") else {"data": order}
    async with browsing(fleet) as browser:
        answer = await browser.post(path, headers=said, **body)  # type: ignore[arg-type]
    assert (answer.status_code != 403) is taken, answer.text
    assert len(await fleet.get("/v1/halts")) == (taken and path != "/enter")
    if not taken:
        json = answer.headers["Content-Type"] == "application/problem+json"
        assert json is path.startswith("/v1")


async def test_a_program_with_its_key_needs_no_origin(fleet: Fleet) -> None:
    await fleet.post("/v1/halt", {"scope": "tenant", "reason": "x"}, 204)
    assert len(await fleet.get("/v1/halts")) == 1


@pytest.mark.parametrize("path", ["/enter", "/nowhere", "/v1/tasks", "/healthz", "/static/0/board.js"])
async def test_every_answer_carries_the_headers(fleet: Fleet, path: str) -> None:
    async with browsing(fleet, None) as browser:
        answer = await browser.get(path)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


async def test_the_board_is_not_part_of_the_described_api(system: System) -> None:
    described = create_app(system).openapi()["paths"]
    assert not [
        path for path in described if not path.startswith(("/v1/", "/health", "/readyz", "/metrics", "/verify/"))
    ]


async def test_files_are_kept_for_ever_under_an_address_that_names_their_content(fleet: Fleet) -> None:
    async with browsing(fleet, None) as browser:
        for url, asset in ASSETS.items():
            packed = await browser.get(url)
            plain = await browser.get(url, headers={"Accept-Encoding": "identity"})
            assert packed.content == plain.content == asset.body
            assert packed.headers["Content-Encoding"] == "gzip"
            assert "Content-Encoding" not in plain.headers
            assert plain.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert plain.headers["Content-Type"] == asset.media
        assert (await browser.get("/static/0000000000000000/board.js")).status_code == 404


def test_htmx_is_the_packages_own_and_the_page_is_light() -> None:
    script = ASSETS[URLS["board.js"]]
    folder = resources.files("django_htmx").joinpath("static", "django_htmx")
    for part in (folder.joinpath("htmx-4.min.js"), folder.joinpath("ext", "hx-sse-4.min.js")):
        assert part.read_bytes() in script.body
    assert gzip.decompress(script.packed) == script.body
    assert sum(len(asset.packed) for asset in ASSETS.values()) < 30_000
