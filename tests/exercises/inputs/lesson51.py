"""Valid inputs for the exercises of lesson 51."""

from __future__ import annotations

from typing import Any

import numpy as np


def counts(rng: np.random.Generator) -> tuple[Any, ...]:
    """How often each symbol occurs: often equal, sometimes never, sometimes one symbol alone or none."""
    n = int(rng.integers(1, 9))
    drawn = rng.integers(0, rng.choice([2, 4, 100]), n)
    return (np.asarray(drawn * (rng.random(n) < rng.choice([0.0, 0.3, 1.0, 1.0]))),)


def stream(rng: np.random.Generator) -> tuple[Any, ...]:
    """Symbols with their frequencies, of which those that occur are positive; a width that the stream fits into."""
    frequencies = rng.integers(0, 20, int(rng.integers(1, 5)))
    frequencies[int(rng.integers(len(frequencies)))] += 1
    symbols = rng.choice(np.flatnonzero(frequencies), int(rng.integers(0, 7)))
    return symbols, frequencies, int(rng.choice([2**32, 2**48, 2**40 + 12345]))


DRAW = {"51.1": counts, "51.2": counts, "51.3": stream}
