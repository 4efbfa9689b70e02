"""Quantization by ONNX's rules, against plain Python, NumPy's casts and closed forms."""

from __future__ import annotations

import ml_dtypes  # noqa: F401 – gives NumPy the narrow types by name
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from labkit.base.errors import UsageError
from labkit.methods.quantize import (
    TYPES,
    affine_parameters,
    dequantize,
    fake_quantize,
    levels,
    quantize,
    quantize_in_groups,
    sqnr_db,
    weight_scales,
)

reals = st.floats(-1e6, 1e6, width=32)
arrays = hnp.arrays(np.float32, hnp.array_shapes(max_dims=3, max_side=5), elements=reals)


@given(reals, reals, st.integers(2, 16), st.booleans(), st.booleans())
def test_zero_is_exact_and_the_range_covered(a, b, bits, signed, symmetric):
    low, high = min(a, b), max(a, b)
    scale, zero_point = affine_parameters(low, high, bits, signed, symmetric)
    q_low, q_high = levels(bits, signed, symmetric)
    assert q_low <= zero_point <= q_high and scale == np.float32(scale) > 0
    assert dequantize(np.array(zero_point), scale, zero_point) == 0
    ends = [(q - zero_point) * scale for q in (q_low, q_high)]
    slack = 0.5 * scale * (1 + 1e-3) + 1e-30
    assert ends[0] <= min(low, 0) + slack and ends[1] >= max(high, 0) - slack
    if symmetric:
        assert ends[0] == -ends[1]


@given(arrays, st.floats(2**-10, 2**10, width=32), st.integers(-8, 7), st.sampled_from(sorted(set(TYPES) - {"int2"})))
def test_quantize_is_onnx_s_formula_number_by_number(x, scale, zero_point, dtype):
    low, high, held = TYPES[dtype]
    zero_point = min(max(zero_point, low), high)
    result = quantize(x, scale, zero_point, dtype)
    # Python's round goes to even on a tie, as ONNX wants.
    expected = [min(max(round(float(np.float32(v) / np.float32(scale))) + zero_point, low), high) for v in x.flat]
    assert result.dtype == held and result.shape == x.shape
    assert result.ravel().tolist() == expected
    back = dequantize(result, scale, zero_point)
    assert back.dtype == np.float32
    inside = (result > low) & (result < high)
    assert (np.abs(back - x)[inside] <= 0.5 * scale * (1 + 1e-4) + 1e-6 * np.abs(x[inside])).all()


def test_ties_infinities_and_known_values():
    ties = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 200, -200, np.inf, -np.inf])
    assert quantize(ties, 1.0, 0).tolist() == [0, 2, 2, 0, -2, 127, -128, 127, -128]
    assert quantize(ties, 1.0, 128, "uint8").tolist()[-4:] == [255, 0, 255, 0]
    assert quantize(np.array([1e30, -1e30]), 1e-20, 0, "int32").tolist() == [2**31 - 1, -(2**31)]
    assert affine_parameters(-1, 1) == (pytest.approx(2 / 255), 0)
    assert affine_parameters(0, 2.55, signed=False) == (pytest.approx(0.01), 0)
    assert affine_parameters(-3, 1, symmetric=True) == (pytest.approx(3 / 127), 0)
    assert affine_parameters(-3, 1, signed=False, symmetric=True) == (pytest.approx(3 / 127), 128)
    assert affine_parameters(5, 6) == affine_parameters(0, 6), "widened to hold zero"


