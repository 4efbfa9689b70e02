"""Right answers to the exercises of lesson 00, in other forms than the course's own."""

from __future__ import annotations

import numpy as np


def looped(predicted, labels):
    """Count in a loop."""
    if len(labels) == 0:
        return np.nan
    right = 0
    for one, other in zip(predicted, labels, strict=True):
        right += int(one) == int(other)
    return right / len(labels)


def counted(predicted, labels):
    """Count in a loop, in integers."""
    counts = [0] * 10
    for one, other in zip(predicted, labels, strict=True):
        if one != other:
            counts[other] += 1
    return counts


def masked(predicted, labels):
    """Compare with each class."""
    return np.array([np.sum((labels == c) & (predicted != c)) for c in range(10)])


def by_difference(predicted, labels):
    """Subtract the right ones from all."""
    right = np.bincount(labels[predicted == labels], minlength=10)
    return np.bincount(labels, minlength=10) - right


ATTEMPTS = {
    "00.1": {
        "loop": looped,
        "count": lambda p, y: np.count_nonzero(p == y) / y.size if y.size else float("nan"),
        "one minus the error": lambda p, y: 1 - np.mean(p != y) if len(p) else np.float64("nan"),
    },
    "00.2": {"loop": counted, "masks": masked, "difference": by_difference},
}
