"""The rows about a piece must fit each other, in whatever order they were sealed (PRV-1, PRV-2)."""

from itertools import permutations
from typing import Any

import pytest

from chimera.provenance.rules.hashes import FORMULA, content_hash, content_hashes
from chimera.provenance.rules.pieces import Pieces

PARTS = ["Look up.", "Tonight."]
HASH = content_hash(PARTS)


def signed(digest: str) -> dict[str, Any]:
    return {"content_hash": digest, "content_formula": FORMULA}


ASSET = {"asset_id": "a", "encoding_format": "text/plain; charset=utf-8", "parts": PARTS}
PROOF = {
    "provenance_id": "p",
    "asset_id": "a",
    "content_hash": HASH,
    "statement": {"content_hash": HASH, "content_formula": FORMULA},
}
POST = {"publication_id": "b", "asset_id": "a", "published_at": "T1"}
GAINED = {"on_chain_verification": True, "published_at": "T1"}
ORDERS = list(permutations(["asset", "provenance", "publication"]))


def complaints(order: tuple[str, ...] = ORDERS[0], *, anchored: bool = True, **rows: Any) -> list[str]:
    given = {"asset": ASSET, "provenance": PROOF, "publication": POST, "state": GAINED, **rows}
    pieces, said = Pieces(), []
    for kind in order:
        state = given["state"] if kind == "provenance" else None
        said += pieces.take(kind, given[kind], state, anchored=anchored) if given[kind] else []
    return said + [what for _, _, what in pieces.rest()]


@pytest.mark.parametrize("order", ORDERS)
def test_rows_that_fit_are_not_complained_of(order: tuple[str, ...]) -> None:
    assert complaints(order) == []
    assert complaints(order, publication=None, state={**GAINED, "published_at": None}) == []


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ({"asset": {**ASSET, "parts": ["Look up.", "Today."]}}, "text"),
        (
            {
                "provenance": {
                    **PROOF,
                    "content_hash": "0" * 64,
                    "statement": signed("0" * 64),
                }
            },
            "text",
        ),
        (
            {"provenance": {**PROOF, "statement": signed("0" * 64)}},
            "signed statement",
        ),
        ({"state": {**GAINED, "published_at": "T2"}}, "T2"),
        ({"state": {**GAINED, "published_at": None}}, "None"),
        ({"publication": None}, "no publication does"),
        ({"state": {**GAINED, "on_chain_verification": False}}, "an anchor covers it"),
        ({"anchored": False}, "no anchor covers it"),
    ],
)
def test_a_row_that_does_not_fit_is_complained_of_once(order: tuple[str, ...], rows: Any, told: str) -> None:
    said = complaints(order, **rows)
    assert len(said) == 1, said
    assert told in said[0] or "provenance p was made for" in said[0]


def test_the_files_of_a_piece_are_part_of_what_its_hash_is_over() -> None:
    digest = content_hash(PARTS, ["7" * 64])
    proof = {**PROOF, "content_hash": digest, "statement": signed(digest)}
    shown = {**ASSET, "encoding_format": "image/png", "media": [{"sha256": "7" * 64}]}
    assert complaints(asset=shown, provenance=proof) == []
    assert complaints(asset={**shown, "media": [{"sha256": "8" * 64}]}, provenance=proof) != []
    assert complaints(asset={**shown, "media": []}, provenance=proof) != []


@pytest.mark.parametrize("order", ORDERS)
def test_a_proof_from_before_the_formula_had_a_name_still_fits_its_piece_and_no_other(order: tuple[str, ...]) -> None:
    old = content_hashes(PARTS, ["7" * 64])[None]
    proof = {**PROOF, "content_hash": old, "statement": {"content_hash": old}}
    shown = {**ASSET, "media": [{"sha256": "7" * 64}]}
    assert complaints(order, asset=shown, provenance=proof) == []
    assert len(complaints(order, asset={**ASSET, "parts": [*PARTS, f"sha256:{'7' * 64}"]}, provenance=proof)) == 1


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("formula", ["chimera-content/3", "", 2, ["chimera-content/2"], {}])
def test_a_formula_that_nobody_knows_fits_no_piece(order: tuple[str, ...], formula: object) -> None:
    proof = {**PROOF, "statement": {"content_hash": HASH, "content_formula": formula}}
    assert len(complaints(order, provenance=proof)) == 1


def test_a_second_publication_of_a_piece_is_none_to_complain_of() -> None:
    pieces = Pieces()
    for kind, row, state in (
        ("provenance", PROOF, GAINED),
        ("publication", POST, None),
        ("publication", {**POST, "publication_id": "c", "published_at": "T2"}, None),
    ):
        assert list(pieces.take(kind, row, state, anchored=True)) == []
    assert list(pieces.rest()) == []
