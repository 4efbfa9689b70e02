"""TFMOT's real errors, raised by TFMOT, become one sentence with the remedy and keep the original as their cause."""

from __future__ import annotations

import labkit  # noqa: F401  (chooses Keras 2)

import re  # isort: skip

import keras as keras3
import nbformat
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_optimization as tfmot
from IPython.core.interactiveshell import InteractiveShell
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from labkit.base.errors import LabkitError
from labkit.keras2.errors import TranslatedError, install, translate, translated

keras, layers = tf.keras, tf.keras.layers
prune, strip = tfmot.sparsity.keras.prune_low_magnitude, tfmot.sparsity.keras.strip_pruning
quantize = tfmot.quantization.keras.quantize_model
X = np.zeros((8, 4), "float32")


def cluster(model):
    start = tfmot.clustering.keras.CentroidInitialization.LINEAR
    return tfmot.clustering.keras.cluster_weights(model, number_of_clusters=2, cluster_centroids_init=start)


def stack(*between, shape=(4,)) -> keras.Model:
    return keras.Sequential([keras.Input(shape), *between, layers.Dense(3)])


def functional() -> keras.Model:
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(3)(inputs))


def image_net(*between) -> keras.Model:
    return stack(*between, layers.Flatten(), shape=(8, 8, 1))


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return self.dense(inputs)


def subclassed() -> keras.Model:
    model = Subclassed()
    model(X)
    return model


def three() -> keras3.Model:
    return keras3.Sequential([keras3.Input((4,)), keras3.layers.Dense(3)])


def fit_without_callback(eager: bool):
    model = prune(stack())
    model.compile("sgd", "mse", run_eagerly=eager)
    model.fit(X, np.zeros((8, 3)), verbose=0)


def reload(model, path):
    model.save(path)
    return keras.models.load_model(path)


