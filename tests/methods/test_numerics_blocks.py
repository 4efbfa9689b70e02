"""Block formats against gfloat, and against a plain loop that follows OCP MX v1.0, section 6.3, and NVFP4's rule."""

from __future__ import annotations

import math

import gfloat
import ml_dtypes
import numerics_inputs as ref
import numpy as np
import pytest
from gfloat import formats as gfloat_formats

from labkit.base.errors import UsageError
from labkit.methods import numerics
from labkit.methods.numerics import blocks

# Element: all its values, and the exponent of its largest (table 1 of the standard).
ELEMENTS = {
    "mxfp8_e4m3": ("float8_e4m3fn", 8),
    "mxfp8_e5m2": ("float8_e5m2", 15),
    "mxfp6_e3m2": ("float6_e3m2", 4),
    "mxfp6_e2m3": ("float6_e2m3", 2),
    "mxfp4": ("float4_e2m1", 2),
    "mxint8": (None, 0),
    "nvfp4": ("float4_e2m1", 2),
}
GFLOAT = {
    "mxfp8_e4m3": gfloat_formats.format_info_mxfp8_e4m3,
    "mxfp8_e5m2": gfloat_formats.format_info_mxfp8_e5m2,
    "mxfp6_e3m2": gfloat_formats.format_info_mxfp6_e3m2,
    "mxfp6_e2m3": gfloat_formats.format_info_mxfp6_e2m3,
    "mxfp4": gfloat_formats.format_info_mxfp4_e2m1,
}


def nearest_even(x: float, element: str | None) -> float:
    """The element nearest to x by search; of two as near, the one with the even pattern (its place in the ladder)."""
    ladder = [k / 64 for k in range(128)] if element is None else [v for v in ref.listed(element).tolist() if v >= 0]
    size = min(abs(x), ladder[-1])
    distances = [abs(size - each) for each in ladder]
    best = [k for k, distance in enumerate(distances) if distance == min(distances)]
    place = next((k for k in best if k % 2 == 0), best[0])
    return math.copysign(ladder[place], x)


def plain(row: np.ndarray, name: str) -> list[float]:
    """One row of float32 values, block after block, value after value."""
    element, largest_exponent = ELEMENTS[name]
    size, result = (16, []) if name == "nvfp4" else (32, [])
    for start in range(0, len(row), size):
        block = [float(value) for value in row[start : start + size]]
        largest = max(abs(value) for value in block)
        if any(math.isnan(value) or math.isinf(value) for value in block):
            result += [math.nan] * len(block)
            continue
        if name == "nvfp4":
            scale = float(np.float32(min(largest / 6, 448)).astype(ml_dtypes.float8_e4m3fn))
        else:
            exponent = math.frexp(largest)[1] - 1 - largest_exponent if largest else -127
            scale = 2.0 ** min(max(exponent, -127), 127)
        result += [scale * nearest_even(value / scale, element) if scale else 0.0 for value in block]
    return result


def rows() -> np.ndarray:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(60, 70)) * 2.0 ** rng.integers(-40, 40, (60, 70))
    x[:20] = rng.normal(size=(20, 70)) * 2.0 ** rng.integers(-6, 6, (20, 1))
    x[20] = 0
    x[21, :32] = 0
    x[22] *= 2.0**-120 / np.abs(x[22]).max()
    x[23] *= 2.0**127 / np.abs(x[23]).max()
    x[24, 3], x[25, 40], x[26, 69] = np.nan, np.inf, -np.inf
    x[27] = np.round(x[27] * 4) / 4
    x[28] = 1e-45
    x[29] = 2.0 ** rng.integers(-5, 5, 70)
    x[30, :32] = np.linspace(-2, 1.999, 32)
    with np.errstate(over="ignore"):
        return x.astype(np.float32)


@pytest.mark.parametrize("name", ELEMENTS)
def test_blocks_are_those_of_a_plain_loop(name):
    x = rows()
    want = np.array([plain(row, name) for row in x]).astype(np.float32)
    got = numerics.cast(x, name)
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    assert same.all(), (name, np.argwhere(~same)[:5], x[~same][:5], got[~same][:5], want[~same][:5])
    assert np.isnan(got[24, :32]).sum() >= 16 and not np.isnan(got[24, 32:]).any()


@pytest.mark.parametrize("name", GFLOAT)
def test_whole_blocks_are_those_of_gfloat(name):
    x = rows()[:20, :64].astype(np.float64)
    for k in range(20):
        for part in (x[k, :32], x[k, 32:]):
            want = gfloat.quantize_block(GFLOAT[name], part, gfloat.compute_scale_amax)
            assert (numerics.cast(part, name) == want).all()


@pytest.mark.parametrize("rounding", ref.DIRECTED)
def test_other_roundings_bound_the_elements(rounding):
    x = rows()[:20]
    got = numerics.cast(x, "mxfp6_e2m3", rounding)
    scale = np.repeat(blocks.block_scales(x, "mxfp6_e2m3"), 32, axis=1)[:, :70]
    inside = x.astype(np.float64) / scale
    want = scale * ref.by_search(inside, "float6_e2m3", rounding, saturate=True)
    assert (got == want).all()


def test_stochastic_elements_average_to_the_value():
    x = np.tile(np.array([4.0] + [0.3] * 31, dtype=np.float32), 2000)
    got = numerics.cast(x, "mxfp4", "stochastic", rng=np.random.default_rng(2)).reshape(-1, 32)[:, 1:]
    assert set(np.unique(got)) == {0.0, 0.5}
    share, n = 0.3 / 0.5, got.size
    assert abs((got == 0.5).sum() - n * share) <= 5 * np.sqrt(n * share * (1 - share)) + 1


