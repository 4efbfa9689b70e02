"""Read a regular file of a bounded size; write whole files or none: to a temporary name, then rename."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labkit.base.errors import LabkitError

_REASONS = {
    errno.ENOSPC: "the disk is full: make room, or choose a folder on another disk",
    errno.EDQUOT: "the disk quota is used up: make room, or choose another folder",
    errno.EACCES: "this folder may not be written to: choose another, or change its permissions",
    errno.EPERM: "this folder may not be written to: choose another, or change its permissions",
    errno.EROFS: "this folder is read-only: choose another",
    errno.ENOTDIR: "a file has the name of the folder that is needed: rename it, or choose another folder",
    errno.EEXIST: "a file has the name of the folder that is needed: rename it, or choose another folder",
}


def explain(error: OSError, path: Path | str) -> LabkitError:
    """Return a LabkitError that says why *path* could not be written, and what to do."""
    reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
    return LabkitError(f"Cannot write {path}: {reason}.")


def read(path: Path | str, most_bytes: int, wanted: str) -> bytes:
    """Return the bytes of the regular file *path*; *wanted* names its kind in messages, as in ``a .npz file``.

    Raises LabkitError, before anything is read, when there is no such file, when it is not a regular file (a FIFO would
    keep a reader waiting) and when it has more than *most_bytes*.
    """
    try:
        # Without O_NONBLOCK, opening a FIFO waits until somebody writes to it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise LabkitError(f"There is no file {path}: give the path of {wanted}.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise LabkitError(f"Cannot read {path} ({reason}): give the path of {wanted}.") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise LabkitError(f"{path} is not a regular file: give the path of {wanted}.")
        if status.st_size > most_bytes:
            raise LabkitError(
                f"{path} has {status.st_size:,} bytes, but {wanted} may have {most_bytes:,}: give a smaller one."
            )
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(status.st_size)
    except OSError as error:
        raise LabkitError(f"Cannot read {path} ({error.strerror}): give the path of {wanted}.") from error
    finally:
        os.close(descriptor)


@contextmanager
def writing(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside *path*; renamed to *path* at the end, removed when anything fails.

    A symbolic link stays one: the file that it points to is written. Raises LabkitError when the disk is full, the
    folder cannot be written to, or *path* is a device or a FIFO.
    """
    target = Path(os.path.realpath(path))
    temporary: Path | None = None
    if target.exists() and not target.is_file() and not target.is_dir():
        raise LabkitError(f"Cannot write {path}: it is not a regular file; choose another name.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".writing-", suffix=target.suffix)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        # mkstemp makes files that only their owner can read; ours are ordinary files.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        os.replace(temporary, target)
    except OSError as error:
        raise explain(error, target) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write(path: Path | str, content: bytes | str) -> Path:
    """Write *content* (text as UTF-8, lines ending in \\n) to *path* whole or not at all; return the path."""
    data = content.encode() if isinstance(content, str) else content
    with writing(path) as temporary:
        temporary.write_bytes(data)
    return Path(path)


def sha256(content: bytes | Path) -> str:
    """Return the SHA-256 of bytes or of a file, in hexadecimal."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
