"""What a layer costs, from its shape alone: parameters and multiply-accumulates (MACs) for one input.

One MAC is one multiplication and the addition that follows it: two floating-point operations. Additions of the bias,
activation functions, pooling and (at inference, folded) batch normalization are not counted, as in the literature.
"""

from __future__ import annotations

import operator

from labkit.base.errors import UsageError


def dense_parameters(inputs: int, units: int, bias: bool = True) -> int:
    """Weights and biases of a dense layer: ``inputs × units + units``."""
    inputs, units = _counts(inputs=inputs, units=units)
    return inputs * units + (units if bias else 0)


def dense_macs(inputs: int, units: int, positions: int = 1) -> int:
    """MACs of a dense layer: ``inputs × units``, once for each of *positions* (more than one on a sequence)."""
    inputs, units, positions = _counts(inputs=inputs, units=units, positions=positions)
    return inputs * units * positions


def conv2d_parameters(kernel: tuple[int, int], channels: int, filters: int, bias: bool = True, groups: int = 1) -> int:
    """Weights and biases of a convolution: ``height × width × channels / groups × filters + filters``."""
    height, width, channels, filters, groups = _conv_counts(kernel, channels, filters, groups)
    return height * width * (channels // groups) * filters + (filters if bias else 0)


def conv2d_macs(output: tuple[int, int], kernel: tuple[int, int], channels: int, filters: int, groups: int = 1) -> int:
    """MACs of a convolution with *output* (height, width) positions; padding counts, as in TensorFlow's profiler."""
    rows, columns = _counts(output_height=output[0], output_width=output[1])
    return rows * columns * conv2d_parameters(kernel, channels, filters, bias=False, groups=groups)


def depthwise_parameters(kernel: tuple[int, int], channels: int, multiplier: int = 1, bias: bool = True) -> int:
    """Weights and biases of a depthwise convolution: one *kernel* a channel and multiplier, one bias a result."""
    height, width, channels, multiplier = _counts(
        kernel_height=kernel[0], kernel_width=kernel[1], channels=channels, multiplier=multiplier
    )
    results = channels * multiplier
    return height * width * results + (results if bias else 0)


def depthwise_macs(output: tuple[int, int], kernel: tuple[int, int], channels: int, multiplier: int = 1) -> int:
    """MACs of a depthwise convolution with *output* (height, width) positions."""
    rows, columns = _counts(output_height=output[0], output_width=output[1])
    return rows * columns * depthwise_parameters(kernel, channels, multiplier, bias=False)


def batch_norm_parameters(channels: int) -> int:
    """The four numbers a channel of batch normalization: gamma, beta, moving mean, moving variance."""
    (channels,) = _counts(channels=channels)
    return 4 * channels


def output_size(size: int, kernel: int, stride: int = 1, padding: str = "valid") -> int:
    """Length of a convolution's or pooling's output along one axis, padding ``"valid"`` or ``"same"``.

    Raises UsageError for another padding, or a kernel longer than the input with ``"valid"``.
    """
    size, kernel, stride = _counts(size=size, kernel=kernel, stride=stride)
    if padding == "same":
        return -(-size // stride)
    if padding != "valid":
        raise UsageError(f"padding is {padding!r}, but takes 'valid' or 'same'.")
    if kernel > size:
        raise UsageError(f"A kernel of {kernel} does not fit into {size} positions: shorten it, or pad with 'same'.")
    return (size - kernel) // stride + 1


def _conv_counts(kernel: tuple[int, int], channels: int, filters: int, groups: int) -> list[int]:
    counts = _counts(kernel_height=kernel[0], kernel_width=kernel[1], channels=channels, filters=filters, groups=groups)
    if channels % groups or filters % groups:
        raise UsageError(
            f"groups is {groups}, but must divide channels ({channels}) and filters ({filters}) without remainder."
        )
    return counts


def _counts(**named: int) -> list[int]:
    """The values as Python's whole numbers, which do not overflow; raises UsageError for one below 1."""
    result = []
    for name, value in named.items():
        try:
            number = operator.index(value)
        except TypeError:
            raise UsageError(f"{name} is {value!r}, but takes a whole number of at least 1.") from None
        if number < 1:
            raise UsageError(f"{name} is {value!r}, but takes a whole number of at least 1.")
        result.append(number)
    return result
