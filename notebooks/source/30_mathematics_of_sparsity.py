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
#     title: The mathematics of sparsity
#     question: What is sparse, and what does it save?
#     minutes: 50
#     budget_s: {fast: 15, full: 35}
#     needs: []
#     objectives:
#       - measure the sparsity of weights, neurons and activations in trained networks, and say which threshold was meant
#       - compute the bits that a mask costs at least, and show how a real mask differs from a random one
#       - predict the bytes of a sparse format from the density, and name where the prediction fails on a real mask
#       - find the share of zeros at which a sparse product becomes faster than a dense one, for warm and cold caches
#     terms:
#       activation sparsity:
#         text: The share of activations that are zero for real images, caused by ReLUs.
#         zh: 激活稀疏度
#         note: unit %
#       bitmap:
#         text: A sparse format with one bit per weight for whether it is kept, followed by the kept values.
#         zh: 位图
#       break-even:
#         text: The share of zeros at which a sparse format or product costs exactly as much as the dense one.
#         zh: 盈亏平衡点
#         note: unit %
#       COO:
#         text: A sparse format that stores row, column and value of each weight that is not zero.
#         zh: 坐标格式
#       CSR:
#         text: "Compressed sparse rows: the kept values row by row, a column index for each, and the start of each row."
#         zh: 压缩稀疏行
#       deep compression:
#         text: Pruning, weight sharing and entropy coding one after the other, with training between them (Han, Mao and
#           Dally, 2016).
#         zh: 深度压缩
#       density:
#         text: The share of weights that are kept, that is, not zero.
#         zh: 稠密度
#         note: symbol d = 1 − s · unit %
#       mask:
#         text: An array of the weights' shape that records which weights are kept.
#         zh: 掩码
#         note: symbol m · range 0 or 1
#       neuron sparsity:
#         text: The number of neurons whose norm is below a threshold, divided by the number of all neurons.
#         zh: 神经元稀疏度
#         note: unit %
#       norm:
#         text: The length of a vector; unless said otherwise, the root of its sum of squares.
#         zh: 范数
#         note: symbol ‖w‖
#       padding zero:
#         text: A zero that a relative index stores because a gap does not fit into its bits.
#         zh: 填充零
#       relative index:
#         text: A sparse format that stores, for each kept weight, the number of zeros since the previous one, in a few
#           bits.
#         zh: 相对索引
#       ReLU:
#         text: The activation that passes positive values and sets all others to zero; scaling its input by c > 0
#           scales its output by c.
#         zh: 线性整流
#         note: symbol max(0, x)
#       run length:
#         text: "The number of equal entries in a row: a mask can be stored as the lengths of its runs."
#         zh: 游程长度
#       threshold:
#         text: The value below which something counts as small.
#         zh: 阈值
#         note: symbol τ
#       two of four (2:4):
#         text: A pattern that keeps two of each four neighbouring weights, so that two bits per kept weight store its
#           position.
#         zh: 2:4 稀疏
#       unstructured pruning:
#         text: "Removing single weights at any position: the arrays keep their shape, and usually their speed."
#         zh: 非结构化剪枝
#       weight sparsity:
#         text: The share of single weights that are zero.
#         zh: 权重稀疏度
#         note: unit %
# ---

# %% [markdown]
# # 30 · The mathematics of sparsity
#
# What is sparse, and what does it save?

# %%
import math

from labkit import assets, by_profile, deploy, methods, start

import matplotlib.pyplot as plt
import numpy as np
from scipy.sparse import csr_array

# %% tags=["parameters"]
sparsity: float = 0.92  # share of the first layer's weights set to zero; 0.5 to 0.99
threshold: float = 0.5  # a small neuron's norm over its layer's mean norm; 0 to 2
test_images: int = by_profile(500, 100)  # images for activations; 20 to 2000
size: int = by_profile(2048, 512)  # rows of the largest timed matrix; 256 to 4096
draws: int = by_profile(20, 5)  # random draws of factors and neurons; 2 to 100
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("30", seed=seed)
storage, theory, prune = methods.storage, methods.sparsity, methods.prune
images = lab.data("fashion_mnist")
names = ("lenet_300_100", "lenet5", "ds_cnn", "resnet8")
networks = {name: lab.baseline_file(name) for name in names}
layers = [deploy.inspect.layer(networks["lenet_300_100"], k) for k in range(3)]
kernels, biases = ([each[key] for each in layers] for key in ("weights", "bias"))
weights = kernels[0]
formats = ("coo", "csr", "bitmap", "relative", "run length", "block")
index_bits = dict.fromkeys(formats, 16) | {"block": 8}  # of a row or a column

