"""Exercises: cases, a reference, and the mistakes that are known, each with what to tell who makes it.

A mistake is written as an attempt of its own. When a learner's answers equal those of a known mistake on every case,
the check says that mistake's message rather than only that something is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

from labkit.base.errors import LabkitError, one_of


@dataclass(frozen=True)
class Mistake:
    """A wrong attempt that learners make, and the sentence that helps them on."""

    name: str
    attempt: Any
    message: str


@dataclass(frozen=True)
class Exercise:
    """One exercise; *cases* are named argument tuples for a function, or empty for a value.

    ``same(expected, got)`` compares two answers; the default is `close`.
    """

    id: str
    reference: Any
    mistakes: Sequence[Mistake]
    cases: Sequence[tuple[str, tuple[Any, ...]]] = ()
    same: Callable[[Any, Any], bool] = field(default=lambda expected, got: close(expected, got))

    @property
    def is_function(self) -> bool:
        """Return whether the learner writes a function (else a value)."""
        return bool(self.cases)


@dataclass(frozen=True)
class Verdict:
    """What a check found; *message* is written to the learner."""

    passed: bool
    attempted: bool
    message: str


def exercise(identifier: str) -> Exercise:
    """Return the exercise *identifier*, such as ``31.1``; raises UsageError with the nearest known one."""
    lesson = identifier.partition(".")[0]
    try:
        known = {each.id: each for each in import_module(f"labkit.exercises.lesson{lesson}").EXERCISES}
    except ModuleNotFoundError as error:
        raise LabkitError(f"Lesson {lesson} has no exercises (asked for {identifier}).") from error
    return known[one_of("exercise", identifier, known)]


def judge(task: Exercise, attempt: Any) -> Verdict:
    """Try *attempt* on every case; name the known mistake it makes, or the first case that fails."""
    if attempt is None or attempt is ...:
        return Verdict(False, False, "not attempted yet")
    answers = _answers(task, attempt)
    if all(isinstance(answer, _Nothing) for answer in answers):
        return Verdict(False, False, "not attempted yet")
    expected = _answers(task, task.reference)
    wrong = [k for k, (want, got) in enumerate(zip(expected, answers, strict=True)) if not _equal(task, want, got)]
    if not wrong:
        count = len(task.cases)
        return Verdict(True, True, f"right on all {count} cases" if task.is_function else "right")
    for mistake in task.mistakes:
        made = _answers(task, mistake.attempt)
        if all(_equal(task, want, got) for want, got in zip(made, answers, strict=True)):
            return Verdict(False, True, mistake.message)
    return Verdict(False, True, _describe(task, wrong[0], expected[wrong[0]], answers[wrong[0]]))


def close(expected: Any, got: Any) -> bool:
    """Return whether two answers have the same kind and shape and are equal within 1e-5 (or 1e-6 of the largest value);
    NaN equals NaN."""
    if isinstance(expected, tuple):
        return isinstance(got, tuple | list) and len(got) == len(expected) and all(map(close, expected, got))
    try:
        want, have = np.asarray(expected), np.asarray(got)
        if want.shape != have.shape:
            return False
        if want.dtype == bool or have.dtype == bool:
            return want.dtype == have.dtype and bool(np.array_equal(want, have))
        if want.dtype.kind in "US":
            return bool(np.array_equal(want, have))
        scale = float(np.max(np.abs(want[np.isfinite(want)]), initial=0.0))
        return bool(np.allclose(have, want, rtol=1e-5, atol=1e-6 * scale, equal_nan=True))
    except (TypeError, ValueError):
        return False


class _Nothing:
    """The answer of a function that is still a stub."""


@dataclass
class _Raised:
    """The answer of a function that raised."""

    error: BaseException


def _answers(task: Exercise, attempt: Any) -> list[Any]:
    if not task.is_function:
        return [attempt]
    if not callable(attempt):
        return [_Raised(TypeError(f"a function is wanted, this is a {type(attempt).__name__}"))] * len(task.cases)
    return [_call(attempt, arguments) for _, arguments in task.cases]


def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    copies = [value.copy() if isinstance(value, np.ndarray) else value for value in arguments]
    try:
        with np.errstate(all="ignore"):
            answer = function(*copies)
    except Exception as error:  # a learner's function may raise anything; the verdict says what
        return _Raised(error)
    return _Nothing() if answer is None or answer is ... else answer


def _equal(task: Exercise, expected: Any, got: Any) -> bool:
    if isinstance(expected, _Raised) or isinstance(got, _Raised):
        return isinstance(expected, _Raised) and isinstance(got, _Raised) and type(expected.error) is type(got.error)
    return not isinstance(got, _Nothing) and not isinstance(expected, _Nothing) and task.same(expected, got)


def _describe(task: Exercise, case: int, expected: Any, got: Any) -> str:
    where = f"case “{task.cases[case][0]}”: " if task.is_function else ""
    if isinstance(got, _Raised):
        return f"{where}it raised {type(got.error).__name__}: {got.error}"
    if isinstance(got, _Nothing):
        return f"{where}it returns nothing; end the function with return"
    return where + _difference(task, expected, got)


def _difference(task: Exercise, expected: Any, got: Any) -> str:
    """Return what is wrong with one answer; of several values, with the first that is."""
    if isinstance(expected, tuple):
        if not isinstance(got, tuple | list) or len(got) != len(expected):
            return f"{len(expected)} values are wanted, in this order: return them with commas between"
        pairs = enumerate(zip(expected, got, strict=True), 1)
        for k, (want, have) in pairs:
            if not task.same(want, have):
                return f"value {k} of {len(expected)}: {_difference(task, want, have)}"
        return f"expected {expected}, got {got}"[:200]
    want, have = np.asarray(expected), np.asarray(got)
    if want.shape != have.shape:
        return f"the shape is {have.shape}, and should be {want.shape}"
    if (want.dtype == bool) != (have.dtype == bool):
        return f"the dtype is {have.dtype}, and should be {want.dtype}"
    return f"expected {_short(expected)}, got {_short(got)}"


def _short(value: Any) -> str:
    text = np.array2string(np.asarray(value), precision=4, threshold=8, separator=", ").replace("\n", " ")
    return text if len(text) <= 120 else text[:117] + "…"
