"""Valid inputs for the exercises of lesson 40."""

from __future__ import annotations

from typing import Any

import numpy as np


def ends(rng: np.random.Generator) -> tuple[Any, ...]:
    low, high = sorted(float(each) for each in rng.normal(0, 1, 2) * rng.choice([1e-5, 1.0, 50.0]))
    return [(low, high), (0.0, abs(high)), (-abs(low), 0.0), (0.0, 0.0), (low, low)][int(rng.choice(5, p=P))]


P = [0.6, 0.1, 0.1, 0.1, 0.1]


def numbers(rng: np.random.Generator) -> tuple[Any, ...]:
    """Numbers in and out of the range, halves of a step among them; scale and zero point."""
    shape = [(0,), (1,), (6,), (2, 4)][int(rng.integers(4))]
    scale = float(rng.choice([0.5, 0.25, 0.03, 2.0]))
    halves = scale * rng.integers(-400, 400, shape) / 2
    x = np.where(rng.random(shape) < 0.5, halves, rng.normal(0, 100, shape) * scale)
    return x.astype("float32"), scale, int(rng.integers(-128, 128))


def sums(rng: np.random.Generator) -> tuple[Any, ...]:
    """Sums with scales that are powers of two, where halves are exact, or any, and then nothing is near a half."""
    rows, channels = int(rng.integers(0, 4)), int(rng.integers(1, 4))
    if rng.random() < 0.5:
        drawn, one, other = rng.integers(-400, 400, (rows, channels)), 0.5, 0.25
        scales = rng.choice([0.25, 0.5, 1.0], channels).astype("float32")
    else:
        drawn, one, other = rng.integers(-60_000, 60_000, (rows, channels)), 0.004, float(rng.choice([0.01, 0.5]))
        scales = rng.choice([0.002, 0.004, 0.001, 0.0007], channels).astype("float32")
        part = np.abs(drawn * one * scales.astype(float) / other) % 1
        drawn = np.where(np.abs(part - 0.5) < 1e-3, 0, drawn * int(rng.choice([1, 1, 100])))
    return drawn.astype(np.int32), one, scales, other, int(rng.integers(-128, 128))


DRAW = {"40.1": ends, "40.2": numbers, "40.3": sums}
