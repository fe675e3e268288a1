"""What a character wears: clothes on the shoulders, things on the head and the nose."""

from chimera_studio.characters.traits import Traits
from chimera_studio.palettes import luminance, mix

_OPEN = "M28,404 C34,346 84,326 142,312 C158,346 242,346 258,312 C316,326 366,346 372,404 Z"
_CLOSED = (
    "M28,404 C34,346 84,326 140,312 C164,306 168,300 170,292 L230,292 C232,300 236,306 260,312 "
    "C316,326 366,346 372,404 Z"
)
_NECKLINE = "M142,312 C158,346 242,346 258,312"
_LEFT_COLLAR, _RIGHT_COLLAR = "M158,300 L200,344 L166,372 L134,314 Z", "M242,300 L200,344 L234,372 L266,314 Z"
_HOOD = "M112,326 C120,284 150,276 164,280 L236,280 C250,276 280,284 288,326 C250,352 150,352 112,326 Z"
_JACKET = "M28,404 C34,346 84,326 142,311 L200,404 Z M372,404 C366,346 316,326 258,311 L200,404 Z"
_LAPELS = "M142,311 L122,346 L146,352 L132,364 L200,404 Z M258,311 L278,346 L254,352 L268,364 L200,404 Z"
_BIB = "M112,320 L140,312 L152,364 L248,364 L260,312 L288,320 L276,404 L124,404 Z"


def _filled(path: str, tint: str) -> str:
    return f'<path d="{path}" fill="{tint}"/>'


def _stroked(path: str, tint: str, width: float) -> str:
    return f'<path d="{path}" fill="none" stroke="{tint}" stroke-width="{width}" stroke-linecap="round"/>'


def clothes(traits: Traits) -> str:
    """Shoulders and what is on them, as SVG; drawn over the neck."""
    cloth, trim = traits.cloth, traits.trim
    shade = mix(cloth, "#000000", 0.18) if luminance(cloth) > 0.06 else mix(cloth, "#ffffff", 0.16)
    body, neckline = _filled(_OPEN, cloth), _stroked(_NECKLINE, shade, 7)
    sleeves = _stroked("M92,404 C94,378 98,364 104,352 M308,404 C306,378 302,364 296,352", shade, 5)
    match traits.clothes:
        case "tee":
            return f'{body}{neckline}{sleeves}<circle cx="252" cy="378" r="12" fill="{trim}"/>'
        case "roll":
            collar = _filled("M160,274 Q200,294 240,274 L246,312 Q200,334 154,312 Z", cloth)
            folds = _stroked("M155,306 Q200,328 245,306 M159,286 Q200,306 241,286", shade, 4)
            return _filled(_CLOSED, cloth) + collar + folds + sleeves
        case "shirt":
            light = mix(cloth, "#ffffff", 0.22)
            collar = (
                f'<path d="{_LEFT_COLLAR} {_RIGHT_COLLAR}" fill="{light}" stroke="{shade}" stroke-width="2" '
                f'stroke-linejoin="round"/>'
            )
            button = f'<circle cx="200" cy="378" r="4" fill="{trim}"/>'
            return body + collar + _stroked("M200,346 V404", shade, 3) + button + sleeves
        case "hoodie":
            edge = _stroked("M128,316 C150,362 250,362 272,316", shade, 13)
            return _filled(_HOOD, shade) + body + edge + _stroked("M176,346 V388 M224,346 V380", trim, 5)
        case "blazer":
            return _filled(_CLOSED, trim) + _filled(_JACKET, cloth) + _filled(_LAPELS, shade)
        case "stripes":
            bands = "".join(f'<rect x="20" y="{y}" width="360" height="9"/>' for y in (328, 350, 372, 394))
            clip = f'<clipPath id="s"><path d="{_OPEN}"/></clipPath>'
            return f'{clip}{body}<g clip-path="url(#s)" fill="{trim}">{bands}</g>{neckline}'
        case "dungarees":
            hem = _stroked(_NECKLINE, mix(trim, "#000000", 0.18), 6)
            buttons = "".join(f'<circle cx="{x}" cy="372" r="6" fill="#f2d27a"/>' for x in (148, 252))
            return _filled(_OPEN, trim) + hem + _filled(_BIB, cloth) + buttons


