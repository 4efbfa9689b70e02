"""Gates on the solved edition: quiet, small, free of one machine's traces; and on what nbval compares exactly."""

from __future__ import annotations

import ast
import base64
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from labkit.authoring.build import path
from labkit.base.errors import LabkitError
from labkit.lesson.source import Cell, Lesson, parameters

FIGURE = 80 * 1024
COMPARED = "nbval-check-output"
_MACHINE = re.compile(r"(?:/home/|/Users/|/root/|/tmp/|/var/folders/|[A-Za-z]:\\\\?Users\\|site-packages)[^\s\"'<>]*")
_EMBEDDED = re.compile(r"data:image/[\w+.-]+;base64,([A-Za-z0-9+/=\s]+)")


def outputs(lesson: Lesson) -> Iterator[str]:
    """Yield a finding for standard error, errors, absolute paths, figures over 80 KB, and cells not executed."""
    target = path(lesson, "solved")
    if not target.is_file():
        return  # the gate on stale editions says so
    cells = {cell.id: cell for cell in lesson.cells}
    content = json.loads(target.read_text(encoding="utf-8"))
    for number, cell in enumerate(content["cells"], 1):
        source_cell = cells.get(cell.get("id", ""))
        at = f"solved/{target.name}, cell {number}" + (f" (source line {source_cell.line})" if source_cell else "")
        if cell["cell_type"] == "code" and cell["source"] and cell.get("execution_count") is None:
            yield f"{at}: it has not been executed: labkit build {lesson.number} --force."
        for output in cell.get("outputs", []):
            yield from (f"{at}: {finding}" for finding in _output(output))


def compared(lesson: Lesson) -> Iterator[str]:
    """Yield a finding when a cell tagged ``nbval-check-output`` depends on ``lab``, a parameter or the profile.

    What those reach, step by step through the names that cells set, differs by run, processor or trained weights.
    """
    varying = {"lab", "by_profile"}
    with suppress(LabkitError):  # the gate on the parameters cell says so
        varying |= {parameter.name for parameter in parameters(lesson)}
    for cell in lesson.cells:
        if cell.kind != "code" or "parameters" in cell.tags:
            continue
        used = _used(cell) & varying
        if COMPARED in cell.tags and used:
            yield (
                f"{lesson.where(cell)}: its output is compared exactly, and it uses {', '.join(sorted(used))}, which "
                f"differs from run to run: drop the tag {COMPARED}, or use constants."
            )
        for statement in ast.parse(cell.text).body:
            names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
            names |= {node.name for node in ast.walk(statement) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
            stored = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and _stores(node)}
            if names & varying:
                varying |= stored | {statement.name} if isinstance(statement, ast.FunctionDef) else stored
            else:
                varying -= stored


def _output(output: Mapping[str, Any]) -> Iterator[str]:
    if output.get("name") == "stderr":
        yield f"standard error has {_start(output['text'])!r}: find its cause, or keep it off the page."
    if output["output_type"] == "error":
        yield f"it ended in {output['ename']}: show an expected error with try and except."
    data = output.get("data", {"text/plain": output.get("text", "")})
    for mime, value in data.items():
        text = value if isinstance(value, str) else "".join(value) if isinstance(value, list) else json.dumps(value)
        sizes = [len(base64.b64decode(image)) for image in _EMBEDDED.findall(text)]
        if mime.startswith("image/"):
            sizes.append(len(text) if mime.endswith("svg+xml") else len(base64.b64decode(text)))
            yield f"a figure of type {mime} has no alt text: use lab.show(figure, alt='…')."
        for size in sizes:
            if size > FIGURE:
                yield f"a figure takes {size / 1024:.0f} KB: 80 KB at most; draw fewer points or a smaller figure."
        if path_shown := _MACHINE.search(_EMBEDDED.sub("", text)) or _home().search(text):
            yield f"it shows {path_shown[0]!r}, which exists on one machine only: print the file's name, not its path."


def _home() -> re.Pattern[str]:
    home = str(Path.home())
    return re.compile(re.escape(home) + r"[/\\]\S*" if len(home) > 2 else r"(?!)")


def _start(text: str | list[str]) -> str:
    return ("".join(text).strip().splitlines() or [""])[0][:80]


def _used(cell: Cell) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(cell.text)) if isinstance(node, ast.Name) and not _stores(node)}


def _stores(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)
