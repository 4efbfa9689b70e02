"""What the code of the lessons relies on: packages by their names, and names that exist."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.base.places import course
from labkit.lesson import parts, source

LESSONS = source.lessons(course() / "notebooks")
PUBLIC = {"assets", "base", "by_profile", "deploy", "keras2", "learner", "methods", "session", "start"}
# Errors that mypy reports for a name that is not there. It calls the values of a dictionary with mixed types "object",
# and does not follow arguments that are unpacked from a tuple.
UNKNOWN_NAME = re.compile(r"error: (?!\"object\" has).*\[(?:attr-defined|name-defined|import-not-found)\]$")


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_lesson_imports_packages_alone(lesson: source.Lesson) -> None:
    imports = [
        node
        for cell in lesson.cells
        if cell.kind == "code"
        for node in ast.walk(ast.parse(cell.text))
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    plain = [alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names]
    assert not [name for name in plain if name.split(".")[0] == "labkit"]
    ours = [node for node in imports if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("labkit")]
    assert [node.module for node in ours] == ["labkit"]
    assert {alias.name for alias in ours[0].names} <= PUBLIC and not [a for a in ours[0].names if a.asname]


def test_every_name_of_a_lesson_is_known_to_mypy(tmp_path: Path) -> None:
    """mypy sees through the packages' stubs, so that a function that was moved or renamed is found without a run."""
    for lesson in LESSONS:
        cells = [parts.without_markers(cell.text) for cell in lesson.cells if cell.kind == "code"]
        (tmp_path / f"lesson{lesson.number}.py").write_text("\n\n".join(cells), encoding="utf-8")
    wrong = "from labkit import keras2, methods, start\nmethods.prune.no_mask\nkeras2.no_train\nstart('31').no_claim\n"
    (tmp_path / "wrong.py").write_text(wrong, encoding="utf-8")
    options = ["--ignore-missing-imports", "--allow-redefinition", "--config-file=", "--no-error-summary"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "--cache-dir", str(tmp_path / "cache"), str(tmp_path)],
        cwd=course(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stderr == ""
    unknown = [Path(line).name for line in done.stdout.splitlines() if UNKNOWN_NAME.search(line)]
    assert [line.partition(": ")[0] for line in unknown] == ["wrong.py:2", "wrong.py:3", "wrong.py:4"]


@pytest.mark.parametrize("package", ["assets", "deploy", "keras2", "methods", "methods/coding", "session"])
def test_a_stub_names_every_module_of_its_package(package: str) -> None:
    """Two packages are left out: of base and learner, lessons see one module each."""
    folder = course() / "labkit" / package
    imports = [
        node for node in ast.parse((folder / "__init__.pyi").read_text()).body if isinstance(node, ast.ImportFrom)
    ]
    modules = {alias.name for node in imports if node.module is None for alias in node.names}
    files = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    assert modules == files - {"__init__"}


def test_every_name_of_a_stub_can_be_imported() -> None:
    code = (
        "import importlib\n"
        "for package in ('', '.methods', '.methods.coding', '.keras2', '.deploy', '.assets', '.session', '.learner', "
        "'.base'):\n"
        "    module = importlib.import_module('labkit' + package)\n"
        "    for name in module.__all__:\n"
        "        getattr(module, name)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_missing_dependency_keeps_its_own_error() -> None:
    code = "import sys\nsys.modules['numpy'] = None\nimport labkit\nlabkit.methods.prune"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "ModuleNotFoundError" in done.stderr and "numpy" in done.stderr and "attribute" not in done.stderr
