"""One notebook, in a process and a process group of its own: ``python -m labkit.runner.worker '{"job": …}'``.

It writes one JSON object per line to its standard output (kernel, cell, end, unwritable), takes SIGTERM as the wish to
stop, and ends with its kernel when its standard input closes: then the run that started it is gone.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.base import files
from labkit.base.clock import cpu_seconds
from labkit.base.errors import LabkitError
from labkit.learner import doctor
from labkit.runner.plan import Job, Outcome

if TYPE_CHECKING:
    from labkit.runner.engine import Execution

START_TIMEOUT_S = 60


def main(argument: str) -> int:
    """Execute the job described by *argument*; returns 0 when its outcome was written, whatever it is."""
    task = json.loads(argument)
    job = Job(**task["job"])
    folder = Path(task["folder"])
    # What libraries print must not come between the lines that the run reads.
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def send(event: str, **facts: Any) -> None:
        with suppress(OSError):  # nobody reads any more: the thread below ends this process
            channel.write(json.dumps({"event": event, **facts}) + "\n")
            channel.flush()

    try:
        outcome, text = _execute(job, Path(task["scratch"]), send, task["at_once"])
        notebook, _ = job.paths(folder)
        notebook.with_suffix(".html").unlink(missing_ok=True)  # the page of an older result
        if text:
            files.write(notebook, text)
        else:
            notebook.unlink(missing_ok=True)  # an older result must not pass for this one
        outcome.save(folder)
    except LabkitError as error:
        send("unwritable", message=str(error))
        return 1
    send("end", status=outcome.status)
    return 0


def _execute(job: Job, scratch: Path, send: Any, at_once: int) -> tuple[Outcome, str]:
    """Run the notebook; return its outcome and the executed notebook as text (empty when no kernel started)."""
    # Checkers for internationalized addresses: nbformat's validator loads them with a grammar that takes a second to
    # build, and no notebook has such a field.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    began = datetime.now().astimezone().isoformat(timespec="seconds")
    facts: dict[str, Any] = {"job": job, "started": began, "at_once": at_once}
    stop_requested = threading.Event()
    executions: list[Execution] = []

    def stop(*_: Any) -> None:
        stop_requested.set()
        for execution in executions:
            execution.stop("interrupted")

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=_when_stdin_closes, args=[stop], daemon=True).start()
    try:
        manager = _start_kernel(job.kernel, scratch)
    except Exception as error:  # whatever a kernelspec's command may raise
        return Outcome(status="failed", kind="start", message=_start_error(job.kernel, error), **facts), ""
    send("kernel", pid=manager.provisioner.pid)

    import papermill
    from papermill.execute import remove_error_markers

    from labkit.runner import engine

    execution = engine.Execution(manager, send, job.limit_s)
    executions.append(execution)
    if stop_requested.is_set():
        execution.stop("interrupted")
    try:
        papermill.execute_notebook(
            job.notebook.replace("{", "{{").replace("}", "}}"),  # papermill formats its paths
            None,
            parameters=job.parameters,
            engine_name=engine.NAME,
            kernel_name=job.kernel,
            language="python",
            progress_bar=False,
            start_timeout=START_TIMEOUT_S,
            execution=execution,
        )
    except papermill.PapermillExecutionError:
        pass  # the engine has noted it; raised, too, for a cell that is tagged as one that must raise
    except Exception as error:
        execution.fail("start", _start_error(job.kernel, error))
    execution.stop("")
    execution.cpu_s = max(execution.cpu_s, _ended_children_cpu_s(manager))
    notebook = execution.notebook
    if notebook is not None and not execution.kind:
        notebook.cells = remove_error_markers(notebook).cells
    outcome = Outcome(
        status={"": "ok", "interrupted": "interrupted"}.get(execution.kind, "failed"),
        kind=execution.kind,
        message=execution.message,
        cell=execution.cell,
        cells=execution.cells,
        elapsed_s=round(execution.elapsed_s, 3),
        cpu_s=round(execution.cpu_s, 3),
        **facts,
    )
    return outcome, _text(notebook, job, outcome)


def _text(notebook: Any, job: Job, outcome: Outcome) -> str:
    """Return the executed notebook in nbformat 4, with no path of this machine in it."""
    if notebook is None:
        return ""
    import nbformat

    notebook.metadata.papermill["input_path"] = notebook.metadata.papermill["output_path"] = f"{job.name}.ipynb"
    notebook.metadata["labkit_run"] = {"status": outcome.status, "kind": outcome.kind, "profile": job.profile}
    text: str = nbformat.writes(notebook)
    return text + "\n"


def _start_kernel(name: str, folder: Path) -> Any:
    """Return the manager of a kernel that was started and is not yet waited for.

    Its messages are encrypted where ZeroMQ can and the kernel says that it can; ipykernel warns where they are not.
    """
    import zmq
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_core.utils import run_sync

    encryption = "auto" if zmq.has("curve") else "disabled"
    manager = AsyncKernelManager(kernel_name=name, transport_encryption=encryption)
    run_sync(manager.start_kernel)(
        cwd=str(folder), stdout=subprocess.DEVNULL, extra_arguments=["--HistoryManager.hist_file=:memory:"]
    )
    return manager


def _when_stdin_closes(stop: Any) -> None:
    """Call *stop* when the other end is gone. Raw reads: a thread inside a buffered one would block the exit."""
    with suppress(OSError):
        while os.read(0, 1024):
            pass
    stop()


def _ended_children_cpu_s(manager: Any) -> float:
    """Return the processor time of this process's ended children: the kernel's, once it has been waited for.

    It counts the kernel of a notebook that was killed by the system too, whose own figure is gone with it.
    """
    process = getattr(manager.provisioner, "process", None)
    if process is not None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
    return cpu_seconds() - time.process_time()


def _start_error(kernel: str, error: BaseException) -> str:
    """Return why *kernel* did not start or answer: what the doctor finds wrong with it, else the error's first line."""
    problems = [finding for finding in doctor.kernel(kernel) if not finding.ok]
    if problems:
        return f"{problems[0].what}: {problems[0].remedy}"
    return f"kernel {kernel}: {_line(error)}"


def _line(error: BaseException) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
