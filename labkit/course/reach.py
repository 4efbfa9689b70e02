"""What a lesson's result depends on in ``labkit``: the modules it reaches by imports, and one digest of them all."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import labkit
from labkit.base import files, places
from labkit.base.errors import LabkitError
from labkit.base.source import Lesson
from labkit.course.parts import dotted, essence

PACKAGE = Path(labkit.__file__).parent


def modules(lesson: Lesson, package: Path = PACKAGE) -> list[str]:
    """The modules of *package* that the lesson reaches, transitively, imports inside functions included; sorted.

    A lesson's own exercises count too: the session imports them by number.
    """
    code = "\n".join(
        cell.text for cell in lesson.cells if cell.kind == "code"
    )  # a name is imported in one, used in many
    start = set(_imports(ast.parse(code), "", package))
    own = f"{package.name}.exercises.lesson{lesson.number}"
    waiting = sorted(start | set(_known(own, package)))
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            path = _file(name, package)
            assert path is not None
            waiting += _of_file(path, path.stat().st_mtime_ns, name, package)[0]
    return sorted(reached)


def digest(lesson: Lesson, package: Path = PACKAGE, root: Path | None = None) -> str:
    """The SHA-256 over the modules that the lesson reaches and the cards of the shipped models that its code names.

    Comments, docstrings and blank lines do not count: they change no result. *root* is the course's folder.
    """
    total = hashlib.sha256()
    for name in modules(lesson, package):
        path = _file(name, package)
        assert path is not None
        total.update(f"{name}\n{_of_file(path, path.stat().st_mtime_ns, name, package)[1]}\n".encode())
    for card in _cards(lesson, root):
        total.update(f"{card.name}\n{files.sha256(card)}\n".encode())
    return total.hexdigest()


def _cards(lesson: Lesson, root: Path | None) -> list[Path]:
    """The cards of the trained baselines whose names stand in the lesson's code; a card holds its model's checksum."""
    try:
        folder = (root or places.course()) / "data" / "models"
    except LabkitError:
        return []
    words = {
        node.value
        for cell in lesson.cells
        if cell.kind == "code"
        for node in ast.walk(ast.parse(cell.text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return sorted(card for card in folder.glob("*/*.json") if card.stem in words)


@cache
def _of_file(path: Path, changed: int, name: str, package: Path) -> tuple[tuple[str, ...], str]:
    """What the module *name* imports, and the digest of its code; read again when the file has *changed*."""
    text = path.read_text(encoding="utf-8")
    base = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return tuple(sorted(_imports(ast.parse(text), base, package))), files.sha256(essence(text).encode())


def _imports(tree: ast.AST, base: str, package: Path) -> Iterator[str]:
    """The modules of *package* that *tree* imports, the packages that hold them included; *base* is where it stands.

    A package of lazy names counts as what is asked of it: after ``from labkit import methods, keras2``,
    ``methods.prune`` reaches ``labkit.methods.prune`` and ``keras2.train`` ``labkit.keras2.training``.
    """
    bound: dict[str, str] = {}  # name in the code: the package it stands for
    asked: list[tuple[str, str]] = []
    uses: list[ast.Attribute] = []  # looked at when all imports are known
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            uses.append(node)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield from _known(alias.name, package)
                bound[alias.asname or alias.name] = alias.name
        elif isinstance(node, ast.ImportFrom):
            parts = base.split(".")
            root = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (root, node.module) if part)
            for alias in node.names:
                yield from _known(f"{module}.{alias.name}", package)
                bound[alias.asname or alias.name] = f"{module}.{alias.name}"
                asked.append((module, alias.name))
    asked += [(bound[name], use.attr) for use in uses if (name := dotted(use.value)) in bound]
    for owner, name in asked:
        if path := _file(owner, package) if owner.partition(".")[0] == package.name else None:
            yield from _known(f"{owner}.{_lazy(path, path.stat().st_mtime_ns).get(name, name)}", package)


@cache
def _lazy(path: Path, changed: int) -> dict[str, str]:
    """The names that the package's file *path* brings when asked, and the module of each: its literal ``_WHERE``."""
    if path.name == "__init__.py":
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_WHERE":
                return dict(ast.literal_eval(node.value))
    return {}


def _known(name: str, package: Path) -> Iterator[str]:
    parts = name.split(".")
    if parts[0] == package.name:
        yield from (part for k in range(1, len(parts) + 1) if _file(part := ".".join(parts[:k]), package))


def _file(name: str, package: Path) -> Path | None:
    path = package.parent.joinpath(*name.split("."))
    for candidate in (path / "__init__.py", path.with_name(path.name + ".py")):
        if candidate.is_file():
            return candidate
    return None
