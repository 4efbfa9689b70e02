"""Quantization against ``onnx.reference`` and ONNX's own node test cases.

Of ONNX 1.23's 27 node cases for the two operators, the 19 on whole numbers are all met to the bit: uint8, int8, int16,
uint16, int4, uint4, int2, uint2, per tensor, per axis and in blocks. Left out are the eight whose type is a float
(e4m3fn, e5m2, float4e2m1): rounding to those is casting, which is another module's subject.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.case import node as cases
from onnx.backend.test.case.node import dequantizelinear, quantizelinear  # noqa: F401 (importing them makes the cases)
from onnx.reference import ReferenceEvaluator

from labkit.methods.quantize import TYPES, affine_parameters, dequantize, fake_quantize, levels, quantize

OPERATORS = ("QuantizeLinear", "DequantizeLinear")
FLOATS = ("e4m3fn", "e5m2", "float4e2m1")
# The public collect_testcases imports the cases of all operators, which takes ten seconds: these two modules take none.
ALL = {each.name: each for each in cases._NodeTestCases if each.model.graph.node[0].op_type in OPERATORS}
WHOLE = sorted(name for name in ALL if not any(word in name for word in FLOATS))
KINDS: dict[str, Any] = {name: getattr(TensorProto, name.upper()) for name in TYPES if name != "int32"}


def _array(value: Any) -> np.ndarray:
    return numpy_helper.to_array(value) if isinstance(value, TensorProto) else np.asarray(value)


def _ours(node: Any, inputs: list[np.ndarray]) -> np.ndarray:
    """Our answer to an ONNX node: its attributes and inputs, in our words."""
    given = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    x, scale, *rest = inputs
    zero_point = rest[0].reshape(scale.shape) if rest else np.zeros(scale.shape, np.int64)
    axis = given.get("axis", 1) if scale.ndim else None
    group = given.get("block_size") or None
    if node.op_type == "DequantizeLinear":
        return dequantize(x.astype(np.int32), scale, zero_point.astype(np.int32), axis, group)
    kind = helper.np_dtype_to_tensor_dtype(zero_point.dtype) if rest else given.get("output_dtype", TensorProto.UINT8)
    return quantize(x, scale, zero_point.astype(np.int32), TensorProto.DataType.Name(kind).lower(), axis, group)


def test_which_cases_there_are():
    assert len(ALL) == 27 and len(WHOLE) == 19, sorted(ALL)


@pytest.mark.parametrize("name", WHOLE)
def test_onnx_s_own_node_cases(name):
    case = ALL[name]
    inputs, outputs = ([_array(value) for value in part] for part in case.data_sets[0])
    result = _ours(case.model.graph.node[0], inputs)
    fed = dict(zip(case.model.graph.node[0].input, inputs, strict=True))
    reference = cast(list[np.ndarray], ReferenceEvaluator(case.model).run(None, fed))
    for expected in (outputs[0], reference[0]):
        assert result.shape == expected.shape
        np.testing.assert_array_equal(result, expected.astype(result.dtype))


def _run(operator: str, inputs: list[np.ndarray], **attributes: Any) -> np.ndarray:
    names = ["a", "b", "c"][: len(inputs)]
    node = helper.make_node(operator, names, ["y"], **attributes)
    made = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
        for n, v in zip(names, inputs, strict=True)
    ]
    result = helper.make_empty_tensor_value_info("y")
    model = helper.make_model(
        helper.make_graph([node], "g", made, [result]), opset_imports=[helper.make_opsetid("", 25)]
    )
    return cast(list[np.ndarray], ReferenceEvaluator(model).run(None, dict(zip(names, inputs, strict=True))))[0]


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("how", ["tensor", "axis 0", "last axis", "group of 3"])
def test_random_tensors_of_every_type(dtype, how):
    rng = np.random.default_rng(len(dtype) + len(how))
    low, high, _ = TYPES[dtype]
    x = (rng.normal(size=(4, 5, 6)) * (high - low) * 0.4).astype(np.float32)
    x.ravel()[:8] = [0, 0.5, 1.5, -0.5, -2.5, 1e8, -1e8, -0.0]  # past ±2³¹ the reference itself wraps round
    ways: dict[str, tuple[Any, Any, dict[str, Any]]] = {
        "tensor": (None, (), {}),
        "axis 0": (0, (4,), {"axis": 0}),
        "last axis": (-1, (6,), {"axis": 2}),
        "group of 3": (-1, (4, 5, 2), {"axis": 2, "block_size": 3}),
    }
    axis, shape, attributes = ways[how]
    group = attributes.get("block_size")
    scale = rng.choice([0.5, 1.0, 0.37, 2.0], size=shape).astype(np.float32)
    zero_point = rng.integers(low, high + 1, size=shape)
    held = zero_point.astype(helper.tensor_dtype_to_np_dtype(KINDS[dtype]))
    expected = _run("QuantizeLinear", [x, scale, held], **attributes)
    result = quantize(x, scale, zero_point, dtype, axis, group)
    np.testing.assert_array_equal(result, expected.astype(result.dtype))
    back = _run("DequantizeLinear", [expected, scale, held], **attributes)
    ours = dequantize(result, scale, zero_point, axis, group)
    assert ours.dtype == back.dtype == np.float32
    np.testing.assert_array_equal(ours, back)


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", range(2, 17))
def test_fake_quantize_is_both_operators_in_turn(bits, signed, symmetric):
    """2 to 16 bits; widths that ONNX has no type for are run in its 16 bits, clipped to the narrower range first."""
    rng = np.random.default_rng(bits)
    x = rng.normal(0.1, 1, size=(6, 8)).astype(np.float32)
    low, high = levels(bits, signed, symmetric)
    for axis, group, ends in ((None, None, (1, 48)), (0, None, (6, 8)), (1, 4, (12, 4))):
        blocks = x.reshape(ends)
        scale, zero = affine_parameters(blocks.min(1), blocks.max(1), bits, signed, symmetric)
        per = np.repeat(scale, blocks.shape[1]).reshape(x.shape), np.repeat(zero, blocks.shape[1]).reshape(x.shape)
        inside = np.clip(x, per[0] * (low - per[1]), per[0] * (high - per[1]))
        attributes: dict[str, Any] = {"axis": 1, "block_size": 1}
        held = np.int16 if signed else np.uint16
        q = _run("QuantizeLinear", [inside, per[0], per[1].astype(held)], **attributes)
        assert q.min() >= low and q.max() <= high
        expected = _run("DequantizeLinear", [q, per[0], per[1].astype(held)], **attributes)
        np.testing.assert_array_equal(fake_quantize(x, bits, signed, symmetric, axis, group=group), expected)


def test_the_installed_onnx_is_the_one_spoken_of():
    assert onnx.__version__.startswith("1.23."), "count the node cases again, and mend the note above"
