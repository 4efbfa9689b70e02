"""Where things stand: the course's own folder, the user's cache and the user's records."""

from __future__ import annotations

import os
from pathlib import Path

from labkit.base.errors import LabkitError


def course() -> Path:
    """The folder that holds ``notebooks/`` and ``data/``: $LABKIT_HOME, or found upwards from here, or this package's.

    Raises LabkitError when none of them is a course.
    """
    asked = os.environ.get("LABKIT_HOME")
    here = Path.cwd()
    candidates = [Path(asked)] if asked else [here, *here.parents, Path(__file__).resolve().parents[2]]
    for folder in candidates:
        if (folder / "data" / "registry.toml").is_file():
            return folder.resolve()
    raise LabkitError(
        f"No course found in {asked or here} (a folder with data/registry.toml): "
        "go to the folder that you cloned, or set LABKIT_HOME to it."
    )


def cache() -> Path:
    """The user's cache folder for downloads and trained baselines ($LABKIT_CACHE, else the system's usual place)."""
    import platformdirs

    return Path(os.environ.get("LABKIT_CACHE") or platformdirs.user_cache_dir("labkit"))


def records() -> Path:
    """The user's folder for predictions and progress ($LABKIT_STATE, else the system's usual place); sent nowhere."""
    import platformdirs

    return Path(os.environ.get("LABKIT_STATE") or platformdirs.user_data_dir("labkit"))
