"""Build both editions of the lessons, executing only those whose code changed; and check that nothing is stale.

A solved edition is stale when its own code cells changed since it was executed, and for no other reason. After any
other edit of a source, the edition is written again around its stored outputs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import labkit
from labkit.authoring import documents, editions, execute
from labkit.authoring.editions import Edition, Notebook
from labkit.base import files
from labkit.base.errors import LabkitError
from labkit.lesson import source
from labkit.lesson.source import Lesson
from labkit.session import events

EDITIONS: tuple[Edition, ...] = ("student", "solved")
Execute = Callable[[Lesson, Notebook], tuple[Notebook, dict[str, Any]]]


@dataclass(frozen=True)
class Outcome:
    """The ``status`` of a lesson (unchanged, rebuilt, executed, skipped, not executed or failed) and the reason."""

    lesson: Lesson
    status: str
    seconds: float = 0.0
    message: str = ""

    def __str__(self) -> str:
        status = f"executed in {self.seconds:.0f} s" if self.status == "executed" else self.status
        message = f": {self.message}" if self.message else ""
        waivers = "".join(f"; waives {limit} ({reason})" for limit, reason in self.lesson.waive.items())
        return f"{self.lesson.name}: {status}{message}{waivers}"


def path(lesson: Lesson, edition: Edition) -> Path:
    """Return the file of an edition of *lesson*."""
    folder = lesson.path.parent.parent
    return (folder if edition == "student" else folder / "solved") / f"{lesson.name}.ipynb"


def build(
    names: Sequence[str] = (),
    notebooks: Path | None = None,
    *,
    force: bool = False,
    draft: bool = False,
    run: Execute = execute.execute,
) -> Iterator[Outcome]:
    """Build the lessons called *names* (all when empty); yields each outcome as it comes, and goes on past a failure.

    A lesson is executed when its own code cells changed, or with *force*. *draft* executes nothing: a solved edition
    whose code changed is left as it is. Raises UsageError for an unknown lesson.
    """
    lessons = source.lessons(notebooks)
    course = {lesson.number: lesson for lesson in lessons}
    for lesson in _selection(names, lessons, notebooks):
        yield _build(lesson, course, force, draft, run)
    folder = source.notebooks_folder(notebooks)
    if not names:
        for orphan in _orphans(lessons, folder):
            orphan.unlink()
    documents.update(folder.parent, lessons)


def check(names: Sequence[str] = (), notebooks: Path | None = None, *, release: bool = False) -> list[str]:
    """Return the problems, one line each: a stale, edited or missing edition, a file without a source, a document.

    With *release*, a page that another version of labkit executed is a problem too.
    """
    lessons = source.lessons(notebooks)
    course = {lesson.number: lesson for lesson in lessons}
    problems: list[str] = []
    for lesson in _selection(names, lessons, notebooks):
        problems += _problems(lesson, course)
        if release:
            problems += _older(lesson)
    folder = source.notebooks_folder(notebooks)
    if not names:
        for orphan in _orphans(lessons, folder):
            problems.append(f"{orphan.relative_to(folder.parent)} has no source any more: labkit build removes it")
    problems += documents.problems(folder.parent, lessons)
    return problems


def load(target: Path) -> dict[str, Any] | None:
    """Return the notebook in the file *target*, or None when there is none that can be read."""
    try:
        content = json.loads(target.read_text(encoding="utf-8"))
        return content if isinstance(content["cells"], list) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def record_of(content: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what is stored of a page's execution: ``code_sha256`` and ``executed``; empty for another notebook."""
    record = dict((content or {}).get("metadata", {}).get("labkit", {}))
    return {key: record[key] for key in ("code_sha256", "executed") if key in record}


def version_of(record: Mapping[str, Any]) -> str:
    """Return the version of labkit that executed the page with this *record*; empty when it was never executed."""
    return str((record.get("executed") or {}).get("versions", {}).get("labkit", ""))


def _selection(names: Sequence[str], lessons: Sequence[Lesson], notebooks: Path | None) -> list[Lesson]:
    """Return the lessons called *names*, or all of them without names; raises UsageError for an unknown one."""
    numbers = {source.find(name, notebooks).number for name in names}
    return [lesson for lesson in lessons if not names or lesson.number in numbers]


def _build(lesson: Lesson, course: Mapping[str, Lesson], force: bool, draft: bool, run: Execute) -> Outcome:
    code = editions.code_digest(lesson)
    stored = load(path(lesson, "solved"))
    record = record_of(stored)
    if not force and _is_current(lesson, record, stored):
        changes = _write_both(lesson, course, record, _outputs(stored))
        return Outcome(lesson, "rebuilt" if changes else "unchanged")
    record = {"code_sha256": code, "executed": None}
    if draft:
        _write(lesson, "student", editions.notebook(lesson, "student", course, record))
        return Outcome(lesson, "not executed", message="its solved edition is left as it was")
    try:
        page, executed = run(lesson, editions.notebook(lesson, "solved", course, record))
    except LabkitError as error:
        return Outcome(lesson, "failed", message=str(error))
    record["executed"] = _completed(executed, page)
    _write_both(lesson, course, record, _outputs(page))
    return Outcome(lesson, "executed", executed["seconds"])


