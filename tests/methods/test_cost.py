"""Costs by formula, against arrays of those shapes and a plain loop."""

from __future__ import annotations

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


@given(st.integers(1, 30), st.integers(1, 5), st.integers(1, 4))
def test_output_size_by_counting(size, kernel, stride):
    if kernel <= size:
        starts = [start for start in range(0, size, stride) if start + kernel <= size]
        assert cost.output_size(size, kernel, stride) == len(starts)
    assert cost.output_size(size, kernel, stride, "same") == len(range(0, size, stride))


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
    with pytest.raises(UsageError, match="'valid' or 'same'"):
        cost.output_size(5, 3, padding="full")
    with pytest.raises(UsageError, match="does not fit"):
        cost.output_size(2, 3)
