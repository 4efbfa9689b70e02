"""The rows of the report's tables: the texts that its template shows, from typed events. Nothing here is HTML."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from labkit.report.data import Page
from labkit.report.pareto import technique_class
from labkit.session.claim import condition, quantity
from labkit.session.events import Claim, Measurement

BAR_WIDTH = 110  # pixels of a time bar
FULL_SCALE = 4  # a run is ended at this many times the budget
_SIGNS = {
    "held": "✓ held",
    "here": "✓ held here",
    "stored": "✓ held in the stored full run",
    "shown": "· only shown",
    "failed": "✗ failed",
}
_STATES = {"ok": "✓ ok", "failed": "✗ failed", "interrupted": "stopped", "unreadable": "✗ unreadable"}
_STATE_CLASSES = {"ok": "s-ok", "failed": "s-failed", "interrupted": "s-interrupted", "unreadable": "s-failed"}


@dataclass(frozen=True)
class Bar:
    """Time against budget as a bar of ``width`` pixels, with its ``words``."""

    width: float
    over: bool
    words: str


@dataclass(frozen=True)
class Run:
    """A row of *What ran*; ``address`` is empty without a notebook, ``bar`` None without a budget."""

    heading: str
    address: str
    words: str
    state: str
    state_class: str
    over_budget: bool
    cells: str
    seconds: str
    bar: Bar | None
    command: str


@dataclass(frozen=True)
class Failure:
    """A notebook that failed: the reason, the cell's source, the error's text."""

    heading: str
    words: str
    sentence: str
    cell: str
    error: str
    address: str
    file: str
    command: str


@dataclass(frozen=True)
class Unreadable:
    """A file that could not be read, whole or in part, with the reasons. ``address`` is empty where it has none."""

    file: str
    address: str
    reasons: list[str]


@dataclass(frozen=True)
class Figures:
    """The figures of one measurement that depend on training, in texts."""

    accuracy: str
    half_width: str
    interval: str
    n: str
    bytes: str
    compressed: str
    nonzero: str
    nonzero_share: str


@dataclass(frozen=True)
class Result:
    """A row of *Results*: one measurement in texts. A value that was not measured is a dash or empty.

    ``stored`` are the stored full run's figures of the same model; None where there are none. With ``only_stored`` the
    whole row is from there: the fast profile leaves this model out.
    """

    name: str
    technique: str
    technique_class: str
    network: str
    dataset: str
    split: str
    figures: Figures
    macs: str
    latency: str
    quartiles: str
    ratio: str
    stored: Figures | None = None
    only_stored: bool = False


@dataclass(frozen=True)
class ResultGroup:
    """The measurements of one notebook."""

    heading: str
    words: str
    command: str
    rows: list[Result]


@dataclass(frozen=True)
class ClaimRow:
    """A row of *Claims*; ``would_not_hold`` is True for a claim that was only shown and is false here.

    ``label`` names the value, ``when`` says when the claim is required where it is not in this run, and ``stored`` is
    the value in the stored full run, empty where there is none; ``from_stored`` where that is the one that held.
    """

    sign: str
    state_class: str
    would_not_hold: bool
    text: str
    label: str
    value: str
    spread: str
    relation: str
    when: str
    stored: str
    from_stored: bool


@dataclass(frozen=True)
class ClaimGroup:
    """The claims of one notebook."""

    heading: str
    words: str
    rows: list[ClaimRow]


def runs(pages: Iterable[Page], target: Path) -> list[Run]:
    """Return one row per page; addresses are relative to the report *target*."""
    return [
        Run(
            heading=page.heading,
            address=link(page.html, target) if page.html else _address(page, target),
            words=page.words or "defaults",
            state=_STATES.get(page.status, page.status),
            state_class=_STATE_CLASSES.get(page.status, "s-none"),
            over_budget=page.over_budget and page.status == "ok",
            cells=page.cells,
            seconds=f"{page.elapsed_s:.1f} s" if page.elapsed_s else "",
            bar=time_bar(page),
            command=page.command,
        )
        for page in pages
    ]


def time_bar(page: Page) -> Bar | None:
    """Return a page's time against its budget, on two scales; None when it has no budget or no time.

    The left half of the bar is the budget; the right half leads from there to its fourfold, where a run is ended.
    """
    if page.budget_s is None or not page.spent_s:
        return None
    share = page.spent_s / page.budget_s
    half = BAR_WIDTH / 2
    beyond = min(max(share - 1, 0) / (FULL_SCALE - 1), 1)
    width = half * min(share, 1) + half * beyond
    kind = "" if page.cpu_s is None else " of processor time"
    words = f"{page.spent_s:.1f} s{kind}, {100 * share:.0f} % of the budget of {page.budget_s:g} s"
    return Bar(width=max(width, 1.5), over=share > 1, words=words)


def failures(pages: Iterable[Page], target: Path) -> list[Failure]:
    """Return one entry per notebook that failed or was stopped."""
    return [
        Failure(
            heading=page.heading,
            words=page.words,
            sentence=page.sentence,
            cell=page.failed_cell,
            error=page.error,
            address=_address(page, target),
            file=page.path.name if page.path else "",
            command=page.command,
        )
        for page in pages
        if page.status in ("failed", "interrupted")
    ]


def unreadable(pages: Iterable[Page], target: Path) -> list[Unreadable]:
    """Return one entry per file that could not be read, whole or in part."""
    reasons_by_path: dict[Path, list[str]] = {}
    opened = {page.path for page in pages}
    for page in pages:
        for problem in page.problems:
            reasons_by_path.setdefault(problem.path, []).append(problem.reason)
    return [
        Unreadable(file=str(path), address=link(path, target) if path in opened else "", reasons=reasons)
        for path, reasons in reasons_by_path.items()
    ]


def results(pages: Iterable[Page]) -> list[ResultGroup]:
    """Return the measurements of each page that made any, the stored full run's figures beside its own."""
    groups = []
    for page in pages:
        stored: dict[tuple[str, ...], list[Measurement]] = {}
        for measurement in page.of_stored(Measurement):
            stored.setdefault(_identity(measurement), []).append(measurement)
        rows = []
        for measurement in page.of(Measurement):
            same = stored.get(_identity(measurement))
            rows.append(_result(measurement, same.pop(0) if same else None))
        if rows:
            left = [one for same in stored.values() for one in same]
            rows += [replace(_result(one, None), only_stored=True) for one in left]
            groups.append(ResultGroup(page.heading, page.words, page.command, rows))
    return groups


