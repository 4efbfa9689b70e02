"""Read executed notebooks, and find the cell that stopped one. Anybody may have made the files that come here."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labkit.base import records
from labkit.base.errors import LabkitError
from labkit.session.events import cells_of, outputs_of

LARGEST_BYTES = 200 * 2**20  # a page's stored notebook has less than one MiB
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_ERROR_LINES = 40  # of an error's text, from its end, which is what helps
_LINE_LENGTH = 1_000
_SOURCE_LENGTH = 20_000


def read_json(path: Path, largest: int = LARGEST_BYTES) -> Any:
    """Return the parsed JSON of the regular file at *path*.

    Raises LabkitError when it is a link, pipe or folder, when it has more than *largest* bytes, when it cannot be
    opened, when its content is not JSON, and when it is nested too deeply.
    """
    try:
        check_regular(path)
        size = path.lstat().st_size
        if size > largest:
            raise LabkitError(
                f"This file has {size:,} bytes, but files of at most {largest:,} are read: clear its large outputs."
            )
        return json.loads(path.read_bytes())
    except OSError as error:
        raise LabkitError(f"This file cannot be read ({error.strerror or error}): check its permissions.") from None
    except RecursionError:
        raise LabkitError("The JSON in this file is nested too deeply: run the lesson again.") from None
    except ValueError as error:  # also what is no UTF-8
        detail = str(error)[:120]
        raise LabkitError(f"This file contains no valid JSON ({detail}): run the lesson again.") from None


def check_regular(path: Path) -> None:
    """Raise LabkitError when *path* is a link, pipe, device or folder; reading a pipe would wait for ever."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise LabkitError("This is not a regular file but a link, folder, pipe or device: put the file itself there.")


def failure_of(notebook: Any) -> tuple[str, str]:
    """Return the source and the error text of the cell that stopped *notebook*; two empty texts when none did.

    Cells with the tag ``raises-exception`` are meant to fail. Raises LabkitError when *notebook* is no notebook.
    """
    for cell in cells_of(notebook):
        if "raises-exception" in _tags(cell):
            continue
        for output in outputs_of(cell):
            if output.get("output_type") == "error":
                return _text(cell.get("source"))[:_SOURCE_LENGTH], _error_text(output)
    return "", ""


def duration_of(notebook: Any) -> float:
    """Return the seconds that papermill noted for executing *notebook*; 0 where it noted none."""
    duration = _item(_item(_item(notebook, "metadata"), "papermill"), "duration")
    return float(duration) if records.fits(duration, float) and duration > 0 else 0.0


def _tags(cell: Mapping[str, Any]) -> list[Any]:
    """Return the tags of a cell; an empty list for metadata of another shape."""
    tags = _item(cell.get("metadata"), "tags")
    return tags if isinstance(tags, list) else []


def _item(value: Any, key: str) -> Any:
    """Return the entry *key* of a JSON object; None where *value* is none or has no such entry."""
    return value.get(key) if isinstance(value, Mapping) else None


def _error_text(output: Mapping[str, Any]) -> str:
    """Return the last lines of an error output's traceback, with the error's own message among them."""
    traceback = _ANSI.sub("", _text(output.get("traceback"), "\n")).strip()
    message = f"{_text(output.get('ename')) or 'Error'}: {_text(output.get('evalue'))}"
    if message.splitlines()[0] not in traceback:
        traceback = f"{traceback}\n{message}".strip()
    lines = traceback.splitlines()
    omission = ["…"] if len(lines) > _ERROR_LINES else []
    return "\n".join(omission + [line[:_LINE_LENGTH] for line in lines[-_ERROR_LINES:]])


def _text(value: Any, separator: str = "") -> str:
    """Return a notebook's multi-line text, which is stored as a string or a list of strings; else an empty text."""
    if isinstance(value, list):
        return separator.join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""
