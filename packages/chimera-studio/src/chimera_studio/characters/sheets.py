"""The reference sheet of a character: the front view large, the other moods and turns beside it."""

from chimera_studio.characters.portraits import Expression, figure, medallion
from chimera_studio.characters.traits import traits_of
from chimera_studio.palettes import Palette, mix
from chimera_studio.scenes import Box, Scene

WIDTH, HEIGHT = 1600, 1000
FRONT = Box(20, 220, 780, 780)
_MOODS: tuple[Expression, ...] = ("smile", "laugh", "think", "turn_left", "surprise", "turn_right")


def sheet(character_reference_id: str, palette: Palette) -> Scene:
    """The sheet; `character` of the scene is where the front view is, at the same place on every sheet."""
    scene = Scene(WIDTH, HEIGHT, palette.ground)
    scene.rect(Box(0, 0, 820, HEIGHT), mix(palette.accent, palette.ground, 0.3))
    scene.circle(410, 610, 370, mix(palette.accent, palette.ground, 0.5))
    side, gap, left, top = 220, 20, 860, 176
    for number, mood in enumerate(_MOODS):
        x, y = left + (number % 3) * (side + gap), top + (number // 3) * (side + gap)
        scene.figure(medallion(palette, figure(character_reference_id, mood)), Box(x, y, side, side))
    traits = traits_of(character_reference_id)
    swatches = (traits.skin, traits.hair, traits.iris, traits.cloth, traits.trim, traits.aura)
    for number, tint in enumerate(swatches):
        x = left + 56 + number * 116
        scene.circle(x, 760, 46, tint)
        scene.add(f'<circle cx="{x}" cy="760" r="46" fill="none" stroke="{palette.line}" stroke-width="3"/>')
    scene.figure(figure(character_reference_id, "neutral"), FRONT)
    return scene
