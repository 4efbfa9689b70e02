"""Every usual slip in the course's own solution is refused, where it changes the answer to a valid input."""

from __future__ import annotations

from importlib import import_module

import pytest

from labkit.exercises.framework import Exercise, exercise
from labkit.lesson import parts, source

from . import mutants

TASKS = [exercise(each.id) for lesson in source.lessons() for each in parts.exercises(lesson)]
every = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)


def draw(task: Exercise):
    return import_module(f".inputs.lesson{task.id[:2]}", __package__).DRAW[task.id]


@every
def test_every_mutant_that_differs_is_refused(task: Exercise) -> None:
    outcome = mutants.try_all(task, draw(task))
    assert outcome.refused >= 20
    assert not outcome.accepted, "\n".join([f"{len(outcome.accepted)} wrong answers pass", *outcome.accepted])
