"""Does a matrix with zeros multiply faster? SciPy's CSR against NumPy's dense product, both on one thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from labkit.base.checks import whole
from labkit.base.errors import LabkitError, UsageError
from labkit.deploy.apart import apart
from labkit.deploy.timing import Timings, interleaved, timing_of

__all__ = ["csr_against_dense"]

_OTHER_BYTES = 64 * 2**20  # more than the caches of one core, though less than the third level of a large processor


def csr_against_dense(
    sparsities: Sequence[float], size: int = 1024, seconds: float = 2.0, seed: int = 0, cold: bool = False
) -> Timings:
    """Time matrix times vector for a square float32 matrix: ``"dense"``, and CSR at each of *sparsities* (0 to 1).

    The keys are ``"dense"`` and the sparsities as text (``"0.9"``). The zeros are drawn with *seed*, those of a lower
    sparsity among those of a higher one; candidates are timed by `interleaved` for *seconds* in all. It runs in a
    process of its own with one thread: SciPy's CSR product has only one, and a BLAS library reads its number when it is
    loaded. SciPy comes with TensorFlow's Model Optimization Toolkit.
    Raises UsageError for sparsities outside [0, 1] or a size below 1, LabkitError when the products differ.
    """
    size = whole("size", size, 1)
    if not seconds > 0:
        raise UsageError(f"seconds is {seconds!r}, but must be a number above 0.")
    if not sparsities or not all(0 <= each <= 1 for each in sparsities):
        raise UsageError(f"sparsities are {list(sparsities)}, but must be one or more fractions from 0 to 1.")
    refusal = "Timing failed with exit code {code}: a smaller size may fit into the memory."
    samples = apart(
        "matvec._samples",
        size,
        seconds,
        int(seed),
        [float(each) for each in sparsities],
        bool(cold),
        one_thread=True,
        refusal=refusal,
    )
    return Timings({name: timing_of(seconds_per_call) for name, seconds_per_call in samples.items()})


def _samples(
    size: int, seconds: float, seed: int, sparsities: Sequence[float], cold: bool
) -> dict[str, Sequence[float]]:
    candidates = _candidates(size, seed, sparsities)
    if cold:
        return _cold_samples(candidates, _candidates(8, seed, sparsities), seconds, seed)
    return {name: timing.samples for name, timing in interleaved(candidates, seconds=seconds).items()}


def _cold_samples(
    candidates: Mapping[str, Callable[[], NDArray[np.float32]]],
    small: Mapping[str, Callable[[], NDArray[np.float32]]],
    seconds: float,
    seed: int,
) -> dict[str, Sequence[float]]:
    """Return milliseconds of single calls, each after reading as much other data as pushes its matrix out.

    The same product of a *small* matrix comes between, so that the code is in the caches and only the data are not.
    """
    rng, other = np.random.default_rng(seed), np.zeros(_OTHER_BYTES // 8)
    samples: dict[str, list[float]] = {name: [] for name in candidates}
    for call in candidates.values():
        call()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(next(iter(samples.values()))) < 3:
        for name in rng.permutation(list(candidates)):
            other.sum()
            small[name]()
            start = time.perf_counter()
            candidates[name]()
            samples[name].append((time.perf_counter() - start) * 1e3)
    return dict(samples)


def _candidates(size: int, seed: int, sparsities: Sequence[float]) -> dict[str, Callable[[], NDArray[np.float32]]]:
    from scipy.sparse import csr_array

    rng = np.random.default_rng(seed)
    weights, vector = (rng.standard_normal(shape, np.float32) for shape in ((size, size), size))
    order = rng.permutation(weights.size)
    candidates: dict[str, Callable[[], NDArray[np.float32]]] = {"dense": lambda: weights @ vector}
    for sparsity in sparsities:
        pruned = weights.copy()
        pruned.ravel()[order[: round(sparsity * weights.size)]] = 0
        sparse = csr_array(pruned)
        if not np.allclose(sparse @ vector, pruned @ vector, rtol=1e-4, atol=1e-4 * np.sqrt(size)):
            raise LabkitError(
                "The CSR product differs from the dense one: its time is meaningless; report this as a bug in labkit."
            )
        candidates[str(float(sparsity))] = lambda matrix=sparse: matrix @ vector  # type: ignore[misc]
    return candidates
