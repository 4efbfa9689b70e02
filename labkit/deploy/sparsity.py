"""The sparsity of a trained network: its weights, its neurons, and its answers to real images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from labkit.base.errors import UsageError
from labkit.deploy.activations import activations
from labkit.deploy.content import Source
from labkit.deploy.flatbuffer import Graph, Operator
from labkit.deploy.inspect import layer, layers
from labkit.methods.sparsity import activation_sparsity, neuron_sparsity

__all__ = ["NetworkSparsity", "network_sparsity"]

_RELU = 1  # ActivationFunctionType.RELU of the file's schema


@dataclass(frozen=True)
class NetworkSparsity:
    """Shares, 0 to 1: ``weights`` that are zero, ``neurons`` that are small, and the zeros after each ReLU.

    ``units`` counts the neurons and channels behind the ReLUs, ``silent`` those of them that are zero on every image.
    """

    weights: float
    neurons: float
    activations: tuple[float, ...]
    units: int
    silent: int


def network_sparsity(source: Source, images: ArrayLike, threshold: float) -> NetworkSparsity:
    """Return the sparsity of a float ``.tflite`` file (bytes or path), its activations for *images* (n, height, width,
    1).

    Biases are left out. A neuron (a filter, in a convolution) is small when the norm of its incoming weights is at most
    *threshold* times the mean of its layer, as in `labkit.methods.sparsity.neuron_sparsity`. Activations are those of
    every operator that ends in a ReLU, additions included, in the order in which they run. Without images no unit
    counts as silent.
    Raises UsageError for an integer file or a threshold below 0, LabkitError for a damaged file.
    """
    described = [layer(source, row.index) for row in layers(source)]
    if any(each["weights"].dtype.kind != "f" for each in described):
        raise UsageError("The file is quantized, and its zeros depend on zero points: give the float32 file.")
    graph, answers = Graph(source), activations(source, images)
    outputs = [answers[graph.tensors[each.outputs[0]].name] for each in graph.operators if _ends_in_relu(each)]
    # A unit is silent when it is zero on all images and, in a convolution, at all places.
    fired = [np.any(output != 0, axis=tuple(range(output.ndim - 1))) for output in outputs if len(output)]
    # Units last: LiteRT has them first, but for depthwise convolutions.
    kernels = [np.moveaxis(each["weights"], -1 if each["kind"] == "depthwise" else 0, -1) for each in described]
    size, units = sum(kernel.size for kernel in kernels), sum(kernel.shape[-1] for kernel in kernels)
    small = sum(neuron_sparsity(kernel, threshold) * kernel.shape[-1] for kernel in kernels)
    return NetworkSparsity(
        weights=1 - sum(int(np.count_nonzero(kernel)) for kernel in kernels) / size,
        neurons=small / units,
        activations=tuple(float(activation_sparsity(output)) for output in outputs),
        units=sum(output.shape[-1] for output in outputs),
        silent=sum(int(np.count_nonzero(~each)) for each in fired),
    )


def _ends_in_relu(operator: Operator) -> bool:
    """Return whether *operator* is a ReLU, or has one fused into it."""
    return operator.name == "RELU" or getattr(operator.options, "fusedActivationFunction", 0) == _RELU
