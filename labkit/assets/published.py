"""Published figures that the course measures itself against, from ``data/published.toml`` and lessons' headers.

Lessons take the figures of one network from `LAYERS`, `LADDER` and `ASKED`, which are read when first used.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from labkit.base import places, records
from labkit.base.errors import LabkitError
from labkit.lesson import source
from labkit.lesson.source import Lesson

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DEFAULTS: Mapping[str, Any] = {
    "who": "",
    "network": "",
    "dataset": "",
    "ratio": None,
    "error": None,
    "lesson": "",
    "claims": [],
    "parameters": {},
    "seeds": [1, 2, 3],
    "picture": False,
    "layers": {},
    "conditions": {},
    "rival": {},
}
# What a row's conditions may name; a row that trains a network names them all.
CONDITIONS = ("teacher", "augmentation", "parameter_set")


class Layer(NamedTuple):
    """A compressed layer: the fraction of its weights that is *kept*, and its *size* as one of 32-bit weights."""

    kept: float
    size: float


class Point(NamedTuple):
    """A compressed network: how many times smaller than 32-bit weights its file is, its test error as a fraction."""

    who: str
    source: str
    ratio: float
    error: float


@dataclass(frozen=True)
class Figure:
    """A published figure, and how the course reproduces it.

    ``published`` says it in words. ``who``, ``network``, ``ratio`` and ``error`` place it in a chart (see `Point`).
    ``lesson`` is the page that reproduces it, empty when none does; ``claims`` are ids of that page's claims,
    ``parameters`` and ``seeds`` what it runs with. With ``picture``, the page's last figure shows it.

    ``conditions`` name what else differs between the published figure and ours, in words, by `CONDITIONS`: the
    ``teacher``, the ``augmentation``, and the ``parameter_set`` (which network of that name, what the ratio counts).
    ``rival`` is the strongest published result for the same task, as ``published`` and ``source``; or ``none``, with
    the reason why there is no stronger one.
    """

    id: str
    published: str
    source: str
    who: str
    network: str
    dataset: str
    ratio: float | None
    error: float | None
    lesson: str
    claims: tuple[str, ...]
    parameters: dict[str, Any]
    seeds: tuple[int, ...]
    picture: bool
    layers: dict[str, dict[str, float]]
    conditions: dict[str, str]
    rival: dict[str, str]


@dataclass(frozen=True)
class Goal:
    """The course's own goal for a network; ``alone`` is the id of the figure whose ratio it must reach."""

    alone: str
    taught_ratio: float
    taught_error: float


# By network; see the class of the values. `ASKED`: times smaller without a teacher, times smaller and error with one.
LAYERS: dict[str, dict[str, Layer]]
LADDER: dict[str, tuple[Point, ...]]
ASKED: dict[str, tuple[float, float, float]]


def __getattr__(name: str) -> Any:
    """Return `LAYERS`, `LADDER` or `ASKED` from the file."""
    tables = {"LAYERS": _layers, "LADDER": _ladder, "ASKED": _asked}
    if name not in tables:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return tables[name]()


def figures() -> tuple[Figure, ...]:
    """Return the figures of the file, then those in the lessons' headers; raises LabkitError as `read` does."""
    return with_headers(read(_path())[0], source.lessons())


def with_headers(figures_of_file: Iterable[Figure], lessons: Iterable[Lesson]) -> tuple[Figure, ...]:
    """Return *figures_of_file* and those that *lessons* have in their headers, each with its lesson's number.

    Raises LabkitError for a figure in a header that `read` would refuse, and for an id that occurs twice.
    """
    by_id = {figure.id: figure for figure in figures_of_file}
    for lesson in lessons:
        for entry in lesson.published:
            figure = _figure({**entry, "lesson": lesson.number})
            if figure.id in by_id:
                raise LabkitError(f"{lesson.path.name}: there is another figure with the id {figure.id!r}: rename one.")
            by_id[figure.id] = figure
    return tuple(by_id.values())


def _path() -> Path:
    """Return the path of the course's file."""
    return places.course() / "data" / "published.toml"


