"""Intervals and tests against SciPy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binom, binomtest, chi2, norm, ttest_1samp

from labkit.base.errors import UsageError
from labkit.methods import trials
from labkit.methods.statistics import (
    best_of_many,
    cochran,
    deviation_interval,
    images_paired,
    images_unpaired,
    mcnemar,
    paired_interval,
    power_paired,
    seed_spread,
    student_quantile,
    wilson,
)


@given(st.integers(1, 20_000), st.floats(0, 1), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_wilson_is_scipys(n, share, level):
    correct = round(n * share)
    low, high = wilson(correct, n, level)
    expected = binomtest(correct, n).proportion_ci(level, "wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= low <= correct / n <= high <= 1


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_the_binomial_test(first, second):
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, rel=1e-9)
    assert mcnemar(first, second) == mcnemar(second, first)


def test_mcnemar_holds_for_many_images():
    assert mcnemar(4_800, 5_200) == pytest.approx(binomtest(4_800, 10_000).pvalue, rel=1e-6)
    assert mcnemar(0, 20_000) == 0.0


def test_degenerate_counts():
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 10)[0] == 0.0 and wilson(10, 10)[1] == 1.0
    assert mcnemar(0, 0) == 1.0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((3, 2), "at most n"), ((-1, 2), "correct is -1"), ((1, 2.5), "n is 2.5"), ((1, 2, 1.0), "level is 1.0")],
)
def test_impossible_counts_are_refused(arguments, words):
    with pytest.raises(UsageError, match=words):
        wilson(*arguments)
    with pytest.raises(UsageError, match="second_only"):
        mcnemar(1, -1)


counts = st.integers(0, 300)


@given(counts, counts)
def test_the_other_forms_of_mcnemar_are_scipys(first, second):
    n = first + second
    gap = abs(first - second)
    for form, statistic in (("chi_square", gap), ("corrected", max(0, gap - 1))):
        expected = chi2.sf(statistic**2 / n, 1) if n else 1.0
        assert mcnemar(first, second, form) == pytest.approx(expected, rel=1e-9)
    # Mid-p by its definition: all that is less likely, and half of what is as likely.
    likely = binom.pmf(np.arange(n + 1), n, 0.5)
    far = np.abs(2 * np.arange(n + 1) - n)
    expected = likely[far > gap].sum() + likely[far == gap].sum() / 2 if n else 1.0
    assert mcnemar(first, second, "mid_p") == pytest.approx(expected, rel=1e-8, abs=1e-300)


def test_mid_p_for_many_images():
    expected = 2 * binom.cdf(4_800, 10_000, 0.5) - binom.pmf(4_800, 10_000, 0.5)
    assert mcnemar(4_800, 5_200, "mid_p") == pytest.approx(expected, rel=1e-6)
    assert mcnemar(1_000, 1_000, "mid_p") == pytest.approx(1 - binom.pmf(1_000, 2_000, 0.5) / 2, rel=1e-9)


def _score(first, second, n, difference):
    """The score statistic, its constrained maximum found numerically rather than by Tango's quadratic."""

    def cost(only):
        shares = np.array([only, only + difference, 1 - 2 * only - difference])
        seen = np.array([first, second, n - first - second])
        with np.errstate(divide="ignore", invalid="ignore"):
            return -np.where(seen > 0, seen * np.log(np.maximum(shares, 1e-300)), 0.0).sum()

    low, high = max(0.0, -difference), (1 - difference) / 2
    only = minimize_scalar(cost, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
    return (second - first - n * difference) / math.sqrt(n * (2 * only + difference * (1 - difference)))


@pytest.mark.parametrize(("first", "second", "n"), [(0, 5, 50), (12, 4, 40), (237, 428, 10_000), (3, 3, 9), (0, 9, 10)])
def test_the_paired_interval_ends_where_the_score_test_does(first, second, n):
    z = norm.ppf(0.975)
    low, high = paired_interval(first, second, n)
    assert _score(first, second, n, low) == pytest.approx(z, abs=2e-4)
    assert _score(first, second, n, high) == pytest.approx(-z, abs=2e-4)
    mirrored = paired_interval(second, first, n)
    assert mirrored == pytest.approx((-high, -low), abs=1e-12)


@given(counts, counts, st.integers(0, 2000))
def test_the_paired_interval_leaves_zero_out_when_mcnemar_rejects(first, second, same):
    low, high = paired_interval(first, second, first + second + same)
    assert -1 <= low <= high <= 1
    p = mcnemar(first, second, "chi_square")
    if abs(p - 0.05) > 1e-9:
        assert (low > 0 or high < 0) == (p < 0.05)


def test_the_paired_interval_without_any_difference_is_known():
    # Nothing differs: the score test rejects beyond z² / (n + z²), on either side.
    square = norm.ppf(0.975) ** 2
    assert paired_interval(0, 0, 100) == pytest.approx((-square / (100 + square), square / (100 + square)), abs=1e-12)
    assert paired_interval(0, 0, 0) == (-1.0, 1.0)
    assert paired_interval(7, 0, 7)[0] == -1.0 and paired_interval(0, 7, 7)[1] == 1.0


def test_the_paired_interval_covers():
    rng, draws, n, shares = np.random.default_rng(1), 2_000, 400, [0.03, 0.06]
    seen = rng.multinomial(n, [*shares, 1 - sum(shares)], draws)
    found = [paired_interval(int(first), int(second), n) for first, second, _ in seen]
    covered = np.mean([low <= shares[1] - shares[0] <= high for low, high in found])
    # Four standard errors of the draws, and one point for counts that are whole numbers.
    assert abs(covered - 0.95) <= 4 * math.sqrt(0.95 * 0.05 / draws) + 0.01


def test_images_unpaired_is_the_textbooks():
    # The formula, written out with SciPy's quantiles.
    z1, z2, first, second = norm.ppf(0.995), norm.ppf(0.95), 0.25, 0.40
    mean = (first + second) / 2
    root = z1 * math.sqrt(2 * mean * (1 - mean)) + z2 * math.sqrt(first * (1 - first) + second * (1 - second))
    assert images_unpaired(first, second, 0.95, 0.99) == math.ceil((root / (second - first)) ** 2)
    assert images_unpaired(0.0, 1.0) >= 1
    assert images_unpaired(0.9, 0.903) == images_unpaired(0.903, 0.9)


@pytest.mark.parametrize("discordant", [0.01, 0.03, 0.066])
def test_images_paired_reach_the_power_asked(discordant):
    """The exact power of the uncorrected test at that number, summed over all that can come out."""
    difference = 0.003
    n = images_paired(difference, discordant)
    spread = 7 * math.sqrt(n * discordant)
    power = 0.0
    for differing in range(max(1, int(n * discordant - spread)), int(n * discordant + spread)):
        # (b − c)² / (b + c) > z²  ⇔  b beyond (m ± z √m) / 2
        z = norm.ppf(0.975) * math.sqrt(differing)
        share = (discordant + difference) / 2 / discordant
        above = binom.sf(math.floor((differing + z) / 2), differing, share)
        below = binom.cdf(math.ceil((differing - z) / 2) - 1, differing, share)
        power += binom.pmf(differing, n, discordant) * (above + below)
    # What is left is the normal curve's: counts are whole, which moves a share by half the most likely one's at most.
    step = 0.5 * binom.pmf(round(n * discordant) // 2, round(n * discordant), 0.5)
    assert power == pytest.approx(0.8, abs=step)


def test_the_interval_of_a_deviation_covers_at_its_level():
    draws = np.random.default_rng(5).normal(3, 2, (2000, 6))
    ends = np.array([deviation_interval(values, 0.9) for values in draws])
    assert np.mean((ends[:, 0] <= 2) & (ends[:, 1] >= 2)) == pytest.approx(0.9, abs=0.02)
    assert deviation_interval([0.5, 0.5, 0.5]) == (0.0, 0.0)
    with pytest.raises(UsageError, match="two or more"):
        deviation_interval([0.9])


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.integers(2, 12))
def test_seed_spread_is_students(seed, count):
    values = np.random.default_rng(seed).normal(0.9, 0.01, count)
    found = seed_spread(values, 0.9)
    expected = ttest_1samp(values, 0).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-8)
    assert (found.mean, found.deviation) == pytest.approx((values.mean(), values.std(ddof=1)))


