"""Executed toy notebooks with realistic records, for the report's tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labkit.runner.plan import Job, Outcome
from labkit.session.events import MIME, Claim, Event, Finish, Measurement, Start

# name, technique, network, accuracy, bytes, compressed bytes, non-zeros, MACs, latency
ROWS: dict[str, list[tuple[str, str, str, float, int, int, int, int, float | None]]] = {
    "00": [("float32", "baseline", "lenet_300_100", 0.8971, 1_068_444, 987_012, 266_610, 266_200, 0.021)],
    "31": [
        ("baseline", "baseline", "lenet_300_100", 0.8971, 1_068_444, 987_012, 266_610, 266_200, 0.021),
        ("pruned 50 %", "pruning", "lenet_300_100", 0.8969, 1_068_444, 570_310, 133_510, 266_200, 0.0212),
        ("pruned 80 %", "pruning", "lenet_300_100", 0.8952, 1_068_444, 262_200, 53_650, 266_200, 0.0209),
        ("pruned 90 %", "pruning", "lenet_300_100", 0.8948, 1_068_444, 142_730, 27_030, 266_200, 0.0211),
        ("pruned 92 %", "pruning", "lenet_300_100", 0.8941, 1_068_444, 117_420, 21_700, 266_200, 0.021),
        ("pruned 95 %", "pruning", "lenet_300_100", 0.8893, 1_068_444, 78_230, 13_700, 266_200, 0.0208),
        ("pruned 99 %", "pruning", "lenet_300_100", 0.8421, 1_068_444, 21_100, 3_070, 266_200, 0.021),
    ],
    "40": [
        ("baseline", "baseline", "lenet5", 0.9212, 1_726_988, 1_597_204, 431_080, 2_293_000, 0.28),
        ("dynamic range", "quantization", "lenet5", 0.9210, 441_216, 372_110, 431_080, 2_293_000, 0.21),
        ("float16", "quantization", "lenet5", 0.9212, 866_416, 780_200, 431_080, 2_293_000, 0.285),
        ("int8 per channel", "quantization", "lenet5", 0.9207, 444_328, 371_500, 430_900, 2_293_000, 0.12),
        ("int8 per tensor", "quantization", "lenet5", 0.9189, 443_100, 369_020, 430_700, 2_293_000, 0.119),
        ("6 bits", "quantization", "lenet5", 0.9183, 330_100, 271_000, 430_000, 2_293_000, None),
        ("4 bits", "quantization", "lenet5", 0.9011, 221_000, 170_000, 400_000, 2_293_000, None),
        ("2 bits", "quantization", "lenet5", 0.3120, 112_000, 70_000, 210_000, 2_293_000, None),
        ("baseline", "baseline", "ds_cnn", 0.9133, 232_300, 205_800, 54_000, 3_120_000, 0.41),
        ("int8 per channel", "quantization", "ds_cnn", 0.9101, 81_200, 60_110, 54_000, 3_120_000, 0.33),
        ("int8 per tensor", "quantization", "ds_cnn", 0.6512, 80_800, 59_900, 54_000, 3_120_000, 0.33),
    ],
    "54": [
        ("baseline", "baseline", "lenet_300_100", 0.8971, 1_068_444, 987_012, 266_610, 266_200, 0.021),
        ("deleted at random", "pruning", "lenet_300_100", 0.7012, 502_100, 461_800, 125_000, 124_500, 0.011),
        ("kept by norm", "pruning", "lenet_300_100", 0.8120, 502_100, 462_000, 125_000, 124_500, 0.011),
        ("merged", "merging", "lenet_300_100", 0.8724, 502_100, 463_100, 125_000, 124_500, 0.0111),
        ("merged, retrained", "merging", "lenet_300_100", 0.8944, 502_100, 464_400, 125_000, 124_500, 0.011),
        ("16 clusters", "clustering", "lenet_300_100", 0.8950, 1_068_444, 139_000, 266_610, 266_200, 0.021),
        ("student of 30", "distillation", "lenet_300_100", 0.8820, 99_000, 92_300, 24_200, 24_000, 0.004),
        ("rank 20", "low rank", "lenet_300_100", 0.8890, 130_000, 121_000, 31_000, 30_800, 0.012),
    ],
}
TITLES = {"00": "Start here", "31": "Magnitude pruning", "40": "Quantization after training", "54": "Merging neurons"}


def measurement(lesson: str, row: tuple) -> Measurement:
    """A measurement as a page records it."""
    name, technique, network, accuracy, size, packed, nonzero, macs, latency = row
    half = 1.96 * (accuracy * (1 - accuracy) / 10_000) ** 0.5
    parameters = {"lenet_300_100": 266_610, "lenet5": 431_080, "ds_cnn": 54_000}[network]
    return Measurement(
        lesson=lesson,
        name=name,
        technique=technique,
        network=network,
        dataset="fashion_mnist",
        split="test",
        n=10_000,
        correct=round(accuracy * 10_000),
        accuracy=accuracy,
        accuracy_low=accuracy - half,
        accuracy_high=accuracy + half,
        bytes=size,
        compressed_bytes=packed,
        parameters=max(parameters, nonzero),
        nonzero=nonzero,
        macs=macs,
        latency_ms=latency,
        latency_low_ms=latency and latency * 0.96,
        latency_high_ms=latency and latency * 1.07,
        latency_ratio=latency and round(latency / 0.021, 3),
        threads=1,
        cpu="Toy processor",
    )


def start(lesson: str, profile: str = "full") -> Start:
    """The event of a page's start."""
    return Start(
        lesson=lesson,
        title=TITLES[lesson],
        profile=profile,
        edition="solved",
        seed=7,
        parameters={},
        at_defaults=True,
        versions={"python": "3.11.2", "tensorflow": "2.21.0", "numpy": "2.4.1", "labkit": "0.1.0"},
        cpu="Toy processor, 2 cores",
        threads=2,
        date="2026-01-02",
        budget_s=300.0,
    )


