"""Control a notebook's process from the run that started it: stop and measure its process group."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labkit.base import files, settings
from labkit.base.places import course
from labkit.runner.plan import Job

Messages = queue.Queue["tuple[NotebookProcess, dict[str, Any] | None]"]  # from workers; None: its process has ended
GRACE_S = 8.0  # what a stopped notebook gets to write what it has
START_S = 120.0  # what a kernel may take to start, beyond which its worker is ended


def end_group(pid: int) -> None:
    """Kill the process *pid* and, where there are process groups, everything it has started."""
    with suppress(OSError):  # it has ended already
        if hasattr(os, "killpg"):
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGTERM)


def group_cpu_seconds(pid: int) -> float:
    """Return the processor time that the process *pid* and its children have taken so far; 0 when it has ended.

    Children count while they run, and when they have ended and their parent has waited for them.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        members = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0.0
    seconds = 0.0
    for member in members:
        with suppress(psutil.Error):  # it has ended in between
            times = member.cpu_times()
            seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


class NotebookProcess:
    """A notebook under way: the handle that a run has on the worker process which executes it."""

    def __init__(self, job: Job, folder: Path, at_once: int, messages: Messages) -> None:
        self.job = job
        self.cell = 0
        self.cells = 0
        self.kernel = 0
        self.launched = time.monotonic()
        self.began: float | None = None
        self.complete = False
        self.write_error = ""
        scratch = make_scratch(job, folder)
        task = {"job": asdict(job), "folder": str(folder), "scratch": str(scratch), "at_once": at_once}
        group: dict[str, Any] = (
            {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined,unused-ignore]
            if sys.platform == "win32"
            else {"process_group": 0}  # so that Ctrl-C reaches this process alone, which then stops them in order
        )
        try:
            self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the worker)
        except OSError as error:
            raise files.explain(error, "a temporary file") from error
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "labkit.runner.worker", json.dumps(task)],
            stdin=subprocess.PIPE,  # closes with this process, however that ends: the worker then ends too
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=environment(job, scratch),
            cwd=scratch,
            **group,
        )
        threading.Thread(target=self._listen, args=[messages], daemon=True).start()

    def _listen(self, messages: Messages) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with suppress(ValueError):
                messages.put((self, json.loads(line)))
        self.process.wait()
        messages.put((self, None))

    def note(self, message: dict[str, Any]) -> None:
        """Process one message of the worker."""
        if message["event"] == "kernel":
            self.kernel = message["pid"]
        elif message["event"] == "cell":
            self.cell = message["cell"]
            self.cells = message["cells"]
            self.began = self.began or time.monotonic()
        elif message["event"] == "unwritable":
            self.write_error = message["message"]
        elif message["event"] == "end":
            self.complete = True

    @property
    def cpu_s(self) -> float:
        """Return the processor time that the kernel has taken so far, in seconds."""
        return group_cpu_seconds(self.kernel) if self.kernel else 0.0

    @property
    def overdue(self) -> bool:
        """Return whether the worker, which ends its notebook by itself, has missed its own end."""
        if self.began is None:
            return time.monotonic() - self.launched > START_S
        return time.monotonic() - self.began > self.job.limit_s + GRACE_S * 2

    def stop(self) -> None:
        """Signal the worker to end its kernel and to write its results so far."""
        self.process.terminate()

    def kill(self) -> None:
        """End the worker, its kernel and all that they started; nothing is written."""
        end_group(self.process.pid)
        if self.kernel:
            end_group(self.kernel)

    def close(self) -> str:
        """Close its streams and return the last line that it wrote to its standard error."""
        for stream in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                if stream is not None:
                    stream.close()
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        self._stderr.close()
        return lines[-1] if lines else ""


def make_scratch(job: Job, folder: Path) -> Path:
    """Return the empty folder for what the notebook writes, made anew; raises LabkitError when that fails."""
    scratch = job.scratch(folder)
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise files.explain(error, scratch) from error
    return scratch


def sweep(job: Job, folder: Path) -> None:
    """Remove the scratch folder where the notebook has left nothing in it."""
    scratch = job.scratch(folder)
    shutil.rmtree(scratch / ".state", ignore_errors=True)
    for place in (scratch, scratch.parent):
        with suppress(OSError):
            place.rmdir()


def environment(job: Job, scratch: Path) -> dict[str, str]:
    """Return the variables of a notebook's process, whoever runs it: `labkit run`, `labkit build` or a test.

    A run neither writes into the learner's own records nor litters the course.
    """
    return {
        **os.environ,
        settings.HOME.name: str(course()),
        settings.PROFILE.name: job.profile,
        settings.EDITION.name: job.edition,
        settings.FILES.name: str(scratch),
        settings.STATE.name: str(scratch / ".state"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # Python 3.11 and later would warn of frozen modules at a kernel's start
    }
