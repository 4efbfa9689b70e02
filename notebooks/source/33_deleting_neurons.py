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
#     title: Deleting neurons
#     question: How does pruning become speed?
#     minutes: 60
#     budget_s: {fast: 40, full: 370}
#     needs: [31]
#     objectives:
#       - delete neurons and channels so that every layer that makes, passes on or reads them fits again
#       - choose them by weight norm, by activation sparsity and by what the next layer loses, and compare the choices
#       - predict parameters, multiply-adds and time of a network before it is cut
#       - explain why fewer channels may take as long as more, and why zeros alone save no time
#     terms:
#       least squares:
#         text: Choosing the numbers that make the sum of squared differences smallest; here, the outgoing weights of a
#           merged layer.
#         zh: 最小二乘
#       neuron:
#         text: One output of a dense layer, with its incoming weights, its bias and its outgoing weights.
#         zh: 神经元
#       retraining:
#         text: Training again after a change; in these lessons the same as fine-tuning.
#         zh: 再训练
#         note: unit epochs
#       structured pruning:
#         text: Removing whole neurons or channels, which leaves a smaller dense network.
#         zh: 结构化剪枝
#       tied channels:
#         text: Channels of several layers that an addition makes one; they can only be cut together.
#         zh: 绑定通道
# ---

# %% [markdown]
# # 33 · Deleting neurons
#
# How does pruning become speed?

# %%
from labkit import assets, by_profile, deploy, keras2, methods, start

from dataclasses import astuple

import matplotlib.pyplot as plt
import numpy as np

# %% tags=["parameters"]
dataset: str = "fashion_mnist"  # data set; fashion_mnist or mnist
network: str = "lenet5"  # network; lenet_300_100, lenet5, ds_cnn or resnet8
epochs: int = by_profile(4, 1)  # passes of retraining; 1 to 50
train_images: int = by_profile(20000, 1000)  # training images used for retraining; 1000 to 55000
calibration_images: int = by_profile(500, 100)  # training images that the criteria look at; 50 to 2000
block: int = 16  # outputs that a kernel computes at once; 1 to 64
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("33", seed=seed)
images = lab.data(dataset)
one_layer = deploy.single_layers.single_layers(lab.baseline_file("resnet8"))[1]
whole, baseline = lab.baseline_file(network, dataset), lab.baseline(network, dataset)
x, y = assets.data.as_input(images.train.x[:train_images]), images.train.y[:train_images]
calibration = x[:calibration_images]
dense = lab.measure(baseline, name="dense", technique="baseline")

# %% [markdown]
# Pruning single weights made zeros, and a program multiplies by zero as patiently as by anything. To gain time, the
# arrays themselves must become smaller: whole [neurons](../docs/glossary.md#neuron) have to go, or *channels*, as the
# neurons of a convolution are called. This is [structured pruning](../docs/glossary.md#structured-pruning).

# %% [markdown]
# ## Predict
#
# Each inner layer will lose half of its channels. Replace `None` by one of the options.

