"""labkit reproduce: rows name claims that pages make; values are kept per row and seed; the table comes from them."""

from __future__ import annotations

import ast
import base64
import doctest
import json
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import report_toys as toys
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.assets import published
from labkit.assets.published import Figure
from labkit.base.errors import LabkitError, UsageError
from labkit.base.places import course
from labkit.cli.main import main
from labkit.lesson.source import find, parameters
from labkit.report import measured, published_table, reproduce
from labkit.report.measured import Aggregate, Conditions, Run, Wording
from labkit.session.claim import judge
from labkit.session.events import MIME, Claim
from labkit.session.events import Figure as Drawn

ROW, OTHER = reproduce.chosen(["deep-compression-lenet-300-100", "pruning-lenet-300-100"])
CONDITIONS = Conditions("2026-01-02", "A CPU", "study", {"numpy": "2.0"})


def executed(
    folder: Path,
    row: Figure,
    seed: int,
    values: tuple[float, ...],
    finished: bool = True,
    missing: str = "",
    **changes: Any,
) -> None:
    """Write a notebook that was executed for *row*, with all claims that rows need but *missing*.

    *changes* are of its start.
    """
    start = replace(
        toys.start("31"),
        lesson=row.lesson,
        seed=seed,
        date="2026-01-02",
        cpu="A CPU",
        profile="study",
        versions={"numpy": "2.0"},
        parameters={**row.parameters, "seed": seed},
    )
    events = [replace(start, **changes)]
    others = [claim for other in reproduce.rows() for claim in other.claims if other.lesson == events[0].lesson]
    value_by_claim = dict.fromkeys(others, 7.0) | dict(zip(row.claims, values, strict=True))
    for claim, value in value_by_claim.items():
        if claim != missing:
            text = f"The text of {claim}"
            events.append(Claim(row.lesson, claim, text, value, "at_least", "≥ 40×", "×", None, True, True))
    events.append(Drawn(row.lesson, "Points.", 3))
    if finished:
        events.append(toys.finish(row.lesson))
    content = toys.content(events)
    for cell in content["cells"]:
        data = cell["outputs"][0]["data"]
        if data[MIME]["kind"] == "figure":
            data["text/html"] = [f'<img alt="Points." src="data:image/png;base64,{base64.b64encode(b"PNG").decode()}">']
    path = folder / row.id / f"seed={seed}" / "nb.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def collected(folder: Path) -> tuple[list[str], str]:
    """The problems of a collection from *folder*, and the table after it."""
    problems = reproduce.collect(folder, folder / "data.json", folder / "images")
    return problems, reproduce.write_table(folder / "data.json", folder / "t.md").read_text(encoding="utf-8")


def line_of(table: str, row: Figure, number: int = 0) -> str:
    """The row's line in the first table, or with 1 in the second."""
    return [line for line in table.splitlines() if line.startswith(f"| {row.id} |")][number]


def test_the_table_has_mean_and_spread_of_what_was_run(tmp_path: Path) -> None:
    executed(tmp_path, ROW, 1, (44.0, 0.5))
    executed(tmp_path, ROW, 2, (48.0, 0.7))
    executed(tmp_path, ROW, 4, (99.0, 9.0), profile="fast")
    executed(tmp_path, ROW, 5, (99.0, 9.0), parameters={**ROW.parameters, "network": "lenet5"})
    executed(tmp_path, ROW, 6, (99.0, 9.0), lesson="50")
    problems, text = collected(tmp_path)
    assert problems == []
    line, how = line_of(text, ROW), line_of(text, ROW, 1)
    assert "mnist size: 46.00 ± 2.83×, required ≥ 40×<br>" in line and "99" not in line
    assert "| 52 |" in how and f"*mnist size*: The text of {ROW.claims[0]}<br>" in how and "| 1, 2 | mnist | A |" in how
    assert "| A | 2026-01-02 | A CPU | study | numpy 2.0 |" in text
    assert "| – | not run |" in line_of(text, OTHER)
    assert text.count(f"| {OTHER.id} |") == 1
    assert f"![Points.](images/{ROW.id}.png)" in text and text.count("![") == 1
    assert (tmp_path / "images" / f"{ROW.id}.png").read_bytes() == b"PNG"
    assert {line.count("|") for line in text.splitlines() if line.startswith("|")} == {6, 7}


