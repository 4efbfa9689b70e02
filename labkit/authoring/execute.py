"""Execute a solved edition with the runner, and keep of its outputs what a reader needs and a repository can hold."""

from __future__ import annotations

import io
import json
import platform
import re
import tempfile
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from labkit.authoring.editions import Notebook
from labkit.base import files
from labkit.base.errors import LabkitError
from labkit.lesson.source import Lesson
from labkit.runner import kernels, plan, scheduler
from labkit.runner.display import Live
from labkit.session import events

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{6,}")


def execute(lesson: Lesson, content: Notebook) -> tuple[Notebook, dict[str, Any]]:
    """Return *content* with its outputs, and what is stored of the execution: date, versions, profile, seconds.

    Profile full, solved edition (a failing check raises), an empty folder to work in, and nothing kept of the
    learner's state. Raises LabkitError naming the cell that failed, and KeyboardInterrupt when the reader stops it.
    """
    kernel = kernels.check()
    with tempfile.TemporaryDirectory(prefix="labkit-build-") as scratch:
        folder = Path(scratch).resolve()
        notebook = files.write(folder / f"{lesson.name}.ipynb", json.dumps(content))
        job = plan.job_of(lesson, {}, profile="full", edition="solved", kernel=kernel, notebook=notebook)
        result = scheduler.execute([job], folder / "runs", live=Live(io.StringIO()))
        outcome = result.outcomes[0]
        if result.interrupted:
            raise KeyboardInterrupt
        if outcome.status != "ok":
            raise LabkitError(f"{_failed(lesson, content, outcome.cell)}: {outcome.message}")
        executed = json.loads(job.paths(folder / "runs")[0].read_text(encoding="utf-8"))
    for cell, executed_cell in zip(content["cells"], executed["cells"], strict=True):
        if cell["cell_type"] == "code":
            cell["execution_count"] = executed_cell["execution_count"]
            cell["outputs"] = clean(executed_cell["outputs"])
    return content, {
        "date": date.today().isoformat(),
        "profile": "full",
        "seconds": round(outcome.elapsed_s),
        "versions": {"python": platform.python_version(), **_versions(content)},
    }


def clean(outputs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return outputs without sizes and addresses in memory, with one stream output for those that follow each other."""
    kept: list[dict[str, Any]] = []
    for output in outputs:
        if output["output_type"] == "stream":
            if kept and kept[-1].get("name") == output["name"]:
                kept[-1]["text"] += _joined(output["text"])
            else:
                kept.append({"name": output["name"], "output_type": "stream", "text": _joined(output["text"])})
        elif "data" in output:
            data = {mime: _body(mime, value) for mime, value in output["data"].items()}
            kept.append({**output, "data": data, "metadata": {}})
        else:
            kept.append(dict(output))
    for output in kept:
        if output["output_type"] == "stream":
            output["text"] = output["text"].splitlines(keepends=True)
    return kept


def _failed(lesson: Lesson, content: Notebook, number: int) -> str:
    """Return the place in the source of the code cell with this number, from 1; 0 for a kernel that did not start."""
    ids = [cell["id"] for cell in content["cells"] if cell["cell_type"] == "code"]
    cell = next((cell for cell in lesson.cells if number and cell.id == ids[number - 1]), None)
    return f"{lesson.where(cell)} failed" if cell else f"{lesson.path.name} failed before its first cell"


def _versions(content: Notebook) -> dict[str, str]:
    """Return the versions that the page itself recorded when it started; none when it has no session."""
    starts = [event for event in events.read(content)[0] if isinstance(event, events.Start)]
    return dict(starts[0].versions) if starts else {}


def _body(mime: str, value: Any) -> Any:
    if mime.endswith("json"):
        return value
    text = _joined(value)
    return _ADDRESS.sub("", text).splitlines(keepends=True) if mime.startswith("text/") else text


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)
