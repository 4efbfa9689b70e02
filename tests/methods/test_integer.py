"""Layers in whole numbers: equal to LiteRT's int8 output, value for value, in both of its ways to round."""

from __future__ import annotations

import labkit  # noqa: F401  (chooses Keras 2)

import warnings  # isort: skip

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from labkit.base.errors import UsageError
from labkit.base.quiet import native_stderr
from labkit.methods.integer import conv2d_int8, dense_int8, requantize
from labkit.methods.quantize import dequantize, quantize, weight_scales

keras = tf.keras
LITERT = {"float": None, "fixed": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES}  # XNNPACK; its own kernels


def int8_file(model: keras.Model, samples: np.ndarray) -> bytes:
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[None]] for sample in samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with native_stderr(), warnings.catch_warnings(action="ignore"):
        return converter.convert()


class Ran:
    """One layer's file, run by LiteRT on *x* with one thread; its numbers, and what it answered."""

    def __init__(self, content: bytes, x: np.ndarray, rounding: str) -> None:
        options = {} if LITERT[rounding] is None else {"experimental_op_resolver_type": LITERT[rounding]}
        with native_stderr():
            interpreter = Interpreter(model_content=content, num_threads=1, **options)
            source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
            interpreter.resize_tensor_input(source["index"], x.shape)
            interpreter.allocate_tensors()
        self.input, self.output = source["quantization"], target["quantization"]
        self.x = quantize(x, *self.input)
        interpreter.set_tensor(source["index"], self.x)
        interpreter.invoke()
        self.answer = interpreter.get_tensor(target["index"])
        many = [t for t in interpreter.get_tensor_details() if len(t["quantization_parameters"]["scales"]) > 1]
        weights, bias = (next(t for t in many if t["dtype"] == kind) for kind in (np.int8, np.int32))
        self.weights, self.bias = (interpreter.get_tensor(t["index"]) for t in (weights, bias))
        self.scales = weights["quantization_parameters"]["scales"]


def layer(build: keras.layers.Layer, shape: tuple[int, ...]) -> tuple[keras.Model, np.ndarray]:
    rng = np.random.default_rng(40)
    model = keras.Sequential([keras.Input(shape), build])
    kernel, bias = model.get_weights()
    model.set_weights([rng.normal(size=kernel.shape) / 8, rng.normal(size=bias.shape) / 4])
    return model, rng.random((200, *shape)).astype(np.float32)


@pytest.mark.parametrize("activation", ["relu", None])
def test_a_dense_layer_is_litert_s(activation):
    model, x = layer(keras.layers.Dense(50, activation=activation), (300,))
    content = int8_file(model, x[:50])
    for rounding in LITERT:
        ran = Ran(content, x, rounding)
        numbers = (ran.x, ran.weights, ran.bias, ran.input, ran.scales, ran.output)
        for by_hand in LITERT:
            steps = np.abs(dense_int8(*numbers, activation or "none", by_hand).astype(int) - ran.answer)
            assert steps.max() <= 1 and np.mean(steps > 0) < 0.002
            if by_hand == rounding:
                # On a processor without XNNPACK's usual float rounding one step would still be right.
                assert np.mean(steps > 0) < 1e-4, "the two ways to round are told apart"
    np.testing.assert_allclose(weight_scales(model.get_weights()[0], axis=1), ran.scales, rtol=1e-6)
    stored = quantize(model.get_weights()[0].T, ran.scales, 0, axis=0)
    assert np.abs(stored.astype(int) - ran.weights).max() <= 1 and np.mean(stored != ran.weights) < 1e-3
    # And the whole numbers mean what the float layer computes, within the steps of its scales.
    real = dequantize(ran.answer, *ran.output)
    assert np.abs(real - model(x)).mean() < ran.output[0]


@pytest.mark.parametrize(("padding", "strides"), [("valid", (1, 1)), ("same", (1, 1)), ("same", (2, 2))])
def test_a_convolution_is_litert_s(padding, strides):
    conv = keras.layers.Conv2D(8, (5, 3), strides=strides, padding=padding, activation="relu")
    model, x = layer(conv, (14, 13, 3))
    content = int8_file(model, x[:50])
    for rounding in LITERT:
        ran = Ran(content, x[:60], rounding)
        numbers = (ran.x, ran.weights, ran.bias, ran.input, ran.scales, ran.output)
        by_hand = conv2d_int8(*numbers, strides, padding, "relu", rounding)
        steps = np.abs(by_hand.astype(int) - ran.answer)
        assert by_hand.shape == ran.answer.shape and steps.max() <= 1 and np.mean(steps > 0) < 1e-4


def test_requantization_in_numbers():
    sums = np.array([-1000, -3, -1, 0, 1, 3, 5, 1000], np.int32)
    assert requantize(sums, 0.5).tolist() == [-128, -2, 0, 0, 0, 2, 2, 127], "halves to even"
    assert requantize(sums, 0.5, rounding="fixed").tolist() == [-128, -2, -1, 0, 1, 2, 3, 127], "halves away from zero"
    assert requantize(sums, 3.0, zero_point=1, low=1).tolist() == [1, 1, 1, 1, 4, 10, 16, 127], "ReLU: not below zero's"
    random = np.random.default_rng(0).integers(-(2**20), 2**20, 20_000).astype(np.int32)
    one, other = (requantize(random, 1.2345e-4, rounding=rounding).astype(int) for rounding in ("float", "fixed"))
    assert np.abs(one - other).max() <= 1 and np.mean(one != other) < 1e-3
    np.testing.assert_allclose(one, np.clip(random * 1.2345e-4, -128, 127), atol=0.501)
    assert requantize(sums, 1e-30, rounding="fixed").tolist() == [0] * 8
    assert requantize(sums, 2.0**30, rounding="fixed").tolist() == [-128] * 3 + [0] + [127] * 4


def test_relu6_stops_at_six():
    x, weights = np.full((1, 4), 127, np.int8), np.full((2, 4), 127, np.int8)
    result = dense_int8(x, weights, None, (0.1, 0), 0.1, (0.05, -128), "relu6")
    assert dequantize(result, 0.05, -128).tolist() == [[pytest.approx(6), pytest.approx(6)]]


def test_bad_input_is_refused():
    x, w = np.ones((2, 3), np.int8), np.ones((4, 3), np.int8)
    good = ((0.1, 0), 0.1, (0.1, 0))
    for arguments, words in (
        ((x.astype(float), w, None, *good), "x is float64"),
        ((x, w[:, :2], None, *good), "3 inputs and the weights 2"),
        ((x, w, np.ones(4), *good), "must be int32"),
        ((x, w, np.full(4, 2**31 - 1, np.int32), (0.1, -1), 0.1, (0.1, 0)), "fit into int32"),
        ((x, w, None, (0.1, 0), np.ones(3), (0.1, 0)), "weight_scale has shape"),
        ((x, w, None, *good, "tanh"), "no activation"),
        ((x, w, None, *good, "none", "up"), "no rounding"),
    ):
        with pytest.raises(UsageError, match=words):
            dense_int8(*arguments)
    image, kernel = np.ones((1, 2, 2, 1), np.int8), np.ones((1, 3, 3, 1), np.int8)
    with pytest.raises(UsageError, match="pad with 'same'"):
        conv2d_int8(image, kernel, None, *good)
    with pytest.raises(UsageError, match="channels"):
        conv2d_int8(np.ones((1, 4, 4, 2), np.int8), kernel, None, *good)
    assert conv2d_int8(image, kernel, None, *good, padding="same").shape == (1, 2, 2, 1)
