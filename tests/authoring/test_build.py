"""labkit.authoring.build and execute: execute and change only what must be, and notice what was edited."""

from __future__ import annotations

import json

import pytest

import labkit
from labkit.authoring import build, documents, execute
from labkit.base.errors import LabkitError, UsageError
from labkit.cli.build import register
from labkit.session import events
from labkit.session.events import MIME, Start


@pytest.fixture
def course(toys):
    """Three lessons and a README."""
    for number in ("30", "31", "40"):
        toys.add(number)
    table = documents.BLOCKS[0]
    (toys.root / "README.md").write_text(f"# Toys\n\n{table.begin}\n{table.end}\n\nEnd\n")
    return toys


def _statuses(course, run, *names, **options):
    return {each.lesson.number: each.status for each in build.build(names, course.notebooks, run=run, **options)}


def _changed(before, after):
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def test_the_first_build_executes_and_the_second_changes_no_byte(course, run):
    assert set(_statuses(course, run).values()) == {"executed"}
    first = course.files()
    assert len(first) == 7 and run.ran == ["30", "31", "40"]
    assert set(_statuses(course, run).values()) == {"unchanged"}
    assert course.files() == first and len(run.ran) == 3
    assert build.check((), course.notebooks) == []


def test_editing_a_solution_changes_that_lessons_two_files(course, run, edit):
    _statuses(course, run)
    before = course.files()
    edit(course.notebooks / "source" / "31_toys.py", "return 2 * x", "return x + x")
    problems = build.check((), course.notebooks)
    assert len(problems) == 2 and all("31_toys.ipynb" in line and "labkit build 31" in line for line in problems)
    assert "solved/31_toys.ipynb is stale, its code cells changed" in problems[1]
    assert _statuses(course, run) == {"30": "unchanged", "31": "executed", "40": "unchanged"}
    assert _changed(before, course.files()) == ["notebooks/31_toys.ipynb", "notebooks/solved/31_toys.ipynb"]


def test_presentation_is_rebuilt_around_the_stored_outputs(course, run, edit):
    _statuses(course, run)
    edit(course.notebooks / "source" / "31_toys.py", "# Count them,", "# Do count them,")
    edit(course.notebooks / "source" / "31_toys.py", "# %%\nprint", "# %% [markdown]\n# More.\n\n# %%\nprint")
    edit(course.notebooks / "source" / "31_toys.py", "# a comment", "# another")
    assert _statuses(course, run)["31"] == "rebuilt" and len(run.ran) == 3
    content = json.loads((course.notebooks / "solved" / "31_toys.ipynb").read_text())
    outputs = {cell["id"]: cell["outputs"][0]["text"] for cell in content["cells"] if cell["cell_type"] == "code"}
    assert outputs["31-start-2"] == ["run 2, cell 0\n"] and outputs["31-by-hand-3"] == ["run 2, cell 2\n"]
    assert build.check((), course.notebooks) == []


def test_a_new_lesson_changes_no_other_notebook(course, run):
    _statuses(course, run)
    before = course.files()
    course.add("35", title="New")
    assert all("35_toys" in line or "README" in line for line in build.check((), course.notebooks))
    assert _statuses(course, run) == {"30": "unchanged", "31": "unchanged", "35": "executed", "40": "unchanged"}
    assert _changed(before, course.files()) == [
        "README.md",
        "notebooks/35_toys.ipynb",
        "notebooks/solved/35_toys.ipynb",
    ]
    assert "[35 · New](notebooks/35_toys.ipynb)" in (course.root / "README.md").read_text()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("budget_s: {fast: 5, full: 10}", "budget_s: {fast: 6, full: 12}"),
        ("needs: []", "needs: []\n#     routes: {half-day: 1}"),
        ("needs: []", "needs: []\n#     terms: {toy: {text: It plays., zh: 玩具}}"),
    ],
)
def test_a_fact_that_the_page_does_not_show_changes_no_notebook(course, run, edit, old, new):
    _statuses(course, run)
    before = course.files()
    edit(course.notebooks / "source" / "31_toys.py", old, new)
    assert build.check((), course.notebooks) == []
    assert _statuses(course, run)["31"] == "unchanged" and course.files() == before


def test_another_version_of_labkit_is_no_reason_to_execute_and_a_release_requires_it(course, run, monkeypatch):
    _statuses(course, run)
    assert build.check((), course.notebooks, release=True) == []
    monkeypatch.setattr(labkit, "__version__", "9.9.9")
    assert build.check((), course.notebooks) == []
    assert set(_statuses(course, run).values()) == {"unchanged"} and len(run.ran) == 3
    problems = build.check((), course.notebooks, release=True)
    assert len(problems) == 3 and "this is 9.9.9: make pages" in problems[0]
    assert _statuses(course, run, "31", force=True) == {"31": "executed"}
    assert len(build.check((), course.notebooks, release=True)) == 2


