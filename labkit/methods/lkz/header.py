"""The plain part of a ``.lkz`` file: each tensor's name, shape, values, and the parameters of its coded part."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from labkit.base.errors import UsageError
from labkit.methods.lkz.probabilities import MODELS, damaged
from labkit.methods.tensor_limits import (
    LONGEST_NAME,
    MOST_AXES,
    MOST_TENSORS,
    MOST_WEIGHTS,
    name_problem,
    shape_problem,
    shown,
)

MOST_VALUES = 65_536  # different values in a tensor whose values are shared
NO_ZERO, ALL_ZERO, MASKED = 0, 1, 2  # bits 0 and 1 of a tensor's flags
HALF, SHARED = 4, 8  # bits 2 and 3
_TALLEST = 16  # rows into which a tensor of one axis is folded, at most


@dataclass
class Head:
    """One tensor: *kept* weights are not zero; *values* are all of theirs, or (shared) the different ones, each with
    its frequency. *apart* and *model* say how the mask and its column counts are coded (see ``lkz_models``)."""

    name: str
    shape: tuple[int, ...]
    flags: int
    kept: int = 0
    apart: int = 0
    model: int = 0
    values: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    frequencies: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def size(self) -> int:
        """Return the number of weights."""
        return math.prod(self.shape)

    @property
    def kind(self) -> int:
        """Return NO_ZERO, ALL_ZERO or MASKED."""
        return self.flags & 3


def matrix(shape: tuple[int, ...]) -> tuple[int, int, bool]:
    """Return rows and columns of a mask, and whether it is folded: a tensor of one axis is cut into columns.

    The columns are the last axis. Of a single row or column is made one with up to 16 rows, so that counts of columns
    say where a bias's zeros are.
    """
    size, columns = math.prod(shape), shape[-1] if shape else 1
    if columns not in (1, size):
        return size // columns, columns, False
    rows = next(rows for rows in range(_TALLEST, 0, -1) if size % rows == 0)
    return rows, size // rows, True


def write_head(head: Head, before: str) -> tuple[bytes, bytes]:
    """Return the bytes of *head* without its values. *before* is the previous tensor's name, to share its start."""
    name, last = head.name.encode(), before.encode()
    same = next((i for i, (a, b) in enumerate(zip(name, last, strict=False)) if a != b), min(len(name), len(last)))
    out = bytearray([same, len(name) - same]) + name[same:]
    out += bytes([len(head.shape)]) + b"".join(varint(n) for n in head.shape) + bytes([head.flags])
    if head.kind == MASKED:
        out += varint(head.kept) + varint(head.apart) + bytes([head.model])
    tail = head.values.astype("<f2" if head.flags & HALF else "<f4").tobytes()
    if head.flags & SHARED:
        tail = varint(len(head.values)) + tail + head.frequencies.astype(np.uint8).tobytes()
    return bytes(out), tail


def read_heads(data: bytes) -> tuple[list[Head], bytes]:
    """Return every head, and the coded bytes that follow them. Raises LabkitError when they make no sense."""
    source = _Bytes(data)
    count, heads, total = source.number(MOST_TENSORS), list[Head](), 0
    for _ in range(count):
        head = _read_head(source, heads[-1].name if heads else "", MOST_WEIGHTS - total)
        if any(head.name == other.name for other in heads):
            raise damaged("two tensors have one name")
        total += head.size
        heads.append(head)
    return heads, source.rest()


def _read_head(source: _Bytes, before: str, room: int) -> Head:
    same, more = source.byte(), source.byte()
    if same > len(before.encode()) or same + more > LONGEST_NAME:
        raise damaged("a name is too long")
    try:
        name = (before.encode()[:same] + source.take(more)).decode()
    except UnicodeDecodeError:
        raise damaged("a name is not text") from None
    if problem := name_problem(name):
        raise damaged(f"the name {shown(name)} {problem}")
    axes = source.byte()
    if axes > MOST_AXES:
        raise damaged(f"a tensor has {axes} axes")
    shape, flags = tuple(source.number(MOST_WEIGHTS) for _ in range(axes)), source.byte()
    head = Head(name, shape, flags)
    if shape_problem(shape, room):
        raise damaged(f"it declares more than {MOST_WEIGHTS:,} weights")
    if flags >= 16 or head.kind > MASKED or (head.kind == ALL_ZERO and flags != ALL_ZERO):
        raise damaged("a tensor has unknown flags")
    head.kept = head.size if head.kind == NO_ZERO else 0
    if head.kind == MASKED:
        head.kept, head.apart, head.model = source.number(head.size), source.number(head.size), source.byte()
        rows = matrix(shape)[0] if head.size else 0
        if not 0 < head.kept < head.size or not 0 <= head.apart < rows or not 0 < head.model < MODELS:
            raise damaged("a mask contradicts its counts")
    count = head.kept
    if flags & SHARED:
        count = source.number(MOST_VALUES)
        if count > head.kept:
            raise damaged("there are more values than weights")
    head.values = source.floats(count, bool(flags & HALF))
    if not np.isfinite(head.values).all():
        raise damaged("a value is not a finite number")
    if flags & SHARED:
        head.frequencies = np.frombuffer(source.take(count), np.uint8).astype(np.int64)
        if (head.kept and not count) or not head.frequencies.all():
            raise damaged("a value has no frequency")
    return head


class _Bytes:
    """Bytes that are read from the front, and never past their end."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise damaged("it ends too soon")
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self, most: int) -> int:
        """Return a whole number in groups of 7 bits, the lowest first; a byte's highest bit is 1 when more follow."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            if value > most or shift > 35:
                raise damaged("a number in it is too large")
            if byte < 128:
                return value

    def floats(self, count: int, half: bool) -> NDArray[np.float32]:
        kind = "<f2" if half else "<f4"
        return np.frombuffer(self.take(count * (2 if half else 4)), kind).astype(np.float32)

    def rest(self) -> bytes:
        return self.data[self.at :]


def varint(value: int) -> bytes:
    """Return *value* as the bytes that `_Bytes.number` reads."""
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def refuse(name: str, tensor: np.ndarray) -> None:
    """Raise UsageError when *tensor* cannot stand in a file."""
    if problem := name_problem(name):
        raise UsageError(f"The tensor's name {shown(name)} {problem}: give it another name.")
    if tensor.dtype.kind != "f":
        raise UsageError(f"Tensor {name!r} has dtype {tensor.dtype}, but a .lkz file holds floats: convert it first.")
    if tensor.ndim > MOST_AXES:
        raise UsageError(f"Tensor {name!r} has {tensor.ndim} axes, but a .lkz file holds {MOST_AXES}: reshape it.")
    if problem := shape_problem(tensor.shape):
        raise UsageError(f"Tensor {name!r} of shape {tensor.shape} {problem}: leave it out.")
    if not np.isfinite(tensor).all():
        raise UsageError(
            f"Tensor {name!r} holds NaN or infinity: train again, for example with a smaller learning rate."
        )
    with np.errstate(over="ignore"):
        if not np.array_equal(tensor.astype(np.float32), tensor):
            raise UsageError(
                f"Tensor {name!r} holds numbers that float32 cannot: convert it with .astype('float32') first."
            )