def test_a_notebook_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    executed(tmp_path, ROW, 1, (44.0, 0.5))
    executed(tmp_path, ROW, 3, (99.0, 9.0), finished=False)
    executed(tmp_path, ROW, 2, (99.0, 9.0), missing=ROW.claims[1])
    (tmp_path / "broken.ipynb").write_text("{")
    (tmp_path / "old.ipynb").write_text(json.dumps(toys.content([{"schema": 1}])))
    (tmp_path / "gone.ipynb").symlink_to("nowhere")
    problems, text = collected(tmp_path)
    assert len(problems) == 5
    said = "\n".join(problems)
    assert "broken.ipynb: This file contains no valid JSON" in said
    assert "old.ipynb: Cell 1: A record has schema 1" in said
    assert "gone.ipynb: This is not a regular file" in said
    assert "seed=3/nb.ipynb: It did not reach its end" in said
    assert f"seed=2/nb.ipynb: It has no claim {ROW.claims[1]}, which the row {ROW.id} needs." in said
    assert "44× (one seed)" in line_of(text, ROW) and "99×" not in text


def test_new_values_join_those_that_are_known(tmp_path: Path) -> None:
    wordings = {claim: Wording(claim, "×", "≥ 40×") for claim in ROW.claims}
    old = Run(1, {}, replace(CONDITIONS, date="2025-05-05"), dict.fromkeys(ROW.claims, 40.0), ())
    newer = Run(2, {}, replace(CONDITIONS, date="2026-05-05"), dict.fromkeys(ROW.claims, 50.0), ())
    kept = measured.Measured(wordings, (old, newer), (), "")
    measured.write(tmp_path / "data.json", {ROW.id: kept, "a-row-of-a-later-version": kept})
    executed(tmp_path, ROW, 1, (44.0, 0.5))
    executed(tmp_path, ROW, 2, (48.0, 0.7))
    _, text = collected(tmp_path)
    assert "47.00 ± 4.24×" in line_of(text, ROW)  # seed 1 anew, seed 2 as the newer run has it
    stored = measured.read(tmp_path / "data.json")
    assert stored["a-row-of-a-later-version"] == kept
    assert stored[ROW.id].runs[0].values == {ROW.claims[0]: 44.0, ROW.claims[1]: 0.5}
    assert stored[ROW.id].runs[0].parameters == dict(ROW.parameters)
    before = (tmp_path / "data.json").read_bytes()
    collected(tmp_path)
    assert (tmp_path / "data.json").read_bytes() == before


def test_an_aggregate_stands_until_each_of_its_seeds_is_known() -> None:
    claim = ROW.claims[0]
    wordings = {claim: Wording("Times smaller", "×", "≥ 40×")}
    aggregate = Aggregate(claim, (1, 2), 45.39, 0.3653, 45.14, 45.81, CONDITIONS)
    printed = Run(1, {}, CONDITIONS, {claim: 45.1}, (claim,))
    values = measured.Measured(wordings, (printed,), (aggregate,), "")
    text = reproduce.table({ROW.id: values})
    assert "45.39 ± 0.37×" in line_of(text, ROW) and "| 1, 2 |" in line_of(text, ROW, 1)
    one = values.with_run(Run(1, {}, CONDITIONS, {claim: 44.0}, ()), {}, "")
    assert "45.39 ± 0.37×" in line_of(reproduce.table({ROW.id: one}), ROW)
    both = one.with_run(Run(2, {}, CONDITIONS, {claim: 46.0}, ()), {}, "")
    assert "45.00 ± 1.41×" in line_of(reproduce.table({ROW.id: both}), ROW)


def test_a_value_that_is_not_a_number_is_called_so() -> None:
    claim = ROW.claims[0]
    values = measured.Measured({}, (Run(1, {}, CONDITIONS, {claim: None}, ()),), (), "")
    assert "not a number" in line_of(reproduce.table({ROW.id: values}), ROW)


def test_the_picture_is_that_of_the_first_seed(tmp_path: Path) -> None:
    executed(tmp_path, ROW, 2, (44.0, 0.5))
    collected(tmp_path)
    picture = tmp_path / "images" / f"{ROW.id}.png"
    picture.write_bytes(b"second")
    executed(tmp_path, ROW, 3, (44.0, 0.5))
    collected(tmp_path)
    assert picture.read_bytes() == b"second"
    executed(tmp_path, ROW, 1, (44.0, 0.5))
    collected(tmp_path)
    assert picture.read_bytes() == b"PNG"


# The verdict


def known(*values: tuple[float, ...], row: Figure = ROW, relations: tuple[str, ...], units: tuple[str, ...]):
    """What is known of *row* when seed after seed has *values*, one per claim."""
    wordings = {
        claim: Wording(claim, unit, relation)
        for claim, unit, relation in zip(row.claims, units, relations, strict=True)
    }
    runs = [
        Run(seed, {}, CONDITIONS, dict(zip(row.claims, numbers, strict=True)), ())
        for seed, numbers in enumerate(values, 1)
    ]
    return measured.Measured(wordings, tuple(runs), (), "")


