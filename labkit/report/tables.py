"""The report's tables, as HTML: what ran, what was measured, what was claimed, what failed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from labkit.report.data import Page
from labkit.report.pareto import technique_class
from labkit.session.claim import quantity

_SIGNS = {"held": "✓ held", "shown": "· only shown", "failed": "✗ failed"}
_STATES = {"ok": "✓ ok", "failed": "✗ failed", "interrupted": "stopped", "not run": "not run"}


def what_ran(pages: Sequence[Page], target: Path) -> str:
    """A row a page: link, parameters, result, time against budget, command."""
    rows = []
    for page in pages:
        state = f'<span class="s-{_css(page.status)}">{_STATES.get(page.status, escape(page.status))}</span>'
        if page.over_budget and page.status == "ok":
            state += ' <span class="s-warn">over budget</span>'
        name = escape(page.heading)
        if page.path is not None:
            name = f'<a href="{escape(link(page.path, target))}">{name}</a>'
        rows.append(
            f'<tr><th scope="row">{name}</th><td>{escape(page.words) or "defaults"}</td><td class="w">{state}</td>'
            f'<td class="n">{page.cells}</td><td class="n">{_seconds(page)}</td><td>{time_bar(page)}</td>'
            f"<td><code>{escape(page.command)}</code></td></tr>"
        )
    heads = ("lesson", "parameters", "result", "#cells", "#time", "time against budget", "run it again")
    return _table("A notebook a row; its name opens the executed notebook.", heads, rows)


def time_bar(page: Page) -> str:
    """Time against budget as a bar; the upright line is the budget, the bar's end four times it."""
    if page.budget_s is None or not page.elapsed_s:
        return ""
    share = page.elapsed_s / page.budget_s
    # Half of the bar is the budget, the other half the way from there to its fourfold, where a run is ended.
    width = 55 * share if share <= 1 else 55 + 55 * min((share - 1) / 3, 1)
    words = f"{page.elapsed_s:.1f} s, {100 * share:.0f} % of the budget of {page.budget_s:g} s"
    return (
        f'<svg class="bar" viewBox="0 0 110 12" role="img" aria-label="{words}"><title>{words}</title>'
        f'<rect class="track" y="3" width="110" height="6" rx="3"/>'
        f'<rect class="{"time" if share <= 1 else "over"}" y="3" width="{max(width, 1.5):.1f}" height="6" rx="3"/>'
        f'<line class="mark" x1="55" x2="55" y1="0" y2="12"/></svg>'
    )


def results(pages: Iterable[Page]) -> str:
    """A row a measurement, grouped by the notebook that made it."""
    heads = (
        "model", "technique", "network", "data", "#accuracy", "#bytes", "#compressed",
        "#non-zero", "#MACs", "#latency (quartiles)", "#against first",
    )  # fmt: skip
    rows = []
    for page in pages:
        measured = page.of_kind("measurement")
        if measured:
            rows.append(
                f'<tr class="group"><th colspan="{len(heads)}" scope="rowgroup"><code>{escape(page.command)}</code>'
                f"{escape(page.heading)}{_words(page)}</th></tr>"
            )
        rows += [_measured(event) for event in measured]
    if not rows:
        return '<p class="soft">No page has measured anything.</p>'
    caption = (
        "Accuracy with half the width of its 95 % Wilson interval, on n images. Compressed is zlib, level 9. Non-zero "
        "with its share of the parameters. Latency is the median for one batch, with its quartiles, and its ratio to "
        "the first model measured in the same notebook, interleaved with it."
    )
    return _table(caption, heads, rows)


def _measured(event: dict[str, Any]) -> str:
    technique = str(event.get("technique", ""))
    low, high = event.get("accuracy_low"), event.get("accuracy_high")
    accuracy = _number(event.get("accuracy"), 100, ".2f", " %")
    spread = ""
    if low is not None and high is not None:
        words = f"{100 * low:.2f} to {100 * high:.2f} %"
        spread = f' <small title="{words}">± {50 * (high - low):.2f}, n {_number(event.get("n"))}</small>'
    quartiles = ""
    if event.get("latency_low_ms") is not None and event.get("latency_high_ms") is not None:
        quartiles = f" <small>({event['latency_low_ms']:.3g}–{event['latency_high_ms']:.3g})</small>"
    nonzero, parameters = event.get("nonzero"), event.get("parameters")
    share = f" <small>({100 * nonzero / parameters:.0f} %)</small>" if nonzero is not None and parameters else ""
    split = "" if event.get("split") in (None, "test") else f" <small>{escape(str(event['split']))}</small>"
    cells = (
        ("w", f'<span class="dot {technique_class(technique)}"></span>{escape(technique)}'),
        ("w", escape(str(event.get("network", "")))),
        ("w", escape(str(event.get("dataset", ""))) + split),
        ("n", f"{accuracy}{spread}"),
        ("n", _number(event.get("bytes"))),
        ("n", _number(event.get("compressed_bytes"))),
        ("n", f"{_number(nonzero)}{share}"),
        ("n", _number(event.get("macs"))),
        ("n", f"{_number(event.get('latency_ms'), 1, '.3g', ' ms')}{quartiles}"),
        ("n", _number(event.get("latency_ratio"), 1, ".2f", " ×")),
    )
    body = "".join(f'<td class="{kind}">{text}</td>' for kind, text in cells)
    return f'<tr><th scope="row">{escape(str(event.get("name", "")))}</th>{body}</tr>'


