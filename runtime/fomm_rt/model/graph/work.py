"""The work of a node, and its memory beyond its tensors."""

from __future__ import annotations

import math

from fomm_rt.model.graph.onnx_file import Node
from fomm_rt.model.graph.shapes import Inputs, Value

_FLOAT_BYTES, _POINTER_BYTES = 4, 8
_VALUE_WORK = 16
"""Multiply-accumulates that a processor does in the time of writing one value."""


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


def scratch_bytes(node: Node, inputs: Inputs, results: list[Value]) -> int:
    """Memory in which ONNX Runtime lays out what a convolution multiplies; 0 for other nodes.

    A float Conv takes no more than its weights. A quantized one lays out a byte for each weight of a filter and each
    output pixel, or a pointer for each pixel of the filter. A ConvTranspose lays out a float for each weight and each
    input pixel.
    """
    if node.operator not in ("Conv", "ConvTranspose"):
        return 0
    _, channels, *kernel = inputs[1].shape
    area = math.prod(kernel)
    if node.operator == "ConvTranspose":
        return _FLOAT_BYTES * channels * area * math.prod(inputs[0].shape[2:])
    return max(channels, _POINTER_BYTES) * area * math.prod(results[0].shape[2:])
