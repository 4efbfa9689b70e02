"""Distillation: train a network towards another one's outputs in place of the labels."""

from __future__ import annotations

import tensorflow as tf

from labkit.base.errors import UsageError
from labkit.keras2.training import Loss


def distillation(temperature: float = 2.0) -> Loss:
    """Return the loss that makes a student answer like its teacher: cross-entropy of both outputs softened by
    *temperature*.

    ``train(student, x, logits(teacher, x), loss=distillation())``. The factor temperature² keeps the gradients' size
    (Hinton, Vinyals and Dean 2015, arXiv:1503.02531, section 2). Raises UsageError for a temperature of 0 or less.
    """
    if not temperature > 0:
        raise UsageError(f"The temperature is {temperature}: give one above 0; 1 to 20 is usual.")

    def loss(teacher: tf.Tensor, student: tf.Tensor) -> tf.Tensor:
        targets = tf.nn.softmax(teacher / temperature)
        return temperature**2 * tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, student / temperature))

    return loss