@given(arrays.filter(lambda x: x.ndim > 1), st.data())
def test_a_channel_at_a_time_is_the_whole_with_an_axis(x, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    whole = fake_quantize(x, 4, axis=axis)
    scales = weight_scales(x, 4, axis)
    assert scales.dtype == np.float32 and scales.shape == (x.shape[axis],)
    for i in range(x.shape[axis]):
        channel = np.take(x, i, axis)
        np.testing.assert_array_equal(np.take(whole, i, axis), fake_quantize(channel, 4))
        assert scales[i] == np.float32(weight_scales(channel, 4))


@given(arrays, st.integers(2, 12), st.booleans())
def test_fake_quantize_errs_by_half_a_step_and_settles(x, bits, symmetric):
    y = fake_quantize(x, bits, symmetric=symmetric)
    assert y.shape == x.shape and y.dtype == np.float32 and len(np.unique(y)) <= 2**bits
    scale, _ = affine_parameters(x.min(), x.max(), bits, symmetric=symmetric)
    assert (np.abs(y - x) <= scale * (1 if not symmetric else 0.5) * (1 + 1e-3)).all()
    np.testing.assert_array_equal(y[x == 0], 0)


def test_degenerate_arrays():
    assert fake_quantize(np.empty((0, 3))).shape == (0, 3)
    assert quantize(np.empty((2, 0)), 1.0, 0).shape == (2, 0)
    for constant in (0.0, 0.7, -3.0):
        np.testing.assert_allclose(fake_quantize(np.full(5, constant), symmetric=False), constant, rtol=1e-6)
    assert affine_parameters(0, 0) == (1.0, -128) and affine_parameters(0, 0, symmetric=True) == (1.0, 0)
    assert affine_parameters(0, 1e-44)[0] == np.finfo(np.float32).tiny
    assert weight_scales(np.zeros((2, 3)), axis=1).tolist() == [1, 1, 1]
    clipped = fake_quantize(np.array([-9.0, 0.2, 9.0]), 3, low=-1, high=1)
    np.testing.assert_allclose(clipped, [-1, 1 / 3, 1], rtol=1e-6)


def test_the_noise_falls_six_db_a_bit():
    x = np.random.default_rng(0).uniform(-1, 1, 200_000)
    for bits in (4, 6, 8):
        assert sqnr_db(x, fake_quantize(x, bits)) == pytest.approx(20 * np.log10(2**bits - 2), abs=0.1)
    assert sqnr_db(x, x) == np.inf and sqnr_db(np.zeros(2), np.ones(2)) == -np.inf and sqnr_db(np.zeros(2), np.zeros(2))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: affine_parameters(np.nan, 1), "not finite"),
        (lambda: affine_parameters(0, np.inf), "not finite"),
        (lambda: affine_parameters(0, 1e300), "wider than float32"),
        (lambda: affine_parameters(1, -1), "low above high"),
        (lambda: affine_parameters(0, 1, bits=1), "bits is 1"),
        (lambda: affine_parameters(0, 1, bits=8.0), "bits is 8.0"),
        (lambda: quantize(np.array([np.nan]), 1.0, 0), "x holds NaN"),
        (lambda: quantize(np.ones(2), 0.0, 0), "above 0"),
        (lambda: quantize(np.ones(2), np.nan, 0), "above 0"),
        (lambda: quantize(np.ones(2), 1.0, 128), "-128 to 127"),
        (lambda: quantize(np.ones(2), 1.0, 0.5), "must hold whole numbers"),
        (lambda: quantize(np.ones(2), 1.0, 0, "int7"), "did you mean int"),
        (lambda: quantize(np.ones((2, 3)), np.ones(2), 0), "axis="),
        (lambda: quantize(np.ones((2, 3)), np.ones(2), 0, axis=1), r"\(3,\) along axis 1"),
        (lambda: quantize(np.ones((2, 3)), 1.0, 0, axis=2), "has 2 axes"),
        (lambda: dequantize(np.ones(2), 1.0), "quantize first"),
        (lambda: fake_quantize(np.array([1, np.inf])), "not finite"),
        (lambda: fake_quantize(np.array([np.nan])), "not finite"),
        (lambda: weight_scales(np.empty((0, 2))), "no weights"),
        (lambda: sqnr_db(np.ones(2), np.ones(3)), "one shape"),
        (lambda: sqnr_db(np.ones(0), np.ones(0)), "at least one value"),
        (lambda: sqnr_db(np.ones(1), np.array([np.nan])), "finite"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, words):
    with pytest.raises(UsageError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


@given(arrays.filter(lambda x: x.ndim > 0 and x.size), st.integers(1, 7), st.data())
def test_a_group_is_quantized_as_if_alone(x, group, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    whole = fake_quantize(x, 4, axis=axis, group=group)
    lines = np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])
    results = np.moveaxis(whole, axis, -1).reshape(-1, x.shape[axis])
    for line, result in zip(lines, results, strict=True):
        for start in range(0, len(line), group):
            part = slice(start, start + group)
            np.testing.assert_array_equal(result[part], fake_quantize(line[part], 4))
    np.testing.assert_array_equal(fake_quantize(x, 4, group=group), fake_quantize(x, 4, axis=-1, group=group))


