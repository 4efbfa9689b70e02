"""The loss of distillation against the formula in float64, its gradient against Hinton's, and its least value."""

from __future__ import annotations

import labkit  # noqa: F401  (chooses Keras 2)

import numpy as np  # isort: skip
import pytest
import tensorflow as tf
from scipy.special import log_softmax, softmax

from labkit.base.errors import UsageError
from labkit.keras2.distill import distillation

RNG = np.random.default_rng(0)
TEACHER, STUDENT = (4 * RNG.normal(size=(7, 5)).astype("float32") for _ in range(2))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 20.0])
def test_value_and_gradient(temperature):
    student = tf.Variable(STUDENT)
    with tf.GradientTape() as tape:
        loss = distillation(temperature)(tf.constant(TEACHER), student)
    p = softmax(TEACHER.astype("float64") / temperature, axis=1)
    log_q = log_softmax(STUDENT.astype("float64") / temperature, axis=1)
    assert float(loss) == pytest.approx(-(temperature**2) * np.mean(np.sum(p * log_q, axis=1)), rel=1e-5)
    # One 1/T comes from the softened softmax; with the factor T² of the loss, T stays. Mean over the images.
    wanted = temperature * (np.exp(log_q) - p) / len(TEACHER)
    np.testing.assert_allclose(tape.gradient(loss, student).numpy(), wanted, rtol=1e-4, atol=1e-6)


def test_at_temperature_one_a_sure_teacher_is_a_label():
    classes = TEACHER.argmax(axis=1)
    sure = tf.constant(1e4 * np.eye(5, dtype="float32")[classes])
    by_label = tf.nn.sparse_softmax_cross_entropy_with_logits(classes, STUDENT)
    assert float(distillation(1.0)(sure, tf.constant(STUDENT))) == pytest.approx(float(tf.reduce_mean(by_label)))


def test_the_teacher_itself_is_the_best_student():
    student = tf.Variable(TEACHER + 3)  # softmax does not see what is added to all logits
    with tf.GradientTape() as tape:
        least = distillation()(tf.constant(TEACHER), student)
    np.testing.assert_allclose(tape.gradient(least, student).numpy(), 0, atol=1e-6)
    assert float(least) < float(distillation()(tf.constant(TEACHER), tf.constant(STUDENT)))


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan")])
def test_a_temperature_that_softens_nothing_is_refused(temperature):
    with pytest.raises(UsageError, match="give one above 0"):
        distillation(temperature)
