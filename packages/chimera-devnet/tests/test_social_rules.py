"""The network's rules: what may be written, and how a refusal is worded."""

from decimal import Decimal

import pytest

from chimera_devnet.social import rules
from chimera_devnet.social.rules import NetworkError, PostRefused

FAMILY = "👨‍👩‍👧‍👦"
LONG_LINK = "https://example.com/" + "a" * 400


@pytest.mark.parametrize(
    "text",
    [
        "a" * 280,
        "日" * 140,
        FAMILY * 140,
        "b" * 256 + " " + LONG_LINK,
        "e\u0301" * 280,
        "first line\nsecond line",
    ],
    ids=["latin", "cjk counts two", "emoji sequence counts two", "link counts 23", "composed", "newline"],
)
def test_a_text_of_exactly_the_weighted_limit_passes(text: str) -> None:
    rules.check_texts([text])


@pytest.mark.parametrize(
    ("text", "weight"),
    [("a" * 281, 281), ("日" * 141, 282), (FAMILY * 141, 282), ("b" * 257 + " " + LONG_LINK, 281)],
    ids=["latin", "cjk", "emoji", "link"],
)
def test_a_text_over_the_limit_is_refused_with_its_weight(text: str, weight: int) -> None:
    with pytest.raises(NetworkError, match=f"post 1 of 1 has a weighted length of {weight}, the limit is 280"):
        rules.check_texts([text])


def test_the_refusal_names_which_post_of_a_thread_is_too_long() -> None:
    with pytest.raises(NetworkError, match="too_long: post 2 of 3") as caught:
        rules.check_texts(["fine", "日" * 150, "fine"])
    assert caught.value.refusal is PostRefused.TOO_LONG


@pytest.mark.parametrize("text", ["", "  \n", "a\0b", "a\ufffeb", "a\ud800"])
def test_texts_the_platform_would_not_carry_are_invalid(text: str) -> None:
    with pytest.raises(NetworkError) as caught:
        rules.check_texts([text])
    assert caught.value.refusal is PostRefused.INVALID


@pytest.mark.parametrize("text", ["a." * 5_000, "x" * 2_001, "." * 281])
def test_texts_that_would_stall_the_counting_are_refused_before_it(text: str) -> None:
    with pytest.raises(NetworkError, match="far over the weighted limit"):
        rules.check_texts([text])


@pytest.mark.parametrize("texts", [[], ["a"] * 26])
def test_a_thread_has_one_to_twenty_five_posts(texts: list[str]) -> None:
    with pytest.raises(NetworkError, match="a thread has 1 to 25 posts"):
        rules.check_texts(texts)


@pytest.mark.parametrize("handle", ["", "a" * 31, "no spaces", "dash-ed", "naïve", "line\n", "a/b"])
def test_other_handles_are_refused(handle: str) -> None:
    with pytest.raises(NetworkError):
        rules.check_handle(handle)


@pytest.mark.parametrize("post_id", ["0", "-1", "one", "", "1\n", "9" * 19, "٣"])
def test_what_cannot_be_a_post_id_is_an_unknown_post(post_id: str) -> None:
    with pytest.raises(NetworkError) as caught:
        rules.post_number(post_id)
    assert caught.value.refusal is PostRefused.UNKNOWN_POST


@pytest.mark.parametrize("key", ["", "k" * 201, "a\0b"])
def test_other_keys_are_refused(key: str) -> None:
    with pytest.raises(NetworkError):
        rules.check_key(key)


@pytest.mark.parametrize(
    ("text", "digits"),
    [("50 USDC", "50"), ("50.00 USDC", "50"), ("0.000000000000000001 ETH", "0.000000000000000001")],
)
def test_amounts_are_read_exactly(text: str, digits: str) -> None:
    amount = rules.parse_amount(text)
    assert (amount.digits, amount.value) == (digits, Decimal(digits))


def test_the_largest_amount_keeps_every_decimal() -> None:
    assert rules.parse_amount("999999.123456789012345678 USDC").digits == "999999.123456789012345678"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "50",
        "50USDC",
        "-1 USDC",
        "0 USDC",
        "0.0 USDC",
        "1e3 USDC",
        "NaN USDC",
        "1 usdc",
        "1 USDC\n",
        "1000001 USDC",
        "1.0000000000000000001 ETH",
    ],
)
def test_other_amounts_are_refused(text: str) -> None:
    with pytest.raises(NetworkError):
        rules.parse_amount(text)


def test_the_content_hash_joins_texts_with_the_record_separator() -> None:
    assert rules.content_hash(["a", "b"]) == rules.content_hash(["a\u001eb"])
    assert rules.content_hash(["abc"]).startswith("ba7816bf8f01cfea")


def test_fingerprints_keep_the_borders_between_texts() -> None:
    assert rules.fingerprint("a", "b") != rules.fingerprint("ab", "")
    assert rules.fingerprint("thread", "a\u001eb") != rules.fingerprint("thread", "a", "b")


def test_mentions_and_hashtags_are_found_where_people_mean_them() -> None:
    assert rules.mentioned("hi @nova, mail me at a@b.example or @@x, cc @Theo") == {"nova", "Theo"}
    assert rules.hashtags("#Été in the #city, not a#b and not #2026") == {"été", "city"}
