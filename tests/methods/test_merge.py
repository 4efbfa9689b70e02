"""Merging: exact where it should be, against SciPy's clustering and least squares, and better than deleting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.linear_model import Ridge
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.pairwise import cosine_similarity, rbf_kernel

from labkit.base.errors import UsageError
from labkit.methods.merge import (
    activation_similarity,
    delete,
    group,
    keep_at_random,
    keep_by_norm,
    merge,
    similarity,
)

seeds = st.integers(0, 2**32 - 1)


def network(rng, inputs=12, neurons=16, outputs=5):
    return rng.normal(size=(inputs, neurons)), rng.normal(size=neurons), rng.normal(size=(neurons, outputs))


def outputs(x, kernel, bias, kernel_out, shift=0.0):
    return np.maximum(x @ kernel + bias, 0) @ kernel_out + shift


def planted(rng, scaled):
    """A layer in which every neuron has copies (scaled or not), shuffled; and who belongs together."""
    kernel, bias, _ = network(rng, neurons=6)
    truth = rng.permutation(np.repeat(np.arange(6), [1, 2, 3, 4, 1, 5]))
    factors = rng.uniform(0.2, 5, truth.size) if scaled else np.ones(truth.size)
    return kernel[:, truth] * factors, bias[truth] * factors, rng.normal(size=(truth.size, 5)), truth


@given(seeds, st.booleans(), st.booleans())
def test_planted_duplicates_merge_exactly(seed, scaled, refit):
    rng = np.random.default_rng(seed)
    kernel, bias, kernel_out, truth = planted(rng, scaled)
    x = rng.normal(size=(40, 12))
    labels = group(similarity(kernel, bias, "cosine" if scaled else "rbf"), 6)
    assert adjusted_rand_score(truth, labels) == 1
    merged = merge(kernel, bias, kernel_out, labels, x if refit else None)
    assert [array.shape for array in merged] == [(12, 6), (6,), (6, 5), (5,)]
    assert all(array.dtype == np.float32 for array in merged)
    wanted = outputs(x, kernel, bias, kernel_out)
    np.testing.assert_allclose(outputs(x, *merged), wanted, atol=1e-5 * max(1, np.abs(wanted).max()))


@given(seeds)
def test_one_group_each_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    kernel, bias, kernel_out = network(rng)
    merged = merge(kernel, bias, kernel_out, group(similarity(kernel, bias), 16))
    for new, old in zip(merged, (kernel, bias, kernel_out, np.zeros(5)), strict=True):
        np.testing.assert_allclose(new, old, atol=1e-5)


@given(seeds, st.integers(2, 12), st.data())
def test_groups_are_scipy_s(seed, n, data):
    count = data.draw(st.integers(1, n))
    rng = np.random.default_rng(seed)
    alike = similarity(rng.normal(size=(4, n)), rng.normal(size=n), "cosine")
    labels = group(alike, count)
    assert sorted(set(labels)) == list(range(count)) and labels[0] == 0
    theirs = fcluster(linkage(squareform(1 - alike, checks=False), "average"), count, "maxclust")
    assert adjusted_rand_score(theirs, labels) == 1
    np.testing.assert_array_equal(labels, group(alike, count))


def test_similarities_are_scikit_learn_s():
    rng = np.random.default_rng(0)
    kernel, bias, _ = network(rng)
    v = np.vstack([kernel, bias]).T
    np.testing.assert_allclose(similarity(kernel, bias, "cosine"), cosine_similarity(v), atol=1e-12)
    squares = ((v[:, None] - v[None]) ** 2).sum(axis=-1)
    gamma = 1 / np.median(squares[np.triu_indices(16, 1)])
    np.testing.assert_allclose(similarity(kernel, bias), rbf_kernel(v, gamma=gamma), atol=1e-9)
    h = np.maximum(rng.normal(size=(30, 7)), 0)
    np.testing.assert_allclose(activation_similarity(h), np.corrcoef(h.T), atol=1e-12)


@given(seeds)
def test_the_refit_is_least_squares_and_never_hurts_where_it_looks(seed):
    rng = np.random.default_rng(seed)
    kernel, bias, kernel_out = network(rng)
    x = rng.normal(size=(60, 12))
    wanted = outputs(x, kernel, bias, kernel_out)
    labels = group(similarity(kernel, bias), 8)
    kept = keep_at_random(16, 8, rng)
    for plain, fitted in (
        (merge(kernel, bias, kernel_out, labels), merge(kernel, bias, kernel_out, labels, x)),
        (delete(kernel, bias, kernel_out, kept), delete(kernel, bias, kernel_out, kept, x)),
    ):
        errors = [np.sum((outputs(x, *result) - wanted) ** 2) for result in (plain, fitted)]
        assert errors[1] <= errors[0] * (1 + 1e-4)
        # Ridge regression of what folding missed, by scikit-learn.
        after = np.maximum(x @ fitted[0].astype(float) + fitted[1], 0)
        strength = 1e-3 * np.sum((after - after.mean(axis=0)) ** 2) / 8
        model = Ridge(alpha=strength).fit(after, wanted - after @ plain[2])
        np.testing.assert_allclose(fitted[2], plain[2] + model.coef_.T, atol=1e-3)
        np.testing.assert_allclose(fitted[3], model.intercept_, atol=1e-3)


def test_merging_near_copies_beats_deleting():
    rng = np.random.default_rng(54)
    kernel, bias, kernel_out, _ = planted(rng, scaled=False)
    kernel, bias = kernel + 0.1 * rng.normal(size=kernel.shape), bias + 0.1 * rng.normal(size=bias.shape)
    x = rng.normal(size=(500, 12))
    wanted = outputs(x, kernel, bias, kernel_out)

    def error(result):
        return np.mean((outputs(x, *result) - wanted) ** 2)

    labels = group(similarity(kernel, bias), 6)
    for inputs in (None, x):
        merged = error(merge(kernel, bias, kernel_out, labels, inputs))
        deleted = [
            keep_by_norm(kernel, bias, None, 6),
            keep_by_norm(kernel, bias, kernel_out, 6),
            keep_at_random(16, 6, rng),
        ]
        assert merged < 0.5 * min(error(delete(kernel, bias, kernel_out, kept, inputs)) for kept in deleted)


def test_keeping_and_deleting():
    kernel, bias, kernel_out = np.diag([3.0, 1, 2]), np.zeros(3), np.array([[1.0], [9], [1]])
    assert keep_by_norm(kernel, bias, None, 2).tolist() == [0, 2]
    assert keep_by_norm(kernel, bias, kernel_out, 1).tolist() == [1]
    assert keep_by_norm(np.ones((2, 4)), None, None, 2).tolist() == [0, 1], "among equals the first"
    result = delete(kernel, bias, kernel_out, np.array([0, 2]))
    assert [array.tolist() for array in result] == [[[3, 0], [0, 0], [0, 2]], [0, 0], [[1], [1]], [0]]
    drawn = keep_at_random(10, 4, np.random.default_rng(1))
    assert drawn.tolist() == keep_at_random(10, 4, np.random.default_rng(1)).tolist() == sorted(set(drawn))


def test_dead_equal_and_single_neurons():
    kernel, bias, kernel_out = np.zeros((3, 4)), np.zeros(4), np.ones((4, 2))
    for kind in ("rbf", "cosine"):
        labels = group(similarity(kernel, bias, kind), 2)
        assert all(np.isfinite(array).all() for array in merge(kernel, bias, kernel_out, labels, np.ones((5, 3))))
    assert group(np.eye(1), 1).tolist() == [0]
    assert group(np.ones((4, 4)), 2).tolist() == [0, 0, 0, 1]
    opposite = merge(np.array([[1.0, -1]]), np.zeros(2), np.ones((2, 1)), np.zeros(2, int))
    assert all(np.isfinite(array).all() for array in opposite)
    assert activation_similarity(np.ones((5, 2))).tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda k, b, a: similarity(k, b, "rfb"), "did you mean rbf"),
        (lambda k, b, a: similarity(k, b[1:]), "shapes are"),
        (lambda k, b, a: similarity(k[:, :0], b[:0]), "at least one neuron"),
        (lambda k, b, a: activation_similarity(k[:1]), "at least two images"),
        (lambda k, b, a: group(np.ones((2, 3)), 1), "square"),
        (lambda k, b, a: group(np.full((2, 2), np.nan), 1), "finite"),
        (lambda k, b, a: group(np.eye(3), 4), "from 1 to 3"),
        (lambda k, b, a: group(np.eye(3), 0), "count is 0"),
        (lambda k, b, a: merge(k, b, a, np.array([0, 2, 2, 0])), "none left out"),
        (lambda k, b, a: merge(k, b, a, np.zeros(3, int)), "one whole number per neuron"),
        (lambda k, b, a: merge(k, b, a[1:], np.zeros(4, int)), "kernel_out has shape"),
        (lambda k, b, a: merge(k, b, a, np.zeros(4, int), np.ones((9, 2))), "inputs have shape"),
        (lambda k, b, a: delete(k, b, a, np.array([0, 0])), "each once"),
        (lambda k, b, a: delete(k, b, a, np.array([4])), "0 to 3"),
        (lambda k, b, a: delete(k, b, a, np.array([], int)), "at least one"),
        (lambda k, b, a: keep_by_norm(k, b, a, 5), "from 1 to 4"),
        (lambda k, b, a: keep_at_random(4, 0, np.random.default_rng()), "count is 0"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(UsageError, match=words):
        call(np.ones((3, 4)), np.ones(4), np.ones((4, 2)))
