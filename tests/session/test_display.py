"""Records: what a page emits is what the report reads, and a memory that cannot be kept costs nothing."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import numpy as np
import pytest

from labkit.base.errors import LabkitError
from labkit.session import record

CELLS = [
    'from labkit import start\nlab = start("99", seed=3)',
    'lab.claim("One is one", 1, equals=1, holds="always")\n'
    'lab.predict("99.p", "Heads?", ["heads", "tails"], guess="tails")\nlab.answer("99.p", "tails")',
    'lab.table([{"a": 1, "b": float("nan")}])\nlab.finish("**Done.**")',
]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LABKIT_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def test_a_round_trip_through_a_notebook(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbclient import NotebookClient

    monkeypatch.setenv("LABKIT_PROFILE", "fast")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    found = record.events(json.loads(nbformat.writes(notebook)))
    assert [event["kind"] for event in found] == ["start", "claim", "prediction", "answer", "table", "finish"]
    start, claim, prediction, answer, _, finish = found
    assert {event["schema"] for event in found} == {1} and {event["lesson"] for event in found} == {"99"}
    assert (start["profile"], start["seed"], start["title"]) == ("fast", 3, "") and start["versions"]["numpy"]
    assert (claim["status"], claim["value"], claim["relation"]) == ("held", 1.0, "= 1")
    assert (prediction["guess"], answer["guess"], answer["actual"]) == ("tails", "tails", "tails")
    assert finish["text"] == "**Done.**" and finish["elapsed_s"] >= 0
    data = [output["data"] for cell in notebook.cells for output in cell.outputs]
    assert all({"text/plain"} <= set(each) for each in data)  # whoever cannot read the record still sees the words
    assert not [output for cell in notebook.cells for output in cell.outputs if output.get("name") == "stderr"]


def test_only_this_schema_is_read() -> None:
    outputs = [
        {"data": {record.MIME: {"schema": 1, "kind": "claim"}}},
        {"data": {record.MIME: {"schema": 2, "kind": "claim"}}},
        {"data": {record.MIME: "text"}},
        {"data": {"text/plain": "x"}},
        {"output_type": "stream", "text": "x"},
    ]
    assert record.events({"cells": [{"outputs": outputs}, {"cell_type": "markdown"}]}) == [
        {"schema": 1, "kind": "claim"}
    ]
    assert record.events({}) == []


def test_outside_a_notebook_it_prints(capsys: pytest.CaptureFixture[str]) -> None:
    record.emit({"kind": "x"}, "<b>page</b>", "words")
    assert capsys.readouterr().out == "words\n"


def test_what_is_emitted_is_json() -> None:
    event = {"a": np.float32(0.5), "b": [np.int64(3), float("inf")], "c": (1, None), "d": Path("x"), 5: np.bool_(True)}
    plain = record._plain(event)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain == {"a": 0.5, "b": [3, None], "c": [1, None], "d": "x", "5": True}


def test_memory(state: Path) -> None:
    record.remember("predictions.json", "31", "31.p", "few")
    record.remember("predictions.json", "40", "40.p", None)
    assert record.recall("predictions.json") == {"31": {"31.p": "few"}, "40": {"40.p": None}}


def test_a_check_keeps_its_first_day(state: Path) -> None:
    record.remember("progress.json", "31", "31.1", "2020-01-01")
    record.remember_check("31", "31.1")
    record.remember_check("31", "31.2")
    kept = record.recall("progress.json")["31"]
    assert kept["31.1"] == "2020-01-01" and kept["31.2"] > "2020"


@pytest.mark.parametrize("content", ["", "{", "[1]", '"x"'])
def test_a_damaged_memory_is_an_empty_one(state: Path, content: str) -> None:
    state.mkdir()
    (state / "progress.json").write_text(content)
    assert record.recall("progress.json") == {}
    record.remember_check("31", "31.1")
    assert "31.1" in record.recall("progress.json")["31"]


def test_a_lesson_damaged_in_memory_costs_nothing(state: Path) -> None:
    state.mkdir()
    (state / "progress.json").write_text('{"31": 5, "40": {"40.1": "2020-01-01"}}')  # edited by hand
    record.remember_check("31", "31.1")
    assert set(record.recall("progress.json")) == {"31", "40"}


def test_a_home_that_cannot_be_written_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LABKIT_STATE", str(tmp_path / "file" / "state"))  # no folder can be made below a file
    record.remember_check("31", "31.1")
    assert record.recall("progress.json") == {}


def test_a_full_disk_costs_nothing(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise LabkitError("no room: make some.")

    monkeypatch.setattr("labkit.base.files.write", full)
    record.remember("predictions.json", "31", "31.p", "few")
    assert record.recall("predictions.json") == {}
