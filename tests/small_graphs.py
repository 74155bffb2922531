"""Graphs of a few nodes, and the check that a model folder's files go through."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from fomm_rt.model.graph.check import Expected, check_graph

SIZE = 64
INPUT = ("frame", "batch", 3, SIZE, SIZE)


def graph_of(
    *nodes: onnx.NodeProto,
    shape: tuple[int | str, ...] = INPUT[1:],
    **constants: Any,
) -> bytes:
    """A graph from `frame` to `out`."""
    frame = helper.make_tensor_value_info("frame", TensorProto.FLOAT, INPUT[1:])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, shape)
    held = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "test", [frame], [out], held)
    return bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8).SerializeToString()
    )


def checked(content: bytes, shape: tuple[int | str, ...] = INPUT[1:]) -> None:
    """Checks a graph that must give `out` of this shape."""
    check_graph(content, "test.onnx", Expected([INPUT], [("out", *shape)], SIZE))


def node(operator: str, *inputs: str, to: str = "out", **attributes: Any) -> onnx.NodeProto:
    """A node that gives one tensor."""
    return helper.make_node(operator, list(inputs), [to], **attributes)


def ints(values: Any) -> NDArray[np.int64]:
    """Values as int64."""
    return np.array(values, np.int64)


def floats(values: Any) -> NDArray[np.float32]:
    """Values as float32."""
    return np.array(values, np.float32)


def ones(*shape: int) -> NDArray[np.float32]:
    """Weights of a shape."""
    return np.ones(shape, np.float32)
