"""Exercises of lesson 11: quartiles, the ratio of paired times, the roofline's time, and where a warm-up ends."""

from __future__ import annotations

import numpy as np

from labkit.deploy.roofline import predicted_seconds
from labkit.exercises.framework import Exercise, Mistake

_RNG = np.random.default_rng(11)
_CALM = _RNG.gamma(4.0, 0.02, 41) + 1.0
_DRIFT = np.concatenate(
    [np.linspace(1.0, 3.0, 15) ** 2, np.linspace(2.5, 1.2, 6)]
)  # slower and slower, then recovering
_FIRST = _DRIFT * (1 + 0.1 * _RNG.random(21))
_SECOND = 2 * _DRIFT * (1 + 0.1 * _RNG.random(21))
_INTERRUPTED = np.where(np.arange(21) % 5 == 0, 40.0, _SECOND)  # every fifth round another program ran


def _quartiles(times: np.ndarray) -> tuple[float, float, float]:
    low, median, high = np.percentile(times, (25, 50, 75))
    return float(low), float(median), float(high)


def _mean_and_deviation(times: np.ndarray) -> tuple[float, float, float]:
    mean, spread = float(np.mean(times)), float(np.std(times))
    return mean - spread, mean, mean + spread


def _extremes(times: np.ndarray) -> tuple[float, float, float]:
    return float(np.min(times)), float(np.median(times)), float(np.max(times))


