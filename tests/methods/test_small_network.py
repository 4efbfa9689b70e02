"""A dense network in NumPy against a loop over single numbers, and its rounded activations likewise."""

from __future__ import annotations

import numpy as np
import pytest

from labkit.base.errors import UsageError
from labkit.methods.small_network import dense_forward

RNG = np.random.default_rng(0)
LAYERS = [
    (RNG.normal(size=(6, 5)).astype("float32"), RNG.normal(size=5).astype("float32")),
    (RNG.normal(size=(5, 4)).astype("float32"), RNG.normal(size=4).astype("float32")),
    (RNG.normal(size=(4, 3)).astype("float32"), RNG.normal(size=3).astype("float32")),
]
X = RNG.uniform(-1, 1, (9, 2, 3)).astype("float32")
RANGES = [(-0.7, 0.8), (0.0, 1.5), (0.0, 2.5)]


def stored(value: float, low: float, high: float, bits: int) -> float:
    """What *bits* keep of one number in a range that holds zero, in float64."""
    scale = (high - low) / (2**bits - 1)
    zero = round(-low / scale)
    return scale * (min(max(round(value / scale) + zero, 0), 2**bits - 1) - zero)


def by_loop(image: np.ndarray, bits: int | None) -> list[float]:
    """One image through the layers, number by number."""
    now = [float(value) for value in image.ravel()]
    for number, (kernel, bias) in enumerate(LAYERS):
        now = [max(value, 0.0) for value in now] if number else now
        if bits is not None:
            now = [stored(value, *RANGES[number], bits) for value in now]
        now = [
            sum(value * float(kernel[row, column]) for row, value in enumerate(now)) + float(bias[column])
            for column in range(kernel.shape[1])
        ]
    return now


def test_floats_are_those_of_the_loop():
    np.testing.assert_allclose(dense_forward(LAYERS, X)[0], [by_loop(image, None) for image in X], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("bits", [2, 3, 8])
def test_rounded_activations_are_those_of_the_loop(bits):
    found, entered = dense_forward(LAYERS, X, RANGES, bits)
    np.testing.assert_allclose(found, [by_loop(image, bits) for image in X], rtol=1e-4, atol=1e-4)
    assert all(len(np.unique(each)) <= 2**bits for each in entered)


def test_what_entered_is_kept_before_and_after_rounding():
    _, entered = dense_forward(LAYERS, X)
    assert [each.shape for each in entered] == [(9, 6), (9, 5), (9, 4)]
    np.testing.assert_array_equal(entered[0], X.reshape(9, 6))
    assert entered[0].min() < 0, "the input passes no ReLU"
    assert all(each.min() >= 0 for each in entered[1:])


def test_sixteen_bits_over_the_whole_range_are_nearly_float():
    exact, entered = dense_forward(LAYERS, X)
    found, _ = dense_forward(LAYERS, X, [(float(each.min()), float(each.max())) for each in entered], 16)
    np.testing.assert_allclose(found, exact, atol=2e-3)


def test_no_images_and_wrong_bits():
    assert dense_forward(LAYERS, X[:0])[0].shape == (0, 3)
    with pytest.raises(UsageError):
        dense_forward(LAYERS, X, RANGES, 1)