def test_a_mean_outside_its_bound_is_missed_and_marked() -> None:
    values = known((41.0, 0.001), (38.0, 0.002), relations=("≥ 40×", "≤ 0.30 points"), units=("×", "points"))
    line = line_of(reproduce.table({ROW.id: values}), ROW)
    assert "| **✗ missed** |" in line
    assert "**✗ mnist size: 39.50 ± 2.12×, required ≥ 40×**<br>mnist loss: 0.15 ± 0.07 points, required" in line


def test_within_every_bound_is_reached_and_beaten_only_when_smaller_and_no_worse() -> None:
    units, bounds = ("×", "%"), ("≥ 40×", "≤ 2.00 %")
    for ratio, error, expected in ((45.0, 0.0150, "**beaten**"), (45.0, 0.0170, "reached"), (40.0, 0.0150, "reached")):
        values = known((ratio, error), relations=bounds, units=units)
        assert f"| {expected} |" in line_of(reproduce.table({ROW.id: values}), ROW)
    loss = known((45.0, 0.0), relations=("≥ 40×", "≤ 0.30 points"), units=("×", "points"))
    assert "| reached |" in line_of(reproduce.table({ROW.id: loss}), ROW)  # no error to compare


def test_a_claim_without_a_value_leaves_its_row_not_run() -> None:
    values = measured.Measured({}, (Run(1, {}, CONDITIONS, {ROW.claims[0]: 45.0}, ()),), (), "")
    assert "| not run |" in line_of(reproduce.table({ROW.id: values}), ROW)


@pytest.mark.parametrize(
    ("value", "relation", "unit", "held"),
    [
        (8.0, "≥ 8×", "×", True),
        (7.863, "≥ 8×", "×", False),
        (0.0, "≤ 0.00 points", "points", True),
        (0.0165, "≤ 1.65 %", "%", True),
        (0.01651, "≤ 1.65 %", "%", False),
        (-0.4, "-1 bits to 100 bits", "bits", True),
        (3.6, "3.7× to 4×", "×", False),
        (1533.0, "≥ 1,500 images", "images", True),
        (2e-9, "≤ 1e-08", "", True),
        (0.5625, "= 0.5625", "", True),
        (0.53125, "= 0.5312", "", True),  # the bound is known to four digits
        (0.54, "= 0.5312", "", False),
        (float("nan"), "≤ 5", "", False),
        (1.0, "", "", False),
    ],
)
def test_bounds_are_read_from_their_words(value: float, relation: str, unit: str, held: bool) -> None:
    assert published_table.within(value, relation, unit) is held


@given(
    st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.sampled_from(["×", "%", "points", "dB", ""]),
    st.sampled_from(["at_least", "at_most"]),
)  # fmt: skip
def test_bounds_in_words_agree_with_the_claim(value: float, bound: float, unit: str, kind: str) -> None:
    made = judge("31", "31.word", "A text", value, unit=unit, **{kind: bound})
    if abs(value - bound) > 1e-3 * abs(bound) + 1e-3:  # words have four digits
        assert published_table.within(value, made.relation, unit) is made.held


def test_every_published_figure_has_one_row() -> None:
    table = (course() / "docs" / "reproductions.md").read_text(encoding="utf-8").partition("## How")[0]
    for figure in published.figures():
        cells = line_of(table, figure).strip("| ").split(" | ")
        assert table.count(f"| {figure.id} |") == 1 and len(cells) == 6
        assert all(words in cells[4] for words in figure.conditions.values())
        assert all(words in cells[5] for words in figure.rival.values())


# The course's own values


