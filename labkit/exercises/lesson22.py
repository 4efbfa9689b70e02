"""Exercises of lesson 22: the ratio in decibels, one step of Lloyd's iteration, and a scale for every group."""

from __future__ import annotations

import numpy as np

from labkit.exercises.framework import Exercise, Mistake
from labkit.methods.quantize import sqnr_db

_RNG = np.random.default_rng(22)
_X = _RNG.normal(size=200)
_W = _RNG.normal(size=70).astype("float32")


def _power(x: np.ndarray) -> float:
    return float(np.sum(np.asarray(x, dtype=np.float64) ** 2))


def _db(factor: float, ratio: float) -> float:
    return float(factor * np.log10(ratio)) if ratio > 0 else float("-inf")


def _amplitude(x: np.ndarray, y: np.ndarray) -> float:
    noise = _power(x - y)
    return _db(20, _power(x) / noise) if noise else float("inf")


def _ratio(signal: float, error: float) -> float:
    return _db(10, signal / error) if error else float("inf")


def _upside_down(x: np.ndarray, y: np.ndarray) -> float:
    return -float(sqnr_db(x, y))


def _of_the_rounded(x: np.ndarray, y: np.ndarray) -> float:
    noise = _power(x - y)
    return _db(10, _power(y) / noise) if noise else float("inf")


def _natural(x: np.ndarray, y: np.ndarray) -> float:
    return sqnr_db(x, y) * np.log(10)


def _lloyd_step(x: np.ndarray, levels: np.ndarray, middle: object = np.mean) -> np.ndarray:
    nearest = np.searchsorted((levels[:-1] + levels[1:]) / 2, x)
    new = levels.astype(np.float64)
    for k in range(len(levels)):
        if (nearest == k).any():
            new[k] = middle(x[nearest == k])  # type: ignore[operator]
    return new


def _step(x: np.ndarray, levels: np.ndarray) -> np.ndarray:
    return _lloyd_step(x, levels)


def _median(x: np.ndarray, levels: np.ndarray) -> np.ndarray:
    return _lloyd_step(x, levels, np.median)


def _empty_is_nan(x: np.ndarray, levels: np.ndarray) -> np.ndarray:
    new, nearest = _step(x, levels), np.searchsorted((levels[:-1] + levels[1:]) / 2, x)
    new[[k for k in range(len(levels)) if not (nearest == k).any()]] = np.nan
    return new


def _empty_is_zero(x: np.ndarray, levels: np.ndarray) -> np.ndarray:
    return np.nan_to_num(_empty_is_nan(x, levels))


def _one_after_the_other(x: np.ndarray, levels: np.ndarray) -> np.ndarray:
    new = levels.astype(np.float64)
    for k in range(len(levels)):
        new[k] = _step(x, new)[k]
    return new


def _repeated(x: np.ndarray, levels: np.ndarray, steps: int) -> np.ndarray:
    for _ in range(steps):
        levels = _step(x, levels)
    return levels


