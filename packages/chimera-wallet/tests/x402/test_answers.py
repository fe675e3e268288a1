"""What is kept of an answer."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from x402.http import encode_payment_response_header
from x402.schemas import SettleResponse

from chimera_wallet.x402.answers import read_content, read_settlement


def test_text_is_kept_as_text_and_a_cut_loses_at_most_half_a_character() -> None:
    whole = read_content(200, {"content-type": "text/plain;\n charset=utf-8"}, "größer".encode(), 100)
    assert (whole.body, whole.encoding, whole.truncated) == ("größer", "utf-8", False)
    assert whole.media_type == "text/plain; charset=utf-8"
    assert read_content(200, {}, "größer".encode(), 3).body == "gr"
    assert read_content(200, {}, "größer".encode(), 4).body == "grö"


@pytest.mark.parametrize(
    ("headers", "body"),
    [({}, b"\xff\xd8\xff\xe0 a picture"), ({}, b"a\0b"), ({"content-encoding": "gzip"}, b"plain after all")],
)
def test_anything_else_is_kept_as_base64(headers: dict[str, str], body: bytes) -> None:
    for limit in (3, 100):
        content = read_content(200, headers, body, limit)
        assert (base64.b64decode(content.body), content.encoding) == (body[:limit], "base64")


@given(st.binary(max_size=40), st.integers(1, 40))
def test_no_more_is_kept_than_the_limit(body: bytes, limit: int) -> None:
    content = read_content(200, {}, body, limit)
    kept = base64.b64decode(content.body) if content.encoding == "base64" else content.body.encode()
    assert len(kept) <= limit and body.startswith(kept)
    assert content.truncated == (len(body) > limit)


def test_what_the_seller_says_about_the_payment_is_read_and_bounded() -> None:
    told = SettleResponse(success=False, transaction="0x1", network="eip155:1", error_reason="no\n" * 1_000)
    settlement = read_settlement(encode_payment_response_header(told))
    assert settlement is not None and (settlement.success, settlement.transaction) == (False, "0x1")
    assert len(settlement.error) <= 200 and settlement.error.isprintable()


@pytest.mark.parametrize("header", [None, "", "%%%", "W10=", "e30="])
def test_a_settlement_that_cannot_be_read_is_none(header: str | None) -> None:
    assert read_settlement(header) is None
