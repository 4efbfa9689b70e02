"""How much of a network is zero, and what the pattern of the zeros is worth."""

from __future__ import annotations

import math

import numpy as np

from labkit.base.errors import UsageError


def sparsity(weights: np.ndarray) -> float:
    """The share of *weights* (any shape) that is exactly zero, 0 to 1; 0.0 when there are none."""
    weights = np.asarray(weights)
    return float(np.mean(weights == 0)) if weights.size else 0.0


def density(weights: np.ndarray) -> float:
    """The share of *weights* that is not zero: ``1 − sparsity``."""
    return 1.0 - sparsity(weights)


def neuron_norms(kernel: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """The Euclidean norm of each neuron's incoming weights (and bias): shape (units,), for a kernel (…, units)."""
    kernel = np.asarray(kernel, dtype=np.float64)
    if kernel.ndim < 2:
        raise UsageError(
            f"The kernel has shape {kernel.shape}, but takes (inputs, units), or (height, width, in, out)."
        )
    squares = (kernel**2).sum(axis=tuple(range(kernel.ndim - 1)))
    if bias is not None:
        if np.shape(bias) != squares.shape:
            raise UsageError(f"The bias has shape {np.shape(bias)}, but takes one value a neuron, {squares.shape}.")
        squares = squares + np.asarray(bias, dtype=np.float64) ** 2
    return np.sqrt(squares)


def neuron_sparsity(kernel: np.ndarray, threshold: float) -> float:
    """The share of neurons that are small: *number of small neurons / number of neurons*.

    The formula leaves 'small' open; here a neuron is small when the norm of its incoming weights is at most *threshold*
    times the mean norm of its layer (0: only dead ones; 0.5: half the usual size). So the answer does not change when
    all weights are scaled. *kernel* is (…, units). Raises UsageError for another shape or a threshold below 0.
    """
    if not threshold >= 0:
        raise UsageError(f"threshold is {threshold!r}, but takes a number of at least 0 (times the layer's mean norm).")
    norms = neuron_norms(kernel)
    return float(np.mean(norms <= threshold * norms.mean())) if norms.size else 0.0


def mask_entropy(density: float) -> float:
    """Bits that one position of a random mask is worth: ``−p log₂ p − (1 − p) log₂(1 − p)`` (Shannon, 1948).

    *density* is p, the share kept; symmetric in kept and gone, 0.0 at 0 and 1, at most 1 (at one half). No code for the
    positions alone can be shorter on average. Raises UsageError outside [0, 1].
    """
    p = float(density)
    if not 0 <= p <= 1:
        raise UsageError(f"density is {density!r}, but takes a share from 0 to 1.")
    return -sum(share * math.log2(share) for share in (p, 1 - p) if share > 0)
