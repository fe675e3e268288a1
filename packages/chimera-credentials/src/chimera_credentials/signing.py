"""Manifests into files: what Chimera says about a picture or clip, signed so that others' software can check it."""

import hashlib
import io
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import c2pa
from pydantic import JsonValue

from chimera_credentials.authority import Authority
from chimera_credentials.certificates import Credential
from chimera_credentials.jumbf import label_of, repadded
from chimera_credentials.reading import NoManifest, Reading, UnreadableManifest, read, read_store
from chimera_credentials.text_embedding import SLACK, fitted, normal, size, unwrapped
from chimera_credentials.timestamps import Stamps
from chimera_credentials.tsa_server import HOST, StampDoor
from chimera_credentials.types import PROVENANCE, FileStatement, SignedFile, SignedText
from chimera_protocol.errors import ChimeraError, Invalid

_USES = ("cawg.ai_generative_training", "cawg.ai_inference", "cawg.ai_training", "cawg.data_mining")
_PARENT = "parent"
_TRIES = 8

_Reader = Callable[[str, str], Reading]


class NotSigned(ChimeraError):
    """The file could not be signed."""

    title = "Not signed"
    remedy = "Look at the file: it must be whole and of the kind it is said to be."


@dataclass(frozen=True)
class Claimant:
    """The program that makes the claims, by name and version."""

    name: str
    version: str


class FileSigner:
    """Signs files with the authority's key. Safe to call from several threads; blocks for some milliseconds."""

    def __init__(
        self, authority: Authority, stamps: Stamps | None, generator: Claimant, *, stamp_pem: str = ""
    ) -> None:
        self._authority = authority
        self._stamps = stamps
        self._generator = generator
        self._stamp_pem = stamp_pem
        self._door: StampDoor | None = None
        self._lock = threading.Lock()

    def sign_file(self, source: Path, target: Path, media_type: str, statement: FileStatement) -> SignedFile:
        """Write a signed copy, which is read back before it counts. A manifest that was there is kept as parent."""
        if media_type not in c2pa.Builder.get_supported_mime_types():
            raise Invalid(f"{media_type} cannot carry a manifest", remedy="Sign a PNG, JPEG, WebP, MP4, WAV or MP3.")
        parent = self._parent(source, media_type)
        credential = self._authority.signer()
        draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        work = _File(source, draft, media_type, _manifest(statement, self._generator, parent), parent, credential)

        def attempt(url: str | None) -> Reading:
            return self._read_back(source.name, url, work.sign, partial(read, draft, media_type))

        try:
            read_back, why = self._stamped(attempt)
            with draft.open("rb") as written:
                sha256 = hashlib.file_digest(written, "sha256").hexdigest()
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
        return SignedFile(
            sha256=sha256,
            manifest=read_back.label,
            algorithm=read_back.algorithm.upper(),
            signed_by=credential.name,
            stamped_at=read_back.stamped_at,
            unstamped_because=why,
            parent=parent,
        )

    def sign_text(self, text: str, statement: FileStatement) -> SignedText:
        """The text with its manifest in it. It grows by some thousands of invisible characters: for long texts only."""
        if unwrapped(text):
            raise Invalid("the text carries a manifest already", remedy="Sign the text that it was made from.")
        credential = self._authority.signer()
        work = _Text(normal(text), _manifest(statement, self._generator, None), credential)

        def attempt(url: str | None) -> Reading:
            return self._read_back("the text", url, work.sign, lambda *roots: read_store(work.store, *roots))

        read_back, why = self._stamped(attempt)
        return SignedText(
            text=work.signed,
            sha256=hashlib.sha256(work.signed.encode()).hexdigest(),
            manifest=read_back.label,
            algorithm=read_back.algorithm.upper(),
            signed_by=credential.name,
            stamped_at=read_back.stamped_at,
            unstamped_because=why,
        )

    def close(self) -> None:
        """Close the door for time stamps, if it was opened."""
        with self._lock:
            if self._door:
                self._door.close()
                self._door = None

    def _parent(self, source: Path, media_type: str) -> str | None:
        try:
            return read(source, media_type, self._authority.root_pem).label
        except NoManifest:
            return None
        except UnreadableManifest as error:
            raise NotSigned(f"{source.name} cannot be read, or carries a manifest that cannot: {error}") from error

    def _stamped(self, attempt: Callable[[str | None], Reading]) -> tuple[Reading, str | None]:
        """With a time stamp if there is one to be had, else without one and the reason."""
        if self._stamps is None:
            return attempt(None), "no time-stamp authority is configured"
        with self._open_door(self._stamps).visit() as visit:
            try:
                read_back = attempt(visit.url)
            except NotSigned as error:
                why = visit.refused or f"the time-stamp authority's answer is no good: {error.detail}"
            else:
                if read_back.stamped_at:
                    return read_back, None
                why = "the time stamp does not belong to the signature"
        return attempt(None), why

    def _read_back(self, name: str, url: str | None, sign: Callable[[str | None], None], again: _Reader) -> Reading:
        """Sign, and read what came out: only what is good to a reader counts."""
        try:
            sign(url)
        except c2pa.C2paError as error:
            raise NotSigned(f"{name} cannot be signed: {str(error)[:300]}") from error
        try:
            found = again(self._authority.root_pem, self._stamp_pem)
        except (NoManifest, UnreadableManifest) as error:
            raise NotSigned(f"{name} was signed and cannot be read back: {error}") from error
        if found.failures:
            raise NotSigned(f"{name} was signed and is not good: {found.failures[0].explanation}")
        return found

    def _open_door(self, stamps: Stamps) -> StampDoor:
        with self._lock:
            self._door = self._door or StampDoor(stamps)
            return self._door


