"""Read what the report shows of each page: its executed notebook, and the outcome that its run left beside it.

One file that cannot be read never costs the report: it becomes a page that carries its problem.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from labkit.base.errors import LabkitError
from labkit.report.notebooks import check_regular, duration_of, failure_of, read_json
from labkit.runner.display import sentence
from labkit.runner.plan import Outcome, outcome_of
from labkit.session import events as page_events
from labkit.session.events import Event, Finish, Measurement, Start

_PROBLEMS = 20  # of one file, that are listed
E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class Problem:
    """A file, or records in it, that could not be read, and the reason in one sentence."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Page:
    """One executed notebook.

    ``status`` is that of its run's outcome; "not finished" and "unreadable" are possible too. ``path`` is None when
    there is no notebook that can be opened. ``failed_cell`` is the source of the cell that failed, ``error`` its text.
    Times are in s; ``cpu_s`` is None where neither an outcome nor the page's end gives it. ``html`` is the notebook as
    a page that labkit wrote, if there is one; ``stored`` are the events of the course's own full run of the same
    lesson, where this run's figures are rough.
    """

    lesson: str
    title: str
    status: str
    path: Path | None = None
    words: str = ""
    command: str = ""
    sentence: str = ""
    elapsed_s: float = 0.0
    cpu_s: float | None = None
    budget_s: float | None = None
    cells: str = ""
    started: str = ""
    at_once: int = 1
    profile: str = ""
    edition: str = ""
    failed_cell: str = ""
    error: str = ""
    events: tuple[Event, ...] = ()
    problems: tuple[Problem, ...] = ()
    html: Path | None = None
    stored: tuple[Event, ...] = ()

    @property
    def heading(self) -> str:
        """Return number and title: ``31 · Magnitude pruning``."""
        return f"{self.lesson} · {self.title}" if self.title else self.lesson

    def of(self, kind: type[E]) -> list[E]:
        """Return its events of one kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    def of_stored(self, kind: type[E]) -> list[E]:
        """Return the stored full run's events of one kind, in order."""
        return [event for event in self.stored if isinstance(event, kind)]

    @property
    def rough(self) -> bool:
        """Return whether its figures come from short training at the default parameters."""
        return self.profile == "fast" and not self.words

    @property
    def start(self) -> Start | None:
        """Return the event of its start; None when it did not get there."""
        return next(iter(self.of(Start)), None)

    @property
    def spent_s(self) -> float:
        """Return the time that counts against its budget: processor time, or elapsed time where that is unknown."""
        return self.elapsed_s if self.cpu_s is None else self.cpu_s

    @property
    def over_budget(self) -> bool:
        """Return whether it took longer than its budget."""
        return self.budget_s is not None and self.spent_s > self.budget_s


@dataclass(frozen=True)
class _Notebook:
    """The content of one executed notebook, as far as it could be read."""

    path: Path | None = None  # None when there is no notebook, or none that can be opened
    failed_cell: str = ""
    error: str = ""
    duration_s: float = 0.0  # as papermill noted it, 0 where it did not
    events: tuple[Event, ...] = ()
    problems: tuple[Problem, ...] = ()


def pages_of(outcomes: Iterable[Outcome], runs: Path) -> list[Page]:
    """Return the pages of one run; those that did not run have no notebook and no events.

    The notebooks are labkit's own, so a page that lies beside one is its HTML.
    """
    pages = []
    for outcome in outcomes:
        path = outcome.job.paths(runs)[0]
        started = outcome.status != "not run" and path.exists()
        page = _page_with_outcome(_notebook(path) if started else _Notebook(), outcome)
        pages.append(replace(page, html=_html_beside(path)) if started else page)
    return pages


