"""From a Keras model to a ``.tflite`` file, and from the file to its answers through LiteRT."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labkit.base import files
from labkit.base.errors import LabkitError, UsageError, one_of
from labkit.base.quiet import native_stderr
from labkit.deploy.content import OpenFile, Source, describe, interpreter, trust

__all__ = ["PRECISIONS", "convert", "interpreter", "predict", "save"]

PRECISIONS = ("float32", "float16", "dynamic", "int8")
_QUANTIZE_WRAPPERS = {"QuantizeLayer", "QuantizeWrapper", "QuantizeWrapperV2"}


def convert(
    model: Any,
    precision: str = "float32",
    representative: ArrayLike | None = None,
    per_channel: bool = True,
    float_io: bool = True,
) -> bytes:
    """The ``.tflite`` file of a Keras 2 *model*, as bytes; says nothing while it works.

    *precision*: ``float32``; ``float16`` (weights stored so, computed in float32); ``dynamic`` (int8 weights,
    activations quantized as they come; the converter leaves weights of fewer than 1,024 values in float32); ``int8``
    (integer kernels only).
    *representative*: the images, (n, …) as the model takes them, whose activations set the int8 ranges; TFMOT's
    quantization-aware models bring their ranges along: for them it may be None and is not used.
    *per_channel*: one weight scale a channel, or one a tensor (TFMOT's quantization-aware models ignore this).
    *float_io*: float32 input and output around the int8 kernels, or int8 input and output.

    The bytes are the same for equal weights **and equal layer names**: the file carries the layers' names, so a model
    built twice with automatic names (``dense_2``, ``input_2``) gives files that differ in the names alone.
    The converter leaves out a dense layer's bias when it is zero throughout.

    Raises LabkitError for anything but a built Keras 2 model with one input, for a model still wrapped for pruning or
    clustering, and for int8 without *representative*; UsageError for an unknown *precision*.
    """
    one_of("precision", precision, PRECISIONS)
    if not float_io and precision != "int8":
        raise UsageError(f"float_io=False asks for int8 input and output, but precision is {precision!r}: use 'int8'.")
    _check(model)
    learned = precision != "float32" and _learned_ranges(model)
    images = None
    if precision == "int8" and not learned:
        images = _calibration(representative, tuple(model.inputs[0].shape)[1:])
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if images is not None:
        converter.representative_dataset = lambda: ([images[i : i + 1]] for i in range(len(images)))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    if not float_io:
        converter.inference_input_type = converter.inference_output_type = tf.int8
    converter._experimental_disable_per_channel = not per_channel  # TensorFlow 2.21 has no public switch for it
    content = _quietly(converter.convert, str(model.name))
    trust(content)
    return content


def save(content: bytes, path: Path | str) -> Path:
    """Write a ``.tflite`` file whole or not at all; return its path. Raises LabkitError when it cannot be written."""
    return files.write(path, content)


def predict(source: Source, x: ArrayLike, threads: int = 1, batch: int = 256) -> NDArray[np.float32]:
    """The model's output for *x*, float32, (n, …) → (n, outputs): any number of images, none included.

    *x* is floating, in the model's own range (labkit's networks take [0, 1]); for a file with int8 input or output it
    is quantized, and the output dequantized, with the scale and zero point that the file states.
    *threads* for LiteRT, *batch* images at a time (which changes the time, not the answers).
    Raises LabkitError for a damaged file or images that do not fit; UsageError for *threads* or *batch* below 1.
    """
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise UsageError(f"batch is {batch!r}, but takes a whole number, 1 or more.")
    runner, inputs, outputs = _runner(source, threads)
    images = check_images(x, tuple(int(size) for size in inputs["shape"][1:]))
    size = max(1, min(batch, len(images)))
    try:
        runner.resize_tensor_input(inputs["index"], [size, *images.shape[1:]])
        allocate(runner)
        width = runner.get_output_details()[0]["shape"]
        if width[0] != size:
            raise RuntimeError("the output does not follow the batch")
    except (ValueError, RuntimeError):  # a file made for one image at a time
        if isinstance(source, OpenFile):
            source.close()  # the interpreter that refused the size is of no use any more
        runner, inputs, outputs = _runner(source, threads)
        size = int(inputs["shape"][0])
        try:
            allocate(runner)
        except (ValueError, RuntimeError) as error:
            raise LabkitError(f"LiteRT cannot prepare {describe(source)}: convert the model again.") from error
        width = runner.get_output_details()[0]["shape"]
    answers = np.empty((len(images), *width[1:]), np.float32)
    block = np.zeros((size, *images.shape[1:]), inputs["dtype"])
    for start in range(0, len(images), size):
        part = images[start : start + size]
        block[: len(part)] = quantized(part, inputs)  # the last block is filled up with what came before
        runner.set_tensor(inputs["index"], block)
        runner.invoke()
        answers[start : start + size] = _dequantized(runner.get_tensor(outputs["index"])[: len(part)], outputs)
    return answers


def _runner(source: Source, threads: int) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    runner = interpreter(source, threads)
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    if len(inputs) != 1 or len(outputs) != 1:
        raise LabkitError(
            f"{describe(source)} has {len(inputs)} inputs and {len(outputs)} outputs, but predict takes models "
            "with one of each: use labkit.deploy.tflite.interpreter."
        )
    return runner, inputs[0], outputs[0]


def allocate(runner: Any) -> None:
    with native_stderr():
        runner.allocate_tensors()


def check_images(x: ArrayLike, shape: tuple[int, ...]) -> NDArray[Any]:
    images = np.asarray(x)
    if images.shape[1:] != shape or images.ndim == 0:
        raise LabkitError(
            f"The images have shape {images.shape}, but this model takes (n, {', '.join(map(str, shape))}), n images "
            "at once: reshape them (labkit.assets.data.as_input does)."
        )
    if not np.issubdtype(images.dtype, np.floating):
        raise LabkitError(
            f"The images are {images.dtype}, but the model takes floating values in the range it was trained on: "
            "scale them to 0 to 1 first (labkit.assets.data.as_input does)."
        )
    return images


def quantized(values: NDArray[Any], details: dict[str, Any]) -> NDArray[Any]:
    if not np.issubdtype(details["dtype"], np.integer):
        return values
    scale, zero_point = details["quantization"]
    limits = np.iinfo(details["dtype"])
    return np.clip(np.rint(values / np.float32(scale)) + zero_point, limits.min, limits.max)


def _dequantized(values: NDArray[Any], details: dict[str, Any]) -> NDArray[Any]:
    if not np.issubdtype(details["dtype"], np.integer):
        return values
    scale, zero_point = details["quantization"]
    return np.float32(scale) * (values.astype(np.int32) - zero_point)


def _check(model: Any) -> None:
    from labkit.keras2.protect import require_keras2, require_stripped

    require_keras2(model, "convert it to .tflite")
    require_stripped(model, "convert it to .tflite")  # the file would carry the wrapper's variables and branches
    inputs = getattr(model, "inputs", None)
    if not inputs or len(inputs) != 1 or None in tuple(inputs[0].shape)[1:]:
        raise LabkitError(
            f"Model {model.name!r} does not have exactly one input of known shape: begin it with "
            "tf.keras.layers.Input((28, 28, 1)), or call it on one batch of images, before it is converted."
        )


def _learned_ranges(model: Any) -> bool:
    from labkit.keras2.protect import layers

    return any(type(layer).__name__ in _QUANTIZE_WRAPPERS for layer in layers(model))


def _calibration(representative: ArrayLike | None, shape: tuple[int, ...]) -> NDArray[np.float32]:
    if representative is None:
        raise LabkitError(
            "Precision int8 needs representative images to set the ranges of the activations: give representative=, "
            "some hundred training images as the model takes them."
        )
    images = check_images(representative, shape).astype(np.float32)
    if not len(images) or not np.isfinite(images).all():
        raise LabkitError(
            "The representative images are none, or not all finite: give some hundred training images as the model "
            "takes them."
        )
    return images


def _quietly(conversion: Any, name: str) -> bytes:
    """Run the converter with its messages held back: native ones, warnings and logging."""
    with native_stderr(), _hushed():
        try:
            return bytes(conversion())
        except Exception as error:
            failure = error
    reason = (str(failure).strip() or type(failure).__name__).splitlines()[0].rstrip(".")
    raise LabkitError(
        f"LiteRT's converter cannot express model {name!r} ({reason[:200]}): use layers that TFLite has built in."
    ) from failure


@contextmanager
def hushed() -> Iterator[None]:
    """Hold back what TensorFlow's own converter says (native messages, warnings, logging) when a page calls it."""
    with native_stderr(), _hushed():
        yield


@contextmanager
def _hushed() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("tensorflow", "absl", "tf_keras")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
