"""Files that other people made: each that cannot be read is listed with its reason, and the rest is shown."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import report_toys as toys
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labkit.base.errors import LabkitError
from labkit.cli.main import main
from labkit.report import html, notebooks
from labkit.report.data import pages_in

GOOD = "31_good.ipynb"
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


def report(folder: Path) -> str:
    """The report on *folder* by the command, which must succeed; the good notebook's row must be there."""
    toys.notebook(folder / GOOD, [toys.start("31"), toys.measurement("31", toys.ROWS["31"][1])])
    target = folder / "report.html"
    assert main(["report", str(folder), "-o", str(target)]) == 0
    text = target.read_text(encoding="utf-8")
    assert f'<a href="{GOOD}">31 · Magnitude pruning</a>' in text and "pruned 50 %" in text
    assert "<script" not in text.lower() and not re.search(r"<[^>]* on\w+=", text)
    return text


def unreadable(text: str) -> str:
    """The section on files that cannot be read, without tags."""
    section = text.split('<section id="unreadable">')[1].split("</section>")[0]
    return re.sub("<[^>]+>", " ", section)


def output(**changes: Any) -> dict[str, Any]:
    return {"cells": [{"cell_type": "code", "outputs": [{"output_type": "display_data", **changes}]}]}


def record(event: dict[str, Any]) -> dict[str, Any]:
    return toys.content([event])


CLAIM = toys.claim("40", "held").to_dict()
START = toys.start("40").to_dict()
MEASUREMENT = toys.measurement("40", toys.ROWS["40"][0]).to_dict()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"cells": None}, "no list of cells"),
        ({}, "no list of cells"),
        ([], "no list of cells"),
        (7, "no list of cells"),
        ({"cells": [1]}, "no list of cells"),
        ({"cells": [{"outputs": None}]}, "outputs are not a list"),
        ({"cells": [{"outputs": [None]}]}, "outputs are not a list"),
        (record([]), "A record is not a JSON object"),
        (record(CLAIM | {"schema": 1}), "schema 1"),
        (record(CLAIM | {"kind": "secret"}), "unknown kind"),
        (record(CLAIM | {"kind": ["claim"]}), "unknown kind"),
        (record(CLAIM | {"value": "abc"}), "'value' of a claim event has a value of the wrong type"),
        (record(CLAIM | {"value": float("nan")}), "'value' of a claim event has a value of the wrong type"),
        (record(CLAIM | {"value": 1e309}), "'value' of a claim event has a value of the wrong type"),
        (record(CLAIM | {"unit": None}), "'unit' of a claim event"),
        (record(CLAIM | {"spread": "wide"}), "'spread' of a claim event"),
        (record(CLAIM | {"text": "x" * 30_000}), "'text' of a claim event"),
        (record({"schema": 2, "kind": "claim"}), "has no field"),
        (record(START | {"versions": 3}), "'versions' of a start event"),
        (record(START | {"versions": {"numpy": 3}}), "'versions' of a start event"),
        (record(START | {"budget_s": 0}), "'budget_s' of a start event is not positive"),
        (record(START | {"profile": 5}), "'profile' of a start event"),
        (record(MEASUREMENT | {"accuracy": 17.0}), "not between 0 and 1"),
        (record(MEASUREMENT | {"compressed_bytes": 0}), "'compressed_bytes' of a measurement event is not positive"),
        (record(MEASUREMENT | {"bytes": -4}), "'bytes' of a measurement event is not positive"),
        (record(MEASUREMENT | {"nonzero": -4}), "'nonzero' of a measurement event is negative"),
        (record(MEASUREMENT | {"latency_ms": 0}), "'latency_ms' of a measurement event is not positive"),
        (record(MEASUREMENT | {"bytes": 2**70}), "'bytes' of a measurement event"),
    ],
)
def test_a_bad_notebook_is_listed_with_its_reason(tmp_path: Path, content: Any, reason: str) -> None:
    (tmp_path / "40_bad.ipynb").write_text(json.dumps(content))
    text = report(tmp_path)
    listed = unreadable(text)
    assert "40_bad.ipynb" in listed and reason in listed.replace("&#39;", "'")
    assert "✗ unreadable" in text


