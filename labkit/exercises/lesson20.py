"""Exercises of lesson 20: bits to a value, four-bit floats, and the scale of a block."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from labkit.exercises.framework import Exercise, Mistake
from labkit.methods.numerics import cast

_RNG = np.random.default_rng(20)
_SIZES = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
_RANDOM = _RNG.normal(scale=3, size=(5, 9)).astype("float32")
_MIDDLES = ((_SIZES[1:] + _SIZES[:-1]) / 2).astype("float32")


def _decode(code: int, exponent_bits: int, mantissa_bits: int) -> float:
    return _decoded(code, exponent_bits, mantissa_bits, 2 ** (exponent_bits - 1) - 1)


def _decoded(
    code: int,
    exponent_bits: int,
    mantissa_bits: int,
    bias: int,
    hidden: bool = False,
    lowest: int = 1,
    signed: bool = True,
) -> float:
    sign = -1.0 if signed and code >> (exponent_bits + mantissa_bits) else 1.0
    exponent = code >> mantissa_bits & (2**exponent_bits - 1)
    fraction = (code & (2**mantissa_bits - 1)) / 2**mantissa_bits
    leading = 1 if exponent or hidden else 0
    return sign * 2.0 ** ((exponent or lowest) - bias) * (leading + fraction)


def _always_normal(code: int, exponent_bits: int, mantissa_bits: int) -> float:
    return _decoded(code, exponent_bits, mantissa_bits, 2 ** (exponent_bits - 1) - 1, hidden=True, lowest=0)


def _too_low(code: int, exponent_bits: int, mantissa_bits: int) -> float:
    return _decoded(code, exponent_bits, mantissa_bits, 2 ** (exponent_bits - 1) - 1, lowest=0)


def _other_bias(code: int, exponent_bits: int, mantissa_bits: int) -> float:
    return _decoded(code, exponent_bits, mantissa_bits, 2 ** (exponent_bits - 1))


def _no_bias(code: int, exponent_bits: int, mantissa_bits: int) -> float:
    return _decoded(code, exponent_bits, mantissa_bits, 0)


def _no_sign(code: int, exponent_bits: int, mantissa_bits: int) -> float:
    return _decoded(code, exponent_bits, mantissa_bits, 2 ** (exponent_bits - 1) - 1, signed=False)


def _nearest_first(x: np.ndarray) -> np.ndarray:
    return np.copysign(_SIZES[np.abs(np.abs(x)[..., None] - _SIZES).argmin(axis=-1)], x)


def _nearest_last(x: np.ndarray) -> np.ndarray:
    return np.copysign(_SIZES[7 - np.abs(np.abs(x)[..., None] - _SIZES[::-1]).argmin(axis=-1)], x)


def _unsigned(x: np.ndarray) -> np.ndarray:
    return np.abs(cast(x, "float4_e2m1"))


def _zero_unsigned(x: np.ndarray) -> np.ndarray:
    return cast(x, "float4_e2m1") + 0.0


def _unclipped(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) > 6, x, cast(x, "float4_e2m1"))


def _cut(x: np.ndarray) -> np.ndarray:
    return cast(x, "float4_e2m1", "toward_zero")


def _evenly(x: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(2 * np.asarray(x)) / 2, -6, 6)


def _scale(block: np.ndarray, less: int = 2, up: bool = False) -> float:
    largest = float(np.max(np.abs(block)))
    if largest == 0:
        return 2.0**-127
    fraction, exponent = math.frexp(largest)
    floor = exponent if up and fraction > 0.5 else exponent - 1
    return 2.0 ** min(max(floor - less, -127), 127)


def _by(rounding: Callable[[float], int]) -> Callable[[np.ndarray], float]:
    """Return the exercise's function with another rounding of the logarithm."""

    def scale(block: np.ndarray) -> float:
        largest = float(np.max(np.abs(block)))
        return 2.0 ** min(max(rounding(math.log2(largest)) - 2, -127), 127) if largest else 2.0**-127

    return scale


def _never_clipped(block: np.ndarray) -> float:
    largest = float(np.max(np.abs(block)))
    return 2.0 ** min(max(math.ceil(math.log2(largest / 6)), -127), 127) if largest else 2.0**-127


def _zeros_forgotten(block: np.ndarray) -> float:
    return 2.0 ** min(max(math.floor(math.log2(float(np.max(np.abs(block))))) - 2, -127), 127)


def _unlimited(block: np.ndarray) -> float:
    largest = float(np.max(np.abs(block)))
    return 2.0 ** (math.floor(math.log2(largest)) - 2) if largest else 2.0**-127


def _signed_largest(block: np.ndarray) -> float:
    return _scale(np.maximum(np.max(block), 0.0))


def _nvidias(block: np.ndarray) -> float:
    return max(float(np.max(np.abs(block))) / 6, 2.0**-127)


