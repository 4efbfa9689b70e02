"""How sure a measured accuracy is, whether two of them differ, and how many images it takes to see it."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from labkit.base.checks import whole
from labkit.base.errors import UsageError, one_of

FORMS = ("exact", "mid_p", "chi_square", "corrected")


def wilson(correct: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval (low, high) for the true share, when *correct* of *n* answers were right.

    Shares between 0 and 1; no images (``n = 0``) leave all of 0 to 1 open. Raises UsageError for counts that cannot be
    and for a *level* outside (0, 1). Wilson, 1927, equation for the score test inverted; without continuity correction.

    >>> tuple(round(end, 4) for end in wilson(9, 10))
    (0.5958, 0.9821)
    """
    correct, n = whole("correct", correct), whole("n", n)
    if correct > n:
        raise UsageError(f"correct is {correct}, but takes at most n, which is {n}.")
    z = normal_quantile(level)
    if n == 0:
        return 0.0, 1.0
    share = correct / n
    middle = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # Rounding must not put the bounds of a clean sweep past the share itself.
    low = 0.0 if correct == 0 else max(0.0, (middle - half) / scale)
    high = 1.0 if correct == n else min(1.0, (middle + half) / scale)
    return low, high


def mcnemar(first_only: int, second_only: int, form: str = "exact") -> float:
    """Return the two-sided p-value of two classifiers on the same images, were they equally good (McNemar, 1947).

    *first_only* images only the first got right, *second_only* only the second: if they are equally good, each such
    image is a fair coin. *form*: ``exact``, the binomial test; ``mid_p``, in which what was observed counts half
    (Fagerland, Lydersen and Laake, 2013, section 2.4), so that it is less cautious; ``chi_square``, (b − c)²/(b + c)
    held against χ² with one degree of freedom; ``corrected``, the same with Edwards' (|b − c| − 1)².
    1.0 when they never differ. Raises UsageError for counts below 0 and for an unknown *form*.

    >>> mcnemar(1, 9)
    0.021484375
    """
    first_only, second_only = whole("first_only", first_only), whole("second_only", second_only)
    one_of("form", form, FORMS)
    n, fewer = first_only + second_only, min(first_only, second_only)
    if n == 0:
        return 1.0
    if form in ("chi_square", "corrected"):
        gap = max(0, n - 2 * fewer - (form == "corrected"))
        return math.erfc(gap / math.sqrt(2 * n))
    # Whole numbers stay exact however long; their quotient is formed once.
    term = total = 1
    for i in range(fewer):
        term = term * (n - i) // (i + 1)
        total += term
    tied = fewer == n - fewer
    exact = 1.0 if tied else min(1.0, _over_power_of_two(2 * total, n))
    # Both tails begin at what was observed; a tie has its place in the middle only once.
    return exact if form == "exact" else max(0.0, exact - _over_power_of_two(term, n) / (2 if tied else 1))


