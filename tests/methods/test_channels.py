"""Which channels to keep: against explicit sums, every subset, scikit-learn's least squares, and dead channels."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from labkit.base.errors import UsageError
from labkit.methods import channels


def reader(seed: int, rows: int = 40, size: int = 5, windows: int = 3, outputs: int = 4):
    """What a convolution reads: (features, weights, owner), channels fastest as in Keras."""
    rng = np.random.default_rng(seed)
    features = np.maximum(rng.normal(size=(rows, windows * size)), 0)
    return features, rng.normal(size=(windows * size, outputs)), np.tile(np.arange(size), windows)


def parts(features, weights, owner, size):
    """z: (channels, rows, outputs), what each channel gives the sums, less its mean."""
    z = np.stack([features[:, owner == c] @ weights[owner == c] for c in range(size)])
    return z - z.mean(axis=1, keepdims=True)


def test_the_gram_is_that_of_the_channels_parts_formed_one_by_one():
    features, weights, owner = reader(0)
    z = parts(features, weights, owner, 5)
    np.testing.assert_allclose(
        channels.contributions(features, weights, owner, 5), np.einsum("cro,dro->cd", z, z) / len(features), atol=1e-10
    )


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(0, 31))
def test_a_sum_of_the_gram_is_what_the_sums_lose(seed, chosen):
    features, weights, owner = reader(seed)
    gone = [c for c in range(5) if chosen >> c & 1]
    gram = channels.contributions(features, weights, owner, 5)
    lost = parts(features, weights, owner, 5)[gone].sum(axis=0)
    np.testing.assert_allclose(gram[np.ix_(gone, gone)].sum(), (lost**2).sum() / len(features), atol=1e-9)


def test_features_of_other_channels_do_not_count():
    features, weights, owner = reader(1)
    owner = np.where(owner == 2, -1, owner)
    gram = channels.contributions(features, weights, owner, 5)
    assert not gram[2].any()
    assert channels.zero_shares(features, owner, 5)[2] == 0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [1, 3, 4])
def test_the_greedy_choice_is_the_best_of_all_where_channels_are_independent(seed, count):
    gram = np.diag(np.random.default_rng(seed).random(6))
    best = min(combinations(range(6), 6 - count), key=lambda gone: gram[np.ix_(gone, gone)].sum())
    assert set(channels.keep_by_reconstruction(gram, count)) == set(range(6)) - set(best)


@pytest.mark.parametrize("seed", range(5))
def test_the_greedy_choice_takes_the_best_step_each_time(seed):
    features, weights, owner = reader(seed)
    gram = channels.contributions(features, weights, owner, 5)
    for count in (4, 3, 2, 1):
        before = set(channels.keep_by_reconstruction(gram, count + 1))
        after = set(channels.keep_by_reconstruction(gram, count))
        losses = {c: gram[np.ix_(g, g)].sum() for c in before for g in [sorted(set(range(5)) - before | {c})]}
        assert before - after == {min(losses, key=losses.get)}


def test_two_channels_that_cancel_go_together():
    gram = np.array([[9.0, -9.0, 1.0], [-9.0, 9.0, 0.0], [1.0, 0.0, 4.0]])
    # The small one goes first, as it must; the two large ones are never parted from then on.
    assert channels.keep_by_reconstruction(gram, 2).tolist() == [0, 1]
    assert channels.keep_by_reconstruction(np.diag([1.0, 0.0, 0.0]), 2).tolist() == [0, 1]


def test_norms_are_sums_of_absolute_weights_and_follow_the_scale():
    rng = np.random.default_rng(0)
    wide, narrow = rng.normal(size=(3, 3, 4, 6)), rng.normal(size=(1, 1, 4, 6))
    norms = channels.weight_norms([wide, narrow])
    np.testing.assert_allclose(norms, [np.abs(wide[..., c]).sum() + np.abs(narrow[..., c]).sum() for c in range(6)])
    scale = rng.random(6)
    np.testing.assert_allclose(channels.weight_norms([wide], [scale]), channels.weight_norms([wide * scale]))


def test_zero_shares_count_zeros_and_a_dead_channel_has_one():
    features = np.array([[0.0, 1.0, 0.0, 2.0], [0.0, 0.0, 0.0, 3.0]])
    np.testing.assert_allclose(channels.zero_shares(features, np.array([0, 1, 0, 1]), 2), [1.0, 0.25])
    assert channels.zero_shares(np.zeros((0, 2)), np.array([0, 1]), 2).tolist() == [0, 0]


def test_equal_scores_keep_the_first():
    assert channels.keep_by_score([1.0, 3.0, 1.0, 3.0], 3).tolist() == [0, 1, 3]


def test_refitting_is_least_squares():
    rng = np.random.default_rng(0)
    features, wanted = rng.normal(size=(200, 6)), rng.normal(size=(200, 3))
    weights, bias = channels.refit(features, wanted, np.zeros((6, 3)))
    reference = LinearRegression().fit(features, wanted)
    # The ridge is 1e-3 of the variance, so the weights are short by about as much.
    np.testing.assert_allclose(weights, reference.coef_.T, atol=3e-3 * np.abs(reference.coef_).max())
    np.testing.assert_allclose(bias, reference.intercept_, atol=3e-3)


def test_weights_that_miss_nothing_stay():
    rng = np.random.default_rng(1)
    features, weights = np.maximum(rng.normal(size=(50, 6)), 0), rng.normal(size=(6, 3))
    found, bias = channels.refit(features, features @ weights + [1.0, 2.0, 3.0], weights)
    np.testing.assert_allclose(found, weights, atol=1e-12)
    np.testing.assert_allclose(bias, [1, 2, 3], atol=1e-12)
    dead, _ = channels.refit(np.zeros((5, 2)), np.zeros((5, 3)), np.ones((2, 3)))
    assert np.isfinite(dead).all()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: channels.weight_norms([]), "one or more arrays"),
        (lambda: channels.weight_norms([np.ones((2, 3)), np.ones((2, 4))]), "same number of channels"),
        (lambda: channels.weight_norms([np.ones((2, 3))], [np.ones(2)]), r"\(3,\) for each of the 1"),
        (lambda: channels.zero_shares(np.ones((2, 3)), np.array([0, 1]), 2), "owner"),
        (lambda: channels.zero_shares(np.ones((2, 2)), np.array([0, 2]), 2), "channels 0 to 1"),
        (lambda: channels.contributions(np.ones((2, 2)), np.ones((3, 1)), np.array([0, 1]), 2), r"\(2 features"),
        (lambda: channels.keep_by_score([np.nan, 1.0], 1), "finite"),
        (lambda: channels.keep_by_score([1.0, 2.0], 0), "1 to 2"),
        (lambda: channels.keep_by_score([1.0, 2.0], True), "whole number"),
        (lambda: channels.keep_by_reconstruction(np.ones((2, 3)), 1), r"\(channels, channels\)"),
        (lambda: channels.keep_by_reconstruction(np.full((2, 2), np.inf), 1), "finite"),
        (lambda: channels.keep_by_reconstruction(np.eye(2), 3), "1 to 2"),
        (lambda: channels.refit(np.ones((1, 2)), np.ones((1, 1)), np.ones((2, 1))), "two rows"),
        (lambda: channels.refit(np.ones((3, 2)), np.ones((3, 1)), np.ones((3, 1))), "shapes"),
    ],
)
def test_what_does_not_fit_is_refused(call, match):
    with pytest.raises(UsageError, match=match):
        call()
