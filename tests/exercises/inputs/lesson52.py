"""Valid inputs for the exercises of lesson 52."""

from __future__ import annotations

from typing import Any

import numpy as np


def weights(rng: np.random.Generator) -> tuple[Any, ...]:
    shape = [(0,), (1,), (9,), (4, 5), (12, 10)][int(rng.integers(5))]
    values = rng.choice([-1.0, -0.3, 0.2, 0.3, 0.7][: int(rng.integers(1, 6))], shape)
    kept = rng.random(shape) < rng.choice([0.0, 0.2, 0.6, 1.0])
    return (values * kept).astype("float32"), int(rng.choice([1, 2, 4]))


def mask(rng: np.random.Generator) -> tuple[Any, ...]:
    n = int(rng.choice([0, 1, 6, 20, 60]))
    return rng.random(n) < rng.choice([0.0, 0.05, 0.3, 1.0]), int(rng.choice([1, 3, 7]))


def layers(rng: np.random.Generator) -> tuple[Any, ...]:
    """Two layers, of which the first has dead neurons, and living ones whose weights cancel."""
    inputs, units, outputs = (int(each) for each in rng.integers([1, 0, 1], [5, 6, 4]))
    kernel = rng.choice([0.0, 0.0, 1.0, -1.0, 0.5], (inputs, units)) * (rng.random(units) < 0.7)
    return kernel, rng.normal(size=units), rng.normal(size=(units, outputs)), rng.normal(size=outputs)


DRAW = {"52.1": weights, "52.2": mask, "52.3": layers}
