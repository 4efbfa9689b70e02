"""Measure one model: its accuracy, its size, its multiply-adds and its latency."""

from __future__ import annotations

import zlib
from typing import Any, Protocol

from numpy.typing import NDArray

from labkit.deploy import timing
from labkit.deploy.accuracy import accuracy
from labkit.deploy.model import Model
from labkit.methods.statistics import wilson
from labkit.session.events import Measurement


class Images(Protocol):
    """Images and their classes: ``x`` uint8 (n, 28, 28), ``y`` integer (n,)."""

    @property
    def x(self) -> NDArray[Any]: ...

    @property
    def y(self) -> NDArray[Any]: ...


def measure(
    model: Model,
    *,
    lesson: str,
    name: str,
    technique: str,
    network: str,
    dataset: str,
    split: Images,
    split_name: str,
    threads: int = 1,
    reference: Model | None = None,
    latency: bool = True,
    seconds: float = 0.5,
) -> Measurement:
    """Measure *model* on the images of *split*; its bytes are those of the file that is stored.

    *seconds* for the latency of one image at a time, *model* and *reference* interleaved; with ``latency=False`` the
    times are None. Warns and raises as `deploy.accuracy.accuracy` does.
    """
    correct, n = accuracy(model, split.x, split.y, threads)
    low, high = wilson(correct, n, 0.95)
    time, ratio = _latency(model, reference, threads, seconds) if latency else (None, None)
    return Measurement(
        lesson=lesson,
        name=name,
        technique=technique,
        network=network,
        dataset=dataset,
        split=split_name,
        n=n,
        correct=correct,
        accuracy=correct / n,
        accuracy_low=float(low),
        accuracy_high=float(high),
        bytes=len(model.stored),
        compressed_bytes=len(zlib.compress(model.stored, 9)),
        parameters=model.summary.parameters,
        nonzero=model.summary.nonzero,
        macs=model.summary.macs,
        latency_ms=time.median_ms if time else None,
        latency_low_ms=time.low_ms if time else None,
        latency_high_ms=time.high_ms if time else None,
        latency_ratio=ratio,
        threads=threads,
        cpu=timing.processor(),
    )


def _latency(model: Model, reference: Model | None, threads: int, seconds: float) -> tuple[timing.Timing, float]:
    """Return the time of *model*, and its ratio to *reference*; to itself, and so 1, when there is none."""
    if reference is None:
        return timing.latency({"candidate": model}, threads, seconds=seconds)["candidate"], 1.0
    times = timing.latency({"reference": reference, "candidate": model}, threads, seconds=seconds)
    return times["candidate"], times.ratios("reference")["candidate"]
