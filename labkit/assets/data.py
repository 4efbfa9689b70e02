"""Load a data set: found, verified, unpacked, split.

A file is looked for in the course's ``data/``, then in each folder of $LABKIT_DATA, then in the user's cache, and is
downloaded there at last. In each folder it may stand directly or in a folder with the data set's name. What is read
into memory is what is verified, so a file that changes afterwards cannot slip past its checksum.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labkit.assets import download, registry
from labkit.base import files, places, settings
from labkit.base.errors import LabkitError
from labkit.methods.images import as_input as as_input

Bytes = NDArray[np.uint8]


class Split(NamedTuple):
    """Images ``x``, uint8 (n, 28, 28), 0 to 255, and labels ``y``, uint8 (n,); both read-only."""

    x: Bytes
    y: Bytes


class Dataset(NamedTuple):
    """A data set in its three parts; ``validation`` is the last part of the official training images."""

    name: str
    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]


class Found(NamedTuple):
    """A file of a data set: where it is, its bytes, and which accepted content it has."""

    path: Path
    content: bytes
    what: str


def load(name: str) -> Dataset:
    """Return the data set *name*, verified; downloads it when it is not here (see this module's text).

    Raises UsageError for an unknown name; LabkitError when a file is damaged, or missing and cannot be downloaded.
    """
    entry = registry.entry(name)
    with ThreadPoolExecutor(2) as pool:  # hashing and unpacking let go of Python's lock
        copies = list(pool.map(lambda file: find(entry, file), entry.files))
        by_role = {file.role: copy for file, copy in zip(entry.files, copies, strict=True)}
        if entry.format == "idx":
            roles = ("train_images", "train_labels", "test_images", "test_labels")
            x, y, x_test, y_test = pool.map(lambda role: read_idx(by_role[role].content, by_role[role].path), roles)
        elif entry.format == "npz":
            x, y, x_test, y_test = read_npz(by_role["arrays"].content, by_role["arrays"].path)
        else:
            raise LabkitError(f"The registry gives {name} the format {entry.format!r}: write idx or npz.")
    for images, labels, n in ((x, y, entry.train), (x_test, y_test, entry.test)):
        if images.shape != (n, *entry.shape) or labels.shape != (n,) or images.dtype != np.uint8:
            raise LabkitError(
                f"{entry.title} has {images.dtype} images {images.shape} with labels {labels.shape}, but the registry "
                f"says {n} of {entry.shape}: correct {registry.path()}."
            )
        images.flags.writeable = labels.flags.writeable = False
    held = entry.train - entry.validation
    return Dataset(name, Split(x[:held], y[:held]), Split(x[held:], y[held:]), Split(x_test, y_test), entry.classes)


def checksum(dataset: Dataset) -> str:
    """Return the SHA-256 over all images and labels as arrays: the same however the files were packed."""
    digest = hashlib.sha256()
    for split in (dataset.train, dataset.validation, dataset.test):
        for array in split:
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def folders() -> list[Path]:
    """Return where files are looked for, in this order, before anything is downloaded."""
    listed = [Path(part) for part in settings.DATA.read().split(os.pathsep) if part]
    return [places.course() / "data", *listed, places.cache() / "data"]


def find(entry: registry.Entry, file: registry.File) -> Found:
    """Return *file*, verified, from the first folder that has it whole; downloaded into the cache when none has it.

    Raises LabkitError when the only ones found are truncated or have a wrong checksum, and as ``download.fetch`` does.
    """
    copy = look(entry, file)
    if copy is None:
        put = f"{places.course() / 'data' / entry.name} (or into a folder that {settings.DATA.name} names)"
        download.fetch(file, places.cache() / "data" / entry.name, put=put)
        copy = look(entry, file)
    if copy is None:
        raise LabkitError(f"{file.name} was downloaded and then deleted: run 'labkit data get {entry.name}' again.")
    return copy


def look(entry: registry.Entry, file: registry.File) -> Found | None:
    """Return what ``find`` does, but None when no folder has the file: nothing is downloaded."""
    damaged: LabkitError | None = None
    for folder in folders():
        for path in (folder / entry.name / file.name, folder / file.name):
            if not path.is_file():
                continue
            try:
                content = _read(path, entry, file)
                return Found(path, content, verify(content, entry, file, path))
            except OSError as error:
                damaged = damaged or LabkitError(f"{path} cannot be read ({error.strerror}): change its permissions.")
            except LabkitError as error:
                damaged = damaged or error
    if damaged is not None:
        raise damaged
    return None


def _read(path: Path, entry: registry.Entry, file: registry.File) -> bytes:
    """Return the bytes of *path*; what is twice as long as it should be is refused unread."""
    most = max(accepted.bytes for accepted in file.accepted)
    size = path.stat().st_size
    if size > 2 * most:
        raise LabkitError(f"{path} is too long ({size:,} bytes, not {most:,}): {_remedy(entry)}.")
    return path.read_bytes()


def verify(content: bytes, entry: registry.Entry, file: registry.File, path: Path) -> str:
    """Return which accepted content this is, such as ``official``; raises LabkitError when it is none of them."""
    digest = files.sha256(content)
    for accepted in file.accepted:
        if digest == accepted.sha256:
            return accepted.what
    remedy = _remedy(entry)
    least = min(accepted.bytes for accepted in file.accepted)
    if len(content) < least:
        raise LabkitError(f"{path} is truncated ({len(content):,} of {least:,} bytes): {remedy}.")
    raise LabkitError(f"{path} has a wrong checksum (sha256 {digest[:12]}…), so it is not loaded: {remedy}.")


def _remedy(entry: registry.Entry) -> str:
    return f"delete it (or restore it from git) and run 'labkit data get {entry.name}'"


def read_idx(content: bytes, source: Path | str) -> Bytes:
    """Return an idx file of unsigned bytes, plain or gzipped, as an array with the shape in its header.

    The header is two zero bytes, the type (8 for uint8), the number of dimensions, and each as a big-endian uint32.
    Raises LabkitError when it is another kind of file or is truncated.
    """
    try:
        raw = zlib.decompress(content, wbits=31) if content[:2] == b"\x1f\x8b" else content
    except zlib.error as error:
        raise LabkitError(f"{source} cannot be unpacked ({error}): delete it and get it again.") from error
    if len(raw) < 4 or raw[:3] != b"\0\0\x08":
        raise LabkitError(f"{source} is not an idx file of unsigned bytes: delete it and get it again.")
    start = 4 + 4 * raw[3]
    shape = tuple(int.from_bytes(raw[i : i + 4], "big") for i in range(4, start, 4))
    if len(raw) != start + math.prod(shape):
        raise LabkitError(
            f"{source} is truncated or too long ({len(raw) - start:,} values for {shape}): delete it and get it again."
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def read_npz(content: bytes, source: Path | str) -> tuple[Bytes, Bytes, Bytes, Bytes]:
    """Return ``x_train, y_train, x_test, y_test`` of an .npz file. Raises LabkitError for anything else."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            x, y, x_test, y_test = (np.asarray(arrays[key]) for key in ("x_train", "y_train", "x_test", "y_test"))
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, OSError, AttributeError) as error:
        raise LabkitError(f"{source} is not an .npz of images ({error}): delete it and get it again.") from error
    return x, y.astype(np.uint8), x_test, y_test.astype(np.uint8)
