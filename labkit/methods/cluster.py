"""Weight sharing: one-dimensional k-means, codebooks, and the gradient of a shared value.

A layer of n weights keeps k different values, its *codebook*, and for each weight the number of its value. k-means
chooses the values: they minimise the squared error, as a Lloyd–Max quantizer made for these weights would
(Han, Mao and Dally, 2016, arXiv:1510.00149, section 3, whose three starts are here as well).

Lines are easier than planes: sorted centroids own intervals, so that one search finds everybody's nearest, and sums of
sorted values give every mean. A layer of a million weights and 256 values takes a fraction of a second.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labkit.base.checks import whole
from labkit.base.errors import UsageError, one_of

STARTS = ("linear", "density", "random")
Codebook = NDArray[np.float32]


def start(
    values: np.ndarray, count: int, kind: str = "linear", rng: np.random.Generator | None = None
) -> NDArray[np.float64]:
    """Return the start of k-means: *count* centroids, float64 (count,), ascending.

    ``"linear"``: evenly spaced from the smallest to the largest value (one alone: in the middle). ``"density"``: as
    many values between any two neighbours, the quantiles (i + ½) / count. ``"random"``: values drawn with *rng* (seed 0
    unless given), each once where there are enough of them. Han et al., section 3.2.

    *values*: finite numbers of any shape, at least one. Raises UsageError for values that are not finite or none, a
    count below 1 and another kind.
    """
    one_of("start", kind, STARTS)
    flat = _finite(values)
    count = _count(count)
    if not flat.size:
        raise UsageError("There are no values to share: give an array with at least one number.")
    if kind == "density":
        return np.quantile(flat, (np.arange(count) + 0.5) / count)
    if kind == "random":
        rng = np.random.default_rng(0) if rng is None else rng
        return np.sort(rng.choice(flat, size=count, replace=count > flat.size))
    low, high = float(flat.min()), float(flat.max())
    return np.linspace(low, high, count) if count > 1 else np.array([low / 2 + high / 2])


def nearest(values: np.ndarray, centroids: np.ndarray) -> NDArray[np.int64]:
    """Return the number of each value's nearest centroid, int64 of *values*' shape; halfway between two, the lower one.

    *centroids*: (count,), ascending. Raises UsageError when they are not.

    >>> nearest(np.array([0.1, 0.9]), np.array([0.0, 1.0])).tolist()
    [0, 1]
    """
    centroids = _ascending(centroids)
    borders = centroids[:-1] + (centroids[1:] - centroids[:-1]) / 2
    return np.searchsorted(borders, np.asarray(values, dtype=np.float64), side="left").astype(np.int64)


def kmeans(
    values: np.ndarray, centroids: np.ndarray, iterations: int = 300
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Run Lloyd's k-means from *centroids*; return (centroids float64 (count,) ascending, labels int64 of *values*'
    shape).

    Each round gives every value to its nearest centroid, then moves each centroid to the mean of its values, until
    nothing moves or after *iterations* rounds. A centroid without values takes over the value that is farthest from
    its own, as scikit-learn does, whose ``KMeans(init=centroids, n_init=1, tol=0)`` this equals. Where no value is off
    its centroid, those without values stay where they are. The labels are those of the centroids returned.

    Raises UsageError for values or centroids that are not finite or none at all, and iterations below 1.
    """
    flat, centroids = _finite(values), np.sort(_finite(centroids))
    if not flat.size or not centroids.size:
        raise UsageError("k-means needs at least one value and one centroid: give both.")
    if iterations < 1:
        raise UsageError(f"iterations is {iterations}, but must be a whole number, 1 or more.")
    line = np.sort(flat)
    sums = np.concatenate([[0.0], np.cumsum(line)])
    before = None
    for _ in range(iterations):
        ends = _ends(line, centroids)
        if before is not None and np.array_equal(ends, before):
            break
        before = ends
        centroids = _moved(line, sums, ends, centroids)
    return centroids, nearest(values, centroids)


def share(
    values: np.ndarray,
    count: int,
    kind: str = "linear",
    rng: np.random.Generator | None = None,
    iterations: int = 300,
) -> tuple[Codebook, NDArray[Any]]:
    """Replace *values* by at most *count* shared ones; return (codebook float32 (k,) ascending, indices of *values*'
    shape).

    ``codebook[indices]`` are the shared weights; each value is used. The indices are uint8 up to 256 values, uint16
    up to 65,536, uint32 above. Where *values* hold no more than *count* different numbers (as float32), the codebook is
    those, and nothing is lost. No values give an empty codebook. k-means from ``start`` otherwise.

    Raises UsageError for values that are not finite, a count below 1 and an unknown start.
    """
    one_of("start", kind, STARTS)
    count = _count(count)
    array = np.asarray(values)
    flat = _finite(array)
    with np.errstate(over="ignore"):
        codebook = np.unique(_finite(flat.astype(np.float32)).astype(np.float32))
    if codebook.size > count:
        centroids, _ = kmeans(flat, start(flat, count, kind, rng), iterations)
        codebook = np.unique(centroids.astype(np.float32))
    # The nearest among the float32 values that are kept, not among the float64 ones they were rounded from.
    labels = nearest(flat, codebook) if flat.size else np.zeros(0, np.int64)
    used = np.bincount(labels, minlength=codebook.size) > 0
    codebook, labels = codebook[used], (np.cumsum(used) - 1)[labels]
    kind_of_index = np.uint8 if codebook.size <= 2**8 else np.uint16 if codebook.size <= 2**16 else np.uint32
    return codebook, labels.astype(kind_of_index).reshape(array.shape)


