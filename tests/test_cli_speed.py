"""The command line answers at once: nothing heavy is imported before it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from labkit.base.clock import cpu_seconds

HEAVY = (
    "tensorflow",
    "keras",
    "tf_keras",
    "tensorflow_model_optimization",
    "numpy",
    "matplotlib",
    "papermill",
    "jupytext",
)


def best_of_ten(code: str, limit: float) -> float:
    """The shortest of at most ten runs of *code* in a fresh Python, in s of processor time; one below *limit* will do.

    Starting Python is computing, hardly waiting: on a quiet machine the clock shows the same.
    """
    best = float("inf")
    for _ in range(10):
        start = cpu_seconds()
        subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=True)
        best = min(best, cpu_seconds() - start)
        if best < limit:
            break
    return best


HELP = """
import sys
from labkit.cli.main import main
try:
    main(["--help"])
except SystemExit as end:
    assert end.code == 0
"""


def test_help_answers_within_three_tenths_of_a_second():
    assert best_of_ten(HELP, 0.3) < 0.3


def test_import_labkit_takes_less_than_two_tenths_of_a_second():
    assert best_of_ten("import labkit", 0.2) < 0.2


@pytest.mark.parametrize("code", [HELP, "import labkit", "import labkit.learner.doctor, labkit.learner.work"])
def test_nothing_heavy_is_imported(code):
    code += f"\nimport sys\nprint('loaded:', *[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].strip() == "loaded:"


def test_every_commands_help_ends_with_an_example():
    from labkit.cli.main import parser

    commands = next(action for action in parser()._actions if action.dest == "command").choices
    assert {"run", "build", "lab", "reset", "report", "data", "models", "doctor", "progress"} <= set(commands)
    for name, command in commands.items():
        _, found, example = command.format_help().partition("example")
        assert found and f"labkit {name}" in example, f"labkit {name} --help has no example at its end"
