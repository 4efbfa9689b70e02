"""Read a lesson's source: ``notebooks/source/NN_name.py``, its facts in the header and its cells below."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labkit.base.errors import LabkitError, UsageError, nearest
from labkit.base.places import course
from labkit.lesson import parameters as base_parameters
from labkit.lesson.parameters import Parameter
from labkit.lesson.percent import Cell, cells

FILE = re.compile(r"(\d\d)_([a-z0-9_]+)\.py$")
_FACTS: dict[str, type] = {
    "title": str,
    "question": str,
    "minutes": int,
    "budget_s": dict,
    "needs": list,
    "objectives": list,
}
_OPTIONAL_FACTS: dict[str, type] = {"published": list, "routes": dict, "terms": dict, "waive": list}
_TERM_FIELDS = ("text", "zh", "note")


@dataclass(frozen=True)
class Term:
    """A glossary entry: one sentence, the Chinese term, and a note on symbol or unit (empty when there is none)."""

    text: str
    zh: str
    note: str = ""


@dataclass(frozen=True)
class Lesson:
    """A lesson as its source describes it.

    ``needs`` are lesson numbers, ``routes`` map a route of ``data/routes.toml`` to the session (from 1) in which the
    route has this lesson, ``terms`` are the glossary entries that it introduces, ``published`` are published figures
    that it reproduces, with the fields of ``data/published.toml``, and ``waive`` maps a gate's limit to the reason.
    """

    number: str
    slug: str
    path: Path
    title: str
    question: str
    minutes: int
    budget_s: Mapping[str, float]
    needs: tuple[str, ...]
    objectives: tuple[str, ...]
    cells: tuple[Cell, ...]
    routes: Mapping[str, int] = field(default_factory=dict)
    terms: Mapping[str, Term] = field(default_factory=dict)
    published: tuple[Mapping[str, Any], ...] = ()
    waive: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the name of its files, without the ending: ``31_magnitude_pruning``."""
        return f"{self.number}_{self.slug}"

    @property
    def heading(self) -> str:
        """Return number and title as they are shown: ``31 · Magnitude pruning``."""
        return f"{self.number} · {self.title}"

    def where(self, cell: Cell, line: int = 1) -> str:
        """Return the place of *line* (from 1) of *cell* in the source: ``31_magnitude_pruning.py:88 (cell 12)``."""
        return f"{self.path.name}:{cell.line + line} (cell {self.cells.index(cell) + 1})"


def notebooks_folder(notebooks: Path | None = None) -> Path:
    """Return *notebooks*, or the course's folder of notebooks when it is None."""
    return notebooks if notebooks is not None else course() / "notebooks"


def sources(notebooks: Path | None = None) -> list[Path]:
    """Return the lessons' source files, in order of their numbers; raises LabkitError when two share one."""
    paths = sorted(path for path in (notebooks_folder(notebooks) / "source").glob("*.py") if FILE.fullmatch(path.name))
    for one, other in itertools.pairwise(paths):
        if one.name[:2] == other.name[:2]:
            raise LabkitError(f"{one.name} and {other.name} share the number {one.name[:2]}: rename one of them.")
    return paths


def lessons(notebooks: Path | None = None) -> list[Lesson]:
    """Return every lesson of the course, in order."""
    return [read(path) for path in sources(notebooks)]


def find(name: str, notebooks: Path | None = None) -> Lesson:
    """Return the lesson *name*: ``31``, ``31_magnitude_pruning`` or ``magnitude_pruning``.

    Raises UsageError, with the nearest name, when there is no such lesson.
    """
    key = Path(name).stem if Path(name).suffix in (".py", ".ipynb") else name
    key = key.zfill(2) if key.isdecimal() else key
    paths: dict[str, Path] = {}
    for path in sources(notebooks):
        paths |= {path.name[:2]: path, path.stem: path, path.stem[3:]: path}
    if key not in paths:
        numbers = sorted(name for name in paths if len(name) == 2 and name.isdecimal())
        candidates = numbers if key.isdecimal() else [name for name in paths if not name.isdecimal()]
        near = nearest(key, candidates)
        raise UsageError(f"There is no lesson {name!r}{near} (lessons: {', '.join(numbers) or 'none'}).")
    return read(paths[key])


def parameters(lesson: Lesson) -> list[Parameter]:
    """Return the documented parameters of the cell tagged ``parameters``; none when the lesson has no such cell."""
    for cell in lesson.cells:
        if cell.kind == "code" and "parameters" in cell.tags:
            try:
                return base_parameters.parse(cell.text)
            except (LabkitError, SyntaxError) as error:
                raise LabkitError(f"{lesson.where(cell)}: {error}") from None
    return []


def read(path: Path) -> Lesson:
    """Read one source file; raises LabkitError naming file and line when it is not in the documented form."""
    name = FILE.fullmatch(path.name)
    if name is None:
        raise LabkitError(
            f"{path.name}: a lesson's source is called NN_name.py, in small letters, digits and underscores."
        )
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LabkitError(f"{path}: cannot be read as a text in UTF-8 ({error}).") from None
    facts, start = _header(path, lines)
    number, slug = name.groups()
    return Lesson(
        number=number,
        slug=slug,
        path=path,
        title=facts["title"].strip(),
        question=facts["question"].strip(),
        minutes=facts["minutes"],
        budget_s=facts["budget_s"],
        needs=tuple(f"{int(need):02d}" for need in facts["needs"]),
        objectives=tuple(str(objective).strip() for objective in facts["objectives"]),
        cells=tuple(cells(number, path, lines, start)),
        routes=facts["routes"],
        terms=facts["terms"],
        published=tuple(facts["published"]),
        waive=facts["waive"],
    )


