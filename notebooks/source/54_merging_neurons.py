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
#     budget_s: {fast: 30, full: 60}
#     needs: [31]
#     objectives:
#       - measure how alike two neurons are, by their weights and by their answers
#       - fold the outgoing weights of merged neurons so that the next layer hears the same
#       - compare merging with deleting, before and after retraining, and tell folding and grouping apart
#       - explain why half of the neurons is less than half of the work
#     routes: {three-sessions: 3, size: 3}
#     terms:
#       activation similarity:
#         text: "How alike two neurons answer to the same images: the correlation or cosine of their activations."
#         zh: 激活相似度
#         note: range −1 to 1
#       agglomerative clustering:
#         text: Grouping that starts with one group a neuron and joins the two most similar groups until as many are
#           left as wanted.
#         zh: 层次聚类
#       channel pruning:
#         text: Deleting whole channels from every layer that makes, passes on or reads them; a smaller dense network is
#           left.
#         zh: 通道剪枝
#       cosine similarity:
#         text: "The cosine of the angle between two vectors: one when they point the same way, whatever their lengths."
#         zh: 余弦相似度
#         note: symbol cos θ · range −1 to 1
#       kernel similarity:
#         text: "How alike two neurons' incoming weights are, by the cosine between them: the article's kernel
#           aggregation function."
#         zh: 核相似度
#         note: range −1 to 1
#       merging neurons:
#         text: "Replacing a group of like neurons by one, with their outgoing weights added up: the article's network
#           compression."
#         zh: 神经元合并
#       planted duplicate:
#         text: A neuron copied on purpose, so that one knows that merging must be exact.
#         zh: 植入的重复神经元
#       reconstruction criterion:
#         text: Choosing the channels whose going changes the next layer's sums least, measured on images without
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
keep: float = 0.5  # share of each hidden layer's neurons that is kept; 0.05 to 1
epochs: int = by_profile(10, 1)  # passes of retraining over the training images; 1 to 50
train_images: int = by_profile(55000, 5000)  # training images used; 1000 to 55000
calibration_images: int = by_profile(2000, 1000)  # training images that the folding looks at; 50 to 20000
draws: int = by_profile(5, 2)  # random choices of neurons to delete; 2 to 20
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("54", seed=seed)
images = lab.data(dataset)
baseline = lab.baseline("lenet_300_100", dataset)
x, y = assets.data.as_input(images.train.x[:train_images]), images.train.y[:train_images]
calibration = x[:calibration_images].reshape(len(x[:calibration_images]), -1)
dense = lab.measure(baseline, name="dense", technique="baseline")

# %% [markdown]
# The network is LeNet-300-100, trained already. Pruning single weights left its file and its time as they were. Here
# whole [neurons](../docs/glossary.md#neuron) go, and with them rows and columns.

# %% [markdown]
# ## Predict
#
# Each hidden layer will lose neurons in three ways: at random, the smallest first, and by merging. Nothing is trained
# afterwards. Replace `None` by one of the options.

# %%
my_guess = None
options = ["merging", "the smallest first", "at random"]
lab.predict(
    "54.p", f"Which network is best with {keep:.0%} of its neurons, before retraining?", options, guess=my_guess
)

# %% [markdown]
# ## Idea
#
# If two neurons always answer alike, one can speak for both. Take neurons $j$ of a group $G$ whose answers are
# $h_j = c_j\, h$ with $c_j > 0$. The next layer receives
#
# $$ \sum_{j \in G} h_j\, a_j = h \sum_{j \in G} c_j\, a_j $$
#
# where $a_j$ is the row of outgoing weights of neuron $j$, $c_j$ its scale, and $h$ the answer of the one that stays.
# So nothing is lost when the rows are added, each times its scale. That is *folding*.
#
# The article speaks of several neurons merged "into one larger neuron". Larger in what? It has as many inputs and
# outputs as any of them, and costs the same. Only its outgoing *weights* are larger: they are a sum. The network gets
# smaller because there are fewer neurons.
#
# Which neurons belong together? Their weights may be alike, the article's "kernel aggregation function"
# ([kernel similarity](../docs/glossary.md#kernel-similarity)), or their answers to images
# ([activation similarity](../docs/glossary.md#activation-similarity)). The figure asks how alike the neurons of the
# first layer are.

