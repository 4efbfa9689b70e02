"""What to run: lessons × the product of their parameters' values, or the extremes of each; nothing is started here."""

from __future__ import annotations

import functools
import itertools
import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from labkit import __version__
from labkit.base import files
from labkit.base.errors import LabkitError, UsageError, nearest, one_of
from labkit.base.places import course
from labkit.base.profile import PROFILES
from labkit.lesson import parameters
from labkit.lesson.source import Lesson, find, lessons
from labkit.lesson.source import parameters as parameters_of
from labkit.runner import kernels

EDITIONS = ("solved", "student")
OVERRUN = 4  # a page warns past its budget; the run ends it at this many times the budget
STUDY_LIMIT_S = 3 * 3600.0  # a study has no budget, and an end all the same


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
    parameters: dict[str, Any]
    budget_s: float | None
    limit_s: float
    kernel: str
    key: str

    @property
    def command(self) -> str:
        """What to type to run this job again: ``labkit run 31 -p sparsity=0.95``."""
        words = ["labkit", "run", self.lesson]
        words += [] if self.profile == "full" else ["--profile", self.profile]
        words += [] if self.edition == "solved" else ["--edition", self.edition]
        for name, value in self.parameters.items():
            words += ["-p", f"{name}={value}"]
        return shlex.join(words)

    @property
    def words(self) -> str:
        """The parameters that were asked for, in words; empty for the defaults."""
        return ", ".join(f"{name}={value}" for name, value in self.parameters.items())

    @property
    def place(self) -> str:
        """Where it stands among the runs, which is also its name there: no two jobs of a plan share it."""
        return f"{self.label}/{self.name}"

    def paths(self, folder: Path) -> tuple[Path, Path]:
        """Where its executed notebook and its outcome stand under *folder*, the folder of the runs."""
        return folder / self.label / f"{self.name}.ipynb", folder / self.label / f"{self.name}.run.json"


