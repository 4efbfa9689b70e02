"""Exercises of lesson 33: neurons kept, what is left to compute, the greedy choice of channels."""

from __future__ import annotations

import numpy as np

from labkit.exercises.framework import Exercise, Mistake
from labkit.methods.channels import keep_by_reconstruction
from labkit.methods.cost import conv2d_macs, conv2d_parameters

_RNG = np.random.default_rng(33)
_LAYER = tuple(_RNG.normal(size=shape) for shape in ((4, 5), (5,), (5, 3)))
_SQUARE = tuple(_RNG.normal(size=shape).round(2) for shape in ((4, 4), (4,), (4, 4)))
_ONE = (np.array([[2.0], [1.0]]), np.array([0.5]), np.array([[3.0, -1.0]]))
_EQUAL = (np.ones((3, 4)), np.ones(4), np.ones((4, 2)))


def _gram(columns: np.ndarray) -> np.ndarray:
    return columns.T @ columns


_PARTS = _RNG.normal(size=(12, 6)).round(2)
_CANCEL = np.array([[9.0, -9.0, 1.0], [-9.0, 9.0, 0.0], [1.0, 0.0, 4.0]])  # the two large ones cancel each other


def _keep(kernel: np.ndarray, bias: np.ndarray, outgoing: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, ...]:
    return kernel[:, kept], bias[kept], outgoing[kept]


def _keep_rows(kernel: np.ndarray, bias: np.ndarray, outgoing: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, ...]:
    return kernel[kept], bias[kept], outgoing[kept]


def _keep_sorted(
    kernel: np.ndarray, bias: np.ndarray, outgoing: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, ...]:
    return _keep(kernel, bias, outgoing, np.sort(kept))


def _keep_others(
    kernel: np.ndarray, bias: np.ndarray, outgoing: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, ...]:
    return _keep(kernel, bias, outgoing, np.delete(np.arange(len(bias)), kept))


def _keep_unheard(
    kernel: np.ndarray, bias: np.ndarray, outgoing: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, ...]:
    return kernel[:, kept], bias[kept], outgoing


def _keep_masked(
    kernel: np.ndarray, bias: np.ndarray, outgoing: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, ...]:
    mask = np.zeros(len(bias))
    mask[kept] = 1
    return kernel * mask, bias * mask, outgoing * mask[:, None]


def _left(kernel: int, size: int, channels: int, filters: int, share: float) -> tuple[int, int]:
    inputs, outputs = (max(1, round(share * count)) for count in (channels, filters))
    window = (kernel, kernel)
    return conv2d_parameters(window, inputs, outputs), conv2d_macs((size, size), window, inputs, outputs)


def _left_cut(kernel: int, size: int, channels: int, filters: int, share: float) -> tuple[int, int]:
    inputs, outputs = (max(1, int(share * count)) for count in (channels, filters))
    return _left(kernel, size, inputs, outputs, 1.0)


def _left_once(kernel: int, size: int, channels: int, filters: int, share: float) -> tuple[int, int]:
    outputs, window = max(1, round(share * filters)), (kernel, kernel)
    return conv2d_parameters(window, channels, outputs), conv2d_macs((size, size), window, channels, outputs)


def _left_scaled(kernel: int, size: int, channels: int, filters: int, share: float) -> tuple[int, int]:
    parameters, macs = _left(kernel, size, channels, filters, 1.0)
    return round(parameters * share), round(macs * share)


def _left_no_bias(kernel: int, size: int, channels: int, filters: int, share: float) -> tuple[int, int]:
    parameters, macs = _left(kernel, size, channels, filters, share)
    return parameters - max(1, round(share * filters)), macs


def _left_smaller(kernel: int, size: int, channels: int, filters: int, share: float) -> tuple[int, int]:
    return _left(kernel, size, channels, filters, share)[0], _left(
        kernel, max(1, round(share * size)), channels, filters, share
    )[1]


def _by_diagonal(gram: np.ndarray, count: int) -> np.ndarray:
    return np.sort(np.argsort(-np.diag(gram), kind="stable")[:count])


def _largest_go(gram: np.ndarray, count: int) -> np.ndarray:
    return np.sort(np.argsort(np.diag(gram), kind="stable")[:count])


def _gone(gram: np.ndarray, count: int) -> np.ndarray:
    return np.delete(np.arange(len(gram)), keep_by_reconstruction(gram, count))


def _lowest_first(gram: np.ndarray, count: int) -> np.ndarray:
    kept = keep_by_reconstruction(gram[::-1, ::-1], count)
    return np.sort(len(gram) - 1 - kept)


