"""Dense layers resized, channels cut out of whole networks; what does not fit is refused."""

from __future__ import annotations

import labkit  # noqa: F401  (chooses Keras 2)

import numpy as np  # isort: skip
import pytest
import tensorflow as tf

from labkit.assets import models
from labkit.base.errors import LabkitError, UsageError
from labkit.deploy import inspect, tflite
from labkit.keras2.graph import channel_groups
from labkit.keras2.profiler import float_operations
from labkit.keras2.protect import weights_digest
from labkit.keras2.surgery import keep_channels, planned_widths, predicted_cost, resize_dense, silenced
from labkit.keras2.trim import choose_channels, kernel_sizes, masked, refit

keras = tf.keras


def network() -> keras.Model:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            layers.Conv2D(2, 3, name="conv"),
            layers.Flatten(name="flat"),
            layers.Dense(6, activation="relu", name="first"),
            layers.Dense(5, activation="relu", name="second"),
            layers.Dense(3, name="logits"),
        ]
    )


def weights(model: keras.Model, name: str) -> tuple[np.ndarray, np.ndarray]:
    return tuple(model.get_layer(name).get_weights())


def test_a_shrunken_network_computes_what_its_weights_say():
    model = network()
    before = weights_digest(model)
    (k1, b1), (k2, b2) = weights(model, "first"), weights(model, "second")
    kept = [0, 2, 5]
    small = resize_dense(model, {"first": (k1[:, kept], b1[kept]), "second": (k2[kept], b2)})
    assert weights_digest(model) == before
    assert [layer.units for layer in small.layers if hasattr(layer, "units")] == [3, 5, 3]
    masked = [weight.copy() for weight in (k1, b1)]
    masked[0][:, [1, 3, 4]] = 0
    masked[1][[1, 3, 4]] = 0
    model.get_layer("first").set_weights(masked)
    x = np.random.default_rng(0).normal(size=(7, 4, 4, 1)).astype("float32")
    np.testing.assert_allclose(small(x), model(x), atol=1e-6)


def test_a_functional_model_keeps_its_branches():
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(4, name="hidden")(inputs)
    other = keras.layers.Dense(2, name="other")(inputs)
    model = keras.Model(inputs, keras.layers.add([keras.layers.Dense(2, use_bias=False, name="out")(hidden), other]))
    (kernel, bias), (out,) = model.get_layer("hidden").get_weights(), model.get_layer("out").get_weights()
    twice = {"hidden": (np.tile(kernel, 2), np.tile(bias, 2)), "out": (np.tile(out, (2, 1)) / 2, None)}
    double = resize_dense(model, twice)
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    np.testing.assert_allclose(double(x), model(x), atol=1e-6)
    with pytest.raises(LabkitError, match="do not fit together"):
        resize_dense(model, {"other": (np.ones((3, 4)), np.ones(4)), "out": (np.ones((4, 3)), None)})


def test_what_does_not_fit_is_refused():
    model = network()
    kernel, bias = weights(model, "first")
    with pytest.raises(UsageError, match="did you mean first"):
        resize_dense(model, {"frist": (kernel, bias)})
    with pytest.raises(LabkitError, match="only Dense layers"):
        resize_dense(model, {"flat": (kernel, bias)})
    with pytest.raises(LabkitError, match=r"'second' has weights of shape \(6, 5\).*\(2, 5\)"):
        resize_dense(model, {"first": (kernel[:, :2], bias[:2])})
    with pytest.raises(LabkitError, match="'first' has weights"):
        resize_dense(model, {"first": (kernel[1:], bias)})
    with pytest.raises(LabkitError, match="with a bias"):
        resize_dense(model, {"first": (kernel, None)})
    with pytest.raises(LabkitError, match=r"bias .* must be \(6,\)"):
        resize_dense(model, {"first": (kernel, bias[:1])})
    with pytest.raises(LabkitError, match="each at least 1"):
        resize_dense(model, {"first": (kernel[:, :0], bias[:0])})
    with pytest.raises(LabkitError, match="cannot change its layers"):
        resize_dense("model", {})


# Cutting channels: the course's four networks, and small ones for what they do not have.


