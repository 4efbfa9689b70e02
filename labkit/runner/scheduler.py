"""Run jobs in parallel, one process per notebook, each in its own process group; none outlives the run."""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from labkit.base import files
from labkit.base.errors import LabkitError
from labkit.runner.display import Live
from labkit.runner.plan import Job, Outcome, RunRequest, read_outcome
from labkit.runner.process import GRACE_S, Messages, NotebookProcess, sweep

LOCK = ".lock"


@dataclass
class Result:
    """The result of a run: an outcome for every job, in order, and whether the reader stopped it."""

    outcomes: list[Outcome] = field(default_factory=list)
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """Return 0 when everything ran, 1 when something failed, 130 when stopped."""
        return 130 if self.interrupted else int(any(one.status != "ok" for one in self.outcomes))


def execute(
    jobs: Sequence[Job],
    folder: Path,
    *,
    at_once: int = 1,
    resume: bool = False,
    live: Live | None = None,
    request: RunRequest | None = None,
) -> Result:
    """Execute *jobs* into *folder*, *at_once* at a time; each leaves its notebook and ``NN_name.run.json`` there.

    With *resume*, a job whose outcome there is ok and has the same key is not run again. Ctrl-C (and SIGTERM) ends
    every kernel and returns what was finished. *request* is written down, for a bare ``--resume``. Raises LabkitError
    when *folder* cannot be written to, or when another run is using it.
    """
    with alone(folder), _terminated_as_interrupt():
        if request is not None:
            request.save(folder)
        run = _Run(folder, at_once, live or Live())
        if resume:
            finished = ((job.place, _finished(job, folder)) for job in jobs)
            run.done = {place: outcome for place, outcome in finished if outcome is not None}
        interrupted = run.work([job for job in jobs if job.place not in run.done])
    outcomes = [run.done.get(job.place) or Outcome(job, "not run", "not run", at_once=at_once) for job in jobs]
    return Result(outcomes, interrupted)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Lock *folder* (created if needed) against a second run; LabkitError if it is locked or not writable."""
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK, timeout=0)
        lock.acquire()
    except Timeout:
        raise LabkitError(
            f"Another run is using {folder}: wait for its end, or give this run another folder with -o FOLDER."
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
        self.folder = folder
        self.at_once = at_once
        self.live = live
        self.messages: Messages = queue.Queue()
        self.waiting: list[Job] = []
        self.running: list[NotebookProcess] = []
        self.done: dict[str, Outcome] = {}

    def work(self, waiting: list[Job]) -> bool:
        """Run all of *waiting*; return whether the reader stopped it. No process is left, however it ends."""
        self.waiting = waiting
        try:
            while self.waiting or self.running:
                # The next starts once those before are at their first cell: two that start side by side start late.
                while self.waiting and len(self.running) < self.at_once and all(one.began for one in self.running):
                    self._start(self.waiting.pop(0))
                self._receive()
                self.live.draw(self.running)
                for one in self.running:
                    if one.overdue:
                        one.kill()
            return False
        except KeyboardInterrupt:
            self.live.say("Stopping: ending the kernels and keeping what is finished …")
            return True
        finally:
            with _interrupts_ignored():
                self._stop_all()

    def _start(self, job: Job) -> None:
        self.live.started(job)
        self.running.append(NotebookProcess(job, self.folder, self.at_once, self.messages))

    def _receive(self) -> None:
        """Receive one message, if one comes within a quarter of a second."""
        try:
            process, message = self.messages.get(timeout=0.25)
        except queue.Empty:
            return
        if message is None:
            self._close(process)
        else:
            process.note(message)

    def _close(self, process: NotebookProcess) -> None:
        """Note the outcome of a process that has ended; raises LabkitError when its results could not be written."""
        self.running.remove(process)
        notebook, path = process.job.paths(self.folder)
        outcome = read_outcome(path) if process.complete else None
        last_line = process.close()
        if outcome is None:
            process.kill()
            outcome = _lost(process, last_line, self.at_once)
        self.done[process.job.place] = outcome
        sweep(process.job, self.folder)
        self.live.ended(outcome)
        if not process.complete:
            with suppress(OSError):  # an older result must not pass for this one
                notebook.unlink(missing_ok=True)
            with suppress(LabkitError) if process.write_error else nullcontext():
                outcome.save(self.folder)
        if process.write_error:
            raise LabkitError(process.write_error)

    def _stop_all(self) -> None:
        """End every notebook that is under way, and wait until none is left."""
        for one in self.running:
            one.stop()
        deadline = time.monotonic() + GRACE_S
        while self.running:
            if time.monotonic() > deadline:
                for one in self.running:
                    one.kill()
            with suppress(LabkitError, OSError):  # the folder is full, or the terminal is gone: reported once
                self._receive()


def _lost(process: NotebookProcess, last_line: str, at_once: int) -> Outcome:
    """Return the outcome of a notebook whose worker has left none: it could not write it, or it was killed."""
    code = process.process.returncode
    outcome = Outcome(
        process.job,
        "failed",
        cell=process.cell,
        cells=process.cells,
        elapsed_s=0.0 if process.began is None else round(time.monotonic() - process.began, 3),
        at_once=at_once,
    )
    if process.write_error:
        return replace(outcome, kind="unwritable", message=process.write_error)
    message = f"the process that runs the notebook ended with code {code}"
    if code == -signal.SIGTERM:
        return replace(outcome, status="interrupted", kind="interrupted", message=message)
    if code and code > 0 and last_line:  # Python's own end; a process that was killed wrote nothing of it
        message = f"{message}: {last_line}"
    return replace(outcome, kind="lost", message=message)


def _finished(job: Job, folder: Path) -> Outcome | None:
    """Return the outcome in *folder* that this very job has left there, if it went well."""
    notebook, path = job.paths(folder)
    outcome = read_outcome(path)
    good = outcome is not None and outcome.status == "ok" and outcome.job.key == job.key and notebook.is_file()
    return replace(outcome, job=job) if good and outcome is not None else None


@contextmanager
def _terminated_as_interrupt() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C within the block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ignore Ctrl-C and SIGTERM within the block: the tidying takes seconds, and is bounded."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
