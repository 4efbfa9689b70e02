"""The magnitude mask by its definition, the schedules by their closed forms; TFMOT's own follow in test_prune_tfmot."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from labkit.base.errors import UsageError
from labkit.methods.prune import apply_mask, block_mask, magnitude_mask, polynomial_sparsity

shares = st.floats(0, 0.999)
weights = hnp.arrays(
    np.float32, hnp.array_shapes(max_dims=4, max_side=6), elements=st.floats(-4, 4, width=32) | st.sampled_from([0, 1])
)


@given(weights, shares)
def test_nothing_kept_is_smaller_than_anything_gone(w, sparsity):
    mask = magnitude_mask(w, sparsity)
    assert mask.shape == w.shape and mask.dtype == bool
    assert mask.sum() >= max(1, round(w.size * (1 - sparsity) - 1e-3))
    if not mask.all():
        assert np.abs(w[mask]).min() > np.abs(w[~mask]).max(), "ties stay together"


@given(st.integers(1, 500), shares)
def test_without_ties_the_asked_number_stays(n, sparsity):
    w = np.random.default_rng(n).permutation(np.arange(1, n + 1)).astype(np.float32)
    kept = int(magnitude_mask(w, sparsity).sum())
    assert abs(kept - n * (1 - sparsity)) <= 0.5 + 1e-3 or kept == 1


def test_degenerate_weights():
    assert magnitude_mask(np.ones((2, 3)), 0.9).all(), "all equal: all stay"
    assert magnitude_mask(np.array([0.3]), 0.99).tolist() == [True], "the last weight stays"
    assert magnitude_mask(np.empty((0, 3)), 0.5).shape == (0, 3)
    assert magnitude_mask(np.array([5.0, -3, 1]), 0).all()
    assert magnitude_mask(np.array([0.0, 0, 0, 2]), 0.5).all(), "the threshold is zero, and zero is at it"
    assert magnitude_mask(np.array([-128, 100, 1, 0], np.int8), 0.75).tolist() == [True, False, False, False]


def test_bad_arguments_are_refused():
    for sparsity in (1, -0.1, float("nan"), "much", None):
        with pytest.raises(UsageError, match=r"sparsity is .* from 0 to below 1"):
            magnitude_mask(np.ones(3), sparsity)
    for bad in (np.nan, np.inf):
        with pytest.raises(UsageError, match="NaN or infinity"):
            magnitude_mask(np.array([1, bad]), 0.5)
    with pytest.raises(UsageError, match="NaN or infinity"):
        magnitude_mask(np.array(["a"]), 0.5)


@given(weights, shares)
def test_applying_a_mask(w, sparsity):
    mask = magnitude_mask(w, sparsity)
    pruned = apply_mask(w, mask)
    assert pruned.dtype == w.dtype
    np.testing.assert_array_equal(pruned, w * mask)
    with pytest.raises(UsageError, match="mask has shape"):
        apply_mask(w, np.ones(99))


@given(shares, shares, st.integers(0, 50), st.integers(1, 100), st.floats(0.5, 5))
def test_polynomial_decay(initial, final, begin, length, power):
    end = begin + length
    assert polynomial_sparsity(begin, initial, final, begin, end, power) == pytest.approx(initial)
    assert polynomial_sparsity(end + 9, initial, final, begin, end, power) == final
    steps = polynomial_sparsity(np.arange(begin, end + 1), initial, final, begin, end, power)
    assert (np.diff(steps) * np.sign(final - initial) >= -1e-12).all(), "never back"


def test_schedules_at_known_points():
    assert polynomial_sparsity(50, 0.0, 0.8, 0, 100) == pytest.approx(0.8 * (1 - 0.5**3))
    assert [polynomial_sparsity(step, 0.1, 0.8, 5, 5) for step in (4, 5)] == pytest.approx([0.1, 0.8])
    assert [polynomial_sparsity(step, 0.0, 0.5, 3, 3) for step in (2, 3, 4)] == [0, 0.5, 0.5]
    with pytest.raises(UsageError, match="0 ≤ begin ≤ end"):
        polynomial_sparsity(0, 0.0, 0.8, 10, 5)
    with pytest.raises(UsageError, match="final is 1"):
        polynomial_sparsity(0, 0.0, 1, 0, 5)
    with pytest.raises(UsageError, match="power"):
        polynomial_sparsity(0, 0.0, 0.8, 0, 5, power=0)
    with pytest.raises(UsageError, match="begin"):
        polynomial_sparsity(0, 0.0, 0.5, -1, 5)


def test_block_masks_keep_whole_blocks_of_the_largest_norms():
    weights = np.random.default_rng(5).normal(size=(12, 20))
    mask = block_mask(weights, 0.6)
    blocks = mask.reshape(3, 4, 5, 4).transpose(0, 2, 1, 3).reshape(15, 16)
    norms = [np.linalg.norm(weights[4 * r : 4 * r + 4, 4 * c : 4 * c + 4]) for r in range(3) for c in range(5)]
    assert (blocks.all(axis=1) | ~blocks.any(axis=1)).all()
    assert set(np.flatnonzero(blocks.any(axis=1))) == set(np.argsort(norms)[-6:])
    for wrong in (np.ones(16), np.ones((6, 8)), np.ones((8, 6))):
        with pytest.raises(UsageError, match="do not divide"):
            block_mask(wrong, 0.5)
