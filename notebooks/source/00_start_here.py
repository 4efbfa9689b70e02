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
#       - check your installation with the doctor
#       - make a prediction, run a page, and compare the two
#       - read a measurement of a trained network, and distinguish a claim that is required from one that is only shown
#       - write a small function and read what its check reports
#     routes: {double-lesson: 1, half-day: 1, three-sessions: 1}
#     terms:
#       accuracy:
#         text: The share of images that the network classifies correctly, given with the number of images and an
#           interval.
#         zh: 准确率
#         note: unit %
#       baseline:
#         text: The trained network that a method starts from and is compared with; it is never changed.
#         zh: 基线模型
#       compressed bytes:
#         text: "The length of the file after a general compressor (zlib, level 9), which makes zeros and repeated values
#           shorter; also called the deflated size."
#         zh: 压缩后字节数
#         note: unit B, KiB
#       error:
#         text: One hundred per cent minus the accuracy; papers on digits report this.
#         zh: 错误率
#         note: unit %
#       logit:
#         text: The network's score for a class, before softmax turns the scores into probabilities; the largest score
#           is the largest probability.
#         zh: 未归一化得分
#         note: symbol z
#       seed:
#         text: "The number that starts a random generator: the same seed gives the same run."
#         zh: 随机种子
#     waive:
#       - shown-solution: exercise 00.1 shows what a solved exercise looks like
# ---

# %% [markdown]
# # 00 · Start here
#
# Does everything work, and how does a page work?

# %%
import math
import sys

from labkit import assets, deploy, learner, start

import matplotlib.pyplot as plt
import numpy as np

# %% tags=["parameters"]
shown: int = 10  # misclassified images in the figure; 5 to 20
seed: int = 7  # random seed; 0 to 2**31 - 1

# %%
lab = start("00", seed=seed)

# %% [markdown]
# You run a page from top to bottom: click into a cell and press Shift and Enter. The call of `start` above printed one
# line. It names the profile, the seed, the processor and the versions. You need this
# information when you compare your figures with those of another machine.
#
# Does everything work? The doctor checks the packages, the data, the trained networks and the folders. A row with ✗
# has its remedy beside it; [troubleshooting](../docs/troubleshooting.md) explains more.

# %%
learner.doctor.doctor()

# %% [markdown]
# ## Predict
#
# Every page asks you for a guess before it shows a result. Nobody grades it, and it stays on your machine. A guess makes
# you decide what you expect, so you notice when the result is different.
#
# A small network was trained to classify pictures of clothes into ten classes. Which class does it misclassify most
# often? Replace `None` with one of the options, in quotes, and run the cell. You may also leave `None`; the page goes
# on without a guess.

# %%
my_guess = None
options = ["Trouser", "Pullover", "Dress", "Coat", "Shirt", "Sneaker", "another one"]
question = "Which class is misclassified most often?"
lab.predict("00.p", question, options, guess=my_guess)

# %% [markdown]
# ## Idea
#
# A page makes statements, measures whether they are true, and shows you the measurement. This page measures the
# [accuracy](../docs/glossary.md#accuracy) of a network:
#
# $$ a = \frac{k}{n} $$
#
# Here $n$ is the number of test images, which the network has never seen, and $k$ is the number of images that it
# classifies correctly. If it classifies 9 of 10 images correctly, its accuracy is 90 %.
#
# You will meet the same elements on every page:
#
# - **Predictions** are your guesses. The last part of the page compares them with the result.
# - **Parameters** are in the second code cell. Change one, run all cells again, and see which results change.
# - **Profiles** set how long a page runs: `fast` for a first look, `full` for the published figures. You choose with
#   the variable `LABKIT_PROFILE`. This page takes a few seconds and is the same in both.
# - **Claims** compare a measured value with a bound. ✓ means that the value satisfies it. ✗ means that it does not, and
#   the page stops. A dot means that the claim is only shown: its bound was written for another profile or other
#   parameters.
# - **Exercises** end with a check. It says ✓ for a correct answer and ✗ for a wrong one, with the reason. It never stops
#   you: the page goes on with the course's own solution.
# - **Records** are stored inside the notebook with each result. `labkit report` collects them into one page.

