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
#       - read the sign, the exponent and the mantissa from the bits of a number, and compute the value of a bit pattern
#       - derive the relative precision, the range and the bits per value of a format from the way its bits are divided
#       - predict which numbers overflow and which become zero in float16, bfloat16, float8 and float4
#       - compute the shared scale of a block, and compare blocks with one scale per layer
#     routes: {numbers: 1}
#     terms:
#       bits per value:
#         text: The bits that a format spends on one stored number, including its share of a scale.
#         zh: 每值位数
#         note: unit bit
#       block format:
#         text: A number format in which 16 or 32 neighbouring values share one scale, so that each value needs only a
#           few bits.
#         zh: 块格式
#         note: symbol MX, NVFP4
#       dynamic range:
#         text: The ratio of the largest value of a format to its smallest value above zero; the number of exponent
#           bits sets it.
#         zh: 动态范围
#         note: symbol max / min
#       exponent:
#         text: The field of a float that selects the two powers of two between which the number lies.
#         zh: 指数
#         note: symbol e
#       machine epsilon:
#         text: The distance from 1 to the next larger value of a format; half of it bounds the relative error of
#           rounding to nearest.
#         zh: 机器精度
#         note: symbol ε = 2⁻ᵐ
#       mantissa:
#         text: The field of a float that selects one of the evenly spaced values between two powers of two; its length
#           sets the relative precision.
#         zh: 尾数
#         note: symbol f, of m bits
#       overflow:
#         text: "A result beyond the largest value of a format: it becomes infinity or NaN, or saturates at that value."
#         zh: 上溢
#       relative error:
#         text: The error divided by the size of the number, so that errors of large and small numbers can be compared.
#         zh: 相对误差
#         note: symbol |x̂ − x| / |x|
#       scale:
#         text: The real number that a stored value is multiplied by to get the value it represents.
#         zh: 缩放因子
#         note: symbol s · unit real per step
#       SQNR:
#         text: "The signal-to-quantization-noise ratio: the power of the values divided by the power of their rounding
#           errors, in decibels. One more bit adds about 6 dB."
#         zh: 信号量化噪声比
#         note: unit dB
#       subnormal number:
#         text: A float below the smallest normal number; it has no leading one, and the spacing stays the same down to
#           zero.
#         zh: 非规格化数
# ---

# %% [markdown]
# # 20 · Number formats
#
# What can n bits hold?
#
# We work with `methods.numerics`, a module of `labkit` that rounds NumPy arrays to 22 number formats.

# %%
from labkit import by_profile, deploy, methods, start

import ipywidgets as widgets
import matplotlib.pyplot as plt
import ml_dtypes
import numpy as np

# %% tags=["parameters"]
number: float = 0.1  # the number that we take apart bit by bit; -65504 to 65504
network: str = "lenet5"  # in tables; lenet_300_100, lenet5, ds_cnn or resnet8
samples: int = by_profile(1000000, 50000)  # random float32 values; 1000 to 2000000
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("20", seed=seed)
numerics, sqnr_db = methods.numerics, methods.quantize.sqnr_db
kinds = {name: format.kind for name, format in numerics.FORMATS.items()}
single_names = [name for name, kind in kinds.items() if kind != "block"]
float_names = [name for name, kind in kinds.items() if kind == "float"]

# %% [markdown]
# ## Predict
#
# This course grew from a Chinese introductory article on model acceleration. The article gives a formula for the
# precision of a data type: *precision = bits of the type / total bits*. For float16 and bfloat16 it gives the same
# value. We round many numbers to both formats and look at the largest relative error. Replace `None` with an option, in
# quotes.

