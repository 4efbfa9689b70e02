"""Conversion and prediction, against Keras."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from labkit.base.errors import LabkitError, UsageError
from labkit.deploy import inspect, tflite

from .conftest import SHAPE, tiny

PRECISIONS = ["float32", "float16", "dynamic", "int8", "int8_tensor", "int8_io"]


@pytest.mark.parametrize(
    "precision, tolerance",
    [("float32", 1e-5), ("float16", 5e-3), ("dynamic", 0.1), ("int8", 0.1), ("int8_tensor", 0.1), ("int8_io", 0.1)],
)
def test_answers_as_keras_does(net: SimpleNamespace, precision: str, tolerance: float) -> None:
    answers = tflite.predict(net.files[precision], net.x)
    assert answers.dtype == np.float32
    assert answers.shape == net.y.shape
    assert np.abs(answers - net.y).max() <= tolerance * (1 if precision == "float32" else np.abs(net.y).max())


@pytest.mark.parametrize("precision", PRECISIONS)
def test_batch_and_number_of_images_change_nothing(net: SimpleNamespace, precision: str) -> None:
    content = net.files[precision]
    whole = tflite.predict(content, net.x)
    for batch in (1, 7):
        np.testing.assert_allclose(tflite.predict(content, net.x, threads=2, batch=batch), whole, atol=1e-5)
    assert tflite.predict(content, net.x[:0]).shape == (0, 10)
    np.testing.assert_allclose(tflite.predict(content, net.x[:1].astype(np.float64)), whole[:1], atol=1e-5)


def test_int8_with_and_without_float_ends_agree(net: SimpleNamespace) -> None:
    step = inspect.summary(net.files["int8_io"]).outputs[0].scale[0]
    difference = tflite.predict(net.files["int8"], net.x) - tflite.predict(net.files["int8_io"], net.x)
    assert np.abs(difference).max() <= step * 1.001


def test_int8_files_have_integer_kernels_only(net: SimpleNamespace) -> None:
    ends = {"int8": ("float32", "float32"), "int8_io": ("int8", "int8")}
    for name, dtypes in ends.items():
        found = inspect.summary(net.files[name])
        assert (found.inputs[0].dtype, found.outputs[0].dtype) == dtypes
        assert all(layer.dtype == "int8" for layer in inspect.layers(net.files[name]))
        assert ("QUANTIZE" in found.operators) == (name == "int8")


def test_per_channel_switch(net: SimpleNamespace) -> None:
    assert inspect.layer(net.files["int8"], "conv")["weight_scale"].shape == (12,)
    assert inspect.layer(net.files["int8_tensor"], "conv")["weight_scale"].shape == (1,)


def test_equal_weights_give_equal_bytes(net: SimpleNamespace) -> None:
    assert tflite.convert(net.model) == net.files["float32"]
    assert tflite.convert(tiny(net.tf)) == net.files["float32"]
    assert tflite.convert(tiny(net.tf), "int8", net.x) == net.files["int8"]
    renamed = tflite.convert(tiny(net.tf, prefix="other_"))
    assert renamed != net.files["float32"]  # the names are in the file …
    np.testing.assert_array_equal(  # … and are all that differs
        tflite.predict(renamed, net.x), tflite.predict(net.files["float32"], net.x)
    )


def test_conversion_leaves_the_model_and_the_page_alone(
    net: SimpleNamespace,
    capfd: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # a place of its own: other tests convert at the same time
    before = net.model.get_weights()
    recwarn.clear()
    tflite.convert(net.model, "int8", net.x[:2])
    said = capfd.readouterr()
    assert said.out + said.err == ""
    assert len(recwarn) == 0
    assert not list(tmp_path.glob("*/saved_model.pb"))
    assert all(np.array_equal(a, b) for a, b in zip(before, net.model.get_weights(), strict=True))


def test_batch_normalization_is_folded(net: SimpleNamespace) -> None:
    model = tiny(net.tf, norm=True)
    content = tflite.convert(model)
    np.testing.assert_allclose(tflite.predict(content, net.x), model(net.x).numpy(), atol=2e-5)
    # Of the normalization's four values a channel, one is left: the convolution's bias.
    assert inspect.summary(content).parameters == model.count_params() - 3 * 12


def test_quantization_aware_model_brings_its_ranges(net: SimpleNamespace) -> None:
    import tensorflow_model_optimization as tfmot

    aware = tfmot.quantization.keras.quantize_model(tiny(net.tf, norm=True))
    aware.compile(loss="mse")
    aware.fit(net.x, net.y, epochs=1, verbose=0)
    content = tflite.convert(aware, "int8")
    assert all(layer.dtype == "int8" for layer in inspect.layers(content))
    expected = aware.predict(net.x, verbose=0)
    assert np.abs(tflite.predict(content, net.x) - expected).max() <= 0.1 * np.abs(expected).max()
    assert inspect.summary(tflite.convert(aware, "int8", float_io=False)).inputs[0].dtype == "int8"


def test_a_pruning_wrapper_is_refused(net: SimpleNamespace) -> None:
    import tensorflow_model_optimization as tfmot

    wrapped = tfmot.sparsity.keras.prune_low_magnitude(tiny(net.tf))
    with pytest.raises(LabkitError, match="strip_pruning"):
        tflite.convert(wrapped)
    stripped = tflite.convert(tfmot.sparsity.keras.strip_pruning(wrapped))
    np.testing.assert_allclose(tflite.predict(stripped, net.x), net.y, atol=1e-5)


def test_what_is_no_keras2_model_is_refused(net: SimpleNamespace) -> None:
    import keras

    keras3 = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2)])
    for thing in (keras3, None, "model.keras", np.zeros(3)):
        with pytest.raises(LabkitError, match=r"[Kk]eras"):
            tflite.convert(thing)
    with pytest.raises(LabkitError, match="exactly one input of known shape"):
        tflite.convert(net.tf.keras.Sequential([net.tf.keras.layers.Dense(2)]))


def test_wrong_arguments_of_convert(net: SimpleNamespace) -> None:
    with pytest.raises(UsageError, match="did you mean int8"):
        tflite.convert(net.model, "int-8")
    with pytest.raises(UsageError, match="float_io"):
        tflite.convert(net.model, "float16", float_io=False)
    for images, words in [
        (None, "representative="),
        (net.x[:0], "no representative images"),
        (net.x * np.nan, "finite"),
        (net.x[..., 0], "reshape"),
        ((net.x * 255).astype(np.uint8), "0 to 1"),
    ]:
        with pytest.raises(LabkitError, match=words):
            tflite.convert(net.model, "int8", images)


@pytest.mark.parametrize(
    "x, words",
    [
        (np.zeros((2, 28, 28, 1), np.float32), "this model needs"),
        (np.zeros(SHAPE, np.float32), "n images at once"),
        (np.float32(1), "n images at once"),
        (np.zeros((2, *SHAPE), np.uint8), "as_input"),
    ],
)
def test_images_that_do_not_fit(net: SimpleNamespace, x: Any, words: str) -> None:
    with pytest.raises(LabkitError, match=words):
        tflite.predict(net.files["float32"], x)


def test_wrong_threads_and_batch(net: SimpleNamespace) -> None:
    for wrong in (0, -1, 1.5, True):
        with pytest.raises(UsageError, match="threads"):
            tflite.predict(net.files["float32"], net.x, threads=wrong)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="batch"):
            tflite.predict(net.files["float32"], net.x, batch=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("keep", [0, 1, 7, 100, 0.5, -10, -1])
def test_a_truncated_file(net: SimpleNamespace, tmp_path: Path, keep: float) -> None:
    content = net.files["float32"]
    path = tmp_path / "cut.tflite"
    path.write_bytes(content[: int(len(content) * keep) if isinstance(keep, float) else keep])
    for call in (lambda: tflite.predict(path, net.x), lambda: inspect.summary(path)):
        with pytest.raises(LabkitError, match=r"cut\.tflite") as caught:
            call()
        assert "\n" not in str(caught.value)


def test_a_foreign_absent_or_misnamed_file(net: SimpleNamespace, tmp_path: Path) -> None:
    for foreign in (b"PK\x03\x04" * 50, b"\0" * 500, net.files["float32"][:8] + b"x" * 400):
        with pytest.raises(LabkitError, match="these bytes"):
            tflite.predict(foreign, net.x)
    with pytest.raises(LabkitError, match="There is no file"):
        tflite.predict(tmp_path / "none.tflite", net.x)
    with pytest.raises(LabkitError, match="not a regular file"):
        tflite.predict(tmp_path, net.x)
    with pytest.raises(UsageError, match="Sequential"):
        tflite.predict(net.model, net.x)


def test_a_file_made_for_one_image_at_a_time(net: SimpleNamespace) -> None:
    tf = net.tf
    fixed = tf.keras.Sequential([tf.keras.layers.Input((4,), batch_size=1), tf.keras.layers.Dense(3, name="only")])
    square = tf.function(
        lambda x: tf.reshape(fixed(tf.reshape(x, (1, 4))), (1, 3)), input_signature=[tf.TensorSpec((1, 4), tf.float32)]
    )
    content = tf.lite.TFLiteConverter.from_concrete_functions([square.get_concrete_function()], fixed).convert()
    x = np.random.default_rng(0).random((5, 4), np.float32)
    np.testing.assert_allclose(tflite.predict(content, x), x @ fixed.get_weights()[0], atol=1e-6)


def test_save_writes_whole_or_not_at_all(net: SimpleNamespace, tmp_path: Path) -> None:
    path = tflite.save(net.files["float32"], tmp_path / "new" / "m.tflite")
    assert path.read_bytes() == net.files["float32"]
    with pytest.raises(LabkitError, match="a file has the name of the folder"):
        tflite.save(b"x", path / "below.tflite")


def refused(words: str, call: Any) -> None:
    with pytest.raises(LabkitError, match=words) as caught:
        call()
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and ". " not in sentence and ".py:" not in sentence


def test_b2_a_recurrent_layer_with_an_open_batch(net: SimpleNamespace) -> None:
    layers = net.tf.keras.layers

    def model(batch_size: int | None = None, unroll: bool = False) -> Any:
        first = layers.Input((5, 4), batch_size=batch_size)
        return net.tf.keras.Sequential([first, layers.LSTM(3, unroll=unroll, name="memory"), layers.Dense(2)])

    refused(r"recurrent layer 'memory'.*batch_size=1.*unroll=True", lambda: tflite.convert(model()))
    x = np.random.default_rng(0).random((1, 5, 4), np.float32)
    for fixed in (model(batch_size=1), model(unroll=True)):
        np.testing.assert_allclose(tflite.predict(tflite.convert(fixed), x), fixed(x).numpy(), atol=1e-5)


def test_b4_two_inputs(net: SimpleNamespace) -> None:
    a, b = net.tf.keras.Input((4,), name="a"), net.tf.keras.Input((4,), name="b")
    model = net.tf.keras.Model([a, b], net.tf.keras.layers.Dense(2)(net.tf.keras.layers.Add()([a, b])))
    for precision in ("float32", "int8"):
        refused(
            r"has 2 inputs.*order of model\.inputs \(a, b\)",
            lambda precision=precision: tflite.convert(model, precision, net.x),
        )


def embedding(net: SimpleNamespace, dtype: str) -> Any:
    layers = net.tf.keras.layers
    first = layers.Input((6,), dtype=dtype)
    return net.tf.keras.Sequential([first, layers.Embedding(20, 4), layers.Flatten(), layers.Dense(3)])


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_b5_indices_are_not_scaled(net: SimpleNamespace, dtype: str) -> None:
    model = embedding(net, dtype)
    content, ids = tflite.convert(model), np.random.default_rng(0).integers(0, 20, (7, 6))
    expected = model(ids.astype(dtype)).numpy()
    if dtype == "int32":
        np.testing.assert_allclose(tflite.predict(content, ids), expected, atol=1e-6)
        refused(r"needs int32 \(indices\).*astype\('int32'\)", lambda: tflite.predict(content, ids / 20))
    else:
        refused(r"x\.astype\('float32'\).*indices are not scaled", lambda: tflite.predict(content, ids))
    np.testing.assert_allclose(tflite.predict(content, ids.astype(dtype)), expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["generator", "function"])
def test_b10_a_generator_of_representative_images(net: SimpleNamespace, kind: str) -> None:
    def images() -> Any:
        for image in net.x:
            yield [image[None]]

    given = images() if kind == "generator" else images
    refused(f"representative is a {kind}.*np.concatenate", lambda: tflite.convert(net.model, "int8", given))
    together = np.concatenate([image for (image,) in images()])
    assert tflite.convert(net.model, "int8", together) == net.files["int8"]
    dataset = net.tf.data.Dataset.from_tensor_slices(net.x)
    refused("Dataset, but must be an array.*np.stack", lambda: tflite.convert(net.model, "int8", dataset))
    stacked = np.stack(list(dataset.as_numpy_iterator()))
    assert tflite.convert(net.model, "int8", stacked) == net.files["int8"]
    assert tflite.convert(net.model, "int8", list(net.x)) == net.files["int8"]


@pytest.mark.parametrize("precision", ["float32", "int8", "int8_io"])
def test_b11_images_that_are_not_finite(net: SimpleNamespace, precision: str) -> None:
    for value in (np.nan, np.inf):
        images = net.x[:3].copy()
        images[1, 2, 3] = value
        refused("not all finite", lambda images=images: tflite.predict(net.files[precision], images))


@pytest.mark.parametrize("policy", ["mixed_float16", "float64"])
def test_b14_layers_that_compute_in_another_type(net: SimpleNamespace, policy: str) -> None:
    net.tf.keras.mixed_precision.set_global_policy(policy)
    try:
        model = tiny(net.tf)
    finally:
        net.tf.keras.mixed_precision.set_global_policy("float32")
    refused(
        r"computes in float(16|64).*set_global_policy\('float32'\).*set_weights",
        lambda: tflite.convert(model, "int8", net.x),
    )
    plain = tiny(net.tf)
    plain.set_weights(model.get_weights())
    np.testing.assert_allclose(tflite.predict(tflite.convert(plain), net.x), net.y, atol=1e-5)


def test_b14_prime_batch_normalization_in_training(net: SimpleNamespace) -> None:
    layers, inputs = net.tf.keras.layers, net.tf.keras.Input(SHAPE)
    normalized = layers.BatchNormalization()(layers.Conv2D(2, 3)(inputs), training=True)
    model = net.tf.keras.Model(inputs, layers.Flatten()(normalized))
    refused("BatchNormalization with training=True", lambda: tflite.convert(model))


@pytest.mark.parametrize("precision", ["float32", "float16", "dynamic"])
def test_b40_a_quantization_aware_model_is_converted_to_int8_only(net: SimpleNamespace, precision: str) -> None:
    import tensorflow_model_optimization as tfmot

    aware = tfmot.quantization.keras.quantize_model(tiny(net.tf, norm=True))
    refused("quantization-aware.*convert it with precision 'int8'", lambda: tflite.convert(aware, precision))


def test_b49_integer_ends_are_promised(net: SimpleNamespace) -> None:
    import tensorflow_model_optimization as tfmot

    def annotate(layer: Any) -> Any:
        return layer if layer.name == "logits" else tfmot.quantization.keras.quantize_annotate_layer(layer)

    annotated = net.tf.keras.models.clone_model(tiny(net.tf), clone_function=annotate)
    part = tfmot.quantization.keras.quantize_apply(annotated)
    refused("float32 input or output.*annotate them too", lambda: tflite.convert(part, "int8", float_io=False))
    assert inspect.summary(tflite.convert(part, "int8")).outputs[0].dtype == "float32"
