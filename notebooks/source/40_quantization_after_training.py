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
#     question: How much accuracy does int8 cost?
#     minutes: 50
#     budget_s: {fast: 20, full: 150}
#     needs: [22]
#     objectives:
#       - compute scale and zero point by hand, and explain the error that they leave
#       - convert a Keras model to float16, dynamic range and full int8 with the calls that exist
#       - compute a dense and a convolutional layer in integers, and compare the result with LiteRT's
#       - choose by measurement between per tensor and per channel, and between min–max and a narrower range
#       - recognise a calibration that ruins a network without an error message
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
#         text: Running images through the float network to find the range of its activations before quantizing them.
#         zh: 校准
#       dequantization:
#         text: Converting stored integers back to the real numbers that they represent.
#         zh: 反量化
#         note: symbol r = s·(q − z)
#       dynamic-range quantization:
#         text: "Quantization with weights stored as int8 and activations quantized anew for each input at run time,
#           without calibration."
#         zh: 动态范围量化
#       float16 quantization:
#         text: "Storing weights as 16-bit floats: half the bytes, with almost no loss."
#         zh: 半精度量化
#         note: unit 2 B
#       full integer quantization:
#         text: Quantization of weights and activations to int8, so that the whole network is computed in integers.
#         zh: 全整数量化
#         note: unit 1 B
#       per tensor:
#         text: With one scale for the whole array.
#         zh: 逐张量
#       post-training quantization:
#         text: Quantizing a trained network without training it again.
#         zh: 训练后量化 (PTQ)
#       representative data set:
#         text: The training images that the converter uses for calibration.
#         zh: 代表性数据集
#       requantization:
#         text: Scaling an int32 sum to the int8 of the next layer.
#         zh: 重新量化
#       saturation:
#         text: Replacing a value outside the range by the largest or smallest integer.
#         zh: 饱和
#       symmetric quantization:
#         text: Quantization whose range is centred on zero, so that the zero point is zero; usual for weights.
#         zh: 对称量化
#         note: symbol z = 0
#       zero point:
#         text: The integer that represents the real number zero, which must be exact because padding and ReLU produce it.
#         zh: 零点
#         note: symbol z · unit integer
# ---

# %% [markdown]
# # 40 · Quantization after training
#
# How much accuracy does int8 cost?

# %%
from labkit import assets, by_profile, deploy, keras2, methods, start

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

# %% tags=["parameters"]
dataset: str = "fashion_mnist"  # data set; fashion_mnist or mnist
networks: int = by_profile(3, 1)  # first of lenet5, lenet_300_100, ds_cnn; 1 to 3
calibration_images: int = by_profile(200, 50)  # images that set ranges; 1 to 2000
simulated_images: int = by_profile(10000, 500)  # images per comparison; 100 to 10000
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("40", seed=seed)
images = lab.data(dataset)
network_names = ["lenet5", "lenet_300_100", "ds_cnn"][:networks]
models = {name: lab.baseline(name, dataset) for name in network_names}
baseline = models["lenet5"]
chosen = lab.rng.permutation(len(images.train.x))[:calibration_images]
calibration = assets.data.as_input(images.train.x[chosen])

# %% [markdown]
# ## Predict
#
# We work with up to three trained networks: LeNet-5, LeNet-300-100 and ds_cnn, a small network with
# [depthwise](../docs/glossary.md#depthwise-convolution) layers. Nothing on this page trains them again. This is
# [post-training quantization](../docs/glossary.md#post-training-quantization).
#
# We will store every weight and every activation of LeNet-5 in one byte instead of four. How much accuracy does this
# cost? Replace `None` by one of the options, in quotes.

# %%
my_guess = None
options = [
    "less than 0.2 points",
    "0.2 to 1 point",
    "1 to 5 points",
    "more than 5 points",
]
lab.predict(
    "40.p", "How much accuracy does LeNet-5 lose in int8?", options, guess=my_guess
)

