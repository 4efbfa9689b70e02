"""Make the golden files and golden.json again: python tests/golden/make.py

Do this only after a deliberate change of a file format or of a count, and read the difference in golden.json: between
releases, when no page is executed in full, these files are what keeps the stored numbers of the pages true.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent
ANSWERS = FOLDER / "golden.json"
TFLITE = ("conv_float32.tflite", "conv_int8.tflite")
NETWORK = "lenet_300_100"  # the network of lenet_300_100.lkz
ARRAYS, PACKED = FOLDER / "pruned.npz", FOLDER / "pruned.lkz"


def images(shape: tuple[int, ...], count: int = 8) -> np.ndarray:
    """Return *count* images of *shape* with values in −1 to 1, float32; NumPy keeps this stream for ever."""
    return np.random.RandomState(4).uniform(-1, 1, (count, *shape)).astype(np.float32)


def of_tflite(content: bytes) -> dict[str, Any]:
    """Return what the code computes from a .tflite file: counts, classes and logits."""
    from labkit.deploy import inspect, tflite

    summary = inspect.summary(content)
    logits = tflite.predict(content, images(tuple(summary.inputs[0].shape[1:])))
    return {
        "parameters": summary.parameters,
        "nonzero": summary.nonzero,
        "macs": summary.macs,
        "weight_bytes": summary.weight_bytes,
        "operators": summary.operators,
        "classes": logits.argmax(axis=1).tolist(),
        "logits": np.round(logits.astype(float), 7).tolist(),
    }


def of_lkz(content: bytes) -> dict[str, Any]:
    """Return what the code reads from a .lkz file: each tensor's shape, counts, and SHA-256 of its float32 bytes."""
    from labkit.methods import lkz

    return {
        name: {
            "shape": list(tensor.shape),
            "nonzero": int(np.count_nonzero(tensor)),
            "distinct": int(np.unique(tensor).size),
            "sha256": hashlib.sha256(np.ascontiguousarray(tensor, "<f4").tobytes()).hexdigest(),
        }
        for name, tensor in lkz.unpack(content).items()
    }


def of_network(content: bytes) -> dict[str, Any]:
    """Return what LeNet-300-100 computes with the weights of a .lkz file, as a .tflite file of its own."""
    from labkit.assets import models
    from labkit.deploy import tflite
    from labkit.keras2.tensors import set_tensors
    from labkit.methods import lkz

    model = models.build(NETWORK)
    set_tensors(model, lkz.unpack(content))
    answers = of_tflite(tflite.convert(model))
    return {key: answers[key] for key in ("parameters", "nonzero", "macs", "classes", "logits")}


def answers() -> dict[str, Any]:
    """Return everything that the test compares, from the files that are there."""
    result: dict[str, Any] = {}
    for name in TFLITE:
        content = (FOLDER / name).read_bytes()
        result[name] = {"bytes": len(content), **of_tflite(content)}
    for path in (PACKED, FOLDER / f"{NETWORK}.lkz"):
        content = path.read_bytes()
        result[path.name] = {"bytes": len(content), "tensors": of_lkz(content)}
    result[NETWORK] = of_network((FOLDER / f"{NETWORK}.lkz").read_bytes())
    return result


def _make_tflite() -> None:
    """Write a small convolutional network, float32 and int8."""
    from labkit.deploy import tflite  # noqa: I001 (labkit chooses Keras 2, so it comes before tf_keras)

    import tf_keras
    from tf_keras import layers

    model = tf_keras.Sequential(
        [
            layers.Input((8, 8, 1), name="images"),
            layers.Conv2D(4, 3, activation="relu", name="conv_1"),
            layers.DepthwiseConv2D(3, padding="same", activation="relu", name="depthwise_1"),
            layers.Flatten(name="flatten"),
            layers.Dense(16, activation="relu", name="dense_1"),
            layers.Dense(3, name="logits"),
        ],
        name="golden",
    )
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(0, 0.4, weights.shape).astype(np.float32) for weights in model.get_weights()])
    for precision, name in zip(("float32", "int8"), TFLITE, strict=True):
        tflite.save(tflite.convert(model, precision, images((8, 8, 1), 64)), FOLDER / name)


def _make_lkz() -> None:
    """Write arrays with zeros and shared values as .npz and packed, and LeNet-300-100 with 2 % of its weights."""
    from labkit.methods import deep_compression, lkz

    rng = np.random.default_rng(6)
    levels = (np.arange(-4, 5) / 8).astype(np.float32)  # exact in float16
    arrays = {
        "conv_1/kernel": rng.normal(0, 0.3, (3, 3, 1, 8)).astype(np.float32),
        "conv_1/bias": np.zeros(8, np.float32),
        "dense_1/kernel": (rng.choice(levels, (128, 30)) * (rng.random((128, 30)) < 0.15)).astype(np.float32),
        "dense_1/bias": rng.normal(0, 0.1, 30).astype(np.float32),
        "logits/kernel": rng.choice(levels, (30, 10)).astype(np.float32),
    }
    np.savez_compressed(ARRAYS, **arrays)
    PACKED.write_bytes(deep_compression.deep_compression(arrays))
    shapes = {"dense_1": (784, 300), "dense_2": (300, 100), "logits": (100, 10)}
    network: dict[str, np.ndarray] = {}
    for name, shape in shapes.items():
        network[f"{name}/kernel"] = (rng.choice(levels, shape) * (rng.random(shape) < 0.02)).astype(np.float32)
        network[f"{name}/bias"] = (rng.choice(levels, shape[1]) / 64).astype(np.float32)
    lkz.write(FOLDER / f"{NETWORK}.lkz", network)


if __name__ == "__main__":
    _make_tflite()
    _make_lkz()
    ANSWERS.write_text(json.dumps(answers(), indent=1) + "\n", encoding="utf-8")
