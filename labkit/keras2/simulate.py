"""Simulate few bits: round a model's weights to them and compute in float, since LiteRT's kernels stop at int8."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from labkit.keras2.model import Model
from labkit.keras2.norms import norm_scale
from labkit.keras2.protect import clone, require_layers
from labkit.methods.quantize import fake_quantize


def rounded(model: Model, bits: int, per_channel: bool = True, folded: bool = False) -> list[NDArray[Any]]:
    """Return the weights of *model* in Keras' order, every kernel rounded to symmetric *bits*, the others as they are.

    *per_channel*: one scale per output channel, otherwise one per kernel. *folded*: round as LiteRT's converter does,
    which first multiplies each kernel by the factors of the batch normalization right behind it. That changes nothing
    with one scale per channel; with one per kernel, the factors decide the range that the channels share.
    Raises UsageError for *bits* outside 2 to 16, LabkitError for a model that is nested, subclassed or unbuilt.
    """
    require_layers(model, "round its weights")
    weights = []
    for layer in model.layers:
        for weight in layer.weights:
            value = weight.numpy()
            name = short_name(weight)
            if not name.endswith("kernel"):
                weights.append(value)
            elif per_channel:
                weights.append(fake_quantize(value, bits, axis=output_axis(name)))
            elif folded and not hasattr(layer, "pointwise_kernel"):
                weights.append(_rounded_folded(value, bits, output_axis(name), _factors_behind(layer)))
            else:
                weights.append(fake_quantize(value, bits))
    return weights


def correct(
    model: Model, weights: Mapping[Any, Sequence[NDArray[Any]]], x: NDArray[Any], y: NDArray[Any]
) -> dict[Any, NDArray[np.bool_]]:
    """Return which of the images *x* a copy of *model* classifies correctly with each set of *weights*.

    Bool arrays (n,) under the names of *weights*; *y* holds the labels (n,). *model* stays as it is.
    """
    copy = clone(model)
    hits_by_name = {}
    for name, values in weights.items():
        copy.set_weights(values)
        hits_by_name[name] = copy.predict(x, batch_size=500, verbose=0).argmax(axis=1) == y
    return hits_by_name


def correct_by_bits(
    model: Model, x: NDArray[Any], y: NDArray[Any], widths: Sequence[int], per_channel: bool = True
) -> list[int]:
    """Return how many of the images *x* a copy of *model* classifies correctly, its kernels `rounded` to each width."""
    weights_by_place = {place: rounded(model, bits, per_channel) for place, bits in enumerate(widths)}
    return [int(np.count_nonzero(hits)) for hits in correct(model, weights_by_place, x, y).values()]


def output_axis(name: str) -> int:
    """Return the axis of the output channels in a kernel of that *name*: 2 for a depthwise one, else the last, −1."""
    return 2 if name.startswith("depthwise") else -1


def short_name(weight: Any) -> str:
    """Return the last part of a weight's name: ``kernel`` for ``block/conv/kernel:0``."""
    return str(weight.name).split("/")[-1].split(":")[0]


def _rounded_folded(kernel: NDArray[Any], bits: int, axis: int, factors: NDArray[np.float32]) -> NDArray[Any]:
    """Round *kernel* times *factors* (along *axis*) with one scale, and divide by them again; 0 where a factor is 0."""
    shape = [1] * kernel.ndim
    shape[axis] = -1
    wide = factors.reshape(shape)
    return np.where(wide == 0, 0, fake_quantize(kernel * wide, bits) / np.where(wide == 0, 1, wide))


def _factors_behind(layer: Any) -> NDArray[np.float32]:
    """Return what the batch normalization right behind *layer* multiplies its channels by; 1 when there is none."""
    nodes = layer.outbound_nodes
    behind = nodes[0].outbound_layer if len(nodes) == 1 else None
    if not isinstance(behind, tf.keras.layers.BatchNormalization):
        return np.ones(1, np.float32)
    return norm_scale(behind, np.float32)