def _is_current(lesson: Lesson, record: Mapping[str, Any], stored: Mapping[str, Any] | None) -> bool:
    """Return whether the solved edition was executed with the code that its source has now."""
    if record.get("code_sha256") != editions.code_digest(lesson) or not record.get("executed"):
        return False
    return len(_outputs(stored) or []) == sum(cell.kind == "code" for cell in lesson.cells)


def _completed(executed: Mapping[str, Any], page: Notebook) -> dict[str, Any]:
    """Return what is stored of an execution, with the processor time that the page reported and our own version."""
    ends = [event for event in events.read(page)[0] if isinstance(event, events.Finish)]
    processor_time = {"cpu_s": round(ends[-1].cpu_s)} if ends else {}
    versions = {**executed.get("versions", {}), "labkit": labkit.__version__}
    return {**processor_time, **executed, "versions": versions}


def _problems(lesson: Lesson, course: Mapping[str, Lesson]) -> Iterator[str]:
    remedy = f"labkit build {lesson.number}"
    root = lesson.path.parents[2]
    solved = load(path(lesson, "solved"))
    record = record_of(solved)
    code = editions.code_digest(lesson)
    stale = record.get("code_sha256") != code
    for edition in EDITIONS:
        target = path(lesson, edition)
        name = target.relative_to(root)
        if not target.is_file():
            yield f"{name} is missing: {remedy}"
            continue
        content = load(target)
        if content is None:
            yield f"{name} is no notebook that can be read: {remedy} --force"
            continue
        if stale and edition == "solved":
            if solved is not None:
                yield f"{name} is stale, its code cells changed since it was executed: {remedy}"
            continue
        expected_record = {"code_sha256": code, "executed": None} if stale else record
        expected = _with(editions.notebook(lesson, edition, course, expected_record), _outputs(solved), edition)
        if editions.dumps(expected) != target.read_text(encoding="utf-8"):
            yield (
                f"{name} differs from its source{_difference(expected, content)}: its source changed or it was "
                f"edited; put any change into {lesson.path.name}, then {remedy}"
            )


def _older(lesson: Lesson) -> Iterator[str]:
    version = version_of(record_of(load(path(lesson, "solved"))))
    if version != labkit.__version__:
        by = f"labkit {version}" if version else "no version that it names"
        yield f"{lesson.name} was executed by {by}, and this is {labkit.__version__}: make pages"


def _difference(expected: Notebook, content: Mapping[str, Any]) -> str:
    for number, (cell, other) in enumerate(zip(expected["cells"], content["cells"], strict=False), 1):
        if cell["source"] != "".join(other.get("source", "")):
            return f" (first in cell {number})"
    return ""


def _with(content: Notebook, outputs: Iterable[Mapping[str, Any]] | None, edition: Edition) -> Notebook:
    """Return the solved edition with its outputs, code cell by code cell; the student's has none."""
    if edition == "solved" and outputs is not None:
        code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
        for cell, output in zip(code, outputs, strict=False):
            cell |= output
    return content


def _outputs(content: Mapping[str, Any] | None) -> list[dict[str, Any]] | None:
    if content is None:
        return None
    return [
        {"execution_count": cell.get("execution_count"), "outputs": cell.get("outputs", [])}
        for cell in content["cells"]
        if cell["cell_type"] == "code"
    ]


def _write_both(
    lesson: Lesson,
    course: Mapping[str, Lesson],
    record: Mapping[str, Any],
    outputs: Sequence[Mapping[str, Any]] | None,
) -> bool:
    """Write both editions around *outputs*; returns whether that changed a file."""
    changes = []
    for edition in EDITIONS:
        content = _with(editions.notebook(lesson, edition, course, record), outputs, edition)
        changes.append(_write(lesson, edition, content))
    return any(changes)


def _write(lesson: Lesson, edition: Edition, content: Notebook) -> bool:
    """Write an edition if that changes it; returns whether it did."""
    target, text = path(lesson, edition), editions.dumps(content)
    if target.is_file() and target.read_bytes() == text.encode():
        return False
    files.write(target, text)
    return True


def _orphans(lessons: Sequence[Lesson], folder: Path) -> list[Path]:
    """Return generated notebooks whose source is gone; a notebook that the course did not make is left alone."""
    editions_of_lessons = {path(lesson, edition) for lesson in lessons for edition in EDITIONS}
    notebooks = [*folder.glob("*.ipynb"), *(folder / "solved").glob("*.ipynb")]
    orphans = [target for target in notebooks if target not in editions_of_lessons]
    return sorted(target for target in orphans if "code_sha256" in record_of(load(target)))
