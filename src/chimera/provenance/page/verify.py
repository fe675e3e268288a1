"""The page where anybody, without a key, finds out whether a file or a text is what it claims to be (PRV-5)."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import JsonValue

from chimera.api.services import services_of
from chimera.api.uploads import MAX_FILE, Intake
from chimera.board.auth import BoardRoute, templates_of
from chimera.provenance.service.verification import VerificationService
from chimera.provenance.types.proofs import Checked
from chimera_credentials.types import PROVENANCE, CredentialState, FileVerdict
from chimera_protocol.errors import Invalid

PAGE = "/verify"

router = APIRouter(route_class=BoardRoute, include_in_schema=False)

_LONGEST = 300
_MOST_SEEDS = 16


class Told(NamedTuple):
    """A verdict in plain words: with the state of the board that looks like it, a headline and what it means."""

    look: str
    head: str
    means: str


VERDICTS: Mapping[CredentialState, Told] = {
    CredentialState.VALID: Told(
        "approved", "Good", "It is, to the last byte, what was signed here with the credentials below."
    ),
    CredentialState.VALID_EXPIRED_WITH_TIMESTAMP: Told(
        "approved",
        "Good",
        "It is what was signed here. The certificate has ended since; a trusted time stamp says that it was signed"
        " before.",
    ),
    CredentialState.EXPIRED: Told(
        "waiting", "Too old to say", "The certificate has ended, and no trusted time stamp says when it was signed."
    ),
    CredentialState.UNTRUSTED: Told(
        "waiting",
        "Nobody we know signed it",
        "It carries somebody else's credentials. They may be good: this installation cannot say.",
    ),
    CredentialState.TAMPERED: Told(
        "refused", "Changed since it was signed", "It carries credentials, and they are not those of this content."
    ),
    CredentialState.BROKEN: Told(
        "refused", "Not readable", "The file, or the credentials in it, are damaged, or of a kind that carries none."
    ),
    CredentialState.STRIPPED: Told(
        "draft",
        "No credentials",
        "It was never signed, or somebody took the credentials away: many sites do when a file is uploaded there.",
    ),
}
PLAIN = Told("draft", "Unknown here", "Nothing that was published here says this, letter for letter.")
NOWHERE = Told("draft", "Unknown here", "Nothing was published here under this address.")
KNOWN = Told("approved", "Published here", "This installation has published it, and can prove it: see below.")
TORN = Told("refused", "Published here, proof broken", "It was published here, and is not what was signed then.")

_SOURCES: Mapping[str, str] = {
    "trainedAlgorithmicMedia": "made by a trained model",
    "algorithmicMedia": "made by a program, without a trained model",
    "compositeSynthetic": "put together, in part by a model",
}


@router.get(PAGE)
async def ask(request: Request) -> Response:
    """The empty form."""
    return _page(request)


@router.post(PAGE)
async def answer(request: Request) -> Response:
    """The verdict about what was sent, above the form for the next."""
    proofs = services_of(request).get(VerificationService)
    intake: Intake = request.app.state.intake
    async with intake.take(request) as upload:
        if upload.path is not None:
            return _page(request, await proofs.check_file(upload.path, upload.sha256))
        if not upload.text.strip():
            raise Invalid("there is neither a file nor a text in it", remedy="Choose a file, or paste a text.")
        return _page(request, await proofs.check_text(upload.text), upload.text)


def _page(request: Request, checked: Checked | None = None, text: str = "") -> Response:
    html = templates_of(request).render(
        "verify.html",
        checked=checked,
        told=tell(checked) if checked else None,
        said=list(says(checked.verdict)) if checked and checked.verdict else [],
        text=text,
        root=services_of(request).get(VerificationService).root,
        megabytes=MAX_FILE >> 20,
    )
    return HTMLResponse(html, headers={"Cache-Control": "no-store"})


def tell(checked: Checked) -> Told:
    """A verdict in plain words: what the credentials come to, else whether we know it."""
    carries = checked.verdict is not None and checked.verdict.state is not CredentialState.STRIPPED
    if checked.known and not carries:
        return KNOWN if all(piece.holds for piece in checked.known) else TORN
    if checked.verdict is not None:
        return VERDICTS[checked.verdict.state]
    return NOWHERE if checked.kind == "address" else PLAIN


def says(verdict: FileVerdict) -> Iterator[tuple[str, str]]:
    """What credentials say, as far as it is for reading: who signed and when, and how and by what it was made."""
    if verdict.signed_by is not None:
        yield "Signed by", verdict.signed_by[:_LONGEST]
    if verdict.stamped_at is not None:
        yield "Signed at", f"{verdict.stamped_at:%d %B %Y %H:%M:%S} UTC, by a trusted time stamp"
    elif verdict.signed_until is not None:
        yield "Good until", f"{verdict.signed_until:%d %B %Y}"
    ours = verdict.assertions.get(PROVENANCE)
    own = ours if isinstance(ours, dict) else {}
    source = _words(own.get("source_type")) or _source(verdict.assertions)
    if source:
        yield "How it was made", _SOURCES.get(source, source)
    seeds = own.get("seeds")
    named = ", ".join(_words(seed) for seed in seeds[:_MOST_SEEDS]) if isinstance(seeds, list) else ""
    for name, value in (
        ("Model", _words(own.get("model"))),
        ("Seeds", named),
        ("Persona's hash", _words(own.get("soul_hash"))),
        ("Prompt's hash", _words(own.get("prompt_hash"))),
        ("Piece", _words(own.get("asset_id"))),
    ):
        if value:
            yield name, value
    if verdict.parents:
        yield "Made from", f"{len(verdict.parents)} signed file{'s' if len(verdict.parents) > 1 else ''}"


def _source(assertions: Mapping[str, JsonValue]) -> str:
    for name in ("c2pa.actions.v2", "c2pa.actions"):
        found = assertions.get(name)
        actions = found.get("actions") if isinstance(found, dict) else None
        for action in actions if isinstance(actions, list) else []:
            if isinstance(action, dict) and isinstance(uri := action.get("digitalSourceType"), str):
                return uri.rpartition("/")[2][:_LONGEST]
    return ""


def _words(value: JsonValue) -> str:
    return str(value)[:_LONGEST] if isinstance(value, str | int) else ""
