"""Faults that the claims of lesson 12 would see."""

# One plausible fault in code or data per claim id, in a short phrase each.
FAULTS = {
    "12.wilson": "wilson returns Wald's ends, or its middle is not moved towards one half",
    "12.wilson-worst": "wilson has a wrong z, or leaves out a term under the root",
    "12.numpy": "the mask also removes weights at sparsity 0, or kernels are not transposed",
    "12.mcnemar": "both predictions come from the same file, or the labels are shuffled",
    "12.power-lenet5": "images_needed takes one z for both terms, or the share of one side only",
    "12.power-pruned": "images_needed takes one z for both terms, or the share of one side only",
    "12.power-unpaired": "images_unpaired gives the images of both networks together",
    "12.seed-spread": "every run trains from the same generator",
    "12.seeds": "every run trains from the same generator",
    "12.joint": "best_of_many counts gains only, beside two-sided values",
    "12.shrinkage": "the images that chose the winner measure it again",
}
CLAIM = "12.wilson-worst"  # the claim that the injected fault below makes fail
PROFILE = "fast"  # "full" only where no claim of the lesson is asserted in the fast profile
CODE = """
from labkit.methods import statistics
honest = statistics.wilson
statistics.wilson = lambda correct, n, level=0.95: honest(correct, n, level=0.90)
"""
