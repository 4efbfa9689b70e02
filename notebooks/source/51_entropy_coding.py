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
#     title: Entropy coding
#     question: How small can a file get?
#     minutes: 55
#     budget_s: {fast: 15, full: 30}
#     needs: [30]
#     objectives:
#       - compute the entropy of a stream, and explain which files it bounds and which it does not
#       - build a Huffman code by hand, and explain why it needs at least one bit per symbol
#       - narrow an interval as a range coder does, and measure that its bytes are within 0.1 % of the entropy
#       - measure what a model that learns from neighbours saves on the mask of a real layer, and find the cause
#     routes: {size: 2}
#     terms:
#       adaptive model:
#         text: Frequencies that encoder and decoder learn in the same way from the symbols coded so far, so that the
#           file need not store them.
#         zh: 自适应模型
#       asymmetric numeral systems:
#         text: An entropy coder (ANS) that keeps the message in one whole number and decodes from its end; as compact as
#           a range coder, and faster to decode.
#         zh: 非对称数字系统
#       canonical code:
#         text: A prefix code whose code words are assigned in a fixed order, so that their lengths alone define the
#           whole code.
#         zh: 规范霍夫曼编码
#       context model:
#         text: A model with separate frequencies for each context. The context is what the decoder knows before it
#           decodes a symbol, such as its neighbours.
#         zh: 上下文模型
#       entropy of a mask:
#         text: The average number of bits that one position of a random mask needs at least; divided by the density p,
#           the bits per kept weight.
#         zh: 掩码熵
#         note: symbol H(p) · unit bit
#       Huffman code:
#         text: The best prefix code for given counts, made by joining the two rarest groups until one is left.
#         zh: 霍夫曼编码
#       prefix code:
#         text: A code with a whole number of bits per symbol in which no code word is the beginning of another, so that
#           words need no separator.
#         zh: 前缀码
#       range coder:
#         text: "An arithmetic coder with whole numbers: each symbol narrows an interval in proportion to its frequency,
#           and bytes that can no longer change are written."
#         zh: 区间编码器
# ---

# %% [markdown]
# # 51 · Entropy coding
#
# How small can a file get?

# %%
from fractions import Fraction
from math import ceil, lgamma, log, log2
import lzma
import zlib

from labkit import by_profile, deploy, methods, start

import constriction
import matplotlib.pyplot as plt
import numpy as np

# %% tags=["parameters"]
symbols: int = 266200  # length of the random stream; 20000 to 1000000
density: float = 0.08  # probability of a one in it; 0.01 to 0.5
block: int = 4  # symbols that are joined into one for Huffman; 2 to 10
sparsity: float = 0.92  # fraction of the layer's weights set to zero; 0.5 to 0.99
neurons: int = by_profile(300, 60)  # neurons of the layer whose mask we code; 20 to 300
draws: int = by_profile(20, 3)  # shuffled masks of each kind; 2 to 30
seed: int = 51  # random seed; 0 to 2**31 - 1

# %%
lab = start("51", seed=seed)
coding = methods.coding
stream = (lab.rng.random(symbols) < density).astype(np.int32)
counts = np.bincount(stream, minlength=2)
first_layer = deploy.inspect.layer(lab.baseline_file("lenet_300_100"), 0)["weights"]

# %% [markdown]
# ## Predict
#
# A [mask](../docs/glossary.md#mask) has a 1 for each weight that pruning keeps and a 0 for each weight that it removes. We
# code two masks. `stream` is random and has as many symbols as LeNet-300-100 has weights. The other mask is real: we
# prune the network's first layer by magnitude.
#
# No code for independent random symbols is shorter on average than their [entropy](../docs/glossary.md#entropy). The
# symbols of a real mask need not be independent. How far below the entropy for its density can we get?

