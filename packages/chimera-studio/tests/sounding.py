"""A voice for tests: a real Piper voice file, with a few lines of arithmetic in place of learnt weights.

The engine, its phonemes, its process and its files are the real ones; each phoneme sounds as a tone of its own.
"""

import json
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save_model

RATE = 22_050
_STEP = 1_600


def voice_file(folder: Path, name: str = "tones") -> Path:
    """Write `NAME.onnx` and `NAME.onnx.json` and return the first."""
    times = np.arange(_STEP, dtype=np.float32) * (2 * np.pi / RATE)
    constants = {
        "times": times.reshape(1, 1, _STEP),
        "step": np.array(35.0, np.float32),
        "lowest": np.array(180.0, np.float32),
        "level": (np.sin(np.pi * np.arange(_STEP) / _STEP) * 0.5).astype(np.float32),
        "across": np.array([1, -1, 1], np.int64),
        "flat": np.array([1, 1, 1, -1], np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["input"], ["ids"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["ids", "step"], ["above"]),
        helper.make_node("Add", ["above", "lowest"], ["tones"]),
        helper.make_node("Reshape", ["tones", "across"], ["upright"]),
        helper.make_node("Mul", ["upright", "times"], ["phases"]),
        helper.make_node("Sin", ["phases"], ["waves"]),
        helper.make_node("Mul", ["waves", "level"], ["shaped"]),
        helper.make_node("Reshape", ["shaped", "flat"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tones",
        [
            helper.make_tensor_value_info("input", TensorProto.INT64, [1, "phonemes"]),
            helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
            helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
        ],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 1, "samples"])],
        [numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    path = folder / f"{name}.onnx"
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    letters = "_^$ abcdefghijklmnopqrstuvwxyzæçðøŋœɐɑɒɔəɚɛɜɡɪɹɾʃʊʌʒθˈˌː"
    told = {
        "audio": {"sample_rate": RATE},
        "espeak": {"voice": "en-us"},
        "phoneme_type": "espeak",
        "num_symbols": len(letters),
        "num_speakers": 1,
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_id_map": {letter: [number] for number, letter in enumerate(letters)},
        "speaker_id_map": {},
    }
    path.with_name(f"{name}.onnx.json").write_text(json.dumps(told), "utf-8")
    return path
