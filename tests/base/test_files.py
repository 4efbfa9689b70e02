"""labkit.base.files: a file is there whole, or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.base import files
from labkit.base.errors import LabkitError


@given(st.one_of(st.binary(max_size=64), st.text(st.characters(exclude_categories=["Cs"]), max_size=64)))
def test_what_is_written_is_what_is_read(tmp_path_factory, content):
    path = files.write(tmp_path_factory.mktemp("w") / "new" / "file.txt", content)
    assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert list(path.parent.iterdir()) == [path]


def test_mode_is_that_of_an_ordinary_file(tmp_path):
    mask = os.umask(0o022)
    try:
        path = files.write(tmp_path / "a", b"1")
    finally:
        os.umask(mask)
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_failure_inside_leaves_the_old_file_and_no_other(tmp_path):
    path = files.write(tmp_path / "a", "old")
    with pytest.raises(ZeroDivisionError), files.writing(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_is_one_sentence_and_keeps_the_old_file(tmp_path, monkeypatch, code):
    path = files.write(tmp_path / "a", "old")

    def full(self, data):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(LabkitError, match=r"^Cannot write .*a: the disk .*choose a.*\.$") as raised:
        files.write(path, "new")
    assert isinstance(raised.value.__cause__, OSError)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.EROFS, "read-only"), (errno.EACCES, "may not be written to"), (errno.EIO, "Input/output")],
)
def test_read_only_folder_is_one_sentence(tmp_path, monkeypatch, code, words):
    def refuse(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.tempfile, "mkstemp", refuse)
    with pytest.raises(LabkitError, match=words):
        files.write(tmp_path / "a", "new")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_a_folder_is_one_sentence(tmp_path):
    (tmp_path / "build").write_text("a file")
    with pytest.raises(LabkitError, match="a file stands where a folder is wanted"):
        files.write(tmp_path / "build" / "report.html", "new")


@given(st.binary(max_size=256))
def test_sha256_of_bytes_and_of_a_file_is_hashlibs(tmp_path_factory, content):
    path = files.write(tmp_path_factory.mktemp("h") / "a", content)
    assert files.sha256(content) == files.sha256(path) == hashlib.sha256(content).hexdigest()
