"""Wrong answers to the exercises of lesson 12 that look right."""

from __future__ import annotations

from math import comb

import numpy as np

from labkit.methods.statistics import mcnemar, wilson

ATTEMPTS = {
    "12.1": {
        "rounded": lambda c, n: tuple(round(v, 4) for v in wilson(c, n)),
        "clipped Wald": lambda c, n: (
            tuple(np.clip(c / n + np.array([-1, 1]) * 1.959964 * np.sqrt(c / n * (1 - c / n) / n), 0, 1))
            if n
            else (0, 1)
        ),
    },
    "12.2": {
        "rounded": lambda a, b: round(mcnemar(a, b), 4),
        "mid-p": lambda a, b: mcnemar(a, b) - comb(a + b, a) / 2 ** (a + b),
    },
    "12.3": {
        "rounded": lambda d, p: round(((1.959964 * p**0.5 + 0.841621 * (p - d * d) ** 0.5) / d) ** 2),
        "cut": lambda d, p: int(((1.959964 * p**0.5 + 0.841621 * (p - d * d) ** 0.5) / d) ** 2),
        "two digits of z": lambda d, p: int(np.ceil(((1.96 * p**0.5 + 0.84 * (p - d * d) ** 0.5) / d) ** 2)),
    },
    "12.4": {
        "baseline of validation twice": lambda a, b, c, d: (
            int(a.sum(axis=1).max() - b.sum()),
            int(c[a.sum(axis=1).argmax()].sum() - b.sum()),
        ),
        "shares": lambda a, b, c, d: (
            float(a.mean(axis=1).max() - b.mean()),
            float(c[a.sum(axis=1).argmax()].mean() - d.mean()),
        ),
    },
}
