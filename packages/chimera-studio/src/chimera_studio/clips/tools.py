"""The studio's MCP tools for what moves and what is heard: `generate_video` and `generate_voice`."""

import tempfile
import time
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import anyio.from_thread
import anyio.to_thread
from anyio import CapacityLimiter
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from PIL import Image
from pydantic import Field

from chimera_studio import rules
from chimera_studio.characters.likeness import open_image
from chimera_studio.clips.captions import Caption, TimingError
from chimera_studio.clips.encoding import FRAME_RATE, RATE, EncodingError, Size, write_wav
from chimera_studio.clips.making import LEAST_MS, MOST_MS, Clip, ClipOrder, Report, SceneOrder, make_clip, narrate
from chimera_studio.clips.music import Mood, limited
from chimera_studio.clips.requests import (
    MOST_WORDS,
    SIZES,
    Heading,
    KeptClip,
    KeptVoice,
    Kicker,
    Language,
    Length,
    Reference,
    SceneRequest,
    Seed,
    Speech,
    Still,
    TimedWords,
    VideoAnswer,
    VideoRequest,
    VoiceAnswer,
    Words,
)
from chimera_studio.clips.voice import FASTEST, SLOWEST, SpeechVoice, VoiceError, find_voice
from chimera_studio.palettes import Palette, palette_for
from chimera_studio.requests import CharacterBox, KeptImage, Tier
from chimera_studio.rules import DrawingRefused, StudioError
from chimera_studio.setting.letters import clean
from chimera_studio.studio import MODEL, DrawnFile, Studio

Answer = TypeVar("Answer")

LEAST_SCENES, MOST_SCENES = 2, 6
_MAKES = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)


class _Desk:
    """Checks requests, makes one thing at a time on a thread, and words refusals for MCP."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        # A clip keeps every core busy by itself.
        self._turn = CapacityLimiter(1)

    async def make(self, act: Callable[[], Answer]) -> Answer:
        try:
            return await anyio.to_thread.run_sync(act, limiter=self._turn)
        except StudioError as error:
            raise ToolError(str(error)) from error
        except TimingError as error:
            raise ToolError(f"{DrawingRefused.TOO_LONG}: {error}") from error
        except (VoiceError, EncodingError) as error:
            raise ToolError(f"{DrawingRefused.UNAVAILABLE}: {error}") from error

    def keep(self, extension: str, write: Callable[[Path], Answer]) -> tuple[DrawnFile, Answer]:
        """Let a file be written beside the shelf and put it there; nothing is left when that fails."""
        with tempfile.NamedTemporaryFile(
            dir=self.studio.out, prefix=".new-", suffix=f".{extension}", delete=False
        ) as new:
            path = Path(new.name)
        try:
            told = write(path)
            return self.studio.keep_file(path, extension), told
        finally:
            with suppress(FileNotFoundError):
                path.unlink()

    def picture(self, uri: str) -> Image.Image | None:
        """The picture that a URI names; None for no URI."""
        return open_image(self.studio.read(uri)) if uri else None


def add_motion_tools(server: MCPServer[None], studio: Studio) -> None:
    """Give a server the tools that make clips and speech onto the studio's shelf."""
    desk = _Desk(studio)
    _add_video(server, desk)
    _add_voice(server, desk)


def _add_video(server: MCPServer[None], desk: _Desk) -> None:
    @server.tool(annotations=_MAKES)
    async def generate_video(
        ctx: Context[None],
        character_reference_id: Reference,
        text: Words = "",
        title: Heading = "",
        kicker: Kicker = "",
        image: Still = "",
        scenes: Annotated[list[SceneRequest] | None, Field(max_length=MOST_SCENES)] = None,
        tier: Tier = "daily",
        seed: Seed = 1,
        width: int = 1_080,
        height: int = 1_920,
        duration_ms: Length = None,
        palette: Annotated[str, Field(max_length=80)] = "",
        mood: Mood = Mood.BRIGHT,
        voice: Speech = "auto",
        language: Language = "en",
    ) -> VideoAnswer:
        """Make an upright clip with captions and music: daily is one living picture, hero tells 2 to 6 scenes."""
        request = VideoRequest(
            character_reference_id=character_reference_id,
            text=text,
            title=title,
            kicker=kicker,
            image=image,
            scenes=tuple(scenes or ()),
            tier=tier,
            seed=seed,
            width=width,
            height=height,
            duration_ms=duration_ms,
            palette=palette,
            mood=mood,
            voice=voice,
            language=language,
        )

        def report(done: int, total: int) -> None:
            # Whoever asked may be gone; then nobody waits for the rest.
            anyio.from_thread.check_cancelled()
            anyio.from_thread.run(ctx.report_progress, done, total, f"frame {done} of {total}")

        return await desk.make(lambda: _video(desk, request, report))


def _video(desk: _Desk, request: VideoRequest, report: Report) -> VideoAnswer:
    started = time.monotonic()
    order = _order(desk, request)
    kept, clip = desk.keep("mp4", lambda path: make_clip(order, path, report))
    return VideoAnswer(
        files=[
            KeptClip(
                uri=kept.uri,
                sha256=kept.sha256,
                media_type=kept.media_type,
                size_bytes=kept.size,
                width=order.size.width,
                height=order.size.height,
                duration_ms=clip.duration_ms,
                frame_rate=FRAME_RATE,
            )
        ],
        poster=_poster(desk, clip),
        captions=_timed(clip.captions),
        model=f"{MODEL} {order.voice.model}" if order.voice else MODEL,
        seed=order.seed,
        palette=order.palette.name,
        mood=order.mood,
        voice=order.voice.name if order.voice else "",
        character_reference_id=order.character,
        generation_duration_ms=round((time.monotonic() - started) * 1_000),
    )


