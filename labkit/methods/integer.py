"""Layers in whole numbers alone, as LiteRT computes them in an int8 file.

Activations are int8 with one scale and zero point a tensor, weights int8 with a scale an output channel and zero point
0, biases int32 with scale ``input scale × weight scale``. With real = scale × (q − zero_point) in the layer's sum,
all that is not whole is one factor a channel (Jacob et al., 2018, equations 3 to 8):

    accumulator = Σ (q_input − input zero point) × q_weight + q_bias                  int32, exact
    q_output    = saturate(round(accumulator × input scale × weight scale / output scale) + output zero point)

Weights lie as a file holds them: (units, inputs) and (filters, height, width, channels).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from labkit.base.errors import UsageError, one_of

ACTIVATIONS = ("none", "relu", "relu6")
ROUNDINGS = ("float", "fixed")
Quantization = tuple[float, int]  # scale, zero point


def dense_int8(
    x: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray | None,
    input_quantization: Quantization,
    weight_scale: Any,
    output_quantization: Quantization,
    activation: str = "none",
    rounding: str = "float",
) -> np.ndarray:
    """Compute a dense layer: int8 (n, inputs) → int8 (n, units).

    *weights* int8 (units, inputs); *bias* int32 (units,) or None; *weight_scale* one number or (units,); the two
    quantizations are (scale, zero point). *activation*: none, relu, relu6; *rounding*: see ``requantize``.
    Raises UsageError for other types and shapes, and for sums that do not fit into int32.
    """
    x, weights = _int8("x", x, 2), _int8("weights", weights, 2)
    if x.shape[1] != weights.shape[1]:
        raise UsageError(f"x has {x.shape[1]} inputs and the weights {weights.shape[1]}, but these must be equal.")
    sums = _sums(x, input_quantization[1], weights)
    return _finish(sums, bias, input_quantization, weight_scale, output_quantization, activation, rounding)


def conv2d_int8(
    x: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray | None,
    input_quantization: Quantization,
    weight_scale: Any,
    output_quantization: Quantization,
    strides: tuple[int, int] = (1, 1),
    padding: str = "valid",
    activation: str = "none",
    rounding: str = "float",
) -> np.ndarray:
    """Compute a convolution: int8 (n, height, width, channels) → int8 (n, rows, columns, filters).

    *weights* int8 (filters, kernel height, kernel width, channels); padding ``"valid"`` or ``"same"`` (with the input's
    zero point, which stands for 0); all else as in ``dense_int8``.
    """
    x, weights = _int8("x", x, 4), _int8("weights", weights, 4)
    one_of("padding", padding, ("valid", "same"))
    filters, height, width, channels = weights.shape
    if x.shape[3] != channels:
        raise UsageError(f"x has {x.shape[3]} channels and the weights {channels}, but these must be equal.")
    if padding == "same":
        rows, columns = (
            _same(size, kernel, stride)
            for size, kernel, stride in zip(x.shape[1:3], (height, width), strides, strict=True)
        )
        x = np.pad(x, ((0, 0), rows, columns, (0, 0)), constant_values=input_quantization[1])
    if x.shape[1] < height or x.shape[2] < width:
        raise UsageError(
            f"A kernel of {height} × {width} does not fit into {x.shape[1]} × {x.shape[2]}: pad with 'same'."
        )
    windows = np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(1, 2))
    windows = windows[:, :: strides[0], :: strides[1]].transpose(
        0, 1, 2, 4, 5, 3
    )  # n, row, column, then as the weights
    patches = windows.reshape(-1, height * width * channels)
    sums = _sums(patches, input_quantization[1], weights.reshape(filters, -1))
    result = _finish(sums, bias, input_quantization, weight_scale, output_quantization, activation, rounding)
    return result.reshape(*windows.shape[:3], filters)


def requantize(
    accumulator: np.ndarray,
    multiplier: Any,
    zero_point: int = 0,
    low: int = -128,
    high: int = 127,
    rounding: str = "float",
) -> np.ndarray:
    """Map int32 sums to int8: ``saturate(round(accumulator × multiplier) + zero_point)`` within *low* … *high*.

    *multiplier* is one number or one a column. Two ways to round, which differ by one step in a few values of ten
    thousand:

    - ``"float"``: the product in float32, halves to even. XNNPACK, LiteRT's default on processors, does this.
    - ``"fixed"``: whole numbers only, the multiplier as a 31-bit number and a shift, rounded after each of the two
      (gemmlowp). LiteRT's own kernels do this, for processors without float arithmetic.
    """
    one_of("rounding", rounding, ROUNDINGS)
    if rounding == "float":
        scaled = np.rint(accumulator.astype(np.float32) * np.asarray(multiplier, dtype=np.float32)).astype(np.int64)
    else:
        mantissa, exponent = np.frexp(np.asarray(multiplier, dtype=np.float64))
        whole = np.rint(mantissa * 2**31).astype(np.int64)
        shifted = accumulator.astype(np.int64) << np.clip(exponent, 0, 31)
        product = np.clip(shifted, -(2**31), 2**31 - 1) * whole
        # Halves away from zero, twice: once for the 31 bits, once for the shift.
        high_half = np.sign(product) * ((np.abs(product) + 2**30) >> 31)
        shift = np.clip(-exponent, 0, 62)
        scaled = np.sign(high_half) * ((np.abs(high_half) + ((1 << shift) >> 1)) >> shift)
    return np.clip(scaled + zero_point, low, high).astype(np.int8)


def _sums(x: np.ndarray, zero_point: int, weights: np.ndarray) -> np.ndarray:
    """Return Σ (x − zero point) × weight, exact: products of two bytes in float64 stay far below 2⁵³ (and use BLAS)."""
    return (x.astype(np.float64) - zero_point) @ weights.astype(np.float64).T


def _finish(
    sums: np.ndarray,
    bias: np.ndarray | None,
    input_quantization: Quantization,
    weight_scale: Any,
    output_quantization: Quantization,
    activation: str,
    rounding: str,
) -> np.ndarray:
    units = sums.shape[1]
    scales = np.asarray(weight_scale, dtype=np.float32)
    if scales.shape not in ((), (1,), (units,)):
        raise UsageError(
            f"weight_scale has shape {scales.shape}, but must be one number, or one per output: ({units},)."
        )
    if bias is not None:
        bias = np.asarray(bias)
        if bias.dtype != np.int32 or bias.shape != (units,):
            raise UsageError(f"bias is {bias.dtype} {bias.shape}, but must be int32 ({units},), or None.")
        sums = sums + bias
    if sums.size and np.abs(sums).max() >= 2**31:
        raise UsageError("A sum does not fit into int32: the layer has too many inputs, or its bias is too large.")
    (input_scale, _), (output_scale, zero_point) = input_quantization, output_quantization
    multiplier = scales.astype(np.float64) * np.float64(np.float32(input_scale)) / np.float64(np.float32(output_scale))
    low, high = _clamp(activation, output_scale, zero_point)
    return requantize(sums.astype(np.int32), multiplier, zero_point, low, high, rounding)


def _clamp(activation: str, scale: float, zero_point: int) -> tuple[int, int]:
    """Apply ReLU in whole numbers: nothing below the number that stands for 0 (ReLU6: nor above the one for 6)."""
    one_of("activation", activation, ACTIVATIONS)
    low = -128 if activation == "none" else max(-128, zero_point)
    high = 127 if activation != "relu6" else min(127, zero_point + round(6 / scale))
    return low, high


def _same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the padding before and after, TensorFlow's ``SAME``: the odd one goes behind."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _int8(name: str, value: np.ndarray, axes: int) -> np.ndarray:
    value = np.asarray(value)
    if value.dtype != np.int8 or value.ndim != axes:
        raise UsageError(f"{name} is {value.dtype} of shape {value.shape}, but must be int8 with {axes} axes.")
    return value
