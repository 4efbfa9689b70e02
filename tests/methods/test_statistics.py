"""Intervals and tests against SciPy's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from labkit.base.errors import UsageError
from labkit.methods.statistics import mcnemar, wilson


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
