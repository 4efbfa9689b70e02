"""labkit.base.places: the course is found from within it, and the variables win."""

from __future__ import annotations

import pytest

from labkit.base import places
from labkit.base.errors import LabkitError


@pytest.fixture
def toy(tmp_path):
    (tmp_path / "course" / "data").mkdir(parents=True)
    (tmp_path / "course" / "data" / "registry.toml").touch()
    (tmp_path / "course" / "work" / "deep").mkdir(parents=True)
    return tmp_path / "course"


def test_found_upwards_from_a_folder_inside(toy, monkeypatch):
    monkeypatch.delenv("LABKIT_HOME", raising=False)
    monkeypatch.chdir(toy / "work" / "deep")
    assert places.course() == toy.resolve()


def test_the_variable_wins(toy, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABKIT_HOME", str(toy))
    assert places.course() == toy.resolve()


def test_a_variable_that_names_no_course_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    with pytest.raises(LabkitError, match=r"No course found in .*: go to the folder that you cloned"):
        places.course()


def test_cache_and_records_follow_their_variables(monkeypatch, tmp_path):
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "c"))
    monkeypatch.setenv("LABKIT_STATE", str(tmp_path / "s"))
    assert places.cache() == tmp_path / "c"
    assert places.records() == tmp_path / "s"
    monkeypatch.delenv("LABKIT_CACHE")
    monkeypatch.delenv("LABKIT_STATE")
    assert places.cache().name in ("labkit", "Cache")
    assert "labkit" in str(places.records())


@pytest.fixture
def deleted(tmp_path, monkeypatch):
    """The working folder is one that was deleted."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    try:
        gone.rmdir()
    except OSError:
        pytest.skip("this system keeps a folder that somebody is in")
    yield
    monkeypatch.undo()


def test_a_deleted_working_folder_is_one_sentence(deleted, monkeypatch):
    monkeypatch.delenv("LABKIT_HOME", raising=False)
    with pytest.raises(LabkitError, match=r"cannot be read: go to the folder that you cloned") as raised:
        places.course()
    assert "\n" not in str(raised.value)


def test_the_variable_needs_no_working_folder(toy, deleted, monkeypatch):
    monkeypatch.setenv("LABKIT_HOME", str(toy))
    assert places.course() == toy.resolve()
