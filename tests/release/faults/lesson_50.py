"""Faults that the claims of lesson 50 would see."""

# One plausible fault in code or data per claim id, in a short phrase each.
FAULTS = {
    "50.slopes": "the gradients of a shared value are averaged instead of summed",
    "50.turns": "k-means stops one round too early, or moves a centroid to the middle of its group's range",
    "50.float32": "strip_clustering leaves the original weights, so that the values do not repeat in the file",
    "50.float32-loss": "TFMOT's wrapped model is trained on other images or with a far larger learning rate",
    "50.int8": "the converter leaves the weights in float32",
    "50.int8-loss": "the int8 scales are those of another layer",
    "50.int8-per-layer": "per_channel is ignored, so that one shared value becomes many integers",
    "50.int8-per-layer-loss": "one outlier sets the scale of the whole layer",
    "50.spacing": "the entropy is computed from the values instead of their counts, or k-means does not converge",
    "50.stripped-model": "TFMOT copies the layers of the model that it is given (then the page's warning is outdated)",
    "50.given-model": "the model that is passed keeps its weights, or keras2.clone shares layers with the baseline",
    "50.loss": "the indices do not belong to the codebook, or fine-tuning changes the indices",
}
CLAIM = "50.turns"  # the claim that the injected fault below makes fail
PROFILE = "fast"
CODE = """
from labkit.methods import cluster
honest = cluster.kmeans
cluster.kmeans = lambda values, centroids, iterations=300: honest(values, centroids, max(iterations - 1, 1))
"""
