"""Ranges against NumPy's and a search by SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import minimize_scalar

from labkit.base.errors import UsageError
from labkit.methods.calibrate import minmax, mse, percentile
from labkit.methods.quantize import fake_quantize

samples = hnp.arrays(np.float32, st.integers(1, 50), elements=st.floats(-100, 100, width=32))


@given(samples, st.floats(50, 100))
def test_percentiles_lie_within_the_range(x, percent):
    low, high = minmax(x)
    assert (low, high) == (x.min(), x.max()) == percentile(x, 100)
    inner = percentile(x, percent)
    assert low <= inner[0] <= inner[1] <= high
    assert inner == tuple(float(end) for end in np.percentile(x, [100 - percent, percent]))


@given(samples, st.sampled_from([2, 4, 8]))
def test_the_search_is_never_worse_than_the_full_range(x, bits):
    def error(ends):
        return np.mean((fake_quantize(x, bits, symmetric=False, low=ends[0], high=ends[1]) - x) ** 2, dtype=np.float64)

    assert error(mse(x, bits, steps=20)) <= error(minmax(x)) * (1 + 1e-6)


def test_the_search_finds_the_best_clip_of_a_gaussian():
    x = np.random.default_rng(0).normal(size=50_000)

    def error(end):
        return float(np.mean((fake_quantize(x, 4, low=-end, high=end) - x) ** 2))

    best = minimize_scalar(error, bounds=(1, 5), method="bounded").x
    low, high = mse(x, 4, symmetric=True)
    assert -low == pytest.approx(high, rel=0.2) and max(-low, high) == pytest.approx(best, rel=0.05)


def test_degenerate_and_bad_samples():
    assert minmax(np.array([3.0])) == percentile(np.array([3.0])) == (3, 3)
    assert mse(np.zeros(4)) == (0, 0) and mse(np.full(3, 2.0)) == (0, 2)
    for call in (minmax, percentile, mse):
        with pytest.raises(UsageError, match="no samples"):
            call(np.empty(0))
        with pytest.raises(UsageError, match="NaN or infinity"):
            call(np.array([1, np.nan]))
    with pytest.raises(UsageError, match="percent is 49"):
        percentile(np.ones(2), 49)
    with pytest.raises(UsageError, match="steps is 0"):
        mse(np.ones(2), steps=0)
