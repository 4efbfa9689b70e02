from __future__ import annotations

import gzip
import hashlib
import io
import os
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from labkit.assets import data, download, registry
from labkit.base.errors import LabkitError, UsageError


def test_fashion_mnist_is_complete_split_and_fast():
    began = time.perf_counter()
    images = data.load("fashion_mnist")
    assert time.perf_counter() - began < 5  # 0.3 s on an idle machine
    assert images.train.x.shape == (55_000, 28, 28) and images.train.y.shape == (55_000,)
    assert images.validation.x.shape == (5_000, 28, 28) and images.test.x.shape == (10_000, 28, 28)
    assert {split.x.dtype for split in images[1:4]} == {np.dtype(np.uint8)}
    whole = np.concatenate([images.train.y, images.validation.y])
    assert np.bincount(whole).tolist() == [6_000] * 10 and np.bincount(images.test.y).tolist() == [1_000] * 10
    assert images.classes[9] == "Ankle boot"
    with pytest.raises(ValueError, match="read-only"):
        images.train.x[0] = 0


def test_the_official_files_differ_from_the_embedded_in_the_gzip_header_alone():
    """Give the embedded files the header (name, date) that the official ones carry: the official checksums result."""
    entry = registry.entry("fashion_mnist")
    for file in entry.files:
        content = data.find(entry, file).content
        stamp = 1_504_176_627 if file.name.startswith("t10k") else 1_504_176_606  # 31 August 2017
        header = b"\x1f\x8b\x08\x08" + stamp.to_bytes(4, "little") + b"\x00\x03" + file.name[:-3].encode() + b"\0"
        official = header + content[10:]
        assert hashlib.sha256(official).hexdigest() == file.accepted[0].sha256
        assert len(official) == file.accepted[0].bytes


def test_mnist_where_it_is_at_hand(idx):
    entry = registry.entry("mnist")
    if data.look(entry, entry.files[0]) is None:
        pytest.skip("mnist.npz is not here")
    images = data.load("mnist")
    assert images.train.x.shape == (55_000, 28, 28) and images.test.y.shape == (10_000,)
    md5 = hashlib.md5(idx(images.test.x)).hexdigest()  # the official test images as an idx file
    assert md5 == "2646ac647ad5339dbf082846283269ea"


def test_the_validation_images_are_the_last_of_the_training_images(tiny):
    tiny.put(tiny.home / "data" / "tiny")
    images = data.load("tiny")
    assert np.array_equal(images.train.x, tiny.arrays["train_images"][:5])
    assert np.array_equal(images.validation.x, tiny.arrays["train_images"][5:])
    assert np.array_equal(images.validation.y, tiny.arrays["train_labels"][5:])
    assert np.array_equal(images.test.x, tiny.arrays["test_images"])


def test_the_folders_are_asked_in_order(tiny, tmp_path, monkeypatch):
    entry = registry.entry("tiny")
    first, second = tmp_path / "first", tmp_path / "second"
    monkeypatch.setenv("LABKIT_DATA", os.pathsep.join([str(first), "", str(second)]))

    def where():
        return data.find(entry, entry.files[0]).path.parent

    for folder in (
        tiny.cache / "data" / "tiny",
        second,
        second / "tiny",
        first,
        tiny.home / "data",
        tiny.home / "data" / "tiny",
    ):
        assert data.look(entry, entry.files[0]) is None or where() != folder
        tiny.put(folder)
        assert where() == folder


def test_a_wrong_checksum_never_loads(tiny, idx):
    folder = tiny.put(tiny.home / "data" / "tiny")
    wrong = tiny.arrays["test_labels"] ^ 1
    (folder / "test_labels.gz").write_bytes(gzip.compress(idx(wrong) + bytes(40), mtime=0))
    with pytest.raises(LabkitError, match=r"wrong checksum .* delete it .* 'labkit data get tiny'\.$"):
        data.load("tiny")
    tiny.put(tiny.cache / "data" / "tiny")  # a good one further on serves
    assert np.array_equal(data.load("tiny").test.y, tiny.arrays["test_labels"])


