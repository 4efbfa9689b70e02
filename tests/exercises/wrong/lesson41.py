"""Wrong answers to the exercises of lesson 41 that look right."""

from __future__ import annotations

import numpy as np

from labkit.exercises.framework import exercise

through, slope, moving = (exercise(f"41.{k}").reference for k in (1, 2, 3))

ATTEMPTS = {
    "41.1": {
        "ends outside": lambda g, x, s, h: np.where(np.abs(x / s) < h, g, 0.0),
        "half a step more": lambda g, x, s, h: np.where(np.abs(x / s) <= h + 0.5, g, 0.0),
        "one step fewer": lambda g, x, s, h: np.where(np.abs(x / s) <= h - 1, g, 0.0),
        "divided": lambda g, x, s, h: through(g, x, s, h) / s,
    },
    "41.2": {
        "ends inside": lambda x, s, h: np.where(np.abs(x / s) > h, np.sign(x) * h, np.round(x / s) - x / s),
        "floor": lambda x, s, h: np.where(np.abs(x / s) >= h, np.sign(x) * h, np.floor(x / s) - x / s),
        "halves up": lambda x, s, h: np.where(np.abs(x / s) >= h, np.sign(x) * h, np.floor(x / s + 0.5) - x / s),
        "times the step": lambda x, s, h: s * slope(x, s, h),
    },
    "41.3": {
        "reversed": lambda start, seen, d: moving(start, seen[::-1], d),
        "never smaller": lambda start, seen, d: max(start, moving(start, seen, d)),
        "all ranges": lambda start, seen, d: np.array([moving(start, seen[: k + 1], d) for k in range(len(seen))]),
    },
}
