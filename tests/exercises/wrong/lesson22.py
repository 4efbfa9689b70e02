"""Wrong answers to the exercises of lesson 22 that look right."""

from __future__ import annotations

import numpy as np

from labkit.exercises.framework import exercise
from labkit.methods.quantize import sqnr_db

step, scales = exercise("22.2").reference, exercise("22.3").reference

ATTEMPTS = {
    "22.1": {
        "infinite if close": lambda x, y: float("inf") if np.allclose(x, y) else sqnr_db(x, y),
        "rounded": lambda x, y: round(sqnr_db(x, y), 4),
        "absolute": lambda x, y: abs(sqnr_db(x, y)),
        "never negative": lambda x, y: max(0.0, sqnr_db(x, y)),
        "larger over smaller": lambda x, y: (
            10 * np.log10(max(p := np.sum(x**2), q := np.sum((x - y) ** 2)) / min(p, q))
        ),
        "epsilon": lambda x, y: 10 * np.log10(np.sum(x**2) / (np.sum((x - y) ** 2) + 1e-12)),
    },
    "22.2": {
        "empty dropped": lambda x, levels: np.array(
            [x[n == k].mean() for n in [np.abs(x[:, None] - levels).argmin(1)] for k in np.unique(n)]
        ),
        "unmoved": lambda x, levels: levels,
        "half way": lambda x, levels: (levels + step(x, levels)) / 2,
    },
    "22.3": {
        "one for zeros": lambda w, g, b: np.where(scales(w, g, b) == 0, 1.0, scales(w, g, b)),
        "strided": lambda w, g, b: (
            np.array([np.max(np.abs(w[k :: max(-(-len(w) // g), 1)])) for k in range(-(-len(w) // g))])
            / (2 ** (b - 1) - 1)
        ),
        "four bits": lambda w, g, b: scales(w, g, 4),
        "root mean square": lambda w, g, b: (
            np.array([np.sqrt(np.mean(w[k : k + g] ** 2)) for k in range(0, len(w), g)]) / (2 ** (b - 1) - 1)
        ),
    },
}
