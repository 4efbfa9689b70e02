"""From a Keras model to a ``.tflite`` file, and from the file to its answers through LiteRT."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labkit.base import files
from labkit.base.errors import LabkitError, UsageError, one_of
from labkit.base.quiet import native_stderr
from labkit.deploy import conversion
from labkit.deploy.content import OpenFile, Source, describe, interpreter, trust

__all__ = ["PRECISIONS", "convert", "interpreter", "predict", "save"]

PRECISIONS = ("float32", "float16", "dynamic", "int8")


def convert(
    model: Any,
    precision: str = "float32",
    representative: ArrayLike | None = None,
    per_channel: bool = True,
    float_io: bool = True,
) -> bytes:
    """Return the ``.tflite`` file of a Keras 2 *model*, as bytes; print nothing.

    *precision*: ``float32``; ``float16`` (weights stored so, computed in float32); ``dynamic`` (int8 weights,
    activations quantized as they come; the converter leaves weights of fewer than 1,024 values in float32); ``int8``
    (integer kernels only).
    *representative*: an array of images, (n, …) as the model takes them, whose activations set the int8 ranges; TFMOT's
    quantization-aware models bring their ranges along: for them it may be None and is not used.
    *per_channel*: one weight scale per channel, or one per tensor (TFMOT's quantization-aware models ignore this).
    *float_io*: float32 input and output around the int8 kernels, or int8 input and output.

    The bytes are the same for equal weights **and equal layer names**: the file carries the layers' names, so a model
    built twice with automatic names (``dense_2``, ``input_2``) gives files that differ in the names alone.
    The converter leaves out a dense layer's bias when it is zero throughout.

    Raises LabkitError for anything but a built Keras 2 model with one input, for a model still wrapped for pruning or
    clustering, for a quantization-aware model in another precision than int8, for int8 without *representative*, and
    when the file's output is not int8 although *float_io* is False; UsageError for an unknown *precision*.
    """
    one_of("precision", precision, PRECISIONS)
    if not float_io and precision != "int8":
        raise UsageError(f"float_io=False needs int8 input and output, but precision is {precision!r}: use 'int8'.")
    _check(model)
    learned = conversion.is_quantized(model)
    if learned and precision != "int8":
        raise LabkitError(
            f"Model {model.name!r} is quantization-aware, and its {precision} file would only simulate "
            "the rounding: convert it with precision 'int8'."
        )
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
    content = _quietly(converter.convert, model)
    if not float_io:
        _check_integer_io(content, model)
    trust(content)
    return content


def save(content: bytes, path: Path | str) -> Path:
    """Write a ``.tflite`` file whole or not at all; return its path. Raises LabkitError when it cannot be written."""
    return files.write(path, content)


def predict(source: Source, x: ArrayLike, threads: int = 1, batch: int = 256) -> NDArray[np.float32]:
    """Return the model's output for *x*, float32, (n, …) → (n, outputs): any number of images, none included.

    *x* is floating and finite, in the model's own range (labkit's networks take [0, 1]); for a file with int8 input or
    output it is quantized, and the output dequantized, with the scale and zero point that the file states. A file whose
    input is whole numbers (indices of an embedding) takes whole numbers.
    *threads* for LiteRT, *batch* images at a time (which changes the time, not the answers).
    Raises LabkitError for a damaged file or images that do not fit; UsageError for *threads* or *batch* below 1.
    """
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise UsageError(f"batch is {batch!r}, but must be a whole number, 1 or more.")
    runner, inputs, outputs = _runner(source, threads)
    images = check_images(x, tuple(int(size) for size in inputs["shape"][1:]), input_dtype(inputs))
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
            f"{describe(source)} has {len(inputs)} inputs and {len(outputs)} outputs, but predict needs models "
            "with one of each: use labkit.deploy.tflite.interpreter."
        )
    return runner, inputs[0], outputs[0]


def allocate(runner: Any) -> None:
    """Let an interpreter allocate its tensors, without what LiteRT prints meanwhile."""
    with native_stderr():
        runner.allocate_tensors()


def check_images(x: ArrayLike, shape: tuple[int, ...], dtype: Any = np.float32) -> NDArray[Any]:
    """Return *x* as an array after checking that it fits a model which takes (n, *shape*) of *dtype*.

    Raises LabkitError for another shape, for values that are not finite, and for whole numbers where the model takes
    floats (or, with an integer *dtype*, the other way round).
    """
    images = np.asarray(x)
    what = "images" if len(shape) >= 2 else "inputs"
    if images.shape[1:] != shape or images.ndim == 0:
        remedy = " (labkit.assets.data.as_input does)" if len(shape) >= 2 else ""
        raise LabkitError(
            f"The {what} have shape {images.shape}, but this model needs (n, {', '.join(map(str, shape))}), n {what} "
            f"at once: reshape them{remedy}."
        )
    if np.issubdtype(dtype, np.integer):
        if images.dtype.kind not in "iu":
            raise LabkitError(
                f"The {what} are {images.dtype}, but this model needs {np.dtype(dtype)} (indices): "
                f"give whole numbers, such as x.astype('{np.dtype(dtype)}')."
            )
        return images
    if not np.issubdtype(images.dtype, np.floating):
        if len(shape) >= 2:
            raise LabkitError(
                f"The images are {images.dtype}, but the model needs floats in the range of its training: "
                "scale them to 0 to 1 first (labkit.assets.data.as_input does)."
            )
        raise LabkitError(
            f"The inputs are {images.dtype}, but the model needs floats: give x.astype('float32'), scaled "
            "only if it was trained on scaled values (indices are not scaled)."
        )
    if not np.isfinite(images).all():
        raise LabkitError(f"The {what} are not all finite (NaN or infinite): leave those out, or replace such values.")
    return images


def input_dtype(details: dict[str, Any]) -> Any:
    """Return the type that a caller gives a model's input in: its own, or float32 where it is quantized."""
    return np.float32 if is_quantized(details) else details["dtype"]


