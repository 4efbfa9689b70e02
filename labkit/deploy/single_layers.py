"""Each layer of a ``.tflite`` file as a file of its own, so that it can be timed alone.

LiteRT's Python interpreter has no profiler. A file with one operator, run by the same kernels, is the next best: its
time holds one call of the interpreter besides the layer's work, which `overhead` lets one measure.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np

from labkit.base.errors import UsageError
from labkit.deploy.content import Source, describe
from labkit.deploy.flatbuffer import KINDS, Graph, packed

__all__ = ["overhead", "single_layers"]


def single_layers(source: Source) -> list[bytes]:
    """Return one ``.tflite`` file (bytes) per row of `labkit.deploy.inspect.layers`, with its weights and its options.

    Each takes the layer's input and computes its output, activation function included. Raises LabkitError for a damaged
    file, UsageError for one whose weights are unpacked by an operator of their own (float16 or sparse weights).
    """
    graph = Graph(source)
    return [_alone(graph, number, source) for number, op in enumerate(graph.operators) if op.name in KINDS]


def overhead() -> bytes:
    """Return a ``.tflite`` file (bytes) that adds two float32 numbers: its time is that of a call without work."""
    from ai_edge_litert import schema_py_generated as schema

    code = schema.OperatorCodeT()
    code.builtinCode = schema.BuiltinOperator.ADD
    code.deprecatedBuiltinCode = schema.BuiltinOperator.ADD
    operator = schema.OperatorT()
    operator.opcodeIndex = 0
    operator.inputs = [0, 0]
    operator.outputs = [1]
    operator.builtinOptionsType = schema.BuiltinOptions.AddOptions
    operator.builtinOptions = schema.AddOptionsT()
    part = schema.SubGraphT()
    part.tensors = [_tensor(schema, name) for name in ("given", "sum")]
    part.operators = [operator]
    part.inputs = [0]
    part.outputs = [1]
    model = schema.ModelT()
    model.version = 3
    model.operatorCodes = [code]
    model.subgraphs = [part]
    model.buffers = [schema.BufferT()]
    return packed(model)


def _tensor(schema: Any, name: str) -> Any:
    tensor = schema.TensorT()
    tensor.shape = [1, 1]
    tensor.type = schema.TensorType.FLOAT32
    tensor.buffer = 0
    tensor.name = name
    return tensor


def _alone(graph: Graph, number: int, source: Source) -> bytes:
    """Return a file with operator *number* of *graph* alone; *source* is named in the error."""
    operator = copy(graph.graph.operators[number])
    inputs = [int(index) for index in operator.inputs]  # -1: an input that is left out
    outputs = [int(index) for index in operator.outputs]
    activations = [index for index in inputs if index >= 0 and not graph.tensors[index].bytes]
    if any(graph.origin(index) is not None or graph.is_sparse(index) for index in activations):
        raise UsageError(
            f"The weights of {describe(source)} are unpacked by separate operators (float16 or sparse): "
            "give a float32 or int8 file."
        )
    indices = sorted({index for index in (*inputs, *outputs) if index >= 0})
    place = {index: new for new, index in enumerate(indices)}  # a tensor's number in the new file
    place[-1] = -1
    tensors = []
    buffers = [graph.model.buffers[0]]  # by convention the empty one, for activations
    for index in indices:
        tensor = copy(graph.graph.tensors[index])
        if graph.tensors[index].bytes:
            buffers.append(graph.model.buffers[tensor.buffer])
            tensor.buffer = len(buffers) - 1
        else:
            tensor.buffer = 0
        tensors.append(tensor)
    operator.inputs = np.array([place[index] for index in inputs], np.int32)
    operator.outputs = np.array([place[index] for index in outputs], np.int32)
    part = copy(graph.graph)
    part.tensors = tensors
    part.operators = [operator]
    part.inputs = [place[index] for index in activations]
    part.outputs = [place[index] for index in outputs]
    model = copy(graph.model)
    model.subgraphs = [part]
    model.buffers = buffers
    model.signatureDefs, model.metadata, model.metadataBuffer = [], [], []
    return packed(model)
