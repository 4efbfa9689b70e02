"""Runs of toy courses: every way to end, side by side; stopping and going on; nothing left behind."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import run_toys as toys

from labkit.runner.display import Live, claims
from labkit.runner.plan import RunRequest, plan
from labkit.runner.scheduler import Result, execute
from labkit.session.events import Claim

LOOK = (
    "import json, os, pathlib, sys\n"
    "pathlib.Path('left.txt').write_text('x')\n"
    "facts = {name: value for name, value in os.environ.items() if name.startswith('LABKIT_')}\n"
    "pathlib.Path(os.environ['LABKIT_STATE']).mkdir()\n"
    "print(json.dumps({'cwd': os.getcwd(), 'path': sys.executable, **facts}))"
)
LESSONS = {
    "00": ["import time; print(time.time())", LOOK, ("1 / 0", "raises-exception"), "print(sparsity)"],
    "10": ["text = 'before'\nprint(text)", "1 / 0", "print('never')"],
    "20": ["import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "print('never')"],
    "31": ["for _ in range(1000):\n    print('x' * 100_000)", "print('never')"],
    "40": ["import time\nprint('here', flush=True)\ntime.sleep(60)"],
    "54": ["import sys\nsys.exit(3)", "print('never')"],
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """One run of all of them."""
    home = toys.course(tmp_path_factory.mktemp("course"), LESSONS, budgets={"40": {"fast": 0.4, "full": 9}})
    began = toys.now()
    process = toys.labkit(home, "run", "-j", "2", "-p", "sparsity=0.5")
    return SimpleNamespace(home=home, process=process, began=began, label="fast-sparsity=0.5")


def test_a_run_goes_on_past_failures_and_ends_with_a_table(ended: SimpleNamespace) -> None:
    assert ended.process.returncode == 1
    assert ended.process.erred == ""
    said = ended.process.said
    assert "6 notebooks: 1 ok, 5 failed" in said and "Report: build/report/index.html" in said
    assert "start    00 Toy 00 (sparsity=0.5)" in said
    assert said.count("FAILED") == 10, "once as it ends, once in the table"
    assert "\x1b" not in said, "no redrawing where there is no terminal"


@pytest.mark.parametrize(
    ("number", "status", "kind", "words"),
    [
        ("00", "ok", "", ""),
        ("10", "failed", "error", "ZeroDivisionError: division by zero"),
        ("20", "failed", "killed", "the kernel ended while this cell was running"),
        ("31", "failed", "output", "printed more than 5 MB"),
        ("40", "failed", "budget", "ended after 1.6 s, the limit by the clock (4 times the budget)"),
        ("54", "failed", "error", "SystemExit: 3"),
    ],
)
def test_each_end_is_told_and_the_notebook_kept(
    ended: SimpleNamespace, number: str, status: str, kind: str, words: str
) -> None:
    outcome = toys.outcome(ended.home, ended.label, number)
    assert (outcome["status"], outcome["kind"]) == (status, kind)
    assert words in outcome["message"]
    notebook = toys.notebook(ended.home, ended.label, number)
    text = json.dumps(notebook)
    assert "never" not in json.dumps([cell.get("outputs") for cell in notebook["cells"]])
    assert len(text) < 100_000
    assert str(ended.home) not in json.dumps(notebook["metadata"]), "no path of this machine in it"
    if words:
        assert words.split(":")[0] in text and "papermill-error-cell" in text
        assert f"cell {outcome['cell']} of {outcome['cells']}" in ended.process.said
        page = (ended.home / "build" / "report" / "index.html").read_text()
        assert words.split(":")[0] in page.replace("&#x27;", "'")


def test_parameters_and_variables_reach_the_kernel(ended: SimpleNamespace) -> None:
    cells = [cell for cell in toys.notebook(ended.home, ended.label, "00")["cells"] if cell["cell_type"] == "code"]
    printed = [
        "".join(out.get("text", "")) for cell in cells for out in cell["outputs"] if out["output_type"] == "stream"
    ]
    facts = json.loads(printed[1])
    scratch = ended.home / "build" / "runs" / ended.label / "files" / "00_toy00"
    assert printed[2].strip() == "0.5"
    assert Path(facts["cwd"]) == scratch and facts["path"] == sys.executable
    assert (facts["LABKIT_PROFILE"], facts["LABKIT_EDITION"]) == ("fast", "solved")
    assert facts["LABKIT_HOME"] == str(ended.home) and facts["LABKIT_FILES"] == str(scratch)
    assert [path.name for path in scratch.iterdir()] == ["left.txt"], "what it made stays; the borrowed state does not"
    assert not (scratch.parent / "10_toy10").exists(), "an empty folder does not"


def test_the_first_cell_runs_within_three_seconds(ended: SimpleNamespace, tmp_path: Path) -> None:
    def first(home: Path, label: str) -> float:
        cells = toys.notebook(home, label, "00")["cells"]
        return float("".join(next(c for c in cells if "time.time()" in "".join(c["source"]))["outputs"][0]["text"]))

    seconds = [first(ended.home, ended.label) - ended.began]
    while min(seconds) > 3 and len(seconds) < 3:  # the machine may be busy with other tests
        began = toys.now()
        toys.labkit(ended.home, "run", "00", "-o", str(tmp_path))
        text = (tmp_path / "runs" / "fast" / "00_toy00.ipynb").read_text()
        cells = json.loads(text)["cells"]
        found = next(c for c in cells if "time.time()" in "".join(c["source"]))["outputs"][0]["text"]
        seconds.append(float("".join(found)) - began)
    if min(seconds) > 3 and os.getloadavg()[0] > (os.cpu_count() or 1):
        pytest.skip(f"other programs keep this machine busy: {min(seconds):.1f} s")
    assert min(seconds) <= 3, seconds


def test_ctrl_c_ends_every_kernel_and_resume_goes_on(tmp_path: Path) -> None:
    wait = (
        "import os, pathlib, subprocess, sys, time\n"
        "home = pathlib.Path(os.environ['LABKIT_HOME'])\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(90)'])\n"
        "(home / 'pids.tmp').write_text(f'{os.getpid()} {os.getppid()} {child.pid}')\n"
        "(home / 'pids.tmp').rename(home / 'pids')\n"
        "if (home / 'go').exists():\n    child.kill()\nelse:\n    print('half', flush=True)\n    time.sleep(90)"
    )
    home = toys.course(tmp_path, {"00": ["1"], "10": [wait], "20": ["2"]})
    process = toys.labkit(home, "run", "-j", "1", wait=False)
    toys.wait_for((home / "pids").exists)
    process.send_signal(signal.SIGINT)
    toys.finish(process)
    assert process.returncode == 130 and "Traceback" not in process.erred
    assert "Stopped; continue with: labkit run --resume" in process.said
    toys.wait_for(lambda: not any(map(toys.alive, map(int, (home / "pids").read_text().split()))), 3)
    first = toys.outcome(home, "fast", "00")
    assert first["status"] == "ok" and toys.outcome(home, "fast", "10")["status"] == "interrupted"
    assert "half" in json.dumps(toys.notebook(home, "fast", "10"))
    page = (home / "build" / "report" / "index.html").read_text()
    assert "not run" in page and "Toy 20" in page

    (home / "go").touch()
    process = toys.labkit(home, "run", "--resume")
    assert process.returncode == 0, process.erred
    assert "3 notebooks: 3 ok" in process.said and "start    00" not in process.said
    assert toys.outcome(home, "fast", "00") == first, "what was finished is not run again"
    toys.wait_for(lambda: not any(map(toys.alive, map(int, (home / "pids").read_text().split()))), 3)


def test_nothing_outlives_a_run_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, time\n"
        "path = pathlib.Path(os.environ['LABKIT_HOME']) / 'pids'\n"
        "path.write_text(f'{os.getpid()} {os.getppid()}')\ntime.sleep(90)"
    )
    home = toys.course(tmp_path, {"00": [code]})
    process = toys.labkit(home, "run", wait=False)
    toys.wait_for(lambda: (home / "pids").exists() and (home / "pids").read_text().count(" "))
    process.kill()
    toys.finish(process)
    pids = [int(word) for word in (home / "pids").read_text().split()]
    assert len(pids) == 2
    toys.wait_for(lambda: not any(map(toys.alive, pids)), 10)


def test_a_failed_write_stops_the_run_in_one_sentence(tmp_path: Path) -> None:
    home = toys.course(tmp_path, {"00": ["1"], "10": ["2"]})
    (home / "build" / "runs" / "fast" / "00_toy00.ipynb" / "in the way").mkdir(parents=True)
    process = toys.labkit(home, "run", "-j", "1")
    assert process.returncode == 1
    assert process.erred.startswith("labkit: Cannot write ") and process.erred.count("\n") == 1
    reason = process.erred.removeprefix("labkit: ").strip()
    failed = next(line for line in process.said.splitlines() if line.startswith("FAILED"))
    assert failed.endswith(reason), "the line gives the reason, not the last warning of some library"
    assert "10 Toy" not in process.said, "no further notebook is begun"


def test_a_worker_that_dies_is_reported_and_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    toys.course(
        tmp_path, {"00": ["import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nimport time; time.sleep(30)"]}
    )
    said = io.StringIO()
    result = execute(plan(RunRequest(profile="fast"))[0], tmp_path / "runs", live=Live(said))
    assert result.exit_code == 1 and not result.interrupted
    assert result.outcomes[0].kind == "lost" and "ended with code -9" in result.outcomes[0].message
    assert "FAILED" in said.getvalue()


def test_a_terminal_gets_a_line_a_running_lesson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    toys.course(tmp_path, {"00": ["1"], "10": ["2"]})
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    live = Live(stream)
    jobs = plan(RunRequest(profile="fast"))[0]
    running = [SimpleNamespace(job=job, cell=number, cells=9, began=None, cpu_s=1.5) for number, job in enumerate(jobs)]
    live.draw(running)
    assert (
        stream.getvalue().count("\n") == 2
        and "10 Toy 10  cell 1/9  0 s, 1.5 s of 20 s on the processor" in stream.getvalue()
    )
    live.draw(running[:1])
    assert "\x1b[2A\x1b[J" in stream.getvalue()
    live.say("done")
    assert stream.getvalue().endswith("\x1b[1A\x1b[Jdone\n")


def test_one_lesson_alone_prints_what_it_claimed(tmp_path: Path) -> None:
    claim = "start('00').claim('00.size', 'Times smaller', 46.014, at_least=40, unit='×', holds='always')"
    home = toys.course(tmp_path, {"00": ["import labkit", f"labkit.{claim}"], "10": ["1"]})
    alone, silent, both = (toys.labkit(home, "run", *numbers).said for numbers in (["00"], ["10"], ["00", "10"]))
    assert "held    Times smaller    46.01×  ≥ 40×" in alone, alone
    assert "asked" not in silent and "asked" not in both


def test_a_claim_that_is_only_shown_says_whether_it_would_hold() -> None:
    shown = Claim("31", "31.gain", "Gain", 0.01, "at_least", "≥ 2.00 points", "points", None, False, False)
    missed, held = claims([shown]), claims([replace(shown, held=True)])
    assert "shown, would not hold  Gain   1.00 points  ≥ 2.00 points" in missed
    assert "would" not in held and claims([]) == ""


def test_exit_codes() -> None:
    assert Result().exit_code == 0 and Result([], True).exit_code == 130


def test_the_command_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from labkit.cli import run\nfrom labkit.report import html\n"
        "from labkit.runner import display, plan, process, scheduler, worker\n"
        "heavy = {'papermill', 'nbformat', 'nbclient', 'jupyter_client', 'zmq', 'tensorflow', 'matplotlib', 'numpy'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 0, done.stderr


def test_a_kernel_that_does_not_start_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = {"argv": [sys.executable, "-c", "raise SystemExit(4)"], "display_name": "broken", "language": "python"}
    toys.write(tmp_path / "jupyter" / "kernels" / "broken" / "kernel.json", json.dumps(spec))
    home = toys.course(tmp_path / "course", {"00": ["1"]})
    variables = {"JUPYTER_PATH": str(tmp_path / "jupyter"), "LABKIT_KERNEL": "broken"}
    process = toys.labkit(home, "run", variables=variables)
    outcome = toys.outcome(home, "fast", "00")
    assert process.returncode == 1 and outcome["kind"] == "start" and outcome["job"]["kernel"] == "broken"
    assert outcome["message"].startswith("kernel broken: ") and outcome["message"] in process.said


def test_a_kernel_of_another_python_is_named_as_the_doctor_names_it(tmp_path: Path) -> None:
    spec = {"argv": [shutil.which("false"), "-m", "ipykernel_launcher"], "display_name": "x", "language": "python"}
    toys.write(tmp_path / "jupyter" / "kernels" / "python3" / "kernel.json", json.dumps(spec))
    home = toys.course(tmp_path / "course", {"00": ["1"]})
    process = toys.labkit(home, "run", variables={"JUPYTER_PATH": str(tmp_path / "jupyter")})
    message = toys.outcome(home, "fast", "00")["message"]
    assert process.returncode == 1 and message in process.said
    assert message.startswith("the kernel python3 runs another Python, ") and "kernelspec remove python3" in message
    assert "Traceback" not in process.erred and "\n" not in message


SPIN = "import time\nend = time.process_time() + {seconds}\nwhile time.process_time() < end:\n    pass"
CHILD = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {SPIN.format(seconds=1.5)!r}], check=True)"


def test_a_budget_is_one_of_processor_time(tmp_path: Path) -> None:
    """Waiting costs nothing, a child's work counts, and so does that of a kernel which was killed."""
    lessons = {
        "00": ["import time\ntime.sleep(4)"],
        "10": [CHILD],
        "20": [SPIN.format(seconds=1.5) + "\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)"],
    }
    budget = {"fast": 3, "full": 9}
    home = toys.course(tmp_path, lessons, budgets={number: budget for number in lessons})
    process = toys.labkit(home, "run", "-j", "1")
    slept, child, killed = (toys.outcome(home, "fast", number) for number in lessons)
    start = slept["cpu_s"]  # what a kernel itself takes
    assert slept["elapsed_s"] >= 4 > 3 > start > 0.1
    assert child["cpu_s"] >= 1.5 + start / 2 and killed["cpu_s"] >= 1.5 + start / 2
    line = next(line for line in process.said.splitlines() if line.startswith("ok       00"))
    assert line.endswith(f" s, {start:.1f} s of 3 s on the processor")


