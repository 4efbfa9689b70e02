"""Compare times fairly: candidates interleaved in random order, warmed up, medians with quartiles."""

from __future__ import annotations

import gc
import platform
import random
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from labkit.base.errors import LabkitError, UsageError, one_of
from labkit.deploy.apart import apart
from labkit.deploy.content import Source, describe, interpreter, read

KERNELS = ("XNNPACK", "built-in")  # what LiteRT can compute with on a processor: the delegate, or its own kernels
_BLOCK_MS = 0.5  # a turn repeats a call for about this long: far above the clock's step, far below a scheduler's slice
_CPUINFO = Path("/proc/cpuinfo")
# What decides whether int8 is faster than float32 on x86 and Arm: dot products of int8 in one instruction.
_INT8_EXTENSIONS = ("avx2", "avx512bw", "avx_vnni", "avx512_vnni", "amx_int8", "asimddp", "i8mm")


@dataclass(frozen=True)
class Timing:
    """Milliseconds a call over ``n`` rounds: median, lower and upper quartile; ``samples`` holds every round's mean."""

    median_ms: float
    low_ms: float
    high_ms: float
    n: int
    samples: tuple[float, ...] = field(default=(), repr=False)


class Timings(dict[str, Timing]):
    """The timings of one run, by name."""

    def ratios(self, reference: str) -> dict[str, float]:
        """Return each candidate's time over that of *reference*: the median of the ratios within each round.

        Paired so, a processor that slows down during the run does not enter. Raises UsageError for an unknown name.
        """
        base = np.array(self[one_of("candidate", reference, self)].samples)
        return {name: float(np.median(np.array(timing.samples) / base)) for name, timing in self.items()}


