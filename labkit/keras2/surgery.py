"""Surgery on a Keras 2 model: the same network with dense layers of other sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from labkit.base.errors import LabkitError, one_of
from labkit.keras2.protect import require_layers


def resize_dense(model: Any, replacements: Mapping[str, tuple[np.ndarray, np.ndarray | None]]) -> Any:
    """A new model in which each named Dense layer has new weights, and so a new size; all else is copied.

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

    def copy(layer: Any) -> Any:
        config = layer.get_config()
        if layer.name in replacements:
            config["units"] = int(replacements[layer.name][0].shape[1])
        return type(layer).from_config(config)

    try:
        result = tf.keras.models.clone_model(model, clone_function=copy)
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


def _check_dense(layer: Any, kernel: np.ndarray, bias: np.ndarray | None) -> None:
    if type(layer) is not tf.keras.layers.Dense:
        raise LabkitError(
            f"Layer {layer.name!r} is of type {type(layer).__name__}, but only Dense layers can be resized: "
            "name a Dense layer (and strip TFMOT's wrappers first)."
        )
    if np.ndim(kernel) != 2 or 0 in np.shape(kernel):
        raise LabkitError(
            f"The kernel for layer {layer.name!r} has shape {np.shape(kernel)}, but takes (inputs, units), "
            "each at least 1."
        )
    if (bias is not None) != layer.use_bias:
        raise LabkitError(
            f"Layer {layer.name!r} is {'with' if layer.use_bias else 'without'} a bias: "
            f"give (kernel, {'bias' if layer.use_bias else 'None'})."
        )
    if bias is not None and np.shape(bias) != (np.shape(kernel)[1],):
        raise LabkitError(
            f"The bias for layer {layer.name!r} has shape {np.shape(bias)}, but takes ({np.shape(kernel)[1]},), "
            "one value a unit of the kernel."
        )


def _shapes(weights: list[np.ndarray]) -> str:
    return ", ".join(str(tuple(weight.shape)) for weight in weights) or "none"