# %% [markdown]
# ## Idea
#
# A byte has 256 different values. [Affine quantization](../docs/glossary.md#affine-quantization) spreads them evenly
# over the range of a tensor:
#
# $$ q = \mathrm{clip}\left(\mathrm{round}\left(\frac{r}{s}\right) + z,\ -128,\ 127\right) \qquad \hat r = s\,(q - z) $$
#
# Here $r$ is the real number, $q$ the stored integer, and $\hat r$ the number that it represents. The
# [scale](../docs/glossary.md#scale) $s$ is the width of a step. The [zero point](../docs/glossary.md#zero-point) $z$ is
# the integer for zero. Zero must be exact, because padding, ReLU and pruning produce many zeros.
#
# Inside the range, the error is at most half a step. Outside, the value is cut off at the end of the range: it
# [saturates](../docs/glossary.md#saturation). So there is a trade. A wide range has wide steps. A narrow range has fine
# steps, but cuts off more values.
#
# The range of the weights is known. The range of the activations depends on the images, so we run some training images
# through the network first. This is [calibration](../docs/glossary.md#calibration).
#
# The figure shows the trade for the inputs of a layer of LeNet-300-100. The horizontal axis is the upper end of
# the range, as a share of the largest activation. The vertical axis is the error after rounding, relative to the
# activations. There is one line per bit width; a dot marks its minimum.

# %%
small = lab.baseline("lenet_300_100", dataset)
layer_names = ["dense_1", "dense_2", "logits"]
layers = [small.get_layer(name).get_weights() for name in layer_names]
entered = methods.small_network.dense_forward(layers, calibration)[1]
activations = entered[1]  # the inputs of dense_2, all 0 or above
range_shares, rms = np.linspace(0.02, 1, 50), np.sqrt(np.mean(activations**2))
error_by_bits = {
    bits: methods.calibrate.errors_by_end(activations, range_shares, bits) / rms
    for bits in (2, 3, 4, 8)
}

# %% tags=["hide-input"]
figure, axes = plt.subplots(figsize=(7, 4))
for place, (bits, errors) in enumerate(error_by_bits.items()):
    axes.plot(range_shares, 100 * errors, color=f"C{place}")
    lowest = int(np.argmin(errors))
    axes.plot(range_shares[lowest], 100 * errors[lowest], "o", color=f"C{place}")
    axes.annotate(
        f"{bits} bits",
        (1, 100 * errors[-1]),
        (5, 0),
        textcoords="offset points",
        va="center",
        color=f"C{place}",
    )
axes.set(
    xlabel="upper end of the range / largest activation",
    ylabel="error in % of the activations (RMS)",
    yscale="log",
    xlim=(0, 1.12),
)
lab.show(
    figure,
    alt="Error against range at 2 to 8 bits: valleys, further left with fewer bits.",
)
lab.say("""Each line is a valley. To its left, cutting off dominates, and the number of
bits makes no difference. To its right, rounding dominates. With fewer bits, the best
range is narrower.""")

# %% [markdown]
# ## By hand
#
# We quantize six numbers between −1 and 1.55. Scale and zero point follow from the two ends of the range; the rest is
# rounding. The next cell prints the stored integers and the numbers that they represent.

# %% tags=["nbval-check-output"]
values = np.array([[-1.0, -0.004, 0.0], [0.3, 0.777, 1.55]])
scale = (values.max() - values.min()) / 255
zero_point = round(-128 - values.min() / scale)
stored = np.clip(np.round(values / scale) + zero_point, -128, 127).astype("int8")
restored = scale * (stored.astype("float64") - zero_point)
print(f"scale {scale:.4f}, zero point {zero_point}")
print(stored)
print(restored.round(4))

# %% [markdown]
# Zero is exact. −0.004 became zero as well, because it is closer to zero than half a step.

# %% [markdown]
# ## With the library
#
# This course grew from a Chinese introductory article on model acceleration. The article quantizes a model with this
# call:

# %%
try:
    settings = {"quantize_model": True, "experimental_new_quantize_api": True}
    tf.quantization.quantize_model(baseline, convert_8bit=True, **settings)
except AttributeError as error:
    print(f"AttributeError: {error}")

# %% [markdown]
# TensorFlow has no such function. The right tool is the *converter*, which writes the file that LiteRT runs. Full int8
# needs three settings and some images, the [representative data set](../docs/glossary.md#representative-data-set):

# %%
converter = tf.lite.TFLiteConverter.from_keras_model(baseline)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = lambda: ([image[None]] for image in calibration)
converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
with deploy.tflite.hushed():  # hides the converter's log
    quantized = converter.convert()
f"{len(quantized):,} bytes"

