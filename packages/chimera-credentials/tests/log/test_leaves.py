"""The form of a leaf: RFC 8785 to the letter, nothing lost, no two rows alike (PRV-4)."""

import hashlib
import json
import math

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from chimera_credentials.log import leaves
from chimera_credentials.log.leaves import differing, exact, leaf

NAMES = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8"))
PLAIN = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS
DOUBLES = st.floats(allow_nan=False, allow_infinity=False)
KEYS = TEXTS.filter(lambda name: not name.startswith("$"))
VALUES = st.recursive(
    PLAIN | DOUBLES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
ROWS = st.dictionaries(NAMES, VALUES, max_size=6)

RFC_8785 = {
    '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],'
    '"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}': (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    ),
    '{"€":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",'
    '"\\ud83d\\ude00":"Emoji: Grinning Face","\\u0080":"Control","ö":"Latin Small Letter O With Diaeresis"}': (
        '{"\\r":"Carriage Return","1":"One","\x80":"Control","ö":"Latin Small Letter O With Diaeresis",'
        '"€":"Euro Sign","😀":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}'
    ),
}
"""The examples of RFC 8785, sections 3.2.2 and 3.2.3; of the numbers the one that no double holds is left exact."""


def data(kind: str, row: str) -> bytes:
    """What a leaf hashes, made by the library alone."""
    return b"\x00" + rfc8785.dumps({"kind": kind, "row": json.loads(row)})


@given(ROWS)
def test_a_leaf_is_the_hash_of_the_canonical_form(row: dict[str, object]) -> None:
    text = json.dumps(row)
    assert leaf("asset", exact(text)).hash == hashlib.sha256(data("asset", text)).digest()


def test_the_examples_of_the_rfc_come_out_as_it_says() -> None:
    given, expected = list(RFC_8785.items())[1]
    assert leaves._form(exact(given)).decode() == expected
    given, expected = next(iter(RFC_8785.items()))
    unlike = given.replace("333333333.33333329", "333333333.3333333").replace("0.000000000000000000000000001", "1e-27")
    assert leaves._form(exact(unlike)).decode() == expected
    assert '{"$number":"333333333.33333329"}' in leaves._form(exact(given)).decode()


@given(ROWS, ROWS)
def test_rows_that_differ_have_leaves_that_differ(one: dict[str, object], other: dict[str, object]) -> None:
    first, second = exact(json.dumps(one)), exact(json.dumps(other))
    assert (leaf("asset", first) == leaf("asset", second)) == (
        (first == second and str(first) == str(second)) or _alike(one, other)
    )


def _alike(one: object, other: object) -> bool:
    return rfc8785.dumps(one) == rfc8785.dumps(other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("9007199254740993", "9007199254740992"),
        ("10000000000000000000000", "10000000000000000000001"),
        ("0.1", "0.10000000000000000555"),
        ("1e400", "1e401"),
        ("1e400", '{"$number":"1e400"}'),
        ("12345678901234567890", '"12345678901234567890"'),
        ('{"$a":1}', '{"$$a":1}'),
        ("1", '"1"'),
        ("null", '"null"'),
        ("true", "1"),
    ],
)
def test_what_is_nearly_alike_is_not(one: str, other: str) -> None:
    assert leaf("asset", exact(f'{{"a":{one}}}')).hash != leaf("asset", exact(f'{{"a":{other}}}')).hash


@pytest.mark.parametrize(("one", "other"), [("1.0", "1"), ("0.50", "0.5"), ("1e2", "100"), ('"\\u0041"', '"A"')])
def test_the_same_written_otherwise_is_the_same(one: str, other: str) -> None:
    assert leaf("asset", exact(f'{{"a":{one}}}')) == leaf("asset", exact(f'{{"a":{other}}}'))


@given(ROWS.filter(bool), VALUES, st.data())
def test_the_columns_that_differ_are_named(row: dict[str, object], value: object, draw: st.DataObject) -> None:
    name = draw.draw(st.sampled_from(sorted(row)))
    before, after = exact(json.dumps(row)), exact(json.dumps({**row, name: value}))
    assert differing(before, leaf("asset", before).marks) == []
    assert differing(after, leaf("asset", before).marks) == ([] if _alike(row[name], value) else [name])


def test_a_row_with_another_number_of_columns_differs_in_all() -> None:
    assert differing({"a": 1, "b": 2}, leaf("asset", {"a": 1}).marks) == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    ["", "1", "[]", "null", '{"a":1,"a":2}', '{"a":NaN}', "{", '{"a":' * 100_000, '{"a":1e99999999999999999999}'],
)
def test_what_is_no_row_is_refused(text: str) -> None:
    if text.startswith('{"a":1e9'):
        assert not math.isfinite(float(text[5:-1]))
        assert exact(text) == {"a": {"$number": text[5:-1]}}
        return
    with pytest.raises(ValueError, match=r".+"):
        exact(text)


def test_brackets_within_texts_and_beside_each_other_are_no_nesting() -> None:
    wide = '{"a":[' + ",".join(['{"b":"[[[{{{\\"["}'] * 400) + "]}"
    assert exact(wide) == json.loads(wide)
    with pytest.raises(ValueError, match="too deeply"):
        exact('{"a":' * 301 + "1" + "}" * 301)


def test_no_name_can_break_out_of_the_form() -> None:
    for kind, row in (('asset","row":{}}', {}), ("asset", {'a":1,"b': 1}), ("as set", {"a": 1})):
        with pytest.raises(ValueError, match="impossible name"):
            leaf(kind, row)
