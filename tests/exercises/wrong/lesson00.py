"""Wrong answers to the exercises of lesson 00 that look right."""

from __future__ import annotations

import numpy as np


def in_uint8(predicted, labels):
    """Count in the labels' own type, which ends at 255."""
    counts = np.zeros(10, dtype=labels.dtype)
    for label in labels[predicted != labels]:
        counts[label] += np.uint8(1)
    return counts


ATTEMPTS = {
    "00.1": {
        "rounded": lambda p, y: round(float(np.mean(p == y)), 4) if y.size else float("nan"),
        "float16": lambda p, y: np.mean(p == y, dtype=np.float16) if y.size else float("nan"),
    },
    "00.2": {
        "uint8": in_uint8,
        "only classes that occur": lambda p, y: np.unique(y[p != y], return_counts=True)[1],
    },
}