# %% [markdown]
# Two variants need fewer settings:
#
# - **Dynamic range.** Without `representative_dataset` and `supported_ops`, the weights are int8, and activations are
#   quantized at run time ([dynamic range](../docs/glossary.md#dynamic-range-quantization)).
# - **float16.** With `target_spec.supported_types = [tf.float16]`, the weights are stored as 16-bit floats.
#
# `deploy.tflite.convert(model, "int8", images)` makes the same calls. It also accepts `per_channel=False`, for one scale
# [per tensor](../docs/glossary.md#per-tensor) instead of one [per channel](../docs/glossary.md#per-channel).
#
# ### A layer in integers
#
# What does LiteRT compute with these bytes? It multiplies int8 values and adds the products in an int32
# [accumulator](../docs/glossary.md#accumulator). Then one factor per channel, $s_x s_w / s_y$, scales the sum to int8;
# the three scales are those of input, weight and output. We do the same in NumPy. The weights, scales and inputs come
# from the file, and we compare our outputs with LiteRT's.


# %%
def step_differences(name, compute):
    """Return by how many steps each output differs from LiteRT's."""
    layer = deploy.inspect.layer(quantized, name)
    inputs, outputs = file_tensors[layer["input"]], file_tensors[layer["output"]]
    if layer["kind"] != "conv2d":
        inputs = inputs.reshape(len(inputs), -1)
    before, after = ((layer[f"{k}_scale"], layer[f"{k}_zero_point"]) for k in sides)
    parts = layer["weights"], layer["bias"], before, layer["weight_scale"], after
    by_hand = compute(inputs, *parts, activation="relu")
    return np.abs(by_hand.astype(int) - outputs.reshape(by_hand.shape))


sides, test_sample = ("input", "output"), assets.data.as_input(images.test.x[:256])
file_tensors = deploy.activations.activations(quantized, test_sample)
convolution_steps = step_differences("conv_2", methods.integer.conv2d_int8)
dense_steps = step_differences("dense_1", methods.integer.dense_int8)

# %% tags=["hide-input"]
for name, steps in (("conv_2", convolution_steps), ("dense_1", dense_steps)):
    lab.claim(
        f"40.steps-{name}",
        f"Our integers for {name} agree with LiteRT's",
        steps.max(),
        at_most=1,
        unit="steps",
        holds="always",
        label="largest difference",
    )
    print(f"{name}: {np.count_nonzero(steps):,} of {steps.size:,} values differ")
lab.say("""The bound allows one step, because kernels may round a tie differently.
XNNPACK, which runs here, multiplies the sum by a float32; kernels for small chips use
an integer and a shift.""")

# %% [markdown]
# ### Calibration: which range?
#
# LiteRT's converter uses the smallest and the largest activation (min–max). Are narrower ranges better? We simulate two
# alternatives on LeNet-300-100, with float weights, so that only the activations are rounded. A *percentile* range
# leaves out a fixed share of the values at each end. The *MSE* range has the least squared error on the calibration
# images. The first table shows the validation accuracy for each percentile; 100 is min–max. The second one has the test
# accuracy of the choice, with the gain over min–max and its paired 95 % interval.


# %%
def correct(split, ranges, bits):
    """Return which images are right with the activations in these ranges."""
    x_split = assets.data.as_input(split.x[:simulated_images])
    logits = methods.small_network.dense_forward(layers, x_split, ranges, bits)[0]
    return logits.argmax(axis=1) == split.y[:simulated_images]


percents, widths = (100, 99.9, 99, 98, 97, 95, 90), (8, 4, 3, 2)
ranges = {p: [methods.calibrate.percentile(v, p) for v in entered] for p in percents}

# %%
scores, best_percent, tested = {}, {}, {}
for bits in widths:
    right = {p: correct(images.validation, ranges[p], bits) for p in percents}
    scores[bits] = {p: hits.mean() for p, hits in right.items()}
    best_percent[bits] = max(percents, key=scores[bits].get)  # of equals the widest
    mse_ranges = [methods.calibrate.mse(layer, bits) for layer in entered]
    min_max = correct(images.test, ranges[100], bits)
    by_percentile = correct(images.test, ranges[best_percent[bits]], bits)
    by_mse = correct(images.test, mse_ranges, bits)
    gains = [methods.paired.paired(each, min_max) for each in (by_percentile, by_mse)]
    tested[bits] = min_max.mean(), *gains

