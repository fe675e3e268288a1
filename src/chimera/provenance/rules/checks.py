"""What a check of a piece finds, and in which forms a text may come back (PRV-1, PRV-5)."""

from collections.abc import Collection, Sequence

from pydantic import JsonValue

from chimera.audit.types import InclusionView
from chimera.provenance.rules.hashes import statement_holds
from chimera.provenance.types.proofs import AnchorRef, CheckFinding, FileProof, PublishedPiece
from chimera_credentials.log import leaves, merkle, notes
from chimera_credentials.types import CredentialState

_KEPT = {CredentialState.VALID, CredentialState.VALID_EXPIRED_WITH_TIMESTAMP}


def piece_holds(piece: PublishedPiece, public_key: str) -> bool:
    """Whether a piece is what its own signed statement says."""
    about = piece.statement.get("asset_id") == str(piece.asset_id)
    signature = piece.cryptographic_signature
    return about and statement_holds(piece.statement, piece, signature, public_key)


def of_files(piece: PublishedPiece, files: Sequence[FileProof]) -> list[CheckFinding]:
    """What the credentials of a piece's files come to."""
    return [
        CheckFinding(
            what=f"File {number}: {item.facts.media_type}",
            holds=kept.verdict is not None and kept.verdict.state in _KEPT,
            told=" ".join(kept.reasons),
        )
        for number, (item, kept) in enumerate(zip(piece.media, files, strict=True), 1)
    ]


def of_log(row: str, shown: InclusionView, anchor: AnchorRef | None, log_key: str) -> list[CheckFinding]:
    """Whether a row is the one of its leaf, the leaf in the log, the log signed with this key, and on which chain."""
    same = leaves.leaf("provenance", leaves.exact(row)).hash.hex() == shown.leaf_hash
    path, newest = [bytes.fromhex(step) for step in shown.proof], shown.checkpoint
    leaf, root = bytes.fromhex(shown.leaf_hash), bytes.fromhex(newest.root)
    within = merkle.verify_inclusion(leaf, shown.index, newest.size, path, root)
    noted = notes.signed_by(newest.note, [log_key]) is not None
    noted = noted and notes.read(newest.note).root == newest.root
    here = f"leaf {shown.index}"
    on_chain = "not anchored on a chain"
    if anchor is not None:
        on_chain = f"chain {anchor.chain_id}, block {anchor.block}, transaction {anchor.tx_hash}"
    return [
        CheckFinding(
            what="Its row",
            holds=same,
            told=f"it says what {here} says" if same else f"{here} was made of something else",
        ),
        CheckFinding(
            what="Transparency log",
            holds=within,
            told=f"{here} leads to the root of {newest.size}" if within else f"{here} leads to another root",
        ),
        CheckFinding(
            what="Checkpoint",
            holds=noted,
            told="signed with this log's key" if noted else "not signed with this log's key",
        ),
        CheckFinding(what="Anchor", holds=True if anchor else None, told=on_chain),
    ]


def numbers(seeds: JsonValue) -> list[int]:
    """The seeds of a statement that are numbers."""
    return [int(str(seed)) for seed in seeds if str(seed).isdecimal()] if isinstance(seeds, list) else []


def forms(texts: Collection[str]) -> list[str]:
    """A text as it may have been written before it was copied out of a page or sent by a form."""
    lines = [text.replace("\r\n", "\n") for text in texts]
    return list(dict.fromkeys([*texts, *lines, *(text.strip() for text in lines)]))
