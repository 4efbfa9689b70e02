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
#     question: When is a difference real?
#     minutes: 55
#     budget_s: {fast: 20, full: 30}
#     needs: []
#     objectives:
#       - compute Wilson's interval by hand and measure how often it holds the truth
#       - compare two networks on the same images with McNemar's test
#       - say how many images a difference needs, paired and unpaired
#       - tell the spread over images from the spread over seeds
#       - take a winner that was picked from many apart
#     routes: {evidence: 3}
#     terms:
#       confidence interval:
#         text: The range that would hold the true accuracy in 95 of 100 such experiments; Wilson's formula is used for
#           shares.
#         zh: 置信区间
#         note: unit %
#       coverage:
#         text: How often an interval, computed afresh from new data each time, holds the true value; a 95 % interval
#           should do so in 95 of 100 cases.
#         zh: 覆盖率
#         note: unit %
#       discordant share:
#         text: The share of images that just one of two networks gets right; only these images tell the two apart.
#         zh: 不一致比例
#         note: symbol ψ · unit %
#       latency:
#         text: The time from one input to its output; given as median and quartiles, on a named processor.
#         zh: 延迟
#         note: symbol t · unit ms
#       McNemar's test:
#         text: "A test of two classifiers on the same images: of the images that just one gets right, each is a fair
#           coin if both are equally good."
#         zh: 麦克尼马尔检验
#         note: symbol p
#       multiple comparisons:
#         text: "Testing many candidates and believing the best: the more are tried, the more likely one looks good by
#           luck."
#         zh: 多重比较
#       power:
#         text: The chance that a test sees a difference that is truly there.
#         zh: 检验功效
#         note: unit %
#       pruning:
#         text: Removing weights or neurons that a network can do without.
#         zh: 剪枝
#       seed spread:
#         text: How much the results of one recipe differ when nothing but the random seed changes.
#         zh: 随机种子波动
#         note: unit points
#       test set:
#         text: Images used for the final figure only, and for no choice.
#         zh: 测试集
#         note: unit images
#       validation set:
#         text: The last 5,000 training images, kept out of training; every choice is made on them.
#         zh: 验证集
#         note: unit images
#       winner's curse:
#         text: The best of several measured candidates looks better than it is, since luck took part in the choice.
#         zh: 赢家诅咒
# ---

# %% [markdown]
# # 12 · Measuring accuracy
#
# When is a difference real?

# %%
from math import comb

from labkit import assets, by_profile, deploy, methods, start

import matplotlib.pyplot as plt
import numpy as np

# %% tags=["parameters"]
difference: float = 0.003  # true difference of two accuracies that we want to see, a share; 0.001 to 0.02
power: float = 0.80  # chance to see it; 0.5 to 0.99
copies: int = by_profile(60, 20)  # lightly pruned copies that are tried; full and fast; 1 to 120
most: float = 0.30  # largest sparsity among the copies, a share; 0.05 to 0.9
runs: int = by_profile(12, 4)  # seeds from which a small network is trained; full and fast; 2 to 30
draws: int = by_profile(20000, 4000)  # draws of each simulation; full and fast; 1000 to 100000
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("12", seed=seed)
dense_forward, train_small = methods.small_network.dense_forward, methods.trials.train_small
images = lab.data()
stats, mask, z = methods.statistics, methods.prune.magnitude_mask, 1.959964
dense = lab.measure(lab.baseline_file("lenet_300_100"), name="lenet_300_100", technique="baseline", latency=False)
lenet5 = lab.measure(lab.baseline_file("lenet5"), name="lenet5", technique="baseline", latency=False)

# %% [markdown]
# ## Predict
#
# Two trained networks, the same test images. Behind each [accuracy](../docs/glossary.md#accuracy) stands a
# [confidence interval](../docs/glossary.md#confidence-interval), as on every page of this course. This page says where
# it comes from, and when it is not enough.
#
# Now you have two networks, one truly a little better than the other, and test each on images of its own. Replace `None`
# by one of the options, in quotes.

