"""Exercises of lesson 41: the straight-through gradient, the gradient of a step, and a range that lags behind."""

from __future__ import annotations

import numpy as np

from labkit.exercises.framework import Exercise, Mistake
from labkit.methods import ste

_RNG = np.random.default_rng(41)
_X, _UP = _RNG.normal(0, 0.4, 60), _RNG.normal(size=60)
_EMPTY = np.zeros(0)


def _straight_through(upstream: np.ndarray, x: np.ndarray, step: float, high: int) -> np.ndarray:
    return ste.input_gradient(upstream, x, step, -high, high)


def _true_slope(upstream: np.ndarray, x: np.ndarray, step: float, high: int) -> np.ndarray:
    return np.zeros_like(x)


def _unmasked(upstream: np.ndarray, x: np.ndarray, step: float, high: int) -> np.ndarray:
    return upstream + 0.0


def _no_upstream(upstream: np.ndarray, x: np.ndarray, step: float, high: int) -> np.ndarray:
    return (np.abs(x / step) <= high).astype(float)


def _one_side(upstream: np.ndarray, x: np.ndarray, step: float, high: int) -> np.ndarray:
    return np.where(x / step <= high, upstream, 0.0)


def _wrong_units(upstream: np.ndarray, x: np.ndarray, step: float, high: int) -> np.ndarray:
    return np.where(np.abs(x) <= high, upstream, 0.0)


def _rounded_first(upstream: np.ndarray, x: np.ndarray, step: float, high: int) -> np.ndarray:
    return np.where(np.abs(np.rint(x / step)) <= high, upstream, 0.0)


def _step_slope(x: np.ndarray, step: float, high: int) -> np.ndarray:
    v = x / step
    return np.where(v <= -high, -high, np.where(v >= high, high, np.rint(v) - v))


def _stair_only(x: np.ndarray, step: float, high: int) -> np.ndarray:
    return np.clip(np.rint(x / step), -high, high)


def _other_sign(x: np.ndarray, step: float, high: int) -> np.ndarray:
    v = x / step
    return np.where(v <= -high, -high, np.where(v >= high, high, v - np.rint(v)))


def _ends_dropped(x: np.ndarray, step: float, high: int) -> np.ndarray:
    return np.where(np.abs(x / step) >= high, 0.0, _step_slope(x, step, high))


def _ends_not_clipped(x: np.ndarray, step: float, high: int) -> np.ndarray:
    return np.rint(x / step) - x / step


def _ends_positive(x: np.ndarray, step: float, high: int) -> np.ndarray:
    return np.where(np.abs(x / step) >= high, float(high), _step_slope(x, step, high))


def _moving(start: float, seen: np.ndarray, decay: float) -> float:
    for value in seen:
        start = decay * start + (1 - decay) * float(value)
    return start


def _exchanged(start: float, seen: np.ndarray, decay: float) -> float:
    return _moving(start, seen, 1 - decay)


def _from_first(start: float, seen: np.ndarray, decay: float) -> float:
    return _moving(float(seen[0]), seen[1:], decay) if len(seen) else start


def _largest(start: float, seen: np.ndarray, decay: float) -> float:
    return float(max([start, *seen]))


def _once(start: float, seen: np.ndarray, decay: float) -> float:
    return decay * start + (1 - decay) * float(np.mean(seen)) if len(seen) else start


