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
#     title: Quantization theory
#     question: Why 6 dB a bit, and when not?
#     minutes: 55
#     budget_s: {fast: 15, full: 30}
#     needs: [20, 21]
#     objectives:
#       - derive the 6 dB a bit and name the assumption that a Gaussian breaks
#       - compute the best quantizer of given numbers by Lloyd's iteration
#       - find the best clipping range as the bottom of a U between two errors
#       - predict the error of a real layer from its largest weight alone
#       - choose between one scale a tensor, a channel and a group, with the cost of the scales counted
#     routes: {numbers: 3}
#     terms:
#       best uniform quantizer:
#         text: Evenly spaced levels with the step that makes the mean squared error smallest for a given source.
#         zh: 最优均匀量化器
#         note: symbol Δ
#       clipping:
#         text: "Setting values outside the chosen range to its ends: it costs the few and gives the many finer steps."
#         zh: 截断
#       entropy-coded quantizer:
#         text: A quantizer whose outputs are coded by how often they occur, so that it pays their entropy and not a
#           fixed width.
#         zh: 熵编码量化器
#         note: unit bit
#       group scale:
#         text: One scale for each run of neighbouring weights, which keeps an outlier's harm within its group.
#         zh: 分组缩放因子
#         note: unit real per step
#       KL calibration:
#         text: Choosing the range whose quantized histogram is nearest to the one before, by Kullback-Leibler
#           divergence.
#         zh: KL 散度校准
#       Lloyd-Max quantizer:
#         text: "The levels with the least mean squared error: each is its cell's mean, and each edge the middle of its
#           levels."
#         zh: 劳埃德–马克斯量化器
#       outlier:
#         text: A value far from the others; where it sets the range, every doubling of it costs the others one bit.
#         zh: 离群值
#         note: symbol k·σ
#       per channel:
#         text: With one scale for each output channel, so that a channel of small weights is not rounded away by a
#           large one.
#         zh: 逐通道
#       rate-distortion bound:
#         text: The least error that any code of a given number of bits a value can have, however long and clever.
#         zh: 率失真界
#         note: symbol D(R) · unit dB
# ---

# %% [markdown]
# # 22 · Quantization theory
#
# Why 6 dB a bit, and when not?

# %%
from labkit import by_profile, deploy, methods, start

import matplotlib.pyplot as plt
import numpy as np

# %% tags=["parameters"]
bits: int = 4  # width that the clipping, the layers and the outlier are shown at, in bits; 2 to 8
values: int = by_profile(400000, 40000)  # random numbers that check the closed forms; 1000 to 500000
group: int = 32  # neighbouring weights that share a scale; 4 to 256
outlier: float = 20.0  # size of a planted outlier, in standard deviations; 8 to 64
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("22", seed=seed)
theory, fake_quantize, sqnr_db = methods.theory, methods.quantize.fake_quantize, methods.quantize.sqnr_db
gaussian = lab.rng.normal(size=values)

# %% [markdown]
# ## Predict
#
# Lesson 21 measured the error of rounding; here the question is what a bit buys. The unit is the
# [SQNR](../docs/glossary.md#sqnr): the power of the numbers over the power of the error, in decibels. A ratio of four is
# about six of them. "Six decibels a bit" says that four more bits are worth 24 dB. Take numbers from a bell curve and, at
# each width, the *best* evenly spaced levels there are. How much do four bits buy, from 4 to 8? Replace `None` by one of
# the options.

# %%
my_guess = None
options = ["more than 24 dB", "24 dB, within a tenth", "22 to 23.9 dB", "less than 22 dB"]
lab.predict("22.p", "SQNR gained by the best uniform quantizer of a Gaussian, from 4 to 8 bits?", options, my_guess)

