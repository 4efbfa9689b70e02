"""Faults that the claims of lesson 41 would see."""

# One plausible fault in code or data per claim id, in a short phrase each.
FAULTS = {
    "41.estimator": "input_gradient passes the gradient on outside the range too",
    "41.learned-step": "step_gradient has the wrong sign, or counts clipped weights as rounded ones",
    "41.file-answers": "the converter calibrates the file anew, or the activation ranges are left at -6 to 6",
    "41.eight-bits": "QAT starts from fresh weights, or the control has other images",
    "41.gain": "the quantizers have no effect in training, so that QAT is only more training",
    "41.loss": "trained_weights rounds with the ranges from before the training",
    "41.refusals": "a remedy names a model that TFMOT refuses as well",
    "41.same-weights": "a remedy changes the order of the weights, or leaves the scaling of the images out",
    "41.other-function": "the two models of the first case are the same, so that nothing is compared",
}
CLAIM = "41.estimator"  # the claim that the injected fault below makes fail
PROFILE = "fast"  # "full" only where no claim of the lesson is asserted in the fast profile
CODE = """
from labkit.methods import ste
ste.input_gradient = lambda upstream, x, *levels: np.asarray(upstream)
"""
