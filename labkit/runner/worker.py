"""One notebook, in a process and a process group of its own: ``python -m labkit.runner.worker '{"job": …}'``.

It writes one JSON object a line to its standard output (kernel, cell, end, unwritable), takes SIGTERM as the wish to
stop, and ends with its kernel when its standard input closes: then the run that started it is gone.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.base import files
from labkit.base.errors import LabkitError
from labkit.runner.plan import Job, Outcome

if TYPE_CHECKING:
    from labkit.runner.engine import Execution

START_TIMEOUT_S = 60


def main(argument: str) -> int:
    """Execute the job described by *argument*; returns 0 when its outcome was written, whatever it is."""
    task = json.loads(argument)
    job, folder, at_once = Job(**task["job"]), Path(task["folder"]), task["at_once"]
    # What libraries print must not come between the lines that the run reads.
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def tell(event: str, **facts: Any) -> None:
        with suppress(OSError):  # nobody listens any more: the watch below ends this process
            channel.write(json.dumps({"event": event, **facts}) + "\n")
            channel.flush()

    try:
        outcome, text = _execute(job, Path(task["scratch"]), tell, at_once)
        notebook, _ = job.paths(folder)
        if text:
            files.write(notebook, text)
        else:
            notebook.unlink(missing_ok=True)  # an older result must not pass for this one
        outcome.save(folder)
    except LabkitError as error:
        tell("unwritable", message=str(error))
        return 1
    tell("end", status=outcome.status)
    return 0


def _execute(job: Job, scratch: Path, tell: Any, at_once: int) -> tuple[Outcome, str]:
    """Run the notebook; its outcome, and the executed notebook as text (empty when no kernel started)."""
    # Checkers for internationalized addresses: nbformat's validator loads them with a grammar that takes a second to
    # build, and no notebook has such a field.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    began = datetime.now().astimezone().isoformat(timespec="seconds")
    facts: dict[str, Any] = {"job": job, "started": began, "at_once": at_once}
    stopped = threading.Event()
    executions: list[Execution] = []

    def stop(*_: Any) -> None:
        stopped.set()
        for execution in executions:
            execution.stop("interrupted")

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=_when_stdin_closes, args=[stop], daemon=True).start()
    try:
        manager = _start_kernel(job.kernel, scratch)
    except Exception as error:  # whatever a kernelspec's command may raise
        return Outcome(status="failed", kind="start", message=f"kernel {job.kernel}: {_line(error)}", **facts), ""
    tell("kernel", pid=manager.provisioner.pid)

    import papermill
    from papermill.execute import remove_error_markers

    from labkit.runner import engine

    execution = engine.Execution(manager, tell, job.limit_s)
    executions.append(execution)
    if stopped.is_set():
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
        execution.fail("start", f"kernel {job.kernel}: {_line(error)}")
    execution.stop("")
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
        **facts,
    )
    return outcome, _text(notebook, job, outcome)


def _text(notebook: Any, job: Job, outcome: Outcome) -> str:
    """The executed notebook in nbformat 4, with no path of this machine in it."""
    if notebook is None:
        return ""
    import nbformat

    notebook.metadata.papermill["input_path"] = notebook.metadata.papermill["output_path"] = f"{job.name}.ipynb"
    notebook.metadata["labkit_run"] = {"status": outcome.status, "kind": outcome.kind, "profile": job.profile}
    text: str = nbformat.writes(notebook)
    return text + "\n"


def _start_kernel(name: str, folder: Path) -> Any:
    """A started kernel's manager; the kernel is not waited for."""
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_core.utils import run_sync

    manager = AsyncKernelManager(kernel_name=name)
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


def _line(error: BaseException) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
