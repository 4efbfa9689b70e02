# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   labkit:
#     title: Rounding
#     question: "Nearest, stochastic, chaotic: which error is harmless?"
#     minutes: 50
#     budget_s: {fast: 15, full: 30}
#     needs: [20]
#     objectives:
#       - compute the bias and the variance of a rounding rule from its probability of rounding up
#       - explain why thresholds from the logistic map give a bias, and why their orbits can end at zero
#       - predict from closed forms where a low-precision sum and gradient descent stop
#       - choose a rounding rule by what happens to its error afterwards
#     routes: {numbers: 2}
#     terms:
#       arcsine law:
#         text: "The distribution of the orbits of the logistic map, which are most often near 0 and 1: a value is below
#           f with probability (2/π)·arcsin √f."
#         zh: 反正弦律
#         note: density 1/(π√(u(1 − u)))
#       bfloat16:
#         text: "A float with the exponent bits of float32 and seven bits of mantissa: the same range, coarser steps."
#         zh: 脑浮点数 bfloat16
#         note: 16 bits
#       learning rate:
#         text: The factor by which a training step multiplies the gradient.
#         zh: 学习率
#         note: symbol η
#       logistic map:
#         text: The best-known chaotic map of the interval from 0 to 1; the course reads the article's "chaotic
#           quantization" (混沌量化) as rounding with its orbits.
#         zh: 逻辑斯谛映射
#         note: u → 4u(1 − u)
#       quantization step:
#         text: The distance between two neighbouring values that can be represented; equal to the scale.
#         zh: 量化步长
#         note: symbol Δ
#       rounding:
#         text: Replacing a number by one that can be represented; here by the nearest, and by the even one of two that
#           are equally near.
#         zh: 舍入
#       stochastic rounding:
#         text: Rounding up with a probability equal to the fraction, so that the rounded value is right on average.
#         zh: 随机舍入
#       tent map:
#         text: "The chaotic map that doubles a number and folds it back at 1: its orbits are uniform in theory, and end
#           at zero in binary arithmetic."
#         zh: 帐篷映射
#         note: t → min(2t, 2 − 2t)
#       ulp:
#         text: The distance between neighbouring floating-point numbers, which doubles at each power of two.
#         zh: 末位单位
#         note: unit in the last place
# ---

# %% [markdown]
# # 21 · Rounding
#
# Nearest, stochastic, chaotic: which error is harmless?
#
# We round the same numbers with several rules and follow the errors: once, in sums, and in gradient descent. The module
# `methods.dither` of `labkit` has the rules and their closed forms.

# %%
import math

from labkit import by_profile, methods, start

import matplotlib.pyplot as plt
import ml_dtypes
import numpy as np

# %% tags=["parameters"]
step: float = 0.25  # distance between two levels; 0.001 to 1000
draws: int = by_profile(400000, 40000)  # thresholds of each kind; 10000 to 1000000
term: float = 0.01  # what is added again and again; 0.001 to 0.1
terms: int = by_profile(10000, 3000)  # how many times it is added; 1000 to 20000
runs: int = by_profile(500, 50)  # sums, each with its own thresholds; 20 to 1000
learning_rate: float = 0.02  # of gradient descent, per step; 0.01 to 0.2
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("21", seed=seed)
dither = methods.dither
small = float(ml_dtypes.bfloat16(term))
true_sum = terms * small
f"{term} in bfloat16 is {small:.7f}; the true sum is {true_sum:.2f}"

# %% [markdown]
# ## Predict
#
# [bfloat16](../docs/glossary.md#bfloat16) has the exponent bits of float32 and eight significant bits. We add the small
# number above to a running sum many times. After each addition we round the sum to the nearest bfloat16.

