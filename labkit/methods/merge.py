"""Merging neurons: those that compute nearly the same become one, with the sum of their outgoing weights.

A dense ReLU layer ``h = relu(x·W + b)`` feeds the next through ``h·A``. Neuron j is the vector v_j of its incoming
weights and its bias. ReLU passes a positive factor on, relu(α z) = α relu(z), so neurons whose vectors point the same
way are one neuron up to a factor, and merging them loses nothing: their outgoing weights are added, each times its
factor. All other merging is an approximation, and least squares on images that passed through the layer make the
best of it (after Srinivas & Babu, 2015, who fold by sums, and He et al., 2017, who refit by least squares).

Kernels are (inputs, neurons), biases (neurons,), outgoing kernels (neurons, outputs), as Keras holds them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from labkit.base.checks import whole
from labkit.base.errors import UsageError, one_of
from labkit.methods.sparsity import neuron_norms

KINDS = ("rbf", "cosine")
Merged = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # kernel_in, bias_in, kernel_out, bias_shift
_RIDGE = 1e-3  # of the mean variance of the neurons: keeps least squares calm where neurons are nearly dependent


def similarity(kernel: np.ndarray, bias: np.ndarray, kind: str = "rbf") -> np.ndarray:
    """Return the similarity of the neurons' incoming weights: float64 (neurons, neurons), symmetric, 1 on the diagonal.

    ``"rbf"``: exp(−|v_i − v_j|² / m), m the median squared distance; 0 to 1; alike in direction **and** size.
    ``"cosine"``: v_i·v_j / |v_i| |v_j|; −1 to 1; alike in direction, so that positively scaled copies count as equal,
    and a neuron of zeros resembles none. Raises UsageError for another kind, or shapes that do not fit.
    """
    one_of("kind of similarity", kind, KINDS)
    v = _vectors(kernel, bias)
    if kind == "cosine":
        norms = np.linalg.norm(v, axis=1, keepdims=True)
        return _tidy(_divide(v, norms) @ _divide(v, norms).T)
    squares = np.sum(v**2, axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * v @ v.T, 0.0)
    distances[distances < 1e-12 * squares.max(initial=0.0)] = 0.0  # what rounding leaves between equals
    pairs = distances[np.triu_indices(len(v), 1)]
    usual = float(np.median(pairs)) if pairs.size else 0.0
    usual = usual or float(pairs.mean() if pairs.size else 0.0)
    return _tidy(np.exp(-distances / usual) if usual else np.ones_like(distances))


def activation_similarity(activations: np.ndarray) -> np.ndarray:
    """Return the correlation of the neurons' outputs over images, (neurons, neurons), from (images, neurons).

    A neuron that always says the same (a dead one) correlates with none. Raises UsageError for fewer than two images.
    """
    h = np.asarray(activations, dtype=np.float64)
    if h.ndim != 2 or len(h) < 2:
        raise UsageError(f"activations have shape {h.shape}, but must have (images, neurons) with at least two images.")
    h = h - h.mean(axis=0)
    h = _divide(h, np.linalg.norm(h, axis=0))
    return _tidy(h.T @ h)


def group(similarity: np.ndarray, count: int) -> np.ndarray:
    """Put like neurons into *count* groups; return labels int64 (neurons,), 0 … count − 1 in order of each group's
    first neuron.

    Agglomerative with average linkage: the two groups most alike, on the average of their pairs, become one until
    *count* are left; among equals the first pair, so the same matrix always gives the same groups. Raises UsageError
    unless 1 ≤ *count* ≤ neurons and the matrix is square, symmetric and finite.
    """
    alike = np.array(similarity, dtype=np.float64)
    n = len(alike)
    if alike.shape != (n, n) or not np.isfinite(alike).all() or not np.allclose(alike, alike.T):
        raise UsageError(f"The similarity has shape {alike.shape}: give a square, symmetric matrix of finite numbers.")
    _check_count(count, n)
    np.fill_diagonal(alike, -np.inf)
    labels, sizes = np.arange(n), np.ones(n)
    for _ in range(n - count):
        i, j = sorted(divmod(int(np.argmax(alike)), n))
        alike[i] = alike[:, i] = (sizes[i] * alike[i] + sizes[j] * alike[j]) / (sizes[i] + sizes[j])
        alike[i, i] = alike[j] = alike[:, j] = -np.inf
        sizes[i] += sizes[j]
        labels[labels == j] = i
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def merge(
    kernel_in: np.ndarray,
    bias_in: np.ndarray,
    kernel_out: np.ndarray,
    labels: np.ndarray,
    inputs: np.ndarray | None = None,
) -> Merged:
    """Merge each group of *labels* into one neuron; return (kernel_in, bias_in, kernel_out, bias_shift), float32.

    The new neuron points where its members point on average and is of their mean length; each member's outgoing
    weights are added to it, times the member's length over the mean. Exact when all members are positively scaled
    copies.

    With *inputs*, what the layer reads on some images (images, inputs), the outgoing weights are then refitted by least
    squares, so that the next layer receives what it did before. *bias_shift* (outputs,) is to be added to the next
    layer's bias; it is zero without *inputs*. Raises UsageError for shapes that do not fit, and for labels that are not
    0 … count − 1.
    """
    v, kernel_out = _vectors(kernel_in, bias_in), _outgoing(kernel_out, np.shape(kernel_in))
    labels = np.asarray(labels)
    if (
        labels.shape != (len(v),)
        or labels.dtype.kind not in "iu"
        or set(np.unique(labels)) != set(range(labels.max() + 1))
    ):
        raise UsageError(
            f"labels must hold one whole number per neuron ({len(v)}), from 0 on, none left out: call group."
        )
    lengths = np.linalg.norm(v, axis=1)
    groups = np.eye(labels.max() + 1)[labels]  # (neurons, groups), one 1 a row
    mean_length = groups.T @ lengths / groups.sum(axis=0)
    sums = groups.T @ v
    directions = _divide(sums, np.linalg.norm(sums, axis=1, keepdims=True))
    merged = directions * mean_length[:, None]
    factors = _divide(lengths, mean_length[labels])
    folded = groups.T @ (factors[:, None] * kernel_out)
    kernel, bias = merged[:, :-1].T, merged[:, -1]
    return _refit(kernel_in, bias_in, kernel_out, kernel, bias, folded, inputs)


def delete(
    kernel_in: np.ndarray,
    bias_in: np.ndarray,
    kernel_out: np.ndarray,
    kept: np.ndarray,
    inputs: np.ndarray | None = None,
) -> Merged:
    """Delete all neurons but those *kept* (indices); return (kernel_in, bias_in, kernel_out, bias_shift), float32.

    With *inputs* the remaining outgoing weights are refitted by least squares exactly as in ``merge``,
    so that the two can be compared fairly. Raises UsageError for indices out of range or twice the same, and for none.
    """
    kernel_in, bias_in = np.asarray(kernel_in), np.asarray(bias_in)
    n = len(_vectors(kernel_in, bias_in))
    kernel_out, kept = _outgoing(kernel_out, kernel_in.shape), np.asarray(kept)
    if kept.ndim != 1 or kept.size == 0 or kept.dtype.kind not in "iu" or len(np.unique(kept)) != kept.size:
        raise UsageError("kept must be the indices of the remaining neurons: each once, and at least one.")
    if kept.min() < 0 or kept.max() >= n:
        raise UsageError(f"kept names neurons {kept.min()} to {kept.max()}, but the layer has 0 to {n - 1}.")
    return _refit(kernel_in, bias_in, kernel_out, kernel_in[:, kept], bias_in[kept], kernel_out[kept], inputs)


def keep_by_norm(kernel: np.ndarray, bias: np.ndarray | None, kernel_out: np.ndarray | None, count: int) -> np.ndarray:
    """Return indices, ascending, of the *count* neurons with the largest norm of incoming weights (and bias where
    given).

    With *kernel_out*, of the largest product of incoming and outgoing norm. Among equals the first stay.
    """
    norms = neuron_norms(kernel, bias)
    if kernel_out is not None:
        norms = norms * np.linalg.norm(_outgoing(kernel_out, np.shape(kernel)), axis=1)
    _check_count(count, len(norms))
    return np.sort(np.argsort(-norms, kind="stable")[:count])


def keep_at_random(n: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return indices, ascending, of *count* of *n* neurons drawn with *rng*."""
    _check_count(count, n)
    return np.sort(rng.choice(n, size=count, replace=False))


