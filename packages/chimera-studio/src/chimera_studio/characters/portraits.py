"""Draws a character: head and shoulders in a box of 400 by 400, front or turned, in several moods."""

from functools import cache, lru_cache
from io import BytesIO
from typing import Literal, get_args

from PIL import Image
from resvg_py import svg_to_bytes

from chimera_studio.characters import hair, wardrobe
from chimera_studio.characters.traits import Traits, traits_of
from chimera_studio.palettes import Palette, mix

Expression = Literal["neutral", "smile", "laugh", "think", "wink", "surprise", "turn_left", "turn_right"]
EXPRESSIONS: tuple[Expression, ...] = get_args(Expression)
BOX = 400

_TURN = {"turn_left": -1.0, "turn_right": 1.0, "think": 0.35}
_MOUTH_Y = 240
_EYE_Y = 186


@lru_cache(maxsize=64)
def portrait(
    character_reference_id: str, palette: Palette, size: int, expression: Expression = "smile", backdrop: bool = False
) -> Image.Image:
    """The character as an RGBA picture of `size` by `size`, on nothing or in its round frame.

    The picture is shared by its callers: copy it before drawing on it.
    """
    inner = figure(character_reference_id, expression)
    drawn = medallion(palette, inner) if backdrop else inner
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" viewBox="0 0 400 400">{drawn}</svg>'
    return Image.open(BytesIO(svg_to_bytes(svg_string=svg, skip_system_fonts=True))).convert("RGBA")


def medallion(palette: Palette, inner: str, ring: str | None = None) -> str:
    """A figure cropped to a circle on the palette's colours, as SVG in the same box."""
    ground = mix(palette.accent, palette.ground, 0.45)
    rim = ring or palette.accent
    return (
        f'<clipPath id="m"><circle cx="200" cy="200" r="188"/></clipPath>'
        f'<g clip-path="url(#m)"><rect width="400" height="400" fill="{ground}"/>'
        f"{inner}</g>"
        f'<circle cx="200" cy="200" r="191" fill="none" stroke="{rim}" stroke-width="10"/>'
    )


@cache
def figure(character_reference_id: str, expression: Expression = "smile") -> str:
    """Head and shoulders as SVG, in a box of 400 by 400; the chest goes on below, for whoever places it to clip."""
    traits = traits_of(character_reference_id)
    turn = _TURN.get(expression, 0.0)
    drawn = "".join(
        (
            hair.behind(traits),
            _neck(traits),
            wardrobe.clothes(traits),
            _head(traits, turn),
            _face(traits, expression, turn),
            hair.above(traits),
            wardrobe.headphones(traits),
            wardrobe.earrings(traits, turn),
        )
    )
    return f'<g transform="translate(-24 -22) scale(1.12)">{drawn}</g>'


def _neck(traits: Traits) -> str:
    shade = mix(traits.skin, "#5a1f1a", 0.24)
    return (
        '<path d="M168,236 L168,300 Q166,312 146,316 Q200,366 254,316 Q234,312 232,300 L232,236 Z" '
        f'fill="{traits.skin}"/>'
        f'<path d="M168,252 Q200,304 232,252 L232,282 Q200,316 168,282 Z" fill="{shade}" opacity=".75"/>'
    )


def _outline(traits: Traits) -> str:
    left, right, chin = 200 - traits.head, 200 + traits.head, traits.chin
    return (
        f"M{left},164 C{left},112 {left + 24},86 200,86 C{right - 24},86 {right},112 {right},164 "
        f"C{right},204 {200 + traits.jaw + 8},232 {200 + traits.jaw - 8},250 "
        f"C{200 + traits.jaw - 24},{chin - 4} 214,{chin} 200,{chin} "
        f"C186,{chin} {200 - traits.jaw + 24},{chin - 4} {200 - traits.jaw + 8},250 "
        f"C{200 - traits.jaw - 8},232 {left},204 {left},164 Z"
    )


def _head(traits: Traits, turn: float) -> str:
    skin, shade = traits.skin, mix(traits.skin, "#5a1f1a", 0.2)
    # Several people may share a drawing, so the id says whose outline it is.
    clip = f"h{traits.head}-{traits.jaw}-{traits.chin}"
    ears = "".join(
        f'<ellipse cx="{200 + side * (traits.head + 2) + turn * 6:.1f}" cy="188" rx="12" ry="19" fill="{skin}"/>'
        f'<path d="M{200 + side * (traits.head + 5) + turn * 6:.1f},180 q{side * -8},8 {side * -2},17" fill="none" '
        f'stroke="{shade}" stroke-width="3" stroke-linecap="round"/>'
        for side in (-1, 1)
    )
    return (
        f'{ears}<path d="{_outline(traits)}" fill="{skin}"/>'
        f'<clipPath id="{clip}"><path d="{_outline(traits)}"/></clipPath>'
        f'<g clip-path="url(#{clip})"><path d="M{200 + traits.head + 4},110 C{200 + traits.head - 26},180 '
        f'{200 + traits.head - 24},230 220,290 L300,290 L300,110 Z" fill="{shade}" opacity=".35"/></g>{_beard(traits)}'
    )


