"""Roundings against NumPy, ml_dtypes and exact fractions; the closed forms against SciPy, integrals and long orbits.

A statistical bound is five standard errors of the mean, of which a seed exceeds one in two million times by chance.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from labkit.base.errors import UsageError
from labkit.methods import dither, numerics

SIGMAS = 5
FRACTIONS = np.array([0.02, 0.1, 0.25, 1 / 3, 0.5, 2 / 3, 0.8, 0.95])
values = st.floats(-1e6, 1e6, allow_nan=False)
steps = st.sampled_from([0.001, 0.25, 1.0, 3.0, 128.0])


@pytest.fixture(scope="module")
def orbits() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(21)
    made = {rule: dither.chaotic(2000, 400, rng, rule) for rule in ("logistic", "conjugated")}
    return made | {"stochastic": rng.random((2000, 400)), "nearest": np.full((2, 400), 0.5)}


# Rounding


@given(values, steps, st.floats(0, 1, exclude_max=True))
def test_dithered_gives_a_neighbour(x, step, threshold):
    got = float(dither.dithered(x, step, threshold))
    assert got in (step * math.floor(x / step), step * (math.floor(x / step) + 1))


@given(st.integers(-(2**40), 2**40), st.integers(-20, 20), st.floats(0, 1))
def test_multiples_stay(k, exponent, threshold):
    whole = math.ldexp(k, exponent)
    assert dither.dithered(whole, 2.0**exponent, threshold) == whole


def test_the_threshold_decides():
    x = np.array([0.2, -0.2, 1.5, 3.0])
    assert dither.dithered(x, 1, 0.0).tolist() == [1, 0, 2, 3]
    assert dither.dithered(x, 1, 0.99).tolist() == [0, -1, 1, 3]
    assert dither.dithered([[0.5], [1.5]], 1, [0.4, 0.6]).tolist() == [[1, 0], [2, 1]]
    assert dither.dithered(np.empty(0), 1, 0.5).shape == (0,)


@given(st.lists(values, max_size=5), steps)
def test_nearest_is_numpys(x, step):
    np.testing.assert_array_equal(dither.nearest(x, step), np.rint(np.array(x, float) / step) * step)


def test_bfloat16_is_the_grid_of_the_ulp():
    x = np.random.default_rng(1).normal(size=20000).astype(np.float32) * np.float32(2.0) ** np.arange(-40, 40).repeat(
        250
    )
    theirs = x.astype(ml_dtypes.bfloat16).astype(np.float64)
    np.testing.assert_array_equal(dither.nearest(x, dither.ulp(x)), theirs)
    grid = theirs[theirs != 0]
    above = np.nextafter(np.abs(grid).astype(ml_dtypes.bfloat16), ml_dtypes.bfloat16(np.inf)).astype(np.float64)
    np.testing.assert_array_equal(dither.ulp(grid), above - np.abs(grid))
    assert dither.ulp([1.0, -1.0, 255.0, 256.0], 8).tolist() == [2**-7, 2**-7, 1, 2]
    assert dither.ulp(1.0, 24) == np.finfo(np.float32).eps


def test_stochastic_rounding_is_unbiased():
    n, x = 100_000, np.array([0.1, -0.37, 5.0, 2.75])
    got = dither.stochastic(np.broadcast_to(x, (n, 4)), 0.5, np.random.default_rng(3))
    deviation = 0.5 * np.sqrt(dither.variance(x / 0.5 - np.floor(x / 0.5), "stochastic") / n)
    assert (np.abs(got.mean(axis=0) - x) <= SIGMAS * deviation + 1e-12).all()
    assert (got[:, 2] == 5).all()


# Closed forms


def test_the_law_of_the_logistic_map_is_scipys_arcsine():
    np.testing.assert_allclose(dither.chance_up(FRACTIONS, "logistic"), stats.arcsine.cdf(FRACTIONS), rtol=1e-12)
    assert dither.chance_up([0, 0.5, 1], "logistic") == pytest.approx([0, 0.5, 1])
    assert dither.chance_up([0.2, 0.5, 0.7], "nearest").tolist() == [0, 0.5, 1]
    assert dither.chance_up([0.2, 0.7], "conjugated").tolist() == [0.2, 0.7]


def test_the_largest_bias_of_the_logistic_map():
    """It stands where the density is 1: f(1 − f) = 1/π²."""
    f = (1 - math.sqrt(1 - 4 / math.pi**2)) / 2
    grid = np.linspace(0, 1, 100_001)
    assert np.abs(dither.bias(grid, "logistic")).max() == pytest.approx(float(dither.bias(f, "logistic")), abs=1e-9)


@pytest.mark.parametrize("rule", dither.RULES)
def test_the_averages_are_the_integrals(rule):
    squares = [lambda f: float(dither.bias(f, rule)) ** 2, lambda f: float(dither.variance(f, rule))]
    integrals = [integrate.quad(square, 0, 1, points=[0.5])[0] for square in squares]
    np.testing.assert_allclose(dither.average(rule), integrals, atol=1e-8)


def test_the_squared_errors_are_two_four_and_five_parts_of_24():
    got = [24 * sum(dither.average(rule)) for rule in dither.RULES]
    np.testing.assert_allclose(got, [2, 4, 5, 4])


@pytest.mark.parametrize("lag", [0, 1, 2, 3, 6])
def test_the_covariance_is_the_integral_over_all_starts(lag):
    """With midpoints of a fine grid; each of at most 2^lag + 1 edges costs one point of it."""
    points = 2**18
    start = (np.arange(points) + 0.5) / points
    later = start
    for _ in range(lag):
        later = 1 - np.abs(1 - 2 * later)
    for p in FRACTIONS:
        both = np.mean((start < p) & (later < p)) - p * p
        assert abs(both - dither.covariance(p, lag)) <= (2**lag + 1) / points


def test_the_covariance_by_hand():
    assert dither.covariance([0.3, 0.5], 0) == pytest.approx([0.21, 0.25])
    assert dither.covariance([1 / 3, 0.5, 2 / 3], 1) == pytest.approx([1 / 18, 0, -1 / 9])
    small = 2.0**-20
    assert dither.covariance(small, 1) / (small - small**2) == pytest.approx(0.5, abs=1e-5)


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 7])
def test_over_all_fractions_the_errors_are_uncorrelated(lag):
    """The covariance is piecewise quadratic between its kinks; Simpson's rule on a grid that has them is exact."""
    kinks = sorted({Fraction(0), Fraction(1)} | set(_kinks(lag)))
    total = 0.0
    for a, b in pairwise(kinks):
        low, middle, high = (float(dither.covariance(float(x), lag)) for x in (a, (a + b) / 2, b))
        total += float(b - a) / 6 * (low + 4 * middle + high)
    assert total == pytest.approx(0, abs=1e-12)


