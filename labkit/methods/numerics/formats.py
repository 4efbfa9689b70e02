"""Number formats: the number of bits, their fields, and the value of each bit pattern.

A float of sign s, exponent field e and mantissa field f (of m bits) is, with the format's bias b,

    (−1)^s × 2^(e − b) × (1 + f / 2^m)      e > 0: normal, a leading 1 that is not stored
    (−1)^s × 2^(1 − b) × f / 2^m            e = 0: subnormal, evenly spaced down to zero

Sources: IEEE 754-2019 (float32, float16, and the rule behind bfloat16, float8_e5m2, float8_e4m3, float8_e3m4); OCP
8-bit Floating Point v1.0 (float8_e4m3fn, float8_e5m2); OCP Microscaling Formats (MX) v1.0 (float6, float4, e8m0 and the
MX blocks); NVIDIA (NVFP4). "fn" means finite: no infinities, so that the top exponent holds numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from labkit.base import checks
from labkit.base.errors import UsageError, one_of

_LISTED = 16  # bits: the list of all values of a wider format would have 4 billion entries


@dataclass(frozen=True)
class Format:
    """One number format. *kind*: float (sign, exponent, mantissa), integer (two's complement), power (e8m0) or block.

    ``special``: what the top exponent stands for: "infinity" (infinities and NaN, as in IEEE 754), "nan" (the last
    pattern alone is NaN) or "none" (numbers throughout). A block format has *block* values of the format ``element``
    that share one scale of the format ``scale``.
    """

    name: str
    kind: str
    bits: int
    exponent_bits: int = 0
    mantissa_bits: int = 0
    bias: int = 0
    special: str = "none"
    signed: bool = True
    ml_dtype: str = ""
    element: Format | None = None
    scale: Format | None = None
    block: int = 1

    @property
    def bits_per_value(self) -> float:
        """Return the bits that one value takes, its part of the shared scale included."""
        return self.bits + (self.scale.bits / self.block if self.scale else 0.0)

    @property
    def has_infinity(self) -> bool:
        """Return whether it has infinities."""
        return self.special == "infinity"

    @property
    def has_nan(self) -> bool:
        """Return whether it has a pattern for "not a number"."""
        return self.special != "none"

    @property
    def max(self) -> float:
        """Return the largest finite value; of a block format, the largest element under the largest scale."""
        if self.element and self.scale:
            return self.element.max * self.scale.max
        if self.kind == "integer":
            return (2 ** (self.bits - self.signed) - 1) * self.epsilon
        taken = {"infinity": 2**self.mantissa_bits, "nan": 1, "none": 0}[self.special]  # patterns that are no numbers
        last = 2 ** (self.exponent_bits + self.mantissa_bits) - 1 - taken
        exponent, mantissa = divmod(last, 2**self.mantissa_bits)
        return (1 + mantissa * self.epsilon) * 2.0 ** (exponent - self.bias)

    @property
    def min(self) -> float:
        """Return the lowest finite value: −max for floats, −128 for int8, 0 for uint8, the smallest power for e8m0."""
        if self.kind == "integer" and not self.mantissa_bits:  # MX leaves the −2 of its element unused
            return -(self.max + 1) if self.signed else 0.0
        return -self.max if self.signed else self.smallest

    @property
    def smallest_normal(self) -> float:
        """Return the smallest value above zero from which on the relative precision is full (1 for whole numbers)."""
        if self.element and self.scale:
            return self.element.smallest_normal * self.scale.smallest_normal
        return 1.0 if self.kind == "integer" else 2.0**self.lowest_exponent

    @property
    def smallest(self) -> float:
        """Return the smallest value above zero: the last subnormal."""
        if self.element and self.scale:
            return self.element.smallest * self.scale.smallest
        return 2.0 ** (self.lowest_exponent - self.mantissa_bits)

    @property
    def epsilon(self) -> float:
        """Return the machine epsilon: the distance from 1 to the next value above it (of the element, in a block
        format)."""
        return self.element.epsilon if self.element else 2.0**-self.mantissa_bits

    @property
    def lowest_exponent(self) -> int:
        """Return the exponent below which the spacing shrinks no more."""
        return 1 - self.bias if self.kind == "float" else -self.bias


def _float(name: str, exponent: int, mantissa: int, special: str, ml_dtype: str = "") -> Format:
    bias = 2 ** (exponent - 1) - 1
    return Format(name, "float", 1 + exponent + mantissa, exponent, mantissa, bias, special, True, ml_dtype or name)


def _integer(name: str, bits: int, signed: bool = True) -> Format:
    return Format(name, "integer", bits, signed=signed, ml_dtype=name)


def _block(name: str, element: Format, scale: Format, block: int) -> Format:
    return Format(name, "block", element.bits, element=element, scale=scale, block=block)


_E4M3FN, _E5M2 = _float("float8_e4m3fn", 4, 3, "nan"), _float("float8_e5m2", 5, 2, "infinity")
_E3M2, _E2M3 = (
    _float("float6_e3m2", 3, 2, "none", "float6_e3m2fn"),
    _float("float6_e2m3", 2, 3, "none", "float6_e2m3fn"),
)
_E2M1 = _float("float4_e2m1", 2, 1, "none", "float4_e2m1fn")
_E8M0 = Format("e8m0", "power", 8, 8, 0, 127, "nan", False, "float8_e8m0fnu")
_INT8_64THS = Format("int8 in 64ths", "integer", 8, mantissa_bits=6)  # MXINT8: one bit before the point, six after it

FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        _float("float32", 8, 23, "infinity"),
        _float("float16", 5, 10, "infinity"),
        _float("bfloat16", 8, 7, "infinity"),
        _float("float8_e4m3", 4, 3, "infinity"),
        _E4M3FN,
        _E5M2,
        _float("float8_e3m4", 3, 4, "infinity"),
        _E3M2,
        _E2M3,
        _E2M1,
        _E8M0,
        _integer("int8", 8),
        _integer("uint8", 8, signed=False),
        _integer("int4", 4),
        _integer("int2", 2),
        _block("mxfp8_e4m3", _E4M3FN, _E8M0, 32),
        _block("mxfp8_e5m2", _E5M2, _E8M0, 32),
        _block("mxfp6_e3m2", _E3M2, _E8M0, 32),
        _block("mxfp6_e2m3", _E2M3, _E8M0, 32),
        _block("mxfp4", _E2M1, _E8M0, 32),
        _block("mxint8", _INT8_64THS, _E8M0, 32),
        _block("nvfp4", _E2M1, _E4M3FN, 16),
    )
}
_OTHER_NAMES = {each.ml_dtype: name for name, each in FORMATS.items() if each.ml_dtype}
_OTHER_NAMES |= {name.partition("_")[2]: name for name in FORMATS if name.startswith("float") and "_" in name}
_OTHER_NAMES |= {"mxfp8": "mxfp8_e4m3", "mxfp6": "mxfp6_e2m3"}


def block_format(element: Any, block: int, scale: Any = "e8m0") -> Format:
    """Return the block format of *block* values of the format *element* that share one scale of the format *scale*.

    With int8, the element is MXINT8's. ``block_format("float4_e2m1", 32)`` is MXFP4 under another name; other elements
    and sizes give formats that no standard has, to change one thing at a time. Raises UsageError for a block below 1.

    >>> block_format("float4_e2m1", 16).bits_per_value
    4.5
    """
    known = find(element)
    size = checks.whole("block", block, 1)
    name = f"{known.name} in blocks of {size}"
    return _block(name, _INT8_64THS if known.name == "int8" else known, find(scale), size)


def midpoints(format: Any) -> np.ndarray:
    """Return the midpoints between neighbouring values of *format*, and the float32 numbers just below and above each.

    A wrong rounding shows there first. Raises UsageError as `values` does.

    >>> midpoints("int2").tolist()[::3]
    [-1.5, -0.5, 0.5]
    """
    listed = values(format)
    middle = listed[:-1] / 2 + listed[1:] / 2
    below, above = (np.nextafter(middle, np.float32(end)) for end in (-np.inf, np.inf))
    return np.stack([middle, below, above], axis=1).reshape(-1)


def find(name: Any) -> Format:
    """Return the format *name*: one of `FORMATS`, its ml_dtypes name or type, a short "e4m3fn"; capitals do not matter.

    "MXFP8" alone means its e4m3 variant, "MXFP6" its e2m3. Raises UsageError, naming the nearest, for another.
    """
    if isinstance(name, Format):
        return name
    text = (name if isinstance(name, str) else np.dtype(name).name).lower()
    return FORMATS[one_of("number format", _OTHER_NAMES.get(text, text), FORMATS)]


def values(format: Any) -> np.ndarray:
    """Return every finite value of *format* once, ascending, float32 (both zeros are one); of a block format, its
    element's.

    Raises UsageError for float32, which has four billion.
    """
    known = find(format)
    known = known.element or known
    if known.bits > _LISTED:
        raise UsageError(f"{known.name} has too many values to list: choose a format of at most {_LISTED} bits.")
    if known.kind == "integer":
        return np.arange(known.min, known.max + known.epsilon, known.epsilon, dtype=np.float32)
    numbers = decode(np.arange(2**known.bits), known)
    return np.unique(numbers[np.isfinite(numbers)] + np.float32(0))  # + 0 makes −0 to 0


def decode(codes: Any, format: Any) -> np.ndarray:
    """Return what the bit patterns *codes* (whole numbers 0 … 2^bits − 1) stand for, float32 of their shape.

    Raises UsageError for a block format (its scale stands apart), and for codes of more bits than the format has.
    """
    known = _single(format)
    codes = np.asarray(codes).astype(np.int64)
    if codes.size and not 0 <= codes.min() <= codes.max() < 2**known.bits:
        raise UsageError(f"{known.name} has {known.bits} bits: give patterns from 0 to {2**known.bits - 1}.")
    if known.kind == "integer":
        return np.where(known.signed & (codes >> (known.bits - 1)), codes - 2**known.bits, codes).astype(np.float32)
    exponent = codes >> known.mantissa_bits & (2**known.exponent_bits - 1)
    mantissa = codes & (2**known.mantissa_bits - 1)
    normal = (exponent > 0) | (known.kind == "power")
    number = np.ldexp(normal + mantissa * known.epsilon, np.where(normal, exponent, 1) - known.bias)
    magnitude = codes & (2 ** (known.bits - known.signed) - 1)
    if known.special == "infinity":
        number = np.where(exponent == 2**known.exponent_bits - 1, np.where(mantissa == 0, np.inf, np.nan), number)
    elif known.special == "nan":
        number = np.where(magnitude == 2 ** (known.bits - known.signed) - 1, np.nan, number)
    return np.where(known.signed & (codes >> (known.bits - 1)), -number, number).astype(np.float32)


def encode(numbers: Any, format: Any) -> np.ndarray:
    """Return the bit patterns of *numbers* that the format has (round them with `numerics.cast` first), int64 of their
    shape.

    NaN gets the pattern with all bits after the sign set. Raises UsageError for a number the format does not have.
    """
    known = _single(format)
    with np.errstate(invalid="ignore"):  # a signalling NaN is no news
        numbers = np.asarray(numbers, dtype=np.float32).astype(np.float64)
    size, sign = np.abs(numbers), np.signbit(numbers) if known.signed else np.zeros(numbers.shape, dtype=bool)
    finite = np.isfinite(numbers)
    if known.kind == "integer":
        codes = np.where(finite, numbers, 0).astype(np.int64) & (2**known.bits - 1)
    else:
        with np.errstate(divide="ignore"):
            exponent = np.where(finite & (size > 0), np.frexp(size)[1] - 1, known.lowest_exponent)
        exponent = np.maximum(exponent, known.lowest_exponent)
        steps = np.ldexp(np.where(finite, size, 0), known.mantissa_bits - exponent)  # 2^m and more: normal
        codes = (exponent - known.lowest_exponent << known.mantissa_bits) + steps.astype(np.int64)
        codes -= known.kind == "power"
        infinite = 2**known.exponent_bits - 1 << known.mantissa_bits
        codes = np.where(np.isinf(numbers) & known.has_infinity, infinite, codes)
        codes = np.where(np.isnan(numbers) & known.has_nan, 2 ** (known.bits - known.signed) - 1, codes)
        codes = np.clip(codes, 0, 2 ** (known.bits - known.signed) - 1) + (sign.astype(np.int64) << (known.bits - 1))
    if not np.array_equal(decode(codes, known), numbers, equal_nan=True):
        raise UsageError(f"Some of the numbers are not among the values of {known.name}: round them with cast first.")
    return codes


def _single(format: Any) -> Format:
    known = find(format)
    if known.kind == "block":
        raise UsageError(
            f"{known.name} has no bit pattern per value, since a block shares its scale: use its element format."
        )
    return known
