"""Every gate that a lesson passes before it is part of the course; `docs/page.md` says them in words.

A gate is a function that yields one line for each finding: where (file, line, cell), what is wrong, and the remedy.
Whoever changes a convention changes its gate and `docs/page.md` in the same commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from labkit.base import source
from labkit.base.source import Lesson
from labkit.course import build, gates_code, gates_exercises, gates_form, gates_links, gates_output, gates_prose
from labkit.course.reach import PACKAGE

Gate = Callable[[Lesson], Iterable[str]]
LESSON_GATES: dict[str, Gate] = {
    "header": gates_form.header,
    "title": gates_form.title,
    "order": gates_form.order,
    "first cells": gates_form.first_cells,
    "parameters cell": gates_form.parameters_cell,
    "cells": gates_form.cells,
    "finish": gates_form.finish,
    "exercises": gates_exercises.exercises,
    "prediction": gates_exercises.prediction,
    "words": gates_prose.words,
    "numerals": gates_prose.numerals,
    "alt text": gates_prose.alt_text,
    "length of code": gates_code.length,
    "private names": gates_code.private,
    "forbidden": gates_code.forbidden,
    "compared outputs": gates_output.compared,
    "outputs": gates_output.outputs,
}
COURSE_GATES: dict[str, Callable[[Lesson, Sequence[Lesson], Path], Iterable[str]]] = {
    "pasted helpers": gates_code.helpers,
    "links": gates_links.links,
    "registered exercises": gates_exercises.registered,
}


def lesson_findings(lesson: Lesson, course: Sequence[Lesson], package: Path = PACKAGE) -> list[str]:
    """What the gates say about one lesson of the *course* (all its lessons); *package* is labkit's folder."""
    found = [finding for gate in LESSON_GATES.values() for finding in gate(lesson)]
    return found + [finding for gate in COURSE_GATES.values() for finding in gate(lesson, course, package)]


def findings(notebooks: Path | None = None, package: Path = PACKAGE) -> list[str]:
    """What the gates say about the course: every lesson, its editions, the README's table, the documents' links."""
    course = source.lessons(notebooks)
    found = [finding for lesson in course for finding in lesson_findings(lesson, course, package)]
    problems, _ = build.check((), notebooks)
    return [*found, *problems, *gates_links.documents(source.notebooks_folder(notebooks).parent)]
