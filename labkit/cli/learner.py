"""The commands of people who learn: ``doctor``, ``lab``, ``reset``, ``progress``. Each imports its work when called."""

from __future__ import annotations

import argparse
from typing import Any

from labkit.cli import command


def register(subparsers: Any) -> None:
    """Add the four commands to an argparse sub-parser collection."""
    doctor = command.add(
        subparsers, "doctor", "check this installation, and print a remedy for each problem", "labkit doctor", _doctor
    )
    doctor.add_argument("--quiet", action="store_true", help="print only problems")

    lab = command.add(
        subparsers,
        "lab",
        "open JupyterLab on your own copies of the lessons, in work/",
        "labkit lab 31 --port 8890",
        _lab,
    )
    lab.add_argument("lesson", nargs="?", metavar="LESSON", help="the lesson to open (default: the first)")
    lab.add_argument("--port", type=int, metavar="N", help="port (default: 8888, or the next that is free)")
    lab.add_argument("--no-browser", action="store_true", help="print the address instead of opening a browser")

    reset = command.add(
        subparsers, "reset", "renew your copy of a lesson; the old one is kept in work/old", "labkit reset 31", _reset
    )
    reset.add_argument(
        "lesson", metavar="LESSON", help="number or name of a lesson, such as 31 or 31_magnitude_pruning"
    )

    command.add(subparsers, "progress", "list the exercises that you have solved", "labkit progress", _progress)


def _doctor(arguments: argparse.Namespace) -> int:
    from labkit.learner.doctor import doctor

    findings = doctor()
    for finding in findings:
        if not (arguments.quiet and finding.ok):
            print(finding)
    wrong = sum(not finding.ok for finding in findings)
    print("Everything is in order." if not wrong else f"{wrong} of {len(findings)} checks found a problem.")
    return 1 if wrong else 0


def _lab(arguments: argparse.Namespace) -> int:
    from labkit.learner.work import open_lab

    return open_lab(arguments.lesson, arguments.port, browser=not arguments.no_browser)


def _reset(arguments: argparse.Namespace) -> int:
    from labkit.learner.work import reset

    copy = reset(arguments.lesson)
    if copy.kept is not None:
        print(f"{copy.path} is new; yours is kept as {copy.kept.parent.name}/{copy.kept.name}.")
    elif copy.fate == "unchanged":
        print(f"{copy.path} is the course's edition already: nothing to renew.")
    else:
        print(f"{copy.path} is new.")
    return 0


def _progress(arguments: argparse.Namespace) -> int:
    from labkit.learner.progress import text

    print(text())
    return 0