@pytest.mark.parametrize("share", [0.6, 0.95, 0.975, 0.999])
def test_student_quantiles_are_those_of_closed_forms(share):
    """One and two degrees of freedom have a quantile in closed form, four a distribution function (Student's own)."""
    two = 2 * share - 1
    assert student_quantile(share, 1) == pytest.approx(math.tan(math.pi * two / 2), rel=1e-12)
    assert student_quantile(share, 2) == pytest.approx(two * math.sqrt(2 / (1 - two**2)), rel=1e-12)
    angle = math.atan2(student_quantile(share, 4), 2)
    assert 0.5 + math.sin(angle) * (1 + math.cos(angle) ** 2 / 2) / 2 == pytest.approx(share, rel=1e-12)


def test_student_quantiles_fall_towards_the_normal_one():
    quantiles = [student_quantile(0.975, freedom) for freedom in (1, 2, 3, 9, 10, 99, 1000, 10**7)]
    assert quantiles == sorted(quantiles, reverse=True)
    assert quantiles[-1] == pytest.approx(norm.ppf(0.975), rel=1e-6)


def test_equal_seeds_have_no_spread():
    assert seed_spread([0.5, 0.5, 0.5]) == (0.5, 0.0, 0.5, 0.5)


def test_best_of_one_is_a_sign_test():
    rng = np.random.default_rng(3)
    changes = np.array([[1] * 14 + [-1] * 5 + [0] * 100])
    draws = 20_000
    expected = binomtest(14, 19, alternative="greater").pvalue
    allowed = 5 * math.sqrt(expected * (1 - expected) / draws) + 1 / draws
    assert abs(best_of_many(changes, draws, rng) - expected) <= allowed