# %% [markdown]
# ## Predict
#
# A matrix with many zeros can be stored in [CSR](../docs/glossary.md#csr) format, as a list of its other values. Its
# product with a vector then skips the zeros. We will time three sizes, with warm and with cold caches. From which share
# of zeros is CSR faster than the dense product? Replace `None` by one of the options, in quotes.

# %%
my_guess = None
question = "From which share of zeros is CSR faster than the dense product?"
options = ["always below 2/3", "always 2/3 to 9/10", "always above 9/10", "it depends"]
lab.predict("30.p", question, options, my_guess)

# %% [markdown]
# ## Idea
#
# A Chinese introductory article on model acceleration, from which this course grew, defines
#
# $$ \text{sparsity} = \frac{\text{number of small neurons}}{\text{number of all neurons}} $$
#
# This measure, [neuron sparsity](../docs/glossary.md#neuron-sparsity), needs a [norm](../docs/glossary.md#norm) and a
# [threshold](../docs/glossary.md#threshold) before *small* means anything. Two other measures need neither. [Weight
# sparsity](../docs/glossary.md#weight-sparsity) is the share of weights that are zero. [Activation
# sparsity](../docs/glossary.md#activation-sparsity) is the share of zeros after a [ReLU](../docs/glossary.md#relu), for
# real images.
#
# What do zeros save? Their values need not be stored. But the format must record where they are, in a
# [mask](../docs/glossary.md#mask). If each weight is kept with probability $p$ (the
# [density](../docs/glossary.md#density)), independently of the others, one position costs at least
#
# $$ H(p) = -p \log_2 p - (1 - p) \log_2 (1 - p) $$
#
# bits on average. That is $H(p) / p$ per kept weight.
#
# The figure compares this bound (*entropy*) with five formats. Each records something else:
#
# - **[bitmap](../docs/glossary.md#bitmap)**: one bit per weight;
# - **CSR**: the column of each kept weight, in 16 bits (the figure leaves out where each row starts);
# - **[COO](../docs/glossary.md#coo)**: row and column;
# - **[relative index](../docs/glossary.md#relative-index)**: the number of zeros since the previous kept weight;
# - **[run length](../docs/glossary.md#run-length)**: lengths of the runs of zeros and of kept weights.
#
# The last two have their best width at each point. The x-axis is the share of zeros.

# %% tags=["hide-input"]
colours = {"coo": "C0", "csr": "C1", "bitmap": "C2", "relative": "C3"}
colours |= {"run length": "C4", "block": "C5", "entropy": lab.colour("guide")}
best = {"gap_bits": None, "run_bits": None}  # the best width at each density
zero_shares = np.linspace(0.5, 0.98, 97)
figure, axes = plt.subplots(figsize=(7, 4))
for name in ("coo", "csr", "bitmap", "run length", "relative", "entropy"):
    bits = [
        theory.bits_a_weight(name, 1 - s, 32, **best) / (1 - s) for s in zero_shares
    ]
    bits = np.array(bits) - 32
    axes.plot(100 * zero_shares, bits, color=colours[name])
    if name != "bitmap":
        place = {"csr": 1.5, "relative": 0.1, "entropy": -0.7}.get(name, 0)
        axes.text(98.6, bits[-1] + place, name, color=colours[name], va="center")
axes.text(93.5, 19.5, "bitmap", color=colours["bitmap"], ha="right")
axes.set(xlabel="zeros, in %", ylabel="bits per kept weight for its position")
axes.set(xlim=(50, 106), ylim=(0, 35), xticks=range(50, 101, 10))
lab.show(
    figure, alt="The entropy lies below all formats and grows with the share of zeros."
)

# %% [markdown]
# ## By hand
#
# In the figure the bitmap is closest to the bound at 50 % zeros, and the relative index at 98 %. Now take sixteen
# weights, four of them kept. We write their positions in three ways.

# %%
row = np.zeros(16, "float32")
row[[1, 4, 5, 15]] = [0.9, -0.4, 0.7, 0.3]
bitmap, places = np.packbits(row != 0), np.flatnonzero(row)
gaps = np.diff(places, prepend=-1) - 1
p = len(places) / len(row)
entropy = -p * np.log2(p) - (1 - p) * np.log2(1 - p)
{
    "bitmap": bitmap.tolist(),
    "places": places.tolist(),
    "zeros before each": gaps.tolist(),
    "entropy of 16 positions, in bits": round(16 * float(entropy), 2),
    "bits, if four are known to be kept": round(math.log2(math.comb(16, 4)), 2),
}

