"""What Chimera has to know of a platform to deal with it; told by the MCP configuration, server by server."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Literal, Protocol

from pydantic import Field, JsonValue, model_validator

from chimera.errors import ToolFailed
from chimera.values import ToolName
from chimera_protocol.wire import Sha256, Wire


class Disclosure(StrEnum):
    """How a piece says that an AI made it (JDG-5)."""

    LABEL = "platform label"
    TEXT = "in the text"
    NONE = "nothing is said"


class ReadBack(Wire):
    """How a platform says whether something has happened (PUB-2)."""

    tool: ToolName
    by: Literal["idempotency_key", "content"] = Field(
        "idempotency_key",
        description="A receipt found by its key, or the account's posts, newest first, to find the text among.",
    )


class Rate(Wire):
    """A token bucket: so many calls a minute, and so many at once after a rest."""

    per_minute: float = Field(gt=0, le=1_000_000)
    burst: int = Field(1, ge=1, le=1_000_000)


class Rates(Wire):
    """The limits of one MCP server; none where a bucket is missing."""

    server: Rate | None = Field(None, description="All calls.")
    account: Rate | None = Field(None, description="What one account does on the outside.")


class Platform(Wire):
    """One platform. What it does not have stays empty, and we do without."""

    max_length: int | None = Field(None, ge=1, le=100_000, description="Weighted characters of one post.")
    ai_label: ToolName | None = Field(None, description="The argument that sets the platform's own AI label.")
    read_back: ReadBack | None = None
    read_post: ToolName | None = Field(None, description="The tool that shows a post, given its `post_id`.")
    thread_part: ToolName | None = Field(
        None, description="The tool that adds a post to a thread of which only the beginning is out."
    )


class ToolServer(Wire):
    """How one MCP server is reached and what it is allowed to do for us."""

    command: str | None = None
    args: list[str] = Field(default_factory=list, max_length=50)
    env: dict[str, str] = Field(default_factory=dict, max_length=50)
    url: str | None = None
    reads: list[str] = Field(default_factory=list, description="Tools without an outside effect.")
    acts: list[str] = Field(default_factory=list, description="Tools that only a granted effect may call.")
    timeout_seconds: float = Field(20.0, gt=0, le=300)
    rates: Rates = Rates()
    fallback: str | None = Field(None, description="The server whose tool of the same name is read instead.")
    platform: Platform = Platform()

    @model_validator(mode="after")
    def _reachable(self) -> "ToolServer":
        if (self.command is None) == (self.url is None):
            raise ValueError("an MCP server needs either a command or a url")
        return self


Precondition = Callable[[], Awaitable[None]]
"""Whether a call may still be made: silence, or an error."""


class ToolRecord(Wire):
    """One MCP call as it is logged: never its arguments, only their hash (ORC-6)."""

    server: str
    tool: str
    arguments_hash: Sha256
    duration_ms: int
    outcome: Literal["ok", "error", "timeout"]


class ToolResult(Wire):
    """What an MCP call returned: data, never instructions (MCP-3)."""

    data: dict[str, JsonValue]
    record: ToolRecord


class Tools(Protocol):
    """The MCP host: the only way to the outside (MCP-1)."""

    async def call(
        self, server: str, tool: str, arguments: Mapping[str, JsonValue], last_look: Precondition | None = None
    ) -> ToolResult:
        """Call a tool. ToolFailed says whether the call may have taken effect; NotFound for an unknown one.

        The last look is taken when all else is ready, so that nothing lies between it and the call; what it raises
        ends the call before it is made.
        """
        ...

    def knows(self, server: str, tool: str) -> bool:
        """Whether the server is configured and the tool is on its allow-list."""
        ...

    def effectful(self, server: str, tool: str) -> bool:
        """Whether the tool acts on the outside, so that only a granted effect may call it."""
        ...

    def platform(self, server: str) -> Platform:
        """What has to be known of the platform behind a server; a bare one for a server that tells nothing."""
        ...


class Throttle(Protocol):
    """Rate limits and circuit breakers of MCP servers, shared by all processes."""

    async def admit(self, server: str, account: str, rates: Rates) -> bool:
        """Let a call through; whether it is watched, so that its success has to be reported too.

        ToolFailed, away and with its pause, while the server or the account has to wait. An empty account stands for
        a call that no account is held to.
        """
        ...

    async def report(self, server: str, account: str, failure: ToolFailed | None) -> None:
        """How an admitted call went."""
        ...


class ToolList(Wire):
    """The tools of one MCP server, by what they do."""

    server: str
    reads: list[str]
    acts: list[str]


class ToolCatalogue:
    """The configured MCP servers and their allowed tools: what people may name, and plans may ask for."""

    def __init__(self, lists: Sequence[ToolList]) -> None:
        self.lists = list(lists)

    @property
    def names(self) -> frozenset[tuple[str, str]]:
        """Every tool, as server and tool."""
        return frozenset((one.server, tool) for one in self.lists for tool in (*one.reads, *one.acts))

    def has(self, server: str, tool: str = "") -> bool:
        """Whether there is such a server, and such a tool on it where one is named."""
        return (server, tool) in self.names if tool else any(one.server == server for one in self.lists)
