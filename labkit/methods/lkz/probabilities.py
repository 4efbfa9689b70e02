"""The models of a ``.lkz`` file: the probabilities of masks, column counts and indices, for writing and reading alike.

Each function here describes a stream of symbols to a *stream* that either codes given symbols or finds them again
(`Writer`, `Reader`); so writer and reader cannot disagree. Every probability is a quotient of
whole numbers: a file decodes to the same weights on every machine.

A mask is seen as a matrix, rows × columns, the columns being a kernel's last axis. What a place is expected to hold is
the product of two guesses: how full its column is (told beforehand) and how full its row is (learned from the columns
before it, and from the rows around it: pixels have neighbours). Places of like expectation share one probability, which
is learned as well.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from labkit.base.errors import LabkitError

MODELS = 64  # geometric models for column counts
_ESCAPE = 255  # the symbol for a number that is told in full
_FIRST, _LARGEST = 16, 2**20  # columns of the first block of a mask; places that a block has at most
_PRIOR, _BITS = 3, 16  # places that a class believes to have seen before it begins; frequencies sum to 2^16

Symbols = NDArray[np.int32]


class Stream(Protocol):
    """Codes *symbols* with *frequencies* (whole numbers, one a symbol), or, given None, reads *count* of them."""

    def code(self, symbols: np.ndarray | None, frequencies: np.ndarray, count: int) -> Symbols: ...


class Writer:
    """A stream that is written; constriction's range coder (``stream.queue``), 32-bit words."""

    def __init__(self) -> None:
        import constriction

        self._coder, self._model = constriction.stream.queue.RangeEncoder(), constriction.stream.model.Categorical

    def code(self, symbols: np.ndarray | None, frequencies: np.ndarray, count: int) -> Symbols:
        """Append *symbols*, and return them. One possible symbol alone takes nothing."""
        assert symbols is not None and len(symbols) == count
        symbols = np.ascontiguousarray(symbols, np.int32)
        if count and len(frequencies) > 1:
            self._coder.encode(symbols, _categorical(self._model, frequencies, count))
        return symbols

    @property
    def bits(self) -> int:
        """Return the number of bits so far."""
        return int(self._coder.num_bits())

    def bytes(self) -> bytes:
        """Return all bytes, little-endian."""
        words: bytes = self._coder.get_compressed().astype("<u4").tobytes()
        return words


class Reader:
    """A stream that is read. Raises LabkitError for bytes that no `Writer` wrote, where it can tell."""

    def __init__(self, data: bytes) -> None:
        import constriction

        if len(data) % 4:
            raise damaged("its coded part is not whole words")
        words = np.frombuffer(data, "<u4").astype(np.uint32)
        self._coder, self._model = constriction.stream.queue.RangeDecoder(words), constriction.stream.model.Categorical

    def code(self, symbols: np.ndarray | None, frequencies: np.ndarray, count: int) -> Symbols:
        """Return the next *count* symbols."""
        if not count or len(frequencies) < 2:
            return np.zeros(count, np.int32)
        try:
            symbols_read: Symbols = self._coder.decode(_categorical(self._model, frequencies, count), count)
        except (AssertionError, ValueError, RuntimeError) as error:
            raise damaged("its coded part cannot be decoded") from error
        return symbols_read

    def finish(self) -> None:
        """Raise LabkitError when there is certainly more to read than was asked for."""
        if not self._coder.maybe_exhausted():
            raise damaged("something follows its last symbol")


