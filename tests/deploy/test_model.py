"""A deployed model: whatever it is opened from, one reading and one interpreter serve all that is measured of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from labkit.base.errors import LabkitError, UsageError
from labkit.deploy import inspect, tflite, timing
from labkit.deploy.model import Model
from labkit.methods import lkz


def test_a_keras_model_bytes_and_a_path_open_alike(net: SimpleNamespace) -> None:
    models = [Model.open(source) for source in (net.model, net.files["float32"], net.path, str(net.path))]
    assert {model.content for model in models} == {model.stored for model in models} == {net.files["float32"]}
    assert [model.name for model in models] == ["these bytes", "these bytes", str(net.path), str(net.path)]
    assert Model.open(models[0]) is models[0]


@pytest.mark.parametrize("precision", ["float32", "float16", "dynamic", "int8", "int8_io"])
def test_an_open_model_gives_what_its_file_gives(net: SimpleNamespace, precision: str) -> None:
    content = net.files[precision]
    model = Model.open(content)
    assert model.summary == inspect.summary(content)
    assert model.sizes == sorted(int(np.prod(layer.weights_shape)) for layer in inspect.layers(content))
    answers = tflite.predict(content, net.x)
    for _ in range(2):  # a timing between two predictions leaves another size of input behind
        assert np.array_equal(tflite.predict(model, net.x), answers)
        assert timing.latency({"model": model}, seconds=0.02)["model"].median_ms > 0


def test_one_interpreter_per_number_of_threads(net: SimpleNamespace) -> None:
    model = Model.open(net.path, threads=2)
    assert model.interpreter(2) is model.interpreter(2) is not model.interpreter(1)
    assert model.checked
    model.close()
    assert not model.checked and model.interpreter(2)


def test_a_file_for_one_image_at_a_time_is_opened_as_it_is_stored(net: SimpleNamespace) -> None:
    """Its interpreter refuses another size of input; it must not go on with what that refusal left."""
    tf = net.tf
    fixed = tf.keras.Sequential([tf.keras.layers.Input((4,), batch_size=1), tf.keras.layers.Dense(3, name="only")])
    square = tf.function(
        lambda x: tf.reshape(fixed(tf.reshape(x, (1, 4))), (1, 3)), input_signature=[tf.TensorSpec((1, 4), tf.float32)]
    )
    model = Model.open(
        tf.lite.TFLiteConverter.from_concrete_functions([square.get_concrete_function()], fixed).convert()
    )
    x = np.random.default_rng(0).random((5, 4), np.float32)
    for _ in range(2):
        np.testing.assert_allclose(tflite.predict(model, x), [fixed(row[None])[0] for row in x], atol=1e-6)
        assert timing.latency({"model": model}, seconds=0.02)["model"].median_ms > 0


def test_a_lkz_file_is_put_into_the_network_that_is_built_for_it(net: SimpleNamespace, tmp_path: Path) -> None:
    from labkit.keras2.tensors import tensors

    path, calls = tmp_path / "tiny.lkz", []
    lkz.write(path, tensors(net.model))

    def build(weights: dict[str, np.ndarray]) -> object:
        calls.append(sorted(weights))
        return net.tf.keras.models.clone_model(net.model)

    model = Model.open(path, build)
    assert calls == [sorted(tensors(net.model))]
    assert model.stored == path.read_bytes() != model.content
    np.testing.assert_allclose(tflite.predict(model, net.x), net.y, atol=1e-5)
    with pytest.raises(UsageError, match="holds weights without a network: give the function build_network"):
        Model.open(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(LabkitError, match=r"tiny\.lkz: .*damaged"):
        Model.open(path, build)


def test_what_is_no_model_is_refused_when_it_is_opened(net: SimpleNamespace, tmp_path: Path) -> None:
    damaged = tmp_path / "cut.tflite"
    damaged.write_bytes(net.files["float32"][:-4000])
    with pytest.raises(LabkitError, match=r"cut\.tflite .*truncated or damaged"):
        Model.open(damaged)
    for missing in ("none.tflite", "none.lkz"):
        with pytest.raises(LabkitError, match=f"There is no file .*{missing}"):
            Model.open(tmp_path / missing)
    with pytest.raises(UsageError, match="threads"):
        Model.open(net.path, threads=0)
