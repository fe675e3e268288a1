"""Signed files: a stranger's verifier accepts them with our root alone, and they say what was true."""

import hashlib
import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import numpy as np
import pytest
from credential_setup import GENERATOR, Clock, Media, Report
from PIL import Image

from chimera_credentials.authority import Authority
from chimera_credentials.signing import FileSigner, NotSigned
from chimera_credentials.timestamps import NotStamped, OwnStamps, RemoteStamps
from chimera_credentials.types import PROVENANCE, CredentialState, DataUse, FileStatement, SignedFile, SourceType
from chimera_credentials.verifying import verify_file
from chimera_protocol.errors import Invalid

FILES = ["card.png", "card.jpg", "card.webp", "clip.mp4", "voice.wav"]
Stranger = Callable[..., Report]


def signed(signer: FileSigner, media: Media, target: Path, statement: FileStatement) -> SignedFile:
    return signer.sign_file(media.path, target / media.path.name, media.media_type, statement)


def codes(report: Report, kind: str) -> set[str]:
    return {finding["code"] for finding in report["validation_results"][kind]}


def assertions(report: Report) -> dict[str, object]:
    store = report["manifest_report"]
    active = store["manifests"][store["active_manifest"]]
    return {one["label"]: one["data"] for one in active["assertions"]}


@pytest.mark.parametrize("name", FILES)
def test_a_stranger_accepts_every_kind_of_file_with_our_root_alone(
    name: str,
    media: Mapping[str, Media],
    signer: FileSigner,
    statement: FileStatement,
    stranger: Stranger,
    tmp_path: Path,
) -> None:
    result = signed(signer, media[name], tmp_path, statement)
    report = stranger(tmp_path / name, media[name].media_type)
    assert (report["integrity"], report["signature"], report["hard_binding"]) == ("valid", "valid", "match")
    assert report["trust"]["status"] == "valid_for_supplied_material"
    assert codes(report, "failure") == set()
    assert {"timeStamp.trusted", "signingCredential.trusted"} <= codes(report, "success")
    assert report["network"]["requests"] == []
    assert result.manifest == report["manifest_report"]["active_manifest"]
    assert result.sha256 == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    assert result.algorithm == "ES256"
    assert result.stamped_at
    assert datetime.now(UTC) - result.stamped_at < timedelta(minutes=1)
    assert result.unstamped_because is None


def test_it_says_how_the_file_was_made_and_what_may_be_done_with_it(
    media: Mapping[str, Media], signer: FileSigner, statement: FileStatement, stranger: Stranger, tmp_path: Path
) -> None:
    signed(signer, media["card.png"], tmp_path, statement)
    said = assertions(stranger(tmp_path / "card.png", "image/png"))
    iptc = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"
    assert said["c2pa.actions.v2"] == {"actions": [{"action": "c2pa.created", "digitalSourceType": iptc}]}
    assert {use["use"] for use in said["cawg.training-mining"]["entries"].values()} == {"notAllowed"}
    assert said[PROVENANCE] == {
        "asset_id": "01a",
        "soul_hash": "a" * 64,
        "prompt_hash": "b" * 64,
        "model": "studio/card-3",
        "seeds": ["7", "9223372036854775808"],
        "source_type": "algorithmicMedia",
    }


@pytest.mark.parametrize("source_type", SourceType)
def test_each_way_of_making_has_its_name(
    source_type: SourceType,
    media: Mapping[str, Media],
    signer: FileSigner,
    statement: FileStatement,
    stranger: Stranger,
    tmp_path: Path,
) -> None:
    other = statement.model_copy(update={"source_type": source_type, "data_use": DataUse.ALLOWED, "prompt_hash": None})
    signed(signer, media["card.jpg"], tmp_path, other)
    said = assertions(stranger(tmp_path / "card.jpg", "image/jpeg"))
    assert said["c2pa.actions.v2"]["actions"][0]["digitalSourceType"] == source_type.uri
    assert {use["use"] for use in said["cawg.training-mining"]["entries"].values()} == {"allowed"}
    assert "prompt_hash" not in said[PROVENANCE]


