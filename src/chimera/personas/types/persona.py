"""What people write and the fleet obeys: the persona, the fleet policy, the campaign brief."""

from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue, StringConstraints

from chimera.values import ToolName
from chimera_protocol.wire import Name, Wire

Line = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"^[^\x00]*$")]


Handle = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,30}$")]


class Source(Wire):
    """Where an influencer reads: a feed of a news server."""

    server: ToolName = "news-mcp"
    feed: Name


class Soul(Wire):
    """The front matter of a SOUL.md (SOUL-1); fields of your own are kept and hashed with the rest."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, JsonValue]

    id: Name
    name: Name
    account: Handle
    voice_traits: list[Line] = Field(min_length=1, max_length=50)
    directives: list[Line] = Field(min_length=1, max_length=50)
    hashtags: list[Line] = Field(default_factory=list, max_length=20)
    sources: list[Source] = Field(default_factory=list, max_length=20)
    character_reference_id: Name | None = None


class Persona(Wire):
    """One version of a persona: who it is, its story, and the hash that names this version."""

    soul: Soul
    body: str
    soul_hash: str
