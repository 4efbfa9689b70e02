"""The exercises of lesson 52: what a compressed layer weighs, relative indices, and dead neurons."""

from __future__ import annotations

import numpy as np

from labkit.exercises.framework import Exercise, Mistake

_RNG = np.random.default_rng(52)


_CANCELLING = np.array([[1.0, 0.0, -2.0], [-1.0, 0.0, 2.0]])
_BY_ONE = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


def _sparse(rows: int, columns: int, density: float, values: int) -> np.ndarray:
    mask = _RNG.random((rows, columns)) < density
    return (mask * _RNG.choice(np.linspace(-1, 1, 2 * values)[::2], (rows, columns))).astype("float32")


def _bits(counts: np.ndarray) -> float:
    shares = counts[counts > 0] / max(counts.sum(), 1)
    return float(-(counts[counts > 0] * np.log2(shares)).sum()) + 0.0


def ideal_bytes(weights: np.ndarray, value_bytes: int = 4) -> float:
    """Return the bytes of a mask and of indices at their entropies, and of a codebook."""
    kept = weights[weights != 0]
    _, counts = np.unique(kept, return_counts=True)
    mask = np.array([kept.size, weights.size - kept.size])
    return (_bits(mask) + _bits(counts)) / 8 + value_bytes * len(counts)


def _no_codebook(weights: np.ndarray, value_bytes: int = 4) -> float:
    return ideal_bytes(weights, 0)


def _in_bits(weights: np.ndarray, value_bytes: int = 4) -> float:
    return 8 * ideal_bytes(weights, 0) + value_bytes * len(np.unique(weights[weights != 0]))


def _no_mask(weights: np.ndarray, value_bytes: int = 4) -> float:
    kept = weights[weights != 0]
    _, counts = np.unique(kept, return_counts=True)
    return _bits(counts) / 8 + value_bytes * len(counts)


def _whole_bits(weights: np.ndarray, value_bytes: int = 4) -> float:
    kept = weights[weights != 0]
    different = len(np.unique(kept))
    mask = np.array([kept.size, weights.size - kept.size])
    width = int(np.ceil(np.log2(max(different, 1))))
    return (_bits(mask) + kept.size * width) / 8 + value_bytes * different


def relative_indices(mask: np.ndarray, longest: int) -> list[int]:
    """Return the zeros before each kept weight, with fillers where they are too many."""
    places = np.flatnonzero(mask)
    return _walk(mask[: places[-1] + 1] if len(places) else mask[:0], longest)


def _walk(mask: np.ndarray, longest: int) -> list[int]:
    steps, zeros = [], 0
    for kept in mask.tolist():
        if kept or zeros == longest:
            steps.append(zeros)
            zeros = 0
        else:
            zeros += 1
    return steps


def _no_filler(mask: np.ndarray, longest: int) -> list[int]:
    places = np.flatnonzero(mask)
    return (np.diff(np.concatenate([[-1], places])) - 1).tolist()


def _absolute(mask: np.ndarray, longest: int) -> list[int]:
    return np.flatnonzero(mask).tolist()


def _steps(mask: np.ndarray, longest: int) -> list[int]:
    return [step + 1 for step in relative_indices(mask, longest)]


def _one_filler(mask: np.ndarray, longest: int) -> list[int]:
    steps: list[int] = []
    for gap in _no_filler(mask, longest):
        steps += [longest, gap - longest - 1] if gap > longest else [gap]
    return steps


def _forgets(mask: np.ndarray, longest: int) -> list[int]:
    """Make the mistake of counting the filler as zeros alone: its own place is forgotten."""
    steps: list[int] = []
    for gap in _no_filler(mask, longest):
        while gap > longest:
            steps.append(longest)
            gap -= longest
        steps.append(gap)
    return steps


