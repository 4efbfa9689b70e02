"""Train a Keras 2 model repeatably: Adam's steps run inside one ``tf.function``, on images that are one tensor.

The order of the images is drawn in NumPy and each batch's augmentation from a seed, so that equal arguments give equal
weights. uint8 images are scaled batch by batch, TFMOT's pruning masks are updated in each step and once more after an
epoch, and any loss may be given. Batch normalization, dropout, the losses that layers add and TFMOT's wrappers work as
in ``fit``. Speed is no reason: against ``fit`` with ``compile(steps_per_execution=20)`` this loop was faster for
LeNet-300-100 and slower for LeNet-5, measured side by side. `adam_loop` has the loop for gradients that are changed
before they move anything. Models end in logits, without softmax. This module has what makes the numbers,
`training_input` the checks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from labkit.base.errors import LabkitError, UsageError, one_of
from labkit.keras2.augment import Augment, augmentation
from labkit.keras2.model import Model
from labkit.keras2.training_input import check_fit, tensors

SCHEDULES = ("cosine", "constant")
_STRETCHES = 10  # calls into TensorFlow per epoch when no on_step wants each step

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
Progress = Callable[[int, int, dict[str, float]], None]


class History(dict[str, list[float]]):
    """What was seen in each epoch: ``loss``, ``accuracy`` (of the training batches, while training), ``seconds``, and
    ``val_loss``, ``val_accuracy`` when validation images were given."""


def fix_threads(intra: int = 2, inter: int = 1) -> None:
    """Fix TensorFlow's threads (inside an operation, between operations), so that results repeat.

    Has no effect once TensorFlow has begun to compute.
    """
    try:
        tf.config.threading.set_intra_op_parallelism_threads(intra)
        tf.config.threading.set_inter_op_parallelism_threads(inter)
    except RuntimeError:
        pass


def compile(model: Model, learning_rate: float = 1e-3) -> Model:
    """Compile *model* for plain ``fit``: Adam, cross-entropy from logits, accuracy; returns the same model."""
    model.compile(
        optimizer=tf.keras.optimizers.Adam(learning_rate),
        loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def train(
    model: Model,
    x: NDArray[Any],
    y: NDArray[Any],
    *,
    epochs: int,
    learning_rate: float = 1e-3,
    batch_size: int = 128,
    seed: int = 0,
    schedule: str = "cosine",
    validation: tuple[NDArray[Any], NDArray[Any]] | None = None,
    on_step: Callable[[int], None] | None = None,
    augment: str | Augment | None = None,
    progress: bool | str | Progress | None = None,
    pruning: bool = False,
    loss: Loss | None = None,
) -> History:
    """Train *model* in place with Adam and return what was seen.

    ``x``: float32 (n, …) as the model takes it, or uint8 images (n, 28, 28), which are scaled to [0, 1] batch by batch;
    ``y``: whole numbers (n,) (or anything per image that *loss* takes). Each epoch goes through the images in a new
    order and leaves out the last incomplete batch. ``schedule``: the learning rate falls along a cosine to zero, or is
    constant. ``on_step(step)`` is called after each step, from 0 (slower: one call into TensorFlow per step).
    ``augment``: ``flip``, ``shift``, ``flip_shift`` or ``f(batch, seed)``, the seed int32 (2,) (``keras2.augment``).
    ``progress``: True or a title for a bar, or ``f(epoch, epochs, last)`` called after each epoch (from 1).
    ``pruning``: does what TFMOT's ``UpdatePruningStep`` does in ``fit``. ``loss(y, logits)``: a scalar; cross-entropy
    unless given.

    The same arguments give the same weights on the same machine with fixed threads; TensorFlow's global random seed is
    set to ``seed``. Raises UsageError for a setting out of range and for images or labels that do not fit the model,
    LabkitError when the loss is no longer a number.
    """
    inputs, labels = tensors(x, y)
    n = int(inputs.shape[0])
    if epochs < 1 or batch_size < 1 or learning_rate <= 0 or n < 1:
        raise UsageError(
            f"Training has {n} images, {epochs} epochs, batches of {batch_size}, learning rate {learning_rate:g}: "
            "give at least one of each, and a rate above 0."
        )
    one_of("schedule", schedule, SCHEDULES)
    check_fit(model, inputs, labels, class_numbers=loss is None)
    if validation is not None:
        check_fit(model, *tensors(*validation), class_numbers=loss is None)
    batch_size = min(batch_size, n)
    steps = n // batch_size
    tf.random.set_seed(seed)
    rate: Any = learning_rate
    if schedule == "cosine":
        rate = tf.keras.optimizers.schedules.CosineDecay(learning_rate, epochs * steps)
    if pruning:
        _begin_pruning(model)
    optimizer = tf.keras.optimizers.Adam(rate)
    run = _stretch(model, optimizer, inputs, labels, batch_size, loss or cross_entropy, augmentation(augment))

    forward = _forward(model)
    rng = np.random.default_rng(seed)
    stretch = 1 if on_step else max(1, -(-steps // _STRETCHES))
    history = History(loss=[], accuracy=[], seconds=[])
    done = 0
    with _Reporter(progress, epochs, steps) as report:
        for epoch in range(1, epochs + 1):
            began = time.perf_counter()
            batches = tf.constant(rng.permutation(n)[: steps * batch_size].reshape(steps, batch_size), tf.int32)
            totals = np.zeros(2)
            for start in range(0, steps, stretch):
                part = batches[start : start + stretch]
                seeds = tf.constant([seed % 2**31, done], tf.int32)
                totals += [float(value) for value in run(part, seeds)]
                done += int(part.shape[0])
                report.steps(int(part.shape[0]))
                if not np.isfinite(totals[0]):
                    raise LabkitError(
                        f"The loss is no longer a number in epoch {epoch} (learning rate {learning_rate:g}): "
                        "make the learning rate smaller, and check that the images lie in [0, 1]."
                    )
                if on_step:
                    on_step(done - 1)
            if pruning:
                _remask(model)
            history["loss"].append(float(totals[0]) / steps)
            history["accuracy"].append(float(totals[1]) / (steps * batch_size))
            if validation is not None:
                val_loss, val_accuracy = _evaluate(forward, *validation, loss)
                history.setdefault("val_loss", []).append(val_loss)
                history.setdefault("val_accuracy", []).append(val_accuracy)
            history["seconds"].append(time.perf_counter() - began)
            report.epoch(epoch, {key: values[-1] for key, values in history.items()})
    return history


def evaluate(model: Model, x: NDArray[Any], y: NDArray[Any], *, loss: Loss | None = None) -> tuple[float, float]:
    """Return the mean loss and accuracy of *model* on ``x`` and ``y`` (as ``train`` takes them); change nothing.

    Raises UsageError for images or labels that do not fit the model.
    """
    check_fit(model, *tensors(x, y), class_numbers=loss is None)
    return _evaluate(_forward(model), x, y, loss)


def logits(model: Model, x: NDArray[Any]) -> NDArray[np.float32]:
    """Return the outputs of *model* for ``x`` (as ``train`` takes it), float32 (n, classes)."""
    return _forward(model)(tf.convert_to_tensor(x)).numpy()


def as_floats(batch: tf.Tensor) -> tf.Tensor:
    """Return uint8 images (n, 28, 28) as float32 (n, 28, 28, 1) in [0, 1]; anything else unchanged."""
    if batch.dtype != tf.uint8:
        return batch
    scaled = tf.cast(batch, tf.float32) / 255.0
    return scaled[..., None] if scaled.shape.rank == 3 else scaled


def cross_entropy(y: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Return the mean cross-entropy of labels (n,) and logits (n, classes)."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=outputs))


def _forward(model: Model, batch_size: int = 500) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return a function that runs *model* over all images in batches; traced once, for the images it first gets."""

    @tf.function
    def forward(batch: tf.Tensor) -> tf.Tensor:
        return model(as_floats(batch), training=False)

    traced: list[Callable[[tf.Tensor], tf.Tensor]] = []

    def all_of(inputs: tf.Tensor) -> tf.Tensor:
        if not traced:
            traced.append(forward.get_concrete_function(tf.TensorSpec((None, *inputs.shape[1:]), inputs.dtype)))
        parts = [traced[0](inputs[i : i + batch_size]) for i in range(0, int(inputs.shape[0]), batch_size)]
        return tf.concat(parts, axis=0)

    return all_of