def _poster(desk: _Desk, clip: Clip) -> KeptImage:
    data = BytesIO()
    clip.poster.save(data, "PNG")
    kept = desk.studio.keep(data.getvalue(), "png")
    x, y, side = clip.character
    return KeptImage(
        uri=kept.uri,
        sha256=kept.sha256,
        media_type=kept.media_type,
        width=clip.poster.width,
        height=clip.poster.height,
        character_box=CharacterBox(x=x, y=y, width=side, height=side),
    )


def _order(desk: _Desk, request: VideoRequest) -> ClipOrder:
    """The request with everything in it checked and read."""
    rules.check_reference(request.character_reference_id)
    _check_video(request)
    told = _told(request)
    scenes = tuple(SceneOrder(clean(one.text), clean(one.heading).strip(), desk.picture(one.image)) for one in told)
    if not any(_written(scene.text + scene.heading) or scene.still for scene in scenes):
        raise StudioError(DrawingRefused.INVALID, "a clip has a text, a title or an image")
    return ClipOrder(
        character=request.character_reference_id,
        palette=_palette(request.palette, request.character_reference_id),
        size=Size(request.width, request.height),
        seed=request.seed,
        scenes=scenes,
        kicker=clean(request.kicker).strip(),
        mood=request.mood,
        voice=_voice(request.voice, scenes),
        duration_ms=request.duration_ms,
        language=request.language,
    )


def _add_voice(server: MCPServer[None], desk: _Desk) -> None:
    @server.tool(annotations=_MAKES)
    async def generate_voice(
        ctx: Context[None],
        character_reference_id: Reference,
        text: Annotated[str, Field(max_length=MOST_WORDS)],
        speed: Annotated[float, Field(ge=SLOWEST, le=FASTEST)] = 1.0,
        tier: Tier = "daily",
        seed: Seed = 1,
    ) -> VoiceAnswer:
        """Let the installed voice speak a text; both tiers use the same voice, and no lot is drawn for it."""
        await ctx.report_progress(0, 1, "speaking")
        answer = await desk.make(lambda: _speech(desk, character_reference_id, text, speed, seed))
        await ctx.report_progress(1, 1, "spoken")
        return answer


def _speech(desk: _Desk, character: str, text: str, speed: float, seed: int) -> VoiceAnswer:
    started = time.monotonic()
    rules.check_reference(character)
    voice = find_voice()
    sound, captions = narrate(voice, clean(text), speed)
    if not sound.any():
        raise StudioError(DrawingRefused.INVALID, "there is nothing in the text to say")
    kept, _ = desk.keep("wav", lambda path: write_wav(path, limited(sound)))
    return VoiceAnswer(
        files=[
            KeptVoice(
                uri=kept.uri,
                sha256=kept.sha256,
                media_type=kept.media_type,
                size_bytes=kept.size,
                duration_ms=round(len(sound) * 1_000 / RATE),
                sample_rate=RATE,
            )
        ],
        captions=_timed(captions),
        model=f"{MODEL} {voice.model}",
        seed=seed,
        voice=voice.name,
        character_reference_id=character,
        generation_duration_ms=round((time.monotonic() - started) * 1_000),
    )


def _told(request: VideoRequest) -> list[SceneRequest]:
    """The scenes of a clip; a hero clip's title stands over the first one unless that has a heading of its own."""
    if request.tier == "daily":
        return [SceneRequest(text=request.text, heading=request.title, image=request.image)]
    first, *rest = request.scenes
    return [first if first.heading else first.model_copy(update={"heading": request.title}), *rest]


def _written(text: str) -> bool:
    """Whether there is anything to see in a text: more than spaces and what is not drawn."""
    return any(unicodedata.category(letter)[0] not in "ZC" for letter in text)


def _check_video(request: VideoRequest) -> None:
    count, length = len(request.scenes), request.duration_ms
    if request.tier == "daily" and count:
        raise StudioError(DrawingRefused.INVALID, "scenes belong to a hero clip")
    if request.tier == "hero" and (request.text or request.image):
        raise StudioError(DrawingRefused.INVALID, "a hero clip has its texts and images in its scenes")
    if request.tier == "hero" and not LEAST_SCENES <= count <= MOST_SCENES:
        raise StudioError(
            DrawingRefused.INVALID, f"a hero clip has {LEAST_SCENES} to {MOST_SCENES} scenes, not {count}"
        )
    if (request.width, request.height) not in SIZES:
        raise StudioError(DrawingRefused.INVALID, "a clip is 1080 by 1920 or 720 by 1280")
    if length is not None and not LEAST_MS <= length <= MOST_MS:
        raise StudioError(DrawingRefused.INVALID, f"a clip lasts {LEAST_MS} to {MOST_MS} ms, not {length}")


def _palette(chosen: str, character: str) -> Palette:
    try:
        return palette_for(chosen, character)
    except ValueError as error:
        raise StudioError(DrawingRefused.INVALID, str(error)) from error


def _voice(wish: Literal["auto", "required", "none"], scenes: Sequence[SceneOrder]) -> SpeechVoice | None:
    if wish == "none" or not any(scene.text.strip() for scene in scenes):
        return None
    if wish == "required":
        return find_voice()
    with suppress(VoiceError):
        return find_voice()
    return None


def _timed(captions: Sequence[Caption]) -> list[TimedWords]:
    return [TimedWords(start_ms=one.start_ms, end_ms=one.end_ms, text=one.text) for one in captions]
