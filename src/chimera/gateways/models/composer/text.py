"""Text as the composer sees it: words, stems, sentences, weighted length, and choices that repeat."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

from twitter_text import parse_tweet

from chimera.tasks.rules import count_words

_TAG = re.compile(r"<[^<>]{0,500}>")
_BREAK = re.compile(r"(?<=[.!?…])[\"'”\u2019)\]]*\s+(?=[\"'“\u2018(\[]*[A-Z0-9À-Þ])")
_ABBREVIATED = re.compile(r"\b(?:e\.g|i\.e|cf|vs|etc|Dr|Mr|Mrs|Ms|Prof|St|No|Inc|Ltd|al|[A-Z])\.$")
_ENDED = re.compile(r"[.!?…][\"'”\u2019)\]]*$")
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_LINK = re.compile(r"https?://\S+")
_MARKS = re.compile(r"[#@]\w+")
# Feeds are public text: sentences that address a model, a person's account or another page are not facts.
_UNFIT = re.compile(
    r"@\w|https?://|\bwww\.|(?:…|\.\.\.|\[…\]|\[\.\.\.\])$"
    r"|\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instruction|prompt|rule|above|previous)"
    r"|\bsystem prompt\b|\byou are now\b|\bas an? (?:ai|language model)\b|</?(?:system|assistant|user)>",
    re.IGNORECASE,
)
_SUFFIXES = ("ically", "ations", "ation", "ings", "ness", "ing", "ied", "ies", "ed", "es", "ly", "s")

_GRAMMAR = """
    a about above after again all also always am among an and another any are as at away back be became
    because become been before being between both but by came can come comes could did do does each either
    else ever every few first for from get gets give given go goes got had has have he her here him his
    how i if in instead into is it its itself just keep kept last later less let like long made make many
    may me more most much must my near need never next no nor not now of off old on once one only onto or
    other our out over own per put same say see she should since so some still such take than that the
    their them then there these they this those through till time to too two under until up upon us very
    was way we well went were what when where whether which while who whom whose why will with within
    without would you your
"""
FUNCTION_WORDS = frozenset(_GRAMMAR.split())
"""Words that carry grammar rather than a subject."""

_TASKS = """
    announce audience campaign content create describe explain generate goal help highlight idea introduce
    like people piece post promote publish reader share short show start story talk tell thing think
    thread topic trend trending tweet update write
"""
TASK_WORDS = frozenset(_TASKS.split())
"""Words of a request that say what to do, not what it is about."""


@lru_cache(maxsize=2_048)
def clean(text: str) -> str:
    """One line of visible text: markup, control and unassigned characters become spaces."""
    # The joiner is a format character too, but emoji fall apart without it.
    kept = (" " if unicodedata.category(char)[0] in "CZ" and char != "\u200d" else char for char in text)
    return " ".join(_TAG.sub(" ", "".join(kept)).split())


def sentences(text: str) -> list[str]:
    """The whole sentences of a text that can stand in a post; cut-off and suspicious ones are left out."""
    parts: list[str] = []
    rest = clean(text)
    starts = [0, *(match.end() for match in _BREAK.finditer(rest)), len(rest)]
    for start, end in pairwise(starts):
        part = rest[start:end].strip()
        if parts and _ABBREVIATED.search(parts[-1]):
            parts[-1] = f"{parts[-1]} {part}"
        elif part:
            parts.append(part)
    return [ended(part) for part in parts if not _UNFIT.search(part) and _WORD.search(part)]


def ended(text: str) -> str:
    """The text with a full stop, unless it has an end of its own."""
    return text if _ENDED.search(text) else text.rstrip(" ,;:\u2013—-") + "."


def words(text: str) -> list[str]:
    """The words of a text in lower case; links, hashtags and account names are none."""
    return [word.casefold() for word in _WORD.findall(_MARKS.sub(" ", _LINK.sub(" ", text)))]


@lru_cache(maxsize=16_384)
def stem(word: str) -> str:
    """A rough stem, so that 'certificates' meets 'certificate'."""
    bare = word.casefold().replace("\u2019", "'").removesuffix("'s")
    for suffix in _SUFFIXES:
        if bare.endswith(suffix) and len(bare) - len(suffix) >= 3 and not bare.endswith("ss"):
            bare = bare.removesuffix(suffix) + ("y" if suffix in ("ied", "ies") else "")
            break
    return (bare.rstrip("ey") if len(bare) > 3 else "") or bare


_IDLE_STEMS = frozenset(stem(word) for word in FUNCTION_WORDS)
_TASK_STEMS = frozenset(stem(word) for word in TASK_WORDS)


def content_stems(text: str) -> list[str]:
    """The stems of the words that carry the subject, in order, repeats kept."""
    found = (stem(word) for word in words(text) if word not in FUNCTION_WORDS)
    return [item for item in found if item not in _IDLE_STEMS and (len(item) > 1 or item.isdigit())]


@lru_cache(maxsize=2_048)
def subjects(text: str) -> frozenset[str]:
    """What a request is about: content stems, hashtags taken apart, without words such as 'post'."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text.replace("#", " "))
    return frozenset(content_stems(spaced)) - _TASK_STEMS


def numbers(text: str) -> frozenset[str]:
    """The runs of digits in a text, links left out."""
    return frozenset(re.findall(r"\d+", _LINK.sub(" ", text)))


def similarity(one: str, other: str) -> float:
    """How alike two texts are, 0 to 1: the Jaccard index of their runs of three words."""
    first, second = _runs(one), _runs(other)
    return len(first & second) / len(first | second) if first and second else 0.0


@lru_cache(maxsize=1_024)
def _runs(text: str) -> frozenset[tuple[str, ...]]:
    found = words(text)
    if len(found) < 3:
        return frozenset({tuple(found)} if found else set())
    return frozenset(tuple(found[at : at + 3]) for at in range(len(found) - 2))


def weight(text: str) -> int:
    """The length of a post in X's weighted characters."""
    return int(parse_tweet(text).weightedLength)


class LengthBudget:
    """The space for one post: weighted characters and words, each None where there is no bound."""

    def __init__(self, characters: int | None, most_words: int | None) -> None:
        self.characters = characters
        self.most_words = most_words

    def takes(self, text: str) -> bool:
        """Whether the text fits."""
        if self.most_words is not None and count_words(text) > self.most_words:
            return False
        return self.characters is None or weight(text) <= self.characters

    def less(self, characters: int, most_words: int) -> "LengthBudget":
        """The same room with something already in it."""
        return LengthBudget(
            None if self.characters is None else self.characters - characters,
            None if self.most_words is None else self.most_words - most_words,
        )


def shuffled(options: Iterable[str], *keys: str | int) -> list[str]:
    """The options in an order that depends on the keys alone, the same on every machine."""
    return sorted(options, key=lambda option: draw(option, *keys))


def draw(*keys: str | int) -> int:
    """A number that depends on the keys alone, spread evenly."""
    return int.from_bytes(hashlib.sha256("\x1f".join(map(str, keys)).encode()).digest()[:8])


def listed(items: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
