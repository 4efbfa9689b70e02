"""Counting correct answers: against Keras, and refusing labels and images that would give a wrong figure in silence."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from labkit.base.errors import LabkitError, UsageError
from labkit.deploy import accuracy as module
from labkit.deploy import tflite
from labkit.deploy.accuracy import CalibrationWarning, accuracy
from labkit.methods.images import as_input

N = 40


@pytest.fixture(scope="module")
def known(net: SimpleNamespace) -> SimpleNamespace:
    """The tiny network's file, images in bytes, and labels of which it gets 30 of 40."""
    images = np.random.default_rng(4).integers(0, 256, (N, 12, 12), np.uint8)
    answers = net.model(as_input(images)).numpy().argmax(axis=1)
    labels = np.where(np.arange(N) < 30, answers, (answers + 1) % 10).astype(np.uint8)
    return SimpleNamespace(file=net.files["float32"], int8=net.files["int8"], images=images, labels=labels)


def refuse(words: str, file: bytes, images: Any, labels: Any, kind: type = LabkitError) -> None:
    with pytest.raises(kind, match=words) as caught:
        accuracy(file, images, labels)
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and ". " not in sentence


def test_the_figure_is_keras_own(known: SimpleNamespace) -> None:
    assert accuracy(known.file, known.images, known.labels) == (30, N)
    assert accuracy(known.file, known.images, known.labels.astype(np.int64), threads=2) == (30, N)
    assert accuracy(known.file, known.images.astype(np.int32), known.labels.tolist()) == (30, N)


def test_b7_one_hot_labels(known: SimpleNamespace) -> None:
    refuse(r"shape \(40, 10\).*y.argmax\(axis=1\)", known.file, known.images, np.eye(10)[known.labels])
    refuse("one-hot", known.file, known.images[:10], np.eye(10))


def test_b7_prime_a_column_of_labels(known: SimpleNamespace) -> None:
    refuse(r"shape \(40, 1\).*y\[:, 0\]", known.file, known.images, known.labels[:, None])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda y: np.array(list("abcdefghij"))[y], "np.unique"),
        (lambda y: np.arange(N) % 10 + 1, "from 1 to 10.*outputs, numbered 0 to 9: give y - 1"),
        (lambda y: np.arange(N) % 10 - 1, "from -1 to .*made for these classes"),
        (lambda y: y / 10, r"regression"),
        (lambda y: y[:, None, None], "one class number per image"),
        (lambda y: y[:7], "as many classes as images"),
    ],
)
def test_b7_prime_prime_labels_that_are_no_class_numbers(known: SimpleNamespace, change: Any, words: str) -> None:
    refuse(words, known.file, known.images, change(known.labels))


def test_b8_prime_images_that_are_scaled_already(known: SimpleNamespace) -> None:
    scaled = known.images / 255
    for images in (scaled, scaled.astype(np.float32), scaled[..., None]):
        assert accuracy(known.file, images, known.labels) == (30, N)
    refuse(r"shape \(40, 13, 12, 1\)", known.file, np.zeros((N, 13, 12, 1), np.uint8), known.labels)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.full((N, 12, 12), 255.0), "float64 from 255 to 255.*floats must be from 0 to 1"),
        (np.full((N, 12, 12), -0.5, np.float32), "from -0.5"),
        (np.full((N, 12, 12), np.nan), "not finite"),
        (np.full((N, 12, 12), 256), "whole numbers must be from 0 to 255"),
        (np.full((N, 12, 12), "a"), "whole numbers from 0 to 255, or floats"),
    ],
)
def test_b8_prime_images_in_another_range(known: SimpleNamespace, images: Any, words: str) -> None:
    refuse(words, known.file, images, known.labels, UsageError)
    with pytest.raises(UsageError, match=words):
        as_input(images)


def test_b8_prime_as_input_adds_an_axis_once() -> None:
    images = np.arange(32, dtype=np.uint8).reshape(2, 4, 4)
    expected = (images / 255).astype(np.float32)[..., None]
    for same in (images, images[..., None], expected, expected[..., 0]):
        np.testing.assert_array_equal(as_input(same), expected)


def test_b9_a_file_calibrated_on_another_range(known: SimpleNamespace, net: SimpleNamespace) -> None:
    wide = tflite.convert(net.model, "int8", 255 * net.x)
    with pytest.warns(CalibrationWarning, match=r"range of 25\d.*these images one of 1.*convert it again"):
        correct, _ = accuracy(wide, known.images, known.labels)
    for file in (known.file, known.int8, net.files["int8_io"], net.files["dynamic"]):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            accuracy(file, known.images, known.labels)
    with pytest.warns(CalibrationWarning):
        accuracy(tflite.convert(net.model, "int8", 255 * net.x, float_io=False), known.images, known.labels)
    assert correct < accuracy(known.int8, known.images, known.labels)[0]


def test_b9_images_that_set_no_range(net: SimpleNamespace) -> None:
    for value in (0, 0.5):
        with pytest.raises(LabkitError, match="set no range"):
            tflite.convert(net.model, "int8", np.full((3, 12, 12, 1), value, np.float32))


def test_b16_outputs_that_are_no_class_scores(net: SimpleNamespace, known: SimpleNamespace) -> None:
    layers = net.tf.keras.layers
    for name, last, words in (("map", layers.Conv2D(3, 3), r"\(10, 10, 3\)"), ("one", None, r"\(1,\)")):
        tail = [last] if last is not None else [layers.Flatten(), layers.Dense(1)]
        model = net.tf.keras.Sequential([layers.Input((12, 12, 1)), *tail], name=name)
        refuse(f"one row of class scores per image.*gives {words}", tflite.convert(model), known.images, known.labels)


def test_no_images(known: SimpleNamespace) -> None:
    refuse("one at least, but there are 0 images", known.file, known.images[:0], known.labels[:0])


def test_the_sentence_on_calibration_is_empty_for_float_files(known: SimpleNamespace) -> None:
    from labkit.deploy.flatbuffer import Graph

    assert module.calibration_sentence(Graph(known.file), as_input(known.images)) == ""
