"""Right answers to the exercises of lesson 21, in other forms than the course's own."""

from __future__ import annotations

import math

import numpy as np


def looped(x, step, thresholds):
    """Round value by value."""
    result = np.zeros(x.shape)
    for place, value in np.ndenumerate(x):
        below = math.floor(value / step)
        result[place] = step * (below + 1 if thresholds[place] < value / step - below else below)
    return result


def by_divmod(x, step, thresholds):
    """Let divmod split whole steps and the rest."""
    whole, rest = np.divmod(x / step, 1)
    return (whole + (rest > thresholds)) * step


def law(p, f, s):
    """Return bias and variance of a step with the chance p."""
    return s * (p - f), s * s * p * (1 - p)


def doubled(term, precision):
    """Double the sum until half a step is no smaller than the term."""
    total = 2.0**-60
    while total * 2.0**-precision < term:
        total *= 2
    return total


ATTEMPTS = {
    "21.1": {"loop": looped, "divmod": by_divmod, "where": lambda x, s, u: s * np.ceil(x / s - u) + 0.0},
    "21.2": {
        "arccosine": lambda f, s: law(np.arccos(1 - 2 * f) / np.pi, f, s),
        "half and arcsine": lambda f, s: law(0.5 + np.arcsin(2 * f - 1) / np.pi, f, s),
        "arccosine of the root": lambda f, s: law(1 - 2 / np.pi * np.arccos(np.sqrt(f)), f, s),
        "other arcsine": lambda f, s: law(1 - 2 / np.pi * np.arcsin(np.sqrt(1 - f)), f, s),
        "arctangent": lambda f, s: np.array(law(2 / np.pi * np.arctan2(np.sqrt(f), np.sqrt(1 - f)), f, s)),
    },
    "21.3": {
        "doubling": doubled,
        "frexp": lambda t, p: math.ldexp(1, math.frexp(t)[1] - (math.frexp(t)[0] == 0.5) + p),
        "below": lambda t, p: 2 ** (math.frexp(np.nextafter(t, 0))[1] + p),
    },
}