@pytest.mark.parametrize(
    "content",
    [
        output(data=None),
        output(data=[]),
        output(data={"text/plain": 5}),
        {"cells": [], "metadata": None},
        {"cells": [{"metadata": None, "outputs": []}]},
        {"cells": [{"metadata": {"tags": None}, "outputs": []}]},
        {"cells": [], "metadata": {"papermill": 5}},
        {"cells": [], "metadata": {"papermill": {"duration": "long"}}},
        {"cells": [{"source": 5, "outputs": [{"output_type": "error"}]}]},
        {"cells": [{"outputs": [{"output_type": "error", "ename": 1, "evalue": None, "traceback": 5}]}]},
        {"cells": [{"outputs": [{"output_type": "error", "evalue": "\n", "traceback": [None, "<script>x"]}]}]},
    ],
)
def test_a_notebook_of_another_shape_without_records_is_shown(tmp_path: Path, content: Any) -> None:
    (tmp_path / "40_odd.ipynb").write_text(json.dumps(content))
    assert '<a href="40_odd.ipynb">40 · odd</a>' in report(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no valid JSON"),
        (b"\xff\xfe\xff", "no valid JSON"),
        (b"{ truncated", "no valid JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"cells":' * 50_000, "nested too deeply"),
        (b'{"cells": ' + b"9" * 5_000 + b"}", "no valid JSON"),
    ],
)
def test_a_file_that_is_no_json(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "40_bad.ipynb").write_bytes(content)
    assert reason in unreadable(report(tmp_path))


def test_records_that_are_good_are_shown_beside_a_bad_one(tmp_path: Path) -> None:
    records = [START, MEASUREMENT | {"name": "kept"}, CLAIM | {"value": "abc"}, CLAIM, CLAIM | {"value": "abc"}]
    toys.notebook(tmp_path / "40_half.ipynb", records)
    text = report(tmp_path)
    assert "kept" in text and "80.12 %" in text
    assert "Cell 3 and 1 more: The field 'value' of a claim event" in unreadable(text).replace("&#39;", "'")
    assert text.count('<a href="40_half.ipynb">') == 2  # in the list of runs and in the list of problems


def test_many_bad_records_do_not_fill_the_report(tmp_path: Path) -> None:
    toys.notebook(tmp_path / "40_bad.ipynb", [{"schema": 2, "kind": f"kind {number}"} for number in range(500)])
    text = report(tmp_path)
    assert "480 more records cannot be read" in unreadable(text) and len(text) < 100_000


RUN: dict[str, Any] = {
    "job": {
        "lesson": "40", "title": "T", "name": "40_x", "notebook": "n", "edition": "solved", "profile": "full",
        "label": "full", "parameters": {"seed": 3}, "budget_s": 30.0, "limit_s": 120.0, "kernel": "python3", "key": "k",
    },
    "status": "ok", "kind": "", "message": "", "cell": 3, "cells": 4, "elapsed_s": 12.0, "cpu_s": 11.0,
    "started": "", "at_once": 1,
    "labkit": "0.1.0",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": 5}, "'status' of a run record"),
        ({"status": "fine"}, "'status' of a run record has an impossible value"),
        ({"cell": "<script>alert(1)</script>", "cells": "<script>alert(1)</script>"}, "'cell' of a run record"),
        ({"elapsed_s": "long"}, "'elapsed_s' of a run record"),
        ({"elapsed_s": -1}, "'elapsed_s' of a run record has an impossible value"),
        ({"at_once": None}, "'at_once' of a run record"),
        ({"job": None}, "not a JSON object"),
        ({"job": RUN["job"] | {"budget_s": 0}}, "'budget_s' of a run record has an impossible value"),
        ({"job": RUN["job"] | {"budget_s": "much"}}, "'budget_s'"),
        ({"job": RUN["job"] | {"parameters": 5}}, "'parameters'"),
        ({"job": RUN["job"] | {"parameters": {"seed": [[]]}}}, "'parameters'"),
        ({"job": RUN["job"] | {"lesson": 40}}, "'lesson'"),
    ],
)
@pytest.mark.parametrize("with_notebook", [True, False])
def test_a_bad_outcome_is_listed_with_its_reason(
    tmp_path: Path, changes: dict[str, Any], reason: str, with_notebook: bool
) -> None:
    if with_notebook:
        toys.notebook(tmp_path / "40_x.ipynb", [START, MEASUREMENT])
    (tmp_path / "40_x.run.json").write_text(json.dumps(RUN | changes))
    text = report(tmp_path)
    assert "40_x.run.json" in unreadable(text) and reason in unreadable(text).replace("&#39;", "'")
    assert ("lenet5" in text) == with_notebook


