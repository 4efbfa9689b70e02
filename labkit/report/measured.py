"""The measured values of the reproductions, per row and seed, in the committed file ``data/reproductions.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from labkit.base import files, records
from labkit.base.errors import LabkitError
from labkit.report.notebooks import read_json

SCHEMA = 1
ABOUT = (
    "Values that the claims of executed pages measured, by row of data/published.toml; `labkit reproduce` adds to them "
    "and writes docs/reproductions.md. A value whose claim is under 'rounded' is known only as it was printed, to the "
    "digits it has here. An entry under 'aggregates' stands for seeds whose own values are not known exactly: mean, "
    "standard deviation and range, as printed."
)
_LARGEST = 20 * 2**20  # bytes
_RESTORE = "restore it from the repository"


@dataclass(frozen=True)
class Conditions:
    """The conditions of a measured value besides its seed and parameters."""

    date: str
    cpu: str
    profile: str
    versions: dict[str, str]


@dataclass(frozen=True)
class Run:
    """One execution of a page: value by claim id, None for NaN. ``rounded`` are claims known only as printed."""

    seed: int
    parameters: dict[str, Any]
    conditions: Conditions
    values: dict[str, float | None]
    rounded: tuple[str, ...]


@dataclass(frozen=True)
class Aggregate:
    """Mean, standard deviation and range of one claim over ``seeds``, as printed."""

    claim: str
    seeds: tuple[int, ...]
    mean: float
    spread: float
    low: float
    high: float
    conditions: Conditions


@dataclass(frozen=True)
class Wording:
    """A claim's text, the unit of its values and its bound in words."""

    text: str
    unit: str
    relation: str


@dataclass(frozen=True)
class Measured:
    """All that is known of one row. ``alt`` describes its picture, empty when it has none."""

    claims: dict[str, Wording]
    runs: tuple[Run, ...]
    aggregates: tuple[Aggregate, ...]
    alt: str

    def exact(self, claim: str) -> dict[int, float | None]:
        """Return the exactly known values of *claim* by seed."""
        return {run.seed: run.values[claim] for run in self.runs if claim in run.values and claim not in run.rounded}

    def aggregate(self, claim: str) -> Aggregate | None:
        """Return the aggregate of *claim*; None when there is none, or all of its seeds have exact values by now."""
        exact = self.exact(claim)
        for aggregate in self.aggregates:
            if aggregate.claim == claim and not all(seed in exact for seed in aggregate.seeds):
                return aggregate
        return None

    def with_run(self, run: Run, claims: Mapping[str, Wording], alt: str) -> Measured:
        """Return these values with *run* in place of an older one with the same seed.

        A run that is older than the known one changes nothing. Only the row's smallest seed brings a picture.
        """
        known = {known.seed: known for known in self.runs}
        present = known.get(run.seed)
        if present is not None and not present.rounded and present.conditions.date > run.conditions.date:
            return self
        known[run.seed] = run
        return Measured(
            claims={**self.claims, **claims},
            runs=tuple(known[seed] for seed in sorted(known)),
            aggregates=self.aggregates,
            alt=alt if alt and run.seed == min(known) else self.alt,
        )


NOTHING = Measured(claims={}, runs=(), aggregates=(), alt="")


def read(path: Path) -> dict[str, Measured]:
    """Return the values in the file *path* by row, none when there is no file; raises LabkitError for a broken one."""
    if not path.exists():
        return {}
    try:
        content = read_json(path, _LARGEST)
        if not isinstance(content, Mapping) or content.get("schema") != SCHEMA:
            raise LabkitError(f"It is not a file of measured values with schema {SCHEMA}.")
        rows = content.get("rows")
        if not isinstance(rows, Mapping):
            raise LabkitError("It has no table of rows.")
        return {str(name): _measured(row, f"row {str(name)[:60]!r}") for name, row in rows.items()}
    except LabkitError as error:
        raise LabkitError(f"{path} cannot be read: {str(error).rstrip('.')}; {_RESTORE}.") from None


def write(path: Path, rows: Mapping[str, Measured]) -> Path:
    """Write *rows* to *path*, whole or not at all, and return the path."""
    content = {"schema": SCHEMA, "about": ABOUT, "rows": {name: asdict(row) for name, row in rows.items()}}
    return files.write(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _measured(row: Any, name: str) -> Measured:
    """Return one row of the file; raises LabkitError, calling the row *name*."""
    if not isinstance(row, Mapping) or not isinstance(row.get("claims"), Mapping):
        raise LabkitError(f"The {name} has no table of claims.")
    alt = row.get("alt", "")
    if not isinstance(alt, str):
        raise LabkitError(f"The alt text of {name} is not text.")
    return Measured(
        claims={
            str(claim): records.read(Wording, wording, f"claim of {name}") for claim, wording in row["claims"].items()
        },
        runs=tuple(records.read(Run, run, f"run of {name}") for run in _list(row, "runs", name)),
        aggregates=tuple(
            records.read(Aggregate, entry, f"aggregate of {name}") for entry in _list(row, "aggregates", name)
        ),
        alt=alt,
    )


def _list(row: Mapping[str, Any], key: str, name: str) -> Sequence[Any]:
    """Return the list *key* of a row."""
    entries = row.get(key)
    if not isinstance(entries, list):
        raise LabkitError(f"The {name} has no list of {key}.")
    return entries
