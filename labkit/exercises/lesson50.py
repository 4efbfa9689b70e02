"""Exercises of lesson 50: who is nearest, where the centroid goes, its gradient, and what a codebook saves."""

from __future__ import annotations

import math

import numpy as np

from labkit.exercises.framework import Exercise, Mistake
from labkit.methods.cluster import centroid_gradient, compression_rate, nearest

_RNG = np.random.default_rng(50)
_WEIGHTS = _RNG.normal(size=(6, 5)).astype("float32")
_FIVE = np.sort(_RNG.normal(size=5))
_INDICES = _RNG.integers(0, 4, size=(6, 5))


def _distances(weights: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    return np.abs(weights[..., None] - centroids)


def _upper(weights: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    return len(centroids) - 1 - _distances(weights, centroids[::-1]).argmin(axis=-1)


def _updated(weights: np.ndarray, indices: np.ndarray, centroids: np.ndarray, empty: float | None = None) -> np.ndarray:
    moved = np.array(centroids, dtype="float64")
    for k in range(len(moved)):
        here = weights[indices == k]
        if here.size:
            moved[k] = here.mean(dtype="float64")
        elif empty is not None:
            moved[k] = empty
    return moved


def _middle(weights: np.ndarray, indices: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    pairs = [(weights[indices == k], c) for k, c in enumerate(centroids)]
    return np.array([(here.min() + here.max()) / 2 if here.size else c for here, c in pairs])


def _summed(weights: np.ndarray, indices: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    pairs = [(weights[indices == k], c) for k, c in enumerate(centroids)]
    return np.array([here.sum(dtype="float64") if here.size else c for here, c in pairs])


def _averaged(gradient: np.ndarray, indices: np.ndarray, count: int) -> np.ndarray:
    sizes = np.bincount(indices.ravel(), minlength=count)
    return centroid_gradient(gradient, indices, count) / np.maximum(sizes, 1)


def _last_one(gradient: np.ndarray, indices: np.ndarray, count: int) -> np.ndarray:
    sums = np.zeros(count)
    sums[indices] += gradient
    return sums


def _too_short(gradient: np.ndarray, indices: np.ndarray, count: int) -> np.ndarray:
    return np.bincount(indices.ravel(), weights=gradient.ravel())


def _rate(index_bits: float, book_bits: float, weights: int, bits: int) -> float:
    total = weights * index_bits + book_bits
    return weights * bits / total if total else math.inf


EXERCISES = [
    Exercise(
        "50.1",
        nearest,
        dtype="integer",
        mistakes=[
            Mistake(
                "signed",
                lambda weights, centroids: (weights[..., None] - centroids).argmin(axis=-1),
                "you look for the smallest signed difference, which the largest centroid always has; take np.abs of it",
            ),
            Mistake(
                "farthest",
                lambda weights, centroids: _distances(weights, centroids).argmax(axis=-1),
                "you take the centroid that is farthest; the nearest has the smallest distance",
            ),
            Mistake(
                "values",
                lambda weights, centroids: centroids[nearest(weights, centroids)],
                "you return the values of the centroids; return their indices, from 0 on",
            ),
            Mistake(
                "upper",
                _upper,
                "halfway between two centroids you take the upper one; take the lower one",
            ),
            Mistake(
                "below",
                lambda weights, centroids: np.maximum(np.searchsorted(centroids, weights, side="right") - 1, 0),
                "you take the last centroid below the weight; the one above it may be nearer",
            ),
        ],
        cases=[
            ("random weights, five centroids", (_WEIGHTS, _FIVE)),
            ("halfway", (np.array([0.5, 1.5, -0.5]), np.array([-1.0, 0.0, 1.0, 2.0]))),
            ("just beside the middle", (np.array([3.0019, 2.9981, -1.0007]), np.array([-3.0, 1.0, 5.0]))),
            ("one centroid", (_WEIGHTS, np.array([0.3]))),
            ("all equal", (np.full((2, 3), 0.5), np.array([0.0, 0.4, 2.0]))),
            ("one weight", (np.array([9.0]), np.array([-1.0, 1.0]))),
            ("empty", (np.zeros((0, 3)), np.array([-1.0, 1.0]))),
        ],
    ),
    Exercise(
        "50.2",
        _updated,
        mistakes=[
            Mistake(
                "zero",
                lambda weights, indices, centroids: _updated(weights, indices, centroids, 0.0),
                "a centroid without weights is set to zero; leave it where it was",
            ),
            Mistake(
                "nan",
                lambda weights, indices, centroids: _updated(weights, indices, centroids, math.nan),
                "the mean of no weights is not a number (NaN); a centroid without weights stays where it was",
            ),
            Mistake("sum", _summed, "you add the weights up; divide by how many there are"),
            Mistake(
                "middle",
                _middle,
                "you take the middle of each group's range; the mean of its weights minimises the squared error",
            ),
        ],
        cases=[
            ("random weights, four centroids", (_WEIGHTS, _INDICES, np.array([-1.0, 0.0, 1.0, 2.0]))),
            ("centroids without weights, in many digits", (_WEIGHTS, _INDICES + 1, np.sort(_RNG.normal(size=7)))),
            ("a centroid without weights", (np.array([1.0, 2.0, 6.0]), np.array([0, 0, 0]), np.array([1.0, 9.0]))),
            ("all equal", (np.full(4, 0.5), np.array([0, 1, 1, 0]), np.array([0.0, 1.0]))),
            ("one weight", (np.array([3.0]), np.array([1]), np.array([1.0, 2.0, 4.0]))),
            ("empty", (np.zeros(0), np.zeros(0, dtype=int), np.array([1.0, 2.0]))),
        ],
    ),
    Exercise(
        "50.3",
        centroid_gradient,
        mistakes=[
            Mistake(
                "mean",
                _averaged,
                "you average; all weights of the group move with the value, so their gradients add up",
            ),
            Mistake(
                "last one",
                _last_one,
                "sums[indices] += gradient adds only once for an index that repeats; use np.bincount or np.add.at",
            ),
            Mistake(
                "too short",
                _too_short,
                "the last values have no weights and are missing in yours; pass minlength=count to np.bincount",
            ),
            Mistake(
                "absolute",
                lambda gradient, indices, count: centroid_gradient(np.abs(gradient), indices, count),
                "you add absolute values; gradients of opposite sign cancel",
            ),
        ],
        cases=[
            ("random gradients, four values", (_WEIGHTS, _INDICES, 4)),
            ("values that no weight uses", (np.array([1.0, -2.0, 4.0]), np.array([1, 1, 2]), 6)),
            ("gradients that cancel", (np.array([[1.0, -1.0]]), np.array([[0, 0]]), 1)),
            ("one weight", (np.array([3.0]), np.array([1]), 2)),
            ("empty", (np.zeros(0), np.zeros(0, dtype=int), 3)),
        ],
    ),
    Exercise(
        "50.4",
        compression_rate,
        mistakes=[
            Mistake(
                "no codebook",
                lambda weights, count, bits: _rate(math.ceil(math.log2(count)), 0, weights, bits),
                "the codebook is missing: add count times bits",
            ),
            Mistake(
                "fractions",
                lambda weights, count, bits: _rate(math.log2(count), count * bits, weights, bits),
                "an index takes whole bits: round log2 of the count up",
            ),
            Mistake(
                "count for bits",
                lambda weights, count, bits: _rate(count, count * bits, weights, bits),
                "an index among count values needs log2(count) bits, not count bits",
            ),
            Mistake(
                "upside down",
                lambda weights, count, bits: 1 / compression_rate(weights, count, bits),
                "you return after divided by before; the rate is before divided by after",
            ),
        ],
        cases=[
            ("a layer, 16 values", (235_200, 16, 32)),
            ("a number of values that is no power of two", (1000, 10, 32)),
            ("one value: no index at all", (100, 1, 32)),
            ("one weight, one value", (1, 1, 32)),
            ("more values than weights", (8, 256, 32)),
            ("weights of 8 bits", (4096, 4, 8)),
        ],
    ),
]
