"""Wrong answers to the exercises of lesson 51 that look right."""

from __future__ import annotations

import numpy as np

from labkit.exercises.framework import exercise

entropy, huffman, interval = (exercise(f"51.{k}").reference for k in (1, 2, 3))


def one_off(symbols, frequencies, width):
    """Return a width that is one too small."""
    low, narrowed = interval(symbols, frequencies, width)
    return low, narrowed - 1


ATTEMPTS = {
    "51.1": {
        "large epsilon": lambda c: -np.sum(c / max(c.sum(), 1) * np.log2(c / max(c.sum(), 1) + 1e-3)),
        "rounded": lambda c: round(entropy(c), 2),
        "at least one bit": lambda c: max(1.0, entropy(c)),
    },
    "51.2": {
        "entropy": lambda c: int(np.ceil(entropy(c) * c.sum())),
        "bits per symbol": lambda c: huffman(c) / max(c.sum(), 1),
        "unary": lambda c: sum((k + 1) * int(n) for k, n in enumerate(sorted(c[c > 0], reverse=True))),
    },
    "51.3": {
        "width one off": one_off,
        "floats": lambda s, f, w: tuple(np.float32(v) for v in interval(s, f, w)),
        "ends": lambda s, f, w: (interval(s, f, w)[0], sum(interval(s, f, w))),
        "order": lambda s, f, w: interval(s, f, w)[::-1],
    },
}
