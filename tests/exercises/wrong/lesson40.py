"""Wrong answers to the exercises of lesson 40 that look right."""

from __future__ import annotations

import math

import numpy as np

from labkit.exercises.framework import exercise

affine, trip, requantize = (exercise(f"40.{k}").reference for k in (1, 2, 3))


def with_zero_point(rounding, steps=255):
    """Compute the parameters with another rounding of the zero point."""

    def parameters(low, high):
        low, high = min(low, 0.0), max(high, 0.0)
        if low == high:
            return 1.0, -128
        scale = (high - low) / steps
        return scale, rounding(-128 - low / scale)

    return parameters


def stored(sums, input_scale, weight_scales, output_scale, zero_point):
    """Return what is stored, still in float64."""
    factors = weight_scales.astype("float64") * input_scale / output_scale
    return np.clip(np.round(sums * factors) + zero_point, -128, 127)


def rounded_last(sums, input_scale, weight_scales, output_scale, zero_point):
    """Round after adding the zero point."""
    factors = weight_scales.astype("float64") * input_scale / output_scale
    return np.clip(np.round(sums * factors + zero_point), -128, 127).astype(np.int8)


ATTEMPTS = {
    "40.1": {
        "floor": with_zero_point(math.floor),
        "ceil": with_zero_point(math.ceil),
        "int": with_zero_point(int),
        "not rounded": with_zero_point(float),
        "254 steps": with_zero_point(round, 254),
    },
    "40.2": {
        "stored": lambda x, s, z: np.clip(np.round(x / s) + z, -128, 127),
        "127 levels": lambda x, s, z: s * (np.clip(np.round(x / s) + z, -127, 127) - z),
        "wrapped": lambda x, s, z: s * ((np.round(x / s).astype(np.int64) + z).astype(np.int8).astype(float) - z),
        "float16": lambda x, s, z: trip(x, s, z).astype(np.float16),
    },
    "40.3": {
        "float64": stored,
        "int16": lambda *a: stored(*a).astype(np.int16),
        "int32": lambda *a: stored(*a).astype(np.int32),
        "rounded last": rounded_last,
        "uint8": lambda *a: (requantize(*a).astype(int) + 128).astype(np.uint8),
    },
}
