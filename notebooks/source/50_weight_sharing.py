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
#     title: Weight sharing
#     question: How many different weights does a net need?
#     minutes: 50
#     budget_s: {fast: 40, full: 170}
#     needs: [31]
#     objectives:
#       - share a layer's weights by k-means, by hand, and compare its three starts
#       - derive the gradient of a shared value and check it against finite differences
#       - measure accuracy against the number of values, with and without fine-tuning
#       - predict the size of codebook and indices, and tell why a deflated file differs
#     routes: {size: 1}
#     terms:
#       centroid:
#         text: The mean of the values in one group of k-means, which stands for all of them.
#         zh: 质心
#         note: symbol c
#       codebook:
#         text: The short table of values that the weights of a layer share; each weight stores only an index into it.
#         zh: 码本
#         note: symbol c
#       entropy:
#         text: What a symbol is worth on average when symbols are drawn independently, −Σ p log₂ p; no code for them is
#           shorter on average.
#         zh: 信息熵
#         note: symbol H · unit bit
#       fine-tuning:
#         text: Training a little more, at a small learning rate, so that a changed network recovers.
#         zh: 微调
#         note: unit epochs
#       finite difference:
#         text: "The change of a function over a small step, divided by the step: an independent check of a gradient."
#         zh: 有限差分
#       k-means:
#         text: "Grouping by turns: every value joins its nearest centroid, every centroid moves to the mean of its
#           values, until nothing moves."
#         zh: k均值聚类
#         note: symbol k
#       weight sharing:
#         text: Letting many weights of a layer have one value, so that the layer stores a codebook and an index for
#           each weight.
#         zh: 权重共享
# ---

# %% [markdown]
# # 50 · Weight sharing
#
# How many different weights does a net need?

# %%
from labkit import assets, by_profile, deploy, keras2, methods, start

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import tensorflow_model_optimization as tfmot

# %% tags=["parameters"]
dataset: str = "fashion_mnist"  # data set; fashion_mnist or mnist
values: int = 16  # shared values of each layer in the tables; 2 to 256
epochs: int = by_profile(2, 1)  # passes of fine-tuning over the training images; 1 to 20
train_images: int = by_profile(55000, 3000)  # training images used; 1000 to 55000
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("50", seed=seed)
images = lab.data(dataset)
baseline = lab.baseline("lenet_300_100", dataset)
x, y = assets.data.as_input(images.train.x[:train_images]), images.train.y[:train_images]
dense = lab.measure(baseline, name="dense", technique="baseline")

# %% [markdown]
# ## Predict
#
# The network is LeNet-300-100, trained already. Its weights are nearly all different numbers. Now each layer may keep
# only a few, which are then trained a little more. Replace `None` by one of the options, in quotes.

