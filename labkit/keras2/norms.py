"""Batch normalization in two numbers a channel instead of four, for the same network."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def standardize(model: tf.keras.Model) -> int:
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
        gamma, beta, mean, variance = (np.asarray(part, np.float64) for part in layer.get_weights())
        slope = gamma / np.sqrt(variance + layer.epsilon)
        parts = (slope * np.sqrt(1 + layer.epsilon), beta - slope * mean, np.zeros_like(mean), np.ones_like(variance))
        layer.set_weights([part.astype(np.float32) for part in parts])
        moved += 1
    return moved
