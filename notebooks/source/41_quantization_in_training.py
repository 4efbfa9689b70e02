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
#     budget_s: {fast: 40, full: 190}
#     needs: [22, 40]
#     objectives:
#       - derive the straight-through gradient, and check it by finite differences
#       - learn the step of a quantizer by gradient descent
#       - train with TFMOT's quantize_model, and with a QuantizeConfig of your own where it has none
#       - tell by measurement at which width retraining begins to pay
#       - read TFMOT's refusals, and mend the model that caused each
#     terms:
#       annotated layer:
#         text: A layer marked by TFMOT's `quantize_annotate_layer`, so that `quantize_apply` quantizes it, in the
#           default way or as its QuantizeConfig says.
#         zh: 标注层
#       fake quantization:
#         text: "Rounding a float to the nearest value that n bits can hold, and going on in float: a simulation of low
#           precision."
#         zh: 伪量化
#       learned step size:
#         text: A quantization step that is trained together with the weights, by a gradient that holds the rounding
#           error fixed (LSQ).
#         zh: 可学习步长
#         note: symbol s
#       moving-average range:
#         text: An activation range that keeps a fixed share of its old value at each batch and takes the rest from the
#           batch, so that it lags behind.
#         zh: 移动平均范围
#       quantization-aware training:
#         text: Training with fake quantization in the network, so that it learns to live with it.
#         zh: 量化感知训练 (QAT)
#       QuantizeConfig:
#         text: TFMOT's description of what is quantized in one layer, weights, activations and outputs, and by which
#           quantizers.
#         zh: 量化配置
#       straight-through estimator:
#         text: A stand-in for the slope of rounding, 1 inside the range and 0 beyond it, which equals the slope of the
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
network: str = by_profile("ds_cnn", "lenet5")  # network to quantize; ds_cnn or lenet5
bits: int = 4  # width of a weight where eight bits are not the question, in bits; 2 to 8
train_images: int = by_profile(20000, 1280)  # training images used; 1000 to 55000
epochs: int = by_profile(2, 1)  # passes over them, in each training; 1 to 20
calibration_images: int = by_profile(200, 50)  # training images that set ranges; 10 to 2000
test_images: int = by_profile(10000, 1000)  # test images; 100 to 10000
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("41", seed=seed)
qat = keras2.qat
images = lab.data(dataset)
baseline = lab.baseline(network, dataset)
x, y = assets.data.as_input(images.train.x[:train_images]), images.train.y[:train_images]
x_test, y_test = assets.data.as_input(images.test.x[:test_images]), images.test.y[:test_images]
calibration = x[lab.rng.permutation(len(x))[:calibration_images]]
ways, augment = {"per tensor": False, "per channel": True}, {"fashion_mnist": "flip"}.get(dataset)

# %% [markdown]
# ## Predict
#
# [Lesson 40](40_quantization_after_training.ipynb) rounded a trained network and was done. Here the network goes on
# training while it is rounded: [quantization-aware training](../docs/glossary.md#quantization-aware-training), QAT for
# short. Replace `None` by one of the options.

# %%
my_guess = None
options = ["less than the test images can show", "up to a point", "one to five points", "more than five points"]
lab.predict("41.p", "How much better is int8 with retraining than without, a scale for each channel?", options, my_guess)

# %% [markdown]
# ## Idea
#
# Training needs slopes, and rounding has none. With a [step](../docs/glossary.md#quantization-step) $s$ and whole numbers
# from $-n$ to $n$,
#
# $$ q(x) = s \cdot \mathrm{clip}(\mathrm{round}(x / s),\ -n,\ n) $$
#
# is a staircase: level almost everywhere, so that every gradient through it is zero. The
# [straight-through estimator](../docs/glossary.md#straight-through-estimator) puts another slope in its place: 1 inside
# the range, 0 beyond it. One rounds on the way
# forward, and pretends on the way back that one had only clipped.
#
# Why should that work? Look at the staircase from a distance. Its mean over a window of one step is exactly the straight
# line, up to the ends. The estimator is the slope of that mean: wrong at every point, right on average.
#
# The same trick gives the step a slope. Hold the rounding error fixed, and differentiate by $s$:
#
# $$ \frac{\partial q}{\partial s} = \mathrm{round}(x/s) - x/s \ \text{ inside}, \qquad \pm n \ \text{ beyond the ends} $$
#
# If the error is to shrink, a clipped weight asks for a larger step, a rounded one for a smaller. So the range need not be
# that of the largest weight; it can be [learned](../docs/glossary.md#learned-step-size).

