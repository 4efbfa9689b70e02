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
#     title: Deep compression
#     question: Can a network's file be forty times smaller with nothing lost?
#     minutes: 60
#     budget_s: {fast: 35, full: 890}
#     needs: [31, 50, 51]
#     objectives:
#       - chain pruning, weight sharing and entropy coding into one file, and decode it to the same weights
#       - compute what a sparse, shared layer weighs before it is written
#       - say where the bytes of a compressed network go, and which of them training can move
#       - name the baseline that a claim of "no loss" is made against
#     terms:
#       checksum:
#         text: A short number computed from all bytes of a file and stored with it, so that a changed byte is found
#           before anything is believed.
#         zh: 校验和
#       compression ratio:
#         text: Four bytes for each weight and bias, divided by the bytes of the whole file that replaces them.
#         zh: 压缩比
#         note: unit ×
#       dead neuron:
#         text: A neuron or channel that gives zero for every input; it can be deleted without changing any output.
#         zh: 死神经元
#       Pareto front:
#         text: The candidates that no other one beats in everything at once, such as size and accuracy.
#         zh: 帕累托前沿
# ---

# %% [markdown]
# # 52 · Deep compression
#
# Can a network's file be forty times smaller with nothing lost?

# %%
import subprocess
import sys

from labkit import assets, base, by_profile, deploy, keras2, methods, start

import constriction
import matplotlib.pyplot as plt
import numpy as np

# %% tags=["parameters"]
dataset: str = "fashion_mnist"  # data set; fashion_mnist or mnist
network: str = "lenet_300_100"  # network; lenet_300_100, lenet5, ds_cnn or resnet8
kept: float = 0.08  # share of the largest layer's weights that stays; 0.005 to 0.3
values: int = 32  # different weights in each kernel; 2 to 256
epochs: int = by_profile(30, 2)  # passes over the training images while pruning; 1 to 100
passes: int = by_profile(60, 4)  # the same for the smaller networks of the ladder; 1 to 100
rungs: int = by_profile(4, 1)  # how many smaller networks; 1 to 4
seed: int = 52  # random seed; 0 to 2**31 - 1

# %%
lab = start("52", seed=seed)
compress = keras2.train_compressed
images = lab.data(dataset)
baseline = lab.baseline(network, dataset)
x, y = (part[: by_profile(55000, 2500)] for part in (images.train.x, images.train.y))
dense = lab.measure(baseline, name="dense", technique="baseline", latency=False)

# %% [markdown]
# LeNet-300-100 again, unless the parameter says otherwise: three dense layers, trained already. Lesson 31 took its weights away, lesson 50 let them share
# values, lesson 51 coded symbols. Here the three follow each other, as Han, Mao and Dally put them together in 2016.

# %% [markdown]
# ## Predict
#
# The largest layer will keep a small share of its weights (`kept`), each kernel a few different values (`values`), and
# all will be trained to live with it. How many times smaller is the whole file than four bytes a weight?

