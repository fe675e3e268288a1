"""Whole clips, decoded by another program."""

import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sounding import voice_file
from wallet_setup import environment
from watching import Seen, first_frame, heard, watched

from chimera_studio.characters import likeness, sheets
from chimera_studio.clips.captions import TimingError
from chimera_studio.clips.encoding import RATE, Size
from chimera_studio.clips.making import Clip, ClipOrder, SceneOrder, make_clip, narrate
from chimera_studio.clips.music import TARGET_LUFS, Mood
from chimera_studio.clips.voice import VARIABLE, SpeechVoice, find_voice
from chimera_studio.palettes import NAMED
from chimera_studio.requests import CharacterBox

SIZE = Size(720, 1_280)
SAID = SceneOrder("I tried cold brew. Here is what changed.", "30 days of cold brew")
FRAME_MS = 1_000 / 30


def order(*scenes: SceneOrder, mood: Mood = Mood.BRIGHT, voice: SpeechVoice | None = None, **more: int) -> ClipOrder:
    return ClipOrder(
        "mira", NAMED["forest"], SIZE, more.get("seed", 7), scenes, "@mira", mood, voice, more.get("duration_ms")
    )


def ignore(done: int, total: int) -> None:
    assert 0 <= done <= total


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> SpeechVoice:
    return find_voice({VARIABLE: str(voice_file(tmp_path_factory.mktemp("voice")))})


@pytest.fixture(scope="module")
def daily(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clip, Path, Seen]:
    path = tmp_path_factory.mktemp("clips") / "daily.mp4"
    clip = make_clip(order(SAID, duration_ms=4_000), path, ignore)
    return clip, path, watched(path)


def test_a_clip_has_the_frames_the_sound_and_the_length_it_says(daily: tuple[Clip, Path, Seen]) -> None:
    clip, _, seen = daily
    assert (clip.frames, clip.duration_ms, len(seen.frames)) == (120, 4_000, 120)
    assert abs(seen.length_ms - 4_000) <= FRAME_MS
    assert (seen.video_codec, seen.pixel_format, seen.size) == ("h264", "yuv420p", (720, 1_280))
    assert (seen.audio_codec, seen.rate) == ("aac", 48_000)
    assert abs(len(seen.sound) / seen.rate - 4) < 0.05


def test_the_sound_is_at_its_level_and_never_silent(daily: tuple[Clip, Path, Seen]) -> None:
    _, path, seen = daily
    level, peak = heard(path)
    assert abs(level - TARGET_LUFS) <= 1 and peak <= -0.5
    parts = seen.sound[: 3 * RATE].reshape(6, -1)
    assert (np.sqrt((parts**2).mean(axis=1)) > 0.005).all()


def test_it_moves_all_the_time(daily: tuple[Clip, Path, Seen]) -> None:
    frames = [frame.astype(int) for frame in daily[2].frames]
    steps = [float(np.abs(after - before).mean()) for before, after in zip(frames, frames[2:], strict=False)]
    assert min(steps) > 0.01


def test_the_decoded_character_is_the_one_and_no_other(daily: tuple[Clip, Path, Seen]) -> None:
    clip, path, _ = daily
    x, y, side = clip.character
    picture, box = Image.fromarray(first_frame(path)), CharacterBox(x=x, y=y, width=side, height=side)
    assert likeness.compare(picture, sheets.sheet("mira", NAMED["sea"]).image(), box).same
    assert not likeness.compare(picture, sheets.sheet("kai", NAMED["sea"]).image(), box).same


def test_the_poster_is_the_first_frame(daily: tuple[Clip, Path, Seen]) -> None:
    clip, path, _ = daily
    assert np.abs(np.asarray(clip.poster, int) - first_frame(path)).mean() < 3


def test_each_caption_is_seen_while_it_says_and_not_between(daily: tuple[Clip, Path, Seen]) -> None:
    clip, _, seen = daily
    bare = panel(seen.frames[3])

    def shown(at_ms: float) -> bool:
        return bool(np.abs(panel(seen.frames[round(at_ms / FRAME_MS)]).astype(int) - bare).mean() > 25)

    assert len(clip.captions) >= 2
    for caption in clip.captions:
        assert shown((caption.start_ms + caption.end_ms) / 2)
    assert not shown(60) and not shown(clip.captions[-1].end_ms + 300)


