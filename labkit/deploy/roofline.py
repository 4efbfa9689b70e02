"""The roofline of this machine, measured on one thread, and where a network's layers stand on it.

Williams, Waterman and Patterson, *Roofline: an insightful visual performance model*, CACM 52 (2009); the triad is that
of McCalpin's STREAM (1995). One multiply-accumulate is two floating-point operations (FLOP).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labkit.base.checks import whole
from labkit.base.errors import LabkitError, UsageError
from labkit.deploy.apart import apart
from labkit.deploy.content import Source
from labkit.deploy.flatbuffer import KINDS
from labkit.deploy.inspect import layers
from labkit.deploy.memory import steps
from labkit.deploy.single_layers import overhead, single_layers
from labkit.deploy.timing import Timing, latency

__all__ = ["Machine", "Work", "caches", "layer_times", "machine", "predicted_seconds", "work"]

_PIECE = 65536  # floats a step of the triad: 256 KiB an array, so that what one step writes the next finds in the cache
_STEPS = 16  # steps between two looks at the clock: some ms, less than the time slice of a busy system
_PRODUCT = 512  # rows of the matrices whose product is timed: beyond it the rate hardly grows, and it takes few ms
_ROWS, _COLUMNS = 500, 800  # the weights of LeNet-5's large dense layer: 1.6 MB, which many second-level caches hold
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


@dataclass(frozen=True)
class Machine:
    """Rates of one thread, the best of the rounds, as STREAM reports them.

    ``peak``: float32 operations a second of a matrix product. ``bandwidth``: bytes a second between memory and
    processor in the triad a = b + s·c, four arrays moved for each step: a is read before it is written
    (*write-allocate*). ``stream``: the same as STREAM counts it, three arrays. ``cached``: bytes a second that a
    matrix-vector product reads of a 1.6 MB matrix it has just read.
    """

    peak: float
    bandwidth: float
    cached: float
    array_bytes: int
    threads: int = 1

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
    """What one layer has to do for one input: FLOP, and bytes of weights, input and output, each moved once."""

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
            f"flops {flops}, bytes {moved}, peak {peak}, bandwidth {bandwidth}: work is 0 or more, rates are above 0."
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


def layer_times(
    sources: Mapping[str, Source], seconds: float = 1.0, seed: int = 0
) -> tuple[dict[str, Work], dict[str, Timing]]:
    """Return the work and the time of each layer of ``.tflite`` files (name → file), all timed against each other, one
    thread.

    Both are by ``name layer``: ``lenet5 dense 1``. Among the times are those of the whole files, by name, and of a call
    that does next to nothing, ``call``, which each layer's time holds too. A layer is called again and again: what fits
    into the caches is there. Raises as `work`, `profile_ops.single_layers` and `timing.latency` do.
    """
    works: dict[str, Work] = {}
    files: dict[str, Source] = {"call": overhead()}
    for name, source in sources.items():
        files[name] = source
        for task, alone in zip(work(source), single_layers(source), strict=True):
            works[f"{name} {task.name}"], files[f"{name} {task.name}"] = task, alone
    return works, latency(files, seconds=seconds, seed=seed)


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


def machine(seconds: float = 1.5, array_mib: int = 128) -> Machine:
    """Measure this machine on one thread, in a process of its own, for about *seconds*; three arrays of *array_mib*.

    A process of its own, because a BLAS library reads its number of threads when it is loaded. Raises UsageError for
    times or sizes that are not above 0, LabkitError when that process fails (not enough memory).
    """
    array_mib = whole("array_mib", array_mib, 1)
    if not seconds > 0:
        raise UsageError(f"seconds is {seconds!r}, but takes a number above 0.")
    refusal = (
        f"Measuring the machine failed with exit code {{code}}: three arrays of {array_mib} MiB may be too much for "
        "the memory; give a smaller array_mib."
    )
    return Machine(*apart("roofline._rates", seconds / 3, array_mib << 20, one_thread=True, refusal=refusal))


def _rates(seconds: float, array_bytes: int) -> tuple[float, float, float, int]:
    return _peak(seconds), _triad(seconds, array_bytes), _cached(seconds), array_bytes


def _peak(seconds: float) -> float:
    left, right, result = (np.full((_PRODUCT, _PRODUCT), 0.5, np.float32) for _ in range(3))
    return 2 * _PRODUCT**3 / _best(lambda: np.matmul(left, right, out=result), seconds)


def _cached(seconds: float) -> float:
    weights, given, result = (np.full(s, 0.5, np.float32) for s in ((_ROWS, _COLUMNS), _COLUMNS, _ROWS))
    several = 20  # of about 30 µs each, so that the clock's step does not matter
    return (
        several
        * weights.nbytes
        / _best(lambda: [np.matmul(weights, given, out=result) for _ in range(several)], seconds)
    )


def _triad(seconds: float, size: int) -> float:
    # Filled, not empty: pages that were never written do not exist yet, or all are one and the same.
    a, b, c = (np.full(size // 4, value, np.float32) for value in (0, 1, 2))
    s, best = np.float32(3), 0.0
    end = time.perf_counter() + seconds
    passes = 0
    while passes < 2 or time.perf_counter() < end:
        for start in range(0, len(a), _PIECE * _STEPS):  # from end to end, so that all three have left the caches
            stop = min(start + _PIECE * _STEPS, len(a))
            begin = time.perf_counter()
            for at in range(start, stop, _PIECE):
                part = slice(at, min(at + _PIECE, stop))
                np.multiply(c[part], s, out=a[part])
                np.add(a[part], b[part], out=a[part])  # finds this part of a in the cache
            best = max(best, 16 * (stop - start) / (time.perf_counter() - begin))
        passes += 1
    if a[0] != 7 or a[-1] != 7:
        raise LabkitError("The triad computed something else than b + 3 c: its time means nothing.")
    return best


def _best(call: Callable[[], object], seconds: float) -> float:
    """Return the shortest of the calls that fit into *seconds*, three at least, after one untimed; in seconds."""
    call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)
