"""Convert a model's weights to named tensors, the content of a ``.lkz`` file, and back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from labkit.base.errors import LabkitError
from labkit.keras2.model import Model
from labkit.keras2.protect import require_graph, require_stripped


def tensors(model: Model) -> dict[str, NDArray[np.float32]]:
    """Return every weight of *model* by its name, ``dense_1/kernel``: what a ``.lkz`` file holds.

    Raises LabkitError for what is no built Keras 2 model, one that wears TFMOT's wrappers, and names that repeat.
    """
    require_graph(model, "read its weights")
    require_stripped(model, "read its weights")
    return {name: variable.numpy() for name, variable in variables(model).items()}


def set_tensors(model: Model, values: Mapping[str, np.ndarray]) -> None:
    """Set *model*'s weights from a dict as `tensors` returns it. Raises LabkitError unless all are there and fit."""
    known = variables(model)
    for name, variable in known.items():
        if name not in values:
            raise LabkitError(_missing(model, name, values))
        if tuple(variable.shape) != np.shape(values[name]):
            raise LabkitError(
                f"Tensor {name!r} has shape {np.shape(values[name])}, and model {model.name!r} takes "
                f"{tuple(variable.shape)}: give a file of such a model."
            )
    if len(values) != len(known):
        extra = next(name for name in values if name not in known)
        raise LabkitError(f"Model {model.name!r} has no weight {extra!r}: give the model of this file.")
    for name, variable in known.items():
        variable.assign(values[name])


def variables(model: Model) -> dict[str, tf.Variable]:
    """Return every variable of *model* by its name. Raises LabkitError when two have the same."""
    by_name: dict[str, tf.Variable] = {}
    for variable in model.weights:
        name = name_of(variable)
        if name in by_name:
            raise LabkitError(
                f"Model {model.name!r} has two weights called {name!r}: give each layer a name of its own, those of "
                "inner models too."
            )
        by_name[name] = variable
    return by_name


def name_of(variable: tf.Variable) -> str:
    """Return the name of a variable as a file has it: ``dense_1/kernel``."""
    return str(variable.name).removesuffix(":0")


def _missing(model: tf.keras.Model, name: str, values: Mapping[str, np.ndarray]) -> str:
    """Return the sentence for a weight that the file does not have."""
    in_file = next((other for other in values if other.split("/")[-1] == name.split("/")[-1]), None)
    sentence = f"There is no tensor {name!r} for model {model.name!r}"
    if in_file is None:
        return f"{sentence}: give a file of such a model."
    return (
        f"{sentence}; the file has {in_file!r}, and layers without a name are numbered anew by each session: name the "
        "layers, or give the model file that the tensors were read from."
    )
