"""Entropy coding: the entropy of a stream of symbols in bits, and three coders that come near it.

Symbols are whole numbers from 0 on, an array of one axis. Huffman and the range coder are written to be read, in Python
integers, so that they give the same bytes on every machine. The fast coder is constriction's, with probabilities that
are whole numbers too. Bytes hold the symbols alone: how many there are, and how frequent each is, is told elsewhere.

None of them has a checksum, and a good code has no room for one: damaged bytes may decode to other symbols. What holds
for any bytes is that decoding ends, takes memory for *count* symbols, and returns *count* symbols that have a code, or
raises LabkitError. Too few bytes are always found by Huffman and the range coder, and nearly always by the fast one.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_right
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labkit.base.checks import whole
from labkit.base.errors import UsageError
from labkit.methods.coding.range_coder import RangeDecoder, RangeEncoder, damaged

MOST = 2**28  # symbols that one call decodes: 1 GiB of int32, so that a damaged count is not a full memory
_SEAL = 0xB5C0DE51  # where the fast coder begins, and its decoder must end; of 32 bits, more than any frequency has


def entropy(counts: np.ndarray) -> float:
    """Return the bits a symbol is worth when each occurs as often as *counts* say: ``−Σ p log₂ p`` (Shannon, 1948).

    *counts* (any shape, counts or probabilities, at least 0) are divided by their sum; 0.0 when there are none. No code
    for symbols drawn independently is shorter on average. Raises UsageError for a negative or non-finite count.

    >>> entropy(np.array([1, 1, 2]))
    1.5
    """
    counts = np.asarray(counts, dtype=np.float64).ravel()
    if not (np.isfinite(counts).all() and (counts >= 0).all()):
        raise UsageError("A count is negative or not a number: give one count of at least 0 for each symbol.")
    shares = counts[counts > 0] / max(counts.sum(), np.finfo(np.float64).tiny)
    return float(-(shares * np.log2(shares)).sum()) + 0.0  # + 0.0: one symbol alone is worth 0.0, not −0.0


# --- Huffman --------------------------------------------------------------------------------------------------------


def huffman_lengths(counts: np.ndarray) -> NDArray[np.uint8]:
    """Return how many bits each symbol gets in an optimal prefix code, uint8 of shape (n,); 0 for one that does not
    occur.

    Joins the two rarest groups again and again (Huffman, 1952); each join puts a bit before all their codes. A symbol
    that is alone gets one bit. Raises UsageError for negative counts.

    >>> huffman_lengths(np.array([1, 1, 2])).tolist()
    [2, 2, 1]
    """
    counts = _counts(counts)
    lengths = np.zeros(len(counts), dtype=np.uint8)
    heap = [(int(count), symbol, [symbol]) for symbol, count in enumerate(counts) if count > 0]
    if len(heap) == 1:
        lengths[heap[0][1]] = 1
    heapq.heapify(heap)
    while len(heap) > 1:
        (rare, first, some), (next_rare, _, others) = heapq.heappop(heap), heapq.heappop(heap)
        lengths[some + others] += 1
        heapq.heappush(heap, (rare + next_rare, first, some + others))
    return lengths


def huffman_codes(lengths: np.ndarray) -> dict[int, str]:
    """Return the canonical code of each symbol that has one, as text of 0s and 1s, in the order of the codes.

    Shorter codes come first, and among equals smaller symbols; each code is the one before it plus one, with zeros
    added up to its length. So the lengths alone tell the whole code. Raises UsageError when no prefix code has them.

    >>> huffman_codes(np.array([2, 2, 1]))
    {2: '0', 0: '10', 1: '11'}
    """
    lengths = whole_numbers("lengths", lengths)
    if lengths.size and not 0 <= lengths.min() <= lengths.max() <= 255:
        raise UsageError(f"Lengths run from {lengths.min()} to {lengths.max()}, but a code has 0 to 255 bits.")
    order = [int(symbol) for symbol in np.argsort(lengths, kind="stable") if lengths[symbol] > 0]
    codes, code, last = {}, -1, 0
    for symbol in order:
        length = int(lengths[symbol])
        code, last = (code + 1) << (length - last), length
        codes[symbol] = f"{code:0{length}b}"
    if order and len(codes[order[-1]]) > last:  # counted past the last code of that length
        raise UsageError("No prefix code has these lengths (the sum of 2^-length is above 1): use huffman_lengths.")
    return codes


def huffman_encode(symbols: np.ndarray, lengths: np.ndarray) -> bytes:
    """Return *symbols* in the canonical code of *lengths*, the last byte filled up with zeros.

    Raises UsageError for a symbol without a code.
    """
    codes, symbols = huffman_codes(lengths), whole_numbers("symbols", symbols)
    _known(symbols, np.asarray(lengths))
    text = "".join([codes[symbol] for symbol in symbols.tolist()])
    return np.packbits(np.frombuffer(text.encode(), np.uint8) - ord("0")).tobytes()


def huffman_decode(data: bytes, lengths: np.ndarray, count: int) -> NDArray[np.int32]:
    """Return the *count* symbols that `huffman_encode` wrote, int32. Raises LabkitError for bytes that it did not
    write."""
    symbol_of = {code: symbol for symbol, code in huffman_codes(lengths).items()}
    shortest, longest = (pick(map(len, symbol_of), default=MOST) for pick in (min, max))
    plausible(count, 8 * len(data), shortest)
    bits, at, symbols = "".join([f"{byte:08b}" for byte in data]), 0, np.zeros(count, np.int32)
    for k in range(count):
        start, at = at, at + 1
        while bits[start:at] not in symbol_of:
            at += 1
            if at > len(bits) or at - start > longest:
                raise damaged("a code has no end")
        symbols[k] = symbol_of[bits[start:at]]
    if -(-at // 8) != len(data) or "1" in bits[at:]:
        raise damaged("something follows the last symbol")
    return symbols


# --- a range coder --------------------------------------------------------------------------------------------------


def quantize_frequencies(counts: np.ndarray, bits: int = 16) -> NDArray[np.int64]:
    """Return whole numbers in proportion to *counts* that sum to ``2**bits``, int64; at least 1 for what occurs, else
    0.

    Each is rounded down; what is missing goes, one at a time, where one more saves most bits (where 1 was too little to
    round to, the excess is taken where it costs least). All zeros when nothing occurs. Raises UsageError for negative
    counts, *bits* outside 1 to 30, or more symbols than frequencies to give.

    >>> quantize_frequencies(np.array([1, 0, 3]), bits=4).tolist()
    [4, 0, 12]
    """
    counts = _counts(counts)
    bits = whole("bits", bits, 1, 30)
    total, occurs = 2**bits, [symbol for symbol, count in enumerate(counts.tolist()) if count > 0]
    if len(occurs) > total:
        raise UsageError(f"{len(occurs)} symbols occur, and 2^{bits} frequencies are too few for them: use more bits.")
    occurrences = int(counts.sum(dtype=object))
    result = np.zeros(len(counts), np.int64)
    result[occurs] = [max(int(counts[symbol]) * total // occurrences, 1) for symbol in occurs]
    missing = total - int(result.sum()) if occurs else 0
    step = 1 if missing > 0 else -1
    # One more saves count · log₂(1 + 1/f) bits, very nearly count / (f + ½): exact in IEEE arithmetic, unlike a log.
    heap = [(-step * int(counts[s]) / (int(result[s]) + step / 2), s) for s in occurs if result[s] + step > 0]
    heapq.heapify(heap)
    for _ in range(abs(missing)):
        _, s = heapq.heappop(heap)
        result[s] += step
        if result[s] + step > 0:
            heapq.heappush(heap, (-step * int(counts[s]) / (int(result[s]) + step / 2), s))
    return result


def range_encode(symbols: np.ndarray, frequencies: np.ndarray) -> bytes:
    """Return *symbols* in a code that spends ``−log₂(frequency / sum)`` bits on each, and up to six bytes at the end.

    *frequencies*: whole numbers, one a symbol (see `quantize_frequencies`), their sum at most 2**32. Raises UsageError
    for a symbol whose frequency is 0.
    """
    symbols, (shares, starts, total) = whole_numbers("symbols", symbols), _table(frequencies)
    _known(symbols, np.asarray(shares))
    coder = RangeEncoder()
    for symbol in symbols.tolist():
        coder.put(starts[symbol], shares[symbol], total)
    return coder.finish()


def range_decode(data: bytes, frequencies: np.ndarray, count: int) -> NDArray[np.int32]:
    """Return the *count* symbols that `range_encode` wrote, int32. Raises LabkitError for bytes that are not its."""
    shares, starts, total = _table(frequencies)
    plausible(count, 8 * len(data), _cheapest(shares, total))
    coder, symbols = RangeDecoder(data), np.zeros(count, np.int32)
    for k in range(count):
        symbol = bisect_right(starts, coder.look(total)) - 1
        coder.take(starts[symbol], shares[symbol], total)
        symbols[k] = symbol
    coder.finish()
    return symbols


# --- the fast path --------------------------------------------------------------------------------------------------


def fast_encode(symbols: np.ndarray, frequencies: np.ndarray, *, seal: bool = True) -> bytes:
    """Encode *symbols* by constriction (asymmetric numeral systems; Duda, 2013, arXiv:1311.2540) in 4-byte words.

    *frequencies* as in `range_encode`, summing to at most 2**24. They are whole numbers, so that the model is the same
    wherever the bytes are read. Without *seal* four bytes are saved, and missing bytes are not found: for a format that
    has a checksum. Raises UsageError for a symbol whose frequency is 0.
    """
    import constriction

    symbols, (shares, _, total) = whole_numbers("symbols", symbols), _table(frequencies)
    _known(symbols, np.asarray(shares))
    model, order = _model(shares, total)
    if not len(symbols) or len(order) < 2:
        return b""
    rank = np.zeros(len(shares), np.int32)
    rank[order] = np.arange(len(order))
    coder = constriction.stream.stack.AnsCoder(np.array([_SEAL] * seal, np.uint32))
    coder.encode_reverse(rank[symbols], model)
    return coder.get_compressed().astype("<u4").tobytes()


def fast_decode(data: bytes, frequencies: np.ndarray, count: int, *, seal: bool = True) -> NDArray[np.int32]:
    """Return the *count* symbols that `fast_encode` wrote, int32. Raises LabkitError for bytes that it cannot have
    written.

    The coder must end where it began: with *seal*, one in four billion damaged streams passes by chance.
    """
    import constriction

    shares, _, total = _table(frequencies)
    plausible(count, 8 * len(data), _cheapest(shares, total) if seal else 0.0)
    model, order = _model(shares, total)
    if not count or len(order) < 2:
        if data or (count and not len(order)):
            raise damaged("they are too many or too few")
        return np.full(count, order[0] if count else 0, np.int32)
    if len(data) % 4 or (data and not any(data[-4:])):  # constriction's last word is never zero
        raise damaged("they do not end where a word ends")
    coder = constriction.stream.stack.AnsCoder(np.frombuffer(data, "<u4").astype(np.uint32))
    symbols = order[coder.decode(model, count)]
    if coder.get_compressed().tolist() != ([_SEAL] if seal else []):
        raise damaged("the decoder does not end where the coder began")
    return symbols


def _model(shares: list[int], total: int) -> tuple[Any, NDArray[np.int32]]:
    """Return constriction's model of the symbols that occur, most frequent first, and which symbols these are."""
    import constriction

    if total > 2**24:
        raise UsageError(f"The frequencies sum to {total}, but the fast coder needs at most 2^24: quantize them again.")
    parts = np.asarray(shares, np.int64)
    order = np.argsort(-parts, kind="stable")[: np.count_nonzero(parts)].astype(np.int32)
    if len(order) < 2:  # constriction wants two symbols; one alone is worth nothing, and is not coded
        return None, order
    # Trying one after the other is fastest where the first ones are frequent; the bytes do not depend on it.
    lazy = float(parts[order] @ np.arange(len(order))) < 6 * total
    return constriction.stream.model.Categorical(parts[order] / total, perfect=False, lazy=lazy), order


