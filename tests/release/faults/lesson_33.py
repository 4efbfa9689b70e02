"""Faults that the claims of lesson 33 would see."""

# One plausible fault in code or data per claim id, in a short phrase each.
FAULTS = {
    "33.deleting": "keep_channels cuts the rows of another channel in the layer behind",
    "33.permuting": "keep_channels sorts the indices in one layer and not in the next",
    "33.refit-gain": "refit changes no weights, or fits them to the sums of other images",
    "33.refit-chance": "the greedy choice lets the channel go that raises the loss most",
    "33.retrained-chance": "the retrained networks start from the refitted ones for one criterion only",
    "33.prediction": "predicted_cost forgets biases, or a Flatten that repeats the channels",
    "33.masked-time": "the masked network is cut, or timed on other kernels than the dense one",
    "33.time-layers": "the forecast counts the cost of a call once per layer",
    "33.time-macs": "the cut networks are timed at the size of the whole one",
    "33.time": "keep_channels leaves the arrays at their old size",
    "33.folded-scale": "weight_norms ignores the scales",
}
CLAIM = "33.folded-scale"
PROFILE = "fast"
CODE = """
from labkit.methods import channels as channels_module
honest = channels_module.weight_norms
channels_module.weight_norms = lambda kernels, scales=None: honest(kernels)
"""
