"""Faults that the claims of lesson 52 would see."""

# One plausible fault in code or data per claim id, in a short phrase each.
FAULTS = {
    "52.index-bits": "the coder is given the frequencies of other symbols, or the symbols of another order",
    "52.decoded": "the file holds rounded weights that the measured network does not have",
    "52.size": "masks or biases are stored uncompressed, or the ratio counts weights that the file does not hold",
    "52.loss": "gradients reach pruned weights, or the shared values are not trained",
    "52.mnist-size": "neurons without inputs are not emptied and sorted, so that the mask takes more bytes",
    "52.mnist-loss": "the digits are moved for one of the two networks only",
    "52.taught-size": "small networks keep the large network's number of values",
    "52.taught-error": "the teacher's logits belong to another view than the image that the student sees",
}
CLAIM = "52.decoded"  # the claim that the injected fault below makes fail
PROFILE = "fast"
CODE = """
from labkit.keras2 import train_compressed
honest = train_compressed.code
train_compressed.code = lambda weights: honest({name: np.round(tensor, 2) for name, tensor in weights.items()})
"""
