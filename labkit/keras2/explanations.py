"""What each of TFMOT's misleading messages means: a pattern, and what to say to who made the mistake.

Many messages fit several mistakes ("can only prune …" is raised for a Keras 3 model, a subclassed one and None).
Which one was made is read from the arguments of the failed call, which its traceback still holds.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

_GIVE = "give a built tf.keras Sequential or functional model"
_SCOPES = {
    "PruneLowMagnitude": ("tfmot.sparsity.keras.prune_scope()", "tfmot.sparsity.keras.strip_pruning"),
    "ClusterWeights": ("tfmot.clustering.keras.cluster_scope()", "tfmot.clustering.keras.strip_clustering"),
    "ClusterWeightsMHA": ("tfmot.clustering.keras.cluster_scope()", "tfmot.clustering.keras.strip_clustering"),
    "QuantizeLayer": ("tfmot.quantization.keras.quantize_scope()", ""),
    "QuantizeWrapper": ("tfmot.quantization.keras.quantize_scope()", ""),
    "QuantizeWrapperV2": ("tfmot.quantization.keras.quantize_scope()", ""),
    "QuantizeAnnotate": ("tfmot.quantization.keras.quantize_scope()", ""),
}
_MODEL_CALLS = {"compile", "fit", "evaluate", "predict", "summary", "save", "layers", "get_weights", "count_params"}


def _arguments(error: BaseException, function: str) -> dict[str, Any]:
    """The local variables of the first call to *function* in the error's traceback."""
    tb = error.__traceback__
    while tb is not None:
        if tb.tb_frame.f_code.co_name == function:
            return tb.tb_frame.f_locals
        tb = tb.tb_next
    return {}


def _wrong_model(call: str, function: str, argument: str) -> Callable[[BaseException, re.Match[str]], str]:
    """Explains why *call* refused its *argument*: None, Keras 3, subclassed, a layer, or no model at all."""

    def explain(error: BaseException, _: re.Match[str]) -> str:
        model = _arguments(error, function).get(argument)
        names = {kind.__module__.split(".")[0] + "." + kind.__name__ for kind in type(model).__mro__}
        if model is None:
            return f"{call} was given None instead of a model (what made it returned nothing): {_GIVE}."
        if any(name.startswith("keras.") for name in names):
            return (
                f"{call} was given a Keras 3 {type(model).__name__}, and TFMOT knows Keras 2 only: build or load it "
                "with tf.keras after 'import labkit', not with 'import keras'."
            )
        if "tf_keras.Model" in names:
            return (
                f"{call} was given a subclassed model ({type(model).__name__}), whose layers TFMOT cannot see: "
                "write it as tf.keras.Sequential or tf.keras.Model(inputs, outputs)."
            )
        return f"{call} was given an object of type {type(model).__name__}, which it cannot work on: {_GIVE}."

    return explain


def _lost_model(error: BaseException, _: re.Match[str]) -> str | None:
    name = getattr(error, "name", None)
    if name not in _MODEL_CALLS or "tensorflow_model_optimization" not in sys.modules:
        return None
    return (
        f"The model is None, so it has no {name!r}: cluster_weights returns None, without a word, for whatever is no "
        "Keras 2 model (a Keras 3 one, for instance), so give it a tf.keras model, or make your function return one."
    )


def _no_step(error: BaseException, _: re.Match[str]) -> str:
    return (
        "A model wrapped by prune_low_magnitude must be told the training step, and was not: add callbacks="
        "[tfmot.sparsity.keras.UpdatePruningStep()] to fit, or set each wrapper's pruning_step in a loop of yours."
    )


def _unknown_wrapper(error: BaseException, found: re.Match[str]) -> str | None:
    name = found.groupdict().get("name") or _arguments(error, "process_node").get("layer")
    if not isinstance(name, str) or name not in _SCOPES:
        return None
    scope, strip = _SCOPES[name]
    instead = f", or strip the model with {strip} before saving it" if strip else ""
    return f"The file holds TFMOT's wrapper {name}, which Keras does not know: load it inside 'with {scope}:'{instead}."


def _unknown_config(error: BaseException, found: re.Match[str]) -> str:
    name = found["name"]
    return (
        f"TFMOT writes the model down to copy it, and does not know your class {name}: call quantize_apply inside "
        f"'with tfmot.quantization.keras.quantize_scope({{\"{name}\": {name}}}):'."
    )


