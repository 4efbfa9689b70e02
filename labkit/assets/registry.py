"""What data sets there are, from ``data/registry.toml``: files, checksums, licence, citation, shapes, addresses."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.base import places
from labkit.base.errors import LabkitError, one_of


@dataclass(frozen=True)
class Content:
    """One accepted content of a file: what it is, its length in bytes and its SHA-256."""

    what: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class File:
    """A file of a data set; ``accepted[0]`` is what the official address ``url`` gives."""

    role: str
    name: str
    url: str
    accepted: tuple[Content, ...]


@dataclass(frozen=True)
class Entry:
    """A data set: ``train`` counts all training images, of which the last ``validation`` are held out for choices."""

    name: str
    title: str
    about: str
    homepage: str
    licence: str
    citation: str
    format: str
    shape: tuple[int, ...]
    train: int
    test: int
    validation: int
    classes: tuple[str, ...]
    note: str
    files: tuple[File, ...]

    def file(self, role: str) -> File:
        """The file with this role, such as ``train_images``; raises KeyError when the set has none."""
        return next(file for file in self.files if file.role == role)


def path() -> Path:
    """Where the registry stands."""
    return places.course() / "data" / "registry.toml"


def names() -> list[str]:
    """The names of the data sets, in the registry's order."""
    return list(_read(path()))


def entry(name: str) -> Entry:
    """The data set *name*; raises UsageError naming the known ones and the nearest."""
    known = _read(path())
    return known[one_of("data set", name, known)]


@functools.lru_cache(maxsize=8)
def _read(file: Path) -> dict[str, Entry]:
    try:
        return {name: _entry(name, fields) for name, fields in tomllib.loads(file.read_text("utf-8")).items()}
    except (tomllib.TOMLDecodeError, KeyError, TypeError, OSError) as error:
        raise LabkitError(
            f"{file} cannot be read as a registry of data sets ({error}): restore it from git."
        ) from error


def _entry(name: str, fields: dict[str, Any]) -> Entry:
    files = tuple(
        File(f["role"], f["name"], f["url"], tuple(Content(**content) for content in f["accepted"]))
        for f in fields["files"]
    )
    rest = fields | {"shape": tuple(fields["shape"]), "classes": tuple(fields["classes"]), "files": files}
    return Entry(name=name, **rest)
