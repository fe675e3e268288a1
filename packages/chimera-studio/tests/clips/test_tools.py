"""The tools for clips and speech through the SDK's own client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from mcp import Client
from mcp.server.mcpserver import MCPServer
from mcp_types import CallToolResult, TextContent
from PIL import Image
from sounding import voice_file
from watching import heard, watched

from chimera_studio.clips.encoding import RATE, read_wav
from chimera_studio.clips.music import TARGET_LUFS
from chimera_studio.clips.requests import VideoAnswer, VoiceAnswer
from chimera_studio.clips.tools import add_motion_tools
from chimera_studio.clips.voice import VARIABLE
from chimera_studio.studio import Studio

SHORT = {"character_reference_id": "mira", "title": "Hello", "width": 720, "height": 1_280, "duration_ms": 3_000}
SCENE = {"heading": "One"}


@asynccontextmanager
async def studio(folder: Path) -> AsyncIterator[Client]:
    server: MCPServer[None] = MCPServer("studio", log_level="WARNING")
    add_motion_tools(server, Studio(folder / "shelf"))
    async with Client(server) as client:
        yield client


@pytest.fixture(autouse=True)
def no_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def refusal(result: CallToolResult) -> str:
    assert result.is_error
    content = result.content[0]
    assert isinstance(content, TextContent)
    return content.text


def video(result: CallToolResult) -> VideoAnswer:
    assert not result.is_error, result.content
    return VideoAnswer.model_validate(result.structured_content)


def shelved(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))


async def test_a_daily_clip_is_what_the_answer_says(tmp_path: Path) -> None:
    steps: list[tuple[float, float | None]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        assert message == f"frame {int(done)} of 90"
        steps.append((done, total))

    async with studio(tmp_path) as client:
        told = video(await client.call_tool("generate_video", {**SHORT, "seed": 5}, progress_callback=progress))
        again = video(await client.call_tool("generate_video", {**SHORT, "seed": 5}))
    (file,) = told.files
    path = shelved(file.uri)
    assert (path.parent, path.name) == (tmp_path / "shelf", f"{file.sha256}.mp4")
    assert sha256(path.read_bytes()).hexdigest() == file.sha256 == again.files[0].sha256
    seen = watched(path)
    assert seen.size == (file.width, file.height) == (720, 1_280)
    assert (seen.video_codec, seen.audio_codec) == (file.video_codec, file.audio_codec)
    assert abs(seen.length_ms - file.duration_ms) < 1_000 / 30 and seen.frame_rate == file.frame_rate
    assert (file.media_type, file.size_bytes) == ("video/mp4", path.stat().st_size)
    assert (told.seed, told.voice, told.character_reference_id, told.captions) == (5, "", "mira", [])
    assert told.generation_duration_ms > 0 and told.model == "chimera-studio/1.1.0"
    assert steps[0] == (0, 90) and steps[-1] == (90, 90)
    assert sorted(path.suffix for path in (tmp_path / "shelf").iterdir()) == [".mp4", ".png"]


async def test_the_poster_shows_where_the_character_is(tmp_path: Path) -> None:
    async with studio(tmp_path) as client:
        poster = video(await client.call_tool("generate_video", SHORT)).poster
    with Image.open(shelved(poster.uri)) as picture:
        assert picture.size == (poster.width, poster.height) == (720, 1_280)
    box = poster.character_box
    assert 0 <= box.x < box.x + box.width <= 720 and 0 <= box.y < box.y + box.height <= 1_280


async def test_a_hero_clip_tells_its_scenes_with_a_voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(voice_file(tmp_path)))
    still = Studio(tmp_path / "shelf").keep(png(tmp_path), "png")
    scenes = [{"text": "Hi."}, {"text": "Bye.", "image": still.uri}]
    request = {"character_reference_id": "mira", "tier": "hero", "title": "Two", "scenes": scenes}
    async with studio(tmp_path) as client:
        told = video(
            await client.call_tool("generate_video", {**request, "width": 720, "height": 1_280, "voice": "required"})
        )
    assert [one.text for one in told.captions] == ["Hi.", "Bye."]
    assert told.voice == "tones" and "piper-tts" in told.model
    assert len(watched(shelved(told.files[0].uri)).frames) == round(told.files[0].duration_ms * 30 / 1_000)


def png(folder: Path) -> bytes:
    path = folder / "still.png"
    Image.linear_gradient("L").convert("RGB").save(path)
    return path.read_bytes()


async def test_speech_is_kept_with_the_timing_of_its_phrases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(voice_file(tmp_path)))
    request = {"character_reference_id": "mira", "text": "Good morning. This is a test."}
    async with studio(tmp_path) as client:
        results = [await client.call_tool("generate_voice", request) for _ in range(2)]
        silent = await client.call_tool("generate_voice", {**request, "text": "👍 …"})
    told, again = (VoiceAnswer.model_validate(result.structured_content) for result in results)
    (file,) = told.files
    assert file.sha256 == again.files[0].sha256
    sound, rate = read_wav(shelved(file.uri))
    assert rate == file.sample_rate == RATE and round(len(sound) * 1_000 / rate) == file.duration_ms
    assert abs(heard(shelved(file.uri))[0] - TARGET_LUFS) <= 4  # their meter takes one channel for half of two
    assert [one.text for one in told.captions] == ["Good morning.", "This is a test."]
    assert told.captions[-1].end_ms <= file.duration_ms
    assert "invalid: there is nothing in the text to say" in refusal(silent)


async def test_without_a_voice_speech_is_unavailable_and_says_what_to_do(tmp_path: Path) -> None:
    async with studio(tmp_path) as client:
        for tool, more in (
            ("generate_voice", {"text": "Hi."}),
            ("generate_video", {"text": "Hi.", "voice": "required"}),
        ):
            said = refusal(await client.call_tool(tool, {"character_reference_id": "mira", **more}))
            assert f"unavailable: set {VARIABLE} to a Piper voice" in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"character_reference_id": "../x"}, "invalid: character_reference_id"),
        ({"width": 1_920, "height": 1_080}, "invalid: a clip is 1080 by 1920 or 720 by 1280"),
        ({"duration_ms": 2_999}, "invalid: a clip lasts 3000 to 60000 ms, not 2999"),
        ({"duration_ms": 60_001}, "invalid: a clip lasts"),
        ({"palette": "plaid"}, "invalid: a palette is one of"),
        ({"title": ""}, "invalid: a clip has a text, a title or an image"),
        ({"title": "\u200b \x07"}, "invalid: a clip has a text, a title or an image"),
        ({"text": "word " * 100}, "too_long: the text needs"),
        ({"scenes": [SCENE, SCENE]}, "invalid: scenes belong to a hero clip"),
        ({"tier": "hero"}, "invalid: a hero clip has 2 to 6 scenes, not 0"),
        ({"tier": "hero", "scenes": [SCENE]}, "invalid: a hero clip has 2 to 6 scenes, not 1"),
        ({"tier": "hero", "scenes": [SCENE, SCENE], "text": "x"}, "invalid: a hero clip has its texts"),
        ({"image": "file:///etc/passwd"}, "outside:"),
        ({"image": "https://example.com/a.png"}, "invalid:"),
    ],
)
async def test_what_is_out_of_bounds_is_refused_and_nothing_is_kept(
    change: dict[str, object], message: str, tmp_path: Path
) -> None:
    async with studio(tmp_path) as client:
        said = refusal(await client.call_tool("generate_video", {**SHORT, **change}))
    assert message in said
    assert list((tmp_path / "shelf").iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [
        {"title": "x" * 121},
        {"text": "x" * 1_001},
        {"seed": -1},
        {"mood": "sad"},
        {"tier": "huge"},
        {"scenes": [SCENE] * 7},
    ],
)
async def test_what_the_schema_does_not_allow_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    async with studio(tmp_path) as client:
        assert "validation error" in refusal(await client.call_tool("generate_video", {**SHORT, **change}))


async def test_a_file_that_is_no_picture_is_unreadable(tmp_path: Path) -> None:
    kept = Studio(tmp_path / "shelf").keep(b"no picture", "png")
    async with studio(tmp_path) as client:
        assert "unreadable:" in refusal(await client.call_tool("generate_video", {**SHORT, "image": kept.uri}))
