"""Entropy, Huffman, the range coder and the fast path, against scipy, closed forms, brute force and constriction."""

from __future__ import annotations

import inspect
import io
import itertools
import tokenize
import zlib

import constriction
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from labkit.base.errors import LabkitError, UsageError
from labkit.methods import sparsity
from labkit.methods.coding import codes as coding
from labkit.methods.coding import range_coder

STREAM = (np.random.default_rng(51).random(266_200) < 0.08).astype(np.int64)  # PCG64, seed 51


@st.composite
def streams(draw):
    """A stream and its alphabet's size: random, empty, one symbol, sorted, alternating, very skewed."""
    size = draw(st.integers(1, 300))
    count = draw(st.integers(0, 400))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    match draw(st.sampled_from(["random", "one", "skewed", "sorted", "alternating", "last", "fibonacci"])):
        case "one":
            symbols = np.full(count, draw(st.integers(0, size - 1)))
        case "skewed":
            symbols = (size * rng.random(count) ** 20).astype(np.int64)
        case "sorted":
            symbols = np.sort(rng.integers(0, size, count))
        case "alternating":
            symbols = np.arange(count) % 2 * (size - 1)
        case "last":
            symbols = np.full(count, size - 1) - (np.arange(count) == count - 1) * (size > 1)
        case "fibonacci":
            symbols = np.minimum(rng.geometric(0.618, count) - 1, size - 1)
        case _:
            symbols = rng.integers(0, size, count)
    return symbols, size


def tables(symbols, size, bits=16):
    counts = np.bincount(symbols, minlength=size)
    return coding.huffman_lengths(counts), coding.quantize_frequencies(counts, bits)


def coders(symbols, size):
    lengths, frequencies = tables(symbols, size)
    return [
        (coding.huffman_encode(symbols, lengths), lambda data, n: coding.huffman_decode(data, lengths, n)),
        (coding.range_encode(symbols, frequencies), lambda data, n: coding.range_decode(data, frequencies, n)),
        (coding.fast_encode(symbols, frequencies), lambda data, n: coding.fast_decode(data, frequencies, n)),
        (
            coding.fast_encode(symbols, frequencies, seal=False),
            lambda data, n: coding.fast_decode(data, frequencies, n, seal=False),
        ),
    ]


# --- entropy --------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=50).filter(sum))
def test_entropy_is_scipys(counts):
    assert coding.entropy(np.array(counts)) == pytest.approx(stats.entropy(counts, base=2), rel=1e-12, abs=1e-12)


def test_entropy_of_known_distributions():
    assert coding.entropy(np.zeros(3)) == coding.entropy(np.array([7])) == 0.0
    assert coding.entropy(np.ones(256)) == 8.0
    assert coding.entropy(np.array([0.92, 0.08])) == pytest.approx(sparsity.mask_entropy(0.08), rel=1e-12)
    assert round(coding.entropy(np.array([0.92, 0.08])) / 0.08, 2) == 5.03
    p = 0.3  # geometric: H(p) / p in closed form
    shares = p * (1 - p) ** np.arange(400)
    assert coding.entropy(shares) == pytest.approx(sparsity.mask_entropy(p) / p, rel=1e-10)


# --- Huffman --------------------------------------------------------------------------------------------------------


def fewest_bits(counts):
    """By trying every set of lengths that Kraft's inequality allows."""
    n = len(counts)
    complete = [ls for ls in itertools.product(range(1, n + 1), repeat=n) if sum(2.0**-length for length in ls) <= 1]
    return min(sum(c * length for c, length in zip(counts, ls, strict=True)) for ls in complete)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_huffman_is_the_best_prefix_code_of_small_alphabets(counts):
    lengths = coding.huffman_lengths(np.array(counts))
    assert sum(c * int(length) for c, length in zip(counts, lengths, strict=True)) == fewest_bits(counts)


@given(streams())
def test_huffman_lies_within_a_bit_of_the_entropy_and_is_complete(stream):
    counts = np.bincount(stream[0], minlength=stream[1])
    lengths = coding.huffman_lengths(counts).astype(int)
    assert lengths.dtype.kind == "i" and ((lengths > 0) == (counts > 0)).all()
    if np.count_nonzero(counts) > 1:
        assert sum(2.0 ** -lengths[lengths > 0]) == 1
        mean = float(counts @ lengths) / counts.sum()
        assert coding.entropy(counts) - 1e-9 <= mean < coding.entropy(counts) + 1


