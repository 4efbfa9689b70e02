"""Weight sharing: k-means against scikit-learn from the same start, gradients against finite differences."""

from __future__ import annotations

import math
import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.cluster import KMeans

from labkit.base.errors import UsageError
from labkit.methods.cluster import (
    STARTS,
    centroid_gradient,
    compression_rate,
    expand,
    kmeans,
    nearest,
    share,
    start,
)
from labkit.methods.theory import lloyd_max

seeds = st.integers(0, 2**32 - 1)
arrays = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=6),
    elements=st.floats(-1e6, 1e6, width=32),
)


def drawn(seed: int, n: int = 3000) -> np.ndarray:
    """Weights with a heavy tail, as a trained layer has them: some groups of a linear start get none."""
    return 0.05 * np.random.default_rng(seed).standard_t(5, size=n)


def theirs(values: np.ndarray, centroids: np.ndarray, iterations: int) -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's centroids, ascending, and its labels in that order."""
    with warnings.catch_warnings():  # that it stopped before nothing moved is what a few iterations are for
        warnings.simplefilter("ignore")
        model = KMeans(len(centroids), init=centroids[:, None], n_init=1, max_iter=iterations, tol=0, algorithm="lloyd")
        model.fit(values[:, None])
    order = np.argsort(model.cluster_centers_[:, 0])
    return model.cluster_centers_[order, 0], np.argsort(order)[model.labels_]


@pytest.mark.parametrize("kind", STARTS)
@pytest.mark.parametrize("count", [1, 2, 3, 16, 64])
@pytest.mark.parametrize("iterations", [1, 3, 300])
def test_kmeans_is_scikit_learns_from_the_same_start(kind, count, iterations):
    values = drawn(count)
    begin = start(values, count, kind, np.random.default_rng(5))
    ours, labels = kmeans(values, begin, iterations)
    wanted, wanted_labels = theirs(values, begin, iterations)
    # Both sum in float64, in another order: 3,000 rounding errors of 1e-16 on values of 0.05 are far below 1e-9.
    np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-9)
    assert np.array_equal(labels, wanted_labels)


def test_a_linear_start_has_groups_without_values_and_they_are_moved():
    values = drawn(64)
    begin = start(values, 64, "linear")
    assert len(np.unique(nearest(values, begin))) < 64
    assert len(np.unique(kmeans(values, begin)[1])) == 64


@given(seeds, st.integers(1, 12), st.sampled_from(STARTS))
def test_each_round_of_kmeans_lowers_the_error(seed, count, kind):
    values = drawn(seed, 200)
    centroids = start(values, count, kind)
    errors = []
    for rounds in (1, 2, 4, 300):
        moved, labels = kmeans(values, centroids, rounds)
        errors.append(np.sum((values - moved[labels]) ** 2))
    assert all(after <= before * (1 + 1e-12) for before, after in pairwise(errors))
    for k in range(count):  # at the end each centroid is the mean of its values
        if np.any(labels == k):
            assert math.isclose(moved[k], values[labels == k].mean(), rel_tol=1e-9, abs_tol=1e-12)


@given(arrays.filter(lambda a: a.size > 0), st.integers(1, 9))
def test_nearest_is_the_smallest_distance(values, count):
    centroids = start(values, count, "random", np.random.default_rng(count))
    distances = np.abs(values.astype(np.float64)[..., None] - centroids)
    found = nearest(values, centroids)
    assert found.shape == values.shape and found.dtype == np.int64
    # Of float64 sums and halves one rounding each: the distance may be larger than the least by that.
    slack = 1e-15 * max(1.0, float(np.abs(values).max()))
    assert np.all(np.take_along_axis(distances, found[..., None], -1)[..., 0] <= distances.min(-1) + 4 * slack)


def test_halfway_belongs_to_the_lower_one():
    assert nearest(np.array([0.5, 1.5]), np.array([0.0, 1.0, 2.0])).tolist() == [0, 1]


def test_the_three_starts_by_hand():
    values = np.array([0.0, 1.0, 2.0, 10.0])
    assert start(values, 3, "linear").tolist() == [0.0, 5.0, 10.0]
    assert start(values, 1, "linear").tolist() == [5.0]
    assert start(values, 2, "density").tolist() == [0.75, 4.0]  # the quantiles 1/4 and 3/4
    assert start(values, 4, "random", np.random.default_rng(0)).tolist() == values.tolist()
    assert start(values, 6, "random").size == 6


def test_on_a_gaussian_it_finds_lloyd_and_max():
    """k-means on many Gaussian values is the Lloyd-Max quantizer of the distribution."""
    values = np.random.default_rng(3).normal(size=400_000)
    centroids, _ = kmeans(values, start(values, 4, "density"))
    # Each level is a mean of some 60,000 to 140,000 values: a standard error below 0.004, of which five are allowed.
    np.testing.assert_allclose(centroids, lloyd_max(2)[1], atol=0.02)


