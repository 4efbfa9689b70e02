"""What the report knows of each page: from its executed notebook, and the outcome that its run left beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labkit.base.errors import LabkitError
from labkit.runner.display import sentence
from labkit.runner.plan import Outcome, read_outcome
from labkit.session.events import Claim, read

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_LINES = 40  # of an error's text: the end of it is what helps


@dataclass(frozen=True)
class Page:
    """One executed notebook. ``failed_cell`` is the source of the cell that failed, ``error`` what it said."""

    lesson: str
    title: str
    status: str
    path: Path | None = None
    words: str = ""
    command: str = ""
    sentence: str = ""
    elapsed_s: float = 0.0
    budget_s: float | None = None
    cells: str = ""
    started: str = ""
    at_once: int = 1
    profile: str = ""
    edition: str = ""
    failed_cell: str = ""
    error: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def heading(self) -> str:
        """``31 · Magnitude pruning``."""
        return f"{self.lesson} · {self.title}" if self.title else self.lesson

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """Its events of one kind, in order."""
        return [event for event in self.events if event.get("kind") == kind]

    @property
    def start(self) -> dict[str, Any]:
        """What it told at its start; empty when it did not come so far."""
        return next(iter(self.of_kind("start")), {})

    @property
    def over_budget(self) -> bool:
        """Whether it took longer than its budget."""
        return self.budget_s is not None and self.elapsed_s > self.budget_s


def events(notebook: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a notebook's events by field name, a claim's with its status."""
    return [
        event.to_dict() | ({"status": event.status} if isinstance(event, Claim) else {}) for event in read(notebook)[0]
    ]


def pages_of(outcomes: Iterable[Outcome], runs: Path) -> list[Page]:
    """The pages of one run; those that did not run have no notebook and no events."""
    return [_page(None if one.status == "not run" else one.job.paths(runs)[0], one) for one in outcomes]


def pages_in(folders: Iterable[Path]) -> list[Page]:
    """Every executed notebook under *folders*, in the order of the lessons; LabkitError when there is none."""
    folders = list(folders)
    for folder in folders:
        if not folder.is_dir():
            raise LabkitError(f"There is no folder {folder}: run lessons first with 'labkit run'.")
    found = [path for folder in folders for path in sorted(folder.rglob("[0-9][0-9]_*.run.json"))]
    notebooks = [path for folder in folders for path in sorted(folder.rglob("[0-9][0-9]_*.ipynb"))]
    pages = []
    for path in notebooks:
        if ".ipynb_checkpoints" in path.parts or "files" in path.parts[:-1]:
            continue
        pages.append(_page(path, read_outcome(path.with_suffix(".run.json"))))
    for path in found:  # a notebook whose kernel never started has left its outcome alone
        outcome = read_outcome(path)
        if outcome is not None and not path.with_suffix("").with_suffix(".ipynb").exists():
            pages.append(_page(None, outcome))
    if not pages:
        raise LabkitError(
            f"No executed notebook in {', '.join(map(str, folders))}: run lessons first with 'labkit run'."
        )
    return sorted(pages, key=lambda page: (page.lesson, page.profile, page.words))


def _page(path: Path | None, outcome: Outcome | None) -> Page:
    notebook = _read(path)
    cell, error = _failure(notebook)
    facts: dict[str, Any] = {"failed_cell": cell, "error": error, "events": events(notebook)}
    facts["path"] = path if notebook else None
    if outcome is None:
        return _page_alone(path, notebook, facts)
    job = outcome.job
    return Page(
        lesson=job.lesson,
        title=job.title,
        status=outcome.status,
        words=job.words,
        command=job.command,
        sentence=sentence(outcome) if outcome.status in ("failed", "interrupted") else "",
        elapsed_s=outcome.elapsed_s,
        budget_s=job.budget_s,
        cells=f"{outcome.cell}/{outcome.cells}" if outcome.cells else "",
        started=outcome.started,
        at_once=outcome.at_once,
        profile=job.profile,
        edition=job.edition,
        **facts,
    )


def _page_alone(path: Path | None, notebook: Mapping[str, Any], facts: dict[str, Any]) -> Page:
    """A page from its notebook and nothing else."""
    name = path.stem if path else ""
    start: dict[str, Any] = next((event for event in facts["events"] if event.get("kind") == "start"), {})
    finish: dict[str, Any] = next((event for event in facts["events"] if event.get("kind") == "finish"), {})
    profile, edition = start.get("profile", ""), start.get("edition", "solved")
    flags = "" if profile in ("", "full") else f" --profile {profile}"
    flags += " --edition student" if edition == "student" else ""
    duration = notebook.get("metadata", {}).get("papermill", {}).get("duration")
    status = "failed" if facts["error"] else "ok" if finish else "not finished"
    return Page(
        lesson=start.get("lesson") or name[:2],
        title=start.get("title") or name[3:].replace("_", " "),
        status=status,
        command=f"labkit run {start.get('lesson') or name[:2]}{flags}",
        sentence=facts["error"].splitlines()[-1] if facts["error"] else "",
        elapsed_s=float(finish.get("elapsed_s") or duration or 0.0),
        budget_s=finish.get("budget_s") or start.get("budget_s"),
        started=str(start.get("date", "")),
        profile=profile,
        edition=edition,
        **facts,
    )


def _read(path: Path | None) -> dict[str, Any]:
    """The notebook at *path* as a dict; empty when there is none, or it cannot be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _failure(notebook: Mapping[str, Any]) -> tuple[str, str]:
    """The source and the error text of the cell that stopped the notebook; empty when none did."""
    for cell in notebook.get("cells", []):
        if "raises-exception" in cell.get("metadata", {}).get("tags", []):
            continue
        for output in cell.get("outputs", []):
            if output.get("output_type") == "error":
                trace = _ANSI.sub("", "\n".join(output.get("traceback", []))).strip()
                said = f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"
                lines = (trace if said.splitlines()[0] in trace else f"{trace}\n{said}".strip()).splitlines()
                cut = ["…"] if len(lines) > _LINES else []
                return "".join(cell.get("source", "")), "\n".join(cut + lines[-_LINES:])
    return "", ""
