"""The events that a page leaves in its executed notebook, one frozen dataclass per kind.

A page writes an event with `to_dict`; the report and the tables read it back with `read`. Notebooks come from other
people too, so `from_dict` checks every field and refuses what does not fit, in one sentence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, Self

from labkit.base import records
from labkit.base.errors import LabkitError

MIME = "application/vnd.labkit.record+json"
SCHEMA = 2


@dataclass(frozen=True)
class Event:
    """The base of all events: the number of the ``lesson`` that recorded it."""

    kind: ClassVar[str] = ""
    lesson: str

    def to_dict(self) -> dict[str, Any]:
        """Return every field by name in plain JSON values, with ``kind`` and ``schema``."""
        return {"schema": SCHEMA, "kind": self.kind} | {
            field.name: _plain(getattr(self, field.name)) for field in fields(self)
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the event in *record*; raises LabkitError naming the field that is missing or of another type.

        A field with a default may be missing: version 0.2.0 wrote claims without ``label`` and ``when``.
        """
        defaults = {field.name: field.default for field in fields(cls) if field.default is not MISSING}
        return records.read(cls, defaults | dict(record), f"{cls.kind} event")


@dataclass(frozen=True)
class Start(Event):
    """The start of a page. ``parameters`` by name; ``budget_s`` is None in the study profile."""

    kind: ClassVar[str] = "start"
    title: str
    profile: str
    edition: str
    seed: int
    parameters: dict[str, Any]
    at_defaults: bool
    versions: dict[str, str]
    cpu: str
    threads: int
    date: str
    budget_s: float | None


@dataclass(frozen=True)
class Measurement(Event):
    """One measurement of one model, a row of the results table.

    ``accuracy`` is a fraction, its ``accuracy_low`` and ``accuracy_high`` a 95 % Wilson interval for ``n`` images;
    ``bytes`` are the file's, ``compressed_bytes`` those after zlib at level 9; times are in ms for one image, the
    median and its quartiles, or None where none were taken; ``latency_ratio`` is relative to the reference timed in
    the same run (1 for the reference itself).
    """

    kind: ClassVar[str] = "measurement"
    name: str
    technique: str
    network: str
    dataset: str
    split: str
    n: int
    correct: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    bytes: int
    compressed_bytes: int
    parameters: int
    nonzero: int
    macs: int
    latency_ms: float | None
    latency_low_ms: float | None
    latency_high_ms: float | None
    latency_ratio: float | None
    threads: int
    cpu: str

    @property
    def error(self) -> float:
        """Return the fraction of images that the model gets wrong."""
        return 1.0 - self.accuracy

    @property
    def kib(self) -> float:
        """Return the file's size in KiB (1,024 bytes)."""
        return self.bytes / 1024


@dataclass(frozen=True)
class Table(Event):
    """A table that the page showed."""

    kind: ClassVar[str] = "table"
    rows: int
    caption: str


@dataclass(frozen=True)
class Claim(Event):
    """One claim with its outcome. ``value`` and the bound are in plain units (a fraction, not a percentage).

    ``text`` is a sentence, ``label`` names the value, ``relation`` is the bound in words and ``bound`` its kind:
    at_least, at_most, between or equals. ``value`` is None where the page measured NaN or infinity. ``when`` says
    under which conditions the claim is asserted; it is empty for one that always is.
    """

    kind: ClassVar[str] = "claim"
    id: str
    text: str
    value: float | None
    bound: str
    relation: str
    unit: str
    spread: float | None
    held: bool
    asserted: bool
    label: str = ""
    when: str = ""

    @property
    def status(self) -> str:
        """Return ``held`` or ``failed`` where the claim was asserted, ``shown`` where it was only shown."""
        if not self.asserted:
            return "shown"
        return "held" if self.held else "failed"


@dataclass(frozen=True)
class Prediction(Event):
    """A question asked before the result, and the learner's guess, None where none was made."""

    kind: ClassVar[str] = "prediction"
    id: str
    question: str
    guess: str | None


@dataclass(frozen=True)
class Answer(Event):
    """The measured answer to a question, beside the guess."""

    kind: ClassVar[str] = "answer"
    id: str
    guess: str | None
    actual: str


@dataclass(frozen=True)
class Check(Event):
    """The verdict on a learner's solution of exercise ``id``."""

    kind: ClassVar[str] = "check"
    id: str
    passed: bool
    attempted: bool
    message: str


@dataclass(frozen=True)
class Figure(Event):
    """A figure with its alt text and its size in the notebook."""

    kind: ClassVar[str] = "figure"
    alt: str
    bytes: int


@dataclass(frozen=True)
class Finish(Event):
    """The end of a page: its last text, and how long it took. ``budget_s`` is None in the study profile."""

    kind: ClassVar[str] = "finish"
    text: str
    elapsed_s: float
    cpu_s: float
    budget_s: float | None


KINDS: dict[str, type[Event]] = {
    cls.kind: cls for cls in (Start, Measurement, Table, Claim, Prediction, Answer, Check, Figure, Finish)
}


def read(notebook: Any) -> tuple[list[Event], list[str]]:
    """Return the events in an executed notebook, in order, and one sentence for each record that is not one.

    *notebook* is parsed JSON of any shape: one that is no nbformat 4 notebook has no events and one problem.
    """
    events: list[Event] = []
    problems: list[str] = []
    try:
        cells = [(number, outputs_of(cell)) for number, cell in enumerate(cells_of(notebook), 1)]
    except LabkitError as error:
        return [], [str(error)]
    for number, outputs in cells:
        for output in outputs:
            data = output.get("data")
            record = data.get(MIME) if isinstance(data, Mapping) else None
            if record is None:
                continue
            try:
                events.append(event_of(record))
            except LabkitError as error:
                problems.append(f"Cell {number}: {error}")
    return events, problems


def event_of(record: Any) -> Event:
    """Return the event in *record* (parsed JSON); raises LabkitError when it is not one of `KINDS`."""
    if not isinstance(record, Mapping):
        raise LabkitError("A record is not a JSON object.")
    if record.get("schema") != SCHEMA:
        raise LabkitError(f"A record has schema {str(record.get('schema'))[:20]}; this version reads schema {SCHEMA}.")
    kind = record.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise LabkitError(f"A record has the unknown kind {str(kind)[:40]!r}.")
    return KINDS[kind].from_dict(record)


def cells_of(notebook: Any) -> list[Mapping[str, Any]]:
    """Return a notebook's cells; raises LabkitError when *notebook* is no nbformat 4 object."""
    cells = notebook.get("cells") if isinstance(notebook, Mapping) else None
    if not isinstance(cells, list) or not all(isinstance(cell, Mapping) for cell in cells):
        raise LabkitError("This is not a notebook in nbformat 4: it has no list of cells.")
    return cells


def outputs_of(cell: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return a cell's outputs; raises LabkitError when they are no list of objects."""
    outputs = cell.get("outputs", [])
    if not isinstance(outputs, list) or not all(isinstance(output, Mapping) for output in outputs):
        raise LabkitError("A cell's outputs are not a list of JSON objects.")
    return outputs


def _plain(value: Any) -> Any:
    """Return *value* as JSON knows it: NumPy numbers become Python's, what is not finite becomes None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)
