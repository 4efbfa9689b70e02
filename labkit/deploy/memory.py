"""The memory and memory traffic of a ``.tflite`` file while it runs: each operator's bytes, and LiteRT's own arena."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from math import prod

import numpy as np

from labkit.deploy import inspect
from labkit.deploy.content import Source, interpreter
from labkit.deploy.flatbuffer import KINDS, Graph, Operator
from labkit.deploy.tflite import allocate
from labkit.methods import cost

__all__ = ["Step", "arena_bytes", "sizes", "steps"]


@dataclass(frozen=True)
class Step:
    """One operator while it runs: TFLite's name (``CONV_2D`` …); the numbers of the activations that it reads and
    writes, which are keys of `sizes`; bytes of these and of its constants; bytes of the copy that LiteRT's built-in
    convolution makes of its input (im2col: a row for each position of the output); MACs."""

    name: str
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    input_bytes: int
    constant_bytes: int
    output_bytes: int
    scratch_bytes: int
    macs: int

    def moved(self, batch: int = 1) -> int:
        """Return the bytes moved for *batch* inputs if every value crosses once, as with perfect caches."""
        return self.constant_bytes + batch * (self.input_bytes + self.output_bytes)

    def intensity(self, batch: int = 1) -> float:
        """Return floating-point operations of the MACs for each byte moved."""
        return cost.arithmetic_intensity(batch * self.macs, self.moved(batch))


def sizes(source: Source) -> dict[int, int]:
    """Return the bytes of each activation (input and output included), by its number in the file.

    Raises LabkitError for a damaged file.
    """
    graph = Graph(source)
    used = {index for operator in graph.operators for index in (*operator.inputs, *operator.outputs)}
    return {index: _bytes(graph, index) for index in sorted(used) if index >= 0 and not graph.tensors[index].bytes}


def steps(source: Source) -> list[Step]:
    """Return one row an operator, in the order in which they run. Raises LabkitError for a damaged file."""
    graph, counted = Graph(source), iter(inspect.layers(source))
    rows = []
    for operator in graph.operators:
        used = [index for index in operator.inputs if index >= 0]
        reads = tuple(index for index in used if not graph.tensors[index].bytes)
        rows.append(
            Step(
                name=operator.name,
                reads=reads,
                writes=operator.outputs,
                input_bytes=sum(_bytes(graph, index) for index in reads),
                constant_bytes=sum(graph.tensors[index].bytes for index in used),
                output_bytes=sum(_bytes(graph, index) for index in operator.outputs),
                scratch_bytes=_scratch(graph, operator),
                macs=next(counted).macs if operator.name in KINDS else 0,
            )
        )
    return rows


def arena_bytes(source: Source) -> int:
    """Return the bytes of memory that LiteRT lays out for activations and scratch tensors, shared places counted once.

    LiteRT has no call for the size of its arena, but shows each tensor's address: these are the bytes that they cover.
    They include weights that are unpacked when the file is opened (float16, dynamic range), and not what
    XNNPACK does: it keeps its own workspace and shows nothing, so the built-in kernels are asked. Raises LabkitError
    for a damaged file.
    """
    graph, runner = Graph(source), interpreter(source, delegates=False)
    allocate(runner)
    places = []
    for details in runner.get_tensor_details():
        index = details["index"]
        if index < len(graph.tensors) and graph.tensors[index].bytes:
            continue  # a constant, which stays where the file is
        with suppress(ValueError):  # a scratch tensor that this kernel does not use
            view = runner.tensor(index)()
            places.append((view.__array_interface__["data"][0], view.nbytes))
    covered, end = 0, 0
    for start, length in sorted(places):
        covered += max(0, start + length - max(start, end))
        end = max(end, start + length)
    return covered


def _scratch(graph: Graph, operator: Operator) -> int:
    if operator.name != "CONV_2D":
        return 0
    activation, kernel = (graph.tensors[index] for index in operator.inputs[:2])
    _, height, width, channels = kernel.shape
    _, rows, columns, _ = graph.tensors[operator.outputs[0]].shape
    stride = max(operator.options.strideH, operator.options.strideW)
    return cost.im2col_bytes((rows, columns), (height, width), channels, stride, np.dtype(activation.dtype).itemsize)


def _bytes(graph: Graph, index: int) -> int:
    tensor = graph.tensors[index]
    return prod(tensor.shape) * np.dtype(tensor.dtype).itemsize
