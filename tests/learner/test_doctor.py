"""labkit.learner.doctor: what is right gets one line, what is wrong a line with its remedy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

from labkit.cli.main import main
from labkit.learner import doctor as checks
from labkit.learner import requirements
from labkit.learner.doctor import Finding, Findings, doctor

ROOT = Path(__file__).resolve().parents[2]


def wrong(check):
    return [str(finding) for finding in check() if not finding.ok]


def test_this_installation_is_in_order():
    assert [str(finding) for finding in doctor() if not finding.ok] == []


def test_a_finding_is_one_line_with_its_remedy():
    assert str(Finding(True, "Python 3.11.7")) == "✓ Python 3.11.7"
    assert str(Finding(False, "no room", "make some")) == "✗ no room: make some"


def test_findings_are_a_table_in_a_notebook_and_lines_elsewhere():
    found = Findings([Finding(True, "a < b"), Finding(False, "c", "d")])
    assert "a &lt; b" in found._repr_html_()
    assert found._repr_html_().count("<tr>") == 3
    assert repr(found) == "✓ a < b\n✗ c: d"


def test_what_is_in_order_names_no_folder_of_this_machine():
    """The table is stored in a solved lesson."""
    text = "\n".join(finding.what for finding in doctor() if finding.ok)
    assert str(ROOT) not in text and str(Path.home()) not in text.replace("/ ", "")


def test_exit_code_and_last_line(monkeypatch, capsys):
    monkeypatch.setattr(checks, "doctor", lambda: Findings([Finding(True, "a"), Finding(False, "b", "c")]))
    assert main(["doctor"]) == 1
    assert capsys.readouterr().out == "✓ a\n✗ b: c\n1 of 2 checks found a problem.\n"
    assert main(["doctor", "--quiet"]) == 1
    assert capsys.readouterr().out.startswith("✗ b: c\n")
    monkeypatch.setattr(checks, "doctor", lambda: Findings([Finding(True, "a")]))
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out == "✓ a\nEverything is in order.\n"


def test_two_seconds_are_enough_and_tensorflow_is_not_imported():
    code = (
        "import time; start = time.perf_counter()\n"
        "from labkit.learner.doctor import doctor; doctor()\n"
        "import sys; print(time.perf_counter() - start, 'tensorflow' in sys.modules)"
    )
    best = float("inf")
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
        seconds, loaded = done.stdout.split()
        assert loaded == "False"
        best = min(best, float(seconds))
        if best < 2:
            break
    assert best < 2


@pytest.mark.parametrize(
    ("version", "ok"), [((3, 10, 9), False), ((3, 11, 0), True), ((3, 13, 9), True), ((3, 14, 0), False)]
)
def test_python(monkeypatch, version, ok):
    monkeypatch.setattr(sys, "version_info", version)
    (finding,) = checks.python()
    assert finding.ok is ok
    assert ok or "install Python 3.11 to 3.13, then run 'make setup'" in finding.remedy


def versions(monkeypatch, **other):
    """Pretend that some distributions have another version, or are missing (None)."""
    real = metadata.version

    def version(name):
        if name.replace("-", "_") in other:
            if (told := other[name.replace("-", "_")]) is None:
                raise metadata.PackageNotFoundError(name)
            return told
        return real(name)

    monkeypatch.setattr(checks.metadata, "version", version)


def test_a_direct_dependency_that_is_missing_or_at_another_version(monkeypatch):
    versions(monkeypatch, tf_keras="2.15.0", pooch=None)
    locked = {pin.name: pin.version for pin in requirements.read(ROOT / "requirements.lock")}
    pooch, tf_keras = wrong(checks.packages)
    assert pooch.startswith(f"✗ pooch is missing, the lock has {locked['pooch']}: run 'make setup'")
    assert tf_keras.startswith(f"✗ tf-keras 2.15.0, the lock has {locked['tf-keras']}: run 'make setup'")


def test_an_indirect_dependency_may_differ_but_not_be_missing(monkeypatch):
    versions(monkeypatch, tornado="1.0", keras="3.0", attrs="3.0", wrapt="1.0")
    assert wrong(checks.packages) == []
    assert [str(finding) for finding in checks.packages()][-1].endswith("more at another version than the lock's")
    versions(monkeypatch, tornado=None)
    (line,) = wrong(checks.packages)
    assert "of which tornado missing: run 'make setup'" in line


def test_what_only_the_tests_need_is_not_asked_for(monkeypatch):
    versions(monkeypatch, hypothesis=None, ruff=None)
    assert wrong(checks.packages) == []


def test_keras_3_chosen_already(monkeypatch):
    chosen = ModuleType("tensorflow")
    vars(chosen)["_tf_uses_legacy_keras"] = False
    monkeypatch.setitem(sys.modules, "tensorflow", chosen)
    line = next(str(finding) for finding in doctor() if "Keras" in finding.what and not finding.ok)
    assert line.startswith("✗ TensorFlow was imported before labkit")
    assert "restart the kernel" in line


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A course with its registry and nothing else, and a user without a cache."""
    (tmp_path / "course" / "data").mkdir(parents=True)
    shutil.copy(ROOT / "data" / "registry.toml", tmp_path / "course" / "data")
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "course"))
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LABKIT_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("LABKIT_DATA", raising=False)
    return tmp_path


