"""Say in one sentence why the converter refused a Keras model, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from labkit.keras2.wrappers import QUANTIZED

_RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "ConvLSTM2D")


def is_quantized(model: Any) -> bool:
    """Return True for a quantization-aware model of TFMOT, which holds the ranges of its weights and activations."""
    return any(type(layer).__name__ in QUANTIZED for layer in _layers(model))


def inputs_sentence(model: Any) -> str | None:
    """Return what is wrong with the inputs of *model*; None when it has one, of known shape."""
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) > 1:
        names = ", ".join(tensor.name for tensor in inputs)
        return (
            f"Model {model.name!r} has {len(inputs)} inputs, and labkit converts models with one: concatenate them, or "
            f"use tf.lite.TFLiteConverter, with a representative_dataset that yields a list in the order of "
            f"model.inputs ({names})."
        )
    if not inputs or None in tuple(inputs[0].shape)[1:]:
        return (
            f"Model {model.name!r} does not have exactly one input of known shape: begin it with "
            "tf.keras.layers.Input((28, 28, 1)), or call it on one batch of images, before it is converted."
        )
    return None


def failure_sentence(model: Any, failure: BaseException) -> str:
    """Return why *model* could not be converted, when the converter ended with *failure*."""
    text = str(failure).strip() or type(failure).__name__
    kinds = {layer.name: type(layer).__name__ for layer in _layers(model)}
    dtypes = {layer.compute_dtype for layer in _layers(model)} - {"float32"}
    if "TensorListReserve" in text:
        recurrent = ", ".join(repr(name) for name, kind in kinds.items() if kind in _RECURRENT)
        return (
            f"The recurrent layer {recurrent or '(LSTM, GRU)'} of model {model.name!r} has an open "
            "batch size, which LiteRT cannot express: build the model with Input(shape, batch_size=1), or the layer "
            "with unroll=True, and set_weights."
        )
    if dtypes:
        return (
            f"Model {model.name!r} computes in {', '.join(sorted(dtypes))}, which LiteRT's converter cannot express: "
            "call tf.keras.mixed_precision.set_global_policy('float32'), build the model again, set_weights with those "
            "of this one, and convert that."
        )
    if "FusedBatchNorm" in text:
        return (
            f"Model {model.name!r} calls a BatchNormalization with training=True, which LiteRT's converter cannot "
            "express: build the model without that argument and set_weights."
        )
    reason = re.sub(r"\S+\.py:\d+:\d+: (error: )?", "", text.splitlines()[0]).rstrip(".")
    return (
        f"LiteRT's converter cannot express model {model.name!r} ({_shortened(reason)}): "
        "use layers that TFLite has built in."
    )


def _layers(model: Any) -> Iterator[Any]:
    from labkit.keras2.protect import layers  # brings TensorFlow, which reading and running a file does not need

    return layers(model)


def _shortened(text: str, limit: int = 200) -> str:
    """Return *text*, cut at a space before *limit* letters when it is longer."""
    return text if len(text) <= limit else text[:limit].rsplit(" ", 1)[0] + " …"
