"""Codes of a few bits each, side by side in bytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def pack(codes: np.ndarray, bits: int) -> NDArray[np.uint8]:
    """Whole numbers from 0 to 2**bits − 1 as a row of bits, highest first; the last byte is filled up with zeros."""
    shifts = np.arange(bits - 1, -1, -1)
    return np.packbits((np.asarray(codes, np.int64).ravel()[:, None] >> shifts & 1).astype(np.uint8))


def unpack(packed: np.ndarray, bits: int, count: int) -> NDArray[np.int64]:
    """The first *count* numbers that `pack` wrote, int64."""
    rows = np.unpackbits(packed, count=count * bits).reshape(count, bits)
    return rows.astype(np.int64) @ (1 << np.arange(bits - 1, -1, -1))
