"""Shared weights in Keras: gradients against finite differences, masks kept, the given model untouched."""

from __future__ import annotations

import numpy as np
import pytest

from labkit.base.errors import LabkitError, UsageError  # labkit before TensorFlow, for Keras 2
from labkit.keras2 import protect, sharing, training
from labkit.methods import cluster

import tensorflow as tf  # isort: skip

layers = tf.keras.layers


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(5)
    x = rng.uniform(size=(96, 6, 6, 1)).astype(np.float32)
    return x, (x.mean(axis=(1, 2, 3)) > 0.5).astype(np.uint8)


def network(seed: int = 1) -> tf.keras.Model:
    """Every kind of layer that can be shared, and two that cannot; the weights are random and the biases not zero."""
    inputs = tf.keras.Input((6, 6, 1))
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(inputs)
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = layers.ReLU()(layers.BatchNormalization(name="norm")(x))
    x = layers.Dense(8, activation="relu", name="hidden")(layers.Flatten()(x))
    model = tf.keras.Model(inputs, layers.Dense(2, use_bias=False, name="logits")(x))
    rng = np.random.default_rng(seed)
    model.set_weights([np.abs(rng.normal(size=w.shape)).astype(np.float32) + 0.1 for w in model.get_weights()])
    for name in ("conv", "depthwise", "hidden", "logits"):
        layer = model.get_layer(name)
        kernel, *bias = layer.get_weights()
        layer.set_weights([rng.normal(size=kernel.shape, scale=0.3).astype(np.float32), *bias])
    return model


def test_shared_is_k_means_of_each_kernel_and_the_given_model_is_untouched(images):
    model = network()
    before = protect.weights_digest(model)
    plain = sharing.strip(sharing.share(model, 3))
    for layer, mine in zip(model.layers, plain.layers, strict=True):
        assert type(layer) is type(mine) and layer.name == mine.name and layer.get_config() == mine.get_config()
        if not layer.get_weights():
            continue
        kernel, *rest = layer.get_weights()
        wanted = kernel if layer.name == "norm" else cluster.expand(*cluster.share(kernel, 3))
        assert np.array_equal(mine.get_weights()[0], wanted)
        assert all(np.array_equal(a, b) for a, b in zip(mine.get_weights()[1:], rest, strict=True))
    assert protect.weights_digest(model) == before
    assert np.isfinite(model(images[0]).numpy()).all()


def test_wrapped_and_stripped_give_the_same_answers(images):
    shared = sharing.share(network(), 4)
    training.train(shared, *images, epochs=2, batch_size=32, learning_rate=0.01)
    answers = shared(images[0], training=False).numpy()
    plain = sharing.strip(shared)
    assert np.array_equal(plain(images[0], training=False).numpy(), answers)
    assert np.array_equal(shared(images[0], training=False).numpy(), answers)  # stripping leaves it as it was


def test_the_gradient_of_a_shared_value_against_finite_differences(images):
    shared = sharing.share(network(), 3)
    x, y = images

    def loss():
        return training.cross_entropy(tf.constant(y.astype(np.int32)), shared(x, training=False))

    with tf.GradientTape() as tape:
        value = loss()
    variables = [layer.codebook for layer in shared.layers if isinstance(layer, sharing.SharedWeights)]
    assert len(variables) == 4
    for variable, gradient in zip(variables, tape.gradient(value, variables), strict=True):
        start, step = variable.numpy(), 1e-3
        for k in range(len(start)):
            ends = []
            for side in (step, -step):
                variable.assign(start + side * np.eye(len(start), dtype=np.float32)[k])
                ends.append(float(loss()))
            variable.assign(start)
            # float32 losses near 1 are rounded by 6e-8 each, over 2e-3; the rest is the curvature and ReLU's corners.
            assert abs((ends[0] - ends[1]) / (2 * step) - float(gradient[k])) < 0.01 + 0.02 * abs(float(gradient[k]))