def paired_interval(first_only: int, second_only: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the interval (low, high) for the true difference of two accuracies on the same *n* images, second minus
    first.

    A score interval: it holds the differences that the data do not reject, so it leaves 0 out just when ``mcnemar``
    with ``form="chi_square"`` falls below 1 − *level*. Shares from −1 to 1; no images leave all of it open.
    Raises UsageError for counts that cannot be. Tango, 1998, equations for the score test and its constrained maximum.

    >>> tuple(round(end, 4) for end in paired_interval(10, 30, 1000))
    (0.008, 0.0336)
    """
    first_only, second_only = whole("first_only", first_only), whole("second_only", second_only)
    n, z = whole("n", n), normal_quantile(level)
    if first_only + second_only > n:
        raise UsageError(f"first_only + second_only is {first_only + second_only}, but takes at most n, which is {n}.")
    if n == 0:
        return -1.0, 1.0

    from scipy import optimize  # half a second, which pages without a comparison do not pay

    def score(difference: float) -> float:
        """Return how many standard errors the observed difference lies above *difference*."""
        lost = difference * (1 - difference)
        b = (2 * n - second_only + first_only) * difference - first_only - second_only
        # The most likely share of "first only", were the difference just this.
        only = (math.sqrt(max(0.0, b * b + 8 * n * first_only * lost)) - b) / (4 * n)
        variance = n * max(0.0, 2 * only + lost)
        gap = second_only - first_only - n * difference
        return gap / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, gap) if gap else 0.0

    observed = (second_only - first_only) / n
    low, high = -1.0, 1.0
    if first_only < n:
        low = optimize.brentq(lambda difference: score(difference) - z, -1.0, observed, xtol=1e-15)
    if second_only < n:
        high = optimize.brentq(lambda difference: score(difference) + z, observed, 1.0, xtol=1e-15)
    return low, high


def images_unpaired(first: float, second: float, power: float = 0.8, level: float = 0.95) -> int:
    """Return how many images each of two networks needs, on images of its own, to see that *first* is not *second*.

    *first* and *second* are the true accuracies (shares); *power* the chance to see the difference, *level* one minus
    the chance to see one that is not there (two-sided). n = (z₁ √(2 p̄ q̄) + z₂ √(p₁q₁ + p₂q₂))² / (p₂ − p₁)², with p̄ the
    mean (Fleiss, Levin and Paik, 2003, chapter 4, without continuity correction). Raises UsageError for equal
    accuracies and for shares outside 0 to 1.

    >>> images_unpaired(0.97, 0.98)
    3826
    """
    for name, value in (("first", first), ("second", second)):
        if not 0 <= value <= 1:
            raise UsageError(f"{name} is {value!r}, but takes a share from 0 to 1.")
    if first == second:
        raise UsageError(
            f"first and second are both {first!r}, but no number of images tells equals apart: change one."
        )
    mean = (first + second) / 2
    spread = math.sqrt(2 * mean * (1 - mean)), math.sqrt(first * (1 - first) + second * (1 - second))
    return _images(spread, second - first, power, level)


def images_paired(difference: float, discordant: float, power: float = 0.8, level: float = 0.95) -> int:
    """Return how many images two networks need, both on the same ones, to see a true *difference* of their accuracies.

    *discordant* is the share of images that just one of them gets right. n = (z₁ √ψ + z₂ √(ψ − δ²))² / δ², with δ the
    difference and ψ the discordant share (Connor, 1987). Raises UsageError unless 0 < |difference| ≤ discordant ≤ 1.

    >>> images_paired(0.003, 0.02)
    17440
    """
    if not 0 < abs(difference) <= discordant <= 1:
        raise UsageError(
            f"difference is {difference!r} and discordant {discordant!r}, but 0 < |difference| <= discordant <= 1: "
            "networks cannot differ in accuracy by more than the images on which they differ."
        )
    spread = math.sqrt(discordant), math.sqrt(discordant - difference**2)
    return _images(spread, difference, power, level)


def power_paired(n: int, difference: float, discordant: float, level: float = 0.95) -> float:
    """Return the exact power of McNemar's χ² on *n* images that both networks are shown, for a true *difference*.

    *discordant* is the share of images that just one gets right. The number m of such images is binomial, and so is the
    number c of those that only the better one gets right; the test sees a difference when |2 c − m| > z √m. Both tails
    count. Raises UsageError unless 0 ≤ |difference| ≤ discordant ≤ 1 and discordant is above 0.

    >>> round(power_paired(10_000, 0.0, 0.05), 3)  # no difference: the level of the test
    0.05
    """
    n, z = whole("n", n), normal_quantile(level)
    if not 0 <= abs(difference) <= discordant <= 1 or discordant == 0:
        raise UsageError(
            f"difference is {difference!r} and discordant {discordant!r}, but 0 <= |difference| <= discordant <= 1, "
            "and discordant is above 0."
        )
    from scipy import special  # half a second, which pages without a power do not pay

    reach = 12 * math.sqrt(n * discordant) + 40  # beyond it m has a chance below 1e-30
    m = np.arange(max(0, math.floor(n * discordant - reach)), min(n, math.ceil(n * discordant + reach)) + 1)
    log_chance = special.gammaln(n + 1) - special.gammaln(m + 1) - special.gammaln(n - m + 1)
    log_chance = log_chance + special.xlogy(m, discordant) + special.xlog1py(n - m, -discordant)
    better = (1 + difference / discordant) / 2
    high = np.floor((m + z * np.sqrt(m)) / 2)  # the test sees counts above it, and below m - high
    seen = special.bdtrc(high, m, better) + special.bdtr(m - high - 1, m, better)
    return float(np.sum(np.exp(log_chance) * np.where(high < m, seen, 0.0)))


def cochran(right: ArrayLike) -> float:
    """Return the p-value of several classifiers on the same images, were they all equally good (Cochran, 1950).

    *right* (classifiers, images) is True where a classifier names the image rightly. Q is the sum of squares between
    the classifiers over its expectation from the images alone, held against χ² with one degree of freedom less than
    there are classifiers. Of two it is McNemar's χ². 1.0 when they never differ. Raises UsageError for fewer than two
    rows.

    >>> both = [[True] * 9 + [False], [False] * 9 + [True]]
    >>> round(cochran(both), 6) == round(mcnemar(9, 1, "chi_square"), 6)
    True
    """
    table = np.asarray(right, dtype=bool)
    if table.ndim != 2 or len(table) < 2:
        raise UsageError(f"right has the shape {table.shape}, but takes 2 or more rows, one for each classifier.")
    k, rights, images = len(table), table.sum(axis=1), table.sum(axis=0)
    mixed = float(np.sum(images * (k - images)))
    if mixed == 0:
        return 1.0
    from scipy import special

    q = (k - 1) * k * float(np.sum((rights - rights.mean()) ** 2)) / mixed
    return float(special.chdtrc(k - 1, q))


class Spread(NamedTuple):
    """Accuracies over seeds: their mean, standard deviation (n − 1), and the interval for the mean of all seeds."""

    mean: float
    deviation: float
    low: float
    high: float


def seed_spread(values: ArrayLike, level: float = 0.95) -> Spread:
    """Summarize the results of one recipe under several seeds; *values* (seeds,), in any unit.

    The interval is Student's (1908), for the mean over all seeds there could be, on these same images. Raises
    UsageError for fewer than two seeds or values that are not finite: one seed says nothing of the spread.

    >>> seed_spread([0.5, 0.5, 0.5])
    Spread(mean=0.5, deviation=0.0, low=0.5, high=0.5)
    """
    numbers = np.asarray(values, dtype=float)
    if numbers.ndim != 1 or len(numbers) < 2 or not np.isfinite(numbers).all():
        raise UsageError("values takes two or more finite numbers, one a seed: train with another seed.")
    mean, deviation = float(numbers.mean()), float(numbers.std(ddof=1))
    half = student_quantile(_tail(level), len(numbers) - 1) * deviation / math.sqrt(len(numbers))
    return Spread(mean, deviation, mean - half, mean + half)


def deviation_interval(values: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Return the interval (low, high) for the standard deviation of the distribution that *values* are drawn from.

    *values* (seeds,) are in any unit, and so is the interval. It is exact for normally distributed values:
    (n − 1) s² / σ² has the χ² distribution with n − 1 degrees of freedom. Raises UsageError for fewer than two values,
    values that are not finite, and a *level* outside (0, 1).

    >>> tuple(round(end, 3) for end in deviation_interval([1.0, 2.0, 3.0, 4.0, 5.0]))
    (0.947, 4.543)
    """
    deviation, freedom = seed_spread(values, level).deviation, len(np.asarray(values)) - 1
    from scipy import special  # half a second, which pages without seeds do not pay

    large, small = (float(special.chdtri(freedom, above)) for above in (1 - _tail(level), _tail(level)))
    return deviation * math.sqrt(freedom / large), deviation * math.sqrt(freedom / small)


def best_of_many(changes: ArrayLike, draws: int, rng: np.random.Generator, two_sided: bool = False) -> float:
    """Return the p-value of the best of several candidates, all compared with one baseline on the same images.

    *changes* (candidates, images) is +1 where a candidate alone is right, −1 where the baseline alone is, else 0. If
    nothing but luck sets them apart, each image's column might as well have the other sign: the share of *draws* sign
    flips in which some candidate gains as much as the observed best (Westfall and Young, 1993; the observed one counts
    as a draw, so that the value is never 0). *two_sided*: in which some candidate changes as much as the one that
    changed most, to either side. 1.0 without candidates. Raises UsageError for fewer than one draw.
    """
    table = np.asarray(changes)
    if table.ndim != 2:
        raise UsageError(f"changes has {table.ndim} dimensions, but takes 2: one row a candidate, one column an image.")
    draws = whole("draws", draws, 1)
    if not len(table):
        return 1.0
    moved = table[:, np.any(table != 0, axis=0)].astype("float32")  # whole sums below 2²⁴: exact
    sums = moved.sum(axis=1)
    best, reached = float((np.abs(sums) if two_sided else sums).max()), 1
    for start in range(0, draws, 1000):
        signs = rng.integers(0, 2, (min(1000, draws - start), moved.shape[1])).astype("float32") * 2 - 1
        drawn = signs @ moved.T
        reached += int(np.count_nonzero((np.abs(drawn) if two_sided else drawn).max(axis=1) >= best))
    return reached / (draws + 1)


def student_quantile(share: float, freedom: int) -> float:
    """Return the quantile of Student's t with *freedom* ≥ 1 whole degrees of freedom, for *share* in (0.5, 1).

    >>> round(student_quantile(0.975, 4), 3)
    2.776

    Raises UsageError for other arguments.
    """
    from scipy import special  # half a second, which pages without seeds do not pay

    freedom = whole("freedom", freedom, 1)
    if not 0.5 < share < 1:
        raise UsageError(f"share is {share!r}, but takes a number above 0.5 and below 1.")
    return float(special.stdtrit(freedom, share))


def _images(spread: tuple[float, float], difference: float, power: float, level: float) -> int:
    if not 0 < power < 1:
        raise UsageError(f"power is {power!r}, but takes a share above 0 and below 1, such as 0.8.")
    reach = normal_quantile(level) * spread[0] + NormalDist().inv_cdf(power) * spread[1]
    return max(1, math.ceil((max(0.0, reach) / difference) ** 2))


def _over_power_of_two(number: int, exponent: int) -> float:
    return number / 2**exponent if exponent < 1000 else math.exp(math.log(number) - exponent * math.log(2))


def normal_quantile(level: float) -> float:
    """Return how many standard errors a two-sided interval of *level* reaches (1.96 at 0.95); UsageError outside (0,
    1).

    >>> round(normal_quantile(0.95), 2)
    1.96
    """
    return NormalDist().inv_cdf(_tail(level))


def _tail(level: float) -> float:
    if not 0 < level < 1:
        raise UsageError(f"level is {level!r}, but takes a share above 0 and below 1, such as 0.95.")
    return (1 + level) / 2
