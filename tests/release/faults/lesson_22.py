"""Faults that the claims of lesson 22 would see."""

# One plausible fault in code or data per claim id, in a short phrase each.
FAULTS = {
    "22.closed-form": "Newton's method stops early, or the moments of the outer cells leave out the tail",
    "22.best-start": "lloyd_step takes the median, or assigns numbers to the wrong level",
    "22.lloyd-max": "the levels of the closed form are the middles of their cells and not the means",
    "22.uniform": "the best step is taken for levels that include zero",
    "22.sine": "the sine does not reach full scale, or the outermost levels are missing",
    "22.fine-steps": "the entropy is computed in nats, or the step is not the one that was coded",
    "22.total-error": "the closed form has one level too many, or forgets the tail on one side",
    "22.formula": "the quantizer scales by 2^(bits - 1) and not by the largest whole number",
    "22.groups-float8": "scales in float8_e4m3fn are cast without the tensor's own scale, so that small ones vanish",
    "22.groups-float32": "the bits of the scales are divided by the number of groups and not by that of weights",
    "22.rare-outliers": "groups run across channels, so that an outlier stretches more than its own group",
    "22.frequent-outliers": "all outliers are planted at the end, in a few groups of their own",
}
CLAIM = "22.formula"  # the claim that the injected fault below makes fail
PROFILE = "fast"
CODE = """
from labkit.methods import quantize
honest = quantize.affine_parameters
def one_level_too_many(low, high, bits=8, signed=True, symmetric=False):
    scale, zero_point = honest(low, high, bits, signed, symmetric)
    return scale * (2 ** (bits - 1) - 1) / 2 ** (bits - 1), zero_point
quantize.affine_parameters = one_level_too_many
"""
