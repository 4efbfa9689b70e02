"""Sparsity and what it is worth, by counting and by SciPy's entropy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from labkit.base.errors import UsageError
from labkit.methods.sparsity import (
    activation_sparsity,
    density,
    grouped_entropy,
    mask_entropy,
    neuron_norms,
    neuron_sparsity,
    pattern_mask,
    sparsity,
)


@given(st.lists(st.sampled_from([0.0, -0.0, 1e-30, 2.0]), max_size=30))
def test_sparsity_counts_exact_zeros(values):
    expected = sum(value == 0 for value in values) / len(values) if values else 0.0
    assert sparsity(np.array(values)) == pytest.approx(expected)
    assert density(np.array(values)) == pytest.approx(1 - expected)


@given(st.floats(0, 1))
def test_mask_entropy_is_shannons(p):
    assert mask_entropy(p) == pytest.approx(entropy([p, 1 - p], base=2), abs=1e-12)
    assert 0 <= mask_entropy(p) <= 1


def test_neuron_sparsity_is_small_neurons_over_all_neurons():
    kernel = np.array([[3.0, 0, 0, 0], [4, 0, 1, 5]])  # norms 5, 0, 1, 5: mean 2.75
    assert neuron_norms(kernel).tolist() == [5, 0, 1, 5]
    assert neuron_norms(kernel, np.array([0, 2, 0, 12])).tolist() == [5, 2, 1, 13]
    assert [neuron_sparsity(kernel, t) for t in (0, 0.3, 0.5, 2)] == [0.25, 0.25, 0.5, 1]
    assert neuron_sparsity(1e3 * kernel, 0.5) == neuron_sparsity(kernel, 0.5), "scale does not matter"
    assert neuron_sparsity(kernel.reshape(2, 1, 1, 4), 0.5) == 0.5, "a convolution's filters are its neurons"
    assert neuron_sparsity(np.zeros((3, 2)), 0) == 1 and neuron_sparsity(np.empty((3, 0)), 1) == 0


def test_bad_arguments_are_refused():
    for p in (-0.1, 1.1, float("nan")):
        with pytest.raises(UsageError, match="density is"):
            mask_entropy(p)
    with pytest.raises(UsageError, match="threshold is -1"):
        neuron_sparsity(np.ones((2, 2)), -1)
    with pytest.raises(UsageError, match="kernel has shape"):
        neuron_sparsity(np.ones(2), 1)
    with pytest.raises(UsageError, match="bias has shape"):
        neuron_norms(np.ones((2, 2)), np.ones(3))


def test_activation_sparsity_counts_silent_units():
    activations = np.array([[0.0, 1.0, 0.0], [0.0, 2.0, 3.0]])
    assert activation_sparsity(activations) == 0.5
    assert activation_sparsity(activations, axis=0).tolist() == [1.0, 0.0, 0.5]
    assert activation_sparsity(activations, axis=(0, 1)) == 0.5
    assert activation_sparsity(np.zeros((0, 3))) == 0.0 and activation_sparsity(np.zeros((0, 3)), 0).tolist() == [0] * 3


def test_five_bits_a_kept_weight_at_eight_per_cent():
    assert round(mask_entropy(0.08) / 0.08, 2) == 5.03


@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 1]))
def test_knowing_more_never_costs(seed, axis):
    rng = np.random.default_rng(seed)
    mask = rng.random((6, 9)) < rng.random((6, 1))
    grouped = grouped_entropy(mask, axis)
    assert grouped <= mask_entropy(mask.mean()) + 1e-12
    by_scipy = np.mean([entropy([p, 1 - p], base=2) for p in mask.mean(axis=axis)])
    assert grouped == pytest.approx(by_scipy, abs=1e-12)
    assert grouped_entropy(np.zeros((0, 3)), 0) == 0.0
    told = grouped_entropy(mask, axis, told=True) - grouped
    assert told * mask.size == pytest.approx(mask.shape[1 - axis] * np.log2(mask.shape[axis] + 1))


@given(st.lists(st.sampled_from([-3, -1, 0, 1, 2, 3]), min_size=4, max_size=4), st.integers(0, 4))
def test_a_pattern_keeps_the_largest_of_each_group(group, keep):
    weights = np.array([group, group[::-1]])
    mask = pattern_mask(weights, keep, 4)
    assert mask.sum(axis=1).tolist() == [keep, keep]
    for row, kept in zip(weights, mask, strict=True):
        assert np.abs(row)[kept].sum() == sum(sorted(np.abs(row))[4 - keep :])
    with pytest.raises(UsageError, match="must divide"):
        pattern_mask(np.ones((2, 6)))
    with pytest.raises(UsageError, match="not possible"):
        pattern_mask(weights, 5, 4)
