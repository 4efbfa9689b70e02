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
from numbers import Integral, Real
from typing import Any

from labkit.base.errors import LabkitError, UsageError, nearest

TYPES: dict[str, type] = {"int": int, "float": float, "str": str, "bool": bool}
_NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d+)?(?:\s*\*\*\s*\d+)?(?:\s*-\s*1)?"
_WHOLE = re.compile(r"[+-]?[0-9]+")
_REAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_LONGEST = 60  # characters of a value that are read, and that an error quotes
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
        """Return the allowed values in words."""
        if self.choices:
            return " or ".join(str(choice) for choice in self.choices)
        return f"{self.low:g} to {self.high:g}" if self.type is float else f"{self.low} to {self.high}"

    @property
    def ends(self) -> tuple[Any, ...]:
        """Return the two ends of the range, or every choice."""
        return self.choices or (self.low, self.high)

    def read(self, value: Any) -> Any:
        """Return *value*, a Python value or the text of one, as this parameter's type.

        A float that is whole is read as a whole number (papermill makes 7.0 of 7e0), a whole number as a float where
        a float is wanted. Texts are read strictly: ASCII digits, no underscores. Raises UsageError, in one sentence,
        for another type and for a value out of range.
        """
        try:
            result = self._typed(value)
        except ValueError:
            raise UsageError(
                f"Parameter {self.name} is {_short(value)}, but must be {_article(self.type)}, "
                f"{self.range} ({self.text})."
            ) from None
        if self.choices:
            allowed = result in self.choices
        else:
            allowed = self.low is not None and self.high is not None and self.low <= result <= self.high
        if not allowed:
            raise UsageError(f"Parameter {self.name} is {_short(result)}, but must be {self.range} ({self.text}).")
        return result

    def _typed(self, value: Any) -> Any:
        """Return *value* as this parameter's type; raises ValueError where that would be a guess."""
        if self.type is str:
            return _word(value)
        if self.type is bool:
            return _truth(value)
        return _whole(value) if self.type is int else _real(value)


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "false": False}
    if not isinstance(value, str) or value.lower() not in words:
        raise ValueError
    return words[value.lower()]


def _whole(value: Any) -> int:
    if isinstance(value, str) and len(value) <= _LONGEST and _WHOLE.fullmatch(value):
        return int(value)
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise ValueError


def _real(value: Any) -> float:
    if isinstance(value, str) and len(value) <= _LONGEST and _REAL.fullmatch(value):
        result = float(value)
    elif isinstance(value, Real) and not isinstance(value, bool):
        try:
            result = float(value)
        except OverflowError:
            raise ValueError from None
    else:
        raise ValueError
    if not math.isfinite(result):
        raise ValueError
    return result


def _short(value: Any) -> str:
    """Return *value* as an error quotes it: at most `_LONGEST` characters, and no number of thousands of digits."""
    if isinstance(value, Integral) and int(value).bit_length() > 4 * _LONGEST:
        return f"a number of more than {_LONGEST} digits"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def parse(cell: str) -> list[Parameter]:
    """Return the parameters of a parameters cell; raises LabkitError naming a line that is in another form."""
    comments = {
        token.start[0]: token.string.lstrip("# ").strip()
        for token in tokenize.generate_tokens(StringIO(cell).readline)
        if token.type == tokenize.COMMENT
    }
    return [_parse_line(statement, comments.get(statement.lineno, ""), cell) for statement in ast.parse(cell).body]


def check(parameters: Iterable[Parameter], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return *values* read with each parameter's type and range; raises UsageError for a name or value not allowed."""
    known = {parameter.name: parameter for parameter in parameters}
    for name in values:
        if name not in known:
            raise UsageError(
                f"There is no parameter {_short(name)}{nearest(name[:_LONGEST], known)} "
                f"(this lesson has: {', '.join(known) or 'none'})."
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
    ends = _RANGE.match(words)
    if ends and kind is not str:
        low, high = (_number(text) for text in ends.groups())
        return kind(low), kind(high), ()
    parts = [part.strip() for part in re.split(r",|\bor\b", words) if part.strip()]
    if len(parts) < 2:
        return None, None, ()
    try:
        return None, None, tuple(kind(part) for part in parts)
    except ValueError:
        return None, None, ()


def _number(text: str) -> float:
    """Return a number, a power, or a power less one, as ranges are written: ``0.99``, ``2**31``, ``2**31 - 1``."""
    body = re.sub(r"(?<=\d)\s*-\s*1$", "", text.strip())
    base, _, power = body.partition("**")
    value: float = float(base) if not power else int(base) ** int(power)
    return value if body == text.strip() else value - 1


def _article(kind: type) -> str:
    return {int: "a whole number", float: "a number", str: "a word", bool: "True or False"}[kind]
