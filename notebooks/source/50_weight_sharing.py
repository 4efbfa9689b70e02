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
#     question: How many different weights does a network need?
#     minutes: 50
#     budget_s: {fast: 27, full: 210}
#     needs: [31]
#     objectives:
#       - share a layer's weights by k-means, by hand, and compare three starts
#       - derive the gradient of a shared value and check it against finite differences
#       - measure accuracy against the number of values, with and without fine-tuning
#       - predict the size of codebook and indices, and explain why a deflated file differs
#     routes: {size: 1}
#     terms:
#       centroid:
#         text: The mean of the values in one group of k-means; it replaces all values of the group.
#         zh: 质心
#         note: symbol c
#       codebook:
#         text: The short table of values that the weights of a layer share. For each weight only an index into it is stored.
#         zh: 码本
#         note: symbol c
#       entropy:
#         text: The average information of a symbol when symbols are drawn independently, −Σ p log₂ p. No code for them
#           is shorter on average.
#         zh: 信息熵
#         note: symbol H · unit bit
#       fine-tuning:
#         text: Further training of a changed network, at a small learning rate, so that it recovers its accuracy.
#         zh: 微调
#         note: unit epochs
#       finite difference:
#         text: The change of a function over a small step, divided by the step. It is an independent check of a gradient.
#         zh: 有限差分
#       k-means:
#         text: A method of grouping that repeats two steps until nothing changes. Each value joins its nearest centroid,
#           then each centroid moves to the mean of its values.
#         zh: k均值聚类
#         note: symbol k
#       weight sharing:
#         text: A method in which many weights of a layer have the same value, so that the layer stores a codebook and an
#           index per weight.
#         zh: 权重共享
# ---

# %% [markdown]
# # 50 · Weight sharing
#
# How many different weights does a network need?

# %%
from labkit import assets, by_profile, deploy, keras2, methods, start

import matplotlib.pyplot as plt
import numpy as np
import tensorflow_model_optimization as tfmot

# %% tags=["parameters"]
dataset: str = "fashion_mnist"  # data set; fashion_mnist or mnist
values: int = 16  # shared values per layer in the tables of files; 2 to 256
epochs: int = by_profile(2, 1)  # passes of fine-tuning; 1 to 20
train_images: int = by_profile(55000, 2000)  # training images used; 1000 to 55000
draws: int = by_profile(3, 1)  # fine-tuning runs per number of values; 1 to 5
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("50", seed=seed)
images = lab.data(dataset)
baseline = lab.baseline("lenet_300_100", dataset)
x = assets.data.as_input(images.train.x[:train_images])
y = images.train.y[:train_images]
dense = lab.measure(baseline, name="dense", technique="baseline")

# %% [markdown]
# ## Predict
#
# We work with LeNet-300-100, a network of three dense layers that is already trained. The line
# above shows its accuracy on the test images, with a 95 % interval. *Deflated* is the size of
# the file after a general-purpose compressor, the one of zip files.
#
# The 266,200 weights of this network are nearly all different numbers. We will allow each layer
# only a few different values, and then train these values a little more. Write down a guess:
# replace `None` with one of the options, in quotes.

