"""The content of a ``.tflite`` file: parameters, non-zeros, MACs, tensors, layers. Reads the file; runs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

import numpy as np

from labkit.base.errors import LabkitError, UsageError, nearest
from labkit.deploy.content import Source, describe
from labkit.deploy.flatbuffer import KINDS, Graph, Operator, Tensor

__all__ = ["Layer", "Summary", "Tensor", "layer", "layers", "summary"]


@dataclass(frozen=True)
class Summary:
    """The content of one ``.tflite`` file.

    ``parameters``: weights and biases of the dense, convolution and matrix-multiplication operators; ``nonzero``: those
    that do not stand for 0 (an int8 weight does when it equals its zero point); ``weight_bytes``: what they take in the
    file; ``macs``: multiply-accumulates for one input; ``operators``: in the order in which they run.
    """

    parameters: int
    nonzero: int
    macs: int
    weight_bytes: int
    operators: list[str]
    inputs: list[Tensor]
    outputs: list[Tensor]
    tensors: list[Tensor]


@dataclass(frozen=True)
class Layer:
    """One row of `layers`: ``index`` for `layer`, ``kind`` dense|conv2d|depthwise|matmul, shapes as LiteRT has them."""

    index: int
    name: str
    kind: str
    weights_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    dtype: str
    parameters: int
    nonzero: int
    macs: int


def summary(source: Source | Graph) -> Summary:
    """Return what a ``.tflite`` file (bytes, path, or its graph where it has been read) holds.

    The parameters of an unpruned float32 file are those that Keras counts, with two differences that the converter
    makes: batch normalization is folded into the layer before it (its four values a channel become one bias), and a
    dense layer's bias is left out when it is zero throughout. Raises LabkitError for a file that is damaged or foreign.
    """
    graph = source if isinstance(source, Graph) else Graph(source)
    # Weights used twice (a shared layer) count once; equal biases share a buffer, and count with each of their weights.
    counted: dict[tuple[int, ...], tuple[int, int]] = {}
    held: dict[int, int] = {}
    for operator in _computing(graph):
        weights, *others = _constants(graph, operator)
        for key, index in [((weights,), weights), *[((weights, other), other) for other in others if weights >= 0]]:
            if index >= 0:
                buffers = tuple(graph.buffer(number) for number in key)
                counted[buffers] = (prod(graph.tensors[index].shape), _nonzero(graph, index))
                held[graph.buffer(index)] = graph.tensors[index].bytes
    return Summary(
        parameters=sum(parameters for parameters, _ in counted.values()),
        nonzero=sum(nonzero for _, nonzero in counted.values()),
        macs=sum(_macs(graph, operator) for operator in _computing(graph)),
        weight_bytes=sum(held.values()),
        operators=[operator.name for operator in graph.operators],
        inputs=[graph.tensors[index] for index in graph.graph.inputs],
        outputs=[graph.tensors[index] for index in graph.graph.outputs],
        tensors=graph.tensors,
    )


def layers(source: Source | Graph) -> list[Layer]:
    """Return the operators that multiply and accumulate, in the order in which they run, one row each."""
    graph = source if isinstance(source, Graph) else Graph(source)
    return [_row(graph, index, operator) for index, operator in enumerate(_computing(graph))]


def layer(source: Source, which: int | str) -> dict[str, Any]:
    """Return all values needed to compute one layer by hand; *which* is its index in `layers` or its Keras name.

    The result has all of `Layer`; ``weights`` as stored (int8, float16 or float32) in LiteRT's order: dense (out, in),
    conv2d (out, height, width, in), depthwise (1, height, width, out); ``weight_scale`` float32 and
    ``weight_zero_point`` int32, of shape (out,) or (1,), along ``axis``; ``bias`` (out,) int32 or float (zeros when the
    file has none) and ``bias_scale``; ``input_scale``, ``input_zero_point``, ``output_scale``, ``output_zero_point``;
    ``stride`` and ``dilation`` (height, width), ``padding`` same|valid; ``activation`` none|relu|relu6 …;
    ``input`` and ``output``, the names of the tensors. A scale of what is not quantized is None.
    Raises UsageError for a layer that is not there, LabkitError for a damaged file or one without fixed weights there.
    """
    graph = Graph(source)
    operators = list(_computing(graph))
    index = _find(graph, operators, which, source)
    operator = operators[index]
    weights, *others = _constants(graph, operator)
    if weights < 0:
        raise LabkitError(
            f"Layer {which!r} of {describe(source)} multiplies two activations: choose a layer with weights."
        )
    kernel, bias = graph.tensors[weights], others[0] if others else -1
    out = kernel.shape[0] if KINDS[operator.name] in ("dense", "conv2d") else kernel.shape[-1]
    given, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    return {
        **asdict(_row(graph, index, operator)),
        "weights": graph.constant(weights),
        "weight_scale": np.array(kernel.scale, np.float32) if kernel.scale else None,
        "weight_zero_point": np.array(kernel.zero_point, np.int32) if kernel.scale else None,
        "axis": kernel.axis,
        "bias": graph.constant(bias) if bias >= 0 else np.zeros(out, "int32" if given.scale else "float32"),
        "bias_scale": np.array(graph.tensors[bias].scale, np.float32)
        if bias >= 0 and graph.tensors[bias].scale
        else None,
        **{f"input_{key}": value for key, value in _quantization(given).items()},
        **{f"output_{key}": value for key, value in _quantization(result).items()},
        **_geometry(graph, operator),
        "input": given.name,
        "output": result.name,
    }


def _computing(graph: Graph) -> Iterator[Operator]:
    return (operator for operator in graph.operators if operator.name in KINDS)


def _constants(graph: Graph, operator: Operator) -> list[int]:
    """Return the constants of *operator*: its weights (-1 when they are an activation), then its bias, if any."""
    found = [graph.origin(index) for index in operator.inputs[1:]]
    weights, others = found[0], found[1:]
    return [-1 if weights is None else weights, *[index for index in others if index is not None]]


def _nonzero(graph: Graph, index: int) -> int:
    values, tensor = graph.stored(index), graph.tensors[index]
    if graph.is_sparse(index) or len(set(tensor.zero_point)) <= 1:
        return int(np.count_nonzero(values != (tensor.zero_point[0] if tensor.zero_point else 0)))
    sizes = [-1 if axis == tensor.axis else 1 for axis in range(len(tensor.shape))]
    return int(np.count_nonzero(values.reshape(tensor.shape) != np.array(tensor.zero_point).reshape(sizes)))


def _macs(graph: Graph, operator: Operator) -> int:
    given, weights = (graph.tensors[index].shape for index in operator.inputs[:2])
    result = prod(graph.tensors[operator.outputs[0]].shape)
    match KINDS[operator.name]:
        case "dense":  # (…, in) × (out, in)
            return result * weights[-1]
        case "conv2d":  # each output value: height × width × inputs of its group
            return result * prod(weights[1:])
        case "depthwise":  # each output value: height × width
            return result * weights[1] * weights[2]
        case _:  # (…, rows, inner) × (…, inner, columns)
            return result * given[-2 if operator.options.adjX else -1]


def _row(graph: Graph, index: int, operator: Operator) -> Layer:
    weights, *others = _constants(graph, operator)
    constants = [number for number in (weights, *others) if number >= 0]
    kernel = graph.tensors[weights if weights >= 0 else operator.inputs[1]]
    return Layer(
        index=index,
        name=kernel.name,
        kind=KINDS[operator.name],
        weights_shape=kernel.shape,
        output_shape=graph.tensors[operator.outputs[0]].shape,
        dtype=kernel.dtype,
        parameters=sum(prod(graph.tensors[number].shape) for number in constants),
        nonzero=sum(_nonzero(graph, number) for number in constants),
        macs=_macs(graph, operator),
    )


def _find(graph: Graph, operators: list[Operator], which: int | str, source: Source) -> int:
    if isinstance(which, int) and not isinstance(which, bool):
        if 0 <= which < len(operators):
            return which
        raise UsageError(f"There is no layer {which} in {describe(source)}: it has 0 to {len(operators) - 1}.")
    # The converter makes names such as net/conv/Relu;net/norm/…;net/conv/Conv2D: a Keras name is one part of them.
    texts = [(_row(graph, i, op).name, graph.tensors[op.outputs[0]].name) for i, op in enumerate(operators)]
    parts = [[re.split("[/;]", text.replace("quant_", "")) for text in pair] for pair in texts]
    for matches in (
        [i for i, pair in enumerate(texts) if which == pair[0]],
        *([i for i, pair in enumerate(parts) if which in pair[place]] for place in (0, 1)),
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise UsageError(f"Name {which!r} fits layers {matches} of {describe(source)}: give one of these numbers.")
    known = [part for pair in parts for part in pair[0][1:2]]
    raise UsageError(
        f"There is no layer {which!r}{nearest(str(which), known)} ({describe(source)} has: {', '.join(known)})."
    )


def _quantization(tensor: Tensor) -> dict[str, Any]:
    if not tensor.scale:
        return {"scale": None, "zero_point": None}
    return {"scale": np.float32(tensor.scale[0]), "zero_point": tensor.zero_point[0]}


def _geometry(graph: Graph, operator: Operator) -> dict[str, Any]:
    options, schema = operator.options, graph.schema
    names = {value: name for name, value in vars(schema.ActivationFunctionType).items() if isinstance(value, int)}
    convolution = hasattr(options, "strideH")
    return {
        "stride": (options.strideH, options.strideW) if convolution else (1, 1),
        "dilation": (options.dilationHFactor, options.dilationWFactor) if convolution else (1, 1),
        "padding": "same" if convolution and options.padding == schema.Padding.SAME else "valid",
        "activation": names[getattr(options, "fusedActivationFunction", 0)].lower(),
    }
