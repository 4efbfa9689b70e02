"""One tiny Keras network and its files, made once for all tests of the deploy room."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

SHAPE = (12, 12, 1)


def tiny(tf: Any, prefix: str = "", norm: bool = False) -> Any:
    """A network with each kind of layer; ``norm`` adds a batch normalization after the first convolution."""
    layers = tf.keras.layers
    model = tf.keras.Sequential(
        [
            layers.Input(SHAPE, name=f"{prefix}image"),
            layers.Conv2D(12, 3, padding="same", use_bias=not norm, name=f"{prefix}conv"),
            *([layers.BatchNormalization(name=f"{prefix}norm")] if norm else []),
            layers.ReLU(name=f"{prefix}relu"),
            layers.DepthwiseConv2D(3, strides=2, activation="relu", name=f"{prefix}depth"),
            layers.Conv2D(12, 3, activation="relu", name=f"{prefix}second"),
            layers.Flatten(name=f"{prefix}flat"),
            layers.Dense(16, activation="relu", name=f"{prefix}hidden"),
            layers.Dense(10, name=f"{prefix}logits"),
        ],
        name="tiny",
    )
    draw = np.random.default_rng(3)
    fan = [max(1, int(np.prod(w.shape[:-1]))) for w in model.get_weights()]
    weights = [draw.normal(0, 1 / np.sqrt(size), w.shape) for size, w in zip(fan, model.get_weights(), strict=True)]
    if norm:
        weights[4] = draw.uniform(0.5, 1.5, 12)  # the moving variance
    model.set_weights([w.astype(np.float32) for w in weights])
    return model


@pytest.fixture(scope="session")
def net(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """The network, images for it, its answers, and its file in every precision (bytes) and as a path."""
    import tensorflow as tf

    from labkit.deploy import tflite

    model = tiny(tf)
    x = np.random.default_rng(1).random((40, *SHAPE), np.float32)
    files = {
        "float32": tflite.convert(model),
        "float16": tflite.convert(model, "float16"),
        "dynamic": tflite.convert(model, "dynamic"),
        "int8": tflite.convert(model, "int8", x),
        "int8_tensor": tflite.convert(model, "int8", x, per_channel=False),
        "int8_io": tflite.convert(model, "int8", x, float_io=False),
    }
    path: Path = tflite.save(files["float32"], tmp_path_factory.mktemp("tiny") / "tiny.tflite")
    return SimpleNamespace(tf=tf, model=model, x=x, y=model(x).numpy(), files=files, path=path)
