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
    """One ``.tflite`` file (bytes) for each row of `labkit.deploy.inspect.layers`, with its weights and its options.

    Each takes the layer's input and gives its output, activation function included. Raises LabkitError for a damaged
    file, UsageError for one whose weights are unpacked by an operator of their own (float16 or sparse weights).
    """
    graph = Graph(source)
    return [_alone(graph, number, source) for number, op in enumerate(graph.operators) if op.name in KINDS]


def overhead() -> bytes:
    """A ``.tflite`` file (bytes) that adds one float32 to one float32: what a call costs when there is no work."""
    from ai_edge_litert import schema_py_generated as schema

    model, code, part, operator = schema.ModelT(), schema.OperatorCodeT(), schema.SubGraphT(), schema.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.ADD
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0, 0], [1]
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.AddOptions, schema.AddOptionsT()
    part.tensors = [_tensor(schema, name) for name in ("given", "sum")]
    part.operators, part.inputs, part.outputs = [operator], [0], [1]
    model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [code], [part], [schema.BufferT()]
    return packed(model)


def _tensor(schema: Any, name: str) -> Any:
    tensor = schema.TensorT()
    tensor.shape, tensor.type, tensor.buffer, tensor.name = [1, 1], schema.TensorType.FLOAT32, 0, name
    return tensor


def _alone(graph: Graph, number: int, source: Source) -> bytes:
    operator = copy(graph.graph.operators[number])
    given = [int(index) for index in operator.inputs]
    activations = [index for index in given if index >= 0 and not graph.tensors[index].bytes]
    if any(graph.origin(index) is not None or graph.is_sparse(index) for index in activations):
        raise UsageError(
            f"The weights of {describe(source)} are unpacked by operators of their own (float16 or sparse): "
            "give a float32 or int8 file."
        )
    results = [int(index) for index in operator.outputs]
    used = sorted({index for index in (*given, *results) if index >= 0})
    place = {index: new for new, index in enumerate(used)} | {-1: -1}
    part, model = copy(graph.graph), copy(graph.model)
    tensors = [copy(graph.graph.tensors[index]) for index in used]
    buffers = [graph.model.buffers[0]]  # by convention the empty one, for activations
    for tensor, index in zip(tensors, used, strict=True):
        buffer = graph.model.buffers[tensor.buffer]
        tensor.buffer = 0 if not graph.tensors[index].bytes else len(buffers)
        buffers += [buffer] if tensor.buffer else []
    operator.inputs = np.array([place[index] for index in given], np.int32)
    operator.outputs = np.array([place[index] for index in results], np.int32)
    part.tensors, part.operators = tensors, [operator]
    part.inputs, part.outputs = [place[index] for index in activations], [place[index] for index in results]
    model.subgraphs, model.buffers = [part], buffers
    model.signatureDefs, model.metadata, model.metadataBuffer = [], [], []
    return packed(model)