# %%
step, n, line = 0.25, 3, np.linspace(-1.15, 1.15, 1001)
figure, axes = plt.subplots()
axes.plot(line, methods.ste.quantized(line, step, -n, n), color=lab.colour("quantization"))
axes.plot(line, methods.ste.smoothed(line, step, -n, n), color=lab.colour("baseline"), linestyle="--")
axes.annotate("staircase", (-0.45, -0.72), color=lab.colour("quantization"))
axes.annotate("its mean over one step", (0.2, 0.05), color=lab.colour("baseline"))
axes.set(xlabel="weight x", ylabel="what is stored for it")
lab.show(figure, alt="A staircase of seven levels; its moving mean is a straight diagonal, flat beyond the two ends.")

# %% [markdown]
# ## By hand
#
# Five weights, the last beyond the range. Which slope has the staircase, which its mean, which the estimator? The first two
# by finite differences.

# %%
weights, h = np.array([-0.6, -0.1, 0.05, 0.3, 1.0]), step / 20


def staircase(w):
    return step * np.clip(np.round(w / step), -n, n)


def mean_of_staircase(w):
    return np.mean([staircase(w + step * offset / 1000) for offset in np.arange(1000) - 499.5], axis=0)


print("staircase", (staircase(weights + 1e-6) - staircase(weights - 1e-6)) / 2e-6)
print("its mean ", np.round((mean_of_staircase(weights + h) - mean_of_staircase(weights - h)) / (2 * h), 6))
print("estimator", np.where(np.abs(weights / step) <= n, 1.0, 0.0))

# %% [markdown]
# The second and the third line agree. Do they always? Ten thousand random weights, and the mean in closed form; only
# weights within the difference's reach of an end are left out, where the mean has a corner.

# %%
many, h = lab.rng.normal(0, 0.5, 10000), step / 1000
many = many[np.abs(np.abs(many) - n * step) > h]
slope = (methods.ste.smoothed(many + h, step, -n, n) - methods.ste.smoothed(many - h, step, -n, n)) / (2 * h)
off = np.abs(slope - methods.ste.input_gradient(np.ones_like(many), many, step, -n, n)).max()
lab.claim("41.estimator", "Estimator and slope of the mean differ by, at most", off, at_most=1e-6, holds="always")

# %% [markdown]
# ### A step that learns
#
# Now the kernel of a real layer. Its step starts at the largest weight over $n$, as after training, and goes down the
# gradient of the squared error. It stops where what clipping adds and what finer rounding saves are equal.

# %%
kernel, n = baseline.get_layer("logits").get_weights()[0].ravel(), 2 ** (bits - 1) - 1
widest = float(np.abs(kernel).max()) / n
learned = methods.ste.learn_step(kernel, bits, widest)[-1]
steps = np.append(np.linspace(0.25, 1.1, 200) * widest, [widest, learned])
errors = np.array([np.mean((methods.ste.quantized(kernel, s, -n, n) - kernel) ** 2) for s in steps])
figure, axes = plt.subplots()
axes.plot(steps[:-2], 1e4 * errors[:-2], color=lab.colour("baseline"))
for text, k, shade in (("largest weight", -2, "#777777"), ("learned", -1, lab.colour("quantization"))):
    axes.plot(steps[k], 1e4 * errors[k], "o", color=shade)
    axes.annotate(text, (steps[k], 1e4 * errors[k]), (0, 12), textcoords="offset points", ha="right", color=shade)
axes.set(xlabel=f"step of the layer logits at {bits} bits", ylabel="mean squared error, in 10⁻⁴", ylim=(0, None))
lab.show(figure, alt="The error is a valley over the step; the learned step lies at its floor, the widest up the slope.")
lab.claim("41.learned-step", "Squared error: learned step over the best of all", errors[-1] / errors.min(), at_most=1.1, unit="×")

# %% [markdown]
# ## With the library
#
# `quantize_model` wraps each layer with its quantizers; the wrapped model trains like any other. One thing it does not do:
# its activation ranges start at −6 to 6, whatever the network, and move a thousandth of the way at each step.
# `qat.start_ranges` sets them to what the calibration images give.

# %%
tfq, layers = tfmot.quantization.keras, tf.keras.layers
quantized = tfq.quantize_model(keras2.clone(baseline))
qat.start_ranges(quantized, baseline, calibration)
keras2.train(quantized, x, y, epochs=epochs, learning_rate=3e-4, augment=augment, seed=seed)
content = deploy.tflite.convert(quantized, "int8")
theirs, ours = deploy.tflite.predict(content, x_test).argmax(axis=1), keras2.logits(quantized, x_test).argmax(axis=1)
lab.claim("41.file-answers", "Test images that the Keras model and its file name alike", np.mean(theirs == ours), at_least=0.995, unit="%")

