"""The table of environment variables: complete, documented, and the only way to read one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labkit.base import settings

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "labkit").rglob("*.py"))


def test_the_docs_have_the_table():
    assert settings.table() in (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")


def test_no_other_module_reads_a_variable_by_its_name():
    reader = re.compile(r"""environ(\.get\(|\.pop\(|\.setdefault\(|\[)\s*["']LABKIT_|getenv\(\s*["']LABKIT_""")
    modules = [path for path in MODULES if path.name != "settings.py"]
    assert [str(path) for path in modules if reader.search(path.read_text(encoding="utf-8"))] == []


def test_every_variable_that_a_module_names_is_in_the_table():
    names = {name for path in MODULES for name in re.findall(r"LABKIT_[A-Z]+", path.read_text(encoding="utf-8"))}
    assert names == {setting.name for setting in settings.ALL}


def test_a_variable_that_is_not_set_reads_as_empty(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("LABKIT_FILES", raising=False)
    assert settings.FILES.read() == ""
    monkeypatch.setenv("LABKIT_FILES", "a folder")
    assert settings.FILES.read() == "a folder"
