"""Read a dataclass back from parsed JSON that anybody may have written: every field is checked, nothing is guessed.

Events in notebooks, the outcomes of runs and the plan of a run are such records.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from labkit.base.errors import LabkitError

LONGEST_TEXT = 20_000  # characters of one field; a page's longest prose has a tenth
LONGEST_KEY = 200
T = TypeVar("T")


def read(cls: type[T], record: Any, what: str) -> T:
    """Return the dataclass *cls* with the values of *record* (parsed JSON); fields that *cls* lacks are left out.

    Field types may be bool, int, float, str, None, Any, unions of these, ``dict[str, …]``, ``tuple[…, ...]`` and
    other such dataclasses. Raises LabkitError, which calls the record *what*, for a field that is missing or of
    another type, for NaN, infinity and oversized texts.
    """
    if not isinstance(record, Mapping):
        raise LabkitError(f"A {what} is not a JSON object.")
    values: dict[str, Any] = {}
    for name, hint in _hints(cls).items():
        if name not in record:
            raise LabkitError(f"A {what} has no field {name!r}.")
        if is_dataclass(hint):
            values[name] = read(typing.cast(Any, hint), record[name], f"{what}'s {name}")
            continue
        if not fits(record[name], hint):
            raise LabkitError(f"The field {name!r} of a {what} has a value of the wrong type.")
        values[name] = _converted(record[name], hint)
    return cls(**values)


def fits(value: Any, hint: Any) -> bool:
    """Return whether a JSON value is of the type *hint*; NaN, infinity and oversized texts are of no type."""
    if isinstance(hint, types.UnionType):
        return any(fits(value, member) for member in typing.get_args(hint))
    if hint is Any:
        return True
    if hint is types.NoneType:
        return value is None
    if hint is bool:
        return isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    if hint is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and abs(value) < 1e300 and math.isfinite(value)
    if hint is str:
        return isinstance(value, str) and len(value) <= LONGEST_TEXT
    if typing.get_origin(hint) is tuple:
        item = typing.get_args(hint)[0]
        return isinstance(value, list | tuple) and all(fits(entry, item) for entry in value)
    if not isinstance(value, Mapping):
        return False
    item = typing.get_args(hint)[1]
    keys = all(isinstance(key, str) and len(key) <= LONGEST_KEY for key in value)
    return keys and all(fits(entry, item) for entry in value.values())


def _hints(cls: Any) -> dict[str, Any]:
    """Return the type of each dataclass field of *cls*, in order."""
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in fields(cls)}


def _converted(value: Any, hint: Any) -> Any:
    """Return *value* with a list as a tuple, and a whole number as a float, where *hint* is such.

    JSON has no tuples, and some tools write 1.0 as 1.
    """
    if typing.get_origin(hint) is tuple:
        return tuple(value)
    members = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if float in members and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value
