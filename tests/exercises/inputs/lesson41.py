"""Valid inputs for the exercises of lesson 41."""

from __future__ import annotations

from typing import Any

import numpy as np


def upstream(rng: np.random.Generator) -> tuple[Any, ...]:
    x, step, high = numbers(rng)
    return rng.normal(size=x.shape), x, step, high


def numbers(rng: np.random.Generator) -> tuple[Any, ...]:
    """Numbers inside the range, outside, halfway between levels and exactly at its ends; step and highest integer."""
    shape = [(0,), (1,), (7,), (2, 4)][int(rng.integers(4))]
    step, high = float(rng.choice([0.1, 0.25, 0.5, 0.125])), int(rng.choice([1, 3, 7, 127]))
    x = rng.normal(0, high * step, shape)
    if step == 0.1:  # whose multiples are not exact
        return x, step, high
    exact = rng.integers(-2 * high - 2, 2 * high + 3, shape) / 2 * step
    ends = high * step * rng.choice([-1, 1], shape)
    kind = rng.random(shape)
    return np.where(kind < 0.3, exact, np.where(kind < 0.5, ends, x)), step, high


def batches(rng: np.random.Generator) -> tuple[Any, ...]:
    n = int(rng.choice([0, 1, 2, 5, 40]))
    return float(rng.uniform(0, 7)), rng.uniform(0, 5, n), float(rng.choice([0.0, 0.5, 0.9, 0.99, rng.random()]))


DRAW = {"41.1": upstream, "41.2": numbers, "41.3": batches}
