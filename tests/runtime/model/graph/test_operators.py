"""Shapes: those that rules compute are those that ONNX Runtime gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from fomm_rt.errors import ModelError
from fomm_rt.machine.onnx_runtime import onnxruntime
from fomm_rt.model.graph.operators import RULES
from small_graphs import SIZE, checked, floats, graph_of, ints, node, ones

WINDOW: dict[str, Any] = {"kernel_shape": [3, 2], "strides": [2, 3], "pads": [1, 0, 2, 1]}
RULE_CASES: list[tuple[list[onnx.NodeProto], dict[str, Any]]] = [
    ([node("AveragePool", "frame", **WINDOW)], {}),
    ([node("MaxPool", "frame", **WINDOW)], {}),
    ([node("Conv", "frame", "w", dilations=[3, 2], **WINDOW)], {"w": ones(4, 3, 3, 2)}),
    ([node("Conv", "frame", "w", group=3)], {"w": ones(6, 1, 5, 5)}),
    (
        [node("ConvTranspose", "frame", "w", dilations=[2, 1], output_padding=[1, 2], **WINDOW)],
        {"w": ones(3, 4, 3, 2)},
    ),
    ([node("ConvTranspose", "frame", "w", group=3)], {"w": ones(3, 2, 4, 4)}),
    ([node("Transpose", "frame", perm=[0, 2, 3, 1])], {}),
    ([node("Transpose", "frame")], {}),
    (
        [node("Slice", "frame", "a", "b", "c", "d")],
        {"a": ints([-9, 1]), "b": ints([99, 50]), "c": ints([3, 2]), "d": ints([2, 3])},
    ),
    ([node("Slice", "frame", "a", "b")], {"a": ints([0, 1]), "b": ints([1, 99])}),
    ([node("Unsqueeze", "frame", "a")], {"a": ints([-1, 1])}),
    ([node("Unsqueeze", "frame", "a", to="b"), node("Squeeze", "b", "a")], {"a": ints([0, 3])}),
    ([node("Reshape", "frame", "a")], {"a": ints([0, -1, 32])}),
    ([node("Reshape", "frame", "a", allowzero=1)], {"a": ints([-1, 6, 32])}),
    ([node("Gather", "frame", "a", axis=1)], {"a": ints([[0, 2], [1, -1]])}),
    ([node("Gather", "frame", "a", axis=-1)], {"a": ints(3)}),
    ([node("Pad", "frame", "a", mode="edge")], {"a": ints([0, 0, 1, 2, 0, 0, 3, 4])}),
    ([node("Resize", "frame", "", "a")], {"a": floats([1, 1, 1.7, 0.3])}),
    ([node("Resize", "frame", "", "", "a")], {"a": ints([1, 3, 100, 7])}),
    ([node("ReduceSum", "frame", "a", keepdims=0)], {"a": ints([-1, 1])}),
    ([node("ReduceMean", "frame", "a")], {"a": ints([2])}),
    ([node("ReduceMax", "frame", keepdims=0)], {}),
    ([node("ReduceSum", "frame", "a", keepdims=0)], {"a": ints([])}),
    ([node("ReduceSum", "frame", "a", noop_with_empty_axes=1)], {"a": ints([])}),
    ([node("ReduceSum", "frame", noop_with_empty_axes=1)], {}),
    ([node("DepthToSpace", "w", blocksize=2)], {"w": ones(1, 8, 3, 3)}),
    ([node("Gemm", "w", "v", transB=1)], {"w": ones(2, 5), "v": ones(3, 5)}),
    ([node("Gemm", "w", "v", transA=1)], {"w": ones(5, 2), "v": ones(5, 3)}),
    ([node("MatMul", "w", "frame")], {"w": ones(5, SIZE)}),
    ([node("GridSample", "frame", "g")], {"g": ones(1, 5, 7, 2)}),
    ([node("Where", "c", "frame", "a")], {"c": np.ones((2, 1, 1, 1, 1), bool), "a": floats(1)}),
    ([helper.make_node("Split", ["frame"], ["a", "out"], axis=2, num_outputs=2)], {}),
    ([helper.make_node("Split", ["frame", "n"], ["a", "b", "out"], axis=3)], {"n": ints([1, 60, 3])}),
    ([node("Range", "a", "b", "c")], {"a": floats(5), "b": floats(-2), "c": floats(-1.5)}),
    ([node("Clip", "frame", "", "a")], {"a": floats(0.5)}),
    ([node("Softmax", "frame", axis=1)], {}),
    ([node("Mod", "frame", "a", fmod=1)], {"a": floats([[1]] * SIZE)}),
    (
        [node("QuantizeLinear", "frame", "s", "z", to="q"), node("DequantizeLinear", "q", "s", "z")],
        {"s": floats(0.1), "z": np.uint8(1)},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("nodes", "constants"), RULE_CASES)
def test_shapes_are_those_of_onnx_runtime(nodes: list[onnx.NodeProto], constants: dict[str, Any]) -> None:
    content = graph_of(*nodes, **constants)
    model = onnx.load_model_from_string(content)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (out,) = session.run(["out"], {"frame": ones(1, 3, SIZE, SIZE)} if session.get_inputs() else {})
    checked(graph_of(*nodes, shape=out.shape, **constants), out.shape)
    wrong = (*out.shape[:-1], out.shape[-1] + 1) if out.shape else (2,)
    with pytest.raises(ModelError, match="other tensors"):
        checked(graph_of(*nodes, shape=wrong, **constants), wrong)


def test_every_rule_is_compared_or_plain() -> None:
    compared = {each.op_type for nodes, _ in RULE_CASES for each in nodes}
    plain = {name for name, rule in RULES.items() if rule.__name__ in ("_same", "_broadcast", "_identity", "rule")}
    propagated = {"Cast", "Concat", "ConstantOfShape", "Expand", "Shape"}  # in tests of their own and in exports
    assert set(RULES) - plain - propagated - compared == set()