def is_quantized(details: dict[str, Any]) -> bool:
    """Return True when an input or output holds quantized values, and not indices or floats."""
    return bool(np.issubdtype(details["dtype"], np.integer) and details["quantization"][0])


def quantized(values: NDArray[Any], details: dict[str, Any]) -> NDArray[Any]:
    """Return *values* rounded as the input that *details* describe takes them; unchanged where it is not quantized."""
    if not is_quantized(details):
        return values
    scale, zero_point = details["quantization"]
    limits = np.iinfo(details["dtype"])
    return np.clip(np.rint(values / np.float32(scale)) + zero_point, limits.min, limits.max)


def _dequantized(values: NDArray[Any], details: dict[str, Any]) -> NDArray[Any]:
    if not is_quantized(details):
        return values
    scale, zero_point = details["quantization"]
    return np.float32(scale) * (values.astype(np.int32) - zero_point)


def _check(model: Any) -> None:
    from labkit.keras2.protect import require_keras2, require_stripped

    require_keras2(model, "convert it to .tflite")
    require_stripped(model, "convert it to .tflite")  # the file would carry the wrapper's variables and branches
    sentence = conversion.inputs_sentence(model)
    if sentence:
        raise LabkitError(sentence)


def _check_integer_io(content: bytes, model: Any) -> None:
    from labkit.deploy.inspect import summary

    held = summary(content)
    wrong = [tensor.dtype for tensor in (*held.inputs, *held.outputs) if tensor.dtype != "int8"]
    if wrong:
        raise LabkitError(
            f"The file of model {model.name!r} has {wrong[0]} input or output, though float_io=False asks for int8: "
            "its first or last layers are not quantized, so annotate them too, or leave float_io at True."
        )


def _calibration(representative: Any, shape: tuple[int, ...]) -> NDArray[np.float32]:
    if representative is None:
        raise LabkitError(
            "Precision int8 needs representative images to set the ranges of the activations: give representative=, "
            "some hundred training images in the form of the model's inputs."
        )
    if not isinstance(representative, (list, tuple)) and not hasattr(representative, "__array__"):
        raise LabkitError(
            f"representative is a {type(representative).__name__}, but must be an array of images: put them together "
            "with np.concatenate([...]), or np.stack for single images."
        )
    images = check_images(representative, shape).astype(np.float32)
    if not len(images) or images.min() == images.max():
        raise LabkitError(
            "There are no representative images, or their values are equal, so they set no range: give some hundred "
            "training images in the form of the model's inputs."
        )
    return images


def _quietly(convert: Callable[[], Any], model: Any) -> bytes:
    """Run the converter with its messages held back: native ones, warnings and logging."""
    with native_stderr(), _hushed():
        try:
            return bytes(convert())
        except Exception as error:
            failure = error
    raise LabkitError(conversion.failure_sentence(model, failure)) from failure


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
