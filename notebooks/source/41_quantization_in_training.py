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
#     title: Quantization in training
#     question: When is retraining needed?
#     minutes: 60
#     budget_s: {fast: 25, full: 280}
#     needs: [22, 40]
#     objectives:
#       - derive the straight-through gradient, and check it by finite differences
#       - learn the step of a quantizer by gradient descent
#       - train with TFMOT's quantize_model, and with a QuantizeConfig of your own for fewer bits
#       - separate the gain of quantization-aware training from the gain of more training
#       - explain TFMOT's refusals, and fix the model that caused each
#     terms:
#       annotated layer:
#         text: A layer marked by TFMOT's `quantize_annotate_layer`; `quantize_apply` then quantizes it in the default way
#           or as its QuantizeConfig says.
#         zh: 标注层
#       fake quantization:
#         text: "Rounding a float to the nearest value that n bits can represent, and computing on in float: a simulation
#           of low precision."
#         zh: 伪量化
#       learned step size:
#         text: A quantization step that is trained together with the weights, by a gradient that treats the rounding
#           error as a constant (LSQ).
#         zh: 可学习步长
#         note: symbol s
#       moving-average range:
#         text: An activation range that keeps a fixed share of its old value at each batch and takes the rest from the
#           batch, so that it changes slowly.
#         zh: 移动平均范围
#       quantization-aware training:
#         text: Training with fake quantization in the network, so that the weights adapt to the rounding.
#         zh: 量化感知训练 (QAT)
#       QuantizeConfig:
#         text: TFMOT's description of the quantizers for one layer's weights, activations and outputs.
#         zh: 量化配置
#       straight-through estimator:
#         text: A replacement for the gradient of rounding, 1 inside the range and 0 outside, which equals the slope of the
#           staircase's mean over one step.
#         zh: 直通估计器
# ---

# %% [markdown]
# # 41 · Quantization in training
#
# When is retraining needed?

# %%
from labkit import assets, by_profile, deploy, keras2, methods, start

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot

# %% tags=["parameters"]
dataset: str = "fashion_mnist"  # data set; fashion_mnist or mnist
network: str = by_profile("ds_cnn", "lenet5")  # to quantize; ds_cnn or lenet5
bits: int = 4  # width of a weight in the main comparison, in bits; 2 to 8
train_images: int = by_profile(10000, 640)  # training images used; 500 to 55000
epochs: int = 1  # passes over them, in each training; 1 to 20
draws: int = by_profile(5, 1)  # trainings per method at this width; 1 to 10
test_images: int = by_profile(10000, 500)  # test images; 100 to 10000
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("41", seed=seed)
qat = keras2.qat
images = lab.data(dataset)
baseline = lab.baseline(network, dataset)
x = assets.data.as_input(images.train.x[:train_images])
y = images.train.y[:train_images]
x_test = assets.data.as_input(images.test.x[:test_images])
y_test = images.test.y[:test_images]
calibration = x[lab.rng.permutation(len(x))[:200]]
augment = {"fashion_mnist": "flip"}.get(dataset)
settings = {"epochs": epochs, "learning_rate": 1e-3, "augment": augment}
step, n = 0.25, 3  # of the staircase below

# %% [markdown]
# ## Predict
#
# [Lesson 40](40_quantization_after_training.ipynb) rounded a trained network and stopped there. On this page the network
# is trained further while it is rounded. This is
# [quantization-aware training](../docs/glossary.md#quantization-aware-training), QAT for short.
#
# More training alone may change a network. So each comparison has a control: the float network, trained further in the
# same way and rounded afterwards. How much does QAT gain over this control? Replace `None` by one of the options.

