"""Exercises: cases, a reference, and the mistakes that are known, each with what to tell who makes it.

A mistake is written as an attempt of its own. When a learner's answers equal those of a known mistake, the check says
that mistake's message rather than only that something is wrong. It does so too when a second slip spoils some cases.
"""

from __future__ import annotations

import copy
import dis
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np

from labkit.base.errors import LabkitError, one_of

RELATIVE = 1e-6  # of a value, and of the largest value beside it
NEAR_ZERO = 1e-7  # where the answer is exactly zero: rounding noise, or an epsilon in a logarithm
NOT_ATTEMPTED = "not attempted yet"
RETURNS_NONE = "your function returns None: is a return missing?"


@dataclass(frozen=True)
class Mistake:
    """A wrong attempt that learners make, and the sentence that helps them on."""

    name: str
    attempt: Any
    message: str


@dataclass(frozen=True)
class Exercise:
    """One exercise; *cases* are named argument tuples for a function, or empty for a value.

    *dtype* is the NumPy type that an answer must have (``int8``, or ``integer`` for any of that kind). With
    *signed_zero* an answer −0 is not 0.
    """

    id: str
    reference: Any
    mistakes: Sequence[Mistake]
    cases: Sequence[tuple[str, tuple[Any, ...]]] = ()
    dtype: str = ""
    signed_zero: bool = False

    @property
    def is_function(self) -> bool:
        """Return whether the learner writes a function (else a value)."""
        return bool(self.cases)

    @cached_property
    def expected(self) -> list[Any]:
        """Return the reference's answer to each case."""
        return _answers(self, self.reference)

    @cached_property
    def mistaken(self) -> list[tuple[Mistake, list[Any]]]:
        """Return each known mistake with its answers."""
        return [(mistake, _answers(self, mistake.attempt)) for mistake in self.mistakes]


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
    if attempt is None or attempt is ... or _is_stub(attempt):
        return Verdict(False, False, NOT_ATTEMPTED)
    answers = _answers(task, attempt)
    if all(isinstance(answer, _Nothing) for answer in answers):
        return Verdict(False, True, RETURNS_NONE)
    wrong = _differing(task, task.expected, answers)
    if not wrong:
        count = len(task.cases)
        return Verdict(True, True, f"right on all {count} cases" if task.is_function else "right")
    named = _known(task, answers) or _known_beside_another(task, answers, set(wrong))
    return Verdict(False, True, named or _describe(task, wrong[0], answers[wrong[0]]))


def close(expected: Any, got: Any) -> bool:
    """Return whether two answers have the same kind and shape and equal values.

    Whole numbers are equal exactly, others within 1e-6 of the value and of the largest one in the array, and within
    1e-7 where zero is expected. NaN equals NaN. A list, a tuple or an array serves for several values, a list for an
    array, and a Fraction for a number.
    """
    if isinstance(expected, tuple):
        return _is_several(got) and len(got) == len(expected) and all(map(close, expected, got))
    if _is_whole(expected) and _is_whole(got):
        return int(expected) == int(got)
    want, have = _array(expected), _array(got)
    if want is None or have is None:
        return False
    if isinstance(got, list) and want.size == have.size == 0:  # an empty list has no shape and no type
        return True
    return want.shape == have.shape and bool(np.all(_near(want, have)))


class _Nothing:
    """The answer of a function that returns nothing."""


@dataclass
class _Raised:
    """The answer of a function that raised."""

    error: BaseException


def _is_stub(attempt: Any) -> bool:
    """Return whether *attempt* is a function whose body is still ``...``, whatever its signature and docstring."""
    code = getattr(attempt, "__code__", None)
    if code is None:
        return False
    steps = [(step.opname, step.argval) for step in dis.get_instructions(code) if step.opname not in ("RESUME", "NOP")]
    ends = (None, ...)
    return steps in [[("LOAD_CONST", end), ("RETURN_VALUE", None)] for end in ends] or steps in [
        [("RETURN_CONST", end)] for end in ends
    ]


