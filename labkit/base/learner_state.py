"""The learner's state on this machine: guesses and passed exercises, in the user's own folder."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import date
from typing import Any

from labkit.base import files, places
from labkit.base.errors import LabkitError


def remember(file: str, lesson: str, key: str, value: Any) -> None:
    """Keep *value* under lesson and key in *file* of the user's own folder, if that can be written."""
    path = places.records() / file
    state = recall(file)
    state.setdefault(lesson, {})[key] = value
    with suppress(LabkitError):  # a page must go on where the home folder is read-only; only the memory is lost
        files.write(path, json.dumps(state, indent=1, sort_keys=True))


def recall(file: str) -> dict[str, dict[str, Any]]:
    """Return what `remember` kept in *file*; empty when there is none or it cannot be read."""
    try:
        state = json.loads((places.records() / file).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    state = state if isinstance(state, dict) else {}
    return {lesson: kept for lesson, kept in state.items() if isinstance(kept, dict)}


def remember_check(lesson: str, exercise: str) -> None:
    """Record on this machine that *exercise* was passed today, for ``labkit progress``."""
    if exercise not in recall("progress.json").get(lesson, {}):
        remember("progress.json", lesson, exercise, date.today().isoformat())


def forget(file: str, lesson: str) -> None:
    """Drop what `remember` kept for *lesson* in *file*, if the file can be written."""
    state = recall(file)
    if state.pop(lesson, None) is not None:
        with suppress(LabkitError):
            files.write(places.records() / file, json.dumps(state, indent=1, sort_keys=True))
