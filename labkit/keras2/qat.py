"""Quantization in training beyond TFMOT's eight bits: quantizers for its QuantizeConfig, and the weights they leave.

TFMOT gives a Conv2D one range for each output channel. It does the same with a DepthwiseConv2D, along the kernel's last
axis; but that axis is the depth multiplier, so that all channels of a depthwise layer share one range.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
from numpy.typing import NDArray

from labkit.base.errors import LabkitError
from labkit.keras2.errors import TranslatedError, translated
from labkit.keras2.model import Model
from labkit.keras2.protect import require_layers
from labkit.keras2.simulate import correct, output_axis, rounded, short_name
from labkit.methods.quantize import levels

__all__ = [
    "LastRange",
    "LearnedStep",
    "WeightsOnly",
    "correct",
    "kernel_name",
    "ranges",
    "refusal",
    "rounded_after",
    "start_ranges",
    "trained_weights",
]

_KERNELS = ("depthwise_kernel", "kernel")
_Quantizer = tfmot.quantization.keras.quantizers.Quantizer
_LastValue = tfmot.quantization.keras.quantizers.LastValueQuantizer


def kernel_name(layer: Any) -> str:
    """Return the name of *layer*'s kernel attribute, ``depthwise_kernel`` or ``kernel``; empty when it has none."""
    return next((name for name in _KERNELS if hasattr(layer, name)), "")


class WeightsOnly(tfmot.quantization.keras.QuantizeConfig):
    """A QuantizeConfig that leaves activation and output alone; a subclass says what becomes of the weights."""

    def get_activations_and_quantizers(self, layer: Any) -> list[Any]:
        """Return no quantizers."""
        return []

    def set_quantize_activations(self, layer: Any, quantize_activations: Any) -> None:
        """Set nothing (a body of words alone makes TensorFlow's AutoGraph complain)."""
        return None

    def get_output_quantizers(self, layer: Any) -> list[Any]:
        """Return no quantizers."""
        return []


class LastRange(_LastValue):  # type: ignore[misc, valid-type]
    """TFMOT's own way with the weights of a convolution, at any width: the range is the last kernel's, symmetric,
    one a place of the kernel's last axis. Give it to a ``QuantizeConfig`` with the kernel."""

    def __init__(self, bits: int) -> None:
        super().__init__(num_bits=bits, per_axis=True, symmetric=True, narrow_range=True)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments for ``from_config``."""
        return {"bits": self.num_bits}


class LearnedStep(_Quantizer):  # type: ignore[misc, valid-type]
    """Symmetric weights of *bits* with one trained step for each output channel, depthwise channels included.

    LSQ, Esser et al. 2020 (arXiv:1902.08153). A variable for each channel multiplies the step that the trained kernel
    suggests, ``2 · mean |w| / √high``. Their gradient scale is left out: Adam, which ``keras2.train`` uses, divides by
    the gradient's size, so that a constant factor has no effect.
    """

    def __init__(self, bits: int) -> None:
        self.bits, self.high = bits, levels(bits, symmetric=True)[1]

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """Create the variables of one kernel: ``start`` (fixed) and ``factor`` (trained, from 1), one per channel."""
        axis = output_axis(name)
        with tf.init_scope():
            kernel = getattr(layer.layer, kernel_name(layer.layer)).numpy()
        others = tuple(i for i in range(kernel.ndim) if i != axis % kernel.ndim)
        mean = np.mean(np.abs(kernel), axis=others, keepdims=True)
        start = np.where(mean > 0, 2 * mean / np.sqrt(self.high), 1.0)
        ones = tf.keras.initializers.Ones()
        given = layer.add_weight(f"{name}_start", start.shape, initializer=ones, trainable=False)
        factor = layer.add_weight(f"{name}_factor", start.shape, initializer=ones, trainable=True)
        with tf.init_scope():
            given.assign(start)
        return {"start": given, "factor": factor}

    def __call__(self, inputs: Any, training: Any, weights: dict[str, Any], **_: Any) -> Any:
        """Return *inputs* rounded; the gradients of both are those of ``labkit.methods.ste``."""
        step = weights["start"] * tf.maximum(weights["factor"], 1e-3)
        inside = tf.clip_by_value(inputs / step, -self.high, self.high)
        return step * (inside + tf.stop_gradient(tf.round(inside) - inside))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments for ``from_config``."""
        return {"bits": self.bits}


