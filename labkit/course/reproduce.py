"""Published figures against ours: run the pages that claim to reach them, over seeds, and write the table.

Each row names a page, its parameters and the page's own claims; nothing in the table is typed. The notebooks are
executed in the profile study and stay where they are: what was run, for whatever row, is not run again.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from labkit.base import files
from labkit.base.errors import UsageError, one_of
from labkit.base.places import course
from labkit.page.claim import quantity
from labkit.page.record import events


@dataclass(frozen=True)
class Row:
    """A published figure: where it stands, the page that reaches for it, and that page's claims (by their text)."""

    id: str
    published: str
    source: str
    lesson: str
    claims: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = (1, 2, 3)

    @property
    def settings(self) -> list[str]:
        """Its parameters and seeds as words for ``labkit run -p``."""
        words = [f"{name}={value}" for name, value in self.parameters.items()]
        return [*words, "seed=" + ",".join(map(str, self.seeds))]

    @property
    def command(self) -> str:
        """What to type to run it again."""
        return f"labkit reproduce {self.id}"


_LENET300 = {"dataset": "mnist", "network": "lenet_300_100"}
_LENET5 = {"dataset": "mnist", "network": "lenet5", "epochs": 12}  # of 6 s each: a quarter of an hour a seed
ROWS = (
    Row(
        "lloyd-max",
        "Gaussian source: the eighth bit gains 5.99 dB with Lloyd–Max levels, 5.40 dB with the best uniform step",
        "Max 1960, IRE Trans. Inf. Theory 6(1)",
        "22",
        ("Eighth bit, Lloyd–Max", "Eighth bit, best uniform"),
        seeds=(1,),
    ),
    Row(
        "fine-steps",
        "Fine uniform steps, ideally coded, are 1.53 dB from the rate–distortion bound",
        "Gish and Pierce 1968, IEEE Trans. Inf. Theory 14(5)",
        "22",
        ("Fine steps, ideally coded, below the bound by",),
        seeds=(1,),
    ),
    Row(
        "two-of-four",
        "2:4 sparsity stores int8 in 62.5 %, float16 in 56.25 %, float32 in 53.1 % of the dense bytes",
        "Mishra et al. 2021, arXiv:2104.08378",
        "30",
        ("2:4 against dense, int8", "2:4 against dense, float16", "2:4 against dense, float32"),
        seeds=(1,),
    ),
    Row(
        "pruning-lenet-300-100",
        "LeNet-300-100, 12 times fewer weights, error 1.64 → 1.59 %",
        "Han et al. 2015, arXiv:1506.02626",
        "31",
        ("Fewer weights, times", "Accuracy lost on MNIST"),
        {"dataset": "mnist"},
    ),
    Row(
        "int8-files",
        "int8 after training: 4 times smaller; float16: 2 times",
        "TensorFlow, post-training quantization guide",
        "40",
        ("LeNet-5, float32 over int8 bytes", "LeNet-5, float32 over float16", "Most accuracy lost by any int8 file"),
        {"dataset": "fashion_mnist"},
    ),
    Row(
        "clustering-tfmot",
        "16 shared values: 6 times smaller deflated, 8 times with int8, on MNIST",
        "TFMOT, weight clustering tutorial",
        "50",
        ("TFMOT, times smaller (promised: 6)", "TFMOT, int8, times smaller (promised: 8)"),
        {"dataset": "mnist"},
    ),
    Row(
        "range-coding",
        "A range coder comes within 0.1 % of the entropy",
        "Martin 1979, Range encoding; Bamler 2022, arXiv:2201.01741",
        "51",
        ("Hand coder above the entropy",),
    ),
    Row(
        "deep-compression-lenet-300-100",
        "LeNet-300-100, 40 times, error 1.64 → 1.58 %",
        "Han et al. 2016, arXiv:1510.00149",
        "52",
        ("lenet_300_100 on MNIST, times smaller", "lenet_300_100 on MNIST, error above the dense"),
        _LENET300,
    ),
    Row(
        "deep-compression-lenet5",
        "LeNet-5, 39 times, error 0.80 → 0.74 %",
        "Han et al. 2016, arXiv:1510.00149",
        "52",
        ("lenet5 on MNIST, times smaller", "lenet5 on MNIST, error above the dense"),
        _LENET5,
    ),
    Row(
        "record-lenet-300-100",
        "LeNet-300-100, 124 times, error 1.9 %",
        "Oktay et al. 2020, arXiv:1906.06624",
        "52",
        ("lenet_300_100 with a teacher, times smaller", "lenet_300_100 with a teacher, error"),
        _LENET300,
    ),
    Row(
        "taught-lenet5",
        "LeNet-5, 162 times, error 0.97 %",
        "Ullrich et al. 2017, arXiv:1702.04008",
        "52",
        ("lenet5 with a teacher, times smaller", "lenet5 with a teacher, error"),
        _LENET5,
    ),
)
_HEAD = """# Published figures, and ours

Written by `labkit reproduce` from executed notebooks; no cell is typed. *Ours* is the mean over the seeds that were
run, ± their standard deviation; *asked* is the bound of the page's own claim. A row that was not run says so.
"""
_COLUMNS = ("row", "published", "lesson", "claim", "asked", "ours", "seeds", "data", "command", "run on")


