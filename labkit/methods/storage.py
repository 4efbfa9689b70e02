"""Sparse formats: the size of an array with zeros, by formula, and as arrays that are written and read back.

Shape and dtype are not counted: every format needs them, and they are a few bytes. Values keep their dtype, whole bytes
each; a negative zero comes back as zero. Codes of less than a byte are packed, the last byte filled up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labkit.base.checks import whole
from labkit.base.errors import UsageError, one_of
from labkit.methods.sparsity import WIDTHS

FORMATS = ("dense", "coo", "csr", "bitmap", "relative", "run length", "block", "2:4")
_MATRICES = ("coo", "csr", "block")
_WIDTHS = ("relative", "run length")  # formats that leave a width to choose


@dataclass(frozen=True)
class Layout:
    """The choices a format leaves open, each used where it applies.

    ``gap_bits``: of a relative index, 1 to 16; ``run_bits``: of a run's length, 2 to 16; ``index_bytes``: of a column,
    row or pointer, 1, 2, 4 or 8, or None for the fewest that hold it; ``block``: rows and columns of a block.
    """

    gap_bits: int = 5
    run_bits: int = 8
    index_bytes: int | None = None
    block: tuple[int, int] = (4, 4)

    def __post_init__(self) -> None:
        for name, value, low in (("gap_bits", self.gap_bits, 1), ("run_bits", self.run_bits, 2)):
            whole(name, value, low, 16)
        if self.index_bytes not in (None, 1, 2, 4, 8):
            raise UsageError(f"index_bytes is {self.index_bytes!r}, but must be 1, 2, 4, 8, or None for the fewest.")
        if len(self.block) != 2 or not all(size in range(1, 1025) for size in self.block):
            raise UsageError(f"block is {self.block!r}, but must be two whole numbers from 1 to 1024.")


@dataclass(frozen=True)
class Encoded:
    """An array in one of `FORMATS`: ``arrays`` is what would be written, by name."""

    format: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    arrays: dict[str, NDArray[Any]] = field(repr=False)
    layout: Layout = field(default_factory=Layout)

    @property
    def bytes(self) -> int:
        """Return the bytes of the arrays together."""
        return sum(array.nbytes for array in self.arrays.values())


def bytes_of(array: np.ndarray, format: str, layout: Layout | None = None) -> int:
    """Return the bytes of *array* in *format*, by formula, from counts alone: nothing is encoded.

    With v bytes a value, n values, z of them not zero, i and p bytes an index and a pointer: dense n v; coo
    z (v + i_row + i_column); csr z (v + i) + (rows + 1) p; bitmap ⌈n / 8⌉ + z v; relative (Han et al., 2016,
    arXiv:1510.00149, figure 2) e v + ⌈e k / 8⌉ with e = z + Σ ⌊gap / 2ᵏ⌋ entries; run length z v + ⌈t k / 8⌉ for t run
    lengths; block b (area v + i) + (block rows + 1) p for b blocks that are not zero; 2:4 n v / 2 + ⌈n / 8⌉.
    Raises UsageError as `encode` does.

    >>> bytes_of(np.eye(4, dtype=np.float32), "bitmap")
    18
    """
    array, layout = _checked(array, format, layout or Layout())
    size, value, mask = array.size, array.dtype.itemsize, array.ravel() != 0
    kept = int(np.count_nonzero(mask))
    match format:
        case "dense":
            return size * value
        case "coo":
            rows, columns = (_index(length - 1, layout).itemsize for length in array.shape)
            return kept * (value + rows + columns)
        case "csr":
            column, pointer = _index(array.shape[1] - 1, layout).itemsize, _index(kept, layout).itemsize
            return kept * (value + column) + (array.shape[0] + 1) * pointer
        case "bitmap":
            return -(-size // 8) + kept * value
        case "relative":
            entries = kept + int((_gaps(mask) >> layout.gap_bits).sum())
            return entries * value + -(-entries * layout.gap_bits // 8)
        case "run length":
            lengths, longest = _runs(mask), 2**layout.run_bits - 1
            tokens = len(lengths) + 2 * int((np.maximum(lengths - 1, 0) // longest).sum())
            return kept * value + -(-tokens * layout.run_bits // 8)
        case "block":
            high, wide = layout.block
            blocks = int(_blocks(array, layout.block).any(axis=(2, 3)).sum())
            column, pointer = _index(array.shape[1] // wide - 1, layout).itemsize, _index(blocks, layout).itemsize
            return blocks * (high * wide * value + column) + (array.shape[0] // high + 1) * pointer
        case _:
            return size // 2 * value + -(-size // 8)


def best_layout(array: np.ndarray, format: str) -> Layout:
    """Return the layout in which *array* takes the fewest bytes: the width, 2 to 10 bits, of its gaps or run lengths.

    For the other formats there is nothing to choose. Raises UsageError as `bytes_of` does.
    """
    choices = [Layout(gap_bits=width, run_bits=width) for width in WIDTHS]
    return min(choices, key=lambda layout: bytes_of(array, format, layout)) if format in _WIDTHS else Layout()


def encode(array: np.ndarray, format: str, layout: Layout | None = None) -> Encoded:
    """Encode *array* (any number dtype) as the arrays of one of `FORMATS`; `decode` restores it exactly.

    coo, csr and block take a matrix, block one that its blocks divide, 2:4 a last axis that four divides, with two
    non-zeros at most in each group of four; the others any shape, in C order. Raises UsageError otherwise, or when
    ``index_bytes`` is too few.
    """
    array, layout = _checked(array, format, layout or Layout())
    flat = array.ravel()
    mask = flat != 0
    arrays: dict[str, NDArray[Any]]
    match format:
        case "dense":
            arrays = {"values": array.copy()}
        case "coo":
            places = np.nonzero(array)
            index = [at.astype(_index(n - 1, layout)) for at, n in zip(places, array.shape, strict=True)]
            arrays = {"values": array[places], "rows": index[0], "columns": index[1]}
        case "csr":
            rows, columns = np.nonzero(array)
            pointers = np.searchsorted(rows, np.arange(array.shape[0] + 1))
            arrays = {
                "values": array[rows, columns],
                "columns": columns.astype(_index(array.shape[1] - 1, layout)),
                "pointers": pointers.astype(_index(len(rows), layout)),
            }
        case "bitmap":
            arrays = {"values": flat[mask], "bits": np.packbits(mask)}
        case "relative":
            arrays = _relative(flat[mask], _gaps(mask), layout.gap_bits)
        case "run length":
            arrays = {"values": flat[mask], "runs": pack(_split(_runs(mask), layout.run_bits), layout.run_bits)}
        case "block":
            blocks = _blocks(array, layout.block)
            rows, columns = np.nonzero(blocks.any(axis=(2, 3)))
            pointers = np.searchsorted(rows, np.arange(blocks.shape[0] + 1))
            arrays = {
                "values": blocks[rows, columns],
                "columns": columns.astype(_index(blocks.shape[1] - 1, layout)),
                "pointers": pointers.astype(_index(len(rows), layout)),
            }
        case _:
            groups = flat.reshape(-1, 4)
            # Kept places first, each kind in its order: where fewer than two are kept, zeros fill up.
            pairs = np.sort(np.argsort(groups == 0, axis=1, kind="stable")[:, :2], axis=1)
            arrays = {"values": np.take_along_axis(groups, pairs, 1), "places": pack(pairs, 2)}
    return Encoded(format, array.shape, array.dtype, arrays, layout)


def decode(encoded: Encoded) -> NDArray[Any]:
    """Return the array that was encoded: its shape, dtype and values."""
    arrays, shape, layout = encoded.arrays, encoded.shape, encoded.layout
    values, result = arrays["values"], np.zeros(encoded.shape, encoded.dtype)
    flat = result.reshape(-1)  # a view: what is written into it stands in the result
    match encoded.format:
        case "dense":
            result[...] = values
        case "coo":
            result[arrays["rows"], arrays["columns"]] = values
        case "csr":
            result[np.repeat(np.arange(shape[0]), _counts(arrays)), arrays["columns"]] = values
        case "bitmap":
            flat[np.unpackbits(arrays["bits"], count=flat.size).astype(bool)] = values
        case "relative":
            flat[np.cumsum(unpack(arrays["gaps"], layout.gap_bits, len(values)) + 1) - 1] = values
        case "run length":
            tokens = 8 * arrays["runs"].nbytes // layout.run_bits  # the filling can only hold runs of length 0
            lengths = unpack(arrays["runs"], layout.run_bits, tokens)
            flat[np.repeat(np.arange(tokens) % 2 == 1, lengths)] = values
        case "block":
            blocks = _blocks(result, layout.block)
            blocks[np.repeat(np.arange(len(blocks)), _counts(arrays)), arrays["columns"]] = values
        case _:
            places = unpack(arrays["places"], 2, values.size).reshape(-1, 2)
            np.put_along_axis(flat.reshape(-1, 4), places, values, 1)
    return result


def pack(codes: np.ndarray, bits: int) -> NDArray[np.uint8]:
    """Return whole numbers from 0 to 2**bits − 1 as one row of bits, highest first; zeros fill up the last byte.

    >>> pack(np.array([1, 2, 3]), 2).tolist()
    [108]
    """
    shifts = np.arange(bits - 1, -1, -1)
    rows = np.asarray(codes, np.int64).ravel()[:, None] >> shifts & 1
    return np.packbits(rows.astype(np.uint8))


def unpack(packed: np.ndarray, bits: int, count: int) -> NDArray[np.int64]:
    """Return the first *count* numbers that `pack` wrote, int64 (count,).

    >>> unpack(pack(np.array([1, 2, 3]), 2), 2, 3).tolist()
    [1, 2, 3]
    """
    rows = np.unpackbits(packed, count=count * bits).reshape(count, bits)
    return rows.astype(np.int64) @ (1 << np.arange(bits - 1, -1, -1))


def measured_break_even(
    format: str, shape: tuple[int, ...], dtype: str, rng: np.random.Generator, layout: Layout | None = None
) -> float:
    """Return the least density at which arrays really written in *format* are no smaller than the dense one; 1.0 if
    none.

    By bisection over random masks drawn with *rng*, each a part of the next, on an array of ones. The formula's is
    `labkit.methods.sparsity.break_even`. Raises UsageError as `encode` does.
    """
    array = np.zeros(shape, dtype)
    order, dense = rng.permutation(array.size), array.nbytes
    low, high = 0, array.size
    while high - low > 1:
        middle = (low + high) // 2
        array.ravel()[...] = 0
        array.ravel()[order[:middle]] = 1
        low, high = (low, middle) if encode(array, format, layout).bytes >= dense else (middle, high)
    return high / max(array.size, 1)


def _checked(array: np.ndarray, format: str, layout: Layout) -> tuple[NDArray[Any], Layout]:
    array = np.asarray(array)
    one_of("format", format, FORMATS)
    if array.dtype.kind not in "iuf":
        raise UsageError(f"The array holds {array.dtype}, but must hold integers or floating-point numbers.")
    if format in _MATRICES and array.ndim != 2:
        raise UsageError(
            f"The array has shape {array.shape}, but {format} needs a matrix: reshape it to (rows, columns)."
        )
    if format == "block" and (array.shape[0] % layout.block[0] or array.shape[1] % layout.block[1]):
        raise UsageError(
            f"Blocks of {layout.block} do not divide shape {array.shape}: choose other blocks, or add zeros."
        )
    if format == "2:4":
        if array.ndim == 0 or array.shape[-1] % 4:
            raise UsageError(f"The array has shape {array.shape}, but 2:4 needs a last axis that 4 divides: add zeros.")
        if np.any(np.count_nonzero(array.reshape(-1, 4), axis=1) > 2):
            raise UsageError(
                "A group of four holds more than two non-zeros: apply methods.sparsity.pattern_mask first."
            )
    return array, layout


def _index(largest: int, layout: Layout) -> np.dtype[Any]:
    """Return the unsigned type that holds 0 to *largest*: the smallest one, or that of the layout's index_bytes."""
    fewest = np.dtype(np.min_scalar_type(max(largest, 0)))
    if layout.index_bytes is None:
        return fewest
    if layout.index_bytes < fewest.itemsize:
        raise UsageError(
            f"index_bytes is {layout.index_bytes}, but an index goes up to {largest}: give None for enough."
        )
    return np.dtype(f"u{layout.index_bytes}")


