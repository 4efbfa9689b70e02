"""Read and write ``.npz`` files of named tensors: every header is checked before any content is unpacked.

`numpy.load` unpacks first and judges afterwards, and `numpy.savez` takes names as its own keywords, so that a tensor
called ``file`` or ``allow_pickle`` is lost. Nothing here unpickles anything.
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from labkit.base import files
from labkit.base.errors import LabkitError, UsageError
from labkit.methods.tensor_limits import MOST_TENSORS, MOST_WEIGHTS, name_problem, shape_problem, shown

MOST_BYTES = 2**30  # of a file
_SUFFIX = ".npy"
_LONGEST_HEADER = 10_000  # bytes of a member's header, as in NumPy
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # numpy.savez and numpy.savez_compressed
_ENCRYPTED = 1  # bit 0 of a zip member's flags
_UNREADABLE = (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class _Header:
    """The header of a member: its array's type and shape, and the header's own bytes."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]
    length: int


def read(path: Path | str) -> dict[str, NDArray[Any]]:
    """Return the arrays of the ``.npz`` file *path* by name, in the order of the file.

    Raises LabkitError for what holds no named arrays of plain numbers: another kind of file, objects (pickle), names
    that `tensor_limits.name_problem` refuses, members that are encrypted, repeated or not whole, and more or larger
    arrays than `tensor_limits` allows. Memory is taken for contents only after all headers agree with that.
    """
    content = files.read(path, MOST_BYTES, "a .npz file")
    try:
        return unpack(content)
    except LabkitError as error:
        raise LabkitError(f"Cannot read {path} as .npz: {error}") from error.__cause__


def unpack(content: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays in the bytes of a ``.npz`` file. Raises as `read` does."""
    if content.startswith(npy.MAGIC_PREFIX):
        raise LabkitError("it holds one array without a name (.npy); write numpy.savez('weights.npz', w=array).")
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except _UNREADABLE as error:
        raise LabkitError("it is no whole archive; write one with numpy.savez.") from error
    with archive:
        members = archive.infolist()
        _check_members(members)
        headers = [_read_header(archive, member) for member in members]
        _check_sizes(members, headers)
        return {
            _name(member): _read_content(archive, member, header)
            for member, header in zip(members, headers, strict=True)
        }


def write(path: Path | str, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Write *tensors* to the file *path* for `numpy.load`, whole or not at all; every name stays what it is.

    Raises UsageError for names that `tensor_limits.name_problem` refuses and for arrays of objects, LabkitError for a
    full disk.
    """
    for name, tensor in tensors.items():
        if problem := name_problem(name):
            raise UsageError(f"The tensor's name {shown(name)} {problem}: give it another name.")
        if np.asarray(tensor).dtype.hasobject:
            raise UsageError(f"Tensor {name!r} holds objects, but a .npz file here holds plain numbers: leave it out.")
    with files.writing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, tensor in tensors.items():
            with archive.open(name + _SUFFIX, "w", force_zip64=True) as member:
                npy.write_array(member, np.asarray(tensor), allow_pickle=False)


def _name(member: zipfile.ZipInfo) -> str:
    # orig_filename: zipfile cuts a name at its first zero byte and turns backslashes into slashes.
    return member.orig_filename.removesuffix(_SUFFIX)


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    """Raise LabkitError unless *members* are named arrays that can be unpacked."""
    if not members:
        raise LabkitError("there are no arrays in it; write numpy.savez('weights.npz', **{'dense/kernel': array}).")
    if len(members) > MOST_TENSORS:
        raise LabkitError(
            f"it has {len(members):,} arrays, but only {MOST_TENSORS:,} are allowed; write several files."
        )
    names = set()
    for member in members:
        name = _name(member)
        if problem := name_problem(name):
            raise LabkitError(f"the name {shown(name)} {problem}; give the array another name.")
        if not member.orig_filename.endswith(_SUFFIX):
            raise LabkitError(f"its member {shown(name)} is not an array; write the file with numpy.savez.")
        if member.flag_bits & _ENCRYPTED:
            raise LabkitError(f"its member {shown(name)} is encrypted; write the file with numpy.savez.")
        if member.compress_type not in _METHODS:
            raise LabkitError(
                f"its member {shown(name)} has compression method {member.compress_type}; write the file with "
                "numpy.savez or numpy.savez_compressed."
            )
        if name in names:
            raise LabkitError(f"two of its arrays have the name {shown(name)}; give each its own name.")
        names.add(name)


def _read_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> _Header:
    """Return what *member* says of its array; unpacks no more than the header."""
    name = shown(_name(member))
    try:
        with archive.open(member) as file:
            magic = file.read(npy.MAGIC_LEN)
            version = npy.read_magic(io.BytesIO(magic))
            width = 2 if version == (1, 0) else 4
            size = file.read(width)
            length = int.from_bytes(size, "little")
            if version not in ((1, 0), (2, 0)) or length > _LONGEST_HEADER:
                raise ValueError("a header that numpy.savez does not write for plain numbers")
            text = io.BytesIO(size + file.read(length))
    except _UNREADABLE as error:
        raise LabkitError(f"its member {name} is damaged or not an array; write the file again.") from error
    try:
        read_rest = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran_order, dtype = read_rest(text)
    except Exception as error:  # NumPy evaluates the header as a Python literal, which raises nearly anything
        raise LabkitError(f"the header of its member {name} is damaged; write the file again.") from error
    if dtype.hasobject:
        raise LabkitError(f"array {name} holds objects (pickle), which are not loaded; save numbers.")
    return _Header(shape, fortran_order, dtype, npy.MAGIC_LEN + width + length)


def _check_sizes(members: list[zipfile.ZipInfo], headers: list[_Header]) -> None:
    """Raise LabkitError unless each array is as large as its member says, and all together are allowed."""
    room = MOST_WEIGHTS
    for member, header in zip(members, headers, strict=True):
        name = shown(_name(member))
        if problem := shape_problem(header.shape, room):
            raise LabkitError(f"array {name} {problem}; write several files.")
        size = math.prod(header.shape)
        room -= size
        expected, stored = size * header.dtype.itemsize, member.file_size - header.length
        if expected != stored:
            raise LabkitError(
                f"array {name} should have {expected:,} bytes and has {max(stored, 0):,}; write the file again."
            )


def _read_content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, header: _Header) -> NDArray[Any]:
    try:
        with archive.open(member) as file:
            content = bytearray(file.read()[header.length :])  # a copy that may be written to
    except _UNREADABLE as error:
        raise LabkitError(f"its member {shown(_name(member))} is damaged; write the file again.") from error
    if len(content) != math.prod(header.shape) * header.dtype.itemsize:
        raise LabkitError(f"its member {shown(_name(member))} is damaged; write the file again.")
    flat = np.frombuffer(content, header.dtype) if header.dtype.itemsize else np.zeros(0, header.dtype)
    if header.fortran_order:
        return flat.reshape(header.shape[::-1]).T
    return flat.reshape(header.shape)
