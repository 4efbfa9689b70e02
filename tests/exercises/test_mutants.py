"""Every usual slip in the course's own solution is refused, where it changes the answer to a valid input."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

from labkit.exercises.framework import Exercise, exercise, judge
from labkit.lesson import parts, source

from . import mutants

TASKS = [exercise(each.id) for lesson in source.lessons() for each in parts.exercises(lesson)]
every = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)


def draw(task: Exercise):
    return import_module(f".inputs.lesson{task.id[:2]}", __package__).DRAW[task.id]


@every
def test_the_page_and_the_exercise_agree_on_valid_inputs(task: Exercise) -> None:
    solved, rng = mutants.solution(task.id).function(), np.random.default_rng(11)
    assert judge(task, solved).passed
    inputs = [(str(k), draw(task)(rng)) for k in range(400)]
    wide = Exercise(task.id, task.reference, [], inputs, task.dtype, task.signed_zero)
    verdict = judge(wide, solved)
    assert verdict.passed, verdict.message


@every
def test_every_mutant_that_differs_is_refused(task: Exercise) -> None:
    outcome = mutants.try_all(task, draw(task))
    assert outcome.refused >= 20
    assert not outcome.accepted, "\n".join([f"{len(outcome.accepted)} wrong answers pass", *outcome.accepted])