# %%
my_guess = None
options = ["less than 10 %", "10 % to 50 %", "50 % to 90 %", "more than 90 %"]
question = f"Which share of the true sum do {terms:,} additions of {small:.7f} give?"
lab.predict("21.p", question, options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# A value is $x = (k + f)\,\Delta$, with an integer $k$, a fraction $f$, and the
# [step](../docs/glossary.md#quantization-step) $\Delta$ between two levels. We [round](../docs/glossary.md#rounding) up
# when a *threshold* $u$ is below $f$. For 3.3 and $\Delta = 1$, thresholds below 0.3 give 4, and others give 3. If $p$
# is the probability of rounding up, then
#
# $$ \text{bias} = \Delta\,(p - f), \qquad \text{variance} = \Delta^2\,p\,(1 - p). $$
#
# **Nearest** has $u = \tfrac12$. (At $f = \tfrac12$, libraries take the even neighbour.) Its squared error, averaged
# over all fractions, is $\Delta^2/12$, the smallest possible. All of it is bias, because a value always gets the same
# error.
#
# [**Stochastic**](../docs/glossary.md#stochastic-rounding) draws $u$ uniformly, so $p = f$. There is no bias. The
# variance is $\Delta^2/6$ on average.
#
# **Chaotic** rounding is not a standard term. The Chinese article that this course grew from names "chaotic quantization"
# (混沌量化). We read it literally: the threshold follows a chaotic orbit, that of the
# [logistic map](../docs/glossary.md#logistic-map) $u \to 4u(1-u)$. With $u = \sin^2(\pi t/2)$, one step doubles $t$ and
# folds it back at 1. This [tent map](../docs/glossary.md#tent-map) leaves a uniform spread uniform, and almost every
# start fills it uniformly. So $t$ is uniform and $u$ is not:
#
# $$ p = P(u < f) = \tfrac{2}{\pi}\arcsin\sqrt f \neq f $$
#
# This is the [arcsine law](../docs/glossary.md#arcsine-law). We compute one orbit and compare its histogram with the law.

# %%
orbit = dither.logistic_map(0.3, draws)
orbit[:6].round(3)

# %% tags=["hide-input"]
colours = dict(zip(dither.RULES, ("C0", "C1", "C2", "C3"), strict=True))
grid = np.linspace(0, 1, 400)[1:-1]
figure, axes = plt.subplots()
axes.hist(orbit, bins=80, density=True, color=lab.colour("fill"))
axes.plot(grid, 1 / (np.pi * np.sqrt(grid * (1 - grid))), color=colours["logistic"])
axes.text(0.07, 2.2, "arcsine law; grey: one orbit", color=colours["logistic"])
axes.axhline(1, color=colours["stochastic"])
axes.text(0.5, 1.1, "stochastic rounding", color=colours["stochastic"], ha="center")
axes.set(xlabel="threshold u", ylabel="density of thresholds", ylim=(0, 5))
alt = "Grey bars of one orbit follow a U-shaped curve: high at both ends, low between."
lab.show(figure, alt=alt)

# %% [markdown]
# ## By hand
#
# The bars follow the law: an orbit is often near 0 and 1. What does this do to a rounded value? We take four values
# between two levels and average their errors over 20,000 thresholds of each kind.

# %%
x = np.array([0.05, 0.3, 0.5, 0.8])
u, chaotic = 0.3, []
for _ in range(20000):
    chaotic.append(u)
    u = 4 * u * (1 - u)
thresholds = {"nearest": [0.5], "logistic": chaotic}
thresholds["stochastic"] = lab.rng.random(20000)
mean_error = {}
for rule, drawn in thresholds.items():
    rounded = (np.array(drawn)[:, None] < x).astype(float)
    mean_error[rule] = (rounded - x).mean(axis=0)

# %% tags=["hide-input"]
rows = []
for rule, errors in mean_error.items():
    texts = [f"{error:+.4f}" for error in errors]
    columns = [f"x = {value}" for value in x]
    rows.append({"rounding": rule} | dict(zip(columns, texts, strict=True)))
lab.table(rows, caption="Mean error in steps")
lab.say(f"""Nearest makes the same error each time. The errors of stochastic rounding
are zero on average; the standard error of these means is at most
{0.5 / math.sqrt(20000):.4f}. The logistic map rounds small fractions up too often, and
large ones too rarely, as the law says.""")

# %% [markdown]
# ## With the library
#
# `ml_dtypes` adds bfloat16 to NumPy and rounds each sum to nearest. Our `numerics.cast(x, "bfloat16")` should give the
# same sum. With `rounding="stochastic"` it can also do what `ml_dtypes` cannot. The third sum below is compensated (Kahan
# 1965). It also rounds to nearest, but keeps the lost part of each addition in a second variable.

# %%
bfloat16 = ml_dtypes.bfloat16
library_sum = compensated = lost = bfloat16(0)
our_sum = np.float32(0)
for _ in range(terms):
    library_sum = library_sum + bfloat16(small)
    our_sum = methods.numerics.cast(our_sum + small, "bfloat16")
    increment = bfloat16(small) - lost
    new_sum = compensated + increment
    lost = (new_sum - compensated) - increment
    compensated = new_sum
difference = float(our_sum) - float(library_sum)
always = {"holds": "always"}
text = "Our bfloat16 sum equals the one computed by ml_dtypes"
lab.claim("21.hand-sum", text, difference, equals=0, label="difference", **always)
float(library_sum), float(compensated), true_sum

# %% [markdown]
# ## Your turn

# %% [markdown]
# ### 21.1 Round by a threshold ★☆☆ · 10 minutes
#
# Each value lies between two multiples of the step. The *fraction* is its distance from the lower one, in steps. Round
# up if the threshold is strictly below the fraction, and down otherwise. So a multiple of the step never changes. For a
# negative value, too, the fraction is counted from the lower multiple: −0.3 lies 0.7 steps above −1.


# %%
def dithered(x: np.ndarray, step: float, thresholds: np.ndarray) -> np.ndarray:
    """Return x rounded to multiples of step.

    thresholds has the shape of x, with values from 0 to below 1.
    """
    ### BEGIN SOLUTION
    scaled = x / step
    below = np.floor(scaled)
    fraction = scaled - below
    return step * (below + (thresholds < fraction))
    ### END SOLUTION


dithered = lab.check("21.1", dithered)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Divide by the step first. `np.floor` returns the lower multiple, for negative values too.
# </details>
# <details><summary>Hint 2</summary>
#
# A comparison counts as 0 or 1, so you can add it: `below + (thresholds < fraction)`. Multiply the result by the step.
# </details>

# %% [markdown]
# ### 21.2 The errors of the logistic map ★★☆ · 10 minutes
#
# Suppose that the thresholds follow the logistic map. Compute the bias and the variance of the rounded value from the
# formulas under *Idea*. The bias is in the unit of the step, the variance in its square. A fraction of 0, ½ or 1 has no
# bias.


# %%
def logistic_errors(fraction: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the bias and the variance for each fraction (0 to 1)."""
    ### BEGIN SOLUTION
    p = 2 / np.pi * np.arcsin(np.sqrt(fraction))
    return step * (p - fraction), step**2 * p * (1 - p)
    ### END SOLUTION


logistic_errors = lab.check("21.2", logistic_errors)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# First compute p, the probability of rounding up: the arcsine law at the fraction. Then use the two formulas under
# *Idea*.
# </details>
# <details><summary>Hint 2</summary>
#
# The rounded value is a constant plus one step with probability p. A variable that is 1 with probability p has the mean
# p and the variance p(1 − p). A factor of one step enters the variance squared.
# </details>

# %% [markdown]
# ### 21.3 Where a sum stalls ★★☆ · 10 minutes
#
# We add the same term again and again, in a format with $P$ significant bits that rounds to nearest. From $2^e$ to
# $2^{e+1}$ the format's step is $2^{e+1-P}$, one [ulp](../docs/glossary.md#ulp). A term of half a step or less is lost.
# (In a tie, the even neighbour is the old sum.) Below that, each addition still moves the sum by at least one step. At
# which power of two does the sum stall?


# %%
def stalls_at(term: float, precision: int) -> float:
    """Return the power of two at which a sum of equal positive terms stalls.

    precision is the number of significant bits, the leading one included.
    """
    ### BEGIN SOLUTION
    fraction, exponent = np.frexp(term)
    if fraction == 0.5:
        exponent -= 1
    return 2.0 ** (int(exponent) + precision)
    ### END SOLUTION


stalls_at = lab.check("21.3", stalls_at)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The sum stalls at the first $2^e$ whose half step, $2^{e-P}$, is at least as large as the term.
# </details>
# <details><summary>Hint 2</summary>
#
# Take logarithms: $e \ge \log_2(\text{term}) + P$, so $e$ is the right side rounded up. `np.log2` rounds, and is wrong
# for a term just above a power of two. `np.frexp(term)` is exact: it returns $f$ and $k$ with term $= f \cdot 2^k$ and
# $0.5 \le f < 1$. The logarithm, rounded up, is $k$, or $k - 1$ if $f$ is exactly 0.5.
# </details>

# %% [markdown]
# ## Evidence
#
# ### One rounding
#
# We add a fourth rule, the *conjugated* map. It takes the logistic orbit $u$ and undoes the substitution:
# $t = \tfrac2\pi\arcsin\sqrt u$ is uniform. We round random values with each rule, and then a fixed fraction many
# times.

# %%
thresholds = {"nearest": np.full(draws, 0.5), "stochastic": lab.rng.random(draws)}
thresholds |= {"logistic": orbit, "conjugated": dither.conjugate(orbit)}
values = step * lab.rng.random(draws)
fractions = np.arange(1, 20) / 20 + 0.005
squares, bias = {}, {}
for rule, u in thresholds.items():
    squares[rule] = ((dithered(values, step, u) - values) / step) ** 2
    means = [dithered(step * f, step, u).mean() / step for f in fractions]
    bias[rule] = np.array(means) - fractions

# %%
square_deviations, bias_deviations = {}, {}
for rule in dither.RULES:
    block_means = squares[rule][: draws // 200 * 200].reshape(200, -1).mean(axis=1)
    theory = sum(dither.average(rule))
    square_deviations[rule] = dither.in_standard_errors(block_means, theory)
    variance = dither.variance(fractions, rule) / draws
    if rule in ("logistic", "conjugated"):
        variance = variance * dither.inflation(dither.chance_up(fractions, rule), draws)
    difference = np.abs(bias[rule] - dither.bias(fractions, rule))
    bias_deviations[rule] = np.max(difference / (np.sqrt(variance) + 1e-9))

# %% tags=["hide-input"]
rows = []
for rule in dither.RULES:
    squared_bias, variance = dither.average(rule)
    row = {"rounding": rule, "squared bias": f"{squared_bias:.5f}"}
    row |= {"variance": f"{variance:.5f}", "sum": f"{squared_bias + variance:.5f}"}
    rows.append(row | {"squared error, measured": f"{squares[rule].mean():.5f}"})
caption = "Steps², over all fractions: three closed forms, and the measured error"
lab.table(rows, caption=caption)
label = "largest deviation in standard errors"
text = "The squared errors of all four rules equal their closed forms"
value = max(square_deviations.values())
lab.claim("21.squared-error", text, value, at_most=5, label=label, **always)
text = "The biases of all four rules equal their closed forms"
value = max(bias_deviations.values())
lab.claim("21.bias", text, value, at_most=5, label=label, **always)
figure, axes = plt.subplots()
places = {"nearest": (0.36, -0.27), "logistic": (0.13, 0.155)}
places |= {"stochastic": (0.8, 0.06), "conjugated": (0.3, -0.06)}
for rule, (at, height) in places.items():
    axes.plot(grid, dither.bias(grid, rule), color=colours[rule])
    marker = "x" if rule == "conjugated" else "o"
    axes.plot(fractions, bias[rule], marker, markersize=4, color=colours[rule])
    axes.text(at, height, rule, color=colours[rule], ha="center", va="center")
axes.set(xlabel="fraction f, in steps", ylabel="bias, in steps", ylim=(-0.55, 0.55))
lab.say("""Nearest has the smallest squared error, and all of it is bias. The logistic
map has the largest, and unlike stochastic rounding a bias. The next figure shows the
bias for each fraction: lines are closed forms, and dots are measured.""")
alt = "Bias by fraction: nearest a sawtooth, logistic a flat S, the other two zero."
lab.show(figure, alt=alt)

# %% [markdown]
# The conjugated map is as unbiased as stochastic rounding. But its errors have a memory. In theory, two successive
# values with the same $p$ both round up when $t < p$ and the next $t$ is also below $p$. The covariance of their errors
# is therefore
#
# $$ \operatorname{cov} = \frac p2 + \max\left(0, \frac{3p}{2} - 1\right) - p^2. $$
#
# We measure it on 200 orbits, and also the variance of a mean of many roundings.

# %%
orbits = dither.chaotic(draws // 200, 200, lab.rng, "conjugated")
covariances, mean_variances = [], []
for f in fractions:
    errors = (orbits < f) - f
    covariances.append((errors[:-1] * errors[1:]).mean(axis=0))
    mean_variances.append(errors.mean(axis=0).var(ddof=1) * len(orbits))
own_variance = dither.variance(fractions, "conjugated")
inflation = np.array(mean_variances) / own_variance
expected_covariance = dither.covariance(fractions, 1)
off_covariance = dither.in_standard_errors(covariances, expected_covariance).max()
relative = inflation / dither.inflation(fractions, len(orbits)) - 1
off_variance = np.abs(relative).max() / math.sqrt(2 / (orbits.shape[1] - 1))

# %% tags=["hide-input"]
text = "Covariances of successive errors equal their closed form"
lab.claim("21.covariance", text, off_covariance, at_most=5, label=label, **always)
text = "The variance of a mean equals its closed form"
lab.claim("21.mean-variance", text, off_variance, at_most=5, label=label)
figure, panels = plt.subplots(1, 2, sharex=True)
curves = dither.covariance(grid, 1) / dither.variance(grid, "conjugated")
curves = (curves, dither.inflation(grid, len(orbits)))
dots = (np.mean(covariances, axis=1) / own_variance, inflation)
names = ("correlation of successive errors", "variance of a mean, × independent")
parts = zip(panels, curves, dots, names, (0, 1), strict=True)
for axes, curve, dot, name, level in parts:
    axes.plot(grid, curve, color=colours["conjugated"])
    axes.plot(fractions, dot, "o", markersize=4, color=colours["conjugated"])
    axes.axhline(level, color=colours["stochastic"])
    axes.text(0.99, level + 0.03, "stochastic", color=colours["stochastic"], ha="right")
    axes.text(0.36, curve[125], "conjugated", color=colours["conjugated"])
    axes.set(xlabel="fraction f, in steps", ylabel=name)
alt = "Errors of the conjugated map agree for small fractions and alternate near 0.8."
lab.show(figure, alt=alt)
best = int(np.argmin(curves[1]))
lab.say(f"""For small fractions, successive errors agree, and the variance of a mean is
up to {curves[1].max():.1f} times that of independent draws. At two thirds it is
{dither.inflation(2 / 3, len(orbits)):.2f} times, and at {grid[best]:.1f} only
{curves[1][best]:.2f} times. Averaged over all fractions, the covariances cancel.""")

# %% [markdown]
# ### Many different values
#
# What happens when errors are added? We round 1,000 normally distributed values once each, and add them up. The output
# is the root mean square error of the sum, in steps.

# %%
values = lab.rng.normal(size=(1000, runs))
rounded = {"nearest": dither.nearest(values, step)}
rounded["stochastic"] = dither.stochastic(values, step, lab.rng)
for rule in ("logistic", "conjugated"):
    u = dither.chaotic(1000, runs, lab.rng, rule)
    rounded[rule] = dither.dithered(values, step, u)
sum_error = {}
for rule, result in rounded.items():
    errors = (result - values).sum(axis=0) / step
    sum_error[rule] = math.sqrt(np.mean(errors**2))
sum_error

# %% tags=["hide-input"]
ratio = sum_error["nearest"] / sum_error["stochastic"]
text = "Summing different values, nearest has about √½ of the error of stochastic"
lab.claim("21.different-values", text, ratio, between=(0.58, 0.85), label="ratio")
lab.say("""Nearest is the best rule here. Its error has either sign, depending on the
fraction, so the errors of different values cancel, and each of them is smaller.

Now we add the *same* term again and again in bfloat16, as in the prediction. `follow`
repeats a change and rounds each result.""")

# %%
path_steps = np.unique(np.geomspace(1, terms, 100).astype(int))
sums = {}
for rule in dither.RULES:
    path = dither.follow(lambda s: s + small, np.zeros(runs), terms, rule, lab.rng)
    sums[rule] = path[path_steps - 1]
alive = {rule: path[-1][path[-1] < 20 * true_sum] for rule, path in sums.items()}
dead = len(dither.RULES) * runs - sum(len(last) for last in alive.values())
mean_deviations = []
for rule in ("stochastic", "conjugated"):
    mean_deviations.append(dither.in_standard_errors(alive[rule], true_sum))
variance_ratio = alive["conjugated"].var(ddof=1) / alive["stochastic"].var(ddof=1)
interval_factor = math.exp(1.96 * math.sqrt(4 / (runs - 1)))
compensated_error = abs(float(compensated) - true_sum)
beaten_share = np.mean(np.abs(alive["stochastic"] - true_sum) > compensated_error)

# %% tags=["hide-input"]
rows = []
for rule, last in alive.items():
    row = {"rounding": rule, "mean": f"{last.mean():.2f}"}
    row["median"] = f"{np.median(last):.2f}"
    rows.append(row | {"standard deviation": f"{last.std(ddof=1):.2f}"})
row = {"rounding": "nearest, compensated", "mean": f"{float(compensated):.2f}"}
rows.append(row | {"median": f"{float(compensated):.2f}", "standard deviation": "–"})
caption = f"{runs} sums of {terms:,} equal terms; the true sum is {true_sum:.2f}"
lab.table(rows, caption=caption)
text = "The nearest sum stops where exercise 21.3 says"
value = alive["nearest"].max()
expected = stalls_at(small, 8)
lab.claim("21.nearest-sum", text, value, equals=expected, label="sum", **always)
text = "Stochastic and conjugated sums are right on average"
value = np.max(mean_deviations)
lab.claim("21.stochastic-sum", text, value, at_most=5, label=label, **always)
text = "The logistic sums are several times the true sum"
value = {"value": np.median(alive["logistic"]) / true_sum, "unit": "×"}
lab.claim("21.logistic-sum", text, between=(5.8, 6.5), label="median", **value)
text = "The variance of conjugated sums is a multiple of that of stochastic ones"
value = {"value": variance_ratio, "unit": "×"}
lab.claim("21.conjugated-variance", text, between=(1.8, 4), label="ratio", **value)
text = "The compensated sum is closer to the true sum than most stochastic sums"
share = {"value": beaten_share, "unit": "%", "label": "share of them"}
lab.claim("21.compensated-sum", text, at_least=0.7, **share)
figure, panels = plt.subplots(1, 2, sharex=True)
for axes, limits in zip(panels, ((0, 7), (0.8, 1.2)), strict=True):
    for rule in dither.RULES[1::2] if limits[0] else dither.RULES:
        share = sums[rule] / (small * path_steps[:, None])
        axes.plot(path_steps, np.median(share, axis=1), color=colours[rule])
        low, high = np.percentile(share, [5, 95], axis=1)
        axes.fill_between(path_steps, low, high, color=colours[rule], alpha=0.2)
    axes.set(xscale="log", xlabel="terms added", ylim=limits)
panels[0].set(ylabel="running sum / true sum")
places = {"logistic": (0, terms / 4, 4.5), "nearest": (0, terms / 20, 0.3)}
places |= {"stochastic": (0, terms / 40, 1.4), "conjugated": (1, terms / 3, 1.13)}
for rule, (panel, at, height) in places.items():
    name = "stochastic, conjugated" if rule == "stochastic" else rule
    panels[panel].text(at, height, name, color=colours[rule], ha="right")
place = {"arrowprops": {"arrowstyle": "-", "color": "C1"}, "color": "C1", "ha": "right"}
panels[1].annotate("stochastic", (terms / 2, 0.94), (terms / 20, 0.87), **place)
alt = "Nearest falls to zero, logistic climbs, stochastic and conjugated stay near one."
lab.show(figure, alt=alt)
lab.say(f"""Lines are medians, and bands hold nine sums of ten. The right panel enlarges
two rules. Nearest stops when the term is at most half a step of the sum. The logistic
sums run away because the term is less than half a step of most sums, and small
fractions are rounded up too often. The conjugated sums are right on average, with
{variance_ratio:.1f} times the variance of the stochastic ones (95 % interval
{variance_ratio / interval_factor:.1f} to {variance_ratio * interval_factor:.1f}). The
compensated sum of *With the library*, in the last row, needs no random numbers. It is
closer to the true sum than {beaten_share:.0%} of the stochastic sums.""")

# %% [markdown]
# ### Gradient descent
#
# Gradient descent adds small terms, too, but here an error changes the next gradient. Each weight $w$ moves towards a
# goal $g$ of its own, with loss $\tfrac12(w - g)^2$. Nearest must stop where the update is half an
# [ulp](../docs/glossary.md#ulp): at the first $w$ with $w + \mathrm{ulp}(w)/(2\eta) \ge g$, for a
# [learning rate](../docs/glossary.md#learning-rate) $\eta$. Stochastic rounding keeps moving between the two levels beside
# the goal. That should cost as much as rounding the goal itself stochastically, a mean loss of
# $\mathrm{ulp}^2/12$.
#
# We repeat each run five times, with 1,000 new goals each. The tables show the final loss, and the steps until the loss
# is small.


# %%
def descend(rate: float, begin: float) -> tuple[dict, dict, np.ndarray]:
    """Return the loss of each rule by (step, repeat), the last weights, the goals."""
    goals = lab.rng.uniform(0.5, 2, (5, 1000))
    first, steps = np.full_like(goals, begin), round(30 / rate)
    losses, weights = {}, {}
    for rule in dither.RULES:
        path = dither.follow(
            lambda w: w - rate * (w - goals), first, steps, rule, lab.rng
        )
        losses[rule] = ((path - goals) ** 2).mean(axis=-1) / 2
        weights[rule] = path[-1]
    return losses, weights, goals


losses, weights, goals = descend(learning_rate, begin=0.0)
settings = {(learning_rate, 0.0): losses}
for rate, begin in ((learning_rate, 2.5), (0.05, 0.0), (0.2, 0.0)):
    settings[rate, begin] = descend(rate, begin)[0]

# %%
levels = methods.numerics.values("bfloat16").astype(np.float64)
levels = levels[(levels > 0) & (levels < 4)]
stops = levels + dither.ulp(levels) / (2 * learning_rate)
predicted = levels[np.searchsorted(stops, goals)]
other_weights = np.count_nonzero(weights["nearest"] != predicted)
expected_loss = np.mean(dither.ulp(goals) ** 2) / 12
final_loss, arrivals = {}, {}
for setting, losses_by_rule in settings.items():
    for rule, loss in losses_by_rule.items():
        final_loss[setting, rule] = loss[-len(loss) // 3 :].mean(axis=0)
        arrivals[setting, rule] = np.argmax(loss < 1e-5, axis=0)

# %% tags=["hide-input"]
def spread(values, digits=0):
    low, mean, high = np.min(values), np.mean(values), np.max(values)
    return f"{mean:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


tables = [[], []]
for setting in settings:
    rate, begin = setting
    for table in tables:
        table.append({"η": rate, "start": begin})
    for rule in dither.RULES:
        tables[0][-1][rule] = spread(1e6 * final_loss[setting, rule], 1)
        steps = arrivals[setting, rule]
        tables[1][-1][rule] = spread(steps) if steps.all() else "never"
lab.table(tables[0], caption="Final loss in millionths: mean and range of five repeats")
lab.table(tables[1], caption="Steps until the loss is below ten millionths")
main, above = list(settings)[:2]
base = final_loss[main, "stochastic"]
text = "Nearest stops each weight where the closed form says"
label = "other weights"
lab.claim("21.stalled-weights", text, other_weights, equals=0, label=label, **always)
text = f"At η = {learning_rate}, nearest ends at a far higher loss than stochastic"
ratio = {"value": (final_loss[main, "nearest"] / base).min(), "unit": "×"}
lab.claim("21.loss", text, at_least=2000, label="smallest ratio of five", **ratio)
text = "Stochastic ends at the loss of stochastically rounded goals, ulp²/12"
ratio = {"value": base.mean() / expected_loss, "unit": "×"}
lab.claim("21.stochastic-loss", text, between=(0.9, 1.1), label="ratio", **ratio)
text = "The conjugated map ends at a lower loss than stochastic rounding"
ratio = {"value": (final_loss[main, "conjugated"] / base).max(), "unit": "×"}
lab.claim("21.conjugated-loss", text, at_most=0.85, label="largest of five", **ratio)
text = "The logistic map needs fewer steps than stochastic rounding, from both starts"
speeds = [arrivals[k, "logistic"] / arrivals[k, "stochastic"] for k in (main, above)]
ratio = {"value": np.max(speeds), "unit": "×"}
lab.claim("21.logistic-speed", text, at_most=0.85, label="largest of ten", **ratio)
figure, axes = plt.subplots()
for rule, loss in losses.items():
    axes.plot(loss[: len(loss) // 2].mean(axis=1), color=colours[rule])
arrival = {rule: arrivals[main, rule].mean() for rule in dither.RULES}
stalled = losses["nearest"][-1].mean()
half, early, late = len(loss) / 2, arrival["logistic"], arrival["conjugated"]
axes.text(half, stalled * 1.5, "nearest", color=colours["nearest"], ha="right")
axes.text(early * 0.8, 2e-5, "logistic", color=colours["logistic"], ha="right")
axes.text(late * 1.03, 2e-5, "conjugated", color=colours["conjugated"])
place = {"arrowprops": {"arrowstyle": "-", "color": "C1"}, "color": "C1"}
middle = arrival["stochastic"]
axes.annotate("stochastic", (middle * 0.9, 2.2e-5), (middle, 6e-4), **place)
axes.set(xlabel="steps of gradient descent", ylabel="mean loss, in w²")
axes.set(yscale="log", ylim=(1e-6, 2))
lab.say(f"""The figure shows the first half of the run at η = {learning_rate}, with one
line per rule. Compare the order in which the lines reach the bottom with the order in
which they end.""")
alt = "Nearest goes flat early and high; logistic falls first, conjugated ends lowest."
lab.show(figure, alt=alt)
lab.say(f"""With nearest the weights stop, because rounding undoes every update. They
stop within ulp/(2η) of the goal, so the loss depends on the learning rate. With the
other rules they keep moving. Each gradient is computed from the rounded weight, so the
next step corrects the last error; a running sum has no such feedback.

Each chaotic rule beats stochastic rounding in one respect. The logistic map needs
{100 * early / middle:.0f} % of the steps. Its bias points away from the level on which
the weight is, so it enlarges small updates. This helps less at higher learning rates.
The conjugated map ends at
{100 * final_loss[main, "conjugated"].mean() / base.mean():.0f} % of the loss, for which
we have no formula. From below it is the slowest of the three, but not from above.""")

# %% [markdown]
# ## What goes wrong
#
# Why do we compute $t$ from the logistic map and not with the tent map itself? Look at its bits. The figure has one step
# of an orbit per row, and one binary digit per column; black is 1.

# %%
tent_orbits = dither.tent_map(lab.rng.random(200), 60)
living = np.count_nonzero(tent_orbits[54])
float32_orbits = dither.logistic_map(np.float32(lab.rng.random(2000)), 5000)
dead_share = {steps: np.mean(float32_orbits[steps - 1] == 0) for steps in (1000, 5000)}

# %% tags=["hide-input"]
digits = (tent_orbits[:57, :1] * 2.0**53).astype(np.int64) >> np.arange(53, -1, -1) & 1
figure, axes = plt.subplots()
axes.imshow(digits, cmap="Greys", aspect="auto", interpolation="nearest")
axes.text(38, 40, "zeros shifted in", color="C1", ha="center")
axes.set(xlabel="binary digit of t (0: before the point)")
axes.set(ylabel="steps of the tent map")
alt = "Random digits, and a white wedge of zeros that grows by one digit per step."
lab.show(figure, alt=alt)
text = "Tent-map orbits that start with 53 digits are all at zero after 54 steps"
lab.claim("21.tent-map", text, living, equals=0, label="other orbits", **always)
text = "In float32, a part of the logistic orbits has ended at zero after 5,000 steps"
share = {"value": dead_share[5000], "unit": "%", "label": "share"}
lab.claim("21.dead-orbits", text, between=(0.15, 0.23), **share, **always)
lab.say(f"""Each step doubles $t$, so all digits move left by one and a zero enters on
the right; where $t$ is above one half, all digits are flipped as well. Nothing is
rounded, so no new digits appear. A start with $d$ digits is at zero after $d + 1$
steps.

The logistic map rounds at each step, and this keeps most orbits alive. But rounding can
also end one. If $u$ is very close to one half, $4u(1-u)$ rounds to 1, and the next
value is 0 for ever. From then on every value is rounded *up*. In float32,
{dead_share[1000]:.1%} of our orbits were at zero after 1,000 steps and
{dead_share[5000]:.1%} after 5,000. This page uses float64, where it is rare: we left
out {dead} of the {2 * runs:,} chaotic sums above. A random generator does not have this
fault.""")

# %% [markdown]
# ## What we saw

# %% tags=["hide-input"]
share = alive["nearest"].max() / true_sum
choice = np.searchsorted([0.1, 0.5, 0.9], share, side="right")
lab.answer("21.p", options[int(choice)])
summary = {
    "one rounding: squared error, steps²": [squares[r].mean() for r in dither.RULES],
    "sum of different values: error, steps": [sum_error[r] for r in dither.RULES],
    "sum of equal terms: error, share of the sum": [
        math.sqrt(np.mean((alive[r] / true_sum - 1) ** 2)) for r in dither.RULES
    ],
    "gradient descent: final loss, millionths": [
        1e6 * final_loss[main, r].mean() for r in dither.RULES
    ],
    "gradient descent: steps to a small loss": [
        arrival[r] or math.inf for r in dither.RULES
    ],
}
rows = []
for situation, numbers in summary.items():
    texts = [f"{value:.3g}" if value < 1000 else f"{value:,.0f}" for value in numbers]
    texts = ["never" if text == "inf" else text for text in texts]
    rows.append({"situation": situation} | dict(zip(dither.RULES, texts, strict=True)))
lab.table(rows, caption="Errors and costs of the four rules (small is good)")
lab.finish(f"""
Which error is harmless depends on what happens to it afterwards. For one rounding, or a
sum of many different values, nearest is best. For the same small term again and again,
nearest ended at {alive["nearest"].max():.3g} instead of {true_sum:.1f}. Stochastic
rounding was right on average, because it has no bias. The conjugated map has none
either, but its errors have a memory, so its sums spread more. In gradient
descent at η = {learning_rate}, nearest ended at
{final_loss[main, "nearest"].mean() / base.mean():,.0f} times the loss of stochastic
rounding. There, the next step corrects the last error, and each chaotic rule was better
in one respect: the logistic map arrived first, and the conjugated map ended lowest.

This does **not** show that chaotic rounding trains networks better. One quadratic loss
is not a network, and orbits can end at zero. It does not show that stochastic rounding
is necessary either. Our compensated sum was closer than most of the stochastic sums,
and most hardware adds in float32. Mixed-precision training keeps a float32 copy of the
weights (Micikevicius et al. 2018, arXiv:1710.03740).

Further reading: Croci et al., *Stochastic rounding: implementation, error analysis and
applications* (2022, Royal Society Open Science); Gupta et al., *Deep learning with
limited numerical precision* (2015, arXiv:1502.02551). Next: the best levels for a given
distribution, in lesson 22.
""")
