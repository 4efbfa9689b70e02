"""Faults that the claims of lesson 21 would see."""

# One plausible fault in code or data per claim id, in a short phrase each.
FAULTS = {
    "21.hand-sum": "a cast that cuts, or that rounds to another number of bits",
    "21.squared-error": "a map with the factor 3.9, or one that stands still",
    "21.bias": "thresholds that include the logistic orbit where the conjugated one belongs",
    "21.covariance": "orbits drawn anew at each step, which have no memory",
    "21.mean-variance": "an inflation that leaves out the covariances beyond the first",
    "21.different-values": "nearest that cuts instead of rounding",
    "21.nearest-sum": "an ulp of seven or nine significant bits",
    "21.stochastic-sum": "thresholds shared by all sums, or drawn from 0 to 0.9",
    "21.logistic-sum": "the conjugated orbit used for the logistic rule",
    "21.conjugated-variance": "independent draws used for the conjugated rule",
    "21.compensated-sum": "a compensation with the wrong sign",
    "21.stalled-weights": "an update that is rounded before it is added",
    "21.loss": "nearest that rounds away from zero, so that small updates count",
    "21.stochastic-loss": "rounding to seven or nine significant bits",
    "21.conjugated-loss": "independent draws used for the conjugated rule",
    "21.logistic-speed": "the conjugated orbit used for the logistic rule",
    "21.tent-map": "a tent map that rounds, or adds noise to stay alive",
    "21.dead-orbits": "a float32 orbit that is computed in float64",
}
CLAIM = "21.squared-error"
PROFILE = "fast"
CODE = """
import numpy as np

def logistic_map(start, steps):
    orbit = np.empty((steps, *np.shape(start)), dtype=np.asarray(start).dtype)
    point = start
    for k in range(steps):
        orbit[k] = point
        point = 3.9 * point * (1 - point)
    return orbit

methods.dither.logistic_map = logistic_map
"""
