"""The networks that a page has loaded, and which of them a measured model belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labkit.base.errors import UsageError
from labkit.deploy.model import Model


class Networks:
    """The loaded networks by name, each with the ``.tflite`` file of its baseline."""

    def __init__(self) -> None:
        self._files: dict[str, Path] = {}
        self._sizes: dict[str, list[int]] = {}

    def add(self, network: str, file: Path) -> None:
        """Remember that *network* was loaded, and that *file* is its baseline."""
        self._files[network] = file

    def find(self, sizes: Sequence[int], name: str) -> str:
        """Return the network whose layers have *sizes* weights; the only one that is loaded; an empty text for none.

        *name* is what the page calls the model. Raises UsageError when several networks are loaded, and not exactly
        one of them has layers of these sizes.
        """
        if len(self._files) < 2:
            return next(iter(self._files), "")
        matches = [network for network in self._files if self._sizes_of(network) == sorted(sizes)]
        if len(matches) == 1:
            return matches[0]
        raise UsageError(
            f"This page has loaded {' and '.join(self._files)}, and the layers of {name!r} have the sizes of "
            f"{' and '.join(matches) or 'none of them'}: give network='…' in lab.measure."
        )

    def _sizes_of(self, network: str) -> list[int]:
        if network not in self._sizes:
            self._sizes[network] = Model.open(self._files[network]).sizes
        return self._sizes[network]
