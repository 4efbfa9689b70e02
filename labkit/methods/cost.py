"""The cost of a layer, from its shape alone: parameters, multiply-accumulates (MACs), memory and memory traffic.

One MAC is one multiplication and the addition that follows it: two floating-point operations. Additions of the bias,
activation functions, pooling and (at inference, folded) batch normalization are no MACs, as in the literature; what
pooling and batch normalization do has counts of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from labkit.base.checks import whole
from labkit.base.errors import UsageError


def dense_parameters(inputs: int, units: int, bias: bool = True) -> int:
    """Return weights and biases of a dense layer: ``inputs × units + units``.

    >>> dense_parameters(784, 300)
    235500
    """
    inputs, units = _counts(inputs=inputs, units=units)
    return inputs * units + (units if bias else 0)


def dense_macs(inputs: int, units: int, positions: int = 1) -> int:
    """Return the MACs of a dense layer: ``inputs × units``, once per position (more than one on a sequence).

    >>> dense_macs(784, 300)
    235200
    """
    inputs, units, positions = _counts(inputs=inputs, units=units, positions=positions)
    return inputs * units * positions


def conv2d_parameters(kernel: tuple[int, int], channels: int, filters: int, bias: bool = True, groups: int = 1) -> int:
    """Return weights and biases of a convolution: ``height × width × channels / groups × filters + filters``.

    >>> conv2d_parameters((5, 5), channels=1, filters=20)
    520
    """
    height, width, channels, filters, groups = _conv_counts(kernel, channels, filters, groups)
    return height * width * (channels // groups) * filters + (filters if bias else 0)


def conv2d_macs(output: tuple[int, int], kernel: tuple[int, int], channels: int, filters: int, groups: int = 1) -> int:
    """Return the MACs of a convolution with *output* (height, width) positions; padding counts, as in TensorFlow's
    profiler.

    >>> conv2d_macs((24, 24), (5, 5), channels=1, filters=20)
    288000
    """
    rows, columns = _counts(output_height=output[0], output_width=output[1])
    return rows * columns * conv2d_parameters(kernel, channels, filters, bias=False, groups=groups)


def depthwise_parameters(kernel: tuple[int, int], channels: int, multiplier: int = 1, bias: bool = True) -> int:
    """Return weights and biases of a depthwise convolution: one *kernel* and one bias per output channel."""
    height, width, channels, multiplier = _counts(
        kernel_height=kernel[0], kernel_width=kernel[1], channels=channels, multiplier=multiplier
    )
    results = channels * multiplier
    return height * width * results + (results if bias else 0)


def depthwise_macs(output: tuple[int, int], kernel: tuple[int, int], channels: int, multiplier: int = 1) -> int:
    """Return the MACs of a depthwise convolution with *output* (height, width) positions.

    >>> depthwise_macs((14, 14), (3, 3), channels=64)
    112896
    """
    rows, columns = _counts(output_height=output[0], output_width=output[1])
    return rows * columns * depthwise_parameters(kernel, channels, multiplier, bias=False)


def batch_norm_parameters(channels: int) -> int:
    """Return the four numbers a channel of batch normalization: gamma, beta, moving mean, moving variance."""
    (channels,) = _counts(channels=channels)
    return 4 * channels


def pool2d_operations(output: tuple[int, int], window: tuple[int, int], channels: int) -> int:
    """Return comparisons of max-pooling, or additions of average pooling: the window for each of *output* × *channels*.

    As TensorFlow's profiler counts them (``MaxPool``); global average pooling has *output* (1, 1). No MACs and no
    parameters.
    """
    rows, columns, height, width, channels = _counts(
        output_height=output[0], output_width=output[1], height=window[0], width=window[1], channels=channels
    )
    return rows * columns * height * width * channels


def bytes_moved(inputs: int, weights: int, outputs: int, value_bytes: int = 4, batch: int = 1) -> int:
    """Return the bytes between memory and processor if every value crosses once: a lower bound, reached with perfect
    caches.

    *inputs* and *outputs* are values of one input, *weights* those of the layer (0 for pooling), which are read once
    for the whole *batch*.
    """
    inputs, outputs, value_bytes, batch = _counts(inputs=inputs, outputs=outputs, value_bytes=value_bytes, batch=batch)
    (weights,) = _counts(least=0, weights=weights)
    return value_bytes * (batch * (inputs + outputs) + weights)


def arithmetic_intensity(macs: int, moved: int) -> float:
    """Return floating-point operations for each byte moved, ``2 × macs / moved``: the roofline's horizontal axis
    (Williams, Waterman and Patterson 2009, doi:10.1145/1498765.1498785).

    >>> arithmetic_intensity(macs=100, moved=400)
    0.5
    """
    (macs,), (moved,) = _counts(least=0, macs=macs), _counts(moved=moved)
    return 2 * macs / moved


def im2col_bytes(
    output: tuple[int, int], kernel: tuple[int, int], channels: int, stride: int = 1, value_bytes: int = 4
) -> int:
    """Return scratch memory of a convolution that is computed as one matrix product: a row of inputs for each position.

    A 1 × 1 kernel at stride 1 needs none, since the input is that matrix already. LiteRT's built-in kernels work so.
    """
    rows, columns, height, width, channels, stride, value_bytes = _counts(
        output_height=output[0],
        output_width=output[1],
        kernel_height=kernel[0],
        kernel_width=kernel[1],
        channels=channels,
        stride=stride,
        value_bytes=value_bytes,
    )
    if height == width == stride == 1:
        return 0
    return rows * columns * height * width * channels * value_bytes


def live_bytes(
    sizes: Mapping[Any, int], steps: Iterable[tuple[Sequence[Any], Sequence[Any]]], kept: Iterable[Any] = ()
) -> list[int]:
    """Return the bytes of the activations alive in each step; the largest is a peak that no memory plan can go below.

    *sizes*: bytes of each activation, by any key; *steps*: what each operator reads and writes, in the order in which
    they run. An activation lives from the step that writes it (the first, for the network's input) to the last that
    reads it; those in *kept*, and those that nothing reads, to the end. Operators that write over their own
    input can do with less. Raises UsageError for a step with an activation that *sizes* lacks.
    """
    order = [(tuple(reads), tuple(writes)) for reads, writes in steps]
    unknown = [key for step in order for part in step for key in part if key not in sizes]
    if unknown:
        raise UsageError(f"The steps name {unknown[0]!r}, but sizes has no bytes for it: add it to sizes.")
    last = len(order) - 1
    born = {key: at for at, (_, writes) in reversed(list(enumerate(order))) for key in writes}
    died = {key: at for at, (reads, _) in enumerate(order) for key in reads} | dict.fromkeys(kept, last)
    used = {key for step in order for part in step for key in part} | set(kept)
    return [
        sum(sizes[key] for key in used if born.get(key, 0) <= at <= died.get(key, last)) for at in range(len(order))
    ]


def _conv_counts(kernel: tuple[int, int], channels: int, filters: int, groups: int) -> list[int]:
    counts = _counts(kernel_height=kernel[0], kernel_width=kernel[1], channels=channels, filters=filters, groups=groups)
    if channels % groups or filters % groups:
        raise UsageError(
            f"groups is {groups}, but must divide channels ({channels}) and filters ({filters}) without remainder."
        )
    return counts


def _counts(least: int = 1, **named: int) -> list[int]:
    """Return the values as Python's whole numbers, which do not overflow; UsageError for one below *least*."""
    return [whole(name, value, least) for name, value in named.items()]
