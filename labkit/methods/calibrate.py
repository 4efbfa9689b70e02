"""Calibration: which range of the numbers seen should the whole numbers cover?

A wide range clips nothing and has coarse steps; a narrow one clips and has fine steps. Each function takes the numbers
seen (any shape, at least one, all finite) and returns (low, high), ready for ``quantize.affine_parameters``.
"""

from __future__ import annotations

import numpy as np

from labkit.base.errors import UsageError
from labkit.methods.quantize import fake_quantize

_MOST = 100_000  # numbers that the search looks at: more change the result by less than its own step


def minmax(samples: np.ndarray) -> tuple[float, float]:
    """The least and the greatest number: nothing is clipped, and one outlier stretches every step."""
    samples = _check(samples)
    return float(samples.min()), float(samples.max())


def percentile(samples: np.ndarray, percent: float = 99.9) -> tuple[float, float]:
    """The range between the percentiles ``100 − percent`` and *percent*: at each end, 0.1 % (by default) is clipped.

    Raises UsageError for a *percent* outside 50 to 100; 100 is ``minmax``.
    """
    samples = _check(samples)
    if not 50 <= percent <= 100:
        raise UsageError(f"percent is {percent!r}, but takes a number from 50 to 100 (99.9 clips 0.1 % at each end).")
    low, high = np.percentile(samples, [100 - percent, percent])
    return float(low), float(high)


def mse(samples: np.ndarray, bits: int = 8, symmetric: bool = False, steps: int = 100) -> tuple[float, float]:
    """The range with the least mean squared error after rounding to *bits*, by search.

    Both ends are shrunk together in *steps* steps towards zero, then each alone; never worse than ``minmax`` on the
    numbers it looks at (at most 100,000 of them, evenly picked). Raises UsageError for fewer than one step.
    """
    samples = _check(samples).ravel()
    if steps < 1:
        raise UsageError(f"steps is {steps!r}, but takes a whole number of at least 1.")
    low, high = min(float(samples.min()), 0.0), max(float(samples.max()), 0.0)
    seen = samples[:: -(-samples.size // _MOST)]

    def error(ends: tuple[float, float]) -> float:
        rounded = fake_quantize(seen, bits, symmetric=symmetric, low=ends[0], high=ends[1])
        return float(np.mean((rounded.astype(np.float64) - seen) ** 2))

    shares = np.linspace(1, 1 / steps, steps)
    # min() keeps the first of equals: the widest range.
    low, high = min(((low * share, high * share) for share in shares), key=error)
    if symmetric:
        return low, high
    low, high = min(((low * share, high) for share in shares), key=error)
    return min(((low, high * share) for share in shares), key=error)


def _check(samples: np.ndarray) -> np.ndarray:
    samples = np.asarray(samples, dtype=np.float32)
    if samples.size == 0:
        raise UsageError("There are no samples to calibrate on: give at least one number.")
    if not np.isfinite(samples).all():
        raise UsageError("The samples hold NaN or infinity: a range needs finite numbers.")
    return samples
