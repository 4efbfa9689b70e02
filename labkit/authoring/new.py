"""Start a lesson: write the skeleton of its source, of its exercises, and its line for the changelog."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path

from labkit.authoring import skeleton
from labkit.base import files, places
from labkit.base.errors import UsageError
from labkit.lesson import source


def create(number: str, title: str, notebooks: Path | None = None, package: Path = places.PACKAGE) -> list[Path]:
    """Write the three files of lesson *number* (two digits) called *title*; returns their paths.

    Raises UsageError when the number is taken or no number, when the title has no letters, and when one of the files
    exists: nothing is ever overwritten.
    """
    if not re.fullmatch(r"[0-9]{2}", number):
        raise UsageError(f'{number!r} is not a lesson number: give two digits, as in labkit new 32 "Title".')
    folder = source.notebooks_folder(notebooks)
    numbers = [path.name[:2] for path in source.sources(notebooks)]
    if number in numbers:
        raise UsageError(f"Lesson {number} exists already: choose a free number (in use: {', '.join(numbers)}).")
    title = " ".join(title.split())
    contents = {
        folder / "source" / f"{number}_{_slug(title)}.py": skeleton.SOURCE,
        package / "exercises" / f"lesson{number}.py": skeleton.EXERCISES,
        folder.parent / "changes" / f"{number}.md": skeleton.FRAGMENT,
    }
    for path in contents:
        if path.exists():
            raise UsageError(f"{path.name} exists already: rename or remove it first.")
    header_title = json.dumps(title, ensure_ascii=False)  # a text in double quotes is YAML too
    for path, text in contents.items():
        files.write(path, text.format(number=number, title=title, header_title=header_title))
    return list(contents)


def _slug(title: str) -> str:
    """Return *title* as the end of a file name, in small ASCII letters, digits and underscores."""
    letters = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "_", letters).strip("_")
    if not slug:
        raise UsageError(f"The title {title!r} has no Latin letters for the file's name: give one that has.")
    return slug
