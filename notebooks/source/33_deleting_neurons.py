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
#     question: How does pruning make a network faster?
#     minutes: 60
#     budget_s: {fast: 30, full: 400}
#     needs: [31]
#     objectives:
#       - delete neurons and channels so that every layer that computes, passes on or reads them still fits
#       - choose them by weight norm, by activation sparsity and by reconstruction, and compare with random choices
#       - predict parameters, multiply-adds and time of a network before it is cut
#       - explain why time falls in steps when channels are removed, and why zeros alone save no time
#     terms:
#       least squares:
#         text: Choosing the numbers that make the sum of squared differences smallest; here, the weights of a layer
#           whose inputs were cut.
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
#         text: Channels of several layers that are added to each other, so that they can only be cut together.
#         zh: 绑定通道
# ---

# %% [markdown]
# # 33 · Deleting neurons
#
# How does pruning make a network faster?

# %%
from dataclasses import astuple

from labkit import assets, by_profile, deploy, keras2, methods, start

import matplotlib.pyplot as plt
import numpy as np

# %% tags=["parameters"]
dataset: str = "fashion_mnist"  # data set; fashion_mnist or mnist
network: str = "lenet5"  # network; lenet_300_100, lenet5, ds_cnn or resnet8
epochs: int = by_profile(4, 1)  # passes of retraining; 1 to 50
train_images: int = by_profile(20000, 1000)  # images for retraining; 1000 to 55000
calibration_images: int = by_profile(500, 100)  # images for the criteria; 50 to 2000
draws: int = by_profile(5, 2)  # random choices of channels; 2 to 20
block: int = 16  # outputs that we assume a kernel computes at once; 1 to 64
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("33", seed=seed)
images = lab.data(dataset)
baseline = lab.baseline(network, dataset)
x = assets.data.as_input(images.train.x[:train_images])
y = images.train.y[:train_images]
calibration = x[:calibration_images]
test_x = assets.data.as_input(images.test.x)
dense = lab.measure(baseline, name="dense", technique="baseline")

# %% [markdown]
# We work with LeNet-5, a small convolutional network that is already trained. The cell above loads it and measures it.
# Lesson 31 set single weights to zero, and the network became no faster, because a dense product multiplies by zero as
# well. To save time in the same program the arrays themselves have to shrink.
#
# So we remove whole [neurons](../docs/glossary.md#neuron), called *channels* in a convolution. This is [structured
# pruning](../docs/glossary.md#structured-pruning). The Chinese introductory article that this course grew from
# describes it: choose neurons, delete them, retrain.

# %% [markdown]
# ## Predict
#
# Every inner layer will lose half of its channels. Write down a guess before you read on: replace `None` with one of
# the options, in quotes.