# %%
my_guess = None
options = ["not at all", "less than a tenth", "a tenth to a third", "more than a third"]
question = "How far below the entropy of its density can a real mask get?"
lab.predict("51.p", question, options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# If $pN$ of $N$ symbols are ones, there are $\binom{N}{pN}$ possible messages. To number them all, we
# need $\log_2\binom{N}{pN}$ bits.
# For long messages this is, per symbol,
#
# $$ H = -\sum_s p_s \log_2 p_s $$
#
# where $p_s$ is the share of symbol $s$. $H$ is the *entropy*. A symbol needs $-\log_2 p_s$ bits: a symbol with a share of
# one half needs 1 bit, one with a share of 0.92 needs 0.12 bits.
#
# A [prefix code](../docs/glossary.md#prefix-code) gives each symbol a whole number of bits.
# [Huffman's](../docs/glossary.md#huffman-code) is the best one: the two rarest symbols differ only in their last bit, so
# we join them, and repeat. But every code word has at least one bit, even if the symbol needs only 0.12.
#
# A [range coder](../docs/glossary.md#range-coder) encodes the whole *message* as one number. It starts with an interval.
# Each symbol narrows the interval to a part whose size is proportional to $p_s$. The final width is the product of all
# $p_s$, and a number inside needs about $-\log_2$ of the width in bits: the sum of all $-\log_2 p_s$. Only the end is
# rounded.
#
# The figure shows this logarithm per symbol for messages of 10 and 100 symbols, and the entropy.

# %% tags=["hide-input"]
shares = np.linspace(0.001, 0.999, 300)
figure, axes = plt.subplots()
for length, colour in ((10, "C1"), (100, "C0")):
    bits = [
        lgamma(length + 1) - lgamma(p * length + 1) - lgamma(length - p * length + 1)
        for p in shares
    ]
    bits = np.array(bits) / log(2) / length
    axes.plot(shares, bits, color=colour)
    place = {"ha": "center", "va": "top"}
    axes.text(0.5, bits.max() - 0.03, f"{length} symbols", color=colour, **place)
entropy_line = [coding.entropy([p, 1 - p]) for p in shares]
axes.plot(shares, entropy_line, color=lab.colour("baseline"))
axes.text(0.2, 0.79, "entropy", color=lab.colour("baseline"), ha="right")
axes.set(xlabel="share of ones p", ylabel="bits per symbol", ylim=(0, 1.05))
lab.show(
    figure,
    alt="Bits per symbol by share of ones: the curves for 10 and for 100 symbols rise "
    "towards the entropy.",
)
lab.say("""
The longer the message, the closer the curve is to the entropy.
""")

# %% [markdown]
# ## By hand
#
# We code six symbols; a zero has the probability 3/4. Exact fractions avoid all rounding.
# A zero keeps the lower three quarters of the interval, a one keeps the upper quarter. Each row shows the interval after one symbol, and the bits that a number inside it needs.

# %%
message, p_zero = [0, 0, 1, 0, 0, 0], Fraction(3, 4)
low, width, rows = Fraction(0), Fraction(1), []
for symbol in message:
    if symbol == 0:
        width = width * p_zero
    else:
        low, width = low + width * p_zero, width * (1 - p_zero)
    row = {"symbol": symbol, "from": float(low), "to": float(low + width)}
    rows.append(row | {"-log2(width)": f"{-log2(width):.2f} bits"})
lab.table(rows)

# %% [markdown]
# The code is the shortest binary fraction inside the last interval. The decoder looks in which part the number lies, writes that symbol, and stretches the part to the whole interval.

# %%
bits = 0
while ceil(low * 2**bits) >= (low + width) * 2**bits:
    bits += 1
number = Fraction(ceil(low * 2**bits), 2**bits)
print(f"code: {ceil(low * 2**bits):0{bits}b}, which is {float(number)}")
decoded = []
for _ in message:
    if number < p_zero:
        decoded.append(0)
        number = number / p_zero
    else:
        decoded.append(1)
        number = (number - p_zero) / (1 - p_zero)
decoded

# %% [markdown]
# ## With the library
#
# Six symbols became four bits. An interval this wide always contains a fraction of five bits; by luck, one of four lies
# inside. The decoder also needs the number of symbols.
#
# The fractions grow with every symbol. A *range coder* uses whole numbers instead. It keeps an interval of at most 48
# bits and writes a byte as soon as that byte can no longer change.
#
# The library `constriction` has compiled coders. We use the one for [asymmetric numeral systems](../docs/glossary.md#asymmetric-numeral-systems) (ANS), which needs no interval and decodes
# the message from its end.
#
# We code the stream with constriction, with our range coder and with Huffman, and decode everything. The range coder
# needs whole numbers as frequencies; `quantize_frequencies` scales the counts to a sum of 65,536.

# %%
model = constriction.stream.model.Categorical(counts / symbols, perfect=False)
coder = constriction.stream.stack.AnsCoder()
coder.encode_reverse(stream, model)
words = coder.get_compressed()
library_decoded = constriction.stream.stack.AnsCoder(words).decode(model, symbols)

# %%
frequencies = coding.quantize_frequencies(counts)
lengths = coding.huffman_lengths(counts)
range_bytes = coding.range_encode(stream, frequencies)
huffman_bytes = coding.huffman_encode(stream, lengths)
range_decoded = coding.range_decode(range_bytes, frequencies, symbols)
huffman_decoded = coding.huffman_decode(huffman_bytes, lengths, symbols)
entropy_bytes = coding.entropy(counts) * symbols / 8
decoded_streams = np.stack([library_decoded, range_decoded, huffman_decoded])

# %% tags=["hide-input"]
lab.claim(
    "51.round-trip",
    "All three coders give the stream back",
    np.count_nonzero(decoded_streams != stream),
    equals=0,
    label="wrong symbols",
    holds="always",
)
lab.claim(
    "51.hand-ratio",
    "The range coder by hand is close to the entropy",
    len(range_bytes) / entropy_bytes - 1,
    at_most=0.001,
    unit="%",
    label="excess",
)
lab.claim(
    "51.constriction-bytes",
    "The range coder by hand and constriction write nearly the same number of bytes",
    len(range_bytes) - words.nbytes,
    between=(-4, 6),
    label="difference",
    unit="bytes",
)
lab.claim(
    "51.huffman-bytes",
    "Huffman writes exactly one bit per symbol",
    len(huffman_bytes),
    equals=ceil(symbols / 8),
    label="bytes",
    holds="always",
)
lab.say(f"""
The entropy of the stream is {entropy_bytes:,.0f} bytes. The range coder by hand needs
{len(range_bytes):,}, and constriction {words.nbytes:,}. The extra bytes are the last
interval, which the range coder writes in full so that a missing byte is detected.
Huffman needs {len(huffman_bytes):,} bytes, because both code words have one bit.
""")

# %% [markdown]
# ## Your turn

# %% [markdown]
# ### 51.1 Entropy ★☆☆ · 5 minutes
#
# Compute the entropy from the counts of the symbols. Symbols that never
# occur contribute nothing. An empty stream has entropy 0.


# %%
def entropy(counts: np.ndarray) -> float:
    """Return the entropy in bits per symbol; counts is how often each symbol occurs."""
    ### BEGIN SOLUTION
    occurring = counts[counts > 0]
    shares = occurring / max(counts.sum(), 1)
    return float(-(shares * np.log2(shares)).sum())
    ### END SOLUTION


entropy = lab.check("51.1", entropy)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `counts[counts > 0]` leaves out the symbols that never occur. Their logarithm would be minus infinity.
# </details>
# <details><summary>Hint 2</summary>
#
# Divide the counts by their sum to get the shares; an empty stream has the sum zero. Then compute `-(shares *
# np.log2(shares)).sum()`.
# </details>

# %% [markdown]
# ### 51.2 Huffman's bits ★★☆ · 10 minutes
#
# Join the two rarest groups of symbols until one is left. Each join puts one bit in front of the code words of all
# symbols in both groups. So the whole stream needs as many bits as the sum of all joined counts. If only one symbol
# occurs, it still needs one bit each time.
#
# A file stores only the lengths of the words: in a [canonical code](../docs/glossary.md#canonical-code) they are
# numbered in order, shorter ones first.


# %%
def huffman_bits(counts: np.ndarray) -> int:
    """Return how many bits the best prefix code needs for the whole stream."""
    ### BEGIN SOLUTION
    import heapq

    heap = [int(count) for count in counts if count > 0]
    bits = sum(heap) if len(heap) == 1 else 0
    heapq.heapify(heap)
    while len(heap) > 1:
        joined = heapq.heappop(heap) + heapq.heappop(heap)
        bits += joined
        heapq.heappush(heap, joined)
    return bits
    ### END SOLUTION


huffman_bits = lab.check("51.2", huffman_bits)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `heapq.heapify(heap)` orders a list so that `heapq.heappop(heap)` removes and returns its smallest number.
# </details>
# <details><summary>Hint 2</summary>
#
# Remove the two smallest counts, add them, and count the sum. Then put the sum back with `heapq.heappush(heap,
# joined)`, because the group is joined again later.
# </details>

# %% [markdown]
# ### 51.3 The interval in whole numbers ★★★ · 15 minutes
#
# A range coder computes in integers. Divide the width by the sum of all frequencies and round down: this is one *step*.
# The part of a symbol begins one step per unit of frequency of the symbols before it above the lower bound. It is as
# many steps wide as its own frequency. Each symbol narrows the interval to its part.


# %%
def interval(symbols, frequencies, width) -> tuple[int, int]:
    """Return the lower bound and the width after all symbols, as Python integers.

    symbols and frequencies are arrays of whole numbers, width is an int.
    """
    ### BEGIN SOLUTION
    shares, low = [int(frequency) for frequency in frequencies], 0
    for symbol in symbols:
        step = width // sum(shares)
        low = low + step * sum(shares[:symbol])
        width = step * shares[symbol]
    return low, width
    ### END SOLUTION


interval = lab.check("51.3", interval)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `//` divides and rounds down. Convert the frequencies to Python integers first, because these have no largest number
# and cannot overflow.
# </details>
# <details><summary>Hint 2</summary>
#
# `sum(shares[:symbol])` adds the frequencies of the symbols before this one. Divide first and multiply afterwards, as
# the text says; the decoder must round in the same place.
# </details>

# %% [markdown]
# ## Evidence
#
# ### Bytes by coder
#
# Huffman gets below one bit per symbol if it codes larger units. A *block* of $k$ symbols needs at least one bit, so the
# limit becomes $1/k$ bits per symbol. We can also code the *gaps* between the ones, as Han et al. (2016) do. (They store
# a gap in a few bits; we allow any gap.) An [adaptive](../docs/glossary.md#adaptive-model) coder needs no frequencies in
# the file: encoder and decoder start with equal ones and count in the same way.
#
# The file also has to store the code. We count one byte per code length for Huffman and four bytes for the range coder's
# two frequencies. The bitmap is deflated as in a zip file.


# %%
block_name = f"Huffman, {block} at once"


def coded_sizes(stream: np.ndarray) -> dict[str, tuple[int, int]]:
    """Return for each coder the bytes of the symbols and the bytes of its table."""
    blocks = np.pad(stream, (0, -len(stream) % block)).reshape(-1, block)
    numbers = blocks @ (2 ** np.arange(block))  # a block as one number
    gaps = np.diff(np.flatnonzero(stream), prepend=-1) - 1
    units, sizes = {"Huffman": stream, block_name: numbers, "Huffman on gaps": gaps}, {}
    for name, each in units.items():
        sizes[name] = ceil(huffman_bits(np.bincount(each)) / 8), int(each.max()) + 1
    shares = coding.quantize_frequencies(np.bincount(stream, minlength=2))
    sizes["range coder"] = len(coding.range_encode(stream, shares)), 4
    return sizes | {"bitmap, deflated": (len(zlib.compress(np.packbits(stream), 9)), 0)}


sizes = coded_sizes(stream)
sizes["range coder, adaptive"] = len(coding.adaptive_encode(stream, 2)), 0

# %% tags=["hide-input"]
rows = [
    {
        "coder": "entropy",
        "symbols": f"{entropy_bytes:,.0f} B",
        "table": "–",
        "ratio": 1.0,
    }
]
for name, (symbol_bytes, table_bytes) in sizes.items():
    ratio = (symbol_bytes + table_bytes) / entropy_bytes
    row = {
        "coder": name,
        "symbols": f"{symbol_bytes:,} B",
        "table": f"{table_bytes:,} B",
    }
    rows.append(row | {"ratio": ratio})
lab.table(
    [row | {"ratio": f"{row['ratio']:.4f}"} for row in rows],
    caption="Bytes of the stream, and all bytes divided by the entropy",
)
closed = coding.adaptive_bits(counts)
lab.claim(
    "51.closed-form",
    "The adaptive coder needs the bytes that its closed form predicts",
    sizes["range coder, adaptive"][0] - closed / 8,
    between=(0, 7),
    label="difference",
    unit="bytes",
    holds="always",
)
lab.say(f"""
Blocks and gaps bring Huffman far below one bit per symbol, but not to the entropy. The
adaptive coder stores no table, and to learn the density it needs only
{closed - 8 * entropy_bytes:.1f} bits of {closed:,.0f}.

The next figure repeats this with a new random stream for each density. It shows all
bytes, tables included, divided by the entropy. A perfect code is at 1.
""")

# %%
densities = np.unique([*np.linspace(0.01, 0.5, by_profile(12, 4)), density])
all_sizes, entropies = [], []
for level in densities:
    random_stream = (lab.rng.random(symbols) < level).astype(np.int32)
    all_sizes.append(coded_sizes(random_stream))
    entropies.append(entropy(np.bincount(random_stream)) * symbols / 8)

# %% tags=["hide-input"]
range_sizes = np.array([each["range coder"][0] for each in all_sizes])
largest_excess = np.max(range_sizes - entropies)
styles = {
    "Huffman": ("C0", 0.14, 1.75),
    block_name: ("C5", 0.062, 1.37),
    "Huffman on gaps": ("C2", 0.385, 1.085),
    "range coder": ("C1", 0.2, 0.955),
    "bitmap, deflated": ("C4", 0.15, 1.17),
}
figure, axes = plt.subplots(figsize=(7, 4.4))
axes.axhline(1, color=lab.colour("baseline"), linewidth=1)
for name, (colour, x, y) in styles.items():
    ratios = np.array([sum(each[name]) for each in all_sizes]) / entropies
    axes.plot(densities, ratios, "o" if name == "range coder" else "-", color=colour)
    axes.text(x, y, name, color=colour)
axes.set(xlabel="density (share of ones)", ylabel="all bytes / entropy", ylim=(0.92, 2))
lab.show(
    figure,
    alt="Bytes divided by the entropy, by density: the range coder's dots are at 1, "
    "Huffman falls from far above 2 to 1 at a density of one half.",
)
lab.claim(
    "51.range-coder",
    "At every density, the range coder is at most seven bytes above the entropy",
    largest_excess,
    at_most=7,
    label="largest excess",
    unit="bytes",
    holds="always",
)
lab.say("""
The range coder's dots are close to 1. Huffman on single symbols reaches 1 only at a
density of one half, where a symbol has one bit of entropy. Gaps are good for moderately
rare ones, and blocks for frequent ones. At the lowest density, gaps need a large table.
""")

# %% [markdown]
# ### Time
#
# We decode the first symbols of the stream by hand, in Python, and with constriction's compiled code
# (`coding.fast_decode`). The table shows the median rate with its quartiles.

# %%
part = stream[:20000]
huffman_part = coding.huffman_encode(part, lengths)
range_part = coding.range_encode(part, frequencies)
fast_part = coding.fast_encode(part, frequencies)
readers = {
    "Huffman, by hand": lambda: coding.huffman_decode(huffman_part, lengths, len(part)),
    "range coder, by hand": lambda: coding.range_decode(
        range_part, frequencies, len(part)
    ),
    "constriction": lambda: coding.fast_decode(fast_part, frequencies, len(part)),
}
timings = deploy.timing.interleaved(readers, seconds=by_profile(6.0, 1.5))

# %% tags=["hide-input"]
rates = {
    name: [len(part) / 1e3 / ms for ms in (t.median_ms, t.high_ms, t.low_ms)]
    for name, t in timings.items()
}
lab.table(
    [
        {"decoder": name, "million symbols/s": f"{mid:.1f} ({slow:.1f} to {fast:.1f})"}
        for name, (mid, slow, fast) in rates.items()
    ]
)
lab.claim(
    "51.speed",
    "Compiled code decodes tens of millions of symbols per second",
    rates["constriction"][0],
    at_least=20,
    unit="million symbols per second",
)

# %% [markdown]
# ### A real mask
#
# In the first layer, each weight belongs to a neuron and to a pixel, so the mask of one neuron is an image. A
# [context](../docs/glossary.md#context-model) is what the decoder knows before it decodes a symbol. It has its own counts. We
# compare four models:
#
# - *none*: one pair of counts for all positions;
# - *pixel*: one pair per pixel;
# - *neighbours*: one pair per pattern of the four neighbours that are decoded before (left, and the three above, in the
#   same image). Outside the image, a neighbour has a third value;
# - *both* together.
#
# Two controls show the cause of a saving. *Shuffled by pixel* distributes each pixel's kept weights anew among the neurons: each pixel is kept as often, but shapes are lost. *Shuffled* distributes all. We draw
# several masks of each kind and compute the bits of an adaptive coder with `coding.adaptive_bits`. For the real mask we
# also run the coder and the decoder.

# %%
near = ((0, 1), (1, 1), (1, 0), (1, -1))  # rows up and columns to the left


def neighbour_patterns(masks: np.ndarray) -> np.ndarray:
    """Return a number per position that identifies its neighbours; outside is 2."""
    bordered = np.pad(masks, ((0, 0), (1, 0), (1, 1)), constant_values=2)
    patterns = np.zeros(masks.shape, int)
    for up, left in near:
        patterns = 3 * patterns + bordered[:, 1 - up : 29 - up, 1 - left : 29 - left]
    return patterns


# %%
pixels = np.arange(784).reshape(28, 28)


def bits_by_model(mask: np.ndarray) -> dict[str, float]:
    """Return the bits per kept weight of each model."""
    masks = mask.reshape(-1, 28, 28)
    patterns = neighbour_patterns(masks)
    contexts = {"none": 0 * patterns, "pixel": 0 * patterns + pixels}
    contexts |= {"neighbours": patterns, "both": 784 * patterns + pixels}
    bits = {}
    for name, context in contexts.items():
        table = np.bincount(
            (2 * context + masks).ravel(), minlength=2 * context.max() + 2
        )
        bits[name] = coding.adaptive_bits(table.reshape(-1, 2)) / masks.sum()
    return bits


# %%
mask = methods.prune.magnitude_mask(first_layer, sparsity)[:neurons].astype(int)
real_bits = bits_by_model(mask)
by_pixel = [lab.rng.permuted(mask, axis=0) for _ in range(draws)]
by_pixel_bits = [bits_by_model(each) for each in by_pixel]
shuffled_bits = [bits_by_model(lab.rng.permuted(mask)) for _ in range(draws)]

settings = {"none": {}, "pixel": {"groups": np.tile(pixels.ravel(), neurons)}}
settings["neighbours"] = {"image": (28, 28), "near": near}
settings["both"] = settings["pixel"] | settings["neighbours"]
files = {}
for name, contexts in settings.items():
    files[name] = coding.adaptive_encode(mask.ravel(), 2, **contexts)
restored = coding.adaptive_decode(files["both"], 2, mask.size, **settings["both"])

# %% tags=["hide-input"]
kept = mask.sum()
bound = entropy(np.bincount(mask.ravel())) * mask.size / kept
deflated, xz = {}, {}
for name, each in (("real", mask), ("shuffled", lab.rng.permuted(mask))):
    bitmap = np.packbits(each.ravel()).tobytes()
    deflated[name] = 8 * len(zlib.compress(bitmap, 9)) / kept
    xz[name] = 8 * len(lzma.compress(bitmap, preset=9 | lzma.PRESET_EXTREME)) / kept


def spread(values: list[float]) -> str:
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


rows = [{"mask": "real"} | {name: f"{bits:.3f}" for name, bits in real_bits.items()}]
for title, several in (
    ("shuffled by pixel", by_pixel_bits),
    ("shuffled", shuffled_bits),
):
    columns = {name: spread([bits[name] for bits in several]) for name in real_bits}
    rows.append({"mask": title} | columns)
lab.table(
    rows,
    caption=f"Bits per kept weight, by model; mean and range of {draws} shuffled masks",
)
below = 1 - min(real_bits.values()) / bound
differences = [len(files[name]) - real_bits[name] * kept / 8 for name in files]
shortest = min(min(bits.values()) for bits in shuffled_bits) - bound
clumps = min(bits["neighbours"] for bits in by_pixel_bits) - real_bits["neighbours"]
lab.claim(
    "51.mask-back",
    "The coder gives the real mask back",
    np.count_nonzero(restored != mask.ravel()),
    equals=0,
    label="wrong positions",
    holds="always",
)
lab.claim(
    "51.contexts",
    "With every model, the coder writes the bytes that the counts predict",
    max(differences, key=lambda difference: abs(difference - 3.5)),
    between=(0, 7),
    label="difference",
    unit="bytes",
    holds="always",
)
lab.claim(
    "51.shuffled-mask",
    "No model codes a shuffled mask in fewer bits than its entropy",
    shortest * kept,
    at_least=-30,
    label="least difference",
    unit="bits",
    holds="always",
)
lab.claim(
    "51.real-mask",
    "The real mask is coded far below the entropy of its density",
    below,
    at_least=0.18,
    unit="%",
    label="saving",
)
lab.claim(
    "51.clumps",
    "The neighbours save more on the real mask than on every mask shuffled by pixel",
    clumps,
    at_least=0.7,
    label="least difference",
    unit="bits per kept weight",
)
lab.say(f"""
A random mask of this density needs {bound:.2f} bits per kept weight. The shuffled masks
need no less, with any model. (The claim allows for chance: a code is $k$ bits shorter
than the entropy with a probability of about $2^{{-k}}$.)

The real mask needs only {real_bits["neighbours"]:.2f} bits with the neighbours,
{below:.0%} less. This contradicts no theorem: the entropy bounds *independent*
positions. General compressors use only part of the structure. On the real mask deflate
needs {deflated["real"]:.2f} bits and xz {xz["real"]:.2f}; on a shuffled one they need
{deflated["shuffled"]:.2f} and {xz["shuffled"]:.2f}.

The saving has two causes. Pixels differ in density, which *shuffled by pixel* keeps:
its pixel model needs
{np.mean([bits["pixel"] for bits in by_pixel_bits]):.2f} bits. And kept weights have
kept neighbours, which that control destroys. Both contexts together are no better here:
there are so many that each has too few symbols.

The next figure shows the masks of six neurons side by side; black is a kept weight.
""")

# %% tags=["hide-input"]
figure, panels = plt.subplots(2, 1, figsize=(7, 3.2))
pairs = {"real": mask, "shuffled by pixel": by_pixel[0]}
for axes, (name, each) in zip(panels, pairs.items(), strict=True):
    row = np.hstack(each[:6].reshape(-1, 28, 28))
    axes.imshow(row, cmap="Greys", interpolation="nearest")
    axes.set(
        title=name, xticks=np.arange(0, 169, 28), ylabel="pixel row", yticks=(0, 14, 27)
    )
    axes.grid(False)
panels[1].set(xlabel="pixel columns of six neurons, side by side")
lab.show(
    figure,
    alt="Masks of six neurons: in the real one kept weights form clumps, in the "
    "shuffled one they are scattered.",
)
edge = np.ones((28, 28), bool)
edge[1:-1, 1:-1] = False
edge_density = mask.reshape(-1, 28, 28)[:, edge].mean()
lab.say(f"""
In the real mask, kept weights form clumps, and the outermost pixels keep
{edge_density:.0%} of their weights, compared with {mask.mean():.0%} in the whole layer.
A likely reason for the clumps, which we have not tested: neighbouring pixels are often
similar, so their weights receive similar gradients.
""")

# %% [markdown]
# ## What goes wrong
#
# A good code has no redundancy, so an error does not show itself. First we flip one bit in the middle of constriction's
# words. Then we decode the intact words with a frequency that is wrong by 1 in 65,536. Last, we remove four bytes from a
# stream of `coding.fast_encode`, which stores a known word first.

# %%
flipped = words ^ (np.arange(len(words)) == len(words) // 2)
wrong_frequencies = (frequencies + np.array([1, -1])) / 65536
wrong_model = constriction.stream.model.Categorical(wrong_frequencies, perfect=False)
damaged = {"one bit flipped": (flipped, model), "wrong frequency": (words, wrong_model)}
results = {}
for name, (read_words, read_model) in damaged.items():
    reader = constriction.stream.stack.AnsCoder(read_words)
    wrong = reader.decode(read_model, symbols) != stream
    first = int(np.argmax(wrong))
    results[name] = first, np.mean(wrong[first:][stream[first:] == 1])
fast_bytes = coding.fast_encode(stream, frequencies)
try:
    coding.fast_decode(fast_bytes[:1000] + fast_bytes[1004:], frequencies, symbols)
except Exception as error:
    print(error)

# %% tags=["hide-input"]
for name, (first, share) in results.items():
    print(f"{name}: {share:.0%} of the ones after symbol {first:,} are wrong")
lab.say(f"""
constriction printed no message in either case, and its output after the first error is
noise. (In an independent random stream, {1 - stream.mean():.0%} of the ones would be
wrong.) So a format needs a check: the sentence above is the error of
`coding.fast_decode`, which looks for a known word. Frequencies must be whole numbers,
because two machines may round a probability differently.
""")

# %% [markdown]
# ## What we saw

# %% tags=["hide-input"]
lab.answer("51.p", options[int(np.searchsorted([0.005, 0.1, 1 / 3], below))])
lab.finish(f"""
The entropy of {symbols:,} independent symbols with a density of {density:.0%} is
{entropy_bytes:,.0f} bytes. The range coder by hand wrote
{len(range_bytes) / entropy_bytes - 1:.3%} more. Huffman wrote
{len(huffman_bytes) / entropy_bytes:.1f} times as much, because it cannot use less than
one bit per symbol. A file of independent symbols can be as small as the entropy, and on
average no smaller.

The mask of the first layer needs {real_bits["none"]:.2f} bits per kept weight if only
its density is learned, and {real_bits["neighbours"]:.2f} with the neighbours,
{below:.0%} less than the entropy. The model decides how small the file gets.

This does **not** show how small a mask *can* get. Published coders do more: DeepCABAC
(Wiedemann et al. 2019, arXiv:1907.11900) codes masks and values with contexts. We coded
one layer of one network, pruned without further training. In other layers, neighbours
in the array are not neighbours in an image.

Further reading: Shannon, *A mathematical theory of communication* (1948); Martin,
*Range encoding* (1979); Duda (2013, arXiv:1311.2540) on ANS; Han, Mao and Dally, *Deep
compression* (2016, arXiv:1510.00149). Next:
[Deep compression](52_deep_compression.ipynb).
""")
