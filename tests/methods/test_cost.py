"""Costs by formula, against arrays of those shapes and a plain loop."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.base.errors import UsageError
from labkit.methods import cost

small = st.integers(1, 6)


@given(small, small, small)
def test_dense(inputs, units, positions):
    assert cost.dense_parameters(inputs, units) == np.empty((inputs, units)).size + units
    assert cost.dense_parameters(inputs, units, bias=False) == inputs * units
    assert cost.dense_macs(inputs, units, positions) == positions * inputs * units


@given(small, small, small, small, st.integers(1, 3))
def test_conv2d_and_depthwise(height, width, channels, filters, groups):
    channels, filters = channels * groups, filters * groups
    kernel = np.empty((height, width, channels // groups, filters))
    assert cost.conv2d_parameters((height, width), channels, filters, groups=groups) == kernel.size + filters
    assert cost.conv2d_macs((5, 4), (height, width), channels, filters, groups) == 20 * kernel.size
    # A depthwise convolution is one with as many groups as channels.
    assert cost.depthwise_parameters((height, width), channels, groups) == cost.conv2d_parameters(
        (height, width), channels, channels * groups, groups=channels
    )
    assert cost.depthwise_macs((5, 4), (height, width), channels, groups) == cost.conv2d_macs(
        (5, 4), (height, width), channels, channels * groups, channels
    )


def test_known_totals():
    """LeNet-300-100 has 266,610 weights and biases, in every paper."""
    shapes = [(784, 300), (300, 100), (100, 10)]
    assert sum(cost.dense_parameters(*shape) for shape in shapes) == 266_610
    assert sum(cost.dense_macs(*shape) for shape in shapes) == 266_200
    assert cost.batch_norm_parameters(16) == 64


@pytest.mark.parametrize("value", [0, -3, 2.5, "7", None])
def test_what_is_no_count_is_refused(value):
    with pytest.raises(UsageError, match=r"inputs is .* at least 1"):
        cost.dense_macs(value, 3)
    with pytest.raises(UsageError, match="channels is"):
        cost.depthwise_parameters((3, 3), value)


def test_combinations_that_cannot_be_are_refused():
    with pytest.raises(UsageError, match="must divide"):
        cost.conv2d_parameters((3, 3), 4, 6, groups=3)


@given(small, small, small, small, st.integers(1, 3))
def test_pooling_by_counting_what_a_loop_compares(rows, columns, height, width, channels):
    compared = sum(1 for _ in product(range(rows), range(columns), range(channels), range(height), range(width)))
    assert cost.pool2d_operations((rows, columns), (height, width), channels) == compared


@given(small, small, st.integers(1, 4))
def test_bytes_moved_and_intensity(inputs, units, batch):
    x, w, y = (np.empty(shape, np.float32) for shape in ((batch, inputs), (inputs, units), (batch, units)))
    moved = cost.bytes_moved(inputs, inputs * units, units, batch=batch)
    assert moved == x.nbytes + w.nbytes + y.nbytes
    macs = cost.dense_macs(inputs, units, batch)
    assert cost.arithmetic_intensity(macs, moved) == pytest.approx(2 * w.size * batch / moved)
    assert cost.arithmetic_intensity(0, moved) == 0.0


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 2), st.integers(1, 3), st.integers(1, 3))
def test_im2col_is_as_large_as_its_array(height, width, stride, channels, rows):
    image = np.zeros((height + stride * (rows - 1), width + stride * (rows - 1), channels), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(image, (height, width), (0, 1))[::stride, ::stride]
    made = np.ascontiguousarray(windows).nbytes
    wanted = 0 if height == width == stride == 1 else made
    assert cost.im2col_bytes((rows, rows), (height, width), channels, stride) == wanted


@st.composite
def networks(draw):
    """Steps that read what the input or earlier steps wrote, each with one result of its own."""
    count = draw(st.integers(1, 7))
    steps = [(draw(st.lists(st.integers(0, at), min_size=1, max_size=3)), [at + 1]) for at in range(count)]
    return draw(st.lists(st.integers(1, 100), min_size=count + 1, max_size=count + 1)), steps


@given(networks(), st.booleans())
def test_live_bytes_by_running_and_freeing(network, keep_input):
    sizes, steps = network
    kept = [0] if keep_input else []
    left = [key for reads, _ in steps for key in reads]
    memory, found = {0} if keep_input or 0 in left else set(), []
    for reads, writes in steps:  # allocate, note, then free what no later step reads
        memory |= set(writes)
        found.append(sum(sizes[key] for key in memory))
        for key in reads:
            left.remove(key)
            if key not in left and key not in kept:
                memory.discard(key)
    assert cost.live_bytes(dict(enumerate(sizes)), steps, kept) == found


def test_live_bytes_of_a_chain_and_a_shortcut():
    sizes = {"in": 10, "a": 30, "b": 30, "sum": 30, "out": 1}
    steps = [(["in"], ["a"]), (["a"], ["b"]), (["a", "b"], ["sum"]), (["sum"], ["out"])]
    assert cost.live_bytes(sizes, steps) == [40, 60, 90, 31]
    assert cost.live_bytes(sizes, steps, kept=["in"]) == [40, 70, 100, 41]
    assert cost.live_bytes({}, []) == []
    with pytest.raises(UsageError, match="no bytes for it"):
        cost.live_bytes({"in": 1}, steps)


def test_what_may_be_zero_and_what_not():
    assert cost.bytes_moved(2, 0, 3) == 20
    with pytest.raises(UsageError, match=r"weights is -1.*at least 0"):
        cost.bytes_moved(2, -1, 3)
    with pytest.raises(UsageError, match="moved is 0"):
        cost.arithmetic_intensity(1, 0)
