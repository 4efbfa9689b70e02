"""Simulated power against SciPy's exact sums, and the small network against a closed form and an easy task."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, norm

from labkit.methods.small_network import dense_forward, train_small
from labkit.methods.trials import power_paired, power_unpaired

DRAWS = 40_000


def _allowed(share: float) -> float:
    return 5 * math.sqrt(share * (1 - share) / DRAWS)


@pytest.mark.parametrize(("n", "difference", "discordant"), [(500, 0.03, 0.1), (300, 0.05, 0.05), (400, 0.0, 0.2)])
def test_paired_power_is_the_exact_sum(n, difference, discordant):
    z, exact = norm.ppf(0.975), 0.0
    for differing in range(n + 1):
        c = np.arange(differing + 1)
        rejected = (2 * c - differing) ** 2 > z * z * differing
        share = (discordant + difference) / 2 / discordant
        exact += binom.pmf(differing, n, discordant) * binom.pmf(c, differing, share)[rejected].sum()
    got = power_paired(n, difference, discordant, DRAWS, np.random.default_rng(1))
    assert abs(got - exact) <= _allowed(exact)


def test_unpaired_power_is_the_exact_sum():
    n, first, second, z = 120, 0.8, 0.9, norm.ppf(0.975)
    a, b = np.arange(n + 1)[:, None] / n, np.arange(n + 1)[None] / n
    mean = (a + b) / 2
    rejected = (b - a) ** 2 > z * z * 2 * mean * (1 - mean) / n
    weight = binom.pmf(np.arange(n + 1), n, first)[:, None] * binom.pmf(np.arange(n + 1), n, second)[None]
    got = power_unpaired(n, first, second, DRAWS, np.random.default_rng(2))
    assert abs(got - weight[rejected].sum()) <= _allowed(weight[rejected].sum())


def test_one_step_follows_the_gradient():
    """One batch, one step: every change equals the numerical gradient of the cross-entropy times the rate."""
    rng = np.random.default_rng(3)
    x, y = rng.random((8, 5)).astype("float32"), np.array([0, 1, 2, 0, 1, 2, 0, 1])
    before = train_small(x, y, np.random.default_rng(4), hidden=4, passes=1, rate=0.0, batch=8)
    after = train_small(x, y, np.random.default_rng(4), hidden=4, passes=1, rate=0.5, batch=8)

    def loss(layers):
        logits = dense_forward(layers, x.astype("float64"))[0]
        return np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(8), y])

    arrays = [array.astype("float64") for layer in before for array in layer]
    for place, (old, new) in enumerate(zip(arrays, [array for layer in after for array in layer], strict=True)):
        for index in np.ndindex(old.shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = [array.copy() for array in arrays]
                moved[place][index] += step
                ends.append(loss([(moved[0], moved[1]), (moved[2], moved[3])]))
            assert new[index] - old[index] == pytest.approx(-0.5 * (ends[0] - ends[1]) / 2e-5, abs=2e-6)


def test_the_small_network_learns_and_repeats():
    rng = np.random.default_rng(5)
    y = rng.integers(0, 3, 600)
    x = (np.eye(3, 6)[y] + rng.normal(0, 0.1, (600, 6))).astype("float32")
    first, again = (train_small(x, y, np.random.default_rng(6), hidden=8, passes=10) for _ in range(2))
    assert np.mean(dense_forward(first, x)[0].argmax(axis=1) == y) >= 0.99
    assert all(
        np.array_equal(p, q) for one, two in zip(first, again, strict=True) for p, q in zip(one, two, strict=True)
    )
    other = train_small(x, y, np.random.default_rng(7), hidden=8, passes=1)
    assert not np.array_equal(first[0][0], other[0][0])


def test_the_rate_falls_to_zero_on_a_line():
    """Several batches, against a loop written here with its gradient, on float64: step k of n has (1 − k / n) of it."""
    rng = np.random.default_rng(8)
    x, y = rng.random((12, 5)).astype("float32"), np.arange(12) % 3
    chosen = {"hidden": 4, "passes": 2, "batch": 3}
    (a, u), (b, v) = (
        tuple(array.astype("float64") for array in layer)
        for layer in train_small(x, y, np.random.default_rng(9), rate=0.0, **chosen)
    )
    draws = np.random.default_rng(9)
    draws.normal(size=a.shape), draws.normal(size=b.shape)
    order = np.concatenate([draws.permutation(12) for _ in range(2)]).reshape(8, 3)
    for step, batch in enumerate(order):
        hidden = np.maximum(x[batch] @ a + u, 0)
        exponents = np.exp(hidden @ b + v)
        error = exponents / exponents.sum(axis=1, keepdims=True) - np.eye(3)[y[batch]]
        rate = 0.5 * (1 - step / 8) / 3
        back = (error @ b.T) * (hidden > 0)
        a, u = a - rate * x[batch].T @ back, u - rate * back.sum(axis=0)
        b, v = b - rate * hidden.T @ error, v - rate * error.sum(axis=0)
    layers = train_small(x, y, np.random.default_rng(9), rate=0.5, **chosen)
    for mine, theirs in zip((a, u, b, v), (array for layer in layers for array in layer), strict=True):
        np.testing.assert_allclose(theirs, mine, atol=1e-5)
