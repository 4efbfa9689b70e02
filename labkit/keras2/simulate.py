"""What fewer bits would cost: weights rounded to a few bits and used in float, since LiteRT's kernels stop at int8."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labkit.keras2.model import Model
from labkit.keras2.protect import clone
from labkit.methods.quantize import fake_quantize


def rounded(model: Model, bits: int, per_channel: bool = True) -> list[NDArray[Any]]:
    """The weights of *model* in Keras' order, every kernel rounded to symmetric *bits*, one scale an output channel
    or one a kernel; biases and batch normalization stay as they are. Raises UsageError for *bits* outside 2 to 16."""
    result = []
    for weight in model.weights:
        value, axis = weight.numpy(), 2 if "depthwise_kernel" in weight.name else -1
        kernel = "kernel" in weight.name
        result.append(fake_quantize(value, bits, axis=axis if per_channel else None) if kernel else value)
    return result


def correct_by_bits(
    model: Model, x: NDArray[Any], y: NDArray[Any], widths: Sequence[int], per_channel: bool = True
) -> list[int]:
    """How many of the images *x* a copy of *model* names rightly with its kernels rounded to each of *widths*."""
    copy, counts = clone(model), []
    for bits in widths:
        copy.set_weights(rounded(model, bits, per_channel))
        counts.append(int(np.count_nonzero(copy.predict(x, batch_size=500, verbose=0).argmax(axis=1) == y)))
    return counts
