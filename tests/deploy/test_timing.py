"""Timing on a clock of our own, with candidates whose order, warm-up or drift would mislead."""

from __future__ import annotations

import gc
import platform
from pathlib import Path
from types import SimpleNamespace

import pytest

from labkit.base.errors import LabkitError, UsageError
from labkit.deploy import tflite, timing
from labkit.deploy.content import trust


class Bench:
    """A clock that only the candidates move on, and the memory of which candidate ran last."""

    def __init__(self) -> None:
        self.now, self.last, self.calls = 0.0, "", []

    def clock(self) -> float:
        return self.now

    def candidate(self, name, seconds, first=0.0, intrusion=0.0, drift=0.0):  # type: ignore[no-untyped-def]
        """Takes *seconds*; 20 times *first* more in its first calls; *intrusion* more after another candidate."""
        count = 0

        def call() -> None:
            nonlocal count
            count += 1
            self.now += seconds * (1 + drift * self.now)
            self.now += first if count <= 5 else 0.0
            self.now += intrusion if self.last != name else 0.0
            if self.last != name:
                self.calls.append(name)
            self.last = name

        return call


def test_warm_up_and_neighbours_do_not_enter() -> None:
    bench = Bench()
    times = timing.interleaved(
        {"a": bench.candidate("a", 0.001, first=0.05, intrusion=0.02), "b": bench.candidate("b", 0.002)},
        seconds=2.0,
        clock=bench.clock,
    )
    for name, expected in (("a", 1.0), ("b", 2.0)):
        assert times[name].median_ms == pytest.approx(expected)
        assert times[name].low_ms == pytest.approx(times[name].high_ms)
    assert times["a"].n == times["b"].n > 20


def test_a_drifting_processor_does_not_enter_the_ratio() -> None:
    bench = Bench()
    candidates = {name: bench.candidate(name, 0.001 * k, drift=1.0) for name, k in (("a", 1), ("b", 2), ("c", 4))}
    times = timing.interleaved(candidates, seconds=3.0, clock=bench.clock)
    assert times["a"].high_ms > 1.3 * times["a"].low_ms  # it did slow down
    ratios = times.ratios("a")
    assert ratios["a"] == 1.0
    assert ratios["b"] == pytest.approx(2, rel=0.03)
    assert ratios["c"] == pytest.approx(4, rel=0.03)


def test_the_order_is_random_and_repeats_with_the_seed() -> None:
    def turns(seed: int) -> list[str]:
        bench = Bench()
        candidates = {name: bench.candidate(name, 0.001) for name in "abc"}
        timing.interleaved(candidates, seconds=0.5, seed=seed, clock=bench.clock)
        return bench.calls

    assert turns(1) == turns(1) != turns(2)
    following = {pair for pair in zip(turns(1), turns(1)[1:], strict=False)}
    assert len(following) == 6  # each candidate follows each other one


def test_quartiles() -> None:
    found = timing.timing_of([1.0, 2.0, 3.0, 4.0, 100.0])
    assert (found.median_ms, found.low_ms, found.high_ms, found.n) == (3, 2, 4, 5)


def test_time_is_bounded_also_for_slow_and_for_instant_candidates() -> None:
    bench = Bench()
    times = timing.interleaved({"slow": bench.candidate("slow", 10.0)}, seconds=0.5, clock=bench.clock)
    assert times["slow"].n == 3
    assert bench.now == 10.0 * (1 + 2 * 3)  # one to warm up, then an untimed and a timed call a round
    assert timing.interleaved({"nothing": lambda: None}, seconds=0.01)["nothing"].n >= 3


def test_errors() -> None:
    with pytest.raises(UsageError, match="nothing to time"):
        timing.interleaved({})
    for seconds, warmup in ((0, 1), (-1, 1), (float("nan"), 1), (1, 0)):
        with pytest.raises(UsageError, match="seconds"):
            timing.interleaved({"a": lambda: None}, seconds=seconds, warmup=warmup)
    with pytest.raises(ZeroDivisionError):
        timing.interleaved({"a": lambda: 1 / 0})
    with pytest.raises(UsageError, match="did you mean fast"):
        timing.interleaved({"fast": lambda: None}, seconds=0.01).ratios("fasst")


