"""Processor time counts what this process and its children compute, and no waiting."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from labkit.base.clock import cpu_seconds

SPIN = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end:\n    pass"


def test_computing_counts_and_sleeping_does_not():
    start, own = cpu_seconds(), time.process_time()
    time.sleep(0.3)
    slept = cpu_seconds() - start
    exec(SPIN)
    assert slept < 0.2
    assert cpu_seconds() - start == pytest.approx(time.process_time() - own, abs=0.05)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no sum over children")
def test_a_child_counts_when_it_has_ended():
    start = cpu_seconds()
    subprocess.run([sys.executable, "-c", SPIN], check=True)
    assert cpu_seconds() - start >= 0.3
