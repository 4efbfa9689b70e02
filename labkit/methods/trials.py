"""Simulate tests of accuracy: how often each detects a true difference."""

from __future__ import annotations

import numpy as np

from labkit.methods.small_network import train_small
from labkit.methods.statistics import normal_quantile

__all__ = ["power_paired", "power_unpaired", "train_small"]


def power_paired(
    n: int, difference: float, discordant: float, draws: int, rng: np.random.Generator, level: float = 0.95
) -> float:
    """Return the share of *draws* in which McNemar's χ² sees a true *difference* (share) on *n* images that both are
    shown.

    *discordant* is the share of images that just one gets right, at least the difference. Each draw is one multinomial
    test result; the test is the one without correction, (b − c)² > z² (b + c).
    """
    shares = [(discordant - difference) / 2, (discordant + difference) / 2, 1 - discordant]
    b, c, _ = rng.multinomial(n, np.maximum(shares, 0), draws).T
    return float(np.mean((c - b) ** 2 > normal_quantile(level) ** 2 * (b + c)))


def power_unpaired(
    n: int, first: float, second: float, draws: int, rng: np.random.Generator, level: float = 0.95
) -> float:
    """Return the share of *draws* in which the pooled z-test tells accuracies *first* and *second* apart, *n* images
    each."""
    a, b = rng.binomial(n, first, draws) / n, rng.binomial(n, second, draws) / n
    mean = (a + b) / 2
    return float(np.mean((b - a) ** 2 > normal_quantile(level) ** 2 * 2 * mean * (1 - mean) / n))