EXERCISES = [
    Exercise(
        "20.1",
        _decode,
        signed_zero=True,
        mistakes=[
            Mistake(
                "no subnormals",
                _always_normal,
                "an exponent field of 0 has no leading one; with it, zero would have no pattern",
            ),
            Mistake(
                "subnormals too small",
                _too_low,
                "your subnormals are half as large as they should be: with exponent 0 the power is 2^(1 − bias)",
            ),
            Mistake(
                "other bias", _other_bias, "everything is half as large as it should be: the bias is 2^(E − 1) − 1"
            ),
            Mistake("no bias", _no_bias, "you use the exponent field itself; subtract the bias from it"),
            Mistake("no sign", _no_sign, "your numbers are never negative: the topmost bit is the sign"),
        ],
        cases=[
            ("zero", (0, 4, 3)),
            ("the smallest subnormal", (1, 4, 3)),
            ("the largest subnormal", (7, 4, 3)),
            ("the smallest normal", (8, 4, 3)),
            ("one", (0b0_0111_000, 4, 3)),
            ("negative", (0b1_1010_101, 4, 3)),
            ("negative zero", (0b1_0000_000, 4, 3)),
            ("bfloat16", (0b1_11100101_1010001, 8, 7)),
            ("bfloat16, a subnormal", (0b0_00000000_1010001, 8, 7)),
            ("three exponent bits, two mantissa bits", (0b1_101_11, 3, 2)),
            ("no mantissa bits", (0b0_10100, 5, 0)),
            ("eight mantissa bits", (0b0_110100_10101011, 6, 8)),
            ("float16", (0b0_01011_1001100110, 5, 10)),
            ("float4, its largest", (0b0111, 2, 1)),
            ("float4, negative subnormal", (0b1001, 2, 1)),
        ],
    ),
    Exercise(
        "20.2",
        lambda x: cast(x, "float4_e2m1"),
        signed_zero=True,
        mistakes=[
            Mistake(
                "halves down",
                _nearest_first,
                "argmin takes the first of two; halfway, take the even pattern: 0.75 to 1, but 2.5 to 2",
            ),
            Mistake(
                "halves up",
                _nearest_last,
                "you round up halfway between two; take the even pattern: 0.75 to 1, but 0.25 to 0",
            ),
            Mistake("no sign", _unsigned, "the sign is lost: put it back with np.copysign"),
            Mistake("zero's sign", _zero_unsigned, "a negative value that becomes zero is −0: use np.copysign"),
            Mistake("not clipped", _unclipped, "values above 6 become 6: the format has no larger one"),
            Mistake("cut", _cut, "you take the size below; take the nearest"),
            Mistake(
                "evenly spaced",
                _evenly,
                "you round to halves throughout; above 2 the sizes are 3, 4 and 6, since the spacing doubles",
            ),
        ],
        cases=[
            ("random", (_RANDOM,)),
            ("halves", (_MIDDLES,)),
            ("negative halves", (-_MIDDLES,)),
            ("a hair below the halves", (np.nextafter(_MIDDLES, np.float32(0)),)),
            ("a hair above the halves", (np.nextafter(_MIDDLES, np.float32(9)),)),
            ("zeros of both signs", (np.array([0.0, -0.0, -0.1, 0.1], dtype="float32"),)),
            ("past the largest", (np.array([6.0, 7.0, -9.0, 1e30], dtype="float32"),)),
            ("the sizes themselves", (_SIZES.astype("float32"),)),
            ("all equal", (np.full((2, 2), 0.3, dtype="float32"),)),
            ("one number", (np.array([-4.9], dtype="float32"),)),
            ("empty", (np.zeros(0, dtype="float32"),)),
        ],
    ),
    Exercise(
        "20.3",
        _scale,
        mistakes=[
            Mistake(
                "the element forgotten",
                lambda block: _scale(block, less=0),
                "this wastes the upper half of e2m1, whose largest power of two is 4: subtract 2 from the exponent",
            ),
            Mistake(
                "rounded up",
                lambda block: _scale(block, up=True),
                "you round the logarithm up; the standard rounds it down",
            ),
            Mistake(
                "never clipped",
                _never_clipped,
                "you raise the scale so that nothing is clipped; the standard rounds the logarithm down in any case",
            ),
            Mistake("to nearest", _by(round), "you round the logarithm to the nearest integer; round it down"),
            Mistake(
                "toward zero",
                _by(int),
                "int cuts toward zero, which rounds the negative logarithms of numbers below 1 up: round down",
            ),
            Mistake("zeros", _zeros_forgotten, "zero has no logarithm: return 2^−127 for a block of zeros first"),
            Mistake("not limited", _unlimited, "the exponent of the scale ends at −127: limit it"),
            Mistake("signed", _signed_largest, "a large negative number counts too: take the largest of np.abs(block)"),
            Mistake("divided by six", _nvidias, "this is the rule of NVFP4; an MX scale is a power of two"),
        ],
        cases=[
            ("random", (_RANDOM[0],)),
            ("small weights", (_RANDOM[1] * 0.01,)),
            ("the largest is negative", (np.array([0.1, -5.0, 0.3], dtype="float32"),)),
            ("all negative", (np.array([-0.7, -0.2], dtype="float32"),)),
            ("the largest is clipped: 7", (np.array([1.0, 7.0, -2.0], dtype="float32"),)),
            ("the largest is clipped: 0.9", (np.array([0.9, -0.3], dtype="float32"),)),
            ("the largest is clipped: 1.9", (np.array([-1.9, 0.3], dtype="float32"),)),
            ("near the smallest number", (np.array([3e-28, -1e-28], dtype="float32"),)),
            ("near the largest number", (np.array([3e38, 1.0], dtype="float32"),)),
            ("a power of two", (np.array([8.0, 1.0], dtype="float32"),)),
            ("all equal", (np.full(32, 0.3, dtype="float32"),)),
            ("one number", (np.array([3.0], dtype="float32"),)),
            ("zeros", (np.zeros(32, dtype="float32"),)),
            ("very small", (np.array([1e-38], dtype="float32"),)),
        ],
    ),
]
