"""Keep the changelog in fragments until a release: ``changes/NN.md`` for lesson NN, ``changes/NAME.md`` for the rest.

Each fragment holds the bullets of one change, so that two changes never edit the same lines of ``CHANGELOG.md``.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from labkit.base import files, places
from labkit.base.errors import LabkitError, UsageError

_VERSION = re.compile(r"\d+\.\d+\.\d+")
_RELEASE = re.compile(r"^## \d", re.MULTILINE)
SUMMARY = "summary"  # changes/summary.md: the paragraph below the version's heading


def fragments(root: Path) -> list[Path]:
    """Return the fragments in ``changes/`` of the course *root*, lessons first, each group in order of names."""
    paths = [path for path in (root / "changes").glob("*.md") if path.stem != "README"]
    return sorted(paths, key=lambda path: (not _is_lesson(path), path.name))


def section(root: Path, version: str, day: date) -> str:
    """Return the changelog's section for *version*: heading, summary, lessons, package and tools."""
    texts = {path: path.read_text(encoding="utf-8").strip() for path in fragments(root)}
    summary = [text for path, text in texts.items() if path.stem == SUMMARY]
    lessons = [text for path, text in texts.items() if _is_lesson(path)]
    others = [text for path, text in texts.items() if not _is_lesson(path) and path.stem != SUMMARY]
    blocks = [f"## {version} ({day.isoformat()})", *summary]
    if lessons:
        blocks.append("### Lessons\n" + "\n".join(lessons))
    if others:
        blocks.append("### Package and tools\n" + "\n".join(others))
    return "\n\n".join(blocks) + "\n\n"


def release(version: str, root: Path | None = None, day: date | None = None) -> int:
    """Move all fragments to ``CHANGELOG.md`` as *version* (major.minor.patch); returns how many there were.

    Raises UsageError for something that is no version, LabkitError without fragments or without a changelog.
    """
    if not _VERSION.fullmatch(version):
        raise UsageError(f"{version!r} is not a version: give three numbers, such as 0.2.0.")
    folder = root or places.course()
    document = folder / "CHANGELOG.md"
    paths = fragments(folder)
    if not paths:
        raise LabkitError("There are no fragments in changes/: nothing has changed since the last release.")
    try:
        text = document.read_text(encoding="utf-8")
    except OSError as error:
        raise files.explain(error, document) from error
    first_release = _RELEASE.search(text)
    index = first_release.start() if first_release else len(text)
    files.write(document, text[:index] + section(folder, version, day or date.today()) + text[index:])
    for path in paths:
        path.unlink()
    return len(paths)


def _is_lesson(path: Path) -> bool:
    return re.fullmatch(r"\d\d", path.stem) is not None