# %% [markdown]
# ## With the library
#
# The bitmap above takes 16 bits. A position from 0 to 15 takes four bits, so the positions take 16 bits as well. The
# gaps are smaller, but one of them is 9, and three bits hold at most 7. Han et al. (2016) then store a [padding
# zero](../docs/glossary.md#padding-zero) on the way: five gaps of three bits, and 32 bits for the padding zero's value.
# The entropy is lower than all three.
#
# SciPy provides CSR. We prune the first layer of LeNet-300-100 by magnitude: the smallest
# weights become zero (lesson 31). We store it with SciPy and with our encoder, `methods.storage.encode`. Both take any
# matrix of your own. The arrays and the product must be equal.

# %%
mask = prune.magnitude_mask(weights, sparsity)
pruned = prune.apply_mask(weights, mask)
scipy_csr, our_csr = csr_array(pruned), storage.encode(pruned, "csr").arrays
different = np.count_nonzero(our_csr["values"] != scipy_csr.data)
different += np.count_nonzero(our_csr["columns"] != scipy_csr.indices)
different += np.count_nonzero(our_csr["pointers"] != scipy_csr.indptr)
text = "SciPy's CSR and ours contain the same numbers"
lab.claim(
    "30.csr-numbers", text, different, equals=0, holds="always", label="different"
)
image = assets.data.as_input(images.test.x[:1]).ravel()
dense_product = pruned @ image
error = np.abs(scipy_csr @ image - dense_product).max() / np.abs(dense_product).max()
text = "The CSR product equals the dense product up to rounding"
lab.claim("30.csr-product", text, error, at_most=1e-5, holds="always", label="error")

# %% [markdown]
# ## Your turn

# %% [markdown]
# ### 30.1 CSR times a vector ★★☆ · 10 minutes
#
# Row $r$ of a CSR matrix has the values `values[pointers[r]:pointers[r + 1]]`. The array `columns` contains the column
# of each value, in any order within a row. Multiply the matrix by a vector without building the dense matrix. A row
# without values gives 0.


# %%
def csr_times(
    values: np.ndarray, columns: np.ndarray, pointers: np.ndarray, vector: np.ndarray
) -> np.ndarray:
    """Return the product of the matrix and the vector, one number per row."""
    ### BEGIN SOLUTION
    product = np.zeros(len(pointers) - 1)
    for r in range(len(product)):
        part = slice(pointers[r], pointers[r + 1])
        product[r] = values[part] @ vector[columns[part]]
    return product
    ### END SOLUTION


csr_times = lab.check("30.1", csr_times)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `vector[columns[part]]` selects the entries of the vector that belong to the values of one row. `a @ b` multiplies two
# vectors and adds up the products.
# </details>
# <details><summary>Hint 2</summary>
#
# There is one more pointer than there are rows. `np.add.reduceat` looks suitable, but its result is wrong for empty
# rows.
# </details>

# %% [markdown]
# ### 30.2 The relative index ★★★ · 15 minutes
#
# Store each kept weight as a pair: the gap, which is the number of zeros since the previous entry, and the value. A gap
# has `bits` bits, so it is at most $2^{\text{bits}} - 1$. Where a gap is longer, insert a padding entry: the largest
# gap with the value zero. The padding entry occupies a place itself, and counting starts again after it. Zeros after
# the last kept weight are not stored. A row without weights has no entries.


# %%
def relative_index(row: np.ndarray, bits: int) -> np.ndarray:
    """Return the entries of a row of weights, shape (entries, 2): gap and value."""
    ### BEGIN SOLUTION
    entries, previous, largest_gap = [], -1, 2**bits - 1
    for place in np.flatnonzero(row):
        gap = place - previous - 1
        while gap > largest_gap:
            entries.append((largest_gap, 0.0))
            gap -= largest_gap + 1
        entries.append((gap, row[place]))
        previous = place
    return np.array(entries, dtype="float64").reshape(-1, 2)
    ### END SOLUTION


relative_index = lab.check("30.2", relative_index)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# A padding entry covers `largest_gap` zeros and its own place: `largest_gap + 1` places in all.
# </details>
# <details><summary>Hint 2</summary>
#
# One gap may need several padding entries, so use `while`, not `if`. `.reshape(-1, 2)` gives an empty list of entries
# the shape (0, 2).
# </details>

# %% [markdown]
# ### 30.3 Two of four ★★☆ · 10 minutes
#
# Some processors can skip zeros only in a fixed pattern: of every four neighbours in a row, two are kept. Keep the two
# largest by absolute value. If several are equal, keep those that come first. So each group keeps exactly two, even a
# group of zeros.