def _wrapped(error: BaseException, found: re.Match[str]) -> str:
    name = found["name"]
    if name.startswith("Quantize"):
        return (
            "This model is quantized already (it has a QuantizeLayer), and quantize_model works once: "
            "start again from the model before quantization, or go on training this one."
        )
    strip = _SCOPES[name][1]
    return f"This model still wears the training wrapper {name}: take it off first with {strip}(model)."


def _not_quantizable(error: BaseException, found: re.Match[str]) -> str:
    name, kind = found["name"], found["kind"].split(".")[-1]
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


def _layer_before(error: BaseException, name: str) -> Any:
    model = _arguments(error, "quantize_apply").get("model") or _arguments(error, "quantize_model").get("to_quantize")
    for layer in getattr(model, "layers", []):
        if getattr(layer, "layer", layer).name == name:
            before = layer.inbound_nodes[-1].inbound_layers if layer.inbound_nodes else None
            before = before[0] if isinstance(before, list) and before else before
            return getattr(before, "layer", before) or None
    return None


def _inner(layer: Any) -> str:
    return type(getattr(layer, "layer", layer)).__name__


def _unsupported(error: BaseException, found: re.Match[str]) -> str:
    verb, kind = found["verb"].lower(), found["kind"].split(".")[-1]
    call = "prune_low_magnitude" if verb == "prune" else "cluster_weights"
    if kind in _SCOPES:
        return f"This model still wears the training wrapper {kind}: take it off first with {_SCOPES[kind][1]}(model)."
    return (
        f"TFMOT does not know how to {verb} a layer of type {kind}: wrap only the layers that it knows, with "
        f"tf.keras.models.clone_model(model, clone_function=…) and {call} on each Dense or Conv2D."
    )


def _not_strippable(error: BaseException, found: re.Match[str]) -> str:
    name = "strip_pruning" if _arguments(error, "strip_pruning") else "strip_clustering"
    return _wrong_model(name, name, "model")(error, found)


def _says(sentence: str) -> Callable[[BaseException, re.Match[str]], str]:
    return lambda error, found: sentence


Explain = Callable[[BaseException, re.Match[str]], str | None]
RULES: list[tuple[str, Explain]] = [
    (r"prune_low_magnitude` can only prune", _wrong_model("prune_low_magnitude", "prune_low_magnitude", "to_prune")),
    (r"`to_quantize` can(not| only)", _wrong_model("quantize_model", "quantize_model", "to_quantize")),
    (
        r"`to_annotate` can(not| only)",
        _wrong_model("quantize_annotate_model", "quantize_annotate_model", "to_annotate"),
    ),
    (r"clone_function and input_tensors", _wrong_model("cluster_weights", "cluster_weights", "to_cluster")),
    (r"NoneType' object has no attribute", _lost_model),
    (r"requires the UpdatePruningStep callback", _no_step),
    (r"Unable to clone model\..*\[Unknown \w+: '(?P<name>\w+)'", _unknown_config),
    (
        r"must contain at least one layer which have been annotated",
        _says(
            "quantize_apply was given a model without an annotated layer, and has nothing to quantize: wrap the layers "
            "with quantize_annotate_layer first, or call quantize_model, which takes all of them."
        ),
    ),
    (r"layer=(?P<name>\w+) of type <class 'str'>", _unknown_wrapper),
    (r"Unknown layer: '(?P<name>\w+)'", _unknown_wrapper),
    (r"'str' object is not callable", _unknown_wrapper),
    (r"\[Layer (?P<name>Quantize\w+|PruneLowMagnitude|ClusterWeights\w*) supplied to wrapper", _wrapped),
    (r"Layer (?P<name>\S+):<class '(?P<kind>[\w.]+)'> is not supported\. You can quantize", _not_quantizable),
    (r"Please initialize `(?P<verb>Prune|Cluster)` with a supported layer.*<class '(?P<kind>[\w.]+)'>", _unsupported),
    (
        r"Quantizing a keras Model inside another",
        _says(
            "The model holds another model as a layer, which TFMOT cannot quantize: put that model's layers in its "
            "place, one by one."
        ),
    ),
    (
        r"`model` must be a built model",
        _says(
            "The model has no weights yet: give its first layer an input shape, or call model.build(input_shape), "
            "before quantize_model."
        ),
    ),
    (
        r"module '[\w.]*quantization' has no attribute 'quantize_model'",
        _says(
            "TensorFlow has no tf.quantization.quantize_model: call tfmot.quantization.keras.quantize_model to train "
            "with quantization, or tf.lite.TFLiteConverter to quantize after training."
        ),
    ),
    # Both strip functions say the same; the traceback tells which of them it was.
    (r"Expected model to be a `keras\.Model` instance", _not_strippable),
]
