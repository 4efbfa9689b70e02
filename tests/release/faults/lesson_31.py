"""Faults that the claims of lesson 31 would see."""

# One plausible fault in code or data per claim id, in a short phrase each.
FAULTS = {
    "31.saved-half": "strip_pruning leaves dense weights, or training is too short for TFMOT to update its masks",
    "31.mask": "our mask keeps the smallest weights, or rounds the count down",
    "31.sparsity": "the schedule ends after the training does, or its last update misses its end",
    "31.raw-file": "the file keeps the masks of the wrappers",
    "31.deflated-file": "the zeros are lost when the model is converted",
    "31.time": "the wrappers stay in the file that is timed, or the two models are not timed in turns",
    "31.shares": "the shares are taken as sparsities, or given to the wrong layers",
    "31.kept-weights": "the training moves weights that the mask removed",
    "31.fair-loss": "the pruned network does not get the teacher or the passes of the dense one",
    "31.mnist-error": "the longer training is left out, or the teacher is one for other images",
    "31.mnist-fair-loss": "the pruned network does not get the teacher or the passes of the dense one",
    "31.given-model": "prune_low_magnitude copies its model: the warning of the page is out of date",
}
CLAIM = "31.mask"
PROFILE = "fast"
CODE = """
from labkit.methods import prune as prune_module
honest = prune_module.magnitude_mask
prune_module.magnitude_mask = lambda weights, sparsity: ~honest(weights, sparsity)
"""
