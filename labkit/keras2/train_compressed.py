"""Train a network for a small file: few weights first, then few different values.

Two trainings, each a plain loop over Adam's steps. While pruning, a mask grows over each kernel, and the gradients of
what it covers are zero: letting them through made every network worse. While tuning, the weights of a tensor that have
the same index share one value, whose gradient is the sum of theirs (Han, Mao and Dally 2016, arXiv:1510.00149, section
3.3). Models end in logits. Images are uint8 (n, 28, 28); the targets labels (n,), or what the loss takes for an image,
or that for each of its nine views, (n, 9, …), as ``views.soft_targets`` makes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from labkit.base.errors import UsageError, nearest
from labkit.keras2.adam_loop import Gradients, How, run_adam
from labkit.keras2.model import Model
from labkit.keras2.norms import standardize
from labkit.keras2.sharing import summing
from labkit.keras2.tensors import name_of, set_tensors, tensors, variables
from labkit.methods.deep_compression import Shared, code, prune, share, tidy
from labkit.methods.prune import polynomial_sparsity

# The share of a kernel that stays, start + slope × kept, layer by layer.
_SHARES = {
    "lenet_300_100": {"dense_1": (0.0, 1.0), "dense_2": (0.015, 0.9375), "logits": (0.2, 0.75)},
    "lenet5": {"conv_1": (0.3, 4.5), "conv_2": (0.03, 1.125), "dense_1": (0.0, 1.0), "logits": (0.08, 1.375)},
}


@dataclass(frozen=True)
class Recipe:
    """How small a network is made: the share of a kernel that stays (by name; of the others all), the different values
    of each kernel and of each bias (or other vector), and the passes and first learning rates of the two trainings."""

    kept: Mapping[str, float]
    values: int = 32
    bias_values: int = 16
    epochs: int = 40
    learning_rate: float = 2e-3
    tune_epochs: int = 5
    tune_rate: float = 5e-4


def deep_compression(
    model: Model,
    x: NDArray[np.uint8],
    y: NDArray[Any],
    recipe: Recipe,
    how: How | None = None,
    *,
    chain: bool = True,
) -> bytes:
    """Prune *model*, let its weights share values, and code them: the bytes of a ``.lkz`` file (Han et al. 2016).

    *model* is trained in place, and ends with exactly the weights that the file holds. *chain*: its layers follow one
    another, dense or unpadded convolutions with ReLU, so that ``tidy`` may empty and sort its neurons. A first dense
    kernel's weights count by the pixels they read. Of a batch normalization two vectors are left to store
    (`norms.standardize`). Raises as the stages do.
    """
    first = next(iter(recipe.kept), "")
    reads_pixels = first in variables(model) and variables(model)[first].shape[:-1] == (x[0].size,)
    importance = {first: pixel_importance(x)} if reads_pixels else None
    train_pruned(model, x, y, recipe.kept, recipe.epochs, recipe.learning_rate, how, importance=importance)
    if chain:
        set_tensors(model, tidy(tensors(model)))
    standardize(model)
    trainable = {name_of(variable): variable.numpy() for variable in model.trainable_variables}
    shared = {name: share(t, recipe.values if t.ndim > 1 else recipe.bias_values) for name, t in trainable.items()}
    tune_shared(model, x, y, shared, recipe.tune_epochs, recipe.tune_rate, how)
    return code(tensors(model))


def shares(model: Model, kept: float) -> dict[str, float]:
    """Return how much of each kernel stays when *kept* is the share of the largest: by name, for `Recipe`.

    For the two LeNets the shares of Han et al. (2016, tables 2 and 3) at 0.08, and nearer to each other above it: small
    kernels need more of their weights. In other networks every kernel of 1,000 weights or more keeps *kept*.
    """
    lines = _SHARES.get(model.name)
    if lines:
        return {f"{layer}/kernel": min(start + slope * kept, 1.0) for layer, (start, slope) in lines.items()}
    large = {
        name: v for name, v in variables(model).items() if name.endswith("/kernel") and v.shape.num_elements() >= 1000
    }
    return dict.fromkeys(large, kept)


def train_pruned(
    model: Model,
    x: NDArray[np.uint8],
    y: NDArray[Any],
    kept: Mapping[str, float],
    epochs: int,
    learning_rate: float = 2e-3,
    how: How | None = None,
    *,
    importance: Mapping[str, np.ndarray] | None = None,
) -> dict[str, NDArray[np.bool_]]:
    """Train *model* in place until each kernel in *kept* has that share of its weights; the masks, by name.

    The density falls from 1 along a cubic (Zhu and Gupta 2017, arXiv:1710.01878) and reaches its aim at half of the
    steps; the rest is recovery, with the masks at rest. The smallest ``|w| × importance`` go, at most every 50 steps.
    *importance*: one factor a weight, such as `pixel_importance` gives. The rate falls along a cosine to nearly zero.
    With nothing in *kept* this is a plain training.

    Raises UsageError for unknown names and shares that are not above 0 and at most 1; LabkitError when the loss is no
    longer a number.
    """
    known, factors = variables(model), importance or {}
    for name, density in kept.items():
        if name not in known:
            raise UsageError(f"Model {model.name!r} has no weight {name!r}{nearest(name, known)}.")
        if not 0 < density <= 1:
            raise UsageError(f"The kept fraction of {name} is {density!r}, but must be a number above 0 and at most 1.")
    masks = {name: tf.Variable(tf.ones_like(known[name]), trainable=False) for name in kept}
    trained = model.trainable_variables
    cover = [masks.get(name_of(variable)) for variable in trained]

    def masked(gradients: Gradients) -> Gradients:
        return [g if m is None else g * m for g, m in zip(gradients, cover, strict=True)]

    def write() -> None:
        for variable, mask in zip(trained, cover, strict=True):
            if mask is not None:
                variable.assign(variable * mask)  # Adam's memory of earlier gradients still moves what is covered

    def grow(step: int, steps: int) -> None:
        if step > steps // 2:
            return
        for name, aim in kept.items():
            density = 1 - float(polynomial_sparsity(step, 0.0, 1 - aim, 0, steps // 2))
            weights = known[name].numpy()
            mask = prune(weights, density, factors.get(name))
            masks[name].assign(mask.astype(np.float32))
            known[name].assign(weights * mask)

    run_adam(model, x, y, trained, masked, write, grow, epochs, learning_rate, how or How())
    return {name: mask.numpy().astype(bool) for name, mask in masks.items()}


def tune_shared(
    model: Model,
    x: NDArray[np.uint8],
    y: NDArray[Any],
    shared: Mapping[str, Shared],
    epochs: int,
    learning_rate: float = 5e-4,
    how: How | None = None,
) -> dict[str, Shared]:
    """Train the values that the tensors in *shared* share, and the weights that share none; what they became, by name.

    *model* is changed in place and ends with the shared values in it, rounded to float16 numbers, as the file stores
    them. Zeros stay zeros. Batch normalizations keep their moving mean and variance. Raises as `train_pruned` does.
    """
    known = variables(model)
    books = {name: tf.Variable(one.codebook) for name, one in shared.items() if len(one.codebook)}
    owner = {name: shared[name].indices.astype(np.int32) for name in books}
    sums = {name: summing(indices) for name, indices in owner.items()}
    for name, one in shared.items():
        known[name].assign(one.expand())
    trained = model.trainable_variables

    def summed(gradients: Gradients) -> Gradients:
        sums_of_gradients = []
        for variable, gradient in zip(trained, gradients, strict=True):
            name = name_of(variable)
            if name in books:
                gradient = sums[name](gradient)
            elif name in shared:  # nothing but zeros
                gradient = tf.zeros_like(gradient)
            sums_of_gradients.append(gradient)
        return sums_of_gradients

    def write() -> None:
        for name, book in books.items():
            known[name].assign(tf.gather(tf.concat([[0.0], book], 0), owner[name]))

    tuned = [books.get(name_of(variable), variable) for variable in trained]
    run_adam(model, x, y, tuned, summed, write, None, epochs, learning_rate, how or How(), training=False)
    result = {n: Shared(books[n].numpy() if n in books else one.codebook, one.indices) for n, one in shared.items()}
    result = {name: one.rounded() for name, one in result.items()}
    for name, one in result.items():
        known[name].assign(one.expand())
    return result


def pixel_importance(x: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the root mean square of each pixel over the images, float32 (pixels, 1): the factor of its weights."""
    flat = np.asarray(x, np.float32).reshape(len(x), -1) / 255
    return np.sqrt((flat**2).mean(axis=0))[:, None].astype(np.float32)
