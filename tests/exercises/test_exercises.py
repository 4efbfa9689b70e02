"""Every exercise of every lesson: the reference passes, each known mistake gets its own message, a stub gets none."""

from __future__ import annotations

import pkgutil
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from labkit import exercises
from labkit.exercises import framework
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


@every
def test_a_known_mistake_is_named_beside_a_second_slip(task: Exercise) -> None:
    """The second slip spoils one case only; the mistake shows in two of the others or more."""
    for mistake, made in task.mistaken:
        spoilt = [k for k in range(len(made)) if not framework._equal(task, task.expected[k], made[k])]
        shown = [k for k in spoilt if not isinstance(made[k], framework._Raised)]
        rivals = [answers for other, answers in task.mistaken if other is not mistake]
        if len(shown) < 3 or 2 * (len(shown) - 1) < len(spoilt) or _even(task, made, shown[:-1], rivals):
            continue
        verdict = judge(task, _fails_in(mistake.attempt, task.cases, shown[-1]))
        case = task.cases[shown[-1]][0]
        assert verdict.message == f"{mistake.message}; and case “{case}” is wrong for another reason", mistake.name


def _even(task: Exercise, made: list[object], places: list[int], rivals: list[list[object]]) -> bool:
    """Return whether another known mistake gives the same answers at two of *places* or more."""
    return any(sum(framework._alike(task, made[k], answers[k]) for k in places) >= 2 for answers in rivals)


def _fails_in(attempt: object, cases: Sequence[tuple[str, tuple[object, ...]]], place: int) -> object:
    """Return *attempt*, but for one case, in which it raises."""
    calls = iter(range(len(cases)))

    def spoilt(*arguments: object) -> object:
        if next(calls) == place:
            raise ValueError("a second slip")
        return attempt(*arguments)  # type: ignore[operator]

    return spoilt


@pytest.mark.parametrize("number", LESSONS)
def test_a_check_takes_less_than_a_third_of_a_second(number: str) -> None:
    module = import_module(f"labkit.exercises.lesson{number}")
    for task in module.EXERCISES:
        for attempt in (task.reference, lambda *_: 0.123, task.mistakes[-1].attempt):
            fresh = replace(task)  # nothing is cached yet
            began = time.process_time()
            judge(fresh, attempt)
            assert time.process_time() - began < 0.3, task.id


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
