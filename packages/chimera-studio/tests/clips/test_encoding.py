"""The files that the encoder writes, read by another program."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from watching import watched

from chimera_studio.clips.encoding import (
    RATE,
    EncodingError,
    Picture,
    Size,
    Sound,
    encode_video,
    read_wav,
    resampled,
    write_wav,
)

SIZE = Size(96, 128)


def fading(frames: int) -> Iterator[Picture]:
    for number in range(frames):
        frame = np.full(SIZE.planes, 128, np.uint8)
        frame[: SIZE.height] = 40 + 2 * number
        yield frame


def tone(seconds: float, pitch: float = 440, rate: int = RATE) -> Sound:
    times = np.arange(round(seconds * rate)) / rate
    return (0.4 * np.sin(2 * np.pi * pitch * times)).astype(np.float32)


def stereo(seconds: float) -> Sound:
    return np.stack([tone(seconds), tone(seconds, 660)], axis=1)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("encoding") / "clip.mp4"
    encode_video(path, SIZE, fading(60), stereo(2))
    return path


def test_another_program_finds_the_codecs_the_size_and_every_frame(clip: Path) -> None:
    seen = watched(clip)
    assert (seen.video_codec, seen.pixel_format, seen.size) == ("h264", "yuv420p", (96, 128))
    assert (seen.frame_rate, len(seen.frames)) == (30, 60)
    assert (seen.audio_codec, seen.rate, seen.sound.shape[1]) == ("aac", 48_000, 2)
    assert abs(seen.length_ms - 2_000) < 1_000 / 30


def test_the_brightness_comes_back_as_it_went_in(clip: Path) -> None:
    middle = [float(frame.mean()) for frame in watched(clip).frames]
    wanted = [(40 + 2 * number - 16) * 255 / 219 for number in range(60)]
    assert np.allclose(middle, wanted, atol=4)


def test_the_colours_are_named_as_what_they_are(clip: Path) -> None:
    assert watched(clip).colours == (1, 1)  # BT.709, narrow range


def test_the_sound_comes_back_on_the_side_it_went_in(clip: Path) -> None:
    sound = watched(clip).sound[RATE // 2 : RATE * 3 // 2]
    for side, pitch in ((0, 440), (1, 660)):
        loudest = int(np.argmax(np.abs(np.fft.rfft(sound[:, side]))))
        assert abs(loudest - pitch) <= 2


def test_it_plays_while_it_loads_and_tells_no_time(clip: Path) -> None:
    data = clip.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert not any("time" in name for name in watched(clip).tags)


def test_the_same_input_makes_the_same_bytes(clip: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.mp4"
    encode_video(again, SIZE, fading(60), stereo(2))
    assert again.read_bytes() == clip.read_bytes()


def test_a_frame_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncodingError, match="a frame of"):
        encode_video(tmp_path / "x.mp4", SIZE, iter([np.zeros((10, 10), np.uint8)]), stereo(1))


def test_what_ffmpeg_says_is_what_the_error_says(tmp_path: Path) -> None:
    with pytest.raises(EncodingError, match="No such file"):
        encode_video(tmp_path / "nowhere" / "x.mp4", SIZE, fading(30), stereo(1))


def test_no_process_is_left_when_the_pictures_break_off(tmp_path: Path) -> None:
    def broken() -> Iterator[Picture]:
        yield from fading(3)
        raise RuntimeError("no more")

    before = threading.active_count()
    with pytest.raises(RuntimeError, match="no more"):
        encode_video(tmp_path / "x.mp4", SIZE, broken(), stereo(1))
    assert threading.active_count() == before
    children = Path("/proc/self/task").glob("*/children") if Path("/proc/self/task").exists() else []
    left = [pid for listed in children for pid in listed.read_text().split()]
    assert not any("ffmpeg" in Path(f"/proc/{pid}/cmdline").read_text() for pid in left)


def test_a_wav_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", tone(0.5))
    sound, rate = read_wav(tmp_path / "a.wav")
    assert rate == RATE
    assert np.allclose(sound, tone(0.5), atol=1e-4)


def test_what_is_no_mono_wav_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF and nothing")
    with pytest.raises(EncodingError, match="no WAV"):
        read_wav(tmp_path / "a.wav")
    write_wav(tmp_path / "b.wav", stereo(0.1))
    with pytest.raises(EncodingError, match="16 bit mono"):
        read_wav(tmp_path / "b.wav")


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100])
def test_another_rate_keeps_pitch_length_and_level(rate: int) -> None:
    sound = resampled(tone(1, 1_000, rate), rate)
    assert len(sound) == RATE
    middle = sound[RATE // 4 : RATE * 3 // 4]
    assert abs(int(np.argmax(np.abs(np.fft.rfft(middle)))) * 2 - 1_000) <= 2
    assert abs(float(np.sqrt(np.mean(middle**2))) - 0.4 / np.sqrt(2)) < 0.01