def test_the_committed_table_is_made_from_the_committed_values() -> None:
    rows_by_id = measured.read(course() / "data" / "reproductions.json")
    table = (course() / "docs" / "reproductions.md").read_text(encoding="utf-8")
    assert reproduce.table(rows_by_id) == table
    assert set(rows_by_id) == {row.id for row in reproduce.rows()}
    for name in re.findall(r"\]\((images/[^)]+)\)", table):
        assert (course() / "docs" / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.release
def test_every_row_has_been_run() -> None:
    table = (course() / "docs" / "reproductions.md").read_text(encoding="utf-8")
    assert not [row.id for row in reproduce.rows() if "| not run |" in line_of(table, row)]


def test_printed_values_of_seeds_agree_with_their_aggregate() -> None:
    rows_by_id = measured.read(course() / "data" / "reproductions.json")
    compared = 0
    for row in rows_by_id.values():
        for aggregate in row.aggregates:
            values = {run.seed: run.values[aggregate.claim] for run in row.runs if aggregate.claim in run.values}
            if set(values) == set(aggregate.seeds):
                numbers = [value for value in values.values() if value is not None]
                assert sum(numbers) / len(numbers) == pytest.approx(aggregate.mean, rel=1e-3)
                assert [min(numbers), max(numbers)] == pytest.approx([aggregate.low, aggregate.high], rel=1e-3)
                compared += 1
    assert compared == 4  # the sizes of lesson 52


@pytest.mark.parametrize("row", reproduce.rows(), ids=lambda row: row.id)
def test_every_row_names_parameters_and_claims_that_its_page_has(row: Figure) -> None:
    lesson = find(row.lesson)
    known = {item.name for item in parameters(lesson)}
    assert set(row.parameters) | {"seed"} <= known
    patterns = [pattern for node in ast.walk(ast.parse(lesson.path.read_text("utf-8"))) for pattern in claimed(node)]
    for claim in row.claims:
        assert any(re.fullmatch(pattern, claim) for pattern in patterns), f"lesson {row.lesson} has no claim {claim}"


def claimed(node: ast.AST):
    """The id in a call of lab.claim as a pattern: what an f-string fills in may be anything."""
    if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "claim":
        name = node.args[0]
        pieces = name.values if isinstance(name, ast.JoinedStr) else [name]
        yield "".join(re.escape(piece.value) if isinstance(piece, ast.Constant) else ".+" for piece in pieces)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "no valid JSON"),
        ("[]", "schema 1"),
        ('{"schema": 2}', "schema 1"),
        ('{"schema": 1}', "no table of rows"),
        ('{"schema": 1, "rows": {"a": 5}}', "The row 'a' has no table of claims"),
        ('{"schema": 1, "rows": {"a": {"claims": {}}}}', "no list of runs"),
        (
            '{"schema": 1, "rows": {"a": {"claims": {}, "runs": [5], "aggregates": []}}}',
            "run of row 'a' is not a JSON object",
        ),
        ('{"schema": 1, "rows": {"a": {"claims": {"x": {}}, "runs": [], "aggregates": []}}}', "no field 'text'"),
    ],
)
def test_broken_values_are_refused_in_one_sentence(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "data.json"
    path.write_text(content)
    with pytest.raises(LabkitError, match=re.escape(reason)) as refusal:
        measured.read(path)
    assert str(path) in str(refusal.value) and "restore it" in str(refusal.value)


conditions = st.builds(
    Conditions, st.text(max_size=9), st.text(), st.text(), st.dictionaries(st.text(max_size=9), st.text(), max_size=2)
)
runs = st.builds(
    Run, st.integers(0, 9), st.just({"kept": 0.1}), conditions, st.just({"a": 1.5, "b": None}), st.just(("a",))
)


@given(st.lists(runs, max_size=3).map(tuple), st.text())
@settings(deadline=None)
def test_values_are_read_as_they_were_written(known: tuple[Run, ...], alt: str) -> None:
    row = measured.Measured({"a": Wording("t", "×", "≥ 1")}, known, (), alt)
    with tempfile.TemporaryDirectory() as folder:
        path = measured.write(Path(folder) / "data.json", {"row": row})
        assert measured.read(path) == {"row": row}


# The command


def test_rows_and_seeds_that_are_not_there() -> None:
    with pytest.raises(UsageError, match="did you mean deep-compression-lenet5"):
        reproduce.chosen(["deep-compression-lenet"])
    for wrong in ("a", "1,,2", "-1", str(2**31)):
        with pytest.raises(UsageError, match="--seeds"):
            reproduce.seeds_of(wrong)
    assert reproduce.seeds_of("3,5") == [3, 5]


def test_the_settings_of_a_row_are_words_for_labkit_run() -> None:
    assert reproduce.settings(ROW, (3, 5)) == [
        "dataset=mnist", "network=lenet_300_100", "draws=1", "rungs=0", "seed=3,5",
    ]  # fmt: skip


def test_the_list_names_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "--list"]) == 0
    said = capsys.readouterr().out
    assert all(row.id in said and row.source in said for row in reproduce.rows())


def test_the_command_writes_the_same_table_when_nothing_was_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = (course() / "docs" / "reproductions.md").read_bytes()
    (tmp_path / "data").mkdir()
    for name in ("registry.toml", "published.toml", "reproductions.json"):
        (tmp_path / "data" / name).write_bytes((course() / "data" / name).read_bytes())
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    assert main(["reproduce", "--table"]) == 0
    assert (tmp_path / "docs" / "reproductions.md").read_bytes() == table
    (tmp_path / "build" / "reproduce").mkdir(parents=True)
    (tmp_path / "build" / "reproduce" / "31_bad.ipynb").write_text("{")
    assert main(["reproduce", "--table"]) == 0
    assert "31_bad.ipynb: This file contains no valid JSON" in capsys.readouterr().err
    assert (tmp_path / "docs" / "reproductions.md").read_bytes() == table


def test_the_examples_in_docstrings_are_true() -> None:
    assert doctest.testmod(published_table).failed == 0
