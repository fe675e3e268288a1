"""Reading: what the library says, as values; and never a word to the network."""

import socket
from collections.abc import Mapping
from pathlib import Path
from zlib import crc32

import pytest
from credential_setup import Media

from chimera_credentials.authority import Authority
from chimera_credentials.reading import NoManifest, UnreadableManifest, read
from chimera_credentials.signing import FileSigner
from chimera_credentials.types import PROVENANCE, FileStatement


@pytest.fixture
def signed(media: Mapping[str, Media], signer: FileSigner, statement: FileStatement, tmp_path: Path) -> Path:
    target = tmp_path / "card.png"
    signer.sign_file(media["card.png"].path, target, "image/png", statement)
    return target


def test_a_manifest_is_read_as_it_was_written(signed: Path, authority: Authority) -> None:
    found = read(signed, "image/png", authority.root_pem)
    assert found.failures == ()
    assert found.algorithm == "Es256"
    assert found.signed_by == authority.signer().name
    assert found.stamp_trusted
    assert sorted(found.assertions) == ["c2pa.actions.v2", "cawg.training-mining", PROVENANCE]


def test_the_kind_of_the_file_need_not_be_told(signed: Path, authority: Authority) -> None:
    bare = signed.rename(signed.with_name("no-ending"))
    assert read(bare, None, authority.root_pem).label == read(bare, "image/png", authority.root_pem).label
    assert read(bare, "image/jpeg", authority.root_pem).failures == ()


def test_under_another_root_the_failures_say_so(signed: Path, tmp_path: Path) -> None:
    found = read(signed, "image/png", Authority(tmp_path / "other").root_pem)
    assert [failure.code for failure in found.failures] == ["signingCredential.untrusted"]
    assert (found.stamp_trusted, bool(found.stamped_at)) == (False, True)


def test_no_manifest_and_no_file_are_told_apart(
    media: Mapping[str, Media], authority: Authority, tmp_path: Path
) -> None:
    with pytest.raises(NoManifest):
        read(media["card.png"].path, "image/png", authority.root_pem)
    (tmp_path / "empty").write_bytes(b"\0" * 100)
    with pytest.raises(UnreadableManifest):
        read(tmp_path / "empty", None, authority.root_pem)


def test_a_manifest_that_is_kept_elsewhere_is_not_fetched(
    media: Mapping[str, Media], authority: Authority, tmp_path: Path
) -> None:
    """A picture may name an address; whoever checks one must not tell that address that he does."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/manifest.c2pa"
        source = media["card.png"].path.read_bytes()
        meta = (
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            f'<rdf:Description rdf:about="" xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="{address}"/>'
            "</rdf:RDF></x:xmpmeta>"
        )
        (tmp_path / "remote.png").write_bytes(_with_meta(source, meta))
        with pytest.raises((NoManifest, UnreadableManifest)):
            read(tmp_path / "remote.png", "image/png", authority.root_pem)
        with pytest.raises(TimeoutError):
            listening.accept()


def _with_meta(png: bytes, meta: str) -> bytes:
    content = b"iTXtXML:com.adobe.xmp\0\0\0\0\0" + meta.encode()
    chunk = (len(content) - 4).to_bytes(4, "big") + content + crc32(content).to_bytes(4, "big")
    head = 8 + 25
    return png[:head] + chunk + png[head:]
