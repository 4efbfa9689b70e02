"""Faults that the claims of lesson 30 would see."""

# One plausible fault in code or data per claim id, in a short phrase each.
FAULTS = {
    "30.csr-numbers": "our pointers count the rows that are empty twice, or columns come unsorted",
    "30.csr-product": "pruned is stored transposed, or an index is cut to 8 bits",
    "30.relu-zeros": "activations are read before the ReLU",
    "30.silent": "silent neurons are found without the bias, so that some that answer are removed",
    "30.coded-mask": "the entropy is computed in nats, or the coder gets the frequencies exchanged",
    "30.pixel-bits": "the mask is shuffled, or densities are taken along the wrong axis and transmitted twice",
    "30.brightness": "pixels and columns of the weights are in different orders",
    "30.round-trip": "a gap that is a multiple of the largest one loses its padding zero",
    "30.bytes": "the formula forgets padding zeros, or arrays are padded to whole bytes per value",
    "30.real-mask": "the mask is shuffled on the way, or blocks run along rows alone",
    "30.break-even": "the formula counts an index of another width than the one that is written",
    "30.csr-crossing": "cold calls are timed without reading other data between them",
    "30.csr-speed": "CSR keeps its zeros, so that every product multiplies all weights",
    "30.two-of-four-int8": "positions take whole bytes and not two bits",
    "30.two-of-four-float16": "values are widened to float32 before they are written",
    "30.rescaling": "the factors are not applied, so that every draw removes the same neurons",
}
CLAIM = "30.round-trip"  # the claim that the injected fault below makes fail
PROFILE = "fast"
CODE = """
from labkit.methods import storage
honest = storage.decode
def without_the_last(encoded):
    result = honest(encoded)
    if encoded.format == "relative":
        result.reshape(-1)[-1000:] = 0
    return result
storage.decode = without_the_last
"""