def test_the_gradient_is_the_sum_over_the_weights(images):
    """Against the plain model's gradients, summed by NumPy."""
    shared = sharing.share(network(), 3, per_channel=True)
    plain, (x, y) = sharing.strip(shared), images
    labels = tf.constant(y.astype(np.int32))
    gradients = []
    for model, names in ((plain, "kernel depthwise_kernel"), (shared, "codebook")):
        variables = [v for v in model.trainable_variables if v.name.split("/")[-1].split(":")[0] in names.split()]
        with tf.GradientTape() as tape:
            value = training.cross_entropy(labels, model(x, training=False))
        gradients.append(tape.gradient(value, variables))
    books = sharing.codebooks(shared)
    assert list(books) == ["conv", "depthwise", "hidden", "logits"]
    for of_kernel, of_codebook, (values, indices) in zip(*gradients, books.values(), strict=True):
        wanted = cluster.centroid_gradient(of_kernel.numpy(), indices, len(values))[1:]
        np.testing.assert_allclose(of_codebook.numpy(), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("per_channel", [False, True])
def test_training_keeps_zeros_the_places_and_the_number_of_values(images, per_channel):
    model = network()
    rng = np.random.default_rng(2)
    masks = {}
    for name in ("conv", "depthwise", "hidden", "logits"):
        kernel, *rest = model.get_layer(name).get_weights()
        masks[name] = rng.random(kernel.shape) < (0.0 if name == "conv" else 0.6)  # one layer all zero
        model.get_layer(name).set_weights([kernel * masks[name], *rest])
    shared = sharing.share(model, 2, per_channel=per_channel)
    before = sharing.codebooks(shared)
    training.train(shared, *images, epochs=3, batch_size=32, learning_rate=0.01)
    plain = sharing.strip(shared)
    channels = {"conv": 4, "depthwise": 4, "hidden": 8, "logits": 2}
    for name, (values, indices) in sharing.codebooks(shared).items():
        kernel = plain.get_layer(name).get_weights()[0]
        assert np.array_equal(kernel, values[indices]) and np.array_equal(indices, before[name][1])
        assert np.array_equal(kernel != 0, masks[name])
        assert len(values) - 1 <= 2 * (channels[name] if per_channel else 1)
        assert (len(values) == 1) == np.array_equal(values, before[name][0]) == (name == "conv")
    # Where everything is zero there is nothing to train; the biases of the other layers were trained on.
    assert not np.array_equal(plain.get_layer("hidden").get_weights()[1], model.get_layer("hidden").get_weights()[1])


def test_a_depthwise_kernel_has_its_channels_in_front_of_the_multiplier():
    shared = sharing.share(network(), {"depthwise": 2}, per_channel=True)
    kernel = sharing.strip(shared).get_layer("depthwise").get_weights()[0]
    assert [len(np.unique(kernel[:, :, channel])) for channel in range(4)] == [2, 2, 2, 2]


def test_counts_by_layer_leave_the_others_alone():
    model = network()
    plain = sharing.strip(sharing.share(model, {"hidden": 2}, "density"))
    assert len(np.unique(plain.get_layer("hidden").get_weights()[0])) == 2
    assert np.array_equal(plain.get_layer("conv").get_weights()[0], model.get_layer("conv").get_weights()[0])


def test_training_repeats_exactly(images):
    results = []
    for _ in range(2):
        shared = sharing.share(network(), 3)
        training.train(shared, *images, epochs=2, batch_size=32, learning_rate=0.01, seed=4)
        results.append(protect.weights_digest(sharing.strip(shared)))
    assert results[0] == results[1]


def test_what_is_refused_is_refused_in_a_sentence():
    model = network()
    nested = tf.keras.Sequential([tf.keras.Input((6, 6, 1)), network()])
    for call, kind, says in (
        (lambda: sharing.share(model, {"norm": 4}), UsageError, "no kernel to share"),
        (lambda: sharing.share(model, 0), UsageError, "count is 0"),
        (lambda: sharing.share(model, 4, "middle"), UsageError, "no start"),
        (lambda: sharing.share(nested, 4), LabkitError, "holds another model"),
        (lambda: sharing.strip(model), LabkitError, "shared weights"),
        (lambda: sharing.share(sharing.share(model, 4), 4), LabkitError, "shared already"),
    ):
        with pytest.raises(kind, match=says) as refused:
            call()
        assert "\n" not in str(refused.value)
