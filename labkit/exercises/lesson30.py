"""Exercises of lesson 30: a CSR product, the relative index, and the 2:4 pattern."""

from __future__ import annotations

from typing import Any

import numpy as np

from labkit.exercises.framework import Exercise, Mistake
from labkit.methods.prune import magnitude_mask
from labkit.methods.sparsity import pattern_mask
from labkit.methods.storage import Layout, encode, unpack

_RNG = np.random.default_rng(30)


def _both(values: np.ndarray, columns: np.ndarray, pointers: np.ndarray, vector: np.ndarray) -> np.ndarray:
    rows = np.repeat(np.arange(len(pointers) - 1), np.diff(pointers))
    return np.bincount(rows, values * vector[columns], len(pointers) - 1)


def _ungathered(values: np.ndarray, columns: np.ndarray, pointers: np.ndarray, vector: np.ndarray) -> np.ndarray:
    counts = np.diff(pointers)
    within = np.arange(len(values)) - np.repeat(pointers[:-1], counts)
    return _both(values, within, pointers, vector)


def _last_lost(values: np.ndarray, columns: np.ndarray, pointers: np.ndarray, vector: np.ndarray) -> np.ndarray:
    return _both(values, columns, pointers, vector)[:-1]


def _reduceat(values: np.ndarray, columns: np.ndarray, pointers: np.ndarray, vector: np.ndarray) -> np.ndarray:
    products = values * vector[columns]
    padded = np.append(products, 0.0)  # so that a pointer to the end is allowed
    return np.add.reduceat(padded, pointers[:-1]) if len(pointers) > 1 else np.zeros(0)


def _unsummed(values: np.ndarray, columns: np.ndarray, pointers: np.ndarray, vector: np.ndarray) -> np.ndarray:
    return values * vector[columns]


def _sorted_columns(values: np.ndarray, columns: np.ndarray, pointers: np.ndarray, vector: np.ndarray) -> np.ndarray:
    rows = np.repeat(np.arange(len(pointers) - 1), np.diff(pointers))
    return _both(values, columns[np.lexsort((columns, rows))], pointers, vector)


def _csr(matrix: Any) -> tuple[np.ndarray, ...]:
    arrays = encode(np.asarray(matrix, dtype="float64"), "csr", Layout(index_bytes=4)).arrays
    return arrays["values"], arrays["columns"].astype(np.int64), arrays["pointers"].astype(np.int64)


def _case(matrix: Any) -> tuple[np.ndarray, ...]:
    return *_csr(matrix), _RNG.normal(size=np.shape(matrix)[1])


def _relative(row: np.ndarray, bits: int) -> np.ndarray:
    arrays = encode(np.asarray(row, dtype="float64"), "relative", Layout(gap_bits=bits)).arrays
    return np.stack([unpack(arrays["gaps"], bits, len(arrays["values"])), arrays["values"]], axis=1)


def _unpadded(row: np.ndarray, bits: int) -> np.ndarray:
    places = np.flatnonzero(row)
    gaps = np.diff(places, prepend=-1) - 1
    return np.stack([gaps, row[places]], axis=1).astype(float)


def _differences(row: np.ndarray, bits: int) -> np.ndarray:
    return _relative(row, bits) + np.array([1.0, 0.0])


def _trailing(row: np.ndarray, bits: int) -> np.ndarray:
    end = np.append(row, 1.0)  # a weight behind the row, so that what leads to it is stored
    return _relative(end, bits)[:-1]


def _padded(
    row: np.ndarray, bits: int, most: int, covered: int, several: bool = True, least: int | None = None
) -> np.ndarray:
    """Return the entries with padding of another kind: *most* is its gap, *covered* its places, *least* a gap that fits
    no more."""
    entries, last = [], -1
    for place in np.flatnonzero(row):
        gap = int(place) - last - 1
        while gap > most if least is None else gap >= least:
            entries.append((most, 0.0))
            gap -= covered
            if not several:
                break
        entries.append((gap, float(row[place])))
        last = int(place)
    return np.array(entries, dtype=float).reshape(-1, 2)


def _largest(weights: np.ndarray) -> np.ndarray:
    return pattern_mask(np.asarray(weights))


def _signed(weights: np.ndarray) -> np.ndarray:
    return _largest(weights - np.min(weights, initial=0))


def _down_columns(weights: np.ndarray) -> np.ndarray:
    return _largest(weights.T).T if weights.shape[0] % 4 == 0 else ~_largest(weights)


def _above_the_median(weights: np.ndarray) -> np.ndarray:
    groups = np.abs(weights).reshape(-1, 4)
    return (groups > np.median(groups, axis=1, keepdims=True)).reshape(weights.shape)


def _one_of_each_two(weights: np.ndarray) -> np.ndarray:
    return pattern_mask(np.asarray(weights), keep=1, of=2)


def _ties(weights: np.ndarray) -> np.ndarray:
    groups = np.abs(weights).reshape(-1, 4)
    second = np.sort(groups, axis=1)[:, 2:3]
    return (groups >= second).reshape(weights.shape)


_ROW = np.where(_RNG.random(60) < 0.1, _RNG.normal(size=60), 0.0)
_HAN = np.zeros(16)
_HAN[[1, 4, 15]] = [3.4, 0.9, 1.7]
_FAR = np.zeros(40)
_FAR[[3, 36]] = [1.0, -2.0]

