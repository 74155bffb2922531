"""What half precision makes of a graph, on a CPU: a float32 graph that rounds to half wherever the other one would.

ONNX Runtime's own way with half on a CPU will not do: it widens what it cannot compute in half, and between two such
nodes it drops the rounding. Here every value and weight of type half is rounded and every sum is float32, as on tensor
cores that accumulate in float32. An engine that fuses layers rounds less often; one whose tactics accumulate in half
loses more, which is for the parity gate to see on a GPU.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from fomm_build.half_graph import FLOAT, HALF, float_types

_EXACT = frozenset({"Relu", "Concat", "Split"})
"""Operators that give nothing but what they take, or zero."""

_CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})


def simulated(model: onnx.ModelProto, tf32: bool = False) -> onnx.ModelProto:
    """A float32 graph that computes what a graph of half precision would.

    Args:
        model: With half and float32 types; inputs and outputs keep their names and become float32.
        tf32: Whether convolutions of type float32 round what they multiply to TF32, whose mantissa is half's, as
            GPUs do unless told otherwise. Numbers beyond half's range become infinite, and those near zero are
            rounded more coarsely than TF32 does.
    """
    types = float_types(model)
    nodes: list[onnx.NodeProto] = []
    weights = [_widened(tensor) for tensor in model.graph.initializer]
    names: dict[str, str] = {}  # of what is read in place of a value

    def rounded(name: str, new: str) -> str:
        nodes.append(helper.make_node("Cast", [name], [f"{new}.half"], to=HALF))
        nodes.append(helper.make_node("Cast", [f"{new}.half"], [new], to=FLOAT))
        return new

    for value in model.graph.input:
        if types.get(value.name) == HALF:
            names[value.name] = rounded(value.name, f"{value.name}.rounded")
    for source in model.graph.node:
        node = onnx.NodeProto()
        node.CopyFrom(source)
        del node.input[:], node.output[:]
        node.input.extend(names.get(name, name) for name in source.input)
        if tf32 and source.op_type in _CONVOLUTIONS and types[source.output[0]] == FLOAT:
            for index, name in enumerate(node.input[:2]):
                node.input[index] = rounded(name, f"{source.output[0]}.tf32.{index}")
        if source.op_type == "Cast" and types.get(source.output[0]) in (HALF, FLOAT):
            node.op_type = "Identity"
            del node.attribute[:]
        nodes.append(node)
        for name in source.output:
            if types.get(name) == HALF and source.op_type not in _EXACT:
                node.output.append(f"{name}.exact")
                rounded(f"{name}.exact", name)
            else:
                node.output.append(name)
    graph = helper.make_graph(
        nodes,
        model.graph.name,
        [_float32(value) for value in model.graph.input],
        [_float32(value) for value in model.graph.output],
        weights,
    )
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def _widened(tensor: onnx.TensorProto) -> onnx.TensorProto:
    if tensor.data_type != HALF:
        return tensor
    return numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name)


def _float32(value: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    widened = onnx.ValueInfoProto()
    widened.CopyFrom(value)
    if widened.type.tensor_type.elem_type == HALF:
        widened.type.tensor_type.elem_type = FLOAT
    return widened
