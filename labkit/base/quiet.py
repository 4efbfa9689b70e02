"""Keep TensorFlow's start-up messages off a learner's page: they are written by native code, past Python's streams."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


@contextmanager
def native_stderr() -> Iterator[None]:
    """Hold back what native code writes on file descriptor 2; written out after all when the block fails."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as buffer:
        descriptor = os.dup(2)
        os.dup2(buffer.fileno(), 2)
        try:
            yield
        except BaseException:
            buffer.seek(0)
            os.write(descriptor, buffer.read())
            raise
        finally:
            os.dup2(descriptor, 2)
            os.close(descriptor)


class _QuietLoader(Loader):
    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        with native_stderr():
            self.loader.exec_module(module)

    def __getattr__(self, name: str) -> Any:  # resources and inspection ask the real loader
        return getattr(self.loader, name)


class QuietFinder(MetaPathFinder):
    """Wraps the loader of the top-level package ``tensorflow`` and of nothing else."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return TensorFlow's module specification with its loader wrapped; None for every other module."""
        if fullname != "tensorflow":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _QuietLoader(spec.loader)
        return spec


def quiet_tensorflow() -> None:
    """Make ``import tensorflow`` print nothing from now on, unless it fails."""
    if not any(isinstance(finder, QuietFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, QuietFinder())
