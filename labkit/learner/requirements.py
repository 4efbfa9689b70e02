"""Read requirements.lock: the version of each package, for this Python or another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labkit.base.errors import LabkitError

_PIN = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?:\s*;\s*(?P<marker>[^\\]+?))?\s*\\?$")
_VIA = re.compile(r"    # (?:via |  )(?P<by>.+)$")
_OURSELVES = "labkit (pyproject.toml)"


@dataclass(frozen=True)
class Pin:
    """One line of the lock; ``named`` when pyproject.toml names it, for the course or for the tests.

    ``need`` says what it is for: ``direct`` (the course names it), ``indirect`` (those need it) or ``tests``.
    """

    name: str
    version: str
    marker: str
    hashes: int
    named: bool
    need: Literal["direct", "indirect", "tests"]


def read(path: Path, environment: Mapping[str, str] | None = None) -> list[Pin]:
    """Return the pins that apply in *environment* (packaging.markers' names; default: this Python's), in order.

    Raises LabkitError when the file cannot be read.
    """
    from packaging.markers import Marker

    result = []
    for pin in read_all(path):
        if not pin.marker or Marker(pin.marker).evaluate(dict(environment) if environment else None):
            result.append(pin)
    return result


def read_all(path: Path) -> list[Pin]:
    """Return every pin of the lock, whatever Python or system it is for."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        raise LabkitError(f"There is no {path}: restore it with 'git checkout requirements.lock'.") from None
    blocks: list[tuple[dict[str, str], int, set[str]]] = []
    for line in lines:
        if found := _PIN.match(line):
            blocks.append((found.groupdict(default=""), 0, set()))
        elif blocks and "--hash=sha256:" in line:
            pin, hashes, by = blocks[-1]
            blocks[-1] = (pin, hashes + 1, by)
        elif blocks and (named := _VIA.match(line)):
            blocks[-1][2].add(named["by"].strip())
    needed_by: dict[str, set[str]] = {}
    for pin, _, by in blocks:
        needed_by.setdefault(pin["name"], set()).update(by)
    direct = _direct(path.with_name("pyproject.toml"))
    indirect = _reached(needed_by, direct)
    result = []
    for pin, hashes, by in blocks:
        name = pin["name"]
        need: Literal["direct", "indirect", "tests"] = (
            "direct" if name in direct else "indirect" if name in indirect else "tests"
        )
        result.append(Pin(name, pin["version"], pin["marker"].strip(), hashes, _OURSELVES in by, need))
    return result


def _direct(pyproject: Path) -> set[str]:
    """Return the names under ``dependencies`` (not those under ``test``): the lock does not distinguish the two."""
    import tomllib

    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    return {re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower() for requirement in project["dependencies"]}


def _reached(needed_by: Mapping[str, set[str]], direct: set[str]) -> set[str]:
    """Return the names that the *direct* ones need, and what those need, and so on."""
    found = set(direct)
    while more := {name for name, by in needed_by.items() if name not in found and by & found}:
        found |= more
    return found