def start_ranges(trained: Model, like: Model, images: NDArray[Any]) -> Model:
    """Set the activation ranges of *trained* to what *images* (n, …) make of the plain model *like*; returns *trained*.

    TFMOT starts each range at −6 to 6 and moves it by a thousandth of the way a step, so that a short training ends
    with ranges that are still near their start. A model without such ranges stays as it is.
    Raises LabkitError when no layer of *trained* is quantized, and for images that are none or not finite.
    """
    if not len(images) or not np.isfinite(images).all():
        raise LabkitError(
            "There are no calibration images, or some are NaN or infinite, so they set no range: give some "
            "hundred training images in the form of the model's inputs."
        )
    held = [(layer.layer.name, _by_name(layer.weights)) for layer in trained.layers if hasattr(layer, "layer")]
    found = [(name, own, end) for name, own in held for end in ("output", "post_activation") if f"{end}_min" in own]
    if not any(hasattr(layer, "quantize_config") for layer in trained.layers):
        raise LabkitError("No layer is quantized: give the model that quantize_model or quantize_apply returned.")
    if not found:
        return trained
    outputs = [like.get_layer(name).output for name, _, _ in found]
    view = tf.keras.Model(like.inputs, outputs)
    lows, highs = np.zeros(len(outputs)), np.zeros(len(outputs))
    for first in range(0, len(images), 500):  # predict would warn that its function is traced again for each model
        answers = view(tf.convert_to_tensor(images[first : first + 500]), training=False)
        batch = answers if len(outputs) > 1 else [answers]
        lows = np.minimum(lows, [float(tf.reduce_min(values)) for values in batch])
        highs = np.maximum(highs, [float(tf.reduce_max(values)) for values in batch])
    for (_, own, end), low, high in zip(found, lows, highs, strict=True):
        own[f"{end}_min"].assign(low)
        own[f"{end}_max"].assign(high)
    return trained


def trained_weights(trained: Model, like: Model) -> list[NDArray[Any]]:
    """Return the weights of *trained*, kernels rounded by its quantizers, in the order of the plain model *like*.

    Raises LabkitError when a layer of *like* is not in *trained*, as itself or wrapped by ``quantize_apply``.
    """
    require_layers(like, "compare it with the trained one")
    mates = {layer.name: layer for layer in trained.layers}
    found = []
    for layer in like.layers:
        mate = mates.get(f"quant_{layer.name}") or mates.get(layer.name)
        if mate is None and layer.weights:
            raise LabkitError(
                f"The trained model has no layer {layer.name!r}: give the model that quantize_apply or quantize_model "
                "made from this one."
            )
        held = {name: weight.numpy() for name, weight in _by_name(getattr(mate, "weights", [])).items()}
        for weight, quantizer, variables in getattr(mate, "_weight_vars", ()):
            held[short_name(weight)] = quantizer(weight, False, weights=variables).numpy()
        found += [held[short_name(weight)] for weight in layer.weights]
    return found


def rounded_after(model: Model, bits: int, per_channel: bool = True) -> list[NDArray[Any]]:
    """Return the weights of *model* rounded after training as LiteRT's converter does it: `simulate.rounded`, folded.

    Raises as `simulate.rounded` does.
    """
    return rounded(model, bits, per_channel, folded=True)


def refusal(model: Model) -> tuple[str, str]:
    """Return TFMOT's message when ``quantize_model`` refuses *model*, and its meaning (``keras2.translated``).

    Both texts are empty when TFMOT accepts the model. An error that has no translation is raised as it is.
    """
    try:
        with translated():
            tfmot.quantization.keras.quantize_model(model)
    except TranslatedError as error:
        return str(error.__cause__), str(error)
    return "", ""


def ranges(trained: Model) -> dict[str, int]:
    """Return the number of weight ranges of each quantized layer of *trained*, by its name in the plain model."""
    counts = {}
    for layer in trained.layers:
        for _, _, variables in getattr(layer, "_weight_vars", ()):
            counts[layer.layer.name] = int(np.size(next(iter(variables.values())).numpy()))
    return counts


def _by_name(weights: Any) -> dict[str, Any]:
    return {short_name(weight): weight for weight in weights}
