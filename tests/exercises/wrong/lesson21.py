"""Wrong answers to the exercises of lesson 21 that look right."""

from __future__ import annotations

import math

import numpy as np

from labkit.methods import dither

ATTEMPTS = {
    "21.1": {
        "sign outside": lambda x, s, u: np.sign(x) * dither.dithered(np.abs(x), s, u),
        "own thresholds": lambda x, s, u: dither.dithered(x, s, np.full(x.shape, 0.4)),
        "up at equality": lambda x, s, u: s * (np.floor(x / s) + (u <= x / s - np.floor(x / s))),
        "integers": lambda x, s, u: s * ((x / s).astype(int) + (u < x / s - (x / s).astype(int))),
    },
    "21.2": {
        "stochastic": lambda f, s: (0 * f, s * s * f * (1 - f)),
        "magnitude of the bias": lambda f, s: (
            np.abs(s * (2 / np.pi * np.arcsin(np.sqrt(f)) - f)),
            s * s * (p := 2 / np.pi * np.arcsin(np.sqrt(f))) * (1 - p),
        ),
    },
    "21.3": {
        "loose logarithm": lambda t, p: 2.0 ** math.ceil(round(math.log2(t), 2) + p),
        "a thousandth less": lambda t, p: 2.0 ** math.ceil(math.log2(t) + p - 0.001),
        "rounding logarithm": lambda t, p: float(2.0 ** np.ceil(np.log2(t) + p)),
        "logarithm rounded first": lambda t, p: 2.0 ** (math.ceil(math.log2(t)) + p),
        "floor plus one": lambda t, p: 2.0 ** (math.floor(math.log2(t)) + 1 + p),
        "eight bits": lambda t, p: dither.stalls_at(t, 8),
    },
}
