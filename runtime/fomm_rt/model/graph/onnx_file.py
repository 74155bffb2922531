"""An ONNX file as plain values: everything that decides what a runtime would do with it.

Refused, because no model of this project has them: tensors kept in other files (a runtime would read any path that the
user may read), graphs inside nodes (loops and branches), functions, sparse tensors, and fields that are not understood.

Source: onnx.proto of ONNX 1.23, which explains every field.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fomm_rt.model.graph.wire import (
    FIXED32,
    LENGTH,
    VARINT,
    Content,
    Field,
    Message,
    Schema,
    WireError,
    WireReader,
    signed,
    text,
)

T = TypeVar("T")

MOST_FIELDS = 500_000
"""Of one file; the largest published model has about a fiftieth of it. Reading so many takes about a second."""

OPSET = 18
"""Version of ONNX's operators, and the only set of operators that a file may use."""

_MODEL: Schema = {
    1: Field("ir_version", VARINT),
    8: Field("opset_import", LENGTH, True),
    2: Field("producer_name", LENGTH),
    3: Field("producer_version", LENGTH),
    4: Field("domain", LENGTH),
    5: Field("model_version", VARINT),
    6: Field("doc_string", LENGTH),
    7: Field("graph", LENGTH),
    14: Field("metadata_props", LENGTH, True),
    20: Field("training_info", LENGTH, True),
    25: Field("functions", LENGTH, True),
}
_GRAPH: Schema = {
    1: Field("node", LENGTH, True),
    2: Field("name", LENGTH),
    5: Field("initializer", LENGTH, True),
    15: Field("sparse_initializer", LENGTH, True),
    10: Field("doc_string", LENGTH),
    11: Field("input", LENGTH, True),
    12: Field("output", LENGTH, True),
    13: Field("value_info", LENGTH, True),
    16: Field("metadata_props", LENGTH, True),
}
_NODE: Schema = {
    1: Field("input", LENGTH, True),
    2: Field("output", LENGTH, True),
    3: Field("name", LENGTH),
    4: Field("op_type", LENGTH),
    7: Field("domain", LENGTH),
    5: Field("attribute", LENGTH, True),
    6: Field("doc_string", LENGTH),
    9: Field("metadata_props", LENGTH, True),
}
_ATTRIBUTE: Schema = {
    1: Field("name", LENGTH),
    20: Field("type", VARINT),
    13: Field("doc_string", LENGTH),
    2: Field("f", FIXED32),
    3: Field("i", VARINT),
    4: Field("s", LENGTH),
    5: Field("t", LENGTH),
    6: Field("g", LENGTH),
    7: Field("floats", FIXED32, True),
    8: Field("ints", VARINT, True),
    9: Field("strings", LENGTH, True),
    11: Field("graphs", LENGTH, True),
}
_ATTRIBUTE_FIELDS = {1: "f", 2: "i", 3: "s", 4: "t", 5: "g", 6: "floats", 7: "ints", 8: "strings", 10: "graphs"}
"""AttributeProto.type -> the field that holds its value."""
_TENSOR: Schema = {
    1: Field("dims", VARINT, True),
    2: Field("data_type", VARINT),
    4: Field("float_data", FIXED32, True),
    5: Field("int32_data", VARINT, True),
    7: Field("int64_data", VARINT, True),
    8: Field("name", LENGTH),
    12: Field("doc_string", LENGTH),
    9: Field("raw_data", LENGTH),
    13: Field("external_data", LENGTH, True),
    14: Field("data_location", VARINT),
    16: Field("metadata_props", LENGTH, True),
}
_TYPED_DATA = ("float_data", "int32_data", "int64_data")
_VALUE: Schema = {
    1: Field("name", LENGTH),
    2: Field("type", LENGTH),
    3: Field("doc_string", LENGTH),
    4: Field("metadata_props", LENGTH, True),
}
_TYPE: Schema = {1: Field("tensor_type", LENGTH), 6: Field("denotation", LENGTH)}
_TENSOR_TYPE: Schema = {1: Field("elem_type", VARINT), 2: Field("shape", LENGTH)}
_SHAPE: Schema = {1: Field("dim", LENGTH, True)}
_DIMENSION: Schema = {1: Field("dim_value", VARINT), 2: Field("dim_param", LENGTH), 3: Field("denotation", LENGTH)}
_OPERATOR_SET: Schema = {1: Field("domain", LENGTH), 2: Field("version", VARINT)}

