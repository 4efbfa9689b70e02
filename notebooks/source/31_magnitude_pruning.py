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
#     question: How many of a network's weights can be removed before it notices?
#     minutes: 45
#     budget_s: {fast: 40, full: 250}
#     needs: [30]
#     objectives:
#       - compute a magnitude mask by hand and find it equal to the library's, weight for weight
#       - prune a trained Keras model with TFMOT, under a constant and a growing sparsity
#       - tell which sizes shrink when weights become zero, and which do not
#       - name the two mistakes that TFMOT answers with a misleading error or with none
#     routes: {double-lesson: 1, half-day: 1, three-sessions: 1}
#     terms:
#       epoch:
#         text: One pass over all training images.
#         zh: 训练轮次
#       magnitude pruning:
#         text: Setting to zero the weights with the smallest absolute values.
#         zh: 幅值剪枝
#       pruning schedule:
#         text: "How the sparsity grows from step to step: constant, or a polynomial that starts fast and ends slowly."
#         zh: 剪枝调度
#         note: symbol s(t)
#       sparsity:
#         text: The share of weights that is zero.
#         zh: 稀疏度
#         note: symbol s · unit %
# ---

# %% [markdown]
# # 31 · Magnitude pruning
#
# How many of a network's weights can be removed before it notices?

# %%
from labkit import assets, by_profile, keras2, methods, start

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot

# %% tags=["parameters"]
dataset: str = "fashion_mnist"  # data set; fashion_mnist or mnist
sparsity: float = 0.80  # share of weights set to zero; 0 to 0.99
epochs: int = by_profile(10, 1)  # passes over the training images while pruning; 1 to 50
train_images: int = by_profile(55000, 6000)  # training images used; 1000 to 55000
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("31", seed=seed)
images = lab.data(dataset)
baseline = lab.baseline("lenet_300_100", dataset)
x, y = assets.data.as_input(images.train.x[:train_images]), images.train.y[:train_images]
dense = lab.measure(baseline, name="dense", technique="baseline")

# %% [markdown]
# The network is LeNet-300-100: three dense layers, trained already. The line above is its starting point, and every
# figure of this page is measured in the same way.

# %% [markdown]
# ## Predict
#
# Four of five weights will be set to zero, then the rest is trained a little more. Replace `None` by one of the
# options, in quotes. Nobody grades it; a guess makes the result stick.

