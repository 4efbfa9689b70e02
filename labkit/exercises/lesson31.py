"""Exercises of lesson 31: the magnitude mask, the growing schedule, and the bytes of a bitmap."""

from __future__ import annotations

import math

import numpy as np

from labkit.exercises.framework import Exercise, Mistake
from labkit.methods.prune import magnitude_mask, polynomial_sparsity

_RNG = np.random.default_rng(31)
_RANDOM = _RNG.normal(size=(8, 5)).astype("float32")
_MASKS = [
    ("random mask", (_RNG.random((7, 9)) < 0.3,)),
    ("nothing kept", (np.zeros(16, dtype=bool),)),
    ("everything kept", (np.ones((4, 4), dtype=bool),)),
    ("one weight", (np.ones(1, dtype=bool),)),
    ("nine weights: one more than a byte", (np.array([True] * 2 + [False] * 7),)),
    ("empty", (np.zeros(0, dtype=bool),)),
]


def _gone(weights: np.ndarray, sparsity: float) -> int:
    return min(round(weights.size * sparsity), weights.size - 1)


def _signed(weights: np.ndarray, sparsity: float) -> np.ndarray:
    if weights.size == 0:
        return np.ones(weights.shape, dtype=bool)
    return weights >= np.sort(weights.ravel())[_gone(weights, sparsity)]


def _inverted(weights: np.ndarray, sparsity: float) -> np.ndarray:
    return magnitude_mask(weights, 1 - sparsity)


def _removed(weights: np.ndarray, sparsity: float) -> np.ndarray:
    return ~magnitude_mask(weights, sparsity)


def _strict(weights: np.ndarray, sparsity: float) -> np.ndarray:
    if weights.size == 0:
        return np.ones(weights.shape, dtype=bool)
    return np.abs(weights) > np.sort(np.abs(weights).ravel())[_gone(weights, sparsity)]


def _from_threshold(weights: np.ndarray, removed: int) -> np.ndarray:
    sizes = np.abs(weights)
    return sizes >= np.sort(sizes.ravel())[min(removed, weights.size - 1)] if weights.size else sizes >= 0


def _quantile(weights: np.ndarray, sparsity: float) -> np.ndarray:
    return np.abs(weights) >= (np.quantile(np.abs(weights), sparsity) if weights.size else 0)


def _cut(weights: np.ndarray, sparsity: float) -> np.ndarray:
    return _from_threshold(weights, int(weights.size * sparsity))


def _one_more(weights: np.ndarray, sparsity: float) -> np.ndarray:
    return _from_threshold(weights, round(weights.size * sparsity) + 1)


def _by_row(weights: np.ndarray, sparsity: float) -> np.ndarray:
    if weights.ndim < 2:
        return magnitude_mask(weights, sparsity)
    return np.stack([magnitude_mask(row, sparsity) for row in weights])


def _ask(step: int, initial: float, final: float, begin: int, end: int, power: int = 3) -> float:
    return float(polynomial_sparsity(step, initial, final, begin, end, power))


def _linear(step: int, initial: float, final: float, begin: int, end: int) -> float:
    return _ask(step, initial, final, begin, end, power=1)


def _unclipped(step: int, initial: float, final: float, begin: int, end: int) -> float:
    return final + (initial - final) * (1 - (step - begin) / (end - begin)) ** 3


def _backwards(step: int, initial: float, final: float, begin: int, end: int) -> float:
    return _ask(step, final, initial, begin, end)


def _from_zero(step: int, initial: float, final: float, begin: int, end: int) -> float:
    return _ask(step, initial, final, 0, end)


def _bitmap_bytes(mask: np.ndarray) -> int:
    return math.ceil(mask.size / 8) + 4 * int(np.count_nonzero(mask))