def empty_dead(
    kernel: np.ndarray, bias: np.ndarray, after: np.ndarray, after_bias: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the next layer's kernel and bias, when neurons without inputs are emptied."""
    dead = np.logical_not(kernel.any(axis=0))
    answer = np.maximum(bias, 0) * dead
    return np.where(dead[:, None], 0, after), after_bias + answer @ after


def _no_relu(
    kernel: np.ndarray, bias: np.ndarray, after: np.ndarray, after_bias: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    dead = np.logical_not(kernel.any(axis=0))
    return np.where(dead[:, None], 0, after), after_bias + (bias * dead) @ after


def _dropped(
    kernel: np.ndarray, bias: np.ndarray, after: np.ndarray, after_bias: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    dead = np.logical_not(kernel.any(axis=0))
    return np.where(dead[:, None], 0, after), after_bias


def _all_moved(
    kernel: np.ndarray, bias: np.ndarray, after: np.ndarray, after_bias: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    dead = np.logical_not(kernel.any(axis=0))
    return np.where(dead[:, None], 0, after), after_bias + np.maximum(bias, 0) @ after


def _dead_by_sum(
    kernel: np.ndarray, bias: np.ndarray, after: np.ndarray, after_bias: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    dead = np.equal(kernel.sum(axis=0), 0)
    return np.where(dead[:, None], 0, after), after_bias + (np.maximum(bias, 0) * dead) @ after


def _dead_rows(
    kernel: np.ndarray, bias: np.ndarray, after: np.ndarray, after_bias: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    dead = np.logical_not(kernel.any(axis=1))
    return np.where(dead[:, None], 0, after), after_bias + (np.maximum(bias, 0) * dead) @ after


def _rows(
    kernel: np.ndarray, bias: np.ndarray, after: np.ndarray, after_bias: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Make the mistake of keeping the outgoing weights, so that a dead neuron counts twice: by weight and by bias."""
    dead = np.logical_not(kernel.any(axis=0))
    return after, after_bias + (np.maximum(bias, 0) * dead) @ after


def _layers(density: float, inputs: int = 6, units: int = 5, outputs: int = 3) -> tuple[np.ndarray, ...]:
    kernel = _sparse(inputs, units, density, 4)
    kernel[:, ::2] = 0
    return kernel, _RNG.normal(size=units), _RNG.normal(size=(units, outputs)), _RNG.normal(size=outputs)


EXERCISES = [
    Exercise(
        "52.1",
        ideal_bytes,
        mistakes=[
            Mistake("no codebook", _no_codebook, "the codebook is missing: add the bytes of the different values"),
            Mistake("bits", _in_bits, "entropies are in bits, and the codebook in bytes: divide the bits by 8"),
            Mistake("no mask", _no_mask, "the mask is missing: add its entropy"),
            Mistake(
                "whole bits",
                _whole_bits,
                "you spend whole bits on an index; frequent values may take fewer: use the entropy of their counts",
            ),
        ],
        cases=[
            ("a sparse layer of 4 values", (_sparse(40, 30, 0.1, 4),)),
            ("two bytes a value", (_sparse(20, 20, 0.3, 8), 2)),
            ("one value alone", (np.array([[0.0, 0.5], [0.5, 0.0]], "float32"),)),
            ("unequal counts", (np.array([0, 1, 1, 1, 1, 1, 1, 2, 0, 0], "float32"),)),
            ("no zero at all", (np.array([1.0, 2.0, 2.0, 3.0], "float32"),)),
            ("one weight kept", (np.array([0.0] * 19 + [-1.0], "float32"), 1)),
            ("values of both signs", (np.array([0.3, -0.3, 0.3, 0.0, -0.3, 0.7, 0.3], "float32"), 2)),
            ("nothing kept", (np.zeros((5, 5), "float32"),)),
            ("one weight", (np.array([0.3], "float32"),)),
            ("empty", (np.zeros(0, "float32"),)),
        ],
    ),
    Exercise(
        "52.2",
        relative_indices,
        mistakes=[
            Mistake("no filler", _no_filler, "a gap exceeds the longest that fits: insert a filler"),
            Mistake("absolute", _absolute, "you return places; count the zeros since the weight before instead"),
            Mistake(
                "steps", _steps, "you count one too many: two neighbours have no zeros between them, so their gap is 0"
            ),
            Mistake(
                "one filler only",
                _one_filler,
                "one filler is not enough for a long gap: insert as many as it takes",
            ),
            Mistake(
                "forgotten place",
                _forgets,
                "a filler occupies a place itself: it covers longest zeros and one more",
            ),
            Mistake("trailing", _walk, "zeros after the last kept weight are not stored"),
        ],
        cases=[
            ("a few gaps", (np.array([1, 0, 0, 1, 1, 0, 1], bool), 7)),
            ("a gap that needs one filler", (np.array([1, *[0] * 9, 1], bool), 7)),
            ("a gap that needs two", (np.array([*[0] * 17, 1], bool), 7)),
            ("a gap of exactly the longest", (np.array([*[0] * 7, 1], bool), 7)),
            ("one longer than the longest", (np.array([*[0] * 8, 1, 0], bool), 7)),
            ("random", (_RNG.random(200) < 0.1, 15)),
            ("a long tail of zeros", (np.array([1, *[0] * 20], bool), 7)),
            ("nothing kept", (np.zeros(20, bool), 7)),
            ("all kept", (np.ones(5, bool), 3)),
            ("one weight", (np.ones(1, bool), 3)),
            ("empty", (np.zeros(0, bool), 3)),
        ],
    ),
    Exercise(
        "52.3",
        empty_dead,
        mistakes=[
            Mistake("no ReLU", _no_relu, "the neuron outputs relu(bias), not its bias: negative ones become 0"),
            Mistake("dropped", _dropped, "the contribution of the dead neurons is lost; add it to the biases"),
            Mistake(
                "all moved",
                _all_moved,
                "you move the outputs of living neurons as well; take only neurons without incoming weights",
            ),
            Mistake(
                "dead by its sum",
                _dead_by_sum,
                "weights that add up to zero do not make a neuron dead: all of them must be zero",
            ),
            Mistake(
                "rows of the kernel",
                _dead_rows,
                "a neuron's incoming weights are a column of kernel: look along axis 0",
            ),
            Mistake(
                "moved, not emptied",
                _rows,
                "the contribution counts twice now, in the bias and in the weights: set the dead rows to zero",
            ),
        ],
        cases=[
            ("three of five dead", _layers(0.6)),
            (
                "weights that cancel, and are not dead",
                (_CANCELLING, np.ones(3), np.arange(1.0, 7).reshape(3, 2), np.ones(2)),
            ),
            (
                "alive by the first input or by the last",
                (_BY_ONE, np.ones(3), np.arange(1.0, 7).reshape(3, 2), np.ones(2)),
            ),
            ("all dead", (np.zeros((4, 3)), np.array([1.0, -1.0, 0.5]), np.ones((3, 2)), np.zeros(2))),
            ("none dead", (np.ones((4, 3)), np.array([1.0, -1.0, 0.5]), np.ones((3, 2)), np.zeros(2))),
            ("one neuron", (np.zeros((1, 1)), np.array([2.0]), np.array([[3.0]]), np.array([1.0]))),
            ("a negative bias", (np.zeros((2, 1)), np.array([-2.0]), np.array([[3.0]]), np.array([1.0]))),
            ("no neuron", (np.zeros((3, 0)), np.zeros(0), np.zeros((0, 2)), np.array([1.0, 2.0]))),
        ],
    ),
]