# --- what is asked of arguments -------------------------------------------------------------------------------------


def whole_numbers(what: str, values: np.ndarray) -> NDArray[np.int64]:
    """Return *values*, whole numbers in one row, as int64 (n,); raises UsageError, which names *what*, for others."""
    values = np.asarray(values)
    if values.ndim != 1 or (values.size and values.dtype.kind not in "iub"):
        raise UsageError(
            f"{what} has shape {values.shape} and dtype {values.dtype}, but must hold whole numbers in one row."
        )
    return values.astype(np.int64)


def _counts(counts: np.ndarray) -> NDArray[np.int64]:
    numbers = whole_numbers("counts", counts)
    if numbers.size and numbers.min() < 0:
        raise UsageError(f"A count is {numbers.min()}, but must be 0 or more.")
    return numbers


def _table(frequencies: np.ndarray) -> tuple[list[int], list[int], int]:
    """Return Frequencies, where each symbol's interval starts, and their sum, in Python integers."""
    shares = _counts(frequencies)
    starts = np.concatenate([[0], np.cumsum(shares)]).tolist()
    if starts[-1] > 2**32:
        raise UsageError(f"The frequencies sum to {starts[-1]}, but 2^32 is the most: use quantize_frequencies.")
    return shares.tolist(), starts[:-1], starts[-1]


def _known(symbols: NDArray[np.int64], weights: np.ndarray) -> None:
    """Raise UsageError unless every symbol has a code length or frequency above 0."""
    if symbols.size and not 0 <= symbols.min() <= symbols.max() < len(weights):
        raise UsageError(f"Symbols run from {symbols.min()} to {symbols.max()}, but 0 to {len(weights) - 1} are known.")
    if symbols.size and not weights[symbols].all():
        missing = symbols[weights[symbols] == 0][0]
        raise UsageError(f"Symbol {missing} is to be coded, but its count was 0: count the symbols that are coded.")


def _cheapest(shares: list[int], total: int) -> float:
    """Return the bits of the most frequent symbol."""
    return math.log2(total / max(shares)) if total else math.inf


def plausible(count: int, bits: int, least: float) -> None:
    """Refuse a count that so few bits cannot hold, before memory is taken for it."""
    count = whole("count", count, 0, MOST)
    if count and 0.99 * count * least > bits + 1:  # the fast coder rounds by less than a hundredth
        raise damaged("there are too few for so many symbols")
