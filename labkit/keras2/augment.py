"""Vary the training images a little, batch by batch, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from labkit.base.errors import one_of

Augment = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def augmentation(wanted: str | Augment | None) -> Augment | None:
    """Return the augmentation named ``flip``, ``shift`` or ``flip_shift``; a function or None as it is.

    Raises UsageError for another name.
    """
    if wanted is None or callable(wanted):
        return wanted
    return _NAMED[one_of("augmentation", wanted, _NAMED)]


def flip(batch: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Mirror each image (n, h, w, c) left to right with probability ½; *seed* is int32 (2,)."""
    drawn = tf.random.stateless_uniform([tf.shape(batch)[0], 1, 1, 1], seed)
    return tf.where(drawn < 0.5, batch, tf.reverse(batch, axis=[2]))


def shift(batch: tf.Tensor, seed: tf.Tensor, pixels: int = 1) -> tf.Tensor:
    """Move each image (n, h, w, c) by up to *pixels* pixels both ways in both directions, zeros moving in."""
    n, height, width = tf.shape(batch)[0], batch.shape[1], batch.shape[2]
    padded = tf.pad(batch, [[0, 0], [pixels, pixels], [pixels, pixels], [0, 0]])
    moves = tf.random.stateless_uniform([n, 2], seed + 1, maxval=2 * pixels + 1, dtype=tf.int32)
    padded = tf.gather(padded, moves[:, :1] + tf.range(height)[None], axis=1, batch_dims=1)
    return tf.gather(padded, moves[:, 1:] + tf.range(width)[None], axis=2, batch_dims=1)


def flip_shift(batch: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Mirror each image with probability ½, then move it by up to one pixel."""
    return shift(flip(batch, seed), seed)


_NAMED: dict[str, Augment] = {"flip": flip, "shift": shift, "flip_shift": flip_shift}
