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
#     title: Measuring time
#     question: When can you trust a measured time?
#     minutes: 55
#     budget_s: {fast: 15, full: 45}
#     needs: [10]
#     objectives:
#       - show a naive timing that names the slower of two programs as the winner, and say which part of it is at fault
#       - time programs against each other with warm-up, random order, median and quartiles
#       - measure the peak and the memory bandwidth of a machine, and show that the arrays are large enough
#       - predict a layer's time from its operations and bytes, and explain where the prediction fails
#     routes: {evidence: 2}
#     terms:
#       bandwidth:
#         text: The number of bytes per second that move between the processor and its memory, including the traffic
#           that the program did not ask for.
#         zh: 带宽
#         note: symbol β · unit GB/s
#       interleaving:
#         text: Timing several programs in turn, in a new random order in each round, so that a slow period affects all
#           of them.
#         zh: 交错测量
#       kernel block:
#         text: The outputs that a program's inner loop computes together.
#         zh: 内核分块
#         note: unit outputs
#       percentile:
#         text: The value below which a given share of the values lies; calibration by a percentile clips the few
#           extreme values.
#         zh: 百分位数
#         note: unit %
#       quartile:
#         text: The values below which a quarter, a half (the median) and three quarters of the measurements lie.
#         zh: 四分位数
#       roofline:
#         text: "The upper bound on a computation's speed: the lower of the peak and of the bandwidth times the
#           arithmetic intensity."
#         zh: 屋顶线模型
#         note: unit FLOP/s
#       triad:
#         text: The loop over large arrays with which the STREAM benchmark measures the bandwidth of memory.
#         zh: 三元组基准
#         note: symbol a = b + s·c
#       warm-up:
#         text: The first calls of a program, which are slower because they load code, allocate memory and fill caches
#           that later calls use.
#         zh: 预热
#       write-allocate:
#         text: A processor's habit of reading memory into the cache before it writes there, which adds traffic.
#         zh: 写分配
# ---

# %% [markdown]
# # 11 · Measuring time
#
# When can you trust a measured time?

# %%
from labkit import by_profile, deploy, start

import time

import matplotlib.pyplot as plt
import numpy as np

# %% tags=["parameters"]
network: str = "ds_cnn"  # network that is timed; ds_cnn, lenet5 or resnet8
trials: int = by_profile(10, 2)  # new processes per order of the naive timing; 2 to 30
calls: int = by_profile(4000, 500)  # single calls in the pictures; 100 to 50000
seconds: float = by_profile(4.0, 0.5)  # length of one comparison, s; 0.2 to 15
array_mib: int = by_profile(256, 32)  # largest array of the triad, MiB; 16 to 512
seed: int = 11  # random seed; 0 to 2**31 - 1

# %% [markdown]
# LiteRT, the runtime that executes `.tflite` files, can compute one file in two ways. It has kernels of its own (the
# *built-in* ones), and it can hand the network over to XNNPACK, a library of faster kernels. The next cell opens the
# same file with both and compares the outputs. Everything on this page runs on one thread.

# %%
lab = start("11", seed=seed)
path = lab.baseline_file(network)
kernels = ["XNNPACK", "built-in"]
runners, outputs = {}, {}
for name in kernels:
    runners[name] = deploy.timing.prepared(path, seed=seed, kernels=name)
    details = runners[name].get_output_details()[0]
    outputs[name] = runners[name].get_tensor(details["index"])
largest_difference = np.abs(outputs["XNNPACK"] - outputs["built-in"]).max()
claim_text = "XNNPACK and the built-in kernels compute the same outputs, up to rounding"
lab.claim("11.answers", claim_text, largest_difference, at_most=2e-5, holds="always")

# %% [markdown]
# ## Predict
#
# The outputs agree, so only the time can tell the two apart. One call of XNNPACK is truly faster.
#
# We start a new Python process and start the clock. We load LiteRT, open the file with the first candidate, call it
# once, and stop the clock. Then we do the same with the second candidate. Replace `None` with one of the options, in
# quotes.

