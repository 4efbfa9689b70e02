"""Add one command to the command line, in the form that every command's ``--help`` has."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

Handler = Callable[[argparse.Namespace], int]


def add(
    subparsers: Any, name: str, text: str, examples: str, handler: Handler | None = None, about: str = ""
) -> argparse.ArgumentParser:
    """Return the parser of the new command *name* of an argparse sub-parser collection.

    *text* is its line in the list of commands, and its description too unless *about* is given. *examples* are the
    lines at the end of its help, one command per line. A command that has actions of its own has no *handler*.
    """
    lines = examples.splitlines()
    heading = "example" if len(lines) == 1 else "examples"
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name,
        help=text,
        description=about or f"{text[0].upper()}{text[1:]}.",
        epilog="\n  ".join([f"{heading}:", *lines]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if handler is not None:
        parser.set_defaults(handler=handler)
    return parser