def test_the_picture_and_the_clip_themselves_are_not_touched(
    media: Mapping[str, Media], signer: FileSigner, statement: FileStatement, tmp_path: Path
) -> None:
    for name in ("card.png", "card.jpg"):
        signed(signer, media[name], tmp_path, statement)
        with Image.open(media[name].path) as before, Image.open(tmp_path / name) as after:
            assert np.array_equal(np.asarray(before), np.asarray(after))
    signed(signer, media["clip.mp4"], tmp_path, statement)
    with av.open(str(media["clip.mp4"].path)) as before, av.open(str(tmp_path / "clip.mp4")) as after:
        frames = [[frame.to_ndarray() for frame in clip.decode(video=0)] for clip in (before, after)]
    assert len(frames[0]) == len(frames[1]) == 48
    assert all(np.array_equal(one, two) for one, two in zip(*frames, strict=True))


def test_a_manifest_that_was_there_is_kept_as_parent(
    media: Mapping[str, Media], signer: FileSigner, statement: FileStatement, stranger: Stranger, tmp_path: Path
) -> None:
    """Who made a picture with a manifest of its own is the one who signed that; we only opened it."""
    generator = FileSigner(Authority(tmp_path / "generator"), None, GENERATOR)
    first = generator.sign_file(media["card.jpg"].path, tmp_path / "made.jpg", "image/jpeg", statement)
    second = signer.sign_file(tmp_path / "made.jpg", tmp_path / "ours.jpg", "image/jpeg", statement)
    assert second.parent == first.manifest
    report = stranger(tmp_path / "ours.jpg", "image/jpeg")
    assert (report["integrity"], report["trust"]["status"]) == ("valid", "valid_for_supplied_material")
    assert first.manifest in report["manifest_report"]["manifests"]
    action = assertions(report)["c2pa.actions.v2"]["actions"][0]
    assert action["action"] == "c2pa.opened"
    assert "digitalSourceType" not in action
    assert assertions(report)[PROVENANCE]["source_type"] == "algorithmicMedia"


def test_a_damaged_parent_is_kept_as_it_is_and_does_not_become_good(
    media: Mapping[str, Media], signer: FileSigner, statement: FileStatement, authority: Authority, tmp_path: Path
) -> None:
    signed(signer, media["card.jpg"], tmp_path, statement)
    damaged = bytearray((tmp_path / "card.jpg").read_bytes())
    damaged[-200] ^= 1
    (tmp_path / "damaged.jpg").write_bytes(damaged)
    result = signer.sign_file(tmp_path / "damaged.jpg", tmp_path / "again.jpg", "image/jpeg", statement)
    assert result.parent
    verdict = verify_file(tmp_path / "again.jpg", authority.root_pem)
    assert (verdict.state, verdict.parents) == (CredentialState.VALID, (result.parent,))
    assert "assertion.dataHash.mismatch" in str(verdict.assertions["c2pa.ingredient.v3"])


def test_a_file_may_be_signed_in_place(
    media: Mapping[str, Media], signer: FileSigner, statement: FileStatement, authority: Authority, tmp_path: Path
) -> None:
    path = tmp_path / "card.png"
    path.write_bytes(media["card.png"].path.read_bytes())
    signer.sign_file(path, path, "image/png", statement)
    assert verify_file(path, authority.root_pem).good
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["card.png"]


def test_without_an_authority_it_says_that_there_is_none(
    media: Mapping[str, Media], unstamped: FileSigner, statement: FileStatement, stranger: Stranger, tmp_path: Path
) -> None:
    result = signed(unstamped, media["card.jpg"], tmp_path, statement)
    assert (result.stamped_at, result.unstamped_because) == (None, "no time-stamp authority is configured")
    report = stranger(tmp_path / "card.jpg", "image/jpeg")
    assert report["trust"]["status"] == "valid_for_supplied_material"
    assert not {code for code in codes(report, "success") if code.startswith("timeStamp")}


