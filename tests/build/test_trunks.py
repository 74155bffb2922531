"""Trunks: cut at the named tensors, convolutions only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from fomm_build.trunks import GEOMETRY, cut, cut_trunks
from fomm_rt.errors import ModelError
from fomm_rt.machine.onnx_runtime import onnxruntime
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.frame_shape import TRUNKS, FrameShape
from golden_files import SMALL

ModelOf = Callable[[str], ModelFolder]


@pytest.mark.parametrize("name", SMALL)
def test_trunks_have_the_tensors_of_the_frame_shape(golden_model: ModelOf, name: str) -> None:
    model = golden_model(name)
    shape = FrameShape.of(model.manifest)
    trunks = cut_trunks(model)
    assert tuple(trunks) == TRUNKS
    rng = np.random.default_rng(0)
    for trunk, cut_model in trunks.items():
        onnx.checker.check_model(cut_model, full_check=True)
        inputs, outputs = shape.trunk_tensors(trunk)
        session = onnxruntime.InferenceSession(cut_model.SerializeToString())
        assert [tensor.name for tensor in session.get_inputs()] == list(inputs)
        assert [tensor.name for tensor in session.get_outputs()] == list(outputs)
        for batch in (1, 3):
            shapes = shape.tensor_shapes(batch)
            given = {name: rng.random(shapes[name], np.float32) for name in inputs}
            found = session.run(None, given)
            assert [array.shape for array in found] == [shapes[name] for name in outputs]


def test_a_generator_with_blend_mask_ends_at_what_it_decodes(blending_model: ModelFolder) -> None:
    shape = FrameShape.of(blending_model.manifest)
    generator = cut_trunks(blending_model)["generator"]
    session = onnxruntime.InferenceSession(generator.SerializeToString())
    features = np.random.default_rng(0).random(shape.tensor_shapes(2)["masked_features"], np.float32)
    (decoded,) = session.run(["decoded"], {"masked_features": features})
    assert decoded.shape == shape.tensor_shapes(2)["decoded"] == (2, 4, 64, 64)
    assert generator.graph.node[-1].op_type == "Sigmoid"
    final = [node for node in generator.graph.node if node.op_type == "Conv"][-1]
    weights = {tensor.name: tuple(tensor.dims) for tensor in generator.graph.initializer}
    assert weights[final.input[1]][0] == 4, "one convolution gives colours and mask"
    assert not {node.op_type for node in generator.graph.node} & GEOMETRY


@pytest.mark.parametrize("name", SMALL)
def test_trunks_contain_convolutions_and_no_geometry(golden_model: ModelOf, name: str) -> None:
    for trunk in cut_trunks(golden_model(name)).values():
        operators = {node.op_type for node in trunk.graph.node}
        assert "Conv" in operators
        assert not operators & GEOMETRY


def test_rejects_a_trunk_with_geometry(golden_model: ModelOf) -> None:
    path = golden_model("small").network_path("dense_motion")
    with pytest.raises(ModelError, match=r"Softmax.* lies between motion_hourglass_input and mask.*export"):
        cut(path.read_bytes(), str(path), ["motion_hourglass_input"], ["mask"])


def test_rejects_a_graph_without_the_named_tensors(golden_model: ModelOf, tmp_path: Path) -> None:
    path = tmp_path / "dense_motion.onnx"
    model = onnx.load_model(str(golden_model("small").network_path("dense_motion")))
    del model.graph.value_info[:]
    onnx.save_model(model, str(path))
    with pytest.raises(ModelError, match=r"has no tensor motion_hourglass_input.*export the model again"):
        cut(path.read_bytes(), str(path), ["motion_hourglass_input"], ["mask_logits"])
