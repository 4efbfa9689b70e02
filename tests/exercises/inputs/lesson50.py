"""Valid inputs for the exercises of lesson 50."""

from __future__ import annotations

from typing import Any

import numpy as np


def shapes(rng: np.random.Generator) -> tuple[int, ...]:
    return [(0,), (1,), (8,), (3, 4)][int(rng.integers(4))]


def nearest(rng: np.random.Generator) -> tuple[Any, ...]:
    """Weights, some exactly halfway between two centroids; centroids in ascending order."""
    centroids = np.sort(rng.choice(np.arange(-8.0, 9.0), int(rng.integers(1, 6)), replace=False))
    shape = shapes(rng)
    return np.where(rng.random(shape) < 0.6, rng.integers(-20, 20, shape) / 2, rng.normal(0, 4, shape)), centroids


def chosen(rng: np.random.Generator) -> tuple[Any, ...]:
    shape, count = shapes(rng), int(rng.integers(1, 6))
    indices = rng.integers(0, count, shape)
    return rng.normal(size=shape).astype("float32"), indices, np.sort(rng.normal(size=count))


def gradient(rng: np.random.Generator) -> tuple[Any, ...]:
    shape, count = shapes(rng), int(rng.integers(1, 6))
    return rng.normal(size=shape), rng.integers(0, count, shape), count + int(rng.choice([0, 0, 2]))


def layer(rng: np.random.Generator) -> tuple[Any, ...]:
    count = int(rng.choice([1, 2, 4, 16, 256, rng.integers(1, 70)]))
    return int(rng.choice([1, 8, 1000, rng.integers(1, 300_000)])), count, int(rng.choice([8, 16, 32]))


DRAW = {"50.1": nearest, "50.2": chosen, "50.3": gradient, "50.4": layer}
