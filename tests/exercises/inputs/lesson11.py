"""Valid inputs for the exercises of lesson 11."""

from __future__ import annotations

from typing import Any

import numpy as np


def times(rng: np.random.Generator) -> tuple[Any, ...]:
    n = int(rng.choice([1, 2, 3, 4, 5, 9, 40]))
    return (rng.gamma(2.0, rng.choice([1e-6, 1e-3, 1.0]), n),)


def rounds(rng: np.random.Generator) -> tuple[Any, ...]:
    n = int(rng.choice([1, 2, 3, 4, 5, 20]))
    slow = np.where(rng.random(n) < 0.2, 30.0, 1.0)
    return rng.gamma(3.0, 1e-4, n), rng.gamma(3.0, 1e-4, n) * slow


def layer(rng: np.random.Generator) -> tuple[Any, ...]:
    flops, moved, peak, bandwidth = (float(each) for each in np.round(10 ** rng.uniform([3, 3, 9, 8], [9, 8, 13, 12])))
    return float(rng.choice([0.0, flops, flops])), moved, peak, bandwidth


def warming(rng: np.random.Generator) -> tuple[Any, ...]:
    """Times of successive calls in coarse steps, slow at first, with interruptions, in seconds or microseconds.

    The second half has settled at least once, as the text says, since its median is one of its values or between two.
    """
    n = int(rng.integers(1, 14))
    calls = rng.choice([90, 97, 100, 103, 108, 112, 120, 150, 40], n).astype(float)
    calls[: rng.integers(0, n)] *= rng.choice([1.0, 1.3, 4.0])
    calls = np.where(rng.random(n) < 0.15, 20 * calls, calls)
    return (calls * rng.choice([0.01, 1e-6]),)


DRAW = {"11.1": times, "11.2": rounds, "11.3": layer, "11.4": warming}
