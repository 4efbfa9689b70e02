"""The file format ``.lkz``: named tensors of few, shared weights in few bytes. See docs/lkz.md.

Belongs here: everything that decides a byte of the file (`header`, `probabilities`), on reading and on writing.
Does not belong here: pruning and sharing (`labkit.methods.deep_compression`), and models that the tensors fit.

It stores no graph and no code, so that nothing in a file can be executed. What is written is read back bit for bit
(but for −0.0, which becomes 0.0). `pack` and `unpack` work on bytes, `write` and `read` on files.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labkit.base import files
from labkit.base.errors import LabkitError, UsageError
from labkit.methods.lkz.header import (
    ALL_ZERO,
    HALF,
    MASKED,
    MOST_VALUES,
    NO_ZERO,
    SHARED,
    Head,
    matrix,
    read_heads,
    refuse,
    varint,
    write_head,
)
from labkit.methods.lkz.probabilities import Reader, Writer, best_model, code_counts, code_mask, damaged
from labkit.methods.tensor_limits import MOST_TENSORS, MOST_WEIGHTS

MAGIC, VERSION = b"LKZ", 1
MOST_BYTES = 2**28  # of a file: twice the weights that it may hold, in float32

Tensors = dict[str, NDArray[np.float32]]
_PARTS = ("mask", "indices", "values", "header")  # of an `Account`


@dataclass(frozen=True)
class Account:
    """Where a tensor's bytes go: its name and shape (*header*), its *mask* with the counts of its columns, its
    *indices*, its *values* with their frequencies. Coded bytes are shares of one stream, to the 4-byte word."""

    name: str
    weights: int
    kept: int
    different: int
    header: float
    mask: float
    indices: float
    values: float


def pack(tensors: Mapping[str, np.ndarray]) -> bytes:
    """Return *tensors* as the bytes of a ``.lkz`` file.

    Floats of any shape, each exactly a float32 number; zeros are taken for pruned weights. Raises UsageError for what
    a file cannot hold: NaN or infinity, whole numbers, names or sizes beyond the format's limits.
    """
    return _packed(tensors)[0]


def account(tensors: Mapping[str, np.ndarray]) -> list[Account]:
    """Return what each tensor takes in the file that `pack` makes of *tensors*.

    What is left over (about a dozen bytes) is the file's own: its first four bytes, the number of tensors, the last
    word and the checksum. Raises as `pack` does.
    """
    return _packed(tensors)[1]


def parts(tensors: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return where the file's bytes go: parts of all kernels, *biases* (one axis), and the file's *own*.

    The sum is the length of what `pack` makes of them. Raises as `pack` does.
    """
    data, rows = _packed(tensors)
    kernels = [row for row in rows if np.ndim(tensors[row.name]) > 1]
    bytes_by_part = {part: float(sum(getattr(row, part) for row in kernels)) for part in _PARTS}
    bytes_by_part["biases"] = sum(getattr(row, part) for row in rows if row not in kernels for part in _PARTS)
    bytes_by_part["own"] = len(data) - sum(bytes_by_part.values())
    return bytes_by_part


def unpack(data: bytes) -> Tensors:
    """Return the tensors in the bytes of a ``.lkz`` file, float32, by name, in the order of the file.

    Raises LabkitError, in one sentence, for what `pack` did not write: a truncated or damaged file, one of a later
    version, something else. Memory is taken for at most 2^25 weights, whatever the file says.
    """
    if data[:3] != MAGIC:
        raise LabkitError("This is not a .lkz file (no LKZ at its start): give one that 'labkit compress' wrote.")
    if len(data) < 9:
        raise damaged(f"it ends after {len(data)} bytes")
    if data[3] > VERSION:
        raise LabkitError(
            f"This .lkz file has version {data[3]}, and this labkit reads version {VERSION}: update labkit "
            "(or copy the file again, if it should be of that version)."
        )
    if data[3] < VERSION or zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise damaged("its checksum is wrong")
    heads, coded = read_heads(data[4:-4])
    stream = Reader(coded)
    tensors = {head.name: _read_tensor(head, stream) for head in heads}
    stream.finish()
    return tensors


def write(path: Path | str, tensors: Mapping[str, np.ndarray]) -> int:
    """Write *tensors* to the file *path*, whole or not at all, and return its size in bytes.

    Raises as `pack` does, and LabkitError for a full disk.
    """
    data = pack(tensors)
    files.write(path, data)
    return len(data)


def read(path: Path | str) -> Tensors:
    """Return the tensors in the file *path*. Raises LabkitError as `unpack` does, and when it cannot be read."""
    data = files.read(path, MOST_BYTES, "a .lkz file")
    try:
        return unpack(data)
    except LabkitError as error:
        raise LabkitError(f"{path}: {error}") from None


