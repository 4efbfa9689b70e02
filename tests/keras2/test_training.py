"""``training.train`` held to Keras' own ``fit``, and to itself."""

from __future__ import annotations

import numpy as np
import pytest

from labkit.base.errors import LabkitError, UsageError  # labkit before TensorFlow, for Keras 2
from labkit.keras2 import augment, protect, training

import tensorflow as tf  # isort: skip

layers = tf.keras.layers


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(5)
    x = rng.uniform(size=(96, 8)).astype(np.float32)
    return x, (x[:, 0] + x[:, 1] > 1).astype(np.uint8) + (x[:, 2] > 0.5).astype(np.uint8)


def small(dropout: float = 0.0, seed: int = 3) -> tf.keras.Model:
    """Dense, batch normalisation, a regularizer's loss and, if wanted, dropout."""
    start = lambda i: tf.keras.initializers.GlorotUniform(seed=seed + i)  # noqa: E731
    inputs = tf.keras.Input((8,))
    # No bias before the normalisation: its gradient is rounding alone, which Adam would blow up.
    penalty = tf.keras.regularizers.L2(0.05)
    x = layers.Dense(12, use_bias=False, kernel_initializer=start(0), kernel_regularizer=penalty)(inputs)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Dropout(dropout)(x) if dropout else x
    return tf.keras.Model(inputs, layers.Dense(3, kernel_initializer=start(1))(x))


def fitted(model, x, y, epochs, schedule, callbacks=()):
    """What Keras makes of the same training: one batch of all images an epoch, so that their order is no matter."""
    rate = tf.keras.optimizers.schedules.CosineDecay(0.01, epochs) if schedule == "cosine" else 0.01
    training.compile(model, rate).fit(x, y, batch_size=len(x), epochs=epochs, verbose=0, callbacks=list(callbacks))
    return model


@pytest.mark.parametrize("schedule", training.SCHEDULES)
def test_the_weights_are_those_of_keras_fit(images, schedule):
    x, y = images
    ours, keras = small(), small()
    history = training.train(ours, x, y, epochs=6, learning_rate=0.01, batch_size=96, schedule=schedule)
    fitted(keras, x, y, 6, schedule)
    for mine, theirs in zip(ours.get_weights(), keras.get_weights(), strict=True):
        assert np.allclose(mine, theirs, atol=1e-5)
    assert history["loss"][-1] < history["loss"][0]
    assert set(history) == {"loss", "accuracy", "seconds"} and len(history["loss"]) == 6


def test_pruning_wrappers_are_pruned_as_update_pruning_step_does(images):
    import tensorflow_model_optimization as tfmot

    x, y = images
    prune = tfmot.sparsity.keras

    def wrapped():
        schedule = prune.PolynomialDecay(0.2, 0.75, begin_step=1, end_step=6, frequency=1)
        return prune.prune_low_magnitude(protect.clone(small()), pruning_schedule=schedule)

    ours, keras = wrapped(), wrapped()
    training.train(ours, x, y, epochs=8, learning_rate=0.01, batch_size=96, schedule="constant", pruning=True)
    fitted(keras, x, y, 8, "constant", [prune.UpdatePruningStep()])
    for mine, theirs in zip(ours.get_weights(), keras.get_weights(), strict=True):
        assert np.allclose(mine, theirs, atol=1e-5)
    kernel = prune.strip_pruning(ours).layers[1].get_weights()[0]
    assert np.mean(kernel == 0) == pytest.approx(0.75, abs=0.01)


def test_pruning_without_wrapped_layers_is_refused(images):
    with pytest.raises(UsageError, match="no layer is wrapped"):
        training.train(small(), *images, epochs=1, pruning=True)


def test_clustering_wrappers_train(images):
    import tensorflow_model_optimization as tfmot

    cluster = tfmot.clustering.keras
    start = cluster.CentroidInitialization.LINEAR
    model = cluster.cluster_weights(protect.clone(small()), number_of_clusters=4, cluster_centroids_init=start)
    training.train(model, *images, epochs=3, learning_rate=0.01, batch_size=32)
    kernels = [w for w in cluster.strip_clustering(model).get_weights() if w.ndim == 2]
    assert all(len(np.unique(kernel)) <= 4 for kernel in kernels)


