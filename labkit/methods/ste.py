"""Gradients through rounding: the straight-through estimator, and a step size that is learned.

A quantizer is a staircase, ``q(x) = step · clip(round(x / step), low, high)``: its slope is zero between two stairs and
infinite at each of them, so nothing trains through it. The straight-through estimator (Bengio, Léonard and Courville
2013, arXiv:1308.3432) passes the gradient on unchanged where the staircase climbs, and none where it is flat for good.

That is no arbitrary choice. The mean of the staircase over a window of one step around x is exactly clip(x) to the
range, halves of a stair and all; the estimator is the slope of that mean (``smoothed``).

The learned step size (LSQ) is Esser et al. 2020, arXiv:1902.08153, equations 1 to 3 and section 2.2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labkit.base.errors import UsageError
from labkit.methods.quantize import levels

Array = NDArray[np.float64]


def quantized(x: ArrayLike, step: float, low: int, high: int) -> Array:
    """Return the staircase ``step · clip(round(x / step), low, high)``, halves to even; float64 of *x*'s shape.

    Raises UsageError for a step that is not finite and above 0, *low* not below *high*, or NaN in *x*.

    >>> quantized([-2.0, 0.3, 9.0], step=0.5, low=-3, high=3).tolist()
    [-1.5, 0.5, 1.5]
    """
    x = _checked(x, step, low, high)
    return step * np.clip(np.rint(x / step), low, high)


def smoothed(x: ArrayLike, step: float, low: int, high: int) -> Array:
    """Return the mean of ``quantized`` over the window x ± step/2, exactly; float64 of *x*'s shape. Errors as there.

    With v = x / step, the staircase's antiderivative is n v − n²/2, where n is the stair that v stands on: the pieces
    meet at every edge. The mean is the difference of its values at both ends of the window.
    """
    v = _checked(x, step, low, high) / step

    def area(t: Array) -> Array:
        stair = np.clip(np.rint(t), low, high)
        return stair * t - stair**2 / 2

    return step * (area(v + 0.5) - area(v - 0.5))


def input_gradient(upstream: ArrayLike, x: ArrayLike, step: float, low: int, high: int) -> Array:
    """Return the straight-through gradient of x: *upstream* (shape of *x*) inside ``low ≤ x / step ≤ high``, 0 outside.

    Errors as ``quantized``, and UsageError when the shapes differ.
    """
    x = _checked(x, step, low, high)
    return np.where((x / step >= low) & (x / step <= high), _like(upstream, x), 0.0)


def step_gradient(
    upstream: ArrayLike, x: ArrayLike, step: float, low: int, high: int, normalized: bool = False
) -> float:
    """Return the gradient of the step size: Σ upstream · ∂q/∂step, by LSQ's rule (arXiv:1902.08153, equation 3).

    ∂q/∂step is round(v) − v inside the range, v = x / step, and *low* or *high* at and beyond its ends: what is left
    when the rounding error is held fixed, as the straight-through estimator does. *normalized* multiplies by
    1 / √(n · high) (section 2.2), which keeps the step's updates in proportion to the weights' under plain SGD.
    0 for an empty *x*. Errors as ``input_gradient``.
    """
    x = _checked(x, step, low, high)
    v = x / step
    slope = np.where(v <= low, low, np.where(v >= high, high, np.rint(v) - v))
    total = float(np.sum(_like(upstream, x) * slope))
    return total / np.sqrt(x.size * high) if normalized and x.size else total


def first_step(x: ArrayLike, bits: int) -> float:
    """Return LSQ's start, ``2 · mean |x| / √high`` with high = 2^(bits−1) − 1; 1 when *x* is all zero.

    Raises UsageError for an empty *x*, NaN or infinity, and *bits* outside 2 to 16.
    """
    x = np.asarray(x, dtype=np.float64)
    if x.size == 0 or not np.isfinite(x).all():
        raise UsageError("A first step needs one or more weights, all finite: check how they were computed.")
    return float(2 * np.mean(np.abs(x)) / np.sqrt(levels(bits, symmetric=True)[1])) or 1.0


def learn_step(x: ArrayLike, bits: int, step: float, rate: float = 0.5, updates: int = 60) -> list[float]:
    """Descend from *step* towards the step with the least squared error on *x*, by ``step_gradient``; every step seen.

    The levels are symmetric, ±(2^(bits−1) − 1). An update subtracts *rate* times the gradient of the mean squared error
    over (1 + high² · share at the ends), about half its curvature; by a tenth of the step at most, to stay positive.
    Raises UsageError for a *rate* not above 0, *updates* below 0, and as ``first_step`` and ``quantized`` do.
    """
    x = np.asarray(x, dtype=np.float64)
    first_step(x, bits)  # for its checks
    if not rate > 0 or updates < 0:
        raise UsageError(f"rate is {rate!r} and updates {updates!r}: give a rate above 0, and 0 updates or more.")
    low, high = levels(bits, symmetric=True)
    path = [float(step)]
    for _ in range(updates):
        error = quantized(x, path[-1], low, high) - x
        slope = step_gradient(2 * error / x.size, x, path[-1], low, high)
        bend = 1 + high**2 * np.mean(np.abs(x) >= high * path[-1])  # the mean of the slope squared is no larger
        move = np.clip(rate * slope / bend, -0.1 * path[-1], 0.1 * path[-1])
        path.append(float(path[-1] - move))
    return path


def _checked(x: ArrayLike, step: float, low: int, high: int) -> Array:
    if not (np.isfinite(step) and step > 0):
        raise UsageError(f"step is {step!r}, but must be a finite number above 0.")
    if not low < high:
        raise UsageError(f"low is {low} and high {high}, but low must be below high.")
    x = np.asarray(x, dtype=np.float64)
    if np.isnan(x).any():
        raise UsageError("x holds NaN, which no integer can represent: correct the computation of x.")
    return x


def _like(upstream: ArrayLike, x: Array) -> Array:
    upstream = np.asarray(upstream, dtype=np.float64)
    if upstream.shape != x.shape:
        raise UsageError(f"upstream has shape {upstream.shape} and x {x.shape}: give one gradient for each value.")
    return upstream
