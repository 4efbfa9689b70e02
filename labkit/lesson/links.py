"""Links to the lessons before and after, added to a notebook where it is read: in a working copy, or on a site.

A stored notebook has no such links, so that a new lesson changes no other notebook.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Place:
    """One lesson in its folder: the ``name`` of its file without the ending, and the ``heading`` shown in a link."""

    name: str
    heading: str


def place(name: str, text: str | bytes) -> Place:
    """Return the place of the notebook *name* with the JSON *text*; its heading is *name* when *text* has none."""
    try:
        first_cell = json.loads(text)["cells"][0]
        first_line = "".join(first_cell["source"]).splitlines()[0]
    except (ValueError, LookupError, TypeError):
        return Place(name, name)
    return Place(name, first_line.removeprefix("# ") or name)


def neighbours(name: str, places: Sequence[Place]) -> str:
    """Return Markdown links to the lessons before and after *name* in *places*, which are in the course's order."""
    index = [each.name for each in places].index(name)
    ends = []
    if index > 0:
        ends.append(_link(places[index - 1], "← "))
    if index + 1 < len(places):
        ends.append(_link(places[index + 1], "→ "))
    return " · ".join(ends)


def with_links(name: str, text: str | bytes, places: Sequence[Place]) -> bytes:
    """Return the notebook *name* with links to its neighbours below its card and in a last cell, as UTF-8 JSON.

    The text comes back as it is when it is no notebook, or when the lesson has no neighbours.
    """
    content = text.encode() if isinstance(text, str) else text
    line = neighbours(name, places)
    try:
        notebook = json.loads(content)
        cells = list(notebook["cells"])
    except (ValueError, LookupError, TypeError):
        return content
    if not line:
        return content
    number = name[:2]
    cells = [_with_line(cell, line) if cell.get("id") == f"{number}-card" else cell for cell in cells]
    cells.append({"cell_type": "markdown", "id": f"{number}-next", "metadata": {}, "source": [line]})
    linked = {**notebook, "cells": cells}
    return (json.dumps(linked, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _with_line(cell: Mapping[str, Any], line: str) -> dict[str, Any]:
    text = "".join(cell["source"]) + f"\n\n{line}"
    return {**cell, "source": text.splitlines(keepends=True)}


def _link(target: Place, arrow: str) -> str:
    return f"[{arrow}{target.heading}]({target.name}.ipynb)"
