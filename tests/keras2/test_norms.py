"""Batch normalization in two vectors: the same answers, and nothing left to store of the other two."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from labkit.keras2 import norms
from labkit.keras2.tensors import tensors
from labkit.methods import lkz


def network() -> tf.keras.Model:
    layers = tf.keras.layers
    inputs = tf.keras.Input((8, 8, 3))
    x = layers.Conv2D(6, 3, use_bias=False, name="conv")(inputs)
    x = layers.ReLU()(layers.BatchNormalization(name="norm")(x))
    x = layers.BatchNormalization(scale=False, name="no_gamma")(x)
    model = tf.keras.Model(inputs, layers.Dense(4, name="logits")(layers.Flatten()(x)))
    rng = np.random.default_rng(3)
    for layer in model.layers[1:]:
        layer.set_weights([rng.uniform(0.2, 3, w.shape).astype(np.float32) for w in layer.get_weights()])
    return model


def test_the_answers_stay_and_mean_and_variance_become_constant():
    model, x = network(), np.random.default_rng(0).normal(size=(50, 8, 8, 3)).astype(np.float32)
    before, old = model(x).numpy(), tensors(model)
    assert norms.standardize(model) == 1
    after, new = model(x).numpy(), tensors(model)
    np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-5 * np.abs(before).max())
    assert not new["norm/moving_mean"].any() and (new["norm/moving_variance"] == 1).all()
    assert all(np.array_equal(new[name], old[name]) for name in new if not name.startswith("norm/"))
    sizes = {row.name: row.mask + row.indices + row.values for row in lkz.account(new)}
    assert sizes["norm/moving_mean"] == 0 and sizes["norm/moving_variance"] <= 4


def test_a_second_time_changes_nothing():
    model = network()
    norms.standardize(model)
    once = tensors(model)
    norms.standardize(model)
    for name, tensor in tensors(model).items():
        np.testing.assert_allclose(tensor, once[name], rtol=2e-7)
