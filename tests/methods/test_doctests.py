"""The examples in the docstrings of `labkit.methods` and `labkit.base` print what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from labkit import base, methods

NAMES = sorted(
    module.name
    for package in (base, methods)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
)


def run(name: str) -> doctest.TestResults:
    return doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_true(name: str) -> None:
    assert run(name).failed == 0


def test_the_science_has_examples() -> None:
    assert sum(run(name).attempted for name in NAMES if name.startswith("labkit.methods")) >= 25
