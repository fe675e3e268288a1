"""What is signed is one string of bytes, and a signature that is not good for exactly it is refused."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from chimera_protocol.statements import canonical_hash, signed_bytes, verify

PAYLOAD = b'{"amount":"50 USDC"}'
HEADER = {"alg": "EdDSA", "b64": False, "crit": ["b64"]}

leaves = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner))
objects = st.dictionaries(st.text(max_size=4), values, max_size=4)


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.fixture(scope="module")
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def public(key: Ed25519PrivateKey) -> str:
    return encoded(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def signed(key: Ed25519PrivateKey, payload: bytes = PAYLOAD) -> str:
    protected = encoded(json.dumps(HEADER).encode())
    return f"{protected}..{encoded(key.sign(protected.encode() + b'.' + payload))}"


def test_the_signed_bytes_are_canonical_json() -> None:
    bytes_ = signed_bytes({"b": 1, "a": "é"})
    assert bytes_ == '{"a":"é","b":1}'.encode()
    assert json.loads(bytes_) == {"a": "é", "b": 1}


def test_the_canonical_hash_does_not_depend_on_the_order_of_keys_but_on_that_of_lists() -> None:
    assert canonical_hash({"a": 1, "b": [1, 2]}) == canonical_hash({"b": [1, 2], "a": 1})
    assert canonical_hash({"a": 1, "b": [1, 2]}) != canonical_hash({"a": 1, "b": [2, 1]})


def test_the_hash_is_the_sha_256_that_anybody_computes() -> None:
    assert canonical_hash({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@given(objects, objects)
def test_what_differs_hashes_differently(one: dict[str, JsonValue], other: dict[str, JsonValue]) -> None:
    assert (canonical_hash(one) == canonical_hash(other)) is (
        json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**60], ids=str)
def test_what_has_no_canonical_form_is_refused_and_not_signed_somehow(value: float) -> None:
    with pytest.raises(ValueError, match=r".+"):
        signed_bytes({"x": value})


def test_a_signature_is_good_for_its_payload_and_key_only(key: Ed25519PrivateKey) -> None:
    signature = signed(key)
    assert verify(signature, PAYLOAD, public(key))
    assert not verify(signature, PAYLOAD + b" ", public(key))
    assert not verify(signature, PAYLOAD, public(Ed25519PrivateKey.generate()))


@given(st.integers(0, 10_000), st.integers(1, 127))
def test_no_changed_character_of_a_signature_passes(key: Ed25519PrivateKey, at: int, other: int) -> None:
    """Apart from the last one: of its six bits only four carry anything."""
    signature = signed(key)
    at %= len(signature) - 1
    changed = signature[:at] + chr(other) + signature[at + 1 :]
    assert verify(changed, PAYLOAD, public(key)) is (changed == signature)


@pytest.mark.parametrize("signature", ["", "..", "a..", "..a", "no dots", "a.b.c", "é..é", "a..%%%"])
def test_what_is_no_signature_is_refused_and_no_crash(key: Ed25519PrivateKey, signature: str) -> None:
    assert not verify(signature, PAYLOAD, public(key))


@pytest.mark.parametrize("text", ["", "AAAA", "%%%", "é"])
def test_what_is_no_key_is_refused_and_no_crash(key: Ed25519PrivateKey, text: str) -> None:
    assert not verify(signed(key), PAYLOAD, text)
