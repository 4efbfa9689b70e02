"""Toy courses for the runner's tests: a few cells, no TensorFlow, milliseconds each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PARAMETERS = (
    "epochs: int = 2   # passes; 1 to 50\n"
    "sparsity: float = 0.8   # share of zeros; 0 to 0.99\n"
    'dataset: str = "fashion_mnist"   # images; fashion_mnist or mnist'
)
SEED = "seed: int = 7   # random seed; 0 to 2**31 - 1"
MIME = "application/vnd.labkit.record+json"


def record(event: Mapping[str, object]) -> str:
    """Code that leaves *event* in its cell's output, as a page does."""
    bundle = f'{{"text/plain": "event", {MIME!r}: {dict(event)!r}}}'
    return f"from IPython.display import display\ndisplay({bundle}, raw=True)"


def course(
    folder: Path,
    lessons: Mapping[str, Sequence[str | tuple[str, str]]],
    *,
    parameters: Mapping[str, str] | None = None,
    budgets: Mapping[str, Mapping[str, float]] | None = None,
) -> Path:
    """A course with *lessons* (number → code cells, or pairs of code and tag) in both editions; returns its folder."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "data" / "registry.toml").touch()
    for number, code in lessons.items():
        budget = (budgets or {}).get(number, {"fast": 20, "full": 40})
        lesson(folder, number, code, (parameters or {}).get(number, PARAMETERS), budget)
    return folder


def lesson(
    folder: Path, number: str, code: Sequence[str | tuple[str, str]], parameters: str, budget: Mapping[str, float]
) -> None:
    """Write one lesson's source and its two notebooks."""
    name = f"{number}_toy{number}"
    times = f"{{fast: {budget['fast']}, full: {budget['full']}}}"
    head = f"""# ---
# jupyter:
#   jupytext: {{text_representation: {{extension: .py, format_name: percent}}}}
#   kernelspec: {{display_name: Python 3, language: python, name: python3}}
#   labkit:
#     title: Toy {number}
#     question: Does it run?
#     minutes: 1
#     budget_s: {times}
#     needs: []
#     objectives: [run]
# ---
"""
    cells = [("# %% [markdown]", f"# # {number} · Toy {number}")]
    cells += [('# %% tags=["parameters"]', parameters)] if parameters else []
    pairs = [(text, "") if isinstance(text, str) else text for text in code]
    cells += [(f'# %% tags=["{tag}"]' if tag else "# %%", text) for text, tag in pairs]
    body = "\n\n".join(f"{mark}\n{text}" for mark, text in cells)
    write(folder / "notebooks" / "source" / f"{name}.py", f"{head}\n{body}\n")
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "cells": [
            {
                "cell_type": "markdown" if "markdown" in mark else "code",
                "id": f"cell-{index}",
                "source": text.removeprefix("# ") if "markdown" in mark else text,
                "metadata": {"tags": [mark.split('"')[1]]} if "tags" in mark else {},
                **({} if "markdown" in mark else {"outputs": [], "execution_count": None}),
            }
            for index, (mark, text) in enumerate(cells)
        ],
    }
    for place in ("notebooks", "notebooks/solved"):
        write(folder / place / f"{name}.ipynb", json.dumps(notebook))


def write(path: Path, text: str) -> None:
    """Write *text*, making the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def labkit(
    home: Path, *words: str, wait: bool = True, variables: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """``labkit WORDS`` as its own process; with *wait*, ended, its output in ``.said`` and ``.erred``."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=home,
        env={**os.environ, "LABKIT_HOME": str(home), "LABKIT_PROFILE": "fast", **(variables or {})},
        start_new_session=True,
    )
    if wait:
        finish(process)
    return process


# The runner's commands alone, as labkit.cli runs them; labkit itself counts as unchanged, whoever is editing it.
PROGRAM = """
import argparse, sys
from labkit.base.errors import LabkitError, say_error
from labkit.runner import plan
from labkit.cli.run import register
plan.code_digest = lambda: "toy"
top = argparse.ArgumentParser(prog="labkit")
register(top.add_subparsers(required=True))
arguments = top.parse_args()
try:
    sys.exit(arguments.handler(arguments))
except LabkitError as error:
    say_error(error)
    sys.exit(error.exit_code)
"""


def finish(process: subprocess.Popen[str], seconds: float = 50) -> None:
    """Wait for *process*; its output is then in ``.said`` and ``.erred``."""
    said, erred = process.communicate(timeout=seconds)
    process.said, process.erred = said, erred  # type: ignore[attr-defined]


def wait_for(true: Callable[[], object], seconds: float = 20) -> None:
    """Wait until *true* is; fails the test when it never is."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """Whether the process *pid* runs (one that has ended and is not yet collected does not)."""
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def outcome(home: Path, label: str, number: str, base: str = "build") -> dict:
    """What a run wrote of a lesson."""
    return json.loads((home / base / "runs" / label / f"{number}_toy{number}.run.json").read_text())


def notebook(home: Path, label: str, number: str, base: str = "build") -> dict:
    """An executed notebook."""
    return json.loads((home / base / "runs" / label / f"{number}_toy{number}.ipynb").read_text())


def now() -> float:
    """The time, as a notebook prints it."""
    return time.time()
