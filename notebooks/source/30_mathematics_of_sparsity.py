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
#     budget_s: {fast: 15, full: 30}
#     needs: []
#     objectives:
#       - measure the sparsity of weights, neurons and activations in trained networks, and say which threshold was meant
#       - compute what a mask is worth in bits, and explain why a real mask is worth less
#       - predict the bytes of a sparse format from its density, and check the prediction on arrays that were written
#       - name the density at which a sparse product is faster than a dense one on this machine
#     terms:
#       activation sparsity:
#         text: The share of activations that are zero for real images, as a ReLU makes them.
#         zh: 激活稀疏度
#         note: unit %
#       bitmap:
#         text: A sparse format with one bit a weight that says whether it is kept, and then the kept values.
#         zh: 位图
#       break-even:
#         text: The density (or sparsity) at which a sparse format or product costs exactly as much as the dense one.
#         zh: 盈亏平衡点
#         note: unit %
#       COO:
#         text: A sparse format that stores row, column and value of each weight that is not zero.
#         zh: 坐标格式
#       CSR:
#         text: "Compressed sparse rows: the kept values row by row, a column for each, and where each row begins."
#         zh: 压缩稀疏行
#       deep compression:
#         text: Pruning, weight sharing and entropy coding one after the other, with training between them (Han, Mao and
#           Dally, 2016).
#         zh: 深度压缩
#       density:
#         text: The share of weights that is kept, that is, not zero.
#         zh: 稠密度
#         note: symbol d = 1 − s · unit %
#       mask:
#         text: An array as large as the weights that says which are kept.
#         zh: 掩码
#         note: symbol m · range 0 or 1
#       neuron sparsity:
#         text: "The article's formula: the number of neurons whose norm is below a threshold, divided by all neurons."
#         zh: 神经元稀疏度
#         note: unit %
#       norm:
#         text: The length of a vector; unless said otherwise, the root of its sum of squares.
#         zh: 范数
#         note: symbol ‖w‖
#       padding zero:
#         text: A zero that a relative index stores on the way when a gap does not fit into its bits.
#         zh: 填充零
#       relative index:
#         text: A sparse format that stores, for each kept weight, how many zeros stand before it since the last one, in
#           a few bits.
#         zh: 相对索引
#       ReLU:
#         text: The activation that passes what is positive and puts zero for the rest; scaling its input by c > 0
#           scales its output by c.
#         zh: 线性整流
#         note: symbol max(0, x)
#       run length:
#         text: "How many equal entries follow one another: a mask can be stored as the lengths of its runs."
#         zh: 游程长度
#       threshold:
#         text: The value below which something counts as small.
#         zh: 阈值
#         note: symbol τ
#       two of four (2:4):
#         text: A pattern that keeps two of each four neighbouring weights, so that two bits a kept weight say where it
#           stands.
#         zh: 2:4 稀疏
#       unstructured pruning:
#         text: "Removing single weights wherever they stand: the arrays keep their shape, and usually their speed."
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
from labkit import assets, by_profile, deploy, methods, start

import matplotlib.pyplot as plt
import numpy as np
from scipy.sparse import csr_array

# %% tags=["parameters"]
sparsity: float = 0.92  # share of the first layer's weights set to zero; 0.5 to 0.99
threshold: float = 0.5  # a neuron is small up to this share of its layer's mean norm; 0 to 2
gap_bits: int = 5  # bits of a relative index; 2 to 8
test_images: int = by_profile(500, 100)  # images whose activations are looked at; 20 to 2000
size: int = 1024  # rows and columns of the matrix that is timed; 256 to 2048
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("30", seed=seed)
mask_entropy, grouped_entropy = methods.sparsity.mask_entropy, methods.sparsity.grouped_entropy
images = lab.data("fashion_mnist")
networks = {name: lab.baseline_file(name) for name in ("lenet_300_100", "lenet5", "ds_cnn", "resnet8")}
first, second = (deploy.inspect.layer(networks["lenet_300_100"], index) for index in (0, 1))
weights = first["weights"]

# %% [markdown]
# ## Predict
#
# A matrix with zeros can be stored as CSR, a list of what is not zero. Its product with a vector then skips the zeros.
# How many zeros does it take? Replace `None` by one of the options.

