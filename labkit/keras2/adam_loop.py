"""Run Adam's steps inside TensorFlow, on variables that need not be the model's own.

``training.train`` moves a model's variables by their gradients. Here the gradients are changed before they move
anything (masked, or summed over the weights that share a value), which neither ``fit`` nor that loop can do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from labkit.base.errors import LabkitError, UsageError
from labkit.keras2.model import Model
from labkit.keras2.training import Loss, as_floats, cross_entropy
from labkit.keras2.training_input import check_fit, tensors
from labkit.keras2.views import VIEWS, moved

_EVERY = 50  # steps between two calls of *between*, at most
Gradients = list[tf.Tensor]


@dataclass(frozen=True)
class How:
    """The settings of a training: the loss (cross-entropy unless given), whether images are *shifted* (drawn anew for
    each batch, from their nine views; always where there is a target for each view), batches, and the seed."""

    loss: Loss | None = None
    shifted: bool = False
    batch_size: int = 256
    seed: int = 0


def run_adam(
    model: Model,
    x: NDArray[np.uint8],
    y: NDArray[Any],
    tuned: list[tf.Variable],
    projected: Callable[[Gradients], Gradients],
    write: Callable[[], None],
    between: Callable[[int, int], None] | None,
    epochs: int,
    learning_rate: float,
    how: How,
    *,
    training: bool = True,
) -> None:
    """Run Adam on *tuned* with the *projected* gradients of the model's variables, and *write* after each step.

    ``between(step, steps)`` is called every 50 steps, and at half of them. *training* is what the model is called with.
    """
    if epochs < 1 or how.batch_size < 1 or learning_rate <= 0 or not 0 < len(x) == len(y):
        raise UsageError(
            f"Training has {len(x)} images, {len(y)} targets, {epochs} epochs, batches of {how.batch_size}, learning "
            f"rate {learning_rate:g}: give as many targets as images, at least one of each, and a rate above 0."
        )
    tf.random.set_seed(how.seed)
    batch_size = min(how.batch_size, len(x))
    inputs, targets = tensors(x, y)
    if targets.dtype.is_floating:
        targets = tf.cast(targets, tf.float32)
    check_fit(model, inputs, targets, class_numbers=how.loss is None)
    answered = targets.shape.rank >= 3
    shifted = how.shifted or answered
    a_pass = len(x) // batch_size
    steps = epochs * a_pass
    optimizer = tf.keras.optimizers.Adam(tf.keras.optimizers.schedules.CosineDecay(learning_rate, steps, alpha=0.005))
    optimizer.build(tuned)
    trained, loss = model.trainable_variables, how.loss or cross_entropy

    @tf.function
    def run(batches: tf.Tensor, moves: tf.Tensor) -> tf.Tensor:
        total = tf.constant(0.0)
        for i in tf.range(tf.shape(batches)[0]):
            batch, wanted = tf.gather(inputs, batches[i]), tf.gather(targets, batches[i])
            if shifted:
                batch = moved(batch, moves[i])
            if answered:
                wanted = tf.gather(wanted, moves[i], batch_dims=1)
            with tf.GradientTape() as tape:
                value = loss(wanted, model(as_floats(batch), training=training))
            optimizer.apply_gradients(zip(projected(tape.gradient(value, trained)), tuned, strict=True))
            write()
            total += value
        return total

    # Traced here, once: to call run itself would make TensorFlow warn of retracing when many networks are trained.
    width = batch_size if shifted else 1
    traced = run.get_concrete_function(
        tf.TensorSpec((None, batch_size), tf.int32), tf.TensorSpec((None, width), tf.int32)
    )
    rng, done, half = np.random.default_rng(how.seed), 0, steps // 2
    passes = [rng.permutation(len(x))[: a_pass * batch_size] for _ in range(epochs)]
    batches = np.concatenate(passes).reshape(steps, batch_size).astype(np.int32)
    while done < steps:
        if between:
            between(done, steps)
        upto = min(done - done % _EVERY + _EVERY, steps)
        upto = half if done < half < upto else upto
        moves = rng.integers(0, VIEWS, (upto - done, width))
        total = float(traced(tf.constant(batches[done:upto]), tf.constant(moves, tf.int32)))
        if not np.isfinite(total):
            raise LabkitError(
                f"The loss is no longer a number by step {upto} (learning rate {learning_rate:g}): "
                "make the learning rate smaller."
            )
        done = upto
