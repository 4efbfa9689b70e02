"""The documents and the docstrings of labkit follow the English rules that a program can check."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.base.places import course

PACKAGE = course() / "labkit"
# Each of these begins a noun phrase or a question, where an imperative verb belongs.
NO_VERBS = {"A", "All", "An", "Each", "Every", "How", "No", "None.", "One", "That", "The", "There", "This"}
NO_VERBS |= {"What", "When", "Where", "Whether", "Which", "Who", "Why"}


def functions(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the functions of a module and the methods of its classes; functions inside functions are left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
        else:
            yield from functions(child)


def without_verb(path: Path) -> Iterator[str]:
    """Yield the functions in the module *path* whose docstring does not begin with a verb."""
    for function in functions(ast.parse(path.read_text(encoding="utf-8"))):
        first = (ast.get_docstring(function) or "-").split()[0]
        if first in NO_VERBS:
            yield f"{path}:{function.lineno} {function.name}: begin with a verb ('Return …'), not with {first!r}."


def test_every_docstring_of_a_function_begins_with_a_verb():
    found = [line for path in sorted(PACKAGE.rglob("*.py")) for line in without_verb(path)]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("first", ["What the mask is.", "Whether it fits.", "The mask.", "A copy."])
def test_a_docstring_without_a_verb_is_found(tmp_path, first):
    module = tmp_path / "module.py"
    module.write_text(f'class Shape:\n    def area(self):\n        """{first}"""\n', encoding="utf-8")
    assert len(list(without_verb(module))) == 1