# %% [markdown]
# ## Idea
#
# Spread $2^b$ levels evenly over $-A \ldots A$. They stand a [step](../docs/glossary.md#quantization-step)
# $\Delta = 2A / 2^b$ apart. If a number is equally likely to lie anywhere between two levels, its error is uniform in
# $\pm\Delta/2$ and has the power $\Delta^2/12$. With the power $\sigma^2$ of the numbers,
#
# $$ \mathrm{SQNR} = 10 \log_{10} \frac{12\,\sigma^2}{\Delta^2} = 6.02\, b + 10 \log_{10} \frac{3 \sigma^2}{A^2}
# \quad \text{dB} $$
#
# One bit halves $\Delta$, and a quarter of the error's power is left: $10 \log_{10} 4 = 6.02$. The second term is the
# *shape*. A uniform source has $\sigma^2 = A^2/3$: it is zero. A full-scale sine has $A^2/2$: it adds 1.76 dB.
#
# The derivation assumes a range $A$ that is the same at every width. A bell curve has no ends. Whoever cuts it pays for
# what lies outside ([clipping](../docs/glossary.md#clipping)); whoever does not pays with coarse steps. So $A$ must be
# chosen anew for each $b$, and the second term is no constant.
#
# Uneven levels are another way out: close together where numbers are frequent. The best such set is
# [Lloyd and Max's](../docs/glossary.md#lloyd-max-quantizer).

# %%
wide, even = np.linspace(-3.6, 3.6, 400), theory.uniform(3, theory.best_uniform_step(3))[1]
figure, axes = plt.subplots()
axes.plot(wide, np.exp(-(wide**2) / 2) / np.sqrt(2 * np.pi), color="#444444")
shown = (-0.04, even, "quantization", "best uniform"), (-0.1, theory.lloyd_max(3)[1], "clustering", "Lloyd–Max")
for y, levels, technique, text in shown:
    axes.plot(levels, np.full(8, y), "|", color=lab.colour(technique), markersize=13, markeredgewidth=2.5)
    axes.annotate(text, (2.55, y), color=lab.colour(technique), va="center")
axes.set(xlabel="value, in standard deviations", ylabel="probability density", xlim=(-3.6, 3.8), ylim=(-0.15, 0.42))
lab.show(figure, alt="A bell curve; below it eight evenly spaced levels, and eight that crowd towards the middle.")

# %% [markdown]
# ## By hand
#
# Lloyd's iteration has two steps. Give each number to its nearest level; move each level to the mean of its numbers.
# Neither can make the squared error larger. Nine numbers and four levels are enough to see it.

# %%
numbers = np.array([-1.0, -0.9, -0.7, -0.1, 0.0, 0.1, 0.7, 1.2, 1.3])
levels = np.array([-1.5, -0.5, 0.5, 1.5])
for _ in range(6):
    middles = (levels[:-1] + levels[1:]) / 2
    nearest = np.searchsorted(middles, numbers)
    print(np.round(levels, 3), "error", round(float(np.mean((numbers - levels[nearest]) ** 2)), 4))
    levels = np.array([numbers[nearest == k].mean() for k in range(4)])

# %% [markdown]
# The levels leave their even spacing, and the error falls. It settles when each level is the mean of its cell and each
# edge lies in the middle of two levels: the two Lloyd–Max conditions.

# %% [markdown]
# ## With the library
#
# For a bell curve both conditions can be solved without any data: each cell's mean is a closed form.
# `theory.lloyd_max` solves them by Newton's method. The random numbers are there to check it.

# %%
apart = theory.measured_db(*theory.lloyd_max(bits), gaussian) - theory.compare(bits).lloyd_max_db
lab.claim("22.closed-form", "Closed form and random numbers differ by", abs(apart), at_most=0.05, unit="dB")
theory.compare(bits)

# %% [markdown]
# ## Your turn

# %% [markdown]
# ### 22.1 The ratio in decibels ★☆☆ · 5 minutes
#
# Compute the SQNR. It is negative when the error is larger than the signal. When nothing is lost, the error is exactly
# zero and the ratio is infinite.


# %%
def sqnr(x: np.ndarray, y: np.ndarray) -> float:
    """Return the SQNR in dB of the quantized values y of x, which is not all zero."""
    ### BEGIN SOLUTION
    error_power = np.sum((x - y) ** 2)
    if error_power == 0:
        return float("inf")
    return float(10 * np.log10(np.sum(x**2) / error_power))
    ### END SOLUTION


