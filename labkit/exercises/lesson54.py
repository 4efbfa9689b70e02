"""Exercises of lesson 54: the similarity matrix, folding outgoing weights, and the sizes of a merged network."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from labkit.exercises.framework import Exercise, Mistake
from labkit.methods.merge import similarity

_RNG = np.random.default_rng(54)
_KERNEL = _RNG.normal(size=(6, 4)).astype("float32")
_BIAS = _RNG.normal(size=4).astype("float32")
_TWINS = np.array([[1.0, 2.0, -1.0], [2.0, 4.0, -2.0]], dtype="float32")


def _similarity(kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return similarity(kernel, bias, "cosine")


def _no_bias(kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return similarity(kernel, np.zeros(kernel.shape[1]), "cosine")


def _products(kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    vectors = np.vstack([kernel, bias]).astype(np.float64)
    return vectors.T @ vectors


def _rows(kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return similarity(kernel.T, np.zeros(len(kernel)), "cosine")


def _absolute(kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return np.abs(_similarity(kernel, bias))


def _divided_by_zero(kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    vectors = np.vstack([kernel, bias]).astype(np.float64)
    vectors = vectors / np.linalg.norm(vectors, axis=0)
    return vectors.T @ vectors


def _fold(outgoing: np.ndarray, scales: np.ndarray, labels: np.ndarray) -> np.ndarray:
    folded = np.zeros((labels.max(initial=-1) + 1, outgoing.shape[1]))
    np.add.at(folded, labels, scales[:, None] * outgoing)
    return folded


def _unscaled(outgoing: np.ndarray, scales: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return _fold(outgoing, np.ones(len(scales)), labels)


def _averaged(outgoing: np.ndarray, scales: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return _fold(outgoing, scales, labels) / np.maximum(np.bincount(labels), 1)[:, None]


def _last(outgoing: np.ndarray, scales: np.ndarray, labels: np.ndarray) -> np.ndarray:
    folded = np.zeros((labels.max(initial=-1) + 1, outgoing.shape[1]))
    folded[labels] += scales[:, None] * outgoing
    return folded


def _divided(outgoing: np.ndarray, scales: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return _fold(outgoing, 1 / scales, labels)


def _merged_macs(widths: list[int], keep: float) -> int:
    inner = [max(1, round(keep * width)) for width in widths[1:-1]]
    sizes = [widths[0], *inner, widths[-1]]
    return sum(a * b for a, b in pairwise(sizes))


def _all_shrunk(widths: list[int], keep: float) -> int:
    sizes = [max(1, round(keep * width)) for width in widths]
    return sum(a * b for a, b in pairwise(sizes))


def _outputs_only(widths: list[int], keep: float) -> int:
    inner = [max(1, round(keep * width)) for width in widths[1:-1]]
    return sum(a * b for a, b in zip(widths[:-1], [*inner, widths[-1]], strict=True))


def _linear(widths: list[int], keep: float) -> int:
    return round(keep * sum(a * b for a, b in pairwise(widths)))


def _cut(widths: list[int], keep: float) -> int:
    sizes = [widths[0], *(max(1, int(keep * width)) for width in widths[1:-1]), widths[-1]]
    return sum(a * b for a, b in pairwise(sizes))


def _may_vanish(widths: list[int], keep: float) -> int:
    sizes = [widths[0], *(round(keep * width) for width in widths[1:-1]), widths[-1]]
    return sum(a * b for a, b in pairwise(sizes))


_FOLDS: list[tuple[str, tuple[Any, ...]]] = [
    ("six neurons, three groups", (_RNG.normal(size=(6, 2)), _RNG.uniform(0.5, 2, 6), np.array([0, 1, 0, 2, 1, 0]))),
    ("plain copies", (_RNG.normal(size=(4, 3)), np.ones(4), np.array([0, 0, 1, 1]))),
    ("one group for all", (_RNG.normal(size=(5, 2)), np.arange(1.0, 6.0), np.zeros(5, dtype=int))),
    ("every neuron alone", (_RNG.normal(size=(3, 2)), np.ones(3), np.array([2, 0, 1]))),
    ("one neuron", (np.array([[3.0]]), np.array([1.0]), np.array([0]))),
]

EXERCISES = [
    Exercise(
        "54.1",
        _similarity,
        mistakes=[
            Mistake("no bias", _no_bias, "the bias is missing: append it to each neuron's weights"),
            Mistake("products", _products, "these are products, not cosines: divide each vector by its length first"),
            Mistake("rows", _rows, "you compare the rows, which are inputs; a neuron is a column of the kernel"),
            Mistake("absolute", _absolute, "a cosine of −1 means opposite neurons, not similar ones: keep the sign"),
            Mistake(
                "divided by zero",
                _divided_by_zero,
                "a neuron whose weights are all zero gives 0 / 0; its cosine is 1 with itself and 0 with the others",
            ),
        ],
        cases=[
            ("random weights", (_KERNEL, _BIAS)),
            ("twice the size, and the opposite", (_TWINS, np.array([0.5, 1.0, -0.5], dtype="float32"))),
            ("short vectors", (np.array([[0.1, -0.2], [0.3, 0.1]], dtype="float32"), np.array([0.1, 0.0], "float32"))),
            ("equal weights, other bias", (np.ones((2, 2), dtype="float32"), np.array([-1.0, 1.0], dtype="float32"))),
            ("a neuron of zeros", (np.array([[1.0, 0.0, 2.0]], dtype="float32"), np.zeros(3, dtype="float32"))),
            ("one neuron", (np.array([[2.0]], dtype="float32"), np.array([1.0], dtype="float32"))),
        ],
    ),
    Exercise(
        "54.2",
        _fold,
        mistakes=[
            Mistake("unscaled", _unscaled, "you add the rows as they are; each counts times its neuron's scale"),
            Mistake("averaged", _averaged, "you take the mean; the next layer received the sum of all, so add them up"),
            Mistake(
                "last one wins",
                _last,
                "folded[labels] += … adds only one row per group when a label repeats; use np.add.at or a loop",
            ),
            Mistake("divided", _divided, "you divide by the scale; a neuron with twice the output counts twice"),
        ],
        cases=_FOLDS,
    ),
    Exercise(
        "54.3",
        _merged_macs,
        mistakes=[
            Mistake(
                "all shrunk", _all_shrunk, "inputs and outputs are given by the task; only the inner layers shrink"
            ),
            Mistake(
                "outputs only",
                _outputs_only,
                "each layer reads the one before it: where that one shrinks, there are fewer inputs as well",
            ),
            Mistake(
                "linear",
                _linear,
                "half of the neurons is not half of the MACs: between two shrunk layers they fall with the square",
            ),
            Mistake("cut", _cut, "int cuts the number of neurons down; round it"),
            Mistake("may vanish", _may_vanish, "keep at least one neuron in each layer"),
        ],
        cases=[
            ("784, 300, 100, 10 at one half", ([784, 300, 100, 10], 0.5)),
            ("three inner layers at 0.3", ([20, 40, 31, 17, 3], 0.3)),
            ("everything kept", ([784, 300, 100, 10], 1.0)),
            ("half of an odd width", ([17, 43, 16], 0.5)),
            ("a share of many digits", ([7, 33, 26, 48], 0.4658)),
            ("hardly anything kept", ([8, 4, 4, 2], 0.01)),
            ("no inner layer", ([784, 10], 0.5)),
        ],
    ),
]
