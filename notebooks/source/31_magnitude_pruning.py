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
#     title: Magnitude pruning
#     question: How many of a network's weights can we remove before its accuracy drops?
#     minutes: 60
#     budget_s: {fast: 60, full: 400}
#     needs: [12, 30]
#     objectives:
#       - compute a magnitude mask by hand and show that it equals the library's, weight for weight
#       - prune a trained Keras model with TFMOT, with a constant and with a growing sparsity
#       - explain which sizes shrink when weights become zero, and which do not
#       - separate the effects of shares by layer, of a teacher and of further training in a comparison
#       - avoid two common mistakes with TFMOT, one with a long error message and one without any
#     routes: {double-lesson: 1, half-day: 1, three-sessions: 1}
#     terms:
#       epoch:
#         text: One pass over all training images.
#         zh: 训练轮次
#       magnitude pruning:
#         text: Setting the weights with the smallest absolute values to zero.
#         zh: 幅值剪枝
#       pruning schedule:
#         text: "The sparsity at each training step: constant, or a polynomial that grows fast at first and slowly
#           at the end."
#         zh: 剪枝调度
#         note: symbol s(t)
#       sparsity:
#         text: The fraction of the weights that is zero.
#         zh: 稀疏度
#         note: symbol s · unit %
# ---

# %% [markdown]
# # 31 · Magnitude pruning
#
# How many of a network's weights can we remove before its accuracy drops?

# %%
import math

from labkit import assets, by_profile, keras2, methods, start

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot

# %% tags=["parameters"]
dataset: str = "fashion_mnist"  # data set; fashion_mnist or mnist
sparsity: float = 0.80  # fraction of the weights set to zero; 0 to 0.99
epochs: int = by_profile(10, 1)  # passes over the training images per training; 1 to 50
train_images: int = by_profile(55000, 2000)  # training images used; 1000 to 55000
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("31", seed=seed)
images = lab.data(dataset)
baseline = lab.baseline("lenet_300_100", dataset)
x = assets.data.as_input(images.train.x[:train_images])
y = images.train.y[:train_images]
test_x = assets.data.as_input(images.test.x)
dense = lab.measure(baseline, name="dense, as loaded", technique="baseline")

# %% [markdown]
# We work with LeNet-300-100, a small network of three dense layers with 266,200 weights. It is already trained; the
# cell above loads it and measures it. Accuracy comes with a 95 % interval because the test set is only a sample:
# 10,000 images cannot separate two networks that differ by a fifth of a point ([lesson
# 12](12_measuring_accuracy.ipynb)).

# %% [markdown]
# ## Predict
#
# We are going to set four fifths of the weights to zero and then train the remaining ones a little longer. How much
# accuracy will the network lose? Replace `None` with one of the options, in quotes.

