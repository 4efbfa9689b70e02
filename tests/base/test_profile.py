"""labkit.base.profile: the variable decides, and a wrong word is named."""

from __future__ import annotations

import pytest

from labkit.base.errors import UsageError
from labkit.base.profile import VARIABLE, by_profile, current


@pytest.mark.parametrize(
    ("word", "expected"), [(None, "full"), ("", "full"), ("fast", "fast"), ("full", "full"), ("study", "study")]
)
def test_current(monkeypatch, word, expected):
    if word is None:
        monkeypatch.delenv(VARIABLE, raising=False)
    else:
        monkeypatch.setenv(VARIABLE, word)
    assert current() == expected


@pytest.mark.parametrize(
    ("word", "values", "expected"),
    [("full", (6, 1), 6), ("fast", (6, 1), 1), ("study", (6, 1), 6), ("study", (6, 1, 90), 90), ("fast", (6, 0, 9), 0)],
)
def test_by_profile(monkeypatch, word, values, expected):
    monkeypatch.setenv(VARIABLE, word)
    assert by_profile(*values) == expected


def test_a_falsy_third_value_counts(monkeypatch):
    monkeypatch.setenv(VARIABLE, "study")
    assert by_profile(6, 1, 0) == 0


def test_unknown_profile_names_the_nearest(monkeypatch):
    monkeypatch.setenv(VARIABLE, "fsat")
    with pytest.raises(UsageError, match="did you mean fast"):
        by_profile(1, 2)
