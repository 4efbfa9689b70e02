"""Surgery on a Keras 2 model: the same network with fewer channels, or with dense layers of other sizes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from labkit.base.errors import LabkitError, one_of
from labkit.keras2.graph import MAKERS, Graph, Indices, remaining
from labkit.keras2.model import Model
from labkit.keras2.protect import clone, require_layers
from labkit.methods import cost


class Cost(NamedTuple):
    """Parameters (batch normalization's four values a channel among them) and multiply-accumulates for one input."""

    parameters: int
    macs: int


def keep_channels(model: Model, kept: Mapping[str, ArrayLike]) -> Any:
    """Return a new model without the channels that are not *kept*: every layer that makes, passes on or reads them is
    cut.

    *kept* gives, by the name of a Dense or Conv2D layer, the indices of the channels that stay, each once; in another
    order than ascending, the channels are permuted. Layers whose channels an Add ties to a named one's are cut with
    it. What is not named stays whole; *model* is left as it is, and the new one is not compiled.

    Raises LabkitError, with the layer's name, for a layer that surgery does not know (`labkit.keras2.graph`), for
    channels that the model's inputs or outputs need, for tied layers that are given different channels, and for a
    subclassed, nested, wrapped or Keras 3 model; UsageError for an unknown layer or indices out of range.
    """
    network, left = remaining(model, kept)
    result = _rebuilt(model, lambda layer: {_SIZE[type(layer)]: len(left[layer.name])} if type(layer) in MAKERS else {})
    for layer in result.layers:
        layer.set_weights(_cut(network, layer.name, left))
    return result


def silenced(model: Model, kept: Mapping[str, ArrayLike]) -> Any:
    """Return a copy of *model* at its old size whose channels that are not *kept* give zero: the mask where a cut is
    meant.

    Their kernels, biases and batch normalizations are zero, so `keep_channels` computes the same as long as activations
    turn 0 into 0 (all of ReLU's kin do; sigmoid does not). Raises as `keep_channels` does.
    """
    network, left = remaining(model, kept)
    result = clone(model)
    for name, layer in network.layers.items():
        if layer.weights and not isinstance(layer, tf.keras.layers.InputLayer):
            gone = np.delete(np.arange(len(network.units[name])), left[name])
            result.get_layer(name).set_weights([_without(values, gone, layer) for values in layer.get_weights()])
    return result


def predicted_cost(model: Model, kept: Mapping[str, ArrayLike]) -> Cost:
    """Return what `keep_channels` will leave of the parameters and MACs, from shapes alone; nothing is built.

    Raises as `keep_channels` does.
    """
    network, left = remaining(model, kept)
    costs = [_cost(network, name, left) for name in network.layers]
    return Cost(sum(each.parameters for each in costs), sum(each.macs for each in costs))


def resize_dense(model: Model, replacements: Mapping[str, tuple[np.ndarray, np.ndarray | None]]) -> Any:
    """Return a new model in which each named Dense layer has new weights, and so a new size; all else is copied.

    *replacements* gives (kernel, bias) by layer name, of shapes (inputs, units) and (units,), bias None where the layer
    has none. *model* is left as it is; the new one is not compiled. Whoever changes a layer's units
    gives the layer after it too.

    Raises LabkitError for an unknown or other layer, for shapes that do not fit each other, and for a subclassed,
    nested or Keras 3 model.
    """
    require_layers(model, "change its layers")
    named = {layer.name: layer for layer in model.layers}
    for name, (kernel, bias) in replacements.items():
        one_of("layer", name, named)
        _check_dense(named[name], kernel, bias)

    try:
        result = _rebuilt(
            model, lambda layer: {"units": len(replacements[layer.name][0].T)} if layer.name in replacements else {}
        )
    except ValueError as error:  # two branches whose sizes no longer agree, for one
        raise LabkitError(
            "The new sizes do not fit together: give every layer that reads a resized one its new weights too."
        ) from error
    for layer in result.layers:
        old = named[layer.name].get_weights()
        if layer.name in replacements:
            kernel, bias = replacements[layer.name]
            old = [kernel] if bias is None else [kernel, bias]
        new = [weight.shape for weight in layer.get_weights()]
        if [tuple(weight.shape) for weight in old] != [tuple(shape) for shape in new]:
            raise LabkitError(
                f"Layer {layer.name!r} has weights of shape {_shapes(old)}, but reads an input for which they must be "
                f"{', '.join(str(tuple(shape)) for shape in new)}: give that layer its new weights too."
            )
        layer.set_weights(old)
    return result


def planned_widths(model: Model, kept: Mapping[str, ArrayLike]) -> dict[str, tuple[int, int]]:
    """Return the (inputs, outputs) that `keep_channels` will leave of each layer that multiplies, by name.

    Inputs of a dense layer count the features that it reads. Raises as `keep_channels` does.
    """
    network, left = remaining(model, kept)
    kinds = (*MAKERS, tf.keras.layers.DepthwiseConv2D)
    named = [name for name, layer in network.layers.items() if isinstance(layer, kinds)]
    return {name: (len(left[network.inputs[name][0]]), len(left[name])) for name in named}


_SIZE = {tf.keras.layers.Dense: "units", tf.keras.layers.Conv2D: "filters"}  # what a layer's config calls its width


def _rebuilt(model: Model, change: Callable[[Any], dict[str, Any]]) -> Any:
    """Return the architecture of *model* with *change* made to the configuration of each layer, and fresh weights."""
    return tf.keras.models.clone_model(
        model, clone_function=lambda layer: type(layer).from_config(layer.get_config() | change(layer))
    )


def _cut(network: Graph, name: str, left: Mapping[str, Indices]) -> list[np.ndarray]:
    """Return the weights of layer *name* that are left, in the order in which Keras has them."""
    layer, keras = network.layers[name], tf.keras.layers
    weights = layer.get_weights()
    if not weights:
        return []
    inputs, outputs = left[network.inputs[name][0]], left[name]
    if isinstance(layer, keras.BatchNormalization):
        return [values[outputs] for values in weights]
    kernel, *bias = weights
    # Inputs are the last axis but one of all kernels; a depthwise one has its multiplier, which stays, last.
    kernel = np.take(kernel, inputs, axis=-2)
    if type(layer) in MAKERS:
        kernel = kernel[..., outputs]
    return [kernel, *(values[outputs] for values in bias)]


def _without(values: np.ndarray, gone: Indices, layer: Any) -> np.ndarray:
    """Return *values* with zeros for the output channels *gone* of *layer*; a variance of zero does no harm."""
    if isinstance(layer, tf.keras.layers.DepthwiseConv2D) and values.ndim == 4:
        flat = values.reshape(*values.shape[:2], -1)
        return _without(flat, gone, None).reshape(values.shape)
    result = values.copy()
    result[..., gone] = 0
    return result


def _cost(network: Graph, name: str, left: Mapping[str, Indices]) -> Cost:
    layer, keras = network.layers[name], tf.keras.layers
    if not layer.weights:
        return Cost(0, 0)
    inputs, outputs, shape = len(left[network.inputs[name][0]]), len(left[name]), layer.output_shape
    if isinstance(layer, keras.BatchNormalization):
        return Cost((2 + layer.scale + layer.center) * outputs, 0)
    if isinstance(layer, keras.DepthwiseConv2D):
        window, times = layer.kernel_size, layer.depth_multiplier
        parameters = cost.depthwise_parameters(window, inputs, times, layer.use_bias)
        return Cost(parameters, cost.depthwise_macs(shape[1:3], window, inputs, times))
    if type(layer) is keras.Conv2D:
        parameters = cost.conv2d_parameters(layer.kernel_size, inputs, outputs, layer.use_bias)
        return Cost(parameters, cost.conv2d_macs(shape[1:3], layer.kernel_size, inputs, outputs))
    positions = math.prod(shape[1:-1])
    return Cost(cost.dense_parameters(inputs, outputs, layer.use_bias), cost.dense_macs(inputs, outputs, positions))


def _check_dense(layer: Any, kernel: np.ndarray, bias: np.ndarray | None) -> None:
    if type(layer) is not tf.keras.layers.Dense:
        raise LabkitError(
            f"Layer {layer.name!r} is of type {type(layer).__name__}, but only Dense layers can be resized: "
            "name a Dense layer (and strip TFMOT's wrappers first)."
        )
    if np.ndim(kernel) != 2 or 0 in np.shape(kernel):
        raise LabkitError(
            f"The kernel for layer {layer.name!r} has shape {np.shape(kernel)}, but must have (inputs, units), "
            "each at least 1."
        )
    if (bias is not None) != layer.use_bias:
        raise LabkitError(
            f"Layer {layer.name!r} is {'with' if layer.use_bias else 'without'} a bias: "
            f"give (kernel, {'bias' if layer.use_bias else 'None'})."
        )
    if bias is not None and np.shape(bias) != (np.shape(kernel)[1],):
        raise LabkitError(
            f"The bias for layer {layer.name!r} has shape {np.shape(bias)}, but must be ({np.shape(kernel)[1]},), "
            "one value per unit of the kernel."
        )


def _shapes(weights: list[np.ndarray]) -> str:
    return ", ".join(str(tuple(weight.shape)) for weight in weights) or "none"
