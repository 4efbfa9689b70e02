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
#     title: Number formats
#     question: What can n bits hold?
#     minutes: 60
#     budget_s: {fast: 15, full: 30}
#     needs: []
#     objectives:
#       - read the sign, the exponent and the mantissa of a number out of its bits, and turn bits into a value
#       - tell the relative precision, the range and the bits per value of a format from how its bits are split
#       - predict which numbers overflow, which vanish and which are kept in float16, bfloat16, float8 and float4
#       - compute the shared scale of a block, and say what it saves and what it costs
#     routes: {numbers: 1}
#     terms:
#       bits per value:
#         text: The bits that one stored number takes, its part of a shared scale counted in.
#         zh: 每值位数
#         note: unit bit
#       block format:
#         text: A number format in which a few neighbours, 16 or 32, share one scale and store only a few bits each.
#         zh: 块格式
#         note: symbol MX, NVFP4
#       dynamic range:
#         text: How far the largest number that a format holds is from the smallest above zero; the exponent bits set
#           it.
#         zh: 动态范围
#         note: symbol max / min
#       exponent:
#         text: The part of a float that says between which two powers of two the number lies.
#         zh: 指数
#         note: symbol e
#       machine epsilon:
#         text: The distance from 1 to the next number that the format holds; rounding errs by half of it at most,
#           relative to the number.
#         zh: 机器精度
#         note: symbol ε = 2⁻ᵐ
#       mantissa:
#         text: The part of a float that says where between two powers of two the number lies; its bits set the relative
#           precision.
#         zh: 尾数
#         note: symbol f, of m bits
#       overflow:
#         text: "A result larger than the largest number of a format: it becomes infinity or NaN, or saturates."
#         zh: 上溢
#       relative error:
#         text: The error as a share of the number itself, so that it can be compared across sizes.
#         zh: 相对误差
#         note: symbol |x̂ − x| / |x|
#       scale:
#         text: The real number that one integer step stands for.
#         zh: 缩放因子
#         note: symbol s · unit real per step
#       SQNR:
#         text: "Signal power over the power of the rounding error, on a logarithmic scale: about 6 dB for each bit."
#         zh: 信号量化噪声比
#         note: unit dB
#       subnormal number:
#         text: A float below the smallest normal number, written without the leading one, with the spacing held and
#           digits lost.
#         zh: 非规格化数
# ---

# %% [markdown]
# # 20 · Number formats
#
# What can n bits hold?

# %%
from labkit import by_profile, deploy, methods, start

import ipywidgets as widgets
import matplotlib.pyplot as plt
import ml_dtypes
import numpy as np

# %% tags=["parameters"]
number: float = 0.1  # the number that is looked at bit by bit; -65504 to 65504
network: str = "lenet5"  # shipped network whose weights are cast; lenet_300_100, lenet5, ds_cnn or resnet8
samples: int = by_profile(1000000, 50000)  # random float32 values compared with ml_dtypes; 1000 to 2000000
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("20", seed=seed)
numerics = methods.numerics
trained = lab.baseline_file(network)
single = [name for name, each in numerics.FORMATS.items() if each.kind != "block"]
floats = [name for name in single if numerics.find(name).kind == "float"]

# %% [markdown]
# ## Predict
#
# The article gives a formula, *precision = bits of the type / total bits*. For float16 and bfloat16 it says the same:
# half of float32. Now round numbers to both and look at the largest relative error. Replace `None` by an option.

