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
    with pytest.raises(LabkitError, match="a file has the name of the folder that is needed"):
        files.write(tmp_path / "build" / "report.html", "new")


@given(st.binary(max_size=256))
def test_sha256_of_bytes_and_of_a_file_is_hashlibs(tmp_path_factory, content):
    path = files.write(tmp_path_factory.mktemp("h") / "a", content)
    assert files.sha256(content) == files.sha256(path) == hashlib.sha256(content).hexdigest()


def test_reading_is_bounded_and_takes_regular_files_alone(tmp_path):
    path = files.write(tmp_path / "a", b"12345")
    assert files.read(path, 5, "a test file") == b"12345"
    os.mkfifo(tmp_path / "fifo")
    for other, said in (
        (path, "has 5 bytes, but a test file may have 4"),
        (tmp_path / "none", "There is no file .*: give the path of a test file"),
        (tmp_path, "not a regular file"),
        (tmp_path / "fifo", "not a regular file"),
        ("/dev/zero", "not a regular file"),
        ("a\0b", "Cannot read"),
    ):
        with pytest.raises(LabkitError, match=said):
            files.read(other, 4, "a test file")


def test_writing_goes_through_a_link_and_into_no_device(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)  # a link to a file that is not there yet
    files.write(link, b"new")
    assert link.is_symlink() and target.read_bytes() == b"new"
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(LabkitError, match="not a regular file"):
        files.write(tmp_path / "fifo", b"x")