def test_the_same_arguments_give_the_same_weights_whatever_came_before(images):
    x, y = images

    def digest(seed, **more):
        model = small(dropout=0.3)
        training.train(model, x, y, epochs=2, batch_size=20, seed=seed, **more)
        return protect.weights_digest(model)

    first = digest(1)
    tf.random.set_seed(1234)
    np.random.seed(7)
    tf.random.uniform((3,))
    assert digest(1) == first
    assert digest(1, on_step=lambda step: None) == first  # one step a call is the same training
    assert digest(2) != first


def test_dropout_is_on_in_training_and_off_in_evaluation(images):
    model = small(dropout=0.5)
    assert training.evaluate(model, *images) == training.evaluate(model, *images)
    before = [w.copy() for w in model.get_weights()]
    training.logits(model, images[0])
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_evaluate_and_logits_agree_with_keras(images):
    x, y = images
    model = training.compile(small())
    loss, accuracy = training.evaluate(model, x, y)
    penalty = float(sum(model.losses))
    theirs = model.evaluate(x, y, verbose=0)
    assert loss + penalty == pytest.approx(theirs[0], abs=1e-5) and accuracy == pytest.approx(theirs[1], abs=1e-6)
    assert np.allclose(training.logits(model, x), model(x), atol=1e-6)


def test_steps_epochs_and_validation_are_reported(images):
    x, y = images
    steps, epochs = [], []
    history = training.train(
        small(),
        x,
        y,
        epochs=2,
        batch_size=40,
        validation=(x[:10], y[:10]),
        on_step=steps.append,
        progress=lambda epoch, of, last: epochs.append((epoch, of, sorted(last))),
    )
    assert steps == [0, 1, 2, 3]  # two whole batches of 40 an epoch
    assert [(epoch, of) for epoch, of, _ in epochs] == [(1, 2), (2, 2)]
    assert epochs[0][2] == ["accuracy", "loss", "seconds", "val_accuracy", "val_loss"]
    assert len(history["val_accuracy"]) == 2


def test_a_bar_can_be_asked_for(images, capsys):
    training.train(small(), *images, epochs=1, progress="toy training")
    assert "toy training" in capsys.readouterr().err


def test_any_loss_can_be_trained(images):
    """A teacher's answers as targets: the loss gets what stands in y for each image."""
    x, _ = images
    targets = np.stack([x[:, 0], 1 - x[:, 0], x[:, 1]], axis=1)
    loss = lambda wanted, outputs: tf.reduce_mean((wanted - outputs) ** 2)  # noqa: E731
    model = small()
    history = training.train(model, x, targets, epochs=30, learning_rate=0.02, batch_size=32, loss=loss)
    assert history["loss"][-1] < history["loss"][0] / 3
    assert np.isnan(history["accuracy"][0])


def test_uint8_images_are_scaled_by_the_loop():
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 256, (30, 28, 28), np.uint8), rng.integers(0, 10, 30, np.uint8)
    scaled = x[..., None].astype(np.float32) / np.float32(255)

    def model():
        start = tf.keras.initializers.GlorotUniform(seed=1)
        return tf.keras.Sequential([layers.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10, None, True, start)])

    first, second = model(), model()
    training.train(first, x, y, epochs=2, batch_size=10)
    training.train(second, scaled, y, epochs=2, batch_size=10)
    assert np.allclose(first.get_weights()[0], second.get_weights()[0], atol=1e-6)
    assert np.allclose(training.logits(first, x), training.logits(first, scaled), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "0 epochs"),
        ({"batch_size": 0}, "batches of 0"),
        ({"learning_rate": 0}, "rate above 0"),
        ({"schedule": "cosin"}, "did you mean cosine"),
        ({"augment": "flop"}, "did you mean flip"),
    ],
)
def test_settings_out_of_range_are_refused(images, change, message):
    with pytest.raises(UsageError, match=message):
        training.train(small(), *images, **({"epochs": 1} | change))


def test_images_and_labels_must_match(images):
    with pytest.raises(UsageError, match="96 images and 95 labels"):
        training.train(small(), images[0], images[1][:-1], epochs=1)


def test_a_loss_that_is_no_number_stops_the_training(images):
    with pytest.raises(LabkitError, match=r"no longer a number in epoch 1 .* make the learning rate smaller"):
        training.train(small(), images[0] * np.float32(1e38), images[1], epochs=3)