# %%
my_guess = None
options = ["a quarter or less", "more, up to a third", "more, up to a half", "more than half"]
lab.predict("33.p", f"Which share of its time does {network} take with half of its channels?", options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# A layer with $n$ inputs and $m$ outputs has a weight for each pair, at each place of its window, $k$ of them. It is
# multiplied at $p$ positions:
#
# $$ \text{MACs} = p\,k\,n\,m $$
#
# Keep a share $s$ of all channels, and both $n$ and $m$ shrink: an inner layer keeps $s^2$ of its work. The first layer
# keeps its inputs, the last its outputs.
#
# Which channels? Three answers, from cheap to dear. **Weight norm**: those whose weights add up to little go. **Activation
# sparsity**: those go that are zero on most real images. **Reconstruction**: look at the sums that the *next* layer
# forms, and let those go that change them least; two channels that cancel each other may then leave together.
#
# Does time follow the MACs? The figure times one convolution with fewer and fewer outputs.

# %%
counts = by_profile((2, 4, 8, 12, 16, 17, 20, 24, 28, 32, 33, 40, 48, 49, 56, 64), (8, 16, 24, 32))
cut = {str(n): deploy.forecast.resized(one_layer, 16, n) for n in counts}
stairs = deploy.timing.latency(cut, seconds=by_profile(2.0, 0.3), seed=seed)
figure, axes = plt.subplots()
axes.plot(counts, [1e3 * took.median_ms for took in stairs.values()], "o-", color="#444444")
axes.plot([0, 64], [0, 1e3 * stairs["32"].median_ms * 2], "--", color="#888888", linewidth=1)
axes.annotate("in proportion", (10, 1e3 * stairs["32"].median_ms * 0.3), (8, -8), textcoords="offset points", color="#666666")
axes.set(xlabel="outputs of the convolution", ylabel="time of the layer in µs", xticks=range(0, 65, 8), ylim=(0, None))
lab.show(figure, alt="The time of a convolution is not in proportion to its outputs: it climbs in steps, level in between.")

# %% [markdown]
# It climbs in steps. The kernel computes a *block* of outputs at once, and a block that is not full takes as long as a
# full one. Where the line falls, the library has a faster kernel for that width: fewer channels may take *longer* than
# more. Remember that when you choose how many stay.

# %% [markdown]
# ## By hand
#
# Two inputs, three ReLU neurons, two outputs. On these points the second neuron never speaks: it is *dead*.

# %%
kernel, bias = np.array([[1.0, -1.0, 2.0], [0.5, -1.0, -1.0]]), np.array([0.5, -1.0, 0.0])
outgoing, points = np.array([[3.0, 1.0], [7.0, -5.0], [-1.0, 2.0]]), np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
hidden = np.maximum(points @ kernel + bias, 0)
hidden

# %% [markdown]
# Delete its column, its bias, and the *row* of the next layer that listened to it. The two that stay may even change
# places, as long as their rows change places too.

# %%
kept = [2, 0]
smaller = np.maximum(points @ kernel[:, kept] + bias[kept], 0) @ outgoing[kept]
np.hstack([hidden @ outgoing, smaller])

# %% [markdown]
# ## With the library
#
# Nothing has changed. A neuron that does speak is missed, and retraining has to make it good.
#
# In a real network one cut goes through many layers: a batch normalization has four numbers for the channel, a
# depthwise convolution a window, and a Flatten repeats it at each position. Worst is an addition. What is added must
# have equally many channels, so the layers before it are [tied](../docs/glossary.md#tied-channels): they lose the same ones. `channel_groups` finds out.

# %%
groups = keras2.channel_groups(baseline)
lab.table({"group": g.name, "made by": ", ".join(g.layers), "channels": g.size, "read by": ", ".join(dict(g.readers))} for g in groups)

# %% [markdown]
# `keep_channels` cuts. Two checks that must hold for any network: channels that give zero can go, and channels can change
# places. `silenced` makes such zeros, as a mask does; its arrays keep their size. The bound is for rounding, since sums
# of hundreds of terms come in another order. A layer that surgery does not know it refuses, by name.

# %%
most = keras2.choose_channels(baseline, 0.9, "activation sparsity", images=calibration)
turned = {g.name: lab.rng.permutation(g.size) for g in groups}
pairs = {"deleting channels that give zero": (keras2.silenced(baseline, most), keras2.keep_channels(baseline, most))}
pairs["permuting all channels"] = (baseline, keras2.keep_channels(baseline, turned))
for what, pair in pairs.items():
    one, other = (keras2.logits(model, calibration) for model in pair)
    error = np.abs(one - other).max() / np.abs(one).max()
    lab.claim(f"33.{what.split()[0]}", f"Largest change of an output by {what}, relative", error, at_most=1e-4, holds="always")

# %% [markdown]
# ## Your turn

# %% [markdown]
# ### 33.1 Delete neurons ★☆☆ · 5 minutes
#
# Delete all neurons of a dense layer except those in `kept`. The remaining neurons appear in the order of `kept`. The
# next layer loses the weights that read the deleted neurons. If `kept` is empty, no neuron remains.


# %%
def keep(
    kernel: np.ndarray, bias: np.ndarray, outgoing: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Return kernel, bias and outgoing with only the kept neurons, in their order.

    Shapes: kernel (inputs, neurons), bias (neurons,), outgoing (neurons, outputs).
    """
    ### BEGIN SOLUTION
    return kernel[:, kept], bias[kept], outgoing[kept]
    ### END SOLUTION


keep = lab.check("33.1", keep)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# A neuron is a column of its kernel, one entry of the bias, and a row of the next layer's weights.
# </details>
# <details><summary>Hint 2</summary>
#
# `array[:, kept]` selects columns and `array[kept]` selects rows, both in the order of `kept`.
# </details>

# %% [markdown]
# ### 33.2 The cost after deletion ★★☆ · 10 minutes
#
# An inner convolution has a window of `kernel` × `kernel`, biases, and `size` × `size` output positions. Both its input
# channels and its filters are reduced to a share. Of $n$ channels, `round(share * n)` remain, but at least one. The
# image keeps its size. How many parameters and MACs does the convolution have then?


# %%
def left(
    kernel: int, size: int, channels: int, filters: int, share: float
) -> tuple[int, int]:
    """Return the parameters and the MACs of the reduced convolution."""
    ### BEGIN SOLUTION
    inputs = max(1, round(share * channels))
    outputs = max(1, round(share * filters))
    weights = kernel * kernel * inputs * outputs
    return weights + outputs, size * size * weights
    ### END SOLUTION


left = lab.check("33.2", left)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Compute the two new numbers first. The input channels shrink as well, because the layer before loses filters.
# </details>
# <details><summary>Hint 2</summary>
#
# Each weight is used once per output position. There is one bias per filter; biases count as parameters but not as
# MACs.
# </details>

# %% [markdown]
# ### 33.3 The greedy choice ★★★ · 15 minutes
#
# Channel $c$ contributes $z_c$ to the next layer's sums, and $G_{cd}$ is the mean of $z_c \cdot z_d$. Deleting a set of
# channels changes the sums; the mean squared change is $\sum G_{cd}$ over all $c$ and $d$ in the set. Start with no
# channel deleted. In each step, delete the channel for which this loss grows least. If several are equal, delete the
# one with the highest index.


# %%
def greedy(gram: np.ndarray, count: int) -> np.ndarray:
    """Return the indices of the count channels that remain, in ascending order.

    gram is G, of shape (channels, channels), and symmetric.
    """
    ### BEGIN SOLUTION
    remaining = list(range(len(gram)))
    increase = np.diag(gram).astype(float)
    while len(remaining) > count:
        cheapest = min(reversed(remaining), key=lambda c: increase[c])
        remaining.remove(cheapest)
        increase += 2 * gram[cheapest]
    return np.array(remaining)
    ### END SOLUTION


greedy = lab.check("33.3", greedy)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Suppose the set $T$ is already deleted. Deleting $c$ as well increases the loss by $G_{cc} + 2\sum_{d \in T} G_{cd}$.
# </details>
# <details><summary>Hint 2</summary>
#
# Keep this increase for all channels in one array, and add `2 * gram[c]` to it whenever you delete a channel $c$.
# `min(reversed(remaining), key=…)` returns the last of several equal ones.
# </details>

# %% [markdown]
# ## Evidence
#
# Each criterion chooses, and chance chooses as well: a criterion that is no better than chance is none. After the cut,
# the layers that lost inputs are *refitted* by [least squares](../docs/glossary.md#least-squares), on a few training
# images without their labels, to form their old sums again. Retraining begins at the deleted network, not the refitted
# one: on validation images, on which the learning rate was chosen too, that ended higher.

# %%
levels = by_profile((0.75, 0.5, 0.25), (0.5,))
criteria = by_profile(("reconstruction", "weight norm", "activation sparsity", "random"), ("reconstruction", "random"))
n, stages = len(images.test.y), ("deleted", "refitted", "retrained")
training = {"epochs": epochs, "learning_rate": 5e-3, "seed": seed}
models, chosen, found, interval = {}, {}, {}, {}
for key in [(share, how) for share in levels for how in criteria]:
    chosen[key] = keras2.choose_channels(baseline, *key, images=calibration, seed=seed)
    models[key], refitted = (keras2.keep_channels(baseline, chosen[key]) for _ in range(2))
    found[key] = [keras2.evaluate(models[key], *images.test)[1]]
    keras2.refit(refitted, baseline, chosen[key], calibration)
    keras2.train(models[key], x, y, **training)
    found[key] += [keras2.evaluate(model, *images.test)[1] for model in (refitted, models[key])]
    interval[key] = [methods.statistics.wilson(round(n * share), n) for share in found[key]]

# %%
texts = {key: [f"{s:.1%} ({a:.1%} to {b:.1%})" for s, (a, b) in zip(row, interval[key], strict=True)] for key, row in found.items()}
rows = [{"channels": f"{s:.0%}", "chosen by": how} | dict(zip(stages, row, strict=True)) for (s, how), row in texts.items()]
lab.table(rows, caption=f"Accuracy on {n:,} test images, 95 % interval; the whole network has {dense.accuracy:.1%}")
few, gain = levels[-1], [{how: found[levels[-1], how][k] for how in criteria} for k in range(3)]
mended, lead = min(gain[1][how] - gain[0][how] for how in criteria), gain[1]["reconstruction"] - gain[1]["random"]
lab.claim("33.refit-gain", "Refitted, fewest channels: least gain", mended, at_least=0.2, unit="points")
lab.claim("33.refit-chance", "Refitted, fewest channels: reconstruction above chance", lead, at_least=0.01, unit="points")

# %%
figure, panels = plt.subplots(1, 2, figsize=(7, 3.6))
paint = dict(zip(criteria, ("#D55E00", "#0072B2", "#CC79A7", "#888888"), strict=False))
for stage, axes in enumerate(panels, 1):
    for place, (how, colour) in enumerate(paint.items()):
        middle = np.array([found[share, how][stage] for share in levels])
        ends = np.abs(np.array([interval[share, how][stage] for share in levels]).T - middle)
        axes.errorbar(100 * np.array(levels), 100 * middle, 100 * ends, fmt="o-", color=colour, capsize=2)
        panels[0].text(0.97, 0.27 - 0.08 * place, how, color=colour, ha="right", transform=panels[0].transAxes)
    axes.axhline(100 * dense.accuracy, color="#444444", linewidth=1)
    axes.set(title=stages[stage], xlabel="channels kept in %", xlim=(20, 80), xticks=(25, 50, 75))
panels[0].set(ylabel="test accuracy in %, with interval")
panels[1].annotate("whole network", (22, 100 * dense.accuracy), (0, -11), textcoords="offset points", color="#444444")
lab.show(figure, alt="Before retraining the criteria lie far apart; after it they lie close together below the whole network.")

# %% [markdown]
# Read the rows of chance. Least squares repairs much, and training more; the better the repair, the less the choice
# matters, until chance does as well as any. Where most channels stay, activation sparsity is worst before the repair: a
# channel that seldom speaks may be the one that matters when it does.

# %% [markdown]
# ### Size, work and time
#
# What is gained does not depend on who was chosen, only on how many. Beside each cut network stands an *unstructured*
# one: single weights pruned by TFMOT to the same number that is not zero, with the same training.

# %%
small, zeros, off = {}, {}, 0
for share in levels:
    cut, plan = models[share, "reconstruction"], keras2.predicted_cost(baseline, chosen[share, "reconstruction"])
    mask = keras2.masked(baseline, cut, x, y, **training)
    small[share] = lab.measure(cut, name=f"{share:.0%} of the channels", technique="pruning", network=network)
    zeros[share] = lab.measure(mask, name=f"as many weights as {share:.0%}", technique="pruning", network=network)
    off += abs(plan.parameters - cut.count_params()) + abs(plan.macs - small[share].macs)
columns = ["model", "accuracy", "file", "deflated", "not zero", "MACs", "time, relative"]
lab.table([dense, *(rows[share] for share in levels for rows in (small, zeros))], columns)
lab.claim("33.prediction", "Parameters and MACs off their prediction, all levels together", off, equals=0, holds="always")

# %% [markdown]
# Cutting shrinks every column, and its counts are those that were predicted before anything was cut. Masking shrinks one:
# the file as it is compressed. The MACs that a mask saves are not saved, and the time is what it was.

# %% [markdown]
# ### Time, predicted and measured
#
# Three predictions, all made from the whole network's file and the plan. *MACs*: time shrinks as they do. *Blocks*:
# each layer's own time, times its inputs that are left, times its blocks of outputs that are left. *Layers*: each layer
# of the file is cut to its planned size with whatever weights, timed alone, and the times are added. None has seen the
# cut network.

# %%
plans = {f"{share:.0%}": keras2.planned_widths(baseline, chosen[share, "reconstruction"]) for share in levels}
foretold = deploy.forecast.forecast(whole, plans, seconds=by_profile(5.0, 0.5), block=block, seed=seed)
ratios = {s: dict(zip(("MACs", "blocks", "layers"), astuple(foretold[f"{s:.0%}"]), strict=True)) for s in levels}
rows = []
for share, row in ratios.items():
    real = small[share].latency_ratio
    written = {kind: f"{value:.2f}× ({value / real - 1:+.0%})" for kind, value in row.items()}
    rows.append({"channels": f"{share:.0%}", "measured": f"{real:.2f}×"} | written)
lab.table(rows, caption="Time over that of the whole network; in brackets how far a prediction is off")
worst = {k: max((row[k] / small[s].latency_ratio - 1 for s, row in ratios.items()), key=abs) for k in ratios[0.5]}
lab.claim("33.time-layers", "Time predicted by layers, furthest off", abs(worst["layers"]), at_most=0.25, unit="%")
lab.claim("33.time-macs", "Time predicted by MACs, too short by at most", -worst["MACs"], at_least=0.25, unit="%")
lab.claim("33.time", "Time with the fewest channels", small[few].latency_ratio, at_most=0.4, unit="×")
lab.claim("33.masked-time", "Time of the fastest masked network", min(m.latency_ratio for m in zeros.values()), at_least=0.8, unit="×")

# %%
figure, axes = plt.subplots()
real = [100 * small[share].latency_ratio for share in levels]
places = np.arange(len(levels))
marks = {"MACs": ("v", "#56B4E9"), "blocks": ("s", "#E69F00"), "layers": ("D", "#009E73")}
for shift, (kind, (mark, colour)) in zip((-0.28, 0, 0.28), marks.items(), strict=True):
    heights = [100 * ratios[share][kind] for share in levels]
    axes.plot(places + shift, heights, mark, color=colour)
    axes.annotate(kind, (shift, max(heights[0], real[0])), (0, 8), textcoords="offset points", color=colour, ha="center")
axes.hlines(real, places - 0.4, places + 0.4, color=lab.colour("pruning"))
axes.annotate(" measured", (places[0] + 0.4, real[0]), color=lab.colour("pruning"), va="center")
axes.set(xticks=places, xticklabels=[f"{share:.0%}" for share in levels], xlim=(-0.6, len(levels) - 0.3), ylim=(0, 105), xlabel="channels kept", ylabel="time, % of the whole network's")
lab.show(figure, alt="As channels go, the time predicted by MACs falls below the measured one; by blocks and by layers it stays near.")

# %% [markdown]
# The fewer channels, the more the MACs promise too much: what a call costs does not shrink, nor does a block that is cut
# in part. Layers alone add up, since they run one after another; where they do not, caches that hold one layer do not
# hold all.

# %% [markdown]
# ## What goes wrong
#
# Batch normalization makes the size of a channel's weights mean nothing: it divides by the deviation that they cause.
# Here are three channels that say equally much, the first by weights a hundred times smaller. By the plain norm it goes
# at once. The mend is to multiply by what the normalization multiplies by, as `choose_channels` does.

# %%
data, weights = lab.rng.normal(size=(500, 8)), lab.rng.normal(size=(8, 3)) * [0.01, 1, 1]
after = 1 / np.sqrt((data @ weights).var(axis=0) + 1e-9)
norms = {name: methods.channels.weight_norms([weights], by) for name, by in (("plain", None), ("times scale", [after]))}
lab.table({"norm": name, **{f"channel {k}": f"{v:.2f}" for k, v in enumerate(row)}} for name, row in norms.items())
folded = norms["times scale"]
lab.claim("33.folded-scale", "Smallest norm over the largest, with the scale", folded.min() / folded.max(), at_least=0.2, holds="always")

# %% [markdown]
# ## What we saw

# %%
middle, masked = small[0.5], zeros[0.5]
lab.answer("33.p", options[sum(middle.latency_ratio > edge for edge in (0.25, 1 / 3, 0.5))])
lab.finish(f"""
With half of its channels, {network} takes {middle.latency_ratio:.2f} of its time, with {middle.macs / dense.macs:.2f} of its MACs; its
file has {middle.bytes:,} bytes for {dense.bytes:,}. It has {middle.accuracy:.2%} (95 % interval {middle.accuracy_low:.2%} to {middle.accuracy_high:.2%})
against {dense.accuracy:.2%}, after {epochs} passes over {len(x):,} images. Masking as many weights gives {masked.accuracy:.2%} in
{masked.latency_ratio:.2f} of the time, and {masked.compressed_bytes:,} bytes deflated for {middle.compressed_bytes:,}. Predicted by MACs the time was off by up to
{worst["MACs"]:+.0%}, by blocks {worst["blocks"]:+.0%}, by layers {worst["layers"]:+.0%}. One convolution takes {stairs["24"].median_ms / stairs["32"].median_ms:.2f} times as long with 24 outputs as with 32. With {few:.0%} of the channels and a refit, reconstruction is
{100 * lead:.1f} points above chance; retrained, {100 * (gain[2]["reconstruction"] - gain[2]["random"]):+.1f}.

So pruning becomes speed when the arrays become smaller, and only then; which channels go matters less than one would think. This does
**not** show which criterion is best for good: it is one network, one seed, a short retraining, in which the masked network pays for
zeros that came late. Nor does the block of {block} outputs hold for another processor.

Further reading: Li et al., *Pruning filters* (2017, arXiv:1608.08710); Hu et al., *Network trimming* (2016, arXiv:1607.03250); Luo, Wu and
Lin, *ThiNet* (2017, arXiv:1707.06342); Liu et al., *Rethinking the value of network pruning* (2019, arXiv:1810.05270).
""")
