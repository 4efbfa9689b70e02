"""Exercises of lesson 40: scale and zero point, the round trip through int8, and from int32 sums to int8."""

from __future__ import annotations

import math

import numpy as np

from labkit.exercises.framework import Exercise, Mistake
from labkit.methods import integer, quantize

_RNG = np.random.default_rng(40)
_RANDOM = _RNG.normal(size=(6, 5)).astype("float32")
_SUMS = _RNG.integers(-60_000, 60_000, (8, 4), dtype=np.int32)
_SCALES = np.array([0.002, 0.004, 0.001, 0.0007], dtype="float32")
_ODD = np.arange(-11, 13, 2, dtype=np.int32).reshape(6, 2)
_CLOSE = np.array([[31560, 180350], [31565, 180375]], dtype=np.int32)  # 50.496 and 50.498, 50.504 and 50.505
_LOW, _HIGH = -128, 127


def _affine(low: float, high: float) -> tuple[float, int]:
    scale, zero_point = quantize.affine_parameters(low, high)
    return float(scale), int(zero_point)


def _not_widened(low: float, high: float) -> tuple[float, int]:
    if low == high:
        return 1.0, _LOW
    scale = (high - low) / 255
    return scale, round(_LOW - low / scale)


def _unsigned(low: float, high: float) -> tuple[float, int]:
    scale, zero_point = _affine(low, high)
    return scale, zero_point + 128


def _levels(low: float, high: float) -> tuple[float, int]:
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / 256 or 1.0
    return scale, round(_LOW - low / scale)


def _fewer_steps(low: float, high: float) -> tuple[float, int]:
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / 254 or 1.0
    return scale, round(_LOW - low / scale)


def _exact_zero_point(low: float, high: float) -> tuple[float, float]:
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / 255 or 1.0
    return scale, _LOW - low / scale


def _zero_point_cut(low: float, high: float) -> tuple[float, int]:
    scale, zero_point = _exact_zero_point(low, high)
    return scale, int(zero_point)


def _zero_point_down(low: float, high: float) -> tuple[float, int]:
    scale, zero_point = _exact_zero_point(low, high)
    return scale, math.floor(zero_point)


def _zero_range(low: float, high: float) -> tuple[float, int]:
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / 255
    return scale, round(_LOW - low / scale)


def _symmetric(low: float, high: float) -> tuple[float, int]:
    return (max(abs(low), abs(high)) / 127 or 1.0), 0


def _swapped(low: float, high: float) -> tuple[float, int]:
    scale, _ = _affine(low, high)
    return scale, round(_LOW + min(low, 0.0) / scale)


