"""Clones are equal and independent, and what cannot be cloned is refused in one sentence."""

from __future__ import annotations

import labkit  # noqa: F401  (chooses Keras 2)

import keras as keras3  # isort: skip
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_optimization as tfmot

from labkit.base.errors import LabkitError
from labkit.keras2.protect import (
    clone,
    require_graph,
    require_keras2,
    require_layers,
    require_stripped,
    weights_digest,
)

keras = tf.keras


def sequential() -> keras.Model:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Conv2D(3, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(4),
        ]
    )


def functional(inner: keras.Model | None = None) -> keras.Model:
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(4, activation="relu")(inputs)
    both = keras.layers.add([hidden, inner(hidden) if inner is not None else hidden])
    return keras.Model(inputs, keras.layers.Dense(2)(both))


def small() -> keras.Model:
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return self.dense(inputs)


@pytest.mark.parametrize("build", [sequential, functional, lambda: functional(small())])
def test_a_clone_is_equal_and_independent(build):
    model = build()
    before = weights_digest(model)
    copy = clone(model)
    inputs = np.random.default_rng(0).normal(size=(5, *model.input_shape[1:])).astype("float32")
    np.testing.assert_array_equal(copy(inputs), model(inputs))
    assert weights_digest(copy) == before
    copy.set_weights([weight + 1 for weight in copy.get_weights()])
    assert weights_digest(model) == before != weights_digest(copy)


def test_the_digest_tells_one_bit_and_one_shape():
    model = small()
    digest = weights_digest(model)
    kernel, bias = model.get_weights()
    kernel[0, 0] = np.nextafter(kernel[0, 0], np.float32(9))
    model.set_weights([kernel, bias])
    assert weights_digest(model) != digest
    square, flat = (keras.Sequential([keras.Input((n,)), keras.layers.Dense(4 // n, use_bias=False)]) for n in (2, 4))
    flat.set_weights([square.get_weights()[0].reshape(4, 1)])
    assert weights_digest(square) != weights_digest(flat)


def test_wrapped_models_are_cloned_with_their_wrappers():
    for wrapped in (
        tfmot.sparsity.keras.prune_low_magnitude(small()),
        tfmot.quantization.keras.quantize_model(small()),
    ):
        assert weights_digest(clone(wrapped)) == weights_digest(wrapped)


def test_what_is_no_keras_2_model_is_refused_with_the_remedy():
    keras_three = keras3.Sequential([keras3.Input((4,)), keras3.layers.Dense(2)])
    with pytest.raises(LabkitError, match=r"from Keras 3.*cannot clone it.*tf\.keras"):
        clone(keras_three)
    for thing, words in ((None, "not None"), (3, "type int"), (keras.layers.Dense(2), "type Dense")):
        with pytest.raises(LabkitError, match=rf"{words}.*cannot clone it"):
            clone(thing)
    with pytest.raises(LabkitError, match="cannot read its weights"):
        weights_digest(keras_three)
    require_keras2(small(), "prune it")


def test_subclassed_unbuilt_and_nested_models_are_refused_where_layers_are_needed():
    subclassed = Subclassed()
    subclassed(np.zeros((1, 4), "float32"))
    for check in (require_graph, require_layers):
        with pytest.raises(LabkitError, match=r"subclassed model.*cannot prune it.*tf\.keras\.Sequential"):
            check(subclassed, "prune it")
        with pytest.raises(LabkitError, match="no weights yet"):
            check(keras.Sequential([keras.layers.Dense(2)]), "prune it")
    with pytest.raises(LabkitError, match="holds another model, 'inner'"):
        inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)], name="inner")
        require_layers(functional(inner), "prune it")
    require_layers(functional(), "prune it")


def test_a_wrapper_left_on_is_named_with_what_takes_it_off():
    pruned = tfmot.sparsity.keras.prune_low_magnitude(small())
    with pytest.raises(LabkitError, match=r"PruneLowMagnitude: cannot convert it.*strip_pruning\(model\)"):
        require_stripped(pruned, "convert it")
    require_stripped(tfmot.sparsity.keras.strip_pruning(pruned), "convert it")
