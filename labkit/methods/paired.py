"""Two networks on the same images: each one's accuracy, their difference, and an interval for both."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from labkit.base.errors import UsageError
from labkit.methods.statistics import paired_interval, wilson


class Paired(NamedTuple):
    """``accuracy`` with its Wilson interval ``low`` to ``high``, shares; ``gain`` over another network on the same
    images, in points, with its paired interval ``gain_low`` to ``gain_high``."""

    accuracy: float
    low: float
    high: float
    gain: float
    gain_low: float
    gain_high: float

    def row(self) -> dict[str, str]:
        """Return the cells of a table: accuracy, interval, and the gain with its interval."""
        return {
            "accuracy": f"{self.accuracy:.2%}",
            "95 % interval": f"{self.low:.2%} to {self.high:.2%}",
            "gain in points": f"{self.gain:+.2f} ({self.gain_low:+.2f} to {self.gain_high:+.2f})",
        }


def paired(right: ArrayLike, reference: ArrayLike, level: float = 0.95) -> Paired:
    """Compare a network with another on the same images; both say which images they name rightly, bool (n,).

    Intervals as ``statistics.wilson`` and ``statistics.paired_interval`` (Tango 1998) have them. Raises UsageError for
    different shapes, no images, or values that are not bool.
    """
    ours, theirs = np.asarray(right), np.asarray(reference)
    if ours.shape != theirs.shape or ours.ndim != 1 or not len(ours) or {ours.dtype, theirs.dtype} != {np.dtype(bool)}:
        raise UsageError(
            f"right is {ours.dtype} {ours.shape} and reference {theirs.dtype} {theirs.shape}: "
            "give two bool arrays with one value per image, for the same images."
        )
    low, high = wilson(int(np.sum(ours)), len(ours), level)
    ends = paired_interval(int(np.sum(theirs & ~ours)), int(np.sum(ours & ~theirs)), len(ours), level)
    gain = (int(np.sum(ours)) - int(np.sum(theirs))) / len(ours)
    return Paired(float(np.mean(ours)), low, high, *(100 * end for end in (gain, *ends)))
