"""Formats: every bit pattern against ml_dtypes, and the facts of each against its finfo or its standard."""

from __future__ import annotations

import math

import ml_dtypes
import numerics_inputs as ref
import numpy as np
import pytest

from labkit.base.errors import UsageError
from labkit.methods import numerics
from labkit.methods.numerics import formats

NARROW = [name for name in ref.SINGLE if name != "float32" and name not in ref.INTEGERS]


@pytest.mark.parametrize("name", NARROW)
def test_every_pattern_stands_for_what_ml_dtypes_says(name):
    codes = np.arange(2 ** numerics.find(name).bits)
    want = ref.codes(name).astype(np.float32)
    assert not ref.differ(formats.decode(codes, name), want).any()
    numbers = ~np.isnan(want)
    assert (formats.encode(want, name)[numbers] == codes[numbers]).all()
    assert np.isnan(formats.decode(formats.encode(want[~numbers], name), name)).all()


@pytest.mark.parametrize("name", NARROW)
def test_values_are_all_finite_ones_once(name):
    got = numerics.values(name)
    assert got.dtype == np.float32 and (got == ref.listed(name)).all()


@pytest.mark.parametrize(
    ("name", "low", "high"), [("int8", -128, 127), ("uint8", 0, 255), ("int4", -8, 7), ("int2", -2, 1)]
)
def test_whole_numbers_are_two_complement(name, low, high):
    known = numerics.find(name)
    assert numerics.values(name).tolist() == list(range(low, high + 1)) and (known.min, known.max) == (low, high)
    codes = formats.encode(numerics.values(name), name)
    assert sorted(codes.tolist()) == list(range(2**known.bits))
    assert (formats.decode(codes, name) == numerics.values(name)).all()
    assert known.epsilon == known.smallest == 1


def test_float32_patterns_are_the_processors():
    codes = np.random.default_rng(0).integers(0, 2**32, 20_000, dtype=np.int64)
    want = codes.astype(np.uint32).view(np.float32)
    assert not ref.differ(formats.decode(codes, "float32"), want).any()
    numbers = ~np.isnan(want)
    assert (formats.encode(want[numbers], "float32") == codes[numbers]).all()


@pytest.mark.parametrize("name", [name for name in ref.SINGLE if name not in ref.INTEGERS])
def test_facts_are_those_of_finfo(name):
    known, info = numerics.find(name), ml_dtypes.finfo(ref.dtype(name))
    assert (known.max, known.min) == (float(info.max), float(info.min))
    assert known.epsilon == float(info.eps)
    assert known.smallest_normal == float(info.smallest_normal)
    if name != "e8m0":
        assert known.smallest == float(info.smallest_subnormal)
        assert (known.bits, known.exponent_bits, known.mantissa_bits) == (info.bits, info.iexp, info.nmant)


def test_bits_per_value_count_the_scale():
    asked = {
        "mxfp8_e4m3": 8.25,
        "mxfp6_e2m3": 6.25,
        "mxfp4": 4.25,
        "mxint8": 8.25,
        "nvfp4": 4.5,
        "float16": 16,
        "int4": 4,
    }
    assert {name: numerics.find(name).bits_per_value for name in asked} == asked


def test_block_formats_list_their_elements_values():
    assert (numerics.values("mxfp4") == numerics.values("float4_e2m1")).all()
    assert len(numerics.values("mxint8")) == 255 and numerics.values("mxint8")[-1] == 1 + 63 / 64
    assert numerics.find("MXFP8").name == "mxfp8_e4m3" and numerics.find("MXFP6").name == "mxfp6_e2m3"


def test_what_cannot_be_is_refused():
    with pytest.raises(UsageError, match="too many values"):
        numerics.values("float32")
    with pytest.raises(UsageError, match="0 to 15"):
        formats.decode([16], "int4")
    with pytest.raises(UsageError, match="not among the values"):
        formats.encode([0.3], "float8_e5m2")
    with pytest.raises(UsageError, match="not among the values"):
        formats.encode([0.0], "e8m0")
    with pytest.raises(UsageError, match="shares its scale"):
        formats.decode([0], "mxfp4")
    assert formats.decode(np.zeros((0, 2), int), "int8").shape == (0, 2)


def test_bits_are_those_of_the_reference():
    names = [name for name in ref.SINGLE if name not in ref.INTEGERS]
    for number in (0.1, -2.5, 0.0, -0.0, 1e-6, 65504.0, 1e9, math.inf):
        for name in names:
            row = numerics.bits(number, name)
            with np.errstate(all="ignore"):
                stored = np.array(number, np.float32).astype(ref.dtype(name))
            want = f"{int(stored.view(f'u{stored.itemsize}')):0{8 * stored.itemsize}b}"[-numerics.find(name).bits :]
            if not np.isnan(float(row["value"])):
                assert row["sign"] + row["exponent"] + row["mantissa"] == want
    assert numerics.bits(0.1, "float16")["exponent"] == "01011"
    assert numerics.bits(-3, "int4") == {
        "format": "int4",
        "sign": "",
        "exponent": "",
        "mantissa": "1101",
        "value": "-3",
        "relative error": "0",
    }
    assert numerics.bits(0.1, "int8")["relative error"] == "1" and numerics.bits(0, "int8")["relative error"] == "–"
    assert numerics.bits(1.4, "int8", "up")["value"] == "2"


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float8_e4m3fn", "float4_e2m1", "e8m0"])
def test_midpoints_lie_between_neighbours_with_the_next_float32_on_both_sides(name):
    values = numerics.values(name).astype(np.float64)
    middle, below, above = numerics.midpoints(name).astype(np.float64).reshape(-1, 3).T
    assert (middle == (values[1:] + values[:-1]) / 2).all()
    assert (below < middle).all() and (middle < above).all()
    rounded = numerics.cast(np.stack([below, above]), name).astype(np.float64)
    positive = middle > 0
    assert (rounded[0] == values[:-1])[positive].all() and (rounded[1] == values[1:])[positive].all()
