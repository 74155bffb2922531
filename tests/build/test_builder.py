"""Real engines, built by TensorRT-RTX for GPUs of other machines; TensorRT 8.6 is a fake."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnx
import pytest

from fomm_build import builder
from fomm_build.builder import BuildTarget, build_engine
from fomm_build.engine_layers import CASTS, convolutions, stray_casts
from fomm_build.half_graph import FLOAT, HALF
from fomm_build.precision import FLOAT32_TRUNKS, FP16, FP32, trunks_in
from fomm_build.trunks import cut_trunks
from fomm_rt.backends.gpu.frame_pipeline import FLOAT32
from fomm_rt.backends.tensorrt.library import TensorRT
from fomm_rt.bundled import open_bundled_model
from fomm_rt.errors import EngineError
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.frame_shape import FrameShape

ModelOf = Callable[[str], ModelFolder]

TARGETS = ("sm_80", "sm_86", "sm_89", "sm_120")


def test_every_trunk_for_every_target(rtx: TensorRT, golden_model: ModelOf, tmp_path: Path) -> None:
    _check_trunks(rtx, golden_model("small"), tmp_path, [(target,) for target in TARGETS])


def test_every_trunk_of_the_bundled_model(rtx: TensorRT, tmp_path: Path) -> None:
    _check_trunks(rtx, open_bundled_model(), tmp_path, [*((target,) for target in TARGETS), TARGETS])


def _check_trunks(rtx: TensorRT, model: ModelFolder, cache: Path, targets: list[tuple[str, ...]]) -> None:
    shape = FrameShape.of(model.manifest)
    sizes = shape.tensor_shapes(1)
    for name, graph in trunks_in(FP16, cut_trunks(model)).items():
        expected = sum(node.op_type in ("Conv", "ConvTranspose") for node in graph.model.graph.node)
        for target in targets:
            fractions: list[float] = []
            engine = build_engine(rtx, name, graph.model, 1, BuildTarget(target, None, cache), fractions.append)
            assert fractions == sorted(fractions)
            assert fractions[-1] == 1
            inputs, outputs = shape.trunk_tensors(name)
            assert tuple(tensor.name for tensor in engine.inputs) == inputs
            assert tuple(tensor.name for tensor in engine.outputs) == outputs
            for tensor in (*engine.inputs, *engine.outputs):
                half = tensor.name not in FLOAT32
                assert tensor.dtype == ("float16" if half else "float32")
                assert tensor.shape == sizes[tensor.name]
                assert tensor.format == ("hwc8" if half and sizes[tensor.name][1] >= 8 else "linear")
            float32 = name in FLOAT32_TRUNKS
            counts = (0, expected) if float32 else (expected, 0)
            assert convolutions(engine.network) == counts, "as parsed"
            assert convolutions(engine.layers) == counts, "as built"
            assert not [kind for layer in engine.network for _, kind in _cast_inputs(layer) if kind.startswith("float")]
            types = {kind for layer in engine.layers for _, kind in (*layer.inputs, *layer.outputs)}
            assert types == {"float32" if float32 else "float16"}, "no layer casts"


def _cast_inputs(layer: Any) -> tuple[tuple[str, str], ...]:
    inputs: tuple[tuple[str, str], ...] = layer.inputs if layer.kind in CASTS else ()
    return inputs


@pytest.mark.parametrize("precision", [FP16, FP32])
def test_a_free_batch(rtx: TensorRT, golden_model: ModelOf, tmp_path: Path, precision: str) -> None:
    graph = trunks_in(precision, cut_trunks(golden_model("small")))["generator"]
    engine = build_engine(rtx, "generator", graph.model, 4, BuildTarget(("sm_89",), None, tmp_path), lambda _: None)
    assert [tensor.shape[0] for tensor in (*engine.inputs, *engine.outputs)] == ["batch", "batch"]
    assert not stray_casts(engine.network)
    half, full = convolutions(engine.layers)
    assert (half == 0) if precision == FP32 else (full == 0)


def test_a_graph_that_tensorrt_rejects(rtx: TensorRT, tmp_path: Path) -> None:
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Nonsense", ["x"], ["y"], domain="nobody")],
        "graph",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3, 8, 8])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 3, 8, 8])],
    )
    opsets = [onnx.helper.make_opsetid("", 18), onnx.helper.make_opsetid("nobody", 1)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10)
    with pytest.raises(EngineError, match=r"^warp: TensorRT-RTX [\d.]+ rejects this graph: .*Nonsense.*Export"):
        build_engine(rtx, "warp", model, 1, BuildTarget(("sm_89",), None, tmp_path), lambda _: None)


def test_an_engine_that_cannot_be_built(rtx: TensorRT, golden_model: ModelOf, tmp_path: Path) -> None:
    graph = trunks_in(FP16, cut_trunks(golden_model("small")))["generator"]
    of_a_gpu_at_hand = BuildTarget(("current",), None, tmp_path)
    with pytest.raises(EngineError, match=r"^generator: TensorRT-RTX [\d.]+ could not build the engine: .*CUDA"):
        build_engine(rtx, "generator", graph.model, 1, of_a_gpu_at_hand, lambda _: None)


def test_an_exception_in_the_report_stops_the_build(rtx: TensorRT, golden_model: ModelOf, tmp_path: Path) -> None:
    graph = trunks_in(FP16, cut_trunks(golden_model("small")))["generator"]
    calls: list[float] = []

    def report(fraction: float) -> None:
        calls.append(fraction)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_engine(rtx, "generator", graph.model, 1, BuildTarget(("sm_89",), None, tmp_path), report)
    assert len(calls) == 1, "no step after it"


class _Kind(Enum):
    CONSTANT = 1
    CAST = 2
    CONVOLUTION = 3


class _Layer86:
    """A fake layer of TensorRT 8.6 that keeps what it is told; its tensors always claim to be float."""

    def __init__(self, kind: _Kind, taken: str, *given: str, dtype: str = "float") -> None:
        self.type = kind
        self.inputs = [SimpleNamespace(name=taken, dtype="float")]
        self.outputs = [SimpleNamespace(name=name, dtype=dtype) for name in given]
        self.num_inputs, self.num_outputs = 1, len(given)
        self.precision: str | None = None
        self.output_types: dict[int, str] = {}

    def get_input(self, index: int) -> Any:
        return self.inputs[index]

    def get_output(self, index: int) -> Any:
        return self.outputs[index]

    def set_output_type(self, index: int, dtype: str) -> None:
        self.output_types[index] = dtype


def test_tensorrt_8_6_keeps_the_types_of_the_graph() -> None:
    flags: list[str] = []
    trt = SimpleNamespace(
        BuilderFlag=SimpleNamespace(FP16="fp16", OBEY_PRECISION_CONSTRAINTS="obey"),
        LayerType=_Kind,
        float16="half",
        float32="float",
    )
    layers = [
        _Layer86(_Kind.CONVOLUTION, "x", "half 1"),
        _Layer86(_Kind.CONVOLUTION, "half 1", "float 1", "float 2"),
        _Layer86(_Kind.CAST, "float 1", "half 2"),
        _Layer86(_Kind.CONSTANT, "x", "weights"),
        _Layer86(_Kind.CONVOLUTION, "x", "shape", dtype="int32"),
        _Layer86(_Kind.CONVOLUTION, "half 2", "added by the parser"),
        _Layer86(_Kind.CONVOLUTION, "added by the parser", "and another"),
        _Layer86(_Kind.CONVOLUTION, "nobody's", "unknown"),
    ]
    types = {"half 1": HALF, "half 2": HALF, "float 1": FLOAT, "float 2": FLOAT, "x": FLOAT, "weights": HALF}
    network = SimpleNamespace(num_layers=len(layers), get_layer=layers.__getitem__)
    builder._constrain_types(trt, network, SimpleNamespace(set_flag=flags.append), types)
    assert flags == ["fp16", "obey"]
    assert [layer.precision for layer in layers] == ["half", "float", None, None, None, "half", "half", None]
    assert [layer.output_types for layer in layers] == [
        {0: "half"},
        {0: "float", 1: "float"},
        {0: "half"},
        {},
        {},
        {0: "half"},
        {0: "half"},
        {},
    ]
    flags.clear()
    builder._constrain_types(trt, network, SimpleNamespace(set_flag=flags.append), {"x": FLOAT})
    assert flags == ["obey"], "nothing is half in it"
