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
    "the course that contains the working folder, else the course from which labkit was installed",
)
PROFILE = Setting(
    "LABKIT_PROFILE", "how long a page may take: `fast`, `full` or `study`", "`full`", ("fast", "full", "study")
)
EDITION = Setting(
    "LABKIT_EDITION",
    "the edition of a notebook: `solved`, where a wrong solution is an error, or `student`",
    "the edition in the notebook",
    ("solved", "student"),
)
KERNEL = Setting("LABKIT_KERNEL", "the Jupyter kernel that `labkit run` and `labkit build` use", "`python3`")
DATA = Setting(
    "LABKIT_DATA",
    "folders with data sets, which labkit searches before it downloads a file",
    "only the course's `data/`",
)
CACHE = Setting("LABKIT_CACHE", "the folder of downloads and trained baselines", "the system's folder for caches")
STATE = Setting("LABKIT_STATE", "the folder of your guesses and passed exercises", "the system's folder for your data")
FILES = Setting("LABKIT_FILES", "the folder of the files that a page writes", "`build/files/` in the course")

ALL = (HOME, PROFILE, EDITION, KERNEL, DATA, CACHE, STATE, FILES)


def table() -> str:
    """Return the variables as a Markdown table, which docs/troubleshooting.md contains."""
    lines = ["| variable | value | default |", "|---|---|---|"]
    lines += [f"| `{setting.name}` | {setting.meaning} | {setting.default} |" for setting in ALL]
    return "\n".join(lines) + "\n"
