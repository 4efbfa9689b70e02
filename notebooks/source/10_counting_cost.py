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
#       - compute the peak memory of a network's activations, and name what a runtime adds to it
#       - compute the arithmetic intensity of a layer and predict whether memory or arithmetic limits its time
#     routes: {evidence: 1}
#     terms:
#       activation:
#         text: An output value of a layer for one input; unlike a weight, it exists only while the network runs.
#         zh: 激活值
#         note: symbol a
#       activation memory:
#         text: The bytes of the activations that must be in memory at the same time; its peak over the operators
#           decides whether a network fits.
#         zh: 激活内存
#         note: unit B
#       arithmetic intensity:
#         text: "Floating-point operations per byte that moves between memory and processor: low means that memory
#           limits the time."
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
#         text: "How many binary digits store a number: n bits distinguish 2ⁿ values."
#         zh: 位宽
#         note: symbol n · unit bit
#       channel:
#         text: "One output of a convolution, a whole plane of activations; it corresponds to a neuron of a dense layer."
#         zh: 通道
#         note: symbol c
#       depthwise convolution:
#         text: A convolution with its own window for each channel, which mixes positions but not channels.
#         zh: 深度卷积
#       flatbuffer:
#         text: "The format of a .tflite file: tables that point to other tables, read in place without unpacking."
#         zh: FlatBuffer 格式
#       im2col:
#         text: Copying the window of each output position into a row, so that a convolution becomes one matrix product;
#           it costs memory.
#         zh: im2col 展开
#         note: unit B
#       int8:
#         text: A whole number in one byte; the most common format of a quantized weight.
#         zh: 8 位整数
#         note: symbol q · range −128 to 127
#       kernel:
#         text: The array of a layer's weights, without its biases; in a convolution, the small window that slides over
#           the image.
#         zh: 核
#         note: symbol W
#       LiteRT:
#         text: The runtime that executes a .tflite file, formerly TensorFlow Lite; it needs no TensorFlow.
#         zh: LiteRT 运行时
#       MAC:
#         text: One multiplication and one addition (two operations); the usual measure of a network's arithmetic.
#         zh: 乘加运算
#         note: unit count
#       memory traffic:
#         text: The bytes that move between memory and processor; at least every input, weight and output once.
#         zh: 访存量
#         note: symbol B · unit B
#       parameter:
#         text: "A number that a network stores: a weight, a bias or a statistic of batch normalization. A lesson's own
#           settings are called parameters too."
#         zh: 参数
#         note: unit count
#       peak performance:
#         text: The most floating-point operations per second that the processor reaches, measured with a large matrix
#           product.
#         zh: 峰值算力
#         note: symbol P · unit GFLOP/s
#       quantization:
#         text: Representing numbers with few bits.
#         zh: 量化
#       ridge point:
#         text: The arithmetic intensity at which arithmetic at peak speed and memory traffic at full bandwidth take
#           equally long.
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
import tensorflow as tf

# %% tags=["parameters"]
network: str = "ds_cnn"  # examined by layer; lenet_300_100, lenet5, ds_cnn or resnet8
batch: int = 64  # images at once, compared with one image; 2 to 1024
ridge: float = 4.0  # guessed ridge point in operations per byte; 0.1 to 100
int8_files: int = by_profile(2, 0)  # networks also converted to int8; 0 to 2
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("10", seed=seed)
cost = methods.cost
names = ["lenet_300_100", "lenet5", "ds_cnn", "resnet8"]
files = {name: lab.baseline_file(name) for name in names}
layers = deploy.inspect.layers(files["lenet5"])
largest = max(layers, key=lambda layer: layer.parameters)
all_parameters = sum(layer.parameters for layer in layers)
parameter_share = largest.parameters / all_parameters

# %% [markdown]
# ## Predict
#
# We use the four trained networks of the course: LeNet-300-100 has dense layers only, LeNet-5 has two convolutions,
# DS-CNN has depthwise convolutions, and ResNet-8 has shortcuts. We count; nothing on this page is timed.
#
# LeNet-5 has two convolutions and two dense layers. One of the dense layers contains nearly all of its
# [parameters](../docs/glossary.md#parameter). How much of the arithmetic does it do? Replace `None` with one of the
# options, in quotes.

