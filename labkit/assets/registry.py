"""The registry of data sets, from ``data/registry.toml``: files, checksums, licence, citation, shapes, addresses."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.base import files, places
from labkit.base.errors import LabkitError, one_of
from labkit.methods.tensor_limits import name_problem, shown

_MOST_BYTES = 2**20  # of a registry
_TEXTS = ("title", "about", "homepage", "licence", "citation", "format", "note")
_COUNTS = ("train", "test", "validation")
_IDX_ROLES = {"train_images", "train_labels", "test_images", "test_labels"}


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
        """Return the file with this role, such as ``train_images``; raises KeyError when the set has none."""
        return next(file for file in self.files if file.role == role)


def path() -> Path:
    """Return where the registry stands."""
    return places.course() / "data" / "registry.toml"


def names() -> list[str]:
    """Return the names of the data sets, in the registry's order."""
    return list(_read(path()))


def entry(name: str) -> Entry:
    """Return the data set *name*; raises UsageError naming the known ones and the nearest."""
    known = _read(path())
    return known[one_of("data set", name, known)]


@functools.lru_cache(maxsize=8)
def _read(file: Path) -> dict[str, Entry]:
    content = files.read(file, _MOST_BYTES, "a registry of data sets")
    try:
        return {name: _entry(name, fields) for name, fields in tomllib.loads(content.decode()).items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise LabkitError(
            f"{file} cannot be read as a registry of data sets ({reason}): restore it from git."
        ) from error


def _entry(name: str, fields: dict[str, Any]) -> Entry:
    """Return the data set *name*. Raises KeyError, TypeError or ValueError for fields that are not an `Entry`'s."""
    data_files = tuple(_file(item) for item in fields["files"])
    rest = fields | {
        "shape": tuple(fields["shape"]),
        "classes": tuple(fields["classes"]),
        "files": data_files,
    }
    entry = Entry(name=name, **rest)
    for field in _TEXTS:
        _require(getattr(entry, field), str, f"{name}.{field}")
    for field in _COUNTS:
        _require(getattr(entry, field), int, f"{name}.{field}")
    for length in entry.shape:
        _require(length, int, f"{name}.shape")
    for label in entry.classes:
        _require(label, str, f"{name}.classes")
    if entry.format == "idx" and not {item.role for item in data_files} >= _IDX_ROLES:
        raise ValueError(f"{name} has not the files {', '.join(sorted(_IDX_ROLES))}")
    if entry.format == "npz" and "arrays" not in {item.role for item in data_files}:
        raise ValueError(f"{name} has not the file arrays")
    return entry


def _file(fields: dict[str, Any]) -> File:
    """Return a file of a data set. Raises as `_entry` does, also for a name that leads out of its folder."""
    accepted = tuple(Content(**content) for content in fields["accepted"])
    for field in ("role", "name", "url"):
        _require(fields[field], str, field)
    if not accepted:
        raise ValueError(f"file {fields['name']!r} has no accepted content")
    for content in accepted:
        _require(content.what, str, "what")
        _require(content.bytes, int, "bytes")
        _require(content.sha256, str, "sha256")
    problem = "is a path" if "/" in fields["name"] else name_problem(fields["name"])
    if problem:
        raise ValueError(f"the file's name {shown(fields['name'])} {problem}")
    return File(fields["role"], fields["name"], fields["url"], accepted)


def _require(value: object, kind: type, what: str) -> None:
    is_kind = isinstance(value, kind) and not isinstance(value, bool)
    if not is_kind or (isinstance(value, int) and value < 0):
        raise TypeError(f"{what} is {value!r}"[:120])
