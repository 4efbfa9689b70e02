"""Gates on a lesson's code: its length, pasted helpers, private imports, and paths or commands of one machine.

Ruff has the others, with the rules for notebooks/source in pyproject.toml, so that editors show them.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from labkit.base.places import PACKAGE
from labkit.lesson import parts
from labkit.lesson.source import Cell, Lesson

VISIBLE, CELL, EXERCISE, HELPER, PASTED, WIDTH = 150, 15, 25, 10, 3, 88
SHOWING = ("lab.show", "lab.say", "lab.finish")
METHOD = ("lab.check", "lab.predict", "lab.measure", "lab.baseline", "lab.data")
_COLOUR = re.compile(r"""["']#(?:[0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})["']""")
_PATH = re.compile(r"(?:~[/\\]|/[A-Za-z_][\w.-]*/|/(?:tmp|home|root|Users|content|mnt|var|data)\b|[A-Za-z]:[\\/](?!/))")
_HOME = re.compile(r"(?<![\w.:/])(?:/home|/Users|/tmp|/root)/\w")


def lines(text: str) -> int:
    """Return how many lines of code a reader sees: comments, docstrings and blank lines do not count."""
    return len([line for line in parts.essence(text).splitlines() if line.strip()])


def length(lesson: Lesson) -> Iterator[str]:
    """Yield a finding when the student edition shows over 150 lines of code, or a cell over 15 (25 with a solution)."""
    code = [cell for cell in lesson.cells if cell.kind == "code" and parts.HIDDEN not in cell.tags]
    total = sum(lines(parts.without_solution(cell.text)) for cell in code)
    if total > VISIBLE:
        yield f"{lesson.path.name}: {total} lines of code in the student edition: show {VISIBLE} at most."
    for cell in code:
        limit = EXERCISE if parts.BEGIN in cell.text else CELL
        if (count := lines(parts.without_markers(cell.text))) > limit:
            yield f"{lesson.where(cell)}: {count} lines of code: one idea a cell, {limit} lines at most."


def width(lesson: Lesson) -> Iterator[str]:
    """Yield a finding for each line of code with more than 88 letters, the width of a cell."""
    for cell in lesson.cells:
        for number, line in enumerate(cell.text.splitlines() if cell.kind == "code" else (), 1):
            if len(line) > WIDTH:
                yield f"{lesson.where(cell, number)}: {len(line)} letters: split the line; {WIDTH} at most."


def hidden(lesson: Lesson) -> Iterator[str]:
    """Yield a finding for each visible cell that draws or speaks, and for each hidden cell with the method."""
    for cell in lesson.cells:
        if cell.kind != "code":
            continue
        shown = [name for name in SHOWING if parts.calls(cell, name)]
        method = [name for name in METHOD if parts.calls(cell, name)]
        if parts.HIDDEN not in cell.tags and shown:
            yield (
                f"{lesson.where(cell)}: {shown[0]} is called in a visible cell: give the cell "
                f'tags=["{parts.HIDDEN}"], and compute what it shows in a visible cell before it.'
            )
        if parts.HIDDEN in cell.tags and (method or "parameters" in cell.tags):
            yield f"{lesson.where(cell)}: {(method or ['the parameters'])[0]} is in a hidden cell: show it."


def colours(lesson: Lesson) -> Iterator[str]:
    """Yield a finding for each colour written as a number; the course's palette is readable for all."""
    for cell in lesson.cells:
        for number, line in enumerate(cell.text.splitlines() if cell.kind == "code" else (), 1):
            for match in _COLOUR.finditer(line):
                yield (
                    f"{lesson.where(cell, number)}: the colour {match[0]}: use lab.colour with a technique, 'guide' or "
                    "'fill', or Matplotlib's 'C0' to 'C6'."
                )


def helpers(lesson: Lesson, course: Sequence[Lesson] = (), package: Path = PACKAGE) -> Iterator[str]:
    """Yield a finding for each function that labkit or another lesson has, and for each one that is too long.

    *By hand* and exercises may write what labkit.methods has: that is what they are for. Bodies of fewer than three
    lines are too small to call pasted.
    """
    names_by_body = _of_package(package)
    others = {body: other.heading for other in course if other.number != lesson.number for body, *_ in _written(other)}
    by_hand = parts.parts(lesson).get("By hand", [])
    for body, cell, function in _written(lesson):
        at, free = lesson.where(cell, function.lineno), cell in by_hand or parts.BEGIN in cell.text
        if body in names_by_body and not free:
            yield f"{at}: {function.name} is {names_by_body[body]}: import it."
        elif body in others and parts.BEGIN not in cell.text:
            yield f"{at}: {function.name} stands in lesson {others[body]} too: move it to labkit and import it in both."
    for cell in lesson.cells:
        if cell.kind == "code" and cell not in by_hand and parts.BEGIN not in cell.text:
            for function in _functions(ast.parse(cell.text)):
                if (count := lines(ast.unparse(function))) > HELPER:
                    yield (
                        f"{lesson.where(cell, function.lineno)}: {function.name} has {count} lines: a page calls; "
                        f"move a helper of more than {HELPER} lines to labkit, or write it under '## By hand'."
                    )


def private_imports(lesson: Lesson) -> Iterator[str]:
    """Yield a finding for each import of a name that begins with an underscore; ruff finds attributes (SLF001)."""
    for cell, node in _nodes(lesson):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [part for alias in node.names for part in alias.name.split(".")]
        elif isinstance(node, ast.ImportFrom):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
        for name in names:
            if name.startswith("_") and not name.endswith("__"):
                yield (
                    f"{lesson.where(cell, getattr(node, 'lineno', 1))}: {name} is private to its library and may go: "
                    "use what it documents, or put what you need into labkit."
                )


def texts(lesson: Lesson) -> Iterator[str]:
    """Yield a finding for each absolute path, each installation command, and each link in code to another folder."""
    for cell in lesson.cells:
        if cell.kind == "code":
            for text, line in parts.said(ast.parse(cell.text)):
                yield from _text(lesson, cell, line, text, _PATH.match(text))
        else:
            yield from _text(lesson, cell, 1, cell.text, _HOME.search(cell.text))


def _text(lesson: Lesson, cell: Cell, line: int, text: str, path: re.Match[str] | None) -> Iterator[str]:
    if path:
        name = text[path.start() :].split()[0]
        yield f"{lesson.where(cell, line)}: {name!r} exists on one machine only: use lab.folder, or data by its name."
    if re.search(r"\b(?:pip|conda) install\b", text):
        yield f"{lesson.where(cell, line)}: a page installs nothing: declare it in pyproject.toml."
    if cell.kind == "code" and re.search(r"\]\(\.\./", text):
        yield f"{lesson.where(cell, line)}: a link to another folder breaks in one of the editions: use a text cell."


def _nodes(lesson: Lesson) -> Iterator[tuple[Cell, ast.AST]]:
    for cell in lesson.cells:
        if cell.kind == "code":
            yield from ((cell, node) for node in ast.walk(ast.parse(cell.text)))


def _functions(tree: ast.AST) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


@cache
def _of_package(package: Path) -> dict[str, str]:
    """Return the bodies of the package's functions, each with the name to import it by."""
    return {
        body: f"{'.'.join((package.name, *path.relative_to(package).with_suffix('').parts))}.{function.name}"
        for path in sorted(package.rglob("*.py"))
        for function in _functions(ast.parse(path.read_text(encoding="utf-8")))
        if (body := _body(function))
    }


def _written(lesson: Lesson) -> Iterator[tuple[str, Cell, ast.FunctionDef]]:
    for cell in lesson.cells:
        if cell.kind == "code":
            for function in _functions(ast.parse(parts.without_markers(cell.text))):
                if body := _body(function):
                    yield body, cell, function


class _Rename(ast.NodeTransformer):
    """Own names by the order in which they come, so that a change of names does not hide a copy; no annotations."""

    def __init__(self, own: set[str]) -> None:
        self.own, self.names = own, dict[str, str]()

    def _new(self, name: str) -> str:
        return self.names.setdefault(name, f"v{len(self.names)}") if name in self.own else name

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(arg=self._new(node.arg))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(id=self._new(node.id), ctx=node.ctx)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        return self.generic_visit(ast.Assign([node.target], node.value or ast.Constant(None), lineno=node.lineno))


def _body(function: ast.FunctionDef) -> str:
    """Return the function without name, docstring, annotations and variable names; empty when it is short."""
    plain = copy.deepcopy(function)
    plain.name, plain.returns, plain.decorator_list = "f", None, []
    if ast.get_docstring(plain) is not None:
        plain.body = plain.body[1:]
    if not plain.body or len(ast.unparse(plain).splitlines()) - 1 < PASTED:
        return ""
    own = {node.arg for node in ast.walk(plain) if isinstance(node, ast.arg)}
    own |= {node.id for node in ast.walk(plain) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return ast.dump(_Rename(own).visit(plain))
