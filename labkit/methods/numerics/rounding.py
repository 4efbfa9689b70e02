"""Rounding, in six ways: to whole numbers, and with them to the values of any number format.

Between two powers of two the values of a float are evenly spaced: divide by the spacing, round to a whole number,
multiply again. Division and product by a power of two are exact in float64. Each function takes float64 of any shape
and gives float64 of that shape; zeros keep the sign of what they came from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from labkit.base.errors import UsageError, one_of
from labkit.methods.numerics.formats import Format

_EXPONENT = np.int64(0x7FF0_0000_0000_0000)  # the exponent's bits of a float64

Rounder = Callable[[np.ndarray], np.ndarray]
ROUNDINGS = ("nearest_even", "nearest_away", "toward_zero", "up", "down", "stochastic")


def nearest_away(x: np.ndarray) -> np.ndarray:
    """Round to the nearest whole number, halves away from zero. (Adding a half first would err just below one half.)"""
    whole = np.trunc(x)
    return np.copysign(np.abs(whole) + (np.abs(x - whole) >= 0.5), x)


def stochastic(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Round to one of the two neighbours, the nearer the likelier: the chance is the distance to the other, the mean
    *x*."""
    whole = np.trunc(x)
    return np.copysign(np.abs(whole) + (rng.random(x.shape) < np.abs(x - whole)), x)


def rounder(name: str, rng: np.random.Generator | None = None) -> Rounder:
    """Return the function that rounds in the way *name*, one of `ROUNDINGS`.

    Raises UsageError for another name, and for "stochastic" without a generator.
    """
    one_of("rounding", name, ROUNDINGS)
    if name == "stochastic":
        if rng is None:
            raise UsageError("Stochastic rounding needs a generator: give rng, for example np.random.default_rng(0).")
        return lambda x: stochastic(x, rng)
    simple: dict[str, Rounder] = {
        "nearest_even": np.rint,
        "nearest_away": nearest_away,
        "toward_zero": np.trunc,
        "up": np.ceil,
        "down": np.floor,
    }
    return simple[name]


def power_below(x: np.ndarray) -> np.ndarray:
    """Return the largest power of two that is at most |x| (0 for 0), for finite float64: the exponent's bits alone."""
    return (x.view(np.int64) & _EXPONENT).view(np.float64)


def round_to(x: np.ndarray, format: Format, rounding: str, round_whole: Rounder, saturate: bool) -> np.ndarray:
    """Round *x* to the values of a *format* that is no block format; *round_whole* is what `rounder` gave.

    Raises UsageError for NaN in a format without it.
    """
    nan = np.isnan(x)
    if not format.has_nan and nan.any():
        raise UsageError(f"{format.name} has no pattern for NaN: remove the NaN, or choose a format that has one.")
    infinite = np.isinf(x)
    special = bool(nan.any() or infinite.any())
    finite = np.where(nan | infinite, 0.0, x) if special else x
    spacing: Any = format.epsilon
    if format.kind != "integer":
        spacing = np.maximum(power_below(finite), 2.0**format.lowest_exponent) * spacing
    rounded = round_whole(finite / spacing) * spacing
    if special:
        rounded = np.where(infinite, x, rounded)
    rounded = _overflow(rounded, infinite, format, rounding, saturate)
    if format.kind == "power":
        return np.where(x > 0, np.maximum(rounded, format.smallest), np.nan)
    if format.kind == "integer":
        rounded = rounded + 0.0  # whole numbers have one zero
    return np.where(nan, np.nan, rounded) if special else rounded


def _overflow(rounded: np.ndarray, infinite: np.ndarray, format: Format, how: str, saturate: bool) -> np.ndarray:
    """Replace what is past the ends: by the ends, or by the format's infinity or NaN where *how* goes there."""
    low, high = format.min if format.kind == "integer" else -format.max, format.max
    past = (rounded > high) | (rounded < low)
    if not past.any():
        return rounded
    held = np.clip(rounded, low, high)
    if saturate or not format.has_nan:
        return held
    inward = {
        "toward_zero": np.ones_like(past),
        "up": rounded < 0,
        "down": rounded > 0,
    }.get(how, np.zeros_like(past))
    outside = np.copysign(np.inf, rounded) if format.has_infinity else np.nan
    return np.where(past & ~(inward & ~infinite), outside, held)
