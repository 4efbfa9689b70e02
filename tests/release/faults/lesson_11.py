"""Faults that the claims of lesson 11 would see."""

# One plausible fault in code or data per claim id, in a short phrase each.
FAULTS = {
    "11.answers": "the two interpreters get different inputs, or one of them was never called",
    "11.naive-first": "the clock of the naive timing starts after LiteRT has been loaded",
    "11.naive-second": "first_calls ignores the order, and XNNPACK always goes first",
    "11.call-alone": "the clock around the call contains the opening of the file",
    "11.ratio": "both interpreters use the same kernels",
    "11.short-runs": "a round times the first call of a candidate, or names are swapped in some rounds",
    "11.plateau": "the arrays fit into a cache, or a size's rate counts the bytes of another size",
    "11.triad-cache": "small arrays are timed without the untimed pass, or over other data in each turn",
    "11.peak": "a multiply-accumulate counts as one operation in the layers and as two in the product",
    "11.sum-lenet5": "a layer is left out, timed twice, or cut out with other weights or shapes",
    "11.sum-ds_cnn": "a layer is left out, timed twice, or cut out with other weights or shapes",
    "11.dense-cache": "the bytes of a layer leave out its weights",
    "11.mean-of-ten": "the mean leaves out loading and opening",
    "11.later-median": "the median contains the first call with loading, or kernels are swapped",
}
CLAIM = "11.answers"  # the claim that the injected fault below makes fail
PROFILE = "fast"  # "full" only where no claim of the lesson is asserted in the fast profile
CODE = """
from labkit.deploy import timing
honest = timing.prepared
timing.prepared = lambda path, seed, kernels: honest(path, seed=seed + len(kernels), kernels=kernels)
"""
