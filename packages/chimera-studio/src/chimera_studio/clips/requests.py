"""What a client may ask for that moves or sounds, and what it is told."""

from typing import Annotated, Literal

from pydantic import Field

from chimera_studio.clips.music import Mood
from chimera_studio.requests import KeptImage, StudioMessage, Tier

SIZES = {(1_080, 1_920), (720, 1_280)}
MOST_WORDS = 1_000
MOST_HEADING = 120
MOST_KICKER = 40
MOST_SEED = 2**53 - 1

Words = Annotated[str, Field(max_length=MOST_WORDS)]
Heading = Annotated[str, Field(max_length=MOST_HEADING)]
Kicker = Annotated[str, Field(max_length=MOST_KICKER, description="a small line above the heading, such as a handle")]
Seed = Annotated[int, Field(ge=0, le=MOST_SEED, description="the same request and seed give the same bytes")]
Reference = Annotated[str, Field(max_length=128)]
Speech = Annotated[
    Literal["auto", "required", "none"],
    Field(description="auto speaks where a voice is installed; required refuses where none is"),
]
Length = Annotated[int | None, Field(description="3000 to 60000; without it, as long as the words need")]
Language = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$")]
Still = Annotated[str, Field(max_length=4_096, description="file:// URI of a picture of this studio")]


class SceneRequest(StudioMessage):
    """A scene of a hero clip: what is said, what stands above it, and a picture behind it if there is to be one."""

    text: Words = ""
    heading: Heading = ""
    image: Still = ""


class KeptFile(StudioMessage):
    """A file on the studio's shelf."""

    uri: str
    sha256: str
    media_type: str
    size_bytes: int


class KeptClip(KeptFile):
    """A clip on the studio's shelf."""

    width: int
    height: int
    duration_ms: int
    frame_rate: int
    video_codec: str = "h264"
    audio_codec: str = "aac"


class KeptVoice(KeptFile):
    """Speech on the studio's shelf."""

    duration_ms: int
    sample_rate: int


class TimedWords(StudioMessage):
    """A phrase and when it is shown, or heard."""

    start_ms: int
    end_ms: int
    text: str


class VideoAnswer(StudioMessage):
    """A clip, its captions and what it was made with; `voice` is empty when nobody speaks."""

    files: list[KeptClip]
    poster: KeptImage = Field(description="the first frame, and where the character is in it")
    captions: list[TimedWords]
    model: str
    seed: int
    palette: str
    mood: Mood
    voice: str
    character_reference_id: str
    generation_duration_ms: int


class VoiceAnswer(StudioMessage):
    """Speech, its phrases in time and what it was made with."""

    files: list[KeptVoice]
    captions: list[TimedWords]
    model: str
    seed: int
    voice: str
    character_reference_id: str
    generation_duration_ms: int


class VideoRequest(StudioMessage):
    """One clip that an influencer is to post."""

    character_reference_id: str
    text: str
    title: str
    kicker: str
    image: str
    scenes: tuple[SceneRequest, ...]
    tier: Tier
    seed: int
    width: int
    height: int
    duration_ms: int | None
    palette: str
    mood: Mood
    voice: Literal["auto", "required", "none"]
    language: str
