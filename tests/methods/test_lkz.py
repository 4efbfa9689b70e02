"""The file format .lkz: exact round trips, and a sentence for everything that is no such file."""

from __future__ import annotations

import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from labkit.base.errors import LabkitError, UsageError
from labkit.methods import lkz
from labkit.methods.lkz.header import varint
from labkit.methods.tensor_limits import MOST_WEIGHTS, name_problem


def small() -> dict[str, np.ndarray]:
    """A network of two layers with every kind of tensor: masked and shared, full, all zero, verbatim."""
    rng = np.random.default_rng(52)
    kernel = rng.choice(np.array([-0.5, 0.25, 0.75], np.float32), (12, 6)) * (rng.random((12, 6)) < 0.3)
    return {
        "dense/kernel": kernel.astype(np.float32),
        "dense/bias": np.zeros(6, np.float32),
        "logits/kernel": rng.normal(size=(6, 3)).astype(np.float32),
        "logits/bias": np.array([0.5, 0.0, 0.5], np.float32),
    }


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    """Equal names in order, shapes and bits (−0.0 is 0.0)."""
    return list(a) == list(b) and all(
        a[k].shape == b[k].shape
        and b[k].dtype == np.float32
        and np.array_equal((a[k] + 0.0).view("u4"), b[k].view("u4"))
        for k in a
    )


def sealed(body: bytes) -> bytes:
    """*body* (all but magic, version and checksum) as a file whose checksum is right."""
    data = lkz.MAGIC + bytes([lkz.VERSION]) + body
    return data + zlib.crc32(data).to_bytes(4, "little")


def one_sentence(error: BaseException) -> bool:
    text = str(error)
    return text.endswith((".", ".)")) and "\n" not in text and len(text) < 250


floats32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
few = st.sampled_from([0.0, 0.0, 0.0, 1.0, -0.5, 3.0e-3])
shapes = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9)
tensors = st.one_of(
    arrays.arrays(np.float32, shapes, elements=floats32), arrays.arrays(np.float32, shapes, elements=few)
)
names = st.text(min_size=1, max_size=12).filter(lambda name: name_problem(name) is None)
networks = st.dictionaries(names, tensors, max_size=5)


@settings(max_examples=150)
@given(networks)
def test_what_is_written_is_read_again_bit_for_bit(network):
    assert same(network, lkz.unpack(lkz.pack(network)))


@pytest.mark.parametrize(
    "tensor",
    [
        np.zeros((30, 20)),
        np.ones((1, 1)),
        np.zeros(1),
        np.float32(7.5),
        np.zeros((0, 5)),
        np.eye(40),
        np.r_[np.ones(299), np.zeros(1)],
        np.where(np.arange(4000).reshape(2000, 2) % 7 == 0, 0.5, 0),
        np.where(np.arange(4000).reshape(2, 2000) == 3999, 0.5, 0),
        np.random.default_rng(0).normal(size=(300, 7)),
        np.random.default_rng(1).normal(size=(3, 3, 8, 16)).astype(np.float16),
    ],
    ids=["zeros", "one", "one zero", "scalar", "empty", "diagonal", "bias", "tall", "wide", "dense", "float16 filters"],
)
def test_round_trips_of_odd_tensors(tensor):
    network = {"t": np.asarray(tensor, np.float32)}
    assert same(network, lkz.unpack(lkz.pack(network)))


@pytest.mark.parametrize("density", [0.001, 0.08, 0.5, 0.97])
def test_a_random_mask_comes_near_its_entropy(density):
    """Where nothing is to be learned: 2 % above H(p), and a byte for each column's count, which then tells nothing."""
    rng = np.random.default_rng(3)
    mask = rng.random((500, 400)) < density
    share = mask.mean()
    entropy = -(share * np.log2(share) + (1 - share) * np.log2(1 - share)) * mask.size / 8
    assert len(lkz.pack({"m": mask.astype(np.float32)})) < 1.02 * entropy + 400 + 40