def test_best_of_many_agrees_with_all_signs():
    rng = np.random.default_rng(4)
    changes = rng.choice([-1, 0, 1], (4, 12), p=[0.2, 0.4, 0.4])
    # All 2¹² signs, one by one.
    signs = 1 - 2 * ((np.arange(2**12)[:, None] >> np.arange(12)) & 1)
    expected = np.mean((signs @ changes.T).max(axis=1) >= changes.sum(axis=1).max())
    draws = 20_000
    allowed = 5 * math.sqrt(expected * (1 - expected) / draws) + 1 / draws
    assert abs(best_of_many(changes, draws, rng) - expected) <= allowed


def test_best_of_many_counts_losses_too_when_two_sided():
    rng = np.random.default_rng(6)
    changes = np.array([[1] * 14 + [-1] * 5 + [0] * 100])
    draws = 20_000
    for table in (changes, -changes):
        expected = binomtest(14, 19).pvalue
        allowed = 5 * math.sqrt(expected * (1 - expected) / draws) + 1 / draws
        assert abs(best_of_many(table, draws, rng, two_sided=True) - expected) <= allowed


@pytest.mark.parametrize(("n", "difference", "discordant"), [(400, 0.05, 0.2), (2000, 0.01, 0.02), (60, 0.1, 0.1)])
def test_the_exact_power_is_the_share_of_draws(n, difference, discordant):
    draws = 200_000
    drawn = trials.power_paired(n, difference, discordant, draws, np.random.default_rng(8))
    exact = power_paired(n, difference, discordant)
    assert abs(drawn - exact) <= 5 * math.sqrt(exact * (1 - exact) / draws) + 1 / draws


def test_the_exact_power_of_nine_images_by_hand():
    # All nine differ, each a fair coin: |2 c - 9| > 1.96 * 3 for c = 0, 1, 8, 9.
    assert power_paired(9, 0.0, 1.0) == pytest.approx(20 / 512)
    assert power_paired(9, 1.0, 1.0) == pytest.approx(1.0)
    assert power_paired(0, 0.0, 0.5) == 0.0


def test_cochran_of_three_by_hand():
    # Rights 6, 4, 2 of 6 images; by image 3, 3, 2, 2, 1, 1: Q = 3 * 2 * 8 / (2 + 2 + 2 + 2) = 6, of χ² with 2: e^-3.
    right = [[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0], [1, 1, 0, 0, 0, 0]]
    assert cochran(right) == pytest.approx(math.exp(-3))
    assert cochran([[1, 0], [1, 0], [1, 0]]) == 1.0


def test_best_of_nothing():
    rng = np.random.default_rng(5)
    assert best_of_many(np.zeros((0, 10)), 10, rng) == 1.0
    assert best_of_many(np.zeros((3, 10)), 10, rng) == 1.0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mcnemar(1, 2, "mid"), "no form 'mid'"),
        (lambda: paired_interval(2, 2, 3), "at most n"),
        (lambda: images_unpaired(0.9, 0.9), "separates equal"),
        (lambda: images_unpaired(0.9, 1.1), "second is 1.1"),
        (lambda: images_unpaired(0.9, 0.8, power=1.0), "power is 1.0"),
        (lambda: images_paired(0.02, 0.01), "cannot differ"),
        (lambda: images_paired(0.0, 0.01), "cannot differ"),
        (lambda: power_paired(10, 0.2, 0.1), "difference is 0.2"),
        (lambda: power_paired(10, 0.0, 0.0), "above 0"),
        (lambda: cochran([1, 0]), "2 or more rows"),
        (lambda: cochran([[1, 0]]), "2 or more rows"),
        (lambda: seed_spread([0.9]), "two or more"),
        (lambda: seed_spread([0.9, np.nan]), "two or more"),
        (lambda: student_quantile(0.4, 3), "share is 0.4"),
        (lambda: student_quantile(0.9, 0), "freedom is 0"),
        (lambda: best_of_many(np.zeros(3), 10, np.random.default_rng(0)), "must have 2"),
        (lambda: best_of_many(np.zeros((1, 3)), 0, np.random.default_rng(0)), "draws is 0"),
    ],
)
def test_what_cannot_be_is_refused(call, words):
    with pytest.raises(UsageError, match=words):
        call()


def test_images_unpaired_reach_the_power_asked():
    """The pooled z-test of two shares, drawn: within four standard errors of the draws and a thousandth."""
    rng, draws, first, second = np.random.default_rng(6), 40_000, 0.90, 0.91
    n = images_unpaired(first, second)
    a, b = rng.binomial(n, first, draws) / n, rng.binomial(n, second, draws) / n
    mean = (a + b) / 2
    power = np.mean(np.abs(b - a) > norm.ppf(0.975) * np.sqrt(2 * mean * (1 - mean) / n))
    assert abs(power - 0.8) <= 4 * math.sqrt(0.8 * 0.2 / draws) + 0.001