# %%
my_guess = None
options = ["nothing that we can see", "up to two points", "more than two points"]
lab.predict("41.p", f"What does QAT gain at {bits} bits?", options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# Training needs gradients, and the gradient of rounding is zero almost everywhere. With a
# [step](../docs/glossary.md#quantization-step) $s$ and integers from $-n$ to $n$, the quantizer is
#
# $$ q(x) = s \cdot \mathrm{clip}(\mathrm{round}(x / s),\ -n,\ n) $$
#
# Its graph is a staircase. The [straight-through estimator](../docs/glossary.md#straight-through-estimator) replaces the
# gradient: 1 inside the range, 0 outside. We round in the forward pass, and compute the backward pass as if we had only
# clipped.
#
# Why does this work? Average the staircase over a window of one step. Away from the two ends, the result is exactly the
# straight line. The estimator is the slope of this average.
#
# The same idea gives the step a gradient. We treat the rounding error as a constant and differentiate by $s$:
#
# $$ \frac{\partial q}{\partial s} = \mathrm{round}(x/s) - x/s \ \text{ inside}, \qquad \pm n \ \text{ outside} $$
#
# A clipped weight pulls the step up, a rounded weight may pull it down. So the range need not extend to the largest
# weight; we can [learn the step](../docs/glossary.md#learned-step-size).
#
# The figure shows the staircase for $n = 3$ and its average. The horizontal axis is the weight, the vertical axis the value
# after rounding.

# %% tags=["hide-input"]
line = np.linspace(-1.15, 1.15, 1001)
staircase_line = methods.ste.quantized(line, step, -n, n)
average_line = methods.ste.smoothed(line, step, -n, n)
figure, axes = plt.subplots()
axes.plot(line, staircase_line, color=lab.colour("quantization"))
axes.plot(line, average_line, color=lab.colour("baseline"), linestyle="--")
axes.annotate("staircase", (-0.45, -0.72), color=lab.colour("quantization"))
axes.annotate("average over one step", (0.2, 0.05), color=lab.colour("baseline"))
axes.set(xlabel="weight x", ylabel="value after rounding q(x)")
lab.show(
    figure,
    alt="A staircase of seven levels; its average is a diagonal, flat at both ends.",
)

# %% [markdown]
# ## By hand
#
# We take five weights; the last one is outside the range. Three slopes are printed for each: that of the staircase and
# that of its average, both by finite differences, and the estimator.

# %%
weights, h = np.array([-0.6, -0.1, 0.05, 0.3, 1.0]), step / 20


def staircase(w):
    return step * np.clip(np.round(w / step), -n, n)


def average(w):
    offsets = (np.arange(1000) - 499.5) / 1000
    return np.mean([staircase(w + step * offset) for offset in offsets], axis=0)


print("staircase", (staircase(weights + 1e-6) - staircase(weights - 1e-6)) / 2e-6)
print("average  ", np.round((average(weights + h) - average(weights - h)) / (2 * h), 6))
print("estimator", np.where(np.abs(weights / step) <= n, 1.0, 0.0))

# %% [markdown]
# The last two lines agree. Do they always agree? We compare both slopes for ten thousand random weights, with the
# average in closed form. We leave out weights right at an end of the range, where the average has a corner.

# %%
many, h = lab.rng.normal(0, 0.5, 10000), step / 1000
many = many[np.abs(np.abs(many) - n * step) > h]
above, below = (methods.ste.smoothed(many + d, step, -n, n) for d in (h, -h))
estimator = methods.ste.input_gradient(np.ones_like(many), many, step, -n, n)
slope_difference = np.abs((above - below) / (2 * h) - estimator).max()

# %% tags=["hide-input"]
lab.claim(
    "41.estimator",
    "The estimator is the slope of the averaged staircase",
    slope_difference,
    at_most=1e-6,
    holds="always",
    label="largest difference",
)
lab.say("""### A step that learns

Now we learn the step of a real kernel. It starts at the largest weight divided by $n$,
which is the usual choice after training. Gradient descent on the squared error moves
it. The figure shows the error for many steps, and where the descent starts and ends.
""")

# %%
kernel = baseline.get_layer("logits").get_weights()[0].ravel()
n = 2 ** (bits - 1) - 1
widest = float(np.abs(kernel).max()) / n
learned = methods.ste.learn_step(kernel, bits, widest)[-1]
steps = np.append(np.linspace(0.25, 1.1, 200) * widest, [widest, learned])
rounded = [methods.ste.quantized(kernel, s, -n, n) for s in steps]
step_errors = np.mean((np.array(rounded) - kernel) ** 2, axis=1)

# %% tags=["hide-input"]
figure, axes = plt.subplots()
axes.plot(steps[:-2], 1e4 * step_errors[:-2], color=lab.colour("baseline"))
marks = ("start: largest weight", -2, lab.colour("guide")), ("learned", -1, "C0")
for text, k, shade in marks:
    axes.plot(steps[k], 1e4 * step_errors[k], "o", color=shade)
    place = {"xytext": (0, 12), "textcoords": "offset points", "ha": "right"}
    axes.annotate(text, (steps[k], 1e4 * step_errors[k]), color=shade, **place)
label = f"step of the layer logits at {bits} bits"
axes.set(xlabel=label, ylabel="mean squared error, in 10⁻⁴", ylim=(0, None))
lab.show(
    figure,
    alt="The error is a valley over the step; the learned step is at its lowest point.",
)
lab.claim(
    "41.learned-step",
    "The learned step is nearly the best of all steps",
    step_errors[-1] / step_errors.min(),
    at_most=1.05,
    unit="×",
    label="its error over the smallest",
)

# %% [markdown]
# ## With the library
#
# TFMOT's `quantize_model` wraps each layer with its quantizers, and the wrapped model trains like any other. Its activation
# ranges start at −6 to 6, whatever the network, and each step moves them by 0.1 % towards the batch's range.
# `qat.start_ranges` therefore starts them at the ranges of the calibration images. After training, the converter writes an
# int8 file. It needs no calibration images, because the model brings its ranges along. We compare the classes that the
# Keras model and its file predict.

# %%
tfq, layers = tfmot.quantization.keras, tf.keras.layers
quantized = tfq.quantize_model(keras2.clone(baseline))
qat.start_ranges(quantized, baseline, calibration)
keras2.train(quantized, x, y, seed=seed, **settings)
qat_file = deploy.tflite.convert(quantized, "int8")
file_classes = deploy.tflite.predict(qat_file, x_test).argmax(axis=1)
keras_classes = keras2.logits(quantized, x_test).argmax(axis=1)

# %% tags=["hide-input"]
lab.claim(
    "41.file-answers",
    "The Keras model and its int8 file predict the same classes",
    np.mean(file_classes == keras_classes),
    at_least=0.99,
    unit="%",
    label="equal",
)
counts = qat.ranges(quantized)
lab.table(
    [{"layer": name, "weight ranges": count} for name, count in counts.items()],
    caption="Number of weight ranges per layer",
)
lab.say("""A convolution has one range per channel, and a dense layer has one. A
depthwise layer, if your network has one, also has a single range. TFMOT gives a range
to each position of the kernel's *last axis*, which in a depthwise kernel is not the
channel. So a channel of small weights is trained with the coarse steps of the largest
one. The converter folds batch normalization in afterwards, and the file has one scale
per channel.""")

# %% [markdown]
# ### A QuantizeConfig of your own
#
# TFMOT's default scheme uses eight bits. Its quantizers accept other widths, as in `LastValueQuantizer(num_bits=4, …)`,
# and `experimental.default_n_bit` offers a whole scheme. We need one for weights alone. In a
# [QuantizeConfig](../docs/glossary.md#quantizeconfig), a layer says which of its tensors are quantized, and by which
# quantizer. `qat.WeightsOnly` leaves activations alone. `qat.LastRange(bits)` is TFMOT's `LastValueQuantizer`: its range
# is that of the current weights. `qat.LearnedStep(bits)` learns one step per channel.
#
# Below the class, `quantize_annotate_layer` attaches the config to each layer with a kernel, and `quantize_apply` builds
# the model. TFMOT still gives a ReLU before an annotated layer eight bits. All trainings on this page have the same
# images, passes, rate and augmentation. A draw changes the order of the images.


# %%
class FewBits(qat.WeightsOnly):
    def __init__(self, bits, quantizer):
        self.bits, self.quantizer = bits, quantizer

    def get_weights_and_quantizers(self, layer):
        kernel = getattr(layer, qat.kernel_name(layer))
        return [(kernel, getattr(qat, self.quantizer)(self.bits))]

    def set_quantize_weights(self, layer, rounded):
        setattr(layer, qat.kernel_name(layer), rounded[0])

    def get_config(self):
        return {"bits": self.bits, "quantizer": self.quantizer}


# %%
def few_bits(quantizer, width, draw):
    """Return the baseline, trained further with weights of few bits."""

    def annotate(layer):
        if not qat.kernel_name(layer):
            return layer
        return tfq.quantize_annotate_layer(layer, FewBits(width, quantizer))

    annotated = tf.keras.models.clone_model(keras2.clone(baseline), None, annotate)
    with tfq.quantize_scope({"FewBits": FewBits}):
        model = qat.start_ranges(tfq.quantize_apply(annotated), baseline, calibration)
    keras2.train(model, x, y, seed=seed + draw, **settings)
    return qat.trained_weights(model, baseline)


# %%
control, trained = {}, {}  # float networks by draw; weights by name, width and draw
for draw in range(draws):
    control[draw] = keras2.clone(baseline)
    keras2.train(control[draw], x, y, seed=seed + draw, **settings)
    trained["QAT, TFMOT's range", bits, draw] = few_bits("LastRange", bits, draw)
    trained["QAT, learned steps", bits, draw] = few_bits("LearnedStep", bits, draw)
for width in by_profile((6, 3), ()):
    trained["QAT, TFMOT's range", width, 0] = few_bits("LastRange", width, 0)

# %% [markdown]
# ## Your turn

# %% [markdown]
# ### 41.1 The straight-through estimator ★☆☆ · 10 minutes
#
# Write the backward pass of the quantizer. `upstream` is the gradient of the loss with respect to the quantizer's
# output. Inside the range, pass it on unchanged; outside, the gradient is zero. The two ends, exactly `high` steps from
# zero, belong to the range.


# %%
def straight_through(
    upstream: np.ndarray, x: np.ndarray, step: float, high: int
) -> np.ndarray:
    """Return the gradient with respect to x, for integers from -high to high."""
    ### BEGIN SOLUTION
    inside = np.abs(x / step) <= high
    return np.where(inside, upstream, 0.0)
    ### END SOLUTION


straight_through = lab.check("41.1", straight_through)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `np.where(condition, a, b)` takes the value from `a` where the condition is True, and from `b` elsewhere.
# </details>
# <details><summary>Hint 2</summary>
#
# A value is inside if `x / step`, before rounding, lies between `-high` and `high`, both included.
# </details>

# %% [markdown]
# ### 41.2 The gradient of the step ★★☆ · 10 minutes
#
# Compute $\partial q / \partial s$ for each value, the second formula under *Idea*. At the ends themselves, and beyond
# them, the result is $\pm n$, with the sign of the value. Halfway between two integers, round to the even one, as
# `np.round` does.


# %%
def step_slope(x: np.ndarray, step: float, high: int) -> np.ndarray:
    """Return the derivative of the quantized x with respect to step, value by value."""
    ### BEGIN SOLUTION
    v = x / step
    inside = np.round(v) - v
    return np.where(v >= high, high, np.where(v <= -high, -high, inside))
    ### END SOLUTION


step_slope = lab.check("41.2", step_slope)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# There are three cases: inside the range, at or above the upper end, and at or below the lower end.
# </details>
# <details><summary>Hint 2</summary>
#
# Use one `np.where` inside another. The upper end gives `high`, the lower end `-high`, and the inside the rounded value
# minus the value.
# </details>

# %% [markdown]
# ### 41.3 A range that lags ★☆☆ · 5 minutes
#
# TFMOT computes its activation ranges as [moving averages](../docs/glossary.md#moving-average-range). After each batch,
# the range is `decay` times its old value plus `1 - decay` times the batch's largest activation. Where is the range
# after some batches? Without any batch it is at `start`.


# %%
def moving_range(start: float, seen: np.ndarray, decay: float) -> float:
    """Return the upper end of the range after all batches.

    seen contains the largest activation of each batch, in order.
    """
    ### BEGIN SOLUTION
    upper_end = start
    for largest in seen:
        upper_end = decay * upper_end + (1 - decay) * float(largest)
    return upper_end
    ### END SOLUTION


moving_range = lab.check("41.3", moving_range)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Write a loop over `seen` that updates the range once per batch.
# </details>
# <details><summary>Hint 2</summary>
#
# The line inside the loop is `upper_end = decay * upper_end + (1 - decay) * largest`.
# </details>
#
# With TFMOT's decay of 0.999, half of the start value remains after 693 batches. So a short training run needs ranges
# that start near their final values.

# %% [markdown]
# ## Evidence
#
# ### Eight bits
#
# We begin with int8 files that LiteRT runs. Two are converted from the baseline as in lesson 40, with this page's own
# calibration images. The control is the float network after further training, converted in the same way. The last column is
# the gain over *per channel* on the same test images, with a paired 95 % interval.

# %%
files = {
    "per tensor": deploy.tflite.convert(baseline, "int8", calibration, False),
    "per channel": deploy.tflite.convert(baseline, "int8", calibration),
    "control, per channel": deploy.tflite.convert(control[0], "int8", calibration),
    "QAT": qat_file,
    "float32": lab.baseline_file(network, dataset),
}
lab.measure(qat_file, name="QAT, int8", technique="quantization", latency=False)
eight_hits = {
    name: deploy.tflite.predict(content, x_test).argmax(axis=1) == y_test
    for name, content in files.items()
}

# %% tags=["hide-input"]
no_gain = {"gain in points": "–"}
eight = {
    name: methods.paired.paired(hits, eight_hits["per channel"])
    for name, hits in eight_hits.items()
}
lab.table(
    [
        {"file": name} | each.row() | (no_gain if name == "per channel" else {})
        for name, each in eight.items()
    ],
    caption=f"{network} in int8 files, {len(y_test):,} test images",
)
qat_gain = methods.paired.paired(eight_hits["QAT"], eight_hits["control, per channel"])
rounding = methods.paired.paired(eight_hits["float32"], eight_hits["per channel"])
lab.say(f"""At 8 bits, QAT differs from the control by {qat_gain.gain:+.2f} points
({qat_gain.gain_low:+.2f} to {qat_gain.gain_high:+.2f}). Rounding per channel costs
{rounding.gain:.2f} points against float32, so almost nothing is left to gain.

### Fewer bits

LiteRT's kernels take int8, so fewer bits are simulated: kernels are rounded, everything
else is float32. Before rounding per tensor, batch normalization is folded into the
kernel, as the converter does it and as in the folded rows of lesson 40. The control is
rounded per channel. In the next table, gains are over the control; their intervals
cover images and draws.""")

# %%
widths = sorted({8, 6, 5, 4, 3, bits})
for width in widths:
    for name, per_channel in (("per tensor", False), ("per channel", True)):
        trained[name, width, 0] = qat.rounded_after(baseline, width, per_channel)
    for draw, model in control.items():
        trained["control", width, draw] = qat.rounded_after(model, width)
hits = {}
for (name, width, _), right in qat.correct(baseline, trained, x_test, y_test).items():
    hits.setdefault((name, width), []).append(right)

# %% tags=["hide-input"]
hits = {key: np.array(runs) for key, runs in hits.items()}
few = {name: runs for (name, width), runs in hits.items() if width == bits}
compare = methods.paired.paired_draws
gains = {name: compare(runs, few["control"]) for name, runs in few.items()}
lab.table(
    [
        {"weights": name} | each.row() | (no_gain if name == "control" else {})
        for name, each in gains.items()
    ],
    caption=f"Test accuracy with {bits}-bit weights, simulated",
)
qat_names = ("QAT, TFMOT's range", "QAT, learned steps")
best = max(qat_names, key=lambda name: gains[name].accuracy)
best_gain = gains[best]
per_channel_gain = methods.paired.paired_draws(few[best], few["per channel"])
more = methods.paired.paired_draws(few["control"], few["per channel"])
lab.say(f"""The best QAT gains {per_channel_gain.gain:.2f} points over rounding the
untouched network per channel. More training alone changes that network by
{more.gain:+.2f} points ({more.gain_low:+.2f} to {more.gain_high:+.2f}). Its draws
extend from {more.low:.2%} to {more.high:.2%}, so one training of the control would be
misleading. QAT itself gains {best_gain.gain:.2f} points over the control
({best_gain.gain_low:+.2f} to {best_gain.gain_high:+.2f}).

The next figure shows the error against the bits per weight, on a logarithmic axis. The
vertical distances between the lines are ratios of errors. Look for the width at which
QAT separates from the control.""")

# %% tags=["hide-input"]
figure, axes = plt.subplots(figsize=(7, 4.2))
styles = {
    "per tensor": ("s:", "C1"),
    "per channel": ("o--", "C0"),
    "control": ("v-.", "C2"),
    "QAT, TFMOT's range": ("^-", "C3"),
    "QAT, learned steps": ("D", "C4"),
}
for name, (style, colour) in styles.items():
    own = sorted(width for n, width in hits if n == name)
    errors = [100 * (1 - hits[name, width].mean()) for width in own]
    axes.plot(own, errors, style, color=colour, markersize=5)
signs = {"s": "■", "o": "●", "^": "▲", "v": "▼", "D": "◆"}
for place, name in enumerate(styles):
    axes.text(
        0.98,
        0.95 - 0.075 * place,
        f"{signs[styles[name][0][0]]} {name}",
        transform=axes.transAxes,
        ha="right",
        color=styles[name][1],
    )
float_error = 100 * (1 - eight_hits["float32"].mean())
axes.axhline(float_error, color=lab.colour("baseline"), linewidth=1)
place = {"xytext": (0, -12), "textcoords": "offset points", "ha": "right"}
axes.annotate("float32", (8, float_error), color=lab.colour("baseline"), **place)
axes.set(
    xlabel="bits per weight", ylabel="test error in %", yscale="log", xticks=widths
)
axes.set_yticks([10, 20, 50, 100], ["10", "20", "50", "100"])
axes.minorticks_off()
lab.show(
    figure,
    alt="Error against bits: the lines meet at 8 and 6; QAT rises least below.",
)
lab.say("""From 8 down to 6 bits all ways per channel are close together, and retraining
changes little. Per tensor leaves first. At 4 bits and below, QAT has the smallest
error, and its lead over the control grows as the bits become fewer.""")
lab.claim(
    "41.eight-bits",
    "At 8 bits, QAT and the control are almost equally accurate",
    qat_gain.gain / 100,
    between=(-0.006, 0.006),
    unit="points",
    label="gain of QAT",
)
lab.claim(
    "41.gain",
    "At the main width, QAT is better than more training followed by rounding",
    best_gain.gain / 100,
    at_least=0.005,
    unit="points",
    label="gain",
)
lab.claim(
    "41.loss",
    "At the main width, QAT loses little against float32",
    eight_hits["float32"].mean() - best_gain.accuracy,
    at_most=0.01,
    unit="points",
    label="loss",
)

# %% [markdown]
# ## What goes wrong
#
# TFMOT refuses some models, and its messages seldom say why. We give it six small models. `keras2.translated` explains each
# refusal, and we give TFMOT a fixed model as well.
#
# If your model is trained already, a second question matters: does the fixed model compute the same with the same weights? We
# set the weights and measure. Two fixes move a step out of the model: the images are scaled or normalized before they
# enter it.


# %%
def net(*parts):
    """Return a small classifier around parts, with random weights."""
    head = [*parts, layers.Flatten(), layers.Dense(3)]
    model = tf.keras.Sequential([tf.keras.Input((8, 8, 1)), *head])
    for weight in model.weights:
        values = lab.rng.normal(0, 0.5, weight.shape)
        weight.assign(np.abs(values) if "variance" in weight.name else values)
    return model


class Subclassed(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.inner = net(conv(4, 3))

    def call(self, images):
        return self.inner(images)


# %%
conv, norm, scale = layers.Conv2D, layers.BatchNormalization, layers.Rescaling(1 / 255)
first_norm, plain = norm(), net(conv(4, 3))
nested = net(tf.keras.Sequential([conv(4, 3)]))
relu_first = net(conv(4, 3, activation="relu"), norm())
norm_first = net(conv(4, 3), norm(), layers.ReLU())
cases = {  # given, fixed, and what happens to the images before they enter
    "ReLU before normalization": (relu_first, norm_first, None),
    "normalization first": (net(first_norm, conv(4, 3)), net(conv(4, 3)), first_norm),
    "Rescaling": (net(scale, conv(4, 3)), net(conv(4, 3)), scale),
    "a model in a model": (nested, net(conv(4, 3)), None),
    "a subclassed model": (Subclassed(), net(conv(4, 3)), None),
    "a quantized model": (tfq.quantize_model(plain), plain, None),
}

# %%
sample, refusals, differences = lab.rng.random((64, 8, 8, 1)).astype("float32"), {}, {}
for name, (given, fixed, prepare) in cases.items():
    if name != "a quantized model":
        outputs = given(sample).numpy()
        fixed.set_weights(given.get_weights()[-len(fixed.weights) :])
        change = fixed(prepare(sample) if prepare else sample).numpy() - outputs
        differences[name] = np.abs(change).max() / np.abs(outputs).max()
    refusals[name] = *qat.refusal(given), qat.refusal(fixed)[1]

# %% tags=["hide-input"]
shown_differences = {name: f"{value:.1%}" for name, value in differences.items()}
lab.table(
    [
        {
            "given": name,
            "TFMOT": message[:60] + "…",
            "explanation": explained,
            "fixed model": again or "accepted",
            "outputs differ by": shown_differences.get(name, "–"),
        }
        for name, (message, explained, again) in refusals.items()
    ]
)
fixes = [b > again == "" for _, b, again in refusals.values()]
same = [d for name, d in differences.items() if name != "ReLU before normalization"]
lab.claim(
    "41.refusals",
    "TFMOT refuses each model and accepts each fixed one",
    sum(fixes),
    equals=6,
    holds="always",
    label="models",
)
lab.claim(
    "41.same-weights",
    "All fixes but one compute the same with the same weights",
    max(same),
    at_most=1e-4,
    holds="always",
    label="largest relative difference",
)
lab.claim(
    "41.other-function",
    "Moving a ReLU behind the normalization changes the function",
    differences["ReLU before normalization"],
    at_least=0.01,
    holds="always",
    label="relative difference",
)
lab.say("""TFMOT knows patterns, such as a convolution, then batch normalization, then a
ReLU layer. It has no range for a layer that fits no pattern. Only the first case
changes the function: ReLU and normalization do not commute, so the fixed network has to
be trained again. In the other cases a trained network can keep its weights. A model
that is quantized already has nothing to fix: start from the float model.""")

# %% [markdown]
# ## What we saw

# %% tags=["hide-input"]
seen = 0 if best_gain.gain_low <= 0 else 1 if best_gain.gain <= 2 else 2
lab.answer("41.p", options[seen])
lab.finish(f"""
At 8 bits, {network} has {eight["per channel"].accuracy:.2%} per channel without
retraining, {eight["QAT"].accuracy:.2%} with QAT and {eight["float32"].accuracy:.2%} in
float32: retraining is not needed. At {bits} bits it has
{gains["per tensor"].accuracy:.2%} per tensor and {gains["per channel"].accuracy:.2%}
per channel. After more float training it has {gains["control"].accuracy:.2%}, and QAT
reaches {gains["QAT, TFMOT's range"].accuracy:.2%} with TFMOT's range and
{gains["QAT, learned steps"].accuracy:.2%} with learned steps. Retraining is needed
where rounding per channel begins to cost accuracy.

This does **not** rank the two quantizers: the trainings are short, and one rate was
used for all. No file here stores weights of few bits. On ImageNet, Nagel et al. (2019)
repair MobileNetV2 per tensor at 8 bits without any training, and come close to QAT.

Further reading: Bengio et al. (2013, arXiv:1308.3432); Jacob et al. (2018,
arXiv:1712.05877); Nagel et al. (2019, arXiv:1906.04721); Esser et al. (2020,
arXiv:1902.08153).""")
