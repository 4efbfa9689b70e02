"""The plan of a run: lessons × their parameters' values, or the extremes of each; nothing starts here."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from labkit import __version__
from labkit.base import files, records, settings
from labkit.base.errors import LabkitError, UsageError, nearest, one_of
from labkit.base.places import course
from labkit.lesson import parameters
from labkit.lesson.source import Lesson, find, lessons
from labkit.lesson.source import parameters as parameters_of
from labkit.runner import kernels

OVERRUN = 4  # a page warns past its budget of processor time; its run ends at this many times the budget by the clock
STUDY_LIMIT_S = 3 * 3600.0  # a study has no budget, and an end all the same
PLAN_FILE = "plan.json"  # the request of the last run, in the folder of the runs
LARGEST_RECORD = 1_000_000  # bytes of a run's record; ours take a thousandth
STATUSES = ("ok", "failed", "interrupted", "not run")
_NAME = re.compile(r"[\w.=+-]{1,160}")  # of a folder or file of a run: it leads nowhere else
_DIGESTED = ("base", "lesson", "methods", "keras2", "deploy", "assets", "exercises", "session")


@dataclass(frozen=True)
class RunRequest:
    """The request of one run; ``settings`` are words ``name=value[,value]``, no ``lessons`` are all of them."""

    lessons: tuple[str, ...] = ()
    profile: str = "full"
    edition: str = "solved"
    settings: tuple[str, ...] = ()
    extremes: bool = False
    kernel: str | None = None

    def save(self, folder: Path) -> None:
        """Write it to *folder*, for a run that goes on; raises LabkitError when that cannot be written to."""
        files.write(folder / PLAN_FILE, json.dumps(asdict(self), indent=1) + "\n")


def read_request(folder: Path) -> RunRequest:
    """Return the request of the last run in *folder*; raises UsageError when there is none or it cannot be read."""
    path = folder / PLAN_FILE
    if not path.is_file():
        raise UsageError(f"There is no run in {folder}: start one with 'labkit run', without --resume.")
    try:
        return records.read(RunRequest, _json(path), "plan")
    except LabkitError as error:
        reason = str(error).rstrip(".")
        raise UsageError(
            f"{path} is not the plan of a run ({reason}): start a run with 'labkit run', without --resume."
        ) from None


@dataclass(frozen=True)
class Job:
    """One notebook to execute. ``key`` changes with its code, its parameters, the profile, the kernel or labkit."""

    lesson: str
    title: str
    name: str
    notebook: str
    edition: str
    profile: str
    label: str
    parameters: dict[str, str | int | float | bool]
    budget_s: float | None
    limit_s: float
    kernel: str
    key: str

    @property
    def command(self) -> str:
        """Return the command line that runs this job again: ``labkit run 31 -p sparsity=0.95``."""
        words = ["labkit", "run", self.lesson]
        words += [] if self.profile == "full" else ["--profile", self.profile]
        words += [] if self.edition == "solved" else ["--edition", self.edition]
        for name, value in self.parameters.items():
            words += ["-p", f"{name}={value}"]
        return shlex.join(words)

    @property
    def words(self) -> str:
        """Return the parameters of the request in words; empty for the defaults."""
        return ", ".join(f"{name}={value}" for name, value in self.parameters.items())

    @property
    def place(self) -> str:
        """Return its folder and name among the runs: no two jobs of a plan share it."""
        return f"{self.label}/{self.name}"

    def paths(self, folder: Path) -> tuple[Path, Path]:
        """Return the paths of its executed notebook and of its outcome under *folder*, the folder of the runs."""
        return folder / self.label / f"{self.name}.ipynb", folder / self.label / f"{self.name}.run.json"

    def scratch(self, folder: Path) -> Path:
        """Return the folder for what the notebook writes: its working directory and its ``lab.folder``."""
        return folder / self.label / "files" / self.name


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job: one of `STATUSES`; ``kind`` says why (error, budget, killed …).

    ``elapsed_s`` runs by the clock from the first cell's start; ``cpu_s`` is the processor time of the kernel and its
    child processes since the kernel's start, the unit of budgets. ``cell`` counts the code cells that were begun.
    """

    job: Job
    status: str
    kind: str = ""
    message: str = ""
    cell: int = 0
    cells: int = 0
    elapsed_s: float = 0.0
    cpu_s: float = 0.0
    started: str = ""
    at_once: int = 1
    labkit: str = field(default=__version__)

    @property
    def over_budget(self) -> bool:
        """Return whether it took more processor time than its budget."""
        return self.job.budget_s is not None and self.cpu_s > self.job.budget_s

    def save(self, folder: Path) -> None:
        """Write it beside the executed notebook; raises LabkitError when that cannot be done."""
        files.write(self.job.paths(folder)[1], json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")


def outcome_of(path: Path) -> Outcome:
    """Return the outcome in *path*, a file that anybody may have written.

    Raises LabkitError, with the reason in one sentence, when there is none, or when a field is missing, of another
    type or impossible: a time below zero, or a name that would lead out of the folder of the runs.
    """
    outcome = records.read(Outcome, _json(path), "run record")
    job = outcome.job
    possible = {
        "status": outcome.status in STATUSES,
        "name": _NAME.fullmatch(job.name) is not None and set(job.name) != {"."},
        "label": _NAME.fullmatch(job.label) is not None and set(job.label) != {"."},
        "lesson": re.fullmatch(r"[\w-]{1,20}", job.lesson) is not None,
        "profile": job.profile in settings.PROFILE.choices,
        "edition": job.edition in settings.EDITION.choices,
        "cell": 0 <= outcome.cell <= outcome.cells < 100_000,
        "elapsed_s": outcome.elapsed_s >= 0,
        "cpu_s": outcome.cpu_s >= 0,
        "budget_s": job.budget_s is None or job.budget_s > 0,
        "limit_s": job.limit_s > 0,
        "at_once": outcome.at_once >= 1,
    }
    for name, holds in possible.items():
        if not holds:
            raise LabkitError(f"The field {name!r} of a run record has an impossible value.")
    return outcome


def read_outcome(path: Path) -> Outcome | None:
    """Return the outcome in *path*; None when there is none, or none that this version can read."""
    try:
        return outcome_of(path)
    except LabkitError:
        return None


def _json(path: Path) -> Any:
    """Return the JSON in *path*; raises LabkitError when it is missing, too large, or no JSON."""
    try:
        if path.stat().st_size > LARGEST_RECORD:
            raise LabkitError(
                f"{path.name} has more than {LARGEST_RECORD / 1e6:g} MB, and a record of a run is never so large."
            )
        return json.loads(path.read_bytes())
    except OSError as error:
        raise LabkitError(f"{path.name} cannot be read: {error.strerror or error}.") from None
    except (ValueError, RecursionError):  # UnicodeDecodeError and numbers of thousands of digits are ValueErrors
        raise LabkitError(f"{path.name} is not JSON.") from None


def plan(request: RunRequest) -> tuple[list[Job], list[str]]:
    """Return the jobs of *request*, in the order of the lessons, and remarks for the reader.

    A lesson runs once for each combination of its own parameters' values, and once at its defaults when it has none
    of them (a remark says so). ``extremes`` runs each end of each documented parameter once, the others at their fast
    defaults. Raises UsageError for an unknown lesson, parameter, profile, edition or kernel, and for a value of the
    wrong type or out of range; LabkitError when the edition of a lesson is not built.
    """
    one_of("profile", request.profile, settings.PROFILE.choices)
    one_of("edition", request.edition, settings.EDITION.choices)
    words_by_name = _settings(request.settings)
    if request.extremes and (words_by_name or request.profile != "fast"):
        raise UsageError("--extremes chooses the parameters and the profile fast itself: leave out -p and --profile.")
    named = {lesson.number: lesson for lesson in map(find, request.lessons)}
    chosen = list(named.values()) or lessons()
    if not chosen:
        raise LabkitError(f"There is no lesson in {course() / 'notebooks' / 'source'}: nothing to run.")
    documented = {lesson.number: parameters_of(lesson) for lesson in chosen}
    _check_names(words_by_name, documented)
    kernel = kernels.check(request.kernel)
    jobs, remarks = [], []
    for lesson in chosen:
        own = documented[lesson.number]
        if request.extremes:
            combinations: list[dict[str, Any]] = [{item.name: end} for item in own for end in item.ends]
        else:
            combinations = _product(own, words_by_name)
            missing = [name for name in words_by_name if name not in {item.name for item in own}]
            if missing:
                remarks.append(f"Lesson {lesson.number} has no parameter {' or '.join(missing)}: its default stands.")
        jobs += [
            job_of(
                lesson,
                combination,
                profile=request.profile,
                edition=request.edition,
                kernel=kernel,
                extremes=request.extremes,
            )
            for combination in combinations
        ]
    if not jobs:
        raise UsageError("The chosen lessons have no parameters, hence no extremes: leave out --extremes.")
    return jobs, remarks


def job_of(
    lesson: Lesson,
    values: Mapping[str, Any],
    *,
    profile: str,
    edition: str,
    kernel: str,
    extremes: bool = False,
    notebook: Path | None = None,
) -> Job:
    """Return the job that executes *notebook* (its edition in the course when None) with *values*, already checked.

    Raises LabkitError when the notebook is missing or cannot be read.
    """
    folder = course() / "notebooks"
    path = notebook or (folder / "solved" if edition == "solved" else folder) / f"{lesson.path.stem}.ipynb"
    budget = None if profile == "study" else float(lesson.budget_s[profile])
    # A budget holds for the defaults; an extreme (fifty epochs) gets the full profile's time, whatever the profile.
    longest = max(lesson.budget_s.values()) if extremes else budget
    return Job(
        lesson=lesson.number,
        title=lesson.title,
        name=lesson.path.stem,
        notebook=str(path),
        edition=edition,
        profile=profile,
        label=_label(values, profile, edition, extremes),
        parameters=dict(values),
        budget_s=budget,
        limit_s=STUDY_LIMIT_S if longest is None else OVERRUN * float(longest),
        kernel=kernel,
        key=_key(path, values, profile, edition, kernel),
    )


def _settings(words: Iterable[str]) -> dict[str, list[str]]:
    """Return ``["seed=1,2"]`` as ``{"seed": ["1", "2"]}``."""
    words_by_name: dict[str, list[str]] = {}
    for word in words:
        name, sign, values = word.partition("=")
        if not (sign and name.strip() and values.strip()):
            raise UsageError(
                f"-p must be name=value or name=value,value, as in -p sparsity=0.9,0.95, but is {word[:60]!r}."
            )
        words_by_name.setdefault(name.strip(), []).extend(value.strip() for value in values.split(","))
    return words_by_name


def _check_names(names: Iterable[str], documented: Mapping[str, list[parameters.Parameter]]) -> None:
    """Refuse a name that no chosen lesson has; one that only some have is a wish for those."""
    known = {item.name for items in documented.values() for item in items}
    for name in names:
        if name not in known:
            whose = f"lesson {next(iter(documented))}" if len(documented) == 1 else "any of the chosen lessons"
            choices = ", ".join(sorted(known)) or "none"
            raise UsageError(
                f"There is no parameter {name[:60]!r} in {whose}{nearest(name[:60], known)} (known: {choices})."
            )


def _product(own: list[parameters.Parameter], words_by_name: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """Return every combination of values for this lesson's own parameters; one empty one when none is named."""
    named = [item for item in own if item.name in words_by_name]
    values = [list(dict.fromkeys(item.read(word) for word in words_by_name[item.name])) for item in named]
    names = [item.name for item in named]
    return [dict(zip(names, combination, strict=True)) for combination in itertools.product(*values)]


def _label(values: Mapping[str, Any], profile: str, edition: str, extremes: bool) -> str:
    """Return the name of the folder for a run with these values, the same each time: ``full-sparsity=0.95``."""
    words = ["extremes" if extremes else profile] + (["student"] if edition == "student" else [])
    words += [f"{name}={value}" for name, value in values.items()]
    label = re.sub(r"[^\w.=+-]", "_", "-".join(words))
    return label if len(label) <= 120 else f"{label[:100]}-{files.sha256(label.encode())[:12]}"


def _key(path: Path, values: Mapping[str, Any], profile: str, edition: str, kernel: str) -> str:
    """Return a hash over what a result depends on.

    That is the notebook's cells (not their stored outputs), the parameters, the profile, the kernel, and labkit's
    version and code.
    """
    remedy = f"'labkit build {path.stem[:2]}'"
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = [[cell["cell_type"], cell["source"], cell["metadata"].get("tags")] for cell in cells]
    except OSError:
        raise LabkitError(f"{path} is missing: make it with {remedy}, then run again.") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise LabkitError(f"{path} is not a readable notebook: make it again with {remedy}.") from None
    facts = [code, values, profile, edition, kernel, __version__, code_digest()]
    return files.sha256(json.dumps(facts, sort_keys=True).encode())


@functools.cache
def code_digest() -> str:
    """Return a hash over the code that a page can reach, without blank lines and lines of comments.

    A checkout under development changes without its version changing, and ``--resume`` must not join results of two
    states of the code. The commands, the runner, the report and the tools of authors change no result and do not
    count. Lines, not syntax trees, because to parse the package takes a second on every run; so a changed docstring
    counts too, and costs a run more than need be.
    """
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(path for package in _DIGESTED for path in (root / package).rglob("*.py")):
        lines = (line.rstrip() for line in path.read_bytes().splitlines())
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
        digest.update(b"\n".join(line for line in lines if line and not line.lstrip().startswith(b"#")))
    return digest.hexdigest()
