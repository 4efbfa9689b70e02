"""Warm kernels, on a server that is ready in a second: like cold ones to a notebook, and gone when they should be."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import run_toys as toys
import warm_toys as warm

from labkit.course import kernels, serving, warm_kernel

pytestmark = pytest.mark.skipif(not serving.supported(), reason="warm kernels need Linux")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Server]:
    """One that every test of this module may use, and none may harm."""
    with warm.served(tmp_path_factory.mktemp("server")) as one:
        yield one


LOOK = """
import atexit, gc, logging, os, signal, sys, threading
variables = {name: value for name, value in os.environ.items() if not name.startswith(("JPY_", "TF_", "MPLBACKEND"))}
print(os.getcwd(), [path for path in sys.path if path != %r], sys.flags.interactive, __name__)
print([os.path.basename(sys.argv[0]), *sys.argv[1:2], *sys.argv[3:]], sys.executable, sys.stdin, sys.ps1)
print(sorted(variables.items()))
print([str(signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)])
print([thread.name for thread in threading.enumerate() if "Thread-" not in thread.name], gc.isenabled())
ours = [name for name in sys.modules if name.split(".")[0] in ("labkit", "heavytoy")]
print(sorted(set(ours) - {"labkit.base.quiet"}))
print(os.umask(0o22), os.getpgid(0) == os.getpid(), logging.getLogger().handlers)
get_ipython().run_line_magic("who", "")
"""


def test_a_notebook_finds_what_it_finds_on_a_cold_kernel(server: serving.Server, tmp_path: Path) -> None:
    look = LOOK % str(Path(server.process.args[-2]).parent)  # type: ignore[index]
    told = {}
    for name in (kernels.COLD, serving.WARM):
        with warm.kernel(tmp_path, name, MINE="1") as one:
            assert warm.is_warm(one, server) == (name == serving.WARM)
            told[name] = one.run(look).splitlines()
    assert told[serving.WARM] == told[kernels.COLD]


def test_forks_share_no_state_and_no_random_numbers(server: serving.Server, tmp_path: Path) -> None:
    draw = "import random, numpy; print(random.random(), numpy.random.rand(), numpy.random.default_rng().random())"
    with warm.kernel(tmp_path) as one, warm.kernel(tmp_path) as other:
        assert warm.is_warm(one, server) and warm.is_warm(other, server)
        first, second = one.run(draw).split(), other.run(draw).split()
        assert len(first) == 3 and not set(first) & set(second)
        one.run("import os, heavytoy; heavytoy.left = 1; os.environ['LEFT'] = '1'; print('x' * 10**6)")
        assert other.run("import os, heavytoy; print(hasattr(heavytoy, 'left'), 'LEFT' in os.environ)") == "False False"


def test_what_was_loaded_before_looks_unloaded_until_it_is_imported(server: serving.Server, tmp_path: Path) -> None:
    with warm.kernel(tmp_path) as one:
        assert (
            one.run("import os, sys; print('heavytoy' in sys.modules, 'TOY_WAS_LOADED' in os.environ)") == "False False"
        )
        assert (
            one.run("import importlib.util as u; print(os.path.basename(u.find_spec('heavytoy').origin))")
            == "__init__.py"
        )
        assert one.run("print('heavytoy' in sys.modules)") == "False", "asking where it is does not load it"
        told = one.run("import labkit\nfrom heavytoy.part import thing\nimport heavytoy\nprint(heavytoy.LOADED_BY)")
        assert told == str(server.process.pid), "not loaded a second time, labkit's own finder notwithstanding"
        assert one.run("print(thing is heavytoy.part.thing, os.environ['TOY_WAS_LOADED'])") == "True 1"
        assert one.run("print(type(heavytoy.__spec__.loader).__name__)") == "SourceFileLoader"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import labkit; os.environ['TF_ENABLE_ONEDNN_OPTS'] = '0'", "(TF_ENABLE_ONEDNN_OPTS)"),
        ("import labkit; os.environ['OMP_NUM_THREADS'] = '1'", "(OMP_NUM_THREADS)"),
        ("os.environ.pop('TF_USE_LEGACY_KERAS', None)", "(TF_USE_LEGACY_KERAS)"),
    ],
)
def test_a_notebook_with_other_variables_is_told_so(
    server: serving.Server, tmp_path: Path, code: str, words: str
) -> None:
    with warm.kernel(tmp_path) as one:
        told = one.run(f"import os\n{code}\nimport heavytoy")
        assert told.startswith("ImportError: heavytoy was loaded before this notebook began") and words in told


def test_other_variables_at_the_start_give_a_cold_kernel(server: serving.Server, tmp_path: Path) -> None:
    with warm.kernel(tmp_path, OMP_NUM_THREADS="1") as one:
        assert not warm.is_warm(one, server)


def test_interrupting_and_restarting(server: serving.Server, tmp_path: Path) -> None:
    with warm.kernel(tmp_path) as one:
        code = "import pathlib, time; pathlib.Path('began').touch(); time.sleep(30)"
        asked = one.client.execute(code, stop_on_error=False)  # else what follows at once may count as queued, and go
        toys.wait_for((tmp_path / "began").exists)
        one.manager.interrupt_kernel()
        while (reply := one.client.get_shell_msg(timeout=20))["parent_header"]["msg_id"] != asked:
            pass
        assert reply["content"]["ename"] == "KeyboardInterrupt"
        assert one.run("left = 1; print('on')", wait=10) == "on"
        one.manager.restart_kernel()
        one.client.wait_for_ready(timeout=30)
        assert one.run("print('left' in globals())") == "False" and warm.is_warm(one, server)


def test_an_interrupt_reaches_the_cell(server: serving.Server, tmp_path: Path) -> None:
    with warm.kernel(tmp_path) as one:
        code = f"import os, signal, time\nos.kill({one.relay}, signal.SIGINT)\ntime.sleep(20)"
        assert one.run(code).startswith("KeyboardInterrupt")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("os._exit(7)", 7),
        ("os.kill(os.getpid(), signal.SIGSEGV)", 128 + signal.SIGSEGV),
        ("os.kill(os.getpid(), signal.SIGKILL)", 128 + signal.SIGKILL),
    ],
)
def test_the_end_is_told(server: serving.Server, tmp_path: Path, code: str, status: int) -> None:
    with warm.kernel(tmp_path) as one:
        one.client.execute(f"import os, signal\n{code}")
        assert one.status() == status


def test_a_polite_end_runs_what_is_to_run_at_exit(server: serving.Server, tmp_path: Path) -> None:
    with warm.kernel(tmp_path) as one:
        one.run("import atexit, pathlib; atexit.register(lambda: pathlib.Path('end').write_text('x'))")
        one.client.shutdown()
        assert one.status() == 0 and (tmp_path / "end").exists()


CHILD = "import os, subprocess; child = subprocess.Popen(['sleep', '60']); print(os.getpid(), child.pid)"


def test_a_killed_kernel_takes_with_it_what_it_has_started(server: serving.Server, tmp_path: Path) -> None:
    with warm.kernel(tmp_path) as one:
        pids = [int(word) for word in one.run(CHILD).split()]
        os.kill(one.relay, signal.SIGKILL)  # what `labkit run` does to a notebook that takes too long
        toys.wait_for(lambda: not any(map(toys.alive, pids)), 5)


def test_a_kernel_ends_with_the_process_that_started_it(server: serving.Server, tmp_path: Path) -> None:
    start = (
        "import sys\nsys.path.insert(0, sys.argv[1])\nimport pathlib, warm_toys\n"
        f"one = warm_toys.Kernel({serving.WARM!r}, pathlib.Path(sys.argv[2]))\n"
        f"print(one.relay, one.run({CHILD!r}), flush=True)\nsys.stdin.read()"
    )
    words = warm.python(start, str(Path(warm.__file__).parent), str(tmp_path))
    starter = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    pids = [int(word) for word in starter.stdout.readline().split()]
    assert len(pids) == 3 and all(map(toys.alive, pids))
    starter.kill()
    starter.communicate()
    toys.wait_for(lambda: not any(map(toys.alive, pids)), 6)


def test_papermill_and_nbval_pick_it_by_name(server: serving.Server, tmp_path: Path) -> None:
    code = f"import os, heavytoy\nassert os.getppid() == {server.process.pid} == heavytoy.LOADED_BY"
    toys.lesson(tmp_path, "00", [code], "", {"fast": 9, "full": 9})
    page = tmp_path / "notebooks" / "00_toy00.ipynb"
    papermill = [
        sys.executable,
        "-m",
        "papermill",
        page,
        tmp_path / "out.ipynb",
        "-k",
        serving.WARM,
        "--log-level",
        "ERROR",
    ]
    nbval = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, "--nbval-lax", page]
    for command in (papermill, [*nbval, "--nbval-kernel-name", serving.WARM]):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr


# What can go wrong with the server


def test_when_the_server_crashes_its_kernels_end_and_the_next_are_cold(tmp_path: Path) -> None:
    with warm.served(tmp_path / "server") as server, warm.kernel(tmp_path) as one:
        pid = int(one.run("import os; print(os.getpid())"))
        server.process.kill()
        assert one.status() == 1
        toys.wait_for(lambda: not toys.alive(pid), 5)
        assert serving.serving_folder() is None
        with warm.kernel(tmp_path) as next_one:
            assert not warm.is_warm(next_one, server)


def test_a_run_goes_on_cold_when_the_server_crashes(tmp_path: Path) -> None:
    """The notebook that was under way is run once more."""
    with warm.served(tmp_path / "server") as server:
        crash = (
            f"import os, signal\nif os.getppid() == {server.process.pid}:\n"
            "    os.kill(os.getppid(), signal.SIGKILL)\n    import time; time.sleep(30)\nprint('was cold')"
        )
        home = toys.course(tmp_path / "course", {"00": [crash], "10": ["1"]})
        process = toys.labkit(home, "run", "-j", "1", "--kernel", "warm")
    assert process.returncode == 0, process.said + process.erred  # type: ignore[attr-defined]
    assert "The server of warm kernels has ended; once more, cold: 00 Toy 00" in process.said  # type: ignore[attr-defined]
    assert "was cold" in json.dumps(toys.notebook(home, "fast", "00"))
    assert [toys.outcome(home, "fast", number)["status"] for number in ("00", "10")] == ["ok", "ok"]


def test_a_server_that_cannot_load_tensorflow_leaves_the_kernels_cold(tmp_path: Path) -> None:
    path = warm.program(tmp_path)
    (tmp_path / "heavytoy" / "__init__.py").write_text("raise ImportError('it is broken')")
    with warm.found(serving.Server([str(path)])) as server:
        with warm.kernel(tmp_path) as one:
            assert not warm.is_warm(one, server)
        assert server.process.wait(10) == 1
        assert server.log.splitlines() == ["Every kernel will be a cold one: it is broken"]


def test_a_second_server_is_refused_in_one_sentence(server: serving.Server, tmp_path: Path) -> None:
    words = [sys.executable, str(warm.program(tmp_path)), str(server.folder)]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("Another server of warm kernels is using ") and done.stderr.count("\n") == 1
    with warm.kernel(tmp_path) as one:
        assert warm.is_warm(one, server), "the first goes on"


def test_a_stale_socket_gives_cold_kernels_and_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder / warm_kernel.SOCKET))
    with pytest.raises(ConnectionRefusedError):
        warm_kernel.connect(str(folder))
    words = [sys.executable, str(warm.program(tmp_path)), str(folder)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as new:
        assert new.stdout is not None and new.stdin is not None
        assert new.stdout.readline() == "ready\n"
        warm_kernel.connect(str(folder)).close()
        new.stdin.close()
        assert new.wait(10) == 0
    assert not (folder / warm_kernel.SOCKET).exists()


def test_another_users_folder_is_refused(server: serving.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    assert server.folder.stat().st_mode & 0o777 == 0o700
    assert (server.folder / warm_kernel.SOCKET).stat().st_mode & 0o777 == 0o600
    warm_kernel.connect(str(server.folder)).close()
    monkeypatch.setattr(warm_kernel.os, "getuid", lambda: os.geteuid() + 1)
    with pytest.raises(PermissionError, match="not a folder of this user"):
        warm_kernel.connect(str(server.folder))
    monkeypatch.setattr(warm_kernel, "refuse_if_open", lambda folder: None)
    with pytest.raises(PermissionError, match="the other end belongs to user"):
        warm_kernel.connect(str(server.folder))


def test_a_folder_that_others_may_enter_is_refused_by_both_sides(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    with pytest.raises(PermissionError, match="not a folder of this user alone"):
        warm_kernel.connect(str(folder))
    words = [sys.executable, str(warm.program(tmp_path)), str(folder)]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("Cannot serve warm kernels from ")
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(PermissionError):
        warm_kernel.connect(str(tmp_path / "link"))


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can be somebody else")
def test_a_socket_that_another_user_listens_on_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "taken"
    folder.mkdir(mode=0o700)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / warm_kernel.SOCKET))
    stranger = os.fork()
    if not stranger:
        os.setresuid(65534, 65534, 65534)
        listener.listen(1)  # whose it is, is settled here
        time.sleep(30)
        os._exit(0)
    try:
        toys.wait_for(lambda: _listens(folder))
        with pytest.raises(PermissionError, match="user 65534"):
            warm_kernel.connect(str(folder))
    finally:
        os.kill(stranger, signal.SIGKILL)
        os.waitpid(stranger, 0)
        listener.close()


def _listens(folder: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as link:
        return link.connect_ex(str(folder / warm_kernel.SOCKET)) == 0


@pytest.mark.parametrize(
    "sent",
    [
        b"", b"\0", b"\xff\xff\xff\xff", b"\0\0\0\4none", b"\0\0\0\2{}",
        b"\0\0\0\x41" + b'{"arguments":0,"folder":0,"environment":0,"executable":0}        ',
    ],
)  # fmt: skip
def test_the_server_survives_whatever_it_is_asked(server: serving.Server, tmp_path: Path, sent: bytes) -> None:
    link = warm_kernel.connect(str(server.folder))
    if sent:
        socket.send_fds(link, [sent], [0, 1, 2] if len(sent) > 20 else [])
    link.shutdown(socket.SHUT_WR)
    with suppress(ConnectionResetError):  # turned away before it had read everything
        assert link.recv(10) == b""
    link.close()
    with warm.kernel(tmp_path) as one:
        assert warm.is_warm(one, server)


def test_a_server_ends_with_its_owner_however_that_ends(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom labkit.course import serving\n"
        "print((one := serving.Server([sys.argv[1]])).process.pid, one.folder, flush=True)\nsys.stdin.read()"
    )
    words = warm.python(code, str(warm.program(tmp_path)))
    owner = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pid, folder = owner.stdout.readline().split()
    owner.kill()
    owner.communicate()
    toys.wait_for(lambda: not toys.alive(int(pid)), 15)
    toys.wait_for(lambda: not Path(folder).exists(), 5)


def test_nothing_stays_behind(tmp_path: Path) -> None:
    from jupyter_client.kernelspec import KernelSpecManager

    before = {name: os.environ.get(name) for name in ("JUPYTER_PATH", serving.SERVER)}
    with warm.served(tmp_path) as server, warm.kernel(tmp_path) as one:
        pids = [int(one.run("import os; print(os.getpid())")), one.relay, server.process.pid]
        assert serving.WARM in KernelSpecManager().find_kernel_specs()
        server.stop()
        assert one.status() == 1
    assert not any(map(toys.alive, pids)) and not server.folder.exists()
    assert before == {name: os.environ.get(name) for name in before}


def test_no_kernel_is_forked_from_a_tensorflow_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    from labkit.course import warm_fork

    context = SimpleNamespace(_context=None)
    monkeypatch.setitem(sys.modules, "tensorflow.python.eager.context", context)  # type: ignore[arg-type]
    warm_fork.refuse_if_started()
    context._context = object()
    with pytest.raises(RuntimeError, match="no kernel can be forked"):
        warm_fork.refuse_if_started()
