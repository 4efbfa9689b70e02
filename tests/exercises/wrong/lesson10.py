"""Wrong answers to the exercises of lesson 10 that look right."""

from __future__ import annotations

import numpy as np

ATTEMPTS = {
    "10.1": {
        "order": lambda s, k, c, f: (s * s * (k * k * c + c * f), k * k * c + c * f),
        "one MAC off": lambda s, k, c, f: (k * k * c + c * f, s * s * (k * k * c + c * f) + 1),
    },
    "10.2": {"rounded": lambda i, u, b: round(i * u * b / (2 * (b * i + i * u + b * u)), 4)},
    "10.3": {
        "epsilon forgotten": lambda k, b, g, be, m, v, e: (k * (g / np.sqrt(v)), be + (b - m) * g / np.sqrt(v)),
        "beta scaled": lambda k, b, g, be, m, v, e: (
            k * (g / np.sqrt(v + e)),
            (be + b - m) * g / np.sqrt(v + e),
        ),
    },
    "10.4": {
        "in pairs": lambda sizes, reads: max(sizes[k] + sizes[k + 1] for k in range(len(reads))),
        "reads alone": lambda sizes, reads: max(
            sum(sizes[i] for i in {0, *row}) + sizes[k + 1] for k, row in enumerate(reads)
        ),
    },
}
