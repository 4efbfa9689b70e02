"""What operators move and what LiteRT's arena holds, against counts by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from labkit.assets import baselines, models
from labkit.base.errors import LabkitError
from labkit.deploy import inspect, memory
from labkit.methods import cost


def needed(source: bytes) -> int:
    """The largest sum, over the operators, of live activations and the convolution's scratch; the input is kept."""
    rows, sizes = memory.steps(source), memory.sizes(source)
    live = cost.live_bytes(sizes, [(row.reads, row.writes) for row in rows], kept=rows[0].reads)
    return max(bytes_ + row.scratch_bytes for row, bytes_ in zip(rows, live, strict=True))


@pytest.mark.parametrize("name", models.NAMES)
def test_the_arena_of_the_shipped_networks_is_met_to_the_byte(name: str) -> None:
    content = baselines.baseline(name, "fashion_mnist").tflite_path.read_bytes()
    assert memory.arena_bytes(content) == needed(content)


def test_the_arena_of_an_int8_file(net: SimpleNamespace) -> None:
    # The built-in kernels write RESHAPE over its input, and places begin at multiples of 64 bytes.
    content = net.files["int8_io"]
    rows = memory.steps(content)
    assert needed(content) - max(memory.sizes(content).values()) <= memory.arena_bytes(content)
    assert memory.arena_bytes(content) <= needed(content) + 64 * len(rows)


def test_unpacked_weights_are_in_memory_too(net: SimpleNamespace) -> None:
    weights = 2 * inspect.summary(net.files["float16"]).weight_bytes
    assert memory.arena_bytes(net.files["float16"]) >= memory.arena_bytes(net.files["float32"]) + weights


@pytest.mark.parametrize("precision", ["float32", "int8_io"])
def test_steps_by_hand(net: SimpleNamespace, precision: str) -> None:
    rows = memory.steps(net.files[precision])
    size = {"float32": 4, "int8_io": 1}[precision]
    assert [row.name for row in rows[:3]] == ["CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D"]
    first = rows[0]
    assert (first.input_bytes, first.output_bytes) == (size * 12 * 12, size * 12 * 12 * 12)
    assert first.constant_bytes == size * 9 * 12 + 4 * 12  # biases are float32 or int32
    assert first.scratch_bytes == size * 12 * 12 * 9
    assert first.moved(3) == first.constant_bytes + 3 * (first.input_bytes + first.output_bytes)
    assert first.intensity() == pytest.approx(2 * first.macs / first.moved())
    assert [row.intensity(9) for row in rows if not row.macs] == [0.0] * sum(not row.macs for row in rows)
    assert first.macs == 12 * 12 * 12 * 9
    assert sum(row.macs for row in rows) == inspect.summary(net.files[precision]).macs
    assert rows[1].reads == first.writes


def test_sizes_are_numpys(net: SimpleNamespace) -> None:
    tensors = inspect.summary(net.files["int8"]).tensors
    for index, size in memory.sizes(net.files["int8"]).items():
        assert tensors[index].bytes == 0
        assert size == np.empty(tensors[index].shape, tensors[index].dtype).nbytes


def test_what_is_no_file_is_refused() -> None:
    for reading in (memory.steps, memory.sizes, memory.arena_bytes):
        with pytest.raises(LabkitError):
            reading(b"nothing")
