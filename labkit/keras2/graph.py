"""Find the channels of a Keras 2 model that depend on each other, and the rest of each layer when some are deleted.

Every output channel of a Dense or Conv2D layer is a *unit* of its own. Units travel: batch normalization, activations,
pooling and depthwise convolutions pass them on, Flatten repeats them, Concatenate puts them side by side, and Add makes
unit i of one input one with unit i of the other, so that they can only be cut together. The inputs and the outputs of
the model keep all of theirs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray

from labkit.base.errors import LabkitError, UsageError, one_of
from labkit.keras2.model import Model
from labkit.keras2.protect import require_layers, require_stripped

_keras = tf.keras.layers
MAKERS = (_keras.Dense, _keras.Conv2D)  # each output channel is a weighted sum of all input channels
_PASSING = (
    _keras.BatchNormalization, _keras.ReLU, _keras.LeakyReLU, _keras.ELU, _keras.Activation, _keras.Softmax,
    _keras.Dropout, _keras.MaxPooling2D, _keras.AveragePooling2D, _keras.GlobalAveragePooling2D,
    _keras.GlobalMaxPooling2D, _keras.ZeroPadding2D,
)  # fmt: skip
_KNOWN = (
    _keras.InputLayer, *MAKERS, *_PASSING, _keras.DepthwiseConv2D, _keras.Flatten, _keras.Add, _keras.Concatenate
)  # fmt: skip
_ELEMENTWISE = {
    "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "swish", "silu", "mish", "sigmoid",
    "hard_sigmoid", "tanh", "softplus", "softsign", "exponential",
}  # fmt: skip

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Group:
    """Channels that are cut together: ``size`` of them, made by each of ``layers`` (more than one when an addition ties
    them); ``readers`` are (layer, the layer whose output it reads), the Dense and Conv2D layers that they feed."""

    name: str
    layers: tuple[str, ...]
    size: int
    readers: tuple[tuple[str, str], ...]


@dataclass
class Graph:
    """A model's layers in the order in which they run, what each reads, and the units of each one's output."""

    layers: dict[str, Any]
    inputs: dict[str, tuple[str, ...]]
    units: dict[str, Indices] = field(default_factory=dict)
    kept_whole: dict[int, str] = field(default_factory=dict)  # unit → why it cannot go

    def made_by(self, name: str) -> bool:
        """Return whether layer *name* makes channels of its own."""
        return type(self.layers[name]) in MAKERS


def graph(model: Model) -> Graph:
    """Read *model*; raises LabkitError with the layer's name for whatever surgery does not know."""
    require_layers(model, "cut channels out of it")
    require_stripped(model, "cut channels out of it")
    if isinstance(model, tf.keras.Sequential):  # the same layers, with the input as one of them
        model = tf.keras.Model(model.inputs, model.outputs)
    network = Graph({layer.name: layer for layer in model.layers}, _links(model))
    sets = _DisjointSets()
    for name, layer in network.layers.items():
        _check(layer)
        input_units = [network.units[source] for source in network.inputs[name]]
        if isinstance(layer, _keras.InputLayer):
            units = sets.new(int(layer.output_shape[0][-1]))
            _hold(network, units, "these are the model's inputs")
        elif type(layer) in MAKERS:
            units = sets.new(int(layer.output_shape[-1]))
        elif isinstance(layer, _keras.DepthwiseConv2D):
            units = np.repeat(input_units[0], layer.depth_multiplier)
        elif isinstance(layer, _keras.Flatten):
            units = np.tile(input_units[0], math.prod(layer.input_shape[1:-1]))
        elif isinstance(layer, _keras.Concatenate):
            units = np.concatenate(input_units)
        elif isinstance(layer, _keras.Add):
            units = input_units[0]
            for other in input_units[1:]:
                for one, two in zip(units, other, strict=True):
                    sets.join(int(one), int(two))
        else:
            units = input_units[0]
        network.units[name] = units
        if not _elementwise(layer):
            _hold(network, units, f"the activation of layer {name!r} may mix its channels")
    for name in model.output_names:
        _hold(network, network.units[name], "they reach the model's outputs")
    for name, units in network.units.items():
        network.units[name] = np.array([sets.root(int(unit)) for unit in units])
    network.kept_whole = {sets.root(unit): why for unit, why in network.kept_whole.items()}
    return network


