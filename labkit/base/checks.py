"""Checks of arguments, each with one sentence that names the argument, its value and what is allowed."""

from __future__ import annotations

import operator
from typing import Any

from labkit.base.errors import UsageError


def whole(name: str, value: Any, least: int = 0, most: int | None = None, note: str = "") -> int:
    """Return *value* as a Python int when it is a whole number from *least* to *most* (None: without an upper end).

    Accepts Python's and NumPy's integers; refuses bool and floats, whole ones too. *note* ends the sentence of the
    error and begins with its own space or punctuation.

    >>> whole("batch", 4, 1)
    4

    Raises UsageError for anything else, such as ``batch is 0, but must be a whole number of at least 1.``
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    too_small = number is not None and number < least
    too_large = number is not None and most is not None and number > most
    if number is None or isinstance(value, bool) or too_small or too_large:
        allowed = f"of at least {least}" if most is None else f"from {least:,} to {most:,}"
        raise UsageError(f"{name} is {value!r}, but must be a whole number {allowed}{note}.")
    return number
