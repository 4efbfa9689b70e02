"""Write an HTML page beside each notebook that a run has executed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.base import files
from labkit.base.places import course
from labkit.runner.plan import Outcome

if TYPE_CHECKING:
    from labkit.report.notebook_page import About


def export(outcomes: Sequence[Outcome], runs: Path, report: Path) -> list[str]:
    """Write ``NN_name.html`` beside each notebook under *runs* that *outcomes* are of; *report* is the run's report.

    Returns a remark for each notebook that has no page. A page is a convenience: without it the run is as good.
    """
    ran = [one for one in outcomes if one.status != "not run" and one.job.paths(runs)[0].is_file()]
    if not ran:
        return []
    from labkit.report.notebook_page import Place, convert  # imports nbconvert, which takes 1.5 s

    origin = course() / "notebooks" / "solved"
    beside: dict[str, set[str]] = {}
    for outcome in ran:
        beside.setdefault(outcome.job.label, set()).add(outcome.job.name)
    remarks = []
    for outcome in ran:
        notebook = outcome.job.paths(runs)[0]
        page = notebook.with_suffix(".html")
        try:
            place = Place(page=page, report=report, origin=origin, siblings=beside[outcome.job.label])
            files.write(page, convert(notebook, place, _about(outcome)))
        except Exception as error:  # nbconvert and what it calls raise many kinds
            with suppress(OSError):
                page.unlink(missing_ok=True)
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            remarks.append(f"No HTML page of {notebook.name}: {reason}")
    return remarks


def _about(outcome: Outcome) -> About:
    """Return what stands above the page of *outcome*."""
    from labkit.report.notebook_page import About

    job = outcome.job
    facts = [("profile", job.profile), ("parameters", job.words or "defaults"), ("started", _minute(outcome.started))]
    facts.append(("result", "ok" if outcome.status == "ok" else "stopped by an error"))
    return About(f"{job.lesson} · {job.title}", facts, rough=job.profile == "fast" and not job.words)


def _minute(moment: str) -> str:
    """Return an ISO date and time without its seconds and zone."""
    return moment[:16].replace("T", " ")