def pages_in(folders: Iterable[Path], *, own: bool = False) -> list[Page]:
    """Return every executed notebook under *folders*, in the order of the lessons.

    *own* says that labkit's runs alone write there: only then is an HTML page beside a notebook believed to be its.
    Raises LabkitError when a folder is missing, and when no folder has a notebook or an outcome.
    """
    folders = list(folders)
    for folder in folders:
        if not folder.is_dir():
            raise LabkitError(f"There is no folder {folder}: run lessons first with 'labkit run'.")
    pages = []
    for path in _files(folders, "[0-9][0-9]_*.ipynb"):
        page = _page_at(path)
        pages.append(replace(page, html=_html_beside(path)) if own else page)
    for path in _files(folders, "[0-9][0-9]_*.run.json"):  # alone when a notebook's kernel never started
        if not _is_there(_notebook_beside(path)):
            pages.append(_page_without_notebook(path))
    if not pages:
        raise LabkitError(
            f"No executed notebook in {', '.join(map(str, folders))}: run lessons first with 'labkit run'."
        )
    return sorted(pages, key=lambda page: (page.lesson, page.profile, page.words))


def _files(folders: Sequence[Path], pattern: str) -> list[Path]:
    """Return the files under *folders* that match *pattern*, without Jupyter's copies and the lessons' own files."""
    paths = [path for folder in folders for path in sorted(folder.rglob(pattern))]
    return [path for path in paths if ".ipynb_checkpoints" not in path.parts and "files" not in path.parts[:-1]]


def _notebook_beside(outcome: Path) -> Path:
    """Return the path of the notebook whose outcome is at *outcome*."""
    return outcome.with_suffix("").with_suffix(".ipynb")


def _html_beside(notebook: Path) -> Path | None:
    """Return the HTML page beside *notebook*; None when there is none."""
    path = notebook.with_suffix(".html")
    return path if path.is_file() and not path.is_symlink() else None


def _is_there(path: Path) -> bool:
    """Return whether anything has this name, a broken link too."""
    return path.is_symlink() or path.exists()


def _page_at(path: Path) -> Page:
    """Return the page of the notebook at *path*, with the outcome beside it if there is one."""
    notebook = _notebook(path)
    beside = path.with_suffix(".run.json")
    if not _is_there(beside):
        return _page_alone(path, notebook)
    try:
        return _page_with_outcome(notebook, _outcome(beside))
    except LabkitError as error:
        return _page_alone(path, notebook, (Problem(beside, str(error)),))


def _page_without_notebook(path: Path) -> Page:
    """Return the page of the outcome at *path*, which has no notebook beside it."""
    try:
        return _page_with_outcome(_Notebook(), _outcome(path))
    except LabkitError as error:
        return _page_alone(_notebook_beside(path), _Notebook(), (Problem(path, str(error)),))


def _page_with_outcome(notebook: _Notebook, outcome: Outcome) -> Page:
    """Return the page of a notebook whose run left an outcome."""
    job = outcome.job
    return Page(
        lesson=job.lesson,
        title=job.title,
        status=outcome.status,
        path=notebook.path,
        words=job.words,
        command=job.command,
        sentence=sentence(outcome) if outcome.status in ("failed", "interrupted") else "",
        elapsed_s=outcome.elapsed_s,
        cpu_s=outcome.cpu_s,
        budget_s=job.budget_s,
        cells=f"{outcome.cell}/{outcome.cells}" if outcome.cells else "",
        started=outcome.started,
        at_once=outcome.at_once,
        profile=job.profile,
        edition=job.edition,
        failed_cell=notebook.failed_cell,
        error=notebook.error,
        events=notebook.events,
        problems=notebook.problems,
    )


def _page_alone(path: Path, notebook: _Notebook, problems: tuple[Problem, ...] = ()) -> Page:
    """Return the page of the notebook at *path* without an outcome, from what its own events say."""
    start = first(notebook.events, Start)
    finish = first(notebook.events, Finish)
    lesson = start.lesson if start else path.stem[:2]
    status = "failed" if notebook.error else "ok" if finish else "not finished"
    if not notebook.events and not notebook.error and (notebook.problems or problems):
        status = "unreadable"
    budget_s = finish.budget_s if finish and finish.budget_s is not None else start.budget_s if start else None
    return Page(
        lesson=lesson,
        title=start.title if start else path.stem[3:].replace("_", " "),
        status=status,
        path=notebook.path,
        command=_command(lesson, start),
        sentence=notebook.error.splitlines()[-1] if notebook.error else "",
        elapsed_s=finish.elapsed_s if finish else notebook.duration_s,
        cpu_s=finish.cpu_s if finish else None,
        budget_s=budget_s,
        started=start.date if start else "",
        profile=start.profile if start else "",
        edition=start.edition if start else "solved",
        failed_cell=notebook.failed_cell,
        error=notebook.error,
        events=notebook.events,
        problems=notebook.problems + problems,
    )