def glasses(traits: Traits, left: float, right: float, y: float) -> str:
    """Spectacles over two eyes, as SVG; empty for who wears none."""
    tint, half = traits.frame, min(23.0, (right - left) / 2 - 4)
    middle = (
        f'<path d="M{left + half:.1f},{y - 2} Q{(left + right) / 2:.1f},{y - 9} '
        f'{right - half:.1f},{y - 2}" fill="none" stroke="{tint}" stroke-width="4.5"/>'
    )
    arms = (
        f'<path d="M{left - half:.1f},{y - 4} L{200 - traits.head + 2},{y - 8} M{right + half:.1f},{y - 4} '
        f'L{200 + traits.head - 2},{y - 8}" stroke="{tint}" stroke-width="4.5" stroke-linecap="round"/>'
    )
    lens = {
        "round": lambda x: f'<circle cx="{x:.1f}" cy="{y}" r="{half:.1f}"/>',
        "square": lambda x: f'<rect x="{x - half:.1f}" y="{y - 17}" width="{2 * half:.1f}" height="34" rx="8"/>',
        "cat": lambda x: (
            f'<path d="M{x - half:.1f},{y - 8} Q{x:.1f},{y - 22} {x + half:.1f},{y - 8} Q{x + half:.1f},{y + 17} '
            f'{x:.1f},{y + 17} Q{x - half:.1f},{y + 17} {x - half:.1f},{y - 8} Z"/>'
        ),
        "shades": lambda x: (
            f'<path d="M{x - half:.1f},{y - 14} H{x + half:.1f} Q{x + half:.1f},{y + 18} {x:.1f},{y + 18} '
            f'Q{x - half:.1f},{y + 18} {x - half:.1f},{y - 14} Z"/>'
        ),
    }.get(traits.glasses)
    if lens is None:
        return ""
    glass = f'fill="{tint}" fill-opacity=".88"' if traits.glasses == "shades" else 'fill="#ffffff" fill-opacity=".14"'
    glint = (
        f'<path d="M{left - half * 0.5:.1f},{y + 4} l9,-13 M{right - half * 0.5:.1f},{y + 4} l9,-13" stroke="#ffffff" '
        f'stroke-width="3.5" stroke-linecap="round" opacity=".5"/>'
    )
    return f'{arms}<g {glass} stroke="{tint}" stroke-width="4.5">{lens(left)}{lens(right)}</g>{middle}{glint}'


def headphones(traits: Traits) -> str:
    """Headphones over the hair, as SVG; empty for who wears none."""
    if not traits.headphones:
        return ""
    left, right = 200 - traits.head - 10, 200 + traits.head + 10
    dark = mix(traits.aura, "#000000", 0.62)
    return (
        f'<path d="M{left},178 C{left - 8},40 {right + 8},40 {right},178" fill="none" stroke="{dark}" '
        'stroke-width="12" '
        f'stroke-linecap="round"/>'
        f'<rect x="{left - 16}" y="158" width="28" height="56" rx="13" fill="{traits.aura}"/>'
        f'<rect x="{right - 12}" y="158" width="28" height="56" rx="13" fill="{traits.aura}"/>'
        f'<rect x="{left + 4}" y="164" width="9" height="44" rx="4.5" fill="{dark}"/>'
        f'<rect x="{right - 13}" y="164" width="9" height="44" rx="4.5" fill="{dark}"/>'
    )


def earrings(traits: Traits, turn: float) -> str:
    """A ring in each ear, as SVG; empty for who wears none."""
    if not traits.earrings or traits.headphones:
        return ""
    return "".join(
        f'<circle cx="{200 + side * (traits.head + 3) + turn * 6:.1f}" cy="214" r="8" fill="none" '
        f'stroke="{traits.aura}" stroke-width="4.5"/>'
        for side in (-1, 1)
    )
