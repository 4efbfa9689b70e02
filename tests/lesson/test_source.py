"""labkit.lesson.source and percent: read as jupytext reads, fast, and with errors that name file and line."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.base.errors import LabkitError, UsageError
from labkit.base.places import course
from labkit.lesson import source
from labkit.lesson.percent import cells


def _as_jupytext(text: str) -> list[tuple[str, str, list[str]]]:
    import jupytext

    return [
        (cell.cell_type, cell.source.rstrip("\n"), cell.metadata.get("tags", []))
        for cell in jupytext.reads(text, fmt="py:percent").cells
    ]


def _as_ours(path) -> list[tuple[str, str, list[str]]]:
    return [(cell.kind, cell.text, list(cell.tags)) for cell in source.read(path).cells]


def test_the_facts_of_the_header(toys):
    toys.add("30", "boxes")
    lesson = source.read(toys.add("31", needs="[30, 8, 00]"))
    assert (lesson.number, lesson.slug, lesson.name) == ("31", "toys", "31_toys")
    assert lesson.heading == "31 · Toys" and lesson.question == "How many toys fit into a box?"
    assert lesson.minutes == 20 and lesson.budget_s == {"fast": 5, "full": 10}
    assert lesson.needs == ("30", "08", "00") and len(lesson.objectives) == 3 and lesson.waive == {}
    assert [parameter.name for parameter in source.parameters(lesson)] == ["toys"]


def test_the_facts_for_the_documents(toys, edit):
    path = toys.add("31")
    lesson = source.read(path)
    assert (lesson.routes, lesson.terms, lesson.published) == ({}, {}, ())
    facts = "needs: []\n#     routes: {half-day: 2}\n#     published: [{id: a}]\n#     terms:\n"
    facts += "#       toy: {text: It plays., zh: 玩具, note: unit 1}\n#       'box: a': {text: It., zh: 盒}"
    edit(path, "needs: []", facts)
    lesson = source.read(path)
    assert (lesson.routes, lesson.published) == ({"half-day": 2}, ({"id": "a"},))
    toy, box = source.Term("It plays.", "玩具", "unit 1"), source.Term("It.", "盒")
    assert lesson.terms == {"toy": toy, "box: a": box}


def test_cells_and_header_agree_with_jupytext(toys):
    import jupytext

    for path in (toys.add("31"), toys.whole("32")):
        text = path.read_text(encoding="utf-8")
        assert _as_ours(path) == _as_jupytext(text)
        facts = jupytext.reads(text, fmt="py:percent").metadata["labkit"]
        assert facts["title"] == source.read(path).title and facts["budget_s"] == source.read(path).budget_s


@pytest.mark.parametrize("path", source.sources(course() / "notebooks"), ids=lambda path: path.stem)
def test_real_lessons_agree_with_jupytext(path):
    assert _as_ours(path) == _as_jupytext(path.read_text(encoding="utf-8"))


_words = st.text(st.characters(whitelist_categories=("L", "N", "P", "S"), whitelist_characters=" "), max_size=12)
_text_cell = st.lists(_words, min_size=1, max_size=4).map(
    lambda lines: "# %% [markdown]\n" + "\n".join(f"# {line}".rstrip() for line in [*lines, "text"]) + "\n"
)
_code_line = st.sampled_from(
    ["x = 1", "", "# a comment", "if x:\n    y = 2", 'z = """a\n\n# b"""', "def f():\n\n    return 3"]
)
_code_cell = st.tuples(
    st.sampled_from(["# %%", '# %% tags=["parameters"]', '# %% tags=["a", "b-c"]']), st.lists(_code_line, max_size=5)
).map(lambda pair: "\n".join([pair[0], "x = 0", *pair[1]]) + "\n")


@settings(max_examples=40)
@given(st.lists(st.one_of(_text_cell, _code_cell), min_size=1, max_size=5), st.integers(1, 3))
def test_any_cells_agree_with_jupytext(blocks, gap):
    from pathlib import Path

    body = ("\n" * gap).join(blocks)
    ours = [(cell.kind, cell.text, list(cell.tags)) for cell in cells("31", Path("x.py"), body.splitlines(), 0)]
    assert ours == _as_jupytext(body)


def test_ids_are_unique_and_stay_when_another_part_changes(toys, edit):
    path = toys.whole("31")
    before = {cell.id: cell.text for cell in source.read(path).cells}
    assert len(before) == len(source.read(path).cells)
    edit(path, "# ## By hand\n", "# ## By hand\n#\n# More of it.\n\n# %%\n1 + 1\n\n# %% [markdown]\n")
    after = {cell.id: cell.text for cell in source.read(path).cells}
    changed = {name for name in before if after.get(name) != before[name]}
    assert changed and all(name.startswith("31-by-hand") for name in changed)