def test_huffman_takes_as_many_bits_as_constrictions():
    counts = np.array([50, 1, 1, 3, 9, 27, 9, 0, 4])
    tree = constriction.symbol.huffman.EncoderHuffmanTree(counts.astype(np.float32))
    coder = constriction.symbol.QueueEncoder()
    symbols = np.repeat(np.arange(len(counts)), counts)
    for symbol in symbols:
        coder.encode_symbol(int(symbol), tree)
    ours = coding.huffman_encode(symbols, coding.huffman_lengths(counts))
    assert len(ours) == -(-coder.get_compressed()[1] // 8)


def test_canonical_codes_are_those_of_rfc_1951():
    codes = coding.huffman_codes(np.array([3, 3, 3, 3, 3, 2, 4, 4]))  # the example of its section 3.2.2
    assert [codes[s] for s in range(8)] == ["010", "011", "100", "101", "110", "00", "1110", "1111"]


def test_fibonacci_counts_make_the_deepest_code():
    counts = [1, 1]
    while len(counts) < 80:
        counts.append(counts[-1] + counts[-2])
    counts = np.array(counts)
    lengths = coding.huffman_lengths(counts)
    assert lengths.max() == 79 and lengths.dtype == np.uint8
    symbols = np.arange(80)
    assert (coding.huffman_decode(coding.huffman_encode(symbols, lengths), lengths, 80) == symbols).all()


@pytest.mark.parametrize("lengths", [[1, 1, 1], [0, 1, 2, 2, 3], [1, 255, 255, 1]])
def test_lengths_of_no_prefix_code_are_refused(lengths):
    with pytest.raises(UsageError, match="No prefix code"):
        coding.huffman_codes(np.array(lengths))


@pytest.mark.parametrize("lengths", [[1, -1], [1, 2**40]])
def test_lengths_out_of_bounds_are_refused_before_a_code_is_written(lengths):
    with pytest.raises(UsageError, match="0 to 255 bits"):
        coding.huffman_codes(np.array(lengths))


# --- frequencies ----------------------------------------------------------------------------------------------------


@given(streams(), st.integers(9, 24))
def test_frequencies_sum_up_and_leave_nobody_out(stream, bits):
    counts = np.bincount(stream[0], minlength=stream[1])
    frequencies = coding.quantize_frequencies(counts, bits)
    assert frequencies.sum() == (2**bits if counts.any() else 0)
    assert ((frequencies > 0) == (counts > 0)).all()


@given(st.lists(st.integers(0, 60), min_size=1, max_size=4).filter(any))
def test_frequencies_cost_no_more_than_the_best_by_more_than_a_hair(counts):
    """Against every way to share out 2**4: the greedy choice is at most 2 % of the bits away."""
    counts = np.array(counts)
    occurs = counts[counts > 0]

    def bits(frequencies):
        return float(-(occurs * np.log2(np.array(frequencies) / 16)).sum())

    ways = (f for f in itertools.product(range(1, 17), repeat=len(occurs)) if sum(f) == 16)
    ours = coding.quantize_frequencies(counts, 4)
    assert bits(ours[counts > 0]) <= 1.02 * min(map(bits, ways)) + 1e-9


def test_frequencies_refuse_what_they_cannot_do():
    with pytest.raises(UsageError, match="too few"):
        coding.quantize_frequencies(np.ones(17, int), 4)
    with pytest.raises(UsageError, match="bits is"):
        coding.quantize_frequencies(np.ones(2, int), 31)
    with pytest.raises(UsageError, match="A count is -1"):
        coding.quantize_frequencies(np.array([3, -1]))
    huge = coding.quantize_frequencies(np.array([2**62, 2**62, 2**62, 1]))  # sums that int64 does not hold
    assert huge.sum() == 2**16 and huge[3] == 1


# --- round trips and sizes ------------------------------------------------------------------------------------------


@given(streams())
@settings(max_examples=300)
def test_every_coder_gives_back_what_it_was_given(stream):
    symbols, size = stream
    for data, decode in coders(symbols, size):
        back = decode(data, len(symbols))
        assert back.dtype == np.int32 and (back == symbols).all()


@given(streams(), st.integers(9, 30))
def test_the_range_coder_takes_what_the_frequencies_say_and_six_bytes(stream, bits):
    symbols, size = stream
    frequencies = tables(symbols, size, bits)[1]
    ideal = -np.log2(frequencies[symbols] / 2**bits).sum() / 8
    written = len(coding.range_encode(symbols, frequencies))
    assert ideal <= written <= ideal * (1 + 2.0 ** (bits - 39)) + 7


def test_the_stream_of_the_lesson():
    counts = np.bincount(STREAM)
    lengths, frequencies = tables(STREAM, 2)
    best = coding.entropy(counts) * len(STREAM) / 8
    assert len(coding.huffman_encode(STREAM, lengths)) == 33_275  # one bit a symbol: two symbols cannot have less
    by_hand, fast = coding.range_encode(STREAM, frequencies), coding.fast_encode(STREAM, frequencies)
    for data in (by_hand, fast):
        assert best <= len(data) <= 1.001 * best
    theirs = constriction.stream.queue.RangeEncoder()
    theirs.encode(STREAM.astype(np.int32), constriction.stream.model.Categorical(counts / len(STREAM), perfect=False))
    assert abs(len(by_hand) - theirs.get_compressed().nbytes) <= 8
    assert (coding.range_decode(by_hand, frequencies, len(STREAM)) == STREAM).all()
    assert (coding.fast_decode(fast, frequencies, len(STREAM)) == STREAM).all()


@given(st.lists(st.tuples(st.sampled_from([(1, 3), (2, 5), (49, 99)]), st.integers(1, 60)), min_size=1, max_size=6))
def test_carries_reach_the_bytes_that_went_out(runs):
    """The middle of an odd number again and again closes in on one half: which side it is stays open, and bytes wait.

    Python's long integers, which never put anything out, say what the bytes must be.
    """
    parts = [part for (start, total), times in runs for part in [(start, 1, total)] * times + [(total - 1, 1, total)]]
    coder, low, width = range_coder.RangeEncoder(), 0, 2**48
    for start, share, total in parts:
        coder.put(start, share, total)
        low, width = low + width // total * start, width // total * share
        while width < 2**40:
            low, width = low << 8, width << 8
    data = coder.finish()
    assert int.from_bytes(data, "big") == low
    decoder = range_coder.RangeDecoder(data)
    for start, share, total in parts:
        assert start <= decoder.look(total) < start + share
        decoder.take(start, share, total)
    decoder.finish()


def test_a_carry_runs_through_a_row_of_255s():
    coder, longest = range_coder.RangeEncoder(), 0
    rng = np.random.default_rng(4)
    for _ in range(20_000):
        before = bytes(coder.out)
        coder.put(int(rng.choice([1, 1, 1, 2])), 1, 3)
        if coder.out[: len(before)] != before:
            longest = max(longest, len(before) - next(k for k in range(len(before)) if coder.out[k] != before[k]))
    assert longest >= 2


def test_the_same_bytes_on_every_machine():
    """Golden bytes: constriction 0.4.2 and 0.5.0 on Linux wrote these."""
    symbols = (np.arange(5000, dtype=np.int64) ** 2 * 7919 % 104729 % 97 % 40) ** 2 // 60
    lengths, frequencies = tables(symbols, 27)
    written = (
        coding.huffman_encode(symbols, lengths),
        coding.range_encode(symbols, frequencies),
        coding.fast_encode(symbols, frequencies),
    )
    assert [(len(data), zlib.crc32(data)) for data in written] == [
        (2565, 1322734949),
        (2546, 2133920507),
        (2544, 328039520),
    ]


def test_one_symbol_or_none_costs_nothing():
    for symbols in (np.zeros(0, int), np.full(1000, 3)):
        lengths, frequencies = tables(symbols, 5)
        assert coding.range_encode(symbols, frequencies) == coding.fast_encode(symbols, frequencies) == b""
        assert len(coding.huffman_encode(symbols, lengths)) == -(-len(symbols) // 8)


# --- damaged bytes --------------------------------------------------------------------------------------------------


@given(streams(), st.data())
@settings(max_examples=200)
def test_bytes_that_are_missing_or_too_many_are_refused(stream, data):
    symbols, size = stream
    for number, (coded, decode) in enumerate(coders(symbols, size)[:3]):
        if number < 2 or coded:
            with pytest.raises(LabkitError, match="cannot be read"):
                decode(coded + b"\1", len(symbols))
        if coded:
            cut = data.draw(st.integers(0, len(coded) - 1))
            with pytest.raises(LabkitError, match="cannot be read"):
                decode(coded[:cut], len(symbols))


@given(streams(), st.binary(max_size=300), st.integers(0, 2000))
@settings(max_examples=300)
def test_any_bytes_give_symbols_or_one_sentence(stream, foreign, count):
    symbols, size = stream
    for _, decode in coders(symbols, size):
        try:
            found = decode(foreign, count)
        except LabkitError as error:
            assert str(error).count(". ") == 0 and str(error).endswith(".")
        else:
            assert len(found) == count and np.isin(found, symbols).all()


def test_every_flipped_bit_gives_symbols_or_one_sentence():
    symbols, size = np.random.default_rng(0).geometric(0.4, 60).clip(max=9), 10
    noticed = []
    for coded, decode in coders(symbols, size):
        raised = 0
        for bit in range(8 * len(coded)):
            bad = bytearray(coded)
            bad[bit // 8] ^= 1 << bit % 8
            try:
                assert len(decode(bytes(bad), len(symbols))) == len(symbols)
            except LabkitError:
                raised += 1
        noticed.append(raised / (8 * len(coded)))
    assert noticed[2] == 1.0  # the seal; the others have no check, and say so


@pytest.mark.parametrize("count", [-1, 2**28 + 1, 2**62, 1.5, True, "3"])
def test_counts_without_bound_are_refused_before_memory_is_taken(count):
    for _, decode in coders(np.array([0, 1, 1, 2]), 3):
        with pytest.raises(UsageError, match="count is"):
            decode(b"\1" * 8, count)


def test_a_count_that_the_bytes_cannot_hold_is_refused_at_once():
    for coded, decode in coders(np.array([0, 1, 1, 2] * 10), 3)[:3]:
        with pytest.raises(LabkitError, match="too few for so many"):
            decode(coded, 2**28)


@pytest.mark.parametrize("bad", [np.array([1.0]), np.array([[1]]), np.array(["a"])])
def test_symbols_that_are_none_are_refused(bad):
    for encode in (coding.huffman_encode, coding.range_encode, coding.fast_encode):
        with pytest.raises(UsageError, match="symbols has shape"):
            encode(bad, np.array([1, 1]))


@pytest.mark.parametrize(("symbol", "message"), [(2, "0 to 1 are known"), (-1, "0 to 1"), (0, "its count was 0")])
def test_symbols_without_a_code_are_refused(symbol, message):
    for encode in (coding.huffman_encode, coding.range_encode, coding.fast_encode):
        with pytest.raises(UsageError, match=message):
            encode(np.array([symbol]), np.array([0, 1]))


def test_frequencies_that_are_too_large_are_refused():
    with pytest.raises(UsageError, match=r"2\^24"):
        coding.fast_encode(np.array([0, 1]), np.array([2**24, 1]))
    with pytest.raises(UsageError, match=r"2\^32 is the most"):
        coding.range_encode(np.array([0, 1]), np.array([2**32, 1]))


# --- readable -------------------------------------------------------------------------------------------------------


def lines(*parts):
    """Lines that hold code: no docstrings, comments or blank lines."""
    count = 0
    for part in parts:
        held = set()
        for token in tokenize.generate_tokens(io.StringIO(inspect.getsource(part)).readline):
            text = token.type == tokenize.STRING and token.line.strip().startswith('"""')
            if not text and token.string.strip() and token.type not in (tokenize.COMMENT, tokenize.NL):
                held |= set(range(token.start[0], token.end[0] + 1))
        count += len(held)
    return count


def test_each_coder_by_hand_has_less_than_sixty_lines():
    huffman = (coding.huffman_lengths, coding.huffman_codes, coding.huffman_encode, coding.huffman_decode)
    ranges = (range_coder.RangeEncoder, range_coder.RangeDecoder, coding.range_encode, coding.range_decode)
    assert lines(*huffman) < 60
    assert lines(*ranges) < 60