def _beard(traits: Traits) -> str:
    left, right, chin, tint = 200 - traits.head, 200 + traits.head, traits.chin, mix(traits.hair, "#000000", 0.12)
    if traits.beard == "full":
        return (
            f'<path d="M{left - 1},178 C{left + 2},214 {left + 14},228 {left + 30},224 C{left + 46},216 '
            f"{right - 46},216 "
            f"{right - 30},224 C{right - 14},228 {right - 2},214 {right + 1},178 C{right + 3},236 "
            f"{right - 18},{chin + 14} "
            f'200,{chin + 15} C{left + 18},{chin + 14} {left - 3},236 {left - 1},178 Z" fill="{tint}"/>'
        )
    if traits.beard == "goatee":
        return (
            f'<path d="M174,252 Q200,244 226,252 Q224,{chin + 12} 200,{chin + 12} Q176,{chin + 12} 174,252 '
            f'Z" fill="{tint}"/>'
        )
    return ""


def _face(traits: Traits, expression: Expression, turn: float) -> str:
    shift = turn * 17
    near, far = (1.0, 0.86) if turn else (1.0, 1.0)
    left = 200 + shift - traits.eye_gap * (far if turn < 0 else near)
    right = 200 + shift + traits.eye_gap * (far if turn > 0 else near)
    blush = "".join(
        f'<ellipse cx="{x:.1f}" cy="216" rx="15" ry="9" fill="#f0563d" opacity=".2"/>' for x in (left - 11, right + 11)
    )
    eyes = _eye(traits, left, expression, "left") + _eye(traits, right, expression, "right")
    brows = _brows(traits, left, right, expression)
    spots = _freckles(traits, left, right) + _mole(traits, shift)
    return (
        blush
        + spots
        + _nose(traits, 200 + shift * 1.35)
        + _mouth(traits, 200 + shift * 1.05, expression)
        + eyes
        + brows
        + wardrobe.glasses(traits, left, right, _EYE_Y)
    )


def _freckles(traits: Traits, left: float, right: float) -> str:
    if not traits.freckles:
        return ""
    tint = mix(traits.skin, "#7a2f10", 0.45)
    places = ((-10, 22), (-2, 27), (6, 22), (-6, 31), (3, 33))
    return "".join(
        f'<circle cx="{eye + x:.1f}" cy="{_EYE_Y + y}" r="2.1" fill="{tint}"/>'
        for eye in (left, right)
        for x, y in places
    )


def _mole(traits: Traits, shift: float) -> str:
    x = {1: 166, 2: 236}.get(traits.mole)
    return f'<circle cx="{x + shift:.1f}" cy="228" r="3.4" fill="{mix(traits.skin, "#000000", 0.65)}"/>' if x else ""


def _eye(traits: Traits, x: float, expression: Expression, side: Literal["left", "right"]) -> str:
    wide, ink = traits.eye_size, "#1b1416"
    if expression == "laugh" or (expression == "wink" and side == "right"):
        return (
            f'<path d="M{x - wide:.1f},{_EYE_Y + 3} Q{x:.1f},{_EYE_Y - 11} {x + wide:.1f},{_EYE_Y + 3}" fill="none" '
            f'stroke="{ink}" stroke-width="5" stroke-linecap="round"/>'
        )
    tall = wide * (1.12 if expression == "surprise" else 0.86)
    look = {"turn_left": -3.5, "turn_right": 3.5, "think": 4.0}.get(expression, 0.0)
    up = -3.0 if expression == "think" else 0.0
    return (
        f'<ellipse cx="{x:.1f}" cy="{_EYE_Y}" rx="{wide}" ry="{tall:.1f}" fill="#fffdfa"/>'
        f'<circle cx="{x + look:.1f}" cy="{_EYE_Y + up:.1f}" r="{wide * 0.66:.1f}" fill="{traits.iris}"/>'
        f'<circle cx="{x + look:.1f}" cy="{_EYE_Y + up:.1f}" r="{wide * 0.34:.1f}" fill="{ink}"/>'
        f'<circle cx="{x + look + 2.6:.1f}" cy="{_EYE_Y + up - 3:.1f}" r="{wide * 0.19:.1f}" fill="#ffffff"/>'
        f'<path d="M{x - wide - 1:.1f},{_EYE_Y - 1} Q{x:.1f},{_EYE_Y - tall * 1.5:.1f} '
        f'{x + wide + 1:.1f},{_EYE_Y - 1}" '
        f'fill="none" stroke="{ink}" stroke-width="4.2" stroke-linecap="round"/>'
    )