# %%
my_guess = None
options = [
    "less than half a point",
    "half a point to two points",
    "two to ten points",
    "more than ten points",
]
question = f"How much accuracy do we lose with {sparsity:.0%} zeros?"
lab.predict("31.p", question, options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# Each neuron computes a weighted sum of its inputs. A weight close to zero contributes little to that sum, so removing
# it should change little. **[Magnitude pruning](../docs/glossary.md#magnitude-pruning)** turns this observation into a
# rule: keep the weights with the largest absolute values and set all others to zero.
#
# $$ m_i = \begin{cases} 1 & |w_i| \ge t \\ 0 & \text{otherwise} \end{cases} \qquad \hat w_i = m_i\, w_i $$
#
# Here $w_i$ is a weight and $\hat w_i$ the weight after pruning. The vector $m$ is the *mask*. We choose the threshold
# $t$ so that a given fraction $s$ of the mask is zero. That fraction is the [sparsity](../docs/glossary.md#sparsity);
# the fraction we keep, $1 - s$, is the [density](../docs/glossary.md#density).
#
# Is a small weight really an unimportant one? Not always: a small weight on a large input can matter more than a large
# weight on a pixel that is always black. Magnitude is only a cheap estimate of importance. Two things make it good
# enough. Most weights of a trained network are small. And after pruning we train again, so the remaining weights can
# make up for the removed ones.
#
# The histogram shows the absolute weights of the first layer. Everything to the left of the coloured line, the
# threshold, will be removed.

# %% tags=["hide-input"]
first_kernel = np.abs(baseline.get_layer("dense_1").get_weights()[0])
threshold = np.quantile(first_kernel, sparsity)
figure, axes = plt.subplots()
axes.hist(first_kernel.ravel(), bins=120, color=lab.colour("fill"))
axes.axvline(threshold, color=lab.colour("pruning"))
place = (threshold, axes.get_ylim()[1] * 0.9)
axes.annotate(f"  threshold for {sparsity:.0%}", place, color=lab.colour("pruning"))
axes.set(xlabel="absolute value of a weight in dense_1", ylabel="number of weights")
lab.show(
    figure,
    alt=f"Most weights are near zero; {sparsity:.0%} lie left of {threshold:.3f}.",
)
lab.say(f"""
Most of the histogram lies near zero:
{np.mean(first_kernel < first_kernel.max() / 10):.0%} of the weights are smaller than a
tenth of the largest one.
""")

# %% [markdown]
# ## By hand
#
# Let us prune six weights by hand and remove half of them. We sort the absolute values. The three smallest go, so the
# fourth smallest is the threshold.

# %%
weights = np.array([[0.9, -0.1, 0.4], [-0.05, 0.7, -0.3]], dtype="float32")
sorted_sizes = np.sort(np.abs(weights).ravel())
threshold = sorted_sizes[round(0.5 * weights.size)]
mask = np.abs(weights) >= threshold
mask * weights

# %% [markdown]
# ## With the library
#
# In our array three zeros remain, and the large weights keep their values and signs. From now on the mask is what
# counts: during further training it sets the removed weights back to zero after every step.
#
# The TensorFlow Model Optimization Toolkit (TFMOT) does the same inside Keras. It wraps every layer in an object that
# stores a mask. A *[schedule](../docs/glossary.md#pruning-schedule)* says how sparse the layer should be at each
# training step. This course grew from a Chinese introductory article on model acceleration; its example prunes with a
# constant sparsity of 50 %, and so do we: wrap the model, compile it, train it.

# %%
prune = tfmot.sparsity.keras
schedule = prune.ConstantSparsity(0.5, begin_step=0)
copy = keras2.clone(baseline)
half_pruned = prune.prune_low_magnitude(copy, pruning_schedule=schedule)
keras2.compile(half_pruned)
few_x, few_y = x[:12000], y[:12000]
steps_per_epoch = math.ceil(len(few_x) / 128)
training = {"epochs": math.ceil(120 / steps_per_epoch), "batch_size": 128, "verbose": 0}
callbacks = [prune.UpdatePruningStep()]
history = half_pruned.fit(few_x, few_y, callbacks=callbacks, **training)
history.history["accuracy"]

# %% [markdown]
# Three details are easy to miss:
#
# - **The clone.** `prune_low_magnitude` changes the model that you pass to it. We pass a copy. *What goes wrong* shows
#   what happens otherwise.
# - **The callback.** `UpdatePruningStep` gives the wrappers the number of the training step. The article leaves it
#   out, and its example fails.
# - **The number of steps.** TFMOT updates its masks only every 100 steps by default. A shorter training run prunes
#   nothing and prints no warning, so we train for at least 120 steps.
#
# After training, `strip_pruning` removes the wrappers and leaves ordinary layers that contain zeros. We save the
# model, load it again, and count the zeros.

# %%
path = lab.folder / "half_pruned.keras"
prune.strip_pruning(half_pruned).save(path)
loaded = tf.keras.models.load_model(path)
layer_names = ["dense_1", "dense_2", "logits"]


def sparsities_of(model) -> np.ndarray:
    """Return the fraction of zeros in the kernel of each layer."""
    kernels = [model.get_layer(name).get_weights()[0] for name in layer_names]
    return np.array([methods.sparsity.sparsity(kernel) for kernel in kernels])


sparsities_of(loaded)

# %% [markdown]
# Does TFMOT choose the same weights as our own rule? We give both the same network. Two training steps with a learning
# rate of zero make TFMOT compute its masks without moving any weight, so the results must be equal, weight for weight.
# `methods.prune.magnitude_mask` is the rule of *By hand* as a function.

# %%
every_step = prune.ConstantSparsity(sparsity, begin_step=0, frequency=1)
copy = keras2.clone(baseline)
unmoved = prune.prune_low_magnitude(copy, pruning_schedule=every_step)
loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
unmoved.compile(optimizer=tf.keras.optimizers.SGD(0.0), loss=loss)
unmoved.fit(x[:256], y[:256], batch_size=128, verbose=0, callbacks=callbacks)
library_pruned = prune.strip_pruning(unmoved)
different_weights = 0
for name in layer_names:
    kernel = baseline.get_layer(name).get_weights()[0]
    by_hand = kernel * methods.prune.magnitude_mask(kernel, sparsity)
    by_library = library_pruned.get_layer(name).get_weights()[0]
    different_weights += np.count_nonzero(by_hand != by_library)

# %% tags=["hide-input"]
lab.claim(
    "31.saved-half",
    "After saving and loading, every layer still has the sparsity of the schedule",
    np.abs(sparsities_of(loaded) - 0.5).max(),
    at_most=0.001,
    unit="points",
    holds="always",
    label="largest deviation",
)
lab.claim(
    "31.mask",
    "Our rule and TFMOT keep the same weights",
    different_weights,
    equals=0,
    holds="always",
    label="different weights",
)

# %% [markdown]
# ## Your turn

# %% [markdown]
# ### 31.1 The mask ★☆☆ · 10 minutes
#
# Write a function that computes the mask for any array and any sparsity. Of $n$ weights, remove the `round(n *
# sparsity)` smallest, but always keep at least one. If several weights are exactly as large as the threshold, keep all
# of them. An empty array has an empty mask.


# %%
def magnitude_mask(weights: np.ndarray, sparsity: float) -> np.ndarray:
    """Return a boolean array of the shape of weights, True where a weight is kept."""
    ### BEGIN SOLUTION
    if weights.size == 0:
        return np.ones(weights.shape, dtype=bool)
    sorted_sizes = np.sort(np.abs(weights).ravel())
    removed = min(round(weights.size * sparsity), weights.size - 1)
    threshold = sorted_sizes[removed]
    return np.abs(weights) >= threshold
    ### END SOLUTION


magnitude_mask = lab.check("31.1", magnitude_mask)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Flatten the array and sort the absolute values: `np.sort(np.abs(weights).ravel())`. One threshold applies to the whole
# array, not to each row.
# </details>
# <details><summary>Hint 2</summary>
#
# The first `round(n * sparsity)` of the sorted values are removed, so the next one is the threshold. If all of them
# would be removed, the last one is the threshold. An empty array has no threshold; treat it first.
# </details>

# %% [markdown]
# ### 31.2 The schedule ★★☆ · 10 minutes
#
# Removing many weights at once hurts more than removing them gradually, because the network can adapt in between.
# TFMOT's `PolynomialDecay` raises the sparsity from $s_0$ at step $b$ to $s_1$ at step $e$, quickly at first and slowly
# towards the end:
#
# $$ s(t) = s_1 + (s_0 - s_1)\left(1 - \frac{t - b}{e - b}\right)^3 $$
#
# Before step $b$ the sparsity is $s_0$; after step $e$ it is $s_1$.


# %%
def sparsity_at(step: int, initial: float, final: float, begin: int, end: int) -> float:
    """Return the sparsity that the schedule requires at a training step."""
    ### BEGIN SOLUTION
    progress = (step - begin) / (end - begin)
    progress = min(max(progress, 0.0), 1.0)
    return final + (initial - final) * (1 - progress) ** 3
    ### END SOLUTION


sparsity_at = lab.check("31.2", sparsity_at)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# First compute the progress: 0 at step $b$, 1 at step $e$. It is the fraction in the formula.
# </details>
# <details><summary>Hint 2</summary>
#
# `min(max(progress, 0), 1)` limits the progress for steps before the beginning and after the end.
# </details>

# %% [markdown]
# ### 31.3 The bytes ★★☆ · 10 minutes
#
# A zero in a float32 array occupies four bytes, like every other value. To save space we need a different format. A
# simple one is a *bitmap*: one bit per weight that says whether the weight was kept, followed by the kept weights, four
# bytes each. The bitmap occupies whole bytes. How many bytes does this format need for a given mask?


# %%
def bitmap_bytes(mask: np.ndarray) -> int:
    """Return the bytes of the bitmap and of the kept float32 weights together."""
    ### BEGIN SOLUTION
    map_bytes = int(np.ceil(mask.size / 8))
    return map_bytes + 4 * int(np.count_nonzero(mask))
    ### END SOLUTION


bitmap_bytes = lab.check("31.3", bitmap_bytes)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Eight weights share one byte of the bitmap. Nine weights need two bytes, so round up.
# </details>
# <details><summary>Hint 2</summary>
#
# `np.ceil(n / 8)` rounds up and returns a float; `int` turns it into a whole number. `np.count_nonzero(mask)` counts
# the kept weights.
# </details>

# %% [markdown]
# ## Evidence
#
# How far can we go? We prune the network to several sparsities. The first function wraps the layers of a copy: the
# sparsity grows during the first half of training, and the second half lets the network recover. The second function
# trains every network below, with the same learning rate and order of images. `keras2.train` is our training loop, which updates TFMOT's masks like the callback.


# %%
def wrapped_copy(targets, steps):
    """Return a copy of the baseline whose layers in targets will grow sparse."""
    interval = min(20, max(1, steps // 10))
    end = steps // 2 // interval * interval

    def wrap(layer):
        if layer.name not in targets:
            return layer
        target = targets[layer.name]
        growing = prune.PolynomialDecay(0, target, 0, end, frequency=interval)
        return prune.prune_low_magnitude(layer, growing)

    return tf.keras.models.clone_model(keras2.clone(baseline), clone_function=wrap)


def train_on(targets, y, epochs=epochs, loss=None):
    """Return a copy of the baseline, trained while layers grow sparse."""
    network = wrapped_copy(targets, steps=epochs * (len(x) // 128))
    settings = {"seed": seed, "loss": loss, "pruning": bool(targets)}
    keras2.train(network, x, y, epochs=epochs, learning_rate=2e-3, **settings)
    return prune.strip_pruning(network)


# %%
levels = sorted({*by_profile((0.8, 0.9, 0.95), ()), round(sparsity, 4)})
trained_on = train_on({}, y)
control = lab.measure(trained_on, name="dense, trained on", technique="baseline")
pruned, rows = {}, {}
for level in levels:
    pruned[level] = train_on(dict.fromkeys(layer_names, level), y)
    name = f"pruned {level:.0%}"
    rows[level] = lab.measure(pruned[level], name=name, technique="pruning")

# %% tags=["hide-input"]
lab.say("""
The table has one row per network. *Deflated* is the size of the file after compression
with zlib. The last column is the time of one image, divided by that of the first row.
""")
columns = ["model", "accuracy", "95 % interval", "file", "deflated", "time, relative"]
lab.table([dense, control, *rows.values()], columns)
lab.say("""
Read the table by columns:

- **File** does not change. TensorFlow Lite stores every weight, zero or not.
- **Deflated** falls, because a general-purpose compressor finds the zeros.
- **Time** does not change either. A dense matrix product multiplies by zero as slowly
  as by any other number.
- **Accuracy** falls, and faster at the end. Compare it with the second row, which had
  the same training.

So sparsity alone saves space only in a file that is compressed, and it saves no time.
""")
largest_gap = max(
    np.abs(sparsities_of(model) - level).max() for level, model in pruned.items()
)
lab.claim(
    "31.sparsity",
    "Every layer reaches the sparsity that we chose",
    largest_gap,
    at_most=0.001,
    unit="points",
    holds="always",
    label="largest deviation",
)
sparsest = rows[levels[-1]]
lab.claim(
    "31.raw-file",
    "The file of the sparsest network is as long as the dense one",
    sparsest.bytes - dense.bytes,
    equals=0,
    unit="bytes",
    holds="always",
    label="difference",
)
lab.claim(
    "31.deflated-file",
    "Deflated, the file of the sparsest network is a small fraction of the dense one",
    sparsest.compressed_bytes / dense.compressed_bytes,
    at_most=0.12,
    unit="×",
    label="fraction",
)
lab.claim(
    "31.time",
    "The sparsest network needs as much time as the dense one",
    sparsest.latency_ratio,
    between=(0.85, 1.15),
    unit="×",
    label="time, relative",
)

# %% [markdown]
# ### Does every layer need the same sparsity?
#
# The three layers are very different. The first has nine tenths of all weights, many of them on border pixels that are
# almost always black. The last is small, and all ten classes depend on it. Han et al. (2015) therefore kept a larger
# share in the last layer, and one weight in twelve in total, on MNIST. To see what the shares gain we change one thing
# at a time:
#
# | network | sparsity | trained towards |
# |---|---|---|
# | dense | none | labels |
# | uniform | the same in every layer | labels |
# | by layer | the paper's shares | labels |
# | by layer, teacher | the paper's shares | outputs of LeNet-5 |
# | dense, teacher | none | outputs of LeNet-5 |
#
# A *teacher* is a better network whose outputs the smaller one learns to imitate. `keras2.distillation` returns the
# loss: the cross-entropy between both outputs, softened by a *temperature*, which we chose on validation images.
#
# All networks classify the same test images, so we compare them in pairs (lesson 12): `methods.paired.paired` returns
# the difference in points and its 95 % interval.

# %%
kept_shares = {"dense_1": 0.08, "dense_2": 0.09, "logits": 0.26}
by_layer = {name: 1 - share for name, share in kept_shares.items()}
sizes = {name: baseline.get_layer(name).get_weights()[0].size for name in layer_names}
kept_weights = sum(round(kept_shares[name] * sizes[name]) for name in layer_names)
uniform = dict.fromkeys(layer_names, 1 - kept_weights / sum(sizes.values()))
temperature = {"fashion_mnist": 2.0, "mnist": 4.0}[dataset]
teacher_logits = keras2.logits(lab.baseline("lenet5", dataset), x)
teacher = {"y": teacher_logits, "loss": keras2.distillation(temperature)}
networks = {
    "dense": trained_on,
    "uniform": train_on(uniform, y),
    "by layer": train_on(by_layer, y),
    "by layer, teacher": train_on(by_layer, **teacher),
    "dense, teacher": train_on({}, **teacher),
}


# %%
def right_answers(model) -> np.ndarray:
    """Return for each test image whether the model classifies it correctly."""
    return keras2.logits(model, test_x).argmax(axis=1) == images.test.y


right = {name: right_answers(model) for name, model in networks.items()}
pairs = [
    ("uniform", "dense"),
    ("by layer", "uniform"),
    ("by layer, teacher", "by layer"),
    ("dense, teacher", "dense"),
    ("by layer, teacher", "dense, teacher"),
]
changes = {(a, b): methods.paired.paired(right[a], right[b]) for a, b in pairs}


# %% tags=["hide-input"]
def interval(change) -> str:
    """Return a difference in points with its interval."""
    return f"{change.gain:+.2f} ({change.gain_low:+.2f} to {change.gain_high:+.2f})"


table = [
    {
        "network": first,
        "accuracy": f"{right[first].mean():.2%}",
        "compared with": second,
        "its accuracy": f"{right[second].mean():.2%}",
        "points": interval(change),
    }
    for (first, second), change in changes.items()
]
caption = (
    f"{epochs} passes each, {dense.n:,} test images; paired difference, 95 % interval"
)
lab.table(table, caption=caption)
fair = changes["by layer, teacher", "dense, teacher"]
lab.say(f"""
An interval without zero means that the difference is larger than the choice of test
images explains. The paper's shares change the accuracy by
{interval(changes["by layer", "uniform"])} points. The teacher changes the pruned
network by {interval(changes["by layer, teacher", "by layer"])} points, and the *dense*
one by {interval(changes["dense, teacher", "dense"])}. So the fair price of removing
eleven weights in twelve is the last row, where both have the teacher: {interval(fair)}
points.
""")
lab.claim(
    "31.shares",
    "With equally many weights, the paper's shares are better than a uniform sparsity",
    changes["by layer", "uniform"].gain / 100,
    at_least=0.0,
    unit="points",
    label="gain",
)
by_layer_kernels = [
    networks["by layer"].get_layer(name).get_weights()[0] for name in sizes
]
kept_ratio = sum(np.count_nonzero(kernel) for kernel in by_layer_kernels) / kept_weights
lab.claim(
    "31.kept-weights",
    "The network by layer keeps as many weights as prescribed, up to ties",
    kept_ratio,
    between=(0.999, 1.001),
    unit="×",
    holds="always",
    label="ratio",
)

# %% [markdown]
# ### Does longer training help?
#
# We train the last two networks again, with more passes, and compare them in the same way.

# %%
long_epochs = by_profile(4, 2) * epochs
long_pruned = train_on(by_layer, epochs=long_epochs, **teacher)
long_dense = train_on({}, epochs=long_epochs, **teacher)
long_fair = methods.paired.paired(right_answers(long_pruned), right_answers(long_dense))

# %% tags=["hide-input"]
table = [
    {
        "passes": passes,
        "by layer, teacher": f"{pair.accuracy:.2%}",
        "dense, teacher": f"{pair.accuracy - pair.gain / 100:.2%}",
        "points": interval(pair),
    }
    for passes, pair in ((epochs, fair), (long_epochs, long_fair))
]
lab.table(
    table,
    caption="Both networks with the teacher; paired difference with its 95 % interval",
)
lab.claim(
    "31.fair-loss",
    "After the longer training, pruning by layer costs little "
    "against a dense network with the same teacher and passes",
    -long_fair.gain / 100,
    at_most=0.01,
    unit="points",
    label="loss",
)
# The paper's data set is the only one for which these claims are made.
if dataset == "mnist":
    lab.claim(
        "31.mnist-error",
        "Pruned by layer, with LeNet-5 as teacher and the longer training, "
        "the network has at most the error on MNIST that Han et al. report",
        1 - long_fair.accuracy,
        at_most=0.0159,
        unit="%",
        at={"dataset": "mnist"},
        label="error",
    )
    lab.claim(
        "31.mnist-fair-loss",
        "On MNIST, pruning by layer costs little against a dense network "
        "with the same teacher and passes",
        -long_fair.gain / 100,
        at_most=0.003,
        unit="points",
        at={"dataset": "mnist"},
        label="loss",
    )
lab.say(f"""
With {long_epochs} passes the pruned network gains
{100 * (long_fair.accuracy - fair.accuracy):+.2f} points over the shorter training, and
the fair price is {interval(long_fair)} points. Against the network as loaded, which had
neither teacher nor passes, the same pruned network differs by only
{100 * (long_fair.accuracy - dense.accuracy):+.2f} points: an unfair comparison hides
the price.

The figure shows accuracy against sparsity. The coloured line has uniform sparsity, with
95 % intervals. The squares and the diamond have the paper's shares. The horizontal
lines are dense networks; compare each mark with the line that had the same training.
""")
curve = {
    level: (row.accuracy, row.accuracy_low, row.accuracy_high)
    for level, row in rows.items()
}
same_number = uniform["dense_1"]
curve[same_number] = changes["uniform", "dense"][:3]
curve = 100 * np.array([(level, *curve[level]) for level in sorted(curve)])
figure, axes = plt.subplots(figsize=(7, 4.2))
axes.fill_between(
    curve[:, 0], curve[:, 2], curve[:, 3], color=lab.colour("pruning"), alpha=0.15
)
axes.plot(curve[:, 0], curve[:, 1], "o-", color=lab.colour("pruning"))
lab.label_line(axes, *curve[0, :2], "uniform", "pruning", dx=-4, dy=-16)
marks = {
    "by layer": (changes["by layer", "uniform"].accuracy, "pruning", "s"),
    "by layer, teacher": (fair.accuracy, "distillation", "s"),
    f"by layer, teacher, {long_epochs} passes": (
        long_fair.accuracy,
        "distillation",
        "D",
    ),
}
height, gap = 0.0, 0.05 * np.ptp(axes.get_ylim())
for name, (accuracy, technique, mark) in marks.items():
    axes.plot(100 * same_number, 100 * accuracy, mark, color=lab.colour(technique))
    height = max(100 * accuracy, height + gap)
    shift = -12 if mark == "D" else 0  # below the line of the dense network
    lab.label_line(axes, 100 * same_number, height, name, technique, dx=8, dy=shift)
dense_lines = {
    "dense": (right["dense"].mean(), "-"),
    "dense, teacher": (right["dense, teacher"].mean(), "--"),
    f"dense, teacher, {long_epochs} passes": (
        long_fair.accuracy - long_fair.gain / 100,
        ":",
    ),
}
height = 0.0
for name, (accuracy, style) in sorted(dense_lines.items(), key=lambda line: line[1][0]):
    axes.axhline(
        100 * accuracy, color=lab.colour("baseline"), linewidth=1, linestyle=style
    )
    height = max(100 * accuracy, height + gap)
    axes.text(98.3, height, name, color=lab.colour("baseline"), va="center", fontsize=9)
axes.set(
    xlabel="zeros in % of the weights",
    ylabel="test accuracy in %",
    xlim=(curve[0, 0] - 1, 98),
)
lab.show(
    figure,
    alt="Accuracy falls with uniform sparsity; the shares by layer lie higher.",
)

# %% [markdown]
# ## What goes wrong
#
# Two mistakes are common, so we make them on purpose.
#
# **No callback.** This is the article's example. TFMOT fails inside its graph, and the hint is one line in a long
# message. The context manager `keras2.translated` catches
# the error and explains it in a sentence; the original stays attached as its cause.

# %%
copy = keras2.clone(baseline)
forgotten = keras2.compile(prune.prune_low_magnitude(copy, pruning_schedule=schedule))
try:
    with keras2.translated():
        forgotten.fit(x[:128], y[:128], verbose=0)
except Exception as error:
    lines = str(error.__cause__).splitlines()
    print(len(lines), "lines;", next(line for line in lines if "callback" in line))
    print(error)

# %% [markdown]
# **A baseline that changes.** This one prints no message at all. `prune_low_magnitude` wraps the layers of the model
# that you pass to it, so both models share their layers, and the masks set weights of *both* to zero. We never train
# `original_model`, yet most of its weights are zero afterwards. If you compare the pruned network with this
# "baseline", you compare it with itself and find no loss. The remedy is to pass a copy: `keras2.clone(model)`. On
# these pages, `lab.measure` also checks that `baseline` has not changed.

# %%
original_model = keras2.clone(baseline)
every_step = prune.ConstantSparsity(0.8, begin_step=0, frequency=1)
shared = prune.prune_low_magnitude(original_model, pruning_schedule=every_step)
keras2.compile(shared)
shared.fit(x[:256], y[:256], batch_size=128, verbose=0, callbacks=callbacks)
zeros = sparsities_of(original_model).min()
lab.claim(
    "31.given-model",
    "The model that we only passed to TFMOT is as sparse as the pruned one",
    zeros,
    between=(0.799, 0.801),
    unit="%",
    holds="always",
    label="zeros",
)

# %% [markdown]
# ## What we saw

# %% tags=["hide-input"]
chosen = rows[round(sparsity, 4)]
cost = control.accuracy - chosen.accuracy
edges = [(0.005, options[0]), (0.02, options[1]), (0.1, options[2])]
lab.answer("31.p", next((option for edge, option in edges if cost < edge), options[3]))
ratio = sum(sizes.values()) / kept_weights
lab.finish(f"""
The dense network, trained on for {epochs} passes, classifies {control.accuracy:.2%} of
{control.n:,} test images correctly. With {sparsity:.0%} zeros and the same training it
reaches {chosen.accuracy:.2%}. With {ratio:.1f} times fewer weights, the paper's shares
gain {changes["by layer", "uniform"].gain:+.2f} points over a uniform sparsity. With a
teacher and {long_epochs} passes, the pruned network reaches {long_fair.accuracy:.2%}:
{interval(long_fair)} points compared with a dense network that had both.

At {levels[-1]:.0%} zeros the file keeps its {dense.bytes:,} bytes, and one image takes
{sparsest.latency_ratio:.2f} times as long as before. Deflated, the file shrinks from
{dense.compressed_bytes:,} to {sparsest.compressed_bytes:,} bytes.

This does **not** show that pruning makes a network faster; a program has to skip the
zeros first. It does not show that magnitude is the best criterion. And it is one run
with one seed: the intervals cover the choice of the test images, not another training,
which may differ by a few tenths of a point.

Further reading: Han, Pool, Tran and Dally, *Learning both weights and connections for
efficient neural networks* (2015, arXiv:1506.02626); Zhu and Gupta, *To prune, or not to
prune* (2017, arXiv:1710.01878).
""")
