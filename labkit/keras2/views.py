"""Learning from a teacher, and from moved images: nine views of each image, which the teacher answers beforehand.

A *view* is one of the nine shifts of an image by at most a pixel in both directions, zeros moving in. A teacher's
answers to all of them take one pass before the training; its student then sees moved images at no further cost.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from labkit.keras2.distill import distillation
from labkit.keras2.model import Model
from labkit.keras2.training import Loss, as_floats, cross_entropy, logits

VIEWS = 9


def teacher_views(teacher: Model, x: NDArray[np.uint8], batch_size: int = 1000) -> NDArray[np.float32]:
    """Return the logits of *teacher* for the nine views of each image, float32 (n, 9, classes)."""

    @tf.function
    def answer(batch: tf.Tensor, view: tf.Tensor) -> tf.Tensor:
        return teacher(as_floats(moved(batch, tf.fill([tf.shape(batch)[0]], view))), training=False)

    pixels = tf.TensorSpec((None, *x.shape[1:]), x.dtype)
    traced = answer.get_concrete_function(pixels, tf.TensorSpec((), tf.int32))
    parts = []
    for start in range(0, len(x), batch_size):
        batch = tf.constant(x[start : start + batch_size])
        parts.append(np.stack([traced(batch, tf.constant(view)).numpy() for view in range(VIEWS)], axis=1))
    return np.concatenate(parts)


def soft_targets(labels: NDArray[Any], teacher_logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return targets for `taught`: each image's label in front of its teacher's logits, float32 (n, 9, 1 + classes)."""
    spread = np.broadcast_to(np.asarray(labels, np.float32)[:, None, None], (*teacher_logits.shape[:2], 1))
    return np.concatenate([spread, teacher_logits], axis=2)


def teacher_targets(
    teacher: Model, x: NDArray[np.uint8], labels: NDArray[Any], shifted: bool = False
) -> NDArray[np.float32]:
    """Return targets for `taught` from the outputs of *teacher* for images *x*: each label, then the logits.

    float32 (n, 1 + classes); where the student sees *shifted* images, (n, 9, 1 + classes), the targets of each view.
    """
    if shifted:
        return soft_targets(labels, teacher_views(teacher, x))
    return soft_targets(labels, logits(teacher, x)[:, None])[:, 0]


def taught(share: float = 0.9, temperature: float = 2.0) -> Loss:
    """Return a loss: *share* of it from the teacher's softened answers, the rest from the labels (`soft_targets`).

    Hinton, Vinyals and Dean 2015, arXiv:1503.02531, section 2.
    """

    soft = distillation(temperature)

    def loss(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        hard = cross_entropy(tf.cast(targets[:, 0], tf.int32), outputs)
        return (1 - share) * hard + share * soft(targets[:, 1:], outputs)

    return loss


def moved(batch: tf.Tensor, views: tf.Tensor) -> tf.Tensor:
    """Shift images (n, h, w) as their views int32 (n,) say, zeros moving in; view 4 is the image itself."""
    height, width = batch.shape[1], batch.shape[2]
    padded = tf.pad(batch, [[0, 0], [1, 1], [1, 1]])
    padded = tf.gather(padded, (views // 3)[:, None] + tf.range(height)[None], axis=1, batch_dims=1)
    return tf.gather(padded, (views % 3)[:, None] + tf.range(width)[None], axis=2, batch_dims=1)
