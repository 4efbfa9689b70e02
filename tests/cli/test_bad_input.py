"""Every wrong call gets one sentence and the right exit code, before any kernel starts and with nothing written."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
import run_toys as toys

from labkit.base.errors import LabkitError, UsageError
from labkit.cli import run
from labkit.runner.scheduler import alone


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    monkeypatch.setenv("LABKIT_PROFILE", "fast")
    monkeypatch.delenv("LABKIT_KERNEL", raising=False)
    return toys.course(tmp_path, {"00": ["1"], "31": ["2"]}, parameters={"00": toys.SEED})


def call(*words: str) -> int:
    """``labkit WORDS`` in this process."""
    top = argparse.ArgumentParser()
    run.register(top.add_subparsers())
    arguments = top.parse_args(words)
    return arguments.handler(arguments)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["32"], "There is no lesson '32'"),
        (["31", "-p", "sparcity=0.5"], "There is no parameter 'sparcity' in lesson 31; did you mean sparsity?"),
        (["-p", "sed=1"], "There is no parameter 'sed' in any of the chosen lessons; did you mean seed?"),
        (["31", "-p", "sparsity=1.5"], "Parameter sparsity is 1.5, but must be 0 to 0.99"),
        (["31", "-p", "sparsity=nan"], "Parameter sparsity is 'nan', but must be a number"),
        (["31", "-p", "epochs=two"], "Parameter epochs is 'two', but must be a whole number, 1 to 50"),
        (["31", "-p", "epochs=1.5"], "Parameter epochs is '1.5', but must be a whole number"),
        (["00", "-p", "seed=1_0"], "Parameter seed is '1_0', but must be a whole number, 0 to 2147483647"),
        (["00", "-p", "seed=１２"], "Parameter seed is '１２', but must be a whole number"),
        (["00", "-p", "seed=" + "7" * 5000], f"Parameter seed is {'7' * 59!r}"[:-1] + "…, but must be a whole number"),
        (["31", "-p", "sparsity=0_1"], "Parameter sparsity is '0_1', but must be a number"),
        (["31", "-p", "epochs=1,99"], "Parameter epochs is 99, but must be 1 to 50"),
        (["31", "-p", "dataset=cifar"], "Parameter dataset is 'cifar', but must be fashion_mnist or mnist"),
        (["31", "-p", "sparsity"], "-p must be name=value or name=value,value"),
        (["31", "-p", "sparsity="], "-p must be name=value"),
        (["31", "-p", "=1"], "-p must be name=value"),
        (["-j", "0"], "-j is 0, but must be 1 or more"),
        (["--kernel", "python33"], "There is no Jupyter kernel 'python33'; did you mean python3?"),
        (["--extremes", "-p", "seed=1"], "--extremes chooses the parameters"),
        (["--extremes", "--profile", "full"], "--extremes chooses the parameters and the profile"),
        (["--resume"], "There is no run in "),
    ],
)
def test_wrong_usage_is_refused_with_the_remedy(home: Path, words: list[str], sentence: str) -> None:
    with pytest.raises(UsageError) as raised:
        call("run", *words)
    assert str(raised.value).startswith(sentence), str(raised.value)
    assert raised.value.exit_code == 2 and "\n" not in str(raised.value) and len(str(raised.value)) < 300
    assert not (home / "build").exists(), "nothing is begun"


def test_profiles_and_editions_are_refused_by_the_parser(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--profile", "slow"], ["--edition", "teacher"]):
        with pytest.raises(SystemExit) as raised:
            call("run", *words)
        assert raised.value.code == 2
    assert "invalid choice: 'slow'" in capsys.readouterr().err


def test_a_wrong_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_PROFILE", "quick")
    with pytest.raises(UsageError, match="There is no profile 'quick'"):
        call("run")
    monkeypatch.setenv("LABKIT_PROFILE", "fast")
    monkeypatch.setenv("LABKIT_KERNEL", "julia")
    with pytest.raises(UsageError, match="There is no Jupyter kernel 'julia'"):
        call("run")


def test_a_lesson_that_is_not_built_names_the_command(home: Path) -> None:
    path = home / "notebooks" / "solved" / "31_toy31.ipynb"
    path.write_text("{ truncated")
    with pytest.raises(LabkitError, match="is not a readable notebook: make it again with 'labkit build 31'"):
        call("run")
    path.unlink()
    with pytest.raises(LabkitError, match="is missing: make it with 'labkit build 31'") as raised:
        call("run")
    assert raised.value.exit_code == 1 and not (home / "build").exists()


def test_two_runs_in_one_folder(home: Path) -> None:
    with (
        alone(home / "build" / "runs"),
        pytest.raises(LabkitError, match=r"Another run is using .*: wait for its end, or .* with -o FOLDER") as raised,
    ):
        call("run")
    assert raised.value.exit_code == 1
    with alone(home / "build" / "runs"):
        pass  # and it is free again


def test_a_file_where_the_folder_should_be(home: Path) -> None:
    (home / "here").touch()
    with pytest.raises(LabkitError, match=r"Cannot write .*: a file has the name of the folder that is needed"):
        call("run", "-o", str(home / "here"))


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder that not even root may write to")
def test_a_read_only_folder() -> None:
    with pytest.raises(LabkitError, match=r"Cannot write /sys/kernel/labkit/runs: .*(choose another|permissions)"):
        call("run", "-o", "/sys/kernel/labkit")


def test_no_lessons(home: Path) -> None:
    for path in (home / "notebooks" / "source").glob("*.py"):
        path.unlink()
    with pytest.raises(LabkitError, match="There is no lesson in"):
        call("run")


def test_a_report_on_nothing(home: Path) -> None:
    with pytest.raises(LabkitError, match=r"There is no folder .*: run lessons first with 'labkit run'"):
        call("report")
    (home / "build" / "runs").mkdir(parents=True)
    with pytest.raises(LabkitError, match=r"No executed notebook in .*: run lessons first"):
        call("report")
