"""Choose the channels to keep: by the size of their weights, their zero outputs, or the next layer's error.

A layer that reads channels multiplies rows of features (rows, features) by its weights (features, outputs). For a
convolution, a row is the window at one position of one image, and a channel owns one feature for each place in the
window; *owner* (features,) says which channel each feature belongs to (−1: none of them). All scores are one number a
channel, the larger the better kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labkit.base.checks import whole
from labkit.base.errors import UsageError

Floats = NDArray[np.float64]
_RIDGE = 1e-3  # of the mean variance of a feature: keeps least squares calm where features nearly repeat each other


def weight_norms(kernels: Sequence[ArrayLike], scales: Sequence[ArrayLike] | None = None) -> Floats:
    """Return the sum of the absolute incoming weights of each channel: float64 (channels,), of kernels (…, channels).

    Li et al. (2017, arXiv:1608.08710, section 3.1). Several kernels, of layers tied by an addition, are summed.
    *scales* (channels,), one a kernel, are what batch normalization multiplies each channel by; without them the norm
    of a normalized layer means nothing, since its scale is made good again. Raises UsageError for shapes that differ.
    """
    arrays = [np.abs(np.asarray(kernel, np.float64)) for kernel in kernels]
    if not arrays or any(kernel.ndim < 2 or kernel.shape[-1] != arrays[0].shape[-1] for kernel in arrays):
        raise UsageError("kernels must be one or more arrays (…, channels) with the same number of channels.")
    factors = [np.abs(np.asarray(scale, np.float64)) for scale in scales] if scales is not None else [1.0] * len(arrays)
    if len(factors) != len(arrays) or any(np.shape(each) not in ((), arrays[0].shape[-1:]) for each in factors):
        raise UsageError(f"scales take one array ({arrays[0].shape[-1]},) for each of the {len(arrays)} kernels.")
    sums = [k.reshape(-1, k.shape[-1]).sum(axis=0) * f for k, f in zip(arrays, factors, strict=True)]
    return np.sum(sums, axis=0)


def zero_shares(features: ArrayLike, owner: ArrayLike, channels: int) -> Floats:
    """Return the share of zeros among the activations of each channel: float64 (channels,), 1.0 for one that is dead.

    The average percentage of zeros of Hu et al. (2016, arXiv:1607.03250, equation 1), as a share; keep the low ones.
    A channel without features has 0. Raises UsageError for shapes that do not fit.
    """
    x, owners = _features(features, owner, channels)
    zeros = np.mean(x == 0, axis=0) if len(x) else np.zeros(x.shape[1])
    return _by_channel(zeros, owners, channels) / np.maximum(_by_channel(np.ones(len(owners)), owners, channels), 1)


def contributions(features: ArrayLike, weights: ArrayLike, owner: ArrayLike, channels: int) -> Floats:
    """Return how the channels' parts of the reader's outputs go together: G float64 (channels, channels), symmetric.

    Channel c gives the outputs the part z_c = its features times their weights, and G_cd is the mean over rows of
    z_c · z_d, each less its own mean (which a bias can stand in for). What the outputs lose when a set of channels goes
    is the sum of G over that set. Gᵢⱼ is formed from the features' covariance, without forming any z: for the features
    f of c and g of d, G_cd = Σ cov(f, g) w_f · w_g. Raises UsageError for shapes that do not fit.
    """
    x, owners = _features(features, owner, channels)
    w = np.asarray(weights, np.float64)
    if w.ndim != 2 or len(w) != x.shape[1]:
        raise UsageError(f"weights have shape {w.shape}, but must be ({x.shape[1]} features, outputs).")
    x = x - x.mean(axis=0) if len(x) else x
    products = (x.T @ x) * (w @ w.T) / max(len(x), 1)
    return _by_channel(_by_channel(products, owners, channels).T, owners, channels)


def keep_by_score(scores: ArrayLike, count: int) -> NDArray[np.int64]:
    """Return indices, ascending, of the *count* largest of *scores* (channels,); among equals the first stay.

    Raises UsageError for scores that are not finite, or a count that is not 1 to their number.

    >>> keep_by_score([0.1, 3.0, 2.0], 2).tolist()
    [1, 2]
    """
    values = np.asarray(scores, np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise UsageError("scores must hold one finite number per channel: check what computed them.")
    _check_count(count, len(values))
    return np.sort(np.argsort(-values, kind="stable")[:count])


def keep_by_reconstruction(gram: ArrayLike, count: int) -> NDArray[np.int64]:
    """Return indices, ascending, of the *count* channels without whose fellows the next layer loses least, step by
    step.

    The greedy choice of ThiNet (Luo, Wu and Lin, 2017, arXiv:1707.06342, algorithm 1) on *gram*, G of `contributions`
    (sum those of several readers): of the channels left, that one goes which raises the loss Σ G over all that are gone
    by least. So two channels that cancel each other may go together, however large they are. Among equals the last
    goes. Raises UsageError for a gram that is not square and finite, or a count out of range.
    """
    g = np.asarray(gram, np.float64)
    if g.ndim != 2 or g.shape[0] != g.shape[1] or not np.isfinite(g).all():
        raise UsageError(f"gram has shape {g.shape}, but must hold finite numbers (channels, channels).")
    n = len(g)
    _check_count(count, n)
    rise, stays = np.diag(g).copy(), np.ones(n, dtype=bool)
    for _ in range(n - count):
        worst = n - 1 - int(np.argmin(np.where(stays, rise, np.inf)[::-1]))
        stays[worst] = False
        rise += g[worst] + g[:, worst]
    return np.flatnonzero(stays)


def refit(features: ArrayLike, wanted: ArrayLike, weights: ArrayLike) -> tuple[Floats, Floats]:
    """Return weights (features, outputs) and a bias (outputs,) that make *features* (rows, features) give *wanted*.

    Least squares on (rows, outputs), begun at *weights*: only what they miss is fitted, with a ridge of 1e-3 of the
    features' mean variance, so weights that miss nothing stay as they are. As He, Zhang and Sun (2017,
    arXiv:1707.06168, equation 1, second step) refit the layer after pruned channels. Raises UsageError for shapes that
    do not fit, and for fewer than two rows.
    """
    x, y, w = (np.asarray(each, np.float64) for each in (features, wanted, weights))
    if x.ndim != 2 or w.ndim != 2 or len(x) < 2 or x.shape[1] != len(w) or y.shape != (len(x), w.shape[1]):
        raise UsageError(
            f"The shapes are {x.shape}, {y.shape} and {w.shape}, but features (rows, features), wanted (rows, outputs) "
            "and weights (features, outputs) are wanted, with two rows or more."
        )
    centred = x - x.mean(axis=0)
    gram = centred.T @ centred
    ridge = _RIDGE * float(np.trace(gram)) / len(gram) or 1.0
    missed = y - x @ w
    w = w + np.linalg.solve(gram + ridge * np.eye(len(gram)), centred.T @ (missed - missed.mean(axis=0)))
    return w, (y - x @ w).mean(axis=0)


def _features(features: ArrayLike, owner: ArrayLike, channels: int) -> tuple[Floats, NDArray[np.int64]]:
    x, owners = np.asarray(features, np.float64), np.asarray(owner)
    if x.ndim != 2 or owners.shape != x.shape[1:] or owners.dtype.kind not in "iu":
        raise UsageError(
            f"The shapes are {x.shape} and {owners.shape}: give features (rows, features) and one owner per feature."
        )
    if owners.size and not -1 <= owners.min() <= owners.max() < channels:
        raise UsageError(
            f"owner holds {owners.min()} to {owners.max()}, but must be channels 0 to {channels - 1}, or -1."
        )
    return x, owners.astype(np.int64)


def _by_channel(values: Any, owners: NDArray[np.int64], channels: int) -> Floats:
    """Return sums along the first axis of *values* over the features of each channel."""
    sums = np.zeros((channels, *values.shape[1:]))
    np.add.at(sums, owners[owners >= 0], values[owners >= 0])
    return sums


def _check_count(count: int, n: int) -> None:
    whole("count", count, 1, n, note=", the channels there are")