# %%
my_guess = None
options = ["2 values", "4 values", "8 values", "16 values", "more than 16"]
lab.predict("50.p", "How many values a layer does a loss below half a point take?", options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# Let the $n$ weights of a layer share $k$ values. The layer then stores a short table, the
# [codebook](../docs/glossary.md#codebook), and for each weight the number of its value, an *index*. An index among $k$
# takes $\lceil \log_2 k \rceil$ bits. With $b$ bits for a value the layer becomes smaller by the factor
#
# $$ r = \frac{n\,b}{n \lceil \log_2 k \rceil + k\,b} $$
#
# Which values? Those that are least far from the weights, in squared error. [k-means](../docs/glossary.md#k-means)
# finds them by turns: each weight goes to its nearest *centroid*, each centroid moves to the mean of its weights. No
# turn makes the error larger. But where it ends depends on where it began. Han et al. compare three starts: evenly
# spaced (*linear*), as many weights between any two (*density*), and drawn from the weights (*random*).
#
# The figure shows the first layer and where each start puts its values. Linear alone reaches out to the few large
# weights; the other two crowd where the weights are many.

# %%
first = baseline.get_layer("dense_1").get_weights()[0]
figure, axes = plt.subplots()
top = axes.hist(first.ravel(), bins=200, color="#BBBBBB")[0].max()
for row, kind in enumerate(methods.cluster.STARTS, 1):
    book = methods.cluster.start(first, values, kind, lab.rng)
    axes.plot(book, np.full(len(book), -0.1 * row * top), "|", markersize=12, color=lab.colour("clustering"))
    axes.text(first.max() + 0.05, -0.1 * row * top, kind, va="center")
axes.set(xlabel="weight of dense_1", ylabel="number of weights", yticks=np.arange(0, top, 2000))
lab.show(figure, alt=f"Most weights are near zero; below, the {values} values of each start: linear reaches far out.")

# %% [markdown]
# ## By hand
#
# Eight weights, three values, a linear start. Two turns are enough here.

# %%
weights = np.array([[0.9, -0.4, 0.1, 0.0], [-0.6, 1.1, -0.1, 0.2]])
centroids = np.linspace(weights.min(), weights.max(), 3)
for _ in range(2):
    indices = np.abs(weights[..., None] - centroids).argmin(axis=-1)
    centroids = np.array([weights[indices == k].mean() for k in range(3)])
indices, centroids[indices]

# %% [markdown]
# Now train. The indices stay, the codebook learns. Move one shared value, and all its weights move with it: their
# effects on the loss add up. So the gradient of a value is the *sum* of its weights' gradients. A small loss shows it,
# beside [finite differences](../docs/glossary.md#finite-difference).

# %%
inputs, targets = lab.rng.normal(size=(5, 2)), lab.rng.normal(size=(5, 4))
of_weights = 2 * inputs.T @ (inputs @ centroids[indices] - targets) / targets.size
of_values = np.bincount(indices.ravel(), weights=of_weights.ravel())


def loss(codebook: np.ndarray) -> float:
    """The squared error of the layer whose weights are looked up in a codebook."""
    return np.mean((inputs @ codebook[indices] - targets) ** 2)


slopes = [(loss(centroids + step) - loss(centroids - step)) / 2e-4 for step in 1e-4 * np.eye(3)]
lab.table([{"value": k, "sum of gradients": of_values[k], "slope of the loss": slopes[k]} for k in range(3)])
lab.claim("50.slopes", "Largest difference between them", np.abs(of_values - slopes).max(), at_most=1e-8, holds="always")

# %% [markdown]
# ## With the library
#
# TFMOT's `cluster_weights` wraps each layer, and `strip_clustering` makes plain layers again. It gets a *clone*, for a
# reason that comes later. The linear start is the one of its tutorials.

# %%
cluster, linear = tfmot.clustering.keras, tfmot.clustering.keras.CentroidInitialization.LINEAR
wrapped = cluster.cluster_weights(keras2.clone(baseline), number_of_clusters=values, cluster_centroids_init=linear)
keras2.train(wrapped, x, y, epochs=1, learning_rate=1e-4, seed=seed)
theirs = cluster.strip_clustering(wrapped)
[len(np.unique(layer.get_weights()[0])) for layer in theirs.layers if layer.get_weights()]

# %% [markdown]
# It does two things in its own way. It runs no k-means: the start is its first codebook, and training moves it. And it
# keeps training the hidden original weights, so that a weight may change its value. `keras2.sharing.share` does as the paper
# does: k-means first, then fixed indices and a trained codebook; zeros stay zero.
#
# Which start? The table has the root mean square error of `dense_1`, which k-means lowers, and the
# [entropy](../docs/glossary.md#entropy) of the indices: the bits that a good coder needs for one. The start with the
# most right answers on validation images is used from here on.

# %%
def quality(codebook: np.ndarray) -> tuple[float, float]:
    """The error of dense_1 when its weights take the nearest values, and the entropy of the indices."""
    labels = methods.cluster.nearest(first, codebook)
    return np.sqrt(np.mean((first - codebook[labels]) ** 2)), methods.coding.entropy(np.bincount(labels.ravel()))


scores, rows, titles = {}, [], ("start", "error · bits at the start", "after k-means", "validation")
for kind in methods.cluster.STARTS:
    begin = methods.cluster.start(first, values, kind, lab.rng)
    written = ["{:.4f} · {:.2f}".format(*quality(book)) for book in (begin, methods.cluster.kmeans(first, begin)[0])]
    scores[kind] = keras2.evaluate(keras2.sharing.share(baseline, values, kind), *images.validation)[1]
    rows.append(dict(zip(titles, (kind, *written, f"{scores[kind]:.2%}"), strict=True)))
best = max(scores, key=scores.get)
lab.table(rows)

# %% [markdown]
# ## Your turn

# %% [markdown]
# ### 50.1 The nearest centroid ★☆☆ · 5 minutes
#
# Return the index of the nearest centroid for each weight. Exactly halfway between two centroids, take the lower one.


# %%
def assign(weights: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Return indices of the shape of weights; centroids (count,) are ascending."""
    ### BEGIN SOLUTION
    distances = np.abs(weights[..., None] - centroids)
    return distances.argmin(axis=-1)
    ### END SOLUTION


assign = lab.check("50.1", assign)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `weights[..., None] - centroids` has one more axis than the weights. It contains the difference to each centroid.
# </details>
# <details><summary>Hint 2</summary>
#
# `argmin(axis=-1)` of the absolute differences returns the index of the smallest. If two are equally small, it returns
# the first one, which is the lower centroid.
# </details>

# %% [markdown]
# ### 50.2 The mean ★★☆ · 10 minutes
#
# Move each centroid to the mean of the weights that have its index. A centroid without weights stays where it is.


# %%
def update(weights, indices, centroids) -> np.ndarray:
    """Return the new centroids, of the shape of the old ones.

    All three are arrays; indices has the shape of weights.
    """
    ### BEGIN SOLUTION
    moved = np.array(centroids, dtype="float64")
    for k in np.unique(indices):
        moved[k] = weights[indices == k].mean(dtype="float64")
    return moved
    ### END SOLUTION


update = lab.check("50.2", update)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `weights[indices == k]` are the weights of centroid `k`.
# </details>
# <details><summary>Hint 2</summary>
#
# Start with a copy of the old centroids, and visit only the indices that occur: `np.unique(indices)` lists them.
# </details>
#
# Your two functions in turn are the k-means algorithm. On thirty neurons of the real layer they must give the same
# values as the library.

# %%
weights = first[:, :30]
start_values = our_values = methods.cluster.start(weights, values, "density")
for _ in range(3):
    our_values = update(weights, assign(weights, our_values), our_values)
library_values, *_ = methods.cluster.kmeans(weights, start_values, iterations=3)
difference = np.abs(our_values - library_values).max()
claim = "Three turns of our two functions give the library's values"
lab.claim("50.turns", claim, difference, at_most=1e-6, holds="always")

# %% [markdown]
# ### 50.3 The gradient of a shared value ★★☆ · 10 minutes
#
# Several weights use the same value. The gradient of that value is the sum of their gradients. A value that no weight
# uses has gradient 0.


# %%
def centroid_gradient(gradient, indices, count) -> np.ndarray:
    """Return the gradient (count,) of the shared values.

    gradient and indices have the shape of the weights.
    """
    ### BEGIN SOLUTION
    sums = np.zeros(count)
    np.add.at(sums, indices, gradient)
    return sums
    ### END SOLUTION


centroid_gradient = lab.check("50.3", centroid_gradient)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `sums[indices] += gradient` is wrong here: if an index occurs several times, NumPy adds only one of its gradients.
# </details>
# <details><summary>Hint 2</summary>
#
# `np.add.at(sums, indices, gradient)` adds all of them. `np.bincount` does so too, with `weights` and `minlength`, but
# only for flat arrays.
# </details>

# %% [markdown]
# ### 50.4 The compression rate ★☆☆ · 10 minutes
#
# Compute $r$ from the formula under *Idea*. An index has a whole number of bits: 16 values need 4 bits, 17 values need
# 5, and a single value needs none.


# %%
def rate(weights: int, count: int, bits: int) -> float:
    """Return the bits before, divided by the bits after sharing.

    A layer of so many weights of bits each shares count values of bits each.
    """
    ### BEGIN SOLUTION
    index_bits = (count - 1).bit_length()
    return weights * bits / (weights * index_bits + count * bits)
    ### END SOLUTION


rate = lab.check("50.4", rate)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Before, each weight has `bits` bits. After, each weight has an index, and the codebook has `count` values of `bits`
# bits.
# </details>
# <details><summary>Hint 2</summary>
#
# An index among $k$ values needs $\lceil \log_2 k \rceil$ bits. `(count - 1).bit_length()` computes this without
# rounding errors: it is the length of the largest index, `count - 1`, in binary.
# </details>

# %% [markdown]
# ## Evidence
#
# First the curve: a codebook for each layer, and one for each neuron (its *channel*), before and after fine-tuning. A
# layer with very few values wants larger steps than one with many; both rates were chosen on validation images.

# %%
def tuned(count: int, per_channel: bool):
    """The baseline with so many values in each layer or neuron, fine-tuned."""
    model = keras2.sharing.share(baseline, count, best, per_channel)
    learning_rate = 3e-3 if count < 8 and not per_channel else 1e-4
    keras2.train(model, x, y, epochs=epochs, learning_rate=learning_rate, seed=seed)
    return model


counts, curves = sorted({*by_profile((2, 4, 8, 16, 64, 256), (2,)), values}), {}
for scope, each in (("neuron", True), ("layer", False)):
    plain, trained = [keras2.sharing.share(baseline, k, best, each) for k in counts], [tuned(k, each) for k in counts]
    curves[f"by {scope}, k-means"] = [keras2.evaluate(model, *images.test)[1] for model in plain]
    curves[f"by {scope}, fine-tuned"] = [keras2.evaluate(model, *images.test)[1] for model in trained]
clustered = keras2.sharing.strip(trained[counts.index(values)])

# %%
def shown(share: float) -> str:
    """An accuracy with its 95 % interval."""
    low, high = methods.statistics.wilson(round(share * dense.n), dense.n)
    return f"{share:.2%} ({100 * low:.2f} to {100 * high:.2f})"


lab.table([{"values": k} | {name: shown(curve[i]) for name, curve in curves.items()} for i, k in enumerate(counts)])

# %%
figure, axes = plt.subplots()
for (name, curve), style, dy in zip(curves.items(), ("o--", "o-", "s--", "s-"), (7, 7, -7, -7), strict=True):
    paint = lab.colour("clustering") if "layer" in name else "#8B3A74"
    axes.plot(counts, 100 * np.array(curve), style, color=paint)
    axes.annotate(name, (counts[0], 100 * curve[0]), (-8, dy), textcoords="offset points", ha="right", va="center")
axes.axhline(100 * dense.accuracy, color=lab.colour("baseline"), linewidth=1)
axes.set(xlabel="shared values of a layer or a neuron", ylabel="test accuracy in %", xscale="log", xlim=(0.25, 350))
axes.set_xticks(counts, counts)
lab.show(figure, alt="Accuracy against shared values: flat, then a fall at few values, half regained by fine-tuning.")

# %% [markdown]
# A neuron with a codebook of its own has far more values in all, and pays for its tables. Now the bytes. The
# documentation of TFMOT promises a file six times smaller for sixteen clusters, and eight times with quantization after
# training, both deflated. The float32 file still writes four bytes a weight; only the compressor sees that they repeat.

# %%
nets = {"dense": baseline, "k-means": clustered, "TFMOT, linear": theirs}
ways = {"float32": ("float32", True), "int8": ("dynamic", True), "int8, one scale a layer": ("dynamic", False)}
sizes = {}
for net, way in product(nets, ways):
    content = deploy.tflite.convert(nets[net], ways[way][0], per_channel=ways[way][1])
    technique = "baseline" if net == "dense" else "clustering"
    sizes[net, way] = lab.measure(content, name=f"{net}, {way}", technique=technique, latency=False)
smaller = {key: dense.compressed_bytes / size.compressed_bytes for key, size in sizes.items()}
lab.table(
    {"file": s.name, "accuracy": shown(s.accuracy), "bytes, deflated": s.compressed_bytes, "times smaller": smaller[key]}
    for key, s in sizes.items()
)
for way, promised in {"float32": 6, "int8": 8, "int8, one scale a layer": 8}.items():
    size, short = smaller["TFMOT, linear", way], way.replace(", one scale a ", "-per-")
    lab.claim(f"50.{short}", f"TFMOT, {way}, times smaller", size, at_least=promised, unit="×")

# %% [markdown]
# The promises hold for TFMOT's evenly spaced values. They do **not** hold for k-means, although its values fit the
# weights better. A compressor pays the entropy, not the number of values, and k-means uses its values evenly.
# Quantization has a trap of its own: with a scale for each neuron, one shared value becomes another integer in each
# row. One scale a layer keeps the shared values shared.
#
# Is k-means worse, then? The figure takes `dense_1` alone, with more and more values, and sets the error that they
# leave against the entropy of their indices.

# %%
figure, axes = plt.subplots()
begins, level = [methods.cluster.start(first, 2**bits) for bits in range(1, 9)], {}
for name, style, dx, side in (("evenly spaced", "s--", -9, "right"), ("k-means", "o-", 9, "left")):
    books = begins if name != "k-means" else [methods.cluster.kmeans(first, begin)[0] for begin in begins]
    errors, bits = zip(*map(quality, books), strict=True)
    axes.plot(bits, errors, style, color=lab.colour("clustering"))
    axes.annotate(name, (bits[4], errors[4]), (dx, dx / 2), textcoords="offset points", ha=side, va="center")
    level[name] = np.exp(np.interp(3, bits, np.log(errors)))
axes.set(xlabel="entropy of an index in bits", ylabel="root mean square error", yscale="log")
lab.show(figure, alt="Error against entropy of an index: both lines fall, that of evenly spaced values a little lower.")
lab.claim("50.spacing", "Error at 3 bits, k-means to even spacing", level["k-means"] / level["evenly spaced"], at_least=1, unit="×")

# %% [markdown]
# For the same bits, evenly spaced values leave the smaller error, by a little. That is what theory says of a quantizer
# with an entropy coder behind it ([lesson 22](22_quantization_theory.ipynb)): k-means is the best choice for indices of
# equal length, and only for those.

# %% [markdown]
# ## What goes wrong
#
# `cluster_weights` takes the weights out of the model that it is given, without a word. Here is such a model: what is
# left in it, what it says when asked, and what it answers once the *other* model has been stripped.

# %%
given = keras2.clone(baseline)
wrapped = cluster.cluster_weights(given, number_of_clusters=values, cluster_centroids_init=linear)
try:
    given(x[:1])
except TypeError as error:
    print(f"{given.count_params():,} of {baseline.count_params():,} weights left.", str(error).splitlines()[2])
stripped = cluster.strip_clustering(wrapped)
now, theirs_now, was = (model(x[:500]).numpy() for model in (given, stripped, baseline))
lab.claim("50.stripped-model", "Given model against stripped one", np.abs(now - theirs_now).max(), at_most=1e-4, holds="always")
lab.claim("50.given-model", "Given model against what it was", np.abs(now - was).max(), at_least=1e-3, holds="always")

# %% [markdown]
# First only the biases are left in it. Then it answers again, with *shared* weights: whoever compares "before" and
# "after" now compares the clustered network with itself, and finds no loss. The remedy is `keras2.clone`, as above.
# `keras2.sharing.share` copies by itself.

# %% [markdown]
# ## What we saw

# %%
lost = {k: dense.accuracy - share for k, share in zip(counts, curves["by layer, fine-tuned"], strict=True)}
enough = f"{min((k for k in counts if lost[k] < 0.005), default='no')} values"
lab.answer("50.p", enough if enough in options else options[-1])
lab.claim("50.loss", "Accuracy lost with the shared values, fine-tuned", lost[values], at_most=0.005, unit="points")
lab.finish(f"""
With {values} values a layer, by k-means and fine-tuning, the network has {sizes["k-means", "float32"].accuracy:.2%} on
{dense.n:,} test images; with all its weights, {dense.accuracy:.2%}. With {counts[0]} values it has
{curves["by layer, fine-tuned"][0]:.2%}, before fine-tuning {curves["by layer, k-means"][0]:.2%}. Deflated, its file is
{smaller["k-means", "float32"]:.2f} times smaller, with int8 weights {smaller["k-means", "int8"]:.2f} times; the formula
for whole bits says {rate(first.size, values, 32):.2f}. TFMOT's even spacing reaches
{smaller["TFMOT, linear", "float32"]:.2f} and {smaller["TFMOT, linear", "int8"]:.2f} times, at {sizes["TFMOT, linear", "int8"].accuracy:.2%}.
""")

# %% [markdown]
# This does **not** show that k-means is useless: where an index takes whole bits, it is the better choice. Nor does one
# network and one seed tell the three starts apart, or differences of a few tenths of a point. And no file here computes
# faster: a program looks every value up, or multiplies as before.
#
# Further reading: Han, Mao and Dally, *Deep compression* (2015, arXiv:1510.00149), sections 3 and 6. Next:
# [entropy coding](51_entropy_coding.ipynb), which comes closer to the entropy than deflate does.