def code_counts(
    stream: Stream, counts: np.ndarray | None, columns: int, expected: int, model: int
) -> NDArray[np.int64]:
    """Return the number of weights that each column keeps, int64 (columns,): coded as steps from the count before it.

    A step d is the number 2d (or −2d − 1 where d is negative), and a number n has a frequency near ``(model / 64)ⁿ``;
    255 says that the number follows in three bytes. The count before the first is *expected*, the mean of all.
    """
    if counts is not None:
        numbers = _steps(counts, expected)
        large = numbers >= _ESCAPE
        stream.code(np.where(large, _ESCAPE, numbers), geometric(model), columns)
        stream.code(_thirds(numbers[large]), np.ones(256, np.int64), 3 * int(large.sum()))
        return np.asarray(counts, np.int64)
    numbers = stream.code(None, geometric(model), columns).astype(np.int64)
    large = numbers == _ESCAPE
    thirds = stream.code(None, np.ones(256, np.int64), 3 * int(large.sum())).astype(np.int64).reshape(-1, 3)
    numbers[large] = thirds @ np.array([65536, 256, 1])
    steps = np.where(numbers % 2 == 0, numbers // 2, -(numbers + 1) // 2)
    return expected + np.cumsum(steps)


def best_model(counts: np.ndarray, expected: int) -> int:
    """Return the model under which *counts* take the fewest bits."""
    numbers = np.minimum(_steps(counts, expected), _ESCAPE)
    costs = []
    for model in range(1, MODELS):
        frequencies = geometric(model)
        costs.append(-np.log2(frequencies / frequencies.sum())[numbers].sum())
    return 1 + int(np.argmin(costs))


def _steps(counts: np.ndarray, expected: int) -> NDArray[np.int64]:
    """Return the numbers that encode the steps from each count to the next: 2d, or −2d − 1 where d is negative."""
    steps = np.diff(np.concatenate([[expected], counts]))
    return np.where(steps >= 0, 2 * steps, -2 * steps - 1)


@cache
def geometric(model: int) -> NDArray[np.int64]:
    """Return frequencies of 0 to 255, each *model*/64 of the one before it, rounded down, and 1 at least."""
    frequencies = [2**18]
    while len(frequencies) <= _ESCAPE:
        frequencies.append(max(frequencies[-1] * model // MODELS, 1))
    return np.array(frequencies, np.int64)


def code_mask(
    stream: Stream, mask: np.ndarray | None, rows: int, counts: NDArray[np.int64], apart: int
) -> NDArray[np.bool_]:
    """Return a mask bool (rows, columns), of which each column has as many True as *counts* says.

    Coded in blocks of columns, each as wide as all before it. *apart*: the distance of rows that are
    neighbours besides the next ones (an image's width; 0: rows have no neighbours). Columns without weights, and those
    that are full, are not coded. Raises LabkitError when what is read does not have the *counts*.
    """
    result = np.zeros((rows, len(counts)), bool)
    result[:, counts == rows] = True
    columns = np.flatnonzero((counts > 0) & (counts < rows))
    seen, ones, total = np.zeros(rows, np.int64), np.zeros(256, np.int64), np.zeros(256, np.int64)
    done = 0
    while done < len(columns):
        block = columns[done : done + min(max(_FIRST, done), max(_LARGEST // rows, 1))]
        expected = np.minimum(_row_guess(seen, apart)[:, None] * counts[block].astype(np.float32), 1).ravel()
        classes = _half_octave(expected)
        order = np.argsort(classes, kind="stable")
        sizes = np.bincount(classes, minlength=256)
        block_bits = None if mask is None else mask[:, block].ravel()[order]
        bits = np.zeros(expected.size, bool)
        at = 0
        for k in np.flatnonzero(sizes).tolist():
            upto = at + int(sizes[k])
            chance = _chance(k, ones[k], total[k])
            bits[at:upto] = stream.code(None if block_bits is None else block_bits[at:upto], chance, upto - at)
            ones[k] += np.count_nonzero(bits[at:upto])
            at = upto
        total += sizes
        row, column = np.divmod(order[bits], len(block))
        if not np.array_equal(np.bincount(column, minlength=len(block)), counts[block]):
            raise damaged("a column does not have its stored number of weights")
        result[row, block[column]] = True
        seen += np.bincount(row, minlength=rows)
        done += len(block)
    return result


def damaged(how: str) -> LabkitError:
    """Return the error for a file that cannot be read."""
    return LabkitError(f"This .lkz file is damaged ({how}): copy it again, or make it again from the model.")


def _row_guess(seen: NDArray[np.int64], apart: int) -> NDArray[np.float32]:
    """Return each row's expected share of all: its own count four times, its four neighbours' twice, and a little.

    Rounded to float32 as IEEE 754 says, like the product it goes into: the same on every machine.
    """
    mean = int(seen.sum()) // len(seen)
    if apart:
        around = np.zeros_like(seen)
        for distance in (1, apart):
            around[distance:] += seen[:-distance]
            around[:-distance] += seen[distance:]
    else:
        around = np.full_like(seen, 4 * mean)
    weight = 4 * seen + 2 * around + mean + 1
    return (weight / int(weight.sum())).astype(np.float32)


def _half_octave(expected: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the class of each expectation in (0, 1], uint8: its power of two, and which half up to the next one.

    Those are the eight bits of a float32 number's exponent and the first bit of its fraction, read as they stand:
    a logarithm would round differently from one machine to the next.
    """
    return (expected.view(np.uint32) >> 22).astype(np.uint8)


def _chance(k: int, ones: Any, total: Any) -> NDArray[np.int64]:
    """Return the frequencies of 0 and 1 in class *k*, out of 2^16, from the counts so far and a prior of three places.

    Class k is the interval from ``2^(k/2 − 127)`` for even k, and from 1.5 times the power below for odd k.
    """
    middle = ((7 if k % 2 else 5) << 20) >> (2 + 127 - k // 2)  # of the interval, out of 2^20
    one = ((int(ones) << 20) + _PRIOR * middle) // ((int(total) + _PRIOR) << (20 - _BITS))
    one = min(max(one, 1), 2**_BITS - 1)
    return np.array([2**_BITS - one, one], np.int64)


def _thirds(numbers: np.ndarray) -> NDArray[np.int64]:
    return np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], axis=1).ravel()


def _categorical(kind: Any, frequencies: np.ndarray, count: int) -> Any:
    """Return constriction's model for *frequencies*; without a table for two symbols, where one gains no time."""
    return kind(frequencies / int(frequencies.sum()), perfect=False, lazy=len(frequencies) == 2 or count < 64)
