"""Time stamps: other people's software accepts ours, and nothing we wait for waits for ever."""

import hashlib
import socket
from datetime import UTC, datetime, timedelta

import pytest
from credential_setup import Clock
from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from chimera_credentials.authority import Authority
from chimera_credentials.timestamps import NotStamped, OwnStamps, RemoteStamps
from chimera_credentials.tsa_server import StampDoor

MESSAGE = b"a signature"


def root_of(authority: Authority) -> x509.Certificate:
    return x509.load_pem_x509_certificate(authority.root_pem.encode())


@pytest.mark.parametrize("digest", [HashAlgorithm.SHA256, HashAlgorithm.SHA512])
def test_a_verifier_that_is_not_ours_accepts_a_stamp(authority: Authority, digest: HashAlgorithm) -> None:
    query = TimestampRequestBuilder().data(MESSAGE).hash_algorithm(digest).nonce(nonce=True).build()
    before = datetime.now(UTC).replace(microsecond=0)
    reply = decode_timestamp_response(OwnStamps(authority).answer(query.as_bytes()))
    verifier = VerifierBuilder.from_request(query).add_root_certificate(root_of(authority)).build()
    assert verifier.verify_message(reply, MESSAGE)
    assert before <= reply.tst_info.gen_time <= datetime.now(UTC)
    assert reply.tst_info.nonce == query.nonce


def test_a_stamp_is_for_one_message_and_under_one_root(authority: Authority, tmp_path) -> None:
    query = TimestampRequestBuilder().data(MESSAGE).build()
    reply = decode_timestamp_response(OwnStamps(authority).answer(query.as_bytes()))
    ours = VerifierBuilder.from_request(query).add_root_certificate(root_of(authority)).build()
    theirs = VerifierBuilder.from_request(query).add_root_certificate(root_of(Authority(tmp_path / "other"))).build()
    with pytest.raises(VerificationError):
        ours.verify_message(reply, b"another signature")
    with pytest.raises(VerificationError):
        theirs.verify_message(reply, MESSAGE)


def test_the_certificates_come_along_when_asked_for(authority: Authority) -> None:
    asked = TimestampRequestBuilder().data(MESSAGE).cert_request(cert_request=True).build()
    quiet = TimestampRequestBuilder().data(MESSAGE).cert_request(cert_request=False).build()
    stamps = OwnStamps(authority)
    assert len(decode_timestamp_response(stamps.answer(asked.as_bytes())).signed_data.certificates) == 2
    assert not decode_timestamp_response(stamps.answer(quiet.as_bytes())).signed_data.certificates


def test_stamps_say_the_time_of_the_clock_and_have_numbers_of_their_own(authority: Authority, clock: Clock) -> None:
    stamps = OwnStamps(authority, clock=clock)
    query = TimestampRequestBuilder().data(MESSAGE).build().as_bytes()
    first = decode_timestamp_response(stamps.answer(query)).tst_info
    clock.ahead = timedelta(days=3)
    second = decode_timestamp_response(stamps.answer(query)).tst_info
    assert timedelta(days=3) <= second.gen_time - first.gen_time < timedelta(days=3, minutes=1)
    assert first.serial_number != second.serial_number


@pytest.mark.parametrize("query", [b"", b"not a query", b"\x30\x03\x02\x01\x01"])
def test_what_is_no_query_gets_no_stamp(authority: Authority, query: bytes) -> None:
    with pytest.raises(NotStamped):
        OwnStamps(authority).answer(query)


def test_a_digest_of_the_wrong_length_or_of_a_weak_kind_gets_no_stamp(authority: Authority) -> None:
    query = TimestampRequestBuilder().data(MESSAGE).hash_algorithm(HashAlgorithm.SHA256).build().as_bytes()
    sha256, sha1 = bytes.fromhex("0609608648016503040201"), bytes.fromhex("0609608648016503040299")
    digest = hashlib.sha256(MESSAGE).digest()
    assert sha256 in query
    assert digest in query
    for wrong in (query.replace(sha256, sha1), query.replace(b"\x04\x20" + digest, b"\x04\x1f" + digest[1:])):
        with pytest.raises(NotStamped):
            OwnStamps(authority).answer(wrong)


def test_a_remote_authority_is_asked_by_its_address(authority: Authority) -> None:
    door = StampDoor(OwnStamps(authority))
    query = TimestampRequestBuilder().data(MESSAGE).build()
    with door.visit() as visit:
        reply = decode_timestamp_response(RemoteStamps(visit.url).answer(query.as_bytes()))
    door.close()
    verifier = VerifierBuilder.from_request(query).add_root_certificate(root_of(authority)).build()
    assert verifier.verify_message(reply, MESSAGE)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://127.0.0.1:1:1", "nowhere"])
def test_nobody_at_the_address_is_said_with_the_address(url: str) -> None:
    with pytest.raises(NotStamped, match=r"127|nowhere"):
        RemoteStamps(url).answer(b"query")


def test_one_who_takes_the_query_and_says_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(NotStamped):
        RemoteStamps(f"http://127.0.0.1:{silent.getsockname()[1]}", seconds=0.2).answer(b"query")
