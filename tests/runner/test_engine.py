"""The engine's small parts; its work is tested by the runs of test_run.py."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
import run_toys as toys
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_output

from labkit.runner import engine


def execution(limit: int = 1000) -> engine.Execution:
    """One with a process that sleeps for a kernel."""
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    manager = SimpleNamespace(provisioner=SimpleNamespace(pid=sleeper.pid))
    return engine.Execution(manager, lambda *_, **__: None, 4.0, limit)


def test_stopping_ends_the_kernel_and_the_first_reason_stands() -> None:
    one = execution()
    assert toys.alive(one.pid)
    one.stop("output")
    one.stop("interrupted")
    toys.wait_for(lambda: not toys.alive(one.pid), 5)
    assert one.kind == "output"


def test_a_flood_is_cut_in_the_notebook() -> None:
    one = execution()
    one.stop("output")
    cell = new_code_cell("print('x' * 10**8)", outputs=[new_output("stream", name="stdout", text="x" * 9000)])
    client = SimpleNamespace(execution=one)
    engine.Client._explain(client, cell)  # type: ignore[arg-type]
    assert len(cell.outputs[0].text) < 2100 and cell.outputs[0].text.endswith("(the rest is left out)\n")
    assert cell.outputs[1].ename == "TooMuchOutput" and "more than 0.001 MB" in one.message


def test_an_error_of_the_cells_own_is_not_explained_away() -> None:
    one = execution()
    one.fail("error", "ValueError: no")
    cell = new_code_cell("", outputs=[])
    engine.Client._explain(SimpleNamespace(execution=one), cell)  # type: ignore[arg-type]
    assert cell.outputs == [] and one.message == "ValueError: no"
    one.stop("")


@pytest.mark.parametrize("kind", list(engine.REASONS))
def test_every_reason_is_a_sentence(kind: str) -> None:
    name, text = engine.REASONS[kind]
    assert name.isidentifier() and "{" not in text.format(limit=1.5, megabytes=5)


@given(st.text(max_size=200))
def test_an_outputs_size_is_about_what_it_takes_in_the_file(text: str) -> None:
    assert engine._size({"text": text}) == len(text)
    assert engine._size({"data": {"text/plain": text}}) == len(json.dumps({"text/plain": text}))
    assert engine._size({"ename": "E", "evalue": text, "traceback": []}) >= len(text)
