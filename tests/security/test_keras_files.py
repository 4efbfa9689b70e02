"""``.keras`` and ``.h5`` files of others: their weights come out by name, and none of their code runs."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from labkit.base.errors import LabkitError
from labkit.cli.main import main
from labkit.keras2 import weight_files
from labkit.methods import lkz, npz

SHIPPED = sorted((Path(__file__).parents[2] / "data" / "models" / "fashion_mnist").glob("*.keras"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with models of many kinds, each as ``.keras`` and ``.h5``, and the mark that their Lambda leaves."""
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("models")
    keras, layers = tf.keras, tf.keras.layers
    mark = folder / "mark"

    @keras.saving.register_keras_serializable("foreign")
    class Own(layers.Layer):
        def build(self, shape):
            self.w = self.add_weight("w", (shape[-1], 2))

        def call(self, inputs):
            return inputs @ self.w

    def leave_mark(x, path=str(mark)):
        open(path, "w").close()
        return x

    def sequential():
        return keras.Sequential(
            [
                layers.Input((8, 8, 1)),
                layers.Conv2D(4, 3),
                layers.BatchNormalization(scale=False),
                layers.DepthwiseConv2D(3),
                layers.SeparableConv2D(3, 2),
                layers.Dropout(0.5),
                layers.Flatten(),
                layers.Dense(3, use_bias=False),
                layers.Dense(3, trainable=False),
            ]
        )

    def functional():
        inputs = layers.Input((8, 8, 1))
        hidden = layers.BatchNormalization(name="norm")(layers.Conv2D(4, 3, name="first")(inputs))
        hidden = layers.PReLU()(hidden)
        hidden = layers.GlobalAveragePooling2D()(hidden) * 2 + 1
        return keras.Model(inputs, [layers.Dense(3, name="a/b")(hidden), layers.Dense(2)(hidden)])

    def nested():
        inputs = layers.Input((8,))
        inner = keras.Sequential([layers.Input((8,)), layers.Dense(4, name="d"), layers.BatchNormalization()])
        return keras.Model(inputs, layers.Dense(2, name="out")(inner(inputs)))

    def recurrent():
        lstm = layers.Bidirectional(layers.LSTM(3, return_sequences=True))
        words = [layers.Input((7,)), layers.Embedding(10, 4), lstm, layers.LayerNormalization(), layers.GRU(2)]
        return keras.Sequential(words)

    def with_lambda():
        return keras.Sequential([layers.Input((4,)), layers.Dense(3, name="first"), layers.Lambda(leave_mark)])

    def own():
        return keras.Sequential([layers.Input((4,)), layers.Dense(3, name="first"), Own(name="mine")])

    models = {f.__name__: f() for f in (sequential, functional, nested, recurrent, with_lambda, own)}
    for name, model in models.items():
        model.save(folder / f"{name}.keras")
        model.save(folder / f"{name}.h5")
        model.save_weights(folder / f"{name}.weights.h5")
    models["with_lambda"].save(folder / "saved_model", save_format="tf")
    mark.unlink(missing_ok=True)
    return SimpleNamespace(folder=folder, mark=mark, models=models, tf=tf)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", ["sequential", "functional", "nested", "recurrent"])
def test_names_and_values_are_those_of_the_model_that_keras_builds(made, name, suffix):
    """Against the way in which they were read before: build the model, ask its variables."""
    path = made.folder / f"{name}{suffix}"
    built = made.tf.keras.models.load_model(path, compile=False)
    expected = {variable.name.removesuffix(":0"): variable.numpy() for variable in built.weights}
    tensors = weight_files.read(path)
    assert set(tensors) == set(expected) and len(expected) == len(built.weights)
    assert all(np.array_equal(tensors[key], expected[key]) for key in expected)
    if name != "nested":  # an .h5 file lists an inner model's weights in another order
        assert list(tensors) == list(expected)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_networks_read_as_before(path):
    import tensorflow as tf

    from labkit.keras2.tensors import tensors

    expected, ours = tensors(tf.keras.models.load_model(path, compile=False)), weight_files.read(path)
    assert list(ours) == list(expected) and all(np.array_equal(ours[key], expected[key]) for key in ours)


def compressed(path: Path, target: Path) -> dict[str, np.ndarray]:
    assert main(["compress", str(path), "-o", str(target)]) == 0
    return lkz.read(target)


