"""The command ``labkit build``; it imports its work when called."""

from __future__ import annotations

import argparse
from typing import Any


def register(subparsers: Any) -> None:
    """Add ``build`` to the command line."""
    parser = subparsers.add_parser(
        "build",
        help="write both editions of the lessons from their sources",
        description="Write the student and the solved edition of the lessons from their sources in notebooks/source.\n"
        "A solved edition is executed again, in the full profile, only when its own code cells have changed.",
        epilog="example:\n  labkit build 31            one lesson (all of them: labkit build)\n"
        "  labkit build --check       is anything stale or edited?",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "lessons", nargs="*", metavar="LESSON", help="number or name of a lesson; all when none is given"
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--check", action="store_true", help="write nothing; exit 1 when an edition is stale or edited")
    group.add_argument("--force", action="store_true", help="execute even what has not changed")
    group.add_argument(
        "--draft", action="store_true", help="execute nothing; leave a solved edition whose code changed"
    )
    parser.set_defaults(handler=_build)


def _build(arguments: argparse.Namespace) -> int:
    from labkit.authoring import build

    if arguments.check:
        problems = build.check(arguments.lessons)
        for line in problems:
            print(line)
        if not problems:
            print("Every edition is what its source gives.")
        return 1 if problems else 0
    failed = 0
    for outcome in build.build(arguments.lessons, force=arguments.force, draft=arguments.draft):
        print(outcome, flush=True)
        failed += outcome.status == "failed"
    return 1 if failed else 0
