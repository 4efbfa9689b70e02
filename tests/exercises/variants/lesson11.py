"""Right answers to the exercises of lesson 11, in other forms than the course's own."""

from __future__ import annotations

import statistics

import numpy as np


def interpolated(times):
    """Interpolate by hand between sorted values."""
    ordered = sorted(times)
    result = []
    for share in (0.25, 0.5, 0.75):
        place = share * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        result.append(ordered[low] + (place - low) * (ordered[high] - ordered[low]))
    return result


def in_a_loop(times):
    """Walk until the first settled call."""
    limit = 1.1 * statistics.median(times[len(times) // 2 :])
    for k, time in enumerate(times):
        if time <= limit:
            return k
    return len(times)


ATTEMPTS = {
    "11.1": {
        "array": lambda times: np.percentile(times, (25, 50, 75)),
        "quantile": lambda times: tuple(np.quantile(times, q) for q in (0.25, 0.5, 0.75)),
        "by hand": interpolated,
    },
    "11.2": {
        "statistics": lambda a, b: statistics.median(two / one for one, two in zip(a, b, strict=True)),
        "logarithms": lambda a, b: np.percentile(b / a, 50),
        "list": lambda a, b: np.median([two / one for one, two in zip(a.tolist(), b.tolist(), strict=True)]),
    },
    "11.3": {
        "if": lambda flops, moved, peak, bandwidth: (
            flops / peak if flops / peak > moved / bandwidth else moved / bandwidth
        ),
        "intensity": lambda flops, moved, peak, bandwidth: (
            flops / min(peak, flops / moved * bandwidth) if flops else moved / bandwidth
        ),
        "numpy": lambda flops, moved, peak, bandwidth: np.maximum(flops / peak, moved / bandwidth),
    },
    "11.4": {
        "loop": in_a_loop,
        "flatnonzero": lambda t: np.flatnonzero(t <= 1.1 * np.median(t[len(t) // 2 :]))[0],
        "first settled": lambda t: list(t <= np.median(t[len(t) // 2 :]) * 1.1).index(True),
    },
}
