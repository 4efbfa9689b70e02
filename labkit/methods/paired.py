"""Two networks on the same images: each one's accuracy, their difference, and an interval for both."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from labkit.base.errors import UsageError
from labkit.methods.statistics import normal_quantile, paired_interval, student_quantile, wilson


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
            "gain in points": _points(self),
        }


def _points(found: Paired | Draws) -> str:
    """Return a gain with its interval in words."""
    return f"{found.gain:+.2f} ({found.gain_low:+.2f} to {found.gain_high:+.2f})"


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


class Draws(NamedTuple):
    """A recipe that was drawn several times: mean ``accuracy`` and the range ``low`` to ``high`` of its draws, shares;
    ``gain`` over another recipe on the same images, in points, with its interval ``gain_low`` to ``gain_high``."""

    accuracy: float
    low: float
    high: float
    gain: float
    gain_low: float
    gain_high: float

    def row(self) -> dict[str, str]:
        """Return the cells of a table: mean accuracy, range of the draws, and the gain with its interval."""
        return {
            "mean accuracy": f"{self.accuracy:.2%}",
            "draws": f"{self.low:.2%} to {self.high:.2%}",
            "gain in points": _points(self),
        }


def paired_draws(right: ArrayLike, reference: ArrayLike, level: float = 0.95) -> Draws:
    """Compare two recipes on the same images, each drawn once or several times; both bool (draws, n).

    Draw i of one is paired with draw i of the other; a recipe of one draw is paired with each draw of the other. The
    interval covers both samples: the images (normal, from each image's mean difference over the draws) and the draws
    (Student's, from each draw's mean difference over the images). The two half widths are added in quadrature, which
    counts the part that is due to both twice, so that the interval is rather too wide. With one draw it covers the
    images alone.

    Raises UsageError for arrays that are not bool (draws, n), no or one image, and numbers of draws that do not pair.
    """
    ours, theirs = np.asarray(right), np.asarray(reference)
    draws = max(len(ours), len(theirs)) if ours.ndim == theirs.ndim == 2 else 0
    fits = draws and {len(ours), len(theirs)} <= {1, draws} and ours.shape[1] == theirs.shape[1] > 1
    if not fits or {ours.dtype, theirs.dtype} != {np.dtype(bool)}:
        raise UsageError(
            f"right is {ours.dtype} {ours.shape} and reference {theirs.dtype} {theirs.shape}: give two bool arrays "
            "(draws, images) of the same images, with equally many draws or with one."
        )
    change = ours.astype(float) - theirs.astype(float)  # (draws, n): broadcasts the recipe of one draw
    half = normal_quantile(level) * change.mean(axis=0).std(ddof=1) / np.sqrt(change.shape[1])
    if draws > 1:
        spread = change.mean(axis=1).std(ddof=1) / np.sqrt(draws)
        half = np.hypot(half, student_quantile((1 + level) / 2, draws - 1) * spread)
    gain, shares = change.mean(), ours.mean(axis=1)
    ends = (100 * float(value) for value in (gain, gain - half, gain + half))
    return Draws(float(shares.mean()), float(shares.min()), float(shares.max()), *ends)
