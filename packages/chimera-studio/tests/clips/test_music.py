"""The music bed and the level of a clip, measured by ffmpeg's own meter."""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from wallet_setup import environment
from watching import heard

from chimera_studio.clips.encoding import RATE, Sound, write_wav
from chimera_studio.clips.music import CEILING, TARGET_LUFS, Mood, compose, limited, loudness, mix

BANDS = ((30, 150), (150, 2_000), (2_000, 16_000))
MOODS = [mood for mood in Mood if mood is not Mood.NONE]


def noise(seconds: float, level: float) -> Sound:
    return (np.random.default_rng(1).standard_normal(round(seconds * RATE)) * level).astype(np.float32)


@pytest.mark.parametrize("mood", MOODS)
def test_a_bed_is_as_loud_as_the_target_and_does_not_clip(mood: Mood, tmp_path: Path) -> None:
    for seed in range(3):
        sound = mix(compose(seed, 6, mood), None)
        write_wav(tmp_path / "bed.wav", sound)
        level, peak = heard(tmp_path / "bed.wav")
        assert abs(level - TARGET_LUFS) <= 0.3
        assert peak <= -1


@pytest.mark.parametrize("seconds", [3, 7.7, 20])
def test_a_bed_is_exactly_as_long_as_wanted_and_ends_softly(seconds: float) -> None:
    bed = compose(5, seconds, Mood.CALM)
    assert bed.shape == (round(seconds * RATE), 2)
    assert np.abs(bed[-RATE // 100 :]).max() < 0.02 * np.abs(bed).max()


def test_seeds_and_moods_sound_different() -> None:
    beds = [compose(seed, 4, mood) for seed in (1, 2) for mood in MOODS]
    assert len({sha256(bed.tobytes()).digest() for bed in beds}) == len(beds)


def test_a_seed_sounds_the_same_in_another_process() -> None:
    program = (
        "from hashlib import sha256; from chimera_studio.clips.music import Mood, compose;"
        "print(sha256(compose(9, 4, Mood.DRIVING).tobytes()).hexdigest())"
    )
    told = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=environment(PYTHONHASHSEED="7"),
    )
    assert told.stdout.strip() == sha256(compose(9, 4, Mood.DRIVING).tobytes()).hexdigest()


def test_the_bed_has_low_middle_and_high_voices() -> None:
    spectrum = np.abs(np.fft.rfft(compose(3, 8, Mood.BRIGHT).sum(axis=1))) ** 2
    hertz = np.fft.rfftfreq(8 * RATE, 1 / RATE)
    shares = [float(spectrum[(hertz >= low) & (hertz < high)].sum() / spectrum.sum()) for low, high in BANDS]
    assert all(share > least for share, least in zip(shares, (0.05, 0.05, 0.0005), strict=True)), shares


def test_no_mood_is_silence_and_silence_stays_silent() -> None:
    assert not mix(compose(1, 3, Mood.NONE), None).any()


@pytest.mark.parametrize("level", [0.01, 0.2, 0.9])
def test_our_meter_agrees_with_ffmpegs(level: float, tmp_path: Path) -> None:
    sound = noise(4, level / 4)
    write_wav(tmp_path / "noise.wav", np.stack([sound, sound], axis=1))
    assert abs(loudness(np.stack([sound, sound], axis=1)) - heard(tmp_path / "noise.wav")[0]) <= 0.2


def test_pauses_are_not_counted_into_the_loudness() -> None:
    talk = noise(3, 0.1)
    spaced = np.concatenate([talk, np.zeros(RATE * 6, np.float32)])
    assert abs(loudness(spaced) - loudness(talk)) < 0.5


def test_sharp_peaks_are_held_below_the_ceiling() -> None:
    sound = noise(4, 0.02)
    sound[:: RATE // 3] = 1.0
    assert np.abs(limited(sound)).max() <= CEILING + 1e-6


def test_the_bed_makes_way_while_somebody_speaks() -> None:
    bed = compose(2, 9, Mood.CALM)
    speech = np.zeros(len(bed), np.float32)
    # So high a voice that the bed can be told from it.
    speech[3 * RATE : 6 * RATE] = 0.3 * np.sin(2 * np.pi * 9_000 * np.arange(3 * RATE) / RATE)
    mixed = mix(bed, speech)

    def gain(second: int) -> float:
        return low(mixed[second * RATE : (second + 1) * RATE]) / low(bed[second * RATE : (second + 1) * RATE])

    assert 0.2 < gain(4) / gain(1) < 0.4
    assert abs(gain(7) / gain(1) - 1) < 0.1


def low(sound: Sound) -> float:
    """The level of what lies below 8 kHz in one second."""
    return float(np.linalg.norm(np.fft.rfft(sound.sum(axis=1))[:8_000]))