# %%
my_guess = None
edges = [3_000, 25_000, 100_000]
options = ["fewer than 3,000", "3,000 to 25,000", "25,000 to 100,000", "more than 100,000"]
question = f"How many images does each need, to see {100 * difference:g} points in {power:.0%} of the tries?"
lab.predict("12.p", question, options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# Each image is a coin that falls on *right* with the true accuracy $p$. Of $n$ images the share $\hat p$ is right.
# Chance moves it by $\sqrt{p(1-p)/n}$, its standard error.
#
# The naive interval, Wald's, puts the *measured* share into that root: $\hat p \pm z \sqrt{\hat p(1-\hat p)/n}$, with
# $z = 1.96$ for 95 %. When all images are right the root is zero, and so is the width: as if fifty images could prove
# perfection. Wilson asks the other way round: which true $p$ would not be surprised by this $\hat p$?
#
# $$ |\hat p - p| \le z \sqrt{\frac{p(1-p)}{n}} $$
#
# Squared, this is a quadratic in $p$; its two solutions are the ends of his interval.

# %% [markdown]
# ## By hand
#
# The same case in numbers: Wald's ends first, then Wilson's.

# %%
correct, n = 49, 50
share = correct / n
half = z * np.sqrt(share * (1 - share) / n)
middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
width = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
[(share - half, share + half), (middle - width, middle + width)]

# %% [markdown]
# Wald's interval ends above one. Is it at least right in 95 of 100 cases? Let us count. At each true accuracy we draw
# many test results of 100 images, and look [how often](../docs/glossary.md#coverage) the interval holds the truth.
#
# One thing we know beforehand. When all images are right, Wald's interval is a point and misses. So it cannot hold the
# truth more often than an error turns up at all, $1 - p^n$; four standard errors of the draws are allowed on top.

# %%
n, truths = 100, 1 - np.geomspace(0.002, 0.5, 80)
share = np.arange(n + 1) / n
half = z * np.sqrt(share * (1 - share) / n)
ends = {"Wald": (share - half, share + half), "Wilson": np.transpose([stats.wilson(k, n) for k in range(n + 1)])}
seen = lab.rng.binomial(n, truths, (draws, len(truths)))
held = {name: np.mean((low[seen] <= truths) & (truths <= high[seen]), axis=0) for name, (low, high) in ends.items()}
excess, away = np.max(held["Wald"] - (1 - truths**n)), {name: np.mean(np.abs(h - 0.95)) for name, h in held.items()}
lab.claim("12.wald-ceiling", "Wald's coverage above its ceiling", excess, at_most=4 * 0.5 / np.sqrt(draws), unit="points", holds="always")
lab.claim("12.wilson", "Wilson's mean distance from 95 %", away["Wilson"], at_most=away["Wald"] / 2, unit="points", holds="always")

# %%
figure, axes = plt.subplots()
for name, colour, at, up in (("Wald", "#888888", 14, -8), ("Wilson", "#0072B2", 0, 2.5)):
    axes.semilogx(100 * (1 - truths), 100 * held[name], color=colour)
    axes.text(105 * (1 - truths)[at], 100 * held[name][at] + up, name, color=colour)
axes.axhline(95, color="#444444", linewidth=1)
axes.xaxis.set_major_formatter("{x:g}")
axes.set(xlabel="true error in % (log scale)", ylabel="intervals that hold the truth, in %", ylim=(0, 109))
lab.show(figure, alt="Near an error of zero Wald's coverage falls far below the line at 95; Wilson's stays close to it.")

# %% [markdown]
# The teeth are real: a count is whole, so coverage jumps, and Wilson's jumps too. But it jumps around the line.

# %% [markdown]
# ## With the library
#
# Two networks on the *same* images: most images are easy for both, and say nothing. What counts is where just one is
# right. If both are equally good, each such image is a fair coin. That is
# [McNemar's test](../docs/glossary.md#mcnemars-test).
#
# We compare three: the two files through LiteRT, and a copy of the first with some of its smallest weights set to zero,
# computed in NumPy from the file's own weights. NumPy and LiteRT may differ by the rounding of a float32 sum of 784
# terms. *Exact* below is the coin's own distribution; *mid-p* counts the observed result half; *chi-square* is the normal
# curve, and *corrected* its cautious form.

# %%
path, x, truth = lab.baseline_file("lenet_300_100"), assets.data.as_input(images.test.x), images.test.y
layers = [deploy.inspect.layer(path, k) for k in range(3)]


def logits(x: np.ndarray, sparsity: float) -> np.ndarray:
    """The answers of lenet_300_100 with this share of each layer's weights set to zero."""
    kernels = [(layer["weights"] * mask(layer["weights"], sparsity)).T for layer in layers]
    return dense_forward([(k, layer["bias"]) for k, layer in zip(kernels, layers, strict=True)], x)[0]


theirs, other = deploy.tflite.predict(path, x), deploy.tflite.predict(lab.baseline_file("lenet5"), x)
error = np.abs(logits(x, 0.0) - theirs).max() / np.abs(theirs).max()
lab.claim("12.numpy", "NumPy against LiteRT, relative", error, at_most=784 * 2.0**-24, holds="always")

# %%
def pair(first: np.ndarray, second: np.ndarray) -> tuple[int, int]:
    """How many images only the first got right, and how many only the second."""
    return int((first & ~second).sum()), int((second & ~first).sum())


base, rows = theirs.argmax(axis=1) == truth, []
rivals = {"lenet5": other, f"{most / 2:.0%} pruned": logits(x, most / 2)}
pairs = {name: pair(base, answers.argmax(axis=1) == truth) for name, answers in rivals.items()}
for name, (b, c) in pairs.items():
    points = "{:+.2f} to {:+.2f}".format(*(100 * end for end in stats.paired_interval(b, c, len(x))))
    counts = {"against lenet_300_100": name, "only it": b, "only this": c, "points, 95 % interval": points}
    rows.append(counts | {form: f"{stats.mcnemar(b, c, form):.2g}" for form in stats.FORMS})
lab.table(rows)
lab.claim("12.mcnemar", "McNemar's p, lenet5 against lenet_300_100", stats.mcnemar(*pairs["lenet5"]), at_most=0.001)

# %% [markdown]
# The four forms agree where there is much to count, and part a little where there is not. The copy's interval is far
# narrower than lenet5's: it answers like its original on nearly all images, so there is little for chance to move.

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
# First the images. The closed forms say how many are needed; the simulation draws test results at that number and counts
# how often the difference is seen. It may miss the asked power by four standard errors of the draws, and by half a step
# of the coin, which the normal curve does not know.


# %%
own, first, limit = "images of their own", dense.accuracy, 4 * np.sqrt(power * (1 - power) / draws)
need = {own: stats.images_unpaired(first, first + difference, power)}
tries = {own: lambda n: methods.trials.power_unpaired(n, first, first + difference, draws, lab.rng)}
for name, counts in pairs.items():
    differ = max(sum(counts) / len(x), difference)
    need[name] = stats.images_paired(difference, differ, power)
    tries[name] = lambda n, differ=differ: methods.trials.power_paired(n, difference, differ, draws, lab.rng)
    got, room = tries[name](need[name]), limit + 1 / np.sqrt(2 * np.pi * need[name] * differ)
    lab.claim(f"12.power-{name.split()[-1]}", f"Power, {name} on the same images", got, between=(power - room, power + room), unit="%")
lab.claim("12.power-unpaired", "Power, each on images of its own", tries[own](need[own]), between=(power - limit, power + limit), unit="%")
lab.table([{"against lenet_300_100": k, "images": v} for k, v in need.items()], caption="Images needed")

# %%
figure, axes = plt.subplots()
notes = (("#888888", 0.72, "left"), ("#444444", 0.42, "right"), (lab.colour("pruning"), 0.42, "right"))
for (name, simulate), (colour, at, side) in zip(tries.items(), notes, strict=True):
    numbers = np.geomspace(need[name] / 12, need[name] * 2.5, 12).astype(int)
    axes.semilogx(numbers, [100 * simulate(k) for k in numbers], "o-", markersize=4, color=colour)
    axes.plot(need[name], 100 * power, "D", color=colour, markersize=8)
    axes.text(at * need[name], 50, name.replace("of ", "of\n"), color=colour, ha=side)
axes.xaxis.set_major_formatter("{x:,.0f}")
axes.axvline(len(x), color="#444444", linewidth=1, linestyle=":")
axes.set(xlabel="test images (log scale)", ylabel="chance to see it, in %", ylim=(0, 104))
lab.show(figure, alt="Power rises with images: soonest for the pruned copy, later for lenet5, last for separate images.")

# %% [markdown]
# Diamonds are the closed forms, dots the draws, the dotted line is the size of our test set. Testing both on the same
# images saves most of them, and most of all between a network and its own copy.
#
# Now the other spread. An interval over images asks what other *images* would have given. It knows nothing of what
# another *training* would have given. Here is a small network, trained from several seeds; nothing else changes.

# %%
few, y = assets.data.as_input(images.train.x[:10000]), images.train.y[:10000]
seeds = np.array([dense_forward(train_small(few, y, g), x)[0].argmax(axis=1) == truth for g in lab.rng.spawn(runs)])
seeds = seeds[np.argsort(seeds.mean(axis=1))]
shares, spread = 100 * seeds.mean(axis=1), stats.seed_spread(100 * seeds.mean(axis=1))
unequal = [stats.mcnemar(*pair(seeds[i], seeds[j])) < 0.05 for i in range(runs) for j in range(i)]
row = {"seeds": runs, "mean": spread.mean, "standard deviation": spread.deviation}
row |= {"interval of the mean": f"{spread.low:.2f} to {spread.high:.2f}", "worst": shares[0], "best": shares[-1]}
lab.table([row], caption="Accuracy in %")
lab.claim("12.seeds", "McNemar's p, best seed against worst", stats.mcnemar(*pair(seeds[0], seeds[-1])), at_most=0.05)

# %% [markdown]
# This is the [seed spread](../docs/glossary.md#seed-spread); the interval is Student's, for the mean over all the seeds
# there could be. McNemar calls the best and the worst seed different, and it is right: they *are* two different
# networks. It says nothing about two recipes. For those, train several seeds of each.

# %% [markdown]
# ## What goes wrong
#
# "The pruned network is better than the original." One reads it often. We try many light prunings of lenet_300_100, none
# retrained, choose the best on the validation images, and only then look at the test images. (How many
# copies, up to which sparsity, was settled after a first look at both curves.)

# %%
levels, sets = np.linspace(most / copies, most, copies), {"validation": images.validation, "test": images.test}
sets = {k: (assets.data.as_input(split.x), split.y) for k, split in sets.items()}
right = {k: np.array([logits(v, p).argmax(axis=1) == y for p in levels]) for k, (v, y) in sets.items()}
bases = {k: logits(v, 0.0).argmax(axis=1) == y for k, (v, y) in sets.items()}
points = {k: 100 * (right[k].mean(axis=1) - bases[k].mean()) for k in sets}
best, chosen = int(np.argmax(points["validation"])), bases["validation"]
gain, fresh = winner(right["validation"], chosen, right["test"], bases["test"])
figure, axes = plt.subplots()
for name, colour in (("validation", "#888888"), ("test", lab.colour("pruning"))):
    axes.plot(100 * levels, points[name], color=colour)
    axes.plot(100 * levels[best], points[name][best], "o", color=colour, markersize=9)
    axes.annotate(name, (100 * levels[-1], points[name][-1]), (8, 0), textcoords="offset points", color=colour)
axes.axhline(0, color="#444444", linewidth=1)
axes.set(xlabel="sparsity in %", ylabel="gain over the original, in points", xlim=(0, 114 * most))
lab.show(figure, alt="On validation one sparsity stands out; on the test images the same copy gains next to nothing.")

# %% [markdown]
# The circle is the winner. Tested alone, its p looks small. But it was not alone: it is the best of many, and the best
# of many is lucky ([winner's curse](../docs/glossary.md#winners-curse), [multiple comparisons](../docs/glossary.md#multiple-comparisons)). Bonferroni multiplies p by their number.
# That is too strict for copies that resemble each other, so we also flip signs: in each draw, every image swaps copy and
# original at random, for all copies at once, and we ask how often *some* copy gains as much.

# %%
alone = stats.mcnemar(*pair(chosen, right["validation"][best]))
joint = stats.best_of_many(right["validation"].astype(int) - chosen, draws, lab.rng)
lab.table([{"alone, McNemar": alone, "Bonferroni": min(1.0, copies * alone), "best of all, sign flips": joint}])
low, high = (100 * end for end in stats.paired_interval(*pair(bases["test"], right["test"][best]), len(x)))
lab.claim("12.winner", "The winner's gain on test", fresh / len(x), at_most=gain / len(chosen), unit="points")

# %% [markdown]
# Even a small p of the best of all is no promise: some searches reach it by luck alone. Fresh images are the judge.
#
# Was that one lucky split? Cut the validation images in two at random, many times. One half chooses, the other measures.
# Were there no curse, the second half would show the smaller gain as often as the larger; the bound is four standard
# errors above one half.

# %%
halves, half = [], len(chosen) // 2
for _ in range(draws // 20):
    one, two = np.split(lab.rng.permutation(2 * half), 2)
    halves.append(winner(right["validation"][:, one], chosen[one], right["validation"][:, two], chosen[two]))
chose, measured = 100 * np.transpose(halves) / half
lab.claim("12.splits", "Splits that show less", np.mean(measured < chose), at_least=0.5 + 2 / np.sqrt(len(halves)), unit="%")

# %% [markdown]
# ## What we saw

# %%
apart, same, near = need.values()
lab.answer("12.p", options[int(np.searchsorted(edges, apart, side="right"))])
lab.finish(f"""
With an error of {1 - truths[0]:.1%} Wald's interval holds the truth in {held["Wald"][0]:.0%} of the draws, Wilson's in
{held["Wilson"][0]:.0%} (at its worst {held["Wilson"].min():.0%}). To see {100 * difference:g} points takes {apart:,}
images for each network tested apart, {same:,} for lenet_300_100 and lenet5 on the same ones, {near:,} for a network and
its pruned copy; here are {len(x):,}. Over {runs} seeds one recipe spreads by {spread.deviation:.2f} points (standard
deviation), beside {np.sqrt(spread.mean * (100 - spread.mean) / len(x)):.2f} by which the images alone blur each result;
McNemar tells {np.mean(unequal):.0%} of the pairs apart. The best of {copies} copies gains
{points["validation"][best]:.2f} points on validation, p {alone:.2g} alone and {joint:.2g} as the best of all; on test it
gains {points["test"][best]:.2f} (95 % interval {low:.2f} to {high:.2f}). When half of the validation images choose, the
winner gains {chose.mean():.2f} points there, and {measured.mean():.2f} in the other half.
""")

# %% [markdown]
# The two halves shrink the gain less than the test images do: both were cut from the images that favoured this copy.
# Even as the best of all it had a small p, and still it did not last. Only fresh images are fresh.
#
# This does **not** show that light pruning never helps: a gain smaller than these images can see may be there. And no
# interval covers images of another kind than those tested.
#
# Further reading: Dietterich, *Approximate statistical tests for comparing supervised classification learning
# algorithms* (1998); Tango, *Equivalence test and confidence interval for the difference in proportions for the
# paired-sample design* (1998). Next: [Number formats](20_number_formats.ipynb).
