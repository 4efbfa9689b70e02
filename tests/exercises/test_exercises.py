"""Every exercise of every lesson: the reference passes, each known mistake gets its own message, a stub gets none."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module

import numpy as np
import pytest

from labkit import exercises
from labkit.exercises.framework import Exercise, Mistake, judge

LESSONS = sorted(each.name[6:] for each in pkgutil.iter_modules(exercises.__path__) if each.name.startswith("lesson"))
ALL = [each for number in LESSONS for each in import_module(f"labkit.exercises.lesson{number}").EXERCISES]
MISTAKES = [pytest.param(each, mistake, id=f"{each.id}-{mistake.name}") for each in ALL for mistake in each.mistakes]
every = pytest.mark.parametrize("task", ALL, ids=lambda task: task.id)


def test_numbers_belong_to_their_lessons_and_count_up() -> None:
    assert LESSONS
    for number in LESSONS:
        ids = [each.id for each in import_module(f"labkit.exercises.lesson{number}").EXERCISES]
        assert ids == [f"{number}.{k}" for k in range(1, len(ids) + 1)]


@every
def test_the_reference_passes(task: Exercise) -> None:
    verdict = judge(task, task.reference)
    assert verdict.passed and verdict.attempted, verdict.message


@every
def test_three_mistakes_or_more_with_messages_of_their_own(task: Exercise) -> None:
    assert len(task.mistakes) >= 3
    assert len({mistake.message for mistake in task.mistakes}) == len(task.mistakes)
    assert len({mistake.name for mistake in task.mistakes}) == len(task.mistakes)
    for mistake in task.mistakes:
        assert not re.search(r"[.!]$", mistake.message), "the check adds the full stop"


@pytest.mark.parametrize(("task", "mistake"), MISTAKES)
def test_a_known_mistake_fails_with_its_own_message(task: Exercise, mistake: Mistake) -> None:
    verdict = judge(task, mistake.attempt)
    assert not verdict.passed and verdict.attempted
    assert verdict.message == mistake.message


@every
def test_a_stub_is_not_attempted(task: Exercise) -> None:
    def stub(*arguments: object) -> object:
        """Return something, one day."""
        ...

    stubs = [None, ..., stub, lambda *_: ...] if task.is_function else [None, ...]
    for stub in stubs:
        verdict = judge(task, stub)
        assert (verdict.passed, verdict.attempted, verdict.message) == (False, False, "not attempted yet")


@every
def test_cases_have_names_and_a_degenerate_one_is_among_them(task: Exercise) -> None:
    if not task.is_function:
        return
    names = [name for name, _ in task.cases]
    assert len(set(names)) == len(names) >= 4
    assert any(_degenerate(arguments) for _, arguments in task.cases), "add an empty, single, constant or extreme case"


@every
def test_judging_twice_finds_the_same(task: Exercise) -> None:
    wrong = task.mistakes[0].attempt
    assert judge(task, wrong) == judge(task, wrong)
    assert judge(task, task.reference).passed


def _degenerate(arguments: tuple[object, ...]) -> bool:
    """Whether a case is at the edge: an empty or one-valued array, a list too short for a middle, or plain numbers of
    which two agree or one is 0."""
    arrays = [argument for argument in arguments if isinstance(argument, np.ndarray)]
    if arrays:
        return any(array.size <= 1 or bool(np.all(array == array.flat[0])) for array in arrays)
    if any(len(argument) <= 2 for argument in arguments if isinstance(argument, list | tuple)):
        return True
    numbers = [argument for argument in arguments if isinstance(argument, int | float)]
    return 0 in numbers or len(set(numbers)) < len(numbers)
