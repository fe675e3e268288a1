"""What a client asks the studio for, and what the studio answers."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from chimera_studio import rules

Kind = Literal["card", "quote", "chart", "carousel", "art"]
ChartKind = Literal["bar", "line"]
Tier = Literal["daily", "hero"]


class StudioMessage(BaseModel):
    """A frozen value."""

    model_config = ConfigDict(frozen=True)


class Row(StudioMessage):
    """One row of a chart."""

    label: str = Field(max_length=rules.MOST_LABEL)
    value: float = Field(allow_inf_nan=False, ge=-1e15, le=1e15)


class Slide(StudioMessage):
    """One slide of a carousel."""

    title: str = ""
    text: str = ""


class ImageRequest(StudioMessage):
    """One picture, or one carousel of pictures, that an influencer is to post."""

    kind: Kind
    title: str = ""
    text: str = ""
    footer: str = ""
    data: tuple[Row, ...] = ()
    chart: ChartKind = "bar"
    unit: str = ""
    slides: tuple[Slide, ...] = ()
    seed: int = 1
    character_reference_id: str
    width: int = 1_080
    height: int = 1_350
    tier: Tier = "daily"
    palette: str = ""
    language: str = "en"


class CharacterBox(StudioMessage):
    """Where in a picture the character is, in pixels."""

    x: int
    y: int
    width: int
    height: int


class Cut(StudioMessage):
    """What of a text is not in the picture, and why."""

    part: str
    characters: int
    reason: Literal["no room", "no glyph"]


class KeptImage(StudioMessage):
    """A picture on the studio's shelf."""

    uri: str
    sha256: str
    media_type: str
    width: int
    height: int
    character_box: CharacterBox


class ImageAnswer(StudioMessage):
    """The pictures of one request, and what they were made with."""

    files: list[KeptImage]
    model: str
    seed: int
    palette: str
    character_reference_id: str
    generation_duration_ms: int
    cut: list[Cut] = Field(description="what did not fit, after shrinking and wrapping; empty when all of it is there")


class Likeness(StudioMessage):
    """Whether two pictures show the same character."""

    same: bool
    score: int = Field(ge=0, le=100)
    threshold: int
    reasons: list[str]