def _command(lesson: str, start: Start | None) -> str:
    """Return the command that runs a page again. A notebook's own words are quoted: readers copy this line."""
    words = ["labkit", "run", lesson]
    if start and start.profile != "full":
        words += ["--profile", start.profile]
    if start and start.edition == "student":
        words += ["--edition", "student"]
    return shlex.join(words)


def _notebook(path: Path) -> _Notebook:
    """Return the events and the failed cell of the notebook at *path*, or the reason why it cannot be read."""
    try:
        content = read_json(path)
    except LabkitError as error:
        return _Notebook(problems=(Problem(path, str(error)),))
    events, problems = page_events.read(content)
    plausible = []
    for event in events:
        problem = _implausible(event)
        if problem:
            problems.append(problem)
        else:
            plausible.append(event)
    try:
        cell, error_text = failure_of(content)
    except LabkitError:  # which is among the problems already
        cell, error_text = "", ""
    return _Notebook(path, cell, error_text, duration_of(content), tuple(plausible), tuple(_collected(path, problems)))


def _collected(path: Path, problems: Sequence[str]) -> list[Problem]:
    """Return *problems* with equal reasons in different cells joined, `_PROBLEMS` of them at most."""
    places: dict[str, list[str]] = {}
    for problem in problems:
        place, _, reason = problem.partition(": ") if problem.startswith("Cell ") else ("", "", problem)
        places.setdefault(reason, []).append(place)
    collected = []
    for reason, names in places.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        collected.append(Problem(path, f"{names[0]}{more}: {reason}" if names[0] else reason))
    if len(collected) > _PROBLEMS:
        rest = len(collected) - _PROBLEMS
        collected[_PROBLEMS:] = [Problem(path, f"{rest} more records cannot be read.")]
    return collected


def _implausible(event: Event) -> str:
    """Return a sentence on a value that no page measures, such as a negative size; empty when there is none."""
    numbers: dict[str, float | None] = {}
    positive: dict[str, float | None] = {}
    if isinstance(event, Measurement):
        shares = (event.accuracy_low, event.accuracy, event.accuracy_high)
        if not all(-1e-9 <= share <= 1 + 1e-9 for share in shares):
            return f"The measurement {event.name[:80]!r} has an accuracy that is not between 0 and 1."
        numbers = {
            "n": event.n,
            "nonzero": event.nonzero,
            "parameters": event.parameters,
            "macs": event.macs,
            "latency_low_ms": event.latency_low_ms,
            "latency_high_ms": event.latency_high_ms,
        }
        positive = {
            "bytes": event.bytes,
            "compressed_bytes": event.compressed_bytes,
            "latency_ms": event.latency_ms,
            "latency_ratio": event.latency_ratio,
        }
    elif isinstance(event, Start):
        positive = {"budget_s": event.budget_s}
    elif isinstance(event, Finish):
        numbers = {"elapsed_s": event.elapsed_s, "cpu_s": event.cpu_s}
        positive = {"budget_s": event.budget_s}
    for name, value in numbers.items():
        if value is not None and value < 0:
            return f"The field {name!r} of a {event.kind} event is negative."
    for name, value in positive.items():
        if value is not None and value <= 0:
            return f"The field {name!r} of a {event.kind} event is not positive."
    return ""


def _outcome(path: Path) -> Outcome:
    """Return the outcome at *path*; raises LabkitError when it cannot be read or has a value that no run writes."""
    check_regular(path)
    return outcome_of(path)


def first(events: Sequence[Event], kind: type[E]) -> E | None:
    """Return the first event of one kind, or None."""
    return next((event for event in events if isinstance(event, kind)), None)
