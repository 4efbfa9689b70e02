"""Valid inputs for the exercises of lesson 30."""

from __future__ import annotations

from typing import Any

import numpy as np


def csr(rng: np.random.Generator) -> tuple[Any, ...]:
    """Values, columns in any order within a row, and pointers of a sparse matrix; a vector."""
    rows, columns = (int(each) for each in rng.integers([0, 1], [6, 7]))
    density = rng.choice([0.0, 0.3, 0.7, 1.0])
    kept = [rng.permutation(np.flatnonzero(rng.random(columns) < density)) for _ in range(rows)]
    indices = np.concatenate([np.zeros(0, dtype=np.int64), *kept]).astype(np.int64)
    pointers = np.cumsum([0, *map(len, kept)])
    return rng.normal(size=len(indices)), indices, pointers, rng.normal(size=columns)


def row(rng: np.random.Generator) -> tuple[Any, ...]:
    n, bits = int(rng.choice([0, 1, 5, 20, 50])), int(rng.integers(1, 5))
    kept = rng.random(n) < rng.choice([0.0, 0.05, 0.3, 1.0])
    return np.where(kept, rng.normal(size=n), 0.0), bits


def fours(rng: np.random.Generator) -> tuple[Any, ...]:
    """Weights in groups of four, with ties of both signs and neighbours that differ in the last digits."""
    shape = (int(rng.integers(0, 4)), 4 * int(rng.integers(1, 4)))
    close = rng.choice([0.5, 0.501, 0.5004, 0.50001, 1.0, 0.0, 2.0], shape) * rng.choice([-1, 1], shape)
    return (np.where(rng.random() < 0.7, close, rng.normal(size=shape)),)


DRAW = {"30.1": csr, "30.2": row, "30.3": fours}
