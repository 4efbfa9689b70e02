"""Uniform rounding with a threshold: nearest, stochastic and "chaotic", and their errors in theory.

A value is ``x = (k + f) × step`` with a whole k and a fraction f in [0, 1). It goes up when a threshold is below f:

- ``nearest``: the threshold is always one half;
- ``stochastic``: it is drawn uniformly, so the chance of going up is f (Forsythe, 1950; Gupta et al., 2015);
- ``logistic``: it is an orbit of the logistic map u → 4u(1 − u), whose law is not uniform (Ulam, von Neumann, 1947);
- ``conjugated``: it is that orbit made uniform by t = (2/π) arcsin √u, which turns the map into the tent map.

The error is ``rounded − x``. Its bias and variance depend on f; they are given in units of the step and its square.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from labkit.base import checks
from labkit.base.errors import UsageError, one_of

RULES = ("nearest", "stochastic", "logistic", "conjugated")
_LAGS = 60  # the covariance falls at least as 2⁻ᵏ, so what lies beyond is below float64's resolution


def nearest(x: Any, step: Any) -> np.ndarray:
    """Round *x* to the nearest multiple of *step* (> 0, broadcast), halves to the even one; float64.

    >>> nearest([0.5, 1.5, 1.6], 1).tolist()
    [0.0, 2.0, 2.0]
    """
    step = _steps(step)
    return np.asarray(step * np.rint(np.asarray(x, dtype=np.float64) / step))


def dithered(x: Any, step: Any, thresholds: Any) -> np.ndarray:
    """Round *x* to multiples of *step*: up where the threshold (0 to 1) is below the fraction, else down; float64.

    All three are broadcast. Multiples of the step stay what they are; also negative values go up toward +∞.
    Raises UsageError for a step that is not above zero.
    """
    step = _steps(step)
    scaled = np.asarray(x, dtype=np.float64) / step
    whole = np.floor(scaled)
    return np.asarray(step * (whole + (np.asarray(thresholds) < scaled - whole)))


def stochastic(x: Any, step: Any, rng: np.random.Generator) -> np.ndarray:
    """Round *x* with a threshold of its own for each value, drawn uniformly from *rng*; float64."""
    x = np.asarray(x, dtype=np.float64)
    return dithered(x, step, rng.random(np.broadcast_shapes(x.shape, np.shape(step))))


def logistic_map(start: Any, steps: int) -> np.ndarray:
    """Return the orbit of u → 4u(1 − u) from *start* (any shape, 0 to 1): shape (steps, …), the start first.

    Computed in float32 if the start is float32, else in float64.
    """
    return _orbit(start, steps, lambda u: 4 * u * (1 - u))


def tent_map(start: Any, steps: int) -> np.ndarray:
    """Return the orbit of t → min(2t, 2 − 2t) as `logistic_map`; each step is exact in binary, which is its undoing."""
    return _orbit(start, steps, lambda t: np.minimum(2 * t, 2 - 2 * t))


def conjugate(u: Any) -> np.ndarray:
    """Return ``(2/π) arcsin √u``, which turns an orbit of the logistic map into one of the tent map, without losing
    bits."""
    return np.asarray(2 / np.pi * np.arcsin(np.sqrt(np.asarray(u))))


def chaotic(steps: int, orbits: int, rng: np.random.Generator, rule: str = "logistic") -> np.ndarray:
    """Return thresholds of *rule* ``logistic`` or ``conjugated``, shape (steps, orbits), float64.

    Each orbit starts where the map's own law puts it (drawn from *rng*), so that no run-in is needed and the closed
    forms hold from the first step on.
    """
    one_of("rule", rule, ("logistic", "conjugated"))
    orbit = logistic_map(np.sin(np.pi / 2 * rng.random(orbits)) ** 2, steps)
    return conjugate(orbit) if rule == "conjugated" else orbit


# Closed forms


def chance_up(fraction: Any, rule: str) -> np.ndarray:
    """Return the chance that a value with this *fraction* (0 to 1, any shape) is rounded up by *rule*.

    For ``logistic`` it is the arcsine law ``(2/π) arcsin √f``; nearest goes up half of the time at one half, where
    it depends on which neighbour is even. Raises UsageError for a fraction outside 0 to 1.
    """
    one_of("rule", rule, RULES)
    f = np.asarray(fraction, dtype=np.float64)
    if not ((f >= 0) & (f <= 1)).all():
        raise UsageError("A fraction must be from 0 to 1: give x / step minus its floor.")
    if rule == "nearest":
        return np.asarray(np.heaviside(f - 0.5, 0.5))
    return conjugate(f) if rule == "logistic" else f


def bias(fraction: Any, rule: str) -> np.ndarray:
    """Return the mean error at this *fraction*, in steps: the chance of going up, less the fraction."""
    return chance_up(fraction, rule) - np.asarray(fraction, dtype=np.float64)


def variance(fraction: Any, rule: str) -> np.ndarray:
    """Return the error's variance about its mean at this *fraction*, in steps squared: ``p(1 − p)``, p the chance of
    up.

    >>> float(variance(0.5, "stochastic"))
    0.25
    """
    p = chance_up(fraction, rule)
    return p * (1 - p)


def average(rule: str) -> tuple[float, float]:
    """Return (mean squared bias, mean variance) over all fractions alike, in steps squared; their sum is the squared
    error.

    nearest 1/12 and 0; stochastic and conjugated 0 and 1/6; logistic 5/24 − 2/π² and 2/π².
    """
    of_logistic = 2 / math.pi**2
    table = {"nearest": (1 / 12, 0.0), "logistic": (5 / 24 - of_logistic, of_logistic)}
    return table.get(one_of("rule", rule, RULES), (0.0, 1 / 6))


def covariance(chance: Any, lag: int) -> np.ndarray:
    """Return covariance of two rounding errors *lag* steps apart on one orbit, value fixed, in steps squared.

    *chance* is the chance p of going up. For both maps it is ``P(t < p and Tˡᵃᵍ t < p) − p²`` with the tent map T and
    t uniform: on [0, p) the ``lag``-fold tent has 2ˡᵃᵍ p laps, of which each pair spends 2p of its length 2 below p.
    Raises UsageError for a lag below 0.
    """
    lag = checks.whole("lag", lag)
    p = np.asarray(chance, dtype=np.float64)
    pairs, rest = np.divmod(2.0**lag * p, 2.0)
    both = (2 * pairs * p + np.minimum(rest, p) + np.maximum(rest - (2 - p), 0)) / 2.0**lag
    return both - p * p


def inflation(chance: Any, n: int) -> np.ndarray:
    """Return how much larger the variance of the mean of *n* errors of one orbit is than that of *n* independent ones.

    ``1 + 2 Σ (1 − k/n) ρₖ`` with the correlations ρₖ of `covariance`; NaN where the error never varies.
    """
    p = np.asarray(chance, dtype=np.float64)
    lags = range(1, min(n, _LAGS))
    total = np.asarray(sum(((1 - k / n) * covariance(p, k) for k in lags), np.zeros_like(p)))
    own = p * (1 - p)
    return 1 + 2 * np.divide(total, own, out=np.full_like(p, np.nan), where=own > 0)


# Floating point, whose step grows with the value


def ulp(x: Any, precision: int = 8) -> np.ndarray:
    """Return the step at *x* of a binary format with *precision* significant bits (bfloat16 8, float16 11): float64.

    A power of two has the step of the numbers above it. Exponents are not limited; at zero the step is the smallest
    normal float64.

    >>> float(ulp(1.0, precision=8))
    0.0078125
    """
    size = np.maximum(np.abs(np.asarray(x, dtype=np.float64)), np.finfo(np.float64).tiny)
    return np.asarray(np.ldexp(1.0, np.frexp(size)[1] - precision))


def stalls_at(term: float, precision: int = 8) -> float:
    """Return where a running sum of equal *terms* (> 0) stops, each partial sum rounded to nearest-even.

    It stops at the first power of two whose half step is at least the term: ``2^ceil(log₂ term + precision)``. A half
    step is ``2^(e − precision)`` from 2ᵉ on. Below, each addition moves the sum by a step or more; in the last octave
    by exactly one, so that 2ᵉ is hit. Raises UsageError for a term that is not above zero.
    """
    if not 0 < term < math.inf:
        raise UsageError(f"term is {term!r}, but must be a number above zero.")
    fraction, exponent = math.frexp(term)  # exact at powers of two, where log2 may not be
    return math.ldexp(1.0, exponent - (fraction == 0.5) + precision)


def follow(
    change: Callable[[np.ndarray], np.ndarray],
    start: Any,
    steps: int,
    rule: str,
    rng: np.random.Generator,
    precision: int = 8,
) -> np.ndarray:
    """Return the path ``point = rounded(change(point))`` from *start*, without it: float64, shape (steps,
    *start.shape).

    Each change is computed in float64 and rounded by *rule* to *precision* significant bits; each element has an orbit
    or draws of its own. Raises UsageError for an unknown rule.
    """
    point = np.asarray(start, dtype=np.float64)
    chaos = one_of("rule", rule, RULES) in ("logistic", "conjugated")
    thresholds = chaotic(steps, point.size, rng, rule).reshape(steps, *point.shape) if chaos else None
    path = np.empty((steps, *point.shape))
    for k in range(steps):
        new = change(point)
        step = ulp(new, precision)
        if rule == "nearest":
            point = nearest(new, step)
        else:
            point = stochastic(new, step, rng) if thresholds is None else dithered(new, step, thresholds[k])
        path[k] = point
    return path


def in_standard_errors(samples: Any, expected: Any) -> np.ndarray:
    """Return how far the mean of independent *samples* (…, n) is from *expected* (…), in standard errors of that mean.

    The standard error is estimated from the same samples, so n should be some hundred.
    """
    samples = np.asarray(samples, dtype=np.float64)
    error = samples.std(axis=-1, ddof=1) / math.sqrt(samples.shape[-1])
    return np.asarray(np.abs(samples.mean(axis=-1) - expected) / error)


def _orbit(start: Any, steps: int, step: Any) -> np.ndarray:
    steps = checks.whole("steps", steps, 1)
    point = np.asarray(start)
    if point.dtype != np.float32:
        point = point.astype(np.float64)
    if not ((point >= 0) & (point <= 1)).all():
        raise UsageError("An orbit must start at numbers from 0 to 1.")
    orbit = np.empty((steps, *point.shape), dtype=point.dtype)
    for k in range(steps):
        orbit[k] = point
        point = step(point)
    return orbit


def _steps(step: Any) -> np.ndarray:
    step = np.asarray(step, dtype=np.float64)
    if not (step > 0).all():
        raise UsageError("The step is the distance between two levels: give a number above zero.")
    return step
