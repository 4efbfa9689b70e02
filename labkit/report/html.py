"""The report: one self-contained HTML page made of executed notebooks and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

from labkit import __version__
from labkit.base import files
from labkit.report import tables
from labkit.report.data import Page, pages_in, pages_of
from labkit.report.pareto import SHAPES, Point, mark, panel, technique_class
from labkit.report.style import sheet

__all__ = ["Page", "build", "pages_in", "pages_of", "write"]
_COUNTED = (("ok", "ok"), ("failed", "failed"), ("interrupted", "stopped"), ("not run", "not run"))


def write(pages: Sequence[Page], target: Path) -> Path:
    """Write the report on *pages* to *target*, whole; returns the path. LabkitError when it cannot be written."""
    return files.write(target, build(pages, target))


def build(pages: Sequence[Page], target: Path) -> str:
    """The report on *pages* as HTML; links are relative to *target*."""
    failed = tables.failures(pages, target)
    sections = [
        ("ran", "What ran", tables.what_ran(pages, target)),
        ("failures", "What failed", failed),
        ("results", "Results", tables.results(pages)),
        ("pareto", "Size, accuracy, latency", pareto(pages)),
        ("claims", "Claims", tables.claims(pages)),
    ]
    sections = [section for section in sections if section[2]]
    menu = "".join(f'<a href="#{key}">{escape(title)}</a>' for key, title, _ in sections)
    body = "".join(f'<section id="{key}"><h2>{escape(title)}</h2>{text}</section>' for key, title, text in sections)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>labkit report: {escape(_profiles(pages))}</title>\n<style>{sheet()}</style>\n</head>\n<body>\n"
        f"<header><h1>Lab notebooks: report</h1>{_facts(pages)}{_cards(pages)}{_notes(pages)}"
        f"<nav>{menu}</nav></header>\n"
        f"<main>{body}</main>\n<footer>Made by labkit {__version__} from {len(pages)} executed "
        f"notebook{'s' if len(pages) != 1 else ''}. Every number on this page was measured by them.</footer>\n"
        "</body>\n</html>\n"
    )


def pareto(pages: Iterable[Page]) -> str:
    """The Pareto picture: a panel a network, and one with all of them where there are several."""
    measured = [event for page in pages for event in page.of_kind("measurement")]
    tested = [event for event in measured if event.get("split") == "test"] or measured
    points: dict[str, list[Point]] = {}
    for event in tested:
        if event.get("compressed_bytes") and event.get("accuracy") is not None:
            known = points.setdefault(str(event.get("dataset", "")), [])
            point = _point(event)
            # A baseline is measured again by every lesson: one mark is enough, the first.
            if not any(_same(point, other) for other in known):
                known.append(point)
    if not points:
        return '<p class="soft">No page has measured anything.</p>'
    figures = []
    for dataset, found in sorted(points.items()):
        networks = tables.grouped(found, lambda one: one.network)
        if len(networks) > 1:
            title = f"{dataset}: all networks"
            figures.append(
                f'<figure class="wide">{panel(title, found, width=1140, height=420, mixed=True)}'
                f"{_shapes([name for name, _ in networks])}</figure>"
            )
        for network, few in networks:
            figures.append(f"<figure>{panel(f'{dataset}: {network}', few)}</figure>")
    techniques = sorted(
        {one.technique for found in points.values() for one in found}, key=lambda t: (t != "baseline", t)
    )
    return (
        "<p>Better is up and to the left. The dashed stairs are the Pareto front: no model is both smaller and more "
        "accurate than one on it. A mark's area is its latency; a hollow one was not timed. The baseline has a ring. "
        "A mark with an arrow lies below the picture.</p>"
        f'{_key(techniques)}<div class="panels">{"".join(figures)}</div>'
    )


def _point(event: dict[str, Any]) -> Point:
    return Point(
        name=str(event.get("name", "")),
        technique=str(event.get("technique", "")),
        network=str(event.get("network", "")),
        bytes=float(event["compressed_bytes"]),
        accuracy=float(event["accuracy"]),
        latency_ms=event.get("latency_ms"),
    )


def _same(one: Point, other: Point) -> bool:
    return (one.technique, one.network, one.bytes, one.accuracy) == (
        other.technique,
        other.network,
        other.bytes,
        other.accuracy,
    )


def _key(techniques: Sequence[str]) -> str:
    """What colours mean."""
    colours = "".join(f'<span><i class="dot {technique_class(one)}"></i>{escape(one)}</span>' for one in techniques)
    return f'<div class="key">{colours}</div>'


def _shapes(networks: Sequence[str]) -> str:
    """What shapes mean, under the panel that uses them."""
    size = 'width="14" height="14" aria-hidden="true"'
    marks = "".join(
        f"<span><svg {size}>{mark('mark', 7, 7, 5, SHAPES[index % len(SHAPES)])}</svg> {escape(name)}</span>"
        for index, name in enumerate(sorted(networks))
    )
    return f'<div class="key">{marks}</div>'


def _facts(pages: Sequence[Page]) -> str:
    """Profile, edition, date, processor, versions: what any figure below depends on."""
    starts = [page.start for page in pages if page.start]
    versions: dict[str, set[str]] = {}
    for start in starts:
        for name, version in start.get("versions", {}).items():
            versions.setdefault(str(name), set()).add(str(version))
    facts = [
        ("profile", _profiles(pages)),
        ("edition", _some(page.edition for page in pages)),
        ("made", datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")),
        ("processor", _some(str(start.get("cpu", "")) for start in starts)),
        ("threads", _some(str(start.get("threads", "")) for start in starts)),
        ("versions", ", ".join(f"{name} {' and '.join(sorted(found))}" for name, found in versions.items())),
    ]
    return '<p class="facts">' + " · ".join(f"{name} <b>{escape(text)}</b>" for name, text in facts if text) + "</p>"


def _cards(pages: Sequence[Page]) -> str:
    """The summary: how many notebooks, and how many claims."""
    claims = [event.get("status") for page in pages for event in page.of_kind("claim")]
    cards = [(len(pages), "notebook" if len(pages) == 1 else "notebooks", "")]
    for status, word in _COUNTED:
        count = sum(page.status == status for page in pages)
        if count or status in ("ok", "failed"):
            cards.append((count, word, f"s-{status}" if status in ("ok", "failed") and count else ""))
    for status, word in (("held", "claims held"), ("shown", "claims only shown"), ("failed", "claims failed")):
        count = claims.count(status)
        cards.append((count, word, f"s-{status}" if count and status != "shown" else ""))
    cards.append((sum(len(page.of_kind("measurement")) for page in pages), "measurements", ""))
    body = "".join(
        f'<div class="card"><b class="{kind}">{count}</b><span>{word}</span></div>' for count, word, kind in cards
    )
    return f'<div class="cards">{body}</div>'


def _notes(pages: Sequence[Page]) -> str:
    """What a reader must know before believing a figure."""
    notes = []
    profiles = {page.profile for page in pages}
    if "fast" in profiles:
        notes.append(
            "The fast profile proves that the pages work; its accuracies are those of short training. "
            "The real numbers: <code>make run PROFILE=full</code>."
        )
    at_once = max((page.at_once for page in pages), default=1)
    if at_once > 1:
        notes.append(
            f"Up to {at_once} notebooks ran at a time, which disturbs latencies; ratios, interleaved, suffer less. "
            "For quiet ones: <code>labkit run -j 1</code>."
        )
    undone = sum(page.status in ("not run", "interrupted") for page in pages)
    if undone:
        notes.append(f"The run was stopped before its end ({undone} to go): <code>labkit run --resume</code> goes on.")
    return "".join(f'<p class="note">{text}</p>' for text in notes)


def _profiles(pages: Sequence[Page]) -> str:
    return _some(page.profile for page in pages)


def _some(words: Iterable[str]) -> str:
    """The different words, in the order of their first appearance."""
    return " and ".join(dict.fromkeys(word for word in words if word))
