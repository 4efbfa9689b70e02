"""Exercises of lesson 20: bits to a value, four-bit floats, and the scale of a block."""

from __future__ import annotations

import math

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


def _signed_largest(block: np.ndarray) -> float:
    return _scale(np.maximum(np.max(block), 0.0))


def _nvidias(block: np.ndarray) -> float:
    return max(float(np.max(np.abs(block))) / 6, 2.0**-127)


EXERCISES = [
    Exercise(
        "20.1",
        _decode,
        mistakes=[
            Mistake(
                "no subnormals",
                _always_normal,
                "with exponent 0 you still put a one before the fraction; it is left out there, or zero could not be",
            ),
            Mistake(
                "subnormals too small",
                _too_low,
                "your subnormals are half as large as they should be: with exponent 0 the power is 2^(1 − bias)",
            ),
            Mistake(
                "other bias", _other_bias, "everything is half as large as it should be: the bias is 2^(E − 1) − 1"
            ),
            Mistake("no bias", _no_bias, "you take the exponent field as it stands; subtract the bias from it"),
            Mistake("no sign", _no_sign, "your numbers are never negative: the topmost bit is the sign"),
        ],
        cases=[
            ("zero", (0, 4, 3)),
            ("the smallest subnormal", (1, 4, 3)),
            ("the largest subnormal", (7, 4, 3)),
            ("the smallest normal", (8, 4, 3)),
            ("one", (0b0_0111_000, 4, 3)),
            ("negative", (0b1_1010_101, 4, 3)),
            ("float16", (0b0_01011_1001100110, 5, 10)),
            ("float4, its largest", (0b0111, 2, 1)),
            ("float4, negative subnormal", (0b1001, 2, 1)),
        ],
    ),
    Exercise(
        "20.2",
        lambda x: cast(x, "float4_e2m1"),
        mistakes=[
            Mistake(
                "halves down",
                _nearest_first,
                "argmin takes the first of two as near; a half goes to the even pattern: 0.75 to 1, but 2.5 to 2",
            ),
            Mistake(
                "halves up",
                _nearest_last,
                "you round halves up; a half goes to the even pattern: 0.75 to 1, but 0.25 to 0",
            ),
            Mistake("no sign", _unsigned, "the sign is lost: put it back with np.copysign"),
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
                "this brings the largest number between 1 and 2, and wastes e2m1's upper half: take 2 off the exponent",
            ),
            Mistake(
                "rounded up",
                lambda block: _scale(block, up=True),
                "you round the logarithm up; the standard rounds it down",
            ),
            Mistake("signed", _signed_largest, "a large negative number counts too: take the largest of np.abs(block)"),
            Mistake("divided by six", _nvidias, "that is NVFP4's way; an MX scale is a power of two"),
        ],
        cases=[
            ("random", (_RANDOM[0],)),
            ("small weights", (_RANDOM[1] * 0.01,)),
            ("the largest is negative", (np.array([0.1, -5.0, 0.3], dtype="float32"),)),
            ("all negative", (np.array([-0.7, -0.2], dtype="float32"),)),
            ("a power of two", (np.array([8.0, 1.0], dtype="float32"),)),
            ("all equal", (np.full(32, 0.3, dtype="float32"),)),
            ("one number", (np.array([3.0], dtype="float32"),)),
            ("zeros", (np.zeros(32, dtype="float32"),)),
            ("very small", (np.array([1e-38], dtype="float32"),)),
        ],
    ),
]