def test_a_good_outcome_beside_a_bad_notebook_keeps_its_row(tmp_path: Path) -> None:
    (tmp_path / "40_x.ipynb").write_text('{"cells": null}')
    (tmp_path / "40_x.run.json").write_text(json.dumps(RUN))
    text = report(tmp_path)
    assert "labkit run 40 -p seed=3" in text and "12.0 s" in text and "40_x.ipynb" in unreadable(text)


SCRIPT = "<script>alert(1)</script>"


@pytest.mark.parametrize("field", ["text", "unit", "relation", "id"])
def test_no_script_from_a_claim(tmp_path: Path, field: str) -> None:
    toys.notebook(tmp_path / "40_x.ipynb", [CLAIM | {field: SCRIPT, "value": 1.5, "spread": 0.5}])
    text = report(tmp_path)
    assert field == "id" or "&lt;script&gt;alert(1)" in text


@pytest.mark.parametrize("field", ["name", "technique", "network", "dataset", "split", "cpu"])
def test_no_script_from_a_measurement(tmp_path: Path, field: str) -> None:
    toys.notebook(tmp_path / "40_x.ipynb", [MEASUREMENT | {field: SCRIPT}, MEASUREMENT])
    text = report(tmp_path)
    assert field == "cpu" or "&lt;script&gt;alert(1)" in text


@pytest.mark.parametrize("field", ["title", "profile", "edition", "cpu", "date", "lesson", "versions"])
def test_no_script_from_a_start(tmp_path: Path, field: str) -> None:
    toys.notebook(tmp_path / "40_x.ipynb", [START | {field: {SCRIPT: SCRIPT} if field == "versions" else SCRIPT}])
    text = report(tmp_path)
    assert field == "date" or "&lt;script&gt;alert(1)" in text


@pytest.mark.parametrize("field", ["title", "notebook", "key"])
def test_no_script_from_an_outcome(tmp_path: Path, field: str) -> None:
    run = RUN | {"job": RUN["job"] | {field: SCRIPT, "parameters": {SCRIPT: SCRIPT}}}
    (tmp_path / "40_x.run.json").write_text(json.dumps(run | {"message": SCRIPT, "status": "failed"}))
    assert "&lt;script&gt;alert(1)" in report(tmp_path)


def test_no_script_from_a_failed_cell(tmp_path: Path) -> None:
    toys.notebook(tmp_path / "40_x.ipynb", [], (SCRIPT, SCRIPT, f"\x1b[31m{SCRIPT}"))
    assert report(tmp_path).count("&lt;script&gt;alert(1)") >= 3


def test_file_names_are_quoted_in_links_and_escaped_in_texts(tmp_path: Path) -> None:
    folder = tmp_path / 'a "b"<i>&amp;#?%'
    toys.notebook(folder / "40_<script>'\".ipynb", [MEASUREMENT], ("x", "y", "z"))
    toys.notebook(folder / "41_bad.ipynb", [{"schema": 1}])
    text = report(tmp_path)
    links = re.findall(r'href="([^"#]+)"', text)
    assert "a%20%22b%22%3Ci%3E%26amp%3B%23%3F%25/40_%3Cscript%3E%27%22.ipynb" in links
    assert all(re.fullmatch(r"[\w%./~-]+", link) for link in links)
    assert "40_&lt;script&gt;&#39;&#34;.ipynb" in text


def test_a_notebooks_own_words_cannot_extend_the_command_to_copy(tmp_path: Path) -> None:
    toys.notebook(tmp_path / "40_x.ipynb", [START | {"lesson": "40; rm -rf ~", "profile": "$(id)"}])
    assert "labkit run &#39;40; rm -rf ~&#39; --profile &#39;$(id)&#39;" in report(tmp_path)


