"""What a leaf of the transparency log says: a row, in a form that is the same everywhere (PRV-4).

It is the RFC 8785 form of `{"kind": …, "row": {…}}`. A number that a double does not hold exactly is written as
`{"$number": "…"}` instead, and a name that begins with `$` gets one more of it, so that no two rows say the same.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple, NoReturn

import rfc8785
from pydantic import JsonValue

from chimera_credentials.log.merkle import leaf_hash

_LARGEST = 2**53 - 1
_SMALL, _BIG = 1e-4, 1e16
_MARK = 4


_DEEPEST = 300
"""Levels of nesting. The interpreter's own bound cannot be relied on: libraries raise it, and then it crashes."""

_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]', re.DOTALL)


class Leaf(NamedTuple):
    """A row's leaf hash, and some bytes of each column's hash, by which one can say later which column differs."""

    hash: bytes
    marks: bytes


def exact(text: str | bytes) -> dict[str, JsonValue]:
    """A JSON object, read without losing anything of it; ValueError for what is none, or says a name twice."""
    text = text if isinstance(text, str) else text.decode()
    if _depth(text) > _DEEPEST:
        raise ValueError("it is nested too deeply")
    try:
        found: JsonValue = json.loads(
            text, parse_float=_float, parse_int=_integer, parse_constant=_refuse, object_pairs_hook=_object
        )
    except ArithmeticError as error:
        raise ValueError("it has a number out of all bounds") from error
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    return found


def _depth(text: str) -> int:
    """How deeply a text is nested, or a bound for it that is quicker to come by."""
    deepest = text.count("{") + text.count("[")
    if deepest <= _DEEPEST:
        return deepest
    depth = deepest = 0
    for bracket in _BRACKET.finditer(text):
        depth += (bracket[0] in "[{") - (bracket[0] in "]}")
        deepest = max(deepest, depth)
    return deepest


def leaf(kind: str, row: Mapping[str, JsonValue]) -> Leaf:
    """The leaf of a row that was read by `exact`."""
    forms = [(name, _form(row[name])) for name in sorted(row)]
    if not (kind.isidentifier() and kind.isascii() and all(name.isidentifier() and name.isascii() for name in row)):
        raise ValueError("a table or a column has an impossible name")
    said = b",".join(b'"%s":%s' % (name.encode(), form) for name, form in forms)
    data = b'{"kind":"%s","row":{%s}}' % (kind.encode(), said)
    marks = b"".join(hashlib.sha256(form).digest()[:_MARK] for _, form in forms)
    return Leaf(leaf_hash(data), marks)


def differing(row: Mapping[str, JsonValue], marks: bytes) -> list[str]:
    """The columns whose marks differ from those that were kept; all of them when there are more or fewer."""
    names, now = sorted(row), leaf("row", row).marks
    if len(now) != len(marks):
        return names
    return [
        name
        for number, name in enumerate(names)
        if now[number * _MARK : (number + 1) * _MARK] != marks[number * _MARK : (number + 1) * _MARK]
    ]


def _form(value: JsonValue) -> bytes:
    if _is_plain(value):  # then the standard library gives the same bytes, ten times as fast
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return rfc8785.dumps(value)


def _is_plain(value: JsonValue) -> bool:
    if isinstance(value, dict):
        return all(name.isascii() and _is_plain(each) for name, each in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    # Within these bounds both write a fraction alike: RFC 8785 has other exponents, and no ".0".
    return not isinstance(value, float) or (_SMALL <= abs(value) < _BIG and not value.is_integer())


def _integer(text: str) -> JsonValue:
    if len(text) > 17:
        return {"$number": text}
    number = int(text)
    return number if abs(number) <= _LARGEST else {"$number": text}


def _float(text: str) -> JsonValue:
    number = float(text)
    if math.isfinite(number) and Decimal(text) == Decimal(repr(number)):
        return number
    return {"$number": text}


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = {f"${name}" if name.startswith("$") else name: value for name, value in pairs}
    if len(found) != len(pairs):
        raise ValueError("it says a name twice")
    return found


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
