"""Parameters equal Keras' count, and twice the MACs TensorFlow's profiler's operations, on the course's networks."""

from __future__ import annotations

import labkit  # noqa: F401  (chooses Keras 2)

import keras as keras3  # isort: skip
import pytest
import tensorflow as tf
import tensorflow_model_optimization as tfmot

from labkit.assets import models
from labkit.base.errors import LabkitError
from labkit.keras2.cost import layer_costs, macs, parameters
from labkit.keras2.profiler import float_operations

keras = tf.keras


def profiled(model: keras.Model) -> int:
    """Floating-point operations of the nodes that multiply and accumulate, by TensorFlow's profiler."""
    counts = float_operations(model)
    return sum(counts.get(node, 0) for node in ("Conv2D", "DepthwiseConv2dNative", "MatMul"))


@pytest.mark.parametrize("name", models.NAMES)
def test_the_networks_of_the_course(name):
    model = models.build(name)
    assert parameters(model) == model.count_params()
    assert 2 * macs(model) == profiled(model) > 0


def test_layers_of_every_counted_kind():
    layers = keras.layers
    inputs = keras.Input((9, 7, 4))
    x = layers.Conv2D(6, (3, 2), strides=2, padding="same", groups=2)(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False)(x)
    x = layers.SeparableConv2D(5, 3, padding="same", depth_multiplier=2)(x)
    x = layers.Dense(3)(layers.Reshape((-1, 5))(x))
    shared = layers.Dense(3)
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(shared(shared(x)))))
    assert parameters(model) == model.count_params()
    assert 2 * macs(model) == _by_hand(model)
    assert [row["kind"] for row in layer_costs(model)][:3] == ["Conv2D", "BatchNormalization", "DepthwiseConv2D"]


def _by_hand(model: keras.Model) -> int:
    conv = 5 * 4 * (3 * 2 * 2) * 6
    depthwise = 3 * 2 * 9 * 12
    separable = 3 * 2 * (9 * 24 + 24 * 5)
    dense = 6 * (5 * 3 + 2 * 3 * 3) + 18 * 2
    return 2 * (conv + depthwise + separable + dense)


def small() -> keras.Model:
    layers = [keras.layers.Conv2D(2, 3), keras.layers.Flatten(), keras.layers.Dense(3)]
    return keras.Sequential([keras.Input((6, 6, 1)), *layers])


def test_wrappers_and_inner_models_cost_what_is_inside():
    start = tfmot.clustering.keras.CentroidInitialization.LINEAR
    wrapped = [
        tfmot.sparsity.keras.prune_low_magnitude(small()),
        tfmot.clustering.keras.cluster_weights(small(), number_of_clusters=4, cluster_centroids_init=start),
        tfmot.quantization.keras.quantize_model(small()),
        keras.Sequential([keras.Input((6, 6, 1)), small()]),
    ]
    stripped = [tfmot.sparsity.keras.strip_pruning(wrapped[0]), tfmot.clustering.keras.strip_clustering(wrapped[1])]
    for model in wrapped + stripped:
        assert (parameters(model), macs(model)) == (parameters(small()), macs(small()))


def test_what_cannot_be_counted_is_refused():
    recurrent = keras.Sequential([keras.Input((5, 3)), keras.layers.LSTM(2)])
    with pytest.raises(LabkitError, match=r"LSTM.*count this layer by hand"):
        macs(recurrent)
    with pytest.raises(LabkitError, match="fixed input shape"):
        macs(keras.Sequential([keras.Input((None, None, 1)), keras.layers.Conv2D(2, 3)]))
    with pytest.raises(LabkitError, match="Keras 3"):
        parameters(keras3.Sequential([keras3.Input((4,)), keras3.layers.Dense(2)]))