def _cross_once(gram: np.ndarray, count: int) -> np.ndarray:
    stays = list(range(len(gram)))
    gone: list[int] = []
    while len(stays) > count:
        rises = [gram[c, c] + sum(gram[c, d] for d in gone) for c in stays]
        gone.append(stays.pop(len(stays) - 1 - int(np.argmin(rises[::-1]))))
    return np.array(stays)


EXERCISES = [
    Exercise(
        "33.1",
        _keep,
        mistakes=[
            Mistake("rows", _keep_rows, "a neuron is a column of its kernel: its rows belong to the inputs"),
            Mistake(
                "unheard",
                _keep_unheard,
                "the next layer still has a row for each deleted neuron: delete those rows as well",
            ),
            Mistake("sorted", _keep_sorted, "kept gives an order as well: take the neurons in that order"),
            Mistake("others", _keep_others, "kept lists the remaining neurons, and you return the others"),
            Mistake("masked", _keep_masked, "zeros are still multiplied: return smaller arrays, without those neurons"),
        ],
        cases=[
            ("three of five", (*_LAYER, np.array([0, 2, 3]))),
            ("another order", (*_SQUARE, np.array([3, 0, 1]))),
            ("all of them, turned round", (*_SQUARE, np.array([3, 2, 1, 0]))),
            ("one neuron", (*_ONE, np.array([0]))),
            ("all equal", (*_EQUAL, np.array([1, 2]))),
            ("none", (*_LAYER, np.array([], dtype=int))),
        ],
    ),
    Exercise(
        "33.2",
        _left,
        mistakes=[
            Mistake(
                "outputs alone",
                _left_once,
                "the layer before loses channels too, so there are fewer inputs: both numbers shrink",
            ),
            Mistake(
                "once the share",
                _left_scaled,
                "inputs and outputs shrink, each by the share: their product shrinks by its square",
            ),
            Mistake("no bias", _left_no_bias, "each remaining filter has a bias: add them to the parameters"),
            Mistake("cut", _left_cut, "int cuts the number of channels down; round it"),
            Mistake(
                "smaller image", _left_smaller, "the image keeps its size, so there are as many positions as before"
            ),
        ],
        cases=[
            ("half", (3, 14, 32, 64, 0.5)),
            ("a quarter of a wide window", (5, 8, 20, 50, 0.25)),
            ("three quarters of one by one", (1, 7, 128, 128, 0.75)),
            ("a share of 0.47", (3, 24, 10, 55, 0.47)),
            ("a share of 0.3299", (2, 7, 50, 18, 0.3299)),
            ("a share of 0.31", (2, 7, 10, 20, 0.31)),
            ("a share of 0.9449", (5, 19, 48, 59, 0.9449)),
            ("nothing cut", (3, 28, 16, 16, 1.0)),
            ("at least one", (3, 4, 2, 3, 0.1)),
            ("one channel", (1, 1, 1, 1, 0.5)),
        ],
    ),
    Exercise(
        "33.3",
        keep_by_reconstruction,
        dtype="integer",
        mistakes=[
            Mistake(
                "alone",
                _by_diagonal,
                "you judge each channel alone; its products with the deleted channels count as well",
            ),
            Mistake(
                "largest go",
                _largest_go,
                "you delete the channels with the largest loss; delete the one with the smallest first",
            ),
            Mistake(
                "lowest index first",
                _lowest_first,
                "among equal losses you delete the lowest index; delete the highest",
            ),
            Mistake(
                "not ascending",
                lambda gram, count: keep_by_reconstruction(gram, count)[::-1],
                "the indices are right; return them in ascending order",
            ),
            Mistake("gone", _gone, "you return the deleted channels; return the remaining ones"),
            Mistake(
                "half of the cross terms",
                _cross_once,
                "each pair is in G twice, at (c, d) and at (d, c): the increase contains both",
            ),
        ],
        cases=[
            ("random, three of six", (_gram(_PARTS), 3)),
            ("random, one of six", (_gram(_PARTS), 1)),
            ("two that cancel", (_CANCEL, 1)),
            ("nothing goes", (_gram(_PARTS), 6)),
            ("independent", (np.diag([3.0, 1.0, 2.0, 5.0]), 2)),
            ("one channel", (np.array([[2.0]]), 1)),
            ("equal losses", (np.diag([2.0, 1.0, 1.0, 1.0]), 2)),
            ("equal losses after the first step", (np.array([[1.0, 0, 0], [0, 3, -1], [0, -1, 3]]), 1)),
            ("all equal", (np.eye(4), 3)),
            ("a dead one", (np.diag([1.0, 0.0, 2.0]), 2)),
        ],
    ),
]
