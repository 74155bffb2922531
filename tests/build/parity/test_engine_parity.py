"""Engine parity on fake engines: good ones pass, and the error names the broken layer of others."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import onnx
import pytest

from fakes.half_engines import FakeHalfEngines, spoilt
from fomm_build.half_graph import HalfGraph
from fomm_build.parity.engine_parity import animate_by_backend, animate_by_graphs, check_engines
from fomm_build.precision import FP16, FP32, trunks_in
from fomm_build.trunks import cut_trunks
from fomm_build.whole_graphs import portable_graphs, whole_graphs
from fomm_rt import Animator
from fomm_rt.bundled import open_bundled_model
from fomm_rt.errors import EngineError
from fomm_rt.model.folder import ModelFolder

ModelOf = Callable[[str], ModelFolder]


@pytest.mark.parametrize("precision", [FP16, FP32])
def test_good_engines_pass(golden_model: ModelOf, precision: str) -> None:
    model = golden_model("small")
    trunks = cut_trunks(model)
    engines = FakeHalfEngines(trunks_in(precision, trunks))
    with Animator.load(model.path, "onnxruntime-cpu") as animator:
        animate = animate_by_backend(animator._backend, model.manifest.size)
        measured = check_engines(model, trunks, engines, animate, precision)
    assert json.loads(json.dumps(measured)) == measured
    assert measured["keypoints_pixels"] <= 0.001
    assert measured["prediction_psnr_db"] >= 55, "predictions are rounded to levels"
    assert set(measured["engines"]) == set(trunks)
    assert all(0 <= share < 0.2 for shares in measured["engines"].values() for share in shares.values())


@pytest.mark.parametrize(
    ("engine", "weight", "layer"),
    [
        ("generator", "generator.up_blocks.0.conv.weight_half", "node_convolution"),
        ("keypoint_detector", "detector.predictor.decoder.up_blocks.2.conv.weight", "node_convolution_2"),
        ("dense_motion", "network.hourglass.encoder.down_blocks.2.conv.weight_half", "node_conv2d_2"),
    ],
)
def test_the_error_names_the_broken_layer(engine: str, weight: str, layer: str) -> None:
    model = open_bundled_model()
    trunks = cut_trunks(model)
    graphs = trunks_in(FP16, trunks)
    graphs[engine] = spoilt(graphs[engine], weight, 1.5)
    with pytest.raises(EngineError, match=rf"worst engine is {engine}: .*the layer {layer} \(.* loses most: .*fp32"):
        check_engines(model, trunks, FakeHalfEngines(graphs), _exactly(model), FP16)


def test_nan_is_the_worst_error(golden_model: ModelOf) -> None:
    model = golden_model("small")
    trunks = cut_trunks(model)
    graphs = trunks_in(FP16, trunks)
    graphs["generator"] = spoilt(graphs["generator"], _last_bias(graphs["generator"].model), float("nan"))
    with pytest.raises(EngineError, match=r"worst engine is generator: the prediction has nan dB"):
        check_engines(model, trunks, FakeHalfEngines(graphs), _exactly(model), FP16)


def test_wrong_frames_from_correct_engines(golden_model: ModelOf) -> None:
    model = golden_model("small")
    trunks = cut_trunks(model)
    black = np.zeros((model.manifest.size, model.manifest.size, 3), np.uint8)
    exact = _exactly(model)
    with pytest.raises(EngineError, match=r"prediction \d+\.\d dB .*Each engine alone is within"):
        check_engines(
            model,
            trunks,
            FakeHalfEngines(trunks_in(FP16, trunks)),
            lambda source, driving: [(keypoints, black) for keypoints, _ in exact(source, driving)],
            FP16,
        )


def _exactly(model: ModelFolder):  # type: ignore[no-untyped-def]
    exact = portable_graphs(model)
    return animate_by_graphs(FakeHalfEngines(whole_graphs(model, cut_trunks(model), FP32, with_plugin=False)), exact)


def _last_bias(model: onnx.ModelProto) -> str:
    return str([node for node in model.graph.node if node.op_type == "Conv"][-1].input[2])


def test_graphs_are_not_changed(golden_model: ModelOf) -> None:
    graph = HalfGraph(cut_trunks(golden_model("small"))["generator"], {})
    before = graph.model.SerializeToString()
    FakeHalfEngines({"generator": graph}).inner("generator", ["relu"], {"masked_features": _zeros(graph.model)})
    assert graph.model.SerializeToString() == before


def _zeros(model: onnx.ModelProto) -> np.ndarray:
    sizes = [size.dim_value or 1 for size in model.graph.input[0].type.tensor_type.shape.dim]
    return np.zeros(sizes, np.float32)
