"""Tests of accuracy tried out on drawn results: how often a difference is seen; and a small network to train often."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labkit.methods.statistics import normal_quantile

Network = list[tuple[NDArray[np.float32], NDArray[np.float32]]]


def power_paired(
    n: int, difference: float, discordant: float, draws: int, rng: np.random.Generator, level: float = 0.95
) -> float:
    """The share of *draws* in which McNemar's χ² sees a true *difference* (share) on *n* images that both are shown.

    *discordant* is the share of images that just one gets right, at least the difference. Each draw is one multinomial
    test result; the test is the one without correction, (b − c)² > z² (b + c).
    """
    shares = [(discordant - difference) / 2, (discordant + difference) / 2, 1 - discordant]
    b, c, _ = rng.multinomial(n, np.maximum(shares, 0), draws).T
    return float(np.mean((c - b) ** 2 > normal_quantile(level) ** 2 * (b + c)))


def power_unpaired(
    n: int, first: float, second: float, draws: int, rng: np.random.Generator, level: float = 0.95
) -> float:
    """The share of *draws* in which the pooled z-test tells accuracies *first* and *second* apart, *n* images each."""
    a, b = rng.binomial(n, first, draws) / n, rng.binomial(n, second, draws) / n
    mean = (a + b) / 2
    return float(np.mean((b - a) ** 2 > normal_quantile(level) ** 2 * 2 * mean * (1 - mean) / n))


def train_small(
    x: NDArray[np.float32],
    y: NDArray[np.integer],
    rng: np.random.Generator,
    hidden: int = 32,
    passes: int = 2,
    rate: float = 0.1,
    batch: int = 10,
) -> Network:
    """A network with one hidden ReLU layer, trained in NumPy by plain gradient descent on the cross-entropy.

    *x* (n, …) float32, *y* (n,) labels from 0; *rng* sets the first weights and the order of the images. Batches of
    *batch* images (a rest is left out), and a *rate* that falls to 0 on a line. Small batches keep each product
    below the size from which OpenBLAS wakes its threads, which costs more than the product. Returns its layers as
    `simulate.dense_forward` takes them.
    """
    flat, wanted = x.reshape(len(x), -1), np.eye(int(y.max()) + 1, dtype=np.float32)[y]
    a = rng.normal(0, 0.05, (flat.shape[1], hidden)).astype(np.float32)
    b = rng.normal(0, 0.2, (hidden, wanted.shape[1])).astype(np.float32)
    u, v = np.zeros(hidden, np.float32), np.zeros(wanted.shape[1], np.float32)
    size = min(batch, len(flat))
    batches = len(flat) // size
    order = np.concatenate([rng.permutation(len(flat))[: batches * size] for _ in range(passes)]).reshape(-1, size)
    for step, chosen in enumerate(order):
        h = np.maximum(flat[chosen] @ a + u, 0)
        scores = h @ b + v
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        error = shares / shares.sum(axis=1, keepdims=True) - wanted[chosen]
        error *= np.float32(rate * (1 - step / len(order)) / size)
        back = error @ b.T * (h > 0)
        a, u = a - flat[chosen].T @ back, u - back.sum(axis=0)
        b, v = b - h.T @ error, v - error.sum(axis=0)
    return [(a, u), (b, v)]
