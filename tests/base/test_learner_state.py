"""What the machine remembers of its learner: a memory that cannot be kept costs nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit.base import learner_state
from labkit.base.errors import LabkitError


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LABKIT_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def test_memory(state: Path) -> None:
    learner_state.remember("predictions.json", "31", "31.p", "few")
    learner_state.remember("predictions.json", "40", "40.p", None)
    assert learner_state.recall("predictions.json") == {"31": {"31.p": "few"}, "40": {"40.p": None}}


def test_a_check_keeps_its_first_day(state: Path) -> None:
    learner_state.remember("progress.json", "31", "31.1", "2020-01-01")
    learner_state.remember_check("31", "31.1")
    learner_state.remember_check("31", "31.2")
    kept = learner_state.recall("progress.json")["31"]
    assert kept["31.1"] == "2020-01-01" and kept["31.2"] > "2020"


@pytest.mark.parametrize("content", ["", "{", "[1]", '"x"'])
def test_a_damaged_memory_is_an_empty_one(state: Path, content: str) -> None:
    state.mkdir()
    (state / "progress.json").write_text(content)
    assert learner_state.recall("progress.json") == {}
    learner_state.remember_check("31", "31.1")
    assert "31.1" in learner_state.recall("progress.json")["31"]


def test_a_lesson_damaged_in_memory_costs_nothing(state: Path) -> None:
    state.mkdir()
    (state / "progress.json").write_text('{"31": 5, "40": {"40.1": "2020-01-01"}}')  # edited by hand
    learner_state.remember_check("31", "31.1")
    assert set(learner_state.recall("progress.json")) == {"31", "40"}


def test_a_home_that_cannot_be_written_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LABKIT_STATE", str(tmp_path / "file" / "state"))  # no folder can be made below a file
    learner_state.remember_check("31", "31.1")
    assert learner_state.recall("progress.json") == {}


def test_a_full_disk_costs_nothing(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise LabkitError("no room: make some.")

    monkeypatch.setattr("labkit.base.files.write", full)
    learner_state.remember("predictions.json", "31", "31.p", "few")
    assert learner_state.recall("predictions.json") == {}
