"""A second reader of .lkz files, written from docs/lkz.md in Python integers and floats, without constriction.

What it finds is what the fast reader finds: so the page describes the format, and nothing in it hangs on a machine."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest

from labkit.methods import lkz


class Coded:
    """constriction's range decoder: a 64-bit state, 32-bit words, probabilities of 24 bits."""

    def __init__(self, data: bytes) -> None:
        self.words = [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]
        self.at, self.lower, self.range = 0, 0, 2**64 - 1
        self.point = self.word() << 32 | self.word()

    def word(self) -> int:
        self.at += 1
        return self.words[self.at - 1] if self.at <= len(self.words) else 0

    def symbols(self, frequencies: list[int], count: int) -> list[int]:
        if len(frequencies) < 2:
            return [0] * count
        starts = starts_of(frequencies)
        found = []
        for _ in range(count):
            scale = self.range >> 24
            quantile = ((self.point - self.lower) % 2**64) // scale
            symbol = next(i for i in range(len(frequencies)) if starts[i] <= quantile < starts[i + 1])
            self.lower = (self.lower + scale * starts[symbol]) % 2**64
            self.range = scale * (starts[symbol + 1] - starts[symbol])
            if self.range < 2**32:
                self.lower, self.range = (self.lower << 32) % 2**64, self.range << 32
                self.point = (self.point << 32) % 2**64 | self.word()
            found.append(symbol)
        return found


def starts_of(frequencies: list[int]) -> list[int]:
    """constriction's fast rule: one of 2^24 for each symbol, the rest in proportion to float64 sums, rounded down."""
    total = sum(frequencies)
    shares = [frequency / total for frequency in frequencies]
    norm = 0.0
    for share in shares:
        norm += share
    scale, reached, starts = (2**24 - len(shares)) / norm, 0.0, []
    for i, share in enumerate(shares):
        starts.append(int(reached * scale) + i)
        reached += share
    return [*starts, 2**24]


class Plain:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value


def float32(value: float) -> float:
    return struct.unpack("<f", struct.pack("<f", value))[0]


def read(data: bytes) -> dict[str, tuple[tuple[int, ...], list[float]]]:
    plain, heads, name = Plain(data[4:-4]), [], b""
    for _ in range(plain.number()):
        same, more = plain.take(2)
        name = name[:same] + plain.take(more)
        shape = tuple(plain.number() for _ in range(plain.take(1)[0]))
        flags = plain.take(1)[0]
        size = math.prod(shape)
        kept, apart, model = (size if flags & 3 == 0 else 0), 0, 0
        if flags & 3 == 2:
            kept, apart, model = plain.number(), plain.number(), plain.take(1)[0]
        count = plain.number() if flags & 8 else kept
        width, kind = (2, "e") if flags & 4 else (4, "f")
        values = list(struct.unpack(f"<{count}{kind}", plain.take(width * count)))
        frequencies = list(plain.take(count)) if flags & 8 else []
        heads.append((name.decode(), shape, flags, kept, apart, model, values, frequencies))
    coded = Coded(plain.data[plain.at :])
    return {head[0]: (head[1], tensor(coded, *head[1:])) for head in heads}


def tensor(coded, shape, flags, kept, apart, model, values, frequencies) -> list[float]:
    size = math.prod(shape)
    columns = shape[-1] if shape else 1
    folded = columns in (1, size)
    if folded:
        columns = size // next(d for d in range(16, 0, -1) if size % d == 0)
    if not kept:
        return [0.0] * size
    rows = size // columns
    mask = [[True] * columns for _ in range(rows)]
    if flags & 3 == 2:
        mask = bits(coded, rows, counts(coded, columns, kept // columns, model), apart)
    if flags & 8:
        values = [values[i] for i in coded.symbols(frequencies, kept)]
    there = iter(values)
    matrix = [[next(there) if mask[i][j] else 0.0 for j in range(columns)] for i in range(rows)]
    if folded:
        return [matrix[i][j] for j in range(columns) for i in range(rows)]
    return [value for row in matrix for value in row]


def counts(coded, columns: int, before: int, model: int) -> list[int]:
    frequencies = [2**18]
    while len(frequencies) < 256:
        frequencies.append(max(frequencies[-1] * model // 64, 1))
    numbers = coded.symbols(frequencies, columns)
    large = [i for i, number in enumerate(numbers) if number == 255]
    told = coded.symbols([1] * 256, 3 * len(large))
    for k, i in enumerate(large):
        numbers[i] = told[3 * k] * 65536 + told[3 * k + 1] * 256 + told[3 * k + 2]
    found = []
    for number in numbers:
        before += number // 2 if number % 2 == 0 else -(number + 1) // 2
        found.append(before)
    return found


def bits(coded, rows: int, told: list[int], apart: int) -> list[list[bool]]:
    mask = [[count == rows for count in told] for _ in range(rows)]
    open_columns = [j for j, count in enumerate(told) if 0 < count < rows]
    seen, history, done = [0] * rows, {}, 0
    while done < len(open_columns):
        block = open_columns[done : done + min(max(16, done), max(2**20 // rows, 1))]
        mean = sum(seen) // rows
        near = [
            sum(seen[k] for k in (i - 1, i + 1, i - apart, i + apart) if 0 <= k < rows) if apart else 4 * mean
            for i in range(rows)
        ]
        guess = [4 * seen[i] + 2 * near[i] + mean + 1 for i in range(rows)]
        total = sum(guess)
        share = [float32(g / total) for g in guess]
        places: dict[int, list[tuple[int, int]]] = {}
        for i in range(rows):
            for j in block:
                expected = min(float32(share[i] * told[j]), 1.0)
                word = struct.unpack("<I", struct.pack("<f", expected))[0]
                places.setdefault(word >> 22, []).append((i, j))
        for k in sorted(places):
            a, b = history.get(k, (0, 0))
            middle = (1.75 if k % 2 else 1.25) * 2.0 ** (k // 2 - 127)
            f = (2**20 * a + 3 * math.floor(2**20 * middle)) // (2**4 * (b + 3))
            f = min(max(f, 1), 65535)
            found = coded.symbols([65536 - f, f], len(places[k]))
            for (i, j), bit in zip(places[k], found, strict=True):
                mask[i][j] = bool(bit)
            history[k] = (a + sum(found), b + len(found))
        for i in range(rows):
            seen[i] += sum(mask[i][j] for j in block)
        done += len(block)
    return mask


def network(rows: int, columns: int, density: float, values: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(rows)
    chance = np.clip(np.outer(rng.random(rows) ** 2, np.linspace(3, 0.1, columns)) * density, 0, 1)
    kernel = (rng.random((rows, columns)) < chance) * rng.choice(
        rng.normal(size=values).astype(np.float16), (rows, columns)
    )
    bias = rng.normal(size=columns).astype(np.float32) * (np.arange(columns) < 0.7 * columns)
    return {
        "a/kernel": kernel.astype(np.float32),
        "a/bias": bias.astype(np.float32),
        "b/empty": np.zeros((3, 2), np.float32),
    }


@pytest.mark.parametrize("given", [(64, 40, 0.1, 8), (49, 100, 0.02, 3), (9, 30, 0.5, 40), (100, 7, 0.3, 1)], ids=str)
def test_a_reader_written_from_the_description_finds_the_same(given):
    data = lkz.pack(network(*given))
    expected, found = lkz.unpack(data), read(data)
    assert list(found) == list(expected)
    for name, (shape, values) in found.items():
        assert shape == expected[name].shape
        assert np.array_equal(np.array(values, np.float32), expected[name].ravel()), name
