"""What a page knows of itself: its header, its parameters against their defaults, the versions and the processor."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from labkit.base.errors import LabkitError
from labkit.lesson.parameters import Parameter
from labkit.lesson.source import find, parameters

_PACKAGES = ("tensorflow", "tf-keras", "tensorflow-model-optimization", "ai-edge-litert", "numpy", "labkit")


@dataclass(frozen=True)
class Facts:
    """What the lesson's source says; empty for a notebook that is away from the course, or a trial."""

    title: str = ""
    budget_s: dict[str, float] = field(default_factory=dict)
    parameters: list[Parameter] = field(default_factory=list)
    known: bool = False


def of_lesson(number: str) -> Facts:
    """The facts of lesson *number*; unknown ones where its source is not here, so that the page still runs."""
    try:
        lesson = find(number)
        return Facts(lesson.title, dict(lesson.budget_s), parameters(lesson), True)
    except LabkitError:
        return Facts()


def values(known: list[Parameter]) -> dict[str, Any]:
    """The values that the running notebook has for its parameters; one that is not set yet is left out."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    space = shell.user_ns if shell is not None else {}
    return {each.name: space[each.name] for each in known if each.name in space}


def changed(known: list[Parameter], current: dict[str, Any], profile: str) -> set[str]:
    """The names of the parameters whose value is not the default of *profile*."""
    defaults = {each.name: each.defaults[profile] for each in known}
    return {name for name, default in defaults.items() if current.get(name, default) != default}


def versions() -> dict[str, str]:
    """The installed version of each package that shapes a result, without importing it."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
