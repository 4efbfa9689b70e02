"""Which kernel a lesson runs on: a cold one, or a warm one, which is a fork of a server that has TensorFlow loaded.

Lessons run warm where that is faster; what changed, and a part of the others, runs cold all the same.
"""

from __future__ import annotations

import functools
import json
import math
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from labkit.base import files
from labkit.base.errors import UsageError, one_of
from labkit.base.source import Lesson, lessons
from labkit.course.serving import WARM, serving_folder, supported

COLD = "python3"  # the kernel's name for Jupyter
WORDS = {"cold": COLD, "python3": COLD, "warm": WARM}  # what --kernel takes beside the name of a Jupyter kernel
VARIABLE = "LABKIT_KERNEL"  # the setting where there is no --kernel
WORTH = 3  # notebooks with TensorFlow from which a server, which imports it once itself, saves time
_USES_TENSORFLOW = re.compile(
    r"(?m)^\s*(?:import|from) (?:tensorflow|tf_keras|labkit\.keras2)|^\s*from labkit import .*\bkeras2\b|\.baseline\("
)


def check(name: str | None = None) -> str:
    """The kernel asked for: *name*, else $LABKIT_KERNEL; empty when the choice is ours.

    Raises UsageError when Jupyter knows none of that name, or when warm kernels do not work on this system.
    """
    name = name or os.environ.get(VARIABLE) or ""
    if name == "warm" and not supported():
        raise UsageError("Warm kernels need Linux: leave out --kernel warm, and every notebook gets a cold one.")
    if name and name not in WORDS:
        from jupyter_client.kernelspec import KernelSpecManager

        known = {"cold", "warm", *KernelSpecManager().find_kernel_specs()} - {WARM}
        one_of("Jupyter kernel", name, sorted(known))
    return name


def for_build() -> str:
    """The Jupyter kernel for a build, which is never warm. Raises as `check` does."""
    asked = check()
    return COLD if asked in ("", *WORDS) else asked


def choose(asked: str, chosen: Sequence[Lesson], wanted: Mapping[str, int]) -> dict[str, str]:
    """The Jupyter kernel for each of the *chosen* lessons, by its number; *asked* is what `check` gave.

    Where the choice is ours, a lesson that uses TensorFlow runs warm, unless it is one of `cold_lessons`; and none
    does where there is no server and too few notebooks to make one worth its start: *wanted* counts each lesson's.
    """
    kernel = WORDS.get(asked, asked) if asked else COLD
    found = {lesson.number: kernel for lesson in chosen}
    if asked or not supported():
        return found
    warm = [lesson for lesson in chosen if uses_tensorflow(lesson)]
    if _worth_it(warm, wanted):
        warm = [lesson for lesson in warm if lesson.number not in _cold_numbers(lesson.path.parents[2])]
        if _worth_it(warm, wanted):
            found |= {lesson.number: WARM for lesson in warm}
    return found


def _worth_it(warm: Sequence[Lesson], wanted: Mapping[str, int]) -> bool:
    return bool(warm) and (serving_folder() is not None or sum(wanted[lesson.number] for lesson in warm) >= WORTH)


def uses_tensorflow(lesson: Lesson) -> bool:
    """Whether its code seems to import TensorFlow; wrong guesses cost time only."""
    return any(_USES_TENSORFLOW.search(cell.text) for cell in lesson.cells if cell.kind == "code")


@functools.cache
def _cold_numbers(course: Path) -> frozenset[str]:
    return frozenset(cold_lessons([lesson for lesson in lessons(course / "notebooks") if uses_tensorflow(lesson)]))


def cold_lessons(course: Sequence[Lesson]) -> set[str]:
    """The numbers of those that run cold whatever is faster: what changed, and a sixth of the others.

    Changed is what `labkit build`, which always runs cold, has not executed as it is now, and what git tells apart from
    the branch main. Which sixth, the commit decides: another one each time, the same one whenever it is run again.
    """
    if not course:
        return set()
    root = course[0].path.parents[2]
    differing = differing_from_main(root)
    changed = {lesson.number for lesson in course if lesson.path.name in differing or not built_as_it_is(lesson)}
    others = [lesson.number for lesson in course if lesson.number not in changed]
    commit = "".join(_git(root, "rev-parse", "HEAD"))
    drawn = sorted(others, key=lambda number: files.sha256(f"{commit} {number}".encode()))
    return changed | set(drawn[: math.ceil(len(others) / 6)])


def built_as_it_is(lesson: Lesson) -> bool:
    """Whether the solved edition holds an execution of this very code: the lesson's, and labkit's that it reaches."""
    from labkit.course import editions, reach

    root = lesson.path.parents[2]
    try:
        text = (root / "notebooks" / "solved" / f"{lesson.name}.ipynb").read_text(encoding="utf-8")
        record = json.loads(text)["metadata"]["labkit"]
        known = [bool(record["executed"]), record["code_sha256"], record["reach_sha256"]]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return known == [True, editions.code_digest(lesson), reach.digest(lesson, root=root)]


def differing_from_main(root: Path) -> set[str]:
    """The names of the lessons' sources that are not as on the branch main, new ones too; none where git knows none."""
    base = next(
        (found for branch in ("main", "origin/main") if (found := _git(root, "merge-base", "HEAD", branch))), []
    )
    changed = _git(root, "diff", "--name-only", *(base or ["HEAD"]), "--", "notebooks/source")
    new = _git(root, "ls-files", "--others", "--exclude-standard", "--", "notebooks/source")
    return {Path(name).name for name in [*changed, *new]}


def _git(root: Path, *words: str) -> list[str]:
    """The lines that git answers; none where there is no git, no repository, or no such thing."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10, check=True, errors="replace"
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return done.stdout.split("\n")[:-1]
