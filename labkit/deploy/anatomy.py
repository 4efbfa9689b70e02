"""Account for every byte of a ``.tflite`` file by following its pointers from the root.

A ``.tflite`` file is a flatbuffer (https://flatbuffers.dev/internals): *tables* hold the fields, each table points back
to a *vtable* that says where in it each field stands, and fields that are no plain numbers point forward to other
tables, to strings or to vectors. What is reached is marked with what it is for; what nothing points at is padding.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

from labkit.base.errors import LabkitError
from labkit.deploy.content import Source, describe, read
from labkit.deploy.flatbuffer import KINDS, Graph

__all__ = ["FORMS", "PARTS", "Span", "forms", "parts", "spans"]

# What bytes are for. "unexplained" would be bytes that nothing points at and that are not zero: 0 in all files tested.
PARTS = ("weights", "sparsity", "quantization", "graph", "metadata", "header", "padding", "unexplained")
# What bytes are. A table's own alignment gaps count as the table: its vtable gives their sum, not their places.
FORMS = ("data", "length", "string", "table", "vtable", "pointers", "header", "padding", "unexplained")

# The TFLite schema (tensorflow/compiler/mlir/lite/schema/schema.fbs), as far as it points: table -> field number ->
# name and type. Fields that are plain numbers are missing, since the vtable tells how long a table is.
_TABLES: dict[str, dict[int, tuple[str, str]]] = {
    "Model": {
        1: ("operator_codes", "OperatorCode[]"), 2: ("subgraphs", "SubGraph[]"), 3: ("description", "string"),
        4: ("buffers", "Buffer[]"), 5: ("metadata_buffer", "int[]"), 6: ("metadata", "Metadata[]"),
        7: ("signature_defs", "SignatureDef[]"),
    },
    "OperatorCode": {1: ("custom_code", "string")},
    "SubGraph": {
        0: ("tensors", "Tensor[]"), 1: ("inputs", "int[]"), 2: ("outputs", "int[]"), 3: ("operators", "Operator[]"),
        4: ("name", "string"),
    },
    "Tensor": {
        0: ("shape", "int[]"), 3: ("name", "string"), 4: ("quantization", "QuantizationParameters"),
        6: ("sparsity", "SparsityParameters"), 7: ("shape_signature", "int[]"),
        9: ("variant_tensors", "VariantSubType[]"),
    },
    "VariantSubType": {0: ("shape", "int[]")},
    "QuantizationParameters": {
        0: ("min", "float[]"), 1: ("max", "float[]"), 2: ("scale", "float[]"), 3: ("zero_point", "long[]"),
        5: ("details", "union QuantizationDetails"),
    },
    "CustomQuantization": {0: ("custom", "byte[]")},
    "BlockwiseQuantization": {3: ("block_shape", "int[]")},
    "MultiAxisQuantization": {3: ("quantized_dimensions", "int[]")},
    "SparsityParameters": {
        0: ("traversal_order", "int[]"), 1: ("block_map", "int[]"), 2: ("dim_metadata", "DimensionMetadata[]"),
    },
    "DimensionMetadata": {
        3: ("array_segments", "union SparseIndexVector"), 5: ("array_indices", "union SparseIndexVector"),
    },
    "Int32Vector": {0: ("values", "int[]")},
    "Uint16Vector": {0: ("values", "short[]")},
    "Uint8Vector": {0: ("values", "byte[]")},
    "Operator": {
        1: ("inputs", "int[]"), 2: ("outputs", "int[]"), 4: ("builtin_options", "union BuiltinOptions"),
        5: ("custom_options", "byte[]"), 7: ("mutating_variable_inputs", "byte[]"), 8: ("intermediates", "int[]"),
        12: ("builtin_options_2", "union BuiltinOptions2"),
    },
    "ReshapeOptions": {0: ("new_shape", "int[]")},
    "SqueezeOptions": {0: ("squeeze_dims", "int[]")},
    "FullyConnectedOptions": {5: ("quant_spec", "byte[]")},
    "BucketizeOptions": {0: ("boundaries", "float[]")},
    "ConcatEmbeddingsOptions": {1: ("num_columns_per_channel", "int[]"), 2: ("embedding_dim_per_channel", "int[]")},
    "VarHandleOptions": {0: ("container", "string"), 1: ("shared_name", "string")},
    "Buffer": {0: ("data", "byte[]")},
    "Metadata": {0: ("name", "string")},
    "SignatureDef": {0: ("inputs", "TensorMap[]"), 1: ("outputs", "TensorMap[]"), 2: ("signature_key", "string")},
    "TensorMap": {0: ("name", "string")},
}  # fmt: skip
_WIDTHS = {"byte": 1, "short": 2, "int": 4, "float": 4, "long": 8}
# Where a part begins; everything below has the part of what points to it. The root is the graph.
_BEGINS = {
    ("Model", "description"): "metadata",
    ("Model", "metadata_buffer"): "metadata",
    ("Model", "metadata"): "metadata",
    ("Model", "signature_defs"): "metadata",
    ("Tensor", "quantization"): "quantization",
    ("Tensor", "sparsity"): "sparsity",
}


@dataclass(frozen=True)
class Span:
    """The bytes from ``start`` up to ``stop``: ``part`` (of `PARTS`) says what for, ``form`` (of `FORMS`) as what,
    ``what`` which, as a path such as ``model.subgraphs[0].tensors[3].name``."""

    start: int
    stop: int
    part: str
    form: str
    what: str

    @property
    def bytes(self) -> int:
        """Return how many bytes these are."""
        return self.stop - self.start


def spans(source: Source) -> list[Span]:
    """Return all bytes of a ``.tflite`` file (bytes or path) in order, without a gap and without an overlap.

    ``weights`` are the weights and biases of the dense, convolution and matrix-product operators, as
    `labkit.deploy.inspect.summary` counts them; other constants (a new shape, axes) belong to ``graph``. A vtable
    belongs to the graph too, since tables of all parts share it. Raises LabkitError for a file that is damaged or
    foreign, or in which two things claim the same byte.
    """
    content, graph = read(source), Graph(source)
    walk = _Walk(content, graph)
    walk.mark(0, 8, "header", "header", "root pointer and file identifier")
    walk.table(walk.pointer(0), "Model", "graph", "model")
    ordered: list[Span] = []
    at = 0
    for span in sorted(walk.spans.values(), key=lambda span: span.start):
        if span.start < at:
            raise LabkitError(
                f"In {describe(source)}, {span.what} begins at byte {span.start:,}, inside {ordered[-1].what}: "
                "the file is invalid; convert the model again."
            )
        ordered += [*_gap(content, at, span.start), span]
        at = span.stop
    return [*ordered, *_gap(content, at, len(content))]


def parts(source: Source) -> dict[str, int]:
    """Return the bytes of each of `PARTS`; their sum is the length of the file. Raises LabkitError as `spans` does."""
    return _summed(source, "part", PARTS)


def forms(source: Source) -> dict[str, int]:
    """Return the bytes of each of `FORMS`; their sum is the length of the file. Raises LabkitError as `spans` does."""
    return _summed(source, "form", FORMS)


def _summed(source: Source, by: str, names: tuple[str, ...]) -> dict[str, int]:
    sums = dict.fromkeys(names, 0)
    for span in spans(source):
        sums[getattr(span, by)] += span.bytes
    return sums


def _gap(content: bytes, start: int, stop: int) -> Iterator[Span]:
    if stop > start:
        name = "unexplained" if any(content[start:stop]) else "padding"
        yield Span(start, stop, name, name, name)


class _Walk:
    """Marks what is reached from a table; each thing once, however many point to it."""

    def __init__(self, content: bytes, graph: Graph) -> None:
        self.content = content
        self.spans: dict[tuple[int, int], Span] = {}
        self.buffers = _buffer_parts(graph)
        self.unions = {
            "BuiltinOptions": _members(graph.schema, "BuiltinOptions"),
            "BuiltinOptions2": _members(graph.schema, "BuiltinOptions2"),
            "QuantizationDetails": _members(graph.schema, "QuantizationDetails"),
            "SparseIndexVector": _members(graph.schema, "SparseIndexVector"),
        }

    def mark(self, start: int, stop: int, part: str, form: str, what: str) -> bool:
        """Mark a span; return False when it is marked already."""
        if (start, stop) in self.spans:
            return False
        self.spans[start, stop] = Span(start, stop, part, form, what)
        return True

    def number(self, kind: str, at: int) -> int:
        return int(struct.unpack_from(f"<{kind}", self.content, at)[0])

    def pointer(self, at: int) -> int:
        """Return where the offset at byte *at* leads: it counts from its own place."""
        return at + self.number("I", at)

    def table(self, at: int, kind: str, part: str, what: str) -> None:
        vtable = at - self.number("i", at)
        size, inline = self.number("H", vtable), self.number("H", vtable + 2)
        self.mark(vtable, vtable + size, "graph", "vtable", f"vtable of {what}")
        if not self.mark(at, at + inline, part, "table", what):
            return
        places = [self.number("H", vtable + 4 + 2 * field) for field in range((size - 4) // 2)]
        for field, (name, type_) in _TABLES.get(kind, {}).items():
            if field >= len(places) or not places[field]:  # left out: the field has its default
                continue
            if type_.startswith("union"):  # the field before says which member it is
                members = self.unions[type_.split()[1]]
                type_ = members.get(self.number("B", at + places[field - 1]) if places[field - 1] else 0, "")
            below = _BEGINS.get((kind, name), part)
            self.thing(self.pointer(at + places[field]), type_, below, f"{what}.{name}")

    def thing(self, at: int, type_: str, part: str, what: str) -> None:
        if type_ == "string":  # its length, its characters, a zero byte
            self.mark(at, at + 4 + self.number("I", at) + 1, part, "string", what)
        elif type_.endswith("[]"):
            self.vector(at, type_[:-2], part, what)
        else:
            self.table(at, type_, part, what)

    def vector(self, at: int, item: str, part: str, what: str) -> None:
        count, first = self.number("I", at), at + 4
        data = self.buffers.get(what, part)
        if not self.mark(at, first, "graph" if data == "weights" else data, "length", f"length of {what}") or not count:
            return
        if item in _WIDTHS:
            self.mark(first, first + count * _WIDTHS[item], data, "data", what)
            return
        self.mark(first, first + 4 * count, part, "pointers", what)
        for index in range(count):
            self.table(self.pointer(first + 4 * index), item, part, f"{what}[{index}]")


def _buffer_parts(graph: Graph) -> dict[str, str]:
    """Return the part of each buffer's data that is not the graph's, by path."""
    named = {int(entry.buffer): "metadata" for entry in graph.model.metadata or []}
    for operator in graph.operators:
        if operator.name in KINDS:
            origins = [graph.origin(index) for index in operator.inputs[1:]]
            named |= {graph.buffer(index): "weights" for index in origins if index is not None}
    return {f"model.buffers[{index}].data": part for index, part in named.items()}


def _members(schema: ModuleType, union: str) -> dict[int, str]:
    members = vars(getattr(schema, union, object)).items()
    return {value: name for name, value in members if isinstance(value, int) and name != "NONE"}
