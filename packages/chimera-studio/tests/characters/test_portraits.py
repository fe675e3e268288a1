"""Portraits: the same person every time, moods that show, nothing behind but what is asked for."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from chimera_studio.characters.portraits import EXPRESSIONS, Expression, figure, portrait
from chimera_studio.palettes import NAMED

PALETTE = NAMED["coral"]
SOURCE = os.pathsep.join(path for path in sys.path if path)


def pixels(image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    return np.asarray(image.convert("RGB"), dtype=np.int16)


def test_a_portrait_stands_on_nothing_unless_asked() -> None:
    bare, framed = portrait("mira", PALETTE, 200), portrait("mira", PALETTE, 200, backdrop=True)
    assert (bare.mode, bare.size) == ("RGBA", (200, 200))
    assert bare.getpixel((3, 3)) == (0, 0, 0, 0)
    assert framed.getpixel((100, 14)) != (0, 0, 0, 0)
    assert framed.getpixel((3, 3)) == (0, 0, 0, 0)
    centre = bare.getpixel((100, 100))
    assert isinstance(centre, tuple)
    assert centre[3] == 255


@pytest.mark.parametrize("mood", EXPRESSIONS)
def test_every_mood_can_be_seen(mood: Expression) -> None:
    if mood != "neutral":
        gap = np.abs(pixels(portrait("ada", PALETTE, 200, mood)) - pixels(portrait("ada", PALETTE, 200, "neutral")))
        assert (gap.max(axis=-1) > 40).sum() > 60


def test_different_ids_are_different_people() -> None:
    drawn = [pixels(portrait(f"person {n}", PALETTE, 80)) for n in range(20)]
    for number, one in enumerate(drawn):
        for other in drawn[number + 1 :]:
            assert (np.abs(one - other).max(axis=-1) > 40).mean() > 0.05


def test_another_process_draws_the_same() -> None:
    code = (
        "import hashlib\n"
        "from chimera_studio.characters.portraits import portrait\n"
        "from chimera_studio.palettes import NAMED\n"
        "print(hashlib.sha256(portrait('mira', NAMED['coral'], 160).tobytes()).hexdigest())\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env={"PYTHONPATH": SOURCE, "PYTHONHASHSEED": "7"})  # fmt: skip
    assert told.stdout.strip() == hashlib.sha256(portrait("mira", PALETTE, 160).tobytes()).hexdigest()


def test_a_figure_is_written_once() -> None:
    assert figure("mira", "smile") is figure("mira", "smile")
