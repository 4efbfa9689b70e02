"""Explain TFMOT's messages about quantization in training: classes it cannot copy, layers it cannot quantize."""

from __future__ import annotations

import re
from typing import Any

from labkit.keras2.tracebacks import arguments, called

_OPERATIONS = ("TFOpLambda", "SlicingOpLambda")


def unknown_config(error: BaseException, match: re.Match[str]) -> str | None:
    """Explain a class of the learner's that quantize_model or quantize_apply could not copy."""
    return unknown_class(error, match["name"])


def unknown_class(error: BaseException, name: str) -> str | None:
    """Return the sentence about the class *name*; None when no call to quantize was on the way."""
    if not called(error, "quantize_apply"):
        return None
    call = "quantize_model" if called(error, "quantize_model") else "quantize_apply"
    layer_kinds = {type(layer).__name__ for layer in _layers(error)}
    remedy = f"call {call} inside 'with tfmot.quantization.keras.quantize_scope({{\"{name}\": {name}}}):'"
    if call == "quantize_model" and name in layer_kinds:
        remedy = (
            f"inside 'with tfmot.quantization.keras.quantize_scope({{\"{name}\": {name}}}):', annotate the other "
            f"layers with quantize_annotate_layer, which leaves {name} in float, and call quantize_apply"
        )
    return f"TFMOT writes the model down to copy it, and does not know your class {name}: {remedy}."


def class_left_as_text(error: BaseException) -> Any:
    """Return the name that stands where Keras looks for a layer, when it was given no class for it."""
    values = arguments(error, "process_node")
    names = [values.get("layer"), values.get("inbound_layer")]
    return next((name for name in names if isinstance(name, str)), None)


def operation(error: BaseException, match: re.Match[str]) -> str | None:
    """Explain TensorFlow operations that a functional model computes outside a layer."""
    if not called(error, "quantize_apply") and not called(error, "quantize_annotate_model"):
        return None
    names = [layer.name for layer in _layers(error) if type(layer).__name__ in _OPERATIONS]
    if not names:
        return None
    return (
        f"The model computes {', '.join(names)} outside a layer, and TFMOT copies layers only: write it as layers of "
        "tf.keras (Add, Multiply, ReLU, UpSampling2D, Cropping1D …), or compute it before or after the quantized model."
    )


def lambda_layer(error: BaseException, match: re.Match[str]) -> str | None:
    """Explain a Lambda layer in a model that is to be quantized."""
    if not called(error, "quantize_apply"):
        return None
    names = [layer.name for layer in _layers(error) if type(layer).__name__ == "Lambda"]
    return (
        f"TFMOT copies the model and cannot copy the Lambda layer {', '.join(map(repr, names))}: put a layer of "
        "tf.keras in its place, or compute it before or after the quantized model."
    )


def not_quantizable(error: BaseException, match: re.Match[str]) -> str:
    """Explain a layer that TFMOT refuses to quantize, batch normalization in the wrong place included."""
    name, kind = match["name"], match["kind"].split(".")[-1]
    if kind == "Rescaling":
        return (
            f"Quantization-aware training cannot contain the layer Rescaling ({name!r}): scale the images before they "
            "enter the model, and leave that layer out of it."
        )
    if kind != "BatchNormalization":
        return (
            f"TFMOT cannot quantize layer {name!r} ({kind}): leave it in float by annotating the other layers alone "
            "with quantize_annotate_layer, then quantize_apply, or give that function a QuantizeConfig for it."
        )
    before = _layer_before(error, name)
    activation = getattr(getattr(before, "activation", None), "__name__", "linear")
    if before is None or type(before).__name__ in ("InputLayer", "QuantizeLayer"):
        where, remedy = "stands first", "normalize the images before they enter the model, or put it behind a Conv2D"
    elif activation != "linear":
        kind_before = _inner(before)
        where = f"follows {kind_before}(activation={activation!r}), and TFMOT folds it only when nothing stands between"
        remedy = f"write {kind_before} without activation, BatchNormalization, ReLU()"
    elif _inner(before) in ("Conv2D", "DepthwiseConv2D", "Dense"):  # TFMOT folds these unless told how to quantize them
        where = (
            f"follows {_inner(before)} with a QuantizeConfig of its own, and TFMOT folds only what has the default one"
        )
        remedy = "leave BatchNormalization in float, without annotating it"
    else:
        where, remedy = f"follows {_inner(before)}", "put it directly behind a Conv2D, DepthwiseConv2D or Dense layer"
    return f"BatchNormalization {name!r} {where}: {remedy}."


def _layers(error: BaseException) -> list[Any]:
    """Return the layers of the model that was to be quantized, without TFMOT's annotations."""
    for function, argument in (
        ("quantize_model", "to_quantize"),
        ("quantize_annotate_model", "to_annotate"),
        ("quantize_apply", "model"),
    ):
        model = arguments(error, function).get(argument)
        if model is not None:
            return [getattr(layer, "layer", layer) for layer in getattr(model, "layers", [])]
    return []


def _layer_before(error: BaseException, name: str) -> Any:
    model = arguments(error, "quantize_apply").get("model") or arguments(error, "quantize_model").get("to_quantize")
    for layer in getattr(model, "layers", []):
        if getattr(layer, "layer", layer).name == name:
            before = layer.inbound_nodes[-1].inbound_layers if layer.inbound_nodes else None
            before = before[0] if isinstance(before, list) and before else before
            return getattr(before, "layer", before) or None
    return None


def _inner(layer: Any) -> str:
    return type(getattr(layer, "layer", layer)).__name__
