"""Files taken in, measured, signed and handed out: the asset store as the roles see it (MED-4)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

from chimera.media.types import Files, MediaFacts, MediaItem, StoredFile
from chimera_credentials.signing import FileSigner
from chimera_credentials.types import FileStatement
from chimera_protocol.errors import Invalid


class FileAssetStore:
    """What tools have made is taken from `sources` alone and measured by `probe`; copies are handed out in `outbox`."""

    def __init__(
        self,
        files: Files,
        signer: FileSigner,
        probe: Callable[[Path], Awaitable[MediaFacts]],
        *,
        sources: Sequence[Path],
        outbox: Path,
    ) -> None:
        self._files = files
        self._probe = probe
        self._signer = signer
        self._sources = [source.resolve() for source in sources]
        self._outbox = outbox

    async def ingest(self, uri: str) -> tuple[StoredFile, MediaFacts]:
        """Keep a file that a tool has made, and measure it. Invalid for what is no media or lies elsewhere."""
        path = await asyncio.to_thread(_located, uri)
        if path is None or not any(path.is_relative_to(source) for source in self._sources):
            raise Invalid(
                f"{uri[:200]} is not in a folder that media are taken from",
                remedy="Let the generator write into one of CHIMERA_MEDIA_FOLDERS.",
            )
        facts = await self._probe(path)
        return await self._files.put(path, facts.media_type), facts

    async def measure(self, storage_uri: str) -> MediaFacts:
        """What a kept file is. NotFound when it is not there, Altered when it is not what was put in."""
        with TemporaryDirectory() as folder:
            return await self._probe(await self._files.materialise(storage_uri, Path(folder)))

    async def sign(self, item: MediaItem, statement: FileStatement) -> MediaItem:
        """The same item with the file signed: it says itself where it comes from (PRV-1)."""
        with TemporaryDirectory() as folder:
            plain = await self._files.materialise(item.storage_uri, Path(folder))
            signed = plain.with_name(f"signed{plain.suffix}")
            media_type = item.facts.media_type
            await asyncio.to_thread(self._signer.sign_file, plain, signed, media_type, statement)
            facts = await self._probe(signed)
            stored = await self._files.put(signed, media_type)
        changes = {"storage_uri": stored.storage_uri, "sha256": stored.sha256, "facts": facts}
        return item.model_copy(update={**changes, "unsigned_sha256": item.sha256})

    async def export_copy(self, storage_uri: str) -> str:
        """A checked copy for a tool to read, as a file:// URI."""
        return (await self._files.materialise(storage_uri, self._outbox)).resolve().as_uri()


def _located(uri: str) -> Path | None:
    """The file that a file:// URI leads to, past all links; None for anything that is no such URI."""
    try:
        parts = urlsplit(uri)
        if parts.scheme != "file" or parts.netloc not in ("", "localhost") or parts.query or parts.fragment:
            return None
        return Path(unquote(parts.path)).resolve()
    except (ValueError, RuntimeError):  # brackets that do not close, a NUL, links that go round in a circle
        return None
