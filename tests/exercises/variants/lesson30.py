"""Right answers to the exercises of lesson 30, in other forms than the course's own."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array


def looped(values, columns, pointers, vector):
    """Multiply number by number."""
    result = []
    for r in range(len(pointers) - 1):
        result.append(sum(values[k] * vector[columns[k]] for k in range(pointers[r], pointers[r + 1])))
    return result


def cumulated(values, columns, pointers, vector):
    """Take differences of a running sum."""
    total = np.concatenate([[0.0], np.cumsum(values * vector[columns])])
    return total[pointers[1:]] - total[pointers[:-1]]


def by_divmod(row, bits):
    """Compute how many padding entries a gap takes."""
    entries, previous, places = [], -1, 2**bits
    for place in np.flatnonzero(row):
        padding, gap = divmod(int(place) - previous - 1, places)
        entries += [(places - 1, 0.0)] * padding + [(gap, float(row[place]))]
        previous = int(place)
    return entries


def scanned(row, bits):
    """Walk through the row up to its last weight."""
    kept = np.flatnonzero(row)
    entries, zeros = [], 0
    for value in row[: kept[-1] + 1] if kept.size else []:
        if value != 0 or zeros == 2**bits - 1:
            entries.append([zeros, value])
            zeros = 0
        else:
            zeros += 1
    return np.array(entries).reshape(len(entries), 2)


def marked(row, bits):
    """Find the places of the padding first."""
    places, last = [], -1
    for place in np.flatnonzero(row).tolist():
        places += [*range(last + 2**bits, place, 2**bits), place]
        last = place
    gaps = np.diff([-1, *places]) - 1
    return np.stack([gaps.astype(float), row[np.array(places, dtype=int)]], axis=1)


def ranked(weights):
    """Count, for each weight, those that go before it."""
    groups = np.abs(weights).reshape(-1, 4)
    rank = np.zeros(groups.shape, dtype=int)
    for k in range(4):
        for j in range(4):
            rank[:, k] += (groups[:, j] > groups[:, k]) | ((groups[:, j] == groups[:, k]) & (j < k))
    return (rank < 2).reshape(weights.shape)


def sorted_by_python(weights):
    """Sort each group in Python."""
    mask = np.zeros(weights.shape, dtype=bool)
    for r, row in enumerate(weights):
        for start in range(0, len(row), 4):
            for k in sorted(range(start, start + 4), key=lambda k: -abs(row[k]))[:2]:
                mask[r, k] = True
    return mask.tolist()


def twice(weights):
    """Take the first of the largest, twice."""
    groups = np.abs(weights).reshape(-1, 4).astype(float)
    mask = np.zeros(groups.shape, dtype=bool)
    for _ in range(2):
        first = np.where(mask, -1, groups).argmax(axis=1)
        mask[np.arange(len(groups)), first] = True
    return mask.reshape(weights.shape)


ATTEMPTS = {
    "30.1": {
        "loop": looped,
        "running sum": cumulated,
        "scipy": lambda v, c, p, x: csr_array((v, c, p), shape=(len(p) - 1, len(x))) @ x,
    },
    "30.2": {"divmod": by_divmod, "scan": scanned, "places": marked},
    "30.3": {"ranks": ranked, "Python's sort": sorted_by_python, "twice": twice},
}