def test_rows_and_columns_of_unlike_density_cost_less_than_the_entropy():
    rng = np.random.default_rng(4)
    mask = rng.random((784, 300)) < np.outer(np.linspace(0, 1, 784) ** 3, np.linspace(0, 1, 300) ** 2)
    share = mask.mean()
    entropy = -(share * np.log2(share) + (1 - share) * np.log2(1 - share)) * mask.size / 8
    assert len(lkz.pack({"m": mask.astype(np.float32)})) < 0.75 * entropy


def test_the_account_adds_up():
    rows, size = lkz.account(small()), len(lkz.pack(small()))
    parts = sum(row.header + row.mask + row.indices + row.values for row in rows)
    assert 8 <= size - parts <= 20
    assert [row.kept for row in rows] == [int(np.count_nonzero(t)) for t in small().values()]


def test_the_parts_of_a_file_are_all_of_it():
    parts, size = lkz.parts(small()), len(lkz.pack(small()))
    assert list(parts) == ["mask", "indices", "values", "header", "biases", "own"]
    assert sum(parts.values()) == pytest.approx(size) and 8 <= parts["own"] <= 20 and min(parts.values()) >= 0


@pytest.mark.parametrize(
    "tensor, said",
    [
        (np.array([1.0, np.nan], np.float32), "NaN"),
        (np.array([np.inf], np.float32), "infinity"),
        (np.arange(3), "dtype int64"),
        (np.array(["a"]), "dtype"),
        (np.array([None]), "dtype object"),
        (np.array([0.1]), "float32"),
        (np.array([1e300]), "float32"),
        (np.zeros((1,) * 9, np.float32), "9 axes"),
    ],
)
def test_what_a_file_cannot_hold(tensor, said):
    with pytest.raises(UsageError, match=said) as caught:
        lkz.pack({"layer": tensor})
    assert one_sentence(caught.value) and "'layer'" in str(caught.value)


def test_names_and_sizes_have_limits():
    with pytest.raises(UsageError, match="name"):
        lkz.pack({"": np.zeros(1, np.float32)})
    with pytest.raises(UsageError, match="name"):
        lkz.pack({"x" * 256: np.zeros(1, np.float32)})
    with pytest.raises(UsageError, match="more weights"):
        lkz.pack({"x": np.zeros((0, 2**20, 2**20), np.float32)})
    huge = np.broadcast_to(np.float32(0), (MOST_WEIGHTS + 1,))
    with pytest.raises(UsageError, match="several files"):
        lkz.pack({"x": huge})


def test_every_flipped_byte_is_found():
    data = lkz.pack(small())
    assert len(data) < 400
    for at in range(len(data)):
        for flip in (1, 128, 255):
            broken = data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]
            with pytest.raises(LabkitError) as caught:
                lkz.unpack(broken)
            assert one_sentence(caught.value), str(caught.value)


def test_every_truncation_and_every_addition_is_found():
    data = lkz.pack(small())
    for end in range(len(data)):
        with pytest.raises(LabkitError) as caught:
            lkz.unpack(data[:end])
        assert one_sentence(caught.value)
    with pytest.raises(LabkitError, match="checksum"):
        lkz.unpack(data + b"\0")
    body = data[4:-4]
    with pytest.raises(LabkitError, match=r"follows|words"):
        lkz.unpack(sealed(body + bytes(range(1, 65))))


def test_a_later_version_and_another_file():
    data = lkz.pack(small())
    with pytest.raises(LabkitError, match=r"version 2.*update labkit") as caught:
        lkz.unpack(data[:3] + b"\2" + data[4:])
    assert one_sentence(caught.value)
    for other in (b"", b"PK\3\4" + bytes(100), b"\x80\x04\x95", np.random.default_rng(0).bytes(1000)):
        with pytest.raises(LabkitError, match=r"not a \.lkz file"):
            lkz.unpack(other)


