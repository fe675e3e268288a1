"""Whatever is written, at whatever size: every text stays on the canvas, and no text lies on another or on the face."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chimera_studio.pictures import drawing as pictures
from chimera_studio.requests import ImageRequest, Row, Slide
from chimera_studio.scenes import Scene

SIDES = st.sampled_from((64, 99, 160, 320, 1_080, 1_350, 1_920, 2_160)) | st.integers(64, 2_160)
SCRIPTS = st.sampled_from(
    (
        "word ",
        "שלום (hello) ",
        "مرحبا بالعالم ",
        "東京の夜、",
        "한국어 문장 ",
        "हिन्दी ",
        "👩‍🚀🔥",
        "Llanfairpwllgwyngyll",
        "\n",
        "—/-",
        "é̂̃",
        "\u202etxet\u202c",
    )
)
TEXTS = st.text(max_size=120) | st.lists(SCRIPTS, max_size=60).map("".join)
LABELS = st.text(max_size=30)
VALUES = st.floats(-1e15, 1e15, allow_nan=False) | st.integers(-100, 100).map(float)


@st.composite
def requests(draw: st.DrawFn) -> ImageRequest:
    rows = draw(st.lists(st.builds(Row, label=LABELS, value=VALUES), min_size=2, max_size=24))
    slides = draw(st.lists(st.builds(Slide, title=TEXTS.map("t".__add__), text=TEXTS), min_size=1, max_size=4))
    return ImageRequest(
        kind=draw(st.sampled_from(("card", "quote", "chart", "carousel", "art"))),
        title="T" + draw(TEXTS),
        text="B" + draw(TEXTS) * draw(st.sampled_from((1, 1, 8))),
        footer=draw(st.text(max_size=80)),
        data=tuple(rows),
        chart=draw(st.sampled_from(("bar", "line"))),
        unit=draw(st.sampled_from(("", "%", "kg", "€"))),
        slides=tuple(slides),
        seed=draw(st.integers(0, 59)),
        character_reference_id=draw(st.sampled_from(("nova", "mira", "ada"))),
        width=draw(SIDES),
        height=draw(SIDES),
        language=draw(st.sampled_from(("en", "ja", "ar", "zh-TW"))),
    )


def ink_boxes(scene: Scene) -> list[tuple[str, tuple[float, float, float, float]]]:
    """Where lines of each text really are."""
    return [(name, block.ink) for name, block in scene.blocks.items() if block.lines]


def overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float], by: float) -> bool:
    return min(one[2], other[2]) - max(one[0], other[0]) > by and min(one[3], other[3]) - max(one[1], other[1]) > by


def check_layout(scene: Scene) -> None:
    boxes = ink_boxes(scene)
    for name, (left, top, right, bottom) in boxes:
        assert left >= -0.51, name
        assert top >= -0.51, name
        assert right <= scene.width + 0.51, name
        assert bottom <= scene.height + 0.51, name
    for number, (name, box) in enumerate(boxes):
        for other, another in boxes[number + 1 :]:
            assert not overlap(box, another, 0.51), (name, other, box, another)
    assert scene.character is not None
    face = scene.character.inset(scene.character.width * 0.15)
    for name, box in boxes:
        assert not overlap(box, (face.x, face.y, face.right, face.bottom), 0.51), name


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(requests())
def test_no_text_leaves_the_canvas_or_lies_on_another(request: ImageRequest) -> None:
    for scene in pictures.draw(request, pictures.check(request)):
        check_layout(scene)


@given(requests(), st.integers(0, 59))
def test_the_character_is_on_every_picture_and_on_the_canvas(request: ImageRequest, seed: int) -> None:
    seeded = request.model_copy(update={"seed": seed})
    for scene in pictures.draw(seeded, pictures.check(seeded)):
        box = pictures.seen(scene)
        assert box.x >= 0
        assert box.y >= 0
        assert box.width >= 8
        assert box.height >= 8
        assert box.x + box.width <= seeded.width
        assert box.y + box.height <= seeded.height


def test_the_check_itself_notices_what_it_is_for() -> None:
    request = ImageRequest(kind="card", title="One", text="Two", character_reference_id="nova")
    scene = next(pictures.draw(request, pictures.check(request)))
    check_layout(scene)
    for spoiled in (
        scene.blocks["title"].moved(2_000, 0),
        scene.blocks["title"].moved(0, scene.blocks["text"].y - scene.blocks["title"].y),
    ):
        broken = Scene(scene.width, scene.height, "#ffffff", blocks={**scene.blocks, "title": spoiled})
        broken.character = scene.character
        try:
            check_layout(broken)
        except AssertionError:
            continue
        raise AssertionError("a broken layout was not noticed")
