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
#       - derive bias and variance of a rounding rule from its chance of going up, and find them measured
#       - explain why the logistic map rounds with a bias, and why the tent map dies in binary arithmetic
#       - read from closed forms where a low-precision sum and gradient descent stand still
#       - choose a rounding by what happens to its error afterwards
#     routes: {numbers: 2}
#     terms:
#       arcsine law:
#         text: "The law of the logistic map's orbits: they linger near 0 and 1, and are below f for a share
#           (2/π)·arcsin √f of the time."
#         zh: 反正弦律
#         note: density 1/(π√(u(1 − u)))
#       bfloat16:
#         text: "A float with the exponent of float32 and seven bits of mantissa: the same range, coarser steps."
#         zh: 脑浮点数 bfloat16
#         note: 16 bits
#       learning rate:
#         text: How far one training step moves the weights.
#         zh: 学习率
#         note: symbol η
#       logistic map:
#         text: The best-known chaotic map of the interval from 0 to 1; what the course takes the article's "chaotic
#           quantization" (混沌量化) to draw from.
#         zh: 逻辑斯谛映射
#         note: u → 4u(1 − u)
#       quantization step:
#         text: The distance between two neighbouring values that can be represented; equal to the scale.
#         zh: 量化步长
#         note: symbol Δ
#       rounding:
#         text: Choosing the value that stands for a number in between; here to the nearest, halves to the even one.
#         zh: 舍入
#       stochastic rounding:
#         text: Rounding up with a chance equal to the fraction that is left, so that the rounded value is right on
#           average.
#         zh: 随机舍入
#       tent map:
#         text: "The chaotic map that doubles and folds: uniform on paper, and in binary arithmetic at zero after as
#           many steps as t has digits."
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

# %%
from labkit import by_profile, methods, start

import matplotlib.pyplot as plt
import ml_dtypes
import numpy as np

# %% tags=["parameters"]
step: float = 0.25  # distance between two levels; 0.001 to 1000
draws: int = by_profile(400000, 40000)  # thresholds drawn of each kind; 10000 to 1000000
term: float = 0.01  # what is added again and again; 0.001 to 0.1
terms: int = by_profile(10000, 3000)  # how many times it is added; 1000 to 20000
runs: int = by_profile(200, 50)  # sums, each with thresholds of its own; 20 to 500
learning_rate: float = 0.02  # of gradient descent, per step; 0.005 to 0.2
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("21", seed=seed)
dither = methods.dither
paint = dict(zip(dither.RULES, ("#444444", "#0072B2", "#D55E00", "#009E73"), strict=True))
small = float(ml_dtypes.bfloat16(term))
truth = terms * small

# %% [markdown]
# ## Predict
#
# [bfloat16](../docs/glossary.md#bfloat16) is float32 with the last sixteen bits cut off: eight significant bits are
# left. Add a small number to a running sum many times, and round each partial sum to the nearest bfloat16.

