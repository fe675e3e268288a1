"""Speaking through the real engine, with a voice file of the tests."""

import json
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
from sounding import voice_file

from chimera_studio.clips import voice as speaking
from chimera_studio.clips.encoding import RATE
from chimera_studio.clips.voice import VARIABLE, SpeechVoice, VoiceError, find_voice, speak


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> SpeechVoice:
    return find_voice({VARIABLE: str(voice_file(tmp_path_factory.mktemp("voice")))})


def test_a_voice_tells_its_name_its_language_and_its_exact_weights(voice: SpeechVoice) -> None:
    assert (voice.name, voice.language) == ("tones", "en-us")
    assert voice.model.startswith("piper-tts ")
    assert voice.model.endswith(f"tones sha256:{voice.weights_sha256[:16]}")


def test_each_phrase_becomes_sound_of_its_own_length(voice: SpeechVoice) -> None:
    short, long = speak(voice, ["Hello.", "A much longer sentence about coffee."])
    assert RATE // 10 < len(short) < len(long)
    for sound in (short, long):
        assert np.abs(sound).max() > 0.1
        # Nothing but a breath of silence at either end.
        loud = np.flatnonzero(np.abs(sound) > 0.02)
        assert loud[0] < RATE // 20 and len(sound) - loud[-1] < RATE // 20


def test_a_text_sounds_the_same_every_time(voice: SpeechVoice) -> None:
    assert np.array_equal(speak(voice, ["The same again."])[0], speak(voice, ["The same again."])[0])


def test_lines_within_a_phrase_are_one_phrase(voice: SpeechVoice) -> None:
    assert len(speak(voice, ["one\ntwo", "three"])) == 2
    assert speak(voice, []) == []


def test_the_engine_is_a_process_of_its_own(voice: SpeechVoice) -> None:
    speak(voice, ["Hello."])
    assert "piper" not in sys.modules
    assert "onnxruntime" not in sys.modules


def test_a_phrase_that_says_nothing_is_named(voice: SpeechVoice) -> None:
    with pytest.raises(VoiceError, match="the engine"):
        speak(voice, ["Hello.", "…"])


def test_without_the_engine_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(speaking, "version", absent)
    with pytest.raises(VoiceError, match=r"install chimera\[voice\]"):
        find_voice({})


def test_without_a_voice_it_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match=f"set {VARIABLE}"):
        find_voice({})
    with pytest.raises(VoiceError, match=r"gone\.onnx and gone\.onnx\.json are needed"):
        find_voice({VARIABLE: str(tmp_path / "gone.onnx")})
    (tmp_path / "odd.onnx").write_bytes(b"x")
    (tmp_path / "odd.onnx.json").write_text(json.dumps({"no": "voice"}), "utf-8")
    with pytest.raises(VoiceError, match="names no voice"):
        find_voice({VARIABLE: str(tmp_path / "odd.onnx")})


def test_weights_that_are_none_are_the_engines_failure(tmp_path: Path) -> None:
    path = voice_file(tmp_path)
    path.write_bytes(b"not a model")
    with pytest.raises(VoiceError, match="the engine failed"):
        speak(find_voice({VARIABLE: str(path)}), ["Hello."])
