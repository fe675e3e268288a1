"""The boxes of a manifest store: the certificates are found, and garbage never breaks more than itself."""

import io
from collections.abc import Mapping
from pathlib import Path

import c2pa
import cbor2
import pytest
from credential_setup import Media
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from chimera_credentials.authority import Authority
from chimera_credentials.jumbf import claim_signature
from chimera_credentials.signing import FileSigner
from chimera_credentials.types import FileStatement

LABEL = "urn:c2pa:0"


def box(kind: bytes, content: bytes) -> bytes:
    return (len(content) + 8).to_bytes(4, "big") + kind + content


def labelled(label: str, *inside: bytes) -> bytes:
    return box(b"jumb", box(b"jumd", b"\0" * 16 + b"\3" + label.encode() + b"\0") + b"".join(inside))


def store(message: object, label: str = LABEL) -> bytes:
    return labelled("c2pa", labelled(label, labelled("c2pa.signature", box(b"cbor", cbor2.dumps(message)))))


def message(chain: object, **loose: object) -> cbor2.CBORTag:
    return cbor2.CBORTag(18, [cbor2.dumps({1: -7, 33: chain}), loose, None, b"s" * 64])


@pytest.fixture
def chain(authority: Authority) -> list[bytes]:
    signer = authority.signer()
    return [one.public_bytes(Encoding.DER) for one in signer.chain]


def test_the_certificates_of_a_real_file_are_the_ones_it_was_signed_with(
    media: Mapping[str, Media], signer: FileSigner, authority: Authority, statement: FileStatement, tmp_path: Path
) -> None:
    target = tmp_path / "card.png"
    made = signer.sign_file(media["card.png"].path, target, "image/png", statement)
    into = io.BytesIO()
    c2pa.Reader(str(target)).resource_to_stream(f"self#jumbf=/c2pa/{made.manifest}", into)
    found = claim_signature(into.getvalue(), made.manifest)
    assert found
    assert found.chain == authority.signer().chain
    assert (found.stamped, found.clean) == (True, True)


def test_the_signature_of_the_manifest_that_is_asked_for_is_read(chain: list[bytes]) -> None:
    found = claim_signature(store(message(chain, pad=b"\0\0")), LABEL)
    assert found
    assert (len(found.chain), found.stamped, found.clean) == (2, False, True)
    assert claim_signature(store(message(chain)), "urn:c2pa:1") is None


def test_one_certificate_may_stand_alone(chain: list[bytes]) -> None:
    found = claim_signature(store(message(chain[0])), LABEL)
    assert found
    assert len(found.chain) == 1


@pytest.mark.parametrize(
    ("loose", "stamped", "clean"),
    [
        ({}, False, True),
        ({"sigTst2": {}, "pad": b"\0"}, True, True),
        ({"sigTst": {}, "rVals": {}}, True, True),
        ({"pad": b"\0\0secret"}, False, False),
        ({"pad2": b"\1"}, False, False),
        ({"sigTsu2": {}}, False, False),
    ],
)
def test_what_nobody_signs_is_looked_at(
    loose: dict[str, object], stamped: bool, clean: bool, chain: list[bytes]
) -> None:
    found = claim_signature(store(message(chain, **loose)), LABEL)
    assert found
    assert (found.stamped, found.clean) == (stamped, clean)


@pytest.mark.parametrize(
    "wrong",
    [[], 7, "text", [b"", {}, None, b""], [b"\xa0", 3], [cbor2.dumps([]), {}], [cbor2.dumps({33: 5}), {}, None, b""]],
)
def test_a_message_of_another_shape_is_none(wrong: object) -> None:
    assert claim_signature(store(wrong), LABEL) is None


def test_padding_that_is_no_bytes_is_none(chain: list[bytes]) -> None:
    assert claim_signature(store(message(chain, pad="text")), LABEL) is None


@given(st.binary(max_size=200))
def test_garbage_is_no_signature(garbage: bytes) -> None:
    assert claim_signature(garbage, LABEL) is None
    assert claim_signature(labelled("c2pa", labelled(LABEL, labelled("c2pa.signature", garbage))), LABEL) is None
    inside = labelled("c2pa.signature", box(b"cbor", garbage))
    assert claim_signature(labelled("c2pa", labelled(LABEL, inside)), LABEL) is None
