"""The places of files: the course's own folder, the user's cache and the user's records."""

from __future__ import annotations

from pathlib import Path

from labkit.base import settings
from labkit.base.errors import LabkitError

PACKAGE = Path(__file__).resolve().parents[1]  # labkit's own folder


def course() -> Path:
    """Return the folder that holds ``notebooks/`` and ``data/``: $LABKIT_HOME, or found upwards from here, or this
    package's.

    Raises LabkitError when none of them is a course.
    """
    home = settings.HOME.read()
    if home:
        where, candidates = Path(home), [Path(home)]
    else:
        where = _here()
        candidates = [where, *where.parents, Path(__file__).resolve().parents[2]]
    for folder in candidates:
        if (folder / "data" / "registry.toml").is_file():
            return _resolved(folder)
    raise LabkitError(
        f"No course found in {where} (a folder with data/registry.toml): "
        "go to the folder that you cloned, or set LABKIT_HOME to it."
    )


def _here() -> Path:
    """Return the working folder; raises LabkitError when it was deleted."""
    try:
        return Path.cwd()
    except OSError:  # FileNotFoundError in a deleted folder, PermissionError below one that may not be read
        raise LabkitError(
            "The working folder does not exist or cannot be read: "
            "go to the folder that you cloned, or set LABKIT_HOME to it."
        ) from None


def _resolved(folder: Path) -> Path:
    """Return *folder* without links and dots; a relative one needs the working folder."""
    return folder.resolve() if folder.is_absolute() else (_here() / folder).resolve()


def cache() -> Path:
    """Return the user's cache folder for downloads and trained baselines ($LABKIT_CACHE, else the system's usual
    place)."""
    import platformdirs

    return Path(settings.CACHE.read() or platformdirs.user_cache_dir("labkit"))


def records() -> Path:
    """Return the user's folder for predictions and progress ($LABKIT_STATE, else the system's usual place); sent
    nowhere."""
    import platformdirs

    return Path(settings.STATE.read() or platformdirs.user_data_dir("labkit"))
