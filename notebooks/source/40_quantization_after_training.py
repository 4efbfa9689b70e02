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
#     title: Quantization after training
#     question: Can int8 cost nothing?
#     minutes: 50
#     budget_s: {fast: 35, full: 110}
#     needs: [22]
#     objectives:
#       - compute scale and zero point by hand, and say which error they leave
#       - convert a Keras model to float16, dynamic range and full int8 with the calls that exist
#       - calculate a dense and a convolutional layer in integers, and find LiteRT's own numbers
#       - choose between per tensor and per channel, and between min–max and percentile, by measurement
#       - recognise a calibration that ruins a network without an error
#     routes: {half-day: 1, three-sessions: 2, numbers: 4}
#     terms:
#       accumulator:
#         text: The wide integer in which products of narrow integers are summed, so that the sum does not overflow.
#         zh: 累加器
#         note: unit int32
#       affine quantization:
#         text: Quantization by a scale and a zero point, so that an interval that is not centred on zero loses no
#           range.
#         zh: 仿射量化
#         note: symbol r ≈ s·(q − z)
#       calibration:
#         text: Running images through the float network to see which range its activations take, before quantizing
#           them.
#         zh: 校准
#       dequantization:
#         text: Turning stored integers back into the real numbers that they stand for.
#         zh: 反量化
#         note: symbol r = s·(q − z)
#       dynamic-range quantization:
#         text: "Weights stored as int8, activations quantized afresh for each input while running: no calibration is
#           needed."
#         zh: 动态范围量化
#       float16 quantization:
#         text: "Storing weights as 16-bit floats: half the bytes, nearly nothing lost."
#         zh: 半精度量化
#         note: unit 2 B
#       full integer quantization:
#         text: Weights and activations both as int8, so that the whole network is computed in integers.
#         zh: 全整数量化
#         note: unit 1 B
#       per tensor:
#         text: With one scale for the whole array.
#         zh: 逐张量
#       post-training quantization:
#         text: Quantizing a finished network without training it again.
#         zh: 训练后量化 (PTQ)
#       representative data set:
#         text: The training images that the converter calibrates with.
#         zh: 代表性数据集
#       requantization:
#         text: Scaling an int32 sum to the int8 of the next layer.
#         zh: 重新量化
#       saturation:
#         text: Stopping at the largest or smallest integer instead of wrapping round.
#         zh: 饱和
#       symmetric quantization:
#         text: Quantization whose range is centred on zero, so that the zero point is zero; usual for weights.
#         zh: 对称量化
#         note: symbol z = 0
#       zero point:
#         text: The integer that stands for the real zero, which must be exact because padding and ReLU produce it.
#         zh: 零点
#         note: symbol z · unit integer
# ---

# %% [markdown]
# # 40 · Quantization after training
#
# Can int8 cost nothing?

# %%
from labkit import assets, by_profile, deploy, keras2, methods, start

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

# %% tags=["parameters"]
dataset: str = "fashion_mnist"  # data set; fashion_mnist or mnist
networks: int = by_profile(3, 1)  # how many of lenet5, lenet_300_100, ds_cnn to measure; 1 to 3
calibration_images: int = by_profile(200, 50)  # training images that set the ranges; 1 to 2000
simulated_images: int = by_profile(10000, 1000)  # images of a split, where LiteRT lacks the bit width; 100 to 10000
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("40", seed=seed)
images = lab.data(dataset)
models = {name: lab.baseline(name, dataset) for name in ["lenet5", "lenet_300_100", "ds_cnn"][:networks]}
baseline = models["lenet5"]
chosen = lab.rng.permutation(len(images.train.x))[:calibration_images]
calibration = assets.data.as_input(images.train.x[chosen])

# %% [markdown]
# ## Predict
#
# The network is LeNet-5, trained already, and nothing on this page trains it again. Every weight and every activation
# will be stored in one byte instead of four. Replace `None` by one of the options, in quotes.

