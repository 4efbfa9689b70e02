"""labkit.learner.progress: what the record says, per lesson, and nothing that it does not say."""

from __future__ import annotations

import json

import pytest

from labkit.base import learner_state, places
from labkit.cli.main import main
from labkit.learner import progress

SOURCE = """\
# ---
# jupyter:
#   jupytext: {{text_representation: {{extension: .py, format_name: percent}}}}
#   kernelspec: {{display_name: Python 3, language: python, name: python3}}
#   labkit:
#     title: {title}
#     question: How many?
#     minutes: 10
#     budget_s: {{fast: 5, full: 10}}
#     needs: []
#     objectives: [count]
# ---

# %% [markdown]
# # {number} · {title}
# The text may say `lab.check("{number}.9", f)` without being an exercise.

# %%
shown = lab.check("{number}.0", shown)  # solved on the page, and so nobody's progress

# %%
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION


double = lab.check("{number}.1", double)

# %%
def halve(x):
    ### BEGIN SOLUTION
    return x / 2
    ### END SOLUTION


lab.check(
    '{number}.2', halve)
lab.check("{number}.1", double)
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    source = tmp_path / "course" / "notebooks" / "source"
    source.mkdir(parents=True)
    (tmp_path / "course" / "data").mkdir()
    (tmp_path / "course" / "data" / "registry.toml").touch()
    (source / "00_start.py").write_text(SOURCE.format(number="00", title="Start"))
    (source / "31_magnitude.py").write_text(SOURCE.format(number="31", title="Magnitude pruning"))
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "course"))
    monkeypatch.setenv("LABKIT_STATE", str(tmp_path / "state"))
    return tmp_path


def note(record):
    progress.file().parent.mkdir(exist_ok=True)
    progress.file().write_text(record if isinstance(record, str) else json.dumps(record))


def test_nothing_solved_yet(toy, capsys):
    assert main(["progress"]) == 0
    first, second, last = capsys.readouterr().out.splitlines()
    assert first == "00 · Start              ░░░░░░░░░░  0 of 2"
    assert second == "31 · Magnitude pruning  ░░░░░░░░░░  0 of 2"
    assert last == f"0 of 4 exercises solved, noted in {toy / 'state' / 'progress.json'} (on this machine only)."
    assert not (toy / "state").exists()  # looking leaves nothing behind


def test_solved_exercises_are_counted_per_lesson(toy):
    note({"31": {"31.1": "2026-11-24"}, "00": {"00.1": "2026-11-23", "00.2": "2026-11-24"}})
    start, pruning = progress.standings()
    assert (start.count, start.bar) == ("2 of 2", "██████████")
    assert (pruning.count, pruning.bar) == ("1 of 2", "█████░░░░░")
    assert pruning.solved == {"31.1": "2026-11-24"}


def test_exercises_that_are_no_more_do_not_count(toy):
    note({"31": {"31.1": "2026-11-24", "31.7": "2026-11-24"}, "77": {"77.1": "2026-11-24"}})
    assert [standing.count for standing in progress.standings()] == ["0 of 2", "1 of 2"]


@pytest.mark.parametrize("record", ["", "{", "[]", "null", '{"31": 3}'])
def test_a_broken_record_counts_as_none(toy, record):
    note(record)
    assert progress.passed() == {}
    assert progress.text().splitlines()[-1].startswith("0 of 4")


def test_a_page_writes_what_progress_reads(toy):
    learner_state.remember_check("31", "31.2")
    assert list(progress.passed()["31"]) == ["31.2"]
    assert progress.file().parent == places.records()
    assert [standing.count for standing in progress.standings()] == ["0 of 2", "1 of 2"]


def test_what_is_forgotten_counts_no_more(toy):
    learner_state.remember_check("31", "31.2")
    learner_state.remember_check("00", "00.1")
    learner_state.forget("progress.json", "31")
    learner_state.forget("progress.json", "77")
    assert list(progress.passed()) == ["00"]
