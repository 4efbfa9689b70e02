"""A server of warm kernels that is ready in a second, for tests: it has loaded a toy instead of TensorFlow."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from labkit.course import serving

# What the server loads beforehand: it writes down which process has loaded it, and how often.
HEAVY = "import os\nLOADED_BY = os.getpid()\nos.environ['TOY_WAS_LOADED'] = '1'\nfrom heavytoy import part\n"
SERVE = """
import sys
sys.path.insert(0, {path!r})
from labkit.course import warm
sys.exit(warm.main(sys.argv[1:], ("ipykernel.kernelapp", "ipykernel.ipkernel", "IPython", "numpy"), ("heavytoy",)))
"""


def program(folder: Path) -> Path:
    """The server's program in *folder*, with the toy that it loads."""
    package = folder / "heavytoy"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text(HEAVY)
    (package / "part.py").write_text("thing = object()\n")
    path = folder / "serve.py"
    path.write_text(SERVE.format(path=str(folder)))
    return path


@contextmanager
def served(folder: Path) -> Iterator[serving.Server]:
    """A toy server that is ready; within, this process's variables lead to it."""
    with found(serving.Server([str(program(folder))])) as server:
        deadline = time.monotonic() + 30
        while "ready" not in server.log:
            assert server.process.poll() is None and time.monotonic() < deadline, server.log
            time.sleep(0.02)
        yield server


@contextmanager
def found(server: serving.Server) -> Iterator[serving.Server]:
    """Within, this process's variables lead to *server*, which ends at the end."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.variables.items():
            patch.setenv(name, value)
        try:
            yield server
        finally:
            server.stop()


class Kernel:
    """A kernel started by *name*, as nbval starts it; `run` gives what a cell prints, or its error's name."""

    def __init__(self, name: str, folder: Path, **variables: str) -> None:
        from jupyter_client.manager import KernelManager

        self.manager = KernelManager(kernel_name=name)
        self.manager.start_kernel(cwd=str(folder), env={**os.environ, **variables}, stderr=subprocess.DEVNULL)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    @property
    def relay(self) -> int:
        """The process that Jupyter knows as the kernel."""
        return self.manager.provisioner.pid

    def run(self, code: str, wait: float = 30) -> str:
        """What *code* prints and then, if it fails, the error's name and text."""
        told: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            content = message["content"]
            told.extend([content["text"]] if "text" in content else [])
            told.extend([f"{content['ename']}: {content['evalue']}"] if "ename" in content else [])

        self.client.execute_interactive(code, output_hook=hear, timeout=wait)
        return "".join(told).rstrip("\n")

    def status(self, seconds: float = 10) -> int | None:
        """The exit status that Jupyter sees; None when the kernel goes on."""
        deadline = time.monotonic() + seconds
        while (code := self.manager.provisioner.process.poll()) is None and time.monotonic() < deadline:
            time.sleep(0.02)
        return code

    def close(self) -> None:
        """End it, politely."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=not self.manager.is_alive())


@contextmanager
def kernel(folder: Path, name: str = serving.WARM, **variables: str) -> Iterator[Kernel]:
    """A kernel that is ended."""
    one = Kernel(name, folder, **variables)
    try:
        yield one
    finally:
        one.close()


def is_warm(one: Kernel, server: serving.Server) -> bool:
    """Whether the kernel is a fork of *server*; a cold one is the very process that Jupyter has started."""
    parent, own = map(int, one.run("import os; print(os.getppid(), os.getpid())").split())
    assert (parent == server.process.pid) != (own == one.relay)
    return parent == server.process.pid


def python(code: str, *words: str) -> Sequence[str]:
    """The command that runs *code* in a fresh Python."""
    return [sys.executable, "-c", code, *words]
