"""The rooms about proofs, and the page for strangers: what they show, to whom, and what they never run (PRV-1)."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from tests.browser.stage import HOST, Page, browsing
from tests.fixtures import NewDatabase
from tests.journeys.fleet import open_fleet
from tests.provenance.signed import Shown, plain, showing, signed, stripped, tampered

from chimera.board.auth import POLICY
from chimera.values import KeyRole

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(
    new_database: NewDatabase, redis: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Shown]:
    topics = {"picture": "AI history", "words": "open standards", "secret": "a database with long plans"}
    with new_database() as url:
        async with showing(url, redis, tmp_path_factory.mktemp("rooms"), topics) as made:
            yield made


async def verdict(shown: Shown, content: bytes = b"", text: str = "", status: int = 200) -> Page:
    """What the page says to somebody without a key."""
    async with browsing(shown.fleet, None) as browser:
        answer = await browser.post("/verify", data={"text": text}, files={"file": ("<b>.png", content, "text/html")})
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["Cache-Control"] == "no-store"
    return Page(answer.text)


# -- the rooms


async def test_the_gallery_shows_what_pieces_show_with_words_for_who_cannot_see_it(shown: Shown) -> None:
    async with browsing(shown.fleet, KeyRole.AUDITOR) as browser:
        page = Page((await browser.get("/gallery")).text)
        images = page.all("img")
        assert [image["src"] for image in images] == [shown.path("secret"), shown.path("picture")]
        assert all(image["alt"] and image["width"] and image["height"] for image in images)
        for image in images:
            answer = await browser.get(str(image["src"]))
            assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    assert page.text.count("TechInfluencer signed") == 2
    assert "not published" in page.text


async def test_the_gallery_goes_on_page_by_page(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chimera.provenance.page.assets.TILES", 1)
    async with browsing(shown.fleet) as browser:
        first = Page((await browser.get("/gallery")).text)
        (older,) = [str(link["href"]) for link in first.all("a") if link.get("rel") == "next"]
        second = Page((await browser.get(older)).text)
    assert [page.all("img")[0]["src"] for page in (first, second)] == [shown.path("secret"), shown.path("picture")]
    assert not [link for link in second.all("a") if link.get("rel") == "next"]


async def test_publications_show_their_pictures(shown: Shown) -> None:
    async with browsing(shown.fleet) as browser:
        page = Page((await browser.get("/publications")).text)
    assert [image["src"] for image in page.all("img")] == [shown.path("picture")]


async def test_a_piece_shows_what_it_is_made_of_and_what_proves_it(shown: Shown) -> None:
    asset = shown.pieces["picture"]
    task = await shown.fleet.get(f"/v1/tasks/{asset['task_id']}")
    async with browsing(shown.fleet, KeyRole.AUDITOR) as browser:
        page = Page((await browser.get(f"/assets/{asset['asset_id']}")).text)
    for part in (
        asset["media"][0]["model"],
        str(asset["media"][0]["seed"]),
        asset["media"][0]["character_reference_id"],
        task["execution_result"]["metadata"]["prompt"]["sha256"],
        "studio-mcp/generate_image",
        task["verdicts"][0]["judged_by"],
        "covered since the checkpoint of",
        "COMPUTE",
    ):
        assert part in page.text, part
    assert page.forms >= {f"/assets/{asset['asset_id']}/verify"}
    assert [image["alt"] for image in page.all("img")] == [asset["media"][0]["alt"]]


@pytest.mark.parametrize("role", [*KeyRole])
async def test_whoever_may_look_may_verify_now(shown: Shown, role: KeyRole) -> None:
    path = f"/assets/{shown.pieces['picture']['asset_id']}/verify"
    async with browsing(shown.fleet, role) as browser:
        answer = await browser.post(path)
        foreign = await browser.post(path, headers={"Origin": "https://elsewhere.test"})
    assert answer.status_code == 200
    assert "All of it holds" in Page(answer.text).text
    assert foreign.status_code == 403


async def test_an_altered_file_is_broken_on_every_page(shown: Shown) -> None:
    sha256, asset_id = shown.media("secret")["sha256"], shown.pieces["secret"]["asset_id"]
    (path,) = (shown.folder / "assets").glob(f"??/{sha256}.*")
    content = path.read_bytes()
    path.write_bytes(tampered(content))
    try:
        async with browsing(shown.fleet) as browser:
            assert "TechInfluencer broken" in Page((await browser.get("/gallery")).text).text
            text = Page((await browser.post(f"/assets/{asset_id}/verify")).text).text
        assert "This is not what was signed" in text
        assert "File altered" in text
    finally:
        path.write_bytes(content)


async def test_another_tenant_has_none_of_it(shown: Shown) -> None:
    other = await open_fleet(shown.system, shown.fleet.raw, "umbrella", f"umbrella_{uuid4().hex[:12]}")
    async with browsing(other) as browser:
        assert Page((await browser.get("/gallery")).text).all("img") == []
        assert (await browser.get(shown.path("picture"))).status_code == 404
        assert (await browser.post(f"/assets/{shown.pieces['picture']['asset_id']}/verify")).status_code == 404
    await other.client.aclose()


# -- the page for strangers


async def test_the_page_takes_no_key_and_no_script(shown: Shown) -> None:
    async with browsing(shown.fleet, None) as browser:
        answer = await browser.get("/verify")
    page = Page(answer.text)
    assert answer.status_code == 200
    assert page.all("script") == page.all("style") == []
    (form,) = page.all("form")
    assert (form["method"], form["action"], form["enctype"]) == ("post", "/verify", "multipart/form-data")
    names = [name for name, _ in page.tags]
    assert names.count("main") == names.count("h1") == 1
    assert len(page.all("label")) == len([*page.all("input"), *page.all("textarea")])
    assert "/verify/root.pem" in {link["href"] for link in page.all("a")}


async def test_a_published_picture_is_good_with_all_that_may_be_told(shown: Shown) -> None:
    piece = shown.pieces["picture"]
    page = await verdict(shown, await shown.content())
    for part in (
        "Verdict Good",
        "made by a program, without a trained model",
        piece["media"][0]["model"],
        str(piece["media"][0]["seed"]),
        piece["persona"],
        piece["url"],
        "leaf",
        "not anchored",
    ):
        assert part in page.text, part
    assert str(shown.fleet.tenant_id) not in page.text


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("tampered", "Changed since it was signed"),
        ("foreign", "Nobody we know signed it"),
        ("stripped", "No credentials"),
        ("html", "Not readable"),
    ],
)
async def test_a_doubtful_file_is_called_what_it_is(shown: Shown, kind: str, words: str) -> None:
    own = signed(shown.folder, plain(), shown.system.authority)
    content = {
        "tampered": tampered(own),
        "foreign": signed(shown.folder, plain(9)),
        "stripped": stripped(await shown.content()),
        "html": b"<html><script>alert(1)</script></html>",
    }[kind]
    page = await verdict(shown, content)
    assert f"Verdict {words}" in page.text
    assert "Nothing: it was not published here" in page.text
    assert page.all("script") == []


async def test_an_unpublished_piece_is_unknown_here(shown: Shown) -> None:
    page = await verdict(shown, await shown.content("secret"))
    assert "Nothing: it was not published here" in page.text
    assert "TechInfluencer" not in page.text
    assert "Verdict Unknown here" in (await verdict(shown, text=shown.pieces["secret"]["parts"][0])).text


async def test_a_text_and_an_address_are_looked_up(shown: Shown) -> None:
    words = shown.pieces["words"]
    for text in (words["parts"][0].replace("\n", "\r\n"), words["url"]):
        page = await verdict(shown, text=text)
        assert "Verdict Published here" in page.text
        assert words["url"] in page.text
    assert "Verdict Unknown here" in (await verdict(shown, text="https://chimera.test/nowhere")).text
    hostile = await verdict(shown, text="</textarea><script>alert(1)</script>")
    assert hostile.all("script") == []


async def test_nothing_at_all_and_another_sites_form_are_refused(shown: Shown) -> None:
    assert "neither a file nor a text" in (await verdict(shown, status=422)).text
    async with browsing(shown.fleet, None) as browser:
        answer = await browser.post("/verify", data={"text": "x"}, headers={"Origin": "https://elsewhere.test"})
        assert answer.status_code == 403
        answer = await browser.post("/verify/text", json={"text": "x"}, headers={"Origin": f"{HOST}:1"})
        assert answer.status_code == 200, "there is no key in it that another site could misuse"


async def test_a_form_that_cannot_be_read_is_a_page_that_says_so(shown: Shown, tmp_path: Path) -> None:
    async with browsing(shown.fleet, None) as browser:
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        answer = await browser.post("/verify", content=b"rubbish", headers=kind)
    assert answer.status_code == 400
    assert "Malformed request" in Page(answer.text).text
