"""Wrong answers to the exercises of lesson 11 that look right."""

from __future__ import annotations

import numpy as np


def settled(times, limit):
    """Return the place of the first call at or below *limit*."""
    return int(np.argmax(times <= limit))


ATTEMPTS = {
    "11.1": {
        "rounded": lambda t: tuple(round(float(v), 4) for v in np.percentile(t, (25, 50, 75))),
        "lower values": lambda t: tuple(np.percentile(t, (25, 50, 75), method="lower")),
        "nearest values": lambda t: tuple(np.percentile(t, (25, 50, 75), method="nearest")),
        "tenths": lambda t: tuple(np.percentile(t, (10, 50, 90))),
    },
    "11.2": {"differences": lambda a, b: float(np.median(b - a)), "fastest": lambda a, b: float(b.min() / a.min())},
    "11.3": {
        "constants": lambda flops, moved, peak, bandwidth: max(flops / 1e11, moved / 2e10),
        "fixed ridge": lambda flops, moved, peak, bandwidth: flops / peak if flops / moved > 5 else moved / bandwidth,
        "rounded": lambda flops, moved, peak, bandwidth: round(max(flops / peak, moved / bandwidth), 6),
        "microseconds": lambda flops, moved, peak, bandwidth: 1e6 * max(flops / peak, moved / bandwidth),
    },
    "11.4": {
        "strict": lambda t: int(np.argmax(t < 1.1 * np.median(t[len(t) // 2 :]))),
        "a fifth": lambda t: settled(t, 1.2 * np.median(t[len(t) // 2 :])),
        "the median itself": lambda t: settled(t, np.median(t[len(t) // 2 :])),
        "a twentieth": lambda t: settled(t, 1.05 * np.median(t[len(t) // 2 :])),
        "the fastest": lambda t: settled(t, 1.1 * np.min(t[len(t) // 2 :])),
        "last quarter": lambda t: settled(t, 1.1 * np.median(t[3 * len(t) // 4 :])),
        "last call": lambda t: settled(t, 1.1 * t[-1]),
        "rounded up half": lambda t: settled(t, 1.1 * np.median(t[(len(t) + 1) // 2 :])) if len(t) > 1 else 0,
        "two-sided": lambda t: int(
            np.argmax(np.abs(t - np.median(t[len(t) // 2 :])) <= 0.1001 * np.median(t[len(t) // 2 :]))
        ),
        "a constant": lambda t: settled(t, 1.1),
        "absolute tenth": lambda t: settled(t, np.median(t[len(t) // 2 :]) + 0.1),
    },
}
