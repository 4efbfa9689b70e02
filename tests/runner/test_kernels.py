"""Which Jupyter kernel a notebook runs on."""

from __future__ import annotations

import pytest

from labkit.base.errors import UsageError
from labkit.runner import kernels


def test_the_default_is_python3(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("LABKIT_KERNEL", raising=False)
    assert kernels.check() == "python3"


def test_an_unknown_kernel_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match=r"There is no Jupyter kernel 'pyton3'; did you mean python3\?"):
        kernels.check("pyton3")


def test_the_variable_names_the_kernel_where_the_command_does_not(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LABKIT_KERNEL", "nothing-of-this-name")
    assert kernels.check("python3") == "python3"
    with pytest.raises(UsageError, match="nothing-of-this-name"):
        kernels.check()
