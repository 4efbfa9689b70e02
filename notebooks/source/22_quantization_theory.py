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
#     question: Why does each bit gain 6 dB, and when does it not?
#     minutes: 55
#     budget_s: {fast: 15, full: 30}
#     needs: [20, 21]
#     objectives:
#       - derive the 6 dB per bit and name the assumption that a Gaussian breaks
#       - improve the levels of a quantizer by Lloyd's iteration, and show a start that ends in a worse local optimum
#       - find the best clipping range as the lowest point of the sum of two errors
#       - predict the SQNR of a real layer from its largest weight and its root mean square, and name the widths at
#         which the prediction fails
#       - choose between one scale per tensor, per channel and per group, with the bits of the scales counted
#     routes: {numbers: 3}
#     terms:
#       best uniform quantizer:
#         text: The evenly spaced levels whose step gives the smallest mean squared error for a given source.
#         zh: 最优均匀量化器
#         note: symbol Δ
#       clipping:
#         text: "Setting values outside a chosen range to the ends of the range: large errors for a few values, finer
#           steps for all others."
#         zh: 截断
#       entropy-coded quantizer:
#         text: A quantizer followed by an entropy coder, so that its cost is the entropy of its outputs and not a fixed
#           number of bits.
#         zh: 熵编码量化器
#         note: unit bit
#       group scale:
#         text: One scale for each group of neighbouring weights, so that an outlier affects only its own group.
#         zh: 分组缩放因子
#         note: unit real per step
#       KL calibration:
#         text: Choosing the range whose quantized histogram is closest to the original one, by Kullback-Leibler
#           divergence.
#         zh: KL 散度校准
#       Lloyd-Max quantizer:
#         text: "Levels that meet two conditions: each is the mean of its cell, and each edge lies halfway between two
#           levels."
#         zh: 劳埃德–马克斯量化器
#       outlier:
#         text: A value far larger than the others; if it sets the range, the others lose one bit each time it doubles.
#         zh: 离群值
#         note: symbol k·σ
#       per channel:
#         text: With one scale for each output channel, so that a channel of small weights gets small steps.
#         zh: 逐通道
#       rate-distortion bound:
#         text: The smallest error that any code with a given number of bits per value can reach.
#         zh: 率失真界
#         note: symbol D(R) · unit dB
# ---

# %% [markdown]
# # 22 · Quantization theory
#
# Why does each bit gain 6 dB, and when does it not?

# %%
import collections
import itertools

from labkit import by_profile, deploy, methods, start

import matplotlib.pyplot as plt
import numpy as np

# %% tags=["parameters"]
bits: int = 4  # width used for clipping, group scales and outliers, in bits; 2 to 8
values: int = by_profile(400000, 40000)  # random numbers; 1000 to 500000
group: int = 32  # neighbouring weights that share a scale; 4 to 256
outlier: float = 20.0  # size of a planted outlier, in standard deviations; 8 to 64
draws: int = by_profile(5, 2)  # random draws of the experiment with outliers; 1 to 20
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("22", seed=seed)
theory, sqnr_db = methods.theory, methods.quantize.sqnr_db
fake_quantize = methods.quantize.fake_quantize
gaussian = lab.rng.normal(size=values)

# %% [markdown]
# ## Predict
#
# This lesson measures how much error one more bit removes. The unit is the [SQNR](../docs/glossary.md#sqnr): the power
# of the numbers divided by the power of the error, in decibels. A factor of four in power is about 6 dB.
#
# A common rule says that every bit gains 6 dB, so four bits gain 24 dB. Take numbers from a Gaussian and, at each
# width, the best evenly spaced levels. How much do we gain from 4 to 8 bits? Replace `None` by one of the options, in
# quotes.

# %%
my_guess = None
question = "SQNR gained by the best even levels of a Gaussian, from 4 to 8 bits?"
options = ["less than 22 dB", "22 to 23.9 dB", "23.9 to 24.2 dB", "more than 24.2 dB"]
lab.predict("22.p", question, options, my_guess)

