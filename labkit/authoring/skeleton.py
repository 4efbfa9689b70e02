"""The text of a new lesson: a small page that runs and passes every check except those on length.

Each ``{…}`` is filled by `labkit.authoring.new`. Authors replace the page's content and keep its form.
"""

from __future__ import annotations

SOURCE = '''\
# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   labkit:
#     title: {header_title}
#     question: How many of the values are zero?
#     minutes: 45
#     budget_s: {{fast: 15, full: 15}}
#     needs: []
#     objectives:
#       - count the zeros of an array by hand
#       - count its distinct values
#       - compare the share that we measure with the share that we expect
# ---

# %% [markdown]
# # {number} · {title}
#
# How many of the values are zero?

# %%
from labkit import start

import matplotlib.pyplot as plt
import numpy as np

# %% tags=["parameters"]
size: int = 1000  # values drawn; 10 to 100000
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("{number}", seed=seed)
values = lab.rng.integers(-2, 3, size)

# %% [markdown]
# The cell above draws whole numbers from −2 to 2, each equally often. This page counts how many of them are zero.

# %% [markdown]
# ## Predict
#
# Guess before you look. Replace `None` by one of the options, in quotes.

# %%
my_guess = None
options = ["a tenth", "a fifth", "half"]
lab.predict("{number}.p", "Which share of the values is zero?", options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# The share of zeros is
#
# $$ s = \\frac{{k}}{{n}} $$
#
# where $n$ is the number of values and $k$ is the number of those that are zero.

# %% [markdown]
# ## By hand
#
# Five values are few enough to count.

# %%
few_values = np.array([0, 1, -2, 0, 1])
print(few_values == 0)

# %% [markdown]
# ## With the library
#
# NumPy counts all values with one call.

# %%
zeros = size - int(np.count_nonzero(values))
print(f"{{zeros}} of {{size}} values are zero")

# %% [markdown]
# ## Your turn

# %% [markdown]
# ### {number}.1 The share of zeros ★☆☆ · 5 minutes
#
# Write the share for any array.


# %%
def share_of_zeros(values: np.ndarray) -> float:
    """Return the share (0 to 1) of the values that are zero; 0 for no values."""
    ### BEGIN SOLUTION
    return float(np.mean(values == 0)) if values.size else 0.0
    ### END SOLUTION


share_of_zeros = lab.check("{number}.1", share_of_zeros)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `values == 0` compares each value and gives an array of True and False.
# </details>
# <details><summary>Hint 2</summary>
#
# The mean of that array is the share of True. An empty array has no mean.
# </details>

# %% [markdown]
# ### {number}.2 Distinct values ★☆☆ · 5 minutes
#
# Count how many different values an array has.


# %%
def distinct_values(values: np.ndarray) -> int:
    """Return the number of different values."""
    ### BEGIN SOLUTION
    return int(np.unique(values).size)
    ### END SOLUTION


distinct_values = lab.check("{number}.2", distinct_values)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `np.unique` returns each value once, sorted.
# </details>
# <details><summary>Hint 2</summary>
#
# The `size` of that array is the number of different values.
# </details>

# %% [markdown]
# ## Evidence
#
# The figure shows how often each value occurs. All bars should be about equally high.

# %%
levels, counts = np.unique(values, return_counts=True)
print(dict(zip(levels, counts, strict=True)))

# %% tags=["hide-input"]
figure, axes = plt.subplots()
axes.bar(levels, counts)
axes.set_xlabel("value")
axes.set_ylabel("how often it occurs")
lab.show(figure, alt="Bars of about the same height, one for each of the five values.")

# %%
share = share_of_zeros(values)
lab.claim(
    "{number}.share",
    "About a fifth of the values is zero",
    share,
    between=(0.1, 0.3),
    unit="%",
)

# %%
lab.claim(
    "{number}.distinct",
    "No value outside the range was drawn",
    distinct_values(values),
    at_most=5,
    label="distinct values",
    holds="always",
)

# %%
lab.answer("{number}.p", "a fifth")

# %% [markdown]
# ## What we saw

# %% tags=["hide-input"]
lab.finish(f"""
Of the values, {{share:.1%}} are zero.

This does **not** show anything about real weights: replace this page by your own.
""")
'''

EXERCISES = '''\
"""Exercises of lesson {number}: the share of zeros, and the number of distinct values."""

from __future__ import annotations

import numpy as np

from labkit.exercises.framework import Exercise, Mistake

_CASES = [
    ("some zeros", (np.array([0, 1, -1, 0, 2]),)),
    ("no zeros", (np.array([3, -3, 1, 2]),)),
    ("zeros alone", (np.array([0, 0]),)),
    ("no values", (np.zeros(0, dtype=int),)),
]


def _share_of_zeros(values: np.ndarray) -> float:
    return float(np.mean(values == 0)) if values.size else 0.0


def _share_of_others(values: np.ndarray) -> float:
    return float(np.mean(values != 0)) if values.size else 0.0


def _distinct_values(values: np.ndarray) -> int:
    return int(np.unique(values).size)


EXERCISES = [
    Exercise(
        "{number}.1",
        _share_of_zeros,
        mistakes=[
            Mistake("count", lambda values: int(np.sum(values == 0)), "you count the zeros; divide by all values"),
            Mistake("others", _share_of_others, "you give the share of values that are not zero"),
            Mistake("percent", lambda values: 100 * _share_of_zeros(values), "you give a percentage, not a share"),
        ],
        cases=_CASES,
    ),
    Exercise(
        "{number}.2",
        _distinct_values,
        mistakes=[
            Mistake("all", lambda values: int(values.size), "you count every value; count equal ones once"),
            Mistake("signs", lambda values: _distinct_values(np.abs(values)), "you take −1 and 1 for one value"),
            Mistake("zero", lambda values: _distinct_values(values[values != 0]), "you leave the zero out"),
        ],
        cases=_CASES,
    ),
]
'''

FRAGMENT = "- {number} {title}: How many of the values are zero?\n"
