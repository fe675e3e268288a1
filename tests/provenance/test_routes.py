"""Files over HTTP for their tenant alone, and checks for anybody, of whatever they bring (PRV-1, PRV-5, MED-4)."""

import asyncio
import hashlib
import json
import struct
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from cryptography import x509
from tests.fixtures import NewDatabase
from tests.journeys.fleet import open_fleet
from tests.provenance.signed import Shown, plain, showing, signed, stripped, tampered

from chimera.api.uploads import MAX_FILE
from chimera.provenance.service import verification as proofs
from chimera.provenance.types.proofs import Checked
from chimera.values import KeyRole
from chimera_protocol.wire import MAX_TEXT

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(
    new_database: NewDatabase, redis: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Shown]:
    topics = {"picture": "AI history", "words": "open standards", "secret": "a database with long plans"}
    with new_database() as url:
        async with showing(url, redis, tmp_path_factory.mktemp("provenance"), topics) as made:
            yield made


def left(folder: Path) -> list[Path]:
    """What is still there."""
    return list(folder.iterdir())


async def ask_file(shown: Shown, content: bytes, name: str = "card.png", kind: str = "image/png") -> Any:
    """The API's answer about a file, without any key."""
    answer = await shown.fleet.client.post("/verify/file", files={"file": (name, content, kind)})
    assert answer.status_code == 200, answer.text
    Checked.model_validate(answer.json())
    return answer.json()


async def ask_text(shown: Shown, text: str, status: int = 200) -> Any:
    answer = await shown.fleet.client.post("/verify/text", json={"text": text})
    assert answer.status_code == status, answer.text
    return answer.json()


@contextmanager
def altered(shown: Shown, name: str) -> Iterator[None]:
    """One byte of a stored file is another one meanwhile."""
    sha256 = shown.media(name)["sha256"]
    (path,) = (shown.folder / "assets").glob(f"??/{sha256}.*")
    content = path.read_bytes()
    path.write_bytes(tampered(content))
    try:
        yield
    finally:
        path.write_bytes(content)


# -- files


@pytest.mark.parametrize("role", [*KeyRole])
async def test_a_file_is_served_whole_as_what_it_is_and_for_ever(shown: Shown, role: KeyRole) -> None:
    answer = await shown.fleet.call("GET", shown.path("picture"), role=role)
    sha256 = shown.media("picture")["sha256"]
    assert hashlib.sha256(answer.content).hexdigest() == sha256
    assert answer.headers["Content-Type"] == shown.media("picture")["facts"]["media_type"]
    assert answer.headers["ETag"] == f'"{sha256}"'
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"].startswith("inline;")
    known = await shown.fleet.call("GET", shown.path("picture"), 304, headers={"If-None-Match": f'W/"x", "{sha256}"'})
    assert known.content == b""


@pytest.mark.parametrize(
    ("wanted", "status", "part"),
    [("bytes=0-99", 206, slice(0, 100)), ("bytes=-50", 206, slice(-50, None)), ("bytes=7-", 206, slice(7, None))],
)
async def test_a_part_of_a_file_is_served_for_seeking(shown: Shown, wanted: str, status: int, part: slice) -> None:
    whole = await shown.content()
    answer = await shown.fleet.call("GET", shown.path("picture"), status, headers={"Range": wanted})
    assert answer.content == whole[part]
    assert answer.headers["Content-Range"].endswith(f"/{len(whole)}")


async def test_a_part_beyond_the_end_is_refused_and_an_old_copy_is_replaced(shown: Shown) -> None:
    await shown.fleet.call("GET", shown.path("picture"), 416, headers={"Range": "bytes=99999999-"})
    stale = {"Range": "bytes=0-9", "If-Range": '"old"'}
    assert (await shown.fleet.call("GET", shown.path("picture"), 200, headers=stale)).content == await shown.content()


