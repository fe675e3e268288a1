"""Frames and sound become an MP4: H.264 and AAC by the ffmpeg that comes in a wheel, as a process of its own.

A process and not a library in ours: it is as fast (raw frames go through a pipe), a crash of it is an error here and
not our end, and its licence (GPL) stays with it.
"""

import subprocess
import tempfile
import wave
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe
from numpy.typing import NDArray

RATE = 48_000
FRAME_RATE = 30
# Fixed, because x264 makes other bytes for another number of threads.
_THREADS = "2"
_PATIENCE_SECONDS = 120

Sound = NDArray[np.float32]
Picture = NDArray[np.uint8]


class EncodingError(Exception):
    """ffmpeg could not make the file; the text is what it said."""


@dataclass(frozen=True)
class Size:
    """How large a picture is, in pixels; both even, as the colour planes have half of each."""

    width: int
    height: int

    @property
    def planes(self) -> tuple[int, int]:
        """Rows and columns of one frame as ffmpeg takes it: brightness, then the two colour planes."""
        return self.height * 3 // 2, self.width


def encode_video(path: Path, size: Size, frames: Iterable[Picture], sound: Sound) -> None:
    """Write frames (I420, 30 a second, BT.709) and stereo sound (48 kHz) as an MP4 that plays while it loads.

    The same input makes the same bytes: nothing of the time or the machine is written.

    Raises:
        EncodingError: ffmpeg refused, died or could not be started.
    """
    with tempfile.TemporaryDirectory(prefix="chimera-clip-") as folder:
        heard = Path(folder, "sound.wav")
        write_wav(heard, sound)
        said = Path(folder, "said.txt")
        with said.open("wb") as errors:
            try:
                process = subprocess.Popen(_command(path, size, heard), stdin=subprocess.PIPE, stderr=errors)
            except OSError as error:
                raise EncodingError(f"ffmpeg does not start: {error}") from error
            code = _feed(process, size, frames)
        if code != 0:
            raise EncodingError(said.read_text("utf-8", "replace").strip()[-500:] or f"ffmpeg left with {code}")


def _feed(process: subprocess.Popen[bytes], size: Size, frames: Iterable[Picture]) -> int:
    assert process.stdin is not None
    try:
        for frame in frames:
            if frame.shape != size.planes or frame.dtype != np.uint8:
                raise EncodingError(f"a frame of {frame.shape} for a clip of {size.planes}")
            try:
                process.stdin.write(np.ascontiguousarray(frame).data)
            except BrokenPipeError:
                break  # it has left, and says why
        process.stdin.close()
        return process.wait(_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise EncodingError("ffmpeg does not come to an end") from error
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _command(path: Path, size: Size, heard: Path) -> list[str]:
    colours = ["-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
    return [
        get_ffmpeg_exe(),
        *("-hide_banner", "-nostats", "-v", "error", "-y"),
        *("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{size.width}x{size.height}", "-framerate", f"{FRAME_RATE}"),
        *colours,
        *("-i", "pipe:0", "-i", str(heard), "-map", "0:v:0", "-map", "1:a:0", "-map_metadata", "-1"),
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-profile:v", "high", "-pix_fmt", "yuv420p"),
        *("-g", str(2 * FRAME_RATE), "-threads", _THREADS, *colours),
        *("-c:a", "aac", "-b:a", "160k", "-ar", str(RATE), "-ac", "2"),
        *("-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact", "-movflags", "+faststart"),
        *("-f", "mp4", str(path)),
    ]


def write_wav(path: Path, sound: Sound) -> None:
    """Write sound (samples by channels, or samples alone, in -1..1) as 16 bit PCM at 48 kHz."""
    channels = 1 if sound.ndim == 1 else sound.shape[1]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.round(np.clip(sound, -1, 1) * 32_767).astype("<i2").tobytes())


def read_wav(path: Path) -> tuple[Sound, int]:
    """The samples of a 16 bit mono WAV in -1..1, and how many make a second.

    Raises:
        EncodingError: The file is no such WAV.
    """
    try:
        with wave.open(str(path), "rb") as file:
            if file.getsampwidth() != 2 or file.getnchannels() != 1:
                raise EncodingError(f"{path.name} is not 16 bit mono")
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            return (samples / 32_768).astype(np.float32), file.getframerate()
    except (wave.Error, EOFError) as error:
        raise EncodingError(f"{path.name} is no WAV: {error}") from error


def resampled(sound: Sound, rate: int) -> Sound:
    """Mono sound of another rate at 48 kHz, without new tones: by its spectrum."""
    if rate == RATE or len(sound) == 0:
        return sound
    length = round(len(sound) * RATE / rate)
    # A quiet tail, because the spectrum takes the end to be followed by the start.
    padding = np.zeros(rate // 10, np.float32)
    padded = np.concatenate([sound, padding])
    wanted = round(len(padded) * RATE / rate)
    spectrum = np.fft.rfft(padded)
    bins = wanted // 2 + 1
    fitted = np.zeros(bins, np.complex128)
    kept = min(bins, len(spectrum))
    fitted[:kept] = spectrum[:kept]
    return (np.fft.irfft(fitted, wanted)[:length] * (wanted / len(padded))).astype(np.float32)
