"""A music bed made by rule: chords, bass, plucks and soft percussion out of a seed, and the level it is heard at.

Nothing is sampled or learnt, so nobody else has a right in it; the same seed always plays the same piece.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from chimera_studio.clips.encoding import RATE, Sound

TARGET_LUFS = -16.0
CEILING = 0.84  # -1.5 dB: room for what AAC adds between the samples
_DUCKED = 0.28
_BLOCK = 96

Samples = NDArray[np.float64]


class Mood(StrEnum):
    """What the bed sounds like."""

    CALM = "calm"
    BRIGHT = "bright"
    DRIVING = "driving"
    NONE = "none"


@dataclass(frozen=True)
class _Style:
    """What a mood may choose from: tempi, chords as steps above the key, and how much is beaten."""

    tempi: tuple[int, int]
    progressions: tuple[tuple[tuple[int, ...], ...], ...]
    percussion: float
    pluck_every: int


_MINOR, _MAJOR = (0, 3, 7, 10), (0, 4, 7, 11)


def _chord(root: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(root + step for step in shape)


_STYLES = {
    Mood.CALM: _Style(
        (72, 84),
        (
            (_chord(0, _MAJOR), _chord(9, _MINOR), _chord(5, _MAJOR), _chord(7, (0, 5, 7, 10))),
            (_chord(5, _MAJOR), _chord(0, _MAJOR), _chord(9, _MINOR), _chord(4, _MINOR)),
        ),
        0.35,
        2,
    ),
    Mood.BRIGHT: _Style(
        (96, 108),
        (
            (_chord(0, _MAJOR), _chord(7, (0, 4, 7, 9)), _chord(9, _MINOR), _chord(5, _MAJOR)),
            (_chord(5, _MAJOR), _chord(7, (0, 4, 7, 9)), _chord(4, _MINOR), _chord(9, _MINOR)),
        ),
        0.7,
        1,
    ),
    Mood.DRIVING: _Style(
        (112, 124),
        (
            (_chord(9, _MINOR), _chord(5, _MAJOR), _chord(0, _MAJOR), _chord(7, (0, 4, 7, 9))),
            (_chord(9, _MINOR), _chord(0, _MAJOR), _chord(2, _MINOR), _chord(5, _MAJOR)),
        ),
        1.0,
        1,
    ),
}


def compose(seed: int, seconds: float, mood: Mood) -> Sound:
    """A stereo piece of exactly that length, not yet at its level; silence for no mood."""
    length = round(seconds * RATE)
    if mood is Mood.NONE or length == 0:
        return np.zeros((length, 2), np.float32)
    chance = np.random.default_rng([seed, list(Mood).index(mood)])
    style = _STYLES[mood]
    beat = 60 / int(chance.integers(style.tempi[0], style.tempi[1] + 1))
    piece = _Piece(length, beat, 45 + int(chance.integers(0, 8)), chance, style)
    piece.play()
    wet = piece.dry + 0.22 * _echo(piece.dry, beat) + 0.30 * _hall(piece.dry, chance)
    return (wet[:length] * _ends(length)[:, None]).astype(np.float32)


class _Piece:
    """The bars of one piece, written into `dry` note by note."""

    def __init__(self, length: int, beat: float, key: int, chance: np.random.Generator, style: _Style) -> None:
        self.dry: Samples = np.zeros((length + 4 * RATE, 2))
        self._length, self._beat, self._key, self._chance, self._style = length, beat, key, chance, style
        self._notes: dict[tuple[str, int, int], Samples] = {}

    def play(self) -> None:
        choice = int(self._chance.integers(0, len(self._style.progressions)))
        progression = self._style.progressions[choice]
        pattern = self._chance.permutation([0, 1, 2, 3, 2, 1, 3, 2])
        bars = int(np.ceil(self._length / RATE / (4 * self._beat)))
        for bar in range(bars):
            chord = progression[bar % len(progression)]
            self._pad(bar, chord)
            self._plucks(bar, chord, pattern)
            if bar > 0 or bars <= 2:
                self._bass(bar, chord)
                self._percussion(bar, last=bar == bars - 1)

    def _put(self, beats: float, note: Samples, level: float, side: float = 0.0) -> None:
        at = round(beats * self._beat * RATE)
        end = min(at + len(note), len(self.dry))
        if at < end:
            angle = (side + 1) * np.pi / 4
            self.dry[at:end, 0] += note[: end - at] * (level * np.cos(angle))
            self.dry[at:end, 1] += note[: end - at] * (level * np.sin(angle))

    def _tone(self, kind: str, pitch: int, beats: float) -> Samples:
        length = round(beats * self._beat * RATE)
        wanted = (kind, pitch, length)
        if wanted not in self._notes:
            frequency = 440 * 2 ** ((pitch - 69) / 12)
            self._notes[wanted] = {"pad": _pad, "bass": _bass, "pluck": _pluck}[kind](frequency, length)
        return self._notes[wanted]

    def _pad(self, bar: int, chord: tuple[int, ...]) -> None:
        for voice, step in enumerate(chord):
            pitch = self._key + 12 + (step if step < 12 else step - 12)
            self._put(bar * 4, self._tone("pad", pitch, 4.6), 0.075, side=(-0.6, 0.5, -0.2, 0.7)[voice])

    def _bass(self, bar: int, chord: tuple[int, ...]) -> None:
        pitch = self._key - 12 + chord[0] % 12
        for beat, length in ((0, 1.4), (1.5, 0.5), (2.5, 1.2)):
            self._put(bar * 4 + beat, self._tone("bass", pitch, length), 0.24)

    def _plucks(self, bar: int, chord: tuple[int, ...], pattern: NDArray[np.int64]) -> None:
        for eighth in range(0, 8, self._style.pluck_every):
            if self._chance.random() < 0.22:
                continue
            pitch = self._key + 24 + chord[int(pattern[eighth])] % 12
            level = 0.11 + 0.03 * float(self._chance.random())
            self._put(bar * 4 + eighth / 2, self._tone("pluck", pitch, 2), level, side=0.5 if eighth % 4 else -0.4)

    def _percussion(self, bar: int, *, last: bool) -> None:
        force = self._style.percussion
        for beat in (0, 2) if force < 0.9 else (0, 1, 2, 3):
            self._put(bar * 4 + beat, _kick(), 0.42 * force)
        if last:
            return
        for beat in (1, 3):
            self._put(bar * 4 + beat, _snap(self._chance), 0.11 * force, side=0.1)
        for eighth in range(8):
            accent = 1.0 if eighth % 2 else 0.55
            self._put(bar * 4 + eighth / 2, _shaker(self._chance), 0.05 * force * accent, side=-0.3)


def _times(length: int) -> Samples:
    return np.arange(length) / RATE


def _rise_and_fall(length: int, attack: float, release: float) -> Samples:
    rise = np.minimum(1, _times(length) / attack)
    fall = np.minimum(1, _times(length)[::-1] / release)
    return np.asarray(np.sin(np.pi / 2 * rise) ** 2 * np.sin(np.pi / 2 * fall) ** 2)


def _pad(frequency: float, length: int) -> Samples:
    times = _times(length)
    tone = np.zeros(length)
    for detune in (0.9965, 1.0, 1.0037):
        for harmonic in range(1, 6):
            slow = 1 + 0.25 * np.sin(2 * np.pi * 0.31 * times + harmonic)
            tone += np.sin(2 * np.pi * frequency * detune * harmonic * times + harmonic) * slow / harmonic**1.9
    return tone / 3 * _rise_and_fall(length, 0.35, 0.6)


def _bass(frequency: float, length: int) -> Samples:
    times = _times(length)
    phase = 2 * np.pi * frequency * times
    tone = np.sin(phase) + 0.35 * np.sin(2 * phase) * np.exp(-times * 3) + 0.12 * np.sin(3 * phase) * np.exp(-times * 6)
    return tone * np.exp(-times * 0.9) * _rise_and_fall(length, 0.012, 0.08)


def _pluck(frequency: float, length: int) -> Samples:
    times = _times(length)
    bite = 1.6 * np.exp(-times * 9)
    tone = np.sin(2 * np.pi * frequency * times + bite * np.sin(4 * np.pi * frequency * times))
    return np.asarray(tone * np.exp(-times * 4.2) * _rise_and_fall(length, 0.004, 0.1))


def _kick() -> Samples:
    times = _times(RATE * 3 // 10)
    sweep = 46 * times + 74 / 28 * (1 - np.exp(-28 * times))
    return np.asarray(np.sin(2 * np.pi * sweep) * np.exp(-times * 11) * np.minimum(1, times / 0.002))


def _snap(chance: np.random.Generator) -> Samples:
    times = _times(RATE // 6)
    noise = chance.standard_normal(len(times))
    soft = np.convolve(noise, [0.25, 0.5, 0.25], "same") - np.convolve(noise, np.ones(24) / 24, "same")
    return np.asarray(soft * np.exp(-times * 32))


def _shaker(chance: np.random.Generator) -> Samples:
    times = _times(RATE // 14)
    noise = np.diff(chance.standard_normal(len(times) + 1))
    return np.asarray(noise * np.exp(-times * 60) * np.minimum(1, times / 0.006))


def _echo(dry: Samples, beat: float) -> Samples:
    """Three repeats that change sides."""
    heard = np.zeros_like(dry)
    step = round(0.75 * beat * RATE)
    for repeat in range(1, 4):
        shift = step * repeat
        if shift < len(dry):
            source = dry[:-shift, ::-1] if repeat % 2 else dry[:-shift]
            heard[shift:] += source * 0.45**repeat
    return heard


def _hall(dry: Samples, chance: np.random.Generator) -> Samples:
    """The room: every sound followed by noise that dies away within a second and a half."""
    times = _times(RATE * 3 // 2)
    heard = np.empty_like(dry)
    size = (len(dry) // RATE + 3) * RATE
    for side in (0, 1):
        tail = np.convolve(chance.standard_normal(len(times)), np.ones(6) / 6, "same") * np.exp(-times * 4.2)
        tail /= np.sqrt(np.sum(tail**2))
        heard[:, side] = np.fft.irfft(np.fft.rfft(dry[:, side], size) * np.fft.rfft(tail, size), size)[: len(dry)]
    return heard


def _ends(length: int) -> Samples:
    fade_in, fade_out = min(RATE // 50, length), min(RATE * 9 // 10, length)
    gain = np.ones(length)
    gain[:fade_in] *= np.linspace(0, 1, fade_in)
    gain[length - fade_out :] *= np.cos(np.linspace(0, np.pi / 2, fade_out)) ** 2
    return gain


def mix(bed: Sound, speech: Sound | None) -> Sound:
    """Bed and mono speech as one sound at -16 LUFS that does not clip; the bed makes way while somebody speaks."""
    together = bed.astype(np.float64)
    if speech is not None and np.any(speech):
        voice = speech.astype(np.float64)[:, None]
        at_level = together * _gain_to(loudness(bed), TARGET_LUFS - 2)
        together = at_level * _room_for(speech)[:, None] + voice * _gain_to(loudness(speech), TARGET_LUFS)
    return limited(together.astype(np.float32))


def limited(sound: Sound) -> Sound:
    """The sound at -16 LUFS with its peaks held below the ceiling; silence stays silence."""
    level = loudness(sound)
    if level == -np.inf:
        return sound
    heard = sound.astype(np.float64)
    # Taking peaks away makes it quieter, so the level is set again on what is left.
    for _ in range(3):
        heard = heard * _gain_to(level, TARGET_LUFS)
        peaks = np.abs(heard) if heard.ndim == 1 else np.abs(heard).max(axis=1)
        if peaks.max() <= CEILING:
            break
        gain = _below(peaks)
        heard = heard * (gain if heard.ndim == 1 else gain[:, None])
        level = loudness(heard.astype(np.float32))
    return heard.astype(np.float32)


def _gain_to(level: float, target: float) -> float:
    return 0.0 if level == -np.inf else float(10 ** ((target - level) / 20))


def _below(peaks: Samples) -> Samples:
    """A gain per sample that keeps every peak below the ceiling and never moves abruptly."""
    blocks = -(-len(peaks) // _BLOCK)
    highest = np.pad(peaks, (0, blocks * _BLOCK - len(peaks))).reshape(blocks, _BLOCK).max(axis=1)
    wanted = np.minimum(1, CEILING / np.maximum(highest, 1e-9))
    reach = 12
    near = np.lib.stride_tricks.sliding_window_view(np.pad(wanted, reach, mode="edge"), 2 * reach + 1).min(axis=1)
    # Narrower than the window of the minimum, so that the smoothed gain is nowhere above what a peak allows.
    window = np.hanning(2 * reach - 1)
    smooth = np.convolve(np.pad(near, reach - 2 + 1, mode="edge"), window / window.sum(), "valid")
    centres = np.arange(blocks) * _BLOCK + _BLOCK / 2
    return np.interp(np.arange(len(peaks)), centres, smooth[:blocks])


def _room_for(speech: Sound) -> Samples:
    """The bed's gain: low while somebody speaks and a little around it."""
    blocks = -(-len(speech) // _BLOCK)
    power = np.pad(np.abs(speech), (0, blocks * _BLOCK - len(speech))).reshape(blocks, _BLOCK).max(axis=1)
    spoken = (power > 0.02 * max(float(power.max()), 1e-9)).astype(np.float64)
    around = round(0.30 * RATE / _BLOCK)
    held = np.lib.stride_tricks.sliding_window_view(np.pad(spoken, around), 2 * around + 1).max(axis=1)
    window = np.hanning(2 * around + 1)
    smooth = np.convolve(np.pad(held, around, mode="edge"), window / window.sum(), "valid")
    gain = 1 - (1 - _DUCKED) * smooth
    return np.interp(np.arange(len(speech)), np.arange(blocks) * _BLOCK + _BLOCK / 2, gain)


def loudness(sound: Sound) -> float:
    """Integrated loudness in LUFS by ITU-R BS.1770-4 (K-weighting, both gates); minus infinity for silence."""
    channels = sound[:, None] if sound.ndim == 1 else sound
    window, step = RATE * 4 // 10, RATE // 10
    if len(channels) == 0:
        return -np.inf
    heard = np.pad(channels.astype(np.float64), ((0, max(0, window - len(channels))), (0, 0)))
    weighted = np.stack([_weighted(heard[:, side]) for side in range(heard.shape[1])])
    # Mono is heard from both sides.
    summed = np.concatenate([[0], np.cumsum((weighted**2).sum(axis=0) * (2 if len(weighted) == 1 else 1))])
    starts = np.arange(0, heard.shape[0] - window + 1, step)
    power = (summed[starts + window] - summed[starts]) / window
    levels = -0.691 + 10 * np.log10(np.maximum(power, 1e-12))
    audible = levels > -70
    if not audible.any():
        return -np.inf
    gate = -0.691 + 10 * np.log10(power[audible].mean()) - 10
    return float(-0.691 + 10 * np.log10(power[audible & (levels > gate)].mean()))


def _weighted(channel: Samples) -> Samples:
    """K-weighting: a shelf for the head, a high-pass for the ear, applied to the spectrum."""
    # Whole seconds: a length that a Fourier transform is quick with.
    size = (len(channel) // RATE + 2) * RATE
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(size))
    shelf = (1.53512485958697 - 2.69169618940638 * turn + 1.19839281085285 * turn**2) / (
        1 - 1.69065929318241 * turn + 0.73248077421585 * turn**2
    )
    high = (1 - 2 * turn + turn**2) / (1 - 1.99004745483398 * turn + 0.99007225036621 * turn**2)
    return np.fft.irfft(np.fft.rfft(channel, size) * shelf * high, size)[: len(channel)]