class Own(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight("w", shape=(shape[-1], 4))

    def call(self, inputs):
        return inputs @ self.w


def own_config(annotate=(), scope=True):
    """A convolution with a QuantizeConfig of its own, then batch normalization; *annotate*: what else is annotated."""
    from labkit.keras2 import qat

    Config = type("OwnConfig", (qat.WeightsOnly,), OWN_METHODS)

    def wrap(layer):
        if isinstance(layer, layers.Conv2D):
            return tfmot.quantization.keras.quantize_annotate_layer(layer, Config())
        return tfmot.quantization.keras.quantize_annotate_layer(layer) if isinstance(layer, annotate) else layer

    model = keras.models.clone_model(image_net(layers.Conv2D(4, 3), layers.BatchNormalization()), clone_function=wrap)
    with tfmot.quantization.keras.quantize_scope({"OwnConfig": Config} if scope else {}):
        return tfmot.quantization.keras.quantize_apply(model)


OWN_METHODS = {
    "get_weights_and_quantizers": lambda self, layer: [],
    "set_quantize_weights": lambda self, layer, weights: None,
    "get_config": lambda self: {},
}

MISTAKES = {
    "Keras 3, prune": (lambda: prune(three()), "prune_low_magnitude was given a Keras 3 Sequential.*tf.keras"),
    "Keras 3 layer, prune": (lambda: prune(three().layers[-1]), "given a Keras 3 Dense"),
    "Keras 3, quantize": (lambda: quantize(three()), "quantize_model was given a Keras 3"),
    "Keras 3, annotate": (
        lambda: tfmot.quantization.keras.quantize_annotate_model(three()),
        "quantize_annotate_model was given a Keras 3",
    ),
    "a function that returned nothing": (lambda: (lambda: None)().compile(), "The model is None.*return one"),
    "Keras 3, strip": (lambda: strip(three()), "strip_pruning was given a Keras 3"),
    "None, strip": (lambda: tfmot.clustering.keras.strip_clustering(None), "strip_clustering was given None"),
    "None, prune": (lambda: prune(None), "was given None"),
    "None, quantize": (lambda: quantize(None), "was given None"),
    "subclassed, prune": (lambda: prune(subclassed()), r"subclassed model \(Subclassed\)"),
    "subclassed, quantize": (lambda: quantize(subclassed()), r"subclassed model \(Subclassed\)"),
    "subclassed, cluster": (lambda: cluster(subclassed()), r"cluster_weights was given a subclassed model"),
    "a layer, quantize": (lambda: quantize(layers.Dense(3)), "type Dense"),
    "no step": (lambda: fit_without_callback(False), r"UpdatePruningStep\(\)\] to fit"),
    "no step, eager": (lambda: fit_without_callback(True), r"UpdatePruningStep\(\)\] to fit"),
    "conv with activation, then BN": (
        lambda: quantize(image_net(layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization())),
        r"follows Conv2D\(activation='relu'\).*write Conv2D without activation, BatchNormalization, ReLU\(\)",
    ),
    "BN first": (lambda: quantize(image_net(layers.BatchNormalization(), layers.Conv2D(4, 3))), "stands first"),
    "BN after pooling": (
        lambda: quantize(image_net(layers.Conv2D(4, 3), layers.MaxPool2D(), layers.BatchNormalization())),
        "follows MaxPooling2D: put it directly behind",
    ),
    "Rescaling": (lambda: quantize(image_net(layers.Rescaling(1 / 255))), "Rescaling.*scale the images before"),
    "other layer, quantize": (lambda: quantize(stack(layers.LayerNormalization())), "LayerNormalization.*in float"),
    "nested": (lambda: quantize(stack(stack())), "holds another model"),
    "quantized twice": (lambda: quantize(quantize(stack())), "quantized already"),
    "not stripped, quantize": (lambda: quantize(prune(stack())), "PruneLowMagnitude.*strip_pruning"),
    "not stripped, cluster": (lambda: cluster(prune(stack())), "PruneLowMagnitude.*strip_pruning"),
    "own layer, prune": (lambda: prune(stack(Own())), "how to prune a layer of type Own.*prune_low_magnitude"),
    "own layer, cluster": (lambda: cluster(stack(Own())), "how to cluster a layer of type Own.*cluster_weights"),
    "own config, then BN": (
        lambda: own_config(annotate=layers.BatchNormalization),
        "a QuantizeConfig of its own.*in float",
    ),
    "own config, no scope": (lambda: own_config(scope=False), r"does not know your class Own.*quantize_scope\(\{\"Own"),
    "nothing annotated": (lambda: tfmot.quantization.keras.quantize_apply(stack()), "without an annotated layer"),
    "unbuilt": (lambda: quantize(keras.Sequential([layers.Dense(2)])), "no weights yet"),
    "the article's call": (lambda: tf.quantization.quantize_model(stack()), "has no tf.quantization.quantize_model"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_remedy(mistake):
    make, words = MISTAKES[mistake]
    with pytest.raises(TranslatedError, match=words) as caught, translated():
        make()
    assert isinstance(caught.value.__cause__, Exception) and not isinstance(caught.value.__cause__, LabkitError)
    sentence = str(caught.value)
    assert sentence.endswith(".") and ". " not in sentence and "\n" not in sentence


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("build", [stack, functional])
@pytest.mark.parametrize(
    ("wrap", "words"),
    [(prune, "prune_scope.*strip_pruning"), (cluster, "cluster_scope.*strip_clustering"), (quantize, "quantize_scope")],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_loading_a_wrapped_model_names_its_scope(suffix, build, wrap, words, tmp_path):
    with pytest.raises(TranslatedError, match=rf"wrapper \w+, which Keras does not know.*{words}"), translated():
        reload(wrap(build()), tmp_path / f"wrapped.{suffix}")


def test_other_errors_pass_untouched():
    for error in (ValueError("x"), AttributeError("'NoneType' object has no attribute 'shape'"), LabkitError("mine")):
        assert translate(error) is None
        with pytest.raises(type(error)) as caught, translated():
            raise error
        assert caught.value is error
    with pytest.raises(TypeError, match="not callable"), translated():
        exec("name = 'Dense'; name()")
    with pytest.raises(AttributeError, match="'NoneType'"), translated():
        exec("None.shape")


@pytest.fixture
def shell():
    shell = InteractiveShell(colors="nocolor")
    yield shell
    shell.history_manager.end_session()


def test_the_shell_shows_the_sentence_then_the_original(shell, capsys):
    assert install(shell) and install(shell)
    shell.user_ns["mistake"] = MISTAKES["no step"][0]
    result = shell.run_cell("mistake()")
    shown = capsys.readouterr().out
    assert isinstance(result.error_in_exec, tf.errors.InvalidArgumentError), "the cell failed, and with what"
    assert shown.index("TranslatedError: A model wrapped by") < shown.index("caused by InvalidArgumentError")
    assert "requires the UpdatePruningStep callback" in shown and shown.count("\n") < 16
    shell.run_cell("1 / 0")
    shown = capsys.readouterr().out
    assert (
        "ZeroDivisionError" in shown
        and "1 / 0" in re.sub(r"\x1b\[[\d;]*m", "", shown)
        and "TranslatedError" not in shown
    )


def test_a_custom_handler_that_was_there_before_keeps_its_errors(shell, capsys):
    seen = []
    shell.set_custom_exc((KeyError,), lambda shell, kind, error, tb, tb_offset=None: seen.append(error))
    install(shell)
    shell.run_cell("{}['a']")
    assert len(seen) == 1 and isinstance(seen[0], KeyError)


def test_without_a_shell_nothing_is_installed():
    assert install() is False


def test_an_executed_notebook_records_the_translated_error(tmp_path):
    """A kernel without TensorFlow: the error is raised with TFMOT's words."""
    code = [
        "from labkit.keras2.errors import install\ninstall()",
        "raise ValueError('Quantizing a keras Model inside another keras Model is not supported.')",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in code])
    with pytest.raises(CellExecutionError):
        NotebookClient(
            notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
        ).execute()
    (error,) = notebook.cells[1].outputs
    assert (error.output_type, error.ename) == ("error", "TranslatedError")
    assert error.evalue.startswith("The model holds another model as a layer")
    assert "caused by ValueError: Quantizing a keras Model" in "\n".join(error.traceback)