def _header(path: Path, lines: list[str]) -> tuple[dict[str, Any], int]:
    """Return the facts under ``jupyter: labkit:``, and the number of lines that the header takes."""
    import yaml

    ends = [index for index, line in enumerate(lines) if line.rstrip() == "# ---"][:2]
    if len(ends) < 2 or ends[0] != 0:
        raise LabkitError(f"{path.name}:1: a source begins with a header between two lines '# ---'.")
    try:
        header = yaml.safe_load("\n".join(line[2:] for line in lines[1 : ends[1]]))
        facts = dict(header["jupyter"]["labkit"])
        if "kernelspec" not in header["jupyter"]:
            raise LabkitError(
                f"{path.name}:2: the header names no kernelspec: papermill refuses a notebook without one."
            )
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = 2 + (mark.line if mark else 0)
        raise LabkitError(
            f"{path.name}:{line}: the header is not YAML here ({getattr(error, 'problem', error)}): put quotes round a "
            "text that has a colon."
        ) from None
    except (KeyError, TypeError, ValueError):
        raise LabkitError(f"{path.name}:2: the header has no facts under 'jupyter:', 'labkit:'.") from None
    for key in facts:
        if key not in _FACTS and key not in _OPTIONAL_FACTS:
            near = nearest(key, [*_FACTS, *_OPTIONAL_FACTS])
            raise LabkitError(f"{path.name}:{_line_of(lines, key)}: the header has no fact {key!r}{near}.")
    for key, kind in _FACTS.items():
        if not isinstance(facts.get(key), kind) or facts[key] in ("", 0):
            raise LabkitError(
                f"{path.name}:{_line_of(lines, key)}: the header's fact {key!r} is missing or has the wrong type."
            )
    for key, kind in _OPTIONAL_FACTS.items():
        if not isinstance(facts.setdefault(key, kind()), kind):
            raise LabkitError(f"{path.name}:{_line_of(lines, key)}: the header's fact {key!r} has the wrong type.")
    _check_values(path, lines, facts)
    if not all(isinstance(entry, dict) and "lesson" not in entry for entry in facts["published"]):
        raise LabkitError(
            f"{path.name}:{_line_of(lines, 'published')}: published is a list of figures with the fields of "
            "data/published.toml, without 'lesson', which is this one."
        )
    facts["routes"] = _routes(path, lines, facts["routes"])
    facts["terms"] = _terms(path, lines, facts["terms"])
    facts["waive"] = _waivers(path, lines, facts["waive"])
    return facts, ends[1] + 1


def _check_values(path: Path, lines: list[str], facts: dict[str, Any]) -> None:
    budget = facts["budget_s"]
    if set(budget) != {"fast", "full"} or not all(
        isinstance(value, int | float) and value > 0 for value in budget.values()
    ):
        raise LabkitError(f"{path.name}:{_line_of(lines, 'budget_s')}: budget_s is {{fast: seconds, full: seconds}}.")
    if not all(re.fullmatch(r"\d{1,2}", str(need)) for need in facts["needs"]):
        raise LabkitError(f"{path.name}:{_line_of(lines, 'needs')}: needs is a list of lesson numbers, such as [30].")


def _routes(path: Path, lines: list[str], routes: Mapping[Any, Any]) -> dict[str, int]:
    for route, session in routes.items():
        if not isinstance(route, str) or not isinstance(session, int) or session < 1:
            raise LabkitError(
                f"{path.name}:{_line_of(lines, 'routes')}: routes is {{route: session}}, as {{half-day: 1}}."
            )
    return dict(routes)


def _terms(path: Path, lines: list[str], terms: Mapping[Any, Any]) -> dict[str, Term]:
    entries: dict[str, Term] = {}
    for name, entry in terms.items():
        values = dict(entry) if isinstance(entry, dict) else {}
        texts = [isinstance(value, str) and bool(value.strip()) for value in values.values()]
        complete = {"text", "zh"} <= values.keys() <= set(_TERM_FIELDS)
        if not isinstance(name, str) or not complete or not all(texts):
            raise LabkitError(
                f"{path.name}:{_line_of(lines, str(name))}: the term {name!r} has a text, zh and perhaps a note, "
                "each in words."
            )
        entries[name] = Term(**{field: value.strip() for field, value in values.items()})
    return entries


def _waivers(path: Path, lines: list[str], waivers: list[Any]) -> dict[str, str]:
    pairs: list[tuple[Any, Any]] = []
    for entry in waivers:
        pairs += entry.items() if isinstance(entry, dict) else [(entry, None)]
    if not all(isinstance(reason, str) and reason.strip() for _, reason in pairs):
        raise LabkitError(f"{path.name}:{_line_of(lines, 'waive')}: waive is a list of '- limit: reason'.")
    return dict(pairs)


def _line_of(lines: list[str], key: str) -> int:
    return next((number for number, line in enumerate(lines, 1) if re.match(rf"#\s+{re.escape(key)}:", line)), 2)
