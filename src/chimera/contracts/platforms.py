"""What Chimera has to know of a platform to deal with it; told by the MCP configuration, server by server."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from chimera.contracts.values import Wire
from chimera.contracts.work import ToolName


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
