"""labkit new: a skeleton that passes every check except those on length, in three files, and goes without a trace."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.authoring import new
from labkit.base import files
from labkit.base.errors import UsageError
from labkit.lesson import source

ROOT = Path(__file__).resolve().parents[2]
COPIES = ("labkit", "notebooks", "docs", "changes", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "pyproject.toml")
BY_HAND = ["changes/99.md", "labkit/exercises/lesson99.py", "notebooks/source/99_trial.py"]


def test_the_three_files_and_nothing_else(toys):
    before = set(toys.root.rglob("*"))
    paths = new.create("32", 'Sparse:  a "first" page', toys.notebooks, toys.package)
    assert set(paths) == {path for path in set(toys.root.rglob("*")) - before if path.is_file()}
    lesson = source.find("32", toys.notebooks)
    assert (lesson.slug, lesson.title) == ("sparse_a_first_page", 'Sparse: a "first" page')
    assert lesson.cells[0].text.startswith('# 32 · Sparse: a "first" page\n')
    assert (toys.root / "changes" / "32.md").read_text().startswith("- 32 Sparse")


@pytest.mark.parametrize(
    ("number", "title", "message"),
    [
        ("31", "Again", "Lesson 31 exists already.*free"),
        ("5", "Short", "'5' is not a lesson number"),
        ("３２", "Wide digits", "is not a lesson number"),
        ("3x", "Letters", "is not a lesson number"),
        ("32", "剪枝", "no Latin letters"),
        ("33", "Taken", r"lesson33\.py exists already"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_writes_nothing(toys, number, title, message):
    toys.add("31")
    (toys.package / "exercises" / "lesson33.py").write_text("mine")
    before = sorted(toys.root.rglob("*"))
    with pytest.raises(UsageError, match=message):
        new.create(number, title, toys.notebooks, toys.package)
    assert sorted(toys.root.rglob("*")) == before


class Course:
    """A copy of the repository's text, with the environment that runs the copy's own labkit."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in COPIES:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "images"))
            else:
                shutil.copy(ROOT / name, root / name)
        (root / "data").mkdir()
        for path in (ROOT / "data").glob("*.*"):
            shutil.copy(path, root / "data")
        places = {"LABKIT_HOME": str(root), "LABKIT_STATE": str(root / "state"), "PYTHONPATH": str(root)}
        self.environment = {**os.environ, **places, "PYTHONDONTWRITEBYTECODE": "1"}

    def python(self, *words: str) -> str:
        """Run Python with *words* in the copy; returns what it printed, and fails when it does."""
        command = [sys.executable, *words]
        done = subprocess.run(command, cwd=self.root, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def digests(self) -> dict[str, str]:
        """The SHA-256 of every file that belongs to the repository, by its path."""
        folders = ("build", "state", ".ruff_cache", ".pytest_cache")
        paths = [path for path in self.root.rglob("*") if path.is_file()]
        names = {path.relative_to(self.root).as_posix(): path for path in paths}
        return {name: files.sha256(path) for name, path in names.items() if not name.startswith(folders)}


def _changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


FINDINGS = """
import json
from labkit.authoring import lint
from labkit.lesson import source

lessons = source.lessons()
print(json.dumps(lint.lesson_findings(source.find("99"), lessons)))
"""


def test_a_trial_lesson_is_built_checked_and_run_and_goes_without_a_trace(tmp_path):
    course = Course(tmp_path / "course")
    course.python("-m", "labkit", "build", "--draft")
    before = course.digests()

    course.python("-m", "labkit", "new", "99", "Trial")
    assert _changes(before, course.digests()) == BY_HAND, "an author writes these files and no other"

    course.python("-m", "labkit", "build", "99", "--draft")
    assert _changes(before, course.digests()) == sorted([*BY_HAND, "README.md", "notebooks/99_trial.ipynb"])
    course.python("-m", "labkit", "run", "99", "--profile", "fast", "--edition", "student")

    assert "executed in" in course.python("-m", "labkit", "build", "99")
    generated = ["README.md", "notebooks/99_trial.ipynb", "notebooks/solved/99_trial.ipynb"]
    assert _changes(before, course.digests()) == sorted([*BY_HAND, *generated]), "no other notebook changes"
    findings = json.loads(course.python("-c", FINDINGS))
    assert len(findings) == 1 and "words of prose" in findings[0], findings
    course.python("-m", "labkit", "run", "99", "--profile", "fast")
    course.python("-m", "labkit", "build", "99", "--check", "--release")
    course.python("-m", "ruff", "check", "--no-cache", *BY_HAND[1:])
    course.python("-m", "ruff", "format", "--no-cache", "--check", BY_HAND[1])
    shutil.copytree(ROOT / "tests" / "exercises", tmp_path / "exercises")
    tests = str(tmp_path / "exercises" / "test_exercises.py")
    course.python("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), tests, "-k", "99")

    for name in BY_HAND:
        (course.root / name).unlink()
    course.python("-m", "labkit", "build", "--draft")
    assert course.digests() == before, "no page is stale, and nothing is left"