class Silent:
    """An authority that never answers before the signer loses patience."""

    def __init__(self, seconds: float) -> None:
        self._remote = RemoteStamps("http://127.0.0.1:1/tsa", seconds=seconds)

    def answer(self, query: bytes) -> bytes:
        return self._remote.answer(query)


class Garbled:
    """An authority that answers something."""

    def answer(self, query: bytes) -> bytes:
        return b"no stamp at all, " + query


class Stale:
    """An authority that gives everybody the same stamp: good in itself, and for another signature."""

    def __init__(self, stamps: OwnStamps) -> None:
        self._stamps = stamps
        self._first: bytes | None = None

    def answer(self, query: bytes) -> bytes:
        self._first = self._first or self._stamps.answer(query)
        return self._first


def test_when_the_authority_is_down_it_signs_without_and_says_so(
    media: Mapping[str, Media], authority: Authority, statement: FileStatement, stranger: Stranger, tmp_path: Path
) -> None:
    signer = FileSigner(authority, Silent(0.5), GENERATOR)
    result = signed(signer, media["card.jpg"], tmp_path, statement)
    assert result.stamped_at is None
    assert "http://127.0.0.1:1/tsa gives no time stamp" in (result.unstamped_because or "")
    assert stranger(tmp_path / "card.jpg", "image/jpeg")["trust"]["status"] == "valid_for_supplied_material"
    signer.close()


def test_an_answer_that_is_no_stamp_or_another_signatures_is_left_out(
    media: Mapping[str, Media], authority: Authority, statement: FileStatement, stranger: Stranger, tmp_path: Path
) -> None:
    for stamps in (Garbled(), Stale(OwnStamps(authority))):
        signer = FileSigner(authority, stamps, GENERATOR)
        results = [signed(signer, media["card.jpg"], tmp_path, statement) for _ in range(2)]
        assert results[1].stamped_at is None
        assert results[1].unstamped_because
        report = stranger(tmp_path / "card.jpg", "image/jpeg")
        assert report["trust"]["status"] == "valid_for_supplied_material"
        assert not {code for code in codes(report, "informational") if code.startswith("timeStamp")}
        signer.close()


@pytest.mark.parametrize("days", [-200, 200])
def test_a_stamp_of_a_wrong_clock_does_not_make_a_bad_file(
    days: int,
    media: Mapping[str, Media],
    authority: Authority,
    statement: FileStatement,
    stranger: Stranger,
    tmp_path: Path,
) -> None:
    wrong = Clock()
    wrong.ahead = timedelta(days=days)
    signer = FileSigner(authority, OwnStamps(authority, clock=wrong), GENERATOR)
    result = signed(signer, media["card.jpg"], tmp_path, statement)
    assert result.stamped_at is None
    assert "no good" in (result.unstamped_because or "")
    assert verify_file(tmp_path / "card.jpg", authority.root_pem).state is CredentialState.VALID
    assert stranger(tmp_path / "card.jpg", "image/jpeg")["trust"]["status"] == "valid_for_supplied_material"
    signer.close()


