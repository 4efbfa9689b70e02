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
#     title: Counting cost
#     question: What does a model cost in parameters, bytes, multiply-adds and memory traffic?
#     minutes: 50
#     budget_s: {fast: 20, full: 30}
#     needs: []
#     objectives:
#       - count parameters and MACs of dense, convolution, depthwise, pooling and batch-norm layers from their shapes
#       - account for every byte of a .tflite file
#       - find the step at which a network needs most memory, and name what a runtime adds to it
#       - compute the arithmetic intensity of a layer and foretell what will bound its time
#     routes: {evidence: 1}
#     terms:
#       activation:
#         text: What a layer puts out for one input; it exists only while the network runs, unlike a weight.
#         zh: 激活值
#         note: symbol a
#       activation memory:
#         text: The bytes of the activations that must be in memory at the same time; its peak over the operators
#           decides whether a network fits.
#         zh: 激活内存
#         note: unit B
#       arithmetic intensity:
#         text: "Floating-point operations for each byte that crosses between memory and processor: low means that
#           memory bounds the time."
#         zh: 算术强度
#         note: symbol I · unit FLOP/B
#       batch:
#         text: The images that go through the network at once.
#         zh: 批次
#         note: unit images
#       batch normalization:
#         text: A layer that shifts and scales each channel to a learned mean and spread; after training it is folded
#           into the layer before.
#         zh: 批归一化
#         note: symbol γ, β, μ, σ²
#       bias:
#         text: The number that a neuron adds to its weighted sum.
#         zh: 偏置
#         note: symbol b
#       bits:
#         text: "How many binary digits a number is stored in: n of them tell 2ⁿ values apart."
#         zh: 位宽
#         note: symbol n · unit bit
#       channel:
#         text: "One output of a convolution, a whole plane of activations: what a neuron is in a dense layer."
#         zh: 通道
#         note: symbol c
#       depthwise convolution:
#         text: A convolution with a window of its own for each channel, which mixes positions but not channels.
#         zh: 深度卷积
#       flatbuffer:
#         text: "The form of a .tflite file: tables that point to other tables, read in place without unpacking."
#         zh: FlatBuffer 格式
#       im2col:
#         text: Copying the window of each output position into a row, so that a convolution becomes one matrix product;
#           it costs memory.
#         zh: im2col 展开
#         note: unit B
#       int8:
#         text: A whole number in one byte; the commonest form of a quantized weight.
#         zh: 8 位整数
#         note: symbol q · range −128 to 127
#       LiteRT:
#         text: The runtime that executes a .tflite file, formerly TensorFlow Lite; it needs no TensorFlow.
#         zh: LiteRT 运行时
#       MAC:
#         text: One multiplication and one addition; the usual measure of a network's arithmetic (two operations).
#         zh: 乘加运算
#         note: unit count
#       memory traffic:
#         text: The bytes that cross between memory and processor; at least every input, weight and output once.
#         zh: 访存量
#         note: symbol B · unit B
#       parameter:
#         text: "A trained number of a network: a weight or a bias. A lesson's own settings are called parameters too."
#         zh: 参数
#         note: unit count
#       peak:
#         text: The most floating-point operations a second that the processor reaches, measured with a large matrix
#           product.
#         zh: 峰值算力
#         note: symbol P · unit GFLOP/s
#       quantization:
#         text: Representing numbers by few bits.
#         zh: 量化
#       ridge point:
#         text: The arithmetic intensity at which a processor's peak arithmetic and its memory bandwidth take equally
#           long.
#         zh: 屋脊点
#         note: unit FLOP/B
#       weight:
#         text: The number that multiplies one input of a neuron.
#         zh: 权重
#         note: symbol w
# ---

# %% [markdown]
# # 10 · Counting cost
#
# What does a model cost in parameters, bytes, multiply-adds and memory traffic?

# %%
from labkit import assets, by_profile, deploy, keras2, methods, start

import matplotlib.pyplot as plt
import numpy as np

