"""The server of warm kernels: imports TensorFlow once, then forks a kernel for each notebook that asks.

``python -m labkit.course.warm FOLDER``, where FOLDER belongs to this user alone; it says ``ready`` when it is, and ends
with all of its kernels when its standard input closes. One process, one thread, Linux only.
"""

from __future__ import annotations

import fcntl
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.course import serving, warm_fork, warm_kernel
from labkit.course.warm_fork import Preloaded

LOCK = "lock"
READY = "ready"
ASKING_S = 5.0  # what a kernel that was greeted may take to say what it wants
LONGEST = 10_000_000  # bytes of a request: an environment takes a few thousand


@dataclass(frozen=True)
class Kernel:
    """A fork: its process id, a descriptor that tells its end, and the link to the process that stands in for it."""

    pid: int
    end: int
    link: socket.socket


class Server:
    """Listens on *listener* and keeps account of its kernels."""

    def __init__(self, listener: socket.socket, preloaded: Preloaded, inherited: Sequence[int]) -> None:
        self.listener, self.preloaded, self.inherited = listener, preloaded, inherited
        self.kernels: list[Kernel] = []
        self.selector = selectors.PollSelector()  # epoll's descriptor would be shared with the forks

    def serve(self) -> None:
        """Until standard input closes."""
        self.selector.register(0, selectors.EVENT_READ)
        self.selector.register(self.listener, selectors.EVENT_READ)
        while True:
            key, _ = self.selector.select()[0]  # one at a time: it may close what the others came from
            if key.fd == 0:
                if not os.read(0, 1024):
                    return
            elif key.fileobj is self.listener:
                self._answer()
            else:
                self._look_at(key.data, key.fileobj)

    def stop(self) -> None:
        """Kill every kernel and what it has started."""
        for kernel in self.kernels:
            _kill(kernel)

    def _answer(self) -> None:
        """Fork a kernel for the process that has connected, or turn it away: it then starts a cold one."""
        link, _ = self.listener.accept()
        streams: list[int] = []
        try:
            link.settimeout(ASKING_S)
            warm_kernel.refuse_stranger(link)
            link.sendall(warm_kernel.GREETING)
            request, streams = _receive(link)
            self._refuse_another_environment(request)
            kernel = self._fork(link, request, streams)
        except (OSError, ValueError, TypeError, AttributeError, RuntimeError) as error:
            print(f"turned away: {error}", file=sys.stderr, flush=True)
            link.close()
            return
        finally:
            for descriptor in streams:
                os.close(descriptor)
        self.kernels.append(kernel)
        self.selector.register(kernel.end, selectors.EVENT_READ, kernel)
        self.selector.register(link, selectors.EVENT_READ, kernel)
        with suppress(OSError):  # it is gone already, which the next round sees
            link.sendall(b"%d\n" % kernel.pid)

    def _refuse_another_environment(self, request: dict[str, Any]) -> None:
        asked = warm_kernel.read_at_import(request["environment"])
        if request["executable"] != sys.executable or asked != self.preloaded.at_import:
            raise ValueError("its Python, or a variable that is read at import time, is another than the server's")

    def _fork(self, link: socket.socket, request: dict[str, Any], streams: Sequence[int]) -> Kernel:
        warm_fork.refuse_if_started()
        server, pid = os.getpid(), os.fork()
        if pid:
            return Kernel(pid, os.pidfd_open(pid), link)
        status = 1
        try:
            self._let_go(link)
            status = warm_fork.become_kernel(request, streams, self.preloaded, server)
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)  # sys.stderr is the notebook's by now
        finally:
            os._exit(status)

    def _let_go(self, link: socket.socket) -> None:
        """In a fork: close what belongs to the server, or the ends of other kernels would go unseen."""
        for one in (self.listener, link, *(kernel.link for kernel in self.kernels)):
            one.close()
        for descriptor in (*self.inherited, *(kernel.end for kernel in self.kernels)):
            os.close(descriptor)

    def _look_at(self, kernel: Kernel, source: Any) -> None:
        """Something came from *kernel*: its end, or the end of the process that stands in for it."""
        if source is kernel.link:  # that process never writes: it is gone, and takes the kernel with it
            self.selector.unregister(kernel.link)
            kernel.link.close()
            _kill(kernel)
            return
        status = os.waitstatus_to_exitcode(os.waitpid(kernel.pid, 0)[1])
        self.selector.unregister(kernel.end)
        os.close(kernel.end)
        self.kernels.remove(kernel)
        if kernel.link.fileno() >= 0:
            self.selector.unregister(kernel.link)
            with suppress(OSError):
                kernel.link.sendall(b"%d\n" % (status if status >= 0 else 128 - status))
            kernel.link.close()


def _kill(kernel: Kernel) -> None:
    """Kill *kernel* with all that it has started; it may not lead its process group yet, or be gone."""
    for kill in (os.killpg, os.kill):
        with suppress(ProcessLookupError):
            kill(kernel.pid, signal.SIGKILL)


def _receive(link: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """A request and the standard streams that come with it; OSError or ValueError when it is none."""
    head, streams, _, _ = socket.recv_fds(link, 4, 3)
    try:
        size = int.from_bytes(head + warm_kernel.read(link, 4 - len(head)), "big")
        if size > LONGEST or len(streams) != 3:
            raise ValueError("this is no request for a kernel")
        request = json.loads(warm_kernel.read(link, size))
        if not isinstance(request, dict) or request.keys() != {"arguments", "folder", "environment", "executable"}:
            raise ValueError("this is no request for a kernel")
    except (OSError, ValueError):
        for descriptor in streams:
            os.close(descriptor)
        raise
    return request, streams


def listen(folder: Path) -> tuple[socket.socket, int]:
    """A listening socket in *folder* that this user alone may use, and the lock that is held on it.

    A socket that a server which is gone has left is replaced. Raises BlockingIOError when another server is there, and
    PermissionError when others may enter *folder*.
    """
    warm_kernel.refuse_if_open(str(folder))
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path = folder / warm_kernel.SOCKET
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen(64)
    except OSError:
        os.close(lock)
        raise
    return listener, lock


def main(argv: Sequence[str], opened: Sequence[str] = warm_fork.OPEN, hidden: Sequence[str] = warm_fork.HIDDEN) -> int:
    """Serve from the folder that *argv* names; 1 when that cannot be, with one sentence on standard error."""
    folder = Path(argv[0])
    try:
        listener, lock = listen(folder)  # before the imports: kernels that ask meanwhile wait for the greeting
    except BlockingIOError:
        print(f"Another server of warm kernels is using {folder}: give this one a folder of its own.", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Cannot serve warm kernels from {folder}: {error}.", file=sys.stderr)
        return 1
    try:
        try:
            preloaded = warm_fork.preload(opened, hidden)
        except (ImportError, RuntimeError) as error:
            print(f"Every kernel will be a cold one: {error}", file=sys.stderr)
            return 1
        server = Server(listener, preloaded, [lock])
        print(READY, flush=True)
        try:
            server.serve()
            if folder.name.startswith(serving.PREFIX):  # its owner may be gone without having removed it
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            server.stop()
    finally:
        with suppress(OSError):
            (folder / warm_kernel.SOCKET).unlink()
    return 0


if __name__ == "__main__":
    del sys.path[0]  # the folder it was started in; -P would keep it out too, and out of the notebooks' path as well
    sys.exit(main(sys.argv[1:]))
