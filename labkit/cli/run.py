"""The commands ``labkit run`` and ``labkit report``; each imports its work when it is called."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.base import settings
from labkit.cli import command

if TYPE_CHECKING:
    from labkit.runner.plan import Outcome, RunRequest

_RUN_EXAMPLE = """\
labkit run --profile fast              every lesson, quickly
labkit run 31 -p sparsity=0.9,0.95     one lesson, once for each value; results under build/runs/
labkit run --resume                    go on with what a stopped run had left"""
_REPORT_EXAMPLE = """\
labkit report                          every run under build/runs on one page
labkit report build/runs/full -o full.html"""
_KERNEL = "a Jupyter kernel (default: $LABKIT_KERNEL, else python3)"


def register(subparsers: Any) -> None:
    """Add ``run`` and ``report`` to an argparse sub-parser collection."""
    run = command.add(subparsers, "run", "execute lessons and write the report", _RUN_EXAMPLE, _run)
    run.add_argument("lessons", nargs="*", metavar="LESSON", help="number or name, as in 31 (default: every lesson)")
    run.add_argument(
        "--profile",
        choices=settings.PROFILE.choices,
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
    run.add_argument("--edition", choices=settings.EDITION.choices, help="which edition to execute (default: solved)")
    run.add_argument("--extremes", action="store_true", help="each end of each parameter's range once, profile fast")
    run.add_argument("--kernel", metavar="NAME", help=_KERNEL)
    run.add_argument("--resume", action="store_true", help="skip what went well before; alone: go on with the last run")
    run.add_argument("-o", dest="folder", type=Path, metavar="FOLDER", help="where results go (default: build)")

    report = command.add(subparsers, "report", "put executed notebooks on one page", _REPORT_EXAMPLE, _report)
    report.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="folders of runs (default: build/runs)")
    report.add_argument(
        "-o", dest="target", type=Path, metavar="FILE", help="the page (default: build/report/index.html)"
    )


def _run(arguments: argparse.Namespace) -> int:
    from labkit.base import places
    from labkit.report import html as report
    from labkit.report.export import export
    from labkit.report.stored import beside
    from labkit.runner.display import Live, claims, table
    from labkit.runner.plan import plan
    from labkit.runner.scheduler import execute

    at_once = _at_once(arguments.at_once)
    base = (arguments.folder or places.course() / "build").absolute()
    runs = base / "runs"
    request = _request(arguments, runs)
    jobs, remarks = plan(request)
    live = Live()
    for remark in remarks:
        live.say(remark)
    result = execute(jobs, runs, at_once=at_once, resume=arguments.resume, live=live, request=request)
    page = base / "report" / "index.html"
    for remark in export(result.outcomes, runs, page):
        live.say(remark)
    pages = beside(report.pages_of(result.outcomes, runs))
    report.write(pages, page)
    live.say(f"\n{table(result.outcomes)}")
    if len(pages) == 1 and (claim_table := claims(pages[0].events)):
        live.say(f"\n{claim_table}\n")  # those of several lessons are for the report
    live.say(f"{_notebooks(result.outcomes, runs)}\nReport: {_shown(page)}")
    if result.interrupted:
        again = ["labkit", "run", "--resume", *(["-o", str(arguments.folder)] if arguments.folder else [])]
        live.say(f"Stopped; go on with: {shlex.join(again)}")
    return result.exit_code


def _report(arguments: argparse.Namespace) -> int:
    from labkit.base import places
    from labkit.report import html as report
    from labkit.report.stored import beside

    own = not arguments.folders
    folders = arguments.folders or [places.course() / "build" / "runs"]
    target = arguments.target or places.course() / "build" / "report" / "index.html"
    pages = report.pages_in(folders, own=own)
    page = report.write(beside(pages) if own else pages, target.absolute())
    print(f"Report: {_shown(page)}")
    return 0


def _at_once(number: int | None) -> int:
    from labkit.base.errors import UsageError

    if number is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if number < 1:
        raise UsageError(f"-j is {number}, but takes 1 or more: the number of notebooks at a time.")
    return number


def _request(arguments: argparse.Namespace, runs: Path) -> RunRequest:
    """Return what the command line asks for, or, for a bare ``--resume``, the request of the last run in *runs*."""
    from dataclasses import fields

    from labkit.base import profile
    from labkit.runner.plan import RunRequest, read_request

    options = {field.name: getattr(arguments, field.name) for field in fields(RunRequest)}
    if arguments.resume and not any(options.values()):
        return read_request(runs)
    options |= {name: tuple(value) for name, value in options.items() if isinstance(value, list)}
    options["profile"] = options["profile"] or ("fast" if options["extremes"] else profile.current())
    options["edition"] = options["edition"] or "solved"
    return RunRequest(**options)


def _notebooks(outcomes: list[Outcome], runs: Path) -> str:
    """Return where the executed notebooks are: the one notebook, or the folder with all of them."""
    paths = [path for path in (outcome.job.paths(runs)[0] for outcome in outcomes) if path.is_file()]
    if len(paths) == 1:
        return f"Notebook: {_shown(paths[0])}"
    return f"Notebooks: {_shown(runs)}" if paths else "No notebook was executed."


def _shown(path: Path) -> str:
    """Return *path* as seen from here, where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
