"""The limits on names and sizes of tensors, in every file that labkit reads or writes.

One rule for ``.lkz``, ``.npz``, ``.keras`` and ``.h5``, on reading and writing alike: a name that one of them holds can
become a member of an archive, and then a file, anywhere.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence

MOST_WEIGHTS = 2**25  # in one file: 128 MiB as float32, so that a few bytes cannot ask for all memory
MOST_TENSORS = 4096
MOST_AXES = 8
LONGEST_NAME = 255  # bytes of UTF-8

_DRIVE = re.compile("[A-Za-z]:")
_UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}  # control characters, half characters, line and paragraph separators


def name_problem(name: object) -> str | None:
    """Return why *name* cannot name a tensor, as the end of a sentence ("is empty"); None when it can.

    A name has 1 to 255 bytes of UTF-8, without control characters and backslashes. Its parts between slashes are
    neither empty nor ``.`` nor ``..``, and it does not begin with a drive letter: it is no path out of a folder.
    """
    if not isinstance(name, str):
        return "is no text"
    if not name:
        return "is empty"
    if any(unicodedata.category(character) in _UNPRINTABLE for character in name):
        return "has a control character"
    if len(name.encode()) > LONGEST_NAME:
        return f"has more than {LONGEST_NAME} bytes"
    if "\\" in name or _DRIVE.match(name) or any(part in ("", ".", "..") for part in name.split("/")):
        return "is a path (slashes may only be between words, as in dense_1/kernel)"
    return None


def shape_problem(shape: Sequence[int], most_weights: int = MOST_WEIGHTS) -> str | None:
    """Return why a tensor cannot have *shape*, as the end of a sentence; None when it can.

    An axis of length 0 hides the others from the product, so those are counted without it.
    """
    if len(shape) > MOST_AXES:
        return f"has {len(shape)} axes, but may have at most {MOST_AXES}"
    if any(length < 0 for length in shape):
        return "has an axis of negative length"
    if math.prod(length for length in shape if length) > most_weights:
        return f"has more weights than the {MOST_WEIGHTS:,} that a file may hold"
    return None


def shown(name: object) -> str:
    """Return *name* as a message shows it: quoted, escaped, and 40 characters at most."""
    return ascii(name) if len(ascii(name)) <= 42 else ascii(str(name)[:30])[:40] + "…"