def expand(codebook: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Return the weights of a codebook (k,), or of one for each channel (channels, k): *indices*' shape, the codebook's
    type.

    Raises UsageError when an index has no value, or the channels are not as many as the indices' last axis.

    >>> expand(np.array([0.5, 2.0]), np.array([1, 0, 1])).tolist()
    [2.0, 0.5, 2.0]
    """
    codebook, indices = np.asarray(codebook), np.asarray(indices)
    if codebook.ndim not in (1, 2) or (codebook.ndim == 2 and indices.shape[-1:] != codebook.shape[:1]):
        raise UsageError(
            f"A codebook of shape {codebook.shape} does not fit indices of shape {indices.shape}: "
            "give (values,), or (channels, values) with the indices' last axis as channels."
        )
    if indices.size and not 0 <= int(indices.min()) <= int(indices.max()) < codebook.shape[-1]:
        raise UsageError(
            f"The indices run from {indices.min()} to {indices.max()}, but there are {codebook.shape[-1]} values."
        )
    if codebook.ndim == 1:
        return codebook[indices]
    return codebook[np.arange(len(codebook)), indices]


def centroid_gradient(gradient: np.ndarray, indices: np.ndarray, count: int) -> NDArray[np.float64]:
    """Return the gradient of each shared value, float64 (count,): the sum of the gradients of the weights that use it.

    Since w_i = c[indices_i], dL/dc_k is the sum of dL/dw_i over all i with index k (Han et al., equation 3). A value
    that no weight uses has gradient 0. Raises UsageError for shapes that differ or an index outside 0 … count − 1.
    """
    gradient, indices = np.asarray(gradient, dtype=np.float64), np.asarray(indices)
    if gradient.shape != indices.shape or indices.dtype.kind not in "iu":
        raise UsageError(
            f"The gradient has shape {gradient.shape} and the indices {indices.shape} ({indices.dtype}): "
            "give one whole number for each weight."
        )
    count = _count(count)
    if indices.size and not 0 <= int(indices.min()) <= int(indices.max()) < count:
        raise UsageError(f"The indices run from {indices.min()} to {indices.max()}, but there are {count} values.")
    sums = np.bincount(indices.ravel().astype(np.int64), weights=gradient.ravel(), minlength=count)
    return sums.astype(np.float64)


def compression_rate(weights: int, count: int, bits: int = 32, codebooks: int = 1) -> float:
    """Return how many times smaller n weights of *bits* bits become: n b / (n ⌈log2 k⌉ + k b), as a ratio of bits.

    *codebooks*: how many tables of *count* values are stored, one unless each channel has its own. Han et al.,
    equation 1, with whole bits for an index. Raises UsageError for a number below 1.

    >>> round(compression_rate(10_000, 16), 2)
    7.9
    """
    for name, value in (("weights", weights), ("count", count), ("bits", bits), ("codebooks", codebooks)):
        if value < 1:
            raise UsageError(f"{name} is {value}, but must be a whole number, 1 or more.")
    index_bits = math.ceil(math.log2(count))
    return weights * bits / (weights * index_bits + codebooks * count * bits)


def _ends(line: np.ndarray, centroids: np.ndarray) -> NDArray[np.int64]:
    """Return for each centroid, how many of the sorted values lie at or below its upper border: (count,)."""
    borders = centroids[:-1] + (centroids[1:] - centroids[:-1]) / 2
    return np.append(np.searchsorted(line, borders, side="right"), line.size)


def _moved(line: np.ndarray, sums: np.ndarray, ends: np.ndarray, centroids: np.ndarray) -> NDArray[np.float64]:
    """Return the means of the intervals that end at *ends*; for each empty one, a farthest value becomes a centroid."""
    begins = np.concatenate([[0], ends[:-1]])
    sizes, totals = (ends - begins).astype(np.float64), sums[ends] - sums[begins]
    empty = np.flatnonzero(sizes == 0)
    moved = centroids.copy()
    if empty.size:
        labels = np.repeat(np.arange(len(centroids)), ends - begins)
        distances = np.abs(line - centroids[labels])
        far = np.argsort(-distances, kind="stable")[: empty.size]
        far = far[distances[far] > 0]
        for lonely, taken in zip(empty, far, strict=False):
            totals[labels[taken]] -= line[taken]
            sizes[labels[taken]] -= 1
            totals[lonely], sizes[lonely] = line[taken], 1
    used = sizes > 0
    moved[used] = totals[used] / sizes[used]
    if not empty.size:  # a mean lies within its interval, whatever the rounding of the sums
        moved = np.clip(moved, line[begins], line[ends - 1])
    return np.sort(moved)


def _ascending(centroids: np.ndarray) -> NDArray[np.float64]:
    centroids = _finite(centroids)
    if not centroids.size or np.any(np.diff(centroids) < 0):
        raise UsageError("The centroids are none, or not in ascending order: sort them first with np.sort.")
    return centroids


def _finite(values: Any) -> NDArray[np.float64]:
    """Return all *values* in one row, as float64."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise UsageError("A value is NaN or infinite: train again, for example with a smaller learning rate.")
    return array.astype(np.float64).ravel()


def _count(count: Any) -> int:
    return whole("count", count, 1, note=": the shared values")