# %%
my_guess = None
options = ["nearly all of it", "more than half", "less than half", "less than a tenth"]
lab.predict("21.p", f"{terms} times {term}: how much of the true sum {truth:.1f} is found?", options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# A value is $x = (k + f)\,\Delta$: a whole $k$, a fraction $f$, and the
# [step](../docs/glossary.md#quantization-step) $\Delta$ between two levels. [Rounding](../docs/glossary.md#rounding)
# goes up when a *threshold* $u$ is below $f$. If that has the chance $p$, then
#
# $$ \text{bias} = \Delta\,(p - f), \qquad \text{variance} = \Delta^2\,p\,(1 - p). $$
#
# **Nearest** has $u = \tfrac12$ always. Its squared error, over all fractions, is $\Delta^2/12$, the least possible; but
# all of it is bias, since a value meets the same error each time. [**Stochastic**](../docs/glossary.md#stochastic-rounding)
# draws $u$ evenly, so $p = f$: no bias, and $\Delta^2 f(1-f)$ of variance, $\Delta^2/6$ in the mean.
#
# **Chaotic** has no standard meaning. The article names "chaotic quantization" (混沌量化); take it at its word, and
# let $u$ run along the [logistic map](../docs/glossary.md#logistic-map) $u \to 4u(1-u)$. Write $u = \sin^2(\pi t/2)$. Then
# $4u(1-u) = \sin^2(\pi t)$: $t$ is doubled and folded back, which is the
# [tent map](../docs/glossary.md#tent-map). Stretching by two and folding leaves an even spread even. So $t$ is uniform
# and $u$ is not:
#
# $$ p = P(u < f) = \tfrac{2}{\pi}\arcsin\sqrt f \neq f $$
#
# the [arcsine law](../docs/glossary.md#arcsine-law). The figure shows it: an orbit lingers at both ends.

# %%
even, arcs = (dither.chaotic(draws // 200, 200, lab.rng, rule) for rule in ("conjugated", "logistic"))
grid = np.linspace(0, 1, 400)[1:-1]
figure, axes = plt.subplots()
axes.hist(arcs.ravel(), bins=80, density=True, color="#BBBBBB")
axes.plot(grid, 1 / (np.pi * np.sqrt(grid * (1 - grid))), color=paint["logistic"])
axes.text(0.07, 2.2, "arcsine density, and an orbit (grey)", color=paint["logistic"])
axes.axhline(1, color=paint["stochastic"])
axes.text(0.5, 1.1, "what stochastic rounding draws", color=paint["stochastic"], ha="center")
axes.set(xlabel="threshold u, in steps", ylabel="density of thresholds", ylim=(0, 5))
lab.show(figure, alt="Grey bars of an orbit follow a U-shaped curve: high at both ends, low in the middle.")

# %% [markdown]
# ## By hand
#
# Four values between two levels, thousands of thresholds of each kind, and the mean error of each.

# %%
x = np.array([0.05, 0.3, 0.5, 0.8])
u, orbit = 0.3, []
for _ in range(20000):
    orbit.append(u)
    u = 4 * u * (1 - u)
thresholds = {"nearest": [0.5], "stochastic": lab.rng.random(20000), "logistic": orbit}
rows = []
for rule, drawn in thresholds.items():
    errors = (np.array(drawn)[:, None] < x) - x
    rows.append({"rounding": rule} | dict(zip(x.astype(str), errors.mean(axis=0).round(4), strict=True)))
lab.table(rows, caption="Mean error in steps, by value")

# %% [markdown]
# Nearest is wrong by the same amount each time. Stochastic is right on average. The logistic map is neither: it rounds
# small fractions up too often and large ones too rarely, as the law says.

# %% [markdown]
# ## With the library
#
# NumPy gets bfloat16 from `ml_dtypes`; it rounds each sum to nearest, halves to even. Our `numerics.cast` must agree,
# and can round stochastically, which `ml_dtypes` cannot.

# %%
total, ours = ml_dtypes.bfloat16(0), np.float32(0)
for _ in range(terms):
    total = total + ml_dtypes.bfloat16(small)
    ours = methods.numerics.cast(ours + small, "bfloat16")
lab.claim("21.hand-sum", "Our sum less that of ml_dtypes", float(ours) - float(total), equals=0, holds="always")
float(total), truth

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
# First the errors themselves. A fourth rule joins: the *conjugated* map takes the logistic orbit and straightens it,
# $t = \tfrac2\pi\arcsin\sqrt u$. Each bound is five standard errors, given by the number of
# thresholds drawn.

# %%
orbits = dict(zip(dither.RULES, (np.full_like(even, 0.5), lab.rng.random(even.shape), arcs, even), strict=True))
values = step * lab.rng.random(even.shape)
rows, off, names = [], [], ("squared bias", "variance", "sum", "measured", "standard error")
for rule, u in orbits.items():
    squares = ((dithered(values, step, u) - values) ** 2 / step**2).mean(axis=0)
    closed = dither.average(rule)
    off.append(dither.in_standard_errors(squares, sum(closed)))
    shown = (*closed, sum(closed), squares.mean(), squares.std(ddof=1) / len(squares) ** 0.5)
    rows.append({"rounding": rule} | {name: f"{x:.5f}" for name, x in zip(names, shown, strict=True)})
lab.table(rows, caption="Mean squared error over all fractions, in steps squared: closed form, and measured")
lab.claim("21.squared-error", "Squared errors from their closed form, in standard errors at most", max(off), at_most=5, holds="always")

# %% [markdown]
# Nearest has the smallest error, and all of it is bias. The logistic map has the largest error *and* a bias. By
# fraction:

# %%
fractions = np.arange(1, 20) / 20 + 0.005
figure, axes = plt.subplots()
off, places = [], {"nearest": (0.36, -0.27), "stochastic": (0.8, 0.05), "logistic": (0.13, 0.155)}
for rule, (at, height) in places.items():
    errors = [dithered(step * f, step, orbits[rule]).mean() / step - f for f in fractions]
    long = dither.inflation(dither.chance_up(fractions, rule), len(even)) if rule == "logistic" else 1.0
    sure = np.sqrt(dither.variance(fractions, rule) * long / even.size) + 1e-9
    off.append(np.abs(errors - dither.bias(fractions, rule)) / sure)
    axes.plot(grid, dither.bias(grid, rule), "-", fractions, errors, "o", markersize=4, color=paint[rule])
    axes.text(at, height, rule, color=paint[rule], ha="center", va="center")
axes.set(xlabel="fraction f, in steps", ylabel="bias, in steps", ylim=(-0.55, 0.55))
lab.show(figure, alt="Bias by fraction: nearest a sawtooth, logistic a flat S, stochastic zero; dots lie on the curves.")
lab.claim("21.bias", "Biases from their closed form, in standard errors at most", np.max(off), at_most=5, holds="always")

# %% [markdown]
# The lines are the formulas, the dots are measured. The straightened map is as unbiased as stochastic rounding. Is it
# as good? The thresholds themselves are uncorrelated: the tent is the same for $t$ and $1 - t$, so $t - \tfrac12$ and
# its successor cancel. The *errors* are another matter. On paper, two in a row go up when $t < p$ and its
# successor is too:
#
# $$ \operatorname{cov} = \frac p2 + \max\left(0, \frac{3p}{2} - 1\right) - p^2, $$
#
# since either $t < p/2$, or $t$ is on the falling side, above $1 - p/2$. A small threshold follows a small one.

# %%
own = dither.variance(fractions, "conjugated")
raw = ((even[:-1] - 0.5) * (even[1:] - 0.5)).mean(axis=0)
lagged = np.array([(((even[:-1] < f) - f) * ((even[1:] < f) - f)).mean(axis=0) for f in fractions])
off = dither.in_standard_errors([raw, *lagged], [0, *dither.covariance(fractions, 1)]).max()
ratios = np.array([(even < f).mean(axis=0).var(ddof=1) for f in fractions]) * len(even) / own
worst = np.abs(ratios / dither.inflation(fractions, len(even)) - 1).max() / (2 / (even.shape[1] - 1)) ** 0.5
lab.claim("21.covariance", "Covariances from their closed form, in standard errors at most", off, at_most=5, holds="always")
lab.claim("21.mean-variance", "Variances of a mean from their closed form, in standard errors at most", worst, at_most=5)

# %%
figure, panels = plt.subplots(1, 2)
curves = (dither.covariance(grid, 1) / dither.variance(grid, "conjugated"), dither.inflation(grid, len(even)))
names = ("correlation of successive errors", "variance of a mean, × independent")
for axes, curve, dots, name, level in zip(panels, curves, (lagged.mean(axis=1) / own, ratios), names, (0, 1), strict=True):
    axes.plot(grid, curve, "-", fractions, dots, "o", markersize=4, color=paint["conjugated"])
    axes.axhline(level, color=paint["stochastic"])
    axes.text(0.99, level + 0.03, "stochastic", color=paint["stochastic"], ha="right", va="bottom")
    axes.text(0.34, curve[120], "conjugated", color=paint["conjugated"])
    axes.set(xlabel="fraction f, in steps", ylabel=name)
lab.show(figure, alt="Errors of the conjugated map agree for small fractions and alternate at two thirds; dots on curves.")

# %% [markdown]
# For small fractions, averaging works up to three times worse than with independent draws, near two thirds three times
# better. Over all fractions alike, the covariances cancel exactly. No better, then, and less predictable.
#
# Now why it matters. The same small term, added again and again: `follow` repeats a change, and rounds each time to
# eight significant bits.
#
# How far may the mean of the stochastic sums be off? On paper, a step adds at most $c\,\cdot$ ulp of variance for a
# term $c$, and an ulp is at most $2^{-7}$ of the sum. Added up, the deviation of one sum is at most a sixteenth of it,
# however many terms there are.

# %%
sums = {r: dither.follow(lambda s: s + small, np.zeros(runs), terms, r, lab.rng) for r in dither.RULES}
last = {rule: way[-1] for rule, way in sums.items()}
rows = [{"rounding": r, "mean": f"{s.mean():.2f}", "deviation": f"{s.std(ddof=1):.2f}"} for r, s in last.items()]
lab.table(rows, caption=f"{runs} sums of {terms} terms; the true sum is {truth:.2f}")
reached, miss = last["nearest"].max(), abs(last["stochastic"].mean() - truth) / (truth / 16 / runs**0.5)
lab.claim("21.nearest-sum", "Sum with nearest", reached, equals=stalls_at(small, 8), holds="always")
lab.claim("21.stochastic-sum", "Mean of the stochastic sums from the truth, in standard errors", miss, at_most=5, holds="always")

# %% [markdown]
# Nearest stops where exercise 21.3 says. The logistic map goes up too often and runs away. In the figure the grey line
# is the true sum, and a band holds nine sums of ten.

# %%
figure, axes = plt.subplots()
counts = np.unique(np.geomspace(1, terms, 200).astype(int))
axes.plot(counts, small * counts, color="#BBBBBB", linewidth=5)
for rule in ("nearest", "stochastic", "logistic"):
    way = sums[rule][counts - 1]
    axes.plot(counts, way.mean(axis=1), color=paint[rule])
    axes.fill_between(counts, *np.percentile(way, [5, 95], axis=1), color=paint[rule], alpha=0.2)
    axes.text(counts[-1] * 1.15, way[-1].mean(), rule, color=paint[rule], va="center")
axes.set(xscale="log", yscale="log", xlabel="terms added", ylabel="running sum", xlim=(1, terms * 8))
lab.show(figure, alt="Running sums: nearest goes flat early, stochastic stays on the true line, logistic climbs above it.")

# %% [markdown]
# Gradient descent adds small terms too. Here a thousand weights each run to a goal of their own, with the loss
# $\tfrac12(w - g)^2$. Nearest must stop where the update is half an ulp: at the first $w$ with
# $w + \mathrm{ulp}(w)/(2\eta) \ge g$, for a [learning rate](../docs/glossary.md#learning-rate) $\eta$.

# %%
goal = lab.rng.uniform(0.5, 2, 1000)
paths = {r: dither.follow(lambda w: w - learning_rate * (w - goal), 0 * goal, 1500, r, lab.rng) for r in dither.RULES}
losses = {rule: ((way - goal) ** 2).mean(axis=1) / 2 for rule, way in paths.items()}
levels = np.unique(methods.numerics.cast(np.linspace(0, 2, 2**18)[1:], "bfloat16"))
predicted = levels[np.searchsorted(levels + dither.ulp(levels) / (2 * learning_rate), goal)]
other = np.sum(paths["nearest"][-1] != predicted)
lab.claim("21.stalled-weights", "Weights that nearest stops elsewhere than predicted", other, equals=0, holds="always")
gain = losses["nearest"][-1] / losses["stochastic"][-1]
lab.claim("21.loss", "Final loss, nearest over stochastic", gain, at_least=100, unit="×")

# %%
figure, axes = plt.subplots()
for (rule, loss), height in zip(losses.items(), (losses["nearest"][-1], 4e-6, 2e-5, 8e-7), strict=True):
    axes.plot(loss, color=paint[rule])
    axes.text(1540, height, rule, color=paint[rule], va="center")
axes.set(yscale="log", xlabel="steps of gradient descent", ylabel="mean loss, in w²", xlim=(0, 1900), ylim=(2e-7, 2))
lab.show(figure, alt="Loss falls for all rules; nearest stops early and high, the three others go on to far lower values.")

# %% [markdown]
# Nearest stands still: its error cancels each update. The three others go on, and here even the biased map does well:
# each gradient is taken where the weight is, so the next step corrects what rounding did. A sum has nothing that
# corrects it.

# %% [markdown]
# ## What goes wrong
#
# Why take the detour over the arcsine, and not the tent map itself? Look at its bits.

# %%
orbit = dither.tent_map(lab.rng.random(200), 60)
bits = (orbit[:56, :1] * 2.0**53).astype(np.int64) >> np.arange(52, -1, -1) & 1
figure, axes = plt.subplots()
axes.imshow(bits, cmap="Greys", aspect="auto", interpolation="nearest")
axes.text(38, 38, "zeros shifted in", color="#D55E00", ha="center")
axes.set(xlabel="binary digit of t, first on the left", ylabel="steps of the tent map")
lab.show(figure, alt="Random black and white digits, and a white wedge of zeros that grows by one digit a step.")
lab.claim("21.tent-map", "Orbits of the tent map that are not zero after 54 steps", np.sum(orbit[54] != 0), equals=0, holds="always")

# %% [markdown]
# Each step doubles $t$: the digits move left by one, and a zero comes in at the end. Nothing is rounded, so nothing new
# comes in. A start with $d$ digits is at zero after $d + 1$ steps. The logistic map rounds at each step, which keeps it
# going, and the arcsine mends its law. Not for ever: there are finitely many floats, so each orbit must end in a cycle.

# %%
orbit32 = dither.logistic_map(np.float32(lab.rng.random(50)), 20000)
visited = [len(np.unique(each)) for each in orbit32.T]
lab.claim("21.orbit", "Most numbers that a float32 orbit visits", max(visited), at_most=19999, holds="always")
f"{np.median(visited):.0f} numbers (median) before an orbit repeats; {np.sum(orbit32[-1] == 0)} of {len(visited)} end at 0"

# %% [markdown]
# ## What we saw

# %%
lab.answer("21.p", options[3 - np.searchsorted([0.1, 0.5, 0.9], reached / truth)])
lab.finish(f"""
With nearest, the sum of {terms} terms ended at {reached:.3g} instead of {truth:.1f}, and gradient descent at a loss
{gain:,.0f} times that of stochastic rounding, whose sums were right on average ({last["stochastic"].mean():.1f}), each
with a deviation of {last["stochastic"].std() / truth:.1%}. The logistic map, taken at its word, is off by up to
{np.abs(dither.bias(grid, "logistic")).max():.3f} steps, and ran to {last["logistic"].mean():.0f}. Straightened, it is
unbiased, but its errors come in runs: its sums had {(last["conjugated"].std() / last["stochastic"].std()) ** 2:.1f}
times the variance.
""")

# %% [markdown]
# Which error is harmless? For one rounding, the smallest: nearest. For many that add up, the one without bias and
# without memory: stochastic. Where each step corrects the last, bias did little harm. Over all fractions, chaos gave
# nothing that a pseudo-random generator does not give, and it is harder to foresee.
#
# This does **not** show that stochastic rounding is needed: a float32 sum, rounded once at the end, stalls much later
# and is what most hardware does. Nor is one quadratic a network.
#
# Further reading: Croci and others, *Stochastic rounding: implementation, error analysis and applications* (2022,
# Royal Society Open Science); Gupta and others, *Deep learning with limited numerical precision* (2015,
# arXiv:1502.02551). Next: what the best levels are, in lesson 22.
