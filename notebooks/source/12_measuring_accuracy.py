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
#     title: Measuring accuracy
#     question: When is a difference between two accuracies real?
#     minutes: 55
#     budget_s: {fast: 15, full: 30}
#     needs: []
#     objectives:
#       - compute Wilson's interval by hand, and compute how often it contains the true accuracy
#       - compare two networks on the same images with McNemar's test
#       - compute how many images a difference needs, with the same images for both networks and with separate ones
#       - separate the spread over images from the spread over seeds
#       - explain why the best of many candidates looks better than it is
#     routes: {evidence: 3}
#     terms:
#       confidence interval:
#         text: A range computed from the data by a rule that contains the true value in about 95 of 100 repetitions;
#           Wilson's rule is used for shares.
#         zh: 置信区间
#         note: unit %
#       coverage:
#         text: How often an interval, computed afresh from new data each time, contains the true value; for a 95 %
#           interval it should be 95 %.
#         zh: 覆盖率
#         note: unit %
#       discordant share:
#         text: The share of images that exactly one of two networks classifies correctly; only these images distinguish
#           the two.
#         zh: 不一致比例
#         note: symbol ψ · unit %
#       latency:
#         text: The time from one input to its output; given as median and quartiles, on a named processor.
#         zh: 延迟
#         note: symbol t · unit ms
#       McNemar's test:
#         text: "A test of two classifiers on the same images: if both have the same accuracy, each image that exactly one
#           of them gets right is a fair coin toss."
#         zh: 麦克尼马尔检验
#         note: symbol p
#       multiple comparisons:
#         text: "Testing many candidates and reporting the best: the more are tried, the more likely one looks good by
#           chance."
#         zh: 多重比较
#       power:
#         text: The probability that a test detects a difference that exists.
#         zh: 检验功效
#         note: unit %
#       pruning:
#         text: Removing weights or neurons that a network can do without.
#         zh: 剪枝
#       seed spread:
#         text: How much the results of one training recipe differ when only the random seed changes.
#         zh: 随机种子波动
#         note: unit points
#       test set:
#         text: Images that are used for the final figure only, and for no choice.
#         zh: 测试集
#         note: unit images
#       validation set:
#         text: The last 5,000 training images, kept out of training; every choice is made on them.
#         zh: 验证集
#         note: unit images
#       winner's curse:
#         text: The best of several measured candidates looks better than it is, because chance took part in the choice.
#         zh: 赢家诅咒
# ---

# %% [markdown]
# # 12 · Measuring accuracy
#
# When is a difference between two accuracies real?

# %%
from math import comb

from labkit import assets, by_profile, deploy, methods, start

import matplotlib.pyplot as plt
import numpy as np

# %% tags=["parameters"]
difference: float = 0.003  # true difference to detect, a share; 0.001 to 0.02
copies: int = by_profile(60, 20)  # lightly pruned copies that are tried; 1 to 120
most: float = 0.30  # largest sparsity among the copies, a share; 0.05 to 0.9
runs: int = by_profile(12, 4)  # seeds from which a small network is trained; 2 to 30
draws: int = by_profile(20000, 4000)  # draws of each simulation; 1000 to 100000
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("12", seed=seed)
images = lab.data()
stats, z = methods.statistics, 1.959964
path = lab.baseline_file("lenet_300_100")
lenet5_path = lab.baseline_file("lenet5")
dense = lab.measure(path, name="lenet_300_100", technique="baseline", latency=False)
lenet5 = lab.measure(lenet5_path, name="lenet5", technique="baseline", latency=False)

# %% [markdown]
# ## Predict
#
# The cell above measures two trained networks on the same test images. Each [accuracy](../docs/glossary.md#accuracy)
# comes with a [confidence interval](../docs/glossary.md#confidence-interval). This page shows where the
# interval comes from, and when it is not enough.
#
# Suppose that one network is slightly better than another, and that you test each on its own, separate images.
# Replace `None` with one of the options, in quotes.