# %%
kernel, bias = baseline.get_layer("dense_1").get_weights()
alike = methods.merge.similarity(kernel, bias, "cosine")
np.fill_diagonal(alike, -1)
nearest = alike.max(axis=1)
figure, axes = plt.subplots()
axes.hist(nearest, bins=40, color=lab.colour("merging"))
axes.set(xlabel="cosine with the most similar other neuron of dense_1", ylabel="number of neurons", xlim=(0, 1.02))
lab.show(figure, alt=f"Nearest neighbours in dense_1 have a median cosine of {np.median(nearest):.2f}, far from one.")

# %% [markdown]
# There are no true copies in a trained network. Merging will be an approximation, and the next layer has to be helped.

# %% [markdown]
# ## By hand
#
# Two inputs, three ReLU neurons, one output. The third neuron is the first times two, bias and all.

# %%
weights = np.array([[1.0, -1.0, 2.0], [0.5, 1.0, 1.0]])
biases, outgoing = np.array([-0.5, 0.0, -1.0]), np.array([[3.0], [1.0], [-1.0]])
points = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
hidden = np.maximum(points @ weights + biases, 0)
hidden

# %% [markdown]
# The last column is twice the first, row by row. Keep the first, fold the third into it: $3 + 2 \cdot (-1) = 1$.

# %%
folded = np.array([outgoing[0] + 2 * outgoing[2], outgoing[1]])
merged_hidden = np.maximum(points @ weights[:, :2] + biases[:2], 0)
np.hstack([hidden @ outgoing, merged_hidden @ folded])

# %% [markdown]
# Both columns are equal: three neurons have become two, and nothing changed.

# %% [markdown]
# ## With the library
#
# Now in the real network, with [copies planted](../docs/glossary.md#planted-duplicate) on purpose: every neuron of
# `dense_1` twice, the copy scaled at random, and the outgoing weights shared so that the outputs stay.

# %%
a = baseline.get_layer("dense_2").get_weights()[0]
scales = lab.rng.uniform(0.5, 2.0, len(bias)).astype("float32")
doubled = np.hstack([kernel, kernel * scales]), np.hstack([bias, bias * scales])
twice = (*doubled, np.vstack([a * 0.4, a * 0.6 / scales[:, None]]))
groups = methods.merge.group(methods.merge.similarity(*doubled, "cosine"), len(bias))
one = methods.merge.merge(*twice, groups)
before = np.maximum(calibration @ twice[0] + twice[1], 0) @ twice[2]
after = np.maximum(calibration @ one[0] + one[1], 0) @ one[2]
error = np.abs(after - before).max() / np.abs(before).max()
lab.claim("54.planted", "Largest error after merging planted copies, relative", error, at_most=1e-5, holds="always")

# %% [markdown]
# Merging found each copy and is exact up to rounding. On a trained network it has to be told what to keep right: with
# `inputs` it fits the outgoing weights by [least squares](../docs/glossary.md#least-squares) on training images,
# without looking at labels. To be fair, `delete` can be given the same help.


# %%
def smaller(how: str, layer: list, h: np.ndarray, count: int, inputs):
    """One layer (kernel, bias, outgoing) with count neurons: others are deleted, or merged by a similarity."""
    k, b, out = layer
    if how == "random":
        return methods.merge.delete(*layer, methods.merge.keep_at_random(len(b), count, lab.rng), inputs)
    if how == "norm":
        return methods.merge.delete(*layer, methods.merge.keep_by_norm(k, b, out, count), inputs)
    of_answers = methods.merge.activation_similarity
    alike = of_answers(np.maximum(h @ k + b, 0)) if how == "activation" else methods.merge.similarity(k, b, how)
    return methods.merge.merge(*layer, methods.merge.group(alike, count), inputs)


