"""Reading a ``.tflite`` file, against Keras' own counts and arithmetic by hand."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from labkit.base.errors import UsageError
from labkit.deploy import inspect, tflite
from labkit.deploy.activations import activations
from labkit.methods.integer import conv2d_int8, dense_int8

from .conftest import SHAPE, tiny

PRECISIONS = ["float32", "float16", "dynamic", "int8", "int8_tensor", "int8_io"]
# conv 3×3 same on 12×12, depthwise stride 2 → 5×5, conv 3×3 → 3×3, dense 108 → 16 → 10
MACS = 12 * 12 * 12 * 9 + 5 * 5 * 12 * 9 + 3 * 3 * 12 * 9 * 12 + 108 * 16 + 16 * 10


@pytest.mark.parametrize("precision", PRECISIONS)
def test_parameters_and_macs_in_every_precision(net: SimpleNamespace, precision: str) -> None:
    found = inspect.summary(net.files[precision])
    assert found.parameters == net.model.count_params()
    assert found.macs == MACS
    rows = inspect.layers(net.files[precision])
    assert [row.kind for row in rows] == ["conv2d", "depthwise", "conv2d", "dense", "dense"]
    assert sum(row.parameters for row in rows) == found.parameters
    assert sum(row.macs for row in rows) == found.macs
    assert sum(row.nonzero for row in rows) == found.nonzero
    assert found.inputs[0].shape == (1, *SHAPE)
    assert found.outputs[0].shape == (1, 10)
    assert "CONV_2D" in found.operators


def test_weight_bytes_follow_the_precision(net: SimpleNamespace) -> None:
    sizes = {name: inspect.summary(net.files[name]).weight_bytes for name in PRECISIONS}
    weights = net.model.count_params()
    biases = 12 + 12 + 12 + 16 + 10
    assert sizes["float32"] == 4 * weights
    assert sizes["float16"] == 2 * weights
    assert sizes["int8"] == weights - biases + 4 * biases  # int8 weights, int32 biases
    # dynamic: only weights of 1,024 values or more become int8
    large = 3 * 3 * 12 * 12 + 108 * 16
    assert sizes["dynamic"] == large + 4 * (weights - large)


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_zeros_are_counted(net: SimpleNamespace, precision: str) -> None:
    model = tiny(net.tf)
    kernel, bias = model.get_layer("hidden").get_weights()
    kernel[:, ::2] = 0
    model.get_layer("hidden").set_weights([kernel, bias])
    content = tflite.convert(model, precision, net.x)
    row = inspect.layers(content)[3]
    zeros = kernel.size // 2
    if precision == "float32":
        assert row.nonzero == row.parameters - zeros
    else:  # what is small may become zero too, never the other way
        assert row.parameters - zeros - 20 <= row.nonzero <= row.parameters - zeros
    assert inspect.summary(content).parameters == model.count_params()


def test_shared_layers_and_equal_biases(net: SimpleNamespace) -> None:
    layers = net.tf.keras.layers
    twice = layers.Conv2D(3, 3, padding="same", name="twice")
    inputs = net.tf.keras.Input((6, 6, 3))
    outputs = layers.Conv2D(3, 1, name="other")(twice(layers.ReLU()(twice(inputs))))
    model = net.tf.keras.Model(inputs, outputs)  # both biases are zero, and so one buffer
    found = inspect.summary(tflite.convert(model))
    assert found.parameters == model.count_params()
    assert found.macs == 2 * 36 * 3 * 27 + 36 * 9


def test_a_product_of_two_activations_has_macs_and_no_parameters(net: SimpleNamespace) -> None:
    inputs = net.tf.keras.Input((5, 8))
    product = net.tf.keras.layers.Dot((2, 2))([inputs, inputs])  # (5, 8) · (8, 5)
    content = tflite.convert(net.tf.keras.Model(inputs, product))
    found = inspect.summary(content)
    assert "BATCH_MATMUL" in found.operators
    assert (found.parameters, found.nonzero, found.macs) == (0, 0, 5 * 8 * 5)


def test_a_sparse_file(net: SimpleNamespace) -> None:
    model = tiny(net.tf)
    for name in ("hidden", "second"):
        kernel, bias = model.get_layer(name).get_weights()
        kernel[np.random.default_rng(0).random(kernel.shape) < 0.9] = 0
        model.get_layer(name).set_weights([kernel, bias])
    converter = net.tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [net.tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
    sparse, dense = inspect.summary(converter.convert()), inspect.summary(tflite.convert(model))
    assert (sparse.parameters, sparse.nonzero) == (dense.parameters, dense.nonzero)


@pytest.mark.parametrize("precision", ["float32", "float16", "int8", "int8_tensor"])
def test_a_layers_weights_are_kerass(net: SimpleNamespace, precision: str) -> None:
    for name, order in [("conv", (3, 0, 1, 2)), ("depth", (3, 0, 1, 2)), ("hidden", (1, 0))]:
        kernel, bias = net.model.get_layer(name).get_weights()
        layer = inspect.layer(net.files[precision], name)
        weights, scale = layer["weights"].astype(np.float64), 1.0
        if layer["weight_scale"] is not None:
            sizes = [-1 if axis == layer["axis"] else 1 for axis in range(weights.ndim)]
            scale = layer["weight_scale"].reshape(sizes)
            assert layer["bias"].dtype == np.int32
            np.testing.assert_allclose(layer["bias"] * layer["bias_scale"], bias, atol=1e-3)
        tolerance = {"float32": 1e-7, "float16": 2e-3}.get(precision, 0.51 * np.max(scale))
        np.testing.assert_allclose(weights * scale, kernel.transpose(order), atol=tolerance)


def test_a_layers_geometry(net: SimpleNamespace) -> None:
    conv, depth, logits = (inspect.layer(net.files["int8"], name) for name in ("conv", "depth", "logits"))
    assert (conv["padding"], conv["stride"], conv["activation"]) == ("same", (1, 1), "relu")
    assert (depth["padding"], depth["stride"], depth["kind"]) == ("valid", (2, 2), "depthwise")
    assert (logits["activation"], logits["weights"].shape, logits["index"]) == ("none", (10, 16), 4)
    assert conv["output_scale"] == depth["input_scale"]
    assert conv["output"] == depth["input"]
    assert inspect.layer(net.files["float32"], 0)["input_scale"] is None


@pytest.mark.parametrize("which", ["conv", "second", "hidden", "logits"])
@pytest.mark.parametrize("precision", ["int8", "int8_tensor"])
def test_a_layer_by_hand_is_litert_within_one_step(net: SimpleNamespace, precision: str, which: str) -> None:
    layer, values = inspect.layer(net.files[precision], which), activations(net.files[precision], net.x)
    compute, more = dense_int8, {}
    if layer["kind"] == "conv2d":
        compute, more = conv2d_int8, {"strides": layer["stride"], "padding": layer["padding"]}
    by_hand = compute(
        values[layer["input"]],
        layer["weights"],
        layer["bias"],
        (layer["input_scale"], layer["input_zero_point"]),
        layer["weight_scale"],
        (layer["output_scale"], layer["output_zero_point"]),
        activation=layer["activation"],
        **more,
    )
    litert = values[layer["output"]]
    assert litert.dtype == by_hand.dtype == np.int8
    difference = np.abs(by_hand.astype(int) - litert)
    assert difference.max() <= 1
    assert np.mean(difference > 0) < 0.001


@pytest.mark.parametrize("precision", PRECISIONS)
def test_activations_end_in_the_answers(net: SimpleNamespace, precision: str) -> None:
    values = activations(net.files[precision], net.x[:3])
    out = inspect.summary(net.files[precision]).outputs[0]
    last = values[out.name].astype(np.float64)
    if out.scale:
        last = out.scale[0] * (last - out.zero_point[0])
    np.testing.assert_allclose(last, tflite.predict(net.files[precision], net.x[:3]), atol=1e-5)
    assert all(len(rows) == 0 for rows in activations(net.files[precision], net.x[:0]).values())


def test_unknown_layers_name_the_nearest(net: SimpleNamespace) -> None:
    with pytest.raises(UsageError, match="did you mean hidden"):
        inspect.layer(net.files["int8"], "hiden")
    for wrong in (5, -1):
        with pytest.raises(UsageError, match="0 to 4"):
            inspect.layer(net.files["int8"], wrong)


def test_reading_and_running_need_no_tensorflow(net: SimpleNamespace) -> None:
    code = (
        "import sys, numpy as np\n"
        "from labkit.deploy import inspect, tflite, timing\n"
        f"path = {str(net.path)!r}\n"
        f"tflite.predict(path, np.zeros((3, *{SHAPE}), 'float32'))\n"
        "inspect.layer(path, 'conv'); timing.latency({'a': path}, seconds=0.01)\n"
        "print(inspect.summary(path).parameters, 'tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(net.model.count_params()), "False"]
    assert done.stderr == ""