def claim(lesson: str, status: str) -> Claim:
    """The event of a claim that ends as *status*."""
    return Claim(
        lesson=lesson,
        id=f"{lesson}.gone",
        text="The asked share of the weights is gone",
        value=0.8012,
        bound="at_least",
        relation="≥ 79.50 %",
        unit="%",
        spread=None,
        held=status != "failed",
        asserted=status != "shown",
    )


def finish(lesson: str, cpu_s: float = 90.0) -> Finish:
    """The event of a page's end."""
    return Finish(lesson=lesson, text="That is all.", elapsed_s=100.0, cpu_s=cpu_s, budget_s=300.0)


def content(records: Sequence[Event | dict[str, Any]], error: tuple[str, str, str] | None = None) -> dict[str, Any]:
    """An executed notebook that left *records*; *error* is a failed cell's source, the error's name and its text."""
    cells: list[dict[str, Any]] = []
    for index, record in enumerate(records):
        data = {MIME: record.to_dict() if isinstance(record, Event) else record}
        output = {"output_type": "display_data", "metadata": {}, "data": data}
        cells.append(_cell(f"c{index}", "lab.measure()", output))
    if error:
        source, name, text = error
        trace = [f"\x1b[0;31m{name}\x1b[0m: {text}"]
        output = {"output_type": "error", "ename": name, "evalue": text, "traceback": trace}
        cells.append(_cell("bad", source, output))
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}


def _cell(name: str, source: str, output: dict[str, Any]) -> dict[str, Any]:
    """An executed code cell with one output."""
    return {
        "cell_type": "code",
        "id": name,
        "metadata": {},
        "execution_count": 1,
        "source": source,
        "outputs": [output],
    }


def notebook(path: Path, records: Sequence[Event | dict[str, Any]], error: tuple[str, str, str] | None = None) -> None:
    """Write the notebook `content` to *path*."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content(records, error)))


def job(lesson: str, profile: str = "full", **parameters: Any) -> Job:
    """A job as the plan makes it."""
    words = "".join(f"-{name}={value}" for name, value in parameters.items())
    name = f"{lesson}_{TITLES[lesson].lower().replace(' ', '_')}"
    return Job(
        lesson, TITLES[lesson], name, f"{name}.ipynb", "solved", profile, profile + words, parameters, 300.0, 1200.0,
        "python3", "key",
    )  # fmt: skip


def run(runs: Path, profile: str = "full") -> list[Outcome]:
    """A whole run under *runs*: four lessons and a sweep, one over its budget, one failed, one not run."""
    outcomes = []
    for number, rows in ROWS.items():
        one = job(number, profile)
        events: list[Event] = [start(number, profile), *(measurement(number, row) for row in rows)]
        events += [claim(number, "held"), claim(number, "shown")]
        failed = number == "54"
        error = ("lab.claim('Merging beats deleting', 0.871, at_least=0.9)", "ClaimFailed", "Merging beats deleting: 87.10 %, asked ≥ 90.00 %.")  # fmt: skip  # noqa: E501
        if failed:
            events.append(claim(number, "failed"))
        elif number == "00":
            events.append(finish(number, cpu_s=11.0))
        notebook(one.paths(runs)[0], events, error if failed else None)
        seconds = {"00": 12.0, "31": 188.3, "40": 371.0, "54": 140.2}[number]
        message = f"{error[1]}: {error[2]}" if failed else ""
        state, kind = ("failed", "error") if failed else ("ok", "")
        cpu_s = 11.0 if number == "00" else seconds
        outcomes.append(Outcome(one, state, kind, message, 18, 24, seconds, cpu_s, "2026-01-02T10:00:00+00:00", 2))
    for sparsity, accuracy in ((0.97, 0.8702), (0.98, 0.861)):
        one = job("31", profile, sparsity=sparsity)
        row = (
            f"pruned {100 * sparsity:.0f} %",
            "pruning",
            "lenet_300_100",
            accuracy,
            1_068_444,
            40_000,
            8_000,
            266_200,
            0.021,
        )
        notebook(one.paths(runs)[0], [start("31", profile), measurement("31", row), claim("31", "shown")])
        outcomes.append(Outcome(one, "ok", "", "", 24, 24, 90.0, 80.0, "2026-01-02T10:00:00+00:00", 2))
    for outcome in outcomes:
        outcome.save(runs)
    outcomes.append(Outcome(job("31", profile, sparsity=0.99), "not run", "not run"))
    return outcomes


def add_cells(path: Path, texts: Sequence[str], source: str, streams: Sequence[str]) -> None:
    """Put Markdown cells before the cells of the notebook at *path*, and a code cell with *streams* behind them."""
    content = json.loads(path.read_text())
    outputs = [{"output_type": "stream", "name": "stdout", "text": text} for text in streams]
    cell = {"cell_type": "code", "id": "own", "metadata": {}, "execution_count": 1, "source": source}
    markdown = [
        {"cell_type": "markdown", "id": f"m{index}", "metadata": {}, "source": text} for index, text in enumerate(texts)
    ]
    content["cells"] = [*markdown, *content["cells"], cell | {"outputs": outputs}]
    path.write_text(json.dumps(content))
