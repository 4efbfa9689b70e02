"""Cells of a jupytext percent script.

The form is narrow and gated, so that these few lines read a lesson in milliseconds, where importing jupytext takes a
second; a test holds them to jupytext, cell for cell (blank lines at a cell's end are never part of it here).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labkit.base.errors import LabkitError

_MARK = re.compile(r"# %%(?P<markdown> \[markdown\])?(?: tags=(?P<tags>\[.*\]))?$")
_MAGIC = re.compile(r"\s*(?:# ?)?[%!]\S")


@dataclass(frozen=True)
class Cell:
    """One cell: its text without comment signs, its tags, an id that stays when other parts change, its source line."""

    kind: Literal["markdown", "code"]
    text: str
    tags: tuple[str, ...] = ()
    id: str = ""
    line: int = 0


def cells(number: str, path: Path, lines: list[str], start: int) -> Iterator[Cell]:
    """Yield the cells of *lines* from *start* on, with ids for lesson *number*; LabkitError names file and line."""
    return _with_ids(number, _cells(path, lines, start))


def _cells(path: Path, lines: list[str], start: int) -> Iterator[Cell]:
    """Return the cells below the header; a cell's mark is ``# %%``, with ``[markdown]`` or ``tags=[…]`` or neither."""
    marks = [index for index in range(start, len(lines)) if lines[index].startswith("# %%")]
    stray = next((index for index in range(start, marks[0] if marks else len(lines)) if lines[index].strip()), None)
    if stray is not None:
        raise LabkitError(f"{path.name}:{stray + 1}: this is before the first cell: begin it with '# %%'.")
    for index, end in zip(marks, [*marks[1:], len(lines)], strict=True):
        mark = _MARK.match(lines[index].rstrip())
        if mark is None:
            raise LabkitError(
                f"{path.name}:{index + 1}: a cell begins with '# %%', '# %% [markdown]' or "
                "'# %% tags=[\"name\"]', and no more."
            )
        body = _trim(lines[index + 1 : end])
        if not body:
            raise LabkitError(f"{path.name}:{index + 1}: this cell is empty: fill it or delete it.")
        if mark["markdown"]:
            body = [_uncomment(path, index + 2 + offset, line) for offset, line in enumerate(body)]
            if not body[-1].strip():  # jupytext would add the empty lines below it
                raise LabkitError(f"{path.name}:{index + 1 + len(body)}: a text cell ends in words: delete this line.")
        else:
            for offset, line in enumerate(body):
                if _MAGIC.match(line):
                    raise LabkitError(
                        f"{path.name}:{index + 2 + offset}: {line.strip()!r} would be an IPython magic: "
                        "write plain Python."
                    )
            _compile(path, index + 1, body)
        yield Cell(
            "markdown" if mark["markdown"] else "code",
            "\n".join(body),
            _tags(path, index, mark["tags"]),
            "",
            index + 1,
        )


def _compile(path: Path, before: int, body: list[str]) -> None:
    try:
        ast.parse("\n".join(body))
    except SyntaxError as error:
        raise LabkitError(f"{path.name}:{before + (error.lineno or 1)}: this is not Python ({error.msg}).") from None


def _trim(lines: list[str]) -> list[str]:
    """Return the lines without the blank ones at the end, as jupytext reads them."""
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return lines


def _uncomment(path: Path, number: int, line: str) -> str:
    if line == "#":
        return ""
    if not line.startswith("# "):
        raise LabkitError(f"{path.name}:{number}: every line of a text cell begins with '# ', or is '#' alone.")
    return line[2:]


def _tags(path: Path, index: int, text: str | None) -> tuple[str, ...]:
    try:
        tags = ast.literal_eval(text) if text else []
        if all(isinstance(tag, str) for tag in tags):
            return tuple(tags)
    except (ValueError, SyntaxError):
        pass
    raise LabkitError(f'{path.name}:{index + 1}: tags are a list of words in quotes, such as tags=["parameters"].')


def _with_ids(number: str, cells_of_part: Iterator[Cell]) -> Iterator[Cell]:
    """Name each cell after its part and its place there, so that an edit elsewhere in the page does not rename it."""
    part, counts = "start", dict[str, int]()
    for cell in cells_of_part:
        heading = re.match(r"## +(.+)|### +\d\d\.(\d+)", cell.text) if cell.kind == "markdown" else None
        if heading:
            slug = re.sub(r"[^a-z0-9]+", "-", (heading[1] or "").lower()).strip("-")[:40]
            part = f"exercise-{heading[2]}" if heading[2] else slug or "part"
        counts[part] = counts.get(part, 0) + 1
        yield Cell(cell.kind, cell.text, cell.tags, f"{number}-{part}-{counts[part]}", cell.line)
