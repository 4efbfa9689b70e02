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
#     title: Start here
#     question: Does everything work, and how does a page work?
#     minutes: 10
#     budget_s: {fast: 15, full: 30}
#     needs: []
#     objectives:
#       - read what the doctor says of your installation
#       - make a prediction, run a page, and compare the two
#       - measure a trained network, and tell a claim that held from one that was only shown
#       - write a small function and read what its check says
#     routes: {double-lesson: 1, half-day: 1, three-sessions: 1}
#     terms:
#       accuracy:
#         text: The share of images whose class the network names rightly, given with the number of images and an
#           interval.
#         zh: 准确率
#         note: unit %
#       baseline:
#         text: The trained network that a method starts from and is compared with; it is never changed.
#         zh: 基线模型
#       compressed bytes:
#         text: "The length of the file after a general compressor (zlib, level 9): where zeros and repeats begin to
#           pay."
#         zh: 压缩后字节数
#         note: unit B, KiB
#       error:
#         text: One hundred per cent less the accuracy; papers on digits give this.
#         zh: 错误率
#         note: unit %
#       kernel:
#         text: The array of a layer's weights, without its biases; in a convolution, the small window that slides over
#           the image.
#         zh: 核
#         note: symbol W
#       logit:
#         text: The network's score for a class, before softmax makes probabilities of the scores; the largest one wins
#           either way.
#         zh: 未归一化得分
#         note: symbol z
#       seed:
#         text: "The number that starts a random generator: the same seed gives the same run."
#         zh: 随机种子
#     waive:
#       - few-words: a page of ten minutes that shows how pages work
#       - shown-solution: exercise 00.1 shows what a solved exercise looks like
# ---

# %% [markdown]
# # 00 · Start here
#
# Does everything work, and how does a page work?

# %%
import sys

from labkit import assets, deploy, learner, start

import matplotlib.pyplot as plt
import numpy as np

# %% tags=["parameters"]
shown: int = 10  # wrongly named images in the figure; 5 to 20
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("00", seed=seed)

# %% [markdown]
# A page is run from top to bottom: click into a cell and press Shift and Enter. The line above came from `start`. It
# names the profile, the seed, the processor and the versions, since figures without these are gossip.
#
# Does everything work? The doctor looks. A row with ✗ has its remedy beside it; more is in
# [troubleshooting](../docs/troubleshooting.md).

# %%
learner.doctor.doctor()

# %% [markdown]
# ## Predict
#
# Every page asks you for a guess before it shows a result. The guess is kept on your machine, sent nowhere and never
# graded. It is there because we remember best what we first got wrong.
#
# A small network has learned to name ten kinds of clothes. Which kind does it get wrong most often? Replace `None` by
# one of the options, in quotes, and run the cell. You may also leave it; the page goes on.