def test_a_lesson_over_its_budget_is_marked(tmp_path: Path) -> None:
    home = toys.course(tmp_path, {"00": [SPIN.format(seconds=3)]}, budgets={"00": {"fast": 2.5, "full": 9}})
    process = toys.labkit(home, "run")
    assert process.returncode == 0, process.said
    assert "(over its budget)" in process.said and "ok, over budget" in process.said


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no hang-up")
def test_a_run_under_nohup_goes_on_when_the_terminal_goes(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, signal, time\n"
        "home = pathlib.Path(os.environ['LABKIT_HOME'])\n"
        "print(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN)\n"
        "(home / 'here').touch()\n"
        "while not (home / 'go').exists():\n    time.sleep(0.05)"
    )
    home = toys.course(tmp_path, {"00": [code]})
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup starts a program
    try:
        process = toys.labkit(home, "run", wait=False)
    finally:
        signal.signal(signal.SIGHUP, before)
    toys.wait_for((home / "here").exists)
    os.killpg(process.pid, signal.SIGHUP)
    (home / "go").touch()
    toys.finish(process)
    assert process.returncode == 0, process.erred
    assert "True" in json.dumps(toys.notebook(home, "fast", "00"))


def test_a_run_ends_with_the_place_of_its_notebooks(ended: SimpleNamespace, tmp_path: Path) -> None:
    assert "Notebooks: build/runs\n" in ended.process.said
    home = toys.course(tmp_path, {"00": ["1"]})
    process = toys.labkit(home, "run", "00")
    assert "Notebook: build/runs/fast/00_toy00.ipynb\nReport: build/report/index.html\n" in process.said


def test_resume_runs_what_another_plan_had_and_refuses_a_broken_one(tmp_path: Path) -> None:
    home = toys.course(tmp_path, {"00": ["1"], "10": ["2"]})
    toys.labkit(home, "run", "10", "-p", "epochs=3", "--edition", "student")
    process = toys.labkit(home, "run", "--resume")
    assert process.returncode == 0 and "1 notebook: 1 ok" in process.said and "start" not in process.said
    (home / "build" / "runs" / "plan.json").write_text('{"lessons": 5}')
    process = toys.labkit(home, "run", "--resume")
    assert process.returncode == 2 and process.erred.count("\n") == 1
    assert "plan.json is not the plan of a run" in process.erred
