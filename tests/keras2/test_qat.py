"""Quantization in training: gradients as by hand, weights as TFMOT rounds them, ranges, and the page's refusals."""

from __future__ import annotations

import labkit  # noqa: F401  (chooses Keras 2)

import numpy as np  # isort: skip
import pytest
import tensorflow as tf
import tensorflow_model_optimization as tfmot

from labkit.base.errors import LabkitError
from labkit.deploy import tflite
from labkit.keras2 import clone, logits, qat, train
from labkit.methods import ste
from labkit.methods.quantize import fake_quantize

tfq, layers = tfmot.quantization.keras, tf.keras.layers
RNG = np.random.default_rng(0)
X, Y = RNG.random((64, 8, 8, 1)).astype("float32"), RNG.integers(0, 3, 64)


class FewBits(qat.WeightsOnly):
    def __init__(self, bits, quantizer):
        self.bits, self.quantizer = bits, quantizer

    def get_weights_and_quantizers(self, layer):
        return [(getattr(layer, qat.kernel_name(layer)), getattr(qat, self.quantizer)(self.bits))]

    def set_quantize_weights(self, layer, rounded):
        setattr(layer, qat.kernel_name(layer), rounded[0])

    def get_config(self):
        return {"bits": self.bits, "quantizer": self.quantizer}


def separable() -> tf.keras.Model:
    """Conv, BN, ReLU, depthwise, BN, ReLU, dense: weights and statistics away from where they begin."""
    tf.keras.utils.set_random_seed(1)
    blocks = []
    for name, layer in (
        ("conv", layers.Conv2D(4, 3, use_bias=False, name="conv")),
        ("dw", layers.DepthwiseConv2D(3, name="dw")),
    ):
        blocks += [layer, layers.BatchNormalization(momentum=0.9, name=f"bn_{name}"), layers.ReLU(name=f"relu_{name}")]
    model = tf.keras.Sequential([tf.keras.Input((8, 8, 1)), *blocks, layers.Flatten(), layers.Dense(3, name="logits")])
    train(model, X, Y, epochs=3, batch_size=16, seed=1)
    for name in ("bn_conv", "bn_dw"):
        model.get_layer(name).gamma.assign([0.2, 1.0, 3.0, 0.5])
    return model


def few_bits(model, quantizer, bits=4):
    def annotate(layer):
        return tfq.quantize_annotate_layer(layer, FewBits(bits, quantizer)) if qat.kernel_name(layer) else layer

    with tfq.quantize_scope({"FewBits": FewBits}):
        return tfq.quantize_apply(tf.keras.models.clone_model(clone(model), clone_function=annotate))


@pytest.fixture(scope="module")
def model():
    return separable()


def test_a_learned_step_has_the_gradients_by_hand():
    layer = layers.Dense(1, use_bias=False)
    kernel = RNG.normal(0, 0.4, (50, 1)).astype("float32")
    wrapper = type("Wrapper", (layers.Wrapper,), {})(layer)
    layer.build((None, 50))
    layer.set_weights([kernel])
    quantizer = qat.LearnedStep(3)
    held = quantizer.build(layer.kernel.shape, "kernel", wrapper)
    step = float(held["start"].numpy().item())
    assert step == pytest.approx(ste.first_step(kernel, 3), rel=1e-6)
    upstream = RNG.normal(size=(50, 1)).astype("float32")
    with tf.GradientTape() as tape:
        rounded = quantizer(layer.kernel, True, weights=held)
        total = tf.reduce_sum(rounded * upstream)
    by_kernel, by_factor = tape.gradient(total, [layer.kernel, held["factor"]])
    np.testing.assert_allclose(rounded, ste.quantized(kernel, step, -3, 3), atol=1e-6)
    np.testing.assert_allclose(by_kernel, ste.input_gradient(upstream, kernel, step, -3, 3), atol=1e-6)
    expected = step * ste.step_gradient(upstream, kernel, step, -3, 3)  # the factor times the start is the step
    assert float(by_factor.numpy().item()) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("quantizer", ["LastRange", "LearnedStep"])
def test_few_bits_train_and_leave_few_levels(model, quantizer):
    few = qat.start_ranges(few_bits(model, quantizer), model, X)
    before = [weight.numpy() for weight in few.trainable_weights]
    train(few, X, Y, epochs=1, batch_size=16, learning_rate=1e-2)
    moved = [not np.array_equal(a, b) for a, b in zip(before, [w.numpy() for w in few.trainable_weights], strict=True)]
    assert all(moved)
    found = dict(zip((weight.name for weight in model.weights), qat.trained_weights(few, model), strict=True))
    for name, channels in (("conv/kernel:0", -1), ("dw/depthwise_kernel:0", 2), ("logits/kernel:0", -1)):
        kernel = np.moveaxis(found[name], channels, 0).reshape(found[name].shape[channels], -1)
        assert all(len(np.unique(np.round(channel, 7))) <= 15 for channel in kernel)


