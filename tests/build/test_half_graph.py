"""Conversion to half: types everywhere, casts at edges only, weights that half cannot hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from fomm_build.half_graph import FLOAT, HALF, float_types, loss_of, to_half
from fomm_build.precision import FP16, FP32, trunks_in
from fomm_build.trunks import cut_trunks
from fomm_rt.backends.gpu.frame_pipeline import FLOAT32
from fomm_rt.errors import ModelError
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.frame_shape import TRUNKS, FrameShape
from golden_files import SMALL

ModelOf = Callable[[str], ModelFolder]


@pytest.mark.parametrize("name", SMALL)
def test_trunks_are_half_without_a_cast(golden_model: ModelOf, name: str) -> None:
    model = golden_model(name)
    shape = FrameShape.of(model.manifest)
    trunks = cut_trunks(model)
    before = {trunk: graph.SerializeToString() for trunk, graph in trunks.items()}
    for trunk, half in trunks_in(FP16, trunks).items():
        onnx.checker.check_model(half.model, full_check=True)
        assert not half.kept
        assert "Cast" not in _operators(half.model)
        kinds = float_types(half.model)
        for tensor in (name for names in shape.trunk_tensors(trunk) for name in names):
            assert kinds[tensor] == (FLOAT if tensor in FLOAT32 else HALF)
        assert set(kinds.values()) == {FLOAT if trunk == "keypoint_detector" else HALF}
    assert before == {trunk: graph.SerializeToString() for trunk, graph in trunks.items()}


def test_fp32_does_not_change_the_graph(golden_model: ModelOf) -> None:
    trunks = cut_trunks(golden_model("small"))
    graphs = trunks_in(FP32, trunks)
    assert tuple(graphs) == TRUNKS
    assert all(graphs[name].model is trunks[name] for name in TRUNKS)


def test_casts_are_only_at_the_edges_of_islands() -> None:
    """a and b are half, c is an island, d is half and reads both; the output of b is read twice in float32."""
    graph = _graph(
        [
            helper.make_node("Conv", ["x", "w"], ["a"]),
            helper.make_node("Relu", ["a"], ["b"]),
            helper.make_node("Conv", ["b", "w"], ["c"]),
            helper.make_node("Relu", ["b"], ["r"]),
            helper.make_node("Concat", ["b", "c", "r"], ["y"], axis=1),
        ],
        {"w": np.ones((3, 3, 1, 1), np.float32)},
        ["y"],
    )
    half = to_half(graph, ["c", "r"], ["y"]).model
    onnx.checker.check_model(half, full_check=True)
    casts = {node.input[0]: node for node in half.graph.node if node.op_type == "Cast"}
    assert len(casts) == sum(node.op_type == "Cast" for node in half.graph.node), "one for every value"
    assert set(casts) == {"b", "c", "r", "y_half"}
    given = {name for node in casts.values() for name in node.output}
    assert not given & casts.keys(), "none casts what another one did"
    assert float_types(half)["w"] == FLOAT
    assert float_types(half)["w_half"] == HALF
    assert [value.type.tensor_type.elem_type for value in (*half.graph.input, *half.graph.output)] == [HALF, FLOAT]


def test_geometry_is_float32() -> None:
    graph = _graph([helper.make_node("Softmax", ["x"], ["y"], axis=1)], {}, ["y"])
    half = to_half(graph).model
    assert [node.op_type for node in half.graph.node] == ["Cast", "Softmax", "Cast"]


def test_a_batch_norm_is_rounded_once() -> None:
    rng = np.random.default_rng(3)
    numbers = {name: rng.uniform(0.1, 3, 3).astype(np.float32) for name in ("scale", "bias", "mean", "var")}
    numbers["var"] *= 1e-6  # subnormal in half
    node = helper.make_node("BatchNormalization", ["x", *numbers], ["y"], epsilon=1e-9)
    half = to_half(_graph([node], numbers, ["y"])).model
    onnx.checker.check_model(half, full_check=True)
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in half.graph.initializer}
    factor = numbers["scale"].astype(np.float64) / np.sqrt(numbers["var"].astype(np.float64) + 1e-9)
    assert np.array_equal(weights["y.factor_half"], factor.astype(np.float32).astype(np.float16))
    shift = (numbers["bias"] - factor * numbers["mean"]).astype(np.float32).astype(np.float16)
    assert np.array_equal(weights["y.shift_half"], shift)
    assert not weights["y.mean_half"].any()
    assert (weights["y.variance_half"] == 1).all()


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        ([1e5, 1.0], r"reaches 1e\+05, half only 65504"),
        ([np.inf, 1.0], "reaches inf"),
        ([np.nan, 1.0], "reaches nan"),
        ([1e-7, -3e-8], "too near to zero"),
        ([1.0, 1e-8], None),
        ([0.0, 0.0], None),
        ([65504.0, -6.2e-5], None),
    ],
)
def test_what_half_cannot_hold(weights: Sequence[float], reason: str | None) -> None:
    array = np.array(weights, np.float32)
    found = loss_of(array)
    assert (found is None) == (reason is None)
    graph = _graph([helper.make_node("Conv", ["x", "w"], ["y"])], {"w": np.resize(array, (2, 3, 1, 1))}, ["y"])
    half = to_half(graph)
    if reason is not None:
        assert re.search(reason, str(found))
        assert list(half.kept) == ["w"]
        assert [node.op_type for node in half.model.graph.node] == ["Cast", "Conv", "Cast"]
    else:
        assert not half.kept
        assert [node.op_type for node in half.model.graph.node] == ["Conv"]


def test_rejects_an_unknown_island() -> None:
    graph = _graph([helper.make_node("Relu", ["x"], ["y"])], {}, ["y"])
    with pytest.raises(ModelError, match=r"no node gives heads, z; export the model again"):
        to_half(graph, ["z", "heads", "y"])


def _operators(model: onnx.ModelProto) -> set[str]:
    return {node.op_type for node in model.graph.node}


def _graph(
    nodes: Sequence[onnx.NodeProto], weights: dict[str, NDArray[np.float32]], outputs: Sequence[str]
) -> onnx.ModelProto:
    """A graph with the input x (1, 3, 4, 4)."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 4, 4])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, None, 4, 4]) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
