"""A learner's copies: ``work/`` holds them, git ignores it, and nothing here ever overwrites what a learner wrote."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from labkit.base import files, places
from labkit.base.errors import LabkitError, UsageError, nearest

STATE = ".labkit.json"
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


def editions(course: Path | None = None) -> list[Path]:
    """The student editions, in order; raises LabkitError when none is built."""
    folder = (course or places.course()) / "notebooks"
    found = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise LabkitError(f"There are no lessons in {folder}: run 'labkit build', which makes them from their sources.")
    return found


def edition(lesson: str, course: Path | None = None) -> Path:
    """The student edition of *lesson* (``31``, ``31_magnitude_pruning`` or its file); UsageError names the nearest."""
    found = editions(course)
    wanted = Path(lesson).name.removesuffix(".ipynb")
    wanted = wanted.zfill(2) if wanted.isdecimal() else wanted
    known = {key: path for path in found for key in (path.stem[:2], path.stem[3:], path.stem)}
    if wanted not in known:
        numbers = [path.stem[:2] for path in found]
        near = nearest(wanted, numbers if wanted.isdecimal() else [key for key in known if key not in numbers])
        raise UsageError(f"There is no lesson {lesson!r}{near} (lessons: {', '.join(numbers)}).")
    return known[wanted]


def prepare(course: Path | None = None) -> list[Copy]:
    """Copy every student edition into ``work/``; returns what became of each.

    A copy that its learner changed stays as it is. One that is still as it was copied is renewed with the course.
    """
    root = course or places.course()
    state = _read_state(root)
    copies = []
    for source in editions(root):
        content = source.read_bytes()
        new = files.sha256(content)
        target = root / "work" / source.name
        copied = state.get(source.name)
        fate = _fate(target, copied, new)
        if fate in ("copied", "renewed"):
            files.write(target, content)
        if not fate.startswith("yours"):
            state[source.name] = new
        copies.append(Copy(target, fate))
    _write_state(root, state)
    return copies


def reset(lesson: str, course: Path | None = None, now: datetime | None = None) -> Copy:
    """Renew the copy of *lesson*; a changed one is kept beside it as ``31_name.mine-2026-11-24T1530.ipynb``."""
    root = course or places.course()
    source = edition(lesson, root)
    content = source.read_bytes()
    new = files.sha256(content)
    target = root / "work" / source.name
    state = _read_state(root)
    fate = _fate(target, state.get(source.name), new)
    kept = None
    if fate.startswith("yours"):
        kept = _free_name(target, now or datetime.now())
        try:
            target.rename(kept)
        except OSError as error:
            raise files.explain(error, kept) from error
    if fate != "unchanged":
        files.write(target, content)
    state[source.name] = new
    _write_state(root, state)
    return Copy(target, fate, kept)


def open_lab(lesson: str | None = None, port: int | None = None, browser: bool = True) -> int:
    """Bring the copies up to date, then run JupyterLab on *lesson*'s copy (the first lesson's unless said otherwise).

    Returns JupyterLab's exit code. Raises LabkitError when the *port* that was asked for is taken.
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
    """The command line that starts JupyterLab with the course as its root and ``work/``'s *notebook* open.

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
            raise LabkitError(f"Port {port} may not be used by you: name one from 1024 to 65535.") from None
        except OSError:
            raise LabkitError(
                f"Port {port} is taken, perhaps by another JupyterLab: leave --port out and a free one is found, "
                "or name another."
            ) from None


def sentences(copies: list[Copy]) -> Iterator[str]:
    """What a learner is told: how many lessons are new in ``work/``, and which have a newer edition."""
    copied = sum(copy.fate == "copied" for copy in copies)
    if copied:
        word = "lesson" if copied == 1 else "lessons"
        yield f"{copied} {word} copied to {copies[0].path.parent}: this is your folder, write in it as you like."
    for copy in copies:
        if copy.fate == "yours, newer edition":
            yield (
                f"Lesson {copy.path.stem[:2]} has a newer edition than your copy, which stays as it is: "
                f"'labkit reset {copy.path.stem[:2]}' gets the new one and keeps yours beside it."
            )


def _fate(target: Path, copied: str | None, new: str) -> Fate:
    """What to do with *target*, of which *copied* is the hash that was copied and *new* the edition's."""
    if not target.exists():
        return "copied"
    present = files.sha256(target)
    if present == new:
        return "unchanged"
    if present == copied:
        return "renewed"
    return "yours" if copied == new else "yours, newer edition"


def _free_name(target: Path, now: datetime) -> Path:
    stem = f"{target.stem}.mine-{now:%Y-%m-%dT%H%M}"
    path, again = target.with_name(f"{stem}.ipynb"), 1
    while path.exists():
        again += 1
        path = target.with_name(f"{stem}-{again}.ipynb")
    return path


def _read_state(root: Path) -> dict[str, str]:
    """The hash of each edition as it was copied; empty when the note is lost, and then every copy counts as changed."""
    try:
        noted = json.loads((root / "work" / STATE).read_text(encoding="utf-8"))
        return {str(name): str(digest) for name, digest in noted.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _write_state(root: Path, state: dict[str, str]) -> None:
    if state != _read_state(root):
        files.write(root / "work" / STATE, json.dumps(state, indent=1, sort_keys=True) + "\n")


def _run(words: list[str], folder: Path) -> int:
    """Run JupyterLab in this process's place where the system can, so that Ctrl-C reaches it alone."""
    if os.name == "posix":
        os.chdir(folder)
        sys.stdout.flush()
        os.execv(words[0], words)
    return subprocess.run(words, cwd=folder, check=False).returncode
