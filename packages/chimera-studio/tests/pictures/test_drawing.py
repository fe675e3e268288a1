"""From request to bytes: refusals, what was cut, and the same bytes in every process."""

import hashlib
import json
import os
import subprocess
import sys
from io import BytesIO

import pytest
from PIL import Image

from chimera_studio.pictures.drawing import check, cuts, draw, draw_card, encoded, seen
from chimera_studio.requests import ImageRequest, Kind, Row, Slide
from chimera_studio.rules import StudioError

SOURCE = os.pathsep.join(path for path in sys.path if path)
KINDS: tuple[Kind, ...] = ("card", "quote", "chart", "carousel", "art")
CARD = ImageRequest(
    kind="card", title="Title", text="Text", footer="@x", character_reference_id="nova", width=320, height=400,
    data=(Row(label="a", value=1), Row(label="b", value=2)), slides=(Slide(title="s"), Slide(title="t")),
)  # fmt: skip
ANOTHER_PROCESS = """
import hashlib, sys
from chimera_studio.pictures.drawing import check, draw, encoded
from chimera_studio.requests import ImageRequest
request = ImageRequest.model_validate_json(sys.argv[1])
print(*[hashlib.sha256(encoded(scene, request)[0]).hexdigest() for scene in draw(request, check(request))])
"""


def digests(request: ImageRequest) -> list[str]:
    return [hashlib.sha256(encoded(scene, request)[0]).hexdigest() for scene in draw(request, check(request))]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hash_seed", ["0", "1234"])
def test_every_process_draws_the_same_bytes(kind: Kind, hash_seed: str) -> None:
    request = CARD.model_copy(update={"kind": kind, "title": "שלום 東京 🔥 Title", "seed": 3})
    told = subprocess.run(
        [sys.executable, "-c", ANOTHER_PROCESS, request.model_dump_json()], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": SOURCE, "PYTHONHASHSEED": hash_seed},
    )  # fmt: skip
    assert told.stdout.split() == digests(request)


@pytest.mark.parametrize("kind", KINDS)
def test_another_seed_draws_another_picture(kind: Kind) -> None:
    request = CARD.model_copy(update={"kind": kind})
    drawn = {tuple(digests(request.model_copy(update={"seed": seed}))) for seed in range(6)}
    assert len(drawn) >= 3


@pytest.mark.parametrize("kind", KINDS)
def test_the_bytes_are_what_they_say(kind: Kind) -> None:
    request = CARD.model_copy(update={"kind": kind})
    scenes = list(draw(request, check(request)))
    assert len(scenes) == (2 if kind == "carousel" else 1)
    data, extension = encoded(scenes[0], request)
    with Image.open(BytesIO(data)) as image:
        assert (image.format, image.size) == ({"png": "PNG", "jpg": "JPEG"}[extension], (320, 400))
    assert extension == ("jpg" if kind == "art" else "png")
    assert seen(scenes[0]).width >= 40


def test_a_hero_has_finer_art() -> None:
    art = CARD.model_copy(update={"kind": "art"})
    hero = art.model_copy(update={"tier": "hero"})
    sizes = [len(encoded(next(draw(request, check(request))), request)[0]) for request in (art, hero)]
    assert sizes[0] < sizes[1]


def test_what_was_cut_is_said() -> None:
    scene = next(draw(long := CARD.model_copy(update={"text": "word " * 700}), check(long)))
    (cut,) = cuts(scene, "slide 2: ")
    assert (cut.part, cut.reason) == ("slide 2: text", "no room")
    assert 100 < cut.characters < 3_500
    scene = next(draw(odd := CARD.model_copy(update={"text": "ok \U00013000\U00013001"}), check(odd)))
    assert [(cut.part, cut.characters, cut.reason) for cut in cuts(scene)] == [("text", 2, "no glyph")]
    assert cuts(next(draw(CARD, check(CARD)))) == []


def test_a_card_as_an_image() -> None:
    image = draw_card(CARD)
    assert (image.mode, image.size) == ("RGB", (320, 400))


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"title": "", "text": " "}, "invalid: a card needs"),
        ({"kind": "quote", "title": "", "text": ""}, "invalid: a quote needs"),
        ({"kind": "chart", "data": ()}, "invalid: a chart needs"),
        ({"kind": "chart", "chart": "line", "data": (Row(label="a", value=1),)}, "invalid: a line needs"),
        ({"kind": "carousel", "slides": ()}, "invalid: a carousel needs"),
        ({"kind": "carousel", "slides": (Slide(),)}, "invalid: every slide needs"),
        ({"kind": "carousel", "slides": (Slide(title="x"),) * 11}, "too_many: "),
        ({"kind": "chart", "data": (Row(label="x", value=1),) * 25}, "too_many: "),
        ({"title": "x" * 401}, "too_long: title"),
        ({"text": "x" * 4_001}, "too_long: text"),
        ({"footer": "x" * 201}, "too_long: footer"),
        ({"kind": "carousel", "slides": (Slide(title="x", text="y" * 4_001),)}, "too_long: a slide's text"),
        ({"width": 63}, "invalid: width"),
        ({"height": 2_161}, "too_large: height"),
        ({"palette": "beige"}, "invalid: a palette"),
        ({"character_reference_id": "../x"}, "invalid: character_reference_id"),
    ],
)
def test_refusals(change: dict[str, object], refusal: str) -> None:
    with pytest.raises(StudioError) as caught:
        check(CARD.model_copy(update=change))
    assert str(caught.value).startswith(refusal), json.dumps(str(caught.value))
