"""The commands ``labkit run`` and ``labkit report``; each imports its work when it is called."""

from __future__ import annotations

import argparse
import json
import os
import shlex
from pathlib import Path
from typing import Any

_RUN_EXAMPLE = """examples:
  labkit run --profile fast              every lesson, quickly
  labkit run 31 -p sparsity=0.9,0.95     one lesson, once for each value; results under build/runs/
  labkit run --resume                    go on with what a stopped run had left"""
_REPORT_EXAMPLE = """examples:
  labkit report                          every run under build/runs on one page
  labkit report build/runs/full -o full.html"""
_KERNEL = "a Jupyter kernel (default: $LABKIT_KERNEL, else python3)"
_PLANNED = ("lessons", "profile", "edition", "settings", "extremes", "kernel")


def register(subparsers: Any) -> None:
    """Add ``run`` and ``report`` to an argparse sub-parser collection."""
    run = _add(subparsers, "run", "execute lessons and write the report", _RUN_EXAMPLE, _run)
    run.add_argument("lessons", nargs="*", metavar="LESSON", help="number or name, as in 31 (default: every lesson)")
    run.add_argument(
        "--profile",
        choices=("fast", "full", "study"),
        help="how long it may take (default: $LABKIT_PROFILE, else full)",
    )
    run.add_argument(
        "-p",
        dest="settings",
        action="append",
        metavar="NAME=VALUE[,VALUE]",
        default=[],
        help="a parameter's value, or several: their product is run; a lesson without it runs at its defaults",
    )
    run.add_argument("-j", dest="at_once", type=int, metavar="N", help="notebooks at a time (default: processors)")
    run.add_argument("--edition", choices=("solved", "student"), help="which edition to execute (default: solved)")
    run.add_argument("--extremes", action="store_true", help="each end of each parameter's range once, profile fast")
    run.add_argument("--kernel", metavar="NAME", help=_KERNEL)
    run.add_argument("--resume", action="store_true", help="skip what went well before; alone: go on with the last run")
    run.add_argument("-o", dest="folder", type=Path, metavar="FOLDER", help="where results go (default: build)")

    report = _add(subparsers, "report", "put executed notebooks on one page", _REPORT_EXAMPLE, _report)
    report.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="folders of runs (default: build/runs)")
    report.add_argument(
        "-o", dest="target", type=Path, metavar="FILE", help="the page (default: build/report/index.html)"
    )


def _add(subparsers: Any, name: str, text: str, examples: str, handler: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(handler=handler)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    from labkit.base import places
    from labkit.runner.display import Live, claims, table
    from labkit.runner.plan import plan
    from labkit.runner.scheduler import execute

    at_once = _at_once(arguments.at_once)
    base = (arguments.folder or places.course() / "build").absolute()
    runs = base / "runs"
    wanted = _wanted(arguments, runs)
    jobs, remarks = plan(
        wanted["lessons"],
        profile=wanted["profile"],
        edition=wanted["edition"],
        settings=wanted["settings"],
        extremes=wanted["extremes"],
        kernel=wanted["kernel"],
    )
    live = Live()
    for remark in remarks:
        live.say(remark)
    result = execute(jobs, runs, at_once=at_once, resume=arguments.resume, live=live, asked=wanted)
    from labkit.report import html as report
    from labkit.session.events import Claim

    pages = report.pages_of(result.outcomes, runs)
    page = report.write(pages, base / "report" / "index.html")
    live.say(f"\n{table(result.outcomes)}")
    if len(pages) == 1 and (claimed := claims(pages[0].of(Claim))):  # more of them are for the report
        live.say(f"\n{claimed}\n")
    live.say(f"Report: {_shown(page)}")
    if result.interrupted:
        again = ["labkit", "run", "--resume", *(["-o", str(arguments.folder)] if arguments.folder else [])]
        live.say(f"Stopped; go on with: {shlex.join(again)}")
    return result.exit_code


def _report(arguments: argparse.Namespace) -> int:
    from labkit.base import places
    from labkit.report import html as report

    folders = arguments.folders or [places.course() / "build" / "runs"]
    target = arguments.target or places.course() / "build" / "report" / "index.html"
    page = report.write(report.pages_in(folders), target.absolute())
    print(f"Report: {_shown(page)}")
    return 0


def _at_once(asked: int | None) -> int:
    from labkit.base.errors import UsageError

    if asked is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if asked < 1:
        raise UsageError(f"-j is {asked}, but takes 1 or more: the number of notebooks at a time.")
    return asked


def _wanted(arguments: argparse.Namespace, runs: Path) -> dict[str, Any]:
    """What to plan: what was asked for, or, for a bare ``--resume``, what the last run in *runs* was asked for."""
    from labkit.base import profile
    from labkit.base.errors import UsageError
    from labkit.runner.scheduler import ASKED

    asked = {name: getattr(arguments, name) for name in _PLANNED}
    if arguments.resume and not any(asked.values()):
        try:
            found = json.loads((runs / ASKED).read_text(encoding="utf-8"))
            return {name: found[name] for name in _PLANNED}
        except (OSError, ValueError, KeyError, TypeError):
            raise UsageError(f"No run was begun in {runs}: begin one with 'labkit run', without --resume.") from None
    asked["profile"] = asked["profile"] or ("fast" if asked["extremes"] else profile.current())
    asked["edition"] = asked["edition"] or "solved"
    return asked


def _shown(path: Path) -> str:
    """*path* as seen from here, where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
