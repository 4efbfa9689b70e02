"""Deep compression as the paper tells it: prune, share, code (Han, Mao and Dally 2016, arXiv:1510.00149).

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
        """The weights, float32 of the indices' shape."""
        return np.concatenate([np.zeros(1, np.float32), self.codebook])[self.indices]

    def rounded(self) -> Shared:
        """The same with each value rounded to a float16 number, which takes two bytes in the file."""
        with np.errstate(over="ignore"):
            half = self.codebook.astype(np.float16).astype(np.float32)
        return Shared(np.where(np.isfinite(half), half, self.codebook), self.indices)


def prune(weights: np.ndarray, kept: float, importance: np.ndarray | None = None) -> NDArray[np.bool_]:
    """Stage 1: which weights stay, a boolean array of *weights*' shape with ``round(kept × size)`` True, at least one.

    The largest ``|w| × importance`` stay; what is zero already goes, so that fewer may stay; among equals, the earlier.
    *importance* is one factor a weight, or an array that broadcasts. Raises UsageError for a share outside (0, 1] and
    for weights that are not finite.
    """
    if not 0 < kept <= 1:
        raise UsageError(f"kept is {kept!r}, but takes a share above 0 and at most 1 (0.08 keeps 8 % of the weights).")
    weights = _finite(weights)
    score = np.abs(weights) * (1.0 if importance is None else importance)
    mask = np.zeros(weights.size, bool)
    stay = max(round(kept * weights.size), 1)
    mask[np.argsort(-score, axis=None, kind="stable")[:stay]] = True
    return mask.reshape(weights.shape) & (weights != 0)


def _finite(weights: np.ndarray) -> np.ndarray:
    weights = np.asarray(weights)
    if not np.isfinite(weights).all():
        raise UsageError("A weight is no finite number: mend the training that made it (NaN or infinity).")
    return weights


def tidy(weights: Mapping[str, np.ndarray]) -> dict[str, NDArray[np.float32]]:
    """The same network with its dead neurons emptied and the others in order, the busiest first: a shorter file.

    *weights*: ``layer/kernel`` and ``layer/bias`` in turn, layer after layer of one chain: dense, or convolutions that
    are not padded, with ReLU between them. A neuron without inputs answers the same to every image: its answer moves
    into the biases after it. A neuron that nothing reads loses its inputs. Which neuron comes first means nothing to
    the network, and in order their counts are cheap to tell. The outputs change by rounding alone.

    Raises UsageError when the tensors are no such chain.
    """
    names, layers = list(weights), [np.array(tensor, np.float32) for tensor in weights.values()]
    kernels, biases = layers[::2], layers[1::2]
    if len(kernels) != len(biases) or any(b.shape != k.shape[-1:] for k, b in zip(kernels, biases, strict=False)):
        raise UsageError(f"The tensors are {', '.join(names)}, but a chain of a kernel and a bias in turn is wanted.")
    for _ in kernels:  # a neuron that is emptied may leave the one before it without a reader
        for kernel, bias, after, next_bias in zip(kernels, biases, kernels[1:], biases[1:], strict=False):
            out = _by_source(after, len(bias))
            dead = ~kernel.any(axis=tuple(range(kernel.ndim - 1)))
            next_bias += (np.maximum(bias, 0) * dead) @ out.sum(axis=0)
            out[:, dead] = 0
            unread = dead | ~out.any(axis=(0, 2))
            kernel[..., unread], bias[unread] = 0, 0
    for i, (kernel, bias) in enumerate(zip(kernels[:-1], biases[:-1], strict=True)):
        counts = np.count_nonzero(kernel, axis=tuple(range(kernel.ndim - 1)))
        order = np.argsort(-counts, kind="stable")
        kernels[i], biases[i] = kernel[..., order], bias[order]
        out = _by_source(kernels[i + 1], len(bias))
        out[:] = out[:, order]
    return dict(zip(names, [tensor for pair in zip(kernels, biases, strict=True) for tensor in pair], strict=True))


def _by_source(kernel: NDArray[np.float32], units: int) -> NDArray[np.float32]:
    """A view of *kernel* as (places, units before it, units of its own)."""
    if math.prod(kernel.shape[:-1]) % units:
        raise UsageError(f"A kernel of shape {kernel.shape} does not read {units} units: give the layers in order.")
    return kernel.reshape(-1, units, kernel.shape[-1])


def share(weights: np.ndarray, values: int, start: str = "linear") -> Shared:
    """Stage 2: the weights that are not zero share *values* values at most, found by k-means; zeros stay zeros.

    Raises UsageError for fewer than 1 or more than 65,536 values, and for weights that are not finite.
    """
    count = whole("values", values, 1, MOST_VALUES, note=", the shared values")
    weights = _finite(weights)
    indices = np.zeros(weights.shape, np.int32)
    there = weights != 0
    codebook, found = cluster.share(weights[there], count, start)
    indices[there] = found.astype(np.int32) + 1
    return Shared(codebook, indices)


def code(weights: Mapping[str, np.ndarray]) -> bytes:
    """Stage 3: named tensors as the bytes of a ``.lkz`` file, from which `lkz.read` makes exactly these again."""
    return lkz.pack(weights)


def deep_compression(
    weights: Mapping[str, np.ndarray], kept: Mapping[str, float] | None = None, values: int | None = None
) -> bytes:
    """All three stages, without training: the bytes of a ``.lkz`` file.

    *weights*: tensors by name; *kept*: the share of each that stays, where some are to go; *values*: how many values
    the weights that stay may share, in each tensor of two or more axes (biases stay as they are). Raises UsageError as
    the stages do.
    """
    done = {name: np.asarray(tensor) for name, tensor in weights.items()}
    for name, share_kept in (kept or {}).items():
        done[name] = np.where(prune(done[name], share_kept), done[name], 0)
    if values is not None:
        done = {n: share(t, values).rounded().expand() if t.ndim > 1 else t for n, t in done.items()}
    return code(done)
