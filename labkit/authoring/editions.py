"""Make both editions of a lesson from its source: the student's without outputs, and the solved one to be executed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from labkit.lesson import parts
from labkit.lesson.source import Cell, Lesson

Notebook = dict[str, Any]
Edition = Literal["student", "solved"]
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
_LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python", "pygments_lexer": "ipython3"}
_SHOWN = {
    "labkit": "labkit",
    "python": "Python",
    "tensorflow": "TensorFlow",
    "tensorflow-model-optimization": "TFMOT",
    "ai-edge-litert": "LiteRT",
    "numpy": "NumPy",
}


def code_digest(lesson: Lesson) -> str:
    """Return the SHA-256 of what the solved edition executes: code without comments, docstrings and blank lines."""
    code = [parts.essence(parts.without_markers(cell.text)) for cell in lesson.cells if cell.kind == "code"]
    return hashlib.sha256(json.dumps(code).encode()).hexdigest()


def notebook(lesson: Lesson, edition: Edition, course: Mapping[str, Lesson], record: Mapping[str, Any]) -> Notebook:
    """Return one edition as nbformat 4.5, without outputs.

    *course* has every lesson by its number; *record* (digest of the code, last execution) becomes ``metadata.labkit``.
    """
    cells = [_cell(lesson, cell, edition) for cell in lesson.cells]
    cells.insert(1, _markdown(f"{lesson.number}-card", card(lesson, course, record.get("executed"))))
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
    """Return the notebook as Jupyter writes it: texts as lists of lines, keys sorted, an indent of one, a line end."""
    cells = [{**cell, "source": cell["source"].splitlines(keepends=True)} for cell in content["cells"]]
    return json.dumps({**content, "cells": cells}, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def card(lesson: Lesson, course: Mapping[str, Lesson], executed: Mapping[str, Any] | None) -> str:
    """Return the card below the title: time, difficulty, needs, last execution, and objectives."""
    needs = [_link(course[need]) if need in course else need for need in lesson.needs]
    rows = [
        ("Time", f"{lesson.minutes} minutes"),
        ("Difficulty", _difficulty(lesson)),
        ("Needs", ", ".join(needs) or "nothing before it"),
        ("Verified", _verified(executed)),
    ]
    head, *others = [f"| **{name}** | {text} |" for name, text in rows if text]
    table = "\n".join([head, "|:---|:---|", *others])
    objectives = "\n".join(f"- {objective}" for objective in lesson.objectives)
    return f"{table}\n\nAt the end you can\n\n{objectives}"


def _link(lesson: Lesson) -> str:
    return f"[{lesson.heading}]({lesson.name}.ipynb)"


def _difficulty(lesson: Lesson) -> str:
    stars = sorted({exercise.stars for exercise in parts.exercises(lesson) if exercise.stars})
    ends = sorted({stars[0], stars[-1]}) if stars else []
    return " to ".join("★" * count + "☆" * (3 - count) for count in ends)


def _verified(executed: Mapping[str, Any] | None) -> str:
    if not executed:
        return "not yet"
    versions = executed.get("versions", {})
    texts = [f"{label} {versions[name]}" for name, label in _SHOWN.items() if name in versions]  # in our order
    return f"{executed['date']}" + (f" with {', '.join(texts)}" if texts else "")


def _cell(lesson: Lesson, cell: Cell, edition: Edition) -> dict[str, Any]:
    metadata: dict[str, Any] = {"tags": list(cell.tags)} if cell.tags else {}
    if parts.HIDDEN in cell.tags:
        metadata["jupyter"] = {"source_hidden": True}
    if cell.kind == "markdown":
        text = cell.text if edition == "student" else _one_folder_deeper(cell.text)
        return _markdown(cell.id, text, metadata)
    if parts.BEGIN in cell.text:
        metadata["nbgrader"] = _nbgrader(lesson, cell)
    text = parts.without_solution(cell.text) if edition == "student" else _solved(parts.without_markers(cell.text))
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": cell.id,
        "metadata": metadata,
        "outputs": [],
        "source": text,
    }


def _solved(text: str) -> str:
    """Return a cell of the solved edition: its `start` says so, and nobody's progress counts it."""
    return re.sub(r'^(lab = start\("\d\d", seed=seed)\)', r'\1, edition="solved")', text, flags=re.MULTILINE)


def _markdown(name: str, text: str, metadata: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": name, "metadata": dict(metadata or {}), "source": text}


def _nbgrader(lesson: Lesson, cell: Cell) -> dict[str, Any]:
    """Return the metadata of what nbgrader calls an autograded answer (schema 3)."""
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
    """Return *text* with its links to other folders, written as seen from ``notebooks/``, as seen from ``solved/``."""
    return re.sub(r"(\]\(|(?:href|src)=\")(?=\.\./)", r"\1../", text)