def _packed(tensors: Mapping[str, np.ndarray]) -> tuple[bytes, list[Account]]:
    weights = sum(np.size(tensor) for tensor in tensors.values())
    if len(tensors) > MOST_TENSORS or weights > MOST_WEIGHTS:
        raise UsageError(
            f"There are {len(tensors):,} tensors of {weights:,} weights together, but a .lkz file holds "
            f"{MOST_TENSORS:,} of {MOST_WEIGHTS:,}: write several files."
        )
    stream, plain, rows, before = Writer(), varint(len(tensors)), [], ""
    for name, tensor in tensors.items():
        tensor = np.asarray(tensor)
        refuse(name, tensor)
        tensor = tensor.astype(np.float32)
        head, mask, indices = _head(name, tensor)
        start = stream.bits
        if head.kind == MASKED:
            _code_mask(head, stream, mask)
        middle = stream.bits
        if head.flags & SHARED:
            stream.code(indices, head.frequencies, head.kept)
        front, tail = write_head(head, before)
        plain, before = plain + front + tail, name
        bits = (middle - start, stream.bits - middle)
        different = len(np.unique(head.values))
        rows.append(Account(name, head.size, head.kept, different, len(front), bits[0] / 8, bits[1] / 8, len(tail)))
    data = MAGIC + bytes([VERSION]) + plain + stream.bytes()
    return data + zlib.crc32(data).to_bytes(4, "little"), rows


def _head(name: str, tensor: NDArray[np.float32]) -> tuple[Head, NDArray[np.bool_], NDArray[np.int64]]:
    """Return a tensor's head, its mask as a matrix, and the indices of its weights in the order of the mask."""
    rows, columns, folded = matrix(tensor.shape) if tensor.size else (0, 0, False)
    values = tensor.reshape(columns, rows).T if folded else tensor.reshape(rows, columns)
    mask = values != 0
    kept = int(np.count_nonzero(mask))
    kind = NO_ZERO if kept == mask.size else ALL_ZERO if kept == 0 else MASKED
    head = Head(name, tensor.shape, kind, kept)
    if not kept:
        return head, mask, np.zeros(0, np.int64)
    there = values[mask]
    book, indices, counts = np.unique(there, return_inverse=True, return_counts=True)
    with np.errstate(over="ignore"):
        head.flags |= HALF if np.array_equal(book.astype(np.float16), book) else 0
    width = 2 if head.flags & HALF else 4
    frequencies = np.maximum(counts * 255 // counts.max(), 1)
    coded = -np.log2(frequencies / frequencies.sum()) @ counts / 8
    if len(book) <= MOST_VALUES and len(book) * (width + 1) + coded < kept * width:
        head.flags |= SHARED
        head.values, head.frequencies = book, frequencies
    else:
        head.values = there
    if kind == MASKED:
        _choose_mask(head, mask, tensor.shape)
    return head, mask, indices


def _choose_mask(head: Head, mask: NDArray[np.bool_], shape: tuple[int, ...]) -> None:
    """Set how the mask is coded: the distance between neighbours that takes the fewest bits."""
    rows = len(mask)
    head.model = best_model(np.count_nonzero(mask, axis=0), head.kept // mask.shape[1])
    likely = {0, 1, math.isqrt(rows), shape[-2] if len(shape) > 2 else 0}
    bits = {}
    for apart in sorted(distance for distance in likely if distance < rows):
        head.apart, trial = apart, Writer()
        _code_mask(head, trial, mask)
        bits[apart] = trial.bits
    head.apart = min(bits, key=lambda apart: (bits[apart], apart))


def _code_mask(head: Head, stream: Writer | Reader, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Code the counts of the columns and the mask, or read them when it is None; the mask as a matrix."""
    rows, columns, _ = matrix(head.shape)
    known_counts = None if mask is None else np.count_nonzero(mask, axis=0)
    counts = code_counts(stream, known_counts, columns, head.kept // columns, head.model)
    if counts.min() < 0 or counts.max() > rows or counts.sum() != head.kept:
        raise damaged("its columns do not have the stored number of weights")
    return code_mask(stream, mask, rows, counts, head.apart)


def _read_tensor(head: Head, stream: Reader) -> NDArray[np.float32]:
    if head.kind == ALL_ZERO or not head.size:
        return np.zeros(head.shape, np.float32)
    rows, columns, folded = matrix(head.shape)
    mask = _code_mask(head, stream, None) if head.kind == MASKED else None
    there = head.values
    if head.flags & SHARED:
        there = there[stream.code(None, head.frequencies, head.kept)]
    if mask is None:
        result = there.reshape(rows, columns)
    else:
        result = np.zeros((rows, columns), np.float32)
        result[mask] = there
    return np.ascontiguousarray(result.T if folded else result).reshape(head.shape)
