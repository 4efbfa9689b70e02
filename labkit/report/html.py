"""The report: one self-contained HTML page from executed notebooks and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from labkit import __version__
from labkit.base import files
from labkit.report import charts, stored, style, tables
from labkit.report.data import Page, pages_in, pages_of
from labkit.session.events import Measurement

__all__ = ["Page", "build", "pages_in", "pages_of", "write"]
_TEMPLATE = "index.html.j2"
_CLAIMS = (
    ("here", "claims held here"),
    ("stored", "more held in the stored full run"),
    ("held", "claims held"),
    ("failed", "claims failed"),
    ("shown", "claims only shown"),
)
_CLASSES = {"here": "held", "stored": "held"}
_COUNTED = (("ok", "ok"), ("failed", "failed"), ("interrupted", "stopped"), ("not run", "not run"))


@dataclass(frozen=True)
class Card:
    """A count at the top of the report."""

    count: int
    name: str
    state_class: str = ""


@dataclass(frozen=True)
class Notes:
    """What a reader must know before believing a figure."""

    fast: bool
    stored: str
    at_once: int
    to_go: int


def write(pages: Sequence[Page], target: Path) -> Path:
    """Write the report on *pages* to *target*, whole, and return the path; raises LabkitError when that fails."""
    return files.write(target, build(pages, target))


def build(pages: Sequence[Page], target: Path) -> str:
    """Return the report on *pages* as HTML; links are relative to *target*."""
    sheet = style.sheet()
    points = charts.points_by_dataset(pages)
    text = (
        _environment()
        .get_template(_TEMPLATE)
        .render(
            policy=style.policy(sheet),
            style=Markup(sheet),
            version=__version__,
            profiles=_distinct(page.profile for page in pages),
            facts=_facts(pages),
            cards=_cards(pages),
            notes=_notes(pages),
            runs=tables.runs(pages, target),
            failures=tables.failures(pages, target),
            unreadable=tables.unreadable(pages, target),
            results=tables.results(pages),
            techniques=charts.techniques(points),
            charts=charts.charts(points),
            charts_stored=charts.from_stored(pages),
            claims=tables.claims(pages),
            notebooks=len(pages),
        )
    )
    # A lone surrogate, which JSON can hold and a file name too, has no UTF-8.
    return text.encode("utf-8", "replace").decode("utf-8")


@cache
def _environment() -> Environment:
    """Return the template's environment: everything is escaped, and a name that is missing is an error."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )


def _facts(pages: Sequence[Page]) -> list[tuple[str, str]]:
    """Return name and text of what any figure depends on: profile, edition, date, processor, versions."""
    starts = [page.start for page in pages if page.start is not None]
    versions: dict[str, set[str]] = {}
    for start in starts:
        for name, version in start.versions.items():
            versions.setdefault(name, set()).add(version)
    facts = [
        ("profile", _distinct(page.profile for page in pages)),
        ("edition", _distinct(page.edition for page in pages)),
        ("made", datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")),
        ("processor", _distinct(start.cpu for start in starts)),
        ("threads", _distinct(str(start.threads) for start in starts)),
        ("versions", ", ".join(f"{name} {' and '.join(sorted(numbers))}" for name, numbers in versions.items())),
    ]
    return [(name, text) for name, text in facts if text]


def _cards(pages: Sequence[Page]) -> list[Card]:
    """Return the summary: how many notebooks, how they ended, how many claims held."""
    cards = [Card(len(pages), "notebook" if len(pages) == 1 else "notebooks")]
    for status, name in _COUNTED:
        count = tables.total(pages, status)
        if count or status in ("ok", "failed"):
            cards.append(Card(count, name, f"s-{status}" if status in ("ok", "failed") and count else ""))
    unreadable = len({problem.path for page in pages for problem in page.problems})
    if unreadable:
        cards.append(Card(unreadable, "file with errors" if unreadable == 1 else "files with errors", "s-failed"))
    states = tables.claim_states(pages)
    for state, name in _CLAIMS:
        count = states.count(state)
        if count or state == "failed" or (state == "held" and "here" not in states):
            cards.append(Card(count, name, f"s-{_CLASSES.get(state, state)}" if count and state != "shown" else ""))
    cards.append(Card(sum(len(page.of(Measurement)) for page in pages), "measurements"))
    return cards


def _notes(pages: Sequence[Page]) -> Notes:
    """Return what the report must warn of."""
    return Notes(
        fast=any(page.profile == "fast" for page in pages),
        stored=stored.conditions(pages),
        at_once=max((page.at_once for page in pages), default=1),
        to_go=tables.total(pages, "not run") + tables.total(pages, "interrupted"),
    )


def _distinct(words: Iterable[str]) -> str:
    """Return the different words, in the order of their first appearance, joined by "and"."""
    return " and ".join(dict.fromkeys(word for word in words if word))
