"""Two networks on the same images: figures against the statistics they come from, and what cannot be compared."""

from __future__ import annotations

import numpy as np
import pytest

from labkit.base.errors import UsageError
from labkit.methods.paired import paired
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
    with pytest.raises(UsageError, match="bool arrays of one value an image"):
        paired(ours, theirs)
