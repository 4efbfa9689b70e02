"""What Jupyter starts as a warm kernel: it asks the server for a fork, then stands in for it until it ends.

Run by its path in an isolated Python (``python -I -S``), so it imports the standard library alone and starts in
milliseconds. Whatever goes wrong before there is a fork, it becomes an ordinary cold kernel.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import stat
import struct
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

SOCKET = "socket"  # its name in the server's folder
GREETING = b"labkit warm kernel 1\n"
# For the greeting of a server that is still importing; then a cold kernel, within the 60 s that Jupyter gives in all.
WAIT_S = 45.0
RELAYED = ("SIGINT", "SIGTERM", "SIGHUP")
# Variables that are read while Python, TensorFlow or Matplotlib is imported: where the notebook's differ from the
# server's, a fork would be another kernel than a cold one.
READ_AT_IMPORT = (
    *("TF_", "XLA_", "CUDA_", "KERAS_", "OMP_", "OPENBLAS_", "MKL_", "NPY_", "MPL"),
    *("LD_", "MALLOC_", "GLIBC_", "PYTHON", "LANG", "LC_", "TZ", "HOME", "XDG_"),
)
# What labkit (the first two) and ipykernel set in every notebook before these libraries are imported.
SET_ANYWAY = {
    "TF_USE_LEGACY_KERAS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}


def read_at_import(variables: Mapping[str, str]) -> dict[str, str]:
    """Those of *variables* that matter at import time, with what is set in every notebook."""
    return {**SET_ANYWAY, **{name: value for name, value in variables.items() if name.startswith(READ_AT_IMPORT)}}


def refuse_if_open(folder: str) -> None:
    """Raise PermissionError unless *folder* belongs to this user and nobody else may enter it."""
    facts = os.lstat(folder)
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a folder of this user alone")


def refuse_stranger(link: socket.socket) -> None:
    """Raise PermissionError unless the other end of *link* is a process of this user, as the system tells."""
    _, user, _ = struct.unpack("3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    if user != os.getuid():
        raise PermissionError(f"the other end belongs to user {user}")


def connect(folder: str) -> socket.socket:
    """A link to the server in *folder*, which has greeted; raises OSError when there is none, or another user's."""
    refuse_if_open(folder)
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(WAIT_S)
    try:
        link.connect(os.path.join(folder, SOCKET))
        refuse_stranger(link)
        if read(link, len(GREETING)) != GREETING:
            raise ConnectionError("this is another server, or another version of it")
    except OSError:
        link.close()
        raise
    return link


def read(link: socket.socket, size: int) -> bytes:
    """*size* bytes from *link*; raises ConnectionError when it ends before."""
    found = b""
    while len(found) < size:
        part = link.recv(size - len(found))
        if not part:
            raise ConnectionError("the other end is gone")
        found += part
    return found


def ask(link: socket.socket, arguments: Sequence[str]) -> int:
    """Hand over what a kernel starts with; returns the fork's process id. Raises OSError or ValueError when refused."""
    request = {
        "arguments": list(arguments),
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "executable": sys.executable,
    }
    body = json.dumps(request).encode()
    socket.send_fds(link, [len(body).to_bytes(4, "big")], [0, 1, 2])
    link.sendall(body)
    return int(_line(link))


def stand_in(link: socket.socket, pid: int) -> int:
    """Relay signals to the kernel *pid* until it ends; returns its exit status.

    The server ends the kernel when this process is gone; this one goes when the process that started it is gone.
    """

    def relay(number: int, _: Any) -> None:
        with suppress(ProcessLookupError):  # it has ended, and its status is on the way
            os.killpg(pid, number)

    for name in RELAYED:
        signal.signal(getattr(signal, name), relay)
    link.settimeout(None)
    parent = os.getppid()
    poll = select.poll()
    poll.register(link, select.POLLIN)
    while not poll.poll(1000):
        if os.getppid() != parent:
            return 1
    try:
        return int(_line(link))
    except (OSError, ValueError):  # the server is gone, and its kernels with it
        return 1


def become_cold(arguments: Sequence[str]) -> NoReturn:
    """Turn this process into an ordinary kernel of the same Python."""
    os.execv(sys.executable, [sys.executable, "-m", "ipykernel_launcher", *arguments])


def _line(link: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        part = link.recv(1)
        if not part:
            raise ConnectionError("the server is gone")
        line += part
    return line


def main(argv: Sequence[str]) -> int:
    """``warm_kernel.py FOLDER -f CONNECTION_FILE …``: the kernel of the server in FOLDER, or a cold one."""
    folder, arguments = argv[0], argv[1:]
    try:
        link = connect(folder)
        pid = ask(link, arguments)
    except (OSError, ValueError, AttributeError):  # AttributeError: a system without such sockets
        become_cold(arguments)
    return stand_in(link, pid)


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))
