"""Faults that the claims of lesson 54 would see."""

# One plausible fault in code or data per claim id, in a short phrase each.
FAULTS = {
    "54.planted": "group puts a neuron beside a stranger, or merge forgets a member's scale",
    "54.refit": "delete ignores the images that it is given",
    "54.merge-before": "merge folds into the wrong group, or least squares leaves out the bias shift",
    "54.retrained-equal": "one of the two networks is retrained with other images, passes or labels",
    "54.retrained-loss": "retraining starts from fresh weights, or the labels are shifted by one image",
    "54.macs": "resize_dense leaves a layer at its old width, or the count rounds down",
    "54.file": "the converter stores the dense network's arrays beside the small ones",
    "54.time": "the small network pads its layers to the old widths",
    "54.bias-seen": "similarity leaves the bias out",
}
CLAIM = "54.planted"  # the claim that the injected fault below makes fail
PROFILE = "fast"  # "full" only where no claim of the lesson is asserted in the fast profile
CODE = """
from labkit.methods import merge
honest_group = merge.group
merge.group = lambda similarity, count: np.sort(honest_group(similarity, count))
"""
