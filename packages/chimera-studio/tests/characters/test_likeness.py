"""The likeness measure: how often it errs, measured on forty characters in pictures that were re-encoded."""

import random
from dataclasses import dataclass
from functools import cache
from io import BytesIO

import pytest
from PIL import Image

from chimera_studio.characters.likeness import SEARCHED_THRESHOLD, THRESHOLD, compare, open_image
from chimera_studio.characters.sheets import sheet
from chimera_studio.palettes import palette_for
from chimera_studio.pictures.drawing import check, draw, seen
from chimera_studio.requests import CharacterBox, ImageRequest, Kind, Row, Slide
from chimera_studio.rules import StudioError

PEOPLE = [f"likeness-{number}" for number in range(40)]
KINDS: tuple[Kind, ...] = ("card", "quote", "chart", "carousel", "art")
SIZES = ((1_080, 1_350), (1_080, 1_080), (1_920, 1_080), (540, 540))
STRANGERS_PER_PICTURE = 5
MOST_STRANGERS_ACCEPTED = 0.01
MOST_FRIENDS_REFUSED = 0.05


@dataclass(frozen=True)
class Shown:
    """A picture as it comes back from a platform: scaled and re-encoded."""

    image: Image.Image
    box: CharacterBox


@cache
def reference(person: str) -> Image.Image:
    return sheet(person, palette_for("", person)).image()


def shown(person: str, kind: Kind, lot: random.Random) -> Shown:
    width, height = lot.choice(SIZES)
    request = ImageRequest(
        kind=kind, title="Golden hour in the city", text="Some words to read here.", footer="@x",
        data=(Row(label="a", value=3), Row(label="b", value=5)), slides=(Slide(title="One"), Slide(title="Two")),
        seed=lot.randrange(1_000), character_reference_id=person, width=width, height=height,
        palette=lot.choice(("", "midnight", "coral", "#203040 #f0a020")),
    )  # fmt: skip
    scene = next(draw(request, check(request)))
    box, scale = seen(scene), lot.choice((1.0, 0.75, 0.5))
    small = scene.image().resize((int(width * scale), int(height * scale)), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    small.save(buffer, "JPEG", quality=lot.choice((95, 75, 50)))
    smaller = CharacterBox(
        x=int(box.x * scale), y=int(box.y * scale), width=int(box.width * scale), height=int(box.height * scale)
    )
    return Shown(open_image(buffer.getvalue()), smaller)


def test_error_rates_on_forty_characters() -> None:
    lot = random.Random(11)
    friends: list[int] = []
    strangers: list[int] = []
    for person in PEOPLE:
        others = [other for other in PEOPLE if other != person]
        for kind in KINDS:
            picture = shown(person, kind, lot)
            friends.append(compare(picture.image, reference(person), picture.box).score)
            strangers += [
                compare(picture.image, reference(other), picture.box).score
                for other in lot.sample(others, STRANGERS_PER_PICTURE)
            ]
    refused = sum(score < THRESHOLD for score in friends) / len(friends)
    accepted = sum(score >= THRESHOLD for score in strangers) / len(strangers)
    assert len(friends) == 200
    assert len(strangers) == 1_000
    assert refused <= MOST_FRIENDS_REFUSED, (refused, sorted(friends)[:12])
    assert accepted <= MOST_STRANGERS_ACCEPTED, (accepted, sorted(strangers)[-12:])


def test_a_character_is_found_without_a_box() -> None:
    lot = random.Random(12)
    right = wrong = 0
    for person, other, kind in zip(PEOPLE[:10], PEOPLE[10:20], KINDS * 2, strict=True):
        picture = shown(person, kind, lot)
        right += compare(picture.image, reference(person)).same
        wrong += compare(picture.image, reference(other)).same
    assert right >= 9
    assert wrong == 0


def test_the_answer_gives_reasons() -> None:
    picture = shown("nova", "art", random.Random(3))
    friend, stranger = (compare(picture.image, reference(person), picture.box) for person in ("nova", "mira"))
    assert friend.same
    assert friend.score >= friend.threshold == THRESHOLD
    assert friend.reasons[0].startswith("face alike")
    assert not stranger.same
    assert any("different" in reason for reason in stranger.reasons)
    assert SEARCHED_THRESHOLD > THRESHOLD


def test_a_picture_is_exactly_like_itself() -> None:
    image = reference("nova")
    whole = CharacterBox(x=0, y=0, width=image.width, height=image.height)
    assert compare(image, image, whole, whole).score == 100


def test_a_picture_without_a_figure_is_not_alike() -> None:
    blank = Image.new("RGB", (400, 400), "#c89070")
    assert not compare(blank, reference("nova"), CharacterBox(x=0, y=0, width=400, height=400)).same
    assert not compare(blank, reference("nova")).same


@pytest.mark.parametrize("box", [(0, 0, 500, 100), (-1, 0, 50, 50), (0, 0, 7, 50), (390, 390, 20, 20), (0, 0, 0, 0)])
def test_a_box_is_inside_the_picture(box: tuple[int, int, int, int]) -> None:
    x, y, width, height = box
    blank = Image.new("RGB", (400, 400))
    with pytest.raises(StudioError, match=r"^invalid: the box"):
        compare(blank, reference("nova"), CharacterBox(x=x, y=y, width=width, height=height))


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, b"<svg/>"])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(StudioError, match=r"^unreadable: "):
        open_image(data)


def test_a_picture_with_too_many_pixels_is_refused() -> None:
    buffer = BytesIO()
    Image.new("1", (6_000, 6_000)).save(buffer, "PNG")
    with pytest.raises(StudioError, match=r"^too_large: "):
        open_image(buffer.getvalue())
