"""Build both editions of the lessons, executing only what changed; and check that nothing is stale."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.authoring import editions, execute, table
from labkit.authoring.editions import Edition, Notebook
from labkit.base import files
from labkit.base.errors import LabkitError
from labkit.lesson import source
from labkit.lesson.source import Lesson

EDITIONS: tuple[Edition, ...] = ("student", "solved")
Execute = Callable[[Lesson, Notebook], tuple[Notebook, dict[str, Any]]]


@dataclass(frozen=True)
class Outcome:
    """What became of one lesson: ``unchanged``, ``rebuilt``, ``executed``, ``not executed`` or ``failed``, and why."""

    lesson: Lesson
    status: str
    seconds: float = 0.0
    message: str = ""

    def __str__(self) -> str:
        status = f"executed in {self.seconds:.0f} s" if self.status == "executed" else self.status
        waived = "".join(f"; waives {limit} ({reason})" for limit, reason in self.lesson.waive.items())
        return f"{self.lesson.name}: {status}{': ' + self.message if self.message else ''}{waived}"


def path(lesson: Lesson, edition: Edition) -> Path:
    """Where an edition of *lesson* stands."""
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
    course = source.lessons(notebooks)
    wanted = [source.find(name, notebooks).number for name in names]
    for lesson in course:
        if not wanted or lesson.number in wanted:
            yield _build(lesson, editions.neighbours(lesson, course), force, draft, run)
    if not wanted:
        for orphan in _orphans(course, source.notebooks_folder(notebooks)):
            orphan.unlink()
    table.update(source.notebooks_folder(notebooks).parent / "README.md", course)


def check(names: Sequence[str] = (), notebooks: Path | None = None) -> list[str]:
    """Return the problems, one line each: a stale, edited or missing edition, a file without a source."""
    course = source.lessons(notebooks)
    wanted = [source.find(name, notebooks).number for name in names]
    problems: list[str] = []
    for lesson in course:
        if not wanted or lesson.number in wanted:
            problems += _problems(lesson, editions.neighbours(lesson, course))
    folder = source.notebooks_folder(notebooks)
    if not wanted:
        problems += [
            f"{orphan.relative_to(folder.parent)} has no source any more: labkit build removes it"
            for orphan in _orphans(course, folder)
        ]
    problems += table.problems(folder.parent / "README.md", course)
    return problems


def _build(lesson: Lesson, place: editions.Neighbours, force: bool, draft: bool, run: Execute) -> Outcome:
    record: dict[str, Any] = {
        "source_sha256": editions.source_digest(lesson),
        "code_sha256": editions.code_digest(lesson),
    }
    old = _load(path(lesson, "solved"))
    known = _record(old)
    same = known.get("code_sha256") == record["code_sha256"] and known.get("executed")
    outputs = _outputs(old) if same and not force else None
    status = "rebuilt"
    if outputs is not None and len(outputs) == sum(cell.kind == "code" for cell in lesson.cells):
        record["executed"] = known["executed"]
    elif draft:
        if known.get("source_sha256") != record["source_sha256"]:
            _write(lesson, "student", editions.notebook(lesson, "student", place, {**record, "executed": None}))
        return Outcome(lesson, "not executed", message="its solved edition is left as it was")
    else:
        try:
            done, record["executed"] = run(lesson, editions.notebook(lesson, "solved", place, record))
        except LabkitError as error:
            return Outcome(lesson, "failed", message=str(error))
        outputs, status = _outputs(done), "executed"
    contents = {edition: editions.notebook(lesson, edition, place, record) for edition in EDITIONS}
    changed = [_write(lesson, edition, _with(contents[edition], outputs, edition)) for edition in EDITIONS]
    if status == "executed":
        return Outcome(lesson, status, record["executed"]["seconds"])
    return Outcome(lesson, status if any(changed) else "unchanged")


def _problems(lesson: Lesson, place: editions.Neighbours) -> Iterator[str]:
    remedy = f"labkit build {lesson.number}"
    solved = _load(path(lesson, "solved"))
    record = _record(solved)
    for edition in EDITIONS:
        target = path(lesson, edition)
        name = target.relative_to(_root(lesson))
        if not target.is_file():
            yield f"{name} is missing: {remedy}"
            continue
        found = _load(target)
        if found is None:
            yield f"{name} is no notebook that can be read: {remedy} --force"
        elif _record(found).get("source_sha256") != editions.source_digest(lesson):
            yield f"{name} is stale, its source changed since it was built: {remedy}"
        elif solved is not None and record.get("source_sha256") == editions.source_digest(lesson):
            wanted = _with(editions.notebook(lesson, edition, place, record), _outputs(solved), edition)
            if editions.dumps(wanted) != target.read_text(encoding="utf-8"):
                yield (
                    f"{name} is not what its source gives{_difference(wanted, found)}: it was edited, or a lesson "
                    f"beside it was added or renamed; put any change into {lesson.path.name}, then {remedy}"
                )


def _difference(wanted: Notebook, found: Mapping[str, Any]) -> str:
    for number, (one, other) in enumerate(zip(wanted["cells"], found.get("cells", []), strict=False), 1):
        if one["source"] != "".join(other.get("source", "")):
            return f" (first in cell {number})"
    return ""


def _with(content: Notebook, outputs: Iterable[Mapping[str, Any]] | None, edition: Edition) -> Notebook:
    """The solved edition with its outputs, code cell by code cell; the student's has none."""
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


def _record(content: Mapping[str, Any] | None) -> dict[str, Any]:
    found = dict((content or {}).get("metadata", {}).get("labkit", {}))
    return {key: value for key, value in found.items() if key not in ("edition", "lesson")}


def _load(target: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(target.read_text(encoding="utf-8"))
        return content if isinstance(content["cells"], list) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(lesson: Lesson, edition: Edition, content: Notebook) -> bool:
    """Write an edition if that changes it; returns whether it did."""
    target, text = path(lesson, edition), editions.dumps(content)
    if target.is_file() and target.read_bytes() == text.encode():
        return False
    files.write(target, text)
    return True


def _orphans(course: Sequence[Lesson], folder: Path) -> list[Path]:
    """Generated notebooks whose source is gone; a notebook that we did not make is left alone."""
    known = {path(lesson, edition) for lesson in course for edition in EDITIONS}
    found = [*folder.glob("*.ipynb"), *(folder / "solved").glob("*.ipynb")]
    return sorted(each for each in found if each not in known and "source_sha256" in _record(_load(each)))


def _root(lesson: Lesson) -> Path:
    return lesson.path.parents[2]
