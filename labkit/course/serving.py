"""The server of warm kernels while something lasts: started, found through two variables, stopped.

``python -m labkit.course.serving COMMAND …`` runs a command beside a server; in it, papermill, nbclient and nbval find
the kernel under the name ``labkit-warm``.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from labkit.base import files
from labkit.base.errors import LabkitError
from labkit.course import warm_kernel

WARM = "labkit-warm"  # the kernel's name for Jupyter
SERVER = "LABKIT_WARM"  # the variable with the folder of the server that a process may use
PREFIX = "labkit-warm-"  # of the names of the folders made here
LISTENS_S = 10.0  # what a server may take to listen


def supported() -> bool:
    """Whether this system can fork kernels: Linux, for process descriptors and for children that end with a parent."""
    return sys.platform == "linux" and hasattr(os, "pidfd_open")


def serving_folder() -> Path | None:
    """The folder of the server that runs for this process; None when there is none, or none any more."""
    folder = os.environ.get(SERVER)
    if not folder:
        return None
    with socket.socket(socket.AF_UNIX) as link:
        try:
            link.connect(str(Path(folder) / warm_kernel.SOCKET))
        except OSError:
            return None
    return Path(folder)


class Server:
    """A server of this process's own, in a new folder that holds its socket and its kernelspec; ends with it."""

    def __init__(self, command: Sequence[str] = ("-m", "labkit.course.warm")) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))  # for this user alone
        spec = {
            "argv": [sys.executable, "-I", "-S", warm_kernel.__file__, str(self.folder), "-f", "{connection_file}"],
            "display_name": "Python 3 (TensorFlow loaded)",
            "language": "python",
            "metadata": {"debugger": True},
        }
        files.write(self.folder / "kernels" / WARM / "kernel.json", json.dumps(spec))
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command, str(self.folder)],
                stdin=subprocess.PIPE,  # closes with this process, however that ends: the server then ends too
                stdout=log,
                stderr=log,
                cwd=self.folder,
                process_group=0,  # Ctrl-C is for this process alone, which then ends it
            )
        self._wait_for_socket()

    def _wait_for_socket(self) -> None:
        """Until it listens, which it does before it imports anything large: a kernel that asks sooner would be cold."""
        deadline = time.monotonic() + LISTENS_S
        while not (self.folder / warm_kernel.SOCKET).exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                return
            time.sleep(0.02)

    @property
    def variables(self) -> dict[str, str]:
        """What finds its kernel: for Jupyter the path, for `choose` the folder."""
        paths = [str(self.folder), *filter(None, [os.environ.get("JUPYTER_PATH")])]
        return {"JUPYTER_PATH": os.pathsep.join(paths), SERVER: str(self.folder)}

    @property
    def log(self) -> str:
        """What it has said."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """End it with all of its kernels, and remove its folder."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def serving(wanted: bool = True) -> Iterator[Server | None]:
    """Within, a server runs and this process's variables lead to it, where *wanted* and where there is none already.

    One that cannot start costs nothing but time: the kernels are cold then.
    """
    if not wanted or not supported() or serving_folder() is not None:
        yield None
        return
    server = Server()
    before = {name: os.environ.get(name) for name in server.variables}
    os.environ.update(server.variables)
    try:
        yield server
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        server.stop()


def main(command: Sequence[str]) -> int:
    """Run *command* beside a server; returns its exit code."""
    with serving():
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    if not sys.argv[1:]:
        raise SystemExit("usage: python -m labkit.course.serving COMMAND … (as in: papermill IN OUT -k labkit-warm)")
    try:
        raise SystemExit(main(sys.argv[1:]))
    except LabkitError as error:
        raise SystemExit(str(error)) from None
