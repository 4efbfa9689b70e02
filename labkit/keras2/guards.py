"""Check the arguments of TFMOT's functions where TFMOT itself returns a wrong result, or none, without an error.

``install`` puts a check in front of five functions of ``tfmot``; what they do afterwards is unchanged. Names that a
page took before (``from … import prune_low_magnitude``) stay unchecked: TFMOT's own errors are translated there too.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from labkit.base.errors import LabkitError, UsageError, nearest
from labkit.keras2.sentences import clusters_sentence, float32_sentence, model_sentence

Check = Callable[[str, inspect.BoundArguments], None]

_CLUSTERED = ("kernel", "pointwise_kernel", "recurrent_kernel", "embeddings")  # what cluster_weights clusters
_KMEANS = "KMEANS_PLUS_PLUS"  # TFMOT's default start, which draws the clusters from the weights themselves


def install() -> bool:
    """Check the arguments of TFMOT's functions from now on; False when TFMOT is not imported. Twice is as once."""
    tfmot = sys.modules.get("tensorflow_model_optimization")
    if tfmot is None or not hasattr(tfmot, "clustering"):  # not imported, or in the middle of it
        return False
    for module, name, check in (
        (tfmot.sparsity.keras, "prune_low_magnitude", _check_pruning),
        (tfmot.clustering.keras, "cluster_weights", _check_clustering),
        (tfmot.quantization.keras, "quantize_model", _check_weights),
        (tfmot.quantization.keras, "quantize_annotate_model", _check_weights),
        (tfmot.quantization.keras, "quantize_apply", _check_weights),
    ):
        function = getattr(module, name)
        if not getattr(function, "labkit_checks", False):
            setattr(module, name, _checked(name, function, check))
    return True


def _checked(name: str, function: Callable[..., Any], check: Check) -> Callable[..., Any]:
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:  # an argument too few or too many: the function says so itself
            return function(*args, **kwargs)
        bound.apply_defaults()
        check(name, bound)
        return function(*args, **kwargs)

    call.labkit_checks = True  # type: ignore[attr-defined]
    return call


def _check_pruning(name: str, bound: inspect.BoundArguments) -> None:
    """Refuse keywords that TFMOT ignores where it is given a model, and weights that it cannot prune."""
    thing, keywords = bound.args[0], bound.arguments.get("kwargs", {})
    if keywords and (_is_a(thing, "Model") or isinstance(thing, list)):
        known = [parameter for parameter in bound.signature.parameters if parameter != "kwargs"]
        wrong = next(iter(keywords))
        raise UsageError(
            f"{name} has no parameter {wrong!r} for a model, and ignores it{nearest(wrong, known)} "
            f"(it has: {', '.join(known)})."
        )
    _check_weights(name, bound)


def _check_clustering(name: str, bound: inspect.BoundArguments) -> None:
    """Refuse what TFMOT clusters into None, a number of clusters that is none, and weights that it cannot cluster."""
    thing, clusters = bound.args[0], bound.arguments["number_of_clusters"]
    if not isinstance(thing, list) and not _is_a(thing, "Layer"):
        raise LabkitError(model_sentence(name, thing))
    if isinstance(clusters, dict):
        raise UsageError("number_of_clusters is a dict: write cluster_weights(model, **parameters), with two stars.")
    if isinstance(clusters, bool) or not isinstance(clusters, int):
        try:
            whole = int(clusters)
        except (TypeError, ValueError):
            whole = 8
        raise UsageError(f"number_of_clusters is {clusters!r}, but must be a whole number, such as {whole}.")
    _check_weights(name, bound)
    start = bound.arguments["cluster_centroids_init"]
    if getattr(start, "name", str(start)) != _KMEANS:
        return
    for layer in _layers(thing):
        if type(layer).__name__ == "Conv2D":  # TFMOT leaves out a Conv2D with too few weights
            continue
        for attribute in _CLUSTERED:
            weight = getattr(layer, attribute, None)
            size = int(np.prod(weight.shape)) if weight is not None else clusters
            if size < clusters:
                raise LabkitError(clusters_sentence(layer.name, size, clusters))


def _check_weights(name: str, bound: inspect.BoundArguments) -> None:
    """Refuse weights that are not finite, and layers that compute in another type than float32."""
    for layer in _layers(bound.args[0]):
        weights = layer.weights
        if weights and getattr(layer, "compute_dtype", "float32") != "float32":
            raise LabkitError(float32_sentence(layer.name, layer.compute_dtype))
        for weight in weights:
            values = weight.numpy()
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                raise LabkitError(
                    f"Layer {layer.name!r} has weights that are NaN or infinite in "
                    f"{weight.name.split('/')[-1].removesuffix(':0')!r}, which {name} would keep: train it again with "
                    "a smaller learning rate, or load weights from before it diverged."
                )


def _is_a(thing: Any, name: str) -> bool:
    """Return True when *thing* is a Keras 2 ``Layer`` or ``Model``, as *name* says; every model is a layer too."""
    return any(kind.__module__.startswith("tf_keras") and kind.__name__ == name for kind in type(thing).__mro__)


def _layers(thing: Any) -> Iterator[Any]:
    """Yield the Keras 2 layers of a model, a list of layers or a layer; nothing for anything else."""
    if isinstance(thing, list):
        for item in thing:
            yield from _layers(item)
    elif _is_a(thing, "Model"):
        for layer in thing.layers:
            yield from _layers(layer)
    elif _is_a(thing, "Layer"):
        yield thing
