"""Right answers to the exercises of lesson 12, in other forms than the course's own."""

from __future__ import annotations

from fractions import Fraction
from math import comb, sqrt

import numpy as np
from scipy.stats import binomtest

Z = 1.959964


def standard_wilson(correct, n):
    """Write Wilson's interval as textbooks do."""
    if not n:
        return [0, 1]
    root = Z * sqrt(correct * (n - correct) / n + Z * Z / 4)
    return [(correct + Z * Z / 2 - root) / (n + Z * Z), (correct + Z * Z / 2 + root) / (n + Z * Z)]


def solved_wilson(correct, n):
    """Solve the quadratic equation that defines the ends."""
    if n == 0:
        return np.array([0.0, 1.0])
    share = correct / n
    return np.sort(np.roots([1 + Z**2 / n, -(2 * share + Z**2 / n), share**2]).real)


def from_the_middle(first, second):
    """Add all counts that are at least as uneven."""
    m = first + second
    far = [k for k in range(m + 1) if abs(2 * k - m) >= abs(first - second)]
    return sum(comb(m, k) for k in far) / 2**m


def looped(answers, baseline, test_answers, test_baseline):
    """Keep the best so far."""
    best, most = 0, -1
    for k, row in enumerate(answers):
        if sum(map(int, row)) > most:
            best, most = k, sum(map(int, row))
    return most - sum(map(int, baseline)), sum(map(int, test_answers[best])) - sum(map(int, test_baseline))


def by_gains(answers, baseline, test_answers, test_baseline):
    """Rank the gains themselves."""
    gains = answers.sum(axis=1) - baseline.sum()
    return np.array([gains.max(), (test_answers.sum(axis=1) - test_baseline.sum())[gains.argmax()]])


ATTEMPTS = {
    "12.1": {
        "textbook": standard_wilson,
        "quadratic": solved_wilson,
        "scipy": lambda c, n: tuple(binomtest(c, n).proportion_ci(0.95, "wilson")) if n else (0, 1),
    },
    "12.2": {
        "Fraction": lambda a, b: min(
            Fraction(1), Fraction(2 * sum(comb(a + b, k) for k in range(min(a, b) + 1)), 2 ** (a + b))
        ),
        "uneven counts": from_the_middle,
        "scipy": lambda a, b: binomtest(a, a + b).pvalue if a + b else 1,
    },
    "12.3": {
        "minus floor": lambda d, p: -int(-(((Z * p**0.5 + 0.841621 * (p - d * d) ** 0.5) / d) ** 2) // 1),
        "float": lambda d, p: np.ceil((Z * np.sqrt(p) + 0.841621 * np.sqrt(p - d**2)) ** 2 / d**2),
        "absolute": lambda d, p: int(np.ceil(((Z * sqrt(p) + 0.841621 * sqrt(p - d * d)) / abs(d)) ** 2)),
    },
    "12.4": {
        "loop": looped,
        "gains": by_gains,
        "sorted": lambda a, b, c, d: [
            np.sum(x[sorted(range(len(a)), key=lambda k: -a[k].sum())[0]]) - np.sum(y) for x, y in ((a, b), (c, d))
        ],
    },
}
