"""The theory of scalar quantizers: the best ones for a Gaussian source, their error and entropy, and the bounds.

The source has mean 0 and variance 1 unless samples are given; errors are mean squares: ``db(error)`` is the SQNR.
Everything is a sum of closed forms (``math.erfc``), nothing is simulated. A cell between *a* and *b* has the moments
``∫ x^k φ(x) dx`` for k = 0, 1, 2, where φ is the Gaussian density.

Sources: Max, *Quantizing for minimum distortion* (1960); Lloyd, *Least squares quantization in PCM* (1957, printed
1982); Gish and Pierce, *Asymptotically efficient quantizing* (1968); Shannon's rate-distortion function (1959).
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from labkit.base.checks import whole
from labkit.base.errors import UsageError
from labkit.methods.coding import codes

DB_PER_BIT = 20 * math.log10(2)  # 6.0206: one bit halves the step, and a quarter of the power is left
SINE_DB = 10 * math.log10(1.5)  # 1.7609: a sine's power A²/2 over that of a uniform source, A²/3
SHAPING_DB = 10 * math.log10(2 * math.pi * math.e / 12)  # 1.5329: cells are cubes where the bound wants spheres
SHAPING_BITS = SHAPING_DB / DB_PER_BIT  # 0.2546


class Compared(NamedTuple):
    """The two best quantizers of a Gaussian at one width: SQNR in dB, output entropy in bit, step in σ."""

    lloyd_max_db: float
    lloyd_max_entropy: float
    uniform_db: float
    uniform_entropy: float
    step: float


def compare(bits: int) -> Compared:
    """Return a row of the classic tables (Max 1960), 2^bits levels; raises UsageError for *bits* outside 1 to 10."""
    step = best_uniform_step(bits)
    (best, coded), (error, cost) = (error_and_entropy(*each) for each in (lloyd_max(bits), uniform(bits, step)))
    return Compared(db(best), coded, db(error), cost, step)


def measured_db(edges: np.ndarray, levels: np.ndarray, samples: np.ndarray) -> float:
    """Return the SQNR in dB of *samples*, each replaced by its cell's level; raises UsageError as ``lloyd_max`` and
    ``db``."""
    samples, levels = _check_samples(samples), np.asarray(levels, dtype=np.float64)
    errors = samples - levels[np.searchsorted(np.asarray(edges)[1:-1], samples)]
    return db(float(np.mean(errors**2)), float(np.mean(samples**2)))


def db(error: float, power: float = 1.0) -> float:
    """Return the SQNR in dB of a mean squared *error* for a signal of *power*; raises UsageError unless > 0.

    >>> db(error=0.01)
    20.0
    """
    if not (error > 0 and power > 0):
        raise UsageError(f"error is {error!r} and power {power!r}, but a ratio in dB needs numbers above 0.")
    return 10 * math.log10(power / error)


def bound_db(bits: float) -> float:
    """Return the rate-distortion bound of a Gaussian: no code of *bits* a value, however long, has a higher SQNR.
    6.0206 b.

    >>> round(bound_db(2), 3)
    12.041
    """
    return DB_PER_BIT * bits


def sine_db(bits: int) -> float:
    """Return the textbook's SQNR of a full-scale sine, ``6.0206 b + 1.7609`` dB: an error of step²/12, which few bits
    lack."""
    return DB_PER_BIT * bits + SINE_DB


def entropy(probabilities: np.ndarray) -> float:
    """Return ``−Σ p log₂ p`` in bit: what the numbers of the cells cost on average after an ideal entropy coder.

    Raises UsageError for probabilities that are negative, not finite or do not sum to 1.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if not (np.isfinite(p).all() and (p >= 0).all() and math.isclose(float(p.sum()), 1, abs_tol=1e-9)):
        raise UsageError("The probabilities must be 0 or more and sum to 1: divide counts by their sum.")
    return codes.entropy(p)