def interleaved(
    candidates: Mapping[str, Callable[[], Any]],
    seconds: float = 0.5,
    warmup: int = 10,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> Timings:
    """Time *candidates* (name → callable without arguments) against each other for about *seconds* in all.

    Each is called up to *warmup* times untimed. Then come rounds: in each, every candidate has one turn, in an order
    drawn anew with *seed*; a turn is one untimed call, which takes back the caches, then a block of timed calls of
    about half a millisecond. At least three rounds are run, however slow the candidates; *clock* gives seconds.
    Python's garbage collector rests. Raises UsageError when there is no candidate or *seconds* is not
    positive; errors of a candidate pass through.
    """
    if not candidates:
        raise UsageError("There is nothing to time: give at least one candidate.")
    if not seconds > 0 or warmup < 1:
        raise UsageError(f"seconds is {seconds} and warmup {warmup}, but seconds must be above 0 and warmup 1 or more.")
    order = random.Random(seed)
    samples: dict[str, list[float]] = {name: [] for name in candidates}
    with _collector_at_rest():
        share = seconds / (4 * len(candidates))
        calls = {name: _warm(call, warmup, share, clock) for name, call in candidates.items()}
        end = clock() + seconds
        while clock() < end or len(next(iter(samples.values()))) < 3:
            for name in order.sample(list(candidates), len(candidates)):
                call, count = candidates[name], calls[name]
                call()
                start = clock()
                for _ in range(count):
                    call()
                samples[name].append((clock() - start) * 1e3 / count)
    return Timings({name: timing_of(found) for name, found in samples.items()})


def latency(
    sources: Mapping[str, Source], threads: int = 1, batch: int = 1, seconds: float = 0.5, seed: int = 0
) -> Timings:
    """Time ``.tflite`` files (bytes or paths) against each other: LiteRT's invoke alone, on *batch* random inputs.

    Filling in the input and reading the output are not timed; nor is opening the file. Values are drawn from [0, 1),
    and are 0 where the file takes indices.
    Raises LabkitError for a damaged file or one that takes no such batch, UsageError as `interleaved` does.
    """
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise UsageError(f"batch is {batch!r}, but must be a whole number, 1 or more.")
    runners = {name: prepared(source, threads, batch, seed) for name, source in sources.items()}
    return interleaved({name: runner.invoke for name, runner in runners.items()}, seconds=seconds, seed=seed)


def prepared(source: Source, threads: int = 1, batch: int = 1, seed: int = 0, kernels: str = "XNNPACK") -> Any:
    """Return an interpreter of a ``.tflite`` file, its input filled with *batch* random values in [0, 1), called once.

    An input of indices (whole numbers that are not quantized) is filled with 0, which every table has. *kernels* are
    ``XNNPACK`` or ``built-in``. Raises LabkitError for a damaged file or one that takes no such batch,
    UsageError for other kernels or *threads* below 1.
    """
    from labkit.deploy.tflite import allocate, input_dtype, quantized

    runner = interpreter(source, threads, delegates=one_of("kernels", kernels, KERNELS) == "XNNPACK")
    values = np.random.default_rng(seed)
    try:
        for details in runner.get_input_details():
            runner.resize_tensor_input(details["index"], [batch, *details["shape"][1:]])
        allocate(runner)
        for details in runner.get_input_details():
            drawn = values.random(details["shape"], np.float32)
            if np.issubdtype(input_dtype(details), np.integer):
                drawn = np.zeros_like(drawn)
            runner.set_tensor(details["index"], quantized(drawn, details).astype(details["dtype"]))
        runner.invoke()
    except (ValueError, RuntimeError) as error:
        raise LabkitError(f"{describe(source)} does not run on {batch} inputs at once: use batch=1.") from error
    return runner


@dataclass(frozen=True)
class FirstUse:
    """The first use of one kernel in a process, in ms, and the calls that follow it.

    ``load_ms`` is the import of LiteRT (0 for whichever kernel comes second, which finds it loaded), ``open_ms`` the
    opening of the file with its tensors, ``calls_ms`` one time per call, the first one included.
    """

    load_ms: float
    open_ms: float
    calls_ms: tuple[float, ...]

    @property
    def total_ms(self) -> float:
        """Return the time from nothing to the first answer: loading, opening, one call."""
        return self.load_ms + self.open_ms + self.calls_ms[0]

    def mean_ms(self, calls: int) -> float:
        """Return the mean of *calls* calls by a clock that starts before loading."""
        return (self.load_ms + self.open_ms + sum(self.calls_ms[:calls])) / calls


def first_calls(path: Path | str, order: Sequence[str] = KERNELS, calls: int = 1) -> dict[str, FirstUse]:
    """Time the first *calls* calls of a ``.tflite`` file in a **new process**, with each kernel of *order* in turn.

    *order* names kernels, ``XNNPACK`` or ``built-in``. Loading, opening and each call are timed apart. One thread,
    input zero. Raises UsageError for unknown kernels or *calls* below 1, LabkitError for a file that does not run.
    """
    for name in order:
        one_of("kernels", name, KERNELS)
    if isinstance(calls, bool) or not isinstance(calls, int) or calls < 1 or not order:
        raise UsageError(f"calls is {calls!r}, but must be a whole number, 1 or more; order names one of the kernels.")
    read(path)
    refusal = f"{describe(path)} does not run in a new process: try labkit.deploy.tflite.predict to see why."
    found = apart("timing._first_calls", str(path), calls, list(order), refusal=refusal)
    return {name: FirstUse(load, opened, tuple(times)) for name, (load, opened, times) in found.items()}


def _first_calls(path: str, calls: int, order: Sequence[str]) -> dict[str, tuple[float, float, list[float]]]:
    content, found = read(path), {}
    for name in order:
        start = time.perf_counter()
        import_module("ai_edge_litert.interpreter")
        loaded = time.perf_counter()
        runner = interpreter(content, delegates=name == "XNNPACK")
        runner.allocate_tensors()
        for details in runner.get_input_details():
            runner.set_tensor(details["index"], np.zeros(details["shape"], details["dtype"]))
        ready = time.perf_counter()
        times = []
        for _ in range(calls):
            begin = time.perf_counter()
            runner.invoke()
            times.append(1e3 * (time.perf_counter() - begin))
        found[name] = (1e3 * (loaded - start), 1e3 * (ready - loaded), times)
    return found


@cache
def processor() -> str:
    """Return the processor's name as the system gives it; the machine's kind when it gives none."""
    system = platform.system()
    name = ""
    if system == "Linux":
        name = _cpuinfo("model name") or _cpuinfo("Model")
    elif system == "Darwin":
        asked = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        try:
            name = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=False).stdout
        except (OSError, subprocess.SubprocessError):
            name = ""
    return " ".join((name or platform.processor() or platform.machine() or "unknown processor").split())


@cache
def int8_extensions() -> tuple[str, ...]:
    """Return the processor's instruction sets for int8 arithmetic where Linux lists them; else empty."""
    present = (_cpuinfo("flags") or _cpuinfo("Features")).split()
    return tuple(name for name in _INT8_EXTENSIONS if name in present)


def _cpuinfo(key: str) -> str:
    try:
        lines = _CPUINFO.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    found = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in found if name.strip() == key), "")


def _warm(call: Callable[[], Any], warmup: int, share: float, clock: Callable[[], float]) -> int:
    """Call up to *warmup* times within *share* seconds, once at least; the number of calls that fill a block."""
    begin = clock()
    shortest = float("inf")
    for _ in range(warmup):
        start = clock()
        call()
        now = clock()
        shortest = min(shortest, now - start)
        if now - begin > share:
            break
    return max(1, min(1000, round(_BLOCK_MS / 1e3 / max(shortest, 1e-9))))


def timing_of(samples: list[float]) -> Timing:
    low, median, high = (float(value) for value in np.percentile(samples, (25, 50, 75)))
    return Timing(median, low, high, len(samples), tuple(samples))


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