def test_missing_data(toy):
    default, other = checks.data()
    assert str(default).startswith("✗ Fashion-MNIST is not here: run 'git checkout data/fashion_mnist'")
    assert str(other) == "– MNIST is not here: it downloads when it is first used"


def test_damaged_data(toy):
    shutil.copytree(ROOT / "data" / "fashion_mnist", toy / "course" / "data" / "fashion_mnist")
    labels = toy / "course" / "data" / "fashion_mnist" / "t10k-labels-idx1-ubyte.gz"
    content = bytearray(labels.read_bytes())
    content[100] ^= 1
    labels.write_bytes(content)
    (line,) = wrong(checks.data)
    assert "t10k-labels-idx1-ubyte.gz has a wrong checksum" in line
    labels.write_bytes(content[:-10])
    (line,) = wrong(checks.data)
    assert "is truncated" in line and "labkit data get fashion_mnist" in line


def test_missing_and_damaged_network(toy):
    (line,) = wrong(checks.litert)
    assert line.endswith("lenet_300_100.tflite is missing: run 'git checkout data/models'")
    folder = toy / "course" / "data" / "models" / "fashion_mnist"
    folder.mkdir(parents=True)
    (folder / "lenet_300_100.tflite").write_bytes(b"not a network")
    assert [finding.ok for finding in doctor() if "lenet_300_100" in str(finding)] == [False]


def test_folders_that_cannot_be_written_to(toy, monkeypatch):
    assert wrong(checks.folders) == []
    assert not (toy / "cache").exists()  # looking makes none

    def refuse(dir):
        raise PermissionError

    monkeypatch.setattr(checks.tempfile, "TemporaryFile", refuse)
    lines = wrong(checks.folders)
    assert len(lines) == 4
    assert "set LABKIT_CACHE to a folder of your own" in lines[2]


def test_a_kernel_of_another_python(tmp_path, monkeypatch):
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    spec = {"argv": ["/opt/other/bin/python", "-m", "ipykernel_launcher"], "display_name": "Python 3"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    assert wrong(checks.kernel) == []
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    (line,) = wrong(checks.kernel)
    assert line.startswith("✗ the kernel python3 runs another Python, /opt/other/bin/python")
    assert "kernelspec remove python3" in line


def test_a_kernel_of_another_name(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    assert wrong(lambda: checks.kernel("mine"))[0].startswith("✗ Jupyter has no kernel called mine")
    folder = tmp_path / "kernels" / "mine"
    folder.mkdir(parents=True)
    for text in ("{", '{"argv": []}'):
        (folder / "kernel.json").write_text(text)
        (line,) = wrong(lambda: checks.kernel("mine"))
        assert line.startswith("✗ ") and "mine" in line
    spec = {"argv": ["/opt/other/bin/python", "-m", "ipykernel_launcher"], "display_name": "Mine"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    (line,) = wrong(lambda: checks.kernel("mine"))
    assert line.startswith("✗ the kernel mine runs another Python, /opt/other/bin/python")
    assert line.endswith("kernelspec remove mine', or use the kernel python3")


def test_a_full_disk(monkeypatch):
    usage = shutil.disk_usage(ROOT)
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda path: usage._replace(free=2**28))
    assert wrong(checks.disk) == ["✗ only 0.2 GiB is free on the disk: make room: 1 GiB is enough"]


def test_a_check_that_breaks_down_is_a_finding(monkeypatch):
    def broken():
        raise RuntimeError("odd")

    broken.__name__ = "disk"
    monkeypatch.setattr(checks, "disk", broken)
    assert "✗ disk: RuntimeError: odd: run 'make setup'" in str(doctor()[-1])


def test_outside_a_course(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert sum("No course found in" in line for line in lines) == 1
    assert os.environ["LABKIT_HOME"] in "".join(lines)


def test_an_output_that_knows_no_tick_gets_another_sign():
    """As a redirected console on Windows."""
    environment = os.environ | {"PYTHONIOENCODING": "cp1252", "LABKIT_HOME": str(ROOT)}
    done = subprocess.run([sys.executable, "-m", "labkit", "doctor"], capture_output=True, env=environment, check=False)
    assert done.stdout.startswith(b"? Python 3.")
    assert done.stderr == b""
