"""The MCP host: the only way to the outside, with allow-lists, time-outs and a log of every call (MCP-1, MCP-2)."""

import asyncio
import re
import time
from collections.abc import Mapping
from typing import Literal

import rfc8785
import structlog
from mcp import Client, MCPError, StdioServerParameters
from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT, CallToolResult, TextContent
from pydantic import JsonValue, TypeAdapter

from chimera import retry
from chimera.errors import ToolFailed
from chimera.gateways.mcp.types import Platform, Precondition, Throttle, ToolRecord, ToolResult, ToolServer
from chimera_protocol.errors import Invalid, NotFound
from chimera_protocol.statements import canonical_hash

log = structlog.get_logger()

CONNECT_SECONDS = 15.0
_OBJECT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])
_LASTING = re.compile(
    r"\b(invalid|too_long|unknown_post|unknown_account|key_conflict|[Vv]alidation errors?|Unknown tool)\b"
)
_BUSY = re.compile(r"\b(429|too many requests)\b|\brate.?limit|error_429", re.IGNORECASE)
_RETRY_AFTER = re.compile(r"retry.?after\W{1,4}([0-9]{1,6}(?:\.[0-9]{1,6})?)", re.IGNORECASE)
_BUSY_SECONDS = 1.0
"""How long a platform without room is left alone when it does not say for how long."""
_BROKEN = (OSError, TimeoutError, ExceptionGroup, MCPError, RuntimeError)


class ToolHost:
    """Implements `ports.Tools`. One lasting connection per server, made when it is first needed."""

    def __init__(self, servers: Mapping[str, ToolServer], throttle: Throttle | None = None) -> None:
        self._servers = dict(servers)
        self._throttle = throttle
        self._connections = {name: _Connection(name, server) for name, server in servers.items()}

    @property
    def catalogue(self) -> Mapping[str, ToolServer]:
        """The configured servers by name."""
        return self._servers

    def knows(self, server: str, tool: str) -> bool:
        """Whether the server is configured and the tool is on its allow-list."""
        found = self._servers.get(server)
        return found is not None and (tool in found.reads or tool in found.acts)

    def has(self, server: str, tool: str = "") -> bool:
        """Whether there is such a server, and such a tool on it where one is named."""
        return self.knows(server, tool) if tool else server in self._servers

    def effectful(self, server: str, tool: str) -> bool:
        """Whether the tool acts on the outside, so that only a granted effect may call it."""
        found = self._servers.get(server)
        return found is not None and tool in found.acts

    def platform(self, server: str) -> Platform:
        """What has to be known of the platform behind a server."""
        found = self._servers.get(server)
        return found.platform if found is not None else Platform()

    async def call(
        self, server: str, tool: str, arguments: Mapping[str, JsonValue], last_look: Precondition | None = None
    ) -> ToolResult:
        """Call a tool. What can be read elsewhere is read there when its server fails (ORC-11)."""
        try:
            return await self._call(server, tool, arguments, last_look)
        except ToolFailed as error:
            other = self._elsewhere(server, tool)
            if error.permanent or other is None:
                raise
            await log.awarning("read elsewhere", server=server, fallback=other, cause=error.detail)
        return await self._call(other, tool, arguments, last_look)

    def _elsewhere(self, server: str, tool: str) -> str | None:
        """Where else a tool is read. Whether something has happened is asked of nobody but the server that did it:
        another one's "no" would have it done twice (PUB-2)."""
        asked = self._servers[server]
        other = self._servers.get(asked.fallback) if asked.fallback is not None else None
        if other is None or tool not in other.reads or {tool} & {*asked.acts, *other.acts}:
            return None
        reads_back = asked.platform.read_back
        return None if reads_back is not None and reads_back.tool == tool else asked.fallback

    async def _call(
        self, server: str, tool: str, arguments: Mapping[str, JsonValue], last_look: Precondition | None
    ) -> ToolResult:
        if not self.knows(server, tool):
            raise NotFound(f"{server}/{tool} is not configured", remedy="Add it to the MCP configuration's allow-list.")
        try:
            arguments_hash = canonical_hash(arguments)
        except rfc8785.CanonicalizationError as error:
            raise Invalid(f"the arguments of {server}/{tool} have no canonical form: {error}") from error
        begun = time.perf_counter()
        outcome: Literal["ok", "error", "timeout"] = "error"
        try:
            data = await self._admitted(server, tool, arguments, last_look)
            outcome = "ok"
        except ToolFailed as error:
            outcome = "timeout" if error.uncertain else "error"
            raise
        finally:
            record = ToolRecord(
                server=server,
                tool=tool,
                arguments_hash=arguments_hash,
                duration_ms=round((time.perf_counter() - begun) * 1_000),
                outcome=outcome,
            )
            await log.ainfo("tool", **record.model_dump())
        return ToolResult(data=data, record=record)

    async def _admitted(
        self, server: str, tool: str, arguments: Mapping[str, JsonValue], last_look: Precondition | None
    ) -> dict[str, JsonValue]:
        connection = self._connections[server]
        if self._throttle is None:
            return await connection.call(tool, arguments, last_look)
        account = str(arguments.get("account", "")) if self.effectful(server, tool) else ""
        watched = await self._throttle.admit(server, account, self._servers[server].rates)
        try:
            data = await connection.call(tool, arguments, last_look)
        except ToolFailed as error:
            await self._throttle.report(server, account, error)
            raise
        if watched:
            await self._throttle.report(server, account, None)
        return data

    async def close(self) -> None:
        """Close every connection; bundled servers end with them."""
        await asyncio.gather(*(connection.close() for connection in self._connections.values()))


