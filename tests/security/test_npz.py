"""``.npz`` files of others: whatever they say, arrays or one sentence, and never a pickle."""

from __future__ import annotations

import io
import os
import pickle
import threading
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labkit.base.errors import LabkitError
from labkit.cli.main import main
from labkit.methods import npz
from labkit.methods.tensor_limits import MOST_WEIGHTS


class LeavesAMark:
    """An object whose unpickling writes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def member(shape: str = "(3,)", descr: str = "'<f4'", content: bytes = bytes(12), order: str = "False") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + content


def archive(*members: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as target:
        for name, content in members:
            target.writestr(name, content)
    return buffer.getvalue()


def patched(content: bytes, local: int, central: int, value: bytes) -> bytes:
    """*content* with *value* at an offset of its one local header, and at another of its one central header."""
    changed = bytearray(content)
    for start in (local, content.index(b"PK\1\2") + central):
        changed[start : start + len(value)] = value
    return bytes(changed)


def saved(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def one_array() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ones(3))
    return buffer.getvalue()


ONE = archive(("a.npy", member()))
BAD = {
    "nothing": (b"", "no whole archive"),
    "another file": (b"\x89PNG" + bytes(100), "no whole archive"),
    "one array named .npz": (one_array(), r"one array without a name.*savez\('weights.npz', w=array\)"),
    "no arrays": (saved(), "no arrays"),
    "objects": (saved(a=np.array([{}], object)), "pickle"),
    "objects in fields": (archive(("a.npy", member("(1,)", "[('a', '<f4'), ('b', '|O')]"))), "pickle"),
    "declares 2**42": (archive(("a.npy", member("(4398046511104,)"))), "more weights than"),
    "declares 0 of 2**62": (archive(("a.npy", member("(0, 4611686018427387904)"))), "more weights than"),
    "negative": (archive(("a.npy", member("(-3,)"))), "negative"),
    "declares too little": (archive(("a.npy", member("(1,)"))), "should have 4 bytes and has 12"),
    "shape is no tuple": (archive(("a.npy", member("'x'"))), "header"),
    "header has no end": (archive(("a.npy", member("(((((("))), "header"),
    "member ends early": (archive(("a.npy", b"\x93NUMPY\1\0")), "damaged"),
    "header of 4 GB": (archive(("a.npy", b"\x93NUMPY\2\0\xff\xff\xff\xff" + bytes(20))), "damaged"),
    "no array": (archive(("a.txt", b"hello")), "not an array"),
    "a path": (archive(("../../../../tmp/evil.npy", member())), "is a path"),
    "no name": (archive((".npy", member())), "is empty"),
    "zero byte": (archive(("axb.npy", member())).replace(b"axb", b"a\0b"), "control character"),
    "encrypted": (patched(ONE, 6, 8, b"\1"), "encrypted"),
    "method 99": (patched(ONE, 8, 10, b"\x63"), "compression method 99"),
    "duplicate": (archive(("a.npy", member()), ("b.npy", member())).replace(b"b.npy", b"a.npy"), "two of its arrays"),
    "cut": (ONE[:-30], "no whole archive"),
    "bit flipped": (ONE.replace(bytes(12), bytes(11) + b"\1"), "damaged"),
}


@pytest.mark.parametrize("name", BAD)
def test_one_sentence_for(name, tmp_path, capsys):
    content, said = BAD[name]
    path = tmp_path / "w.npz"
    path.write_bytes(content)
    with pytest.raises(LabkitError, match=said) as caught:
        npz.read(path)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
    assert main(["compress", str(path), "-o", str(tmp_path / "w.lkz")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.startswith("labkit: ") and not (tmp_path / "w.lkz").exists()


def test_no_pickle_runs(tmp_path):
    mark = tmp_path / "mark"
    np.savez(tmp_path / "evil.npz", a=np.array([LeavesAMark(mark)], object))
    (tmp_path / "pure.npz").write_bytes(pickle.dumps(LeavesAMark(mark)))
    for name in ("evil.npz", "pure.npz"):
        assert main(["compress", str(tmp_path / name), "-o", str(tmp_path / "w.lkz")]) == 1
    assert not mark.exists()
    with np.load(tmp_path / "evil.npz", allow_pickle=True) as file:  # the mark that this test looks for can be left
        file["a"]
    assert mark.exists()


def test_a_bomb_is_refused_from_its_headers(tmp_path):
    """1.6 GB of zeros in 1.6 MB: neither the memory nor the seconds to unpack it."""
    header = member("(400000000,)", content=b"")
    with (
        zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as target,
        target.open("a.npy", "w", force_zip64=True) as file,
    ):
        file.write(header)
        for _ in range(1600):
            file.write(bytes(1_000_000))
    tracemalloc.start()
    start = time.process_time()
    with pytest.raises(LabkitError, match="more weights than"):
        npz.read(tmp_path / "bomb.npz")
    seconds, peak = time.process_time() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < 2 and peak < 10_000_000


def test_seventy_thousand_arrays_are_counted_first(tmp_path):
    (tmp_path / "many.npz").write_bytes(archive(*((f"a{i}.npy", b"") for i in range(70_000))))
    start = time.process_time()
    with pytest.raises(LabkitError, match="70,000 arrays, but only 4,096 are allowed"):
        npz.read(tmp_path / "many.npz")
    assert time.process_time() - start < 5


def test_a_fifo_is_not_waited_for(tmp_path):
    path = tmp_path / "fifo.npz"
    os.mkfifo(path)
    result: list[str] = []

    def attempt() -> None:
        try:
            npz.read(path)
        except LabkitError as error:
            result.append(str(error))

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(20)
    assert result and "not a regular file" in result[0]


def test_arrays_that_are_transposed_come_back(tmp_path):
    tensor = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    np.savez_compressed(tmp_path / "w.npz", a=tensor)
    back = npz.read(tmp_path / "w.npz")["a"]
    back[0, 0] = 7  # and may be written to
    assert np.array_equal(back[1], tensor[1])


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_the_bytes_say_reading_ends_with_arrays_or_a_sentence(data):
    content = bytearray(saved(a=np.ones((3, 4), np.float32), b=np.zeros(5)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        content = content or bytearray(b"\0")
    try:
        arrays = npz.unpack(bytes(content))
    except LabkitError as error:
        assert "\n" not in str(error)
    else:
        assert sum(array.size for array in arrays.values()) <= MOST_WEIGHTS


@settings(max_examples=150)
@given(
    st.text(max_size=30), st.sampled_from(["'<f4'", "'|O'", "'<f8'", "'|V2'", "[]", "'<U3'"]), st.binary(max_size=64)
)
def test_headers_made_up(shape, descr, content):
    try:
        npz.unpack(archive(("a.npy", member(shape.replace("\n", ""), descr, content))))
    except LabkitError as error:
        assert "\n" not in str(error)
