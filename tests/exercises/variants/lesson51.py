"""Right answers to the exercises of lesson 51, in other forms than the course's own."""

from __future__ import annotations

from fractions import Fraction
from math import log2

import numpy as np


def in_python(counts):
    """Add up symbol by symbol."""
    total = sum(int(c) for c in counts)
    return sum(-c / total * log2(c / total) for c in map(int, counts) if c) if total else 0


def merged(counts):
    """Sort a list again after each join."""
    groups, bits = sorted(int(c) for c in counts if c), 0
    if len(groups) == 1:
        return groups[0]
    while len(groups) > 1:
        bits += groups[0] + groups[1]
        groups = sorted([groups[0] + groups[1], *groups[2:]])
    return bits


def by_lengths(counts):
    """Lengthen the code words of both groups, and weigh them at the end."""
    groups = [(int(c), [k]) for k, c in enumerate(counts) if c > 0]
    lengths = [0] * len(counts)
    if len(groups) == 1:
        lengths[groups[0][1][0]] = 1
    while len(groups) > 1:
        groups.sort(key=lambda group: group[0])
        (a, first), (b, second), *groups = groups
        for k in first + second:
            lengths[k] += 1
        groups.append((a + b, first + second))
    return np.dot(lengths, counts)


def by_two_queues(counts):
    """Join with two queues, each of them in order."""
    leaves, joins, bits = sorted(int(c) for c in counts if c > 0), [], 0
    if len(leaves) == 1:
        return np.int64(leaves[0])
    while len(leaves) + len(joins) > 1:
        pair = [(leaves if not joins or (leaves and leaves[0] <= joins[0]) else joins).pop(0) for _ in range(2)]
        joins.append(sum(pair))
        bits += joins[-1]
    return bits


def cumulated(symbols, frequencies, width):
    """Use running sums."""
    ends = np.concatenate([[0], np.cumsum(frequencies)]).tolist()
    low = 0
    for symbol in symbols.tolist():
        step = width // ends[-1]
        low += step * ends[symbol]
        width = step * (ends[symbol + 1] - ends[symbol])
    return low, width


def recursive(symbols, frequencies, width):
    """Narrow once, then leave the rest to the next call."""
    if len(symbols) == 0:
        return [0, width]
    step = width // int(sum(frequencies))
    low, narrowed = recursive(symbols[1:], frequencies, step * int(frequencies[symbols[0]]))
    return [step * int(sum(frequencies[: symbols[0]])) + low, narrowed]


def in_both_ends(symbols, frequencies, width):
    """Keep the lower and the upper end."""
    shares = frequencies.tolist()
    low, high = 0, width
    for symbol in symbols:
        step = (high - low) // sum(shares)
        low, high = low + step * sum(shares[:symbol]), low + step * sum(shares[: symbol + 1])
    return low, high - low


ATTEMPTS = {
    "51.1": {
        "loop": in_python,
        "epsilon": lambda c: -np.sum(c / max(c.sum(), 1) * np.log2(c / max(c.sum(), 1) + 1e-15)),
        "logarithm of the sum": lambda c: (
            np.log2(c.sum()) - (c[c > 0] * np.log2(c[c > 0])).sum() / c.sum() if c.any() else 0.0
        ),
        "Fraction shares": lambda c: float(
            -sum(float(p) * log2(p) for p in (Fraction(int(n), int(c.sum())) for n in c if n))
        ),
    },
    "51.2": {"sorting": merged, "lengths": by_lengths, "two queues": by_two_queues},
    "51.3": {"running sums": cumulated, "recursion": recursive, "both ends": in_both_ends},
}
