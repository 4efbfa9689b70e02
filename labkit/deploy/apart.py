"""Measure in a separate process: one that has loaded nothing yet, or whose BLAS library has one thread."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from labkit.base.errors import LabkitError

__all__ = ["apart"]

# Whichever library NumPy multiplies with, it reads one of these when it is loaded.
_ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


def apart(function: str, *arguments: Any, refusal: str, one_thread: bool = False) -> Any:
    """Return what *function* (``module.name`` in ``labkit.deploy``) returns for *arguments* in a new process.

    *arguments* and result are what JSON can hold. *one_thread*: NumPy's products use one. Raises LabkitError with the
    sentence *refusal*, in which ``{code}`` is the exit code, when that process fails.
    """
    code = (
        "import json, sys; from importlib import import_module; module, name = sys.argv[1].split('.'); "
        "found = getattr(import_module('labkit.deploy.' + module), name)(*json.loads(sys.argv[2])); "
        "print(json.dumps(found))"
    )
    command = [sys.executable, "-P", "-c", code, function, json.dumps(arguments)]
    environment = os.environ | (_ONE_THREAD if one_thread else {})
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    try:
        return json.loads(done.stdout if done.returncode == 0 else "")
    except ValueError as error:
        raise LabkitError(refusal.format(code=done.returncode)) from error
