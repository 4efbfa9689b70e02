"""Valid inputs for the exercises of lesson 21."""

from __future__ import annotations

from typing import Any

import numpy as np


def values(rng: np.random.Generator) -> tuple[Any, ...]:
    """Values, a step and thresholds; some values are multiples of the step, some thresholds equal the fraction."""
    shape = (int(rng.choice([0, 1, 3, 8])),) if rng.random() < 0.7 else (2, 3)
    step = float(rng.choice([0.25, 0.5, 1.0, 2.0]))
    quarters = rng.integers(-12, 12, shape) / 4
    x = step * np.where(rng.random(shape) < 0.5, quarters, rng.uniform(-3, 3, shape))
    return x, step, np.where(rng.random(shape) < 0.5, rng.choice([0.0, 0.25, 0.5, 0.75], shape), rng.random(shape))


def fractions(rng: np.random.Generator) -> tuple[Any, ...]:
    n = int(rng.integers(0, 6))
    return np.where(rng.random(n) < 0.3, rng.choice([0, 0.25, 0.5, 1.0], n), rng.random(n)), float(rng.uniform(0.1, 3))


def term(rng: np.random.Generator) -> tuple[Any, ...]:
    """A term, often a power of two or the number next to it, and the significant bits of a format."""
    power = 2.0 ** int(rng.integers(-20, 12))
    near = [power, np.nextafter(power, 1e9), np.nextafter(power, 0), power * rng.uniform(1, 2)]
    return float(rng.choice(near)), int(rng.choice([2, 3, 4, 8, 11, 24]))


DRAW = {"21.1": values, "21.2": fractions, "21.3": term}