def _evaluate(
    forward: Callable[[tf.Tensor], tf.Tensor], x: NDArray[Any], y: NDArray[Any], loss: Loss | None
) -> tuple[float, float]:
    inputs, labels = tensors(x, y)
    outputs = forward(inputs)
    mean = float((loss or cross_entropy)(labels, outputs))
    if labels.shape.rank != 1:
        return mean, float("nan")
    right = tf.equal(tf.argmax(outputs, axis=-1, output_type=labels.dtype), labels)
    return mean, float(tf.reduce_mean(tf.cast(right, tf.float32)))


def _stretch(
    model: Model,
    optimizer: Any,
    inputs: tf.Tensor,
    labels: tf.Tensor,
    batch_size: int,
    loss: Loss,
    augment: Augment | None,
) -> Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Return a function of batches int32 (steps, batch) and a seed; it trains and returns summed loss and hits."""
    variables = model.trainable_variables
    optimizer.build(variables)

    def step(rows: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        batch, wanted = as_floats(tf.gather(inputs, rows)), tf.gather(labels, rows)
        if augment is not None:
            batch = tf.ensure_shape(augment(batch, seed), batch.shape)
        with tf.GradientTape() as tape:
            outputs = model(batch, training=True)
            own = loss(wanted, outputs)
            total = tf.add_n([own, *model.losses]) if model.losses else own
        gradients = tape.gradient(total, variables)
        optimizer.apply_gradients([(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None])
        if wanted.shape.rank != 1:
            return own, tf.constant(float("nan"))
        hits = tf.equal(tf.argmax(outputs, axis=-1, output_type=wanted.dtype), wanted)
        return own, tf.reduce_sum(tf.cast(hits, tf.float32))

    @tf.function
    def run(batches: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        total, right = tf.constant(0.0), tf.constant(0.0)
        for i in tf.range(tf.shape(batches)[0]):
            own, hits = step(batches[i], seed + tf.stack([0, i]))
            total, right = total + own, right + hits
        return total, right

    # Traced here, once: to call run itself would make TensorFlow warn of retracing when many models are trained.
    shapes = tf.TensorSpec((None, batch_size), tf.int32), tf.TensorSpec((2,), tf.int32)
    return run.get_concrete_function(*shapes)


def _wrappers(model: Model) -> list[Any]:
    """Return TFMOT's pruning wrappers in *model*, found by their attributes, so that tfmot need not be imported."""
    return [layer for layer in model.submodules if hasattr(layer, "pruning_obj") and hasattr(layer, "pruning_step")]