# %% tags=["hide-input"]
lab.table(
    [
        {"bits": bits}
        | {f"{p:g}": f"{score:.2%}" for p, score in by_percent.items()}
        | {"chosen": f"{best_percent[bits]:g}"}
        for bits, by_percent in scores.items()
    ],
    caption="Validation accuracy by bit width and percentile",
)


def accuracy_and_gain(each):
    gain = f"{each.gain:+.2f} ({each.gain_low:+.2f} to {each.gain_high:+.2f})"
    return f"{each.accuracy:.2%}, {gain}"


lab.table(
    [
        {
            "bits": bits,
            "min–max": f"{min_max:.2%}",
            "chosen percentile": accuracy_and_gain(percentile),
            "MSE": accuracy_and_gain(by_mse),
        }
        for bits, (min_max, percentile, by_mse) in tested.items()
    ],
    caption="Test accuracy, and gain over min–max in points",
)
lab.claim(
    "40.percentile",
    "At 2 bits, the percentile chosen on validation images beats min–max",
    tested[2][1].gain / 100,
    at_least=0.1,
    unit="points",
    label="gain",
)
edge = [str(bits) for bits in widths if best_percent[bits] == percents[-1]]
grid = "No choice is the narrowest percentile of the grid, so the grid is wide enough."
if edge:
    grid = f"At {' and '.join(edge)} bits a percentile beyond the grid may be better."
lab.say(f"""{grid} With 8 bits the choice hardly matters: 256 steps are enough for the
rare large activations too. With few steps, a narrower range is much better. The least
squared error is a good guide, and it needs no labels.""")

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
# We convert each network to five formats and measure them on the whole test set. The loss is the accuracy of the float32
# file minus that of the format, with a paired 95 % interval. The times of one network's files are measured in turns,
# one image at a time, on one thread, with quartiles; *relative* is the time divided by that of float32.

# %%
given = {"representative": calibration}
formats = {"float32": {}, "float16": {}, "dynamic": {}, "int8": given}
formats["int8, per tensor"] = given | {"per_channel": False}
x_test = assets.data.as_input(images.test.x[:simulated_images])
y_test = images.test.y[:simulated_images]
files, times, hits = {}, {}, {}
for name, model in models.items():
    files[name] = {
        form: deploy.tflite.convert(model, form.split(",")[0], **extra)
        for form, extra in formats.items()
    }
    times[name] = deploy.timing.latency(files[name], seconds=by_profile(2.0, 0.2))

# %%
measured, losses = {}, {}
for name, form in [(name, form) for name in models for form in formats]:
    content = files[name][form]
    labels = {"name": f"{name}, {form}", "network": name, "latency": False}
    technique = "baseline" if form == "float32" else "quantization"
    measured[name, form] = lab.measure(content, technique=technique, **labels)
    hits[name, form] = deploy.tflite.predict(content, x_test).argmax(axis=1) == y_test
    reference = hits[name, "float32"]
    losses[name, form] = methods.paired.paired(reference, hits[name, form])

# %% tags=["hide-input"]
relative = {name: times[name].ratios("float32") for name in files}
shrunk = {k: measured[k[0], "float32"].bytes / m.bytes for k, m in measured.items()}
rows = []
for (name, form), m in measured.items():
    loss, t = losses[name, form], times[name][form]
    rows.append(
        {
            "file": m.name,
            "accuracy": f"{m.accuracy:.2%}",
            "loss in points": "–"
            if form == "float32"
            else f"{loss.gain:.2f} ({loss.gain_low:+.2f} to {loss.gain_high:+.2f})",
            "size": f"{m.bytes:,} B",
            "smaller": f"{shrunk[name, form]:.2f}×",
            "time in ms": f"{t.median_ms:.4f} ({t.low_ms:.4f} to {t.high_ms:.4f})",
            "relative": f"{relative[name][form]:.2f}×",
        }
    )
