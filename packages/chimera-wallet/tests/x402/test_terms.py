"""What of a seller's terms the wallet takes, and what it takes for an order."""

import base64
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue, ValidationError
from x402.http import decode_payment_signature_header

from chimera_protocol.payments import PaymentAction, PaymentOrder
from chimera_wallet.x402.terms import (
    ResourceError,
    SignedAuthorization,
    Token,
    TokenDomain,
    TransferAuthorization,
    check_authorization,
    check_order,
    checked_url,
    offers,
    ordered_offer,
    origin,
    payment_header,
    read_terms,
    said,
)

USDC, PAYER, PAYEE, OTHER = (f"0x{digit * 40}" for digit in "1abc")
TOKEN = Token(8453, USDC, TokenDomain("USD Coin", "2"))
NONCE = "0x" + "5" * 64
UNTIL = datetime(2030, 1, 1, tzinfo=UTC)


def asked(**changes: JsonValue) -> dict[str, JsonValue]:
    offer: dict[str, JsonValue] = {
        "scheme": "exact",
        "network": "eip155:8453",
        "asset": USDC,
        "amount": "50000",
        "payTo": PAYEE,
        "maxTimeoutSeconds": 60,
        "extra": {"name": "USD Coin", "version": "2"},
    }
    return {**offer, **changes}


def header(*accepts: JsonValue, **more: JsonValue) -> str:
    return base64.b64encode(json.dumps({"x402Version": 2, "accepts": list(accepts), **more}).encode()).decode()


def order(**changes: object) -> PaymentOrder:
    values: dict[str, object] = {
        "order_id": UUID(int=7),
        "account": f"{UUID(int=1)}:{UUID(int=2)}",
        "action": PaymentAction.PAY_RESOURCE,
        "chain_id": 8453,
        "destination": PAYEE,
        "amount": "0.05 USDC",
        "max_fee": None,
        "purpose": "a report",
        "budget_verification_hash": "b",
        "expires_at": UNTIL,
    }
    return PaymentOrder.model_validate({**values, **changes})


def signed(**changes: object) -> SignedAuthorization:
    message: dict[str, object] = {
        "from": PAYER,
        "to": PAYEE,
        "value": "50000",
        "validAfter": 0,
        "validBefore": int(UNTIL.timestamp()),
        "nonce": NONCE,
    }
    return SignedAuthorization(
        authorization=TransferAuthorization.model_validate({**message, **changes}), signature="0x" + "7" * 130
    )


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("api.example.com", "https://api.example.com:443"),
        ("API.example.com:8443", "https://api.example.com:8443"),
        ("http://127.0.0.1:80", "http://127.0.0.1:80"),
        ("http://[::1]:8402", "http://[::1]:8402"),
    ],
)
def test_an_allowed_seller_is_an_origin_and_https_unless_it_says_otherwise(text: str, known: str) -> None:
    assert origin(text) == known


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/",  # not the scheme that is allowed
        "https://shop.example:444/",
        "https://shop.example.evil.example/",
        "https://evil.example/https://shop.example/",
        "https://shop.example@evil.example/",
        "https://user@shop.example/",
        "file:///etc/passwd",
        "gopher://shop.example/",
        "//shop.example/",
        "https://shop.example/a b",
        "https://shop.example/\n",
        "https://shop.example/" + "a" * 2_048,
        "https://shop.example:port/",
        "",
    ],
)
def test_an_address_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(ResourceError, match=r"^invalid: "):
        checked_url(url, [origin("shop.example")])


def test_an_allowed_address_loses_only_its_fragment() -> None:
    assert checked_url("https://SHOP.example/a?b=c#d", [origin("shop.example")]) == "https://shop.example/a?b=c"


def test_the_cheapest_offer_that_the_wallet_can_pay_comes_first() -> None:
    terms = read_terms(header(asked(amount="9", network="solana:x"), asked(amount="70000"), asked(extra={})))
    assert [offer.units for offer in offers(terms, TOKEN)] == [50_000, 70_000]


@pytest.mark.parametrize(
    "change",
    [
        {"scheme": "upto"},
        {"network": "eip155:1"},
        {"network": "base"},
        {"asset": OTHER},
        {"amount": "0"},
        {"amount": "-1"},
        {"amount": "1.5"},
        {"amount": "٣"},
        {"amount": "9" * 25},
        {"payTo": "somebody"},
        {"payTo": "0xB" + "b" * 39},  # a checksum that does not fit
        {"payTo": "0x" + "0" * 40},
        {"extra": {"assetTransferMethod": "permit2"}},
        {"extra": {"name": "US Dollar Coin"}},
        {"extra": {"version": 2}},
    ],
)
def test_what_the_wallet_cannot_pay_is_no_offer(change: dict[str, JsonValue]) -> None:
    with pytest.raises(ResourceError, match=r"^invalid: the wallet pays exact eip155:8453 0x1"):
        offers(read_terms(header(asked(**change))), TOKEN)