def panel(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Where the words of a caption stand, in the middle."""
    return frame[272:290, 150:210]


def test_the_same_order_makes_the_same_bytes_in_another_process(daily: tuple[Clip, Path, Seen], tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from chimera_studio.clips.making import *;"
        "from chimera_studio.palettes import NAMED;"
        f"scene = SceneOrder({SAID.text!r}, {SAID.heading!r});"
        "order = ClipOrder('mira', NAMED['forest'], Size(720, 1280), 7, (scene,), '@mira', duration_ms=4000);"
        f"make_clip(order, Path({str(tmp_path / 'again.mp4')!r}), lambda done, total: None)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300, env=environment(PYTHONHASHSEED="11"))
    assert digest(tmp_path / "again.mp4") == digest(daily[1])


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def test_another_seed_is_another_clip(daily: tuple[Clip, Path, Seen], tmp_path: Path) -> None:
    make_clip(order(SAID, duration_ms=4_000, seed=8), tmp_path / "other.mp4", ignore)
    assert digest(tmp_path / "other.mp4") != digest(daily[1])


def test_captions_are_timed_to_the_voice(voice: SpeechVoice, tmp_path: Path) -> None:
    clip = make_clip(order(SAID, mood=Mood.NONE, voice=voice), tmp_path / "spoken.mp4", ignore)
    sound = watched(tmp_path / "spoken.mp4").sound.mean(axis=1)
    loud = 0.05 * np.abs(sound).max()

    def level(start_ms: float, end_ms: float) -> float:
        return float(np.abs(sound[round(start_ms * 48) : round(end_ms * 48)]).max(initial=0))

    at = 0
    assert len(clip.captions) >= 2
    for caption in clip.captions:
        assert level(caption.start_ms, caption.start_ms + 80) > loud
        assert level(caption.end_ms - 80, caption.end_ms) > loud
        assert level(at + 25, caption.start_ms - 25) < loud
        at = caption.end_ms
    assert level(at + 25, clip.duration_ms) < loud
    assert abs(heard(tmp_path / "spoken.mp4")[0] - TARGET_LUFS) <= 1


def test_what_is_narrated_has_the_timing_of_its_sound(voice: SpeechVoice) -> None:
    sound, captions = narrate(voice, SAID.text, 1.0)
    assert [one.text for one in captions] == ["I tried cold brew.", "Here is what changed."]
    for one in captions:
        assert np.abs(sound[one.start_ms * 48 : one.end_ms * 48]).max() > 0.1
    assert not sound[: captions[0].start_ms * 48 - 48].any()
    assert not sound[captions[0].end_ms * 48 + 48 : captions[1].start_ms * 48 - 48].any()


def test_scenes_follow_each_other_without_a_cut(tmp_path: Path) -> None:
    still = Image.linear_gradient("L").convert("RGB")
    # Three changes, so that each way of changing comes once.
    scenes = (
        SceneOrder("One.", "First"),
        SceneOrder("Two.", "Then", still),
        SceneOrder("Three."),
        SceneOrder("Four.", "🚀"),
    )
    clip = make_clip(order(*scenes, duration_ms=7_000), tmp_path / "hero.mp4", ignore)
    seen = watched(tmp_path / "hero.mp4")
    assert len(seen.frames) == clip.frames == 210
    assert abs(seen.length_ms - 7_000) <= FRAME_MS
    small = [frame[::4, ::4].astype(int) for frame in seen.frames]
    steps = [float(np.abs(after - before).mean()) for before, after in pairwise(small)]
    changes = [float(np.abs(small[at + 15] - small[at - 15]).mean()) for at in (52, 105, 158)]
    assert min(changes) > 20
    # A change takes up speed and loses it again; a cut would be one jolt as large as the change.
    assert float(np.abs(np.diff(steps)).max()) < min(changes) / 2, steps


def test_the_frames_are_counted_to_whoever_waits(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    report: Callable[[int, int], None] = lambda done, total: told.append((done, total))  # noqa: E731
    make_clip(order(SceneOrder("", "Hi"), duration_ms=3_000), tmp_path / "x.mp4", report)
    assert told == [(0, 90), (30, 90), (60, 90), (90, 90)]


def test_whoever_stops_waiting_stops_the_work(tmp_path: Path) -> None:
    class Gone(Exception):
        """Nobody waits any more."""

    def report(done: int, total: int) -> None:
        if done >= 30:
            raise Gone

    with pytest.raises(Gone):
        make_clip(order(SAID, duration_ms=20_000), tmp_path / "x.mp4", report)


def test_too_much_for_the_time_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(TimingError):
        make_clip(order(SceneOrder("word " * 60), duration_ms=3_000), tmp_path / "x.mp4", ignore)
    assert not (tmp_path / "x.mp4").exists()