@given(arrays, st.integers(1, 40), st.sampled_from(STARTS))
@example(np.zeros((0, 3), np.float32), 4, "linear")
@example(np.full((2, 3), 0.1, np.float32), 4, "linear")
@example(np.array([0.3], np.float32), 2**20, "density")
@example(np.zeros((4, 4), np.float32), 1, "random")
def test_shared_weights_have_at_most_count_values_all_used(values, count, kind):
    codebook, indices = share(values, count, kind)
    assert codebook.dtype == np.float32 and codebook.ndim == 1 and np.all(np.diff(codebook) > 0)
    assert indices.shape == values.shape and indices.dtype == np.uint8
    assert len(np.unique(indices)) == codebook.size <= count
    again = expand(codebook, indices)
    assert again.dtype == np.float32 and again.shape == values.shape
    if len(np.unique(values)) <= count:
        assert np.array_equal(again, values)
    elif values.size:
        spread = float(np.sum((values.astype(np.float64) - values.mean(dtype=np.float64)) ** 2))
        assert np.sum((values.astype(np.float64) - again) ** 2) <= spread * (1 + 1e-5) + 1e-6


def test_a_layer_with_fewer_numbers_than_asked_for_loses_nothing():
    values = np.random.default_rng(0).normal(size=70_000).astype(np.float32)
    for count, kind in ((2**20, np.uint32), (2**16, np.uint16)):
        codebook, indices = share(values, count, "density", iterations=1)
        assert indices.dtype == kind
        assert count == 2**16 or np.array_equal(codebook[indices], values)


@given(seeds, st.integers(1, 6))
def test_a_codebook_per_channel_expands_as_each_alone(seed, count):
    kernel = np.random.default_rng(seed).normal(size=(3, 3, 2, 4)).astype(np.float32)
    kernel[..., 1] = 0.5  # one value: the rest of its row of the codebook is not used
    books = np.zeros((4, count), np.float32)
    indices = np.zeros(kernel.shape, int)
    for channel in range(4):
        book, indices[..., channel] = share(kernel[..., channel], count)
        books[channel, : len(book)] = book
    weights = expand(books, indices)
    for channel in range(4):
        assert np.array_equal(weights[..., channel], expand(*share(kernel[..., channel], count)))


@given(seeds, st.integers(1, 5))
def test_the_gradient_of_a_centroid_against_finite_differences(seed, count):
    """Of a loss that is curved in the weights, not just linear: logistic regression on shared weights."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(20, 6)), rng.integers(0, 3, 20)
    indices, codebook = rng.integers(0, count, (6, 3)), rng.normal(size=count)

    def loss(values):
        z = x @ values[indices]
        return np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(20), y])

    z = np.exp(x @ codebook[indices])
    of_weights = x.T @ (z / z.sum(axis=1, keepdims=True) - np.eye(3)[y]) / 20
    step = 1e-5  # central differences: error of step², and of 1e-16 / step from rounding
    steps = step * np.eye(count)
    wanted = [(loss(codebook + s) - loss(codebook - s)) / (2 * step) for s in steps]
    np.testing.assert_allclose(centroid_gradient(of_weights, indices, count), wanted, atol=1e-7)


def test_a_value_that_nobody_uses_has_no_gradient():
    assert centroid_gradient(np.array([1.0, 2.0]), np.array([2, 2]), 4).tolist() == [0, 0, 3, 0]


def test_the_rate_of_the_papers_example():
    # Han et al., figure 3: 4 × 4 weights of 32 bits and 4 values: 16·32 / (16·2 + 4·32) = 3.2.
    assert compression_rate(16, 4) == 3.2
    assert compression_rate(100, 1) == 100  # no index at all
    assert compression_rate(16, 4, codebooks=4) < 1  # more table than weights
    assert compression_rate(10, 5) == 320 / (10 * 3 + 5 * 32)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: start(np.zeros(3), 0), "count is 0"),
        (lambda: start(np.zeros(3), True), "count is True"),
        (lambda: start(np.zeros(0), 2), "no values"),
        (lambda: start(np.zeros(3), 2, "kmeans++"), "no start"),
        (lambda: share(np.array([1.0, np.nan]), 2), "finite"),
        (lambda: share(np.array([1e300, 1.0]), 4), "finite"),
        (lambda: share(np.array(["a"]), 2), "finite"),
        (lambda: kmeans(np.zeros(0), np.zeros(2)), "at least one value"),
        (lambda: kmeans(np.zeros(3), np.zeros(2), 0), "iterations"),
        (lambda: nearest(np.zeros(3), np.array([1.0, 0.0])), "ascending"),
        (lambda: expand(np.zeros(2), np.array([2])), "2 values"),
        (lambda: expand(np.zeros((2, 2)), np.zeros((3, 3), int)), "does not fit"),
        (lambda: centroid_gradient(np.zeros(2), np.zeros(3, int), 1), "shape"),
        (lambda: centroid_gradient(np.zeros(2), np.array([0, 5]), 2), "2 values"),
        (lambda: compression_rate(0, 4), "weights is 0"),
    ],
)
def test_what_is_refused_is_refused_in_a_sentence(call, says):
    with pytest.raises(UsageError, match=says) as refused:
        call()
    assert "\n" not in str(refused.value)
