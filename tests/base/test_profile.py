"""labkit.base.profile: the variable decides, and a wrong word is named."""

from __future__ import annotations

import pytest

from labkit.base.errors import UsageError
from labkit.base.profile import by_profile, current
from labkit.base.settings import PROFILE


@pytest.mark.parametrize(
    ("word", "expected"), [(None, "full"), ("", "full"), ("fast", "fast"), ("full", "full"), ("study", "study")]
)
def test_current(monkeypatch, word, expected):
    if word is None:
        monkeypatch.delenv(PROFILE.name, raising=False)
    else:
        monkeypatch.setenv(PROFILE.name, word)
    assert current() == expected


@pytest.mark.parametrize(
    ("word", "values", "expected"),
    [("full", (6, 1), 6), ("fast", (6, 1), 1), ("study", (6, 1), 6), ("study", (6, 1, 90), 90), ("fast", (6, 0, 9), 0)],
)
def test_by_profile(monkeypatch, word, values, expected):
    monkeypatch.setenv(PROFILE.name, word)
    assert by_profile(*values) == expected


def test_a_falsy_third_value_counts(monkeypatch):
    monkeypatch.setenv(PROFILE.name, "study")
    assert by_profile(6, 1, 0) == 0


def test_unknown_profile_names_the_nearest(monkeypatch):
    monkeypatch.setenv(PROFILE.name, "fsat")
    with pytest.raises(UsageError, match="did you mean fast"):
        by_profile(1, 2)