sqnr = lab.check("22.1", sqnr)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# You need two sums of squares: one of `x`, and one of the error `x - y`.
# </details>
# <details><summary>Hint 2</summary>
#
# Sums of squares are powers, so the factor in front of the logarithm is 10. Return `float("inf")` when the sum of the
# squared errors is zero.
# </details>

# %% [markdown]
# ### 22.2 One step of Lloyd's iteration ★★☆ · 10 minutes
#
# Write one step of the iteration under *By hand*, for any values and any ascending levels. Each level moves to the mean
# of the values that are nearest to it. A level may have no such value; leave it where it is. No value lies exactly
# halfway between two levels.


# %%
def lloyd_step(x: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the levels after one step of Lloyd's iteration."""
    ### BEGIN SOLUTION
    edges = (levels[:-1] + levels[1:]) / 2
    nearest = np.searchsorted(edges, x)
    moved_levels = levels.astype(float)
    for k in range(len(levels)):
        cell = x[nearest == k]
        if len(cell) > 0:
            moved_levels[k] = cell.mean()
    return moved_levels
    ### END SOLUTION


lloyd_step = lab.check("22.2", lloyd_step)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The edges lie halfway between neighbouring levels. `np.searchsorted(edges, x)` returns, for each value, the index of
# its nearest level.
# </details>
# <details><summary>Hint 2</summary>
#
# Go through the levels one by one. `x[nearest == k]` are the values of level k. This array may be empty, and an empty
# array has no mean.
# </details>

# %% [markdown]
# ### 22.3 A scale per group ★★☆ · 10 minutes
#
# Weights of $b$ bits are stored as integers from $-(2^{b-1} - 1)$ to $2^{b-1} - 1$. Each group of `group` neighbouring
# weights has its own scale. Choose the smallest scale for which the group's largest weight still fits. The last group
# may be shorter than the others. A group of zeros gets scale 0, and an empty array has no scales.


# %%
def group_scales(weights: np.ndarray, group: int, bits: int) -> np.ndarray:
    """Return one scale per group of neighbours in weights (n,)."""
    ### BEGIN SOLUTION
    starts = range(0, len(weights), group)
    largest = [np.max(np.abs(weights[start : start + group])) for start in starts]
    return np.array(largest) / (2 ** (bits - 1) - 1)
    ### END SOLUTION


group_scales = lab.check("22.3", group_scales)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `range(0, len(weights), group)` contains the index at which each group begins. A slice that runs beyond the end of an
# array is simply shorter.
# </details>
# <details><summary>Hint 2</summary>
#
# Divide the largest *absolute* value of each group by the largest integer.
# </details>

# %% [markdown]
# ## Evidence
#
# ### The tables
#
# Each row is a width. The uniform source and the sine are measured with levels over their full range; the columns for a
# Gaussian are closed forms. The entropy is what the outputs would cost after ideal coding.

# %%
flat, sine = lab.rng.uniform(-1, 1, values), np.sin(np.sqrt(2) * np.arange(values))
exact = {b: theory.compare(b) for b in range(1, 9)}
head = ["bits", "bound", "uniform source", "sine", "Lloyd–Max", "entropy (L–M)", "best uniform", "entropy (b. u.)", "step / σ"]
rows = []
for b, best in exact.items():
    seen = [theory.measured_db(*theory.uniform(b, 2 / 2**b), x) for x in (flat, sine)]
    found = [f"{each:.3f}" for each in (theory.bound_db(b), *seen, *best[:-1])]
    rows.append(dict(zip(head, [str(b), *found, f"{best.step:.4f}"], strict=True)))
lab.table(rows, caption="SQNR in dB; entropy in bit; step in standard deviations")
last = [exact[8][k] - exact[7][k] for k in (0, 2)]
lab.claim("22.lloyd-max", "Eighth bit, Lloyd–Max", last[0], between=(5.95, theory.DB_PER_BIT), unit="dB", holds="always")
lab.claim("22.uniform", "Eighth bit, best uniform", last[1], at_most=5.5, unit="dB", holds="always")
lab.claim("22.sine", "8-bit sine and the textbook differ by", abs(seen[1] - theory.sine_db(8)), at_most=0.2, unit="dB")

# %% [markdown]
# The uniform source obeys the rule in every row. The sine comes near it only with many levels, since at its peaks it
# dwells in one cell. The Gaussian with Lloyd–Max levels starts far below the rule and then keeps its pace. With even
# levels it never does, however well the step is chosen: its range has to grow, so each bit is shared between finer
# steps and a wider range.

# %% [markdown]
# ### The bound, and all quantizers in one picture
#
# Shannon's [rate–distortion bound](../docs/glossary.md#rate-distortion-bound) for a Gaussian is exactly the rule. No
# code can do better, however clever. The picture shows how far below it each quantizer stays. Look at the even steps
# twice: last of all when each level costs the same, best of all when their outputs are
# [coded by entropy](../docs/glossary.md#entropy-coded-quantizer). Cleverly placed levels lose their advantage then, and
# fall behind: the coder gains more from levels that are even.

# %%
coded = [theory.entropy_coded(step) for step in np.geomspace(3.2, 0.012, 40)]
curves = {
    ("bound", "baseline"): [(0, 0.0), (8, 0.0)],
    ("uniform steps, coded", "quantization"): [(b, theory.db(error) - theory.bound_db(b)) for b, error in coded],
    ("Lloyd–Max, coded", "clustering"): [(r[1], r[0] - theory.bound_db(r[1])) for r in exact.values()],
    ("Lloyd–Max", "clustering"): [(b, r[0] - theory.bound_db(b)) for b, r in exact.items()],
    ("best uniform", "quantization"): [(b, r[2] - theory.bound_db(b)) for b, r in exact.items()],
}
figure, axes = plt.subplots(figsize=(7, 4))
for (text, technique), points in curves.items():
    axes.plot(*zip(*points, strict=True), "--" if "coded" in text else "-", color=lab.colour(technique))
    lab.label_line(axes, *points[-1], text, technique)
axes.set(xlabel="bits a value (entropy, where coded)", ylabel="SQNR less the bound, in dB", xlim=(0, 11.6))
lab.show(figure, alt="Below the bound: entropy-coded steps stay closest, Lloyd–Max levels off, best uniform falls on.")

# %%
gap = theory.bound_db(coded[-1][0]) - theory.db(coded[-1][1])
lab.claim("22.fine-steps", "Fine steps, ideally coded, below the bound by", gap, between=(1.532, 1.5335), unit="dB", holds="always")
lab.say(f"Even steps, ideally coded, need {gap / theory.DB_PER_BIT:.4f} bit a value more than any code whatever.")

# %% [markdown]
# ### Clipping against rounding
#
# Back to whole numbers with one scale. A narrow range clips, a wide one rounds coarsely. Both errors have a closed form;
# the dots are measured.

# %%
clips = np.linspace(0.8, 6, 53)
parts = np.array([theory.clipped_errors(clip, bits) for clip in clips])
total, dots, blue = parts.sum(axis=1), clips[::4], lab.colour("quantization")
seen = [np.mean((fake_quantize(gaussian, bits, low=-clip, high=clip) - gaussian) ** 2) for clip in dots]
figure, axes = plt.subplots()
curves = ("rounding", parts[:, 0], 0, "#777777"), ("clipping", parts[:, 1], 30, "#777777"), ("both", total, 44, blue)
for text, errors, k, shade in curves:
    axes.semilogy(clips, errors, color=shade)
    axes.annotate(text, (clips[k + 2], errors[k]), (8, -14), textcoords="offset points", color=shade)
axes.semilogy(dots, seen, "o", color=blue)
axes.set(xlabel="end of the range, in standard deviations", ylabel="mean squared error, in σ²", ylim=(2e-7, 2))
lowest = clips[np.argmin(total)]
lab.show(figure, alt=f"Rounding grows, clipping falls; their sum is a U whose lowest point is near {lowest:.1f} σ.")

# %%
lab.claim("22.total-error", "Measured error and closed form differ by", np.abs(seen / total[::4] - 1).max(), at_most=0.05, unit="%")
usual = float(np.abs(gaussian).max())
widest = theory.db(sum(theory.clipped_errors(usual, bits)))
lab.say(f"""At {bits} bits the best range ends at {lowest:.1f} standard deviations, and gives {theory.db(total.min()):.1f}
dB. With the largest of the {values:,} numbers as its end, as min–max calibration has it, it is {widest:.1f}.""")

# %% [markdown]
# ### Real weights
#
# Now the layers of the four networks that come with the course. The whole numbers are symmetric about zero, so there are
# $2^b - 2$ steps. Min–max gives the range to the largest weight, and the formula of *Idea* predicts the SQNR from one
# number: how many standard deviations that weight is away.

# %%
layers, kinds = [], []
for name in ("lenet_300_100", "lenet5", "ds_cnn", "resnet8"):
    for row in deploy.inspect.layers(file := lab.baseline_file(name)):
        weights = np.moveaxis(deploy.inspect.layer(file, row.index)["weights"], -1 if row.kind == "depthwise" else 0, 0)
        layers.append(weights.reshape(len(weights), -1))  # one row an output channel
        kinds.append(row.kind)

# %%
peaks = np.array([np.abs(w).max() / np.sqrt(np.mean(w**2)) for w in layers])
got, top = np.array([sqnr_db(w, fake_quantize(w, 8)) for w in layers]), 10 * np.log10(3 * (2**8 - 2) ** 2)
wrong, reach = np.abs(got - top + 20 * np.log10(peaks)), np.linspace(peaks.min(), peaks.max(), 60)
figure, axes = plt.subplots()
axes.plot(peaks, got, "o", color=blue)
axes.plot(reach, top - 20 * np.log10(reach), color="#444444")
axes.annotate("formula", (reach[45], top - 20 * np.log10(reach[45])), (4, 8), textcoords="offset points")
axes.set(xlabel="largest weight of the layer, in standard deviations", ylabel="SQNR at 8 bits, in dB")
lab.show(figure, alt="One dot a layer: the larger the largest weight, the lower the SQNR, along the formula's curve.")
lab.claim("22.formula", "Formula and measured differ by, at most", wrong.max(), at_most=0.5, unit="dB", holds="always")

# %% [markdown]
# That is why [outliers](../docs/glossary.md#outlier) cost bits. Every doubling of the largest weight is one bit lost by
# all the others. Smaller sets of weights have smaller largest ones: hence one scale
# [per channel](../docs/glossary.md#per-channel), or [per group](../docs/glossary.md#group-scale) of neighbours in a
# channel. The scales must be stored too; here each is a float32, and its bits are shared by the weights that it serves.

# %%
rows, gained, kinds = [], {}, np.array(kinds)
for name, how, size in (("a channel", {"axis": 0}, 10**9), (f"a group of {group}", {"group": group}, group)):
    gain = [sqnr_db(w, fake_quantize(w, bits, **how)) - sqnr_db(w, fake_quantize(w, bits)) for w in layers]
    gained[name] = np.array(gain) / theory.DB_PER_BIT
    cost = np.array([32 * (len(w) * -(-w.shape[1] // size) - 1) / w.size for w in layers])
    for kind in dict.fromkeys(kinds):
        gain, paid = gained[name][kinds == kind], cost[kinds == kind]
        spread = f"{np.median(gain):.2f} bit ({gain.min():.2f} to {gain.max():.2f})"
        found = name, kind, spread, f"{np.median(paid):.2f} bit", f"{np.sum(gain > paid)} of {len(gain)}"
        rows.append(dict(zip(("a scale for", "layers", "gains", "costs", "pays in"), found, strict=True)))
lab.table(rows, caption=f"Weights of {bits} bits, against one scale a tensor: median (least to greatest layer)")

# %%
half = np.median(gained["a channel"])
lab.claim("22.channel-scales", "Gained by a scale a channel, median of all layers", half, at_least=0.5, unit="bit")
worth = {b: [sqnr_db(w, fake_quantize(w, b)) - sqnr_db(w, fake_quantize(w, b - 1)) for w in layers] for b in (3, 8)}
third, eighth = (np.median(each) for each in worth.values())
lab.say(f"With one scale a tensor, the third bit gains {third:.2f} dB in the median, and the eighth {eighth:.2f} dB.")

# %% [markdown]
# A scale a channel gains most in depthwise layers. There it serves so few weights that it costs more than it gains; yet
# such layers are small, and accuracy is what it is kept for. A small group gains more and costs more: read the last
# column before believing that finer is better; scales of two bytes would halve the cost. And the rule? The largest
# weight fixes the range, so the eighth bit gains what it promises. The third gains more: it turns three levels into
# seven.

# %% [markdown]
# ## What goes wrong
#
# One weight is enough. Plant a single outlier among the random numbers, and measure the error of all the *others*.

# %%
sizes = np.array([usual, 2 * usual, 4 * usual, outlier, 64.0])
ratios = np.array([sqnr_db(gaussian, fake_quantize(gaussian, 8, low=-size, high=size)) for size in sizes])
lost, told = (ratios[0] - ratios) / theory.DB_PER_BIT, np.log2(sizes / usual)
trials = [(f"{k:.1f} σ", f"{t:.3f} bit", f"{m:.3f} bit") for k, t, m in zip(sizes, told, lost, strict=True)]
lab.table([dict(zip(("largest", "predicted", "measured loss"), trial, strict=True)) for trial in trials])
lab.claim("22.lost-bits", "Bits lost and logarithm differ by, at most", np.abs(told - lost).max(), at_most=0.05, unit="bit")

# %% [markdown]
# An outlier of $k\,\sigma$ where the largest was $k_0\,\sigma$ costs $\log_2 (k / k_0)$ bits. The page's outlier at
# the page's width is worse still: the step may be larger than nearly all the numbers, and they become zero. One remedy is
# to clip it: that saves the others and ruins the outlier, which is right when outliers are noise, and wrong when the
# network leans on them. The other is to give it a small group: that saves both, at the price of more scales.

# %%
planted = np.append(gaussian, outlier).astype("float32")
ranges = {"min–max": methods.calibrate.minmax(planted), "entropy (KL)": methods.calibrate.entropy(planted, bits)}
ranges["least squares"] = methods.calibrate.mse(planted, bits, symmetric=True)
rounded = {name: fake_quantize(planted, bits, low=low, high=high) for name, (low, high) in ranges.items()}
rounded[f"groups of {group}"] = fake_quantize(planted, bits, group=group)
rest = {name: sqnr_db(planted[:-1], y[:-1]) for name, y in rounded.items()}
trials = [(name, f"{rest[name]:.1f} dB", f"{y[-1]:.1f} σ") for name, y in rounded.items()]
lab.table([dict(zip(("range", "the others", "the outlier becomes"), trial, strict=True)) for trial in trials])
lab.claim("22.groups", "Won back by groups", rest[f"groups of {group}"] - rest["min–max"], at_least=theory.DB_PER_BIT, unit="dB")

# %% [markdown]
# ## What we saw

# %%
climb = exact[8].uniform_db - exact[4].uniform_db
lab.answer("22.p", options[3 - int(np.searchsorted([22, 23.9, 4 * theory.DB_PER_BIT + 0.1], climb))])
lab.finish(f"""A bit buys {theory.DB_PER_BIT:.2f} dB where the range stays the same. The best even levels of a Gaussian
gain {climb:.1f} dB from 4 to 8 bits instead of {4 * theory.DB_PER_BIT:.1f}; Lloyd and Max's eighth bit gains
{last[0]:.2f}. Even steps with entropy coding end {gap:.2f} dB below the bound. In {len(layers)} real layers the largest
weight alone told the SQNR to {wrong.max():.2f} dB, and a scale a channel was worth {half:.1f} bit in the median.

This does **not** show what a network notices: the SQNR of weights is not accuracy, and a decibel in one layer may matter
more than ten in another. Nor do the tables hold for heavier tails than a Gaussian's.

Further reading: Max, *Quantizing for minimum distortion* (1960); Gray and Neuhoff, *Quantization* (1998); Migacz, *8-bit
inference with TensorRT* (2017). Next: [After training](40_quantization_after_training.ipynb).""")
