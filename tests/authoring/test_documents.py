"""labkit.authoring.documents and changelog: what documents take from headers and fragments, and nothing else."""

from __future__ import annotations

from datetime import date

import pytest

from labkit.authoring import changelog, documents
from labkit.base.errors import LabkitError, UsageError
from labkit.base.places import course
from labkit.lesson import source

ROUTES = """[half-day]
time = "half a day"
outcome = "they can count"

[all]
time = "a week"
outcome = "they can do it all"
every_lesson = true
"""


@pytest.fixture
def documented(toys, edit):
    """Three lessons in one route with two sessions, two terms, and the documents with their markers."""
    (toys.root / "data" / "routes.toml").write_text(ROUTES)
    for number, session in (("30", 1), ("31", 1), ("40", 2)):
        edit(toys.add(number), "needs: []", f"needs: []\n#     routes: {{half-day: {session}}}")
    facts = "budget_s: {fast: 5, full: 10}\n#     terms:\n"
    facts += "#       Toy: {text: It plays., zh: 玩具, note: unit 1}\n#       box: {text: It holds., zh: 盒子}"
    edit(toys.notebooks / "source" / "31_toys.py", "budget_s: {fast: 5, full: 10}", facts)
    for block in documents.BLOCKS:
        (toys.root / block.document).write_text(f"# Title\n\n{block.begin}\n{block.end}\n\nEnd\n")
    return toys


def _text(toys, document):
    return (toys.root / document).read_text(encoding="utf-8")


def test_each_part_stands_between_its_markers(documented):
    lessons = source.lessons(documented.notebooks)
    assert len(list(documents.problems(documented.root, lessons))) == 3
    assert documents.update(documented.root, lessons) == ["README.md", "docs/teaching.md", "docs/glossary.md"]
    assert documents.update(documented.root, lessons) == [] == list(documents.problems(documented.root, lessons))
    for block in documents.BLOCKS:
        text = _text(documented, block.document)
        assert text.startswith(f"# Title\n\n{block.begin}\n") and text.endswith(f"\n{block.end}\n\nEnd\n")


def test_what_each_part_says(documented):
    documents.update(documented.root, source.lessons(documented.notebooks))
    readme = _text(documented, "README.md")
    assert "(notebooks/solved/31_toys.ipynb)" in readme and "How many toys fit into a box?" in readme
    assert "| All 3 | | 1 h 0 min | | |" in readme
    teaching = _text(documented, "docs/teaching.md")
    assert "| half a day | 30, 31 · 40 | they can count |\n| a week | every lesson" in teaching
    entries = _text(documented, "docs/glossary.md")
    assert "### box\n\n中文 **盒子** · lesson [31](../notebooks/31_toys.ipynb)\n\nIt holds.\n\n### Toy\n\n" in entries
    assert "中文 **玩具** · unit 1 · lesson [31]" in entries


def test_a_document_without_markers_is_named_and_one_that_is_missing_is_left_out(documented):
    lessons = source.lessons(documented.notebooks)
    documents.update(documented.root, lessons)
    (documented.root / "README.md").write_text("# No markers\n")
    (documented.root / "docs" / "glossary.md").unlink()
    assert documents.update(documented.root, lessons) == []
    (line,) = documents.problems(documented.root, lessons)
    assert line.startswith("README.md has no place for the course table") and documents.BLOCKS[0].begin in line


@pytest.mark.parametrize("text", ["[half-day]\ntime = 3\nlength = 4\n", "[half-day", "half-day = 3\n"])
def test_routes_in_another_form_are_one_sentence(toys, text):
    (toys.root / "data" / "routes.toml").write_text(text)
    with pytest.raises(LabkitError, match=r"routes\.toml: each route has exactly a time and an outcome"):
        documents.routes(toys.root)


def test_every_lesson_of_the_course_is_in_a_route_or_the_week():
    assert any(route.every_lesson for route in documents.routes(course()).values())
    routes = {route for lesson in source.lessons() for route in lesson.routes}
    others = {name for name, route in documents.routes(course()).items() if not route.every_lesson}
    assert routes == others


@pytest.fixture
def fragments(toys):
    (toys.root / "CHANGELOG.md").write_text("# Changelog\n\nIntro.\n\n## 0.1.0 (2026-11-24)\n\nOld.\n")
    (toys.root / "changes").mkdir()
    for name, text in (("README", "How."), ("reset", "- R."), ("31", "- B."), ("10", "- A."), ("summary", "New.")):
        (toys.root / "changes" / f"{name}.md").write_text(f"{text}\n")
    return toys.root


def test_a_release_moves_the_fragments_to_the_changelog(fragments):
    assert changelog.release("0.2.0", fragments, date(2026, 12, 1)) == 4
    assert (fragments / "CHANGELOG.md").read_text() == (
        "# Changelog\n\nIntro.\n\n## 0.2.0 (2026-12-01)\n\nNew.\n\n### Lessons\n- A.\n- B.\n\n"
        "### Package and tools\n- R.\n\n## 0.1.0 (2026-11-24)\n\nOld.\n"
    )
    assert [path.name for path in (fragments / "changes").iterdir()] == ["README.md"]
    with pytest.raises(LabkitError, match="no fragments"):
        changelog.release("0.3.0", fragments)


def test_a_release_that_cannot_be_leaves_everything_as_it_was(fragments):
    with pytest.raises(UsageError, match="'2' is not a version"):
        changelog.release("2", fragments)
    (fragments / "CHANGELOG.md").unlink()
    with pytest.raises(LabkitError, match=r"CHANGELOG\.md"):
        changelog.release("0.2.0", fragments)
    assert len(changelog.fragments(fragments)) == 4
