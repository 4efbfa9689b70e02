"""Arguments that are checked: each refusal names the argument, its value and what is allowed."""

from __future__ import annotations

import re

import numpy as np
import pytest

from labkit.base.checks import whole
from labkit.base.errors import UsageError


@pytest.mark.parametrize("value", [1, 7, np.int8(7), np.uint64(7), np.array(7)])
def test_a_whole_number_of_any_kind_comes_back_as_pythons(value: object) -> None:
    number = whole("batch", value, 1, 7)
    assert type(number) is int
    assert number == value


@pytest.mark.parametrize(
    "value", [0, -1, 8, 7.0, 1.5, True, np.True_, np.float32(2), "2", None, float("nan"), np.array([1, 2])]
)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(UsageError, match=re.escape(f"batch is {value!r}, but must be a whole number from 1 to 7.")):
        whole("batch", value, 1, 7)


def test_without_an_upper_end_the_sentence_names_the_lower_one_and_the_note() -> None:
    assert whole("n", 10**30) == 10**30
    with pytest.raises(UsageError, match=r"^group is -1, but must be a whole number of at least 0: neighbours\.$"):
        whole("group", -1, note=": neighbours")
