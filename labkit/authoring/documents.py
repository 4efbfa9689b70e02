"""The parts of the documents that come from the lessons' headers, each between two markers.

The README's course table, the routes of ``docs/teaching.md`` and the terms of ``docs/glossary.md``: a new lesson brings
its rows in its own header, and nobody edits three documents for it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from labkit.base import files
from labkit.base.errors import LabkitError
from labkit.lesson.source import Lesson


@dataclass(frozen=True)
class Route:
    """A route through the course: the time it takes, what learners can do at its end, whether it has every lesson."""

    time: str
    outcome: str
    every_lesson: bool = False


@dataclass(frozen=True)
class Block:
    """A part of a *document* (a path from the course's root) called *name*; *render* gives its text."""

    document: str
    name: str
    render: Callable[[Sequence[Lesson], Path], str]

    @property
    def begin(self) -> str:
        """Return the marker above the part."""
        return f"<!-- {self.name}: begin -->"

    @property
    def end(self) -> str:
        """Return the marker below the part."""
        return f"<!-- {self.name}: end -->"

    def renew(self, text: str, lessons: Sequence[Lesson], root: Path) -> str | None:
        """Return the document's *text* with this part renewed, or None when *text* has not both markers."""
        before, begin, rest = text.partition(self.begin)
        _, end, after = rest.partition(self.end)
        if not begin or not end:
            return None
        return f"{before}{begin}\n{self.render(lessons, root)}\n{end}{after}"


def routes(root: Path) -> dict[str, Route]:
    """Return the routes in ``data/routes.toml`` by name; none without that file. Raises LabkitError for a wrong one."""
    path = root / "data" / "routes.toml"
    if not path.is_file():
        return {}
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
        return {name: Route(**entry) for name, entry in entries.items()}
    except (tomllib.TOMLDecodeError, TypeError) as error:
        raise LabkitError(f"{path.name}: each route has exactly a time and an outcome ({error}).") from None


def course_table(lessons: Sequence[Lesson], root: Path) -> str:
    """Return one row per lesson (link to the student edition, question, time, needs, solved edition) and a total."""
    rows = ["| Lesson | Question | Time | Needs | |", "|:---|:---|---:|:---|:---|"]
    for lesson in lessons:
        needs = ", ".join(lesson.needs) or "–"
        rows.append(
            f"| [{lesson.heading}](notebooks/{lesson.name}.ipynb) | {lesson.question} | {lesson.minutes} min "
            f"| {needs} | [solved](notebooks/solved/{lesson.name}.ipynb) |"
        )
    hours, minutes = divmod(sum(lesson.minutes for lesson in lessons), 60)
    rows.append(f"| All {len(lessons)} | | {hours} h {minutes} min | | |")
    return "\n".join(rows)


def route_table(lessons: Sequence[Lesson], root: Path) -> str:
    """Return one row per route: its time, its lessons by session, and what learners can do at its end."""
    rows = ["| time | lessons | at the end |", "|---|---|---|"]
    for name, route in routes(root).items():
        rows.append(f"| {route.time} | {_sessions(name, route, lessons)} | {route.outcome} |")
    return "\n".join(rows)


def glossary(lessons: Sequence[Lesson], root: Path) -> str:
    """Return the terms of all lessons in alphabetical order, each with a link to the lesson that introduces it."""
    entries: dict[str, str] = {}
    for lesson in lessons:
        link = f"[{lesson.number}](../notebooks/{lesson.name}.ipynb)"
        for name, term in lesson.terms.items():
            facts = " · ".join(fact for fact in (f"中文 **{term.zh}**", term.note, f"lesson {link}") if fact)
            entries.setdefault(name, f"### {name}\n\n{facts}\n\n{term.text}\n")
    return "\n" + "\n".join(entries[name] for name in sorted(entries, key=str.lower))


BLOCKS = (
    Block("README.md", "course table", course_table),
    Block("docs/teaching.md", "routes", route_table),
    Block("docs/glossary.md", "terms", glossary),
)


def update(root: Path, lessons: Sequence[Lesson]) -> list[str]:
    """Renew every part of the documents in *root* that have its markers; returns the documents that changed."""
    changes = []
    for block in BLOCKS:
        document = root / block.document
        text = document.read_text(encoding="utf-8") if document.is_file() else ""
        renewed = block.renew(text, lessons, root)
        if renewed is not None and renewed != text:
            files.write(document, renewed)
            changes.append(block.document)
    return changes


def problems(root: Path, lessons: Sequence[Lesson]) -> Iterator[str]:
    """Yield one line for each document in *root* whose part is missing or is not what the headers give."""
    for block in BLOCKS:
        document = root / block.document
        if not document.is_file():
            continue
        text = document.read_text(encoding="utf-8")
        renewed = block.renew(text, lessons, root)
        if renewed is None:
            yield (
                f"{block.document} has no place for the {block.name}: put the lines {block.begin} and {block.end} "
                "where they belong, then labkit build"
            )
        elif renewed != text:
            yield f"{block.document}: the {block.name} is not what the lessons' headers give: labkit build"


def _sessions(name: str, route: Route, lessons: Sequence[Lesson]) -> str:
    """Return the lessons of a route: those of one session joined by commas, sessions by middle dots."""
    if route.every_lesson:
        return "every lesson, in the order of the table in the README"
    sessions: dict[int, list[str]] = {}
    for lesson in lessons:
        if name in lesson.routes:
            sessions.setdefault(lesson.routes[name], []).append(lesson.number)
    return " · ".join(", ".join(sessions[session]) for session in sorted(sessions))
