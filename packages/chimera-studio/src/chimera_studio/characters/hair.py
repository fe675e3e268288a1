"""The hair of a character, in two layers: what hangs behind the head and what grows over the forehead."""

import math

from chimera_studio.characters.traits import Traits
from chimera_studio.palettes import mix


def behind(traits: Traits) -> str:
    """The layer behind the neck and the head, as SVG."""
    wide, tint = traits.head, mix(traits.hair, "#000000", 0.16)
    left, right = 200 - wide, 200 + wide
    drawn = {
        "bob": _blob(left - 26, right + 26, 282, tint, flare=8),
        "long": _blob(left - 24, right + 24, 372, tint, flare=14),
        "waves": _wavy(left - 30, right + 30, 352, tint),
        "afro": _bumps(200, 156, wide + 34, 15, 30, tint),
        "ponytail": (
            f'<path d="M{right - 20},100 C{right + 70},90 {right + 86},190 {right + 52},276 '
            f"C{right + 46},300 {right + 26},290 {right + 30},262 C{right + 40},200 {right + 30},140 "
            f'{right - 20},140 Z" '
            f'fill="{tint}"/>'
        ),
        "braids": _braid(left - 8, tint, traits.trim) + _braid(right + 8, tint, traits.trim),
        "bun": f'<circle cx="200" cy="66" r="36" fill="{tint}"/>',
        "veil": _blob(left - 30, right + 30, 330, mix(traits.trim, "#000000", 0.2), flare=24),
    }
    return drawn.get(traits.style, "")


def above(traits: Traits) -> str:
    """The layer over the forehead, as SVG."""
    wide, tint = traits.head, traits.hair
    light = mix(tint, "#ffffff", 0.16)
    left, right = 200 - wide, 200 + wide
    shine = (
        f'<path d="M{left + 14},122 C{left + 34},94 {right - 50},84 {right - 26},100" fill="none" '
        f'stroke="{light}" stroke-width="7" stroke-linecap="round" opacity=".55"/>'
    )
    swept = f"C{right - 18},132 {right - 66},138 {left + 62},108 C{left + 44},128 {left + 12},140 {left + 3},182"
    middle = f"C{right - 6},140 {right - 44},118 200,104 C{left + 44},118 {left + 6},140 {left + 3},182"
    fringe = (
        f"C{right - 2},158 {right - 10},146 {right - 22},146 L{left + 22},146 C{left + 10},146 "
        f"{left + 2},158 {left + 3},182"
    )
    short = (
        f"C{right - 2},150 {right - 16},124 {right - 30},118 C220,106 180,106 {left + 30},118 "
        f"C{left + 16},124 {left + 2},150 {left + 3},172"
    )
    drawn = {
        "bob": _cap(wide, 17, fringe, tint) + shine,
        "long": _cap(wide, 14, middle, tint) + shine,
        "waves": _cap(wide, 17, swept, tint) + shine,
        "crop": _cap(wide, 8, short, tint) + shine,
        "afro": _bumps(200, 112, wide - 6, 9, 25, tint, 150, 390) + _cap(wide, 13, short, tint),
        "bun": _cap(wide, 9, short, tint) + shine + f'<circle cx="200" cy="60" r="33" fill="{tint}"/>'
        f'<path d="M180,52 C190,40 208,38 218,46" fill="none" stroke="{light}" stroke-width="5" '
        f'stroke-linecap="round" opacity=".6"/>',
        "buzz": f'<g opacity=".82">{_cap(wide, 3, short, tint)}</g>',
        "quiff": _cap(wide, 9, short, tint)
        + f'<path d="M{left + 8},126 C{left - 4},76 {left + 30},44 212,48 C{right + 16},42 {right + 22},84 '
        f"{right - 8},112 "
        f'C{right - 40},96 {left + 60},92 {left + 8},126 Z" fill="{tint}"/>'
        f'<path d="M{left + 22},96 C{left + 44},66 {right - 50},60 {right - 20},70" fill="none" stroke="{light}" '
        f'stroke-width="7" stroke-linecap="round" opacity=".55"/>',
        "curls": _cap(wide, 8, short, tint) + _bumps(200, 140, wide + 1, 10, 24, tint, 165, 375),
        "ponytail": _cap(wide, 9, swept, tint) + shine,
        "braids": _cap(wide, 11, middle, tint)
        + f'<path d="M200,76 L200,106" stroke="{mix(tint, "#000000", 0.3)}" stroke-width="3" stroke-linecap="round"/>',
        "part": _cap(wide, 13, swept, tint)
        + f'<path d="M{left + 60},108 C{left + 56},96 {left + 58},84 {left + 66},76" fill="none" '
        f'stroke="{mix(tint, "#000000", 0.3)}" stroke-width="3" stroke-linecap="round"/>' + shine,
        "veil": _veil(traits),
    }
    return drawn.get(traits.style, "")


