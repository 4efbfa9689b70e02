"""Exercises of lesson 51: the entropy, Huffman's joins, and the interval of a range coder."""

from __future__ import annotations

import heapq
import math
from typing import Any

import numpy as np

from labkit.exercises.framework import Exercise, Mistake
from labkit.methods.coding.codes import entropy, huffman_lengths

_RNG = np.random.default_rng(51)
_COUNTS = [
    ("eight and ninety-two", (np.array([92, 8]),)),
    ("random", (_RNG.integers(1, 100, 9),)),
    ("all equal", (np.full(16, 5),)),
    ("a symbol that never occurs", (np.array([5, 0, 2, 0, 1]),)),
    ("Fibonacci", (np.array([1, 1, 2, 3, 5, 8, 13]),)),
    ("one symbol alone", (np.array([0, 7, 0]),)),
    ("one symbol", (np.array([9]),)),
    ("one symbol, once", (np.array([1]),)),
    ("no symbols", (np.zeros(4, dtype=int),)),
]


def _shares(counts: np.ndarray) -> np.ndarray:
    return counts[counts > 0] / max(counts.sum(), 1)


def _natural(counts: np.ndarray) -> float:
    return float(-(_shares(counts) * np.log(_shares(counts))).sum())


def _zeros_counted(counts: np.ndarray) -> float:
    shares = counts / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def _not_weighted(counts: np.ndarray) -> float:
    return float(-np.log2(_shares(counts)).mean()) if counts.any() else 0.0


def _in_all(counts: np.ndarray) -> float:
    return entropy(counts) * int(counts.sum())


def _huffman_bits(counts: np.ndarray) -> int:
    return int(counts @ huffman_lengths(counts).astype(np.int64))


def _joined(heap: list[int], back: bool = True, alone: bool = True) -> int:
    bits = sum(heap) if alone and len(heap) == 1 else 0
    heapq.heapify(heap)
    while len(heap) > 1:
        both = heapq.heappop(heap) + heapq.heappop(heap)
        bits += both
        if back:
            heapq.heappush(heap, both)
    return bits


def _occurring(counts: np.ndarray) -> list[int]:
    return [int(count) for count in counts if count > 0]


def _shannon(counts: np.ndarray) -> int:
    total = int(counts.sum())
    words = [math.ceil(math.log2(total / count)) for count in _occurring(counts)]
    return sum(count * max(bits, 1) for count, bits in zip(_occurring(counts), words, strict=True))


def _fixed_length(counts: np.ndarray) -> int:
    return int(counts.sum()) * max((int(np.count_nonzero(counts)) - 1).bit_length(), 1)


def interval(symbols: np.ndarray, frequencies: np.ndarray, width: int) -> tuple[int, int]:
    """Return lower bound and width of the interval of whole numbers that *symbols* narrow ``0 … width`` to."""
    return _narrowed(symbols, frequencies, width)


def _narrowed(symbols: np.ndarray, frequencies: np.ndarray, width: int, including: int = 0, late: bool = False) -> Any:
    shares = [int(share) for share in frequencies]
    total, low = sum(shares), 0
    for symbol in symbols:
        step, start = width // total, sum(shares[: symbol + including])
        if late:
            step = step * shares[symbol] // total
        low, width = low + step * start, width // total * shares[symbol]
    return low, width


def _proportional(symbols: np.ndarray, frequencies: np.ndarray, width: int) -> tuple[int, int]:
    shares = [int(share) for share in frequencies]
    total, low = sum(shares), 0
    for symbol in symbols:
        low, width = low + width * sum(shares[:symbol]) // total, width * shares[symbol] // total
    return low, width


def _upper(symbols: np.ndarray, frequencies: np.ndarray, width: int) -> tuple[int, int]:
    low, width = _narrowed(symbols, frequencies, width)
    return low, low + width


