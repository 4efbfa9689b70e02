"""Deep compression as the paper describes it: prune, share, code (Han, Mao and Dally 2016, arXiv:1510.00149).

Each stage is a function of arrays, and what it returns is what the next one takes. The training that belongs between
them is in ``labkit.keras2.train_compressed``; the file is ``labkit.methods.lkz``. ``deep_compression`` does all three
stages without training, which is what ``labkit compress`` does to a model that somebody has trained.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labkit.base.checks import whole
from labkit.base.errors import UsageError
from labkit.methods import cluster, lkz

MOST_VALUES = 65_536  # shared values that the file format can hold in one tensor


@dataclass(frozen=True)
class Shared:
    """A tensor of few different values: *codebook* float32 (k,), and for each weight its *index*.

    Index 0 is the pruned weight, a zero that the codebook does not hold; index i is ``codebook[i − 1]``.
    """

    codebook: NDArray[np.float32]
    indices: NDArray[Any]

    def expand(self) -> NDArray[np.float32]:
        """Return the weights, float32 of the indices' shape."""
        return np.concatenate([np.zeros(1, np.float32), self.codebook])[self.indices]

    def rounded(self) -> Shared:
        """Return the same with each value rounded to a float16 number, which takes two bytes in the file."""
        with np.errstate(over="ignore"):
            half = self.codebook.astype(np.float16).astype(np.float32)
        return Shared(np.where(np.isfinite(half), half, self.codebook), self.indices)


def prune(weights: np.ndarray, kept: float, importance: np.ndarray | None = None) -> NDArray[np.bool_]:
    """Choose the weights that stay (stage 1): return a boolean array of *weights*' shape with ``round(kept × size)``
    True, at least one.

    The largest ``|w| × importance`` stay; what is zero already goes, so that fewer may stay; among equals, the earlier.
    *importance* is one factor a weight, or an array that broadcasts. Raises UsageError for a share outside (0, 1] and
    for weights that are not finite.
    """
    if not 0 < kept <= 1:
        raise UsageError(
            f"kept is {kept!r}, but must be a fraction above 0 and at most 1 (0.08 keeps 8 % of the weights)."
        )
    weights = _finite(weights)
    score = np.abs(weights) * (1.0 if importance is None else importance)
    mask = np.zeros(weights.size, bool)
    stay = max(round(kept * weights.size), 1)
    mask[np.argsort(-score, axis=None, kind="stable")[:stay]] = True
    return mask.reshape(weights.shape) & (weights != 0)


def _finite(weights: np.ndarray) -> np.ndarray:
    weights = np.asarray(weights)
    if not np.isfinite(weights).all():
        raise UsageError("A weight is NaN or infinite: train again, for example with a smaller learning rate.")
    return weights


def tidy(weights: Mapping[str, np.ndarray]) -> dict[str, NDArray[np.float32]]:
    """Return the same network with its dead neurons emptied and the others in order, the busiest first.

    *weights*: ``layer/kernel`` and ``layer/bias`` in turn, layer after layer of one chain: dense, or convolutions that
    are not padded, with ReLU between them. A neuron without inputs has the same output for every image, which moves
    into the biases after it. A neuron that no weight reads loses its inputs. The order of neurons has no effect on the
    outputs, which change by rounding alone. Sorted counts are cheap to store, so that the file of a pruned network of
    usual size becomes shorter; that of a network of a few neurons may become some bytes longer.

    Raises UsageError when the tensors are no such chain.
    """
    names = list(weights)
    tensors = [np.array(tensor, np.float32) for tensor in weights.values()]  # copies, which are changed in place below
    kernels, biases = tensors[::2], tensors[1::2]
    if len(kernels) != len(biases) or any(b.shape != k.shape[-1:] for k, b in zip(kernels, biases, strict=False)):
        raise UsageError(f"The tensors are {', '.join(names)}, but must be a kernel and a bias in turn.")
    for _ in kernels:  # emptying a neuron may leave the one before it without a reader
        for i in range(len(kernels) - 1):
            _empty_neurons(kernels[i], biases[i], kernels[i + 1], biases[i + 1])
    for i in range(len(kernels) - 1):
        inputs = np.count_nonzero(kernels[i], axis=tuple(range(kernels[i].ndim - 1)))
        order = np.argsort(-inputs, kind="stable")
        kernels[i] = kernels[i][..., order]
        biases[i] = biases[i][order]
        readers = _by_source(kernels[i + 1], len(order))
        readers[:] = readers[:, order]
    sorted_tensors = [tensor for layer in zip(kernels, biases, strict=True) for tensor in layer]
    return dict(zip(names, sorted_tensors, strict=True))


def _empty_neurons(kernel: np.ndarray, bias: np.ndarray, next_kernel: np.ndarray, next_bias: np.ndarray) -> None:
    """Set to zero, in place, what belongs to neurons of a layer without inputs or without readers.

    What a neuron without inputs adds to each neuron of the next layer, whatever the image, is added to *next_bias*.
    """
    readers = _by_source(next_kernel, len(bias))
    without_inputs = ~kernel.any(axis=tuple(range(kernel.ndim - 1)))
    constant_outputs = np.maximum(bias, 0) * without_inputs
    next_bias += constant_outputs @ readers.sum(axis=0)
    readers[:, without_inputs] = 0
    empty = without_inputs | ~readers.any(axis=(0, 2))
    kernel[..., empty] = 0
    bias[empty] = 0


def _by_source(kernel: NDArray[np.float32], units: int) -> NDArray[np.float32]:
    """Return a view of *kernel* as (places, units before it, units of its own)."""
    if math.prod(kernel.shape[:-1]) % units:
        raise UsageError(f"A kernel of shape {kernel.shape} does not read {units} units: give the layers in order.")
    return kernel.reshape(-1, units, kernel.shape[-1])


def share(weights: np.ndarray, values: int, start: str = "linear") -> Shared:
    """Return the weights with at most *values* nonzero values, shared by k-means (stage 2); zeros stay zeros.

    Raises UsageError for fewer than 1 or more than 65,536 values, and for weights that are not finite.
    """
    count = whole("values", values, 1, MOST_VALUES, note=", the shared values")
    weights = _finite(weights)
    indices = np.zeros(weights.shape, np.int32)
    kept = weights != 0
    codebook, places = cluster.share(weights[kept], count, start)
    indices[kept] = places.astype(np.int32) + 1
    return Shared(codebook, indices)


def code(weights: Mapping[str, np.ndarray]) -> bytes:
    """Return named tensors (stage 3) as the bytes of a ``.lkz`` file, from which `lkz.read` restores exactly these."""
    return lkz.pack(weights)


def deep_compression(
    weights: Mapping[str, np.ndarray], kept: Mapping[str, float] | None = None, values: int | None = None
) -> bytes:
    """Run all three stages, without training; return the bytes of a ``.lkz`` file.

    *weights*: tensors by name; *kept*: the share of each that stays, where some are to go; *values*: how many values
    the weights that stay may share, in each tensor of two or more axes (biases stay as they are). Raises UsageError as
    the stages do.
    """
    tensors = {name: np.asarray(tensor) for name, tensor in weights.items()}
    for name, kept_share in (kept or {}).items():
        tensors[name] = np.where(prune(tensors[name], kept_share), tensors[name], 0)
    if values is not None:
        for name, tensor in tensors.items():
            if tensor.ndim > 1:
                tensors[name] = share(tensor, values).rounded().expand()
    return code(tensors)