# %%
my_guess = None
options = ["Trouser", "Pullover", "Dress", "Coat", "Shirt", "Sneaker", "another one"]
lab.predict("00.p", "Which kind of clothes is wrongly named most often?", options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# A page makes statements and measures whether they are true. The measure of this page is
# [accuracy](../docs/glossary.md#accuracy),
#
# $$ a = \frac{k}{n} $$
#
# where $n$ is the number of test images, which the network has never seen, and $k$ is how many of them it names
# rightly.
#
# Five things are on every page:
#
# - **Parameters** stand in the second code cell. Change one, run all cells again, and see what moves.
# - **Profiles** say how long a page may take: `fast` for a first look, `full` for the real figures, set by the variable
#   `LABKIT_PROFILE`. This page is short and is the same in both.
# - **Claims** hold a measured value to a bound. Green with ✓: it held. Blue: it was only shown, since the profile or a
#   parameter is not what the claim was made for. Red with ✗: it failed, and the page stops.
# - **Checks** judge your exercises. Green: right. Yellow: not yet, and why. Blue: not attempted. A check never stops
#   you; the page goes on with the course's own solution.
# - **Records**: each result leaves a record inside the notebook. `labkit report` collects them into one page to read.

# %% [markdown]
# ## By hand
#
# Here is the trained network at work on the first test image. It is a `.tflite` file and runs without TensorFlow.

# %%
images = lab.data("fashion_mnist")
baseline = lab.baseline_file("lenet_300_100")
outputs = deploy.tflite.predict(baseline, assets.data.as_input(images.test.x[:1]))
print(np.round(outputs[0], 1))

# %% [markdown]
# Ten numbers, one a kind: these are the [logits](../docs/glossary.md#logit). The largest one is the answer.

# %%
answer = int(np.argmax(outputs[0]))
print(f"it says {images.classes[answer]}, and the label is {images.classes[images.test.y[0]]}")

# %% [markdown]
# ## With the library
#
# Now all test images. `lab.measure` gives every model the same treatment: what it gets right, with an interval; what
# its file weighs; how many weights and multiply-adds it has; how long one image takes.

# %%
measured = lab.measure(baseline, name="LeNet-300-100", technique="baseline")
lab.claim("00.accuracy", "Accuracy on the test images", measured.accuracy, at_least=0.895, unit="%", holds="always")

# %% [markdown]
# The second claim is about this page itself. TensorFlow takes seconds to load, so a page that only measures a stored
# file does without.

# %%
lab.claim("00.tensorflow-copies", "Copies of TensorFlow loaded by this page", int("tensorflow" in sys.modules), equals=0, holds="always")

# %% [markdown]
# ## Your turn

# %% [markdown]
# ### 00.1 Accuracy ★☆☆ · 1 minute
#
# This exercise is already solved, so that you see what an exercise looks like. It is a function with a docstring, which
# says what goes in and what comes out. The check is the last line of the cell.
#
# Run the cell. Then break the function, for example with `!=` in place of `==`, and run the cell again: the check
# recognizes common mistakes. Without images there is no accuracy, and the function returns NaN.


# %%
def accuracy(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Return the share, 0 to 1, of predicted classes that equal the labels.

    Without any images the share is NaN.
    """
    if labels.size == 0:
        return float("nan")
    return float(np.mean(predicted == labels))


accuracy = lab.check("00.1", accuracy)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `predicted == labels` compares each pair and gives an array of True and False.
# </details>
# <details><summary>Hint 2</summary>
#
# True counts as 1 and False as 0. So the mean of this array is the share of True.
# </details>

# %% [markdown]
# ### 00.2 Mistakes by class ★☆☆ · 4 minutes
#
# Which classes does the network get wrong most often? For each of the ten classes, count how many of its images the
# network assigned to another class. Replace `...` by your own lines. A class without mistakes gets a 0, and so do all
# classes when there are no images.


# %%
def mistakes_by_class(predicted: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return ten counts: entry c is the number of misclassified images with label c."""
    ### BEGIN SOLUTION
    wrong_labels = labels[predicted != labels]
    return np.bincount(wrong_labels, minlength=10)
    ### END SOLUTION


mistakes_by_class = lab.check("00.2", mistakes_by_class)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `labels[predicted != labels]` selects the labels of the misclassified images.
# </details>
# <details><summary>Hint 2</summary>
#
# `np.bincount` counts how often each whole number occurs. It stops at the largest number that it sees; with
# `minlength=10` it returns ten counts in any case.
# </details>

# %% [markdown]
# ## Evidence
#
# Your functions, or the course's, on all test images:

# %%
predicted = deploy.tflite.predict(baseline, assets.data.as_input(images.test.x)).argmax(axis=1)
mistakes = mistakes_by_class(predicted, images.test.y)
totals = np.bincount(images.test.y, minlength=10)
lab.claim(
    "00.own-accuracy", "Accuracy by our function, less lab.measure's", accuracy(predicted, images.test.y) - measured.accuracy, equals=0
)
lab.table(
    [
        {"kind": images.classes[c], "images": int(totals[c]), "wrong": int(mistakes[c])}
        for c in np.argsort(-mistakes, kind="stable")
    ],
    caption="Wrongly named test images, by their true kind",
)

# %% [markdown]
# A figure says what a table cannot: whether you would have known better. Above each image stands its true kind, and
# below what the network said.

# %%
wrong = lab.rng.choice(np.flatnonzero(predicted != images.test.y), size=shown, replace=False)
rows = -(-shown // 5)
figure, places = plt.subplots(rows, 5, figsize=(7, 1.75 * rows))
for axes in places.flat:
    axes.axis("off")
for axes, k in zip(places.flat, wrong, strict=False):
    axes.imshow(images.test.x[k], cmap="gray_r")
    axes.set_title(images.classes[images.test.y[k]], fontsize=9, loc="center")
    axes.text(13.5, 31, f"said {images.classes[predicted[k]]}", ha="center", fontsize=9, color="#444444")
pairs = "; ".join(f"{images.classes[images.test.y[k]]} taken for {images.classes[predicted[k]]}" for k in wrong)
lab.show(figure, alt=f"Small grey images of clothes that the network names wrongly: {pairs}.")

# %% [markdown]
# ## What goes wrong
#
# Some things will. labkit's errors are one sentence: what is wrong, and what to do. In a long red message, read the
# last line first. Here a name is misspelt, and the message is caught so that the page goes on:

# %%
try:
    lab.data("fashion-mnist")
except Exception as error:
    print(error)

# %% [markdown]
# Not everything that goes wrong says so. A cell that is run twice, or out of order, can leave old values behind. When a
# figure looks odd, restart the kernel and run all cells. `labkit reset 00` gives you a fresh copy of the page and keeps
# yours beside it.

# %% [markdown]
# ## What we saw
#
# First your guess, beside what was measured:

# %%
worst = images.classes[int(np.argmax(mistakes))]
lab.answer("00.p", worst if worst in options else "another one")

# %%
lab.finish(f"""
Everything that this page needs is here. The network names {measured.correct:,} of {measured.n:,} test images rightly:
{measured.accuracy:.2%}, 95 % interval {measured.accuracy_low:.2%} to {measured.accuracy_high:.2%}. The kind with most
mistakes is {worst}, with {mistakes.max()} of its {totals[mistakes.argmax()]:,} images. The file has
{measured.bytes:,} bytes for {measured.parameters:,} weights: four bytes each, and a little more.

This does **not** show that the network is a good one, only that yours is the one that the course was written with.
Other pages begin with it and make it smaller.

Further reading: Xiao, Rasul and Vollgraf, *Fashion-MNIST: a novel image dataset for benchmarking machine learning
algorithms* (2017, arXiv:1708.07747), whose images these are.

How to go on: `labkit lab` opens the pages in order, `labkit progress` tells which exercises you have solved, and
`labkit run` executes pages and writes the report.
""")