ONNX_DOMAINS = ("", "ai.onnx")
"""Both name ONNX's own operators."""

_FLOAT = 1
DTYPES = {_FLOAT: "<f4", 2: "<u1", 3: "<i1", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2"}
"""TensorProto.DataType -> NumPy's name."""


@dataclass(frozen=True)
class Constant:
    """A tensor that the file holds.

    Attributes:
        dtype: Of its values.
        shape: As many sizes as it has dimensions.
        content: Its values as they are in memory; None if the file lists them one by one.
        listed: Its values if the file lists them one by one.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    content: Content | None
    listed: tuple[Any, ...] = ()

    def values(self) -> NDArray[Any]:
        """Its values, without a copy if the file has them as they are in memory."""
        if self.content is not None:
            return np.frombuffer(self.content, self.dtype).reshape(self.shape)
        if self.dtype == np.float32:
            return np.frombuffer(b"".join(self.listed), self.dtype).reshape(self.shape)
        numbers = np.array([signed(value) for value in self.listed], np.int64)
        # Halves are listed as the integers that have their bits.
        narrow = numbers.astype(np.uint16).view(np.float16) if self.dtype == np.float16 else numbers.astype(self.dtype)
        return narrow.reshape(self.shape)


@dataclass(frozen=True)
class Node:
    """An operation: its operator, the names of its tensors ("" for one that is left out), and its attributes."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Graph:
    """The content of a file.

    Attributes:
        nodes: In the order in which they run.
        constants: By name.
        inputs, outputs: Name -> shape; a str stands for a free size.
    """

    nodes: tuple[Node, ...]
    constants: Mapping[str, Constant]
    inputs: Mapping[str, tuple[int | str, ...]]
    outputs: Mapping[str, tuple[int | str, ...]]


def read_graph(content: bytes) -> Graph:
    """Reads an ONNX file; the values of its tensors are not copied.

    Raises:
        WireError: It is damaged, keeps tensors elsewhere, or has something that no model of this project has.
    """
    reader = _Reader(MOST_FIELDS)
    model = reader.read(memoryview(content), _MODEL, "the file")
    _refuse(model, "functions", "functions")
    _refuse(model, "training_info", "training information")
    if "graph" not in model:
        raise WireError("has no graph")
    reader.check_operator_sets(model.get("opset_import", []))
    return reader.graph(model["graph"][0])


class _Reader(WireReader):
    def check_operator_sets(self, sets: Iterable[Content]) -> None:
        versions = {}
        for each in sets:
            message = self.read(each, _OPERATOR_SET, "a set of operators")
            domain = _text(message, "domain")
            if domain in versions:
                raise WireError("names a set of operators twice")
            versions[domain] = signed(message.get("version", [0])[0])
        found = {versions.get(domain) for domain in ONNX_DOMAINS} - {None}
        if found != {OPSET}:
            shown = ", ".join(map(str, sorted(found, key=str))) or "none"
            raise WireError(f"uses the operators of ONNX opset {shown}; models of this project use {OPSET}")

    def graph(self, content: Content) -> Graph:
        message = self.read(content, _GRAPH, "its graph")
        _refuse(message, "sparse_initializer", "sparse tensors")
        constants = _by_name(map(self.constant, message.get("initializer", [])), "tensors")
        nodes = tuple(self.node(each) for each in message.get("node", []))
        inputs, outputs = (_by_name(map(self.value, message.get(side, [])), f"{side}s") for side in ("input", "output"))
        return Graph(nodes, constants, inputs, outputs)

    def node(self, content: Content) -> Node:
        message = self.read(content, _NODE, "a node")
        operator, domain = _text(message, "op_type"), _text(message, "domain")
        if domain not in ONNX_DOMAINS:
            raise WireError(f"has the operator {_shown(f'{domain}.{operator}')}, which is not one of ONNX")
        attributes = _by_name((self.attribute(each, operator) for each in message.get("attribute", [])), "attributes")
        inputs, outputs = (tuple(text(name, "name") for name in message.get(side, [])) for side in ("input", "output"))
        return Node(operator, inputs, outputs, attributes)

    def attribute(self, content: Content, operator: str) -> tuple[str, Any]:
        message = self.read(content, _ATTRIBUTE, f"an attribute of {_shown(operator)}")
        name = _text(message, "name")
        if "g" in message or "graphs" in message:
            raise WireError(f"has the operator {_shown(operator)} with a graph inside, as in a loop or a branch")
        field = _ATTRIBUTE_FIELDS.get(message.get("type", [0])[0])
        if field is None or set(message).intersection(_ATTRIBUTE_FIELDS.values()) - {field}:
            raise WireError(f"has an attribute {_shown(name)} of {_shown(operator)} that is not as ONNX says")
        values = message.get(field, [])
        match field:
            case "f" | "floats":
                values = [float(np.frombuffer(value, "<f4")[0]) for value in values]
            case "i" | "ints":
                values = list(map(signed, values))
            case "s" | "strings":
                values = [bytes(value) for value in values]
            case "t":
                values = [self.constant(value)[1] for value in values]
        if field.endswith("s") and field != "s":
            return name, tuple(values)
        if not values:
            raise WireError(f"has an attribute {_shown(name)} of {_shown(operator)} without a value")
        return name, values[0]

    def constant(self, content: Content) -> tuple[str, Constant]:
        message = self.read(content, _TENSOR, "a tensor")
        name = _text(message, "name")
        if "external_data" in message or message.get("data_location", [0])[0] != 0:
            raise WireError(f"keeps the tensor {_shown(name)} outside of the file, where no hash covers it")
        number = message.get("data_type", [0])[0]
        if number not in DTYPES:
            raise WireError(f"has the tensor {_shown(name)} of a type ({number}) that no model of this project has")
        dtype, shape = np.dtype(DTYPES[number]), tuple(map(signed, message.get("dims", [])))
        if any(size < 0 for size in shape):
            raise WireError(f"has the tensor {_shown(name)} of a negative size")
        raw = message.get("raw_data", [None])[0]
        listed = tuple(value for field in _TYPED_DATA for value in message.get(field, []))
        held = len(listed) * dtype.itemsize if raw is None else len(raw)
        if math.prod(shape) * dtype.itemsize != held or (raw is not None and listed) or not _fits(message, dtype):
            raise WireError(f"has the tensor {_shown(name)} of shape {list(shape)}, but not its values")
        return name, Constant(dtype, shape, raw, listed)

    def value(self, content: Content) -> tuple[str, tuple[int | str, ...]]:
        """Name and shape of an input or output."""
        message = self.read(content, _VALUE, "an input or output")
        name = _text(message, "name")
        kind = self.read(_one(message, "type"), _TYPE, f"the type of {_shown(name)}")
        tensor = self.read(_one(kind, "tensor_type"), _TENSOR_TYPE, f"the type of {_shown(name)}")
        if tensor.get("elem_type", [0])[0] != _FLOAT:
            raise WireError(f"has the input or output {_shown(name)} that is not float32")
        shape = self.read(_one(tensor, "shape"), _SHAPE, f"the shape of {_shown(name)}")
        dimensions = [self.read(each, _DIMENSION, f"the shape of {_shown(name)}") for each in shape.get("dim", [])]
        return name, tuple(
            signed(each["dim_value"][0]) if "dim_value" in each else _text(each, "dim_param") for each in dimensions
        )


def _by_name(named: Iterable[tuple[str, T]], what: str) -> dict[str, T]:
    found: dict[str, T] = {}
    for name, value in named:
        if name in found:
            raise WireError(f"has two {what} {_shown(name)}")
        found[name] = value
    return found


def _fits(message: Message, dtype: np.dtype[Any]) -> bool:
    """True if values that are listed one by one are in the field for their type."""
    field = "float_data" if dtype == np.float32 else "int64_data" if dtype == np.int64 else "int32_data"
    return not any(other in message for other in _TYPED_DATA if other != field)


def _refuse(message: Message, field: str, what: str) -> None:
    if field in message:
        raise WireError(f"has {what}, which no model of this project has")


def _one(message: Message, field: str) -> Content:
    values = message.get(field)
    if not values:
        raise WireError(f"has an input or output without {field.replace('_', ' ')}")
    value: Content = values[0]
    return value


def _text(message: Message, field: str) -> str:
    values = message.get(field)
    return text(values[0], field) if values else ""


def _shown(name: str) -> str:
    return ascii(name)[1:-1][:80]
