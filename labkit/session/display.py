"""What a page leaves behind: one event an output, inside the executed notebook, where the report finds it."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from typing import Any

from labkit.base import files, places
from labkit.base.errors import LabkitError

MIME = "application/vnd.labkit.record+json"
SCHEMA = 1


def emit(event: Mapping[str, Any], page: str, text: str) -> None:
    """Show *page* (HTML) with *text* as its plain form, and carry *event* in the same output for the report."""
    from IPython.core.getipython import get_ipython
    from IPython.display import display

    record = _plain({"schema": SCHEMA, **event})
    if get_ipython() is None:  # a script, not a notebook: say it in words
        print(text)
        return
    display({"text/html": page, "text/plain": text, MIME: record}, raw=True)


def events(notebook: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every event in an executed notebook (nbformat 4, as a dict), in order; other schemas are left out."""
    found = (
        output.get("data", {}).get(MIME) for cell in notebook.get("cells", []) for output in cell.get("outputs", [])
    )
    return [dict(event) for event in found if isinstance(event, Mapping) and event.get("schema") == SCHEMA]


def note(kind: str, body: str) -> str:
    """A callout as plain Jupyter shows it; *kind* is success, info, warning or danger, *body* is HTML."""
    return f'<div class="alert alert-{kind}">{body}</div>'


def escape(text: object) -> str:
    """*text* made safe to stand in HTML."""
    return html.escape(str(text))


def remember(file: str, lesson: str, key: str, value: Any) -> None:
    """Keep *value* under lesson and key in *file* of the user's own folder, if that can be written."""
    path = places.records() / file
    known = recall(file)
    known.setdefault(lesson, {})[key] = value
    with suppress(LabkitError):  # a page must go on where the home folder is read-only; only the memory is lost
        files.write(path, json.dumps(known, indent=1, sort_keys=True))


def recall(file: str) -> dict[str, dict[str, Any]]:
    """What `remember` kept in *file*; empty when there is none or it cannot be read."""
    try:
        known = json.loads((places.records() / file).read_text())
    except (OSError, ValueError):
        return {}
    known = known if isinstance(known, dict) else {}
    return {lesson: kept for lesson, kept in known.items() if isinstance(kept, dict)}


def remember_check(lesson: str, exercise: str) -> None:
    """Note on this machine that *exercise* was passed today, for ``labkit progress``."""
    if exercise not in recall("progress.json").get(lesson, {}):
        remember("progress.json", lesson, exercise, date.today().isoformat())


def _plain(value: Any) -> Any:
    """*value* as JSON knows it: NumPy numbers become Python's, what is not finite becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)