def test_tfmots_range_is_one_for_a_depthwise_kernel_and_one_a_channel_when_learned(model):
    theirs = qat.ranges(tfq.quantize_model(clone(model)))
    assert theirs == {"conv": 4, "dw": 1, "logits": 1}
    assert qat.ranges(few_bits(model, "LearnedStep")) == {"conv": 4, "dw": 4, "logits": 3}


def test_trained_weights_are_those_that_the_file_holds(model):
    """One dense layer: the int8 weights in the file, times their scale, against what we read from the wrapper."""
    from labkit.deploy import inspect

    quantized = qat.start_ranges(tfq.quantize_model(clone(model)), model, X)
    train(quantized, X, Y, epochs=1, batch_size=16)
    found = dict(zip((weight.name for weight in model.weights), qat.trained_weights(quantized, model), strict=True))
    content = tflite.convert(quantized, "int8")
    layer = inspect.layer(content, "logits")
    step = layer["weight_scale"]
    np.testing.assert_allclose(layer["weights"].T * step, found["logits/kernel:0"], atol=float(step.max()) * 1e-3)


def test_started_ranges_are_those_of_the_images(model):
    quantized = tfq.quantize_model(clone(model))
    held = {weight.name.split("/")[-1]: weight for weight in quantized.get_layer("quant_relu_conv").weights}
    assert float(held["output_max:0"]) == 6 and float(held["output_min:0"]) == -6
    qat.start_ranges(quantized, model, X)
    seen = tf.keras.Model(model.inputs, model.get_layer("relu_conv").output).predict(X, verbose=0)
    assert float(held["output_max:0"]) == pytest.approx(seen.max(), rel=1e-5) and float(held["output_min:0"]) == 0
    with pytest.raises(LabkitError, match="No layer is quantized"):
        qat.start_ranges(clone(model), model, X)


def test_rounding_after_training_is_that_of_the_folded_kernel(model):
    per_channel = qat.rounded_after(model, 4)
    per_tensor = qat.rounded_after(model, 4, per_channel=False)
    names = [weight.name for weight in model.weights]
    values = [weight.numpy() for weight in model.weights]
    for name, axis, norm in (("conv/kernel:0", 3, "bn_conv"), ("dw/depthwise_kernel:0", 2, "bn_dw")):
        k, bn = names.index(name), model.get_layer(norm)
        stretch = bn.gamma.numpy() / np.sqrt(bn.moving_variance.numpy() + bn.epsilon)
        wide = stretch.reshape([-1 if i == axis else 1 for i in range(4)])
        np.testing.assert_allclose(per_channel[k] * wide, fake_quantize(values[k] * wide, 4, axis=axis), atol=1e-5)
        np.testing.assert_allclose(per_tensor[k] * wide, fake_quantize(values[k] * wide, 4), atol=1e-5)
    others = [k for k, name in enumerate(names) if "kernel" not in name]
    assert all(np.array_equal(values[k], per_tensor[k]) for k in others)


def test_eight_bits_rounded_by_us_answer_as_the_converters_file(model):
    images = RNG.random((300, 8, 8, 1)).astype("float32")
    labels = logits(model, images).argmax(axis=1)
    right = qat.correct(model, {"us": qat.rounded_after(model, 8)}, images, labels)["us"]
    theirs = tflite.predict(tflite.convert(model, "int8", images), images).argmax(axis=1)
    assert right.mean() >= 0.97 and np.mean(theirs == labels) >= 0.95  # untaught images lie near the borders


def test_a_model_of_another_shape_is_refused(model):
    other = tf.keras.Sequential([tf.keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3, name="else")])
    with pytest.raises(LabkitError, match="no layer 'conv'"):
        qat.trained_weights(other, model)


def test_a_refusal_has_both_texts_and_a_good_model_none():
    def net(*parts):
        return tf.keras.Sequential([tf.keras.Input((8, 8, 1)), *parts, layers.Flatten(), layers.Dense(3)])

    theirs, ours = qat.refusal(net(layers.Rescaling(1 / 255), layers.Conv2D(4, 3)))
    assert "is not supported" in theirs and "Rescaling" in ours
    assert qat.refusal(net(layers.Conv2D(4, 3))) == ("", "")


@pytest.mark.parametrize("images", [X[:0], np.where(X[3, 2, 1, 0] == X, np.nan, X)], ids=["none", "NaN"])
def test_b48_images_that_set_no_range(model, images):
    quantized = tfq.quantize_model(clone(model))
    before = [weight.copy() for weight in quantized.get_weights()]
    with pytest.raises(LabkitError, match="set no range"):
        qat.start_ranges(quantized, model, images)
    assert all(np.array_equal(a, b) for a, b in zip(before, quantized.get_weights(), strict=True))
