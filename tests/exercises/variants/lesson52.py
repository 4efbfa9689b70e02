"""Right answers to the exercises of lesson 52, in other forms than the course's own."""

from __future__ import annotations

from collections import Counter
from math import log2

import numpy as np


def counted(weights, value_bytes=4):
    """Count with Counter."""
    kept = [value for value in weights.ravel().tolist() if value != 0]
    groups = [Counter(value != 0 for value in weights.ravel().tolist()), Counter(kept)]
    bits = sum(-n * log2(n / sum(group.values())) for group in groups for n in group.values())
    return bits / 8 + value_bytes * len(set(kept))


def by_entropy(weights, value_bytes=4):
    """Multiply entropies by the number of symbols."""

    def entropy(shares):
        shares = shares[shares > 0]
        return -np.sum(shares * np.log2(shares))

    kept = weights[weights != 0]
    if kept.size == 0:
        return 0
    density = kept.size / weights.size
    book, counts = np.unique(kept, return_counts=True)
    mask_bits = weights.size * entropy(np.array([density, 1 - density]))
    return (mask_bits + kept.size * entropy(counts / kept.size)) / 8 + value_bytes * book.size


def by_logarithms(weights, value_bytes=4):
    """Use n log n of totals and parts."""

    def bits(counts):
        return sum(counts) * log2(sum(counts)) - sum(n * log2(n) for n in counts if n) if sum(counts) else 0

    values, counts = np.unique(weights, return_counts=True)
    used = counts[values != 0].tolist()
    zeros = weights.size - sum(used)
    return (bits([sum(used), zeros]) + bits(used)) / 8 + value_bytes * len(used)


def by_divmod(mask, longest):
    """Compute how many fillers a gap takes."""
    result, previous = [], -1
    for place in np.flatnonzero(mask).tolist():
        fillers, gap = divmod(place - previous - 1, longest + 1)
        result += [longest] * fillers + [gap]
        previous = place
    return result


def with_while(mask, longest):
    """Subtract a filler and its place."""
    gaps = np.diff(np.flatnonzero(mask), prepend=-1) - 1
    result = []
    for gap in gaps:
        while gap > longest:
            result.append(longest)
            gap -= longest + 1
        result.append(int(gap))
    return np.array(result, dtype=int)


def scanned_and_cut(mask, longest):
    """Scan all, and cut what follows the last weight."""
    result, zeros, end = [], 0, 0
    for kept in mask:
        if kept or zeros == longest:
            result.append(zeros)
            zeros = 0
            end = len(result) if kept else end
        else:
            zeros += 1
    return tuple(result[:end])


def in_a_loop(kernel, bias, after, after_bias):
    """Go neuron by neuron."""
    for k in range(len(bias)):
        if not np.any(kernel[:, k]):
            after_bias = after_bias + max(float(bias[k]), 0.0) * after[k]
            after[k] = 0
    return after, after_bias


def with_mask(kernel, bias, after, after_bias):
    """Multiply by the mask of living neurons."""
    alive = (np.abs(kernel).sum(axis=0) > 0).astype(float)
    dead = 1 - alive
    return [after * alive[:, None], after_bias + (np.clip(bias, 0, None) * dead) @ after]


def with_indices(kernel, bias, after, after_bias):
    """Select the dead neurons."""
    dead = np.flatnonzero((kernel == 0).all(axis=0))
    emptied = after.copy()
    emptied[dead] = 0
    return emptied, after_bias + np.maximum(bias[dead], 0) @ after[dead]


ATTEMPTS = {
    "52.1": {"Counter": counted, "entropies": by_entropy, "logarithms": by_logarithms},
    "52.2": {"divmod": by_divmod, "while": with_while, "cut at the end": scanned_and_cut},
    "52.3": {"loop": in_a_loop, "mask": with_mask, "indices": with_indices},
}