def _at_the_levels(x: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Make the mistake of cells that begin at a level instead of in the middle between two."""
    below = np.clip(np.searchsorted(levels, x, side="right") - 1, 0, len(levels) - 1)
    return np.array([x[below == k].mean() if (below == k).any() else levels[k] for k in range(len(levels))])


def _scales(weights: np.ndarray, group: int, bits: int) -> np.ndarray:
    return _largest(weights, group) / (2 ** (bits - 1) - 1)


def _largest(weights: np.ndarray, group: int) -> np.ndarray:
    starts = range(0, len(weights), group)
    return np.array([np.max(np.abs(weights[start : start + group])) for start in starts], dtype=np.float64)


def _spans(weights: np.ndarray, group: int) -> np.ndarray:
    starts = range(0, len(weights), group)
    return np.array([np.ptp(weights[start : start + group]) for start in starts], dtype=np.float64)


def _number_of_groups(weights: np.ndarray, group: int, bits: int) -> np.ndarray:
    parts = [part for part in np.array_split(weights, group) if part.size]
    return np.array([np.max(np.abs(part)) for part in parts]) / (2 ** (bits - 1) - 1)


def _all_codes(weights: np.ndarray, group: int, bits: int) -> np.ndarray:
    return _largest(weights, group) / 2 ** (bits - 1)


def _no_sign(weights: np.ndarray, group: int, bits: int) -> np.ndarray:
    starts = range(0, len(weights), group)
    return np.array([np.max(weights[start : start + group]) for start in starts]) / (2 ** (bits - 1) - 1)


def _whole_groups(weights: np.ndarray, group: int, bits: int) -> np.ndarray:
    return _scales(weights[: len(weights) // group * group], group, bits)


def _one_for_all(weights: np.ndarray, group: int, bits: int) -> np.ndarray:
    scales = _scales(weights, group, bits)
    return np.full_like(scales, scales.max(initial=0.0))


EXERCISES = [
    Exercise(
        "22.1",
        sqnr_db,
        mistakes=[
            Mistake("twenty", _amplitude, "20 log₁₀ is for amplitudes; you have powers already, so it is 10 log₁₀"),
            Mistake("inverted", _upside_down, "your ratio is upside down: divide the signal by the error"),
            Mistake("rounded", _of_the_rounded, "the signal is what went in, x; you took the power of what came out"),
            Mistake(
                "no squares",
                lambda x, y: _ratio(np.sum(np.abs(x)), np.sum(np.abs(x - y))),
                "you add up absolute values; a power is a sum of squares",
            ),
            Mistake(
                "roots",
                lambda x, y: _ratio(np.sqrt(_power(x)), np.sqrt(_power(x - y))),
                "you divide the roots of the sums, which are amplitudes; divide the sums of squares themselves",
            ),
            Mistake(
                "variance",
                lambda x, y: _ratio(float(np.var(x)), float(np.mean((x - y) ** 2))),
                "the variance leaves out the mean; a power is the mean of the squares",
            ),
            Mistake(
                "mean and sum",
                lambda x, y: _ratio(_power(x) / len(x), _power(x - y)),
                "you divide a mean by a sum: take two sums, or two means",
            ),
            Mistake(
                "infinite too early",
                lambda x, y: float("inf") if np.allclose(x, y) else sqnr_db(x, y),
                "a small error is still an error: the ratio is infinite only if the error is exactly zero",
            ),
            Mistake(
                "without its sign",
                lambda x, y: abs(sqnr_db(x, y)),
                "the ratio is negative when the error is larger than the signal",
            ),
            Mistake("natural", _natural, "np.log is the natural logarithm; decibels take np.log10"),
        ],
        cases=[
            ("random, rounded to steps of 0.25", (_X, np.rint(_X / 0.25) * 0.25)),
            ("half the size", (_X, _X / 2)),
            ("everything lost", (_X, np.zeros_like(_X))),
            ("the error is larger than the signal", (_X, -_X)),
            ("another signal altogether", (_X, _X[::-1].copy())),
            ("numbers with a mean", (_X + 2, np.rint((_X + 2) / 0.25) * 0.25)),
            ("a millionth lost", (_X, _X * (1 + 1e-6))),
            ("almost nothing lost", (_X, _X * (1 + 1e-9))),
            ("one number", (np.array([2.0]), np.array([1.9]))),
            ("nothing lost", (_X, _X.copy())),
        ],
    ),
    Exercise(
        "22.2",
        _step,
        mistakes=[
            Mistake("median", _median, "the median minimizes the absolute error; the mean minimizes the squared error"),
            Mistake(
                "empty nan", _empty_is_nan, "a level that no number is nearest to has no mean: leave it where it is"
            ),
            Mistake(
                "empty zero",
                _empty_is_zero,
                "a level that no number is nearest to becomes 0 in yours: leave it where it is",
            ),
            Mistake(
                "one after the other",
                _one_after_the_other,
                "you assign the numbers again after each level has moved; assign them all to the old levels first",
            ),
            Mistake(
                "many steps",
                lambda x, levels: _repeated(x, levels, 50),
                "you iterate until nothing changes; return the levels after one step",
            ),
            Mistake("edges", _at_the_levels, "a number belongs to the nearest level: the edge is half-way between two"),
        ],
        cases=[
            ("random, four levels", (_X, np.array([-1.5, -0.5, 0.5, 1.5]))),
            ("skewed, three levels", (np.exp(_X), np.array([0.5, 1.0, 4.0]))),
            ("levels without numbers, low and in the middle", (np.array([2.1, 5.3, 5.6]), np.array([-3.0, 2, 4, 5]))),
            ("a level without numbers", (np.array([0.1, 0.2, 0.4]), np.array([0.0, 0.5, 9.0]))),
            ("all equal", (np.full(5, 0.7), np.array([0.0, 1.0]))),
            ("one number, one level", (np.array([3.0]), np.array([0.0]))),
        ],
    ),
    Exercise(
        "22.3",
        _scales,
        mistakes=[
            Mistake(
                "all codes",
                _all_codes,
                "the largest code of b bits is 2^(b−1) − 1, not 2^(b−1): your largest weight would not fit",
            ),
            Mistake("no sign", _no_sign, "a large negative weight must fit as well: take the largest absolute value"),
            Mistake(
                "whole groups", _whole_groups, "the last group may be shorter than the others, and needs a scale too"
            ),
            Mistake(
                "number of groups",
                _number_of_groups,
                "you take group for the number of groups; it is the number of weights in each",
            ),
            Mistake(
                "asymmetric",
                lambda weights, group, bits: _spans(weights, group) / (2**bits - 1),
                "you divide the range from smallest to largest; the integers are symmetric: take the largest np.abs",
            ),
            Mistake(
                "all codes of both signs",
                lambda weights, group, bits: _largest(weights, group) / (2**bits - 1),
                "2^b − 1 is the number of steps between both ends; the largest integer is 2^(b−1) − 1",
            ),
            Mistake(
                "one for zeros",
                lambda weights, group, bits: np.where(
                    _scales(weights, group, bits) > 0, _scales(weights, group, bits), 1
                ),
                "a group of zeros fits with any scale, and the smallest is 0",
            ),
            Mistake(
                "undivided",
                lambda weights, group, bits: _largest(weights, group),
                "those are the largest weights; divide them by the largest integer, 2^(b−1) − 1",
            ),
            Mistake(
                "one for all", _one_for_all, "all your scales are equal: take the largest weight of each group alone"
            ),
        ],
        cases=[
            ("random, groups of 16, last one short", (_W, 16, 4)),
            ("8 bits", (_W, 10, 8)),
            ("a group of zeros", (np.array([0.0, 0.0, 0.3, -0.5, 0.0], dtype="float32"), 2, 4)),
            ("groups of one", (_W[:5], 1, 4)),
            ("one group for all", (-np.abs(_W), 128, 4)),
            ("empty", (np.zeros(0), 4, 4)),
        ],
    ),
]
