"""Provenance over HTTP: the files of pieces, the root they are signed under, and checks for anybody (PRV-1, PRV-5)."""

import asyncio
import re
from collections.abc import Mapping
from contextlib import ExitStack
from os import stat_result
from pathlib import Path as FilePath
from tempfile import TemporaryDirectory
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import FileResponse, Response
from pydantic import StringConstraints
from starlette.types import Receive, Scope, Send

from chimera.api.auth import Anyone
from chimera.api.paging import Before, Limit
from chimera.api.services import provided
from chimera.api.uploads import Intake
from chimera.provenance.reads import ProvenanceReads
from chimera.provenance.service.verification import VerificationService
from chimera.provenance.types.proofs import Checked, PieceCheck, RootCertificate
from chimera.provenance.types.views import AssetView, PublicationView, Verification
from chimera.values import Page
from chimera_protocol.errors import Invalid
from chimera_protocol.wire import MAX_TEXT, Wire

router = APIRouter(tags=["provenance"])
piece_router = APIRouter(prefix="/v1", tags=["fleet"])

Proofs = Annotated[VerificationService, Depends(provided(VerificationService))]
Reads = Annotated[ProvenanceReads, Depends(provided(ProvenanceReads))]
Piece = Annotated[str, Query(min_length=1, max_length=500, pattern=r"^[\x21-\x7e]+$")]

FileName = Annotated[
    str,
    Path(pattern=r"^[0-9a-f]{64}\.[a-z0-9]{1,8}$", description="SHA-256 of the content, and the ending of its kind."),
]
_FILE: dict[int | str, dict[str, object]] = {
    200: {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}, "description": "The file."},
    206: {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}, "description": "A part of it."},
    304: {"description": "The file that you have is the one there is."},
    416: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "It is not that long."},
}
_FORM: dict[str, object] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary", "description": "At most 50 MB."}},
                }
            }
        },
    }
}


class Said(Wire):
    """A text, or the address of a post."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT, pattern=r"^[^\x00]*$")]


@piece_router.get("/assets")
async def assets(who: Anyone, reads: Reads, limit: Limit = 50, before: Before = None) -> Page[AssetView]:
    """Approved pieces with their provenance."""
    return await reads.assets(who.tenant_id, limit, before)


@piece_router.get("/verify")
async def verify(piece: Piece, who: Anyone, proofs: Proofs) -> Verification:
    """Whether a piece, named by its asset's id or its post's address, is what was approved and signed (PRV-1)."""
    return await proofs.verify(who.tenant_id, piece)


@piece_router.get("/publications")
async def publications(who: Anyone, reads: Reads, limit: Limit = 50, before: Before = None) -> Page[PublicationView]:
    """What is out there."""
    return await reads.publications(who.tenant_id, limit, before)


@router.get("/v1/files/{name}", response_class=Response, responses=_FILE)
async def file(name: FileName, request: Request, who: Anyone, proofs: Proofs) -> Response:
    """A picture or clip of one of the tenant's pieces, whole or in parts; its name says what is in it."""
    item = await proofs.file(who.tenant_id, name)
    tag = f'"{item.sha256}"'
    headers = {
        "ETag": tag,
        "Cache-Control": "private, max-age=31536000, immutable",
        "Vary": "Authorization, Cookie",
        "X-Content-Type-Options": "nosniff",
    }
    if tag in re.findall(r'"[^"]*"', request.headers.get("If-None-Match", "")):
        return Response(status_code=304, headers=headers)
    media_type = item.facts.media_type
    shown = media_type.startswith(("image/", "video/"))
    with ExitStack() as held:
        folder = held.enter_context(TemporaryDirectory(prefix="chimera-file-"))
        path = await proofs.copy_of(item, FilePath(folder))
        return _Lent(
            path,
            headers=headers,
            media_type=media_type,
            filename=name,
            stat_result=await asyncio.to_thread(path.stat),
            content_disposition_type="inline" if shown else "attachment",
            held=held.pop_all(),
        )


@router.get(
    "/v1/assets/{asset_id}/text",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "The text."}},
)
async def text(asset_id: UUID, who: Anyone, proofs: Proofs) -> Response:
    """What a piece says, with its credentials inside: some 5,000 characters that nobody sees, for long texts (C2PA)."""
    signed = await proofs.text(who.tenant_id, asset_id)
    headers = {"Content-Disposition": f'attachment; filename="{asset_id}.txt"', "Cache-Control": "no-store"}
    return Response(signed.text.encode(), media_type="text/plain; charset=utf-8", headers=headers)


@router.get("/v1/assets/{asset_id}/check")
async def check(asset_id: UUID, who: Anyone, proofs: Proofs) -> PieceCheck:
    """Check a piece now: content, signature, files, its row, the path from its leaf to a signed checkpoint, anchor."""
    return await proofs.check(who.tenant_id, asset_id)


@router.get("/v1/credentials/root")
async def root(_: Anyone, proofs: Proofs) -> RootCertificate:
    """The certificate that files are signed under. No secret: /verify/root.pem gives it to anybody."""
    return proofs.root


@router.get(
    "/verify/root.pem",
    response_class=Response,
    responses={200: {"content": {"application/x-pem-file": {"schema": {"type": "string"}}}}},
)
async def root_pem(proofs: Proofs) -> Response:
    """The same certificate as a file, for anybody, and for somebody else's software."""
    headers = {"Content-Disposition": 'attachment; filename="root.pem"', "Cache-Control": "no-store"}
    return Response(proofs.root.pem, media_type="application/x-pem-file", headers=headers)


@router.post("/verify/file", openapi_extra=_FORM)
async def verify_file(request: Request, proofs: Proofs) -> Checked:
    """What a file's content credentials come to, and whether this installation has published it. It takes no key."""
    intake: Intake = request.app.state.intake
    async with intake.take(request) as upload:
        if upload.path is None:
            raise Invalid("there is no file in it", remedy="Send multipart/form-data with one 'file'.")
        return await proofs.check_file(upload.path, upload.sha256)


@router.post("/verify/text")
async def verify_text(said: Said, proofs: Proofs) -> Checked:
    """The same for a text, or for a post by its address. It takes no key, and nothing is fetched from anywhere."""
    return await proofs.check_text(said.text)


class _Lent(FileResponse):
    """A copy of a file that goes when it was sent, also when whoever asked has gone before."""

    def __init__(
        self,
        path: FilePath,
        *,
        headers: Mapping[str, str],
        media_type: str,
        filename: str,
        stat_result: stat_result,
        content_disposition_type: str,
        held: ExitStack,
    ) -> None:
        super().__init__(
            path,
            headers=headers,
            media_type=media_type,
            filename=filename,
            stat_result=stat_result,
            content_disposition_type=content_disposition_type,
        )
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._held:
            await super().__call__(scope, receive, send)