EXERCISES = [
    Exercise(
        "41.1",
        _straight_through,
        mistakes=[
            Mistake(
                "true slope",
                _true_slope,
                "zero is the true gradient of rounding, and nothing would train: pass upstream on inside the range",
            ),
            Mistake(
                "unmasked",
                _unmasked,
                "beyond ±high steps the output no longer moves with x: its gradient there is zero",
            ),
            Mistake(
                "no upstream", _no_upstream, "you return the slope alone; the chain rule multiplies it by upstream"
            ),
            Mistake("one side", _one_side, "the range has two ends: compare np.abs(x) with high steps"),
            Mistake("wrong units", _wrong_units, "high counts steps: compare x / step with it, not x"),
            Mistake(
                "rounded first",
                _rounded_first,
                "you round before you compare, and the range grows by half a step at each end: compare x / step itself",
            ),
        ],
        cases=[
            ("random numbers, 3 bits", (_UP, _X, 0.1, 3)),
            ("at and around the ends", (np.ones(8), np.array([-8, -7.6, -7.4, -7, 7, 7.4, 7.6, 8]) * 0.125, 0.125, 7)),
            (
                "just inside and just outside",
                (np.array([1.5, -2.5, 3.5]), np.array([0.29999, -0.30001, -0.29999]), 0.1, 3),
            ),
            ("all inside", (_UP, _X, 1.0, 127)),
            ("all outside", (_UP[:3], np.array([-9.0, 5.0, 7.0]), 0.1, 7)),
            ("zeros", (_UP[:4], np.zeros(4), 0.2, 7)),
            ("one number", (np.array([2.5]), np.array([-0.3]), 0.2, 1)),
            ("two dimensions", (_UP.reshape(6, 10), _X.reshape(6, 10), 0.05, 7)),
            ("empty", (_EMPTY, _EMPTY, 0.1, 7)),
        ],
    ),
    Exercise(
        "41.2",
        _step_slope,
        mistakes=[
            Mistake(
                "stair only",
                _stair_only,
                "you return the rounded number; inside the range subtract x / step from it",
            ),
            Mistake(
                "other sign", _other_sign, "inside the range it is the rounded number minus x / step, not the reverse"
            ),
            Mistake(
                "ends dropped", _ends_dropped, "a clipped value is ±high steps, so it does move when the step grows"
            ),
            Mistake(
                "ends not clipped",
                _ends_not_clipped,
                "beyond the ends the slope is −high or high, not the rounding error",
            ),
            Mistake(
                "ends positive", _ends_positive, "at the lower end the slope is −high: a larger step moves it down"
            ),
        ],
        cases=[
            ("random numbers, 3 bits", (_X, 0.1, 3)),
            ("at and beyond the ends", (np.array([-9, -7, 7, 7.3, 12]) * 0.125, 0.125, 7)),
            ("rows and columns", (_X.reshape(6, 10), 0.125, 3)),
            ("halfway between two integers", (np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]) * 0.5, 0.5, 7)),
            ("on the stairs", (np.arange(-3.0, 4.0) * 0.5, 0.5, 7)),
            ("all equal", (np.full(5, 0.33), 0.1, 7)),
            ("zeros", (np.zeros(3), 0.1, 7)),
            ("one number", (np.array([0.26]), 0.1, 1)),
            ("empty", (_EMPTY, 0.1, 7)),
        ],
    ),
    Exercise(
        "41.3",
        _moving,
        mistakes=[
            Mistake(
                "exchanged",
                _exchanged,
                "decay is the share of the old value that stays; you keep that share of the new",
            ),
            Mistake("from the first", _from_first, "the range begins at start, not at the first value that is seen"),
            Mistake("largest", _largest, "yours jumps to the largest value; a moving average goes a part of the way"),
            Mistake("once", _once, "you move once for all batches: each of them moves the range a little"),
        ],
        cases=[
            ("a hundred batches", (6.0, _RNG.uniform(1.0, 3.0, 100), 0.99)),
            ("TFMOT's numbers", (6.0, np.full(300, 2.0), 0.999)),
            ("growing", (0.0, np.array([1.0, 2.0, 9.0]), 0.5)),
            ("one batch", (6.0, np.array([2.0]), 0.9)),
            ("a start with many digits", (6.28049, np.array([3.8781, 1.1267]), 0.731)),
            ("all equal to the start", (6.0, np.full(4, 6.0), 0.9)),
            ("nothing kept", (6.0, np.array([3.0, 4.0]), 0.0)),
            ("no batch", (6.0, _EMPTY, 0.999)),
        ],
    ),
]
