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
#     question: When is a measured time true?
#     minutes: 50
#     budget_s: {fast: 20, full: 50}
#     needs: [10]
#     objectives:
#       - make a naive timing name the slower of two candidates, by order and warm-up alone
#       - time candidates against each other with warm-up, random order, median and quartiles
#       - measure the two roofs of this machine, and find the ridge where they meet
#       - predict a layer's time from its operations and bytes, and explain where the prediction is off
#     routes: {evidence: 2}
#     terms:
#       bandwidth:
#         text: How many bytes a second move between the processor and its memory, with all that really moves counted.
#         zh: 带宽
#         note: symbol β · unit GB/s
#       interleaving:
#         text: Timing candidates in turns within each round, in an order drawn anew, so that a slow spell hits all of
#           them alike.
#         zh: 交错测量
#       kernel block:
#         text: The outputs that a program's inner loop computes at once; a block that is not full takes as long as a
#           full one.
#         zh: 内核分块
#         note: unit outputs
#       percentile:
#         text: The value below which a given share lies; a percentile as calibration clips the few extremes.
#         zh: 百分位数
#         note: unit %
#       quartile:
#         text: The values below which a quarter, and three quarters, of the measurements lie.
#         zh: 四分位数
#       roofline:
#         text: "The bound on a computation's speed: the lower of the peak and the bandwidth times the arithmetic
#           intensity."
#         zh: 屋顶线模型
#         note: unit FLOP/s
#       triad:
#         text: The loop over large arrays by which the STREAM benchmark measures the bandwidth of memory.
#         zh: 三元组基准
#         note: symbol a = b + s·c
#       warm-up:
#         text: The first calls of a program, slower than those that follow since they load, allocate and pack what
#           later ones find ready.
#         zh: 预热
#       write-allocate:
#         text: "A processor's reading of memory into the cache before it writes there: traffic that the program did not
#           ask for."
#         zh: 写分配
# ---

# %% [markdown]
# # 11 · Measuring time
#
# When is a measured time true?

# %%
from labkit import by_profile, deploy, start

import time

import matplotlib.pyplot as plt
import numpy as np

# %% tags=["parameters"]
network: str = "ds_cnn"  # network that both kinds of kernels compute; ds_cnn, lenet5 or resnet8
trials: int = by_profile(10, 2)  # new processes for each order of the naive timing; 2 to 30
calls: int = by_profile(4000, 500)  # single calls in the pictures; 100 to 50000
seconds: float = by_profile(4.0, 0.5)  # length of an interleaved comparison, s; 0.2 to 15
array_mib: int = by_profile(128, 32)  # size of each of the triad's three arrays, MiB; 16 to 512
seed: int = 11  # random seed; 0 to 2**31 - 1

# %%
lab = start("11", seed=seed)
path = lab.baseline_file(network)
colours = {"XNNPACK": "#0072B2", "built-in": "#D55E00"}
runners = {name: deploy.timing.prepared(path, seed=seed, kernels=name) for name in colours}
answers = [runner.get_tensor(runner.get_output_details()[0]["index"]) for runner in runners.values()]
apart = np.abs(answers[0] - answers[1]).max()
lab.claim("11.answers", "Largest difference of the two answers", apart, at_most=1e-3, holds="always")

# %% [markdown]
# Two candidates compute one file. LiteRT has kernels of its own (*built-in*), and it can hand the graph to XNNPACK, a
# library of faster ones. The answers agree, so only time can tell them apart. Everything here runs on one thread.

# %% [markdown]
# ## Predict
#
# Start a new Python process. Time one candidate once, then the other once. Which order one takes should not matter.

