"""Ranges against NumPy's and a search by SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import minimize_scalar
from scipy.stats import entropy as scipy_entropy

from labkit.base.errors import UsageError
from labkit.methods.calibrate import entropy, errors_by_end, minmax, mse, percentile
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


def _migacz(samples, count, bins=2048):
    """The pseudo-code of the slides, bin by bin, in plain Python; the divergence is SciPy's."""
    sizes = np.abs(samples[samples != 0])
    seen, edges = np.histogram(sizes, bins, (0, sizes.max()))
    best, least = bins, np.inf
    for i in range(count, bins + 1):
        p = [float(n) for n in seen[:i]]
        p[i - 1] += float(sum(seen[i:]))
        q = [0.0] * i
        members = [[j for j in range(i) if j * count // i == level] for level in range(count)]
        for group in members:
            filled = [j for j in group if seen[j]]
            for j in filled:
                q[j] = sum(float(seen[k]) for k in group) / len(filled)
        divergence = scipy_entropy(p, q) if sum(q) else np.inf
        if divergence < least:
            best, least = i, divergence
    return min((best + 0.5) * edges[1], sizes.max())


@pytest.mark.parametrize("draw", ["normal", "laplace", "outlier", "relu"])
@pytest.mark.parametrize("bits", [3, 4])
def test_entropy_is_the_pseudo_code_of_the_slides(draw, bits):
    rng = np.random.default_rng(bits)
    x = {
        "normal": lambda: rng.normal(size=4000),
        "laplace": lambda: rng.laplace(size=4000),
        "outlier": lambda: np.append(rng.normal(size=4000), 30.0),
        "relu": lambda: np.maximum(rng.normal(size=4000), 0),
    }[draw]().astype(np.float32)
    one_sided = draw == "relu"
    end = _migacz(x, 2**bits if one_sided else 2 ** (bits - 1), bins=128)
    low, high = entropy(x, bits, bins=128)
    assert high == pytest.approx(min(end, x.max()), rel=1e-6)
    assert low == pytest.approx(0 if one_sided else max(-end, x.min()), rel=1e-6)
    assert entropy(x, bits, symmetric=True, bins=128)[1] == pytest.approx(
        _migacz(x, 2 ** (bits - 1), bins=128), rel=1e-6
    )


def test_entropy_clips_an_outlier_and_keeps_a_uniform_range():
    rng = np.random.default_rng(1)
    x = np.append(rng.normal(size=50_000), 50.0)
    low, high = entropy(x)
    assert low > -5 and high < 6
    flat = rng.uniform(-1, 1, 50_000)
    assert entropy(flat)[1] > 0.9
    assert entropy(x, 16) == minmax(x), "more levels than bins"
    assert (
        entropy(np.zeros(4)) == (0, 0) and entropy(np.full(3, 2.0)) == (2, 2) and entropy(np.array([-3.0])) == (-3, -3)
    )
    assert entropy(np.array([-3.0]), symmetric=True) == (-3, 3)
    with pytest.raises(UsageError, match="bits is 1"):
        entropy(x, 1)
    with pytest.raises(UsageError, match="bins is 1"):
        entropy(x, bins=1)
    with pytest.raises(UsageError, match="no samples"):
        entropy(np.empty(0))


def test_errors_by_end_are_those_of_the_rounded_samples_and_rise_on_both_sides():
    samples = np.abs(np.random.default_rng(0).normal(size=2000)).astype("float32")
    shares = [0.1, 0.5, 1.0]
    errors = errors_by_end(samples, shares, bits=3)
    for share, error in zip(shares, errors, strict=True):
        rounded = fake_quantize(samples, 3, symmetric=False, low=0.0, high=share * float(samples.max()))
        assert error == pytest.approx(float(np.sqrt(np.mean((rounded - samples) ** 2))), rel=1e-5)
    assert errors[1] < errors[0] and errors[1] < errors[2]
    with pytest.raises(UsageError, match="below 0"):
        errors_by_end([-1.0, 2.0], shares, bits=3)
