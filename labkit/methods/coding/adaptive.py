"""Adaptive and context models: a range coder whose frequencies are learned from the symbols coded so far.

Nothing is told beforehand: writer and reader count alike. A *context* is what both know before a symbol is read; each
context has counts of its own. Coding goes symbol by symbol in Python, about a million a second.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle

import numpy as np
from numpy.typing import NDArray

from labkit.base.checks import whole
from labkit.base.errors import UsageError
from labkit.methods.coding.codes import plausible, whole_numbers
from labkit.methods.coding.range_coder import RangeDecoder, RangeEncoder

LARGEST = 4096  # symbols of an alphabet: their counts are gone through for each symbol that is coded


def adaptive_encode(
    symbols: np.ndarray,
    size: int,
    groups: np.ndarray | None = None,
    back: Sequence[int] = (),
    *,
    image: tuple[int, int] | None = None,
    near: Sequence[tuple[int, int]] = (),
) -> bytes:
    """Encode *symbols* (whole numbers below *size*, in a row) with counts that are kept for each context.

    The context of a position has up to three parts. *groups* is one number per symbol, known to the reader. *back* are
    distances in the row: the symbols that far before (0 before the beginning). *near* are neighbours in an image: the
    row of symbols is a row of images of shape *image*, (height, width), and ``(up, left)`` is the symbol *up* rows
    above and *left* columns to the left (negative: to the right) in the same image. A neighbour outside the image has
    the value *size*, which no symbol has.

    A symbol counted n times out of N has probability ``(n + ½) / (N + size / 2)`` (Krichevsky and Trofimov, 1981):
    learning costs about ``½ log₂ N`` bits for each of ``size − 1`` numbers per context. Raises UsageError for symbols
    outside the alphabet, a group missing, distances below 1, neighbours that are not coded before, or symbols that do
    not fill whole images.

    >>> len(adaptive_encode(np.tile([0, 1], 400), 2)), len(adaptive_encode(np.tile([0, 1], 400), 2, back=(1,)))
    (106, 8)
    """
    symbols = whole_numbers("symbols", symbols)
    tables = _tables(size, groups, back, image, near, len(symbols))
    coder, past = RangeEncoder(), symbols.tolist()
    if past and not 0 <= min(past) <= max(past) < size:
        raise UsageError(f"Symbols run from {min(past)} to {max(past)}, but an alphabet of {size} has 0 to {size - 1}.")
    for table, symbol in zip(tables(past), past, strict=True):
        coder.put(sum(table[:symbol]), table[symbol], sum(table))
        table[symbol] += 2
    return coder.finish()


def adaptive_decode(
    data: bytes,
    size: int,
    count: int,
    groups: np.ndarray | None = None,
    back: Sequence[int] = (),
    *,
    image: tuple[int, int] | None = None,
    near: Sequence[tuple[int, int]] = (),
) -> NDArray[np.int32]:
    """Return the *count* symbols that `adaptive_encode` wrote with the same arguments, int32.

    Raises LabkitError for bytes that it cannot have written.
    """
    plausible(count, 8 * len(data), 0.0)
    tables, coder, past = _tables(size, groups, back, image, near, count), RangeDecoder(data), list[int]()
    for table in tables(past):
        total = sum(table)
        number, symbol, start = coder.look(total), 0, 0
        while start + table[symbol] <= number:
            start, symbol = start + table[symbol], symbol + 1
        coder.take(start, table[symbol], total)
        table[symbol] += 2
        past.append(symbol)
    coder.finish()
    return np.array(past, np.int32)


def adaptive_bits(counts: np.ndarray) -> float:
    """Return the bits that an adaptive model spends on symbols with these *counts*, in any order: a closed form.

    ``log₂ Γ(N + a) / Γ(a) − Σ log₂ Γ(n + ½) / Γ(½)`` with ``a = size / 2``: the product of the probabilities of
    `adaptive_encode`, which does not depend on the order. *counts* is (size,) or, for contexts, (contexts, size).
    """
    rows = np.atleast_2d(np.asarray(counts, dtype=np.float64))
    half = rows.shape[1] / 2
    natural = 0.0
    for row in rows:
        natural += math.lgamma(row.sum() + half) - math.lgamma(half)
        natural -= sum(math.lgamma(n + 0.5) - math.lgamma(0.5) for n in row)
    return natural / math.log(2)


def _tables(
    size: int,
    groups: np.ndarray | None,
    back: Sequence[int],
    image: tuple[int, int] | None,
    near: Sequence[tuple[int, int]],
    count: int,
) -> Callable[[list[int]], Iterator[list[int]]]:
    """Return a generator of count tables, one per position, from the symbols before it."""
    whole("size", size, 1, LARGEST)
    for distance in back:
        whole("A distance in back", distance, 1, note=": only earlier symbols are known")
    known = [0] * count if groups is None else whole_numbers("groups", groups).tolist()
    if len(known) != count:
        raise UsageError(f"There are {len(known)} groups for {count} symbols: give one for each.")
    neighbours = _neighbours(image, near, count)

    def tables(past: list[int]) -> Iterator[list[int]]:
        contexts: dict[tuple[int, ...], list[int]] = {}
        for k, (group, distances) in enumerate(zip(known, cycle(neighbours), strict=False)):
            in_row = [past[k - distance] if distance <= k else 0 for distance in back]
            in_image = [past[k - distance] if distance else size for distance in distances]
            context = (group, *in_row, *in_image)
            if context not in contexts:
                contexts[context] = [1] * size
            yield contexts[context]

    return tables


def _neighbours(image: tuple[int, int] | None, near: Sequence[tuple[int, int]], count: int) -> list[tuple[int, ...]]:
    """Return, for each position of an image, how far back each neighbour is in the row; 0 for one outside."""
    if image is None:
        if near:
            raise UsageError("Neighbours need the shape of the images: give image=(height, width).")
        return [()]
    height, width = (whole("A side of image", side, 1) for side in image)
    if count % (height * width):
        raise UsageError(
            f"{count} symbols do not fill whole images of {height} × {width}: give symbols of whole images."
        )
    for up, left in near:
        whole("The rows in near", up, 0)
        whole("The columns in near", left, 1 if up == 0 else -LARGEST, note=": only earlier symbols are known")
    return [
        tuple(up * width + left if up <= row and 0 <= column - left < width else 0 for up, left in near)
        for row in range(height)
        for column in range(width)
    ]
