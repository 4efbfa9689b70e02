"""Right answers to the exercises of lesson 50, in other forms than the course's own."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, log2

import numpy as np


def searched(weights, centroids):
    """Search the middles; halves go to the left."""
    return np.searchsorted((centroids[1:] + centroids[:-1]) / 2, weights)


def looped(weights, centroids):
    """Go weight by weight."""
    flat = [min(range(len(centroids)), key=lambda k: abs(weight - centroids[k])) for weight in weights.ravel()]
    return np.array(flat, dtype=np.uint8).reshape(weights.shape)


def running(weights, centroids):
    """Keep the nearest so far."""
    index, best = np.zeros(weights.shape, dtype=int), np.abs(weights - centroids[0])
    for k in range(1, len(centroids)):
        nearer = np.abs(weights - centroids[k]) < best
        index[nearer] = k
        best = np.minimum(best, np.abs(weights - centroids[k]))
    return index


def by_counting(weights, indices, centroids):
    """Divide sums by counts."""
    counts = np.bincount(indices.ravel(), minlength=len(centroids))
    sums = np.bincount(indices.ravel(), weights.ravel().astype(float), len(centroids))
    return np.where(counts == 0, centroids, sums / np.maximum(counts, 1))


def in_lists(weights, indices, centroids):
    """Collect the members in lists."""
    members = [[] for _ in centroids]
    for weight, k in zip(weights.ravel().tolist(), indices.ravel().tolist(), strict=True):
        members[k].append(weight)
    return [sum(m) / len(m) if m else c for m, c in zip(members, centroids, strict=True)]


def moved(weights, indices, centroids):
    """Move by the mean difference."""
    new = centroids.astype(float)
    for k in range(len(new)):
        if np.any(indices == k):
            new[k] += np.mean(weights[indices == k] - centroids[k])
    return new


def summed(gradient, indices, count):
    """Add up in a loop."""
    sums = [0.0] * count
    for g, k in zip(gradient.ravel(), indices.ravel(), strict=True):
        sums[k] += g
    return sums


def exact_rate(weights, count, bits):
    """Count the bits of an index by doubling."""
    index_bits = 0
    while 2**index_bits < count:
        index_bits += 1
    return Fraction(weights * bits, weights * index_bits + count * bits)


ATTEMPTS = {
    "50.1": {"search": searched, "loop": looped, "running": running},
    "50.2": {"counts": by_counting, "lists": in_lists, "differences": moved},
    "50.3": {
        "loop": summed,
        "bincount": lambda g, i, n: np.bincount(i.ravel(), g.ravel(), n),
        "one hot": lambda g, i, n: np.array([g[i == k].sum() for k in range(n)]),
    },
    "50.4": {
        "logarithm": lambda n, k, b: n * b / (n * ceil(log2(k)) + k * b),
        "Fraction": exact_rate,
        "per weight": lambda n, k, b: b / (np.ceil(np.log2(k)) + k * b / n),
    },
}
