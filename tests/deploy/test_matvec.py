"""CSR against dense: what is timed computes the same, and zeros only help where there are many."""

from __future__ import annotations

import numpy as np
import pytest

from labkit.base.errors import UsageError
from labkit.deploy import matvec


def test_it_times_every_sparsity_against_dense_in_one_run():
    timings = matvec.csr_against_dense([0.5, 0.9], size=64, seconds=0.1)
    assert list(timings) == ["dense", "0.5", "0.9"]
    assert len({timing.n for timing in timings.values()}) == 1, "rounds are paired"
    for timing in timings.values():
        assert 0 < timing.low_ms <= timing.median_ms <= timing.high_ms and len(timing.samples) == timing.n >= 3
    assert timings.ratios("dense")["dense"] == 1


def test_cold_calls_are_timed_one_by_one():
    timings = matvec.csr_against_dense([0.9, 1.0], size=64, seconds=0.1, cold=True)
    assert list(timings) == ["dense", "0.9", "1.0"]
    assert len({timing.n for timing in timings.values()}) == 1 and timings["dense"].n >= 3
    assert all(timing.low_ms > 0 for timing in timings.values())


def test_the_candidates_hold_nested_zeros_of_the_asked_share():
    candidates = matvec._candidates(40, 3, [0.0, 0.75, 1.0])
    assert np.allclose(candidates["0.0"](), candidates["dense"](), rtol=1e-4, atol=1e-4)
    assert not candidates["1.0"]().any()
    assert not np.allclose(candidates["0.75"](), candidates["dense"](), rtol=1e-4, atol=1e-4)


def test_bad_arguments_are_refused():
    for call in (
        lambda: matvec.csr_against_dense([]),
        lambda: matvec.csr_against_dense([1.1]),
        lambda: matvec.csr_against_dense([0.5], size=0),
        lambda: matvec.csr_against_dense([0.5], seconds=0),
    ):
        with pytest.raises(UsageError):
            call()
