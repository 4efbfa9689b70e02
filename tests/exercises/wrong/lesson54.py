"""Wrong answers to the exercises of lesson 54 that look right."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from labkit.exercises.framework import exercise

cosines, fold, macs = (exercise(f"54.{k}").reference for k in (1, 2, 3))


def rounded_by(rounding):
    """Keep as many neurons as *rounding* says."""

    def attempt(widths, keep):
        inner = [max(1, int(rounding(keep * width))) for width in widths[1:-1]]
        return sum(a * b for a, b in pairwise([widths[0], *inner, widths[-1]]))

    return attempt


ATTEMPTS = {
    "54.1": {
        "zeros on the diagonal": lambda k, b: cosines(k, b) - np.eye(len(b)),
        "one by one": lambda k, b: np.ones((len(b), len(b))),
        "dead with itself": lambda k, b: cosines(k, b) * np.outer(k.any(axis=0), k.any(axis=0)),
        "rounded": lambda k, b: np.round(cosines(k, b), 2),
    },
    "54.2": {
        "by first scale": lambda o, s, g: fold(o, np.full(len(s), s[0]), g),
        "scaled mean": lambda o, s, g: fold(o, s / np.bincount(g)[g], g),
        "first of a group": lambda o, s, g: (s[:, None] * o)[np.unique(g, return_index=True)[1]],
    },
    "54.3": {
        "cut": rounded_by(int),
        "rounded up": rounded_by(np.ceil),
        "biases": lambda w, keep: macs(w, keep) + sum(max(1, round(keep * n)) for n in w[1:-1]) + w[-1],
        "twice": lambda w, keep: 2 * macs(w, keep),
    },
}
