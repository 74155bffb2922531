"""Complete graphs: they build, are half inside and float32 outside, and reproduce the model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from fakes.half_engines import FakeHalfEngines
from fomm_build.builder import BuildTarget, build_engine
from fomm_build.engine_layers import convolutions, stray_casts
from fomm_build.half_graph import FLOAT, HALF, float_types
from fomm_build.parity.engine_parity import animate_by_graphs, check_engines
from fomm_build.precision import FP16, FP32
from fomm_build.trunks import cut_trunks
from fomm_build.whole_graphs import portable_graphs, replace_grid_sample, whole_graphs
from fomm_kernels import plugin
from fomm_rt.backends.tensorrt.library import TensorRT
from fomm_rt.errors import ModelError
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.manifest import NETWORKS
from golden_files import SMALL

ModelOf = Callable[[str], ModelFolder]


@pytest.mark.parametrize("max_batch", [1, 4])
@pytest.mark.parametrize("precision", [FP16, FP32])
def test_engines_build(rtx: TensorRT, golden_model: ModelOf, tmp_path: Path, precision: str, max_batch: int) -> None:
    model = golden_model("small")
    trunks = cut_trunks(model)
    graphs = whole_graphs(model, trunks, precision, with_plugin=False)
    assert tuple(graphs) == NETWORKS
    for name, graph in graphs.items():
        engine = build_engine(
            rtx, name, graph.model, max_batch, BuildTarget(("sm_89",), None, tmp_path), lambda _: None
        )
        network = model.manifest.networks[name]
        assert [tensor.name for tensor in engine.inputs] == [spec.name for spec in network.inputs]
        assert [tensor.name for tensor in engine.outputs] == [spec.name for spec in network.outputs]
        assert {(tensor.dtype, tensor.format) for tensor in (*engine.inputs, *engine.outputs)} == {
            ("float32", "linear")
        }
        half, full = convolutions(engine.layers)
        if precision == FP32 or name == "keypoint_detector":
            assert half == 0
        else:
            profiles = min(max_batch, 2)
            # A blur beside the encoder makes the quarter, which is geometry.
            assert full == (profiles if name == "source_encoder" else 0)
            assert half == profiles * sum("Conv" in node.op_type for node in trunks[name].graph.node)
        assert not stray_casts(engine.network)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("precision", [FP16, FP32])
def test_whole_graphs_reproduce_the_model(golden_model: ModelOf, name: str, precision: str) -> None:
    model = golden_model(name)
    exact = portable_graphs(model)
    engines = FakeHalfEngines(whole_graphs(model, cut_trunks(model), precision, with_plugin=False))
    measured = check_engines(model, exact, engines, animate_by_graphs(engines, exact), precision)
    assert measured["prediction_psnr_db"] >= (60 if precision == FP16 else 100)


@pytest.mark.parametrize("name", ["small", "small_aligned", "small_no_occlusion"])
def test_graphs_with_the_plugin(golden_model: ModelOf, name: str) -> None:
    model = golden_model(name)
    graphs = whole_graphs(model, cut_trunks(model), FP16, with_plugin=True)
    generator = graphs["generator"].model
    kinds = float_types(generator)
    (node,) = [node for node in generator.graph.node if node.op_type == plugin.NAME]
    attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    assert node.domain == plugin.NAMESPACE
    assert attributes["align_corners"] == int(model.manifest.align_corners)
    assert [kinds[tensor] for tensor in (*node.input, *node.output)] == [HALF, FLOAT, HALF]
    assert kinds["source_features"] == HALF
    assert kinds["deformation"] == FLOAT
    encoder = graphs["source_encoder"].model
    given = {output.name: float_types(encoder)[output.name] for output in encoder.graph.output}
    assert given == {"source_features": HALF, "source_quarter": FLOAT}
    casts = {(cast.input[0], kinds[cast.output[0]]) for cast in generator.graph.node if cast.op_type == "Cast"}
    occlusion = {("occlusion_map", HALF)} if "occlusion_map" in kinds else set()
    assert casts == occlusion | {("prediction_half", FLOAT)}
    assert any(opset.domain == plugin.NAMESPACE and opset.version == 1 for opset in generator.opset_import)
    assert not [node for node in graphs["dense_motion"].model.graph.node if node.op_type == plugin.NAME]


@pytest.mark.parametrize("precision", [FP16, FP32])
def test_a_model_with_blend_mask_builds(
    rtx: TensorRT, blending_model: ModelFolder, tmp_path: Path, precision: str
) -> None:
    """The source is sampled, and blended, in float32."""
    graphs = whole_graphs(blending_model, cut_trunks(blending_model), precision, with_plugin=False)
    for name in ("source_encoder", "generator"):
        engine = build_engine(rtx, name, graphs[name].model, 1, BuildTarget(("sm_89",), None, tmp_path), lambda _: None)
        network = blending_model.manifest.networks[name]
        assert [tensor.name for tensor in engine.inputs] == [spec.name for spec in network.inputs]
        assert [tensor.name for tensor in engine.outputs] == [spec.name for spec in network.outputs]
        assert {(tensor.dtype, tensor.format) for tensor in (*engine.inputs, *engine.outputs)} == {
            ("float32", "linear")
        }
        assert not stray_casts(engine.network)


@pytest.mark.parametrize("precision", [FP16, FP32])
def test_a_model_with_blend_mask_is_reproduced(blending_model: ModelFolder, precision: str) -> None:
    exact = portable_graphs(blending_model)
    graphs = whole_graphs(blending_model, cut_trunks(blending_model), precision, with_plugin=False)
    engines = FakeHalfEngines(graphs)
    measured = check_engines(blending_model, exact, engines, animate_by_graphs(engines, exact), precision)
    assert measured["prediction_psnr_db"] >= (50 if precision == FP16 else 100)
    assert "blend_mask" in measured["engines"]["generator"]


def test_the_plugin_samples_features_only(blending_model: ModelFolder) -> None:
    graphs = whole_graphs(blending_model, cut_trunks(blending_model), FP16, with_plugin=True)
    generator = graphs["generator"].model
    kinds = float_types(generator)
    (sample,) = [node for node in generator.graph.node if node.op_type == "GridSample"]
    assert sample.input[0] == "source_pixels"
    assert [kinds[tensor] for tensor in (*sample.input, *sample.output)] == [FLOAT] * 3
    assert [node.output[0] for node in generator.graph.node if node.op_type == plugin.NAME] == ["warped_features"]


def test_a_generator_without_warp() -> None:
    with pytest.raises(ModelError, match="no GridSample gives warped_features; export the model again"):
        replace_grid_sample(onnx.ModelProto())
