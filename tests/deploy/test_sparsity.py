"""The sparsity of shipped networks, against a computation by hand."""

from __future__ import annotations

import numpy as np
import pytest

from labkit.assets import baselines, data
from labkit.base.errors import UsageError
from labkit.deploy.inspect import layer
from labkit.deploy.sparsity import network_sparsity


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return data.as_input(data.load("fashion_mnist").test.x[:20])


def test_lenet_300_100_by_hand(images):
    path = baselines.baseline("lenet_300_100").tflite_path
    found = network_sparsity(path, images, 0.5)
    parts = [layer(path, index) for index in range(3)]
    given, shares, small = images.reshape(len(images), -1), [], 0
    for part in parts[:2]:
        given = np.maximum(given @ part["weights"].T + part["bias"], 0)
        shares.append(np.mean(given == 0))
    for part in parts:
        norms = np.linalg.norm(part["weights"].astype("float64"), axis=1)
        small += np.sum(norms <= 0.5 * norms.mean())
    # LiteRT sums in another order: of 8,000 activations a few may lie on the other side of zero.
    assert found.activations == pytest.approx(shares, abs=1e-3)
    assert found.neurons == small / 410
    assert found.weights == 0.0


def test_depthwise_filters_are_neurons(images):
    path = baselines.baseline("ds_cnn").tflite_path
    assert network_sparsity(path, images, 0.0).neurons == 0.0
    assert network_sparsity(path, images, 1e6).neurons == 1.0
    assert all(0 < share < 1 for share in network_sparsity(path, images, 0.5).activations)
    with pytest.raises(UsageError, match="threshold"):
        network_sparsity(path, images, -1)


def test_relus_after_an_addition_are_seen_and_silent_units_counted(images):
    found = network_sparsity(baselines.baseline("resnet8").tflite_path, images, 0.5)
    assert len(found.activations) == 7, "four inside a layer, three after an addition"
    assert all(0 < share < 1 for share in found.activations)
    path = baselines.baseline("lenet_300_100").tflite_path
    found, given, silent = network_sparsity(path, images, 0.5), images.reshape(len(images), -1), 0
    for index in range(2):
        part = layer(path, index)
        given = np.maximum(given @ part["weights"].T + part["bias"], 0)
        silent += np.sum((given == 0).all(axis=0))
    assert found.units == 400 and found.silent == silent > 0
    assert network_sparsity(path, images[:0], 0.5).silent == 0