def _unsorted(times: np.ndarray) -> tuple[float, float, float]:
    low, median, high = (float(times[(len(times) - 1) * k // 4]) for k in (1, 2, 3))
    return low, median, high


def _backwards(times: np.ndarray) -> tuple[float, float, float]:
    low, median, high = _quartiles(times)
    return high, median, low


def _paired(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.median(second / first))


def _warmup(times: np.ndarray) -> int:
    settled = 1.1 * np.median(times[len(times) // 2 :])
    return int(np.argmax(times <= settled))


def _against_all(times: np.ndarray) -> int:
    return int(np.argmax(times <= 1.1 * np.median(times)))


def _every_slow_one(times: np.ndarray) -> int:
    return int(np.count_nonzero(times > 1.1 * np.median(times[len(times) // 2 :])))


def _against_the_mean(times: np.ndarray) -> int:
    return int(np.argmax(times <= 1.1 * np.mean(times[len(times) // 2 :])))


EXERCISES = [
    Exercise(
        "11.1",
        _quartiles,
        mistakes=[
            Mistake(
                "mean and deviation",
                _mean_and_deviation,
                "you return the mean and the deviation, and one outlier moves both; use percentiles",
            ),
            Mistake("extremes", _extremes, "you return the smallest and the largest; take the quartiles instead"),
            Mistake(
                "unsorted",
                _unsorted,
                "you take values by their place in the run; sort them first (np.percentile does it)",
            ),
            Mistake("backwards", _backwards, "the upper quartile comes first in yours; the order is low, median, high"),
        ],
        cases=[
            ("forty-one calls", (_CALM,)),
            ("the first call took a hundred times as long", (np.array([100.0, 1.0, 1.1, 1.2, 1.0, 1.3, 1.1, 1.0]),)),
            ("an even number", (np.array([4.0, 1.0, 3.0, 2.0]),)),
            ("microseconds", (_RNG.gamma(2.0, 1e-6, 12),)),
            ("one call", (np.array([0.7]),)),
            ("all equal", (np.full(6, 2.5),)),
        ],
    ),
    Exercise(
        "11.2",
        _paired,
        mistakes=[
            Mistake(
                "ratio of medians",
                lambda first, second: float(np.median(second) / np.median(first)),
                "you divide two medians, which may come from different rounds; divide within each round first",
            ),
            Mistake(
                "upside down",
                lambda first, second: float(np.median(first / second)),
                "you divide the first by the second; divide the second by the first",
            ),
            Mistake(
                "ratio of means",
                lambda first, second: float(np.mean(second) / np.mean(first)),
                "you divide two means: one interrupted round is enough to move them",
            ),
            Mistake(
                "mean of ratios",
                lambda first, second: float(np.mean(second / first)),
                "the ratios are right, but their mean follows the outliers; take their median",
            ),
        ],
        cases=[
            ("a processor that slows down and recovers", (_FIRST, _SECOND)),
            ("an even number of rounds", (np.array([1.0, 2.0, 4.0, 5.0]), np.array([3.0, 2.0, 8.0, 6.0]))),
            ("every fifth round interrupted", (_FIRST, _INTERRUPTED)),
            ("three rounds", (np.array([1.0, 2.0, 4.0]), np.array([3.0, 2.0, 8.0]))),
            ("one round", (np.array([2.0]), np.array([5.0]))),
            ("always equal", (np.full(4, 1.5), np.full(4, 1.5))),
        ],
    ),
    Exercise(
        "11.3",
        predicted_seconds,
        mistakes=[
            Mistake(
                "sum",
                lambda flops, moved, peak, bandwidth: flops / peak + moved / bandwidth,
                "you add the two times; computing and moving happen at the same time, so the longer one counts",
            ),
            Mistake(
                "shorter",
                lambda flops, moved, peak, bandwidth: min(flops / peak, moved / bandwidth),
                "you return the shorter time; the layer is finished only when the longer one is",
            ),
            Mistake(
                "computing alone",
                lambda flops, moved, peak, bandwidth: flops / peak,
                "you count the computation alone; a layer with many weights and few operations waits for memory",
            ),
            Mistake(
                "doubled",
                lambda flops, moved, peak, bandwidth: max(2 * flops / peak, moved / bandwidth),
                "flops are operations already, two for each multiply-accumulate; do not double them again",
            ),
        ],
        cases=[
            ("a dense layer: memory is the bound", (8e5, 1.6e6, 1e11, 2e10)),
            ("a convolution: the peak is the bound", (3.2e6, 1.2e5, 1e11, 2e10)),
            ("exactly at the ridge", (5e6, 1e6, 1e11, 2e10)),
            ("another processor", (3.2e6, 2.4e5, 4e9, 1.5e9)),
            ("a slow memory", (1e6, 3e5, 5e10, 2e9)),
            ("a third of a microsecond", (2560.0, 5632.0, 3e11, 1.7e10)),
            ("nothing to compute: a copy", (0, 1e6, 1e11, 2e10)),
            ("nothing to do", (0, 0, 1e11, 2e10)),
        ],
    ),
    Exercise(
        "11.4",
        _warmup,
        mistakes=[
            Mistake(
                "against all",
                _against_all,
                "your median contains the warm-up itself; take the median of the second half",
            ),
            Mistake(
                "every slow one",
                _every_slow_one,
                "you count later interruptions too; the warm-up ends at the first call that is not slow",
            ),
            Mistake(
                "against the mean",
                _against_the_mean,
                "one interruption in the second half raises its mean and hides the warm-up; take the median",
            ),
            Mistake(
                "strictly below",
                lambda times: int(np.argmax(times < 1.1 * np.median(times[len(times) // 2 :]))),
                "a call at exactly 1.1 times the median has settled: compare with <=",
            ),
            Mistake(
                "against the fastest",
                lambda times: int(np.argmax(times <= 1.1 * np.min(times[len(times) // 2 :]))),
                "you compare with the fastest call of the second half; take the median",
            ),
            Mistake(
                "within a tenth",
                lambda times: int(
                    np.argmax(np.abs(times / np.median(times[len(times) // 2 :]) - 1) <= 0.1 * (1 + 1e-12))
                ),
                "a fast call has settled as well: only the upper limit counts",
            ),
            Mistake(
                "one more",
                lambda times: _warmup(times) + 1,
                "you count the first settled call as well; the warm-up is what comes before it",
            ),
        ],
        cases=[
            ("two slow calls", (np.array([9.0, 1.5, 1.0, 1.02, 0.98, 1.0, 1.01, 1.0]),)),
            ("an interruption later", (np.array([9.0, 3.0, 1.0, 1.0, 1.0, 7.0, 1.0, 30.0, 1.0, 1.0]),)),
            ("a long warm-up", (np.array([9.0, 8.0, 7.0, 6.0, 5.0, 1.0, 1.0, 1.0, 1.0]),)),
            ("exactly at the limit", (np.array([2.0, 1.1, 1.0, 1.0, 1.0, 1.0]),)),
            ("just above the limit", (np.array([2.0, 1.15, 1.105, 1.0, 1.0, 1.0, 1.0]),)),
            ("times in microseconds", (np.array([9e-6, 1.5e-6, 1.05e-6, 1e-6, 1e-6, 1.02e-6, 1e-6]),)),
            ("times of hundreds", (np.array([900.0, 400.0, 107.0, 100.0, 100.0, 101.0]),)),
            ("of three calls, the last two", (np.array([1.5, 1.12, 0.97]),)),
            ("of two calls, the last", (np.array([1.3, 1.08]),)),
            ("a fast call in the second half", (np.array([9.0, 1.5, 1.0, 1.02, 1.0, 0.2, 1.0, 1.01, 1.0]),)),
            ("a fast call at the start", (np.array([0.5, 2.0, 1.0, 1.0, 1.0, 1.0]),)),
            ("the last call is slow", (np.array([9.0, 1.2, 1.0, 1.0, 1.0, 5.0]),)),
            ("faster towards the end", (np.array([2.0, 1.25, 1.2, 1.2, 1.2, 1.2, 1.0, 1.0]),)),
            ("slow and fast in turns", (np.array([4.5, 4.1, 86.4, 4.0, 4.3, 4.1, 4.0, 1.6, 3.6, 3.6, 1.0]),)),
            ("warm from the start", (np.array([1.0, 1.05, 0.97, 1.0]),)),
            ("all equal", (np.full(5, 2.0),)),
            ("one call", (np.array([0.3]),)),
        ],
    ),
]
