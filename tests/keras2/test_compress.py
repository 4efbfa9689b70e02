"""Training towards a small file: masks hold, shared values stay shared, and the file is the network."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from labkit.base.errors import LabkitError, UsageError
from labkit.keras2 import train_compressed, training, views
from labkit.keras2.tensors import set_tensors, tensors
from labkit.keras2.train_compressed import How, Recipe
from labkit.methods import lkz
from labkit.methods.deep_compression import share


def network(seed: int = 0) -> tf.keras.Model:
    layers, start = tf.keras.layers, tf.keras.initializers.GlorotUniform
    inputs = tf.keras.Input((28, 28, 1))
    x = layers.Flatten()(inputs)
    x = layers.Dense(24, "relu", kernel_initializer=start(seed), name="a")(x)
    return tf.keras.Model(inputs, layers.Dense(10, kernel_initializer=start(seed + 1), name="b")(x))


@pytest.fixture(scope="module")
def images():
    """Ten bars in ten places, with noise: a dense network learns them at once."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, 1500).astype(np.uint8)
    x = rng.integers(0, 60, (1500, 28, 28)).astype(np.uint8)
    for i, label in enumerate(y):
        x[i, 2 + 2 * label : 4 + 2 * label, 8:20] += 150
    return x, y


def test_masks_have_the_share_asked_for_and_hold(images):
    model = network()
    masks = train_compressed.train_pruned(
        model, *images, {"a/kernel": 0.05, "b/kernel": 0.5}, 4, how=How(batch_size=50)
    )
    found = tensors(model)
    assert masks["a/kernel"].sum() == round(0.05 * 784 * 24) and masks["b/kernel"].sum() == 120
    for name, mask in masks.items():
        assert not found[name][~mask].any() and np.count_nonzero(found[name]) > 0.95 * mask.sum()
    assert training.evaluate(model, *images)[1] > 0.9


def test_one_epoch_of_one_batch_is_enough_to_reach_the_share(images):
    x, y = images
    masks = train_compressed.train_pruned(network(), x[:20], y[:20], {"a/kernel": 0.1}, 1)
    assert masks["a/kernel"].sum() == round(0.1 * 784 * 24)


def test_shared_values_stay_shared_and_learn(images):
    model = network()
    train_compressed.train_pruned(model, *images, {"a/kernel": 0.1}, 3, how=How(batch_size=50))
    before = {name: share(tensor, 3) for name, tensor in tensors(model).items()}
    after = train_compressed.tune_shared(model, *images, before, 3, 2e-3, How(batch_size=50))
    for name, one in after.items():
        assert np.array_equal(one.indices, before[name].indices)
        assert np.array_equal(one.codebook, one.codebook.astype(np.float16).astype(np.float32))
        assert np.array_equal(tensors(model)[name], one.expand())
    assert not np.array_equal(after["a/kernel"].codebook, before["a/kernel"].codebook)
    shared_only = network()
    set_tensors(shared_only, {name: one.expand() for name, one in before.items()})
    assert training.evaluate(model, *images)[0] < training.evaluate(shared_only, *images)[0]


def test_gradients_of_a_shared_value_are_the_sum(images):
    """One step of plain gradient descent, computed here by hand, moves a shared value as the tuning's Adam begins to:
    Adam's first step is the sign of the gradient times the rate."""
    x, y = images
    model = network()
    kernel = share(tensors(model)["b/kernel"], 2)
    set_tensors(model, tensors(model) | {"b/kernel": kernel.expand()})
    with tf.GradientTape() as tape:
        loss = training.cross_entropy(tf.constant(y, tf.int32), model(training.as_floats(tf.constant(x))))
    gradient = tape.gradient(loss, model.get_layer("b").kernel).numpy()
    sums = np.array([gradient[kernel.indices == k].sum() for k in (1, 2)])
    after = train_compressed.tune_shared(model, x, y, {"b/kernel": kernel}, 1, 1e-2, How(batch_size=len(x)))
    moved = after["b/kernel"].codebook - kernel.codebook
    assert np.allclose(moved, -1e-2 * np.sign(sums), atol=1e-3)


def test_all_zero_tensors_stay_so(images):
    model = network()
    found = tensors(model)
    set_tensors(model, found | {"a/bias": found["a/bias"] * 0})
    after = train_compressed.tune_shared(model, *images, {"a/bias": share(found["a/bias"] * 0, 4)}, 1)
    assert not tensors(model)["a/bias"].any() and len(after["a/bias"].codebook) == 0


