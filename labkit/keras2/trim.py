"""Choose the channels of a whole Keras 2 model, refit what reads them, and prune single weights beside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray

from labkit.base.errors import LabkitError, UsageError, one_of
from labkit.keras2.graph import MAKERS, Graph, Group, Indices, channel_groups, graph, remaining
from labkit.keras2.model import Model
from labkit.keras2.norms import norm_scale
from labkit.keras2.protect import clone
from labkit.keras2.training import train
from labkit.methods import channels

CRITERIA = ("weight norm", "activation sparsity", "reconstruction", "random")
_ROWS = 8000  # windows that a reader is looked at through: ten times the features of the course's largest one


class Reading(NamedTuple):
    """The input of one layer: ``features`` float32 (rows, features), ``weights`` (features, outputs), and ``units``
    (features,), those of the graph that the features belong to."""

    features: NDArray[np.float32]
    weights: NDArray[np.float32]
    units: Indices


def choose_channels(
    model: Model, share: float, criterion: str, images: ArrayLike | None = None, seed: int = 0
) -> dict[str, Indices]:
    """Return the channels to keep, by the name of each group's first layer, as `keep_channels` takes them.

    ``round(share × size)`` of each group of `channel_groups`, one at least. *criterion*: ``weight norm`` (absolute
    weights, times what batch normalization makes of them), ``activation sparsity`` (the share of zeros that its readers
    read; the most silent go), ``reconstruction`` (greedily those whose going changes the next layers' sums least), or
    ``random``, drawn with *seed*. *images* (n, …), as the model takes them, for the two that look at activations; no
    labels are used. All groups are judged in the whole model. Raises UsageError for a share outside (0, 1] or another
    criterion, LabkitError for missing images and as `keep_channels` does.
    """
    one_of("criterion", criterion, CRITERIA)
    if not 0 < share <= 1:
        raise UsageError(f"share is {share!r}, but must be the fraction of channels that stays, above 0 and at most 1.")
    groups = channel_groups(model)
    network = graph(model)
    rng = np.random.default_rng(seed)
    activations: dict[str, NDArray[np.float32]] = {}
    if criterion in CRITERIA[1:3]:
        activations = _outputs(model, sorted({source for group in groups for _, source in group.readers}), images)
    kept = {}
    for group in groups:
        count = max(1, round(share * group.size))
        if criterion == "random":
            kept[group.name] = np.sort(rng.choice(group.size, count, replace=False))
        elif criterion == "weight norm":
            kept[group.name] = channels.keep_by_score(_norms(network, group), count)
        else:
            kept[group.name] = _by_activations(network, group, criterion, activations, count)
    return kept


def refit(cut: Model, model: Model, kept: Mapping[str, ArrayLike], images: ArrayLike) -> None:
    """Refit each layer of *cut* that reads removed channels so that its outputs match those of *model*.

    *cut* is ``keep_channels(model, kept)`` and is changed in place: kernels and biases by least squares on *images*
    (`labkit.methods.channels.refit`), from the first layer to the last, each on what the layers before it now
    compute (He, Zhang and Sun, 2017). A layer without a bias has only its kernel refitted. No labels are used.
    """
    network, left = remaining(model, kept)
    sources = {name: network.inputs[name][0] for name in network.layers if network.made_by(name)}
    readers = [name for name, source in sources.items() if len(left[source]) < len(network.units[source])]
    activations = _outputs(model, sorted({sources[name] for name in readers}), images)
    cut_network = graph(cut)
    for name in readers:
        source = sources[name]
        before = _reading(network, name, activations[source])
        after = _reading(cut_network, name, _outputs(cut, [source], images)[source])
        targets = before.features @ before.weights[:, left[name]]
        weights, shift = channels.refit(after.features, targets, after.weights)
        layer = cut.get_layer(name)
        kernel, *bias = layer.get_weights()
        layer.set_weights([weights.reshape(kernel.shape), *(values + shift for values in bias)])


def masked(
    model: Model, like: Model, x: ArrayLike, y: ArrayLike, *, epochs: int, batch_size: int = 128, **how: Any
) -> Any:
    """Return a copy of *model* with as many weights that are not zero as *like* has; its arrays keep their size.

    TFMOT prunes single weights by magnitude, the same share of each Dense and Conv2D kernel (it leaves depthwise ones
    and biases alone, so they do not count), over the first half of the training, which `labkit.keras2.train` does on
    *x*, *y* with *how*. *model* is left as it is. Raises UsageError when *like* has more weights than *model*.
    """
    import tensorflow_model_optimization as tfmot

    total, left = (sum(kernel_sizes(each).values()) for each in (model, like))
    if left > total:
        raise UsageError(f"The network to match has {left:,} weights, but this one has {total:,}: give a smaller one.")
    kernels = kernel_sizes(model)
    prune, half = tfmot.sparsity.keras, max(1, epochs * (len(np.asarray(x)) // batch_size) // 2)
    grow = prune.PolynomialDecay(0.0, 1 - left / total, 0, half, frequency=1)

    def wrap(layer: Any) -> Any:
        return prune.prune_low_magnitude(layer, grow) if layer.name in kernels else layer

    copy = tf.keras.models.clone_model(clone(model), clone_function=wrap)
    train(copy, np.asarray(x), np.asarray(y), epochs=epochs, batch_size=batch_size, pruning=True, **how)
    return prune.strip_pruning(copy)


def kernel_sizes(model: Model) -> dict[str, int]:
    """Return the number of weights, without biases, of each Dense and Conv2D layer of *model*, by name."""
    return {layer.name: layer.get_weights()[0].size for layer in model.layers if type(layer) in MAKERS}


def _by_activations(
    network: Graph, group: Group, criterion: str, activations: Mapping[str, NDArray[np.float32]], count: int
) -> Indices:
    """Return the *count* channels of *group* to keep, by what their readers read (*activations*, by layer name)."""
    units = network.units[group.layers[0]].tolist()
    places = {unit: k for k, unit in enumerate(units)}
    if len(places) < group.size:
        raise LabkitError(
            f"The channels of layer {group.name!r} are tied to several layers side by side, for which there is no "
            "criterion here: choose them yourself and call keep_channels."
        )
    gram, zeros = np.zeros((group.size, group.size)), np.zeros(group.size)
    for reader, source in group.readers:
        reading = _reading(network, reader, activations[source])
        owner = np.array([places.get(int(unit), -1) for unit in reading.units])
        if criterion == "reconstruction":
            gram += channels.contributions(reading.features, reading.weights, owner, group.size)
        else:
            zeros += channels.zero_shares(reading.features, owner, group.size)
    if criterion == "reconstruction":
        return channels.keep_by_reconstruction(gram, count)
    return channels.keep_by_score(-zeros, count)


def _norms(network: Graph, group: Group) -> NDArray[np.float64]:
    """Return the norms of a group's channels, each kernel times the factors of the batch normalization behind it."""
    scales = []
    for name in group.layers:
        after = [other for other, sources in network.inputs.items() if sources == (name,)]
        norm = network.layers[after[0]] if len(after) == 1 else None
        if isinstance(norm, tf.keras.layers.BatchNormalization):
            scales.append(norm_scale(norm))
        else:
            scales.append(np.ones(group.size))
    return channels.weight_norms([network.layers[name].get_weights()[0] for name in group.layers], scales)


def _outputs(model: Model, names: list[str], images: ArrayLike | None) -> dict[str, NDArray[np.float32]]:
    if images is None or not len(np.asarray(images)):
        raise LabkitError("This criterion needs activations: give some hundred input images (images=).")
    if not names:
        return {}
    part = tf.keras.Model(model.inputs, [model.get_layer(name).output for name in names])
    outputs = part(tf.convert_to_tensor(np.asarray(images, np.float32)), training=False)
    if len(names) == 1:  # Keras returns a list only for several outputs
        outputs = [outputs]
    return {name: output.numpy() for name, output in zip(names, outputs, strict=True)}


def _reading(network: Graph, name: str, activations: NDArray[np.float32]) -> Reading:
    """Return what layer *name* multiplies, row by row; the same rows for as many images, whatever their channels."""
    layer = network.layers[name]
    kernel, units = layer.get_weights()[0], network.units[network.inputs[name][0]]
    weights = kernel.reshape(-1, kernel.shape[-1])
    if isinstance(layer, tf.keras.layers.Dense):
        rows = activations.reshape(-1, activations.shape[-1])
        return Reading(rows[_some(len(rows))], weights, units)
    windows = tf.image.extract_patches(
        activations, (1, *layer.kernel_size, 1), (1, *layer.strides, 1), (1, *layer.dilation_rate, 1),
        layer.padding.upper(),
    )  # fmt: skip
    rows = tf.reshape(windows, (-1, windows.shape[-1]))
    return Reading(
        tf.gather(rows, _some(int(rows.shape[0]))).numpy(), weights, np.tile(units, int(np.prod(layer.kernel_size)))
    )


def _some(rows: int) -> Indices:
    """Return which of *rows* are looked at: all, or ``_ROWS`` drawn once and for all."""
    return np.arange(rows) if rows <= _ROWS else np.sort(np.random.default_rng(0).choice(rows, _ROWS, replace=False))