def moments(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return probability, first and second moment of each cell of a Gaussian between neighbouring *edges*.

    *edges* (n + 1,) ascending; three float64 arrays (n,). Far cells keep their relative precision, since each is taken
    on its own side's tail.
    """
    edges = np.asarray(edges, dtype=np.float64)
    density = np.exp(-(edges**2) / 2) / math.sqrt(2 * math.pi)
    tail = np.array([math.erfc(abs(edge) / math.sqrt(2)) / 2 for edge in edges])  # beyond the edge, away from 0
    a, b = edges[:-1], edges[1:]
    same_side = np.sign(a) * np.sign(b) >= 0
    probability = np.where(same_side, np.abs(tail[:-1] - tail[1:]), 1 - tail[:-1] - tail[1:])
    weighted = np.where(np.isfinite(edges), edges, 0.0) * density
    return probability, density[:-1] - density[1:], probability + weighted[:-1] - weighted[1:]


def error_and_entropy(edges: np.ndarray, levels: np.ndarray) -> tuple[float, float]:
    """Return mean squared error and output entropy (bit) of any scalar quantizer of a Gaussian.

    *levels* (n,) stand for the cells between *edges* (n + 1, from −∞ to ∞). Raises UsageError when they do not fit.
    """
    levels = np.asarray(levels, dtype=np.float64)
    if np.shape(edges) != (len(levels) + 1,):
        raise UsageError(f"edges has shape {np.shape(edges)}, but {len(levels)} levels need {len(levels) + 1} edges.")
    p, first, second = moments(edges)
    return float(np.sum(second - 2 * levels * first + levels**2 * p)), entropy(p)


def lloyd_max(bits: int, samples: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(edges, levels)`` of the quantizer of 2^bits levels with the least mean squared error, float64.

    Each level is its cell's mean, each edge the middle of its levels. For a Gaussian (the default) both equations are
    solved by Newton's method from the start that high-rate theory gives; for *samples* by Lloyd's iteration from the
    same start, which ends in a local optimum, with fewer levels where there are fewer distinct samples. Edges begin and
    end with ∓∞. Raises UsageError for *bits* outside 1 to 10, and samples that are empty or not finite.
    """
    _check_bits(bits)
    if samples is not None:
        return _lloyd(_check_samples(samples), 2**bits)
    from scipy import linalg

    half = 2 ** (bits - 1)
    # The best density of levels is that of the cube root of φ: a Gaussian of variance 3 (Panter and Dite, 1951).
    inner = np.array([math.sqrt(3) * NormalDist().inv_cdf(0.5 + k / (2 * half)) for k in range(1, half)])
    for _ in range(50):
        edges = np.concatenate([[0.0], inner, [np.inf]])
        p, first, _second = moments(edges)
        level = first / p
        residue = 2 * inner - level[:-1] - level[1:]
        if np.max(np.abs(residue), initial=0.0) < 1e-12:
            break
        density = np.exp(-(edges[:-1] ** 2) / 2) / math.sqrt(2 * math.pi)
        by_left = density * (level - edges[:-1]) / p  # how the level of a cell moves with its left edge
        by_right = density[1:] * (inner - level[:-1]) / p[:-1]  # and with its right one
        bands = np.zeros((3, len(inner)))  # above, on and below the diagonal, as solve_banded takes them
        bands[0, 1:] = -by_right[1:]
        bands[1] = 2 - by_right - by_left[1:]
        bands[2, :-1] = -by_left[1:-1]
        inner = inner - linalg.solve_banded((1, 1), bands, residue)
    positive = np.concatenate([inner, [np.inf]])
    return np.concatenate([-positive[::-1], [0.0], positive]), np.concatenate([-level[::-1], level])


def uniform(bits: int, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(edges, levels)`` of 2^bits levels *step* apart, symmetric about 0, which is an edge (a "mid-rise"
    quantizer).

    Raises UsageError for *bits* outside 1 to 10 or a step that is not finite and above 0.
    """
    _check_bits(bits)
    _check_step(step)
    numbers = np.arange(2**bits) - 2 ** (bits - 1)
    edges = numbers * float(step)
    edges[0] = -np.inf
    return np.append(edges, np.inf), (numbers + 0.5) * step


def best_uniform_step(bits: int, samples: np.ndarray | None = None) -> float:
    """Return the step of ``uniform`` with the least mean squared error: in σ for a Gaussian (default), or for
    *samples*.

    For a Gaussian the root of the error's derivative: there ``E[x Q(x)] = E[Q(x)²]`` (Max 1960). For samples (of mean
    about 0) the best of a fine geometric grid, refined once; 0 when all samples are 0. Raises as ``lloyd_max``.

    >>> round(best_uniform_step(2), 4)
    0.9957
    """
    _check_bits(bits)
    if samples is not None:
        return _best_step(_check_samples(samples), bits)
    from scipy import optimize

    def slope(step: float) -> float:
        """Return the derivative of the error by *step*, but for a positive factor."""
        edges, levels = uniform(bits, step)
        p, first, _ = moments(edges)
        return float(np.sum(levels * (levels * p - first)))

    return float(optimize.brentq(slope, 1e-3, 4.0, xtol=1e-15))


def entropy_coded(step: float) -> tuple[float, float]:
    """Return ``(bits, error)`` of a Gaussian rounded to multiples of *step*, each cell's mean standing for it, ideally
    coded.

    The bits are the entropy, not a word's length: so this may use any number of levels. At a fine step it needs 0.2546
    bit (or loses 1.53 dB) against the bound, at every rate (Gish and Pierce 1968). Raises as ``uniform``.
    """
    _check_step(step)
    if step < 1e-4:
        raise UsageError(f"step is {step!r}, but must be at least 1e-4 here: below, rounding hides the error.")
    count = int(12 / step) + 1
    positive = (np.arange(count) + 0.5) * step
    edges = np.concatenate([[-np.inf], -positive[::-1], positive, [np.inf]])
    p, first, _ = moments(edges)
    levels = np.divide(first, p, out=np.zeros_like(p), where=p > 0)
    error, bits = error_and_entropy(edges, levels)
    return bits, error


def clipped_errors(clip: float, bits: int) -> tuple[float, float]:
    """Return ``(rounding, clipping)``: the two parts of the error when a Gaussian is stored in *bits* over −clip …
    clip.

    The 2^bits − 1 levels are those of ``quantize.fake_quantize(…, bits, low=-clip, high=clip)``: one is 0, the last is
    *clip* itself. Rounding is the mean squared error of what lies inside, near ``step²/12``; clipping that of what lies
    outside, ``2 ((1 + c²) Q(c) − c φ(c))``. Their sum is all. Raises UsageError for *bits* outside 2 to 10 or a clip
    that is not finite and above 0.
    """
    _check_bits(bits, least=2)
    if not (math.isfinite(clip) and clip > 0):
        raise UsageError(f"clip is {clip!r}, but must be a finite number above 0.")
    most = 2 ** (bits - 1) - 1
    levels = np.arange(-most, most + 1) * (clip / most)
    edges = np.concatenate([[-np.inf, -clip], (levels[:-1] + levels[1:]) / 2, [clip, np.inf]])
    p, first, second = moments(edges)
    levels = np.concatenate([[-clip], levels, [clip]])
    parts = second - 2 * levels * first + levels**2 * p
    return float(np.sum(parts[1:-1])), float(parts[0] + parts[-1])


def _lloyd(x: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.sort(x)
    sums = np.concatenate([[0.0], np.cumsum(x)])
    counts, ends = np.histogram(x, bins=max(16, min(4 * count, len(x) // 8)))
    share = np.concatenate([[0.0], np.cumsum(np.cbrt(counts))])  # the cube root of the density, as in lloyd_max
    levels = np.unique(np.interp((np.arange(count) + 0.5) / count * share[-1], share, ends))
    for _ in range(2000):
        starts = np.searchsorted(x, (levels[:-1] + levels[1:]) / 2)
        ends = np.unique(np.concatenate([[0], starts, [len(x)]]))  # unique: an empty cell goes
        means = (sums[ends[1:]] - sums[ends[:-1]]) / np.diff(ends)
        if len(means) == len(levels) and np.allclose(means, levels, rtol=0, atol=1e-9 * max(abs(x[0]), abs(x[-1]))):
            break
        levels = means
    return np.concatenate([[-np.inf], (levels[:-1] + levels[1:]) / 2, [np.inf]]), levels


def _best_step(x: np.ndarray, bits: int) -> float:
    half, peak = 2 ** (bits - 1), float(np.max(np.abs(x)))
    if peak == 0:
        return 0.0

    def error(step: float) -> float:
        return float(np.mean((np.clip(np.floor(x / step), -half, half - 1) * step + step / 2 - x) ** 2))

    steps = 2 * peak / half * np.geomspace(1, 1 / 64, 120)
    best = min(steps, key=error)
    return float(min(best * np.linspace(0.965, 1.035, 71), key=error))


def _check_samples(samples: np.ndarray) -> np.ndarray:
    samples = np.asarray(samples, dtype=np.float64).ravel()
    if samples.size == 0 or not np.isfinite(samples).all():
        raise UsageError("The samples must be one or more finite numbers: remove NaN and infinity.")
    return samples


def _check_bits(bits: int, least: int = 1) -> None:
    whole("bits", bits, least, 10, note=" here")


def _check_step(step: float) -> None:
    if not (math.isfinite(step) and step > 0):
        raise UsageError(f"step is {step!r}, but must be a finite number above 0.")
