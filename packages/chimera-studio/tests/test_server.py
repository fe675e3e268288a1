"""The studio's picture tools through the SDK's own client: in memory, and over stdio as a process of its own."""

import hashlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, TextContent
from PIL import Image

from chimera_studio.__main__ import main
from chimera_studio.requests import ImageAnswer, Likeness
from chimera_studio.server import build_server
from chimera_studio.studio import MODEL, Studio

SOURCE = os.pathsep.join(path for path in sys.path if path)
CARD = {
    "kind": "card",
    "title": "Hello",
    "text": "World",
    "character_reference_id": "nova",
    "width": 320,
    "height": 400,
}


@asynccontextmanager
async def in_memory(out: Path) -> AsyncIterator[Client]:
    async with Client(build_server(Studio(out))) as client:
        yield client


def over_stdio(out: Path) -> Client:
    command = ["-m", "chimera_studio", "--out", str(out)]
    return Client(
        StdioServerParameters(command=sys.executable, args=command, env={"PYTHONPATH": SOURCE}),
        read_timeout_seconds=60,
    )


def image_answer(result: CallToolResult) -> ImageAnswer:
    assert not result.is_error, result.content
    return ImageAnswer.model_validate(result.structured_content)


def likeness(result: CallToolResult) -> Likeness:
    assert not result.is_error, result.content
    return Likeness.model_validate(result.structured_content)


def refusal(result: CallToolResult) -> str:
    """What the studio said, without the SDK's words before it."""
    assert result.is_error
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text.split(": ", 1)[1]


def kept_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def plant_secret(folder: Path, kept: Path) -> None:
    """A picture beside the studio's folder, and a link to it inside."""
    (folder / "secret.png").write_bytes(kept.read_bytes())
    (folder / "out" / "link.png").symlink_to(folder / "secret.png")


def path_of(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))


async def test_over_stdio_as_its_own_process(tmp_path: Path) -> None:
    async with over_stdio(tmp_path / "out") as client:
        assert client.server_info is not None
        assert client.server_info.name == "studio-mcp"
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert {"generate_image", "draw_character", "compare_likeness"} <= tools
        answer = image_answer(await client.call_tool("generate_image", CARD))
    (file,) = answer.files
    data = path_of(file.uri).read_bytes()
    assert hashlib.sha256(data).hexdigest() == file.sha256
    assert path_of(file.uri) == (tmp_path / "out").resolve() / f"{file.sha256}.png"
    with Image.open(BytesIO(data)) as image:
        assert (image.width, image.height, image.get_format_mimetype()) == (file.width, file.height, file.media_type)
    assert (answer.model, answer.seed, answer.character_reference_id) == (MODEL, 1, "nova")
    assert answer.generation_duration_ms > 0
    assert answer.cut == []
    async with in_memory(tmp_path / "other") as client:
        again = image_answer(await client.call_tool("generate_image", CARD))
    assert again.files[0].sha256 == file.sha256


async def test_a_carousel_reports_its_progress(tmp_path: Path) -> None:
    told: list[tuple[float, float | None]] = []

    async def listen(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total))

    slides = [{"title": f"Slide {n}", "text": "Words " * (900 if n == 1 else 1)} for n in range(3)]
    slides[1]["text"] = slides[1]["text"][:4_000]
    request = {**CARD, "kind": "carousel", "slides": slides}
    async with in_memory(tmp_path) as client:
        result = await client.call_tool("generate_image", request, progress_callback=listen)
    answer = image_answer(result)
    assert len({file.sha256 for file in answer.files}) == 3
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert [cut.part for cut in answer.cut] == ["slide 1: text"]


async def test_the_character_in_a_picture_is_recognised(tmp_path: Path) -> None:
    async with in_memory(tmp_path) as client:
        request = {"kind": "art", "character_reference_id": "nova", "width": 540, "height": 675}
        art = image_answer(await client.call_tool("generate_image", request)).files[0]
        sheets = {}
        for person in ("nova", "mira"):
            drawn = image_answer(await client.call_tool("draw_character", {"character_reference_id": person}))
            sheets[person] = drawn.files[0].uri
        box = art.character_box.model_dump()
        same = likeness(
            await client.call_tool("compare_likeness", {"image": art.uri, "reference": sheets["nova"], "box": box})
        )
        other = likeness(
            await client.call_tool("compare_likeness", {"image": art.uri, "reference": sheets["mira"], "box": box})
        )
        searched = likeness(await client.call_tool("compare_likeness", {"image": art.uri, "reference": sheets["nova"]}))
    assert (same.same, other.same, searched.same) == (True, False, True)
    assert same.score - other.score > 20


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"title": "x" * 401}, "too_long"),
        ({"width": 5_000}, "too_large"),
        ({"palette": "beige"}, "invalid"),
        ({"kind": "chart"}, "invalid"),
        ({"kind": "carousel", "slides": [{"title": "x"}] * 11}, "too_many"),
        ({"character_reference_id": "../../x"}, "invalid"),
    ],
)
async def test_a_refusal_starts_with_its_word_and_keeps_no_file(
    tmp_path: Path, change: dict[str, object], word: str
) -> None:
    async with in_memory(tmp_path) as client:
        text = refusal(await client.call_tool("generate_image", {**CARD, **change}))
    assert text.startswith(f"{word}: "), text
    assert kept_in(tmp_path) == []


async def test_files_of_others_are_not_compared(tmp_path: Path) -> None:
    out = tmp_path / "out"
    async with in_memory(out) as client:
        kept = image_answer(await client.call_tool("generate_image", CARD)).files[0].uri
        plant_secret(tmp_path, path_of(kept))
        for uri, word in (
            ((tmp_path / "secret.png").as_uri(), "outside"),
            (f"{out.as_uri()}/../secret.png", "outside"),
            ((out / "link.png").as_uri(), "outside"),
            ((out / "gone.png").as_uri(), "unknown_file"),
            ("https://example.com/a.png", "invalid"),
        ):
            for pair in ({"image": uri, "reference": kept}, {"image": kept, "reference": uri}):
                text = refusal(await client.call_tool("compare_likeness", pair))
                assert text.startswith(f"{word}: "), text
        noise = Studio(out).keep(b"no picture", "png").uri
        text = refusal(await client.call_tool("compare_likeness", {"image": noise, "reference": kept}))
        assert text.startswith("unreadable: ")


def test_it_does_not_start_where_it_cannot_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("x")
    assert main(["--out", str(tmp_path / "file")]) == 2
    assert "cannot serve" in capsys.readouterr().err