def test_a_truncated_file_is_named_with_its_length(tiny):
    folder = tiny.put(tiny.home / "data" / "tiny")
    content = tiny.contents["train_images"]
    (folder / "train_images.gz").write_bytes(content[:50])
    with pytest.raises(LabkitError, match=rf"train_images\.gz is truncated \(50 of {len(content)} bytes\): delete it"):
        data.load("tiny")


def test_no_network_and_nothing_here_says_which_file_from_where_and_whereto(tiny):
    with pytest.raises(LabkitError) as caught:
        data.load("tiny")
    message = str(caught.value)
    assert message.count("\n") == 0 and message.endswith(".")
    for part in ("_images.gz", "http://127.0.0.1:1/", str(tiny.home / "data" / "tiny"), "LABKIT_DATA", "no network"):
        assert part in message


def test_a_read_only_cache_is_one_sentence(tiny, monkeypatch):
    tiny.cache.write_text("a file where a folder is wanted")
    with pytest.raises(LabkitError, match="a file has the name of the folder that is needed"):
        data.load("tiny")


def test_loading_asks_the_network_for_nothing_when_the_files_are_here(tiny, monkeypatch):
    monkeypatch.setattr(download, "fetch", lambda *_, **__: pytest.fail("asked the network"))
    tiny.put(tiny.cache / "data" / "tiny")
    data.load("tiny")


def test_the_registry_and_the_files_must_agree(tiny):
    tiny.put(tiny.home / "data" / "tiny")
    text = registry.path().read_text().replace("train = 7", "train = 8")
    registry.path().write_text(text)
    registry._read.cache_clear()
    with pytest.raises(LabkitError, match="the registry says 8"):
        data.load("tiny")


def test_an_unknown_set(tiny):
    with pytest.raises(UsageError, match="did you mean tiny"):
        data.load("tinny")


@given(st_numpy.arrays(np.uint8, st_numpy.array_shapes(min_dims=1, max_dims=3, max_side=6)), st.booleans())
def test_idx_is_read_back(idx, array, packed):
    content = idx(array)
    assert np.array_equal(data.read_idx(gzip.compress(content) if packed else content, "x"), array)


@given(st.binary(max_size=60))
def test_other_files_are_refused_as_idx_in_one_sentence(content):
    try:
        data.read_idx(content, "x.gz")
    except LabkitError as error:
        assert "get it again" in str(error)


@pytest.mark.parametrize("cut", [3, 9, 20])
def test_truncated_idx(idx, cut):
    content = idx(np.zeros((3, 4, 4), np.uint8))
    with pytest.raises(LabkitError):
        data.read_idx(content[:cut], "x")
    with pytest.raises(LabkitError):
        data.read_idx(gzip.compress(content)[:cut], "x")


def test_npz_is_read_and_anything_else_refused():
    arrays = {
        "x_train": np.zeros((3, 2, 2), np.uint8),
        "y_train": np.arange(3),
        "x_test": np.ones((1, 2, 2), np.uint8),
        "y_test": np.zeros(1, np.uint8),
    }
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    x, y, x_test, _ = data.read_npz(buffer.getvalue(), "m.npz")
    assert y.dtype == np.uint8 and x.shape == (3, 2, 2) and x_test.all()
    for bad in (b"", b"PK\3\4 rubbish", buffer.getvalue()[:200]):
        with pytest.raises(LabkitError, match=r"m\.npz is not an \.npz of images"):
            data.read_npz(bad, "m.npz")


@given(st_numpy.arrays(np.uint8, (3, 28, 28)))
def test_as_input_scales_to_zero_to_one_exactly(x):
    scaled = data.as_input(x)
    assert scaled.dtype == np.float32 and scaled.shape == (3, 28, 28, 1)
    assert np.array_equal(np.round(scaled[..., 0] * 255), x) and scaled.min() >= 0 and scaled.max() <= 1


def test_the_checksum_depends_on_every_image_and_label(tiny):
    tiny.put(tiny.home / "data" / "tiny")
    images = data.load("tiny")
    other = images._replace(test=data.Split(images.test.x, images.test.y ^ np.uint8(1)))
    assert data.checksum(images) == data.checksum(data.load("tiny")) != data.checksum(other)
