"""The sentences about wrong arguments of TFMOT's functions, for checks before a call and for translations."""

from __future__ import annotations

import sys
from typing import Any

_GIVE = "give a built tf.keras Sequential or functional model"

# How to combine pruning or clustering with quantization: the method first, then a scheme that keeps what it made.
_KEEPING = {
    "prune_low_magnitude": ("strip_pruning", "Default8BitPrunePreserveQuantizeScheme"),
    "cluster_weights": ("strip_clustering", "Default8BitClusterPreserveQuantizeScheme"),
}
_EXAMPLES = {
    "prune_low_magnitude": "prune_low_magnitude(Conv2D(4, 3))(x)",
    "quantize_annotate_layer": "quantize_annotate_layer(Conv2D(4, 3))(x)",
}


def is_tensor(thing: Any) -> bool:
    """Return True for a TensorFlow tensor, or for what calling a Keras layer on ``Input`` gives."""
    if type(thing).__name__ == "KerasTensor":
        return True
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and bool(tensorflow.is_tensor(thing))


def tensor_sentence(call: str) -> str:
    """Return the sentence about a tensor given to *call* (such as ``prune_low_magnitude``) for a layer or a model."""
    what = f"{call} was given a tensor (the result of calling a layer)"
    if call in _EXAMPLES:
        return f"{what}: wrap the layer, then call it, as in {_EXAMPLES[call]}."
    return f"{what}, but needs a model: {_GIVE}."


def refuse_quantized(call: str, wrapper: str) -> str:
    """Return the sentence about a quantized model given to *call*, which cannot work on it."""
    strip, scheme = _KEEPING[call]
    return (
        f"This model is quantized already ({wrapper}), which {call} does not accept and labkit cannot undo: start from "
        f"the float model with {call}, fit and {strip}, and quantize last, by quantize_apply("
        f"quantize_annotate_model(model), tfmot.experimental.combine.{scheme}())."
    )


def model_sentence(call: str, model: Any) -> str:
    """Return the sentence about *model*, given to *call* for a model: None, a tensor, Keras 3, subclassed, or other."""
    kind = type(model).__name__
    packages = {base.__module__.split(".")[0] for base in type(model).__mro__}
    names = {base.__name__ for base in type(model).__mro__}
    if model is None:
        return f"{call} was given None instead of a model (the function that made it returned nothing): {_GIVE}."
    if is_tensor(model):
        return tensor_sentence(call)
    if "keras" in packages:
        return (
            f"{call} was given a Keras 3 {kind}, and TFMOT knows Keras 2 only: build or load it "
            "with tf.keras after 'import labkit', not with 'import keras'."
        )
    if "tf_keras" in packages and "Model" in names:
        return (
            f"{call} was given a subclassed model ({kind}), whose layers TFMOT cannot see: "
            "write it as tf.keras.Sequential or tf.keras.Model(inputs, outputs)."
        )
    return f"{call} was given an object of type {kind}, which it cannot work on: {_GIVE}."


def float32_sentence(layer: str, dtype: str) -> str:
    """Return the sentence about *layer*, which computes in *dtype*, where TFMOT takes float32 only."""
    return (
        f"Layer {layer!r} computes in {dtype}, and TFMOT works on float32 only: call "
        "tf.keras.mixed_precision.set_global_policy('float32'), build the model again, and set_weights with those of "
        "this one."
    )


def clusters_sentence(layer: str, weights: int, clusters: int) -> str:
    """Return the sentence about *layer*, whose kernel has fewer weights than *clusters*."""
    return (
        f"Layer {layer!r} has {weights} weights to cluster, fewer than {clusters} clusters: use at most {weights} "
        "clusters, leave that layer out with tf.keras.models.clone_model and a clone_function, or give "
        "cluster_centroids_init=CentroidInitialization.LINEAR."
    )