# %% [markdown]
# The file needs no images of calibration: it brings its ranges along. How many has each layer?

# %%
lab.table([{"layer": name, "ranges of the kernel": count} for name, count in qat.ranges(quantized).items()])

# %% [markdown]
# Convolutions have one a channel; the dense layer has one. Look at the depthwise layers, if your network has them: one as
# well. TFMOT takes a range for each place of the kernel's *last axis*, and in a depthwise kernel that is not the channel.
# The converter folds batch normalization in afterwards and stretches each channel, so the file does hold a scale for each.
# But a channel of small weights was trained with the coarse steps of the largest.
#
# ### A QuantizeConfig of your own
#
# TFMOT has no four bits. But a layer may bring a [QuantizeConfig](../docs/glossary.md#quantizeconfig), which says what is quantized, and how. Ours rounds
# the kernel: in TFMOT's manner (`LastRange`), or with a learned step for each channel (`LearnedStep`). `WeightsOnly` is
# a `QuantizeConfig` that answers *none* to its three questions about activations.


# %%
class FewBits(qat.WeightsOnly):
    def __init__(self, bits, quantizer):
        self.bits, self.quantizer = bits, quantizer

    def get_weights_and_quantizers(self, layer):
        return [(getattr(layer, qat.kernel_name(layer)), getattr(qat, self.quantizer)(self.bits))]

    def set_quantize_weights(self, layer, rounded):
        setattr(layer, qat.kernel_name(layer), rounded[0])

    def get_config(self):
        return {"bits": self.bits, "quantizer": self.quantizer}


# %% [markdown]
# `quantize_annotate_layer` attaches it, `quantize_apply` puts it to work. A ReLU before an annotated layer gets eight bits
# of its own accord. Learning rates were chosen on validation images, of two, and not in every row were both tried.


# %%
def few_bits(quantizer: str):
    """The baseline, trained on with weights of *bits* bits."""

    def annotate(layer):
        return tfq.quantize_annotate_layer(layer, FewBits(bits, quantizer)) if qat.kernel_name(layer) else layer

    annotated = tf.keras.models.clone_model(keras2.clone(baseline), clone_function=annotate)
    with tfq.quantize_scope({"FewBits": FewBits}):
        model = qat.start_ranges(tfq.quantize_apply(annotated), baseline, calibration)
    keras2.train(model, x, y, epochs=epochs, learning_rate=1e-3, augment=augment, seed=seed)
    return model


trained = {"QAT, as TFMOT does it": few_bits("LastRange"), "QAT, learned steps": few_bits("LearnedStep")}

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
# First eight bits, in files that LiteRT runs. Each is set beside the file of lesson 40, one scale a channel and no
# retraining, on the same images.

# %%
forms = {name: deploy.tflite.convert(baseline, "int8", calibration, kept) for name, kept in ways.items()}
forms |= {"QAT, as TFMOT does it": content, "float32": lab.baseline_file(network, dataset)}
eight = {name: deploy.tflite.predict(form, x_test).argmax(axis=1) == y_test for name, form in forms.items()}
for name in [*ways, "QAT, as TFMOT does it"]:
    lab.measure(forms[name], name=f"{network}, {name}", technique="quantization", network=network, latency=False)

# %% [markdown]
# Then fewer bits. LiteRT's kernels take int8, so these are simulated: kernels rounded, everything else in float32. For the
# rows without retraining, batch normalization is first folded into the kernel, as the converter does it. The last column
# is the gain over *per channel* at the same width, on the same images.

# %%
widths = sorted({8, 6, 5, 4, 3, bits})
sets = {(name, b): qat.rounded_after(baseline, b, kept) for b in widths for name, kept in ways.items()}
sets |= {(name, bits): qat.trained_weights(model, baseline) for name, model in trained.items()}
simulated = qat.correct(baseline, sets, x_test, y_test)
few = {name: hits for (name, b), hits in simulated.items() if b == bits}
rows = {f"8 bits, {name}, file": methods.paired.paired(hits, eight["per channel"]) for name, hits in eight.items()}
rows |= {f"{bits} bits, {name}, simulated": methods.paired.paired(hits, few["per channel"]) for name, hits in few.items()}
lab.table([{"weights": name.replace("8 bits, float32", "float32")} | each.row() for name, each in rows.items()])