# %%
my_guess = None
options = ["the same", "2 times as large", "8 times as large", "256 times as large"]
question = "How large is the relative error of bfloat16, compared with float16?"
lab.predict("20.p", question, options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# The article's ratio measures *storage*. It cannot measure precision, because it ignores how the bits are used. A float
# divides them into a sign $s$, an
# [exponent](../docs/glossary.md#exponent) field $e$ and a [mantissa](../docs/glossary.md#mantissa) field $f$ of $m$
# bits:
#
# $$ x = (-1)^s \cdot 2^{\,e - b} \cdot \left(1 + \frac{f}{2^m}\right) $$
#
# With $E$ exponent bits, the bias $b = 2^{E-1}-1$ lets the power $e - b$ be negative. Between two powers of two lie
# $2^m$ evenly spaced values. bfloat16 has $m = 7$: after 1 come 1.0078 and 1.0156.
#
# Rounding to nearest errs by at most half a gap. Half of the gap above 1 is $u = 2^{-(m+1)}$, half of the
# [machine epsilon](../docs/glossary.md#machine-epsilon). In the normal range the *relative* error is at most
# $u/(1+u)$. The mantissa sets the precision; the exponent sets the [range](../docs/glossary.md#dynamic-range).
#
# Two values of $e$ are special. At $e = 0$ there is no leading one, and the gap is that of $e = 1$. These
# [subnormal](../docs/glossary.md#subnormal-number) values lead evenly down to zero. Most formats reserve the largest
# $e$ for infinity and NaN. Floats of 4 and 6 bits, and those with "fn" (finite) in their names, use it for numbers,
# too.
#
# Integers have one gap, so the relative error grows as numbers shrink, up to 1: 0.4 becomes 0. The figure shows the
# values of each format of at most 8 bits.

# %% tags=["hide-input"]
narrow_names = [name for name in single_names if numerics.find(name).bits <= 8]
colour = lab.colour("quantization")
figure, axes = plt.subplots(figsize=(7.0, 4.6))
for row, name in enumerate(narrow_names):
    values = numerics.values(name)
    values = values[np.abs(values) <= 8]
    axes.vlines(values, row - 0.32, row + 0.32, color=colour, linewidth=0.9)
axes.set(xlabel="value (only those from −8 to 8)", yticks=range(len(narrow_names)))
axes.set(yticklabels=narrow_names, ylim=(len(narrow_names) - 0.4, -0.6))
axes.grid(visible=False)
alt = "Strokes of integers are evenly spaced; those of floats are dense near zero."
lab.show(figure, alt=alt)
lab.say("""The gaps of a float double at each power of two, except below the smallest
normal number. From 1 to 7.5, float8_e4m3fn and float6_e2m3 have the same strokes,
because both have three mantissa bits. The other exponent bits of float8_e4m3fn
give values near zero and beyond 7.5.""")

# %% [markdown]
# ## By hand
#
# We take a float16 apart: one sign bit, five exponent bits, ten mantissa bits. NumPy returns the pattern as an
# integer.


# %%
def half_values(patterns: np.ndarray) -> np.ndarray:
    """Return the values of finite float16 patterns (integers from 0 to 65535)."""
    sign = patterns >> 15
    exponent = patterns >> 10 & 0b11111
    fraction = (patterns & 0b1111111111) / 1024
    subnormal = 2.0**-14 * fraction
    normal = 2.0 ** (exponent - 15) * (1 + fraction)
    return np.where(sign == 1, -1, 1) * np.where(exponent == 0, subnormal, normal)


pattern = np.float16(number).view(np.uint16).astype(int)
f"{pattern:016b}", float(half_values(pattern))

# %% [markdown]
# A finite binary fraction cannot equal one tenth, just as a finite decimal fraction cannot equal one third. The format
# stores the nearest value that it has. Our function should be right for *every* pattern, so we compare it with NumPy.

# %%
patterns = np.arange(2**16, dtype=np.uint16)
half_numbers = patterns.view(np.float16).astype(np.float32)
finite = np.isfinite(half_numbers)
decoded = half_values(patterns[finite].astype(int))
wrong_values = np.count_nonzero(decoded != half_numbers[finite])
text = "Our formula gives NumPy's value for every finite float16 pattern"
always = {"holds": "always"}
lab.claim("20.half", text, wrong_values, equals=0, label="different values", **always)

# %% [markdown]
# The table shows the same number in every format. float32 and bfloat16 have the same exponent bits: bfloat16 is the
# upper half of a float32, rounded. e8m0 has only an exponent and serves as a scale. When you run this page, you can type
# another number below the table and choose a rounding.


# %%
def inspector(number: float, rounding: str) -> None:
    """Show the bits of a number in every format, as a table."""
    lab.table([numerics.bits(number, name, rounding) for name in single_names])


rows = [numerics.bits(number, name) for name in single_names]
lab.table(rows, caption=f"{number} in every format")
if lab.edition != "solved":
    box, roundings = widgets.FloatText(number), list(numerics.ROUNDINGS[:5])
    widgets.interact(inspector, number=box, rounding=roundings)

# %% [markdown]
# ## With the library
#
# `ml_dtypes` adds the narrow formats to NumPy; TensorFlow and JAX use it. The next cell casts four numbers. 300 becomes
# 288, the nearest value. 1000 is above the largest value, 448, and the format has no infinity, so the result is NaN.
#
# Our `numerics.cast(array, name)` can also round in other ways, which lesson 21 needs. Does it agree with `ml_dtypes`
# in rounding to nearest? We compare random float32 patterns, all float16 values, the midpoints between neighbouring
# values, and the float32 numbers next to each midpoint.

# %%
numbers = np.array([0.1, 1.0, 300.0, 1000.0], dtype=np.float32)
numbers.astype(ml_dtypes.float8_e4m3fn)

# %%
compared_names = [name for name in [*float_names, "e8m0"] if name != "float32"]
patterns = lab.rng.integers(0, 2**32, samples, dtype=np.uint32)
midpoints = [numerics.midpoints(name) for name in compared_names]
inputs = np.concatenate([patterns.view(np.float32), half_numbers, *midpoints])
different_casts = 0
for name in compared_names:
    x = inputs if numerics.find(name).has_nan else inputs[~np.isnan(inputs)]
    if name == "e8m0":
        x = x[(x <= 2.0**-127) | (x >= 1.5 * 2.0**-127)]
    with np.errstate(all="ignore"):
        reference = x.astype(numerics.find(name).ml_dtype).astype(np.float32)
    ours = numerics.cast(x, name)
    same_bits = ours.view(np.uint32) == reference.view(np.uint32)
    both_nan = np.isnan(ours) & np.isnan(reference)
    different_casts += np.count_nonzero(~same_bits & ~both_nan)

# %% tags=["hide-input"]
text = "Our casts to the ten formats equal those of ml_dtypes (for float16, NumPy)"
lab.claim("20.casts", text, different_casts, equals=0, label="different", **always)
lab.say(f"""We cast {len(inputs):,} numbers to each format. Two cases are excluded, in
which ours differs on purpose. It refuses NaN in formats without NaN, and it returns the
nearer neighbour just above the smallest value of e8m0.""")

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
# to the nearest. Halfway between two magnitudes, take the one with the even *pattern*: 0.75 becomes 1, and 2.5
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
# ### Range and precision
#
# We round numbers whose logarithms are spread evenly over the normal range of each float. The largest relative error
# should be $u/(1+u)$. The table sets it beside the article's ratio.

# %%
measured_error, expected_error = {}, {}
for name in float_names:
    format = numerics.find(name)
    low, high = np.log2(format.smallest_normal), np.log2(format.max)
    x = np.minimum(2.0 ** lab.rng.uniform(low, high, 200_000), format.max)
    rounded = numerics.cast(x, name).astype(np.float64)
    measured_error[name] = np.max(np.abs(rounded - x) / x)
    half_gap = format.epsilon / 2
    expected_error[name] = half_gap / (1 + half_gap)
ratios = [measured_error[name] / expected_error[name] for name in float_names]
deviation = np.max(np.abs(np.array(ratios) - 1))

# %% tags=["hide-input"]
reserved = {"infinity": "infinity, NaN", "nan": "NaN", "none": "nothing"}
rows = []
for name in single_names:
    format, is_float = numerics.find(name), name in float_names
    row = {"format": name, "article's ratio": f"{format.bits / 32:.1%}"}
    row["exponent + mantissa bits"] = (
        f"{format.exponent_bits} + {format.mantissa_bits}" if is_float else "–"
    )
    row["reserved for"] = reserved[format.special]
    row |= {"largest": format.max, "smallest normal": format.smallest_normal}
    row["worst error, expected"] = f"{expected_error[name]:.3g}" if is_float else "–"
    row["measured"] = f"{measured_error[name]:.3g}" if is_float else "–"
    rows.append(row)
lab.table(rows, caption="Formats without a shared scale; errors are relative")
text = "In the normal range, the worst relative error of every float is u/(1 + u)"
label = {"unit": "%", "label": "largest deviation"}
lab.claim("20.relative-error", text, deviation, at_most=0.02, **label, **always)
error_ratio = measured_error["bfloat16"] / measured_error["float16"]
lab.say(f"""float16 and bfloat16 have the same ratio, and the worst error of bfloat16 is
{error_ratio:.2f} times as large. float8_e4m3 and float8_e4m3fn even divide their bits
in the same way. They end at different values because the first reserves the whole
largest exponent, and the second only one pattern.

The next figure includes numbers outside the normal range. Each step is the largest
relative error between two powers of two; an error of 1 means that the number is lost.
Below it are three numbers that programs meet. Predict each entry of that table: kept,
zero or too large?""")
powers = np.arange(-30, 20)
x = 2.0 ** powers[:, None] * np.linspace(1, 2, 4096, endpoint=False)
places = {"float16": (2, 2.4e-4), "bfloat16": (-26, 2e-3)}
places |= {"float8_e4m3fn": (0, 0.03), "float8_e5m2": (2, 0.2)}
figure, axes = plt.subplots(figsize=(7.0, 3.8))
for index, (name, place) in enumerate(places.items()):
    largest = numerics.find(name).max
    rounded = numerics.cast(x, name, saturate=True).astype(np.float64)
    worst = np.max(np.where(x <= largest, np.abs(rounded - x) / x, 0), axis=1)
    end = min(np.log2(largest), 20)
    steps = [*powers[powers <= end], end, 20]
    beyond = 1.0 if end < 20 else worst[-1]
    heights = [*worst[powers <= end], beyond, beyond]
    axes.step(steps, heights, where="post", color=f"C{index}", linewidth=1.5)
    axes.text(*place, name, color=f"C{index}", ha="center", va="center")
axes.set(xlabel="power of two", ylabel="largest relative error", yscale="log")
axes.set(xlim=(-30, 20), ylim=(1e-4, 1.6))
alt = "float16 and float8 are flat in the middle, 1 on both sides; bfloat16 is flat."
lab.show(figure, alt=alt)
examples = {"255² + 255²": 130050.0, "a loss": 2.3, "a small gradient": 1e-8}
shown_names = ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]
shown_names += ["float4_e2m1", "int8"]
rows = []
for description, x in examples.items():
    row = {"number": f"{description}: {x:g}"}
    rows.append(row | {name: f"{numerics.cast(x, name):.4g}" for name in shown_names})
