"""Wrong answers to the exercises of lesson 52 that look right."""

from __future__ import annotations

import numpy as np

from labkit.exercises.framework import exercise

ideal, indices, empty = (exercise(f"52.{k}").reference for k in (1, 2, 3))


def dead_by(test):
    """Empty the neurons that *test* calls dead."""

    def attempt(kernel, bias, after, after_bias):
        dead = test(kernel)
        return np.where(dead[:, None], 0, after), after_bias + (np.maximum(bias, 0) * dead) @ after

    return attempt


ATTEMPTS = {
    "52.1": {
        "by magnitude": lambda w, b=4: ideal(np.abs(w), b),
        "zeros in the codebook": lambda w, b=4: ideal(w, b) + b * (0 in w),
        "four bytes": lambda w, b=4: ideal(w),
        "whole bytes": lambda w, b=4: np.ceil(ideal(w, b)),
    },
    "52.2": {
        "filler without a place": lambda m, n: [
            step for gap in np.diff(np.flatnonzero(m), prepend=-1) - 1 for step in [n] * (gap // n) + [gap % n]
        ],
        "trailing": lambda m, n: indices(np.append(m, True), n)[:-1],
        "cut off": lambda m, n: np.minimum(np.diff(np.flatnonzero(m), prepend=-1) - 1, n).tolist(),
    },
    "52.3": {
        "by the sum": dead_by(lambda kernel: kernel.sum(axis=0) == 0),
        "by one input": dead_by(lambda kernel: ~kernel.all(axis=0)),
        "by the first input": dead_by(lambda kernel: kernel[0] == 0),
        "kernel removed": lambda k, b, a, ab: (a[k.any(axis=0)], empty(k, b, a, ab)[1]),
    },
}