dense = measured["lenet5", "float32"]
lab.table(
    rows, caption=f"{dense.n:,} test images of {dataset}; {deploy.timing.processor()}"
)
worst = max(losses, key=lambda key: losses[key].gain)
last = network_names[-1]
int8_times = ", ".join(
    f"{r['int8']:.2f} times float32's time on {n}" for n, r in relative.items()
)
extensions = " ".join(deploy.timing.int8_extensions())
rest = measured[last, "int8"].bytes - measured[last, "int8"].parameters
lab.say(f"""The largest loss of any file is {losses[worst].gain:.2f} points
({measured[worst].name}; interval {losses[worst].gain_low:+.2f} to
{losses[worst].gain_high:+.2f}). The int8 file of {last} is {shrunk[last, "int8"]:.2f}
times smaller, because {rest:,} of its bytes are not int8 weights: biases of four bytes,
scales, names and shapes. On this processor ({extensions}), int8 needs {int8_times}. We
measure these times but do not explain them.""")
lab.claim(
    "40.int8-size",
    "LeNet-5's int8 file is nearly as much smaller as TensorFlow's guide promises",
    shrunk["lenet5", "int8"],
    between=(3.8, 4),
    unit="×",
    holds="always",
    label="times smaller",
)
lab.claim(
    "40.float16-size",
    "LeNet-5's float16 file is as much smaller as TensorFlow's guide promises",
    shrunk["lenet5", "float16"],
    between=(1.98, 2),
    unit="×",
    holds="always",
    label="times smaller",
)
lab.claim(
    "40.int8-loss",
    "No quantized file loses more than a few images per thousand",
    losses[worst].gain / 100,
    at_most=0.003,
    unit="points",
    label="largest loss",
)

# %% [markdown]
# ### Where is the floor?
#
# LiteRT's kernels stop at int8 here, so we simulate fewer bits: we round each kernel and compute in float.
# Activations stay float32.
#
# With one scale per tensor, [batch normalization](../docs/glossary.md#batch-normalization) matters. The converter
# multiplies each channel of a kernel by that channel's normalization scale before it rounds. This is called folding.
# A channel with a large normalization scale then sets the step for all others. So we simulate per tensor twice: folded, as
# the converter and [lesson 41](41_quantization_in_training.ipynb) do it, and not folded. Per channel, folding changes
# nothing, because each channel has its own scale. Of our networks, only ds_cnn has batch normalization.
#
# The panels show the test accuracy against the bits per weight, one panel per network, with the same axes. Look for the
# width at which each line begins to fall.

# %%
ways = {"per channel": {"per_channel": True}}
ways["per tensor, folded"] = {"per_channel": False, "folded": True}
ways["per tensor, not folded"] = {"per_channel": False, "folded": False}
simulated_widths, simulated = [8, 6, 4, 3, 2], {}
for name, model in models.items():
    weight_sets = {
        (name, way, bits): keras2.simulate.rounded(model, bits, **flags)
        for way, flags in ways.items()
        for bits in simulated_widths
    }
    simulated |= keras2.simulate.correct(model, weight_sets, x_test, y_test)
lenet5_four = simulated["lenet5", "per channel", 4]
lenet5_loss = methods.paired.paired(hits["lenet5", "float32"], lenet5_four)

# %% tags=["hide-input"]
last_four = simulated[last, "per channel", 4]
four = {
    way: methods.paired.paired(simulated[last, way, 4], last_four) for way in ways
}
channel_gap = -four["per tensor, folded"].gain
fold_gap = four["per tensor, not folded"].gain - four["per tensor, folded"].gain
figure, panels = plt.subplots(
    1, len(models), sharey=True, squeeze=False, figsize=(7, 3.9)
)
line_styles = {
    "per channel": ("o-", "C0"),
    "per tensor, folded": ("s--", "C1"),
    "per tensor, not folded": ("^:", "C2"),
}
for axes, name in zip(panels[0], models, strict=True):
    for way, (style, colour) in line_styles.items():
        shares = [100 * simulated[name, way, bits].mean() for bits in simulated_widths]
        axes.plot(simulated_widths, shares, style, color=colour)
    axes.set(
        title=name, xlabel="bits per weight", xticks=simulated_widths, ylim=(0, 100)
    )
for place, (way, (style, colour)) in enumerate(line_styles.items()):
    sign = {"o": "●", "s": "■", "^": "▲"}[style[0]]
    panels[0][0].text(
        8.1, 40 - 12 * place, f"{sign} {way}", color=colour, fontsize=9, ha="right"
    )
