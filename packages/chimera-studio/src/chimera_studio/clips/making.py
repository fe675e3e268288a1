"""A clip from an order: what is said gets its time, the time its pictures and its sound, and both become a file."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from chimera_studio.clips import lettering
from chimera_studio.clips.captions import Act, Caption, Part, phrases, reading_ms, schedule, speakable
from chimera_studio.clips.encoding import FRAME_RATE, RATE, Picture, Size, Sound, encode_video
from chimera_studio.clips.frames import Canvas, dissolved, eased, picture_of, pushed
from chimera_studio.clips.lettering import Inks, Inlay
from chimera_studio.clips.music import Mood, compose, mix
from chimera_studio.clips.staging import ClipLook, ClipScene, Portrait, Square, Still, Twos, mouth_shapes
from chimera_studio.clips.voice import SpeechVoice, speak
from chimera_studio.palettes import Palette

LEAST_MS, MOST_MS = 3_000, 60_000
_TRANSITION_FRAMES = 14
_APPEAR_MS = 140
_AHEAD = 4
_WORKERS = 2

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class SceneOrder:
    """One scene: what is said in it, what stands above it, and the picture behind it if it is not the character."""

    text: str = ""
    heading: str = ""
    still: Image.Image | None = None


@dataclass(frozen=True)
class ClipOrder:
    """Everything a clip is made from; the same order always makes the same bytes."""

    character: str
    palette: Palette
    size: Size
    seed: int
    scenes: tuple[SceneOrder, ...]
    kicker: str = ""
    mood: Mood = Mood.BRIGHT
    voice: SpeechVoice | None = None
    duration_ms: int | None = None
    language: str = "en"


@dataclass(frozen=True)
class Clip:
    """What was made, as it was made: the number of frames and the captions in them, and the first frame.

    `character` is the square of the first frame that shows the character: left, top and side.
    """

    frames: int
    captions: tuple[Caption, ...]
    poster: Image.Image
    character: Square

    @property
    def duration_ms(self) -> int:
        """How long the pictures last."""
        return round(self.frames * 1_000 / FRAME_RATE)


def make_clip(order: ClipOrder, path: Path, report: Report) -> Clip:
    """Make the clip and write it to `path`; `report` is told the frames done and the frames in all as it goes on.

    Raises:
        TimingError: The text does not fit into the duration.
        VoiceError: The voice could not speak.
        EncodingError: ffmpeg could not write it.
    """
    said = [_said(scene.text, order.voice) for scene in order.scenes]
    acts = schedule([part for part, _ in said], order.duration_ms, LEAST_MS, MOST_MS)
    frames = max(1, round(acts[-1].end_ms * FRAME_RATE / 1_000))
    speech = _speech(acts, [sounds for _, sounds in said], frames) if order.voice else None
    sound = mix(compose(order.seed, frames / FRAME_RATE, order.mood), speech)
    look = ClipLook(order.size, order.palette, order.character, order.seed)
    shots = [_Shot(look, order, number, act, speech) for number, act in enumerate(acts)]
    encode_video(path, order.size, _watched(_pictures(shots, order, frames), frames, report), sound)
    first = Canvas(order.size)
    shots[0].paint(first, 0, {})
    captions = tuple(caption for act in acts for caption in act.captions)
    return Clip(frames, captions, picture_of(first), shots[0].character)


def narrate(voice: SpeechVoice, text: str, speed: float) -> tuple[Sound, list[Caption]]:
    """A text spoken without pictures, not yet at its level, and when each phrase of it is heard.

    Raises:
        TimingError: It takes longer than a clip may last.
        VoiceError: The voice could not speak.
    """
    part, sounds = _said(text, voice, speed)
    if not part.phrases:
        return np.zeros(0, np.float32), []
    acts = schedule([part], None, 0, MOST_MS)
    frames = -(-acts[-1].end_ms * FRAME_RATE // 1_000)
    return _speech(acts, [sounds], frames), list(acts[0].captions)


def _said(text: str, voice: SpeechVoice | None, speed: float = 1.0) -> tuple[Part, list[Sound]]:
    """The phrases of a text with their lengths, measured on the voice where it speaks."""
    if voice is None:
        return Part.read(text), []
    found = phrases(text)
    spoken = iter(speak(voice, [phrase for phrase in found if speakable(phrase)], speed))
    sounds = [next(spoken) if speakable(phrase) else np.zeros(0, np.float32) for phrase in found]
    lengths = [
        round(len(sound) * 1_000 / RATE) or reading_ms(phrase) for phrase, sound in zip(found, sounds, strict=True)
    ]
    return Part(tuple(found), tuple(lengths), spoken=True), sounds


def _speech(acts: Sequence[Act], sounds: Sequence[Sequence[Sound]], frames: int) -> Sound:
    """Every phrase where its caption begins."""
    track = np.zeros(frames * RATE // FRAME_RATE, np.float32)
    for act, spoken in zip(acts, sounds, strict=True):
        for caption, sound in zip(act.captions, spoken, strict=True):
            at = caption.start_ms * RATE // 1_000
            track[at : at + len(sound)] += sound[: max(0, len(track) - at)]
    return track


def _watched(pictures: Iterator[Picture], frames: int, report: Report) -> Iterator[Picture]:
    for number, picture in enumerate(pictures):
        if number % FRAME_RATE == 0:
            report(number, frames)
        yield picture
    report(frames, frames)


class _Shot:
    """One scene with its words on it."""

    def __init__(self, look: ClipLook, order: ClipOrder, number: int, act: Act, speech: Sound | None) -> None:
        scene = order.scenes[number]
        self.act, self._look, self._language = act, look, order.language
        length, name = act.end_ms - act.start_ms, str(number)
        self._inks = Inks.of(look, on_picture=scene.still is not None)
        self._first = number == 0
        self._tail = scene.still is None
        if scene.still is not None:
            self._scene: ClipScene = Still(look, name, length, scene.still)
            self._bottom, rows = 1_360, (220, 720)
        else:
            mouth = mouth_shapes(speech, act.start_ms, act.end_ms)
            reach = 0.8 if len(scene.heading) > 60 or (number % 2 and scene.heading) else 1.0
            portrait = Portrait(look, name, length, mouth, reach)
            self._scene = portrait
            self._bottom = portrait.head - 70
            rows = (210, self._bottom - 250)
        kicker = order.kicker if number == 0 else ""
        self._heading = lettering.heading(look, self._inks, scene.heading, kicker, rows, order.language)

    @property
    def character(self) -> Square:
        """Where the character is in its first frame."""
        return self._scene.character

    def paint(self, canvas: Canvas, at_ms: float, twos: Twos) -> None:
        """Paint it as it is at a time of the clip."""
        since = at_ms - self.act.start_ms
        self._scene.paint(canvas, max(0.0, since), twos)
        if self._heading is not None:
            # The first frame is what a feed shows before anybody plays it, so the first heading is there at once.
            shown = 1.0 if self._first else eased((since - 60) / 380)
            _stamp(canvas, self._heading, shown, self._look.px(46))
        for caption in self.act.captions:
            if caption.start_ms - 60 <= at_ms < caption.end_ms + 90:
                active = sum(word.start_ms <= at_ms for word in caption.words()) - 1
                card = lettering.caption(
                    self._look, self._inks, caption.text, max(0, active), self._bottom, self._tail, self._language
                )
                _stamp(canvas, card, eased((at_ms - caption.start_ms + 60) / _APPEAR_MS), self._look.px(22))
                break


def _stamp(canvas: Canvas, words: Inlay, shown: float, rise: int) -> None:
    canvas.stamp(words.layer, words.x, words.y + round((1 - shown) * rise), shown)


def _pictures(shots: Sequence[_Shot], order: ClipOrder, frames: int) -> Iterator[Picture]:
    """The frames in order, drawn two at a time on two threads and never far ahead of the encoder."""
    turns = order.seed % 3
    with ThreadPoolExecutor(_WORKERS, "frames") as pool:
        waiting: deque[Future[list[Picture]]] = deque()
        try:
            for first in range(0, frames, 2):
                waiting.append(pool.submit(_pair, shots, order.size, first, min(2, frames - first), turns))
                if len(waiting) > _AHEAD:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _pair(shots: Sequence[_Shot], size: Size, first: int, count: int, turns: int) -> list[Picture]:
    kept: dict[int, Twos] = {number: {} for number in range(len(shots))}
    return [_frame(shots, size, number, kept, turns) for number in range(first, first + count)]


def _frame(shots: Sequence[_Shot], size: Size, number: int, kept: dict[int, Twos], turns: int) -> Picture:
    at_ms = number * 1_000 / FRAME_RATE
    current = next((index for index, shot in enumerate(shots) if at_ms < shot.act.end_ms), len(shots) - 1)
    half = _TRANSITION_FRAMES * 500 / FRAME_RATE
    start, end = shots[current].act.start_ms, shots[current].act.end_ms
    before, after = current, current
    if current > 0 and at_ms < start + half:
        before, share = current - 1, (at_ms - start + half) / (2 * half)
    elif current + 1 < len(shots) and at_ms >= end - half:
        after, share = current + 1, (at_ms - end + half) / (2 * half)
    canvas = Canvas(size)
    shots[before].paint(canvas, at_ms, kept[before])
    if before == after:
        return canvas.frame
    other = Canvas(size)
    shots[after].paint(other, at_ms, kept[after])
    kind = (turns + after) % 3
    if kind == 0:
        return dissolved(canvas.frame, other.frame, eased(share))
    return pushed(canvas, other, eased(share), upwards=kind == 2).frame
