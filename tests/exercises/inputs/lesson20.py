"""Valid inputs for the exercises of lesson 20."""

from __future__ import annotations

from typing import Any

import numpy as np

SIZES = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])


def pattern(rng: np.random.Generator) -> tuple[Any, ...]:
    """A pattern and its split; the largest exponent is left out, since infinity and NaN do not occur."""
    exponent_bits, mantissa_bits = (int(each) for each in rng.integers([2, 0], [9, 11]))
    exponent = int(rng.choice([0, 0, 1, rng.integers(0, 2**exponent_bits - 1)]))
    fraction = int(rng.integers(0, 2**mantissa_bits))
    sign = int(rng.integers(0, 2))
    code = ((sign << exponent_bits | exponent) << mantissa_bits) | fraction
    return code, exponent_bits, mantissa_bits


def numbers(rng: np.random.Generator) -> tuple[Any, ...]:
    """Any finite numbers, midpoints and their neighbours, the sizes themselves, both zeros."""
    middles = ((SIZES[1:] + SIZES[:-1]) / 2).astype("float32")
    special = np.concatenate([SIZES, middles, np.nextafter(middles, 0), np.nextafter(middles, 9), [7, 1e30]])
    shape = (int(rng.integers(0, 9)),) if rng.random() < 0.6 else (2, 3)
    drawn = np.where(rng.random(shape) < 0.5, rng.choice(special, shape), rng.uniform(0, 8, shape))
    return ((drawn * rng.choice([-1, 1], shape)).astype("float32"),)


def block(rng: np.random.Generator) -> tuple[Any, ...]:
    n = int(rng.choice([1, 2, 5, 32]))
    scale = 2.0 ** rng.integers(-140, 120) if rng.random() < 0.3 else float(rng.choice([0.01, 1.0, 3.0, 0.0]))
    values = rng.choice([1.0, 1.5, 1.75, 1.9, 0.5, 0.1, rng.uniform(0, 2)], n) * scale
    return ((values * rng.choice([-1, 1], n)).astype("float32"),)


DRAW = {"20.1": pattern, "20.2": numbers, "20.3": block}
