"""Faults that the claims of lesson 51 would see."""

# One plausible fault in code or data per claim id, in a short phrase each.
FAULTS = {
    "51.round-trip": "a coder loses a carry or the last symbols of the stream",
    "51.hand-ratio": "the frequencies are rounded to four bits",
    "51.constriction-bytes": "one of the two coders uses another model of the stream",
    "51.huffman-bytes": "Huffman gives a symbol two bits, or writes a separator",
    "51.closed-form": "the adaptive coder updates its counts by another amount",
    "51.range-coder": "the interval gets too narrow, so that rounding costs bits",
    "51.speed": "fast_decode falls back to a loop in Python",
    "51.mask-back": "encoder and decoder use different contexts",
    "51.contexts": "neighbours are distances in the row, which wrap round the image's border",
    "51.shuffled-mask": "a context contains the symbol itself or a later one",
    "51.real-mask": "the mask is transposed, so that neighbours are not pixels side by side",
    "51.clumps": "the control is shuffled along the pixels, or not at all",
}
CLAIM = "51.contexts"
PROFILE = "fast"
CODE = """
coding = methods.coding
honest_encode, honest_decode = coding.adaptive_encode, coding.adaptive_decode


def flat(near):
    return tuple(28 * up + left for up, left in near)


coding.adaptive_encode = lambda symbols, size, groups=None, image=None, near=(): (
    honest_encode(symbols, size, groups, flat(near))
)
coding.adaptive_decode = lambda data, size, count, groups=None, image=None, near=(): (
    honest_decode(data, size, count, groups, flat(near))
)
"""