def _counts(arrays: dict[str, NDArray[Any]]) -> NDArray[Any]:
    pointers = arrays["pointers"].astype(np.int64)
    return pointers[1:] - pointers[:-1]


def _blocks(array: NDArray[Any], block: tuple[int, int]) -> NDArray[Any]:
    """Return a view of a matrix as (block rows, block columns, height, width)."""
    (high, wide), (rows, columns) = block, array.shape
    return array.reshape(rows // high, high, columns // wide, wide).transpose(0, 2, 1, 3)


def _gaps(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return how many zeros stand before each kept value, since the one before."""
    places: NDArray[np.int64] = np.flatnonzero(mask).astype(np.int64)
    return places - np.concatenate([[-1], places[:-1]])[: len(places)] - 1


def _relative(values: NDArray[Any], gaps: NDArray[np.int64], bits: int) -> dict[str, NDArray[Any]]:
    """Bridge gaps of 2**bits or more by zeros that are stored, each the last of 2**bits places."""
    ends = np.cumsum((gaps >> bits) + 1) - 1  # where each value stands among the entries
    entries = int(ends[-1]) + 1 if len(ends) else 0
    filled, codes = np.zeros(entries, values.dtype), np.full(entries, 2**bits - 1)
    filled[ends], codes[ends] = values, gaps & (2**bits - 1)
    return {"values": filled, "gaps": pack(codes, bits)}


def _runs(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return lengths of the runs, zeros and kept in turn; the first is of zeros, of length 0 where the array starts
    kept."""
    if not mask.size:
        return np.zeros(0, np.int64)
    edges = np.flatnonzero(mask[1:] != mask[:-1]) + 1
    bounds = np.concatenate([[0] * (2 if mask[0] else 1), edges, [mask.size]])
    return np.asarray(bounds[1:] - bounds[:-1], np.int64)


def _split(lengths: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """Split each run longer than 2**bits − 1 into pieces, with a run of length 0 of the other kind between them."""
    longest = 2**bits - 1
    pieces = np.maximum(lengths - 1, 0) // longest
    ends = np.cumsum(2 * pieces + 1) - 1
    tokens = np.zeros(int(ends[-1]) + 1 if len(ends) else 0, np.int64)
    starts = np.repeat(ends - 2 * pieces, pieces) + 2 * _within(pieces)
    tokens[starts], tokens[ends] = longest, lengths - pieces * longest
    return tokens


def _within(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0, 1, 2 … within each of several stretches of the lengths given."""
    return np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
