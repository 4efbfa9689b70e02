"""How sure a measured accuracy is, and whether two of them differ."""

from __future__ import annotations

import math
import operator
from statistics import NormalDist

from labkit.base.errors import UsageError


def wilson(correct: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The Wilson score interval (low, high) for the true share, when *correct* of *n* answers were right.

    Shares between 0 and 1; no images (``n = 0``) leave all of 0 to 1 open. Raises UsageError for counts that cannot be
    and for a *level* outside (0, 1). Wilson, 1927, equation for the score test inverted; without continuity correction.
    """
    correct, n = _count("correct", correct), _count("n", n)
    if correct > n:
        raise UsageError(f"correct is {correct}, but takes at most n, which is {n}.")
    if not 0 < level < 1:
        raise UsageError(f"level is {level!r}, but takes a share above 0 and below 1, such as 0.95.")
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = correct / n
    middle = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # Rounding must not put the bounds of a clean sweep past the share itself.
    low = 0.0 if correct == 0 else max(0.0, (middle - half) / scale)
    high = 1.0 if correct == n else min(1.0, (middle + half) / scale)
    return low, high


def mcnemar(first_only: int, second_only: int) -> float:
    """The exact two-sided p-value that two classifiers on the same images are equally good (McNemar, 1947).

    *first_only* images only the first got right, *second_only* only the second: if they are equally good, each such
    image is a fair coin. 1.0 when they never differ. Raises UsageError for counts below 0.
    """
    first_only, second_only = _count("first_only", first_only), _count("second_only", second_only)
    n, fewer = first_only + second_only, min(first_only, second_only)
    if fewer == n - fewer:
        return 1.0
    # Whole numbers stay exact however long; their quotient is formed once.
    term = total = 1
    for i in range(fewer):
        term = term * (n - i) // (i + 1)
        total += term
    return min(1.0, 2 * total / 2**n) if n < 1000 else min(1.0, math.exp(math.log(2 * total) - n * math.log(2)))


def _count(name: str, value: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if number < 0:
        raise UsageError(f"{name} is {value!r}, but takes a whole number of at least 0.")
    return number
