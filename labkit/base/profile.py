"""The profile, which sets how long a page may take: full, fast or study, from the variable LABKIT_PROFILE."""

from __future__ import annotations

from typing import TypeVar

from labkit.base import settings
from labkit.base.errors import one_of

PROFILES = settings.PROFILE.choices
T = TypeVar("T")


def current() -> str:
    """Return the profile in force: ``full`` unless LABKIT_PROFILE says otherwise."""
    return one_of("profile", settings.PROFILE.read() or "full", PROFILES)


def by_profile(full: T, fast: T, study: T | None = None) -> T:
    """Return the value for the profile in force; ``study`` is as ``full`` unless a third value is given."""
    profile = current()
    if profile == "fast":
        return fast
    return study if profile == "study" and study is not None else full
