"""Pictures and clips of pieces: made as configured, held against their files and the character, signed truthfully."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import JsonValue
from tests.roles.fakes import FakeTools, make_setting, make_task
from tests.roles.treasuries import FakeTreasury

from chimera.campaigns.types.messages import TaskContext
from chimera.errors import ToolFailed, Unavailable
from chimera.gateways.mcp.types import ToolRecord
from chimera.media.types import Generator, MediaFacts, MediaItem, StoredFile, storage_uri
from chimera.money.service.usage_billing import Meter
from chimera.roles.media import MediaService
from chimera.settings import Settings
from chimera.tasks.types.messages import Task
from chimera.tasks.types.work import Artifact
from chimera.wiring.tools import generators
from chimera_credentials.types import FileStatement, SourceType
from chimera_protocol.errors import Invalid, NotFound

METER = Meter(FakeTreasury(), FakeTreasury())
"""For generators that cost nothing."""

SHA = "a" * 64
SHOWN = f"file:///studio/{SHA}.png"
POSTER = f"file:///studio/{'b' * 64}.png"
BOX: dict[str, JsonValue] = {"x": 1, "y": 2, "width": 30, "height": 40}
PICTURE = MediaFacts(media_type="image/png", encoding_format="image/png", width=1080, height=1350)
CLIP = MediaFacts(media_type="video/mp4", encoding_format='video/mp4; codecs="avc1"', width=1080, height=1920)
SHEET: dict[str, JsonValue] = {"files": [{"uri": "file:///studio/sheet.png"}], "model": "chimera-studio/1.0.0"}
ALIKE: dict[str, JsonValue] = {"same": True, "score": 96}


def drawn(**changed: JsonValue) -> dict[str, JsonValue]:
    """A generator's answer, with more in it than we ask for."""
    told: dict[str, JsonValue] = {
        "files": [{"uri": SHOWN, "sha256": SHA, "width": 1080, "character_box": BOX}],
        "model": "chimera-studio/1.0.0",
        "seed": 7,
        "palette": "dusk",
        "generation_duration_ms": 60,
        "cut": [],
    }
    return {**told, **changed}


@dataclass
class FakeShelf:
    """`ports.Shelf`: every file is the one of the test."""

    facts: MediaFacts = PICTURE
    error: Exception | None = None
    taken: list[str] = field(default_factory=list)
    statements: list[FileStatement] = field(default_factory=list)

    async def ingest(self, uri: str) -> tuple[StoredFile, MediaFacts]:
        if self.error is not None:
            raise self.error
        self.taken.append(uri)
        media_type = self.facts.media_type
        stored = StoredFile(storage_uri=storage_uri(SHA, media_type), sha256=SHA, media_type=media_type, size=1)
        return stored, self.facts

    async def measure(self, storage_uri: str) -> MediaFacts:
        if self.error is not None:
            raise self.error
        return self.facts

    async def sign(self, item: MediaItem, statement: FileStatement) -> MediaItem:
        self.statements.append(statement)
        return item.model_copy(update={"unsigned_sha256": item.sha256})

    async def export_copy(self, storage_uri: str) -> str:
        raise AssertionError("only the Publisher lends")


@pytest.fixture
def makers(tmp_path: Path) -> Mapping[str, Generator]:
    """The generators of the bundled studio, as they are configured."""
    return generators(Settings(state=tmp_path))


def wanting(media: str | None, **more: JsonValue) -> Task:
    given: dict[str, JsonValue] = {"topic": "old light", **more}
    return make_task(parameters=given if media is None else {**given, "media": media})


async def made(
    answer: dict[str, JsonValue] | Exception,
    makers: Mapping[str, Generator],
    media: str = "image",
    shelf: FakeShelf | None = None,
) -> MediaItem:
    gallery = MediaService(FakeTools(answers=[answer]), shelf or FakeShelf(), makers, METER)
    (item,) = await gallery.make(wanting(media), make_setting(), "Old light is old.", [])
    return item


