"""ONNX files: what is read of them, and what no model of this project has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from fomm_rt.bundled import bundled_model
from fomm_rt.model.graph.onnx_file import read_graph
from fomm_rt.model.graph.wire import WireError
from fomm_rt.model.manifest import NETWORKS

Change = Callable[[onnx.ModelProto], object]
X, Y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 2]) for name in "xy")


def model_of(*nodes: onnx.NodeProto, constants: tuple[onnx.TensorProto, ...] = ()) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "test", [X], [Y], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def identity() -> onnx.ModelProto:
    return model_of(helper.make_node("Identity", ["x"], ["y"]), constants=(numpy_helper.from_array(np.ones(3), "c"),))


@pytest.mark.parametrize("file", [f"{name}.onnx" for name in NETWORKS])
def test_reads_the_same_as_onnx(file: str) -> None:
    path = bundled_model() / file
    model, found = onnx.load_model(str(path)), read_graph(path.read_bytes())
    assert [(node.op_type, tuple(node.input), tuple(node.output)) for node in model.graph.node] == [
        (node.operator, node.inputs, node.outputs) for node in found.nodes
    ]
    for node, read in zip(model.graph.node, found.nodes, strict=True):
        for attribute in node.attribute:
            value = helper.get_attribute_value(attribute)
            assert read.attributes[attribute.name] == (tuple(value) if isinstance(value, list) else value)
    assert [tensor.name for tensor in model.graph.initializer] == list(found.constants)
    for tensor in model.graph.initializer:
        np.testing.assert_array_equal(numpy_helper.to_array(tensor), found.constants[tensor.name].values())
    for values, shapes in ((model.graph.input, found.inputs), (model.graph.output, found.outputs)):
        dimensions = {v.name: tuple(d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim) for v in values}
        assert dimensions == shapes


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int8, np.int32, np.int64, np.bool_, np.float16])
@pytest.mark.parametrize("raw", [True, False])
def test_reads_values_of_every_type(dtype: type, raw: bool) -> None:
    least = -1 if np.issubdtype(dtype, np.signedinteger) else 0
    values: NDArray[Any] = np.array([[least, 1, 1], [1, 0, 100]]).astype(dtype)
    content = values.tobytes() if raw else values.ravel()
    tensor = helper.make_tensor("c", helper.np_dtype_to_tensor_dtype(values.dtype), values.shape, content, raw=raw)
    found = read_graph(model_of(constants=(tensor,)).SerializeToString()).constants["c"]
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found.values(), values)


def external(tensor: onnx.TensorProto) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def an_external_initializer(model: onnx.ModelProto) -> None:
    external(model.graph.initializer.add(name="c", data_type=TensorProto.FLOAT, dims=[1]))


def an_initializer_with_only_a_location(model: onnx.ModelProto) -> None:
    tensor = numpy_helper.from_array(np.ones(1, np.float32), "c")
    tensor.data_location = TensorProto.EXTERNAL
    model.graph.initializer.append(tensor)


def an_initializer_with_only_external_data(model: onnx.ModelProto) -> None:
    tensor = numpy_helper.from_array(np.ones(1, np.float32), "c")
    tensor.external_data.add(key="location", value="x")
    model.graph.initializer.append(tensor)


def an_external_attribute(model: onnx.ModelProto) -> None:
    constant = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.ones(1, np.float32)))
    external(constant.attribute[0].t)
    model.graph.node.append(constant)


def a_sparse_initializer(model: onnx.ModelProto) -> None:
    sparse = model.graph.sparse_initializer.add(dims=[1])
    external(sparse.values)


def a_function(model: onnx.ModelProto) -> None:
    constant = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.ones(1, np.float32)))
    external(constant.attribute[0].t)
    model.functions.append(helper.make_function("own", "F", [], ["c"], [constant], [helper.make_opsetid("", 18)]))


def training_info(model: onnx.ModelProto) -> None:
    external(model.training_info.add().initialization.initializer.add(name="c"))


def a_branch(model: onnx.ModelProto) -> None:
    branch = helper.make_graph([], "branch", [], [Y], [])
    external(branch.initializer.add(name="c"))
    model.graph.node.append(helper.make_node("If", ["x"], ["z"], then_branch=branch, else_branch=branch))


def graphs_in_an_attribute(model: onnx.ModelProto) -> None:
    node = helper.make_node("Identity", ["x"], ["z"])
    node.attribute.append(helper.make_attribute("more", [helper.make_graph([], "g", [], [Y], [])]))
    model.graph.node.append(node)


def tensors_in_an_attribute(model: onnx.ModelProto) -> None:
    node = helper.make_node("Identity", ["x"], ["z"])
    node.attribute.append(helper.make_attribute("more", [numpy_helper.from_array(np.ones(1))]))
    model.graph.node.append(node)


def a_sparse_attribute(model: onnx.ModelProto) -> None:
    node = helper.make_node("Constant", [], ["z"])
    attribute = node.attribute.add(name="sparse_value", type=onnx.AttributeProto.SPARSE_TENSOR)
    external(attribute.sparse_tensor.values)
    model.graph.node.append(node)


def another_domain(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "com.microsoft"


def another_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 20


def no_opset(model: onnx.ModelProto) -> None:
    del model.opset_import[:]


def two_opsets(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("ai.onnx", 17))


def an_opset_twice(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("", 20))
    model.opset_import.append(helper.make_opsetid("", 18))


def an_attribute_twice(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute.extend(helper.make_attribute("axis", value) for value in (0, 1))


def an_input_twice(model: onnx.ModelProto) -> None:
    model.graph.input.append(X)


def a_reference_to_an_attribute(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute.add(name="axis", ref_attr_name="axis", type=onnx.AttributeProto.INT)


def an_attribute_of_two_values(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute.append(helper.make_attribute("axis", 1))
    model.graph.node[0].attribute[0].f = 1


def an_attribute_of_another_type(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute.append(helper.make_attribute("axis", 1))
    model.graph.node[0].attribute[0].type = onnx.AttributeProto.FLOAT


def huge_dimensions(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.ones(2, np.float32), "c"))
    model.graph.initializer[-1].dims[:] = [1 << 40, 1 << 40]


def negative_dimensions(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.ones(2, np.float32), "c"))
    model.graph.initializer[-1].dims[:] = [-1, -2]


def raw_and_listed_values(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.ones(2, np.float32), "c"))
    model.graph.initializer[-1].float_data.extend([1, 2])


def values_in_another_field(model: onnx.ModelProto) -> None:
    model.graph.initializer.add(name="c", data_type=TensorProto.FLOAT, dims=[2]).int64_data.extend([1, 2])


def a_string(model: onnx.ModelProto) -> None:
    model.graph.initializer.add(name="c", data_type=TensorProto.STRING, dims=[1]).string_data.append(b"x")


def a_double(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.ones(1), "c"))


def two_initializers(model: onnx.ModelProto) -> None:
    for _ in range(2):
        model.graph.initializer.append(numpy_helper.from_array(np.ones(1, np.float32), "c"))


def a_whole_number_as_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64


def a_sequence_as_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.sequence_type.elem_type.CopyFrom(X.type)


def an_input_without_shape(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.ClearField("shape")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (an_external_initializer, r"keeps the tensor c outside of the file"),
        (an_initializer_with_only_a_location, r"keeps the tensor c outside of the file"),
        (an_initializer_with_only_external_data, r"keeps the tensor c outside of the file"),
        (an_external_attribute, r"outside of the file"),
        (a_sparse_initializer, r"has sparse tensors"),
        (a_function, r"has functions"),
        (training_info, r"has training information"),
        (a_branch, r"the operator If with a graph inside"),
        (graphs_in_an_attribute, r"Identity with a graph inside"),
        (tensors_in_an_attribute, r"a field 10 in an attribute of Identity"),
        (a_sparse_attribute, r"a field 22 in an attribute of Constant"),
        (another_domain, r"com.microsoft.Identity, which is not one of ONNX"),
        (another_opset, r"ONNX opset 20; models of this project use 18"),
        (no_opset, r"ONNX opset none"),
        (two_opsets, r"ONNX opset 17, 18"),
        (an_opset_twice, r"names a set of operators twice"),
        (an_attribute_twice, r"two attributes axis"),
        (an_input_twice, r"two inputs x"),
        (a_reference_to_an_attribute, r"a field 21 in an attribute"),
        (an_attribute_of_two_values, r"attribute axis of Identity that is not as ONNX says"),
        (an_attribute_of_another_type, r"attribute axis of Identity that is not as ONNX says"),
        (huge_dimensions, r"the tensor c of shape .* but not its values"),
        (negative_dimensions, r"the tensor c of a negative size"),
        (raw_and_listed_values, r"the tensor c of shape .* but not its values"),
        (values_in_another_field, r"the tensor c of shape .* but not its values"),
        (a_string, r"in a tensor|of a type"),
        (a_double, r"the tensor c of a type \(11\)"),
        (two_initializers, r"two tensors c"),
        (a_whole_number_as_input, r"x that is not float32"),
        (a_sequence_as_input, r"a field 4 in the type of x"),
        (an_input_without_shape, r"without shape"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_refuses(change: Change, word: str) -> None:
    model = model_of(helper.make_node("Identity", ["x"], ["y"]))
    read_graph(model.SerializeToString())
    change(model)
    with pytest.raises(WireError, match=word):
        read_graph(model.SerializeToString())


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"\x08\x08ORTM", b"not an ONNX file", b"\x3a\x00\x3a\x00"])
def test_refuses_other_files(content: bytes) -> None:
    with pytest.raises(WireError):
        read_graph(content)


def test_an_error_escapes_names() -> None:
    model = model_of(helper.make_node("Identity", ["x"], ["y"]))
    external(model.graph.initializer.add(name="\x1b[2J" + "é" * 100))
    with pytest.raises(WireError) as caught:
        read_graph(model.SerializeToString())
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200
