"""Valid inputs for the exercises of lesson 31."""

from __future__ import annotations

from typing import Any

import numpy as np


def weights(rng: np.random.Generator) -> tuple[Any, ...]:
    """Weights of any shape, with ties of both signs, zeros, and sizes that hardly differ; a sparsity from 0 to 1."""
    shape = [(0,), (1,), (7,), (3, 4), (2, 3, 4)][int(rng.integers(5))]
    tied = rng.choice([0.0, 0.5, 0.501, 1.0, 2.0, 0.1], shape) * rng.choice([-1, 1], shape)
    drawn = np.where(rng.random() < 0.5, tied, rng.normal(size=shape))
    sparsity = float(rng.choice([0.0, 0.25, 0.5, 0.97, rng.random()]))
    if abs(drawn.size * sparsity % 1 - 0.5) < 0.01:  # no count is halfway between two
        sparsity -= 0.02
    return drawn.astype("float32"), sparsity


def step(rng: np.random.Generator) -> tuple[Any, ...]:
    begin = int(rng.integers(0, 200))
    end = begin + int(rng.integers(1, 500))
    now = int(rng.choice([begin, end, rng.integers(0, 1000)]))
    return now, float(rng.uniform(0, 0.5)), float(rng.uniform(0.5, 1)), begin, end


def mask(rng: np.random.Generator) -> tuple[Any, ...]:
    shape = [(0,), (1,), (8,), (9,), (3, 5), (4, 4)][int(rng.integers(6))]
    return (rng.random(shape) < rng.choice([0.0, 0.3, 1.0]),)


DRAW = {"31.1": weights, "31.2": step, "31.3": mask}
