"""Exercises of lesson 21: rounding by a threshold, the errors of the logistic map, and where a sum stalls."""

from __future__ import annotations

import math

import numpy as np

from labkit.exercises.framework import Exercise, Mistake
from labkit.methods import dither

_RNG = np.random.default_rng(21)
_X = _RNG.normal(size=12)
_U = _RNG.random(12)


def _round(x: np.ndarray, step: float, thresholds: np.ndarray) -> np.ndarray:
    return dither.dithered(x, step, thresholds)


def _complement(x: np.ndarray, step: float, thresholds: np.ndarray) -> np.ndarray:
    scaled = np.asarray(x) / step
    return np.asarray(step * (np.floor(scaled) + (thresholds >= scaled - np.floor(scaled))))


def _to_zero(x: np.ndarray, step: float, thresholds: np.ndarray) -> np.ndarray:
    scaled = np.asarray(x) / step
    return np.asarray(step * (np.trunc(scaled) + (thresholds < scaled - np.trunc(scaled))))


def _in_steps(x: np.ndarray, step: float, thresholds: np.ndarray) -> np.ndarray:
    return dither.dithered(x, step, thresholds) / step


def _nearest(x: np.ndarray, step: float, thresholds: np.ndarray) -> np.ndarray:
    return dither.nearest(x, step)


def _sign_outside(x: np.ndarray, step: float, thresholds: np.ndarray) -> np.ndarray:
    return np.asarray(np.sign(x) * dither.dithered(np.abs(x), step, thresholds))


def _up_at_equality(x: np.ndarray, step: float, thresholds: np.ndarray) -> np.ndarray:
    scaled = np.asarray(x) / step
    return np.asarray(step * (np.floor(scaled) + (thresholds <= scaled - np.floor(scaled))))