# %%
my_guess = None
options = ["the same", "2 times as large", "8 times as large", "256 times as large"]
lab.predict("20.p", "How large is bfloat16's relative error, compared with float16's?", options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# The article's ratio is a ratio of *storage*: 16 bits of 32 are half of the bytes. It cannot be a precision, since it
# does not ask what the bits are for. A float splits them into a sign $s$, an
# [exponent](../docs/glossary.md#exponent) $e$ and a [mantissa](../docs/glossary.md#mantissa) $f$ of $m$ bits:
#
# $$ x = (-1)^s \cdot 2^{\,e - b} \cdot \left(1 + \frac{f}{2^m}\right) $$
#
# The bias $b$ puts exponent 0 in the middle. Between two powers of two the values are evenly spaced, $2^m$ of them.
# Rounding errs by half a spacing at most, so the *relative* error is at most $2^{-(m+1)}$, half of the
# [machine epsilon](../docs/glossary.md#machine-epsilon) $2^{-m}$, wherever the number lies. The mantissa buys
# precision. The exponent buys [range](../docs/glossary.md#dynamic-range). Their sum is all that the article's ratio sees.
#
# When $e = 0$ the leading one is dropped and the spacing stays: these
# [subnormal](../docs/glossary.md#subnormal-number) values lead evenly down to zero. Whole numbers have one spacing
# throughout: a fixed *absolute* error, and no relative one to speak of near zero.
#
# The figure draws the number line of each format of at most 8 bits, a stroke a value. (Those of 16 bits would be solid.)

# %%
lines = [name for name in single if numerics.find(name).bits <= 8]
figure, axes = plt.subplots(figsize=(7.0, 4.6))
for row, name in enumerate(lines):
    shown = numerics.values(name)
    axes.vlines(shown[np.abs(shown) <= 8], row - 0.32, row + 0.32, color=lab.colour("quantization"), linewidth=0.9)
axes.set(xlabel="value (only those from −8 to 8)", yticks=range(len(lines)), yticklabels=lines, ylim=(11.6, -0.6))
axes.grid(visible=False)
lab.show(figure, alt="Strokes of int4 stand evenly; those of the floats crowd at zero and thin out at each power of two.")

# %% [markdown]
# Every step outwards across a power of two doubles the gaps. Beyond 2, float8_e4m3fn has the same strokes as
# float6_e2m3: both have three mantissa bits. What the two more bits buy lies near zero, and beyond the figure's edges.
# int8 and int4 differ only out there.

# %% [markdown]
# ## By hand
#
# Take float16 apart: one bit, five bits, ten bits. NumPy shows the pattern as a whole number.

# %%
half = np.float16(number)
pattern = int(half.view(np.uint16))
sign, exponent, fraction = pattern >> 15, pattern >> 10 & 0b11111, pattern & 0b1111111111
leading = 1 if exponent > 0 else 0
value = (-1) ** sign * 2.0 ** (max(exponent, 1) - 15) * (leading + fraction / 1024)
print(f"{number} is stored as {sign} {exponent:05b} {fraction:010b}, which is {value}")
lab.claim("20.half", "Difference from what NumPy holds", abs(value - float(half)), equals=0, holds="always")

# %% [markdown]
# Ten bits behind the point cannot write one tenth, as ten decimal digits cannot write one third. What is stored is the
# nearest neighbour. Here is the same number in every format. Below the table, when you run this page, stands an
# inspector: type any number, and choose how to round. (A stored page has no kernel to answer, so it keeps the table.)


# %%
def inspector(number: float, rounding: str) -> None:
    """Show the bits of a number in every format, as a table."""
    lab.table([numerics.bits(number, name, rounding) for name in single])


lab.table([numerics.bits(number, name) for name in single], caption=f"{number} in every format")
if lab.edition != "solved":
    widgets.interact(inspector, number=widgets.FloatText(number), rounding=list(numerics.ROUNDINGS[:5]))

# %% [markdown]
# float32 and bfloat16 have equally many exponent bits: bfloat16 *is* the front half of float32, rounded. e8m0 has
# nothing but an exponent; it is made for scales.

# %% [markdown]
# ## With the library
#
# `ml_dtypes` brings the narrow formats to NumPy; TensorFlow and JAX use it. A cast is one call:

# %%
np.array([0.1, 1.0, 300.0, 1000.0], dtype=np.float32).astype(ml_dtypes.float8_e4m3fn)

# %% [markdown]
# 300 became 288, its nearest neighbour; 1000 is past the end, and this format has no infinity. Our `numerics.cast` can
# round in other ways too, which the next lesson needs. Do the two agree on nearest? Compare all float16 values, random
# patterns of float32, and the middles between neighbours, where rounding is decided.

# %%
patterns = lab.rng.integers(0, 2**32, samples, dtype=np.uint64).astype(np.uint32).view(np.float32)
halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
narrow = [numerics.values(name).astype(float) for name in single if name != "float32"]
middles = np.concatenate([(each[1:] + each[:-1]) / 2 for each in narrow])
with np.errstate(all="ignore"):
    every = np.concatenate([part.astype(np.float32) for part in (patterns, halves, middles)])

# %%
compared = []
for name in [*floats, "e8m0"]:
    known = numerics.find(name)
    x = every if known.has_nan else every[~np.isnan(every)]
    x = x if name != "e8m0" else x[~((x > 2.0**-127) & (x < 1.5 * 2.0**-127))]
    with np.errstate(all="ignore"):
        theirs, ours = x.astype(known.ml_dtype).astype(np.float32), numerics.cast(x, name)
    differ = (ours.view(np.uint32) != theirs.view(np.uint32)) & ~(np.isnan(ours) & np.isnan(theirs))
    compared.append({"format": name, "compared": len(x), "different": int(differ.sum())})
lab.table(compared, caption="Casts compared with ml_dtypes, the sign of zero included")
lab.claim("20.casts", "Casts that differ", sum(row["different"] for row in compared), equals=0, holds="always")

# %% [markdown]
# Three things were kept out. NaN, where a format has none: `ml_dtypes` gives a zero, ours says that it cannot. The
# numbers just above e8m0's smallest power: there `ml_dtypes` returns the farther neighbour, ours the nearer. And the
# integers: `ml_dtypes` cuts and wraps around, as C does, while ours round and saturate.

# %% [markdown]
# ## Your turn

# %% [markdown]
# ### 20.1 From bits to a value ★☆☆ · 10 minutes
#
# Decode a bit pattern for any split of the bits: one sign bit, then $E$ exponent bits, then $M$ mantissa bits. The bias
# is $2^{E-1} - 1$. An exponent field of 0 marks zero and the subnormal numbers. A pattern of zeros with the sign bit
# set is −0. Infinity and NaN do not occur.


# %%
def decode(code: int, exponent_bits: int, mantissa_bits: int) -> float:
    """Return the value of a pattern: sign, exponent and mantissa bits, from the top."""
    ### BEGIN SOLUTION
    bias = 2 ** (exponent_bits - 1) - 1
    sign = -1.0 if code >> (exponent_bits + mantissa_bits) else 1.0
    exponent = (code >> mantissa_bits) & (2**exponent_bits - 1)
    fraction = (code & (2**mantissa_bits - 1)) / 2**mantissa_bits
    if exponent == 0:
        return sign * 2.0 ** (1 - bias) * fraction
    return sign * 2.0 ** (exponent - bias) * (1 + fraction)
    ### END SOLUTION


decode = lab.check("20.1", decode)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `code >> n` drops the lowest n bits, and `code & (2**n - 1)` keeps only them. So `(code >> mantissa_bits) &
# (2**exponent_bits - 1)` is the exponent field.
# </details>
# <details><summary>Hint 2</summary>
#
# If the exponent field is 0, there is no leading one, and the power is that of field 1: $2^{1 - \text{bias}}$.
# </details>

# %% [markdown]
# ### 20.2 Four bits ★★★ · 15 minutes
#
# The format float4_e2m1 has eight magnitudes: 0, 0.5, 1, 1.5, 2, 3, 4 and 6, with the patterns 0 to 7. Round each value
# to the nearest of them. Halfway between two magnitudes, take the one with the even *pattern*: 0.75 becomes 1, and 2.5
# becomes 2. Magnitudes above 6 become 6. Each result keeps its sign, even if it is zero: −0.1 becomes −0.


# %%
def to_e2m1(x: np.ndarray) -> np.ndarray:
    """Return x rounded to float4_e2m1, as an array of the same shape."""
    ### BEGIN SOLUTION
    sizes = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
    distance = np.abs(np.minimum(np.abs(x), 6)[..., None] - sizes)
    nearest = distance == distance.min(axis=-1, keepdims=True)
    even = nearest & (np.arange(8) % 2 == 0)
    even_pattern, any_pattern = even.argmax(axis=-1), nearest.argmax(axis=-1)
    pattern = np.where(even.any(axis=-1), even_pattern, any_pattern)
    return np.copysign(sizes[pattern], x)
    ### END SOLUTION


to_e2m1 = lab.check("20.2", to_e2m1)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Work on the magnitudes `np.abs(x)`, and restore the sign at the end: `np.copysign(rounded, x)` copies the sign of x,
# even of a zero.
# </details>
# <details><summary>Hint 2</summary>
#
# `np.abs(magnitudes[..., None] - sizes)` has one more axis: the distance to each of the eight sizes. Where two
# distances are equally small, take the size whose index is even.
# </details>

# %% [markdown]
# ### 20.3 The scale of a block ★★☆ · 10 minutes
#
# The values of an MXFP4 block share a scale, which is a power of two. The standard chooses $2^{\lfloor \log_2 \max |x|
# \rfloor - 2}$. The 2 is the exponent of 4, the largest power of two in e2m1. The exponent of the scale is limited to
# −127 … 127. A block of zeros gets the smallest scale, $2^{-127}$. The logarithm is rounded *down*, also where it is
# negative, and the largest value may therefore be clipped.


# %%
def block_scale(block: np.ndarray) -> float:
    """Return the scale that the values of one MXFP4 block share."""
    ### BEGIN SOLUTION
    largest = float(np.max(np.abs(block)))
    if largest == 0:
        return 2.0**-127
    exponent = int(np.frexp(largest)[1]) - 1
    return 2.0 ** min(max(exponent - 2, -127), 127)
    ### END SOLUTION


block_scale = lab.check("20.3", block_scale)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Find the largest *absolute* value of the block. If it is zero, it has no logarithm: return $2^{-127}$ before you take
# one.
# </details>
# <details><summary>Hint 2</summary>
#
# `np.frexp(v)` writes v as $f \cdot 2^e$ with $0.5 \le f < 1$. So `np.frexp(v)[1] - 1` is $\lfloor \log_2 v \rfloor$,
# without any rounding error. Subtract two and limit the result.
# </details>

# %% [markdown]
# ## Evidence
#
# Every format beside the article's ratio. The last seven are [block formats](../docs/glossary.md#block-format):
# neighbours share a scale, whose bits are counted in. The last column is measured: the largest relative error among
# numbers spread evenly, in the logarithm, over the format's normal range.

# %%
worst, facts = {}, []
for name, known in numerics.FORMATS.items():
    row = {"format": name, "bits a value": known.bits_per_value, "article's ratio": f"{known.bits_per_value / 32:.1%}"}
    row |= {"largest": known.max, "smallest normal": known.smallest_normal, "smallest": known.smallest}
    if name in floats:
        low, high = np.log2(known.smallest_normal), np.log2(known.max)
        x = np.minimum(2.0 ** lab.rng.uniform(low, high, 100_000), known.max)
        worst[name] = float(np.max(np.abs(numerics.cast(x, name).astype(float) - x) / x))
    half = known.epsilon / 2 if name in floats else "–"
    facts.append(row | {"ε / 2": half, "worst measured": worst.get(name, "–")})
lab.table(facts)
past = max(found / (numerics.find(name).epsilon / 2) for name, found in worst.items())
lab.claim("20.relative-error", "Worst relative error, as a share of half an epsilon", past, at_most=1.0, holds="always")

# %% [markdown]
# Look at the rows with equal ratios, float16 and bfloat16, or the four of float8. The ratio is right about the file and
# silent about the rest. The figure shows the rest: the largest relative error among numbers of each size.

# %%
shown = {"float16": 1, "bfloat16": 20, "float8_e4m3fn": 1, "float8_e5m2": 1}
powers = np.arange(-30, 25)
x = 2.0 ** (powers[:, None] + np.linspace(0, 1, 400, endpoint=False))
figure, axes = plt.subplots(figsize=(7.0, 3.8))
for name, at in shown.items():
    error = np.abs(numerics.cast(x, name).astype(float) - x) / x
    top = np.where(np.isfinite(error), error, 1.0).max(axis=1)
    axes.plot(powers, top, color=lab.colour("quantization"), alpha=0.8, linewidth=1.5)
    axes.annotate(name, (at, top[powers == at][0] * 0.88), color=lab.colour("quantization"), va="top", ha="center")
axes.set(xlabel="size (exponent of 2)", ylabel="largest relative error (1: all lost)", yscale="log", ylim=(1e-4, 1.6))
lab.show(figure, alt="float16 and float8 have a flat stretch and climb on both sides; bfloat16 is flat throughout.")
met = {"squared pixels, summed": 130050.0, "a loss": 2.3, "a gradient": 1e-8}
kinds = ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float4_e2m1", "int8"]
lab.table([{"number": f"{what}: {x:g}", **{k: f"{numerics.cast(x, k):.4g}" for k in kinds}} for what, x in met.items()])

# %% [markdown]
# On the left, numbers *vanish*: the subnormals lose digit after digit, then all becomes zero. On the right they
# [overflow](../docs/glossary.md#overflow). The mantissa decides how low the flat stretch lies, the exponent how long it
# is. The table shows three numbers that programs meet; only bfloat16 holds all of them.
#
# Now the weights of a trained network, read from its file. Each layer is cast as it is, or in blocks along the inputs
# of each neuron, or to int8 with one [scale](../docs/glossary.md#scale) a layer. (NVIDIA's recipe for nvfp4 adds a
# scale a tensor, left out here.) The [SQNR](../docs/glossary.md#sqnr) compares the weights' power with that of their
# errors.

# %%
layers = [deploy.inspect.layer(trained, row.index)["weights"] for row in deploy.inspect.layers(trained)]
layers = [kernel.reshape(len(kernel), -1) for kernel in layers]
chosen = ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float4_e2m1"]
chosen += [name for name, each in numerics.FORMATS.items() if each.kind == "block"]
held = {name: [numerics.cast(kernel, name) for kernel in layers] for name in chosen}
held["int8, scaled"] = [methods.quantize.fake_quantize(kernel, 8) for kernel in layers]
width = {name: 8.0 if name not in chosen else numerics.find(name).bits_per_value for name in held}
quality = {name: [methods.quantize.sqnr_db(*pair) for pair in zip(layers, kept, strict=True)] for name, kept in held.items()}
middle = {name: float(np.median(found)) for name, found in quality.items()}

# %%
total, rows = sum(kernel.size for kernel in layers), []
for name in sorted(held, key=lambda name: (-width[name], -middle[name])):
    gone = sum(np.count_nonzero((kept == 0) & (kernel != 0)) for kernel, kept in zip(layers, held[name], strict=True))
    row = {"format": name, "bits a value": width[name], "median": f"{middle[name]:.1f} dB"}
    row |= {"over layers": f"{min(quality[name]):.1f} to {max(quality[name]):.1f}", "vanished": f"{gone / total:.1%}"}
    rows.append(row)
lab.table(rows, caption=f"SQNR of the weights of {network}, {len(layers)} layers")

# %%
figure, axes = plt.subplots(figsize=(7.0, 4.0))
for name in [name for name in held if width[name] < 10]:
    right = name in ("mxint8", "mxfp8_e4m3", "mxfp8_e5m2", "nvfp4", "float4_e2m1")
    place = {"xytext": (8 if right else -8, 0), "textcoords": "offset points", "va": "center"}
    axes.vlines(width[name], min(quality[name]), max(quality[name]), color=lab.colour("quantization"), alpha=0.3)
    axes.plot(width[name], middle[name], "o" if width[name] % 1 else "s", color=lab.colour("quantization"))
    axes.annotate(name, (width[name], middle[name]), ha="left" if right else "right", fontsize=9, **place)
axes.set(xlabel="bits a value, scales included", ylabel="SQNR in dB, median and range over layers", xlim=(3.4, 9.6))
lab.show(figure, alt="Six-bit block formats (circles) lie as high as eight-bit floats; whole numbers of 8 bits lie highest.")

# %% [markdown]
# float4 alone loses almost everything: weights are small, and its smallest step is not. A shared scale for a few
# neighbours repairs that for a fraction of a bit. Two results go against what one often reads. Six bits in blocks do
# as well as eight, since the element has equally many mantissa bits and neighbours need no long range. And among eight
# bits, whole numbers beat floats: weights of a layer are of similar size, so precision pays and range does not.

# %% [markdown]
# ## What goes wrong
#
# float8_e4m3fn in blocks came out *below* plain float8_e4m3fn. A scale should not hurt. Look at the largest number of
# each block: the standard's scale brings it between 256 and 512, and the format ends at 448.

# %%
largest = max(layers, key=lambda kernel: kernel.size)
cut = largest[:, : largest.shape[1] // 32 * 32].reshape(-1, 32)
scale, end = numerics.blocks.block_scales(cut, "mxfp8_e4m3"), numerics.find("float8_e4m3fn").max
clipped = np.max(np.abs(cut), axis=1, keepdims=True) > end * scale
wider = np.where(clipped, 2 * scale, scale)
mended = wider * numerics.cast(cut / wider, "float8_e4m3fn")
before, after = methods.quantize.sqnr_db(cut, numerics.cast(cut, "mxfp8_e4m3")), methods.quantize.sqnr_db(cut, mended)
print(f"{clipped.mean():.1%} of the blocks are clipped; {before:.2f} dB before, {after:.2f} dB with the next scale")
lab.claim("20.scale-gain", "Gain of a scale that clips nothing", after - before, at_least=0.5, unit="dB")

# %% [markdown]
# The number that is clipped is the block's largest, so its error weighs most. Libraries that round the scale up when it
# would clip follow the same format, and store better numbers in it. A format says what can be written. It does not say
# what is written.

# %% [markdown]
# ## What we saw

# %%
ratio = worst["bfloat16"] / worst["float16"]
lab.answer("20.p", min(zip((1, 2, 8, 256), options, strict=True), key=lambda pair: abs(np.log(pair[0] / ratio)))[1])
lab.claim("20.bfloat16", "bfloat16's worst relative error against float16's", ratio, between=(7.8, 8.2), unit="×", holds="always")
lab.claim("20.mxfp6", "mxfp6_e2m3 less mxfp8_e4m3", middle["mxfp6_e2m3"] - middle["mxfp8_e4m3"], at_least=0.0, unit="dB")
lab.claim("20.mxint8", "mxint8 less mxfp8_e4m3", middle["mxint8"] - middle["mxfp8_e4m3"], at_least=9.0, unit="dB")
lab.claim("20.nvfp4", "nvfp4 less mxfp4", middle["nvfp4"] - middle["mxfp4"], at_least=1.0, unit="dB")
a_bit = (middle["float16"] - middle["bfloat16"]) / 3
lab.claim("20.mantissa-bit", "Gain from each of three more mantissa bits", a_bit, between=(5.9, 6.15), unit="dB")

# %%
lab.finish(f"""
The article's formula gives float16 and bfloat16 the same precision, {16 / 32:.0%}. Measured, bfloat16 errs
{ratio:.1f} times as much, and reaches {numerics.find("bfloat16").max / numerics.find("float16").max:.1g} times as far.
What the formula computes is the share of the bytes that is left, and for that it holds. The relative precision is set
by the mantissa, about {a_bit:.1f} dB a bit on these weights; the range is set by the exponent.
On {network}, float4 alone keeps {middle["float4_e2m1"]:.1f} dB; with a shared scale (mxfp4) it keeps
{middle["mxfp4"]:.1f} dB for {width["mxfp4"] - 4:.2f} bits more. All {sum(row["compared"] for row in compared):,} casts
that were compared agree with `ml_dtypes`.

This does **not** show what a network loses: errors of weights are not errors of answers. Nor does it show that whole
numbers are better for activations or gradients, which range far wider than weights; nor any speed.

Further reading: Goldberg, *What every computer scientist should know about floating-point arithmetic* (1991);
Micikevicius et al., *FP8 formats for deep learning* (2022, arXiv:2209.05433); Rouhani et al., *Microscaling data formats
for deep learning* (2023, arXiv:2310.10537). Next: how to round.
""")
