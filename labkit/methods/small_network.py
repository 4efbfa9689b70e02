"""A small dense network in NumPy: trained by plain gradient descent, run with activations rounded to a few bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labkit.methods.quantize import fake_quantize

Network = list[tuple[NDArray[np.float32], NDArray[np.float32]]]  # kernel and bias of each layer


def dense_forward(
    layers: Sequence[tuple[NDArray[Any], NDArray[Any]]],
    x: NDArray[Any],
    ranges: Sequence[tuple[float, float]] | None = None,
    bits: int = 8,
) -> tuple[NDArray[Any], list[NDArray[Any]]]:
    """Return the logits of dense *layers* (kernel, bias) with ReLU between them, and the input of each layer.

    With *ranges*, one (low, high) per layer, each input is first rounded to *bits* within its range; weights stay
    float. *x* (n, …) is flattened. Raises UsageError for *bits* outside 2 to 16.
    """
    entered = []
    for number, (kernel, bias) in enumerate(layers):
        x = np.maximum(x, 0) if number else x.reshape(len(x), len(kernel))  # -1 would refuse an empty batch
        if ranges is not None:
            x = fake_quantize(x, bits, symmetric=False, low=ranges[number][0], high=ranges[number][1])
        entered.append(x)
        x = x @ kernel + bias
    return x, entered


def train_small(
    x: NDArray[np.float32],
    y: NDArray[np.integer],
    rng: np.random.Generator,
    hidden: int = 32,
    passes: int = 2,
    rate: float = 0.1,
    batch: int = 10,
) -> Network:
    """Train a network with one hidden ReLU layer by plain gradient descent on the cross-entropy; return its layers.

    *x* (n, …) float32, *y* (n,) labels from 0; *rng* sets the first weights and the order of the images. Batches of
    *batch* images (a rest is left out), and a *rate* that falls linearly to 0. Small batches keep each product below
    the size from which OpenBLAS wakes its threads, which costs more than the product. `dense_forward` takes the layers.
    """
    flat = x.reshape(len(x), -1)
    targets = np.eye(int(y.max()) + 1, dtype=np.float32)[y]
    a = rng.normal(0, 0.05, (flat.shape[1], hidden)).astype(np.float32)
    b = rng.normal(0, 0.2, (hidden, targets.shape[1])).astype(np.float32)
    u = np.zeros(hidden, np.float32)
    v = np.zeros(targets.shape[1], np.float32)
    size = min(batch, len(flat))
    batches = len(flat) // size
    order = np.concatenate([rng.permutation(len(flat))[: batches * size] for _ in range(passes)]).reshape(-1, size)
    for step, chosen in enumerate(order):
        h = np.maximum(flat[chosen] @ a + u, 0)
        scores = h @ b + v
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        error = shares / shares.sum(axis=1, keepdims=True) - targets[chosen]
        error *= np.float32(rate * (1 - step / len(order)) / size)
        back = error @ b.T * (h > 0)
        a = a - flat[chosen].T @ back
        u = u - back.sum(axis=0)
        b = b - h.T @ error
        v = v - error.sum(axis=0)
    return [(a, u), (b, v)]