# %%
my_guess = None
options = ["less than 25 %", "25 to 50 %", "50 to 75 %", "more than 75 %"]
question = (
    f"The large dense layer contains {parameter_share:.0%} of the parameters. "
    "What share of the arithmetic does it do?"
)
lab.predict("10.p", question, options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# A layer computes sums of products. One product and its addition are one [MAC](../docs/glossary.md#mac), or two
# floating-point operations (FLOP). A convolution with $C$ input channels, $F$ filters and a window of $k \times k$ has
#
# $$ P = k^2\,C\,F + F \quad\text{parameters and}\quad M = H\,W\,k^2\,C\,F \quad\text{MACs.} $$
#
# $H \times W$ is the size of its *output*: every [weight](../docs/glossary.md#weight) is used once per output position. A
# dense layer has one position. A [depthwise convolution](../docs/glossary.md#depthwise-convolution) has one window per
# channel, so the factor $F$ disappears.
#
# The processor also has to fetch its data. Suppose that every value moves once, in four bytes. Then the
# [memory traffic](../docs/glossary.md#memory-traffic) is $B = 4\,(\text{inputs} + \text{weights} + \text{outputs})$
# bytes. The [arithmetic intensity](../docs/glossary.md#arithmetic-intensity) is $I = 2M / B$, in operations per byte. If
# a processor can do more than $I$ operations in the time that one byte takes, it waits for memory.
#
# Reuse makes $I$ large. The figure shows $I$ against the number of times that each weight is used, for two kinds of
# layer with 64 channels.


# %%
def mixing_intensity(uses: int) -> float:
    """Return the intensity of a 1 × 1 convolution from 64 channels to 64."""
    moved = cost.bytes_moved(64, 64 * 64, 64, batch=uses)
    return cost.arithmetic_intensity(uses * 64 * 64, moved)


def depthwise_intensity(uses: int) -> float:
    """Return the intensity of a 3 × 3 depthwise convolution of 64 channels."""
    moved = cost.bytes_moved(64, 9 * 64, 64, batch=uses)
    return cost.arithmetic_intensity(uses * 9 * 64, moved)


# %% tags=["hide-input"]
uses = np.geomspace(1, 4096, 60).round().astype(int).tolist()
figure, axes = plt.subplots()
for function, colour, text in (
    (
        mixing_intensity,
        "C0",
        "1 × 1 convolution: each input\nis used by all 64 filters",
    ),
    (depthwise_intensity, "C1", "depthwise: each input is used\nby 9 weights"),
):
    line = [function(n) for n in uses]
    axes.loglog(uses, line, color=colour)
    axes.annotate(
        text,
        (uses[-1], line[-1]),
        (6, 0),
        textcoords="offset points",
        color=colour,
        va="center",
    )
axes.plot(1, mixing_intensity(1), "o", color="C0")
axes.annotate(
    "dense layer, one image",
    (1, mixing_intensity(1)),
    (10, -4),
    textcoords="offset points",
    color="C0",
)
axes.set(
    xlim=(0.8, 1.5e5),
    ylim=(0.3, 30),
    xticks=(1, 10, 100, 1000),
    yticks=(0.5, 1, 2, 4, 8, 16),
)
axes.set_yticklabels(["0.5", "1", "2", "4", "8", "16"])
axes.minorticks_off()
axes.set(xlabel="positions (or images) that use each weight", ylabel="FLOP per byte")
lab.show(
    figure,
    alt="Arithmetic intensity by uses of a weight: the 1 × 1 convolution rises from "
    "0.5 and levels off at 16, the depthwise convolution levels off near 2.",
)
lab.say("""
Both curves rise at first, because a weight that is used often has to be fetched only
once. Then they level off, because each new position also moves new inputs and outputs.
The level depends on the reuse of the *inputs*. The 1 × 1 convolution uses each input 64
times, the depthwise one only 9 times.
""")

# %% [markdown]
# ## By hand
#
# We convolve a 4 × 4 image of two channels with two 3 × 3 filters and count the products as we make them. Is our loop
# really a convolution? We compare its result with TensorFlow's. (Like all deep-learning libraries, we do not flip the
# [kernel](../docs/glossary.md#kernel).) All values are small whole numbers, so both must agree exactly.

# %%
image = lab.rng.integers(0, 9, (4, 4, 2))
kernel = lab.rng.integers(-3, 4, (3, 3, 2, 2))
result = np.zeros((2, 2, 2), int)
products = 0
for y, x, f in np.ndindex(2, 2, 2):
    for i, j, c in np.ndindex(3, 3, 2):
        result[y, x, f] += image[y + i, x + j, c] * kernel[i, j, c, f]
        products += 1
library = tf.nn.conv2d(np.float32(image[None]), np.float32(kernel), 1, "VALID")[0]
moved = 4 * (image.size + kernel.size + result.size)
print(f"{kernel.size} weights, {products} MACs, {moved} bytes in float32")
print(f"{2 * products / moved:.2f} FLOP per byte")

# %% tags=["hide-input"]
lab.claim(
    "10.convolution",
    "Our loop and TensorFlow compute the same convolution",
    np.abs(result - library.numpy()).max(),
    equals=0,
    label="largest difference",
    holds="always",
)
lab.claim(
    "10.macs",
    "The formula gives the number of products that the loop made",
    cost.conv2d_macs((2, 2), (3, 3), 2, 2),
    equals=products,
    label="MACs",
    holds="always",
)

# %% [markdown]
# ## With the library
#
# The output had four positions, so there were four MACs per weight. The table gives the formulas of other layers, for an
# output of $H \times W$ positions and $F$ channels:
#
# | layer | parameters | MACs | other operations |
# |---|---|---|---|
# | dense, $C$ to $F$ | $CF + F$ | $CF$ | |
# | convolution | $k^2CF + F$ | $HWk^2CF$ | |
# | depthwise, $F = C$ | $k^2C + C$ | $HWk^2C$ | |
# | pooling | 0 | 0 | $HWk^2F$ comparisons or additions |
# | [batch norm](../docs/glossary.md#batch-normalization), as a layer of its own | $4F$ | 0 | $2HWF$ |
# | batch norm, folded | 0 (the layer before gets a bias) | 0 | 0 |
#
# A bias costs one addition per output value, which is not counted as a MAC. For the
# largest of $k^2$ values, $k^2 - 1$ comparisons are enough; TensorFlow's profiler counts $k^2$, and so do we. Two of the four parameters of a
# batch norm are trained, and two are moving averages of mean and variance. The $2HWF$ operations are those of
# inference.
#
# Now we count four whole networks from their shapes. Each function below returns three numbers for one layer: the
# parameters in training, the parameters in the file, and the MACs. In the file, batch norm is folded: a convolution
# without a bias gets one.
#
# Then we compare with three other counts. Keras counts the parameters of the trained model. TensorFlow's profiler
# walks its graph and reports two operations per MAC. `deploy.inspect.summary` reads the deployed file operator by
# operator; you can call it with any `.tflite` file of your own.


# %%
def dense(inputs: int, units: int) -> tuple[int, int, int]:
    parameters = cost.dense_parameters(inputs, units)
    return parameters, parameters, cost.dense_macs(inputs, units)


def conv(size: int, window: int, channels: int, filters: int, bias: bool = True):
    shape = ((window, window), channels, filters)
    trained = cost.conv2d_parameters(*shape, bias)
    in_file = cost.conv2d_parameters(*shape)
    return trained, in_file, cost.conv2d_macs((size, size), *shape)


def depthwise(size: int, channels: int) -> tuple[int, int, int]:
    shape = ((3, 3), channels)
    trained = cost.depthwise_parameters(*shape, bias=False)
    in_file = cost.depthwise_parameters(*shape)
    return trained, in_file, cost.depthwise_macs((size, size), *shape)


def norm(channels: int) -> tuple[int, int, int]:
    return cost.batch_norm_parameters(channels), 0, 0


# %%
shapes = {
    "lenet_300_100": [dense(784, 300), dense(300, 100), dense(100, 10)],
    "lenet5": [conv(24, 5, 1, 20), conv(8, 5, 20, 50), dense(800, 500), dense(500, 10)],
    "ds_cnn": [conv(14, 3, 1, 32, bias=False), norm(32), dense(128, 10)],
    "resnet8": [conv(28, 3, 1, 16), norm(16), dense(64, 10)],
}
for size, c, f in [(14, 32, 64), (14, 64, 64), (7, 64, 128), (7, 128, 128)]:
    shapes["ds_cnn"] += [depthwise(size, c), norm(c)]
    shapes["ds_cnn"] += [conv(size, 1, c, f, bias=False), norm(f)]
for size, c, f in [(28, 16, 16), (14, 16, 32), (7, 32, 64)]:
    shapes["resnet8"] += [conv(size, 3, c, f), norm(f), conv(size, 3, f, f), norm(f)]
    if c != f:
        shapes["resnet8"].append(conv(size, 1, c, f))  # the shortcut
by_hand = {name: np.sum(rows, axis=0) for name, rows in shapes.items()}

# %%
models = {name: lab.baseline(name) for name in names}
profiled = {name: keras2.float_operations(model) for name, model in models.items()}
multiplying = ("Conv2D", "DepthwiseConv2dNative", "MatMul")
by_library = {}
for name in names:
    operations = sum(profiled[name].get(kind, 0) for kind in multiplying)
    by_library[name] = (models[name].count_params(), operations // 2)
by_file = {name: deploy.inspect.summary(path) for name, path in files.items()}
pools = cost.pool2d_operations((12, 12), (2, 2), 20)
pools += cost.pool2d_operations((4, 4), (2, 2), 50)

# %% tags=["hide-input"]
rows, difference = [], 0
for name in names:
    trained, in_file, macs = map(int, by_hand[name])
    keras_count, profiler_macs = by_library[name]
    file = by_file[name]
    difference += abs(trained - keras_count) + abs(macs - profiler_macs)
    difference += abs(in_file - file.parameters) + abs(macs - file.macs)
    row = {"network": name, "trained: by hand": trained, "Keras": keras_count}
    row |= {"in the file: by hand": in_file, "file": file.parameters}
    row |= {
        "MACs: by hand": macs,
        "profiler / 2": profiler_macs,
        "from the file": file.macs,
    }
    rows.append(row)
lab.table(rows, caption="Parameters in training, parameters in the file, and MACs")
lab.claim(
    "10.counts",
    "The counts by hand equal those of Keras, of the profiler and of the file",
    difference,
    equals=0,
    label="sum of differences",
    holds="always",
)
kinds_listed = ", ".join(profiled["ds_cnn"])
lab.say(f"""
DS-CNN and ResNet-8
have fewer parameters in the file, because their batch norms are folded. The profiler
also counts operations of layers without MACs, for example the
{profiled["lenet5"]["MaxPool"]:,} comparisons of LeNet-5's max-pooling. Its list for
DS-CNN is {kinds_listed}. Batch norm and ReLU are missing, because the profiler has no
formula for them.
""")
lab.claim(
    "10.max-pooling",
    "Our formula and the profiler count the same comparisons for LeNet-5's max-pooling",
    profiled["lenet5"]["MaxPool"],
    equals=pools,
    label="comparisons",
    holds="always",
)

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
# ### Which layers have the parameters, and which do the MACs?
#
# The figure shows the four layers of LeNet-5. The dark bar is a layer's share of the parameters, the light bar its
# share of the MACs.

# %% tags=["hide-input"]
figure, axes = plt.subplots(figsize=(7, 3))
shapes_shown = [" × ".join(map(str, layer.weights_shape)) for layer in layers]
kinds = [
    f"{layer.kind} {shape}" for layer, shape in zip(layers, shapes_shown, strict=True)
]
for shift, name, colour in ((-0.2, "parameters", "baseline"), (0.2, "macs", "fill")):
    counts = np.array([getattr(layer, name) for layer in layers])
    shares = 100 * counts / counts.sum()
    axes.barh(np.arange(len(layers)) + shift, shares, 0.38, color=lab.colour(colour))
    for place, share in enumerate(shares):
        text = f"{share:.0f} % of {name.replace('macs', 'MACs')}"
        axes.text(share + 1, place + shift, text, va="center", fontsize=9)
axes.set(
    xlabel="share of the network in %", yticks=range(len(layers)), yticklabels=kinds
)
axes.set(xlim=(0, 125), ylim=(3.5, -0.5), xticks=(0, 20, 40, 60, 80, 100))
lab.show(
    figure,
    alt="The convolutions have few parameters and do most MACs; "
    "for the large dense layer it is the reverse.",
)
mac_share = largest.macs / sum(layer.macs for layer in layers)
conv_macs = sum(layer.macs for layer in layers[:2]) / sum(
    layer.macs for layer in layers
)
conv_parameters = sum(layer.parameters for layer in layers[:2]) / all_parameters
agreeing = []
for name in names:
    listed = deploy.inspect.layers(files[name])
    heaviest = max(listed, key=lambda layer: layer.parameters)
    if heaviest.macs == max(layer.macs for layer in listed):
        agreeing.append(name)
same = ", ".join(agreeing)
lab.say(f"""
The two convolutions have {conv_parameters:.0%} of the parameters and do {conv_macs:.0%}
of the MACs, because each of their weights is used at many positions. If you want a
smaller file, shrink the large dense layer. If you want less arithmetic, shrink the
second convolution. Not every network is like this: in {same}, no layer does more MACs
than the one with most parameters.
""")

# %% [markdown]
# ### Every byte of a file
#
# A `.tflite` file is a [flatbuffer](../docs/glossary.md#flatbuffer): tables that point to other tables.
# `deploy.anatomy.parts` follows every pointer from the root and marks the bytes that it reaches. Bytes that nothing
# points to are *padding* if they are zero, and *unexplained* otherwise. The table has one row per file. *Weights*
# includes the biases. *Quantization* contains scales and zero points, *graph* says which operator reads which tensor, *metadata* is not needed to run the
# network, and the *header* is a pointer and four letters.

# %%
contents = {name: path.read_bytes() for name, path in files.items()}
images = assets.data.as_input(lab.data().train.x[:20])
for name in list(dict.fromkeys([network, "lenet5"]))[:int8_files]:
    contents[f"{name}, int8"] = deploy.tflite.convert(models[name], "int8", images)
parts = {name: deploy.anatomy.parts(content) for name, content in contents.items()}
largest_gap = max(
    span.bytes
    for name in names
    for span in deploy.anatomy.spans(contents[name])
    if span.part == "padding"
)

# %% tags=["hide-input"]
shown = (
    "weights",
    "quantization",
    "graph",
    "metadata",
    "header",
    "padding",
    "unexplained",
)
lab.table(
    [
        {"file": name, "bytes": len(contents[name])} | {key: part[key] for key in shown}
        for name, part in parts.items()
    ],
    caption="Bytes of each file by what they are for",
)
lab.claim(
    "10.bytes",
    "Every byte that is not zero has a known purpose",
    sum(part["unexplained"] for part in parts.values()),
    equals=0,
    label="unexplained bytes",
    holds="always",
)
lab.claim(
    "10.padding",
    "The gaps in the float32 files are no longer than alignment to four bytes needs",
    largest_gap,
    at_most=3,
    label="largest gap",
    unit="bytes",
    holds="always",
)
smaller = {
    name: len(contents[name]) / len(contents[f"{name}, int8"])
    for name in names
    if f"{name}, int8" in contents
}
ratios = " and ".join(f"{name} is {r:.2f} times smaller" for name, r in smaller.items())
weight_share = min(parts[name]["weights"] / len(contents[name]) for name in names)
if smaller:
    worst_int8 = min(smaller, key=smaller.get)
    part = parts[f"{worst_int8}, int8"]
    share = part["quantization"] / sum(part.values())
    lab.say(f"""
The weights fill at least {weight_share:.0%} of each float32 file. Int8 stores each
weight in a quarter of the bytes, but the whole files shrink less: {ratios}. Each
channel has a scale of four bytes and a zero point of eight bytes, once for its weights
and again for its bias. In the int8 file of {worst_int8}, *quantization* is {share:.0%}
of all bytes. This part matters most where channels are small: a depthwise channel has
only nine weights.
""")
else:
    lab.say(f"""
The weights fill at least {weight_share:.0%} of each file. The full profile adds int8
files.
""")

# %% [markdown]
# The file of `ds_cnn` has no batch norm left. Does your folding from exercise 10.3 give the same numbers as the
# converter's? We fold the first convolution and compare it with the weights and biases in the file.

# %%
kernel = models["ds_cnn"].get_layer("conv_1").get_weights()[0]
norm_layer = models["ds_cnn"].get_layer("bn_1")
no_bias = np.zeros(kernel.shape[-1], "float32")
folded = fold(kernel, no_bias, *norm_layer.get_weights(), norm_layer.epsilon)
stored = deploy.inspect.layer(files["ds_cnn"], 0)
weight_error = np.abs(folded[0].transpose(3, 0, 1, 2) - stored["weights"]).max()
bias_error = np.abs(folded[1] - stored["bias"]).max()
lab.claim(
    "10.weights",
    "Folding by hand gives the weights and biases that the converter wrote",
    max(weight_error, bias_error),
    at_most=2e-6,
    label="largest difference",
    holds="always",
)

# %% [markdown]
# ### Intensity, layer by layer
#
# The next figure has one row per operator of the chosen network that multiplies. The filled dot is its intensity for
# one image, the open dot for a batch of images. The dashed line is a guess at the
# [ridge point](../docs/glossary.md#ridge-point) of a processor: to the left of it, memory should limit the time. Look
# for the dense layer at the bottom and for the depthwise layers.

# %%
steps = [step for step in deploy.memory.steps(files[network]) if step.macs]
one_image = np.array([step.intensity(1) for step in steps])
many_images = np.array([step.intensity(batch) for step in steps])
left_of_ridge = [
    step.macs for step, here in zip(steps, one_image, strict=True) if here < ridge
]

# %% tags=["hide-input"]
figure, axes = plt.subplots(figsize=(7, 1.3 + 0.27 * len(steps)))
places = np.arange(len(steps))
axes.hlines(places, one_image, many_images, color=lab.colour("fill"))
axes.semilogx(one_image, places, "o", color=lab.colour("baseline"))
axes.semilogx(
    many_images, places, "o", color=lab.colour("baseline"), markerfacecolor="white"
)
axes.axvline(ridge, color=lab.colour("guide"), linestyle="--")
axes.text(
    ridge, -0.75, "ridge, guessed", color=lab.colour("guide"), ha="center", va="bottom"
)
labels = [
    f"{layer.kind} {' × '.join(map(str, layer.weights_shape))}"
    for layer in deploy.inspect.layers(files[network])
]
axes.set(yticks=places, yticklabels=labels, ylim=(len(steps) - 0.4, -0.6))
axes.set(xticks=(0.5, 1, 2, 4, 8, 16), xticklabels=("0.5", "1", "2", "4", "8", "16"))
axes.minorticks_off()
axes.set_xlabel("FLOP per byte (filled: one image; open: a batch)")
lab.show(
    figure,
    alt=f"For one image, the operators of {network} have {one_image.min():.1f} to "
    f"{one_image.max():.1f} FLOP per byte; a batch helps the dense layer most.",
)
lab.say("""
A dense layer uses each weight once per image, so a batch helps it most. A depthwise
layer already uses its few weights at many positions. Nearly all of its traffic is
inputs and outputs, and every image of a batch brings new ones.
""")

# %% [markdown]
# ## What goes wrong
#
# How much memory does a network need while it runs? Exercise 10.4 computes the peak of the
# [activations](../docs/glossary.md#activation-memory) that are needed at the same time. We compare it with LiteRT. LiteRT
# does not report the size of its memory, but it shows the address of every tensor. `deploy.memory.arena_bytes` counts the
# bytes that the tensors cover, each place once. It uses LiteRT's built-in kernels, because the faster XNNPACK kernels,
# which run by default, do not show their workspace.
#
# A convolution may need more than its input and its output. The built-in kernels copy the window of each position into
# a row of a matrix, so that the convolution becomes one matrix product. This copy is called
# [im2col](../docs/glossary.md#im2col). It has $HWk^2C$ values and is needed only while its operator runs. (A 1 × 1
# convolution with stride 1 needs no copy.) The cell computes the peak without and with these copies.

# %%
peaks, with_copies, in_runtime = {}, {}, {}
for name, file in files.items():
    order, sizes = deploy.memory.steps(file), deploy.memory.sizes(file)
    # Exercise 10.4 numbers the activations: 0 is the input, then one per operator.
    number = {order[0].reads[0]: 0}
    number |= {step.writes[0]: k + 1 for k, step in enumerate(order)}
    reads = [[number[i] for i in step.reads] for step in order]
    peaks[name] = peak_bytes([sizes[i] for i in number], reads)
    used = [(step.reads, step.writes) for step in order]
    alive = cost.live_bytes(sizes, used, kept=order[0].reads)
    copies = [step.scratch_bytes for step in order]
    with_copies[name] = max(np.add(alive, copies))
    in_runtime[name] = deploy.memory.arena_bytes(file)

# %% tags=["hide-input"]
lab.table(
    [
        {
            "network": name,
            "all activations": sum(deploy.memory.sizes(file).values()),
            "peak (10.4)": peaks[name],
            "largest copy": max(
                step.scratch_bytes for step in deploy.memory.steps(file)
            ),
            "peak with copies": int(with_copies[name]),
            "LiteRT, built-in kernels": in_runtime[name],
        }
        for name, file in files.items()
    ],
    caption="Bytes in float32, one image",
)
lab.claim(
    "10.memory",
    "With the copies, the peaks equal the memory of LiteRT's built-in kernels",
    sum(abs(with_copies[name] - in_runtime[name]) for name in names),
    equals=0,
    label="sum of differences",
    unit="bytes",
    holds="always",
)
lab.say("""
For LeNet-300-100 and DS-CNN the simple peak is already right to the byte. DS-CNN does
make a copy, but in an early step that stays far below the peak. In LeNet-5 and ResNet-8
a large copy creates the step that needs most memory, so their simple peak is far too
low.
""")

# %% [markdown]
# ## What we saw

# %% tags=["hide-input"]
lab.answer("10.p", options[min(3, int(4 * mac_share))])
worst = max(names, key=lambda name: in_runtime[name] / peaks[name])
left_share = sum(left_of_ridge) / sum(step.macs for step in steps)
lab.finish(f"""
For {len(names)} networks, the counts from shapes, Keras, the profiler and the file
agree. LeNet-5's large dense layer has {parameter_share:.0%} of the parameters and does
{mac_share:.0%} of the MACs. So the layer that makes a file large need not be the one
that does most of the arithmetic.

In {len(contents)} files, every byte that is not zero has a known purpose. For {worst},
LiteRT's built-in kernels need {in_runtime[worst] / peaks[worst]:.1f} times the peak of
the activations. With one image, {len(left_of_ridge)} of {len(steps)} multiplying
operators of {network} are left of the guessed ridge point of {ridge:g} FLOP per byte.
They do {left_share:.0%} of the MACs, and memory should limit their time.

This does **not** show times. The ridge point is a guess, and values that stay in a
cache do not move at all. The next lesson measures both.

Further reading: Williams, Waterman and Patterson, *Roofline* (2009,
doi:10.1145/1498765.1498785); Dukhan, *The indirect convolution algorithm* (2019,
arXiv:1907.02129), on im2col and how to avoid the copy.
""")