def test_scales_and_shapes():
    x = rows()[:5]
    scales = blocks.block_scales(x, "mxfp4")
    assert scales.shape == (5, 3) and scales.dtype == np.float32
    assert (scales == numerics.cast(scales, "e8m0")).all()
    assert blocks.block_scales(x, "nvfp4").shape == (5, 5)
    assert blocks.block_scales(np.zeros(40), "nvfp4").tolist() == [0, 0, 0]
    assert (blocks.block_scales(np.zeros(40), "mxfp4") == np.float32(2.0**-127)).all()
    for shape in [(), (1,), (0,), (3, 0), (0, 40), (2, 3, 33)]:
        given = np.full(shape, 6, np.float32)
        for name in ELEMENTS:
            assert numerics.cast(given, name).shape == shape and (numerics.cast(given, name) == 6).all()
    folded = rows()[:6].reshape(2, 3, 70)
    assert (numerics.cast(folded, "mxfp4") == numerics.cast(rows()[:6], "mxfp4").reshape(2, 3, 70)).all()


def test_a_tensor_scale_brings_small_numbers_into_nvfp4s_reach():
    x = np.random.default_rng(0).normal(size=(8, 64)).astype(np.float32) * 1e-4
    scale = blocks.tensor_scale(x)
    assert blocks.block_scales(x / scale, "nvfp4").max() == 448
    assert not numerics.cast(x, "nvfp4").any()  # the scales vanish, and all with them
    left = np.abs(scale * numerics.cast(x / scale, "nvfp4") - x).max() / np.abs(x).max()
    assert left < 1 / 6 * (1 + 1 / 16)  # half of the widest step, 2 of 6, and the rounding of the scale
    assert blocks.tensor_scale(np.zeros(3)) == 1


MX = [name for name in ELEMENTS if name != "nvfp4"]


@pytest.mark.parametrize("name", MX)
def test_an_unclipped_scale_is_the_smallest_power_of_two_that_clips_nothing(name):
    x = rows()[:20, :64].reshape(-1, 32)
    scale = blocks.block_scales(x, name)[:, 0].astype(np.float64)
    element = numerics.find(name).element
    largest = np.abs(x).max(axis=1)
    doubled = np.where(largest / scale > element.max, 2 * scale, scale)
    assert (largest <= element.max * doubled).all() and (doubled != scale).any()
    got = blocks.cast_blocks(x, name, scales="unclipped")
    want = [
        [s * nearest_even(value / s, ELEMENTS[name][0]) for value in row]
        for s, row in zip(doubled.tolist(), x.astype(np.float64).tolist(), strict=True)
    ]
    assert (got == np.array(want).astype(np.float32)).all()


@pytest.mark.parametrize("name", MX)
def test_the_better_scale_has_the_smaller_error_in_every_block(name):
    x = rows()[:20, :64].reshape(-1, 32).astype(np.float64)
    errors = {rule: ((blocks.cast_blocks(x, name, scales=rule) - x) ** 2).sum(axis=1) for rule in blocks.SCALES}
    assert (errors["better"] <= errors["standard"]).all() and (errors["better"] <= errors["unclipped"]).all()


def test_the_rules_for_scales_change_nothing_else():
    x = rows()
    for rule in blocks.SCALES:
        got = blocks.cast_blocks(x, "nvfp4", scales=rule)
        assert np.array_equal(got, numerics.cast(x, "nvfp4"), equal_nan=True)
        assert not blocks.cast_blocks(np.zeros(40), "mxfp4", scales=rule).any()
        assert np.isnan(blocks.cast_blocks(np.array([1, np.inf]), "mxfp4", scales=rule)).all()
        large = blocks.cast_blocks(np.array([3e38], np.float32), "mxfp8_e4m3", scales=rule)
        assert np.isfinite(large).all()


@pytest.mark.parametrize("name", MX)
def test_a_block_format_of_ones_own_equals_the_standards(name):
    element = ELEMENTS[name][0] or "int8"
    x = rows()
    own = numerics.block_format(element, 32)
    assert np.array_equal(numerics.cast(x, own), numerics.cast(x, name), equal_nan=True)
    assert own.bits_per_value == numerics.find(name).bits_per_value


def test_stored_bits_count_every_scale():
    assert blocks.stored_bits(np.ones((20, 25)), "mxfp4") == 4 + 8 / 25
    assert blocks.stored_bits(np.ones((3, 64)), "nvfp4") == 4.5
    assert blocks.stored_bits(np.ones((3, 33)), "mxint8") == 8 + 8 * 2 / 33


def test_what_cannot_be_is_refused():
    with pytest.raises(UsageError, match="rule for scales"):
        blocks.cast_blocks(np.ones(3), "mxfp4", scales="best")
    with pytest.raises(UsageError, match="block"):
        numerics.block_format("int8", 0)
    with pytest.raises(UsageError, match="has no blocks"):
        blocks.cast_blocks(np.ones(3), "float16")
    with pytest.raises(UsageError, match="needs a generator"):
        numerics.cast(np.ones(3), "mxfp4", "stochastic")
    with pytest.raises(UsageError, match="NaN or infinity"):
        blocks.tensor_scale([np.nan])
