"""Make both editions of a lesson from its source: the student's without outputs, and the solved one to be executed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from labkit.base import files
from labkit.lesson import parts
from labkit.lesson.source import Cell, Lesson

Notebook = dict[str, Any]
Edition = Literal["student", "solved"]
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
_LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python", "pygments_lexer": "ipython3"}
_SHOWN = {
    "python": "Python",
    "tensorflow": "TensorFlow",
    "tensorflow-model-optimization": "TFMOT",
    "ai-edge-litert": "LiteRT",
    "numpy": "NumPy",
}


@dataclass(frozen=True)
class Neighbours:
    """The lessons before and after, and all of them by number for the links to what a lesson needs."""

    before: Lesson | None
    after: Lesson | None
    known: Mapping[str, Lesson]


def neighbours(lesson: Lesson, course: Sequence[Lesson]) -> Neighbours:
    """Where *lesson* stands in the *course* (its lessons in order)."""
    at = [each.number for each in course].index(lesson.number)
    return Neighbours(
        course[at - 1] if at else None,
        course[at + 1] if at + 1 < len(course) else None,
        {each.number: each for each in course},
    )


def source_digest(lesson: Lesson) -> str:
    """The SHA-256 of the lesson's source file."""
    return files.sha256(lesson.path)


def code_digest(lesson: Lesson) -> str:
    """The SHA-256 of what the solved edition executes: its code cells without comments, docstrings and blank lines."""
    code = [parts.essence(parts.without_markers(cell.text)) for cell in lesson.cells if cell.kind == "code"]
    return hashlib.sha256(json.dumps(code).encode()).hexdigest()


def notebook(lesson: Lesson, edition: Edition, place: Neighbours, record: Mapping[str, Any]) -> Notebook:
    """One edition as nbformat 4.5, without outputs; *record* (digests, last execution) becomes ``metadata.labkit``."""
    cells = [_cell(lesson, cell, edition) for cell in lesson.cells]
    cells.insert(1, _markdown(f"{lesson.number}-card", card(lesson, place, record.get("executed"))))
    cells.append(_markdown(f"{lesson.number}-next", links(place)))
    return {
        "cells": cells,
        "metadata": {
            "kernelspec": dict(_KERNEL),
            "labkit": {"edition": edition, "lesson": lesson.number, **record},
            "language_info": dict(_LANGUAGE),
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def dumps(content: Notebook) -> str:
    """The notebook as Jupyter writes it: texts as lists of lines, keys sorted, one space of indent, a line end."""
    cells = [{**cell, "source": cell["source"].splitlines(keepends=True)} for cell in content["cells"]]
    return json.dumps({**content, "cells": cells}, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def card(lesson: Lesson, place: Neighbours, executed: Mapping[str, Any] | None) -> str:
    """The card below the title: time, difficulty, needs, when it was verified and with what, objectives, and links."""
    needs = [_link(place.known[need]) if need in place.known else need for need in lesson.needs]
    rows = [
        ("Time", f"{lesson.minutes} minutes"),
        ("Difficulty", _difficulty(lesson)),
        ("Needs", ", ".join(needs) or "nothing before it"),
        ("Verified", _verified(executed)),
    ]
    table = "\n".join(f"| **{name}** | {text} |" for name, text in rows if text)
    objectives = "\n".join(f"- {objective}" for objective in lesson.objectives)
    return f"| This lesson | |\n|:---|:---|\n{table}\n\nAt the end you can\n\n{objectives}\n\n{links(place)}"


def links(place: Neighbours) -> str:
    """Links to the lessons before and after; the files lie side by side wherever the notebook is opened."""
    ends = [
        _link(place.before, "← ") if place.before else "",
        _link(place.after, "→ ") if place.after else "",
    ]
    return " · ".join(end for end in ends if end) or "This is the only lesson."


def _link(lesson: Lesson, arrow: str = "") -> str:
    return f"[{arrow}{lesson.heading}]({lesson.name}.ipynb)"


def _difficulty(lesson: Lesson) -> str:
    stars = sorted({exercise.stars for exercise in parts.exercises(lesson) if exercise.stars})
    shown = ["★" * count + "☆" * (3 - count) for count in dict.fromkeys((stars[0], stars[-1]))] if stars else []
    return " to ".join(shown)


def _verified(executed: Mapping[str, Any] | None) -> str:
    if not executed:
        return "not yet"
    known = executed.get("versions", {})  # in our order: that of a record is another once it was stored
    versions = ", ".join(f"{shown} {known[name]}" for name, shown in _SHOWN.items() if name in known)
    return f"{executed['date']}" + (f" with {versions}" if versions else "")


def _cell(lesson: Lesson, cell: Cell, edition: Edition) -> dict[str, Any]:
    metadata: dict[str, Any] = {"tags": list(cell.tags)} if cell.tags else {}
    if cell.kind == "markdown":
        text = cell.text if edition == "student" else _one_folder_deeper(cell.text)
        return _markdown(cell.id, text, metadata)
    if parts.BEGIN in cell.text:
        metadata["nbgrader"] = _nbgrader(lesson, cell)
    text = parts.without_solution(cell.text) if edition == "student" else parts.without_markers(cell.text)
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": cell.id,
        "metadata": metadata,
        "outputs": [],
        "source": text,
    }


def _markdown(name: str, text: str, metadata: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": name, "metadata": dict(metadata or {}), "source": text}


def _nbgrader(lesson: Lesson, cell: Cell) -> dict[str, Any]:
    """What nbgrader calls an autograded answer (schema 3)."""
    names = [exercise.id for exercise in parts.exercises(lesson) if cell in exercise.cells]
    name = names[0].replace(".", "-") if names else cell.id
    return {
        "grade": False,
        "grade_id": f"exercise-{name}",
        "locked": False,
        "schema_version": 3,
        "solution": True,
        "task": False,
    }


def _one_folder_deeper(text: str) -> str:
    """Links to other folders as they must read in ``notebooks/solved/``; a source writes them for ``notebooks/``."""
    return re.sub(r"(\]\(|(?:href|src)=\")(?=\.\./)", r"\1../", text)
