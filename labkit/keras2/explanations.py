"""Explanations of TFMOT's misleading messages: for each a pattern, and the sentence that replaces it.

Many messages fit several mistakes ("can only prune …" is raised for a Keras 3 model, a subclassed one and None).
Which one was made is read from the arguments of the failed call, which its traceback still holds. One rule is a
pattern and a function of the error and the match that returns the sentence, or None when the rule does not apply.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

from labkit.keras2 import explanations_quantize as quantize
from labkit.keras2 import explanations_weights as weights
from labkit.keras2.sentences import float32_sentence, is_tensor, model_sentence, refuse_quantized, tensor_sentence
from labkit.keras2.tracebacks import arguments, called, frames
from labkit.keras2.wrappers import SCOPES, STRIPPERS

Explain = Callable[[BaseException, re.Match[str]], str | None]

_MODEL_CALLS = {"compile", "fit", "evaluate", "predict", "summary", "save", "layers", "get_weights", "count_params"}


def _wrong_model(call: str, argument: str) -> Explain:
    """Return a function that explains why *call* refused its *argument*."""

    def explain(error: BaseException, _: re.Match[str]) -> str:
        return model_sentence(call, arguments(error, call).get(argument))

    return explain


def _not_annotated(error: BaseException, _: re.Match[str]) -> str:
    """Explain a refusal of quantize_annotate_layer or of quantize_annotate_model, which use the same words."""
    if not called(error, "quantize_annotate_layer"):
        return model_sentence("quantize_annotate_model", arguments(error, "quantize_annotate_model").get("to_annotate"))
    layer = arguments(error, "quantize_annotate_layer").get("to_annotate")
    kind = type(layer).__name__
    names = {base.__module__.split(".")[0] + "." + base.__name__ for base in type(layer).__mro__}
    if layer is None:
        return (
            "quantize_annotate_layer was given None instead of a layer (the function that made it returned nothing): "
            "give it a tf.keras layer, such as Dense(4)."
        )
    if is_tensor(layer):
        return tensor_sentence("quantize_annotate_layer")
    if any(name.startswith("keras.") for name in names):
        return (
            f"quantize_annotate_layer was given a Keras 3 {kind}, and TFMOT knows Keras 2 only: "
            "make the layer with tf.keras after 'import labkit', not with 'import keras'."
        )
    if "tf_keras.Model" in names:
        return (
            f"quantize_annotate_layer takes one layer, and was given a model ({kind}): "
            "call quantize_annotate_model, which annotates every layer of a model."
        )
    return f"quantize_annotate_layer was given an object of type {kind}: give it a tf.keras layer, such as Dense(4)."


def _lost_model(error: BaseException, _: re.Match[str]) -> str | None:
    name = getattr(error, "name", None)
    if name not in _MODEL_CALLS or "tensorflow_model_optimization" not in sys.modules:
        return None
    return (
        f"The model is None, so it has no {name!r}: cluster_weights returns None, without a word, for whatever is no "
        "Keras 2 model (a Keras 3 one, for instance), so give it a tf.keras model, or make your function return one."
    )


def _unknown_wrapper(error: BaseException, match: re.Match[str]) -> str | None:
    name = match.groupdict().get("name") or quantize.class_left_as_text(error)
    if not isinstance(name, str):
        return None
    if name not in SCOPES:
        return quantize.unknown_class(error, name)
    stripper = STRIPPERS.get(name)
    remedy = f", or strip the model with {stripper} before saving it" if stripper else ""
    return (
        f"The file holds TFMOT's wrapper {name}, which Keras does not know: load it inside 'with {SCOPES[name]}:'"
        f"{remedy}."
    )


def _wrapped(error: BaseException, match: re.Match[str]) -> str:
    name = match["name"]
    if name.startswith("Quantize"):
        return (
            "This model is quantized already (it has a QuantizeLayer), and quantize_model works once: "
            "start again from the model before quantization, or go on training this one."
        )
    return f"This model still wears the training wrapper {name}: take it off first with {STRIPPERS[name]}(model)."


def _unsupported(error: BaseException, match: re.Match[str]) -> str:
    verb, kind = match["verb"].lower(), match["kind"].split(".")[-1]
    call = "prune_low_magnitude" if verb == "prune" else "cluster_weights"
    if kind in STRIPPERS:
        return f"This model still wears the training wrapper {kind}: take it off first with {STRIPPERS[kind]}(model)."
    if kind in SCOPES:
        return refuse_quantized(call, kind)
    return (
        f"TFMOT does not know how to {verb} a layer of type {kind}: wrap only the layers that it knows, with "
        f"tf.keras.models.clone_model(model, clone_function=…) and {call} on each Dense or Conv2D."
    )


def _not_strippable(error: BaseException, _: re.Match[str]) -> str:
    name = "strip_pruning" if arguments(error, "strip_pruning") else "strip_clustering"
    return model_sentence(name, arguments(error, name).get("model"))


def _half_precision(error: BaseException, match: re.Match[str]) -> str | None:
    """Explain a wrapper that failed inside a layer which computes in another type than float32."""
    if not re.search(r"float16|bfloat16|half|double|float64|dtype", str(error)):
        return None
    return float32_sentence(match["name"], "another type")


def _half_wrapped(error: BaseException, _: re.Match[str]) -> str | None:
    if not isinstance(error, StopIteration):
        return None
    if not any(frame.f_code.co_filename.endswith("cluster_wrapper.py") for frame in frames(error)):
        return None
    return (
        "This model was left half wrapped by a call of cluster_weights that failed: build it again (or load it), "
        "set its weights, and cluster that one."
    )


def _block_size(error: BaseException, _: re.Match[str]) -> str:
    layer = getattr(arguments(error, "build").get("self"), "layer", None)
    name = f"layer {layer.name!r} ({type(layer).__name__})" if layer is not None else "one of its layers"
    return (
        f"block_size prunes blocks of a matrix, and the kernel of {name} is none: give block_size to "
        "prune_low_magnitude for each Dense layer alone (tf.keras.models.clone_model with a clone_function), or prune "
        "the whole model with sparsity_m_by_n=(2, 4)."
    )


def _keras3_optimizer(error: BaseException, match: re.Match[str]) -> str:
    name = match["name"]
    return (
        f"The optimizer {name} is from Keras 3, and this model from Keras 2: "
        f"give compile a tf.keras.optimizers.{name}()."
    )


def _class_for_callback(error: BaseException, _: re.Match[str]) -> str | None:
    callback = arguments(error, "set_model").get("callback")
    if not isinstance(callback, type):
        return None
    name = callback.__name__
    return f"callbacks has the class {name} in it, not one made from it: write {name}(), with the brackets."


def _says(sentence: str) -> Explain:
    return lambda error, match: sentence


# The first rule whose pattern fits and whose function returns a sentence is the explanation.
RULES: list[tuple[str, Explain]] = [
    (r"prune_low_magnitude` can only prune", _wrong_model("prune_low_magnitude", "to_prune")),
    (r"`to_quantize` can(not| only)", _wrong_model("quantize_model", "to_quantize")),
    (r"`to_annotate` can(not| only)", _not_annotated),
    (r"clone_function and input_tensors", _wrong_model("cluster_weights", "to_cluster")),
    (r"NoneType' object has no attribute", _lost_model),
    (
        r"requires the UpdatePruningStep callback",
        _says(
            "A model wrapped by prune_low_magnitude needs the training step, and did not get it: add callbacks="
            "[tfmot.sparsity.keras.UpdatePruningStep()] to fit, or set each wrapper's pruning_step in a loop of yours."
        ),
    ),
    (r"Unable to clone model\..*\[Unknown \w+: '(?P<name>\w+)'", quantize.unknown_config),
    (r"Unable to clone model\..*\[Cannot deserialize object of type `(?P<name>\w+)`", quantize.unknown_config),
    (
        r"must contain at least one layer which have been annotated",
        _says(
            "quantize_apply was given a model without an annotated layer, and has nothing to quantize: wrap the layers "
            "with quantize_annotate_layer first, or call quantize_model, which takes all of them."
        ),
    ),
    (r"layer=(?P<name>\w+) of type <class 'str'>", _unknown_wrapper),
    (r"Unknown layer: '(?P<name>\w+)'", _unknown_wrapper),
    (r"'str' object (is not callable|has no attribute)", _unknown_wrapper),
    (r"\[Layer (?P<name>Quantize\w+|PruneLowMagnitude|ClusterWeights\w*) supplied to wrapper", _wrapped),
    (r"Unable to clone model\..*\[Layer (?P<name>\w+) supplied to wrapper", quantize.unknown_config),
    (r"Layer (?P<name>\S+):<class '(?P<kind>[\w.]+)'> is not supported\. You can quantize", quantize.not_quantizable),
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
    (r"calling layer \"(?P<name>[^\"]+)\" \(type (TFOpLambda|SlicingOpLambda)\)", quantize.operation),
    (r"The last dimension of the inputs to a Dense layer should be defined", quantize.operation),
    (r"deserialization of a Lambda layer with a Python `lambda`", quantize.lambda_layer),
    (
        r"calling layer \"(?P<name>[^\"]+)\" \(type (ClusterWeights\w*|PruneLowMagnitude|QuantizeAnnotate)\)",
        _half_precision,
    ),
    (r"Layer (?P<name>\S+) has no weights to cluster", weights.no_weights),
    (r"Expected num_to_sample <= points\.rows\(\)\. (?P<clusters>\d+) vs (?P<weights>\d+)", weights.too_many_clusters),
    (
        r"(Layer|Weight) count mismatch|axes don't match array|expected \d+ variables, but received \d+ variables",
        weights.weights_of_a_wrapped_model,
    ),
    (r"Block Sparsity can only be used for layers which have 2-dimensional", _block_size),
    (
        r"Could not interpret optimizer identifier: <keras\.src\.optimizers\.\w+\.(?P<name>\w+) object",
        _keras3_optimizer,
    ),
    (r"Callback\.set_model\(\) missing 1 required positional argument", _class_for_callback),
    (r"^$", _half_wrapped),
]
