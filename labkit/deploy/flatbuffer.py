"""The flatbuffer in a ``.tflite`` file: operators, tensors and constants, without TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labkit.base.errors import LabkitError
from labkit.deploy.content import OpenFile, Source, describe, interpreter, read

# The operators that multiply and accumulate, and what labkit calls them.
KINDS = {
    "FULLY_CONNECTED": "dense",
    "CONV_2D": "conv2d",
    "DEPTHWISE_CONV_2D": "depthwise",
    "BATCH_MATMUL": "matmul",
}
_DTYPES = {
    "FLOAT32": "float32", "FLOAT16": "float16", "FLOAT64": "float64", "INT8": "int8", "UINT8": "uint8",
    "INT16": "int16", "UINT16": "uint16", "INT32": "int32", "UINT32": "uint32", "INT64": "int64", "UINT64": "uint64",
    "BOOL": "bool",
}  # fmt: skip


@dataclass(frozen=True)
class Tensor:
    """One tensor: ``bytes`` stored in the file (0 for activations); ``scale`` and ``zero_point`` (one a channel along
    ``axis``, or one) are empty when it is not quantized."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int
    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int = 0


@dataclass(frozen=True)
class Operator:
    """One operator: its TFLite name, its options, and the numbers of its input and output tensors (-1: left out)."""

    name: str
    options: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class Graph:
    """The main subgraph of a ``.tflite`` file. Raises LabkitError when the file is damaged or no ``.tflite`` file."""

    def __init__(self, source: Source) -> None:
        content = read(source)
        if not (isinstance(source, OpenFile) and source.checked):
            interpreter(source, delegates=False)  # verifies the whole buffer, which the reader below does not
        self.schema: ModuleType = _schema()
        try:
            self.model = self.schema.ModelT.InitFromPackedBuf(content, 0)
            self.graph = self.model.subgraphs[0]
        except Exception as error:  # the reader trusts its bytes, and so may fail in any way
            raise LabkitError(
                f"Cannot read {describe(source)}: the file is damaged; convert the model again."
            ) from error

    @cached_property
    def tensors(self) -> list[Tensor]:
        """Return every tensor, in the file's numbering."""
        names = _names(self.schema.TensorType)
        return [self._tensor(tensor, names[tensor.type]) for tensor in self.graph.tensors]

    @cached_property
    def operators(self) -> list[Operator]:
        """Return the operators in the order in which they run."""
        names = _names(self.schema.BuiltinOperator)
        return [self._operator(operator, names) for operator in self.graph.operators]

    @cached_property
    def _origins(self) -> dict[int, int]:
        """Map each tensor that unpacks a constant (float16 to float32, sparse to dense) to that constant."""
        unpacking = [op for op in self.operators if op.name in ("DEQUANTIZE", "DENSIFY")]
        return {op.outputs[0]: op.inputs[0] for op in unpacking}

    def origin(self, index: int) -> int | None:
        """Return the number of the constant that tensor *index* is, or is unpacked from; None for an activation."""
        while index in self._origins:
            index = self._origins[index]
        return index if index >= 0 and self.tensors[index].bytes else None

    def buffer(self, index: int) -> int:
        """Return the number of the buffer that holds tensor *index*: equal constants share one."""
        return int(self.graph.tensors[index].buffer)

    def is_sparse(self, index: int) -> bool:
        """Return whether constant *index* is stored in LiteRT's sparse form: its non-zeros and where they stand."""
        return self.graph.tensors[index].sparsity is not None

    def stored(self, index: int) -> NDArray[Any]:
        """Return the values of constant *index* as stored, flat; of a sparse one those only that are stored."""
        tensor = self.tensors[index]
        data = np.asarray(self.model.buffers[self.buffer(index)].data, np.uint8)
        if tensor.dtype == "int4":  # two values a byte, the low half first
            halves = np.stack([data << 4, data & 0xF0], axis=-1).reshape(-1).view(np.int8) >> 4
            return halves[: int(np.prod(tensor.shape))]
        if tensor.dtype not in _DTYPES.values():
            raise LabkitError(f"Tensor {tensor.name!r} holds {tensor.dtype}, an unknown type: use another model.")
        return data.view(tensor.dtype)

    def constant(self, index: int) -> NDArray[Any]:
        """Return the values of constant *index* in their shape. Raises LabkitError for LiteRT's sparse form."""
        if self.is_sparse(index):
            raise LabkitError(
                f"Tensor {self.tensors[index].name!r} is stored sparse: to read its values, convert the model "
                "without EXPERIMENTAL_SPARSITY."
            )
        return self.stored(index).reshape(self.tensors[index].shape)

    def _tensor(self, tensor: Any, dtype: str) -> Tensor:
        data = self.model.buffers[tensor.buffer].data
        quantization = tensor.quantization
        quantized = quantization is not None and quantization.scale is not None and len(quantization.scale)
        return Tensor(
            name=(tensor.name or b"").decode(errors="replace"),
            shape=tuple(int(size) for size in tensor.shape) if tensor.shape is not None else (),
            dtype=_DTYPES.get(dtype, dtype.lower()),
            bytes=0 if data is None else len(data),
            scale=tuple(float(scale) for scale in quantization.scale) if quantized else (),
            zero_point=tuple(int(zero) for zero in quantization.zeroPoint) if quantized else (),
            axis=int(quantization.quantizedDimension) if quantized else 0,
        )

    def _operator(self, operator: Any, names: dict[int, str]) -> Operator:
        code = self.model.operatorCodes[operator.opcodeIndex]
        # Files of before 2020 have the code in one byte alone; newer ones in both, the byte then at most 127.
        name = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        if name == "CUSTOM":
            name = f"CUSTOM {(code.customCode or b'').decode(errors='replace')}"
        inputs, outputs = (
            tuple(int(i) for i in part) if part is not None else () for part in (operator.inputs, operator.outputs)
        )
        return Operator(name, operator.builtinOptions, inputs, outputs)


def packed(model: Any) -> bytes:
    """Return the bytes of a ``.tflite`` file of *model*, the schema's object (``Graph.model``)."""
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _schema() -> ModuleType:
    from ai_edge_litert import schema_py_generated

    return schema_py_generated


def _names(kind: type) -> dict[int, str]:
    return {value: name for name, value in vars(kind).items() if isinstance(value, int)}
