"""Gates on links: the file that a link names exists, and so does the heading."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from labkit.base.errors import nearest
from labkit.lesson.source import Lesson

_LINK = re.compile(r"\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)|\b(?:href|src)=\"([^\"]+)\"")
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//")


def links(lesson: Lesson, course: Sequence[Lesson], package: Path | None = None) -> Iterator[str]:
    """Yield a finding for each relative link of a text cell that leads to no file or to no heading."""
    folder = lesson.path.parent.parent
    lessons = {(folder / f"{each.name}.ipynb").resolve(): each for each in [*course, lesson]}
    for cell in lesson.cells:
        for number, target in _targets(cell.text) if cell.kind == "markdown" else ():
            path, _, anchor = target.partition("#")
            file = (folder / path).resolve()
            other = lesson if not path else lessons.get(file)
            at = lesson.where(cell, number)
            if other is None and not file.exists():
                yield f"{at}: the link {target!r} leads nowhere: write it as seen from notebooks/ (../docs/page.md)."
            elif anchor:
                anchors = _of_lesson(other) if other else _of_document(file)
                if anchor not in anchors:
                    near = nearest(anchor, sorted(anchors))
                    yield f"{at}: there is no heading {anchor!r} in {path or 'this page'}{near}."
    for need in lesson.needs:
        if need not in [each.number for each in course] or need >= lesson.number:
            yield f"{lesson.path.name}: it needs lesson {need}, which is not before it in the course: correct 'needs'."


def documents(root: Path) -> Iterator[str]:
    """Yield a finding for each relative link in ``*.md`` and ``docs/*.md`` that leads to no file or to no heading."""
    for document in sorted([*root.glob("*.md"), *root.glob("docs/*.md"), *root.glob("data/*.md")]):
        name = document.relative_to(root)
        for number, target in _targets(document.read_text(encoding="utf-8")):
            path, _, anchor = target.partition("#")
            file = (document.parent / path).resolve() if path else document
            if not file.exists():
                yield f"{name}:{number}: the link {target!r} leads nowhere: the path is seen from {name.parent}/."
            elif anchor and file.suffix == ".md" and anchor not in _of_document(file):
                near = nearest(anchor, sorted(_of_document(file)))
                yield f"{name}:{number}: there is no heading {anchor!r} in {file.name}{near}."


def _targets(text: str) -> Iterator[tuple[int, str]]:
    """Yield relative link targets with their lines; code and links to other sites are left out."""
    text = re.sub(r"^```.*?^```|`[^`\n]*`", lambda fence: "\n" * fence[0].count("\n"), text, flags=re.M | re.S)
    for number, line in enumerate(text.splitlines(), 1):
        for link in _LINK.finditer(line):
            target = link[1] or link[2]
            if not _ELSEWHERE.match(target):
                yield number, target


def _headings(text: str) -> list[str]:
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return [
        re.sub(r"[*`]|\[(.*?)\]\(.*?\)", r"\1", heading).strip() for heading in re.findall(r"^#+ +(.+)$", text, re.M)
    ]


def _of_lesson(lesson: Lesson) -> set[str]:
    """Return anchors as JupyterLab makes them: the heading, with hyphens for spaces."""
    texts = [cell.text for cell in lesson.cells if cell.kind == "markdown"]
    return {name.replace(" ", "-") for text in texts for name in _headings(text)} | _explicit("\n".join(texts))


def _of_document(file: Path) -> set[str]:
    """Return anchors as GitHub makes them: small letters, no punctuation, hyphens for spaces."""
    if file.suffix != ".md":
        return set()
    text = file.read_text(encoding="utf-8")
    return {re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-") for name in _headings(text)} | _explicit(text)


def _explicit(text: str) -> set[str]:
    return set(re.findall(r"<\w+ (?:id|name)=\"([^\"]+)\"", text))
