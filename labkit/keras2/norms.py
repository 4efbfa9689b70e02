"""What a batch normalization does to a channel, and the same network with two numbers a channel instead of four."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from labkit.keras2.model import Model


def norm_scale(layer: Any) -> NDArray[np.float64]:
    """What a batch normalization multiplies each channel by: gamma / √(variance + epsilon), float64 (channels,)."""
    gamma = layer.gamma.numpy() if layer.scale else 1.0
    return gamma / np.sqrt(layer.moving_variance.numpy().astype(np.float64) + layer.epsilon)


def standardize(model: Model) -> int:
    """Move the moving mean and variance of each batch normalization into its gamma and beta; how many were moved.

    In inference the layer computes ``a·x + b``, with ``a = gamma / √(variance + ε)`` and ``b = beta − a·mean``. Mean 0,
    variance 1, gamma ``a·√(1 + ε)`` and beta ``b`` give the same, by rounding alone, and two constant arrays, which
    cost a file nothing. A layer that has no gamma or no beta stays as it is. Train *model* no further with
    ``training=True``: the batches would move mean and variance away again.
    """
    moved = 0
    for layer in model.submodules:
        if not isinstance(layer, tf.keras.layers.BatchNormalization) or not (layer.scale and layer.center):
            continue
        slope = norm_scale(layer)
        beta, mean = layer.beta.numpy().astype(np.float64), layer.moving_mean.numpy()
        parts = (slope * np.sqrt(1 + layer.epsilon), beta - slope * mean, np.zeros_like(mean), np.ones_like(mean))
        layer.set_weights([part.astype(np.float32) for part in parts])
        moved += 1
    return moved