def _cap(wide: int, thick: int, hairline: str, tint: str) -> str:
    """Hair around the skull, `thick` above it, closed by a hairline that runs from the right temple to the left."""
    left, right, top = 200 - wide - min(thick, 9), 200 + wide + min(thick, 9), 90 - thick
    return (
        f'<path d="M{left},188 C{left - 4},120 {left + 26},{top} 200,{top} C{right - 26},{top} {right + 4},120 '
        f"{right},188 "
        f'L{200 + wide - 3},182 {hairline} Z" fill="{tint}"/>'
    )


def _blob(left: int, right: int, bottom: int, tint: str, flare: int) -> str:
    return (
        f'<path d="M{left + 14},170 C{left + 4},60 {right - 4},60 {right - 14},170 '
        f"C{right - 10},220 {right + flare},{bottom - 50} {right},{bottom - 14} Q{right - 6},{bottom} "
        f"{right - 24},{bottom} "
        f"L{left + 24},{bottom} Q{left + 6},{bottom} {left},{bottom - 14} "
        f'C{left - flare},{bottom - 50} {left + 10},220 {left + 14},170 Z" fill="{tint}"/>'
    )


def _wavy(left: int, right: int, bottom: int, tint: str) -> str:
    steps = (bottom - 160) // 4
    down = "".join(f"q{16 if turn % 2 else -16},{steps / 2} 0,{steps}" for turn in range(4))
    up = "".join(f"q{-16 if turn % 2 else 16},{-steps / 2} 0,{-steps}" for turn in range(4))
    return (
        f'<path d="M{left + 12},160 C{left},58 {right},58 {right - 12},160 {down} '
        f'Q200,{bottom + 26} {left + 12},{160 + 4 * steps} {up} Z" fill="{tint}"/>'
    )


def _bumps(x: int, y: int, radius: int, count: int, size: int, tint: str, start: int = 130, end: int = 410) -> str:
    """A cloud: circles on an arc, and the disc they stand on when the arc is nearly closed."""
    angles = [math.radians(start + (end - start) * step / (count - 1)) for step in range(count)]
    drops = "".join(
        f'<circle cx="{x + radius * math.cos(angle):.1f}" cy="{y + radius * math.sin(angle):.1f}" r="{size}"/>'
        for angle in angles
    )
    disc = f'<circle cx="{x}" cy="{y}" r="{radius}"/>' if end - start >= 280 else ""
    return f'<g fill="{tint}">{disc}{drops}</g>'


def _braid(x: int, tint: str, ribbon: str) -> str:
    beads = "".join(
        f'<ellipse cx="{x}" cy="{228 + 27 * step}" rx="{19 - 2 * step}" ry="17" fill="{tint}"/>'
        f'<path d="M{x - 13 + step},{222 + 27 * step} q{13 - step},10 {26 - 2 * step},0" fill="none" '
        f'stroke="{mix(tint, "#000000", 0.25)}" stroke-width="2.5"/>'
        for step in range(4)
    )
    return f'{beads}<rect x="{x - 12}" y="318" width="24" height="10" rx="5" fill="{ribbon}"/>'


def _veil(traits: Traits) -> str:
    wide, tint = traits.head, traits.trim
    left, right = 200 - wide, 200 + wide
    fold = mix(tint, "#000000", 0.16)
    return (
        f'<path fill-rule="evenodd" d="M{left - 16},190 C{left - 22},100 {left + 22},70 200,70 '
        f"C{right - 22},70 {right + 22},100 {right + 16},190 C{right + 18},260 {right + 4},312 200,318 "
        f"C{left - 4},312 {left - 18},260 {left - 16},190 Z "
        f"M{left + 6},180 C{left + 8},236 {left + 30},268 200,272 C{right - 30},268 {right - 8},236 {right - 6},180 "
        f'C{right - 8},128 {right - 34},112 200,110 C{left + 34},112 {left + 8},128 {left + 6},180 Z" fill="{tint}"/>'
        f'<path d="M{left + 22},118 C{left + 44},92 {right - 44},92 {right - 22},118" fill="none" stroke="{fold}" '
        f'stroke-width="4" stroke-linecap="round"/>'
        f'<path d="M{left - 6},280 C{left + 40},316 {right - 40},330 {right + 20},352 L{right - 16},372 '
        f'C{right - 70},340 {left + 20},340 {left - 16},306 Z" fill="{fold}"/>'
    )