def test_groups_with_a_given_range_and_what_is_not_finite():
    x = np.array([[1.0, -1.0, 100.0, np.inf, -np.inf]])
    for how in ({}, {"axis": 1}, {"group": 2}):
        assert fake_quantize(x, 8, low=-127, high=127, **how).tolist() == [[1, -1, 100, 127, -127]]
        with pytest.raises(UsageError, match="not finite"):
            fake_quantize(x, 8, **how)
        with pytest.raises(UsageError, match="holds NaN"):
            fake_quantize(np.array([[np.nan]]), 8, low=-1, high=1, **how)
        assert fake_quantize(np.empty((3, 0)), 8, **how).shape == (3, 0)
        np.testing.assert_allclose(fake_quantize(np.full((2, 5), -0.3), 4, symmetric=False, **how), -0.3, rtol=1e-6)
    for bad in (0, -1, 1.5, True):
        with pytest.raises(UsageError, match=f"group is {bad}"):
            fake_quantize(np.ones((2, 4)), group=bad)
    with pytest.raises(UsageError, match="has 2 axes"):
        fake_quantize(np.ones((2, 4)), axis=2, group=2)
    with pytest.raises(UsageError, match=r"one a group: \(2, 2\)"):
        quantize(np.ones((2, 4)), np.ones(2), 0, axis=1, group=2)
    assert quantize(np.ones((2, 3)), np.array([[1.0, 0.5]] * 2), 0, group=2).tolist() == [[1, 1, 2]] * 2


def test_groups_with_float32_scales_are_those_of_fake_quantize():
    x = np.random.default_rng(1).normal(size=(3, 50)).astype("float32")
    np.testing.assert_array_equal(quantize_in_groups(x, 4, 16, "float32"), fake_quantize(x, 4, group=16))


@pytest.mark.parametrize("scale_format", ["float16", "float8_e4m3fn", "e8m0"])
def test_group_scales_have_the_format_in_which_they_are_stored(scale_format):
    x = np.random.default_rng(2).normal(size=(4, 64)).astype("float32")
    result = quantize_in_groups(x, 4, 32, scale_format)
    scales = np.abs(x).reshape(-1, 32).max(axis=1) / np.float32(7)
    top = np.float32(scales.max() / 448) if scale_format == "float8_e4m3fn" else np.float32(1)
    stored = top * (scales / top).astype({"e8m0": "float8_e8m0fnu"}.get(scale_format, scale_format))
    codes = np.clip(np.rint(x.reshape(-1, 32) / stored[:, None]), -7, 7)
    np.testing.assert_allclose(result.reshape(-1, 32), codes * stored[:, None], rtol=1e-6)


def test_factors_clip_for_the_least_error_and_never_lose():
    x = np.random.default_rng(3).normal(size=(1, 4096)).astype("float32")
    whole, clipped = (quantize_in_groups(x, 4, 4096, "float32", factors) for factors in ((1.0,), (0.5, 0.7, 1.0)))
    assert sqnr_db(x, clipped) > sqnr_db(x, whole) + 1
    assert np.abs(clipped).max() < np.abs(x).max()


def test_groups_of_zeros_stay_zero_and_bad_arguments_are_refused():
    x = np.array([[0.0, 0.0, 1.0, 2.0]], "float32")
    for scale_format in ("float32", "float16", "float8_e4m3fn", "e8m0"):
        assert quantize_in_groups(x, 4, 2, scale_format)[0, :2].tolist() == [0, 0]
    assert quantize_in_groups(np.empty((2, 0)), 4, 2).shape == (2, 0)
    for wrong in ({"factors": ()}, {"factors": (0.0,)}, {"group": 0}, {"scale_format": "float17"}, {"bits": 1}):
        with pytest.raises(UsageError):
            quantize_in_groups(x, **{"bits": 4, "group": 2} | wrong)
    with pytest.raises(UsageError, match="NaN"):
        quantize_in_groups(np.array([np.nan, 1.0]), 4, 2)
