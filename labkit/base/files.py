"""Whole files or none: write to a temporary name, then rename."""

from __future__ import annotations

import errno
import hashlib
import os
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
    errno.ENOTDIR: "a file stands where a folder is wanted: rename it, or choose another folder",
    errno.EEXIST: "a file stands where a folder is wanted: rename it, or choose another folder",
}


def explain(error: OSError, path: Path | str) -> LabkitError:
    """Return a LabkitError that says why *path* could not be written, and what to do."""
    reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
    return LabkitError(f"Cannot write {path}: {reason}.")


@contextmanager
def writing(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside *path*; renamed to *path* at the end, removed when anything fails.

    Raises LabkitError when the disk is full or the folder cannot be written to.
    """
    target = Path(path)
    temporary: Path | None = None
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
