"""Each lesson sees a fault: its claims name the faults that they would find, and one of them is injected.

`faults/lesson_NN.py` has the phrases, and one fault as code that runs after the imports of the solved page. Running it
takes as long as the page, so that part is a check before a release: ``pytest -m release tests/release``.
"""

from __future__ import annotations

import ast
import json
import re
import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from labkit.lesson import parts, source
from labkit.runner import plan, scheduler
from labkit.session import events

LESSONS = {lesson.number: lesson for lesson in source.lessons()}
FOLDER = Path(__file__).with_name("faults")


def faults(number: str) -> SimpleNamespace:
    """Return the names in the fault file of lesson *number*."""
    return SimpleNamespace(**runpy.run_path(str(FOLDER / f"lesson_{number}.py")))


def claims_of(lesson: source.Lesson) -> list[str]:
    """Return the patterns of the claims' ids in a source; a value in an f-string stands for any letters."""
    texts = set()
    for cell in lesson.cells:
        for call in parts.calls(cell, "lab.claim"):
            written = [text for text, _ in parts.said(parts.argument(call, 0, "id"))]
            in_cell = [text for text, _ in parts.said(ast.parse(cell.text)) if text.startswith(f"{lesson.number}.")]
            texts |= set(written or in_cell)  # an id may be a variable whose values are in the same cell
    return [re.escape(text).replace(r"\{\}", ".+") for text in texts]


@pytest.mark.parametrize("number", LESSONS)
def test_every_claim_names_a_fault_that_it_would_see(number):
    named = faults(number)
    patterns = claims_of(LESSONS[number])
    unnamed = [pattern for pattern in patterns if not any(re.fullmatch(pattern, id) for id in named.FAULTS)]
    unknown = [id for id in named.FAULTS if not any(re.fullmatch(pattern, id) for pattern in patterns)]
    assert not unnamed and not unknown
    assert all(len(phrase.split()) >= 3 for phrase in named.FAULTS.values())
    assert named.CLAIM in named.FAULTS


@pytest.mark.release
@pytest.mark.parametrize("number", LESSONS)
def test_an_injected_fault_stops_the_page(number, tmp_path):
    fault = faults(number)
    jobs, _ = plan.plan(plan.RunRequest((number,), fault.PROFILE, "solved"))
    page = json.loads(Path(jobs[0].notebook).read_text(encoding="utf-8"))
    first = next(index for index, cell in enumerate(page["cells"]) if cell["cell_type"] == "code")
    injected = {"cell_type": "code", "execution_count": None, "id": "fault", "metadata": {}, "outputs": []}
    page["cells"].insert(first + 1, {**injected, "source": fault.CODE})
    copy = tmp_path / Path(jobs[0].notebook).name
    copy.write_text(json.dumps(page), encoding="utf-8")

    result = scheduler.execute([replace(jobs[0], notebook=str(copy))], tmp_path / "run")

    assert result.outcomes[0].status == "failed"
    left, _ = events.read(json.loads(jobs[0].paths(tmp_path / "run")[0].read_text(encoding="utf-8")))
    failed = [event.id for event in left if isinstance(event, events.Claim) and event.status == "failed"]
    assert failed == [fault.CLAIM]
