"""Scalar quantizers against the published tables, numerical integration, a root finder, k-means and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from labkit.base.errors import UsageError
from labkit.methods import quantize, theory
from labkit.methods.quantize import fake_quantize, sqnr_db

BITS = range(1, 9)
LLOYD_MAX = ["4.396", "9.300", "14.616", "20.222", "26.012", "31.910", "37.865", "43.853"]
ENTROPY = ["1.000", "1.911", "2.825", "3.765", "4.730", "5.710", "6.700", "7.694"]
UNIFORM = ["4.396", "9.250", "14.267", "19.377", "24.565", "29.829", "35.167", "40.571"]
STEP = ["1.5958", "0.9957", "0.5860", "0.3352", "0.1881", "0.1041", "0.0569", "0.0308"]
RNG = np.random.default_rng(22)
GAUSSIAN = RNG.normal(size=200_000)


def _measured(edges, levels, x):
    return float(np.mean((x - levels[np.abs(np.subtract.outer(x, levels)).argmin(axis=1)]) ** 2))


@pytest.mark.parametrize("bits", BITS)
def test_the_tables_to_the_last_digit(bits):
    row = theory.compare(bits)
    assert f"{row.lloyd_max_db:.3f} {row.lloyd_max_entropy:.3f}" == f"{LLOYD_MAX[bits - 1]} {ENTROPY[bits - 1]}"
    assert f"{row.uniform_db:.3f} {row.step:.4f}" == f"{UNIFORM[bits - 1]} {STEP[bits - 1]}"


def test_the_constants():
    assert f"{theory.bound_db(1):.4f}" == "6.0206" and theory.bound_db(8) == 8 * theory.DB_PER_BIT
    assert f"{theory.SHAPING_DB:.2f} {theory.SHAPING_BITS:.4f}" == "1.53 0.2546"
    for bits in BITS:
        assert f"{theory.sine_db(bits):.1f}" == f"{6.0206 * bits + 1.7609:.1f}"
    assert f"{theory.DB_PER_BIT:.2f} {theory.SINE_DB:.2f}" == "6.02 1.76"


@pytest.mark.parametrize("bits", [8, 12])
def test_a_full_scale_sine_is_measured_as_the_formula_says(bits):
    sine = np.sin(2 * np.pi * math.sqrt(2) / 100 * np.arange(400_000))
    step = 2 / 2**bits
    rounded = (np.clip(np.floor(sine / step), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1) + 0.5) * step
    # At its peaks the sine dwells in one cell, where its error is not uniform: a share of the time like 2^(−b/2).
    assert sqnr_db(sine, rounded) == pytest.approx(theory.sine_db(bits), abs=2.5 * 2 ** (-bits / 2))


@pytest.mark.parametrize("bits", [1, 3, 5, 8, 10])
def test_lloyd_max_meets_its_two_conditions(bits):
    edges, levels = theory.lloyd_max(bits)
    assert len(levels) == 2**bits and (np.diff(edges) > 0).all() and edges[0] == -np.inf and edges[-1] == np.inf
    np.testing.assert_allclose(edges[1:-1], (levels[:-1] + levels[1:]) / 2, atol=1e-11)
    for k in range(0, len(levels), max(1, len(levels) // 8)):
        mean = stats.truncnorm.mean(edges[k], edges[k + 1])
        assert levels[k] == pytest.approx(mean, abs=1e-9)


def test_the_error_is_the_integral_and_the_measured_one():
    edges, levels = theory.lloyd_max(3)
    parts = [
        integrate.quad(lambda x, y=y: (x - y) ** 2 * stats.norm.pdf(x), a, b)[0]
        for y, a, b in zip(levels, edges, edges[1:], strict=False)
    ]
    error, entropy = theory.error_and_entropy(edges, levels)
    assert error == pytest.approx(sum(parts), rel=1e-9)
    assert entropy == pytest.approx(stats.entropy(np.diff(stats.norm.cdf(edges)), base=2), rel=1e-12)
    assert error == pytest.approx(_measured(edges, levels, GAUSSIAN), rel=0.02)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_the_best_step_is_the_minimum(bits):
    def error(step):
        return theory.error_and_entropy(*theory.uniform(bits, step))[0]

    step = theory.best_uniform_step(bits)
    found = optimize.minimize_scalar(error, bounds=(step / 3, step * 3), method="bounded", options={"xatol": 1e-9})
    assert step == pytest.approx(found.x, rel=1e-5)
    assert error(step) <= found.fun + 1e-14  # the sums of terms near 1 have that much of rounding


def test_moments_keep_their_precision_in_the_tail():
    edges = np.array([-np.inf, -9, -8, -1, 0, 1, 8, 9, np.inf])
    p, first, second = theory.moments(edges)
    expected = [stats.norm.sf(8) - stats.norm.sf(9), stats.norm.sf(9)]
    np.testing.assert_allclose(p[[6, 7]], expected, rtol=1e-10)
    np.testing.assert_allclose(p[:4], p[:3:-1])
    assert p.sum() == pytest.approx(1) and first.sum() == pytest.approx(0) and second.sum() == pytest.approx(1)
    assert theory.moments(np.array([-1.0, 2.0]))[0][0] == pytest.approx(stats.norm.cdf(2) - stats.norm.cdf(-1))


def test_entropy_coding_comes_within_the_gap_and_no_nearer():
    for step in (1.0, 0.5, 0.1, 0.02):
        bits, error = theory.entropy_coded(step)
        gap = theory.bound_db(bits) - theory.db(error)
        assert 0 < gap < theory.SHAPING_DB + 1e-9
    assert gap == pytest.approx(theory.SHAPING_DB, abs=1e-6)
    assert error == pytest.approx(0.02**2 / 12, rel=0.02**2)  # the next term of the series is of that order
    assert theory.entropy_coded(20.0) == (pytest.approx(0, abs=1e-9), pytest.approx(1))
    q = np.rint(GAUSSIAN / 0.5)
    counts = np.unique(q, return_counts=True)[1]
    bits, error = theory.entropy_coded(0.5)
    assert theory.entropy(counts / counts.sum()) == pytest.approx(bits, abs=0.01)


def test_the_parts_of_a_clipped_error_are_those_measured():
    for bits, clip in ((2, 1.0), (4, 2.5), (8, 3.0)):
        rounding, clipping = theory.clipped_errors(clip, bits)
        squares = (fake_quantize(GAUSSIAN, bits, low=-clip, high=clip) - GAUSSIAN) ** 2
        inside = np.abs(GAUSSIAN) <= clip
        assert rounding == pytest.approx(np.sum(squares[inside]) / GAUSSIAN.size, rel=0.02)
        assert clipping == pytest.approx(np.sum(squares[~inside]) / GAUSSIAN.size, rel=0.1)
        q = stats.norm.sf(clip)
        assert clipping == pytest.approx(2 * ((1 + clip**2) * q - clip * stats.norm.pdf(clip)), rel=1e-9)
    step = 6 / 254
    assert theory.clipped_errors(3.0, 8)[0] == pytest.approx(step**2 / 12, rel=0.01)


def test_samples_get_their_own_quantizers():
    edges, levels = theory.lloyd_max(3, GAUSSIAN)
    measured = theory.measured_db(edges, levels, GAUSSIAN)
    assert measured == pytest.approx(theory.db(_measured(edges, levels, GAUSSIAN), float(np.mean(GAUSSIAN**2))))
    assert measured == pytest.approx(float(LLOYD_MAX[2]), abs=0.05)  # two standard errors of 200,000 samples
    assert theory.best_uniform_step(3, GAUSSIAN) == pytest.approx(float(STEP[2]), rel=0.02)
    uniform = RNG.uniform(-1, 1, 50_000)
    edges, levels = theory.lloyd_max(2, uniform)
    np.testing.assert_allclose(levels, [-0.75, -0.25, 0.25, 0.75], atol=0.02)
    assert theory.best_uniform_step(4, uniform) == pytest.approx(1 / 8, rel=0.01)
    assert quantize.lloyd_max is theory.lloyd_max and quantize.best_uniform_step is theory.best_uniform_step


def test_lloyd_on_samples_is_k_means_from_the_same_start():
    cluster = pytest.importorskip("sklearn.cluster")
    x = RNG.laplace(size=600)
    edges, levels = theory.lloyd_max(3, x)
    means = cluster.KMeans(8, init=levels[:, None], n_init=1, max_iter=20, tol=0).fit(x[:, None])
    np.testing.assert_allclose(np.sort(means.cluster_centers_.ravel()), levels, atol=1e-4)
    assert _measured(edges, levels, x) == pytest.approx(means.inertia_ / len(x), rel=1e-4)


def test_degenerate_samples():
    edges, levels = theory.lloyd_max(4, np.array([1.0, 1.0, 2.0]))
    assert levels.tolist() == [1, 2] and edges.tolist() == [-np.inf, 1.5, np.inf]
    assert theory.lloyd_max(2, np.full(5, 3.0))[1].tolist() == [3]
    assert theory.lloyd_max(1, np.array([-7.0]))[1].tolist() == [-7]
    assert theory.best_uniform_step(3, np.zeros(4)) == 0
    assert theory.entropy(np.array([1.0])) == 0 and theory.entropy(np.array([0.5, 0.5, 0.0])) == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: theory.lloyd_max(0), "from 1 to 10"),
        (lambda: theory.best_uniform_step(11), "from 1 to 10"),
        (lambda: theory.lloyd_max(True), "bits is True"),
        (lambda: theory.lloyd_max(2, np.empty(0)), "one or more finite numbers"),
        (lambda: theory.best_uniform_step(2, np.array([np.nan])), "remove NaN"),
        (lambda: theory.uniform(2, 0.0), "step is 0.0"),
        (lambda: theory.uniform(2, np.inf), "finite number above 0"),
        (lambda: theory.entropy_coded(1e-6), "at least 1e-4"),
        (lambda: theory.clipped_errors(2.0, 1), "from 2 to 10"),
        (lambda: theory.clipped_errors(-1.0, 4), "clip is -1.0"),
        (lambda: theory.entropy(np.array([0.5, 0.6])), "sum to 1"),
        (lambda: theory.entropy(np.array([1.5, -0.5])), "0 or more"),
        (lambda: theory.db(0.0), "above 0"),
        (lambda: theory.error_and_entropy(np.zeros(3), np.zeros(3)), "4 edges"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, words):
    with pytest.raises(UsageError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
