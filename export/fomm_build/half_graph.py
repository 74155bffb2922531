"""Converts a float32 graph to half precision with float32 islands.

The graph itself states the types of weights and values, so a strongly typed engine has no choice. A value has the type
that its node computes in. Casts are inserted only where types differ, one for each value however many nodes read it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from fomm_rt.errors import ModelError

HALF, FLOAT = int(TensorProto.FLOAT16), int(TensorProto.FLOAT)

HALF_OPERATORS = frozenset(
    {
        *("Conv", "ConvTranspose", "BatchNormalization", "AveragePool"),
        *("Add", "Concat", "Mul", "Relu", "Sigmoid", "Split"),
    }
)
"""Convolutions and the operators between them. All others are geometry and compute in float32."""

MIXED = {"FommGridSample": (HALF, FLOAT)}
"""Operators with a fixed type for each input; their output has the type of the first."""

ROUNDING = 2.0**-11
"""Largest relative rounding error of half in its normal range, 6.1e-5 to 65504."""


@dataclass(frozen=True)
class HalfGraph:
    """A graph of half precision.

    Attributes:
        model: The graph.
        kept: Weight -> why half cannot hold it, which is why its node computes in float32 without being an island.
    """

    model: onnx.ModelProto
    kept: dict[str, str]


def to_half(
    model: onnx.ModelProto, float32_nodes: Collection[str] = (), float32_tensors: Collection[str] = ()
) -> HalfGraph:
    """Converts a graph; the argument is not changed.

    Args:
        model: Float32 graph. Its integers and booleans are kept.
        float32_nodes: Islands: nodes by the name of their first output.
        float32_tensors: Inputs and outputs of the graph that stay float32; the others become float16.

    Raises:
        ModelError: The graph has no such node or tensor.
    """
    graph = model.graph
    known = {node.output[0] for node in graph.node}
    if missing := sorted(set(float32_nodes) - known):
        raise ModelError(f"{graph.name}: no node gives {', '.join(missing)}; export the model again")
    return _Conversion(model, frozenset(float32_nodes), frozenset(float32_tensors)).run()


def loss_of(weights: NDArray[np.float32]) -> str | None:
    """Why half precision cannot hold these weights, as the end of a sentence; None if it only rounds them."""
    largest = float(np.abs(weights).max(initial=0.0))
    limit = float(np.finfo(np.float16).max)
    if not largest <= limit:
        return f"reaches {largest:.2g}, half only {limit:.0f}"
    exact = weights.astype(np.float64)
    lost = np.linalg.norm(exact - weights.astype(np.float16))
    if lost > ROUNDING * np.linalg.norm(exact):
        return f"is {largest:.2g} at most, too near to zero for half"
    return None


def float_types(model: onnx.ModelProto) -> dict[str, int]:
    """Name -> HALF or FLOAT, for every value and weight of these types."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    types = {value.name: value.type.tensor_type.elem_type for value in (*graph.value_info, *graph.input, *graph.output)}
    types |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    return {name: int(kind) for name, kind in types.items() if kind in (HALF, FLOAT)}


