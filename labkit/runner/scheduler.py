"""Execute jobs: a process a notebook, some at a time, each in its own process group; none outlives the run."""

from __future__ import annotations

import json
import queue
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labkit.base import files
from labkit.base.errors import LabkitError
from labkit.runner.display import Live
from labkit.runner.plan import Job, Outcome, read_outcome
from labkit.runner.process import GRACE_S, Heard, Worker, sweep

LOCK = ".lock"
ASKED = "plan.json"  # what the last run was asked for


@dataclass
class Result:
    """What a run came to: an outcome for every job, in order, and whether the reader stopped it."""

    outcomes: list[Outcome] = field(default_factory=list)
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """0 when everything ran, 1 when something failed, 130 when stopped."""
        return 130 if self.interrupted else int(any(one.status != "ok" for one in self.outcomes))


def execute(
    jobs: Sequence[Job],
    folder: Path,
    *,
    at_once: int = 1,
    resume: bool = False,
    live: Live | None = None,
    asked: Mapping[str, Any] | None = None,
) -> Result:
    """Execute *jobs* into *folder*, *at_once* at a time; each leaves its notebook and ``NN_name.run.json`` there.

    With *resume*, a job whose outcome there is ok and has the same key is not run again. Ctrl-C (and SIGTERM) ends
    every kernel and returns what was finished. *asked* is written down, for a bare ``--resume``. Raises LabkitError
    when *folder* cannot be written to, or when another run is using it.
    """
    with alone(folder), _terminated_as_interrupt():
        if asked is not None:
            files.write(folder / ASKED, json.dumps(asked, indent=1) + "\n")
        run = _Run(folder, at_once, live or Live())
        if resume:
            finished = ((job.place, _finished(job, folder)) for job in jobs)
            run.done = {place: outcome for place, outcome in finished if outcome is not None}
        interrupted = run.work([job for job in jobs if job.place not in run.done])
    outcomes = [run.done.get(job.place) or Outcome(job, "not run", "not run", at_once=at_once) for job in jobs]
    return Result(outcomes, interrupted)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold *folder*, made if need be, against a second run; LabkitError when it is held or cannot be written to."""
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK, timeout=0)
        lock.acquire()
    except Timeout:
        raise LabkitError(
            f"Another run is using {folder}: wait for its end, or give this one a folder of its own with -o FOLDER."
        ) from None
    except OSError as error:
        raise files.explain(error, folder) from error
    try:
        yield
    finally:
        lock.release()


class _Run:
    """The loop of one run: what is under way, and what is done (by the job's place)."""

    def __init__(self, folder: Path, at_once: int, live: Live) -> None:
        self.folder, self.at_once, self.live = folder, at_once, live
        self.heard: Heard = queue.Queue()
        self.waiting: list[Job] = []
        self.running: list[Worker] = []
        self.done: dict[str, Outcome] = {}

    def work(self, waiting: list[Job]) -> bool:
        """Run all of *waiting*; whether the reader stopped it. No process is left, however it ends."""
        self.waiting = waiting
        try:
            while self.waiting or self.running:
                # The next starts once those before are at their first cell: two that start side by side start late.
                while self.waiting and len(self.running) < self.at_once and all(one.began for one in self.running):
                    self.live.started(self.waiting[0])
                    self.running.append(Worker(self.waiting.pop(0), self.folder, self.at_once, self.heard))
                self._hear()
                self.live.draw(self.running)
                for one in self.running:
                    if one.overdue:
                        one.kill()
            return False
        except KeyboardInterrupt:
            self.live.say("Stopping: ending the kernels and keeping what is finished …")
            return True
        finally:
            with _deaf_to_interrupts():
                self._stop_all()

    def _hear(self) -> None:
        """Take in one message, if one comes within a quarter of a second."""
        try:
            worker, event = self.heard.get(timeout=0.25)
        except queue.Empty:
            return
        if event is None:
            self._close(worker)
        elif event["event"] == "unwritable":
            raise LabkitError(event["message"])
        else:
            worker.note(event)

    def _close(self, worker: Worker) -> None:
        """Note the outcome of a worker that has ended."""
        self.running.remove(worker)
        notebook, path = worker.job.paths(self.folder)
        outcome = read_outcome(path) if worker.ended else None
        errors = worker.close()
        if outcome is None:
            worker.kill()
            outcome = _lost(worker, errors, self.at_once)
            notebook.unlink(missing_ok=True)  # an older result must not pass for this one
            outcome.save(self.folder)
        self.done[worker.job.place] = outcome
        sweep(worker.job, self.folder)
        self.live.ended(outcome)

    def _stop_all(self) -> None:
        """End every notebook that is under way, and wait until none is left."""
        for one in self.running:
            one.stop()
        deadline = time.monotonic() + GRACE_S
        while self.running:
            if time.monotonic() > deadline:
                for one in self.running:
                    one.kill()
            with suppress(LabkitError, OSError):  # the folder is full, or the reader's terminal is gone: said once
                self._hear()


def _lost(worker: Worker, errors: str, at_once: int) -> Outcome:
    """The outcome of a worker that ended without a word."""
    code = worker.process.returncode
    stopped = code is not None and code == -signal.SIGTERM
    last = errors.splitlines()[-1] if errors else ""
    return Outcome(
        worker.job,
        "interrupted" if stopped else "failed",
        "interrupted" if stopped else "lost",
        f"the process that runs the notebook ended with code {code}" + (f": {last}" if last else ""),
        worker.cell,
        worker.cells,
        0.0 if worker.began is None else round(time.monotonic() - worker.began, 3),
        at_once=at_once,
    )


def _finished(job: Job, folder: Path) -> Outcome | None:
    """The outcome in *folder* that this very job has left there, if it went well."""
    notebook, path = job.paths(folder)
    outcome = read_outcome(path)
    good = outcome is not None and outcome.status == "ok" and outcome.job.key == job.key and notebook.is_file()
    return outcome if good else None


@contextmanager
def _terminated_as_interrupt() -> Iterator[None]:
    """Within, SIGTERM means what Ctrl-C means."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Within, a second Ctrl-C does not cut the tidying short: it takes seconds, and is bounded."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
