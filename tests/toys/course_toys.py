"""Toy courses in a temporary folder: lessons without TensorFlow that pass every gate and can be spoilt by one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labkit.lesson.source import Lesson

HEADER = """\
# ---
# jupyter:
#   jupytext: {{text_representation: {{extension: .py, format_name: percent}}}}
#   kernelspec: {{display_name: Python 3, language: python, name: python3}}
#   labkit:
#     title: {title}
#     question: How many toys fit into a box?
#     minutes: 20
#     budget_s: {{fast: 5, full: 10}}
#     needs: {needs}
#     objectives:
#       - count toys
#       - fill a box
#       - say when it is full
# ---

"""

# A small page whose cells really run: no session, so that the tests need no data and no models.
RUNNING = '''\
# %% [markdown]
# # {number} · {title}
#
# How many toys fit into a box?

# %%
import sys

# %% tags=["parameters"]
toys: int = 3  # toys in the box; 1 to 9

# %% [markdown]
# ## By hand
#
# Count them, as [in the notes](../docs/notes.md).

# %%
print("toys:", toys)  # a comment

# %% [markdown]
# ## Your turn
#
# ### {number}.1 Double ★☆☆ · 5 minutes
# Write it.

# %%
def double(x):
    """Twice *x*."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

double(toys)
'''

# A whole page, for the gates: they only read it.
WHOLE = '''\
# %% [markdown]
# # {number} · {title}
#
# How many toys fit into a box?

# %%
import numpy as np
from labkit import start

# %% tags=["parameters"]
toys: int = 3  # toys in the box; 1 to 9
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("{number}", seed=seed)

# %% [markdown]
# ## Predict
#
# Guess before you look. {filler}

# %%
lab.predict("{number}.p", "How many fit?", ["few", "many"], guess=None)

# %% [markdown]
# ## Idea
#
# A box is full when $n = 3$ toys are in it; see [the end](#What-we-saw) and [the notes](../docs/notes.md#the-box).

# %% [markdown]
# ## By hand
#
# Count on a box that is small enough to print.

# %% tags=["nbval-check-output"]
box = np.arange(3)
print(box)

# %% [markdown]
# All of them are there.

# %% [markdown]
# ## With the library
#
# The same with one call.

# %%
counted = np.size(box)

# %% [markdown]
# ## Your turn
#
# Two exercises.

# %% [markdown]
# ### {number}.1 Double ★☆☆ · 5 minutes
#
# Write a function.

# %%
def double(x):
    """Twice *x*."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION


double = lab.check("{number}.1", double)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Add it to itself.
# </details>
# <details><summary>Hint 2</summary>
#
# Two times 100 % of it.
# </details>

# %% [markdown]
# ### {number}.2 Choose ★★☆ · 5 minutes
#
# Choose a number.

# %%
### BEGIN SOLUTION
chosen = 4
### END SOLUTION
lab.check("{number}.2", chosen)

# %% [markdown]
# <details>
# <summary>Hint 1</summary>
#
# It is even.
# </details>
# <details>
# <summary>Hint 2</summary>
#
# It is a square.
# </details>

# %% [markdown]
# ## Evidence
#
# Each box with its 95 % interval, in int8 and with 4 bits.

# %% tags=["hide-input"]
figure = lab.folder
lab.show(figure, alt="The box fills up until nothing more goes in.")

# %%
lab.answer("{number}.p", "few")

# %% [markdown]
# ## What we saw
#
# What this does not show: other boxes.

# %% tags=["hide-input"]
lab.finish(f"The box holds {{counted:.1f}} toys, {{counted / 9:.1%}} of the nine.")
'''

EXERCISES = 'EXERCISES = [Exercise("{number}.1", 1), Exercise(\n    id="{number}.2")]\n'
NOTES = "# Notes\n\n## The box\n\nIt is [here](notes.md#notes).\n"


class Runner:
    """Stands for the kernel: gives every code cell one output, and remembers which lessons were executed."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def __call__(self, lesson: Lesson, content: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        self.ran.append(lesson.number)
        for number, cell in enumerate(cell for cell in content["cells"] if cell["cell_type"] == "code"):
            text = [f"run {len(self.ran)}, cell {number}\n"]
            output = {"name": "stdout", "output_type": "stream", "text": text}
            cell |= {"execution_count": number + 1, "outputs": [output]}
        executed = {"date": "2024-05-06", "profile": "full", "seconds": 3, "versions": {"python": "3.11.7"}}
        return content, executed


class Toys:
    """A course folder with ``data/registry.toml``, ``docs/``, ``notebooks/source/`` and a package of its own."""

    def __init__(self, root: Path) -> None:
        self.root, self.notebooks, self.package = root, root / "notebooks", root / "toykit"
        for folder in ("data", "docs", "notebooks/source", "toykit/exercises"):
            (root / folder).mkdir(parents=True)
        (root / "data" / "registry.toml").write_text("")
        (root / "docs" / "notes.md").write_text(NOTES)

    def add(self, number: str, slug: str = "toys", title: str = "Toys", needs: str = "[]", body: str = RUNNING) -> Path:
        """Write the source of one lesson, and its exercises."""
        filler = "Nothing is known yet and so every guess is a good one. " * 65
        path = self.notebooks / "source" / f"{number}_{slug}.py"
        text = HEADER.format(title=title, needs=needs) + body.format(number=number, title=title, filler=filler)
        path.write_text(text, encoding="utf-8")
        exercises = self.package / "exercises" / f"lesson{number}.py"
        exercises.write_text(EXERCISES.format(number=number))
        return path

    def whole(self, number: str, **facts: str) -> Path:
        """Write the source of a lesson that passes every gate."""
        return self.add(number, body=WHOLE, **facts)

    def files(self) -> dict[str, bytes]:
        """Every file below notebooks/ and the README, by its path."""
        paths = [*self.notebooks.rglob("*.ipynb"), *self.root.glob("README.md")]
        return {str(path.relative_to(self.root)): path.read_bytes() for path in paths}


@pytest.fixture
def toys(tmp_path: Path) -> Toys:
    """An empty toy course."""
    return Toys(tmp_path / "course")


@pytest.fixture
def run() -> Runner:
    """A stand-in for the kernel."""
    return Runner()


@pytest.fixture
def edit() -> Callable[[Path, str, str], None]:
    """Replace a text that must be there in a file."""

    def replace(path: Path, old: str, new: str) -> None:
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {path.name}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return replace
