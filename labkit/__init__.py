"""labkit: what the lab notebooks on model acceleration and low-precision computing share."""

from __future__ import annotations

from typing import Any

from labkit.base.legacy import use_keras2
from labkit.base.profile import by_profile
from labkit.base.quiet import quiet_tensorflow

__version__ = "0.1.0"
__all__ = ["__version__", "by_profile", "start"]

use_keras2()
quiet_tensorflow()


def __getattr__(name: str) -> Any:
    """Load ``start`` when a page first asks for it: it brings NumPy, which ``labkit --help`` does without."""
    if name == "start":
        from labkit.session.lab import start

        return start
    raise AttributeError(f"module 'labkit' has no attribute {name!r}")
