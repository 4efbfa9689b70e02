"""Adaptive and context models: a range coder whose frequencies are learned from the symbols coded so far.

Nothing is told beforehand: writer and reader count alike. A *context* is what both know before a symbol is read; each
context has counts of its own. Coding goes symbol by symbol in Python, about a million a second.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from labkit.base.checks import whole
from labkit.base.errors import UsageError
from labkit.methods.coding.codes import plausible, whole_numbers
from labkit.methods.coding.range_coder import RangeDecoder, RangeEncoder

LARGEST = 4096  # symbols of an alphabet: their counts are gone through for each symbol that is coded


def adaptive_encode(
    symbols: np.ndarray, size: int, groups: np.ndarray | None = None, back: Sequence[int] = ()
) -> bytes:
    """Encode *symbols* (whole numbers below *size*, in a row) with counts that are kept for each context.

    The context is the number that *groups* gives for the place (one a symbol; known to the reader), and the symbols at
    the distances *back* before it (a row of a matrix with n columns: ``back=(1, n)`` is left and above; 0 before the
    beginning). A symbol counted n times out of N has probability ``(n + ½) / (N + size / 2)`` (Krichevsky and Trofimov,
    1981): learning costs about ``½ log₂ N`` bits for each of ``size − 1`` numbers a context. Raises UsageError for
    symbols outside the alphabet, a group missing, or distances below 1.
    """
    symbols = whole_numbers("symbols", symbols)
    tables, coder, past = _tables(size, groups, back, len(symbols)), RangeEncoder(), symbols.tolist()
    if past and not 0 <= min(past) <= max(past) < size:
        raise UsageError(f"Symbols run from {min(past)} to {max(past)}, but an alphabet of {size} has 0 to {size - 1}.")
    for table, symbol in zip(tables(past), past, strict=True):
        coder.put(sum(table[:symbol]), table[symbol], sum(table))
        table[symbol] += 2
    return coder.finish()


def adaptive_decode(
    data: bytes, size: int, count: int, groups: np.ndarray | None = None, back: Sequence[int] = ()
) -> NDArray[np.int32]:
    """Return the *count* symbols that `adaptive_encode` wrote with the same *size*, *groups* and *back*, int32.

    Raises LabkitError for bytes that it cannot have written.
    """
    plausible(count, 8 * len(data), 0.0)
    tables, coder, past = _tables(size, groups, back, count), RangeDecoder(data), list[int]()
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
    size: int, groups: np.ndarray | None, back: Sequence[int], count: int
) -> Callable[[list[int]], Iterator[list[int]]]:
    """Return a generator of count tables, one per position, from the symbols before it."""
    whole("size", size, 1, LARGEST)
    for distance in back:
        whole("A distance in back", distance, 1, note=": only earlier symbols are known")
    known = [0] * count if groups is None else whole_numbers("groups", groups).tolist()
    if len(known) != count:
        raise UsageError(f"There are {len(known)} groups for {count} symbols: give one for each.")

    def tables(past: list[int]) -> Iterator[list[int]]:
        contexts: dict[tuple[int, ...], list[int]] = {}
        for k, group in enumerate(known):
            context = (group, *(past[k - distance] if distance <= k else 0 for distance in back))
            if context not in contexts:
                contexts[context] = [1] * size
            yield contexts[context]

    return tables
