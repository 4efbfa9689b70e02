"""labkit.authoring.lint: a whole toy lesson passes; each way to spoil it gives one finding with place and remedy."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.authoring import build, lint
from labkit.authoring.lint import code, links, prose
from labkit.lesson import source

FILLER = "Nothing is known yet and so every guess is a good one. " * 65
CODE = "# %%\ncounted = np.size(box)\n"
EVIDENCE = "# Each box with its 95 % interval, in int8 and with 4 bits."
LONG = "# %%\n" + "\n".join(f"x{k} = {k}" for k in range(16)) + "\n"
HELPER = "def grow(x, by):\n    y = x + by\n    y = y * 2\n    return y\n"


def _findings(toys, number="31"):
    course = source.lessons(toys.notebooks)
    lesson = next(each for each in course if each.number == number)
    return lint.lesson_findings(lesson, course, toys.package)


def test_a_whole_lesson_passes_every_gate(toys):
    toys.whole("31")
    assert _findings(toys) == []


# What is changed in the whole lesson, and the one finding that it gives.
SPOILT = {
    "objectives": ("#       - fill a box\n", "", "2 objectives"),
    "unknown waiver": (
        "needs: []",
        "needs: []\n#     waive: [few-word: short]",
        "'few-word' can be waived; did you mean few-words",
    ),
    "title": ("# # 31 · Toys", "# # 31 Toys", r"31_toys.py:\d+ \(cell 1\): the first cell is the title"),
    "question": ("# How many toys fit into a box?\n\n# %%", "# Why?\n\n# %%", "the first cell is the title"),
    "second title": ("# ## Evidence", "# # Evidence", "second level-1 heading"),
    "unknown part": ("# ## Idea", "# ## Ideas", r"no part 'Ideas'; did you mean Idea"),
    "part inside": ("# All of them are there.", "# There.\n#\n# ## Idea", "a part begins a cell of its own"),
    "wrong order": ("# All of them are there.", "# ## Predict", "'Predict' comes after 'By hand'"),
    "not only imports": ("from labkit import start\n", "from labkit import start\nx = 1\n", "imports alone"),
    "tensorflow first": (
        "import numpy as np\n",
        "import tensorflow_model_optimization as tfmot\n",
        "import it before tensorflow_mod",
    ),
    "no start": ('start("31", seed=seed)', 'start("32", seed=seed)', r'third code cell begins with: lab = start\("31"'),
    "no parameters": ('# %% tags=["parameters"]', "# %%", "second code cell, and no other, begins with"),
    "wrong parameter": ("toys: int = 3", "toys = 3", r"31_toys.py:\d+ \(cell 3\): The parameters cell"),
    "nine parameters": (
        "toys: int",
        "".join(f"p{k}: int = 1  # one; 1 to 9\n" for k in range(7)) + "toys: int",
        "9 parameters: keep the 8",
    ),
    "no seed": ("seed: int = 7  # random seed; 0 to 2**31 - 1\n", "", "no parameter seed"),
    "too many cells": (CODE, CODE + "\n# %%\n1\n" * 30, r"\d+ cells: a page has 20 to 45\."),
    "no finish": ("lab.finish(", "lab.say(", r"calls lab\.finish"),
    "number of an exercise": ("### 31.2 Choose", "### 31.3 Choose", "number them 31.1, 31.2"),
    "no chip": ("31.2 Choose ★★☆ · 5 minutes", "31.2 Choose", "has no chip"),
    "wrong check": ('lab.check("31.2"', 'lab.check("31.1"', r"exercise 31.2 has the checks \['31.1'\]"),
    "check not last": ('lab.check("31.2", chosen)\n', 'lab.check("31.2", chosen)\nchosen\n', "last line of its cell"),
    "check elsewhere": (CODE, CODE + 'lab.check("31.2", counted)\n', "without a heading"),
    "one hint": ("<summary>Hint 2</summary>\n#\n# Two times", "<summary>More</summary>\n#\n# Two times", "has 1 hints"),
    "hint unrendered": ("Hint 1</summary>\n#\n# Add it", "Hint 1</summary>\n# Add it", "blank line after </summary>"),
    "no markers": ("    ### END SOLUTION\n", "", "one solution, between"),
    "no docstring": ('    """Twice *x*."""\n', "", "double has no docstring"),
    "prediction without answer": (
        'lab.answer("31.p", "few")',
        'lab.say("few")',
        "no lab.answer compares the prediction",
    ),
    "answer without prediction": (
        'lab.answer("31.p", "few")',
        'lab.answer("31.p", "few")\nlab.answer("31.q", 1)',
        "answers no pred",
    ),
    "prediction's id": ("31.p", "p", "begin it with '31.'"),
    "few words": (FILLER, "", "words of prose: a page has 800 to 1,600 .*few-words: reason"),
    "many words": ("# Guess before", "# " + "A word. " * 500 + "before", r"words of prose: a page has 800 to 1,600\."),
    "long idea": ("# A box is full", "# " + "A word. " * 130 + "full", "under '## Idea'"),
    "numeral": (EVIDENCE, EVIDENCE + "\n# It is 12 % of it.", r"31_toys.py:\d+ .*'12 %' under '## Evidence'"),
    "numeral in finish": ("toys, {counted", "toys in 3.5 ms, {counted", "'3.5 ms' under '## What we saw'"),
    "numeral in alt": ("until nothing more goes in", "until 4 KiB are in", "'4 KiB' under '## Evidence'"),
    "long sentence": ("# All of them are there.", "# " + "word " * 31 + "there.", "a sentence of 32 words"),
    "each": ("# All of them are there.", "# It takes two bits a weight.", "'bits a weight': write 'per'"),
    "wide code": (CODE, CODE + "total = " + "counted + " * 9 + "counted\n", r"31_toys.py:\d+ .*105 letters"),
    "visible plot": ('# %% tags=["hide-input"]\nfigure', "# %%\nfigure", "lab.show is called in a visible cell"),
    "hidden method": (
        CODE,
        CODE.replace("# %%", '# %% tags=["hide-input"]') + "lab.data()\n",
        "lab.data is in a hidden",
    ),
    "colour": (CODE, CODE + 'colour = "#D55E00"\n', 'the colour "#D55E00": use lab.colour'),
    "no alt": (', alt="The box fills up until nothing more goes in."', "", "lab.show needs alt"),
    "short alt": ("The box fills up until nothing more goes in.", "A plot.", "lab.show needs alt"),
    "plt.show": (CODE, CODE + "plt.show()\n", "plt.show gives no alt text"),
    "image": ("# All of them", "# ![](../docs/notes.md) All of them", "image without alt text"),
    "long cell": (CODE, CODE + "\n" + LONG, "16 lines of code: one idea a cell, 15 lines"),
    "much code": (CODE, CODE + ("\n" + LONG.replace("x15 = 15\n", "")) * 10, "lines of code in the student edition"),
    "long helper": (
        CODE,
        CODE + "\n# %%\ndef long(x):\n" + "".join(f"    y{k} = {k}\n" for k in range(10)),
        "long has 11 lines",
    ),
    "private import": ("import numpy as np\n", "import numpy as np\nfrom numpy import _core\n", "_core is private"),
    "absolute path": (CODE, CODE + 'open("/tmp/x")\n', "'/tmp/x' exists on one machine only"),
    "home path": (CODE, CODE + 'open("~/x")\n', "'~/x' exists on one machine only"),
    "path in text": ("# All of them", "# See /home/me/x. All of them", "exists on one machine only"),
    "installation": ("# All of them", "# First pip install it. All of them", "installs nothing"),
    "link": ("](../docs/notes.md#the-box)", "](../docs/none.md)", "'../docs/none.md' leads nowhere"),
    "anchor": ("notes.md#the-box", "notes.md#the-boxes", "no heading 'the-boxes' in .*; did you mean the-box"),
    "anchor of a page": ("#What-we-saw", "#what-we-saw", "no heading 'what-we-saw' in this page"),
    "link in code": (CODE, CODE + 'lab.say("[x](../docs/notes.md)")\n', "breaks in one of the editions"),
    "unknown need": ("needs: []", "needs: [12]", "needs lesson 12"),
    "claim without id": (
        CODE,
        CODE + 'lab.claim("Size", 1, at_most=2)\n',
        r'begins with its id, .*lab.claim\("31.word"',
    ),
    "claim of another": (CODE, CODE + 'lab.claim("32.size", "Size", 1, at_most=2)\n', "begins with its id"),
    "claim twice": (
        CODE,
        CODE + 'lab.claim("31.a", "One", 1, at_most=2)\nlab.claim("31.a", "Two", 1, at_most=2)\n',
        r"the claim at 31_toys.py:\d+ .* has the id '31.a' too",
    ),
    "unknown route": ("needs: []", "needs: []\n#     routes: {half: 1}", "no route 'half'"),
    "compared": ("box = np.arange(3)", "box = np.arange(toys)", "compared exactly, and it uses toys"),
}


@pytest.mark.parametrize(("old", "new", "message"), SPOILT.values(), ids=SPOILT)
def test_each_gate_finds_what_it_is_for(toys, edit, old, new, message):
    path = toys.whole("31")
    if message == "begin it with '31.'":
        edit(path, 'lab.answer("31.p"', 'lab.answer("p"')
    edit(path, old, new)
    found = _findings(toys)
    assert any(re.search(message, line) for line in found), found
    assert all(line.startswith("31_toys.py") for line in found)
    assert len(found) <= 3, found


def test_a_waiver_lowers_a_lower_bound_and_no_other(toys, edit):
    path = toys.whole("31")
    edit(path, FILLER, "")
    edit(path, "needs: []", "needs: []\n#     waive:\n#       - few-words: the first page only shows how pages work")
    assert _findings(toys) == []
    edit(path, "# Guess before", "# " + "A word. " * 850)
    assert len(_findings(toys)) == 1
    outcome = build.Outcome(source.read(path), "unchanged")
    assert "waives few-words (the first page only shows how pages work)" in str(outcome)


def test_an_exercise_can_be_shown_solved(toys, edit):
    path = toys.whole("31")
    edit(path, "    ### BEGIN SOLUTION\n", "")
    edit(path, "    ### END SOLUTION\n", "")
    assert len(_findings(toys)) == 1
    edit(path, "needs: []", "needs: []\n#     waive: [shown-solution: it shows how an exercise works]")
    assert _findings(toys) == []


def test_a_helper_pasted_from_the_package_or_another_lesson(toys, edit):
    (toys.package / "methods.py").write_text(
        'def widen(a: int, b: int) -> int:\n    """Doc."""\n    c = a + b\n    c = c * 2\n    return c\n'
    )
    path = toys.whole("31")
    edit(path, CODE, CODE + HELPER)
    assert [line.partition(": ")[2] for line in _findings(toys)] == ["grow is toykit.methods.widen: import it."]
    other = toys.whole("40")
    edit(other, "box = np.arange(3)\n", "box = np.arange(3)\n" + HELPER)  # by hand, a method may be written out
    assert any("stands in lesson 31 · Toys too" in line for line in _findings(toys, "40"))
    edit(path, HELPER, "")
    assert _findings(toys, "40") == []


@pytest.mark.parametrize(
    "line",
    [
        'for way in ("a", "b"):\n    lab.claim(f"31.{way}", f"Size {way}", 1, at_most=2)\n',
        'for name in ("31.a", "31.b"):\n    lab.claim(name, "Size", 1, at_most=2)\n',
    ],
)
def test_a_claim_in_a_loop_may_have_its_id_from_a_variable(toys, edit, line):
    edit(toys.whole("31"), CODE, CODE + line)
    assert _findings(toys) == []


def test_a_claims_variable_must_have_ids_in_its_cell(toys, edit):
    edit(toys.whole("31"), CODE, CODE + 'for name in ("a", "b"):\n    lab.claim(name, "Size", 1, at_most=2)\n')
    assert len(_findings(toys)) == 1


def test_a_term_belongs_to_one_lesson_and_a_route_to_the_courses(toys, edit):
    (toys.root / "data" / "routes.toml").write_text('[half]\ntime = "x"\noutcome = "y"\n')
    facts = "needs: []\n#     routes: {half: 1}\n#     terms: {toy: {text: It plays., zh: 玩具}}"
    edit(toys.whole("31"), "needs: []", facts)
    assert _findings(toys) == []
    edit(toys.whole("40"), "needs: []", facts)
    assert ["lesson 40 · Toys has the term 'toy' too" in line for line in _findings(toys)] == [True]


def test_the_solution_of_an_exercise_may_be_the_packages_function(toys, edit):
    (toys.package / "methods.py").write_text(HELPER)
    path = toys.whole("31")
    edit(path, "    return 2 * x\n", "    y = x + x\n    y = y * 1\n    return y\n")
    edit(path, "def double(x)", "def double(x, by=0)")
    assert _findings(toys) == []


def test_exercises_are_those_of_the_exercise_module(toys):
    toys.whole("31")
    (toys.package / "exercises" / "lesson31.py").write_text('EXERCISES = [Exercise("31.1", 3)]\n')
    (line,) = _findings(toys)
    assert "its exercises are 31.1, 31.2, and those in labkit.exercises.lesson31 are 31.1" in line


def test_compared_cells_may_not_reach_a_run_through_other_names(toys, edit):
    path = toys.whole("31")
    edit(
        path,
        '# %% tags=["nbval-check-output"]\n',
        '# %%\ntimes = toys + 1\nbase = times\n\n# %% tags=["nbval-check-output"]\n',
    )
    assert _findings(toys) == []
    edit(path, "print(box)", "print(box, base)")
    assert "it uses base" in _findings(toys)[0]
    edit(path, "base = times\n", "base = 3\n")
    assert _findings(toys) == []


# What ruff finds in a lesson and leaves alone elsewhere, each with a word of its message.
FOR_RUFF = {
    "np._core": "SLF001",
    "np.random.seed(3)": "lab.rng",
    "tf.random.set_seed(3)": "lab.rng",
    "tf.keras.utils.set_random_seed(3)": "lab.rng",
    'plt.style.use("x")': "style of figures",
    'plt.rcParams["x"] = 3': "style of figures",
    "plt.show()": "alt text",
    "import tempfile": "lab.folder",
    "from tempfile import mkdtemp": "lab.folder",
    "from numpy import *": "F403",
}


def _ruff(text, file):
    """What ruff says about *text* with the course's own settings, as if it stood in *file* of the repository."""
    root = Path(__file__).resolve().parents[2]
    imports = "import matplotlib.pyplot as plt\nimport numpy as np\nimport tensorflow as tf\n\n"
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=concise", "--stdin-filename", file]
    return subprocess.run([*command, "-"], input=imports + text + "\n", capture_output=True, text=True, cwd=root).stdout


