"""Prune, share, code: each stage against what it says, and a chain of neurons tidied without changing its answers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from labkit.base.errors import UsageError
from labkit.methods import deep_compression, lkz

WEIGHTS = arrays.arrays(
    np.float32, arrays.array_shapes(min_dims=1, max_dims=3, max_side=8), elements=st.floats(-8, 8, width=32)
)


@settings(max_examples=100)
@given(WEIGHTS, st.floats(0.01, 1))
def test_prune_keeps_the_largest(weights, kept):
    mask = deep_compression.prune(weights, kept)
    assert mask.shape == weights.shape and not mask[weights == 0].any()
    assert mask.sum() == min(max(round(kept * weights.size), 1), np.count_nonzero(weights))
    if mask.any() and not mask.all():
        assert np.abs(weights[mask]).min() >= np.abs(weights[~mask]).max()


def test_prune_with_importance_and_ties():
    weights = np.array([[1.0, -1.0], [1.0, 1.0]], np.float32)
    assert deep_compression.prune(weights, 0.5).tolist() == [[True, True], [False, False]]
    assert deep_compression.prune(weights, 0.5, np.array([[1.0], [2.0]])).tolist() == [[False, False], [True, True]]
    assert deep_compression.prune(np.ones((1, 1)), 1e-9).tolist() == [[True]]


@settings(max_examples=100)
@given(WEIGHTS, st.integers(1, 6))
def test_share_leaves_zeros_and_signs_of_the_mask(weights, values):
    shared = deep_compression.share(weights, values)
    there = shared.expand()
    assert there.dtype == np.float32 and len(shared.codebook) <= values
    assert np.array_equal(shared.indices == 0, weights == 0)
    different = np.unique(weights[weights != 0])
    if len(different) <= values:
        assert np.array_equal(there, weights)


@pytest.mark.parametrize("values", [0, -1, 2**20, 1.5, True])
def test_impossible_numbers_of_values(values):
    with pytest.raises(UsageError, match=r"1 to 65,536"):
        deep_compression.share(np.ones(3), values)


def test_what_is_no_number_is_refused():
    for stage in (
        lambda w: deep_compression.prune(w, 0.5),
        lambda w: deep_compression.share(w, 3),
        lambda w: deep_compression.code({"w": w}),
    ):
        with pytest.raises(UsageError, match="NaN"):
            stage(np.array([1, np.nan], np.float32))
    with pytest.raises(UsageError, match="fraction above 0"):
        deep_compression.prune(np.ones(3), 0)


@pytest.mark.parametrize("tensor", [np.zeros((4, 5)), np.ones((1, 1)), np.zeros((1, 1)), np.full((3, 3), 0.1)])
def test_degenerate_layers_go_through_all_stages(tensor):
    tensor = tensor.astype(np.float32)
    found = lkz.unpack(deep_compression.deep_compression({"t/kernel": tensor}, {"t/kernel": 0.5}, 4))["t/kernel"]
    assert found.shape == tensor.shape and np.allclose(found[found != 0], tensor.max(), rtol=1e-3)


def test_all_stages_without_training():
    rng = np.random.default_rng(0)
    weights = {"a/kernel": rng.normal(size=(200, 50)).astype(np.float32), "a/bias": np.ones(50, np.float32)}
    found = lkz.unpack(deep_compression.deep_compression(weights, {"a/kernel": 0.1}, 8))
    assert np.count_nonzero(found["a/kernel"]) == 1000 and len(np.unique(found["a/kernel"])) == 9
    assert np.array_equal(found["a/bias"], weights["a/bias"])


def test_rounded_values_are_float16_where_that_can_hold_them():
    shared = deep_compression.Shared(np.array([0.1, 1e6], np.float32), np.array([1, 2, 0]))
    assert shared.rounded().codebook.tolist() == [float(np.float16(0.1)), 1e6]


def dense_chain(rng):
    sizes = (12, 9, 7, 4)
    chain = {}
    for i, (a, b) in enumerate(pairwise(sizes)):
        kernel = rng.normal(size=(a, b)) * (rng.random((a, b)) < 0.2)
        chain |= {f"{i}/kernel": kernel.astype(np.float32), f"{i}/bias": rng.normal(size=b).astype(np.float32)}
    return chain


def run_chain(chain, x):
    layers = list(chain.values())
    for i in range(0, len(layers), 2):
        x = x @ layers[i] + layers[i + 1]
        x = np.maximum(x, 0) if i + 2 < len(layers) else x
    return x


@pytest.mark.parametrize("seed", range(20))
def test_a_tidy_chain_answers_the_same(seed):
    rng = np.random.default_rng(seed)
    chain, x = dense_chain(rng), rng.normal(size=(30, 12))
    before = {name: tensor.copy() for name, tensor in chain.items()}
    tidied = deep_compression.tidy(chain)
    assert all(np.array_equal(chain[name], before[name]) for name in chain)
    assert np.allclose(run_chain(chain, x), run_chain(tidied, x), atol=1e-5)
    for i in (0, 1):
        kernel, bias, after = tidied[f"{i}/kernel"], tidied[f"{i}/bias"], tidied[f"{i + 1}/kernel"]
        counts = np.count_nonzero(kernel, axis=0)
        assert (np.diff(counts) <= 0).all()
        assert not bias[counts == 0].any() and not after[counts == 0].any()
        assert not counts[~after.any(axis=1)].any()


@pytest.mark.parametrize("seed", range(3))
def test_the_file_of_a_tidy_chain_is_shorter(seed):
    """Of the size of LeNet-300-100, pruned to a twelfth with equal shares of all neurons and a few of them dead."""
    rng = np.random.default_rng(seed)
    chain = {}
    for i, (inputs, units) in enumerate(pairwise((784, 300, 100, 10))):
        busy = rng.random(units) ** 2 / 6
        kernel = rng.choice(8, (inputs, units)) * (rng.random((inputs, units)) < busy)
        chain[f"{i}/kernel"] = kernel.astype(np.float32)
        chain[f"{i}/bias"] = np.zeros(units, np.float32)
    assert len(lkz.pack(deep_compression.tidy(chain))) < len(lkz.pack(chain))


def test_a_tidy_convolution_answers_the_same():
    import tensorflow as tf

    rng = np.random.default_rng(3)
    layers = tf.keras.layers
    model = tf.keras.Sequential(
        [
            layers.Input((9, 9, 1)),
            layers.Conv2D(6, 2, activation="relu", name="a"),
            layers.MaxPooling2D(2),
            layers.Conv2D(5, 2, activation="relu", name="b"),
            layers.Flatten(),
            layers.Dense(4, name="c"),
        ]
    )
    weights = [w * (rng.random(w.shape) < 0.4) + 0.1 * (w.ndim == 1) for w in model.get_weights()]
    weights[0][..., 2] = 0
    weights[2][..., 1] = 0
    model.set_weights(weights)
    x = rng.random((8, 9, 9, 1)).astype(np.float32)
    before = model(x).numpy()
    model.set_weights(list(deep_compression.tidy(dict(zip("abcdef", model.get_weights(), strict=True))).values()))
    assert np.allclose(before, model(x).numpy(), atol=1e-5)


def test_what_is_no_chain():
    with pytest.raises(UsageError, match="a kernel and a bias in turn"):
        deep_compression.tidy({"a": np.ones((3, 2)), "b": np.ones(3)})
    with pytest.raises(UsageError, match="a kernel and a bias in turn"):
        deep_compression.tidy({"a": np.ones((3, 2))})
    with pytest.raises(UsageError, match="does not read 2 units"):
        deep_compression.tidy({"a": np.ones((3, 2)), "b": np.ones(2), "c": np.ones((5, 1)), "d": np.ones(1)})
