"""Trunks as PyTorch modules, against ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper

from fomm_bench.kernel_path.torch_graph import TorchGraph
from fomm_build.parity.host_pipeline import OnnxTrunks
from fomm_build.precision import FP16, trunks_in
from fomm_build.trunks import cut_trunks
from fomm_rt.backends.gpu.frame_pipeline import FLOAT32
from fomm_rt.errors import ModelError
from fomm_rt.model.folder import open_model_folder
from fomm_rt.model.frame_shape import TRUNKS, FrameShape


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("batch", [1, 3])
def test_agrees_with_onnx_runtime(small_model: Path, half: bool, batch: int) -> None:
    model = open_model_folder(small_model)
    trunks = cut_trunks(model)
    halves = trunks_in(FP16, trunks)
    shape, exact = FrameShape.of(model.manifest), OnnxTrunks(trunks)
    rng = np.random.default_rng(0)
    for name in TRUNKS:
        inputs, outputs = shape.trunk_tensors(name)
        sizes = shape.tensor_shapes(batch)
        given = {
            tensor: rng.normal(0, 1, sizes[tensor]).astype(np.float16 if half and tensor not in FLOAT32 else np.float32)
            for tensor in inputs
        }
        expected = {tensor: np.empty(sizes[tensor], np.float32) for tensor in outputs}
        exact.run(name, given, expected)
        graph = TorchGraph(halves[name].model if half else trunks[name])
        with torch.inference_mode():
            found = graph(*map(torch.from_numpy, given.values()))
        for tensor, result in zip(outputs, found, strict=True):
            assert result.dtype == (torch.float16 if half and tensor not in FLOAT32 else torch.float32)
            error = result.float().numpy() - expected[tensor]
            size = np.sqrt(np.square(expected[tensor]).mean())
            assert np.sqrt(np.square(error).mean()) <= (1e-2 if half else 1e-5) * size, tensor


def test_refuses_other_operators() -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])
    graph = helper.make_graph([helper.make_node("Softmax", ["x"], ["y"])], "a trunk", [value], [out])
    with pytest.raises(ModelError, match="a trunk: expected the operators of a trunk; got Softmax"):
        TorchGraph(helper.make_model(graph))
