"""Right answers to the exercises of lesson 20, in other forms than the course's own."""

from __future__ import annotations

from fractions import Fraction
from math import floor, frexp, ldexp, log2

import ml_dtypes
import numpy as np

SIZES = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])


def by_text(code, exponent_bits, mantissa_bits):
    """Cut the pattern as text."""
    text = format(code, f"0{1 + exponent_bits + mantissa_bits}b")
    exponent, fraction = int(text[1 : 1 + exponent_bits], 2), int(text[1 + exponent_bits :] or "0", 2)
    whole = fraction + (2**mantissa_bits if exponent else 0)
    value = ldexp(whole, max(exponent, 1) - 2 ** (exponent_bits - 1) + 1 - mantissa_bits)
    return -value if text[0] == "1" else value


def exactly(code, exponent_bits, mantissa_bits):
    """Compute in fractions, whose zero has no sign."""
    exponent = (code >> mantissa_bits) % 2**exponent_bits
    fraction = Fraction(code % 2**mantissa_bits, 2**mantissa_bits) + (exponent > 0)
    power = Fraction(2) ** (max(exponent, 1) - 2 ** (exponent_bits - 1) + 1)
    return (-1) ** (code >> (exponent_bits + mantissa_bits)) * power * fraction


def in_numpy(code, exponent_bits, mantissa_bits):
    """Divide instead of shifting."""
    rest, fraction = divmod(code, 2**mantissa_bits)
    sign, exponent = divmod(rest, 2**exponent_bits)
    scaled = fraction / 2**mantissa_bits + min(exponent, 1)
    return np.copysign(np.ldexp(scaled, max(exponent, 1) + 1 - 2 ** (exponent_bits - 1)), -sign or 1)


def by_search(x):
    """Find the interval, with ties by the side."""
    size = np.minimum(np.abs(x), 6)
    middles = (SIZES[1:] + SIZES[:-1]) / 2
    left, right = np.searchsorted(middles, size), np.searchsorted(middles, size, side="right")
    return np.copysign(SIZES[np.where(left % 2 == 0, left, right)], x)


def by_spacing(x):
    """Round to the spacing of each range, which is half, one or two."""
    size = np.minimum(np.abs(x).astype("float64"), 6)
    spacing = np.where(size < 2, 0.5, np.where(size < 4, 1, 2))
    return np.copysign(np.minimum(np.rint(size / spacing) * spacing, 6), x)


ATTEMPTS = {
    "20.1": {"text": by_text, "Fraction": exactly, "numpy": in_numpy},
    "20.2": {
        "search": by_search,
        "spacing": by_spacing,
        "ml_dtypes": lambda x: x.astype(ml_dtypes.float4_e2m1fn).astype("float32"),
    },
    "20.3": {
        "logarithm": lambda b: (
            2.0 ** min(max(floor(log2(np.max(np.abs(b)))) - 2, -127), 127) if np.any(b) else 2.0**-127
        ),
        "frexp": lambda b: ldexp(1.0, max(min(frexp(float(abs(b).max()))[1] - 3, 127), -127) if b.any() else -127),
        "clip": lambda b: np.exp2(np.clip(np.floor(np.log2(np.max(np.abs(b)).astype("float64"))) - 2, -127, 127)),
    },
}
