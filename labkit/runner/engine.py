"""A papermill engine that reports each cell, and stops a notebook that takes too long or prints too much.

Imported by the worker alone: papermill takes most of a second.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat.v4 import new_output
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines

from labkit.runner.plan import OVERRUN
from labkit.runner.process import end_group, group_cpu_seconds

NAME = "labkit"
OUTPUT_LIMIT = 5_000_000  # bytes of output a notebook may leave; a page of figures takes a tenth
KEPT = 2_000  # characters kept of each printed stream of the cell that broke the limit
LONGEST_MESSAGE = 4_000  # characters of an error's text that the run's record keeps; the notebook has it all
REASONS = {
    "budget": (
        "BudgetExceeded",
        f"ended after {{limit:g}} s, the limit by the clock ({OVERRUN} times the budget), while this cell was running",
    ),
    "output": ("TooMuchOutput", "stopped: the notebook printed more than {megabytes:g} MB; print less in this cell"),
    "killed": ("KernelDied", "the kernel ended while this cell was running: killed, out of memory, or crashed"),
    "interrupted": ("Interrupted", "the run was stopped while this cell was running"),
}


class Execution:
    """One notebook under way: its kernel, its limits, and what stopped it (``kind``, empty while nothing did)."""

    def __init__(
        self, manager: Any, send: Callable[..., None], limit_s: float, output_limit: int = OUTPUT_LIMIT
    ) -> None:
        self.manager = manager
        self.send = send
        self.limit_s = limit_s
        self.output_limit = output_limit
        self.pid: int = manager.provisioner.pid
        self.notebook: Any = None
        self.kind = ""
        self.message = ""
        self.cell = 0
        self.cells = 0
        self.received = 0
        self.cpu_s = 0.0
        self.began: float | None = None
        self._ended: float | None = None

    @property
    def elapsed_s(self) -> float:
        """Return the seconds from the first cell's start to the last cell's end, or until now."""
        return 0.0 if self.began is None else (self._ended or time.monotonic()) - self.began

    def stop(self, kind: str) -> None:
        """End the kernel at once, from any thread; the first reason given stands."""
        self.kind = self.kind or kind
        self.measure()
        end_group(self.pid)

    def measure(self) -> None:
        """Note the processor time of the kernel and its children so far; a kernel that has ended changes nothing."""
        self.cpu_s = max(self.cpu_s, group_cpu_seconds(self.pid))

    def fail(self, kind: str, message: str) -> None:
        """Record the error that stopped the notebook."""
        self.kind = self.kind or kind
        self.message = message[:LONGEST_MESSAGE]

    def end(self) -> None:
        """Stop the clock."""
        self._ended = self._ended or time.monotonic()


class Client(PapermillNotebookClient):
    """Executes the cells on a kernel that was started before, so that it starts while papermill is imported."""

    execution: Execution

    def execute(self, **_: Any) -> Any:
        """Execute every cell up to the first failure; the kernel has ended when this returns."""
        execution = self.execution
        self.reset_execution_trackers()
        deadline = threading.Timer(execution.limit_s, execution.stop, ["budget"])
        deadline.daemon = True
        try:
            self.start_new_kernel_client()
            execution.began = time.monotonic()
            deadline.start()
            self._execute_cells()
        finally:
            deadline.cancel()
            execution.end()
            execution.measure()
            if not execution.kind and self.km is not None:
                self._cleanup_kernel()  # politely, so that the notebook's own clean-up at exit runs
            execution.stop("")
        return self.nb

    def _execute_cells(self) -> None:
        execution = self.execution
        execution.cells = sum(cell.cell_type == "code" for cell in self.nb.cells)
        for index, cell in enumerate(self.nb.cells):
            if cell.cell_type != "code":
                self.nb_man.cell_start(cell, index)
                self.nb_man.cell_complete(cell, index)
                continue
            execution.cell += 1
            execution.send("cell", cell=execution.cell, cells=execution.cells)
            try:
                self.nb_man.cell_start(cell, index)
                self.execute_cell(cell, index)
            except CellExecutionError as error:
                if not execution.kind:
                    execution.fail("error", f"{error.ename}: {error.evalue}")
            except DeadKernelError:
                execution.kind = execution.kind or "killed"
            finally:
                if execution.kind:  # also for a cell that had ended when its output was found to be too long
                    self._explain(cell)
                    self.nb_man.cell_exception(cell, cell_index=index)
                self.nb_man.cell_complete(cell, cell_index=index)
                execution.measure()
            if execution.kind:
                return

    def _explain(self, cell: Any) -> None:
        """Write into the cell, as its error, why its kernel was ended; an error of its own stands there already."""
        execution = self.execution
        if execution.kind not in REASONS:
            return
        name, text = REASONS[execution.kind]
        text = text.format(limit=execution.limit_s, megabytes=execution.output_limit / 1e6)
        execution.fail(execution.kind, text)
        if execution.kind == "output":
            for output in cell.outputs:
                if output.output_type == "stream" and len(output.text) > KEPT:
                    output.text = output.text[:KEPT] + "\n… (the rest is left out)\n"
        cell.outputs.append(new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"]))

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Keep one message's output, unless the notebook has reached its limit."""
        kind = msg["msg_type"]
        if kind in ("stream", "display_data", "execute_result", "error"):
            if self.execution.kind:
                return None
            self.execution.received += _size(msg["content"])
            if self.execution.received > self.execution.output_limit:
                self.execution.stop("output")
                return None
        return super().process_message(msg, cell, cell_index)


def _size(content: dict[str, Any]) -> int:
    """Return the bytes that an output takes in the notebook, nearly."""
    if "text" in content:
        return len(content["text"])
    return len(json.dumps(content.get("data", content), default=str))


class LabEngine(Engine):
    """The engine that papermill knows as ``labkit``."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> None:
        """Execute on ``kwargs["execution"]``'s kernel; its outcome is left there."""
        execution: Execution = kwargs["execution"]
        execution.notebook = nb_man.nb
        client = Client(
            nb_man,
            km=execution.manager,
            kernel_name=kernel_name,
            timeout=None,  # the deadline is the notebook's, not the cell's
            iopub_timeout=60,
            startup_timeout=kwargs["start_timeout"],
        )
        client.execution = execution
        client.execute()


papermill_engines.register(NAME, LabEngine)
