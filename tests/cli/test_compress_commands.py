"""labkit compress and labkit expand, from the command line's side."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from labkit.cli.main import main
from labkit.methods import lkz


@pytest.fixture()
def arrays(tmp_path):
    rng = np.random.default_rng(1)
    kernel = (rng.normal(size=(60, 20)) * (rng.random((60, 20)) < 0.1)).astype(np.float32)
    tensors = {"dense/kernel": kernel, "dense/bias": rng.normal(size=20).astype(np.float32)}
    np.savez(tmp_path / "net.npz", **tensors)
    return tmp_path / "net.npz", tensors


def test_arrays_there_and_back(arrays, tmp_path, capsys):
    path, tensors = arrays
    small, back = tmp_path / "net.lkz", tmp_path / "back.npz"
    assert main(["compress", str(path), "-o", str(small)]) == 0
    assert f"{small.stat().st_size:,} bytes for 1,220 weights" in capsys.readouterr().out
    assert main(["expand", str(small), "-o", str(back)]) == 0
    with np.load(back) as found:
        assert list(found.files) == list(tensors)
        assert all(np.array_equal(found[name], tensor) for name, tensor in tensors.items())


def test_values_are_shared_in_kernels_and_zeros_stay(arrays, tmp_path):
    path, tensors = arrays
    assert main(["compress", str(path), "-o", str(tmp_path / "a.lkz"), "--values", "4"]) == 0
    found = lkz.read(tmp_path / "a.lkz")
    kernel = found["dense/kernel"]
    assert np.array_equal(kernel != 0, tensors["dense/kernel"] != 0) and len(np.unique(kernel)) == 5
    assert np.array_equal(found["dense/bias"], tensors["dense/bias"])


def test_a_keras_model_there_and_back(tmp_path):
    import tensorflow as tf

    inputs = tf.keras.Input((6,))
    hidden = tf.keras.layers.BatchNormalization(name="norm")(tf.keras.layers.Dense(4, name="first")(inputs))
    model = tf.keras.Model(inputs, tf.keras.layers.Dense(2, name="second")(hidden))
    model.save(tmp_path / "net.keras")
    small, back = tmp_path / "net.lkz", tmp_path / "back.keras"
    assert main(["compress", str(tmp_path / "net.keras"), "-o", str(small)]) == 0
    assert main(["expand", str(small), "-o", str(back), "--like", str(tmp_path / "net.keras")]) == 0
    x = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    assert np.array_equal(model(x), tf.keras.models.load_model(back, compile=False)(x))
    other = tf.keras.Sequential([tf.keras.layers.Input((6,)), tf.keras.layers.Dense(5, name="first")])
    other.save(tmp_path / "other.keras")
    assert main(["expand", str(small), "-o", str(back), "--like", str(tmp_path / "other.keras")]) == 1


@pytest.mark.parametrize(
    "words, said",
    [
        (["compress", "none.keras", "-o", "a.lkz"], "no file none.keras"),
        (["compress", "none.npz", "-o", "a.lkz"], "no file none.npz"),
        (["compress", "net.npz", "-o", "a.zip"], "ends in .lkz"),
        (["compress", "net.txt", "-o", "a.lkz"], ".keras, .h5 or .npz"),
        (["compress", "net.npz", "-o", "a.lkz", "--values", "0"], "1 to 65,536"),
        (["compress", "net.npz", "-o", "a.lkz", "--values", str(2**20)], "1 to 65,536"),
        (["compress", "objects.npz", "-o", "a.lkz"], "Cannot read objects.npz"),
        (["compress", "nan.npz", "-o", "a.lkz"], "NaN"),
        (["compress", "nan.npz", "-o", "a.lkz", "--values", "3"], "Tensor 'a' holds NaN"),
        (["compress", "broken.keras", "-o", "a.lkz"], "begins neither"),
        (["expand", "net.npz", "-o", "b.npz"], "not a .lkz file"),
        (["expand", "none.lkz", "-o", "b.npz"], "no file none.lkz"),
        (["expand", "none.lkz", "-o", "b.keras"], "--like MODEL"),
        (["expand", "none.lkz", "-o", "b.npz", "--like", "x.keras"], "--like MODEL"),
        (["expand", "none.lkz", "-o", "b.txt"], ".npz"),
    ],
)
def test_one_sentence_for_each_mistake(words, said, arrays, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.savez("objects.npz", a=np.array([{}], object))
    np.savez("nan.npz", a=np.array([[1, np.nan]], np.float32))
    (tmp_path / "broken.keras").write_bytes(b"nothing")
    assert main(words) in (1, 2)
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and error.startswith("labkit: ")
    assert not (tmp_path / "a.lkz").exists() and not (tmp_path / "b.npz").exists()


def test_a_fresh_process_decodes_the_same(arrays, tmp_path):
    path, tensors = arrays
    main(["compress", str(path), "-o", str(tmp_path / "a.lkz")])
    code = (
        "import sys; from labkit.methods import lkz; import numpy as np; np.savez(sys.argv[2], **lkz.read(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "a.lkz", tmp_path / "b.npz"], check=True)
    with np.load(tmp_path / "b.npz") as found:
        assert all(np.array_equal(found[name], tensor) for name, tensor in tensors.items())


def test_a_larger_file_says_so_and_why(tmp_path, capsys):
    np.savez(
        tmp_path / "a.npz", **{f"a_layer_with_a_long_name_{i}/kernel": np.array([0.1 * i], "f4") for i in range(9)}
    )
    assert main(["compress", str(tmp_path / "a.npz"), "-o", str(tmp_path / "a.lkz")]) == 0
    said = capsys.readouterr().out
    ratio = (tmp_path / "a.lkz").stat().st_size / 36
    assert f"{ratio:.2f} times larger than 4 bytes per weight, because names and shapes" in said


def test_float64_is_converted_and_told(tmp_path, capsys):
    np.savez(tmp_path / "a.npz", w=np.array([0.1, 0.5]), exact=np.array([0.25, 0.5]))
    assert main(["compress", str(tmp_path / "a.npz"), "-o", str(tmp_path / "a.lkz")]) == 0
    assert "Rounded to float32: w." in capsys.readouterr().out
    assert np.array_equal(lkz.read(tmp_path / "a.lkz")["w"], np.array([0.1, 0.5], np.float32))


@pytest.mark.parametrize(
    "array, said",
    [
        (np.zeros(3, "V2"), "most likely bfloat16"),
        (np.zeros(3, "V1"), "most likely float8"),
        (np.int64(100), "leave it out if it is not a weight (a step counter), or save it with"),
        (np.array([1e300]), "beyond float32's largest"),
        (np.array([np.inf], np.float32), "Tensor 'step' holds NaN or infinity"),
        (np.array([1j]), "dtype complex128"),
    ],
    ids=["bfloat16", "float8", "step counter", "too large", "infinity", "complex"],
)
def test_what_is_no_float_gets_the_remedy(tmp_path, capsys, array, said):
    np.savez(tmp_path / "a.npz", w=np.ones(3, np.float32), step=array)
    assert main(["compress", str(tmp_path / "a.npz"), "-o", str(tmp_path / "a.lkz")]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and not (tmp_path / "a.lkz").exists()


def test_suffixes_in_capitals(arrays, tmp_path):
    path, tensors = arrays
    path.rename(tmp_path / "POS.NPZ")
    assert main(["compress", str(tmp_path / "POS.NPZ"), "-o", str(tmp_path / "A.LKZ")]) == 0
    assert main(["expand", str(tmp_path / "A.LKZ"), "-o", str(tmp_path / "B.NPZ")]) == 0
    with np.load(tmp_path / "B.NPZ") as back:
        assert list(back.files) == list(tensors)


def test_a_symbolic_link_is_written_through(arrays, tmp_path):
    path, tensors = arrays
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "data.bin", tmp_path / "link.lkz"
    target.write_bytes(b"old")
    link.symlink_to(target)
    assert main(["compress", str(path), "-o", str(link)]) == 0
    assert link.is_symlink() and list(lkz.read(target)) == list(tensors)


def test_tensors_named_like_keywords_are_not_lost(tmp_path):
    tensors = {name: np.arange(1, 4, dtype=np.float32) for name in ("file", "allow_pickle", "args", "kwds")}
    lkz.write(tmp_path / "a.lkz", tensors)
    assert main(["expand", str(tmp_path / "a.lkz"), "-o", str(tmp_path / "a.npz")]) == 0
    with np.load(tmp_path / "a.npz") as back:
        assert set(back.files) == set(tensors)


def test_names_of_another_session_are_explained(tmp_path, capsys):
    import tensorflow as tf

    lkz.write(tmp_path / "a.lkz", {"dense_77/kernel": np.ones((6, 5), np.float32), "dense_77/bias": np.ones(5, "f4")})
    model = tf.keras.Sequential([tf.keras.layers.Input((6,)), tf.keras.layers.Dense(5, name="dense_3")])
    model.save(tmp_path / "m.keras")
    words = ["expand", str(tmp_path / "a.lkz"), "-o", str(tmp_path / "b.keras"), "--like", str(tmp_path / "m.keras")]
    assert main(words) == 1
    error = capsys.readouterr().err
    assert "'dense_3/kernel'" in error and "the file has 'dense_77/kernel'" in error and "numbered anew" in error