def head(name: bytes = b"t", shape: tuple[int, ...] = (4, 4), flags: int = 1, rest: bytes = b"") -> bytes:
    return bytes([0, len(name)]) + name + bytes([len(shape)]) + b"".join(map(varint, shape)) + bytes([flags]) + rest


@pytest.mark.parametrize(
    "body",
    [
        varint(2**32),
        varint(1) + head(shape=(2**25, 2)),
        varint(1) + head(shape=(2**24, 2**24)),
        varint(1) + head(shape=(0, 2**25, 2**25, 2**25)),
        varint(1) + head(b"../evil", (1,)),
        varint(1) + head(b"a\0b", (1,)),
        varint(1) + head(b"", (1,)),
        varint(1) + head(shape=(2**34,)),
        varint(2) + head(b"a", (2**24,)) + head(b"b", (2**24 + 1,)),
        varint(4096) + head(b"a", (2**25,)) * 4096,
        varint(1) + head(shape=(1,) * 9),
        varint(1) + b"\0\xff" + bytes(20),
        varint(1) + b"\x09\x01a" + bytes(20),
        varint(1) + head(b"\xff\xfe"),
        varint(2) + head(b"a") + head(b"a"),
        varint(1) + head(flags=3),
        varint(1) + head(flags=16),
        varint(1) + head(flags=9),
        varint(1) + head(flags=0),
        varint(1) + head(flags=8, rest=varint(0)),
        varint(1) + head(flags=8, rest=varint(17)),
        varint(1) + head(flags=8, rest=varint(2**30)),
        varint(1) + head(shape=(1,), flags=8, rest=varint(1) + b"\0\0\xc0\x7f\1"),
        varint(1) + head(shape=(1,), flags=8, rest=varint(1) + b"\0\0\x80\x3f\0"),
        varint(1) + head(shape=(2**25,), flags=0, rest=bytes(99)),
        varint(1) + head(flags=2, rest=varint(0) + varint(0) + b"\1"),
        varint(1) + head(flags=2, rest=varint(17) + varint(0) + b"\1"),
        varint(1) + head(flags=2, rest=varint(3) + varint(9) + b"\1" + bytes(12)),
        varint(1) + head(flags=2, rest=varint(3) + varint(0) + b"\0" + bytes(12)),
        varint(1) + head(flags=2, rest=varint(3) + varint(0) + b"\x40" + bytes(12)),
        varint(1) + b"\x80\x80\x80",
        b"",
    ],
)
def test_sizes_made_up_are_refused_before_memory_is_taken(body):
    """The checksum is right; what the file says is not."""
    tracemalloc.start()
    try:
        with pytest.raises(LabkitError) as caught:
            lkz.unpack(sealed(body))
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    assert one_sentence(caught.value), str(caught.value)


@settings(max_examples=400)
@given(st.data())
def test_whatever_the_bytes_say_reading_ends_with_tensors_or_a_sentence(data):
    """Changed anywhere and sealed again, so that no checksum helps: no crash, and no more memory than weights allow."""
    body = bytearray(lkz.pack(small())[4:-4])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
        body = body or bytearray(b"\0")
    try:
        found = lkz.unpack(sealed(bytes(body)))
    except LabkitError as error:
        assert one_sentence(error)
    else:
        assert sum(tensor.size for tensor in found.values()) <= MOST_WEIGHTS


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_random_bytes_with_a_right_checksum(body):
    try:
        lkz.unpack(sealed(body))
    except LabkitError as error:
        assert one_sentence(error)


def test_files(tmp_path):
    path = tmp_path / "net.lkz"
    assert lkz.write(path, small()) == path.stat().st_size == len(lkz.pack(small()))
    assert same(small(), lkz.read(path))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(LabkitError, match=r"net\.lkz.*checksum"):
        lkz.read(path)
    with pytest.raises(LabkitError, match="There is no file"):
        lkz.read(tmp_path / "none.lkz")
    with pytest.raises(LabkitError, match="not a regular file"):
        lkz.read(tmp_path)
