"""Every byte of a ``.tflite`` file, against the flatbuffers library's own reading of it."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from labkit.assets import baselines, models
from labkit.base.errors import LabkitError
from labkit.deploy import anatomy, inspect, tflite
from labkit.deploy.flatbuffer import Graph

from .conftest import tiny

PRECISIONS = ["float32", "float16", "dynamic", "int8", "int8_tensor", "int8_io"]


@pytest.fixture(scope="session")
def contents(net: SimpleNamespace) -> dict[str, bytes]:
    """The shipped files, the tiny network in every precision, a sparse file and one with batch normalization."""
    shipped = {name: baselines.baseline(name, "fashion_mnist").tflite_path.read_bytes() for name in models.NAMES}
    model = tiny(net.tf, norm=True)
    kernel, bias = model.get_layer("hidden").get_weights()
    kernel[np.random.default_rng(0).random(kernel.shape) < 0.9] = 0
    model.get_layer("hidden").set_weights([kernel, bias])
    converter = net.tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [net.tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
    with tflite.hushed():
        sparse = converter.convert()
    # Written by the flatbuffers library for Python instead of by the converter: another order, other padding.
    return {**shipped, **net.files, "sparse": sparse, "repacked": _packed(Graph(net.files["int8"]))}


FILES = [*models.NAMES, *PRECISIONS, "sparse", "repacked"]


def _packed(graph: Graph) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(graph.model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize("name", FILES)
def test_every_byte_is_one_of_one_kind(contents: dict[str, bytes], name: str) -> None:
    content = contents[name]
    found = anatomy.spans(content)
    assert [span.start for span in found] == [0, *(span.stop for span in found[:-1])]
    assert found[-1].stop == len(content)
    assert all(span.bytes > 0 and span.part in anatomy.PARTS and span.form in anatomy.FORMS for span in found)
    assert sum(anatomy.parts(content).values()) == sum(anatomy.forms(content).values()) == len(content)
    # Nothing needs to begin at a multiple of more than 16, so no gap that is only padding can be longer than 15.
    assert max(span.bytes for span in found if span.part == "padding") < 16
    assert anatomy.parts(content)["unexplained"] == 0
    assert anatomy.parts(content)["header"] == 8


@pytest.mark.parametrize("name", FILES)
def test_strings_vectors_and_tables_are_those_that_the_flatbuffers_library_reads(
    contents: dict[str, bytes], name: str
) -> None:
    """The library's object interface knows the whole schema, and nothing of ours."""
    content = contents[name]
    found, own = anatomy.forms(content), _read(Graph(content).model)
    assert found["data"] == own["data"]
    assert found["string"] + found["length"] == own["string"] + own["length"]
    assert found["pointers"] == own["pointers"]
    assert sum(1 for span in anatomy.spans(content) if span.form == "table") == own["tables"]


def _read(thing: Any) -> dict[str, int]:
    """Bytes of the data, strings and pointers below one object of the library's object interface; counts its tables."""
    sums = dict.fromkeys(("data", "string", "length", "pointers"), 0) | {"tables": 1}
    for value in vars(thing).values():
        if isinstance(value, bytes):
            sums["string"] += 4 + len(value) + 1
        elif isinstance(value, np.ndarray):
            sums["length"] += 4
            sums["data"] += value.nbytes
        elif isinstance(value, list):
            sums["length"] += 4
            sums["pointers"] += 4 * len(value)
        below = value if isinstance(value, list) else [value] if hasattr(value, "__dict__") else []
        for each in below:
            sums = {key: count + _read(each)[key] for key, count in sums.items()}
    return sums


@pytest.mark.parametrize("name", FILES)
def test_weights_are_those_of_the_summary(contents: dict[str, bytes], name: str) -> None:
    assert anatomy.parts(contents[name])["weights"] == inspect.summary(contents[name]).weight_bytes


def test_scales_and_zero_points_and_the_sparse_index_are_found(contents: dict[str, bytes]) -> None:
    tensors = Graph(contents["int8"]).tensors
    scales = sum(4 * len(tensor.scale) + 8 * len(tensor.zero_point) for tensor in tensors)  # float32 and int64
    found = [span for span in anatomy.spans(contents["int8"]) if span.part == "quantization" and span.form == "data"]
    assert sum(span.bytes for span in found) == scales
    assert anatomy.parts(contents["float32"])["sparsity"] == 0 < anatomy.parts(contents["sparse"])["sparsity"]


def test_a_spans_path_leads_to_its_bytes(contents: dict[str, bytes]) -> None:
    content = contents["lenet5"]
    named = {span.what: span for span in anatomy.spans(content)}
    for index, tensor in enumerate(Graph(content).tensors):
        span = named[f"model.subgraphs[0].tensors[{index}].name"]
        assert content[span.start + 4 : span.stop - 1].decode() == tensor.name
        shape = named[f"model.subgraphs[0].tensors[{index}].shape"]
        assert struct.unpack(f"<{shape.bytes // 4}i", content[shape.start : shape.stop]) == tensor.shape
    assert content[named["root pointer and file identifier"].start :][4:8] == b"TFL3"


def test_bytes_that_nothing_points_at_are_told_apart(contents: dict[str, bytes]) -> None:
    content = contents["float32"]
    assert anatomy.parts(content + b"\0\0\0")["padding"] == anatomy.parts(content)["padding"] + 3
    assert anatomy.parts(content + b"note")["unexplained"] == 4


def test_a_byte_claimed_twice_is_refused(contents: dict[str, bytes]) -> None:
    # The shape (1, 10) reads as a string too: its length, 2, the bytes 1 and 0, then a zero. LiteRT opens the file.
    content = bytearray(contents["float32"])
    tensors = Graph(bytes(content)).tensors
    shaped = next(index for index, tensor in enumerate(tensors) if tensor.shape == (1, 10))
    named = {span.what: span for span in anatomy.spans(bytes(content))}
    shape = named[f"length of model.subgraphs[0].tensors[{shaped}].shape"]
    for index in range(len(tensors)):
        table = named[f"model.subgraphs[0].tensors[{index}]"].start
        (back,) = struct.unpack_from("<i", content, table)
        (place,) = struct.unpack_from("<H", content, table - back + 4 + 2 * 3)
        if table + place < shape.start:  # pointers lead forward only
            struct.pack_into("<I", content, table + place, shape.start - table - place)
            break
    with pytest.raises(LabkitError, match=r"tensors\[\d+\]\..* begins at byte [\d,]+, inside"):
        anatomy.spans(bytes(content))


def test_foreign_and_damaged_files_are_refused(contents: dict[str, bytes]) -> None:
    with pytest.raises(LabkitError, match=r"No .tflite model"):
        anatomy.parts(b"not a model at all")
    with pytest.raises(LabkitError):
        anatomy.parts(contents["float32"][: len(contents["float32"]) // 2])


def test_the_vectors_and_strings_of_all_builtin_options_are_in_our_schema() -> None:
    """Where the library's object interface makes a list or a string of an option, we have a field for it."""
    from ai_edge_litert import schema_py_generated as schema

    names = [name for name, value in vars(schema.BuiltinOptions).items() if isinstance(value, int) and value]
    for name in names:
        reader = getattr(schema, name)
        pointing = [field for field in vars(reader) if field.endswith("AsNumpy")]
        assert len(pointing) <= len(anatomy._TABLES.get(name, {})), name