@pytest.mark.parametrize("file", ["with_lambda.h5", "with_lambda.keras", "with_lambda.weights.h5"])
def test_a_lambda_does_not_run(made, tmp_path, file):
    kernel, bias = made.models["with_lambda"].get_weights()
    tensors = compressed(made.folder / file, tmp_path / "w.lkz")
    assert not made.mark.exists()
    assert [np.array_equal(a, b) for a, b in zip(tensors.values(), (kernel, bias), strict=True)] == [True, True]
    if ".weights" not in file:
        assert list(tensors) == ["first/kernel", "first/bias"]


def test_the_mark_would_be_left(made):
    """What the tests above look for does happen when Keras loads the file."""
    made.tf.keras.models.load_model(made.folder / "with_lambda.h5", compile=False)
    assert made.mark.exists()
    made.mark.unlink()


@pytest.mark.parametrize("file", ["with_lambda.h5", "with_lambda.keras"])
def test_a_model_with_a_lambda_is_not_built(made, tmp_path, file, capsys):
    small = tmp_path / "w.lkz"
    compressed(made.folder / file, small)
    capsys.readouterr()
    words = ["expand", str(small), "-o", str(tmp_path / "back.keras"), "--like", str(made.folder / file)]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert "holds a Lambda layer" in said and said.count("\n") == 1
    assert not made.mark.exists() and not (tmp_path / "back.keras").exists()


def test_a_saved_model_is_refused(made, tmp_path, capsys):
    for words in (
        ["compress", str(made.folder / "saved_model"), "-o", str(tmp_path / "w.lkz")],
        [
            "expand",
            str(tmp_path / "w.lkz"),
            "-o",
            str(tmp_path / "b.keras"),
            "--like",
            str(made.folder / "saved_model"),
        ],
    ):
        lkz.write(tmp_path / "w.lkz", {"a": np.ones(2, np.float32)})
        assert main(words) == 1
        assert "is a SavedModel" in capsys.readouterr().err
    assert not made.mark.exists()


