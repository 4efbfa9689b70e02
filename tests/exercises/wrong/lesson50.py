"""Wrong answers to the exercises of lesson 50 that look right."""

from __future__ import annotations

from math import log2

import numpy as np

from labkit.exercises.framework import exercise

nearest, update, gradients, rate = (exercise(f"50.{k}").reference for k in (1, 2, 3, 4))

ATTEMPTS = {
    "50.1": {
        "floats": lambda w, c: nearest(w, c).astype(float),
        "from one": lambda w, c: nearest(w, c) + 1,
        "rounded": lambda w, c: nearest(np.round(w, 2), c),
        "upper of two": lambda w, c: np.searchsorted((c[1:] + c[:-1]) / 2, w, side="right"),
    },
    "50.2": {
        "empty dropped": lambda w, i, c: np.array([w[i == k].mean() for k in np.unique(i)]),
        "median": lambda w, i, c: np.array([np.median(w[i == k]) if (i == k).any() else c[k] for k in range(len(c))]),
        "float16": lambda w, i, c: update(w, i, c).astype(np.float16),
    },
    "50.3": {
        "repeats lost": lambda g, i, n: np.array([g[i == k][-1] if (i == k).any() else 0.0 for k in range(n)]),
        "values that occur": lambda g, i, n: np.array([g[i == k].sum() for k in np.unique(i)]),
        "by the weights": lambda g, i, n: gradients(g, i, n)[i],
    },
    "50.4": {
        "length of the count": lambda n, k, b: n * b / (n * k.bit_length() + k * b),
        "rounded logarithm": lambda n, k, b: n * b / (n * round(log2(k)) + k * b),
        "32 bits": lambda n, k, b: rate(n, k, 32),
        "rounded": lambda n, k, b: round(rate(n, k, b), 2),
    },
}
