"""The figures of the course's own full run, which stand beside the rough ones of a fast run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from labkit.base.errors import LabkitError
from labkit.base.places import course
from labkit.report.data import Page, first
from labkit.report.notebooks import read_json
from labkit.session import events as page_events
from labkit.session.events import Event, Start


def beside(pages: Iterable[Page], solved: Path | None = None) -> list[Page]:
    """Return *pages*, each rough one with the events of the full run in the folder *solved* (the course's own)."""
    folder = solved or course() / "notebooks" / "solved"
    return [replace(page, stored=_events(page, folder)) if page.rough else page for page in pages]


def conditions(pages: Sequence[Page]) -> str:
    """Return when and with which labkit the stored figures of *pages* were computed; empty when there are none."""
    starts = [start for page in pages for start in page.of_stored(Start)]
    dates = sorted({start.date[:10] for start in starts})
    versions = sorted({start.versions["labkit"] for start in starts if "labkit" in start.versions})
    when = " to ".join(dict.fromkeys(dates[:1] + dates[-1:]))
    return f"{when}, labkit {' and '.join(versions)}" if versions else when


def _events(page: Page, folder: Path) -> tuple[Event, ...]:
    """Return the events of the stored full run of a page's lesson at its defaults; none when there is no such run."""
    path = next(iter(sorted(folder.glob(f"{page.lesson}_*.ipynb"))), None)
    if path is None:
        return ()
    try:
        events, _ = page_events.read(read_json(path))
    except LabkitError:
        return ()
    start = first(events, Start)
    if start is None or start.profile != "full" or not start.at_defaults:
        return ()
    return tuple(events)
