"""The cost of a Keras 2 model: parameters and multiply-accumulates (MACs) for one input, layer by layer."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from labkit.base.errors import LabkitError
from labkit.keras2.model import Model
from labkit.keras2.protect import require_graph
from labkit.keras2.wrappers import HOLDERS
from labkit.methods import cost


def parameters(model: Model) -> int:
    """Return the number of weights, biases and batch-normalization values of *model*: Keras' ``count_params``.

    What TFMOT's wrappers add for training (masks, ranges) is left out. Raises LabkitError for a Keras 3,
    subclassed or unbuilt model.
    """
    return sum(int(row["parameters"]) for row in layer_costs(model))


def macs(model: Model) -> int:
    """Return multiply-accumulates for one input.

    TensorFlow's profiler counts twice as many floating-point operations in the Conv2D, DepthwiseConv2dNative and
    MatMul nodes.

    Raises LabkitError as ``parameters`` does, and for a layer that multiplies in a way not counted here.
    """
    return sum(int(row["macs"]) for row in layer_costs(model))


def layer_costs(model: Model) -> list[dict[str, Any]]:
    """Return one row per layer: ``name``, ``kind``, ``output_shape`` (without the batch), ``parameters``, ``macs``.

    A layer called several times has its parameters once and its MACs each time; the layers of a model inside the
    model stand in its place.
    """
    require_graph(model, "count its cost")
    calls = _calls(model)
    rows: list[dict[str, Any]] = []
    for layer in model.layers:
        times = calls.get(layer.name, 1)
        if isinstance(layer, tf.keras.Model):
            rows += [{**row, "macs": row["macs"] * times} for row in layer_costs(layer)]
            continue
        # A wrapper's masks, centroids and ranges are not the network's parameters.
        inner = layer.layer if type(layer).__name__ in HOLDERS else layer
        if isinstance(inner, tf.keras.layers.InputLayer) or type(inner).__name__ == "QuantizeLayer":
            continue
        rows.append(
            {
                "name": inner.name,
                "kind": type(inner).__name__,
                "output_shape": _shape(layer),
                "parameters": _own_parameters(layer, inner),
                "macs": times * _macs(layer, inner),
            }
        )
    return rows


def _calls(model: Model) -> dict[str, int]:
    """Return how often a functional model calls each layer; a Sequential calls each once.

    ``layer.inbound_nodes`` would count the calls by other models too: TFMOT's strip functions share layers.
    """
    if isinstance(model, tf.keras.Sequential):
        return {}
    return {entry["name"]: max(1, len(entry["inbound_nodes"])) for entry in model.get_config()["layers"]}


def _own_parameters(layer: Any, inner: Any) -> int:
    if layer is inner:
        return int(inner.count_params())
    # TFMOT takes a clustered layer's kernel out of its weights and keeps it, unclustered, in the wrapper.
    kept = {id(weight): weight for weight in inner.weights}
    for name in ("kernel", "depthwise_kernel", "pointwise_kernel", "bias"):
        weight = getattr(inner, name, None)
        if weight is not None:
            kept[id(weight)] = weight
    return sum(math.prod(weight.shape) for weight in kept.values())


def _macs(layer: Any, inner: Any) -> int:
    keras = tf.keras.layers
    output = _shape(layer)
    if isinstance(inner, keras.DepthwiseConv2D):
        height, width, channels, multiplier = inner.depthwise_kernel.shape
        return cost.depthwise_macs(_positions(inner, output), (height, width), channels, multiplier)
    if isinstance(inner, keras.SeparableConv2D):
        height, width, channels, multiplier = inner.depthwise_kernel.shape
        positions = _positions(inner, output)
        return cost.depthwise_macs(positions, (height, width), channels, multiplier) + cost.conv2d_macs(
            positions, (1, 1), channels * multiplier, inner.filters
        )
    if isinstance(inner, keras.Conv2D) and not isinstance(inner, keras.Conv2DTranspose):
        height, width, channels, filters = inner.kernel.shape
        return cost.conv2d_macs(
            _positions(inner, output), (height, width), channels * inner.groups, filters, inner.groups
        )
    if isinstance(inner, keras.Dense):
        inputs, units = inner.kernel.shape
        return cost.dense_macs(inputs, units, math.prod(output[:-1]))
    if any("kernel" in weight.name.split("/")[-1] or weight.shape.rank > 2 for weight in inner.weights):
        raise LabkitError(
            f"Layer {inner.name!r} ({type(inner).__name__}) multiplies in a way that is not counted here: "
            "MACs are known for Dense, Conv2D, DepthwiseConv2D and SeparableConv2D; count this layer by hand."
        )
    return 0


def _positions(inner: Any, output: tuple[int, ...]) -> tuple[int, int]:
    return (output[1], output[2]) if inner.data_format == "channels_first" else (output[0], output[1])


def _shape(layer: Any) -> tuple[int, ...]:
    """Return the output's shape without the batch; raises LabkitError when it is not one, or not known."""
    try:
        shape = layer.output_shape
    except AttributeError as error:
        raise LabkitError(
            f"Layer {layer.name!r} is called with several shapes, so its cost is not one number: count it by hand."
        ) from error
    if isinstance(shape, list):
        if len(shape) != 1:
            raise LabkitError(
                f"Layer {layer.name!r} has several outputs, which labkit does not count: count it by hand."
            )
        shape = shape[0]
    if any(size is None for size in shape[1:]):
        raise LabkitError(
            f"Layer {layer.name!r} has an output of unknown size {shape}: give the model a fixed input shape."
        )
    return tuple(int(size) for size in shape[1:])
