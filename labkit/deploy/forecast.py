"""What a network will take once some of its channels are gone, foretold before it exists.

Layers run one after another, so their times add up; what matters is how a layer's time follows from its channels.
The kernels compute a block of outputs at once, so that a part of a block takes as long as a whole one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from labkit.base.checks import whole
from labkit.base.errors import UsageError
from labkit.deploy.content import Source
from labkit.deploy.flatbuffer import KINDS, Graph, packed
from labkit.deploy.inspect import layer as layer_of
from labkit.deploy.inspect import layers
from labkit.deploy.roofline import work
from labkit.deploy.single_layers import overhead, single_layers
from labkit.deploy.timing import latency

__all__ = ["Forecast", "forecast", "resized"]


@dataclass(frozen=True)
class Forecast:
    """The time that a cut network should take, over that of the whole one, foretold in three ways.

    ``by_macs``: the multiply-accumulates that are left. ``by_blocks``: each layer's measured time, times the inputs
    that are left, times the blocks of outputs that are left. ``by_layers``: the sum of the cut layers' own times,
    each measured alone at its new size.
    """

    by_macs: float
    by_blocks: float
    by_layers: float


def forecast(
    source: Source,
    cuts: Mapping[str, Mapping[str, tuple[int, int]]],
    seconds: float = 4.0,
    block: int = 16,
    seed: int = 0,
) -> dict[str, Forecast]:
    """What each of *cuts* leaves of the time of the float32 ``.tflite`` file *source*, one thread.

    A cut gives, by Keras name, the (inputs, outputs) of each layer that multiplies, dense, convolution and depthwise,
    as `labkit.keras2.surgery.planned_widths` does; layers that are not named stay as they are. *block* is how many
    outputs a kernel computes at once. Everything is timed in one interleaved run of *seconds*. What the layers alone do
    not explain of the whole (other operators, caches that they share) is scaled by the bytes that the cut layers move.
    Raises UsageError for an unknown layer or a block below 1, and as `resized` does.
    """
    block = whole("block", block, 1, note=" (16 floats are usual)")
    rows, alone = layers(source), single_layers(source)
    files: dict[str, Source] = {"call": overhead(), "whole": source}
    files |= {f"whole {i}": each for i, each in enumerate(alone)}
    sizes: dict[str, dict[int, tuple[int, int]]] = {}
    for name, cut in cuts.items():
        sizes[name] = {layer_of(source, each)["index"]: size for each, size in cut.items()}
        files |= {f"{name} {i}": resized(alone[i], *sizes[name][i]) for i in sizes[name]}
    times = {name: timing.median_ms for name, timing in latency(files, seconds=seconds, seed=seed).items()}
    net = [max(0.0, times[f"whole {i}"] - times["call"]) for i in range(len(rows))]
    rest = max(0.0, times["whole"] - times["call"] - sum(net))
    found = {}
    for name in cuts:
        parts = {i: files[f"{name} {i}"] for i in sizes[name]}
        cut_rows = [layers(parts[i])[0] if i in parts else row for i, row in enumerate(rows)]
        moved = sum(work(parts.get(i, each))[0].bytes for i, each in enumerate(alone))
        left = moved / sum(work(each)[0].bytes for each in alone)
        blocks = [
            t * (_blocks(new, block) / _blocks(old, block)) for t, new, old in zip(net, cut_rows, rows, strict=True)
        ]
        own = [times[f"{name} {i}"] - times["call"] if i in parts else t for i, t in enumerate(net)]
        fixed = times["call"] + rest * left
        macs = sum(row.macs for row in cut_rows) / sum(row.macs for row in rows)
        found[name] = Forecast(macs, *((fixed + sum(each)) / times["whole"] for each in (blocks, own)))
    return found


def resized(layer: Source, inputs: int, outputs: int) -> bytes:
    """A file of one float32 layer (as `profile_ops.single_layers` makes them) with other numbers of channels.

    Weights and biases are cut, or repeated from the start: for timing, which their values do not touch. A depthwise
    layer keeps its multiplier, so *outputs* is a multiple of *inputs*. Raises UsageError for other sizes or files.
    """
    graph = Graph(layer)
    if len(graph.operators) != 1 or graph.operators[0].name not in KINDS:
        raise UsageError("A file of one layer that multiplies is wanted: take one of profile_ops.single_layers.")
    operator = graph.operators[0]
    kind, given, weights, *bias = KINDS[operator.name], *operator.inputs
    if graph.tensors[weights].dtype != "float32" or not graph.tensors[weights].bytes or kind == "matmul":
        raise UsageError("The layer has no float32 weights of its own: give a layer of a float32 file.")
    kernel = graph.constant(weights)
    axes: dict[int, int] = {0: outputs, kernel.ndim - 1: inputs}
    if kind == "depthwise":
        axes = {3: outputs}
        if outputs * graph.tensors[given].shape[-1] != inputs * kernel.shape[3]:
            raise UsageError(
                f"A depthwise layer of {inputs} inputs cannot have {outputs} outputs: keep its multiplier."
            )
    if inputs < 1 or outputs < 1:
        raise UsageError(f"inputs is {inputs} and outputs {outputs}, but both take a whole number, 1 or more.")
    for axis, size in axes.items():
        kernel = np.take(kernel, np.arange(size) % kernel.shape[axis], axis=axis)
    _replace(graph, weights, kernel)
    for index in (index for index in bias if index >= 0):
        _replace(graph, index, np.resize(graph.constant(index), outputs))
    for index, size in ((given, inputs), (operator.outputs[0], outputs)):
        tensor = graph.graph.tensors[index]
        tensor.shape = np.array([*tensor.shape[:-1], size], np.int32)
        tensor.shapeSignature = None
    return packed(graph.model)


def _replace(graph: Graph, index: int, values: np.ndarray) -> None:
    tensor = graph.graph.tensors[index]
    tensor.shape = np.array(values.shape, np.int32)
    graph.model.buffers[tensor.buffer].data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)


def _blocks(row: Any, block: int) -> float:
    """What a layer's time should grow with: its MACs, the outputs rounded up to whole blocks."""
    outputs = row.output_shape[-1]
    return row.macs / outputs * -(-outputs // block) * block
