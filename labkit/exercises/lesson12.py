"""Exercises of lesson 12: Wilson's interval, McNemar's exact p, the images needed, and the winner on fresh images."""

from __future__ import annotations

import math

import numpy as np

from labkit.exercises.framework import Exercise, Mistake
from labkit.methods.statistics import images_paired, mcnemar, wilson

Z, Z_POWER = 1.959963984540054, 0.8416212335729143  # 95 % two-sided; four times in five
_RNG = np.random.default_rng(12)
_BASE = _RNG.random(200) < 0.85
_FEW = np.where(_RNG.random((5, 200)) < 0.06, ~_BASE, _BASE)
_FRESH = _RNG.random(300) < 0.85
_MORE = np.where(_RNG.random((5, 300)) < 0.06, ~_FRESH, _FRESH)
_TIED = np.stack([~_FRESH, _FRESH, _FRESH])


def _interval(correct: int, n: int, half: float, shift: float = 0.0, scale: float = 1.0) -> tuple[float, float]:
    middle = correct / n + shift
    return (middle - half) / scale, (middle + half) / scale


def _wald(correct: int, n: int) -> tuple[float, float]:
    share = correct / n
    return _interval(correct, n, Z * math.sqrt(share * (1 - share) / n))


def _unscaled(correct: int, n: int) -> tuple[float, float]:
    share = correct / n
    half = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    return _interval(correct, n, half, Z * Z / (2 * n))


def _one_sided(correct: int, n: int) -> tuple[float, float]:
    return wilson(correct, n, 0.90)


def _unmoved(correct: int, n: int) -> tuple[float, float]:
    low, high = wilson(correct, n)
    return _interval(correct, n, (high - low) / 2)


def _percent(correct: int, n: int) -> tuple[float, float]:
    low, high = wilson(correct, n)
    return 100 * low, 100 * high


def _short_z(correct: int, n: int) -> tuple[float, float]:
    return wilson(correct, n, math.erf(1.96 / math.sqrt(2)))


def _unguarded(correct: int, n: int) -> tuple[float, float]:
    return wilson(correct, n) if 1 / n else (0.0, 1.0)


def _upper(first_only: int, second_only: int) -> int:
    return min(first_only, second_only)


def _one_tail(first_only: int, second_only: int) -> float:
    n = first_only + second_only
    return sum(math.comb(n, k) for k in range(_upper(first_only, second_only) + 1)) / 2**n


def _uncapped(first_only: int, second_only: int) -> float:
    return 2 * _one_tail(first_only, second_only)


def _only_the_point(first_only: int, second_only: int) -> float:
    n = first_only + second_only
    return min(1.0, 2 * math.comb(n, first_only) / 2**n)


def _left_tail(first_only: int, second_only: int) -> float:
    n = first_only + second_only
    return min(1.0, 2 * sum(math.comb(n, k) for k in range(first_only + 1)) / 2**n)


def _short_tail(first_only: int, second_only: int) -> float:
    n = first_only + second_only
    return min(1.0, 2 * sum(math.comb(n, k) for k in range(_upper(first_only, second_only))) / 2**n)


def _chi_square(first_only: int, second_only: int) -> float:
    return mcnemar(first_only, second_only, "chi_square")


def _mid_p(first_only: int, second_only: int) -> float:
    return mcnemar(first_only, second_only, "mid_p")


def _needed(difference: float, discordant: float) -> int:
    return images_paired(difference, discordant)


def _unsquared(difference: float, discordant: float) -> int:
    spread = Z * math.sqrt(discordant) + Z_POWER * math.sqrt(discordant - difference**2)
    return math.ceil(spread / abs(difference))


def _one_root(difference: float, discordant: float) -> int:
    return math.ceil((Z + Z_POWER) ** 2 * discordant / difference**2)


def _roots_swapped(difference: float, discordant: float) -> int:
    spread = Z_POWER * math.sqrt(discordant) + Z * math.sqrt(discordant - difference**2)
    return math.ceil((spread / difference) ** 2)


def _no_power(difference: float, discordant: float) -> int:
    return math.ceil(Z**2 * discordant / difference**2)