def test_the_record_of_an_execution_has_versions_and_the_processor_time_that_the_page_reported(course):
    finish = events.Finish("31", text="", elapsed_s=9.0, cpu_s=12.4, budget_s=10).to_dict()

    def run(lesson, content):
        content["cells"][-1] |= {"execution_count": 1, "outputs": [{"data": {events.MIME: finish}}]}
        return content, {"date": "2024-05-06", "profile": "full", "seconds": 9, "versions": {"python": "3.11.7"}}

    list(build.build(["31"], course.notebooks, run=run))
    content = build.load(course.notebooks / "31_toys.ipynb")
    executed = build.record_of(content)["executed"]
    assert executed == {
        "cpu_s": 12,
        "date": "2024-05-06",
        "profile": "full",
        "seconds": 9,
        "versions": {"labkit": labkit.__version__, "python": "3.11.7"},
    }
    assert f"2024-05-06 with labkit {labkit.__version__}, Python 3.11.7" in "".join(content["cells"][1]["source"])


def test_force_executes_and_draft_does_not(course, run, edit):
    _statuses(course, run)
    assert _statuses(course, run, "31", force=True) == {"31": "executed"} and len(run.ran) == 4
    edit(course.notebooks / "source" / "31_toys.py", "return 2 * x", "return x + x")
    before = course.files()
    assert _statuses(course, run, "31", draft=True) == {"31": "not executed"} and len(run.ran) == 4
    assert _changed(before, course.files()) == ["notebooks/31_toys.ipynb"]
    assert len(build.check((), course.notebooks)) == 1
    assert _statuses(course, run, "31", draft=True) == {"31": "not executed"}
    assert _statuses(course, run, "31") == {"31": "executed"}


@pytest.mark.parametrize("folder", ["", "solved/"])
def test_an_edited_notebook_is_noticed_and_built_again(course, run, edit, folder):
    _statuses(course, run)
    before = course.files()
    edit(course.notebooks / f"{folder}31_toys.ipynb", "Count them", "Count all of them")
    problems = build.check((), course.notebooks)
    assert len(problems) == 1 and f"notebooks/{folder}31_toys.ipynb" in problems[0] and "cell 5" in problems[0]
    assert _statuses(course, run, "31") == {"31": "rebuilt"} and course.files() == before


def test_an_unreadable_notebook_is_noticed_and_a_foreign_one_left_alone(course, run):
    _statuses(course, run)
    (course.notebooks / "solved" / "31_toys.ipynb").write_text("{")
    mine = course.notebooks / "my_own.ipynb"
    mine.write_text('{"cells": [], "metadata": {}}')
    assert any("no notebook" in line for line in build.check((), course.notebooks))
    _statuses(course, run)
    assert mine.is_file() and build.check((), course.notebooks) == []


def test_what_a_renamed_lesson_left_behind_is_removed(course, run):
    _statuses(course, run)
    source_file = course.notebooks / "source" / "31_toys.py"
    source_file.rename(source_file.with_name("31_games.py"))
    assert any("31_toys.ipynb has no source" in line for line in build.check((), course.notebooks))
    _statuses(course, run)
    assert not any("31_toys" in name for name in course.files()) and build.check((), course.notebooks) == []


def test_a_lesson_that_fails_is_not_written_and_the_others_go_on(course, run):
    def fail(lesson, content):
        if lesson.number == "31":
            raise LabkitError("31_toys.py:40 (cell 5) failed: ZeroDivisionError")
        return run(lesson, content)

    found = {each.lesson.number: each for each in build.build((), course.notebooks, run=fail)}
    assert [each.status for each in found.values()] == ["executed", "failed", "executed"]
    assert "cell 5" in str(found["31"]) and not any("31_toys.ipynb" in name for name in course.files())


def test_an_unknown_lesson_is_refused_before_anything_is_built(course, run):
    with pytest.raises(UsageError, match="no lesson '32'"):
        _statuses(course, run, "30", "32")
    assert run.ran == []


