"""How our wish for a picture or clip becomes the arguments of somebody's tool, and what a generator is (MED-1)."""

import re
from collections.abc import Mapping
from string import Template

from pydantic import JsonValue

_ALONE = re.compile(r"\$([a-z_]+)")
_DRESS = re.compile(r"\S+://\S+|[#@]\w+|^\s*\d+/\d+\s*", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?…])\s+")


def filled(arguments: Mapping[str, JsonValue], wish: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The arguments with each `$name` in place: a value that is nothing else keeps its type, as `$seed` a number.

    A name that is no part of the wish stays as it is written.
    """
    return {name: _filled(value, wish) for name, value in arguments.items()}


def _filled(value: JsonValue, wish: Mapping[str, JsonValue]) -> JsonValue:
    if isinstance(value, dict):
        return filled(value, wish)
    if isinstance(value, list):
        return [_filled(item, wish) for item in value]
    if not isinstance(value, str):
        return value
    alone = _ALONE.fullmatch(value)
    if alone is not None and alone[1] in wish:
        return wish[alone[1]]
    return Template(value).safe_substitute({name: str(given) for name, given in wish.items()})


def scenes(text: str, most: int = 6, longest: int = 900) -> list[str]:
    """A post told in turns: its sentences in so many groups of like length, in their order."""
    said = _SENTENCE.split(_undressed(text)[:longest].strip())
    told: list[str] = []
    for number in range(min(most, len(said))):
        start, end = (len(said) * place // min(most, len(said)) for place in (number, number + 1))
        told.append(" ".join(said[start:end]))
    return [scene for scene in told if scene]


def caption(text: str, most: int = 240) -> str:
    """What of a post belongs into its picture: its first sentences, without links, tags and counters."""
    said = ""
    for sentence in _SENTENCE.split(_undressed(text)):
        if said and len(said) + len(sentence) + 1 > most:
            break
        said = f"{said} {sentence}".strip()
    return said[:most]


def _undressed(text: str) -> str:
    return " ".join(_DRESS.sub(" ", text).split())
