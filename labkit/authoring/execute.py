"""Execute a solved edition in a clean kernel, and keep of its outputs what a reader needs and a repository can hold."""

from __future__ import annotations

import os
import platform
import re
import tempfile
import time
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from labkit.authoring.editions import Notebook
from labkit.base.errors import LabkitError
from labkit.lesson.source import Lesson
from labkit.runner import kernels
from labkit.session import events

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{6,}")


def execute(lesson: Lesson, content: Notebook) -> tuple[Notebook, dict[str, Any]]:
    """*content* with its outputs, and what is stored of the execution: date, versions, profile, seconds.

    Profile full, solved edition (a failing check raises), an empty folder to work in, and nothing kept of the
    learner's state. Raises LabkitError naming the cell that failed.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellControlSignal, CellExecutionError, DeadKernelError
    from traitlets.config import Config

    started, last = time.monotonic(), [""]
    with tempfile.TemporaryDirectory(prefix="labkit-build-") as scratch:
        client = NotebookClient(
            nbformat.from_dict(content),
            timeout=int(4 * lesson.budget_s["full"]),
            kernel_name=kernels.check(),
            config=Config({"KernelManager": {"transport_encryption": _encryption()}}),
            resources={"metadata": {"path": scratch}},
            record_timing=False,
            on_cell_execute=lambda cell, cell_index: last.append(cell["id"]),
        )
        try:
            done = client.execute(env=_environment(lesson, Path(scratch)))
        except CellExecutionError as error:
            raise LabkitError(f"{_failed(lesson, last[-1])}: {error.ename}: {error.evalue}") from None
        except DeadKernelError:
            raise LabkitError(
                f"{_failed(lesson, last[-1])}: its kernel died, most often for want of memory: "
                "close other programs and build it again."
            ) from None
        except CellControlSignal:  # a cell's own time is up
            raise LabkitError(
                f"{_failed(lesson, last[-1])}: this took more than four times the lesson's budget of "
                f"{lesson.budget_s['full']} s: make it smaller, or raise budget_s in its header."
            ) from None
    seconds = round(time.monotonic() - started)
    for cell, run in zip(content["cells"], done.cells, strict=True):
        if cell["cell_type"] == "code":
            cell["execution_count"] = run.execution_count
            cell["outputs"] = clean(run.outputs)
    return content, {
        "date": date.today().isoformat(),
        "profile": "full",
        "seconds": seconds,
        "versions": {"python": platform.python_version(), **_versions(content)},
    }


def clean(outputs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Outputs without sizes and addresses in memory, one stream output for several that follow each other."""
    kept: list[dict[str, Any]] = []
    for output in outputs:
        if output["output_type"] == "stream":
            if kept and kept[-1].get("name") == output["name"]:
                kept[-1]["text"] += _joined(output["text"])
            else:
                kept.append({"name": output["name"], "output_type": "stream", "text": _joined(output["text"])})
        elif "data" in output:
            data = {mime: _body(mime, value) for mime, value in output["data"].items()}
            kept.append({**_plain(output), "data": data, "metadata": {}})
        else:
            kept.append(_plain(output))
    for output in kept:
        if output["output_type"] == "stream":
            output["text"] = output["text"].splitlines(keepends=True)
    return kept


def _environment(lesson: Lesson, scratch: Path) -> dict[str, str]:
    return {
        **os.environ,
        "LABKIT_PROFILE": "full",
        "LABKIT_EDITION": "solved",
        "LABKIT_HOME": str(lesson.path.resolve().parents[2]),
        "LABKIT_STATE": str(scratch / "state"),
        "LABKIT_FILES": str(scratch / "files"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def _encryption() -> str:
    """What the messages to the kernel are encrypted with: ipykernel warns on standard error where they are not."""
    import zmq

    return "auto" if zmq.has("curve") else "disabled"  # auto: wherever the kernel says that it can


def _failed(lesson: Lesson, cell_id: str) -> str:
    """The place in the source of the cell that failed; before the first cell, the kernel did."""
    found = next((cell for cell in lesson.cells if cell.id == cell_id), None)
    return f"{lesson.where(found)} failed" if found else f"{lesson.path.name} failed before its first cell"


def _versions(content: Notebook) -> dict[str, str]:
    """The versions that the page itself told when it started; none when it has no session."""
    starts = [event for event in events.read(content)[0] if isinstance(event, events.Start)]
    return dict(starts[0].versions) if starts else {}


def _body(mime: str, value: Any) -> Any:
    if mime.endswith("json"):
        return _plain(value)
    text = _joined(value)
    return _ADDRESS.sub("", text).splitlines(keepends=True) if mime.startswith("text/") else text


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def _plain(value: Any) -> Any:
    """nbformat's own dictionaries as ordinary ones."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