def _round_trip(x: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    return quantize.dequantize(quantize.quantize(x, scale, zero_point), scale, zero_point)


def _unclipped(x: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    return scale * np.round(x / scale)


def _truncated(x: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    return scale * (np.clip(np.trunc(x / scale) + zero_point, _LOW, _HIGH) - zero_point)


def _clipped_first(x: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    return scale * np.clip(np.round(x / scale), _LOW, _HIGH)


def _not_shifted_back(x: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    return scale * np.clip(np.round(x / scale) + zero_point, _LOW, _HIGH)


def _halves_up(x: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    return scale * (np.clip(np.floor(x / scale + 0.5) + zero_point, _LOW, _HIGH) - zero_point)


def _factors(input_scale: float, weight_scales: np.ndarray, output_scale: float) -> np.ndarray:
    return np.asarray(weight_scales, dtype=np.float64) * input_scale / output_scale


def _requantize(
    sums: np.ndarray, input_scale: float, weight_scales: np.ndarray, output_scale: float, zero_point: int
) -> np.ndarray:
    return integer.requantize(sums, _factors(input_scale, weight_scales, output_scale), zero_point)


def _wrapped(
    sums: np.ndarray, input_scale: float, weight_scales: np.ndarray, output_scale: float, zero_point: int
) -> np.ndarray:
    scaled = np.round(sums * _factors(input_scale, weight_scales, output_scale)) + zero_point
    return scaled.astype(np.int64).astype(np.int8)


def _one_scale(
    sums: np.ndarray, input_scale: float, weight_scales: np.ndarray, output_scale: float, zero_point: int
) -> np.ndarray:
    return _requantize(sums, input_scale, np.full_like(weight_scales, weight_scales[0]), output_scale, zero_point)


def _no_output_scale(
    sums: np.ndarray, input_scale: float, weight_scales: np.ndarray, output_scale: float, zero_point: int
) -> np.ndarray:
    return _requantize(sums, input_scale, weight_scales, 1.0, zero_point)


def _rounded_last(
    sums: np.ndarray, input_scale: float, weight_scales: np.ndarray, output_scale: float, zero_point: int
) -> np.ndarray:
    scaled = sums * _factors(input_scale, weight_scales, output_scale) + zero_point
    return np.clip(np.round(scaled), _LOW, _HIGH).astype(np.int8)


def _clipped_sums(
    sums: np.ndarray, input_scale: float, weight_scales: np.ndarray, output_scale: float, zero_point: int
) -> np.ndarray:
    scaled = np.clip(np.round(sums * _factors(input_scale, weight_scales, output_scale)), _LOW, _HIGH) + zero_point
    return scaled.astype(np.int64).astype(np.int8)


def _no_zero_point(
    sums: np.ndarray, input_scale: float, weight_scales: np.ndarray, output_scale: float, zero_point: int
) -> np.ndarray:
    return _requantize(sums, input_scale, weight_scales, output_scale, 0)


def _cut(
    sums: np.ndarray, input_scale: float, weight_scales: np.ndarray, output_scale: float, zero_point: int
) -> np.ndarray:
    scaled = sums * _factors(input_scale, weight_scales, output_scale) + zero_point
    return np.clip(scaled, _LOW, _HIGH).astype(np.int8)


EXERCISES = [
    Exercise(
        "40.1",
        _affine,
        mistakes=[
            Mistake(
                "not widened",
                _not_widened,
                "a range that lies on one side of zero cannot store zero: widen it with min(low, 0) and max(high, 0)",
            ),
            Mistake("unsigned", _unsigned, "your zero point is that of uint8, 0 to 255; int8 begins at -128"),
            Mistake("levels", _levels, "256 integers have 255 steps between them: divide the range by 255"),
            Mistake(
                "254 steps", _fewer_steps, "254 steps lose one of the integers: from −128 to 127 there are 255 steps"
            ),
            Mistake("cut", _zero_point_cut, "int cuts the zero point toward zero; round it to the nearest integer"),
            Mistake(
                "rounded down",
                _zero_point_down,
                "the zero point is rounded down in yours; round it to the nearest integer",
            ),
            Mistake("zero range", _zero_range, "a range of zero alone has scale 0 in yours, and then divides by it"),
            Mistake(
                "symmetric",
                _symmetric,
                "yours is symmetric quantization, which wastes steps: use both ends, low and high",
            ),
            Mistake("sign", _swapped, "the sign of low is lost: the zero point is -128 - low / scale"),
        ],
        cases=[
            ("random range", (-0.731, 2.174)),
            ("another range", (-3.3, 0.9)),
            ("a zero point that is rounded up", (-1.547, 0.859)),
            ("one value alone", (3.0, 3.0)),
            ("one negative value alone", (-2.0, -2.0)),
            ("positive only, as after ReLU", (0.5, 6.0)),
            ("negative only", (-4.0, -1.0)),
            ("begins at zero", (0.0, 1.0)),
            ("zero alone", (0.0, 0.0)),
            ("very narrow", (-1e-6, 2e-6)),
        ],
    ),
    Exercise(
        "40.2",
        _round_trip,
        mistakes=[
            Mistake("unclipped", _unclipped, "values outside the range must saturate: clip the stored integers"),
            Mistake("truncated", _truncated, "yours cuts off towards zero; round to the nearest integer instead"),
            Mistake(
                "clipped first", _clipped_first, "clip after the zero point is added: what is stored is in -128 to 127"
            ),
            Mistake("not shifted back", _not_shifted_back, "subtract the zero point before you multiply by the scale"),
            Mistake(
                "halves up", _halves_up, "halves go to the even neighbour: np.round does so, floor(x + 0.5) does not"
            ),
        ],
        cases=[
            ("random numbers", (_RANDOM, 0.03, 7)),
            ("out of range at both ends", (np.array([-100.0, -1.0, 0.0, 1.0, 100.0], dtype="float32"), 0.02, -40)),
            ("halves", (np.array([-0.75, -0.25, 0.25, 0.75, 1.25], dtype="float32"), 0.5, 3)),
            ("another zero point", (_RANDOM, 0.02, 88)),
            ("many digits", (_RANDOM * 3 + 0.001, 0.0317, -5)),
            ("zeros", (np.zeros((2, 3), dtype="float32"), 0.1, -128)),
            ("one number", (np.array([0.31], dtype="float32"), 0.1, 0)),
            ("empty", (np.zeros(0, dtype="float32"), 0.1, 0)),
        ],
    ),
    Exercise(
        "40.3",
        _requantize,
        dtype="int8",
        mistakes=[
            Mistake("wrapped", _wrapped, "int8 wraps around where it overflows: clip to -128 to 127 before astype"),
            Mistake("one scale", _one_scale, "you use one weight scale for all channels; each column has its own"),
            Mistake(
                "no output scale", _no_output_scale, "divide by the output's scale: the result is counted in its steps"
            ),
            Mistake("no zero point", _no_zero_point, "the output's zero point is missing: add it after rounding"),
            Mistake(
                "rounded last",
                _rounded_last,
                "you round after adding the zero point, and halves then go another way: round first, then add",
            ),
            Mistake(
                "clipped first", _clipped_sums, "you clip before adding the zero point; add it first, then clip to int8"
            ),
            Mistake("cut", _cut, "astype cuts the fraction off; round before you add the zero point"),
        ],
        cases=[
            ("random sums", (_SUMS, 0.004, _SCALES, 0.01, -12)),
            ("large sums", (_SUMS * 100, 0.004, _SCALES, 0.01, -12)),
            ("a wide output", (_SUMS, 0.004, _SCALES, 0.5, 30)),
            (
                "halves",
                (_ODD, 0.5, np.array([0.25, 0.125], "float32"), 0.25, 3),
            ),
            ("close to a half", (_CLOSE, 0.004, _SCALES[1::2], 0.01, 1)),
            ("another input scale", (_SUMS, 0.0123, _SCALES, 0.1, 7)),
            ("zeros", (np.zeros((2, 4), dtype=np.int32), 0.004, _SCALES, 0.01, 5)),
            ("one channel", (_SUMS[:, :1], 0.01, _SCALES[:1], 0.02, 0)),
            ("no rows", (np.zeros((0, 4), dtype=np.int32), 0.004, _SCALES, 0.01, 5)),
        ],
    ),
]
