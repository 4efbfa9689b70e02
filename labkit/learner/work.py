"""Manage a learner's copies in ``work/``, which git ignores; no function here overwrites a learner's work."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from labkit.base import files, learner_state, places
from labkit.base.errors import LabkitError, UsageError, nearest
from labkit.lesson import links

STATE = ".labkit.json"
OLD = "old"  # in work/: where a reset moves the learner's copy
SETTINGS = ".jupyterlab"  # in work/: how JupyterLab shows the course
# A link to the glossary opens it as text to read, not as a source to edit.
_OVERRIDES = {"@jupyterlab/docmanager-extension:plugin": {"defaultViewers": {"markdown": "Markdown Preview"}}}
Fate = Literal["copied", "renewed", "unchanged", "yours", "yours, newer edition"]


@dataclass(frozen=True)
class Copy:
    """One lesson's copy in ``work/`` and what became of it; ``kept`` is where a reset put the learner's old one."""

    path: Path
    fate: Fate
    kept: Path | None = None


@dataclass(frozen=True)
class Digests:
    """The SHA-256 of a copy as it was written, and of the edition from which it was made."""

    copy: str = ""
    edition: str = ""


@dataclass(frozen=True)
class _Source:
    """A student edition as a copy would be written now: its ``content`` with links to its neighbours."""

    target: Path
    content: bytes
    digests: Digests


def editions(course: Path | None = None) -> list[Path]:
    """Return the student editions, in order; raises LabkitError when none is built."""
    folder = (course or places.course()) / "notebooks"
    paths = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise LabkitError(f"There are no lessons in {folder}: run 'labkit build', which makes them from their sources.")
    return paths


def edition(lesson: str, course: Path | None = None) -> Path:
    """Return the student edition of *lesson* (``31``, ``31_magnitude_pruning`` or its file).

    Raises UsageError, with the nearest name, when there is no such lesson.
    """
    paths = editions(course)
    name = Path(lesson).name.removesuffix(".ipynb")
    name = name.zfill(2) if name.isdecimal() else name
    paths_by_name = {key: path for path in paths for key in (path.stem[:2], path.stem[3:], path.stem)}
    if name not in paths_by_name:
        numbers = [path.stem[:2] for path in paths]
        candidates = numbers if name.isdecimal() else [key for key in paths_by_name if key not in numbers]
        near = nearest(name, candidates)
        raise UsageError(f"There is no lesson {lesson!r}{near} (lessons: {', '.join(numbers)}).")
    return paths_by_name[name]


def prepare(course: Path | None = None) -> list[Copy]:
    """Copy every student edition into ``work/``, with links to its neighbours; returns what became of each.

    A copy that its learner changed stays as it is. One that is still as it was copied is renewed with the course.
    """
    root = course or places.course()
    state = _read_state(root)
    copies = []
    for source in _sources(root):
        name = source.target.name
        fate = _fate(source, state.get(name, Digests()))
        if fate in ("copied", "renewed"):
            files.write(source.target, source.content)
        if not fate.startswith("yours"):
            state[name] = source.digests
        copies.append(Copy(source.target, fate))
    _write_state(root, state)
    return copies


def reset(lesson: str, course: Path | None = None, now: datetime | None = None) -> Copy:
    """Renew the copy of *lesson*; a changed one is kept as ``work/old/31_name.2026-11-24T1530.ipynb``.

    The lesson's exercises count as unsolved again.
    """
    root = course or places.course()
    name = edition(lesson, root).name
    source = next(source for source in _sources(root) if source.target.name == name)
    state = _read_state(root)
    fate = _fate(source, state.get(name, Digests()))
    kept = None
    if fate.startswith("yours"):
        kept = _free_name(source.target, now or datetime.now())
        try:
            kept.parent.mkdir(exist_ok=True)
            source.target.rename(kept)
        except OSError as error:
            raise files.explain(error, kept) from error
    if fate != "unchanged":
        files.write(source.target, source.content)
    state[name] = source.digests
    _write_state(root, state)
    learner_state.forget("progress.json", name[:2])
    return Copy(source.target, fate, kept)


def open_lab(lesson: str | None = None, port: int | None = None, browser: bool = True) -> int:
    """Bring the copies up to date, then run JupyterLab on *lesson*'s copy (the first lesson's unless said otherwise).

    Returns JupyterLab's exit code. Raises LabkitError when *port* is taken.
    """
    root = places.course()
    opened = (edition(lesson, root) if lesson else editions(root)[0]).name
    if port is not None:
        require_free(port)
    for line in sentences(prepare(root)):
        print(line, flush=True)
    settings = root / "work" / SETTINGS / "overrides.json"
    if not settings.exists():
        files.write(settings, json.dumps(_OVERRIDES, indent=1) + "\n")
    return _run(command(root, opened, port, browser), root)


def command(root: Path, notebook: str, port: int | None = None, browser: bool = True) -> list[str]:
    """Return the command line that starts JupyterLab with the course as its root and ``work/``'s *notebook* open.

    It runs from this Python's own environment, and so does its kernel.
    """
    words = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={root}"]
    words.append(f"--LabApp.default_url=/lab/tree/work/{notebook}")
    words.append(f"--LabApp.app_settings_dir={root / 'work' / SETTINGS}")
    if port is not None:  # without one, JupyterLab takes 8888 or the next that is free
        words += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if not browser:
        words.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # in a container one is root, which Jupyter refuses unasked
        words.append("--allow-root")
    return words


def require_free(port: int) -> None:
    """Raise UsageError when *port* is no port, LabkitError when something listens on it already."""
    if not 1 <= port <= 65535:
        raise UsageError(f"Port {port} is not a port: name one from 1024 to 65535, as in 'labkit lab --port 8890'.")
    with socket.socket() as probe:
        if os.name == "posix":  # what a server does; on Windows it would let two servers share a port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise LabkitError(f"Port {port} needs special rights: name one from 1024 to 65535.") from None
        except OSError:
            raise LabkitError(
                f"Port {port} is in use, perhaps by another JupyterLab: leave --port out to use a free one, "
                "or name another."
            ) from None


def sentences(copies: list[Copy]) -> Iterator[str]:
    """Yield what a learner should know: how many lessons are new in ``work/``, and which have a newer edition."""
    copied = sum(copy.fate == "copied" for copy in copies)
    if copied:
        word = "lesson" if copied == 1 else "lessons"
        yield f"{copied} {word} copied to {copies[0].path.parent}: this is your folder, write in it as you like."
    for copy in copies:
        if copy.fate == "yours, newer edition":
            number = copy.path.stem[:2]
            yield (
                f"Lesson {number} has a newer edition than your copy, which stays as it is: "
                f"'labkit reset {number}' gets the new one and keeps yours in {copy.path.parent.name}/{OLD}."
            )


def _sources(root: Path) -> list[_Source]:
    """Return every student edition of the course *root*, as its copy would be written now."""
    texts = {path: path.read_bytes() for path in editions(root)}
    places_in_order = [links.place(path.stem, text) for path, text in texts.items()]
    sources = []
    for path, text in texts.items():
        content = links.with_links(path.stem, text, places_in_order)
        digests = Digests(files.sha256(content), files.sha256(text))
        sources.append(_Source(root / "work" / path.name, content, digests))
    return sources


def _fate(source: _Source, last: Digests) -> Fate:
    """Return what to do with the copy of *source*, of which *last* are the digests when it was last written."""
    if not source.target.exists():
        return "copied"
    present = files.sha256(source.target)
    if present == source.digests.copy:
        return "unchanged"
    if present == last.copy:
        return "renewed"
    return "yours" if last.edition == source.digests.edition else "yours, newer edition"


def _free_name(target: Path, now: datetime) -> Path:
    folder = target.parent / OLD
    stem = f"{target.stem}.{now:%Y-%m-%dT%H%M}"
    path, number = folder / f"{stem}.ipynb", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.ipynb"
    return path


def _read_state(root: Path) -> dict[str, Digests]:
    """Return the digests of each copy; none when the file is lost or damaged, and then every copy counts as changed."""
    try:
        entries = json.loads((root / "work" / STATE).read_text(encoding="utf-8")).items()
        return {str(name): _digests(entry) for name, entry in entries}
    except (OSError, ValueError, AttributeError, TypeError, KeyError):
        return {}


def _digests(entry: Any) -> Digests:
    """Return the digests in an *entry* of the state; labkit 0.1 copied editions as they were and wrote one digest."""
    if isinstance(entry, str):
        return Digests(entry, entry)
    return Digests(str(entry["copy"]), str(entry["edition"]))


def _write_state(root: Path, state: dict[str, Digests]) -> None:
    if state != _read_state(root):
        entries = {name: asdict(digests) for name, digests in state.items()}
        files.write(root / "work" / STATE, json.dumps(entries, indent=1, sort_keys=True) + "\n")


def _run(words: list[str], folder: Path) -> int:
    """Run JupyterLab in this process's place where the system can, so that Ctrl-C reaches it alone."""
    if os.name == "posix":
        os.chdir(folder)
        sys.stdout.flush()
        os.execv(words[0], words)
    return subprocess.run(words, cwd=folder, check=False).returncode
