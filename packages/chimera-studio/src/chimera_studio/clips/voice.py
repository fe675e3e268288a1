"""A neural voice: Piper as a process of its own, with the weights of a voice file that the owner names.

Piper is under the GPL, so it is never imported here; `python -m piper` is started, given one phrase per line and leaves
one sound file per line. It needs no network. Its noise is set to none, so a text always sounds the same.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from chimera_studio.clips.encoding import RATE, EncodingError, Sound, read_wav, resampled

VARIABLE = "CHIMERA_STUDIO_VOICE"
SLOWEST, FASTEST = 0.7, 1.4
_PATIENCE_SECONDS = 180
_AUDIBLE = 0.015


class VoiceError(Exception):
    """There is no voice here, or it could not speak."""


@dataclass(frozen=True)
class SpeechVoice:
    """A voice that was found: what it is called, where its weights are and which exactly they are."""

    name: str
    language: str
    weights: Path
    weights_sha256: str
    engine: str

    @property
    def model(self) -> str:
        """Engine, voice and weights in one line, for whoever asks later what this was made with."""
        return f"{self.engine} {self.name} sha256:{self.weights_sha256[:16]}"


def find_voice(environment: Mapping[str, str] = os.environ) -> SpeechVoice:
    """The voice that CHIMERA_STUDIO_VOICE names: a Piper `.onnx` file with its `.onnx.json` beside it.

    Raises:
        VoiceError: The engine is not installed, no voice is named, or its files are not there or no voice.
    """
    try:
        engine = f"piper-tts {version('piper-tts')}"
    except PackageNotFoundError as error:
        raise VoiceError(f"install chimera[voice] and name a voice in {VARIABLE}") from error
    named = environment.get(VARIABLE, "")
    if not named:
        raise VoiceError(f"set {VARIABLE} to a Piper voice (NAME.onnx, with NAME.onnx.json beside it)")
    weights = Path(named)
    try:
        told = json.loads(Path(f"{named}.json").read_bytes())
        language = str(told["espeak"]["voice"])
        with weights.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VoiceError(f"{VARIABLE} names no voice: {weights.name} and {weights.name}.json are needed") from error
    return SpeechVoice(weights.stem, language, weights.resolve(), digest, engine)


def speak(voice: SpeechVoice, phrases: Sequence[str], speed: float = 1.0) -> list[Sound]:
    """Each phrase as mono sound at 48 kHz, without the silence around it.

    Raises:
        VoiceError: The engine refused, died, took too long or left a phrase out.
    """
    lines = [" ".join(phrase.split()) for phrase in phrases]
    if not lines:
        return []
    with tempfile.TemporaryDirectory(prefix="chimera-voice-") as folder:
        _run(voice, lines, speed, folder)
        # The engine names its files by a clock that only goes forward.
        files = sorted(Path(folder).glob("*.wav"), key=lambda path: int(path.stem))
        if len(files) != len(lines):
            raise VoiceError(f"the engine spoke {len(files)} of {len(lines)} phrases")
        try:
            spoken = [_trimmed(resampled(*read_wav(path))) for path in files]
        except EncodingError as error:
            raise VoiceError(f"the engine left no sound: {error}") from error
    silent = next((line for line, sound in zip(lines, spoken, strict=True) if len(sound) == 0), None)
    if silent is not None:
        raise VoiceError(f"the engine had nothing to say to {silent[:60]!r}")
    return spoken


def _run(voice: SpeechVoice, lines: Sequence[str], speed: float, folder: str) -> None:
    command = [sys.executable, "-I", "-m", "piper", "--model", str(voice.weights), "--output-dir", folder]
    command += ["--noise-scale", "0", "--noise-w-scale", "0", "--length-scale", format(1 / speed, ".4f")]
    try:
        done = subprocess.run(
            command,
            input="\n".join(lines),
            encoding="utf-8",
            capture_output=True,
            cwd=folder,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise VoiceError(f"the engine was not done after {_PATIENCE_SECONDS} s") from error
    except OSError as error:
        raise VoiceError(f"the engine does not start: {error}") from error
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or [f"it left with {done.returncode}"]
        raise VoiceError(f"the engine failed: {last[0][:300]}")


def _trimmed(sound: Sound) -> Sound:
    loud = np.flatnonzero(np.abs(sound) > _AUDIBLE * max(float(np.abs(sound).max(initial=0)), 1e-6))
    if len(loud) == 0 or float(np.abs(sound).max()) < 1e-4:
        return sound[:0]
    around = RATE // 50
    cut = sound[max(0, int(loud[0]) - around) : int(loud[-1]) + around].copy()
    soft = min(RATE // 200, len(cut) // 2)
    cut[:soft] *= np.linspace(0, 1, soft, dtype=np.float32)
    cut[len(cut) - soft :] *= np.linspace(1, 0, soft, dtype=np.float32)
    return cut
