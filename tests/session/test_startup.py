"""What the first call on a page sets for its process: seeds, threads, the style of figures, the processor's clock."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from labkit.base.clock import cpu_seconds
from labkit.session import startup


def run(code: str, **environment: str) -> list[str]:
    """The lines that *code* prints in a Python of its own, those of ``start`` left out."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if not line.startswith("lesson 99")]


def test_tensorflow_gets_the_threads_and_the_seed() -> None:
    lines = run(
        "import tensorflow as tf\n"
        "from labkit import start\n"
        "def draw(seed):\n"
        "    start('99', seed=seed)\n"
        "    return tf.random.uniform([4]).numpy()\n"
        "first, again, other = draw(3), draw(3), draw(4)\n"
        "threads = tf.config.threading\n"
        "print(threads.get_intra_op_parallelism_threads(), threads.get_inter_op_parallelism_threads())\n"
        "print((first == again).all(), (first == other).any())\n"
    )
    assert lines == ["2 1", "True False"]


def test_a_page_without_tensorflow_stays_without() -> None:
    assert run("import sys\nfrom labkit import start\nstart('99')\nprint('tensorflow' in sys.modules)") == ["False"]


def test_figures_do_not_take_the_users_style(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text(
        "text.usetex: True\nfont.size: 40\nsavefig.dpi: 900\nfigure.figsize: 90, 90\n"
    )
    lines = run(
        "from labkit import start\n"
        "lab = start('99')\n"
        "import matplotlib, matplotlib.pyplot as plt\n"
        "figure, axes = plt.subplots()\n"
        "axes.set(title='A title with 50 % of_all')\n"
        "lab.show(figure, alt='An empty pair of axes with a title.')\n"
        "print(*[matplotlib.rcParams[name] for name in ('text.usetex', 'font.size', 'savefig.dpi')])\n",
        MATPLOTLIBRC=str(tmp_path / "matplotlibrc"),
    )
    assert lines == ["[figure: An empty pair of axes with a title.]", "False 10.5 figure"]


def test_only_the_first_page_of_a_process_counts_what_was_before() -> None:
    lines = run(
        "sum(range(2_000_000))\n"
        "from labkit import start\n"
        "from labkit.base.clock import cpu_seconds\n"
        "first, second = start('99'), start('99')\n"
        "print(first.cpu_started, 0 < second.cpu_started <= cpu_seconds())"
    )
    assert lines == ["0.0 True"]


def test_threads_are_those_the_numbers_were_made_with() -> None:
    assert startup.THREADS == (2, 1)


def test_processor_time_counts_work_and_ended_children() -> None:
    before = cpu_seconds()
    subprocess.run([sys.executable, "-c", "sum(i * i for i in range(3_000_000))"], check=True)
    assert cpu_seconds() - before > 0.05
