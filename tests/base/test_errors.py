"""labkit.base.errors: one sentence with the remedy, and the nearest word."""

from __future__ import annotations

import pytest

from labkit.base.errors import CheckFailed, ClaimFailed, LabkitError, UsageError, nearest, one_of, say_error


def test_exit_codes():
    assert LabkitError("x").exit_code == 1
    assert UsageError("x").exit_code == 2
    assert ClaimFailed("x").exit_code == CheckFailed("x").exit_code == 1


def test_nearest_names_a_near_word_and_keeps_silent_about_far_ones():
    assert nearest("sparcity", ["sparsity", "epochs"]) == "; did you mean sparsity?"
    assert nearest("xyz", ["sparsity", "epochs"]) == ""
    assert nearest("anything", []) == ""


def test_one_of_returns_the_word_or_names_the_choices():
    assert one_of("profile", "fast", ("fast", "full")) == "fast"
    with pytest.raises(UsageError, match=r"There is no profile 'fats'; did you mean fast\? \(known: fast, full\)"):
        one_of("profile", "fats", iter(("fast", "full")))


def test_jupyter_shows_the_sentence_and_the_cause_without_a_trace():
    error = LabkitError("The file is truncated: get it again.")
    assert error._render_traceback_() == ["LabkitError: The file is truncated: get it again."]
    error.__cause__ = ValueError("bad magic")
    assert error._render_traceback_()[1:] == ["caused by ValueError: bad magic"]


def test_say_error_prints_one_line_on_standard_error(capsys):
    say_error(LabkitError("No."))
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "labkit: No.\n")
