"""Right answers in other forms are accepted, and wrong ones that look right are refused."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from labkit.exercises.framework import Exercise, exercise, judge
from labkit.lesson import parts, source

IDS = [each.id for lesson in source.lessons() for each in parts.exercises(lesson)]


def attempts(kind: str) -> dict[str, dict[str, Any]]:
    """Return the attempts of every exercise, from the folder *kind*: ``variants`` or ``wrong``."""
    numbers = sorted({identifier[:2] for identifier in IDS})
    modules = [import_module(f".{kind}.lesson{number}", __package__) for number in numbers]
    return {identifier: named for module in modules for identifier, named in module.ATTEMPTS.items()}


RIGHT, WRONG = attempts("variants"), attempts("wrong")


def every(kind: dict[str, dict[str, Any]]) -> Any:
    """Parametrize over all attempts of one kind."""
    cases = [
        pytest.param(exercise(identifier), attempt, id=f"{identifier}-{name}")
        for identifier, named in kind.items()
        for name, attempt in named.items()
    ]
    return pytest.mark.parametrize(("task", "attempt"), cases)


def test_every_exercise_has_three_variants() -> None:
    assert {identifier: len(named) for identifier, named in RIGHT.items() if len(named) < 3} == {}
    assert list(RIGHT) == IDS


@every(RIGHT)
def test_a_right_answer_in_another_form_is_accepted(task: Exercise, attempt: Any) -> None:
    verdict = judge(task, attempt)
    assert verdict.passed, verdict.message


@every(WRONG)
def test_a_wrong_answer_that_looks_right_is_refused(task: Exercise, attempt: Any) -> None:
    verdict = judge(task, attempt)
    assert not verdict.passed and verdict.attempted