def _kinks(lag: int) -> list[Fraction]:
    """Where 2ᵏp passes an even number, or the rest passes p or 2 − p."""
    n = 2**lag
    found = []
    for even in range(0, n + 1, 2):
        found += [Fraction(even, n), Fraction(even, n - 1), Fraction(even + 2, n + 1)]
    return [x for x in found if 0 < x < 1]


@pytest.mark.parametrize("rule", dither.RULES)
def test_long_orbits_have_the_bias_and_the_variance_of_the_mean(orbits, rule):
    u = orbits[rule]
    n, m = u.shape
    for f in FRACTIONS[FRACTIONS != 0.5]:
        errors = dither.dithered(f, 1, u) - f
        p = float(dither.chance_up(f, rule))
        inflated = dither.inflation(p, n) if rule in ("logistic", "conjugated") else 1.0
        of_mean = 0.0 if rule == "nearest" else p * (1 - p) / n * float(inflated)
        assert abs(errors.mean() - dither.bias(f, rule)) <= SIGMAS * math.sqrt(of_mean / m) + 1e-12
        if of_mean:  # the sample variance of m normal means has the relative deviation √(2/(m − 1))
            assert errors.mean(axis=0).var(ddof=1) / of_mean == pytest.approx(1, abs=SIGMAS * math.sqrt(2 / (m - 1)))


@pytest.mark.parametrize("lag", [1, 2, 5])
def test_long_orbits_have_the_covariance(orbits, lag):
    u = orbits["conjugated"]
    for f in FRACTIONS:
        errors = (u < f) - f
        products = (errors[:-lag] * errors[lag:]).mean(axis=0)
        bound = SIGMAS * products.std(ddof=1) / math.sqrt(len(products))
        assert abs(products.mean() - dither.covariance(f, lag)) <= bound


def test_the_raw_dither_is_uncorrelated(orbits):
    t = orbits["conjugated"] - 0.5
    for lag in (1, 2, 3):
        products = (t[:-lag] * t[lag:]).mean(axis=0)
        assert abs(products.mean()) <= SIGMAS * products.std(ddof=1) / math.sqrt(len(products))


# The maps


def test_the_conjugated_logistic_map_is_the_tent_map():
    start = np.random.default_rng(4).random(1000)
    u = np.sin(np.pi / 2 * start) ** 2
    np.testing.assert_allclose(dither.conjugate(dither.logistic_map(u, 4)), dither.tent_map(start, 4), atol=1e-6)