def test_a_real_kernel_executes_in_the_full_profile_and_leaves_nothing_of_this_machine(toys, edit, monkeypatch, capfd):
    path = toys.add("31")
    monkeypatch.setenv("LABKIT_PROFILE", "fast")
    edit(path, "import sys", "import os, sys")
    edit(
        path,
        'print("toys:", toys)',
        'print(os.environ["LABKIT_PROFILE"], os.environ["LABKIT_EDITION"], os.listdir())\nprint("again")\nobject()',
    )
    (outcome,) = build.build((), toys.notebooks)
    assert outcome.status == "executed" and str(outcome).startswith("31_toys: executed in ")
    assert capfd.readouterr().err == "", "the kernel must have nothing to warn of"
    content = json.loads((toys.notebooks / "solved" / "31_toys.ipynb").read_text())
    by_hand, last = [cell for cell in content["cells"] if cell["cell_type"] == "code"][2:]
    assert by_hand["outputs"][0]["text"] == ["full solved []\n", "again\n"]
    assert by_hand["outputs"][1]["data"]["text/plain"] == ["<object>"] and by_hand["execution_count"] == 3
    assert last["outputs"][0]["data"]["text/plain"] == ["6"]
    executed = content["metadata"]["labkit"]["executed"]
    assert executed["profile"] == "full" and "python" in executed["versions"]
    assert not any("execution" in cell["metadata"] for cell in content["cells"])
    first = toys.files()
    assert [each.status for each in build.build((), toys.notebooks)] == ["unchanged"] and toys.files() == first
    assert json.loads(first["notebooks/31_toys.ipynb"])["metadata"]["labkit"]["executed"] == executed

    edit(path, "return 2 * x", "return 2 / 0 * x")
    (outcome,) = build.build((), toys.notebooks)
    line = path.read_text().splitlines().index("def double(x):") + 1
    assert outcome.status == "failed" and f"31_toys.py:{line} (cell 7) failed: ZeroDivisionError" in outcome.message
    assert toys.files() == first


def test_the_kernel_is_the_one_setting(toys, monkeypatch):
    toys.add("31")
    monkeypatch.setenv("LABKIT_KERNEL", "python33")
    before = toys.files()
    (outcome,) = build.build((), toys.notebooks)
    assert outcome.status == "failed" and "no Jupyter kernel 'python33'; did you mean python3?" in outcome.message
    assert {name: text for name, text in toys.files().items() if name in before} == before


def test_cleaned_outputs_are_joined_and_bare():
    raw = [
        {"output_type": "stream", "name": "stdout", "text": "a\nb"},
        {"output_type": "stream", "name": "stdout", "text": ["c\n"]},
        {"output_type": "stream", "name": "stderr", "text": "d"},
        {
            "output_type": "display_data",
            "data": {"text/plain": "<Figure at 0x7f00aa11bb22>", "image/png": "abc=", "a/b+json": {"x": [1]}},
            "metadata": {"image/png": {"width": 3}},
        },
    ]
    assert execute.clean(raw) == [
        {"output_type": "stream", "name": "stdout", "text": ["a\n", "bc\n"]},
        {"output_type": "stream", "name": "stderr", "text": ["d"]},
        {
            "output_type": "display_data",
            "data": {"text/plain": ["<Figure>"], "image/png": "abc=", "a/b+json": {"x": [1]}},
            "metadata": {},
        },
    ]


def test_the_versions_on_the_card_are_those_the_page_told():
    start = Start("31", "Toy", "full", "solved", 0, {}, True, {"numpy": "2.1"}, "A CPU", 2, "2026-01-02", None)
    page = {"cells": [{}, {"outputs": [{"data": {MIME: start.to_dict()}}]}]}
    assert execute._versions(page) == {"numpy": "2.1"} and execute._versions({"cells": []}) == {}


def _command(*words):
    import argparse

    parser = argparse.ArgumentParser()
    register(parser.add_subparsers())
    arguments = parser.parse_args(["build", *words])
    return arguments.handler(arguments)


def test_the_command_prints_a_line_each_and_exits_with_1_for_a_problem(course, run, capsys, monkeypatch):
    monkeypatch.setenv("LABKIT_HOME", str(course.root))
    assert _command("--check") == 1 and "31_toys.ipynb is missing: labkit build 31" in capsys.readouterr().out
    assert _command("--draft") == 0 and capsys.readouterr().out.count("not executed") == 3
    list(build.build((), course.notebooks, run=run))
    assert _command("--check") == 0 and "agrees with its source" in capsys.readouterr().out
    assert _command("31") == 0 and capsys.readouterr().out == "31_toys: unchanged\n"
    assert _command("--check", "--release") == 0
    monkeypatch.setattr(labkit, "__version__", "9.9.9")
    assert _command("--check", "--release", "31") == 1 and "31_toys was executed by" in capsys.readouterr().out
    with pytest.raises(UsageError, match="--release executes every page"):
        _command("--release", "31")


def test_help_ends_with_an_example(capsys):
    with pytest.raises(SystemExit):
        _command("--help")
    assert capsys.readouterr().out.rstrip().splitlines()[-1].startswith("  labkit build")
