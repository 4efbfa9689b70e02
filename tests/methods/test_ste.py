"""Gradients through rounding: against quadrature, finite differences, closed forms and a grid search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from labkit.base.errors import UsageError
from labkit.methods import ste
from labkit.methods.quantize import fake_quantize

steps = st.floats(1e-3, 1e3)
ends = st.sampled_from([(-1, 1), (-7, 7), (-8, 7), (0, 15), (-127, 127)])
RNG = np.random.default_rng(0)


def test_the_staircase_is_that_of_fake_quantize():
    x = RNG.normal(size=500).astype("float32")
    step = float(np.abs(x).max()) / 7
    np.testing.assert_allclose(ste.quantized(x, step, -7, 7), fake_quantize(x, 4), atol=1e-6)


@given(steps, ends)
def test_the_mean_over_a_step_is_the_clipped_line(step, limits):
    x = step * np.linspace(limits[0] - 3, limits[1] + 3, 997)
    line = np.clip(x, step * limits[0], step * limits[1])
    np.testing.assert_allclose(ste.smoothed(x, step, *limits), line, rtol=1e-9, atol=1e-9 * step)


@pytest.mark.parametrize("x", [-1.3, -0.74, -0.31, 0.0, 0.12, 0.62, 0.75, 2.0])
def test_the_mean_is_that_of_a_quadrature(x):
    step, edges = 0.25, 0.25 * (np.arange(-9, 9) + 0.5)
    low, high = x - step / 2, x + step / 2
    inside = [edge for edge in edges if low < edge < high] or None
    area, _ = integrate.quad(lambda t: float(ste.quantized(t, step, -3, 3)), low, high, points=inside)
    assert float(ste.smoothed(x, step, -3, 3)) == pytest.approx(area / step, abs=1e-9)


@given(steps, ends)
def test_the_estimator_is_the_slope_of_the_mean(step, limits):
    v = RNG.uniform(limits[0] - 2, limits[1] + 2, 400)
    h = 1e-4
    v = v[(np.abs(v - limits[0]) > h) & (np.abs(v - limits[1]) > h)]
    slope = (ste.smoothed((v + h) * step, step, *limits) - ste.smoothed((v - h) * step, step, *limits)) / (2 * h * step)
    upstream = RNG.normal(size=len(v))
    np.testing.assert_allclose(ste.input_gradient(upstream, v * step, step, *limits), upstream * slope, atol=1e-6)


def test_the_ends_belong_to_the_range():
    assert ste.input_gradient(np.ones(4), np.array([-3.5, -3.51, 3.5, 3.51]), 0.5, -7, 7).tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize("limits", [(-1, 1), (-7, 7), (-8, 7), (0, 15)])
def test_the_slope_of_the_step_holds_the_rounding_error_fixed(limits):
    """Finite differences of step · (clip(x / step) + the error that rounding made), as LSQ's derivation has it."""
    step, h = 0.13, 1e-6
    x = RNG.normal(0, 1.5, 300)
    x = x[np.min(np.abs(x[:, None] / step - np.array(limits)), axis=1) > 1e-3]
    inside = np.clip(x / step, *limits)
    residual = np.rint(inside) - inside

    def held(s):
        return s * (np.clip(x / s, *limits) + residual)

    upstream = RNG.normal(size=len(x))
    expected = float(np.sum(upstream * (held(step + h) - held(step - h)) / (2 * h)))
    assert ste.step_gradient(upstream, x, step, *limits) == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_the_gradient_scale_is_the_papers():
    x, upstream = RNG.normal(size=100), RNG.normal(size=100)
    plain = ste.step_gradient(upstream, x, 0.2, -7, 7)
    assert ste.step_gradient(upstream, x, 0.2, -7, 7, normalized=True) == pytest.approx(plain / np.sqrt(700))


@pytest.mark.parametrize(("bits", "worse"), [(2, 1.03), (3, 1.01), (4, 1.01), (6, 1.01), (8, 1.05)])
@pytest.mark.parametrize("start", ["the paper's", "largest over high"])
def test_the_learned_step_has_nearly_the_least_error(bits, worse, start):
    """Against a search over 600 steps. Holding the rounding error fixed is an approximation, best with many levels and
    many clipped values: the bounds allow what it costs at two bits (few levels) and at eight (few clipped)."""
    x, high = RNG.normal(size=8000), 2 ** (bits - 1) - 1
    widest = np.abs(x).max() / high
    first = ste.first_step(x, bits) if start == "the paper's" else widest
    path = ste.learn_step(x, bits, first, updates=120)
    tried = [np.mean((ste.quantized(x, s, -high, high) - x) ** 2) for s in np.geomspace(widest / 6, 1.2 * widest, 600)]
    reached = np.mean((ste.quantized(x, path[-1], -high, high) - x) ** 2)
    assert len(path) == 121 and min(path) > 0 and reached <= worse * min(tried)


def test_degenerate_arrays():
    assert ste.step_gradient(np.zeros(0), np.zeros(0), 0.1, -7, 7, normalized=True) == 0.0
    assert ste.input_gradient(np.zeros((0, 3)), np.zeros((0, 3)), 0.1, -7, 7).shape == (0, 3)
    assert ste.first_step(np.zeros(5), 4) == 1.0
    assert ste.first_step(np.full(3, -2.0), 2) == 4.0
    assert ste.learn_step(np.zeros(4), 4, 1.0, updates=3) == [1.0, 1.0, 1.0, 1.0]
    infinite = ste.quantized(np.array([np.inf, -np.inf]), 0.5, -7, 7)
    assert infinite.tolist() == [3.5, -3.5]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ste.quantized(np.zeros(2), 0.0, -7, 7), "step is 0.0"),
        (lambda: ste.quantized(np.zeros(2), float("nan"), -7, 7), "step is nan"),
        (lambda: ste.quantized(np.zeros(2), 1.0, 7, 7), "low must be below"),
        (lambda: ste.quantized(np.array([np.nan]), 1.0, -7, 7), "NaN"),
        (lambda: ste.input_gradient(np.zeros(3), np.zeros(2), 1.0, -7, 7), "one gradient for each"),
        (lambda: ste.first_step(np.zeros(0), 4), "one or more weights"),
        (lambda: ste.first_step(np.array([np.inf]), 4), "finite"),
        (lambda: ste.first_step(np.ones(2), 1), "bits"),
        (lambda: ste.learn_step(np.ones(2), 4, 1.0, rate=0.0), "rate above 0"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, words):
    with pytest.raises(UsageError, match=words) as caught:
        call()
    assert str(caught.value).endswith(".") and ". " not in str(caught.value)
