"""The display of a run. On a terminal: one line per running lesson, redrawn. Otherwise: a line at start and end."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Container, Iterable, Sequence
from typing import Protocol, TextIO

from labkit.runner.plan import Job, Outcome
from labkit.session.claim import quantity
from labkit.session.events import Claim, Event

SIGNS = {"ok": "ok", "failed": "FAILED", "interrupted": "stopped", "not run": "not run"}


class Running(Protocol):
    """The facts that the display reads of a lesson under way."""

    job: Job
    cell: int
    cells: int
    began: float | None

    @property
    def cpu_s(self) -> float:
        """Return the processor time taken so far, in seconds."""
        ...


class Live:
    """The display of one run on *stream*; it redraws itself only where that is a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self.redraws = self.stream.isatty()
        self._drawn = 0

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self._clear()
        print(text, file=self.stream, flush=True)

    def started(self, job: Job) -> None:
        """Say that *job* starts."""
        if not self.redraws:
            self.say(f"start    {describe(job)}")

    def ended(self, outcome: Outcome) -> None:
        """Say how a job ended."""
        over = " (over its budget)" if outcome.over_budget and outcome.status == "ok" else ""
        why = f": {sentence(outcome)}" if outcome.status == "failed" else ""
        self.say(f"{SIGNS[outcome.status]:<8} {describe(outcome.job)}  {_times(outcome)}{over}{why}")

    def draw(self, running: Iterable[Running]) -> None:
        """Redraw the lines of the lessons under way."""
        if not self.redraws:
            return
        width = shutil.get_terminal_size().columns - 1
        lines = [_line(one)[:width] for one in running]
        self._clear()
        self.stream.write("".join(f"{line}\n" for line in lines))
        self.stream.flush()
        self._drawn = len(lines)

    def _clear(self) -> None:
        if self._drawn:
            self.stream.write(f"\x1b[{self._drawn}A\x1b[J")
            self._drawn = 0


def describe(job: Job) -> str:
    """Return a job in a few words."""
    return f"{job.lesson} {job.title}" + (f" ({job.words})" if job.words else "")


def sentence(outcome: Outcome) -> str:
    """Return why a job failed, with the cell, in one line."""
    first = outcome.message.strip().splitlines()[0] if outcome.message.strip() else outcome.kind
    first = first if len(first) <= 300 else f"{first[:300]} …"
    return f"cell {outcome.cell} of {outcome.cells}: {first}" if outcome.cell else first


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the table that a run ends with, and its summary line."""
    heads = ("lesson", "parameters", "profile", "result", "cells", "seconds", "processor s", "budget")
    rows = [
        (
            f"{one.job.lesson} {one.job.title}",
            one.job.words or "defaults",
            one.job.profile,
            SIGNS[one.status] + (", over budget" if one.over_budget and one.status == "ok" else ""),
            f"{one.cell}/{one.cells}" if one.cells else "",
            f"{one.elapsed_s:.1f}" if one.elapsed_s else "",
            f"{one.cpu_s:.1f}" if one.cpu_s else "",
            "" if one.job.budget_s is None else f"{one.job.budget_s:g}",
        )
        for one in outcomes
    ]
    return f"{_aligned((heads, *rows), right={4, 5, 6, 7})}\n{summary(outcomes)}"


def claims(events: Iterable[Event]) -> str:
    """Return the claims among the events of one page as a table; empty when it claimed nothing."""
    heads = ("result", "claim", "measured", "required")
    rows = [
        (
            "shown, would not hold" if one.status == "shown" and not one.held else one.status,
            one.text,
            " ± ".join(quantity(value, one.unit) for value in (one.value, one.spread) if value is not None),
            one.relation,
        )
        for one in events
        if isinstance(one, Claim)
    ]
    return _aligned((heads, *rows), right={2}) if rows else ""


def _aligned(rows: Sequence[Sequence[str]], right: Container[int]) -> str:
    """Return *rows*, the heads first, in columns as wide as they need, with a line below the heads."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            f"{cell:>{n}}" if i in right else f"{cell:<{n}}"
            for i, (cell, n) in enumerate(zip(row, widths, strict=True))
        )
        for row in (rows[0], ["─" * n for n in widths], *rows[1:])
    ]
    return "\n".join(line.rstrip() for line in lines)


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return ``4 notebooks: 3 ok, 1 failed``."""
    counts = {status: sum(one.status == status for one in outcomes) for status in SIGNS}
    parts = ", ".join(f"{n} {SIGNS[status].lower()}" for status, n in counts.items() if n)
    return f"{len(outcomes)} notebook{'s' if len(outcomes) != 1 else ''}: {parts or 'nothing ran'}"


def _line(one: Running) -> str:
    seconds = 0.0 if one.began is None else time.monotonic() - one.began
    cpu_s = one.cpu_s
    over = "  over its budget" if one.job.budget_s is not None and cpu_s > one.job.budget_s else ""
    where = f"cell {one.cell}/{one.cells}" if one.cells else "starting"
    return f"running  {describe(one.job)}  {where}  {seconds:.0f} s, {_processor(cpu_s, one.job)}{over}"


def _times(outcome: Outcome) -> str:
    """Return ``12.3 s, 8.1 s of 20 s on the processor``."""
    return f"{outcome.elapsed_s:.1f} s, {_processor(outcome.cpu_s, outcome.job)}"


def _processor(cpu_s: float, job: Job) -> str:
    budget = "" if job.budget_s is None else f" of {job.budget_s:g} s"
    return f"{cpu_s:.1f} s{budget} on the processor"
