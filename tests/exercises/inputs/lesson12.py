"""Valid inputs for the exercises of lesson 12."""

from __future__ import annotations

from typing import Any

import numpy as np


def counts(rng: np.random.Generator) -> tuple[Any, ...]:
    n = int(rng.choice([0, 1, 2, 3, 10, 50, 333, 10_000]))
    return int(rng.choice([0, n, rng.integers(0, n + 1)])), n


def discordant(rng: np.random.Generator) -> tuple[Any, ...]:
    """How many images the first alone has right, and the second alone."""
    most = int(rng.choice([1, 2, 4, 30, 400]))
    first = int(rng.integers(0, most + 1))
    return first, int(rng.choice([first, rng.integers(0, most + 1)]))


def effect(rng: np.random.Generator) -> tuple[Any, ...]:
    """A difference in accuracy of either sign, and a discordant share that is no smaller than its size."""
    share = float(rng.uniform(0.004, 0.5))
    return float(rng.choice([-1, 1]) * rng.uniform(0.002, share)), share


def copies(rng: np.random.Generator) -> tuple[Any, ...]:
    """Right and wrong answers of some copies and of the network they came from, on validation and on test images."""
    number, images, tests = (int(each) for each in rng.integers([1, 1, 1], [6, 12, 15]))
    baseline, test_baseline = rng.random(images) < 0.7, rng.random(tests) < 0.7
    answers = np.where(rng.random((number, images)) < 0.3, ~baseline, baseline)
    test_answers = np.where(rng.random((number, tests)) < 0.3, ~test_baseline, test_baseline)
    return answers, baseline, test_answers, test_baseline


DRAW = {"12.1": counts, "12.2": discordant, "12.3": effect, "12.4": copies}
