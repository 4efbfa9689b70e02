"""A dense network in NumPy whose activations are rounded to a few bits: what a calibration is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labkit.methods.quantize import fake_quantize


def dense_forward(
    layers: Sequence[tuple[NDArray[Any], NDArray[Any]]],
    x: NDArray[Any],
    ranges: Sequence[tuple[float, float]] | None = None,
    bits: int = 8,
) -> tuple[NDArray[Any], list[NDArray[Any]]]:
    """Logits of dense *layers* (kernel, bias) with ReLU between them, and what entered each layer.

    With *ranges*, one (low, high) a layer, what enters is first rounded to *bits* within its range; weights stay float.
    """
    entered = []
    for number, (kernel, bias) in enumerate(layers):
        x = np.maximum(x, 0) if number else x.reshape(len(x), len(kernel))  # -1 would refuse an empty batch
        if ranges is not None:
            x = fake_quantize(x, bits, symmetric=False, low=ranges[number][0], high=ranges[number][1])
        entered.append(x)
        x = x @ kernel + bias
    return x, entered
