"""What people really give to TFMOT: one sentence with the right cause, function and remedy, and never a wrong result.

Each test is named after its row of the list of reports that this file answers; a remedy that a sentence names is run.
"""

from __future__ import annotations

import labkit  # noqa: F401  (chooses Keras 2)

import re  # isort: skip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras as keras3
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_optimization as tfmot

from labkit.base.errors import LabkitError
from labkit.keras2 import guards
from labkit.keras2.errors import translated

keras, layers = tf.keras, tf.keras.layers
sparsity, clustering, quantization = tfmot.sparsity.keras, tfmot.clustering.keras, tfmot.quantization.keras
Start = clustering.CentroidInitialization
HALF = sparsity.ConstantSparsity(0.5, 0, frequency=1)
X, Y = np.random.default_rng(0).random((8, 8, 8, 1)).astype(np.float32), np.zeros((8, 3), np.float32)


@contextmanager
def refused(*words: str) -> Iterator[None]:
    """The block is refused in one sentence that has all of these words, in this order."""
    with pytest.raises(LabkitError) as caught, translated():
        yield
    sentence = str(caught.value)
    assert re.search(".*".join(words), sentence), sentence
    assert sentence.endswith(".") and ". " not in sentence and "\n" not in sentence, sentence


def small() -> Any:
    convolution = layers.Conv2D(4, 3, activation="relu")
    return keras.Sequential([keras.Input((8, 8, 1)), convolution, layers.Flatten(), layers.Dense(3)])


def with_operation(operation: Callable[[Any], Any]) -> Any:
    inputs = keras.Input((8, 8, 1))
    return keras.Model(inputs, layers.Dense(3)(layers.Flatten()(operation(layers.Conv2D(4, 3)(inputs)))))


def pruned(model: Any) -> Any:
    return sparsity.prune_low_magnitude(model, pruning_schedule=HALF)


def clustered(model: Any, clusters: Any = 4, start: Any = Start.LINEAR) -> Any:
    return clustering.cluster_weights(model, number_of_clusters=clusters, cluster_centroids_init=start)


def quantized(model: Any) -> Any:
    return quantization.quantize_model(model)


def unchecked(function: Any) -> Callable[..., Any]:
    """TFMOT's own function, as a page has it that took the name before labkit put its check in front."""
    return getattr(function, "__wrapped__", function) if hasattr(function, "labkit_checks") else function


def fitted(model: Any, *callbacks: Any) -> Any:
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0, callbacks=list(callbacks))
    return model


class My(layers.Layer):
    """A layer of the user's own, with all that Keras asks of one."""

    def call(self, inputs: Any) -> Any:
        return inputs * 2


def with_own_layer(annotate: Callable[[Any], Any] = lambda layer: layer) -> Any:
    return keras.Sequential([keras.Input((4,)), annotate(layers.Dense(4)), My(), annotate(layers.Dense(3))])


def of_policy(policy: str) -> Any:
    keras.mixed_precision.set_global_policy(policy)
    try:
        return small()
    finally:
        keras.mixed_precision.set_global_policy("float32")


def with_nan() -> Any:
    model = small()
    weights = model.get_weights()
    weights[0][0, 0, 0, 0] = np.nan
    model.set_weights(weights)
    model.layers[0]._name = "first"
    return model


def test_1a_a_quantized_model_is_not_pruned() -> None:
    with refused("quantized already", "prune_low_magnitude, fit and strip_pruning", "PrunePreserve"):
        pruned(quantized(small()))
    model = sparsity.strip_pruning(fitted(pruned(small()), sparsity.UpdatePruningStep()))
    zeros = np.mean(model.get_weights()[2] == 0)
    annotated = quantization.quantize_annotate_model(model)
    scheme = tfmot.experimental.combine.Default8BitPrunePreserveQuantizeScheme()
    both = fitted(quantization.quantize_apply(annotated, scheme))
    kernel = next(weight for weight in both.layers[-1].weights if weight.name.endswith("kernel:0"))
    assert zeros == np.mean(kernel.numpy() == 0) == pytest.approx(0.5, abs=0.01)


