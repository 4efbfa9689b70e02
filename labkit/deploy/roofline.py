"""The roofline of this machine, measured on one thread, and the position of a network's layers on it.

Williams, Waterman and Patterson, *Roofline: an insightful visual performance model*, CACM 52 (2009); the triad is that
of McCalpin's STREAM (1995). One multiply-accumulate is two floating-point operations (FLOP).
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labkit.base.checks import whole
from labkit.base.errors import LabkitError, UsageError, one_of
from labkit.deploy.apart import apart
from labkit.deploy.content import Source
from labkit.deploy.flatbuffer import KINDS
from labkit.deploy.inspect import layers
from labkit.deploy.memory import steps
from labkit.deploy.single_layers import overhead, single_layers
from labkit.deploy.timing import Timings, interleaved, prepared, timing_of

__all__ = ["Machine", "Survey", "Work", "caches", "predicted_seconds", "survey", "triad", "work"]

Pieces = list[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]]  # of a, b and c
CALL, PRODUCT, TRIAD = "call", "product", "triad"  # names of candidates of `survey` that are no layers

_PIECE = 65536  # floats a step of the triad: 256 KiB an array, so that what one step writes the next finds in the cache
_STRETCH = 16 * _PIECE  # floats of each array between two looks at the clock: about a millisecond
_BYTES = 16  # bytes that one float of the triad moves: c and b are read, a is read before it is written
_FACTOR = np.float32(3)
_PRODUCT = 256  # rows of the matrices whose product is timed: less than a millisecond, so that few are interrupted
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


@dataclass(frozen=True)
class Machine:
    """Rates of one thread, from the lower quartile of the times: an interruption only ever adds time.

    ``peak``: float32 operations a second of a matrix product. ``bandwidth``: bytes a second between memory and
    processor in the triad a = b + s·c, four arrays moved for each step: a is read before it is written
    (*write-allocate*). ``stream``: the same as STREAM counts it, three arrays.
    """

    peak: float
    bandwidth: float

    @property
    def stream(self) -> float:
        """Return the bytes a second of the triad without the write-allocate: three quarters of ``bandwidth``."""
        return 0.75 * self.bandwidth

    @property
    def ridge(self) -> float:
        """Return FLOP for each byte from which on the peak is the bound: where the two roofs meet."""
        return self.peak / self.bandwidth

    def roof(self, intensity: ArrayLike) -> NDArray[np.float64]:
        """Return FLOP a second that can be reached at *intensity* (FLOP for each byte): the lower of the two roofs."""
        return np.minimum(self.peak, self.bandwidth * np.asarray(intensity, np.float64))


@dataclass(frozen=True)
class Work:
    """The work of one layer for one input: FLOP, and bytes of weights, input and output, each moved once."""

    name: str
    kind: str
    flops: int
    bytes: int

    @property
    def intensity(self) -> float:
        """Return FLOP for each byte."""
        return self.flops / self.bytes


def predicted_seconds(flops: float, moved: float, peak: float, bandwidth: float) -> float:
    """Return the roofline's time: the longer of computing (``flops / peak``) and moving (``moved / bandwidth``), in
    seconds.

    *moved* in bytes, the rates in FLOP and bytes a second. Raises UsageError for negative work or rates not above 0.
    """
    if not (flops >= 0 and moved >= 0 and peak > 0 and bandwidth > 0):
        raise UsageError(
            f"flops {flops}, bytes {moved}, peak {peak}, bandwidth {bandwidth}: work must be ≥ 0, and rates > 0."
        )
    return max(flops / peak, moved / bandwidth)


def work(source: Source) -> list[Work]:
    """Return the work of each row of `labkit.deploy.inspect.layers`, from the shapes and dtypes in the file.

    Names are the kind and a number, ``conv2d 2``. Raises LabkitError for a damaged file.
    """
    count: dict[str, int] = {}
    works = []
    for row, step in zip(layers(source), (step for step in steps(source) if step.name in KINDS), strict=True):
        count[row.kind] = count.get(row.kind, 0) + 1
        works.append(Work(f"{row.kind} {count[row.kind]}", row.kind, 2 * row.macs, step.moved()))
    return works


@dataclass(frozen=True)
class Survey:
    """The result of `survey`: the work of each layer, all times, and the rates of the machine in the same rounds."""

    works: dict[str, Work]
    times: Timings
    machine: Machine

    def work_ms(self, name: str) -> float:
        """Return the time of *name* without the cost of a call, in ms: the lower quartiles' difference.

        Raises UsageError for an unknown name.
        """
        return self.times[one_of("name", name, self.times)].low_ms - self.times[CALL].low_ms


def survey(paths: Mapping[str, Path | str], seconds: float = 3.0, array_mib: int = 128, seed: int = 0) -> Survey:
    """Time each layer of ``.tflite`` files (name → path), the files and the machine's two rates against each other.

    One thread, in a process of its own, because a BLAS library reads its number of threads when it is loaded. Layers
    are by ``name layer``: ``lenet5 dense 1``. Among the times are those of the whole files, by name, of a call that
    does next to nothing (``call``), which each layer's time holds too, of a product of two 256 × 256 matrices
    (``product``) and of a 16 MiB stretch of the triad over arrays of *array_mib* MiB (``triad``). A layer is called
    again and again: what fits into the caches is there. Raises UsageError for *seconds* or *array_mib* not above 0, and
    as `work` and `single_layers.single_layers` do; LabkitError when that process fails (not enough memory).
    """
    array_mib = _checked(seconds, array_mib)
    works: dict[str, Work] = {}
    for name, path in paths.items():
        works |= {f"{name} {task.name}": task for task in work(path)}
    files = {name: str(path) for name, path in paths.items()}
    samples = apart(
        "roofline._survey", files, seconds, array_mib << 20, seed, one_thread=True, refusal=_refusal(array_mib)
    )
    times = Timings({name: timing_of(found) for name, found in samples.items()})
    peak = 2 * _PRODUCT**3 / (times[PRODUCT].low_ms / 1e3)
    return Survey(works, times, Machine(peak, _BYTES * _STRETCH / (times[TRIAD].low_ms / 1e3)))


def triad(sizes_kib: Sequence[int], seconds: float = 2.0, seed: int = 0) -> dict[int, NDArray[np.float64]]:
    """Return the triad's rates over three arrays of each of *sizes_kib*: bytes a second, one value per round.

    Four arrays move in each pass. One thread, in a process of its own; each round takes the sizes in an order drawn
    anew with *seed*, at least three rounds. A turn begins with an untimed pass, so that small arrays are in a cache;
    then stretches of about a millisecond are timed, and their median is the round's value. Raises UsageError for no
    sizes, sizes below 16 KiB, and *seconds* not above 0; LabkitError when there is not enough memory.
    """
    sizes = [whole("size", size, 16) for size in sizes_kib]
    if not sizes:
        raise UsageError("There is no size to measure: give at least one, in KiB.")
    _checked(seconds, 1)
    refusal = _refusal(max(sizes) / 1024)
    rates = apart("roofline._triads", sizes, seconds, seed, one_thread=True, refusal=refusal)
    return {size: np.array(found) for size, found in zip(sizes, rates, strict=True)}


def caches() -> dict[int, int]:
    """Return the bytes of each level of data cache that the first processor sees, where Linux tells; else empty."""
    bytes_by_level: dict[int, int] = {}
    try:
        for place in sorted(_CACHES.glob("index*")):
            level, kind, size = ((place / name).read_text().strip() for name in ("level", "type", "size"))
            if kind != "Instruction":
                bytes_by_level[int(level)] = int(size.rstrip("K")) * 1024
    except (OSError, ValueError):
        return {}
    return bytes_by_level


def _checked(seconds: float, array_mib: int) -> int:
    if not seconds > 0:
        raise UsageError(f"seconds is {seconds!r}, but must be a number above 0.")
    return whole("array_mib", array_mib, 1)


def _refusal(array_mib: float) -> str:
    return (
        f"Measuring the machine failed with exit code {{code}}: three arrays of {array_mib:g} MiB may be too much for "
        "the memory; use smaller arrays."
    )


def _survey(paths: dict[str, str], seconds: float, array_bytes: int, seed: int) -> dict[str, tuple[float, ...]]:
    files: dict[str, Source] = {CALL: overhead()}
    for name, path in paths.items():
        files[name] = path
        for task, alone in zip(work(path), single_layers(path), strict=True):
            files[f"{name} {task.name}"] = alone
    candidates: dict[str, Callable[[], object]] = {
        name: prepared(source, seed=seed).invoke for name, source in files.items()
    }
    left, right, result = (np.full((_PRODUCT, _PRODUCT), 0.5, np.float32) for _ in range(3))
    candidates[PRODUCT] = lambda: np.matmul(left, right, out=result)
    whole_stretches = max(1, array_bytes // (4 * _STRETCH))  # so that each turn of the triad moves equally much
    stretches = cycle(_stretches(_arrays(whole_stretches * _STRETCH)))
    candidates[TRIAD] = lambda: _step(next(stretches))
    times = interleaved(candidates, seconds=seconds, seed=seed)
    return {name: timing.samples for name, timing in times.items()}


def _triads(sizes_kib: list[int], seconds: float, seed: int) -> list[list[float]]:
    arrays = _arrays(max(sizes_kib) * 256)
    stretches = [_stretches([array[: size * 256] for array in arrays]) for size in sizes_kib]
    rates: list[list[float]] = [[] for _ in sizes_kib]
    order, end = random.Random(seed), time.perf_counter() + seconds
    while time.perf_counter() < end or len(rates[0]) < 3:
        for number in order.sample(range(len(sizes_kib)), len(sizes_kib)):
            rates[number].append(_pass(stretches[number]))
    a = arrays[0]
    if a[0] != 7 or a[-1] != 7:
        raise LabkitError(
            "The triad computed something else than b + 3 c: its time is meaningless; report this as a bug in labkit."
        )
    return rates


def _pass(stretches: list[Pieces]) -> float:
    """Return the median rate of the stretches, in bytes a second, after one untimed pass."""
    for stretch in stretches:
        _step(stretch)
    rates = []
    for stretch in stretches * math.ceil(5 / len(stretches)):
        begin = time.perf_counter()
        _step(stretch)
        rates.append(_BYTES * sum(len(a) for a, _, _ in stretch) / (time.perf_counter() - begin))
    return float(np.median(rates))


def _arrays(floats: int) -> list[NDArray[np.float32]]:
    # Filled, not empty: pages that were never written do not exist yet, or all are one and the same.
    return [np.full(floats, value, np.float32) for value in (0, 1, 2)]


def _stretches(arrays: Sequence[NDArray[np.float32]]) -> list[Pieces]:
    """Return what a pass over a, b and c computes, in stretches that move equally much; small arrays come repeatedly.

    The last stretch of large arrays has what is left.
    """
    floats = len(arrays[0])
    stretches = []
    for start in range(0, floats, _STRETCH):
        stop = min(start + _STRETCH, floats)
        cuts = [slice(at, min(at + _PIECE, stop)) for at in range(start, stop, _PIECE)]
        stretches.append([(arrays[0][cut], arrays[1][cut], arrays[2][cut]) for cut in cuts])
    return stretches if floats > _STRETCH else [stretches[0] * (_STRETCH // floats)]


def _step(pieces: Pieces) -> None:
    """Compute a = b + 3 c for each piece."""
    for a, b, c in pieces:
        np.multiply(c, _FACTOR, out=a)
        np.add(a, b, out=a)  # finds this piece of a in the cache