lab.table(rows, caption="Three numbers in six formats")

# %% [markdown]
# On the left of the figure, subnormals lose one bit per power of two until they are zero. On the right, numbers
# [overflow](../docs/glossary.md#overflow). The mantissa bits set the height of the flat part. The exponent bits and the
# reserved patterns set its length. Only bfloat16 keeps all three numbers.
#
# ### What a scale changes
#
# We can divide weights by a [scale](../docs/glossary.md#scale) before we round them, and multiply by it afterwards. A
# [block format](../docs/glossary.md#block-format) has one scale per 32 or 16 neighbours. In MX formats such as mxfp4 it is a power of two; in nvfp4 it has a mantissa. `block_format(element, size)`
# also builds formats that no standard has, to change one thing at a time. We compare the
# [SQNR](../docs/glossary.md#sqnr) of the weights: half the error adds about six decibels.


# %%
networks = ["lenet_300_100", "lenet5", "ds_cnn", "resnet8"]


def kernels(network: str) -> list[np.ndarray]:
    """Return the weights of each layer, one row per neuron."""
    trained_file, result = lab.baseline_file(network), []
    for row in deploy.inspect.layers(trained_file):
        kernel = deploy.inspect.layer(trained_file, row.index)["weights"]
        if row.kind == "depthwise":
            kernel = np.moveaxis(kernel, -1, 0)
        result.append(kernel.reshape(len(kernel), -1))
    return result