def artifact(item: MediaItem, *more: MediaItem) -> Artifact:
    return Artifact(type="text", content="Old light is old.", media=[item, *more])


@pytest.mark.parametrize("media", [None, "none"])
async def test_a_piece_that_wants_nothing_shown_gets_nothing(
    media: str | None, makers: Mapping[str, Generator]
) -> None:
    tools, log = FakeTools(), list[ToolRecord]()
    assert (
        await MediaService(tools, FakeShelf(), makers, METER).make(wanting(media), make_setting(), "Hello", log) == []
    )
    assert (tools.calls, log) == ([], [])


async def test_a_picture_is_asked_for_as_configured_and_taken_in(makers: Mapping[str, Generator]) -> None:
    tools, shelf, log = FakeTools(answers=[drawn()]), FakeShelf(), list[ToolRecord]()
    gallery = MediaService(tools, shelf, makers, METER)
    (item,) = await gallery.make(wanting("image"), make_setting(), "1/2 Old light is old. #stars", log)
    ((server, tool, asked),) = tools.calls
    assert (server, tool, [record.tool for record in log]) == ("studio-mcp", "generate_image", ["generate_image"])
    assert asked["text"] == "Old light is old."
    assert (asked["footer"], asked["character_reference_id"], asked["tier"]) == ("@nora", "Nora", "daily")
    assert asked["kind"] in {"card", "quote", "art"}
    assert isinstance(asked["seed"], int)
    assert shelf.taken == [SHOWN]
    assert (item.sha256, item.storage_uri, item.facts) == (SHA, storage_uri(SHA, "image/png"), PICTURE)
    assert (item.shown_at, item.shown_in, item.character_reference_id) == (SHOWN, BOX, "Nora")
    assert (item.model, item.seed, item.generation_duration_ms) == ("chimera-studio/1.0.0", 7, 60)
    assert item.alt.endswith("Old light is old.")


async def test_the_same_wish_has_the_same_seed_and_a_revision_another(makers: Mapping[str, Generator]) -> None:
    tools = FakeTools(data=drawn())
    gallery = MediaService(tools, FakeShelf(), makers, METER)
    task = wanting("image")
    for one in (task, task, task.model_copy(update={"revision": 1}), wanting("image", ordinal=2)):
        await gallery.make(one, make_setting(), "Old light is old.", [])
    seeds = [asked["seed"] for _, _, asked in tools.calls]
    assert seeds[0] == seeds[1]
    assert len({str(seed) for seed in seeds}) == 3


async def test_a_clip_is_shown_by_its_poster(makers: Mapping[str, Generator]) -> None:
    answer = drawn(files=[{"uri": f"file:///studio/{SHA}.mp4"}], poster={"uri": POSTER, "character_box": BOX})
    shelf = FakeShelf(CLIP)
    item = await made(answer, makers, "clip", shelf)
    assert (item.facts, item.shown_at, item.shown_in) == (CLIP, POSTER, BOX)
    assert shelf.taken == [f"file:///studio/{SHA}.mp4"]


async def test_a_wish_that_nothing_fulfils_says_what_there_is(makers: Mapping[str, Generator]) -> None:
    with pytest.raises(Invalid, match="nothing makes 'hologram'") as caught:
        await MediaService(FakeTools(), FakeShelf(), makers, METER).make(
            wanting("hologram"), make_setting(), "Hello", []
        )
    assert caught.value.remedy == "media is one of: clip, image."