# %%
my_guess = None
options = ["less than 0.2 points", "0.2 to 1 point", "1 to 5 points", "more than 5 points"]
lab.predict("40.p", "How much accuracy does LeNet-5 lose when it is all int8?", options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# A byte tells 256 values apart. [Affine quantization](../docs/glossary.md#affine-quantization) lays them out evenly
# over the range that a tensor takes:
#
# $$ q = \mathrm{clip}\left(\mathrm{round}\left(\frac{r}{s}\right) + z,\ -128,\ 127\right) \qquad \hat r = s\,(q - z) $$
#
# where $r$ is the real number, $q$ the stored integer, $s$ the [scale](../docs/glossary.md#scale) (the width of a step)
# and $z$ the [zero point](../docs/glossary.md#zero-point), the integer that stands for zero. Inside the range, the
# error is half a step at most. Outside, the value [saturates](../docs/glossary.md#saturation).
#
# Zero must be exact, since networks are full of it: padding, ReLU, pruned weights.
#
# For weights the range is known. For activations it depends on the image, so somebody has to show the network some
# images first: that is [calibration](../docs/glossary.md#calibration). A wide range has coarse steps, a narrow one
# saturates. The figure shows the trade with three bits, where the steps can be seen.

# %%
line = np.linspace(-1.5, 2.5, 400, dtype="float32")
figure, axes = plt.subplots()
axes.plot(line, methods.quantize.fake_quantize(line, 3, symmetric=False, low=-1.0, high=1.8), color=lab.colour("quantization"))
axes.set(xlabel="real number r", ylabel="what 3 bits store for it")
lab.show(figure, alt="A staircase follows the diagonal in eight steps, and is flat outside the chosen range.")

# %% [markdown]
# ## By hand
#
# Six numbers between −1 and 1.55. Scale and zero point follow from the two ends; the rest is rounding.

# %% tags=["nbval-check-output"]
values = np.array([[-1.0, -0.004, 0.0], [0.3, 0.777, 1.55]])
scale = (values.max() - values.min()) / 255
zero_point = round(-128 - values.min() / scale)
stored = np.clip(np.round(values / scale) + zero_point, -128, 127).astype("int8")
back = scale * (stored.astype("float64") - zero_point)
print(f"scale {scale:.4f}, zero point {zero_point}")
print(stored)
print(back.round(4))

# %% [markdown]
# Zero came back as zero, and −0.004 became zero too: it was less than half a step.

# %% [markdown]
# ## With the library
#
# A much-copied article quantizes with this call. Try it:

# %%
try:
    tf.quantization.quantize_model(baseline, quantize_model=True, experimental_new_quantize_api=True, convert_8bit=True)
except AttributeError as error:
    print(f"AttributeError: {error}")

# %% [markdown]
# TensorFlow has no such function. What the article meant is the work of the *converter*, which writes the file that
# LiteRT runs. Full int8 takes three settings and some images:

# %%
converter = tf.lite.TFLiteConverter.from_keras_model(baseline)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = lambda: ([image[None]] for image in calibration)
converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
with deploy.tflite.hushed():  # the converter talks a lot
    quantized = converter.convert()
f"{len(quantized):,} bytes"

# %% [markdown]
# - Without `representative_dataset` and `supported_ops`, it is
#   [dynamic range](../docs/glossary.md#dynamic-range-quantization): int8 weights, activations quantized as they come.
# - With `target_spec.supported_types = [tf.float16]` instead, the weights are float16.
#
# `deploy.tflite.convert` makes the same calls under one name each, and adds the one switch that the converter
# has no public name for: one scale [per tensor](../docs/glossary.md#per-tensor) rather than
# [per channel](../docs/glossary.md#per-channel).
#
# ### A layer in integers
#
# What does LiteRT compute with these bytes? Products of int8 are summed in an int32
# [accumulator](../docs/glossary.md#accumulator), and one factor a channel, $s_x s_w / s_y$ for input, weight and
# output, brings the sum back to int8. We read a layer's bytes from the file, calculate in NumPy, and compare with what
# the running file gives.


# %%
def off_by(name: str, compute) -> np.ndarray:
    """By how many steps each value by hand differs from the file's."""
    layer = deploy.inspect.layer(quantized, name)
    x, theirs = seen[layer["input"]], seen[layer["output"]]
    x = x if layer["kind"] == "conv2d" else x.reshape(len(x), -1)
    before, after = ((layer[f"{end}_scale"], layer[f"{end}_zero_point"]) for end in ("input", "output"))
    mine = compute(x, layer["weights"], layer["bias"], before, layer["weight_scale"], after, activation="relu")
    return np.abs(mine.astype(int) - theirs.reshape(mine.shape))


seen = deploy.activations.activations(quantized, assets.data.as_input(images.test.x[:256]))
for name, compute in [("conv_2", methods.integer.conv2d_int8), ("dense_1", methods.integer.dense_int8)]:
    off = off_by(name, compute)
    lab.claim(f"40.steps-{name}", f"Largest difference in {name}, in steps", off.max(), at_most=1, holds="always")
    print(f"{name}: {np.count_nonzero(off):,} of {off.size:,} values differ ({off.astype(bool).mean():.4%})")

# %% [markdown]
# The bound is one step, since a kernel may round a near tie the other way: XNNPACK, which runs here, multiplies the
# sum by a float32; the kernels for small chips use a whole number and a shift. The arithmetic holds no secret.
#
# ### Calibration: which range?
#
# LiteRT's converter knows min–max only. A percentile would leave out the rare large activations and give the others
# finer steps. We simulate that on LeNet-300-100, with float weights, so that only the activations are rounded. The
# percentile is chosen for each bit width on validation images; then the test images are read.


# %%
small = lab.baseline("lenet_300_100", dataset)
layers = [small.get_layer(name).get_weights() for name in ["dense_1", "dense_2", "logits"]]
entered = methods.small_network.dense_forward(layers, calibration)[1]
ranges = {p: [methods.calibrate.percentile(layer, p) for layer in entered] for p in (100, 99.99, 99.9, 99, 97)}


def right(split, percent: float, bits: int) -> float:
    """Accuracy with the activations in the range between the percentiles; 100 is min–max."""
    x, y = assets.data.as_input(split.x[:simulated_images]), split.y[:simulated_images]
    return float(np.mean(methods.small_network.dense_forward(layers, x, ranges[percent], bits)[0].argmax(axis=1) == y))


# %%
rows = []
for bits in (8, 4, 3, 2):
    scores = {p: right(images.validation, p, bits) for p in ranges}
    best = max(scores, key=scores.get)  # the widest of equals
    wide, narrow = (right(images.test, p, bits) for p in (100, best))
    tested = {"chosen": f"{best:g}", "test, 100": f"{wide:.2%}", "test, chosen": f"{narrow:.2%}"}
    rows.append({"bits": bits} | {f"{p:g}": f"{score:.2%}" for p, score in scores.items()} | tested)
lab.table(rows, caption="Validation accuracy by percentile (100 is min–max), then test accuracy as chosen")
lab.claim("40.percentile", "Chosen percentile against min–max, 2 bits, test", narrow - wide, at_least=0.03, unit="points")

# %% [markdown]
# At 8 bits the choice hardly matters: there are steps enough for the outliers too. With four or eight steps in all,
# leaving out the largest activations pays.

# %% [markdown]
# ## Your turn

# %% [markdown]
# ### 40.1 Scale and zero point ★☆☆ · 10 minutes
#
# Compute the scale and the zero point for int8, whose values run from −128 to 127. The range must contain zero; widen
# it if it does not. Round the zero point to the nearest integer, halves to the even one. If the range consists of zero
# alone, use scale 1 and zero point −128.


# %%
def affine_parameters(low: float, high: float) -> tuple[float, int]:
    """Return the scale and the zero point that spread int8 over low to high."""
    ### BEGIN SOLUTION
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        return 1.0, -128
    scale = (high - low) / 255
    return scale, round(-128 - low / scale)
    ### END SOLUTION


affine_parameters = lab.check("40.1", affine_parameters)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The 256 integers have 255 steps between them. The lowest integer, −128, represents `low`, and the highest represents
# `high`.
# </details>
# <details><summary>Hint 2</summary>
#
# Start with `low = min(low, 0)` and `high = max(high, 0)`. Then solve `low = scale * (-128 - zero_point)` for the zero
# point, and round it.
# </details>

# %% [markdown]
# ### 40.2 There and back ★☆☆ · 10 minutes
#
# Quantize numbers to int8 and convert them back at once. The result shows the numbers that the network computes with. A
# number halfway between two steps goes to the even one, as in `np.round`. Numbers outside the range of int8 become its
# nearest end.


# %%
def round_trip(x: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """Return the real numbers that the stored int8 values represent, shaped like x."""
    ### BEGIN SOLUTION
    stored = np.clip(np.round(x / scale) + zero_point, -128, 127)
    return scale * (stored - zero_point)
    ### END SOLUTION


round_trip = lab.check("40.2", round_trip)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Both formulas are under *Idea*. The order matters: round, add the zero point, then clip.
# </details>
# <details><summary>Hint 2</summary>
#
# `np.clip(np.round(x / scale) + zero_point, -128, 127)` are the stored values. On the way back, subtract the zero point
# first and then multiply by the scale.
# </details>

# %% [markdown]
# ### 40.3 From int32 to int8 ★★☆ · 15 minutes
#
# This is the last step of an integer layer. Each column of `sums` is one channel with its own weight scale. A sum
# represents the real number `sum * input_scale * weight_scale`. Quantize it with the output's scale and zero point, and
# return int8. Round before you add the zero point, halves to even. Values outside the range become its nearest end.


# %%
def requantize(
    sums, input_scale, weight_scales, output_scale, zero_point
) -> np.ndarray:
    """Return int8 (n, channels) for int32 sums (n, channels).

    weight_scales has the shape (channels,); the other scales are numbers.
    """
    ### BEGIN SOLUTION
    factors = input_scale * weight_scales / output_scale
    stored = np.clip(np.round(sums * factors) + zero_point, -128, 127)
    return stored.astype("int8")
    ### END SOLUTION


requantize = lab.check("40.3", requantize)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Compute one factor per channel first. NumPy multiplies an array (n, channels) by an array (channels,) column by
# column.
# </details>
# <details><summary>Hint 2</summary>
#
# Multiply, round, add the zero point, clip, and call `.astype("int8")` last. Without clipping, int8 wraps around: 130
# becomes −126.
# </details>

# %% [markdown]
# ## Evidence
#
# Each network in each form, on the whole test set. The times of one network's files are taken in turns, one image at a
# time, on one thread.

# %%
given = {"representative": calibration}
kinds = {"float32": {}, "float16": {}, "dynamic": {}, "int8": given, "int8, per tensor": given | {"per_channel": False}}
files, measured, times = {}, {}, {}
for name, model in models.items():
    files[name] = {kind: deploy.tflite.convert(model, kind.split(",")[0], **extra) for kind, extra in kinds.items()}
    times[name] = deploy.timing.latency(files[name], seconds=by_profile(2.0, 0.5))
    for kind, content in files[name].items():
        technique = "baseline" if kind == "float32" else "quantization"
        measured[name, kind] = lab.measure(content, name=f"{name}, {kind}", technique=technique, network=name)

# %%
rows, relative = [], {name: times[name].ratios("float32") for name in files}
shrunk = {key: measured[key[0], "float32"].bytes / m.bytes for key, m in measured.items()}
for (name, kind), m in measured.items():
    t = times[name][kind]
    figures = {"accuracy": f"{m.accuracy:.2%}", "95 % interval": f"{m.accuracy_low:.2%} to {m.accuracy_high:.2%}"}
    size = {"file": f"{m.bytes:,} B", "smaller": f"{shrunk[name, kind]:.2f}×"}
    time = {"time (quartiles)": f"{t.median_ms:.4f} ms ({t.low_ms:.4f} to {t.high_ms:.4f})"}
    rows.append({"model": m.name} | figures | size | time | {"relative": f"{relative[name][kind]:.2f}×"})
dense = measured["lenet5", "float32"]
lab.table(rows, caption=f"{dense.n:,} test images of {dataset}; {deploy.timing.processor()}")
lost = {key: measured[key[0], "float32"].accuracy - m.accuracy for key, m in measured.items()}
lab.claim("40.int8-size", "LeNet-5, float32 over int8 bytes", shrunk["lenet5", "int8"], between=(3.7, 4), unit="×", holds="always")
lab.claim("40.float16-size", "LeNet-5, float32 over float16", shrunk["lenet5", "float16"], between=(1.95, 2), unit="×", holds="always")
lab.claim("40.int8-loss", "Most accuracy lost by any int8 file", max(lost.values()), at_most=0.005, unit="points")

# %%
int8, dynamic = (", ".join(f"{r[k]:.2f} × on {n}" for n, r in relative.items()) for k in ("int8", "dynamic"))
last = list(models)[-1]
rest = measured[last, "int8"].bytes - measured[last, "int8"].parameters
lab.say(f"""The int8 file of {last} has {rest:,} bytes beyond one a parameter: biases of four bytes, scales, names and
shapes. On this processor ({" ".join(deploy.timing.int8_extensions())}), int8 takes, of float32's time, {int8}; dynamic range
{dynamic}. The page measures that they differ, not why.""")

# %% [markdown]
# ### Where is the floor?
#
# LiteRT's kernels stop at int8 here, so fewer bits are simulated: each kernel is rounded and used in float. Activations
# stay float32, and batch normalization is not folded.


# %%
x, y, widths = assets.data.as_input(images.test.x[:simulated_images]), images.test.y[:simulated_images], [8, 6, 4, 3, 2]
ways = {True: "o-", False: "s:"}  # per channel, per tensor
counts = {(name, way): keras2.simulate.correct_by_bits(models[name], x, y, widths, way) for name in models for way in ways}
share = {(*key, bits): n / len(y) for key, each in counts.items() for bits, n in zip(widths, each, strict=True)}
gap = {bits: share[last, True, bits] - share[last, False, bits] for bits in widths}
lab.claim("40.four-bits", "LeNet-5, accuracy with 4 bits, per channel", share["lenet5", True, 4], at_least=0.90, unit="%")
lab.claim("40.channel-gap", f"{last}, per channel before per tensor, 4 bits", gap[4], at_least=0.05, unit="points")

# %%
figure, panels = plt.subplots(1, len(models), sharey=True, squeeze=False)
for axes, name in zip(panels[0], models, strict=True):
    for way, form in ways.items():
        axes.plot(widths, 100 * np.array(counts[name, way]) / len(y), form, color=lab.colour("quantization"))
    axes.set(title=name, xlabel="bits of a weight", xticks=widths)
panels[0][0].text(4.2, 30, "● per channel\n■ per tensor", color=lab.colour("quantization"), linespacing=1.8)
panels[0][0].set(ylabel="test accuracy in %")
lab.show(figure, alt="Accuracy against bits: level from eight to six, lowest at two; per tensor falls first.")

# %% [markdown]
# ## What goes wrong
#
# Forget the images, and you are told so:

# %%
try:
    deploy.tflite.convert(baseline, "int8")
except Exception as error:
    print(error)

# %% [markdown]
# Give it the wrong images, and it says nothing. The network was trained on pixels from zero to one. Here it is
# calibrated on pixels from 0 to 255, a mistake of one forgotten division:

# %%
content, mended = deploy.tflite.convert(baseline, "int8", 255 * calibration), measured["lenet5", "int8"]
ruined = lab.measure(content, name="int8, raw pixels", technique="quantization", network="lenet5", latency=False)
raw, scaled = (deploy.inspect.layer(each, "conv_1")["input_scale"] for each in (content, files["lenet5"]["int8"]))
print(f"input scale: {raw:.5f} with raw pixels, {scaled:.5f} with scaled ones")
lab.claim("40.division", "Accuracy lost by one forgotten division", mended.accuracy - ruined.accuracy, at_least=0.2, unit="points")

# %% [markdown]
# The input scale is that of bytes, so that a real image, from zero to one, is rounded to black and white; the ranges
# behind it are too wide as well. The file converts, loads and runs. Two habits find this: measure the int8 file itself,
# and look at its input scale.

# %% [markdown]
# ## What we saw

# %%
edges = [(0.002, options[0]), (0.01, options[1]), (0.05, options[2])]
lab.answer("40.p", next((option for edge, option in edges if lost["lenet5", "int8"] < edge), options[3]))
per_tensor = 100 * (lost[last, "int8, per tensor"] - lost[last, "int8"])
lab.finish(f"""
Almost. LeNet-5 has {dense.accuracy:.2%} in float32, and {measured["lenet5", "int8"].accuracy:.2%} in int8 in a file
{shrunk["lenet5", "int8"]:.2f} times smaller. Weights of 4 bits leave {share["lenet5", True, 4]:.2%}, of 2 bits
{share["lenet5", True, 2]:.2%}. A forgotten division cost {100 * (mended.accuracy - ruined.accuracy):.1f} points.
Depthwise layers are said to need a scale for each channel. Here, int8 per tensor cost {last} {per_tensor:.2f} points
more than per channel, where a 95 % interval is ±{50 * (dense.accuracy_high - dense.accuracy_low):.2f}; with 4 bits,
simulated, it was {100 * gap[4]:.1f}. None of this shows that int8 is as good or as fast elsewhere.

Further reading: Jacob et al. (2018, arXiv:1712.05877); Krishnamoorthi (2018, arXiv:1806.08342).""")
