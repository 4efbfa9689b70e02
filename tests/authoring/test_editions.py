"""labkit.authoring.editions and parts: what a learner gets and what the solved edition executes, valid for Jupyter."""

from __future__ import annotations

import ast
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.authoring import editions
from labkit.lesson import parts, source

RECORD = {
    "code_sha256": "0",
    "executed": {"date": "2024-05-06", "versions": {"python": "3.11.7", "numpy": "2.1", "labkit": "0.1.0"}},
}


def _notebook(toys, number="31", edition="student", record=RECORD):
    course = {lesson.number: lesson for lesson in source.lessons(toys.notebooks)}
    return editions.notebook(course[number], edition, course, record)


def _text(notebook, kind):
    return "\n".join(cell["source"] for cell in notebook["cells"] if cell["cell_type"] == kind)


@pytest.mark.parametrize("edition", ["student", "solved"])
def test_both_are_valid_notebooks_that_papermill_accepts(toys, edition):
    import nbformat

    toys.whole("31")
    text = editions.dumps(_notebook(toys, edition=edition))
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3" and notebook.metadata.kernelspec.language == "python"
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    assert [cell.metadata.tags for cell in notebook.cells if "tags" in cell.metadata] == [
        ["parameters"],
        ["nbval-check-output"],
        ["hide-input"],
        ["hide-input"],
    ]
    assert not any(cell.get("outputs") for cell in notebook.cells)
    assert text == nbformat.writes(notebook) + "\n"


def test_the_student_gets_stubs_and_the_solved_edition_solutions_without_markers(toys):
    toys.whole("31")
    student = _text(_notebook(toys), "code")
    assert '"""Twice *x*."""\n    ...\n' in student and "return 2 * x" not in student
    assert 'chosen = ...\nlab.check("31.2", chosen)' in student and "chosen = 4" not in student
    solved = _text(_notebook(toys, edition="solved"), "code")
    assert "    return 2 * x\n" in solved and "chosen = 4\n" in solved
    assert "SOLUTION" not in student + solved


def test_exercise_cells_are_nbgraders_autograded_answers(toys):
    toys.whole("31")
    found = [cell["metadata"]["nbgrader"] for cell in _notebook(toys)["cells"] if "nbgrader" in cell["metadata"]]
    assert [each["grade_id"] for each in found] == ["exercise-31-1", "exercise-31-2"]
    for each in found:
        assert each | {"grade_id": ""} == {
            "schema_version": 3,
            "grade": False,
            "solution": True,
            "locked": False,
            "task": False,
            "grade_id": "",
        }


def test_the_card_tells_time_difficulty_needs_date_versions_and_objectives(toys):
    toys.add("30", "boxes", "Boxes")
    toys.whole("31", needs="[30]")
    cells = _notebook(toys)["cells"]
    assert cells[0]["source"].startswith("# 31 · Toys")
    for words in (
        "| **Time** | 20 minutes |",
        "★☆☆ to ★★☆",
        "[30 · Boxes](30_boxes.ipynb)",
        "2024-05-06 with labkit 0.1.0, Python 3.11.7, NumPy 2.1",
        "- count toys",
    ):
        assert words in cells[1]["source"]
    stored = json.loads(json.dumps(RECORD, sort_keys=True))
    assert _notebook(toys, record=stored)["cells"][1] == cells[1]
    assert "| **Verified** | not yet |" in _notebook(toys, record={})["cells"][1]["source"]


def test_another_lesson_changes_nothing_but_the_title_in_a_link(toys):
    toys.add("30", "boxes", "Boxes")
    toys.whole("31", needs="[30]")
    before = _notebook(toys)
    toys.add("40")
    assert _notebook(toys) == before
    assert "40_toys" not in _text(before, "markdown")


def test_links_to_other_folders_fit_each_edition(toys):
    toys.add("31")
    assert "](../docs/notes.md)" in _text(_notebook(toys), "markdown")
    assert "](../../docs/notes.md)" in _text(_notebook(toys, edition="solved"), "markdown")


def test_the_code_digest_ignores_text_comments_docstrings_and_blank_lines(toys, edit):
    path = toys.add("31")
    first = editions.code_digest(source.read(path))
    for old, new in (
        ("# Count them,", "# Do count them,"),
        ("  # a comment", ""),
        ("import sys", "import sys\n"),
        ('"""Twice *x*."""', '"""Two times *x*."""'),
        ("minutes: 20", "minutes: 25"),
    ):
        edit(path, old, new)
    assert editions.code_digest(source.read(path)) == first
    edit(path, "return 2 * x", "return x + x")
    assert editions.code_digest(source.read(path)) != first


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "a = 1\n### BEGIN SOLUTION\nb = a\nc, d = 1, 2\n### END SOLUTION\nprint(b, d)",
            "a = 1\nb = ...\nd = ...\nprint(b, d)",
        ),
        (
            "def f():\n    ### BEGIN SOLUTION\n    x = 1\n    return x\n    ### END SOLUTION\nx = f()",
            "def f():\n    ...\nx = f()",
        ),
        ("### BEGIN SOLUTION\nprint()\n### END SOLUTION", "..."),
        ("x = 1", "x = 1"),
    ],
)
def test_without_solution(text, wanted):
    assert parts.without_solution(text) == wanted
    ast.parse(parts.without_markers(text))


def test_essence_keeps_what_runs():
    text = (
        '"""Doc."""\nx = "# no comment"  # comment\n\n\ndef f(): "kept, the line is the function"\ny = """a\n\n# b"""\n'
    )
    kept = parts.essence(text)
    assert kept == 'x = "# no comment"\ndef f(): "kept, the line is the function"\ny = """a\n\n# b"""'


@given(
    st.lists(st.sampled_from(["x = 1", "def f():\n    '''d'''\n    return 1", "# c", "", "s = '#'", "t = '''\n\n'''"]))
)
def test_essence_computes_the_same(lines):
    text = "\n".join(lines)
    with_comments, without = {}, {}
    exec(text, with_comments)
    exec(parts.essence(text), without)
    names = {"x", "s", "t"}
    assert {k: v for k, v in with_comments.items() if k in names} == {k: v for k, v in without.items() if k in names}
    assert parts.essence(parts.essence(text)) == parts.essence(text)


def test_an_edition_can_be_read_back(toys):
    toys.add("31")
    notebook = _notebook(toys)
    assert [("".join(cell["source"])) for cell in json.loads(editions.dumps(notebook))["cells"]] == [
        cell["source"] for cell in notebook["cells"]
    ]


def test_the_solved_edition_says_that_the_course_solved_it(toys):
    toys.whole("31")
    solved, student = (_text(_notebook(toys, edition=edition), "code") for edition in ("solved", "student"))
    assert 'lab = start("31", seed=seed, edition="solved")' in solved
    assert 'lab = start("31", seed=seed)' in student and "edition=" not in student
