"""Valid inputs for the exercises of lesson 54."""

from __future__ import annotations

from typing import Any

import numpy as np


def layer(rng: np.random.Generator) -> tuple[Any, ...]:
    """A kernel and a bias in float32; some neurons are all zero, some twins or opposites."""
    inputs, units = (int(each) for each in rng.integers(1, 6, 2))
    kernel, bias = rng.normal(size=(inputs, units)), rng.normal(size=units) * (rng.random() < 0.7)
    alive = rng.random(units) < 0.8
    kernel, bias = kernel * alive, bias * alive
    if units > 1 and rng.random() < 0.3:
        kernel[:, 1], bias[1] = -2 * kernel[:, 0], -2 * bias[0]
    return kernel.astype("float32"), bias.astype("float32")


def groups(rng: np.random.Generator) -> tuple[Any, ...]:
    units, outputs = (int(each) for each in rng.integers(1, 7, 2))
    labels = np.unique(rng.integers(0, int(rng.integers(1, units + 1)), units), return_inverse=True)[1]
    return rng.normal(size=(units, outputs)), rng.uniform(0.3, 3, units), labels


def widths(rng: np.random.Generator) -> tuple[Any, ...]:
    sizes = [int(each) for each in rng.integers(1, 60, int(rng.integers(2, 6)))]
    return sizes, float(rng.choice([0.01, 0.25, 0.5, 1.0, rng.random()]))


DRAW = {"54.1": layer, "54.2": groups, "54.3": widths}
