"""Calibration: which range of the numbers seen should the whole numbers cover?

A wide range clips nothing and has coarse steps; a narrow one clips and has fine steps. Each function takes the numbers
seen (any shape, at least one, all finite) and returns (low, high), ready for ``quantize.affine_parameters``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labkit.base.checks import whole
from labkit.base.errors import UsageError
from labkit.methods.quantize import fake_quantize, levels

_MOST = 100_000  # numbers that the search looks at: more change the result by less than its own step


def minmax(samples: np.ndarray) -> tuple[float, float]:
    """Return the least and the greatest number: nothing is clipped, and one outlier stretches every step.

    >>> minmax([0.5, -1.0, 2.0])
    (-1.0, 2.0)
    """
    samples = _check(samples)
    return float(samples.min()), float(samples.max())


def percentile(samples: np.ndarray, percent: float = 99.9) -> tuple[float, float]:
    """Return the range between the percentiles ``100 − percent`` and *percent*: at each end, 0.1 % (by default) is
    clipped.

    Raises UsageError for a *percent* outside 50 to 100; 100 is ``minmax``.
    """
    samples = _check(samples)
    if not 50 <= percent <= 100:
        raise UsageError(f"percent is {percent!r}, but takes a number from 50 to 100 (99.9 clips 0.1 % at each end).")
    low, high = np.percentile(samples, [100 - percent, percent])
    return float(low), float(high)


def mse(samples: np.ndarray, bits: int = 8, symmetric: bool = False, steps: int = 100) -> tuple[float, float]:
    """Return the range with the least mean squared error after rounding to *bits*, by search.

    Both ends shrink together in *steps* steps towards zero, then each anew while the other stays; never worse than
    ``minmax`` on the numbers it looks at (at most 100,000 of them, evenly picked). Raises UsageError for fewer than one
    step.
    """
    samples = _check(samples).ravel()
    steps = whole("steps", steps, 1)
    least, most = min(float(samples.min()), 0.0), max(float(samples.max()), 0.0)
    seen = samples[:: -(-samples.size // _MOST)]

    def error(ends: tuple[float, float]) -> float:
        rounded = fake_quantize(seen, bits, symmetric=symmetric, low=ends[0], high=ends[1])
        return float(np.mean((rounded.astype(np.float64) - seen) ** 2))

    shares = [k / steps for k in range(steps, 0, -1)]
    # min() keeps the first of equals: the widest range.
    low, high = min(((least * share, most * share) for share in shares), key=error)
    if symmetric:
        return low, high
    low, high = min(((least * share, high) for share in shares), key=error)
    return min(((low, most * share) for share in shares), key=error)


def errors_by_end(samples: np.ndarray, shares: Sequence[float], bits: int) -> np.ndarray:
    """Return the RMS error of *samples* rounded to *bits* when the range ends at each of *shares* of the largest one.

    For samples that are nowhere negative, such as activations after a ReLU: each range begins at 0. The errors have the
    unit of the samples. Raises UsageError for a sample below 0 and as ``fake_quantize`` does.

    >>> errors_by_end([0.0, 1.0, 3.0], [1.0, 1 / 3], bits=2).round(3).tolist()
    [0.0, 1.155]
    """
    samples = _check(samples)
    if samples.min() < 0:
        raise UsageError("A sample is below 0, but each range begins at 0: give activations after a ReLU.")
    ends = [float(share) * float(samples.max()) for share in shares]
    rounded = (fake_quantize(samples, bits, symmetric=False, low=0.0, high=end) for end in ends)
    return np.array([np.sqrt(np.mean((values.astype(np.float64) - samples) ** 2)) for values in rounded])


def entropy(samples: np.ndarray, bits: int = 8, symmetric: bool = False, bins: int = 2048) -> tuple[float, float]:
    """Return the range whose quantized histogram is nearest to the one before, by Kullback-Leibler divergence.

    Migacz, *8-bit inference with TensorRT* (GTC 2017): of a histogram of |samples| with *bins* bins, the first i are
    the reference, with what is clipped added to the last of them; the candidate has the same bins merged into as many
    levels as the type has, and each level's count spread over its bins that are not empty. The i of the least
    divergence wins; the end is in the middle of bin i, as there. Candidates that would make a bin of the reference
    impossible have an infinite divergence. Samples that are exactly 0 are left out, unlike there: 0 is exact in any
    range, and the many zeros after a ReLU would drown the rest.

    Levels: 2^bits for samples that are nowhere negative, else 2^(bits − 1) on each side (128 at 8 bits, Migacz's
    number), or wherever *symmetric*. With as many levels as bins, or more, clipping gains nothing: this is ``minmax``.
    Gives ±end when *symmetric*, else the part of it in which samples are. Never wider than the samples. Raises
    UsageError for *bits* outside 2 to 16 or fewer than 2 bins.
    """
    samples = _check(samples)
    levels(bits)  # refuses other numbers of bits
    bins = whole("bins", bins, 2, note=" (2048 is usual)")
    low, high = float(samples.min()), float(samples.max())
    peak = max(-low, high)
    count = 2**bits if low >= 0 and not symmetric else 2 ** (bits - 1)
    end = peak
    if peak > 0 and count < bins:
        seen = np.histogram(np.abs(samples[samples != 0]), bins=bins, range=(0, peak))[0].astype(np.float64)
        best = min(range(count, bins + 1), key=lambda i: _divergence(seen, i, count))
        end = min(peak, (best + 0.5) * peak / bins)
    return (-end, end) if symmetric else (max(low, -end), min(high, end))


def _divergence(seen: np.ndarray, kept: int, count: int) -> float:
    """Return the Kullback-Leibler divergence in nats of the first *kept* bins, clipped, from their *count* levels."""
    inside = seen[:kept]
    reference = inside.copy()
    reference[-1] += seen[kept:].sum()
    starts = -(-np.arange(count) * kept // count)  # bin j belongs to level j * count // kept
    filled = (inside > 0).astype(np.float64)
    totals, sharers = np.add.reduceat(inside, starts), np.add.reduceat(filled, starts)
    each = np.divide(totals, sharers, out=np.zeros(count), where=sharers > 0)
    candidate = np.repeat(each, np.diff(np.append(starts, kept))) * filled
    known = reference > 0
    if candidate.sum() == 0 or (candidate[known] == 0).any():
        return float("inf")
    p, q = reference[known] / reference.sum(), candidate[known] / candidate.sum()
    return float(np.sum(p * np.log(p / q)))


def _check(samples: np.ndarray) -> np.ndarray:
    samples = np.asarray(samples, dtype=np.float32)
    if samples.size == 0:
        raise UsageError("There are no samples to calibrate on: give at least one number.")
    if not np.isfinite(samples).all():
        raise UsageError("The samples hold NaN or infinity: a range needs finite numbers.")
    return samples