def test_the_offer_that_was_ordered_is_found_among_others() -> None:
    terms = read_terms(header(asked(amount="1"), asked(payTo=OTHER), asked()))
    assert ordered_offer(terms, order(), TOKEN).requirements.model_dump(by_alias=True) == asked()
    same = Token(8453, USDC.upper().replace("X", "x"), TOKEN.domain)
    assert ordered_offer(terms, order(destination=PAYEE.upper().replace("X", "x")), same)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"amount": "50001"}, "asks 0.050001 USDC, the order allows 0.05 USDC"),
        ({"amount": "9" * 24}, "asks 999999999999999999.999999 USDC, the order allows"),
        ({"amount": "49999"}, "asks 0.049999 USDC, less than the 0.05 USDC ordered: quote again"),
        ({"payTo": OTHER}, f"wants {to_checksum_address(OTHER)} paid, the order is for {PAYEE}"),
    ],
)
def test_terms_that_are_not_the_order_s_are_refused(change: dict[str, JsonValue], message: str) -> None:
    with pytest.raises(ResourceError, match=f"^invalid: the seller {message}"):
        ordered_offer(read_terms(header(asked(**change))), order(), TOKEN)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"action": PaymentAction.TRANSFER}, "the order is to transfer"),
        ({"chain_id": 1}, "the order is for chain 1"),
        ({"amount": "1 EUR"}, "the order is in EUR"),
        ({"expires_at": datetime(2030, 1, 1)}, "no time zone"),
        ({"destination": "somebody"}, "no address of the chain"),
        ({"details": {"url": "https://shop.example/other"}}, "the order is for another resource"),
    ],
)
def test_an_order_for_something_else_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ResourceError, match=f"^invalid: .*{message}"):
        check_order(order(**change), "https://shop.example/this", TOKEN)


@pytest.mark.parametrize(
    "change",
    [
        {"from": OTHER},
        {"to": OTHER},
        {"value": 50_001},
        {"nonce": "0x" + "6" * 64},
        {"validBefore": int(UNTIL.timestamp()) + 1},
    ],
)
def test_an_authorisation_for_anything_else_than_the_order_is_refused(change: dict[str, object]) -> None:
    check_authorization(signed(), order(), TOKEN, PAYER, NONCE)
    with pytest.raises(ResourceError, match="it was not sent"):
        check_authorization(signed(**change), order(), TOKEN, PAYER, NONCE)


@pytest.mark.parametrize("value", [50_000.0, True, -1, "1e3"])
def test_a_sum_is_a_whole_number(value: object) -> None:
    with pytest.raises(ValidationError):
        signed(value=value)


def test_the_payment_says_what_was_signed_and_echoes_what_was_accepted() -> None:
    resource: dict[str, JsonValue] = {"url": "https://shop.example/this"}
    extensions: dict[str, JsonValue] = {"payment-identifier": {"info": {"required": True}, "schema": {}}, "other": 1}
    terms = read_terms(header(asked(), resource=resource, extensions=extensions))
    text = payment_header(ordered_offer(terms, order(), TOKEN), terms, signed(), order())
    assert text == payment_header(ordered_offer(terms, order(), TOKEN), terms, signed(), order())
    payment = decode_payment_signature_header(text).model_dump(by_alias=True, exclude_none=True)
    assert payment["accepted"] == asked()
    assert payment["resource"] == resource
    assert payment["payload"]["signature"] == signed().signature
    assert payment["payload"]["authorization"] == {
        "from": PAYER,
        "to": PAYEE,
        "value": "50000",
        "validAfter": "0",
        "validBefore": str(int(UNTIL.timestamp())),
        "nonce": NONCE,
    }
    info = {"required": True, "id": f"pay_{UUID(int=7).hex}"}
    assert payment["extensions"] == {"payment-identifier": {"info": info, "schema": {}}, "other": 1}


def test_terms_of_another_version_or_none_are_refused() -> None:
    for text in (None, "", "%%%", base64.b64encode(b"[1]").decode(), base64.b64encode(b"[" * 9_000).decode()):
        with pytest.raises(ResourceError, match=r"^invalid: the seller's"):
            read_terms(text)
    for version in (1, 3):
        with pytest.raises(ResourceError, match="another version of x402"):
            read_terms(header(x402Version=version))
    with pytest.raises(ResourceError, match="cannot be read"):
        read_terms(header(asked(extra={"name": "\ud800"})))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(_JSON, st.sampled_from(sorted(asked())), st.sampled_from(["offer", "accepts", "extensions", "whole"]))
def test_whatever_a_seller_says_is_read_or_refused(odd: JsonValue, name: str, place: str) -> None:
    whole: dict[str, JsonValue] = {"x402Version": 2, "accepts": [asked()]}
    made: JsonValue = {
        "offer": {**whole, "accepts": [asked(**{name: odd})]},
        "accepts": {**whole, "accepts": odd},
        "extensions": {**whole, "extensions": odd},
        "whole": odd,
    }[place]
    text = base64.b64encode(json.dumps(made).encode()).decode()
    try:
        terms = read_terms(text)
        offer = ordered_offer(terms, order(), TOKEN)
    except ResourceError:
        return
    assert payment_header(offer, terms, signed(), order())
    assert offer.units == 50_000 and offer.requirements.pay_to == PAYEE and offer.requirements.asset == USDC


@given(st.text())
def test_what_a_stranger_said_is_one_short_printable_line(text: str) -> None:
    assert said(text, 20).isprintable() and len(said(text, 20)) <= 20


def test_an_order_is_over_at_its_deadline_to_the_second() -> None:
    half = order(expires_at=UNTIL + timedelta(milliseconds=900))
    check_authorization(signed(), half, TOKEN, PAYER, NONCE)
