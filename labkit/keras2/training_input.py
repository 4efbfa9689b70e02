"""Check what a training is given, once and before it begins, in place of an error deep inside TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from labkit.base.errors import UsageError
from labkit.keras2.model import Model


def tensors(x: ArrayLike, y: ArrayLike) -> tuple[tf.Tensor, tf.Tensor]:
    """Return images and targets as tensors, whole numbers among the targets as int32.

    Raises UsageError for what is no array (a generator, a ``tf.data.Dataset``, None), for images that are not finite,
    and when there are not as many targets as images.
    """
    images, targets = _array("x", x), _array("y", y)
    if images.ndim == 0 or targets.ndim == 0 or len(images) != len(targets):
        counts = [len(array) if array.ndim else 0 for array in (images, targets)]
        raise UsageError(f"There are {counts[0]} images and {counts[1]} labels: give one label per image.")
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        raise UsageError("Some images are not finite (NaN or infinite): leave them out, or replace those values.")
    if images.dtype.kind not in "uif":
        raise UsageError(f"The images are {images.dtype}: give uint8, or float32 in the form of the model's inputs.")
    kind = targets.dtype
    return tf.convert_to_tensor(images), tf.convert_to_tensor(targets, tf.int32 if kind.kind in "iub" else kind)


def check_fit(model: Model, inputs: tf.Tensor, labels: tf.Tensor, *, class_numbers: bool) -> None:
    """Check that *inputs* and *labels*, as `tensors` returns them, fit *model*; with *class_numbers* the labels too.

    A model without known shapes (a subclassed one) is not checked. Raises UsageError.
    """
    outputs = getattr(model, "outputs", None)
    if not outputs:
        return
    if len(outputs) != 1 or len(model.inputs) != 1:
        raise UsageError(
            f"Model {model.name!r} has {len(model.inputs)} inputs and {len(outputs)} outputs, and this training takes "
            "one of each: train it with compile and fit, or make a tf.keras.Model of one input and one output."
        )
    _check_images(model, inputs)
    if class_numbers:
        _check_labels(labels, int(outputs[0].shape[-1]), outputs[0].shape.rank)


def _array(name: str, value: Any) -> np.ndarray:
    if isinstance(value, np.ndarray | list | tuple) or (hasattr(value, "__array__") and not isinstance(value, type)):
        return np.asarray(value)
    what = "None" if value is None else f"a {type(value).__name__}"
    raise UsageError(
        f"{name} is {what}, but must be an array with one row per image: put the parts of a generator or a "
        "tf.data.Dataset together with np.concatenate, images in x and labels in y."
    )


def _check_images(model: Model, inputs: tf.Tensor) -> None:
    shape, wanted = tuple(inputs.shape[1:]), tuple(model.inputs[0].shape[1:])
    if inputs.dtype == tf.uint8 and inputs.shape.rank == 3:
        shape = (*shape, 1)  # the training adds the axis of the one channel
    if len(shape) != len(wanted) or any(b is not None and a != b for a, b in zip(shape, wanted, strict=True)):
        raise UsageError(
            f"The images have shape {tuple(inputs.shape)}, but model {model.name!r} takes (n, "
            f"{', '.join(map(str, wanted))}): reshape them (labkit.assets.data.as_input does)."
        )


def _check_labels(labels: tf.Tensor, classes: int, rank: int) -> None:
    shape = tuple(labels.shape)
    if rank != 2:
        raise UsageError(
            f"The model gives {rank - 1} axes per image, and cross-entropy takes one row of logits: give the loss that "
            "fits such outputs (loss=), or end the model in Flatten and Dense."
        )
    if len(shape) == 2 and shape[1] == 1:
        raise UsageError(f"y has shape {shape}, but the loss needs one class number per image: give y[:, 0].")
    if len(shape) == 2:
        raise UsageError(
            f"y has shape {shape}, but the loss needs class numbers: give y.argmax(axis=1), or a loss= for such rows."
        )
    if len(shape) != 1 or not labels.dtype.is_integer:
        raise UsageError(
            f"y has shape {shape} and holds {labels.dtype.name}, but the loss needs class numbers of shape (n,): give "
            "y.astype(int) if these are class numbers, or a loss= for such values."
        )
    low, high = (int(f(labels)) for f in (tf.reduce_min, tf.reduce_max)) if shape[0] else (0, 0)
    if low < 0 or high >= classes:
        remedy = (
            "give y - 1" if low > 0 and high == classes else "end the model in as many outputs as there are classes"
        )
        raise UsageError(
            f"y goes from {low} to {high}, and the model has {classes} outputs, numbered 0 to {classes - 1}: {remedy}."
        )
