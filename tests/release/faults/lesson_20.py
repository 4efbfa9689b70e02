"""Faults that the claims of lesson 20 would see."""

# One plausible fault in code or data per claim id, in a short phrase each.
FAULTS = {
    "20.half": "a wrong bias, or the leading one kept for subnormals",
    "20.casts": "a cast that rounds twice, cuts, or loses the sign of zero",
    "20.relative-error": "a format with another number of mantissa bits, or a rounding that is not to nearest",
    "20.int8-formula": "a scale from the largest signed weight, or an int8 that ends at 63 or 128",
    "20.e3m4": "float8_e3m4 with another largest value, so that its scale wastes an exponent",
    "20.float4-scale": "a scale that is multiplied by where it should be divided by",
    "20.float4-blocks": "a scale per layer that clips, or layers read with the wrong axis as neurons",
    "20.nvfp4": "the scale of nvfp4 rounded to a power of two",
    "20.mxfp6": "a standard scale, which clips float8_e4m3fn only, under the name unclipped",
    "20.eight-bit-blocks": "blocks across neurons or scales that still clip",
    "20.mxint8": "the element of mxint8 read with seven bits",
    "20.scale-gain": "a doubled scale that is used for the division and not for the product",
    "20.mantissa-bit": "bfloat16 cut instead of rounded",
}
CLAIM = "20.casts"
PROFILE = "fast"
CODE = """
honest = methods.numerics.cast

def twice(x, format, *rest, **options):
    if methods.numerics.find(format).bits <= 8:
        x = honest(x, "float16")
    return honest(x, format, *rest, **options)

methods.numerics.cast = twice
"""