@pytest.mark.parametrize(
    "changed",
    [
        {"files": None},
        {"files": []},
        {"files": ["a"]},
        {"files": [{"path": "/tmp/a.png"}]},
        {"files": [{"uri": 3}]},
        {"files": [{"uri": "u" * 5_000}]},
        {"files": [{"uri": SHOWN, "character_box": {"x": "left"}}]},
        {"poster": "a"},
        {"model": ""},
        {"model": None},
        {"model": "m" * 200},
        {"seed": -1},
        {"seed": "seven"},
        {"generation_duration_ms": -1},
        {"generation_duration_ms": 10**12},
    ],
)
async def test_an_answer_that_is_no_file_fails_the_tool_and_nothing_else(
    changed: dict[str, JsonValue], makers: Mapping[str, Generator]
) -> None:
    shelf = FakeShelf()
    with pytest.raises(ToolFailed, match="studio-mcp") as caught:
        await made(drawn(**changed), makers, shelf=shelf)
    assert not caught.value.uncertain
    assert shelf.taken == []


async def test_failures_of_the_tool_and_of_the_shelf_come_through(makers: Mapping[str, Generator]) -> None:
    with pytest.raises(ToolFailed, match="away"):
        await made(ToolFailed("it is away", uncertain=False), makers)
    with pytest.raises(Invalid, match="no media"):
        await made(drawn(), makers, shelf=FakeShelf(error=Invalid("no media")))


async def test_a_picture_of_the_character_has_no_objections(makers: Mapping[str, Generator]) -> None:
    item = await made(drawn(), makers)
    tools = FakeTools(answers=[SHEET, ALIKE])
    assert await MediaService(tools, FakeShelf(), makers, METER).objections(artifact(item), make_setting()) == []
    assert [tool for _, tool, _ in tools.calls] == ["draw_character", "compare_likeness"]
    assert tools.calls[0][2] == {"character_reference_id": "Nora"}
    assert tools.calls[1][2] == {"image": SHOWN, "reference": "file:///studio/sheet.png", "box": BOX}


async def test_a_piece_without_pictures_is_not_looked_at(makers: Mapping[str, Generator]) -> None:
    tools = FakeTools()
    piece = Artifact(type="text", content="Hello")
    assert await MediaService(tools, FakeShelf(), makers, METER).objections(piece, make_setting()) == []
    assert tools.calls == []


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"facts": CLIP}, "is not what the result says it is"),
        ({"sha256": "c" * 64}, "is not what the result says it is"),
        ({"storage_uri": storage_uri("c" * 64, "image/png")}, "is not what the result says it is"),
        ({"storage_uri": storage_uri(SHA, "image/jpeg")}, "is not what the result says it is"),
        ({"character_reference_id": "Theo"}, "is made for the character Theo, not Nora"),
        ({"shown_at": POSTER}, "is not the picture that its maker shows"),
        ({"shown_at": ""}, "is not the picture that its maker shows"),
    ],
)
async def test_a_result_that_says_what_is_not_so_is_objected_to_without_asking_anybody(
    changed: dict[str, object], why: str, makers: Mapping[str, Generator]
) -> None:
    item = (await made(drawn(), makers)).model_copy(update=changed)
    tools = FakeTools(answers=[SHEET, ALIKE])
    found = await MediaService(tools, FakeShelf(), makers, METER).objections(artifact(item), make_setting())
    assert found == [f"picture or clip 1 {why}"]
    assert tools.calls == []


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([SHEET, {"same": False, "score": 41}], "does not show the influencer's character (likeness 41 of 100)"),
        ([SHEET, {"same": "yes", "score": 99}], "does not show the influencer's character (likeness 99 of 100)"),
        ([SHEET, {}], "does not show the influencer's character (likeness None of 100)"),
        ([{"files": []}], "could not be looked at: studio-mcp answered with something else than files"),
        ([SHEET, ToolFailed("it is away", uncertain=False)], "could not be looked at: it is away"),
    ],
)
async def test_what_is_not_plainly_the_character_does_not_pass(
    answers: list[dict[str, JsonValue] | Exception], why: str, makers: Mapping[str, Generator]
) -> None:
    item = await made(drawn(), makers)
    tools = FakeTools(answers=answers)
    found = await MediaService(tools, FakeShelf(), makers, METER).objections(artifact(item), make_setting())
    assert found == [f"picture or clip 1 {why}"]


