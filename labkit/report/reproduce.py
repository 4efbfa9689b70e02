"""Published figures against ours: run the pages that claim to reach them, over seeds, and write the table.

The rows are in `reproduce_rows`; nothing in the table is typed. The notebooks are executed in the profile study and
stay where they are: what was run, for whatever row, is not run again. Below the table stand the pictures of those pages
that draw one with published points in it.
"""

from __future__ import annotations

import base64
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from labkit.base import files
from labkit.base.errors import UsageError, one_of
from labkit.base.places import course
from labkit.report.data import events
from labkit.report.reproduce_rows import ROWS, Row
from labkit.session.claim import quantity
from labkit.session.events import MIME

_HEAD = """# Published figures, and ours

Written by `labkit reproduce` from executed notebooks; no cell is typed. *Ours* is the mean over the seeds that were
run, ± their standard deviation; *asked* is the bound of the page's own claim. A row that was not run says so.
"""
_COLUMNS = ("row", "published", "lesson", "claim", "asked", "ours", "seeds", "data", "command", "run on")


def chosen(names: Sequence[str]) -> list[Row]:
    """The rows called *names*, all when none is named; raises UsageError for an unknown one."""
    known = {row.id: row for row in ROWS}
    return [known[one_of("row", name, known)] for name in names] or list(ROWS)


def run(rows: Iterable[Row], folder: Path, *, seeds: Sequence[int] | None = None, profile: str = "study") -> int:
    """Execute the notebooks of *rows* into *folder*, one after the other; those that went well before are left alone.

    Returns 0, or 1 when one failed, or 130 when stopped.
    """
    from labkit.runner.display import Live
    from labkit.runner.plan import RunRequest, plan
    from labkit.runner.scheduler import execute

    worst = 0
    for row in rows:
        row = replace(row, seeds=tuple(seeds)) if seeds else row
        jobs, _ = plan(RunRequest((row.lesson,), profile, settings=tuple(row.settings)))
        result = execute(jobs, folder, at_once=1, resume=True, live=Live())
        worst = max(worst, result.exit_code)
        if result.interrupted:
            break
    return worst


def write(folder: Path, target: Path) -> Path:
    """Write the table of all rows, from the notebooks under *folder*, to *target* (Markdown), with its pictures."""
    lines = [_HEAD, "| " + " | ".join(_COLUMNS) + " |", "|" + "---|" * len(_COLUMNS)]
    executed, pictures = _executed(folder), []
    for row in ROWS:
        own = [notebook for notebook in executed if _belongs(events(notebook), row)]
        for cells in _cells(row, [events(notebook) for notebook in own]):
            lines.append("| " + " | ".join(text.replace("|", "\\|") for text in cells) + " |")
        for image, alt in [_last_figure(notebook) for notebook in own[:1] if row.picture]:
            path = files.write(target.parent / "images" / f"{row.id}.png", image)
            pictures.append(f"\n**{row.id}**, the first of these seeds:\n\n![{alt}](images/{path.name})")
    return files.write(target, "\n".join(lines + pictures) + "\n")


def default_folder() -> Path:
    """Where the executed notebooks of this command stay."""
    return course() / "build" / "reproduce"


def _executed(folder: Path) -> list[dict[str, Any]]:
    """Every notebook under *folder* that was executed to its end."""
    found = []
    for path in sorted(folder.rglob("*.ipynb")):
        try:
            notebook = json.loads(path.read_text(encoding="utf-8"))
            ended = any(event["kind"] == "finish" for event in events(notebook))
        except (OSError, ValueError, AttributeError):
            continue
        if ended:
            found.append(notebook)
    return found


def _last_figure(notebook: Mapping[str, Any]) -> tuple[bytes, str]:
    """The last figure that a page shows: PNG bytes, and its alt text."""
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    shown = [output["data"] for output in outputs if output.get("data", {}).get(MIME, {}).get("kind") == "figure"]
    page = "".join(shown[-1]["text/html"])
    encoded = page.partition("data:image/png;base64,")[2].partition('"')[0]
    return base64.b64decode(encoded), shown[-1][MIME]["alt"]


def _belongs(told: list[dict[str, Any]], row: Row) -> bool:
    """Whether a notebook was run for *row*: its page, its parameters, and not merely to see that it works."""
    start = next((event for event in told if event["kind"] == "start"), {})
    given = start.get("parameters", {})
    same = all(given.get(name) == value for name, value in row.parameters.items())
    return start.get("lesson") == row.lesson and start.get("profile") != "fast" and same


def _cells(row: Row, notebooks: list[list[dict[str, Any]]]) -> Iterable[tuple[str, ...]]:
    """The lines of the table for *row*, one a claim."""
    starts = [next(event for event in told if event["kind"] == "start") for told in notebooks]
    seeds = ", ".join(str(start["seed"]) for start in starts) or "none"
    where = sorted({f"{s['date']}, {s['cpu']}, {s['profile']}, {_versions(s['versions'])}" for s in starts})
    data = row.parameters.get("dataset", "the page's own")
    for text in row.claims:
        told = [event for events in notebooks for event in events if event["kind"] == "claim" and event["text"] == text]
        yield (
            row.id,
            f"{row.published} ({row.source})",
            row.lesson,
            text,
            told[0]["relation"] if told else "–",
            _mean([event["value"] for event in told], told[0]["unit"]) if told else "not run",
            seeds,
            str(data),
            f"`{row.command}`",
            "; ".join(where) or "–",
        )


def _mean(values: list[float], unit: str) -> str:
    """``1.52 % ± 0.08 % (1.45 % to 1.60 %)``: mean, standard deviation over seeds, and their range."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return f"{quantity(mean, unit)} (one seed)"
    ends = f"{quantity(min(values), unit)} to {quantity(max(values), unit)}"
    return f"{quantity(mean, unit)} ± {quantity(statistics.stdev(values), unit)} ({ends})"


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def seeds_of(text: str) -> list[int]:
    """``"1,2"`` as numbers; raises UsageError for anything else."""
    try:
        found = [int(word) for word in text.split(",")]
    except ValueError:
        raise UsageError(f"--seeds is {text!r}, but takes whole numbers, as in --seeds 1,2,3.") from None
    if not all(0 <= seed < 2**31 for seed in found):
        raise UsageError(f"--seeds is {text!r}, but a seed lies between 0 and 2**31 - 1.")
    return found
