"""TensorFlow's profiler as labkit calls it, against counts by hand."""

from __future__ import annotations

import labkit  # noqa: F401  (chooses Keras 2)

import pytest  # isort: skip
import tensorflow as tf

from labkit.base.errors import LabkitError
from labkit.keras2.profiler import float_operations
from labkit.methods import cost

layers = tf.keras.layers


def test_each_kind_of_layer(capfd: pytest.CaptureFixture[str]) -> None:
    stack = [
        layers.Conv2D(6, (3, 2), padding="same"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(2),
        layers.DepthwiseConv2D(3, use_bias=False),
        layers.GlobalAveragePooling2D(),
        layers.Dense(5, use_bias=False),
    ]
    found = float_operations(tf.keras.Sequential([tf.keras.Input((10, 8, 4)), *stack]))
    assert found.pop("Conv2D") == 2 * cost.conv2d_macs((10, 8), (3, 2), 4, 6)
    assert found.pop("DepthwiseConv2dNative") == 2 * cost.depthwise_macs((3, 2), (3, 3), 6)
    assert found.pop("MatMul") == 2 * cost.dense_macs(6, 5)
    assert found.pop("MaxPool") == cost.pool2d_operations((5, 4), (2, 2), 6)
    assert found.pop("Mean") == cost.pool2d_operations((1, 1), (3, 2), 6)
    assert found.pop("BiasAdd") == 10 * 8 * 6
    assert not found  # and none for batch normalization
    assert capfd.readouterr() == ("", "")


def test_what_is_no_keras2_model_is_refused() -> None:
    with pytest.raises(LabkitError):
        float_operations(object())
