"""The studio's MCP face for pictures: parse, draw on a thread, keep, answer."""

import time
from collections.abc import Callable, Iterator
from typing import Annotated, TypeVar

from anyio import to_thread
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field

from chimera_studio.characters import likeness, sheets
from chimera_studio.clips.tools import add_motion_tools
from chimera_studio.palettes import NAMED, Palette, palette_for
from chimera_studio.pictures import drawing as pictures
from chimera_studio.requests import (
    CharacterBox,
    ChartKind,
    Cut,
    ImageAnswer,
    ImageRequest,
    KeptImage,
    Kind,
    Likeness,
    Row,
    Slide,
    Tier,
)
from chimera_studio.rules import DrawingRefused, StudioError, check_reference
from chimera_studio.scenes import Scene
from chimera_studio.studio import MODEL, VERSION, Studio

Answer = TypeVar("Answer")
Seed = Annotated[int, Field(ge=0, le=2**53 - 1, description="the same request and seed give the same bytes")]
Reference = Annotated[
    str, Field(description="the character that every picture shows: 1 to 128 letters, digits, . _ : -")
]
Colours = Annotated[
    str,
    Field(
        description=f"one of {', '.join(sorted(NAMED))}, or 1 to 5 colours such as #0a7d8c; empty: the character's own"
    ),
]
Side = Annotated[int, Field(description="in pixels, 64 to 2160; posts are 1080x1350, 1080x1080 or 1920x1080")]
Uri = Annotated[str, Field(max_length=4_096, description="file:// URI of a picture of this studio")]
Language = Annotated[str, Field(description="BCP 47, such as en, ar, ja, zh-TW; says whose Han forms are drawn")]

_MAKES = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
_READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
_INSTRUCTIONS = (
    "An offline media studio. Pictures are drawn by rule from the request and its seed; every picture shows "
    "the character "
    "of its character_reference_id. Files are kept under the hash of their content."
)


async def _threaded(act: Callable[[], Answer]) -> Answer:
    """Run what blocks on a thread and word its refusals for MCP."""
    try:
        return await to_thread.run_sync(act)
    except StudioError as error:
        raise ToolError(str(error)) from error


def build_server(studio: Studio) -> MCPServer[None]:
    """The MCP server of a studio."""
    server: MCPServer[None] = MCPServer("studio-mcp", version=VERSION, instructions=_INSTRUCTIONS, log_level="WARNING")
    _add_pictures(server, studio)
    _add_characters(server, studio)
    add_motion_tools(server, studio)
    return server


def _add_pictures(server: MCPServer[None], studio: Studio) -> None:
    @server.tool(annotations=_MAKES)
    async def generate_image(
        context: Context,
        kind: Kind,
        character_reference_id: Reference,
        seed: Seed = 1,
        title: Annotated[str, Field(description="the headline; for a quote, who said it")] = "",
        text: Annotated[str, Field(description="the body; for a quote, what was said")] = "",
        footer: Annotated[str, Field(description="a handle, a source")] = "",
        data: Annotated[list[Row] | None, Field(description="the rows of a chart, 24 at most")] = None,
        chart: ChartKind = "bar",
        unit: Annotated[str, Field(description="of the values, such as % or h or €")] = "",
        slides: Annotated[list[Slide] | None, Field(description="the slides of a carousel, 10 at most")] = None,
        width: Side = 1_080,
        height: Side = 1_350,
        tier: Annotated[Tier, Field(description="hero: art is kept with finer JPEG quality")] = "daily",
        palette: Colours = "",
        language: Language = "en",
    ) -> ImageAnswer:
        """Draw a card, a quote, a chart, a carousel (one file for each slide) or art, with the character in it."""
        started = time.monotonic()
        request = ImageRequest(
            kind=kind, title=title, text=text, footer=footer, data=tuple(data or ()), chart=chart, unit=unit,
            slides=tuple(slides or ()), seed=seed, character_reference_id=character_reference_id, width=width,
            height=height, tier=tier, palette=palette, language=language,
        )  # fmt: skip
        colours = await _threaded(lambda: pictures.check(request))
        scenes = pictures.draw(request, colours)
        total = len(request.slides) if kind == "carousel" else 1
        files: list[KeptImage] = []
        cut: list[Cut] = []
        for number in range(total):
            kept, missing = await _threaded(lambda: _finish(studio, request, scenes))
            files.append(kept)
            prefix = f"slide {number}: " if kind == "carousel" else ""
            cut += [one.model_copy(update={"part": prefix + one.part}) for one in missing]
            await context.report_progress(number + 1, total, f"picture {number + 1} of {total}")
        return _answer(request.character_reference_id, seed, colours, files, cut, started)


def _add_characters(server: MCPServer[None], studio: Studio) -> None:
    @server.tool(annotations=_MAKES)
    async def draw_character(character_reference_id: Reference, palette: Colours = "", seed: Seed = 1) -> ImageAnswer:
        """Draw the reference sheet of a character: the front view, large, at `character_box`, moods and turns
        beside it.
        """
        started = time.monotonic()

        def act() -> tuple[KeptImage, Palette]:
            check_reference(character_reference_id)
            try:
                colours = palette_for(palette, character_reference_id)
            except ValueError as error:
                raise StudioError(DrawingRefused.INVALID, str(error)) from error
            scene = sheets.sheet(character_reference_id, colours)
            return _kept(studio, scene, scene.png(), "png"), colours

        kept, colours = await _threaded(act)
        return _answer(character_reference_id, seed, colours, [kept], [], started)

    @server.tool(annotations=_READS)
    async def compare_likeness(
        image: Uri,
        reference: Uri,
        box: Annotated[
            CharacterBox | None, Field(description="where the character is; without it, it is searched for")
        ] = None,
        reference_box: Annotated[
            CharacterBox | None, Field(description="the same in the reference; a reference sheet needs none")
        ] = None,
    ) -> Likeness:
        """Say whether a picture shows the character of a reference: a perceptual measure for this studio's
        drawn figures.
        """

        def act() -> Likeness:
            shown, wanted = (likeness.open_image(studio.read(uri)) for uri in (image, reference))
            return likeness.compare(shown, wanted, box, reference_box)

        return await _threaded(act)


def _finish(studio: Studio, request: ImageRequest, scenes: Iterator[Scene]) -> tuple[KeptImage, list[Cut]]:
    """Draw the next picture and keep it."""
    scene = next(scenes)
    data, extension = pictures.encoded(scene, request)
    return _kept(studio, scene, data, extension), pictures.cuts(scene)


def _kept(studio: Studio, scene: Scene, data: bytes, extension: str) -> KeptImage:
    stored = studio.keep(data, extension)
    return KeptImage(
        uri=stored.uri, sha256=stored.sha256, media_type=stored.media_type, width=scene.width, height=scene.height,
        character_box=pictures.seen(scene),
    )  # fmt: skip


def _answer(
    reference: str, seed: int, palette: Palette, files: list[KeptImage], cut: list[Cut], started: float
) -> ImageAnswer:
    return ImageAnswer(
        files=files, model=MODEL, seed=seed, palette=palette.name, character_reference_id=reference,
        generation_duration_ms=round((time.monotonic() - started) * 1000), cut=cut,
    )  # fmt: skip
