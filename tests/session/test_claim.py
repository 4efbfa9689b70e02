"""Claims: each kind of bound, the words of a value, and how an outcome becomes a status."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.base.errors import UsageError
from labkit.session import claim as claims
from labkit.session.claim import quantity
from labkit.session.events import Claim

NUMBERS = st.floats(-1e6, 1e6)


def judge(text: str, value: float, **options: object) -> Claim:
    return claims.judge("31", "31.loss", text, value, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bound", "inside", "outside", "relation"),
    [
        ({"at_least": 0.5}, [0.5, 0.9], [0.4999], "≥ 0.5"),
        ({"at_most": 0}, [0, -1], [1e-9], "≤ 0"),
        ({"between": (1, 2)}, [1, 1.5, 2], [0.99, 2.01], "1 to 2"),
        ({"equals": 3}, [3, 3.0, True + 2], [3.0001], "= 3"),
    ],
)
def test_each_bound(bound: dict, inside: list, outside: list, relation: str) -> None:
    assert all(judge("c", value, **bound).held for value in inside)
    assert not any(judge("c", value, **bound).held for value in [*outside, math.nan])
    assert judge("c", 0, **bound).relation == relation


@given(NUMBERS, NUMBERS)
def test_bounds_agree_with_each_other(value: float, bound: float) -> None:
    least, most = judge("c", value, at_least=bound).held, judge("c", value, at_most=bound).held
    assert least or most
    assert (least and most) == judge("c", value, equals=bound).held == judge("c", value, between=(bound, bound)).held


@pytest.mark.parametrize("bounds", [{}, {"at_least": 0, "at_most": 1}, {"equals": 0, "between": (0, 1)}])
def test_exactly_one_bound(bounds: dict) -> None:
    with pytest.raises(UsageError, match="needs one of at_least, at_most, between, equals"):
        judge("c", 1, **bounds)


@pytest.mark.parametrize(
    ("value", "asserted", "status"),
    [(1, True, "held"), (0, True, "failed"), (1, False, "shown"), (0, False, "shown")],
)
def test_status(value: float, asserted: bool, status: str) -> None:
    claim = judge("c", value, at_least=1, asserted=asserted, when="in a full run")
    assert claim.status == status
    assert claim.held is (value == 1)
    assert ("Required in a full run" in claims.html(claim)) is not asserted


def test_sentence_and_escaping() -> None:
    claim = judge("a < b", 0.5, at_least=0.25, unit="%", spread=0.01)
    assert claims.sentence(claim) == "a < b (50.00 % ± 1.00 %; required ≥ 25.00 %)"
    assert "a &lt; b" in claims.html(claim)


def test_a_label_names_the_value_and_an_equality_that_holds_needs_no_bound() -> None:
    equal = judge("Both sums are equal", 0, equals=0, label="difference")
    assert claims.sentence(equal) == "Both sums are equal (difference 0)"
    unequal = judge("Both sums are equal", 3, equals=0, label="difference")
    assert claims.sentence(unequal) == "Both sums are equal (difference 3; required = 0)"


def test_only_a_failed_claim_is_a_box() -> None:
    held, failed = judge("c", 1, at_least=1), judge("c", 0, at_least=1)
    assert "labkit-note" not in claims.html(held) and "✓" in claims.html(held)
    assert "labkit-note" in claims.html(failed) and "✗" in claims.html(failed)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_no_number_is_said(value: float) -> None:
    claim = judge("c", value, at_least=1)
    assert claim.value is None and claim.held is (value > 0)
    assert claims.sentence(claim) == "c (no finite number; required ≥ 1)"


def test_the_event_names_lesson_id_and_kind_of_bound() -> None:
    claim = judge("c", 0.5, between=(0, 1))
    assert (claim.lesson, claim.id, claim.bound, claim.relation) == ("31", "31.loss", "between", "0 to 1")
    assert Claim.from_dict(claim.to_dict()) == claim


@pytest.mark.parametrize("id", ["31.loss", "31.loss-at-4-bits", "31.a1", "31.sum-ds_cnn"])
def test_ids_of_the_form(id: str) -> None:
    claims.check_id("31", id)


@pytest.mark.parametrize("id", ["loss", "40.loss", "31.", "31.Loss", "31.4-bits", "31.a--b", "31.a-", "31.ä", 31])
def test_ids_of_another_form_are_refused(id: str) -> None:
    with pytest.raises(UsageError, match=r"is not '31\.' and then small letters"):
        claims.check_id("31", id)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.8998, "%", "89.98 %"),
        (0.003, "points", "0.30 points"),
        (12.0, "×", "12×"),
        (1066440, "B", "1,066,440 B"),
        (0.123456, "", "0.1235"),
        (float("nan"), "", "nan"),
        (float("inf"), "ms", "inf ms"),
    ],
)
def test_quantity(value: float, unit: str, text: str) -> None:
    assert quantity(value, unit) == text