def channel_groups(model: Model) -> list[Group]:
    """Return the groups of channels that can be cut, in the order of the network, named after their first layer.

    Layers that an Add ties are one group. Layers whose units no cut may touch (those of the output, or added to the
    input) are in none. Raises LabkitError for a model that `keep_channels` refuses.
    """
    network = graph(model)
    makers = [name for name in network.layers if network.made_by(name)]
    names_and_units: list[tuple[list[str], set[int]]] = []
    for name in makers:
        units = set(network.units[name].tolist())
        if units & network.kept_whole.keys():
            continue
        tied = [entry for entry in names_and_units if entry[1] & units]
        names_and_units = [entry for entry in names_and_units if entry not in tied]
        names = [other for entry in tied for other in entry[0]]
        names_and_units.append(([*names, name], units.union(*(entry[1] for entry in tied))))
    names_and_units.sort(key=lambda entry: makers.index(entry[0][0]))
    sources = [(name, network.inputs[name][0]) for name in makers]
    groups = []
    for names, units in names_and_units:
        readers = tuple(pair for pair in sources if units & set(network.units[pair[1]].tolist()))
        groups.append(Group(names[0], tuple(names), len(units), readers))
    return groups


def remaining(model: Model, kept: Mapping[str, ArrayLike]) -> tuple[Graph, dict[str, Indices]]:
    """Return the graph, and for each layer which of its output's channels are left, in their new order.

    *kept* is as `labkit.keras2.surgery.keep_channels` takes it. Raises LabkitError where it cannot be done.
    """
    network = graph(model)
    indices_by_name = {name: _indices(network, name, indices) for name, indices in kept.items()}
    gone: dict[int, str] = {}
    rank: dict[int, int] = {}
    for name, indices in indices_by_name.items():
        units = network.units[name]
        gone |= dict.fromkeys((int(unit) for unit in np.delete(units, indices)), name)
        if np.any(np.diff(indices) < 0):
            rank |= {int(units[i]): place for place, i in enumerate(indices)}
    for unit, name in gone.items():
        if unit in network.kept_whole:
            raise LabkitError(f"Layer {name!r} has to keep all of its channels, since {network.kept_whole[unit]}.")
    left: dict[str, Indices] = {}
    for name, layer in network.layers.items():
        input_channels = [left[source] for source in network.inputs[name]]
        left[name] = _left(network, layer, input_channels, gone, rank)
        if name in indices_by_name and not np.array_equal(left[name], indices_by_name[name]):
            raise LabkitError(
                f"Layer {name!r} is tied by an addition to another layer that is given other channels, or another "
                "order: give both the same, or name one of them."
            )
    return network, left


def _left(
    network: Graph, layer: Any, input_channels: list[Indices], gone: Mapping[int, str], rank: Mapping[int, int]
) -> Indices:
    """Return the channels of *layer*'s output that are left, in their new order.

    *input_channels*: those left of each of its inputs; *gone*: the units that are cut; *rank*: the new place of units
    that are permuted.
    """
    name = layer.name
    if not input_channels:
        return np.arange(len(network.units[name]))
    if type(layer) in MAKERS:
        units = network.units[name].tolist()
        stay = [i for i, unit in enumerate(units) if unit not in gone]
        if not stay:
            raise LabkitError(f"Layer {name!r} would lose all of its channels: keep at least one.")
        if all(units[i] in rank for i in stay):
            stay.sort(key=lambda i: rank[units[i]])
        return np.array(stay)
    if isinstance(layer, _keras.DepthwiseConv2D):
        return (input_channels[0][:, None] * layer.depth_multiplier + np.arange(layer.depth_multiplier)).ravel()
    if isinstance(layer, _keras.Flatten):  # the channel is the fastest of the axes
        width = int(layer.input_shape[-1])
        return (np.arange(math.prod(layer.input_shape[1:-1]))[:, None] * width + input_channels[0]).ravel()
    if isinstance(layer, _keras.Concatenate):
        widths = [len(network.units[source]) for source in network.inputs[name]]
        return np.concatenate([stay + sum(widths[:k]) for k, stay in enumerate(input_channels)])
    if any(not np.array_equal(input_channels[0], other) for other in input_channels[1:]):
        raise LabkitError(f"Layer {name!r} adds channels whose new orders differ: give indices in ascending order.")
    return input_channels[0]