# %%
my_guess = None
options = [
    "in neither order",
    "only when it goes second",
    "only when it goes first",
    "in both orders",
]
question = "When does the slower candidate win this timing?"
lab.predict("11.p", question, options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# The first use of a program is slow: it loads code and allocates memory, and later calls find all of this ready.
# Suppose that a call takes $t$ and that the first use costs $c$ more. The mean of $n$ calls is then $t + c/n$. With
# $t$ = 1 ms and $c$ = 100 ms, the mean of a hundred calls is 2 ms, twice the true value. So we leave the
# [warm-up](../docs/glossary.md#warm-up) out instead of averaging over it.
#
# How long should a call take? A layer computes $F$ floating-point operations and moves $B$ bytes. The processor
# computes at most $P$ operations per second, its *peak*, and moves at most $\beta$ bytes per second, its
# [bandwidth](../docs/glossary.md#bandwidth). It does both at the same time, so the slower of the two sets the bound:
#
# $$ t \ge \max\left(\frac{F}{P},\ \frac{B}{\beta}\right) $$
#
# This is the [roofline](../docs/glossary.md#roofline) model. As a speed, $F/t$ is at most $\min(P, \beta\,F/B)$: a
# slope, then a flat roof. They meet at the [ridge](../docs/glossary.md#ridge-point) $P/\beta$. A layer whose
# [arithmetic intensity](../docs/glossary.md#arithmetic-intensity) $F/B$ lies below the ridge waits for memory.

# %% [markdown]
# ## By hand
#
# ### The naive timing
#
# We run the experiment of the prediction in several new processes, in both orders. `first_calls` times loading,
# opening and each call separately. So we can compare three clocks on the same processes.

# %%
orders = [("XNNPACK", "built-in"), ("built-in", "XNNPACK")]
clocks = {
    "load, open, call": lambda use: use.total_ms,
    "open, call": lambda use: use.open_ms + use.calls_ms[0],
    "call": lambda use: use.calls_ms[0],
}
processes, wins = {}, {}
for order in orders:
    processes[order] = [
        deploy.timing.first_calls(path, order, calls=300) for _ in range(trials)
    ]
    for clock_name, clock in clocks.items():
        slow = np.array([clock(uses["built-in"]) for uses in processes[order]])
        fast = np.array([clock(uses["XNNPACK"]) for uses in processes[order]])
        wins[order, clock_name] = np.mean(slow < fast)

# %% [markdown]
# The table has one row per order and clock: the median time of each candidate, and the number of processes in which
# the slower, built-in kernels win. The figure shows the calls of one process, XNNPACK first. A dot is one call. The
# diamonds add what happens before the first call: loading and opening.

# %% tags=["hide-input"]
rows = []
for order in orders:
    for clock_name, clock in clocks.items():
        row = {"order": " → ".join(order), "clock around": clock_name}
        for name in kernels:
            found = np.median([clock(uses[name]) for uses in processes[order]])
            row[f"{name}, ms"] = f"{found:.3f}"
        won = round(wins[order, clock_name] * trials)
        rows.append(row | {"built-in wins": f"{won} of {trials}"})
lab.table(rows)
first_process = processes[orders[0]][0]
colours = {"XNNPACK": "C0", "built-in": "C1"}
figure, axes = plt.subplots()
for name, use in first_process.items():
    calls_ms = np.array(use.calls_ms)
    axes.plot(range(1, 301), calls_ms, ".-", ms=4, linewidth=1, color=colours[name])
    axes.plot(1, use.total_ms, "D", color=colours[name])
    axes.text(330, np.median(calls_ms[150:]), name, color=colours[name], va="center")
axes.set(xscale="log", yscale="log", xlim=(0.9, 1100))
axes.set(xlabel="call in a new process", ylabel="time in ms")
lab.show(
    figure,
    alt="Two level rows of calls; with loading and opening, the first use of XNNPACK, "
    "which goes first, lies far above the first use of the built-in kernels.",
)
xnnpack_first = wins[orders[0], "load, open, call"]
built_in_first = wins[orders[1], "load, open, call"]
call_alone = (wins[orders[0], "call"] + wins[orders[1], "call"]) / 2
lab.claim(
    "11.naive-first",
    "With loading inside the clock and XNNPACK first, the slower kernels win",
    xnnpack_first,
    at_least=0.8,
    unit="%",
    label="share of processes",
)
lab.claim(
    "11.naive-second",
    "With loading inside the clock and XNNPACK second, the slower kernels rarely win",
    built_in_first,
    at_most=0.3,
    unit="%",
    label="share of processes",
)
lab.claim(
    "11.call-alone",
    "With the clock around the call alone, the slower kernels rarely win",
    call_alone,
    at_most=0.2,
    unit="%",
    label="share of processes, both orders",
)

# %% [markdown]
# Read the rows with loading first. The candidate that goes first loses, because its time includes loading LiteRT.
# More trials in the same order would only make us more certain of a wrong result.
#
# The clock around one call ranks the two correctly, even without a warm-up. The rows in between answer another
# question: XNNPACK rearranges the weights when it opens a file, and a program that computes a single image waits for
# this.
#
# ### The protocol
#
# To compare calls we first call each candidate several times untimed. Then we take many rounds, with a new random
# order in each round. So no candidate always follows the same one, and a slow period affects all of them
# ([interleaving](../docs/glossary.md#interleaving)). The caches hold the other candidate's data, so an untimed call
# goes before each timed one. At the end we sort the times and read the median and the
# [quartiles](../docs/glossary.md#quartile).

# %%
times = {name: [] for name in kernels}
for _ in range(20):
    for name in kernels:
        runners[name].invoke()
for _ in range(9):
    for name in lab.rng.permutation(kernels):
        runners[name].invoke()
        begin = time.perf_counter()
        runners[name].invoke()
        times[name].append(1e6 * (time.perf_counter() - begin))
{f"{name}, µs": np.sort(times[name]).round().astype(int) for name in kernels}

# %% [markdown]
# ## With the library
#
# `deploy.timing.interleaved` is the same protocol for any functions without arguments; `lab.measure` uses it on every
# page. `ratios` divides the times within each round, so that a processor that slows down affects both, and takes the
# median of the quotients. We run it once for long, and then many times for 0.1 s to see how often a short run finds
# the same winner. We also time XNNPACK without a neighbour.

# %%
candidates = {name: runner.invoke for name, runner in runners.items()}
fair = deploy.timing.interleaved(candidates, seconds=seconds, seed=seed)
fair_ratio = fair.ratios("XNNPACK")["built-in"]
short_ratios = []
for number in range(2 * trials):
    short = deploy.timing.interleaved(candidates, seconds=0.1, seed=number)
    short_ratios.append(short.ratios("XNNPACK")["built-in"])
agreeing = np.mean(np.array(short_ratios) > 1)
alone = deploy.timing.interleaved({"XNNPACK": candidates["XNNPACK"]}, seconds / 4)

# %% tags=["hide-input"]
timings = {"XNNPACK": fair["XNNPACK"], "built-in": fair["built-in"]}
timings["XNNPACK, alone"] = alone["XNNPACK"]
rows = []
for name, timing in timings.items():
    row = {"kernels": name, "median, ms": f"{timing.median_ms:.4f}"}
    row["quartiles, ms"] = f"{timing.low_ms:.4f} – {timing.high_ms:.4f}"
    rows.append(row | {"rounds": timing.n})
lab.table(rows)
lab.claim(
    "11.ratio",
    "By the protocol, the built-in kernels are clearly slower than XNNPACK",
    fair_ratio,
    at_least=1.5,
    unit="×",
)
lab.claim(
    "11.short-runs",
    "Short runs of the protocol find the same winner",
    agreeing,
    at_least=0.95,
    unit="%",
    label="share of runs",
)
neighbour = fair["XNNPACK"].median_ms / alone["XNNPACK"].median_ms - 1
lab.say(f"""By the protocol the built-in kernels take {fair_ratio:.1f} times as long,
and {100 * agreeing:.0f} % of the short runs agree on the winner. Taking turns with
the other candidate changes the median of XNNPACK by {100 * neighbour:+.1f} % (two
separate runs).""")

# %% [markdown]
# ## Your turn

# %% [markdown]
# ### 11.1 Quartiles ★☆☆ · 5 minutes
#
# A mean and a standard deviation describe a bell curve. Times are different: they have a lower limit and a long upper
# tail. Quartiles describe any shape. Return them for a list of times. With a single time, all three are that time.


# %%
def quartiles(times: np.ndarray) -> tuple[float, float, float]:
    """Return lower quartile, median and upper quartile, by linear interpolation."""
    ### BEGIN SOLUTION
    low, median, high = np.percentile(times, (25, 50, 75))
    return low, median, high
    ### END SOLUTION


quartiles = lab.check("11.1", quartiles)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# A quarter of the values lies below the lower quartile, half below the median, and three quarters below the upper
# quartile.
# </details>
# <details><summary>Hint 2</summary>
#
# `np.percentile(times, 25)` returns the lower quartile. The function accepts several percentages at once and then
# returns an array.
# </details>

# %% [markdown]
# ### 11.2 How many times slower? ★★☆ · 10 minutes
#
# In round $i$ we timed both candidates, one after the other. The processor may have slowed down between rounds, and
# some rounds were interrupted. How many times as long as the first candidate does the second take? Compare the two
# within each round, and report the median of the rounds.


# %%
def slowdown(first: np.ndarray, second: np.ndarray) -> float:
    """Return the median over the rounds of the second time divided by the first."""
    ### BEGIN SOLUTION
    return np.median(second / first)
    ### END SOLUTION


slowdown = lab.check("11.2", slowdown)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# A slow period affects both times of a round. It cancels in their quotient.
# </details>
# <details><summary>Hint 2</summary>
#
# Divide the two arrays first; this gives one quotient per round. Then take the median of the quotients.
# </details>

# %% [markdown]
# ### 11.3 The roofline's time ★☆☆ · 5 minutes
#
# The processor computes and moves bytes at the same time. So the slower of the two determines the time. Write the
# formula under *Idea* for any peak and any bandwidth. A layer may have no operations at all, like a copy.


# %%
def roofline_seconds(flops, moved, peak, bandwidth) -> float:
    """Return the least seconds for flops operations and moved bytes.

    peak is in operations per second, bandwidth in bytes per second.
    """
    ### BEGIN SOLUTION
    return max(flops / peak, moved / bandwidth)
    ### END SOLUTION


roofline_seconds = lab.check("11.3", roofline_seconds)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# There are two times, one to compute and one to move the bytes. Each is an amount of work divided by a rate.
# </details>
# <details><summary>Hint 2</summary>
#
# Both start at the same time. The layer is finished when the longer one is finished.
# </details>

# %% [markdown]
# ### 11.4 Where the warm-up ends ★★☆ · 10 minutes
#
# The first calls of a function are often slow. Given the times of successive calls, count the calls before the first
# settled one. A call has settled if it takes at most 1.1 times the median of the second half. The second half begins at
# index `len(times) // 2`: of five times it is the last three. A slow call after that is an interruption, not warm-up.


# %%
def warmup_calls(times: np.ndarray) -> int:
    """Return how many calls come before the first settled one."""
    ### BEGIN SOLUTION
    limit = 1.1 * np.median(times[len(times) // 2 :])
    return int(np.argmax(times <= limit))
    ### END SOLUTION


warmup_calls = lab.check("11.4", warmup_calls)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `times[len(times) // 2 :]` is the second half. Multiply its median by 1.1 to get the limit.
# </details>
# <details><summary>Hint 2</summary>
#
# `times <= limit` is an array of True and False. `np.argmax` returns the index of its first True, which is the number
# of calls before it.
# </details>

# %% [markdown]
# ## Evidence
#
# ### What a time looks like
#
# After an untimed warm-up we time single calls of XNNPACK. The left panel shows them in order, the right panel
# sorted.

# %%
for _ in range(100):
    runners["XNNPACK"].invoke()
single = np.empty(calls)
for number in range(calls):
    begin = time.perf_counter()
    runners["XNNPACK"].invoke()
    single[number] = 1e6 * (time.perf_counter() - begin)
low, median, high = quartiles(single)

# %% tags=["hide-input"]
figure, (run_axes, share_axes) = plt.subplots(1, 2, sharey=True)
run_axes.plot(single, ".", markersize=2, color="C0")
run_axes.set(xlabel="call", ylabel="time of one call in µs", yscale="log")
share_axes.plot(100 * np.arange(1, calls + 1) / calls, np.sort(single), color="C0")
quartile_names = ("lower quartile", "median", "upper quartile")
for name, percent, value in zip(
    quartile_names, (25, 50, 75), (low, median, high), strict=True
):
    share_axes.plot(percent, value, "o", color=lab.colour("guide"))
    place = (percent, value * (1.9 if percent == 50 else 1.4))
    share_axes.text(*place, name, ha="center", fontsize=9)
share_axes.set(xlabel="share of calls that took no longer, in %")
lab.show(
    figure,
    alt="Most call times lie close to a lowest value and a few lie far above it; "
    "sorted, they form a level line that rises steeply at its right end.",
)
lab.say(f"""The quartiles are {low:.1f}, {median:.1f} and {high:.1f} µs, and the mean
is {single.mean():.1f} µs. The slowest call, number {int(np.argmax(single)) + 1:,} of
{calls:,}, took {single.max() / median:.0f} times the median.""")

# %% [markdown]
# A few very slow calls move the mean and hardly move the median.
#
# ### The memory roof
#
# The *[triad](../docs/glossary.md#triad)* $a = b + s\,c$ over large arrays measures the bandwidth. It reads $b$ and
# $c$ and writes $a$. Before the processor writes a piece of $a$, it reads it into the cache (a
# *[write-allocate](../docs/glossary.md#write-allocate)*), so four arrays move; STREAM, the usual benchmark, counts
# three.
#
# The arrays must be too large for the caches. We try several sizes and look for a plateau: from some size on, larger
# arrays do not change the rate.
#
# The figure shows the rate against the size of *each* of the three arrays, with vertical lines from quartile to
# quartile. The dotted lines mark the sizes at which all three arrays together fill a cache.

# %%
largest = 1024 * array_mib
sizes_kib = [largest // 4**k for k in range(6)] + [largest // 2]
rates = deploy.roofline.triad(sizes_kib, seconds=seconds, seed=seed)
rate_quartiles = {size: quartiles(rates[size] / 1e9) for size in sorted(sizes_kib)}
_, largest_rate, _ = rate_quartiles[largest]
_, half_size_rate, _ = rate_quartiles[largest // 2]
plateau = largest_rate / half_size_rate
cached_rate = max(rate for _, rate, _ in rate_quartiles.values())

# %% tags=["hide-input"]
figure, axes = plt.subplots()
mib = np.array(list(rate_quartiles)) / 1024
lows, medians, highs = np.transpose(list(rate_quartiles.values()))
axes.vlines(mib, lows, highs, color="C0")
axes.plot(mib, medians, "o-", color="C0")
for level, cache_bytes in deploy.roofline.caches().items():
    place = cache_bytes / 3 / 2**20
    if mib[0] / 2 < place < mib[-1]:
        axes.axvline(place, color=lab.colour("guide"), linestyle=":", linewidth=1)
        axes.text(1.05 * place, 2, f"level {level}", color=lab.colour("guide"))
axes.set(xlabel="size of each array in MiB (log scale)", ylabel="rate in GB/s")
axes.set(xscale="log", ylim=(0, 1.1 * max(highs)))
axes.xaxis.set_major_formatter("{x:g}")
lab.show(
    figure,
    alt="The triad's rate is highest for the smallest arrays, falls as they grow, and "
    "is about the same for the largest sizes.",
)
lab.claim(
    "11.plateau",
    "Doubling the largest arrays hardly changes the triad's rate",
    plateau,
    between=(0.8, 1.25),
    label="ratio of the rates",
)
lab.claim(
    "11.triad-cache",
    "The triad is faster over arrays that fit into a cache",
    cached_rate / largest_rate,
    at_least=1.5,
    unit="×",
)
lab.say(f"""In the caches the triad moves up to {cached_rate:.1f} GB/s, over the
largest arrays ({array_mib} MiB each) {largest_rate:.1f} GB/s. Arrays of half that
size give {half_size_rate:.1f} GB/s, a difference of {100 * abs(plateau - 1):.0f} %.""")

# %% [markdown]
# ### The layers under the roofs
#
# LiteRT's Python interface has no profiler. `deploy.roofline.survey` cuts each file into files of one layer and times
# all of them against each other. The same rounds contain a product of two float32 matrices for the peak and the triad
# for the bandwidth. They also contain a file with almost nothing to do: the cost of a call. We subtract this cost
# from each layer's time. Layers and roofs use the lower quartile of their times. The bytes of a layer are its
# weights, input and output, each moved once.
#
# The first table describes the machine, the second its layers. *Roof* names the slower part, and *ratio* is the
# measured time (without the call) over the predicted one. In the picture, a layer above the line has a ratio below
# one: it is faster than the prediction allows.

# %%
paths = {name: lab.baseline_file(name) for name in ("lenet5", "ds_cnn")}
survey = deploy.roofline.survey(paths, 2 * seconds, array_mib=array_mib, seed=seed)
machine, works = survey.machine, survey.works
predicted, measured, time_ratio = {}, {}, {}
for layer, work in works.items():
    bound = roofline_seconds(work.flops, work.bytes, machine.peak, machine.bandwidth)
    predicted[layer] = 1e6 * bound
    measured[layer] = 1e3 * survey.work_ms(layer)
    time_ratio[layer] = measured[layer] / predicted[layer]

# %% tags=["hide-input"]
row = {"peak, GFLOP/s": f"{machine.peak / 1e9:.1f}"}
row["bandwidth, GB/s"] = f"{machine.bandwidth / 1e9:.1f}"
row["as STREAM counts, GB/s"] = f"{machine.stream / 1e9:.1f}"
row["ridge, FLOP/byte"] = f"{machine.ridge:.1f}"
for level, cache_bytes in deploy.roofline.caches().items():
    row[f"cache level {level}, MiB"] = f"{cache_bytes / 2**20:.3g}"
lab.table([row])
rows = []
for layer, work in works.items():
    timing = survey.times[layer]
    row = {"layer": layer, "kFLOP": f"{work.flops / 1e3:.0f}"}
    row["kB"] = f"{work.bytes / 1e3:.0f}"
    row["FLOP/byte"] = f"{work.intensity:.1f}"
    row["roof"] = "peak" if work.intensity > machine.ridge else "memory"
    row["quartiles with the call, µs"] = (
        f"{1e3 * timing.low_ms:.2f} – {1e3 * timing.high_ms:.2f}"
    )
    row["measured, µs"] = f"{measured[layer]:.2f}"
    row["predicted, µs"] = f"{predicted[layer]:.2f}"
    rows.append(row | {"ratio": f"{time_ratio[layer]:.2f}"})
lab.table(rows)
colours = {"lenet5": "C2", "ds_cnn": "C4"}
speed = {layer: works[layer].flops / measured[layer] / 1e3 for layer in works}
labels = {"lenet5 conv2d 1": (7, -3), "lenet5 conv2d 2": (7, -5)}
labels |= {"lenet5 dense 1": (-40, 7), "ds_cnn depthwise 3": (-112, -12)}
labels |= {"lenet5 dense 2": (-92, 3), "ds_cnn dense 1": (-92, -11)}
labels |= {"ds_cnn conv2d 1": (7, -3), "ds_cnn conv2d 5": (-40, 7)}
figure, axes = plt.subplots(figsize=(7.0, 4.4))
intensities = np.geomspace(0.2, 100, 200)
axes.plot(intensities, machine.roof(intensities) / 1e9, color=lab.colour("guide"))
axes.text(0.95, machine.roof(0.8) / 1e9, "memory", color=lab.colour("guide"))
axes.text(60, 1.05 * machine.peak / 1e9, "peak", color=lab.colour("guide"))
for layer, work in works.items():
    style, place = {"color": colours[layer.split()[0]]}, (work.intensity, speed[layer])
    axes.plot(*place, "o", **style)
    if layer in labels:
        axes.annotate(layer, place, labels[layer], textcoords="offset points", **style)
axes.set(xlabel="arithmetic intensity in FLOP/byte", ylabel="speed in GFLOP/s")
axes.set(xscale="log", yscale="log", xlim=(0.1, 130))
above = [layer for layer in works if time_ratio[layer] < 1]
lab.show(
    figure,
    alt=f"A roof that rises and then is flat, with {len(works)} layers as points; "
    f"{len(above)} of them lie above it.",
)
lab.claim(
    "11.peak",
    "The fastest layer computes about as fast as NumPy's matrix product",
    max(speed.values()) * 1e9 / machine.peak,
    between=(0.7, 1.3),
    unit="×",
)
for name in paths:
    total = sum(survey.work_ms(layer) for layer in works if layer.split()[0] == name)
    lab.claim(
        f"11.sum-{name}",
        f"The layers of {name}, timed one by one, add up to the whole network's time",
        total / survey.work_ms(name),
        between=(0.8, 1.1),
        label="sum over whole",
    )
big = "lenet5 dense 1"
lab.claim(
    "11.dense-cache",
    "LeNet-5's large dense layer is faster than the bandwidth of memory allows",
    time_ratio[big],
    at_most=0.7,
    label="measured over predicted",
)
by_memory = [layer for layer in above if works[layer].intensity < machine.ridge]
call_us = 1e3 * survey.times["call"].low_ms
tiny = [layer for layer in works if measured[layer] < call_us]
lab.say(f"""No layer can be faster than a true bound, yet {len(above)} of {len(works)}
layers are faster than predicted. Two of our assumptions are wrong.

- **The cache.** {len(by_memory)} of these layers lie under the memory roof. We call a
  small network again and again, so its weights and activations are already in a
  cache. {big} reads {works[big].bytes / 1e6:.1f} MB in {measured[big]:.1f} µs, or
  {works[big].bytes / measured[big] / 1e3:.0f} GB/s. Memory delivers
  {machine.bandwidth / 1e9:.0f} GB/s; the triad moved up to {cached_rate:.0f} GB/s in
  the caches. The memory roof applies only to bytes that really come from memory.
- **The peak.** We measured it with one program, NumPy's product
  ({machine.peak / 1e9:.0f} GFLOP/s). The fastest layer, {max(speed, key=speed.get)},
  reaches {max(speed.values()):.0f} GFLOP/s.

A call costs {call_us:.2f} µs, which is longer than the work itself for {len(tiny)} of
the layers ({", ".join(tiny) or "none"}). The sum of LeNet-5's layers leaves out its
pooling layers, which have no multiply-adds. Ratios above one show that the roofline
is a bound, not a forecast.""")

# %% [markdown]
# ## What goes wrong
#
# "One call is not enough, so I average ten." The mean still contains a tenth of loading and opening. For each process
# with XNNPACK first we compute two values: the mean of ten calls by the clock that starts before loading, and the
# median of the nine calls after the first.
#
# The figure shows the mean in the process of the first figure, against the number of calls averaged. Dashed lines are
# the medians of the protocol.

# %%
mean_wrong, median_wrong = [], []
for uses in processes[orders[0]]:
    means = {name: use.mean_ms(10) for name, use in uses.items()}
    medians = {name: np.median(use.calls_ms[1:10]) for name, use in uses.items()}
    mean_wrong.append(means["built-in"] < means["XNNPACK"])
    median_wrong.append(medians["built-in"] < medians["XNNPACK"])

# %% tags=["hide-input"]
colours = {"XNNPACK": "C0", "built-in": "C1"}
figure, axes = plt.subplots()
numbers = np.arange(1, 301)
for name, use in first_process.items():
    means = [use.mean_ms(number) for number in numbers]
    axes.plot(numbers, means, color=colours[name])
    axes.axhline(fair[name].median_ms, color=colours[name], linestyle="--", linewidth=1)
    axes.annotate(
        name, (1, means[0]), (6, 4), textcoords="offset points", color=colours[name]
    )
axes.set(xlabel="number of calls averaged, loading included", ylabel="mean time in ms")
axes.set(xscale="log", yscale="log")
lab.show(
    figure,
    alt="Both running means fall with the number of calls; that of XNNPACK starts far "
    "higher and is still above its dashed median after the last call.",
)
lab.claim(
    "11.mean-of-ten",
    "The mean of ten calls with loading inside the clock names the slower kernels",
    np.mean(mean_wrong),
    at_least=0.8,
    unit="%",
    label="share of processes",
)
lab.claim(
    "11.later-median",
    "The median of the calls after the first rarely names the slower kernels",
    np.mean(median_wrong),
    at_most=0.1,
    unit="%",
    label="share of processes",
)

lab.say(f"""The mean of ten names the slower kernels in
{100 * np.mean(mean_wrong):.0f} % of the processes, the median after the first call in
{100 * np.mean(median_wrong):.0f} %. Averaging reduces the error slowly. Leaving the
warm-up out removes it.""")

# %% [markdown]
# ## What we saw

# %% tags=["hide-input"]
lab.answer("11.p", options[int(xnnpack_first > 0.5) + 2 * int(built_in_first > 0.5)])
lab.finish(f"""With loading inside the clock, the built-in kernels won
{100 * xnnpack_first:.0f} % of {trials} processes when XNNPACK went first, and
{100 * built_in_first:.0f} % when it went second. With the clock around one call alone
they won {100 * call_alone:.0f} %. By the protocol they take {fair_ratio:.1f} times as
long: {fair["built-in"].median_ms:.3f} against {fair["XNNPACK"].median_ms:.3f} ms. On
one thread this machine computes {machine.peak / 1e9:.0f} GFLOP/s and moves
{machine.bandwidth / 1e9:.1f} GB/s.""")

# %% [markdown]
# You can trust a time if you know what the clock contains, and if warm-up and order cannot decide the result. Compare
# it only with times of the same run.
#
# This does **not** show that the first use is unimportant: a program that handles a single image should measure it on
# purpose. These figures do not hold for another machine, or for this one with two threads.
#
# Further reading: Williams, Waterman and Patterson, *Roofline* (2009, CACM 52); McCalpin, *STREAM* (1995); Kalibera
# and Jones, *Rigorous benchmarking in reasonable time* (2013, ISMM). Next: [Measuring
# accuracy](12_measuring_accuracy.ipynb).
