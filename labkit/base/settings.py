"""The environment variables of the course, in one table: every module reads them through it."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """One environment variable: its name, its meaning and default in words, as the docs show them, and any choices."""

    name: str
    meaning: str
    default: str
    choices: tuple[str, ...] = ()

    def read(self) -> str:
        """Return the variable's value; empty when it is not set."""
        return os.environ.get(self.name, "")


HOME = Setting(
    "LABKIT_HOME",
    "the folder of the course, with `data/` and `notebooks/`",
    "the course that the working folder is in, else the one that labkit was installed from",
)
PROFILE = Setting(
    "LABKIT_PROFILE", "how long a page may take: `fast`, `full` or `study`", "`full`", ("fast", "full", "study")
)
EDITION = Setting(
    "LABKIT_EDITION",
    "which edition a notebook is: `solved`, where a wrong solution is an error, or `student`",
    "as the notebook says",
    ("solved", "student"),
)
KERNEL = Setting("LABKIT_KERNEL", "the Jupyter kernel that `labkit run` and `labkit build` use", "`python3`")
DATA = Setting(
    "LABKIT_DATA", "folders with data sets, looked into before anything is downloaded", "only the course's `data/`"
)
CACHE = Setting("LABKIT_CACHE", "downloads and trained baselines", "the system's folder for caches")
STATE = Setting("LABKIT_STATE", "your guesses and the exercises that you passed", "the system's folder for your data")
FILES = Setting("LABKIT_FILES", "the files that a page makes", "`build/files/` in the course")

ALL = (HOME, PROFILE, EDITION, KERNEL, DATA, CACHE, STATE, FILES)


def table() -> str:
    """Return the variables as a Markdown table, which docs/troubleshooting.md contains."""
    lines = ["| variable | names | default |", "|---|---|---|"]
    lines += [f"| `{setting.name}` | {setting.meaning} | {setting.default} |" for setting in ALL]
    return "\n".join(lines) + "\n"
