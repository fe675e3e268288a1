"""Media files as they cross a boundary: where they are kept, what was measured, and the port of the file store."""

from collections.abc import AsyncIterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import Field, JsonValue, StringConstraints

from chimera.gateways.models.types import Usage
from chimera_protocol.errors import ChimeraError, Invalid
from chimera_protocol.money import AmountText
from chimera_protocol.wire import Name, Sha256, Wire

MAX_FILE = 200 * 1024 * 1024
"""Largest file that is taken unless the configuration says otherwise, in bytes."""


EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "audio/wav": "wav",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/ogg": "ogg",
    "audio/flac": "flac",
    "text/plain": "txt",
    "application/json": "json",
    "application/c2pa": "c2pa",
}
"""The kinds of file that are kept, each with the ending of its name."""


MEDIA_TYPES = {ending: media_type for media_type, ending in EXTENSIONS.items()} | {
    "jpeg": "image/jpeg",
    "oga": "audio/ogg",
}
"""What the ending of a name says about a file."""


StorageUri = Annotated[str, StringConstraints(pattern=r"^file:sha256/[0-9a-f]{64}\.[a-z0-9]{1,8}$")]
"""Names a file by what is in it, not by where it is: it stays good when the files move to another store (MED-4)."""


Pixels = Annotated[int, Field(gt=0)]


Resolution = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*x[1-9][0-9]*$")]


FrameRate = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*(/[1-9][0-9]*)?$")]


class Altered(ChimeraError):
    """A stored file is not what was put in: its bytes do not give the hash that names it."""

    title = "File altered"
    remedy = "Put the original back from a backup, or make the asset again; the altered bytes were not used."


def storage_uri(sha256: str, media_type: str) -> str:
    """The address of the file with this content. Invalid for a kind that is not kept."""
    return f"file:sha256/{sha256}.{_extension(media_type)}"


class StoredFile(Wire):
    """A file in the store."""

    storage_uri: StorageUri
    sha256: Sha256
    media_type: str
    size: int = Field(ge=0)


class MediaFacts(Wire):
    """What a media file is, measured from the file itself (MED-4)."""

    media_type: str
    encoding_format: str = Field(description="The media type, with the codecs inside (RFC 6381) where it has some.")
    width: Pixels | None = Field(default=None, description="As shown: after the rotation that the file asks for.")
    height: Pixels | None = None
    resolution: Resolution | None = Field(default=None, description="Like '1080x1350'.")
    frame_rate: FrameRate | None = Field(default=None, description="Exact frames a second: '30' or '30000/1001'.")
    duration_ms: int | None = Field(default=None, ge=0)
    has_audio: bool = False
    audio_codec: str | None = None
    video_codec: str | None = None


class Tier(StrEnum):
    """How much is put into a picture or clip: the everyday one, or the one for milestones (MED-3)."""

    DAILY = "daily"
    HERO = "hero"


class Generator(Wire):
    """A tool that makes pictures or clips, and how what we want becomes its arguments (MED-1).

    A value `$name` stands for a part of the wish: `kind`, `title`, `text`, `scenes`, `handle`, `character`, `tier`,
    `seed`.
    """

    server: str
    tool: str
    arguments: dict[str, JsonValue]
    hero: dict[str, JsonValue] | None = Field(None, description="Arguments of the better tier, where they are others.")
    character: str | None = Field(None, description="The tool that draws a character's reference sheet.")
    likeness: str | None = Field(None, description="The tool that says whether a picture shows the character.")
    prices: dict[Tier, AmountText] = Field(
        default_factory=dict, description="What a call costs at most, by tier; a tier that is not named costs nothing."
    )


class Files(Protocol):
    """The asset store: files named by their content, each kept once and never changed.

    Unavailable when the store cannot be reached; Invalid for an address that is not one of its own.
    """

    async def put(self, content: bytes | Path, media_type: str) -> StoredFile:
        """Keep these bytes, or the file at this path; the same content twice is kept once.

        When it returns, the bytes are durable and sound. TooLarge beyond the bound, Invalid for another kind of file.
        """
        ...

    async def read(self, storage_uri: str) -> bytes:
        """The whole file. NotFound when it is not there, Altered when it is not what was put in."""
        ...

    def chunks(self, storage_uri: str) -> AsyncIterator[bytes]:
        """The file in pieces, for passing on large ones. Altered can only come after the last piece."""
        ...

    async def materialise(self, storage_uri: str, folder: Path) -> Path:
        """A checked copy of the file in a folder of the caller's, under its content's name."""
        ...

    async def exists(self, storage_uri: str) -> bool:
        """Whether the file is there; its bytes are checked when it is read."""
        ...


def _extension(media_type: str) -> str:
    if media_type not in EXTENSIONS:
        raise Invalid(
            f"files of type {media_type[:64]!r} are not kept", remedy=f"Send one of: {', '.join(EXTENSIONS)}."
        )
    return EXTENSIONS[media_type]


class MediaItem(Wire):
    """A picture or clip of a piece: the file by its content, what was measured of it, and how it was made (MED-4)."""

    storage_uri: StorageUri
    sha256: Sha256
    facts: MediaFacts
    alt: Annotated[str, StringConstraints(max_length=1_000)] = Field(
        description="What it shows, for who cannot see it."
    )
    model: Name
    seed: int = Field(ge=0)
    character_reference_id: Name
    shown_at: str = Field("", max_length=4_096, description="Where its maker shows the character, for the likeness.")
    shown_in: dict[str, int] | None = Field(None, description="The part of that picture with the character, in pixels.")
    unsigned_sha256: Sha256 | None = Field(None, description="The file as it was judged, before it was signed.")
    generation_duration_ms: int = Field(ge=0, le=86_400_000)
    usage: Usage | None = Field(None, description="What its maker was paid, and under which authorisation.")
