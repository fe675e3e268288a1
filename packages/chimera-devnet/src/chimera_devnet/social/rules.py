"""The network's rules on what may be written: pure functions, each refusal naming what broke which limit."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from twitter_text import parse_tweet

MAX_WEIGHTED_LENGTH = 280
MAX_CHARACTERS = 2_000
MAX_POSTS_IN_THREAD = 25
MAX_KEY_LENGTH = 200
MAX_PROMOTION = Decimal(1_000_000)
HANDLE_PATTERN = r"^[A-Za-z0-9_]{1,30}$"
POST_ID_PATTERN = r"^[1-9][0-9]{0,17}$"
AMOUNT_PATTERN = r"^[0-9]{1,7}(\.[0-9]{1,18})? [A-Z][A-Z0-9]{1,9}$"
SEPARATOR = "\u001e"

_MENTION = re.compile(r"(?<![A-Za-z0-9_@])@([A-Za-z0-9_]{1,30})(?![A-Za-z0-9_])")
_HASHTAG = re.compile(r"(?<!\w)#(\w{1,50})(?!\w)")


class PostRefused(StrEnum):
    """Why the network said no; the first word of every error a client sees."""

    INVALID = "invalid"
    TOO_LONG = "too_long"
    UNKNOWN_POST = "unknown_post"
    UNKNOWN_ACCOUNT = "unknown_account"
    KEY_CONFLICT = "key_conflict"
    UNAVAILABLE = "unavailable"


class NetworkError(Exception):
    """The network refused or could not do it; nothing was written."""

    def __init__(self, refusal: PostRefused, detail: str) -> None:
        super().__init__(f"{refusal}: {detail}")
        self.refusal = refusal


@dataclass(frozen=True)
class Amount:
    """An exact sum of one currency, greater than zero."""

    value: Decimal
    currency: str

    @property
    def digits(self) -> str:
        """The sum without trailing zeros or exponent, so that equal sums have equal text."""
        return format(self.value.normalize(), "f")


def check_handle(handle: str) -> None:
    """Refuse what is not a handle.

    Raises:
        NetworkError: The handle has other characters, or not 1 to 30 of them.
    """
    if not re.fullmatch(HANDLE_PATTERN, handle, re.ASCII) or handle.endswith("\n"):
        raise NetworkError(PostRefused.INVALID, "an account is 1 to 30 letters, digits or underscores")


def check_key(key: str) -> None:
    """Refuse what is not an idempotency key.

    Raises:
        NetworkError: The key is empty, too long or holds a NUL.
    """
    if not 1 <= len(key) <= MAX_KEY_LENGTH or "\0" in key:
        raise NetworkError(PostRefused.INVALID, f"a key has 1 to {MAX_KEY_LENGTH} characters, none of them NUL")


def post_number(post_id: str) -> int:
    """The sequence number behind a post id.

    Raises:
        NetworkError: No post can have this id.
    """
    if not re.fullmatch(POST_ID_PATTERN, post_id, re.ASCII) or post_id.endswith("\n"):
        raise NetworkError(PostRefused.UNKNOWN_POST, f"there is no post {post_id[:30]!r}")
    return int(post_id)


def check_texts(texts: Sequence[str]) -> None:
    """Refuse a post or thread the platform would not carry.

    Raises:
        NetworkError: Too few or many posts, or one that is empty, too long or holds refused characters.
    """
    if not 1 <= len(texts) <= MAX_POSTS_IN_THREAD:
        raise NetworkError(PostRefused.INVALID, f"a thread has 1 to {MAX_POSTS_IN_THREAD} posts, not {len(texts)}")
    for position, text in enumerate(texts, start=1):
        _check_text(text, f"post {position} of {len(texts)}")


def _check_text(text: str, name: str) -> None:
    if not text.strip():
        raise NetworkError(PostRefused.INVALID, f"{name} is empty")
    if "\0" in text:
        raise NetworkError(PostRefused.INVALID, f"{name} holds a NUL character")
    # The counting library takes quadratic time in full stops. A post has no room for more of either,
    # except inside one endless link, so refusing them first keeps a hostile text from stalling the network.
    if len(text) > MAX_CHARACTERS or text.count(".") > MAX_WEIGHTED_LENGTH:
        raise NetworkError(
            PostRefused.TOO_LONG,
            f"{name} has {len(text)} characters, far over the weighted limit of {MAX_WEIGHTED_LENGTH}",
        )
    try:
        parsed = parse_tweet(text)
        text.encode()
    except UnicodeEncodeError as error:
        raise NetworkError(PostRefused.INVALID, f"{name} is not valid Unicode") from error
    if parsed.weightedLength > MAX_WEIGHTED_LENGTH:
        raise NetworkError(
            PostRefused.TOO_LONG,
            f"{name} has a weighted length of {parsed.weightedLength}, the limit is {MAX_WEIGHTED_LENGTH}",
        )
    if not parsed.valid:
        raise NetworkError(PostRefused.INVALID, f"{name} holds characters the platform refuses")


def parse_amount(text: str) -> Amount:
    """Read "50 USDC" or "0.5 ETH" as an exact sum.

    Raises:
        NetworkError: Not of that form, zero, or over what the platform takes at once.
    """
    if not re.fullmatch(AMOUNT_PATTERN, text, re.ASCII) or text.endswith("\n"):
        raise NetworkError(PostRefused.INVALID, 'an amount reads like "50 USDC", at most 18 decimals')
    digits, _, currency = text.partition(" ")
    value = Decimal(digits)
    if not 0 < value <= MAX_PROMOTION:
        raise NetworkError(PostRefused.INVALID, f"an amount is above 0 and at most {MAX_PROMOTION} {currency}")
    return Amount(value, currency)


def content_hash(texts: Sequence[str]) -> str:
    """SHA-256 (hex) of the texts joined with U+001E, as UTF-8."""
    return hashlib.sha256(SEPARATOR.join(texts).encode()).hexdigest()


def fingerprint(*parts: str | bool | None) -> str:
    """SHA-256 (hex) over everything that makes a write what it is, so a reused key is told from a retry."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def mentioned(text: str) -> set[str]:
    """Handles a text names with an @."""
    return set(_MENTION.findall(text))


def hashtags(text: str) -> set[str]:
    """Hashtags of a text, case-folded, without the sign; a bare number is not a topic."""
    return {tag.casefold() for tag in _HASHTAG.findall(text) if not tag.isdigit()}