# %%
my_guess = None
options = ["up to half", "half to two thirds", "two thirds to nine tenths", "more than nine tenths"]
lab.predict("30.p", "How many zeros must a matrix have before CSR is faster than dense?", options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# The article that this course grew from defines
#
# $$ \text{sparsity} = \frac{\text{number of small neurons}}{\text{number of all neurons}} $$
#
# ([neuron sparsity](../docs/glossary.md#neuron-sparsity)), which is loose: *small* needs a [norm](../docs/glossary.md#norm) and a [threshold](../docs/glossary.md#threshold). Two
# cousins need neither. *[Weight sparsity](../docs/glossary.md#weight-sparsity)* is the share of weights that are zero;
# *[activation sparsity](../docs/glossary.md#activation-sparsity)* is the share of zeros that a [ReLU](../docs/glossary.md#relu) gives for real images.
#
# What do zeros save? Their values need not be stored. But it must be said *where* they are, with a
# [mask](../docs/glossary.md#mask). If each weight is kept by chance with probability $p$, Shannon's entropy says what one
# position is worth at least, in bits:
#
# $$ H(p) = -p \log_2 p - (1 - p) \log_2 (1 - p) $$
#
# That is $H(p) / p$ for each kept weight. The rarer the kept ones ([density](../docs/glossary.md#density) $p$), the more
# each must say about its place. Every format pays at least this: one bit a weight ([bitmap](../docs/glossary.md#bitmap)), a column
# number for each kept weight ([CSR](../docs/glossary.md#csr)), row and column ([COO](../docs/glossary.md#coo)), lengths of
# runs, or the number of zeros since the last one ([relative index](../docs/glossary.md#relative-index)). The figure shows them beside the bound.

# %%
formats = {"coo": "#CC79A7", "csr": "#D55E00", "bitmap": "#0072B2", "relative": "#009E73", "run length": "#56B4E9"}
formats |= {"block": "#E69F00", "entropy": "#444444"}
shares = np.linspace(0.02, 0.5, 200)
figure, axes = plt.subplots()
at = {"csr": (30, 0.9), "run length": (30, 1), "relative": (30, 0.9), "bitmap": (5.8, 2), "entropy": (4, -2)}
for name, (x, shift) in at.items():
    curve = [methods.sparsity.bits_a_weight(name, p, 32, gap_bits=gap_bits) / p - 32 for p in shares]
    axes.plot(100 * shares, curve, color=formats[name])
    axes.text(x, np.interp(x / 100, shares, curve) + shift, name, color=formats[name])
axes.set(xlabel="density: weights kept, in %", ylabel="bits for the place of a kept weight", ylim=(0, 22))
lab.show(figure, alt="Bits for a place: every format lies above the entropy, which grows as kept weights get rare.")

# %% [markdown]
# ## By hand
#
# Sixteen weights, four kept. Three ways to say where.

# %%
row = np.zeros(16, "float32")
row[[1, 4, 5, 15]] = [0.9, -0.4, 0.7, 0.3]
bitmap, places = np.packbits(row != 0), np.flatnonzero(row)
gaps = np.diff(places, prepend=-1) - 1
p = len(places) / len(row)
entropy = -p * np.log2(p) - (1 - p) * np.log2(1 - p)
{"bitmap": bitmap, "places": places, "zeros before each": gaps, "entropy in bits": round(16 * entropy, 2)}

# %% [markdown]
# The bitmap takes 16 bits. Places up to 15 take four bits each: 16 again. The gaps are smaller numbers, but one of them
# is 9, which three bits can't hold. Han et al. (2016) then store a zero on the way: a *padding zero*. At this density
# nothing is far from the entropy.

# %% [markdown]
# ## With the library
#
# SciPy, which comes with TFMOT, has CSR. Take the first layer of LeNet-300-100, one row a neuron and one column a pixel,
# and prune it by magnitude. SciPy and our encoder should make the same three arrays, and the product should be that of
# the dense matrix.

# %%
mask = methods.prune.magnitude_mask(weights, sparsity)
pruned = methods.prune.apply_mask(weights, mask)
sparse, ours = csr_array(pruned), methods.storage.encode(pruned, "csr")
pairs = zip(("values", "columns", "pointers"), (sparse.data, sparse.indices, sparse.indptr), strict=True)
unequal = sum(int(np.count_nonzero(ours.arrays[name] != theirs)) for name, theirs in pairs)
lab.claim("30.csr-numbers", "Numbers in which SciPy's CSR and ours differ", unequal, equals=0, holds="always")
image = assets.data.as_input(images.test.x[:1]).ravel()
error = np.abs(sparse @ image - pruned @ image).max() / np.abs(pruned @ image).max()
lab.claim("30.csr-product", "Largest error of the CSR product, relative", error, at_most=1e-5, holds="always")

# %% [markdown]
# Now every format. Each has a formula; each is also really written, and read back. A *block* is four by four weights,
# stored whole when any of them is kept.

# %%
layout = methods.storage.Layout(gap_bits=gap_bits)
written = {name: methods.storage.encode(pruned, name, layout) for name in ("dense", *list(formats)[:-1])}
wrong = sum(abs(each.bytes - methods.storage.bytes_of(pruned, name, layout)) for name, each in written.items())
lab.claim("30.bytes", "Bytes by which formula and written arrays differ", wrong, equals=0, holds="always")
back = sum(int(np.count_nonzero(methods.storage.decode(each) != pruned)) for each in written.values())
lab.claim("30.round-trip", "Weights that do not come back", back, equals=0, holds="always")
lab.table([{"format": n, "arrays": ", ".join(e.arrays), "bytes": f"{e.bytes:,}"} for n, e in written.items()])

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
# **What is sparse?** All three kinds, on real networks and real images. A neuron counts as small when the norm of its
# incoming weights is at most `threshold` times the mean norm of its layer.

# %%
shown = assets.data.as_input(images.test.x[:test_images])
found = {name: deploy.sparsity.network_sparsity(path, shown, threshold) for name, path in networks.items()}
ranges = {name: f"{min(each.activations):.0%} to {max(each.activations):.0%}" for name, each in found.items()}
rows = [(name, f"{each.weights:.1%}", f"{each.neurons:.1%}", ranges[name]) for name, each in found.items()]
heads = ("network", "weights that are zero", "small neurons", "zeros after ReLU, by layer")
lab.table([dict(zip(heads, row, strict=True)) for row in rows])
silent = [share for each in found.values() for share in each.activations]
lab.claim("30.relu-zeros", "Least share of zeros after a ReLU", min(silent), at_least=0.3, unit="%")

# %% [markdown]
# Trained weights are never exactly zero: somebody has to prune. Activations are, in every network, without anyone's
# doing. They are other zeros for every image, though, so nothing can be removed beforehand.
#
# **What is a mask worth?** Take the mask of the first layer, and one that ranks weights by magnitude times the root mean
# square of their pixel (the rule of Sun et al., 2023). Where neurons or pixels have densities of their own, a coder that
# knows them needs less than $H(p)$. Telling it the densities costs bits too; they are counted. The table gives bits for
# each kept weight.

# %%
pixels = assets.data.as_input(images.train.x[:5000]).reshape(-1, weights.shape[1])
bright = np.sqrt((pixels**2).mean(axis=0))
masks = {"magnitude": mask, "magnitude × pixel": methods.prune.magnitude_mask(weights * bright, sparsity)}
worth = {
    name: [mask_entropy(m.mean()) / m.mean(), *(grouped_entropy(m, axis, told=True) / m.mean() for axis in (1, 0))]
    for name, m in masks.items()
}
heads = ("one density", "one for each neuron", "one for each pixel")
lab.table([{"mask by": n} | dict(zip(heads, (f"{v:.2f}" for v in bits), strict=True)) for n, bits in worth.items()])
lab.claim("30.mask-bits", "At 8 % density, bits for each kept weight", round(mask_entropy(0.08) / 0.08, 2), equals=5.03, holds="always")
lab.claim("30.pixel-bits", "Bits saved by knowing the pixels", worth["magnitude"][0] - worth["magnitude"][2], at_least=0.05)

# %%
figure, panels = plt.subplots(1, 2, figsize=(7, 3.2))
for axes, (name, each) in zip(panels, masks.items(), strict=True):
    shown = axes.imshow(100 * each.mean(axis=0).reshape(28, 28), cmap="viridis", vmin=0)
    axes.set(title=name, xlabel="pixel column", ylabel="pixel row")
    axes.grid(False)
    figure.colorbar(shown, ax=axes, label="weights kept, in %", shrink=0.8)
lab.show(figure, alt="Weights kept for each pixel: by magnitude most at the border, times the pixel most in the middle.")
lab.claim("30.brightness", "Correlation of kept share and brightness", np.corrcoef(mask.mean(axis=0), bright)[0, 1], at_most=-0.3)

# %% [markdown]
# One often reads that pruning clears the dark border of the image. Here it does the contrary: the weights of dark pixels
# are the largest. A likely reason, not tested here: a pixel that is nearly always black does not punish a large weight,
# Adam's steps are as long for small gradients as for large ones, and no weight decay pulls back. Either way the mask is
# not random, and is worth less for it.
#
# **How many bytes?** The density at which a format stops saving against the dense array, by formula, and measured by
# bisection over random masks that are really written.

# %%
even = {}
for name in list(formats)[:-1]:
    widths = {"index_bits": 8 if name == "block" else 16, "gap_bits": gap_bits}
    for dtype, bits in (("float32", 32), ("int8", 8)):
        measured = methods.storage.measured_break_even(name, weights.shape, dtype, lab.rng, layout)
        even[name, dtype] = methods.sparsity.break_even(name, bits, **widths), measured
lab.table([{"format": n, "values": d, "formula": f"{f:.1%}", "measured": f"{m:.1%}"} for (n, d), (f, m) in even.items()])
apart = max(abs(formula - measured) for formula, measured in even.values())
lab.claim("30.grouped-entropy", "Largest distance of formula and measurement", apart, at_most=0.01, unit="points", holds="always")

# %%
figure, axes = plt.subplots()
shares, at = np.linspace(0, 1, 201), {"coo": (0.52, 1.3), "csr": (0.75, 1.3), "block": (0.12, 0.75)}
for name in ("coo", "csr", "block", "relative", "bitmap"):
    bits = [methods.sparsity.bits_a_weight(name, p, 32, index_bits=8 if name == "block" else 16, gap_bits=gap_bits) for p in shares]
    axes.plot(shares, np.array(bits) / 32, color=formats[name])
    axes.plot(even[name, "float32"][1], 1, "o", color=formats[name])
    axes.text(*at.get(name, (1.01, bits[-1] / 32)), name, color=formats[name], va="center")
axes.axhline(1, color="#444444", linewidth=1)
axes.set(xlabel="density (share of weights kept)", ylabel="size, dense float32 = 1", xlim=(0, 1.15), ylim=(0, 1.45))
lab.show(figure, alt="Size against density: blocks reach the dense size first, then coo, csr, relative, bitmap.")

# %% [markdown]
# The dots are the measured break-evens. Blocks fare worst: random zeros rarely fill a block. Cheap values make places
# dear: in int8 every format gives up earlier.
#
# **How much time?** A square matrix times a vector, on one thread, in turns: SciPy's CSR and NumPy's dense product.

# %%
levels = [0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99]
timings = deploy.matvec.csr_against_dense(levels, size, by_profile(6.0, 1.0), seed)
speed = {name: 1 / ratio for name, ratio in timings.ratios("dense").items()}
spread = {n: f"{1e3 * t.median_ms:.1f} ({1e3 * t.low_ms:.1f} to {1e3 * t.high_ms:.1f})" for n, t in timings.items()}
lab.table([{"CSR with zeros": n, "µs (quartiles)": spread[n], "times as fast": f"{s:.2f}"} for n, s in speed.items()])
crossing = float(np.interp(0, np.log([speed[str(level)] for level in levels]), levels))
lab.claim("30.csr-crossing", "Share of zeros from which CSR is faster", crossing, between=(0.6, 0.97), unit="%")
lab.claim("30.csr-speed", "CSR at 99 % zeros, times as fast as dense", speed["0.99"], at_least=3, unit="×")

# %% [markdown]
# The dense product reads memory in order, and multiplies several numbers in one instruction. CSR reads an index for each
# value and jumps about in the vector. So bytes are won long before time is. (SciPy's indices take four bytes, so its CSR
# is smaller than the dense array from one half of zeros on.)
#
# **A pattern.** 2:4 keeps two of each four neighbours. What does the pattern cost in magnitude, and how small is it?

# %%
pattern, half = methods.sparsity.pattern_mask(weights), methods.prune.magnitude_mask(weights, 0.5)
halves = {"2:4": pattern, "best half": half, "random half": lab.rng.permuted(half)}
held = {name: np.abs(weights[each]).sum() / np.abs(weights).sum() for name, each in halves.items()}
lab.table([{"half": name, "magnitude kept": f"{share:.1%}"} for name, share in held.items()])
for dtype, published in (("int8", 0.625), ("float16", 0.5625), ("float32", 0.53125)):
    share = methods.storage.encode(pattern.astype(dtype), "2:4").bytes / pattern.astype(dtype).nbytes
    lab.claim(f"30.two-of-four-{dtype}", f"2:4 against dense, {dtype}", share, equals=published, holds="always")

# %% [markdown]
# ## What goes wrong
#
# *Small* is not a property of what a neuron does. Divide the incoming weights and bias of every second neuron by eight,
# and multiply its outgoing weights by eight. A ReLU lets the factor through, so the network answers the same.

# %%
factor = np.where(np.arange(len(weights)) % 2, 0.125, 1).astype("float32")
layers = (weights, first["bias"], second["weights"])
scaled = (weights * factor[:, None], first["bias"] * factor, second["weights"] / factor)
answers = [np.maximum(pixels[:500] @ k.T + b, 0) @ after.T for k, b, after in (layers, scaled)]
lab.claim("30.next-layer", "Change of what the next layer receives", np.abs(answers[1] - answers[0]).max(), equals=0, holds="always")
norms = [(np.linalg.norm(k, axis=1), np.linalg.norm(after, axis=0)) for k, _, after in (layers, scaled)]
small = [[np.mean(n <= threshold * n.mean()) for n in (into, into * out)] for into, out in norms]
table = zip(("incoming norm", "incoming × outgoing norm"), *small, strict=True)
lab.table([{"small by": rule, "before": f"{before:.1%}", "after": f"{after:.1%}"} for rule, before, after in table])
lab.claim("30.small-incoming", "Small neurons more, by incoming norm", small[1][0] - small[0][0], at_least=0.2, unit="points")
lab.claim("30.small-both", "Small neurons more, by both norms", small[1][1] - small[0][1], equals=0, holds="always")

# %% [markdown]
# Not a single output changed, and the article's share did. The remedy is to multiply both norms: what goes into a neuron
# and what comes out.

# %% [markdown]
# ## What we saw

# %%
lab.answer("30.p", options[int(np.searchsorted([1 / 2, 2 / 3, 9 / 10], crossing))])
lab.finish(f"""
Trained weights are not sparse until someone prunes; activations are, {min(silent):.0%} to {max(silent):.0%} after a ReLU.
How many neurons are small depends on the norm and the threshold. At {sparsity:.0%} zeros the place of a kept weight
would be worth {worth["magnitude"][0]:.2f} bits if masks were random; with each pixel's density told it is
{worth["magnitude"][2]:.2f}. CSR with columns of 16 bits saves bytes of float32 below a density of
{even["csr", "float32"][1]:.0%}. Time is saved here from {crossing:.0%} zeros on, and at {levels[-1]:.0%} CSR is
{speed["0.99"]:.1f} times as fast. 2:4 keeps {held["2:4"]:.0%} of the magnitude where the best half keeps {held["best half"]:.0%}.

This does **not** show what pruning costs in accuracy, nor that a runtime makes use of zeros. The break-even in time
moves with the machine, its caches and the size of the matrix; it was measured for one size and random masks.
""")

# %% [markdown]
# Further reading: Han, Mao and Dally, *Deep compression* (2016, arXiv:1510.00149); Mishra et al., *Accelerating sparse
# deep neural networks* (2021, arXiv:2104.08378); Sun et al., *A simple and effective pruning approach for large language
# models* (2023, arXiv:2306.11695). Next: how many weights can go.