@cache
def read(path: Path) -> tuple[tuple[Figure, ...], dict[str, Goal]]:
    """Return the figures in the file *path*, and the goals by network.

    Raises LabkitError when the file cannot be read, and for a missing, unknown or implausible field.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LabkitError(f"{path} cannot be read ({error}): restore it from the repository.") from None
    entries = content.get("figure")
    goals = content.get("goals", {})
    if not isinstance(entries, list) or not isinstance(goals, Mapping):
        raise LabkitError(f"{path} has no list of [[figure]] or no table [goals]: restore it from the repository.")
    by_id: dict[str, Figure] = {}
    for entry in entries:
        figure = _figure(entry)
        if figure.id in by_id:
            raise LabkitError(f"{path} has two figures with the id {figure.id!r}: rename one.")
        by_id[figure.id] = figure
    goal_by_network = {network: records.read(Goal, goal, f"goal {network!r}") for network, goal in goals.items()}
    for network, goal in goal_by_network.items():
        if goal.alone not in by_id or by_id[goal.alone].ratio is None:
            raise LabkitError(f"The goal {network!r} names {goal.alone!r}, which is not a figure with a ratio.")
    return tuple(by_id.values()), goal_by_network


def _figure(entry: Any) -> Figure:
    """Return one ``[[figure]]`` as a Figure; raises LabkitError for what does not fit."""
    name = str(entry.get("id", "without an id"))[:60] if isinstance(entry, Mapping) else "without fields"
    what = f"published figure {name!r}"
    if isinstance(entry, Mapping):
        unknown = sorted(set(entry) - {field.name for field in fields(Figure)})
        if unknown:
            raise LabkitError(f"The {what} has the unknown field {unknown[0]!r}.")
        entry = {**_DEFAULTS, **entry}
    figure = records.read(Figure, entry, what)
    problem = _problem(figure)
    if problem:
        raise LabkitError(f"The {what} {problem}.")
    return figure


def _problem(figure: Figure) -> str:
    """Return what is wrong with *figure* as the rest of a sentence; empty when nothing is."""
    if not _ID.fullmatch(figure.id):
        return "needs an id of small letters, digits and hyphens"
    if not figure.published or not figure.source:
        return "needs both 'published' and 'source'"
    if bool(figure.lesson) != bool(figure.claims):
        return "needs both 'lesson' and 'claims', or neither"
    if not all(claim.startswith(f"{figure.lesson}.") for claim in figure.claims):
        return f"names a claim that is not of lesson {figure.lesson}"
    if len(set(figure.claims)) < len(figure.claims):
        return "names a claim twice"
    if not figure.seeds or len(set(figure.seeds)) < len(figure.seeds) or min(figure.seeds) < 0:
        return "needs different seeds from 0 upwards"
    if figure.ratio is not None and figure.ratio <= 0:
        return "has a ratio that is not positive"
    if figure.error is not None and not 0 <= figure.error <= 1:
        return "has an error that is not between 0 and 1"
    if figure.who and (figure.ratio is None or figure.error is None or not figure.network):
        return "has 'who' and needs 'network', 'ratio' and 'error' with it"
    if not all(set(layer) == {"kept", "size"} for layer in figure.layers.values()):
        return "has a layer without exactly 'kept' and 'size'"
    return _problem_of_words(figure)


def _problem_of_words(figure: Figure) -> str:
    """Return what is wrong with the conditions or the rival of *figure*; empty when nothing is."""
    unknown = sorted(set(figure.conditions) - set(CONDITIONS))
    if unknown:
        return f"has the unknown condition {unknown[0]!r}: the conditions are {', '.join(CONDITIONS)}"
    missing = [name for name in CONDITIONS if figure.network and figure.conditions and name not in figure.conditions]
    if missing:
        return f"is of a network and needs the condition {missing[0]!r}"
    if figure.rival and set(figure.rival) not in ({"published", "source"}, {"none"}):
        return "needs a rival with 'published' and 'source', or with 'none' and the reason"
    if not all(text.strip() for text in (*figure.conditions.values(), *figure.rival.values())):
        return "has a condition or rival without words"
    return ""


def _layers() -> dict[str, dict[str, Layer]]:
    """Return the published layers by network and name of the kernel."""
    return {
        figure.network: {name: Layer(**layer) for name, layer in figure.layers.items()}
        for figure in figures()
        if figure.layers
    }


def _ladder() -> dict[str, tuple[Point, ...]]:
    """Return the published points by network, the largest file first."""
    points: dict[str, list[Point]] = {}
    for figure in figures():
        if figure.who and figure.ratio is not None and figure.error is not None:
            source = figure.source.rpartition(" ")[2]
            points.setdefault(figure.network, []).append(Point(figure.who, source, figure.ratio, figure.error))
    return {network: tuple(sorted(found, key=lambda point: point.ratio)) for network, found in points.items()}


def _asked() -> dict[str, tuple[float, float, float]]:
    """Return the course's goals by network."""
    all_figures, goals = read(_path())
    ratios = {figure.id: figure.ratio for figure in all_figures}
    return {
        network: (ratios[goal.alone] or 0.0, goal.taught_ratio, goal.taught_error) for network, goal in goals.items()
    }
