"""A page's parameters: names, types, defaults and ranges, read from its parameters cell.

One line each, in this form (papermill's own reader drops a line with two ``=``, and knows no type without an
annotation):

    epochs: int = by_profile(6, 1)     # passes over the training images; full and fast; 1 to 50
    dataset: str = "fashion_mnist"     # data set; fashion_mnist or mnist
"""

from __future__ import annotations

import ast
import math
import re
import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import StringIO
from typing import Any

from labkit.base.errors import LabkitError, UsageError, nearest

TYPES: dict[str, type] = {"int": int, "float": float, "str": str, "bool": bool}
_NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d+)?(?:\s*\*\*\s*\d+)?(?:\s*-\s*1)?"
_RANGE = re.compile(rf"({_NUMBER})\s+to\s+({_NUMBER})$")


@dataclass(frozen=True)
class Parameter:
    """One documented parameter: ``defaults`` by profile; ``low`` and ``high`` for numbers, ``choices`` for words."""

    name: str
    type: type
    defaults: Mapping[str, Any]
    text: str
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()

    @property
    def range(self) -> str:
        """The allowed values in words."""
        if self.choices:
            return " or ".join(str(choice) for choice in self.choices)
        return f"{self.low:g} to {self.high:g}" if self.type is float else f"{self.low} to {self.high}"

    @property
    def ends(self) -> tuple[Any, ...]:
        """The two ends of the range, or every choice."""
        return self.choices or (self.low, self.high)

    def read(self, value: Any) -> Any:
        """*value* (or the text of it) as this parameter's type; raises UsageError when it does not fit."""
        result = self._typed(value)
        allowed = (
            result in self.choices
            if self.choices
            else self.low is not None and self.high is not None and self.low <= result <= self.high
        )
        if not allowed:
            raise UsageError(f"Parameter {self.name} is {result!r}, but takes {self.range} ({self.text}).")
        return result

    def _typed(self, value: Any) -> Any:
        try:
            if self.type is bool:
                return value if isinstance(value, bool) else {"true": True, "false": False}[str(value).lower()]
            if self.type is int and not isinstance(value, bool):
                if isinstance(value, float):
                    if not value.is_integer():
                        raise ValueError
                    return int(value)
                return int(value)
            if self.type is float and not isinstance(value, bool):
                result = float(value)
                if not math.isfinite(result):
                    raise ValueError
                return result
            if self.type is str and isinstance(value, str):
                return value
            raise ValueError
        except (ValueError, KeyError, TypeError):
            raise UsageError(
                f"Parameter {self.name} is {value!r}, but takes {_article(self.type)}, {self.range} ({self.text})."
            ) from None


def parse(cell: str) -> list[Parameter]:
    """The parameters of a parameters cell; raises LabkitError naming the line that is not in the documented form."""
    comments = {
        token.start[0]: token.string.lstrip("# ").strip()
        for token in tokenize.generate_tokens(StringIO(cell).readline)
        if token.type == tokenize.COMMENT
    }
    return [_parse_line(statement, comments.get(statement.lineno, ""), cell) for statement in ast.parse(cell).body]


def check(parameters: Iterable[Parameter], values: Mapping[str, Any]) -> dict[str, Any]:
    """*values* read with each parameter's type and range; raises UsageError for an unknown name, type or range."""
    known = {parameter.name: parameter for parameter in parameters}
    for name in values:
        if name not in known:
            raise UsageError(
                f"There is no parameter {name!r}{nearest(name, known)} (this lesson has: {', '.join(known) or 'none'})."
            )
    return {name: known[name].read(value) for name, value in values.items()}


def _parse_line(statement: ast.stmt, comment: str, cell: str) -> Parameter:
    line = ast.get_source_segment(cell, statement) or ""
    if not (
        isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and isinstance(statement.annotation, ast.Name)
        and statement.annotation.id in TYPES
        and statement.value is not None
        and comment
    ):
        raise LabkitError(
            f"The parameters cell has {line!r}: write 'name: type = value   # words; range', the type one of "
            f"{', '.join(TYPES)}, and nothing else in that cell."
        )
    name, kind = statement.target.id, TYPES[statement.annotation.id]
    text, _, last = comment.rpartition(";")
    low, high, choices = _read_range(last.strip(), kind)
    if low is None and not choices:
        raise LabkitError(
            f"Parameter {name} names no range: end its comment with '; 1 to 50' or '; first or second' ({line!r})."
        )
    parameter = Parameter(name, kind, _defaults(statement.value, line), text.strip(), low, high, choices)
    for value in parameter.defaults.values():
        parameter.read(value)
    return parameter


def _defaults(value: ast.expr, line: str) -> dict[str, Any]:
    try:
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "by_profile":
            arguments = [ast.literal_eval(argument) for argument in value.args]
            full, fast, study = (*arguments, arguments[0])[:3]
        else:
            full = fast = study = ast.literal_eval(value)
    except (ValueError, IndexError):
        raise LabkitError(f"A parameter's value is a literal or by_profile(full, fast): {line!r}.") from None
    return {"full": full, "fast": fast, "study": study}


def _read_range(words: str, kind: type) -> tuple[Any, Any, tuple[Any, ...]]:
    if kind is bool:
        return None, None, (False, True)
    found = _RANGE.match(words)
    if found and kind is not str:
        low, high = (_number(text) for text in found.groups())
        return kind(low), kind(high), ()
    parts = [part.strip() for part in re.split(r",|\bor\b", words) if part.strip()]
    if len(parts) < 2:
        return None, None, ()
    try:
        return None, None, tuple(kind(part) for part in parts)
    except ValueError:
        return None, None, ()


def _number(text: str) -> float:
    """A number, a power, or a power less one, as ranges are written: ``0.99``, ``2**31``, ``2**31 - 1``."""
    body = re.sub(r"(?<=\d)\s*-\s*1$", "", text.strip())
    less = body != text.strip()
    base, _, power = body.partition("**")
    value: float = float(base) if not power else int(base) ** int(power)
    return value - 1 if less else value


def _article(kind: type) -> str:
    return {int: "a whole number", float: "a number", str: "a word", bool: "True or False"}[kind]