@given(st.floats(0, 1, allow_subnormal=False))
def test_the_tent_map_is_exact_and_collapses_when_it_must(start):
    exact = Fraction(start)
    if 0 < start < 2.0**-900:
        return  # more than nine hundred steps: right, and slow
    # Each step halves the denominator, a power of two; one more leads from 1 to 0.
    count = exact.denominator.bit_length() if start else 0
    orbit = dither.tent_map(start, count + 1)
    for value in orbit[:80]:
        assert Fraction(float(value)) == exact
        exact = min(2 * exact, 2 - 2 * exact)
    assert orbit[count] == 0 and (count == 0 or orbit[count - 1] != 0)


def test_random_starts_collapse_within_54_steps():
    starts = np.random.default_rng(5).random(2000)
    orbits = dither.tent_map(starts, 56)
    assert orbits[53].any() and not orbits[54:].any()


def test_float32_is_kept_and_its_orbits_are_short():
    orbit = dither.logistic_map(np.float32([0.1, 0.3]), 20_000)
    assert orbit.dtype == np.float32
    assert len(np.unique(orbit[:, 0])) < 10_000 < len(np.unique(dither.logistic_map(0.1, 20_000)))


# Sums that stall


@pytest.mark.parametrize("term", [0.01, 0.0078125, 1.0, 0.3, 0.75, 3e-4])
def test_a_bfloat16_sum_stalls_where_it_should(term):
    term = ml_dtypes.bfloat16(term)
    total = ml_dtypes.bfloat16(0)
    for _ in range(600):
        total = total + term
    assert float(total) == dither.stalls_at(float(term))


def test_a_float16_sum_stalls_where_it_should():
    term, total = np.float16(0.3), np.float16(0)
    for _ in range(5000):
        total = total + term
    assert float(total) == dither.stalls_at(float(term), 11)


def test_paths_are_those_of_the_cast_to_bfloat16():
    rng, start = np.random.default_rng(8), np.linspace(0, 3, 40)
    path = dither.follow(lambda w: w - 0.02 * (w - 1.7), start, 100, "nearest", rng)
    point = start
    for row in path:
        point = numerics.cast(point - 0.02 * (point - 1.7), "bfloat16").astype(np.float64)
        np.testing.assert_array_equal(row, point)


@pytest.mark.parametrize("rule", dither.RULES[1:])
def test_paths_have_the_closed_forms_chance(rule):
    """0.3 ulp above 1, once: up with the chance of the law; and all values are bfloat16's."""
    n = 40_000
    once = dither.follow(lambda x: x + 0.3 * 2**-7, np.ones(n), 1, rule, np.random.default_rng(9))
    assert set(np.unique(once)) == {1.0, 1 + 2**-7}
    p = float(dither.chance_up(0.3, rule))
    assert abs(np.mean(once > 1) - p) <= SIGMAS * math.sqrt(p * (1 - p) / n)
    many = dither.follow(lambda x: x + 0.01, np.zeros((3, 2)), 50, rule, np.random.default_rng(9))
    assert many.shape == (50, 3, 2) and (many == many.astype(ml_dtypes.bfloat16).astype(float)).all()


def test_a_stochastic_sum_scatters_by_a_sixteenth_at_most():
    """Variance a step ≤ term × ulp, ulp ≤ sum / 128: added up, deviation ≤ sum / 16. Its mean is the true sum."""
    term, runs, terms = 2.0**-7, 400, 4000
    last = dither.follow(lambda x: x + term, np.zeros(runs), terms, "stochastic", np.random.default_rng(10))[-1]
    assert abs(last.mean() - term * terms) <= SIGMAS * term * terms / 16 / math.sqrt(runs)
    assert last.std(ddof=1) <= term * terms / 16 * (1 + SIGMAS / math.sqrt(2 * (runs - 1)))


def test_distances_in_standard_errors():
    samples = np.random.default_rng(11).normal(2, 3, (4, 50))
    np.testing.assert_allclose(
        dither.in_standard_errors(samples, 1.5), np.abs(stats.ttest_1samp(samples, 1.5, axis=1).statistic)
    )


def test_bad_arguments_are_refused():
    for step in (0, -1, float("nan")):
        with pytest.raises(UsageError, match="above zero"):
            dither.nearest(1.0, step)
    with pytest.raises(UsageError, match="rule"):
        dither.chance_up(0.5, "cosmic")
    with pytest.raises(UsageError, match="0 to 1"):
        dither.chance_up(1.5, "logistic")
    with pytest.raises(UsageError, match="rule"):
        dither.chaotic(3, 3, np.random.default_rng(0), "nearest")
    with pytest.raises(UsageError, match="0 to 1"):
        dither.logistic_map(1.5, 3)
    with pytest.raises(UsageError, match="at least 1"):
        dither.tent_map(0.5, 0)
    with pytest.raises(UsageError, match="at least 0"):
        dither.covariance(0.5, -1)
    for term in (0, -1.0, math.inf, math.nan):
        with pytest.raises(UsageError, match="above zero"):
            dither.stalls_at(term)
