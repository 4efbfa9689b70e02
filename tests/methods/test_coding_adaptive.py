"""Adaptive and context models against their closed form, and round trips of every context."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln

from labkit.base.errors import LabkitError, UsageError
from labkit.methods.coding import adaptive, codes


@st.composite
def problems(draw):
    size, count = draw(st.integers(1, 20)), draw(st.integers(0, 200))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    symbols = np.minimum(rng.geometric(draw(st.floats(0.05, 1.0)), count) - 1, size - 1)
    groups = draw(st.sampled_from([None, np.arange(count) % 7, rng.integers(-3, 3, count)]))
    back = tuple(draw(st.lists(st.integers(1, 30), max_size=3)))
    return symbols, size, groups, back


@given(problems())
@settings(max_examples=300)
def test_what_was_coded_comes_back(problem):
    symbols, size, groups, back = problem
    data = adaptive.adaptive_encode(symbols, size, groups, back)
    found = adaptive.adaptive_decode(data, size, len(symbols), groups, back)
    assert found.dtype == np.int32 and (found == symbols).all()


@given(problems())
def test_missing_and_surplus_bytes_are_refused(problem):
    symbols, size, groups, back = problem
    data = adaptive.adaptive_encode(symbols, size, groups, back)
    for bad in (data + b"\1", *(data[:cut] for cut in range(0, len(data), 5))):
        with pytest.raises(LabkitError, match="cannot be read"):
            adaptive.adaptive_decode(bad, size, len(symbols), groups, back)


@given(problems(), st.binary(max_size=100), st.integers(0, 300))
@settings(max_examples=200)
def test_any_bytes_give_symbols_or_one_sentence(problem, foreign, count):
    _, size, _, back = problem
    try:
        found = adaptive.adaptive_decode(foreign, size, count, None, back)
    except LabkitError as error:
        assert str(error).endswith(".") and ". " not in str(error)
    else:
        assert len(found) == count and ((found >= 0) & (found < size)).all()


@given(problems())
def test_the_bytes_are_those_of_the_closed_form(problem):
    symbols, size, groups, _ = problem
    which = np.zeros(len(symbols), int) if groups is None else np.unique(groups, return_inverse=True)[1].reshape(-1)
    counts = np.zeros((which.max(initial=0) + 1, size), int)
    np.add.at(counts, (which, symbols), 1)
    bits = adaptive.adaptive_bits(counts)
    n = counts.sum(axis=1)
    scipy = gammaln(n + size / 2) - gammaln(size / 2) - (gammaln(counts + 0.5) - gammaln(0.5)).sum(axis=1)
    assert bits == pytest.approx(scipy.sum() / np.log(2), rel=1e-9, abs=1e-6)
    assert bits / 8 <= len(adaptive.adaptive_encode(symbols, size, groups)) + 1e-9 <= bits / 8 + 7


def test_learning_costs_half_the_logarithm_of_the_number():
    rng = np.random.default_rng(1)
    counts = np.bincount(rng.random(100_000) < 0.08)
    extra = adaptive.adaptive_bits(counts) - codes.entropy(counts) * counts.sum()
    assert extra == pytest.approx(0.5 * np.log2(np.pi / 2 * counts.sum()), abs=0.01)


def test_contexts_find_what_one_table_cannot_see():
    symbols = np.arange(4000) // 3 % 2  # three of a kind, in turns: after two alike comes the third, or the other
    plain, seen = (len(adaptive.adaptive_encode(symbols, 2, back=back)) for back in ((), (1, 2, 3)))
    assert plain >= 500 and seen < 20
    drift = np.repeat([0, 1], 2000)
    assert len(adaptive.adaptive_encode(drift, 2, groups=drift)) < 10


@st.composite
def images(draw):
    height, width, number, size = (draw(st.integers(1, top)) for top in (5, 6, 5, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    earlier = [(up, left) for up in range(3) for left in range(-3, 4) if up or left > 0]
    return rng.integers(0, size, (number, height, width)), size, draw(st.lists(st.sampled_from(earlier), max_size=4))


@given(images())
@settings(max_examples=200)
def test_neighbours_are_those_of_the_same_image(problem):
    """The bytes are those of contexts taken from images with a border; nothing wraps round."""
    symbols, size, near = problem
    number, height, width = symbols.shape
    bordered = np.full((number, height + 2, width + 6), size)
    bordered[:, 2:, 3:-3] = symbols
    context = np.zeros_like(symbols)
    for up, left in near:
        context = (size + 1) * context + bordered[:, 2 - up : 2 - up + height, 3 - left : 3 - left + width]
    row, shape = symbols.ravel(), (height, width)
    data = adaptive.adaptive_encode(row, size, image=shape, near=near)
    assert data == adaptive.adaptive_encode(row, size, groups=context.ravel())
    assert (adaptive.adaptive_decode(data, size, len(row), image=shape, near=near) == row).all()


def test_contexts_read_the_past_alone():
    """The first bytes must not depend on symbols that come later."""
    rng = np.random.default_rng(2)
    symbols = rng.integers(0, 4, 2000)
    other = symbols.copy()
    other[1500:] = rng.integers(0, 4, 500)
    first, second = (adaptive.adaptive_encode(each, 4, back=(1, 5)) for each in (symbols, other))
    assert first != second and first[:300] == second[:300]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.array([0, 3]), 3), "an alphabet of 3 has 0 to 2"),
        ((np.array([0, 1]), 0), "size is 0"),
        ((np.array([0, 1]), 5000), "size is 5000"),
        ((np.array([0, 1]), 2, np.array([1])), "1 groups for 2 symbols"),
        ((np.array([0, 1]), 2, None, (0,)), "distance in back is 0.*only earlier symbols"),
        ((np.array([0.5]), 2), "symbols has shape"),
    ],
)
def test_arguments_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        adaptive.adaptive_encode(*arguments)


@pytest.mark.parametrize(
    ("image", "near", "message"),
    [
        (None, [(0, 1)], "need the shape"),
        ((2, 2), [(0, 1)], "6 symbols do not fill whole images of 2 × 2"),
        ((2, 3), [(0, 0)], "columns in near is 0.*only earlier symbols"),
        ((2, 3), [(0, -1)], "columns in near is -1"),
        ((2, 3), [(-1, 1)], "rows in near is -1"),
        ((0, 3), [], "side of image is 0"),
    ],
)
def test_neighbours_that_cannot_be_are_refused(image, near, message):
    with pytest.raises(UsageError, match=message):
        adaptive.adaptive_encode(np.zeros(6, int), 2, image=image, near=near)


def test_a_count_without_bound_is_refused():
    with pytest.raises(UsageError, match="count is"):
        adaptive.adaptive_decode(b"", 2, 2**40)