def _rounded_down(difference: float, discordant: float) -> int:
    return images_paired(difference, discordant) - 1


def _exact(difference: float, discordant: float) -> float:
    root = math.sqrt(discordant - difference**2)
    return float(((Z * math.sqrt(discordant) + Z_POWER * root) / difference) ** 2)


def _rounded(difference: float, discordant: float) -> int:
    return round(_exact(difference, discordant))


def _not_whole(difference: float, discordant: float) -> float:
    return _exact(difference, discordant)


def _as_if_apart(difference: float, discordant: float) -> int:
    return math.ceil(2 * (Z + Z_POWER) ** 2 * discordant * (1 - discordant) / difference**2)


def _gains(answers: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    return answers.sum(axis=1) - int(baseline.sum())


def _winner(validation: np.ndarray, baseline: np.ndarray, test: np.ndarray, test_baseline: np.ndarray) -> tuple:
    gains, test_gains = _gains(validation, baseline), _gains(test, test_baseline)
    chosen = int(np.argmax(gains))
    return int(gains[chosen]), int(test_gains[chosen])


def _two_winners(validation: np.ndarray, baseline: np.ndarray, test: np.ndarray, test_baseline: np.ndarray) -> tuple:
    return int(_gains(validation, baseline).max()), int(_gains(test, test_baseline).max())


def _by_test(validation: np.ndarray, baseline: np.ndarray, test: np.ndarray, test_baseline: np.ndarray) -> tuple:
    gains, test_gains = _gains(validation, baseline), _gains(test, test_baseline)
    chosen = int(np.argmax(test_gains))
    return int(gains[chosen]), int(test_gains[chosen])


def _by_both(validation: np.ndarray, baseline: np.ndarray, test: np.ndarray, test_baseline: np.ndarray) -> tuple:
    gains, test_gains = _gains(validation, baseline), _gains(test, test_baseline)
    chosen = int(np.argmax(gains + test_gains))
    return int(gains[chosen]), int(test_gains[chosen])


def _counts(validation: np.ndarray, baseline: np.ndarray, test: np.ndarray, test_baseline: np.ndarray) -> tuple:
    chosen = int(np.argmax(validation.sum(axis=1)))
    return int(validation[chosen].sum()), int(test[chosen].sum())


def _as_shares(validation: np.ndarray, baseline: np.ndarray, test: np.ndarray, test_baseline: np.ndarray) -> tuple:
    gain, test_gain = _winner(validation, baseline, test, test_baseline)
    return gain / len(baseline), test_gain / len(test_baseline)


def _swapped(validation: np.ndarray, baseline: np.ndarray, test: np.ndarray, test_baseline: np.ndarray) -> tuple:
    return _winner(validation, baseline, test, test_baseline)[::-1]


def _last(validation: np.ndarray, baseline: np.ndarray, test: np.ndarray, test_baseline: np.ndarray) -> tuple:
    gains, test_gains = _gains(validation, baseline), _gains(test, test_baseline)
    chosen = len(gains) - 1 - int(np.argmax(gains[::-1]))
    return int(gains[chosen]), int(test_gains[chosen])


EXERCISES = [
    Exercise(
        "12.1",
        wilson,
        mistakes=[
            Mistake(
                "Wald",
                _wald,
                "this is Wald's interval, with the measured share alone under the root; Wilson's has z² terms as well",
            ),
            Mistake("unscaled", _unscaled, "the numerator is right; divide both ends by 1 + z² / n"),
            Mistake("one-sided", _one_sided, "your z leaves 5 % on each side; half of them on each side is z = 1.96"),
            Mistake(
                "unmoved",
                _unmoved,
                "the width is right, but the middle has moved: it is (share + z² / (2 n)) / (1 + z² / n)",
            ),
            Mistake("percent", _percent, "return shares between 0 and 1, not percent"),
            Mistake("short z", _short_z, "your z is rounded to 1.96; use 1.959964"),
            Mistake("unguarded", _unguarded, "without images you divide by zero; return 0 and 1 there"),
        ],
        cases=[
            ("most are right", (9180, 10_000)),
            ("one is wrong", (49, 50)),
            ("all are right", (50, 50)),
            ("none is right", (0, 50)),
            ("one image", (1, 1)),
            ("half are right", (25, 50)),
            ("no images", (0, 0)),
        ],
    ),
    Exercise(
        "12.2",
        mcnemar,
        mistakes=[
            Mistake("one tail", _one_tail, "this is one tail; a gap to the other side counts too, so take it twice"),
            Mistake("uncapped", _uncapped, "with equal counts the two tails overlap and p exceeds 1: limit it to 1"),
            Mistake(
                "point",
                _only_the_point,
                "this is the probability of this count alone; add all counts that are further from the middle",
            ),
            Mistake(
                "left tail",
                _left_tail,
                "your tail begins at first_only even when that is the larger count; begin at the smaller of the two",
            ),
            Mistake("chi-square", _chi_square, "this is the chi_square form, from the normal curve; count coin tosses"),
            Mistake("mid-p", _mid_p, "this is the mid_p form; here the observed split counts in full"),
            Mistake(
                "short tail", _short_tail, "the observed count itself belongs to the tail: range stops before its end"
            ),
        ],
        cases=[
            ("5 against 15", (5, 15)),
            ("15 against 5", (15, 5)),
            ("a tie", (8, 8)),
            ("they never differ", (0, 0)),
            ("one image", (1, 0)),
            ("all to one side", (0, 12)),
            ("many images", (237, 428)),
        ],
    ),
    Exercise(
        "12.3",
        _needed,
        mistakes=[
            Mistake(
                "unsquared", _unsquared, "the square is missing: four times as many images show half the difference"
            ),
            Mistake(
                "no power",
                _no_power,
                "your z for the power is missing: with this number, half of the experiments miss the difference",
            ),
            Mistake("one root", _one_root, "the two roots differ: the one of the power holds ψ − δ², not ψ"),
            Mistake("roots swapped", _roots_swapped, "1.959964 belongs to √ψ and 0.841621 to √(ψ − δ²): you swap them"),
            Mistake("rounded down", _rounded_down, "int cuts the fraction off, so you need one image more: round up"),
            Mistake("rounded", _rounded, "round gives the nearest number, which may be one image too few: round up"),
            Mistake("float", _not_whole, "the number of images is a whole one: round up"),
            Mistake(
                "as if apart",
                _as_if_apart,
                "you treat the discordant share as an accuracy measured twice, on images of its own; "
                "the paired formula has no factor 2 and no 1 − ψ",
            ),
        ],
        cases=[
            ("two kinds of networks", (0.003, 0.066)),
            ("a network and its copy", (0.003, 0.01)),
            ("the other is better", (-0.003, 0.01)),
            ("a large difference", (0.1, 0.3)),
            ("all differences one way", (0.05, 0.05)),
            ("a small difference", (0.0021, 0.05)),
            ("a very large one", (0.31, 0.4)),
        ],
    ),
    Exercise(
        "12.4",
        _winner,
        mistakes=[
            Mistake(
                "two winners", _two_winners, "you let each split choose a winner of its own; the test may not choose"
            ),
            Mistake("by test", _by_test, "you choose on the test images; choose on the validation images"),
            Mistake(
                "by both", _by_both, "the test images take part in your choice; choose on the validation images alone"
            ),
            Mistake(
                "counts", _counts, "a gain is against the baseline on the same images: subtract what it gets right"
            ),
            Mistake("shares", _as_shares, "these are shares; a gain here is a number of images: use sum, not mean"),
            Mistake("swapped", _swapped, "return the gain on validation first, then the gain on test"),
            Mistake("last", _last, "if several copies are equally good, take the first, as np.argmax does"),
        ],
        cases=[
            ("five copies", (_FEW, _BASE, _MORE, _FRESH)),
            ("five copies, the splits swapped", (_MORE, _FRESH, _FEW, _BASE)),
            ("a tie", (np.stack([_BASE, _BASE, ~_BASE]), _BASE, _TIED, _FRESH)),
            ("one copy", (_FEW[:1], _BASE, _MORE[:1], _FRESH)),
            (
                "copies that never differ",
                (np.ones((3, 4), bool), np.ones(4, bool), np.ones((3, 6), bool), np.ones(6, bool)),
            ),
        ],
    ),
]
