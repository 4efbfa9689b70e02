"""Explanations of messages about weights: too few for the clusters, of another type, or those of a wrapped model."""

from __future__ import annotations

import re
from pathlib import Path

from labkit.keras2.sentences import clusters_sentence
from labkit.keras2.tracebacks import arguments, keras_arguments

# What a file of weights saved from a wrapped model has among its names, in both of Keras 2's HDF5 formats; what such a
# model is wrapped for, what wraps it and what takes the wrappers off.
_PRUNING = ("sparsity.keras.prune_low_magnitude", "sparsity.keras.strip_pruning")
_CLUSTERING = ("clustering.keras.cluster_weights", "clustering.keras.strip_clustering")
_MARKS = (
    (r"pruning_step|^prune_low_magnitude", "pruning", _PRUNING),
    (r"cluster_centroids|^cluster_weights", "clustering", _CLUSTERING),
    (r"optimizer_step|^quantize_(wrapper|layer)", "quantization", ("quantization.keras.quantize_model", "")),
)


def too_many_clusters(error: BaseException, match: re.Match[str]) -> str:
    """Explain k-means++ that was asked for more clusters than there are weights."""
    layer = getattr(arguments(error, "build").get("self"), "layer", None)
    return clusters_sentence(getattr(layer, "name", "?"), int(match["weights"]), int(match["clusters"]))


def no_weights(error: BaseException, match: re.Match[str]) -> str:
    """Explain cluster_weights for a convolution that has not been built."""
    return (
        f"Layer {match['name']!r} has no weights yet, and cluster_weights starts from trained ones: build the model, "
        "train it, and give cluster_weights the model."
    )


def weights_of_a_wrapped_model(error: BaseException, match: re.Match[str]) -> str | None:
    """Explain a file of weights that was saved from a model with TFMOT's wrappers, loaded into one without."""
    paths = [value for value in keras_arguments(error, "load_weights") if isinstance(value, (str, Path))]
    if not paths:
        return None
    names = _names(Path(paths[0]))
    for pattern, purpose, (wrap, strip) in _MARKS:
        if any(re.search(pattern, name) for name in names):
            remedy = f"load them into tfmot.{wrap}(model)" + (f", then tfmot.{strip}" if strip else "")
            return f"The file {paths[0]} holds the weights of a model wrapped for {purpose}: {remedy}."
    return None


def _names(path: Path) -> set[str]:
    """Return the parts of the names in an HDF5 file; empty when it is none."""
    import h5py

    names: list[str] = []
    try:
        with h5py.File(path) as content:
            content.visit(names.append)
    except OSError:
        return set()
    return {part for name in names for part in name.split("/")}