class ReadingTools:
    """The host as everyone but the Publisher sees it: tools that act are refused (PUB-1)."""

    def __init__(self, host: ToolHost) -> None:
        self._host = host

    def knows(self, server: str, tool: str) -> bool:
        """Whether the server is configured and the tool is on its allow-list."""
        return self._host.knows(server, tool)

    def effectful(self, server: str, tool: str) -> bool:
        """Whether the tool acts on the outside, so that only a granted effect may call it."""
        return self._host.effectful(server, tool)

    def platform(self, server: str) -> Platform:
        """What has to be known of the platform behind a server."""
        return self._host.platform(server)

    async def call(
        self, server: str, tool: str, arguments: Mapping[str, JsonValue], last_look: Precondition | None = None
    ) -> ToolResult:
        """Call a tool that reads; Invalid for a tool that acts on the outside."""
        if self._host.effectful(server, tool):
            raise Invalid(f"{server}/{tool} acts on the outside: only a granted effect may call it")
        return await self._host.call(server, tool, arguments, last_look)


class _Connection:
    """One server. A task of its own holds the client: when the transport breaks, no caller is cancelled."""

    def __init__(self, name: str, server: ToolServer) -> None:
        self._name = name
        self._server = server
        self._opening = asyncio.Lock()
        self._client: Client | None = None
        self._owner: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    async def call(
        self, tool: str, arguments: Mapping[str, JsonValue], last_look: Precondition | None
    ) -> dict[str, JsonValue]:
        client = await self._open()
        if last_look is not None:
            await last_look()
        try:
            answer = await client.call_tool(tool, dict(arguments), read_timeout_seconds=self._server.timeout_seconds)
        except MCPError as error:
            lost = error.code in (CONNECTION_CLOSED, REQUEST_TIMEOUT)
            if error.code == CONNECTION_CLOSED:
                await self.close()
            pause = None if lost else _pause(error.message)
            raise ToolFailed(
                f"{self._name}/{tool}: {error.message}",
                uncertain=lost,
                permanent=not lost and pause is None,
                away=pause is not None,
                pause=pause,
            ) from error
        except (OSError, TimeoutError, ExceptionGroup, RuntimeError) as error:
            await self.close()
            raise ToolFailed(f"{self._name}/{tool}: {error}", uncertain=True) from error
        if answer.is_error:
            said = _text(answer)
            permanent = _LASTING.search(said) is not None
            pause = None if permanent else _pause(said)
            raise ToolFailed(
                f"{self._name}/{tool}: {said}"[:2_000],
                uncertain=False,
                permanent=permanent,
                away=pause is not None,
                pause=pause,
            )
        return _OBJECT.validate_python(answer.structured_content or {"text": _text(answer)})

    async def close(self) -> None:
        self._closing.set()
        owner, self._owner, self._client = self._owner, None, None
        if owner is not None and not owner.done():
            await asyncio.wait([owner], timeout=5)
            owner.cancel()

    async def _open(self) -> Client:
        async with self._opening:
            if self._client is not None and self._owner is not None and not self._owner.done():
                return self._client
            ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
            self._closing = asyncio.Event()
            self._owner = asyncio.create_task(self._own(ready, self._closing))
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    self._client = await ready
            except _BROKEN as error:
                self._owner.cancel()
                raise ToolFailed(
                    f"{self._name} cannot be reached: {_root(error)}", uncertain=False, away=True
                ) from error
            return self._client

    async def _own(self, ready: asyncio.Future[Client], closing: asyncio.Event) -> None:
        try:
            async with Client(_target(self._server), read_timeout_seconds=self._server.timeout_seconds) as client:
                ready.set_result(client)
                await closing.wait()
        except _BROKEN as error:
            if not ready.done():
                ready.set_exception(error)
            else:
                await log.awarning("tool server lost", server=self._name, cause=_root(error))


def _target(server: ToolServer) -> StdioServerParameters | str:
    if server.command is not None:
        return StdioServerParameters(command=server.command, args=server.args, env=server.env or None)
    return server.url or ""


def _pause(said: str) -> float | None:
    """How many seconds a platform without room asks to be left alone."""
    told = _RETRY_AFTER.search(said)
    if told is not None:
        return min(retry.LONGEST_PAUSE_SECONDS, max(0.05, float(told[1])))
    return _BUSY_SECONDS if _BUSY.search(said) else None


def _text(answer: CallToolResult) -> str:
    return "\n".join(part.text for part in answer.content if isinstance(part, TextContent))


def _root(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"[:300]