def _identity(measurement: Measurement) -> tuple[str, ...]:
    """Return what the same model has in common in two runs of a page."""
    one = measurement
    return (one.name, one.technique, one.network, one.dataset, one.split)


def _result(measurement: Measurement, stored: Measurement | None) -> Result:
    """Return one measurement in texts."""
    quartiles = ""
    if measurement.latency_low_ms is not None and measurement.latency_high_ms is not None:
        quartiles = f"{measurement.latency_low_ms:.3g}–{measurement.latency_high_ms:.3g}"
    return Result(
        name=measurement.name,
        technique=measurement.technique,
        technique_class=technique_class(measurement.technique),
        network=measurement.network,
        dataset=measurement.dataset,
        split="" if measurement.split == "test" else measurement.split,
        figures=_figures(measurement),
        macs=_count(measurement.macs),
        latency="–" if measurement.latency_ms is None else f"{measurement.latency_ms:.3g} ms",
        quartiles=quartiles,
        ratio="–" if measurement.latency_ratio is None else f"{measurement.latency_ratio:.2f} ×",
        stored=None if stored is None else _figures(stored),
    )


def _figures(measurement: Measurement) -> Figures:
    """Return the figures of a measurement that depend on training, in texts."""
    low, high = measurement.accuracy_low, measurement.accuracy_high
    return Figures(
        accuracy=f"{100 * measurement.accuracy:.2f} %",
        half_width=f"{50 * (high - low):.2f}",
        interval=f"{100 * low:.2f} to {100 * high:.2f} %",
        n=_count(measurement.n),
        bytes=_count(measurement.bytes),
        compressed=_count(measurement.compressed_bytes),
        nonzero=_count(measurement.nonzero),
        nonzero_share=f"{100 * measurement.nonzero / measurement.parameters:.0f} %" if measurement.parameters else "",
    )


def claims(pages: Iterable[Page]) -> list[ClaimGroup]:
    """Return the claims of each page that made any."""
    groups = []
    for page in pages:
        rows = [_claim(claim, stored, rough=bool(page.stored)) for claim, stored in _with_stored(page)]
        if rows:
            groups.append(ClaimGroup(page.heading, page.words, rows))
    return groups


def claim_states(pages: Iterable[Page]) -> list[str]:
    """Return the state of every claim: a key of `_SIGNS`; ``here`` and ``stored`` where a full run is stored."""
    return [_state(claim, stored, rough=bool(page.stored)) for page in pages for claim, stored in _with_stored(page)]


def _with_stored(page: Page) -> list[tuple[Claim, Claim | None]]:
    """Return each claim of a page with the stored full run's one of the same name."""
    stored = {claim.id: claim for claim in page.of_stored(Claim)}
    return [(claim, stored.get(claim.id)) for claim in page.of(Claim)]


def _state(claim: Claim, stored: Claim | None, *, rough: bool) -> str:
    """Return where a claim has held, if it has."""
    if claim.status == "shown" and stored is not None and stored.status == "held":
        return "stored"
    return "here" if claim.status == "held" and rough else claim.status


def _claim(claim: Claim, stored: Claim | None, *, rough: bool) -> ClaimRow:
    """Return one claim in texts."""
    state = _state(claim, stored, rough=rough)
    judged = stored if state == "stored" and stored is not None else claim
    return ClaimRow(
        sign=_SIGNS[state],
        state_class=f"s-{'held' if state in ('here', 'stored') else state}",
        would_not_hold=state == "shown" and not claim.held,
        text=claim.text,
        label=claim.label,
        value="" if claim.value is None else quantity(claim.value, claim.unit),
        spread="" if claim.spread is None else quantity(claim.spread, claim.unit),
        relation=judged.relation,  # a bound can depend on the profile
        when=condition(claim) if claim.status == "shown" else "",
        stored="" if stored is None or stored.value is None else quantity(stored.value, stored.unit),
        from_stored=state == "stored",
    )


def link(path: Path, target: Path) -> str:
    """Return the address of *path* for the report *target*: relative, so that the folder can be moved as a whole.

    Every byte that has a meaning in an address or is no UTF-8 is quoted.
    """
    try:
        relative = Path(os.path.relpath(path, target.parent)).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_uri()
    return quote(os.fsencode(relative))


def _address(page: Page, target: Path) -> str:
    """Return the address of a page's notebook; empty when there is none."""
    return "" if page.path is None else link(page.path, target)


def _count(value: int) -> str:
    """Return a count with its thousands apart by a thin space."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def total(pages: Sequence[Page], status: str) -> int:
    """Return how many pages have this status."""
    return sum(page.status == status for page in pages)
