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
#     title: Merging neurons
#     question: Can several neurons become one?
#     minutes: 45
#     budget_s: {fast: 20, full: 130}
#     needs: [31]
#     objectives:
#       - measure how similar two neurons are, by their weights and by their outputs
#       - fold the outgoing weights of merged neurons so that the next layer receives the same sums
#       - compare merging with deleting under equal conditions, before and after retraining
#       - explain why half of the neurons need less than half of the multiplications
#     routes: {three-sessions: 3, size: 3}
#     terms:
#       activation similarity:
#         text: The correlation between the outputs of two neurons over the same images.
#         zh: 激活相似度
#         note: range −1 to 1
#       agglomerative clustering:
#         text: Grouping that starts with one group per neuron and joins the two most similar groups until the wanted
#           number of groups is left.
#         zh: 层次聚类
#       channel pruning:
#         text: Deleting whole channels from every layer that computes, passes on or reads them; the result is a smaller
#           dense network.
#         zh: 通道剪枝
#       cosine similarity:
#         text: "The cosine of the angle between two vectors: 1 when they have the same direction, whatever their
#           lengths."
#         zh: 余弦相似度
#         note: symbol cos θ · range −1 to 1
#       kernel similarity:
#         text: "The similarity of two neurons' incoming weights: the cosine between them, or a kernel function of their
#           distance."
#         zh: 核相似度
#         note: range −1 to 1
#       merging neurons:
#         text: Replacing a group of similar neurons by one neuron whose outgoing weights are the sum of theirs.
#         zh: 神经元合并
#       planted duplicate:
#         text: A neuron that we copy on purpose, so that the correct result of merging is known.
#         zh: 植入的重复神经元
#       reconstruction criterion:
#         text: Choosing the channels whose removal changes the next layer's sums least, measured on images without
#           labels.
#         zh: 重构准则
# ---

# %% [markdown]
# # 54 · Merging neurons
#
# Can several neurons become one?

# %%
from labkit import assets, by_profile, keras2, methods, start

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

# %% tags=["parameters"]
dataset: str = "fashion_mnist"  # data set; fashion_mnist or mnist
keep: float = 0.5  # share of hidden neurons kept; 0.05 to 1
epochs: int = by_profile(3, 1)  # passes of retraining; 1 to 50
train_images: int = by_profile(55000, 2000)  # training images used; 1000 to 55000
calibration_images: int = by_profile(2000, 500)  # for least squares; 50 to 20000
draws: int = by_profile(5, 2)  # of deleted neurons and of retraining; 2 to 20
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("54", seed=seed)
images = lab.data(dataset)
baseline = lab.baseline("lenet_300_100", dataset)
x = assets.data.as_input(images.train.x[:train_images])
y = images.train.y[:train_images]
calibration = x[:calibration_images].reshape(len(x[:calibration_images]), -1)
dense = lab.measure(baseline, name="dense", technique="baseline")

# %% [markdown]
# We work with LeNet-300-100, a trained network of three dense layers. [Lesson 31](31_magnitude_pruning.ipynb) set
# single weights to zero, which changed neither the file nor the time. On this page we remove whole
# [neurons](../docs/glossary.md#neuron). Each neuron takes a column of one matrix and a row of the next with it, so the
# matrices themselves become smaller.

# %% [markdown]
# ## Predict
#
# We will remove the same number of neurons in two ways. One network *merges* similar neurons. The other *deletes*
# neurons at random. Then both are retrained in the same way. How much more accurate is the merged one? Replace `None`
# by one of the options, in quotes.

