"""Exercises of lesson 10: a depthwise-separable block, arithmetic intensity, batch norm folded, peak memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labkit.exercises.framework import Exercise, Mistake
from labkit.methods import cost

Array = NDArray[np.float32]
_RNG = np.random.default_rng(10)


def _separable(size: int, kernel: int, channels: int, filters: int) -> tuple[int, int]:
    square, places = (kernel, kernel), (size, size)
    return (
        cost.depthwise_parameters(square, channels, bias=False)
        + cost.conv2d_parameters((1, 1), channels, filters, bias=False),
        cost.depthwise_macs(places, square, channels) + cost.conv2d_macs(places, (1, 1), channels, filters),
    )


def _whole(size: int, kernel: int, channels: int, filters: int) -> tuple[int, int]:
    weights = kernel * kernel * channels * filters
    return weights, size * size * weights


def _only_depthwise(size: int, kernel: int, channels: int, filters: int) -> tuple[int, int]:
    weights = kernel * kernel * channels
    return weights, size * size * weights


def _one_side(size: int, kernel: int, channels: int, filters: int) -> tuple[int, int]:
    weights = _separable(size, kernel, channels, filters)[0]
    return weights, size * weights


def _operations(size: int, kernel: int, channels: int, filters: int) -> tuple[int, int]:
    weights, macs = _separable(size, kernel, channels, filters)
    return weights, 2 * macs


def _with_biases(size: int, kernel: int, channels: int, filters: int) -> tuple[int, int]:
    weights, macs = _separable(size, kernel, channels, filters)
    return weights + channels + filters, macs


def _intensity(inputs: int, units: int, batch: int) -> float:
    moved = cost.bytes_moved(inputs, inputs * units, units, batch=batch)
    return cost.arithmetic_intensity(cost.dense_macs(inputs, units, batch), moved)


def _weights_each_time(inputs: int, units: int, batch: int) -> float:
    return _intensity(inputs, units, 1)


def _weights_only(inputs: int, units: int, batch: int) -> float:
    return 2 * batch / 4


def _fold(
    kernel: Array, bias: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array]:
    scale = gamma / np.sqrt(variance + epsilon)
    return kernel * scale, beta + (bias - mean) * scale


def _no_root(
    kernel: Array, bias: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array]:
    scale = gamma / (variance + epsilon)
    return kernel * scale, beta + (bias - mean) * scale


def _epsilon_outside(
    kernel: Array, bias: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array]:
    scale = (gamma / (np.sqrt(variance) + epsilon)).astype(np.float32)
    return kernel * scale, beta + (bias - mean) * scale


def _bias_unscaled(
    kernel: Array, bias: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array]:
    scale = gamma / np.sqrt(variance + epsilon)
    return kernel * scale, beta + bias - mean * scale


def _bias_lost(
    kernel: Array, bias: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array]:
    scale = gamma / np.sqrt(variance + epsilon)
    return kernel * scale, beta - mean * scale


def _epsilon_forgotten(
    kernel: Array, bias: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array]:
    return _fold(kernel, bias, gamma, beta, mean, variance, 0.0)


def _first_axis(
    kernel: Array, bias: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array]:
    scale = gamma / np.sqrt(variance + epsilon)
    return kernel * scale.reshape(-1, *[1] * (kernel.ndim - 1)), beta + (bias - mean) * scale


def _bias_kept(
    kernel: Array, bias: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array]:
    return _fold(kernel, bias, gamma, beta, mean, variance, epsilon)[0], bias


def _norm(*shape: int, epsilon: float = 1e-3) -> tuple[Array | float, ...]:
    """Return a kernel of *shape*, a bias and the four numbers per channel, all drawn at random, and *epsilon*."""
    out = shape[-1]
    drawn = [_RNG.normal(size=size).astype(np.float32) for size in (shape, out, out, out, out)]
    return (*drawn, _RNG.uniform(0.2, 3.0, out).astype(np.float32), epsilon)


def _still(variance: float, gamma: float) -> tuple[Array | float, ...]:
    one = np.ones(3, dtype=np.float32)
    kernel = _RNG.normal(size=(2, 3)).astype(np.float32)
    return (kernel, 0.5 * one, gamma * one, -one, 2 * one, variance * one, 1e-3)


def _peak(sizes: list[int], reads: list[list[int]]) -> int:
    steps = [(row, [step + 1]) for step, row in enumerate(reads)]
    return max(cost.live_bytes(dict(enumerate(sizes)), steps, kept=[0]))


def _input_freed(sizes: list[int], reads: list[list[int]]) -> int:
    return max(cost.live_bytes(dict(enumerate(sizes)), [(row, [step + 1]) for step, row in enumerate(reads)]))


def _everything(sizes: list[int], reads: list[list[int]]) -> int:
    return sum(sizes)


def _this_step_only(sizes: list[int], reads: list[list[int]]) -> int:
    return max(sum(sizes[key] for key in {0, *row, step + 1}) for step, row in enumerate(reads))


def _unread_freed(sizes: list[int], reads: list[list[int]]) -> int:
    last = {key: step for step, row in enumerate(reads) for key in row} | {0: len(reads)}
    return max(
        sum(sizes[key] for key in range(step + 2) if key == step + 1 or last.get(key, -1) >= step)
        for step in range(len(reads))
    )


def _unread_unknown(sizes: list[int], reads: list[list[int]]) -> int:
    last = {key: step for step, row in enumerate(reads) for key in row} | {0: len(reads)}
    return max(
        sum(sizes[key] for key in range(step + 2) if key == step + 1 or last[key] >= step) for step in range(len(reads))
    )


def _result_late(sizes: list[int], reads: list[list[int]]) -> int:
    steps = [(row, [step + 1]) for step, row in enumerate(reads)]
    live = cost.live_bytes(dict(enumerate(sizes)), steps, kept=[0])
    return max(total - sizes[step + 1] for step, total in enumerate(live))


EXERCISES = [
    Exercise(
        "10.1",
        _separable,
        mistakes=[
            Mistake("whole", _whole, "that is the cost of the one convolution that the two small ones replace"),
            Mistake("depthwise only", _only_depthwise, "the second step is missing: the 1 × 1 convolution"),
            Mistake("one side", _one_side, "size is the length of one side: there are size × size positions"),
            Mistake("operations", _operations, "you count two operations per MAC; return the MACs"),
            Mistake("biases", _with_biases, "you count biases, but neither of the two convolutions has any"),
        ],
        cases=[
            ("14 × 14, 3 × 3, 32 to 64", (14, 3, 32, 64)),
            ("7 × 7, 3 × 3, 64 to 128", (7, 3, 64, 128)),
            ("fewer filters than channels", (8, 5, 16, 4)),
            ("one channel", (10, 3, 1, 16)),
            ("all ones", (1, 1, 1, 1)),
        ],
    ),
    Exercise(
        "10.2",
        _intensity,
        mistakes=[
            Mistake(
                "MACs",
                lambda inputs, units, batch: _intensity(inputs, units, batch) / 2,
                "you count MACs; each is two floating-point operations",
            ),
            Mistake(
                "values",
                lambda inputs, units, batch: _intensity(inputs, units, batch) * 4,
                "you divide by the number of values; each takes 4 bytes",
            ),
            Mistake(
                "weights each time",
                _weights_each_time,
                "you count the weights once per image; they are read once for the whole batch",
            ),
            Mistake(
                "one image's operations",
                lambda inputs, units, batch: _intensity(inputs, units, batch) / batch,
                "you count the operations of one image, but the bytes of the whole batch: multiply by batch",
            ),
            Mistake(
                "no inputs",
                lambda inputs, units, batch: 2 * batch * inputs * units / (4 * units * (inputs + batch)),
                "the inputs are missing among the bytes: batch times inputs values are read",
            ),
            Mistake(
                "no outputs",
                lambda inputs, units, batch: 2 * batch * inputs * units / (4 * inputs * (units + batch)),
                "the outputs are missing among the bytes: batch times units values are written",
            ),
            Mistake(
                "weights only",
                _weights_only,
                "you count the bytes of the weights alone; inputs are read and outputs are written too",
            ),
        ],
        cases=[
            ("784 to 300, one image", (784, 300, 1)),
            ("784 to 300, 64 images", (784, 300, 64)),
            ("100 to 10, many images", (100, 10, 10_000)),
            ("one of everything", (1, 1, 1)),
            ("square", (32, 32, 32)),
        ],
    ),
    Exercise(
        "10.3",
        _fold,
        mistakes=[
            Mistake("no root", _no_root, "you divide by the variance; divide by its square root"),
            Mistake("epsilon outside", _epsilon_outside, "epsilon is added to the variance, under the root"),
            Mistake(
                "bias unscaled",
                _bias_unscaled,
                "the layer's own bias goes through the normalization too: subtract the mean from it, then scale",
            ),
            Mistake("bias lost", _bias_lost, "the layer's own bias is missing: subtract the mean from it, then scale"),
            Mistake("bias kept", _bias_kept, "you return the old bias; batch norm moves and scales it as well"),
            Mistake("epsilon forgotten", _epsilon_forgotten, "epsilon is missing: add it to the variance"),
            Mistake(
                "first axis",
                _first_axis,
                "you scale along the first axis; the channels are the last axis of the kernel",
            ),
        ],
        cases=[
            ("dense kernel", _norm(6, 4)),
            ("convolution kernel", _norm(3, 3, 2, 5)),
            ("a large epsilon", _norm(3, 2, epsilon=0.5)),
            ("one weight, one channel", _norm(1, 1)),
            ("variance zero", _still(0.0, 1.0)),
            ("gamma zero", _still(1.0, 0.0)),
            ("no inputs", _norm(0, 3)),
        ],
    ),
    Exercise(
        "10.4",
        _peak,
        mistakes=[
            Mistake(
                "everything", _everything, "you add up all activations; after its last reader an activation is freed"
            ),
            Mistake(
                "unread freed",
                _unread_freed,
                "an activation that no operator reads is an output of the network: it stays until the end",
            ),
            Mistake(
                "unread unknown",
                _unread_unknown,
                "an activation that no operator reads has no last reader, and your dictionary no entry: use get",
            ),
            Mistake(
                "this step only",
                _this_step_only,
                "an activation that a later operator reads stays in memory in between, as in a shortcut",
            ),
            Mistake("input freed", _input_freed, "you free the input after its last use, but it is kept to the end"),
            Mistake(
                "result late",
                _result_late,
                "an operator's result is in memory while the operator runs: count what it writes as well",
            ),
        ],
        cases=[
            ("a chain", ([10, 40, 30, 5], [[0], [1], [2]])),
            ("a shortcut", ([10, 30, 30, 30, 30, 1], [[0], [1], [2], [1, 3], [4]])),
            ("a shortcut past large ones", ([10, 50, 60, 60, 2], [[0], [1], [2], [1, 3]])),
            ("the input read again at the end", ([50, 20, 20, 50], [[0], [1], [0, 2]])),
            ("a large result at the end", ([4, 2, 1, 90], [[0], [1], [2]])),
            ("two outputs, which no operator reads", ([1, 2, 3], [[0], [0]])),
            ("an output in the middle", ([5, 20, 7, 9, 4], [[0], [0], [2], [3]])),
            ("one operator", ([7, 3], [[0]])),
            ("all equal", ([8, 8, 8, 8, 8], [[0], [1], [2], [3]])),
        ],
    ),
]