def test_1b_a_quantized_model_is_not_clustered() -> None:
    with refused("quantized already", "cluster_weights, fit and strip_clustering", "ClusterPreserve"):
        clustered(quantized(small()))
    model = clustering.strip_clustering(fitted(clustered(small())))
    annotated = quantization.quantize_annotate_model(model)
    scheme = tfmot.experimental.combine.Default8BitClusterPreserveQuantizeScheme()
    assert fitted(quantization.quantize_apply(annotated, scheme))(X).shape == (8, 3)


def test_2a_a_tensor_is_not_annotated() -> None:
    x = keras.Input((8, 8, 1))
    with refused("quantize_annotate_layer was given a tensor", r"quantize_annotate_layer\(Conv2D\(4, 3\)\)\(x\)"):
        quantization.quantize_annotate_layer(layers.Conv2D(4, 3)(x))
    assert quantization.quantize_annotate_layer(layers.Conv2D(4, 3))(x).shape == (None, 6, 6, 4)


def test_2b_none_is_no_layer() -> None:
    with refused("quantize_annotate_layer was given None instead of a layer"):
        quantization.quantize_annotate_layer(None)


def test_2c_a_model_is_no_layer() -> None:
    with refused("quantize_annotate_layer takes one layer.*model .Sequential.*quantize_annotate_model"):
        quantization.quantize_annotate_layer(small())
    assert len(quantization.quantize_annotate_model(small()).layers) == 3


def test_2d_other_things_are_no_layer_either() -> None:
    with refused("quantize_annotate_layer was given a Keras 3 Dense"):
        quantization.quantize_annotate_layer(keras3.layers.Dense(2))
    with refused("quantize_annotate_layer was given an object of type int"):
        quantization.quantize_annotate_layer(3)


def test_3a_a_tensor_is_not_pruned() -> None:
    x = keras.Input((8, 8, 1))
    with refused("prune_low_magnitude was given a tensor", r"prune_low_magnitude\(Conv2D\(4, 3\)\)\(x\)"):
        sparsity.prune_low_magnitude(layers.Conv2D(4, 3)(x))
    assert sparsity.prune_low_magnitude(layers.Conv2D(4, 3))(x).shape == (None, 6, 6, 4)


def test_3b_what_cluster_weights_turns_into_none_is_refused() -> None:
    x = keras.Input((8, 8, 1))
    with refused("cluster_weights was given a tensor", "needs a model", "built tf.keras"):
        clustered(layers.Conv2D(4, 3)(x))
    with refused("has no weights yet", "give cluster_weights the model"):
        clustered(layers.Conv2D(4, 3))
    assert len(clustered(small()).layers) == 3
    for thing, words in ((None, "None"), (keras3.layers.Dense(2), "Keras 3 Dense"), ("m", "type str")):
        with refused("cluster_weights was given", words):
            clustered(thing)


def test_4a_a_class_of_ones_own_in_quantize_model() -> None:
    with refused('quantize_scope.."My": My', "quantize_annotate_layer", "My in float", "quantize_apply"):
        quantized(with_own_layer())
    with quantization.quantize_scope({"My": My}):
        model = quantization.quantize_apply(with_own_layer(quantization.quantize_annotate_layer))
    assert [type(layer).__name__ for layer in model.layers].count("QuantizeWrapperV2") == 2
    with refused(r"cannot quantize layer 'my\w*' \(My\)"), quantization.quantize_scope({"My": My}):
        quantized(with_own_layer())


def test_4b_a_class_of_ones_own_in_a_functional_model() -> None:
    inputs = keras.Input((4,))
    hidden = My()(quantization.quantize_annotate_layer(layers.Dense(4))(inputs))
    model = keras.Model(inputs, layers.Dense(3)(hidden))
    with refused("class My", 'quantize_apply inside.*quantize_scope.."My": My'):
        quantization.quantize_apply(model)
    with quantization.quantize_scope({"My": My}):
        assert quantization.quantize_apply(model)(np.zeros((2, 4))).shape == (2, 3)


