"""Faults that the claims of lesson 40 would see."""

# One plausible fault in code or data per claim id, in a short phrase each.
FAULTS = {
    "40.steps-conv_2": "our convolution pads with 0 instead of the zero point, or reads another zero point",
    "40.steps-dense_1": "our dense layer forgets the bias or one of the three scales",
    "40.percentile": "percentile clips the low end only, or its range is taken from another layer",
    "40.int8-size": "the converter leaves the large dense layer in float32",
    "40.float16-size": "the converter stores a second copy of the weights in float32",
    "40.int8-loss": "calibration images are scaled otherwise than the network's",
    "40.four-bits": "rounding uses one scale per kernel, or one bit less than it says",
    "40.channel-gap": "per_channel is ignored, so that both ways are the same",
    "40.folding": "folded is ignored, or the factors of another layer are multiplied in",
    "40.division": "the converter calibrates with scaled images whatever it is given",
}
CLAIM = "40.steps-conv_2"  # the claim that the injected fault below makes fail
PROFILE = "fast"  # "full" only where no claim of the lesson is asserted in the fast profile
CODE = """
from labkit.methods import integer
honest_conv2d = integer.conv2d_int8
def shifted_conv2d(inputs, weights, bias, before, *rest, **options):
    return honest_conv2d(inputs, weights, bias, (before[0], before[1] + 8), *rest, **options)
integer.conv2d_int8 = shifted_conv2d
"""
