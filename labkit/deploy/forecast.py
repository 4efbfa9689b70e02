"""Forecast the time of a network without some of its channels, before that network exists.

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
    """The time that a cut network should take, divided by that of the whole one, forecast in three ways.

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
    """Return what each of *cuts* should leave of the time of the float32 ``.tflite`` file *source*, on one thread.

    A cut contains, by Keras name, the (inputs, outputs) of each layer that multiplies: dense, convolution, depthwise;
    `labkit.keras2.surgery.planned_widths` returns it. Layers that are not named stay as they are. *block* is how many
    outputs a kernel computes at once. Everything is timed in one interleaved run of *seconds*. What the layers alone do
    not explain of the whole (other operators, caches that they share) is scaled by the bytes that the cut layers move.
    Raises UsageError for an unknown layer or a block below 1, and as `resized` does.
    """
    block = whole("block", block, 1, note=" (16 floats are usual)")
    rows = layers(source)
    layer_files = single_layers(source)
    files: dict[str, Source] = {"call": overhead(), "whole": source}
    for i, layer_file in enumerate(layer_files):
        files[f"whole {i}"] = layer_file
    cut_files: dict[str, dict[int, bytes]] = {}  # by cut, then by the layer's place: its file at its new size
    for name, cut in cuts.items():
        sizes = {layer_of(source, layer)["index"]: size for layer, size in cut.items()}
        cut_files[name] = {i: resized(layer_files[i], *size) for i, size in sizes.items()}
        for i, cut_file in cut_files[name].items():
            files[f"{name} {i}"] = cut_file
    timings = latency(files, seconds=seconds, seed=seed)
    times = {name: timing.median_ms for name, timing in timings.items()}
    call = times["call"]
    layer_times = [max(0.0, times[f"whole {i}"] - call) for i in range(len(rows))]
    unexplained = max(0.0, times["whole"] - call - sum(layer_times))
    moved_before = sum(work(layer_file)[0].bytes for layer_file in layer_files)
    macs_before = sum(row.macs for row in rows)

    forecasts = {}
    for name, resized_files in cut_files.items():
        files_after = [resized_files.get(i, layer_file) for i, layer_file in enumerate(layer_files)]
        rows_after = [layers(resized_files[i])[0] if i in resized_files else row for i, row in enumerate(rows)]
        moved_after = sum(work(layer_file)[0].bytes for layer_file in files_after)
        by_blocks = []
        by_layers = []
        for i, (before, after, time) in enumerate(zip(rows, rows_after, layer_times, strict=True)):
            by_blocks.append(time * (_blocks(after, block) / _blocks(before, block)))
            by_layers.append(times[f"{name} {i}"] - call if i in resized_files else time)
        fixed = call + unexplained * (moved_after / moved_before)
        forecasts[name] = Forecast(
            by_macs=sum(row.macs for row in rows_after) / macs_before,
            by_blocks=(fixed + sum(by_blocks)) / times["whole"],
            by_layers=(fixed + sum(by_layers)) / times["whole"],
        )
    return forecasts


def resized(layer: Source, inputs: int, outputs: int) -> bytes:
    """Return a file of one float32 layer (as `single_layers.single_layers` makes them) with other numbers of channels.

    Weights and biases are cut, or repeated from the start: for timing, which their values do not touch. A depthwise
    layer keeps its multiplier, so *outputs* is a multiple of *inputs*. Raises UsageError for other sizes or files.
    """
    graph = Graph(layer)
    if len(graph.operators) != 1 or graph.operators[0].name not in KINDS:
        raise UsageError("The file must hold one layer that multiplies: give one from single_layers.single_layers.")
    operator = graph.operators[0]
    kind = KINDS[operator.name]
    activation, weights, *bias = operator.inputs
    if graph.tensors[weights].dtype != "float32" or not graph.tensors[weights].bytes or kind == "matmul":
        raise UsageError("The layer has no float32 weights of its own: give a layer of a float32 file.")
    kernel = graph.constant(weights)
    axes: dict[int, int] = {0: outputs, kernel.ndim - 1: inputs}
    if kind == "depthwise":
        axes = {3: outputs}
        if outputs * graph.tensors[activation].shape[-1] != inputs * kernel.shape[3]:
            raise UsageError(
                f"A depthwise layer of {inputs} inputs cannot have {outputs} outputs: keep its multiplier."
            )
    if inputs < 1 or outputs < 1:
        raise UsageError(f"inputs is {inputs} and outputs {outputs}, but both must be whole numbers, 1 or more.")
    for axis, size in axes.items():
        kernel = np.take(kernel, np.arange(size) % kernel.shape[axis], axis=axis)
    _replace(graph, weights, kernel)
    for index in (index for index in bias if index >= 0):
        _replace(graph, index, np.resize(graph.constant(index), outputs))
    for index, size in ((activation, inputs), (operator.outputs[0], outputs)):
        tensor = graph.graph.tensors[index]
        tensor.shape = np.array([*tensor.shape[:-1], size], np.int32)
        tensor.shapeSignature = None
    return packed(graph.model)


def _replace(graph: Graph, index: int, values: np.ndarray) -> None:
    """Give the constant tensor *index* of *graph* the shape and bytes of *values*."""
    tensor = graph.graph.tensors[index]
    tensor.shape = np.array(values.shape, np.int32)
    graph.model.buffers[tensor.buffer].data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)


def _blocks(row: Any, block: int) -> float:
    """Return the MACs of a layer with its outputs rounded up to whole blocks, which its time should grow with."""
    outputs = row.output_shape[-1]
    whole_blocks = -(-outputs // block)
    return row.macs / outputs * whole_blocks * block
