"""Batch normalization: the factor of each channel, and the same network with two numbers per channel."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from labkit.keras2.model import Model


def norm_scale(layer: Any, dtype: Any = np.float64) -> NDArray[Any]:
    """Return the factor of each channel in inference, gamma / √(variance + epsilon), computed in *dtype*: (channels,).

    *layer* is a batch normalization. float64 for sums that follow; float32 as LiteRT's converter folds it.
    """
    gamma = layer.gamma.numpy() if layer.scale else 1.0
    variance = layer.moving_variance.numpy().astype(dtype)
    return np.asarray(gamma / np.sqrt(variance + layer.epsilon), dtype)


def standardize(model: Model) -> int:
    """Move the moving mean and variance of each batch normalization into its gamma and beta; return how many moved.

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
