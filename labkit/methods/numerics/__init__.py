"""Cast numbers to narrower formats: ``cast(x, "bfloat16")`` and twenty-one other formats.

Belongs here: number formats, roundings and blocks that share a scale, each equal to a reference implementation.
Does not belong here: scales chosen from data (`labkit.methods.quantize`) and sums in narrow formats
(`labkit.methods.dither`, `labkit.methods.integer`).

Nearest-even equals ml_dtypes, and the other roundings equal gfloat, on every value, with these exceptions:

- **NaN in a format without NaN** (float6, float4, the integers) raises UsageError. ml_dtypes gives a zero, which hides
  that something went wrong; gfloat raises.
- **Overflow in a format with neither NaN nor infinity** takes the largest value of that sign, as ml_dtypes does for its
  floats, whatever ``saturate`` says; gfloat raises. ml_dtypes' integers wrap around and cut towards zero, as C does;
  ours round and saturate, as ONNX does.
- **e8m0** has no sign and no zero: zero and what is negative become NaN, as in ml_dtypes, and what is positive and
  below the smallest power becomes that power, in every rounding. Nearest takes halves up, as ml_dtypes does; gfloat
  takes the even exponent. Between 2^-127 and 1.5 × 2^-127, ml_dtypes 0.6 gives 2^-126, the farther of the two
  neighbours; ours gives the nearer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from labkit.base.errors import UsageError
from labkit.methods.numerics.blocks import cast_blocks
from labkit.methods.numerics.formats import FORMATS, Format, block_format, decode, encode, find, midpoints, values
from labkit.methods.numerics.rounding import ROUNDINGS, round_to, rounder

__all__ = [
    "FORMATS",
    "ROUNDINGS",
    "Format",
    "bits",
    "block_format",
    "cast",
    "cast_blocks",
    "decode",
    "encode",
    "find",
    "midpoints",
    "values",
]

_AT_ONCE = 8192  # numbers rounded at a time: their float64 and its few copies stay in the processor's cache


def cast(
    x: Any,
    format: Any,
    rounding: str = "nearest_even",
    saturate: bool = False,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Round *x* to the values of *format*; return float32 of *x*'s shape.

    *x*: numbers of any shape, float or whole; float64 is rounded once, straight to the format. *format*: a name of
    `FORMATS`, an ml_dtypes name or type, or a `Format`; block formats share a scale along the last axis (see
    `blocks`). *rounding*: nearest_even, nearest_away, toward_zero, up, down, or stochastic (which draws from *rng*).
    What is past the largest value becomes infinity, or NaN in a format without infinity, or with *saturate* (and in a
    format that has neither) the largest value; rounding toward zero and away from that end stop at it.

    Raises UsageError for an unknown format or rounding, stochastic without *rng*, complex numbers, and NaN in a format
    that has none.

    >>> cast([0.1, 3e38, 70000.0], "float16").tolist()
    [0.0999755859375, inf, inf]
    """
    known, round_whole = find(format), rounder(rounding, rng)
    numbers = np.asarray(x)
    if numbers.dtype.kind in "cOSUTMm":
        raise UsageError(f"x is of type {numbers.dtype}, but must hold real numbers.")
    result = np.empty(numbers.shape, dtype=np.float32)
    flat, target = np.ascontiguousarray(numbers).reshape(-1), result.reshape(-1)
    with np.errstate(invalid="ignore", over="ignore"):  # a signalling NaN is no news, nor an infinity in float32
        if known.kind == "block":
            return cast_blocks(numbers, known, rounding, rng)
        for start in range(0, flat.size, _AT_ONCE):
            part = flat[start : start + _AT_ONCE].astype(np.float64)
            target[start : start + _AT_ONCE] = round_to(part, known, rounding, round_whole, saturate)
    return result


def bits(number: float, format: Any, rounding: str = "nearest_even") -> dict[str, str]:
    """Return how *format* writes *number*: its name, the bits of sign, exponent and mantissa, the value, the relative
    error.

    All are text, ready for a table. Whole numbers have all their bits under mantissa. The error is "–" for 0, and where
    the result is not finite. Raises UsageError as `cast` does, for stochastic rounding and for block formats.

    >>> bits(1.5, "float8_e4m3fn")["mantissa"]
    '100'
    """
    known = find(format)
    result = cast(number, known, rounding)
    pattern = f"{int(encode(result, known)):0{known.bits}b}"
    start = int(known.signed and known.kind == "float")
    end = start + known.exponent_bits
    fields = {"sign": pattern[:start], "exponent": pattern[start:end], "mantissa": pattern[end:]}
    relative = f"{abs(float(result) - number) / abs(number):.2g}" if number and np.isfinite(result) else "–"
    return {"format": known.name, **fields, "value": f"{float(result):.9g}", "relative error": relative}
