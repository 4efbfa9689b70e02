"""labkit reproduce: rows that name claims which pages make, and a table that is read from executed notebooks."""

from __future__ import annotations

import ast
import json
import re

import pytest
from labkit.session.record import MIME

from labkit.base.errors import UsageError
from labkit.cli.main import main
from labkit.lesson.source import find, parameters
from labkit.report import reproduce

FIGURE = '<img alt="Points." src="data:image/png;base64,UE5H">'


def notebook(*told):
    outputs = [{"output_type": "display_data", "data": {MIME: {"schema": 1, **event}}} for event in told]
    for output in outputs:
        if output["data"][MIME]["kind"] == "figure":
            output["data"]["text/html"] = [FIGURE]
    return json.dumps({"cells": [{"cell_type": "code", "outputs": outputs}]})


def executed(folder, row, seed, values, finished=True, **changes):
    start = {"kind": "start", "seed": seed, "date": "2026-01-02", "cpu": "A CPU", "profile": "study"}
    start |= {"lesson": row.lesson, "parameters": {**row.parameters, "seed": seed}, **changes}
    start["versions"] = {"numpy": "2.0"}
    claims = [
        {"kind": "claim", "text": text, "value": value, "relation": "≥ 40×", "unit": "×"}
        for text, value in zip(row.claims, values, strict=True)
    ]
    drawn = {"kind": "figure", "alt": "Points."}
    path = folder / row.id / f"seed={seed}" / "nb.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(notebook(start, *claims, drawn, *([{"kind": "finish"}] if finished else [])), encoding="utf-8")


def test_the_table_has_mean_and_spread_of_what_was_run(tmp_path):
    row, other = reproduce.chosen(["deep-compression-lenet-300-100", "pruning-lenet-300-100"])
    executed(tmp_path, row, 1, (44.0, 0.5))
    executed(tmp_path, row, 2, (48.0, 0.7))
    executed(tmp_path, row, 3, (99.0, 9.0), finished=False)
    executed(tmp_path, row, 4, (99.0, 9.0), profile="fast")
    executed(tmp_path, row, 5, (99.0, 9.0), parameters={**row.parameters, "network": "lenet5"})
    executed(tmp_path, row, 6, (99.0, 9.0), lesson="50")
    (tmp_path / row.id / "broken.ipynb").write_text("{")
    text = reproduce.write(tmp_path, tmp_path / "t.md").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if row.claims[0] in line)
    assert "46× ± 2.828× (44× to 48×)" in line and "| 1, 2 |" in line and "A CPU" in line and "2026-01-02" in line
    assert "≥ 40×" in line and f"`labkit reproduce {row.id}`" in line and "99×" not in line
    others = [line for line in text.splitlines() if line.startswith(f"| {other.id}")]
    assert len(others) == len(other.claims) and all("not run" in line for line in others)
    assert f"![Points.](images/{row.id}.png)" in text and text.count("![") == 1
    assert (tmp_path / "images" / f"{row.id}.png").read_bytes() == b"PNG"
    assert len({line.count("|") for line in text.splitlines() if line.startswith("|")}) == 1


@pytest.mark.parametrize("row", reproduce.ROWS, ids=lambda row: row.id)
def test_every_row_names_parameters_and_claims_that_its_page_has(row):
    lesson = find(row.lesson)
    known = {item.name for item in parameters(lesson)}
    assert set(row.parameters) | {"seed"} <= known
    made = [pattern for node in ast.walk(ast.parse(lesson.path.read_text("utf-8"))) for pattern in claimed(node)]
    for claim in row.claims:
        assert any(re.fullmatch(pattern, claim) for pattern in made), f"lesson {row.lesson} has no claim {claim!r}"


def claimed(node):
    """The text of a call of lab.claim as a pattern: what an f-string fills in may be anything."""
    if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "claim":
        text = node.args[0]
        pieces = text.values if isinstance(text, ast.JoinedStr) else [text]
        yield "".join(re.escape(piece.value) if isinstance(piece, ast.Constant) else ".+" for piece in pieces)


def test_rows_and_seeds_that_are_not_there():
    with pytest.raises(UsageError, match="did you mean deep-compression-lenet5"):
        reproduce.chosen(["deep-compression-lenet"])
    for wrong in ("a", "1,,2", "-1", str(2**31)):
        with pytest.raises(UsageError, match="--seeds"):
            reproduce.seeds_of(wrong)
    assert reproduce.seeds_of("3,5") == [3, 5]


def test_the_list_names_every_row(capsys):
    assert main(["reproduce", "--list"]) == 0
    said = capsys.readouterr().out
    assert all(row.id in said and row.source in said for row in reproduce.ROWS)
