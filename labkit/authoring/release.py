"""Execute every page in full for a release, resuming where an earlier attempt stopped, and list what moved.

An attempt keeps its state in ``build/release``: the pages as they were when it began, and which of them it executed
since, with which code and version. It ends when every page has been executed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import labkit
from labkit.authoring import build, editions, execute, moved
from labkit.authoring.build import Execute, Outcome
from labkit.base import files
from labkit.lesson import source
from labkit.lesson.source import Lesson

STATE = "state.json"


@dataclass(frozen=True)
class Plan:
    """The lessons that an attempt has still to execute, and those that it has executed already."""

    pending: tuple[Lesson, ...]
    complete: tuple[Lesson, ...]
    seconds: float

    def __str__(self) -> str:
        lines = f"{_pages(len(self.pending))} to execute in full, about {_duration(self.seconds)}"
        if self.complete:
            lines += f"; {_pages(len(self.complete))} executed already in this attempt"
        return f"{lines}. An interrupted attempt goes on where it stopped."


class Attempt:
    """One attempt at a release of the course whose *notebooks* folder is given (the course's own when None)."""

    def __init__(self, notebooks: Path | None = None) -> None:
        self.notebooks = source.notebooks_folder(notebooks)
        self.lessons = source.lessons(notebooks)
        self.folder = self.notebooks.parent / "build" / "release"
        self._begin()

    def plan(self) -> Plan:
        """Return what is still to be done, with the seconds that it takes by the stored times."""
        complete = [lesson for lesson in self.lessons if self._is_executed(lesson)]
        pending = [lesson for lesson in self.lessons if lesson not in complete]
        return Plan(tuple(pending), tuple(complete), sum(_seconds(lesson) for lesson in pending))

    def execute(self, run: Execute = execute.execute) -> Iterator[Outcome]:
        """Execute every pending page; yields each outcome as it comes, and goes on past a failure.

        One page at a time: pages assert claims about times, which a second page on the same cores would falsify.
        """
        for lesson in self.plan().pending:
            for outcome in build.build([lesson.number], self.notebooks, force=True, run=run):
                if outcome.status == "executed":
                    self._remember(lesson)
                yield outcome
        list(build.build((), self.notebooks, draft=True))  # the documents, and what has no source any more

    def moves(self) -> list[moved.Move]:
        """Return what moved on all pages since the attempt began; a page that did not exist then has not moved."""
        rows: list[moved.Move] = []
        for lesson in self.lessons:
            old = build.load(self._old_page(lesson))
            if old is not None:
                rows += moved.moves(lesson.number, old, build.load(build.path(lesson, "solved")))
        return rows

    def finish(self) -> str:
        """Write the table of what moved to ``build/moved.md`` and return it; ends the attempt when it is complete."""
        text = moved.table(self.moves())
        files.write(self.folder.parent / "moved.md", f"# What moved\n\n{text}\n")
        if not self.plan().pending:
            shutil.rmtree(self.folder)
        return text

    def _begin(self) -> None:
        """Store the pages as they are, unless an attempt is under way."""
        if (self.folder / STATE).is_file():
            return
        for lesson in self.lessons:
            page = build.path(lesson, "solved")
            if page.is_file():
                files.write(self._old_page(lesson), page.read_bytes())
        files.write(self.folder / STATE, "{}\n")

    def _old_page(self, lesson: Lesson) -> Path:
        return self.folder / f"{lesson.number}.ipynb"

    def _is_executed(self, lesson: Lesson) -> bool:
        """Return whether this attempt executed the page with the code and the version that we have now."""
        present = _identity(lesson)
        record = build.record_of(build.load(build.path(lesson, "solved")))
        stored = [record.get("code_sha256"), build.version_of(record)]
        return self._state().get(lesson.number) == present == stored

    def _remember(self, lesson: Lesson) -> None:
        state = {**self._state(), lesson.number: _identity(lesson)}
        files.write(self.folder / STATE, json.dumps(state, indent=1, sort_keys=True) + "\n")

    def _state(self) -> dict[str, Any]:
        """Return the code's digest and labkit's version of each page executed; empty when the file is damaged."""
        try:
            return dict(json.loads((self.folder / STATE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return {}


def release(notebooks: Path | None = None, run: Execute = execute.execute, say: Callable[[str], None] = print) -> int:
    """Execute what an attempt has still to do, saying each step; returns how many pages failed."""
    attempt = Attempt(notebooks)
    say(str(attempt.plan()))
    failures = 0
    for outcome in attempt.execute(run):
        say(str(outcome))
        failures += outcome.status == "failed"
    say(f"\nMoved values (also in build/moved.md):\n\n{attempt.finish()}")
    if failures:
        say(f"\n{_pages(failures)} failed: correct the cause and run make pages again, which executes only these.")
    return failures


def _identity(lesson: Lesson) -> list[str]:
    return [editions.code_digest(lesson), labkit.__version__]


def _seconds(lesson: Lesson) -> float:
    """Return how long the page took when it was last executed, or its budget when it never was."""
    executed = build.record_of(build.load(build.path(lesson, "solved"))).get("executed") or {}
    return float(executed.get("seconds", lesson.budget_s["full"]))


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count} pages"


def _duration(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
