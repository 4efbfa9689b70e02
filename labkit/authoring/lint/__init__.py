"""Every check that a lesson passes before it is part of the course; `docs/page.md` describes them in words.

Belongs here: one module per subject (form, prose, code, exercises, links, output), each function one check.
Does not belong here: checks of the package's own code, which ruff, mypy and import-linter do.

A gate is a function that yields one line for each finding: where (file, line, cell), what is wrong, and the remedy.
Whoever changes a convention changes its gate and `docs/page.md` in the same commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from labkit.authoring import build
from labkit.authoring.lint import code, english, exercises, form, links, output, prose
from labkit.base.places import PACKAGE
from labkit.lesson import source
from labkit.lesson.source import Lesson

Gate = Callable[[Lesson], Iterable[str]]
LESSON_GATES: dict[str, Gate] = {
    "header": form.header,
    "title": form.title,
    "order": form.order,
    "first cells": form.first_cells,
    "parameters cell": form.parameters_cell,
    "cells": form.cells,
    "finish": form.finish,
    "exercises": exercises.exercises,
    "prediction": exercises.prediction,
    "claims": exercises.claims,
    "words": prose.words,
    "numerals": prose.numerals,
    "English": english.english,
    "alt text": prose.alt_text,
    "length of code": code.length,
    "width of code": code.width,
    "hidden cells": code.hidden,
    "colours": code.colours,
    "private imports": code.private_imports,
    "texts": code.texts,
    "compared outputs": output.compared,
    "outputs": output.outputs,
}
COURSE_GATES: dict[str, Callable[[Lesson, Sequence[Lesson], Path], Iterable[str]]] = {
    "pasted helpers": code.helpers,
    "links": links.links,
    "registered exercises": exercises.registered,
    "routes and terms": form.routes_and_terms,
}


def lesson_findings(lesson: Lesson, course: Sequence[Lesson], package: Path = PACKAGE) -> list[str]:
    """Return the findings on one lesson of the *course* (all its lessons); *package* is labkit's folder."""
    lines = [finding for gate in LESSON_GATES.values() for finding in gate(lesson)]
    return lines + [finding for gate in COURSE_GATES.values() for finding in gate(lesson, course, package)]


def findings(notebooks: Path | None = None, package: Path = PACKAGE) -> list[str]:
    """Return the findings on the course: its lessons and their editions, the documents and their links."""
    course = source.lessons(notebooks)
    lines = [finding for lesson in course for finding in lesson_findings(lesson, course, package)]
    problems = build.check((), notebooks)
    return [*lines, *problems, *links.documents(source.notebooks_folder(notebooks).parent)]
