"""Two networks on the same images: figures against the statistics they come from, and what cannot be compared."""

from __future__ import annotations

import numpy as np
import pytest

from labkit.base.errors import UsageError
from labkit.methods.paired import paired, paired_draws
from labkit.methods.statistics import paired_interval, wilson


def test_the_figures_are_those_of_the_statistics():
    rng = np.random.default_rng(0)
    ours, theirs = rng.random(1000) < 0.9, rng.random(1000) < 0.85
    found = paired(ours, theirs)
    assert (found.low, found.high) == wilson(int(ours.sum()), 1000)
    ends = paired_interval(int(np.sum(theirs & ~ours)), int(np.sum(ours & ~theirs)), 1000)
    assert (found.gain_low, found.gain_high) == tuple(100 * end for end in ends)
    assert found.accuracy == ours.mean() and found.gain == pytest.approx(100 * (ours.mean() - theirs.mean()))
    assert found.gain_low < found.gain < found.gain_high
    assert found.row()["accuracy"] == f"{ours.mean():.2%}"


def test_a_network_gains_nothing_over_itself_and_the_reverse_of_what_the_other_loses():
    ours, theirs = np.array([True, True, False, True]), np.array([True, False, False, False])
    same, there, back = paired(ours, ours), paired(ours, theirs), paired(theirs, ours)
    assert same.gain == 0 and same.gain_low <= 0 <= same.gain_high
    assert there.gain == -back.gain == 50 and there.gain_low == pytest.approx(-back.gain_high)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (np.zeros(0, bool), np.zeros(0, bool)),
        (np.ones(3, bool), np.ones(2, bool)),
        (np.ones(3), np.ones(3, bool)),
        (np.ones((2, 2), bool), np.ones((2, 2), bool)),
    ],
)
def test_what_cannot_be_compared_is_refused(ours, theirs):
    with pytest.raises(UsageError, match="bool arrays with one value per image"):
        paired(ours, theirs)


def test_draws_of_one_agree_with_the_paired_score_interval():
    rng = np.random.default_rng(0)
    theirs = rng.random(10_000) < 0.9
    ours = np.where(rng.random(10_000) < 0.05, ~theirs, theirs)
    one = paired(ours, theirs)
    drawn = paired_draws(ours[None], theirs[None])
    assert (drawn.accuracy, drawn.gain) == pytest.approx((one.accuracy, one.gain))
    assert (drawn.gain_low, drawn.gain_high) == pytest.approx((one.gain_low, one.gain_high), abs=0.02)


def test_the_interval_over_draws_holds_the_true_difference_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(300):
        hard = rng.random(2000) < 0.1  # images that both recipes mostly miss, so that the pairs are alike
        base = np.where(hard, 0.2, 0.98)
        ours = rng.random((4, 2000)) < base + rng.normal(0, 0.01, (4, 1))
        theirs = rng.random((4, 2000)) < base
        drawn = paired_draws(ours, theirs)
        held += drawn.gain_low <= 0 <= drawn.gain_high
    assert 0.92 <= held / 300 <= 1


def test_a_recipe_of_one_draw_is_paired_with_each_draw_of_the_other():
    ours = np.array([[True, True, False, True]])
    theirs = np.array([[True, False, False, True], [False, False, False, True]])
    drawn = paired_draws(ours, theirs)
    assert (drawn.accuracy, drawn.low, drawn.high) == (0.75, 0.75, 0.75)
    assert drawn.gain == pytest.approx(37.5)


@pytest.mark.parametrize(
    "shapes", [((4,), (4,)), ((2, 4), (3, 4)), ((2, 4), (2, 5)), ((2, 1), (2, 1)), ((0, 4), (0, 4))]
)
def test_draws_that_do_not_pair_are_refused(shapes):
    with pytest.raises(UsageError, match="draws, images"):
        paired_draws(*(np.ones(shape, dtype=bool) for shape in shapes))
    with pytest.raises(UsageError, match="bool"):
        paired_draws(np.ones((1, 4)), np.ones((1, 4)))
