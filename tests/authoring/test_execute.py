"""labkit build executes with the runner: its limits, its variables and its way to stop."""

from __future__ import annotations

import json

import pytest

from labkit.authoring import editions, execute
from labkit.base.errors import LabkitError
from labkit.lesson import source
from labkit.runner import plan, scheduler


@pytest.fixture
def executed(toys, edit, monkeypatch):
    """Return a function that executes a toy lesson whose second cell prints is replaced by *code*."""
    monkeypatch.setenv("LABKIT_HOME", str(toys.root))
    path = toys.add("31")

    def run(code: str):
        edit(path, 'print("toys:", toys)', code)
        (lesson,) = source.lessons(toys.notebooks)
        return execute.execute(lesson, editions.notebook(lesson, "solved", {"31": lesson}, {}))

    return run


def output(content) -> str:
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    return "".join(code[2]["outputs"][0]["text"])


def test_a_kernel_that_dies_is_named_by_its_cell(executed):
    with pytest.raises(LabkitError) as raised:
        executed("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert str(raised.value).startswith("31_toys.py:")
    assert str(raised.value).endswith("failed: the kernel ended while this cell was running: " + WHY)


WHY = "killed, out of memory, or crashed"


def test_a_page_ends_at_the_limit_of_every_run(executed, monkeypatch):
    monkeypatch.setattr(plan, "OVERRUN", 0.2)
    with pytest.raises(
        LabkitError, match=r"31_toys\.py:\d+ \(cell \d+\) failed: ended after 2 s, the limit by the clock"
    ):
        executed("import time; time.sleep(30)")


def test_the_variables_are_those_of_a_run(executed, toys):
    code = "import json, os; print(json.dumps({k: v for k, v in os.environ.items() if k.startswith('LABKIT_')}))"
    content, facts = executed(code)
    variables = json.loads(output(content))
    assert (variables["LABKIT_PROFILE"], variables["LABKIT_EDITION"]) == ("full", "solved")
    assert variables["LABKIT_HOME"] == str(toys.root.resolve())
    assert variables["LABKIT_STATE"] == variables["LABKIT_FILES"] + "/.state"
    assert not variables["LABKIT_FILES"].startswith(str(toys.root)), "nothing is left in the course"
    assert facts["profile"] == "full" and facts["seconds"] >= 0


def test_stopping_stops_the_build(executed, monkeypatch):
    stopped = scheduler.Result([plan.Outcome(None, "interrupted")], interrupted=True)
    monkeypatch.setattr(scheduler, "execute", lambda *_, **__: stopped)
    with pytest.raises(KeyboardInterrupt):
        executed("1")
