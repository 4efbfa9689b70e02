"""The course table in README.md: generated between two markers from the lessons' headers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labkit.base import files
from labkit.lesson.source import Lesson

BEGIN, END = "<!-- course table: begin -->", "<!-- course table: end -->"


def course_table(lessons: Sequence[Lesson]) -> str:
    """One row a lesson: its title linked to the student edition, question, time, needs, and the solved edition.

    The last row has the time of all together.
    """
    rows = [
        f"| [{lesson.heading}](notebooks/{lesson.name}.ipynb) | {lesson.question} | {lesson.minutes} min "
        f"| {', '.join(lesson.needs) or '–'} | [solved](notebooks/solved/{lesson.name}.ipynb) |"
        for lesson in lessons
    ]
    hours, minutes = divmod(sum(lesson.minutes for lesson in lessons), 60)
    total = f"| All {len(lessons)} | | {hours} h {minutes} min | | |"
    return "\n".join(["| Lesson | Question | Time | Needs | |", "|:---|:---|---:|:---|:---|", *rows, total])


def updated(text: str, lessons: Sequence[Lesson]) -> str | None:
    """*text* with the table renewed between its markers; None when it does not have them."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{BEGIN}\n{course_table(lessons)}\n{END}{after}" if begin and end else None


def update(readme: Path, lessons: Sequence[Lesson]) -> bool:
    """Renew the table in *readme*, if it has the markers; returns whether that changed the file."""
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    new = updated(text, lessons)
    if new is None or new == text:
        return False
    files.write(readme, new)
    return True


def problems(readme: Path, lessons: Sequence[Lesson]) -> list[str]:
    """What is wrong with the table in *readme*; nothing when `update` would change nothing, or there is no README."""
    if not readme.is_file():
        return []
    text = readme.read_text(encoding="utf-8")
    new = updated(text, lessons)
    if new is None:
        return [
            f"{readme.name} has no course table: put the lines {BEGIN} and {END} where it belongs, then labkit build"
        ]
    return (
        [] if new == text else [f"{readme.name}: the course table is not what the lessons' headers give: labkit build"]
    )