async def test_no_copy_is_left_of_what_was_served(
    shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    await shown.fleet.call("GET", shown.path("picture"))
    await shown.fleet.call("GET", shown.path("picture"), 416, headers={"Range": "bytes=99999999-"})
    await ask_file(shown, plain())
    assert left(tmp_path) == []


async def test_a_file_of_somebody_else_is_not_there(shown: Shown) -> None:
    other = await open_fleet(shown.system, shown.fleet.raw, "umbrella", f"umbrella_{uuid4().hex[:12]}")
    for name in ("picture", "secret"):
        assert (await other.get(shown.path(name), 404))["title"] == "Not found"
        await shown.fleet.call("GET", shown.path(name))
    await other.client.aclose()


async def test_a_file_takes_a_key_and_a_name_that_fits(shown: Shown) -> None:
    assert (await shown.fleet.client.get(shown.path("picture"))).status_code == 401
    sha256 = shown.media("picture")["sha256"]
    ending = shown.path("picture").rpartition(".")[2]
    wrong = "gif" if ending != "gif" else "png"
    await shown.fleet.get(f"/v1/files/{sha256}.{wrong}", 404)
    await shown.fleet.get(f"/v1/files/{'0' * 64}.png", 404)
    for name in ("x.png", f"{sha256}", f"{sha256}.PNG", f"..%2f{sha256}.png", f"{sha256.upper()}.png"):
        assert (await shown.fleet.call("GET", f"/v1/files/{name}", 404 if "%2f" in name else 422)).content


async def test_a_file_that_was_altered_in_the_store_is_not_served(
    shown: Shown,
) -> None:
    with altered(shown, "secret"):
        problem = await shown.fleet.get(shown.path("secret"), 500)
        assert problem["title"] == "File altered"
        check = await shown.fleet.get(f"/v1/assets/{shown.pieces['secret']['asset_id']}/check")
        assert check["proof"]["badge"] == "broken"
        (told,) = [one["told"] for one in check["findings"] if one["what"].startswith("File 1")]
        assert "File altered" in told
    await shown.fleet.call("GET", shown.path("secret"))


# -- checks by the tenant


async def test_a_check_goes_down_to_the_leaf_and_holds(shown: Shown) -> None:
    check = await shown.fleet.get(f"/v1/assets/{shown.pieces['picture']['asset_id']}/check", role=KeyRole.AUDITOR)
    told = {one["what"]: one["holds"] for one in check["findings"]}
    kind = shown.media("picture")["facts"]["media_type"]
    assert told == {
        "Signed statement": True,
        f"File 1: {kind}": True,
        "Its row": True,
        "Transparency log": True,
        "Checkpoint": True,
        "Anchor": None,
    }
    assert check["proof"]["badge"] == "signed"
    assert check["proof"]["files"][0]["verdict"]["state"] == "valid"
    assert check["proof"]["piece"]["log"]["index"] >= 0


async def test_an_anchored_piece_says_so_after_the_anchor_was_read_back(shown: Shown) -> None:
    batch = await shown.system.transparency.due_anchor()
    assert batch is not None
    await shown.system.transparency.anchored(
        batch, bytes.fromhex(batch.root), chain_id=31337, tx_hash="0x" + "a" * 64, block=7
    )
    check = await shown.fleet.get(f"/v1/assets/{shown.pieces['picture']['asset_id']}/check")
    assert check["proof"]["badge"] == "anchored"
    assert check["findings"][-1] == {
        "what": "Anchor",
        "holds": True,
        "told": f"chain 31337, block 7, transaction 0x{'a' * 64}",
    }
    (known,) = (await ask_file(shown, await shown.content()))["known"]
    assert (known["anchor"]["chain_id"], known["anchor"]["block"]) == (31337, 7)


async def test_a_statement_that_was_rewritten_in_the_database_is_found(shown: Shown) -> None:
    raw, asset_id = shown.fleet.raw, shown.pieces["words"]["asset_id"]
    assert raw is not None
    await raw.execute("SET session_replication_role = replica")
    change = "UPDATE provenance SET statement = statement || $2::jsonb WHERE asset_id = $1"
    try:
        await raw.execute(change, asset_id, json.dumps({"model": "another"}))
        check = await shown.fleet.get(f"/v1/assets/{asset_id}/check")
        held = {one["what"]: one["holds"] for one in check["findings"]}
        assert check["proof"]["badge"] == "broken"
        assert (held["Signed statement"], held["Its row"]) == (False, False)
        refused = await shown.fleet.get(f"/v1/assets/{asset_id}/text", 409)
        assert refused["detail"] == "this is not what was signed"
        (known,) = (await ask_text(shown, shown.pieces["words"]["parts"][0]))["known"]
        assert known["holds"] is False
    finally:
        await raw.execute(change, asset_id, json.dumps({"model": shown.pieces["words"]["statement"]["model"]}))
    assert (await shown.fleet.get(f"/v1/assets/{asset_id}/check"))["proof"]["badge"] in ("signed", "anchored")


async def test_nobody_else_can_check_a_piece(shown: Shown) -> None:
    other = await open_fleet(shown.system, shown.fleet.raw, "hooli", f"hooli_{uuid4().hex[:12]}")
    for what in ("check", "text"):
        await other.get(f"/v1/assets/{shown.pieces['picture']['asset_id']}/{what}", 404)
    await other.client.aclose()


# -- checks by strangers


async def test_a_published_file_is_good_and_known_with_its_place_in_the_log(shown: Shown) -> None:
    found = await ask_file(shown, await shown.content())
    piece = shown.pieces["picture"]
    assert found["verdict"]["state"] == "valid"
    (known,) = found["known"]
    assert (known["asset_id"], known["persona"], known["holds"]) == (piece["asset_id"], "TechInfluencer", True)
    assert [out["url"] for out in known["outings"]] == [piece["url"]]
    assert known["log"]["size"] > known["log"]["index"] >= 0
    assert known["statement"]["content_hash"]


async def test_a_stranger_is_told_no_secret(shown: Shown) -> None:
    raw = shown.fleet.raw
    assert raw is not None
    prompt = await raw.fetchval("SELECT worker_output_prompt FROM generation_log LIMIT 1")
    found = [
        await ask_file(shown, await shown.content()),
        await ask_text(shown, shown.pieces["words"]["parts"][0]),
        await ask_text(shown, shown.pieces["words"]["url"]),
    ]
    for answer in found:
        assert answer["known"]
        told = json.dumps(answer)
        for secret in (str(shown.fleet.tenant_id), '"acme"', "tenant", "prompt_text", prompt[:40], "cost", "chm_"):
            assert secret not in told, secret


async def test_what_was_not_published_is_unknown_though_its_credentials_are_good(shown: Shown) -> None:
    found = await ask_file(shown, await shown.content("secret"))
    assert (found["verdict"]["state"], found["known"]) == ("valid", [])
    assert (await ask_text(shown, shown.pieces["secret"]["parts"][0]))["known"] == []


async def test_one_flipped_byte_is_tampered_and_a_stripped_file_unsigned(shown: Shown) -> None:
    own = signed(shown.folder, plain(), shown.system.authority)
    assert (await ask_file(shown, own))["verdict"]["state"] == "valid"
    assert (await ask_file(shown, tampered(own)))["verdict"]["state"] == "tampered"
    bare = await ask_file(shown, stripped(await shown.content()))
    assert (bare["verdict"]["state"], bare["known"]) == ("stripped", [])


async def test_a_foreign_root_is_nobody_we_know(shown: Shown) -> None:
    found = await ask_file(shown, signed(shown.folder, plain(3)))
    assert (found["verdict"]["state"], found["known"]) == ("untrusted", [])


async def test_a_text_is_known_to_the_letter_however_its_lines_end(shown: Shown) -> None:
    text = shown.pieces["words"]["parts"][0]
    for form in (text, f"  {text}\n", text.replace("\n", "\r\n")):
        found = await ask_text(shown, form)
        assert [one["asset_id"] for one in found["known"]] == [shown.pieces["words"]["asset_id"]], repr(form)
        assert found["verdict"] is None
    assert (await ask_text(shown, text + "!"))["known"] == []
    assert (await ask_text(shown, shown.pieces["picture"]["parts"][0]))["known"], "the text of a piece with a picture"


async def test_a_text_is_taken_away_with_its_credentials_and_found_again_by_them(shown: Shown) -> None:
    piece = shown.pieces["words"]
    answer = await shown.fleet.call("GET", f"/v1/assets/{piece['asset_id']}/text", role=KeyRole.REVIEWER)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    carrying = answer.content.decode()
    assert carrying.startswith(piece["parts"][0])
    found = await ask_text(shown, carrying)
    assert (found["verdict"]["state"], found["known"][0]["asset_id"]) == ("valid", piece["asset_id"])
    said = found["verdict"]["assertions"]["org.chimera.provenance"]
    assert (said["asset_id"], said["model"]) == (piece["asset_id"], piece["statement"]["model"])
    changed = carrying.replace(piece["parts"][0][:5], "Never", 1)
    assert (await ask_text(shown, changed))["verdict"]["state"] == "tampered"


async def test_an_address_is_looked_up_and_never_fetched(shown: Shown) -> None:
    found = await ask_text(shown, f" {shown.pieces['words']['url']} ")
    assert (found["kind"], len(found["known"])) == ("address", 1)
    for address in ("http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "https://chimera.test/x"):
        assert await ask_text(shown, address) == {"kind": "address", "sha256": None, "verdict": None, "known": []}


async def test_anybody_gets_the_root_and_it_is_the_one_files_are_signed_under(shown: Shown) -> None:
    answer = await shown.fleet.client.get("/verify/root.pem")
    certificate = x509.load_pem_x509_certificate(answer.content)
    assert certificate.subject == certificate.issuer
    assert "PRIVATE" not in answer.text
    told = await shown.fleet.get("/v1/credentials/root")
    assert told["pem"] == answer.text
    assert (await shown.fleet.client.get("/v1/credentials/root")).status_code == 401


# -- hostile uploads


def _bomb() -> bytes:
    """A PNG of some kilobytes that claims to be 40,000 by 40,000 pixels, with a compressed text of 256 MB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    text = b"bomb\0\0" + zlib.compress(bytes(256 << 20), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"zTXt", text) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    )


HOSTILE = {
    "html": b"<html><script>alert(document.cookie)</script>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "zip": b"PK\x03\x04" + bytes(200),
    "png bomb": _bomb(),
    "half a jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "a box without end": struct.pack(">I4s", 0xFFFFFFFF, b"ftyp") + b"isom" + bytes(64),
    "jumbf rubbish": b"\xff\xd8\xff\xeb\x00\x20JP\x00\x01\x00\x00\x00\x01"
    + b"\xff\xff\xff\xffjumb"
    + bytes(16)
    + b"\xff\xd9",
    "nothing but zeros": bytes(1 << 20),
    "a playlist": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
}


@pytest.mark.parametrize("what", HOSTILE)
async def test_a_hostile_file_is_answered_and_does_nothing(shown: Shown, what: str) -> None:
    found = await ask_file(shown, HOSTILE[what], "../../etc/cron.d/<script>.png", "text/html")
    assert found["verdict"]["state"] in ("broken", "stripped")
    assert found["known"] == []
    assert found["sha256"] == hashlib.sha256(HOSTILE[what]).hexdigest()


async def test_what_is_too_large_is_refused_while_it_comes_and_kept_nowhere(
    shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.png"\r\n\r\n'
        while sent < 10 * MAX_FILE:
            sent += 1 << 20
            yield bytes(1 << 20)

    form = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await shown.fleet.client.post("/verify/file", content=endless(), headers=form)
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/problem+json")
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", "multipart/form-data; boundary=b", 422),
        (b"rubbish", "multipart/form-data; boundary=b", 400),
        (b"rubbish", "multipart/form-data", 400),
        (b"a=b", "application/x-www-form-urlencoded", 422),
        (b"{}", "application/json", 422),
        (b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n\r\n--b--\r\n', None, 422),
        (b"".join(b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nx\r\n' % n for n in range(99)), None, 400),
    ],
)
async def test_a_form_that_is_none_is_a_problem(shown: Shown, content: bytes, kind: str | None, status: int) -> None:
    headers = {"Content-Type": kind or "multipart/form-data; boundary=b"}
    answer = await shown.fleet.client.post("/verify/file", content=content, headers=headers)
    assert answer.status_code in (status, 400, 422), answer.text
    assert answer.json()["remedy"]


async def test_a_text_has_its_bound(shown: Shown) -> None:
    await ask_text(shown, "x" * MAX_TEXT)
    await ask_text(shown, "x" * (MAX_TEXT + 1), 422)
    await ask_text(shown, "", 422)


async def test_more_than_some_at_a_time_are_told_to_come_back(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proofs, "PATIENCE", 0.05)
    desk = shown.system.proofs
    async with desk._turn(), desk._turn():
        answer = await shown.fleet.client.post("/verify/file", files={"file": ("x.png", plain(), "image/png")})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


async def test_several_strangers_wait_for_their_turn(shown: Shown) -> None:
    together = await asyncio.gather(*(ask_file(shown, plain(shade)) for shade in range(4)))
    assert {one["verdict"]["state"] for one in together} == {"stripped"}
