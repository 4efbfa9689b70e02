"""Block formats: narrow elements, and one scale for each block of neighbours along the last axis.

MX (OCP Microscaling Formats v1.0, section 6.3): 32 elements, a scale that is a power of two (e8m0),

    scale = 2^(⌊log2(largest |x| of the block)⌋ − exponent of the element's largest value)

NVFP4 (NVIDIA): 16 elements of float4_e2m1, a float8_e4m3fn scale: largest |x| / 6, rounded to nearest and saturating.
Each element is ``x / scale`` rounded and saturating, and stands for ``scale × element``.

MX's rule clips: the largest number of a block can be up to twice the power of two of the element's largest value, and
e4m3, for example, ends at 1.75 times that power. The standard leaves the choice of the scale to the program that
writes, so `SCALES` has two more rules: ``unclipped`` doubles a scale that would clip, and ``better`` doubles it where
this lowers the squared error of the block. NVFP4's scale clips only by its own rounding; all three rules give it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from labkit.base.errors import UsageError, one_of
from labkit.methods.numerics.formats import Format, find
from labkit.methods.numerics.rounding import Rounder, power_below, round_to, rounder

SCALES = ("standard", "unclipped", "better")
_AT_ONCE = 8192  # values rounded at a time: their float64 and its few copies stay in the processor's cache


def cast_blocks(
    x: Any,
    format: Any,
    rounding: str = "nearest_even",
    rng: np.random.Generator | None = None,
    scales: str = "standard",
) -> np.ndarray:
    """Round *x* to the block format *format*; return float32 of *x*'s shape; *rounding* is that of the elements.

    *scales*: the rule for the scale of each block, one of `SCALES`. Blocks lie along the last axis; the last of a row
    may be short. Zeros stay zero. A block with NaN or infinity becomes NaN throughout, since its scale does. The −2 of
    MXINT8's element is not used, so that it is symmetric.
    Raises UsageError for a format without blocks or another rule, and as `rounder` does.
    """
    known, round_whole = _block_format(format), rounder(rounding, rng)
    one_of("rule for scales", scales, SCALES)
    blocks, shape = _blocked(x, known)
    result, many = np.empty(blocks.shape, dtype=np.float32), _AT_ONCE // known.block
    for start in range(0, len(blocks), many):
        part = blocks[start : start + many].astype(np.float64)
        result[start : start + many] = _round_blocks(part, known, rounding, round_whole, scales)
    filled = -(-shape[-1] // known.block) * known.block
    return result.reshape(*shape[:-1], filled)[..., : shape[-1]].reshape(np.shape(x))


def block_scales(x: Any, format: Any) -> np.ndarray:
    """Return the scale of each block of *x*: float32, *x*'s shape with the last axis counted in blocks (rounded up).

    A block of zeros has the smallest scale of MX, and 0 in NVFP4; one with NaN or infinity has NaN.
    """
    known = _block_format(format)
    blocks, shape = _blocked(x, known)
    count = -(-shape[-1] // known.block)
    return _scales(blocks.astype(np.float64), known).astype(np.float32).reshape(*shape[:-1], count)


def tensor_scale(x: Any, format: Any = "nvfp4") -> float:
    """Return the number to divide a whole tensor by before NVFP4, so that its largest block scale is e4m3's largest.

    ``largest |x| / (6 × 448)``, a float32 value, 1.0 for zeros. NVIDIA stores it once a tensor:
    ``s * cast(x / s, "nvfp4")``. No lesson uses it yet: weights of language models (45) need it, whose size differs
    from block to block more than e4m3 can express. Raises UsageError for an x that is not finite.
    """
    known = _block_format(format)
    largest = float(np.max(np.abs(np.asarray(x, dtype=np.float64)), initial=0.0))
    if not np.isfinite(largest):
        raise UsageError("x holds NaN or infinity: a scale needs finite numbers.")
    return float(np.float32(largest / known.max)) or 1.0


def stored_bits(x: Any, format: Any) -> float:
    """Return the bits per value that *x* takes in the block format *format*, its scales included.

    More than `Format.bits_per_value` where rows end with a short block: with 25 values per row, a block of 32 has 25.

    >>> stored_bits(np.ones((20, 25)), "mxfp4")
    4.32
    """
    known = _block_format(format)
    assert known.element is not None and known.scale is not None
    return known.element.bits + known.scale.bits * block_scales(x, known).size / np.size(x)


def _round_blocks(blocks: np.ndarray, format: Format, rounding: str, round_whole: Rounder, scales: str) -> np.ndarray:
    element, scale = format.element, _scales(blocks, format)
    assert element is not None and format.scale is not None
    result = _round_scaled(blocks, scale, element, rounding, round_whole)
    if scales == "standard" or format.scale.kind != "power":
        return result
    doubled = np.minimum(2 * scale, format.scale.max)
    other = _round_scaled(blocks, doubled, element, rounding, round_whole)
    if scales == "unclipped":
        double = np.max(np.abs(blocks), axis=1) > element.max * scale
    else:
        double = np.sum((other - blocks) ** 2, axis=1) < np.sum((result - blocks) ** 2, axis=1)
    return np.where(double[:, None], other, result)


def _round_scaled(
    blocks: np.ndarray, scales: np.ndarray, element: Format, rounding: str, round_whole: Rounder
) -> np.ndarray:
    scale = scales[:, None]
    usable = scale > 0  # not where it is NaN, nor where NVFP4's has vanished
    inside = blocks / scale if usable.all() else np.where(usable, blocks, 0.0) / np.where(usable, scale, 1.0)
    return scale * round_to(inside, element, rounding, round_whole, saturate=True)


def _scales(blocks: np.ndarray, format: Format) -> np.ndarray:
    """Return the scale of each row of *blocks* (count, size), float64 of shape (count,)."""
    element, scale = format.element, format.scale
    assert element is not None and scale is not None
    largest = np.max(np.abs(blocks), axis=1)
    unusable = ~np.isfinite(largest)
    largest[unusable] = 0.0
    if scale.kind == "power":
        scales = np.clip(power_below(largest) / power_below(np.array(element.max)), scale.smallest, scale.max)
    else:
        how = "nearest_even"
        scales = round_to(largest / element.max, scale, how, rounder(how), saturate=True)
    scales[unusable] = np.nan
    return scales


def _block_format(format: Any) -> Format:
    known = find(format)
    if known.kind != "block":
        raise UsageError(f"{known.name} has no blocks: choose mxfp8_e4m3, mxfp4, nvfp4 or another block format.")
    return known


def _blocked(x: Any, format: Format) -> tuple[np.ndarray, tuple[int, ...]]:
    """Cut *x* into blocks, shape (count, size), short ones filled up with zeros; and the shape of *x*, 1-d at least."""
    numbers = np.atleast_1d(np.asarray(x))
    missing = -numbers.shape[-1] % format.block
    if missing:
        numbers = np.concatenate([numbers, np.zeros((*numbers.shape[:-1], missing), numbers.dtype)], axis=-1)
    return np.ascontiguousarray(numbers).reshape(-1, format.block), np.shape(x) or (1,)
