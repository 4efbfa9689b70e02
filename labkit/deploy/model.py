"""A deployed model: its file is read, checked and decoded once, and everything that measures it takes the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from labkit.base import files
from labkit.base.errors import LabkitError, UsageError
from labkit.deploy import inspect, tflite
from labkit.deploy.content import OpenFile, read
from labkit.deploy.flatbuffer import Graph
from labkit.methods import lkz

BuildNetwork = Callable[[Mapping[str, np.ndarray]], Any]


class Model(OpenFile):
    """A ``.tflite`` file that is open, and the file that it came from.

    ``content`` are the bytes that LiteRT executes; ``stored`` are the bytes of the model's own file: the same, or those
    of the ``.lkz`` file whose weights were put into a network.
    """

    def __init__(self, content: bytes, name: str, stored: bytes) -> None:
        super().__init__(content, name)
        self.stored = stored

    @classmethod
    def open(cls, source: Any, build_network: BuildNetwork | None = None, *, threads: int = 1) -> Self:
        """Return *source*, opened with *threads* threads: a Keras model (as float32), ``.tflite`` bytes, or a path.

        A ``.lkz`` file stores no graph: *build_network* is called with its tensors by name and returns the Keras model
        that they belong to. Raises LabkitError for a file that is missing, foreign or damaged, for tensors that do not
        fit, and for a model that cannot be converted; UsageError for a ``.lkz`` file without *build_network*.
        """
        if isinstance(source, cls):
            model = source
        elif _is_lkz(source):
            model = cls._expanded(Path(source), build_network)
        elif isinstance(source, (str, Path)):
            content = read(source)
            model = cls(content, str(source), content)
        else:
            content = read(source if isinstance(source, bytes) else tflite.convert(source))
            model = cls(content, "these bytes", content)
        model.interpreter(threads)
        return model

    @cached_property
    def graph(self) -> Graph:
        """Return the file's operators, tensors and constants."""
        return Graph(self)

    @cached_property
    def summary(self) -> inspect.Summary:
        """Return the file's parameters, non-zeros and multiply-accumulates."""
        return inspect.summary(self.graph)

    @cached_property
    def sizes(self) -> list[int]:
        """Return the number of weights of each layer that has some, from small to large."""
        return sorted(int(np.prod(layer.weights_shape)) for layer in inspect.layers(self.graph))

    @classmethod
    def _expanded(cls, path: Path, build_network: BuildNetwork | None) -> Self:
        if build_network is None:
            raise UsageError(f"{path} holds weights without a network: give the function build_network.")
        from labkit.keras2.tensors import set_tensors

        stored = files.read(path, lkz.MOST_BYTES, "a .lkz file")
        try:
            weights = lkz.unpack(stored)
        except LabkitError as error:
            raise LabkitError(f"{path}: {error}") from None
        network = build_network(weights)
        set_tensors(network, weights)
        return cls(tflite.convert(network), str(path), stored)


def _is_lkz(source: Any) -> bool:
    return isinstance(source, (str, Path)) and Path(source).suffix == ".lkz" and Path(source).is_file()
