"""labkit.base.legacy: Keras 2 is chosen in time, or one sentence says that it is too late."""

from __future__ import annotations

import os
import subprocess
import sys
from types import ModuleType

import pytest

from labkit.base import legacy
from labkit.base.errors import LabkitError


def fake(**attributes):
    module = ModuleType("tensorflow")
    vars(module).update(attributes)
    return module


def test_the_switch_is_set(monkeypatch):
    monkeypatch.setenv(legacy.VARIABLE, "0")
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    legacy.use_keras2()
    assert os.environ[legacy.VARIABLE] == "1"


@pytest.mark.parametrize("attributes", [{}, {"_tf_uses_legacy_keras": True}])
def test_tensorflow_imported_with_the_switch_or_being_imported_is_no_mistake(monkeypatch, attributes):
    monkeypatch.setitem(sys.modules, "tensorflow", fake(**attributes))
    legacy.use_keras2()


def test_tensorflow_imported_without_the_switch_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", fake(_tf_uses_legacy_keras=False))
    monkeypatch.delenv(legacy.VARIABLE, raising=False)
    with pytest.raises(LabkitError, match="restart the kernel and put 'import labkit'"):
        legacy.use_keras2()
    assert legacy.VARIABLE not in os.environ


def test_the_real_tensorflow_imported_first():
    """The refusal depends on a name inside TensorFlow: this notices when a new version drops it (one import)."""
    code = "import tensorflow\nimport labkit"
    environment = {name: value for name, value in os.environ.items() if name != legacy.VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120, check=False
    )
    assert done.returncode == 1
    assert (
        done.stderr.rstrip()
        .splitlines()[-1]
        .startswith("labkit.base.errors.LabkitError: TensorFlow was imported before labkit")
    )
