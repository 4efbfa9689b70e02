"""Tables: rows of measurements and of the lesson's own, in HTML and in words."""

from __future__ import annotations

import numpy as np

from labkit.session import tables
from labkit.session.events import Measurement

ROW = Measurement(
    lesson="31", name="dense <1>", technique="baseline", network="n", dataset="d", split="test", n=100, correct=90,
    accuracy=0.9, accuracy_low=0.82, accuracy_high=0.95, bytes=1234567, compressed_bytes=1000, parameters=5000,
    nonzero=4000, macs=12345, latency_ms=None, latency_low_ms=None, latency_high_ms=None, latency_ratio=None,
    threads=1, cpu="c",
)  # fmt: skip


def test_a_measurement_in_words() -> None:
    (row,) = tables.rows_of([ROW], None)
    assert list(row) == list(tables.MEASURED)
    assert row["accuracy"] == "90.00 %" and row["file"] == "1,234,567 B" and row["time (quartiles)"] == "–"


def test_columns_pick_and_order() -> None:
    assert tables.rows_of([ROW], ["file", "model"]) == [{"file": "1,234,567 B", "model": "dense <1>"}]
    assert tables.rows_of([{"a": 1, "b": 2}], ["b"]) == [{"b": "2"}]


def test_values_of_own_rows() -> None:
    row = {"text": "x", "yes": True, "whole": np.int64(12345), "real": np.float32(0.125), "none": None}
    assert list(tables.rows_of([row], None)[0].values()) == ["x", "yes", "12,345", "0.125", "None"]


def test_html_has_headers_and_caption_and_is_escaped() -> None:
    page = tables.html(tables.rows_of([ROW], ["model"]), "a & b")
    assert "<caption>a &amp; b</caption>" in page and '<th scope="col">model</th>' in page
    assert "<td>dense &lt;1&gt;</td>" in page
    assert "caption" not in tables.html(tables.rows_of([ROW], ["model"]))


def test_text_and_no_rows() -> None:
    assert tables.text([{"a": "1", "b": "2"}]) == "a | b\n1 | 2"
    assert tables.text([]) == "(no rows)" and "no rows" in tables.html([])