# %%
my_guess = None
options = ["in neither order", "only when it goes second", "only when it goes first", "in both orders"]
lab.predict("11.p", "When does one call of each name the truly slower candidate as the winner?", options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# The first use of anything pays once for what later calls find ready: code is loaded, memory touched, weights are packed.
# If a call takes $t$ and the first one $c$ more, the mean of $n$ calls is $t + c/n$. Where $c$ is a hundred times $t$, a
# mean of a hundred calls is still twice the truth. So one leaves the [warm-up](../docs/glossary.md#warm-up) out, and
# does not average over it.
#
# What should $t$ be? A layer does $F$ floating-point operations and moves $B$ bytes. The processor computes at most
# $P$ operations a second, its *peak*, and moves at most $\beta$ bytes a second, its *bandwidth*. Both go on at once, so
# the slower of the two is the bound:
#
# $$ t \ge \max\left(\frac{F}{P},\ \frac{B}{\beta}\right) $$
#
# This is the [roofline](../docs/glossary.md#roofline) model. Divide $F$ by $t$, and the speed is at most
# $\min(P, \beta\,F/B)$: a slope, then a flat roof. They meet at the [ridge](../docs/glossary.md#ridge-point) $P/\beta$. Layers
# whose [arithmetic intensity](../docs/glossary.md#arithmetic-intensity) $F/B$ is below it wait for memory.
#
# The figure shows the first calls of both candidates in a new process, XNNPACK first.

# %%
young = deploy.timing.first_calls(path, ("XNNPACK", "built-in"), calls=300)
figure, axes = plt.subplots()
for name, times in young.items():
    axes.plot(range(1, 301), times, ".-", markersize=4, linewidth=1, color=colours[name])
    axes.annotate(name, (330, np.median(times[150:])), color=colours[name], va="center")
axes.set(xlabel="call in a new process", ylabel="time of the call in ms", xscale="log", yscale="log", xlim=(0.9, 900))
lab.show(figure, alt="The first call of either candidate takes far longer than the later ones, which are level.")

# %% [markdown]
# ## By hand
#
# First the **naive timing**. Open the file, call it once, read the clock; then the same with the other candidate. Each
# trial is a new process.

# %%
orders = [("XNNPACK", "built-in"), ("built-in", "XNNPACK")]
naive = {order: [deploy.timing.first_calls(path, order, calls=10) for _ in range(trials)] for order in orders}
firsts = {order: {name: np.array([t[name][0] for t in naive[order]]) for name in order} for order in orders}
wins = {order: np.mean(found["built-in"] < found["XNNPACK"]) for order, found in firsts.items()}
lab.table(
    {"order": " → ".join(order), **{f"{name}, ms": f"{np.median(found[name]):.2f}" for name in colours}}
    | {"built-in wins": f"{round(wins[order] * trials)} of {trials}"}
    for order, found in firsts.items()
)

# %% [markdown]
# Whoever goes first loses, since it pays for loading LiteRT. This is no noise: it repeats, trial after trial. More
# trials in the same order would only make us surer of it.
#
# Now the **protocol**. Call each candidate before the clock runs. Take many rounds, and in each round draw the order
# anew, so that nobody always follows the same neighbour and a slow spell hits all. Then sort, and read the middle.

# %%
times = {name: [] for name in runners}
for _ in range(20):
    for runner in runners.values():
        runner.invoke()
for _ in range(9):
    for name in lab.rng.permutation(list(runners)):
        runners[name].invoke()
        begin = time.perf_counter()
        runners[name].invoke()
        times[name].append(1e6 * (time.perf_counter() - begin))
{f"{name}, µs, sorted": np.sort(np.round(found)).astype(int) for name, found in times.items()}

# %% [markdown]
# ## With the library
#
# The untimed call before each timed one took back the caches, which the other candidate had just filled with its own
# data. `deploy.timing.interleaved` is this protocol; it repeats a call until the clock's own step no longer matters. `lab.measure`
# uses it on every page. The ratio is taken within each round, so that a processor that slows down does not enter.

# %%
candidates = {name: runner.invoke for name, runner in runners.items()}
fair = deploy.timing.interleaved(candidates, seconds=seconds, seed=seed)
ratio = fair.ratios("XNNPACK")["built-in"]
lab.table(
    {"kernels": name, "median, ms": f"{t.median_ms:.4f}", "quartiles": f"{t.low_ms:.4f} – {t.high_ms:.4f}", "n": t.n}
    for name, t in fair.items()
)
again = [deploy.timing.interleaved(candidates, seconds=0.1, seed=k).ratios("XNNPACK")["built-in"] for k in range(2 * trials)]
one, other = orders
lab.claim("11.ratio", "Built-in over XNNPACK, by the protocol", ratio, at_least=1.3, unit="×")
lab.claim("11.short-runs", "Short runs of the protocol that agree", np.mean(np.array(again) > 1), at_least=0.95, unit="%")
lab.claim("11.naive-first", "Naive timing, XNNPACK first: the slower wins", wins[one], at_least=0.9, unit="%")
lab.claim("11.naive-second", "Naive timing, built-in first: the slower wins", wins[other], at_most=0.1, unit="%")
first, second = (np.median(firsts[one][name]) for name in one)
lab.claim("11.naive-ratio", "Naive timing, XNNPACK first: XNNPACK over built-in", first / second, at_least=2, unit="×")

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
# First, what a time looks like. Single calls of XNNPACK, warm, one after another: left in the order of the run, right
# sorted, as the share of calls that took no longer.

# %%
single = np.empty(calls)
for k in range(calls):
    begin = time.perf_counter()
    runners["XNNPACK"].invoke()
    single[k] = 1e6 * (time.perf_counter() - begin)
low, median, high = quartiles(single)

# %%
figure, (run, share) = plt.subplots(1, 2, sharey=True)
run.plot(single, ".", markersize=2, color=colours["XNNPACK"])
run.set(xlabel="call", ylabel="time of one call in µs", yscale="log")
share.plot(100 * np.arange(1, calls + 1) / calls, np.sort(single), color=colours["XNNPACK"])
for percent, value, text in [(25, low, "lower quartile"), (50, median, "median"), (75, high, "upper quartile")]:
    share.plot(percent, value, "o", color="#444444")
    share.annotate(text, (percent, value), (-4, 24 if percent == 50 else 9), textcoords="offset points", ha="center", fontsize=9)
share.set(xlabel="calls that took no longer, %")
lab.show(figure, alt="Call times lie on a floor with a few far above it; sorted, they are level, then rise steeply.")
lab.say(f"""The quartiles are {low:.1f}, {median:.1f} and {high:.1f} µs, the mean is {single.mean():.1f} µs, and the
slowest call took {single.max() / median:.0f} times the median.""")

# %% [markdown]
# The floor is the work. What lies above it is other programs and the system. A few such calls move the mean, and hardly
# touch the median.

# %% [markdown]
# ### The roofs of this machine
#
# The peak comes from a product of large float32 matrices, the bandwidth from the *triad* $a = b + s\,c$ over arrays that
# outgrow the caches. Before the processor writes a piece of $a$, it reads it: this *write-allocate* is real traffic, so
# four arrays move, where STREAM, the usual benchmark, counts three. Both rates are those of one thread, the best
# of the rounds. A third rate is for later: at which NumPy's matrix–vector product reads weights that lie in the cache. It
# is a yardstick; another program may read faster.

# %%
machine = deploy.roofline.machine(seconds=0.5 * seconds, array_mib=array_mib)
rates = {"peak": machine.peak, "bandwidth": machine.bandwidth, "as STREAM counts": machine.stream}
rates = {f"{name}, {'GFLOP/s' if name == 'peak' else 'GB/s'}": f"{rate / 1e9:.1f}" for name, rate in rates.items()}
rates |= {"from the cache, GB/s": f"{machine.cached / 1e9:.1f}", "ridge, FLOP/byte": f"{machine.ridge:.1f}"}
lab.table([rates | {f"level {level}, MiB": f"{size / 2**20:.3g}" for level, size in deploy.roofline.caches().items()}])

# %% [markdown]
# ### The layers under the roofs
#
# LiteRT's Python interface has no profiler. `deploy.roofline.layer_times` cuts each file into files of one layer, and times all
# of them against each other, together with a file that has next to nothing to do: the cost of a call. The bytes of a
# layer are its weights, its input and its output, each moved once.

# %%
inks = {"lenet5": "#CC79A7", "ds_cnn": "#009E73"}
works, taken = deploy.roofline.layer_times({name: lab.baseline_file(name) for name in inks}, seconds=2 * seconds, seed=seed)
off, near, rows = {}, {}, []
for key, task in works.items():
    roofs = [(machine.peak, rate) for rate in (machine.bandwidth, machine.cached)]
    memory, cache = (1e3 * roofline_seconds(task.flops, task.bytes, *roof) for roof in roofs)
    t = taken[key]
    off[key], near[key] = t.median_ms / memory, t.median_ms / cache
    row = {"layer": key, "kFLOP": f"{task.flops / 1e3:.0f}", "kB": f"{task.bytes / 1e3:.0f}"}
    row |= {"FLOP/byte": f"{task.intensity:.1f}", "predicted, µs": f"{1e3 * memory:.2f}"}
    row |= {"measured, µs": f"{1e3 * t.median_ms:.2f}", "quartiles": f"{1e3 * t.low_ms:.2f} – {1e3 * t.high_ms:.2f}"}
    rows.append(row | {"ratio": f"{off[key]:.2f}", "ratio, cache": f"{near[key]:.2f}"})
lab.table(rows)

# %% [markdown]
# *Ratio* is measured over predicted. A ratio below one has beaten a bound. It cannot, so a premise must be wrong; the
# last column replaces the bandwidth of memory by that of the cache. The picture has both: the solid roof is that of
# memory, the dotted one that of the cache.

# %%
speed = {key: task.flops / taken[key].median_ms / 1e6 for key, task in works.items()}
labels = {"lenet5 conv2d 1": (7, -3), "lenet5 conv2d 2": (7, -5), "lenet5 dense 1": (-88, -3), "ds_cnn dense 1": (7, -3)}
labels |= {"ds_cnn conv2d 1": (7, -3), "ds_cnn conv2d 5": (0, -16), "ds_cnn depthwise 1": (10, -20)}
x = np.geomspace(0.1, 100, 200)
figure, axes = plt.subplots(figsize=(7.0, 4.4))
for rate, at, text, style in [(machine.bandwidth, 0.15, "memory", "-"), (machine.cached, 0.15, "cache", ":")]:
    axes.plot(x, np.minimum(machine.peak, rate * x) / 1e9, style, color="#444444")
    axes.annotate(text, (at, rate * at / 1e9), (10, -8), textcoords="offset points")
axes.annotate("peak", (70, machine.peak / 1e9), (0, 5), textcoords="offset points")
for key, task in works.items():
    look, place = {"color": inks[key.split()[0]]}, (task.intensity, speed[key])
    axes.plot(*place, "o", **look)
    axes.annotate(key if key in labels else "", place, labels.get(key, (0, 0)), textcoords="offset points", **look)
axes.set(xlabel="arithmetic intensity in FLOP/byte", ylabel="speed in GFLOP/s", xscale="log", yscale="log")
lab.show(figure, alt="Some convolutions reach the flat roof; most other layers stand between the two slopes.")

# %%
lab.claim("11.peak", "Fastest layer, over the peak", max(speed.values()) * 1e9 / machine.peak, at_most=1.5, unit="×")
for name in inks:
    total = sum(taken[key].median_ms - taken["call"].median_ms for key in works if key.split()[0] == name)
    lab.claim(f"11.sum-{name}", f"{name}: its layers' sum over the whole", total / taken[name].median_ms, between=(0.4, 2.0), unit="×")
big, tiny = "lenet5 dense 1", "ds_cnn dense 1"
lab.say(f"""The large dense layer of LeNet-5 takes {off[big]:.2f} of the time that memory would need for its
{works[big].bytes / 1e6:.1f} MB, and {near[big]:.2f} of what the cache needs. The last layer of ds_cnn takes
{1e3 * taken[tiny].median_ms:.2f} µs, of which a call without any work is {1e3 * taken["call"].median_ms:.2f} µs.""")

# %% [markdown]
# Three things put a layer off its prediction. **The cache**: called again and again, a small network finds its weights
# and activations in a cache, and memory is no bound. It is one for large networks, or for a first call. Depthwise layers
# are often called bound by memory; those above the solid roof are not. **The call**: the smallest layers cost little
# more than being called at all. **The shape**: a convolution of one by one is a plain matrix product, and comes nearest
# to the peak. A wider one must gather its inputs, a first one has a single input channel, and a depthwise one multiplies
# each value nine times only: probably that keeps them from the upper roof. The roofline is a bound and no forecast.

# %% [markdown]
# ## What goes wrong
#
# "One call is naive, so I average ten." The mean still carries the first call, shared among ten. Here is the mean
# against the number of calls, for the process of the first figure; the dashed lines are the protocol's medians.

# %%
figure, axes = plt.subplots()
for name, found in young.items():
    axes.plot(np.arange(1, 301), np.cumsum(found) / np.arange(1, 301), color=colours[name])
    axes.axhline(fair[name].median_ms, color=colours[name], linestyle="--", linewidth=1)
    axes.annotate(name, (1, found[0]), (4, 6), textcoords="offset points", color=colours[name])
axes.set(xlabel="number of calls averaged, the first included", ylabel="mean time in ms", xscale="log", yscale="log")
lab.show(figure, alt="The running means fall from the first call on, cross late, and end above the protocol's medians.")
ten = np.mean([np.mean(t["built-in"]) < np.mean(t["XNNPACK"]) for t in naive[one]])
lab.claim("11.mean-of-ten", "Mean of ten calls, XNNPACK first: the slower wins", ten, at_least=0.9, unit="%")
later = np.mean([np.median(t["built-in"][1:]) < np.median(t["XNNPACK"][1:]) for t in naive[one]])
lab.claim("11.later-median", "Median of ten without the first: the slower wins", later, at_most=0.1, unit="%")

# %% [markdown]
# ## What we saw

# %%
lab.answer("11.p", options[int(wins[one] > 0.5) + 2 * int(wins[other] > 0.5)])
lab.finish(f"""By one call each, with XNNPACK first, the built-in kernels won {wins[one]:.0%} of {trials} trials, with
{second:.1f} against {first:.1f} ms; in the other order they won {wins[other]:.0%}. By the protocol they take {ratio:.1f}
times as long: {fair["built-in"].median_ms:.3f} against {fair["XNNPACK"].median_ms:.3f} ms. This machine computes
{machine.peak / 1e9:.0f} GFLOP/s and moves {machine.bandwidth / 1e9:.1f} GB/s on one thread; its ridge is at
{machine.ridge:.1f} FLOP/byte.""")

# %% [markdown]
# The cure costs nothing: leave the first calls out, draw the order, take the median. A time is true when its protocol is
# stated, and when the order, the first call and the neighbours no longer move it.
#
# This does **not** show that the first call is unimportant: who starts a program for a single image pays it, and should
# measure it, on purpose. Nor do these figures hold for another machine, or for this one with two threads.
#
# Further reading: Williams, Waterman and Patterson, *Roofline* (2009, CACM 52); McCalpin, *STREAM* (1995); Kalibera and
# Jones, *Rigorous benchmarking in reasonable time* (2013, ISMM). Next: whether a difference in *accuracy* is one.