# %%
my_guess = None
options = ["less than half a point", "half a point to two points", "two to ten points", "more than ten points"]
lab.predict("31.p", f"How much accuracy does {sparsity:.0%} of zeros cost, after training on?", options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# A weight $w$ close to zero adds little to the sum that its neuron forms. **Magnitude pruning** takes this literally:
# it keeps the largest weights and sets the others to zero,
#
# $$ m_i = \begin{cases} 1 & |w_i| \ge t \\ 0 & \text{else} \end{cases} \qquad \hat w_i = m_i\, w_i $$
#
# where $m$ is the *mask* and the threshold $t$ is chosen so that a share $s$ of the mask is zero. That share is the
# [sparsity](../docs/glossary.md#sparsity) $s$; what is kept is the [density](../docs/glossary.md#density) $1 - s$.
#
# The order of size is a guess at the order of importance, and a crude one. What makes it work is the training that
# follows: the weights that are left learn to do the work of those that went.
#
# The figure shows why there is so much to take. It draws the weights of the first layer by size.

# %%
first = baseline.get_layer("dense_1").get_weights()[0]
threshold = np.quantile(np.abs(first), sparsity)
figure, axes = plt.subplots()
axes.hist(np.abs(first).ravel(), bins=120, color="#BBBBBB")
axes.axvline(threshold, color="#D55E00")
axes.annotate(f" threshold for {sparsity:.0%}", (threshold, axes.get_ylim()[1] * 0.9), color="#D55E00")
axes.set(xlabel="absolute value of a weight in dense_1", ylabel="number of weights")
lab.show(figure, alt=f"Most weights of the first layer are near zero; {sparsity:.0%} lie left of {threshold:.3f}.")

# %% [markdown]
# ## By hand
#
# Six weights, half of them to go. Sort them by size, and the threshold is the smallest size that stays.

# %%
weights = np.array([[0.9, -0.1, 0.4], [-0.05, 0.7, -0.3]], dtype="float32")
sizes = np.sort(np.abs(weights).ravel())
threshold = sizes[round(0.5 * weights.size)]
mask = np.abs(weights) >= threshold
mask * weights

# %% [markdown]
# The sign does not matter, and the place does not matter. The mask is all that must be remembered: while training goes
# on, the weights change, and the mask holds the zeros in their place.

# %% [markdown]
# ## With the library
#
# TensorFlow's Model Optimization Toolkit (TFMOT) wraps each layer with a mask. Here is the usual example, whole: take a
# trained model, wrap, compile, fit, strip, save, load. We give it a *clone*, since `prune_low_magnitude` changes the
# very model that it is given.

# %%
prune = tfmot.sparsity.keras
schedule = prune.ConstantSparsity(0.5, begin_step=0)
wrapped = prune.prune_low_magnitude(keras2.clone(baseline), pruning_schedule=schedule)
wrapped.compile(
    optimizer=tf.keras.optimizers.Adam(1e-3),
    loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
few = min(len(x), 12000)
passes = -(-120 // -(-few // 128))
log = wrapped.fit(x[:few], y[:few], epochs=passes, batch_size=128, verbose=0, callbacks=[prune.UpdatePruningStep()])
log.history["accuracy"]

# %% [markdown]
# Three lines differ from what one often reads. The labels are numbers, so the loss is the *sparse* cross-entropy. The
# callback `UpdatePruningStep` is not optional: it tells the masks at which step they are. And `passes` sees to it that
# there are more than a hundred steps, since the masks are set only once in a hundred: a shorter training prunes
# nothing, and says nothing.
#
# `strip_pruning` takes the wrappers off again and leaves plain layers with zeros in them.

# %%
half = prune.strip_pruning(wrapped)
path = lab.folder / "half.keras"
half.save(path)
loaded = tf.keras.models.load_model(path)
kernels = [layer.get_weights()[0] for layer in loaded.layers if layer.get_weights()]
[methods.sparsity.sparsity(kernel) for kernel in kernels]

# %%
measured = np.mean([methods.sparsity.sparsity(kernel) for kernel in kernels])
lab.claim("31.saved-half", "Half of the weights are zero after saving and loading", measured, between=(0.499, 0.501), holds="always")

# %% [markdown]
# Do our six lines and the library agree? Give both the same weights: one step with a learning rate of zero sets the
# library's masks and moves nothing.

# %%
now = prune.ConstantSparsity(sparsity, begin_step=0, frequency=1)
still = prune.prune_low_magnitude(keras2.clone(baseline), pruning_schedule=now)
still.compile(optimizer=tf.keras.optimizers.SGD(0.0), loss=tf.keras.losses.SparseCategoricalCrossentropy(True))
still.fit(x[:256], y[:256], batch_size=128, verbose=0, callbacks=[prune.UpdatePruningStep()])
theirs = prune.strip_pruning(still)
names = ["dense_1", "dense_2", "logits"]
unequal = 0
for name in names:
    kernel = baseline.get_layer(name).get_weights()[0]
    ours = kernel * methods.prune.magnitude_mask(kernel, sparsity)
    unequal += np.count_nonzero(ours != theirs.get_layer(name).get_weights()[0])
lab.claim("31.mask", "Weights on which our mask and TFMOT's differ", unequal, equals=0, holds="always")

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
# Now the whole curve. Each network starts at the trained baseline, and its sparsity grows over the first half of the
# training; the second half lets it recover. `keras2.train` is a fast training loop that moves TFMOT's masks like its
# callback does.


# %%
def pruned_to(targets: dict, passes: int, **how):
    """A copy of the baseline, trained while the sparsity of each named layer grows to its target."""
    steps = -(-len(x) // 128) * passes
    every = max(1, min(20, steps // 10))
    half = max(1, steps // 2 // every) * every
    grow = {name: prune.PolynomialDecay(0.0, s, 0, half, frequency=every) for name, s in targets.items()}

    def wrap(layer):
        return prune.prune_low_magnitude(layer, grow[layer.name]) if layer.name in grow else layer

    copy = tf.keras.models.clone_model(keras2.clone(baseline), clone_function=wrap)
    keras2.train(copy, x, epochs=passes, batch_size=128, seed=seed, pruning=True, **how)
    return prune.strip_pruning(copy)


levels = sorted({*by_profile((0.5, 0.8, 0.9, 0.95), (0.95,)), round(sparsity, 4)})
pruned = {s: pruned_to(dict.fromkeys(names, s), epochs, y=y) for s in levels}

# %%
rows = {s: lab.measure(model, name=f"pruned {s:.0%}", technique="pruning") for s, model in pruned.items()}
lab.table([dense, *rows.values()])

# %% [markdown]
# Look along the rows. The column *file* does not move: a zero is four bytes like any other float. *Deflated* falls,
# since a compressor sees the zeros. The time does not move either: a dense matrix product multiplies by zero as
# patiently as by anything else. Sparsity by itself is a promise of size, not of speed.

# %%
share = {s: [methods.sparsity.sparsity(m.get_layer(n).get_weights()[0]) for n in names] for s, m in pruned.items()}
lab.table([{"asked": f"{s:.0%}", **dict(zip(names, (f"{z:.2%}" for z in zs), strict=True))} for s, zs in share.items()])
least = min(share[round(sparsity, 4)])
lab.claim("31.sparsity", "The asked share of weights is gone", least, at_least=sparsity - 0.005, unit="%", holds="always")

# %% [markdown]
# Layers are not alike. The last one has few weights and each of them matters; the first one has most, many of them for
# pixels that are always black. Han et al. (2015) kept a different share in each layer: few in the first, many in the
# last. The same shares here. So few weights have to be told more than a label says, and so they are trained towards
# the outputs of a larger network, the *soft answers* of LeNet-5. Which teacher, which learning rate, how soft and how
# many passes was chosen on the validation images of each data set, over two or three seeds.

# %%
kept = {"dense_1": 0.08, "dense_2": 0.09, "logits": 0.26}
gone, soft = {n: 1 - share for n, share in kept.items()}, keras2.logits(lab.baseline("lenet5", dataset), x)
soften = keras2.distillation({"fashion_mnist": 2.0, "mnist": 4.0}[dataset])  # the temperature, as validation had it
twelve = pruned_to(gone, by_profile(4, 1) * epochs, y=soft, learning_rate=2e-3, loss=soften)
han = lab.measure(twelve, name="pruned, by layer", technique="pruning", network="lenet_300_100")
ratio = sum(k.size for k in twelve.get_weights()) / sum(np.count_nonzero(k) for k in twelve.get_weights())
loss = dense.accuracy - han.accuracy
lab.claim("31.fewer-weights", "Fewer weights, times", ratio, at_least=10.5, unit="×", holds="always")
lab.claim("31.loss", "Accuracy lost with the shares of the paper", loss, at_most=0.003, unit="points")
lab.claim("31.mnist-loss", "Accuracy lost on MNIST", loss, at_most=0.0, unit="points", at={"dataset": "mnist"})

# %%
figure, axes = plt.subplots()
shown, zeros = [dense, *rows.values()], [0.0, *levels]
low, high = ([100 * getattr(m, f"accuracy_{end}") for m in shown] for end in ("low", "high"))
axes.fill_between(zeros, low, high, color="#D55E00", alpha=0.2)
axes.plot(zeros, [100 * m.accuracy for m in shown], "o-", color="#D55E00")
axes.plot(1 - 1 / ratio, 100 * han.accuracy, "s", color="#D55E00")
axes.annotate("shares by layer", (1 - 1 / ratio, 100 * han.accuracy), (-60, 12), textcoords="offset points")
axes.axhline(100 * dense.accuracy, color="#444444", linewidth=1)
axes.set(xlabel="sparsity (share of weights that are zero)", ylabel="test accuracy in %, with interval")
lab.show(figure, alt="Accuracy against sparsity: close to the dense network's line at first, then it falls.")

# %% [markdown]
# ## What goes wrong
#
# Two mistakes cost people whole evenings. The first is to forget the callback. TFMOT then fails deep inside its graph,
# with a message about a variable; `keras2.translated` says what was meant, and keeps the original as the cause.

# %%
forgotten = prune.prune_low_magnitude(keras2.clone(baseline), pruning_schedule=schedule)
keras2.compile(forgotten)
try:
    with keras2.translated():
        forgotten.fit(x[:128], y[:128], verbose=0)
except Exception as error:
    print(error)

# %% [markdown]
# The second makes no noise at all. `prune_low_magnitude` wraps the layers of the model that it is given. Give it a
# model, train the wrapped one, and look at the model that you gave:

# %%
mine = keras2.clone(baseline)
before = methods.sparsity.sparsity(mine.get_layer("dense_1").get_weights()[0])
wrapped = prune.prune_low_magnitude(mine, pruning_schedule=prune.ConstantSparsity(0.8, begin_step=0, frequency=1))
keras2.compile(wrapped)
wrapped.fit(x[:256], y[:256], batch_size=128, verbose=0, callbacks=[prune.UpdatePruningStep()])
after = methods.sparsity.sparsity(mine.get_layer("dense_1").get_weights()[0])
lab.claim("31.given-model", "Zeros in the model that was only given to TFMOT", after, at_least=0.79, unit="%", holds="always")

# %% [markdown]
# The two models share their layers. A later comparison "pruned against baseline" would compare the pruned network with
# itself, and find no loss. The remedy is one word: `keras2.clone(mine)`. `lab.measure` and `lab.finish` look whether
# `baseline` is still what it was, and stop the page if it is not.

# %% [markdown]
# ## What we saw

# %%
cost = dense.accuracy - rows[round(sparsity, 4)].accuracy
edges = [(0.005, options[0]), (0.02, options[1]), (0.1, options[2])]
lab.answer("31.p", next((option for edge, option in edges if cost < edge), options[3]))
top = rows[levels[-1]]
lab.claim("31.raw-file", "Raw file, pruned against dense", top.bytes / dense.bytes, between=(0.99, 1.01), unit="×", holds="always")
lab.claim("31.deflated-file", "Deflated file, pruned against dense", top.compressed_bytes / dense.compressed_bytes, at_most=0.5, unit="×")
lab.claim("31.time", "Time, pruned against dense", top.latency_ratio, between=(0.7, 1.4), unit="×")

# %%
lab.finish(f"""
The dense network has {dense.accuracy:.2%} on {dense.n:,} test images. With {sparsity:.0%} of its weights zero and
{epochs} passes of further training it has {rows[round(sparsity, 4)].accuracy:.2%}; with the paper's shares by layer,
{ratio:.1f} times fewer weights and a teacher, {han.accuracy:.2%} (95 % interval {han.accuracy_low:.2%} to
{han.accuracy_high:.2%}), a difference of {100 * (han.accuracy - dense.accuracy):+.2f} points.
At {levels[-1]:.0%} zeros the file has {top.bytes:,} bytes against {dense.bytes:,} before, and {top.compressed_bytes:,}
against {dense.compressed_bytes:,} when deflated. Its time is {top.latency_ratio:.2f} times the dense one's.

This does **not** show a faster network: zeros that a program multiplies by are not saved. Nor does it show that
magnitude is the best measure of importance, or, from one seed, that differences of a few tenths of a point are real.
A part of the last figure is the teacher's: a dense network that learns from it would gain as well.

Further reading: Han, Pool, Tran and Dally, *Learning both weights and connections for efficient neural networks*
(2015, arXiv:1506.02626); Zhu and Gupta, *To prune, or not to prune* (2017, arXiv:1710.01878), the schedule's source.
""")