def cast_scaled(kernel: np.ndarray, name: str, factor: float = 1.0) -> np.ndarray:
    """Round with one scale, by which the largest weight becomes the largest value."""
    scale = factor * np.max(np.abs(kernel)) / numerics.find(name).max
    return scale * numerics.cast(kernel / scale, name, saturate=True)


# %%
elements = ["float4_e2m1", "float6_e3m2", "float6_e2m3"]
elements += ["float8_e5m2", "float8_e4m3fn", "float8_e3m4", "int8"]


def roundings(kernel: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
    """Return the rounded weights by (format, way to choose the scale)."""
    sixteen = numerics.block_format("float4_e2m1", 16)
    result = {
        ("mxfp4", "16"): numerics.cast_blocks(kernel, sixteen, scales="better"),
        ("nvfp4", "16"): numerics.cast(kernel, "nvfp4"),
        ("int4", "layer"): cast_scaled(kernel, "int4"),
    }
    for name in elements:
        result[name, "layer"] = cast_scaled(kernel, name)
        for rule in ("standard", "unclipped", "better"):
            blocks = numerics.block_format(name, 32)
            result[name, rule] = numerics.cast_blocks(kernel, blocks, scales=rule)
    return result


# %%
def layer_quality(kernel: np.ndarray) -> dict[tuple[str, str], float]:
    """Return the SQNR in dB by (format, way to choose the scale)."""
    rounded = roundings(kernel)
    for name in ("float16", "bfloat16", "float4_e2m1"):
        rounded[name, "none"] = numerics.cast(kernel, name)
    table = {key: sqnr_db(kernel, values) for key, values in rounded.items()}
    factors = np.linspace(0.4, 1.2, 21)
    for name in ("int4", "float4_e2m1"):
        tries = [sqnr_db(kernel, cast_scaled(kernel, name, k)) for k in factors]
        table[name, "best of 21"] = max(tries)
    return table


layers = {each: kernels(each) for each in networks}
quality = {}
for each, weights in layers.items():
    tables = [layer_quality(kernel) for kernel in weights]
    quality[each] = {key: np.array([row[key] for row in tables]) for key in tables[0]}

# %% [markdown]
# The first table compares ways to store weights in about four bits: the median over the layers, and the range. Some
# rows search for the best of 21 scales per layer, or the better of two per block.

# %% tags=["hide-input"]
def middle(name, scaling):
    return float(np.median(quality[network][name, scaling]))


def spread(name, scaling):
    values = quality[network][name, scaling]
    return f"{np.median(values):.1f} ({values.min():.1f} to {values.max():.1f})"


total = sum(kernel.size for kernel in layers[network])
bits = {"none": 4.0}
bits["layer"] = bits["best of 21"] = 4 + 32 * len(layers[network]) / total
for rule, name in {"standard": "mxfp4", "better": "mxfp4", "16": "nvfp4"}.items():
    counts = [numerics.blocks.stored_bits(k, name) * k.size for k in layers[network]]
    bits[rule] = sum(counts) / total
stored = {
    "int4, one scale per layer": ("int4", "layer"),
    "int4, best of 21 scales per layer": ("int4", "best of 21"),
    "float4_e2m1, no scale": ("float4_e2m1", "none"),
    "float4_e2m1, one scale per layer": ("float4_e2m1", "layer"),
    "float4_e2m1, best of 21 scales per layer": ("float4_e2m1", "best of 21"),
    "mxfp4 (blocks of 32)": ("float4_e2m1", "standard"),
    "mxfp4, better of two scales per block": ("float4_e2m1", "better"),
    "mxfp4, better of two scales, but blocks of 16": ("mxfp4", "16"),
    "nvfp4 (blocks of 16)": ("nvfp4", "16"),
}
rows = []
for text, key in stored.items():
    row = {"format": text, "bits per value": f"{bits[key[1]]:.2f}"}
    rows.append(row | {"SQNR in dB": spread(*key)})
lab.table(rows, caption=f"Four bits: {network}, {len(layers[network])} layers")
flat = np.concatenate([np.abs(kernel).ravel() for kernel in layers[network]])
none, one = middle("float4_e2m1", "none"), middle("float4_e2m1", "layer")
blocks, better = middle("float4_e2m1", "standard"), middle("float4_e2m1", "better")
one_searched = middle("float4_e2m1", "best of 21")
by_layer = quality[network]["float4_e2m1", "standard"]
by_layer = by_layer - quality[network]["float4_e2m1", "layer"]
lab.say(f"""Without a scale, {np.mean(flat < 0.25):.1%} of the weights are below a
quarter, half of float4's smallest value, and become zero. One scale per layer adds
{one - none:.1f} dB at almost no cost. Blocks of 32 add {blocks - one:.1f} dB more in
the median, and up to {by_layer.max():.1f} dB in a layer where one large weight sets the
scale of all others. Searched, one scale reaches {one_searched:.1f} dB and mxfp4
{better:.1f} dB. The search matters most for int4: float4's lead of
{one - middle("int4", "layer"):.1f} dB changes to
{one_searched - middle("int4", "best of 21"):+.1f} dB. nvfp4 is better without a search,
and the rows above it show why: smaller blocks alone change
{middle("mxfp4", "16") - better:+.1f} dB, and the finer scale
{middle("nvfp4", "16") - middle("mxfp4", "16"):+.1f} dB.

The second table has all elements. In its last column, a scale is doubled where it would
clip the largest number of the block (see *What goes wrong*). """)
rows = []
for name in elements:
    row = {"element": name, "one scale per layer": spread(name, "layer")}
    row["blocks, standard scale"] = spread(name, "standard")
    rows.append(row | {"blocks, nothing clipped": spread(name, "unclipped")})
lab.table(rows, caption=f"SQNR in dB: weights of {network}, blocks of 32")

# %% [markdown]
# Compare int8 with float8_e3m4, the best float8 here. An integer has one gap, which the largest weight sets. Its SQNR should be
# $20 \log_{10} 127 + 10 \log_{10} 12$ dB less the *peak*, the largest weight over the root mean square, in dB. The SQNR
# of a float hardly depends on the peak. Above some peak, the float should win.

# %%
kernel_list = [kernel for each in networks for kernel in layers[each]]
largest = np.array([np.max(np.abs(kernel)) for kernel in kernel_list])
rms = np.array([np.sqrt(np.mean(kernel**2.0)) for kernel in kernel_list])
peak_db = 20 * np.log10(largest / rms)
int8_db = np.concatenate([each["int8", "layer"] for each in quality.values()])
float_db = np.concatenate([each["float8_e3m4", "layer"] for each in quality.values()])
int8_constant = 20 * np.log10(127) + 10 * np.log10(12)
formula_error = np.max(np.abs(int8_db - (int8_constant - peak_db)))
crossing_db = int8_constant - np.median(float_db)
exceptions = np.count_nonzero((int8_db > float_db) != (peak_db < crossing_db))

# %% tags=["hide-input"]
comparisons = {
    "scale": (("float4_e2m1", "layer"), ("float4_e2m1", "none")),
    "blocks of 4 bits": (("float4_e2m1", "standard"), ("float4_e2m1", "layer")),
    "finer scale": (("nvfp4", "16"), ("mxfp4", "16")),
    "8 bits over 6": (("float8_e4m3fn", "unclipped"), ("float6_e2m3", "unclipped")),
    "blocks of 8 bits": (("float8_e4m3fn", "unclipped"), ("float8_e4m3fn", "layer")),
    "int8 over e3m4": (("int8", "unclipped"), ("float8_e3m4", "unclipped")),
}
gains = {}
for name, (first, second) in comparisons.items():
    gains[name] = {each: np.median(q[first] - q[second]) for each, q in quality.items()}
text = "int8's SQNR follows from the peak of the layer, by the formula"
label = {"label": "largest error", "unit": "dB"}
lab.claim("20.int8-formula", text, formula_error, at_most=0.5, **label, **always)
text = "int8 beats float8_e3m4 exactly in the layers whose peak is below the crossing"
lab.claim("20.e3m4", text, exceptions, equals=0, label="exceptions", **always)
lab.say(f"""The float wins where the largest weight is more than
{10 ** (crossing_db / 20):.1f} times the root mean square: in
{np.count_nonzero(peak_db > crossing_db)} of {len(peak_db)} layers.

The next table has the median over the layers of each difference. Its last three columns
compare blocks in which nothing is clipped.""")
rows = []
for each in layers:
    row = {"network": each, "layers": len(layers[each])}
    rows.append(row | {name: f"{gain[each]:+.2f}" for name, gain in gains.items()})
lab.table(rows, caption="Median difference of the SQNR in dB")
values = {name: np.array(list(gain.values())) for name, gain in gains.items()}
dB = {"unit": "dB", "holds": "always"}
text = "One scale per layer improves float4 in every network"
gain = values["scale"].min()
lab.claim("20.float4-scale", text, gain, at_least=7, label="smallest gain", **dB)
text = "Blocks of 32 add far less to float4 than that scale"
gain = values["blocks of 4 bits"].max()
lab.claim("20.float4-blocks", text, gain, at_most=2.5, label="largest gain", **dB)
text = "In blocks of 16, nvfp4 beats mxfp4 with the better of two scales"
gain = values["finer scale"].min()
lab.claim("20.nvfp4", text, gain, at_least=1, label="smallest gain", **dB)
text = "Unclipped, mxfp6_e2m3 is only slightly below mxfp8_e4m3"
loss = values["8 bits over 6"].max()
lab.claim("20.mxfp6", text, loss, between=(0.2, 0.9), label="largest loss", **dB)
text = "Blocks add nothing to float8_e4m3fn"
change = np.abs(values["blocks of 8 bits"]).max()
label = "largest change"
lab.claim("20.eight-bit-blocks", text, change, at_most=0.2, label=label, **dB)
text = "In blocks, int8 is better than float8_e3m4 in every network"
lead = values["int8 over e3m4"].min()
lab.claim("20.mxint8", text, lead, at_least=3, label="smallest lead", **dB)
lab.say("mxfp6_e2m3 has as many mantissa bits as mxfp8_e4m3, so it loses little.")

# %% [markdown]
# ## What goes wrong
#
# With the standard's scale, float8_e4m3fn in blocks is *worse* than with one scale per layer. This scale brings the
# largest number of a block to between 256 and 512, but the format ends at 448. From 464 on, storing 448 is a larger
# error than rounding would make.

# %%
kernel = max(layers[network], key=lambda kernel: kernel.size)
scales = numerics.blocks.block_scales(kernel, "mxfp8_e4m3")
block_starts = np.arange(0, kernel.shape[1], 32)
block_maxima = np.maximum.reduceat(np.abs(kernel), block_starts, axis=1)
clipped_share = np.mean(block_maxima / scales > 464)
unclipped_gain = {}
for name in elements:
    by_rule = quality[network][name, "unclipped"], quality[network][name, "standard"]
    unclipped_gain[name] = by_rule[0] - by_rule[1]

# %% tags=["hide-input"]
medians = {name: np.median(gain) for name, gain in unclipped_gain.items()}
changes = [f"{name} {round(gain, 2) + 0:+.2f} dB" for name, gain in medians.items()]
smallest = unclipped_gain["float8_e4m3fn"].min()
text = "A scale that clips nothing improves every layer in mxfp8_e4m3"
label = {"label": "smallest gain", "unit": "dB"}
lab.claim("20.scale-gain", text, smallest, at_least=0.5, **label)
lab.say(f"""In the largest layer of {network}, this happens in {clipped_share:.1%} of
the blocks. The clipped number is the largest of its block, so its error weighs most.
The remedy is to double the scale of these blocks: `numerics.cast_blocks(array, name,
scales="unclipped")`. The standard allows it.

It is no general rule, since a doubled scale also doubles the gaps of integers and of
subnormals. The median change over the layers is: {", ".join(changes)}. So compare two
formats only when the scales of both are chosen well.""")

# %% [markdown]
# ## What we saw

# %% tags=["hide-input"]
multiples = np.array([1, 2, 8, 256])
lab.answer("20.p", options[int(np.argmin(np.abs(np.log(multiples / error_ratio))))])
half_gain = quality[network]["float16", "none"] - quality[network]["bfloat16", "none"]
bit_gain = float(np.median(half_gain)) / 3
text = "On average, each additional mantissa bit halves the error of the weights"
label = {"label": "gain per bit", "unit": "dB"}
lab.claim("20.mantissa-bit", text, bit_gain, between=(5.9, 6.15), **label, **always)
reach = numerics.find("bfloat16").max / numerics.find("float16").max
lab.finish(f"""
The article's formula gives float16 and bfloat16 the same precision. In our measurement
the error of bfloat16 is {error_ratio:.1f} times that of float16, and its largest value
is {reach:.1g} times as large. The mantissa sets the precision, {bit_gain:.1f} dB per
bit on these weights; the exponent sets the range.

On {network}, one scale per layer lifts float4 from {none:.1f} to {one:.1f} dB. Blocks
add {blocks - one:.1f} dB in mxfp4, {middle("nvfp4", "16") - one:.1f} dB in nvfp4, and
nothing in eight-bit floats, even unclipped.

This does **not** show how much accuracy a network loses, because an error of the
weights is not an error of the answers. Activations and gradients often have a much
wider range. We measured no speed. A strong rival at four bits has levels that fit the
weights: NormalFloat (Dettmers et al. 2023, arXiv:2305.14314). Lesson 22 computes the
best levels.

Further reading: Goldberg, *What every computer scientist should know about
floating-point arithmetic* (1991); Micikevicius et al., *FP8 formats for deep learning*
(2022, arXiv:2209.05433); Rouhani et al., *Microscaling data formats for deep learning*
(2023, arXiv:2310.10537). Next: how to round, in lesson 21.
""")