def test_find_knows_number_name_and_slug_and_names_the_nearest(toys):
    toys.add("00", "start_here")
    toys.add("31", "magnitude_pruning")
    for name in ("31", "31_magnitude_pruning", "magnitude_pruning", "31_magnitude_pruning.ipynb"):
        assert source.find(name, toys.notebooks).number == "31"
    assert source.find("0", toys.notebooks).number == "00"
    with pytest.raises(UsageError, match="magnitude_pruning"):
        source.find("magnitude_prunning", toys.notebooks)
    with pytest.raises(UsageError, match=r"no lesson '32'.*mean 31.*00, 31"):
        source.find("32", toys.notebooks)


def test_a_broken_lesson_does_not_hide_another(toys):
    toys.add("30").write_text("nothing")
    toys.add("31")
    assert source.find("31", toys.notebooks).number == "31"
    with pytest.raises(LabkitError, match=r"30_toys\.py:1"):
        source.lessons(toys.notebooks)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("#     minutes: 20\n", "", r"31_toys.py:2: .*'minutes' is missing"),
        ("minutes: 20", "minutes: long", r"31_toys.py:8: .*'minutes'"),
        ("question: How", "question: First: how", r"31_toys.py:7: .*quotes"),
        ("minutes: 20", "minuts: 20", r"31_toys.py:8: .*'minuts'.*mean minutes"),
        ("{fast: 5, full: 10}", "{fast: 5}", r"31_toys.py:9: budget_s"),
        ("needs: []", "needs: [pruning]", r"31_toys.py:10: needs"),
        ("needs: []", "needs: []\n#     waive: [few-words]", r"31_toys.py:11: waive"),
        ("needs: []", "needs: []\n#     waive: few-words", r"31_toys.py:11: .*'waive' has the wrong type"),
        ("needs: []", "needs: []\n#     routes: [half-day]", r"31_toys.py:11: .*'routes' has the wrong type"),
        ("needs: []", "needs: []\n#     routes: {half-day: first}", r"31_toys.py:11: routes is {route: session}"),
        ("needs: []", "needs: []\n#     routes: {half-day: 0}", r"31_toys.py:11: routes is {route: session}"),
        ("needs: []", "needs: []\n#     rotes: {half-day: 1}", r"31_toys.py:11: .*'rotes'; did you mean routes"),
        ("needs: []", "needs: []\n#     terms:\n#       toy: It plays.", r"31_toys.py:12: the term 'toy'"),
        (
            "needs: []",
            "needs: []\n#     terms:\n#       toy: {text: It.}",
            r"31_toys.py:12: the term 'toy' has a text, zh",
        ),
        ("needs: []", "needs: []\n#     terms:\n#       toy: {text: It., zh: 3}", r"31_toys.py:12: the term 'toy'"),
        ("needs: []", "needs: []\n#     terms:\n#       toy: {text: a, zh: b, unit: c}", r"the term 'toy'"),
        ("needs: []", "needs: []\n#     published: [lloyd-max]", r"31_toys.py:11: published is a list of figures"),
        ("needs: []", "needs: []\n#     published: [{id: a, lesson: 31}]", r"31_toys.py:11: .*without 'lesson'"),
        ("#   kernelspec:", "#   kernel:", r"kernelspec"),
        ("#   labkit:", "#   other:", r"no facts"),
        ("# %%\nimport sys", "# %% A title\nimport sys", r"31_toys.py:\d+: a cell begins"),
        ("# %%\nimport sys", "# %% tags=[3]\nimport sys", r"31_toys.py:\d+: tags"),
        ("# Count them", "Count them", r"31_toys.py:\d+: every line of a text cell"),
        ("import sys", "%matplotlib inline", r"31_toys.py:\d+: .*magic"),
        ("import sys", "!pip install x", r"31_toys.py:\d+: .*magic"),
        ("import sys\n", "\n", r"31_toys.py:\d+: this cell is empty"),
        ("# Write it.", "# Write it.\n#", r"31_toys.py:\d+: a text cell ends in words"),
        ("import sys", "import", r"31_toys.py:\d+: this is not Python"),
    ],
)
def test_errors_name_file_and_line(toys, edit, old, new, message):
    path = toys.add("31")
    edit(path, old, new)
    with pytest.raises(LabkitError, match=message):
        source.read(path)


def test_a_wrong_parameters_cell_is_named_with_its_place(toys, edit):
    path = toys.add("31")
    edit(path, "toys: int = 3  # toys in the box; 1 to 9", "toys = 3")
    with pytest.raises(LabkitError, match=r"31_toys.py:\d+ \(cell 3\): The parameters cell"):
        source.parameters(source.read(path))


def test_two_lessons_with_one_number_and_a_wrong_file_name(toys):
    toys.add("31", "one")
    toys.add("31", "two")
    with pytest.raises(LabkitError, match="share the number 31"):
        source.lessons(toys.notebooks)
    with pytest.raises(LabkitError, match=r"NN_name\.py"):
        source.read(toys.root / "x.py")


def test_reading_imports_nothing_heavy(toys):
    code = (
        "import sys; from pathlib import Path; from labkit.lesson import source;"
        f"source.read(Path({str(toys.whole('31'))!r}));"
        "print(sorted({'jupytext', 'nbformat', 'numpy', 'tensorflow', 'papermill'} & set(sys.modules)))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
