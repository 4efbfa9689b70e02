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
#       - compute the entropy of a stream, and say which bytes it bounds and which it does not
#       - build a Huffman code by hand, and explain why it stops at one bit a symbol
#       - narrow an interval as a range coder does, and find its bytes within a tenth of a percent of the entropy
#       - show what a model that learns from its neighbours saves on the mask of a real layer, and why
#     routes: {size: 2}
#     terms:
#       adaptive model:
#         text: Frequencies that writer and reader learn alike from the symbols coded so far, so that none need be told
#           beforehand.
#         zh: 自适应模型
#       asymmetric numeral systems:
#         text: An entropy coder (ANS) that keeps the message in one whole number and reads it from its end; as tight as
#           a range coder, and faster to read.
#         zh: 非对称数字系统
#       canonical code:
#         text: A prefix code whose words are counted up in a fixed order, so that their lengths alone tell the whole
#           code.
#         zh: 规范霍夫曼编码
#       context model:
#         text: A model with separate frequencies for each context, which is what the reader knows before a symbol
#           comes, such as its neighbours.
#         zh: 上下文模型
#       entropy of a mask:
#         text: What one position of a random mask is worth at least; divided by the density p, what each kept weight's
#           place is worth.
#         zh: 掩码熵
#         note: symbol H(p) · unit bit
#       Huffman code:
#         text: The best prefix code for given counts, made by joining the two rarest groups until one is left.
#         zh: 霍夫曼编码
#       prefix code:
#         text: A code of whole bits for each symbol in which no code word begins another, so that words need no
#           separator.
#         zh: 前缀码
#       range coder:
#         text: "An arithmetic coder in whole numbers: each symbol narrows an interval in proportion to its frequency,
#           and settled bytes go out."
#         zh: 区间编码器
# ---

# %% [markdown]
# # 51 · Entropy coding
#
# How small can a file get?

# %%
from fractions import Fraction
from math import ceil, lgamma, log
import zlib

from labkit import by_profile, deploy, methods, start

import constriction
import matplotlib.pyplot as plt
import numpy as np

# %% tags=["parameters"]
symbols: int = 266200  # length of the stream; 20000 to 1000000
density: float = 0.08  # chance of a one in it; 0.01 to 0.5
block: int = 4  # symbols that are joined into one for Huffman; 2 to 10
sparsity: float = 0.92  # share of the layer's weights set to zero; 0.5 to 0.99
neurons: int = by_profile(300, 60)  # neurons of the layer whose mask is coded; 20 to 300
seed: int = 51  # random seed; 0 to 2**31 - 1

# %%
lab = start("51", seed=seed)
coding = methods.coding
stream = (lab.rng.random(symbols) < density).astype(np.int32)
weights = deploy.inspect.layer(lab.baseline_file("lenet_300_100"), 0)["weights"]
paint = {"entropy": "#444444", "Huffman": "#0072B2", f"Huffman, {block} at once": "#56B4E9", "Huffman on gaps": "#009E73"}
paint |= {"range coder": "#D55E00", "bitmap, deflated": "#E69F00"}

# %% [markdown]
# The stream is the mask of a pruned network, if masks were random: as many symbols as LeNet-300-100 has weights, drawn
# with NumPy's generator PCG64 from the seed above. The weights are those of its first layer.

# %% [markdown]
# ## Predict
#
# No code for random symbols is shorter on average than their [entropy](../docs/glossary.md#entropy). Now prune a real
# layer by magnitude, and code its [mask](../docs/glossary.md#mask) with a model that learns as it reads.

