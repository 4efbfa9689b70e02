"""Every lesson of the course passes every gate, and no edition is stale. docs/page.md says the gates in words."""

from __future__ import annotations

import re

import pytest

from labkit.authoring import build, lint
from labkit.authoring.lint import english, links
from labkit.base.places import course
from labkit.lesson import source

NOTEBOOKS = course() / "notebooks"
LESSONS = source.lessons(NOTEBOOKS)
DOCUMENTS = [*(course() / name for name in ("README.md", "CONTRIBUTING.md", "data/README.md", "changes/README.md"))]
DOCUMENTS += sorted((course() / "docs").glob("*.md"))


def test_there_are_lessons():
    assert LESSONS, "notebooks/source has no lesson"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_lesson_passes_every_gate(lesson):
    found = lint.lesson_findings(lesson, LESSONS)
    assert not found, "\n" + "\n".join(found)


def test_no_edition_is_stale_and_the_course_table_is_current():
    problems = build.check((), NOTEBOOKS)
    assert not problems, "\n" + "\n".join(problems)


def test_the_links_of_the_documents_lead_somewhere():
    found = list(links.documents(course()))
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(course())))
def test_a_document_passes_the_gate_on_english(document):
    text = document.read_text(encoding="utf-8")
    written = re.sub(r"<!-- ([\w ]+): begin -->.*?<!-- \1: end -->", "", text, flags=re.DOTALL)  # the rest is generated
    found = list(english.findings(written))
    assert not found, "\n" + "\n".join(found)


def test_the_page_pattern_names_every_gate():
    text = (course() / "docs" / "page.md").read_text(encoding="utf-8")
    missing = [name for name in (*lint.LESSON_GATES, *lint.COURSE_GATES) if f"**{name}**" not in text]
    assert not missing, f"docs/page.md does not say: {missing}"