def _indices(network: Graph, name: str, indices: ArrayLike) -> Indices:
    layer = network.layers[one_of("layer", name, network.layers)]
    if not network.made_by(name):
        raise UsageError(
            f"Layer {name!r} ({type(layer).__name__}) makes no channels of its own: name the Dense or Conv2D layer "
            "whose channels it passes on."
        )
    numbers, size = np.asarray(indices), len(network.units[name])
    if (
        numbers.ndim != 1
        or not numbers.size
        or numbers.dtype.kind not in "iu"
        or len(np.unique(numbers)) < len(numbers)
    ):
        raise UsageError(f"For layer {name!r} give the indices of the remaining channels: each once, and at least one.")
    if numbers.min() < 0 or numbers.max() >= size:
        raise UsageError(
            f"For layer {name!r} channels {numbers.min()} to {numbers.max()} were given, but it has 0 to {size - 1}."
        )
    return numbers.astype(np.int64)


def _links(model: Model) -> dict[str, tuple[str, ...]]:
    """Return what each layer reads; refuses a layer that is called more than once."""
    links: dict[str, tuple[str, ...]] = {}
    for entry in model.get_config()["layers"]:
        nodes = entry["inbound_nodes"]
        if len(nodes) > 1:
            raise LabkitError(
                f"Layer {entry['name']!r} is called {len(nodes)} times, so its channels cannot be cut: make it one "
                "layer for each call."
            )
        links[entry["name"]] = tuple(link[0] for link in nodes[0]) if nodes else ()
    return links


def _check(layer: Any) -> None:
    why = ""
    if type(layer) not in _KNOWN:
        why = f"is of type {type(layer).__name__}"
    elif getattr(layer, "data_format", "channels_last") != "channels_last":
        why = "has its channels first"
    elif getattr(layer, "groups", 1) != 1:
        why = "is a convolution in groups"
    elif isinstance(layer, (_keras.Concatenate, _keras.BatchNormalization)):
        axes = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
        rank = len(layer.output_shape)
        why = "" if [axis % rank for axis in axes] == [rank - 1] else "works along another axis than the last"
    elif isinstance(layer, _keras.Add) and len({tuple(shape) for shape in layer.input_shape}) > 1:
        why = "adds arrays of different shapes"
    if why:
        raise LabkitError(
            f"Layer {layer.name!r} {why}, which surgery does not cut: it knows Dense, Conv2D, DepthwiseConv2D, "
            "BatchNormalization, Flatten, Add, Concatenate, pooling and activations."
        )


def _elementwise(layer: Any) -> bool:
    if isinstance(layer, _keras.Softmax):
        return False
    activation = getattr(layer, "activation", None)
    return activation is None or getattr(activation, "__name__", "") in _ELEMENTWISE


def _hold(network: Graph, units: Indices, why: str) -> None:
    network.kept_whole |= {int(unit): why for unit in units}


class _DisjointSets:
    """Union–find: units that an addition ties belong to one set, which its *root* represents."""

    def __init__(self) -> None:
        self._parents: list[int] = []

    def new(self, count: int) -> Indices:
        """Add *count* units, each in a set of its own; return their numbers (count,)."""
        start = len(self._parents)
        self._parents.extend(range(start, start + count))
        return np.arange(start, start + count)

    def root(self, unit: int) -> int:
        """Return the unit that represents the set of *unit*; shortens the path to it on the way."""
        while self._parents[unit] != unit:
            self._parents[unit] = self._parents[self._parents[unit]]
            unit = self._parents[unit]
        return unit

    def join(self, one: int, two: int) -> None:
        """Make one set of those of units *one* and *two*, represented by the root of *one*."""
        self._parents[self.root(two)] = self.root(one)