# %%
my_guess = None
options = ["not at all", "less than a tenth", "a tenth to a third", "more than a third"]
lab.predict("51.p", "How far below the entropy of its density can a real mask get?", options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# A file names one message among all that could have been sent. Of $N$ symbols, $pN$ are ones. There are
# $\binom{N}{pN}$ such messages, and to name one takes the logarithm of their number. By Stirling's formula, that is for
# each symbol nearly
#
# $$ H = -\sum_s p_s \log_2 p_s $$
#
# bits, where $p_s$ is the share of symbol $s$: the *entropy*. A symbol is worth $-\log_2 p_s$ bits, rare ones much,
# frequent ones little.
#
# A [prefix code](../docs/glossary.md#prefix-code) gives each symbol whole bits. [Huffman's](../docs/glossary.md#huffman-code)
# is the best of them: the two rarest symbols differ in the last bit alone, so join them, and repeat. But a code word has
# one bit at least, even where the symbol is worth a tenth of one.
#
# A [range coder](../docs/glossary.md#range-coder) gives bits to the *message*. It begins with an interval; each
# symbol narrows it to a part in proportion to $p_s$. The final width is the product of all $p_s$, and a number
# inside can be named with $-\log_2$ of the width, which is the sum of what the symbols are worth. Only the end is rounded.
#
# The figure counts messages. The longer they are, the nearer to the entropy.

# %%
shares = np.linspace(0.001, 0.999, 300)
figure, axes = plt.subplots()
for length, grey in ((10, "#BBBBBB"), (100, "#888888")):
    ways = [lgamma(length + 1) - lgamma(p * length + 1) - lgamma(length - p * length + 1) for p in shares]
    axes.plot(shares, np.array(ways) / log(2) / length, color=grey)
    axes.text(0.5, max(ways) / log(2) / length - 0.03, f"{length} symbols", color=grey, ha="center", va="top")
axes.plot(shares, [coding.entropy([p, 1 - p]) for p in shares], color=paint["entropy"])
axes.text(0.2, 0.79, "entropy", color=paint["entropy"], ha="right")
axes.set(xlabel="share of ones p", ylabel="bits a symbol", ylim=(0, 1.05))
lab.show(figure, alt="Bits a symbol by share of ones: the arches for 10 and for 100 symbols rise towards the entropy's.")

# %% [markdown]
# ## By hand
#
# Six symbols; a zero has the chance of three quarters. In exact fractions, nothing is rounded.

# %%
message, zero = [0, 0, 1, 0, 0, 0], Fraction(3, 4)
low, width, rows, found = Fraction(0), Fraction(1), [], []
for symbol in message:
    low, width = (low + width * zero, width * (1 - zero)) if symbol else (low, width * zero)
    rows.append({"symbol": symbol, "from": float(low), "to": float(low + width), "worth": f"{-log(width, 2):.2f} bits"})
lab.table(rows)
bits = next(k for k in range(99) if ceil(low * 2**k) < (low + width) * 2**k)
code, number = f"{ceil(low * 2**bits):0{bits}b}", Fraction(ceil(low * 2**bits), 2**bits)
for _ in message:
    found.append(int(number >= zero))
    number = (number - zero) / (1 - zero) if found[-1] else number / zero
code, found

# %% [markdown]
# The code is the shortest binary fraction in the last interval: fewer bits than symbols. The reader asks in which part
# the number lies, and zooms into that part.
#
# Fractions grow with every symbol. A *range coder* does the same with whole numbers: it keeps an interval of 48 bits, and
# puts a byte out as soon as it is settled. `methods.coding.range_coder` is that, in fewer than sixty lines. One trap is
# left: a later symbol may carry a one into bytes that are out already.

# %% [markdown]
# ## With the library
#
# `constriction` has this in compiled code. Its newest kind, [ANS](../docs/glossary.md#asymmetric-numeral-systems), does
# without the interval, and reads the message from its end. Is the hand coder as good?

# %%
counts = np.bincount(stream, minlength=2)
model, coder = constriction.stream.model.Categorical(counts / symbols, perfect=False), constriction.stream.stack.AnsCoder()
coder.encode_reverse(stream, model)
words = coder.get_compressed()
theirs = constriction.stream.stack.AnsCoder(words).decode(model, symbols)

# %%
frequencies, lengths = coding.quantize_frequencies(counts), coding.huffman_lengths(counts)
by_hand, huffman = coding.range_encode(stream, frequencies), coding.huffman_encode(stream, lengths)
fast, best = coding.fast_encode(stream, frequencies), coding.entropy(counts) * symbols / 8
back = [read(data, frequencies, symbols) for read, data in ((coding.range_decode, by_hand), (coding.fast_decode, fast))]
unequal = np.sum([theirs, *back, coding.huffman_decode(huffman, lengths, symbols)] != stream)
lab.claim("51.round-trip", "Symbols that a coder does not give back", unequal, equals=0, holds="always")
lab.claim("51.hand-bytes", "Bytes of the hand coder above the entropy", len(by_hand) - best, between=(0, 7), holds="always")
lab.claim("51.hand-ratio", "Hand coder above the entropy", len(by_hand) / best - 1, at_most=0.001, unit="%")
lab.claim("51.constriction-bytes", "Hand coder less constriction, bytes", len(by_hand) - words.nbytes, between=(-8, 8))
lab.claim("51.huffman-bytes", "Bytes of Huffman, less an eighth of the symbols", len(huffman) - ceil(symbols / 8), equals=0, holds="always")

# %% [markdown]
# The bound of seven bytes has a reason: the last interval is written whole, six bytes, so that a missing byte is found;
# rounding costs far less than one more. `coding.fast_encode` is constriction with frequencies that are whole numbers,
# here of 65,536: a probability that another machine computes a little differently would be another code.

# %% [markdown]
# ## Your turn

# %% [markdown]
# ### 51.1 Entropy ★☆☆ · 5 minutes
#
# How many bits does a symbol need on average? Compute the entropy from the counts of the symbols. Symbols that never
# occur contribute nothing. A stream in which one symbol always occurs has entropy 0, and so does an empty stream.


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
# Join the two rarest groups of symbols again and again, until one group is left. Each join puts one bit in front of the
# code words of all symbols in both groups. So the whole stream needs as many bits as the sum of all joined counts.
# Symbols that never occur take no part. If only one symbol occurs, it still needs one bit each time.
#
# A file does not have to store the code words. In a [canonical code](../docs/glossary.md#canonical-code) they are
# numbered in order, shorter words first, so their lengths are enough (`coding.huffman_codes`).


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
# The part of a symbol begins where the parts of the symbols before it end: one step per unit of their frequencies above
# the lower bound. The part is as many steps wide as the symbol's own frequency. Each symbol narrows the interval to its
# part. Without symbols the interval is 0 and `width`.


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
# **Bytes by coder.** Huffman can get below a bit a symbol by coding several symbols at once, or the *gaps* between ones,
# as Han et al. (2016) do. The deflated bitmap is what a zip file would make of the mask. Counted are the symbols; the
# tables of frequencies or lengths come on top.


# %%
def coded(stream: np.ndarray) -> dict[str, float]:
    joined = np.pad(stream, (0, -len(stream) % block)).reshape(-1, block) @ (1 << np.arange(block))
    parts, counts = (stream, joined, np.diff(np.flatnonzero(stream), prepend=-1) - 1), np.bincount(stream, minlength=2)
    sizes = {n: ceil(huffman_bits(np.bincount(each)) / 8) for n, each in zip(list(paint)[1:4], parts, strict=True)}
    sizes["range coder"] = len(coding.range_encode(stream, coding.quantize_frequencies(counts)))
    sizes["bitmap, deflated"] = len(zlib.compress(np.packbits(stream).tobytes(), 9))
    return {"entropy": entropy(counts) * len(stream) / 8} | sizes


sizes = coded(stream) | {"range coder, adaptive": len(coding.adaptive_encode(stream, 2))}
lab.table([{"coder": n, "bytes": f"{size:,.0f}", "times the entropy": f"{size / best:.4f}"} for n, size in sizes.items()])

# %%
levels = np.unique(np.append(np.linspace(0.01, 0.5, by_profile(12, 4)), density))
curves = [coded((lab.rng.random(symbols) < level).astype(np.int32)) for level in levels]
places = ((0.21, 20.3), (0.01, 33.3), (0.0, 14.6), (0.36, 33.3), (0.3, 25), (0.06, 24))
figure, axes = plt.subplots(figsize=(7, 4.4))
for (name, colour), (x, y) in zip(paint.items(), places, strict=True):
    line = np.array([each[name] for each in curves]) / 1024
    axes.plot(levels, line, "o" if name == "range coder" else "-", color=colour)
    axes.text(x, y * symbols / 266200, name.replace(", ", ",\n"), color=colour)
axes.set(xlabel="density (share of ones)", ylabel="size in KiB", ylim=(0, symbols / 7300))
lab.show(figure, alt="Size by density: range coder dots lie on the entropy line; Huffman is flat, others lie between.")
most = max(each["range coder"] - each["entropy"] for each in curves)
lab.claim("51.range-coder", "Most bytes that the range coder is above the entropy", most, at_most=7, holds="always")

# %% [markdown]
# The range coder's dots lie on the entropy. Huffman on single symbols does not move, since two symbols cannot have less
# than a bit each. Huffman on gaps follows closely where ones are rare, and gains nothing near one half.
#
# The *adaptive* coder ([adaptive model](../docs/glossary.md#adaptive-model)) was told no frequencies: reader and writer
# begin with equal ones and count alike. On paper, learning one number from $N$ symbols costs about
# $\tfrac12 \log_2 N$ bits; the exact cost has a closed form.

# %%
closed = coding.adaptive_bits(counts)
lab.claim("51.closed-form", "Bytes above the closed form", sizes["range coder, adaptive"] - closed / 8, between=(0, 7), holds="always")
f"{closed - 8 * best:.1f} bits for learning, of {closed:,.0f}"

# %% [markdown]
# **Time.** The first symbols read by hand, in Python, and by constriction.

# %%
part = stream[:20000]
one, two = coding.huffman_encode(part, lengths), coding.range_encode(part, frequencies)
three = coding.fast_encode(part, frequencies)
readers = {"Huffman, by hand": lambda: coding.huffman_decode(one, lengths, len(part))}
readers["range coder, by hand"] = lambda: coding.range_decode(two, frequencies, len(part))
readers["constriction"] = lambda: coding.fast_decode(three, frequencies, len(part))
timings = deploy.timing.interleaved(readers, seconds=by_profile(6.0, 1.5))
rate = {name: [len(part) / 1e3 / ms for ms in (t.median_ms, t.high_ms, t.low_ms)] for name, t in timings.items()}
lab.table([{"reader": n, "million symbols/s": "{:.1f} ({:.1f} to {:.1f})".format(*each)} for n, each in rate.items()])
lab.claim("51.speed", "Million symbols a second that constriction reads", rate["constriction"][0], at_least=20)

# %% [markdown]
# **A real mask.** Each weight of the first layer belongs to a pixel and a neuron. A
# [context](../docs/glossary.md#context-model) is what the reader knows before a symbol comes, and each context has counts of
# its own: the pixel (are this pixel's weights often kept?), or the four *neighbours* read before (left, and the three
# above, in the image of the same neuron). Nothing is told beforehand.
#
# Two controls. *Shuffled by pixel* deals out each pixel's kept weights anew among the neurons: how often a pixel is kept
# stays, shapes go. *Shuffled* deals out all.

# %%
mask = methods.prune.magnitude_mask(weights, sparsity)[:neurons]
masks = {"real": mask, "shuffled by pixel": lab.rng.permuted(mask, axis=0), "shuffled": lab.rng.permuted(mask)}
models = {"none": {}, "pixel": {"groups": np.tile(np.arange(784), len(mask))}, "neighbours": {"back": (1, 27, 28, 29)}}
models["both"] = models["pixel"] | models["neighbours"]
written = {(n, m): coding.adaptive_encode(each.ravel(), 2, **models[m]) for n, each in masks.items() for m in models}
bits = {key: 8 * len(data) / np.sum(mask) for key, data in written.items()}
lab.table([{"mask": n} | {m: f"{bits[n, m]:.3f}" for m in models} for n in masks], caption="Bits for each kept weight, by context")
back = coding.adaptive_decode(written["real", "both"], 2, mask.size, **models["both"])
lab.claim("51.mask-back", "Places of the real mask that do not come back", np.sum(back != mask.ravel()), equals=0, holds="always")

# %%
figure, axes = plt.subplots(figsize=(7, 3.2))
bound = entropy(np.bincount(mask.ravel())) * mask.size / np.sum(mask)
for kind, colour, size in zip(masks, ("#D55E00", "#009E73", "#888888"), (14, 9, 4), strict=True):
    axes.plot([bits[kind, name] for name in models], range(len(models)), "o", color=colour, markersize=size)
    axes.annotate(kind, (bits[kind, "both"], 3), (0, 11), textcoords="offset points", color=colour, ha="center")
axes.axvline(bound, ymax=0.86, color=paint["entropy"])
axes.text(bound, -0.42, "  H(p) / p", color=paint["entropy"])
axes.set(yticks=range(len(models)), yticklabels=models, ylabel="context", ylim=(-0.5, 3.7), xmargin=0.1, xlabel="bits for each kept weight")
lab.show(figure, alt="Bits by context: with neighbours the real mask falls far below the entropy, shuffled ones do not.")
below, least = (1 - min(bits["real", m] for m in models) / bound), min(bits["shuffled", m] for m in models) / bound
lab.claim("51.shuffled-mask", "Shuffled mask, least size over the entropy", least, at_least=0.97, unit="×", holds="always")
lab.claim("51.real-mask", "Real mask below the entropy", below, between=(0.1, 1 / 3), unit="%")

# %% [markdown]
# A shuffled mask gives nothing away, whatever the model. (Our bound allows for chance: a code is shorter than a random
# mask's entropy by $k$ bits with a probability of about $2^{-k}$.) The real mask costs less than $H(p)$, and no law
# is broken: $H(p)$ bounds what *independent* places are worth. Pixels differ in density, which the first control keeps,
# and kept weights stand together, which it destroys. Both contexts at once are no better here: they are so many that
# each has little to learn from.
#
# Why together? Neighbouring pixels are alike in most images, so their weights see like gradients. That is likely, but not
# tested here.

# %%
figure, panels = plt.subplots(2, 1, figsize=(7, 3.2))
for axes, name in zip(panels, ("real", "shuffled by pixel"), strict=True):
    axes.imshow(np.hstack(masks[name][:6].reshape(-1, 28, 28)), cmap="Greys", interpolation="nearest")
    axes.set(title=name, xticks=np.arange(0, 169, 28), ylabel="pixel row", yticks=(0, 14, 27))
    axes.grid(False)
panels[1].set(xlabel="pixel columns of six neurons, side by side")
lab.show(figure, alt="Masks of six neurons: in the real one kept weights stand in clumps, in the shuffled one they scatter.")

# %% [markdown]
# ## What goes wrong
#
# A good code has no slack by which an error could show. Flip one bit in the middle of constriction's words, or read them
# with a frequency that is off by one part in 65,536.

# %%
flipped = words ^ (np.arange(len(words)) == len(words) // 2)
off = constriction.stream.model.Categorical((frequencies + np.array([1, -1])) / 65536, perfect=False)
for name, read, by in (("one bit flipped", flipped, model), ("frequency off by one", words, off)):
    wrong = constriction.stream.stack.AnsCoder(read).decode(by, symbols) != stream
    first = int(np.argmax(wrong))
    print(f"{name}: right up to symbol {first:,}, then {np.mean(wrong[first:][stream[first:] == 1]):.0%} of the ones are wrong")

# %% [markdown]
# No message, and nearly all that follows is noise. So probabilities must be whole numbers, told or learned alike. And a
# format needs a check: `fast_encode` begins with a known word, which the reader must find again.

# %%
try:
    coding.fast_decode(fast[: len(fast) // 2] + fast[len(fast) // 2 + 4 :], frequencies, symbols)
except Exception as error:
    print(error)

# %% [markdown]
# ## What we saw

# %%
lab.answer("51.p", options[int(np.searchsorted([0.005, 0.1, 1 / 3], below))])
lab.finish(f"""
{symbols:,} symbols with a density of {density:.0%} are worth {best:,.0f} bytes. The range coder by hand wrote
{len(by_hand):,}, {len(by_hand) / best - 1:.3%} more, and constriction {words.nbytes:,}; Huffman, a bit a symbol,
{len(huffman):,}. A file of independent symbols gets as small as the entropy, and no smaller.
Those of a real file are not independent. The mask of the first layer takes {bits["real", "none"]:.2f} bits for each kept
weight when only the density is learned, and {bits["real", "neighbours"]:.2f} when the neighbours are looked at, at best
{below:.0%} below the entropy. It is the model that makes a file small; the coder only has to keep up, and it does.
""")

# %% [markdown]
# This does **not** show how small a mask *can* get: a better model may find more. It is one layer of one network, pruned
# without training on, and other layers have no image whose neighbours could tell. Coding by context was done in Python;
# constriction's speed is that of one table for all symbols.
#
# Further reading: Shannon, *A mathematical theory of communication* (1948); Martin, *Range encoding* (1979); Duda (2013,
# arXiv:1311.2540) on ANS; Han, Mao and Dally, *Deep compression* (2016, arXiv:1510.00149), which codes gaps and values
# with Huffman. Next: lesson 52.