# %% [markdown]
# ## By hand
#
# We let the trained network classify the first test image. The network is stored in a `.tflite` file, a format for
# phones and other small devices. A small runtime, LiteRT, executes it, so the page does not need TensorFlow. This
# network expects numbers from 0 to 1; `as_input` divides the pixels by 255.

# %%
images = lab.data("fashion_mnist")
baseline = lab.baseline_file("lenet_300_100")
first_image = assets.data.as_input(images.test.x[:1])
logits = deploy.tflite.predict(baseline, first_image)[0]
print(np.round(logits, 1))

# %% [markdown]
# These ten numbers are the [logits](../docs/glossary.md#logit), one score per class. The network's answer is the class
# with the largest score.

# %%
answer = int(np.argmax(logits))
label = images.test.y[0]
print(f"network: {images.classes[answer]}, label: {images.classes[label]}")

# %% [markdown]
# ## With the library
#
# Now we use all test images. `lab.measure` measures every model in the same way and prints one line. Read it from left
# to right:
#
# - the accuracy, with its 95 % interval in brackets. The test set is only a sample, so another set of as many images
#   would give a slightly different accuracy (lesson 12 explains the interval);
# - the size of the file, and its *deflated* size: its length after zlib, a general-purpose compressor;
# - the number of parameters (weights and biases) that are not zero;
# - the median time per image, with the quartiles in brackets. Half of all timings lie between the quartiles. They
#   show how much single timings vary; they are not a 95 % interval.

# %%
measured = lab.measure(baseline, name="LeNet-300-100", technique="baseline")

# %% [markdown]
# Is this the network that the course was written with? Two things show it. First, every trained network has a *card*, a
# small file with its training recipe, its accuracy and the checksums of its files. `lab.baseline_file` compares the
# checksums and refuses a file that differs. Second, the network should classify as many images correctly on your
# machine as the card says. We allow a difference of two images, because another processor may round differently.

# %%
card = assets.baselines.baseline("lenet_300_100").card
difference = abs(measured.correct - card["test_correct"])

# %% tags=["hide-input"]
lab.claim(
    "00.accuracy",
    "The network classifies as many test images correctly as its card says",
    difference,
    at_most=2,
    label="difference",
    unit="images",
    holds="always",
)

# %% [markdown]
# The second claim is about this page itself. TensorFlow takes seconds to load, so a page that only measures a stored
# file does not import it.

# %%
loaded = sum(name.split(".")[0] == "tensorflow" for name in sys.modules)

# %% tags=["hide-input"]
lab.claim(
    "00.tensorflow-copies",
    "This page does not import TensorFlow",
    loaded,
    equals=0,
    label="modules loaded",
    holds="always",
)

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
# Your two functions now process all test images. (Where a check said ✗, the course's own solution takes their place.)
# Two claims verify them: the accuracy must be the one that `lab.measure` reported, and the mistakes of the ten classes
# must add up to all mistakes.

# %%
inputs = assets.data.as_input(images.test.x)
predicted = deploy.tflite.predict(baseline, inputs).argmax(axis=1)
own_accuracy = accuracy(predicted, images.test.y)
mistakes = mistakes_by_class(predicted, images.test.y)
totals = np.bincount(images.test.y, minlength=10)

# %% tags=["hide-input"]
lab.claim(
    "00.own-accuracy",
    "The accuracy from exercise 00.1 equals that of lab.measure",
    abs(own_accuracy * measured.n - measured.correct),
    at_most=0.5,
    label="difference",
    unit="images",
    holds="always",
)
lab.claim(
    "00.mistakes",
    "The mistakes of the ten classes from exercise 00.2 add up to all mistakes",
    float(np.sum(mistakes, dtype=np.int64)),
    equals=measured.n - measured.correct,
    label="sum",
    holds="always",
)

# %% [markdown]
# The next table has one row per class, the class with most mistakes first. All classes have the same number of test
# images, so you can compare the counts directly.

