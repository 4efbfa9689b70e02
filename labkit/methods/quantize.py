"""Affine quantization: a real number x is stored as the whole number q, and ``x ≈ scale × (q − zero_point)``.

The rules are those of ONNX's QuantizeLinear and DequantizeLinear: ``q = saturate(round(x / scale) + zero_point)``,
halves round to even, float32 throughout. Zero is always exact, since networks are full of it: padding, ReLU, pruned
weights.

One scale and zero point serve the whole array, or one each a channel along *axis*, or one each a group of *group*
neighbours along *axis* (the last one unless given): ONNX's ``block_size``, except that the last group may be shorter.

What is not a plain number has a stated result everywhere. Empty arrays stay empty. An array of one value alone comes
back as it is, up to float32 rounding. NaN is refused, since no whole number stands for it. Infinities saturate where
the range is given (``quantize``, or *low* and *high*), and are refused where it would be taken from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from labkit.base.checks import whole
from labkit.base.errors import UsageError, one_of
from labkit.methods import numerics
from labkit.methods.theory import best_uniform_step as best_uniform_step
from labkit.methods.theory import lloyd_max as lloyd_max

# Name: lowest and highest number, and the NumPy type that holds it (four and two bits stand in whole bytes).
TYPES: dict[str, tuple[int, int, type]] = {
    "int8": (-128, 127, np.int8),
    "uint8": (0, 255, np.uint8),
    "int16": (-(2**15), 2**15 - 1, np.int16),
    "uint16": (0, 2**16 - 1, np.uint16),
    "int32": (-(2**31), 2**31 - 1, np.int32),
    "int4": (-8, 7, np.int8),
    "uint4": (0, 15, np.uint8),
    "int2": (-2, 1, np.int8),
    "uint2": (0, 3, np.uint8),
}
_SMALLEST = float(np.finfo(np.float32).tiny)


def levels(bits: int, signed: bool = True, symmetric: bool = False) -> tuple[int, int]:
    """Return the lowest and highest whole number; for 8 bits −128 … 127, unsigned 0 … 255, symmetric −127 … 127 or 1 …
    255.

    Raises UsageError for *bits* outside 2 to 16.

    >>> levels(8), levels(8, signed=False), levels(4, symmetric=True)
    ((-128, 127), (0, 255), (-7, 7))
    """
    width = whole("bits", bits, 2, 16)
    low = -(2 ** (width - 1)) if signed else 0
    return low + bool(symmetric), low + 2**width - 1


def affine_parameters(
    low: Any, high: Any, bits: int = 8, signed: bool = True, symmetric: bool = False
) -> tuple[Any, Any]:
    """Return ``(scale, zero_point)`` that spread the whole numbers of *bits* over the real range *low* … *high*.

    The range is widened to hold zero, and the zero point rounded, so that zero is exact; *symmetric* widens it to
    ±max(|low|, |high|) and leaves the lowest number out, so that the zero point is the middle (0 when *signed*).
    Numbers give (float, int); arrays (one range a channel) give arrays (float32, int32). The scale is a float32 value.
    A range of zero alone gets scale 1, one too narrow for float32 its smallest normal number.

    Raises UsageError for a range that is not finite or upside down, or *bits* outside 2 to 16.
    """
    q_low, q_high = levels(bits, signed, symmetric)
    low, high = (np.asarray(end, dtype=np.float64) for end in (low, high))
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise UsageError(
            "The range to quantize is not finite: remove NaN and infinity from the data, or give low and high."
        )
    if (low > high).any():
        raise UsageError("The range to quantize has low above high: exchange the two.")
    low, high = np.broadcast_arrays(np.minimum(low, 0.0), np.maximum(high, 0.0))
    middle = (q_low + q_high) // 2
    scale = np.maximum(-low, high) / (q_high - middle) if symmetric else (high - low) / (q_high - q_low)
    exact = np.where(scale == 0, 1.0, np.maximum(scale, _SMALLEST))
    with np.errstate(over="ignore"):
        scale = exact.astype(np.float32)
    if not np.isfinite(scale).all():
        raise UsageError("The range to quantize is wider than float32 can hold: scale the data down.")
    if symmetric:
        zero_point = np.full(scale.shape, middle, dtype=np.int32)
    else:
        zero_point = np.clip(np.rint(q_low - low / exact), q_low, q_high).astype(np.int32)
    return (scale, zero_point) if scale.ndim else (float(scale), int(zero_point))


def quantize(
    x: np.ndarray,
    scale: Any,
    zero_point: Any,
    dtype: str = "int8",
    axis: int | None = None,
    group: int | None = None,
) -> np.ndarray:
    """Quantize *x* to whole numbers: ``saturate(round(x / scale) + zero_point)``, of *x*'s shape.

    *scale* and *zero_point* are one number each, or one a channel along *axis*, or one a group of *group* neighbours
    (*x*'s shape, but for *axis*, which counts groups). *dtype*: int8, uint8, int16, uint16, int32, int4, uint4, int2 or
    uint2 (the last four held in bytes). Infinities saturate. Raises UsageError for NaN, a scale that is not finite and
    above 0, a zero point outside the type, and shapes that do not fit.

    >>> quantize(np.array([-1.0, 0.0, 0.52]), scale=0.01, zero_point=0).tolist()
    [-100, 0, 52]
    """
    one_of("type of whole numbers", dtype, TYPES)
    low, high, stored_type = TYPES[dtype]
    return _quantize(x, scale, zero_point, low, high, axis, group).astype(stored_type)


def dequantize(
    q: np.ndarray, scale: Any, zero_point: Any = 0, axis: int | None = None, group: int | None = None
) -> np.ndarray:
    """Return the real numbers that whole numbers stand for: ``(q − zero_point) × scale``, float32, of *q*'s shape.

    Shapes and errors as in ``quantize``.
    """
    q = np.asarray(q)
    if q.dtype.kind not in "iu":
        raise UsageError(f"q is of type {q.dtype}, but must hold whole numbers: quantize first.")
    scales, zeros = _along(q, scale, zero_point, axis, group)
    return (q.astype(np.int64) - zeros).astype(np.float32) * scales


def fake_quantize(
    x: np.ndarray,
    bits: int = 8,
    signed: bool = True,
    symmetric: bool = True,
    axis: int | None = None,
    low: Any = None,
    high: Any = None,
    group: int | None = None,
) -> np.ndarray:
    """Quantize *x* to *bits* and dequantize it at once: float32 of *x*'s shape.

    The range is *low* … *high* where given (what is outside saturates), else *x*'s own least and greatest value; over
    the whole of *x*, or along *axis* for each channel, or for each *group* of neighbours along *axis* (the last one
    unless given). Empty stays empty, constant stays exact up to float32 rounding. Raises UsageError as
    ``affine_parameters`` and ``quantize`` do.

    >>> fake_quantize(np.array([-1.0, 0.3, 1.0]), bits=2).tolist()
    [-1.0, 0.0, 1.0]
    """
    x = np.asarray(x, dtype=np.float32)
    if x.size == 0:
        return x.copy()
    if group is not None:
        axis = -1 if axis is None else axis
        size = _group(x, axis, group)
        starts = np.arange(0, x.shape[axis], size)
        low = np.minimum.reduceat(x, starts, axis) if low is None else low
        high = np.maximum.reduceat(x, starts, axis) if high is None else high
    else:
        others = None if axis is None else _others(x, axis)
        low = np.min(x, axis=others) if low is None else low
        high = np.max(x, axis=others) if high is None else high
    scale, zero_point = affine_parameters(low, high, bits, signed, symmetric)
    if not np.ndim(scale):  # one range, given for all
        axis = group = None
    q = _quantize(x, scale, zero_point, *levels(bits, signed, symmetric), axis, group)
    return dequantize(q.astype(np.int32), scale, zero_point, axis, group)


def quantize_in_groups(
    x: np.ndarray,
    bits: int,
    group: int,
    scale_format: str = "float16",
    factors: Sequence[float] | np.ndarray = (1.0,),
) -> np.ndarray:
    """Quantize *x* symmetrically with one scale per *group* neighbours along the last axis, stored in *scale_format*.

    Returns float32 of *x*'s shape. The scales are those of ``fake_quantize(x, bits, group=group)``, times the one of
    *factors* that gives the least squared error over all of *x* (below 1 it clips), then rounded as a file stores them:
    to a format of `numerics` (``float32``, ``float16``, ``float8_e4m3fn``, ``e8m0`` …). Scales in float8_e4m3fn are
    divided by one float32 for the whole of *x*, as NVFP4 does. A scale that rounds to 0 makes its group zero. Raises
    UsageError for a factor that is not above 0, and as ``fake_quantize`` and ``numerics.cast`` do.

    >>> quantize_in_groups(np.array([7.0, 3.2, 70.0, 33.0]), bits=4, group=2).tolist()
    [7.0, 3.0, 70.0, 30.0]
    """
    x = np.asarray(x, dtype=np.float32)
    if not len(factors) or not all(factor > 0 for factor in factors):
        raise UsageError(f"factors are {list(factors)}, but must be one or more numbers above 0.")
    most = levels(bits, symmetric=True)[1]
    size = min(_group(x, -1, group), max(x.shape[-1], 1))
    if x.size == 0:
        return x.copy()
    largest = np.maximum.reduceat(np.abs(x), np.arange(0, x.shape[-1], size), axis=-1)
    if not np.isfinite(largest).all():
        raise UsageError("x holds NaN or infinity: a scale needs finite numbers.")
    results = []
    for factor in factors:
        scales = _stored(factor * largest / most, scale_format)
        result = fake_quantize(x, bits, low=-most * scales, high=most * scales, group=size)
        result = np.where(np.repeat(scales, size, axis=-1)[..., : x.shape[-1]] > 0, result, np.float32(0))
        results.append((float(np.sum((result.astype(np.float64) - x) ** 2)), result))
    return min(results, key=lambda pair: pair[0])[1]


def weight_scales(kernel: np.ndarray, bits: int = 8, axis: int | None = None) -> Any:
    """Return the scale of symmetric weights, ``max |w| / (2^(bits−1) − 1)``: float32, one for all or one a channel on
    *axis*.

    8 bits along the axis of the outputs is what LiteRT stores. A channel of zeros gets scale 1. Raises UsageError for
    weights that are not finite or none at all.

    >>> float(weight_scales(np.array([0.5, -63.5])))
    0.5
    """
    kernel = np.asarray(kernel, dtype=np.float32)
    if kernel.size == 0:
        raise UsageError("The kernel holds no weights, so it has no scale: give at least one.")
    largest = np.max(np.abs(kernel), axis=None if axis is None else _others(kernel, axis))
    return affine_parameters(-largest, largest, bits, symmetric=True)[0]


def sqnr_db(x: np.ndarray, y: np.ndarray) -> float:
    """Return the signal-to-quantization-noise ratio of *y*, an approximation of *x*: ``10 log₁₀(Σ x² / Σ (x − y)²)`` in
    dB.

    Infinite when they are equal; minus infinity when *x* is all zero and *y* is not. About 6 dB a bit. Raises
    UsageError for different shapes, empty arrays and NaN.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.shape != y.shape or x.size == 0:
        raise UsageError(
            f"The arrays have shapes {x.shape} and {y.shape}, but must have one shape, and at least one value."
        )
    signal, noise = float(np.sum(x**2)), float(np.sum((x - y) ** 2))
    if not (np.isfinite(signal) and np.isfinite(noise)):
        raise UsageError("The arrays hold NaN or infinity: a ratio needs finite numbers.")
    if noise == 0:
        return float("inf")
    return float(10 * (np.log10(signal) - np.log10(noise))) if signal else float("-inf")


def _stored(scales: np.ndarray, scale_format: str) -> np.ndarray:
    """Return *scales* (float32, 0 or more) rounded to *scale_format*."""
    top = np.float32(1)
    if numerics.find(scale_format).name == "float8_e4m3fn":
        top = np.float32(scales.max() / numerics.find(scale_format).max) or top
    known = scales > 0  # a format without zero, such as e8m0, would make it NaN
    return np.where(known, top * numerics.cast(np.where(known, scales / top, 1), scale_format), np.float32(0))


def _quantize(
    x: np.ndarray, scale: Any, zero_point: Any, low: int, high: int, axis: int | None, group: int | None
) -> np.ndarray:
    x = np.asarray(x, dtype=np.float32)
    if np.isnan(x).any():
        raise UsageError("x holds NaN, which no integer can represent: correct the computation of x.")
    scales, zeros = _along(x, scale, zero_point, axis, group)
    if zeros.size and (zeros.min() < low or zeros.max() > high):
        raise UsageError(f"zero_point is {zero_point}, but must hold whole numbers from {low} to {high} here.")
    with np.errstate(over="ignore"):  # an overflow to infinity saturates
        rounded = np.rint(x / scales)
    return np.clip(rounded.astype(np.float64) + zeros, low, high)


def _along(
    x: np.ndarray, scale: Any, zero_point: Any, axis: int | None, group: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return scale (float32) and zero point (int64) in a shape that broadcasts against *x*."""
    scales, zeros = np.asarray(scale, dtype=np.float32), np.asarray(zero_point)
    if zeros.dtype.kind not in "iu":
        raise UsageError(f"zero_point is {zero_point!r}, but must hold whole numbers.")
    if not (np.isfinite(scales).all() and (scales > 0).all()):
        raise UsageError(f"scale is {scale!r}, but must hold finite numbers above 0.")
    zeros = zeros.astype(np.int64)
    if axis is None and group is None:
        if scales.ndim or zeros.ndim:
            raise UsageError("scale and zero_point are arrays: give the axis of x that has their channels (axis=…).")
        return scales, zeros
    axis = -1 if axis is None else axis
    if group is None:
        _others(x, axis)
        groups: tuple[int, ...] = (x.shape[axis],)
        what = f"one per channel: {groups} along axis {axis}"
    else:
        size = _group(x, axis, group)
        groups = tuple(-(-n // size) if i == axis % x.ndim else n for i, n in enumerate(x.shape))
        what = f"one a group: {groups} for groups of {size} along axis {axis}"
    for name, values in (("scale", scales), ("zero_point", zeros)):
        if values.shape not in ((), groups):
            raise UsageError(f"{name} has shape {values.shape}, but must be one number, or {what}.")
    scales, zeros = np.broadcast_to(scales, groups), np.broadcast_to(zeros, groups)
    if group is None:
        shape = [1] * x.ndim
        shape[axis] = x.shape[axis]
        return scales.reshape(shape), zeros.reshape(shape)
    place = np.arange(x.shape[axis]) // size  # the group of each place along the axis
    return np.take(scales, place, axis), np.take(zeros, place, axis)


def _group(x: np.ndarray, axis: int, group: int) -> int:
    _others(x, axis)
    return whole("group", group, 1, note=": how many neighbours share a scale")


def _others(x: np.ndarray, axis: int) -> tuple[int, ...]:
    if not -x.ndim <= axis < x.ndim:
        raise UsageError(f"axis is {axis}, but the array has {x.ndim} axes.")
    return tuple(i for i in range(x.ndim) if i != axis % x.ndim)
