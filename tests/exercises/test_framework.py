"""The judge of exercises: what it tells a learner, on small exercises of every kind."""

from __future__ import annotations

from fractions import Fraction

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


def stub_with_a_docstring(x):
    """Return twice x."""
    ...


def stub_without(x: np.ndarray, y: float = 1.0, *more: int) -> np.ndarray: ...


def stub_that_passes(x):
    pass


@pytest.mark.parametrize(
    "stub", [None, ..., stub_with_a_docstring, stub_without, stub_that_passes, lambda x: ..., lambda x: None]
)
def test_a_stub_is_not_attempted(stub: object) -> None:
    verdict = judge(DOUBLE, stub)
    assert (verdict.passed, verdict.attempted, verdict.message) == (False, False, "not attempted yet")


def test_a_forgotten_return_is_not_a_stub(capsys) -> None:
    def forgotten(x):
        """Return twice x."""
        x *= 2

    def printed(x):
        print(2 * x)

    def began(x):
        x += x
        ...

    for attempt in (forgotten, printed, began):
        verdict = judge(DOUBLE, attempt)
        message = "your function returns None: is a return missing?"
        assert (verdict.passed, verdict.attempted, verdict.message) == (False, True, message)


@pytest.mark.parametrize("stub", [None, ...])
def test_a_value_not_set_is_not_attempted(stub: object) -> None:
    assert judge(ANSWER, stub) == framework.Verdict(False, False, "not attempted yet")


