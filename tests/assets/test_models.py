from __future__ import annotations

import numpy as np
import pytest

from labkit.assets import models
from labkit.base.errors import UsageError
from labkit.keras2 import protect


@pytest.mark.parametrize(
    ("name", "parameters"), [("lenet_300_100", 266_610), ("lenet5", 431_080), ("ds_cnn", None), ("resnet8", None)]
)
def test_the_networks_have_their_published_size(name, parameters):
    model = models.build(name)
    assert model.name == name and model.input_shape == (None, 28, 28, 1) and model.output_shape == (None, 10)
    assert parameters in (None, model.count_params())
    if name == "ds_cnn":
        assert model.count_params() < 60_000
    protect.require_layers(model, "prune it")


def test_what_tfmot_refuses_is_not_in_them():
    """Softmax at the end, Dropout in what ships, activation inside a convolution before BatchNorm, momentum 0.99."""
    for name in models.NAMES:
        kinds = [type(layer).__name__ for layer in models.build(name).layers]
        assert "Dropout" not in kinds and kinds[-1] == "Dense"
        assert models.build(name).layers[-1].activation.__name__ == "linear"
        for layer in models.build(name).layers:
            if type(layer).__name__ == "BatchNormalization":
                assert layer.momentum == 0.9
                assert layer.inbound_nodes[0].inbound_layers.activation.__name__ == "linear"


def test_the_twin_with_dropout_has_the_same_weights_in_the_same_order():
    for name in ("lenet_300_100", "lenet5"):
        twin, plain = models.build(name, seed=4, dropout=0.5), models.build(name, seed=4)
        assert any("Dropout" in type(layer).__name__ for layer in twin.layers)
        assert protect.weights_digest(twin) == protect.weights_digest(plain)
        x = np.random.default_rng(0).uniform(size=(2, 28, 28, 1)).astype(np.float32)
        assert np.array_equal(twin(x, training=False), plain(x))


def test_fresh_weights_depend_on_the_seed_alone():
    first = protect.weights_digest(models.build("ds_cnn", seed=1))
    np.random.seed(3)
    assert protect.weights_digest(models.build("ds_cnn", seed=1)) == first
    assert protect.weights_digest(models.build("ds_cnn", seed=2)) != first


def test_an_unknown_network():
    with pytest.raises(UsageError, match="did you mean resnet8"):
        models.build("resnet18")