# %%
def shrunk(how: str, share: float, refit: bool = False):
    """The baseline with a share of each hidden layer's neurons, chosen in the way named."""
    layers, h = {name: baseline.get_layer(name).get_weights() for name in names}, calibration
    for name, after in pairwise(names):
        layer = [*layers[name], layers[after][0]]
        new = smaller(how, layer, h, max(1, round(share * len(layer[1]))), h if refit else None)
        layers[name], layers[after] = new[:2], (new[2], layers[after][1] + new[3])
        h = np.maximum(h @ new[0] + new[1], 0)
    return keras2.resize_dense(baseline, layers)


# %%
def accuracy(how: str, share: float, refit: bool, on) -> float:
    """The accuracy of the shrunken network on a split, not retrained."""
    return keras2.evaluate(shrunk(how, share, refit), on.x, on.y)[1]


names = ["dense_1", "dense_2", "logits"]
kinds, folds = ("rbf", "cosine", "activation"), {"sum": False, "least squares": True}
tried = {(how, f): accuracy(how, keep, folds[f], images.validation) for how in kinds for f in folds}
kind, folding = max(tried, key=tried.get)
lab.table([{"similarity": how, "folding": f, "validation": f"{share:.2%}"} for (how, f), share in tried.items()])

# %% [markdown]
# `rbf` is a kernel function of the distance between two neurons' weights, so it sees size as well as direction. The
# best row is used from here on; the choice is made on validation images, and test images played no part in it.

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
# First the whole curve without any retraining: five ways, on test images, the band from lowest to highest draw.

# %%
shares = sorted({0.1, 0.25, 0.75, round(keep, 4)})
ways = {"merging": (kind, folds[folding], 1), "by norm": ("norm", False, 1), "at random": ("random", False, draws)}
ways |= {"by norm, folded": ("norm", True, 1), "at random, folded": ("random", True, draws)}
curves = {
    name: [np.array([accuracy(how, share, refit, images.test) for _ in range(times)]) for share in shares]
    for name, (how, refit, times) in ways.items()
}
here = {name: curve[shares.index(round(keep, 4))] for name, curve in curves.items()}
written = {n: [f"{v.mean():.2%}", f"{v.min():.2%} to {v.max():.2%}", len(v)] for n, v in here.items()}
rows = [{"neurons": n} | dict(zip(("mean", "range", "draws"), v, strict=True)) for n, v in written.items()]
lab.table(rows, caption=f"Test accuracy with {keep:.0%} of the neurons, before retraining")

# %%
figure, axes = plt.subplots()
sides = {"merging": "bottom", "at random, folded": "top", "at random": "bottom", "by norm": "top"}
paint = dict(zip(curves, ("#009E73", "#D55E00", "#888888", "#E69F00", "#56B4E9"), strict=True))
for name, curve in curves.items():
    middle, low, high = ([100 * f(v) for v in curve] for f in (np.mean, np.min, np.max))
    axes.plot(shares, middle, "o-", color=paint[name])
    axes.fill_between(shares, low, high, color=paint[name], alpha=0.25)
    axes.text(shares[0] - 0.015, middle[0], name, ha="right", va=sides.get(name, "center"), color=paint[name])
axes.axhline(100 * dense.accuracy, color="#444444", linewidth=1)
axes.set(xlabel="share of neurons kept in each hidden layer", ylabel="test accuracy in %", xlim=(-0.15, 0.8))
lab.show(figure, alt="Before retraining, merging stays highest as neurons go; plain deletion falls much sooner.")

# %%
best_random, merged_before = here["at random"].max(), here["merging"].mean()
lab.claim("54.merge-random", "Merging above the best random deletion", merged_before - best_random, at_least=0.02, unit="points")
lab.claim("54.merge-norm", "Merging above deletion by norm", merged_before - here["by norm"].mean(), at_least=0.02, unit="points")

