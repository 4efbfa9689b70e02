"""A notebook's own process, seen from the run that started it; and how to end a process with all that it started."""

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

from labkit.base import files
from labkit.base.places import course
from labkit.runner.plan import Job

Heard = queue.Queue["tuple[Worker, dict[str, Any] | None]"]  # what workers tell; None: it has ended
GRACE_S = 8.0  # what a stopped notebook gets to write what it has
START_S = 120.0  # what a kernel may take to start, beyond which its worker is ended


def end_group(pid: int) -> None:
    """Kill the process *pid* and, where there are process groups, everything it has started."""
    with suppress(OSError):  # it has ended already
        if hasattr(os, "killpg"):
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGTERM)


class Worker:
    """A notebook under way, as the run sees it."""

    def __init__(self, job: Job, folder: Path, at_once: int, heard: Heard) -> None:
        self.job, self.cell, self.cells, self.kernel = job, 0, 0, 0
        self.launched = time.monotonic()
        self.began: float | None = None
        self.ended = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the worker)
        scratch = make_scratch(job, folder)
        task = {"job": asdict(job), "folder": str(folder), "scratch": str(scratch), "at_once": at_once}
        group: dict[str, Any] = (
            {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined,unused-ignore]
            if sys.platform == "win32"
            else {"process_group": 0}  # so that Ctrl-C reaches this process alone, which then stops them in order
        )
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "labkit.runner.worker", json.dumps(task)],
            stdin=subprocess.PIPE,  # closes with this process, however that ends: the worker then ends too
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_environment(job, scratch),
            cwd=scratch,
            **group,
        )
        threading.Thread(target=self._listen, args=[heard], daemon=True).start()

    def _listen(self, heard: Heard) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with suppress(ValueError):
                heard.put((self, json.loads(line)))
        self.process.wait()
        heard.put((self, None))

    def note(self, event: dict[str, Any]) -> None:
        """Take in what the worker tells."""
        if event["event"] == "kernel":
            self.kernel = event["pid"]
        elif event["event"] == "cell":
            self.cell, self.cells = event["cell"], event["cells"]
            self.began = self.began or time.monotonic()
        elif event["event"] == "end":
            self.ended = True

    @property
    def overdue(self) -> bool:
        """Whether even the worker, which ends its notebook by itself, has not ended in time."""
        since, allowed = (
            (self.launched, START_S) if self.began is None else (self.began, self.job.limit_s + GRACE_S * 2)
        )
        return time.monotonic() - since > allowed

    def stop(self) -> None:
        """Ask the worker to end its kernel and to write what it has."""
        self.process.terminate()

    def kill(self) -> None:
        """End the worker, its kernel and all that they started; nothing is written."""
        end_group(self.process.pid)
        if self.kernel:
            end_group(self.kernel)

    def close(self) -> str:
        """Let go of its streams; returns the last lines that it wrote to its standard error."""
        for stream in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                if stream is not None:
                    stream.close()
        self._errors.seek(0)
        text = self._errors.read().decode(errors="replace").strip()
        self._errors.close()
        return "\n".join(text.splitlines()[-3:])


def make_scratch(job: Job, folder: Path) -> Path:
    """An empty folder for what the notebook writes: its working directory and its ``lab.folder``."""
    scratch = folder / job.label / "files" / job.name
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise files.explain(error, scratch) from error
    return scratch


def sweep(job: Job, folder: Path) -> None:
    """Remove the scratch folder where the notebook has left nothing in it."""
    scratch = folder / job.label / "files" / job.name
    shutil.rmtree(scratch / ".state", ignore_errors=True)
    for place in (scratch, scratch.parent):
        with suppress(OSError):
            place.rmdir()


def _environment(job: Job, scratch: Path) -> dict[str, str]:
    """The kernel's variables: a run neither writes into the learner's own records nor litters the course."""
    return {
        **os.environ,
        "LABKIT_HOME": str(course()),
        "LABKIT_PROFILE": job.profile,
        "LABKIT_EDITION": job.edition,
        "LABKIT_FILES": str(scratch),
        "LABKIT_STATE": str(scratch / ".state"),
    }
