"""The colours of a picture: named palettes that were chosen to be read, and palettes made from a persona's colours."""

import colorsys
import hashlib
import re
from dataclasses import dataclass

HEX_PATTERN = r"#[0-9a-fA-F]{6}"
_LEAST_CONTRAST = 4.5

Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class Palette:
    """Five colours with a job each: the ground, a panel on it, the ink on both, and two accents."""

    name: str
    ground: str
    panel: str
    ink: str
    accent: str
    second: str

    @property
    def dark(self) -> bool:
        """Whether the ground is darker than the ink."""
        return luminance(self.ground) < luminance(self.ink)

    @property
    def muted(self) -> str:
        """Ink for what matters less; still readable on the ground."""
        for share in (0.36, 0.28, 0.2, 0.1):
            softer = mix(self.ink, self.ground, share)
            if contrast(softer, self.ground) >= _LEAST_CONTRAST:
                return softer
        return self.ink

    @property
    def line(self) -> str:
        """A hairline on the ground."""
        return mix(self.ground, self.ink, 0.16)


NAMED: dict[str, Palette] = {
    palette.name: palette
    for palette in (
        Palette("paper", "#f6f1e7", "#ffffff", "#1d1b19", "#d9482b", "#2f5d62"),
        Palette("midnight", "#12152b", "#1c2142", "#f3f1ff", "#ffb454", "#6c8cff"),
        Palette("coral", "#fff1ec", "#ffffff", "#2a1620", "#f0563d", "#7a2e5d"),
        Palette("forest", "#10261f", "#17352b", "#f1f5e8", "#c7e36a", "#e7b98a"),
        Palette("lilac", "#efeafd", "#ffffff", "#211a3b", "#6d3df0", "#ff7a59"),
        Palette("sand", "#ead9c2", "#f7efe2", "#2b2119", "#a63d1f", "#1f5f5b"),
        Palette("sea", "#e3f2f3", "#ffffff", "#0c2a33", "#0a7d8c", "#f2784b"),
        Palette("ember", "#211310", "#33201a", "#fff0e3", "#ff7043", "#ffc857"),
        Palette("mint", "#e6f6ec", "#ffffff", "#10261b", "#138a58", "#e6517a"),
        Palette("mono", "#f4f4f2", "#ffffff", "#111111", "#111111", "#8a8a86"),
    )
}


def palette_for(chosen: str, key: str) -> Palette:
    """The palette a request means.

    Args:
        chosen: A name of `NAMED`, one to five colours such as "#0a7d8c #f2784b", or nothing.
        key: What the choice hangs on when nothing was chosen, so that a persona keeps its colours.

    Raises:
        ValueError: It is neither a name nor colours.
    """
    wanted = chosen.strip()
    if wanted in NAMED:
        return NAMED[wanted]
    if not wanted:
        names = sorted(NAMED)
        return NAMED[names[hashlib.sha256(f"palette:{key}".encode()).digest()[0] % len(names)]]
    colours = re.findall(HEX_PATTERN, wanted)
    if not 1 <= len(colours) <= 5 or re.sub(HEX_PATTERN, "", wanted).strip(" ,;"):
        raise ValueError(f"a palette is one of {', '.join(sorted(NAMED))}, or 1 to 5 colours such as #0a7d8c")
    return _from_colours([colour.lower() for colour in colours])


def _from_colours(colours: list[str]) -> Palette:
    """One to five colours of a persona, filled up and pushed apart until text on the ground can be read."""
    given = [*colours]
    ground = given[0] if len(given) > 1 else mix(given[0], "#ffffff", 0.88)
    dark = luminance(ground) < 0.25
    ink = given[2] if len(given) > 2 else mix(given[0], "#ffffff" if dark else "#0c0c10", 0.86)
    if contrast(ink, ground) < 7:
        ink = mix(ink, "#ffffff" if dark else "#0c0c10", 0.8)
    if contrast(ink, ground) < _LEAST_CONTRAST:
        ink = max(("#ffffff", "#000000"), key=lambda tint: contrast(tint, ground))
    accent = given[1] if len(given) > 1 else given[0]
    second = given[3] if len(given) > 3 else turned(accent, 0.42)
    panel = given[4] if len(given) > 4 else mix(ground, "#ffffff", 0.08 if dark else 0.6)
    if contrast(ink, panel) < _LEAST_CONTRAST:
        panel = ground
    return Palette("own", ground, panel, ink, accent, second)


def rgb(colour: str) -> Rgb:
    """`#rrggbb` as three numbers."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def hexed(red: float, green: float, blue: float) -> str:
    """Three numbers of 0 to 255 as `#rrggbb`."""
    return "#" + "".join(f"{min(255, max(0, round(part))):02x}" for part in (red, green, blue))


def mix(one: str, other: str, share: float) -> str:
    """`one` with `share` of `other` in it."""
    return hexed(*(a + (b - a) * share for a, b in zip(rgb(one), rgb(other), strict=True)))


def turned(colour: str, turn: float) -> str:
    """The colour with its hue turned by a share of the wheel."""
    hue, light, depth = colorsys.rgb_to_hls(*(part / 255 for part in rgb(colour)))
    return hexed(*(part * 255 for part in colorsys.hls_to_rgb((hue + turn) % 1, light, depth)))


def luminance(colour: str) -> float:
    """Relative luminance as WCAG defines it, 0 to 1."""
    parts = [part / 255 for part in rgb(colour)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
