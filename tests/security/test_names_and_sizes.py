"""One rule for the names and sizes of tensors, whatever file holds them."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.base.errors import UsageError
from labkit.methods import lkz, npz
from labkit.methods.tensor_limits import LONGEST_NAME, MOST_WEIGHTS, name_problem, shape_problem

HOSTILE = [
    "",
    "a\0b",
    "../../../../tmp/evil",
    "a/../b",
    "/abs",
    "a//b",
    "a/",
    "./a",
    "C:/x",
    "C:x",
    "a\\b",
    "\\\\server\\share",
    "a\nb",
    "a\x7f",
    "\x85",
    "\u2028",
    "\ud800",
    "é" * 128,
    "x" * 256,
]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_hostile_name_is_refused_in_every_file(name, tmp_path):
    assert name_problem(name) is not None
    for write in (lkz.write, npz.write):
        with pytest.raises(UsageError, match="name") as caught:
            write(tmp_path / "file", {name: np.ones(2, np.float32)})
        assert str(caught.value).isprintable() and len(str(caught.value)) < 250
        assert not (tmp_path / "file").exists()


@pytest.mark.parametrize(
    "name", ["file", "allow_pickle", "dense_1/kernel", "a/b/c", "tf.math.multiply", "ü", "x" * 255]
)
def test_a_name_that_is_allowed_comes_back_from_every_file(name, tmp_path):
    tensors = {name: np.arange(1, 4, dtype=np.float32), "other": np.zeros((2, 2), np.float32)}
    npz.write(tmp_path / "a.npz", tensors)
    lkz.write(tmp_path / "a.lkz", tensors)
    with np.load(tmp_path / "a.npz") as by_numpy:
        for result in (by_numpy, npz.read(tmp_path / "a.npz"), lkz.read(tmp_path / "a.lkz")):
            assert list(result) == list(tensors)
            assert all(np.array_equal(result[key], tensors[key]) for key in tensors)


@given(st.text(max_size=40))
def test_a_name_that_is_allowed_stays_inside_its_folder(name):
    if name_problem(name) is not None:
        return
    for flavour in (PurePosixPath, PureWindowsPath):
        path = flavour(name)
        assert not path.is_absolute() and not path.drive and ".." not in path.parts
    assert 0 < len(name.encode()) <= LONGEST_NAME and "\0" not in name


@given(st.lists(st.integers(0, 2**40), max_size=8))
def test_a_shape_that_is_allowed_can_be_made(shape):
    if shape_problem(shape) is None:
        assert np.empty(shape, np.uint8).size <= MOST_WEIGHTS
    else:
        assert max(shape) > 2


def test_an_empty_axis_hides_nothing():
    assert shape_problem((0, 2**25, 2**25, 2**25)) is not None
    assert shape_problem((0, 5)) is None and shape_problem(()) is None
    assert shape_problem((1,) * 9) is not None and shape_problem((-1, 2)) is not None
