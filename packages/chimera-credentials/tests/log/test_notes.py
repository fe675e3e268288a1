"""Checkpoints as signed notes: what was signed is what is read, and nothing else passes (PRV-4)."""

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chimera_credentials.log import notes
from chimera_credentials.log.notes import Checkpoint

# The key pair and note that golang.org/x/mod/sumdb/note documents.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


class Key:
    """Implements `NoteSigner` in memory."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()

    @property
    def public_key(self) -> str:
        return base64.urlsafe_b64encode(self._key.public_key().public_bytes_raw()).rstrip(b"=").decode()

    def sign_raw(self, payload: bytes) -> bytes:
        return self._key.sign(payload)


CHECKPOINT = Checkpoint(
    origin="example.com/log/1",
    size=20_852_163,
    root="0a" * 32,
    time=datetime(2026, 2, 5, 14, 5, 0, 120, tzinfo=UTC),
    previous=notes.FIRST,
)


def test_a_note_of_others_and_its_verifier_key_are_read() -> None:
    assert notes.signed_by(PETERS, [PETER]) == PETER
    assert notes.signed_by(PETERS.replace("don't", "do"), [PETER]) is None
    assert notes.verifier_key("PeterNeumann", base64.urlsafe_b64encode(notes.raw_key(PETER)).decode()) == PETER


def test_what_was_signed_is_what_is_read() -> None:
    key = Key()
    note = CHECKPOINT.signed(key)
    assert notes.read(note) == CHECKPOINT
    assert notes.signed_by(note, [Key().public_key, key.public_key]) == key.public_key
    vkey = notes.verifier_key(CHECKPOINT.origin, key.public_key)
    assert (notes.signed_by(note, [vkey]), notes.raw_key(vkey)) == (vkey, notes.raw_key(key.public_key))
    assert note.splitlines()[:3] == ["example.com/log/1", "20852163", base64.b64encode(b"\n" * 32).decode()]


def test_the_time_is_in_utc_wherever_it_was_taken() -> None:
    there = CHECKPOINT.model_copy(update={"time": CHECKPOINT.time.astimezone(timezone(timedelta(hours=9)))})
    assert there.text == CHECKPOINT.text


def test_every_changed_byte_is_noticed() -> None:
    key = Key()
    note = CHECKPOINT.signed(key)
    text = CHECKPOINT.text
    for place in range(len(text)):
        forged = note[:place] + chr(ord(note[place]) ^ 1) + note[place + 1 :]
        assert notes.signed_by(forged, [key.public_key]) is None
    for mark in ("", "AAAA", "!", base64.b64encode(bytes(68)).decode()):
        assert notes.signed_by(f"{text}\n— {CHECKPOINT.origin} {mark}\n", [key.public_key]) is None
    assert notes.signed_by(note, [Key().public_key]) is None
    assert notes.signed_by(note, []) is None


def test_a_witness_may_sign_too() -> None:
    key, witness = Key(), Key()
    line = CHECKPOINT.signed(witness).splitlines()[-1]
    note = f"{CHECKPOINT.text}\n— somebody AAAA\n{line}\n" + CHECKPOINT.signed(key).splitlines()[-1] + "\n"
    assert notes.signed_by(note, [key.public_key]) == key.public_key
    assert notes.signed_by(note, [witness.public_key]) == witness.public_key


@pytest.mark.parametrize(
    "change",
    [
        ("20852163", "020852163"),
        ("20852163", "-1"),
        ("time ", "time  "),
        ("previous 0", "previous g"),
        ("Cgo", "Cg"),
        ("\n\n—", "\n—"),
    ],
)
def test_what_is_no_checkpoint_is_refused(change: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="checkpoint"):
        notes.read(CHECKPOINT.signed(Key()).replace(*change))


@pytest.mark.parametrize("key", ["", "AAAA", "!", "a+b+c", "name+00000000+AAAA"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        notes.raw_key(key)
