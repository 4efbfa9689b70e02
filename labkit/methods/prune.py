"""Magnitude pruning: the mask of the weights that are kept, and the sparsity at each training step."""

from __future__ import annotations

import numpy as np

from labkit.base.errors import UsageError


def magnitude_mask(weights: np.ndarray, sparsity: float) -> np.ndarray:
    """Return which weights magnitude pruning keeps: a bool array of *weights*' shape, True = kept.

    TFMOT's rule, weight for weight. Of n weights, k = max(1, round(n × (1 − sparsity))) are to stay (halves round to
    even, in float32); the k-th largest magnitude is the threshold, and all **at or above** it stay. So ties at the
    threshold are all kept: more than asked may stay (everything, when all are equal), and at least one weight does.

    *weights*: finite numbers of any shape, empty included (an empty mask). Raises UsageError for a sparsity outside
    [0, 1), or weights that are not finite.

    >>> magnitude_mask(np.array([0.1, -3.0, 0.2, 2.0]), 0.5).tolist()
    [False, True, False, True]
    """
    sparsity = check_sparsity(sparsity)
    weights = np.asarray(weights)
    if not np.issubdtype(weights.dtype, np.number) or not np.isfinite(weights).all():
        raise UsageError("weights hold NaN or infinity: train again, for example with a smaller learning rate.")
    if weights.size == 0:
        return np.ones(weights.shape, dtype=bool)
    kept = max(1, int(np.round(np.float32(weights.size) * (np.float32(1) - np.float32(sparsity)))))
    # The smallest whole number of a type has no opposite in it: −128 would stay negative in int8.
    magnitudes: np.ndarray = np.abs(weights.astype(np.int64) if weights.dtype.kind == "i" else weights)
    if magnitudes.dtype == np.float32:
        magnitudes[magnitudes < np.finfo(np.float32).tiny] = 0  # TensorFlow computes with subnormals as zeros
    threshold = np.partition(magnitudes, weights.size - kept, axis=None)[weights.size - kept]
    return magnitudes >= threshold


def block_mask(weights: np.ndarray, sparsity: float, block: tuple[int, int] = (4, 4)) -> np.ndarray:
    """Return a mask that keeps whole blocks of a matrix: those with the largest norms, `magnitude_mask` of the norms.

    Bool, of *weights*' shape. Raises UsageError when *block* does not divide the shape, and as `magnitude_mask` does.

    >>> block_mask(np.array([[1, 0, 3, 1], [0, 1, 1, 3]]), sparsity=0.5, block=(2, 2)).tolist()[0]
    [False, False, True, True]
    """
    weights, (high, wide) = np.asarray(weights, dtype=np.float64), block
    if weights.ndim != 2 or high < 1 or wide < 1 or weights.shape[0] % high or weights.shape[1] % wide:
        raise UsageError(f"Blocks of {block} do not divide shape {weights.shape}: choose other blocks, or add zeros.")
    parts = weights.reshape(weights.shape[0] // high, high, weights.shape[1] // wide, wide)
    kept = magnitude_mask(np.sqrt((parts**2).sum(axis=(1, 3))), sparsity)
    return np.repeat(np.repeat(kept, high, axis=0), wide, axis=1)


def apply_mask(weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return a copy of *weights*, of the same type, zero wherever *mask* is False. Raises UsageError when shapes
    differ.

    >>> apply_mask(np.array([1.0, 2.0]), np.array([True, False])).tolist()
    [1.0, 0.0]
    """
    weights, mask = np.asarray(weights), np.asarray(mask)
    if weights.shape != mask.shape:
        raise UsageError(f"mask has shape {mask.shape}, but must have the weights' shape, {weights.shape}.")
    return np.where(mask.astype(bool), weights, np.zeros((), weights.dtype))


def polynomial_sparsity(
    step: int | np.ndarray, initial: float, final: float, begin: int, end: int, power: float = 3
) -> float | np.ndarray:
    """Return the sparsity asked for at *step*: ``final + (initial − final) × (1 − p) ** power``, p running 0 → 1 from
    step *begin* to *end* and clipped there (Zhu & Gupta, 2017, equation 1; TFMOT's ``PolynomialDecay``).

    *step* may be an array; the result is float64 of its shape. Most weights go early, when the network can still mend
    itself. With ``begin = end`` it steps to *final* at once (TFMOT's ``ConstantSparsity``, from 0). Raises UsageError
    for a sparsity outside [0, 1), steps in the wrong order, or a power that is not above 0.

    >>> round(polynomial_sparsity(50, initial=0.0, final=0.8, begin=0, end=100), 9)
    0.7
    """
    initial, final = check_sparsity(initial, "initial"), check_sparsity(final, "final")
    _check_steps(begin, end)
    if not power > 0:
        raise UsageError(f"power is {power!r}, but must be a number above 0 (3 is usual).")
    steps = np.asarray(step, dtype=np.float64)
    done = np.clip((steps - begin) / (end - begin), 0, 1) if end > begin else (steps >= begin).astype(np.float64)
    result = final + (initial - final) * (1 - done) ** power
    return float(result) if result.ndim == 0 else result


def check_sparsity(value: float, name: str = "sparsity") -> float:
    """Return *value* as a float if it is a share in [0, 1); raises UsageError otherwise."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not 0 <= number < 1:
        raise UsageError(f"{name} is {value!r}, but must be a fraction from 0 to below 1 (0.8 for 80 % zeros).")
    return number


def _check_steps(begin: int, end: int) -> None:
    if not 0 <= begin <= end:
        raise UsageError(f"begin is {begin} and end is {end}, but must satisfy 0 ≤ begin ≤ end.")