async def test_a_store_that_is_away_is_waited_for_and_nothing_passes_meanwhile(
    makers: Mapping[str, Generator],
) -> None:
    item = await made(drawn(), makers)
    away = MediaService(FakeTools(), FakeShelf(error=Unavailable("the bucket is away")), makers, METER)
    with pytest.raises(Unavailable):
        await away.objections(artifact(item), make_setting())


async def test_what_is_missing_or_cannot_be_compared_does_not_pass_either(makers: Mapping[str, Generator]) -> None:
    item = await made(drawn(), makers)
    gone = MediaService(FakeTools(), FakeShelf(error=NotFound("it is gone")), makers, METER)
    assert await gone.objections(artifact(item), make_setting()) == [
        "picture or clip 1 could not be looked at: it is gone"
    ]
    blind = makers["image"].model_copy(update={"likeness": None})
    for configured in ({}, {"image": blind}, {"clip": makers["clip"]}):
        gallery = MediaService(FakeTools(answers=[SHEET, ALIKE]), FakeShelf(), configured, METER)
        (objection,) = await gallery.objections(artifact(item), make_setting())
        assert "no tool for that is configured" in objection


async def test_each_of_several_is_looked_at_and_named_by_its_number(makers: Mapping[str, Generator]) -> None:
    item = await made(drawn(), makers)
    clip = await made(drawn(poster={"uri": POSTER}), makers, "clip")
    tools = FakeTools(answers=[SHEET, ALIKE, SHEET, {"same": False, "score": 3}])
    other = item.model_copy(update={"character_reference_id": "Theo"})
    found = await MediaService(tools, FakeShelf(), makers, METER).objections(
        artifact(item, other, clip), make_setting()
    )
    assert [objection.split()[3] for objection in found] == ["2", "3"]


async def test_a_soul_with_a_face_of_its_own_is_held_to_that_one(makers: Mapping[str, Generator]) -> None:
    plain = make_setting()
    soul = plain.persona.soul.model_copy(update={"character_reference_id": "nora:v2"})
    persona = plain.persona.model_copy(update={"soul": soul})
    setting = TaskContext(persona=persona, policy=plain.policy, brief=plain.brief)
    gallery = MediaService(FakeTools(answers=[drawn(), SHEET, ALIKE]), FakeShelf(), makers, METER)
    (item,) = await gallery.make(wanting("image"), setting, "Hello", [])
    assert item.character_reference_id == "nora:v2"
    assert await gallery.objections(artifact(item), setting) == []
    (objection,) = await gallery.objections(artifact(item), plain)
    assert "is made for the character nora:v2, not Nora" in objection


@pytest.mark.parametrize(
    ("model", "source"),
    [
        ("chimera-studio/1.0.0", SourceType.ALGORITHMIC_MEDIA),
        ("flux-2", SourceType.TRAINED_ALGORITHMIC_MEDIA),
        ("not-chimera-studio/1", SourceType.TRAINED_ALGORITHMIC_MEDIA),
    ],
)
async def test_the_credentials_say_truly_whether_a_trained_model_drew(
    model: str, source: SourceType, makers: Mapping[str, Generator]
) -> None:
    shelf, task = FakeShelf(), wanting("image")
    item = await made(drawn(model=model), makers)
    signed = await MediaService(FakeTools(), shelf, makers, METER).sign(item, "asset-1", task, "d" * 64)
    assert signed.unsigned_sha256 == SHA
    (statement,) = shelf.statements
    assert (statement.asset_id, statement.soul_hash, statement.prompt_hash) == ("asset-1", task.soul_hash, "d" * 64)
    assert (statement.model, statement.seeds, statement.source_type) == (model, (7,), source)
