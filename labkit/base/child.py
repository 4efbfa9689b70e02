"""Give untrusted bytes to a separate process: when they crash a native parser, only that file is lost.

A child is a module of labkit with a main part that reads standard input and writes standard output; see
``labkit.keras2.h5_child`` and ``labkit.deploy.tflite_child``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import labkit
from labkit.base.errors import LabkitError


def run(module: str, content: bytes, *, timeout_s: float) -> bytes:
    """Return what *module*, run in a new process, writes to standard output for *content* on its standard input.

    Raises LabkitError, with a sentence that begins with "it", when that process dies or takes longer than *timeout_s*
    seconds.
    """
    # -P: never import from the working folder, which may be the one that the foreign file came in.
    command = [sys.executable, "-P", "-m", module]
    package = str(Path(labkit.__file__).resolve().parent.parent)
    search_path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH", "")]))
    # HDF5 loads filters from shared libraries, wherever its environment says: "::" turns that off.
    environment = os.environ | {"PYTHONPATH": search_path, "HDF5_PLUGIN_PRELOAD": "::"}
    try:
        process = subprocess.run(
            command, input=content, capture_output=True, env=environment, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise LabkitError(f"it was not read within {timeout_s:.0f} s, so it is probably damaged.") from None
    except OSError as error:
        raise LabkitError(f"it cannot be read in a separate process ({error.strerror}); free some memory.") from error
    if process.returncode:
        raise LabkitError(f"it crashed the process that read it ({_reason(process.returncode)}), and so it is damaged.")
    return process.stdout


def limit(memory: int, processor_s: int) -> None:
    """Let this process take *memory* bytes and *processor_s* seconds of processor time at most, and leave no core.

    For a child; where the system knows no such limits (Windows), nothing happens.
    """
    try:
        import resource
    except ImportError:
        return
    for kind, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, processor_s),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(kind, (allowed, hard))
        except (ValueError, OSError):  # a system that knows the limit and does not let it be set (macOS)
            continue


def _reason(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
