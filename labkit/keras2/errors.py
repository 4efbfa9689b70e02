"""Translate TFMOT's misleading errors, each into one sentence with its remedy; the original is kept as the cause.

Where TFMOT gives a wrong result without an error, its arguments are checked first (`guards`). Nothing here imports
TensorFlow: there is nothing to translate before the learner's page has done so.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from labkit.base.errors import LabkitError
from labkit.keras2 import guards
from labkit.keras2.explanations import RULES

_SHOWN = 8  # lines of the original that a page shows; a graph execution error has sixty


class TranslatedError(LabkitError):
    """A library's error in plain words; ``__cause__`` is the library's own."""

    def _render_traceback_(self) -> list[str]:
        lines = [f"{type(self).__name__}: {self}"]
        if self.__cause__ is not None:
            original = [line[:400] for line in str(self.__cause__).splitlines() if line.strip()]
            if len(original) > _SHOWN:
                hidden = len(original) - _SHOWN
                original[2 : 2 + hidden] = [f"… ({hidden + 1} lines more in the error's __cause__)"]
                original = original[: _SHOWN + 1]
            lines.append(f"caused by {type(self.__cause__).__name__}: " + "\n".join(original))
        return lines


def translate(error: BaseException) -> LabkitError | None:
    """Return *error* as one sentence with the remedy, itself as ``__cause__``; None when there is none for it."""
    if isinstance(error, LabkitError):
        return None
    text = _text(error)
    for pattern, explain in RULES:
        match = re.search(pattern, text, re.DOTALL)
        if match is None:
            continue
        sentence = explain(error, match)
        if sentence:
            translated = TranslatedError(sentence)
            translated.__cause__ = error
            return translated
    return None


@contextmanager
def translated() -> Iterator[None]:
    """Raise the translation of what the block raises, from the original; an error without one passes as it is.

    From here on the arguments of TFMOT's functions are checked too, as ``install`` has it.
    """
    guards.install()
    try:
        yield
    except Exception as error:
        translation = translate(error)
        if translation is None:
            raise
        raise translation from error


def install(shell: Any = None) -> bool:
    """Make the running IPython shell (or *shell*) show translations; False when there is none. Repeating it is safe.

    TFMOT's functions, when they are imported, check their arguments from now on. The cell still fails: its error
    output carries the translation's name and sentence, then the original. An error without a translation is shown as
    ever, or by the custom handler that the shell had before.
    """
    guards.install()
    if shell is None:
        ipython = sys.modules.get("IPython")  # not imported: no shell is running
        shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return False
    if getattr(shell, "labkit_translates", False):
        return True
    before, handler_before = shell.custom_exceptions, shell.CustomTB

    def show(shell: Any, kind: type, error: BaseException, tb: TracebackType, tb_offset: int | None = None) -> None:
        translation = translate(error)
        if translation is not None:
            shell.showtraceback((type(translation), translation, tb), running_compiled_code=True)
        elif before and isinstance(error, before):
            handler_before(kind, error, tb, tb_offset)
        else:
            shell.showtraceback((kind, error, tb), tb_offset=tb_offset, running_compiled_code=True)

    shell.set_custom_exc((Exception,), show)
    shell.labkit_translates = True
    return True


def _text(error: BaseException) -> str:
    return " ".join(str(argument) for argument in error.args) or str(error)