# %%
def two_of_four(weights: np.ndarray) -> np.ndarray:
    """Return the mask of weights (rows, columns), True where a weight is kept.

    The number of columns is a multiple of four.
    """
    ### BEGIN SOLUTION
    groups = np.abs(weights).reshape(-1, 4)
    mask = np.zeros(groups.shape, dtype=bool)
    order = np.argsort(-groups, axis=1, kind="stable")
    np.put_along_axis(mask, order[:, :2], True, axis=1)
    return mask.reshape(weights.shape)
    ### END SOLUTION


two_of_four = lab.check("30.3", two_of_four)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Make each group of four a row: `reshape(-1, 4)`. Then sort the absolute values of each row.
# </details>
# <details><summary>Hint 2</summary>
#
# `np.argsort(-groups, axis=1, kind="stable")` lists the places from the largest value to the smallest; a stable sort
# keeps equal values in their order. `np.put_along_axis` writes True at the first two places of each row.
# </details>

# %% [markdown]
# ## Evidence
#
# ### What is sparse?
#
# The table shows all three measures for four trained networks. A neuron counts as small if the norm of its incoming
# weights is at most `threshold` times the mean norm of its layer. The zeros are counted after every ReLU. The last
# column counts units that are zero on *all* images. We look for them in LeNet-300-100 on the training images, remove
# them, and count the test images whose class changes.

# %%
sample = assets.data.as_input(images.test.x[:test_images])
measure = deploy.sparsity.network_sparsity
results = {name: measure(path, sample, threshold) for name, path in networks.items()}
train = assets.data.as_input(images.train.x).reshape(-1, weights.shape[1])
test = assets.data.as_input(images.test.x).reshape(-1, weights.shape[1])
silent = ~(train @ weights.T + biases[0] > 0).any(axis=0)
hidden = np.maximum(test @ weights.T + biases[0], 0)


def classes(keep: np.ndarray) -> np.ndarray:
    """Return the class of each test image, with some neurons of the first layer."""
    second = np.maximum(hidden[:, keep] @ kernels[1][:, keep].T + biases[1], 0)
    return (second @ kernels[2].T + biases[2]).argmax(axis=1)


changed = np.count_nonzero(classes(~silent) != classes(np.ones(300, bool)))

# %% tags=["hide-input"]
rows = []
for name, each in results.items():
    low, high = min(each.activations), max(each.activations)
    row = {"network": name, "weights that are zero": f"{each.weights:.1%}"}
    row |= {"small neurons": f"{each.neurons:.1%}", "ReLUs": str(len(each.activations))}
    row |= {"zeros after a ReLU": f"{low:.0%} to {high:.0%}"}
    rows.append(row | {"always zero": f"{each.silent} of {each.units} units"})
lab.table(rows, caption=f"Activations of {test_images} test images")
zero_share = [share for each in results.values() for share in each.activations]
lab.say(f"""No trained weight is exactly zero: sparse weights need pruning. Activations
contain zeros in every network, because of the ReLU. Most of these zeros change from
image to image. But {silent.sum()} of the {len(silent)} neurons in the first layer of
LeNet-300-100 are zero on all {len(train):,} training images. Without them, {changed} of
{len(test):,} test images get another class.""")
lab.claim(
    "30.relu-zeros",
    "Every ReLU of the four networks sets a large share of its outputs to zero",
    min(zero_share),
    at_least=0.3,
    unit="%",
    label="least share",
)
lab.claim(
    "30.silent",
    "Removing the neurons that are zero on all training images changes no class",
    changed,
    equals=0,
    label="test images that change",
)

# %% [markdown]
# ### How many bits does a mask cost?
#
# If neurons or pixels have densities of their own, a coder that knows them needs fewer bits than $H(p)$. The table
# gives bits per kept weight, including those that transmit these densities. Sun et al. (2023) multiply each magnitude
# by the root mean square of its pixel. We rank this score over the whole layer and, as they do, within each neuron. The
# maps show the share of kept weights per pixel, on one colour scale.

# %%
brightness = np.sqrt((train[:5000] ** 2).mean(axis=0))
score = np.abs(weights) * brightness
masks = {
    "magnitude": mask,
    "magnitude × pixel, whole layer": prune.magnitude_mask(score, sparsity),
    "the same within each neuron": [prune.magnitude_mask(r, sparsity) for r in score],
    "random": lab.rng.permuted(mask),
}
mask_bits = {}
for name, each in masks.items():
    costs = [theory.mask_entropy(np.mean(each))]
    costs += [theory.grouped_entropy(each, axis, told=True) for axis in (1, 0)]
    mask_bits[name] = np.array(costs) / np.mean(each)