def _brows(traits: Traits, left: float, right: float, expression: Expression) -> str:
    base = traits.hair if traits.style not in ("veil", "bald") else "#2a1d18"
    tint, wide = mix(base, "#000000", 0.28), traits.eye_size + 6
    lift = {"surprise": -9, "laugh": -3, "think": -2}.get(expression, 0)
    drawn = []
    for x, inward in ((left, 1), (right, -1)):
        tilt = traits.brow_tilt + (6 if expression == "think" and inward < 0 else 0)
        y = _EYE_Y - 25 + lift
        drawn.append(
            f'<path d="M{x - inward * wide:.1f},{y + 3 - tilt * 0.4:.1f} Q{x - inward * 2:.1f},{y - 7 - tilt:.1f} '
            f'{x + inward * wide:.1f},{y + tilt * 0.5:.1f}" fill="none" stroke="{tint}" stroke-width="{traits.brow}" '
            f'stroke-linecap="round"/>'
        )
    return "".join(drawn)


def _nose(traits: Traits, x: float) -> str:
    shade = mix(traits.skin, "#5a1f1a", 0.42)
    d = (
        f"M{x - 3:.1f},196 Q{x - 12:.1f},216 {x:.1f},218",
        f"M{x - 9:.1f},214 Q{x:.1f},222 {x + 9:.1f},214",
        f"M{x + 2:.1f},194 Q{x + 14:.1f},214 {x + 2:.1f},218 L{x - 5:.1f},217",
        f"M{x - 6:.1f},217 q6,5 12,0",
    )[traits.nose]
    return (
        f'<path d="{d}" fill="none" stroke="{shade}" stroke-width="4" stroke-linecap="round" stroke-linejoin="round"/>'
    )


def _mouth(traits: Traits, x: float, expression: Expression) -> str:
    wide, y = traits.mouth, _MOUTH_Y
    moustache = ""
    if traits.beard in ("moustache", "full"):
        moustache = (
            f'<path d="M{x - wide - 8:.1f},{y + 1} Q{x - 12:.1f},{y - 20} {x:.1f},{y - 12} Q{x + 12:.1f},{y - 20} '
            f'{x + wide + 8:.1f},{y + 1} Q{x:.1f},{y - 7} {x - wide - 8:.1f},{y + 1} Z" '
            f'fill="{mix(traits.hair, "#000000", 0.2)}"/>'
        )
    tint = "#b5364a" if traits.lips else mix(traits.skin, "#5a1220", 0.68)
    inside = "#6b1626"
    if expression == "laugh":
        return (
            f'<path d="M{x - wide:.1f},{y - 3} Q{x:.1f},{y + 4} {x + wide:.1f},{y - 3} '
            f"Q{x + wide - 3:.1f},{y + 22} {x:.1f},{y + 22} "
            f'Q{x - wide + 3:.1f},{y + 22} {x - wide:.1f},{y - 3} Z" fill="{inside}"/>'
            f'<path d="M{x - wide + 3:.1f},{y} Q{x:.1f},{y + 6} {x + wide - 3:.1f},{y} L{x + wide - 6:.1f},{y + 6} '
            f'Q{x:.1f},{y + 11} {x - wide + 6:.1f},{y + 6} Z" fill="#ffffff"/>'
            f'<ellipse cx="{x:.1f}" cy="{y + 18}" rx="{wide * 0.42:.1f}" ry="5" fill="#e0657a"/>{moustache}'
        )
    if expression == "surprise":
        return (
            f'<ellipse cx="{x:.1f}" cy="{y + 6}" rx="9" ry="12" fill="{inside}" stroke="{tint}" '
            f'stroke-width="3"/>{moustache}'
        )
    depth = {"smile": 13, "wink": 13, "turn_left": 11, "turn_right": 11, "think": -3}.get(expression, 3)
    lean = 4 if expression == "think" else 0
    curve = f"M{x - wide + 3:.1f},{y + lean} Q{x:.1f},{y + depth + lean} {x + wide - 3:.1f},{y}"
    lower = ""
    if traits.lips and depth > 0:
        lower = f'<path d="{curve} Q{x:.1f},{y + depth + 14} {x - wide + 3:.1f},{y} Z" fill="{tint}" opacity=".75"/>'
    return f'{lower}<path d="{curve}" fill="none" stroke="{tint}" stroke-width="5" stroke-linecap="round"/>{moustache}'
