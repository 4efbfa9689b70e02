"""Valid inputs for the exercises of lesson 22."""

from __future__ import annotations

from typing import Any

import numpy as np


def signal(rng: np.random.Generator) -> tuple[Any, ...]:
    """A signal that is not all zero, and what stands for it: rounded, scaled, hardly changed, equal, or unrelated."""
    n = int(rng.integers(1, 12))
    x = rng.normal(rng.choice([0, 0, 2]), 1, n)
    others = [np.rint(4 * x) / 4, x / 2, -x, 3 * x, x * (1 + 1e-6), x + 1e-8, x, rng.normal(size=n), 0 * x]
    return x, others[int(rng.integers(len(others)))].copy()


def levels(rng: np.random.Generator) -> tuple[Any, ...]:
    """Numbers and ascending levels, none halfway between two; a level may have no number."""
    count = int(rng.integers(1, 6))
    ascending = np.sort(rng.choice(np.arange(-8.0, 9.0), count, replace=False))
    return rng.normal(0, 3, int(rng.integers(1, 12))), ascending


def groups(rng: np.random.Generator) -> tuple[Any, ...]:
    n = int(rng.integers(0, 14))
    weights = rng.normal(size=n) * (rng.random(n) < 0.8)
    weights[: n // 2] *= rng.random() < 0.8  # a group of zeros, sometimes
    return weights.astype("float32"), int(rng.integers(1, 7)), int(rng.integers(2, 9))


DRAW = {"22.1": signal, "22.2": levels, "22.3": groups}
