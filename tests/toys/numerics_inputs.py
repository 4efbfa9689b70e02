"""Inputs and independent references for the tests of the casts: ml_dtypes, gfloat, and search by brute force."""

from __future__ import annotations

import ml_dtypes
import numpy as np
from gfloat import RoundMode, round_ndarray
from gfloat import formats as gfloat_formats

from labkit.methods import numerics

SINGLE = [name for name, each in numerics.FORMATS.items() if each.kind != "block"]
INTEGERS = ["int8", "uint8", "int4", "int2"]
DIRECTED = ["nearest_away", "toward_zero", "up", "down"]
GFLOAT = {
    "float32": gfloat_formats.format_info_binary32,
    "float16": gfloat_formats.format_info_binary16,
    "bfloat16": gfloat_formats.format_info_bfloat16,
    "float8_e4m3fn": gfloat_formats.format_info_ocp_e4m3,
    "float8_e5m2": gfloat_formats.format_info_ocp_e5m2,
    "float6_e3m2": gfloat_formats.format_info_ocp_e3m2,
    "float6_e2m3": gfloat_formats.format_info_ocp_e2m3,
    "float4_e2m1": gfloat_formats.format_info_ocp_e2m1,
    "e8m0": gfloat_formats.format_info_ocp_e8m0,
}
MODES = {
    "nearest_even": RoundMode.TiesToEven,
    "nearest_away": RoundMode.TiesToAway,
    "toward_zero": RoundMode.TowardZero,
    "up": RoundMode.TowardPositive,
    "down": RoundMode.TowardNegative,
}


def dtype(name: str) -> np.dtype:
    """The NumPy or ml_dtypes type of a format."""
    known = numerics.find(name).ml_dtype
    return np.dtype(getattr(ml_dtypes, known, None) or known)


def codes(name: str) -> np.ndarray:
    """Every bit pattern of a format of at most 16 bits, as an array of the reference's type."""
    bits = numerics.find(name).bits
    if bits == 16:
        return np.arange(2**16, dtype=np.uint16).view(dtype(name))
    return np.arange(2**bits, dtype=np.uint8).view(dtype(name))


def listed(name: str) -> np.ndarray:
    """All finite values of a format, ascending, float64, from ml_dtypes alone."""
    if name in INTEGERS:
        low, high = {"int8": (-128, 127), "uint8": (0, 255), "int4": (-8, 7), "int2": (-2, 1)}[name]
        return np.arange(low, high + 1, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        numbers = codes(name).astype(np.float64)
    return np.unique(numbers[np.isfinite(numbers)])


def halfway(name: str) -> np.ndarray:
    """The middles between neighbours of a format, the one past its largest value too, and their float32 neighbours."""
    known = listed(name)
    beyond = known[-1] + (known[-1] - known[-2])
    ends = [-beyond, *known, beyond] if name != "e8m0" else [*known, 2 * known[-1]]
    with np.errstate(over="ignore"):
        middles = ((np.array(ends[1:]) + np.array(ends[:-1])) / 2).astype(np.float32)
        return np.concatenate(
            [middles, np.nextafter(middles, np.float32(np.inf)), np.nextafter(middles, -np.float32(np.inf))]
        )


def float16_inputs() -> np.ndarray:
    """All 65,536 float16 values, NaN and infinities among them, as float32."""
    with np.errstate(invalid="ignore"):
        return np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float32)


def float32_inputs(count: int = 1_000_000) -> np.ndarray:
    """Float32 values: halfway cases of every format, subnormals, infinities, zeros, NaN, random ones of every size."""
    rng = np.random.default_rng(20)
    narrow = [halfway(name) for name in SINGLE if name != "float32"]
    subnormal = rng.integers(1, 2**23, 30_000, dtype=np.uint32).view(np.float32)
    whole = np.arange(-600, 600, 0.25, dtype=np.float32)
    ends = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 3.4028235e38, -3.4028235e38, 1e-45, 2.0**-126], np.float32)
    sized = (rng.normal(size=200_000) * 2.0 ** rng.uniform(-20, 18, 200_000)).astype(np.float32)
    some = np.concatenate([*narrow, subnormal, -subnormal, whole, ends, sized])
    assert some.size < count
    patterns = rng.integers(0, 2**32, count - some.size, dtype=np.uint64).astype(np.uint32).view(np.float32)
    return np.concatenate([some, patterns])


def differ(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    """Where two float32 arrays differ; the sign of zero counts, that of NaN does not."""
    same = (got == want) & (np.signbit(got) == np.signbit(want))
    return ~(same | (np.isnan(got) & np.isnan(want)))


def by_ml_dtypes(x: np.ndarray, name: str) -> np.ndarray:
    """*x* cast by ml_dtypes (or NumPy) and back; nearest-even."""
    with np.errstate(all="ignore"):
        return x.astype(dtype(name)).astype(np.float32)


def by_gfloat(x: np.ndarray, name: str, rounding: str, saturate: bool) -> np.ndarray:
    """*x* rounded by gfloat, as float32."""
    with np.errstate(all="ignore"):
        return round_ndarray(GFLOAT[name], x.astype(np.float64), MODES[rounding], saturate).astype(np.float32)


def by_search(x: np.ndarray, name: str, rounding: str, saturate: bool) -> np.ndarray:
    """*x* (no NaN) rounded by a search for its two neighbours among all values and one virtual value past each end."""
    known, x = listed(name), x.astype(np.float64)
    finite_only = name in INTEGERS or name in ("float6_e3m2", "float6_e2m3", "float4_e2m1")
    step = known[-1] - known[-2]
    ladder = known if finite_only else np.array([known[0] - step, *known, known[-1] + step])
    held = np.clip(x, ladder[0], ladder[-1])
    low = ladder[np.searchsorted(ladder, held, side="right") - 1]
    high = ladder[np.searchsorted(ladder, held, side="left")]
    to_low, to_high = held - low, high - held
    inner, outer = np.where(held < 0, high, low), np.where(held < 0, low, high)
    even = np.where(np.round(low / 2) * 2 == low, low, high)  # of whole numbers; floats are judged by ml_dtypes
    result = {
        "nearest_even": np.where(to_low == to_high, even, np.where(to_low < to_high, low, high)),
        "nearest_away": np.where(to_low == to_high, outer, np.where(to_low < to_high, low, high)),
        "toward_zero": inner,
        "up": high,
        "down": low,
    }[rounding]
    if not finite_only:
        past, sign = np.abs(result) > known[-1], np.sign(result)
        stops = {"toward_zero": past, "up": past & (result < 0), "down": past & (result > 0)}.get(
            rounding, past & False
        )
        stops = (stops & np.isfinite(x)) | (past & saturate)
        result = np.where(past, np.copysign(np.where(stops, known[-1], np.inf), sign), result)
    zero = np.where(np.signbit(x) & (name not in INTEGERS), -0.0, 0.0)
    return np.where(result == 0, zero, result).astype(np.float32)