def chosen(names: Sequence[str]) -> list[Row]:
    """The rows called *names*, all when none is named; raises UsageError for an unknown one."""
    known = {row.id: row for row in ROWS}
    return [known[one_of("row", name, known)] for name in names] or list(ROWS)


def run(rows: Iterable[Row], folder: Path, *, seeds: Sequence[int] | None = None, profile: str = "study") -> int:
    """Execute the notebooks of *rows* into *folder*, one after the other; those that went well before are left alone.

    Returns 0, or 1 when one failed, or 130 when stopped.
    """
    from labkit.course.plan import plan
    from labkit.course.run import execute
    from labkit.course.run_live import Live

    worst = 0
    for row in rows:
        row = replace(row, seeds=tuple(seeds)) if seeds else row
        jobs, _ = plan([row.lesson], profile=profile, settings=row.settings)
        result = execute(jobs, folder, at_once=1, resume=True, live=Live())
        worst = max(worst, result.exit_code)
        if result.interrupted:
            break
    return worst


def write(folder: Path, target: Path) -> Path:
    """Write the table of all rows, from the notebooks under *folder*, to *target* (Markdown)."""
    lines = [_HEAD, "| " + " | ".join(_COLUMNS) + " |", "|" + "---|" * len(_COLUMNS)]
    executed = _events(folder)
    for row in ROWS:
        for cells in _cells(row, [told for told in executed if _belongs(told, row)]):
            lines.append("| " + " | ".join(text.replace("|", "\\|") for text in cells) + " |")
    return files.write(target, "\n".join(lines) + "\n")


def default_folder() -> Path:
    """Where the executed notebooks of this command stay."""
    return course() / "build" / "reproduce"


def _events(folder: Path) -> list[list[dict[str, Any]]]:
    """The events of every notebook under *folder* that was executed to its end."""
    found = []
    for path in sorted(folder.rglob("*.ipynb")):
        try:
            told = events(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, AttributeError):
            continue
        if any(event["kind"] == "finish" for event in told):
            found.append(told)
    return found


def _belongs(told: list[dict[str, Any]], row: Row) -> bool:
    """Whether a notebook was run for *row*: its page, its parameters, and not merely to see that it works."""
    start = next((event for event in told if event["kind"] == "start"), {})
    given = start.get("parameters", {})
    same = all(given.get(name) == value for name, value in row.parameters.items())
    return start.get("lesson") == row.lesson and start.get("profile") != "fast" and same


def _cells(row: Row, notebooks: list[list[dict[str, Any]]]) -> Iterable[tuple[str, ...]]:
    """The lines of the table for *row*, one a claim."""
    starts = [next(event for event in told if event["kind"] == "start") for told in notebooks]
    seeds = ", ".join(str(start["seed"]) for start in starts) or "none"
    where = sorted({f"{s['date']}, {s['cpu']}, {s['profile']}, {_versions(s['versions'])}" for s in starts})
    data = row.parameters.get("dataset", "the page's own")
    for text in row.claims:
        told = [event for events in notebooks for event in events if event["kind"] == "claim" and event["text"] == text]
        yield (
            row.id,
            f"{row.published} ({row.source})",
            row.lesson,
            text,
            told[0]["relation"] if told else "–",
            _mean([event["value"] for event in told], told[0]["unit"]) if told else "not run",
            seeds,
            str(data),
            f"`{row.command}`",
            "; ".join(where) or "–",
        )


def _mean(values: list[float], unit: str) -> str:
    """``1.52 % ± 0.08 % (1.45 % to 1.60 %)``: mean, standard deviation over seeds, and their range."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return f"{quantity(mean, unit)} (one seed)"
    ends = f"{quantity(min(values), unit)} to {quantity(max(values), unit)}"
    return f"{quantity(mean, unit)} ± {quantity(statistics.stdev(values), unit)} ({ends})"


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def seeds_of(text: str) -> list[int]:
    """``"1,2"`` as numbers; raises UsageError for anything else."""
    try:
        found = [int(word) for word in text.split(",")]
    except ValueError:
        raise UsageError(f"--seeds is {text!r}, but takes whole numbers, as in --seeds 1,2,3.") from None
    if not all(0 <= seed < 2**31 for seed in found):
        raise UsageError(f"--seeds is {text!r}, but a seed lies between 0 and 2**31 - 1.")
    return found
