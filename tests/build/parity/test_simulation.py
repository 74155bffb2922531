"""Simulated half precision rounds where an engine rounds, and is accurate enough for a frame."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from fomm_build.half_graph import to_half
from fomm_build.parity.host_pipeline import host_pipeline
from fomm_build.parity.simulation import simulated
from fomm_build.precision import FP16, trunks_in
from fomm_build.trunks import cut_trunks
from fomm_rt.backends.gpu.frame_pipeline import transfer_rows
from fomm_rt.framing import Region
from fomm_rt.machine.onnx_runtime import onnxruntime
from fomm_rt.model.folder import ModelFolder
from fomm_rt.motion.transfer import ABSOLUTE
from golden_files import SMALL, Golden, max_abs

ModelOf = Callable[[str], ModelFolder]

KEYPOINT_PIXELS = 0.05
PSNR_DB = 40


def test_rounds_inputs_weights_and_inner_tensors() -> None:
    rng = np.random.default_rng(1)
    first, second = (rng.normal(size=(4, 4, 3, 3)).astype(np.float32) for _ in range(2))
    x = rng.normal(size=(1, 4, 8, 8)).astype(np.float32)
    found = _run(simulated(to_half(_two_convolutions(first, second)).model), x)
    between = _half(torch.conv2d(_half(x), _half(first)))
    expected = _half(torch.conv2d(between, _half(second))).numpy()
    # Sums in another order may round differently.
    assert np.abs(found - expected).max() <= 2e-3 * np.abs(expected).max()
    exact = torch.conv2d(torch.conv2d(torch.tensor(x), torch.tensor(first)), torch.tensor(second)).numpy()
    assert np.abs(found - exact).max() > 1e-4


def test_islands_are_float32_without_tf32() -> None:
    rng = np.random.default_rng(2)
    first, second = (rng.normal(size=(4, 4, 3, 3)).astype(np.float32) for _ in range(2))
    x = rng.normal(size=(1, 4, 8, 8)).astype(np.float32)
    island = to_half(_two_convolutions(first, second), ["between", "y"], ["x", "y"]).model
    exact = torch.conv2d(torch.conv2d(torch.tensor(x), torch.tensor(first)), torch.tensor(second)).numpy()
    assert np.abs(_run(simulated(island), x) - exact).max() <= 1e-5 * np.abs(exact).max()
    assert np.abs(_run(simulated(island, tf32=True), x) - exact).max() > 1e-4 * np.abs(exact).max()


@pytest.mark.parametrize("name", SMALL)
def test_a_frame_in_half_precision(golden_model: ModelOf, name: str) -> None:
    golden = Golden(name)
    model = golden_model(name)
    graphs = trunks_in(FP16, cut_trunks(model))
    trunks = {trunk: simulated(graph.model) for trunk, graph in graphs.items()}
    chain, exact = host_pipeline(model, np.float16, trunks=trunks), host_pipeline(model)
    square = Region.square(golden.meta["size"])
    for index, driving in enumerate(golden.driving):
        predictions = []
        for frame in (chain, exact):
            source = frame.prepare_source(golden.source[None], square)
            frame.detect(driving[None], square)
            frame.animate(source, transfer_rows(ABSOLUTE, frame.shape.num_kp))
            predictions.append(frame.tensors["prediction"].astype(np.float64))
        moved = max_abs(chain.keypoints[..., :2], exact.keypoints[..., :2]) * (golden.meta["size"] - 1) / 2
        assert moved <= KEYPOINT_PIXELS, index
        error = np.square(predictions[0] - predictions[1]).mean()
        assert -10 * np.log10(error) >= PSNR_DB, index


def _half(array: np.ndarray | torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(array).half().float()


def _two_convolutions(*weights: np.ndarray) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "first"], ["between"]), helper.make_node("Conv", ["between", "second"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 4, 4])],
        [numpy_helper.from_array(array, name) for name, array in zip(("first", "second"), weights, strict=True)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def _run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {"x": x})[0]
    return found