@pytest.mark.parametrize(("line", "message"), FOR_RUFF.items(), ids=FOR_RUFF)
def test_ruff_finds_in_a_lesson_what_its_rules_say(line, message):
    assert message in _ruff(line, "notebooks/source/31_toys.py")
    if message != "F403":
        assert message not in _ruff(line, "labkit/toys.py")


def test_ruff_allows_the_one_private_switch_that_has_no_other_way_and_private_names_of_ones_own():
    lines = "converter = tf.lite\nconverter._experimental_disable_per_channel = True\n"
    lines += "class A:\n    def f(self):\n        return self._x\n"
    assert "SLF001" not in _ruff(lines, "notebooks/source/31_toys.py")


@pytest.mark.parametrize(
    "text",
    ["int8", "8 bits", "8-bit", "95 % interval", "a 95 % Wilson interval", "95 % confidence interval", "{}%",
     "LeNet-300-100 weights", "`50 %`", "$50 \\%$", "in 2016", "the 2010s", "4 lessons", "lesson 31", "[x](a%20b)",
     "{} times", "float16 weights", "top-1 errors"],
)  # fmt: skip
def test_no_measured_numeral(text):
    assert list(prose._unmeasured(prose.plain(text))) == []


@pytest.mark.parametrize(
    "text",
    ["12 %", "12%", "0.3 points", "4×", "4 times", "3.2 ms", "12 µs", "1,024 bytes", "80\u00a0KiB", "10,000 images",
     "2.3 bits", "5 s", "12 percent", "a 10-fold gain", "3 dB", "2x faster", "266,610 parameters", "8-12 ms",
     "40 % of the 95 % interval"],
)  # fmt: skip
def test_measured_numerals(text):
    assert len(list(prose._unmeasured(prose.plain(text)))) == 1