# %%
symbols = mask.ravel().astype(int)
frequencies = methods.coding.quantize_frequencies(np.bincount(symbols))
coded_mask = methods.coding.fast_encode(symbols, frequencies)
coded_bits = 8 * len(coded_mask) / mask.sum()

# %% tags=["hide-input"]
heads = ("one density", "one per neuron", "one per pixel")
rows = []
for name, costs in mask_bits.items():
    cells = (f"{cost:.2f}" for cost in costs)
    rows.append({"mask by": name} | dict(zip(heads, cells, strict=True)))
lab.table(rows, caption="Bits per kept weight for its position, at least")
figure, panels = plt.subplots(1, 2, figsize=(7, 3.1))
shares = [100 * masks[name].mean(axis=0).reshape(28, 28) for name in list(masks)[:2]]
for axes, share, title in zip(
    panels, shares, ("magnitude", "magnitude × pixel"), strict=True
):
    picture = axes.imshow(share, cmap="viridis", vmin=0, vmax=max(map(np.max, shares)))
    axes.set(title=title, xlabel="pixel column", ylabel="pixel row")
    axes.grid(False)
figure.colorbar(picture, ax=panels, label="weights kept, in %", shrink=0.8)
lab.show(
    figure,
    alt="Magnitude keeps most weights at the border, magnitude × pixel in the middle.",
)
real, chance = mask_bits["magnitude"], mask_bits["random"]
lab.say(f"""A range coder (lesson 51) stores the mask in {coded_bits:.2f} bits per kept
weight, as the entropy says. For a random mask, separate densities per pixel cost
{chance[2] - chance[0]:.2f} bits more than they save. The real mask is not random, but
close: it needs {real[2]:.2f} bits instead of {real[0]:.2f}. Magnitude keeps most
weights at the dark border, where pixels carry little information. The score of Sun et
al. does the opposite.""")
lab.claim(
    "30.coded-mask",
    "A range coder stores the mask in as many bits as the entropy says",
    abs(coded_bits / real[0] - 1),
    at_most=0.005,
    unit="%",
    label="difference",
)
lab.claim(
    "30.pixel-bits",
    "Knowing the density of each pixel saves bits on the real mask",
    real[0] - real[2],
    at_least=0.05,
    unit="bit",
    label="per kept weight",
)
lab.claim(
    "30.brightness",
    "Magnitude keeps fewer weights where the pixels are brighter",
    np.corrcoef(mask.mean(axis=0), brightness)[0, 1],
    at_most=-0.3,
    label="correlation",
)

# %% [markdown]
# ### How many bytes does the real mask take?
#
# *Predicted* is the formula, which knows only the density. The next columns are arrays that we write and decode: for a
# random mask, the mask by magnitude, and one that removes whole blocks of four by four weights. Gaps and run lengths
# have the width that is best for the mask by magnitude, so that only the mask differs. The *block* format stores every
# block that contains a kept weight.

# %%
blocks = prune.block_mask(weights, sparsity)
variants = {"random": masks["random"], "magnitude": mask, "whole blocks": blocks}
layouts, predicted, written, different = {}, {}, {}, 0
for name in formats:
    layout = layouts[name] = storage.best_layout(pruned, name)
    widths = {"gap_bits": layout.gap_bits, "run_bits": layout.run_bits}
    bits = theory.bits_a_weight(name, mask.mean(), 32, index_bits[name], **widths)
    predicted[name] = bits * weights.size / 8
    for kind, each in variants.items():
        encoded = storage.encode(weights * each, name, layout)
        written[name, kind] = encoded.bytes
        different += np.count_nonzero(storage.decode(encoded) != weights * each)

# %% tags=["hide-input"]
rows = []
index_texts = {"bitmap": "1 per weight", "relative": f"{layouts['relative'].gap_bits}"}
index_texts["run length"] = f"{layouts['run length'].run_bits}"
for name, expected in predicted.items():
    width = index_texts.get(name, f"{index_bits[name]}")
    row = {"format": name, "bits per index": width}
    row |= {"predicted": f"{expected:,.0f}", "random": f"{written[name, 'random']:,}"}
    change = written[name, "magnitude"] / expected - 1
    row |= {"by magnitude": f"{written[name, 'magnitude']:,} ({change:+.1%})"}
    rows.append(row | {"by whole blocks": f"{written[name, 'whole blocks']:,}"})