def test_known_mistakes_have_their_own_message() -> None:
    assert judge(DOUBLE, lambda x: x * x).message == "you square"
    assert judge(DOUBLE, lambda x: 2 * x if len(x) else 1 // 0).message == "empty arrays divide by zero"
    assert judge(ANSWER, 41).message == "one more"


def test_an_unknown_mistake_names_the_first_case_that_fails() -> None:
    assert judge(DOUBLE, lambda x: 3 * x).message == "case “two”: index 0: expected 4, got 6"
    assert judge(DOUBLE, lambda x: 2 * x[:1]).message == "case “three”: the shape is (1,), and should be (2,)"
    assert judge(DOUBLE, lambda x: x > 0).message == "case “two”: store as float64: the dtype is bool"
    assert "it raised KeyError" in judge(DOUBLE, lambda x: {}["x"]).message
    assert (
        judge(DOUBLE, lambda x: 2 * x if x.size else None).message
        == "case “empty”: your function returns None: is a return missing?"
    )
    assert "a function is wanted, and this is a value of type int" in judge(DOUBLE, 3).message
    assert judge(ANSWER, 7).message == "expected 42, got 7"


def one(reference: object, **options: object) -> Exercise:
    return Exercise("99.4", lambda x: reference, [], cases=[("one", (1.0,))], **options)


@pytest.mark.parametrize(
    ("reference", "answer", "said"),
    [
        (np.zeros((2, 5)), np.eye(2, 5), "row 0, column 0: expected 0, got 1 (2 of 10 entries differ)"),
        (np.array([[0.0, 0.25]]), np.array([[0.0, 0.5]]), "row 0, column 1: expected 0.25, got 0.5"),
        (np.zeros((2, 2, 2)), np.ones((2, 2, 2)), "entry [0, 0, 0]: expected 0, got 1 (8 of 8 entries differ)"),
        (np.array([True, True]), np.array([True, False]), "index 1: expected True, got False"),
        (np.arange(3.0), [0, 1, np.nan], "index 2: expected 2, got nan"),
        (0.6333333333, 0.6333, "expected 0.633333, got 0.6333"),
        (0.633312345678, 0.63331, "expected 0.633312, got 0.63331"),
        (1.0, Fraction(1, 3), "expected 1, got 0.3333"),
        (140460932726784, 140460932726785, "expected 140460932726784, got 140460932726785"),
        ((140460932726784, 7), (140460932726784, 8), "value 2 of 2: expected 7, got 8"),
        ((1, 2), 3, "2 values are wanted, in this order: return them with commas between"),
        ((1, 2), np.array(3), "2 values are wanted, in this order: return them with commas between"),
        ((np.zeros(2), 1.0), (np.array([0, 0.5]), 1.0), "value 1 of 2: index 1: expected 0, got 0.5"),
        (1.0, np.ones(3), "one number is wanted, and this is an array of shape (3,)"),
        (1.0, "one", "expected 1, got one"),
        (1.0, object, "expected 1, got <class 'object'>"),
    ],
)
def test_what_is_wrong_with_an_answer(reference: object, answer: object, said: str) -> None:
    assert judge(one(reference), lambda x: answer).message == f"case “one”: {said}"


def test_a_wrong_type_is_said() -> None:
    task = one(np.array([1, -2], dtype=np.int8), dtype="int8")
    assert judge(task, lambda x: np.array([1.0, -2.0])).message == "case “one”: store as int8: the dtype is float64"
    assert judge(task, lambda x: np.array([1, -2])).message == "case “one”: store as int8: the dtype is int64"
    assert judge(task, lambda x: np.array([1, -2], dtype=np.int8)).passed
    assert judge(task, lambda x: np.array([1.0, -3.0])).message == "case “one”: index 1: expected -2, got -3"
    whole = one(np.array([1, 2]), dtype="integer")
    assert judge(whole, lambda x: [1, 2]).passed and judge(whole, lambda x: np.array([1, 2], np.uint8)).passed
    assert judge(whole, lambda x: np.array([1.0, 2.0])).message == "case “one”: store as integer: the dtype is float64"


def test_a_zero_may_have_a_sign() -> None:
    task = one(np.array([-0.0, 1.0]), signed_zero=True)
    assert judge(task, lambda x: np.array([0.0, 1.0])).message == "case “one”: index 0: expected -0, got 0"
    assert judge(task, lambda x: np.array([-0.0, 1.0])).passed
    assert judge(one(-0.0, signed_zero=True), lambda x: Fraction(0)).passed  # which has no such sign
    assert judge(one(-0.0), lambda x: 0.0).passed


SCALED = Exercise(
    "99.5",
    lambda x, step: step * np.floor(x / step),
    mistakes=[
        Mistake("nearest", lambda x, step: step * np.round(x / step), "you round to nearest"),
        Mistake("in steps", lambda x, step: np.floor(x / step), "multiply by the step"),
        Mistake("toward zero", lambda x, step: step * np.trunc(x / step), "you cut toward zero"),
    ],
    cases=[
        ("halves", (np.array([0.7, 0.8, 2.3]), 0.5)),
        ("quarters", (np.array([0.7, 0.8, 2.2]), 0.25)),
        ("negative", (np.array([-0.7, 0.8]), 0.5)),
        ("step 1", (np.array([0.7, 2.2]), 1.0)),
        ("empty", (np.zeros(0), 1.0)),
    ],
)


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        (
            lambda x, step: step * np.round(x / step) if x.size else 0.0,
            "you round to nearest; and case “empty” is wrong for another reason",
        ),
        (
            lambda x, step: step * np.round(x / step) if x.min() > 0 else x,  # raises for the empty array
            "you round to nearest; and case “negative” is wrong for another reason",
        ),
        (lambda x, step: np.round(x / step), "case “halves”: index 0: expected 0.5, got 1 (3 of 3 entries differ)"),
        (
            lambda x, step: step * np.ceil(x / step),
            "case “halves”: index 0: expected 0.5, got 1 (3 of 3 entries differ)",
        ),
        # right where rounding to nearest is wrong, so it is not that; and one case alone proves nothing
        (lambda x, step: step * np.round(x / step) if step == 0.5 else step * np.floor(x / step), "case “halves”"),
        (
            lambda x, step: step * np.trunc(x / step) if x.size else 0.0,
            "case “negative”: index 0: expected -1, got -0.5",
        ),
    ],
)
def test_a_known_mistake_is_named_beside_a_second_slip(attempt: object, said: str) -> None:
    assert judge(SCALED, attempt).message.startswith(said)


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
        ((1, 2), np.array([1, 2]), True),
        ((np.zeros(2), np.ones(2)), np.array([[0, 0], [1, 1]]), True),
        ((1, 2), np.array(1), False),
        (0.0, -1.4e-12, True),  # an epsilon in a logarithm
        (0.0, 1e-6, False),
        (2.0**-127, 0.0, False),
        (1e-45, 2e-45, False),
        (0.5, Fraction(1, 2), True),
        (0.0, Fraction(1, 2), False),
        (np.array([0.5, 0.25]), [Fraction(1, 2), Fraction(1, 4)], True),
        (2_048_000, 2_048_001, False),  # whole numbers are equal exactly
        (2_048_000, 2_048_000.0, True),
        (2**70, 2**70 + 1, False),
        (2**70, 2**70, True),
        (7, np.uint8(7), True),
        (1, True, False),
        (np.zeros((0, 8)), [], True),
        (np.zeros((0, 8)), np.zeros(0), False),
        (float("inf"), float("inf"), True),
        (float("inf"), 1e300, False),
        (float("inf"), float("-inf"), False),
        (float("nan"), None, False),
        (np.array([1.0, np.nan]), [1.0, None], False),
        ("int8", 8, False),
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
    assert judge(task, lambda x: (x, np.ones((2, 2)))).message.startswith("case “one”: value 2 of 2: row 0, column 0: ")
    assert "the shape is (3,), and should be (2, 2)" in judge(task, lambda x: (x, np.zeros(3))).message
    assert "2 values are wanted" in judge(task, lambda x: x).message