def test_lines_of_code_leave_words_out():
    assert code.lines('# a\n\ndef f():\n    """Doc\n\n    more."""\n    return 1  # b\n') == 2


def _solved(toys, path, *outputs):
    """Write a solved edition whose first code cell has *outputs*; the findings on it."""

    def run(lesson, content):
        for number, cell in enumerate(cell for cell in content["cells"] if cell["cell_type"] == "code"):
            cell |= {"execution_count": number + 1, "outputs": list(outputs) if number == 0 else []}
        return content, {"date": "2024-05-06", "profile": "full", "seconds": 1, "versions": {}}

    list(build.build((), toys.notebooks, run=run))
    return _findings(toys)


def _data(mime, value):
    return {"output_type": "display_data", "metadata": {}, "data": {mime: value}}


def _image(size):
    return f'<img alt="a" src="data:image/png;base64,{base64.b64encode(bytes(size)).decode()}">'


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ({"output_type": "stream", "name": "stderr", "text": ["Warning: x\n"]}, "standard error has 'Warning: x'"),
        ({"output_type": "error", "ename": "ValueError", "evalue": "x", "traceback": []}, "it ended in ValueError"),
        (
            {"output_type": "stream", "name": "stdout", "text": ["in /home/me/x.py:3"]},
            "'/home/me/x.py:3', which exists on one",
        ),
        (_data("text/html", "saved to C:\\Users\\me\\x"), "exists on one machine"),
        (_data("application/vnd.labkit.record+json", {"path": "/tmp/x/y"}), "'/tmp/x/y'"),
        (_data("image/png", base64.b64encode(b"x").decode()), "no alt text"),
        (_data("text/html", _image(81 * 1024)), "a figure takes 81 KB"),
    ],
)
def test_outputs_are_quiet_small_and_of_no_machine(toys, output, message):
    (finding,) = _solved(toys, toys.whole("31"), output)
    assert message in finding and finding.startswith("solved/31_toys.ipynb, cell 3 (source line ")


def test_good_outputs_pass_and_unexecuted_cells_do_not(toys, edit):
    path = toys.whole("31")
    good = {"output_type": "stream", "name": "stdout", "text": ["3 toys / 4\n"]}
    assert _solved(toys, path, good, _data("text/html", _image(79 * 1024))) == []
    target = build.path(source.read(path), "solved")
    content = json.loads(target.read_text())
    next(cell for cell in content["cells"] if cell["cell_type"] == "code")["execution_count"] = None
    target.write_text(json.dumps(content))
    assert "has not been executed" in _findings(toys)[0]


def test_links_of_documents(toys):
    assert list(links.documents(toys.root)) == []
    (toys.root / "README.md").write_text(
        "[a](docs/notes.md#notes) [b](https://example.org/x#y) [c](docs/no.md)\n\n[d](#no)\n"
    )
    found = list(links.documents(toys.root))
    assert len(found) == 2 and "README.md:1" in found[0] and "README.md:3" in found[1]


def test_the_whole_course_at_once(toys):
    toys.whole("31")
    found = lint.findings(toys.notebooks, toys.package)
    assert len(found) == 2 and all("is missing" in line for line in found)
