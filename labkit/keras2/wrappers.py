"""TFMOT's wrappers by name: the scope that loads each, and the function that removes it."""

from __future__ import annotations

_PRUNE_SCOPE = "tfmot.sparsity.keras.prune_scope()"
_CLUSTER_SCOPE = "tfmot.clustering.keras.cluster_scope()"
_QUANTIZE_SCOPE = "tfmot.quantization.keras.quantize_scope()"

# The scope in which Keras can load each wrapper.
SCOPES = {
    "PruneLowMagnitude": _PRUNE_SCOPE,
    "ClusterWeights": _CLUSTER_SCOPE,
    "ClusterWeightsMHA": _CLUSTER_SCOPE,
    "ClusterWeightsRNN": _CLUSTER_SCOPE,
    "QuantizeLayer": _QUANTIZE_SCOPE,
    "QuantizeWrapper": _QUANTIZE_SCOPE,
    "QuantizeWrapperV2": _QUANTIZE_SCOPE,
    "QuantizeAnnotate": _QUANTIZE_SCOPE,
}

# The wrappers that are for training only, and what takes each of them off. Nothing takes off those of quantization.
STRIPPERS = {
    "PruneLowMagnitude": "tfmot.sparsity.keras.strip_pruning",
    "ClusterWeights": "tfmot.clustering.keras.strip_clustering",
    "ClusterWeightsMHA": "tfmot.clustering.keras.strip_clustering",
    "ClusterWeightsRNN": "tfmot.clustering.keras.strip_clustering",
}

# The wrappers of a model that computes with quantized weights and activations.
QUANTIZED = frozenset({"QuantizeLayer", "QuantizeWrapper", "QuantizeWrapperV2"})

# Every wrapper of quantization-aware training: nothing takes them off.
QUANTIZERS = QUANTIZED | {"QuantizeAnnotate"}

# Every wrapper that holds a layer of the network as its ``layer``.
HOLDERS = frozenset(SCOPES) - {"QuantizeLayer"}
