"""The wrappers of TFMOT by the names of their classes. Imports nothing: files are judged by them too."""

from __future__ import annotations

# For training only, and what takes each of them off.
STRIPPERS = {
    "PruneLowMagnitude": "tfmot.sparsity.keras.strip_pruning",
    "ClusterWeights": "tfmot.clustering.keras.strip_clustering",
    "ClusterWeightsMHA": "tfmot.clustering.keras.strip_clustering",
}
# Of quantization-aware training: nothing takes them off.
QUANTIZERS = {"QuantizeLayer", "QuantizeWrapper", "QuantizeWrapperV2", "QuantizeAnnotate"}
