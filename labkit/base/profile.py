"""How long a page may take: the profile full, fast or study, from the variable LABKIT_PROFILE."""

from __future__ import annotations

import os
from typing import TypeVar

from labkit.base.errors import one_of

PROFILES = ("fast", "full", "study")
VARIABLE = "LABKIT_PROFILE"
T = TypeVar("T")


def current() -> str:
    """Return the profile in force: ``full`` unless LABKIT_PROFILE says otherwise."""
    return one_of("profile", os.environ.get(VARIABLE) or "full", PROFILES)


def by_profile(full: T, fast: T, study: T | None = None) -> T:
    """Return the value for the profile in force; ``study`` is as ``full`` unless a third value is given."""
    profile = current()
    if profile == "fast":
        return fast
    return study if profile == "study" and study is not None else full