def test_texts_without_utf8_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "40_x.ipynb").write_text('{"cells":[{"outputs":[{"output_type":"error","evalue":"\\ud800"}]}]}')
    (tmp_path / os.fsdecode(b"41_\xff.ipynb")).write_text("{}")
    assert "41_%FF.ipynb" in report(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "40_pipe.ipynb")
    os.mkfifo(tmp_path / "41_pipe.run.json")
    (tmp_path / "42_folder.ipynb").mkdir()
    (tmp_path / "43_zero.ipynb").symlink_to("/dev/zero")
    (tmp_path / "44_circle.ipynb").symlink_to("44_circle.ipynb")
    (tmp_path / "45_missing.ipynb").symlink_to("nowhere")
    listed = unreadable(report(tmp_path))
    names = [path.name for path in tmp_path.iterdir() if path.name.startswith("4")]
    assert len(names) == 6 and all(name in listed for name in names)
    assert listed.count("not a regular file") == len(names)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "40_large.ipynb").open("wb") as file:
        file.truncate(notebooks.LARGEST_BYTES + 1)  # takes no room on the disk
    assert "files of at most 209,715,200 are read" in unreadable(report(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every file")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    toys.notebook(tmp_path / "40_secret.ipynb", [START])
    (tmp_path / "40_secret.ipynb").chmod(0)
    assert "cannot be read" in unreadable(report(tmp_path))


def test_nothing_but_bad_files_is_a_report_too_and_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabkitError, match="No executed notebook"):
        pages_in([tmp_path])
    (tmp_path / "40_bad.ipynb").write_text("{")
    assert "40_bad.ipynb" in html.build(pages_in([tmp_path]), tmp_path / "index.html")


many = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
field_values = json_values | st.just(SCRIPT) | st.sampled_from([0, -1, 1e308, 2**63, "", "held", "test"])


def check(tmp_path: Path, name: str, content: Any) -> None:
    for path in tmp_path.glob("4*"):
        path.unlink()
    (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    report(tmp_path)


@many
@given(json_values)
def test_any_json_as_a_notebook(tmp_path: Path, content: Any) -> None:
    check(tmp_path, "40_any.ipynb", content)


@many
@given(st.fixed_dictionaries({}, optional={key: json_values for key in ("cells", "metadata", "nbformat")}))
def test_any_json_in_a_notebooks_fields(tmp_path: Path, content: Any) -> None:
    check(tmp_path, "40_any.ipynb", content)


@many
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "metadata": json_values,
            "source": json_values,
            "outputs": st.lists(
                st.fixed_dictionaries(
                    {"output_type": st.just("error") | json_values},
                    optional={key: json_values for key in ("data", "ename", "evalue", "traceback")},
                ),
                max_size=2,
            ),
        },
    )
)
def test_any_json_in_a_cell(tmp_path: Path, cell: Any) -> None:
    check(tmp_path, "40_any.ipynb", {"cells": [cell]})


@many
@given(st.lists(json_values, max_size=3))
def test_any_json_as_a_record(tmp_path: Path, records: list[Any]) -> None:
    check(tmp_path, "40_any.ipynb", toys.content(records))


@many
@given(st.sampled_from([START, CLAIM, MEASUREMENT, toys.finish("40").to_dict()]), st.data())
def test_any_json_in_a_records_fields(tmp_path: Path, whole: dict[str, Any], data: st.DataObject) -> None:
    changes = data.draw(st.dictionaries(st.sampled_from(sorted(whole)), field_values, max_size=4))
    check(tmp_path, "40_any.ipynb", toys.content([whole | changes, whole]))


@many
@given(json_values, st.booleans())
def test_any_json_as_an_outcome(tmp_path: Path, content: Any, with_notebook: bool) -> None:
    check(tmp_path, "40_any.run.json", content)
    if with_notebook:
        toys.notebook(tmp_path / "40_any.ipynb", [START, MEASUREMENT])
        report(tmp_path)


@many
@given(
    st.dictionaries(st.sampled_from(sorted(RUN)), field_values, max_size=3),
    st.dictionaries(st.sampled_from(sorted(RUN["job"])), field_values, max_size=3),
)
def test_any_json_in_an_outcomes_fields(tmp_path: Path, run: dict[str, Any], job: dict[str, Any]) -> None:
    check(tmp_path, "40_any.run.json", {**RUN, "job": RUN["job"] | job, **run})
