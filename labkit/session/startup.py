"""Set up the whole process on a page's first call: seeds, threads, translated errors."""

from __future__ import annotations

import itertools
import random
import sys
from contextlib import suppress

import numpy as np

from labkit.base.clock import cpu_seconds

THREADS = (2, 1)  # inside an operation and between operations: fixed, or repeated runs differ in the last bits
_pages = itertools.count()


def translate_errors() -> None:
    """Install the explanations of TFMOT's misleading errors, on the pages that use TensorFlow."""
    if "tensorflow" in sys.modules:
        from labkit.keras2 import errors

        errors.install()


def fix_threads_and_seeds(seed: int) -> None:
    """Seed Python, NumPy and, where it is loaded, TensorFlow; fix TensorFlow's threads unless it runs already."""
    random.seed(seed)
    np.random.seed(seed)
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None:
        with suppress(RuntimeError):  # "cannot be modified after initialization": a second start in one kernel
            tensorflow.config.threading.set_intra_op_parallelism_threads(THREADS[0])
            tensorflow.config.threading.set_inter_op_parallelism_threads(THREADS[1])
        tensorflow.random.set_seed(seed)


def cpu_before_the_page() -> float:
    """Return the processor seconds of this process that are not the page's own.

    The first page of a process counts what its kernel and its imports have taken; a page that is started again in the
    same process does not count the run before.
    """
    return 0.0 if next(_pages) == 0 else cpu_seconds()
