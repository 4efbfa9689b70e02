"""Wrong answers to the exercises of lesson 20 that look right."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np

from labkit.exercises.framework import exercise
from labkit.methods.numerics import cast

decode = exercise("20.1").reference
SIZES = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])


def after(first):
    """Round to four bits after *first*."""
    return lambda x: cast(first(x), "float4_e2m1")


def loose_ties(x):
    """Take what is close to a middle for a tie."""
    distance = np.abs(np.minimum(np.abs(x), 6)[..., None] - SIZES)
    nearest = np.isclose(distance, distance.min(axis=-1, keepdims=True), atol=0.01)
    even = nearest & (np.arange(8) % 2 == 0)
    pattern = np.where(even.any(axis=-1), even.argmax(axis=-1), nearest.argmax(axis=-1))
    return np.copysign(SIZES[pattern], x)


def doubled_where_clipped(block):
    """Raise the scale where the largest number would be clipped."""
    largest = float(np.max(np.abs(block)))
    scale = exercise("20.3").reference(block)
    return min(2 * scale, 2.0**127) if largest > 6 * scale else scale


ATTEMPTS = {
    "20.1": {
        "known splits": lambda c, e, m: decode(c, e, m) if (e, m) in ((4, 3), (5, 10), (2, 1)) else 0.0,
        "rounded": lambda c, e, m: round(decode(c, e, m), 6),
        "no sign of zero": lambda c, e, m: decode(c, e, m) + 0.0,
        "two's complement": lambda c, e, m: (
            decode(c, e, m) if not c >> (e + m) else -decode(2 ** (e + m + 1) - c, e, m)
        ),
        "exchanged": lambda c, e, m: decode(c, m, e) if m > 1 else 0.0,
    },
    "20.2": {
        "float16 first": after(lambda x: x.astype(np.float16)),
        "bfloat16 first": after(lambda x: x.astype(ml_dtypes.bfloat16).astype("float32")),
        "rounded first": after(lambda x: np.round(x, 2)),
        "loose ties": loose_ties,
        "no sign of zero": lambda x: cast(x, "float4_e2m1") + 0.0,
        "first of signed": lambda x: SIZES[np.abs(x[..., None] - SIZES).argmin(axis=-1)],
        "infinite": lambda x: np.where(np.abs(x) > 6, np.copysign(np.inf, x), cast(x, "float4_e2m1")),
    },
    "20.3": {
        "never clipped": lambda b: (
            2.0 ** max(math.ceil(math.log2(np.max(np.abs(b)) / 6)), -127) if b.any() else 2**-127
        ),
        "doubled": doubled_where_clipped,
        "int": lambda b: 2.0 ** max(int(math.log2(np.max(np.abs(b)))) - 2, -127) if b.any() else 2.0**-127,
        "zeros forgotten": lambda b: 2.0 ** max(math.floor(math.log2(np.max(np.abs(b)))) - 2, -127),
        "mean": lambda b: exercise("20.3").reference(np.atleast_1d(np.mean(np.abs(b)))),
    },
}
