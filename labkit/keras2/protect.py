"""Copy a model so that no method can change the original, and run the checks that every method begins with.

``prune_low_magnitude(model)`` and ``cluster_weights(model)`` wrap the very layers they are given: what they then train
*is* the baseline. Whoever gives them ``clone(model)`` keeps the baseline as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from labkit.base.errors import LabkitError
from labkit.keras2.model import Model
from labkit.keras2.wrappers import STRIPPERS


def is_keras3(thing: object) -> bool:
    """Return whether *thing* comes from Keras 3 (package ``keras``), which TFMOT does not know; imports nothing."""
    return any(kind.__module__.split(".")[0] == "keras" for kind in type(thing).__mro__)


def require_keras2(model: Any, purpose: str) -> None:
    """Raise LabkitError unless *model* is a Keras 2 model; *purpose* completes 'cannot …', as in ``"prune it"``."""
    if isinstance(model, tf.keras.Model):
        return
    if is_keras3(model):
        raise LabkitError(
            f"{_named(model)} is from Keras 3, but labkit and TFMOT need Keras 2: cannot {purpose}; "
            "build or load it with tf.keras after 'import labkit' (not with 'import keras')."
        )
    what = "None" if model is None else f"an object of type {type(model).__name__}"
    raise LabkitError(
        f"A tf.keras model is needed, not {what}: cannot {purpose}; give a Sequential or functional model."
    )


def require_graph(model: Any, purpose: str) -> None:
    """Raise LabkitError unless *model* is a built Sequential or functional Keras 2 model (not a subclassed one)."""
    require_keras2(model, purpose)
    if not isinstance(model, tf.keras.Sequential) and not isinstance(model, _functional()):
        raise LabkitError(
            f"{_named(model)} is a subclassed model, whose layers cannot be read from outside: cannot {purpose}; "
            "write it as tf.keras.Sequential or tf.keras.Model(inputs, outputs)."
        )
    if not model.built:
        raise LabkitError(
            f"{_named(model)} has no weights yet: cannot {purpose}; give its first layer an input shape, "
            "or call model.build(input_shape)."
        )


def require_layers(model: Any, purpose: str) -> None:
    """Raise as ``require_graph`` does, and for a model that holds another model: methods treat layers one by one."""
    require_graph(model, purpose)
    for layer in model.layers:
        if isinstance(layer, tf.keras.Model):
            raise LabkitError(
                f"{_named(model)} holds another model, {layer.name!r}, as a layer: cannot {purpose}; "
                "put that model's layers in its place, one by one."
            )


def require_stripped(model: Any, purpose: str) -> None:
    """Raise LabkitError when a layer of *model* still wears a wrapper of TFMOT that is for training only."""
    for layer in layers(model):
        stripper = STRIPPERS.get(type(layer).__name__)
        if stripper:
            raise LabkitError(
                f"Layer {layer.name!r} still has TFMOT's training wrapper {type(layer).__name__}: cannot {purpose}; "
                f"remove it first with {stripper}(model)."
            )


def layers(model: Model) -> Iterator[Any]:
    """Return the layers of *model*, those of models inside it included, in the order of the model."""
    for layer in model.layers:
        if isinstance(layer, tf.keras.Model):
            yield from layers(layer)
        else:
            yield layer


def clone(model: Model) -> Model:
    """Return a new Keras 2 model with *model*'s architecture and equal, independent weights; it is not compiled.

    Raises LabkitError for a Keras 3, subclassed or unbuilt model, and for what is no model.
    """
    require_graph(model, "clone it")
    with _scope(model):
        copy = tf.keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def weights_digest(model: Model) -> str:
    """Return the SHA-256 in hexadecimal over every weight's shape, type and bytes, in the model's order.

    Equal for a clone; another as soon as one bit of one weight changes.
    Raises LabkitError for what is no Keras 2 model.
    """
    require_keras2(model, "read its weights")
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(f"{weight.dtype.str}{weight.shape};".encode())
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


@contextmanager
def _scope(model: Model) -> Iterator[None]:
    """Return a context in which Keras knows TFMOT's wrappers, if *model* has any."""
    if not any(type(layer).__module__.startswith("tensorflow_model_optimization") for layer in layers(model)):
        yield
        return
    import tensorflow_model_optimization as tfmot

    prune, cluster, quantize = tfmot.sparsity.keras, tfmot.clustering.keras, tfmot.quantization.keras
    with prune.prune_scope(), cluster.cluster_scope(), quantize.quantize_scope():
        yield


def _functional() -> type:
    """Return the class of functional models, which ``tf.keras`` does not name: found as the type of one."""
    inputs = tf.keras.Input((1,))
    return type(tf.keras.Model(inputs, inputs))


def _named(model: Any) -> str:
    name = getattr(model, "name", None)
    return f"Model {name!r}" if isinstance(name, str) else f"An object of type {type(model).__name__}"