# %% [markdown]
# ## Idea
#
# Divide the range from $-A$ to $A$ into $2^b$ equal cells, and put one level in the middle of each. The levels are one
# [step](../docs/glossary.md#quantization-step) $\Delta = 2A / 2^b$ apart. If a number is equally likely to lie anywhere
# in its cell, its error is uniform between $\pm\Delta/2$ and has the power $\Delta^2/12$. With the power $\sigma^2$ of
# the numbers,
#
# $$ \mathrm{SQNR} = 10 \log_{10} \frac{12\,\sigma^2}{\Delta^2} = 6.02\, b + 10 \log_{10} \frac{3 \sigma^2}{A^2}
# \quad \text{dB} $$
#
# One more bit halves $\Delta$ and leaves a quarter of the error's power: $10 \log_{10} 4 = 6.02$. The second term
# depends on the shape of the source. It is 0 for a uniform source ($\sigma^2 = A^2/3$) and 1.76 dB for a full-scale
# sine ($\sigma^2 = A^2/2$).
#
# The derivation assumes the same $A$ at every width. A small $A$ cuts off the values outside
# ([clipping](../docs/glossary.md#clipping)); a large $A$ makes the steps coarse. The best $A$ grows with $b$, so the
# second term is not constant.
#
# The figure shows three sets of levels for 3 bits. [Lloyd–Max levels](../docs/glossary.md#lloyd-max-quantizer) are
# dense where numbers are frequent. Symmetric integers have a level at zero, and therefore one level fewer than the even
# levels.

# %% tags=["hide-input"]
grid, places = np.linspace(-3.6, 3.6, 400), (-0.04, -0.1, -0.16)
even = theory.uniform(3, theory.best_uniform_step(3))
ends = np.linspace(1, 4, 301)
best_end = ends[np.argmin([sum(theory.clipped_errors(end, 3)) for end in ends])]
sets = {
    ("best even levels", "quantization"): even[1],
    ("Lloyd–Max", "clustering"): theory.lloyd_max(3)[1],
    ("integers −3 … 3", "low rank"): np.arange(-3, 4) * best_end / 3,
}
figure, axes = plt.subplots()
density = np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi)
axes.plot(grid, density, color=lab.colour("baseline"))
for (text, technique), y in zip(sets, places, strict=True):
    levels = sets[text, technique]
    marks = {"markersize": 12, "markeredgewidth": 2.5, "color": lab.colour(technique)}
    axes.plot(levels, np.full(len(levels), y), "|", **marks)
    axes.text(2.5, y, text, color=lab.colour("guide"), va="center")
axes.set(xlabel="value, in standard deviations", ylabel="probability density")
axes.set(xlim=(-3.6, 4.6), ylim=(-0.21, 0.42))
lab.show(
    figure, alt="Even levels, Lloyd–Max levels crowded in the middle, seven integers."
)

# %% [markdown]
# ## By hand
#
# How do we find good levels? Lloyd's iteration repeats two steps: assign each number to its nearest level, then move
# each level to the mean of its numbers. Neither step can increase the squared error. We run it on nine numbers and four
# levels, from two different starts.

# %%
numbers = np.array([-1.0, -0.9, -0.7, -0.1, 0.0, 0.1, 0.7, 1.2, 1.3])
for first_levels in ([-1.5, -0.5, 0.5, 1.5], [-0.9, -0.7, 0.1, 0.7]):
    levels = np.array(first_levels)
    for _ in range(6):
        edges = (levels[:-1] + levels[1:]) / 2
        nearest = np.searchsorted(edges, numbers)
        error = np.mean((numbers - levels[nearest]) ** 2)
        print(np.round(levels, 3), "error", round(float(error), 4))
        levels = np.array([numbers[nearest == k].mean() for k in range(4)])
    print()

# %% [markdown]
# ## With the library
#
# Both runs above settle where each level is the mean of its cell and each edge lies halfway between two levels. These
# two Lloyd–Max conditions are necessary, not sufficient: the second run stops at a larger error. Lloyd's iteration ends
# in a *local* optimum, and the start decides which.
#
# A Gaussian has only one solution of the two conditions (Fleischer, 1964). `theory.lloyd_max(bits)` computes it without
# data, since the mean of each cell has a closed form. `theory.lloyd_max(bits, samples)` runs Lloyd's iteration on your
# own numbers. We fit levels to one half of the random numbers and measure on the other.

