"""Rounded kernels against the formula written out, and what a model names with them."""

from __future__ import annotations

import labkit  # noqa: F401  (chooses Keras 2)

import numpy as np  # isort: skip
import pytest
import tensorflow as tf

from labkit.base.errors import UsageError
from labkit.keras2.simulate import correct_by_bits, rounded

keras = tf.keras
CHANNEL = {"conv/kernel:0": 3, "depth/depthwise_kernel:0": 2, "dense/kernel:0": 1}  # the axis of the output channels


@pytest.fixture(scope="module")
def model() -> keras.Model:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((5, 5, 2)),
            layers.Conv2D(3, 3, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.DepthwiseConv2D(2, name="depth"),
            layers.Flatten(),
            layers.Dense(4, name="dense"),
        ]
    )
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=weight.shape) + 0.1 for weight in model.weights])
    return model


def by_loop(kernel: np.ndarray, bits: int, axis: int | None) -> np.ndarray:
    """Symmetric rounding, channel after channel: the largest magnitude is the highest of 2^(bits-1) - 1 steps."""
    top, result = 2 ** (bits - 1) - 1, np.empty_like(kernel)
    for index in range(1 if axis is None else kernel.shape[axis]):
        part = (slice(None),) * (0 if axis is None else axis) + ((index,) if axis is not None else (...,))
        scale = np.abs(kernel[part]).max() / top
        result[part] = scale * np.clip(np.rint(kernel[part] / scale), -top, top)
    return result


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("per_channel", [True, False])
def test_kernels_are_rounded_channel_by_channel_and_nothing_else(model, bits, per_channel):
    seen = 0
    for weight, found in zip(model.weights, rounded(model, bits, per_channel), strict=True):
        value = weight.numpy()
        if weight.name in CHANNEL:
            seen += 1
            wanted = by_loop(value, bits, CHANNEL[weight.name] if per_channel else None)
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
            assert not np.array_equal(found, value)
        else:
            np.testing.assert_array_equal(found, value)
    assert seen == len(CHANNEL)


def test_counts_are_those_of_a_model_with_the_rounded_weights_and_the_model_stays(model):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(60, 5, 5, 2)).astype("float32"), rng.integers(0, 4, 60)
    before = [weight.numpy() for weight in model.weights]
    widths = [8, 3, 2]
    counts = correct_by_bits(model, x, y, widths, per_channel=False)
    other = keras.models.clone_model(model)
    for bits, count in zip(widths, counts, strict=True):
        axes = {name: None for name in CHANNEL}
        weights = [by_loop(w.numpy(), bits, axes[w.name]) if w.name in axes else w.numpy() for w in model.weights]
        other.set_weights(weights)
        assert count == int(np.sum(np.argmax(other(x, training=False), axis=1) == y))
    for old, weight in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, weight.numpy())


@pytest.mark.parametrize("bits", [1, 17])
def test_other_widths_are_refused(model, bits):
    with pytest.raises(UsageError, match="2 to 16"):
        rounded(model, bits)
