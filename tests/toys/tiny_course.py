"""A course with one tiny data set in a temporary folder, and an empty cache."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from labkit.base import files


def as_idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.tobytes()


@dataclass
class TinyCourse:
    """``arrays`` and ``contents`` of the data set ``tiny`` by file name; ``home`` holds no file of it yet."""

    home: Path
    cache: Path
    arrays: dict[str, np.ndarray]
    contents: dict[str, bytes]
    url: str = "http://127.0.0.1:1"

    def write_registry(self) -> None:
        lines = [
            "[tiny]",
            'title = "Tiny"\nabout = "noise"\nlicence = "none"\nformat = "idx"',
            'homepage = ""\ncitation = ""\nnote = ""',
            'shape = [4, 3]\ntrain = 7\ntest = 5\nvalidation = 2\nclasses = ["a", "b"]',
        ]
        for name, content in self.contents.items():
            lines += [
                f'[[tiny.files]]\nrole = "{name}"\nname = "{name}.gz"\nurl = "{self.url}/{name}.gz"',
                f'accepted = [{{ what = "official", bytes = {len(content)}, sha256 = "{files.sha256(content)}" }}]',
            ]
        (self.home / "data").mkdir(parents=True, exist_ok=True)
        (self.home / "data" / "registry.toml").write_text("\n".join(lines))

    def put(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.contents.items():
            (folder / f"{name}.gz").write_bytes(content)
        return folder


@pytest.fixture(scope="session")
def idx():
    """A function: an array of uint8 in the idx format, written independently of the reader."""
    return as_idx


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyCourse:
    from labkit.assets import registry

    rng = np.random.default_rng(0)
    shapes = {"train_images": (7, 4, 3), "train_labels": (7,), "test_images": (5, 4, 3), "test_labels": (5,)}
    arrays = {name: rng.integers(0, 256, shape, np.uint8) for name, shape in shapes.items()}
    contents = {name: gzip.compress(as_idx(array), mtime=0) for name, array in arrays.items()}
    course = TinyCourse(tmp_path / "home", tmp_path / "cache", arrays, contents)
    course.write_registry()
    monkeypatch.setenv("LABKIT_HOME", str(course.home))
    monkeypatch.setenv("LABKIT_CACHE", str(course.cache))
    monkeypatch.delenv("LABKIT_DATA", raising=False)
    registry._read.cache_clear()
    return course