@dataclass(frozen=True)
class _File:
    """One file to be signed, which may be tried twice."""

    source: Path
    draft: Path
    media_type: str
    manifest: dict[str, JsonValue]
    parent: str | None
    credential: Credential

    def sign(self, url: str | None) -> None:
        with (
            _signer(self.credential, url) as signer,
            c2pa.Context.from_dict(_SETTINGS) as context,
            c2pa.Builder(self.manifest, context=context) as builder,
            self.source.open("rb") as source,
            self.draft.open("w+b") as draft,
        ):
            if self.parent:
                kept = {"title": self.source.name, "relationship": "parentOf", "label": _PARENT}
                builder.add_ingredient(kept, self.media_type, source)
                source.seek(0)
            builder.sign(signer, self.media_type, source, draft)


@dataclass
class _Text:
    """One text to be signed. The library signs what we say the hash is; it cannot write into texts."""

    text: str
    manifest: dict[str, JsonValue]
    credential: Credential
    signed: str = ""
    store: bytes = b""

    def sign(self, url: str | None) -> None:
        first = self._store(url, len(self.text))
        length = size(repadded(first, label_of(first), 0)) + SLACK
        for _ in range(_TRIES):  # a signature has some chance in it, and with it the length
            made = self._store(url, length)
            carried = fitted(partial(repadded, made, label_of(made)), length)
            if carried is not None:
                break
        else:
            raise NotSigned("no wrapper fits the text")
        self.signed = self.text + carried
        self.store = unwrapped(self.signed)[0].store

    def _store(self, url: str | None, length: int) -> bytes:
        content = self.text.encode()
        binding: dict[str, JsonValue] = {
            "exclusions": [{"start": len(content), "length": length}],
            "alg": "sha256",
            "name": "text",
            "hash": list(hashlib.sha256(content).digest()),
            "pad": [0] * 8,
        }
        assertions = self.manifest["assertions"]
        assert isinstance(assertions, list)
        hashed: dict[str, JsonValue] = {"label": "c2pa.hash.data", "data": binding}
        whole: dict[str, JsonValue] = {**self.manifest, "assertions": [*assertions, hashed]}
        with (
            _signer(self.credential, url) as signer,
            c2pa.Context.from_dict(_SETTINGS) as context,
            c2pa.Builder(whole, context=context) as builder,
        ):
            builder.set_no_embed()
            return bytes(builder.sign(signer, "text/plain", io.BytesIO(content), io.BytesIO()))


def _signer(credential: Credential, url: str | None) -> c2pa.Signer:
    return c2pa.Signer.from_callback(credential.sign_plain, c2pa.C2paSigningAlg.ES256, credential.chain_pem, url)


_SETTINGS: dict[str, JsonValue] = {
    "core": {"allowed_network_hosts": [HOST]},
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
}
"""The library asks nobody but our own door; every file is read back here, so it need not check it a second time."""


def _manifest(statement: FileStatement, generator: Claimant, parent: str | None) -> dict[str, JsonValue]:
    # A file that came with a manifest was made by whoever signed that: we opened it, and say so.
    action: dict[str, JsonValue] = (
        {"action": "c2pa.opened", "parameters": {"ingredientIds": [_PARENT]}}
        if parent
        else {"action": "c2pa.created", "digitalSourceType": statement.source_type.uri}
    )
    said: dict[str, JsonValue] = {
        "asset_id": statement.asset_id,
        "soul_hash": statement.soul_hash,
        "model": statement.model,
        "seeds": [str(seed) for seed in statement.seeds],  # as text: readers take short lists of numbers for bytes
        "source_type": statement.source_type.value,
    }
    if statement.prompt_hash:
        said["prompt_hash"] = statement.prompt_hash
    uses: JsonValue = {use: {"use": statement.data_use.value} for use in _USES}
    return {
        "claim_generator_info": [{"name": generator.name, "version": generator.version}],
        "title": statement.title or statement.asset_id,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [action]}, "created": True},
            {"label": "cawg.training-mining", "data": {"entries": uses}, "created": True},
            {"label": PROVENANCE, "data": said, "created": True},
        ],
    }