def _refit(kernel_in: Any, bias_in: Any, kernel_out: Any, kernel: Any, bias: Any, folded: Any, inputs: Any) -> Merged:
    """Return the new layer with its outgoing weights *folded*, corrected by least squares on *inputs* where given."""
    shift = np.zeros(kernel_out.shape[1])
    if inputs is not None:
        x = np.asarray(inputs, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != np.shape(kernel_in)[0] or len(x) < 2:
            raise UsageError(
                f"inputs have shape {x.shape}, but must have (images, {np.shape(kernel_in)[0]}), two images or more."
            )
        after = np.maximum(x @ kernel + bias, 0)
        targets = np.maximum(x @ kernel_in + bias_in, 0) @ kernel_out
        # Only what folding missed is fitted, so a merge that loses nothing stays exact, ridge or not.
        missed = targets - after @ folded
        centred = after - after.mean(axis=0)
        gram = centred.T @ centred
        ridge = _RIDGE * float(np.trace(gram)) / len(gram) or 1.0
        folded = folded + np.linalg.solve(gram + ridge * np.eye(len(gram)), centred.T @ (missed - missed.mean(axis=0)))
        shift = (targets - after @ folded).mean(axis=0)
    kernel, bias, folded, shift = (np.asarray(value, dtype=np.float32) for value in (kernel, bias, folded, shift))
    return kernel, bias, folded, shift


def _vectors(kernel: Any, bias: Any) -> np.ndarray:
    """Return (neurons, inputs + 1): each neuron's incoming weights and its bias."""
    kernel, bias = np.asarray(kernel, dtype=np.float64), np.asarray(bias, dtype=np.float64)
    if kernel.ndim != 2 or bias.shape != (kernel.shape[1],) or not bias.size:
        raise UsageError(
            f"The shapes are {kernel.shape} and {bias.shape}, but a kernel (inputs, neurons) and a bias "
            "(neurons,) are needed, with at least one neuron."
        )
    return np.vstack([kernel, bias]).T


def _outgoing(kernel_out: Any, shape: tuple[int, ...]) -> np.ndarray:
    kernel_out = np.asarray(kernel_out, dtype=np.float64)
    if kernel_out.ndim != 2 or len(kernel_out) != shape[-1]:
        raise UsageError(f"kernel_out has shape {kernel_out.shape}, but must be ({shape[-1]} neurons, outputs).")
    return kernel_out


def _divide(values: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Return *values* / *by*, and 0 where *by* is 0."""
    return np.divide(values, by, out=np.zeros_like(values), where=np.broadcast_to(by > 0, values.shape))


def _tidy(matrix: np.ndarray) -> np.ndarray:
    """Make *matrix* exactly symmetric, with 1 on the diagonal."""
    matrix = np.clip((matrix + matrix.T) / 2, -1, 1)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def _check_count(count: int, n: int) -> None:
    whole("count", count, 1, n, note=", the neurons there are")
