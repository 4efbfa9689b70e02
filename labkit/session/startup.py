"""What the first call on a page sets for the whole process: seeds, threads, translated errors."""

from __future__ import annotations

import random
import sys
from contextlib import suppress

import numpy as np

THREADS = (2, 1)  # inside an operation and between operations: fixed, or repeated runs differ in the last bits


def translate_errors() -> None:
    """Have TFMOT's misleading errors explained, on the pages that use TensorFlow."""
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