def claims(pages: Iterable[Page]) -> str:
    """A row a claim, grouped by notebook: held, only shown, failed."""
    heads = ("result", "claim", "#measured", "asked")
    rows = []
    for page in pages:
        made = page.of_kind("claim")
        if made:
            group = f'<tr class="group"><th colspan="4" scope="rowgroup">{escape(page.heading)}{_words(page)}</th></tr>'
            rows.append(group)
        rows += [_claimed(event) for event in made]
    if not rows:
        return '<p class="soft">No page has claimed anything.</p>'
    caption = "Held: asserted, and true. Only shown: not asserted in this profile or with these parameters."
    return _table(caption, heads, rows)


def _claimed(event: dict[str, Any]) -> str:
    unit, value = str(event.get("unit", "")), event.get("value")
    said = "" if value is None else quantity(float(value), unit)
    if event.get("spread") is not None:
        said += f" <small>± {escape(quantity(float(event['spread']), unit))}</small>"
    status = str(event.get("status", "shown"))
    missed = (
        ' <span class="s-warn">would not hold here</span>' if status == "shown" and event.get("held") is False else ""
    )
    return (
        f'<tr><td class="w"><span class="s-{_css(status)}">{_SIGNS.get(status, escape(status))}</span>{missed}</td>'
        f'<th scope="row">{escape(str(event.get("text", "")))}</th><td class="n">{said}</td>'
        f'<td class="w">{escape(str(event.get("relation", "")))}</td></tr>'
    )


def failures(pages: Iterable[Page], target: Path) -> str:
    """Each failed notebook: the reason, the cell's source, the error, and how to open and repeat it."""
    parts = []
    for page in pages:
        if page.status not in ("failed", "interrupted"):
            continue
        parts.append(f"<h3>{escape(page.heading)}{_words(page)}</h3>")
        parts.append(f'<p><span class="s-failed">{escape(page.sentence)}</span></p>')
        if page.failed_cell:
            parts.append(f'<p class="soft">The cell:</p><pre>{escape(page.failed_cell)}</pre>')
        if page.error:
            parts.append(f'<p class="soft">What it said:</p><pre>{escape(page.error)}</pre>')
        opened = ""
        if page.path is not None:
            address = escape(link(page.path, target))
            opened = f'Open <a href="{address}">{escape(page.path.name)}</a> in JupyterLab. '
        parts.append(f"<p>{opened}Again: <code>{escape(page.command)}</code></p>")
    return "".join(parts)


def link(path: Path, target: Path) -> str:
    """The address of *path* as seen from the page *target*: relative, so that the folder can be moved as a whole."""
    try:
        return quote(Path(os.path.relpath(path, target.parent)).as_posix())
    except ValueError:  # another drive
        return path.resolve().as_uri()


def _table(caption: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    """A table with headers; a head that begins with # stands over numbers."""
    top = "".join(
        f'<th scope="col"{" class=n" if head.startswith("#") else ""}>{escape(head.lstrip("#"))}</th>' for head in heads
    )
    body = "".join(rows)
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _words(page: Page) -> str:
    return f' <small class="soft">{escape(page.words)}</small>' if page.words else ""


def _seconds(page: Page) -> str:
    return f"{page.elapsed_s:.1f} s" if page.elapsed_s else ""


def _number(value: Any, factor: float = 1, form: str = ",", unit: str = "") -> str:
    """*value* for a table; a dash for none; thousands apart by a thin space."""
    if value is None:
        return "–"
    return f"{value * factor:{form}}".replace(",", "\N{NARROW NO-BREAK SPACE}") + unit


def _css(status: str) -> str:
    return status if status in ("ok", "held", "failed", "shown", "interrupted") else "none"


def grouped(points: Iterable[Any], key: Any) -> list[tuple[Any, list[Any]]]:
    """*points* sorted and grouped by *key*."""
    return [(name, list(found)) for name, found in groupby(sorted(points, key=key), key)]
