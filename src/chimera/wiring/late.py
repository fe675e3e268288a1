"""Ports whose implementation is made at the first call: a role that never makes it does without what it loads."""

from collections.abc import Callable, Mapping

from pydantic import JsonValue

from chimera.gateways.mcp.types import Platform, Precondition, ToolResult, Tools
from chimera.media.ports import AssetStore
from chimera.media.types import MediaFacts, MediaItem, StoredFile
from chimera_credentials.types import FileStatement


class LateTools:
    """The port `Tools`."""

    def __init__(self, make: Callable[[], Tools]) -> None:
        self._make = make
        self._made: Tools | None = None

    @property
    def _tools(self) -> Tools:
        if self._made is None:
            self._made = self._make()
        return self._made

    async def call(
        self, server: str, tool: str, arguments: Mapping[str, JsonValue], last_look: Precondition | None = None
    ) -> ToolResult:
        """Call a tool."""
        return await self._tools.call(server, tool, arguments, last_look)

    def knows(self, server: str, tool: str) -> bool:
        """Whether the server is configured and the tool is on its allow-list."""
        return self._tools.knows(server, tool)

    def effectful(self, server: str, tool: str) -> bool:
        """Whether the tool acts on the outside."""
        return self._tools.effectful(server, tool)

    def platform(self, server: str) -> Platform:
        """What has to be known of the platform behind a server."""
        return self._tools.platform(server)


class LateAssetStore:
    """The port `AssetStore`."""

    def __init__(self, make: Callable[[], AssetStore]) -> None:
        self._make = make
        self._made: AssetStore | None = None

    @property
    def _store(self) -> AssetStore:
        if self._made is None:
            self._made = self._make()
        return self._made

    async def ingest(self, uri: str) -> tuple[StoredFile, MediaFacts]:
        """Keep a file that a tool has made, and measure it."""
        return await self._store.ingest(uri)

    async def measure(self, storage_uri: str) -> MediaFacts:
        """What a kept file is."""
        return await self._store.measure(storage_uri)

    async def sign(self, item: MediaItem, statement: FileStatement) -> MediaItem:
        """The same item with the file signed."""
        return await self._store.sign(item, statement)

    async def export_copy(self, storage_uri: str) -> str:
        """A checked copy for a tool to read, as a file:// URI."""
        return await self._store.export_copy(storage_uri)
