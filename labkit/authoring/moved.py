"""Compare the values of two executions of one page: list what moved, old beside new.

Listed are exact values that changed (counts, bytes, claims of equality) and accuracies outside the stored interval.
Times are not listed: they differ from run to run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labkit.base.errors import LabkitError
from labkit.session import events

EXACT_FIELDS = {
    "n": "images",
    "parameters": "parameters",
    "nonzero": "nonzero weights",
    "macs": "multiply-adds",
    "bytes": "bytes",
    "compressed_bytes": "compressed bytes",
}
_BYTE_UNITS = ("B", "KiB", "MiB", "bytes")
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Move:
    """A *value* of a lesson with its *old* and *new* text; one of them is empty when the value is new or gone."""

    lesson: str
    value: str
    old: str
    new: str


def moves(lesson: str, old: Any, new: Any) -> list[Move]:
    """Return what moved between the notebooks *old* and *new* (parsed JSON) of *lesson*."""
    old_records, new_records = _records(old), _records(new)
    pairs = _pairs(old_records, new_records, "measurement", _measurement_key)
    rows = [row for before, after in pairs for row in _of_measurement(lesson, before, after)]
    name = _claim_id if all(record.get("id") for record in _of_kind(old_records, "claim")) else _claim_text
    pairs = _pairs(old_records, new_records, "claim", name)
    return rows + [row for before, after in pairs for row in _of_claim(lesson, before, after)]


def table(rows: Sequence[Move]) -> str:
    """Return the moves as a Markdown table, or a sentence when there are none."""
    if not rows:
        return "Nothing moved: every exact value is the same, and every accuracy is within its stored interval."
    lines = ["| lesson | value | old | new |", "|---|---|---:|---:|"]
    for row in rows:
        value = row.value.replace("|", "\\|")
        lines.append(f"| {row.lesson} | {value} | {row.old or '–'} | {row.new or '–'} |")
    return "\n".join(lines)


def _of_measurement(lesson: str, before: Record | None, after: Record | None) -> Iterator[Move]:
    one = before if before is not None else after
    assert one is not None
    name = f"{one['name']}, {one['split']}"
    if before is None or after is None:
        yield Move(lesson, f"measurement of {name}", _presence(before), _presence(after))
        return
    for key, label in EXACT_FIELDS.items():
        if before[key] != after[key]:
            yield Move(lesson, f"{name}: {label}", f"{before[key]:,}", f"{after[key]:,}")
    if not before["accuracy_low"] <= after["accuracy"] <= before["accuracy_high"]:
        interval = f"{before['accuracy']:.2%} ({before['accuracy_low']:.2%} to {before['accuracy_high']:.2%})"
        yield Move(lesson, f"{name}: accuracy", interval, f"{after['accuracy']:.2%}")


def _of_claim(lesson: str, before: Record | None, after: Record | None) -> Iterator[Move]:
    one = after if after is not None else before
    assert one is not None
    name = f"{one['id']} {one['text']}" if one.get("id") else str(one["text"])
    if before is None or after is None:
        yield Move(lesson, f"claim {name}", _presence(before), _presence(after))
        return
    if before["asserted"] != after["asserted"]:
        yield Move(lesson, f"claim {name}", _assertion(before), _assertion(after))
    if _is_exact(after) and before["value"] != after["value"]:
        yield Move(lesson, f"claim {name}", _number(before["value"]), _number(after["value"]))


def _is_exact(claim: Record) -> bool:
    """Return whether the value of *claim* must be the same on every machine: an equality, or a number of bytes."""
    equality = claim["bound"] == "equals" if "bound" in claim else claim["relation"].startswith("=")
    return equality or claim["unit"] in _BYTE_UNITS


def _pairs(
    old: Sequence[Record], new: Sequence[Record], kind: str, key: Callable[[Record], str]
) -> list[tuple[Record | None, Record | None]]:
    """Return the records of *kind* matched by *key*; None stands where one side has no such record."""
    before, after = _by_key(old, kind, key), _by_key(new, kind, key)
    return [(before.get(name), after.get(name)) for name in {**before, **after}]


def _by_key(records: Sequence[Record], kind: str, key: Callable[[Record], str]) -> dict[tuple[str, int], Record]:
    """Return the records of *kind* by their key and, where several share one, by the order in which they come."""
    result: dict[tuple[str, int], Record] = {}
    counts: dict[str, int] = {}
    for record in _of_kind(records, kind):
        name = key(record)
        counts[name] = counts.get(name, 0) + 1
        result[name, counts[name]] = record
    return result


def _of_kind(records: Sequence[Record], kind: str) -> list[Record]:
    return [record for record in records if record["kind"] == kind]


def _measurement_key(record: Record) -> str:
    return f"{record['name']}, {record['split']}"


def _claim_id(record: Record) -> str:
    return str(record["id"])


def _claim_text(record: Record) -> str:
    return str(record["text"])


def _records(notebook: Any) -> list[Record]:
    """Return the measurements and claims of a notebook as plain dictionaries."""
    records: list[Record] = [event.to_dict() for event in events.read(notebook)[0]]
    return records or _records_of_schema_1(notebook)


def _records_of_schema_1(notebook: Any) -> list[Record]:
    """Return the records of a page that labkit 0.1 executed, whose claims have no ids.

    Only the release after 0.1 compares with such pages: this function, and matching claims by text, can go after it.
    """
    records: list[Record] = []
    try:
        outputs = [output for cell in events.cells_of(notebook) for output in events.outputs_of(cell)]
    except LabkitError:
        return []
    for output in outputs:
        record = output.get("data", {}).get(events.MIME)
        if isinstance(record, Mapping) and record.get("schema") == 1:
            records.append(record)
    return records


def _presence(record: Record | None) -> str:
    return "" if record is None else "present"


def _assertion(claim: Record) -> str:
    return "asserted" if claim["asserted"] else "only shown"


def _number(value: float | None) -> str:
    return "not finite" if value is None else f"{value:,.12g}"
