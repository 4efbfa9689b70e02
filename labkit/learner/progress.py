"""The exercises that a learner has solved: read from this machine's own record, and sent nowhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labkit.base import learner_state, places
from labkit.lesson import parts, source

_CHECK = re.compile(r"""\.check\(\s*["'](\d\d\.\d+)["']""")
_WIDTH = 10


@dataclass(frozen=True)
class Standing:
    """One lesson: its exercises' ids in order, and the day on which each solved one was first solved."""

    heading: str
    exercises: tuple[str, ...]
    solved: Mapping[str, str]

    @property
    def count(self) -> str:
        """Return the count in words, such as ``'1 of 3'``."""
        return f"{len(self.solved)} of {len(self.exercises)}"

    @property
    def bar(self) -> str:
        """Return ten signs, as many of them full as the fraction that is solved; full only when all are."""
        full = _WIDTH * len(self.solved) // len(self.exercises) if self.exercises else 0
        return "█" * full + "░" * (_WIDTH - full)


def file() -> Path:
    """Return the file on this machine that stores the passed checks."""
    return places.records() / "progress.json"


def passed() -> dict[str, dict[str, str]]:
    """Return the passed checks: ``{"31": {"31.1": "2026-11-24"}}``; empty when there is no readable record yet."""
    days_by_lesson = learner_state.recall(file().name)
    return {lesson: {key: str(day) for key, day in days.items()} for lesson, days in days_by_lesson.items()}


def standings(notebooks: Path | None = None) -> list[Standing]:
    """Return the learner's state per lesson; exercises are the checks of what students write."""
    noted = passed()
    result = []
    for lesson in source.lessons(notebooks):
        text = "\n".join(cell.text for cell in lesson.cells if cell.kind == "code" and parts.BEGIN in cell.text)
        exercises = tuple(dict.fromkeys(_CHECK.findall(text)))
        solved = {key: day for key, day in noted.get(lesson.number, {}).items() if key in exercises}
        result.append(Standing(lesson.heading, exercises, solved))
    return result


def text(notebooks: Path | None = None) -> str:
    """Return the table that ``labkit progress`` prints."""
    lessons = standings(notebooks)
    width = max((len(lesson.heading) for lesson in lessons), default=0)
    lines = [f"{lesson.heading:<{width}}  {lesson.bar}  {lesson.count}" for lesson in lessons]
    solved = sum(len(lesson.solved) for lesson in lessons)
    exercises = sum(len(lesson.exercises) for lesson in lessons)
    lines.append(f"{solved} of {exercises} exercises solved, noted in {file()} (on this machine only).")
    return "\n".join(lines)