def test_4b_prime_a_class_of_ones_own_in_a_sequential_model() -> None:
    with refused("class My", 'quantize_apply inside.*quantize_scope.."My": My'):
        quantization.quantize_apply(with_own_layer(quantization.quantize_annotate_layer))


@pytest.mark.parametrize("policy", ["mixed_float16", "float16", "float64"])
@pytest.mark.parametrize("method", [pruned, clustered, quantized])
def test_5a_other_types_than_float32(policy: str, method: Callable[[Any], Any]) -> None:
    model = of_policy(policy)
    for _ in range(2):  # the second call meets the same model, not one that the first has left half wrapped
        with refused("computes in float(16|64)", "float32 only", r"set_global_policy\('float32'\)", "set_weights"):
            method(model)
    plain = small()
    plain.set_weights(model.get_weights())
    assert method(plain)(X).dtype == tf.float32


@pytest.mark.parametrize("method", ["prune", "cluster", "quantize"])
def test_5a_without_the_check_the_error_is_translated(method: str) -> None:
    """A page that took the function's name before its first call to labkit has TFMOT's own errors."""
    functions = {
        "prune": lambda model: unchecked(sparsity.prune_low_magnitude)(model),
        "cluster": lambda model: unchecked(clustering.cluster_weights)(model, 4, Start.LINEAR),
        "quantize": lambda model: unchecked(quantization.quantize_model)(model),
    }
    model = of_policy("mixed_float16")
    with refused("float32 only"):
        functions[method](model)
    if method == "cluster":
        with refused("half wrapped", "build it again"):
            functions[method](model)


def one_weight() -> Any:
    return keras.Sequential([keras.Input((2,)), layers.Dense(2, name="tiny")])


def test_5b_more_clusters_than_weights() -> None:
    with refused("'tiny' has 4 weights", "fewer than 16 clusters", "at most 4", "LINEAR"):
        clustering.cluster_weights(one_weight(), 16)
    for model, arguments in ((one_weight(), (4,)), (one_weight(), (16, Start.LINEAR)), (small(), (64,))):
        assert clustering.cluster_weights(model, *arguments) is not None
    with refused("'tiny' has 4 weights", "fewer than 16 clusters"):
        unchecked(clustering.cluster_weights)(one_weight(), 16)


@pytest.mark.parametrize("start", [Start.KMEANS_PLUS_PLUS, Start.LINEAR])
def test_5b_prime_a_kernel_with_nan_is_not_clustered(start: Any) -> None:
    with refused("'first' has weights that are NaN or infinite", "'kernel'", "cluster_weights"):
        clustered(with_nan(), 4, start)


@pytest.mark.parametrize("name", ["prune_low_magnitude", "quantize_model", "quantize_annotate_model", "quantize_apply"])
def test_5b_prime_nor_is_it_pruned_or_quantized(name: str) -> None:
    guards.install()
    with refused("'first' has weights that are NaN or infinite", name):
        getattr(sparsity if name.startswith("prune") else quantization, name)(with_nan())


@pytest.mark.parametrize(("clusters", "words"), [(8.0, "8.0.*such as 8"), ("8", "'8'.*such as 8"), (True, "True")])
def test_5c_the_number_of_clusters_is_a_whole_number(clusters: Any, words: str) -> None:
    with refused("number_of_clusters is", words):
        clustered(small(), clusters)


def test_6a_arithmetic_outside_a_layer() -> None:
    with refused("computes tf.math.multiply.*, tf.__operators__.add.* outside a layer", "TFMOT copies layers only"):
        quantized(with_operation(lambda h: h * 2 + 1))
    quantized(with_operation(lambda h: layers.Add()([h, h])))


def test_6b_a_function_of_tensorflow_outside_a_layer() -> None:
    with refused("computes tf.image.resize.* outside a layer"):
        quantized(with_operation(lambda h: tf.image.resize(h, (4, 4))))
    quantized(with_operation(layers.UpSampling2D()))


