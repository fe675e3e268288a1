"""Reads a clip with PyAV: libraries of its own, none of which the studio encodes with."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe
from numpy.typing import NDArray


@dataclass(frozen=True)
class Seen:
    """What another program finds in a clip."""

    video_codec: str
    pixel_format: str
    size: tuple[int, int]
    frame_rate: float
    colours: tuple[int, int]
    frames: list[NDArray[np.uint8]]
    audio_codec: str
    rate: int
    sound: NDArray[np.float32]
    length_ms: float
    tags: dict[str, str]


def watched(path: Path) -> Seen:
    """Decode all of it: the frames as grey pictures of every other pixel, the sound as samples by channels."""
    with av.open(str(path)) as file:
        video, audio = file.streams.video[0], file.streams.audio[0]
        frames = [frame.to_ndarray(format="gray")[::2, ::2].copy() for frame in file.decode(video)]
        context = video.codec_context
        told = (context.name, context.pix_fmt, (context.width, context.height), float(video.average_rate))
        colours = (int(context.colorspace), int(context.color_range))
        length = file.duration / 1_000
        tags = {**file.metadata, **video.metadata, **audio.metadata}
    with av.open(str(path)) as file:
        audio = file.streams.audio[0]
        parts = [frame.to_ndarray() for frame in file.decode(audio)]
        rate = audio.codec_context.sample_rate
        return Seen(*told, colours, frames, audio.codec_context.name, rate, np.hstack(parts).T, length, tags)


def first_frame(path: Path) -> NDArray[np.uint8]:
    """The first frame in colours."""
    with av.open(str(path)) as file:
        return next(file.decode(video=0)).to_ndarray(format="rgb24")


def heard(path: Path) -> tuple[float, float]:
    """Loudness in LUFS and true peak in dB, as ffmpeg's meter has them."""
    command = [get_ffmpeg_exe(), "-hide_banner", "-nostats", "-i", str(path), "-vn", "-af", "ebur128=peak=true"]
    told = subprocess.run([*command, "-f", "null", "-"], capture_output=True, text=True, check=True, timeout=120).stderr
    summary = told[told.rindex("Summary:") :]
    loudness = re.search(r"I:\s+(-?[\d.]+|-inf) LUFS", summary)
    peak = re.search(r"Peak:\s+(-?[\d.]+|-inf) dBFS", summary)
    assert loudness is not None and peak is not None, told
    return float(loudness.group(1)), float(peak.group(1))
