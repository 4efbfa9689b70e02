"""Imports between labkit's packages go one way, as the contract in pyproject.toml says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def lint(folder: Path, *, config: Path = ROOT / "pyproject.toml") -> subprocess.CompletedProcess[str]:
    code = "import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())"
    return subprocess.run(
        [sys.executable, "-c", code, str(config), "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_imports_go_one_way():
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Imports go one way KEPT" in done.stdout


def test_the_contract_names_every_package():
    packages = {path.parent.name for path in (ROOT / "labkit").glob("*/__init__.py")}
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert {package for package in packages if f"labkit.{package}" not in text} == set()


def test_an_import_the_other_way_is_found(tmp_path):
    """The contract is not empty: a base that imports from a page is refused."""
    packages = "base lesson methods keras2 deploy assets exercises session learner runner authoring report cli"
    for package in packages.split():
        (tmp_path / "labkit" / package).mkdir(parents=True)
        (tmp_path / "labkit" / package / "__init__.py").touch()
    (tmp_path / "labkit" / "__init__.py").touch()
    assert lint(tmp_path).returncode == 0
    (tmp_path / "labkit" / "base" / "__init__.py").write_text("def late():\n    import labkit.session\n")
    done = lint(tmp_path)
    assert done.returncode == 1
    assert "labkit.base is not allowed to import labkit.session" in done.stdout