# %% tags=["parameters"]
network: str = "ds_cnn"  # network whose layers are looked at one by one; lenet_300_100, lenet5, ds_cnn or resnet8
batch: int = 64  # images at once, where one image is compared with many; 2 to 1024
ridge: float = 4.0  # operations for each byte from which arithmetic bounds the time, a guess; 0.1 to 100
int8_files: int = by_profile(2, 0)  # networks also converted to int8: the one above, then lenet5; 0 to 2
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("10", seed=seed)
cost = methods.cost
names = ["lenet_300_100", "lenet5", "ds_cnn", "resnet8"]
files = {name: lab.baseline_file(name) for name in names}
layers = deploy.inspect.layers(files["lenet5"])
largest = max(layers, key=lambda row: row.parameters)
held = largest.parameters / sum(row.parameters for row in layers)

# %% [markdown]
# ## Predict
#
# LeNet-5 has two convolutions and two dense layers. One dense layer holds nearly all of its
# [parameters](../docs/glossary.md#parameter). Replace `None` by one of the options, in quotes.

# %%
my_guess = None
options = ["less than 25 %", "25 to 50 %", "50 to 75 %", "more than 75 %"]
question = f"The large dense layer holds {held:.0%} of the parameters. What share of the arithmetic is it?"
lab.predict("10.p", question, options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# A layer is a few sums of products. One product and its addition are a [MAC](../docs/glossary.md#mac), two
# floating-point operations. A convolution of $C$ channels into $F$, with a window of $k \times k$, has
#
# $$ P = k^2\,C\,F + F \quad\text{parameters and}\quad M = H\,W\,k^2\,C\,F \quad\text{MACs,} $$
#
# where $H \times W$ is the size of its *output*: every [weight](../docs/glossary.md#weight) is used once at each
# position. A dense layer has one position. A
# [depthwise convolution](../docs/glossary.md#depthwise-convolution) gives each channel a window of its own, so the
# factor $F$ falls away.
#
# The processor must also fetch what it computes with. If every value crosses from memory once, at four bytes each, the
# [traffic](../docs/glossary.md#memory-traffic) is $B = 4\,(\text{inputs} + \text{weights} + \text{outputs})$, and
#
# $$ I = 2M / B $$
#
# is the [arithmetic intensity](../docs/glossary.md#arithmetic-intensity): operations for each byte. A processor that
# can do more operations in the time of one byte than $I$ will wait for memory. The figure shows what decides: how
# often a weight, once fetched, is used.


# %%
def intensity(n: int) -> float:
    return cost.arithmetic_intensity(n * 64 * 64, cost.bytes_moved(64, 64 * 64, 64, batch=n))


uses = np.geomspace(1, 4096, 60).round().astype(int).tolist()
figure, axes = plt.subplots()
axes.loglog(uses, [intensity(n) for n in uses], color="#444444")
for n, text in ((1, "dense layer, one image"), (196, "1 × 1 convolution, 14 × 14 positions")):
    axes.plot(n, intensity(n), "o", color="#444444")
    axes.annotate(text, (n, intensity(n)), (12, -8), textcoords="offset points")
axes.set(xlabel="positions (or images) that use each weight, 64 channels to 64", ylabel="FLOP for each byte", xlim=(0.7, 2e4), ylim=(0.3, 30))
lab.show(figure, alt="Arithmetic intensity grows with the uses of a weight, from a half at one use, and levels off at 16.")

# %% [markdown]
# ## By hand
#
# A 4 × 4 image of two channels, two filters of 3 × 3. Count the products as they are made. (This page counts only;
# nothing on it is timed.)

# %%
image, kernel = lab.rng.integers(0, 9, (4, 4, 2)), lab.rng.integers(-3, 4, (3, 3, 2, 2))
result, made = np.zeros((2, 2, 2), int), 0
for y, x, f in np.ndindex(2, 2, 2):
    for i, j, c in np.ndindex(3, 3, 2):
        result[y, x, f] += image[y + i, x + j, c] * kernel[i, j, c, f]
        made += 1
moved = 4 * (image.size + kernel.size + result.size)
print(f"{kernel.size} weights, {made} MACs, {moved} bytes in float32: {2 * made / moved:.2f} FLOP for each byte")
lab.claim("10.macs", "MACs by formula", cost.conv2d_macs((2, 2), (3, 3), 2, 2), equals=made, holds="always")

# %% [markdown]
# Four positions, so four MACs a weight. The other layers, for an output of $H \times W$ positions and $F$ channels:
#
# | layer | parameters | MACs | other operations |
# |---|---|---|---|
# | dense, $C$ to $F$ | $CF + F$ | $CF$ | |
# | convolution | $k^2CF + F$ | $HWk^2CF$ | |
# | depthwise, $F = C$ | $k^2C + C$ | $HWk^2C$ | |
# | pooling | 0 | 0 | $HWk^2F$ comparisons or additions |
# | [batch norm](../docs/glossary.md#batch-normalization), in training | $4F$ | 0 | $2HWF$ |
# | batch norm, folded | 0, into the bias before | 0 | 0 |
#
# Biases are added once a value; by custom nobody counts that as a MAC.

# %% [markdown]
# ## With the library
#
# Now the four networks, written down by their shapes. Each layer gives three numbers: parameters in training,
# parameters in the file, where batch norm has become one bias a channel, and MACs.


# %%
def dense(inputs: int, units: int):
    return (cost.dense_parameters(inputs, units),) * 2 + (cost.dense_macs(inputs, units),)


def conv(size: int, kernel: int, channels: int, filters: int, bias: bool = True):
    parameters = [cost.conv2d_parameters((kernel, kernel), channels, filters, kept) for kept in (bias, True)]
    return *parameters, cost.conv2d_macs((size, size), (kernel, kernel), channels, filters)


def depthwise(size: int, channels: int):
    parameters = [cost.depthwise_parameters((3, 3), channels, bias=kept) for kept in (False, True)]
    return *parameters, cost.depthwise_macs((size, size), (3, 3), channels)


def norm(channels: int):
    return cost.batch_norm_parameters(channels), 0, 0


# %%
by_hand = {
    "lenet_300_100": [dense(784, 300), dense(300, 100), dense(100, 10)],
    "lenet5": [conv(24, 5, 1, 20), conv(8, 5, 20, 50), dense(800, 500), dense(500, 10)],
    "ds_cnn": [conv(14, 3, 1, 32, bias=False), norm(32), dense(128, 10)],
    "resnet8": [conv(28, 3, 1, 16), norm(16), dense(64, 10)],
}
for size, c, f in [(14, 32, 64), (14, 64, 64), (7, 64, 128), (7, 128, 128)]:
    by_hand["ds_cnn"] += [depthwise(size, c), norm(c), conv(size, 1, c, f, bias=False), norm(f)]
for size, c, f in [(28, 16, 16), (14, 16, 32), (7, 32, 64)]:
    by_hand["resnet8"] += [conv(size, 3, c, f), norm(f), conv(size, 3, f, f), norm(f)]
    by_hand["resnet8"] += [conv(size, 1, c, f)] if c != f else []  # the shortcut
totals = {name: tuple(map(sum, zip(*rows, strict=True))) for name, rows in by_hand.items()}

# %% [markdown]
# Two counts that know nothing of ours: Keras with TensorFlow's profiler, which walks the graph of the trained model
# and reports two operations a MAC, and the deployed file, read operator by operator.

# %%
models = {name: lab.baseline(name) for name in names}
profiled = {name: keras2.float_operations(model) for name, model in models.items()}
products = ("Conv2D", "DepthwiseConv2dNative", "MatMul")
in_keras = {n: (models[n].count_params(), sum(profiled[n].get(p, 0) for p in products) // 2) for n in names}
in_file = {name: deploy.inspect.summary(path) for name, path in files.items()}
heads = ("network", "parameters", "folded", "MACs", "Keras", "profiler / 2", "file: parameters", "file: MACs")
rows = [(name, *totals[name], *in_keras[name], in_file[name].parameters, in_file[name].macs) for name in names]
lab.table([dict(zip(heads, row, strict=True)) for row in rows])
off = sum(abs(p - kp) + abs(m - km) + abs(f - fp) + abs(m - fm) for _, p, f, m, kp, km, fp, fm in rows)
lab.claim("10.counts", "Differences between the counts, all networks together", off, equals=0, holds="always")

# %% [markdown]
# And the layers without MACs, whose operations only the profiler counts. Batch norm is missing from its list: it has no
# formula for it. Keras counts the parameters, and after conversion nothing is left of it to run.

# %%
pools = cost.pool2d_operations((12, 12), (2, 2), 20) + cost.pool2d_operations((4, 4), (2, 2), 50)
lab.claim("10.max-pooling", "Max-pooling of LeNet-5, operations", profiled["lenet5"]["MaxPool"], equals=pools, holds="always")
profiled[network]

# %% [markdown]
# ## Your turn

# %% [markdown]
# ### 10.1 A separable block ★☆☆ · 5 minutes
#
# A separable block replaces one large convolution by two small ones. The first is a depthwise convolution: one $k
# \times k$ window per channel. The second is a 1 × 1 convolution from `channels` to `filters`. Both have `size` ×
# `size` output positions, and neither has biases. Return the parameters and the MACs of both together.


# %%
def separable(size: int, kernel: int, channels: int, filters: int) -> tuple[int, int]:
    """Return the parameters and the MACs of the two convolutions together."""
    ### BEGIN SOLUTION
    parameters = kernel * kernel * channels + channels * filters
    return parameters, size * size * parameters
    ### END SOLUTION


separable = lab.check("10.1", separable)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Count the parameters of each convolution and add them. The depthwise one has a window of `kernel * kernel` weights per
# channel. The 1 × 1 convolution has one weight per pair of channel and filter.
# </details>
# <details><summary>Hint 2</summary>
#
# Each weight is used once per output position, and there are `size * size` positions.
# </details>

# %% [markdown]
# ### 10.2 Arithmetic intensity ★☆☆ · 5 minutes
#
# A dense float32 layer without bias processes `batch` inputs at once. It reads the weights once for the whole batch. It
# also reads all inputs and writes all outputs. How many floating-point operations does it do per byte moved?


# %%
def dense_intensity(inputs: int, units: int, batch: int) -> float:
    """Return the floating-point operations (FLOP) per byte moved."""
    ### BEGIN SOLUTION
    bytes_moved = 4 * (batch * inputs + inputs * units + batch * units)
    return 2 * batch * inputs * units / bytes_moved
    ### END SOLUTION


dense_intensity = lab.check("10.2", dense_intensity)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The layer does `inputs * units` MACs per image of the batch, and a MAC is two operations: a multiplication and an
# addition.
# </details>
# <details><summary>Hint 2</summary>
#
# Three arrays move. Their shapes are `(batch, inputs)`, `(inputs, units)` and `(batch, units)`, with four bytes per
# value.
# </details>

# %% [markdown]
# ### 10.3 Fold a batch norm ★★☆ · 15 minutes
#
# Batch norm turns a layer's output $y$ into $\gamma\,(y - \mu) / \sqrt{\sigma^2 + \varepsilon} + \beta$, channel by
# channel. The output $y$ is a weighted sum plus a bias. A layer with other weights and another bias can therefore
# compute the same result without batch norm. Return these weights and this bias. The channels are the last axis of
# `kernel`.


# %%
def fold(
    kernel, bias, gamma, beta, mean, variance, epsilon
) -> tuple[np.ndarray, np.ndarray]:
    """Return the kernel and the bias of a layer that needs no batch norm after it."""
    ### BEGIN SOLUTION
    scale = gamma / np.sqrt(variance + epsilon)
    return kernel * scale, beta + (bias - mean) * scale
    ### END SOLUTION


fold = lab.check("10.3", fold)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Call $\gamma / \sqrt{\sigma^2 + \varepsilon}$ the scale and write $y = Wx + b$. Expand the brackets. The factor in
# front of $x$ is the new kernel; everything else is the new bias.
# </details>
# <details><summary>Hint 2</summary>
#
# `kernel * scale` multiplies along the last axis, which is the channels. Batch norm also acts on the old bias: subtract
# the mean from it, multiply by the scale, and add beta.
# </details>

# %% [markdown]
# ### 10.4 Peak memory ★★★ · 15 minutes
#
# Activation 0 is the network's input. Operator `k` reads the activations listed in `reads[k]` and writes activation `k
# + 1`. Activation `i` takes `sizes[i]` bytes from the operator that writes it to the last operator that reads it.
# LiteRT keeps the input until the end, and so do we. An activation that no operator reads is an output of the network;
# it stays until the end as well. How many bytes are in use at the worst moment?


# %%
def peak_bytes(sizes: list[int], reads: list[list[int]]) -> int:
    """Return the largest number of bytes in use while an operator runs."""
    ### BEGIN SOLUTION
    end = len(reads)
    last_use = {i: k for k, row in enumerate(reads) for i in row}
    last_use[0] = end
    peak = 0
    for k in range(end):
        in_use = [i for i in range(k + 2) if last_use.get(i, end) >= k]
        peak = max(peak, sum(sizes[i] for i in in_use))
    return peak
    ### END SOLUTION


peak_bytes = lab.check("10.4", peak_bytes)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# First find the last operator that reads each activation. Go through the operators in order and write into a
# dictionary: a later entry replaces an earlier one. `dictionary.get(i, end)` returns `end` for an activation without an
# entry.
# </details>
# <details><summary>Hint 2</summary>
#
# While operator `k` runs, its result `k + 1` is in memory. So is every earlier activation that `k` or a later operator
# reads, or that stays until the end.
# </details>

# %% [markdown]
# ## Evidence
#
# LeNet-5, layer by layer: who holds the parameters, and who does the work?

# %%
figure, axes = plt.subplots(figsize=(7, 3))
kinds = [f"{row.kind} {' × '.join(map(str, row.weights_shape))}" for row in layers]
for shift, name, colour in ((-0.2, "parameters", "#444444"), (0.2, "macs", "#B0B0B0")):
    counts = np.array([getattr(row, name) for row in layers])
    axes.barh(np.arange(len(layers)) + shift, 100 * counts / counts.sum(), 0.38, color=colour)
    best = counts.argmax()
    axes.text(100 * counts[best] / counts.sum() + 1, best + shift, name.replace("macs", "MACs"), va="center", color=colour)
axes.set(xlabel="share of the network in %", yticks=range(4), yticklabels=kinds, xlim=(0, 112), ylim=(3.5, -0.5))
lab.show(figure, alt="The convolutions hold few parameters and do most MACs; for the large dense layer it is the reverse.")

# %% [markdown]
# ### Every byte of a file
#
# A `.tflite` file is a [flatbuffer](../docs/glossary.md#flatbuffer): tables that point to tables. `deploy.anatomy.parts`
# follows every pointer from the root and marks what it reaches. What nothing points at is padding, and must be zero.
# *Quantization* is scales and zero points; *graph* is what says which operator takes which tensor, with all names;
# *metadata* is what running does not need; the *header* is a pointer to the root and four letters.

# %%
contents, some = {name: path.read_bytes() for name, path in files.items()}, assets.data.as_input(lab.data().train.x[:20])
for name in dict.fromkeys((network, "lenet5")[:int8_files]):
    contents[f"{name}, int8"] = deploy.tflite.convert(models[name], "int8", some)
parts = {name: deploy.anatomy.parts(content) for name, content in contents.items()}
shown = ("weights", "quantization", "graph", "metadata", "header", "padding")
lab.table([{"file": n, "bytes": len(contents[n])} | {key: part[key] for key in shown} for n, part in parts.items()])
missing = sum(abs(len(contents[name]) - sum(part[key] for key in shown)) for name, part in parts.items())
lab.claim("10.bytes", "Bytes left over or counted twice, all files together", missing, equals=0, holds="always")

# %% [markdown]
# The weights are nearly the whole of a float file. Of an int8 file (made in the full profile) they are less: each channel
# has a scale of four bytes and a zero point of eight, for its weights and again for its bias, though all those zero
# points are zero. What does not shrink with the bits weighs the more, the smaller a network is. So int8 is not a
# quarter of the file.
#
# The weights themselves need not be those of training either. The file of `ds_cnn` has no batch norm: is your folding
# the converter's?

# %%
kernel, *numbers = *models["ds_cnn"].get_layer("conv_1").get_weights(), *models["ds_cnn"].get_layer("bn_1").get_weights()
mine = fold(kernel, np.zeros(kernel.shape[-1], "float32"), *numbers, models["ds_cnn"].get_layer("bn_1").epsilon)
stored = deploy.inspect.layer(files["ds_cnn"], 0)
error = max(np.abs(mine[0].transpose(3, 0, 1, 2) - stored["weights"]).max(), np.abs(mine[1] - stored["bias"]).max())
lab.claim("10.weights", "Largest difference to the weights and biases in the file", error, at_most=1e-5, holds="always")

# %% [markdown]
# ### Intensity, layer by layer
#
# For each operator of the chosen network that multiplies: operations for each byte, for one image and for a batch.
# The vertical line is a guess at this processor's [ridge](../docs/glossary.md#ridge-point). Left of it, memory should
# bound the time.
#
# Look for dense and depthwise operators. A dense layer uses each weight once an image, so a batch helps. A depthwise
# one uses its few weights often, but each *input* only for its own channel, and no batch changes that.

# %%
steps = [row for row in deploy.memory.steps(files[network]) if row.macs]
one, many = (np.array([row.intensity(n) for row in steps]) for n in (1, batch))
figure, axes = plt.subplots(figsize=(7, 1.3 + 0.27 * len(steps)))
places = np.arange(len(steps))
axes.hlines(places, one, many, color="#B0B0B0")
axes.semilogx(one, places, "o", color="#444444")
axes.semilogx(many, places, "o", color="#444444", markerfacecolor="white")
axes.text(ridge, -0.65, "ridge, guessed", color="#888888", ha="center", va="bottom")
axes.axvline(ridge, color="#888888", linestyle="--")
axes.set(yticks=places, yticklabels=[row.name.lower() for row in steps], ylim=(len(steps) - 0.4, -0.6))
axes.set_xlabel("FLOP for each byte moved (filled: one image; open: a batch)")
lab.show(figure, alt=f"For one image, the operators of {network} have {one.min():.1f} to {one.max():.1f} FLOP for each byte.")

# %% [markdown]
# ## What goes wrong
#
# How much memory does a network need while it runs? By your formula, the peak of the
# [activations](../docs/glossary.md#activation-memory) that are alive. LiteRT has no call for the size of its arena, but
# it shows the address of every tensor, so the bytes can be counted from outside.

# %%
rows = []
for name, file in files.items():
    order, sizes = deploy.memory.steps(file), deploy.memory.sizes(file)
    number = {order[0].reads[0]: 0} | {step.writes[0]: k + 1 for k, step in enumerate(order)}
    alive = peak_bytes([sizes[i] for i in number], [[number[i] for i in step.reads] for step in order])
    live = cost.live_bytes(sizes, [(step.reads, step.writes) for step in order], kept=order[0].reads)
    more = max(now + step.scratch_bytes for now, step in zip(live, order, strict=True))
    rows.append((name, sum(sizes.values()), alive, more, deploy.memory.arena_bytes(file)))
heads = ("network", "all activations", "peak alive", "with scratch", "LiteRT")
lab.table([dict(zip(heads, row, strict=True)) for row in rows], caption="bytes of float32, one image")
lab.claim("10.memory", "Peak with scratch against LiteRT's memory, bytes off", sum(abs(r[3] - r[4]) for r in rows), equals=0)

# %% [markdown]
# Without convolutions over wide windows the peak is right to the byte; with them it is far too low. What was forgotten
# is [im2col](../docs/glossary.md#im2col): the built-in kernels copy the window of each position into a row, so that the
# convolution becomes one matrix product. That copy has $HWk^2C$ values, and it is alive for one operator. Count it, and
# nothing is left over. (XNNPACK, which runs by default, avoids the copy, and keeps a workspace that it does not show.)

# %% [markdown]
# ## What we saw

# %%
actual = largest.macs / sum(row.macs for row in layers)
lab.answer("10.p", options[min(3, int(4 * actual))])
worst = max(rows, key=lambda row: row[4] / row[2])
ratio = len(contents[network]) / len(contents.get(f"{network}, int8", contents[network]))
small = f"; as int8, {network} is {ratio:.2f} times smaller" if int8_files else ""
left = [row.macs for row, here in zip(steps, one, strict=True) if here < ridge]

# %%
lab.finish(f"""
For {len(names)} networks, counts from shapes, from Keras and TensorFlow's profiler, and from the file agree exactly.
LeNet-5's large dense layer holds {held:.0%} of the parameters and does {actual:.0%} of the MACs: what shrinks a file
and what saves arithmetic are different layers. Every byte of {len(contents)} files has its place{small}.
For {worst[0]}, LiteRT lays out {worst[4] / worst[2]:.1f} times the peak of its activations. With
one image, {len(left)} of {len(steps)} multiplying operators of {network} lie left of the assumed ridge of {ridge:g} FLOP
for each byte, with {sum(left) / sum(row.macs for row in steps):.0%} of the MACs: memory should bound them.

This does **not** show times: the ridge is a guess, and bytes that stay in a cache do not cross at all. The next
lesson measures both and places these layers on the roofline.

Further reading: Williams, Waterman and Patterson, *Roofline* (2009, doi:10.1145/1498765.1498785); Dukhan, *The
indirect convolution algorithm* (2019, arXiv:1907.02129), on im2col and how to do without.
""")
