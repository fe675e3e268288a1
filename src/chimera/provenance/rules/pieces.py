"""What the rows about a piece must say of each other: its text, proof, publication and anchor (PRV-1, PRV-2).

A proof's row may gain two facts after it was sealed, that the piece was published and that it was anchored. Neither is
part of its leaf, so each is held against a sealed row that says the same.
"""

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from chimera.provenance.rules.hashes import content_hashes, is_hash_of


class Pieces:
    """The rows seen so far that still wait for their counterpart."""

    def __init__(self) -> None:
        self._texts: dict[str, Mapping[str | None, str]] = {}
        self._hashes: dict[str, tuple[str, str, JsonValue]] = {}
        self._proofs: dict[str, tuple[str, str | None]] = {}
        self._published: dict[str, str] = {}

    def take(
        self, kind: str, row: Mapping[str, JsonValue], state: Mapping[str, JsonValue] | None, *, anchored: bool
    ) -> Iterator[str]:
        """What is wrong with a row in the light of those before it. `state` is what its row has gained since."""
        match kind:
            case "asset":
                yield from self._asset(row)
            case "provenance":
                yield from self._proof(row)
                if state is not None:
                    yield from self._gained(row, state, anchored)
            case "publication":
                yield from self._publication(row)

    def rest(self) -> Iterator[tuple[str, str, str]]:
        """Table, id and complaint, for what never got its counterpart."""
        for proof, said in self._proofs.values():
            if said is not None:
                yield "provenance", proof, f"published_at says {said}, and no publication does"

    def _asset(self, row: Mapping[str, JsonValue]) -> Iterator[str]:
        parts = row.get("parts")
        media = row.get("media", [])
        if not isinstance(parts, list) or not isinstance(media, list):
            return
        files = [str(item.get("sha256")) for item in media if isinstance(item, dict)]
        asset, hashes = str(row.get("asset_id")), content_hashes([str(part) for part in parts], files)
        known = self._hashes.pop(asset, None)
        if known is None:
            self._texts[asset] = hashes
        elif not is_hash_of(known[1], known[2], hashes):
            yield f"parts are not what provenance {known[0]} was made for"

    def _proof(self, row: Mapping[str, JsonValue]) -> Iterator[str]:
        asset, said = str(row.get("asset_id")), str(row.get("content_hash"))
        statement = row.get("statement")
        formula: JsonValue = None
        if isinstance(statement, dict):
            formula = statement.get("content_formula")
            if statement.get("content_hash") != said:
                yield "content_hash is not the one in the signed statement"
        hashes = self._texts.pop(asset, None)
        if hashes is None:
            self._hashes[asset] = str(row.get("provenance_id")), said, formula
        elif not is_hash_of(said, formula, hashes):
            yield f"content_hash does not fit the text of asset {asset}"

    def _gained(self, row: Mapping[str, JsonValue], state: Mapping[str, JsonValue], anchored: bool) -> Iterator[str]:
        if state.get("on_chain_verification") is not anchored:
            no = "an" if anchored else "no"
            yield f"on_chain_verification is {str(not anchored).lower()}, and {no} anchor covers it"
        asset, said = str(row.get("asset_id")), state.get("published_at")
        time = said if isinstance(said, str) else None
        known = self._published.pop(asset, None)
        if known is None:
            self._proofs[asset] = str(row.get("provenance_id")), time
        elif known != time:
            yield f"published_at says {time}, and the publication {known}"

    def _publication(self, row: Mapping[str, JsonValue]) -> Iterator[str]:
        asset, time = str(row.get("asset_id")), str(row.get("published_at"))
        known = self._proofs.pop(asset, None)
        if known is None:
            self._published.setdefault(asset, time)
        elif known[1] != time:
            yield f"it was published at {time}, and provenance {known[0]} says {known[1]}"
