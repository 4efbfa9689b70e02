"""Every student edition runs from top to bottom as a learner finds it: with its exercises unfilled.

What costs time is at the small end of its documented range, except in the lessons of `AT_DEFAULTS`. The solved
editions are run again by nbval at their defaults, as `make test` calls it; three of them are run here with papermill
alone too, and leave the same events as with our engine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from labkit.base.places import course
from labkit.lesson import source
from labkit.runner import plan, scheduler
from labkit.session import events

AT_DEFAULTS = ("00", "20", "51")  # quick ones, of three kinds: the first page, one without training, one that codes
BOTH_WAYS = ("00", "20", "22")  # without TensorFlow
TIMED = {"cpu", "cpu_s", "date", "elapsed_s", "latency_ms", "latency_low_ms", "latency_high_ms", "latency_ratio"}


def smallest(lesson: source.Lesson) -> tuple[str, ...]:
    """The cheap end of each parameter that costs time, as words ``name=value``.

    Costly are the numbers with another default in the fast profile than in the full one; the end of the range beyond
    the fast default is the cheap one.
    """
    words = []
    for parameter in source.parameters(lesson):
        full, fast = parameter.defaults["full"], parameter.defaults["fast"]
        if parameter.type in (int, float) and full != fast:
            words.append(f"{parameter.name}={parameter.low if fast < full else parameter.high}")
    return tuple(words)


def run(number: str, folder: Path, edition: str, settings: tuple[str, ...] = ()) -> list[events.Event]:
    """Run one lesson in the fast profile with our engine; return the events of its notebook."""
    jobs, _ = plan.plan(plan.RunRequest((number,), "fast", edition, settings))
    result = scheduler.execute(jobs, folder)
    assert result.exit_code == 0, result.outcomes
    return events_in(jobs[0].paths(folder)[0])


def events_in(path: Path) -> list[events.Event]:
    page, problems = events.read(json.loads(path.read_text(encoding="utf-8")))
    assert problems == []
    return page


@pytest.mark.parametrize("number", [lesson.number for lesson in source.lessons()])
def test_a_student_edition_runs_with_its_exercises_unfilled(number: str, tmp_path: Path) -> None:
    settings = () if number in AT_DEFAULTS else smallest(source.find(number))
    page = run(number, tmp_path, "student", settings)
    checks = [event for event in page if isinstance(event, events.Check)]
    assert any(not check.attempted for check in checks)
    assert not [check for check in checks if check.attempted and not check.passed]
    assert isinstance(page[-1], events.Finish)
    claims = [event for event in page if isinstance(event, events.Claim)]
    assert claims and not [claim for claim in claims if claim.status == "failed"]


def test_the_costly_parameters_are_those_of_the_profiles() -> None:
    assert smallest(source.find("31")) == ("epochs=1", "train_images=1000")
    assert smallest(source.find("00")) == ()
    assert all(smallest(lesson) for lesson in source.lessons() if lesson.number not in (*AT_DEFAULTS, "00"))


@pytest.mark.parametrize("number", BOTH_WAYS)
def test_papermill_alone_leaves_the_same_events_as_our_command(number: str, tmp_path: Path) -> None:
    """``papermill notebooks/solved/….ipynb out.ipynb -p seed 5``, as the README names it."""
    notebook = next((course() / "notebooks" / "solved").glob(f"{number}_*.ipynb"))
    target = tmp_path / "out.ipynb"
    variables = {"LABKIT_PROFILE": "fast", "LABKIT_EDITION": "solved", "LABKIT_HOME": str(course())}
    variables |= {"LABKIT_STATE": str(tmp_path / "state"), "LABKIT_FILES": str(tmp_path / "files")}
    command = [sys.executable, "-m", "papermill", str(notebook), str(target), "-p", "seed", "5", "--no-progress-bar"]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | variables, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    ours = run(number, tmp_path / "runs", "solved", ("seed=5",))
    assert [plain(event) for event in events_in(target)] == [plain(event) for event in ours]


def plain(event: events.Event) -> dict[str, Any]:
    """An event without what a clock or the day says."""
    return {name: value for name, value in event.to_dict().items() if name not in TIMED}