def trained_like(name: str) -> keras.Model:
    """A network of the course with batch normalizations that are not neutral, as after training."""
    rng = np.random.default_rng(3)
    model = models.build(name, seed=1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
        elif layer.get_weights():
            layer.set_weights([w + 0.05 * rng.normal(size=w.shape) for w in layer.get_weights()])
    return model


def pictures(count: int = 6) -> np.ndarray:
    return np.random.default_rng(0).random((count, 28, 28, 1)).astype("float32")


def same(one: keras.Model, other: keras.Model, x: np.ndarray) -> None:
    expected = one(x).numpy()
    assert len(x) == 1 or np.ptp(expected, axis=0).max() > 0, "these outputs do not depend on the input"
    # float32 sums of up to 800 terms in another order
    np.testing.assert_allclose(other(x).numpy(), expected, atol=1e-4 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("name", models.NAMES)
def test_the_invariants_hold_on_every_network(name):
    model, x, rng = trained_like(name), pictures(), np.random.default_rng(5)
    before = weights_digest(model)
    groups = channel_groups(model)
    kept = {group.name: np.sort(rng.choice(group.size, max(1, group.size // 3), replace=False)) for group in groups}
    small = keep_channels(model, kept)
    # Deleting what gives zero changes no output; nor does permuting.
    silent = silenced(model, kept)
    assert not np.allclose(silent(x), model(x))
    same(silent, small, x)
    same(model, keep_channels(model, {group.name: rng.permutation(group.size) for group in groups}), x)
    # What is left is as predicted: Keras counts it, TensorFlow's profiler, and the file.
    planned = predicted_cost(model, kept)
    assert planned.parameters == small.count_params()
    operations = float_operations(small)
    products = ("Conv2D", "DepthwiseConv2dNative", "MatMul")
    assert planned.macs == sum(operations.get(product, 0) for product in products) // 2
    content = tflite.convert(small)
    assert planned.macs == inspect.summary(content).macs
    for layer, (inputs, outputs) in planned_widths(model, kept).items():
        shape = inspect.layer(content, layer)["weights_shape"]
        assert outputs == (shape[3] if shape[0] == 1 and "depthwise" in layer else shape[0])
        assert inputs == shape[-1]
    assert weights_digest(model) == before


def test_groups_follow_additions_and_flatten():
    tied = {group.name: group for group in channel_groups(models.build("resnet8"))}
    assert tied["conv_1"].layers == ("conv_1", "conv_2b")
    assert tied["conv_3b"].layers == ("conv_3b", "shortcut_3")
    assert tied["conv_1"].readers == (("conv_2a", "relu_1"), ("conv_3a", "relu_2b"), ("shortcut_3", "relu_2b"))
    lenet = channel_groups(models.build("lenet5"))
    assert [(group.name, group.size) for group in lenet] == [("conv_1", 20), ("conv_2", 50), ("dense_1", 500)]
    assert lenet[1].readers == (("dense_1", "flatten"),)


def test_tied_layers_are_cut_together_and_must_agree():
    model = trained_like("resnet8")
    one, other = keep_channels(model, {"conv_1": [3, 1]}), keep_channels(model, {"conv_2b": [3, 1]})
    same(one, other, pictures(2))
    assert one.get_layer("conv_2b").filters == 2
    same(one, keep_channels(model, {"conv_1": [3, 1], "conv_2b": [3, 1]}), pictures(2))
    with pytest.raises(LabkitError, match="'conv_1' is tied by an addition"):
        keep_channels(model, {"conv_1": [0, 1], "conv_2b": [0, 2]})
    with pytest.raises(LabkitError, match="tied"):
        keep_channels(model, {"conv_1": [0, 1], "conv_2b": [1, 0]})


def branches() -> keras.Model:
    """Two branches side by side, added to a third of their joint width, then two depthwise results a channel."""
    layers, inputs = keras.layers, keras.Input((6, 6, 2))
    a = layers.Conv2D(3, 3, padding="same", activation="relu", name="a")(inputs)
    b = layers.Conv2D(2, 1, activation="relu", name="b")(inputs)
    c = layers.Conv2D(5, 1, use_bias=False, activation="relu", name="c")(inputs)
    x = layers.Add(name="sum")([layers.Concatenate(name="beside")([a, b]), c])
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu", name="twice")(x)
    x = layers.BatchNormalization(scale=False, name="norm")(x)
    x = layers.Flatten(name="flat")(layers.AveragePooling2D(2, name="pool")(layers.ReLU(name="relu")(x)))
    return keras.Model(inputs, layers.Dense(3, name="logits")(x))


def test_concatenation_addition_and_depth_multiplier_are_cut():
    model, x = branches(), np.random.default_rng(0).normal(size=(4, 6, 6, 2)).astype("float32")
    (group,) = channel_groups(model)
    assert group.layers == ("a", "b", "c") and group.size == 5
    kept = {"c": [0, 2, 4]}
    small = keep_channels(model, kept)
    assert [small.get_layer(name).filters for name in "abc"] == [2, 1, 3]
    assert small.get_layer("twice").get_weights()[0].shape == (3, 3, 3, 2)
    same(silenced(model, kept), small, x)
    assert predicted_cost(model, kept).parameters == small.count_params()
    same(keep_channels(model, {"a": [0, 2], "b": [1]}), small, x)
    with pytest.raises(LabkitError, match="'sum' adds channels whose new orders differ"):
        keep_channels(model, {"a": [2, 0]})
    with pytest.raises(LabkitError, match="'a' would lose all"):
        keep_channels(model, {"c": [3, 4]})
    with pytest.raises(LabkitError, match="side by side"):
        choose_channels(model, 0.5, "activation sparsity", x)


def test_a_sequential_model_stays_one():
    model = network()
    small = keep_channels(model, {"conv": [1], "first": [4, 0]})
    assert isinstance(small, keras.Sequential)
    x = np.random.default_rng(0).normal(size=(4, 4, 4, 1)).astype("float32")
    same(silenced(model, {"conv": [1], "first": [0, 4]}), small, x)


def odd(layer: keras.layers.Layer, shape: tuple[int, ...] = (4, 4, 4)) -> keras.Model:
    inputs = keras.Input(shape)
    x = layer(keras.layers.Conv2D(4, 1, name="conv")(inputs) if len(shape) == 3 else inputs)
    return keras.Model(inputs, keras.layers.Dense(2, name="logits")(keras.layers.Flatten()(x)))


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.SeparableConv2D(4, 1, name="odd"),
        keras.layers.Conv2DTranspose(4, 1, name="odd"),
        keras.layers.Conv2D(4, 1, groups=2, name="odd"),
        keras.layers.LayerNormalization(name="odd"),
        keras.layers.BatchNormalization(axis=1, name="odd"),
        keras.layers.Reshape((64,), name="odd"),
        keras.layers.Lambda(lambda x: x, name="odd"),
        keras.layers.MaxPooling2D(2, data_format="channels_first", name="odd"),
        keras.layers.Permute((2, 1, 3), name="odd"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_other_layers_are_refused_by_name(layer):
    with pytest.raises(LabkitError, match="'odd'"):
        keep_channels(odd(layer), {"conv": [0]})


def test_other_links_are_refused_by_name():
    layers, inputs = keras.layers, keras.Input((4, 4, 2))
    conv = layers.Conv2D(2, 1, name="conv")
    with pytest.raises(LabkitError, match="'mul'"):
        channel_groups(keras.Model(inputs, layers.Multiply(name="mul")([conv(inputs), inputs])))
    shared = layers.Conv2D(2, 1, name="shared")
    with pytest.raises(LabkitError, match="'shared' is called 2 times"):
        channel_groups(keras.Model(inputs, shared(shared(inputs))))
    side = layers.Concatenate(axis=1, name="stacked")([conv(inputs), inputs])
    with pytest.raises(LabkitError, match="'stacked' works along another axis"):
        channel_groups(keras.Model(inputs, side))
    spread = layers.Add(name="spread")([layers.Conv2D(1, 1)(inputs), inputs])
    with pytest.raises(LabkitError, match="'spread' adds arrays of different shapes"):
        channel_groups(keras.Model(inputs, spread))


def test_channels_that_must_stay_are_refused_with_the_reason():
    model = trained_like("lenet5")
    with pytest.raises(LabkitError, match=r"'logits' .* model's outputs"):
        keep_channels(model, {"logits": [0]})
    inputs = keras.Input((4,))
    x = keras.layers.Dense(4, activation="softmax", name="mixing")(inputs)
    y = keras.layers.Add()([keras.layers.Dense(4, name="added")(x), inputs])
    model = keras.Model(inputs, keras.layers.Dense(2, name="out")(y))
    assert channel_groups(model) == []
    with pytest.raises(LabkitError, match=r"'mixing' .* may mix"):
        keep_channels(model, {"mixing": [0]})
    with pytest.raises(LabkitError, match=r"'added' .* model's inputs"):
        keep_channels(model, {"added": [0]})


@pytest.mark.parametrize(
    ("kept", "match"),
    [
        ({"conv_9": [0]}, "did you mean conv_"),
        ({"pool_1": [0]}, "makes no channels"),
        ({"conv_1": []}, "at least one"),
        ({"conv_1": [0, 0]}, "each once"),
        ({"conv_1": [0.5]}, "indices"),
        ({"conv_1": [20]}, "it has 0 to 19"),
        ({"conv_1": [-1]}, "it has 0 to 19"),
    ],
)
def test_wrong_indices_are_refused(kept, match):
    with pytest.raises(UsageError, match=match):
        keep_channels(models.build("lenet5"), kept)


def test_nothing_named_is_a_copy():
    model, x = trained_like("lenet5"), pictures(2)
    same(model, keep_channels(model, {}), x)


# Choosing and refitting


@pytest.mark.parametrize("name", ["lenet5", "resnet8"])
def test_dead_channels_go_first(name):
    model, x = trained_like(name), pictures(20)
    for layer in model.layers:  # no weight below zero: all channels speak, until they are silenced
        values = [np.abs(weight) for weight in layer.get_weights()]
        if isinstance(layer, keras.layers.BatchNormalization):
            values[2] *= 0
        layer.set_weights(values)
    kept = {group.name: np.arange(group.size // 2, group.size) for group in channel_groups(model)}
    dead = silenced(model, kept)
    for criterion in ("weight norm", "activation sparsity", "reconstruction"):
        chosen = choose_channels(dead, 0.5, criterion, x)
        for layer, indices in kept.items():
            assert chosen[layer].tolist() == indices.tolist(), (criterion, layer)


def test_refitting_repairs_what_it_can_and_leaves_what_needs_nothing():
    model, x = trained_like("resnet8"), pictures(60)
    kept = choose_channels(model, 0.5, "reconstruction", x)
    small = keep_channels(model, kept)
    before = np.abs(small(x) - model(x)).mean()
    refit(small, model, kept, x)
    assert np.abs(small(x) - model(x)).mean() < before
    dead = silenced(model, kept)
    whole = keep_channels(dead, kept)
    refit(whole, dead, kept, x)
    same(dead, whole, x)


def test_the_masked_network_has_as_many_weights_as_the_cut_one():
    model, x = trained_like("ds_cnn"), pictures(64)
    small = keep_channels(model, choose_channels(model, 0.5, "random", seed=1))
    pruned = masked(model, small, x, np.arange(64) % 10, epochs=4, batch_size=16, learning_rate=1e-3)
    left = sum(np.count_nonzero(pruned.get_layer(name).get_weights()[0]) for name in kernel_sizes(model))
    asked = sum(kernel_sizes(small).values())
    assert abs(left - asked) <= len(kernel_sizes(model))  # rounded once a layer
    assert [layer.name for layer in pruned.layers] == [layer.name for layer in model.layers]
    with pytest.raises(UsageError, match="smaller one"):
        masked(small, model, x, np.zeros(64, int), epochs=1)


def test_wrong_choices_are_refused():
    model = models.build("lenet_300_100")
    with pytest.raises(UsageError, match="share is 0"):
        choose_channels(model, 0, "random")
    with pytest.raises(UsageError, match="criterion"):
        choose_channels(model, 0.5, "luck")
    with pytest.raises(LabkitError, match="give some hundred input images"):
        choose_channels(model, 0.5, "reconstruction")
