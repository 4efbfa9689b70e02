"""Count the images that a ``.tflite`` file classifies correctly, after checking that labels and images can be meant."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labkit.base.errors import LabkitError
from labkit.deploy import tflite
from labkit.deploy.content import Source, describe
from labkit.deploy.flatbuffer import Graph, Tensor
from labkit.methods.images import scaled_to

_TOO_WIDE = 8  # times the images' range: int8 then has fewer than 32 of its 256 levels left for them


class CalibrationWarning(UserWarning):
    """An int8 file whose input range shows that it was calibrated on images in another range."""


def accuracy(content: Source, images: ArrayLike, labels: ArrayLike, threads: int = 1) -> tuple[int, int]:
    """Return how many images the file classifies correctly (the largest output wins), and how many there are.

    *images*: (n, …) whole numbers from 0 to 255 or floats in [0, 1], as `methods.images` scales them; *labels*: class
    numbers (n,) from 0. Warns (CalibrationWarning) when an int8 file was calibrated on a range far wider than the
    images'. Raises LabkitError when there are no images, when labels are no class numbers or do not fit the file's
    outputs, and when the file gives anything but one row of class scores per image; UsageError for images in another
    range; and as `tflite.predict` does.
    """
    graph = Graph(content)
    classes = _classes(graph, content)
    numbers = check_labels(labels, classes)
    n = len(np.asarray(images))
    if n == 0 or len(numbers) != n:
        raise LabkitError(
            f"Accuracy needs as many classes as images, and one at least, but there are {n} images and "
            f"{len(numbers)} classes: give a split of a data set."
        )
    inputs = scaled_to(np.asarray(images), graph.tensors[graph.graph.inputs[0]].shape[1:])
    warning = calibration_sentence(graph, inputs)
    if warning:
        warnings.warn(warning, CalibrationWarning, stacklevel=2)
    scores = tflite.predict(content, inputs, threads)
    return int(np.count_nonzero(scores.argmax(axis=1) == numbers)), n


def check_labels(labels: ArrayLike, classes: int) -> NDArray[np.integer]:
    """Return *labels* as whole numbers (n,). Raises LabkitError unless all are class numbers below *classes*."""
    numbers = np.asarray(labels)
    if numbers.ndim == 2 and numbers.shape[1] == 1:
        raise LabkitError(
            f"The labels have shape {numbers.shape}, but accuracy needs one number per image: give y[:, 0]."
        )
    if numbers.ndim == 2:
        raise LabkitError(
            f"The labels have shape {numbers.shape}, which looks one-hot, but accuracy needs class numbers: "
            "give y.argmax(axis=1)."
        )
    if numbers.ndim != 1:
        raise LabkitError(f"The labels have shape {numbers.shape}: give one class number per image, shape (n,).")
    if numbers.dtype.kind == "f":
        raise LabkitError(
            f"The labels are {numbers.dtype}, but accuracy needs class numbers: give y.astype(int) if these are class "
            "numbers; values of a regression have no accuracy."
        )
    if numbers.dtype.kind not in "iub":
        raise LabkitError(
            f"The labels are {numbers.dtype}, but accuracy needs class numbers: number the names in the order of the "
            "file's outputs, as np.unique(y, return_inverse=True)[1] does in alphabetical order."
        )
    numbers = numbers.astype(np.int64)
    if len(numbers) and (numbers.min() < 0 or numbers.max() >= classes):
        remedy = (
            "give y - 1" if numbers.min() > 0 and numbers.max() == classes else "give a file made for these classes"
        )
        raise LabkitError(
            f"The labels go from {numbers.min()} to {numbers.max()}, and the file has {classes} outputs, numbered "
            f"0 to {classes - 1}: {remedy}."
        )
    return numbers


def calibration_sentence(graph: Graph, inputs: NDArray[np.float32]) -> str:
    """Return what is wrong with the input range of an int8 file for *inputs* as the network takes them, or ''."""
    quantized = _quantized_input(graph)
    if quantized is None or not inputs.size:
        return ""
    covered = 255 * quantized.scale[0]
    span = max(float(inputs.max()), 0.0) - min(float(inputs.min()), 0.0)
    if covered <= _TOO_WIDE * span:
        return ""
    return (
        f"The int8 input covers a range of {covered:.4g}, and these images one of {span:.4g}, so that they use few "
        "of its 256 levels: the file was calibrated on images in another range (0 to 255, perhaps), so convert it "
        "again with representative images scaled as these are."
    )


def _quantized_input(graph: Graph) -> Tensor | None:
    """Return the tensor that holds the input as int8: the input itself, or what the first operator makes of it."""
    index = graph.graph.inputs[0]
    if graph.tensors[index].scale:
        return graph.tensors[index]
    for operator in graph.operators:
        if operator.name == "QUANTIZE" and operator.inputs[0] == index:
            return graph.tensors[operator.outputs[0]]
    return None


def _classes(graph: Graph, source: Source) -> int:
    """Return the number of class scores per image. Raises LabkitError when the outputs are something else."""
    shapes = [graph.tensors[index].shape for index in graph.graph.outputs]
    if len(graph.graph.inputs) != 1 or len(shapes) != 1:
        raise LabkitError(
            f"{describe(source)} has {len(graph.graph.inputs)} inputs and {len(shapes)} outputs, but accuracy needs "
            "one of each: compare the outputs with labkit.deploy.tflite.interpreter."
        )
    per_image = shapes[0][1:]
    if len(per_image) != 1 or per_image[0] < 2:
        raise LabkitError(
            f"Accuracy needs one row of class scores per image, but {describe(source)} gives {per_image}: "
            "compare what labkit.deploy.tflite.predict returns in the way that fits such outputs."
        )
    return int(per_image[0])
