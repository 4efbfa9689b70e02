"""Wrong answers to the exercises of lesson 33 that look right."""

from __future__ import annotations

import numpy as np

from labkit.exercises.framework import exercise

keep, left, greedy = (exercise(f"33.{k}").reference for k in (1, 2, 3))


def lowest_first(gram, count):
    """Delete the lowest index among equals."""
    remaining, increase = list(range(len(gram))), np.diag(gram).astype(float)
    while len(remaining) > count:
        cheapest = min(remaining, key=lambda c: increase[c])
        remaining.remove(cheapest)
        increase += 2 * gram[cheapest]
    return np.array(remaining)


def counted(rounding):
    """Keep as many channels as *rounding* says."""

    def cost(kernel, size, channels, filters, share):
        inputs, outputs = (max(1, int(rounding(share * n))) for n in (channels, filters))
        return left(kernel, size, inputs, outputs, 1.0)

    return cost


ATTEMPTS = {
    "33.1": {
        "rounded": lambda k, b, o, kept: tuple(np.round(a, 2) for a in keep(k, b, o, kept)),
        "order": lambda k, b, o, kept: (k[:, kept], o[kept], b[kept]),
    },
    "33.2": {
        "cut": counted(int),
        "rounded up": counted(np.ceil),
        "bias in the MACs": lambda *a: (left(*a)[0], left(*a)[1] + max(1, round(a[4] * a[3])) * a[1] ** 2),
        "may be none": lambda k, s, c, f, share: (
            k * k * round(share * c) * round(share * f) + round(share * f),
            s * s * k * k * round(share * c) * round(share * f),
        ),
    },
    "33.3": {
        "lowest index first": lowest_first,
        "as a mask": lambda gram, count: np.isin(np.arange(len(gram)), greedy(gram, count)),
        "floats": lambda gram, count: greedy(gram, count).astype(float),
        "absolute sums": lambda gram, count: greedy(np.abs(gram), count),
    },
}
