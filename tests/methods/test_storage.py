"""Sparse formats: bytes by formula equal bytes written, arrays come back, and SciPy's sparse arrays agree."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.base.errors import UsageError
from labkit.methods.sparsity import bits_a_weight, break_even, pattern_mask
from labkit.methods.storage import (
    FORMATS,
    Layout,
    best_layout,
    bytes_of,
    decode,
    encode,
    measured_break_even,
    pack,
    unpack,
)

DTYPES = ("float32", "float16", "int8", "float64")


@st.composite
def matrices(draw, dtypes=DTYPES):
    """Matrices of every density, sides of a multiple of four, empty ones too; runs and gaps of every length."""
    shape = (4 * draw(st.integers(0, 5)), 4 * draw(st.integers(0, 40)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    density = draw(st.sampled_from([0.0, 0.002, 0.05, 0.3, 0.9, 1.0]))
    values = rng.integers(1, 120, shape) * rng.choice([-1, 1], shape)
    mask = np.repeat(rng.random((shape[0], shape[1] // 4)) < density, 4, axis=1) if draw(st.booleans()) else None
    return (values * (rng.random(shape) < density if mask is None else mask)).astype(draw(st.sampled_from(dtypes)))


layouts = st.builds(
    Layout,
    gap_bits=st.integers(1, 9),
    run_bits=st.integers(2, 9),
    index_bytes=st.sampled_from([None, 4, 8]),
    block=st.sampled_from([(1, 1), (1, 4), (4, 1), (2, 2), (4, 4)]),
)


@settings(max_examples=300)
@given(matrices(), layouts, st.sampled_from(FORMATS))
def test_bytes_by_formula_are_those_written_and_the_array_comes_back(array, layout, format):
    if format == "2:4":
        array = np.where(pattern_mask(array), array, 0).astype(array.dtype)
    written = encode(array, format, layout)
    assert written.bytes == len(b"".join(each.tobytes() for each in written.arrays.values()))
    assert bytes_of(array, format, layout) == written.bytes
    back = decode(written)
    assert back.dtype == array.dtype and back.shape == array.shape and np.array_equal(back, array)


@settings(max_examples=60)
@given(matrices(dtypes=("float32", "float64", "int8")))
def test_csr_coo_and_blocks_are_scipys(array):
    wide = Layout(index_bytes=4, block=(4, 2))
    ours, theirs = encode(array, "csr", wide), scipy.sparse.csr_array(array)
    assert np.array_equal(ours.arrays["values"], theirs.data)
    assert np.array_equal(ours.arrays["columns"], theirs.indices)
    assert np.array_equal(ours.arrays["pointers"], theirs.indptr)
    assert ours.bytes == theirs.data.nbytes + 4 * (theirs.indices.size + theirs.indptr.size)
    coo, pairs = encode(array, "coo", wide), scipy.sparse.coo_array(array)
    assert np.array_equal(coo.arrays["rows"], pairs.row) and np.array_equal(coo.arrays["columns"], pairs.col)
    assert np.array_equal(coo.arrays["values"], pairs.data)
    if array.size:
        blocks, bsr = encode(array, "block", wide), scipy.sparse.bsr_array(array, blocksize=(4, 2))
        bsr.sort_indices()
        assert np.array_equal(blocks.arrays["values"], bsr.data)
        assert np.array_equal(blocks.arrays["columns"], bsr.indices)
        assert np.array_equal(blocks.arrays["pointers"], bsr.indptr)


def test_the_relative_index_is_that_of_the_paper():
    array = np.zeros(16, "float32")  # Han et al., figure 2: three bits, one padding zero
    array[[1, 4, 15]] = [3.4, 0.9, 1.7]
    written = encode(array, "relative", Layout(gap_bits=3))
    assert written.arrays["values"].tolist() == np.array([3.4, 0.9, 0, 1.7], "float32").tolist()
    gaps = unpack(written.arrays["gaps"], 3, 4)
    assert (np.cumsum(gaps + 1) - 1).tolist() == [1, 4, 12, 15]
    assert gaps[1:].tolist() == [2, 7, 2], "differences 3, 8, 3, each stored less one"


@pytest.mark.parametrize(("dtype", "share"), [("int8", 0.625), ("float16", 0.5625), ("float32", 0.53125)])
def test_two_of_four_takes_the_published_share(dtype, share):
    array = np.random.default_rng(0).integers(1, 100, (64, 128)).astype(dtype)
    array[~pattern_mask(array)] = 0
    written = encode(array, "2:4")
    assert written.bytes / encode(array, "dense").bytes == share
    assert np.array_equal(decode(written), array)


@pytest.mark.parametrize("format", [name for name in FORMATS if name != "2:4"])
@pytest.mark.parametrize("density", [0.02, 0.08, 0.5, 0.95])
def test_random_masks_come_to_the_formula(format, density):
    size = 400 * 800
    array = np.zeros(size, "float32")
    array[np.random.default_rng(1).permutation(size)[: round(density * size)]] = 1
    array = array.reshape(400, 800)
    layout = Layout(gap_bits=4, index_bytes=4 if format == "csr" else 2)  # row pointers go beyond two bytes
    bits = 8 * encode(array, format, layout).bytes / size
    expected = bits_a_weight(format, density, 32, index_bits=8 * (layout.index_bytes or 0), gap_bits=4)
    pointers = {"csr": 32 / 800, "block": 16 / 3200}.get(format, 0)
    # The count is exact; what is left to chance is where: gaps, runs, blocks, each some thousands, so about a per cent.
    assert bits == pytest.approx(expected + pointers, rel=0.02)
    assert bits >= bits_a_weight("entropy", density, 32), "no format is below the entropy"


def test_break_evens_are_those_of_paper_and_pencil():
    assert break_even("csr", 32, index_bits=32) == pytest.approx(1 / 2, abs=2e-6)
    assert break_even("csr", 32, index_bits=16) == pytest.approx(2 / 3, abs=2e-6)
    assert break_even("coo", 32, index_bits=16) == pytest.approx(1 / 2, abs=2e-6)
    assert break_even("bitmap", 32) == pytest.approx(31 / 32, abs=2e-6)
    assert break_even("csr", 32, "bitmap", index_bits=16) == pytest.approx(1 / 16, abs=2e-6)
    assert break_even("entropy", 32, "bitmap") == pytest.approx(1 / 2, abs=1e-3), "where the mask is worth a whole bit"
    for density in (0.0, 1.0):
        assert all(np.isfinite(bits_a_weight(name, density, 32)) for name in ("relative", "run length", "entropy"))
    assert bits_a_weight("relative", 0, 32, gap_bits=4) == pytest.approx(
        bits_a_weight("relative", 1e-9, 32, gap_bits=4)
    )


@pytest.mark.parametrize("format", ["coo", "csr", "bitmap", "relative", "run length"])
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_the_measured_break_even_is_the_formulas(format, dtype):
    found = measured_break_even(format, (300, 400), dtype, np.random.default_rng(0))
    # Half a point: the row pointers, which the formula leaves out, and the chance of 120,000 draws.
    assert found == pytest.approx(break_even(format, 8 * np.dtype(dtype).itemsize), abs=0.005)


@given(st.integers(1, 16), st.lists(st.integers(0, 2**16 - 1), max_size=40))
def test_packed_codes_come_back(bits, numbers):
    codes = np.array(numbers, np.int64) % 2**bits
    packed = pack(codes, bits)
    assert packed.nbytes == -(-len(numbers) * bits // 8)
    assert np.array_equal(unpack(packed, bits, len(numbers)), codes)


def test_other_shapes_and_special_values():
    array = np.array([0, np.nan, np.inf, -0.0, 1e-45, 0, 0, 0], "float32").reshape(2, 2, 2)
    for format in ("dense", "bitmap", "relative", "run length"):
        assert np.array_equal(decode(encode(array, format)), array, equal_nan=True)
    assert encode(np.zeros(1000, "int8"), "run length").bytes == 7, "255 three times with 0 between, and 235"


def test_what_cannot_be_encoded_is_refused_in_one_sentence():
    for call, message in (
        (lambda: encode(np.zeros((2, 2)), "crs"), "format"),
        (lambda: encode(np.zeros(4), "csr"), "needs a matrix"),
        (lambda: encode(np.zeros((6, 4)), "block"), "do not divide"),
        (lambda: encode(np.zeros((2, 6)), "2:4"), "that 4 divides"),
        (lambda: encode(np.ones((1, 4)), "2:4"), "more than two"),
        (lambda: encode(np.zeros(3, dtype=bool), "bitmap"), "holds bool"),
        (lambda: encode(np.ones((2, 300)), "csr", Layout(index_bytes=1)), "goes up to 299"),
        (lambda: Layout(gap_bits=0), "gap_bits"),
        (lambda: Layout(index_bytes=3), "index_bytes"),
        (lambda: Layout(block=(0, 4)), "block is"),
        (lambda: bits_a_weight("2:4", 0.5, 32), "format"),
    ):
        with pytest.raises(UsageError, match=message):
            call()


def test_the_best_layout_takes_the_fewest_bytes_and_the_formula_knows_it():
    mask = np.random.default_rng(4).random((200, 500)) < 0.08
    for name, key in (("relative", "gap_bits"), ("run length", "run_bits")):
        best = best_layout(mask.astype("float32"), name)
        every = [bytes_of(mask.astype("float32"), name, Layout(**{key: width})) for width in range(2, 11)]
        assert bytes_of(mask.astype("float32"), name, best) == min(every)
        by_formula = bits_a_weight(name, 0.08, 32, gap_bits=None, run_bits=None)
        assert by_formula == min(bits_a_weight(name, 0.08, 32, **{key: width}) for width in range(2, 11))
        assert min(every) * 8 / mask.size == pytest.approx(by_formula, rel=0.02)
        assert break_even(name, 32, gap_bits=None, run_bits=None) >= break_even(name, 32)
    assert best_layout(mask.astype("float32"), "csr") == Layout()
