"""The commands for authors: ``labkit build``, ``new`` and ``changelog``; they import their work when called."""

from __future__ import annotations

import argparse
from typing import Any

from labkit.cli import command


def register(subparsers: Any) -> None:
    """Add ``build``, ``new`` and ``changelog`` to the command line."""
    _register_build(subparsers)
    _register_new(subparsers)
    _register_changelog(subparsers)


def _register_build(subparsers: Any) -> None:
    parser = command.add(
        subparsers,
        "build",
        "write both editions of the lessons from their sources",
        "labkit build 31            build one lesson (all lessons: labkit build)\n"
        "labkit build --release     execute every page, and list the values that moved\n"
        "labkit build --check       check that no edition is stale or edited by hand",
        _build,
        about="Write the student and the solved edition of the lessons from their sources in notebooks/source.\n"
        "A solved edition is executed again, in the full profile, only when its own code cells have changed.",
    )
    parser.add_argument("lessons", nargs="*", metavar="LESSON", help="number or name of a lesson (default: all)")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--check", action="store_true", help="write nothing; exit 1 when an edition is stale or edited")
    group.add_argument("--force", action="store_true", help="execute unchanged lessons too")
    group.add_argument(
        "--draft", action="store_true", help="execute nothing; leave a solved edition whose code changed"
    )
    parser.add_argument(
        "--release",
        action="store_true",
        help="execute every page, and continue an interrupted attempt; with --check, require that this version of "
        "labkit executed every page",
    )


def _register_new(subparsers: Any) -> None:
    parser = command.add(
        subparsers,
        "new",
        "start a lesson: its source, its exercises and its line in the changelog",
        'labkit new 32 "Sparse from the start"',
        _new,
        about="Write the skeleton of a lesson: notebooks/source/NN_title.py, labkit/exercises/lessonNN.py and\n"
        "changes/NN.md. It passes every check except those on length.",
    )
    parser.add_argument(
        "number", metavar="NN", help="a free number of two digits: the first is the part, the second the lesson"
    )
    parser.add_argument("title", metavar="TITLE", help="the title, in quotes")


def _register_changelog(subparsers: Any) -> None:
    parser = command.add(
        subparsers,
        "changelog",
        "move the fragments in changes/ to CHANGELOG.md, as a new version",
        "labkit changelog 0.2.0",
        _changelog,
        about="Move the fragments in changes/ to CHANGELOG.md, below a heading with the version and the date.",
    )
    parser.add_argument("version", metavar="VERSION", help="the version of the release, such as 0.2.0")


def _build(arguments: argparse.Namespace) -> int:
    from labkit.authoring import build, release
    from labkit.base.errors import UsageError

    if arguments.check:
        return _check(arguments.lessons, arguments.release)
    if arguments.release:
        if arguments.lessons or arguments.force or arguments.draft:
            raise UsageError("--release executes every page: give no lessons, and neither --force nor --draft.")
        return 1 if release.release() else 0
    failures = 0
    for outcome in build.build(arguments.lessons, force=arguments.force, draft=arguments.draft):
        print(outcome, flush=True)
        failures += outcome.status == "failed"
    return 1 if failures else 0


def _check(lessons: list[str], release: bool) -> int:
    from labkit.authoring import build

    problems = build.check(lessons, release=release)
    for line in problems:
        print(line)
    if not problems:
        print("Every edition agrees with its source.")
    return 1 if problems else 0


def _new(arguments: argparse.Namespace) -> int:
    from labkit.authoring import new
    from labkit.base.places import course

    paths = new.create(arguments.number, arguments.title)
    for path in paths:
        print(f"wrote {path.relative_to(course())}")
    print(f"Fill in the source, then run labkit build {arguments.number} --draft; CONTRIBUTING.md has the other steps.")
    return 0


def _changelog(arguments: argparse.Namespace) -> int:
    from labkit.authoring import changelog

    count = changelog.release(arguments.version)
    print(f"{count} fragments moved to CHANGELOG.md, version {arguments.version}.")
    return 0