def _errors(fraction: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    bias = dither.bias(fraction, "logistic")
    bias[np.abs(bias) < 1e-12] = 0.0  # at one half the law has none, and the arcsine a rounding error
    return step * bias, step**2 * dither.variance(fraction, "logistic")


def _of_chance(p: np.ndarray, fraction: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    return step * (p - fraction), step**2 * p * (1 - p)


def _no_root(fraction: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    p = 2 / np.pi * np.arcsin(fraction)
    return step * (p - fraction), step**2 * p * (1 - p)


def _of_stochastic(fraction: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    return _errors(fraction, step)[0], step**2 * fraction * (1 - fraction)


def _one_step(fraction: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    bias, variance = _errors(fraction, step)
    return bias, variance / step


def _sign(fraction: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    bias, variance = _errors(fraction, step)
    return -bias, variance


def _full_step(term: float, precision: int) -> float:
    return 2 * dither.stalls_at(term, precision)


def _stored_bits(term: float, precision: int) -> float:
    return dither.stalls_at(term, precision - 1)


def _floor(term: float, precision: int) -> float:
    return float(2.0 ** (math.floor(math.log2(term)) + precision))


def _no_power(term: float, precision: int) -> float:
    return float(term * 2.0**precision)


EXERCISES = [
    Exercise(
        "21.1",
        _round,
        mistakes=[
            Mistake(
                "complement",
                _complement,
                "you round up where the threshold is above the fraction; round up where it is below",
            ),
            Mistake(
                "toward zero",
                _to_zero,
                "negative values are cut toward zero, which leaves a negative fraction; take np.floor",
            ),
            Mistake("in steps", _in_steps, "your answer counts steps; multiply by the step at the end"),
            Mistake("nearest", _nearest, "you round to nearest and do not use the thresholds"),
            Mistake(
                "sign outside",
                _sign_outside,
                "you round the absolute value and restore the sign, which turns up and down round for negative values",
            ),
            Mistake(
                "up at equality",
                _up_at_equality,
                "you also round up where the threshold equals the fraction; round up only strictly below it",
            ),
        ],
        cases=[
            ("random values", (_X, 0.25, _U)),
            ("step 1", (_X * 10, 1.0, _U)),
            ("negative values", (-np.abs(_X), 0.5, _U)),
            ("multiples of the step", (np.arange(-3.0, 3.0), 1.0, _U[:6])),
            ("rows and columns", (_X.reshape(3, 4), 0.5, _U.reshape(3, 4))),
            ("thresholds close to the fraction", (np.array([0.5044, 2.3341]), 1.0, np.array([0.5041, 0.3344]))),
            ("threshold equal to the fraction", (np.array([0.5, -0.75]), 1.0, np.array([0.5, 0.25]))),
            ("all equal", (np.full(12, 0.3), 1.0, _U)),
            ("one value", (np.array([0.7]), 0.5, np.array([0.2]))),
            ("empty", (np.zeros(0), 0.5, np.zeros(0))),
        ],
    ),
    Exercise(
        "21.2",
        _errors,
        mistakes=[
            Mistake(
                "no root",
                _no_root,
                "the arcsine is taken of the fraction itself; the law takes the square root of the fraction",
            ),
            Mistake(
                "variance of stochastic",
                _of_stochastic,
                "the bias is right, but the variance is that of stochastic rounding: use your p in p(1 − p)",
            ),
            Mistake("one step", _one_step, "a variance is in squared units: multiply it by the step twice"),
            Mistake(
                "order",
                lambda fraction, step: _errors(fraction, step)[::-1],
                "return the bias first, then the variance",
            ),
            Mistake(
                "deviation",
                lambda fraction, step: (_errors(fraction, step)[0], np.sqrt(_errors(fraction, step)[1])),
                "you return the standard deviation; the variance is its square",
            ),
            Mistake(
                "mean square",
                lambda fraction, step: (
                    _errors(fraction, step)[0],
                    _errors(fraction, step)[1] + _errors(fraction, step)[0] ** 2,
                ),
                "you return the mean square of the error; the variance does not contain the bias",
            ),
            Mistake(
                "inverse law",
                lambda fraction, step: _of_chance(np.sin(np.pi * fraction / 2) ** 2, fraction, step),
                "you use the inverse law, sin²; the probability of a threshold below f has the arcsine",
            ),
            Mistake(
                "no factor",
                lambda fraction, step: _of_chance(np.arcsin(np.sqrt(fraction)), fraction, step),
                "the factor 2/π is missing: at a fraction of 1 the probability must be 1",
            ),
            Mistake(
                "half the factor",
                lambda fraction, step: _of_chance(np.arcsin(np.sqrt(fraction)) / np.pi, fraction, step),
                "the factor is 2/π, not 1/π: at a fraction of 1 the probability must be 1",
            ),
            Mistake(
                "bias without a step",
                lambda fraction, step: (_errors(fraction, step)[0] / step, _errors(fraction, step)[1]),
                "the bias is in steps: multiply it by the step",
            ),
            Mistake(
                "sign",
                _sign,
                "the error is rounded minus exact, so a probability above the fraction is a positive bias",
            ),
        ],
        cases=[
            ("a few fractions", (np.array([0.02, 0.1, 0.3, 0.7, 0.95]), 0.25)),
            ("another step", (_RNG.random(7), 1.3907)),
            ("fractions of 1 and of a quarter", (np.array([1.0, 0.25]), 2.0)),
            ("one half: no bias", (np.array([0.5]), 0.25)),
            ("no fraction: no error", (np.array([0.0]), 0.25)),
            ("all equal", (np.full(3, 0.1), 3.0)),
            ("empty", (np.zeros(0), 0.25)),
        ],
    ),
    Exercise(
        "21.3",
        dither.stalls_at,
        mistakes=[
            Mistake(
                "full step",
                _full_step,
                "twice too far: the term is lost as soon as it is no more than half a step, not a whole one",
            ),
            Mistake(
                "full step, by log2",
                lambda term, precision: float(2.0 ** (math.ceil(math.log2(term)) + precision + 1)),
                "twice too far: half a step is enough to lose the term; and log2 rounds, so use np.frexp",
            ),
            Mistake(
                "stored bits",
                _stored_bits,
                "half of the right place: the leading bit is not stored, but it counts among the significant ones",
            ),
            Mistake(
                "rounded down",
                _floor,
                "right for powers of two only; in between, the half step must grow further: round the exponent up",
            ),
            Mistake(
                "always one more",
                lambda term, precision: float(2.0 ** (math.floor(math.log2(term)) + 1 + precision)),
                "twice too far for a power of two, whose logarithm is whole already: round up, which leaves it alone",
            ),
            Mistake(
                "rounded logarithm",
                lambda term, precision: float(2.0 ** np.ceil(np.log2(term) + precision)),
                "log2 rounds, so a term just above a power of two seems to be one: np.frexp is exact",
            ),
            Mistake(
                "rounded logarithm, then the bits",
                lambda term, precision: float(2.0 ** (math.ceil(math.log2(term)) + precision)),
                "log2 rounds: a term just above 1/128 seems to be 1/128 itself; np.frexp is exact",
            ),
            Mistake(
                "between powers",
                _no_power,
                "the step changes at powers of two only, so the sum stops at one; round the exponent up",
            ),
        ],
        cases=[
            ("0.01 in bfloat16", (0.01, 8)),
            ("0.3 in float16", (0.3, 11)),
            ("a power of two: a tie goes to even", (1.0, 8)),
            ("just above a power of two", (1.0078125, 8)),
            ("hardly above a power of two", (1.0001, 8)),
            ("the number next to one", (float(np.nextafter(1, 2)), 8)),
            ("the number below one", (float(np.nextafter(1, 0)), 8)),
            ("the number next to 1/128", (float(np.nextafter(1 / 128, 1)), 8)),
            ("1 in float32", (1.0, 24)),
            ("a tiny term", (1e-6, 8)),
            ("eight, with eight bits", (8.0, 8)),
        ],
    ),
]
