"""Simulates half precision on a CPU: a float32 graph that rounds to half wherever a half-precision graph would.

ONNX Runtime itself cannot: on a CPU it widens operators that it lacks in half, and drops the rounding between two of
them. Here every value and weight of type half is rounded and every sum is float32, as on tensor cores with float32
accumulators. An engine that fuses layers rounds less often; one whose tactics accumulate in half loses more, which only
the parity check on a GPU can show.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from fomm_build.half_graph import FLOAT, HALF, float_types

_EXACT = frozenset({"Relu", "Concat", "Split"})
"""Operators whose outputs are values of their inputs, or zero."""

_CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})


def simulated(model: onnx.ModelProto, tf32: bool = False) -> onnx.ModelProto:
    """Returns a float32 graph that computes what a half-precision graph would.

    Args:
        model: A graph with half and float32 types; inputs and outputs keep their names and become float32.
        tf32: Round the factors of float32 convolutions to TF32, as GPUs do by default. The simulation rounds to half,
            which has the same mantissa; values beyond its range become infinite, and values near zero lose more than
            in TF32.
    """
    types = float_types(model)
    nodes: list[onnx.NodeProto] = []
    names: dict[str, str] = {}  # value -> the value that is read instead

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
        [_widened(tensor) for tensor in model.graph.initializer],
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