# %% [markdown]
# Read the folded rows too. Much of the gain is not *which* neurons stay but that the next layer is refitted to them:
# deletion with the same least squares comes close. Grouping earns only what is left between those rows.
#
# Now retrain, as the article asks: a few passes over the training images, with their labels.

# %%
merged = shrunk(kind, keep, folds[folding])
keras2.train(merged, x, y, epochs=epochs, learning_rate=2e-3, seed=seed)
small = lab.measure(merged, name="merged, retrained", technique="merging")
lab.table([dense, small])

# %%
lost = dense.accuracy - small.accuracy
lab.claim("54.retrained-loss", "Accuracy lost after retraining", lost, at_most=0.005, unit="points")
lab.claim("54.macs", "MACs, merged against formula", small.macs, equals=merged_macs([784, 300, 100, 10], keep), holds="always")
lab.claim("54.file", "File, merged against dense", small.bytes / dense.bytes, at_most=0.5, unit="×")
lab.claim("54.time", "Time, merged against dense", small.latency_ratio, at_most=0.8, unit="×")

# %% [markdown]
# Every column shrinks, the time among them: the matrices are smaller and still dense, so no special program is needed.

# %% [markdown]
# ## What goes wrong
#
# The bias is easily forgotten. Two neurons with equal weights and different biases open at different places; a cosine
# of the weights alone calls them copies. Here is such a pair, and a third neuron that truly is a copy of the second.

# %%
k, b, out = np.array([[1.0, 1.0, 2.0]]), np.array([1.0, -1.0, -2.0]), np.array([[1.0], [-1.0], [0.2]])
line = np.linspace(-2, 2, 9)[:, None]
truth = np.maximum(line @ k + b, 0) @ out
wrong = {}
for name, seen in (("bias ignored", np.zeros(3)), ("bias seen", b)):
    labels = methods.merge.group(methods.merge.similarity(k, seen, "cosine"), 2)
    new = methods.merge.merge(k, b, out, labels)
    wrong[name] = np.abs(np.maximum(line @ new[0] + new[1], 0) @ new[2] - truth).max()
lab.table([{"similarity": name, "largest error": value} for name, value in wrong.items()])
lab.claim("54.bias-seen", "Largest error once the bias is seen", wrong["bias seen"], at_most=1e-5, holds="always")

# %% [markdown]
# The mend is to append the bias to the weights, as `similarity` does.

# %% [markdown]
# ## What we saw

# %%
means = {options[0]: merged_before, options[1]: here["by norm"].mean(), options[2]: here["at random"].mean()}
lab.answer("54.p", max(means, key=means.get))
lab.finish(f"""
With {keep:.0%} of its hidden neurons and no retraining, the merged network has {merged_before:.2%} on {dense.n:,} test
images; deletion by norm has {here["by norm"].mean():.2%}, deletion at random {here["at random"].mean():.2%} on
average of {draws} draws ({here["at random"].min():.2%} to {here["at random"].max():.2%}). After {epochs} passes of
retraining the merged one has {small.accuracy:.2%} against {dense.accuracy:.2%}. It has {small.parameters:,} weights for
{dense.parameters:,}, {small.bytes:,} bytes for {dense.bytes:,}, and takes {small.latency_ratio:.2f} times as long.

This does **not** show that similarity finds the right groups: random deletion whose next layer is refitted in the same
way reaches {here["at random, folded"].mean():.2%}, so most of the gain is the folding. Nor does it show that merging
helps after retraining, where no rival was trained here; and it is one network and one seed of training.

Further reading: Srinivas and Babu, *Data-free parameter pruning for deep neural networks* (2015, arXiv:1507.06149);
He, Zhang and Sun, *Channel pruning for accelerating very deep neural networks* (2017, arXiv:1707.06168).
""")
