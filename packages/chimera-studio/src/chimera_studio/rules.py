"""The studio's bounds and its refusals: the first word of every error a client sees says which rule it broke."""

import re
from enum import StrEnum

LEAST_SIDE = 64
MOST_SIDE = 2_160
MOST_TITLE = 400
MOST_TEXT = 4_000
MOST_FOOTER = 200
MOST_SLIDES = 10
MOST_ROWS = 24
MOST_LABEL = 120
MOST_IMAGE_BYTES = 32 * 1024 * 1024
MOST_IMAGE_PIXELS = 2_160 * 3_840
REFERENCE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"


class DrawingRefused(StrEnum):
    """Why the studio said no."""

    INVALID = "invalid"
    TOO_LONG = "too_long"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    UNKNOWN_FILE = "unknown_file"
    OUTSIDE = "outside"
    UNREADABLE = "unreadable"
    UNAVAILABLE = "unavailable"


class StudioError(Exception):
    """The studio refused or could not do it; no file was kept."""

    def __init__(self, refusal: DrawingRefused, detail: str) -> None:
        super().__init__(f"{refusal}: {detail}")
        self.refusal = refusal


def check_length(name: str, text: str, most: int) -> None:
    """Refuse a text of more than `most` characters."""
    if len(text) > most:
        raise StudioError(DrawingRefused.TOO_LONG, f"{name} has {len(text)} characters; {most} at most")


def check_size(width: int, height: int) -> None:
    """Refuse a picture that is smaller or larger than the studio draws."""
    for name, side in (("width", width), ("height", height)):
        if side < LEAST_SIDE:
            raise StudioError(DrawingRefused.INVALID, f"{name} {side}; {LEAST_SIDE} pixels at least")
        if side > MOST_SIDE:
            raise StudioError(DrawingRefused.TOO_LARGE, f"{name} {side}; {MOST_SIDE} pixels at most")


def check_reference(character_reference_id: str) -> None:
    """Refuse what is not a character's reference id."""
    if not re.fullmatch(REFERENCE_PATTERN, character_reference_id) or character_reference_id.endswith("\n"):
        raise StudioError(
            DrawingRefused.INVALID, "character_reference_id is 1 to 128 letters, digits, '.', '_', ':' or '-'"
        )