def rewritten(source: Path, target: Path, change, extra: dict[str, bytes] | None = None) -> Path:
    """Copy a ``.keras`` file, its configuration changed by *change*, other members exchanged by *extra*."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config)
                content = json.dumps(config).encode()
            if extra is None or name not in extra:
                new.writestr(name, content)
        for name, content in (extra or {}).items():
            if content:
                new.writestr(name, content)
    return target


class MakesAFolder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


HOSTILE_LAYERS = {
    "a function of os": {"module": "os", "class_name": "system", "config": "touch mark", "registered_name": None},
    "a module to import": {"module": "evil", "class_name": "Dense", "config": {"name": "x"}, "registered_name": None},
    "a call that writes": {
        "module": "tf_keras.src.layers.core.tf_op_layer",
        "class_name": "TFOpLambda",
        "config": {"name": "x", "function": "io.write_file"},
    },
    "a lambda within": {"class_name": "TimeDistributed", "config": {"layer": {"class_name": "Lambda", "config": {}}}},
    "a lambda function": {"class_name": "Activation", "config": {"activation": {"class_name": "__lambda__"}}},
    "a function by name": {
        "class_name": "Activation",
        "config": {"activation": {"class_name": "function", "module": "subprocess", "config": "run"}},
    },
    "a file of words": {"class_name": "StringLookup", "config": {"name": "x", "vocabulary": "/etc/hosts"}},
    "no text": {"class_name": ["Dense"], "config": {}},
}


@pytest.mark.parametrize("name", HOSTILE_LAYERS)
def test_a_configuration_that_reaches_out_is_not_built(made, tmp_path, monkeypatch, name):
    from labkit.keras2 import foreign_model

    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.py").write_text("open('mark', 'w').close()")
    monkeypatch.syspath_prepend(str(tmp_path))
    path = rewritten(
        made.folder / "nested.keras",
        tmp_path / "evil.keras",
        lambda config: config["config"]["layers"].append(HOSTILE_LAYERS[name]),
    )
    with pytest.raises(LabkitError, match=r"is not built, because .*; you can only read its weights") as caught:
        foreign_model.load(path)
    assert "\n" not in str(caught.value)
    weight_files.read(path)
    assert not (tmp_path / "mark").exists()


def test_pickled_weights_are_not_loaded(made, tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, layers=np.array([MakesAFolder(tmp_path / "mark")], object))
    path = rewritten(
        made.folder / "nested.keras",
        tmp_path / "evil.keras",
        lambda config: None,
        {"model.weights.h5": b"", "model.weights.npz": buffer.getvalue()},
    )
    with pytest.raises(LabkitError, match="pickled objects"):
        weight_files.read(path)
    (tmp_path / "p.h5").write_bytes(pickle.dumps(MakesAFolder(tmp_path / "mark")))
    with pytest.raises(LabkitError, match="begins neither"):
        weight_files.read(tmp_path / "p.h5")
    assert not (tmp_path / "mark").exists()


def test_a_layer_of_the_authors_own_keeps_its_weights(made, tmp_path):
    kernel, bias, own = made.models["own"].get_weights()
    for file, names in (
        ("own.h5", ["first/kernel", "first/bias", "mine/w"]),
        ("own.keras", ["first/kernel", "first/bias", "mine/0"]),
        ("own.weights.h5", ["dense/0", "dense/1", "own/0"]),
    ):
        tensors = weight_files.read(made.folder / file)
        assert list(tensors) == names
        assert all(np.array_equal(a, b) for a, b in zip(tensors.values(), (kernel, bias, own), strict=True))


def test_two_layers_of_one_name_are_named(made, tmp_path):
    layers, keras = made.tf.keras.layers, made.tf.keras
    parts = [keras.Sequential([layers.Input((4,)), layers.Dense(4, name="d")], name=name) for name in ("one", "two")]
    inputs = layers.Input((4,))
    keras.Model(inputs, parts[1](parts[0](inputs))).save(tmp_path / "m.keras")
    with pytest.raises(LabkitError, match=r"two weights called 'd/kernel', in .*sequential/.* and .*sequential_1/"):
        weight_files.read(tmp_path / "m.keras")


@pytest.mark.parametrize("kind", ["pruned", "clustered", "aware"])
def test_wrapped_models_get_the_right_call(made, tmp_path, kind):
    import tensorflow_model_optimization as tfmot

    model = made.tf.keras.Sequential([made.tf.keras.layers.Input((4,)), made.tf.keras.layers.Dense(3)])
    if kind == "pruned":
        wrapped, said = tfmot.sparsity.keras.prune_low_magnitude(model), r"strip_pruning\(model\)"
    elif kind == "clustered":
        start = tfmot.clustering.keras.CentroidInitialization.LINEAR
        wrapped, said = tfmot.clustering.keras.cluster_weights(model, 2, start), r"strip_clustering\(model\)"
    else:
        wrapped, said = tfmot.quantization.keras.quantize_model(model), "quantization-aware model"
    wrapped.save(tmp_path / "a.keras")
    wrapped.save(tmp_path / "b.h5")
    wrapped.save_weights(tmp_path / "c.weights.h5")
    wrapped.save_weights(tmp_path / "d.h5", save_format="h5")
    for name in ("a.keras", "b.h5", "c.weights.h5", "d.h5"):
        with pytest.raises(LabkitError, match=said) as caught:
            weight_files.read(tmp_path / name)
        assert "\n" not in str(caught.value) and "\\x" not in str(caught.value)


def test_a_lower_precision_policy_compresses_as_float32(made, tmp_path, capfd):
    keras = made.tf.keras
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, name="d")])
    finally:
        keras.mixed_precision.set_global_policy("float32")
    model.save(tmp_path / "mixed.keras")
    capfd.readouterr()
    tensors = compressed(tmp_path / "mixed.keras", tmp_path / "w.lkz")
    assert capfd.readouterr().err == ""
    assert np.array_equal(tensors["d/kernel"], model.get_weights()[0])


def h5(path: Path, build) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = ["dense"]
        group = file.create_group("dense")
        group.attrs["weight_names"] = ["dense/kernel:0"]
        build(file, group.create_group("dense"))
    return path


def external_link(file, group):
    group["kernel:0"] = h5py.ExternalLink("secret.h5", "/kernel")


def soft_link(file, group):
    file["elsewhere"] = np.ones(3, np.float32)
    group["kernel:0"] = h5py.SoftLink("/elsewhere")


def external_storage(file, group):
    group.create_dataset("kernel:0", (4,), "f4", external=[("secret.bin", 0, 16)])


def virtual(file, group):
    layout = h5py.VirtualLayout((3,), "f4")
    layout[:] = h5py.VirtualSource("secret.h5", "kernel", (3,))
    group.create_virtual_dataset("kernel:0", layout)


def references(file, group):
    group.create_dataset("kernel:0", (1,), h5py.ref_dtype)[0] = file.ref


def text(file, group):
    group.create_dataset("kernel:0", (1,), h5py.string_dtype())[0] = "x"


def huge(file, group):
    group.create_dataset("kernel:0", (2**42,), "f4", chunks=(2**20,), compression="gzip")


def loop(file, group):
    group["again"] = file["dense"]
    group["kernel:0"] = np.ones(3, np.float32)


def missing(file, group):
    group["bias:0"] = np.ones(3, np.float32)


def unlisted(file, group):
    group["kernel:0"] = np.ones(3, np.float32)
    group["bias:0"] = np.ones(3, np.float32)


def path_as_name(file, group):
    file["dense"].attrs["weight_names"] = ["../x:0"]


HDF5 = {
    external_link: "link to another place",
    soft_link: "link to another place",
    external_storage: "another file",
    virtual: "another file",
    references: "objects or text",
    text: "objects or text",
    huge: "more weights",
    loop: "same as another",
    missing: "is missing",
    unlisted: "belongs to no layer",
    path_as_name: "is missing",
}


@pytest.mark.parametrize("build", HDF5, ids=lambda build: build.__name__)
def test_an_hdf5_file_reaches_no_further_than_itself(build, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with h5py.File("secret.h5", "w") as secret:
        secret["kernel"] = np.ones(3, np.float32)
    Path("secret.bin").write_bytes(bytes(16))
    h5(tmp_path / "net.h5", build)
    assert main(["compress", "net.h5", "-o", "net.lkz"]) == 1
    error = capsys.readouterr().err
    assert HDF5[build] in error and error.count("\n") == 1


ARCHIVES = {
    "no config": ({"config.json": b""}, "0 members config.json"),
    "config is not JSON": ({"config.json": b"{"}, "not JSON"),
    "config is deep": ({"config.json": b"[" * 100_000}, "not JSON"),
    "config is a list": ({"config.json": b"[]"}, "describes no model"),
    "no weights": ({"model.weights.h5": b""}, "0 members model.weights.h5"),
    "weights are junk": ({"model.weights.h5": b"junk"}, "damaged HDF5"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_damaged_archive_is_one_sentence(made, tmp_path, name):
    extra, said = ARCHIVES[name]
    path = rewritten(made.folder / "nested.keras", tmp_path / "m.keras", lambda config: None, extra)
    with pytest.raises(LabkitError, match=said) as caught:
        weight_files.read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["sequential.keras", "sequential.h5"])
def test_damage_anywhere_ends_with_tensors_or_a_sentence(made, tmp_path, file):
    """Cuts, and bytes changed at random; HDF5 is read in a process of its own, which a crash may end."""
    content = (made.folder / file).read_bytes()
    draw = np.random.default_rng(7)
    for trial in range(24):
        changed = bytearray(content)
        if trial % 3 == 0:
            changed = changed[: int(draw.integers(len(content)))]
        else:
            for at in draw.integers(0, len(content) // (1 + trial % 2 * 3), int(draw.integers(1, 30))):
                changed[at] = int(draw.integers(256))
        path = tmp_path / f"{trial}{file[-6:]}"
        path.write_bytes(bytes(changed))
        try:
            weight_files.read(path)
        except LabkitError as error:
            assert "\n" not in str(error) and len(str(error)) < 400


def test_models_go_there_and_back_through_arrays(made, tmp_path):
    small, arrays = tmp_path / "w.lkz", tmp_path / "w.npz"
    compressed(made.folder / "functional.keras", small)
    assert main(["expand", str(small), "-o", str(arrays)]) == 0
    assert list(npz.read(arrays)) == list(weight_files.read(made.folder / "functional.keras"))
    like = str(made.folder / "functional.keras")
    assert main(["expand", str(small), "-o", str(tmp_path / "b.KERAS"), "--like", like]) == 0
    back = weight_files.read(tmp_path / "b.KERAS")
    assert all(np.array_equal(back[key], value) for key, value in lkz.read(small).items())
