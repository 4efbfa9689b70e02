"""Right answers to the exercises of lesson 31, in other forms than the course's own."""

from __future__ import annotations

from fractions import Fraction

import numpy as np


def partitioned(weights, sparsity):
    """Partition instead of sorting."""
    kept = max(1, round(weights.size * (1 - sparsity)))
    sizes = np.abs(weights)
    return (
        sizes >= np.partition(sizes, weights.size - kept, axis=None)[weights.size - kept] if weights.size else sizes > 0
    )


def counted(weights, sparsity):
    """Count, for each weight, those that are smaller."""
    removed = min(round(weights.size * sparsity), weights.size - 1)
    sizes = np.abs(weights)
    larger = (sizes.reshape(-1, 1) < sizes.ravel()).sum(axis=1)
    return (larger < weights.size - removed).reshape(weights.shape)


def from_the_top(weights, sparsity):
    """Sort from the largest down."""
    if not weights.size:
        return np.zeros(weights.shape, bool)
    kept = max(weights.size - round(weights.size * sparsity), 1)
    return np.abs(weights) >= sorted(abs(weights).flatten(), reverse=True)[kept - 1]


def in_branches(step, initial, final, begin, end):
    """Treat the three ranges apart."""
    if step <= begin:
        return initial
    if step >= end:
        return final
    return final - (final - initial) * ((end - step) / (end - begin)) ** 3


ATTEMPTS = {
    "31.1": {"partition": partitioned, "ranks": counted, "from the top": from_the_top},
    "31.2": {
        "branches": in_branches,
        "clip": lambda t, a, z, b, e: z + (a - z) * (1 - np.clip((t - b) / (e - b), 0, 1)) ** 3,
        "step clipped": lambda t, a, z, b, e: a + (z - a) * (1 - ((e - min(max(t, b), e)) / (e - b)) ** 3),
        "Fraction": lambda t, a, z, b, e: (
            Fraction(z) + (Fraction(a) - Fraction(z)) * (1 - min(max(Fraction(t - b, e - b), 0), 1)) ** 3
        ),
    },
    "31.3": {
        "add seven": lambda m: (m.size + 7) // 8 + 4 * m.sum(),
        "packbits": lambda m: np.packbits(m).nbytes + np.zeros(m.shape, "float32")[m].nbytes,
        "float": lambda m: np.ceil(m.size / 8) + 4.0 * np.count_nonzero(m),
        "minus floor": lambda m: -(-m.size // 8) + 4 * sum(m.ravel().tolist()),
    },
}