def test_a_proxy_in_the_environment_does_not_cost_the_time_stamp(tmp_path: Path, media: Mapping[str, Media]) -> None:
    code = (
        "import sys, pathlib\n"
        "from chimera_credentials.types import FileStatement, SourceType\n"
        "from chimera_credentials.authority import Authority\n"
        "from chimera_credentials.signing import FileSigner, Claimant\n"
        "from chimera_credentials.timestamps import OwnStamps\n"
        "source, folder = map(pathlib.Path, sys.argv[1:])\n"
        "authority = Authority(folder / 'credentials')\n"
        "signer = FileSigner(authority, OwnStamps(authority), Claimant('Chimera', '0.1.0'))\n"
        "said = FileStatement(asset_id='1', soul_hash='a' * 64, model='m', source_type=SourceType.ALGORITHMIC_MEDIA)\n"
        "print(signer.sign_file(source, folder / 'x.jpg', 'image/jpeg', said).unstamped_because)"
    )
    nobody = "http://127.0.0.1:1"
    surroundings = {**os.environ, "http_proxy": nobody, "HTTP_PROXY": nobody, "ALL_PROXY": nobody}
    told = subprocess.run(
        [sys.executable, "-c", code, str(media["card.jpg"].path), str(tmp_path)],
        env={name: value for name, value in surroundings.items() if name.upper() != "NO_PROXY"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert told.stdout.strip() == "None"


def test_a_renewed_signer_signs_on_and_the_old_files_stay_good(
    media: Mapping[str, Media], statement: FileStatement, clock: Clock, tmp_path: Path
) -> None:
    clock.ahead = timedelta(days=-80)
    authority = Authority(tmp_path / "credentials", clock=clock)
    signer = FileSigner(authority, OwnStamps(authority), GENERATOR)
    old = signer.sign_file(media["card.jpg"].path, tmp_path / "old.jpg", "image/jpeg", statement)
    before = authority.signer()
    clock.ahead = timedelta()
    new = signer.sign_file(media["card.jpg"].path, tmp_path / "new.jpg", "image/jpeg", statement)
    assert authority.signer().certificate != before.certificate
    assert old.signed_by == new.signed_by
    assert verify_file(tmp_path / "old.jpg", authority.root_pem).state is CredentialState.VALID
    assert verify_file(tmp_path / "new.jpg", authority.root_pem).state is CredentialState.VALID
    signer.close()


def test_many_threads_may_sign_at_once(
    media: Mapping[str, Media], signer: FileSigner, statement: FileStatement, authority: Authority, tmp_path: Path
) -> None:
    start = threading.Barrier(4)

    def sign(number: int) -> SignedFile:
        start.wait(timeout=10)
        said = statement.model_copy(update={"asset_id": str(number)})
        return signer.sign_file(media["card.jpg"].path, tmp_path / f"{number}.jpg", "image/jpeg", said)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(sign, range(4)))
    assert len({result.manifest for result in results}) == 4
    assert all(result.stamped_at for result in results)
    for number in range(4):
        verdict = verify_file(tmp_path / f"{number}.jpg", authority.root_pem)
        assert verdict.good
        assert verdict.assertions[PROVENANCE]["asset_id"] == str(number)


@pytest.mark.parametrize("media_type", ["text/plain", "image/x-unknown", "", "jpg;"])
def test_a_kind_that_carries_no_manifest_is_refused(
    media_type: str, media: Mapping[str, Media], signer: FileSigner, statement: FileStatement, tmp_path: Path
) -> None:
    with pytest.raises(Invalid, match="cannot carry a manifest"):
        signer.sign_file(media["card.jpg"].path, tmp_path / "x", media_type, statement)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_a_file_that_is_none_is_refused_and_nothing_is_left(
    content: bytes, signer: FileSigner, statement: FileStatement, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(content)
    with pytest.raises(NotSigned, match=r"broken\.png"):
        signer.sign_file(tmp_path / "broken.png", tmp_path / "signed.png", "image/png", statement)
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["broken.png"]


def test_only_a_file_that_reads_back_replaces_the_old_one(
    media: Mapping[str, Media], signer: FileSigner, statement: FileStatement, tmp_path: Path
) -> None:
    (tmp_path / "kept.png").write_bytes(b"old")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(NotSigned):
        signer.sign_file(tmp_path / "broken.png", tmp_path / "kept.png", "image/png", statement)
    assert (tmp_path / "kept.png").read_bytes() == b"old"


def test_the_stamp_query_tells_the_authority_nothing_but_a_digest(
    media: Mapping[str, Media], authority: Authority, statement: FileStatement, tmp_path: Path
) -> None:
    heard = io.BytesIO()

    class Listening:
        def answer(self, query: bytes) -> bytes:
            heard.write(query)
            raise NotStamped("only listening")

    signer = FileSigner(authority, Listening(), GENERATOR)
    result = signed(signer, media["card.jpg"], tmp_path, statement)
    assert result.unstamped_because == "only listening"
    assert 0 < len(heard.getvalue()) < 120
    assert b"01a" not in heard.getvalue()
    signer.close()