# %%
my_guess = None
options = [
    "a quarter or less",
    "more, up to a third",
    "more, up to a half",
    "more than half",
]
question = f"Which fraction of its time does {network} need with half of its channels?"
lab.predict("33.p", question, options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# A layer with $n$ inputs and $m$ outputs has $k$ weights for each pair, one per position of its window. It multiplies
# at $p$ positions of the image:
#
# $$ \text{MACs} = p\,k\,n\,m $$
#
# If we keep a fraction $s$ of all channels, both $n$ and $m$ shrink, and an inner layer keeps $s^2$ of its
# multiply-adds: a quarter for $s = 1/2$. The first layer keeps its inputs and the last its outputs, so these two keep
# the fraction $s$.
#
# Which channels should go? We compare three criteria:
#
# - **Weight norm.** Channels with a small sum of absolute weights go.
# - **Activation sparsity.** Channels that are zero on most images go.
# - **Reconstruction.** The channels go whose absence changes the sums of the *next* layer least. Two channels that
#   cancel each other can then go together.
#
# Does the time follow the multiply-adds? We time one convolution with different numbers of outputs.
# `deploy.forecast.resized` writes its file at a new size. The dashed line in the figure is in proportion to the
# outputs.

# %%
output_counts = by_profile(range(1, 65), (8, 16, 17, 32, 33, 64))
layer = deploy.single_layers.single_layers(lab.baseline_file("resnet8"))[1]
layer_files = {str(n): deploy.forecast.resized(layer, 16, n) for n in output_counts}
timings = deploy.timing.latency(layer_files, seconds=by_profile(4.0, 0.3), seed=seed)
layer_times = np.array([1e3 * timings[str(n)].median_ms for n in output_counts])

# %% tags=["hide-input"]
figure, axes = plt.subplots()
axes.plot(output_counts, layer_times, ".-", color=lab.colour("baseline"))
axes.plot([0, 64], [0, layer_times[-1]], "--", color=lab.colour("guide"), linewidth=1)
axes.annotate(
    "in proportion",
    (48, 0.75 * layer_times[-1]),
    (6, -6),
    textcoords="offset points",
    color=lab.colour("guide"),
    va="top",
)
axes.set(xlabel="outputs of the convolution", ylabel="time of the layer in µs")
axes.set(xticks=range(0, 65, 8), ylim=(0, None))
lab.show(
    figure,
    alt="Time of a convolution against its outputs, beside a proportional line.",
)


def level_stretches() -> list[list[int]]:
    """Return the places of neighbouring counts whose times are almost equal."""
    stretches = [[0]]
    for place in range(1, len(output_counts)):
        level = layer_times[stretches[-1]].min()
        if abs(layer_times[place] / level - 1) < 0.15:
            stretches[-1].append(place)
        else:
            stretches.append([place])
    return stretches


stretches = [places for places in level_stretches() if len(places) > 1]
described = [
    f"{output_counts[places[0]]} to {output_counts[places[-1]]} outputs take "
    f"{np.median(layer_times[places]):.0f} µs"
    for places in stretches
]
time_of = dict(zip(output_counts, layer_times, strict=True))
lab.say(f"""
The time changes in steps: {"; ".join(described)}. Inside a step, removing outputs saves
nothing. A single output can matter: {time_of[33]:.0f} µs with 33 outputs,
{time_of[32]:.0f} with 32, {time_of[17]:.0f} with 17, {time_of[16]:.0f} with 16. A
kernel computes a block of outputs at once; which blocks depends on library and
processor, so measure on yours.
""")

# %% [markdown]
# ## By hand
#
# We delete one neuron from a network with two inputs, three ReLU neurons and two outputs. For the three
# points below the second neuron is always zero: it is *dead*.

# %%
kernel = np.array([[1.0, -1.0, 2.0], [0.5, -1.0, -1.0]])
bias = np.array([0.5, -1.0, 0.0])
outgoing = np.array([[3.0, 1.0], [7.0, -5.0], [-1.0, 2.0]])
points = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
hidden = np.maximum(points @ kernel + bias, 0)
hidden

# %% [markdown]
# To delete it, we remove its column of the kernel, its bias, and the *row* of the next layer that it was multiplied
# by.

# %%
kept = [2, 0]
small_hidden = np.maximum(points @ kernel[:, kept] + bias[kept], 0)
np.hstack([hidden @ outgoing, small_hidden @ outgoing[kept]])

# %% [markdown]
# ## With the library
#
# The left half of the array has the outputs before the cut, the right half those after it. They are equal, because the
# deleted neuron was dead. If an active neuron goes, the outputs change, and
# [retraining](../docs/glossary.md#retraining) has to compensate.
#
# In a real network, one cut touches many layers: a batch normalization stores four numbers per channel, and a Flatten
# layer repeats the channel at each position. Additions are the hardest case. Both summands must have the same
# channels, so the layers before them are [tied](../docs/glossary.md#tied-channels) and lose the same ones.
# `keras2.channel_groups` finds the channels that can be cut together, and the layers that read them.

# %%
groups = keras2.channel_groups(baseline)
lab.table(
    {
        "group": group.name,
        "computed by": ", ".join(group.layers),
        "channels": group.size,
        "read by": ", ".join(dict(group.readers)),
    }
    for group in groups
)

# %% [markdown]
# `keras2.keep_channels(model, chosen)` returns a new, smaller model; `chosen` gives the indices to keep, by the name
# of the group. It works for your own Keras 2 models too, and refuses a layer that it does not know.
#
# Two properties must hold for any network: deleting channels that are always zero changes no output (`silenced`
# returns a network with such zeros), and neither does permuting channels. We allow for rounding, because sums are
# computed in another order.

# %%
share_kept = keras2.choose_channels(baseline, 0.9, "weight norm")
silenced = keras2.silenced(baseline, share_kept)
deleted = keras2.keep_channels(baseline, share_kept)
orders = {group.name: lab.rng.permutation(group.size) for group in groups}
permuted = keras2.keep_channels(baseline, orders)


def largest_change(first, second) -> float:
    """Return the largest difference of the outputs, relative to the largest one."""
    outputs, others = (
        keras2.logits(first, calibration),
        keras2.logits(second, calibration),
    )
    return np.abs(outputs - others).max() / np.abs(outputs).max()


# %% tags=["hide-input"]
lab.claim(
    "33.deleting",
    "Deleting channels that are zero changes no output, up to rounding",
    largest_change(silenced, deleted),
    at_most=1e-5,
    holds="always",
    label="largest relative change",
)
lab.claim(
    "33.permuting",
    "Permuting channels changes no output, up to rounding",
    largest_change(baseline, permuted),
    at_most=1e-5,
    holds="always",
    label="largest relative change",
)

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
# ### Which criterion is best?
#
# A criterion that does no better than random choices is useless. One random choice could be lucky, so we draw several.
# We measure each network three times:
#
# - **deleted**, right after the cut;
# - **refitted**: layers that lost inputs get new weights by [least squares](../docs/glossary.md#least-squares), so
#   that their sums on a few training images come close to the old ones, without labels;
# - **retrained**: a few passes over training images with labels, starting from the deleted network.


# %%
def right_answers(model) -> np.ndarray:
    """Return for each test image whether the model classifies it correctly."""
    return keras2.logits(model, test_x).argmax(axis=1) == images.test.y


def stages_of(chosen: dict) -> dict:
    """Return the network with the chosen channels, deleted, refitted and retrained."""
    deleted, refitted, retrained = (
        keras2.keep_channels(baseline, chosen) for _ in range(3)
    )
    keras2.refit(refitted, baseline, chosen, calibration)
    keras2.train(retrained, x, y, **training)
    return {"deleted": deleted, "refitted": refitted, "retrained": retrained}


# %%
levels = by_profile((0.5, 0.25), (0.5,))
training = {"epochs": epochs, "learning_rate": 5e-3, "seed": seed}
criteria = ("reconstruction", "weight norm", "activation sparsity")
choices = [(name, 0) for name in criteria]
choices += [("random", seed + draw) for draw in range(draws)]
right, models, kept_channels = {}, {}, {}
for share in levels:
    for name, draw in choices:
        settings = {"images": calibration, "seed": draw}
        chosen = keras2.choose_channels(baseline, share, name, **settings)
        stages = stages_of(chosen)
        for stage, model in stages.items():
            right[share, name, draw, stage] = right_answers(model)
        if name == "reconstruction":
            models[share], kept_channels[share] = stages["retrained"], chosen

# %% [markdown]
# The whole network may gain from further training as well, so it gets as many passes and serves as the control. We
# chose the learning rates on validation images: the small networks need a higher one than the whole network.
#
# The table shows the test accuracy at each stage; for random choices it shows the mean of all draws and their range.
# The last column compares the retrained network with a retrained random one, the draw in the middle of its range, on
# the same images: the difference in points with its paired 95 % interval.

# %%
control = keras2.clone(baseline)
keras2.train(control, x, y, **{**training, "learning_rate": 1e-3})
control_right = right_answers(control)

# %% tags=["hide-input"]
STAGES = ("deleted", "refitted", "retrained")
drawn = [draw for name, draw in choices if name == "random"]


def random_accuracies(share: float, stage: str) -> np.ndarray:
    """Return the accuracy of every random choice, in percent."""
    return np.array(
        [100 * right[share, "random", draw, stage].mean() for draw in drawn]
    )


middle_draw = {
    share: drawn[np.argsort(random_accuracies(share, "retrained"))[len(drawn) // 2]]
    for share in levels
}
gains, table = {}, []
for share in levels:
    reference = right[share, "random", middle_draw[share], "retrained"]
    for name in criteria:
        gain = gains[share, name] = methods.paired.paired(
            right[share, name, 0, "retrained"], reference
        )
        row = {"channels": f"{share:.0%}", "chosen by": name}
        row |= {stage: f"{right[share, name, 0, stage].mean():.1%}" for stage in STAGES}
        row["points above random"] = (
            f"{gain.gain:+.2f} ({gain.gain_low:+.2f} to {gain.gain_high:+.2f})"
        )
        table.append(row)
    row = {"channels": f"{share:.0%}", "chosen by": f"random, {len(drawn)} draws"}
    for stage in STAGES:
        values = random_accuracies(share, stage)
        row[stage] = f"{values.mean():.1f}% ({values.min():.1f} to {values.max():.1f})"
    table.append(row | {"points above random": "–"})
caption = (
    f"Accuracy on {dense.n:,} test images; the whole network: {dense.accuracy:.1%}"
)
lab.table(table, caption=f"{caption}, trained on: {control_right.mean():.1%}")
lab.say("""
The figure shows the same accuracies. Each line is one choice of channels, from the
deleted network to the retrained one; the grey lines are the random draws. Both panels
share the vertical axis. Look at how far apart the lines are.
""")
figure, panels = plt.subplots(
    1, len(levels), figsize=(7.5, 3.8), sharey=True, squeeze=False
)
colours = dict(
    zip((*criteria, "random"), ("C0", "C1", "C2", lab.colour("guide")), strict=True)
)
for axes, share in zip(panels[0], levels, strict=True):
    ends = {}
    for name, draw in reversed(choices):
        heights = [100 * right[share, name, draw, stage].mean() for stage in STAGES]
        axes.plot(
            range(3), heights, "o-", color=colours[name], linewidth=1.5, markersize=4
        )
        ends.setdefault(name, []).append(heights[0])
    height = -100.0
    for name in sorted(ends, key=lambda name: np.mean(ends[name])):
        height = max(np.mean(ends[name]), height + 7)
        axes.text(
            -0.1, height, name, color=colours[name], ha="right", va="center", fontsize=9
        )
    axes.axhline(
        100 * control_right.mean(),
        color=lab.colour("baseline"),
        linewidth=1,
        linestyle="--",
    )
    axes.set(title=f"{share:.0%} of the channels", xticks=range(3), xticklabels=STAGES)
    axes.set(xlim=(-1.6, 2.2), ylim=(0, 100))
place = (-1.5, 100 * control_right.mean())
panels[0, 0].annotate(
    "whole network, trained on",
    place,
    (0, -4),
    textcoords="offset points",
    va="top",
    color=lab.colour("baseline"),
    fontsize=9,
)
panels[0, 0].set(ylabel="test accuracy in %")
lab.show(
    figure,
    alt="Accuracy at three stages: far apart when deleted, close when retrained.",
)

fewest = levels[-1]
refit_gain = min(
    right[fewest, name, draw, "refitted"].mean()
    - right[fewest, name, draw, "deleted"].mean()
    for name, draw in choices
)
leads = {
    stage: right[fewest, "reconstruction", 0, stage].mean()
    - np.array([right[fewest, "random", draw, stage].mean() for draw in drawn])
    for stage in ("refitted", "retrained")
}
lab.claim(
    "33.refit-gain",
    "With the fewest channels, least squares improves every choice by many points",
    refit_gain,
    at_least=0.3,
    unit="points",
    label="smallest gain",
)
lab.claim(
    "33.refit-chance",
    "Refitted, reconstruction is better than the mean random choice",
    leads["refitted"].mean(),
    at_least=0.01,
    unit="points",
    spread=leads["refitted"].std(ddof=1),
    label="difference",
)
lab.claim(
    "33.retrained-chance",
    "After retraining, reconstruction and the mean random choice are about equal",
    leads["retrained"].mean(),
    between=(-0.01, 0.01),
    unit="points",
    spread=leads["retrained"].std(ddof=1),
    label="difference",
)
lowest = min(criteria, key=lambda name: gains[fewest, name].gain)
worst = min(criteria, key=lambda name: right[levels[0], name, 0, "deleted"].mean())
lab.say(f"""
Right after the cut the choices differ widely. With {levels[0]:.0%} of the channels the
worst criterion is {worst}. Least squares brings the choices together, and retraining
more so. With {fewest:.0%} of the channels, reconstruction leads the mean random choice
by {100 * leads["refitted"].mean():.1f} points after the refit (draws:
{100 * leads["refitted"].min():.1f} to {100 * leads["refitted"].max():.1f}) and by
{100 * leads["retrained"].mean():+.1f} after retraining
({100 * leads["retrained"].min():+.1f} to {100 * leads["retrained"].max():+.1f}). The
better the repair, the less the choice matters. The least accurate criterion, {lowest},
differs by {gains[fewest, lowest].gain:+.2f} points from the middle random draw.
""")

# %% [markdown]
# ### Delete channels or mask weights?
#
# Size and time do not depend on which channels we keep, only on how many. We compare each smaller network with a
# *masked* one: the whole network, in which TFMOT sets single weights to zero, as in lesson 31, until as many remain.
# `keras2.masked` returns it. Both get the same passes and the learning rate that was better for both on validation
# images. `keras2.predicted_cost` predicts the counts from the shapes alone, before anything is cut.

# %%
small, masked, paired = {}, {}, {}
prediction_error = 0
for share in levels:
    cut = models[share]
    mask = keras2.masked(baseline, cut, x, y, **training)
    kind = {"technique": "pruning", "network": network}
    small[share] = lab.measure(cut, name=f"{share:.0%} of the channels", **kind)
    masked[share] = lab.measure(mask, name=f"as many weights as {share:.0%}", **kind)
    cut_right = right[share, "reconstruction", 0, "retrained"]
    paired[share] = methods.paired.paired(right_answers(mask), cut_right)
    plan = keras2.predicted_cost(baseline, kept_channels[share])
    counted = small[share].parameters, small[share].macs
    prediction_error += abs(plan.parameters - counted[0]) + abs(plan.macs - counted[1])

# %% tags=["hide-input"]
lab.say("""
The table shows accuracy, size and time. *Time, relative* is the time of one image
divided by that of the dense network; both are measured in turns.
""")
columns = [
    "model",
    "accuracy",
    "file",
    "deflated",
    "not zero",
    "MACs",
    "time, relative",
]
lab.table(
    [dense, *(rows[share] for share in levels for rows in (small, masked))], columns
)
sentences = [
    f"{each.gain:+.2f} points ({each.gain_low:+.2f} to {each.gain_high:+.2f}) "
    f"beside {share:.0%} of the channels"
    for share, each in paired.items()
]
lab.say(f"""
Deleting channels reduces every column. Masking reduces only the weights that are not
zero, and with them the deflated file. All its multiply-adds are computed, so the time
stays the same. The accuracy of the masked network differs by
{" and by ".join(sentences)}; the intervals are paired.
""")
lab.claim(
    "33.prediction",
    "The parameters and multiply-adds are exactly those that we predicted",
    prediction_error,
    equals=0,
    holds="always",
    label="difference",
)
lab.claim(
    "33.masked-time",
    "Masking weights does not make the network faster",
    min(masked[share].latency_ratio for share in levels),
    at_least=0.85,
    unit="×",
    label="shortest time, relative",
)

# %% [markdown]
# ### Can we predict the time?
#
# We compare three predictions. They use only the file of the whole network and the planned widths:
#
# - **MACs**: the time shrinks as the multiply-adds do.
# - **Blocks**: the time of each layer shrinks with its inputs and with its *blocks* of outputs; a partly filled block
#   counts as full.
# - **Layers**: each layer is cut to its planned width and timed alone; the times are added.
#
# Time depends on the widths and not on the values of the weights. So we can test at more levels, on networks that are
# cut but not retrained. `deploy.forecast.forecast` returns the predictions.

# %%
shares = by_profile((0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125), (0.5, 0.25))
cuts = {s: keras2.choose_channels(baseline, s, "random", seed=seed) for s in shares}
plans = {str(s): keras2.planned_widths(baseline, cuts[s]) for s in shares}
whole = lab.baseline_file(network, dataset)
timing = {"seconds": by_profile(8.0, 0.5), "seed": seed}
forecasts = deploy.forecast.forecast(whole, plans, block=block, **timing)
models_cut = {str(s): keras2.keep_channels(baseline, cuts[s]) for s in shares}
files = {name: deploy.tflite.convert(model) for name, model in models_cut.items()}
ratios = deploy.timing.latency(files | {"whole": whole}, **timing).ratios("whole")
measured = np.array([ratios[str(s)] for s in shares])
predicted = np.array([astuple(forecasts[str(s)]) for s in shares])
errors = predicted / measured[:, None] - 1

# %% tags=["hide-input"]
lab.say("""
The figure shows the time, as a percentage of the whole network's, against the
percentage of channels that we keep. Both axes are logarithmic, so that equal distances
are equal factors. Look at which prediction leaves the measured line.
""")
figure, axes = plt.subplots(figsize=(7, 4))
percent = 100 * np.array(shares)
axes.plot(percent, 100 * measured, "o-", color=lab.colour("pruning"))
heights = {"measured": (measured[-1], lab.colour("pruning"))}
style = {"markersize": 5, "linewidth": 1}
for column, (kind, mark, colour) in enumerate(
    (("MACs", "v", "C0"), ("blocks", "s", "C2"), ("layers", "D", "C3"))
):
    axes.plot(percent, 100 * predicted[:, column], mark + ":", color=colour, **style)
    heights[kind] = predicted[-1, column], colour
lowest = 0.0
for kind, (height, colour) in sorted(heights.items(), key=lambda item: item[1][0]):
    lowest = max(100 * height, lowest * 1.3)
    axes.text(percent[-1] * 0.95, lowest, kind, color=colour, ha="right", va="center")
axes.set(xscale="log", yscale="log", xlim=(percent[-1] * 0.6, 100))
axes.set(xlabel="channels kept in %", ylabel="time in % of the whole network")
axes.set_xticks(percent, [f"{value:g}" for value in percent])
axes.minorticks_off()
ticks = [1, 2, 5, 10, 20, 50, 100]
axes.set_yticks(ticks, [str(tick) for tick in ticks])
lab.show(
    figure,
    alt="Time against channels kept: by MACs it falls far below the measured line.",
)
largest = [max(errors[:, column], key=abs) for column in range(3)]
lab.say(f"""
The predictions by MACs are off by up to {largest[0]:+.0%}, those by blocks by up to
{largest[1]:+.0%}, and those by layers by up to {largest[2]:+.0%}. With few channels the
multiply-adds promise too much: the cost of a call does not shrink, and a block of
outputs takes its time even if it is partly filled.
""")
lab.claim(
    "33.time-layers",
    "The times of single layers predict the time of the cut network",
    np.abs(errors[:, 2]).max(),
    at_most=0.2,
    unit="%",
    label="largest error",
)
lab.claim(
    "33.time-macs",
    "With the fewest channels, the multiply-adds alone predict too short a time",
    -errors[-1, 0],
    at_least=0.3,
    unit="%",
    label="too short by",
)
lab.claim(
    "33.time",
    "With half of the channels the network needs less than half of the time",
    measured[shares.index(0.5)],
    at_most=0.4,
    unit="×",
    label="time, relative",
)

# %% [markdown]
# ## What goes wrong
#
# Batch normalization makes the size of a channel's weights meaningless, because it divides by the deviation that they
# cause. Below are three channels with equal influence, but the weights of the first are a hundred times smaller. By
# the plain norm this channel goes first. The fix is to multiply each norm by the scale of the batch normalization, as
# `choose_channels` does.

# %%
inputs = lab.rng.normal(size=(500, 8))
weights = lab.rng.normal(size=(8, 3)) * [0.01, 1, 1]
scale = 1 / np.sqrt((inputs @ weights).var(axis=0) + 1e-9)
plain_norms = methods.channels.weight_norms([weights])
scaled_norms = methods.channels.weight_norms([weights], [scale])
lab.claim(
    "33.folded-scale",
    "Multiplied by the scale, the three norms are similar",
    scaled_norms.min() / scaled_norms.max(),
    at_least=0.4,
    holds="always",
    label="smallest over largest",
)
np.round([plain_norms, scaled_norms], 2)

# %% [markdown]
# ## What we saw

# %% tags=["hide-input"]
half, half_masked = small[0.5], masked[0.5]
lab.answer(
    "33.p", options[sum(half.latency_ratio > edge for edge in (0.25, 1 / 3, 0.5))]
)
lab.finish(f"""
With half of its channels, {network} needs {half.latency_ratio:.2f} of its time and
{half.macs / dense.macs:.2f} of its multiply-adds; its file shrinks from {dense.bytes:,}
to {half.bytes:,} bytes. After {epochs} passes over {len(x):,} images it reaches
{half.accuracy:.2%}; the whole network has {dense.accuracy:.2%}, and
{control_right.mean():.2%} after as many passes. Masking as many weights gives
{half_masked.accuracy:.2%} in {half_masked.latency_ratio:.2f} of the time.

Retraining makes the choice of the channels almost irrelevant: with {fewest:.0%} of
them, reconstruction leads the mean random choice by
{100 * leads["retrained"].mean():+.1f} points, after
{100 * leads["refitted"].mean():+.1f} points with the refit alone.

So pruning saves time in an ordinary program when the arrays become smaller. Zeros save
time only in a program that skips them, such as the sparse product of [lesson
30](30_mathematics_of_sparsity.ipynb) with very many zeros. This does **not** show which
criterion is best in general: it is one network and a short retraining with one seed.
Nor are the blocks of this processor those of another.

Further reading: Li et al., *Pruning filters* (2017, arXiv:1608.08710); Hu et al.,
*Network trimming* (2016, arXiv:1607.03250); Luo, Wu and Lin, *ThiNet* (2017,
arXiv:1707.06342); He, Zhang and Sun, *Channel pruning* (2017, arXiv:1707.06168); Liu et
al., *Rethinking the value of network pruning* (2019, arXiv:1810.05270), who also find
that the choice matters little.
""")
