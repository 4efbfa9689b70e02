"""The facts of a page: its header, its parameters against their defaults, the versions and the processor."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from labkit.base.errors import LabkitError, UsageError
from labkit.lesson.parameters import Parameter
from labkit.lesson.source import find, parameters

_PACKAGES = ("tensorflow", "tf-keras", "tensorflow-model-optimization", "ai-edge-litert", "numpy", "labkit")


@dataclass(frozen=True)
class Facts:
    """The facts in the lesson's source; empty for a notebook that is away from the course, or a trial."""

    title: str = ""
    budget_s: dict[str, float] = field(default_factory=dict)
    parameters: list[Parameter] = field(default_factory=list)
    known: bool = False


def of_lesson(number: str) -> Facts:
    """Return the facts of lesson *number*; unknown ones where its source is not here, so that the page still runs."""
    try:
        lesson = find(number)
        return Facts(lesson.title, dict(lesson.budget_s), parameters(lesson), True)
    except LabkitError:
        return Facts()


def values(known: list[Parameter]) -> dict[str, Any]:
    """Return the values that the running notebook has for its parameters; one that is not set yet is left out.

    papermill hands over what it was told, so each is read as ``labkit run`` reads it: a value that says the same in
    another type (``7.0`` or ``"7"`` for 7) is set again as the parameter's type, any other raises UsageError.
    """
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    return read_into(known, shell.user_ns if shell is not None else {})


def read_into(known: list[Parameter], space: dict[str, Any]) -> dict[str, Any]:
    """Return the value in *space* of each known parameter, and set in *space* what had to be converted.

    Raises UsageError for a value of another type or outside its range.
    """
    result = {}
    for parameter in known:
        if parameter.name in space:
            value = parameter.read(space[parameter.name])
            if type(value) is not type(space[parameter.name]):
                space[parameter.name] = value
            result[parameter.name] = value
    return result


def seed(known: list[Parameter], value: Any) -> int:
    """Return the seed of a page, *value* read as its parameter ``seed``, or as a whole number where it has none.

    Raises UsageError when it is not one.
    """
    for parameter in known:
        if parameter.name == "seed":
            return int(parameter.read(value))
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise UsageError(f"seed is {value!r}, but must be a whole number, 0 to 2**31 - 1.")
    return value


def changed(known: list[Parameter], current: dict[str, Any], profile: str) -> set[str]:
    """Return the names of the parameters whose value is not the default of *profile*."""
    defaults = {each.name: each.defaults[profile] for each in known}
    return {name for name, default in defaults.items() if current.get(name, default) != default}


def versions() -> dict[str, str]:
    """Return the installed version of each package that shapes a result, without importing it."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
