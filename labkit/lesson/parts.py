"""Find the elements of a lesson: its parts, its exercises, and the strings and lines of its code."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

from labkit.lesson.source import Cell, Lesson

PARTS = (
    "Predict",
    "Idea",
    "By hand",
    "With the library",
    "Your turn",
    "Evidence",
    "What goes wrong",
    "What we saw",
)
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
HIDDEN = "hide-input"  # the tag of a cell whose code is collapsed
_EXERCISE = re.compile(r"### +(\d\d\.\d+)\b *(.*)")
_CHIP = re.compile(r"(?P<title>\S.*?) (?P<stars>★+☆*) · (?P<minutes>\d+) minutes?$")


@dataclass(frozen=True)
class Exercise:
    """One exercise of a page; ``stars`` (1 to 3) and ``minutes`` are 0 when its heading has no chip."""

    id: str
    title: str
    stars: int
    minutes: int
    cells: tuple[Cell, ...]

    @property
    def hints(self) -> int:
        """Return how many folded hints it gives."""
        return sum(len(re.findall(r"<summary>\s*Hint \d+\s*</summary>", cell.text)) for cell in self.cells)

    @property
    def code(self) -> list[Cell]:
        """Return its code cells; one of them holds the stub."""
        return [cell for cell in self.cells if cell.kind == "code"]


def heading(cell: Cell, level: int) -> str | None:
    """Return the text of the heading that *cell* begins with, when it is one of *level*."""
    match = re.match(rf"{'#' * level} +(.+)", cell.text) if cell.kind == "markdown" else None
    return match[1].strip() if match else None


def parts(lesson: Lesson) -> dict[str, list[Cell]]:
    """Return the cells of each part by its heading, in order; what comes before the first is under the empty name."""
    result: dict[str, list[Cell]] = {"": []}
    name = ""
    for cell in lesson.cells:
        name = heading(cell, 2) or name
        result.setdefault(name, []).append(cell)
    return result


def exercises(lesson: Lesson) -> list[Exercise]:
    """Return the exercises under *Your turn*, each from its level-3 heading to the next."""
    groups: list[list[Cell]] = []
    for cell in parts(lesson).get("Your turn", []):
        if _EXERCISE.match(cell.text) and cell.kind == "markdown":
            groups.append([cell])
        elif groups:
            groups[-1].append(cell)
    return [_exercise(group) for group in groups]


def _exercise(cells: list[Cell]) -> Exercise:
    match = _EXERCISE.match(cells[0].text)
    assert match is not None
    chip = _CHIP.match(match[2].strip())
    if chip is None or len(chip["stars"]) != 3:
        return Exercise(match[1], match[2].strip(), 0, 0, tuple(cells))
    return Exercise(match[1], chip["title"], chip["stars"].count("★"), int(chip["minutes"]), tuple(cells))


def without_solution(text: str) -> str:
    """Return a code cell as a learner gets it: ``...`` (indent kept) in place of what stands between the markers.

    A solution at the margin leaves ``name = ...`` for every name that it sets and the rest of the cell uses.
    """
    lines, result, inside = text.splitlines(), list[str](), list[str]()
    rest = "\n".join(_outside(lines))
    skipping = False
    for line in lines:
        if line.strip() == BEGIN:
            skipping, indent, inside = True, line[: len(line) - len(line.lstrip())], []
        elif line.strip() == END and skipping:
            skipping = False
            names = [] if indent else [name for name in _set_by(inside) if re.search(rf"\b{name}\b", rest)]
            result += [f"{name} = ..." for name in names] or [f"{indent}..."]
        elif skipping:
            inside.append(line)
        else:
            result.append(line)
    return "\n".join(result)


def without_markers(text: str) -> str:
    """Return a code cell as the solved edition shows it: the solution, without its markers."""
    return "\n".join(line for line in text.splitlines() if line.strip() not in (BEGIN, END))


def _outside(lines: list[str]) -> Iterator[str]:
    skipping = False
    for line in lines:
        if line.strip() in (BEGIN, END):
            skipping = line.strip() == BEGIN
        elif not skipping:
            yield line


def _set_by(lines: list[str]) -> list[str]:
    names: list[str] = []
    for statement in ast.parse("\n".join(lines)).body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        nodes = [node for target in targets if target for node in ast.walk(target) if isinstance(node, ast.Name)]
        names += [node.id for node in nodes if node.id not in names]
    return names


def essence(text: str) -> str:
    """Return code without comments, docstrings and blank lines: all that can change what it does."""
    tree, lines = ast.parse(text), text.splitlines()
    docstrings, strings = set[int](), set[int]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr):
            strings |= set(range(node.lineno, node.end_lineno or 0))  # blank lines inside a text are part of it
        elif isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = node.body[0] if node.body else None
            alone = first is not None and first.lineno > getattr(node, "lineno", 0)
            if first and alone and ast.get_docstring(node, clean=False) is not None:
                docstrings |= set(range(first.lineno, (first.end_lineno or 0) + 1))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    return "\n".join(
        line for number, line in enumerate(lines, 1) if number not in docstrings and (line.strip() or number in strings)
    )


def dotted(node: ast.AST) -> str:
    """Return ``np.random.seed`` for the expression that says so; empty for anything but names and attributes."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""


def calls(cell: Cell, name: str) -> list[ast.Call]:
    """Return the calls of *name* (such as ``lab.check``) in a code cell, in order of their lines."""
    if cell.kind != "code":
        return []
    nodes = [
        node for node in ast.walk(ast.parse(cell.text)) if isinstance(node, ast.Call) and dotted(node.func) == name
    ]
    return sorted(nodes, key=lambda node: (node.lineno, node.col_offset))


def argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    """Return the argument at *position* (from 0) or called *name*."""
    if len(call.args) > position:
        return call.args[position]
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def said(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield each text in an expression with its line; an f-string is one text, with its values as ``{}``."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node.value, node.lineno
    elif isinstance(node, ast.JoinedStr):
        constants = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
        yield "".join(str(part) for part in constants), node.lineno
        for part in node.values:
            if isinstance(part, ast.FormattedValue):  # its format, such as .1%, is no text
                yield from said(part.value)
    else:
        for child in ast.iter_child_nodes(node):
            yield from said(child)