def test_the_file_is_the_network(images):
    model = network()
    recipe = Recipe({"a/kernel": 0.03, "b/kernel": 0.3}, values=4, bias_values=4, epochs=4, tune_epochs=1)
    data = train_compressed.deep_compression(model, *images, recipe, How(batch_size=50, shifted=True))
    found = lkz.unpack(data)
    assert all(np.array_equal(found[name], tensor) for name, tensor in tensors(model).items())
    assert max(len(np.unique(tensor)) for tensor in found.values()) <= 5
    assert 4 * sum(t.size for t in found.values()) / len(data) > 60
    again = network()
    assert train_compressed.deep_compression(again, *images, recipe, How(batch_size=50, shifted=True)) == data


def test_every_kernel_and_vector_of_a_convolutional_network_is_shared(images):
    tf.keras.utils.set_random_seed(0)  # or each run draws other first weights, and some need more epochs than others
    layers, inputs = tf.keras.layers, tf.keras.Input((28, 28, 1))
    x = layers.Conv2D(4, 3, strides=4, use_bias=False, name="conv")(inputs)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.5, name="norm")(x))
    x = layers.DepthwiseConv2D(3, name="depthwise")(x)
    model = tf.keras.Model(inputs, layers.Dense(10, name="logits")(layers.Flatten()(x)))
    recipe = Recipe({"logits/kernel": 0.5}, values=7, bias_values=3, epochs=16, tune_epochs=4)
    read = lkz.unpack(train_compressed.deep_compression(model, *images, recipe, How(batch_size=50), chain=False))
    assert all(np.array_equal(read[name], tensor) for name, tensor in tensors(model).items())
    different = {name: len(np.unique(tensor[tensor != 0])) for name, tensor in read.items()}
    assert different["norm/moving_mean"] == 0 and different["norm/moving_variance"] == 1
    for name, tensor in read.items():
        assert different[name] <= (7 if tensor.ndim > 1 else 3), name
    assert training.evaluate(model, *images)[1] > 0.9


def test_a_teachers_answers_are_those_to_the_moved_images(images):
    x, y = images
    teacher = network(3)
    answers = views.teacher_views(teacher, x[:7], batch_size=3)
    assert answers.shape == (7, 9, 10)
    down = np.zeros_like(x[:7])
    down[:, 1:, 1:] = x[:7, :-1, :-1]  # view 0 looks one row and column before the image
    assert np.allclose(answers[:, 0], training.logits(teacher, down), atol=1e-4)
    assert np.allclose(answers[:, 4], training.logits(teacher, x[:7]), atol=1e-4)
    targets = views.soft_targets(y[:7], answers)
    assert targets.shape == (7, 9, 11) and np.array_equal(targets[:, 5, 0], y[:7])
    assert np.allclose(views.teacher_targets(teacher, x[:7], y[:7], shifted=True), targets, atol=1e-4)
    unmoved = views.teacher_targets(teacher, x[:7], y[:7])
    assert unmoved.shape == (7, 11) and np.allclose(unmoved, targets[:, 4], atol=1e-4)


def test_a_student_learns_from_its_teacher(images):
    x, y = images
    teacher = network(3)
    train_compressed.train_pruned(teacher, x, y, {}, 3, how=How(batch_size=50))
    wrong = np.zeros_like(y)  # labels that tell nothing: what is learned is the teacher's
    targets = views.soft_targets(wrong, views.teacher_views(teacher, x))
    student = network(5)
    train_compressed.train_pruned(student, x, targets, {"a/kernel": 0.2}, 4, how=How(views.taught(1.0), batch_size=50))
    assert training.evaluate(student, x, y)[1] > 0.9


@pytest.mark.parametrize(
    "kept, epochs, said",
    [
        ({"a/kernl": 0.5}, 1, "mean a/kernel"),
        ({"a/kernel": 0.0}, 1, "above 0"),
        ({"a/kernel": 0.5}, 0, "epochs"),
    ],
)
def test_impossible_recipes(images, kept, epochs, said):
    with pytest.raises(UsageError, match=said):
        train_compressed.train_pruned(network(), *images, kept, epochs)


def test_a_loss_that_is_no_number(images):
    with pytest.raises(LabkitError, match="learning rate"):
        train_compressed.train_pruned(
            network(), *images, {}, 1, how=How(lambda y, z: tf.constant(np.nan) * tf.reduce_sum(z))
        )


def test_tensors_of_another_model():
    model, other = network(), tf.keras.Sequential([tf.keras.layers.Input((3,)), tf.keras.layers.Dense(2, name="a")])
    with pytest.raises(LabkitError, match=r"b/kernel|shape"):
        set_tensors(model, tensors(other))
    with pytest.raises(LabkitError, match="no weight 'extra'"):
        set_tensors(model, tensors(model) | {"extra": np.zeros(1)})
    with pytest.raises(LabkitError, match=r"tf\.keras"):
        tensors(None)
