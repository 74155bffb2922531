"""How much work a node is."""

from __future__ import annotations

import math

from fomm_rt.model.graph.onnx_file import Node
from fomm_rt.model.graph.shapes import Inputs, Value

_VALUE_WORK = 16
"""Multiply-accumulates that a processor does in the time in which it writes one value."""


def work_of(node: Node, inputs: Inputs, results: list[Value]) -> int:
    """The work of a node whose shapes fit, in multiply-accumulates."""
    values = sum(math.prod(result.shape) for result in results)
    match node.operator:
        case "Conv":
            each = math.prod(inputs[1].shape[1:])
        case "ConvTranspose":
            return math.prod(inputs[0].shape) * math.prod(inputs[1].shape[1:]) + _VALUE_WORK * values
        case "MatMul":
            each = inputs[1].shape[-2]
        case "Gemm":
            each = inputs[1].shape[1 if node.attributes.get("transB", 0) else 0]
        case "AveragePool" | "MaxPool":
            each = math.prod(node.attributes["kernel_shape"])
        case "ReduceMax" | "ReduceMean" | "ReduceSum":
            return math.prod(inputs[0].shape)
        case _:
            each = 0
    return values * (each + _VALUE_WORK)
