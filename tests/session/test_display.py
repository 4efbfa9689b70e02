"""What a page emits is what the report reads."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import numpy as np
import pytest

from labkit.base.errors import LabkitError
from labkit.session import display, events

CELLS = [
    'from labkit import start\nlab = start("99", seed=3)',
    'lab.claim("99.one", "One is one", 1, equals=1, holds="always")\n'
    'lab.predict("99.p", "Heads?", ["heads", "tails"], guess="tails")\nlab.answer("99.p", "tails")',
    'lab.table([{"a": 1, "b": float("nan")}])\nlab.finish("**Done.**")',
]


def test_a_round_trip_through_a_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbclient import NotebookClient

    monkeypatch.setenv("LABKIT_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("LABKIT_PROFILE", "fast")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    records, problems = events.read(json.loads(nbformat.writes(notebook)))
    assert not problems
    start, claim, prediction, answer, table, finish = records
    assert isinstance(start, events.Start) and isinstance(claim, events.Claim)
    assert isinstance(prediction, events.Prediction) and isinstance(answer, events.Answer)
    assert isinstance(table, events.Table) and isinstance(finish, events.Finish)
    assert {event.lesson for event in records} == {"99"}
    assert (start.profile, start.seed, start.title) == ("fast", 3, "") and start.versions["numpy"]
    assert (claim.id, claim.status, claim.value, claim.relation) == ("99.one", "held", 1.0, "= 1")
    assert (prediction.guess, answer.guess, answer.actual) == ("tails", "tails", "tails")
    assert finish.text == "**Done.**" and finish.elapsed_s >= 0
    assert finish.cpu_s > 0.1  # the kernel's imports count: this is its first page
    data = [output["data"] for cell in notebook.cells for output in cell.outputs]
    assert all({"text/plain"} <= set(each) for each in data)  # whoever cannot read the record still sees the words
    assert not [output for cell in notebook.cells for output in cell.outputs if output.get("name") == "stderr"]


CLAIM = events.Claim("31", "31.loss", "Accuracy lost", 0.01, "at_most", "≤ 0.02", "points", None, True, True)


def test_records_that_are_none_are_named_and_the_others_read() -> None:
    outputs = [
        {"data": {events.MIME: CLAIM.to_dict() | {"schema": 1}}},
        {"data": {events.MIME: CLAIM.to_dict()}},
        {"data": {events.MIME: "text"}},
        {"data": {"text/plain": "x"}},
        {"output_type": "stream", "text": "x"},
    ]
    records, problems = events.read({"cells": [{"outputs": outputs}, {"cell_type": "markdown"}]})
    assert records == [CLAIM]
    assert problems == [
        "Cell 1: A record has schema 1; this version reads schema 2.",
        "Cell 1: A record is not a JSON object.",
    ]
    assert events.read({}) == ([], ["This is not a notebook in nbformat 4: it has no list of cells."])


def test_outside_a_notebook_it_prints(capsys: pytest.CaptureFixture[str]) -> None:
    display.emit(CLAIM, "<b>page</b>", "words")
    assert capsys.readouterr().out == "words\n"


def test_what_is_emitted_is_json() -> None:
    parameters = {
        "a": np.float32(0.5),
        "b": [np.int64(3), float("inf")],
        "c": (1, None),
        "d": Path("x"),
        "e": np.bool_(1),
    }
    start = events.Start("31", "T", "fast", "student", 0, parameters, True, {}, "A CPU", 2, "2026-01-02", None)
    record = start.to_dict()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["parameters"] == {"a": 0.5, "b": [3, None], "c": [1, None], "d": "x", "e": True}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"value": "much"}, "'value' of a claim event"),
        ({"value": float("nan")}, "'value' of a claim event"),
        ({"held": 1}, "'held' of a claim event"),
        ({"text": "x" * 20_001}, "'text' of a claim event"),
        ({"kind": "claims"}, "unknown kind 'claims'"),
        ({"kind": ["claim"]}, "unknown kind"),
    ],
)
def test_a_record_that_does_not_fit_is_refused(change: dict, reason: str) -> None:
    with pytest.raises(LabkitError, match=reason):
        events.event_of(CLAIM.to_dict() | change)
    record = CLAIM.to_dict()
    del record["relation"]
    with pytest.raises(LabkitError, match="no field 'relation'"):
        events.event_of(record)