def _begin_pruning(model: Model) -> None:
    layers = _wrappers(model)
    if not layers:
        raise UsageError(
            "pruning=True, but no layer is wrapped for pruning: give the model that "
            "tfmot.sparsity.keras.prune_low_magnitude returned."
        )
    for layer in layers:
        if int(layer.pruning_step) == -1:  # as UpdatePruningStep: a model that was loaded goes on where it was
            layer.pruning_step.assign(0)


def _remask(model: Model) -> None:
    """Set to zero what the last update moved away from zero, so that the weights are as sparse as their masks."""
    for layer in _wrappers(model):
        layer.pruning_obj.weight_mask_op()


class _Reporter:
    """A bar, a caller's function, or nothing."""

    def __init__(self, wanted: bool | str | Progress | None, epochs: int, steps: int) -> None:
        self.tell = wanted if callable(wanted) else None
        self.epochs = epochs
        self.bar: Any = None
        if wanted and self.tell is None:
            from tqdm import tqdm

            self.bar = tqdm(total=epochs * steps, desc=wanted if isinstance(wanted, str) else "training", unit="step")

    def __enter__(self) -> _Reporter:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def steps(self, count: int) -> None:
        if self.bar is not None:
            self.bar.update(count)

    def epoch(self, epoch: int, last: dict[str, float]) -> None:
        if self.bar is not None:
            shown = {key.removeprefix("val_"): f"{last[key]:.4f}" for key in ("loss", "val_accuracy") if key in last}
            self.bar.set_postfix(shown)
        if self.tell is not None:
            self.tell(epoch, self.epochs, last)