def test_latency_of_files(net: SimpleNamespace) -> None:
    times = timing.latency({"path": net.path, **net.files}, seconds=0.1)
    assert set(times) == {"path", *net.files}
    assert all(0 < t.low_ms <= t.median_ms <= t.high_ms for t in times.values())
    assert timing.latency({"one": net.path}, threads=2, batch=8, seconds=0.02)["one"].n >= 3
    with pytest.raises(LabkitError, match="damaged"):
        timing.latency({"cut": net.files["float32"][:-20]})
    with pytest.raises(UsageError, match="batch"):
        timing.latency({"one": net.path}, batch=0)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("processor : 0\nmodel name\t: Some  CPU @ 2 GHz\nflags : fpu avx2 avx512_vnni\n", "Some CPU @ 2 GHz"),
        ("processor : 0\nFeatures : fp asimddp\nModel : A Small Board\n", "A Small Board"),
    ],
)
def test_processor_on_linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(timing, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    assert timing.processor.__wrapped__() == expected
    assert timing.int8_extensions.__wrapped__() in (("avx2", "avx512_vnni"), ("asimddp",))


@pytest.mark.parametrize("system", ["Linux", "Darwin", "Windows"])
def test_processor_where_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    monkeypatch.setattr(timing, "_CPUINFO", tmp_path / "absent")
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(timing.subprocess, "run", lambda *a, **k: (_ for _ in ()).throw(FileNotFoundError()))
    assert timing.processor.__wrapped__() == platform.machine()
    assert timing.int8_extensions.__wrapped__() == ()


def test_first_calls_in_a_new_process(net: SimpleNamespace) -> None:
    found = timing.first_calls(net.path, ("built-in", "XNNPACK"), calls=3)
    assert list(found) == ["built-in", "XNNPACK"]
    assert all(len(use.calls_ms) == 3 and min(use.open_ms, *use.calls_ms) > 0 for use in found.values())
    assert found["built-in"].load_ms > 10 * found["XNNPACK"].load_ms  # whoever comes first loads for both
    with pytest.raises(UsageError, match="did you mean XNNPACK"):
        timing.first_calls(net.path, ("XNNPAK",))
    for calls in (0, True, 1.5):
        with pytest.raises(UsageError, match="calls"):
            timing.first_calls(net.path, calls=calls)  # type: ignore[arg-type]
    with pytest.raises(LabkitError, match="no file"):
        timing.first_calls("absent.tflite")


def test_the_clocks_of_a_first_use() -> None:
    use = timing.FirstUse(load_ms=10.0, open_ms=2.0, calls_ms=(3.0, 1.0, 1.0))
    assert use.total_ms == 15.0 == use.mean_ms(1)
    assert use.mean_ms(2) == 8.0


def test_a_file_that_does_not_run_in_a_new_process(net: SimpleNamespace, tmp_path: Path) -> None:
    content = net.files["float32"][:-20]
    (cut := tmp_path / "cut.tflite").write_bytes(content)
    with pytest.raises(LabkitError, match="truncated or damaged"):
        timing.first_calls(cut)
    trust(content)  # so that the file is not tried before
    with pytest.raises(LabkitError, match="new process"):
        timing.first_calls(cut)


def test_prepared_has_been_called_with_either_kernels(net: SimpleNamespace) -> None:
    answers = []
    for kernels in timing.KERNELS:
        runner = timing.prepared(net.path, kernels=kernels)
        answers.append(runner.get_tensor(runner.get_output_details()[0]["index"]))
    assert answers[0].any()
    assert answers[0] == pytest.approx(answers[1], abs=1e-5)
    with pytest.raises(UsageError, match="kernels"):
        timing.prepared(net.path, kernels="fast")


def test_b5_prime_prime_indices_are_timed_too(net: SimpleNamespace) -> None:
    layers = net.tf.keras.layers
    parts = [layers.Input((6,), dtype="int32"), layers.Embedding(20, 4), layers.Flatten(), layers.Dense(3)]
    content = tflite.convert(net.tf.keras.Sequential(parts))
    assert timing.latency({"ids": content}, batch=2, seconds=0.02)["ids"].n >= 3


def test_the_garbage_collector_rests_while_candidates_are_timed() -> None:
    seen: list[bool] = []
    bench = Bench()
    candidate = bench.candidate("a", 0.01)

    def call() -> None:
        seen.append(gc.isenabled())
        candidate()

    assert gc.isenabled()
    timing.interleaved({"a": call}, seconds=0.1, clock=bench.clock)
    assert len(seen) > 3 and not any(seen)
    assert gc.isenabled(), "it runs again afterwards"
    with pytest.raises(ZeroDivisionError):
        timing.interleaved({"a": lambda: 1 / 0})
    assert gc.isenabled(), "also when a candidate fails"
    gc.disable()
    try:
        timing.interleaved({"a": call}, seconds=0.1, clock=bench.clock)
        assert not gc.isenabled(), "a collector that rested before goes on resting"
    finally:
        gc.enable()
