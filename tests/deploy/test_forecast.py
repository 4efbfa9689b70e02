"""Layers of other sizes cut out of a file, and times foretold from them."""

from __future__ import annotations

import numpy as np
import pytest

from labkit.assets import baselines
from labkit.base.errors import UsageError
from labkit.deploy import forecast, inspect, single_layers, tflite

SIZES = {"lenet5": (3, 7), "ds_cnn": (5, 5)}


@pytest.mark.parametrize("name", SIZES)
def test_a_resized_layer_computes_with_the_weights_that_are_left(name):
    source = baselines.baseline(name).tflite_path
    for alone in single_layers.single_layers(source):
        row = inspect.layers(alone)[0]
        inputs, outputs = (1, 1) if row.kind == "conv2d" and row.weights_shape[3] == 1 else SIZES[name]
        if row.kind == "depthwise":
            outputs = inputs
        small = forecast.resized(alone, inputs, outputs)
        whole, cut = inspect.layer(alone, 0), inspect.layer(small, 0)
        taken = whole["weights"][:outputs, ..., :inputs]
        np.testing.assert_array_equal(
            cut["weights"], whole["weights"][..., :outputs] if row.kind == "depthwise" else taken
        )
        np.testing.assert_array_equal(cut["bias"], whole["bias"][:outputs])
        # With zeros for the other inputs, the whole layer gives the same first outputs.
        (given,) = inspect.summary(alone).inputs
        x = np.random.default_rng(0).random((1, *given.shape[1:])).astype("float32")
        x[..., inputs:] = 0
        expected = tflite.predict(alone, x)[..., :outputs]
        np.testing.assert_allclose(tflite.predict(small, x[..., :inputs]), expected, rtol=1e-4, atol=1e-4)


def test_the_same_size_is_the_same_layer_and_more_repeats():
    alone = single_layers.single_layers(baselines.baseline("lenet5").tflite_path)[1]
    same, double = forecast.resized(alone, 20, 50), forecast.resized(alone, 20, 100)
    np.testing.assert_array_equal(inspect.layer(same, 0)["weights"], inspect.layer(alone, 0)["weights"])
    assert inspect.layers(double)[0].macs == 2 * inspect.layers(alone)[0].macs


def test_a_forecast_knows_what_does_not_depend_on_the_clock():
    source = baselines.baseline("lenet5").tflite_path
    rows = inspect.layers(source)
    nothing = {"conv_1": (1, 20), "conv_2": (20, 50), "dense_1": (800, 500), "logits": (500, 10)}
    cut = {"conv_1": (1, 10), "conv_2": (10, 25), "dense_1": (400, 250), "logits": (250, 10)}
    found = forecast.forecast(source, {"whole": nothing, "half": cut, "named": {}}, seconds=0.4)
    assert found["whole"].by_macs == found["named"].by_macs == 1
    # Nothing cut: the whole's layers and what they leave unexplained add up to the whole again, but for a rest below 0.
    assert found["named"].by_blocks == found["named"].by_layers >= 1 - 1e-9
    left = rows[0].macs // 2 + rows[1].macs // 4 + rows[2].macs // 4 + rows[3].macs // 2
    assert found["half"].by_macs == pytest.approx(left / sum(row.macs for row in rows))
    assert 0 < found["half"].by_blocks < found["whole"].by_blocks


def test_what_cannot_be_is_refused():
    source = baselines.baseline("ds_cnn").tflite_path
    alone = single_layers.single_layers(source)
    with pytest.raises(UsageError, match="file must hold one layer"):
        forecast.resized(source, 3, 3)
    with pytest.raises(UsageError, match="1 or more"):
        forecast.resized(alone[2], 0, 3)
    with pytest.raises(UsageError, match="multiplier"):
        forecast.resized(alone[1], 3, 4)
    with pytest.raises(UsageError, match="block is 0"):
        forecast.forecast(source, {}, block=0)
    with pytest.raises(UsageError, match="no layer 'conv_9'"):
        forecast.forecast(source, {"cut": {"conv_9": (1, 1)}}, seconds=0.1)
