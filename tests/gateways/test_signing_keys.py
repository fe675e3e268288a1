"""Custody: signatures that others can check, a key that only its owner reads, and one key for all processes."""

import base64
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from chimera.gateways.signing_keys import KeyFile
from chimera_protocol.errors import Invalid
from chimera_protocol.statements import verify

PAYLOAD = '{"content_hash":"ünïcode 🚀"}'.encode()


@pytest.fixture
def key(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys" / "provenance.pem")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_signature_is_a_detached_jws_that_checks_out_by_the_rfcs_alone(key: KeyFile) -> None:
    """RFC 7515 appendix F and RFC 7797, step by step and without a line of ours."""
    protected, payload, mark = key.sign(PAYLOAD).split(".")
    assert payload == ""
    assert json.loads(decoded(protected)) == {"alg": "EdDSA", "b64": False, "crit": ["b64"]}
    assert not set("+/=") & set(protected + mark)
    public = Ed25519PublicKey.from_public_bytes(decoded(key.public_key))
    public.verify(decoded(mark), protected.encode("ascii") + b"." + PAYLOAD)


def test_our_own_check_agrees(key: KeyFile) -> None:
    assert verify(key.sign(PAYLOAD), PAYLOAD, key.public_key)
    assert verify(key.sign(b""), b"", key.public_key)


def test_the_same_piece_has_the_same_signature(key: KeyFile) -> None:
    assert key.sign(PAYLOAD) == key.sign(PAYLOAD)


@pytest.mark.parametrize("at", [0, 10, -1])
def test_a_changed_byte_is_noticed(key: KeyFile, at: int) -> None:
    changed = bytearray(PAYLOAD)
    changed[at] ^= 1
    assert not verify(key.sign(PAYLOAD), bytes(changed), key.public_key)


def test_a_changed_signature_header_or_key_is_noticed(key: KeyFile, tmp_path: Path) -> None:
    signature = key.sign(PAYLOAD)
    protected, _, mark = signature.partition("..")
    other = KeyFile(tmp_path / "other.pem")
    header = base64.urlsafe_b64encode(b'{"alg":"none","b64":false,"crit":["b64"]}').rstrip(b"=").decode()
    flipped = ("B" if mark[0] != "B" else "C") + mark[1:]
    for wrong in (f"{protected}..{flipped}", f"{header}..{mark}", other.sign(PAYLOAD)):
        assert not verify(wrong, PAYLOAD, key.public_key)
    assert not verify(signature, PAYLOAD, other.public_key)


@pytest.mark.parametrize("wrong", ["", "..", "a.b.c", "no dots", "..!!!", "é..é", "a..b..c"])
def test_what_is_no_signature_is_not_good(key: KeyFile, wrong: str) -> None:
    assert not verify(wrong, PAYLOAD, key.public_key)


@pytest.mark.parametrize("public", ["", "short", "é", "A" * 43 + "=", "A" * 90])
def test_what_is_no_key_opens_nothing(key: KeyFile, public: str) -> None:
    assert not verify(key.sign(PAYLOAD), PAYLOAD, public)


def test_characters_that_belong_to_no_signature_are_not_passed_over(key: KeyFile) -> None:
    """One signature has one spelling: else two different strings would be 'the' signature of a piece."""
    assert not verify(f"{key.sign(PAYLOAD)}!!!!", PAYLOAD, key.public_key)


def test_the_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "provenance.pem"
    first = KeyFile(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KeyFile(path).public_key == first.public_key
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_two_processes_at_once_make_one_key(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "provenance.pem"
    code = (
        "import sys, pathlib\n"
        "from chimera.gateways.signing_keys import KeyFile\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "print(KeyFile(pathlib.Path(sys.argv[1])).public_key)"
    )
    command = [sys.executable, "-c", code, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    racing = [subprocess.Popen(command, **pipes) for _ in range(4)]  # type: ignore[call-overload]
    for process in racing:
        assert process.stdout.readline() == "ready\n"
    for process in racing:
        process.stdin.write("\n")
        process.stdin.flush()
    told = {process.communicate(timeout=20)[0].strip() for process in racing}
    assert told == {KeyFile(path).public_key}
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_key_of_another_kind_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "provenance.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(pem)
    with pytest.raises(Invalid, match="Ed25519"):
        KeyFile(path)
    assert path.read_bytes() == pem


@pytest.mark.parametrize(
    "damage", [b"", b"not a key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_damaged_key_file_is_named_and_never_written_over(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "provenance.pem"
    path.write_bytes(damage)
    with pytest.raises(Invalid, match=r"provenance\.pem"):
        KeyFile(path)
    assert path.read_bytes() == damage
