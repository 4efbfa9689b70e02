"""Wrong answers to the exercises of lesson 31 that look right."""

from __future__ import annotations

import numpy as np

from labkit.exercises.framework import exercise

mask, schedule, size = (exercise(f"31.{k}").reference for k in (1, 2, 3))


def counted(rounding):
    """Remove as many as *rounding* says."""

    def prune(weights, sparsity):
        if weights.size == 0:
            return np.ones(weights.shape, dtype=bool)
        removed = min(int(rounding(weights.size * sparsity)), weights.size - 1)
        return np.abs(weights) >= np.sort(np.abs(weights), axis=None)[removed]

    return prune


ATTEMPTS = {
    "31.1": {
        "quantile": lambda w, s: np.abs(w) >= np.quantile(np.abs(w), s) if w.size else np.ones(w.shape, bool),
        "lower quantile": lambda w, s: (
            np.abs(w) >= np.quantile(np.abs(w), s, method="higher") if w.size else np.ones(w.shape, bool)
        ),
        "cut": counted(int),
        "rounded up": counted(np.ceil),
        "exactly so many": lambda w, s: (
            np.argsort(np.argsort(np.abs(w).ravel(), kind="stable")) >= min(round(w.size * s), w.size - 1)
        ).reshape(w.shape),
        "as numbers": lambda w, s: mask(w, s).astype("float32"),
        "rounded weights": lambda w, s: mask(np.round(w, 2), s),
    },
    "31.2": {
        "never before the end": lambda t, a, z, b, e: schedule(t, a, z, b, e) if t < e else a,
        "rounded": lambda t, a, z, b, e: round(schedule(t, a, z, b, e), 4),
        "without its base": lambda t, a, z, b, e: z * (1 - (1 - min(max((t - b) / (e - b), 0), 1)) ** 3),
    },
    "31.3": {
        "one byte more": lambda m: m.size // 8 + 1 + 4 * int(m.sum()),
        "exact bits": lambda m: m.size / 8 + 4 * int(m.sum()),
        "rounded": lambda m: round(m.size / 8) + 4 * int(m.sum()),
        "by row": lambda m: sum(-(-len(np.atleast_1d(row)) // 8) for row in m) + 4 * int(m.sum()),
    },
}
