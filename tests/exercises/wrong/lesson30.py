"""Wrong answers to the exercises of lesson 30 that look right."""

from __future__ import annotations

import itertools

import numpy as np

from labkit.exercises.framework import exercise

times, index, pattern = (exercise(f"30.{k}").reference for k in (1, 2, 3))


def sorted_columns(values, columns, pointers, vector):
    """Sort the columns of each row, but not its values."""
    rows = [slice(a, b) for a, b in itertools.pairwise(pointers)]
    return np.array([values[part] @ vector[np.sort(columns[part])] for part in rows])


ATTEMPTS = {
    "30.1": {"columns sorted": sorted_columns, "whole numbers": lambda v, c, p, x: times(v, c, p, x).astype(int)},
    "30.2": {
        "values rounded": lambda row, bits: np.round(index(row, bits), 2),
        "trailing zeros": lambda row, bits: index(np.append(row, 1.0), bits)[:-1],
        "exchanged": lambda row, bits: index(row, bits)[:, ::-1],
    },
    "30.3": {
        "rounded": lambda w: pattern(np.round(w, 2)),
        "float16": lambda w: pattern(w.astype(np.float16)),
        "last of equals": lambda w: pattern(w[:, ::-1])[:, ::-1],
        "integers": lambda w: pattern(w).astype(int),
        "above the median": lambda w: ((g := np.abs(w).reshape(-1, 4)) > np.median(g, axis=1, keepdims=True)).reshape(
            w.shape
        ),
    },
}