def test_6c_a_lambda_layer() -> None:
    with refused("cannot copy the Lambda layer 'twice'"):
        quantized(with_operation(layers.Lambda(lambda t: t * 2, name="twice")))


@pytest.mark.parametrize(
    ("operation", "name"), [(tf.nn.relu6, "tf.nn.relu6"), (lambda h: h[:, :2], "tf.__operators__.getitem")]
)
def test_6d_an_operation_that_is_blamed_on_the_dense_layer(operation: Callable[[Any], Any], name: str) -> None:
    with refused(f"computes {name}.* outside a layer"):
        quantized(with_operation(operation))
    quantized(with_operation(layers.ReLU(max_value=6)))


@pytest.mark.parametrize("suffix", ["h5", "weights.h5"])
@pytest.mark.parametrize(
    ("row", "words"),
    [("7a", "pruning.*prune_low_magnitude.*strip_pruning"), ("7b", "clustering.*cluster_weights.*strip_clustering"),
     ("7c", "quantization.*quantize_model")],
)  # fmt: skip
def test_7_weights_of_a_wrapped_model(row: str, words: str, suffix: str, tmp_path: Any) -> None:
    wrap = {"7a": pruned, "7b": clustered, "7c": quantized}[row]
    wrapped, path = wrap(small()), str(tmp_path / f"w.{suffix}")
    wrapped.save_weights(path)
    with refused("holds the weights of a model wrapped for", words):
        small().load_weights(path)
    again = wrap(small())
    again.load_weights(path)
    np.testing.assert_allclose(again(X), wrapped(X), atol=1e-6)


def test_7_other_weights_that_do_not_fit_keep_keras_words(tmp_path: Any) -> None:
    path = str(tmp_path / "other.h5")
    one_weight().save_weights(path)
    with pytest.raises(ValueError, match="count mismatch"), translated():
        small().load_weights(path)


def test_b42_a_keyword_that_tfmot_ignores() -> None:
    with refused("no parameter 'prune_schedule'", "did you mean pruning_schedule"):
        sparsity.prune_low_magnitude(small(), prune_schedule=HALF)
    assert sparsity.prune_low_magnitude(layers.Dense(2), HALF, input_shape=(3,)).built is False


def test_b42_prime_the_parameters_without_their_stars() -> None:
    with refused("number_of_clusters is a dict", r"cluster_weights\(model, \*\*parameters\)"):
        clustering.cluster_weights(small(), {"number_of_clusters": 8})


def test_b43_blocks_of_a_convolution() -> None:
    with refused(r"kernel of layer 'conv2d\w*' \(Conv2D\)", r"sparsity_m_by_n=\(2, 4\)"):
        sparsity.prune_low_magnitude(small(), HALF, block_size=(1, 4))
    assert sparsity.prune_low_magnitude(small(), HALF, sparsity_m_by_n=(2, 4)) is not None

    def dense_only(layer: Any) -> Any:
        is_dense = isinstance(layer, layers.Dense)
        return sparsity.prune_low_magnitude(layer, HALF, block_size=(4, 1)) if is_dense else layer

    model = keras.models.clone_model(small(), clone_function=dense_only)
    kernel = sparsity.strip_pruning(fitted(model, sparsity.UpdatePruningStep())).get_weights()[2]
    zeros_of_blocks = (kernel == 0).reshape(36, 4, 3).sum(axis=1)
    assert set(zeros_of_blocks.ravel()) == {0, 4}


def test_b44_an_optimizer_of_keras_3() -> None:
    with refused("Adam is from Keras 3", r"tf.keras.optimizers.Adam\(\)"):
        small().compile(keras3.optimizers.Adam(), "mse")


def test_b47_a_class_for_a_callback() -> None:
    model = pruned(small())
    model.compile("sgd", "mse")
    with refused(r"class UpdatePruningStep", r"write UpdatePruningStep\(\)"):
        model.fit(X, Y, verbose=0, callbacks=[sparsity.UpdatePruningStep])