@dataclass(frozen=True)
class Outcome:
    """How a job ended: status ok, failed, interrupted or not run; ``kind`` says why (error, budget, killed …)."""

    job: Job
    status: str
    kind: str = ""
    message: str = ""
    cell: int = 0
    cells: int = 0
    elapsed_s: float = 0.0
    started: str = ""
    at_once: int = 1
    labkit: str = field(default=__version__)

    @property
    def over_budget(self) -> bool:
        """Whether it took longer than its budget."""
        return self.job.budget_s is not None and self.elapsed_s > self.job.budget_s

    def save(self, folder: Path) -> None:
        """Write it beside the executed notebook."""
        files.write(self.job.paths(folder)[1], json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")


def read_outcome(path: Path) -> Outcome | None:
    """The outcome in *path*; None when there is none, or one that another version wrote in another form."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        return Outcome(**{**facts, "job": Job(**facts["job"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def plan(
    names: Sequence[str] = (),
    *,
    profile: str = "full",
    edition: str = "solved",
    settings: Iterable[str] = (),
    extremes: bool = False,
    kernel: str | None = None,
) -> tuple[list[Job], list[str]]:
    """The jobs for the lessons *names* (none: all), in order, and remarks for the reader.

    *settings* are words ``name=value[,value]``; a lesson runs once for each combination of its own parameters' values,
    and once at its defaults when it has none of them (a remark says so). *extremes* runs each end of each documented
    parameter once, the others at their fast defaults. Raises UsageError for an unknown lesson, parameter, kernel, and
    for a value of the wrong type or out of range; LabkitError when the asked edition of a lesson is not built.
    """
    one_of("profile", profile, PROFILES)
    one_of("edition", edition, EDITIONS)
    asked = _settings(settings)
    if extremes and (asked or profile != "fast"):
        raise UsageError(
            "--extremes chooses the parameters and the profile fast by itself: leave out -p and --profile."
        )
    chosen = list({lesson.number: lesson for lesson in map(find, names)}.values()) if names else lessons()
    if not chosen:
        raise LabkitError(f"There is no lesson in {course() / 'notebooks' / 'source'}: nothing to run.")
    documented = {lesson.number: parameters_of(lesson) for lesson in chosen}
    _check_names(asked, documented)
    asked_kernel = kernels.check(kernel)
    jobs, remarks = [], []
    for lesson in chosen:
        known = documented[lesson.number]
        if extremes:
            combinations: list[dict[str, Any]] = [{item.name: end} for item in known for end in item.ends]
        else:
            combinations = _product(known, asked)
            missing = [word for word in asked if word not in {item.name for item in known}]
            if missing:
                remarks.append(f"Lesson {lesson.number} has no parameter {' or '.join(missing)}: its default stands.")
        jobs += [_job(lesson, combination, profile, edition, asked_kernel, extremes) for combination in combinations]
    if not jobs:
        raise UsageError("The chosen lessons have no parameters, hence no extremes: leave out --extremes.")
    return jobs, remarks


def _settings(words: Iterable[str]) -> dict[str, list[str]]:
    """``["seed=1,2"]`` as ``{"seed": ["1", "2"]}``."""
    found: dict[str, list[str]] = {}
    for word in words:
        name, sign, values = word.partition("=")
        if not (sign and name.strip() and values.strip()):
            raise UsageError(f"-p takes name=value or name=value,value, as in -p sparsity=0.9,0.95, and got {word!r}.")
        found.setdefault(name.strip(), []).extend(value.strip() for value in values.split(","))
    return found


def _check_names(asked: Mapping[str, Any], documented: Mapping[str, list[parameters.Parameter]]) -> None:
    """Refuse a name that no chosen lesson has; one that only some have is a wish for those."""
    known = {item.name for items in documented.values() for item in items}
    for name in asked:
        if name not in known:
            whose = f"lesson {next(iter(documented))}" if len(documented) == 1 else "any of the chosen lessons"
            choices = ", ".join(sorted(known)) or "none"
            raise UsageError(f"There is no parameter {name!r} in {whose}{nearest(name, known)} (known: {choices}).")


def _product(known: list[parameters.Parameter], asked: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """Every combination of the asked values of this lesson's own parameters; one empty one when it has none of them."""
    names = [item.name for item in known if item.name in asked]
    values = [
        list(dict.fromkeys(parameters.check(known, {name: word})[name] for word in asked[name])) for name in names
    ]
    return [dict(zip(names, combination, strict=True)) for combination in itertools.product(*values)]


def _job(lesson: Lesson, values: dict[str, Any], profile: str, edition: str, kernel: str, extremes: bool) -> Job:
    folder = course() / "notebooks"
    path = (folder / "solved" if edition == "solved" else folder) / f"{lesson.path.stem}.ipynb"
    budget = None if profile == "study" else float(lesson.budget_s[profile])
    # A budget holds for the defaults; an extreme (fifty epochs) is given the full profile's time, whatever the profile.
    longest = max(lesson.budget_s.values()) if extremes else budget
    return Job(
        lesson=lesson.number,
        title=lesson.title,
        name=lesson.path.stem,
        notebook=str(path),
        edition=edition,
        profile=profile,
        label=_label(values, profile, edition, extremes),
        parameters=values,
        budget_s=budget,
        limit_s=STUDY_LIMIT_S if longest is None else OVERRUN * float(longest),
        kernel=kernel,
        key=_key(path, values, profile, edition, kernel),
    )


def _label(values: Mapping[str, Any], profile: str, edition: str, extremes: bool) -> str:
    """The name of the folder for a run with these values, the same each time: ``full-sparsity=0.95``."""
    words = ["extremes" if extremes else profile] + (["student"] if edition == "student" else [])
    words += [f"{name}={value}" for name, value in values.items()]
    label = re.sub(r"[^\w.=+-]", "_", "-".join(words))
    return label if len(label) <= 120 else f"{label[:100]}-{files.sha256(label.encode())[:12]}"


def _key(path: Path, values: Mapping[str, Any], profile: str, edition: str, kernel: str) -> str:
    """What a result depends on: the notebook's code (not its stored outputs), the parameters, the profile, labkit."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = [[cell["cell_type"], cell["source"], cell["metadata"].get("tags")] for cell in cells]
    except OSError:
        number = path.stem[:2]
        raise LabkitError(f"{path} is missing: make it with 'labkit build {number}', then run again.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        number = path.stem[:2]
        raise LabkitError(
            f"{path} is no notebook that can be read: make it anew with 'labkit build {number}'."
        ) from None
    facts = [code, values, profile, edition, kernel, __version__, labkit_digest()]
    return files.sha256(json.dumps(facts, sort_keys=True).encode())


@functools.cache
def labkit_digest() -> str:
    """A hash over labkit's own code: a development version changes without its number changing."""
    root = Path(__file__).parents[1]
    texts = (f"{path.relative_to(root)}\0".encode() + path.read_bytes() for path in sorted(root.rglob("*.py")))
    return files.sha256(b"".join(texts))