EXERCISES = [
    Exercise(
        "30.1",
        _both,
        mistakes=[
            Mistake(
                "not gathered",
                _ungathered,
                "you multiply with the first numbers of the vector; take those in columns, vector[columns[part]]",
            ),
            Mistake(
                "last row",
                _last_lost,
                "the last row is missing: there is one pointer more than there are rows, so range(len(pointers) - 1)",
            ),
            Mistake(
                "empty rows",
                _reduceat,
                "rows without values get a product of the next row (np.add.reduceat does this); they should give zero",
            ),
            Mistake(
                "columns sorted",
                _sorted_columns,
                "you sort the columns of a row, and its values stay in their order: use the columns as they are",
            ),
            Mistake(
                "not summed",
                _unsummed,
                "those are the single products; add up those of each row, from pointers[r] to pointers[r + 1]",
            ),
        ],
        cases=[
            ("random matrix", _case(np.where(_RNG.random((5, 8)) < 0.4, _RNG.normal(size=(5, 8)), 0))),
            ("an empty row in the middle", _case([[1, 0, 2], [0, 0, 0], [0, 3, 0]])),
            ("the first and the last row empty", _case([[0, 0, 0], [0, 5, 4], [0, 0, 0]])),
            (
                "columns in any order",
                (np.array([1.0, 2.0, 3.0]), np.array([3, 0, 2]), np.array([0, 2, 3]), np.array([1.0, 10, 100, 1000])),
            ),
            ("nothing kept", _case(np.zeros((3, 4)))),
            ("one weight", _case([[0, 2.5]])),
            ("no rows", _case(np.zeros((0, 4)))),
        ],
    ),
    Exercise(
        "30.2",
        _relative,
        mistakes=[
            Mistake(
                "no padding",
                _unpadded,
                "a gap does not fit into its bits: insert a padding entry with the largest gap, and continue after it",
            ),
            Mistake(
                "cut off",
                lambda row, bits: np.minimum(_unpadded(row, bits), [2**bits - 1, np.inf]),
                "you cut a long gap off, so the places after it are wrong: insert padding entries",
            ),
            Mistake(
                "differences",
                _differences,
                "you store the distance to the entry before; the number of zeros between is one less, from 0 on",
            ),
            Mistake(
                "padding without a place",
                lambda row, bits: _padded(row, bits, 2**bits - 1, 2**bits - 1),
                "a padding entry occupies a place itself: it covers 2**bits places",
            ),
            Mistake(
                "one padding only",
                lambda row, bits: _padded(row, bits, 2**bits - 1, 2**bits, several=False),
                "one padding entry is not enough for a long gap: repeat while the rest is too long",
            ),
            Mistake(
                "trailing zeros",
                _trailing,
                "you store padding for the zeros after the last kept weight; these are not stored",
            ),
            Mistake(
                "padding for a gap that fits",
                lambda row, bits: _padded(row, bits, 2**bits - 1, 2**bits, least=2**bits - 1),
                "a gap of exactly 2**bits − 1 fits: insert padding only where the gap is larger",
            ),
            Mistake(
                "columns exchanged",
                lambda row, bits: _relative(row, bits)[:, ::-1],
                "you return the value first; the gap comes first",
            ),
            Mistake(
                "too early",
                lambda row, bits: _padded(row, bits, 2**bits - 2, 2**bits - 1),
                "the largest gap is 2**bits − 1, and you stop one below it",
            ),
        ],
        cases=[
            ("the paper's row, 3 bits", (_HAN, 3)),
            ("random row, 2 bits", (_ROW, 2)),
            ("random row, 8 bits", (_ROW, 8)),
            ("a gap of 32, 3 bits", (_FAR, 3)),
            ("a gap that just fits", (np.array([0.0] * 7 + [1.0]), 3)),
            ("a gap that just does not fit", (np.array([0.0] * 8 + [1.0]), 3)),
            ("nothing kept", (np.zeros(20), 3)),
            ("everything kept", (np.ones(5), 3)),
            ("empty", (np.zeros(0), 3)),
        ],
    ),
    Exercise(
        "30.3",
        _largest,
        mistakes=[
            Mistake(
                "signed", _signed, "you rank the signed weights and remove large negative ones; rank np.abs(weights)"
            ),
            Mistake(
                "inverted", lambda weights: ~_largest(weights), "your mask is True where a weight is removed; invert it"
            ),
            Mistake(
                "no pattern",
                lambda weights: magnitude_mask(weights, 0.5),
                "those are the largest half of all weights; the pattern wants two in each group of four",
            ),
            Mistake(
                "above the median",
                _above_the_median,
                "you keep what is larger than the group's median, and of equal weights nothing; keep exactly two",
            ),
            Mistake(
                "last of equals",
                lambda weights: np.fliplr(_largest(np.fliplr(weights))),
                "of equal weights you keep the last; keep those that come first",
            ),
            Mistake(
                "ties",
                _ties,
                "where weights are equal you keep more than two; keep exactly two, the first of equals",
            ),
            Mistake(
                "one of each two",
                _one_of_each_two,
                "you keep one of each two neighbours; keep the two largest of four, which may be side by side",
            ),
            Mistake(
                "down the columns",
                _down_columns,
                "your groups run down the columns; neighbours in a row belong together",
            ),
        ],
        cases=[
            ("random weights", (_RNG.normal(size=(8, 12)).astype("float32"),)),
            ("one large group, one small", (np.array([[9.0, 8, -7, 6, 0.1, -0.2, 0.3, 0.4]]),)),
            ("all equal", (np.full((4, 4), 0.5),)),
            ("ties of both signs", (np.array([[1.0, -1, 1, 2], [-3, 3, -3, 0], [0, 0, 1, 0], [5, 4, 4, 4]]),)),
            ("hardly different", (np.array([[0.5, 0.501, 0.5004, 0.1], [0.1, 0.50001, -0.5, 0.50002]]),)),
            ("nothing left", (np.zeros((4, 8)),)),
            ("empty", (np.zeros((0, 8)),)),
        ],
    ),
]