# %%
my_guess = None
edges = [3_000, 25_000, 100_000]
options = [
    "fewer than 3,000",
    "3,000 to 25,000",
    "25,000 to 100,000",
    "more than 100,000",
]
task = f"to detect a difference of {100 * difference:g} points in 80 % of the attempts"
question = f"How many test images does each network need {task}?"
lab.predict("12.p", question, options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# Each test image is like a coin toss: the network is right with probability $p$, its true accuracy. We see only the
# share $\hat p$ of $n$ images. By chance it lies about $\sqrt{p(1-p)/n}$ away from $p$; this is its standard error.
#
# The simplest interval is Wald's. It puts the *measured* share into the root: $\hat p \pm z \sqrt{\hat p(1-\hat
# p)/n}$, with $z = 1.96$ for 95 %. Suppose that a network is right on 50 of 50 images. The root is then zero, and so
# is the width of the interval, as if fifty images proved that the network never fails.
#
# Wilson asks the reverse question: for which true $p$ would the measured $\hat p$ not be surprising?
#
# $$ |\hat p - p| \le z \sqrt{\frac{p(1-p)}{n}} $$
#
# Squared, this is a quadratic inequality in $p$. The two solutions of the equation are the ends of his interval.

# %% [markdown]
# ## By hand
#
# We compute both intervals for 49 and for 50 correct images of 50.

# %%
n, correct = 50, np.array([49, 50])
share = correct / n
half = z * np.sqrt(share * (1 - share) / n)
wald = np.transpose([share - half, share + half])
scale = 1 + z**2 / n
middle = (share + z**2 / (2 * n)) / scale
half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / scale
wilson_ends = np.transpose([middle - half, middle + half])
{"Wald": wald.round(3), "Wilson": wilson_ends.round(3)}

# %% [markdown]
# Wald's first interval ends above one, and the second has no width. Wilson's are reasonable.
#
# Does a 95 % interval contain the true accuracy in 95 of 100 cases? This share is its
# [coverage](../docs/glossary.md#coverage). We compute it exactly for $n = 100$: for each true accuracy we add the
# probabilities of all test results whose interval contains it. The errors are evenly spaced on a *logarithmic* scale
# because trained networks have small errors.

# %%
n, errors = 100, np.geomspace(0.0005, 0.5, 4000)
truths, counts = 1 - errors, np.arange(n + 1)
share = counts / n
half = z * np.sqrt(share * (1 - share) / n)
intervals = {
    "Wald": (share - half, share + half),
    "Wilson": np.transpose([stats.wilson(k, n) for k in range(n + 1)]),
}
ways = np.array([comb(n, k) for k in range(n + 1)], dtype=float)
chances = ways * truths[:, None] ** counts * errors[:, None] ** (n - counts)
coverage = {}
for name, (low, high) in intervals.items():
    contained = (low <= truths[:, None]) & (truths[:, None] <= high)
    coverage[name] = np.sum(chances * contained, axis=1)

# %% tags=["hide-input"]
figure, axes = plt.subplots()
places = {"Wald": ("C1", 0.6, 25), "Wilson": ("C0", 0.6, 100)}
for name, (colour, at, height) in places.items():
    axes.semilogx(100 * errors, 100 * coverage[name], color=colour, linewidth=1.2)
    axes.text(at, height, name, color=colour)
axes.axhline(95, color=lab.colour("guide"), linewidth=1)
axes.xaxis.set_major_formatter("{x:g}")
axes.set(xlabel="true error in % (log scale)", ylim=(0, 109))
axes.set(ylabel="coverage in %")
lab.show(
    figure,
    alt="For small errors Wald's coverage falls to almost zero; Wilson's jumps around "
    "the line at 95 and has its deepest gap close to an error of zero.",
)
worst = int(np.argmin(coverage["Wilson"]))
distance = {name: np.mean(np.abs(found - 0.95)) for name, found in coverage.items()}
lab.claim(
    "12.wilson",
    "On average over this axis, Wilson's coverage is much closer to 95 % than Wald's",
    distance["Wilson"],
    at_most=distance["Wald"] / 10,
    unit="points",
    label="mean distance",
    holds="always",
)
lab.claim(
    "12.wilson-worst",
    "Wilson's lowest coverage is the one that Agresti and Coull (1998) derive",
    coverage["Wilson"][worst],
    between=(0.83, 0.845),
    unit="%",
    holds="always",
)
smallest = {name: 100 * found[0] for name, found in coverage.items()}
lab.say(f"""The figure shows the coverage against the true error, with a line at the
wanted 95 %. Wald's coverage falls towards zero for small errors. Wilson's jumps,
because a count of images is a whole number, and it is not perfect either: at an error
of {100 * errors[worst]:.3f} % it falls to {100 * coverage["Wilson"][worst]:.1f} %.
There, one wrong image of {n} already puts the truth outside the interval. On average
it is {100 * distance["Wilson"]:.1f} points away from 95 %, Wald's
{100 * distance["Wald"]:.1f}.""")

# %% [markdown]
# ## With the library
#
# Now two networks see the *same* images. Most images are easy for both. Only the images count that
# exactly one network gets right. If both networks have the same accuracy, each of these is a fair coin
# toss. This is [McNemar's test](../docs/glossary.md#mcnemars-test). Its p-value, here *p* for short, is the probability
# that fair coins give a result at least as uneven.
#
# We compare lenet_300_100 with lenet5, and with a copy of itself in which the smallest weights of each layer are
# zero. We compute the copy in NumPy from the weights in the file, and first compare NumPy with LiteRT.

# %%
layers = [deploy.inspect.layer(path, number) for number in range(3)]
x, truth = assets.data.as_input(images.test.x), images.test.y


def pruned_logits(x: np.ndarray, sparsity: float) -> np.ndarray:
    """Return the logits with this share of each layer's weights set to zero."""
    network = []
    for layer in layers:
        mask = methods.prune.magnitude_mask(layer["weights"], sparsity)
        network.append(((layer["weights"] * mask).T, layer["bias"]))
    return methods.small_network.dense_forward(network, x)[0]


litert_logits = deploy.tflite.predict(path, x)
deviation = np.abs(pruned_logits(x, 0.0) - litert_logits).max()
numpy_error = deviation / np.abs(litert_logits).max()


# %%
def count_pair(first: np.ndarray, second: np.ndarray) -> tuple[int, int]:
    """Return how many images only the first gets right, and only the second."""
    return int(np.sum(first & ~second)), int(np.sum(second & ~first))


baseline_right = litert_logits.argmax(axis=1) == truth
logits = {"lenet5": deploy.tflite.predict(lenet5_path, x)}
logits["pruned copy"] = pruned_logits(x, most / 2)
pairs = {}
for name, outputs in logits.items():
    pairs[name] = count_pair(baseline_right, outputs.argmax(axis=1) == truth)

# %% tags=["hide-input"]
lab.claim(
    "12.numpy",
    "NumPy and LiteRT compute the same logits, up to the rounding of float32 sums",
    numpy_error,
    at_most=1e-5,
    label="relative difference",
    holds="always",
)
rows, widths, factors, agreeing = [], [], [], []
for name, (first_only, second_only) in pairs.items():
    ends = stats.paired_interval(first_only, second_only, len(x))
    row = {"compared with lenet_300_100": name, "only lenet_300_100": first_only}
    row |= {"only the other": second_only}
    row["gain in points, 95 % interval"] = (
        f"{100 * ends[0]:+.2f} to {100 * ends[1]:+.2f}"
    )
    p_values = {
        form: stats.mcnemar(first_only, second_only, form) for form in stats.FORMS
    }
    rows.append(row | {form: f"{value:.2g}" for form, value in p_values.items()})
    widths.append(100 * (ends[1] - ends[0]))
    factors.append(max(p_values.values()) / min(p_values.values()))
    agreeing.append(len({value < 0.05 for value in p_values.values()}) == 1)
verdicts = (
    "in each row, all four are on the same side of 0.05"
    if all(agreeing)
    else "in a row they are on different sides of 0.05, so choose the form beforehand"
)
lab.table(rows)
lab.claim(
    "12.mcnemar",
    "McNemar's test distinguishes lenet5 from lenet_300_100",
    stats.mcnemar(*pairs["lenet5"]),
    at_most=0.001,
    label="p",
)
lab.say(f"""The table counts the images that only one network gets right, then gives
the gain of the other network and p in four forms. *Exact* uses the coin tosses
themselves, *mid_p* counts only half the probability of the observed result,
*chi_square* uses the normal curve, and *corrected* is its cautious variant. They differ
by a factor of up to {max(factors):.1f}; {verdicts}.

The copy has {100 * most / 2:.0f} % zeros. Its interval is {widths[1]:.2f} points
wide, that of lenet5 {widths[0]:.2f}. The copy agrees with its original on nearly all
images, so chance has little to change.""")

# %% [markdown]
# ## Your turn

# %% [markdown]
# ### 12.1 Wilson's interval ★☆☆ · 10 minutes
#
# Write a function that computes Wilson's interval at 95 % ($z = 1.959964$) for any count. Without any images we know
# nothing about the accuracy, so the interval is 0 to 1.


# %%
def wilson(correct: int, n: int) -> tuple[float, float]:
    """Return the low and the high end of the interval, as shares from 0 to 1."""
    ### BEGIN SOLUTION
    if n == 0:
        return 0.0, 1.0
    z = 1.959964
    share, divisor = correct / n, 1 + z**2 / n
    middle = share + z**2 / (2 * n)
    half_width = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return (middle - half_width) / divisor, (middle + half_width) / divisor
    ### END SOLUTION


wilson = lab.check("12.1", wilson)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The code under *By hand* computes the interval for one count. Turn it into a function of `correct` and `n`, and treat
# `n == 0` first.
# </details>
# <details><summary>Hint 2</summary>
#
# Both the middle and the half width are divided by $1 + z^2/n$.
# </details>

# %% [markdown]
# ### 12.2 McNemar's exact p ★★☆ · 10 minutes
#
# Two networks disagree on $m$ images. If they were equally good, each of these images would be a fair coin. How
# probable is a split at least as uneven as the observed one, to either side? If the networks never disagree, return 1.


# %%
def exact_p(first_only: int, second_only: int) -> float:
    """Return the two-sided p-value, which is at most 1.

    first_only images are right for the first network alone, second_only for the second.
    """
    ### BEGIN SOLUTION
    m, smaller_count = first_only + second_only, min(first_only, second_only)
    tail = sum(comb(m, k) for k in range(smaller_count + 1)) / 2**m
    return min(1.0, 2 * tail)
    ### END SOLUTION


exact_p = lab.check("12.2", exact_p)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The probability of $k$ heads in $m$ throws is `comb(m, k) / 2**m`. Add these probabilities for all $k$ from 0 to the
# smaller count, which is included.
# </details>
# <details><summary>Hint 2</summary>
#
# Double the tail, because a gap to the other side counts as well. With equal counts the two tails overlap and their sum
# exceeds 1; return 1 then.
# </details>

# %% [markdown]
# ### 12.3 The number of images ★★☆ · 10 minutes
#
# The accuracies of two networks differ by $\delta$. On a share $\psi$ of the images, exactly one of the two is right;
# these images are [discordant](../docs/glossary.md#discordant-share). To detect $\delta$ in four of five experiments (a
# [power](../docs/glossary.md#power) of 80 %), we need
#
# $$ n = \left(\frac{1.959964\,\sqrt{\psi} + 0.841621\,\sqrt{\psi - \delta^2}}{\delta}\right)^2 $$
#
# images. The sign of $\delta$ does not matter. Round up to a whole number of images.


# %%
def images_needed(difference: float, discordant: float) -> int:
    """Return the number of images for a difference δ and a discordant share ψ."""
    ### BEGIN SOLUTION
    root = np.sqrt(discordant - difference**2)
    numerator = 1.959964 * np.sqrt(discordant) + 0.841621 * root
    return int(np.ceil((numerator / difference) ** 2))
    ### END SOLUTION


images_needed = lab.check("12.3", images_needed)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Compute the numerator first, divide it by the difference, and then square.
# </details>
# <details><summary>Hint 2</summary>
#
# `np.ceil` rounds up and returns a float; `int` turns it into a whole number. `round` would sometimes return one image
# too few.
# </details>

# %% [markdown]
# ### 12.4 The winner on fresh images ★★☆ · 10 minutes
#
# We tried several copies of a network and choose the best one on the validation images. `answers` has the shape
# (copies, images) and is True where a copy is right. `baseline` says the same about the original network. A gain is the
# number of right images minus the baseline's. Find the copy with the largest gain on validation; if several are equal,
# take the first. Return its gain on validation and its gain on test.


# %%
def winner(answers, baseline, test_answers, test_baseline) -> tuple[int, int]:
    """Return the winner's gain in images on validation and its gain on test.

    All four are boolean arrays, True where the answer is right.
    """
    ### BEGIN SOLUTION
    best = np.argmax(answers.sum(axis=1))
    gain = int(answers[best].sum()) - int(baseline.sum())
    test_gain = int(test_answers[best].sum()) - int(test_baseline.sum())
    return gain, test_gain
    ### END SOLUTION


winner = lab.check("12.4", winner)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `answers.sum(axis=1)` counts the right images of each copy. `np.argmax` returns the index of the largest count, and of
# the first one if several are equal.
# </details>
# <details><summary>Hint 2</summary>
#
# The test images must not influence the choice. Use the same index for both gains.
# </details>

# %% [markdown]
# ## Evidence
#
# ### How many images?
#
# Your function `images_needed` says how many images two networks need on the *same* images. For separate images the
# function `images_unpaired` uses the standard formula for two shares. Both formulas use the normal curve. To check
# them we compute the [power](../docs/glossary.md#power) at these numbers: exactly for the same images, by drawn test
# results for separate ones. The paired test is the *chi_square* form; the exact
# one detects slightly less.

# %%
first, second = dense.accuracy, dense.accuracy + difference
needed = {"separate images": stats.images_unpaired(first, second)}
drawn_power = methods.trials.power_unpaired(
    needed["separate images"], first, second, draws, lab.rng
)
discordant, exact_power = {}, {}
for name, counts in pairs.items():
    discordant[name] = max(sum(counts) / len(x), difference)
    needed[name] = images_needed(difference, discordant[name])
    exact_power[name] = stats.power_paired(needed[name], difference, discordant[name])

# %% tags=["hide-input"]
rows = []
for name, number in needed.items():
    row = {"lenet_300_100 and": name, "images needed": f"{number:,}"}
    row["discordant"] = f"{100 * discordant[name]:.2f} %" if name in discordant else "–"
    row["power there"] = f"{100 * exact_power.get(name, drawn_power):.1f} %"
    rows.append(row)
lab.table(rows)
figure, axes = plt.subplots()
notes = {"separate images": "C2", "lenet5": "C0", "pruned copy": lab.colour("pruning")}
for name, colour in notes.items():
    numbers = np.geomspace(needed[name] / 12, needed[name] * 2.5, 14).astype(int)
    if name in discordant:
        powers = [stats.power_paired(k, difference, discordant[name]) for k in numbers]
    else:
        simulate = methods.trials.power_unpaired
        powers = [simulate(k, first, second, draws, lab.rng) for k in numbers]
    axes.semilogx(numbers, 100 * np.array(powers), ".-", color=colour)
    axes.plot(needed[name], 80, "D", color=colour, markersize=8)
    place, side = (0.62, "left") if name == "separate images" else (0.38, "right")
    axes.text(place * needed[name], 48, name, color=colour, ha=side)
axes.xaxis.set_major_formatter("{x:,.0f}")
axes.axvline(len(x), color=lab.colour("guide"), linewidth=1, linestyle=":")
axes.text(1.05 * len(x), 3, "our test set", color=lab.colour("guide"))
axes.set(xlabel="test images (log scale)", ylabel="power in %", ylim=(0, 104))
lab.show(
    figure,
    alt="Power rises with the number of images: first for the pruned copy, then for "
    "lenet5, last for separate images.",
)
for key, name, text, room in (
    ("lenet5", "lenet5", "lenet5", 0.01),
    ("pruned", "pruned copy", "the pruned copy", 0.02),
):
    lab.claim(
        f"12.power-{key}",
        f"At the number of images for {text}, the exact power is the wanted one",
        exact_power[name],
        between=(0.8 - room, 0.8 + room),
        unit="%",
    )
room = 4 * np.sqrt(0.8 * 0.2 / draws)
lab.claim(
    "12.power-unpaired",
    "At the number of separate images, the drawn power is the wanted one",
    drawn_power,
    between=(0.8 - room, 0.8 + room),
    unit="%",
)
saving = needed["separate images"] / needed["lenet5"]
copy_saving = needed["separate images"] / needed["pruned copy"]
lab.say(f"""Diamonds are the formulas, dots the computed powers, and the dotted line
is the size of our test set. Testing both networks on the same images saves a factor
of {saving:.1f} for lenet5, and of {copy_saving:.0f} for the pruned copy, which
disagrees with its original on few images.""")

# %% [markdown]
# ### Images and seeds
#
# An interval over images says what other *images* could have given. It does not say what another *training* could
# have given. We train a small network from several seeds and change nothing else; the differences are the [seed
# spread](../docs/glossary.md#seed-spread).
#
# All seeds see the same test images, so their accuracies differ for two reasons. Some trainings are better than
# others. But even networks of equal accuracy disagree on some images, and on a finite test set these do not cancel
# exactly. (Cochran's test is McNemar's for more than two networks. It asks if this second reason is enough.) If two
# seeds disagree on a share $\psi$ of the images, this alone gives each accuracy the variance
# $\psi/2n$. We subtract it from the observed variance; what remains belongs to the seeds.

# %%
train_x, train_y = assets.data.as_input(images.train.x[:10000]), images.train.y[:10000]
seed_right = []
for rng in lab.rng.spawn(runs):
    network = methods.trials.train_small(train_x, train_y, rng)
    outputs, _ = methods.small_network.dense_forward(network, x)
    seed_right.append(outputs.argmax(axis=1) == truth)
seed_right = np.array(sorted(seed_right, key=np.mean))  # the worst seed first
accuracies = seed_right.mean(axis=1)

# %%
pair_counts = []
for i in range(runs):
    for j in range(i):
        pair_counts.append(count_pair(seed_right[i], seed_right[j]))
disagreement = np.mean([sum(counts) for counts in pair_counts]) / len(x)
observed_variance = accuracies.var(ddof=1)
image_variance = disagreement / (2 * len(x))
seed_variance = max(0.0, observed_variance - image_variance)
extreme_p = exact_p(*count_pair(seed_right[0], seed_right[-1]))
corrected_p = min(1.0, len(pair_counts) * extreme_p)
cochran_p = stats.cochran(seed_right)

# %% tags=["hide-input"]
spread = stats.seed_spread(100 * accuracies)
deviation_low, deviation_high = stats.deviation_interval(100 * accuracies)
error_of_one = np.sqrt(accuracies.mean() * (1 - accuracies.mean()) / len(x))
deviations = {
    "between the seeds, on these images": np.sqrt(observed_variance),
    "of this: finite number of images": np.sqrt(image_variance),
    "of this: the seeds themselves": np.sqrt(seed_variance),
    "one network, other images": error_of_one,
}
lab.table(
    {"spread": name, "standard deviation in points": f"{100 * value:.2f}"}
    for name, value in deviations.items()
)
lab.claim(
    "12.seed-spread",
    "The seeds differ by more than finite images explain (Cochran's test)",
    cochran_p,
    at_most=0.05,
    label="p",
)
lab.claim(
    "12.seeds",
    "The best seed differs from the worst, corrected for the choice of this pair",
    corrected_p,
    at_most=0.05,
    label="p",
)
unequal = sum(exact_p(*counts) < 0.05 for counts in pair_counts)
corrected = sum(exact_p(*counts) * len(pair_counts) < 0.05 for counts in pair_counts)
worst_ends = wilson(int(seed_right[0].sum()), len(x))
best_ends = wilson(int(seed_right[-1].sum()), len(x))
lab.say(f"""The mean of {runs} seeds is {spread.mean:.2f} %. Student's 95 % interval
for the mean over all seeds, *on these images*, goes from {spread.low:.2f} to
{spread.high:.2f} %. Of the observed variance,
{100 * image_variance / observed_variance:.0f} % comes from the finite number of
images, the rest from the seeds. With {runs} seeds this is a rough estimate: the 95 %
interval of the first row is {deviation_low:.2f} to {deviation_high:.2f} points. The
last row is a different question: other images would move all seeds together.

The worst seed reaches {100 * accuracies[0]:.2f} % ({100 * worst_ends[0]:.2f} to
{100 * worst_ends[1]:.2f}), the best {100 * accuracies[-1]:.2f} %
({100 * best_ends[0]:.2f} to {100 * best_ends[1]:.2f}). McNemar's p for these two is
{extreme_p:.1g}. But we *picked* them from {len(pair_counts)} pairs. Bonferroni's
correction multiplies p by the number of pairs: {corrected_p:.1g}. Of all pairs,
{unequal} have p below 0.05 without the correction, and {corrected} with it. To compare
two recipes, train several seeds of each.""")

# %% [markdown]
# ## What goes wrong
#
# "The pruned network is better than the original" is a common claim. We prune lenet_300_100 lightly in many ways,
# without retraining, and choose the best copy on the validation images. Only then do we look at the test images.
#
# The best of many candidates was also lucky (the [winner's curse](../docs/glossary.md#winners-curse) of [multiple
# comparisons](../docs/glossary.md#multiple-comparisons)). How surprising is its gain? We compute three values of p.
# The first treats the winner as if it had been the only copy. The second is Bonferroni's. It is too strict here,
# because the copies resemble each other. The third is made for such copies: in each draw, every image swaps copy and
# original at random, for all copies at once. We count how often *some* copy changes as much. Each p has a *two-sided*
# form (a gain or a loss as large) and a *one-sided* one (gains only).

# %%
sets = {"validation": images.validation, "test": images.test}
levels = np.linspace(most / copies, most, copies)
base_right, copy_right, gains = {}, {}, {}
for name, split in sets.items():
    inputs = assets.data.as_input(split.x)
    base_right[name] = pruned_logits(inputs, 0.0).argmax(axis=1) == split.y
    copy_right[name] = np.array(
        [pruned_logits(inputs, level).argmax(axis=1) == split.y for level in levels]
    )
    gains[name] = 100 * (copy_right[name].mean(axis=1) - base_right[name].mean())
best = int(np.argmax(gains["validation"]))

# %%
changes = copy_right["validation"].astype(int) - base_right["validation"]
alone_p = exact_p(*count_pair(base_right["validation"], copy_right["validation"][best]))
joint_p = stats.best_of_many(changes, draws, lab.rng, two_sided=True)
joint_one_sided = stats.best_of_many(changes, draws, lab.rng)

# %% tags=["hide-input"]
figure, axes = plt.subplots()
for name, colour in (("validation", "C0"), ("test", "C1")):
    axes.plot(100 * levels, gains[name], color=colour)
    axes.plot(100 * levels[best], gains[name][best], "o", color=colour, markersize=9)
    axes.text(102 * levels[-1], gains[name][-1], name, color=colour, va="center")
axes.axhline(0, color=lab.colour("guide"), linewidth=1)
axes.set(xlabel="sparsity in %", xlim=(0, 116 * most))
axes.set(ylabel="gain over the original, in points")
lab.show(
    figure,
    alt="On the validation images one sparsity stands out; on the test images the same "
    "copy gains next to nothing.",
)
rows = []
for sides, alone, joint in (
    ("two", alone_p, joint_p),
    ("one", alone_p / 2, joint_one_sided),
):
    row = {"form": f"{sides}-sided", "winner alone": f"{alone:.2g}"}
    row["Bonferroni"] = f"{min(1.0, copies * alone):.2g}"
    rows.append(row | {"best of all copies": f"{joint:.2g}"})
lab.table(rows, caption="p of the winner's gain on the validation images")
lab.claim(
    "12.joint",
    "As the best of all copies, the winner is not significant (two-sided)",
    joint_p,
    at_least=0.05,
    label="p",
)
lab.say(f"""The circles mark the winner. It gains {gains["validation"][best]:.2f}
points on validation and {gains["test"][best]:.2f} on test. Alone it looks convincing,
p = {alone_p:.2g}. As the best of {copies} copies it does not: p = {joint_p:.2g}.
One-sided it is {joint_one_sided:.2g}, so choose the form before you look.

This example is itself picked: we settled the number of copies and the range after a
look at both curves. How typical is it? We mix the validation and test images and
divide them at random, {draws // 20:,} times. One part, as large as the validation
set, chooses the winner. The rest measures it again.""")

# %%
every_copy = np.concatenate([copy_right["validation"], copy_right["test"]], axis=1)
every_base = np.concatenate([base_right["validation"], base_right["test"]])
size = len(base_right["validation"])
chosen_gains, fresh_gains = [], []
for _ in range(draws // 20):
    order = lab.rng.permutation(len(every_base))
    copies_now, base_now = every_copy[:, order], every_base[order]
    gain, fresh_gain = winner(
        copies_now[:, :size], base_now[:size], copies_now[:, size:], base_now[size:]
    )
    chosen_gains.append(100 * gain / size)
    fresh_gains.append(100 * fresh_gain / (len(every_base) - size))
losses = np.array(chosen_gains) - fresh_gains
kept = np.mean(fresh_gains) / np.mean(chosen_gains)

# %% tags=["hide-input"]
our_loss = gains["validation"][best] - gains["test"][best]
figure, axes = plt.subplots()
bins = np.arange(losses.min() - 0.025, losses.max() + 0.05, 0.05)
axes.hist(losses, bins=bins, color=lab.colour("fill"), edgecolor=lab.colour("guide"))
axes.axvline(0, color=lab.colour("guide"), linewidth=1)
axes.axvline(our_loss, color="C1")
top = axes.get_ylim()[1]
axes.text(our_loss, 0.92 * top, " our example", color="C1")
axes.set(ylabel="partitions")
axes.set(
    xlabel="gain where the winner was chosen − gain on the other images, in points"
)
lab.show(
    figure,
    alt="A histogram of the winner's loss, most of it above zero; our example lies in "
    "its right tail.",
)
lab.claim(
    "12.shrinkage",
    "On fresh images the winner keeps at most half of its gain, on average",
    kept,
    at_most=0.5,
    unit="%",
    label="kept",
)
lab.say(f"""The histogram shows how many points the winner loses. On average it gains
{np.mean(chosen_gains):.2f} points where it was chosen and {np.mean(fresh_gains):.2f}
on the other images, so it keeps {100 * kept:.0f} %. A part of the gain remains; most
of it was luck. (Other images would give another percentage.) Only
{100 * np.mean(losses >= our_loss - 1e-9):.0f} % of the partitions show a loss as large
as in our example.""")

# %% [markdown]
# ## What we saw

# %% tags=["hide-input"]
lab.answer(
    "12.p", options[int(np.searchsorted(edges, needed["separate images"], "right"))]
)
low, high = stats.paired_interval(
    *count_pair(base_right["test"], copy_right["test"][best]), len(x)
)
lab.finish(f"""
Wald's interval fails for small errors. Wilson's coverage with {n} images falls to
{100 * coverage["Wilson"].min():.1f} % at its lowest. To detect {100 * difference:g}
points, each network needs {needed["separate images"]:,} separate images. On the same
images lenet_300_100 and lenet5 need {needed["lenet5"]:,}, a network and its pruned
copy {needed["pruned copy"]:,}. Our test set has {len(x):,}. The seeds of one recipe
spread by {100 * np.sqrt(seed_variance):.2f} points (standard deviation) once the part
of the images is subtracted. The best of {copies} copies gains
{gains["validation"][best]:.2f} points on validation and {gains["test"][best]:.2f} on
test (95 % interval {100 * low:.2f} to {100 * high:.2f}). Over random partitions, a
winner keeps {100 * kept:.0f} % of its gain.
""")

# %% [markdown]
# A difference is real if it is larger than chance explains: chance in the images, in the seeds, and in the choice of
# what we report.
#
# This does **not** show that light pruning never helps; a gain may be smaller than these images can detect. And no
# interval covers images of another kind than those tested.
#
# Further reading: Agresti and Coull, *Approximate is better than "exact" for interval estimation of binomial
# proportions* (1998); Dietterich, *Approximate statistical tests for comparing supervised classification learning
# algorithms* (1998). Next: [Number formats](20_number_formats.ipynb).
