"""The command ``labkit``: its words, and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from labkit import __version__
from labkit.base.errors import LabkitError, say_error

# Each module adds its commands with register(subparsers), importing nothing heavy until one is called.
_COMMANDS = (
    "labkit.cli.learner",
    "labkit.cli.run",
    "labkit.cli.build",
    "labkit.cli.compress",
    "labkit.cli.assets",
)
_EXAMPLE = """example:
  labkit run 31 -p sparsity=0.95      run one lesson with another parameter
  labkit lab                          open JupyterLab on your own copies of the lessons"""


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar, with every command registered."""
    top = argparse.ArgumentParser(
        prog="labkit",
        description="Lab notebooks on model acceleration and low-precision computing.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"labkit {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in _COMMANDS:
        import_module(module).register(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return 0, 1 for an error that the reader can fix, 2 for wrong usage, 130 when interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # redirected on Windows, it knows no ✓: a ? is better than a traceback
            stream.reconfigure(errors="replace")
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.handler(arguments) or 0)
    except LabkitError as error:
        say_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        say_error(KeyboardInterrupt("stopped"))
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
