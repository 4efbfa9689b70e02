"""Fine-tune shared weights: the training changes the codebooks, not the weights.

``share(model, 16)`` gives a copy whose kernels are looked up, ``kernel = codebook[indices]``; the indices never change.
The gradient of a shared value is the sum of the gradients of the weights that use it (Han, Mao and Dally, 2016,
arXiv:1510.00149, section 3.3). Weights that are zero stay zero: they get an index of their own, whose value is fixed,
so that a pruned network is shared and trained without losing its mask. ``strip`` makes plain layers again. The model
that is given is never touched, unlike with TFMOT's ``cluster_weights``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from labkit.base.errors import LabkitError, UsageError
from labkit.keras2.model import Model
from labkit.keras2.protect import require_layers, require_stripped
from labkit.methods import cluster

# The layers whose kernels can be shared, and what Keras calls the kernel.
_KERNELS = {"Dense": "kernel", "Conv1D": "kernel", "Conv2D": "kernel", "DepthwiseConv2D": "depthwise_kernel"}


class SharedWeights(tf.keras.layers.Layer):
    """A layer whose kernel is ``codebook[indices]``; its codebook and its bias are what training changes.

    The value of index 0 is zero and no variable; the codebook's first value has index 1.
    """

    def __init__(
        self, layer: Any, codebook: NDArray[np.float32], indices: NDArray[np.int32], weights: list[NDArray[Any]]
    ) -> None:
        super().__init__(name=layer.name)
        self.layer, self.attribute = layer, _KERNELS[type(layer).__name__]
        self.begin, self.indices, self.given = codebook, indices, weights

    def build(self, input_shape: Any) -> None:
        """Build the plain layer, and put the looked-up kernel in its kernel's place."""
        self.layer.build(input_shape)
        self.layer.set_weights(self.given)
        own = getattr(self.layer, self.attribute)
        self.position = next(i for i, weight in enumerate(self.layer.weights) if weight is own)
        begin = tf.keras.initializers.Constant(self.begin)
        self.codebook = self.add_weight(name="codebook", shape=self.begin.shape, initializer=begin, dtype=tf.float32)
        setattr(self.layer, self.attribute, self.kernel())  # Keras forgets the variable that was there
        super().build(input_shape)

    def kernel(self) -> tf.Tensor:
        """Return the kernel as it is now, with the gradient of the codebook summed over the weights."""
        return lookup(self.codebook, self.indices)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Compute the plain layer's output with the shared kernel."""
        setattr(self.layer, self.attribute, self.kernel())
        return self.layer.call(inputs)

    def plain_weights(self) -> list[NDArray[Any]]:
        """Return the weights of the plain layer, in its order."""
        weights = [weight.numpy() for weight in self.layer.weights]
        weights.insert(self.position, self.kernel().numpy())
        return weights


def lookup(codebook: tf.Tensor, indices: NDArray[np.int32]) -> tf.Tensor:
    """Return ``[0, *codebook][indices]``; backwards, each value gets the sum of the gradients where it was used.

    *codebook* (count,), *indices* of any shape, 0 … count, the last one used.
    """
    summed = summing(indices)

    @tf.custom_gradient
    def values(codebook: tf.Tensor) -> Any:
        return tf.gather(tf.concat([[0.0], codebook], axis=0), indices), summed

    return values(codebook)