def _unmoved(symbols: np.ndarray, frequencies: np.ndarray, width: int) -> tuple[int, int]:
    return 0, _narrowed(symbols, frequencies, width)[1]


EXERCISES = [
    Exercise(
        "51.1",
        entropy,
        mistakes=[
            Mistake("natural logarithm", _natural, "that is the entropy in nats; bits need the logarithm to base 2"),
            Mistake(
                "zeros counted",
                _zeros_counted,
                "0 · log 0 is NaN in NumPy and should count as 0: leave out symbols that never occur",
            ),
            Mistake(
                "not weighted",
                _not_weighted,
                "you average over the symbols of the alphabet; weight each by how often it occurs",
            ),
            Mistake(
                "sign", lambda counts: -entropy(counts), "logarithms of shares are negative: the sum needs a minus"
            ),
            Mistake(
                "uniform",
                lambda counts: math.log2(max(int(np.count_nonzero(counts)), 1)),
                "log2 of the number of symbols is right only if all occur equally often: use their shares",
            ),
            Mistake("in all", _in_all, "you return the bits of the whole stream; divide by the number of symbols"),
        ],
        cases=_COUNTS,
    ),
    Exercise(
        "51.2",
        _huffman_bits,
        mistakes=[
            Mistake(
                "one symbol for nothing",
                lambda counts: _joined(_occurring(counts), alone=False),
                "a symbol that is alone is never joined, but a code word has one bit at least: count it",
            ),
            Mistake(
                "not pushed back",
                lambda counts: _joined(_occurring(counts), back=False),
                "a joined group must go back onto the heap: it is joined again later, and gets one more bit",
            ),
            Mistake(
                "symbols that never occur",
                lambda counts: _joined([int(count) for count in counts]),
                "symbols that never occur need no code: leave out counts of 0 before you join",
            ),
            Mistake(
                "entropy rounded up",
                lambda counts: math.ceil(entropy(counts) * int(counts.sum()) - 1e-9),
                "that is the entropy; a prefix code gives each symbol whole bits, and may need more",
            ),
            Mistake(
                "each rounded up",
                _shannon,
                "you round each symbol's −log2 of its share up; joining the two rarest groups gives shorter words",
            ),
            Mistake(
                "one length for all",
                _fixed_length,
                "that gives each symbol the same length; rare symbols can be longer, so that frequent ones are shorter",
            ),
        ],
        cases=_COUNTS,
    ),
    Exercise(
        "51.3",
        interval,
        mistakes=[
            Mistake(
                "starts behind itself",
                lambda symbols, frequencies, width: _narrowed(symbols, frequencies, width, including=1),
                "a symbol's part begins behind the symbols before it: leave its own frequency out of the sum",
            ),
            Mistake(
                "width first",
                lambda symbols, frequencies, width: _narrowed(symbols, frequencies, width, late=True),
                "the lower bound moves by a part of the old width: compute it before the width changes",
            ),
            Mistake("upper bound", _upper, "the second value is the interval's upper bound; return its width instead"),
            Mistake("not moved", _unmoved, "the width is right, but the lower bound must move to the symbol's part"),
            Mistake(
                "multiplied before dividing",
                _proportional,
                "divide first, width // total, and multiply then: writer and reader must round in the same place",
            ),
        ],
        cases=[
            ("six symbols", (np.array([0, 2, 1, 1, 0, 2]), np.array([9, 2, 5]), 2**48)),
            ("rounding", (np.array([1, 2, 1, 0]), np.array([3, 3, 1]), 2**20 + 5)),
            ("a rare symbol", (np.array([0, 0, 1]), np.array([65535, 1]), 2**48)),
            ("one symbol alone", (np.array([0, 0, 0]), np.array([16]), 2**32)),
            ("a symbol that never occurs", (np.array([2, 0, 2]), np.array([3, 0, 5]), 2**32)),
            ("empty", (np.zeros(0, dtype=int), np.array([1, 1]), 2**32)),
        ],
    ),
]
