"""The fraction of zeros in a network, and the gain from their pattern."""

from __future__ import annotations

import math

import numpy as np

from labkit.base.errors import UsageError, one_of

RANDOM = ("dense", "entropy", "coo", "csr", "bitmap", "relative", "run length", "block")  # what `bits_a_weight` knows
WIDTHS = range(2, 11)  # bits of a gap or a run length, among which the best width is chosen


def sparsity(weights: np.ndarray) -> float:
    """Return the share of *weights* (any shape) that is exactly zero, 0 to 1; 0.0 when there are none.

    >>> sparsity(np.array([0.0, 1.0, 0.0, 2.0]))
    0.5
    """
    weights = np.asarray(weights)
    return float(np.mean(weights == 0)) if weights.size else 0.0


def density(weights: np.ndarray) -> float:
    """Return the share of *weights* that is not zero: ``1 − sparsity``."""
    return 1.0 - sparsity(weights)


def neuron_norms(kernel: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """Return the Euclidean norm of each neuron's incoming weights (and bias): (units,), for a kernel (…, units).

    >>> neuron_norms(np.array([[3.0, 0.0], [4.0, 1.0]])).tolist()
    [5.0, 1.0]
    """
    kernel = np.asarray(kernel, dtype=np.float64)
    if kernel.ndim < 2:
        raise UsageError(
            f"The kernel has shape {kernel.shape}, but must have (inputs, units), or (height, width, in, out)."
        )
    squares = (kernel**2).sum(axis=tuple(range(kernel.ndim - 1)))
    if bias is not None:
        if np.shape(bias) != squares.shape:
            raise UsageError(
                f"The bias has shape {np.shape(bias)}, but must have one value per neuron, {squares.shape}."
            )
        squares = squares + np.asarray(bias, dtype=np.float64) ** 2
    return np.sqrt(squares)


def neuron_sparsity(kernel: np.ndarray, threshold: float) -> float:
    """Return the share of neurons that are small: *number of small neurons / number of neurons*.

    The formula leaves 'small' open; here a neuron is small when the norm of its incoming weights is at most *threshold*
    times the mean norm of its layer (0: only dead ones; 0.5: half the usual size). So the answer does not change when
    all weights are scaled. *kernel* is (…, units). Raises UsageError for another shape or a threshold below 0.
    """
    if not threshold >= 0:
        raise UsageError(
            f"threshold is {threshold!r}, but must be a number of at least 0 (times the layer's mean norm)."
        )
    norms = neuron_norms(kernel)
    return float(np.mean(norms <= threshold * norms.mean())) if norms.size else 0.0


def activation_sparsity(activations: np.ndarray, axis: int | tuple[int, ...] | None = None) -> float | np.ndarray:
    """Return the share of *activations* that is exactly zero, as after a ReLU: of all, or along *axis* for each of the
    rest.

    For (images, …, units), ``axis=0`` gives the share of images on which each unit is silent; 1.0 marks a dead one.
    0.0 when there are none. For int8 activations subtract the zero point first.
    """
    activations = np.asarray(activations)
    if axis is None:
        return sparsity(activations)
    along = (axis,) if isinstance(axis, int) else axis
    count = math.prod(activations.shape[each] for each in along)
    return np.sum(activations == 0, axis=axis) / max(count, 1)


def pattern_mask(weights: np.ndarray, keep: int = 2, of: int = 4) -> np.ndarray:
    """Return which weights an N:M pattern keeps: in each group of *of* along the last axis the *keep* largest by
    magnitude.

    A bool array of *weights*' shape, True = kept: exactly ``keep / of`` of them; of equal ones the first (2:4: Mishra
    et al., 2021, arXiv:2104.08378). Raises UsageError when *of* does not divide the last axis, or *keep* is not 0 to
    *of*.

    >>> pattern_mask(np.array([1.0, -4.0, 2.0, 3.0])).tolist()
    [False, True, False, True]
    """
    weights = np.asarray(weights)
    if of < 1 or not 0 <= keep <= of:
        raise UsageError(f"The pattern {keep}:{of} is not possible: of is 1 or more, and keep 0 to of.")
    if weights.ndim == 0 or weights.shape[-1] % of:
        raise UsageError(f"The weights have shape {weights.shape}, but {of} must divide the last axis: add zeros.")
    groups = np.abs(weights.astype(np.float64)).reshape(-1, of)
    mask = np.zeros(groups.shape, dtype=bool)
    np.put_along_axis(mask, np.argsort(-groups, axis=1, kind="stable")[:, :keep], True, axis=1)
    return mask.reshape(weights.shape)


def mask_entropy(density: float) -> float:
    """Return the bits that one position of a random mask is worth: ``−p log₂ p − (1 − p) log₂(1 − p)`` (Shannon, 1948).

    *density* is p, the share kept; symmetric in kept and gone, 0.0 at 0 and 1, at most 1 (at one half). No code for the
    positions alone can be shorter on average. Raises UsageError outside [0, 1].

    >>> mask_entropy(0.5)
    1.0
    """
    p = float(density)
    if not 0 <= p <= 1:
        raise UsageError(f"density is {density!r}, but must be a fraction from 0 to 1.")
    return -sum(share * math.log2(share) for share in (p, 1 - p) if share > 0)


def grouped_entropy(mask: np.ndarray, axis: int, told: bool = False) -> float:
    """Return the bits that a position of *mask* (bool) is worth once the densities along *axis* are known: the mean
    `mask_entropy`.

    At most ``mask_entropy`` of the whole (entropy is concave), equal when all densities are. With *told*, what it costs
    to tell the densities is added, ``log₂(n + 1)`` bits for each group of n. 0.0 for an empty mask.
    """
    mask = np.asarray(mask, dtype=bool)
    if not mask.size:
        return 0.0
    telling = math.log2(mask.shape[axis] + 1) / mask.shape[axis] if told else 0.0
    return telling + float(np.mean([mask_entropy(p) for p in np.ravel(mask.mean(axis=axis))]))


def bits_a_weight(
    format: str,
    density: float,
    value_bits: int,
    index_bits: int = 16,
    gap_bits: int | None = 5,
    run_bits: int | None = 8,
    block: int = 16,
) -> float:
    """Return the mean bits per weight when each is kept by chance with probability *density* (p): a format's formula.

    With v bits a value, i an index, k a gap or run length, q = 1 − p: ``dense`` v; ``entropy`` H(p) + p v, which none
    beats; ``coo`` p (v + 2 i); ``csr`` p (v + i), without the few row pointers; ``bitmap`` 1 + p v; ``relative``
    p (v + k) / (1 − qᴹ) with M = 2ᵏ, since a padding zero stands for each M zeros in a row; ``run length`` p v + k
    times the run lengths, 2 p q (1 + qᴸ/(1 − qᴸ) + pᴸ/(1 − pᴸ)) with L = 2ᵏ − 1, the longest; ``block`` of *block*
    weights (1 − q^block) (v + i / block). `labkit.methods.storage` writes the formats; this is what they come to. For
    *gap_bits* or *run_bits* None, the width of 2 to 10 bits with the fewest bits is taken.
    Raises UsageError for an unknown format or a density outside [0, 1].

    >>> bits_a_weight("bitmap", density=0.25, value_bits=32)
    9.0
    """
    one_of("format", format, RANDOM)
    if gap_bits is None or run_bits is None:
        return min(
            bits_a_weight(format, density, value_bits, index_bits, gap_bits or width, run_bits or width, block)
            for width in WIDTHS
        )
    entropy, p, v, i = mask_entropy(density), float(density), value_bits, index_bits
    q, longest = 1 - p, 2**run_bits - 1
    match format:
        case "dense":
            return float(v)
        case "entropy":
            return entropy + p * v
        case "coo":
            return p * (v + 2 * i)
        case "csr":
            return p * (v + i)
        case "bitmap":
            return 1 + p * v
        case "relative":
            bridged = -math.expm1(2**gap_bits * math.log1p(-p)) if p < 1 else 1.0  # 1 − qᴹ, exact for a small p
            return p * (v + gap_bits) / bridged if p > 0 else (v + gap_bits) / 2**gap_bits
        case "run length":
            splits = sum(s**longest / (1 - s**longest) for s in (p, q) if 0 < s < 1)
            runs = 2 * p * q * (1 + splits) if 0 < p < 1 else 2 / longest
            return p * v + run_bits * runs
        case _:
            return (1 - q**block) * (v + i / block)


def break_even(format: str, value_bits: int, against: str = "dense", **widths: int | None) -> float:
    """Return the lowest density at which *format* is no longer smaller than *against*, by `bits_a_weight`; 1.0 if none.

    Found to 1e-6 of the density. *widths* are those of `bits_a_weight`, which raises UsageError.

    >>> round(break_even("csr", value_bits=32, index_bits=16), 4)
    0.6667
    """

    def above(density: float) -> bool:
        small, other = (
            bits_a_weight(name, density, value_bits, **widths)  # type: ignore[arg-type]
            for name in (format, against)
        )
        return small >= other

    grid = np.linspace(0, 1, 1001)
    first = next((k for k, density in enumerate(grid) if above(density)), None)
    if first is None:
        return 1.0
    low, high = (float(grid[max(first - 1, 0)]), float(grid[first]))
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (low, middle) if above(middle) else (middle, high)
    return high
