"""Errors that say in one sentence what is wrong, what is allowed and what to do."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable


class LabkitError(Exception):
    """A mistake that its reader can mend; the message is one sentence with the remedy. Exit code 1."""

    exit_code = 1

    def _render_traceback_(self) -> list[str]:
        """Return what Jupyter shows instead of a stack trace: the sentence, and the library's own message below it."""
        lines = [f"{type(self).__name__}: {self}"]
        if self.__cause__ is not None:
            lines.append(f"caused by {type(self.__cause__).__name__}: {self.__cause__}")
        return lines


class UsageError(LabkitError):
    """A command or call that is worded wrongly. Exit code 2."""

    exit_code = 2


class ClaimFailed(LabkitError):
    """A claim of a page that the page's own measurement does not bear out."""


class CheckFailed(LabkitError):
    """A solution in the solved edition that its own check refuses."""


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return ``'; did you mean X?'`` for the choice nearest to *word*, or an empty string when none is near."""
    matches = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.5)
    return f"; did you mean {matches[0]}?" if matches else ""


def one_of(what: str, word: str, choices: Iterable[str]) -> str:
    """Return *word* if it is among *choices*; raise UsageError naming the choices and the nearest otherwise."""
    known = list(choices)
    if word not in known:
        raise UsageError(f"There is no {what} {word!r}{nearest(word, known)} (known: {', '.join(known)}).")
    return word


def say_error(error: BaseException) -> None:
    """Print one line for *error* on standard error."""
    print(f"labkit: {error}", file=sys.stderr)
