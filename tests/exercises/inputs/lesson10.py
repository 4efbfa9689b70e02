"""Valid inputs for the exercises of lesson 10."""

from __future__ import annotations

from typing import Any

import numpy as np


def separable(rng: np.random.Generator) -> tuple[Any, ...]:
    return tuple(int(each) for each in rng.integers(1, [30, 7, 130, 130]))


def dense(rng: np.random.Generator) -> tuple[Any, ...]:
    return tuple(int(each) for each in rng.integers(1, [800, 400, 300]))


def normalized(rng: np.random.Generator) -> tuple[Any, ...]:
    """A dense or convolution kernel, a bias, and the four numbers per channel, in float32; epsilon."""
    out = int(rng.integers(1, 5))
    shape = (int(rng.integers(0, 5)), out) if rng.random() < 0.5 else (3, 2, int(rng.integers(1, 4)), out)
    drawn = [rng.normal(size=size).astype("float32") for size in (shape, out, out, out, out)]
    variance = (rng.uniform(0, 3, out) * (rng.random(out) < 0.8)).astype("float32")
    return (*drawn, variance, float(rng.choice([1e-3, 1e-5, 0.1])))


def activations(rng: np.random.Generator) -> tuple[Any, ...]:
    """Sizes, and for each operator what it reads; an activation may be read by nobody, or by several."""
    steps = int(rng.integers(1, 7))
    reads = [sorted(set(rng.integers(0, k + 1, rng.integers(1, 3)).tolist())) for k in range(steps)]
    return rng.integers(1, 60, steps + 1).tolist(), reads


DRAW = {"10.1": separable, "10.2": dense, "10.3": normalized, "10.4": activations}
