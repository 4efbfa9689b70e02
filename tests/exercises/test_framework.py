"""The judge of exercises: what it tells a learner, on small exercises of every kind."""

from __future__ import annotations

import numpy as np
import pytest

from labkit.base.errors import LabkitError, UsageError
from labkit.exercises import framework
from labkit.exercises.framework import Exercise, Mistake, close, judge

DOUBLE = Exercise(
    "99.1",
    lambda x: 2 * x,
    mistakes=[
        Mistake("square", lambda x: x**2, "you square"),
        Mistake("fails on empty", lambda x: 2 * x if x.size else 1 / 0, "empty arrays divide by zero"),
    ],
    cases=[("two", (np.array([2.0]),)), ("three", (np.array([3.0, 1.0]),)), ("empty", (np.zeros(0),))],
)
ANSWER = Exercise("99.2", 42, mistakes=[Mistake("off by one", 41, "one more")])


def test_right() -> None:
    verdict = judge(DOUBLE, lambda x: x + x)
    assert (verdict.passed, verdict.attempted, verdict.message) == (True, True, "right on all 3 cases")
    assert judge(ANSWER, 42).message == "right"


@pytest.mark.parametrize("stub", [None, ..., lambda x: ..., lambda x: None])
def test_a_stub_is_not_attempted(stub: object) -> None:
    verdict = judge(DOUBLE, stub)
    assert (verdict.passed, verdict.attempted, verdict.message) == (False, False, "not attempted yet")


@pytest.mark.parametrize("stub", [None, ...])
def test_a_value_not_set_is_not_attempted(stub: object) -> None:
    assert judge(ANSWER, stub) == framework.Verdict(False, False, "not attempted yet")


def test_known_mistakes_have_their_own_message() -> None:
    assert judge(DOUBLE, lambda x: x * x).message == "you square"
    assert judge(DOUBLE, lambda x: 2 * x if len(x) else 1 // 0).message == "empty arrays divide by zero"
    assert judge(ANSWER, 41).message == "one more"


def test_an_unknown_mistake_names_the_first_case_that_fails() -> None:
    assert judge(DOUBLE, lambda x: 3 * x).message == "case “two”: expected [4.], got [6.]"
    assert judge(DOUBLE, lambda x: 2 * x[:1]).message == "case “three”: the shape is (1,), and should be (2,)"
    assert judge(DOUBLE, lambda x: x > 0).message == "case “two”: the dtype is bool, and should be float64"
    assert "it raised KeyError" in judge(DOUBLE, lambda x: {}["x"]).message
    assert "returns nothing" in judge(DOUBLE, lambda x: 2 * x if x.size else None).message
    assert "a function is wanted, this is a int" in judge(DOUBLE, 3).message
    assert judge(ANSWER, 7).message == "expected 42, got 7"


def test_a_wrong_signature_is_said_not_raised() -> None:
    assert "it raised TypeError" in judge(DOUBLE, lambda: 1).message


def test_an_attempt_cannot_spoil_the_cases() -> None:
    def greedy(x: np.ndarray) -> np.ndarray:
        x *= 2
        return x

    assert judge(DOUBLE, greedy).passed
    assert judge(DOUBLE, greedy).passed  # the arrays of the cases are as they were


def test_a_long_answer_is_shortened() -> None:
    message = judge(Exercise("99.3", np.arange(1000.0), mistakes=[]), np.ones(1000)).message
    assert len(message) < 300


@pytest.mark.parametrize(
    ("expected", "got", "same"),
    [
        (1.0, 1.0 + 1e-7, True),
        (1.0, 1.01, False),
        (float("nan"), float("nan"), True),
        (float("nan"), 0.0, False),
        (np.ones(3), [1, 1, 1], True),
        (np.ones(3), np.ones((3, 1)), False),
        (np.array([True]), np.array([1]), False),
        (np.array([1e6, 0.0]), np.array([1e6, 0.5]), True),  # within 1e-6 of the largest value
        (np.zeros(2), np.full(2, 1e-3), False),
        (np.zeros(0), np.zeros(0), True),
        ("int8", "int8", True),
        ("int8", "uint8", False),
        ((1, 2.0), [1, 2.0], True),
        ((1, 2), (1, 2, 3), False),
        ((1, 2), 1, False),
        (1.0, "one", False),
        (1.0, object(), False),
    ],
)
def test_close(expected: object, got: object, same: bool) -> None:
    assert close(expected, got) is same


def test_found_by_number() -> None:
    assert framework.exercise("00.1").id == "00.1"
    with pytest.raises(UsageError, match=r"00\.1"):
        framework.exercise("00.7")
    with pytest.raises(LabkitError, match="Lesson 98 has no exercises"):
        framework.exercise("98.1")


def test_a_wrong_value_among_several_is_named_even_when_their_shapes_differ():
    task = Exercise("00.9", lambda x: (x, np.zeros((2, 2))), [], cases=[("one", (1.0,))])
    assert judge(task, lambda x: (x, np.ones((2, 2)))).message.startswith("case “one”: value 2 of 2: expected [[0.")
    assert "the shape is (3,), and should be (2, 2)" in judge(task, lambda x: (x, np.zeros(3))).message
    assert "2 values are wanted" in judge(task, lambda x: x).message