value_bytes = 4 * int(mask.sum())
coded_bytes = value_bytes + len(coded_mask)
bound = theory.bits_a_weight("entropy", mask.mean(), 32) * weights.size / 8
row = {"format": "range coder", "bits per index": "–", "predicted": f"{bound:,.0f}"}
rows.append(
    row | {"random": "–", "by magnitude": f"{coded_bytes:,}", "by whole blocks": "–"}
)
lab.table(
    rows,
    caption=f"Bytes at {sparsity:.0%} zeros; the dense array has {weights.nbytes:,}",
)
change = {n: written[n, "magnitude"] / predicted[n] - 1 for n in predicted}
accuracy = max(abs(written[n, "random"] / predicted[n] - 1) for n in predicted)
total = np.abs(weights).sum()
magnitude_kept = {
    kind: np.abs(weights[each]).sum() / total for kind, each in variants.items()
}
smallest = min(written[name, "magnitude"] for name in predicted)
lab.say(f"""On the random mask the formula is right to {accuracy:.1%}. On the real mask
it is not: blocks take {-change["block"]:.0%} less and run lengths
{-change["run length"]:.1%} less, because kept weights stand in clusters. The relative
index takes {change["relative"]:.1%} *more*: pixels in the middle keep few weights, so
long gaps need padding zeros. The best format is {smallest / bound - 1:.0%} above the
bound for random masks.

Blocks look worst only because single weights rarely fill them. If we prune whole
blocks, they are the smallest format. But then the kept weights hold
{magnitude_kept["whole blocks"]:.0%} of the magnitude instead of
{magnitude_kept["magnitude"]:.0%}.""")
lab.claim(
    "30.round-trip",
    "Every format returns the weights that it was given",
    different,
    equals=0,
    holds="always",
    label="different weights",
)
lab.claim(
    "30.bytes",
    "On a random mask, every format takes the bytes that the formula predicts",
    accuracy,
    at_most=0.02,
    unit="%",
    label="largest difference",
)
lab.claim(
    "30.real-mask",
    "On the real mask, the block format takes far fewer bytes than predicted",
    -change["block"],
    at_least=0.1,
    unit="%",
    label="fewer",
)

# %% [markdown]
# ### From which share of zeros does a format save bytes?
#
# The [break-even](../docs/glossary.md#break-even) is the share of zeros at which a format is as small as the dense
# array. We compute it by formula and measure it by bisection over random masks, each format at its best width. In the
# figure a line below 1 saves bytes; the dots are measured.

# %%
break_evens, shape = {}, weights.shape
best = {"gap_bits": None, "run_bits": None}  # the best width at each density
for name in formats:
    for dtype, value_bits in (("float32", 32), ("int8", 8)):
        widths = best | {"index_bits": index_bits[name]}
        density = theory.break_even(name, value_bits, **widths)
        example = (lab.rng.random(shape) < density).astype(dtype)
        layout = storage.best_layout(example, name)
        measured = storage.measured_break_even(name, shape, dtype, lab.rng, layout)
        break_evens[name, dtype] = 1 - density, 1 - measured

# %% tags=["hide-input"]
figure, panels = plt.subplots(1, 2, figsize=(8, 4), sharey=True)
zero_shares = np.linspace(0, 0.99, 100)
for axes, (dtype, value_bits) in zip(
    panels, (("float32", 32), ("int8", 8)), strict=True
):
    for name in formats:
        widths = best | {"index_bits": index_bits[name]}
        bits = [
            theory.bits_a_weight(name, 1 - s, value_bits, **widths) for s in zero_shares
        ]
        axes.plot(100 * zero_shares, np.array(bits) / value_bits, color=colours[name])
        axes.plot(100 * break_evens[name, dtype][1], 1, "o", color=colours[name])
    axes.axhline(1, color=lab.colour("guide"), linewidth=1)
    axes.set(title=dtype, xlabel="zeros, in %", ylim=(0, 1.6), xlim=(0, 100))
panels[0].set(ylabel="size, dense = 1")
spots = [{"coo": (29, 1.45), "csr": (15, 1.35), "block": (50, 1.08)}]
spots += [{"coo": (77, 1.3), "csr": (59, 1.3), "block": (35, 1.12)}]
for axes, texts in zip(panels, spots, strict=True):
    texts |= {"relative": (8, 0.62), "run length": (8, 0.51), "bitmap": (8, 0.4)}
    for name, (x, y) in texts.items():
        axes.text(x, y, name, color=colours[name], va="center")