# %%
my_guess = None
options = [
    "less than half a point",
    "half a point to two points",
    "more than two points",
]
question = f"What does merging gain over random deletion, {keep:.0%} kept, retrained?"
lab.predict("54.p", question, options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# Suppose that one neuron always outputs exactly twice what another neuron outputs. Then we do not need both. We can
# delete the second neuron and make up for it in the next layer.
#
# In general, take a group $G$ of neurons whose outputs are multiples of one output: $h_j = c_j\, h$ with $c_j > 0$. The
# next layer receives the sum
#
# $$ \sum_{j \in G} h_j\, a_j = h \sum_{j \in G} c_j\, a_j $$
#
# where $a_j$ is the row of outgoing weights of neuron $j$, and $c_j$ is its scale. The right side needs only one neuron,
# with output $h$. Its outgoing weights are the sum of all rows, each multiplied by its scale. This sum is called
# *folding*, and here it loses nothing.
#
# The Chinese introductory article on model acceleration that this course grew from describes this as merging several
# neurons "into one larger neuron". The merged neuron has as many inputs and outputs as before, and costs the same. Only
# its outgoing weights are larger. The network shrinks because it has fewer neurons.
#
# Which neurons belong together? We can compare their incoming weights
# ([kernel similarity](../docs/glossary.md#kernel-similarity)), or their outputs on some images
# ([activation similarity](../docs/glossary.md#activation-similarity)).
#
# Does a trained network contain such neurons? For each neuron of the first layer, the histogram shows the
# [cosine](../docs/glossary.md#cosine-similarity) between its weights and those of the most similar other neuron. A copy
# would be at 1.

# %%
kernel, bias = baseline.get_layer("dense_1").get_weights()
cosines = methods.merge.similarity(kernel, bias, "cosine")
np.fill_diagonal(cosines, -1)
nearest = cosines.max(axis=1)
f"largest cosine {nearest.max():.2f}, median {np.median(nearest):.2f}"

# %% tags=["hide-input"]
figure, axes = plt.subplots()
axes.hist(nearest, bins=40, color=lab.colour("merging"))
axes.axvline(1, color=lab.colour("guide"), linestyle="--")
axes.annotate(
    "a copy",
    (1, 0.9),
    (-6, 0),
    xycoords=("data", "axes fraction"),
    textcoords="offset points",
    ha="right",
    color=lab.colour("guide"),
)
axes.set(
    xlabel="cosine with the most similar other neuron of dense_1",
    ylabel="number of neurons",
    xlim=(0, 1.02),
)
median = np.median(nearest)
lab.show(
    figure,
    alt=f"Histogram of the cosines in dense_1: median {median:.2f}, far below 1.",
)
lab.say(f"""The median is {median:.2f}, and the largest cosine is {nearest.max():.2f}.
The network contains no copies. Merging its neurons is therefore an approximation, and
the next layer has to be corrected for the error.""")

# %% [markdown]
# ## By hand
#
# We start with an example where merging is exact. The layer has two inputs, three ReLU neurons and one output. The
# third neuron has twice the weights and twice the bias of the first, so its output is twice as large. We keep the first
# neuron and fold the third into it: its outgoing weight becomes $3 + 2 \cdot (-1) = 1$. The last line puts the output
# of the three neurons beside the output of the two, one row per input.

# %%
weights = np.array([[1.0, -1.0, 2.0], [0.5, 1.0, 1.0]])
biases, outgoing = np.array([-0.5, 0.0, -1.0]), np.array([[3.0], [1.0], [-1.0]])
points = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
hidden = np.maximum(points @ weights + biases, 0)
print(hidden)

folded = np.array([outgoing[0] + 2 * outgoing[2], outgoing[1]])
merged_hidden = np.maximum(points @ weights[:, :2] + biases[:2], 0)
np.hstack([hidden @ outgoing, merged_hidden @ folded])

# %% [markdown]
# ## With the library
#
# The two columns are equal: two neurons compute what three computed before.
#
# TFMOT does not merge neurons, so we use this course's own functions. `methods.merge.group` puts similar neurons into
# groups; it joins the two most similar groups until the wanted number is left
# ([agglomerative clustering](../docs/glossary.md#agglomerative-clustering)). `methods.merge.merge` returns the smaller
# arrays. For a Keras model of your own, read a layer's arrays with `get_weights()` and build the smaller model with
# `keras2.resize_dense`.
#
# We test both functions on a layer where the right result is known. We
# [plant a duplicate](../docs/glossary.md#planted-duplicate) of every neuron of `dense_1`: each copy is scaled at
# random, and the outgoing weights are divided between the two so that the outputs stay the same.

# %%
next_kernel = baseline.get_layer("dense_2").get_weights()[0]
scales = lab.rng.uniform(0.5, 2.0, len(bias)).astype("float32")
kernel_twice = np.hstack([kernel, kernel * scales])
bias_twice = np.hstack([bias, bias * scales])
outgoing_twice = np.vstack([0.4 * next_kernel, 0.6 * next_kernel / scales[:, None]])

likeness = methods.merge.similarity(kernel_twice, bias_twice, "cosine")
groups = methods.merge.group(likeness, len(bias))
planted = kernel_twice, bias_twice, outgoing_twice
merged_kernel, merged_bias, merged_outgoing, _ = methods.merge.merge(*planted, groups)

sums_before = np.maximum(calibration @ kernel_twice + bias_twice, 0) @ outgoing_twice
sums_after = np.maximum(calibration @ merged_kernel + merged_bias, 0) @ merged_outgoing
error = np.abs(sums_after - sums_before).max() / np.abs(sums_before).max()

# %% tags=["hide-input"]
lab.claim(
    "54.planted",
    "Merging planted copies changes the next layer's sums by rounding only",
    error,
    at_most=5e-6,
    holds="always",
    label="largest relative error",
)

lab.say("""Merging finds every copy. On a trained network it needs help, because its
neurons are not copies. Given some training images as `inputs`, `merge` fits the
outgoing weights by least squares: the next layer should receive the same sums as
before. Labels are not needed. `methods.merge.delete` accepts the same images, so
deletion can get exactly the same help.

Deletion *by norm* keeps the neurons with the largest product of the norms of incoming
and outgoing weights.

Which similarity should we use? The next table compares three on validation images, with
folded sums alone and with least squares. `rbf` is a kernel function of the *distance*
between two neurons' weights, so it compares their lengths as well.""")


# %%
def choose(how, layer, inputs, count):
    """Return the kept neurons, or the group of each neuron."""
    if how == "random":
        return methods.merge.keep_at_random(len(layer[1]), count, lab.rng)
    if how == "norm":
        return methods.merge.keep_by_norm(*layer, count)
    outputs = np.maximum(inputs @ layer[0] + layer[1], 0)
    likeness = methods.merge.activation_similarity(outputs)
    if how != "activation":
        likeness = methods.merge.similarity(layer[0], layer[1], how)
    return methods.merge.group(likeness, count)


# %%
def shrink(how, share, fit):
    """Return the network's layers with a share of each hidden layer's neurons."""
    inputs, layers = calibration, layers_of(baseline)
    method = methods.merge.delete if how in ("random", "norm") else methods.merge.merge
    for name, following in pairwise(layers):
        layer = [*layers[name], layers[following][0]]
        neurons = choose(how, layer, inputs, max(1, round(share * len(layer[1]))))
        k, b, outgoing, shift = method(*layer, neurons, inputs if fit else None)
        layers |= {name: (k, b), following: (outgoing, layers[following][1] + shift)}
        inputs = np.maximum(inputs @ k + b, 0)
    return layers


# %%
def layers_of(network):
    """Return kernel and bias of each layer by name."""
    names = ("dense_1", "dense_2", "logits")
    return {name: network.get_layer(name).get_weights() for name in names}


def correct(layers, split):
    """Return which images of a split the layers classify correctly."""
    x_split = assets.data.as_input(split.x)
    logits = methods.small_network.dense_forward(list(layers.values()), x_split)[0]
    return logits.argmax(axis=1) == split.y


# %%
kinds, helps = ("rbf", "cosine", "activation"), {"sums": False, "least squares": True}
tried = {
    (kind, name): correct(shrink(kind, keep, fit), images.validation).mean()
    for kind in kinds
    for name, fit in helps.items()
}
best_kind = max(kinds, key=lambda kind: tried[kind, "least squares"])

# %% tags=["hide-input"]
lab.table(
    [
        {
            "similarity": kind,
            "outgoing weights": name,
            "validation accuracy": f"{share:.2%}",
        }
        for (kind, name), share in tried.items()
    ],
    caption=f"Merged networks with {keep:.0%} of the neurons, without retraining",
)
lab.say(
    f"From here on we use `{best_kind}`, the best with least squares. We chose it on "
    "validation images."
)

# %% [markdown]
# ## Your turn

# %% [markdown]
# ### 54.1 Similar neurons ★★☆ · 10 minutes
#
# Compute the cosine between each pair of neurons. The vector of a neuron is its column of `kernel` with its bias
# appended. A neuron whose vector is all zero has no direction. By convention its cosine is 1 with itself and 0 with all
# others.


# %%
def kernel_similarity(kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return the cosines (units, units); kernel is (inputs, units), bias (units,)."""
    ### BEGIN SOLUTION
    vectors = np.vstack([kernel, bias]).astype("float64")
    lengths = np.linalg.norm(vectors, axis=0)
    vectors = vectors / np.where(lengths > 0, lengths, 1)
    cosines = vectors.T @ vectors
    np.fill_diagonal(cosines, 1)
    return cosines
    ### END SOLUTION


kernel_similarity = lab.check("54.1", kernel_similarity)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `np.vstack([kernel, bias])` has one column per neuron. Divide each column by its length; then one matrix product gives
# all cosines.
# </details>
# <details><summary>Hint 2</summary>
#
# Replace a length of zero by one before you divide. Set the diagonal to 1 at the end.
# </details>

# %% [markdown]
# ### 54.2 Add the outgoing weights ★★☆ · 10 minutes
#
# Neuron $j$ belongs to the group `labels[j]`. It outputs `scales[j]` times what the group's one remaining neuron
# outputs. Compute the outgoing weights of the remaining neurons, so that the next layer receives the same sums.


# %%
def fold(outgoing: np.ndarray, scales: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the outgoing weights (groups, outputs) of the merged neurons.

    Shapes: outgoing (units, outputs), scales (units,), labels (units,), from 0 up.
    """
    ### BEGIN SOLUTION
    folded = np.zeros((labels.max() + 1, outgoing.shape[1]))
    for row, scale, label in zip(outgoing, scales, labels, strict=True):
        folded[label] += scale * row
    return folded
    ### END SOLUTION


fold = lab.check("54.2", fold)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Look at the formula under *Idea*: each row of outgoing weights is multiplied by its scale, and the rows of a group are
# added up.
# </details>
# <details><summary>Hint 2</summary>
#
# `folded[labels] += …` is wrong here: if a label occurs several times, NumPy adds only one row. A loop over the rows
# adds all of them, and so does `np.add.at`.
# </details>

# %% [markdown]
# ### 54.3 The remaining MACs ★☆☆ · 10 minutes
#
# A network of dense layers has widths such as `[784, 300, 100, 10]`. Merging keeps the share `keep` of each *inner*
# layer: `round(keep * width)` neurons, but at least one. The inputs and the outputs stay as they are. How many MACs
# does the network need per image?


# %%
def merged_macs(widths: list[int], keep: float) -> int:
    """Return the multiply-accumulates per image after merging."""
    ### BEGIN SOLUTION
    inner = [max(1, round(keep * width)) for width in widths[1:-1]]
    new_widths = [widths[0], *inner, widths[-1]]
    return sum(before * after for before, after in pairwise(new_widths))
    ### END SOLUTION


merged_macs = lab.check("54.3", merged_macs)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Build the list of the new widths first. Only the inner layers shrink.
# </details>
# <details><summary>Hint 2</summary>
#
# A dense layer needs its number of inputs times its number of outputs. `pairwise(new_widths)` yields neighbouring
# widths: (784, 150), (150, 50), and so on.
# </details>

# %% [markdown]
# ## Evidence
#
# ### Without retraining
#
# We compare three methods, each with and without least squares: merging, deletion by norm, and random deletion in
# several draws. In the table, *merging gains* is the accuracy of merging with least squares minus the accuracy of the
# row, in points. Both networks see the same test images, so the 95 % interval is a paired one; for random deletion it
# also covers the draws.

# %%
shares = sorted({*by_profile((0.2, 0.3, 0.4, 0.75), (0.2,)), round(keep, 4)})
ways = {"merging": (best_kind, 1), "by norm": ("norm", 1)}
ways["at random"] = "random", draws
hits, here = {}, {}
for name, (how, times) in ways.items():
    for fit in (True, False):
        for share in shares:
            shrunk = [shrink(how, share, fit) for _ in range(times)]
            right = [correct(layers, images.test) for layers in shrunk]
            hits[name, fit, share] = np.array(right)
        here[name, fit] = hits[name, fit, round(keep, 4)]

compare = methods.paired.paired_draws  # accuracy, and gain with its interval
before = {key: compare(here["merging", True], values) for key, values in here.items()}
random_help = compare(here["at random", True], here["at random", False])

# %% tags=["hide-input"]
help_names = {True: "least squares", False: "none (merging: sums)"}


def interval(each):
    return f"{each.gain:+.2f} ({each.gain_low:+.2f} to {each.gain_high:+.2f})"


def comparison(values, gain):
    shares = values.mean(axis=1)
    spread = f"{shares.min():.2%} to {shares.max():.2%}"
    return {
        "accuracy": f"{shares.mean():.2%}",
        "range of draws": "–" if len(shares) == 1 else spread,
        "merging gains": "–" if gain.gain_low == gain.gain_high else interval(gain),
    }


lab.table(
    [
        {"neurons": key[0], "help": help_names[key[1]]}
        | comparison(values, before[key])
        for key, values in here.items()
    ],
    caption=f"Test accuracy, {keep:.0%} of the neurons, not retrained; gains in points",
)
norm_gain, random_gain = before["by norm", True], before["at random", True]
lab.say(f"""Least squares makes the larger difference: it adds {random_help.gain:.1f}
points to random deletion. The choice of neurons matters less. With the same help,
merging is better than deletion by norm by {interval(norm_gain)} points. It is better
than random deletion by {interval(random_gain)} points.

The next figure repeats the comparison for other shares of kept neurons. Solid lines
have least squares, dashed lines do not. The bands show the range of the draws.
""")

# %% tags=["hide-input"]
figure, axes = plt.subplots(figsize=(7, 4.2))
line_colours = {"dense": lab.colour("baseline"), "merging": lab.colour("merging")}
line_colours |= {"by norm": lab.colour("pruning"), "at random": "C0"}
for name, fit in here:
    style = "-" if fit else "--"
    curve = [100 * hits[name, fit, share].mean(axis=1) for share in shares]
    middle, colour = [v.mean() for v in curve], line_colours[name]
    axes.plot(shares, middle, style, marker="o", markersize=4, color=colour)
    if name == "at random":
        lows, highs = [v.min() for v in curve], [v.max() for v in curve]
        axes.fill_between(shares, lows, highs, color=colour, alpha=0.2, linewidth=0)
ends = {name: 100 * hits[name, True, shares[0]].mean() for name in ways}
for place, name in enumerate(sorted(ways, key=lambda n: -ends[n])):
    axes.annotate(
        name,
        (shares[0], ends[name]),
        (-10, 8 - 12 * place),
        textcoords="offset points",
        ha="right",
        color=line_colours[name],
    )
for name in ways:
    axes.annotate(
        f"{name}, no help" if name != "merging" else "merging, sums",
        (shares[0], 100 * hits[name, False, shares[0]].mean()),
        (-10, 4 if name != "at random" else -8),
        textcoords="offset points",
        ha="right",
        color=line_colours[name],
    )
axes.axhline(100 * dense.accuracy, color=lab.colour("baseline"), linewidth=1)
axes.annotate(
    "dense",
    (shares[-1], 100 * dense.accuracy),
    (0, 4),
    textcoords="offset points",
    color=lab.colour("baseline"),
)
axes.set(
    xlabel="share of neurons kept in each hidden layer",
    ylabel="test accuracy in %",
    xlim=(0.0, 0.8),
    ylim=(25, 95),
)
lab.show(
    figure,
    alt="Accuracy against neurons kept: solid lines stay high, dashed lines fall.",
)
lowest = shares[0]
lead = 100 * (
    hits["merging", True, lowest].mean() - hits["by norm", True, lowest].mean()
)
lab.say(f"""With half of the neurons, the three solid lines are close together. With
{lowest:.0%} of them, merging is {lead:.1f} points ahead of deletion by norm. The dashed
lines fall much earlier. So the correction of the next layer matters more than the
choice of neurons.

How good is this compared with published work? Kim et al. (2020) merge the neurons of a
LeNet-300-100 on Fashion-MNIST without any images. Their network is another one, so the
next table compares the points that each method loses from its own dense network.""")

kim_dense = 89.80
kim_accuracy = {
    0.5: (88.69, 88.40),
    0.4: (86.92, 85.17),
    0.3: (82.75, 71.26),
    0.2: (80.02, 66.76),
}
own_loss = {key: 100 * (dense.accuracy - v.mean()) for key, v in hits.items()}
lab.table(
    [
        {
            "neurons kept": f"{share:.0%}",
            "ours, least squares": f"{own_loss['merging', True, share]:.2f}",
            "ours, sums": f"{own_loss['merging', False, share]:.2f}",
            "Kim et al., merged": f"{kim_dense - kim_merged:.2f}",
            "Kim et al., deleted": f"{kim_dense - kim_deleted:.2f}",
        }
        for share, (kim_merged, kim_deleted) in kim_accuracy.items()
        if share in shares
    ],
    caption=f"Points lost, not retrained; ours on {dataset}, theirs on Fashion-MNIST",
)

lab.say("""Without images, their merging loses much less than our sums do. With half of
the neurons it also loses less than our least squares. But there even plain deletion
costs their network less, so part of the difference lies in the networks. With fewer
neurons, our least squares loses less than their merging; it needs images, and theirs
does not.""")

# %% [markdown]
# ### After retraining
#
# The article retrains after the merge. We retrain the merged network, both deleted ones and the dense
# network itself, all in the same way: the same images, passes, rate and draws. All shrunken networks start from least
# squares. A draw changes the order of the training images and, for random deletion, the neurons.


# %%
def retrain(network, draw):
    """Return which test images are correct at the start and after each pass."""
    hits_by_pass = [correct(layers_of(network), images.test)]

    def record(*_):
        hits_by_pass.append(correct(layers_of(network), images.test))

    settings = {"epochs": epochs, "learning_rate": 2e-3, "batch_size": 256}
    keras2.train(network, x, y, seed=seed + draw, progress=record, **settings)
    return hits_by_pass


# %%
retrained = {}  # by name: bool (draws, passes + 1, images)
for name in ("dense", *ways):
    runs = []
    for draw in range(draws):
        network = keras2.clone(baseline)
        if name in ways:
            layers = shrink(ways[name][0], keep, fit=True)
            network = keras2.resize_dense(baseline, layers)
        runs.append(retrain(network, draw))
        if name == "merging":
            merged = network
    retrained[name] = np.array(runs)
final = {name: values[:, -1] for name, values in retrained.items()}
after = {name: compare(final["merging"], values) for name, values in final.items()}

# %% tags=["hide-input"]
lab.table(
    [{"network": name} | comparison(final[name], gain) for name, gain in after.items()],
    caption=f"Test accuracy after {epochs} passes, {draws} draws each; gains in points",
)
equal = all(
    after[n].gain_low <= 0 <= after[n].gain_high for n in ("by norm", "at random")
)
verdict = "Both intervals contain" if equal else "At least one interval excludes"
lab.say(f"""After retraining, merging gains {interval(after["at random"])} points over
random deletion and {interval(after["by norm"])} over deletion by norm. {verdict} zero.
This is a negative result: retraining removes most of the advantage that merging had
before. The price of the removed
neurons is the difference to the dense network that had the same passes:
{-after["dense"].gain:.2f} points.

The next figure shows the mean test accuracy over the draws against the passes of
retraining.""")


figure, axes = plt.subplots()
for name, values in retrained.items():
    middle = 100 * values.mean(axis=(0, 2))
    axes.plot(range(epochs + 1), middle, "o-", color=line_colours[name])
    axes.annotate(
        name,
        (0, middle[0]),
        (-8, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        color=line_colours[name],
    )
axes.set(
    xlabel="passes of retraining",
    ylabel="test accuracy in %",
    xticks=range(epochs + 1),
    xlim=(-0.28 * epochs, None),
)
lab.show(
    figure,
    alt="Accuracy against passes: merging starts highest; the small networks converge.",
)
lab.say("""Merging starts higher, and the lines of the three small networks move closer
together. If you retrain anyway, the choice of neurons matters
little. If you cannot retrain, for example without labels, merging with least squares is
better.

Finally we measure the retrained merged network beside the dense one. Half of the
neurons in *both* neighbouring layers leave a quarter of the weights between them; the
first layer keeps all of its inputs.""")

# %%
small = lab.measure(merged, name="merged, retrained", technique="merging")
size_ratio = (small.bytes / dense.bytes) / (small.parameters / dense.parameters)
formula_macs = merged_macs([784, 300, 100, 10], keep)

# %% tags=["hide-input"]
lab.table([dense, small])
lab.claim(
    "54.refit",
    "Least squares makes random deletion much more accurate",
    random_help.gain / 100,
    at_least=0.03,
    unit="points",
    label="gain",
)
lab.claim(
    "54.merge-before",
    "Before retraining, merging is better than random deletion with the same help",
    random_gain.gain / 100,
    at_least=0.005,
    unit="points",
    label="gain",
)
lab.claim(
    "54.retrained-equal",
    "After equal retraining, merging and random deletion are almost equally accurate",
    after["at random"].gain / 100,
    between=(-0.005, 0.005),
    unit="points",
    label="gain of merging",
)
lab.claim(
    "54.retrained-loss",
    "The retrained merged network loses little against the equally trained dense one",
    -after["dense"].gain / 100,
    at_most=0.012,
    unit="points",
    label="loss",
)
lab.claim(
    "54.macs",
    "The merged file needs exactly the multiplications that the formula gives",
    small.macs,
    equals=formula_macs,
    holds="always",
    label="MACs",
)
lab.claim(
    "54.file",
    "The file shrinks in proportion to the parameters",
    size_ratio,
    between=(0.99, 1.02),
    unit="×",
    label="ratio of the two",
)
lab.claim(
    "54.time",
    "The merged network is faster than the dense one",
    small.latency_ratio,
    at_most=0.6,
    unit="×",
    label="time, relative",
)

lab.say("Every column shrinks, the time too: the matrices are smaller and still dense.")

# %% [markdown]
# ## What goes wrong
#
# It is easy to forget the bias. Two neurons with equal weights and different biases switch on at different inputs. The
# cosine of their weights alone is 1, so they look like copies. Below is such a pair, with a third neuron that is
# a true copy of the second, twice as large. We merge the three neurons into two and compute the largest error of the
# output.

# %%
three_kernel, three_bias = np.array([[1.0, 1.0, 2.0]]), np.array([1.0, -1.0, -2.0])
three_outgoing = np.array([[1.0], [-1.0], [0.2]])
inputs = np.linspace(-2, 2, 9)[:, None]
expected = np.maximum(inputs @ three_kernel + three_bias, 0) @ three_outgoing
largest_error = {}
for name, visible_bias in (("without bias", np.zeros(3)), ("with bias", three_bias)):
    likeness = methods.merge.similarity(three_kernel, visible_bias, "cosine")
    labels = methods.merge.group(likeness, 2)
    k, b, out, _ = methods.merge.merge(three_kernel, three_bias, three_outgoing, labels)
    outputs = np.maximum(inputs @ k + b, 0) @ out
    largest_error[name] = np.abs(outputs - expected).max()

# %% tags=["hide-input"]
lab.table(
    [
        {"similarity": name, "largest error": f"{v:.2g}"}
        for name, v in largest_error.items()
    ]
)
lab.claim(
    "54.bias-seen",
    "With the bias in the similarity, merging finds the true copy and is exact",
    largest_error["with bias"],
    at_most=1e-6,
    holds="always",
    label="largest error",
)
lab.say("""Without the bias, the wrong pair is merged, and the output changes. The
remedy is to append the bias to the weights before comparing them, as `similarity` does.
""")

# %% [markdown]
# ## What we saw

# %% tags=["hide-input"]
gain = after["at random"].gain
lab.answer("54.p", options[0 if gain < 0.5 else 1 if gain <= 2 else 2])
lab.finish(f"""
Several neurons can become one without loss only when they are scaled copies, and a
trained network has none. With {keep:.0%} of its hidden neurons and least squares, the
merged network has {here["merging", True].mean():.2%} on {dense.n:,} test images before
retraining. Random deletion with the same help has {here["at random", True].mean():.2%},
and without it {here["at random", False].mean():.2%}.

After {epochs} passes of equal retraining, merging has {final["merging"].mean():.2%},
random deletion {final["at random"].mean():.2%} and the dense network
{final["dense"].mean():.2%}. The merged network has {small.parameters:,} parameters
instead of {dense.parameters:,}, and its time is {small.latency_ratio:.2f} times the
dense one's.

This does **not** show that all criteria are equal in other networks, or after longer
training. Merging had three similarities to choose from, each way of deletion had one.
All results come from one trained baseline.

Further reading: Srinivas and Babu, *Data-free parameter pruning for deep neural
networks* (2015, arXiv:1507.06149); He, Zhang and Sun, *Channel pruning for accelerating
very deep neural networks* (2017, arXiv:1707.06168); Kim et al., *Neuron merging:
compensating for pruned neurons* (2020, arXiv:2010.13160).
""")