# %%
fitted = theory.lloyd_max(bits, samples=gaussian[: values // 2])
fitted_db = theory.measured_db(*fitted, gaussian[values // 2 :])
closed_form_db = theory.compare(bits).lloyd_max_db
miss = abs(fitted_db - closed_form_db)
text = "Lloyd's iteration on random numbers reaches the SQNR of the closed form"
lab.claim("22.closed-form", text, miss, at_most=0.1, unit="dB", label="difference")
{"fitted": round(fitted_db, 3), "closed form": round(closed_form_db, 3)}

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
# ### Lloyd's iteration from every start
#
# For nine numbers we can try everything: your `lloyd_step` from every choice of four numbers and, without iteration,
# every cut of the sorted numbers into four cells. The output counts the starts that end at each error. Most of them
# miss the best one, some by far. On real weights, try several starts.

# %%
ends = collections.Counter()
for chosen in itertools.combinations(numbers, 4):
    levels = np.array(chosen)
    for _ in range(30):
        levels = lloyd_step(numbers, levels)
    nearest = np.searchsorted((levels[:-1] + levels[1:]) / 2, numbers)
    error = np.mean((numbers - levels[nearest]) ** 2)
    ends[round(float(error), 4)] += 1
splits = (np.split(numbers, cuts) for cuts in itertools.combinations(range(1, 9), 3))
least = min(sum(len(cell) * np.var(cell) for cell in cells) / 9 for cells in splits)
text = "The best start finds the best way to cut the numbers into cells"
miss = min(ends) - round(float(least), 4)
lab.claim("22.best-start", text, miss, equals=0, holds="always", label="difference")
dict(sorted(ends.items()))

# %% [markdown]
# ### How much does each bit gain?
#
# Each row of the next table is a width. We measure a uniform source and a sine, with levels over their full range, and
# set the textbook's prediction beside each. The Gaussian columns are closed forms; read how their distance to $6.02\,b$
# develops. To check them, we measure both quantizers on the random numbers and compare with Max's tables of 1960.

# %%
flat, sine = lab.rng.uniform(-1, 1, values), np.sin(np.sqrt(2) * np.arange(values))
exact, source_db = {}, {}
for b in range(1, 9):
    exact[b] = theory.compare(b)
    full_range = theory.uniform(b, 2 / 2**b)
    source_db[b] = [theory.measured_db(*full_range, x) for x in (flat, sine)]
published = {2: (0.1175, 0.1188), 3: (0.03454, 0.03744), 4: (0.009497, 0.01154)}
lloyd_differences, even_differences = [], []
for b, (lloyd_error, even_error) in published.items():
    lloyd_db = theory.measured_db(*theory.lloyd_max(b), gaussian)
    even_levels = theory.uniform(b, theory.best_uniform_step(b))
    even_db = theory.measured_db(*even_levels, gaussian)
    lloyd_differences.append(abs(lloyd_db - theory.db(lloyd_error)))
    even_differences.append(abs(even_db - theory.db(even_error)))

# %% tags=["hide-input"]
head = ["bits", "6.02 b", "uniform source", "6.02 b + 1.76", "sine"]
head += ["Lloyd–Max", "below 6.02 b", "best even levels", "below 6.02 b "]
rows = []
for b, best in exact.items():
    rule, (flat_db, sine_db) = theory.bound_db(b), source_db[b]
    cells = [rule, flat_db, theory.sine_db(b), sine_db, best.lloyd_max_db]
    cells += [rule - best.lloyd_max_db, best.uniform_db, rule - best.uniform_db]
    rows.append(dict(zip(head, [str(b), *(f"{c:.3f}" for c in cells)], strict=True)))
lab.table(rows, caption="SQNR in dB; the last four columns are for a Gaussian")
sine_distance = [theory.sine_db(b) - source_db[b][1] for b in exact]
limit = 10 * np.log10(np.sqrt(3) * np.pi / 2)
even_gains = np.diff([best.uniform_db for best in exact.values()])
lab.say(f"""The uniform source follows the rule, up to the noise of the draws. The sine
is {sine_distance[0]:.2f} dB below its prediction at 1 bit and {sine_distance[-1]:.2f}
dB at 8. Its values crowd at both ends, so their error is not uniform in wide cells.

With Lloyd–Max levels the Gaussian starts
{theory.bound_db(1) - exact[1].lloyd_max_db:.1f} dB below the rule. It loses a little
more with every bit and approaches {limit:.2f} dB (Panter and Dite, 1951). With even
levels the distance keeps growing, because the range grows too. The second bit gains
{even_gains[0]:.2f} dB, the eighth {even_gains[-1]:.2f}.""")
for name, table, differences in (
    (
        "lloyd-max",
        "Lloyd–Max levels, measured on random numbers, have",
        lloyd_differences,
    ),
    (
        "uniform",
        "The best even levels, measured on random numbers, have",
        even_differences,
    ),
):
    lab.claim(
        f"22.{name}",
        f"{table} the SQNR that Max published",
        max(differences),
        at_most=0.1,
        unit="dB",
        label="largest difference at 2, 3 and 4 bits",
    )
lab.claim(
    "22.sine",
    "The 8-bit sine has almost the SQNR that the textbook predicts",
    abs(sine_distance[-1]),
    at_most=0.2,
    unit="dB",
    label="difference",
)

# %% [markdown]
# ### The bound, and all quantizers in one picture
#
# Shannon's [rate–distortion bound](../docs/glossary.md#rate-distortion-bound) limits every code, however complicated.
# For a Gaussian it is exactly $6.02\,b$. The dashed lines are
# [entropy-coded](../docs/glossary.md#entropy-coded-quantizer): a coder gives short words to frequent outputs, and we
# count their entropy instead of $b$. The top dashed line has unlimited even cells; all others have $2^b$ levels. Higher
# is better. We also measure one point of the top line.

# %%
unlimited = [theory.entropy_coded(step) for step in np.geomspace(3.2, 0.012, 40)]
codes = np.rint(gaussian / 0.1)
shares = np.unique(codes, return_counts=True)[1] / values
entropy = -np.sum(shares * np.log2(shares))
bound_distance = theory.bound_db(entropy) - sqnr_db(gaussian, 0.1 * codes)

# %% tags=["hide-input"]
lines = {
    "unlimited even cells, coded": [(b, theory.db(error)) for b, error in unlimited],
    "Lloyd–Max, coded": [(r[1], r[0]) for r in exact.values()],
    "best even levels, coded": [(r[3], r[2]) for r in exact.values()],
    "Lloyd–Max": [(b, r[0]) for b, r in exact.items()],
    "best even levels": [(b, r[2]) for b, r in exact.items()],
}
figure, axes = plt.subplots(figsize=(7, 4.2))
axes.axhline(0, color=lab.colour("baseline"))
axes.text(8.2, 0.08, "bound", color=lab.colour("baseline"), va="bottom")
for text, points in lines.items():
    technique = "clustering" if "Lloyd" in text else "quantization"
    technique = "merging" if "unlimited" in text else technique
    curve = [(b, sqnr - theory.bound_db(b)) for b, sqnr in points]
    style = "--" if "coded" in text else "-"
    axes.plot(*zip(*curve, strict=True), style, color=lab.colour(technique))
    lab.label_line(axes, *curve[-1], text, technique, dx=8)
axes.set(
    xlabel="bits per value (entropy, where coded)", ylabel="SQNR minus the bound, in dB"
)
axes.set(xlim=(0, 12.8), ylim=(-8, 0.6), xticks=range(9))
alt = "All lines lie below the bound: coded even cells closest, even levels farthest."
lab.show(figure, alt=alt)
lloyd_gap, even_gap = (
    theory.bound_db(entropy_bits) - sqnr
    for sqnr, entropy_bits in (exact[4][:2], exact[4][2:4])
)
coded_lead = lloyd_gap - even_gap
lab.say(f"""Without a coder, even levels are the worst choice. With a coder, unlimited
even cells are the best. Their lead comes from unlimited levels: the sixteen best even
levels, coded, are only {coded_lead:.2f} dB closer to the bound than Lloyd–Max. At fine
steps, even cells need {theory.SHAPING_DB / theory.DB_PER_BIT:.2f} bits per value more
than the bound (Gish and Pierce, 1968).""")
lab.claim(
    "22.fine-steps",
    "Fine even steps, coded ideally, miss the bound by the distance of Gish and Pierce",
    bound_distance,
    between=(theory.SHAPING_DB - 0.03, theory.SHAPING_DB + 0.03),
    unit="dB",
    label="measured on random numbers",
)

# %% [markdown]
# ### Clipping against rounding
#
# Model files store integers and a scale. A narrow range clips more values; a wide range rounds more coarsely. In the
# figure, the lines are closed forms of both errors, and the dots are measured. Look for the lowest point of the sum.

# %%
clips = np.linspace(0.8, 6, 53)
parts = np.array([theory.clipped_errors(clip, bits) for clip in clips])
total_errors, measured_errors = parts.sum(axis=1), []
for clip in clips[::4]:
    rounded = fake_quantize(gaussian, bits, low=-clip, high=clip)
    measured_errors.append(np.mean((rounded - gaussian) ** 2))
best_clip, best_db = clips[np.argmin(total_errors)], theory.db(total_errors.min())
minmax_db = {}
for count in (1000, 10_000, values):
    peaks = [np.abs(lab.rng.normal(size=count)).max() for _ in range(20)]
    range_db = [theory.db(sum(theory.clipped_errors(peak, bits))) for peak in peaks]
    minmax_db[count] = np.median(range_db)

# %% tags=["hide-input"]
figure, axes = plt.subplots()
guides = ("rounding", parts[:, 0], 0, "guide"), ("clipping", parts[:, 1], 30, "guide")
for text, errors, k, technique in (
    *guides,
    ("sum of both", total_errors, 38, "quantization"),
):
    axes.semilogy(clips, errors, color=lab.colour(technique))
    where = {"xytext": (8, -14), "textcoords": "offset points"}
    axes.annotate(text, (clips[k + 2], errors[k]), color=lab.colour(technique), **where)
axes.semilogy(clips[::4], measured_errors, "o", color=lab.colour("quantization"))
axes.set(
    xlabel="end of the range, in standard deviations",
    ylabel="mean squared error, in σ²",
)
axes.set(ylim=(2e-7, 2))
lab.show(
    figure,
    alt=f"Rounding grows, clipping falls; their sum is lowest near {best_clip:.1f} σ.",
)
by_count = ", ".join(f"{db:.1f} dB for {n:,}" for n, db in minmax_db.items())
lab.say(f"""At {bits} bits the best range ends at {best_clip:.1f} standard deviations
and gives {best_db:.1f} dB. The {2**bits} best even levels have
{exact[bits].uniform_db:.1f} dB; symmetric integers with a zero have only {2**bits - 1}
levels. If the range ends at the largest number instead (min–max), the SQNR depends on
how many numbers there are: {by_count}.""")
lab.claim(
    "22.total-error",
    "The measured errors agree with the closed form",
    np.abs(measured_errors / total_errors[::4] - 1).max(),
    at_most=0.03,
    unit="%",
    label="largest difference",
)

# %% [markdown]
# ### Real weights
#
# Now we quantize the layers of the four networks of the course. Min–max ends the range at the largest weight, so $A$ is
# that weight and there are $2^b - 2$ steps. The formula of *Idea* then needs only the ratio of the largest weight to
# the root mean square. In the figure each dot is a layer, and each line is the formula at one width.

# %%
layers, kinds = [], []
for network in ("lenet_300_100", "lenet5", "ds_cnn", "resnet8"):
    path = lab.baseline_file(network)
    for row in deploy.inspect.layers(path):
        weights = deploy.inspect.layer(path, row.index)["weights"]
        weights = np.moveaxis(weights, -1 if row.kind == "depthwise" else 0, 0)
        layers.append(weights.reshape(len(weights), -1))  # one row per output channel
        kinds.append(row.kind)
peaks = np.array([np.abs(w).max() / np.sqrt(np.mean(w**2)) for w in layers])
layer_db, formula_db = {}, {}
for b in range(2, 9):
    layer_db[b] = np.array([sqnr_db(w, fake_quantize(w, b)) for w in layers])
    formula_db[b] = 10 * np.log10(3 * (2**b - 2) ** 2) - 20 * np.log10(peaks)
misses = {b: np.abs(layer_db[b] - formula_db[b]).max() for b in layer_db}

# %% tags=["hide-input"]
figure, axes = plt.subplots(figsize=(7, 4))
order = np.argsort(peaks)
for b in (8, 6, 4, 3, 2):
    axes.plot(
        peaks[order], formula_db[b][order], color=lab.colour("guide"), linewidth=1
    )
    axes.plot(peaks, layer_db[b], "o", color=lab.colour("quantization"), markersize=4)
    shift = {3: 0.5, 2: -1}.get(b, 0)
    axes.text(
        peaks.max() + 0.3, layer_db[b][order[-1]] + shift, f"{b} bits", va="center"
    )
axes.set(xlabel="largest weight of the layer / root mean square", ylabel="SQNR in dB")
axes.set(xlim=(peaks.min() - 0.5, peaks.max() + 2))
alt = "Dots on the formula's lines at 8, 6 and 4 bits, near at 3, mostly above at 2."
lab.show(figure, alt=alt)
rows = []
for b in range(3, 9):
    gain = np.median(layer_db[b] - layer_db[b - 1])
    nominal = 20 * np.log10((2**b - 2) / (2 ** (b - 1) - 2))
    cells = (str(b), f"{misses[b]:.2f}", f"{nominal:.2f}", f"{gain:.2f}")
    heads = (
        "bits",
        "largest miss of the formula",
        "gain of this bit, formula",
        "gain, median",
    )
    rows.append(dict(zip(heads, cells, strict=True)))
lab.table(
    rows, caption=f"{len(layers)} layers, min–max, one scale per tensor; all in dB"
)
vanished = np.median([np.mean(fake_quantize(w, 2) == 0) for w in layers])
lab.say(f"""From 4 bits on the formula holds. At 2 bits it misses by up to
{misses[2]:.1f} dB, because {vanished:.0%} of the weights of the median layer become
zero. The error of a number that becomes zero is the number itself and no more, so the
SQNR hardly becomes negative. This is why the third bit gains less than the formula
promises.""")
lab.claim(
    "22.formula",
    "From 4 bits on, the formula predicts the SQNR of every layer",
    max(misses[b] for b in range(4, 9)),
    at_most=0.6,
    unit="dB",
    holds="always",
    label="largest difference",
)

# %% [markdown]
# ### Finer scales, with their bits counted
#
# An [outlier](../docs/glossary.md#outlier) costs bits: under min–max, each time the largest weight doubles, all others
# lose one. The fewer weights share a scale, the smaller their largest tends to be. So we try one scale [per
# channel](../docs/glossary.md#per-channel) and [per group](../docs/glossary.md#group-scale) of neighbours.
#
# The file has to store every scale: as float32, float16, a power of two as in MX formats, or 8-bit floating point with
# one float32 per tensor as in NVFP4 (lesson 20). `quantize_in_groups` computes the scales, rounds them to that format,
# and rounds the weights. Every variant may clip, including the baseline with one scale per tensor: it takes the factor
# with the least error.
#
# The unit is the gain of one more bit for every weight, measured in each layer. A variant *pays* in a layer if it gains
# more bits than its scales cost.

# %%
factors, in_groups = np.linspace(0.4, 1, 13), methods.quantize.quantize_in_groups
base, next_bit = [], []
for weights in (w.reshape(1, -1) for w in layers):
    one_scale = (weights.size, "float32", factors)
    base.append(sqnr_db(weights, in_groups(weights, bits, *one_scale)))
    next_db = sqnr_db(weights, in_groups(weights, bits + 1, *one_scale))
    next_bit.append(next_db - base[-1])
scale_bits = {"float32": 32, "float16": 16, "float8_e4m3fn": 8, "e8m0": 8}
gains, costs, sizes = {}, {}, np.array([w.size for w in layers])
for length, name in itertools.product((10**6, group), scale_bits):
    finer = [sqnr_db(w, in_groups(w, bits, length, name, factors)) for w in layers]
    gains[length, name] = (np.array(finer) - base) / next_bit
    counts = np.array([len(w) * np.ceil(w.shape[1] / length) for w in layers])
    shared = 0 if name == "float8_e4m3fn" else 32  # the baseline's own float32 scale
    costs[length, name] = (counts * scale_bits[name] - shared) / sizes

# %% tags=["hide-input"]
pays = {key: gains[key] > costs[key] for key in gains}
rows = []
for length, name in gains:
    low, middle, high = np.percentile(gains[length, name], [0, 50, 100])
    row = {"one scale per": f"group of {group}" if length == group else "channel"}
    row |= {"stored as": "power of two" if name == "e8m0" else name}
    row |= {"gain in bits (range)": f"{middle:.2f} ({low:.2f} to {high:.2f})"}
    row |= {"cost in bits": f"{np.median(costs[length, name]):.2f}"}
    for kind in dict.fromkeys(kinds):
        chosen = np.array(kinds) == kind
        row |= {
            f"pays, {kind}": f"{pays[length, name][chosen].sum()} of {chosen.sum()}"
        }
    rows.append(row)
caption = (
    f"{bits}-bit weights against one clipped scale per tensor; medians over layers"
)
lab.table(rows, caption=caption)
clip_gain = np.median((base - layer_db[bits]) / next_bit)
paying = {name: pays[group, name].sum() for name in scale_bits}
lab.say(f"""The format of the scale decides. Groups of {group} pay in
{paying["float32"]} of {len(layers)} layers with float32 scales, in {paying["float16"]}
with float16, and in {paying["float8_e4m3fn"]} with 8-bit floating point. Powers of two
are as short but too coarse: they pay in {paying["e8m0"]}. Clipping alone costs no bits
and already gains {clip_gain:.2f} bits over min–max in the median layer.""")
lab.claim(
    "22.groups-float8",
    "With 8-bit floating-point scales, groups gain more than they cost in most layers",
    paying["float8_e4m3fn"] / len(layers),
    at_least=0.75,
    unit="%",
    label="share of layers",
)
lab.claim(
    "22.groups-float32",
    "With float32 scales, groups cost more than they gain in nearly every layer",
    paying["float32"] / len(layers),
    at_most=0.1,
    unit="%",
    label="share of layers in which they pay",
)

# %% [markdown]
# ## What goes wrong
#
# Do groups protect a tensor from outliers? We plant outliers of random sign at random places, from one in 100,000
# numbers to one in 100. The table shows the SQNR of all *other* numbers and what becomes of an outlier. One rival is
# [KL calibration](../docs/glossary.md#kl-calibration). A stronger rival stores the outliers apart (*SqueezeLLM*, Kim et
# al., 2023, arXiv:2306.07629); we count 16 bits for each value and 32 for its position.


# %%
def remedies(x: np.ndarray) -> dict[str, np.ndarray]:
    """Return x quantized by each remedy."""
    least = methods.calibrate.mse(x, bits, symmetric=True)[1]
    closest = methods.calibrate.entropy(x, bits, symmetric=True)[1]
    ranges = {
        "one range, min–max": (bits, np.abs(x).max()),
        "one range, least squares": (bits, least),
        "one range, KL calibration": (bits, closest),
        "one range, best for a Gaussian": (bits, best_clip),
        "one range with one more bit": (bits + 1, next_clip),
    }
    results = {f"groups of {group}, float16 scales": in_groups(x, bits, group)}
    for name, (width, end) in ranges.items():
        results[name] = fake_quantize(x, width, low=-end, high=end)
    return results


# %%
next_clip = methods.calibrate.mse(gaussian, bits + 1, symmetric=True)[1]
rates, others_db, outlier_sizes, zeros = (1e-5, 1e-4, 1e-3, 1e-2), {}, {}, []
count = values // group * group
for rate, _ in itertools.product(rates, range(draws)):
    x = lab.rng.normal(size=count)
    places = lab.rng.choice(count, max(1, round(rate * count)), replace=False)
    x[places] = outlier * lab.rng.choice([-1, 1], len(places))
    for name, rounded in remedies(x).items():
        ordinary_db = sqnr_db(np.delete(x, places), np.delete(rounded, places))
        others_db.setdefault((name, rate), []).append(ordinary_db)
        outlier_sizes[name] = np.median(np.abs(rounded[places]))
        if name.startswith("groups"):
            hit = rounded.reshape(-1, group)[np.unique(places // group)]
            zeros.append(np.mean(hit == 0))

# %% tags=["hide-input"]
names = list(outlier_sizes)
grouped, clipped, wider = names[0], *names[-2:]
value_bits = dict.fromkeys(names, f"{bits}")
value_bits |= {wider: f"{bits + 1}", grouped: f"{bits + 16 / group:g}"}
mean_db = {key: np.mean(each) for key, each in others_db.items()}
rows = []
for name in [*names[1:], grouped]:
    row = {"remedy": name, "bits per value": value_bits[name]}
    row |= {f"1 in {1 / rate:,.0f}": f"{mean_db[name, rate]:.1f} dB" for rate in rates}
    rows.append(row | {"an outlier becomes": f"{outlier_sizes[name]:.1f} σ"})
place = names.index(clipped) - 1
apart = rows[place] | {
    "remedy": "the same, outliers apart",
    "bits per value": f"{bits} + 48 × rate",
}
rows.insert(place + 1, apart | {"an outlier becomes": f"{outlier:.1f} σ"})
spread = max(np.ptp(each) for each in others_db.values())
caption = (
    f"SQNR of all other numbers: mean of {draws} draws, range up to {spread:.1f} dB"
)
lab.table(rows, caption=f"{caption}; last column: at the highest rate")
loss = mean_db[clipped, rates[-1]] - mean_db[grouped, rates[-1]]
lab.say(f"""Min–max fails at every rate. A fixed clipped range has to know σ; it
protects the others but ruins the outliers. Least squares widens the range as outliers
become frequent.

Groups help while outliers are rare. But in a group with an outlier {np.mean(zeros):.0%}
of the numbers become zero. At the highest rate groups are {loss:.0f} dB worse than the
clipped range. With float32 scales they would take {bits + 32 / group:g} bits per value.
One range with {bits + 1} bits keeps {min(mean_db[wider, rate] for rate in rates):.1f}
dB at every rate, but ruins outliers too. Storing them apart keeps both, for
{48 * rates[-2]:.2f} bits per value at one in {1 / rates[-2]:,.0f}.""")
lab.claim(
    "22.rare-outliers",
    "Groups beat one clipped range while outliers are rare",
    mean_db[grouped, rates[0]] - mean_db[clipped, rates[0]],
    at_least=0.8,
    unit="dB",
    label="gain for the other numbers",
)
lab.claim(
    "22.frequent-outliers",
    "Groups lose to one clipped range when outliers are frequent",
    loss,
    at_least=5,
    unit="dB",
    label="loss for the other numbers",
)

# %% [markdown]
# ## What we saw

# %% tags=["hide-input"]
climb = exact[8].uniform_db - exact[4].uniform_db
lab.answer("22.p", options[int(np.searchsorted([22, 23.9, 24.2], climb))])
lab.finish(f"""A bit gains {theory.DB_PER_BIT:.2f} dB if the range stays the same. For a
Gaussian the range has to grow: the best even levels gain {climb:.1f} dB from 4 to 8
bits instead of {4 * theory.DB_PER_BIT:.1f}. In {len(layers)} real layers the formula
predicted the SQNR to within {max(misses[b] for b in range(4, 9)):.1f} dB from 4 bits
on. At 2 bits it missed by up to {misses[2]:.0f} dB. Groups of {group} paid in
{paying["float32"]}, {paying["float16"]} or {paying["float8_e4m3fn"]} of these layers,
with scales of 32, 16 or 8 bits.

This does **not** show what a network notices: the SQNR of weights is not accuracy. The
tables hold for a Gaussian only. Real outliers often share a channel; ours have random
places.

Further reading: Max, *Quantizing for minimum distortion* (1960); Gray and Neuhoff,
*Quantization* (1998). Next: [The mathematics of
sparsity](30_mathematics_of_sparsity.ipynb).""")
