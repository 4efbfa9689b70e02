"""Exercises of lesson 00: accuracy, which the page solves itself, and the mistakes of each class."""

from __future__ import annotations

import numpy as np

from labkit.exercises.framework import Exercise, Mistake

_RNG = np.random.default_rng(0)
_LABELS = _RNG.integers(0, 10, 60).astype("uint8")
_PREDICTED = np.where(_RNG.random(60) < 0.6, _LABELS, _RNG.integers(0, 10, 60)).astype("int64")
_CONFUSED = np.repeat([6, 0, 6], [300, 280, 20]).astype("uint8")  # one class has more mistakes than fit into uint8
_NONE = np.zeros(0, dtype="uint8")
_CASES = [
    ("sixty random images", (_PREDICTED, _LABELS)),
    ("four images, one wrong", (np.array([2, 0, 1, 1]), np.array([2, 0, 1, 3], dtype="uint8"))),
    ("three hundred mistakes in one class", (np.where(_CONFUSED == 6, 4, _CONFUSED).astype("int64"), _CONFUSED)),
    ("all right", (_LABELS.astype("int64"), _LABELS)),
    ("all wrong", (np.array([1, 2, 2]), np.array([0, 0, 1], dtype="uint8"))),
    ("one image", (np.array([9]), np.array([9], dtype="uint8"))),
    ("no images", (_NONE.astype("int64"), _NONE)),
]


def _accuracy(predicted: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(predicted == labels)) if labels.size else float("nan")


def _unguarded(predicted: np.ndarray, labels: np.ndarray) -> float:
    return int(np.sum(predicted == labels)) / len(labels)


def _or_zero(predicted: np.ndarray, labels: np.ndarray) -> float:
    return _accuracy(predicted, labels) if labels.size else 0.0


def _mistakes(predicted: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.bincount(labels[predicted != labels], minlength=10)


def _mistake_shares(predicted: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return _mistakes(predicted, labels) / np.maximum(np.bincount(labels, minlength=10), 1)


EXERCISES = [
    Exercise(
        "00.1",
        _accuracy,
        mistakes=[
            Mistake(
                "count",
                lambda predicted, labels: int(np.sum(predicted == labels)),
                "you count the images that are right; divide by how many there are",
            ),
            Mistake(
                "error",
                lambda predicted, labels: 1 - _accuracy(predicted, labels),
                "you return the share of wrong answers; accuracy is the share of right ones",
            ),
            Mistake(
                "percent",
                lambda predicted, labels: 100 * _accuracy(predicted, labels),
                "you return a percentage; the docstring asks for a share from 0 to 1",
            ),
            Mistake("unguarded", _unguarded, "without any images you divide by zero; return NaN there"),
            Mistake(
                "or zero",
                _or_zero,
                "an accuracy of 0 would mean that all answers are wrong; return NaN when there are no images",
            ),
        ],
        cases=_CASES,
    ),
    Exercise(
        "00.2",
        _mistakes,
        mistakes=[
            Mistake(
                "by prediction",
                lambda predicted, labels: np.bincount(predicted[predicted != labels], minlength=10),
                "you count by the predicted class; count by the label, which is the true class",
            ),
            Mistake(
                "right ones",
                lambda predicted, labels: np.bincount(labels[predicted == labels], minlength=10),
                "you count the images that are right; the mistakes are those where the two differ",
            ),
            Mistake(
                "all images",
                lambda predicted, labels: np.bincount(labels, minlength=10),
                "you count all images of each class; count only those whose prediction differs from the label",
            ),
            Mistake(
                "short",
                lambda predicted, labels: np.bincount(labels[predicted != labels]),
                "your answer is too short when the last classes have no mistakes; pass minlength=10",
            ),
            Mistake(
                "total",
                lambda predicted, labels: int(np.count_nonzero(predicted != labels)),
                "you count all mistakes together; return ten counts, one per class",
            ),
            Mistake(
                "too small a type",
                lambda predicted, labels: _mistakes(predicted, labels).astype(labels.dtype),
                "your counts have the type of the labels, uint8, which ends at 255; count in integers",
            ),
            Mistake(
                "shares", _mistake_shares, "you divide by the number of images per class; return the counts themselves"
            ),
        ],
        cases=_CASES,
    ),
]
