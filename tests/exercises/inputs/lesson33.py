"""Valid inputs for the exercises of lesson 33."""

from __future__ import annotations

from typing import Any

import numpy as np


def layer(rng: np.random.Generator) -> tuple[Any, ...]:
    inputs, neurons, outputs = (int(each) for each in rng.integers(1, 6, 3))
    kept = rng.permutation(neurons)[: int(rng.integers(0, neurons + 1))]
    return rng.normal(size=(inputs, neurons)), rng.normal(size=neurons), rng.normal(size=(neurons, outputs)), kept


def convolution(rng: np.random.Generator) -> tuple[Any, ...]:
    kernel, size, channels, filters = (int(each) for each in rng.integers(1, [6, 30, 70, 70]))
    return kernel, size, channels, filters, float(rng.choice([0.5, 0.25, 0.01, 1.0, rng.uniform(0, 1)]))


def gram(rng: np.random.Generator) -> tuple[Any, ...]:
    """The products of some channels, in whole numbers so that equal losses are equal; how many stay."""
    channels = int(rng.integers(1, 7))
    parts = rng.integers(-2, 3, (int(rng.integers(1, 8)), channels)).astype(float)
    return parts.T @ parts, int(rng.integers(1, channels + 1))


DRAW = {"33.1": layer, "33.2": convolution, "33.3": gram}
