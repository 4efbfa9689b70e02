"""Published figures against ours: run the pages that reproduce them, keep what they measured, and write the table.

The rows are in ``data/published.toml``, the measured values in ``data/reproductions.json``. Notebooks are executed in
the profile study and kept: a run that went well is not repeated, whatever row it was for.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.assets.published import Figure, figures
from labkit.base import files
from labkit.base.errors import LabkitError, UsageError, one_of
from labkit.base.places import course
from labkit.report import measured, published_table
from labkit.report.measured import Conditions, Measured, Run, Wording
from labkit.report.notebooks import read_json
from labkit.session import events as page_events
from labkit.session.events import MIME, Claim, Event, Finish, Start, cells_of, outputs_of


def rows() -> list[Figure]:
    """Return the published figures that the course reproduces."""
    return [figure for figure in figures() if figure.lesson]


def chosen(names: Sequence[str]) -> list[Figure]:
    """Return the rows called *names*, all when none is named; raises UsageError for an unknown one."""
    row_by_id = {row.id: row for row in rows()}
    return [row_by_id[one_of("row", name, row_by_id)] for name in names] or list(row_by_id.values())


def run(wanted: Iterable[Figure], folder: Path, *, seeds: Sequence[int] | None = None, profile: str = "study") -> int:
    """Execute the notebooks of the rows *wanted* into *folder*; those that went well before are left alone.

    Returns 0, or 1 when one failed, or 130 when stopped.
    """
    from labkit.runner.display import Live
    from labkit.runner.plan import RunRequest, plan
    from labkit.runner.scheduler import execute

    worst = 0
    for row in wanted:
        jobs, _ = plan(RunRequest((row.lesson,), profile, settings=tuple(settings(row, seeds or row.seeds))))
        result = execute(jobs, folder, at_once=1, resume=True, live=Live())
        worst = max(worst, result.exit_code)
        if result.interrupted:
            break
    return worst


def settings(row: Figure, seeds: Iterable[int]) -> list[str]:
    """Return a row's parameters and *seeds* as words for ``labkit run -p``."""
    words = [f"{name}={value}" for name, value in row.parameters.items()]
    return [*words, "seed=" + ",".join(map(str, seeds))]


def collect(folder: Path, data: Path, images: Path) -> list[str]:
    """Merge what the executed notebooks under *folder* measured into the file *data*, and pictures into *images*.

    Returns one sentence per notebook that cannot be used, with its path: its values are missing from the table.
    """
    rows_by_id = measured.read(data)
    before = dict(rows_by_id)
    problems: list[str] = []
    for path in sorted(folder.rglob("*.ipynb")):
        try:
            notebook = _executed(path)
        except LabkitError as error:
            problems.append(f"{path}: {error}")
            continue
        problems += [f"{path}: {problem}" for problem in notebook.problems]
        for row in rows():
            if _belongs(notebook.start, row):
                try:
                    rows_by_id[row.id] = _merged(rows_by_id.get(row.id, measured.NOTHING), notebook, row, images)
                except LabkitError as error:
                    problems.append(f"{path}: {error}")
    if rows_by_id != before:
        measured.write(data, rows_by_id)
    return problems


def write_table(data: Path, target: Path) -> Path:
    """Write the table of all rows, from the values in the file *data*, to *target* (Markdown); return its path."""
    return files.write(target, table(measured.read(data)))


def table(rows_by_id: Mapping[str, Measured]) -> str:
    """Return the table of all published figures as Markdown: first those that a page reproduces."""
    shown = [figure for figure in figures() if not figure.lesson]
    return published_table.table([*rows(), *shown], rows_by_id)


def default_folder() -> Path:
    """Return the folder for the notebooks that this command executes."""
    return course() / "build" / "reproduce"


def default_data() -> Path:
    """Return the path of the course's measured values."""
    return course() / "data" / "reproductions.json"


def seeds_of(text: str) -> list[int]:
    """Return ``"1,2"`` as numbers; raises UsageError for anything else."""
    try:
        seeds = [int(word) for word in text.split(",")]
    except ValueError:
        raise UsageError(f"--seeds is {text!r}, but must be whole numbers, as in --seeds 1,2,3.") from None
    if not all(0 <= seed < 2**31 for seed in seeds):
        raise UsageError(f"--seeds is {text!r}, but a seed lies between 0 and 2**31 - 1.")
    return seeds


@dataclass(frozen=True)
class _Notebook:
    """A notebook that was executed to its end: its events, and the sentences on records that cannot be read."""

    content: Any
    start: Start
    events: list[Event]
    problems: list[str]


def _executed(path: Path) -> _Notebook:
    """Return the executed notebook at *path*; raises LabkitError when it cannot be read or did not reach its end."""
    content = read_json(path)
    events, problems = page_events.read(content)
    start = next((event for event in events if isinstance(event, Start)), None)
    ended = any(isinstance(event, Finish) for event in events)
    if start is None or not ended:
        reason = problems[0] if problems else "It did not reach its end: run 'labkit reproduce' again."
        raise LabkitError(reason)
    return _Notebook(content, start, events, problems)


def _belongs(start: Start, row: Figure) -> bool:
    """Return whether a notebook was run for *row*: its page, its parameters, and not merely to see that it works."""
    same = all(start.parameters.get(name) == value for name, value in row.parameters.items())
    return start.lesson == row.lesson and start.profile != "fast" and same


def _merged(values: Measured, notebook: _Notebook, row: Figure, images: Path) -> Measured:
    """Return *values* of *row* with those that *notebook* measured; writes its picture where it has the first seed."""
    claims = {event.id: event for event in notebook.events if isinstance(event, Claim) and event.id in row.claims}
    missing = [claim for claim in row.claims if claim not in claims]
    if missing:
        raise LabkitError(f"It has no claim {missing[0]}, which the row {row.id} needs.")
    start = notebook.start
    parameters = {name: value for name, value in start.parameters.items() if name != "seed"}
    conditions = Conditions(start.date, start.cpu, start.profile, start.versions)
    new = Run(
        seed=start.seed,
        parameters=parameters,
        conditions=conditions,
        values={claim: claims[claim].value for claim in row.claims},
        rounded=(),
    )
    wordings = {claim: Wording(event.text, event.unit, event.relation) for claim, event in claims.items()}
    image, alt = _last_figure(notebook.content) if row.picture else (b"", "")
    merged = values.with_run(new, wordings, alt)
    if image and merged != values and new.seed == min(run.seed for run in merged.runs):
        files.write(images / f"{row.id}.png", image)
    return merged


def _last_figure(content: Any) -> tuple[bytes, str]:
    """Return the last figure that a page shows: PNG bytes, and its alt text; raises LabkitError when it has none."""
    last: tuple[bytes, str] | None = None
    for cell in cells_of(content):
        for output in outputs_of(cell):
            data = output.get("data")
            record = data.get(MIME) if isinstance(data, Mapping) else None
            if not isinstance(data, Mapping) or not isinstance(record, Mapping) or record.get("kind") != "figure":
                continue
            page = data.get("text/html")
            text = "".join(page) if isinstance(page, list) else str(page)
            encoded = text.partition("data:image/png;base64,")[2].partition('"')[0]
            try:
                last = base64.b64decode(encoded, validate=True), str(record.get("alt", ""))
            except binascii.Error:
                raise LabkitError("Its last figure is not a PNG.") from None
    if last is None or not last[0]:
        raise LabkitError("It shows no figure, which its row needs.")
    return last