lab.show(
    figure,
    alt="With int8 every format reaches the dense size at a higher share of zeros.",
)
rows = []
for (name, dtype), (formula, measured) in break_evens.items():
    row = {"format": name, "values": dtype, "by formula": f"{formula:.1%}"}
    rows.append(row | {"measured": f"{measured:.1%}"})
lab.table(
    rows, caption="Share of zeros from which each format saves bytes, random masks"
)
lab.claim(
    "30.break-even",
    "On random masks, the formula predicts the break-even of every format",
    max(abs(formula - measured) for formula, measured in break_evens.values()),
    at_most=0.01,
    unit="points",
    holds="always",
    label="largest difference",
)

# %% [markdown]
# The narrower the values, the more the positions weigh: with int8 every format needs more zeros before it saves bytes.
#
# ### From which share of zeros does CSR save time?
#
# We time a square float32 matrix times a vector on one thread: SciPy's CSR against NumPy's dense product. *Warm*
# repeats each product, so the matrix stays in the caches. *Cold* reads other data before each call. The table shows the
# median of the ratios within each round.

# %%
levels, seconds = [0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99], by_profile(1.0, 0.2)
speed, dense_us, call_us, crossing = {}, {}, {}, {}
for rows_timed in (size // 4, size // 2, size):
    for state in ("warm", "cold"):
        timings = deploy.matvec.csr_against_dense(
            [*levels, 1.0], rows_timed, seconds, seed, cold=state == "cold"
        )
        case, ratios = (rows_timed, state), timings.ratios("dense")
        speed[case] = [1 / ratios[str(level)] for level in levels]
        dense_us[case] = 1e3 * timings["dense"].median_ms
        call_us[case] = 1e3 * timings["1.0"].median_ms  # nothing kept: only the call
        crossing[case] = float(np.interp(0, np.log(speed[case]), levels, right=1.0))

# %% tags=["hide-input"]
rows = []
for (rows_timed, state), factors in speed.items():
    case = rows_timed, state
    row = {
        "rows": f"{rows_timed:,}",
        "caches": state,
        "dense, µs": f"{dense_us[case]:.0f}",
    }
    row |= {"CSR call, µs": f"{call_us[case]:.0f}"}
    row |= {f"{s:.0%}": f"{f:.2f}" for s, f in zip(levels, factors, strict=True)}
    start_text = f"{crossing[case]:.0%}" if crossing[case] < 1 else "never"
    rows.append(row | {"faster from": start_text})
lab.table(rows, caption="How many times as fast CSR is, by share of zeros")
sizes = [rows_timed for rows_timed, state in crossing if state == "warm"]
warm, cold = ([crossing[n, state] for n in sizes] for state in ("warm", "cold"))
fastest = [factors[-1] for factors in speed.values()]
lab.say(f"""Warm, CSR is faster from {min(warm):.0%} to {max(warm):.0%} zeros on,
depending on the size. Cold, the crossing is at {min(cold):.0%} to {max(cold):.0%}. Both
products then wait for memory, and bytes count: with SciPy's four-byte indices, CSR is
smaller than the dense array from one half of zeros on. At {levels[-1]:.0%} zeros CSR is
{min(fastest):.1f} to {max(fastest):.1f} times as fast; for small matrices most of that
time is the call itself.""")
lab.claim(
    "30.csr-crossing",
    "CSR needs more zeros with warm caches than with cold ones",
    np.mean(warm) - np.mean(cold),
    at_least=0.05,
    unit="points",
    label="mean of the sizes",
)
lab.claim(
    "30.csr-speed",
    f"At {levels[-1]:.0%} zeros CSR is faster at every size, warm and cold",
    min(fastest),
    at_least=2,
    unit="×",
    label="least factor",
)

# %% [markdown]
# ### A pattern: two of four
#
# Some processors can skip zeros only in the pattern [2:4](../docs/glossary.md#two-of-four-24): two of each four
# neighbours are kept. Here we compare bytes and magnitude, not time. Does our encoder take the bytes that Mishra et al.
# (2021) published? And how much of the magnitude does the pattern keep? The output shows that it keeps most of what the
# best half keeps. Permuting the columns first (Pool and Yu, 2021) would keep more.

# %%
pattern, best_half = theory.pattern_mask(weights), prune.magnitude_mask(weights, 0.5)
random_half = lab.rng.permuted(best_half)
halves = {"2:4": pattern, "best half": best_half, "random half": random_half}
sizes = np.abs(weights)
kept = {name: sizes[each].sum() / sizes.sum() for name, each in halves.items()}
for dtype, share in (("int8", 0.625), ("float16", 0.5625)):
    values = (127 / sizes.max() * prune.apply_mask(weights, pattern)).astype(dtype)
    encoded = storage.encode(values, "2:4")
    assert np.array_equal(storage.decode(encoded), values)
    written_share = encoded.bytes / values.nbytes
    text = f"2:4 takes the published share of the dense bytes in {dtype}"
    claim_id = f"30.two-of-four-{dtype}"
    lab.claim(claim_id, text, written_share, equals=share, holds="always")
{name: f"{share:.1%}" for name, share in kept.items()}

# %% [markdown]
# ## What goes wrong
#
# **The norm depends on how a network is written.** Multiply the incoming weights and the bias of a neuron by $c > 0$.
# Divide its outgoing weights by $c$. A ReLU passes the factor on, so the network computes the same function. But the
# norms change, and pruning by norm removes other neurons.
#
# We draw such factors at random, remove a third of the first layer by three rules, and count correct answers. The
# product of incoming and outgoing norm does not depend on $c$. A random choice is the control.

# %%
incoming = np.linalg.norm(weights, axis=1)
outgoing = np.linalg.norm(kernels[1], axis=0)
rules = {"incoming norm": [], "incoming × outgoing norm": [], "random": []}
for draw in range(draws):
    factors = np.ones(300) if draw == 0 else 2.0 ** lab.rng.integers(-3, 4, 300)
    scores = (factors * incoming, factors * incoming * (outgoing / factors))
    for name, norms in zip(rules, (*scores, lab.rng.random(300)), strict=True):
        keep = np.sort(np.argsort(norms)[100:])
        rules[name].append(classes(keep) == images.test.y)

# %% tags=["hide-input"]
rows = []
right, scores = list(rules.values()), {}
for name, answers in rules.items():
    accuracies = scores[name] = np.mean(answers, axis=1)
    row = {"removed by": name, "original weights": f"{accuracies[0]:.2%}"}
    if name == "random":
        row["original weights"] = "–"
    spread = f"{min(accuracies):.2%} to {max(accuracies):.2%}"
    rows.append(
        row | {"mean of the draws": f"{np.mean(accuracies):.2%}", "range": spread}
    )
lab.table(
    rows,
    caption=f"Accuracy without 100 of 300 neurons, not retrained; {draws} draws, "
    "the first with the original weights",
)
norm, both, chance = scores.values()
lost = methods.paired.paired(right[1][0], right[0][0])
spread = max(norm) - min(norm)
lab.say(f"""The same function, written in different ways, is pruned to between
{min(norm):.2%} and {max(norm):.2%} by incoming norm. The product of both norms always
removes the same neurons. But that does not make it a better rule: it reaches
{both[0]:.2%}, a random choice {np.mean(chance):.2%} in the mean. On the original
weights it differs from the incoming norm by {lost.gain:+.2f} points (95 % interval
{lost.gain_low:+.2f} to {lost.gain_high:+.2f}).""")
lab.claim(
    "30.rescaling",
    "Rescaling neurons changes the accuracy after pruning by incoming norm",
    spread,
    at_least=0.003,
    unit="points",
    label="range over the draws",
)

# %% [markdown]
# ## What we saw

# %% tags=["hide-input"]
first, last = min(crossing.values()), max(crossing.values())
bounds = {options[0]: (0, 2 / 3), options[1]: (2 / 3, 0.9), options[2]: (0.9, 1)}
inside = [text for text, (low, high) in bounds.items() if low <= first and last <= high]
lab.answer("30.p", inside[0] if inside else options[3])
lab.finish(f"""
Trained weights are not sparse until we prune them. Activations are:
{min(zero_share):.0%} to {max(zero_share):.0%} of them are zero after a ReLU. The share
of small neurons depends on norm, threshold and the scale of each neuron. At
{sparsity:.0%} zeros a position costs {real[0]:.2f} bits if masks are random, and
{real[2]:.2f} with the density of each pixel. CSR with 16-bit columns saves bytes of
float32 from {break_evens["csr", "float32"][1]:.0%} zeros on. It saves time from
{first:.0%} to {last:.0%} zeros on, depending on size and caches.

This does **not** show what pruning costs in accuracy after retraining, nor that a
runtime makes use of zeros. The times are those of one processor, SciPy, and random
masks.

Further reading: Han, Mao and Dally, *Deep compression* (2016, arXiv:1510.00149); Mishra
et al., *Accelerating sparse deep neural networks* (2021, arXiv:2104.08378); Sun et al.
(2023, arXiv:2306.11695). Next: [Magnitude pruning](31_magnitude_pruning.ipynb).
""")
