"""Tables on a page: measurements, or rows of the lesson's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from labkit.session.display import escape
from labkit.session.events import Measurement

# What a table of measurements shows, and how each figure is written.
MEASURED: Mapping[str, Any] = {
    "model": lambda m: m.name,
    "accuracy": lambda m: f"{100 * m.accuracy:.2f} %",
    "95 % interval": lambda m: f"{100 * m.accuracy_low:.2f} to {100 * m.accuracy_high:.2f}",
    "file": lambda m: f"{m.bytes:,} B",
    "deflated": lambda m: f"{m.compressed_bytes:,} B",
    "weights": lambda m: f"{m.parameters:,}",
    "not zero": lambda m: f"{m.nonzero:,}",
    "MACs": lambda m: f"{m.macs:,}",
    "time (quartiles)": lambda m: (
        "–" if m.latency_ms is None else f"{m.latency_ms:.3f} ms ({m.latency_low_ms:.3f} to {m.latency_high_ms:.3f})"
    ),
    "time, relative": lambda m: "–" if m.latency_ratio is None else f"{m.latency_ratio:.2f}×",
}


def sentence(measurement: Measurement) -> str:
    """One measurement in a line, as it is shown when it is taken; a table sets several side by side."""
    shown = {name: write(measurement) for name, write in MEASURED.items()}
    parts = [f"{shown['accuracy']} ({shown['95 % interval']}) of {measurement.n:,} {measurement.split} images"]
    parts += [f"file {shown['file']}", f"deflated {shown['deflated']}", f"{shown['not zero']} weights not zero"]
    if measurement.latency_ms is not None:
        parts.append(shown["time (quartiles)"])
    return f"measured {measurement.name}: {' · '.join(parts)}"


def rows_of(items: Iterable[Measurement | Mapping[str, Any]], columns: Sequence[str] | None) -> list[dict[str, str]]:
    """Every item as a row of text; *columns* picks and orders (measurements: the names in ``MEASURED``)."""
    rows = []
    for item in items:
        if isinstance(item, Measurement):
            rows.append({name: MEASURED[name](item) for name in (columns or MEASURED)})
        else:
            rows.append({name: _text(item[name]) for name in (columns or item)})
    return rows


def html(rows: Sequence[Mapping[str, str]], caption: str = "") -> str:
    """*rows* as an HTML table with headers and, if given, a caption."""
    if not rows:
        return "<p>(no rows)</p>"
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in rows[0])
    body = "".join(f"<tr>{''.join(f'<td>{escape(value)}</td>' for value in row.values())}</tr>" for row in rows)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def text(rows: Sequence[Mapping[str, str]]) -> str:
    """*rows* as lines of text, for readers without HTML."""
    if not rows:
        return "(no rows)"
    return "\n".join([" | ".join(rows[0]), *(" | ".join(row.values()) for row in rows)])


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if hasattr(value, "item"):
        value = value.item()
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)