def _answers(task: Exercise, attempt: Any) -> list[Any]:
    if not task.is_function:
        return [attempt]
    if not callable(attempt):
        kind = type(attempt).__name__
        return [_Raised(TypeError(f"a function is wanted, and this is a value of type {kind}"))] * len(task.cases)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return [_call(attempt, arguments) for _, arguments in task.cases]


def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    copies = [copy.deepcopy(value) if isinstance(value, np.ndarray | list) else value for value in arguments]
    try:
        answer = function(*copies)
    except Exception as error:  # a learner's function may raise anything; the verdict says what
        return _Raised(error)
    return _Nothing() if answer is None or answer is ... else answer


def _differing(task: Exercise, wanted: list[Any], answers: list[Any]) -> list[int]:
    """Return the numbers of the cases in which two lists of answers differ."""
    return [k for k, (want, got) in enumerate(zip(wanted, answers, strict=True)) if not _equal(task, want, got)]


def _equal(task: Exercise, expected: Any, got: Any) -> bool:
    return _alike(task, expected, got) and (isinstance(got, _Raised) or not _other_type(task, got))


def _alike(task: Exercise, expected: Any, got: Any) -> bool:
    """Return whether two answers are equal, whatever the type that their numbers are stored in."""
    if isinstance(expected, _Raised) or isinstance(got, _Raised):
        return isinstance(expected, _Raised) and isinstance(got, _Raised) and type(expected.error) is type(got.error)
    if isinstance(got, _Nothing) or isinstance(expected, _Nothing) or not close(expected, got):
        return False
    return not (task.signed_zero and bool(np.any(_other_zero(expected, got))))


def _other_type(task: Exercise, got: Any) -> str:
    """Return the dtype of an answer where the exercise asks for another; else nothing."""
    if not task.dtype or (isinstance(got, list) and not got):
        return ""
    dtype = np.asarray(got).dtype
    fits = np.issubdtype(dtype, np.integer) if task.dtype == "integer" else dtype == np.dtype(task.dtype)
    return "" if fits else str(dtype)


def _other_zero(expected: Any, got: Any) -> Any:
    """Return where a zero has the other sign; whole numbers and Fractions have no such sign."""
    want, have = np.asarray(expected), np.asarray(got)
    if have.dtype.kind != "f":
        return np.zeros(want.shape, dtype=bool)
    return (want == 0) & (np.signbit(want) != np.signbit(have))


# Known mistakes


def _known(task: Exercise, answers: list[Any]) -> str:
    """Return the message of the mistake whose answers are these in every case."""
    for mistake, made in task.mistaken:
        if all(_alike(task, want, got) for want, got in zip(made, answers, strict=True)):
            return mistake.message
    return ""


def _known_beside_another(task: Exercise, answers: list[Any], wrong: set[int]) -> str:
    """Return the message of a mistake that a second slip accompanies.

    It is made if the answers equal the mistake's in at least two of the cases that it spoils, and in at least half of
    them, and are right in none of them. Among several the one with most such cases counts, and none where two are even.
    """
    found: list[tuple[int, str, list[int]]] = []
    for mistake, made in task.mistaken:
        spoilt = set(_differing(task, task.expected, made))
        alike = {k for k in spoilt if not isinstance(made[k], _Raised) and _alike(task, made[k], answers[k])}
        if spoilt <= wrong and len(alike) >= 2 and 2 * len(alike) >= len(spoilt):
            others = [k for k in sorted(wrong) if not _alike(task, made[k], answers[k])]
            found.append((len(alike), mistake.message, others))
    most = max((count for count, _, _ in found), default=0)
    best = [(message, others) for count, message, others in found if count == most]
    if len(best) != 1:
        return ""
    message, others = best[0]
    return message + (f"; and case “{task.cases[others[0]][0]}” is wrong for another reason" if others else "")


# What is wrong with one answer


def _describe(task: Exercise, case: int, got: Any) -> str:
    where = f"case “{task.cases[case][0]}”: " if task.is_function else ""
    if isinstance(got, _Raised):
        return f"{where}it raised {type(got.error).__name__}: {got.error}"
    if isinstance(got, _Nothing):
        return where + RETURNS_NONE
    return where + _difference(task, task.expected[case], got)