panels[0][0].set(ylabel="test accuracy in %")
lab.show(
    figure,
    alt="Accuracy against bits per weight: level down to six; per tensor falls first.",
)
lab.say(f"""From eight to six bits all lines are level. At 4 bits, {last} has
{four["per channel"].accuracy:.2%} per channel. Per tensor it has
{four["per tensor, folded"].accuracy:.2%} folded and
{four["per tensor, not folded"].accuracy:.2%} not folded. The same kernels give both
figures; only the order of folding and rounding differs. A file has the folded one.""")
lab.claim(
    "40.four-bits",
    "LeNet-5 with 4-bit weights per channel loses little",
    lenet5_loss.gain / 100,
    at_most=0.01,
    unit="points",
    label="loss",
)
lab.claim(
    "40.channel-gap",
    f"With 4-bit weights, {last} needs one scale per channel",
    channel_gap / 100,
    at_least=0.5,
    unit="points",
    label="per channel over per tensor",
)
lab.claim(
    "40.folding",
    f"Folding the normalization before rounding costs {last} accuracy per tensor",
    fold_gap / 100,
    at_least=0.3,
    unit="points",
    label="not folded over folded, 4 bits",
)

# %% [markdown]
# ## What goes wrong
#
# If you forget the calibration images, `convert` says so. If you pass the wrong images, LiteRT's converter says nothing.
# The network was trained on pixels from 0 to 1. Here we forget one division and calibrate it with pixels from 0 to 255.
# `lab.measure` checks the input range and prints a warning.

# %%
try:
    deploy.tflite.convert(baseline, "int8")
except Exception as error:
    print(error)

wrong_file = deploy.tflite.convert(baseline, "int8", 255 * calibration)
settings = {"technique": "quantization", "network": "lenet5", "latency": False}
wrong = lab.measure(wrong_file, name="int8, raw pixels", **settings)
right_file = files["lenet5"]["int8"]
for title, content in (("raw pixels", wrong_file), ("scaled pixels", right_file)):
    input_scale = deploy.inspect.layer(content, "conv_1")["input_scale"]
    print(f"input scale with {title}: {input_scale:.5f}")
division_loss = measured["lenet5", "int8"].accuracy - wrong.accuracy

# %% tags=["hide-input"]
lab.claim(
    "40.division",
    "One forgotten division ruins the int8 file without an error",
    division_loss,
    at_least=0.4,
    unit="points",
    label="loss",
)

lab.say("""The input has steps of a whole unit, so a real image is rounded to black and
white. The ranges of the later layers are too wide as well. Still, the file converts,
loads and runs. Two habits find this fault: measure the accuracy of the int8 file
itself, and look at its input scale.""")

# %% [markdown]
# ## What we saw

# %% tags=["hide-input"]
edges = [(0.2, options[0]), (1, options[1]), (5, options[2])]
lenet5_int8 = losses["lenet5", "int8"]
lab.answer(
    "40.p",
    next((option for edge, option in edges if lenet5_int8.gain < edge), options[3]),
)
tensor = methods.paired.paired(hits[last, "int8"], hits[last, "int8, per tensor"])
lab.finish(f"""
Almost nothing, on these networks. LeNet-5 has {dense.accuracy:.2%} in float32 and
{measured["lenet5", "int8"].accuracy:.2%} in int8, in a file
{shrunk["lenet5", "int8"]:.2f} times smaller. The loss is {lenet5_int8.gain:.2f} points,
with a 95 % interval of {lenet5_int8.gain_low:+.2f} to {lenet5_int8.gain_high:+.2f}.
With 4-bit weights, simulated per channel, the loss is {lenet5_loss.gain:.2f} points;
with 2 bits the accuracy is {simulated["lenet5", "per channel", 2].mean():.2%}.

Depthwise layers are said to need one scale per channel. In the int8 files of {last},
per channel gains {tensor.gain:.2f} points ({tensor.gain_low:+.2f} to
{tensor.gain_high:+.2f}). At 4 bits it gains {channel_gap:.1f} points. A forgotten
division costs {100 * division_loss:.1f} points and produces no error.

This does **not** show that int8 is as accurate or as fast on other networks and
processors. The widths below 8 bits are simulated, with float activations. On ImageNet,
Nagel et al. (2019) report a much larger effect: MobileNetV2 with one scale per tensor
names nearly no image correctly, and their data-free equalization repairs almost all of
it.

Further reading: Jacob et al. (2018, arXiv:1712.05877); Krishnamoorthi (2018,
arXiv:1806.08342); Nagel et al. (2019, arXiv:1906.04721).""")
