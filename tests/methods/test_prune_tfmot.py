"""Masks and schedules by hand agree with TFMOT's, weight for weight and step for step."""

from __future__ import annotations

import labkit  # noqa: F401  (chooses Keras 2)

import numpy as np  # isort: skip
import pytest
import tensorflow as tf
import tensorflow_model_optimization as tfmot

from labkit.methods.prune import magnitude_mask, polynomial_sparsity

sparsity = tfmot.sparsity.keras


def by_tfmot(weights: np.ndarray, share: float) -> np.ndarray:
    """The mask that a wrapped layer has after TFMOT's own update, with *weights* as its kernel."""
    layer = tf.keras.layers.Dense(weights.shape[1], use_bias=False)
    wrapper = sparsity.prune_low_magnitude(layer, pruning_schedule=sparsity.ConstantSparsity(share, 0, frequency=1))
    wrapper.build((None, weights.shape[0]))
    layer.set_weights([weights])
    wrapper.pruning_step.assign(0)
    wrapper.pruning_obj.conditional_mask_update()
    return wrapper.pruning_vars[0][1].numpy().astype(bool)


def samples():
    rng = np.random.default_rng(31)
    yield "random", rng.normal(size=(37, 11))
    yield "ties", rng.integers(-3, 4, size=(20, 15))
    yield "quantized", np.round(rng.normal(size=(30, 30)) * 8) / 8
    yield "all equal", np.full((7, 6), -0.25)
    yield "all zero", np.zeros((4, 5))
    yield "one element", np.array([[0.5]])
    yield "two elements", np.array([[0.5, -0.5]])
    yield "mostly zero", np.where(rng.random((20, 20)) < 0.9, 0, rng.normal(size=(20, 20)))
    yield "tiny", rng.normal(size=(9, 9)) * 1e-42
    yield "a layer", rng.normal(size=(784, 100))


@pytest.mark.parametrize(("name", "weights"), samples(), ids=lambda value: value if isinstance(value, str) else "")
def test_masks_agree_weight_for_weight(name, weights):
    weights = weights.astype(np.float32)
    for share in (0.0, 0.1, 1 / 3, 0.5, 0.8, 0.9, 0.95, 0.999, 1 - 1e-7):
        np.testing.assert_array_equal(magnitude_mask(weights, share), by_tfmot(weights, share), err_msg=str(share))


def test_the_schedules_agree():
    theirs = sparsity.PolynomialDecay(0.2, 0.9, begin_step=10, end_step=60, power=3)
    for step in (0, 10, 11, 35, 59, 60, 100):
        # Theirs is in float32.
        assert polynomial_sparsity(step, 0.2, 0.9, 10, 60) == pytest.approx(float(theirs(step)[1]), abs=1e-6)
    constant = sparsity.ConstantSparsity(0.5, begin_step=3, frequency=1)
    for step in (2, 3, 50):
        active, share = constant(step)
        assert polynomial_sparsity(step, 0.0, 0.5, 3, 3) == (float(share) if bool(active) else 0.0)