def _difference(task: Exercise, expected: Any, got: Any) -> str:
    """Return what is wrong with one answer; of several values, with the first that is."""
    if isinstance(expected, tuple):
        if not _is_several(got) or len(got) != len(expected):
            return f"{len(expected)} values are wanted, in this order: return them with commas between"
        for k, (want, have) in enumerate(zip(expected, got, strict=True), 1):
            if not _equal(task, want, have):
                return f"value {k} of {len(expected)}: {_difference(task, want, have)}"
    want, have = np.asarray(expected), _array(got)
    if have is None:
        return f"expected {_text(expected)}, got {_text(got)}"
    if want.shape != have.shape:
        if want.ndim == 0:
            return f"one number is wanted, and this is an array of shape {have.shape}"
        return f"the shape is {have.shape}, and should be {want.shape}"
    if (want.dtype == bool) != (have.dtype == bool):
        return f"store as {want.dtype}: the dtype is {have.dtype}"
    if close(expected, got) and (dtype := _other_type(task, got)):
        return f"store as {task.dtype}: the dtype is {dtype}"
    return _first_wrong_entry(task, want, have)


def _first_wrong_entry(task: Exercise, want: np.ndarray, have: np.ndarray) -> str:
    """Return the place and the two values of the first entry that differs, and how many do."""
    differ = ~_near(want, have)
    if task.signed_zero:
        differ = differ | _other_zero(want, have)
    if want.ndim == 0 or not differ.any():
        return _pair(want[()], have[()])
    place = tuple(int(k) for k in np.argwhere(differ)[0])
    names = {1: "index {}", 2: "row {}, column {}"}
    where = names.get(want.ndim, f"entry {list(place)}").format(*place)
    count = int(differ.sum())
    more = f" ({count} of {want.size} entries differ)" if count > 1 else ""
    return f"{where}: {_pair(want[place], have[place])}{more}"


def _pair(want: Any, have: Any) -> str:
    """Return two values in as many digits as tell them apart."""
    texts = [(_text(want, digits), _text(have, digits)) for digits in (4, 6, 8, 10, 13, 17)]
    expected, got = next((pair for pair in texts if pair[0] != pair[1]), texts[-1])
    return f"expected {expected}, got {got}"


def _text(value: Any, digits: int = 4) -> str:
    if isinstance(value, float | np.floating):
        return f"{value:.{digits}g}" if digits > 4 or abs(float(value)) < 1e4 else f"{value:.{digits + 4}g}"
    text = str(value).replace("\n", " ")
    return text if len(text) <= 120 else text[:117] + "…"


# Comparing


def _is_several(value: Any) -> bool:
    return isinstance(value, tuple | list) or (isinstance(value, np.ndarray) and value.ndim > 0)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _array(value: Any) -> np.ndarray | None:
    """Return *value* as an array of booleans, numbers or text; None when it is none."""
    try:
        array = np.asarray(value)
        if array.dtype == object:  # Fractions, and whole numbers without a largest
            if any(each is None for each in _each(array)):
                return None
            array = array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    return array if array.dtype.kind in "biufUS" else None


def _each(array: np.ndarray) -> Iterator[Any]:
    return iter(array.ravel().tolist())


def _near(want: np.ndarray, have: np.ndarray) -> np.ndarray:
    """Return where two arrays of one shape hold the same; all False where only one of them holds booleans."""
    kinds = {want.dtype.kind, have.dtype.kind}
    if "b" in kinds and len(kinds) > 1:
        return np.zeros(want.shape, dtype=bool)
    if kinds & set("US") or want.dtype.kind in "biu":
        return np.asarray(want == have)
    size = np.abs(want)
    largest = float(np.max(size[np.isfinite(size)], initial=0.0))
    allowed = RELATIVE * size + RELATIVE * largest
    allowed = np.where(want == 0, np.maximum(allowed, NEAR_ZERO), allowed)
    finite = np.isfinite(want) & np.isfinite(have)
    with np.errstate(invalid="ignore"):
        near = np.abs(have.astype(np.float64) - want) <= allowed
    return np.where(finite, near, (want == have) | (np.isnan(want) & np.isnan(have)))