def summing(indices: NDArray[np.int32]) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return a function of gradients, of *indices*' shape, that sums those of each shared value: (count,), without
    index 0.

    They are summed in the order of the indices, sorted once: ``unsorted_segment_sum`` takes ten times as long here, and
    ``bincount`` adds in another order each time, so that training would not repeat.
    """
    order = np.argsort(indices, axis=None, kind="stable").astype(np.int32)
    runs = indices.ravel()[order]
    return lambda gradient: tf.math.segment_sum(tf.gather(tf.reshape(gradient, [-1]), order), runs)[1:]


def share(
    model: Model,
    count: int | Mapping[str, int],
    kind: str = "linear",
    per_channel: bool = False,
    rng: np.random.Generator | None = None,
) -> Any:
    """Return a copy of *model* with at most *count* different values in each kernel, zeros not counted, ready to be
    trained.

    *count*: for every dense and convolution layer, or by layer name (layers not named keep their weights). *kind*: the
    start of k-means (``methods.cluster.STARTS``). *per_channel*: a codebook for each channel, the kernel's last axis.
    Biases and normalisation stay as they are and are trained on. Train the copy with ``keras2.train``, then ``strip``.

    Raises LabkitError for a model that is nested, subclassed, unbuilt or wrapped already, UsageError for a name that is
    no such layer or a count below 1.
    """
    require_layers(model, "share its weights")
    require_stripped(model, "share its weights")
    if any(isinstance(layer, SharedWeights) for layer in model.layers):
        raise LabkitError("The weights of this model are shared already: call sharing.strip(model) first.")
    able = [layer.name for layer in model.layers if type(layer).__name__ in _KERNELS]
    counts = dict(count) if isinstance(count, Mapping) else dict.fromkeys(able, count)
    for name in counts:
        if name not in able:
            raise UsageError(f"Layer {name!r} has no kernel to share (those that have: {', '.join(able) or 'none'}).")

    def wrap(layer: Any) -> Any:
        new = layer.__class__.from_config(layer.get_config())
        if layer.name not in counts:
            return new
        codebook, indices = _codebook(layer, counts[layer.name], kind, per_channel, rng)
        return SharedWeights(new, codebook, indices, layer.get_weights())

    shared = tf.keras.models.clone_model(model, clone_function=wrap)
    for layer in shared.layers:
        if not isinstance(layer, SharedWeights):
            layer.set_weights(model.get_layer(layer.name).get_weights())
    return shared


def strip(shared: Any) -> Any:
    """Return the plain model of what ``share`` gave, with the same layers and the shared weights in it; *shared* stays.

    Raises LabkitError for a model without shared weights.
    """
    if not any(isinstance(layer, SharedWeights) for layer in getattr(shared, "layers", ())):
        raise LabkitError("No layer of this model has shared weights: give the model that sharing.share returned.")

    def plain(layer: Any) -> Any:
        inner = layer.layer if isinstance(layer, SharedWeights) else layer
        return inner.__class__.from_config(inner.get_config())

    model = tf.keras.models.clone_model(shared, clone_function=plain)
    for layer in shared.layers:
        values = layer.plain_weights() if isinstance(layer, SharedWeights) else layer.get_weights()
        model.get_layer(layer.name).set_weights(values)
    return model


def codebooks(shared: Any) -> dict[str, tuple[NDArray[np.float32], NDArray[np.int32]]]:
    """Return for each shared layer its present values, float32 with the fixed zero in front, and the indices of the
    kernel."""
    return {
        layer.name: (np.append(np.float32(0), layer.codebook.numpy()).astype(np.float32), layer.indices)
        for layer in shared.layers
        if isinstance(layer, SharedWeights)
    }


def _codebook(
    layer: Any, count: int, kind: str, per_channel: bool, rng: np.random.Generator | None
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Return the values in a row, and the index of each weight: 0 where it is zero, else 1 + the place in the row."""
    kernel = getattr(layer, _KERNELS[type(layer).__name__]).numpy()
    channels = 1
    if per_channel:  # of a depthwise kernel (rows, columns, channels, multiplier) the last two axes
        channels = int(np.prod(kernel.shape[-2:] if type(layer).__name__ == "DepthwiseConv2D" else kernel.shape[-1:]))
    columns = kernel.reshape(-1, channels)
    indices, books, begin = np.zeros(columns.shape, np.int32), [], 1
    for channel in range(channels):
        kept = columns[:, channel] != 0
        book, places = cluster.share(columns[kept, channel], count, kind, rng)
        indices[kept, channel] = places.astype(np.int32) + begin
        books.append(book)
        begin += book.size
    return np.concatenate(books), indices.reshape(kernel.shape)
