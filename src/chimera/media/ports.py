"""Where files are kept."""

from typing import Protocol

from chimera.media.types import MediaFacts, MediaItem, StoredFile
from chimera_credentials.types import FileStatement


class AssetStore(Protocol):
    """The asset store, as the roles see it: they name files by their content (MED-4)."""

    async def ingest(self, uri: str) -> tuple[StoredFile, MediaFacts]:
        """Keep a file that a tool has made, and measure it. Invalid for what is no media or lies elsewhere."""
        ...

    async def measure(self, storage_uri: str) -> MediaFacts:
        """What a kept file is. NotFound when it is not there, Altered when it is not what was put in."""
        ...

    async def sign(self, item: MediaItem, statement: FileStatement) -> MediaItem:
        """The same item with the file signed: it says itself where it comes from (PRV-1)."""
        ...

    async def export_copy(self, storage_uri: str) -> str:
        """A checked copy for a tool to read, as a file:// URI."""
        ...