EXERCISES = [
    Exercise(
        "31.1",
        magnitude_mask,
        mistakes=[
            Mistake(
                "signed",
                _signed,
                "you rank the signed weights and remove large negative ones first; rank np.abs(weights)",
            ),
            Mistake(
                "inverted", _inverted, "sparsity is the share of removed weights; you use it as the share of kept ones"
            ),
            Mistake(
                "removed", _removed, "your mask is True where a weight is removed; it should be True where one is kept"
            ),
            Mistake(
                "strict",
                _strict,
                "weights that equal the threshold are removed in yours; compare with >= to keep them",
            ),
            Mistake(
                "quantile",
                _quantile,
                "np.quantile interpolates between two weights, so that the number you keep differs: sort and count",
            ),
            Mistake(
                "cut",
                _cut,
                "int cuts the number of removed weights down; round it",
            ),
            Mistake("one too many", _one_more, "you remove one weight too many: the first kept one is the threshold"),
            Mistake(
                "by row",
                _by_row,
                "you choose one threshold per row; use a single threshold for the whole array",
            ),
        ],
        cases=[
            ("random weights, 80 %", (_RANDOM, 0.8)),
            ("random weights, 30 %", (_RANDOM, 0.3)),
            ("random weights, 78.71 %", (_RANDOM, 0.7871)),
            ("seven weights, 40 %: 2.8 go", (np.array([0.7, -0.1, 0.4, 0.3, -0.9, 0.2, 0.6], dtype="float32"), 0.4)),
            ("seven weights, 80 %: 5.6 go", (np.array([0.7, -0.1, 0.4, 0.3, -0.9, 0.2, 0.6], dtype="float32"), 0.8)),
            ("nearly all go, and one stays", (np.array([0.2, -0.9, 0.4, 0.8, 0.1], dtype="float32"), 0.99)),
            ("hardly different", (np.array([0.5, 0.501, -0.5004, 0.50001], dtype="float32"), 0.25)),
            ("hardly different, half go", (np.array([0.5, 0.501, -0.5004, 0.50001], dtype="float32"), 0.5)),
            ("three dimensions", (_RNG.normal(size=(2, 3, 4)).astype("float32"), 0.6)),
            ("nothing to remove", (_RANDOM, 0.0)),
            ("all equal", (np.full((2, 3), 0.5, dtype="float32"), 0.5)),
            ("ties of both signs", (np.array([1.0, -1.0, 2.0, -2.0, 1.0, 0.1], dtype="float32"), 0.4)),
            ("one weight", (np.array([0.3], dtype="float32"), 0.9)),
            ("empty", (np.zeros(0, dtype="float32"), 0.5)),
        ],
    ),
    Exercise(
        "31.2",
        polynomial_sparsity,
        mistakes=[
            Mistake("linear", _linear, "yours grows on a straight line; the bracket is taken to the third power"),
            Mistake(
                "unclipped",
                _unclipped,
                "before the beginning or after the end the formula does not apply; limit the progress to 0 … 1",
            ),
            Mistake(
                "squared",
                lambda step, initial, final, begin, end: _ask(step, initial, final, begin, end, power=2),
                "the bracket is squared in yours; the formula has the third power",
            ),
            Mistake(
                "jump",
                lambda step, initial, final, begin, end: final if step >= begin else initial,
                "yours jumps to the final sparsity at the beginning; it grows from step to step",
            ),
            Mistake("backwards", _backwards, "yours runs from the final to the initial sparsity; swap the two"),
            Mistake("from zero", _from_zero, "yours begins to grow at step 0; count the steps from begin on"),
        ],
        cases=[
            ("half of the way", (600, 0.1, 0.9, 100, 1100)),
            ("at the beginning", (100, 0.1, 0.9, 100, 1100)),
            ("before the beginning", (10, 0.1, 0.9, 100, 1100)),
            ("at the end", (1100, 0.1, 0.9, 100, 1100)),
            ("long after the end", (5000, 0.1, 0.9, 100, 1100)),
            ("from 0.5 to 0.8", (30, 0.5, 0.8, 20, 120)),
            ("many digits", (684, 0.38784, 0.61266, 188, 800)),
            ("one step long", (7, 0.0, 0.5, 7, 8)),
        ],
    ),
    Exercise(
        "31.3",
        _bitmap_bytes,
        mistakes=[
            Mistake(
                "no bitmap",
                lambda mask: 4 * int(np.count_nonzero(mask)),
                "you count the kept weights alone; add the bitmap, which says where they belong",
            ),
            Mistake(
                "bits",
                lambda mask: mask.size + 4 * int(np.count_nonzero(mask)),
                "the bitmap has one bit per weight, and you count one byte per weight",
            ),
            Mistake(
                "zeros",
                lambda mask: math.ceil(mask.size / 8) + 4 * int(np.count_nonzero(~mask)),
                "you count the removed weights; count the kept ones, which are True",
            ),
            Mistake(
                "rounded down",
                lambda mask: mask.size // 8 + 4 * int(np.count_nonzero(mask)),
                "a file consists of whole bytes: round the bitmap up",
            ),
        ],
        cases=_MASKS,
    ),
]