# %%
my_guess = None
question = "How many values per layer keep the loss below half a point?"
options = ["2 values", "4 values", "8 values", "16 values", "more than 16"]
lab.predict("50.p", question, options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# Let the $n$ weights of a layer share $k$ values. The layer then stores a short table of the
# values, the [codebook](../docs/glossary.md#codebook). For each weight it stores only the number
# of its value, an *index*. An index takes $\lceil \log_2 k \rceil$ bits, and a value takes $b$
# bits. The layer becomes smaller by the factor
#
# $$ r = \frac{n\,b}{n \lceil \log_2 k \rceil + k\,b} $$
#
# For example, our first layer has $n = 235{,}200$ weights of $b = 32$ bits. With $k = 16$ values
# an index takes 4 bits, and $r$ is just below 8. The codebook itself costs almost nothing.
#
# Which values should we choose? [k-means](../docs/glossary.md#k-means) looks for values that are
# close to the weights, in squared error. It repeats two steps: assign each weight to its nearest
# value (*centroid*), then move each centroid to the mean of its weights. No step increases the
# error, but the result depends on the start. Han et al. compare three: evenly spaced values
# (*linear*), values with equally many weights between them (*density*), and values drawn from
# the weights (*random*).
#
# The figure shows a histogram of the first layer's weights. The three rows of ticks below it are
# the three starts. Most weights are close to zero, and only the linear start places values far
# out, where the few large weights are.

# %% tags=["hide-input"]
first = baseline.get_layer("dense_1").get_weights()[0]
figure, axes = plt.subplots()
top = axes.hist(first.ravel(), bins=200, color=lab.colour("fill"))[0].max()
for row, kind in enumerate(methods.cluster.STARTS, 1):
    book = methods.cluster.start(first, values, kind, lab.rng)
    place = np.full(len(book), -0.1 * row * top)
    axes.plot(book, place, "|", markersize=12, color=lab.colour("clustering"))
    axes.text(first.max() + 0.05, place[0], kind, va="center")
axes.set(xlabel="weight of dense_1", ylabel="number of weights")
axes.set_yticks(np.arange(0, top, 2000))
lab.show(
    figure,
    alt="Histogram of weights with a peak at zero. Below it, ticks for three "
    "starts: linear covers the whole range evenly, density stays near zero, random "
    "is in between.",
)

# %% [markdown]
# ## By hand
#
# Here are eight weights and three values with a linear start. Two rounds of k-means are enough.

# %%
weights = np.array([[0.9, -0.4, 0.1, 0.0], [-0.6, 1.1, -0.1, 0.2]])
centroids = np.linspace(weights.min(), weights.max(), 3)
for _ in range(2):
    distances = np.abs(weights[..., None] - centroids)
    indices = distances.argmin(axis=-1)
    centroids = np.array([weights[indices == k].mean() for k in range(3)])
print(indices)
print(centroids[indices])

# %% [markdown]
# The first array holds the indices, the second the shared weights. Now we train. The indices
# stay fixed and the codebook changes. If we move one shared value, all its weights move with it,
# and their effects on the loss add up. So the gradient of a value is the *sum* of the gradients
# of its weights. We check this on a small squared loss, against
# [finite differences](../docs/glossary.md#finite-difference).

# %%
inputs, targets = lab.rng.normal(size=(5, 2)), lab.rng.normal(size=(5, 4))


def loss(codebook: np.ndarray) -> float:
    """Return the squared error of a layer whose weights come from a codebook."""
    return np.mean((inputs @ codebook[indices] - targets) ** 2)


residuals = inputs @ centroids[indices] - targets
weight_gradients = 2 * inputs.T @ residuals / targets.size
sums = [weight_gradients[indices == k].sum() for k in range(3)]
steps = 1e-4 * np.eye(3)
slopes = [(loss(centroids + step) - loss(centroids - step)) / 2e-4 for step in steps]
lab.table([{"value": k, "sum": sums[k], "difference": slopes[k]} for k in range(3)])
lab.claim(
    "50.slopes", "The summed gradients equal the finite differences of the loss",
    np.abs(np.subtract(sums, slopes)).max(), at_most=1e-8, holds="always",
    label="largest difference",
)  # fmt: skip

# %% [markdown]
# ## With the library
#
# In the TensorFlow Model Optimization Toolkit (TFMOT), `cluster_weights` wraps each layer and
# `strip_clustering` returns plain layers. We use the linear start of its tutorial. We pass a
# *clone* of the model; *What goes wrong* shows why.

# %%
cluster = tfmot.clustering.keras
settings = {
    "number_of_clusters": values,
    "cluster_centroids_init": cluster.CentroidInitialization.LINEAR,
}
wrapped = cluster.cluster_weights(keras2.clone(baseline), **settings)
keras2.train(wrapped, x, y, epochs=epochs, learning_rate=1e-4, seed=seed)
tfmot_clustered = cluster.strip_clustering(wrapped)
kernels = [layer.get_weights()[0] for layer in tfmot_clustered.layers if layer.weights]
[len(np.unique(kernel)) for kernel in kernels]

# %% [markdown]
# The three layers keep at most as many values as we asked for. TFMOT differs from the paper in
# two ways. It does not run k-means: the evenly spaced values are its first codebook, and
# training moves them. And it keeps training the original weights, so a weight can change its
# value.
#
# `keras2.sharing.share(model, k)` follows the paper: k-means first, then fixed indices and a
# trained codebook. It returns a copy, and zeros stay zero. On your own model, call it, train the
# copy with `keras2.train`, and call `keras2.sharing.strip`.
#
# Which start is best? The next table has one row per start, for the first layer. It shows the
# root mean square error of the shared weights before and after k-means, and the
# [entropy](../docs/glossary.md#entropy) of the indices: the bits that a good coder needs per
# index. The last column is the accuracy of the whole network on validation images. We draw the
# random start five times and show the range.


# %%
def quality(codebook: np.ndarray) -> tuple[float, float]:
    """Return the error of dense_1 with its nearest values, and the indices' entropy."""
    nearest = methods.cluster.nearest(first, codebook)
    counts = np.bincount(nearest.ravel())
    error = np.sqrt(np.mean((first - codebook[nearest]) ** 2))
    return error, methods.coding.entropy(counts)


results = {}
for kind in methods.cluster.STARTS:
    results[kind] = []
    for _ in range(by_profile(5, 1) if kind == "random" else 1):
        book = methods.cluster.start(first, values, kind, lab.rng)
        moved_book, _ = methods.cluster.kmeans(first, book)
        shared = keras2.sharing.share(baseline, values, kind, rng=lab.rng)
        accuracy = keras2.evaluate(shared, *images.validation)[1]
        results[kind].append([*quality(book), *quality(moved_book), accuracy])

# %% tags=["hide-input"]
def span(numbers: np.ndarray, form: str) -> str:
    """Write the range of the numbers, or the one number that they all are."""
    low, high = (format(end, form) for end in (min(numbers), max(numbers)))
    return low if low == high else f"{low} to {high}"


forms = {"error at the start": ".4f", "bits at the start": ".2f"}
forms |= {"error, k-means": ".4f", "bits, k-means": ".2f", "validation accuracy": ".2%"}
lab.table(
    {"start": kind}
    | {
        name: span(column, form)
        for (name, form), column in zip(forms.items(), np.transpose(runs), strict=True)
    }
    for kind, runs in results.items()
)
lab.say(
    "After k-means the three starts have nearly the same error and entropy. Their "
    "accuracies differ by less than the validation images can show. So this page "
    "uses the linear start, which Han et al. recommend."
)

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
# ### How many values?
#
# First we vary the number of values per layer. Fine-tuning also changes a network whose weights
# are all free. So the comparison is a *dense* network with the same passes and learning rate.
# Each number of values is fine-tuned several times, with the images in another order.
#
# Few values need larger steps than many. Both learning rates were chosen on validation images.
#
# The table below has one row per number of values. The fine-tuned accuracy is the range over the
# runs. The last column compares the first run with the first dense network, on the same test
# images: the difference in points, with a paired 95 % interval
# ([lesson 12](12_measuring_accuracy.ipynb)). The figure after it shows the same accuracies; the
# dense network is the horizontal line. Look at the distance between the two lines at the left.

# %%
x_test, y_test = images.test


def hits(model) -> np.ndarray:
    """Return for each test image whether the model classifies it correctly."""
    return keras2.training.logits(model, x_test).argmax(axis=1) == y_test


def fine_tuned(model, run: int, learning_rate: float = 1e-4):
    """Train the model in place on the images in this run's order, and return it."""
    options = {"epochs": epochs, "learning_rate": learning_rate, "seed": seed + run}
    keras2.train(model, x, y, **options)
    return model


dense_tuned = [fine_tuned(keras2.clone(baseline), run) for run in range(draws)]
dense_hits = [hits(model) for model in dense_tuned]

# %%
counts = sorted({*by_profile((2, 4, 8, 16, 64, 256), (2,)), values})
plain_hits, tuned, tuned_hits = {}, {}, {}
for count in counts:
    plain_hits[count] = hits(keras2.sharing.share(baseline, count))
    learning_rate = 3e-3 if count < 8 else 1e-4
    tuned[count] = [
        fine_tuned(keras2.sharing.share(baseline, count), run, learning_rate)
        for run in range(draws)
    ]
    tuned_hits[count] = [hits(model) for model in tuned[count]]

# %% tags=["hide-input"]
def gain(ours: np.ndarray, reference: np.ndarray) -> str:
    """Write the difference of two networks in points, with its paired interval."""
    pair = methods.paired.paired(ours, reference)
    return f"{pair.gain:+.2f} ({pair.gain_low:+.2f} to {pair.gain_high:+.2f})"


dense_shares = [run.mean() for run in dense_hits]
shares = {count: [run.mean() for run in tuned_hits[count]] for count in counts}
lab.table(
    {
        "values": count,
        "k-means": f"{plain_hits[count].mean():.2%}",
        "fine-tuned": span(shares[count], ".2%"),
        "fine-tuned against dense": gain(tuned_hits[count][0], dense_hits[0]),
    }
    for count in counts
)
lab.say(f"The dense network with this training reaches {span(dense_shares, '.2%')}.")

figure, axes = plt.subplots()
lines = {
    "k-means only": ([plain_hits[count].mean() for count in counts], "o--"),
    "fine-tuned": ([np.mean(shares[count]) for count in counts], "o-"),
}
for name, (line, style) in lines.items():
    axes.plot(counts, 100 * np.array(line), style, color=lab.colour("clustering"))
    place = (counts[0], 100 * line[0])
    words = {"ha": "right", "va": "center", "textcoords": "offset points"}
    axes.annotate(name, place, (-8, 0), **words)
axes.axhline(100 * np.mean(dense_shares), color=lab.colour("baseline"), linewidth=1)
axes.text(counts[0] / 2.5, 100 * np.mean(dense_shares) + 0.3, "dense", ha="right")
axes.set(xlabel="shared values per layer", ylabel="test accuracy in %")
axes.set(xscale="log", xlim=(counts[0] / 5, counts[-1] * 1.3))
axes.set_xticks(counts, counts)
axes.minorticks_off()
lab.show(
    figure,
    alt="Accuracy against the number of shared values. From eight values on, both "
    "lines are close to the dense network. At two values k-means alone falls far "
    "below it, and fine-tuning recovers most of the fall.",
)
few = counts[0]
fall = np.mean(dense_shares) - plain_hits[few].mean()
left = np.mean(dense_shares) - np.mean(shares[few])
lab.say(
    f"With {few} values per layer, k-means alone loses {100 * fall:.1f} points. After "
    f"fine-tuning the loss is {100 * left:.1f} points. With {values} values it is "
    f"{100 * (np.mean(dense_shares) - np.mean(shares[values])):.2f} points."
)

# %% [markdown]
# ### How many bytes?
#
# TFMOT's documentation names two sizes for clustered networks on MNIST, in float32 and with int8
# weights ([quantized after training](40_quantization_after_training.ipynb)). Both are sizes after
# deflating. The float32 file still has four bytes per weight, and only the compressor sees that
# the values repeat.
#
# We convert networks with equal training to up to three formats. In the last format all neurons
# of a layer share one int8 scale. The table sets each size beside the accuracy that goes with it.
# *Times smaller* compares deflated files with the deflated dense float32 file. *Against dense* is
# the paired difference to that file, in points.

# %%
networks = {"dense": dense_tuned[0], "TFMOT": tfmot_clustered}
networks["k-means"] = keras2.sharing.strip(tuned[values][0])
formats = {"float32": ("float32", True), "int8": ("dynamic", True)}
formats["int8-per-layer"] = ("dynamic", False)
files = [("dense", "float32"), ("k-means", "float32"), ("k-means", "int8")]
files += [("TFMOT", form) for form in formats]
sizes, file_hits = {}, {}
for name, form in files:
    precision, per_neuron = formats[form]
    content = deploy.tflite.convert(networks[name], precision, per_channel=per_neuron)
    technique = "baseline" if name == "dense" else "clustering"
    about = {"name": f"{name}, {form}", "technique": technique, "latency": False}
    sizes[name, form] = lab.measure(content, **about)
    outputs = deploy.tflite.predict(content, assets.data.as_input(x_test))
    file_hits[name, form] = outputs.argmax(axis=1) == y_test

# %% tags=["hide-input"]
documented = {"float32": 6, "int8": 8, "int8-per-layer": 8}
smaller = {
    key: dense.compressed_bytes / size.compressed_bytes for key, size in sizes.items()
}


def verdict(name: str, form: str) -> str:
    """Write the documented ratio, and whether TFMOT's file reaches it."""
    if name != "TFMOT":
        return "–"
    word = "reached" if smaller[name, form] >= documented[form] else "missed"
    return f"{documented[form]}: {word}"


lab.table(
    {
        "network": name,
        "format": form,
        "bytes, deflated": size.compressed_bytes,
        "times smaller": f"{smaller[name, form]:.2f}",
        "documented": verdict(name, form),
        "accuracy": f"{size.accuracy:.2%}",
        "against dense": gain(file_hits[name, form], file_hits["dense", "float32"]),
    }
    for (name, form), size in sizes.items()
)
losses = {
    form: np.mean(file_hits["dense", "float32"]) - np.mean(file_hits["TFMOT", form])
    for form in formats
}
for form in formats:
    lab.claim(
        f"50.{form}",
        f"TFMOT's {form} file is as much smaller as its documentation says",
        smaller["TFMOT", form],
        at_least=documented[form],
        unit="×",
    )
    lab.claim(
        f"50.{form}-loss",
        f"TFMOT's {form} file loses little accuracy against the dense network",
        losses[form],
        at_most=0.006,
        unit="points",
        label="loss",
    )
missed = [form for form in formats if smaller["TFMOT", form] < documented[form]]
reference = file_hits["dense", "float32"]
int8_files = {name: file_hits[name, "int8"] for name in ("TFMOT", "k-means")}
changed = {name: gain(right, reference) for name, right in int8_files.items()}
lab.say(
    f"TFMOT's evenly spaced values reach {3 - len(missed)} of the 3 documented sizes"
    + (f" (missed: {', '.join(missed)})" if missed else "")
    + f". Its int8 file changes the accuracy by {changed['TFMOT']} points. "
    f"The int8 file with k-means is {smaller['k-means', 'int8']:.2f} times smaller, "
    f"and changes it by {changed['k-means']} points. So k-means fits the weights "
    "better, but its files are larger. TFMOT also keeps training the original "
    "weights, so a weight can change its value."
)

# %% [markdown]
# Two things explain the sizes. A compressor needs about as many bits as the entropy of the
# indices, whatever the number of values. Even spacing uses the values near zero very often and
# the others rarely, so its entropy is low; k-means uses its values more evenly. Second, with an
# int8 scale per neuron, one shared value becomes another integer in each column. One scale per
# layer keeps the shared values shared, and the file is smaller.
#
# ### Is k-means worse, then?
#
# The figure takes the first layer alone, with 8 to 256 values. It shows the error of the shared
# weights over the entropy of their indices. Compare the two lines at equal entropy.
# [Lesson 22](22_quantization_theory.ipynb) gives the theory: k-means is the best choice when all
# indices have the same length. When an entropy coder follows, even spacing is better.

# %% tags=["hide-input"]
figure, axes = plt.subplots()
starts = [methods.cluster.start(first, 2**bits) for bits in range(3, 9)]
books = {
    "evenly spaced": starts,
    "k-means": [methods.cluster.kmeans(first, begin)[0] for begin in starts],
}
styles = {"evenly spaced": ("s--", -9, "right"), "k-means": ("o-", 9, "left")}
error_at_3_bits = {}
for name, (style, dx, side) in styles.items():
    errors, bits = zip(*[quality(book) for book in books[name]], strict=True)
    axes.plot(bits, errors, style, color=lab.colour("clustering"))
    words = {"textcoords": "offset points", "ha": side, "va": "center"}
    axes.annotate(name, (bits[2], errors[2]), (dx, dx / 2), **words)
    error_at_3_bits[name] = np.exp(np.interp(3, bits, np.log(errors)))
axes.set(xlabel="entropy of an index in bits", ylabel="root mean square error")
axes.set_yscale("log")
lab.show(
    figure,
    alt="Error against the entropy of an index. Both lines fall steadily, and the "
    "line of evenly spaced values is a little below the line of k-means.",
)
lab.claim(
    "50.spacing",
    "At equal entropy, k-means leaves a larger error than even spacing",
    error_at_3_bits["k-means"] / error_at_3_bits["evenly spaced"],
    at_least=1.1,
    unit="×",
    label="ratio of errors at 3 bits",
)
lab.say("At equal entropy, evenly spaced values leave the smaller error, by a little.")

# %% [markdown]
# ## What goes wrong
#
# `cluster_weights` moves the weights out of the model that you pass to it, and prints no message.
# Here we pass a model without cloning it. First only the biases are left in `original`, and
# calling it fails. Then we call `strip_clustering` on the *other* model, and `original` works
# again, but with *shared* weights.

# %%
original = keras2.clone(baseline)
wrapped = cluster.cluster_weights(original, **settings)
print(f"{original.count_params():,} of {baseline.count_params():,} weights left")
try:
    original(x[:1])
except TypeError as error:
    print(next(line for line in str(error).splitlines() if "out of scope" in line))
stripped = cluster.strip_clustering(wrapped)
after, clustered, before = (
    model(x[:500]).numpy() for model in (original, stripped, baseline)
)

# %% tags=["hide-input"]
lab.claim(
    "50.stripped-model",
    "The model that we passed now computes the same as the clustered one",
    np.abs(after - clustered).max(),
    at_most=1e-4,
    holds="always",
    label="largest difference of an output",
)
lab.claim(
    "50.given-model",
    "The model that we passed no longer computes what it computed before",
    np.abs(after - before).max(),
    at_least=0.1,
    holds="always",
    label="largest difference of an output",
)
lab.say(
    "If you now compare `original` with the clustered network as *before and "
    "after*, you compare the network with itself, and find no loss. The remedy is "
    "`keras2.clone(model)`. `keras2.sharing.share` makes its own copy."
)

# %% [markdown]
# ## What we saw
#
# The documented sizes are for MNIST. [The table of reproductions](../docs/reproductions.md) has our
# files for MNIST, where one of the three sizes is missed.

# %% tags=["hide-input"]
lost = {count: np.mean(dense_shares) - np.mean(shares[count]) for count in counts}
small_losses = [count for count in counts if lost[count] < 0.005]
enough = f"{min(small_losses)} values" if small_losses else "more than 16"
lab.answer("50.p", enough if enough in options else options[-1])
lab.claim(
    "50.loss",
    "The network with shared, fine-tuned values loses little against the dense one",
    lost[values],
    at_most=0.005,
    unit="points",
    spread=np.std(shares[values], ddof=1) if draws > 1 else None,
    label="mean loss",
)
pair = methods.paired.paired(tuned_hits[values][0], dense_hits[0])
lab.finish(f"""
With {values} values per layer, k-means and fine-tuning, the network classifies
{np.mean(shares[values]):.2%} of {dense.n:,} test images correctly, on average over
{draws} runs. The dense network with the same training reaches
{np.mean(dense_shares):.2%}. In the first run the difference is {pair.gain:+.2f}
points, with a paired 95 % interval from {pair.gain_low:+.2f} to
{pair.gain_high:+.2f}.

Deflated, the k-means file is {smaller["k-means", "float32"]:.2f} times smaller in
float32 and {smaller["k-means", "int8"]:.2f} times in int8; the formula for whole bits
gives {rate(first.size, values, 32):.2f}. TFMOT's even spacing reaches
{smaller["TFMOT", "float32"]:.2f} and {smaller["TFMOT", "int8"]:.2f} times, and loses
{100 * losses["float32"]:.2f} and {100 * losses["int8"]:.2f} points.

This does **not** show that k-means is useless: where indices have whole bits, it is
the better choice. It does not show which start is best. And no file on this page
computes faster, because a program has to look up every value first. Published files
are much smaller still, because sharing is only one of their steps; [lesson
52](52_deep_compression.ipynb) combines three.

Further reading: Han, Mao and Dally, *Deep compression* (2015, arXiv:1510.00149),
sections 3 and 6. Next: [entropy coding](51_entropy_coding.ipynb), which gets closer
to the entropy than deflate does.
""")