def test_augmentation_moves_and_mirrors_and_repeats():
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(64, 6, 6, 1)).astype(np.float32)
    seed = tf.constant([3, 4])
    flipped = augment.flip(x, seed).numpy()
    same = (flipped == x).all(axis=(1, 2, 3))
    assert 15 < same.sum() < 49
    assert np.array_equal(flipped[~same], x[~same, :, ::-1])
    moved = augment.shift(x, seed).numpy()
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    choices = [padded[:, i : i + 6, j : j + 6] for i in range(3) for j in range(3)]
    fits = np.stack([(moved == choice).all(axis=(1, 2, 3)) for choice in choices])
    assert fits.any(axis=0).all() and fits.any(axis=1).all()  # each image is one of nine; each of the nine is drawn
    assert np.array_equal(augment.flip_shift(x, seed), augment.flip_shift(x, seed))
    assert not np.array_equal(augment.flip_shift(x, seed), augment.flip_shift(x, seed + 1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: ((image for image in x), y), "x is a generator.*np.concatenate"),
        (lambda x, y: (tf.data.Dataset.from_tensor_slices((x, y)), None), "x is a .*Dataset.*np.concatenate"),
        (lambda x, y: (x, None), "y is None"),
        (lambda x, y: (x, np.eye(3)[y]), r"y has shape \(96, 3\).*y.argmax\(axis=1\)"),
        (lambda x, y: (x, y[:, None]), r"y has shape \(96, 1\).*y\[:, 0\]"),
        (lambda x, y: (x, y[:, None, None]), r"class numbers of shape \(n,\)"),
        (lambda x, y: (x, y + 1), "y goes from 1 to 3.*numbered 0 to 2: give y - 1"),
        (lambda x, y: (x, y.astype(int) - 1), "y goes from -1 to 1.*as many outputs"),
        (lambda x, y: (x, y + 5), "y goes from 5 to 7"),
        (lambda x, y: (x, y / 2), "float64.*loss="),
        (lambda x, y: (x[:, :5], y), r"images have shape \(96, 5\).*takes \(n, 8\)"),
        (lambda x, y: (x[..., None], y), r"images have shape \(96, 8, 1\)"),
        (lambda x, y: (x.astype(str), y), "The images are <U"),
        (lambda x, y: (3.0, y), "x is a float"),
    ],
)
def test_b25_what_is_given_is_checked_before_tensorflow(images, change, message):
    x, y = change(*images)
    with pytest.raises(UsageError, match=message) as caught:
        training.train(small(), x, y, epochs=1)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_b25_the_remedies_train(images):
    x, y = images
    parts = [x[:50], x[50:]]
    for good_x, good_y in ((np.concatenate(parts), np.eye(3)[y].argmax(axis=1)), (x.tolist(), y.tolist()), (x, y > 9)):
        training.train(small(), good_x, good_y, epochs=1, batch_size=96)
    rows = lambda wanted, logits: tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(wanted, logits))  # noqa: E731
    training.train(small(), x, np.eye(3, dtype=np.float32)[y], epochs=1, loss=rows)


def test_b25_prime_a_model_of_two_outputs_or_of_maps(images):
    inputs = tf.keras.Input((8,))
    two = tf.keras.Model(inputs, [layers.Dense(2)(inputs), layers.Dense(3)(inputs)])
    with pytest.raises(UsageError, match="1 inputs and 2 outputs"):
        training.train(two, *images, epochs=1)
    maps = tf.keras.Model(inputs, layers.Reshape((4, 2))(inputs))
    with pytest.raises(UsageError, match=r"2 axes per image.*one row of logits"):
        training.train(maps, *images, epochs=1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_b25_prime_prime_images_that_are_not_finite_are_named_first(images, value):
    x = images[0].copy()
    x[3, 2] = value
    with pytest.raises(UsageError, match="not finite"):
        training.train(small(), x, images[1], epochs=1)
    with pytest.raises(UsageError, match="not finite"):
        training.evaluate(small(), x, images[1])


def test_b25_uint8_images_need_no_channel(images):
    model = tf.keras.Sequential([layers.Input((28, 28, 1)), layers.Flatten(), layers.Dense(2)])
    training.train(model, np.zeros((6, 28, 28), np.uint8), np.arange(6) % 2, epochs=1)
    with pytest.raises(UsageError, match=r"\(6, 28, 28\).*takes \(n, 28, 28, 1\).*as_input"):
        training.train(model, np.zeros((6, 28, 28), np.float32), np.arange(6) % 2, epochs=1)
