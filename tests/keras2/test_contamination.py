"""The methods change their clone and leave the baseline as it was, bit for bit."""

from __future__ import annotations

import labkit  # noqa: F401  (chooses Keras 2)

import numpy as np  # isort: skip
import pytest
import tensorflow as tf
import tensorflow_model_optimization as tfmot

from labkit.keras2.protect import clone, weights_digest

keras = tf.keras
sparsity, clustering, quantization = tfmot.sparsity.keras, tfmot.clustering.keras, tfmot.quantization.keras


def baseline() -> keras.Model:
    layers = keras.layers
    stack = [layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(8, "relu"), layers.Dense(3)]
    return keras.Sequential([keras.Input((6, 6, 1)), *stack])


def fit(model: keras.Model, *callbacks: keras.callbacks.Callback) -> None:
    rng = np.random.default_rng(0)
    images, labels = rng.normal(size=(32, 6, 6, 1)).astype("float32"), rng.integers(0, 3, 32)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(images, labels, batch_size=16, verbose=0, callbacks=list(callbacks))


def prune(model: keras.Model) -> keras.Model:
    # TFMOT counts the step before it looks: with the usual frequency of 100, nothing is pruned before step 100.
    schedule = sparsity.ConstantSparsity(0.8, 0, frequency=1)
    wrapped = sparsity.prune_low_magnitude(model, pruning_schedule=schedule)
    fit(wrapped, sparsity.UpdatePruningStep())
    return sparsity.strip_pruning(wrapped)


def cluster(model: keras.Model) -> keras.Model:
    start = clustering.CentroidInitialization.LINEAR
    wrapped = clustering.cluster_weights(model, number_of_clusters=4, cluster_centroids_init=start)
    fit(wrapped)
    return clustering.strip_clustering(wrapped)


def quantize(model: keras.Model) -> keras.Model:
    wrapped = quantization.quantize_model(model)
    fit(wrapped)
    return wrapped


def test_methods_on_clones_leave_the_baseline_alone():
    model = baseline()
    before = weights_digest(model)
    results = {method.__name__: method(clone(model)) for method in (prune, cluster, quantize)}
    assert weights_digest(model) == before
    kernels = {name: result.get_weights() for name, result in results.items() if name != "quantize"}
    assert np.mean(kernels["prune"][2] == 0) == pytest.approx(0.8, abs=0.01)
    assert len(np.unique(kernels["cluster"][2])) <= 4


def test_without_a_clone_tfmot_changes_the_model_itself():
    model = baseline()
    before = weights_digest(model)
    prune(model)
    assert weights_digest(model) != before, "the trap is gone: TFMOT has learnt to copy, and the pages should say so"