# %% tags=["hide-input"]
order = np.argsort(-mistakes.astype(int), kind="stable")
lab.table(
    [
        {
            "class": images.classes[c],
            "images": int(totals[c]),
            "misclassified": int(mistakes[c]),
        }
        for c in order
    ],
    caption="Misclassified test images by their true class",
)

# %% tags=["hide-input"]
upper = sum(
    int(mistakes[images.classes.index(name)])
    for name in ("T-shirt/top", "Pullover", "Dress", "Coat", "Shirt")
)
lab.say(f"""
The five kinds of clothes for the upper body or the whole body (shirts, T-shirts,
pullovers, coats and dresses) have {upper} of the {int(mistakes.sum()):,} mistakes,
{upper / mistakes.sum():.0%}. The other five classes (shoes, bags and trousers) have
the remaining {int(mistakes.sum()) - upper}.
""")

# %% [markdown]
# Would you have done better? The next figure shows some of the misclassified images, drawn at random. Above each image
# is its true class, and below it is the network's answer.

# %%
wrong_images = np.flatnonzero(predicted != images.test.y)
examples = lab.rng.choice(wrong_images, size=shown, replace=False)

# %% tags=["hide-input"]
rows = math.ceil(shown / 5)
figure, panels = plt.subplots(rows, 5, figsize=(7, 1.75 * rows))
for axes in panels.flat:
    axes.axis("off")
for axes, k in zip(panels.flat, examples, strict=False):
    axes.imshow(images.test.x[k], cmap="gray_r")
    axes.set_title(images.classes[images.test.y[k]], fontsize=9, loc="center")
    text = f"network: {images.classes[predicted[k]]}"
    axes.text(13.5, 31, text, ha="center", fontsize=8, color=lab.colour("guide"))
pairs = "; ".join(
    f"{images.classes[images.test.y[k]]} taken for {images.classes[predicted[k]]}"
    for k in examples
)
lab.show(figure, alt=f"Small grey images that the network misclassifies: {pairs}.")

# %% [markdown]
# Cover the text above the images: how many of these labels would you have guessed? You can draw other examples with
# another `seed`, or more of them with `shown`.

# %% [markdown]
# ## What goes wrong
#
# labkit's errors are one sentence: it says what is wrong and what to do. If you see a long red message, read its last
# line first. In the next cell a name is misspelt. We catch the error, so that the page goes on, and print it.

# %%
try:
    lab.data("fashion-mnist")
except Exception as error:
    print(error)

# %% [markdown]
# Some mistakes give no message. If you run a cell twice, or out of order, old values can stay in memory. When a figure
# looks wrong, restart the kernel (the Python process that runs the page) and run all cells. `labkit reset 00` gives you a fresh copy of the page and keeps your
# old one.

# %% [markdown]
# ## What we saw
#
# First, your guess and the measured answer:

# %% tags=["hide-input"]
worst = images.classes[int(np.argmax(mistakes))]
lab.answer("00.p", worst if worst in options else "another one")

# %% tags=["hide-input"]
lab.finish(f"""
Everything that this page needs is installed. The network classifies
{measured.correct:,} of {measured.n:,} test images correctly. That is
{measured.accuracy:.2%}, with a 95 % interval from {measured.accuracy_low:.2%} to
{measured.accuracy_high:.2%}. The class with most mistakes is {worst}: {mistakes.max()}
of its {totals[mistakes.argmax()]:,} images. The file has {measured.bytes:,} bytes for
{measured.parameters:,} parameters, four bytes per parameter and a little more. Lesson
10 explains every byte.

This does **not** show that the network is a good one, since the page compares it with
no other network. It shows that you have the same network as the course. Other pages
start from it and make it smaller or faster.

Further reading: Xiao, Rasul and Vollgraf, *Fashion-MNIST: a novel image dataset for
benchmarking machine learning algorithms* (2017, arXiv:1708.07747). The images come from
this data set.

How to go on: `labkit lab` opens the pages in order, `labkit progress` shows which
exercises you have solved, and `labkit run` executes pages and writes the report.
""")