class _Conversion:
    """Writes the converted graph, node by node.

    Attributes:
        types: Float value written so far -> its type.
        names: Float value by its name in the source, and type -> its name in the converted graph.
    """

    def __init__(self, source: onnx.ModelProto, float32_nodes: frozenset[str], float32_tensors: frozenset[str]) -> None:
        self.source = source
        self.float32_nodes = float32_nodes
        self.float32_tensors = float32_tensors
        self.floats = set(float_types(source))
        self.weights = {tensor.name: tensor for tensor in source.graph.initializer}
        self.outputs = {value.name for value in source.graph.output}
        self.types: dict[str, int] = {}
        self.names: dict[tuple[str, int], str] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self.kept: dict[str, str] = {}

    def run(self) -> HalfGraph:
        source = self.source.graph
        for value in source.input:
            if value.name in self.floats:
                self._given(value.name, value.name, self._boundary(value.name))
        for node in source.node:
            self._convert(self._folded(node) if node.op_type == "BatchNormalization" else node)
        graph = helper.make_graph(
            self.nodes,
            source.name,
            [self._boundary_value(value) for value in source.input],
            [self._boundary_value(value) for value in source.output],
            list(self.constants.values()),
            value_info=list(self._inner_values()),
        )
        model = helper.make_model(
            graph,
            opset_imports=self.source.opset_import,
            producer_name="fomm_export",
            ir_version=self.source.ir_version,
        )
        return HalfGraph(model, self.kept)

    def _convert(self, source: onnx.NodeProto) -> None:
        node = onnx.NodeProto()
        node.CopyFrom(source)
        kind = self._kind(source)
        del node.input[:], node.output[:]
        kinds = MIXED.get(source.op_type, (kind,) * len(source.input))
        node.input.extend(self._read(name, wanted) for name, wanted in zip(source.input, kinds, strict=True))
        after = []
        for name in source.output:
            given = name
            if name in self.floats and name in self.outputs and self._boundary(name) != kind:
                given = _name_in(name, kind)
                after.append(helper.make_node("Cast", [given], [name], f"cast_to_{name}", to=self._boundary(name)))
            if name in self.floats:
                self._given(name, given, kind)
            node.output.append(given)
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i in (HALF, FLOAT):
                attribute.i = kind
        self.nodes += [node, *after]

    def _kind(self, node: onnx.NodeProto) -> int:
        """The type that a node computes in."""
        values = [self.types[name] for name in node.input if name in self.types]
        if values and not self.floats & set(node.output):  # a shape, or a comparison
            return max(values, key=[HALF, FLOAT].index)
        if node.op_type in MIXED:
            return MIXED[node.op_type][0]
        if node.output[0] in self.float32_nodes or node.op_type not in HALF_OPERATORS:
            return FLOAT
        losses = {
            name: loss_of(self._array(name)) for name in node.input if name in self.weights and name in self.floats
        }
        lost = {name: loss for name, loss in losses.items() if loss is not None}
        self.kept |= lost
        return FLOAT if lost else HALF

    def _read(self, name: str, kind: int) -> str:
        """The name of a value in a type; adds a cast if it does not exist in this type yet."""
        if name not in self.floats:
            if name in self.weights:
                self.constants[name] = self.weights[name]
            return name
        if (name, kind) not in self.names:
            self.names[name, kind] = self._weight(name, kind) if name in self.weights else self._cast(name, kind)
        return self.names[name, kind]

    def _weight(self, name: str, kind: int) -> str:
        new = name if kind == FLOAT else _name_in(name, kind)
        dtype = helper.tensor_dtype_to_np_dtype(kind)
        self.constants[new] = numpy_helper.from_array(self._array(name).astype(dtype), new)
        return new

    def _cast(self, name: str, kind: int) -> str:
        new = _name_in(name, kind)
        self.nodes.append(helper.make_node("Cast", [self.names[name, self.types[name]]], [new], f"cast_{new}", to=kind))
        return new

    def _given(self, name: str, given: str, kind: int) -> None:
        self.types[name] = kind
        self.names[name, kind] = given

    def _boundary(self, name: str) -> int:
        return FLOAT if name in self.float32_tensors else HALF

    def _array(self, name: str) -> NDArray[np.float32]:
        return numpy_helper.to_array(self.weights[name])

    def _folded(self, node: onnx.NodeProto) -> onnx.NodeProto:
        """Folds a batch norm into factor and shift, in float64 and rounded once, with mean 0 and variance 1.

        It stays a batch norm because TensorRT makes one layer of it, but four of a product and a sum.
        """
        scale, bias, mean, variance = (self._array(name).astype(np.float64) for name in node.input[1:])
        (epsilon,) = [attribute.f for attribute in node.attribute if attribute.name == "epsilon"]
        factor = scale / np.sqrt(variance + epsilon)
        numbers = (factor, bias - factor * mean, np.zeros_like(mean), np.ones_like(mean))
        names = [f"{node.output[0]}.{what}" for what in ("factor", "shift", "mean", "variance")]
        for name, array in zip(names, numbers, strict=True):
            self.weights[name] = numpy_helper.from_array(array.astype(np.float32), name)
        self.floats |= set(names)
        return helper.make_node("BatchNormalization", [node.input[0], *names], node.output, node.name, epsilon=0.0)

    def _boundary_value(self, value: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
        return _typed(value, self._boundary(value.name)) if value.name in self.floats else value

    def _inner_values(self) -> Iterator[onnx.ValueInfoProto]:
        for value in self.source.graph.value_info:
            if value.name in self.types and value.name not in self.outputs:
                yield _typed(value, self.types[value.name])


def _typed(value: onnx.ValueInfoProto, kind: int) -> onnx.ValueInfoProto:
    typed = onnx.ValueInfoProto()
    typed.CopyFrom(value)
    typed.type.tensor_type.elem_type = kind
    return typed


def _name_in(name: str, kind: int) -> str:
    return f"{name}_half" if kind == HALF else f"{name}_float32"