# %%
my_guess = None
options = ["less than 12 times", "12 to 25 times", "25 to 40 times", "more than 40 times"]
lab.predict("52.p", f"How much smaller is the file, with {kept:.1%} kept and {values} values?", options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# Each stage leaves less for the next one to say. *Pruning* leaves $pN$ of $N$ weights, and a mask. *Sharing* leaves
# $k$ values, the [codebook](../docs/glossary.md#codebook), and an index for each weight. *Coding* spends on mask and
# indices little more than their [entropy](../docs/glossary.md#entropy):
#
# $$ B \approx \frac{N\,H(p) + p\,N\,H(q)}{8} + k\,b $$
#
# where $B$ is the layer's bytes, $H(p)$ the bits a place of the mask is worth when a share $p$ is kept, $H(q)$ the bits
# an index is worth when value $i$ is used with share $q_i$, and $b$ the bytes of one value.
#
# The stages do not merely add up. Few weights make few indices. Few values make frequent ones, which the coder likes.
# And between the stages the network is trained: it moves what is left to where little was lost.

# %% [markdown]
# ## By hand
#
# A layer of twenty-four weights. Eight stay, and three values serve them. What must be told is then twenty-four times yes
# or no, eight indices and three values; the table has the bits of the first two at their entropy.

# %%
weights = np.random.default_rng(1).normal(size=(4, 6)).round(2)
mask = np.abs(weights) >= np.sort(np.abs(weights).ravel())[-8]
there = weights[mask]
codebook = np.linspace(there.min(), there.max(), 3)
for _ in range(5):
    indices = np.abs(there[:, None] - codebook).argmin(axis=1)
    codebook = np.array([there[indices == k].mean() for k in range(3)])
print(codebook.round(2), indices)
mask_bits = mask.size * methods.coding.entropy(np.bincount(mask.ravel()))
index_bits = indices.size * methods.coding.entropy(np.bincount(indices))
lab.table([{"mask, bits": mask_bits, "indices, bits": index_bits, "values, bits": 32 * codebook.size}])

# %% [markdown]
# ## With the library
#
# The first two stages are a function each, and the third is a file. `constriction` codes the indices of the largest layer;
# the file format `.lkz` puts mask, indices and codebook of all layers into one such stream
# ([its description](../docs/lkz.md)). What the coder spends above the entropy is the end of its last two words.

# %%
found = keras2.tensors.tensors(baseline)
first = max(found.values(), key=np.size)
shared = methods.deep_compression.share(np.where(methods.deep_compression.prune(first, kept), first, 0), values)
symbols = (shared.indices[shared.indices > 0] - 1).astype(np.int32)
counts = np.bincount(symbols)
coder = constriction.stream.queue.RangeEncoder()
coder.encode(symbols, constriction.stream.model.Categorical(counts / counts.sum(), perfect=False))
above = coder.num_bits() - symbols.size * methods.coding.entropy(counts)
lab.claim("52.index-bits", "Bits above the entropy, of all indices", above, between=(-1, 100), unit="bits", holds="always")

# %% [markdown]
# All layers at once, and no training: this is what `labkit compress MODEL -o FILE.lkz --values K` does to a model whose
# zeros are there already.

# %%
layers, cold = compress.shares(baseline, kept), lab.folder / "untrained.lkz"
cold.write_bytes(methods.deep_compression.deep_compression(found, layers, values))
untrained = lab.measure(cold, name="not trained", technique="clustering", latency=False)

# %% [markdown]
# The file is small and the network is ruined. The stages need the training between them.

# %% [markdown]
# ## Your turn

# %% [markdown]
# ### 52.1 The ideal size ★★☆ · 10 minutes
#
# Compute the formula above for any array: the entropy of its mask, the entropy of its indices, and its codebook. A zero
# is a pruned weight. A value that occurs $n$ times among $m$ has the share $n / m$. The codebook contains each
# different value once, with `value_bytes` bytes. An array without kept weights needs 0 bytes.


# %%
def ideal_bytes(weights: np.ndarray, value_bytes: int = 4) -> float:
    """Return the bytes of mask and indices at their entropies, and of the codebook."""
    ### BEGIN SOLUTION
    kept = weights[weights != 0]
    _, counts = np.unique(kept, return_counts=True)
    mask_counts = np.array([kept.size, weights.size - kept.size])
    bits = 0.0
    for group in (mask_counts[mask_counts > 0], counts):
        bits -= np.sum(group * np.log2(group / max(group.sum(), 1)))
    return bits / 8 + value_bytes * len(counts)
    ### END SOLUTION


ideal_bytes = lab.check("52.1", ideal_bytes)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `np.unique(kept, return_counts=True)` returns the codebook and the number of times that each value is used.
# </details>
# <details><summary>Hint 2</summary>
#
# A group of counts `n` needs `-np.sum(n * np.log2(n / n.sum()))` bits. Leave out counts of zero: they need no bits, and
# their logarithm is infinite. Eight bits are a byte.
# </details>

# %% [markdown]
# ### 52.2 The paper's relative indices ★★☆ · 15 minutes
#
# Han et al. store no mask. For each kept weight they store the number of zeros before it, in a few bits. If more than
# `longest` zeros follow each other, they insert a *filler*: it stands for `longest` zeros and a weight of value zero at
# the next place. Zeros after the last kept weight are not stored, so a mask without kept weights gives an empty list.


# %%
def relative_indices(mask: np.ndarray, longest: int) -> list[int]:
    """Return the zeros before each kept weight and each filler, at most longest."""
    ### BEGIN SOLUTION
    places = np.flatnonzero(mask)
    gaps, zeros = [], 0
    for kept in mask[: places[-1] + 1] if len(places) else []:
        if kept or zeros == longest:
            gaps.append(zeros)
            zeros = 0
        else:
            zeros += 1
    return gaps
    ### END SOLUTION


relative_indices = lab.check("52.2", relative_indices)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Go through the mask and count zeros. Two events end a count: a kept weight, and a zero when the count is already
# `longest`.
# </details>
# <details><summary>Hint 2</summary>
#
# A filler occupies a place itself. If the count has reached `longest` and the next place is a zero as well, that place
# belongs to the filler, and the count starts again at 0.
# </details>

# %% [markdown]
# ### 52.3 Dead neurons ★★★ · 15 minutes
#
# Pruning may remove all incoming weights of a neuron. Such a dead neuron outputs $\mathrm{relu}(b)$ for every image. So
# we can add its contribution to the biases of the next layer, and set its outgoing weights to zero. There is less to
# store, and the network computes the same results. Weights that add up to zero do not make a neuron dead; all of them
# have to be zero.


# %%
def empty_dead(
    kernel: np.ndarray, bias: np.ndarray, after: np.ndarray, after_bias: np.ndarray
) -> tuple:
    """Return the next layer's kernel (units, outputs) and bias (outputs,).

    The bias contains what the dead neurons contributed.
    """
    ### BEGIN SOLUTION
    dead = ~kernel.any(axis=0)
    dead_outputs = np.maximum(bias, 0) * dead
    return np.where(dead[:, None], 0, after), after_bias + dead_outputs @ after
    ### END SOLUTION


empty_dead = lab.check("52.3", empty_dead)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# A neuron's incoming weights are a column of `kernel`, and its outgoing weights are a row of `after`.
# `kernel.any(axis=0)` is True for each column with a weight other than zero.
# </details>
# <details><summary>Hint 2</summary>
#
# `np.maximum(bias, 0) * dead` are the outputs of the dead neurons, and zero for the others. Multiplied by `after` they
# give the contribution to the next layer.
# </details>

# %% [markdown]
# ## Evidence
#
# The training. While the masks grow, digits are moved by up to a pixel, anew in each batch; clothes stay where they are.
# Then neurons without inputs are emptied and the others sorted by how many they have (their order means nothing to the
# network, and sorted counts are cheap to tell). Then the shared values are trained, biases included. The page's settings
# were chosen on the validation images; the test images are read once, below.
#
# In `ds_cnn` and `resnet8` no neuron is moved. There each batch normalization first takes its mean and variance into its
# other two vectors, which leaves two to store. A pass through these networks takes far longer: give them fewer `epochs`
# and `passes`, one of the `rungs`, and more of their weights.


# %%
def small_network(share, passes, targets, loss=None):
    """The baseline with a share of its weights left, as a model and as a file that holds exactly that model."""
    model, few = keras2.clone(baseline), values if share == kept else min(values, 8)
    recipe = compress.Recipe(compress.shares(model, share), few, min(few, 16), passes, tune_epochs=by_profile(5, 1))
    path = lab.folder / f"{share:.4f}-{'taught' if loss else 'alone'}.lkz"
    how = compress.How(loss, shifted=dataset == "mnist", seed=seed)
    path.write_bytes(compress.deep_compression(model, x, targets, recipe, how, chain="lenet" in network))
    return model, path


model, path = small_network(kept, epochs, y)
headline = lab.measure(path, name="compressed", technique="clustering")

# %%
longer = keras2.clone(baseline)
compress.train_pruned(longer, x, y, {}, epochs, how=compress.How(shifted=dataset == "mnist", seed=seed))
fair = lab.measure(longer, name="dense, trained as long", technique="baseline", latency=False)
lab.table([dense, fair, untrained, headline], ["model", "accuracy", "95 % interval", "file", "weights", "not zero"])

# %% [markdown]
# The third row is the one to beware of: a file proves nothing before it is decoded and measured. The fourth was. The
# second says what "no loss" is worth: a dense network that is trained as long, in the same way.
#
# Is the file the network? Another process decodes it, without TensorFlow, and its weights are compared bit for bit.

# %%
back, command = lab.folder / "back.npz", [sys.executable, "-m", "labkit", "expand"]
subprocess.run([*command, path, "-o", back], check=True, capture_output=True)
decoded, evaluated = np.load(back), keras2.tensors.tensors(model)
differing = sum(np.count_nonzero(decoded[name] != tensor) for name, tensor in evaluated.items())
count, lost = sum(tensor.size for tensor in evaluated.values()), headline.error - dense.error
ratio = 4 * count / headline.bytes
lab.claim("52.decoded", "Weights that another process decodes otherwise", differing, equals=0, holds="always")
lab.claim("52.size", "Times smaller, whole file", ratio, at_least=40, unit="×")
lab.claim("52.error", "Error above the dense network's", lost, at_most=0.015, unit="points")

# %% [markdown]
# Layer by layer, beside the paper's own table. It gives each layer as a share of its 32-bit weights.

# %%
paper = assets.published.LAYERS.get(network, {})
lab.table(
    {
        "layer": row.name,
        "kept": f"{row.kept / row.weights:.1%}",
        "kept, paper": f"{paper[row.name].kept:.1%}" if paper else "–",
        "of its size": f"{(row.header + row.mask + row.indices + row.values) / row.weights / 4:.2%}",
        "of its size, paper": f"{paper[row.name].size:.2%}" if paper else "–",
    }
    for row in methods.lkz.account(evaluated)
    if row.name in layers
)

# %% [markdown]
# Now further: fewer weights, fewer values, longer training. And with a teacher, LeNet-5, whose answers to all moved
# images the small network learns from. What a teacher gives by itself, a dense student of the same one shows.

# %%
targets = keras2.views.soft_targets(y, keras2.views.teacher_views(lab.baseline("lenet5", dataset), x))
student = keras2.clone(baseline)
compress.train_pruned(student, x, targets, {}, passes, how=compress.How(keras2.views.taught(), seed=seed))
taught = lab.measure(student, name="dense, taught", technique="distillation", latency=False)
ladder = {"alone": [(headline, path)], "taught": []}
goals = {"alone": (y,), "taught": (targets, keras2.views.taught())}
runs = [(share, kind) for share in (kept / 3, kept / 8) for kind in goals]
for share, kind in runs[-rungs:]:
    file, name = small_network(share, passes, *goals[kind])[1], f"{share:.1%} {kind}"
    ladder[kind].append((lab.measure(file, name=name, technique="clustering", network=network, latency=False), file))

# %% [markdown]
# The published figures are for MNIST, and so are these claims; with other data they are only shown.

# %%
last, alone = ladder["taught"][-1][0], ladder["alone"][-1][0]
for least, further, most in [assets.published.ASKED[network]] if network in assets.published.ASKED else []:
    at = {"dataset": "mnist", "network": network}
    lab.claim("52.mnist-size", f"{network} on MNIST, times smaller", ratio, at_least=least, unit="×", at=at)
    lab.claim("52.mnist-error", f"{network} on MNIST, error above the dense", lost, at_most=0, unit="points", at=at)
    lab.claim("52.taught-size", f"{network} with a teacher, times smaller", 4 * count / last.bytes, at_least=further, unit="×", at=at)
    lab.claim("52.taught-error", f"{network} with a teacher, error", last.error, at_most=most, unit="%", at=at)

# %%
figure, axes = plt.subplots(figsize=(7, 4))
for kind, colour in (("alone", "#CC79A7"), ("taught", "#E69F00")):
    points = [(row.bytes, 100 * row.error) for row, _ in ladder[kind]]
    axes.semilogx(*zip(*points, strict=True), "o-", color=colour)
    axes.annotate(kind, points[0], (8, -4), textcoords="offset points", color=colour)
for point in assets.published.LADDER.get(network, ()) if dataset == "mnist" else ():
    axes.plot(4 * count / point.ratio, 100 * point.error, "k^")
    axes.annotate(point.who, (4 * count / point.ratio, 100 * point.error), (8, -3), textcoords="offset points")
for row, line in ((dense, "-"), (taught, ":")):
    axes.axhline(100 * row.error, color="#444444", linewidth=1, linestyle=line)
    axes.annotate(row.name, (last.bytes, 100 * row.error), (-8, 3), textcoords="offset points", color="#444444")
axes.set(xlabel="bytes of the whole file", ylabel="test error in %", xmargin=0.15, ymargin=0.15)
lab.show(figure, alt="Test error against bytes of files trained alone and with a teacher: it grows as files shrink.")

# %% [markdown]
# Where do the bytes go? The parts of all kernels, the biases, and what is the file's own, in bytes.

# %%
lab.table(
    {"file": row.name, "bytes": f"{row.bytes:,}"}
    | {part: f"{size:,.0f}" for part, size in methods.lkz.parts(methods.lkz.read(file)).items()}
    for row, file in ladder["alone"] + ladder["taught"]
)

# %% [markdown]
# Mask and indices take nearly all of the large file. As files shrink, names, shapes and values weigh more: a codebook
# costs the same however few weights use it.

# %%
read = deploy.timing.interleaved({"read": lambda: methods.lkz.read(path)})["read"]
lab.claim("52.decode-speed", "Million weights decoded in a second", count / read.median_ms / 1e3, at_least=20)

# %% [markdown]
# ## What goes wrong
#
# A file whose every bit has a meaning forgives nothing: one changed byte, and all weights after it are others. Without a
# checksum they would be decoded without a word, since any bits are a code of something.

# %%
broken = bytearray(path.read_bytes())
broken[len(broken) // 2] ^= 1
try:
    methods.lkz.unpack(bytes(broken))
except base.errors.LabkitError as error:
    print(error)

# %% [markdown]
# ## What we saw
#
# Published figures against ours, over seeds, stand in [the table of reproductions](../docs/reproductions.md).

# %%
lab.answer("52.p", options[sum(ratio >= edge for edge in (12, 25, 40))])
lab.finish(f"""
The file has {headline.bytes:,} bytes, {ratio:.1f} times fewer than four a weight, and its network has
{100 * headline.error:.2f} % error on {headline.n:,} test images (95 % interval
{100 - 100 * headline.accuracy_high:.2f} to {100 - 100 * headline.accuracy_low:.2f}). The dense network it began with has
{100 * dense.error:.2f} %, and trained as long in the same way, {100 * fair.error:.2f} %. Without training between the
stages it would be {100 * untrained.error:.1f} %. The smallest file alone has {alone.bytes:,} bytes at
{100 * alone.error:.2f} %; with a teacher, {last.bytes:,} bytes ({4 * count / last.bytes:.0f} times smaller) at
{100 * last.error:.2f} %.

This does **not** show that nothing is lost in general: it is one network, one seed, and an interval wide enough to hide
a tenth of a point. The files with a teacher are to be compared with its dense student, {100 * taught.error:.2f} %, and
not with the dense network above. Nor is the network faster: decoded, it is as dense as before.

Further reading: Han, Mao and Dally, *Deep compression* (2016, arXiv:1510.00149); Ullrich, Meeds and Welling (2017,
arXiv:1702.04008); Oktay et al. (2020, arXiv:1906.06624).
""")
