"""Dense layers resized, all else copied; what does not fit is refused."""

from __future__ import annotations

import labkit  # noqa: F401  (chooses Keras 2)

import numpy as np  # isort: skip
import pytest
import tensorflow as tf

from labkit.base.errors import LabkitError, UsageError
from labkit.keras2.protect import weights_digest
from labkit.keras2.surgery import resize_dense

keras = tf.keras


def network() -> keras.Model:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            layers.Conv2D(2, 3),
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
    with pytest.raises(LabkitError, match=r"bias .* takes \(6,\)"):
        resize_dense(model, {"first": (kernel, bias[:1])})
    with pytest.raises(LabkitError, match="each at least 1"):
        resize_dense(model, {"first": (kernel[:, :0], bias[:0])})
    with pytest.raises(LabkitError, match="cannot change its layers"):
        resize_dense("model", {})