# %%
at8, at4 = rows["8 bits, QAT, as TFMOT does it, file"], rows[f"{bits} bits, QAT, learned steps, simulated"]
lab.claim("41.eight-bits", "Retraining and none differ at 8 bits by", abs(at8.gain) / 100, at_most=0.01, unit="points")
lab.claim("41.gain", f"Gained by retraining at {bits} bits", at4.gain / 100, at_least=0.02, unit="points")
lab.claim("41.loss", f"Lost at {bits} bits against float32", eight["float32"].mean() - at4.accuracy, at_most=0.02, unit="points")
seen = "no gap" if at8.gain_low <= 0 <= at8.gain_high else f"a gap of {at8.gain:+.2f} points"

# %%
figure, axes = plt.subplots()
for name, form, k in (("per channel", "o-", 0), ("per tensor", "s:", 1)):
    shares = [100 * simulated[name, b].mean() for b in widths]
    axes.plot(widths, shares, form, color=lab.colour("quantization"))
    axes.annotate(name, (widths[k], shares[k]), (9, -9), textcoords="offset points", color=lab.colour("quantization"))
axes.plot([bits, 8], [100 * at4.accuracy, 100 * at8.accuracy], "^", color="#222222", markersize=9)
axes.annotate("retrained", (bits, 100 * at4.accuracy), (0, 8), textcoords="offset points", ha="center", color="#222222")
axes.set(xlabel="bits of a weight", ylabel="test accuracy in %", xticks=widths, ylim=(0, 105))
lab.show(figure, alt="Accuracy against bits: level down to six; then per tensor falls first; retraining stays level.")

# %% [markdown]
# ## What goes wrong
#
# TFMOT takes some models and refuses others, and its messages seldom say why. Six refusals, each from a small model that
# was really given to it. `keras2.translated` says what was meant. The last column is a model that was mended accordingly,
# and given to it again.


# %%
def net(*parts):
    """A small classifier around *parts*."""
    return tf.keras.Sequential([tf.keras.Input((8, 8, 1)), *parts, layers.Flatten(), layers.Dense(3)])


def conv(activation=None):
    return layers.Conv2D(4, 3, activation=activation)


norm, plain = layers.BatchNormalization, net(conv())
failures = {
    "Conv2D(relu), BatchNormalization": (net(conv("relu"), norm()), net(conv(), norm(), layers.ReLU())),
    "BatchNormalization first": (net(norm(), conv()), net(conv(), norm())),
    "Rescaling": (net(layers.Rescaling(1 / 255), conv()), plain),
    "a model in a model": (net(tf.keras.Sequential([conv()])), plain),
    "a subclassed model": (type("Subclassed", (tf.keras.Model,), {})(), plain),
    "a quantized model": (tfq.quantize_model(plain), plain),
}

# %%
tried = {name: (*qat.refusal(broken), qat.refusal(mended)[1]) for name, (broken, mended) in failures.items()}
lab.table([{"given": k, "TFMOT": a[:70] + "…", "means": b, "mended": c or "taken"} for k, (a, b, c) in tried.items()])
lab.claim("41.refusals", "Refused, and taken once mended", sum(b > c == "" for _, b, c in tried.values()), equals=6, holds="always")

# %% [markdown]
# The first three are one matter. TFMOT knows patterns: a convolution, then batch normalization, then ReLU as a layer of
# its own, which become one step in the file. What fits no pattern, it has no range for. A trained network is
# mended by building the other form and setting the same weights into it.

# %% [markdown]
# ## What we saw

# %%
lab.answer("41.p", options[[at8.gain_low <= 0, at8.gain < 1, at8.gain < 5, True].index(True)])
lab.finish(f"""
At 8 bits {network} has {eight["per channel"].mean():.2%} with a scale for each channel and {at8.accuracy:.2%} retrained
({eight["float32"].mean():.2%} in float32): **{seen}** that {len(y_test):,} images can tell from chance. At {bits} bits
it has {few["per tensor"].mean():.2%} with one scale a kernel, {few["per channel"].mean():.2%} per channel; retrained,
{few["QAT, as TFMOT does it"].mean():.2%} with TFMOT's ranges, {at4.accuracy:.2%} with learned steps. Retraining is
needed where rounding per channel has begun to hurt. This does **not** rank the two ways of retraining: each was trained
once, and briefly. No file here stores the few bits.

Further reading: Bengio (2013, arXiv:1308.3432); Jacob (2018, arXiv:1712.05877); Esser (2020, arXiv:1902.08153).""")
