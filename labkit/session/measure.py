"""One measurement of one model: what it gets right, what it weighs, what it computes, how long it takes."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from labkit.base.errors import LabkitError
from labkit.deploy import inspect, tflite, timing
from labkit.deploy.content import Source, read
from labkit.methods.statistics import wilson
from labkit.session.events import Measurement


class Images(Protocol):
    """Images and their classes: ``x`` uint8 (n, 28, 28), ``y`` integer (n,)."""

    @property
    def x(self) -> NDArray[Any]: ...

    @property
    def y(self) -> NDArray[Any]: ...


def measure(
    source: Any,
    *,
    lesson: str,
    name: str,
    technique: str,
    network: str,
    dataset: str,
    split: Images,
    split_name: str,
    threads: int = 1,
    reference: Source | None = None,
    latency: bool = True,
    seconds: float = 0.5,
) -> Measurement:
    """Measure *source*, a Keras model (as a float32 ``.tflite``), the bytes of a ``.tflite`` file or its path.

    The path of a ``.lkz`` file is measured by its weights in *network* (one of ``models.NAMES``) as a ``.tflite``; its
    bytes are those of the ``.lkz`` file.
    *seconds* for the latency of one image at a time, *source* and *reference* interleaved; with ``latency=False`` the
    times are None. Raises LabkitError for a model that cannot be converted, a damaged file and an empty split.
    """
    content = content_of(source, network)
    stored = Path(source).read_bytes() if _is_lkz(source) else content
    correct, n = accuracy(content, split, threads)
    low, high = wilson(correct, n, 0.95)
    held = inspect.summary(content)
    time, ratio = _latency(content, reference, threads, seconds) if latency else (None, None)
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
        bytes=len(stored),
        compressed_bytes=len(zlib.compress(stored, 9)),
        parameters=held.parameters,
        nonzero=held.nonzero,
        macs=held.macs,
        latency_ms=time.median_ms if time else None,
        latency_low_ms=time.low_ms if time else None,
        latency_high_ms=time.high_ms if time else None,
        latency_ratio=ratio,
        threads=threads,
        cpu=timing.processor(),
    )


def as_tflite(source: Any) -> Source:
    """*source* if it is bytes or a path; a Keras model converted to a float32 ``.tflite`` file otherwise, as bytes."""
    return source if isinstance(source, (bytes, str, Path)) else tflite.convert(source)


def expanded(path: str | Path, network: str) -> bytes:
    """The weights of a ``.lkz`` file in a fresh *network* of ``models.NAMES``, as a float32 ``.tflite`` file.

    Raises LabkitError when the file cannot be read or holds the weights of another network, UsageError for an unknown
    network.
    """
    from labkit.assets import models
    from labkit.methods import lkz

    weights = lkz.read(path)
    from labkit.keras2.tensors import set_tensors

    model = models.build(network)
    set_tensors(model, weights)
    return tflite.convert(model)


def _is_lkz(source: Any) -> bool:
    return isinstance(source, (str, Path)) and Path(source).suffix == ".lkz" and Path(source).is_file()


def content_of(source: Any, network: str) -> bytes:
    """The bytes of the ``.tflite`` file that *source* is computed by: a Keras model, a path, or such bytes themselves.

    A ``.lkz`` file holds no graph: its weights are put into *network*. Raises as `measure` does.
    """
    return expanded(source, network) if _is_lkz(source) else read(as_tflite(source))


def accuracy(source: Source, split: Images, threads: int = 1) -> tuple[int, int]:
    """How many images of *split* the file classifies correctly (the largest output wins), and how many there are.

    Raises LabkitError when there are none, or when images and classes differ in number.
    """
    from labkit.assets.data import as_input

    n = len(split.x)
    if n == 0 or len(split.y) != n:
        raise LabkitError(
            f"Accuracy needs as many classes as images, and one at least, but there are {n} images and "
            f"{len(split.y)} classes: give a split of a data set."
        )
    answers = tflite.predict(source, as_input(split.x), threads)
    return int(np.count_nonzero(answers.argmax(axis=1) == split.y)), n


def _latency(content: bytes, reference: Source | None, threads: int, seconds: float) -> tuple[timing.Timing, float]:
    """The time of *content*, and its ratio to *reference*; to itself, and so 1, when there is none."""
    if reference is None:
        return timing.latency({"candidate": content}, threads, seconds=seconds)["candidate"], 1.0
    times = timing.latency({"reference": reference, "candidate": content}, threads, seconds=seconds)
    return times["candidate"], times.ratios("reference")["candidate"]
