"""The science, NumPy in and NumPy out. Pages write ``methods.prune.magnitude_mask`` and so on.

Belongs here: methods that a page teaches or uses, as functions of arrays, each with the paper it comes from.
Does not belong here: TensorFlow, Keras models (`keras2`), deployed files (`deploy`), and anything that prints.
"""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """Import a module of this package when it is first named, so that pages can write ``methods.prune``."""
    if not name.startswith("_"):
        try:
            return import_module(f"labkit.methods.{name}")
        except ModuleNotFoundError:
            pass
    raise AttributeError(f"module 'labkit.methods' has no attribute {name!r}")
